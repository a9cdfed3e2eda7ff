#include <stdlib.h>

#include "detectors/engine.h"
#include "detectors/path.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* --- compiling: who reads what --- */

static bool has_part(const struct cw_path *path)
{
    return path->scope == CW_PATH_PARTY || path->scope == CW_PATH_OBJECT;
}

static bool same_path(const struct cw_path *a, const struct cw_path *b)
{
    return a == b || (a->scope == b->scope && a->what == b->what && a->type == b->type &&
                      a->field == b->field && cw_str_eq(a->role, b->role) &&
                      cw_str_eq(a->id_kind, b->id_kind));
}

static bool same_side(const struct cw_side *a, const struct cw_side *b)
{
    if (a->path_count != b->path_count || !cw_str_eq(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->path_count; i++) {
        if (!same_path(a->paths[i], b->paths[i]))
            return false;
    }
    return true;
}

static uint32_t side_for(struct cw_detect *detect, struct cw_side side)
{
    for (uint32_t i = 0; i < detect->side_count; i++) {
        if (same_side(&detect->sides[i], &side))
            return i;
    }
    detect->sides = cw_realloc(detect->sides, (detect->side_count + 1) * sizeof(*detect->sides));
    detect->sides[detect->side_count] = side;
    return (uint32_t)detect->side_count++;
}

/* Whether all selections of the rule read the same. */
static bool is_uniform(const struct cw_rule *rule, const struct cw_lookup *lookup)
{
    for (size_t s = 1; s < rule->selection_count; s++) {
        const struct cw_path *a = lookup->paths[0], *b = lookup->paths[s];
        if ((a == NULL) != (b == NULL) || (a != NULL && !same_path(a, b)))
            return false;
    }
    return true;
}

static bool needs_sets(const struct cw_rule *rule)
{
    bool uniform = true;
    for (size_t i = 0; i < rule->group_by_count; i++)
        uniform &= is_uniform(rule, &rule->group_by[i]);
    for (size_t i = 0; i < rule->criterion_count; i++)
        uniform &= rule->criteria[i].field == NULL || is_uniform(rule, rule->criteria[i].field);
    return !uniform;
}

static struct cw_reach place_of(struct cw_detect *detect, const struct cw_plan *plan,
                                const struct cw_lookup *lookup)
{
    uint32_t *sides = cw_arena_alloc(detect->compiled, plan->set_count * sizeof(*sides));
    for (size_t set = 0; set < plan->set_count; set++) {
        struct cw_side side = { &lookup->paths[set], 1, lookup->text };
        sides[set] = lookup->paths[set] != NULL ? side_for(detect, side) : (uint32_t)CW_NO_SIDE;
    }
    return (struct cw_reach){ sides };
}

/* group-by names the sighting's side; a notice is reached by its parties and objects with role
 * subject, by whichever of the alias's paths. */
static struct cw_reach place_of_subject(struct cw_detect *detect, const struct cw_rule *rule,
                                        const struct cw_lookup *lookup)
{
    size_t room = 2 * rule->selection_count, count = 0;
    const struct cw_path **paths = cw_arena_alloc(detect->compiled, room * sizeof(*paths));
    for (size_t s = 0; s < rule->selection_count; s++) {
        const struct cw_path *path = lookup->paths[s];
        for (int scope = 0; path != NULL && scope < 2; scope++) {
            struct cw_path *copy = cw_arena_alloc(detect->compiled, sizeof(*copy));
            *copy = *path;
            if (has_part(path)) {
                copy->scope = scope == 0 ? CW_PATH_PARTY : CW_PATH_OBJECT;
                copy->role = cw_cstr("subject");
            }
            bool known = false;
            for (size_t i = 0; i < count; i++)
                known |= same_path(paths[i], copy);
            if (!known)
                paths[count++] = copy;
        }
    }
    uint32_t *side = cw_arena_alloc(detect->compiled, sizeof(*side));
    *side = side_for(detect, (struct cw_side){ paths, count, lookup->text });
    return (struct cw_reach){ side };
}

/* Sums over one path share a column, whatever rule they are of. */
static uint32_t column_for(struct cw_detect *detect, const struct cw_rule *rule,
                           const struct cw_lookup *lookup)
{
    bool uniform = is_uniform(rule, lookup);
    for (size_t r = 0; uniform && r < rule->number; r++) {
        const struct cw_rule *other = &detect->rules->rules[r];
        const struct cw_plan *plan = &detect->plans[r];
        for (size_t i = 0; i < other->criterion_count; i++) {
            const struct cw_criterion *criterion = &other->criteria[i];
            if (criterion->measure == CW_MEASURE_SUM && is_uniform(other, criterion->field) &&
                criterion->field->paths[0] != NULL && lookup->paths[0] != NULL &&
                same_path(criterion->field->paths[0], lookup->paths[0]))
                return plan->sums[plan->index[i]].column;
        }
    }
    return (uint32_t)detect->column_count++;
}

static void plan_criteria(struct cw_detect *detect, const struct cw_rule *rule,
                          struct cw_plan *plan)
{
    size_t count = rule->criterion_count;
    uint32_t *index = cw_arena_alloc(detect->compiled, count * sizeof(*index));
    plan->index = index;
    plan->fields = cw_arena_alloc(detect->compiled, count * sizeof(*plan->fields));
    plan->sums = cw_arena_alloc(detect->compiled, count * sizeof(*plan->sums));
    for (size_t i = 0; i < count; i++) {
        const struct cw_criterion *criterion = &rule->criteria[i];
        int64_t least = cw_time_add(criterion->threshold, criterion->above);
        switch (criterion->measure) {
        case CW_MEASURE_VALUES:
            index[i] = (uint32_t)plan->field_count;
            plan->fields[plan->field_count++] = place_of(detect, plan, criterion->field);
            break;
        case CW_MEASURE_SUM:
            index[i] = (uint32_t)plan->sum_count;
            plan->sums[plan->sum_count++] =
                (struct cw_sum){ criterion->field->paths,
                                 column_for(detect, rule, criterion->field) };
            least = 0;
            break;
        case CW_MEASURE_COUNTRIES:
            plan->countries = true;
            least = 0;
            break;
        case CW_MEASURE_EVENTS:
        default:
            break;
        }
        if (least > 0 && (uint64_t)least > plan->least_entries)
            plan->least_entries = (uint64_t)least;
    }
    CW_CHECK(plan->field_count <= CW_ENTRY_FIELD);
}

static uint32_t asked_for(struct cw_detect *detect, const struct cw_selection *selection)
{
    for (uint32_t i = 0; i < detect->asked_count; i++) {
        if (detect->asked[i].selection == selection)
            return i;
    }
    detect->asked = cw_realloc(detect->asked, (detect->asked_count + 1) * sizeof(*detect->asked));
    detect->asked[detect->asked_count] = (struct cw_asked){ .selection = selection };
    return (uint32_t)detect->asked_count++;
}

static const uint32_t *ask(struct cw_detect *detect, const struct cw_selection *const *selections,
                           size_t count)
{
    uint32_t *asked = cw_arena_alloc(detect->compiled, count * sizeof(*asked));
    for (size_t i = 0; i < count; i++)
        asked[i] = asked_for(detect, selections[i]);
    return asked;
}

static void plan_rule(struct cw_detect *detect, const struct cw_rule *rule, struct cw_plan *plan)
{
    plan->set_count = needs_sets(rule) ? rule->selection_count : 1;
    size_t size = rule->group_by_count * sizeof(struct cw_reach);
    plan->keys = cw_arena_alloc(detect->compiled, size);
    for (size_t i = 0; i < rule->group_by_count; i++)
        plan->keys[i] = place_of(detect, plan, &rule->group_by[i]);
    if (rule->type == CW_RULE_STANDING) {
        plan->notices = cw_arena_alloc(detect->compiled, size);
        for (size_t i = 0; i < rule->group_by_count; i++)
            plan->notices[i] = place_of_subject(detect, rule, &rule->group_by[i]);
    }
    plan->asked = ask(detect, rule->selections, rule->selection_count);
    plan->asked_on = ask(detect, rule->on, rule->on_count);
    plan_criteria(detect, rule, plan);
}

static void add_reader(struct cw_detect *detect, uint16_t type, const struct cw_rule *rule,
                       bool stands)
{
    CW_CHECK(type <= CW_TYPES_MAX);
    size_t count = detect->reader_count[type];
    for (size_t i = 0; i < count; i++) {
        if (detect->readers[type][i].rule == rule->number &&
            detect->readers[type][i].stands == stands)
            return;
    }
    detect->readers[type] =
        cw_realloc(detect->readers[type], (count + 1) * sizeof(*detect->readers[type]));
    detect->readers[type][count] = (struct cw_reader){ rule->number, stands };
    detect->reader_count[type]++;
}

static void max_into(size_t *most, size_t count)
{
    *most = count > *most ? count : *most;
}

void cw_engine_compile(struct cw_detect *detect)
{
    const struct cw_rules *rules = detect->rules;
    size_t sets = 1;
    detect->plans = cw_alloc(rules->count * sizeof(*detect->plans));
    for (size_t i = 0; i < rules->count; i++) {
        const struct cw_rule *rule = &rules->rules[i];
        struct cw_plan *plan = &detect->plans[i];
        CW_CHECK(rule->number == i && rule->cell_span > 0 && rule->cell_span >= rule->timespan);
        CW_CHECK(rule->type == CW_RULE_STANDING ? rule->lookback > 0 : rule->timespan > 0);
        CW_CHECK((rule->type == CW_RULE_STANDING) == (rule->criterion_count == 0));
        plan_rule(detect, rule, plan);
        max_into(&sets, rule->selection_count);
        max_into(&detect->fields_max, plan->field_count);
        max_into(&detect->sums_max, plan->sum_count);
        max_into(&detect->criteria_max, rule->criterion_count);
        for (size_t s = 0; s < rule->selection_count; s++)
            add_reader(detect, rule->selections[s]->type, rule, false);
        for (size_t s = 0; s < rule->on_count; s++)
            add_reader(detect, rule->on[s]->type, rule, true);
    }
    detect->found = cw_alloc(detect->side_count * sizeof(*detect->found));
    detect->sets = cw_alloc(sets * sizeof(*detect->sets));
    detect->counts = cw_alloc(detect->fields_max * sizeof(*detect->counts));
    detect->distinct = cw_alloc(detect->fields_max * sizeof(*detect->distinct));
    detect->sums = cw_alloc(detect->sums_max * sizeof(*detect->sums));
    detect->values = cw_alloc(detect->criteria_max * sizeof(*detect->values));
    detect->best = cw_alloc(detect->criteria_max * sizeof(*detect->best));
}

void cw_engine_compile_done(struct cw_detect *detect)
{
    for (size_t type = 0; type <= CW_TYPES_MAX; type++)
        free(detect->readers[type]);
    for (size_t i = 0; i < detect->rules->count; i++)
        cw_buf_done(&detect->plans[i].allowed);
    for (size_t i = 0; i < detect->fields_max; i++)
        free(detect->counts[i]);
    free(detect->plans);
    free(detect->sides);
    free(detect->asked);
    free(detect->found);
    free(detect->sets);
    free(detect->counts);
    free(detect->distinct);
    free(detect->sums);
    free(detect->values);
    free(detect->best);
}

bool cw_engine_allows(struct cw_detect *detect, const struct cw_rule *rule, uint32_t restriction)
{
    if (restriction == CW_RESTRICTION_NONE)
        return true;
    struct cw_buf *known = &detect->plans[rule->number].allowed;
    if (restriction >= known->len) {
        size_t more = restriction + 1 - known->len;
        memset(cw_buf_extend(known, more), 0, more);
    }
    uint8_t *answer = &known->data[restriction];
    if (*answer == 0)
        *answer = cw_restriction_allows(cw_restriction_at(detect->restrictions, restriction),
                                        rule->purposes, rule->purpose_count)
                      ? 1
                      : 2;
    return *answer == 1;
}

/* --- ids --- */

/*
 * One more id to a mix. What goes in are keyed hashes (and the number of a rule, first), which
 * nobody can choose, so multiplying by an odd constant modulo 2^128 and folding the high half down
 * keeps different lists apart as well as a hash would, in a few cycles.
 */
struct cw_id cw_engine_mix(struct cw_id so_far, struct cw_id next)
{
    __extension__ typedef unsigned __int128 u128;
    u128 a, b;
    memcpy(&a, so_far.b, sizeof(a));
    memcpy(&b, next.b, sizeof(b));
    const u128 odd = (u128)UINT64_C(0x9e3779b97f4a7c15) << 64 | UINT64_C(0xf39cc0605cedc835);
    a = (a ^ b) * odd;
    a ^= a >> 67;
    struct cw_id out;
    memcpy(out.b, &a, sizeof(a));
    return out;
}

static bool is_identifier(const struct cw_found *found)
{
    return found->kind.ptr != NULL;
}

static struct cw_id inner_id(struct cw_detect *detect, const struct cw_side *side,
                             const struct cw_found *found)
{
    if (is_identifier(found))
        return cw_id_key(detect->secret, found->kind, found->issuer, found->text);
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_enc_str(buf, cw_cstr("field"));
    cw_enc_str(buf, side->text);
    cw_enc_str(buf, found->text);
    return cw_id_inside(detect->secret, buf);
}

struct cw_id cw_engine_raw_id(const struct cw_detect *detect, const struct cw_candidate *one)
{
    const struct cw_found *found = one->found;
    return is_identifier(found) ? cw_id_raw(detect->secret, found->kind, found->issuer, found->text)
                                : cw_id_raw_field(detect->secret, one->place, found->text);
}

/* Cut between characters. */
cw_str cw_engine_text_form(struct cw_arena *arena, const struct cw_found *found)
{
    cw_str text = found->text;
    if (found->issuer.len != 0)
        text =
            cw_arena_printf(arena, "%.*s:%.*s", CW_STR_ARG(found->issuer), CW_STR_ARG(found->text));
    if (text.len > CW_KEY_TEXT_MAX) {
        text.len = CW_KEY_TEXT_MAX;
        while (text.len > 0 && ((uint8_t)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    return text;
}

/* --- what a side has in an event --- */

/* What link said of each part. */
static void read_links(struct cw_detect *detect, struct cw_sight *sight)
{
    size_t count;
    const struct cw_link_entry *links = cw_frame_links(sight->frame, &count);
    sight->has_links = true;
    sight->part_count = cw_event_part_count(sight->event);
    sight->links = cw_arena_alloc(detect->arena, sight->part_count * sizeof(*sight->links));
    for (size_t i = 0; i < count; i++) {
        uint32_t basis;
        if (!cw_engine_number(&detect->given_bases, links[i].basis, &basis))
            sight->unknown_basis = links[i].basis;
        else if (links[i].part < sight->part_count)
            sight->links[links[i].part] = &links[i];
    }
}

static int by_id_and_part(const void *left, const void *right)
{
    const struct cw_candidate *a = left, *b = right;
    int order = cw_id_cmp(a->id, b->id);
    return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

/* False: a part that link did not speak of is nobody. */
static bool take_record(struct cw_detect *detect, struct cw_sight *sight, struct cw_candidate *out)
{
    if (!sight->has_links)
        read_links(detect, sight);
    out->link = out->part < sight->part_count ? sight->links[out->part] : NULL;
    if (out->link == NULL)
        return false;
    out->id = out->link->record;
    out->weak = (out->link->flags & CW_KEY_WEAK) != 0;
    return true;
}

/* Sorted by id and then part, each id once: so what a limit cuts hangs on nothing else. */
static void sort_candidates(struct cw_candidates *all)
{
    if (all->count > 1) {
        qsort(all->of, all->count, sizeof(*all->of), by_id_and_part);
        size_t kept = 1;
        for (size_t i = 1; i < all->count; i++) {
            if (!cw_id_eq(all->of[i].id, all->of[kept - 1].id))
                all->of[kept++] = all->of[i];
        }
        all->count = kept;
    }
    all->strong = 0;
    for (size_t i = 0; i < all->count; i++)
        all->strong += !all->of[i].weak;
}

static const struct cw_candidates *candidates_of(struct cw_detect *detect, uint32_t number,
                                                 struct cw_sight *sight)
{
    struct cw_candidates *all = &detect->found[number];
    if (all->event == detect->serial)
        return all;
    const struct cw_side *side = &detect->sides[number];
    *all = (struct cw_candidates){ .event = detect->serial };
    size_t room = 0;
    for (size_t p = 0; p < side->path_count; p++) {
        const struct cw_path *path = side->paths[p];
        struct cw_found *found;
        size_t count = cw_path_values(path, sight->event, detect->arena, &found);
        if (count == 0)
            continue;
        struct cw_candidate *more =
            cw_arena_alloc(detect->arena, (room + count) * sizeof(*all->of));
        if (all->count != 0)
            memcpy(more, all->of, all->count * sizeof(*more));
        all->of = more;
        room += count;
        for (size_t i = 0; i < count; i++) {
            struct cw_candidate one = {
                .found = &found[i],
                .place = side->text,
                .part = found[i].part,
                .has_part = has_part(path),
            };
            if (path->what != CW_WHAT_ENTITY)
                one.id = inner_id(detect, side, &found[i]);
            else if (!take_record(detect, sight, &one))
                continue;
            all->of[all->count++] = one;
        }
    }
    sort_candidates(all);
    return all;
}

/* --- keys: the product of the places --- */

/* The candidates of one place that may be keys. */
struct choice {
    const struct cw_candidate *of;
    size_t count;
};

static struct choice choose(struct cw_detect *detect, uint32_t side, struct cw_sight *sight,
                            struct cw_brought *out)
{
    if (side == CW_NO_SIDE) {
        out->missing++;
        return (struct choice){ 0 };
    }
    const struct cw_candidates *all = candidates_of(detect, side, sight);
    out->missing += all->count == 0;
    out->weak += all->count - all->strong;
    struct choice choice = { all->of, all->strong };
    if (all->strong != all->count) {
        struct cw_candidate *strong = cw_arena_alloc(detect->arena, all->strong * sizeof(*strong));
        size_t count = 0;
        for (size_t i = 0; i < all->count; i++) {
            if (!all->of[i].weak)
                strong[count++] = all->of[i];
        }
        choice.of = strong;
    }
    out->cut |= choice.count > CW_CANDIDATES_MAX;
    if (choice.count > CW_CANDIDATES_MAX)
        choice.count = CW_CANDIDATES_MAX;
    return choice;
}

/* One key of the product, `at` saying which candidate stands in each place. */
static struct cw_tuple tuple_at(struct cw_detect *detect, const struct cw_rule *rule,
                                const struct choice *places, const size_t *at)
{
    size_t count = rule->group_by_count;
    const struct cw_candidate **keys = cw_arena_alloc(detect->arena, count * sizeof(*keys));
    struct cw_tuple tuple = { .keys = keys };
    uint64_t number = rule->number;
    memcpy(tuple.subline.b, &number, sizeof(number));
    bool has = false;
    for (size_t i = 0; i < count; i++) {
        const struct cw_candidate *one = &places[i].of[at[i]];
        keys[i] = one;
        if (one->has_part && (!has || one->part < tuple.part)) {
            tuple.part = one->part;
            has = true;
        }
        tuple.subline = cw_engine_mix(tuple.subline, one->id);
    }
    return tuple;
}

/* The next combination, the last place running fastest; false after the last. */
static bool step(const struct choice *places, size_t count, size_t *at)
{
    for (size_t i = count; i-- > 0;) {
        if (++at[i] < places[i].count)
            return true;
        at[i] = 0;
    }
    return false;
}

static int by_subline_and_part(const void *left, const void *right)
{
    const struct cw_tuple *a = left, *b = right;
    int order = cw_id_cmp(a->subline, b->subline);
    return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

/* Different sets may lead to one key: each once, with its least part. */
static void unite_tuples(struct cw_brought *out, size_t most)
{
    qsort(out->tuples, out->tuple_count, sizeof(*out->tuples), by_subline_and_part);
    size_t kept = 1;
    for (size_t i = 1; i < out->tuple_count; i++) {
        if (!cw_id_eq(out->tuples[i].subline, out->tuples[kept - 1].subline))
            out->tuples[kept++] = out->tuples[i];
    }
    out->cut |= kept > most;
    out->tuple_count = kept < most ? kept : most;
}

static size_t most_tuples(const struct cw_brought *out)
{
    size_t most = CW_BROUGHT_MAX / (out->value_count != 0 ? out->value_count : 1);
    return most < CW_TUPLES_MAX ? most : (size_t)CW_TUPLES_MAX;
}

/* Adds the product that one set of paths gives. */
static void bring_set(struct cw_detect *detect, const struct cw_rule *rule,
                      const struct cw_reach *keys, uint32_t set, struct cw_sight *sight,
                      struct cw_brought *out)
{
    size_t count = rule->group_by_count, most = most_tuples(out), product = 1;
    struct choice *places = cw_arena_alloc(detect->arena, count * sizeof(*places));
    size_t *at = cw_arena_alloc(detect->arena, count * sizeof(*at));
    for (size_t i = 0; i < count; i++) {
        places[i] = choose(detect, keys[i].sides[set], sight, out);
        product *= places[i].count;
        if (product > CW_TUPLES_MAX)
            product = CW_TUPLES_MAX + 1; /* no overflow; still zero if a later place has none */
    }
    out->cut |= product > most;
    if (product == 0)
        return;
    if (product > most)
        product = most;
    struct cw_tuple *more =
        cw_arena_alloc(detect->arena, (out->tuple_count + product) * sizeof(*more));
    if (out->tuple_count != 0)
        memcpy(more, out->tuples, out->tuple_count * sizeof(*more));
    out->tuples = more;
    do {
        out->tuples[out->tuple_count++] = tuple_at(detect, rule, places, at);
    } while (--product != 0 && step(places, count, at));
}

/* --- counted values, and amounts --- */

static int by_counted_id(const void *left, const void *right)
{
    const struct cw_counted *a = left, *b = right;
    return cw_id_cmp(a->value->id, b->value->id);
}

/* The values of one field, over all sets, each once; appended to those of the fields before. */
static void bring_field(struct cw_detect *detect, const struct cw_plan *plan, size_t field,
                        struct cw_sight *sight, struct cw_brought *out)
{
    const uint32_t *sides = plan->fields[field].sides;
    size_t room = 0;
    for (size_t i = 0; i < sight->set_count; i++) {
        uint32_t side = sides[sight->sets[i]];
        room += side != CW_NO_SIDE ? candidates_of(detect, side, sight)->count : 0;
    }
    if (room == 0)
        return;
    struct cw_counted *all =
        cw_arena_alloc(detect->arena, (out->value_count + room) * sizeof(*all));
    if (out->value_count != 0)
        memcpy(all, out->values, out->value_count * sizeof(*all));
    struct cw_counted *values = all + out->value_count;
    size_t count = 0;
    for (size_t i = 0; i < sight->set_count; i++) {
        uint32_t side = sides[sight->sets[i]];
        if (side == CW_NO_SIDE)
            continue;
        const struct cw_candidates *candidates = candidates_of(detect, side, sight);
        for (size_t c = 0; c < candidates->count; c++)
            values[count++] = (struct cw_counted){ &candidates->of[c], (uint16_t)field };
    }
    if (sight->set_count > 1) {
        qsort(values, count, sizeof(*values), by_counted_id);
        size_t kept = 1;
        for (size_t i = 1; i < count; i++) {
            if (!cw_id_eq(values[i].value->id, values[kept - 1].value->id))
                values[kept++] = values[i];
        }
        count = kept;
    }
    out->cut |= count > CW_CANDIDATES_MAX;
    out->values = all;
    out->value_count += count < CW_CANDIDATES_MAX ? count : (size_t)CW_CANDIDATES_MAX;
}

/* What the event brings to a sum: of the first selection that finds an amount, so that it counts
 * once however many do. */
static int64_t amount_of(const struct cw_sum *sum, const struct cw_sight *sight,
                         struct cw_brought *out)
{
    for (size_t i = 0; i < sight->set_count; i++) {
        struct cw_path_cursor cursor = { .path = sum->paths[sight->sets[i]],
                                         .event = sight->event };
        struct cw_found found;
        if (cursor.path == NULL || !cw_path_next(&cursor, &found))
            continue;
        out->negative += found.number < 0;
        return found.number > 0 ? found.number : 0;
    }
    return 0;
}

void cw_engine_brought(struct cw_detect *detect, const struct cw_rule *rule,
                       const struct cw_reach *keys, struct cw_sight *sight, struct cw_brought *out)
{
    const struct cw_plan *plan = &detect->plans[rule->number];
    *out = (struct cw_brought){ 0 };
    if (keys == plan->notices) {
        bring_set(detect, rule, keys, 0, sight, out);
        return;
    }
    for (size_t i = 0; i < plan->field_count; i++)
        bring_field(detect, plan, i, sight, out);
    for (size_t i = 0; i < sight->set_count; i++)
        bring_set(detect, rule, keys, sight->sets[i], sight, out);
    if (sight->set_count > 1 && out->tuple_count != 0)
        unite_tuples(out, most_tuples(out));
    if (plan->sum_count != 0 && out->tuple_count != 0) {
        out->amounts = cw_arena_alloc(detect->arena, plan->sum_count * sizeof(*out->amounts));
        for (size_t i = 0; i < plan->sum_count; i++)
            out->amounts[i] = amount_of(&plan->sums[i], sight, out);
    }
}

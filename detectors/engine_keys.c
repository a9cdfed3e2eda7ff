#include <stdlib.h>

#include "detectors/engine.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

/* --- compiling: who reads what --- */

static bool has_part(const struct cw_path *path)
{
    return path->scope == CW_PATH_PARTY || path->scope == CW_PATH_OBJECT;
}

static const struct cw_path *path_of_subject(struct cw_arena *arena, const struct cw_path *path,
                                             enum cw_path_scope scope)
{
    struct cw_path *copy = cw_arena_alloc(arena, sizeof(*copy));
    *copy = *path;
    copy->scope = scope;
    copy->role = cw_cstr("subject");
    return copy;
}

/* group-by names the sighting's side; a notice is reached by its parties and objects with role
 * subject. */
static void compile_sides(struct cw_detect *detect, const struct cw_rule *rule)
{
    size_t size = rule->group_by_count * sizeof(struct cw_rule_side);
    struct cw_rule_side *members = cw_arena_alloc(detect->compiled, size);
    struct cw_rule_side *notices = cw_arena_alloc(detect->compiled, size);
    for (size_t i = 0; i < rule->group_by_count; i++) {
        const struct cw_path *path = rule->group_by[i].paths[0];
        members[i].paths[0] = path;
        notices[i].paths[0] = path;
        if (has_part(path)) {
            notices[i].paths[0] = path_of_subject(detect->compiled, path, CW_PATH_PARTY);
            notices[i].paths[1] = path_of_subject(detect->compiled, path, CW_PATH_OBJECT);
        }
    }
    detect->members[rule->number] = members;
    detect->notices[rule->number] = rule->type == CW_RULE_STANDING ? notices : NULL;
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

void cw_engine_compile(struct cw_detect *detect)
{
    const struct cw_rules *rules = detect->rules;
    detect->members = cw_alloc(rules->count * sizeof(struct cw_rule_side *));
    detect->notices = cw_alloc(rules->count * sizeof(struct cw_rule_side *));
    for (size_t i = 0; i < rules->count; i++) {
        const struct cw_rule *rule = &rules->rules[i];
        CW_CHECK(rule->number == i && rule->cell_span > 0 && rule->cell_span >= rule->timespan);
        CW_CHECK(rule->type == CW_RULE_STANDING ? rule->lookback > 0 : rule->timespan > 0);
        CW_CHECK((rule->type == CW_RULE_STANDING) == (rule->criterion_count == 0));
        compile_sides(detect, rule);
        for (size_t s = 0; s < rule->selection_count; s++)
            add_reader(detect, rule->selections[s]->type, rule, false);
        for (size_t s = 0; s < rule->on_count; s++)
            add_reader(detect, rule->on[s]->type, rule, true);
    }
}

/* --- what a path brings --- */

struct candidate {
    struct cw_brought_key key;
    uint16_t part;
    bool has_part;
};

struct candidates {
    struct candidate *of;
    size_t count;
    size_t found; /* before what is no key was left out */
    size_t weak;
    bool cut;
};

static bool is_identifier(const struct cw_path *path)
{
    return path->what == CW_WHAT_ID || path->what == CW_WHAT_KEY;
}

static struct cw_id raw_id(const struct cw_detect *detect, const struct cw_path *path,
                           const struct cw_found *found)
{
    return is_identifier(path) ? cw_id_raw(detect->secret, found->kind, found->issuer, found->text)
                               : cw_id_raw_field(detect->secret, path->text, found->text);
}

static const struct cw_link_entry *link_of(const struct cw_sight *sight, uint16_t part)
{
    return part < sight->part_count ? sight->links[part] : NULL;
}

/* "RO:123" where scoped by issuer, else the value; no longer than rows may show, cut between
 * characters. */
static cw_str text_form(struct cw_arena *arena, const struct cw_found *found)
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

static int by_id_and_part(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = cw_id_cmp(a->key.id, b->key.id);
    return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

/* Whether the record may be a key; a part that link did not speak of is nobody. */
static bool take_record(const struct cw_sight *sight, const struct cw_found *found,
                        struct candidate *out, struct candidates *all)
{
    const struct cw_link_entry *link = link_of(sight, found->part);
    if (link == NULL)
        return false;
    all->found++;
    if ((link->flags & CW_KEY_WEAK) != 0) {
        all->weak++;
        return false;
    }
    out->key.link = link;
    out->key.id = link->record;
    return true;
}

/* Sorted by id and then part, each id once: so what a limit cuts hangs on nothing else. */
static void sort_candidates(struct candidates *all)
{
    if (all->count == 0)
        return;
    qsort(all->of, all->count, sizeof(*all->of), by_id_and_part);
    size_t kept = 1;
    for (size_t i = 1; i < all->count; i++) {
        if (!cw_id_eq(all->of[i].key.id, all->of[kept - 1].key.id))
            all->of[kept++] = all->of[i];
    }
    all->cut = kept > CW_CANDIDATES_MAX;
    all->count = all->cut ? (size_t)CW_CANDIDATES_MAX : kept;
}

static struct candidates candidates_of(struct cw_detect *detect, const struct cw_rule_side *side,
                                       const struct cw_sight *sight)
{
    struct candidates all = { 0 };
    struct cw_found *found[2];
    size_t count[2] = { 0, 0 };
    for (int p = 0; p < 2 && side->paths[p] != NULL; p++)
        count[p] = cw_path_values(side->paths[p], sight->event, detect->arena, &found[p]);
    all.of = cw_arena_alloc(detect->arena, (count[0] + count[1]) * sizeof(*all.of));
    for (int p = 0; p < 2; p++) {
        const struct cw_path *path = side->paths[p];
        for (size_t i = 0; i < count[p]; i++) {
            struct candidate one = { .part = found[p][i].part, .has_part = has_part(path) };
            if (path->what == CW_WHAT_ENTITY) {
                if (!take_record(sight, &found[p][i], &one, &all))
                    continue;
            } else {
                all.found++;
                one.key.id = raw_id(detect, path, &found[p][i]);
                one.key.text = text_form(detect->arena, &found[p][i]);
            }
            all.of[all.count++] = one;
        }
    }
    sort_candidates(&all);
    return all;
}

/* --- keys: the product of the places --- */

static struct cw_id subline_id(struct cw_detect *detect, const struct cw_rule *rule,
                               const struct cw_brought_key *keys)
{
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_enc_str(buf, cw_cstr("subline"));
    cw_enc_int(buf, rule->number);
    for (size_t i = 0; i < rule->group_by_count; i++)
        cw_enc_id(buf, keys[i].id);
    return cw_id_inside(detect->secret, buf);
}

/* One key of the product, `at` saying which candidate stands in each place. */
static struct cw_tuple tuple_at(struct cw_detect *detect, const struct cw_rule *rule,
                                const struct candidates *places, const size_t *at)
{
    size_t count = rule->group_by_count;
    struct cw_brought_key *keys = cw_arena_alloc(detect->arena, count * sizeof(*keys));
    struct cw_tuple tuple = { .keys = keys };
    bool has = false;
    for (size_t i = 0; i < count; i++) {
        const struct candidate *one = &places[i].of[at[i]];
        keys[i] = one->key;
        if (one->has_part && (!has || one->part < tuple.part)) {
            tuple.part = one->part;
            has = true;
        }
    }
    tuple.subline = subline_id(detect, rule, keys);
    return tuple;
}

/* The next combination, the last place running fastest; false after the last. */
static bool step(const struct candidates *places, size_t count, size_t *at)
{
    for (size_t i = count; i-- > 0;) {
        if (++at[i] < places[i].count)
            return true;
        at[i] = 0;
    }
    return false;
}

static size_t most_tuples(const struct cw_brought *out)
{
    size_t most = CW_BROUGHT_MAX / (out->value_count != 0 ? out->value_count : 1);
    return most < CW_TUPLES_MAX ? most : (size_t)CW_TUPLES_MAX;
}

static void bring_keys(struct cw_detect *detect, const struct cw_rule *rule,
                       const struct cw_rule_side *sides, const struct cw_sight *sight,
                       struct cw_brought *out)
{
    size_t count = rule->group_by_count;
    struct candidates *places = cw_arena_alloc(detect->arena, count * sizeof(*places));
    size_t *at = cw_arena_alloc(detect->arena, count * sizeof(*at));
    size_t product = 1;
    for (size_t i = 0; i < count; i++) {
        places[i] = candidates_of(detect, &sides[i], sight);
        out->missing += places[i].found == 0;
        out->weak += places[i].weak;
        out->cut |= places[i].cut;
        product = places[i].count < CW_TUPLES_MAX + 1 ? product * places[i].count : product;
        if (product > CW_TUPLES_MAX)
            product = CW_TUPLES_MAX + 1; /* no overflow; still zero if a later place has none */
    }
    size_t most = most_tuples(out);
    out->cut |= product > most;
    if (product == 0)
        return;
    if (product > most)
        product = most;
    out->tuples = cw_arena_alloc(detect->arena, product * sizeof(*out->tuples));
    do {
        out->tuples[out->tuple_count++] = tuple_at(detect, rule, places, at);
    } while (out->tuple_count < product && step(places, count, at));
}

/* --- counted values --- */

static int by_counted_id(const void *left, const void *right)
{
    const struct cw_counted *a = left, *b = right;
    return cw_id_cmp(a->id, b->id);
}

static void bring_values(struct cw_detect *detect, const struct cw_path *path,
                         const struct cw_sight *sight, struct cw_brought *out)
{
    struct cw_found *found;
    size_t count = cw_path_values(path, sight->event, detect->arena, &found);
    struct cw_counted *values = cw_arena_alloc(detect->arena, count * sizeof(*values));
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (path->what != CW_WHAT_ENTITY) {
            values[filled++].id = raw_id(detect, path, &found[i]);
            continue;
        }
        const struct cw_link_entry *link = link_of(sight, found[i].part);
        if (link != NULL)
            values[filled++] = (struct cw_counted){ link->record, link };
    }
    if (filled == 0)
        return;
    qsort(values, filled, sizeof(*values), by_counted_id);
    size_t kept = 1;
    for (size_t i = 1; i < filled; i++) {
        if (!cw_id_eq(values[i].id, values[kept - 1].id))
            values[kept++] = values[i];
    }
    out->cut |= kept > CW_CANDIDATES_MAX;
    out->values = values;
    out->value_count = kept < CW_CANDIDATES_MAX ? kept : (size_t)CW_CANDIDATES_MAX;
}

void cw_engine_brought(struct cw_detect *detect, const struct cw_rule *rule,
                       const struct cw_rule_side *sides, const struct cw_sight *sight,
                       struct cw_brought *out)
{
    *out = (struct cw_brought){ 0 };
    if (rule->type == CW_RULE_VALUE_COUNT)
        bring_values(detect, rule->criteria[0].field->paths[0], sight, out);
    bring_keys(detect, rule, sides, sight, out);
}

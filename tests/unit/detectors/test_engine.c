#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "detectors/path.h"
#include "detectors/rule.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/*
 * The stage is driven with frames built by hand: the test is dedup and link. It says which fact
 * holds, which record a part has and what that belongs to; times are plain microseconds.
 */

enum { FACTS_MAX = 4096, RULES_MAX = 40, RECORDS_MAX = 64, DEMANDS_MAX = 256 };

/* What a restriction asks, as sets of letters: audiences and purposes a b c. */
struct demand {
    uint8_t audiences; /* bits; ALL: any */
    uint8_t purposes;
    uint8_t codes; /* H1 H2 H3 */
    uint8_t tlp;   /* 0: none */
};
enum { ALL = 0xff };
static const struct demand no_demand = { ALL, ALL, 0, 0 };

struct fact {
    char name[24];
    struct cw_id identity;
    uint64_t position;
    bool holds;
    int64_t time;
    int64_t recorded;
    const struct cw_type *type;
    struct cw_event event; /* as read back from body */
    struct cw_buf body;
    struct cw_id records[8];
    bool weak[8];
    uint32_t restriction; /* index in demands, and number in frames */
    int64_t retain;
};

/* What the next fact made has beside what is said of it. */
struct extras {
    uint32_t restriction;
    int64_t retain; /* 0: for ever */
    int64_t amount;
    const char *payer_country;
};

/* What a record belongs to: labels that the test chooses. */
struct belonging {
    struct cw_id record;
    struct cw_id core;
    struct cw_id entity;
};

struct world {
    struct cw_secret secret;
    struct cw_arena *arena;
    struct cw_rules rules;
    struct cw_rule rule[RULES_MAX];
    struct cw_selection *selection[CW_TYPES_MAX + 1]; /* all events of a type */
    struct fact facts[FACTS_MAX];
    size_t fact_count;
    struct belonging belongings[RECORDS_MAX];
    size_t belonging_count;
    struct demand demands[DEMANDS_MAX]; /* [0] is none */
    size_t demand_count;
    struct {
        struct cw_id entity;
        uint32_t basis;
    } bases[RECORDS_MAX];
    size_t basis_count;
    struct extras next;
    uint64_t position;
    uint64_t tick;
    struct cw_buf frames; /* not yet pushed */
    size_t frame_count;
    struct cw_buf all; /* pushed */
    size_t all_count;
    struct cw_detect *detect;
    struct cw_chain *chain;
    struct cw_buf out; /* all that detect sent */
    uint64_t close_rows;
    struct cw_totals totals;
    /* rows as readers have them */
    struct {
        struct cw_id alert;
        char *text;      /* short, for examples */
        char *whole;     /* all content */
        uint64_t places; /* where its evidence stands in the log */
    } rows[FACTS_MAX];
    size_t row_count;
    uint32_t ordinal;
    uint32_t last_rule;
    struct cw_id last_alert;
};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    cw_secret_init(&w->secret, cw_cstr("crosswatch-test"));
    w->arena = cw_arena_new();
    w->rules.rules = w->rule;
    w->demands[0] = no_demand;
    w->demand_count = 1;
}

static struct world *new_world(void)
{
    struct world *w = cw_alloc(sizeof(*w));
    world_init(w);
    return w;
}

static void free_world(struct world *w)
{
    cw_chain_free(w->chain);
    cw_detect_stage.free(w->detect);
    for (size_t i = 0; i < w->fact_count; i++)
        cw_buf_done(&w->facts[i].body);
    for (size_t i = 0; i < w->row_count; i++) {
        free(w->rows[i].text);
        free(w->rows[i].whole);
    }
    cw_buf_done(&w->frames);
    cw_buf_done(&w->all);
    cw_buf_done(&w->out);
    cw_arena_free(w->arena);
    free(w);
}

/* --- rules --- */

static const struct cw_selection *all_of(struct world *w, const char *type)
{
    static const struct cw_instruction yes = { .op = CW_OP_CONST, .argument = 1 };
    uint16_t number = cw_type_by_name(cw_cstr(type))->number;
    if (w->selection[number] == NULL) {
        struct cw_selection *made = cw_arena_alloc(w->arena, sizeof(*made));
        *made = (struct cw_selection){ cw_cstr(type), number, &yes, 1 };
        w->selection[number] = made;
    }
    return w->selection[number];
}

static void set_path(struct world *w, const char *text, struct cw_path *out)
{
    size_t offset;
    const char *fault = NULL;
    if (!cw_path_parse(cw_cstr(text), w->arena, out, &offset, &fault))
        fail_msg("%s: %s", text, fault);
}

enum { SELECTIONS_MAX = 4 };

/* The path for all selections of the rule. */
static struct cw_lookup lookup(struct world *w, const struct cw_path *path)
{
    const struct cw_path **paths = cw_arena_alloc(w->arena, SELECTIONS_MAX * sizeof(*paths));
    for (size_t s = 0; s < SELECTIONS_MAX; s++)
        paths[s] = path;
    return (struct cw_lookup){ path->text, paths };
}

/* Events of the type that have the field. */
static const struct cw_selection *those_with(struct world *w, const char *type, const char *field);

static struct cw_criterion *criterion(struct cw_rule *rule)
{
    return (struct cw_criterion *)(uintptr_t)rule->criteria;
}

static struct cw_rule *add_rule(struct world *w, enum cw_rule_type type, const char *of,
                                const char *group_by, enum cw_row_match match)
{
    struct cw_rule *rule = &w->rule[w->rules.count];
    rule->number = (uint32_t)w->rules.count++;
    rule->id = cw_arena_printf(w->arena, "rule-%02u", rule->number);
    rule->title = cw_cstr("a title");
    rule->question = cw_cstr("a question");
    rule->level = CW_LEVEL_HIGH;
    rule->type = type;
    rule->match = match;
    rule->keep = 50;
    rule->selections = cw_arena_alloc(w->arena, SELECTIONS_MAX * sizeof(struct cw_selection *));
    rule->selections[0] = all_of(w, of);
    rule->selection_count = 1;
    struct cw_path *paths = cw_arena_alloc(w->arena, 4 * sizeof(*paths));
    struct cw_lookup *lookups = cw_arena_alloc(w->arena, 4 * sizeof(*lookups));
    cw_str left = cw_arena_copy(w->arena, group_by, strlen(group_by));
    for (const char *at = left.ptr; at != NULL;) {
        const char *space = strchr(at, ' ');
        size_t len = space != NULL ? (size_t)(space - at) : strlen(at);
        set_path(w, cw_arena_copy(w->arena, at, len).ptr, &paths[rule->group_by_count]);
        lookups[rule->group_by_count] = lookup(w, &paths[rule->group_by_count]);
        rule->group_by_count++;
        at = space != NULL ? space + 1 : NULL;
    }
    rule->group_by = lookups;
    return rule;
}

static struct cw_rule *count_rule(struct world *w, const char *of, const char *group_by,
                                  enum cw_row_match match, int64_t threshold, int64_t timespan,
                                  int64_t suppress)
{
    struct cw_rule *rule = add_rule(w, CW_RULE_EVENT_COUNT, of, group_by, match);
    struct cw_criterion *own = cw_arena_alloc(w->arena, 8 * sizeof(*own));
    own->threshold = threshold;
    own->shown = true;
    rule->criteria = own;
    rule->criterion_count = 1;
    rule->timespan = timespan;
    rule->suppress_for = suppress;
    rule->cell_span = timespan > suppress ? timespan : suppress;
    return rule;
}

static struct cw_rule *value_rule(struct world *w, const char *of, const char *group_by,
                                  enum cw_row_match match, const char *field, int64_t threshold,
                                  int64_t timespan)
{
    struct cw_rule *rule = count_rule(w, of, group_by, match, threshold, timespan, 0);
    struct cw_path *path = cw_arena_alloc(w->arena, sizeof(*path));
    set_path(w, field, path);
    rule->type = CW_RULE_VALUE_COUNT;
    struct cw_lookup *counted = cw_arena_alloc(w->arena, sizeof(*counted));
    *counted = lookup(w, path);
    criterion(rule)->measure = CW_MEASURE_VALUES;
    criterion(rule)->field = counted;
    return rule;
}

static const struct cw_selection *those_with(struct world *w, const char *type, const char *field)
{
    struct cw_path *path = cw_arena_alloc(w->arena, sizeof(*path));
    struct cw_instruction *code = cw_arena_alloc(w->arena, sizeof(*code));
    struct cw_selection *made = cw_arena_alloc(w->arena, sizeof(*made));
    set_path(w, field, path);
    *code = (struct cw_instruction){ .op = CW_OP_EXISTS, .path = path, .argument = 1 };
    *made = (struct cw_selection){ cw_cstr("those"), all_of(w, type)->type, code, 1 };
    return made;
}

/* One more condition over the same window. */
static struct cw_criterion *having(struct world *w, struct cw_rule *rule, enum cw_measure measure,
                                   const char *field, int64_t threshold)
{
    struct cw_criterion *made = criterion(rule) + rule->criterion_count++;
    *made = (struct cw_criterion){ .measure = measure, .threshold = threshold, .shown = true };
    if (field != NULL) {
        struct cw_path *path = cw_arena_alloc(w->arena, sizeof(*path));
        struct cw_lookup *counted = cw_arena_alloc(w->arena, sizeof(*counted));
        set_path(w, field, path);
        *counted = lookup(w, path);
        made->field = counted;
    }
    return made;
}

static struct cw_rule *sum_rule(struct world *w, const char *of, const char *group_by,
                                enum cw_row_match match, const char *field, int64_t threshold,
                                int64_t timespan)
{
    struct cw_rule *rule = value_rule(w, of, group_by, match, field, threshold, timespan);
    rule->type = CW_RULE_VALUE_SUM;
    criterion(rule)->measure = CW_MEASURE_SUM;
    return rule;
}

static void cross_border(struct world *w, struct cw_rule *rule)
{
    having(w, rule, CW_MEASURE_COUNTRIES, NULL, 2)->shown = false;
    rule->cross_border = true;
}

/* The rule reads one more selection, and has there another path in a lookup (NULL: none). */
static void also(struct world *w, struct cw_rule *rule, const struct cw_selection *selection,
                 const struct cw_lookup *lookup_of, const char *path_text)
{
    size_t s = rule->selection_count++;
    assert_true(s < SELECTIONS_MAX);
    rule->selections[s] = selection;
    if (lookup_of == NULL)
        return;
    struct cw_path *path = cw_arena_alloc(w->arena, sizeof(*path));
    if (path_text != NULL)
        set_path(w, path_text, path);
    struct cw_lookup *changed = (struct cw_lookup *)(uintptr_t)lookup_of;
    ((const struct cw_path **)(uintptr_t)changed->paths)[s] = path_text != NULL ? path : NULL;
    changed->text = cw_cstr("$alias");
}

/* A detection with a level of its own. */
static struct cw_rule *alone_rule(struct world *w, const char *of)
{
    struct cw_rule *rule = count_rule(w, of, "country", CW_MATCH_RAW, 1, 1, 0);
    struct cw_path *path = (struct cw_path *)(uintptr_t)rule->group_by[0].paths[0];
    *path = (struct cw_path){ .text = cw_cstr("event"), .what = CW_WHAT_EVENT };
    ((struct cw_lookup *)(uintptr_t)rule->group_by)->text = path->text;
    return rule;
}

static void for_purposes(struct cw_rule *rule, cw_str *purposes, size_t count)
{
    rule->purposes = purposes;
    rule->purpose_count = count;
}

static struct cw_rule *standing_rule(struct world *w, const char *of, const char *group_by,
                                     enum cw_row_match match, int64_t lookback)
{
    struct cw_rule *rule = add_rule(w, CW_RULE_STANDING, of, group_by, match);
    rule->on = cw_arena_alloc(w->arena, sizeof(struct cw_selection *));
    rule->on[0] = all_of(w, "notice");
    rule->on_count = 1;
    rule->lookback = lookback;
    rule->cell_span = lookback;
    return rule;
}

/* --- what detect sends --- */

static const char *name_of(const struct world *w, struct cw_id identity)
{
    for (size_t i = 0; i < w->fact_count; i++) {
        if (cw_id_eq(w->facts[i].identity, identity))
            return w->facts[i].name;
    }
    return "?";
}

static void put_values(struct cw_buf *buf, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(buf, "%s%lld", i != 0 ? "/" : "", (long long)values[i]);
}

static void put_demands(struct cw_buf *buf, cw_str restriction, int64_t expires, int limb,
                        const cw_str *countries, size_t count)
{
    cw_buf_printf(buf, " | %.*s until %lld limb %d", CW_STR_ARG(restriction), (long long)expires,
                  limb);
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(buf, " %.*s", CW_STR_ARG(countries[i]));
}

/* "cell 0 value 2: e1 e2, continues" */
static char *short_text(const struct world *w, const struct cw_row *row)
{
    struct cw_buf buf = { 0 };
    cw_buf_printf(&buf, "cell %lld value ", (long long)row->cell);
    put_values(&buf, row->values, row->value_count);
    cw_buf_printf(&buf, ":");
    for (size_t i = 0; i < row->shown_count; i++)
        cw_buf_printf(&buf, " %s", name_of(w, row->shown[i].identity));
    cw_buf_printf(&buf, "%s", row->continues ? ", continues" : "");
    cw_buf_u8(&buf, 0);
    return (char *)buf.data;
}

static char *whole_text(const struct world *w, const struct cw_row *row)
{
    struct cw_buf buf = { 0 };
    char hex[CW_ID_HEX];
    cw_id_hex(row->alert, hex);
    cw_buf_printf(&buf, "%.*s %s", CW_STR_ARG(row->rule), hex);
    for (size_t i = 0; i < row->key_count; i++)
        cw_buf_printf(&buf, " %u/%.*s", row->keys[i].is_entity, CW_STR_ARG(row->keys[i].text));
    cw_buf_printf(&buf, " cell %lld value ", (long long)row->cell);
    put_values(&buf, row->values, row->value_count);
    cw_buf_printf(&buf, " count %u [%lld, %lld]%s:", row->evidence_count, (long long)row->first,
                  (long long)row->last, row->continues ? " continues" : "");
    for (size_t i = 0; i < row->shown_count; i++)
        cw_buf_printf(&buf, " %s.%u@%lld%s", name_of(w, row->shown[i].identity), row->shown[i].part,
                      (long long)row->shown[i].time_lo, row->shown[i].is_rule ? "!" : "");
    put_demands(&buf, row->restriction, row->expires, row->limb, row->countries,
                row->country_count);
    cw_buf_u8(&buf, 0);
    return (char *)buf.data;
}

static size_t row_index(const struct world *w, struct cw_id alert)
{
    size_t i = 0;
    while (i < w->row_count && !cw_id_eq(w->rows[i].alert, alert))
        i++;
    return i;
}

static uint32_t rule_number(const struct world *w, cw_str id)
{
    for (uint32_t i = 0; i < w->rules.count; i++) {
        if (cw_str_eq(w->rule[i].id, id))
            return i;
    }
    fail_msg("a row of no rule");
    return 0;
}

static uint64_t places_of(const struct cw_row *row)
{
    uint64_t places = 0;
    for (size_t i = 0; i < row->shown_count; i++)
        places = places * 1000003 + row->shown[i].position;
    return places;
}

static void take_row(struct world *w, const struct cw_frame *frame)
{
    struct cw_row row;
    struct cw_arena *arena = cw_arena_new();
    assert_true(cw_row_get(frame, &row, arena));
    assert_int_equal(frame->position, w->tick);
    assert_int_equal(frame->ordinal, ++w->ordinal);
    uint32_t rule = rule_number(w, row.rule);
    if (w->ordinal > 1)
        assert_true(rule > w->last_rule ||
                    (rule == w->last_rule && cw_id_cmp(row.alert, w->last_alert) > 0));
    w->last_rule = rule;
    w->last_alert = row.alert;
    size_t i = row_index(w, row.alert);
    if (row.gone) {
        assert_true(i < w->row_count); /* what goes was there */
        free(w->rows[i].text);
        free(w->rows[i].whole);
        w->rows[i] = w->rows[--w->row_count];
    } else {
        char *whole = whole_text(w, &row);
        if (i == w->row_count) {
            assert_true(w->row_count < FACTS_MAX);
            w->rows[w->row_count++].alert = row.alert;
        } else {
            /* nothing is sent twice: it reads otherwise, or from other places in the log */
            assert_true(strcmp(w->rows[i].whole, whole) != 0 ||
                        w->rows[i].places != places_of(&row));
            free(w->rows[i].text);
            free(w->rows[i].whole);
        }
        w->rows[i].text = short_text(w, &row);
        w->rows[i].whole = whole;
        w->rows[i].places = places_of(&row);
    }
    cw_arena_free(arena);
}

static void on_frame(void *context, size_t link, const struct cw_frame *frame)
{
    struct world *w = context;
    (void)link;
    cw_buf_put(&w->out, frame, frame->length);
    assert_int_not_equal(frame->kind, CW_EVENT);
    assert_int_equal(frame->flags, 0);
    if (frame->kind == CW_ROW) {
        take_row(w, frame);
    } else if (frame->kind == CW_CLOSE) {
        struct cw_close close;
        assert_true(cw_close_get(frame, &close));
        assert_int_equal(close.n, w->tick);
        assert_int_equal(close.rows, w->ordinal);
        w->close_rows = close.rows;
        w->totals = close.totals;
        w->ordinal = 0;
    }
}

/* --- frames --- */

static void start(struct world *w, size_t batch)
{
    w->detect = cw_detect_new(&w->secret, &w->rules);
    struct cw_chain_link link = { &cw_detect_stage, w->detect };
    w->chain = cw_chain_new(&link, 1, batch);
    cw_chain_set_tap(w->chain, on_frame, w);
}

static void push(struct world *w, const struct cw_buf *frames, size_t count)
{
    const struct cw_frame **at = cw_alloc(count * sizeof(*at));
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        at[i] = cw_frame_at(frames, offset);
        offset += at[i]->length;
    }
    if (w->chain == NULL)
        start(w, CW_BATCH_DEFAULT);
    assert_int_equal(cw_chain_push(w->chain, at, count), CW_EXIT_OK);
    free(at);
}

static void flush(struct world *w)
{
    push(w, &w->frames, w->frame_count);
    cw_buf_put(&w->all, w->frames.data, w->frames.len);
    w->all_count += w->frame_count;
    w->frames.len = 0;
    w->frame_count = 0;
}

static void put_tick(struct world *w)
{
    struct cw_buf body = { 0 };
    struct cw_tick tick = { .n = ++w->tick };
    cw_tick_put(&body, &tick);
    cw_frame_put(&w->frames, &(struct cw_frame){ .kind = CW_TICK }, NULL, 0, body.data, body.len);
    w->frame_count++;
    cw_buf_done(&body);
}

static void put_close(struct world *w)
{
    struct cw_buf body = { 0 };
    struct cw_close close = { .n = w->tick };
    *cw_total(&close.totals, "dedup.facts") = 7;
    cw_close_put(&body, &close);
    cw_frame_put(&w->frames, &(struct cw_frame){ .kind = CW_CLOSE }, NULL, 0, body.data, body.len);
    w->frame_count++;
    cw_buf_done(&body);
}

static void tick(struct world *w)
{
    put_tick(w);
    put_close(w);
    flush(w);
}

/* --- restrictions --- */

static void put_letters(struct cw_buf *buf, const char *key, uint8_t bits, const char *prefix,
                        char first)
{
    cw_buf_printf(buf, "%s\"%s\":[", buf->data[buf->len - 1] == '{' ? "" : ",", key);
    for (int i = 0, n = 0; i < 3; i++) {
        if ((bits >> i & 1) != 0)
            cw_buf_printf(buf, "%s\"%s%c\"", n++ != 0 ? "," : "", prefix, (char)(first + i));
    }
    cw_buf_printf(buf, "]");
}

static cw_str demand_text(struct world *w, struct demand demand)
{
    static const char *const tlp[] = { NULL, "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" };
    struct cw_buf buf = { 0 };
    if (memcmp(&demand, &no_demand, sizeof(demand)) == 0)
        return cw_cstr("");
    cw_buf_printf(&buf, "{");
    if (demand.audiences != ALL)
        put_letters(&buf, "audience", demand.audiences, "", 'a');
    if (demand.codes != 0)
        put_letters(&buf, "codes", demand.codes, "H", '1');
    if (demand.purposes != ALL)
        put_letters(&buf, "purposes", demand.purposes, "", 'a');
    if (demand.tlp != 0)
        cw_buf_printf(&buf, "%s\"tlp\":\"%s\"", buf.data[buf.len - 1] == '{' ? "" : ",",
                      tlp[demand.tlp]);
    cw_buf_printf(&buf, "}");
    cw_str text = cw_arena_copy(w->arena, buf.data, buf.len);
    cw_buf_done(&buf);
    return text;
}

static struct demand join_demands(struct demand a, struct demand b)
{
    return (struct demand){ a.audiences & b.audiences, a.purposes & b.purposes, a.codes | b.codes,
                            a.tlp > b.tlp ? a.tlp : b.tlp };
}

static void put_name(struct world *w, enum cw_name_space space, uint32_t number, cw_str text)
{
    struct cw_buf body = { 0 };
    cw_named_put(&body, space, number, text);
    cw_frame_put(&w->frames, &(struct cw_frame){ .kind = CW_NAME }, NULL, 0, body.data, body.len);
    w->frame_count++;
    cw_buf_done(&body);
}

/* Its number, introduced as ingest does for events and link for bases. */
static uint32_t demanding(struct world *w, struct demand demand)
{
    for (uint32_t i = 0; i < w->demand_count; i++) {
        if (memcmp(&w->demands[i], &demand, sizeof(demand)) == 0)
            return i;
    }
    assert_true(w->demand_count < DEMANDS_MAX);
    uint32_t number = (uint32_t)w->demand_count++;
    w->demands[number] = demand;
    put_name(w, CW_NAME_RESTRICTION, number, demand_text(w, demand));
    put_name(w, CW_NAME_BASIS, number, demand_text(w, demand));
    return number;
}

static uint32_t *basis_of_entity(struct world *w, struct cw_id entity)
{
    for (size_t i = 0; i < w->basis_count; i++) {
        if (cw_id_eq(w->bases[i].entity, entity))
            return &w->bases[i].basis;
    }
    assert_true(w->basis_count < RECORDS_MAX);
    w->bases[w->basis_count].entity = entity;
    return &w->bases[w->basis_count++].basis;
}

/* --- records and what they belong to --- */

static struct cw_id label_id(struct world *w, const char *label)
{
    return cw_id_identity(&w->secret, cw_cstr("label"), cw_cstr(label));
}

static struct belonging *belonging_of(struct world *w, struct cw_id record)
{
    for (size_t i = 0; i < w->belonging_count; i++) {
        if (cw_id_eq(w->belongings[i].record, record))
            return &w->belongings[i];
    }
    assert_true(w->belonging_count < RECORDS_MAX);
    struct belonging *made = &w->belongings[w->belonging_count++];
    *made = (struct belonging){ record, record, record }; /* alone at first */
    return made;
}

static void put_moved(struct world *w, enum cw_moved_reason reason, struct cw_id record,
                      struct cw_id core, struct cw_id entity)
{
    struct belonging *at = belonging_of(w, record);
    struct cw_moved moved = { .reason = reason,
                              .basis = *basis_of_entity(w, entity),
                              .core_from = at->core,
                              .entity_from = at->entity,
                              .core_to = core,
                              .entity_to = entity,
                              .record_count = 1,
                              .records = &record };
    struct cw_buf body = { 0 };
    cw_moved_put(&body, &moved);
    struct cw_frame header = { .kind = CW_MOVED, .flags = CW_MORE };
    cw_frame_put(&w->frames, &header, NULL, 0, body.data, body.len);
    w->frame_count++;
    cw_buf_done(&body);
    at->core = core;
    at->entity = entity;
}

/* The record moves; cores and entities move apart if their labels differ. */
static void move(struct world *w, struct cw_id record, struct cw_id core, struct cw_id entity)
{
    put_moved(w, CW_MOVED_MERGE, record, core, entity);
}

/* The basis of an entity changes, and nothing else. */
static void rebase(struct world *w, struct cw_id entity, uint32_t basis)
{
    *basis_of_entity(w, entity) = basis;
    for (size_t i = 0; i < w->belonging_count; i++) {
        struct belonging at = w->belongings[i];
        if (cw_id_eq(at.entity, entity))
            put_moved(w, CW_MOVED_RESTRICTED, at.record, at.core, at.entity);
    }
}

/* --- events --- */

static bool is_unique(cw_str kind)
{
    return cw_str_is(kind, "passport") || cw_str_is(kind, "national_id");
}

/* A word "kind=value" of a part: an identifier, a name, a date of birth. */
static void add_word(struct world *w, struct cw_part *part, cw_str word)
{
    const char *equals = memchr(word.ptr, '=', word.len);
    assert_non_null(equals);
    cw_str kind = { word.ptr, (size_t)(equals - word.ptr) };
    cw_str value = { equals + 1, word.len - kind.len - 1 };
    if (cw_str_is(kind, "name")) {
        part->names = cw_arena_alloc(w->arena, sizeof(*part->names));
        part->names[part->name_count++] =
            (struct cw_name){ .full = value, .kind = cw_cstr("primary"), .folded = value };
    } else if (cw_str_is(kind, "born")) {
        part->birth_dates = cw_arena_alloc(w->arena, sizeof(*part->birth_dates));
        part->birth_dates[part->birth_date_count++] = value;
    } else {
        if (part->ids == NULL)
            part->ids = cw_arena_alloc(w->arena, 4 * sizeof(*part->ids));
        part->ids[part->id_count++] = (struct cw_identifier){
            .kind = kind, .issuer = is_unique(kind) ? cw_cstr("XX") : (cw_str){ 0 }, .value = value
        };
    }
}

/* "contact phone=a; person passport=P1 name=x" */
static void read_parts(struct world *w, const char *spec, struct cw_event *event)
{
    event->parties = cw_arena_alloc(w->arena, 8 * sizeof(*event->parties));
    event->objects = cw_arena_alloc(w->arena, 8 * sizeof(*event->objects));
    cw_str text = cw_arena_copy(w->arena, spec, strlen(spec));
    char *rest_of_parts = NULL;
    for (char *one = strtok_r((char *)(uintptr_t)text.ptr, ";", &rest_of_parts); one != NULL;
         one = strtok_r(NULL, ";", &rest_of_parts)) {
        char *rest = NULL;
        cw_str role = cw_cstr(strtok_r(one, " ", &rest));
        bool object = memchr(role.ptr, '_', role.len) != NULL; /* payee_account */
        struct cw_part *part =
            object ? &event->objects[event->object_count++] : &event->parties[event->party_count++];
        part->role = role;
        part->kind = cw_cstr(object ? "account" : "person");
        for (char *word = strtok_r(NULL, " ", &rest); word != NULL;
             word = strtok_r(NULL, " ", &rest))
            add_word(w, part, cw_cstr(word));
    }
}

static struct cw_id record_of(struct world *w, const struct cw_part *part, bool *weak)
{
    struct cw_id_part ids[4];
    cw_str names[1], births[1];
    bool unique = false;
    for (size_t i = 0; i < part->id_count; i++) {
        ids[i] = (struct cw_id_part){ part->ids[i].kind, part->ids[i].issuer, part->ids[i].value };
        unique |= is_unique(part->ids[i].kind);
    }
    if (part->name_count != 0)
        names[0] = part->names[0].folded;
    if (part->birth_date_count != 0)
        births[0] = part->birth_dates[0];
    *weak = !unique && (part->name_count == 0 || part->birth_date_count == 0);
    return cw_id_record(&w->secret, part->kind, ids, part->id_count, names, part->name_count,
                        births, part->birth_date_count);
}

static struct cw_id record(struct world *w, const char *words)
{
    struct cw_event event;
    cw_event_defaults(&event);
    read_parts(w, words, &event);
    bool weak;
    return record_of(w, &event.parties[0], &weak);
}

static void put_fact(struct world *w, struct fact *fact, int sign, uint8_t flags)
{
    fact->holds = sign > 0;
    if (sign > 0)
        fact->position = w->position += 8;
    struct cw_frame header = { .kind = CW_EVENT,
                               .sign = (int8_t)sign,
                               .flags = flags,
                               .type = fact->type->number,
                               .position = fact->position,
                               .time_lo = fact->time,
                               .recorded_at = fact->recorded,
                               .retain_until = fact->retain,
                               .restriction = fact->restriction,
                               .identity = fact->identity };
    struct cw_link_entry links[8];
    memset(links, 0, sizeof(links));
    size_t count = cw_event_part_count(&fact->event);
    for (size_t i = 0; i < count; i++) {
        const struct belonging *belongs = belonging_of(w, fact->records[i]);
        links[i] = (struct cw_link_entry){ .part = (uint16_t)i,
                                           .flags = fact->weak[i] ? CW_KEY_WEAK : 0,
                                           .basis = *basis_of_entity(w, belongs->entity),
                                           .record = fact->records[i],
                                           .core = belongs->core,
                                           .entity = belongs->entity };
    }
    struct cw_buf plain = { 0 };
    cw_frame_put(&plain, &header, NULL, 0, fact->body.data, fact->body.len);
    cw_frame_put_section(&w->frames, cw_frame_at(&plain, 0), CW_SECTION_LINKS, links,
                         count * sizeof(*links));
    w->frame_count++;
    cw_buf_done(&plain);
}

static struct fact *fact_named(struct world *w, const char *name)
{
    for (size_t i = w->fact_count; i-- > 0;) {
        if (strcmp(w->facts[i].name, name) == 0 && w->facts[i].holds)
            return &w->facts[i];
    }
    fail_msg("no fact %s", name);
    return NULL;
}

static void set_detail(struct cw_event *event, const char *field, int64_t value)
{
    int at = cw_type_field(event->type, cw_cstr(field));
    assert_true(at >= 0);
    event->detail[at] = (struct cw_value){ .present = true, .number = value };
}

/* A notice's interval; until 0: open, cancelled 0: not. */
struct interval {
    int64_t from;
    int64_t until;
    int64_t cancelled;
};

static struct fact *make(struct world *w, const char *name, const char *type, int64_t time,
                         const char *country, const char *parts, const struct interval *interval)
{
    assert_true(w->fact_count < FACTS_MAX);
    struct fact *fact = &w->facts[w->fact_count++];
    struct cw_event event;
    cw_event_defaults(&event);
    snprintf(fact->name, sizeof(fact->name), "%s", name);
    fact->identity = cw_id_identity(&w->secret, cw_cstr("A"), cw_cstr(name));
    fact->time = time;
    fact->recorded = time;
    fact->type = cw_type_by_name(cw_cstr(type));
    event.owner = cw_cstr("A");
    event.event_id = cw_cstr(fact->name);
    event.event_type = cw_cstr(type);
    event.event_time = time;
    event.recorded_at = time;
    event.country = cw_cstr(country);
    event.type = fact->type;
    event.detail_type = fact->type;
    event.detail = cw_arena_alloc(w->arena, fact->type->field_count * sizeof(*event.detail));
    if (interval != NULL) {
        event.detail[cw_type_field(fact->type, cw_cstr("colour"))] =
            (struct cw_value){ .present = true, .text = cw_cstr("red") };
        set_detail(&event, "valid_from", interval->from);
        if (interval->until != 0)
            set_detail(&event, "valid_to", interval->until);
        if (interval->cancelled != 0)
            set_detail(&event, "cancelled_at", interval->cancelled);
    }
    if (strcmp(type, "payment") == 0)
        set_detail(&event, "amount", w->next.amount);
    if (w->next.payer_country != NULL)
        event.detail[cw_type_field(fact->type, cw_cstr("payer_country"))] =
            (struct cw_value){ .present = true, .text = cw_cstr(w->next.payer_country) };
    fact->restriction = w->next.restriction;
    fact->retain = w->next.retain != 0 ? w->next.retain : CW_TIME_MAX;
    w->next = (struct extras){ 0 };
    read_parts(w, parts, &event);
    cw_event_write(&event, &fact->body);
    assert_true(cw_event_read(&fact->event, fact->body.data, fact->body.len, w->arena));
    for (size_t i = 0; i < cw_event_part_count(&fact->event); i++)
        fact->records[i] = record_of(w, cw_event_part(&fact->event, i), &fact->weak[i]);
    return fact;
}

static void ad(struct world *w, const char *name, int64_t time, const char *country,
               const char *parts)
{
    put_fact(w, make(w, name, "online_ad", time, country, parts, NULL), 1, 0);
}

static void pay(struct world *w, const char *name, int64_t time, int64_t amount, const char *parts)
{
    w->next.amount = amount;
    put_fact(w, make(w, name, "payment", time, NULL, parts, NULL), 1, 0);
}

static void cross(struct world *w, const char *name, int64_t time, const char *parts)
{
    put_fact(w, make(w, name, "border_crossing", time, NULL, parts, NULL), 1, 0);
}

static void notice(struct world *w, const char *name, int64_t recorded, struct interval interval,
                   const char *parts)
{
    put_fact(w, make(w, name, "notice", recorded, NULL, parts, &interval), 1, CW_STANDING);
}

static void withdraw(struct world *w, const char *name)
{
    put_fact(w, fact_named(w, name), -1, 0);
}

/* The old fact leaves and the new one comes, in one unit. */
static void amend(struct world *w, struct fact *old, struct fact *new)
{
    put_fact(w, old, -1, CW_MORE);
    put_fact(w, new, 1, 0);
}

/* --- what is expected --- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The rows that readers have, sorted, one a line. */
static char *view(const struct world *w, bool whole)
{
    char **texts = cw_alloc((w->row_count + 1) * sizeof(*texts));
    struct cw_buf buf = { 0 };
    for (size_t i = 0; i < w->row_count; i++)
        texts[i] = whole ? w->rows[i].whole : w->rows[i].text;
    qsort(texts, w->row_count, sizeof(*texts), compare_strings);
    for (size_t i = 0; i < w->row_count; i++)
        cw_buf_printf(&buf, "%s%s", i != 0 ? "\n" : "", texts[i]);
    cw_buf_u8(&buf, 0);
    free(texts);
    return (char *)buf.data;
}

static void expect(struct world *w, const char *rows)
{
    char *text = view(w, false);
    assert_string_equal(text, rows);
    free(text);
}

static void tick_gives(struct world *w, const char *rows)
{
    tick(w);
    expect(w, rows);
}

/* What was withdrawn has left nothing behind, and all of it had been there. */
static void holds_nothing(const struct world *w)
{
    static const char *const names[] = { "detect.lines",    "detect.entries", "detect.values",
                                         "detect.records",  "detect.facts",   "detect.keys",
                                         "detect.unmatched" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(cw_total_get(&w->totals, names[i]), 0);
}

/* --- windows, anchors, cells --- */

static struct world *two_ads_of_a_phone(int64_t suppress)
{
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 2, 10, suppress);
    return w;
}

static void the_window_is_open_at_its_far_end(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 11, NULL, "contact phone=a");
    tick_gives(w, "");
    free_world(w);
}

static void one_less_is_together(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 10, NULL, "contact phone=a");
    tick_gives(w, "cell 1 value 2: e1 e2");
    free_world(w);
}

static void five_ads(struct world *w)
{
    ad(w, "e1", 7, NULL, "contact phone=a");
    ad(w, "e2", 8, NULL, "contact phone=a");
    ad(w, "e3", 12, NULL, "contact phone=a");
    ad(w, "e4", 25, NULL, "contact phone=a");
    ad(w, "e5", 29, NULL, "contact phone=a");
}

static void the_second_of_two_cells_continues(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    five_ads(w);
    tick_gives(w, "cell 0 value 2: e1 e2\n"
                  "cell 1 value 3: e1 e2 e3, continues\n"
                  "cell 2 value 2: e4 e5");
    free_world(w);
}

static void suppression_lengthens_the_cell(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(30);
    five_ads(w);
    tick_gives(w, "cell 0 value 3: e1 e2 e3 e4 e5");
    free_world(w);
}

static void an_alert_that_loses_its_predecessor_no_longer_continues(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 1, 10, 30);
    ad(w, "e1", 28, NULL, "contact phone=a");
    ad(w, "e2", 33, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 1: e1\ncell 1 value 2: e1 e2, continues");
    withdraw(w, "e1");
    tick_gives(w, "cell 1 value 1: e2");
    free_world(w);
}

static void a_cell_behind_the_changed_ones_loses_continues_too(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 1, 2, 30);
    ad(w, "e1", 20, NULL, "contact phone=a");
    ad(w, "e2", 40, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 1: e1\ncell 1 value 1: e2, continues");
    withdraw(w, "e1"); /* its window reaches to 21 only; the next cell is judged all the same */
    tick_gives(w, "cell 1 value 1: e2");
    ad(w, "e3", 29, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 1: e3\ncell 1 value 1: e2, continues");
    free_world(w);
}

static void late_evidence_renames_nothing(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e2", 8, NULL, "contact phone=a");
    ad(w, "e3", 12, NULL, "contact phone=a");
    tick_gives(w, "cell 1 value 2: e2 e3");
    struct cw_id alert = w->rows[0].alert;
    ad(w, "e1", 5, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2\ncell 1 value 3: e1 e2 e3, continues");
    assert_true(row_index(w, alert) < w->row_count);
    free_world(w);
}

static void cells_are_floored_before_1970(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", -5, NULL, "contact phone=a");
    ad(w, "e2", -1, NULL, "contact phone=a");
    ad(w, "e3", 0, NULL, "contact phone=a");
    tick_gives(w, "cell -1 value 2: e1 e2\ncell 0 value 3: e1 e2 e3, continues");
    free_world(w);
}

static void a_member_without_the_counted_field_brings_no_value(void **state)
{
    (void)state;
    struct world *w = new_world();
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "country", 2, 10);
    ad(w, "e1", 1, "DE", "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    ad(w, "e3", 3, "RO", "contact phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2 e3");
    free_world(w);
}

static void the_greatest_value_is_reported(void **state)
{
    (void)state;
    struct world *w = new_world();
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "country", 2, 4);
    ad(w, "e1", 1, "DE", "contact phone=a");
    ad(w, "e2", 2, "RO", "contact phone=a");
    ad(w, "e3", 3, "AT", "contact phone=a");
    ad(w, "e4", 6, "DE", "contact phone=a");
    tick_gives(w, "cell 0 value 3: e1 e2 e3\ncell 1 value 2: e3 e4, continues");
    free_world(w);
}

static void gt_asks_for_more_than_gte(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    criterion(&w->rule[0])->above = true;
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    tick_gives(w, "");
    ad(w, "e3", 3, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 3: e1 e2 e3");
    free_world(w);
}

static void withdrawn_evidence_shrinks_the_row_then_ends_it(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    ad(w, "e3", 3, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 3: e1 e2 e3");
    withdraw(w, "e1");
    tick_gives(w, "cell 0 value 2: e2 e3");
    withdraw(w, "e2");
    tick_gives(w, "");
    withdraw(w, "e3");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void what_is_withdrawn_between_tick_and_close_is_never_sent(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    put_tick(w);
    withdraw(w, "e1");
    put_close(w);
    flush(w);
    expect(w, "");
    assert_int_equal(w->close_rows, 0);
    free_world(w);
}

static void a_row_that_did_not_change_is_not_sent_again(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2");
    tick_gives(w, "cell 0 value 2: e1 e2");
    assert_int_equal(w->close_rows, 0);
    /* the same for this rule, but it stands elsewhere in the log, and may read otherwise there */
    amend(w, fact_named(w, "e1"), make(w, "e1", "online_ad", 1, "RO", "contact phone=a", NULL));
    tick_gives(w, "cell 0 value 2: e1 e2");
    assert_int_equal(w->close_rows, 1);
    /* there and back inside one tick */
    ad(w, "e3", 3, NULL, "contact phone=a");
    put_tick(w);
    withdraw(w, "e3");
    put_close(w);
    flush(w);
    assert_int_equal(w->close_rows, 0);
    free_world(w);
}

/* --- keys --- */

static void an_event_counts_once_however_many_of_its_parts_lead_to_the_key(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad(w, "e1", 1, NULL, "contact phone=a; contact phone=b phone=a");
    tick_gives(w, "");
    ad(w, "e2", 2, NULL, "x phone=a; contact phone=b; contact phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2\ncell 0 value 2: e1 e2");
    char *whole = view(w, true);
    assert_non_null(strstr(whole, "0/a cell 0 value 2 count 2 [1, 2]: e1.0@1 e2.2@2"));
    assert_non_null(strstr(whole, "0/b cell 0 value 2 count 2 [1, 2]: e1.1@1 e2.1@2"));
    free(whole);
    free_world(w);
}

static void two_parts_of_one_entity_are_one_member_with_both_values(void **state)
{
    (void)state;
    struct world *w = new_world();
    value_rule(w, "online_ad", "party.person.entity", CW_MATCH_RESOLVED, "party.contact.id.phone",
               2, 10);
    ad(w, "e1", 1, NULL, "person passport=P1; person passport=P2; contact phone=a phone=b");
    tick_gives(w, "cell 0 value 2: e1\ncell 0 value 2: e1");
    move(w, record(w, "person passport=P2"), record(w, "person passport=P1"),
         record(w, "person passport=P1"));
    tick_gives(w, "cell 0 value 2: e1");
    char *whole = view(w, true);
    assert_non_null(strstr(whole, "count 1 [1, 1]: e1.0@1"));
    free(whole);
    free_world(w);
}

static void several_paths_make_the_product_of_their_values(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone party.person.id.passport", CW_MATCH_RAW, 1,
               10, 0);
    ad(w, "e1", 1, NULL, "contact phone=a phone=b; person passport=P1; person passport=P2");
    tick(w);
    assert_int_equal(w->row_count, 4);
    char *whole = view(w, true);
    assert_non_null(strstr(whole, " 0/a 0/XX:P1 "));
    assert_non_null(strstr(whole, " 0/b 0/XX:P2 "));
    free(whole);
    withdraw(w, "e1");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.lines"), 0);
    free_world(w);
}

static void one_record_may_stand_in_two_places_of_a_key(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.person.entity party.person.entity", CW_MATCH_RESOLVED, 2, 10,
               0);
    ad(w, "e1", 1, NULL, "person passport=P1");
    ad(w, "e2", 2, NULL, "person passport=P2");
    struct cw_id one = label_id(w, "A");
    move(w, record(w, "person passport=P1"), one, one);
    move(w, record(w, "person passport=P2"), one, one);
    tick_gives(w, "cell 0 value 2: e1 e2");
    withdraw(w, "e1");
    withdraw(w, "e2");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void a_missing_field_is_no_key_and_counted(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 1, 10, 0);
    ad(w, "e1", 1, NULL, "person phone=a");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.missing_key"), 1);
    assert_int_equal(cw_total_get(&w->totals, "detect.members"), 0);
    assert_int_equal(cw_total_get(&w->totals, "dedup.facts"), 7);
    free_world(w);
}

static void a_product_of_too_many_keys_is_cut_and_counted(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 9, 10, 0);
    struct fact *fact = make(w, "e1", "online_ad", 1, NULL, "contact phone=a", NULL);
    enum { MANY = 1500 };
    struct cw_identifier *ids = cw_arena_alloc(w->arena, MANY * sizeof(*ids));
    for (size_t i = 0; i < MANY; i++)
        ids[i] = (struct cw_identifier){ .kind = cw_cstr("phone"),
                                         .value = cw_arena_printf(w->arena, "%zu", i) };
    fact->event.parties[0].ids = ids;
    fact->event.parties[0].id_count = MANY;
    fact->body.len = 0;
    cw_event_write(&fact->event, &fact->body);
    put_fact(w, fact, 1, 0);
    tick(w);
    assert_int_equal(cw_total_get(&w->totals, "detect.members"), 1024);
    assert_int_equal(cw_total_get(&w->totals, "detect.over_product"), 1);
    withdraw(w, "e1");
    tick(w);
    holds_nothing(w);
    free_world(w);
}

/* --- standing --- */

static struct world *wanted_at_a_border(int64_t lookback)
{
    struct world *w = new_world();
    standing_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, lookback);
    return w;
}

static void a_notice_holds_from_valid_from_until_before_valid_to(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    notice(w, "n", 10, (struct interval){ 10, 20, 0 }, "subject passport=P1");
    cross(w, "e1", 9, "person passport=P1");
    cross(w, "e2", 10, "person passport=P1");
    cross(w, "e3", 20, "person passport=P1");
    tick(w);
    assert_int_equal(w->row_count, 1);
    assert_non_null(strstr(w->rows[0].whole, "cell 0 value 1 count 2 [10, 10]:"));
    assert_non_null(strstr(w->rows[0].whole, " e2.0@10"));
    assert_non_null(strstr(w->rows[0].whole, " n.0@10!"));
    char hex[CW_ID_HEX];
    cw_id_hex(fact_named(w, "n")->identity, hex);
    assert_non_null(strstr(w->rows[0].whole, hex));
    free_world(w);
}

static void a_notice_reaches_back_by_lookback(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(10);
    cross(w, "e1", 2, "person passport=P1");
    cross(w, "e2", 3, "person passport=P1");
    tick_gives(w, "");
    notice(w, "n", 12, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    tick_gives(w, "cell 0 value 1: e2 n");
    free_world(w);
}

static void a_cancel_ends_the_interval_and_keeps_what_was_hit_before(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    notice(w, "n", 0, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    cross(w, "e1", 5, "person passport=P1");
    cross(w, "e2", 50, "person passport=P1");
    tick_gives(w, "cell 0 value 1: n e1\ncell 1 value 1: n e2");
    amend(w, fact_named(w, "n"),
          make(w, "n", "notice", 0, NULL, "subject passport=P1", &(struct interval){ 0, 90, 40 }));
    tick_gives(w, "cell 0 value 1: n e1");
    withdraw(w, "n");
    tick_gives(w, "");
    free_world(w);
}

static void a_notice_without_an_end_stands(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    notice(w, "n", 0, (struct interval){ 0, 0, 0 }, "subject passport=P1; bystander passport=P2");
    cross(w, "e1", 5000, "person passport=P1");
    cross(w, "e2", 5001, "person passport=P1");
    cross(w, "e3", 5001, "person passport=P2");
    tick_gives(w, "cell 166 value 2: n e1 e2");
    free_world(w);
}

static void two_notices_on_one_person_are_two_alerts(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    notice(w, "n", 0, (struct interval){ 0, 0, 0 }, "subject passport=P1");
    notice(w, "m", 1, (struct interval){ 0, 6, 0 }, "subject passport=P1");
    cross(w, "e1", 5, "person passport=P1");
    cross(w, "e2", 7, "person passport=P1");
    tick_gives(w, "cell 0 value 1: m e1\ncell 0 value 2: n e1 e2");
    free_world(w);
}

static void a_notice_on_a_merged_record_is_one_and_shown_with_its_least_part(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    notice(w, "n", 0, (struct interval){ 0, 90, 0 }, "subject passport=P1; subject passport=P2");
    cross(w, "e1", 5, "person passport=P3");
    struct cw_id p1 = record(w, "person passport=P1");
    move(w, record(w, "person passport=P2"), p1, p1);
    move(w, record(w, "person passport=P3"), p1, p1);
    tick_gives(w, "cell 0 value 1: n e1");
    assert_non_null(strstr(w->rows[0].whole, "count 2 [0, 5]: n.0@0! e1.0@5"));
    move(w, p1, label_id(w, "elsewhere"), label_id(w, "elsewhere"));
    tick_gives(w, "cell 0 value 1: n e1");
    assert_non_null(strstr(w->rows[0].whole, "count 2 [0, 5]: n.1@0! e1.0@5"));
    free_world(w);
}

static void a_standing_rule_on_identifiers_meets_the_subjects_identifiers(void **state)
{
    (void)state;
    struct world *w = new_world();
    standing_rule(w, "border_crossing", "party.person.id.passport", CW_MATCH_RAW, 30);
    notice(w, "n", 0, (struct interval){ 0, 90, 0 }, "subject passport=P1 passport=P2");
    cross(w, "e1", 5, "person passport=P2 national_id=N1");
    tick_gives(w, "cell 0 value 1: n e1");
    assert_non_null(strstr(w->rows[0].whole, " 0/XX:P2 0/"));
    free_world(w);
}

static void no_event_hits_itself(void **state)
{
    (void)state;
    struct world *w = new_world();
    standing_rule(w, "notice", "party.subject.entity", CW_MATCH_RESOLVED, 30);
    notice(w, "n", 5, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    tick_gives(w, "");
    notice(w, "m", 6, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    tick_gives(w, "cell 0 value 1: n m\ncell 0 value 1: n m");
    withdraw(w, "n");
    withdraw(w, "m");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void evidence_keep_shows_the_earliest_and_the_latest_half_and_all_notices(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(90);
    w->rule[0].keep = 3;
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 1, 90, 0)->keep = 3;
    notice(w, "n", 4, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof(name), "e%d", i);
        cross(w, name, i * 2 + 1, "person passport=P1");
    }
    tick_gives(w, "cell 0 value 8: e0 e1 e7\ncell 0 value 8: e0 e1 n e7");
    char *whole = view(w, true);
    assert_non_null(strstr(whole, "count 8 [1, 15]"));
    assert_non_null(strstr(whole, "count 9 [1, 15]"));
    free(whole);
    free_world(w);
}

/* --- identity --- */

static void a_merge_joins_windows_and_a_split_divides_them(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 2, 10, 0);
    cross(w, "e1", 1, "person passport=P1");
    cross(w, "e2", 2, "person national_id=N1");
    tick_gives(w, "");
    struct cw_id one = record(w, "person passport=P1"), two = record(w, "person national_id=N1");
    move(w, two, one, one);
    tick_gives(w, "cell 0 value 2: e1 e2");
    move(w, two, two, two);
    tick_gives(w, "");
    free_world(w);
}

static void an_entity_with_another_name_has_another_alert(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 1, 10, 0);
    cross(w, "e1", 1, "person passport=P1");
    tick_gives(w, "cell 0 value 1: e1");
    struct cw_id alert = w->rows[0].alert;
    struct cw_id other = label_id(w, "renamed");
    move(w, record(w, "person passport=P1"), other, other);
    tick_gives(w, "cell 0 value 1: e1");
    assert_int_equal(w->close_rows, 2); /* one goes, one comes */
    assert_false(cw_id_eq(alert, w->rows[0].alert));
    char hex[CW_ID_HEX];
    cw_id_hex(other, hex);
    assert_non_null(strstr(w->rows[0].whole, hex));
    free_world(w);
}

static void exact_rules_follow_cores_and_resolved_rules_entities(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_EXACT, 2, 10, 0);
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 2, 10, 0);
    cross(w, "e1", 1, "person passport=P1");
    cross(w, "e2", 2, "person passport=P2");
    struct cw_id p1 = record(w, "person passport=P1"), p2 = record(w, "person passport=P2");
    move(w, p2, p2, p1);
    tick_gives(w, "cell 0 value 2: e1 e2");
    assert_int_equal(rule_number(w, (cw_str){ w->rows[0].whole, 7 }), 1);
    move(w, p2, p1, p1);
    tick_gives(w, "cell 0 value 2: e1 e2\ncell 0 value 2: e1 e2");
    free_world(w);
}

static void two_persons_who_become_one_count_as_one(void **state)
{
    (void)state;
    struct world *w = new_world();
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "party.person.entity", 3,
               10);
    ad(w, "e1", 1, NULL, "contact phone=a; person passport=P1");
    ad(w, "e2", 2, NULL, "contact phone=a; person national_id=N1");
    ad(w, "e3", 3, NULL, "contact phone=a; person national_id=N9");
    tick_gives(w, "cell 0 value 3: e1 e2 e3");
    struct cw_id one = record(w, "person passport=P1"), two = record(w, "person national_id=N1");
    move(w, two, one, one);
    tick_gives(w, "");
    move(w, two, two, two);
    tick_gives(w, "cell 0 value 3: e1 e2 e3");
    free_world(w);
}

static void who_states_too_little_is_a_value_but_no_key(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.person.entity", CW_MATCH_RESOLVED, 1, 10, 0);
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "party.person.entity", 3,
               10);
    ad(w, "e3", 3, NULL, "contact phone=a; person name=anna");
    ad(w, "e4", 4, NULL, "contact phone=a; person name=anna");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.weak_key"), 2);
    assert_int_equal(cw_total_get(&w->totals, "detect.missing_key"), 0);
    ad(w, "e1", 1, NULL, "contact phone=a; person passport=P1");
    ad(w, "e2", 2, NULL, "contact phone=a; person national_id=N1");
    tick_gives(w, "cell 0 value 1: e1\ncell 0 value 1: e2\ncell 0 value 3: e1 e2 e3 e4");
    free_world(w);
}

static void a_record_that_is_gone_is_no_key_until_it_is_back(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 1, 10, 0);
    cross(w, "e1", 1, "person passport=P1");
    tick_gives(w, "cell 0 value 1: e1");
    struct cw_id p1 = record(w, "person passport=P1");
    move(w, p1, (struct cw_id){ { 0 } }, (struct cw_id){ { 0 } });
    withdraw(w, "e1");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.lines"), 0);
    move(w, p1, p1, p1);
    cross(w, "e2", 1, "person passport=P1");
    tick_gives(w, "cell 0 value 1: e2");
    free_world(w);
}

/* --- several conditions, sums --- */

static void having_asks_for_all_conditions_over_one_window(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct cw_rule *rule =
        count_rule(w, "payment", "party.contact.id.phone", CW_MATCH_RAW, 2, 5, 0);
    having(w, rule, CW_MEASURE_SUM, "payment.amount", 5);
    pay(w, "e1", 1, 1, "contact phone=a");
    pay(w, "e2", 2, 4, "contact phone=a");
    pay(w, "e3", 6, 2, "contact phone=a");
    tick_gives(w, "cell 0 value 2/5: e1 e2\ncell 1 value 2/6: e2 e3, continues");
    withdraw(w, "e2");
    tick_gives(w, "");
    withdraw(w, "e1");
    withdraw(w, "e3");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static struct world *sums_of_an_account(int64_t threshold)
{
    struct world *w = new_world();
    sum_rule(w, "payment", "object.payee_account.id.iban", CW_MATCH_RAW, "payment.amount",
             threshold, 10);
    return w;
}

static void a_sum_is_of_amounts_each_event_once(void **state)
{
    (void)state;
    struct world *w = sums_of_an_account(10);
    pay(w, "p1", 1, 4, "payee_account iban=A; payee_account iban=A; payee_account iban=B");
    pay(w, "p2", 2, 3, "payee_account iban=A iban=A");
    tick_gives(w, "");
    pay(w, "p3", 3, 3, "payee_account iban=A");
    tick_gives(w, "cell 0 value 10: p1 p2 p3");
    /* the amount alone is amended */
    w->next.amount = 5;
    amend(w, fact_named(w, "p3"), make(w, "p3", "payment", 3, NULL, "payee_account iban=A", NULL));
    tick_gives(w, "cell 0 value 12: p1 p2 p3");
    free_world(w);
}

static void a_sum_beyond_the_numbers_is_the_greatest_of_them_and_comes_back(void **state)
{
    (void)state;
    struct world *w = sums_of_an_account(10);
    pay(w, "p1", 1, INT64_MAX, "payee_account iban=A");
    pay(w, "p2", 2, INT64_MAX, "payee_account iban=A");
    pay(w, "p3", 11, 7, "payee_account iban=A");
    pay(w, "p4", 12, 5, "payee_account iban=A");
    tick_gives(w, "cell 0 value 9223372036854775807: p1 p2\n"
                  "cell 1 value 9223372036854775807: p2 p3 p4, continues");
    withdraw(w, "p2");
    tick_gives(w, "cell 0 value 9223372036854775807: p1\ncell 1 value 12: p3 p4");
    free_world(w);
}

static void an_amount_below_zero_is_none_and_counted(void **state)
{
    (void)state;
    struct world *w = sums_of_an_account(1);
    pay(w, "p1", 1, -5, "payee_account iban=A");
    pay(w, "p2", 2, 2, "payee_account iban=A");
    tick_gives(w, "cell 0 value 2: p1 p2");
    assert_int_equal(cw_total_get(&w->totals, "detect.negative_sums"), 1);
    free_world(w);
}

static void the_values_are_those_of_the_greatest_anchor_in_the_order_written(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct cw_rule *rule =
        value_rule(w, "payment", "party.contact.id.phone", CW_MATCH_RAW, "country", 1, 3);
    having(w, rule, CW_MEASURE_SUM, "payment.amount", 1);
    having(w, rule, CW_MEASURE_EVENTS, NULL, 1);
    rule->cell_span = 100;
    pay(w, "p1", 1, 9, "contact phone=a");
    tick_gives(w, "");
    w->next.amount = 1;
    put_fact(w, make(w, "p2", "payment", 2, "DE", "contact phone=a", NULL), 1, 0);
    w->next.amount = 2;
    put_fact(w, make(w, "p3", "payment", 4, "DE", "contact phone=a", NULL), 1, 0);
    pay(w, "p4", 5, 1, "contact phone=a");
    tick_gives(w, "cell 0 value 1/10/2: p1 p2 p3 p4");
    free_world(w);
}

static void two_counted_fields_are_two_sets_of_values(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct cw_rule *rule = value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW,
                                      "party.person.id.phone", 2, 10);
    having(w, rule, CW_MEASURE_VALUES, "party.person.id.passport", 3);
    ad(w, "e1", 1, NULL, "contact phone=a; person phone=x passport=P1");
    ad(w, "e2", 2, NULL, "contact phone=a; person phone=x passport=P2; person passport=P3");
    tick_gives(w, "");
    ad(w, "e3", 3, NULL, "contact phone=a; person phone=y");
    tick_gives(w, "cell 0 value 2/3: e1 e2 e3");
    assert_int_equal(cw_total_get(&w->totals, "detect.entries"), 6); /* and no product of fields */
    free_world(w);
}

/* --- aliases --- */

static void an_alias_joins_fields_of_different_selections(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct cw_rule *rule =
        count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 2, 10, 0);
    also(w, rule, all_of(w, "border_crossing"), &rule->group_by[0], "party.caller.id.phone");
    ad(w, "e1", 1, NULL, "contact phone=a; caller phone=b");
    cross(w, "e2", 2, "contact phone=b; caller phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2");
    assert_non_null(strstr(w->rows[0].whole, " 0/a cell"));
    free_world(w);
}

static void an_event_is_one_member_by_whichever_selection_it_comes(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct cw_rule *rule = value_rule(w, "payment", "party.contact.id.phone", CW_MATCH_RAW,
                                      "party.person.id.passport", 1, 10);
    having(w, rule, CW_MEASURE_SUM, "payment.amount", 1);
    also(w, rule, those_with(w, "payment", "country"), &rule->group_by[0], "party.person.id.phone");
    w->next.amount = 7;
    put_fact(w,
             make(w, "p1", "payment", 1, "DE",
                  "person phone=a phone=b passport=P1; contact phone=a", NULL),
             1, 0);
    tick_gives(w, "cell 0 value 1/7: p1\ncell 0 value 1/7: p1");
    char *whole = view(w, true);
    assert_non_null(strstr(whole, "0/a cell 0 value 1/7 count 1 [1, 1]: p1.0@1"));
    free(whole);
    withdraw(w, "p1");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void a_detection_with_a_level_gives_an_alert_an_event(void **state)
{
    (void)state;
    struct world *w = new_world();
    alone_rule(w, "online_ad");
    ad(w, "e1", -1, NULL, "contact phone=a");
    ad(w, "e2", -1, NULL, "contact phone=a");
    tick_gives(w, "cell -1 value 1: e1\ncell -1 value 1: e2");
    char *whole = view(w, true);
    assert_non_null(strstr(whole, " 0/A/e1 cell"));
    assert_non_null(strstr(whole, " 0/A/e2 cell"));
    free(whole);
    free_world(w);
}

/* --- cross_border --- */

static struct world *across_borders(void)
{
    struct world *w = new_world();
    cross_border(w, count_rule(w, "payment", "party.contact.id.phone", CW_MATCH_RAW, 1, 10, 0));
    return w;
}

static void pay_in(struct world *w, const char *name, int64_t time, const char *country,
                   const char *payer_country)
{
    w->next.payer_country = payer_country;
    put_fact(w, make(w, name, "payment", time, country, "contact phone=a", NULL), 1, 0);
}

static void what_happened_in_two_countries_was_committed_in_two(void **state)
{
    (void)state;
    struct world *w = across_borders();
    pay_in(w, "p1", 1, "DE", NULL);
    tick_gives(w, "");
    pay_in(w, "p2", 2, "RO", "DE");
    tick_gives(w, "cell 0 value 2: p1 p2");
    assert_non_null(strstr(w->rows[0].whole, " limb 1 DE RO"));
    free_world(w);
}

static void what_names_another_country_has_effects_there(void **state)
{
    (void)state;
    struct world *w = across_borders();
    pay_in(w, "p1", 1, "DE", "DE");
    pay_in(w, "p2", 2, NULL, "RO");
    pay_in(w, "p3", 3, "DE", NULL);
    tick_gives(w, "cell 0 value 3: p1 p2 p3");
    assert_non_null(strstr(w->rows[0].whole, " limb 2 DE RO"));
    free_world(w);
}

/* --- purposes, audiences, restrictions --- */

static struct world *two_ads_for(const char *purpose)
{
    struct world *w = two_ads_of_a_phone(0);
    cw_str *purposes = cw_arena_alloc(w->arena, sizeof(*purposes));
    purposes[0] = cw_cstr(purpose);
    for_purposes(&w->rule[0], purposes, 1);
    return w;
}

static void ad_under(struct world *w, const char *name, int64_t time, struct demand demand,
                     const char *parts)
{
    w->next.restriction = demanding(w, demand);
    ad(w, name, time, NULL, parts);
}

static void what_is_for_other_purposes_is_no_member(void **state)
{
    (void)state;
    struct world *w = two_ads_for("a");
    ad_under(w, "e1", 1, (struct demand){ ALL, 2, 0, 0 }, "contact phone=a");
    ad_under(w, "e2", 2, (struct demand){ ALL, 3, 0, 0 }, "contact phone=a");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.no_purpose_events"), 1);
    ad(w, "e3", 3, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 2: e2 e3");
    assert_non_null(strstr(w->rows[0].whole, "| {\"purposes\":[\"a\",\"b\"]} until"));
    for (int i = 1; i <= 3; i++)
        withdraw(w, i == 1 ? "e1" : i == 2 ? "e2" : "e3");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void a_row_demands_what_all_its_evidence_demands_shown_or_not(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    w->rule[0].keep = 2;
    w->next.retain = 50;
    ad_under(w, "e1", 1, (struct demand){ 3, ALL, 1, 2 }, "contact phone=a");
    w->next.retain = 40;
    ad_under(w, "e2", 2, (struct demand){ 6, ALL, 4, 0 }, "contact phone=a");
    ad(w, "e3", 3, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 3: e1 e3");
    assert_non_null(strstr(w->rows[0].whole, "| {\"audience\":[\"b\"],\"codes\":[\"H1\",\"H3\"],"
                                             "\"tlp\":\"GREEN\"} until 40 "));
    free_world(w);
}

static void an_alert_that_nobody_may_see_goes_and_comes_back(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad_under(w, "e1", 1, (struct demand){ 1, ALL, 0, 0 }, "contact phone=a");
    ad_under(w, "e2", 2, (struct demand){ 3, ALL, 0, 0 }, "contact phone=a");
    tick_gives(w, "cell 0 value 2: e1 e2");
    ad_under(w, "e3", 3, (struct demand){ 2, ALL, 0, 0 }, "contact phone=a");
    tick_gives(w, "");
    assert_int_equal(w->close_rows, 1);
    assert_int_equal(cw_total_get(&w->totals, "detect.no_audience"), 1);
    ad(w, "e4", 4, NULL, "contact phone=a"); /* still withheld, and not counted again */
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.no_audience"), 1);
    withdraw(w, "e3");
    tick_gives(w, "cell 0 value 3: e1 e2 e4");
    free_world(w);
}

static void no_alert_continues_one_that_nobody_may_see(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    ad_under(w, "e1", 7, (struct demand){ 1, ALL, 0, 0 }, "contact phone=a");
    ad_under(w, "e2", 9, (struct demand){ 0, ALL, 0, 0 }, "contact phone=a");
    ad(w, "e3", 18, NULL, "contact phone=b");
    ad_under(w, "e4", 18, (struct demand){ 3, ALL, 0, 0 }, "contact phone=a");
    ad(w, "e5", 19, NULL, "contact phone=a");
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.no_audience"), 2);
    amend(w, fact_named(w, "e2"), make(w, "e2", "online_ad", 9, NULL, "contact phone=a", NULL));
    tick_gives(w, "cell 0 value 2: e1 e2\ncell 1 value 2: e2 e4 e5, continues");
    w->next.restriction = demanding(w, (struct demand){ 4, ALL, 0, 0 });
    amend(w, fact_named(w, "e1"), make(w, "e1", "online_ad", 7, NULL, "contact phone=a", NULL));
    tick_gives(w, "cell 0 value 2: e1 e2\ncell 1 value 2: e2 e4 e5, continues");
    w->next.restriction = demanding(w, (struct demand){ 0, ALL, 0, 0 });
    amend(w, fact_named(w, "e1"), make(w, "e1", "online_ad", 7, NULL, "contact phone=a", NULL));
    tick_gives(w, "cell 1 value 2: e2 e4 e5");
    free_world(w);
}

static void what_entities_rest_on_is_demanded_too(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "online_ad", "party.person.entity", CW_MATCH_RESOLVED, 1, 10, 0);
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "party.person.entity", 1,
               10);
    ad(w, "e1", 1, NULL, "contact phone=a; person passport=P1");
    tick_gives(w, "cell 0 value 1: e1\ncell 0 value 1: e1");
    assert_non_null(strstr(w->rows[0].whole, "|  until"));
    struct cw_id entity = record(w, "person passport=P1");
    rebase(w, entity, demanding(w, (struct demand){ 1, ALL, 0, 0 }));
    tick_gives(w, "cell 0 value 1: e1\ncell 0 value 1: e1");
    assert_int_equal(w->close_rows, 2);
    assert_non_null(strstr(w->rows[0].whole, "| {\"audience\":[\"a\"]} until"));
    assert_non_null(strstr(w->rows[1].whole, "| {\"audience\":[\"a\"]} until"));
    rebase(w, entity, demanding(w, (struct demand){ ALL, 4, 0, 0 })); /* not for these rules */
    tick_gives(w, "");
    assert_int_equal(cw_total_get(&w->totals, "detect.no_purpose"), 2);
    rebase(w, entity, 0);
    tick_gives(w, "cell 0 value 1: e1\ncell 0 value 1: e1");
    free_world(w);
}

static void a_hit_demands_what_its_notice_demands(void **state)
{
    (void)state;
    struct world *w = wanted_at_a_border(30);
    w->next.restriction = demanding(w, (struct demand){ ALL, ALL, 2, 5 });
    w->next.retain = 70;
    notice(w, "n", 0, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    cross(w, "e1", 5, "person passport=P1");
    tick_gives(w, "cell 0 value 1: n e1");
    assert_non_null(strstr(w->rows[0].whole, "| {\"codes\":[\"H2\"],\"tlp\":\"RED\"} until 70 "));
    w->next.restriction = demanding(w, (struct demand){ ALL, 1, 0, 0 }); /* the rule has none */
    notice(w, "m", 0, (struct interval){ 0, 90, 0 }, "subject passport=P1");
    tick_gives(w, "cell 0 value 1: n e1");
    assert_int_equal(cw_total_get(&w->totals, "detect.no_purpose_events"), 1);
    free_world(w);
}

static void a_shadow_rule_is_judged_counted_and_not_sent(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    w->rule[0].mode = CW_MODE_SHADOW;
    count_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, 3, 10, 0);
    ad(w, "e1", 1, NULL, "contact phone=a");
    ad(w, "e2", 2, NULL, "contact phone=a");
    tick_gives(w, "");
    ad(w, "e3", 3, NULL, "contact phone=a");
    tick_gives(w, "cell 0 value 3: e1 e2 e3");
    assert_int_equal(cw_total_get(&w->totals, "detect.shadow_rows"), 2);
    assert_int_equal(cw_total_get(&w->totals, "detect.shadow.rule-00"), 2);
    assert_int_equal(cw_total_get(&w->totals, "detect.rows_sent"), 1);
    withdraw(w, "e1");
    withdraw(w, "e2");
    withdraw(w, "e3");
    tick_gives(w, "");
    holds_nothing(w);
    free_world(w);
}

static void a_number_that_nothing_introduced_is_damage(void **state)
{
    (void)state;
    for (int basis = 0; basis < 2; basis++) {
        struct world *w = new_world();
        count_rule(w, "online_ad", "party.person.entity", CW_MATCH_RESOLVED, 1, 10, 0);
        struct fact *fact = make(w, "e1", "online_ad", 1, NULL, "person passport=P1", NULL);
        if (basis)
            *basis_of_entity(w, fact->records[0]) = 3;
        else
            fact->restriction = 3;
        put_fact(w, fact, 1, 0);
        start(w, 1);
        const struct cw_frame *frame = cw_frame_at(&w->frames, 0);
        assert_int_equal(cw_chain_push(w->chain, &frame, 1), CW_EXIT_DAMAGED);
        free_world(w);
    }
}

/* --- the slow definition: all rows from the facts that hold and what their records belong to ---
 */

enum { PLACES = 3, REACHED_MAX = 4096, KEY_MAX = 512, CRITERIA_MAX = 8 };

struct reached {
    struct cw_id ids[PLACES];
    cw_str texts[PLACES];
    uint8_t entity[PLACES];
    struct cw_id records[PLACES];
    uint16_t part;
    const struct fact *fact;
};

struct reach {
    struct reached of[REACHED_MAX];
    size_t count;
};

static struct cw_id target(struct world *w, const struct cw_rule *rule, struct cw_id record)
{
    const struct belonging *at = belonging_of(w, record);
    return rule->match == CW_MATCH_EXACT ? at->core : at->entity;
}

/* The id of a value on a path as a key or a counted value. */
static struct cw_id value_id(struct world *w, const struct cw_rule *rule, cw_str text,
                             const struct cw_path *path, const struct fact *fact,
                             const struct cw_found *found)
{
    if (path->what == CW_WHAT_ENTITY)
        return target(w, rule, fact->records[found->part]);
    if (path->what == CW_WHAT_ID || path->what == CW_WHAT_KEY)
        return cw_id_raw(&w->secret, found->kind, found->issuer, found->text);
    return cw_id_raw_field(&w->secret, text, found->text);
}

static void reach_place(struct world *w, const struct cw_rule *rule, const struct fact *fact,
                        size_t s, const char *role, struct reach *out, struct reached so_far,
                        size_t place)
{
    if (place == rule->group_by_count) {
        assert_true(out->count < REACHED_MAX);
        out->of[out->count++] = so_far;
        return;
    }
    if (rule->group_by[place].paths[s] == NULL)
        return;
    struct cw_path path = *rule->group_by[place].paths[s];
    if (role != NULL)
        path.role = cw_cstr(role);
    struct cw_found *found;
    size_t count = cw_path_values(&path, &fact->event, w->arena, &found);
    for (size_t i = 0; i < count; i++) {
        bool entity = path.what == CW_WHAT_ENTITY;
        if (entity && fact->weak[found[i].part])
            continue;
        struct reached next = so_far;
        next.ids[place] = value_id(w, rule, rule->group_by[place].text, &path, fact, &found[i]);
        next.entity[place] = entity;
        if (entity) {
            char hex[CW_ID_HEX];
            cw_id_hex(next.ids[place], hex);
            next.texts[place] = cw_arena_copy(w->arena, hex, 32);
            next.records[place] = fact->records[found[i].part];
        } else {
            next.texts[place] = cw_found_text(&found[i], w->arena);
        }
        next.part = place == 0 || found[i].part < next.part ? found[i].part : next.part;
        reach_place(w, rule, fact, s, role, out, next, place + 1);
    }
}

static bool has_purpose(const struct cw_rule *rule, struct demand demand)
{
    bool allowed = demand.purposes == ALL;
    for (size_t i = 0; i < rule->purpose_count; i++)
        allowed |= (demand.purposes >> (rule->purposes[i].ptr[0] - 'a') & 1) != 0;
    return allowed;
}

static bool is_held(struct world *w, const struct cw_selection *selection, const struct fact *fact)
{
    return fact->type->number == selection->type &&
           cw_selection_holds(selection, &fact->event, w->arena);
}

/* Which facts lead to which keys: as members, or, with a role, as notices. */
static void reach_all(struct world *w, const struct cw_rule *rule, const char *role,
                      struct reach *out)
{
    out->count = 0;
    for (size_t i = 0; i < w->fact_count; i++) {
        const struct fact *fact = &w->facts[i];
        if (!fact->holds || !has_purpose(rule, w->demands[fact->restriction]))
            continue;
        bool stands = role != NULL && is_held(w, rule->on[0], fact);
        for (size_t s = 0; s < rule->selection_count; s++) {
            if (stands || (role == NULL && is_held(w, rule->selections[s], fact)))
                reach_place(w, rule, fact, s, role, out, (struct reached){ .fact = fact }, 0);
        }
    }
}

static bool same_key(const struct cw_rule *rule, const struct reached *a, const struct reached *b)
{
    for (size_t i = 0; i < rule->group_by_count; i++) {
        if (!cw_id_eq(a->ids[i], b->ids[i]))
            return false;
    }
    return true;
}

static int in_order(const void *left, const void *right)
{
    const struct reached *a = left, *b = right;
    if (a->fact->time != b->fact->time)
        return a->fact->time < b->fact->time ? -1 : 1;
    int order = cw_id_cmp(a->fact->identity, b->fact->identity);
    return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

/* Those of one key, in canonical order, each fact once with its least part; and what the entities
 * of the key demand. */
static size_t of_key(struct world *w, const struct cw_rule *rule, const struct reach *all,
                     const struct reached *key, struct reached *out, struct demand *demand)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!same_key(rule, &all->of[i], key))
            continue;
        assert_true(count < KEY_MAX);
        out[count++] = all->of[i];
        for (size_t p = 0; p < rule->group_by_count; p++) {
            if (!all->of[i].entity[p])
                continue;
            struct cw_id entity = belonging_of(w, all->of[i].records[p])->entity;
            *demand = join_demands(*demand, w->demands[*basis_of_entity(w, entity)]);
        }
    }
    qsort(out, count, sizeof(*out), in_order);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || out[kept - 1].fact != out[i].fact)
            out[kept++] = out[i];
    }
    return kept;
}

/* Distinct values of the field over the facts; *demand: joined with what the entities among them
 * demand. */
static int64_t distinct_values(struct world *w, const struct cw_rule *rule,
                               const struct cw_lookup *field, const struct reached *window,
                               size_t count, struct demand *demand)
{
    static struct cw_id seen[4096];
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        const struct fact *fact = window[i].fact;
        for (size_t s = 0; s < rule->selection_count; s++) {
            const struct cw_path *path = field->paths[s];
            struct cw_found *found;
            if (path == NULL || !is_held(w, rule->selections[s], fact))
                continue;
            size_t n = cw_path_values(path, &fact->event, w->arena, &found);
            for (size_t f = 0; f < n; f++) {
                struct cw_id id = value_id(w, rule, field->text, path, fact, &found[f]);
                size_t at = 0;
                while (at < distinct && !cw_id_eq(seen[at], id))
                    at++;
                if (at == distinct)
                    seen[distinct++] = id;
                if (path->what != CW_WHAT_ENTITY || demand == NULL)
                    continue;
                struct cw_id entity = belonging_of(w, fact->records[found[f].part])->entity;
                *demand = join_demands(*demand, w->demands[*basis_of_entity(w, entity)]);
            }
        }
    }
    return (int64_t)distinct;
}

static int64_t sum_of(struct world *w, const struct cw_rule *rule, const struct cw_lookup *field,
                      const struct reached *window, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < rule->selection_count; s++) {
            struct cw_found *found;
            if (field->paths[s] == NULL || !is_held(w, rule->selections[s], window[i].fact) ||
                cw_path_values(field->paths[s], &window[i].fact->event, w->arena, &found) == 0)
                continue;
            if (found[0].number > 0 && __builtin_add_overflow(sum, found[0].number, &sum))
                sum = INT64_MAX; /* and no amount takes it down again */
            break;
        }
        if (sum == INT64_MAX)
            break;
    }
    return sum;
}

/* The countries of the facts, sorted, and the limb that they show. */
static size_t countries_of(struct world *w, const struct reached *window, const bool *used,
                           size_t count, cw_str *out, int *limb)
{
    size_t n = 0;
    cw_str own = { 0 };
    *limb = CW_LIMB_EFFECTS;
    for (size_t i = 0; i < count; i++) {
        cw_str *countries, one;
        if (used != NULL && !used[i])
            continue;
        size_t found = cw_event_countries(&window[i].fact->event, w->arena, &countries, &one);
        for (size_t c = 0; c < found; c++) {
            size_t at = n;
            while (at > 0 && cw_str_cmp(out[at - 1], countries[c]) > 0)
                at--;
            if (at > 0 && cw_str_eq(out[at - 1], countries[c]))
                continue;
            memmove(out + at + 1, out + at, (n++ - at) * sizeof(*out));
            out[at] = countries[c];
        }
        if (one.len != 0 && own.len != 0 && !cw_str_eq(one, own))
            *limb = CW_LIMB_COMMITTED;
        own = one.len != 0 ? one : own;
    }
    return n;
}

/* The values of all criteria on the window; false: one does not hold. */
static bool window_values(struct world *w, const struct cw_rule *rule, const struct reached *window,
                          size_t count, int64_t *values)
{
    bool all = true;
    for (size_t i = 0; i < rule->criterion_count; i++) {
        const struct cw_criterion *asked = &rule->criteria[i];
        cw_str countries[700];
        int limb;
        values[i] = asked->measure == CW_MEASURE_EVENTS ? (int64_t)count
                    : asked->measure == CW_MEASURE_VALUES
                        ? distinct_values(w, rule, asked->field, window, count, NULL)
                    : asked->measure == CW_MEASURE_SUM
                        ? sum_of(w, rule, asked->field, window, count)
                        : (int64_t)countries_of(w, window, NULL, count, countries, &limb);
        all &= asked->above ? values[i] > asked->threshold : values[i] >= asked->threshold;
    }
    return all;
}

struct lines {
    char *of[FACTS_MAX];
    size_t count;
};

/* What is found of one key. */
struct found_key {
    const struct cw_rule *rule;
    const struct reached *m;
    size_t count;
    struct demand demand; /* of its entities */
};

/* What all of an alert's evidence demands. */
static struct demand demand_of(struct world *w, const struct found_key *key,
                               const struct reached *notice, const bool *used)
{
    struct demand demand = key->demand;
    for (size_t i = 0; i < key->count; i++) {
        if (!used[i])
            continue;
        demand = join_demands(demand, w->demands[key->m[i].fact->restriction]);
        for (size_t c = 0; c < key->rule->criterion_count; c++) {
            if (key->rule->criteria[c].measure == CW_MEASURE_VALUES)
                distinct_values(w, key->rule, key->rule->criteria[c].field, &key->m[i], 1, &demand);
        }
    }
    if (notice != NULL)
        demand = join_demands(demand, w->demands[notice->fact->restriction]);
    return demand;
}

static bool is_withheld(const struct cw_rule *rule, struct demand demand)
{
    return !has_purpose(rule, demand) || demand.audiences == 0;
}

static void add_line(struct world *w, const struct found_key *found, const struct reached *notice,
                     int64_t cell, const int64_t *values, bool continues, const bool *used,
                     struct lines *out)
{
    const struct cw_rule *rule = found->rule;
    const struct reached *key = &found->m[0];
    struct demand demand = demand_of(w, found, notice, used);
    if (is_withheld(rule, demand) || rule->mode == CW_MODE_SHADOW)
        return;
    struct cw_id ids[PLACES + 1];
    struct reached all[KEY_MAX + 1];
    size_t n = 0, keys = rule->group_by_count;
    int64_t expires = CW_TIME_MAX;
    memcpy(ids, key->ids, keys * sizeof(*ids));
    if (notice != NULL) {
        ids[keys++] = notice->fact->identity;
        all[n++] = *notice;
    }
    for (size_t i = 0; i < found->count; i++) {
        if (used[i])
            all[n++] = found->m[i];
    }
    qsort(all, n, sizeof(*all), in_order);
    struct cw_id alert = cw_id_alert(&w->secret, rule->id, rule->cell_span, ids, keys, cell);
    struct cw_buf buf = { 0 };
    char hex[CW_ID_HEX];
    cw_id_hex(alert, hex);
    cw_buf_printf(&buf, "%.*s %s", CW_STR_ARG(rule->id), hex);
    for (size_t i = 0; i < rule->group_by_count; i++)
        cw_buf_printf(&buf, " %u/%.*s", key->entity[i], CW_STR_ARG(key->texts[i]));
    if (notice != NULL) {
        cw_id_hex(notice->fact->identity, hex);
        cw_buf_printf(&buf, " 0/%s", hex);
    }
    int64_t shown[CRITERIA_MAX];
    size_t shown_count = 0;
    for (size_t i = 0; i < rule->criterion_count; i++) {
        if (rule->criteria[i].shown)
            shown[shown_count++] = values[i];
    }
    if (rule->criterion_count == 0)
        shown[shown_count++] = values[0];
    cw_buf_printf(&buf, " cell %lld value ", (long long)cell);
    put_values(&buf, shown, shown_count);
    cw_buf_printf(&buf, " count %u [%lld, %lld]%s:", (unsigned)n, (long long)all[0].fact->time,
                  (long long)all[n - 1].fact->time, continues ? " continues" : "");
    for (size_t i = 0; i < n; i++) {
        cw_buf_printf(&buf, " %s.%u@%lld%s", all[i].fact->name, all[i].part,
                      (long long)all[i].fact->time,
                      notice != NULL && all[i].fact == notice->fact ? "!" : "");
        expires = all[i].fact->retain < expires ? all[i].fact->retain : expires;
    }
    cw_str countries[700];
    int limb = CW_LIMB_NONE;
    size_t country_count = 0;
    if (rule->cross_border)
        country_count = countries_of(w, found->m, used, found->count, countries, &limb);
    put_demands(&buf, demand_text(w, demand), expires, limb, countries, country_count);
    cw_buf_u8(&buf, 0);
    assert_true(out->count < FACTS_MAX);
    out->of[out->count++] = (char *)buf.data;
}

/* The satisfied anchors of a key. */
struct anchors {
    int64_t values[KEY_MAX][CRITERIA_MAX];
    int64_t cells[KEY_MAX];
    size_t oldest[KEY_MAX];
    bool satisfied[KEY_MAX];
};

/* The evidence of the cell; false: there is no alert. */
static bool evidence_of(const struct found_key *key, const struct anchors *anchors, int64_t cell,
                        bool *used)
{
    bool any = false;
    memset(used, 0, KEY_MAX * sizeof(*used));
    for (size_t j = 0; j < key->count; j++) {
        if (!anchors->satisfied[j] || anchors->cells[j] != cell)
            continue;
        any = true;
        for (size_t y = anchors->oldest[j]; y <= j; y++)
            used[y] = true;
    }
    return any;
}

static bool greater_values(const struct cw_rule *rule, const int64_t *a, const int64_t *b)
{
    for (size_t i = 0; i < rule->criterion_count; i++) {
        if (rule->criteria[i].shown && a[i] != b[i])
            return a[i] > b[i];
    }
    return false;
}

static void define_windows(struct world *w, const struct found_key *key, struct lines *out)
{
    static struct anchors at;
    const struct cw_rule *rule = key->rule;
    for (size_t i = 0; i < key->count; i++) {
        for (at.oldest[i] = 0;
             key->m[at.oldest[i]].fact->time <= key->m[i].fact->time - rule->timespan;)
            at.oldest[i]++;
        at.satisfied[i] =
            window_values(w, rule, key->m + at.oldest[i], i + 1 - at.oldest[i], at.values[i]);
        at.cells[i] = cw_floor_div(key->m[i].fact->time, rule->cell_span);
    }
    for (size_t i = 0; i < key->count; i++) {
        bool first = at.satisfied[i], continues = false, used[KEY_MAX];
        for (size_t j = 0; j < i; j++)
            first &= !(at.satisfied[j] && at.cells[j] == at.cells[i]);
        if (!first)
            continue;
        size_t best = i;
        for (size_t j = 0; j < key->count; j++) {
            if (!at.satisfied[j])
                continue;
            continues |= at.cells[j] == at.cells[i] - 1 &&
                         key->m[i].fact->time - key->m[j].fact->time < rule->cell_span;
            if (at.cells[j] == at.cells[i] && greater_values(rule, at.values[j], at.values[best]))
                best = j;
        }
        /* an alert that nobody may see is continued by none */
        if (continues && evidence_of(key, &at, at.cells[i] - 1, used))
            continues = !is_withheld(rule, demand_of(w, key, NULL, used));
        evidence_of(key, &at, at.cells[i], used);
        add_line(w, key, NULL, at.cells[i], at.values[best], continues, used, out);
    }
}

static int64_t detail_or(const struct fact *fact, const char *name, int64_t absent)
{
    const struct cw_value *value = &fact->event.detail[cw_type_field(fact->type, cw_cstr(name))];
    return value->present ? value->number : absent;
}

static void define_standing(struct world *w, const struct found_key *key,
                            const struct reached *notices, size_t notice_count, struct lines *out)
{
    const struct cw_rule *rule = key->rule;
    for (size_t n = 0; n < notice_count; n++) {
        const struct fact *notice = notices[n].fact;
        bool hit[KEY_MAX], done[KEY_MAX] = { false };
        for (size_t i = 0; i < key->count; i++) {
            int64_t time = key->m[i].fact->time;
            hit[i] = time >= detail_or(notice, "valid_from", 0) &&
                     time < detail_or(notice, "valid_to", INT64_MAX) &&
                     time < detail_or(notice, "cancelled_at", INT64_MAX) &&
                     time > notice->recorded - rule->lookback;
        }
        for (size_t i = 0; i < key->count; i++) {
            if (!hit[i] || done[i])
                continue;
            bool used[KEY_MAX] = { false };
            int64_t cell = cw_floor_div(key->m[i].fact->time, rule->cell_span), value = 0;
            for (size_t j = i; j < key->count; j++) {
                if (!hit[j] || cw_floor_div(key->m[j].fact->time, rule->cell_span) != cell)
                    continue;
                used[j] = done[j] = true;
                value++;
            }
            add_line(w, key, &notices[n], cell, &value, false, used, out);
        }
    }
}

static char *define(struct world *w)
{
    struct lines *lines = cw_new(struct lines);
    struct reach *members = cw_new(struct reach), *notices = cw_new(struct reach);
    struct reached *m = cw_alloc(KEY_MAX * sizeof(*m)), *n = cw_alloc(KEY_MAX * sizeof(*n));
    for (size_t r = 0; r < w->rules.count; r++) {
        const struct cw_rule *rule = &w->rule[r];
        reach_all(w, rule, NULL, members);
        notices->count = 0;
        if (rule->type == CW_RULE_STANDING)
            reach_all(w, rule, "subject", notices);
        for (size_t i = 0; i < members->count; i++) {
            bool first = true;
            for (size_t j = 0; j < i; j++)
                first &= !same_key(rule, &members->of[i], &members->of[j]);
            if (!first)
                continue;
            struct found_key key = { .rule = rule, .m = m, .demand = no_demand };
            key.count = of_key(w, rule, members, &members->of[i], m, &key.demand);
            size_t stands = of_key(w, rule, notices, &members->of[i], n, &key.demand);
            if (rule->type == CW_RULE_STANDING)
                define_standing(w, &key, n, stands, lines);
            else
                define_windows(w, &key, lines);
        }
    }
    qsort(lines->of, lines->count, sizeof(char *), compare_strings);
    struct cw_buf buf = { 0 };
    for (size_t i = 0; i < lines->count; i++) {
        cw_buf_printf(&buf, "%s%s", i != 0 ? "\n" : "", lines->of[i]);
        free(lines->of[i]);
    }
    cw_buf_u8(&buf, 0);
    free(lines);
    free(members);
    free(notices);
    free(m);
    free(n);
    return (char *)buf.data;
}

/* --- random facts, in any order, under random moves --- */

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % below);
}

static const char *const persons[] = { "passport=P1", "passport=P2", "national_id=N1",
                                       "passport=P3", "name=anna",   "name=anna born=1980-01-01",
                                       "name=bea" };
enum { PERSONS = sizeof(persons) / sizeof(persons[0]) };
static const char *const phones[] = { "phone=a", "phone=b", "phone=a phone=b" };

/* Several conditions, sums, aliases, countries. */
static void more_kinds_of_rules(struct world *w)
{
    static const char phone[] = "party.contact.id.phone", person[] = "party.person.entity";
    static const char amount[] = "payment.amount";
    struct cw_rule *rule = count_rule(w, "online_ad", phone, CW_MATCH_RAW, 2, 10, 0);
    having(w, rule, CW_MEASURE_VALUES, "country", 2);
    rule = sum_rule(w, "payment", phone, CW_MATCH_RAW, amount, 8, 10);
    having(w, rule, CW_MEASURE_EVENTS, NULL, 2)->above = true;
    rule = value_rule(w, "payment", phone, CW_MATCH_RESOLVED, person, 2, 15);
    having(w, rule, CW_MEASURE_VALUES, "payment.payer_country", 1);
    having(w, rule, CW_MEASURE_SUM, amount, 5);
    cross_border(w, rule);
    rule = count_rule(w, "payment", person, CW_MATCH_RESOLVED, 2, 25, 40);
    having(w, rule, CW_MEASURE_SUM, amount, 3);
    rule->mode = CW_MODE_SHADOW;
    rule = count_rule(w, "payment", person, CW_MATCH_EXACT, 2, 25, 0);
    cross_border(w, rule);
    rule = value_rule(w, "payment", person, CW_MATCH_RESOLVED, amount, 2, 25);
    having(w, rule, CW_MEASURE_SUM, amount, 1);
    having(w, rule, CW_MEASURE_VALUES, person, 2);

    /* one key by two roads */
    rule = count_rule(w, "online_ad", phone, CW_MATCH_RAW, 3, 8, 0);
    also(w, rule, all_of(w, "border_crossing"), &rule->group_by[0], "party.caller.id.phone");
    rule = value_rule(w, "online_ad", person, CW_MATCH_RESOLVED, "country", 1, 10);
    also(w, rule, all_of(w, "payment"), &rule->group_by[0], "party.contact.entity");
    also(w, rule, those_with(w, "payment", "payment.payer_country"), criterion(rule)->field,
         "payment.payer_country");
    also(w, rule, all_of(w, "border_crossing"), criterion(rule)->field, NULL);
    /* two selections hold on one event and lead to the same and to other keys */
    rule = value_rule(w, "payment", phone, CW_MATCH_RAW, person, 2, 8);
    also(w, rule, those_with(w, "payment", "payment.payer_country"), &rule->group_by[0],
         "party.person.id.phone");
    having(w, rule, CW_MEASURE_SUM, amount, 4);
    /* a field's value is one value whichever of its two names it stands under */
    rule = count_rule(w, "online_ad", "country", CW_MATCH_RAW, 3, 12, 0);
    also(w, rule, all_of(w, "payment"), &rule->group_by[0], "payment.payer_country");
    rule = standing_rule(w, "border_crossing", person, CW_MATCH_RESOLVED, 20);
    also(w, rule, all_of(w, "payment"), &rule->group_by[0], "party.contact.entity");
    alone_rule(w, "notice");
}

static void all_kinds_of_rules(struct world *w)
{
    static const char phone[] = "party.contact.id.phone", person[] = "party.person.entity";
    count_rule(w, "online_ad", phone, CW_MATCH_RAW, 3, 10, 0);
    criterion(count_rule(w, "online_ad", phone, CW_MATCH_RAW, 2, 4, 15))->above = true;
    value_rule(w, "online_ad", phone, CW_MATCH_RAW, "country", 2, 8);
    value_rule(w, "online_ad", phone, CW_MATCH_RAW, person, 3, 12);
    value_rule(w, "online_ad", phone, CW_MATCH_EXACT, person, 3, 12);
    count_rule(w, "online_ad", person, CW_MATCH_RESOLVED, 2, 6, 0);
    count_rule(w, "border_crossing", person, CW_MATCH_EXACT, 2, 6, 9);
    value_rule(w, "online_ad", person, CW_MATCH_RESOLVED, phone, 2, 9);
    value_rule(w, "online_ad", person, CW_MATCH_RESOLVED, person, 2, 20);
    count_rule(w, "online_ad", "party.contact.id.phone party.person.entity", CW_MATCH_RESOLVED, 2,
               20, 0);
    count_rule(w, "online_ad", "party.person.entity party.person.entity", CW_MATCH_RESOLVED, 2, 20,
               0);
    count_rule(w, "online_ad", "country", CW_MATCH_RAW, 4, 10, 0);
    standing_rule(w, "border_crossing", person, CW_MATCH_RESOLVED, 20);
    standing_rule(w, "online_ad", person, CW_MATCH_EXACT, 12);
    standing_rule(w, "border_crossing", "party.person.id.passport", CW_MATCH_RAW, 20);
    more_kinds_of_rules(w);
    static cw_str a = { "a", 1 }, ab[] = { { "a", 1 }, { "b", 1 } };
    for (size_t i = 0; i < w->rules.count; i++) {
        if (i % 3 != 2)
            for_purposes(&w->rule[i], i % 3 == 0 ? &a : ab, 1 + i % 3);
    }
}

/* One of a few restrictions, most of them none. */
static uint32_t random_demand(struct world *w)
{
    static const struct demand some[] = {
        { ALL, ALL, 1, 0 }, { ALL, 1, 0, 2 }, { 3, ALL, 0, 3 }, { 5, 3, 2, 1 },   { 6, ALL, 4, 0 },
        { 4, 7, 0, 5 },     { ALL, 2, 0, 0 }, { 7, 7, 7, 4 },   { 1, ALL, 0, 0 }, { 2, ALL, 0, 0 },
    };
    enum { SOME = sizeof(some) / sizeof(some[0]) };
    uint32_t what = pick(24);
    return what < SOME ? demanding(w, some[what]) : 0;
}

static void random_extras(struct world *w)
{
    w->next = (struct extras){ .restriction = random_demand(w),
                               .retain = pick(3) == 0 ? 100 + (int64_t)pick(5) : 0,
                               .amount = (int64_t)pick(9) - 1 };
    if (pick(40) == 0)
        w->next.amount = INT64_MAX - 2;
}

static struct fact *random_fact(struct world *w, const char *name)
{
    static const char *const countries[] = { "DE", "RO", "AT", NULL };
    char parts[256];
    int64_t time = (int64_t)pick(60) - 10;
    uint32_t kind = pick(18);
    random_extras(w);
    if (kind >= 10) {
        int len = snprintf(parts, sizeof(parts), "contact %s %s;person %s", phones[pick(3)],
                           persons[pick(PERSONS)], persons[pick(PERSONS)]);
        snprintf(parts + len, sizeof(parts) - (size_t)len, "%s%s",
                 pick(2) ? " phone=a;person phone=b" : "",
                 pick(3) == 0 ? ";payer_account iban=LU1" : "");
        w->next.payer_country = countries[pick(4)];
        return make(w, name, "payment", time, countries[pick(4)], parts, NULL);
    }
    if (kind < 6) {
        int len = snprintf(parts, sizeof(parts), "contact %s", phones[pick(3)]);
        for (uint32_t i = pick(4); i > 0; i--)
            len += snprintf(parts + len, sizeof(parts) - (size_t)len, ";person %s",
                            persons[pick(PERSONS)]);
        return make(w, name, "online_ad", time, countries[pick(4)], parts, NULL);
    }
    if (kind < 9) {
        snprintf(parts, sizeof(parts), "person %s;person %s%s", persons[pick(PERSONS)],
                 persons[pick(PERSONS)], pick(3) == 0 ? ";caller phone=a" : "");
        return make(w, name, "border_crossing", time, NULL, parts, NULL);
    }
    struct interval interval = { (int64_t)pick(40), pick(2) ? (int64_t)pick(60) + 1 : 0,
                                 pick(3) == 0 ? (int64_t)pick(60) + 1 : 0 };
    snprintf(parts, sizeof(parts), "subject %s;subject %s;other %s", persons[pick(PERSONS)],
             persons[pick(PERSONS)], persons[pick(PERSONS)]);
    return make(w, name, "notice", time, NULL, parts, &interval);
}

static void random_move(struct world *w)
{
    static const char *const labels[] = { "A", "B", "C" };
    char words[64];
    snprintf(words, sizeof(words), "person %s", persons[pick(PERSONS)]);
    struct cw_id core = label_id(w, labels[pick(3)]);
    struct cw_id entity = label_id(w, labels[pick(3)]);
    struct cw_id moving = record(w, words);
    bool whole = pick(3) == 0; /* a core goes to another entity, with all its records */
    for (size_t i = 0; i < w->belonging_count; i++) {
        struct belonging at = w->belongings[i];
        if (!cw_id_eq(at.core, core))
            continue;
        if (whole)
            move(w, at.record, core, entity);
        else
            entity = at.entity; /* a core is of one entity */
    }
    if (!whole)
        move(w, moving, core, entity);
}

static void random_rebase(struct world *w)
{
    if (w->belonging_count != 0)
        rebase(w, w->belongings[pick((uint32_t)w->belonging_count)].entity, random_demand(w));
}

/* A fact that holds, or NULL. */
static struct fact *random_holding(struct world *w)
{
    for (int tries = 0; tries < 20 && w->fact_count != 0; tries++) {
        struct fact *fact = &w->facts[pick((uint32_t)w->fact_count)];
        if (fact->holds)
            return fact;
    }
    return NULL;
}

static void random_step(struct world *w, uint32_t *names)
{
    uint32_t what = pick(22);
    if (what >= 20) {
        random_rebase(w);
    } else if (what < 11 || w->fact_count == 0) {
        char name[16];
        snprintf(name, sizeof(name), "x%u", (*names)++);
        put_fact(w, random_fact(w, name), 1, 0);
    } else if (what < 14) {
        random_move(w);
    } else {
        struct fact *old = random_holding(w);
        if (old == NULL)
            return;
        char name[24];
        memcpy(name, old->name, sizeof(name));
        if (what < 17)
            put_fact(w, old, -1, 0);
        else
            amend(w, old, random_fact(w, name));
    }
}

static void compare_with_definition(struct world *w)
{
    char *is = view(w, true), *should = define(w);
    if (strcmp(is, should) != 0) {
        size_t line = 0, i = 0;
        for (; is[i] == should[i]; i++)
            line = is[i] == '\n' ? i + 1 : line;
        fail_msg("found    %.*s\nexpected %.*s", (int)strcspn(is + line, "\n"), is + line,
                 (int)strcspn(should + line, "\n"), should + line);
    }
    free(is);
    free(should);
}

/* Plays the frames of a run again in batches of another size; all that is sent must be equal. */
static void same_in_batches_of(const struct world *w, size_t batch)
{
    struct world *again = new_world();
    all_kinds_of_rules(again);
    memcpy(again->facts, w->facts, sizeof(w->facts));
    again->fact_count = w->fact_count;
    for (size_t i = 0; i < again->fact_count; i++) {
        again->facts[i].body = (struct cw_buf){ 0 };
        again->facts[i].holds = false;
    }
    start(again, batch);
    struct cw_buf frames = { 0 };
    size_t offset = 0, count = 0;
    for (size_t i = 0; i < w->all_count; i++) {
        const struct cw_frame *frame = cw_frame_at(&w->all, offset);
        offset += frame->length;
        cw_buf_put(&frames, frame, frame->length);
        count++;
        again->tick += frame->kind == CW_TICK; /* what the rows' positions are compared with */
        if (frame->kind == CW_CLOSE) {
            push(again, &frames, count);
            frames.len = 0;
            count = 0;
        }
    }
    assert_int_equal(again->out.len, w->out.len);
    assert_memory_equal(again->out.data, w->out.data, w->out.len);
    cw_buf_done(&frames);
    free_world(again);
}

static void any_order_of_facts_and_moves_gives_the_rows_of_the_definition(void **state)
{
    (void)state;
    static const char *const counters[] = { "detect.no_purpose_events", "detect.no_purpose",
                                            "detect.no_audience", "detect.shadow_rows",
                                            "detect.negative_sums" };
    enum { COUNTED = sizeof(counters) / sizeof(counters[0]) };
    int64_t counted[COUNTED] = { 0 };
    size_t rows = 0, gone = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        struct world *w = new_world();
        all_kinds_of_rules(w);
        uint32_t names = 0;
        for (int round = 0; round < 14; round++) {
            for (uint32_t i = pick(12); i > 0; i--)
                random_step(w, &names);
            put_tick(w);
            for (uint32_t i = pick(3); i > 0; i--) {
                struct fact *old = random_holding(w);
                if (old != NULL)
                    put_fact(w, old, -1, 0);
            }
            put_close(w);
            flush(w);
            compare_with_definition(w);
        }
        rows += (size_t)cw_total_get(&w->totals, "detect.rows_sent");
        gone += (size_t)cw_total_get(&w->totals, "detect.rows_gone");
        for (size_t i = 0; i < COUNTED; i++)
            counted[i] += cw_total_get(&w->totals, counters[i]);
        assert_int_equal(cw_total_get(&w->totals, "detect.unmatched"), 0);
        same_in_batches_of(w, 1);
        same_in_batches_of(w, 7);
        same_in_batches_of(w, 64);

        /* all is withdrawn: as if it had never been */
        for (size_t i = 0; i < w->fact_count; i++) {
            if (w->facts[i].holds)
                put_fact(w, &w->facts[i], -1, 0);
        }
        tick_gives(w, "");
        holds_nothing(w);
        free_world(w);
    }
    assert_true(rows > 1000 && gone > 300); /* else this says nothing */
    for (size_t i = 0; i < COUNTED; i++)
        if (counted[i] <= 12)
            fail_msg("%s: only %lld", counters[i], (long long)counted[i]);
}

/* One set of facts and one last state of identity, come to by different roads. */
static void permutations_of_a_set_end_in_equal_rows(void **state)
{
    (void)state;
    char *first = NULL;
    for (uint64_t order = 0; order < 10; order++) {
        struct world *w = new_world();
        all_kinds_of_rules(w);
        random_state = UINT64_C(0x1234567);
        enum { SET = 40 };
        struct fact *facts[SET];
        for (uint32_t i = 0; i < SET; i++) {
            char name[16];
            snprintf(name, sizeof(name), "x%u", i);
            facts[i] = random_fact(w, name);
        }
        random_state = (order + 1) * UINT64_C(0x9e3779b97f4a7c15);
        for (uint32_t i = SET; i-- > 1;) {
            uint32_t j = pick(i + 1);
            struct fact *swap = facts[i];
            facts[i] = facts[j];
            facts[j] = swap;
        }
        for (uint32_t i = 0; i < SET; i++) {
            put_fact(w, facts[i], 1, 0);
            if (pick(3) == 0)
                random_move(w);
            if (pick(4) == 0)
                tick(w);
        }
        for (uint32_t i = 0; i < PERSONS; i++) {
            char words[64];
            snprintf(words, sizeof(words), "person %s", persons[i]);
            struct cw_id id = label_id(w, i < 3 ? "A" : persons[i]);
            move(w, record(w, words), i < 2 ? id : record(w, words), id);
        }
        tick(w);
        char *rows = view(w, true);
        if (first == NULL)
            first = cw_strdup(rows);
        assert_string_equal(rows, first);
        free(rows);
        free_world(w);
    }
    assert_true(strlen(first) > 1000);
    free(first);
}

/* --- work --- */

static void a_long_line_is_judged_only_where_it_changed(void **state)
{
    (void)state;
    struct world *w = new_world();
    value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "country", 1, 10);
    enum { LONG = 4000 };
    for (int i = 0; i < LONG; i++) {
        char name[16];
        snprintf(name, sizeof(name), "x%d", i);
        ad(w, name, i, i % 2 != 0 ? "RO" : "DE", "contact phone=a");
    }
    tick(w);
    assert_int_equal(w->row_count, LONG / 10);
    int64_t all = cw_total_get(&w->totals, "detect.entries_scanned");
    assert_true(all >= LONG && all < 2 * LONG);
    assert_int_equal(cw_total_get(&w->totals, "detect.scanned_le_1k"), LONG);
    withdraw(w, "x2005");
    tick(w);
    assert_true(cw_total_get(&w->totals, "detect.entries_scanned") - all < 100);
    assert_int_equal(w->close_rows, 2);
    assert_int_equal(cw_total_get(&w->totals, "detect.scanned_le_1k"), LONG + 1);
    assert_int_equal(cw_total_get(&w->totals, "detect.scanned_gt_1k"), 0);
    free_world(w);
}

/* A long line whose members come in no order, are withdrawn and come again before anybody reads it.
 */
static void a_long_line_in_no_order_is_as_one_in_order(void **state)
{
    (void)state;
    enum { LONG = 2400, A_TICK = 400 };
    char *rows[2];
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        struct world *w = new_world();
        value_rule(w, "online_ad", "party.contact.id.phone", CW_MATCH_RAW, "party.person.entity", 2,
                   30);
        count_rule(w, "online_ad", "party.person.entity", CW_MATCH_RESOLVED, 4, 30, 0);
        struct cw_id moving = record(w, "person passport=P0");
        static int at[LONG];
        random_state = 99;
        for (int i = 0; i < LONG; i++)
            at[i] = i;
        for (int i = LONG; shuffled && i-- > 1;) {
            int j = (int)pick((uint32_t)i + 1), swap = at[i];
            at[i] = at[j];
            at[j] = swap;
        }
        for (int i = 0; i < LONG; i++) {
            char name[16], parts[64];
            snprintf(name, sizeof(name), "x%d", at[i]);
            snprintf(parts, sizeof(parts), "contact phone=a;person passport=P%d", at[i] % 3);
            ad(w, name, at[i], NULL, parts);
            if (at[i] % 5 == 0) { /* away and back */
                withdraw(w, name);
                put_fact(w, &w->facts[w->fact_count - 1], 1, 0);
            }
            if (at[i] % 7 == 0)
                withdraw(w, name);
            if (i % A_TICK == A_TICK - 2)
                move(w, moving, moving, label_id(w, i / A_TICK % 2 == 0 ? "A" : "B"));
            if (i % A_TICK == A_TICK - 1)
                tick(w);
        }
        for (size_t i = 0; i < w->fact_count; i++) {
            if (w->facts[i].holds && w->facts[i].time % 4 == 0)
                put_fact(w, &w->facts[i], -1, 0);
        }
        tick(w);
        rows[shuffled] = view(w, true);
        assert_int_equal(cw_total_get(&w->totals, "detect.unmatched"), 0);
        assert_true(cw_total_get(&w->totals, "detect.entries") > LONG);
        for (size_t i = 0; i < w->fact_count; i++) {
            if (w->facts[i].holds)
                put_fact(w, &w->facts[i], -1, 0);
        }
        tick_gives(w, "");
        holds_nothing(w);
        free_world(w);
    }
    assert_string_equal(rows[0], rows[1]);
    assert_true(strlen(rows[0]) > 1000);
    free(rows[0]);
    free(rows[1]);
}

static void a_long_line_moves_whole_with_what_has_just_come_late(void **state)
{
    (void)state;
    struct world *w = new_world();
    count_rule(w, "border_crossing", "party.person.entity", CW_MATCH_RESOLVED, 2, 3, 0);
    enum { LONG = 400 };
    for (int i = 0; i < LONG; i++) {
        char name[16];
        snprintf(name, sizeof(name), "x%d", i);
        cross(w, name, i, "person passport=P1");
    }
    tick(w);
    compare_with_definition(w);
    cross(w, "late", 5, "person passport=P1");
    move(w, record(w, "person passport=P1"), label_id(w, "A"), label_id(w, "A"));
    tick(w);
    compare_with_definition(w);
    /* away, back and away again, far from the end */
    struct fact *early = fact_named(w, "x7");
    put_fact(w, early, -1, 0);
    put_fact(w, early, 1, 0);
    put_fact(w, early, -1, 0);
    tick(w);
    compare_with_definition(w);
    assert_int_equal(cw_total_get(&w->totals, "detect.entries"), LONG);
    assert_int_equal(cw_total_get(&w->totals, "detect.unmatched"), 0);
    free_world(w);
}

static void a_body_that_does_not_read_is_damage(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    start(w, 1);
    struct cw_buf buf = { 0 };
    struct cw_frame header = { .kind = CW_EVENT, .sign = 1, .type = all_of(w, "online_ad")->type };
    cw_frame_put(&buf, &header, NULL, 0, "\xff\xff\xff", 3);
    const struct cw_frame *frame = cw_frame_at(&buf, 0);
    assert_int_equal(cw_chain_push(w->chain, &frame, 1), CW_EXIT_DAMAGED);
    cw_buf_done(&buf);
    free_world(w);
}

static void what_detect_passes_on_it_passes_on_in_place(void **state)
{
    (void)state;
    struct world *w = two_ads_of_a_phone(0);
    put_tick(w);
    put_name(w, CW_NAME_OWNER, 1, cw_cstr("A"));
    cw_frame_put(&w->frames, &(struct cw_frame){ .kind = CW_SOURCE_END }, NULL, 0, NULL, 0);
    w->frame_count++;
    size_t moved = w->frames.len;
    move(w, label_id(w, "r"), label_id(w, "A"), label_id(w, "A"));
    cw_frame_put(&w->frames, &(struct cw_frame){ .kind = CW_END }, NULL, 0, NULL, 0);
    w->frame_count++;
    flush(w);
    cw_frame_at(&w->all, moved)->flags = 0; /* the unit that followed it is not passed on */
    struct cw_named named;                  /* detect's own: the rule set, before all else */
    assert_true(cw_named_get(cw_frame_at(&w->out, 0), &named));
    assert_int_equal(named.space, CW_NAME_RULE_SET);
    size_t own = cw_frame_at(&w->out, 0)->length;
    assert_int_equal(w->out.len - own, w->all.len);
    assert_memory_equal(w->out.data + own, w->all.data, w->all.len);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_is_open_at_its_far_end),
        cmocka_unit_test(one_less_is_together),
        cmocka_unit_test(the_second_of_two_cells_continues),
        cmocka_unit_test(suppression_lengthens_the_cell),
        cmocka_unit_test(an_alert_that_loses_its_predecessor_no_longer_continues),
        cmocka_unit_test(a_cell_behind_the_changed_ones_loses_continues_too),
        cmocka_unit_test(late_evidence_renames_nothing),
        cmocka_unit_test(cells_are_floored_before_1970),
        cmocka_unit_test(a_member_without_the_counted_field_brings_no_value),
        cmocka_unit_test(the_greatest_value_is_reported),
        cmocka_unit_test(gt_asks_for_more_than_gte),
        cmocka_unit_test(withdrawn_evidence_shrinks_the_row_then_ends_it),
        cmocka_unit_test(what_is_withdrawn_between_tick_and_close_is_never_sent),
        cmocka_unit_test(a_row_that_did_not_change_is_not_sent_again),
        cmocka_unit_test(an_event_counts_once_however_many_of_its_parts_lead_to_the_key),
        cmocka_unit_test(two_parts_of_one_entity_are_one_member_with_both_values),
        cmocka_unit_test(several_paths_make_the_product_of_their_values),
        cmocka_unit_test(one_record_may_stand_in_two_places_of_a_key),
        cmocka_unit_test(a_missing_field_is_no_key_and_counted),
        cmocka_unit_test(a_product_of_too_many_keys_is_cut_and_counted),
        cmocka_unit_test(a_notice_holds_from_valid_from_until_before_valid_to),
        cmocka_unit_test(a_notice_reaches_back_by_lookback),
        cmocka_unit_test(a_cancel_ends_the_interval_and_keeps_what_was_hit_before),
        cmocka_unit_test(a_notice_without_an_end_stands),
        cmocka_unit_test(two_notices_on_one_person_are_two_alerts),
        cmocka_unit_test(a_notice_on_a_merged_record_is_one_and_shown_with_its_least_part),
        cmocka_unit_test(a_standing_rule_on_identifiers_meets_the_subjects_identifiers),
        cmocka_unit_test(no_event_hits_itself),
        cmocka_unit_test(evidence_keep_shows_the_earliest_and_the_latest_half_and_all_notices),
        cmocka_unit_test(a_merge_joins_windows_and_a_split_divides_them),
        cmocka_unit_test(an_entity_with_another_name_has_another_alert),
        cmocka_unit_test(exact_rules_follow_cores_and_resolved_rules_entities),
        cmocka_unit_test(two_persons_who_become_one_count_as_one),
        cmocka_unit_test(who_states_too_little_is_a_value_but_no_key),
        cmocka_unit_test(a_record_that_is_gone_is_no_key_until_it_is_back),
        cmocka_unit_test(having_asks_for_all_conditions_over_one_window),
        cmocka_unit_test(a_sum_is_of_amounts_each_event_once),
        cmocka_unit_test(a_sum_beyond_the_numbers_is_the_greatest_of_them_and_comes_back),
        cmocka_unit_test(an_amount_below_zero_is_none_and_counted),
        cmocka_unit_test(the_values_are_those_of_the_greatest_anchor_in_the_order_written),
        cmocka_unit_test(two_counted_fields_are_two_sets_of_values),
        cmocka_unit_test(an_alias_joins_fields_of_different_selections),
        cmocka_unit_test(an_event_is_one_member_by_whichever_selection_it_comes),
        cmocka_unit_test(a_detection_with_a_level_gives_an_alert_an_event),
        cmocka_unit_test(what_happened_in_two_countries_was_committed_in_two),
        cmocka_unit_test(what_names_another_country_has_effects_there),
        cmocka_unit_test(what_is_for_other_purposes_is_no_member),
        cmocka_unit_test(a_row_demands_what_all_its_evidence_demands_shown_or_not),
        cmocka_unit_test(an_alert_that_nobody_may_see_goes_and_comes_back),
        cmocka_unit_test(no_alert_continues_one_that_nobody_may_see),
        cmocka_unit_test(what_entities_rest_on_is_demanded_too),
        cmocka_unit_test(a_hit_demands_what_its_notice_demands),
        cmocka_unit_test(a_shadow_rule_is_judged_counted_and_not_sent),
        cmocka_unit_test(a_number_that_nothing_introduced_is_damage),
        cmocka_unit_test(any_order_of_facts_and_moves_gives_the_rows_of_the_definition),
        cmocka_unit_test(permutations_of_a_set_end_in_equal_rows),
        cmocka_unit_test(a_long_line_is_judged_only_where_it_changed),
        cmocka_unit_test(a_long_line_in_no_order_is_as_one_in_order),
        cmocka_unit_test(a_long_line_moves_whole_with_what_has_just_come_late),
        cmocka_unit_test(a_body_that_does_not_read_is_damage),
        cmocka_unit_test(what_detect_passes_on_it_passes_on_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

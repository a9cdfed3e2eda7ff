/*
 * engine_explain.c - questions to the engine: why an alert stands, what the rules make of an event.
 * A line is judged again by engine_judge.c, which calls back here for each member and anchor; the
 * texts of values, which the engine does not keep, are read from the log.
 */
#include <inttypes.h>

#include "detectors/engine.h"
#include "detectors/explain.h"
#include "detectors/path.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

/* Of a member, until its event is read. */
struct held {
    struct cw_entry *entries;
    size_t count;
};

struct telling {
    struct cw_detect *detect;
    struct cw_log *log;
    struct cw_arena *arena;
    struct cw_told *told;
    struct held *held; /* by member */
};

/* Room for one more in an array of the arena, which doubles at each power of two. */
static void *grown(struct cw_arena *arena, void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    uint8_t *bigger = cw_arena_alloc(arena, (count != 0 ? 2 * count : 1) * size);
    if (count != 0)
        memcpy(bigger, array, count * size);
    return bigger;
}

/* --- what the judge shows --- */

static void on_member(void *self, const struct cw_entry *entries, size_t count, uint16_t part)
{
    struct telling *telling = self;
    struct cw_told *told = telling->told;
    const struct cw_fact *fact = cw_fact_at(telling->detect, entries[0].fact);
    size_t m = told->member_count;
    told->members = grown(telling->arena, told->members, m, sizeof(*told->members));
    telling->held = grown(telling->arena, telling->held, m, sizeof(*telling->held));
    told->members[m] = (struct cw_told_member){ .identity = fact->identity,
                                                .position = fact->position,
                                                .time_lo = fact->time_lo,
                                                .part = part };
    struct cw_entry *copy = cw_arena_alloc(telling->arena, count * sizeof(*copy));
    memcpy(copy, entries, count * sizeof(*copy));
    telling->held[m] = (struct held){ copy, count };
    told->member_count++;
}

static void on_anchor(void *self, size_t from, size_t to, const int64_t *values)
{
    struct telling *telling = self;
    struct cw_told *told = telling->told;
    size_t count = told->rule->criterion_count;
    told->anchors =
        grown(telling->arena, told->anchors, told->anchor_count, sizeof(*told->anchors));
    struct cw_told_anchor *anchor = &told->anchors[told->anchor_count++];
    *anchor = (struct cw_told_anchor){
        .from = from,
        .to = to,
        .cell = cw_engine_cell(told->rule, told->members[to - 1].time_lo),
        .values = cw_arena_alloc(telling->arena, count * sizeof(*values)),
        .satisfied = true,
    };
    for (size_t i = 0; i < count; i++) {
        anchor->values[i] = values[i];
        anchor->satisfied &= cw_criterion_holds(&told->rule->criteria[i], values[i]);
    }
}

/* The row's memory is lent, so it is kept as it would travel. */
static void keep_row(struct telling *telling, const struct cw_row *row, struct cw_row *out)
{
    struct cw_buf body = { 0 };
    cw_row_put(&body, row);
    struct cw_frame *frame = cw_arena_alloc(telling->arena, cw_frame_size(0, body.len));
    cw_frame_make(frame, &(struct cw_frame){ .kind = CW_ROW }, NULL, 0, body.data, body.len);
    cw_buf_done(&body);
    CW_CHECK(cw_row_get(frame, out, telling->arena));
}

static void on_found(void *self, const struct cw_row *row, enum cw_withheld why,
                     const struct cw_stand *notice)
{
    static const char *const names[] = { NULL, "no_purpose", "no_audience" };
    struct telling *telling = self;
    struct cw_told *told = telling->told;
    told->findings =
        grown(telling->arena, told->findings, told->finding_count, sizeof(*told->findings));
    struct cw_told_finding *finding = &told->findings[told->finding_count++];
    *finding = (struct cw_told_finding){ .withheld = names[why] };
    keep_row(telling, row, &finding->row);
    finding->evidence = cw_arena_alloc(telling->arena, told->member_count * sizeof(bool));
    if (notice == NULL)
        return;
    finding->has_notice = true;
    finding->notice_position = cw_fact_at(telling->detect, notice->fact)->position;
    finding->from = notice->from;
    finding->until = notice->until;
}

static void on_evidence(void *self, size_t from, size_t to)
{
    struct telling *telling = self;
    bool *evidence = telling->told->findings[telling->told->finding_count - 1].evidence;
    for (size_t m = from; m < to; m++)
        evidence[m] = true;
}

/* --- what the members bring --- */

static void add_value(struct telling *telling, struct cw_told_member *member, size_t criterion,
                      cw_str text, bool is_entity)
{
    for (size_t i = 0; i < member->value_count; i++) {
        if (member->values[i].criterion == criterion && cw_str_eq(member->values[i].text, text))
            return;
    }
    member->values =
        grown(telling->arena, member->values, member->value_count, sizeof(*member->values));
    member->values[member->value_count++] = (struct cw_told_value){ criterion, text, is_entity };
}

static cw_str hex_of(struct telling *telling, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    return cw_arena_copy(telling->arena, hex, CW_ID_HEX - 1);
}

static cw_str kept(struct telling *telling, cw_str text)
{
    return cw_arena_copy(telling->arena, text.ptr, text.len);
}

/* Entities are what its records belong to now. */
static void tell_entities(struct telling *telling, const struct held *held, size_t criterion,
                          uint32_t field, struct cw_told_member *member)
{
    struct cw_detect *detect = telling->detect;
    for (size_t i = 0; i < held->count; i++) {
        const struct cw_entry *entry = &held->entries[i];
        if ((entry->what & CW_ENTRY_RECORD) == 0 || (entry->what & CW_ENTRY_FIELD) != field)
            continue;
        uint32_t thing =
            cw_record_thing(telling->told->rule, cw_pool_at(&detect->records, entry->value));
        if (thing != 0)
            add_value(
                telling, member, criterion,
                hex_of(telling, ((const struct cw_thing *)cw_pool_at(&detect->things, thing))->id),
                true);
    }
}

static void tell_countries(struct telling *telling, const struct cw_event *event, size_t criterion,
                           struct cw_told_member *member)
{
    cw_str *countries, own;
    size_t count = cw_event_countries(event, telling->detect->arena, &countries, &own);
    for (size_t i = 0; i < count; i++)
        add_value(telling, member, criterion, kept(telling, countries[i]), false);
}

static void tell_criterion(struct telling *telling, const struct cw_event *event,
                           const struct cw_brought *brought, const struct held *held, size_t i,
                           struct cw_told_member *member)
{
    const struct cw_rule *rule = telling->told->rule;
    uint32_t index = telling->detect->plans[rule->number].index[i];
    switch (rule->criteria[i].measure) {
    case CW_MEASURE_VALUES:
        tell_entities(telling, held, i, index, member);
        for (size_t v = 0; v < brought->value_count; v++) {
            const struct cw_counted *counted = &brought->values[v];
            if (counted->field == index && counted->value->link == NULL)
                add_value(telling, member, i,
                          kept(telling, cw_engine_text_form(telling->arena, counted->value->found)),
                          false);
        }
        break;
    case CW_MEASURE_SUM:
        if (brought->amounts != NULL)
            add_value(telling, member, i,
                      cw_arena_printf(telling->arena, "%" PRId64, brought->amounts[index]), false);
        break;
    case CW_MEASURE_COUNTRIES:
        tell_countries(telling, event, i, member);
        break;
    case CW_MEASURE_EVENTS:
    default:
        break;
    }
}

/* A sight of an event as it stands in the log; its memory is detect->arena's. */
static bool see(struct telling *telling, const struct cw_frame *frame, struct cw_event *event,
                struct cw_sight *sight)
{
    struct cw_detect *detect = telling->detect;
    cw_arena_reset(detect->arena);
    if (frame == NULL ||
        !cw_event_read(event, cw_frame_body(frame), frame->body_length, detect->arena))
        return false;
    detect->serial++;
    *sight = (struct cw_sight){ .frame = frame, .event = event };
    return cw_engine_number(&detect->given, frame->restriction, &sight->restriction);
}

/* False: the log does not have the event as it should. */
static bool tell_member(struct telling *telling, size_t m)
{
    struct cw_detect *detect = telling->detect;
    const struct cw_rule *rule = telling->told->rule;
    struct cw_told_member *member = &telling->told->members[m];
    struct cw_event event;
    struct cw_sight sight;
    struct cw_brought brought = { 0 };
    if (!see(telling, cw_log_get(telling->log, member->position), &event, &sight))
        return false;
    member->owner = kept(telling, event.owner);
    member->event_id = kept(telling, event.event_id);
    if (rule->criterion_count != 0 && cw_engine_selected(detect, rule, false, &sight))
        cw_engine_brought(detect, rule, detect->plans[rule->number].keys, &sight, &brought);
    for (size_t i = 0; i < rule->criterion_count; i++)
        tell_criterion(telling, &event, &brought, &telling->held[m], i, member);
    return true;
}

/* --- one line --- */

/* The texts are those of the first subline, as in rows; a line without one has only ids. */
static void tell_keys(struct telling *telling, const struct cw_line *line)
{
    struct cw_detect *detect = telling->detect;
    struct cw_told *told = telling->told;
    const struct cw_id *ids = cw_list_data(&detect->ids, line->keys);
    told->key_count = line->keys.len;
    told->keys = cw_arena_alloc(telling->arena, told->key_count * sizeof(*told->keys));
    const struct cw_subline_key *keys = NULL;
    if (line->sublines.len != 0) {
        const uint32_t *sublines = cw_list_data(&detect->handles, line->sublines);
        keys = cw_list_data(&detect->subline_keys, cw_subline_at(detect, sublines[0])->keys);
    }
    for (uint32_t i = 0; i < told->key_count; i++) {
        told->keys[i] = (struct cw_row_key){ .id = ids[i], .text = hex_of(telling, ids[i]) };
        if (keys != NULL && keys[i].record != 0) {
            told->keys[i].is_entity = 1;
        } else if (keys != NULL) {
            const struct cw_raw_key *raw = cw_pool_at(&detect->raws, keys[i].raw);
            cw_str text = { cw_list_data(&detect->texts, raw->text), raw->text_len };
            told->keys[i].text = kept(telling, text);
        }
    }
}

static struct cw_told *tell_line(struct cw_detect *detect, uint32_t handle, int64_t lo, int64_t hi,
                                 struct cw_log *log, struct cw_arena *arena)
{
    const struct cw_line *line = cw_line_at(detect, handle);
    struct cw_told *told = cw_arena_alloc(arena, sizeof(*told));
    *told = (struct cw_told){ .rule = cw_rule_at(detect, line->rule), .lo = lo, .hi = hi };
    struct telling telling = { detect, log, arena, told, NULL };
    const struct cw_watch watch = { &telling, on_member, on_anchor, on_found, on_evidence };
    tell_keys(&telling, line);
    cw_engine_judge_again(detect, handle, lo, hi, &watch);
    for (size_t m = 0; m < told->member_count; m++) {
        if (!tell_member(&telling, m))
            return NULL;
    }
    return told;
}

/* --- why an alert stands --- */

static struct cw_id alert_of(const struct cw_detect *detect, const struct cw_line *line,
                             const struct cw_cell *cell, struct cw_arena *arena)
{
    const struct cw_rule *rule = cw_rule_at(detect, line->rule);
    size_t count = line->keys.len;
    struct cw_id *ids = cw_arena_alloc(arena, (count + 1) * sizeof(*ids));
    memcpy(ids, cw_list_data(&detect->ids, line->keys), count * sizeof(*ids));
    if (rule->type == CW_RULE_STANDING)
        ids[count++] = cell->notice;
    return cw_id_alert(detect->secret, rule->id, rule->cell_span, ids, count, cell->cell);
}

static const struct cw_cell *cell_with(struct cw_detect *detect, const struct cw_line *line,
                                       struct cw_id alert)
{
    const struct cw_cell *cells = cw_list_data(&detect->cells, line->cells);
    for (uint32_t i = 0; i < line->cells.len; i++) {
        cw_arena_reset(detect->arena);
        if (cw_id_eq(alert_of(detect, line, &cells[i], detect->arena), alert))
            return &cells[i];
    }
    return NULL;
}

/* Whether the row was of this line. */
static bool is_line_of(const struct cw_detect *detect, const struct cw_line *line,
                       const struct cw_row *row)
{
    const struct cw_rule *rule = cw_rule_at(detect, line->rule);
    const struct cw_id *ids = cw_list_data(&detect->ids, line->keys);
    if (!cw_str_eq(rule->id, row->rule) || line->keys.len > row->key_count)
        return false;
    for (uint32_t i = 0; i < line->keys.len; i++) {
        if (!cw_id_eq(ids[i], row->keys[i].id))
            return false;
    }
    return true;
}

struct cw_told *cw_detect_why(struct cw_detect *detect, struct cw_id alert,
                              const struct cw_row *known, struct cw_log *log,
                              struct cw_arena *arena)
{
    cw_engine_judge(detect);
    uint32_t at = 0;
    for (uint32_t handle; (handle = cw_engine_next_line(detect, &at)) != 0;) {
        const struct cw_line *line = cw_line_at(detect, handle);
        const struct cw_cell *cell = known == NULL ? cell_with(detect, line, alert) : NULL;
        if (known != NULL && !is_line_of(detect, line, known))
            continue;
        if (known == NULL && cell == NULL)
            continue;
        int64_t number = known != NULL ? known->cell : cell->cell;
        return tell_line(detect, handle, number, number, log, arena);
    }
    return NULL;
}

/* --- what the rules make of an event --- */

static void tell_selections(struct cw_detect *detect, const struct cw_sight *sight,
                            struct cw_arena *arena, struct cw_told_reading *out)
{
    const struct cw_rule *rule = out->rule;
    const struct cw_selection *const *all =
        (const struct cw_selection *const *)(out->stands ? rule->on : rule->selections);
    size_t count = out->stands ? rule->on_count : rule->selection_count;
    out->selections = cw_arena_alloc(arena, count * sizeof(*out->selections));
    for (size_t i = 0; i < count; i++) {
        if (all[i]->type == sight->frame->type)
            out->selections[out->selection_count++] =
                (struct cw_told_selection){ all[i]->name, cw_selection_holds(all[i], sight->event,
                                                                             detect->arena) };
    }
}

/* The cells whose windows the event may be in: of a notice, those of its interval. */
static void cells_of(const struct cw_rule *rule, const struct cw_frame *fact, bool stands,
                     int64_t *lo, int64_t *hi)
{
    *lo = stands ? INT64_MIN : cw_engine_cell(rule, fact->time_lo);
    int64_t reach = rule->type == CW_RULE_STANDING ? 0 : rule->timespan - 1;
    *hi = stands ? INT64_MAX : cw_engine_cell(rule, cw_time_add(fact->time_lo, reach));
}

static void tell_reading(struct telling *telling, const struct cw_frame *fact,
                         const struct cw_reader *reader, struct cw_told_reading *out)
{
    struct cw_detect *detect = telling->detect;
    const struct cw_rule *rule = cw_rule_at(detect, reader->rule);
    const struct cw_plan *plan = &detect->plans[reader->rule];
    struct cw_event event;
    struct cw_sight sight;
    *out = (struct cw_told_reading){ .rule = rule, .stands = reader->stands };
    if (!see(telling, fact, &event, &sight))
        return;
    tell_selections(detect, &sight, telling->arena, out);
    out->allowed = cw_engine_allows(detect, rule, sight.restriction);
    out->selected = cw_engine_selected(detect, rule, reader->stands, &sight);
    if (!out->selected || !out->allowed)
        return;
    struct cw_brought brought;
    cw_engine_brought(detect, rule, reader->stands ? plan->notices : plan->keys, &sight, &brought);
    out->missing = brought.missing;
    out->weak = brought.weak;
    size_t count = brought.tuple_count; /* telling a line takes the memory that these are in */
    uint32_t *lines = cw_arena_alloc(telling->arena, count * sizeof(*lines));
    for (size_t i = 0; i < count; i++) {
        uint32_t subline = cw_engine_subline_of(detect, brought.tuples[i].subline);
        lines[i] = subline != 0 ? cw_subline_at(detect, subline)->line : 0;
    }
    out->lines = cw_arena_alloc(telling->arena, count * sizeof(struct cw_told *));
    int64_t lo, hi;
    cells_of(rule, fact, reader->stands, &lo, &hi);
    for (size_t i = 0; i < count; i++) {
        bool known = lines[i] == 0;
        for (size_t before = 0; before < i; before++)
            known |= lines[before] == lines[i];
        struct cw_told *told =
            known ? NULL : tell_line(detect, lines[i], lo, hi, telling->log, telling->arena);
        if (told != NULL)
            out->lines[out->line_count++] = told;
    }
}

struct cw_told_reading *cw_detect_read(struct cw_detect *detect, const struct cw_frame *fact,
                                       struct cw_log *log, struct cw_arena *arena, size_t *count)
{
    cw_engine_judge(detect);
    *count = fact->type <= CW_TYPES_MAX ? detect->reader_count[fact->type] : 0;
    struct cw_told_reading *all = cw_arena_alloc(arena, (*count + 1) * sizeof(*all));
    struct telling telling = { detect, log, arena, NULL, NULL };
    for (size_t i = 0; i < *count; i++)
        tell_reading(&telling, fact, &detect->readers[fact->type][i], &all[i]);
    return all;
}

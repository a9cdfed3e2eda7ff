#include "detectors/detect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "detectors/engine.h"
#include "operators/runtime/check.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* Named here once, so that they stand in every close, also at zero, and always in one order. */
static void name_totals(struct cw_totals *totals)
{
    static const char *const names[] = {
        "detect.members",       "detect.rows_sent",     "detect.rows_gone",
        "detect.missing_key",   "detect.weak_key",      "detect.over_product",
        "detect.unmatched",     "detect.lines",         "detect.values",
        "detect.records",       "detect.entries",       "detect.entries_scanned",
        "detect.scanned_le_1k", "detect.scanned_gt_1k", "detect.facts",
        "detect.keys",          "detect.negative_sums", "detect.no_purpose_events",
        "detect.no_purpose",    "detect.no_audience",   "detect.shadow_rows",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        *cw_total(totals, names[i]) = 0;
}

static void name_shadows(struct cw_detect *detect)
{
    for (size_t i = 0; i < detect->rules->count; i++) {
        const struct cw_rule *rule = &detect->rules->rules[i];
        char name[CW_TOTAL_NAME_MAX];
        if (rule->mode != CW_MODE_SHADOW)
            continue;
        snprintf(name, sizeof(name), "detect.shadow.%.*s", CW_STR_ARG(rule->id));
        detect->plans[i].of_shadow = cw_total(&detect->totals, name);
    }
}

struct cw_detect *cw_detect_new(const struct cw_secret *secret, const struct cw_rules *rules)
{
    struct cw_detect *detect = cw_new(struct cw_detect);
    detect->secret = secret;
    detect->rules = rules;
    detect->arena = cw_arena_new();
    detect->compiled = cw_arena_new();
    detect->restrictions = cw_restrictions_new();
    cw_engine_compile(detect);
    cw_engine_state_init(detect);
    name_totals(&detect->totals);
    name_shadows(detect);
    detect->of_members = cw_total(&detect->totals, "detect.members");
    detect->of_missing = cw_total(&detect->totals, "detect.missing_key");
    detect->of_weak = cw_total(&detect->totals, "detect.weak_key");
    detect->of_cut = cw_total(&detect->totals, "detect.over_product");
    detect->of_unmatched = cw_total(&detect->totals, "detect.unmatched");
    detect->of_scanned = cw_total(&detect->totals, "detect.entries_scanned");
    detect->of_negative = cw_total(&detect->totals, "detect.negative_sums");
    detect->of_no_purpose_events = cw_total(&detect->totals, "detect.no_purpose_events");
    detect->of_no_purpose = cw_total(&detect->totals, "detect.no_purpose");
    detect->of_no_audience = cw_total(&detect->totals, "detect.no_audience");
    return detect;
}

static void detect_free(void *self)
{
    struct cw_detect *detect = self;
    if (detect == NULL)
        return;
    struct cw_buf *bufs[] = {
        &detect->tick.dirty,   &detect->tick.touched, &detect->tick.work,   &detect->tick.scanned,
        &detect->tick.pending, &detect->tick.rows,    &detect->merged[0],   &detect->merged[1],
        &detect->bounds,       &detect->members,      &detect->spans,       &detect->standing,
        &detect->encoded,      &detect->given,        &detect->given_bases,
    };
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        cw_buf_done(bufs[i]);
    cw_engine_state_done(detect);
    cw_engine_compile_done(detect);
    cw_restrictions_free(detect->restrictions);
    cw_arena_free(detect->compiled);
    cw_arena_free(detect->arena);
    free(detect);
}

const struct cw_totals *cw_detect_totals(const struct cw_detect *detect)
{
    return &detect->totals;
}

/* --- events --- */

static bool holds(struct cw_detect *detect, uint32_t number, const struct cw_sight *sight)
{
    struct cw_asked *asked = &detect->asked[number];
    if (asked->selection->type != sight->frame->type)
        return false;
    if (asked->event != detect->serial) {
        asked->event = detect->serial;
        asked->holds = cw_selection_holds(asked->selection, sight->event, detect->arena);
    }
    return asked->holds;
}

/* Which sets of paths the event is read by; false if no selection holds. */
static bool selected(struct cw_detect *detect, const uint32_t *asked, size_t count,
                     size_t set_count, struct cw_sight *sight)
{
    sight->sets = detect->sets;
    sight->set_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!holds(detect, asked[i], sight))
            continue;
        detect->sets[sight->set_count++] = set_count > 1 ? i : 0;
        if (set_count == 1)
            break;
    }
    return sight->set_count != 0;
}

bool cw_engine_selected(struct cw_detect *detect, const struct cw_rule *rule, bool stands,
                        struct cw_sight *sight)
{
    const struct cw_plan *plan = &detect->plans[rule->number];
    return stands ? selected(detect, plan->asked_on, rule->on_count, 1, sight)
                  : selected(detect, plan->asked, rule->selection_count, plan->set_count, sight);
}

static void count_brought(struct cw_detect *detect, const struct cw_brought *brought)
{
    *detect->of_members += (int64_t)brought->tuple_count;
    *detect->of_missing += (int64_t)brought->missing;
    *detect->of_weak += (int64_t)brought->weak;
    *detect->of_cut += brought->cut;
    *detect->of_negative += (int64_t)brought->negative;
}

static int64_t time_field(const struct cw_event *event, const char *name, int64_t absent)
{
    if (event->detail == NULL || event->detail_type == NULL)
        return absent;
    int field = cw_type_field(event->detail_type, cw_cstr(name));
    return field >= 0 && event->detail[field].present ? event->detail[field].number : absent;
}

/* Hits lie in [valid_from, min(valid_to, cancelled_at)), and after recorded_at - lookback. */
static void read_notice(const struct cw_rule *rule, const struct cw_sight *sight, int64_t *from,
                        int64_t *until)
{
    int64_t valid_from = time_field(sight->event, "valid_from", CW_TIME_MIN);
    int64_t valid_to = time_field(sight->event, "valid_to", CW_TIME_MAX);
    int64_t cancelled = time_field(sight->event, "cancelled_at", CW_TIME_MAX);
    int64_t lookback = cw_time_add(sight->frame->recorded_at, 1 - rule->lookback);
    *from = valid_from > lookback ? valid_from : lookback;
    *until = valid_to < cancelled ? valid_to : cancelled;
}

/* An event whose purposes do not allow the rule's is no part of it. */
static bool allowed(struct cw_detect *detect, const struct cw_rule *rule,
                    const struct cw_sight *sight)
{
    if (cw_engine_allows(detect, rule, sight->restriction))
        return true;
    *detect->of_no_purpose_events += sight->frame->sign > 0;
    return false;
}

/* What the event brings to one rule; done for all rules first, so that the tables that the second
 * step reads are on their way meanwhile. */
struct part_of_rule {
    const struct cw_rule *rule;
    bool stands;
    struct cw_brought brought;
};

/* False: the event is nothing to this rule. */
static bool read_for_rule(struct cw_detect *detect, const struct cw_reader *reader,
                          struct cw_sight *sight, struct part_of_rule *out)
{
    const struct cw_rule *rule = cw_rule_at(detect, reader->rule);
    const struct cw_plan *plan = &detect->plans[reader->rule];
    *out = (struct part_of_rule){ .rule = rule, .stands = reader->stands };
    if (!cw_engine_selected(detect, rule, reader->stands, sight) || !allowed(detect, rule, sight))
        return false;
    cw_engine_brought(detect, rule, reader->stands ? plan->notices : plan->keys, sight,
                      &out->brought);
    if (sight->frame->sign > 0)
        count_brought(detect, &out->brought);
    return true;
}

static void apply(struct cw_detect *detect, const struct part_of_rule *part, struct cw_sight *sight)
{
    int8_t sign = sight->frame->sign;
    if (!part->stands) {
        cw_engine_member(detect, part->rule, sight, &part->brought, sign);
        return;
    }
    int64_t from, until;
    read_notice(part->rule, sight, &from, &until);
    cw_engine_notice(detect, part->rule, sight, &part->brought, from, until, sign);
}

static int damaged(const struct cw_frame *frame)
{
    cw_error("detect: expected a whole %s frame, found one at position %" PRIu64
             " whose body does not read; start the chain again from the log",
             cw_frame_kind_name(frame->kind), frame->position);
    return CW_EXIT_DAMAGED;
}

static int unknown_number(const struct cw_frame *frame, const char *space, uint32_t number)
{
    cw_error(
        "detect: expected %s numbers that a name frame introduced, found %u at position %" PRIu64
        "; start the chain again from the log",
        space, number, frame->position);
    return CW_EXIT_DAMAGED;
}

static int on_event(struct cw_detect *detect, const struct cw_frame *frame)
{
    size_t count = frame->type <= CW_TYPES_MAX ? detect->reader_count[frame->type] : 0;
    if (count == 0 || frame->sign == 0)
        return CW_EXIT_OK;
    struct cw_event event;
    cw_arena_reset(detect->arena);
    if (!cw_event_read(&event, cw_frame_body(frame), frame->body_length, detect->arena))
        return damaged(frame);
    detect->serial++;
    struct cw_sight sight = { .frame = frame, .event = &event };
    if (!cw_engine_number(&detect->given, frame->restriction, &sight.restriction))
        return unknown_number(frame, "restriction", frame->restriction);
    struct part_of_rule *parts = cw_arena_alloc(detect->arena, count * sizeof(*parts));
    size_t part_count = 0;
    for (size_t i = 0; i < count; i++)
        part_count +=
            read_for_rule(detect, &detect->readers[frame->type][i], &sight, &parts[part_count]);
    for (size_t i = 0; i < part_count; i++)
        apply(detect, &parts[i], &sight);
    cw_engine_leave(detect, &sight);
    if (sight.unknown_basis != 0)
        return unknown_number(frame, "basis", sight.unknown_basis);
    return CW_EXIT_OK;
}

/* --- what comes between events --- */

static int on_moved(struct cw_detect *detect, const struct cw_frame *frame)
{
    struct cw_moved moved;
    if (!cw_moved_get(frame, &moved))
        return damaged(frame);
    uint32_t basis;
    if (!cw_engine_number(&detect->given_bases, moved.basis, &basis))
        return unknown_number(frame, "basis", moved.basis);
    for (size_t i = 0; i < moved.record_count; i++)
        cw_engine_belongs(detect, moved.records[i], moved.core_to, moved.entity_to, basis);
    return CW_EXIT_OK;
}

/* Learns the numbers that ingest gives to restrictions, and link to bases. */
static int on_name(struct cw_detect *detect, const struct cw_frame *frame)
{
    struct cw_named named;
    if (!cw_named_get(frame, &named))
        return damaged(frame);
    struct cw_buf *given = named.space == CW_NAME_RESTRICTION ? &detect->given
                           : named.space == CW_NAME_BASIS     ? &detect->given_bases
                                                              : NULL;
    if (given == NULL)
        return CW_EXIT_OK;
    uint32_t number = cw_restriction_intern(detect->restrictions, named.text);
    if (named.number == 0 || named.number > CW_RESTRICTIONS_MAX || number == UINT32_MAX) {
        cw_error("detect: expected a restriction in its canonical form, found number %u: \"%.*s\"",
                 named.number, (int)(named.text.len < 200 ? named.text.len : 200), named.text.ptr);
        return CW_EXIT_DAMAGED;
    }
    size_t need = ((size_t)named.number + 1) * sizeof(number), have = given->len;
    if (need > have)
        memset(cw_buf_extend(given, need - have), 0xff, need - have);
    memcpy(given->data + need - sizeof(number), &number, sizeof(number));
    detect->restricted |= number != CW_RESTRICTION_NONE;
    return CW_EXIT_OK;
}

static int on_tick(struct cw_detect *detect, const struct cw_frame *frame)
{
    struct cw_tick tick;
    if (!cw_tick_get(frame, &tick))
        return damaged(frame);
    detect->tick.n = tick.n;
    cw_engine_judge(detect);
    return CW_EXIT_OK;
}

static int on_close(struct cw_detect *detect, const struct cw_frame *frame, struct cw_out *out)
{
    struct cw_close close;
    if (!cw_close_get(frame, &close))
        return damaged(frame);
    detect->tick.n = close.n;
    cw_engine_judge(detect);
    close.rows = cw_engine_send(detect, out);
    *cw_total(&detect->totals, "detect.lines") = detect->line_count;
    *cw_total(&detect->totals, "detect.entries") = detect->entry_count;
    *cw_total(&detect->totals, "detect.values") = detect->things.live;
    *cw_total(&detect->totals, "detect.records") = detect->records.live;
    *cw_total(&detect->totals, "detect.facts") = detect->facts.live;
    *cw_total(&detect->totals, "detect.keys") = detect->raws.live;
    for (size_t i = 0; i < detect->totals.count; i++)
        *cw_total(&close.totals, detect->totals.of[i].name) = detect->totals.of[i].value;
    detect->encoded.len = 0;
    cw_close_put(&detect->encoded, &close);
    cw_frame_put(&out->buf, frame, NULL, 0, detect->encoded.data, detect->encoded.len);
    return CW_EXIT_OK;
}

static int one_frame(struct cw_detect *detect, const struct cw_frame *frame, struct cw_out *out)
{
    int status = CW_EXIT_OK;
    switch (frame->kind) {
    case CW_EVENT:
        status = on_event(detect, frame);
        detect->tick.event++;
        return status;
    case CW_MOVED: {
        status = on_moved(detect, frame);
        size_t at = out->buf.len;
        cw_out_frame(out, frame);
        cw_frame_at(&out->buf, at)->flags = 0; /* the rest of its unit goes no further */
        return status;
    }
    case CW_TICK:
        status = on_tick(detect, frame);
        break;
    case CW_CLOSE:
        return on_close(detect, frame, out);
    case CW_NAME:
        status = on_name(detect, frame);
        break;
    case CW_SOURCE_END:
    case CW_END:
        break;
    default:
        return status; /* rejects end here: the totals have them */
    }
    if (status == CW_EXIT_OK)
        cw_out_frame(out, frame);
    return status;
}

/* The sink must know whose rows it gets before the first of them: a Redis that was filled under
 * other rules is not this one's. */
static void announce(struct cw_detect *detect, struct cw_out *out)
{
    char hex[CW_ID_HEX];
    cw_id_hex(cw_rules_hash(detect->rules, detect->secret), hex);
    detect->encoded.len = 0;
    cw_named_put(&detect->encoded, CW_NAME_RULE_SET, 1, cw_cstr(hex));
    cw_out_control(out, CW_NAME, detect->encoded.data, detect->encoded.len);
    detect->announced = true;
}

static int detect_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct cw_detect *detect = self;
    if (!detect->announced)
        announce(detect, out);
    for (size_t i = 0; i < in->count; i++) {
        int status = one_frame(self, in->frames[i], out);
        if (status != CW_EXIT_OK)
            return status;
    }
    return CW_EXIT_OK;
}

const struct cw_stage cw_detect_stage = { "detect", detect_batch, detect_free };

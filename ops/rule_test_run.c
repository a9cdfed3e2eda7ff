#include "ops/rule_test_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "detectors/rule_tests.h"
#include "ingest/normalise.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/restriction.h"
#include "ops/fused.h"

/* An alert that stands. */
struct standing {
    struct cw_id alert;
    bool continues;
    cw_str text;
};

struct run {
    const struct cw_rule *rule;
    const struct cw_rule_test *test;
    struct cw_buf *out;
    struct cw_secret secret;
    struct cw_arena *arena;
    struct cw_normaliser *normaliser;
    struct cw_contract *contract;
    struct cw_log *log;
    struct cw_fused *fused;
    struct cw_tick tick;
    struct cw_buf frame;
    struct cw_buf body;
    cw_str *restrictions; /* canonical texts; the number of each is its place from 1 */
    size_t restriction_count;
    struct standing *alerts;
    size_t alert_count;
    size_t alert_cap;
};

static bool wrong(struct run *run, size_t line, const char *format, ...) CW_PRINTF(3, 4);

/* Always false. */
static bool wrong(struct run *run, size_t line, const char *format, ...)
{
    va_list args;
    char text[1024];
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cw_buf_printf(run->out, "%.*s:%zu: %.*s: \"%.*s\": %s\n", CW_STR_ARG(run->rule->file), line,
                  CW_STR_ARG(run->rule->name), CW_STR_ARG(run->test->name), text);
    return false;
}

/* --- what detect sends --- */

/* The id that the test gave the event. */
static cw_str id_of(struct run *run, struct cw_id identity)
{
    for (size_t s = 0; s < run->test->step_count; s++) {
        const struct cw_rule_test_step *step = &run->test->steps[s];
        for (size_t i = 0; i < step->event_count; i++) {
            const struct cw_event *event = &step->events[i].event;
            if (!step->events[i].is_frontier &&
                cw_id_eq(identity, cw_id_identity(&run->secret, event->owner, event->event_id)))
                return event->event_id;
        }
    }
    return cw_cstr("?");
}

static cw_str describe(struct run *run, const struct cw_row *row)
{
    struct cw_buf text = { 0 };
    for (size_t i = 0; i < row->key_count; i++)
        cw_buf_printf(&text, "%s%s%.*s", i != 0 ? ", " : "",
                      row->keys[i].is_entity ? "entity " : "", CW_STR_ARG(row->keys[i].text));
    cw_buf_cstr(&text, ": value ");
    for (size_t i = 0; i < row->value_count; i++)
        cw_buf_printf(&text, "%s%" PRId64, i != 0 ? "/" : "", row->values[i]);
    cw_buf_cstr(&text, ", evidence");
    for (size_t i = 0; i < row->shown_count; i++)
        cw_buf_printf(&text, " %.*s", CW_STR_ARG(id_of(run, row->shown[i].identity)));
    if (row->evidence_count > row->shown_count)
        cw_buf_printf(&text, " and %zu more", row->evidence_count - row->shown_count);
    if (row->continues)
        cw_buf_cstr(&text, " (continues: not counted)");
    cw_str out = cw_arena_copy(run->arena, text.data, text.len);
    cw_buf_done(&text);
    return out;
}

static void take_row(struct run *run, const struct cw_row *row)
{
    size_t i = 0;
    while (i < run->alert_count && !cw_id_eq(run->alerts[i].alert, row->alert))
        i++;
    if (row->gone) {
        if (i < run->alert_count)
            run->alerts[i] = run->alerts[--run->alert_count];
        return;
    }
    if (i == run->alert_cap) {
        run->alert_cap = run->alert_cap != 0 ? 2 * run->alert_cap : 16;
        run->alerts = cw_realloc(run->alerts, run->alert_cap * sizeof(*run->alerts));
    }
    run->alert_count += i == run->alert_count;
    run->alerts[i] = (struct standing){ row->alert, row->continues, describe(run, row) };
}

/* The chain's last stage. */
static int rows_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct run *run = self;
    (void)out;
    for (size_t i = 0; i < in->count; i++) {
        struct cw_row row;
        if (in->frames[i]->kind != CW_ROW)
            continue;
        if (!cw_row_get(in->frames[i], &row, run->arena))
            return CW_EXIT_DAMAGED;
        take_row(run, &row);
    }
    return CW_EXIT_OK;
}

static void rows_free(void *self)
{
    (void)self;
}

static const struct cw_stage rows_stage = { "rows", rows_batch, rows_free };

/* --- what ingest would write --- */

static void append(struct run *run, const struct cw_frame *header, const struct cw_key *keys,
                   size_t key_count, const void *body, size_t len)
{
    run->frame.len = 0;
    size_t at = cw_frame_put(&run->frame, header, keys, key_count, body, len);
    (void)cw_log_append(run->log, cw_frame_at(&run->frame, at));
}

static void name(struct run *run, enum cw_name_space space, uint32_t number, cw_str text)
{
    run->body.len = 0;
    cw_named_put(&run->body, space, number, text);
    append(run, &(struct cw_frame){ .kind = CW_NAME }, NULL, 0, run->body.data, run->body.len);
}

static bool pump(struct run *run, size_t line)
{
    int status = cw_fused_pump(run->fused, true);
    return status == CW_EXIT_OK || wrong(run, line, "the chain ended with status %d", status);
}

static bool tick(struct run *run, size_t line)
{
    run->tick.n++;
    run->body.len = 0;
    cw_tick_put(&run->body, &run->tick);
    append(run, &(struct cw_frame){ .kind = CW_TICK }, NULL, 0, run->body.data, run->body.len);
    return pump(run, line);
}

/* An identifier that ingest finds at fault is no key: what the test shows would rest on a typing
 * mistake. The same of what ingest computes itself. */
static bool check_normal(struct run *run, const struct cw_rule_test_event *item,
                         const struct cw_normal *normal)
{
    const struct cw_event *sent = &item->event;
    struct cw_event event;
    if (!cw_event_read(&event, normal->body.ptr, normal->body.len, run->arena))
        return wrong(run, item->line, "event %.*s cannot be read back", CW_STR_ARG(sent->event_id));
    for (size_t p = 0; p < cw_event_part_count(&event); p++) {
        const struct cw_part *part = cw_event_part(&event, p);
        for (size_t i = 0; i < part->id_count; i++) {
            const struct cw_identifier *id = &part->ids[i];
            if (id->fault.ptr != NULL)
                return wrong(run, item->line,
                             "event %.*s: the %.*s %.*s of %.*s is not valid (%.*s): it would be "
                             "no key",
                             CW_STR_ARG(sent->event_id), CW_STR_ARG(id->kind),
                             CW_STR_ARG(id->value), CW_STR_ARG(part->role), CW_STR_ARG(id->fault));
        }
    }
    for (size_t i = 0; sent->detail != NULL && i < sent->type->field_count; i++) {
        if (sent->type->fields[i].type == CW_FIELD_LONG && sent->detail[i].present &&
            event.detail[i].number != sent->detail[i].number)
            return wrong(run, item->line,
                         "event %.*s: %s.%s is computed by ingest: %" PRId64
                         ", and not what the test says",
                         CW_STR_ARG(sent->event_id), sent->type->short_name,
                         sent->type->fields[i].name, event.detail[i].number);
    }
    return true;
}

/* The number of what the event demands of those who use it, named in the log before it is used. */
static uint32_t restriction_of(struct run *run, const struct cw_event *event)
{
    struct cw_buf text = { 0 };
    size_t i = 0;
    if (event == NULL)
        return 0;
    cw_restriction_of_event(event, &text);
    cw_str wanted = { (const char *)text.data, text.len };
    while (i < run->restriction_count && !cw_str_eq(run->restrictions[i], wanted))
        i++;
    if (i == run->restriction_count && wanted.len != 0) {
        run->restrictions = cw_realloc(run->restrictions, (i + 1) * sizeof(*run->restrictions));
        run->restrictions[i] = cw_arena_copy(run->arena, wanted.ptr, wanted.len);
        run->restriction_count++;
        name(run, CW_NAME_RESTRICTION, (uint32_t)i + 1, wanted);
    }
    uint32_t number = wanted.len != 0 ? (uint32_t)i + 1 : 0;
    cw_buf_done(&text);
    return number;
}

static bool send_event(struct run *run, const struct cw_rule_test_event *item)
{
    struct cw_normal normal;
    struct cw_reason reason;
    run->body.len = 0;
    cw_event_write(&item->event, &run->body);
    cw_str body = { (const char *)run->body.data, run->body.len };
    if (!cw_normalise(run->normaliser, run->contract, body, 0, &normal, &reason))
        return wrong(run, item->line, "event %.*s is refused (%s): %s: %s",
                     CW_STR_ARG(item->event.event_id), reason.code, reason.field, reason.sentence);
    if (!check_normal(run, item, &normal))
        return false;
    normal.header.restriction = restriction_of(run, normal.restricted);
    normal.header.source = 1;
    normal.header.owner = 1; /* numbers for readers of the log; the body has the owner itself */
    normal.header.offset = (int64_t)cw_log_end(run->log);
    if (!item->event.retain_until.present && (normal.header.flags & CW_WITHDRAW) == 0)
        normal.header.retain_until = CW_TIME_MAX;
    append(run, &normal.header, normal.keys, normal.key_count, normal.body.ptr, normal.body.len);
    return true;
}

/* --- a test --- */

static int by_text(const void *a, const void *b)
{
    return cw_str_cmp(((const struct standing *)a)->text, ((const struct standing *)b)->text);
}

static bool judge(struct run *run, const struct cw_rule_test_step *step, size_t number)
{
    int64_t found = 0;
    for (size_t i = 0; i < run->alert_count; i++)
        found += !run->alerts[i].continues;
    if (found == step->alerts)
        return true;
    char which[32] = "";
    if (run->test->step_count > 1)
        snprintf(which, sizeof(which), "step %zu: ", number + 1);
    (void)wrong(run, step->line, "%sexpected %" PRId64 " alert%s, found %" PRId64, which,
                step->alerts, step->alerts == 1 ? "" : "s", found);
    if (run->alert_count > 1)
        qsort(run->alerts, run->alert_count, sizeof(*run->alerts), by_text);
    for (size_t i = 0; i < run->alert_count; i++)
        cw_buf_printf(run->out, "    %.*s\n", CW_STR_ARG(run->alerts[i].text));
    return false;
}

static bool run_step(struct run *run, size_t number)
{
    const struct cw_rule_test_step *step = &run->test->steps[number];
    for (size_t i = 0; i < step->event_count; i++) {
        const struct cw_rule_test_event *item = &step->events[i];
        if (!item->is_frontier) {
            if (!send_event(run, item))
                return false;
            continue;
        }
        /* A frontier never falls: neither does the test's. */
        for (size_t type = 0; type <= CW_TYPES_MAX; type++) {
            if (item->frontier > run->tick.frontier[type])
                run->tick.frontier[type] = item->frontier;
        }
        if (!tick(run, item->line))
            return false;
    }
    return tick(run, step->line) && judge(run, step, number);
}

static void begin(struct run *run, const struct cw_rules *alone)
{
    cw_secret_init(&run->secret, cw_cstr("crosswatch-test"));
    run->arena = cw_arena_new();
    run->normaliser = cw_normaliser_new(&run->secret);
    run->contract = cw_contract_default();
    run->log = cw_log_memory();
    run->fused = cw_fused_new(&run->secret, run->log, alone,
                              (struct cw_chain_link){ &rows_stage, run }, CW_BATCH_DEFAULT);
    run->tick.retention = CW_TIME_MIN;
    for (size_t type = 0; type <= CW_TYPES_MAX; type++)
        run->tick.frontier[type] = CW_TIME_MIN;
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        name(run, CW_NAME_TYPE, type, cw_cstr(cw_type_by_number(type)->name));
    name(run, CW_NAME_SOURCE, 1, cw_cstr("tests"));
    name(run, CW_NAME_OWNER, 1, cw_cstr("tests"));
}

static void end(struct run *run)
{
    cw_fused_free(run->fused);
    cw_log_close(run->log);
    cw_contract_free(run->contract);
    cw_normaliser_free(run->normaliser);
    cw_buf_done(&run->frame);
    cw_buf_done(&run->body);
    cw_arena_free(run->arena);
    free(run->restrictions);
    free(run->alerts);
}

bool cw_rule_test_run(const struct cw_rules *rules, const struct cw_rule *rule,
                      const struct cw_rule_test *test, struct cw_buf *out)
{
    struct cw_rule copy = *rule;
    struct cw_rules alone = *rules;
    struct run run = { .rule = rule, .test = test, .out = out };
    copy.number = 0;
    copy.mode = CW_MODE_LIVE;
    alone.rules = &copy;
    alone.count = 1;
    begin(&run, &alone);
    bool good = true;
    for (size_t i = 0; good && i < test->step_count; i++)
        good = run_step(&run, i);
    end(&run);
    return good;
}

void cw_rule_tests_run(const struct cw_rules *rules, const struct cw_rule *rule,
                       struct cw_rule_tests_total *total, struct cw_buf *out)
{
    bool matching = false;
    bool other = false;
    for (size_t i = 0; i < rule->test_count; i++) {
        bool matches = cw_rule_test_matches(&rule->tests[i]);
        matching |= matches;
        other |= !matches;
        total->tests++;
        total->failed += !cw_rule_test_run(rules, rule, &rule->tests[i], out);
    }
    if (matching && other)
        return;
    total->lacking++;
    cw_buf_printf(out, "%.*s: %.*s: expected a test that %s, found none\n", CW_STR_ARG(rule->file),
                  CW_STR_ARG(rule->name),
                  !matching && !other ? "matches (alerts: 1 or more) and one that does not (0)"
                  : !matching         ? "matches (alerts: 1 or more)"
                                      : "does not match (alerts: 0, in every step)");
}

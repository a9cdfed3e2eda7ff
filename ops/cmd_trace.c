/*
 * crosswatch trace: what became of one event. Its versions are read in the log; a dedup of their
 * own, which sees these and the ticks alone (no other event bears on them), says what each was; the
 * whole chain says whose parts they are and what the rules make of the version in force.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/deadletter.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "ops/commands.h"
#include "ops/questions.h"

/* A version as it was admitted, and what dedup made of it. */
struct version {
    const struct cw_frame *frame;
    cw_str op;
    const char *source;
    const char *made[4];
    size_t made_count;
};

struct letter {
    uint64_t number;
    char *text;
};

struct trace {
    struct cw_question question;
    const char *owner;
    const char *event_id;
    struct cw_id identity;
    struct version *versions;
    size_t version_count;
    const char **sources; /* by number */
    size_t source_count;
    bool ended;         /* its retention did */
    uint64_t in_force;  /* position + 1; 0: none */
    struct cw_buf fact; /* as link sent it, with what its records belong to at the end */
    struct letter *letters;
    size_t letter_count;
};

/* --- versions --- */

static void name_source(struct trace *trace, const struct cw_frame *frame)
{
    struct cw_named named;
    if (!cw_named_get(frame, &named) || named.space != CW_NAME_SOURCE || named.number > 1000000)
        return;
    size_t need = (size_t)named.number + 1, had = trace->source_count;
    if (need > had) {
        trace->sources = cw_realloc(trace->sources, need * sizeof(*trace->sources));
        memset(trace->sources + had, 0, (need - had) * sizeof(*trace->sources));
        trace->source_count = need;
    }
    trace->sources[named.number] =
        cw_arena_printf(trace->question.arena, "%.*s", CW_STR_ARG(named.text)).ptr;
}

static void watch_dedup(void *context, size_t link, const struct cw_frame *frame)
{
    struct trace *trace = context;
    (void)link;
    if (frame->kind == CW_EVENT)
        trace->in_force = frame->sign > 0 ? frame->position + 1 : 0;
}

static void note_made(struct version *version, const struct cw_totals *before,
                      const struct cw_totals *after)
{
    static const struct {
        const char *total;
        const char *name;
    } outcomes[] = {
        { "dedup.expired", "expired" },
        { "dedup.duplicate", "duplicate" },
        { "dedup.stale_version", "stale" },
        { "dedup.version_conflict", "version conflict" },
        { "dedup.amended", "amended" },
        { "dedup.withdrawn", "withdrawn" },
        { "dedup.withdraw_unknown", "withdrawal of what was not known" },
    };
    const size_t most = sizeof(version->made) / sizeof(version->made[0]);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (cw_total_get(after, outcomes[i].total) != cw_total_get(before, outcomes[i].total) &&
            version->made_count < most)
            version->made[version->made_count++] = outcomes[i].name;
    }
    if (cw_total_get(after, "dedup.facts") > cw_total_get(before, "dedup.facts") &&
        version->made_count < most)
        version->made[version->made_count++] = "new";
}

static void add_version(struct trace *trace, const struct cw_frame *frame)
{
    struct cw_event event;
    cw_str op = cw_cstr((frame->flags & CW_WITHDRAW) != 0 ? "withdraw" : "create");
    if (cw_event_read(&event, cw_frame_body(frame), frame->body_length, trace->question.arena))
        op = event.op;
    const char *source = frame->source < trace->source_count ? trace->sources[frame->source] : NULL;
    trace->versions =
        cw_realloc(trace->versions, (trace->version_count + 1) * sizeof(*trace->versions));
    trace->versions[trace->version_count++] =
        (struct version){ .frame = frame, .op = op, .source = source != NULL ? source : "" };
}

static int read_versions(struct trace *trace)
{
    struct cw_log *log = trace->question.log;
    struct cw_dedup *dedup = cw_dedup_new(log);
    struct cw_chain_link link = { &cw_dedup_stage, dedup };
    struct cw_chain *chain = cw_chain_new(&link, 1, 1);
    cw_chain_set_tap(chain, watch_dedup, trace);
    uint64_t position = 0;
    int status = CW_EXIT_OK;
    for (const struct cw_frame *frame;
         status == CW_EXIT_OK && (frame = cw_log_get(log, position)) != NULL;
         position += frame->length) {
        bool ours = frame->kind == CW_EVENT && cw_id_eq(frame->identity, trace->identity);
        if (frame->kind == CW_NAME)
            name_source(trace, frame);
        if (!ours && frame->kind != CW_TICK)
            continue;
        struct cw_totals before = *cw_dedup_totals(dedup);
        status = cw_chain_push(chain, &frame, 1);
        if (ours) {
            add_version(trace, frame);
            note_made(&trace->versions[trace->version_count - 1], &before, cw_dedup_totals(dedup));
        }
    }
    if (status == CW_EXIT_OK && cw_log_error(log)[0] != '\0') {
        cw_error("%s", cw_log_error(log));
        status = CW_EXIT_DAMAGED;
    }
    trace->ended = cw_total_get(cw_dedup_totals(dedup), "dedup.retention_ended") != 0;
    cw_chain_free(chain);
    cw_dedup_stage.free(dedup);
    return status;
}

/* --- the fact in force --- */

static void follow(struct trace *trace, const struct cw_moved *moved)
{
    size_t count = 0;
    struct cw_link_entry *links = NULL;
    if (trace->fact.len != 0)
        links = (struct cw_link_entry *)(void *)(uintptr_t)cw_frame_links(
            cw_frame_at(&trace->fact, 0), &count);
    for (size_t i = 0; links != NULL && i < count; i++) {
        for (size_t r = 0; r < moved->record_count; r++) {
            if (!cw_id_eq(links[i].record, moved->records[r]))
                continue;
            links[i].core = moved->core_to;
            links[i].entity = moved->entity_to;
            links[i].basis = moved->basis;
        }
    }
}

static void watch_link(void *context, size_t link, const struct cw_frame *frame)
{
    enum { LINK = 1 };
    struct trace *trace = context;
    struct cw_moved moved;
    if (link != LINK)
        return;
    if (frame->kind == CW_MOVED && cw_moved_get(frame, &moved))
        follow(trace, &moved);
    if (frame->kind != CW_EVENT || !cw_id_eq(frame->identity, trace->identity))
        return;
    trace->fact.len = 0;
    if (frame->sign > 0)
        cw_buf_put(&trace->fact, frame, frame->length);
}

/* --- dead letters --- */

/* Whether the bytes hold the text as Avro or JSON writes a string. */
static bool holds_text(cw_str bytes, const char *text)
{
    struct cw_buf avro = { 0 }, json = { 0 };
    size_t len = strlen(text);
    for (uint64_t n = (uint64_t)len << 1;; n >>= 7) {
        cw_buf_u8(&avro, (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
        if (n <= 0x7f)
            break;
    }
    cw_buf_put(&avro, text, len);
    cw_buf_printf(&json, "\"%s\"", text);
    bool holds = bytes.len != 0 && (memmem(bytes.ptr, bytes.len, avro.data, avro.len) != NULL ||
                                    memmem(bytes.ptr, bytes.len, json.data, json.len) != NULL);
    cw_buf_done(&avro);
    cw_buf_done(&json);
    return holds;
}

static bool on_letter(void *context, uint64_t number, const struct cw_dead_letter *letter)
{
    struct trace *trace = context;
    if (!holds_text(letter->bytes, trace->owner) || !holds_text(letter->bytes, trace->event_id))
        return true;
    struct cw_buf text = { 0 };
    cw_question_safe(&text, letter->source);
    cw_buf_printf(&text, " offset %" PRId64 ": %.*s: ", letter->offset, CW_STR_ARG(letter->code));
    cw_question_safe(&text, letter->sentence);
    trace->letters =
        cw_realloc(trace->letters, (trace->letter_count + 1) * sizeof(*trace->letters));
    trace->letters[trace->letter_count++] =
        (struct letter){ number,
                         (char *)(uintptr_t)cw_arena_printf(trace->question.arena, "%.*s",
                                                            (int)text.len, (const char *)text.data)
                             .ptr };
    cw_buf_done(&text);
    return true;
}

/* --- JSON --- */

static void versions_json(struct cw_json *json, const struct trace *trace)
{
    cw_json_key(json, "versions");
    cw_json_open(json, '[');
    for (size_t i = 0; i < trace->version_count; i++) {
        const struct version *version = &trace->versions[i];
        cw_json_open(json, '{');
        cw_json_kint(json, "position", (int64_t)version->frame->position);
        cw_json_kcstr(json, "source", version->source);
        cw_json_kint(json, "partition", version->frame->partition);
        cw_json_kint(json, "offset", version->frame->offset);
        cw_json_ktime(json, "arrival", version->frame->arrival);
        cw_json_kint(json, "version", version->frame->version);
        cw_json_kstr(json, "op", version->op);
        cw_json_key(json, "made");
        cw_json_open(json, '[');
        for (size_t m = 0; m < version->made_count; m++)
            cw_json_str(json, cw_cstr(version->made[m]));
        cw_json_close(json, ']');
        cw_json_kbool(json, "in_force", trace->in_force == version->frame->position + 1);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void parts_json(struct cw_json *json, const struct trace *trace)
{
    size_t count = 0;
    const struct cw_link_entry *links = cw_frame_links(cw_frame_at(&trace->fact, 0), &count);
    cw_json_key(json, "parts");
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        cw_json_open(json, '{');
        cw_json_kint(json, "part", links[i].part);
        cw_json_kid(json, "record", links[i].record);
        cw_json_kid(json, "core", links[i].core);
        cw_json_kid(json, "entity", links[i].entity);
        cw_json_kbool(json, "weak", (links[i].flags & CW_KEY_WEAK) != 0);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

/* The event's place among the members; SIZE_MAX: it is none (a notice). */
static size_t place_of(const struct trace *trace, const struct cw_told *told)
{
    for (size_t m = 0; m < told->member_count; m++) {
        if (cw_id_eq(told->members[m].identity, trace->identity))
            return m;
    }
    return SIZE_MAX;
}

static const struct cw_told_anchor *own_anchor(const struct cw_told *told, size_t place)
{
    for (size_t a = 0; place != SIZE_MAX && a < told->anchor_count; a++) {
        if (told->anchors[a].to == place + 1)
            return &told->anchors[a];
    }
    return NULL;
}

static size_t windows_with(const struct cw_told *told, size_t place)
{
    size_t count = 0;
    for (size_t a = 0; place != SIZE_MAX && a < told->anchor_count; a++)
        count += told->anchors[a].from <= place && place < told->anchors[a].to;
    return count;
}

static bool concerns(const struct trace *trace, const struct cw_told_finding *finding, size_t place)
{
    return (place != SIZE_MAX && finding->evidence[place]) ||
           (finding->has_notice && finding->notice_position + 1 == trace->in_force);
}

static void line_json(struct cw_json *json, const struct trace *trace, const struct cw_told *told)
{
    size_t place = place_of(trace, told);
    const struct cw_told_anchor *own = own_anchor(told, place);
    cw_json_open(json, '{');
    cw_question_keys_json(json, told);
    cw_json_kint(json, "windows", (int64_t)windows_with(told, place));
    if (own != NULL) {
        cw_json_kint(json, "members_of_own_window", (int64_t)(own->to - own->from));
        cw_question_values_json(json, told, own, trace->question.arena);
    }
    cw_json_key(json, "alerts");
    cw_json_open(json, '[');
    for (size_t f = 0; f < told->finding_count; f++) {
        const struct cw_told_finding *finding = &told->findings[f];
        if (!concerns(trace, finding, place))
            continue;
        cw_json_open(json, '{');
        cw_json_kid(json, "id", finding->row.alert);
        cw_json_kcstr(json, "level", cw_level_name(finding->row.level));
        cw_json_kcstr(json, "status",
                      finding->withheld != NULL            ? finding->withheld
                      : told->rule->mode == CW_MODE_SHADOW ? "shadow"
                                                           : "stands");
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
    cw_json_close(json, '}');
}

static void reading_json(struct cw_json *json, const struct trace *trace,
                         const struct cw_told_reading *reading)
{
    cw_json_open(json, '{');
    cw_json_kstr(json, "rule", reading->rule->id);
    cw_json_kbool(json, "as_notice", reading->stands);
    cw_json_key(json, "selections");
    cw_json_open(json, '[');
    for (size_t i = 0; i < reading->selection_count; i++) {
        cw_json_open(json, '{');
        cw_json_kstr(json, "name", reading->selections[i].name);
        cw_json_kbool(json, "holds", reading->selections[i].holds);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
    cw_json_kbool(json, "selected", reading->selected);
    cw_json_kbool(json, "purpose_allowed", reading->allowed);
    cw_json_kint(json, "missing_keys", (int64_t)reading->missing);
    cw_json_kint(json, "weak_keys", (int64_t)reading->weak);
    cw_json_key(json, "lines");
    cw_json_open(json, '[');
    for (size_t i = 0; i < reading->line_count; i++)
        line_json(json, trace, reading->lines[i]);
    cw_json_close(json, ']');
    cw_json_close(json, '}');
}

static void answer_json(const struct trace *trace, const struct cw_told_reading *readings,
                        size_t count, struct cw_buf *out)
{
    struct cw_json json = cw_json(out);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "owner", trace->owner);
    cw_json_kcstr(&json, "event_id", trace->event_id);
    versions_json(&json, trace);
    cw_json_kbool(&json, "retention_ended", trace->ended && trace->in_force == 0);
    cw_json_key(&json, "dead_letters");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < trace->letter_count; i++) {
        cw_json_open(&json, '{');
        cw_json_kint(&json, "number", (int64_t)trace->letters[i].number);
        cw_json_kcstr(&json, "text", trace->letters[i].text);
        cw_json_close(&json, '}');
    }
    cw_json_close(&json, ']');
    if (trace->fact.len != 0)
        parts_json(&json, trace);
    cw_json_key(&json, "rules");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < count; i++)
        reading_json(&json, trace, &readings[i]);
    cw_json_close(&json, ']');
    cw_json_close(&json, '}');
    cw_buf_u8(out, '\n');
}

/* --- text --- */

static void versions_text(const struct trace *trace, struct cw_buf *out)
{
    for (size_t i = 0; i < trace->version_count; i++) {
        const struct version *version = &trace->versions[i];
        cw_buf_printf(out, "version %" PRId64 " ", version->frame->version);
        cw_question_safe(out, version->op);
        cw_buf_cstr(out, ": ");
        for (size_t m = 0; m < version->made_count; m++)
            cw_buf_printf(out, "%s%s", m != 0 ? ", " : "", version->made[m]);
        if (trace->in_force == version->frame->position + 1)
            cw_buf_cstr(out, "; in force");
        cw_buf_printf(out, "\n    at position %" PRIu64 ", from ", version->frame->position);
        cw_question_safe(out, cw_cstr(version->source));
        cw_buf_printf(out, " partition %" PRIu32 " offset %" PRId64 ", arrived ",
                      version->frame->partition, version->frame->offset);
        cw_question_time(out, version->frame->arrival);
        cw_buf_u8(out, '\n');
    }
    if (trace->version_count != 0 && trace->in_force == 0)
        cw_buf_cstr(out, trace->ended ? "no version is in force: its retention has ended\n"
                                      : "no version is in force\n");
    for (size_t i = 0; i < trace->letter_count; i++)
        cw_buf_printf(out, "dead letter %" PRIu64 " holds both names: %s\n",
                      trace->letters[i].number, trace->letters[i].text);
}

static void parts_text(const struct trace *trace, struct cw_buf *out)
{
    size_t count = 0;
    const struct cw_link_entry *links =
        trace->fact.len != 0 ? cw_frame_links(cw_frame_at(&trace->fact, 0), &count) : NULL;
    for (size_t i = 0; links != NULL && i < count; i++) {
        char record[CW_ID_HEX], entity[CW_ID_HEX];
        cw_id_hex(links[i].record, record);
        cw_id_hex(links[i].entity, entity);
        cw_buf_printf(out, "part %u: entity %s, record %s%s\n", links[i].part, entity, record,
                      (links[i].flags & CW_KEY_WEAK) != 0 ? ", states too little to be a key" : "");
    }
}

static void line_text(const struct trace *trace, const struct cw_told *told, struct cw_buf *out)
{
    size_t place = place_of(trace, told);
    const struct cw_told_anchor *own = own_anchor(told, place);
    cw_buf_cstr(out, "    key ");
    cw_question_keys(out, told);
    if (place != SIZE_MAX && told->rule->type != CW_RULE_STANDING)
        cw_buf_printf(out, ", in %zu windows", windows_with(told, place));
    cw_buf_u8(out, '\n');
    if (own != NULL) {
        cw_buf_printf(out, "    the window that ends with it has %zu members\n",
                      own->to - own->from);
        cw_question_values(out, told, own, trace->question.arena);
    }
    for (size_t f = 0; f < told->finding_count; f++) {
        const struct cw_told_finding *finding = &told->findings[f];
        if (!concerns(trace, finding, place))
            continue;
        char id[CW_ID_HEX];
        cw_id_hex(finding->row.alert, id);
        cw_buf_printf(out, "    evidence of alert %s, %s%s%s\n", id,
                      cw_level_name(finding->row.level),
                      finding->withheld != NULL ? ", withheld: " : "",
                      finding->withheld != NULL ? finding->withheld : "");
    }
}

static void reading_text(const struct trace *trace, const struct cw_told_reading *reading,
                         struct cw_buf *out)
{
    cw_buf_printf(out, "rule %.*s%s:", CW_STR_ARG(reading->rule->name),
                  reading->stands ? " (as what stands)" : "");
    for (size_t i = 0; i < reading->selection_count; i++)
        cw_buf_printf(out, "%s %.*s %s", i != 0 ? "," : "", CW_STR_ARG(reading->selections[i].name),
                      reading->selections[i].holds ? "selects it" : "does not select it");
    if (!reading->allowed)
        cw_buf_cstr(out, "; the event's purposes do not allow the rule's");
    if (reading->selected && reading->allowed && reading->missing != 0)
        cw_buf_cstr(out, "; it has nothing for the key");
    if (reading->weak != 0)
        cw_buf_cstr(out, "; a part states too little to be a key");
    cw_buf_u8(out, '\n');
    for (size_t i = 0; i < reading->line_count; i++)
        line_text(trace, reading->lines[i], out);
}

/* --- the command --- */

static int answer(struct trace *trace, bool json)
{
    size_t count = 0;
    const struct cw_told_reading *readings = NULL;
    struct cw_question *question = &trace->question;
    if (trace->version_count != 0) {
        cw_chain_set_tap(question->fused->chain, watch_link, trace);
        int status = cw_fused_pump(question->fused, true);
        if (status != CW_EXIT_OK)
            return status;
    }
    if (trace->fact.len != 0 && question->rules != NULL)
        readings = cw_detect_read(question->fused->detect, cw_frame_at(&trace->fact, 0),
                                  question->log, question->arena, &count);
    struct cw_buf out = { 0 };
    if (json) {
        answer_json(trace, readings, count, &out);
    } else {
        versions_text(trace, &out);
        parts_text(trace, &out);
        for (size_t i = 0; i < count; i++)
            reading_text(trace, &readings[i], &out);
        if (trace->fact.len != 0 && question->rules != NULL && count == 0)
            cw_buf_cstr(&out, "no rule reads events of its type\n");
    }
    int status = cw_question_print(&out);
    cw_buf_done(&out);
    return status;
}

static int trace_with(struct trace *trace, const char *log, const char *rules, const char *letters,
                      bool json)
{
    char error[512];
    int status =
        cw_question_open(&trace->question, log, rules, (struct cw_chain_link){ NULL, NULL });
    if (status != CW_EXIT_OK)
        return status;
    trace->identity =
        cw_id_identity(&trace->question.secret, cw_cstr(trace->owner), cw_cstr(trace->event_id));
    status = read_versions(trace);
    if (status != CW_EXIT_OK)
        return status;
    if (letters != NULL && !cw_dead_letters_read(letters, on_letter, trace, error, sizeof(error))) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    if (trace->version_count == 0 && trace->letter_count == 0) {
        cw_error("trace: expected an event that this log admitted%s, found none of that owner and "
                 "event id; `frames` shows what is there",
                 letters != NULL ? " or a dead letter that names it" : "");
        return CW_EXIT_FAILED;
    }
    return answer(trace, json);
}

static int run(int argc, char **argv)
{
    const char *log = NULL, *rules = NULL, *letters = NULL;
    bool json = false;
    struct cw_text_list words = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &log, true, "directory of the log" },
        { "rules", CW_OPT_TEXT, &rules, false,
          "rule file, or directory: also what the rules make of it" },
        { "dead-letters", CW_OPT_TEXT, &letters, false,
          "directory of dead letters: also those whose bytes hold owner and event id" },
        { "json", CW_OPT_FLAG, &json, false, "one JSON object instead of text" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_trace, options, argc, argv, &words);
    if (status >= 0)
        return status;
    if (words.count != 2) {
        cw_error("trace: expected OWNER EVENT_ID, found %zu words", words.count);
        free(words.items);
        return CW_EXIT_USAGE;
    }
    struct trace trace = { .owner = words.items[0], .event_id = words.items[1] };
    status = trace_with(&trace, log, rules, letters, json);
    cw_question_close(&trace.question);
    cw_buf_done(&trace.fact);
    free(trace.versions);
    free(trace.sources);
    free(trace.letters);
    free(words.items);
    return status;
}

const struct cw_command cw_cmd_trace = {
    .name = "trace",
    .usage = "OWNER EVENT_ID --log DIR [--rules DIR] [--dead-letters DIR] [--json]",
    .summary = "what became of one event: versions, entities, rules, windows, alerts",
    .run = run,
};

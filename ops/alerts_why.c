/* alerts_why.c - why an alert stands, or does not, as the log has it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/time.h"
#include "ops/questions.h"
#include "sinks/format.h"

/* What readers were told of the alert: the last stage of the chain. */
struct seen {
    struct cw_id alert;
    struct cw_arena *arena;
    struct cw_buf frame; /* its last whole row */
    uint64_t first;      /* ticks */
    uint64_t last;
    bool gone;
};

static int seen_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct seen *seen = self;
    (void)out;
    for (size_t i = 0; i < in->count; i++) {
        const struct cw_frame *frame = in->frames[i];
        struct cw_row row;
        if (frame->kind != CW_ROW)
            continue;
        cw_arena_reset(seen->arena);
        if (!cw_row_get(frame, &row, seen->arena) || !cw_id_eq(row.alert, seen->alert))
            continue;
        seen->first = seen->frame.len == 0 ? frame->position : seen->first;
        seen->last = frame->position;
        seen->gone = row.gone;
        if (row.gone)
            continue;
        seen->frame.len = 0;
        cw_buf_put(&seen->frame, frame, frame->length);
    }
    return CW_EXIT_OK;
}

static const struct cw_stage seen_stage = { "why", seen_batch, NULL };

struct why {
    struct cw_question question;
    struct seen seen;
    const struct cw_told *told;
    const struct cw_told_finding *finding; /* NULL: nothing there now */
};

static const char *status_of(const struct why *why)
{
    if (why->finding == NULL)
        return "gone";
    if (why->finding->withheld != NULL)
        return "withheld";
    return why->told->rule->mode == CW_MODE_SHADOW ? "shadow" : "stands";
}

static const char *sentence_of(const struct why *why)
{
    if (why->finding == NULL)
        return "it stood once and is gone: at the end of the log no anchor of the cell satisfies "
               "all criteria";
    if (why->finding->withheld == NULL)
        return why->told->rule->mode == CW_MODE_SHADOW
                   ? "all criteria hold; the rule is in shadow, so readers get no row"
               : why->told->rule->type == CW_RULE_STANDING
                   ? "it stands: the key was sighted while the notice holds"
                   : "it stands: all criteria hold at an anchor, and somebody may see it";
    return why->finding->withheld[3] == 'p'
               ? "withheld: what the evidence demands together does not allow the rule's purpose"
               : "withheld: no audience may see all of the evidence";
}

/* Which finding a member is evidence of is asked of the one of the alert. */
static bool is_evidence(const struct why *why, size_t m)
{
    return why->finding != NULL && why->finding->evidence[m];
}

/* --- links --- */

/* The entity as `entity show` has it; NULL: link does not know it. To be freed. */
static char *entity_text(struct why *why, const struct cw_row_key *key, bool json)
{
    char error[CW_LINK_ERROR];
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    if (file == NULL)
        return NULL;
    bool ok =
        cw_link_show(why->question.fused->link, why->question.log, key->text, json, file, error);
    if (fclose(file) == 0 && ok)
        return text;
    free(text);
    return NULL;
}

/* Text that is JSON itself, as a value. */
static void raw_json(struct cw_json *json, const char *key, cw_str text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    cw_json_key(json, key);
    cw_buf_put(json->buf, text.ptr, text.len);
    json->comma = true;
}

/* --- JSON --- */

static void rule_json(struct cw_json *json, const struct cw_rule *rule)
{
    cw_json_key(json, "rule");
    cw_json_open(json, '{');
    cw_json_kstr(json, "id", rule->id);
    cw_json_kstr(json, "title", rule->title);
    cw_json_kstr(json, "question", rule->question);
    cw_json_kint(json, "revision", rule->revision);
    cw_json_kid(json, "state_hash", rule->state_hash);
    cw_json_kid(json, "judgement_hash", rule->judgement_hash);
    cw_json_close(json, '}');
}

static void members_json(struct cw_json *json, const struct why *why)
{
    const struct cw_told *told = why->told;
    cw_json_key(json, "members");
    cw_json_open(json, '[');
    for (size_t m = 0; m < told->member_count; m++) {
        const struct cw_told_member *member = &told->members[m];
        cw_json_open(json, '{');
        cw_json_kstr(json, "owner", member->owner);
        cw_json_kstr(json, "event_id", member->event_id);
        cw_json_kint(json, "part", member->part);
        cw_json_ktime(json, "time", member->time_lo);
        cw_json_kbool(json, "evidence", is_evidence(why, m));
        cw_json_key(json, "brings");
        cw_json_open(json, '[');
        for (size_t v = 0; v < member->value_count; v++) {
            cw_json_open(json, '{');
            cw_json_kint(json, "criterion", (int64_t)member->values[v].criterion);
            cw_json_kcstr(json, "kind", member->values[v].is_entity ? "entity" : "value");
            cw_json_kstr(json, "text", member->values[v].text);
            cw_json_close(json, '}');
        }
        cw_json_close(json, ']');
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void anchors_json(struct cw_json *json, const struct why *why)
{
    const struct cw_told *told = why->told;
    cw_json_key(json, "anchors");
    cw_json_open(json, '[');
    for (size_t a = 0; a < told->anchor_count; a++) {
        const struct cw_told_anchor *anchor = &told->anchors[a];
        cw_json_open(json, '{');
        cw_json_ktime(json, "time", told->members[anchor->to - 1].time_lo);
        cw_json_kint(json, "from_member", (int64_t)anchor->from);
        cw_json_kint(json, "to_member", (int64_t)anchor->to - 1);
        cw_json_kbool(json, "satisfied", anchor->satisfied);
        cw_question_values_json(json, told, anchor, why->question.arena);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static bool finding_json(struct cw_json *json, struct why *why)
{
    const struct cw_told_finding *finding = why->finding;
    if (finding == NULL)
        return true;
    if (finding->withheld != NULL)
        cw_json_kcstr(json, "withheld", finding->withheld);
    if (finding->row.restriction.len != 0)
        raw_json(json, "restriction", finding->row.restriction);
    if (finding->has_notice) {
        cw_json_key(json, "notice");
        cw_json_open(json, '{');
        cw_json_kint(json, "position", (int64_t)finding->notice_position);
        if (finding->from != CW_TIME_MIN)
            cw_json_ktime(json, "from", finding->from);
        if (finding->until != CW_TIME_MAX)
            cw_json_ktime(json, "until", finding->until);
        cw_json_close(json, '}');
    }
    struct cw_formatter *formatter = cw_formatter_new(why->question.log);
    struct cw_buf line = { 0 };
    bool ok = cw_format_row(formatter, &finding->row, &line);
    if (ok)
        raw_json(json, "alert", (cw_str){ (const char *)line.data, line.len });
    cw_buf_done(&line);
    cw_formatter_free(formatter);
    return ok;
}

static bool answer_json(struct why *why, struct cw_buf *out)
{
    struct cw_json json = cw_json(out);
    const struct cw_told *told = why->told;
    cw_json_open(&json, '{');
    cw_json_kid(&json, "id", why->seen.alert);
    cw_json_kcstr(&json, "status", status_of(why));
    cw_json_kcstr(&json, "sentence", sentence_of(why));
    rule_json(&json, told->rule);
    cw_question_keys_json(&json, told);
    cw_json_kint(&json, "cell", told->lo);
    cw_json_kint(&json, "timespan", told->rule->timespan);
    anchors_json(&json, why);
    members_json(&json, why);
    bool ok = finding_json(&json, why);
    cw_json_key(&json, "links");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < told->key_count; i++) {
        char *text = told->keys[i].is_entity ? entity_text(why, &told->keys[i], true) : NULL;
        if (text == NULL)
            continue;
        cw_json_open(&json, '{');
        raw_json(&json, "entity", cw_cstr(text));
        cw_json_close(&json, '}');
        free(text);
    }
    cw_json_close(&json, ']');
    cw_json_close(&json, '}');
    cw_buf_u8(out, '\n');
    return ok;
}

/* --- text --- */

static int64_t cell_edge(const struct cw_rule *rule, int64_t cell)
{
    int64_t edge;
    if (__builtin_mul_overflow(cell, rule->cell_span, &edge))
        return cell < 0 ? CW_TIME_MIN : CW_TIME_MAX;
    return edge;
}

static void head_text(const struct why *why, struct cw_buf *out)
{
    const struct cw_rule *rule = why->told->rule;
    char id[CW_ID_HEX], state[CW_ID_HEX], judgement[CW_ID_HEX];
    cw_id_hex(why->seen.alert, id);
    cw_id_hex(rule->state_hash, state);
    cw_id_hex(rule->judgement_hash, judgement);
    cw_buf_printf(out, "alert %s: %s\n", id, sentence_of(why));
    if (why->seen.frame.len != 0)
        cw_buf_printf(out, "readers had it first in tick %" PRIu64 ", %s in tick %" PRIu64 "\n",
                      why->seen.first,
                      why->seen.gone ? "and it was taken back" : "and last changed",
                      why->seen.last);
    cw_buf_printf(out, "rule %.*s, revision %" PRIu32 ", state %s, judgement %s\n    ",
                  CW_STR_ARG(rule->id), rule->revision, state, judgement);
    cw_question_safe(out, rule->title);
    cw_buf_cstr(out, "\n    ");
    cw_question_safe(out, rule->question);
    cw_buf_cstr(out, "\nkey ");
    cw_question_keys(out, why->told);
    cw_buf_printf(out, "\ncell %" PRId64 ": ", why->told->lo);
    cw_question_time(out, cell_edge(rule, why->told->lo));
    cw_buf_cstr(out, " to ");
    cw_question_time(out, cw_time_add(cell_edge(rule, why->told->lo), rule->cell_span));
    cw_buf_u8(out, '\n');
}

static void member_text(const struct why *why, size_t m, struct cw_buf *out)
{
    const struct cw_told_member *member = &why->told->members[m];
    cw_buf_printf(out, "    %zu. ", m);
    cw_question_time(out, member->time_lo);
    cw_buf_u8(out, ' ');
    cw_question_safe(out, member->owner);
    cw_buf_u8(out, '/');
    cw_question_safe(out, member->event_id);
    cw_buf_cstr(out, is_evidence(why, m) ? ", evidence\n" : ", no evidence\n");
    for (size_t v = 0; v < member->value_count; v++) {
        const struct cw_told_value *value = &member->values[v];
        cw_str text = cw_question_criterion(&why->told->rule->criteria[value->criterion],
                                            why->question.arena);
        cw_buf_printf(out, "        to %.*s: %s", CW_STR_ARG(text),
                      value->is_entity ? "entity " : "");
        cw_question_safe(out, value->text);
        cw_buf_u8(out, '\n');
    }
}

static void finding_text(const struct why *why, struct cw_buf *out)
{
    const struct cw_told_finding *finding = why->finding;
    if (finding == NULL)
        return;
    if (finding->has_notice) {
        cw_buf_printf(out, "notice at position %" PRIu64 " holds from ", finding->notice_position);
        cw_question_time(out, finding->from);
        cw_buf_cstr(out, " until ");
        cw_question_time(out, finding->until);
        cw_buf_u8(out, '\n');
    }
    cw_buf_cstr(out, "restriction ");
    cw_question_safe(out, finding->row.restriction.len != 0 ? finding->row.restriction
                                                            : cw_cstr("none"));
    if (finding->row.country_count != 0)
        cw_buf_cstr(out, "\ncountries");
    for (size_t i = 0; i < finding->row.country_count; i++)
        cw_buf_printf(out, " %.*s", CW_STR_ARG(finding->row.countries[i]));
    cw_buf_u8(out, '\n');
}

static bool answer_text(struct why *why, struct cw_buf *out)
{
    const struct cw_told *told = why->told;
    head_text(why, out);
    finding_text(why, out);
    cw_buf_printf(out, "members of the windows that end in the cell: %zu\n", told->member_count);
    for (size_t m = 0; m < told->member_count; m++)
        member_text(why, m, out);
    cw_buf_printf(out, "anchors: %zu\n", told->anchor_count);
    for (size_t a = 0; a < told->anchor_count; a++) {
        const struct cw_told_anchor *anchor = &told->anchors[a];
        cw_buf_cstr(out, "    ");
        cw_question_time(out, told->members[anchor->to - 1].time_lo);
        cw_buf_printf(out, ", members %zu to %zu: %s\n", anchor->from, anchor->to - 1,
                      anchor->satisfied ? "satisfied" : "not satisfied");
        cw_question_values(out, told, anchor, why->question.arena);
    }
    for (size_t i = 0; i < told->key_count; i++) {
        char *text = told->keys[i].is_entity ? entity_text(why, &told->keys[i], false) : NULL;
        if (text != NULL)
            cw_buf_printf(out, "links that the key rests on:\n%s", text);
        free(text);
    }
    return true;
}

/* --- asking --- */

static int answer(struct why *why, bool json)
{
    struct cw_row known;
    struct cw_question *question = &why->question;
    int status = cw_fused_pump(question->fused, true);
    if (status != CW_EXIT_OK)
        return status;
    bool stood = why->seen.frame.len != 0 &&
                 cw_row_get(cw_frame_at(&why->seen.frame, 0), &known, question->arena);
    why->told = cw_detect_why(question->fused->detect, why->seen.alert, stood ? &known : NULL,
                              question->log, question->arena);
    if (why->told == NULL) {
        cw_error(stood ? "alerts why: that alert stood once and is gone, and nothing is left under "
                         "its key at the end of this log"
                       : "alerts why: expected the id of an alert that these rules find in this "
                         "log, found one that they never had there; `replay --export` and `alerts "
                         "list` name ids");
        return CW_EXIT_FAILED;
    }
    for (size_t i = 0; i < why->told->finding_count; i++) {
        if (cw_id_eq(why->told->findings[i].row.alert, why->seen.alert))
            why->finding = &why->told->findings[i];
    }
    struct cw_buf out = { 0 };
    if (json ? answer_json(why, &out) : answer_text(why, &out)) {
        status = cw_question_print(&out);
    } else {
        cw_error("alerts why: the log does not hold the evidence: %s", cw_log_error(question->log));
        status = CW_EXIT_DAMAGED;
    }
    cw_buf_done(&out);
    return status;
}

int cw_alerts_why(const char *alert, const char *log_dir, const char *rules, bool json)
{
    struct why why = { .seen = { .arena = cw_arena_new() } };
    int status = CW_EXIT_USAGE;
    if (!cw_id_parse(cw_cstr(alert), &why.seen.alert)) {
        cw_error("alerts why: expected the id of an alert, 32 hex digits, found %zu bytes that are "
                 "none",
                 strlen(alert));
    } else {
        struct cw_chain_link last = { &seen_stage, &why.seen };
        status = cw_question_open(&why.question, log_dir, rules, last);
        if (status == CW_EXIT_OK)
            status = answer(&why, json);
        cw_question_close(&why.question);
    }
    cw_buf_done(&why.seen.frame);
    cw_arena_free(why.seen.arena);
    return status;
}

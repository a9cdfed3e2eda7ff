#include "ops/questions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/time.h"
#include "ops/rules_arg.h"

int cw_question_open(struct cw_question *question, const char *log_dir, const char *rules,
                     struct cw_chain_link last)
{
    char error[CW_LINK_ERROR];
    *question = (struct cw_question){ .arena = cw_arena_new() };
    if (!cw_secret_from_environment(&question->secret))
        return CW_EXIT_FAILED;
    question->rules = rules != NULL ? cw_rules_arg(rules) : NULL;
    if (rules != NULL && question->rules == NULL)
        return CW_EXIT_FAILED;
    question->log = cw_log_read(log_dir, error, sizeof(error));
    if (question->log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    question->fused =
        cw_fused_new(&question->secret, question->log, question->rules, last, CW_BATCH_DEFAULT);
    return CW_EXIT_OK;
}

void cw_question_close(struct cw_question *question)
{
    cw_fused_free(question->fused);
    cw_log_close(question->log);
    cw_rules_free(question->rules);
    cw_arena_free(question->arena);
}

/* Controls of C0, DEL and, in UTF-8, of C1. */
void cw_question_safe(struct cw_buf *out, cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
        if (c < 0x20 || c == 0x7f) {
            cw_buf_printf(out, "\\x%02x", c);
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            cw_buf_printf(out, "\\x%02x", next);
            i++;
        } else {
            cw_buf_u8(out, c);
        }
    }
}

void cw_question_time(struct cw_buf *out, int64_t time)
{
    char text[CW_TIME_TEXT];
    if (time == CW_TIME_MIN || time == CW_TIME_MAX) {
        cw_buf_cstr(out, time == CW_TIME_MIN ? "ever" : "for ever");
        return;
    }
    cw_time_format(time, text);
    cw_buf_cstr(out, text);
}

cw_str cw_question_criterion(const struct cw_criterion *criterion, struct cw_arena *arena)
{
    static const char *const names[] = { "event_count", "value_count", "value_sum", "countries" };
    cw_str field = criterion->field != NULL ? criterion->field->text : cw_cstr("");
    return cw_arena_printf(arena, "%s%s%.*s%s %s %" PRId64, names[criterion->measure],
                           field.len != 0 ? "(" : "", CW_STR_ARG(field), field.len != 0 ? ")" : "",
                           criterion->above ? "gt" : "gte", criterion->threshold);
}

void cw_question_keys(struct cw_buf *out, const struct cw_told *told)
{
    for (size_t i = 0; i < told->key_count; i++) {
        cw_buf_printf(out, "%s%s ", i != 0 ? ", " : "",
                      told->keys[i].is_entity ? "entity" : "value");
        cw_question_safe(out, told->keys[i].text);
    }
}

void cw_question_keys_json(struct cw_json *json, const struct cw_told *told)
{
    cw_json_key(json, "keys");
    cw_json_open(json, '[');
    for (size_t i = 0; i < told->key_count; i++) {
        cw_json_open(json, '{');
        cw_json_kid(json, "id", told->keys[i].id);
        cw_json_kcstr(json, "kind", told->keys[i].is_entity ? "entity" : "value");
        cw_json_kstr(json, "text", told->keys[i].text);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

void cw_question_values_json(struct cw_json *json, const struct cw_told *told,
                             const struct cw_told_anchor *anchor, struct cw_arena *arena)
{
    cw_json_key(json, "criteria");
    cw_json_open(json, '[');
    for (size_t i = 0; i < told->rule->criterion_count; i++) {
        const struct cw_criterion *criterion = &told->rule->criteria[i];
        cw_json_open(json, '{');
        cw_json_kstr(json, "criterion", cw_question_criterion(criterion, arena));
        cw_json_kint(json, "threshold", criterion->threshold);
        cw_json_kint(json, "value", anchor->values[i]);
        cw_json_kbool(json, "holds", cw_criterion_holds(criterion, anchor->values[i]));
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

void cw_question_values(struct cw_buf *out, const struct cw_told *told,
                        const struct cw_told_anchor *anchor, struct cw_arena *arena)
{
    for (size_t i = 0; i < told->rule->criterion_count; i++) {
        const struct cw_criterion *criterion = &told->rule->criteria[i];
        cw_str text = cw_question_criterion(criterion, arena);
        cw_buf_printf(out, "      %.*s: %" PRId64 "%s\n", CW_STR_ARG(text), anchor->values[i],
                      cw_criterion_holds(criterion, anchor->values[i]) ? "" : ", does not hold");
    }
}

int cw_question_print(const struct cw_buf *out)
{
    bool written = fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
    if (written || errno == EPIPE) /* who reads through `head` has read enough */
        return CW_EXIT_OK;
    cw_error("the answer cannot be written to standard output");
    return CW_EXIT_FAILED;
}

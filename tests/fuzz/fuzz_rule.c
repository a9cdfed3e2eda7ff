/*
 * fuzz_rule.c - whatever the text: a set without a word of complaint, or complaints and no set;
 * every complaint has its place in the text; and what was accepted keeps the promises of rule.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "detectors/rule.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines_of(cw_str text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

/* "f:LINE:COLUMN: error: …" begins each finding, or "f: error: …". */
static void check_errors(cw_str text, const char *errors)
{
    size_t findings = 0;
    for (const char *line = errors; line != NULL && *line != 0;) {
        if (strncmp(line, "f: error: ", 10) == 0) {
            findings++;
        } else if (strncmp(line, "f:", 2) == 0) {
            unsigned long number = 0;
            unsigned long column = 0;
            CW_CHECK(sscanf(line, "f:%lu:%lu: error: ", &number, &column) == 2);
            CW_CHECK(number >= 1 && number <= lines_of(text) && column >= 1);
            findings++;
        }
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : NULL;
    }
    CW_CHECK(findings > 0);
}

static void check_rule(const struct cw_rule *rule)
{
    CW_CHECK(rule->selection_count > 0 && rule->group_by_count > 0);
    CW_CHECK(rule->id.len == 36 && rule->title.len > 0 && rule->question.len > 0);
    CW_CHECK(rule->keep >= 1 && rule->keep <= 1000);
    CW_CHECK((rule->field != NULL) == (rule->type == CW_RULE_VALUE_COUNT));
    bool standing = rule->type == CW_RULE_STANDING;
    CW_CHECK((rule->on_count > 0) == standing);
    CW_CHECK(standing ? rule->timespan == 0 && rule->lookback >= CW_DAY
                      : rule->timespan > 0 && rule->lookback == 0 && rule->threshold >= 1);
    CW_CHECK(rule->cell_span >= rule->suppress_for && rule->cell_span >= rule->timespan &&
             rule->cell_span >= rule->lookback);
    for (size_t i = 0; i < rule->group_by_count; i++)
        CW_CHECK(rule->group_by[i].what != CW_WHAT_ENTITY || rule->match != CW_MATCH_RAW);
}

static void check_selection(const struct cw_selection *selection, struct cw_arena *arena)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.type = event.detail_type = cw_type_by_number(selection->type);
    CW_CHECK(event.type != NULL);
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    for (size_t i = 0; i < event.type->field_count; i++) {
        detail[i].present = event.type->fields[i].type == CW_FIELD_STRING;
        detail[i].text = cw_cstr("red");
    }
    event.detail = detail;
    (void)!cw_selection_holds(selection, &event, arena);
    cw_arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_buf errors = { 0 };
    cw_str text = { (const char *)data, size };
    struct cw_rules *rules = cw_rules_parse("f", text, &errors);
    if (rules == NULL) {
        cw_buf_u8(&errors, 0);
        check_errors(text, (const char *)errors.data);
    } else {
        CW_CHECK(errors.len == 0);
        CW_CHECK(cw_str_eq(rules->text, text));
        struct cw_arena *arena = cw_arena_new();
        for (size_t i = 0; i < rules->selection_count; i++)
            check_selection(&rules->selections[i], arena);
        for (size_t i = 0; i < rules->count; i++) {
            check_rule(&rules->rules[i]);
            CW_CHECK(rules->rules[i].number == i);
            CW_CHECK(i == 0 || cw_str_cmp(rules->rules[i - 1].id, rules->rules[i].id) < 0);
        }
        cw_arena_free(arena);
    }
    cw_rules_free(rules);
    cw_buf_done(&errors);
    return 0;
}

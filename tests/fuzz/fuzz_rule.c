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

/* A key is on the events of each selection; what is counted is on some of them. */
static void check_lookup(const struct cw_rule *rule, const struct cw_lookup *lookup, bool is_key)
{
    size_t given = 0;
    for (size_t i = 0; i < rule->selection_count; i++) {
        const struct cw_path *path = lookup->paths[i];
        given += path != NULL;
        CW_CHECK(path == NULL || path->scope != CW_PATH_DETAIL ||
                 path->type == rule->selections[i]->type);
        CW_CHECK(!is_key || path == NULL || path->what != CW_WHAT_ENTITY ||
                 rule->match != CW_MATCH_RAW);
    }
    CW_CHECK(lookup->text.len > 0 && (is_key ? given == rule->selection_count : given > 0));
}

static void check_criteria(const struct cw_rule *rule)
{
    CW_CHECK((rule->criterion_count == 0) == (rule->type == CW_RULE_STANDING));
    for (size_t i = 0; i < rule->criterion_count; i++) {
        const struct cw_criterion *criterion = &rule->criteria[i];
        bool has_field =
            criterion->measure == CW_MEASURE_VALUES || criterion->measure == CW_MEASURE_SUM;
        bool countries = criterion->measure == CW_MEASURE_COUNTRIES;
        CW_CHECK(criterion->threshold >= 1 && (criterion->field != NULL) == has_field);
        CW_CHECK(countries == (rule->cross_border && i + 1 == rule->criterion_count));
        CW_CHECK(criterion->shown != countries);
        if (has_field)
            check_lookup(rule, criterion->field, false);
    }
    if (rule->type == CW_RULE_VALUE_COUNT)
        CW_CHECK(rule->criteria[0].measure == CW_MEASURE_VALUES);
    if (rule->type == CW_RULE_VALUE_SUM)
        CW_CHECK(rule->criteria[0].measure == CW_MEASURE_SUM);
}

static void check_rule(const struct cw_rule *rule)
{
    CW_CHECK(rule->selection_count > 0 && rule->group_by_count > 0);
    CW_CHECK(rule->id.len == 36 && rule->title.len > 0 && rule->question.len > 0);
    CW_CHECK(rule->keep >= 1 && rule->keep <= 1000 && rule->revision >= 1);
    CW_CHECK(rule->mode == CW_MODE_LIVE || rule->mode == CW_MODE_SHADOW);
    bool standing = rule->type == CW_RULE_STANDING;
    CW_CHECK((rule->on_count > 0) == standing);
    CW_CHECK(standing ? rule->timespan == 0 && rule->lookback >= CW_DAY
                      : rule->timespan > 0 && rule->lookback == 0);
    CW_CHECK(rule->cell_span >= rule->suppress_for && rule->cell_span >= rule->timespan &&
             rule->cell_span >= rule->lookback);
    for (size_t i = 0; i < rule->group_by_count; i++)
        check_lookup(rule, &rule->group_by[i], true);
    check_criteria(rule);
    for (size_t i = 1; i < rule->purpose_count; i++)
        CW_CHECK(cw_str_cmp(rule->purposes[i - 1], rule->purposes[i]) < 0);
    CW_CHECK(strlen(rule->document) == 64 && rule->lists.len == 0);
    CW_CHECK(!cw_id_is_zero(rule->state_hash) && !cw_id_is_zero(rule->judgement_hash));
}

static void check_selection(const struct cw_selection *selection, struct cw_arena *arena)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.type = event.detail_type = cw_type_by_number(selection->type);
    CW_CHECK(event.type != NULL && selection->code_len > 0);
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

/*
 * lint.c - what is no mistake of the language and surely none of the author's wishes: said by
 * `rules check`, and no reason to refuse a set that runs.
 */
#include <stdlib.h>

#include "detectors/load.h"
#include "detectors/path.h"

enum { TESTS_MAX = 12, STEPS_MAX = 1 << 22 };

/* Whether every event of the type has a value on the path. */
static bool always_there(const struct cw_path *path)
{
    static const char *const always[] = { "owner",     "event_id",       "event_type", "event_time",
                                          "tz_offset", "time_precision", "recorded_at" };
    if (path->scope == CW_PATH_DETAIL) {
        const struct cw_field *field = &cw_type_by_number(path->type)->fields[path->field];
        return !field->nullable && field->type != CW_FIELD_STRINGS;
    }
    for (size_t i = 0; path->scope == CW_PATH_ENVELOPE && i < sizeof(always) / sizeof(always[0]);
         i++) {
        if (cw_str_is(path->text, always[i]))
            return true;
    }
    return false;
}

static bool holds_always(const struct cw_instruction *test)
{
    if (!always_there(test->path))
        return false;
    if (test->op == CW_OP_EXISTS)
        return true;
    for (size_t i = 0; test->op == CW_OP_LIKE && i < test->text_count; i++) {
        size_t any = 0;
        while (any < test->texts[i].len && test->texts[i].ptr[any] == CW_LIKE_ANY)
            any++;
        if (any != 0 && any == test->texts[i].len)
            return true;
    }
    return false;
}

/* The selection's answer where test i has bit i of `truths`. */
static bool answer(const struct cw_selection *selection, const size_t *tests, size_t truths)
{
    for (size_t at = 0;;) {
        const struct cw_instruction *code = &selection->code[at];
        bool truth = ((truths >> tests[at]) & 1) != code->negated;
        at = truth ? code->then : code->otherwise;
        if (at == 0)
            return truth;
    }
}

/* Numbers the different tests; those that always hold are TESTS_MAX. False: too many. */
static bool number_tests(const struct cw_selection *selection, size_t *tests, size_t *count)
{
    size_t first[TESTS_MAX];
    *count = 0;
    for (size_t i = 0; i < selection->code_len; i++) {
        tests[i] = TESTS_MAX;
        for (size_t j = 0; j < *count && tests[i] == TESTS_MAX; j++) {
            if (cw_test_cmp(&selection->code[first[j]], &selection->code[i]) == 0)
                tests[i] = j;
        }
        if (tests[i] != TESTS_MAX || holds_always(&selection->code[i]))
            continue;
        if (*count == TESTS_MAX)
            return false;
        tests[i] = *count;
        first[(*count)++] = i;
    }
    return selection->code_len << *count <= STEPS_MAX;
}

void cw_selection_lint(struct cw_loader *loader, const struct cw_document *document)
{
    const struct cw_selection *selection = document->selection;
    size_t *tests = cw_arena_alloc(loader->arena, (selection->code_len + 1) * sizeof(*tests));
    size_t count;
    if (!number_tests(selection, tests, &count))
        return;
    bool ever = false;
    bool always = true;
    for (size_t truths = 0; truths < (size_t)1 << count; truths++) {
        bool truth = answer(selection, tests, truths | (size_t)1 << TESTS_MAX);
        ever = ever || truth;
        always = always && truth;
    }
    const struct cw_yaml *condition =
        cw_yaml_get(cw_yaml_get(document->root, "detection"), "condition");
    if (always)
        cw_yaml_error(document->source, condition, 0,
                      "this holds for every %s: expected a condition that some events do not meet",
                      cw_type_by_number(selection->type)->name);
    else if (!ever)
        cw_yaml_error(document->source, condition, 0,
                      "this holds for no event: expected a condition that some events meet");
}

void cw_rule_lint(const struct cw_document *document, const struct cw_rule *rule)
{
    if (rule->purpose_count != 0 || rule->mode == CW_MODE_OFF)
        return;
    const struct cw_yaml *crosswatch = cw_yaml_get(document->root, "crosswatch");
    cw_yaml_error(document->source, crosswatch != NULL ? crosswatch->key : document->root, 0,
                  "expected purpose: [NAME] in crosswatch: without one the rule sees only events "
                  "that may be used for anything");
}

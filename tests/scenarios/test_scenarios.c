/*
 * test_scenarios.c - every scenario of this directory, each with batches of 1, 7, 64 and 512; and
 * that the comparison can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/arena.h"
#include "operators/runtime/mem.h"
#include "support/scenario.h"

static const size_t batches[] = { 1, 7, 64, 512 };

static void a_scenario_holds_in_batches_of_every_size(void **state)
{
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
        cw_scenario_run(*state, batches[i]);
}

/* files that expect what is not so */
static void a_wrong_expectation_is_found(void **state)
{
    (void)state;
    struct cw_buf errors = { 0 };
    struct cw_scenarios *wrong = cw_scenarios_read(CW_SOURCE_DIR "/tests/scenarios/wrong", &errors);
    if (wrong == NULL)
        fail_msg("%.*s", (int)errors.len, (const char *)errors.data);
    assert_true(cw_scenarios_count(wrong) >= 6);
    for (size_t i = 0; i < cw_scenarios_count(wrong); i++) {
        const struct cw_scenario *scenario = cw_scenarios_at(wrong, i);
        struct cw_buf report = { 0 };
        if (cw_scenario_holds(scenario, 64, &report))
            fail_msg("%s: %s: holds, and should not", scenario->file, scenario->name);
        cw_buf_u8(&report, '\0');
        if (strstr((const char *)report.data, "expected") == NULL)
            fail_msg("%s: fails for another reason", (const char *)report.data);
        cw_buf_done(&report);
    }
    cw_scenarios_free(wrong);
}

int main(void)
{
    struct cw_buf errors = { 0 };
    struct cw_scenarios *scenarios = cw_scenarios_read(CW_SOURCE_DIR "/tests/scenarios", &errors);
    if (scenarios == NULL) {
        fprintf(stderr, "%.*s", (int)errors.len, (const char *)errors.data);
        return 1;
    }
    size_t count = cw_scenarios_count(scenarios);
    struct cw_arena *arena = cw_arena_new();
    struct CMUnitTest *tests = cw_alloc((count + 1) * sizeof(*tests));
    for (size_t i = 0; i < count; i++) {
        const struct cw_scenario *scenario = cw_scenarios_at(scenarios, i);
        tests[i].name = cw_arena_printf(arena, "%s: %s", scenario->file, scenario->name).ptr;
        tests[i].test_func = a_scenario_holds_in_batches_of_every_size;
        tests[i].initial_state = (void *)(uintptr_t)scenario;
    }
    tests[count] = (struct CMUnitTest)cmocka_unit_test(a_wrong_expectation_is_found);
    int failed = _cmocka_run_group_tests("scenarios", tests, count + 1, NULL, NULL);
    cw_arena_free(arena);
    cw_scenarios_free(scenarios);
    free(tests);
    return failed;
}

/*
 * scenario.h - scenarios in YAML (tests/scenarios/README.md has the format), run through the chain
 * and compared with what they expect after each tick.
 */
#ifndef CW_TESTS_SCENARIO_H
#define CW_TESTS_SCENARIO_H

#include "operators/runtime/buf.h"

struct cw_yaml;

struct cw_scenario {
    const char *file; /* without its directory */
    const char *name;
    const struct cw_yaml *root;
};

struct cw_scenarios;
/** All *.yaml files of the directory, by name. NULL: what is wrong is in `errors`. */
struct cw_scenarios *cw_scenarios_read(const char *dir, struct cw_buf *errors) CW_MUST_USE;
void cw_scenarios_free(struct cw_scenarios *scenarios); /* accepts NULL */
size_t cw_scenarios_count(const struct cw_scenarios *scenarios);
const struct cw_scenario *cw_scenarios_at(const struct cw_scenarios *scenarios, size_t index);

/** Runs it with batches of that size; a difference ends the running test with file, line, what was
 *  expected and what was found. */
void cw_scenario_run(const struct cw_scenario *scenario, size_t batch) CW_NONNULL(1);
/** Runs it and drives every step, but answers whether all was as expected. */
bool cw_scenario_holds(const struct cw_scenario *scenario, size_t batch,
                       struct cw_buf *report) CW_MUST_USE CW_NONNULL(1, 3);

#endif

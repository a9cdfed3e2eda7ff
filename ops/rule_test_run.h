/*
 * rule_test_run.h - runs the tests that stand inside rules: their events go through ingest's
 * normaliser into a log, and from there through dedup, link and detect as `crosswatch run` joins
 * them. So the engine that tests is the engine that runs.
 *
 * The rule under test is alone in the chain, whatever its mode. Its source has no contract, nothing
 * expires, and F stays at -inf until the test moves it.
 */
#ifndef CW_OPS_RULE_TEST_RUN_H
#define CW_OPS_RULE_TEST_RUN_H

#include "detectors/rule.h"

/** False: `out` got what was expected and what was found, with the place in the file. */
bool cw_rule_test_run(const struct cw_rules *rules, const struct cw_rule *rule,
                      const struct cw_rule_test *test, struct cw_buf *out) CW_MUST_USE
    CW_NONNULL(1, 2, 3, 4);

struct cw_rule_tests_total {
    size_t tests;
    size_t failed;  /* of them */
    size_t lacking; /* rules without a test that matches, or without one that does not */
};
/** All tests of the rule; adds to the total. `out` gets a sentence for whatever is not as it should
 *  be. */
void cw_rule_tests_run(const struct cw_rules *rules, const struct cw_rule *rule,
                       struct cw_rule_tests_total *total, struct cw_buf *out)
    CW_NONNULL(1, 2, 3, 4);

#endif

/*
 * truth.h - alerts against the truth that `crosswatch generate` wrote beside its events.
 *
 * An alert of a rule finds a planted pattern of it when all members of the pattern are among its
 * evidence. It is true when its evidence has an event of a planted pattern of the rule, false when
 * it has one of a look-alike of the rule, unplanned when it has neither.
 */
#ifndef CW_TESTS_SUPPORT_TRUTH_H
#define CW_TESTS_SUPPORT_TRUTH_H

#include <stdbool.h>
#include <stdio.h>

#include "operators/runtime/attr.h"

struct cw_truth;

struct cw_truth_score {
    size_t planted;
    size_t found;
    size_t lookalikes;
    size_t alerts; /* of the rule file */
    size_t right;
    size_t wrong;
    size_t unplanned;
    double recall;    /* found / planted; 1 where nothing was planted */
    double precision; /* right / (right + wrong); 1 where there is neither */
};

/** Reads DIR/truth/truth.alerts of a generated scenario. NULL: a sentence went to stderr. */
struct cw_truth *cw_truth_load(const char *scenario) CW_MUST_USE CW_NONNULL(1);
void cw_truth_free(struct cw_truth *truth); /* accepts NULL */

/**
 * Scores the alerts of one rule file: `slug` is its name in the truth, `rules` are the ids that its
 * correlations have in alerts.jsonl, up to a NULL: an alert of any of them is an alert of the file.
 * Each pattern that was not found, each wrong and each unplanned alert is printed to `misses` by
 * name (optional). False: alerts.jsonl cannot be read; a sentence went to stderr.
 */
bool cw_truth_score(const struct cw_truth *truth, const char *slug, const char *const *rules,
                    const char *alerts_path, FILE *misses, struct cw_truth_score *out) CW_MUST_USE
    CW_NONNULL(1, 2, 3, 4, 6);

#endif

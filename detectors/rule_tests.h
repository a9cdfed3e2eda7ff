/*
 * rule_tests.h - the tests that stand inside rules, read and checked against the schemas.
 *
 *     crosswatch:
 *       tests:
 *         - name: three persons
 *           events:
 *             - {at: 0d, party.contact.id.phone: "+40700000001", party.person.name: Ana Pop}
 *             - {at: 3d, party.person.name: Maria Rus}
 *             - {at: 9d, party.person.name: Ioana Mic}
 *           alerts: 1
 *         - name: two persons, the third is taken back
 *           steps:
 *             - {events: [ … ], alerts: 1}
 *             - {events: [{id: e3, op: withdraw}], alerts: 0}
 *
 * An event is written as path and value: envelope fields by name, `party.ROLE.FIELD`,
 * `object.ROLE.FIELD`, fields of the type under its short name. A second party of the same role is
 * `party.ROLE.2.FIELD`. A list is several values; [] is none, and takes away what is inherited.
 *
 *   at        event time as an offset from 0d (-2h, 3d); recorded_at is the same unless given
 *   type      of the event; without it the type that the rule's first selection reads
 *   owner     "tests" without it; id: e1, e2 … by place in the test without it
 *   version   1 without it; an id that was there before must give it
 *   op        create, amend, or withdraw: of that id, which says no more
 *   frontier  alone: moves F of all types there. Other times are offsets from 0d too, or dates.
 *
 * All else is inherited from the test's first event of the type. An object's type is the last word
 * of its role (payer_account: account) unless the event says it.
 */
#ifndef CW_DETECTORS_RULE_TESTS_H
#define CW_DETECTORS_RULE_TESTS_H

#include "detectors/rule.h"
#include "operators/runtime/time.h"

/* 0d: 2011-12-22, when cells of 1, 2, 3, 5, 6, 7, 10, 14, 15, 21, 30 and 365 days begin. */
#define CW_RULE_TEST_EPOCH (15330 * CW_DAY)

struct cw_rule_test_event {
    size_t line;
    bool is_frontier;
    int64_t frontier;
    struct cw_event event; /* as its owner would send it */
};

struct cw_rule_test_step {
    size_t line; /* of its `alerts` */
    const struct cw_rule_test_event *events;
    size_t event_count;
    int64_t alerts; /* that do not continue another, when the step is over */
};

struct cw_rule_test {
    cw_str name;
    size_t line;
    const struct cw_rule_test_step *steps;
    size_t step_count;
};

/** Whether some step expects an alert; a test where none does is a non-matching one. */
bool cw_rule_test_matches(const struct cw_rule_test *test) CW_MUST_USE CW_NONNULL(1);

struct cw_loader;
struct cw_document;
/** Fills rule->tests from the document, in the loader's arena. What is wrong is noted there. */
void cw_rule_tests_compile(struct cw_loader *loader, const struct cw_document *document,
                           struct cw_rule *rule) CW_NONNULL(1, 2, 3);

#endif

/* rules_text.h - rules in words: a table, JSON, a page of Markdown, how one will run. */
#ifndef CW_OPS_RULES_TEXT_H
#define CW_OPS_RULES_TEXT_H

#include "detectors/rule.h"

/** The rules in the order of their names; free with free(). */
const struct cw_rule **cw_rules_by_name(const struct cw_rules *rules) CW_MUST_USE CW_NONNULL(1);
/** A line a rule, by name, under a line of headings. */
void cw_rules_list_table(const struct cw_rules *rules, struct cw_buf *out) CW_NONNULL(1, 2);
/** A JSON object a rule, by name. */
void cw_rules_list_json(const struct cw_rules *rules, struct cw_buf *out) CW_NONNULL(1, 2);
/** The page that detectors/README.md ends with: what each rule finds, and where it errs. */
void cw_rules_page(const struct cw_rules *rules, struct cw_buf *out) CW_NONNULL(1, 2);
/** How the rule will run: what it reads, its selections as code, key, criteria, hashes, state. */
void cw_rule_explain(const struct cw_rule *rule, struct cw_buf *out) CW_NONNULL(1, 2);

#endif

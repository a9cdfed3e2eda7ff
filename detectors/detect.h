/*
 * detect.h - patterns: rule files compiled, windows over linked facts, alert rows out.
 */
#ifndef CW_DETECTORS_DETECT_H
#define CW_DETECTORS_DETECT_H

#include "operators/runtime/diag.h"
#include "operators/runtime/stage.h"

struct cw_rules;
/**
 * Reads a rule file, or all *.yaml and *.yml of a directory (by name order, not into folders), and
 * the lists that they name from the directory `lists` beside them.
 * NULL: every mistake of every file went to `out` as text, with file, line, column, the line, a
 * caret.
 */
struct cw_rules *cw_rules_load(const char *path, struct cw_buf *errors) CW_MUST_USE;
/** The same, and what is unwise though it runs (no purpose, a condition that always or never holds)
 *  is a mistake too. */
struct cw_rules *cw_rules_check(const char *path, struct cw_buf *errors) CW_MUST_USE;
/** As cw_rules_load from text, without lists, for tests; `name` stands in messages. */
struct cw_rules *cw_rules_parse(const char *name, cw_str text, struct cw_buf *errors) CW_MUST_USE;
void cw_rules_free(struct cw_rules *rules);
size_t cw_rules_count(const struct cw_rules *rules); /* what can alert, and is on */
/** Hash of the set's text and of the lists it reads, for positions. */
struct cw_id cw_rules_hash(const struct cw_rules *rules, const struct cw_secret *secret);

struct cw_detect;
/** `rules` is borrowed and must outlive it. */
struct cw_detect *cw_detect_new(const struct cw_secret *secret,
                                const struct cw_rules *rules) CW_MUST_USE;
extern const struct cw_stage cw_detect_stage;
const struct cw_totals *cw_detect_totals(const struct cw_detect *detect);

/*
 * Questions (engine_explain.c; what answers are made of: explain.h). Asked of a detect that has had
 * all frames: what changed behind the last tick is judged first, as if one came now. Answers live
 * in the arena; NULL: there is none.
 */
struct cw_told;
struct cw_told_reading;
struct cw_row;
struct cw_log;
struct cw_arena;
/** Why an alert stands, or is withheld. `known`: a row that it once had, or NULL; with it the cell
 *  is also told where it has no alert any more. */
struct cw_told *cw_detect_why(struct cw_detect *detect, struct cw_id alert,
                              const struct cw_row *known, struct cw_log *log,
                              struct cw_arena *arena) CW_MUST_USE;
/** What the rules make of a fact in force: `fact` is its frame as link sent it. One reading for
 *  each rule, and way of reading it, of its type. */
struct cw_told_reading *cw_detect_read(struct cw_detect *detect, const struct cw_frame *fact,
                                       struct cw_log *log, struct cw_arena *arena,
                                       size_t *count) CW_MUST_USE;

#endif

/* questions.h - asking a log: the chain is run over it again, and what it holds at the end told. */
#ifndef CW_OPS_QUESTIONS_H
#define CW_OPS_QUESTIONS_H

#include "detectors/explain.h"
#include "operators/runtime/json.h"
#include "ops/fused.h"

struct cw_question {
    struct cw_secret secret;
    struct cw_log *log;
    struct cw_rules *rules; /* NULL: none were named */
    struct cw_fused *fused;
    struct cw_arena *arena;
};

/** Non-zero: the sentence is on stderr. Close it in either case. */
int cw_question_open(struct cw_question *question, const char *log_dir, const char *rules,
                     struct cw_chain_link last) CW_MUST_USE;
void cw_question_close(struct cw_question *question);

/** `alerts why`; an enum cw_exit. */
int cw_alerts_why(const char *alert, const char *log_dir, const char *rules, bool json);

/** Text of strangers: nothing that a terminal could take for a command goes out as it is. */
void cw_question_safe(struct cw_buf *out, cw_str text);
void cw_question_time(struct cw_buf *out, int64_t time);
/** "value_count(object.device.key) gte 3" */
cw_str cw_question_criterion(const struct cw_criterion *criterion, struct cw_arena *arena);
/** Keys with their kind, as one line's worth of text. */
void cw_question_keys(struct cw_buf *out, const struct cw_told *told);
void cw_question_keys_json(struct cw_json *json, const struct cw_told *told);
void cw_question_values_json(struct cw_json *json, const struct cw_told *told,
                             const struct cw_told_anchor *anchor, struct cw_arena *arena);
void cw_question_values(struct cw_buf *out, const struct cw_told *told,
                        const struct cw_told_anchor *anchor, struct cw_arena *arena);
/** Writes the answer to stdout; an enum cw_exit. */
int cw_question_print(const struct cw_buf *out);

#endif

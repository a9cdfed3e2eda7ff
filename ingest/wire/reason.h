/*
 * reason.h - why bytes became a dead letter: a code that programs count, the field that is at
 * fault, and a sentence for people. A sentence quotes no personal data: names of fields, positions,
 * counts and limits only.
 */
#ifndef CW_WIRE_REASON_H
#define CW_WIRE_REASON_H

#include "operators/runtime/attr.h"
#include "operators/runtime/str.h"

enum { CW_REASON_TEXT = 256, CW_REASON_FIELD = 96 };

struct cw_reason {
    const char *code; /* a string constant: truncated, bad_utf8, unknown_owner …; NULL: no fault */
    char field[CW_REASON_FIELD]; /* path, as parties[0].ids[1].kind; empty where none */
    char sentence[CW_REASON_TEXT];
};

/** Fills the reason; returns false, so that a check can end with `return cw_reject(…)`. */
bool cw_reject(struct cw_reason *reason, const char *code, const char *field, const char *format,
               ...) CW_NONNULL(1, 2, 3) CW_PRINTF(4, 5);

#endif

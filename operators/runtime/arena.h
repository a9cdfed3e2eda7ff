/*
 * arena.h - memory with a lifetime instead of an owner.
 *
 * Allocation is a bump; reset frees all at once and keeps the first chunk. Under AddressSanitizer
 * what is not allocated is poisoned, so a stale pointer after a reset is a report.
 */
#ifndef CW_RUNTIME_ARENA_H
#define CW_RUNTIME_ARENA_H

#include <stddef.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/str.h"

struct cw_arena;

struct cw_arena *cw_arena_new(void) CW_MUST_USE;
void cw_arena_free(struct cw_arena *arena); /* accepts NULL */
/** Zeroed, aligned to 16; lives until the next reset. */
void *cw_arena_alloc(struct cw_arena *arena, size_t size) CW_MUST_USE CW_NONNULL(1);
/** The same, not zeroed. */
void *cw_arena_take(struct cw_arena *arena, size_t size) CW_MUST_USE CW_NONNULL(1);
/** A copy of the bytes, with a NUL behind it that is not counted. */
cw_str cw_arena_copy(struct cw_arena *arena, const void *ptr, size_t len) CW_NONNULL(1);
cw_str cw_arena_printf(struct cw_arena *arena, const char *format, ...) CW_NONNULL(1)
    CW_PRINTF(2, 3);
void cw_arena_reset(struct cw_arena *arena) CW_NONNULL(1);
/** Bytes handed out since the last reset, for caps. */
size_t cw_arena_used(const struct cw_arena *arena) CW_NONNULL(1);

#endif

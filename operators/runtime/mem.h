/*
 * mem.h - memory that is there or ends the process.
 *
 * A stage that cannot get memory can do nothing right: it says so in one sentence and exits with
 * CW_EXIT_MEMORY. Nothing is lost by that, for the chain starts again from the log. So callers
 * never test for NULL. What hostile bytes can make us ask for is bounded before the asking.
 */
#ifndef CW_RUNTIME_MEM_H
#define CW_RUNTIME_MEM_H

#include <stddef.h>

#include "operators/runtime/attr.h"

enum { CW_EXIT_MEMORY = 71 };

/** `size` zeroed bytes; free with free(). Never NULL, also for size 0. */
void *cw_alloc(size_t size) CW_MUST_USE;
/** realloc that keeps the promise above; the new part is not zeroed. */
void *cw_realloc(void *ptr, size_t size) CW_MUST_USE;
char *cw_strdup(const char *text) CW_MUST_USE;

/** Ends the process as the functions above do, where a library says that it got no memory. */
CW_NORETURN void cw_out_of_memory(size_t size);
/** Gives jansson these functions, so that its callers need not test either; first in main. */
void cw_mem_for_json(void);

/* One zeroed object of a type; the one lower-case macro. */
#define cw_new(type) ((type *)cw_alloc(sizeof(type)))

#endif

/*
 * check.h - our own broken promises.
 *
 * CW_CHECK states what must hold if our code is right; it stays on in release. A process that finds
 * it broken prints where and aborts: the chain starts again from the log, so stopping loses nothing
 * and going on could.
 */
#ifndef CW_RUNTIME_CHECK_H
#define CW_RUNTIME_CHECK_H

#include "operators/runtime/attr.h"

#define CW_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            cw_check_failed(#condition, __FILE__, __LINE__);                                       \
    } while (0)

CW_NORETURN void cw_check_failed(const char *condition, const char *file, int line);

#endif

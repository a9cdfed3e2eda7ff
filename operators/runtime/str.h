/*
 * str.h - counted strings. A cw_str does not own its bytes and need not end with NUL; who made it
 * says how long they live. Absent is ptr NULL, which is not the same as empty.
 */
#ifndef CW_RUNTIME_STR_H
#define CW_RUNTIME_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *ptr;
    size_t len;
} cw_str;

/* For printf: "%.*s", CW_STR_ARG(s) */
#define CW_STR_ARG(s) (int)(s).len, (s).ptr != NULL ? (s).ptr : ""

static inline cw_str cw_cstr(const char *text)
{
    return (cw_str){ text, text != NULL ? strlen(text) : 0 };
}

/* memcmp is not called for the few bytes that most texts have. */
static inline bool cw_str_eq(cw_str a, cw_str b)
{
    if (a.len != b.len)
        return false;
    if (a.len > 2 * sizeof(uint64_t))
        return memcmp(a.ptr, b.ptr, a.len) == 0;
    if (a.len >= sizeof(uint64_t)) {
        uint64_t left[2], right[2];
        memcpy(&left[0], a.ptr, sizeof(left[0]));
        memcpy(&right[0], b.ptr, sizeof(right[0]));
        memcpy(&left[1], a.ptr + a.len - sizeof(left[1]), sizeof(left[1]));
        memcpy(&right[1], b.ptr + b.len - sizeof(right[1]), sizeof(right[1]));
        return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
    }
    if (a.len >= sizeof(uint32_t)) {
        uint32_t left[2], right[2];
        memcpy(&left[0], a.ptr, sizeof(left[0]));
        memcpy(&right[0], b.ptr, sizeof(right[0]));
        memcpy(&left[1], a.ptr + a.len - sizeof(left[1]), sizeof(left[1]));
        memcpy(&right[1], b.ptr + b.len - sizeof(right[1]), sizeof(right[1]));
        return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (a.ptr[i] != b.ptr[i])
            return false;
    }
    return true;
}

static inline bool cw_str_is(cw_str a, const char *text)
{
    return cw_str_eq(a, cw_cstr(text));
}

/** Byte order, shorter first on a common prefix: for sorting. */
static inline int cw_str_cmp(cw_str a, cw_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n != 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

#endif

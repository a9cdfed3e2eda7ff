/*
 * testing.h - what the unit tests of the runtime and of the stages behind the log share: cmocka,
 * random numbers that are the same in every run, ids made of numbers, directories that go away.
 */
#ifndef CW_TEST_RUNTIME_TESTING_H
#define CW_TEST_RUNTIME_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/buf.h"
#include "operators/runtime/id.h"

/* splitmix64: a seed gives the same numbers everywhere. */
struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)(rng_next(rng) % limit);
}

/* An id whose order as bytes is the order of the numbers. */
static inline struct cw_id id_of(uint64_t number)
{
    struct cw_id id = { { 0 } };
    for (size_t i = 0; i < 8; i++)
        id.b[i] = (uint8_t)(number >> (56 - 8 * i));
    return id;
}

static inline void assert_id_equal(struct cw_id a, struct cw_id b)
{
    char left[CW_ID_HEX];
    char right[CW_ID_HEX];
    cw_id_hex(a, left);
    cw_id_hex(b, right);
    assert_string_equal(left, right);
}

static inline void assert_str_equal(cw_str text, const char *expected)
{
    assert_non_null(text.ptr);
    if (!cw_str_is(text, expected))
        fail_msg("expected \"%s\", found \"%.*s\"", expected, CW_STR_ARG(text));
}

/* A new empty directory; its path has room for the caller's file names. */
static inline void make_directory(char path[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/crosswatch-unit-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void remove_directory(const char *path)
{
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

#endif

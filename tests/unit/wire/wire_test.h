/* wire_test.h - small verbs that the tests of ingest/wire share. */
#ifndef CW_TESTS_WIRE_TEST_H
#define CW_TESTS_WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ingest/wire/plan.h"
#include "operators/runtime/mem.h"

static inline struct cw_schema *schema_of(const char *json)
{
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse(cw_cstr(json), &reason);
    if (schema == NULL)
        print_message("%s: %s\n", reason.field, reason.sentence);
    assert_non_null(schema);
    return schema;
}

/* NULL where the schemas do not resolve; both must parse. */
static inline struct cw_plan *try_plan(const char *writer, const char *reader,
                                       struct cw_reason *reason)
{
    struct cw_schema *from = schema_of(writer);
    struct cw_schema *to = schema_of(reader);
    struct cw_plan *plan = cw_plan_new(from, to, reason);
    cw_schema_free(from);
    cw_schema_free(to);
    return plan;
}

static inline struct cw_plan *plan_of(const char *writer, const char *reader)
{
    struct cw_reason reason = { 0 };
    struct cw_plan *plan = try_plan(writer, reader, &reason);
    if (plan == NULL)
        print_message("%s: %s\n", reason.field, reason.sentence);
    assert_non_null(plan);
    return plan;
}

/* Runs over an exact copy, so that a read past the end is found. */
static inline bool run_plan(const struct cw_plan *plan, const void *bytes, size_t len,
                            size_t *consumed, struct cw_buf *out, struct cw_reason *reason)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    assert_non_null(copy);
    if (len != 0)
        memcpy(copy, bytes, len);
    bool ok = cw_plan_run(plan, copy, len, consumed, out, reason);
    free(copy);
    return ok;
}

/* The bytes that a C string literal with escapes holds, without its NUL. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static inline void assert_reads(const char *writer, const char *reader, const char *in, size_t len,
                                const char *want, size_t want_len)
{
    struct cw_plan *plan = plan_of(writer, reader);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed = 0;
    bool ok = run_plan(plan, in, len, &consumed, &out, &reason);
    if (!ok)
        print_message("%s at %s: %s\n", reason.code, reason.field, reason.sentence);
    assert_true(ok);
    assert_int_equal(consumed, len);
    assert_int_equal(out.len, want_len);
    if (want_len != 0)
        assert_memory_equal(out.data, want, want_len);
    cw_buf_done(&out);
    cw_plan_free(plan);
}

static inline void assert_rejects(const char *writer, const char *reader, const void *in,
                                  size_t len, const char *code, const char *field)
{
    struct cw_plan *plan = plan_of(writer, reader);
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed = 0;
    assert_false(run_plan(plan, in, len, &consumed, &out, &reason));
    assert_string_equal(reason.code, code);
    assert_string_equal(reason.field, field);
    assert_true(reason.sentence[0] != '\0');
    cw_buf_done(&out);
    cw_plan_free(plan);
}

static inline void assert_mismatch(const char *writer, const char *reader, const char *field)
{
    struct cw_reason reason = { 0 };
    assert_null(try_plan(writer, reader, &reason));
    assert_string_equal(reason.code, "schema_mismatch");
    assert_string_equal(reason.field, field);
}

/* A file of the public data sets; NULL: they are not here. */
static inline const char *data_path(const char *name)
{
    static char path[4096];
    struct stat info;
    const char *root = getenv("CROSSWATCH_DATA");
    if (root != NULL)
        snprintf(path, sizeof(path), "%s/%s", root, name);
    else
        snprintf(path, sizeof(path), "%s/../shared/data/%s", CW_SOURCE_DIR, name);
    return stat(path, &info) == 0 ? path : NULL;
}

static inline void read_whole(const char *path, struct cw_buf *out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t got;
    do {
        got = fread(cw_buf_reserve(out, 65536), 1, 65536, file);
        out->len += got;
    } while (got != 0);
    fclose(file);
}

#endif

/*
 * events.h - for the tests of this folder: the events of a container file, read back through the
 * container reader and a plan, as ingest would.
 */
#ifndef CW_TESTS_IMPORTERS_EVENTS_H
#define CW_TESTS_IMPORTERS_EVENTS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/wire/container.h"
#include "ingest/wire/plan.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"

struct events {
    struct cw_event *items;
    size_t count;
    struct cw_arena *arena;
};

static int64_t read_stdio(void *context, void *into, size_t len)
{
    size_t got = fread(into, 1, len, (FILE *)context);
    return got == 0 && ferror((FILE *)context) ? -1 : (int64_t)got;
}

static void add_body(struct events *events, const uint8_t *bytes, size_t len)
{
    if ((events->count & (events->count - 1)) == 0) /* a power of two, or none: it is full */
        events->items =
            cw_realloc(events->items, (2 * events->count + 1) * sizeof(events->items[0]));
    cw_str body = cw_arena_copy(events->arena, bytes, len);
    assert_true(cw_event_read(&events->items[events->count++], body.ptr, body.len, events->arena));
}

static void read_block(struct events *events, const struct cw_plan *plan, cw_str bytes,
                       int64_t count)
{
    struct cw_buf datum = { 0 };
    struct cw_reason reason;
    size_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        size_t taken = 0;
        datum.len = 0;
        assert_true(cw_plan_run(plan, (const uint8_t *)bytes.ptr + at, bytes.len - at, &taken,
                                &datum, &reason));
        at += taken;
        add_body(events, datum.data, datum.len);
    }
    assert_int_equal(at, bytes.len);
    cw_buf_done(&datum);
}

/* All events of the file, from its start. */
static struct events events_read(FILE *file)
{
    struct events events = { .arena = cw_arena_new() };
    struct cw_reason reason;
    rewind(file);
    struct cw_container *container = cw_container_open(read_stdio, file, &reason);
    assert_non_null(container);
    struct cw_schema *writer = cw_schema_parse(cw_container_schema(container), &reason);
    struct cw_schema *reader = cw_schema_parse(cw_cstr(cw_event_schema_json()), &reason);
    assert_non_null(writer);
    assert_non_null(reader);
    struct cw_plan *plan = cw_plan_new(writer, reader, &reason);
    assert_non_null(plan);
    cw_schema_free(writer);
    cw_schema_free(reader);
    int64_t count;
    cw_str bytes;
    enum cw_block block;
    while ((block = cw_container_next(container, &count, &bytes, &reason)) == CW_BLOCK_OK)
        read_block(&events, plan, bytes, count);
    assert_int_equal(block, CW_BLOCK_END);
    cw_plan_free(plan);
    cw_container_close(container);
    return events;
}

static void events_done(struct events *events)
{
    free(events->items);
    cw_arena_free(events->arena);
}

static CW_UNUSED const struct cw_value *detail(const struct cw_event *event, const char *field)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    assert_true(index >= 0);
    return &event->detail[index];
}

static CW_UNUSED void assert_text(cw_str actual, const char *expected)
{
    if (!cw_str_is(actual, expected))
        fail_msg("expected \"%s\", found \"%.*s\"", expected, CW_STR_ARG(actual));
}

static CW_UNUSED void assert_id(const struct cw_identifier *id, const char *kind,
                                const char *issuer, const char *value)
{
    assert_text(id->kind, kind);
    assert_text(id->value, value);
    if (issuer == NULL)
        assert_null(id->issuer.ptr);
    else
        assert_text(id->issuer, issuer);
}

/* Where the public data sets are; NULL where they are not, and the test is skipped. */
static CW_UNUSED const char *public_data(const char *name)
{
    static char path[1024];
    const char *root = getenv("CROSSWATCH_DATA");
    if (root != NULL)
        snprintf(path, sizeof(path), "%s/%s", root, name);
    else
        snprintf(path, sizeof(path), "%s/../shared/data/%s", CW_SOURCE_DIR, name);
    return access(path, R_OK) == 0 ? path : NULL;
}

#endif

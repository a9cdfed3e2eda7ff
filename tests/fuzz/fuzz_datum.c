/*
 * fuzz_datum.c - a schema and bytes, parted by the first NUL: what the identity plan takes comes
 * back unchanged when what it gave is read again, all of it; and if the schema resolves to the
 * canonical event, every body it gives is one that the stages can read.
 */
#include <stdint.h>

#include "ingest/wire/plan.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "tests/fuzz/heap_peak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_own(const struct cw_schema *schema, const uint8_t *bytes, size_t len)
{
    struct cw_reason reason = { 0 };
    struct cw_plan *plan = cw_plan_new(schema, schema, &reason);
    if (plan == NULL) {
        CW_CHECK(strcmp(reason.code, "schema_mismatch") == 0);
        return;
    }
    struct cw_buf once = { 0 };
    struct cw_buf twice = { 0 };
    size_t consumed;
    if (!cw_plan_run(plan, bytes, len, &consumed, &once, &reason)) {
        CW_CHECK(reason.code != NULL && reason.sentence[0] != '\0');
    } else {
        CW_CHECK(consumed <= len && once.len <= CW_DATUM_MAX);
        CW_CHECK(cw_plan_run(plan, once.data, once.len, &consumed, &twice, &reason));
        CW_CHECK(consumed == once.len && twice.len == once.len);
        CW_CHECK(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0);
    }
    cw_buf_done(&once);
    cw_buf_done(&twice);
    cw_plan_free(plan);
}

static void read_event(const struct cw_schema *schema, const uint8_t *bytes, size_t len)
{
    static struct cw_schema *canonical; /* lives with the process */
    struct cw_reason reason = { 0 };
    if (canonical == NULL)
        canonical = cw_schema_parse(cw_cstr(cw_event_schema_json()), &reason);
    CW_CHECK(canonical != NULL);
    struct cw_plan *plan = cw_plan_new(schema, canonical, &reason);
    struct cw_buf body = { 0 };
    size_t consumed;
    if (plan != NULL && cw_plan_run(plan, bytes, len, &consumed, &body, &reason)) {
        struct cw_arena *arena = cw_arena_new();
        struct cw_event event;
        CW_CHECK(cw_event_read(&event, body.data, body.len, arena));
        cw_arena_free(arena);
    }
    cw_buf_done(&body);
    cw_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t mark = heap_mark();
    const uint8_t *nul = size != 0 ? memchr(data, 0, size) : NULL;
    size_t text_len = nul != NULL ? (size_t)(nul - data) : size;
    const uint8_t *bytes = nul != NULL ? nul + 1 : data + size;
    size_t len = (size_t)(data + size - bytes);
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse((cw_str){ (const char *)data, text_len }, &reason);
    CW_CHECK(schema != NULL || strcmp(reason.code, "bad_schema") == 0);
    if (schema != NULL) {
        read_own(schema, bytes, len);
        read_event(schema, bytes, len);
    }
    cw_schema_free(schema);
    heap_check(mark);
    return 0;
}

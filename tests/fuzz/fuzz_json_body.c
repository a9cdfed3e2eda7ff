/*
 * fuzz_json_body.c - JSON text that is accepted as an event gives a body that the identity plan
 * takes whole and unchanged, and that the stages can read; never more than 64 MiB.
 */
#include <stdint.h>

#include "ingest/wire/json_body.h"
#include "ingest/wire/plan.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "tests/fuzz/heap_peak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_schema *reader; /* these live with the process */
    static struct cw_plan *plan;
    struct cw_reason reason = { 0 };
    if (reader == NULL) {
        reader = cw_schema_parse(cw_cstr(cw_event_schema_json()), &reason);
        CW_CHECK(reader != NULL);
        plan = cw_plan_new(reader, reader, &reason);
        CW_CHECK(plan != NULL);
    }
    size_t mark = heap_mark();
    struct cw_buf body = { 0 };
    struct cw_buf again = { 0 };
    if (cw_json_body(reader, (cw_str){ (const char *)data, size }, &body, &reason)) {
        size_t consumed;
        struct cw_event event;
        struct cw_arena *arena = cw_arena_new();
        CW_CHECK(cw_plan_run(plan, body.data, body.len, &consumed, &again, &reason));
        CW_CHECK(consumed == body.len && again.len == body.len);
        CW_CHECK(memcmp(body.data, again.data, body.len) == 0);
        CW_CHECK(cw_event_read(&event, body.data, body.len, arena));
        cw_arena_free(arena);
    } else {
        CW_CHECK(reason.code != NULL && reason.sentence[0] != '\0');
    }
    cw_buf_done(&body);
    cw_buf_done(&again);
    heap_check(mark);
    return 0;
}

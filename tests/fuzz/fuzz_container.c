/*
 * fuzz_container.c - whatever the bytes: the reader ends, within 64 MiB; and each datum that an
 * identity plan takes from a block comes back unchanged when what it gave is read again.
 */
#include <stdint.h>

#include "ingest/wire/container.h"
#include "ingest/wire/plan.h"
#include "operators/runtime/check.h"
#include "tests/fuzz/heap_peak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *at;
    size_t left;
};

static int64_t read_memory(void *context, void *into, size_t len)
{
    struct memory *memory = context;
    size_t n = memory->left < len ? memory->left : len;
    memcpy(into, memory->at, n);
    memory->at += n;
    memory->left -= n;
    return (int64_t)n;
}

static void read_data(const struct cw_plan *plan, int64_t count, cw_str bytes)
{
    struct cw_buf once = { 0 };
    struct cw_buf twice = { 0 };
    struct cw_reason reason = { 0 };
    if (count > 10000)
        count = 10000; /* for the fuzzer's speed */
    while (count-- > 0) {
        size_t consumed;
        once.len = twice.len = 0;
        if (!cw_plan_run(plan, (const uint8_t *)bytes.ptr, bytes.len, &consumed, &once, &reason)) {
            CW_CHECK(reason.code != NULL);
            break;
        }
        CW_CHECK(consumed <= bytes.len && once.len <= CW_DATUM_MAX);
        bytes.ptr += consumed;
        bytes.len -= consumed;
        CW_CHECK(cw_plan_run(plan, once.data, once.len, &consumed, &twice, &reason));
        CW_CHECK(consumed == once.len && twice.len == once.len);
        CW_CHECK(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0);
    }
    cw_buf_done(&once);
    cw_buf_done(&twice);
}

static void read_container(struct cw_container *container)
{
    struct cw_reason reason = { 0 };
    struct cw_plan *plan = NULL;
    struct cw_schema *schema = cw_schema_parse(cw_container_schema(container), &reason);
    if (schema != NULL)
        plan = cw_plan_new(schema, schema, &reason);
    CW_CHECK(plan != NULL || reason.code != NULL);
    for (;;) {
        int64_t count;
        cw_str bytes;
        enum cw_block block = cw_container_next(container, &count, &bytes, &reason);
        if (block == CW_BLOCK_END)
            break;
        CW_CHECK(block == CW_BLOCK_OK || (count == 0 && bytes.len <= 65536 && reason.code != NULL));
        if (plan != NULL)
            read_data(plan, count, bytes);
    }
    cw_plan_free(plan);
    cw_schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t mark = heap_mark();
    struct memory memory = { data, size };
    struct cw_reason reason = { 0 };
    struct cw_container *container = cw_container_open(read_memory, &memory, &reason);
    CW_CHECK(container != NULL || reason.code != NULL);
    if (container != NULL)
        read_container(container);
    cw_container_close(container);
    heap_check(mark);
    return 0;
}

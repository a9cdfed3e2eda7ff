/*
 * fuzz_avro.c - what `crosswatch avro` shows: a schema and bytes, parted by the first NUL. The
 * canonical form of any schema is JSON and, where no namespaces are, a schema that is its own
 * canonical form; the JSON of any datum is JSON, and a datum that the identity plan takes is one
 * that can be shown, of the same length, unless it is too deep or too much.
 */
#include <stdint.h>

#include "ingest/wire/canonical.h"
#include "ingest/wire/datum_json.h"
#include "ingest/wire/plan.h"
#include "ingest/wire/schema_node.h"
#include "operators/runtime/check.h"
#include "tests/fuzz/heap_peak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 256 * 1024 };

static void check_canonical(const struct cw_schema *schema)
{
    struct cw_buf once = { 0 };
    struct cw_buf twice = { 0 };
    struct cw_reason reason = { 0 };
    cw_schema_canonical(schema, &once);
    cw_str text = { (const char *)once.data, once.len };
    json_t *json = cw_json_load(text, "bad_json", &reason);
    CW_CHECK(json != NULL);
    json_decref(json);
    struct cw_schema *again = cw_schema_parse(text, &reason);
    /* A type without a namespace inside one that has one is lost by the form itself. */
    if (memchr(text.ptr, '.', text.len) == NULL) {
        CW_CHECK(again != NULL);
        cw_schema_canonical(again, &twice);
        CW_CHECK(cw_str_eq(text, (cw_str){ (const char *)twice.data, twice.len }));
        CW_CHECK(cw_schema_fingerprint(schema) == cw_schema_fingerprint(again));
    }
    cw_schema_free(again);
    cw_buf_done(&once);
    cw_buf_done(&twice);
}

/* The number of levels must not stop jansson, which has a limit of its own. */
static size_t depth_of(cw_str text)
{
    size_t depth = 0;
    size_t most = 0;
    for (size_t i = 0; i < text.len; i++) {
        depth += text.ptr[i] == '{' || text.ptr[i] == '[';
        most = depth > most ? depth : most;
    }
    return most;
}

static void check_datum(const struct cw_schema *schema, const uint8_t *bytes, size_t len)
{
    struct cw_buf text = { 0 };
    struct cw_buf body = { 0 };
    struct cw_reason reason = { 0 };
    struct cw_reason other = { 0 };
    size_t shown;
    size_t taken;
    bool ok = cw_datum_json(schema, bytes, len, TEXT_MAX, &shown, &text, &reason);
    CW_CHECK(shown <= len);
    CW_CHECK(ok || (reason.code != NULL && reason.sentence[0] != '\0'));
    cw_str json = { (const char *)text.data, text.len };
    if (ok && depth_of(json) <= CW_JSON_DEPTH_MAX) {
        json_t *tree = json_loadb(json.ptr, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CW_CHECK(tree != NULL);
        json_decref(tree);
    }
    struct cw_plan *plan = cw_plan_new(schema, schema, &other);
    bool runs = plan != NULL && cw_plan_run(plan, bytes, len, &taken, &body, &other);
    if (runs && ok)
        CW_CHECK(taken == shown);
    if (runs && !ok)
        CW_CHECK(strcmp(reason.code, "too_large") == 0 || strcmp(reason.code, "too_deep") == 0);
    cw_plan_free(plan);
    cw_buf_done(&text);
    cw_buf_done(&body);
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
        check_canonical(schema);
        check_datum(schema, bytes, len);
    }
    cw_schema_free(schema);
    heap_check(mark);
    return 0;
}

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/source.h"
#include "ingest/wire/canonical.h"
#include "ingest/wire/json_body.h"
#include "ingest/wire/plan.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"

enum {
    PLANS_MAX = 256,
    SCHEMA_FILE_MAX = 1024 * 1024,
    CONFLUENT_LEN = 5 /* 0, then the id, big endian */
};

/* A plan by the id of a Confluent header, or by the fingerprint of a single-object header; plan
 * NULL: the schema is there but of no use, and why. */
struct cached {
    uint64_t id;
    bool fingerprint; /* the id is one */
    struct cw_plan *plan;
    struct cw_reason *reason;
};

struct cw_decoder {
    const struct cw_contract *contract;
    struct cw_schema *reader;
    struct cw_plan *plain;
    uint64_t plain_fingerprint;
    struct cached cache[PLANS_MAX];
    size_t cached;
    size_t oldest; /* where the next goes when all are taken */
    size_t last;   /* of the last message: topics change schemas seldom */
    struct cw_buf body;
};

struct cw_decoder *cw_decoder_new(const struct cw_contract *contract)
{
    struct cw_reason reason;
    struct cw_decoder *decoder = cw_new(struct cw_decoder);
    decoder->contract = contract;
    decoder->reader = cw_schema_parse(cw_cstr(cw_event_schema_json()), &reason);
    CW_CHECK(decoder->reader != NULL);
    return decoder;
}

static void drop(struct cached *entry)
{
    cw_plan_free(entry->plan);
    free(entry->reason);
    *entry = (struct cached){ 0 };
}

void cw_decoder_free(struct cw_decoder *decoder)
{
    if (decoder == NULL)
        return;
    for (size_t i = 0; i < decoder->cached; i++)
        drop(&decoder->cache[i]);
    cw_plan_free(decoder->plain);
    cw_schema_free(decoder->reader);
    cw_buf_done(&decoder->body);
    free(decoder);
}

static struct cw_plan *plan_of(const struct cw_decoder *decoder, cw_str schema_json,
                               uint64_t *fingerprint, struct cw_reason *reason)
{
    struct cw_schema *writer = cw_schema_parse(schema_json, reason);
    if (writer == NULL)
        return NULL;
    *fingerprint = cw_schema_fingerprint(writer);
    struct cw_plan *plan = cw_plan_new(writer, decoder->reader, reason);
    cw_schema_free(writer);
    return plan;
}

bool cw_decoder_schema(struct cw_decoder *decoder, cw_str schema_json, struct cw_reason *reason)
{
    uint64_t fingerprint;
    struct cw_plan *plan = plan_of(decoder, schema_json, &fingerprint, reason);
    if (plan == NULL)
        return false;
    cw_plan_free(decoder->plain);
    decoder->plain_fingerprint = fingerprint;
    decoder->plain = plan;
    return true;
}

/* The file's text, one byte more than is allowed at most. False: it could not be read. */
static bool read_file(const char *path, struct cw_buf *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    bool ok = true;
    while (ok && out->len <= SCHEMA_FILE_MAX) {
        size_t want = 16 * 1024;
        size_t got = fread(cw_buf_reserve(out, want), 1, want, file);
        out->len += got;
        if (got == 0)
            break;
    }
    ok = ferror(file) == 0;
    fclose(file);
    return ok;
}

/* Data that come with no schema of their own are under the contract's, once one is there. */
static bool need_plain(struct cw_decoder *decoder, struct cw_reason *reason)
{
    if (decoder->plain != NULL)
        return true;
    const char *path = decoder->contract != NULL ? decoder->contract->schema_path : NULL;
    if (path == NULL)
        return cw_reject(reason, "unknown_schema", "",
                         "plain Avro without a schema: the contract must name one (schema:)");
    struct cw_buf text = { 0 };
    bool ok = read_file(path, &text);
    if (!ok)
        (void)cw_reject(reason, "unknown_schema", "", "the contract's schema cannot be read");
    else
        ok = cw_decoder_schema(decoder, (cw_str){ (const char *)text.data, text.len }, reason);
    cw_buf_done(&text);
    return ok;
}

static bool run(struct cw_decoder *decoder, const struct cw_plan *plan, cw_str bytes,
                size_t *consumed, cw_str *body, struct cw_reason *reason)
{
    decoder->body.len = 0;
    if (!cw_plan_run(plan, (const uint8_t *)bytes.ptr, bytes.len, consumed, &decoder->body, reason))
        return false;
    *body = (cw_str){ (const char *)decoder->body.data, decoder->body.len };
    return true;
}

bool cw_decoder_datum(struct cw_decoder *decoder, cw_str bytes, size_t *consumed, cw_str *body,
                      struct cw_reason *reason)
{
    *consumed = 0;
    return need_plain(decoder, reason) &&
           run(decoder, decoder->plain, bytes, consumed, body, reason);
}

bool cw_decoder_json(struct cw_decoder *decoder, cw_str text, cw_str *body,
                     struct cw_reason *reason)
{
    decoder->body.len = 0;
    if (!cw_json_body(decoder->reader, text, &decoder->body, reason))
        return false;
    *body = (cw_str){ (const char *)decoder->body.data, decoder->body.len };
    return true;
}

static bool is_it(const struct cached *entry, uint64_t id, bool fingerprint)
{
    return entry->id == id && entry->fingerprint == fingerprint;
}

static struct cached *find(struct cw_decoder *decoder, uint64_t id, bool fingerprint)
{
    if (decoder->last < decoder->cached && is_it(&decoder->cache[decoder->last], id, fingerprint))
        return &decoder->cache[decoder->last];
    for (size_t i = 0; i < decoder->cached; i++) {
        if (is_it(&decoder->cache[i], id, fingerprint)) {
            decoder->last = i;
            return &decoder->cache[i];
        }
    }
    return NULL;
}

/* The plan of a schema that was found; one filed under a fingerprint must have that fingerprint. */
static void compile(const struct cw_decoder *decoder, cw_str text, struct cached *entry)
{
    uint64_t found;
    entry->reason = cw_new(struct cw_reason);
    entry->plan = plan_of(decoder, text, &found, entry->reason);
    if (entry->plan == NULL || !entry->fingerprint || found == entry->id)
        return;
    cw_plan_free(entry->plan);
    entry->plan = NULL;
    (void)cw_reject(entry->reason, "bad_schema", "",
                    "the schema that is filed under %016" PRIx64 " has the fingerprint %016" PRIx64,
                    entry->id, found);
}

/*
 * Reads ID.avsc: a number in decimal, a fingerprint as 16 hex digits. One that is not there is
 * asked for again by the next message, for it may be registered by then; one that is there but
 * cannot be used is not parsed for every message.
 */
static struct cached *load(struct cw_decoder *decoder, uint64_t id, bool fingerprint,
                           struct cw_reason *reason)
{
    struct cw_buf path = { 0 };
    struct cw_buf text = { 0 };
    struct cached *entry = NULL;
    char name[32];
    snprintf(name, sizeof(name), fingerprint ? "%016" PRIx64 : "%" PRIu64, id);
    cw_buf_printf(&path, "%s/%s.avsc", decoder->contract->schemas_dir, name);
    cw_buf_u8(&path, 0);
    if (!read_file((const char *)path.data, &text)) {
        (void)cw_reject(reason, "unknown_schema", "",
                        "schema id %s is not in the contract's directory of schemas", name);
        goto out;
    }
    if (decoder->cached < PLANS_MAX) {
        entry = &decoder->cache[decoder->cached++];
    } else {
        entry = &decoder->cache[decoder->oldest];
        decoder->oldest = (decoder->oldest + 1) % PLANS_MAX;
        drop(entry);
    }
    decoder->last = (size_t)(entry - decoder->cache);
    entry->id = id;
    entry->fingerprint = fingerprint;
    compile(decoder, (cw_str){ (const char *)text.data, text.len }, entry);
out:
    cw_buf_done(&path);
    cw_buf_done(&text);
    return entry;
}

static const struct cw_plan *plan_by_id(struct cw_decoder *decoder, uint64_t id, bool fingerprint,
                                        struct cw_reason *reason)
{
    struct cached *entry = find(decoder, id, fingerprint);
    if (entry == NULL)
        entry = load(decoder, id, fingerprint, reason);
    if (entry == NULL)
        return NULL;
    if (entry->plan == NULL)
        *reason = *entry->reason;
    return entry->plan;
}

/*
 * Takes the header off `bytes`, if they begin with one that this contract can know; *plan then is
 * that of its schema. False: it names a schema that is not there or of no use.
 */
static bool take_header(struct cw_decoder *decoder, cw_str *bytes, const struct cw_plan **plan,
                        struct cw_reason *reason)
{
    const struct cw_contract *contract = decoder->contract;
    bool filed = contract != NULL && contract->schemas_dir != NULL;
    cw_str datum;
    uint64_t fingerprint;
    *plan = NULL;
    if (filed && bytes->len >= CONFLUENT_LEN && bytes->ptr[0] == 0) {
        uint32_t id;
        memcpy(&id, bytes->ptr + 1, sizeof(id));
        *plan = plan_by_id(decoder, __builtin_bswap32(id), false, reason);
        *bytes = (cw_str){ bytes->ptr + CONFLUENT_LEN, bytes->len - CONFLUENT_LEN };
        return *plan != NULL;
    }
    if (!cw_single_object(*bytes, &fingerprint, &datum))
        return true;
    if (need_plain(decoder, reason) && decoder->plain_fingerprint == fingerprint)
        *plan = decoder->plain;
    else if (filed)
        *plan = plan_by_id(decoder, fingerprint, true, reason);
    if (*plan != NULL)
        *bytes = datum;
    return *plan != NULL || !filed; /* without a directory, they may be plain data */
}

bool cw_decoder_message(struct cw_decoder *decoder, cw_str bytes, cw_str *body,
                        struct cw_reason *reason)
{
    const struct cw_plan *plan;
    if (bytes.len != 0 && bytes.ptr[0] == '{')
        return cw_decoder_json(decoder, bytes, body, reason);
    if (!take_header(decoder, &bytes, &plan, reason))
        return false;
    if (plan == NULL) {
        if (!need_plain(decoder, reason))
            return false;
        plan = decoder->plain;
    }
    size_t consumed;
    if (!run(decoder, plan, bytes, &consumed, body, reason))
        return false;
    if (consumed != bytes.len)
        return cw_reject(reason, "trailing_bytes", "",
                         "the event takes %zu of the message's %zu bytes", consumed, bytes.len);
    return true;
}

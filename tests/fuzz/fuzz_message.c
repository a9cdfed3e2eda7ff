/*
 * fuzz_message.c - a message as a topic has it: whatever its header says, it becomes a body that
 * the stages can read, or it is refused with a reason; and asked again, the answer is the same.
 *
 * The contract has a schema of its own and a directory of two, one under an id (3), one under its
 * fingerprint; made anew for each process.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ingest/source.h"
#include "ingest/wire/canonical.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "},"
static const char plain_schema[] =
    "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[" FIELD("owner", "\"string\"")
        FIELD("event_id", "\"string\"") FIELD("event_type", "\"string\"")
            FIELD("event_time", "\"long\"") "{\"name\":\"recorded_at\",\"type\":\"long\"}]}";
static const char other_schema[] =
    "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[" FIELD("event_time", "\"int\"")
        FIELD("unknown", "[\"null\",{\"type\":\"array\",\"items\":\"bytes\"}]")
            FIELD("event_type", "\"bytes\"") FIELD("event_id", "\"string\"")
                FIELD("owner", "\"string\"") "{\"name\":\"recorded_at\",\"type\":\"long\"}]}";

static char dir[] = "/tmp/crosswatch_fuzz_XXXXXX";
static char plain_path[64];
static char id_path[64];
static char fingerprint_path[64];

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CW_CHECK(file != NULL);
    CW_CHECK(fwrite(text, 1, strlen(text), file) == strlen(text));
    CW_CHECK(fclose(file) == 0);
}

static void remove_all(void)
{
    (void)remove(plain_path);
    (void)remove(id_path);
    (void)remove(fingerprint_path);
    (void)remove(dir);
}

static struct cw_decoder *make_decoder(void)
{
    static struct cw_contract contract; /* these live with the process */
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse(cw_cstr(other_schema), &reason);
    CW_CHECK(schema != NULL && mkdtemp(dir) != NULL);
    snprintf(plain_path, sizeof(plain_path), "%s/plain.avsc", dir);
    snprintf(id_path, sizeof(id_path), "%s/3.avsc", dir);
    snprintf(fingerprint_path, sizeof(fingerprint_path), "%s/%016" PRIx64 ".avsc", dir,
             cw_schema_fingerprint(schema));
    cw_schema_free(schema);
    write_text(plain_path, plain_schema);
    write_text(id_path, other_schema);
    write_text(fingerprint_path, other_schema);
    (void)atexit(remove_all);
    contract.schema_path = plain_path;
    contract.schemas_dir = dir;
    return cw_decoder_new(&contract);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_decoder *decoder;
    if (decoder == NULL)
        decoder = make_decoder();
    cw_str message = { (const char *)data, size };
    struct cw_buf first = { 0 };
    struct cw_reason reason = { 0 };
    cw_str body = { NULL, 0 };
    bool ok = cw_decoder_message(decoder, message, &body, &reason);
    CW_CHECK(ok || (reason.code != NULL && reason.sentence[0] != '\0'));
    if (ok) {
        struct cw_arena *arena = cw_arena_new();
        struct cw_event event;
        CW_CHECK(cw_event_read(&event, body.ptr, body.len, arena));
        cw_arena_free(arena);
        cw_buf_str(&first, body);
    }
    CW_CHECK(cw_decoder_message(decoder, message, &body, &reason) == ok);
    CW_CHECK(!ok || cw_str_eq(body, (cw_str){ (const char *)first.data, first.len }));
    cw_buf_done(&first);
    return 0;
}

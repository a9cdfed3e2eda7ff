#include <snappy-c.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "ingest/wire/container.h"
#include "ingest/wire/container_format.h"
#include "ingest/wire/schema.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

enum { BLOCK_LEN = 64 * 1024 }; /* data are gathered up to here */

struct cw_container_writer {
    FILE *file;
    enum cw_codec codec;
    uint8_t sync[CW_SYNC_LEN];
    struct cw_buf data;
    struct cw_buf stored;
    int64_t count;
    bool failed;
};

static void write_bytes(struct cw_container_writer *writer, const void *bytes, size_t len)
{
    if (len != 0 && !writer->failed)
        writer->failed = fwrite(bytes, 1, len, writer->file) != len;
}

static void make_sync(struct cw_container_writer *writer, cw_str schema, uint64_t seed)
{
    crypto_generichash_state state;
    CW_CHECK(sodium_init() >= 0);
    crypto_generichash_init(&state, NULL, 0, CW_SYNC_LEN);
    crypto_generichash_update(&state, (const unsigned char *)schema.ptr, schema.len);
    crypto_generichash_update(&state, (const unsigned char *)&seed, sizeof(seed));
    crypto_generichash_final(&state, writer->sync, CW_SYNC_LEN);
}

static void write_header(struct cw_container_writer *writer, cw_str schema, const char *codec)
{
    struct cw_buf header = { 0 };
    cw_buf_put(&header, CW_CONTAINER_MAGIC, CW_MAGIC_LEN);
    cw_buf_avro_long(&header, 2);
    cw_buf_avro_str(&header, cw_cstr("avro.codec"));
    cw_buf_avro_str(&header, cw_cstr(codec));
    cw_buf_avro_str(&header, cw_cstr("avro.schema"));
    cw_buf_avro_str(&header, schema);
    cw_buf_avro_long(&header, 0);
    cw_buf_put(&header, writer->sync, CW_SYNC_LEN);
    write_bytes(writer, header.data, header.len);
    cw_buf_done(&header);
}

struct cw_container_writer *cw_container_create(void *file, const char *schema_json,
                                                const char *codec, uint64_t seed)
{
    enum cw_codec parsed;
    struct cw_reason reason;
    if (!cw_codec_parse(cw_cstr(codec), &parsed))
        return NULL;
    struct cw_schema *schema = cw_schema_parse(cw_cstr(schema_json), &reason);
    if (schema == NULL)
        return NULL;
    cw_schema_free(schema);
    struct cw_container_writer *writer = cw_new(struct cw_container_writer);
    writer->file = file;
    writer->codec = parsed;
    make_sync(writer, cw_cstr(schema_json), seed);
    write_header(writer, cw_cstr(schema_json), codec);
    return writer;
}

static void store_deflate(struct cw_container_writer *writer)
{
    z_stream stream = { 0 };
    int status = deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    CW_CHECK(status == Z_OK);
    size_t bound = deflateBound(&stream, writer->data.len);
    stream.next_in = writer->data.data;
    stream.avail_in = (uInt)writer->data.len;
    stream.next_out = cw_buf_reserve(&writer->stored, bound);
    stream.avail_out = (uInt)bound;
    status = deflate(&stream, Z_FINISH);
    CW_CHECK(status == Z_STREAM_END);
    writer->stored.len = bound - stream.avail_out;
    deflateEnd(&stream);
}

static void store_snappy(struct cw_container_writer *writer)
{
    size_t len = snappy_max_compressed_length(writer->data.len);
    char *to = (char *)cw_buf_reserve(&writer->stored, len);
    snappy_status status =
        snappy_compress((const char *)writer->data.data, writer->data.len, to, &len);
    CW_CHECK(status == SNAPPY_OK);
    writer->stored.len = len;
    uint32_t crc = (uint32_t)crc32(0, writer->data.data, (uInt)writer->data.len);
    cw_buf_u32(&writer->stored, __builtin_bswap32(crc));
}

static void store_zstandard(struct cw_container_writer *writer)
{
    size_t bound = ZSTD_compressBound(writer->data.len);
    void *to = cw_buf_reserve(&writer->stored, bound);
    size_t len = ZSTD_compress(to, bound, writer->data.data, writer->data.len, 3);
    CW_CHECK(!ZSTD_isError(len));
    writer->stored.len = len;
}

static void flush_block(struct cw_container_writer *writer)
{
    if (writer->count == 0)
        return;
    writer->stored.len = 0;
    if (writer->codec == CW_CODEC_NULL)
        cw_buf_put(&writer->stored, writer->data.data, writer->data.len);
    else if (writer->codec == CW_CODEC_DEFLATE)
        store_deflate(writer);
    else if (writer->codec == CW_CODEC_SNAPPY)
        store_snappy(writer);
    else
        store_zstandard(writer);
    struct cw_buf head = { 0 };
    cw_buf_avro_long(&head, writer->count);
    cw_buf_avro_long(&head, (int64_t)writer->stored.len);
    write_bytes(writer, head.data, head.len);
    cw_buf_done(&head);
    write_bytes(writer, writer->stored.data, writer->stored.len);
    write_bytes(writer, writer->sync, CW_SYNC_LEN);
    writer->data.len = 0;
    writer->count = 0;
}

void cw_container_put(struct cw_container_writer *writer, const void *datum, size_t len)
{
    cw_buf_put(&writer->data, datum, len);
    writer->count++;
    if (writer->data.len >= BLOCK_LEN || writer->count >= BLOCK_LEN)
        flush_block(writer);
}

bool cw_container_finish(struct cw_container_writer *writer)
{
    flush_block(writer);
    bool ok = !writer->failed && fflush(writer->file) == 0;
    cw_buf_done(&writer->data);
    cw_buf_done(&writer->stored);
    free(writer);
    return ok;
}

#include "ingest/wire/container.h"

#include <inttypes.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "ingest/wire/container_format.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

enum {
    HEADER_MAX = 1024 * 1024,
    BLOCK_MAX = 16 * 1024 * 1024, /* as stored, and as expanded */
    READ_LEN = 64 * 1024,         /* read at a time */
    DAMAGE_SHOWN = 64 * 1024,
    EMPTY_DATA_MAX = 65536, /* data of a block that take no bytes */
    BLOCK_HEAD_MAX = 20,    /* two longs */
    WINDOW_MAX = BLOCK_MAX + BLOCK_HEAD_MAX + CW_SYNC_LEN + READ_LEN
};

struct cw_container {
    cw_read_fn read;
    void *context;
    /* What was read and not yet used: [at, len) of window. `bytes` of a block may point into it. */
    uint8_t *window;
    size_t window_cap;
    size_t at;
    size_t len;
    bool ended;  /* read gave 0 */
    bool failed; /* read gave -1 */
    bool told_failure;

    uint8_t sync[CW_SYNC_LEN];
    enum cw_codec codec;
    struct cw_buf schema;
    uint8_t *expanded; /* BLOCK_MAX bytes, made at the first need; pages come as they are touched */
    struct cw_buf damage;
    z_stream inflate;
    bool inflate_ready;
    ZSTD_DCtx *zstd;
};

static size_t have(const struct cw_container *container)
{
    return container->len - container->at;
}

static void grow_window(struct cw_container *container, size_t need)
{
    if (container->window_cap >= need)
        return;
    size_t cap = container->window_cap != 0 ? container->window_cap : READ_LEN;
    while (cap < need)
        cap *= 2;
    container->window_cap = cap < WINDOW_MAX ? cap : WINDOW_MAX;
    container->window = cw_realloc(container->window, container->window_cap);
}

/*
 * Reads until `want` bytes are there or the input is over. The window grows with what came, not
 * with what was promised, so that a short file makes us ask for little.
 */
static bool fill(struct cw_container *container, size_t want)
{
    CW_CHECK(want <= WINDOW_MAX - READ_LEN);
    while (have(container) < want && !container->ended && !container->failed) {
        if (container->at != 0) {
            memmove(container->window, container->window + container->at, have(container));
            container->len -= container->at;
            container->at = 0;
        }
        grow_window(container, container->len + READ_LEN);
        int64_t got = container->read(container->context, container->window + container->len,
                                      container->window_cap - container->len);
        container->failed = got < 0;
        container->ended = got == 0;
        container->len += got > 0 ? (size_t)got : 0;
    }
    return have(container) >= want;
}

static bool read_failed(struct cw_reason *reason)
{
    return cw_reject(reason, "read_failed", "", "the file could not be read further");
}

/* The header's metadata; cur fails where the bytes end before it does. */
struct metadata {
    cw_str schema;
    cw_str codec;
};

static void read_metadata(struct cw_cur *cur, struct metadata *out)
{
    for (;;) {
        int64_t count = cw_cur_avro_long(cur);
        if (count < 0) {
            (void)cw_cur_avro_long(cur); /* the block's size: of no use here */
            count = count == INT64_MIN ? INT64_MAX : -count;
        }
        if (count == 0 || cur->failed)
            return;
        for (; count > 0 && !cur->failed; count--) {
            cw_str key = cw_cur_avro_str(cur);
            cw_str value = cw_cur_avro_str(cur);
            if (cur->failed)
                return;
            if (cw_str_is(key, "avro.schema"))
                out->schema = value;
            else if (cw_str_is(key, "avro.codec"))
                out->codec = value;
        }
    }
}

/* Parses what is there, and reads on while that is not all of it. */
static bool read_header(struct cw_container *container, struct cw_reason *reason)
{
    size_t want = 4096;
    for (;; want *= 2) {
        bool all = fill(container, want);
        size_t len = have(container);
        if (len < CW_MAGIC_LEN && container->failed)
            return read_failed(reason);
        if (len < CW_MAGIC_LEN ||
            memcmp(container->window + container->at, CW_CONTAINER_MAGIC, CW_MAGIC_LEN) != 0)
            return cw_reject(reason, "not_a_container", "",
                             "an Avro container file begins with \"Obj\" and 1, this does not");
        struct cw_cur cur = cw_cur(container->window + container->at, have(container));
        (void)cw_cur_take(&cur, CW_MAGIC_LEN);
        struct metadata metadata = { { 0 }, { "null", 4 } };
        read_metadata(&cur, &metadata);
        const uint8_t *sync = cw_cur_take(&cur, CW_SYNC_LEN);
        if (sync == NULL && all && want < HEADER_MAX)
            continue;
        if (sync == NULL && container->failed)
            return read_failed(reason);
        if (sync == NULL)
            return cw_reject(reason, all ? "too_large" : "truncated", "",
                             "the file's header does not end within %s",
                             all ? "1 MiB, which is all that is read of it" : "the file");
        memcpy(container->sync, sync, CW_SYNC_LEN);
        if (metadata.schema.ptr == NULL)
            return cw_reject(reason, "not_a_container", "", "the header states no avro.schema");
        if (!cw_codec_parse(metadata.codec, &container->codec))
            return cw_reject(reason, "unknown_codec", "",
                             "the file's codec is none of null, deflate, snappy, zstandard");
        cw_buf_str(&container->schema, metadata.schema);
        container->at += (size_t)(cur.at - (container->window + container->at));
        return true;
    }
}

struct cw_container *cw_container_open(cw_read_fn read, void *context, struct cw_reason *reason)
{
    struct cw_container *container = cw_new(struct cw_container);
    container->read = read;
    container->context = context;
    if (read_header(container, reason))
        return container;
    cw_container_close(container);
    return NULL;
}

void cw_container_close(struct cw_container *container)
{
    if (container == NULL)
        return;
    if (container->inflate_ready)
        inflateEnd(&container->inflate);
    ZSTD_freeDCtx(container->zstd);
    cw_buf_done(&container->schema);
    cw_buf_done(&container->damage);
    free(container->window);
    free(container->expanded);
    free(container);
}

cw_str cw_container_schema(const struct cw_container *container)
{
    return (cw_str){ (const char *)container->schema.data, container->schema.len };
}

static bool expands_too_far(struct cw_reason *reason)
{
    return cw_reject(reason, "too_large", "", "a block expands to more than %d bytes", BLOCK_MAX);
}

static bool does_not_expand(struct cw_reason *reason, const char *codec)
{
    return cw_reject(reason, "bad_compression", "", "a block is not what %s writes", codec);
}

/* Bytes behind the end of the deflate stream are let pass: Python's writer leaves three. */
static bool expand_deflate(struct cw_container *container, cw_str stored, size_t *len,
                           struct cw_reason *reason)
{
    z_stream *stream = &container->inflate;
    int status = container->inflate_ready ? inflateReset(stream) : inflateInit2(stream, -15);
    if (status == Z_MEM_ERROR)
        cw_out_of_memory(sizeof(*stream));
    CW_CHECK(status == Z_OK);
    container->inflate_ready = true;
    stream->next_in = (Bytef *)(uintptr_t)stored.ptr; /* zlib takes no const, and writes nothing */
    stream->avail_in = (uInt)stored.len;
    stream->next_out = container->expanded;
    stream->avail_out = BLOCK_MAX;
    status = inflate(stream, Z_FINISH);
    if (status == Z_MEM_ERROR)
        cw_out_of_memory(BLOCK_MAX);
    *len = BLOCK_MAX - stream->avail_out;
    if (status == Z_STREAM_END)
        return true;
    return status == Z_BUF_ERROR && stream->avail_out == 0 ? expands_too_far(reason)
                                                           : does_not_expand(reason, "deflate");
}

/* Snappy's own format, then the CRC-32 of the expanded bytes, big endian. */
static bool expand_snappy(struct cw_container *container, cw_str stored, size_t *len,
                          struct cw_reason *reason)
{
    if (stored.len < 4)
        return does_not_expand(reason, "snappy");
    size_t body = stored.len - 4;
    if (snappy_uncompressed_length(stored.ptr, body, len) != SNAPPY_OK)
        return does_not_expand(reason, "snappy");
    if (*len > BLOCK_MAX)
        return expands_too_far(reason);
    if (snappy_uncompress(stored.ptr, body, (char *)container->expanded, len) != SNAPPY_OK)
        return does_not_expand(reason, "snappy");
    uint32_t stated;
    memcpy(&stated, stored.ptr + body, sizeof(stated));
    if (crc32(0, container->expanded, (uInt)*len) != __builtin_bswap32(stated))
        return cw_reject(reason, "bad_crc", "", "a block's CRC-32 does not fit its bytes");
    return true;
}

/* In one call into all the room there is: so no frame can ask for a window of its own. */
static bool expand_zstandard(struct cw_container *container, cw_str stored, size_t *len,
                             struct cw_reason *reason)
{
    if (container->zstd == NULL)
        container->zstd = ZSTD_createDCtx();
    if (container->zstd == NULL)
        cw_out_of_memory(sizeof(container->zstd));
    *len = ZSTD_decompressDCtx(container->zstd, container->expanded, BLOCK_MAX, stored.ptr,
                               stored.len);
    if (!ZSTD_isError(*len))
        return true;
    if (ZSTD_getErrorCode(*len) == ZSTD_error_memory_allocation)
        cw_out_of_memory(BLOCK_MAX);
    return ZSTD_getErrorCode(*len) == ZSTD_error_dstSize_tooSmall
               ? expands_too_far(reason)
               : does_not_expand(reason, "zstandard");
}

static bool expand(struct cw_container *container, cw_str stored, cw_str *out,
                   struct cw_reason *reason)
{
    size_t len = 0;
    bool ok = false;
    *out = stored;
    if (container->codec == CW_CODEC_NULL)
        return true;
    if (container->expanded == NULL)
        container->expanded = cw_realloc(NULL, BLOCK_MAX);
    if (container->codec == CW_CODEC_DEFLATE)
        ok = expand_deflate(container, stored, &len, reason);
    else if (container->codec == CW_CODEC_SNAPPY)
        ok = expand_snappy(container, stored, &len, reason);
    else
        ok = expand_zstandard(container, stored, &len, reason);
    *out = (cw_str){ (const char *)container->expanded, len };
    return ok;
}

/* Moves on by `len` bytes, which are part of a damaged stretch. */
static void give_up(struct cw_container *container, size_t len)
{
    size_t room = DAMAGE_SHOWN - container->damage.len;
    cw_buf_put(&container->damage, container->window + container->at, len < room ? len : room);
    container->at += len;
}

/* Behind the next sync marker, or the end of the file: the reader is in step again. */
static enum cw_block resync(struct cw_container *container, cw_str *bytes)
{
    container->damage.len = 0;
    while (fill(container, CW_SYNC_LEN)) {
        const uint8_t *from = container->window + container->at;
        const uint8_t *found = memmem(from, have(container), container->sync, CW_SYNC_LEN);
        if (found != NULL) {
            give_up(container, (size_t)(found - from) + CW_SYNC_LEN);
            goto out;
        }
        give_up(container, have(container) - (CW_SYNC_LEN - 1));
    }
    give_up(container, have(container));
out:
    *bytes = (cw_str){ (const char *)container->damage.data, container->damage.len };
    return CW_BLOCK_DAMAGED;
}

/* Count and size of a block, whose stored bytes and marker then are in the window. */
static bool read_block(struct cw_container *container, int64_t *count, cw_str *stored,
                       struct cw_reason *reason)
{
    (void)fill(container, BLOCK_HEAD_MAX);
    struct cw_cur cur = cw_cur(container->window + container->at, have(container));
    *count = cw_cur_avro_long(&cur);
    int64_t size = cw_cur_avro_long(&cur);
    if (cur.failed && have(container) < BLOCK_HEAD_MAX)
        return cw_reject(reason, "truncated", "", "the file ends within the head of a block");
    if (cur.failed || *count < 0 || size < 0)
        return cw_reject(reason, "bad_block", "", "expected a block: its count and its size");
    if (size > BLOCK_MAX)
        return cw_reject(reason, "too_large", "",
                         "a block of %" PRId64 " bytes, at most %d are read", size, BLOCK_MAX);
    size_t head = (size_t)(cur.at - (container->window + container->at));
    if (!fill(container, head + (size_t)size + CW_SYNC_LEN))
        return cw_reject(reason, "truncated", "",
                         "a block of %" PRId64 " bytes where the file has %zu", size,
                         have(container) - head);
    const uint8_t *data = container->window + container->at + head;
    if (memcmp(data + size, container->sync, CW_SYNC_LEN) != 0)
        return cw_reject(reason, "bad_sync", "", "no sync marker where a block should end");
    *stored = (cw_str){ (const char *)data, (size_t)size };
    return true;
}

enum cw_block cw_container_next(struct cw_container *container, int64_t *count, cw_str *bytes,
                                struct cw_reason *reason)
{
    cw_str stored = { "", 0 };
    *count = 0;
    do {
        *bytes = (cw_str){ "", 0 };
        if (!fill(container, 1)) {
            if (!container->failed || container->told_failure)
                return CW_BLOCK_END;
            container->told_failure = true;
            (void)read_failed(reason);
            return CW_BLOCK_DAMAGED;
        }
        if (!read_block(container, count, &stored, reason)) {
            *count = 0;
            enum cw_block damaged = resync(container, bytes);
            if (container->failed) {
                container->told_failure = true;
                (void)read_failed(reason);
            }
            return damaged;
        }
        container->at =
            (size_t)((const uint8_t *)stored.ptr - container->window) + stored.len + CW_SYNC_LEN;
        bool ok = expand(container, stored, bytes, reason);
        if (ok && *count > EMPTY_DATA_MAX && (uint64_t)*count > bytes->len)
            ok = cw_reject(reason, "bad_block", "",
                           "a block of %zu bytes states %" PRId64 " records", bytes->len, *count);
        if (!ok) {
            *count = 0;
            *bytes = stored;
            bytes->len = stored.len < DAMAGE_SHOWN ? stored.len : DAMAGE_SHOWN;
            return CW_BLOCK_DAMAGED;
        }
    } while (*count == 0 && bytes->len == 0);
    return CW_BLOCK_OK;
}

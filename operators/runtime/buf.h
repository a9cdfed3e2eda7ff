/*
 * buf.h - a growable run of bytes, and the two encodings that are written into one: little-endian
 * fields and Avro's variable-length integers. The bytes are aligned as malloc aligns.
 */
#ifndef CW_RUNTIME_BUF_H
#define CW_RUNTIME_BUF_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/str.h"

struct cw_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void cw_buf_done(struct cw_buf *buf); /* frees the bytes; the buf is empty and usable */
/** What reserve does where there is no room. */
uint8_t *cw_buf_grow(struct cw_buf *buf, size_t more) CW_NONNULL(1);

/* What every byte of every event goes through is inline. */

/** Room for `more` bytes behind len; returns where they go. */
static inline uint8_t *cw_buf_reserve(struct cw_buf *buf, size_t more)
{
    if (__builtin_expect(buf->cap - buf->len < more, 0))
        return cw_buf_grow(buf, more);
    return buf->data + buf->len;
}
/** As reserve, and len grows by it. */
static inline uint8_t *cw_buf_extend(struct cw_buf *buf, size_t more)
{
    uint8_t *at = cw_buf_reserve(buf, more);
    buf->len += more;
    return at;
}
/** memcpy that does not call it for the few bytes that most texts have. */
static inline void cw_copy(void *to, const void *from, size_t len)
{
    uint8_t *out = (uint8_t *)to;
    const uint8_t *in = (const uint8_t *)from;
    if (len > 16) {
        memcpy(out, in, len);
    } else if (len >= 8) {
        uint64_t head;
        uint64_t tail;
        memcpy(&head, in, sizeof(head));
        memcpy(&tail, in + len - sizeof(tail), sizeof(tail));
        memcpy(out, &head, sizeof(head));
        memcpy(out + len - sizeof(tail), &tail, sizeof(tail));
    } else if (len >= 4) {
        uint32_t head;
        uint32_t tail;
        memcpy(&head, in, sizeof(head));
        memcpy(&tail, in + len - sizeof(tail), sizeof(tail));
        memcpy(out, &head, sizeof(head));
        memcpy(out + len - sizeof(tail), &tail, sizeof(tail));
    } else if (len != 0) {
        out[0] = in[0];
        out[len / 2] = in[len / 2];
        out[len - 1] = in[len - 1];
    }
}
static inline void cw_buf_put(struct cw_buf *buf, const void *ptr, size_t len)
{
    if (len != 0)
        cw_copy(cw_buf_extend(buf, len), ptr, len);
}
static inline void cw_buf_str(struct cw_buf *buf, cw_str text)
{
    cw_buf_put(buf, text.ptr, text.len);
}
void cw_buf_cstr(struct cw_buf *buf, const char *text) CW_NONNULL(1, 2);
void cw_buf_printf(struct cw_buf *buf, const char *format, ...) CW_NONNULL(1) CW_PRINTF(2, 3);
static inline void cw_buf_u8(struct cw_buf *buf, uint8_t value)
{
    *cw_buf_extend(buf, 1) = value;
}
/* little endian, all below */
static inline void cw_buf_u16(struct cw_buf *buf, uint16_t value)
{
    memcpy(cw_buf_extend(buf, sizeof(value)), &value, sizeof(value));
}
static inline void cw_buf_u32(struct cw_buf *buf, uint32_t value)
{
    memcpy(cw_buf_extend(buf, sizeof(value)), &value, sizeof(value));
}
static inline void cw_buf_u64(struct cw_buf *buf, uint64_t value)
{
    memcpy(cw_buf_extend(buf, sizeof(value)), &value, sizeof(value));
}
/** Avro long: zigzag, then 7 bits a byte. */
static inline void cw_buf_avro_long(struct cw_buf *buf, int64_t value)
{
    enum { BYTES_MAX = 10 };
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    uint8_t *at = cw_buf_reserve(buf, BYTES_MAX);
    size_t n = 0;
    for (; bits >= 0x80; bits >>= 7)
        at[n++] = (uint8_t)(bits | 0x80);
    at[n++] = (uint8_t)bits;
    buf->len += n;
}
/** Avro string or bytes: length, then the bytes. */
static inline void cw_buf_avro_str(struct cw_buf *buf, cw_str text)
{
    cw_buf_avro_long(buf, (int64_t)text.len);
    cw_buf_str(buf, text);
}

/*
 * Reading the same back: a cursor that fails once and stays failed, so that a reader checks at the
 * end. Reads past the end, and lengths past it, fail and give zeros.
 */
struct cw_cur {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct cw_cur cw_cur(const void *ptr, size_t len)
{
    return (struct cw_cur){ (const uint8_t *)ptr, (const uint8_t *)ptr + len, false };
}

/** `len` bytes, or NULL and failed. */
static inline const uint8_t *cw_cur_take(struct cw_cur *cur, size_t len)
{
    if (__builtin_expect(cur->failed || (size_t)(cur->end - cur->at) < len, 0)) {
        cur->failed = true;
        return NULL;
    }
    const uint8_t *at = cur->at;
    cur->at += len;
    return at;
}
uint8_t cw_cur_u8(struct cw_cur *cur) CW_NONNULL(1);
uint16_t cw_cur_u16(struct cw_cur *cur) CW_NONNULL(1);
uint32_t cw_cur_u32(struct cw_cur *cur) CW_NONNULL(1);
uint64_t cw_cur_u64(struct cw_cur *cur) CW_NONNULL(1);
/** What avro_long does where the number takes more than a byte, or there is none. */
int64_t cw_cur_avro_long_wide(struct cw_cur *cur) CW_NONNULL(1);
static inline int64_t cw_cur_avro_long(struct cw_cur *cur)
{
    if (__builtin_expect(cur->failed || cur->at == cur->end || *cur->at >= 0x80, 0))
        return cw_cur_avro_long_wide(cur);
    uint8_t bits = *cur->at++;
    return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}
/** Points into the bytes. */
static inline cw_str cw_cur_avro_str(struct cw_cur *cur)
{
    int64_t len = cw_cur_avro_long(cur);
    if (__builtin_expect(len < 0, 0))
        cur->failed = true;
    const uint8_t *at = cw_cur_take(cur, len < 0 ? 0 : (size_t)len);
    return at != NULL ? (cw_str){ (const char *)at, (size_t)len } : (cw_str){ "", 0 };
}
/** u32 length, then bytes: what cw_buf_u32 and cw_buf_str wrote. */
cw_str cw_cur_str32(struct cw_cur *cur) CW_NONNULL(1);
void cw_buf_str32(struct cw_buf *buf, cw_str text) CW_NONNULL(1);

#endif

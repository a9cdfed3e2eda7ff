#include "operators/runtime/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

void cw_buf_done(struct cw_buf *buf)
{
    free(buf->data);
    *buf = (struct cw_buf){ 0 };
}

uint8_t *cw_buf_reserve(struct cw_buf *buf, size_t more)
{
    if (buf->cap - buf->len < more) {
        size_t cap = buf->cap != 0 ? buf->cap : 256;
        while (cap - buf->len < more) {
            CW_CHECK(cap <= SIZE_MAX / 2);
            cap *= 2;
        }
        buf->data = cw_realloc(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

uint8_t *cw_buf_extend(struct cw_buf *buf, size_t more)
{
    uint8_t *at = cw_buf_reserve(buf, more);
    buf->len += more;
    return at;
}

void cw_buf_put(struct cw_buf *buf, const void *ptr, size_t len)
{
    if (len != 0)
        memcpy(cw_buf_extend(buf, len), ptr, len);
}

void cw_buf_str(struct cw_buf *buf, cw_str text)
{
    cw_buf_put(buf, text.ptr, text.len);
}

void cw_buf_cstr(struct cw_buf *buf, const char *text)
{
    cw_buf_put(buf, text, strlen(text));
}

void cw_buf_printf(struct cw_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CW_CHECK(len >= 0);
    uint8_t *at = cw_buf_reserve(buf, (size_t)len + 1);
    va_start(args, format);
    vsnprintf((char *)at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void cw_buf_u8(struct cw_buf *buf, uint8_t value)
{
    *cw_buf_extend(buf, 1) = value;
}

/* The hosts we build for are little endian; this says so at compile time. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little endian");

void cw_buf_u16(struct cw_buf *buf, uint16_t value)
{
    cw_buf_put(buf, &value, sizeof(value));
}

void cw_buf_u32(struct cw_buf *buf, uint32_t value)
{
    cw_buf_put(buf, &value, sizeof(value));
}

void cw_buf_u64(struct cw_buf *buf, uint64_t value)
{
    cw_buf_put(buf, &value, sizeof(value));
}

void cw_buf_avro_long(struct cw_buf *buf, int64_t value)
{
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    uint8_t *at = cw_buf_reserve(buf, 10);
    size_t n = 0;
    while (bits >= 0x80) {
        at[n++] = (uint8_t)(bits | 0x80);
        bits >>= 7;
    }
    at[n++] = (uint8_t)bits;
    buf->len += n;
}

void cw_buf_avro_str(struct cw_buf *buf, cw_str text)
{
    cw_buf_avro_long(buf, (int64_t)text.len);
    cw_buf_str(buf, text);
}

void cw_buf_str32(struct cw_buf *buf, cw_str text)
{
    CW_CHECK(text.len <= UINT32_MAX);
    cw_buf_u32(buf, (uint32_t)text.len);
    cw_buf_str(buf, text);
}

const uint8_t *cw_cur_take(struct cw_cur *cur, size_t len)
{
    if (cur->failed || (size_t)(cur->end - cur->at) < len) {
        cur->failed = true;
        return NULL;
    }
    const uint8_t *at = cur->at;
    cur->at += len;
    return at;
}

static void take_number(struct cw_cur *cur, void *out, size_t len)
{
    const uint8_t *at = cw_cur_take(cur, len);
    if (at != NULL)
        memcpy(out, at, len);
}

uint8_t cw_cur_u8(struct cw_cur *cur)
{
    uint8_t value = 0;
    take_number(cur, &value, sizeof(value));
    return value;
}

uint16_t cw_cur_u16(struct cw_cur *cur)
{
    uint16_t value = 0;
    take_number(cur, &value, sizeof(value));
    return value;
}

uint32_t cw_cur_u32(struct cw_cur *cur)
{
    uint32_t value = 0;
    take_number(cur, &value, sizeof(value));
    return value;
}

uint64_t cw_cur_u64(struct cw_cur *cur)
{
    uint64_t value = 0;
    take_number(cur, &value, sizeof(value));
    return value;
}

int64_t cw_cur_avro_long(struct cw_cur *cur)
{
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (cur->failed || cur->at == cur->end)
            break;
        uint8_t byte = *cur->at++;
        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
    }
    cur->failed = true;
    return 0;
}

cw_str cw_cur_avro_str(struct cw_cur *cur)
{
    int64_t len = cw_cur_avro_long(cur);
    if (len < 0)
        cur->failed = true;
    const uint8_t *at = cw_cur_take(cur, len < 0 ? 0 : (size_t)len);
    return at != NULL ? (cw_str){ (const char *)at, (size_t)len } : (cw_str){ "", 0 };
}

cw_str cw_cur_str32(struct cw_cur *cur)
{
    uint32_t len = cw_cur_u32(cur);
    const uint8_t *at = cw_cur_take(cur, len);
    return at != NULL ? (cw_str){ (const char *)at, len } : (cw_str){ "", 0 };
}

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

uint8_t *cw_buf_grow(struct cw_buf *buf, size_t more)
{
    size_t cap = buf->cap != 0 ? buf->cap : 256;
    while (cap - buf->len < more) {
        CW_CHECK(cap <= SIZE_MAX / 2);
        cap *= 2;
    }
    buf->data = cw_realloc(buf->data, cap);
    buf->cap = cap;
    return buf->data + buf->len;
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

/* The hosts we build for are little endian; this says so at compile time. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little endian");

void cw_buf_str32(struct cw_buf *buf, cw_str text)
{
    CW_CHECK(text.len <= UINT32_MAX);
    cw_buf_u32(buf, (uint32_t)text.len);
    cw_buf_str(buf, text);
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

int64_t cw_cur_avro_long_wide(struct cw_cur *cur)
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

cw_str cw_cur_str32(struct cw_cur *cur)
{
    uint32_t len = cw_cur_u32(cur);
    const uint8_t *at = cw_cur_take(cur, len);
    return at != NULL ? (cw_str){ (const char *)at, len } : (cw_str){ "", 0 };
}

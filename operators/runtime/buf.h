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
/** Room for `more` bytes behind len; returns where they go. */
uint8_t *cw_buf_reserve(struct cw_buf *buf, size_t more) CW_NONNULL(1);
/** As reserve, and len grows by it. */
uint8_t *cw_buf_extend(struct cw_buf *buf, size_t more) CW_NONNULL(1);
void cw_buf_put(struct cw_buf *buf, const void *ptr, size_t len) CW_NONNULL(1);
void cw_buf_str(struct cw_buf *buf, cw_str text) CW_NONNULL(1);
void cw_buf_cstr(struct cw_buf *buf, const char *text) CW_NONNULL(1, 2);
void cw_buf_printf(struct cw_buf *buf, const char *format, ...) CW_NONNULL(1) CW_PRINTF(2, 3);
void cw_buf_u8(struct cw_buf *buf, uint8_t value) CW_NONNULL(1);
void cw_buf_u16(struct cw_buf *buf, uint16_t value) CW_NONNULL(1); /* little endian, all below */
void cw_buf_u32(struct cw_buf *buf, uint32_t value) CW_NONNULL(1);
void cw_buf_u64(struct cw_buf *buf, uint64_t value) CW_NONNULL(1);
/** Avro long: zigzag, then 7 bits a byte. */
void cw_buf_avro_long(struct cw_buf *buf, int64_t value) CW_NONNULL(1);
/** Avro string or bytes: length, then the bytes. */
void cw_buf_avro_str(struct cw_buf *buf, cw_str text) CW_NONNULL(1);

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
const uint8_t *cw_cur_take(struct cw_cur *cur, size_t len) CW_NONNULL(1);
uint8_t cw_cur_u8(struct cw_cur *cur) CW_NONNULL(1);
uint16_t cw_cur_u16(struct cw_cur *cur) CW_NONNULL(1);
uint32_t cw_cur_u32(struct cw_cur *cur) CW_NONNULL(1);
uint64_t cw_cur_u64(struct cw_cur *cur) CW_NONNULL(1);
int64_t cw_cur_avro_long(struct cw_cur *cur) CW_NONNULL(1);
cw_str cw_cur_avro_str(struct cw_cur *cur) CW_NONNULL(1); /* points into the bytes */
/** u32 length, then bytes: what cw_buf_u32 and cw_buf_str wrote. */
cw_str cw_cur_str32(struct cw_cur *cur) CW_NONNULL(1);
void cw_buf_str32(struct cw_buf *buf, cw_str text) CW_NONNULL(1);

#endif

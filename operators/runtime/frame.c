#include "operators/runtime/frame.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

#include "operators/runtime/check.h"

enum { SECTION_HEADER = 8 };

static size_t pad8(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

const void *cw_frame_section(const struct cw_frame *frame, uint16_t tag, size_t *len)
{
    const uint8_t *at = cw_frame_body(frame) + pad8(frame->body_length);
    const uint8_t *end = at + frame->sections_length;
    while (end - at >= SECTION_HEADER) {
        uint16_t found;
        uint32_t length;
        memcpy(&found, at, sizeof(found));
        memcpy(&length, at + 4, sizeof(length));
        if ((size_t)(end - at) - SECTION_HEADER < length)
            break;
        if (found == tag) {
            *len = length;
            return at + SECTION_HEADER;
        }
        size_t step = SECTION_HEADER + pad8(length);
        if ((size_t)(end - at) < step)
            break;
        at += step;
    }
    *len = 0;
    return NULL;
}

const struct cw_link_entry *cw_frame_links(const struct cw_frame *frame, size_t *count)
{
    size_t len;
    const void *section = cw_frame_section(frame, CW_SECTION_LINKS, &len);
    *count = len / sizeof(struct cw_link_entry);
    return section;
}

static void put_padded(struct cw_buf *buf, const void *bytes, size_t len)
{
    static const uint8_t zeros[8];
    cw_buf_put(buf, bytes, len);
    cw_buf_put(buf, zeros, pad8(len) - len);
}

void cw_frame_make(struct cw_frame *at, const struct cw_frame *header, const struct cw_key *keys,
                   size_t key_count, const void *body, size_t body_len)
{
    size_t length = cw_frame_size(key_count, body_len);
    CW_CHECK(key_count <= UINT16_MAX && length <= CW_FRAME_MAX);
    *at = *header;
    at->length = (uint32_t)length;
    at->format = CW_FRAME_FORMAT;
    at->key_count = (uint16_t)key_count;
    at->body_length = (uint32_t)body_len;
    at->sections_length = 0;
    uint8_t *next = (uint8_t *)(at + 1);
    if (key_count != 0)
        memcpy(next, keys, key_count * sizeof(*keys));
    next += key_count * sizeof(*keys);
    if (body_len == 0)
        return;
    static const uint64_t zeros;
    memcpy(next + pad8(body_len) - sizeof(zeros), &zeros, sizeof(zeros)); /* the padding */
    memcpy(next, body, body_len);
}

size_t cw_frame_put(struct cw_buf *buf, const struct cw_frame *header, const struct cw_key *keys,
                    size_t key_count, const void *body, size_t body_len)
{
    size_t offset = buf->len;
    CW_CHECK(offset % 8 == 0);
    void *at = cw_buf_extend(buf, cw_frame_size(key_count, body_len));
    cw_frame_make(at, header, keys, key_count, body, body_len);
    return offset;
}

size_t cw_frame_put_section(struct cw_buf *buf, const struct cw_frame *frame, uint16_t tag,
                            const void *section, size_t len)
{
    size_t offset = buf->len;
    CW_CHECK(offset % 8 == 0);
    cw_buf_put(buf, frame, frame->length);
    cw_buf_u16(buf, tag);
    cw_buf_u16(buf, 0);
    cw_buf_u32(buf, (uint32_t)len);
    put_padded(buf, section, len);
    struct cw_frame *grown = cw_frame_at(buf, offset);
    grown->sections_length += (uint32_t)(SECTION_HEADER + pad8(len));
    grown->length = (uint32_t)(buf->len - offset);
    grown->crc = 0;
    CW_CHECK(grown->length <= CW_FRAME_MAX);
    return offset;
}

int64_t cw_frame_check(const void *bytes, size_t len)
{
    const struct cw_frame *frame = bytes; /* frames lie at multiples of 8 wherever they come from */
    if (len < sizeof(*frame))
        return 0;
    uint64_t inside = sizeof(*frame) + (uint64_t)frame->key_count * sizeof(struct cw_key) +
                      pad8(frame->body_length) + frame->sections_length;
    if (frame->length > CW_FRAME_MAX || frame->length != inside || frame->length % 8 != 0 ||
        frame->format != CW_FRAME_FORMAT || frame->kind < CW_EVENT || frame->kind > CW_END)
        return -1;
    return len < frame->length ? 0 : (int64_t)frame->length;
}

uint32_t cw_crc32c(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
#if defined(__SSE4_2__)
    uint64_t crc = 0xffffffffU;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        crc = _mm_crc32_u64(crc, word);
    }
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
#else
    uint32_t crc = 0xffffffffU;
    for (; len > 0; at++, len--) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1)));
    }
    return ~crc;
#endif
}

static uint32_t frame_crc(const struct cw_frame *frame)
{
    enum { BEHIND = 8 }; /* length and crc stand before what is summed */
    return cw_crc32c((const uint8_t *)frame + BEHIND, frame->length - BEHIND);
}

void cw_frame_seal(struct cw_frame *frame)
{
    frame->crc = frame_crc(frame);
}

bool cw_frame_sealed(const struct cw_frame *frame)
{
    return frame->crc == frame_crc(frame);
}

const char *cw_frame_kind_name(uint8_t kind)
{
    static const char *const names[] = { "?",    "event", "reject", "name", "source_end",
                                         "tick", "close", "moved",  "row",  "end" };
    return kind <= CW_END ? names[kind] : names[0];
}

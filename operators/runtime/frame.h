/*
 * frame.h - what travels through the chain, and what the log holds.
 *
 * A frame is a fixed header, keys[], a body, and tagged sections, all padded to 8 bytes and little
 * endian, so that it can be used where it lies. Stages copy frames whole and append sections; the
 * body is never encoded again. The log gives each frame its position (the byte address in the log)
 * and a CRC-32C; between processes of one host the CRC is 0 and not looked at.
 *
 *   kind    written by       body
 *   EVENT   ingest           canonical Avro body (event.h); keys[] as below
 *   REJECT  ingest           reason code (text): this offset of this source is a dead letter
 *   NAME    ingest           name space (u32), number (u32), text: introduced before its use
 *   SOURCE_END ingest        nothing: `source` is read to its end
 *   TICK    ingest           struct in control.h: n, R, F per type, totals
 *   CLOSE   dedup            n, totals; each stage adds its own (detect: after its rows)
 *   MOVED   link             control.h: records that changed core or entity
 *   ROW     detect           row.h: an alert row, whole or gone
 *   END     ingest           nothing: the stream is complete. Nothing else ends one.
 *
 * keys[] of an event: for each part in order, one CW_KEY_RECORD entry, then its identifiers.
 */
#ifndef CW_RUNTIME_FRAME_H
#define CW_RUNTIME_FRAME_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/id.h"

enum { CW_FRAME_FORMAT = 1, CW_FRAME_MAX = 4 * 1024 * 1024 };

enum cw_frame_kind {
    CW_EVENT = 1,
    CW_REJECT,
    CW_NAME,
    CW_SOURCE_END,
    CW_TICK,
    CW_CLOSE,
    CW_MOVED,
    CW_ROW,
    CW_END,
};

enum cw_frame_flag {
    CW_MORE = 1,     /* the unit goes on in the next frame: no batch is cut here */
    CW_STANDING = 2, /* the event's type is standing */
    CW_WITHDRAW = 4, /* the event withdraws; retain_until is how long its tombstone is kept */
    CW_NO_RATE = 64, /* an amount has no counter-value in euro: the list of rates has none */
};

struct cw_frame {
    uint32_t length; /* of all, a multiple of 8 */
    uint32_t crc;    /* CRC-32C of all behind this field; 0 outside the log */
    uint8_t format;
    uint8_t kind; /* enum cw_frame_kind */
    int8_t sign;  /* events behind dedup: +1 holds, -1 no longer; else 0 */
    uint8_t flags;
    uint16_t type; /* of events: cw_type number */
    uint16_t key_count;
    uint64_t position; /* in the log; rows: the tick's n */
    uint32_t ordinal;  /* rows: number in their tick, from 1 */
    uint32_t source;   /* number by a NAME frame, from 1 */
    uint32_t partition;
    uint32_t owner; /* number by a NAME frame, from 1 */
    int64_t offset; /* in the source: of the record */
    int64_t time_lo;
    int64_t time_span; /* time_hi - time_lo */
    int64_t arrival;
    int64_t recorded_at;
    int64_t retain_until;
    int64_t version;
    struct cw_id identity;
    struct cw_id content; /* content hash */
    uint32_t realm;
    uint32_t restriction; /* number by a NAME frame; 0: none */
    uint32_t body_length;
    uint32_t sections_length;
    /* struct cw_key keys[key_count]; body, padded to 8; sections */
};
_Static_assert(sizeof(struct cw_frame) == 144, "the frame header has no holes");

enum cw_key_flag {
    CW_KEY_RECORD = 1,    /* `key` is the record of the part; scope is its kind (cw_id_scope) */
    CW_KEY_WEAK = 2,      /* of a record: it states too little to be anyone in particular */
    CW_KEY_VALID = 4,     /* of an identifier: may be a key */
    CW_KEY_UNIQUE = 8,    /* one of a kind: joins cores */
    CW_KEY_EXCLUSIVE = 16 /* two values of one scope conflict */
};

struct cw_key {
    uint16_t part;
    uint8_t flags;
    uint8_t rank;     /* of the kind, 1 first */
    uint32_t kind;    /* number of the identifier kind (identifier.h); 0 for records */
    uint64_t scope;   /* kind and issuer (cw_id_scope) */
    struct cw_id key; /* the identifier's key, or the record */
};
_Static_assert(sizeof(struct cw_key) == 32, "keys have no holes");

enum cw_name_space {
    CW_NAME_OWNER = 1,
    CW_NAME_TYPE,
    CW_NAME_SOURCE,
    CW_NAME_RESTRICTION,
    CW_NAME_RULE_SET, /* from detect, before anything else: the hash of its rules in hex */
    CW_NAME_BASIS,    /* from link: a restriction that it joined, in canonical text */
    CW_NAME_RATES     /* from ingest: the hash of the rate list in force, in hex */
};

/* Sections: u16 tag, u16 zero, u32 length, bytes, padding to 8. */
enum cw_section { CW_SECTION_LINKS = 1 };

/* One entry of `links`, written by link: a part's record and what it belongs to now. */
struct cw_link_entry {
    uint16_t part;
    uint16_t flags; /* CW_KEY_WEAK */
    uint32_t basis; /* of the entity: number by a BASIS name frame; 0: none */
    struct cw_id record;
    struct cw_id core;
    struct cw_id entity;
};
_Static_assert(sizeof(struct cw_link_entry) == 56, "link entries have no holes");

static inline const struct cw_key *cw_frame_keys(const struct cw_frame *frame)
{
    return (const struct cw_key *)(const void *)(frame + 1);
}
static inline const uint8_t *cw_frame_body(const struct cw_frame *frame)
{
    return (const uint8_t *)(cw_frame_keys(frame) + frame->key_count);
}
/** The section's bytes and length, or NULL. */
const void *cw_frame_section(const struct cw_frame *frame, uint16_t tag, size_t *len)
    CW_NONNULL(1, 3);
/** Number and entries of `links`; NULL if the frame has none. */
const struct cw_link_entry *cw_frame_links(const struct cw_frame *frame, size_t *count)
    CW_NONNULL(1, 2);

/**
 * Appends a frame built from a header (length, format, body_length, key_count are set here), keys
 * and body. Returns its offset in buf, which must be empty or hold whole frames.
 */
size_t cw_frame_put(struct cw_buf *buf, const struct cw_frame *header, const struct cw_key *keys,
                    size_t key_count, const void *body, size_t body_len) CW_NONNULL(1, 2);
/** What such a frame takes. */
static inline size_t cw_frame_size(size_t key_count, size_t body_len)
{
    return sizeof(struct cw_frame) + key_count * sizeof(struct cw_key) +
           ((body_len + 7) & ~(size_t)7);
}
/** The same into memory of that size, aligned to 8. */
void cw_frame_make(struct cw_frame *at, const struct cw_frame *header, const struct cw_key *keys,
                   size_t key_count, const void *body, size_t body_len) CW_NONNULL(1, 2);
/** Appends a copy of the frame with one more section. */
size_t cw_frame_put_section(struct cw_buf *buf, const struct cw_frame *frame, uint16_t tag,
                            const void *section, size_t len) CW_NONNULL(1, 2);
static inline struct cw_frame *cw_frame_at(const struct cw_buf *buf, size_t offset)
{
    return (struct cw_frame *)(void *)(buf->data + offset);
}

/**
 * Looks at the first bytes of a stream: the length of the whole valid frame there, 0 if more bytes
 * are needed, -1 if these bytes are no frame (lengths do not fit together, unknown format or kind).
 */
int64_t cw_frame_check(const void *bytes, size_t len) CW_NONNULL(1);

uint32_t cw_crc32c(const void *bytes, size_t len);
/** Sets / compares the CRC of a whole frame. */
void cw_frame_seal(struct cw_frame *frame) CW_NONNULL(1);
bool cw_frame_sealed(const struct cw_frame *frame) CW_NONNULL(1);

const char *cw_frame_kind_name(uint8_t kind);

#endif

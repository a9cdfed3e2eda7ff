/*
 * id.h - the ids of crosswatch and their encoding. They are computed, never drawn.
 *
 * A deployment has a secret; k = BLAKE2b-256(secret). A field is its length (u32, little endian)
 * and its bytes: text UTF-8, an integer as i64, an id its 16 bytes, a list the encoding of its
 * members as one field (a member that is itself a tuple is a list). An id hashes its fields, the
 * first of which is a tag. Inside the chain the hash is SipHash-2-4-128 (identity, key, record,
 * content); for ids that leave it is BLAKE2b-128 keyed with k (raw, core, entity, alert, case).
 */
#ifndef CW_RUNTIME_ID_H
#define CW_RUNTIME_ID_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/str.h"

struct cw_id {
    uint8_t b[16];
};

enum { CW_ID_HEX = 33 }; /* digits and NUL */

struct cw_secret {
    uint8_t k[32];
};

/** Also initialises libsodium; call before any other function here. */
void cw_secret_init(struct cw_secret *secret, cw_str text) CW_NONNULL(1);
/** The secret of the environment's CROSSWATCH_SECRET_FILE (its bytes without a last newline), else
 *  "crosswatch-test". False and a message to stderr if the file cannot be read. */
bool cw_secret_from_environment(struct cw_secret *secret) CW_MUST_USE CW_NONNULL(1);

static inline int cw_id_cmp(struct cw_id a, struct cw_id b)
{
    return memcmp(a.b, b.b, sizeof(a.b));
}
static inline bool cw_id_eq(struct cw_id a, struct cw_id b)
{
    uint64_t left[2];
    uint64_t right[2];
    memcpy(left, a.b, sizeof(left));
    memcpy(right, b.b, sizeof(right));
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}
bool cw_id_is_zero(struct cw_id id);
void cw_id_hex(struct cw_id id, char out[CW_ID_HEX]);
bool cw_id_parse(cw_str hex, struct cw_id *out) CW_MUST_USE CW_NONNULL(2);

/** The 16 bytes, as bodies of frames hold them. */
void cw_buf_id(struct cw_buf *buf, struct cw_id id) CW_NONNULL(1);
struct cw_id cw_cur_id(struct cw_cur *cur) CW_NONNULL(1);

/* Encoding fields into a buf, then hashing it. */
void cw_enc_str(struct cw_buf *buf, cw_str text) CW_NONNULL(1);
void cw_enc_int(struct cw_buf *buf, int64_t value) CW_NONNULL(1);
void cw_enc_id(struct cw_buf *buf, struct cw_id id) CW_NONNULL(1);
/** A list: open returns a mark, members follow, close writes the length. Lists nest. */
size_t cw_enc_open(struct cw_buf *buf) CW_NONNULL(1);
void cw_enc_close(struct cw_buf *buf, size_t mark) CW_NONNULL(1);
struct cw_id cw_id_inside(const struct cw_secret *secret, const struct cw_buf *buf);  /* SipHash */
struct cw_id cw_id_leaving(const struct cw_secret *secret, const struct cw_buf *buf); /* BLAKE2b */

struct cw_id cw_id_identity(const struct cw_secret *secret, cw_str owner, cw_str event_id);
/** Of an identifier; issuer absent for a kind without one. */
struct cw_id cw_id_key(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value);
/** A kind and issuer alone, 64 bits: what makes two identifiers rivals under an exclusive kind. */
uint64_t cw_id_scope(const struct cw_secret *secret, cw_str kind, cw_str issuer);
struct cw_id cw_id_raw(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value);
struct cw_id cw_id_raw_field(const struct cw_secret *secret, cw_str path, cw_str value);
/** tag is "core" or "entity"; the founding mention is (recorded at, identity, part). */
struct cw_id cw_id_founded(const struct cw_secret *secret, const char *tag, int64_t recorded_at,
                           struct cw_id identity, int64_t part);
struct cw_id cw_id_alert(const struct cw_secret *secret, cw_str rule, int64_t cell_span,
                         const struct cw_id *keys, size_t key_count, int64_t cell);
struct cw_id cw_id_case(const struct cw_secret *secret, cw_str rule, const struct cw_id *keys,
                        size_t key_count);

/** One identifier of a record, for cw_id_record. */
struct cw_id_part {
    cw_str kind;
    cw_str issuer;
    cw_str value;
};
/** Sorts the three lists in place and drops repeats in what it hashes. */
struct cw_id cw_id_record(const struct cw_secret *secret, cw_str kind, struct cw_id_part *ids,
                          size_t id_count, cw_str *names, size_t name_count, cw_str *births,
                          size_t birth_count);

#endif

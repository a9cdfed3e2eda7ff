#include "operators/runtime/id.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"

void cw_secret_init(struct cw_secret *secret, cw_str text)
{
    CW_CHECK(sodium_init() >= 0);
    crypto_generichash(secret->k, sizeof(secret->k), (const unsigned char *)text.ptr, text.len,
                       NULL, 0);
}

bool cw_secret_from_environment(struct cw_secret *secret)
{
    const char *path = getenv("CROSSWATCH_SECRET_FILE");
    if (path == NULL) {
        cw_secret_init(secret, cw_cstr("crosswatch-test"));
        return true;
    }
    char text[4096];
    FILE *file = fopen(path, "rb");
    size_t len = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
    if (file != NULL)
        fclose(file);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len == 0) {
        fprintf(stderr,
                "crosswatch: CROSSWATCH_SECRET_FILE names %s, which cannot be read or is empty\n",
                path);
        return false;
    }
    cw_secret_init(secret, (cw_str){ text, len });
    sodium_memzero(text, sizeof(text));
    return true;
}

bool cw_id_is_zero(struct cw_id id)
{
    static const struct cw_id zero = { { 0 } };
    return cw_id_eq(id, zero);
}

void cw_id_hex(struct cw_id id, char out[CW_ID_HEX])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(id.b); i++) {
        out[2 * i] = hex[id.b[i] >> 4];
        out[2 * i + 1] = hex[id.b[i] & 15];
    }
    out[2 * sizeof(id.b)] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool cw_id_parse(cw_str hex, struct cw_id *out)
{
    if (hex.len != 2 * sizeof(out->b))
        return false;
    for (size_t i = 0; i < sizeof(out->b); i++) {
        int high = nibble(hex.ptr[2 * i]);
        int low = nibble(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void cw_buf_id(struct cw_buf *buf, struct cw_id id)
{
    cw_buf_put(buf, id.b, sizeof(id.b));
}

struct cw_id cw_cur_id(struct cw_cur *cur)
{
    struct cw_id id = { { 0 } };
    const uint8_t *at = cw_cur_take(cur, sizeof(id.b));
    if (at != NULL)
        memcpy(id.b, at, sizeof(id.b));
    return id;
}

void cw_enc_str(struct cw_buf *buf, cw_str text)
{
    uint32_t len = (uint32_t)text.len;
    CW_CHECK(text.len <= UINT32_MAX);
    uint8_t *at = cw_buf_extend(buf, sizeof(len) + text.len);
    memcpy(at, &len, sizeof(len));
    cw_copy(at + sizeof(len), text.ptr, text.len);
}

void cw_enc_int(struct cw_buf *buf, int64_t value)
{
    cw_buf_u32(buf, sizeof(value));
    cw_buf_u64(buf, (uint64_t)value);
}

void cw_enc_id(struct cw_buf *buf, struct cw_id id)
{
    cw_buf_u32(buf, sizeof(id.b));
    cw_buf_put(buf, id.b, sizeof(id.b));
}

size_t cw_enc_open(struct cw_buf *buf)
{
    cw_buf_u32(buf, 0);
    return buf->len;
}

void cw_enc_close(struct cw_buf *buf, size_t mark)
{
    CW_CHECK(mark >= 4 && buf->len - mark <= UINT32_MAX);
    uint32_t len = (uint32_t)(buf->len - mark);
    memcpy(buf->data + mark - 4, &len, sizeof(len));
}

/*
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein), as libsodium's
 * crypto_shorthash_siphashx24; here because most of what ingest does for an event is this, and a
 * call to a library costs a third of a short hash. A test holds the two equal.
 */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline struct sip sip_round(struct sip s)
{
    s.v0 += s.v1;
    s.v2 += s.v3;
    s.v1 = rotate(s.v1, 13) ^ s.v0;
    s.v3 = rotate(s.v3, 16) ^ s.v2;
    s.v0 = rotate(s.v0, 32);
    s.v2 += s.v1;
    s.v0 += s.v3;
    s.v1 = rotate(s.v1, 17) ^ s.v2;
    s.v3 = rotate(s.v3, 21) ^ s.v0;
    s.v2 = rotate(s.v2, 32);
    return s;
}

static inline struct sip sip_word(struct sip s, uint64_t word)
{
    s.v3 ^= word;
    s = sip_round(sip_round(s));
    s.v0 ^= word;
    return s;
}

static inline uint64_t sip_sum(struct sip s)
{
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static struct cw_id siphash(const uint8_t key[16], const uint8_t *bytes, size_t len)
{
    uint64_t k[2];
    memcpy(k, key, sizeof(k));
    struct sip s = { UINT64_C(0x736f6d6570736575) ^ k[0], UINT64_C(0x646f72616e646f83) ^ k[1],
                     UINT64_C(0x6c7967656e657261) ^ k[0], UINT64_C(0x7465646279746573) ^ k[1] };
    size_t left = len;
    for (; left >= sizeof(uint64_t); bytes += sizeof(uint64_t), left -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        s = sip_word(s, word);
    }
    uint64_t last = 0;
    cw_copy(&last, bytes, left);
    s = sip_word(s, last | (uint64_t)len << 56);
    uint64_t sums[2];
    s.v2 ^= 0xee;
    s = sip_round(sip_round(sip_round(sip_round(s))));
    sums[0] = sip_sum(s);
    s.v1 ^= 0xdd;
    s = sip_round(sip_round(sip_round(sip_round(s))));
    sums[1] = sip_sum(s);
    struct cw_id id;
    memcpy(id.b, sums, sizeof(id.b));
    return id;
}

struct cw_id cw_id_inside(const struct cw_secret *secret, const struct cw_buf *buf)
{
    return siphash(secret->k, buf->data, buf->len);
}

struct cw_id cw_id_leaving(const struct cw_secret *secret, const struct cw_buf *buf)
{
    struct cw_id id;
    crypto_generichash(id.b, sizeof(id.b), buf->data, buf->len, secret->k, sizeof(secret->k));
    return id;
}

/* One scratch buffer a thread: stages run on one. It is never freed, and stays small. */
static struct cw_buf *scratch(const char *tag)
{
    static _Thread_local struct cw_buf buf;
    buf.len = 0;
    cw_enc_str(&buf, cw_cstr(tag));
    return &buf;
}

struct cw_id cw_id_identity(const struct cw_secret *secret, cw_str owner, cw_str event_id)
{
    struct cw_buf *buf = scratch("event");
    cw_enc_str(buf, owner);
    cw_enc_str(buf, event_id);
    return cw_id_inside(secret, buf);
}

struct cw_id cw_id_key(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value)
{
    struct cw_buf *buf = scratch("id");
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    cw_enc_str(buf, value);
    return cw_id_inside(secret, buf);
}

uint64_t cw_id_scope(const struct cw_secret *secret, cw_str kind, cw_str issuer)
{
    struct cw_buf *buf = scratch("scope");
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    struct cw_id id = cw_id_inside(secret, buf);
    uint64_t scope;
    memcpy(&scope, id.b, sizeof(scope));
    return scope;
}

struct cw_id cw_id_raw(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value)
{
    struct cw_buf *buf = scratch("raw");
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    cw_enc_str(buf, value);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_raw_field(const struct cw_secret *secret, cw_str path, cw_str value)
{
    struct cw_buf *buf = scratch("raw");
    cw_enc_str(buf, cw_cstr("field"));
    cw_enc_str(buf, path);
    cw_enc_str(buf, value);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_founded(const struct cw_secret *secret, const char *tag, int64_t recorded_at,
                           struct cw_id identity, int64_t part)
{
    struct cw_buf *buf = scratch(tag);
    cw_enc_int(buf, recorded_at);
    cw_enc_id(buf, identity);
    cw_enc_int(buf, part);
    return cw_id_leaving(secret, buf);
}

static void enc_ids(struct cw_buf *buf, const struct cw_id *keys, size_t key_count)
{
    size_t mark = cw_enc_open(buf);
    for (size_t i = 0; i < key_count; i++)
        cw_enc_id(buf, keys[i]);
    cw_enc_close(buf, mark);
}

struct cw_id cw_id_alert(const struct cw_secret *secret, cw_str rule, int64_t cell_span,
                         const struct cw_id *keys, size_t key_count, int64_t cell)
{
    struct cw_buf *buf = scratch("alert");
    cw_enc_str(buf, rule);
    cw_enc_int(buf, cell_span);
    enc_ids(buf, keys, key_count);
    cw_enc_int(buf, cell);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_case(const struct cw_secret *secret, cw_str rule, const struct cw_id *keys,
                        size_t key_count)
{
    struct cw_buf *buf = scratch("case");
    cw_enc_str(buf, rule);
    enc_ids(buf, keys, key_count);
    return cw_id_leaving(secret, buf);
}

static int compare_parts(const void *a, const void *b)
{
    const struct cw_id_part *left = a;
    const struct cw_id_part *right = b;
    int order = cw_str_cmp(left->kind, right->kind);
    if (order == 0)
        order = cw_str_cmp(left->issuer, right->issuer);
    if (order == 0)
        order = cw_str_cmp(left->value, right->value);
    return order;
}

static int compare_strs(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static void enc_strs(struct cw_buf *buf, cw_str *list, size_t count)
{
    if (count > 1)
        qsort(list, count, sizeof(*list), compare_strs);
    size_t mark = cw_enc_open(buf);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !cw_str_eq(list[i - 1], list[i]))
            cw_enc_str(buf, list[i]);
    }
    cw_enc_close(buf, mark);
}

struct cw_id cw_id_record(const struct cw_secret *secret, cw_str kind, struct cw_id_part *ids,
                          size_t id_count, cw_str *names, size_t name_count, cw_str *births,
                          size_t birth_count)
{
    struct cw_buf *buf = scratch("record");
    cw_enc_str(buf, kind);
    if (id_count > 1)
        qsort(ids, id_count, sizeof(*ids), compare_parts);
    size_t mark = cw_enc_open(buf);
    for (size_t i = 0; i < id_count; i++) {
        if (i > 0 && compare_parts(&ids[i - 1], &ids[i]) == 0)
            continue;
        size_t member = cw_enc_open(buf);
        cw_enc_str(buf, ids[i].kind);
        cw_enc_str(buf, ids[i].issuer);
        cw_enc_str(buf, ids[i].value);
        cw_enc_close(buf, member);
    }
    cw_enc_close(buf, mark);
    enc_strs(buf, names, name_count);
    enc_strs(buf, births, birth_count);
    return cw_id_inside(secret, buf);
}

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

/* A message on its way: whole words, then what is left with the length. */
struct lane {
    struct sip s;
    const uint8_t *at;
    size_t words;
    size_t len;
    struct cw_id *out; /* NULL: nothing is on its way */
};

static inline struct lane lane_begin(const uint8_t key[16], const uint8_t *bytes, size_t len,
                                     struct cw_id *out)
{
    uint64_t k[2];
    memcpy(k, key, sizeof(k));
    return (
        struct lane){ { UINT64_C(0x736f6d6570736575) ^ k[0], UINT64_C(0x646f72616e646f83) ^ k[1],
                        UINT64_C(0x6c7967656e657261) ^ k[0], UINT64_C(0x7465646279746573) ^ k[1] },
                      bytes,
                      len / sizeof(uint64_t),
                      len,
                      out };
}

static inline void lane_step(struct lane *lane)
{
    uint64_t word;
    memcpy(&word, lane->at, sizeof(word));
    lane->at += sizeof(word);
    lane->s = sip_word(lane->s, word);
}

static inline void lane_end(struct lane *lane)
{
    uint64_t last = 0;
    uint64_t sums[2];
    cw_copy(&last, lane->at, lane->len % sizeof(uint64_t));
    struct sip s = sip_word(lane->s, last | (uint64_t)lane->len << 56);
    s.v2 ^= 0xee;
    s = sip_round(sip_round(sip_round(sip_round(s))));
    sums[0] = sip_sum(s);
    s.v1 ^= 0xdd;
    s = sip_round(sip_round(sip_round(sip_round(s))));
    sums[1] = sip_sum(s);
    memcpy(lane->out->b, sums, sizeof(lane->out->b));
    lane->out = NULL;
}

static inline void lane_run(struct lane *lane)
{
    for (; lane->words > 0; lane->words--)
        lane_step(lane);
    lane_end(lane);
}

struct cw_id cw_id_inside(const struct cw_secret *secret, const struct cw_buf *buf)
{
    struct cw_id id;
    struct lane lane = lane_begin(secret->k, buf->data, buf->len, &id);
    lane_run(&lane);
    return id;
}

void cw_id_inside_all(const struct cw_secret *secret, const struct cw_buf *buf, const size_t *ends,
                      size_t count, struct cw_id *out)
{
    struct lane lanes[2] = { { .out = NULL }, { .out = NULL } };
    size_t next = 0;
    size_t from = 0;
    for (;;) {
        for (size_t i = 0; i < 2; i++) {
            if (lanes[i].out != NULL || next == count)
                continue;
            lanes[i] = lane_begin(secret->k, buf->data + from, ends[next] - from, &out[next]);
            from = ends[next++];
        }
        if (lanes[0].out == NULL || lanes[1].out == NULL)
            break;
        struct lane a = lanes[0];
        struct lane b = lanes[1];
        size_t both = a.words < b.words ? a.words : b.words;
        a.words -= both;
        b.words -= both;
        for (; both > 0; both--) {
            lane_step(&a);
            lane_step(&b);
        }
        if (a.words == 0)
            lane_end(&a);
        if (b.words == 0)
            lane_end(&b);
        lanes[0] = a;
        lanes[1] = b;
    }
    for (size_t i = 0; i < 2; i++) {
        if (lanes[i].out != NULL)
            lane_run(&lanes[i]);
    }
}

struct cw_id cw_id_leaving(const struct cw_secret *secret, const struct cw_buf *buf)
{
    struct cw_id id;
    crypto_generichash(id.b, sizeof(id.b), buf->data, buf->len, secret->k, sizeof(secret->k));
    return id;
}

/* One scratch buffer a thread: stages run on one. It is never freed, and stays small. */
static struct cw_buf *scratch(void)
{
    static _Thread_local struct cw_buf buf;
    buf.len = 0;
    return &buf;
}

static struct cw_buf *tagged(const char *tag)
{
    struct cw_buf *buf = scratch();
    cw_enc_str(buf, cw_cstr(tag));
    return buf;
}

void cw_enc_identity(struct cw_buf *buf, cw_str owner, cw_str event_id)
{
    cw_enc_str(buf, cw_cstr("event"));
    cw_enc_str(buf, owner);
    cw_enc_str(buf, event_id);
}

void cw_enc_key(struct cw_buf *buf, cw_str kind, cw_str issuer, cw_str value)
{
    cw_enc_str(buf, cw_cstr("id"));
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    cw_enc_str(buf, value);
}

struct cw_id cw_id_identity(const struct cw_secret *secret, cw_str owner, cw_str event_id)
{
    struct cw_buf *buf = scratch();
    cw_enc_identity(buf, owner, event_id);
    return cw_id_inside(secret, buf);
}

struct cw_id cw_id_key(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value)
{
    struct cw_buf *buf = scratch();
    cw_enc_key(buf, kind, issuer, value);
    return cw_id_inside(secret, buf);
}

uint64_t cw_id_scope(const struct cw_secret *secret, cw_str kind, cw_str issuer)
{
    struct cw_buf *buf = tagged("scope");
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    struct cw_id id = cw_id_inside(secret, buf);
    uint64_t scope;
    memcpy(&scope, id.b, sizeof(scope));
    return scope;
}

struct cw_id cw_id_raw(const struct cw_secret *secret, cw_str kind, cw_str issuer, cw_str value)
{
    struct cw_buf *buf = tagged("raw");
    cw_enc_str(buf, kind);
    cw_enc_str(buf, issuer);
    cw_enc_str(buf, value);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_raw_field(const struct cw_secret *secret, cw_str path, cw_str value)
{
    struct cw_buf *buf = tagged("raw");
    cw_enc_str(buf, cw_cstr("field"));
    cw_enc_str(buf, path);
    cw_enc_str(buf, value);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_founded(const struct cw_secret *secret, const char *tag, int64_t recorded_at,
                           struct cw_id identity, int64_t part)
{
    struct cw_buf *buf = tagged(tag);
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
    struct cw_buf *buf = tagged("alert");
    cw_enc_str(buf, rule);
    cw_enc_int(buf, cell_span);
    enc_ids(buf, keys, key_count);
    cw_enc_int(buf, cell);
    return cw_id_leaving(secret, buf);
}

struct cw_id cw_id_case(const struct cw_secret *secret, cw_str rule, const struct cw_id *keys,
                        size_t key_count)
{
    struct cw_buf *buf = tagged("case");
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

void cw_enc_record(struct cw_buf *buf, cw_str kind, struct cw_id_part *ids, size_t id_count,
                   cw_str *names, size_t name_count, cw_str *births, size_t birth_count)
{
    cw_enc_str(buf, cw_cstr("record"));
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
}

struct cw_id cw_id_record(const struct cw_secret *secret, cw_str kind, struct cw_id_part *ids,
                          size_t id_count, cw_str *names, size_t name_count, cw_str *births,
                          size_t birth_count)
{
    struct cw_buf *buf = scratch();
    cw_enc_record(buf, kind, ids, id_count, names, name_count, births, birth_count);
    return cw_id_inside(secret, buf);
}

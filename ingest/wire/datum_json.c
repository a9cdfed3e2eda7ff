#include "ingest/wire/datum_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/wire/schema_node.h"
#include "ingest/wire/utf8.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"

/* A record, array or map that has begun. */
struct level {
    const struct cw_node *node;
    size_t next;        /* record: the field to come */
    uint64_t left;      /* array, map: items of the block to come */
    const uint8_t *end; /* where the block must end; NULL: it states no size */
};

struct walk {
    struct cw_cur cur;
    struct cw_json json;
    struct level *levels;
    size_t depth;
    size_t cap;
    struct cw_reason *reason;
};

/* Where the walk stands, as parties[].ids[].kind. */
static bool refuse(struct walk *walk, const char *code, const char *sentence)
{
    char path[CW_REASON_FIELD] = "";
    size_t len = 0;
    for (size_t i = 0; i < walk->depth && len < sizeof(path); i++) {
        const struct level *level = &walk->levels[i];
        int n = 0;
        if (level->node->kind == CW_KIND_ARRAY || level->node->kind == CW_KIND_MAP)
            n = snprintf(path + len, sizeof(path) - len, "%s",
                         level->node->kind == CW_KIND_ARRAY ? "[]" : "{}");
        else if (level->next > 0)
            n = snprintf(path + len, sizeof(path) - len, "%s%.*s", len != 0 ? "." : "",
                         CW_STR_ARG(level->node->fields[level->next - 1].name));
        len += n > 0 ? (size_t)n : 0;
    }
    return cw_reject(walk->reason, code, path, "%s", sentence);
}

static bool truncated(struct walk *walk)
{
    return refuse(walk, "truncated", "the bytes end within a value");
}

static bool read_long(struct walk *walk, int64_t *out)
{
    const uint8_t *from = walk->cur.at;
    *out = cw_cur_avro_long(&walk->cur);
    if (!walk->cur.failed)
        return true;
    bool ended = walk->cur.at == walk->cur.end && walk->cur.end - from < 10;
    return ended ? truncated(walk) : refuse(walk, "bad_number", "a number of more than 64 bits");
}

static bool read_bytes(struct walk *walk, size_t len, cw_str *out)
{
    const uint8_t *at = cw_cur_take(&walk->cur, len);
    *out = (cw_str){ (const char *)at, len };
    if (at == NULL)
        (void)truncated(walk);
    return at != NULL;
}

static bool read_counted(struct walk *walk, cw_str *out)
{
    int64_t len = 0;
    *out = (cw_str){ NULL, 0 };
    if (!read_long(walk, &len))
        return false;
    if (len < 0)
        return refuse(walk, "bad_length", "a length below zero");
    return read_bytes(walk, (size_t)len, out);
}

static void put_hex(struct walk *walk, cw_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    cw_json_open(&walk->json, '{');
    cw_json_key(&walk->json, "$hex");
    struct cw_buf *out = walk->json.buf;
    cw_buf_u8(out, '"');
    uint8_t *to = cw_buf_extend(out, 2 * bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = (uint8_t)digits[(unsigned char)bytes.ptr[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[(unsigned char)bytes.ptr[i] & 15];
    }
    cw_buf_u8(out, '"');
    cw_json_close(&walk->json, '}');
}

static bool put_text(struct walk *walk)
{
    cw_str text;
    if (!read_counted(walk, &text) || text.ptr == NULL)
        return false;
    if (!cw_utf8_valid((const uint8_t *)text.ptr, text.len))
        return refuse(walk, "bad_utf8", "a string that is not UTF-8");
    cw_json_str(&walk->json, text);
    return true;
}

static void put_real(struct walk *walk, double value)
{
    if (isfinite(value)) {
        cw_json_double(&walk->json, value);
        return;
    }
    cw_json_open(&walk->json, '{');
    cw_json_kcstr(&walk->json, "$number",
                  isnan(value) ? "NaN"
                  : value > 0  ? "Infinity"
                               : "-Infinity");
    cw_json_close(&walk->json, '}');
}

static bool put_float(struct walk *walk)
{
    cw_str bytes;
    float value;
    if (!read_bytes(walk, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.ptr, sizeof(value));
    put_real(walk, (double)value);
    return true;
}

static bool put_double(struct walk *walk)
{
    cw_str bytes;
    double value;
    if (!read_bytes(walk, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.ptr, sizeof(value));
    put_real(walk, value);
    return true;
}

static bool put_boolean(struct walk *walk)
{
    cw_str byte;
    if (!read_bytes(walk, 1, &byte))
        return false;
    if (byte.ptr[0] != 0 && byte.ptr[0] != 1)
        return refuse(walk, "bad_boolean", "a boolean that is neither 0 nor 1");
    cw_json_bool(&walk->json, byte.ptr[0] == 1);
    return true;
}

static bool put_integer(struct walk *walk, bool narrow)
{
    int64_t value;
    if (!read_long(walk, &value))
        return false;
    if (narrow && (value < INT32_MIN || value > INT32_MAX))
        return refuse(walk, "bad_number", "an int of more than 32 bits");
    cw_json_int(&walk->json, value);
    return true;
}

static bool put_enum(struct walk *walk, const struct cw_node *node)
{
    int64_t index;
    if (!read_long(walk, &index))
        return false;
    if (index < 0 || (uint64_t)index >= node->symbols.count)
        return refuse(walk, "bad_enum", "an index that is none of the enum's symbols");
    cw_json_str(&walk->json, node->symbols.list[index]);
    return true;
}

static bool begin(struct walk *walk, const struct cw_node *node)
{
    if (walk->depth == CW_DATUM_JSON_DEPTH_MAX)
        return refuse(walk, "too_deep", "values nest deeper than 65536");
    if (walk->depth == walk->cap) {
        walk->cap = walk->cap != 0 ? 2 * walk->cap : 16;
        walk->levels = cw_realloc(walk->levels, walk->cap * sizeof(*walk->levels));
    }
    walk->levels[walk->depth++] = (struct level){ .node = node };
    cw_json_open(&walk->json, node->kind == CW_KIND_ARRAY ? '[' : '{');
    return true;
}

static bool put_value(struct walk *walk, const struct cw_node *node)
{
    cw_str bytes;
    int64_t index;
    if (node->kind == CW_KIND_UNION) { /* no branch is a union itself */
        if (!read_long(walk, &index))
            return false;
        if (index < 0 || (uint64_t)index >= node->branch_count)
            return refuse(walk, "bad_union", "an index that is none of the union's branches");
        node = node->branches[index];
    }
    switch (node->kind) {
    case CW_KIND_NULL:
        cw_json_null(&walk->json);
        return true;
    case CW_KIND_BOOLEAN:
        return put_boolean(walk);
    case CW_KIND_INT:
    case CW_KIND_LONG:
        return put_integer(walk, node->kind == CW_KIND_INT);
    case CW_KIND_FLOAT:
        return put_float(walk);
    case CW_KIND_DOUBLE:
        return put_double(walk);
    case CW_KIND_STRING:
        return put_text(walk);
    case CW_KIND_BYTES:
        if (!read_counted(walk, &bytes))
            return false;
        put_hex(walk, bytes);
        return true;
    case CW_KIND_FIXED:
        if (!read_bytes(walk, node->size, &bytes))
            return false;
        put_hex(walk, bytes);
        return true;
    case CW_KIND_ENUM:
        return put_enum(walk, node);
    case CW_KIND_RECORD:
    case CW_KIND_ARRAY:
    case CW_KIND_MAP:
        return begin(walk, node);
    case CW_KIND_UNION:
        break;
    }
    return refuse(walk, "bad_union", "a union directly in a union");
}

/* Of the next block: how many items, 0 if there is none, and where it must end if it says so. */
static bool next_block(struct walk *walk, struct level *level)
{
    int64_t count;
    int64_t size;
    if (level->end != NULL && walk->cur.at != level->end)
        return refuse(walk, "bad_length", "a block of another size than it states");
    level->end = NULL;
    if (!read_long(walk, &count))
        return false;
    level->left = count < 0 ? -(uint64_t)count : (uint64_t)count;
    if (count >= 0)
        return true;
    if (!read_long(walk, &size))
        return false;
    if (size < 0)
        return refuse(walk, "bad_length", "a block's size below zero");
    if (size > walk->cur.end - walk->cur.at)
        return truncated(walk);
    level->end = walk->cur.at + size;
    return true;
}

/* The next part of the innermost level, or its end. */
static bool step(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const struct cw_node *node = level->node;
    bool record = node->kind == CW_KIND_RECORD;
    if (!record && level->left == 0 && !next_block(walk, level))
        return false;
    if (record ? level->next == node->field_count : level->left == 0) {
        cw_json_close(&walk->json, node->kind == CW_KIND_ARRAY ? ']' : '}');
        walk->depth--;
        return true;
    }
    if (record) {
        const struct cw_node_field *field = &node->fields[level->next++];
        cw_json_str(&walk->json, field->name);
        cw_buf_u8(walk->json.buf, ':');
        walk->json.comma = false;
        return put_value(walk, field->type);
    }
    level->left--;
    if (node->kind == CW_KIND_MAP) {
        if (!put_text(walk))
            return false;
        cw_buf_u8(walk->json.buf, ':');
        walk->json.comma = false;
    }
    return put_value(walk, node->items);
}

bool cw_datum_json(const struct cw_schema *schema, const uint8_t *bytes, size_t len,
                   size_t text_max, size_t *consumed, struct cw_buf *out, struct cw_reason *reason)
{
    static const uint8_t nothing[1];
    struct walk walk = { .cur = cw_cur(bytes != NULL ? bytes : nothing, len),
                         .json = cw_json(out),
                         .reason = reason };
    size_t from = out->len;
    bool ok = put_value(&walk, cw_schema_root(schema));
    /* Every step writes something, so the text's bound is the work's bound too. */
    while (ok && walk.depth > 0) {
        ok = out->len - from <= text_max
                 ? step(&walk)
                 : refuse(&walk, "too_large", "the value takes more text than is allowed");
    }
    *consumed = (size_t)(walk.cur.at - walk.cur.end) + len;
    free(walk.levels);
    return ok;
}

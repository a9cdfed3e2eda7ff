#include "ingest/wire/canonical.h"

#include <stdlib.h>

#include "ingest/wire/schema_node.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

/* The named types that stand in the text already; each is written out once, where it comes first,
 * which is where it was defined: definitions precede references in any schema. */
struct printer {
    struct cw_buf *out;
    const struct cw_node **named;
    size_t named_count;
    unsigned depth;
};

static bool is_named(const struct cw_node *node)
{
    return node->name.ptr != NULL;
}

static bool was_printed(struct printer *printer, const struct cw_node *node)
{
    for (size_t i = 0; i < printer->named_count; i++) {
        if (printer->named[i] == node)
            return true;
    }
    CW_CHECK(printer->named_count < CW_SCHEMA_NODES_MAX);
    printer->named[printer->named_count++] = node;
    return false;
}

/* Names are letters, digits, _ and dots: nothing in them needs an escape. */
static void put_quoted(struct cw_buf *out, cw_str text)
{
    cw_buf_u8(out, '"');
    cw_buf_str(out, text);
    cw_buf_u8(out, '"');
}

static void put_type(struct printer *printer, const struct cw_node *node);

static void put_fields(struct printer *printer, const struct cw_node *node)
{
    cw_buf_cstr(printer->out, ",\"fields\":[");
    for (size_t i = 0; i < node->field_count; i++) {
        cw_buf_cstr(printer->out, i != 0 ? ",{\"name\":" : "{\"name\":");
        put_quoted(printer->out, node->fields[i].name);
        cw_buf_cstr(printer->out, ",\"type\":");
        put_type(printer, node->fields[i].type);
        cw_buf_u8(printer->out, '}');
    }
    cw_buf_u8(printer->out, ']');
}

static void put_named(struct printer *printer, const struct cw_node *node)
{
    struct cw_buf *out = printer->out;
    if (was_printed(printer, node)) {
        put_quoted(out, node->name);
        return;
    }
    cw_buf_cstr(out, "{\"name\":");
    put_quoted(out, node->name);
    cw_buf_printf(out, ",\"type\":\"%s\"", cw_kind_name(node->kind));
    if (node->kind == CW_KIND_RECORD) {
        put_fields(printer, node);
    } else if (node->kind == CW_KIND_FIXED) {
        cw_buf_printf(out, ",\"size\":%zu", node->size);
    } else {
        cw_buf_cstr(out, ",\"symbols\":[");
        for (size_t i = 0; i < node->symbols.count; i++) {
            if (i != 0)
                cw_buf_u8(out, ',');
            put_quoted(out, node->symbols.list[i]);
        }
        cw_buf_u8(out, ']');
    }
    cw_buf_u8(out, '}');
}

/* Recursion as deep as the schema's text, which the parser has capped: references are names. */
static void put_type(struct printer *printer, const struct cw_node *node)
{
    struct cw_buf *out = printer->out;
    CW_CHECK(++printer->depth <= CW_SCHEMA_DEPTH_MAX);
    if (is_named(node)) {
        put_named(printer, node);
    } else if (node->kind == CW_KIND_ARRAY || node->kind == CW_KIND_MAP) {
        cw_buf_cstr(out, node->kind == CW_KIND_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                     : "{\"type\":\"map\",\"values\":");
        put_type(printer, node->items);
        cw_buf_u8(out, '}');
    } else if (node->kind == CW_KIND_UNION) {
        cw_buf_u8(out, '[');
        for (size_t i = 0; i < node->branch_count; i++) {
            if (i != 0)
                cw_buf_u8(out, ',');
            put_type(printer, node->branches[i]);
        }
        cw_buf_u8(out, ']');
    } else {
        put_quoted(out, cw_cstr(cw_kind_name(node->kind)));
    }
    printer->depth--;
}

void cw_schema_canonical(const struct cw_schema *schema, struct cw_buf *out)
{
    struct printer printer = { .out = out };
    printer.named = cw_alloc(CW_SCHEMA_NODES_MAX * sizeof(const struct cw_node *));
    put_type(&printer, cw_schema_root(schema));
    free(printer.named);
}

/* The CRC of nothing, and its polynomial: one number in Avro's definition. */
#define EMPTY UINT64_C(0xc15d213aa4d7a795)

uint64_t cw_crc64_avro(cw_str bytes)
{
    uint64_t crc = EMPTY;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? EMPTY : 0);
    }
    return crc;
}

uint64_t cw_schema_fingerprint(const struct cw_schema *schema)
{
    struct cw_buf text = { 0 };
    cw_schema_canonical(schema, &text);
    uint64_t crc = cw_crc64_avro((cw_str){ (const char *)text.data, text.len });
    cw_buf_done(&text);
    return crc;
}

bool cw_single_object(cw_str message, uint64_t *fingerprint, cw_str *datum)
{
    struct cw_cur cur = cw_cur(message.ptr != NULL ? message.ptr : "", message.len);
    uint8_t first = cw_cur_u8(&cur), second = cw_cur_u8(&cur);
    if (first != 0xc3 || second != 1)
        return false;
    *fingerprint = cw_cur_u64(&cur);
    *datum = (cw_str){ (const char *)cur.at, (size_t)(cur.end - cur.at) };
    return !cur.failed;
}

#include "ingest/wire/json_body.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "ingest/wire/plan_op.h"
#include "ingest/wire/schema_node.h"
#include "operators/runtime/time.h"

enum {
    /* Values written, defaults among them, which may have defaults of their own. */
    VALUES_MAX = CW_PLAN_ITEMS_MAX,
    DEFAULT_VALUES_MAX = 65536,
    KEY_SHOWN_MAX = 40
};

/* Recursion is capped as plans cap depth: what is accepted here, a plan reads. */
struct encoder {
    struct cw_buf *out;
    struct cw_reason *reason;
    size_t out_start;
    size_t values;
    size_t values_max;
    size_t empties; /* items that take no bytes */
    unsigned depth; /* records, arrays and maps */
    char path[CW_REASON_FIELD];
    size_t path_len;
};

static bool encode(struct encoder *encoder, const struct cw_node *node, const json_t *value);

CW_PRINTF(3, 4)
static bool reject(struct encoder *encoder, const char *code, const char *format, ...)
{
    char sentence[CW_REASON_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return cw_reject(encoder->reason, code, encoder->path, "%s", sentence);
}

CW_PRINTF(2, 3) static size_t path_push(struct encoder *encoder, const char *format, ...)
{
    size_t before = encoder->path_len;
    if (before < sizeof(encoder->path)) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(encoder->path + before, sizeof(encoder->path) - before, format, args);
        va_end(args);
        encoder->path_len += n > 0 ? (size_t)n : 0;
    }
    return before;
}

static size_t path_field(struct encoder *encoder, cw_str name)
{
    return path_push(encoder, "%s%.*s", encoder->path_len != 0 ? "." : "", CW_STR_ARG(name));
}

static void path_pop(struct encoder *encoder, size_t before)
{
    encoder->path_len = before;
    if (before < sizeof(encoder->path))
        encoder->path[before] = '\0';
}

static cw_str text_of(const json_t *value)
{
    return (cw_str){ json_string_value(value), json_string_length(value) };
}

static const char *json_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool wrong_type(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    return reject(encoder, "bad_type", "expected %s, found %s", cw_kind_name(node->kind),
                  json_kind(value));
}

static int32_t symbol_of(const struct cw_node *node, cw_str text)
{
    for (size_t i = 0; i < node->symbols.count; i++) {
        if (cw_str_eq(node->symbols.list[i], text))
            return (int32_t)i;
    }
    return -1;
}

/* May the value be of the type, as far as can be seen without looking into it? */
static bool may_be(const struct cw_node *node, const json_t *value)
{
    switch (node->kind) {
    case CW_KIND_NULL:
        return json_is_null(value);
    case CW_KIND_BOOLEAN:
        return json_is_boolean(value);
    case CW_KIND_INT:
        return json_is_integer(value) && json_integer_value(value) >= INT32_MIN &&
               json_integer_value(value) <= INT32_MAX;
    case CW_KIND_LONG:
        return json_is_integer(value) ||
               (json_is_string(value) &&
                (node->logical == CW_LOGICAL_MICROS || node->logical == CW_LOGICAL_MILLIS));
    case CW_KIND_FLOAT:
    case CW_KIND_DOUBLE:
        return json_is_number(value);
    case CW_KIND_BYTES:
    case CW_KIND_STRING:
        return json_is_string(value);
    case CW_KIND_FIXED:
        return json_is_string(value);
    case CW_KIND_ENUM:
        return json_is_string(value) && symbol_of(node, text_of(value)) >= 0;
    case CW_KIND_ARRAY:
        return json_is_array(value);
    case CW_KIND_MAP:
    case CW_KIND_RECORD:
        return json_is_object(value);
    case CW_KIND_UNION:
        break;
    }
    return false;
}

static bool encode_union(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    size_t fits = 0;
    while (fits < node->branch_count && !may_be(node->branches[fits], value))
        fits++;
    if (fits == node->branch_count) {
        /* [null, X]: X is what was expected, and can say better what is wrong. */
        if (node->branch_count == 2 && node->branches[0]->kind == CW_KIND_NULL)
            return encode(encoder, node->branches[1], value);
        return reject(encoder, "bad_type", "%s is no branch of the union", json_kind(value));
    }
    cw_buf_avro_long(encoder->out, (int64_t)fits);
    return encode(encoder, node->branches[fits], value);
}

static bool encode_default(struct encoder *encoder, const struct cw_node_field *field)
{
    if (field->fallback == NULL)
        return reject(encoder, "missing_field", "the field is not there, and it has no default");
    return encode(encoder, field->type, field->fallback);
}

/* A key that looks like a field's name is shown; it may else be anything, a person's name too. */
static bool is_field_name(cw_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return key.len != 0 && key.len <= KEY_SHOWN_MAX;
}

/* Finds the first key that is no field. */
static bool has_only_fields(struct encoder *encoder, const struct cw_node *node,
                            const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
    size_t at = 0;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        cw_str key = { json_object_iter_key(i), json_object_iter_key_len(i) };
        size_t f = 0;
        while (f < node->field_count && !cw_str_eq(node->fields[f].name, key))
            f++;
        if (f == node->field_count) {
            if (is_field_name(key))
                (void)path_field(encoder, key);
            return reject(encoder, "unknown_field", "key %zu of the object (from 0) is no field",
                          at);
        }
        at++;
    }
    return true;
}

static bool encode_record(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    size_t found = 0;
    for (size_t i = 0; i < node->field_count; i++) {
        const struct cw_node_field *field = &node->fields[i];
        const json_t *member = json_object_getn(value, field->name.ptr, field->name.len);
        size_t before = path_field(encoder, field->name);
        found += member != NULL;
        if (!(member != NULL ? encode(encoder, field->type, member)
                             : encode_default(encoder, field)))
            return false;
        path_pop(encoder, before);
    }
    return found == json_object_size(value) || has_only_fields(encoder, node, value);
}

static bool encode_array(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    size_t count = json_array_size(value);
    encoder->empties += node->items->empty ? count : 0;
    if (encoder->empties > CW_PLAN_EMPTY_MAX)
        return reject(encoder, "too_many_items", "more than %d items that take no bytes",
                      CW_PLAN_EMPTY_MAX);
    if (count != 0)
        cw_buf_avro_long(encoder->out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        size_t before = path_push(encoder, "[%zu]", i);
        if (!encode(encoder, node->items, json_array_get(value, i)))
            return false;
        path_pop(encoder, before);
    }
    cw_buf_u8(encoder->out, 0);
    return true;
}

static bool encode_map(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
    size_t at = 0;
    if (json_object_size(value) != 0)
        cw_buf_avro_long(encoder->out, (int64_t)json_object_size(value));
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        size_t before = path_push(encoder, "[%zu]", at++);
        cw_buf_avro_str(encoder->out,
                        (cw_str){ json_object_iter_key(i), json_object_iter_key_len(i) });
        if (!encode(encoder, node->items, json_object_iter_value(i)))
            return false;
        path_pop(encoder, before);
    }
    cw_buf_u8(encoder->out, 0);
    return true;
}

static bool encode_long(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    bool time = node->logical == CW_LOGICAL_MICROS || node->logical == CW_LOGICAL_MILLIS;
    int64_t number = json_integer_value(value);
    if (json_is_string(value) && time) {
        if (!cw_time_parse(text_of(value), &number))
            return reject(encoder, "bad_time", "expected a time such as 2020-01-31T12:00:00Z");
        if (node->logical == CW_LOGICAL_MILLIS)
            number = cw_floor_div(number, 1000);
    } else if (!json_is_integer(value)) {
        return wrong_type(encoder, node, value);
    }
    if (node->kind == CW_KIND_INT && (number < INT32_MIN || number > INT32_MAX))
        return reject(encoder, "bad_number", "the number does not fit an int of 32 bits");
    cw_buf_avro_long(encoder->out, number);
    return true;
}

static bool encode_real(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    if (!json_is_number(value))
        return wrong_type(encoder, node, value);
    double wide = json_number_value(value);
    if (node->kind == CW_KIND_DOUBLE) {
        cw_buf_put(encoder->out, &wide, sizeof(wide));
        return true;
    }
    if (fabs(wide) > 3.4028234663852886e38)
        return reject(encoder, "bad_number", "the number does not fit a float");
    float narrow = (float)wide;
    cw_buf_put(encoder->out, &narrow, sizeof(narrow));
    return true;
}

/* Avro's JSON for bytes: each code point up to U+00FF is a byte. jansson's text is valid UTF-8. */
static bool encode_bytes(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    cw_str text = text_of(value);
    struct cw_buf bytes = { 0 };
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c > 0xc3) {
            cw_buf_done(&bytes);
            return reject(encoder, "bad_type", "text for bytes has a character above U+00FF");
        }
        if (c >= 0xc2)
            c = (uint8_t)((c << 6) | ((uint8_t)text.ptr[++i] & 0x3f));
        cw_buf_u8(&bytes, c);
    }
    bool ok = node->kind == CW_KIND_BYTES || bytes.len == node->size;
    if (!ok)
        (void)reject(encoder, "bad_type", "%zu bytes where a fixed of %zu is expected", bytes.len,
                     node->size);
    else if (node->kind == CW_KIND_BYTES)
        cw_buf_avro_long(encoder->out, (int64_t)bytes.len);
    if (ok)
        cw_buf_put(encoder->out, bytes.data, bytes.len);
    cw_buf_done(&bytes);
    return ok;
}

static bool encode_enum(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    int32_t symbol = symbol_of(node, text_of(value));
    if (symbol < 0)
        return reject(encoder, "bad_enum", "the text is none of the enum's %zu symbols",
                      node->symbols.count);
    cw_buf_avro_long(encoder->out, symbol);
    return true;
}

static bool encode_typed(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    bool text = node->kind == CW_KIND_ENUM || node->kind == CW_KIND_FIXED;
    bool checks_itself = node->kind == CW_KIND_INT || node->kind == CW_KIND_UNION || text;
    if (!checks_itself && !may_be(node, value))
        return wrong_type(encoder, node, value);
    if (text && !json_is_string(value))
        return wrong_type(encoder, node, value);
    switch (node->kind) {
    case CW_KIND_NULL:
        return true;
    case CW_KIND_BOOLEAN:
        cw_buf_u8(encoder->out, json_is_true(value));
        return true;
    case CW_KIND_INT:
    case CW_KIND_LONG:
        return encode_long(encoder, node, value);
    case CW_KIND_FLOAT:
    case CW_KIND_DOUBLE:
        return encode_real(encoder, node, value);
    case CW_KIND_STRING:
        cw_buf_avro_str(encoder->out, text_of(value));
        return true;
    case CW_KIND_BYTES:
    case CW_KIND_FIXED:
        return encode_bytes(encoder, node, value);
    case CW_KIND_ENUM:
        return encode_enum(encoder, node, value);
    case CW_KIND_ARRAY:
        return encode_array(encoder, node, value);
    case CW_KIND_MAP:
        return encode_map(encoder, node, value);
    case CW_KIND_RECORD:
        return encode_record(encoder, node, value);
    case CW_KIND_UNION:
        break;
    }
    return encode_union(encoder, node, value);
}

static bool encode(struct encoder *encoder, const struct cw_node *node, const json_t *value)
{
    unsigned nests =
        node->kind == CW_KIND_RECORD || node->kind == CW_KIND_ARRAY || node->kind == CW_KIND_MAP;
    if (encoder->depth + nests > CW_PLAN_DEPTH_MAX)
        return reject(encoder, "too_deep", "values nest deeper than %d", CW_PLAN_DEPTH_MAX);
    if (encoder->values++ == encoder->values_max)
        return reject(encoder, "too_many_items", "more than %zu values with all defaults",
                      encoder->values_max);
    encoder->depth += nests;
    bool ok = encode_typed(encoder, node, value);
    encoder->depth -= nests;
    if (ok && encoder->out->len - encoder->out_start > CW_DATUM_MAX)
        return reject(encoder, "too_large", "the datum takes more than %d bytes", CW_DATUM_MAX);
    return ok;
}

bool cw_json_default(const struct cw_node *node, const json_t *value, struct cw_buf *out,
                     struct cw_reason *reason)
{
    struct encoder encoder = {
        .out = out, .reason = reason, .out_start = out->len, .values_max = DEFAULT_VALUES_MAX
    };
    return encode(&encoder, node, value);
}

bool cw_json_body(const struct cw_schema *reader, cw_str json, struct cw_buf *out,
                  struct cw_reason *reason)
{
    if (json.len > CW_DATUM_MAX)
        return cw_reject(reason, "too_large", "", "the text has %zu bytes, at most %d are read",
                         json.len, CW_DATUM_MAX);
    json_t *tree = cw_json_load(json, "bad_json", reason);
    if (tree == NULL)
        return false;
    struct encoder encoder = {
        .out = out, .reason = reason, .out_start = out->len, .values_max = VALUES_MAX
    };
    bool ok = encode(&encoder, cw_schema_root(reader), tree);
    json_decref(tree);
    return ok;
}

/*
 * test_plan_oracle.c - plans against others' word, over random schemas and values.
 *
 * Values under one schema: libavro writes them, the identity plan must give back the same bytes,
 * and their JSON must say of each value what libavro says of it. Resolution: a writer's schema is
 * made from a reader's by changes of which each has a known outcome (another order, fields more or
 * less, promotions, unions, aliases), and both encodings of a value are written side by side by a
 * slow encoder that knows nothing of plans.
 */
#include "wire_test.h"

#include <avro.h>
#include <jansson.h>

#include "ingest/wire/datum_json.h"

enum { ROUNDS = 400, VALUES = 5, DEPTH = 4 };

static uint64_t seed;

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static unsigned below(unsigned limit)
{
    return (unsigned)(draw() % limit);
}

static int64_t any_long(void)
{
    return (int64_t)draw() >> below(64);
}

/* ---- values under one schema: libavro ---- */

static unsigned names;

static void put_type(struct cw_buf *out, unsigned depth, bool in_union)
{
    static const char *const primitives[] = { "null",  "boolean", "int",   "long",
                                              "float", "double",  "bytes", "string" };
    unsigned kind = below(depth == 0 ? 10 : in_union ? 13 : 14);
    if (kind < 8) {
        cw_buf_printf(out, "\"%s\"", primitives[kind]);
    } else if (kind == 8) {
        cw_buf_printf(out, "{\"type\":\"fixed\",\"name\":\"N%u\",\"size\":%u}", names++,
                      1 + below(20));
    } else if (kind == 9) {
        cw_buf_printf(out, "{\"type\":\"enum\",\"name\":\"N%u\",\"symbols\":[\"A\",\"B\",\"C\"]}",
                      names++);
    } else if (kind == 10 || kind == 11) {
        cw_buf_cstr(out, kind == 10 ? "{\"type\":\"array\",\"items\":"
                                    : "{\"type\":\"map\",\"values\":");
        put_type(out, depth - 1, false);
        cw_buf_cstr(out, "}");
    } else if (kind == 12) {
        cw_buf_printf(out, "{\"type\":\"record\",\"name\":\"N%u\",\"fields\":[", names++);
        unsigned count = 1 + below(6);
        for (unsigned i = 0; i < count; i++) {
            cw_buf_printf(out, "%s{\"name\":\"f%u\",\"type\":", i != 0 ? "," : "", i);
            put_type(out, depth - 1, false);
            cw_buf_cstr(out, "}");
        }
        cw_buf_cstr(out, "]}");
    } else if (below(2) == 0) {
        cw_buf_cstr(out, "[\"null\",\"string\",{\"type\":\"array\",\"items\":");
        put_type(out, depth - 1, false);
        cw_buf_cstr(out, "}]");
    } else {
        static const char *const wrapped[] = { "[\"null\",\"string\"]", "[\"long\",\"null\"]",
                                               "[\"null\",\"double\",\"bytes\"]" };
        cw_buf_cstr(out, wrapped[below(3)]);
    }
}

static void put_text(char *out, size_t size)
{
    static const char *const parts[] = {
        "a", "bc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef"
    };
    out[0] = '\0';
    for (unsigned i = below(8); i > 0; i--)
        strncat(out, parts[below(6)], size - strlen(out) - 1);
}

static void fill(avro_value_t *value)
{
    char text[256] = "";
    avro_value_t child;
    size_t size = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        avro_value_set_null(value);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(value, (int)below(2));
        break;
    case AVRO_INT32:
        avro_value_set_int(value, (int32_t)any_long());
        break;
    case AVRO_INT64:
        avro_value_set_long(value, any_long());
        break;
    case AVRO_FLOAT:
        avro_value_set_float(value, (float)any_long());
        break;
    case AVRO_DOUBLE:
        avro_value_set_double(value, (double)any_long());
        break;
    case AVRO_BYTES:
        avro_value_set_bytes(value, text, below(100));
        break;
    case AVRO_STRING:
        put_text(text, sizeof(text));
        avro_value_set_string(value, text);
        break;
    case AVRO_FIXED:
        avro_value_set_fixed(value, text,
                             (size_t)avro_schema_fixed_size(avro_value_get_schema(value)));
        break;
    case AVRO_ENUM:
        avro_value_set_enum(value, (int)below(3));
        break;
    case AVRO_ARRAY:
        for (unsigned i = below(5); i > 0; i--) {
            avro_value_append(value, &child, NULL);
            fill(&child);
        }
        break;
    case AVRO_MAP:
        for (unsigned i = below(4); i > 0; i--) {
            snprintf(text, sizeof(text), "key%u", i);
            avro_value_add(value, text, &child, NULL, NULL);
            fill(&child);
        }
        break;
    case AVRO_RECORD:
        avro_value_get_size(value, &size);
        for (size_t i = 0; i < size; i++) {
            avro_value_get_by_index(value, i, &child, NULL);
            fill(&child);
        }
        break;
    case AVRO_UNION:
        avro_value_set_branch(
            value, (int)below((unsigned)avro_schema_union_size(avro_value_get_schema(value))),
            &child);
        fill(&child);
        break;
    case AVRO_LINK:
        fail();
    }
}

static bool is_hex(const json_t *json, const void *bytes, size_t size)
{
    char hex[2 * 128 + 1] = "";
    assert_true(size <= 128);
    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
    const char *text = json_string_value(json_object_get(json, "$hex"));
    return json_object_size(json) == 1 && text != NULL && strcmp(text, hex) == 0;
}

static bool is_number(const json_t *json, double number)
{
    return json_is_number(json) && json_number_value(json) == number;
}

static bool same_value(const avro_value_t *value, const json_t *json);

static bool same_members(const avro_value_t *value, const json_t *json)
{
    size_t size = 0;
    bool array = avro_value_get_type(value) == AVRO_ARRAY;
    avro_value_get_size(value, &size);
    if (array ? !json_is_array(json) : !json_is_object(json))
        return false;
    if (size != (array ? json_array_size(json) : json_object_size(json)))
        return false;
    for (size_t i = 0; i < size; i++) {
        avro_value_t child;
        const char *name = NULL;
        avro_value_get_by_index(value, i, &child, &name);
        if (!same_value(&child, array ? json_array_get(json, i) : json_object_get(json, name)))
            return false;
    }
    return true;
}

static bool same_value(const avro_value_t *value, const json_t *json)
{
    int flag = 0;
    int32_t narrow = 0;
    int64_t wide = 0;
    float single = 0;
    double real = 0;
    size_t size = 0;
    const char *text = NULL;
    const void *bytes = NULL;
    avro_value_t branch;
    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        return json_is_null(json);
    case AVRO_BOOLEAN:
        avro_value_get_boolean(value, &flag);
        return json_is_boolean(json) && json_is_true(json) == (flag != 0);
    case AVRO_INT32:
        avro_value_get_int(value, &narrow);
        return json_is_integer(json) && json_integer_value(json) == narrow;
    case AVRO_INT64:
        avro_value_get_long(value, &wide);
        return json_is_integer(json) && json_integer_value(json) == wide;
    case AVRO_FLOAT:
        avro_value_get_float(value, &single);
        return is_number(json, (double)single);
    case AVRO_DOUBLE:
        avro_value_get_double(value, &real);
        return is_number(json, real);
    case AVRO_BYTES:
        avro_value_get_bytes(value, &bytes, &size);
        return is_hex(json, bytes, size);
    case AVRO_FIXED:
        avro_value_get_fixed(value, &bytes, &size);
        return is_hex(json, bytes, size);
    case AVRO_STRING:
        avro_value_get_string(value, &text, &size);
        return json_is_string(json) && strcmp(json_string_value(json), text) == 0;
    case AVRO_ENUM:
        avro_value_get_enum(value, &flag);
        text = avro_schema_enum_get(avro_value_get_schema(value), flag);
        return json_is_string(json) && strcmp(json_string_value(json), text) == 0;
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_RECORD:
        return same_members(value, json);
    case AVRO_UNION:
        avro_value_get_current_branch(value, &branch);
        return same_value(&branch, json);
    case AVRO_LINK:
        break;
    }
    fail();
    return false;
}

static void assert_shown(const char *schema_json, const avro_value_t *value, const char *bytes,
                         size_t len)
{
    struct cw_schema *schema = schema_of(schema_json);
    struct cw_buf text = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed;
    if (!cw_datum_json(schema, (const uint8_t *)bytes, len, 1 << 24, &consumed, &text, &reason))
        fail_msg("%s at %s: %s: %s", reason.code, reason.field, reason.sentence, schema_json);
    assert_int_equal(consumed, len);
    json_t *json = json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, NULL);
    if (json == NULL || !same_value(value, json))
        fail_msg("%.*s: %s", (int)text.len, (const char *)text.data, schema_json);
    json_decref(json);
    cw_buf_done(&text);
    cw_schema_free(schema);
}

static void what_libavro_writes_comes_back_as_it_is(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    size_t total = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        seed = round;
        names = 0;
        struct cw_buf text = { 0 };
        put_type(&text, DEPTH, false);
        cw_buf_u8(&text, 0);
        const char *schema = (const char *)text.data;
        avro_schema_t avro;
        assert_int_equal(avro_schema_from_json_length(schema, strlen(schema), &avro), 0);
        avro_value_iface_t *type = avro_generic_class_from_schema(avro);
        struct cw_plan *plan = plan_of(schema, schema);
        for (unsigned i = 0; i < VALUES; i++) {
            avro_value_t value;
            avro_generic_value_new(type, &value);
            fill(&value);
            avro_writer_t writer = avro_writer_memory(bytes, sizeof(bytes));
            assert_int_equal(avro_value_write(writer, &value), 0);
            size_t len = (size_t)avro_writer_tell(writer);
            avro_writer_free(writer);
            assert_shown(schema, &value, bytes, len);
            avro_value_decref(&value);
            struct cw_buf out = { 0 };
            struct cw_reason reason = { 0 };
            size_t consumed;
            if (!run_plan(plan, bytes, len, &consumed, &out, &reason))
                fail_msg("round %u: %s at %s: %s: %s", round, reason.code, reason.field,
                         reason.sentence, schema);
            assert_int_equal(consumed, len);
            assert_int_equal(out.len, len);
            if (len != 0)
                assert_memory_equal(out.data, bytes, len);
            total += len;
            cw_buf_done(&out);
        }
        cw_plan_free(plan);
        avro_value_iface_decref(type);
        avro_schema_decref(avro);
        cw_buf_done(&text);
    }
    assert_true(total > 10000);
}

/* ---- resolution: both sides written at once ---- */

/* A type of the reader with its counterpart of the writer; kids are shared between the two. */
enum shape {
    SAME_INT,
    SAME_STRING,
    SAME_DOUBLE,
    INT_TO_LONG,
    INT_TO_DOUBLE,
    LONG_TO_FLOAT,
    FLOAT_TO_DOUBLE,
    BYTES_TO_STRING,
    MILLIS_TO_MICROS,
    ENUM_REORDERED,
    STRING_TO_OPTIONAL,
    OPTIONAL_TURNED,
    LEAVES,
    OPTIONAL = LEAVES, /* [null, kid] on both sides */
    ARRAY,
    MAP,
    RECORD,
    SHAPES
};

enum { KIDS_MAX = 5 };

struct pair {
    enum shape shape;
    unsigned name;
    unsigned count;
    struct pair *kids[KIDS_MAX];
    /* of a record: the writer's order of the kids, whether either side lacks it, and renames it */
    unsigned order[KIDS_MAX];
    enum { BOTH, WRITER_ONLY, READER_ONLY, RENAMED } presence[KIDS_MAX];
};

static struct pair *make_pair(unsigned depth)
{
    struct pair *pair = cw_new(struct pair);
    pair->shape = (enum shape)below(depth == 0 ? LEAVES : SHAPES);
    if (depth == DEPTH || (depth > 1 && below(2) == 0))
        pair->shape = RECORD;
    pair->name = names++;
    if (pair->shape < LEAVES)
        return pair;
    pair->count = pair->shape == RECORD ? 1 + below(KIDS_MAX) : 1;
    bool shuffled = below(2) == 0;
    for (unsigned i = 0; i < pair->count; i++) {
        do {
            if (pair->kids[i] != NULL)
                free(pair->kids[i]); /* a leaf: it has no kids */
            pair->kids[i] = make_pair(pair->shape == OPTIONAL ? 0 : depth - 1);
        } while (pair->shape == OPTIONAL && (pair->kids[i]->shape == STRING_TO_OPTIONAL ||
                                             pair->kids[i]->shape == OPTIONAL_TURNED));
        unsigned at = shuffled ? below(i + 1) : i;
        pair->order[i] = pair->order[at];
        pair->order[at] = i;
        unsigned lot = below(8);
        pair->presence[i] = lot == 0   ? WRITER_ONLY
                            : lot == 1 ? READER_ONLY
                            : lot == 2 ? RENAMED
                                       : BOTH;
    }
    return pair;
}

static void free_pair(struct pair *pair)
{
    for (unsigned i = 0; i < pair->count; i++)
        free_pair(pair->kids[i]);
    free(pair);
}

static void put_schema(struct cw_buf *out, const struct pair *pair, bool reader);

/* A field that only the reader has is a string with a default, whatever the kid is. */
static void put_field(struct cw_buf *out, const struct pair *pair, unsigned i, bool reader,
                      bool first)
{
    if (pair->presence[i] == (reader ? WRITER_ONLY : READER_ONLY))
        return;
    bool renamed = pair->presence[i] == RENAMED && !reader;
    cw_buf_printf(out, "%s{\"name\":\"%s%u\",", first ? "" : ",", renamed ? "old" : "f", i);
    if (pair->presence[i] == RENAMED && reader)
        cw_buf_printf(out, "\"aliases\":[\"old%u\"],", i);
    if (pair->presence[i] == READER_ONLY) {
        cw_buf_cstr(out, "\"type\":\"string\",\"default\":\"none\"}");
        return;
    }
    cw_buf_cstr(out, "\"type\":");
    put_schema(out, pair->kids[i], reader);
    cw_buf_cstr(out, "}");
}

static void put_schema(struct cw_buf *out, const struct pair *pair, bool reader)
{
    static const char *const leaves[LEAVES][2] = {
        [SAME_INT] = { "\"int\"", "\"int\"" },
        [SAME_STRING] = { "\"string\"", "\"string\"" },
        [SAME_DOUBLE] = { "\"double\"", "\"double\"" },
        [INT_TO_LONG] = { "\"int\"", "\"long\"" },
        [INT_TO_DOUBLE] = { "\"int\"", "\"double\"" },
        [LONG_TO_FLOAT] = { "\"long\"", "\"float\"" },
        [FLOAT_TO_DOUBLE] = { "\"float\"", "\"double\"" },
        [BYTES_TO_STRING] = { "\"bytes\"", "\"string\"" },
        [MILLIS_TO_MICROS] = { "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
                               "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}" },
        [STRING_TO_OPTIONAL] = { "\"string\"", "[\"null\",\"string\"]" },
        [OPTIONAL_TURNED] = { "[\"string\",\"null\"]", "[\"null\",\"string\"]" },
    };
    if (pair->shape == ENUM_REORDERED) {
        cw_buf_printf(out, "{\"type\":\"enum\",\"name\":\"N%u\",\"symbols\":[%s]}", pair->name,
                      reader ? "\"C\",\"B\",\"A\"" : "\"A\",\"B\",\"C\"");
    } else if (pair->shape < LEAVES) {
        cw_buf_cstr(out, leaves[pair->shape][reader]);
    } else if (pair->shape == RECORD) {
        cw_buf_printf(out, "{\"type\":\"record\",\"name\":\"N%u\",\"fields\":[", pair->name);
        bool first = true;
        for (unsigned i = 0; i < pair->count; i++) {
            size_t before = out->len;
            put_field(out, pair, reader ? i : pair->order[i], reader, first);
            first = first && out->len == before;
        }
        cw_buf_cstr(out, "]}");
    } else {
        cw_buf_cstr(out, pair->shape == OPTIONAL ? "[\"null\","
                         : pair->shape == ARRAY  ? "{\"type\":\"array\",\"items\":"
                                                 : "{\"type\":\"map\",\"values\":");
        put_schema(out, pair->kids[0], reader);
        cw_buf_cstr(out, pair->shape == OPTIONAL ? "]" : "}");
    }
}

static void put_value(struct cw_buf *writer, struct cw_buf *reader, const struct pair *pair);

static void put_leaf(struct cw_buf *writer, struct cw_buf *reader, enum shape shape)
{
    char text[256];
    int64_t number = any_long();
    float narrow = (float)number;
    double wide = (double)(int32_t)number;
    put_text(text, sizeof(text));
    switch (shape) {
    case SAME_INT:
    case INT_TO_LONG:
        cw_buf_avro_long(writer, (int32_t)number);
        cw_buf_avro_long(reader, (int32_t)number);
        break;
    case INT_TO_DOUBLE:
        cw_buf_avro_long(writer, (int32_t)number);
        cw_buf_put(reader, &wide, 8);
        break;
    case LONG_TO_FLOAT:
        cw_buf_avro_long(writer, number);
        cw_buf_put(reader, &narrow, 4);
        break;
    case FLOAT_TO_DOUBLE:
        wide = (double)narrow;
        cw_buf_put(writer, &narrow, 4);
        cw_buf_put(reader, &wide, 8);
        break;
    case SAME_DOUBLE:
        cw_buf_put(writer, &wide, 8);
        cw_buf_put(reader, &wide, 8);
        break;
    case MILLIS_TO_MICROS:
        number /= 1000;
        cw_buf_avro_long(writer, number);
        cw_buf_avro_long(reader, number * 1000);
        break;
    case ENUM_REORDERED:
        number = below(3);
        cw_buf_avro_long(writer, number);
        cw_buf_avro_long(reader, 2 - number);
        break;
    case STRING_TO_OPTIONAL:
        cw_buf_avro_str(writer, cw_cstr(text));
        cw_buf_avro_long(reader, 1);
        cw_buf_avro_str(reader, cw_cstr(text));
        break;
    case OPTIONAL_TURNED:
        number = below(2);
        cw_buf_avro_long(writer, number);
        cw_buf_avro_long(reader, 1 - number);
        if (number == 1)
            break;
        __attribute__((fallthrough));
    case SAME_STRING:
    case BYTES_TO_STRING:
        cw_buf_avro_str(writer, cw_cstr(text));
        cw_buf_avro_str(reader, cw_cstr(text));
        break;
    case OPTIONAL:
    case ARRAY:
    case MAP:
    case RECORD:
    case SHAPES:
        fail();
    }
}

static void put_record(struct cw_buf *writer, struct cw_buf *reader, const struct pair *pair)
{
    struct cw_buf from[KIDS_MAX] = { 0 };
    struct cw_buf to[KIDS_MAX] = { 0 };
    for (unsigned i = 0; i < pair->count; i++)
        put_value(&from[i], &to[i], pair->kids[i]);
    for (unsigned i = 0; i < pair->count; i++) {
        unsigned w = pair->order[i];
        if (pair->presence[w] != READER_ONLY)
            cw_buf_put(writer, from[w].data, from[w].len);
        if (pair->presence[i] == READER_ONLY)
            cw_buf_avro_str(reader, cw_cstr("none"));
        else if (pair->presence[i] != WRITER_ONLY)
            cw_buf_put(reader, to[i].data, to[i].len);
    }
    for (unsigned i = 0; i < pair->count; i++) {
        cw_buf_done(&from[i]);
        cw_buf_done(&to[i]);
    }
}

/* The writer's items come in blocks of any cut, with sizes or without; the reader's in one. */
static void put_items(struct cw_buf *writer, struct cw_buf *reader, const struct pair *pair)
{
    unsigned total = below(6);
    if (total != 0)
        cw_buf_avro_long(reader, total);
    for (unsigned left = total; left > 0;) {
        unsigned count = 1 + below(left);
        struct cw_buf block = { 0 };
        for (unsigned i = 0; i < count; i++) {
            if (pair->shape == MAP) {
                cw_buf_avro_str(&block, cw_cstr("key"));
                cw_buf_avro_str(reader, cw_cstr("key"));
            }
            put_value(&block, reader, pair->kids[0]);
        }
        bool sized = below(2) == 0;
        cw_buf_avro_long(writer, sized ? -(int64_t)count : (int64_t)count);
        if (sized)
            cw_buf_avro_long(writer, (int64_t)block.len);
        cw_buf_put(writer, block.data, block.len);
        cw_buf_done(&block);
        left -= count;
    }
    cw_buf_u8(writer, 0);
    cw_buf_u8(reader, 0);
}

static void put_value(struct cw_buf *writer, struct cw_buf *reader, const struct pair *pair)
{
    if (pair->shape < LEAVES) {
        put_leaf(writer, reader, pair->shape);
    } else if (pair->shape == RECORD) {
        put_record(writer, reader, pair);
    } else if (pair->shape != OPTIONAL) {
        put_items(writer, reader, pair);
    } else {
        unsigned index = below(2);
        cw_buf_avro_long(writer, index);
        cw_buf_avro_long(reader, index);
        if (index == 1)
            put_value(writer, reader, pair->kids[0]);
    }
}

static void resolution_gives_what_the_reader_would_have_written(void **state)
{
    (void)state;
    size_t total = 0;
    for (unsigned round = 0; round < 4 * ROUNDS; round++) {
        seed = 1000000 + round;
        names = 0;
        struct pair *pair = make_pair(DEPTH);
        struct cw_buf from = { 0 };
        struct cw_buf to = { 0 };
        put_schema(&from, pair, false);
        put_schema(&to, pair, true);
        cw_buf_u8(&from, 0);
        cw_buf_u8(&to, 0);
        struct cw_plan *plan = plan_of((const char *)from.data, (const char *)to.data);
        for (unsigned i = 0; i < VALUES; i++) {
            struct cw_buf in = { 0 };
            struct cw_buf want = { 0 };
            struct cw_buf out = { 0 };
            struct cw_reason reason = { 0 };
            size_t consumed;
            put_value(&in, &want, pair);
            if (!run_plan(plan, in.data, in.len, &consumed, &out, &reason))
                fail_msg("round %u: %s at %s: %s\n%s\n%s", round, reason.code, reason.field,
                         reason.sentence, (char *)from.data, (char *)to.data);
            if (consumed != in.len || out.len != want.len ||
                (out.len != 0 && memcmp(out.data, want.data, out.len) != 0))
                fail_msg("round %u: other bytes\n%s\n%s", round, (char *)from.data,
                         (char *)to.data);
            total += out.len;
            cw_buf_done(&in);
            cw_buf_done(&want);
            cw_buf_done(&out);
        }
        cw_plan_free(plan);
        cw_buf_done(&from);
        cw_buf_done(&to);
        free_pair(pair);
    }
    assert_true(total > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libavro_writes_comes_back_as_it_is),
        cmocka_unit_test(resolution_gives_what_the_reader_would_have_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ingest/wire/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/wire/schema_node.h"
#include "operators/runtime/arena.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

struct cw_schema {
    struct cw_arena *arena;
    json_t *json; /* names and defaults point into it */
    struct cw_node *root;
    struct cw_node **nodes; /* in the order of the text: what a node is made of comes behind it */
    size_t node_count;
};

/* The depth of recursion here is that of the text, and capped; references are not followed. */
struct parser {
    struct cw_schema *schema;
    struct cw_reason *reason;
    struct cw_node *named[CW_SCHEMA_NODES_MAX];
    size_t named_count;
    size_t weight; /* counts against CW_SCHEMA_NODES_MAX */
    size_t depth;
    char path[CW_REASON_FIELD];
    size_t path_len; /* may run past what path holds */
};

static const char *const kind_names[] = { "null",   "boolean", "int",    "long",   "float",
                                          "double", "bytes",   "string", "record", "enum",
                                          "array",  "map",     "union",  "fixed" };

const char *cw_kind_name(enum cw_kind kind)
{
    return kind_names[kind];
}

const struct cw_node *cw_schema_root(const struct cw_schema *schema)
{
    return schema->root;
}

static cw_str str_of(const json_t *json)
{
    return (cw_str){ json_string_value(json), json_string_length(json) };
}

/* Returns NULL so that a parser can end with it. */
CW_PRINTF(2, 3) static struct cw_node *fail(struct parser *parser, const char *format, ...)
{
    char sentence[CW_REASON_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    (void)cw_reject(parser->reason, "bad_schema", parser->path, "%s", sentence);
    return NULL;
}

static size_t path_push(struct parser *parser, cw_str name, const char *suffix)
{
    size_t before = parser->path_len;
    if (before < sizeof(parser->path)) {
        const char *dot = name.len != 0 && before != 0 ? "." : "";
        int n = snprintf(parser->path + before, sizeof(parser->path) - before, "%s%.*s%s", dot,
                         CW_STR_ARG(name), suffix);
        parser->path_len += n > 0 ? (size_t)n : 0;
    }
    return before;
}

static void path_pop(struct parser *parser, size_t before)
{
    parser->path_len = before;
    if (before < sizeof(parser->path))
        parser->path[before] = '\0';
}

static bool weigh(struct parser *parser, size_t count)
{
    if (count <= CW_SCHEMA_NODES_MAX - parser->weight) {
        parser->weight += count;
        return true;
    }
    (void)fail(parser, "more than %d types, fields, symbols and aliases in one schema",
               CW_SCHEMA_NODES_MAX);
    return false;
}

static struct cw_node *new_node(struct parser *parser, enum cw_kind kind)
{
    if (!weigh(parser, 1))
        return NULL;
    struct cw_schema *schema = parser->schema;
    struct cw_node *node = cw_arena_alloc(schema->arena, sizeof(*node));
    node->kind = kind;
    schema->nodes[schema->node_count++] = node;
    return node;
}

static bool is_name(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return text.len != 0;
}

static bool is_dotted_name(cw_str text)
{
    size_t from = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.')
            continue;
        if (!is_name((cw_str){ text.ptr + from, i - from }))
            return false;
        from = i + 1;
    }
    return true;
}

static const char *last_dot(cw_str name)
{
    return name.len != 0 ? memrchr(name.ptr, '.', name.len) : NULL;
}

static cw_str space_of(cw_str full_name)
{
    const char *dot = last_dot(full_name);
    return (cw_str){ full_name.ptr, dot != NULL ? (size_t)(dot - full_name.ptr) : 0 };
}

static cw_str full_name(struct parser *parser, cw_str name, cw_str space)
{
    if (last_dot(name) != NULL || space.len == 0)
        return name;
    return cw_arena_printf(parser->schema->arena, "%.*s.%.*s", CW_STR_ARG(space), CW_STR_ARG(name));
}

static struct cw_node *find_named(const struct parser *parser, cw_str name)
{
    for (size_t i = 0; i < parser->named_count; i++) {
        if (cw_str_eq(parser->named[i]->name, name))
            return parser->named[i];
    }
    return NULL;
}

static int primitive_kind(cw_str name)
{
    for (int kind = CW_KIND_NULL; kind <= CW_KIND_STRING; kind++) {
        if (cw_str_is(name, kind_names[kind]))
            return kind;
    }
    return -1;
}

static bool contains(struct cw_names names, cw_str name)
{
    for (size_t i = 0; i < names.count; i++) {
        if (cw_str_eq(names.list[i], name))
            return true;
    }
    return false;
}

/* A list of names, each once; space is what they are relative to (fields: none). */
static bool parse_names(struct parser *parser, const json_t *json, const char *what, bool dotted,
                        cw_str space, struct cw_names *out)
{
    if (json == NULL)
        return true;
    if (!json_is_array(json)) {
        (void)fail(parser, "%s must be an array of names", what);
        return false;
    }
    size_t count = json_array_size(json);
    if (!weigh(parser, count))
        return false;
    out->list = cw_arena_alloc(parser->schema->arena, count * sizeof(*out->list));
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, i);
        cw_str name = json_is_string(item) ? str_of(item) : (cw_str){ 0 };
        if (!(dotted ? is_dotted_name(name) : is_name(name)) || name.ptr == NULL) {
            (void)fail(parser, "%s[%zu] is no name: letters, digits and _, no digit first", what,
                       i);
            return false;
        }
        if (dotted)
            name = full_name(parser, name, space);
        if (contains(*out, name)) {
            (void)fail(parser, "%s names %.*s twice", what, CW_STR_ARG(name));
            return false;
        }
        out->list[out->count++] = name;
    }
    return true;
}

static struct cw_node *parse_type(struct parser *parser, const json_t *json, cw_str space);

/* Name, namespace and aliases of a record, enum or fixed; the node can be referred to from here. */
static bool parse_named(struct parser *parser, const json_t *json, cw_str space,
                        struct cw_node *node)
{
    const char *kind = cw_kind_name(node->kind);
    const json_t *name = json_object_get(json, "name");
    const json_t *stated = json_object_get(json, "namespace");
    if (!json_is_string(name) || !is_dotted_name(str_of(name))) {
        (void)fail(parser, "%s needs a \"name\" of letters, digits and _", kind);
        return false;
    }
    if (stated != NULL && !json_is_null(stated)) {
        space = json_is_string(stated) ? str_of(stated) : (cw_str){ 0 };
        if (space.ptr == NULL || (space.len != 0 && !is_dotted_name(space))) {
            (void)fail(parser, "\"namespace\" must be names joined by dots");
            return false;
        }
    }
    node->name = full_name(parser, str_of(name), space);
    if (primitive_kind(node->name) >= 0 || find_named(parser, node->name) != NULL) {
        (void)fail(parser, "the name %.*s is taken", CW_STR_ARG(node->name));
        return false;
    }
    parser->named[parser->named_count++] = node;
    return parse_names(parser, json_object_get(json, "aliases"), "aliases", true,
                       space_of(node->name), &node->aliases);
}

static bool parse_field(struct parser *parser, const json_t *json, cw_str space,
                        const struct cw_node *record, struct cw_node_field *out)
{
    const json_t *name = json_object_get(json, "name");
    if (!json_is_string(name) || !is_name(str_of(name))) {
        (void)fail(parser, "a field needs a \"name\" of letters, digits and _");
        return false;
    }
    out->name = str_of(name);
    for (const struct cw_node_field *other = record->fields; other != out; other++) {
        if (cw_str_eq(other->name, out->name)) {
            (void)fail(parser, "the field %.*s is there twice", CW_STR_ARG(out->name));
            return false;
        }
    }
    size_t before = path_push(parser, out->name, "");
    const json_t *type = json_object_get(json, "type");
    if (type == NULL) {
        (void)fail(parser, "a field needs a \"type\"");
        return false;
    }
    out->fallback = json_object_get(json, "default");
    out->type = parse_type(parser, type, space);
    if (out->type == NULL || !parse_names(parser, json_object_get(json, "aliases"), "aliases",
                                          false, (cw_str){ 0 }, &out->aliases))
        return false;
    path_pop(parser, before);
    return true;
}

static struct cw_node *parse_record(struct parser *parser, const json_t *json, cw_str space)
{
    struct cw_node *node = new_node(parser, CW_KIND_RECORD);
    if (node == NULL || !parse_named(parser, json, space, node))
        return NULL;
    const json_t *fields = json_object_get(json, "fields");
    if (!json_is_array(fields))
        return fail(parser, "record needs \"fields\", an array");
    size_t count = json_array_size(fields);
    if (!weigh(parser, count))
        return NULL;
    node->fields = cw_arena_alloc(parser->schema->arena, count * sizeof(*node->fields));
    space = space_of(node->name);
    for (size_t i = 0; i < count; i++) {
        if (!parse_field(parser, json_array_get(fields, i), space, node, &node->fields[i]))
            return NULL;
    }
    node->field_count = count;
    return node;
}

static struct cw_node *parse_enum(struct parser *parser, const json_t *json, cw_str space)
{
    struct cw_node *node = new_node(parser, CW_KIND_ENUM);
    if (node == NULL || !parse_named(parser, json, space, node))
        return NULL;
    const json_t *symbols = json_object_get(json, "symbols");
    if (!json_is_array(symbols))
        return fail(parser, "enum needs \"symbols\", an array");
    if (!parse_names(parser, symbols, "symbols", false, (cw_str){ 0 }, &node->symbols))
        return NULL;
    node->default_symbol = -1;
    const json_t *fallback = json_object_get(json, "default");
    if (fallback == NULL)
        return node;
    for (size_t i = 0; i < node->symbols.count && json_is_string(fallback); i++) {
        if (cw_str_eq(node->symbols.list[i], str_of(fallback)))
            node->default_symbol = (int32_t)i;
    }
    return node->default_symbol >= 0 ? node : fail(parser, "the default is none of the symbols");
}

static struct cw_node *parse_fixed(struct parser *parser, const json_t *json, cw_str space)
{
    struct cw_node *node = new_node(parser, CW_KIND_FIXED);
    if (node == NULL || !parse_named(parser, json, space, node))
        return NULL;
    const json_t *size = json_object_get(json, "size");
    if (!json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > INT32_MAX)
        return fail(parser, "fixed needs a \"size\", from 0 to %d", INT32_MAX);
    node->size = (size_t)json_integer_value(size);
    return node;
}

static struct cw_node *parse_collection(struct parser *parser, const json_t *json, cw_str space,
                                        enum cw_kind kind)
{
    const char *key = kind == CW_KIND_ARRAY ? "items" : "values";
    struct cw_node *node = new_node(parser, kind);
    if (node == NULL)
        return NULL;
    const json_t *items = json_object_get(json, key);
    if (items == NULL)
        return fail(parser, "%s needs \"%s\"", cw_kind_name(kind), key);
    size_t before = path_push(parser, (cw_str){ 0 }, kind == CW_KIND_ARRAY ? "[]" : "{}");
    node->items = parse_type(parser, items, space);
    path_pop(parser, before);
    return node->items != NULL ? node : NULL;
}

/*
 * Avro: one branch a kind, but for named types, which are told apart by name. A union of nothing is
 * a schema too, as Avro's own tests have it; no datum is under it, and no plan reads it.
 */
static bool same_branch(const struct cw_node *a, const struct cw_node *b)
{
    if (a == b)
        return true;
    return a->kind == b->kind && a->name.ptr == NULL;
}

static struct cw_node *parse_union(struct parser *parser, const json_t *json, cw_str space)
{
    struct cw_node *node = new_node(parser, CW_KIND_UNION);
    size_t count = json_array_size(json);
    if (node == NULL || !weigh(parser, count))
        return NULL;
    node->branches = cw_arena_alloc(parser->schema->arena, count * sizeof(struct cw_node *));
    for (size_t i = 0; i < count; i++) {
        struct cw_node *branch = parse_type(parser, json_array_get(json, i), space);
        if (branch == NULL)
            return NULL;
        if (branch->kind == CW_KIND_UNION)
            return fail(parser, "a union may not stand directly in a union");
        for (size_t k = 0; k < i; k++) {
            if (same_branch(node->branches[k], branch))
                return fail(parser, "the union has %s twice", cw_kind_name(branch->kind));
        }
        node->branches[i] = branch;
    }
    node->branch_count = count;
    return node;
}

static enum cw_logical logical_of(const json_t *json, int kind)
{
    static const char *const others[] = { "date",
                                          "time-millis",
                                          "time-micros",
                                          "timestamp-nanos",
                                          "local-timestamp-millis",
                                          "local-timestamp-micros",
                                          "local-timestamp-nanos" };
    const char *name = json_string_value(json_object_get(json, "logicalType"));
    if (name == NULL || (kind != CW_KIND_LONG && kind != CW_KIND_INT))
        return CW_LOGICAL_NONE;
    if (kind == CW_KIND_LONG && strcmp(name, "timestamp-micros") == 0)
        return CW_LOGICAL_MICROS;
    if (kind == CW_KIND_LONG && strcmp(name, "timestamp-millis") == 0)
        return CW_LOGICAL_MILLIS;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(name, others[i]) == 0)
            return CW_LOGICAL_OTHER;
    }
    return CW_LOGICAL_NONE;
}

/* A type by its name alone: a primitive, or one that was defined before. */
static struct cw_node *parse_reference(struct parser *parser, cw_str name, cw_str space)
{
    int kind = primitive_kind(name);
    if (kind >= 0)
        return new_node(parser, (enum cw_kind)kind);
    struct cw_node *node =
        is_dotted_name(name) ? find_named(parser, full_name(parser, name, space)) : NULL;
    if (node == NULL)
        return fail(parser, "the type \"%.*s\" is not known", name.len < 64 ? (int)name.len : 64,
                    name.ptr);
    return node;
}

static struct cw_node *parse_object(struct parser *parser, const json_t *json, cw_str space)
{
    const json_t *type = json_object_get(json, "type");
    if (json_is_object(type) || json_is_array(type))
        return parse_type(parser, type, space); /* a type in one more pair of braces */
    if (!json_is_string(type))
        return fail(parser, "a type needs \"type\"");
    cw_str name = str_of(type);
    if (cw_str_is(name, "record") || cw_str_is(name, "error"))
        return parse_record(parser, json, space);
    if (cw_str_is(name, "enum"))
        return parse_enum(parser, json, space);
    if (cw_str_is(name, "fixed"))
        return parse_fixed(parser, json, space);
    if (cw_str_is(name, "array"))
        return parse_collection(parser, json, space, CW_KIND_ARRAY);
    if (cw_str_is(name, "map"))
        return parse_collection(parser, json, space, CW_KIND_MAP);
    struct cw_node *node = parse_reference(parser, name, space);
    if (node != NULL && node->name.ptr == NULL)
        node->logical = logical_of(json, (int)node->kind);
    return node;
}

static struct cw_node *parse_type(struct parser *parser, const json_t *json, cw_str space)
{
    if (parser->depth == CW_SCHEMA_DEPTH_MAX)
        return fail(parser, "types nest deeper than %d", CW_SCHEMA_DEPTH_MAX);
    parser->depth++;
    struct cw_node *node = NULL;
    if (json_is_string(json))
        node = parse_reference(parser, str_of(json), space);
    else if (json_is_object(json))
        node = parse_object(parser, json, space);
    else if (json_is_array(json))
        node = parse_union(parser, json, space);
    else
        (void)fail(parser, "a type is a name, an object or an array of branches");
    parser->depth--;
    return node;
}

static bool is_empty(const struct cw_node *node)
{
    if (node->kind == CW_KIND_NULL)
        return true;
    if (node->kind == CW_KIND_FIXED)
        return node->size == 0;
    if (node->kind != CW_KIND_RECORD)
        return false;
    for (size_t i = 0; i < node->field_count; i++) {
        if (!node->fields[i].type->empty)
            return false;
    }
    return true;
}

/*
 * Which types take no bytes. Backwards, since a type's parts come behind it; references may point
 * forwards too, hence until nothing changes.
 */
static void find_empty(struct cw_schema *schema)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = schema->node_count; i-- > 0;) {
            struct cw_node *node = schema->nodes[i];
            if (!node->empty && is_empty(node))
                node->empty = changed = true;
        }
    }
}

struct cw_schema *cw_schema_parse(cw_str json, struct cw_reason *reason)
{
    if (json.len > CW_SCHEMA_TEXT_MAX) {
        (void)cw_reject(reason, "bad_schema", "",
                        "the schema's text has %zu bytes, at most %d are read", json.len,
                        CW_SCHEMA_TEXT_MAX);
        return NULL;
    }
    json_t *tree = cw_json_load(json, "bad_schema", reason);
    if (tree == NULL)
        return NULL;
    struct cw_schema *schema = cw_new(struct cw_schema);
    schema->json = tree;
    schema->arena = cw_arena_new();
    schema->nodes = cw_alloc(CW_SCHEMA_NODES_MAX * sizeof(struct cw_node *));
    struct parser *parser = cw_new(struct parser);
    parser->schema = schema;
    parser->reason = reason;
    schema->root = parse_type(parser, tree, (cw_str){ 0 });
    free(parser);
    if (schema->root == NULL) {
        cw_schema_free(schema);
        return NULL;
    }
    find_empty(schema);
    return schema;
}

void cw_schema_free(struct cw_schema *schema)
{
    if (schema == NULL)
        return;
    json_decref(schema->json);
    cw_arena_free(schema->arena);
    free(schema->nodes);
    free(schema);
}

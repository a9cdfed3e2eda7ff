/*
 * type.c - the event types, read once from the embedded files of schemas/.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/schema_text.h"
#include "operators/runtime/time.h"

static struct {
    bool loaded;
    uint16_t count;
    struct cw_type types[CW_TYPES_MAX + 1];
    char *schema_json;
} registry;

static json_t *parse(const struct cw_schema_text *text)
{
    json_error_t error;
    json_t *json = json_loads(text->text, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        fprintf(stderr, "crosswatch: schemas: %s:%d: %s\n", text->name, error.line, error.text);
        abort(); /* a schema of ours, broken when it was built in */
    }
    return json;
}

/* "string", {"type": "long", "logicalType": …}, {"type": "array", "items": "string"} */
static void read_plain_type(json_t *type, struct cw_field *field)
{
    const char *logical = json_string_value(json_object_get(type, "logicalType"));
    const char *items = json_string_value(json_object_get(type, "items"));
    const char *name = json_is_object(type) ? json_string_value(json_object_get(type, "type"))
                                            : json_string_value(type);
    CW_CHECK(name != NULL);
    field->is_time = logical != NULL && strcmp(logical, "timestamp-micros") == 0;
    if (strcmp(name, "string") == 0)
        field->type = CW_FIELD_STRING;
    else if (strcmp(name, "long") == 0 || strcmp(name, "int") == 0)
        field->type = CW_FIELD_LONG;
    else if (strcmp(name, "boolean") == 0)
        field->type = CW_FIELD_BOOLEAN;
    else if (strcmp(name, "double") == 0)
        field->type = CW_FIELD_DOUBLE;
    else {
        CW_CHECK(strcmp(name, "array") == 0 && items != NULL && strcmp(items, "string") == 0);
        field->type = CW_FIELD_STRINGS;
    }
}

static void read_field(json_t *json, struct cw_field *field)
{
    json_t *type = json_object_get(json, "type");
    json_t *initial = json_object_get(json, "default");
    field->name = cw_strdup(json_string_value(json_object_get(json, "name")));
    field->nullable = json_is_array(type);
    field->has_default = initial != NULL;
    field->default_long = json_is_true(initial) ? 1 : json_integer_value(initial);
    read_plain_type(field->nullable ? json_array_get(type, 1) : type, field);
}

static void read_type(json_t *json)
{
    json_int_t number = json_integer_value(json_object_get(json, "number"));
    CW_CHECK(number >= 1 && number <= CW_TYPES_MAX);
    struct cw_type *type = &registry.types[number];
    CW_CHECK(type->name == NULL); /* two files with one number */
    type->number = (uint16_t)number;
    type->name = cw_strdup(json_string_value(json_object_get(json, "event_type")));
    type->short_name = cw_strdup(json_string_value(json_object_get(json, "short")));
    type->standing = json_is_true(json_object_get(json, "standing"));
    type->retention = json_integer_value(json_object_get(json, "retention_days")) * CW_DAY;
    type->retention_max = json_integer_value(json_object_get(json, "retention_max_days")) * CW_DAY;
    CW_CHECK(type->retention > 0 && type->retention_max >= type->retention);
    json_t *fields = json_object_get(json, "fields");
    type->field_count = json_array_size(fields);
    CW_CHECK(type->field_count <= CW_TYPE_FIELDS_MAX);
    for (size_t i = 0; i < type->field_count; i++)
        read_field(json_array_get(fields, i), &type->fields[i]);
    json_t *countries = json_object_get(json, "countries");
    type->country_count = json_array_size(countries);
    CW_CHECK(type->country_count <= CW_TYPE_COUNTRIES_MAX);
    for (size_t i = 0; i < type->country_count; i++)
        type->countries[i] = cw_strdup(json_string_value(json_array_get(countries, i)));
    if (registry.count < type->number)
        registry.count = type->number;
}

/* The envelope, and behind its fields one nullable field a type, in the order of the numbers. */
static void assemble(json_t *envelope, json_t *const *records)
{
    json_t *fields = json_object_get(envelope, "fields");
    for (uint16_t number = 1; number <= registry.count; number++) {
        CW_CHECK(records[number] != NULL); /* numbers leave no gap */
        json_t *field = json_pack("{s:s, s:[s, O], s:n}", "name", registry.types[number].short_name,
                                  "type", "null", records[number], "default");
        CW_CHECK(field != NULL);
        json_array_append_new(fields, field);
    }
    registry.schema_json = json_dumps(envelope, JSON_COMPACT);
    CW_CHECK(registry.schema_json != NULL);
}

static void load(void)
{
    if (registry.loaded)
        return;
    registry.loaded = true;
    json_t *envelope = NULL;
    json_t *records[CW_TYPES_MAX + 1] = { NULL };
    for (const struct cw_schema_text *text = cw_schema_texts; text->name != NULL; text++) {
        json_t *json = parse(text);
        if (strcmp(text->name, "schemas/event.avsc") == 0) {
            envelope = json;
        } else if (strncmp(text->name, "types/", 6) == 0) {
            read_type(json);
            records[json_integer_value(json_object_get(json, "number"))] = json;
        } else {
            json_decref(json);
        }
    }
    CW_CHECK(envelope != NULL);
    assemble(envelope, records);
    json_decref(envelope);
    for (uint16_t number = 1; number <= registry.count; number++)
        json_decref(records[number]);
}

const struct cw_type *cw_type_by_number(uint16_t number)
{
    load();
    return number >= 1 && number <= registry.count ? &registry.types[number] : NULL;
}

const struct cw_type *cw_type_by_name(cw_str name)
{
    load();
    for (uint16_t number = 1; number <= registry.count; number++) {
        if (cw_str_is(name, registry.types[number].name))
            return &registry.types[number];
    }
    return NULL;
}

const struct cw_type *cw_type_by_short_name(cw_str name)
{
    load();
    for (uint16_t number = 1; number <= registry.count; number++) {
        if (cw_str_is(name, registry.types[number].short_name))
            return &registry.types[number];
    }
    return NULL;
}

uint16_t cw_type_count(void)
{
    load();
    return registry.count;
}

const char *cw_event_schema_json(void)
{
    load();
    return registry.schema_json;
}

int cw_type_field(const struct cw_type *type, cw_str name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (cw_str_is(name, type->fields[i].name))
            return (int)i;
    }
    return -1;
}

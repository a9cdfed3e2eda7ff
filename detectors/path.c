#include "detectors/path.h"

#include <inttypes.h>
#include <stddef.h>

#include "detectors/yaml.h"
#include "operators/runtime/check.h"
#include "operators/runtime/id_kinds.h"

/* The envelope as rules see it: content only. An absent field is said by its struct's `present`. */
enum envelope_kind { E_TEXT, E_LIST, E_LONG, E_TIME, E_OPTIONAL_TIME, E_OPTIONAL_REAL };

struct envelope_field {
    const char *name;
    enum envelope_kind kind;
    size_t offset;
    size_t count_offset; /* E_LIST */
};

#define TEXT(name, member)                                                                         \
    {                                                                                              \
        name, E_TEXT, offsetof(struct cw_event, member), 0                                         \
    }
#define LIST(name, member, count)                                                                  \
    {                                                                                              \
        name, E_LIST, offsetof(struct cw_event, member), offsetof(struct cw_event, count)          \
    }
#define TIME(name, member)                                                                         \
    {                                                                                              \
        name, E_TIME, offsetof(struct cw_event, member), 0                                         \
    }
#define REAL(name, member)                                                                         \
    {                                                                                              \
        name, E_OPTIONAL_REAL, offsetof(struct cw_event, member), 0                                \
    }

static const struct envelope_field envelope_fields[] = {
    TEXT("owner", owner),
    TEXT("event_id", event_id),
    TEXT("event_type", event_type),
    TIME("event_time", event_time),
    { "tz_offset", E_LONG, offsetof(struct cw_event, tz_offset), 0 },
    TEXT("time_precision", time_precision),
    TIME("recorded_at", recorded_at),
    { "retain_until", E_OPTIONAL_TIME, offsetof(struct cw_event, retain_until), 0 },
    TEXT("country", country),
    TEXT("place.name", place.name),
    REAL("place.lat", place.lat),
    REAL("place.lon", place.lon),
    TEXT("place.precision", place.precision),
    LIST("crime_areas", crime_areas, crime_area_count),
    LIST("purposes", purposes, purpose_count),
    LIST("handling.codes", handling.codes, handling.code_count),
    TEXT("handling.text", handling.text),
    TEXT("handling.tlp", handling.tlp),
    TEXT("handling.pap", handling.pap),
    TEXT("handling.sharing_group", handling.sharing_group),
    LIST("handling.audience", handling.audience, handling.audience_count),
    TEXT("grading.scheme", grading.scheme),
    TEXT("grading.source", grading.source),
    TEXT("grading.info", grading.info),
    TEXT("language", language),
    TEXT("evidence_status", evidence_status),
};
enum { ENVELOPE_COUNT = sizeof(envelope_fields) / sizeof(envelope_fields[0]) };

/* Transport: a fact is the same fact under another of these, so a rule that read one would tell
 * facts apart that are one. */
static const char *const transport[] = { "version", "op", "source_ref", "schema_version",
                                         "payload_hash" };

struct id_kind {
    const char *name;
    bool scoped;
    bool of_objects;
    bool unique;
};
#define ROW(number, name, scoped, of_objects, unique, exclusive, rank)                             \
    { #name, scoped, of_objects, unique },
static const struct id_kind id_kinds[] = { CW_ID_KINDS(ROW) };
#undef ROW
enum { ID_KIND_COUNT = sizeof(id_kinds) / sizeof(id_kinds[0]) };

static const struct id_kind *id_kind_by_name(cw_str name)
{
    for (size_t i = 0; i < ID_KIND_COUNT; i++) {
        if (cw_str_is(name, id_kinds[i].name))
            return &id_kinds[i];
    }
    return NULL;
}

struct part_field {
    const char *name;
    enum cw_path_what what;
};
static const struct part_field party_fields[] = {
    { "name", CW_WHAT_NAME }, { "birth_date", CW_WHAT_BIRTH_DATE },
    { "sex", CW_WHAT_SEX },   { "nationality", CW_WHAT_NATIONALITY },
    { "kind", CW_WHAT_KIND }, { "entity", CW_WHAT_ENTITY },
};
static const struct part_field object_fields[] = {
    { "type", CW_WHAT_KIND },
    { "key", CW_WHAT_KEY },
    { "entity", CW_WHAT_ENTITY },
};

/* ---- parsing ---- */

struct parse {
    cw_str text;
    struct cw_arena *arena;
    struct cw_path *path;
    size_t *offset;
    const char **fault;
};

static bool fail(struct parse *parse, size_t offset, cw_str fault)
{
    *parse->offset = offset;
    *parse->fault = fault.ptr;
    return false;
}

/* "…: did you mean X?", or what there is. */
static bool fail_nearest(struct parse *parse, size_t offset, cw_str what, cw_str word,
                         const char *const *candidates, size_t count)
{
    const char *nearest = cw_nearest(word, candidates, count);
    if (nearest != NULL)
        return fail(parse, offset,
                    cw_arena_printf(parse->arena, "%s: did you mean \"%s\"?", what.ptr, nearest));
    struct cw_buf known = { 0 };
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(&known, "%s%s", i != 0 ? ", " : "", candidates[i]);
    cw_str text = cw_arena_printf(parse->arena, "%s: there are %.*s", what.ptr, (int)known.len,
                                  (const char *)known.data);
    cw_buf_done(&known);
    return fail(parse, offset, text);
}

/* The part of the text from *at up to the next dot, which it steps over. */
static cw_str segment(cw_str text, size_t *at)
{
    size_t start = *at;
    const char *dot = memchr(text.ptr + start, '.', text.len - start);
    size_t end = dot != NULL ? (size_t)(dot - text.ptr) : text.len;
    *at = dot != NULL ? end + 1 : end;
    return (cw_str){ text.ptr + start, end - start };
}

static bool is_word(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return text.len != 0;
}

static bool parse_id(struct parse *parse, size_t at)
{
    cw_str kind = { parse->text.ptr + at, parse->text.len - at };
    const struct id_kind *known = id_kind_by_name(kind);
    if (known == NULL) {
        const char *names[ID_KIND_COUNT];
        for (size_t i = 0; i < ID_KIND_COUNT; i++)
            names[i] = id_kinds[i].name;
        cw_str what = cw_arena_printf(parse->arena, "unknown kind of identifier %s",
                                      cw_quote(parse->arena, kind));
        return fail_nearest(parse, at, what, kind, names, ID_KIND_COUNT);
    }
    if (known->of_objects && parse->path->scope == CW_PATH_PARTY)
        return fail(parse, 0,
                    cw_arena_printf(parse->arena,
                                    "an %s stands on objects, not on parties: expected "
                                    "object.ROLE.id.%s",
                                    known->name, known->name));
    parse->path->what = CW_WHAT_ID;
    parse->path->id_kind = kind;
    return true;
}

static bool parse_part(struct parse *parse, size_t at, const char *scope,
                       const struct part_field *fields, size_t count)
{
    cw_str text = parse->text;
    size_t role_at = at;
    cw_str role = segment(text, &at);
    if (!is_word(role))
        return fail(parse, role_at,
                    cw_arena_printf(parse->arena, "expected a role: %s.ROLE.FIELD", scope));
    parse->path->role = role;
    size_t field_at = at;
    if (at == text.len)
        return fail(parse, text.len,
                    cw_arena_printf(parse->arena, "expected a field: %s.ROLE.FIELD", scope));
    cw_str field = segment(text, &at);
    bool more = field_at + field.len < text.len;
    if (cw_str_is(field, "id")) {
        if (at < text.len)
            return parse_id(parse, at);
        return fail(
            parse, text.len,
            cw_arena_printf(parse->arena, "expected a kind of identifier: %s.ROLE.id.KIND", scope));
    }
    const char *names[16] = { "id.KIND" };
    for (size_t i = 0; i < count; i++) {
        if (cw_str_is(field, fields[i].name) && !more) {
            parse->path->what = fields[i].what;
            return true;
        }
        names[i + 1] = fields[i].name;
    }
    cw_str rest = { text.ptr + field_at, text.len - field_at };
    cw_str what = cw_arena_printf(parse->arena, "unknown field %s of %s.ROLE",
                                  cw_quote(parse->arena, rest), scope);
    return fail_nearest(parse, field_at, what, rest, names, count + 1);
}

static bool parse_detail(struct parse *parse, const struct cw_type *type, size_t at)
{
    cw_str field = { parse->text.ptr + at, parse->text.len - at };
    parse->path->scope = CW_PATH_DETAIL;
    parse->path->type = type->number;
    parse->path->field = cw_type_field(type, field);
    if (parse->path->field >= 0) {
        enum cw_field_type as = type->fields[parse->path->field].type;
        bool is_text = as == CW_FIELD_STRING || as == CW_FIELD_STRINGS;
        parse->path->what = is_text ? CW_WHAT_TEXT : CW_WHAT_NUMBER;
        return true;
    }
    const char *names[CW_TYPE_FIELDS_MAX];
    for (size_t i = 0; i < type->field_count; i++)
        names[i] = type->fields[i].name;
    cw_str what = cw_arena_printf(parse->arena, "unknown field %s of %s",
                                  cw_quote(parse->arena, field), type->name);
    return fail_nearest(parse, at, what, field, names, type->field_count);
}

static bool parse_envelope(struct parse *parse)
{
    cw_str text = parse->text;
    const char *names[ENVELOPE_COUNT + CW_TYPES_MAX + 2];
    for (size_t i = 0; i < ENVELOPE_COUNT; i++) {
        const struct envelope_field *field = &envelope_fields[i];
        names[i] = field->name;
        if (!cw_str_is(text, field->name))
            continue;
        parse->path->field = (int)i;
        parse->path->what =
            field->kind == E_TEXT || field->kind == E_LIST ? CW_WHAT_TEXT : CW_WHAT_NUMBER;
        return true;
    }
    for (size_t i = 0; i < sizeof(transport) / sizeof(transport[0]); i++) {
        if (cw_str_is(text, transport[i]))
            return fail(parse, 0,
                        cw_arena_printf(parse->arena,
                                        "\"%s\" says how an event travelled, not what happened: no "
                                        "rule may read it",
                                        transport[i]));
    }
    size_t at = 0;
    cw_str head = segment(text, &at);
    const struct cw_type *type = cw_type_by_name(head);
    if (type != NULL)
        return fail(parse, 0,
                    cw_arena_printf(parse->arena,
                                    "fields of %s stand under its short name: %s.FIELD", type->name,
                                    type->short_name));
    size_t count = ENVELOPE_COUNT;
    names[count++] = "party";
    names[count++] = "object";
    for (uint16_t n = 1; n <= cw_type_count(); n++)
        names[count++] = cw_type_by_number(n)->short_name;
    cw_str what = cw_arena_printf(parse->arena, "unknown path %s", cw_quote(parse->arena, text));
    const char *nearest = cw_nearest(text, names, count);
    if (nearest == NULL && head.len != text.len)
        nearest = cw_nearest(head, names + ENVELOPE_COUNT, count - ENVELOPE_COUNT);
    if (nearest != NULL)
        return fail(parse, 0,
                    cw_arena_printf(parse->arena, "%s: did you mean \"%s\"?", what.ptr, nearest));
    return fail(parse, 0,
                cw_arena_printf(parse->arena,
                                "%s: expected a field of every event (country, owner …), "
                                "party.ROLE.FIELD, object.ROLE.FIELD or a field of the type "
                                "(ad.category)",
                                what.ptr));
}

bool cw_path_parse(cw_str text, struct cw_arena *arena, struct cw_path *out, size_t *offset,
                   const char **fault)
{
    struct parse parse = { text, arena, out, offset, fault };
    *out = (struct cw_path){ .text = text, .scope = CW_PATH_ENVELOPE };
    if (text.len == 0)
        return fail(&parse, 0, cw_cstr("expected a path, found nothing"));
    size_t at = 0;
    cw_str head = segment(text, &at);
    bool more = head.len < text.len;
    if (more && cw_str_is(head, "party")) {
        out->scope = CW_PATH_PARTY;
        return parse_part(&parse, at, "party", party_fields,
                          sizeof(party_fields) / sizeof(party_fields[0]));
    }
    if (more && cw_str_is(head, "object")) {
        out->scope = CW_PATH_OBJECT;
        return parse_part(&parse, at, "object", object_fields,
                          sizeof(object_fields) / sizeof(object_fields[0]));
    }
    const struct cw_type *type = more ? cw_type_by_short_name(head) : NULL;
    return type != NULL ? parse_detail(&parse, type, at) : parse_envelope(&parse);
}

static enum cw_path_value detail_value(const struct cw_path *path)
{
    const struct cw_field *field = &cw_type_by_number(path->type)->fields[path->field];
    switch (field->type) {
    case CW_FIELD_STRING:
    case CW_FIELD_STRINGS:
        return CW_VALUE_TEXT;
    case CW_FIELD_BOOLEAN:
        return CW_VALUE_BOOLEAN;
    case CW_FIELD_DOUBLE:
        return CW_VALUE_REAL;
    case CW_FIELD_LONG:
    default:
        return field->is_time ? CW_VALUE_TIME : CW_VALUE_LONG;
    }
}

static enum cw_path_value envelope_value(const struct cw_path *path)
{
    switch (envelope_fields[path->field].kind) {
    case E_TEXT:
    case E_LIST:
        return CW_VALUE_TEXT;
    case E_LONG:
        return CW_VALUE_LONG;
    case E_OPTIONAL_REAL:
        return CW_VALUE_REAL;
    case E_TIME:
    case E_OPTIONAL_TIME:
    default:
        return CW_VALUE_TIME;
    }
}

enum cw_path_value cw_path_value(const struct cw_path *path)
{
    switch (path->what) {
    case CW_WHAT_NAME:
        return CW_VALUE_NAME;
    case CW_WHAT_ENTITY:
        return CW_VALUE_ENTITY;
    case CW_WHAT_ID:
    case CW_WHAT_KEY:
        return CW_VALUE_IDENTIFIER;
    case CW_WHAT_TEXT:
    case CW_WHAT_NUMBER:
        return path->scope == CW_PATH_DETAIL ? detail_value(path) : envelope_value(path);
    case CW_WHAT_BIRTH_DATE:
    case CW_WHAT_SEX:
    case CW_WHAT_NATIONALITY:
    case CW_WHAT_KIND:
    case CW_WHAT_EVENT:
    default:
        return CW_VALUE_TEXT;
    }
}

bool cw_path_is_scoped(const struct cw_path *path)
{
    const struct id_kind *kind = path->what == CW_WHAT_ID ? id_kind_by_name(path->id_kind) : NULL;
    return kind != NULL && kind->scoped;
}

cw_str cw_found_text(const struct cw_found *found, struct cw_arena *arena)
{
    if (found->issuer.len == 0)
        return found->text;
    return cw_arena_printf(arena, "%.*s:%.*s", CW_STR_ARG(found->issuer), CW_STR_ARG(found->text));
}

/* ---- values ---- */

struct finder {
    struct cw_arena *arena;
    struct cw_found *items;
    size_t count;
    size_t cap;
};

static struct cw_found *add(struct finder *finder, uint16_t part)
{
    if (finder->count == finder->cap) {
        size_t cap = finder->cap != 0 ? 2 * finder->cap : 4;
        struct cw_found *items = cw_arena_alloc(finder->arena, cap * sizeof(*items));
        if (finder->count != 0)
            memcpy(items, finder->items, finder->count * sizeof(*items));
        finder->items = items;
        finder->cap = cap;
    }
    struct cw_found *found = &finder->items[finder->count++];
    *found = (struct cw_found){ .part = part };
    return found;
}

static void add_text(struct finder *finder, uint16_t part, cw_str text)
{
    if (text.ptr != NULL)
        add(finder, part)->text = text;
}

static void add_texts(struct finder *finder, uint16_t part, const cw_str *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_text(finder, part, texts[i]);
}

static void add_number(struct finder *finder, int64_t number)
{
    struct cw_found *found = add(finder, 0);
    found->number = number;
    found->text = cw_arena_printf(finder->arena, "%" PRId64, number);
}

static void find_envelope(struct finder *finder, const struct cw_path *path,
                          const struct cw_event *event)
{
    const struct envelope_field *field = &envelope_fields[path->field];
    const char *at = (const char *)event + field->offset;
    switch (field->kind) {
    case E_TEXT:
        add_text(finder, 0, *(const cw_str *)(const void *)at);
        break;
    case E_LIST:
        add_texts(finder, 0, *(cw_str *const *)(const void *)at,
                  *(const size_t *)(const void *)((const char *)event + field->count_offset));
        break;
    case E_LONG: /* tz_offset, the one narrow number */
        add_number(finder, *(const int32_t *)(const void *)at);
        break;
    case E_TIME:
        add_number(finder, *(const int64_t *)(const void *)at);
        break;
    case E_OPTIONAL_TIME:
        if (((const struct cw_value *)(const void *)at)->present)
            add_number(finder, ((const struct cw_value *)(const void *)at)->number);
        break;
    case E_OPTIONAL_REAL:
    default:
        if (((const struct cw_value *)(const void *)at)->present)
            add(finder, 0);
        break;
    }
}

static void find_detail(struct finder *finder, const struct cw_path *path,
                        const struct cw_event *event)
{
    if (event->detail == NULL || event->detail_type == NULL ||
        event->detail_type->number != path->type)
        return;
    const struct cw_value *value = &event->detail[path->field];
    if (!value->present)
        return;
    switch (event->detail_type->fields[path->field].type) {
    case CW_FIELD_STRING:
        add_text(finder, 0, value->text);
        break;
    case CW_FIELD_STRINGS:
        add_texts(finder, 0, value->list.items, value->list.count);
        break;
    case CW_FIELD_LONG:
    case CW_FIELD_BOOLEAN:
        add_number(finder, value->number);
        break;
    case CW_FIELD_DOUBLE: /* it is there; nothing compares it */
    default:
        add(finder, 0);
        break;
    }
}

static void add_ids(struct finder *finder, uint16_t number, const struct cw_part *part,
                    const struct cw_path *path)
{
    for (size_t i = 0; i < part->id_count; i++) {
        const struct cw_identifier *id = &part->ids[i];
        if (id->fault.ptr != NULL)
            continue;
        if (path->what == CW_WHAT_ID) {
            if (!cw_str_eq(id->kind, path->id_kind))
                continue;
        } else {
            const struct id_kind *kind = id_kind_by_name(id->kind);
            if (kind == NULL || !kind->unique)
                continue;
        }
        struct cw_found *found = add(finder, number);
        found->text = id->value;
        found->issuer = id->issuer;
        found->kind = id->kind;
    }
}

static void find_in_part(struct finder *finder, uint16_t number, const struct cw_part *part,
                         const struct cw_path *path)
{
    CW_CHECK(path->what != CW_WHAT_TEXT && path->what != CW_WHAT_NUMBER);
    switch (path->what) {
    case CW_WHAT_NAME:
        for (size_t i = 0; i < part->name_count; i++) {
            if (part->names[i].folded.len != 0)
                add_text(finder, number, part->names[i].folded);
        }
        break;
    case CW_WHAT_BIRTH_DATE:
        add_texts(finder, number, part->birth_dates, part->birth_date_count);
        break;
    case CW_WHAT_SEX:
        add_text(finder, number, part->sex);
        break;
    case CW_WHAT_NATIONALITY:
        add_texts(finder, number, part->nationalities, part->nationality_count);
        break;
    case CW_WHAT_KIND:
        add_text(finder, number, part->kind);
        break;
    case CW_WHAT_ID:
    case CW_WHAT_KEY:
        add_ids(finder, number, part, path);
        break;
    case CW_WHAT_ENTITY:
    case CW_WHAT_TEXT:
    case CW_WHAT_NUMBER:
    case CW_WHAT_EVENT:
    default:
        add(finder, number);
        break;
    }
}

size_t cw_path_values(const struct cw_path *path, const struct cw_event *event,
                      struct cw_arena *arena, struct cw_found **out)
{
    struct finder finder = { .arena = arena };
    if (path->what == CW_WHAT_EVENT) {
        add_text(&finder, 0,
                 cw_arena_printf(arena, "%.*s/%.*s", CW_STR_ARG(event->owner),
                                 CW_STR_ARG(event->event_id)));
    } else if (path->scope == CW_PATH_ENVELOPE) {
        find_envelope(&finder, path, event);
    } else if (path->scope == CW_PATH_DETAIL) {
        find_detail(&finder, path, event);
    } else {
        bool of_party = path->scope == CW_PATH_PARTY;
        size_t first = of_party ? 0 : event->party_count;
        size_t end = of_party ? event->party_count : cw_event_part_count(event);
        for (size_t i = first; i < end; i++) {
            const struct cw_part *part = cw_event_part(event, i);
            if (cw_str_eq(part->role, path->role))
                find_in_part(&finder, (uint16_t)i, part, path);
        }
    }
    *out = finder.items;
    return finder.count;
}

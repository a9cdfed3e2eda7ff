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
    size_t len; /* of the name: every identifier's is compared with them */
    bool scoped;
    bool of_objects;
    bool unique;
};
#define ROW(number, name, scoped, of_objects, unique, exclusive, rank)                             \
    { #name, sizeof(#name) - 1, scoped, of_objects, unique },
static const struct id_kind id_kinds[] = { CW_ID_KINDS(ROW) };
#undef ROW
enum { ID_KIND_COUNT = sizeof(id_kinds) / sizeof(id_kinds[0]) };

static const struct id_kind *id_kind_by_name(cw_str name)
{
    for (size_t i = 0; i < ID_KIND_COUNT; i++) {
        if (name.len == id_kinds[i].len &&
            cw_str_eq(name, (cw_str){ id_kinds[i].name, id_kinds[i].len }))
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
    if (cw_str_is(kind, "any")) {
        parse->path->what = CW_WHAT_KEY;
        return true;
    }
    if (known == NULL) {
        const char *names[ID_KIND_COUNT + 1] = { "any" };
        for (size_t i = 0; i < ID_KIND_COUNT; i++)
            names[i + 1] = id_kinds[i].name;
        cw_str what = cw_arena_printf(parse->arena, "unknown kind of identifier %s",
                                      cw_quote(parse->arena, kind));
        return fail_nearest(parse, at, what, kind, names, ID_KIND_COUNT + 1);
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

static bool found_text(cw_str text, struct cw_found *out)
{
    out->text = text;
    return text.ptr != NULL;
}

static bool found_number(int64_t number, struct cw_found *out)
{
    out->number = number;
    return true;
}

/* The list's next text that is there. */
static bool next_text(struct cw_path_cursor *cursor, const cw_str *texts, size_t count,
                      struct cw_found *out)
{
    while (cursor->at < count) {
        if (found_text(texts[cursor->at++], out))
            return true;
    }
    return false;
}

static bool next_envelope(struct cw_path_cursor *cursor, struct cw_found *out)
{
    const struct envelope_field *field = &envelope_fields[cursor->path->field];
    const char *at = (const char *)cursor->event + field->offset;
    if (field->kind == E_LIST)
        return next_text(
            cursor, *(cw_str *const *)(const void *)at,
            *(const size_t *)(const void *)((const char *)cursor->event + field->count_offset),
            out);
    if (cursor->at++ != 0)
        return false;
    switch (field->kind) {
    case E_TEXT:
        return found_text(*(const cw_str *)(const void *)at, out);
    case E_LONG: /* tz_offset, the one narrow number */
        return found_number(*(const int32_t *)(const void *)at, out);
    case E_TIME:
        return found_number(*(const int64_t *)(const void *)at, out);
    case E_OPTIONAL_TIME:
        return ((const struct cw_value *)(const void *)at)->present &&
               found_number(((const struct cw_value *)(const void *)at)->number, out);
    case E_OPTIONAL_REAL:
    case E_LIST:
    default:
        return ((const struct cw_value *)(const void *)at)->present;
    }
}

static bool next_detail(struct cw_path_cursor *cursor, struct cw_found *out)
{
    const struct cw_event *event = cursor->event;
    if (event->detail == NULL || event->detail_type == NULL ||
        event->detail_type->number != cursor->path->type)
        return false;
    const struct cw_value *value = &event->detail[cursor->path->field];
    if (!value->present)
        return false;
    enum cw_field_type type = event->detail_type->fields[cursor->path->field].type;
    if (type == CW_FIELD_STRINGS)
        return next_text(cursor, value->list.items, value->list.count, out);
    if (cursor->at++ != 0)
        return false;
    switch (type) {
    case CW_FIELD_STRING:
        return found_text(value->text, out);
    case CW_FIELD_LONG:
    case CW_FIELD_BOOLEAN:
        return found_number(value->number, out);
    case CW_FIELD_DOUBLE: /* it is there; nothing compares it */
    case CW_FIELD_STRINGS:
    default:
        return true;
    }
}

static bool next_id(struct cw_path_cursor *cursor, const struct cw_part *part, struct cw_found *out)
{
    const struct cw_path *path = cursor->path;
    while (cursor->at < part->id_count) {
        const struct cw_identifier *id = &part->ids[cursor->at++];
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
        out->text = id->value;
        out->issuer = id->issuer;
        out->kind = id->kind;
        return true;
    }
    return false;
}

static bool next_in_part(struct cw_path_cursor *cursor, const struct cw_part *part,
                         struct cw_found *out)
{
    enum cw_path_what what = cursor->path->what;
    CW_CHECK(what != CW_WHAT_TEXT && what != CW_WHAT_NUMBER);
    switch (what) {
    case CW_WHAT_NAME:
        while (cursor->at < part->name_count) {
            if (found_text(part->names[cursor->at++].folded, out) && out->text.len != 0)
                return true;
        }
        return false;
    case CW_WHAT_BIRTH_DATE:
        return next_text(cursor, part->birth_dates, part->birth_date_count, out);
    case CW_WHAT_SEX:
        return cursor->at++ == 0 && found_text(part->sex, out);
    case CW_WHAT_NATIONALITY:
        return next_text(cursor, part->nationalities, part->nationality_count, out);
    case CW_WHAT_KIND:
        return cursor->at++ == 0 && found_text(part->kind, out);
    case CW_WHAT_ID:
    case CW_WHAT_KEY:
        return next_id(cursor, part, out);
    case CW_WHAT_ENTITY:
    case CW_WHAT_TEXT:
    case CW_WHAT_NUMBER:
    case CW_WHAT_EVENT:
    default:
        return cursor->at++ == 0;
    }
}

static bool next_part(struct cw_path_cursor *cursor, struct cw_found *out)
{
    const struct cw_event *event = cursor->event;
    bool of_party = cursor->path->scope == CW_PATH_PARTY;
    size_t first = of_party ? 0 : event->party_count;
    size_t end = of_party ? event->party_count : cw_event_part_count(event);
    for (; first + cursor->part < end; cursor->part++, cursor->at = 0) {
        const struct cw_part *part = cw_event_part(event, first + cursor->part);
        if (!cw_str_eq(part->role, cursor->path->role) || !next_in_part(cursor, part, out))
            continue;
        out->part = (uint16_t)(first + cursor->part);
        return true;
    }
    return false;
}

bool cw_path_next(struct cw_path_cursor *cursor, struct cw_found *out)
{
    *out = (struct cw_found){ 0 };
    CW_CHECK(cursor->path->what != CW_WHAT_EVENT);
    switch (cursor->path->scope) {
    case CW_PATH_ENVELOPE:
        return next_envelope(cursor, out);
    case CW_PATH_DETAIL:
        return next_detail(cursor, out);
    case CW_PATH_PARTY:
    case CW_PATH_OBJECT:
    default:
        return next_part(cursor, out);
    }
}

static void add(struct cw_arena *arena, struct cw_found **items, size_t *count, size_t *cap,
                const struct cw_found *found)
{
    if (*count == *cap) {
        size_t more = *cap != 0 ? 2 * *cap : 4;
        struct cw_found *copy = cw_arena_alloc(arena, more * sizeof(*copy));
        if (*count != 0)
            memcpy(copy, *items, *count * sizeof(*copy));
        *items = copy;
        *cap = more;
    }
    (*items)[(*count)++] = *found;
}

size_t cw_path_values(const struct cw_path *path, const struct cw_event *event,
                      struct cw_arena *arena, struct cw_found **out)
{
    *out = NULL;
    size_t count = 0;
    size_t cap = 0;
    struct cw_found found = { 0 };
    if (path->what == CW_WHAT_EVENT) {
        found.text = cw_arena_printf(arena, "%.*s/%.*s", CW_STR_ARG(event->owner),
                                     CW_STR_ARG(event->event_id));
        add(arena, out, &count, &cap, &found);
        return count;
    }
    bool is_number = path->what == CW_WHAT_NUMBER && cw_path_value(path) != CW_VALUE_REAL;
    struct cw_path_cursor cursor = { .path = path, .event = event };
    while (cw_path_next(&cursor, &found)) {
        if (is_number)
            found.text = cw_arena_printf(arena, "%" PRId64, found.number);
        add(arena, out, &count, &cap, &found);
    }
    return count;
}

/* ---- countries ---- */

/* The paths of each type, parsed at its first event; they live as long as the process. */
struct country_paths {
    bool parsed;
    size_t count;
    struct cw_path paths[CW_TYPE_COUNTRIES_MAX];
};
static struct country_paths of_types[CW_TYPES_MAX + 1];

static const struct country_paths *paths_of(const struct cw_type *type)
{
    struct country_paths *known = &of_types[type->number];
    if (known->parsed)
        return known;
    struct cw_arena *arena = cw_arena_new();
    for (size_t i = 0; i < type->country_count; i++) {
        struct cw_path *path = &known->paths[known->count++];
        size_t offset;
        const char *fault;
        CW_CHECK(cw_path_parse(cw_cstr(type->countries[i]), arena, path, &offset, &fault));
        CW_CHECK(cw_path_value(path) == CW_VALUE_TEXT ||
                 cw_path_value(path) == CW_VALUE_IDENTIFIER);
    }
    cw_arena_free(arena); /* of faults only: a path points into its text */
    known->parsed = true;
    return known;
}

/* Two capital letters, alone or before a dash (the licence of one state: US-NV); else absent. */
static cw_str country_of(const struct cw_found *found)
{
    bool is_iban = cw_str_is(found->kind, "iban");
    cw_str text = found->kind.ptr != NULL && !is_iban ? found->issuer : found->text;
    if (text.len < 2 || text.ptr[0] < 'A' || text.ptr[0] > 'Z' || text.ptr[1] < 'A' ||
        text.ptr[1] > 'Z' || (text.len > 2 && !is_iban && text.ptr[2] != '-'))
        return (cw_str){ 0 };
    return (cw_str){ text.ptr, 2 };
}

size_t cw_event_countries(const struct cw_event *event, struct cw_arena *arena, cw_str **out,
                          cw_str *own)
{
    enum { COUNTRIES_MAX = 256 }; /* there are 249 */
    cw_str sorted[COUNTRIES_MAX];
    size_t count = 0;
    *out = NULL;
    *own = (cw_str){ 0 };
    if (event->type == NULL)
        return 0;
    *own = country_of(&(struct cw_found){ .text = event->country });
    const struct country_paths *paths = paths_of(event->type);
    for (size_t i = 0; i < paths->count; i++) {
        struct cw_path_cursor cursor = { .path = &paths->paths[i], .event = event };
        struct cw_found found;
        while (count < COUNTRIES_MAX && cw_path_next(&cursor, &found)) {
            cw_str country = country_of(&found);
            size_t at = 0;
            while (country.ptr != NULL && at < count && cw_str_cmp(sorted[at], country) < 0)
                at++;
            if (country.ptr == NULL || (at < count && cw_str_eq(sorted[at], country)))
                continue;
            memmove(&sorted[at + 1], &sorted[at], (count - at) * sizeof(sorted[0]));
            sorted[at] = country;
            count++;
        }
    }
    if (count == 0)
        return 0;
    *out = cw_arena_alloc(arena, count * sizeof(**out));
    memcpy(*out, sorted, count * sizeof(**out));
    return count;
}

/* ---- writing ---- */

bool cw_path_is_list(const struct cw_path *path)
{
    if (path->scope == CW_PATH_ENVELOPE)
        return envelope_fields[path->field].kind == E_LIST;
    return path->scope == CW_PATH_DETAIL &&
           cw_type_by_number(path->type)->fields[path->field].type == CW_FIELD_STRINGS;
}

static void write_envelope(const struct envelope_field *field, cw_str *texts, size_t count,
                           const struct cw_value *number, struct cw_event *event)
{
    char *base = (char *)event;
    void *at = base + field->offset;
    switch (field->kind) {
    case E_TEXT:
        *(cw_str *)at = texts[0];
        break;
    case E_LIST:
        *(cw_str **)at = texts;
        *(size_t *)(void *)(base + field->count_offset) = count;
        break;
    case E_LONG: /* tz_offset, the one of the kind */
        *(int32_t *)at = (int32_t)number->number;
        break;
    case E_TIME:
        *(int64_t *)at = number->number;
        break;
    case E_OPTIONAL_TIME:
    case E_OPTIONAL_REAL:
    default:
        *(struct cw_value *)at = *number;
        break;
    }
    if (strncmp(field->name, "place.", 6) == 0)
        event->place.present = true;
    else if (strncmp(field->name, "handling.", 9) == 0)
        event->handling.present = true;
    else if (strncmp(field->name, "grading.", 8) == 0)
        event->grading.present = true;
}

void cw_path_write(const struct cw_path *path, cw_str *texts, size_t count,
                   const struct cw_value *number, struct cw_event *event)
{
    if (path->scope == CW_PATH_ENVELOPE) {
        write_envelope(&envelope_fields[path->field], texts, count, number, event);
        return;
    }
    struct cw_value *value = &event->detail[path->field];
    *value = *number;
    value->present = true;
    if (cw_path_is_list(path)) {
        value->list.items = texts;
        value->list.count = count;
    } else if (path->what == CW_WHAT_TEXT) {
        value->text = texts[0];
    }
}

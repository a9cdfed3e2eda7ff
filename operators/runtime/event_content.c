/*
 * event_content.c - walking an event by path: the content hash, and the event as JSON, over one
 * list of fields, so that the two cannot disagree about what a field's default is.
 *
 * The walk visits every field that differs from its default, in schema order. A visitor gets groups
 * (records and arrays, by name or index) and leaves.
 */
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/json.h"

enum { PATH_MAX_LEN = 160 };

struct walk {
    struct cw_buf *content; /* the hash's encoding, or NULL */
    struct cw_json *json;   /* or NULL */
    char path[PATH_MAX_LEN];
    size_t len;
};

static void extend(struct walk *walk, const char *text, size_t len)
{
    CW_CHECK(walk->len + len < sizeof(walk->path));
    cw_copy(walk->path + walk->len, text, len);
    walk->len += len;
}

/* Opens a field or item under the path; returns what to cut back to. */
static inline size_t enter(struct walk *walk, const char *name)
{
    size_t mark = walk->len;
    if (walk->len != 0)
        extend(walk, ".", 1);
    extend(walk, name, strlen(name));
    return mark;
}

static size_t enter_index(struct walk *walk, size_t index)
{
    enum { DIGITS = 20 };
    char text[DIGITS + 2];
    size_t at = sizeof(text);
    size_t mark = walk->len;
    text[--at] = ']';
    do {
        text[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index != 0);
    text[--at] = '[';
    extend(walk, text + at, sizeof(text) - at);
    return mark;
}

static void leave(struct walk *walk, size_t mark)
{
    walk->len = mark;
}

/* --- content: a member is the list (path, value), written in one go --- */

enum { LENGTH = 4 }; /* of a length */

static uint8_t *put_length(uint8_t *at, size_t len)
{
    uint32_t length = (uint32_t)len;
    memcpy(at, &length, sizeof(length));
    return at + sizeof(length);
}

/* The beginning of a member up to its value's length, and room for the value; `name` stands behind
 * the path and a dot, or alone where there is no path. Returns where the value goes. */
static uint8_t *open_member(const struct walk *walk, cw_str name, size_t value_len)
{
    bool dot = walk->len != 0 && name.len != 0;
    size_t path_len = walk->len + dot + name.len;
    size_t member_len = LENGTH + path_len + LENGTH + value_len;
    CW_CHECK(path_len <= PATH_MAX_LEN && value_len <= UINT32_MAX);
    uint8_t *at = cw_buf_extend(walk->content, LENGTH + member_len);
    at = put_length(put_length(at, member_len), path_len);
    cw_copy(at, walk->path, walk->len);
    at += walk->len;
    if (dot)
        *at++ = '.';
    cw_copy(at, name.ptr, name.len);
    return put_length(at + name.len, value_len);
}

static void put_text(const struct walk *walk, cw_str name, cw_str value)
{
    cw_copy(open_member(walk, name, value.len), value.ptr, value.len);
}

static void put_int(const struct walk *walk, cw_str name, int64_t value)
{
    memcpy(open_member(walk, name, sizeof(value)), &value, sizeof(value));
}

/* --- the walk --- */

static void key(struct walk *walk, const char *name)
{
    if (walk->json != NULL)
        cw_json_key(walk->json, name);
}

static void bracket(struct walk *walk, char which)
{
    if (walk->json == NULL)
        return;
    if (which == '{' || which == '[')
        cw_json_open(walk->json, which);
    else
        cw_json_close(walk->json, which);
}

static inline void text(struct walk *walk, const char *name, cw_str value, const char *initial)
{
    if (value.ptr == NULL || (initial != NULL && cw_str_is(value, initial)))
        return;
    if (walk->content != NULL)
        put_text(walk, cw_cstr(name), value);
    else
        cw_json_kstr(walk->json, name, value);
}

enum number_kind { NUMBER, TIME, BOOLEAN };

static inline void number(struct walk *walk, const char *name, int64_t value, enum number_kind kind)
{
    if (walk->content != NULL)
        put_int(walk, cw_cstr(name), value);
    else if (kind == TIME)
        cw_json_ktime(walk->json, name, value);
    else if (kind == BOOLEAN)
        cw_json_kbool(walk->json, name, value != 0);
    else
        cw_json_kint(walk->json, name, value);
}

static void real(struct walk *walk, const char *name, const struct cw_value *value)
{
    if (!value->present)
        return;
    if (walk->content != NULL) {
        int64_t bits;
        memcpy(&bits, &value->real, sizeof(bits));
        put_int(walk, cw_cstr(name), bits);
    } else {
        key(walk, name);
        cw_json_double(walk->json, value->real);
    }
}

static void texts(struct walk *walk, const char *name, const cw_str *items, size_t count)
{
    if (count == 0)
        return;
    key(walk, name);
    size_t mark = enter(walk, name);
    bracket(walk, '[');
    for (size_t i = 0; i < count; i++) {
        size_t item = enter_index(walk, i);
        if (walk->content != NULL)
            put_text(walk, cw_cstr(""), items[i]);
        else
            cw_json_str(walk->json, items[i]);
        leave(walk, item);
    }
    bracket(walk, ']');
    leave(walk, mark);
}

static void identifiers(struct walk *walk, const struct cw_part *part)
{
    if (part->id_count == 0)
        return;
    key(walk, "ids");
    size_t mark = enter(walk, "ids");
    bracket(walk, '[');
    for (size_t i = 0; i < part->id_count; i++) {
        const struct cw_identifier *id = &part->ids[i];
        size_t item = enter_index(walk, i);
        bracket(walk, '{');
        text(walk, "kind", id->kind, NULL);
        text(walk, "value", id->value, NULL);
        text(walk, "issuer", id->issuer, NULL);
        text(walk, "stated", id->stated, NULL);
        text(walk, "fault", id->fault, NULL);
        bracket(walk, '}');
        leave(walk, item);
    }
    bracket(walk, ']');
    leave(walk, mark);
}

static void names(struct walk *walk, const struct cw_part *part)
{
    if (part->name_count == 0)
        return;
    key(walk, "names");
    size_t mark = enter(walk, "names");
    bracket(walk, '[');
    for (size_t i = 0; i < part->name_count; i++) {
        const struct cw_name *name = &part->names[i];
        size_t item = enter_index(walk, i);
        bracket(walk, '{');
        text(walk, "full", name->full, NULL);
        text(walk, "kind", name->kind, "primary");
        text(walk, "script", name->script, NULL);
        text(walk, "folded", name->folded, "");
        bracket(walk, '}');
        leave(walk, item);
    }
    bracket(walk, ']');
    leave(walk, mark);
}

static void parts(struct walk *walk, const char *name, const struct cw_part *list, size_t count,
                  bool party)
{
    if (count == 0)
        return;
    key(walk, name);
    size_t mark = enter(walk, name);
    bracket(walk, '[');
    for (size_t i = 0; i < count; i++) {
        const struct cw_part *part = &list[i];
        size_t item = enter_index(walk, i);
        bracket(walk, '{');
        text(walk, "role", part->role, NULL);
        text(walk, party ? "kind" : "type", part->kind, party ? "person" : NULL);
        identifiers(walk, part);
        names(walk, part);
        texts(walk, "birth_dates", part->birth_dates, part->birth_date_count);
        text(walk, "sex", part->sex, NULL);
        texts(walk, "nationalities", part->nationalities, part->nationality_count);
        texts(walk, "addresses", part->addresses, part->address_count);
        bracket(walk, '}');
        leave(walk, item);
    }
    bracket(walk, ']');
    leave(walk, mark);
}

static void place(struct walk *walk, const struct cw_place *value)
{
    if (!value->present)
        return;
    key(walk, "place");
    size_t mark = enter(walk, "place");
    bracket(walk, '{');
    text(walk, "name", value->name, NULL);
    real(walk, "lat", &value->lat);
    real(walk, "lon", &value->lon);
    text(walk, "precision", value->precision, NULL);
    bracket(walk, '}');
    leave(walk, mark);
}

static void handling(struct walk *walk, const struct cw_handling *value)
{
    if (!value->present)
        return;
    key(walk, "handling");
    size_t mark = enter(walk, "handling");
    bracket(walk, '{');
    texts(walk, "codes", value->codes, value->code_count);
    text(walk, "text", value->text, NULL);
    text(walk, "tlp", value->tlp, NULL);
    text(walk, "pap", value->pap, NULL);
    text(walk, "sharing_group", value->sharing_group, NULL);
    texts(walk, "audience", value->audience, value->audience_count);
    bracket(walk, '}');
    leave(walk, mark);
}

static void grading(struct walk *walk, const struct cw_grading *value)
{
    if (!value->present)
        return;
    key(walk, "grading");
    size_t mark = enter(walk, "grading");
    bracket(walk, '{');
    text(walk, "scheme", value->scheme, NULL);
    text(walk, "source", value->source, NULL);
    text(walk, "info", value->info, NULL);
    bracket(walk, '}');
    leave(walk, mark);
}

static void detail_field(struct walk *walk, const struct cw_field *field,
                         const struct cw_value *value)
{
    if (!value->present)
        return;
    switch (field->type) {
    case CW_FIELD_STRING:
        text(walk, field->name, value->text, field->has_default && !field->nullable ? "" : NULL);
        break;
    case CW_FIELD_LONG:
    case CW_FIELD_BOOLEAN:
        if (field->has_default && !field->nullable && value->number == field->default_long)
            break;
        number(walk, field->name, value->number,
               field->type == CW_FIELD_BOOLEAN ? BOOLEAN : (field->is_time ? TIME : NUMBER));
        break;
    case CW_FIELD_DOUBLE:
        real(walk, field->name, value);
        break;
    case CW_FIELD_STRINGS:
        texts(walk, field->name, value->list.items, value->list.count);
        break;
    }
}

static void detail(struct walk *walk, const struct cw_event *event)
{
    if (event->detail == NULL)
        return;
    key(walk, event->detail_type->short_name);
    size_t mark = enter(walk, event->detail_type->short_name);
    bracket(walk, '{');
    for (size_t i = 0; i < event->detail_type->field_count; i++)
        detail_field(walk, &event->detail_type->fields[i], &event->detail[i]);
    bracket(walk, '}');
    leave(walk, mark);
}

/* In the order of schemas/event.avsc. `all`: also version, op and transport, which are not content.
 */
static void walk_event(struct walk *walk, const struct cw_event *event, bool all)
{
    text(walk, "owner", event->owner, NULL);
    text(walk, "event_id", event->event_id, NULL);
    if (all) {
        number(walk, "version", event->version, NUMBER);
        text(walk, "op", event->op, NULL);
    }
    text(walk, "event_type", event->event_type, NULL);
    number(walk, "event_time", event->event_time, TIME);
    if (event->tz_offset != 0)
        number(walk, "tz_offset", event->tz_offset, NUMBER);
    text(walk, "time_precision", event->time_precision, "microsecond");
    number(walk, "recorded_at", event->recorded_at, TIME);
    if (event->retain_until.present)
        number(walk, "retain_until", event->retain_until.number, TIME);
    text(walk, "country", event->country, NULL);
    place(walk, &event->place);
    texts(walk, "crime_areas", event->crime_areas, event->crime_area_count);
    texts(walk, "purposes", event->purposes, event->purpose_count);
    handling(walk, &event->handling);
    grading(walk, &event->grading);
    text(walk, "language", event->language, NULL);
    text(walk, "evidence_status", event->evidence_status, "intelligence");
    if (all) {
        text(walk, "source_ref", event->source_ref, NULL);
        if (event->schema_version != 1)
            number(walk, "schema_version", event->schema_version, NUMBER);
        text(walk, "payload_hash", event->payload_hash, NULL);
    }
    parts(walk, "parties", event->parties, event->party_count, true);
    parts(walk, "objects", event->objects, event->object_count, false);
    detail(walk, event);
}

struct cw_id cw_event_content(const struct cw_event *event, const struct cw_secret *secret)
{
    static _Thread_local struct cw_buf scratch;
    scratch.len = 0;
    cw_enc_str(&scratch, cw_cstr("content"));
    size_t list = cw_enc_open(&scratch);
    struct walk walk CW_UNINITIALIZED;
    walk.content = &scratch;
    walk.json = NULL;
    walk.len = 0;
    walk_event(&walk, event, false);
    cw_enc_close(&scratch, list);
    return cw_id_inside(secret, &scratch);
}

void cw_event_json(const struct cw_event *event, struct cw_json *json)
{
    struct walk walk = { .json = json };
    cw_json_open(json, '{');
    walk_event(&walk, event, true);
    cw_json_close(json, '}');
}

#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "detectors/yaml.h"
#include "operators/runtime/id_kinds.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "support/scene.h"

enum { SCENARIOS_MAX = 1000, EVENTS_MAX = 1000, LINES_MAX = 200 };

struct cw_scenarios {
    struct cw_arena *arena;
    size_t count;
    struct cw_scenario of[SCENARIOS_MAX];
};

/* An event as the timeline had it last: what a withdrawal refers to. */
struct known {
    cw_str owner;
    cw_str id;
    cw_str type;
    int64_t at;
    int64_t recorded;
};

struct run {
    const struct cw_scenario *scenario;
    struct cw_scene *scene;
    struct cw_arena *arena;
    struct cw_buf *report;
    size_t rule_count;
    struct known known[EVENTS_MAX];
    size_t known_count;
};

static bool wrong(struct run *run, const struct cw_yaml *node, const char *format, ...)
    CW_PRINTF(3, 4);

/* Always false; the first sentence of a run is the one that counts. */
static bool wrong(struct run *run, const struct cw_yaml *node, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (run->report->len == 0)
        cw_buf_printf(run->report, "%s:%zu: %s: %s", run->scenario->file, node->line,
                      run->scenario->name, text);
    return false;
}

/* --- reading values --- */

static bool known_keys(struct run *run, const struct cw_yaml *map, const char *const *keys,
                       size_t count)
{
    if (map->kind != CW_YAML_MAP)
        return wrong(run, map, "expected a map");
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        size_t i = 0;
        while (i < count && !cw_str_is(item->key->text, keys[i]))
            i++;
        if (i == count)
            return wrong(run, item, "no such key: %.*s", CW_STR_ARG(item->key->text));
    }
    return true;
}

static bool read_integer(cw_str text, int64_t *out)
{
    char digits[24];
    char *end;
    if (text.len == 0 || text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    *out = strtoll(digits, &end, 10);
    return *end == '\0';
}

/* A plain number is days since 1970-01-01. */
static bool read_time(struct run *run, const struct cw_yaml *node, int64_t *out)
{
    int64_t days;
    if (node->kind == CW_YAML_TEXT && read_integer(node->text, &days)) {
        *out = days * CW_DAY;
        return true;
    }
    if (node->kind == CW_YAML_TEXT && cw_time_parse(node->text, out))
        return true;
    return wrong(run, node, "expected days since 1970-01-01, or a date");
}

static bool optional_time(struct run *run, const struct cw_yaml *map, const char *key, int64_t *out)
{
    const struct cw_yaml *node = cw_yaml_get(map, key);
    return node == NULL || read_time(run, node, out);
}

static cw_str text_of(const struct cw_yaml *map, const char *key, const char *absent)
{
    const struct cw_yaml *node = cw_yaml_get(map, key);
    return node != NULL && node->kind == CW_YAML_TEXT ? node->text : cw_cstr(absent);
}

static bool integer_of(struct run *run, const struct cw_yaml *map, const char *key, int64_t absent,
                       int64_t *out)
{
    const struct cw_yaml *node = cw_yaml_get(map, key);
    *out = absent;
    if (node == NULL || (node->kind == CW_YAML_TEXT && read_integer(node->text, out)))
        return true;
    return wrong(run, node, "expected a whole number");
}

/* One text, or a list of them. */
static const struct cw_yaml *first_text(const struct cw_yaml *node, size_t *count)
{
    bool list = node->kind == CW_YAML_LIST;
    *count = list ? node->count : 1;
    return list ? node->first : node;
}

/* --- reading events --- */

static bool is_scoped(cw_str kind)
{
#define CW_ROW(number, name, scoped, of_objects, unique, exclusive, rank)                          \
    if (cw_str_is(kind, #name))                                                                    \
        return scoped;
    CW_ID_KINDS(CW_ROW)
#undef CW_ROW
    return false;
}

/* "RO:123", or the value alone: of issuer XX where the kind is scoped. */
static struct cw_identifier identifier(cw_str kind, cw_str text)
{
    struct cw_identifier id = { .kind = kind, .value = text };
    if (!is_scoped(kind))
        return id;
    const char *colon = memchr(text.ptr, ':', text.len);
    id.issuer = cw_cstr("XX");
    if (colon != NULL) {
        id.issuer = (cw_str){ text.ptr, (size_t)(colon - text.ptr) };
        id.value = (cw_str){ colon + 1, text.len - id.issuer.len - 1 };
    }
    return id;
}

static void add_names(struct run *run, const struct cw_yaml *node, struct cw_part *part)
{
    const struct cw_yaml *text = first_text(node, &part->name_count);
    part->names = cw_arena_alloc(run->arena, part->name_count * sizeof(*part->names));
    for (size_t i = 0; i < part->name_count; i++, text = text->next) {
        part->names[i].full = text->text;
        part->names[i].kind = cw_cstr(i == 0 ? "primary" : "alias");
        part->names[i].folded = cw_cstr("");
    }
}

static void add_births(struct run *run, const struct cw_yaml *node, struct cw_part *part)
{
    const struct cw_yaml *text = first_text(node, &part->birth_date_count);
    part->birth_dates =
        cw_arena_alloc(run->arena, part->birth_date_count * sizeof(*part->birth_dates));
    for (size_t i = 0; i < part->birth_date_count; i++, text = text->next)
        part->birth_dates[i] = text->text;
}

/* Whatever else stands in a part is an identifier: its kind, then one value or a list. */
static bool read_part(struct run *run, const struct cw_yaml *map, bool party, struct cw_part *part)
{
    enum { IDS_MAX = 16 };
    if (map->kind != CW_YAML_MAP || cw_yaml_get(map, "role") == NULL)
        return wrong(run, map, "expected a party or object with its role");
    part->kind = cw_cstr(party ? "person" : "thing");
    part->ids = cw_arena_alloc(run->arena, IDS_MAX * sizeof(*part->ids));
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        cw_str key = item->key->text;
        size_t count;
        if (cw_str_is(key, "role")) {
            part->role = item->text;
        } else if (cw_str_is(key, "kind")) {
            part->kind = item->text;
        } else if (cw_str_is(key, "name") && party) {
            add_names(run, item, part);
        } else if (cw_str_is(key, "birth") && party) {
            add_births(run, item, part);
        } else {
            const struct cw_yaml *text = first_text(item, &count);
            if (part->id_count + count > IDS_MAX)
                return wrong(run, item, "more than %d identifiers", IDS_MAX);
            for (size_t i = 0; i < count; i++, text = text->next)
                part->ids[part->id_count++] = identifier(key, text->text);
        }
    }
    return true;
}

static bool read_parts(struct run *run, const struct cw_yaml *list, bool party,
                       struct cw_part **parts, size_t *count)
{
    *count = 0;
    if (list == NULL)
        return true;
    if (list->kind != CW_YAML_LIST)
        return wrong(run, list, "expected a list");
    *parts = cw_arena_alloc(run->arena, list->count * sizeof(**parts));
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next) {
        if (!read_part(run, item, party, &(*parts)[(*count)++]))
            return false;
    }
    return true;
}

static bool read_field(struct run *run, const struct cw_yaml *node, const struct cw_field *field,
                       struct cw_value *value)
{
    value->present = true;
    switch (field->type) {
    case CW_FIELD_LONG:
        if (field->is_time)
            return read_time(run, node, &value->number);
        if (!read_integer(node->text, &value->number))
            return wrong(run, node, "expected a whole number");
        return true;
    case CW_FIELD_BOOLEAN:
        value->number = cw_str_is(node->text, "true");
        return true;
    case CW_FIELD_STRING:
        value->text = node->text;
        return true;
    case CW_FIELD_DOUBLE:
    case CW_FIELD_STRINGS:
    default:
        return wrong(run, node, "scenarios know no field of this type");
    }
}

static bool read_detail(struct run *run, const struct cw_yaml *node, struct cw_event *event)
{
    const struct cw_type *type = event->type;
    event->detail_type = type;
    event->detail = cw_arena_alloc(run->arena, CW_TYPE_FIELDS_MAX * sizeof(*event->detail));
    const struct cw_yaml *map = cw_yaml_get(node, type->short_name);
    if (type->standing) { /* what a notice must state */
        event->detail[cw_type_field(type, cw_cstr("colour"))] =
            (struct cw_value){ .present = true, .text = cw_cstr("red") };
        event->detail[cw_type_field(type, cw_cstr("valid_from"))] =
            (struct cw_value){ .present = true, .number = event->recorded_at };
    }
    if (map == NULL)
        return true;
    if (map->kind != CW_YAML_MAP)
        return wrong(run, map, "expected a map");
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        int field = cw_type_field(type, item->key->text);
        if (field < 0)
            return wrong(run, item, "%s has no field %.*s", type->name,
                         CW_STR_ARG(item->key->text));
        if (!read_field(run, item, &type->fields[field], &event->detail[field]))
            return false;
    }
    return true;
}

/* One text or a list of them. */
static cw_str *texts_of(struct run *run, const struct cw_yaml *map, const char *key, size_t *count)
{
    const struct cw_yaml *node = cw_yaml_get(map, key);
    *count = 0;
    if (node == NULL)
        return NULL;
    const struct cw_yaml *text = first_text(node, count);
    cw_str *texts = cw_arena_alloc(run->arena, *count * sizeof(*texts));
    for (size_t i = 0; i < *count; i++, text = text->next)
        texts[i] = text->text;
    return texts;
}

static bool read_handling(struct run *run, const struct cw_yaml *node, struct cw_event *event)
{
    static const char *const keys[] = {
        "codes", "text", "tlp", "pap", "sharing_group", "audience"
    };
    struct cw_handling *handling = &event->handling;
    const struct cw_yaml *map = cw_yaml_get(node, "handling");
    event->purposes = texts_of(run, node, "purposes", &event->purpose_count);
    if (map == NULL)
        return true;
    if (!known_keys(run, map, keys, sizeof(keys) / sizeof(keys[0])))
        return false;
    handling->present = true;
    handling->codes = texts_of(run, map, "codes", &handling->code_count);
    handling->text = text_of(map, "text", NULL);
    handling->tlp = text_of(map, "tlp", NULL);
    handling->pap = text_of(map, "pap", NULL);
    handling->sharing_group = text_of(map, "sharing_group", NULL);
    handling->audience = texts_of(run, map, "audience", &handling->audience_count);
    return true;
}

static struct known *find_known(struct run *run, cw_str owner, cw_str id)
{
    for (size_t i = 0; i < run->known_count; i++) {
        if (cw_str_eq(run->known[i].owner, owner) && cw_str_eq(run->known[i].id, id))
            return &run->known[i];
    }
    return NULL;
}

static bool read_envelope(struct run *run, const struct cw_yaml *node, struct cw_event *event)
{
    struct known before = { .type = cw_cstr("online_ad") };
    cw_event_defaults(event);
    event->owner = text_of(node, "owner", "O");
    event->event_id = text_of(node, "id", "");
    event->op = text_of(node, "op", "create");
    bool withdraws = cw_str_is(event->op, "withdraw");
    struct known *known = find_known(run, event->owner, event->event_id);
    if (withdraws && known != NULL)
        before = *known;
    else if (!withdraws && (cw_yaml_get(node, "at") == NULL || cw_yaml_get(node, "type") == NULL))
        return wrong(run, node, "expected id, type and at");
    event->event_type = cw_yaml_get(node, "type") != NULL ? text_of(node, "type", "") : before.type;
    event->type = cw_type_by_name(event->event_type);
    if (event->type == NULL || event->event_id.len == 0)
        return wrong(run, node, "expected the id of an event, and a type of schemas/types");
    event->event_time = before.at;
    if (!optional_time(run, node, "at", &event->event_time))
        return false;
    event->recorded_at = withdraws && known != NULL ? before.recorded : event->event_time;
    if (!optional_time(run, node, "recorded", &event->recorded_at) ||
        !integer_of(run, node, "version", 1, &event->version))
        return false;
    if (known == NULL) {
        if (run->known_count == EVENTS_MAX)
            return wrong(run, node, "more than %d events", EVENTS_MAX);
        known = &run->known[run->known_count++];
    }
    *known = (struct known){ event->owner, event->event_id, event->event_type, event->event_time,
                             event->recorded_at };
    return true;
}

static bool event_step(struct run *run, const struct cw_yaml *node)
{
    const char *keys[] = { "id",      "owner",    "type",         "at",      "version",
                           "op",      "recorded", "retain_until", "country", "parties",
                           "objects", "purposes", "handling",     NULL };
    size_t key_count = sizeof(keys) / sizeof(keys[0]) - 1;
    struct cw_event event;
    if (node->kind != CW_YAML_MAP)
        return wrong(run, node, "expected an event");
    if (!read_envelope(run, node, &event))
        return false;
    keys[key_count++] = event.type->short_name;
    if (!known_keys(run, node, keys, key_count))
        return false;
    if (!cw_str_is(event.op, "withdraw") && !read_detail(run, node, &event))
        return false;
    const struct cw_yaml *retain = cw_yaml_get(node, "retain_until");
    event.retain_until.present = retain != NULL;
    if (retain != NULL && !read_time(run, retain, &event.retain_until.number))
        return false;
    event.country = text_of(node, "country", NULL);
    if (!read_handling(run, node, &event))
        return false;
    if (!read_parts(run, cw_yaml_get(node, "parties"), true, &event.parties, &event.party_count) ||
        !read_parts(run, cw_yaml_get(node, "objects"), false, &event.objects, &event.object_count))
        return false;
    cw_scene_event(run->scene, &event);
    return true;
}

/* --- comparing --- */

struct lines {
    cw_str of[LINES_MAX];
    size_t count;
};

static int compare_texts(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static void sort_lines(struct lines *lines)
{
    if (lines->count > 1)
        qsort(lines->of, lines->count, sizeof(lines->of[0]), compare_texts);
}

static cw_str join(struct run *run, struct lines *lines, const char *between, bool once)
{
    struct cw_buf text = { 0 };
    sort_lines(lines);
    for (size_t i = 0; i < lines->count; i++) {
        if (once && i != 0 && cw_str_eq(lines->of[i], lines->of[i - 1]))
            continue;
        if (text.len != 0)
            cw_buf_cstr(&text, between);
        cw_buf_str(&text, lines->of[i]);
    }
    cw_str out = cw_arena_copy(run->arena, text.data, text.len);
    cw_buf_done(&text);
    return out;
}

static void add_line(struct lines *lines, cw_str text)
{
    if (lines->count == LINES_MAX)
        fail_msg("more than %d lines", LINES_MAX);
    lines->of[lines->count++] = text;
}

static cw_str alert_line(struct run *run, cw_str rule, int64_t cell, cw_str value, cw_str evidence,
                         bool continues)
{
    return cw_arena_printf(run->arena, "%.*s%scell %lld, value %.*s, evidence %.*s%s",
                           CW_STR_ARG(rule), rule.len != 0 ? ": " : "", (long long)cell,
                           CW_STR_ARG(value), CW_STR_ARG(evidence), continues ? ", continues" : "");
}

static cw_str member_text(struct run *run, const json_t *member)
{
    const char *owner = json_string_value(json_object_get(member, "owner"));
    const char *id = json_string_value(json_object_get(member, "event_id"));
    bool plain = strcmp(owner, "O") == 0;
    return cw_arena_printf(run->arena, "%s%s%s", plain ? "" : owner, plain ? "" : "/", id);
}

static cw_str found_alert(struct run *run, const json_t *row)
{
    struct lines evidence = { .count = 0 };
    struct cw_buf values = { 0 };
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(row, "evidence"), i, item)
        add_line(&evidence, member_text(run, item));
    json_array_foreach(json_object_get(row, "value"), i, item)
        cw_buf_printf(&values, "%s%lld", i != 0 ? "/" : "", (long long)json_integer_value(item));
    cw_str value = cw_arena_copy(run->arena, values.data, values.len);
    cw_buf_done(&values);
    const char *rule = run->rule_count > 1 ? json_string_value(json_object_get(row, "title")) : "";
    cw_str title = cw_arena_copy(run->arena, rule, strlen(rule)); /* the row goes before the line */
    return alert_line(run, title, json_integer_value(json_object_get(row, "cell")), value,
                      join(run, &evidence, " ", false),
                      json_is_true(json_object_get(row, "continues")));
}

/* The entities of parties that state enough to be somebody, by their events. */
static cw_str found_entity(struct run *run, const json_t *entity)
{
    struct lines members = { .count = 0 };
    const char *kind = json_string_value(json_object_get(entity, "kind"));
    size_t i;
    const json_t *item;
    if (strcmp(kind, "person") != 0 && strcmp(kind, "organisation") != 0)
        return (cw_str){ NULL, 0 };
    json_array_foreach(json_object_get(entity, "members"), i, item)
    {
        const char *owner = json_string_value(json_object_get(item, "owner"));
        const char *id = json_string_value(json_object_get(item, "event_id"));
        int64_t part = json_integer_value(json_object_get(item, "part"));
        if (!cw_scene_is_weak(run->scene, cw_cstr(owner), cw_cstr(id), part))
            add_line(&members, member_text(run, item));
    }
    return join(run, &members, " ", true);
}

static cw_str found(struct run *run, void (*export)(struct cw_scene *, struct cw_buf *),
                    cw_str (*line)(struct run *, const json_t *), const char *between)
{
    struct cw_buf text = { 0 };
    struct lines lines = { .count = 0 };
    export(run->scene, &text);
    for (size_t at = 0; at < text.len;) {
        const uint8_t *newline = memchr(text.data + at, '\n', text.len - at);
        size_t len = (size_t)(newline - (text.data + at));
        json_t *json = json_loadb((const char *)text.data + at, len, 0, NULL);
        if (json == NULL)
            fail_msg("a line of the export is no JSON: %.*s", (int)len,
                     (const char *)text.data + at);
        cw_str one = line(run, json);
        if (one.len != 0)
            add_line(&lines, one);
        json_decref(json);
        at += len + 1;
    }
    cw_buf_done(&text);
    return join(run, &lines, between, false);
}

static void list_texts(const struct cw_yaml *list, struct lines *out)
{
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next)
        add_line(out, item->text);
}

static bool expected_alert(struct run *run, const struct cw_yaml *node, struct lines *out)
{
    static const char *const keys[] = { "rule", "cell", "value", "evidence", "continues" };
    struct lines evidence = { .count = 0 };
    int64_t cell;
    if (!known_keys(run, node, keys, sizeof(keys) / sizeof(keys[0])) ||
        !integer_of(run, node, "cell", 0, &cell))
        return false;
    const struct cw_yaml *value = cw_yaml_get(node, "value");
    const struct cw_yaml *list = cw_yaml_get(node, "evidence");
    if (cw_yaml_get(node, "cell") == NULL || value == NULL || list == NULL ||
        list->kind != CW_YAML_LIST)
        return wrong(run, node, "expected cell, value and evidence");
    list_texts(list, &evidence);
    cw_str values = value->text;
    if (value->kind == CW_YAML_LIST) {
        struct cw_buf text = { 0 };
        for (const struct cw_yaml *one = value->first; one != NULL; one = one->next)
            cw_buf_printf(&text, "%s%.*s", text.len != 0 ? "/" : "", CW_STR_ARG(one->text));
        values = cw_arena_copy(run->arena, text.data, text.len);
        cw_buf_done(&text);
    }
    add_line(out, alert_line(run, run->rule_count > 1 ? text_of(node, "rule", "") : cw_cstr(""),
                             cell, values, join(run, &evidence, " ", false),
                             cw_str_is(text_of(node, "continues", "false"), "true")));
    return true;
}

static bool compare(struct run *run, const struct cw_yaml *node, const char *what, cw_str expected,
                    cw_str result)
{
    if (cw_str_eq(expected, result))
        return true;
    return wrong(run, node, "%s: expected\n  %.*s\nfound\n  %.*s", what, CW_STR_ARG(expected),
                 CW_STR_ARG(result));
}

static bool expect_alerts(struct run *run, const struct cw_yaml *node)
{
    struct lines lines = { .count = 0 };
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        if (!expected_alert(run, item, &lines))
            return false;
    }
    if (node->kind == CW_YAML_TEXT && !cw_str_is(node->text, "none"))
        return wrong(run, node, "expected alerts, or none");
    return compare(run, node, "alerts", join(run, &lines, "\n  ", false),
                   found(run, cw_scene_alerts, found_alert, "\n  "));
}

static bool expect_entities(struct run *run, const struct cw_yaml *node)
{
    struct lines lines = { .count = 0 };
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        struct lines members = { .count = 0 };
        list_texts(item, &members);
        add_line(&lines, join(run, &members, " ", true));
    }
    return compare(run, node, "entities", join(run, &lines, " | ", false),
                   found(run, cw_scene_entities, found_entity, " | "));
}

static bool expect_step(struct run *run, const struct cw_yaml *node)
{
    static const char *const keys[] = { "alerts", "entities" };
    if (node->kind == CW_YAML_TEXT)
        return expect_alerts(run, node);
    const struct cw_yaml *alerts = cw_yaml_get(node, "alerts");
    const struct cw_yaml *entities = cw_yaml_get(node, "entities");
    return known_keys(run, node, keys, 2) && (alerts == NULL || expect_alerts(run, alerts)) &&
           (entities == NULL || expect_entities(run, entities));
}

/* --- running --- */

static bool watermark_step(struct run *run, const struct cw_yaml *map)
{
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        const struct cw_type *type = cw_type_by_name(item->key->text);
        int64_t frontier;
        if (type == NULL)
            return wrong(run, item, "no such type");
        if (!read_time(run, item, &frontier))
            return false;
        cw_scene_frontier(run->scene, type->number, frontier);
    }
    return true;
}

static bool step(struct run *run, const struct cw_yaml *node, bool *judged)
{
    int64_t retention;
    if (node->kind == CW_YAML_TEXT && cw_str_is(node->text, "tick")) {
        cw_scene_tick(run->scene);
        *judged = true;
        return true;
    }
    const struct cw_yaml *of = node->kind == CW_YAML_MAP && node->count == 1 ? node->first : NULL;
    if (of == NULL)
        return wrong(run, node, "expected one of tick, event, retention, watermark, expect");
    if (cw_str_is(of->key->text, "expect"))
        return *judged ? expect_step(run, of) : wrong(run, of, "expected a tick before it");
    *judged = false;
    if (cw_str_is(of->key->text, "event"))
        return event_step(run, of);
    if (cw_str_is(of->key->text, "watermark"))
        return watermark_step(run, of);
    if (!cw_str_is(of->key->text, "retention"))
        return wrong(run, of, "no such step: %.*s", CW_STR_ARG(of->key->text));
    if (!read_time(run, of, &retention))
        return false;
    cw_scene_retention(run->scene, retention);
    return true;
}

static bool run_steps(struct run *run, size_t batch)
{
    const struct cw_yaml *root = run->scenario->root;
    const struct cw_yaml *text = cw_yaml_get(root, "rules");
    const struct cw_yaml *timeline = cw_yaml_get(root, "timeline");
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_parse("rules", text->text, &errors);
    if (rules == NULL) {
        (void)wrong(run, text, "%.*s", (int)errors.len, (const char *)errors.data);
        cw_buf_done(&errors);
        return false;
    }
    run->rule_count = cw_rules_count(rules);
    run->scene = cw_scene_new(rules, batch);
    bool good = true;
    bool judged = false;
    for (const struct cw_yaml *node = timeline->first; good && node != NULL; node = node->next)
        good = step(run, node, &judged);
    if (good)
        cw_scene_end(run->scene);
    cw_scene_free(run->scene);
    cw_rules_free(rules);
    cw_buf_done(&errors);
    return good;
}

bool cw_scenario_holds(const struct cw_scenario *scenario, size_t batch, struct cw_buf *report)
{
    struct run *run = cw_new(struct run);
    run->scenario = scenario;
    run->report = report;
    run->arena = cw_arena_new();
    bool good = run_steps(run, batch);
    cw_arena_free(run->arena);
    free(run);
    return good;
}

void cw_scenario_run(const struct cw_scenario *scenario, size_t batch)
{
    struct cw_buf report = { 0 };
    if (!cw_scenario_holds(scenario, batch, &report))
        fail_msg("batch %zu: %.*s", batch, (int)report.len, (const char *)report.data);
}

/* --- files --- */

static bool read_document(struct cw_scenarios *scenarios, struct cw_source *source,
                          const struct cw_yaml *root)
{
    const struct cw_yaml *name = cw_yaml_get(root, "name");
    const struct cw_yaml *rules = cw_yaml_get(root, "rules");
    const struct cw_yaml *timeline = cw_yaml_get(root, "timeline");
    static const char *const keys[] = { "name", "text", "rules", "timeline" };
    bool good = scenarios->count < SCENARIOS_MAX && name != NULL && rules != NULL &&
                rules->kind == CW_YAML_TEXT && timeline != NULL && timeline->kind == CW_YAML_LIST;
    for (const struct cw_yaml *item = root->first; good && item != NULL; item = item->next) {
        good = false;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            good = good || cw_str_is(item->key->text, keys[i]);
    }
    if (!good) {
        cw_yaml_error(source, root, 0, "expected name, text, rules (a text) and timeline (a list)");
        return false;
    }
    scenarios->of[scenarios->count++] = (struct cw_scenario){
        source->name, cw_arena_copy(scenarios->arena, name->text.ptr, name->text.len).ptr, root
    };
    return true;
}

static bool read_file(struct cw_scenarios *scenarios, const char *path, struct cw_buf *errors)
{
    struct cw_buf text = { 0 };
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    for (size_t n = 1; n > 0; text.len += n)
        n = fread(cw_buf_reserve(&text, 65536), 1, 65536, file);
    fclose(file);
    const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    struct cw_source source = { .name = cw_arena_copy(scenarios->arena, base, strlen(base)).ptr,
                                .text = cw_arena_copy(scenarios->arena, text.data, text.len),
                                .arena = scenarios->arena };
    cw_buf_done(&text);
    const struct cw_yaml *root = cw_yaml_read(&source);
    bool good = source.finding_count == 0;
    for (; good && root != NULL; root = root->next)
        good = read_document(scenarios, &source, root);
    cw_source_report(&source, errors);
    return good;
}

struct cw_scenarios *cw_scenarios_read(const char *dir, struct cw_buf *errors)
{
    struct cw_scenarios *scenarios = cw_new(struct cw_scenarios);
    glob_t files;
    scenarios->arena = cw_arena_new();
    cw_str pattern = cw_arena_printf(scenarios->arena, "%s/*.yaml", dir);
    bool good = glob(pattern.ptr, 0, NULL, &files) == 0;
    if (!good)
        cw_buf_printf(errors, "no scenarios in %s\n", dir);
    for (size_t i = 0; good && i < files.gl_pathc; i++)
        good = read_file(scenarios, files.gl_pathv[i], errors);
    globfree(&files);
    if (good)
        return scenarios;
    cw_scenarios_free(scenarios);
    return NULL;
}

void cw_scenarios_free(struct cw_scenarios *scenarios)
{
    if (scenarios == NULL)
        return;
    cw_arena_free(scenarios->arena);
    free(scenarios);
}

size_t cw_scenarios_count(const struct cw_scenarios *scenarios)
{
    return scenarios->count;
}

const struct cw_scenario *cw_scenarios_at(const struct cw_scenarios *scenarios, size_t index)
{
    return &scenarios->of[index];
}

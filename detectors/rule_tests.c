#include "detectors/rule_tests.h"

#include <stdlib.h>

#include "detectors/load.h"
#include "detectors/path.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    FIELDS_MAX = 10000, /* of all events of a rule's tests, with what they inherit */
    PART_INDEX_MAX = 64,
    ALERTS_MAX = 100000
};

/* What an event says of one path; of a party or object also of which of its role. */
struct field {
    struct cw_path path;
    size_t index;  /* from 1 */
    cw_str *texts; /* as many as count, but for numbers */
    size_t count;  /* 0: nothing, and takes away what is inherited */
    struct cw_value number;
};

/* All that an event says, in order. */
struct said {
    const struct field *fields;
    size_t count;
    bool broken; /* some of it was noted: nothing is said of what is missing */
};

struct compiler {
    struct cw_loader *loader;
    struct cw_source *source;
    struct cw_arena *arena;
    struct cw_rule *rule;
    /* of the test under way */
    struct said first[CW_TYPES_MAX + 1]; /* by type; fields NULL: there was none */
    const struct cw_event **events;      /* content, in order */
    size_t event_count;
    size_t number; /* of events so far, for ids */
    /* of the rule */
    size_t field_count;
};

/* What stands beside the paths in an event. */
static const char *const event_keys[] = { "at", "type", "owner", "id", "version", "op" };
static const char *const test_keys[] = { "name", "events", "alerts", "steps" };
static const char *const step_keys[] = { "events", "alerts" };

/* ---- values ---- */

/* False: noted. */
static bool read_whole(struct compiler *compiler, const struct cw_yaml *node, const char *what,
                       int64_t min, int64_t max, int64_t *out)
{
    bool good = node->kind == CW_YAML_TEXT && node->text.len != 0;
    size_t digits = good && node->text.ptr[0] == '-';
    int64_t value = 0;
    good = good && digits < node->text.len && node->text.len <= 18 + digits;
    for (size_t i = digits; good && i < node->text.len; i++) {
        char c = node->text.ptr[i];
        good = c >= '0' && c <= '9';
        value = 10 * value + (c - '0');
    }
    if (digits != 0)
        value = -value;
    if (good && value >= min && value <= max) {
        *out = value;
        return true;
    }
    if (node->kind != CW_YAML_BAD)
        cw_yaml_error(
            compiler->source, node, 0, "expected %s: a whole number from %lld to %lld, found %s",
            what, (long long)min, (long long)max,
            node->kind == CW_YAML_TEXT ? cw_quote(compiler->arena, node->text) : "no number");
    return false;
}

/* An offset from 0d, or a date. */
static bool read_time(struct compiler *compiler, const struct cw_yaml *node, int64_t *out)
{
    int64_t span;
    if (node->kind == CW_YAML_BAD)
        return false;
    if (node->kind == CW_YAML_TEXT && node->text.len != 0) {
        bool before = node->text.ptr[0] == '-';
        cw_str text = { node->text.ptr + before, node->text.len - before };
        if (cw_span_parse(text, &span)) {
            *out = CW_RULE_TEST_EPOCH + (before ? -span : span);
            return true;
        }
        if (cw_time_parse(node->text, out))
            return true;
    }
    cw_yaml_error(compiler->source, node, 0,
                  "expected a time as an offset from 0d such as 3d or -2h (s m h d w), or a date, "
                  "found %s",
                  node->kind == CW_YAML_TEXT ? cw_quote(compiler->arena, node->text) : "no time");
    return false;
}

static bool read_real(struct compiler *compiler, const struct cw_yaml *node, double *out)
{
    char digits[32];
    char *end = digits;
    if (node->text.len != 0 && node->text.len < sizeof(digits)) {
        memcpy(digits, node->text.ptr, node->text.len);
        digits[node->text.len] = '\0';
        *out = strtod(digits, &end);
        if (*end == '\0' && *out - *out == 0) /* not infinite, and a number */
            return true;
    }
    cw_yaml_error(compiler->source, node, 0, "expected a number such as 47.25, found %s",
                  cw_quote(compiler->arena, node->text));
    return false;
}

static bool read_number(struct compiler *compiler, const struct cw_yaml *node, struct field *field)
{
    field->number.present = true;
    switch (cw_path_value(&field->path)) {
    case CW_VALUE_TIME:
        return read_time(compiler, node, &field->number.number);
    case CW_VALUE_REAL:
        return read_real(compiler, node, &field->number.real);
    case CW_VALUE_BOOLEAN:
        field->number.number = cw_str_is(node->text, "true");
        if (field->number.number != 0 || cw_str_is(node->text, "false"))
            return true;
        cw_yaml_error(compiler->source, node, 0, "expected true or false, found %s",
                      cw_quote(compiler->arena, node->text));
        return false;
    case CW_VALUE_LONG:
        return read_whole(compiler, node, "a value", -999999999999999999, 999999999999999999,
                          &field->number.number);
    case CW_VALUE_TEXT:
    case CW_VALUE_NAME:
    case CW_VALUE_IDENTIFIER:
    case CW_VALUE_ENTITY:
    default:
        return true;
    }
}

static bool read_text(struct compiler *compiler, const struct cw_yaml *node, struct field *field)
{
    if (node->kind == CW_YAML_BAD)
        return false;
    if (node->kind != CW_YAML_TEXT || (node->plain && node->text.len == 0)) {
        cw_yaml_error(compiler->source, node, 0,
                      "expected a value, found %s; an event without it: write []",
                      node->kind == CW_YAML_TEXT   ? "nothing"
                      : node->kind == CW_YAML_LIST ? "a list"
                                                   : "a map");
        return false;
    }
    const char *colon = memchr(node->text.ptr, ':', node->text.len);
    if (cw_path_is_scoped(&field->path) && (colon == NULL || colon == node->text.ptr ||
                                            colon + 1 == node->text.ptr + node->text.len)) {
        cw_yaml_error(compiler->source, node, 0,
                      "a %.*s is told apart by who issued it: expected RO:123, found %s",
                      CW_STR_ARG(field->path.id_kind), cw_quote(compiler->arena, node->text));
        return false;
    }
    field->texts[field->count++] = node->text;
    return read_number(compiler, node, field);
}

/* Whether an event may say more than one value there. */
static bool may_be_list(const struct cw_path *path)
{
    if (path->scope == CW_PATH_PARTY || path->scope == CW_PATH_OBJECT)
        return path->what != CW_WHAT_SEX && path->what != CW_WHAT_KIND;
    return cw_path_is_list(path);
}

static bool read_values(struct compiler *compiler, const struct cw_yaml *node, struct field *field)
{
    bool is_list = node->kind == CW_YAML_LIST;
    if (is_list && node->count > 1 && !may_be_list(&field->path)) {
        cw_yaml_error(compiler->source, node, 0, "%.*s has one value, found a list of %zu",
                      CW_STR_ARG(field->path.text), node->count);
        return false;
    }
    field->texts =
        cw_arena_alloc(compiler->arena, (is_list ? node->count + 1 : 1) * sizeof(cw_str));
    bool good = true;
    for (const struct cw_yaml *item = is_list ? node->first : node; item != NULL;
         item = is_list ? item->next : NULL)
        good = read_text(compiler, item, field) && good;
    return good;
}

/* ---- paths ---- */

/* "party.holder.2.name" to "party.holder.name" and 2; *cut is what was left out, at *cut_at. */
static bool take_index(struct compiler *compiler, const struct cw_yaml *key, cw_str *text,
                       size_t *index, size_t *cut_at, size_t *cut)
{
    *text = key->text;
    *index = 1;
    *cut_at = *cut = 0;
    if ((text->len < 6 || memcmp(text->ptr, "party.", 6) != 0) &&
        (text->len < 7 || memcmp(text->ptr, "object.", 7) != 0))
        return true;
    size_t role = text->ptr[0] == 'p' ? 6 : 7;
    size_t at = role;
    while (at < text->len && text->ptr[at] != '.')
        at++;
    size_t end = at + 1;
    size_t value = 0;
    while (end < text->len && text->ptr[end] >= '0' && text->ptr[end] <= '9' && value < 1000)
        value = 10 * value + (size_t)(text->ptr[end++] - '0');
    if (at == role || end == at + 1 || end >= text->len || text->ptr[end] != '.')
        return true;
    if (value < 1 || value > PART_INDEX_MAX) {
        cw_yaml_error(compiler->source, key, at + 1,
                      "expected which of its role it is, 1 to %d, found %zu", (int)PART_INDEX_MAX,
                      value);
        return false;
    }
    *index = value;
    *cut_at = at;
    *cut = end - at;
    *text = cw_arena_printf(compiler->arena, "%.*s%.*s", (int)at, text->ptr, (int)(text->len - end),
                            text->ptr + end);
    return true;
}

/* What an event states: not what is made of it. */
static bool check_stated(struct compiler *compiler, const struct cw_yaml *key,
                         const struct cw_path *path, const struct cw_type *type)
{
    static const struct {
        const char *path;
        const char *key;
    } other_names[] = { { "event_id", "id" }, { "event_type", "type" }, { "event_time", "at" } };
    const char *scope = path->scope == CW_PATH_PARTY ? "party" : "object";
    switch (path->what) {
    case CW_WHAT_TEXT:
    case CW_WHAT_NUMBER:
        for (size_t i = 0; path->scope == CW_PATH_ENVELOPE && i < COUNT(other_names); i++) {
            if (!cw_str_is(path->text, other_names[i].path))
                continue;
            cw_yaml_error(compiler->source, key, 0, "in a test %s is called %s",
                          other_names[i].path, other_names[i].key);
            return false;
        }
        if (path->scope != CW_PATH_DETAIL || path->type == type->number)
            return true;
        cw_yaml_error(compiler->source, key, 0, "%.*s is a field of %s, and this event is %s",
                      CW_STR_ARG(path->text), cw_type_by_number(path->type)->name, type->name);
        return false;
    case CW_WHAT_NAME:
    case CW_WHAT_BIRTH_DATE:
    case CW_WHAT_SEX:
    case CW_WHAT_NATIONALITY:
    case CW_WHAT_KIND:
    case CW_WHAT_ID:
        return true;
    case CW_WHAT_ENTITY:
    case CW_WHAT_KEY:
    case CW_WHAT_EVENT:
    default:
        cw_yaml_error(compiler->source, key, 0,
                      "no event says %.*s, it is made of what events say: give %s.%.*s.id.KIND",
                      CW_STR_ARG(path->text), scope, CW_STR_ARG(path->role));
        return false;
    }
}

static bool is_event_key(cw_str text)
{
    for (size_t i = 0; i < COUNT(event_keys); i++) {
        if (cw_str_is(text, event_keys[i]))
            return true;
    }
    return false;
}

static bool read_field(struct compiler *compiler, const struct cw_yaml *item,
                       const struct cw_type *type, struct field *field)
{
    const struct cw_yaml *key = item->key;
    cw_str text;
    size_t cut_at, cut, offset;
    const char *fault;
    if (!take_index(compiler, key, &text, &field->index, &cut_at, &cut))
        return false;
    if (!cw_path_parse(text, compiler->arena, &field->path, &offset, &fault)) {
        const char *nearest = cw_source_full(compiler->source)
                                  ? NULL
                                  : cw_nearest(key->text, event_keys, COUNT(event_keys));
        if (nearest != NULL)
            cw_yaml_error(compiler->source, key, 0,
                          "unknown key of an event, %s: did you mean \"%s\"?",
                          cw_quote(compiler->arena, key->text), nearest);
        else
            cw_yaml_error(compiler->source, key, offset > cut_at ? offset + cut : offset, "%s",
                          fault);
        return false;
    }
    return check_stated(compiler, key, &field->path, type) && read_values(compiler, item, field);
}

/* ---- what an event says, with what it inherits ---- */

static size_t find_field(const struct field *fields, size_t count, const struct field *wanted)
{
    size_t i = 0;
    while (i < count &&
           (fields[i].index != wanted->index || !cw_str_eq(fields[i].path.text, wanted->path.text)))
        i++;
    return i;
}

/* False: noted, and the event cannot be made. */
static bool read_said(struct compiler *compiler, const struct cw_yaml *node,
                      const struct cw_type *type, struct said *out)
{
    const struct said *first = &compiler->first[type->number];
    size_t inherited = first->count;
    size_t before = compiler->field_count;
    compiler->field_count += inherited + node->count;
    if (compiler->field_count > FIELDS_MAX) {
        if (before <= FIELDS_MAX)
            cw_yaml_error(compiler->source, node, 0,
                          "more than %d fields in the events of a rule's tests", (int)FIELDS_MAX);
        return false;
    }
    struct field *fields =
        cw_arena_alloc(compiler->arena, (inherited + node->count) * sizeof(*fields));
    size_t count = inherited;
    bool good = true;
    if (inherited != 0)
        memcpy(fields, first->fields, inherited * sizeof(*fields));
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        struct field field = { .index = 1 };
        if (is_event_key(item->key->text))
            continue;
        if (!read_field(compiler, item, type, &field)) {
            good = false;
            continue;
        }
        size_t at = find_field(fields, count, &field);
        fields[at] = field;
        count += at == count;
    }
    *out = (struct said){ fields, count, first->broken || !good };
    if (first->fields == NULL)
        compiler->first[type->number] = *out;
    return !out->broken;
}

/* ---- to an event ---- */

/* A part while it is gathered. */
struct gathered {
    enum cw_path_scope scope;
    size_t index;
    struct cw_part part;
};

static cw_str last_word(cw_str role)
{
    size_t at = role.len;
    while (at > 0 && role.ptr[at - 1] != '_')
        at--;
    return at == role.len ? role : (cw_str){ role.ptr + at, role.len - at };
}

static struct cw_part *part_of(struct gathered *parts, size_t *count, const struct field *field)
{
    size_t i = 0;
    while (i < *count && (parts[i].scope != field->path.scope || parts[i].index != field->index ||
                          !cw_str_eq(parts[i].part.role, field->path.role)))
        i++;
    if (i == *count) {
        bool party = field->path.scope == CW_PATH_PARTY;
        parts[i] = (struct gathered){ .scope = field->path.scope, .index = field->index };
        parts[i].part.role = field->path.role;
        parts[i].part.kind = party ? cw_cstr("person") : last_word(field->path.role);
        ++*count;
    }
    return &parts[i].part;
}

static void set_names(struct compiler *compiler, const struct field *field, struct cw_part *part)
{
    part->name_count = field->count;
    part->names = cw_arena_alloc(compiler->arena, field->count * sizeof(*part->names));
    for (size_t i = 0; i < field->count; i++)
        part->names[i] = (struct cw_name){ .full = field->texts[i],
                                           .kind = cw_cstr(i == 0 ? "primary" : "alias"),
                                           .folded = cw_cstr("") };
}

static void add_ids(struct compiler *compiler, const struct field *field, struct cw_part *part)
{
    size_t count = part->id_count + field->count;
    struct cw_identifier *ids = cw_arena_alloc(compiler->arena, count * sizeof(*ids));
    if (part->id_count != 0)
        memcpy(ids, part->ids, part->id_count * sizeof(*ids));
    for (size_t i = 0; i < field->count; i++) {
        struct cw_identifier *id = &ids[part->id_count + i];
        cw_str text = field->texts[i];
        *id = (struct cw_identifier){ .kind = field->path.id_kind, .value = text };
        if (!cw_path_is_scoped(&field->path))
            continue;
        const char *colon = memchr(text.ptr, ':', text.len);
        id->issuer = (cw_str){ text.ptr, (size_t)(colon - text.ptr) };
        id->value = (cw_str){ colon + 1, text.len - id->issuer.len - 1 };
    }
    part->ids = ids;
    part->id_count = count;
}

static void set_part(struct compiler *compiler, const struct field *field, struct cw_part *part)
{
    switch (field->path.what) {
    case CW_WHAT_NAME:
        set_names(compiler, field, part);
        break;
    case CW_WHAT_BIRTH_DATE:
        /* its own list: ingest writes the canonical form of each into it */
        part->birth_dates = cw_arena_alloc(compiler->arena, field->count * sizeof(cw_str));
        memcpy(part->birth_dates, field->texts, field->count * sizeof(cw_str));
        part->birth_date_count = field->count;
        break;
    case CW_WHAT_SEX:
        part->sex = field->texts[0];
        break;
    case CW_WHAT_NATIONALITY:
        part->nationalities = field->texts;
        part->nationality_count = field->count;
        break;
    case CW_WHAT_KIND:
        part->kind = field->texts[0];
        break;
    case CW_WHAT_ID:
        add_ids(compiler, field, part);
        break;
    case CW_WHAT_TEXT:
    case CW_WHAT_NUMBER:
    case CW_WHAT_ENTITY:
    case CW_WHAT_KEY:
    case CW_WHAT_EVENT:
    default:
        break; /* check_stated let none through */
    }
}

static void set_parts(struct compiler *compiler, const struct said *said, struct cw_event *event)
{
    struct cw_arena *arena = compiler->arena;
    struct gathered *parts = cw_arena_alloc(arena, (said->count + 1) * sizeof(*parts));
    size_t count = 0;
    for (size_t i = 0; i < said->count; i++) {
        const struct field *field = &said->fields[i];
        if ((field->path.scope == CW_PATH_PARTY || field->path.scope == CW_PATH_OBJECT) &&
            field->count != 0)
            set_part(compiler, field, part_of(parts, &count, field));
    }
    event->parties = cw_arena_alloc(arena, (count + 1) * sizeof(*event->parties));
    event->objects = cw_arena_alloc(arena, (count + 1) * sizeof(*event->objects));
    for (size_t i = 0; i < count; i++) {
        if (parts[i].scope == CW_PATH_PARTY)
            event->parties[event->party_count++] = parts[i].part;
        else
            event->objects[event->object_count++] = parts[i].part;
    }
}

static void check_detail(struct compiler *compiler, const struct cw_yaml *node,
                         const struct cw_event *event)
{
    const struct cw_type *type = event->type;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct cw_field *field = &type->fields[i];
        if (!event->detail[i].present && !field->nullable && !field->has_default)
            cw_yaml_error(compiler->source, node, 0, "expected %s.%s: every %s states it",
                          type->short_name, field->name, type->name);
    }
}

static void set_fields(struct compiler *compiler, const struct cw_yaml *node,
                       const struct said *said, struct cw_event *event)
{
    const struct cw_type *type = event->type;
    event->detail_type = type;
    event->detail = cw_arena_alloc(compiler->arena, CW_TYPE_FIELDS_MAX * sizeof(*event->detail));
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].has_default && !type->fields[i].nullable)
            event->detail[i] =
                (struct cw_value){ .present = true, .number = type->fields[i].default_long };
    }
    for (size_t i = 0; i < said->count; i++) {
        const struct field *field = &said->fields[i];
        if ((field->path.scope == CW_PATH_ENVELOPE || field->path.scope == CW_PATH_DETAIL) &&
            field->count != 0)
            cw_path_write(&field->path, field->texts, field->count, &field->number, event);
    }
    set_parts(compiler, said, event);
    check_detail(compiler, node, event);
}

/* ---- which event ---- */

static const struct cw_type *read_type(struct compiler *compiler, const struct cw_yaml *node,
                                       const struct cw_type *known)
{
    const struct cw_yaml *given = cw_yaml_get(node, "type");
    if (given == NULL && known != NULL)
        return known;
    if (given == NULL) /* NULL: what it would be is noted at the rule */
        return compiler->rule->selection_count != 0 && compiler->rule->selections != NULL &&
                       compiler->rule->selections[0] != NULL
                   ? cw_type_by_number(compiler->rule->selections[0]->type)
                   : NULL;
    const char *names[CW_TYPES_MAX];
    for (uint16_t n = 1; n <= cw_type_count(); n++)
        names[n - 1] = cw_type_by_number(n)->name;
    return cw_choice(compiler->source, given, "event type", names, cw_type_count()) >= 0
               ? cw_type_by_name(given->text)
               : NULL;
}

/* The last content of the test that has this name. */
static const struct cw_event *find_event(const struct compiler *compiler, cw_str owner, cw_str id)
{
    for (size_t i = compiler->event_count; i-- > 0;) {
        const struct cw_event *event = compiler->events[i];
        if (cw_str_eq(event->owner, owner) && cw_str_eq(event->event_id, id))
            return event;
    }
    return NULL;
}

static void unknown_id(struct compiler *compiler, const struct cw_yaml *node, cw_str id)
{
    const struct cw_yaml *given = cw_yaml_get(node, "id");
    const char **names =
        cw_arena_alloc(compiler->arena, (compiler->event_count + 1) * sizeof(*names));
    for (size_t i = 0; i < compiler->event_count; i++)
        names[i] = cw_arena_copy(compiler->arena, compiler->events[i]->event_id.ptr,
                                 compiler->events[i]->event_id.len)
                       .ptr;
    const char *nearest = cw_nearest(id, names, compiler->event_count);
    cw_yaml_error(compiler->source, given, 0,
                  "no event before it has the id %s%s%s%s; to withdraw what comes later give at",
                  cw_quote(compiler->arena, id), nearest != NULL ? ": did you mean \"" : "",
                  nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static bool optional_text(struct compiler *compiler, const struct cw_yaml *node, const char *key,
                          cw_str *out)
{
    const struct cw_yaml *given = cw_yaml_get(node, key);
    if (given == NULL)
        return true;
    if (!cw_is_text(compiler->source, given, key))
        return false;
    *out = given->text;
    return true;
}

/* Owner, id, op and version; *known is the event's last content, or NULL. */
static bool read_naming(struct compiler *compiler, const struct cw_yaml *node,
                        struct cw_event *event, const struct cw_event **known)
{
    static const char *const ops[] = { "create", "amend", "withdraw" };
    const struct cw_yaml *version = cw_yaml_get(node, "version");
    const struct cw_yaml *op = cw_yaml_get(node, "op");
    const struct cw_yaml *id = cw_yaml_get(node, "id");
    event->owner = cw_cstr("tests");
    event->event_id = cw_arena_printf(compiler->arena, "e%zu", ++compiler->number);
    if (op != NULL) {
        if (cw_choice(compiler->source, op, "op", ops, COUNT(ops)) < 0)
            return false;
        event->op = op->text;
    }
    if (!optional_text(compiler, node, "owner", &event->owner) ||
        !optional_text(compiler, node, "id", &event->event_id))
        return false;
    bool withdraws = cw_str_is(event->op, "withdraw");
    *known = find_event(compiler, event->owner, event->event_id);
    if (withdraws && id == NULL) {
        cw_yaml_error(compiler->source, node, 0, "expected id: which event is withdrawn");
        return false;
    }
    if (withdraws && *known == NULL && cw_yaml_get(node, "at") == NULL) {
        unknown_id(compiler, node, event->event_id);
        return false;
    }
    if (version != NULL)
        return read_whole(compiler, version, "version", 1, 1000000, &event->version);
    if (withdraws && *known != NULL)
        event->version = (*known)->version;
    else if (!withdraws && *known != NULL) {
        cw_yaml_error(
            compiler->source, id != NULL ? id : node, 0,
            "the event %s was there before: expected version: N, the same for a repeat, a "
            "higher one to amend it",
            cw_quote(compiler->arena, event->event_id));
        return false;
    }
    return true;
}

static void check_withdrawal(struct compiler *compiler, const struct cw_yaml *node)
{
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        if (!is_event_key(item->key->text))
            cw_yaml_error(compiler->source, item->key, 0,
                          "a withdrawal says nothing of what happened: expected id, owner, version "
                          "alone");
    }
}

static void read_event(struct compiler *compiler, const struct cw_yaml *node,
                       struct cw_event *event)
{
    const struct cw_event *known;
    const struct cw_yaml *at = cw_yaml_get(node, "at");
    cw_event_defaults(event);
    if (!read_naming(compiler, node, event, &known))
        return;
    bool withdraws = cw_str_is(event->op, "withdraw");
    if (!withdraws)
        compiler->events[compiler->event_count++] = event;
    const struct cw_type *type = read_type(compiler, node, known != NULL ? known->type : NULL);
    if (type == NULL)
        return;
    event->type = type;
    event->event_type = cw_cstr(type->name);
    if (at != NULL && !read_time(compiler, at, &event->event_time))
        return;
    if (at == NULL && withdraws && known != NULL)
        event->event_time = known->event_time;
    event->recorded_at = known != NULL ? known->recorded_at : event->event_time;
    if (withdraws) {
        check_withdrawal(compiler, node);
        return;
    }
    if (at == NULL)
        cw_yaml_error(compiler->source, node, 0, "expected at: when it happened, such as 3d");
    struct said said;
    if (read_said(compiler, node, type, &said))
        set_fields(compiler, node, &said, event);
}

static void read_item(struct compiler *compiler, const struct cw_yaml *node,
                      struct cw_rule_test_event *out)
{
    out->line = node->line;
    if (!cw_is_map(compiler->source, node, "an event"))
        return;
    const struct cw_yaml *frontier = cw_yaml_get(node, "frontier");
    if (frontier == NULL) {
        read_event(compiler, node, &out->event);
        return;
    }
    out->is_frontier = true;
    if (node->count != 1)
        cw_yaml_error(compiler->source, frontier->key, 0,
                      "frontier stands alone, in place of an event");
    (void)read_time(compiler, frontier, &out->frontier);
}

/* ---- tests ---- */

/* Whether all keys are known. What is missing beside one that is not was most likely meant by it.
 */
static bool keys_known(struct compiler *compiler, const struct cw_yaml *node, const char *where,
                       const char *const *known, size_t count)
{
    size_t before = compiler->source->finding_count;
    cw_check_keys(compiler->source, node, where, known, count);
    return compiler->source->finding_count == before;
}

static void read_step(struct compiler *compiler, const struct cw_yaml *node, bool complete,
                      struct cw_rule_test_step *step)
{
    const struct cw_yaml *list = cw_yaml_get(node, "events");
    const struct cw_yaml *alerts = cw_yaml_get(node, "alerts");
    step->line = node->line;
    if (list == NULL && complete)
        cw_yaml_error(compiler->source, node, 0, "expected events: [{at: 0d, PATH: VALUE}, …]");
    if (alerts == NULL && complete)
        cw_yaml_error(compiler->source, node, 0,
                      "expected alerts: N, how many stand when these events have come");
    if (alerts != NULL) {
        step->line = alerts->line;
        (void)read_whole(compiler, alerts, "alerts", 0, ALERTS_MAX, &step->alerts);
    }
    if (list == NULL || !cw_is_list(compiler->source, list, "events"))
        return;
    struct cw_rule_test_event *events =
        cw_arena_alloc(compiler->arena, (list->count + 1) * sizeof(*events));
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next)
        read_item(compiler, item, &events[step->event_count++]);
    step->events = events;
}

static void read_steps(struct compiler *compiler, const struct cw_yaml *node,
                       const struct cw_yaml *list, struct cw_rule_test *test)
{
    static const char *const alone[] = { "events", "alerts" };
    struct cw_rule_test_step *steps =
        cw_arena_alloc(compiler->arena, (list->count + 1) * sizeof(*steps));
    for (size_t i = 0; i < COUNT(alone); i++) {
        const struct cw_yaml *other = cw_yaml_get(node, alone[i]);
        if (other != NULL)
            cw_yaml_error(compiler->source, other->key, 0,
                          "a test has events and alerts, or steps that have them");
    }
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next) {
        if (!cw_is_map(compiler->source, item, "a step"))
            continue;
        bool complete = keys_known(compiler, item, "a step", step_keys, COUNT(step_keys));
        read_step(compiler, item, complete, &steps[test->step_count++]);
    }
    if (list->count == 0)
        cw_yaml_error(compiler->source, list, 0, "expected at least one step");
    test->steps = steps;
}

static size_t count_events(const struct cw_yaml *node)
{
    const struct cw_yaml *list = cw_yaml_get(node, "events");
    const struct cw_yaml *steps = cw_yaml_get(node, "steps");
    size_t count = list != NULL ? list->count : 0;
    for (const struct cw_yaml *step = steps != NULL ? steps->first : NULL; step != NULL;
         step = step->next) {
        list = cw_yaml_get(step, "events");
        count += list != NULL ? list->count : 0;
    }
    return count;
}

static void read_test(struct compiler *compiler, const struct cw_yaml *node,
                      struct cw_rule_test *test)
{
    struct cw_source *source = compiler->source;
    const struct cw_yaml *name = cw_yaml_get(node, "name");
    const struct cw_yaml *list = cw_yaml_get(node, "steps");
    compiler->events =
        cw_arena_alloc(compiler->arena, (count_events(node) + 1) * sizeof(*compiler->events));
    compiler->event_count = 0;
    compiler->number = 0;
    for (size_t i = 0; i < COUNT(compiler->first); i++)
        compiler->first[i] = (struct said){ NULL, 0, false };
    test->line = node->line;
    bool complete = keys_known(compiler, node, "a test", test_keys, COUNT(test_keys));
    if (name == NULL && complete)
        cw_yaml_error(source, node, 0, "expected name: what this test shows");
    else if (cw_is_text(source, name, "name"))
        test->name = name->text;
    if (list != NULL) {
        if (cw_is_list(source, list, "steps"))
            read_steps(compiler, node, list, test);
        return;
    }
    struct cw_rule_test_step *step = cw_arena_alloc(compiler->arena, sizeof(*step));
    read_step(compiler, node, complete, step);
    test->steps = step;
    test->step_count = 1;
}

static void refuse_repeat(struct compiler *compiler, const struct cw_yaml *node,
                          const struct cw_rule_test *tests, size_t count)
{
    const struct cw_yaml *name = cw_yaml_get(node, "name");
    for (size_t i = 0; name != NULL && i + 1 < count; i++) {
        if (tests[i].name.len != 0 && cw_str_eq(tests[i].name, tests[count - 1].name)) {
            cw_yaml_error(compiler->source, name, 0,
                          "the name %s is taken: by the test on line %zu",
                          cw_quote(compiler->arena, name->text), tests[i].line);
            return;
        }
    }
}

void cw_rule_tests_compile(struct cw_loader *loader, const struct cw_document *document,
                           struct cw_rule *rule)
{
    const struct cw_yaml *list = cw_yaml_get(cw_yaml_get(document->root, "crosswatch"), "tests");
    if (!cw_is_list(document->source, list, "tests"))
        return;
    struct compiler *compiler = cw_arena_alloc(loader->arena, sizeof(*compiler));
    *compiler = (struct compiler){
        .loader = loader, .source = document->source, .arena = loader->arena, .rule = rule
    };
    struct cw_rule_test *tests = cw_arena_alloc(loader->arena, (list->count + 1) * sizeof(*tests));
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        if (!cw_is_map(document->source, node, "a test"))
            continue;
        read_test(compiler, node, &tests[rule->test_count++]);
        refuse_repeat(compiler, node, tests, rule->test_count);
    }
    rule->tests = tests;
}

bool cw_rule_test_matches(const struct cw_rule_test *test)
{
    for (size_t i = 0; i < test->step_count; i++) {
        if (test->steps[i].alerts > 0)
            return true;
    }
    return false;
}

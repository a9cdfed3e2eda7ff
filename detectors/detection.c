/* detection.c - a detection document to a selection: which events of one type. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "detectors/fold.h"
#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/time.h"

static const char *const detection_keys[] = {
    "title",     "name",      "id",    "status",     "description", "references",
    "tags",      "author",    "date",  "modified",   "license",     "falsepositives",
    "logsource", "detection", "level", "crosswatch",
};
static const char *const logsource_keys[] = { "category" };
static const char *const reserved[] = { "and", "or", "not", "of", "them", "all" };

/* Instructions as they are gathered. */
struct code {
    struct cw_instruction *items;
    size_t count;
    size_t cap;
    bool full;
};

struct compiler {
    struct cw_loader *loader;
    struct cw_source *source;
    const struct cw_type *type; /* NULL: unknown, noted */
};

static void emit(struct compiler *compiler, struct code *code, struct cw_instruction instruction)
{
    if (code->count == CW_SELECTION_CODE) {
        code->full = true;
        return;
    }
    if (code->count == code->cap) {
        size_t cap = code->cap != 0 ? 2 * code->cap : 8;
        struct cw_instruction *items =
            cw_arena_alloc(compiler->loader->arena, cap * sizeof(*items));
        if (code->count != 0)
            memcpy(items, code->items, code->count * sizeof(*items));
        code->items = items;
        code->cap = cap;
    }
    code->items[code->count++] = instruction;
}

/* ---- values ---- */

/*
 * Sigma's escapes: a backslash before *, ? or another takes its meaning away. Wildcards themselves
 * are not known here, and to read one as a plain star would select other events than its author
 * means.
 */
static bool unescape(struct compiler *compiler, const struct cw_yaml *node, cw_str *out)
{
    cw_str text = node->text;
    char *copy = cw_arena_alloc(compiler->loader->arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len &&
            (text.ptr[i + 1] == '*' || text.ptr[i + 1] == '?' || text.ptr[i + 1] == '\\')) {
            c = text.ptr[++i];
        } else if (c == '*' || c == '?') {
            cw_yaml_error(compiler->source, node, i,
                          "wildcards are not known here: for the character itself write \\%c", c);
            return false;
        }
        copy[len++] = c;
    }
    *out = (cw_str){ copy, len };
    return true;
}

static bool is_null_word(const struct cw_yaml *node)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; node->plain && i < sizeof(words) / sizeof(words[0]); i++) {
        if (cw_str_is(node->text, words[i]))
            return true;
    }
    return false;
}

/* A whole number without the zeros and signs that could mean something else. */
static bool is_whole(cw_str text)
{
    size_t at = text.len > 1 && text.ptr[0] == '-';
    if (at == text.len || text.len - at > 18 || (text.ptr[at] == '0' && text.len != 1))
        return false;
    for (; at < text.len; at++) {
        if (text.ptr[at] < '0' || text.ptr[at] > '9')
            return false;
    }
    return true;
}

/* "RO:123": an issuing country, a colon, a value. */
static bool has_issuer(cw_str text)
{
    const char *colon = text.len != 0 ? memchr(text.ptr, ':', text.len) : NULL;
    return colon != NULL && colon != text.ptr && colon + 1 < text.ptr + text.len;
}

/* The value as the path's values are compared: by the schema's type, not by its looks. */
static bool read_value(struct compiler *compiler, const struct cw_path *path,
                       const struct cw_yaml *node, cw_str *out)
{
    struct cw_source *source = compiler->source;
    struct cw_arena *arena = compiler->loader->arena;
    const char *shown = cw_quote(arena, node->text);
    int64_t time;
    if (is_null_word(node)) {
        cw_yaml_error(source, node, 0,
                      "expected a value: to ask for a missing field write %.*s|exists: false; the "
                      "text itself needs quotes",
                      CW_STR_ARG(path->text));
        return false;
    }
    switch (cw_path_value(path)) {
    case CW_VALUE_LONG:
        if (is_whole(node->text)) {
            *out = node->text;
            return true;
        }
        cw_yaml_error(source, node, 0, "expected a whole number such as 12 (%.*s is one), found %s",
                      CW_STR_ARG(path->text), shown);
        return false;
    case CW_VALUE_BOOLEAN:
        if (cw_str_is(node->text, "true") || cw_str_is(node->text, "false")) {
            *out = cw_cstr(cw_str_is(node->text, "true") ? "1" : "0");
            return true;
        }
        cw_yaml_error(source, node, 0, "expected true or false (%.*s is one of them), found %s",
                      CW_STR_ARG(path->text), shown);
        return false;
    case CW_VALUE_TIME:
        if (cw_time_parse(node->text, &time)) {
            *out = cw_arena_printf(arena, "%" PRId64, time);
            return true;
        }
        cw_yaml_error(source, node, 0,
                      "expected a time such as 2020-01-31T12:00:00Z (%.*s is one), found %s",
                      CW_STR_ARG(path->text), shown);
        return false;
    case CW_VALUE_IDENTIFIER:
        if (!unescape(compiler, node, out))
            return false;
        if (cw_path_is_scoped(path) && !has_issuer(*out)) {
            cw_yaml_error(
                source, node, 0,
                "ambiguous: a %.*s is told apart by who issued it: expected RO:123, found "
                "%s",
                CW_STR_ARG(path->id_kind), shown);
            return false;
        }
        *out = cw_fold(*out, CW_FOLD_TEXT, arena);
        return true;
    case CW_VALUE_NAME:
        if (!unescape(compiler, node, out))
            return false;
        *out = cw_fold(*out, CW_FOLD_NAME, arena);
        return true;
    case CW_VALUE_TEXT:
    case CW_VALUE_REAL:
    case CW_VALUE_ENTITY:
    default:
        if (!unescape(compiler, node, out))
            return false;
        *out = cw_fold(*out, CW_FOLD_TEXT, arena);
        return true;
    }
}

static int compare_texts(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static void compile_equals(struct compiler *compiler, const struct cw_path *path,
                           const struct cw_yaml *value, struct code *code)
{
    bool is_list = value->kind == CW_YAML_LIST;
    if (is_list && value->count == 0) {
        cw_yaml_error(compiler->source, value, 0, "expected at least one value");
        return;
    }
    size_t max = is_list ? value->count : 1;
    cw_str *texts = cw_arena_alloc(compiler->loader->arena, max * sizeof(*texts));
    size_t count = 0;
    for (const struct cw_yaml *node = is_list ? value->first : value; node != NULL;
         node = is_list ? node->next : NULL) {
        if (node->kind == CW_YAML_BAD)
            continue;
        if (node->kind != CW_YAML_TEXT) {
            cw_yaml_error(compiler->source, node, 0, "expected a value, found a %s",
                          node->kind == CW_YAML_LIST ? "list" : "map");
            continue;
        }
        count += read_value(compiler, path, node, &texts[count]);
    }
    if (count != 0)
        qsort(texts, count, sizeof(*texts), compare_texts);
    emit(compiler, code,
         (struct cw_instruction){
             .op = CW_OP_EQUALS, .path = path, .texts = texts, .text_count = count });
}

static void compile_exists(struct compiler *compiler, const struct cw_path *path,
                           const struct cw_yaml *value, struct code *code)
{
    if (value->kind == CW_YAML_BAD)
        return;
    bool wanted = value->kind == CW_YAML_TEXT && cw_str_is(value->text, "true");
    if (!wanted && !(value->kind == CW_YAML_TEXT && cw_str_is(value->text, "false"))) {
        cw_yaml_error(compiler->source, value, 0, "expected true or false behind exists");
        return;
    }
    emit(compiler, code,
         (struct cw_instruction){ .op = CW_OP_EXISTS, .path = path, .argument = wanted });
}

/* ---- one test: path, modifier, value ---- */

static const struct cw_path *read_path(struct compiler *compiler, const struct cw_yaml *key,
                                       cw_str text)
{
    struct cw_path *path = cw_arena_alloc(compiler->loader->arena, sizeof(*path));
    size_t offset = 0;
    const char *fault = NULL;
    if (!cw_path_parse(text, compiler->loader->arena, path, &offset, &fault)) {
        cw_yaml_error(compiler->source, key, offset, "%s", fault);
        return NULL;
    }
    if (path->scope == CW_PATH_DETAIL && compiler->type != NULL &&
        path->type != compiler->type->number) {
        cw_yaml_error(compiler->source, key, 0,
                      "%.*s is a field of %s, and these events are of %s (%s.FIELD)",
                      CW_STR_ARG(text), cw_type_by_number(path->type)->name, compiler->type->name,
                      compiler->type->short_name);
        return NULL;
    }
    if (cw_path_value(path) == CW_VALUE_ENTITY) {
        cw_yaml_error(compiler->source, key, 0,
                      "a selection sees the event, not the entity: test an identifier "
                      "(%s.%.*s.id.KIND), or name the entity in group-by",
                      path->scope == CW_PATH_PARTY ? "party" : "object", CW_STR_ARG(path->role));
        return NULL;
    }
    return path;
}

static void compile_test(struct compiler *compiler, const struct cw_yaml *value, struct code *code)
{
    static const char *const modifiers[] = { "exists" };
    const struct cw_yaml *key = value->key;
    const char *bar = key->text.len != 0 ? memchr(key->text.ptr, '|', key->text.len) : NULL;
    size_t path_len = bar != NULL ? (size_t)(bar - key->text.ptr) : key->text.len;
    const struct cw_path *path = read_path(compiler, key, (cw_str){ key->text.ptr, path_len });
    if (bar != NULL) {
        cw_str modifier = { bar + 1, key->text.len - path_len - 1 };
        if (!cw_str_is(modifier, "exists")) {
            const char *nearest = cw_nearest(modifier, modifiers, 1);
            cw_yaml_error(
                compiler->source, key, path_len + 1, "unknown modifier %s: %s \"exists\"%s",
                cw_quote(compiler->loader->arena, modifier),
                nearest != NULL ? "did you mean" : "there is", nearest != NULL ? "?" : "");
            return;
        }
        if (path != NULL)
            compile_exists(compiler, path, value, code);
        return;
    }
    if (path == NULL)
        return;
    if (cw_path_value(path) == CW_VALUE_REAL) {
        cw_yaml_error(compiler->source, key, 0,
                      "%.*s is a fraction, which is never equal for certain: only |exists asks "
                      "for it",
                      CW_STR_ARG(path->text));
        return;
    }
    compile_equals(compiler, path, value, code);
}

/* ---- selections: a map is all of its tests, a list of maps any of them ---- */

static void compile_map(struct compiler *compiler, const struct cw_yaml *map, struct code *code)
{
    if (map->count == 0) {
        cw_yaml_error(compiler->source, map, 0, "expected at least one test: {path: value}");
        return;
    }
    bool first = true;
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        compile_test(compiler, item, code);
        if (!first)
            emit(compiler, code, (struct cw_instruction){ .op = CW_OP_AND });
        first = false;
    }
}

static void compile_selection(struct compiler *compiler, const struct cw_yaml *node,
                              struct code *code)
{
    if (node->kind == CW_YAML_BAD)
        return;
    if (node->kind == CW_YAML_MAP) {
        compile_map(compiler, node, code);
        return;
    }
    if (node->kind != CW_YAML_LIST || node->count == 0) {
        cw_yaml_error(compiler->source, node, 0,
                      "expected a map of tests {path: value}, or a list of such maps");
        return;
    }
    bool first = true;
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        if (item->kind == CW_YAML_BAD)
            continue;
        if (item->kind != CW_YAML_MAP) {
            cw_yaml_error(compiler->source, item, 0,
                          "expected a map of tests {path: value}: words without a path are not "
                          "known here");
            continue;
        }
        compile_map(compiler, item, code);
        if (!first)
            emit(compiler, code, (struct cw_instruction){ .op = CW_OP_OR });
        first = false;
    }
}

/* Each name's code in place of the name. */
static void expand(struct compiler *compiler, const struct cw_condition *condition,
                   const struct code *codes, struct code *out)
{
    for (size_t i = 0; i < condition->count && !out->full; i++) {
        const struct cw_term *term = &condition->terms[i];
        if (term->op != CW_OP_CONST) {
            emit(compiler, out, (struct cw_instruction){ .op = term->op });
            continue;
        }
        const struct code *code = &codes[term->name];
        for (size_t j = 0; j < code->count; j++)
            emit(compiler, out, code->items[j]);
    }
}

static void check_name(struct compiler *compiler, const struct cw_yaml *key)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (cw_str_is(key->text, reserved[i]))
            cw_yaml_error(compiler->source, key, 0,
                          "\"%s\" is a word of conditions: call the selection something else",
                          reserved[i]);
    }
    for (size_t i = 0; i < key->text.len; i++) {
        char c = key->text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.')) {
            cw_yaml_error(compiler->source, key, i,
                          "a selection's name is of letters, digits, and _ - .");
            return;
        }
    }
}

static void compile_detection(struct compiler *compiler, const struct cw_yaml *detection,
                              struct cw_selection *selection)
{
    struct cw_source *source = compiler->source;
    struct cw_arena *arena = compiler->loader->arena;
    struct code *codes = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*codes));
    const char **names = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*names));
    bool *used = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*used));
    const struct cw_yaml **keys = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*keys));
    size_t count = 0;
    for (const struct cw_yaml *item = detection->first; item != NULL; item = item->next) {
        if (cw_str_is(item->key->text, "condition"))
            continue;
        check_name(compiler, item->key);
        compile_selection(compiler, item, &codes[count]);
        names[count] = item->key->text.ptr; /* copied with a NUL behind */
        keys[count++] = item->key;
    }
    const struct cw_yaml *condition = cw_yaml_get(detection, "condition");
    if (condition == NULL) {
        cw_yaml_error(source, detection, 0,
                      "expected a condition: which of the selections must hold");
        return;
    }
    if (!cw_is_text(source, condition, "the condition"))
        return;
    size_t before = source->finding_count;
    struct cw_condition parsed;
    if (!cw_condition_parse(source, condition, names, count, used, &parsed))
        return;
    for (size_t i = 0; i < count && source->finding_count == before; i++) {
        if (!used[i])
            cw_yaml_error(source, keys[i], 0, "%s is not in the condition",
                          cw_quote(arena, keys[i]->text));
    }
    struct code code = { 0 };
    expand(compiler, &parsed, codes, &code);
    if (code.full)
        cw_yaml_error(source, condition, 0, "the condition comes to more than %d steps",
                      CW_SELECTION_CODE);
    selection->code = code.items;
    selection->code_len = code.count;
}

static const struct cw_type *read_type(struct compiler *compiler, const struct cw_yaml *root)
{
    struct cw_source *source = compiler->source;
    const struct cw_yaml *logsource = cw_yaml_get(root, "logsource");
    if (logsource == NULL) {
        cw_yaml_error(source, root, 0,
                      "expected logsource: {category: EVENT_TYPE}: which events are looked at");
        return NULL;
    }
    if (!cw_is_map(source, logsource, "logsource"))
        return NULL;
    cw_check_keys(source, logsource, "logsource", logsource_keys, 1);
    const struct cw_yaml *category = cw_yaml_get(logsource, "category");
    if (category == NULL) {
        cw_yaml_error(source, logsource, 0, "expected category: EVENT_TYPE in logsource");
        return NULL;
    }
    if (!cw_is_text(source, category, "category"))
        return NULL;
    const struct cw_type *type = cw_type_by_name(category->text);
    if (type == NULL) {
        const char *names[CW_TYPES_MAX + 1];
        for (uint16_t n = 1; n <= cw_type_count(); n++)
            names[n - 1] = cw_type_by_number(n)->name;
        cw_unknown(source, category, "event type", names, cw_type_count());
    }
    return type;
}

void cw_detection_compile(struct cw_loader *loader, struct cw_document *document)
{
    struct cw_source *source = document->source;
    struct compiler compiler = { .loader = loader, .source = source };
    const struct cw_yaml *root = document->root;
    size_t known = sizeof(detection_keys) / sizeof(detection_keys[0]);
    cw_check_keys(source, root, "a detection", detection_keys, known);
    const struct cw_yaml *crosswatch = cw_yaml_get(root, "crosswatch");
    if (crosswatch != NULL && !document->alerts)
        cw_yaml_error(source, crosswatch->key, 0,
                      "crosswatch is for what alerts, a correlation or a detection with a level: "
                      "this one only selects");
    if (cw_yaml_get(root, "name") == NULL && cw_yaml_get(root, "id") == NULL && !document->alerts)
        cw_yaml_error(source, root, 0,
                      "expected a name (or an id), by which correlations call this detection");
    compiler.type = read_type(&compiler, root);
    document->selection->type = compiler.type != NULL ? compiler.type->number : 0;
    const struct cw_yaml *detection = cw_yaml_get(root, "detection");
    if (cw_is_map(source, detection, "detection"))
        compile_detection(&compiler, detection, document->selection);
}

/* detection.c - a detection document to a selection: which events of one type. */
#include <stdlib.h>

#include "detectors/load.h"
#include "detectors/path.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const detection_keys[] = {
    "title",     "name",      "id",    "status",     "description", "references",
    "tags",      "author",    "date",  "modified",   "license",     "falsepositives",
    "logsource", "detection", "level", "crosswatch",
};
static const char *const logsource_keys[] = { "category" };
static const char *const reserved[] = { "and", "or", "not", "of", "them", "all", "any" };

struct compiler {
    struct cw_loader *loader;
    struct cw_source *source;
    const struct cw_type *type; /* NULL: unknown, noted */
};

/* ---- modifiers ---- */

enum modifier { CONTAINS, STARTSWITH, ENDSWITH, CASED, EXISTS, GT, GTE, LT, LTE, IN_LIST, NONE };
static const char *const modifiers[] = { "contains", "startswith", "endswith", "cased", "exists",
                                         "gt",       "gte",        "lt",       "lte",   "in_list" };
static const char *const modifiers_later[] = {
    "all",          "re",       "i",       "m",          "s",
    "cidr",         "fieldref", "neq",     "windash",    "base64",
    "base64offset", "utf16le",  "utf16be", "utf16",      "wide",
    "expand",       "minute",   "hour",    "day",        "week",
    "month",        "year",     "near",    "country_of", "fuzzy",
};

/* One test as its key says it. */
struct test {
    const struct cw_yaml *key;
    const struct cw_path *path; /* NULL: unknown, noted */
    enum modifier how;          /* not CASED */
    bool cased;
};

static cw_str known_modifiers(struct compiler *compiler)
{
    struct cw_buf list = { 0 };
    for (size_t i = 0; i < COUNT(modifiers); i++)
        cw_buf_printf(&list, "%s%s", i != 0 ? ", " : "", modifiers[i]);
    cw_str out = cw_arena_copy(compiler->loader->arena, list.data, list.len);
    cw_buf_done(&list);
    return out;
}

/* NONE: noted. */
static enum modifier find_modifier(struct compiler *compiler, const struct cw_yaml *key, size_t at,
                                   cw_str word)
{
    for (size_t i = 0; i < COUNT(modifiers); i++) {
        if (cw_str_is(word, modifiers[i]))
            return (enum modifier)i;
    }
    const char *shown = cw_quote(compiler->loader->arena, word);
    for (size_t i = 0; i < COUNT(modifiers_later); i++) {
        if (!cw_str_is(word, modifiers_later[i]))
            continue;
        cw_yaml_error(compiler->source, key, at, "the modifier %s is not supported: there are %s",
                      shown, known_modifiers(compiler).ptr);
        return NONE;
    }
    const char *nearest =
        cw_source_full(compiler->source) ? NULL : cw_nearest(word, modifiers, COUNT(modifiers));
    if (nearest != NULL)
        cw_yaml_error(compiler->source, key, at, "unknown modifier %s: did you mean \"%s\"?", shown,
                      nearest);
    else
        cw_yaml_error(compiler->source, key, at, "unknown modifier %s: there are %s", shown,
                      known_modifiers(compiler).ptr);
    return NONE;
}

/* What the path's values are, where the modifier cannot be asked of them; else NULL. */
static const char *unfit(enum modifier how, const struct cw_path *path)
{
    enum cw_path_value value = cw_path_value(path);
    if (how == EXISTS)
        return NULL;
    if (value == CW_VALUE_REAL)
        return "a fraction, which is never equal for certain and enters no comparison: only "
               "|exists "
               "asks for it";
    bool orders = how == GT || how == GTE || how == LT || how == LTE;
    if (orders && value == CW_VALUE_BOOLEAN)
        return "true or false, which have no order: expected the value without a modifier";
    if (orders && !cw_value_is_number(path))
        return "a text: expected a number or a time for gt, gte, lt and lte";
    if (!orders && how != IN_LIST && how != NONE && cw_value_is_number(path))
        return "no text: expected gt, gte, lt, lte, in_list, exists, or the value without a "
               "modifier";
    if (how == CASED && value == CW_VALUE_NAME)
        return "compared as records hold names, which is without case: cased cannot be asked";
    return NULL;
}

static bool read_modifier(struct compiler *compiler, struct test *test, size_t at, cw_str word)
{
    enum modifier found = find_modifier(compiler, test->key, at, word);
    if (found == NONE)
        return false;
    bool again = found == CASED ? test->cased : found == test->how;
    bool clashes = found == CASED ? test->how == EXISTS || (test->how >= GT && test->how <= LTE)
                   : test->cased  ? found == EXISTS || (found >= GT && found <= LTE)
                                  : false;
    if (again)
        cw_yaml_error(compiler->source, test->key, at, "%s stands here twice", modifiers[found]);
    else if (clashes || (found != CASED && test->how != NONE))
        cw_yaml_error(compiler->source, test->key, at, "%s and %s do not go together",
                      test->how != NONE ? modifiers[test->how] : "cased", modifiers[found]);
    else if (test->path != NULL && unfit(found, test->path) != NULL)
        cw_yaml_error(compiler->source, test->key, at, "%.*s is %s", CW_STR_ARG(test->path->text),
                      unfit(found, test->path));
    else {
        if (found == CASED)
            test->cased = true;
        else
            test->how = found;
        return true;
    }
    return false;
}

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

/* "path|modifier|modifier". False: noted, and no more can be said of the value. */
static bool read_key(struct compiler *compiler, const struct cw_yaml *key, struct test *out)
{
    cw_str text = key->text;
    const char *bar = text.len != 0 ? memchr(text.ptr, '|', text.len) : NULL;
    size_t end = bar != NULL ? (size_t)(bar - text.ptr) : text.len;
    *out = (struct test){ .key = key, .how = NONE };
    out->path = read_path(compiler, key, (cw_str){ text.ptr, end });
    bool good = out->path != NULL;
    while (end < text.len) {
        size_t at = end + 1;
        bar = at < text.len ? memchr(text.ptr + at, '|', text.len - at) : NULL;
        end = bar != NULL ? (size_t)(bar - text.ptr) : text.len;
        good = read_modifier(compiler, out, at, (cw_str){ text.ptr + at, end - at }) && good;
    }
    if (good && out->how == NONE && unfit(NONE, out->path) != NULL) {
        cw_yaml_error(compiler->source, key, 0, "%.*s is %s", CW_STR_ARG(out->path->text),
                      unfit(NONE, out->path));
        return false;
    }
    return good;
}

/* ---- values ---- */

static bool is_null_word(const struct cw_yaml *node)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; node->plain && i < COUNT(words); i++) {
        if (cw_str_is(node->text, words[i]))
            return true;
    }
    return false;
}

static bool read_value(struct compiler *compiler, const struct test *test,
                       const struct cw_yaml *node, struct cw_constant *out)
{
    static const enum cw_shape shapes[] = { CW_SHAPE_CONTAINS, CW_SHAPE_STARTS, CW_SHAPE_ENDS };
    struct cw_source *source = compiler->source;
    if (node->kind == CW_YAML_BAD)
        return false;
    if (node->kind != CW_YAML_TEXT) {
        cw_yaml_error(source, node, 0, "expected a value, found a %s",
                      node->kind == CW_YAML_LIST ? "list" : "map");
        return false;
    }
    if (is_null_word(node)) {
        cw_yaml_error(source, node, 0,
                      "expected a value: to ask for a missing field write %.*s|exists: false; the "
                      "text itself needs quotes",
                      CW_STR_ARG(test->path->text));
        return false;
    }
    size_t offset;
    const char *fault;
    enum cw_shape shape = test->how <= ENDSWITH ? shapes[test->how] : CW_SHAPE_WHOLE;
    if (cw_value_read(compiler->loader->arena, test->path, node->text, false, test->cased, shape,
                      out, &offset, &fault))
        return true;
    cw_yaml_error(source, node, offset, "%s", fault);
    return false;
}

static int by_text(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The values of one test as they are gathered: each kind becomes one instruction. */
struct values {
    cw_str *texts;
    size_t text_count;
    cw_str *patterns;
    size_t pattern_count;
    int64_t *numbers;
    size_t number_count;
};

static struct cw_instruction within(enum modifier how, const struct cw_path *path, int64_t number)
{
    struct cw_instruction test = { .op = CW_OP_WITHIN, .path = path };
    bool above = how == GT || how == GTE;
    test.low = above ? number + (how == GT) : INT64_MIN; /* never near the ends of the type */
    test.high = above ? INT64_MAX : number - (how == LT);
    return test;
}

static struct cw_node *of_values(struct cw_arena *arena, const struct test *test,
                                 const struct values *values)
{
    struct cw_node *node = NULL;
    struct cw_instruction one = { .path = test->path, .cased = test->cased };
    for (size_t i = 0; test->how >= GT && test->how <= LTE && i < values->number_count; i++) {
        struct cw_instruction order = within(test->how, test->path, values->numbers[i]);
        node = cw_node_join(arena, CW_NODE_OR, node, i > 1, cw_node_test(arena, &order));
    }
    if (node != NULL)
        return node;
    if (values->number_count != 0) {
        one.op = CW_OP_AMONG;
        one.numbers = values->numbers;
        one.number_count = values->number_count;
        qsort(values->numbers, values->number_count, sizeof(*values->numbers), by_number);
        return cw_node_test(arena, &one);
    }
    if (values->text_count != 0) {
        one.op = CW_OP_EQUALS;
        one.texts = values->texts;
        one.text_count = values->text_count;
        qsort(values->texts, values->text_count, sizeof(*values->texts), by_text);
        node = cw_node_test(arena, &one);
    }
    if (values->pattern_count != 0) {
        one.op = CW_OP_LIKE;
        one.texts = values->patterns;
        one.text_count = values->pattern_count;
        qsort(values->patterns, values->pattern_count, sizeof(*values->patterns), by_text);
        node = cw_node_join(arena, CW_NODE_OR, node, false, cw_node_test(arena, &one));
    }
    return node;
}

static struct cw_node *compile_lists(struct compiler *compiler, const struct test *test,
                                     const struct cw_yaml *value)
{
    struct cw_arena *arena = compiler->loader->arena;
    bool is_list = value->kind == CW_YAML_LIST;
    struct cw_node *node = NULL;
    size_t joined = 0;
    for (const struct cw_yaml *name = is_list ? value->first : value; name != NULL;
         name = is_list ? name->next : NULL) {
        struct cw_instruction one = { .path = test->path, .cased = test->cased };
        if (cw_list_read(compiler->loader, compiler->source, name, &one))
            node = cw_node_join(arena, CW_NODE_OR, node, joined++ > 1, cw_node_test(arena, &one));
    }
    return node;
}

static struct cw_node *compile_values(struct compiler *compiler, const struct test *test,
                                      const struct cw_yaml *value)
{
    struct cw_arena *arena = compiler->loader->arena;
    bool is_list = value->kind == CW_YAML_LIST;
    if (is_list && value->count == 0) {
        cw_yaml_error(compiler->source, value, 0, "expected at least one value");
        return NULL;
    }
    if (test->how == IN_LIST)
        return compile_lists(compiler, test, value);
    size_t max = is_list ? value->count : 1;
    struct values values = { 0 };
    bool numbers = cw_value_is_number(test->path);
    values.numbers = cw_arena_alloc(arena, (numbers ? max : 0) * sizeof(*values.numbers));
    values.texts = cw_arena_alloc(arena, (numbers ? 0 : max) * sizeof(*values.texts));
    values.patterns = cw_arena_alloc(arena, (numbers ? 0 : max) * sizeof(*values.patterns));
    for (const struct cw_yaml *node = is_list ? value->first : value; node != NULL;
         node = is_list ? node->next : NULL) {
        struct cw_constant constant;
        if (!read_value(compiler, test, node, &constant))
            continue;
        if (numbers)
            values.numbers[values.number_count++] = constant.number;
        else if (constant.is_pattern)
            values.patterns[values.pattern_count++] = constant.text;
        else
            values.texts[values.text_count++] = constant.text;
    }
    return of_values(arena, test, &values);
}

static struct cw_node *compile_exists(struct compiler *compiler, const struct cw_path *path,
                                      const struct cw_yaml *value)
{
    if (value->kind == CW_YAML_BAD)
        return NULL;
    bool wanted = value->kind == CW_YAML_TEXT && cw_str_is(value->text, "true");
    if (!wanted && !(value->kind == CW_YAML_TEXT && cw_str_is(value->text, "false"))) {
        cw_yaml_error(compiler->source, value, 0, "expected true or false behind exists");
        return NULL;
    }
    struct cw_arena *arena = compiler->loader->arena;
    struct cw_instruction test = { .op = CW_OP_EXISTS, .path = path };
    struct cw_node *node = cw_node_test(arena, &test);
    return wanted ? node : cw_node_not(arena, node);
}

/* ---- selections: a map is all of its tests, a list of maps any of them ---- */

/* NULL, here and below: a mistake was noted. */
static struct cw_node *compile_map(struct compiler *compiler, const struct cw_yaml *map)
{
    if (map->count == 0) {
        cw_yaml_error(compiler->source, map, 0, "expected at least one test: {path: value}");
        return NULL;
    }
    struct cw_node *node = NULL;
    size_t joined = 0;
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        struct test test;
        if (!read_key(compiler, item->key, &test))
            continue;
        struct cw_node *child = test.how == EXISTS ? compile_exists(compiler, test.path, item)
                                                   : compile_values(compiler, &test, item);
        node = cw_node_join(compiler->loader->arena, CW_NODE_AND, node, joined++ > 1, child);
    }
    return node;
}

static struct cw_node *compile_selection(struct compiler *compiler, const struct cw_yaml *node)
{
    if (node->kind == CW_YAML_BAD)
        return NULL;
    if (node->kind == CW_YAML_MAP)
        return compile_map(compiler, node);
    if (node->kind != CW_YAML_LIST || node->count == 0) {
        cw_yaml_error(compiler->source, node, 0,
                      "expected a map of tests {path: value}, or a list of such maps");
        return NULL;
    }
    struct cw_node *any = NULL;
    size_t joined = 0;
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next) {
        if (item->kind == CW_YAML_BAD)
            continue;
        if (item->kind != CW_YAML_MAP) {
            cw_yaml_error(compiler->source, item, 0,
                          "expected a map of tests {path: value}: words without a path are not "
                          "known here");
            continue;
        }
        struct cw_node *child = compile_map(compiler, item);
        any = cw_node_join(compiler->loader->arena, CW_NODE_OR, any, joined++ > 1, child);
    }
    return any;
}

/* Each name's tree in place of the name. Only nodes made here are added to. */
static struct cw_node *expand(struct compiler *compiler, const struct cw_condition *condition,
                              struct cw_node *const *nodes)
{
    struct cw_arena *arena = compiler->loader->arena;
    struct entry {
        struct cw_node *node;
        bool own;
    } *stack = cw_arena_alloc(arena, (condition->count + 1) * sizeof(*stack));
    size_t depth = 0;
    for (size_t i = 0; i < condition->count; i++) {
        const struct cw_term *term = &condition->terms[i];
        if (term->op == CW_TERM_NAME) {
            stack[depth++] = (struct entry){ nodes[term->name], false };
        } else if (term->op == CW_TERM_NOT) {
            stack[depth - 1] = (struct entry){ cw_node_not(arena, stack[depth - 1].node), true };
        } else {
            struct entry *left = &stack[depth - 2];
            depth--;
            left->node = cw_node_join(arena, term->op == CW_TERM_AND ? CW_NODE_AND : CW_NODE_OR,
                                      left->node, left->own, stack[depth].node);
            left->own = true;
        }
    }
    return stack[0].node;
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
    struct cw_node **nodes = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*nodes));
    const char **names = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*names));
    bool *used = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*used));
    const struct cw_yaml **keys = cw_arena_alloc(arena, (detection->count + 1) * sizeof(*keys));
    size_t count = 0;
    size_t before = source->finding_count;
    for (const struct cw_yaml *item = detection->first; item != NULL; item = item->next) {
        if (cw_str_is(item->key->text, "condition"))
            continue;
        check_name(compiler, item->key);
        nodes[count] = compile_selection(compiler, item);
        names[count] = item->key->text.ptr; /* copied with a NUL behind */
        keys[count++] = item->key;
    }
    bool good = source->finding_count == before;
    const struct cw_yaml *condition = cw_yaml_get(detection, "condition");
    if (condition == NULL) {
        cw_yaml_error(source, detection, 0,
                      "expected a condition: which of the selections must hold");
        return;
    }
    struct cw_condition parsed;
    if (!cw_condition_parse(source, condition, names, count, used, &parsed))
        return;
    for (size_t i = 0; i < count; i++) {
        if (used[i])
            continue;
        good = false;
        cw_yaml_error(source, keys[i], 0, "%s is not in the condition",
                      cw_quote(arena, keys[i]->text));
    }
    struct cw_node *root = good ? expand(compiler, &parsed, nodes) : NULL;
    if (root == NULL)
        return; /* noted */
    cw_node_settle(root);
    if (!cw_node_code(arena, root, selection))
        cw_yaml_error(source, condition, 0, "the condition comes to more than %d steps",
                      CW_SELECTION_CODE);
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

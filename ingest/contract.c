/*
 * contract.c - a contract's YAML, and every mistake in it.
 *
 * libyaml's events become a small tree; aliases, anchors, tags and repeated keys are refused there,
 * since each makes a text say other than what a reader sees. Then every key is looked up, so that
 * one that nobody knows is a mistake and not a wish without effect.
 */
#include "ingest/contract.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum { TEXT_MAX = 64 * 1024, DEPTH_MAX = 8 };

/* --- the tree --- */

enum node_type { SCALAR, LIST, MAP };

struct node {
    enum node_type type;
    cw_str text; /* of a scalar */
    bool plain;  /* of a scalar: without quotes */
    size_t line;
    size_t column;
    struct node *key; /* in a map */
    struct node *first;
    struct node *last;
    struct node *next;
};

struct loader {
    struct cw_contract *contract;
    struct cw_diag *diag;
    const char *path;
    struct node *open[DEPTH_MAX];
    size_t depth;
    struct node *key; /* read, its value not yet */
    struct node *root;
};

static const char *describe(const struct node *node)
{
    switch (node->type) {
    case LIST:
        return "a list";
    case MAP:
        return "a mapping";
    case SCALAR:
        break;
    }
    return node->text.len == 0 && node->plain ? "nothing" : "one value";
}

static void expect(struct loader *l, const struct node *node, const char *what)
{
    if (node->type == SCALAR && node->text.len != 0)
        cw_diag_error(l->diag, node->line, node->column, "expected %s, found \"%.*s\"", what,
                      (int)(node->text.len < 60 ? node->text.len : 60), node->text.ptr);
    else
        cw_diag_error(l->diag, node->line, node->column, "expected %s, found %s", what,
                      describe(node));
}

static struct node *new_node(struct loader *l, enum node_type type, const yaml_event_t *event)
{
    struct node *node = cw_arena_alloc(l->contract->arena, sizeof(*node));
    node->type = type;
    node->line = event->start_mark.line + 1;
    node->column = event->start_mark.column + 1;
    return node;
}

/* The value that stands under a key of the map, or NULL. */
static struct node *value_of(const struct node *map, const char *key)
{
    for (struct node *at = map->first; at != NULL; at = at->next) {
        if (cw_str_is(at->key->text, key))
            return at;
    }
    return NULL;
}

/* False: the text cannot be followed any further. */
static bool attach(struct loader *l, struct node *node)
{
    if (l->depth == 0) {
        l->root = node;
        return true;
    }
    struct node *parent = l->open[l->depth - 1];
    if (parent->type == MAP && l->key == NULL) {
        if (node->type != SCALAR || node->text.len == 0) {
            expect(l, node, "a key");
            return false;
        }
        for (struct node *at = parent->first; at != NULL; at = at->next) {
            if (cw_str_eq(at->key->text, node->text))
                cw_diag_error(l->diag, node->line, node->column,
                              "expected each key once, found a second %.*s: the first is in line "
                              "%zu",
                              CW_STR_ARG(node->text), at->key->line);
        }
        l->key = node;
        return true;
    }
    node->key = l->key;
    l->key = NULL;
    if (parent->last != NULL)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return true;
}

static bool open_node(struct loader *l, struct node *node)
{
    if (!attach(l, node))
        return false;
    if (l->depth == DEPTH_MAX) {
        cw_diag_error(l->diag, node->line, node->column,
                      "expected at most %d levels of lists and mappings", (int)DEPTH_MAX);
        return false;
    }
    l->open[l->depth++] = node;
    return true;
}

static void refuse_marks(struct loader *l, const yaml_event_t *event, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    if (anchor != NULL)
        cw_diag_error(l->diag, event->start_mark.line + 1, event->start_mark.column + 1,
                      "expected the value itself, found an anchor (&): a contract has none");
    if (tag != NULL)
        cw_diag_error(l->diag, event->start_mark.line + 1, event->start_mark.column + 1,
                      "expected the value itself, found a tag (!): a contract has none");
}

/* False: at the end of the text, or where it cannot be followed. */
static bool take(struct loader *l, const yaml_event_t *event, size_t *documents)
{
    struct node *node;
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return false;
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1)
            cw_diag_error(l->diag, event->start_mark.line + 1, event->start_mark.column + 1,
                          "expected one document, found a second");
        return *documents == 1;
    case YAML_ALIAS_EVENT:
        cw_diag_error(l->diag, event->start_mark.line + 1, event->start_mark.column + 1,
                      "expected the value itself, found an alias (*): a contract has none");
        return false;
    case YAML_SCALAR_EVENT:
        refuse_marks(l, event, event->data.scalar.anchor, event->data.scalar.tag);
        node = new_node(l, SCALAR, event);
        node->text =
            cw_arena_copy(l->contract->arena, event->data.scalar.value, event->data.scalar.length);
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        return attach(l, node);
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(l, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return open_node(l, new_node(l, LIST, event));
    case YAML_MAPPING_START_EVENT:
        refuse_marks(l, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return open_node(l, new_node(l, MAP, event));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        l->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return true;
    }
}

static void read_tree(struct loader *l, cw_str text)
{
    yaml_parser_t parser;
    size_t documents = 0;
    if (!yaml_parser_initialize(&parser))
        cw_out_of_memory(sizeof(parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                cw_out_of_memory(text.len);
            cw_diag_error(l->diag, parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                          "expected YAML: %s",
                          parser.problem != NULL ? parser.problem : "it cannot be read");
            break;
        }
        more = take(l, &event, &documents);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

/* --- what it says --- */

/* Every key of the map is one of these; for one that is not, the nearest is named. */
static void check_keys(struct loader *l, const struct node *map, const char *const *known,
                       size_t count)
{
    for (const struct node *at = map->first; at != NULL; at = at->next) {
        const struct node *key = at->key;
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = cw_str_is(key->text, known[i]);
        if (found)
            continue;
        const char *nearest = cw_nearest(key->text, known, count);
        struct cw_buf list = { 0 };
        for (size_t i = 0; i < count; i++)
            cw_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", known[i]);
        cw_diag_error(l->diag, key->line, key->column, "expected %.*s, found \"%.*s\"%s%s%s",
                      (int)list.len, (const char *)list.data,
                      (int)(key->text.len < 60 ? key->text.len : 60), key->text.ptr,
                      nearest != NULL ? ": did you mean " : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "?" : "");
        cw_buf_done(&list);
    }
}

static bool is_map(struct loader *l, const struct node *node, const char *what)
{
    if (node->type != MAP)
        expect(l, node, what);
    return node->type == MAP;
}

static cw_str *read_list(struct loader *l, const struct node *node, const char *what, size_t *count)
{
    *count = 0;
    if (node->type != LIST) {
        expect(l, node, what);
        return NULL;
    }
    size_t length = 0;
    for (const struct node *at = node->first; at != NULL; at = at->next)
        length++;
    cw_str *items = cw_arena_alloc(l->contract->arena, (length + 1) * sizeof(*items));
    for (const struct node *at = node->first; at != NULL; at = at->next) {
        if (at->type == SCALAR && at->text.len != 0)
            items[(*count)++] = at->text;
        else
            expect(l, at, "a word");
    }
    return items;
}

static void read_text(struct loader *l, const struct node *map, const char *key, cw_str *out)
{
    const struct node *node = value_of(map, key);
    if (node == NULL)
        return;
    if (node->type == SCALAR && node->text.len != 0)
        *out = node->text;
    else
        expect(l, node, "a text");
}

static void read_span(struct loader *l, const struct node *node, int64_t *out)
{
    if (node->type != SCALAR || !cw_span_parse(node->text, out))
        expect(l, node, "a duration such as 7d, 12h, 10m or 30s");
}

static void read_lateness(struct loader *l, const struct node *map)
{
    const char *known[CW_TYPES_MAX + 1] = { "default" };
    size_t count = 1;
    struct cw_contract *contract = l->contract;
    for (uint16_t number = 1; number <= cw_type_count(); number++)
        known[count++] = cw_type_by_number(number)->name;
    if (!is_map(l, map, "a mapping such as {default: 7d}"))
        return;
    check_keys(l, map, known, count);
    const struct node *all = value_of(map, "default");
    if (all != NULL) {
        read_span(l, all, &contract->lateness[0]);
        for (size_t i = 1; i <= CW_TYPES_MAX; i++)
            contract->lateness[i] = contract->lateness[0];
    }
    for (const struct node *at = map->first; at != NULL; at = at->next) {
        const struct cw_type *type = cw_type_by_name(at->key->text);
        if (type != NULL)
            read_span(l, at, &contract->lateness[type->number]);
    }
}

/* Relative to the folder of the contract. */
static char *resolve(const struct loader *l, cw_str relative)
{
    const char *slash = strrchr(l->path, '/');
    size_t folder = slash != NULL && relative.ptr[0] != '/' ? (size_t)(slash - l->path) + 1 : 0;
    char *full = cw_alloc(folder + relative.len + 1);
    memcpy(full, l->path, folder);
    memcpy(full + folder, relative.ptr, relative.len);
    return full;
}

static void read_path(struct loader *l, const struct node *root, const char *key, bool folder,
                      char **out)
{
    struct stat st;
    cw_str text = { NULL, 0 };
    read_text(l, root, key, &text);
    if (text.ptr == NULL)
        return;
    *out = resolve(l, text);
    const struct node *node = value_of(root, key);
    const char *what = folder ? "a folder" : "a file";
    if (stat(*out, &st) != 0)
        cw_diag_error(l->diag, node->line, node->column, "expected %s at %s: %s", what, *out,
                      strerror(errno));
    else if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        cw_diag_error(l->diag, node->line, node->column, "expected %s at %s, found something else",
                      what, *out);
    else if (access(*out, R_OK) != 0)
        cw_diag_error(l->diag, node->line, node->column, "cannot read %s: %s", *out,
                      strerror(errno));
}

static void read_handling(struct loader *l, const struct node *map)
{
    static const char *const known[] = {
        "codes", "text", "tlp", "pap", "sharing_group", "audience"
    };
    struct cw_handling *handling = &l->contract->handling;
    if (!is_map(l, map, "a mapping such as {tlp: AMBER, audience: [all]}"))
        return;
    check_keys(l, map, known, sizeof(known) / sizeof(known[0]));
    handling->present = true;
    const struct node *codes = value_of(map, "codes");
    const struct node *audience = value_of(map, "audience");
    if (codes != NULL)
        handling->codes = read_list(l, codes, "a list of codes", &handling->code_count);
    if (audience != NULL)
        handling->audience =
            read_list(l, audience, "a list of audiences", &handling->audience_count);
    read_text(l, map, "text", &handling->text);
    read_text(l, map, "tlp", &handling->tlp);
    read_text(l, map, "pap", &handling->pap);
    read_text(l, map, "sharing_group", &handling->sharing_group);

    char room[32];
    const char *expected;
    cw_str fault = cw_handling_fault(handling, room, &expected);
    if (fault.ptr == NULL)
        return;
    char *bracket = strchr(room, '[');
    const struct node *at = value_of(map, bracket != NULL ? "codes" : room);
    cw_diag_error(l->diag, at->line, at->column, "expected %s in %s", expected, room);
}

static void read_defaults(struct loader *l, const struct node *map)
{
    static const char *const known[] = { "purposes", "handling" };
    if (!is_map(l, map, "a mapping of purposes and handling"))
        return;
    check_keys(l, map, known, 2);
    const struct node *purposes = value_of(map, "purposes");
    const struct node *handling = value_of(map, "handling");
    if (purposes != NULL)
        l->contract->purposes =
            read_list(l, purposes, "a list of purposes", &l->contract->purpose_count);
    if (handling != NULL)
        read_handling(l, handling);
}

static void read_contract(struct loader *l, const struct node *root)
{
    static const char *const known[] = { "owners",   "schema", "schemas",
                                         "lateness", "skew",   "defaults" };
    struct cw_contract *contract = l->contract;
    check_keys(l, root, known, sizeof(known) / sizeof(known[0]));
    const struct node *owners = value_of(root, "owners");
    const struct node *lateness = value_of(root, "lateness");
    const struct node *skew = value_of(root, "skew");
    const struct node *defaults = value_of(root, "defaults");
    if (owners != NULL) {
        contract->owners = read_list(l, owners, "a list of owners", &contract->owner_count);
        if (owners->type == LIST && owners->first == NULL)
            expect(l, owners, "one owner at least (without the key, any may speak)");
    }
    read_path(l, root, "schema", false, &contract->schema_path);
    read_path(l, root, "schemas", true, &contract->schemas_dir);
    if (lateness != NULL)
        read_lateness(l, lateness);
    if (skew != NULL)
        read_span(l, skew, &contract->skew);
    if (defaults != NULL)
        read_defaults(l, defaults);
}

/* --- the whole --- */

struct cw_contract *cw_contract_default(void)
{
    struct cw_contract *contract = cw_new(struct cw_contract);
    contract->arena = cw_arena_new();
    contract->name = cw_strdup("");
    contract->skew = 10 * CW_MINUTE;
    for (size_t i = 0; i <= CW_TYPES_MAX; i++)
        contract->lateness[i] = 7 * CW_DAY;
    return contract;
}

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = cw_strdup(slash != NULL ? slash + 1 : path);
    size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".yaml") == 0)
        name[len - 5] = '\0';
    return name;
}

struct cw_contract *cw_contract_parse(const char *path, cw_str text, struct cw_diag *diag)
{
    struct cw_contract *contract = cw_contract_default();
    struct loader loader = { .contract = contract, .diag = diag, .path = path };
    size_t before = diag->count;
    free(contract->name);
    contract->name = name_of(path);
    contract->text = cw_alloc(text.len + 1);
    if (text.len != 0)
        memcpy(contract->text, text.ptr, text.len);
    diag->file = path;
    diag->text = text;
    if (text.len > TEXT_MAX)
        cw_diag_error(diag, 0, 0, "expected a contract of at most %d bytes, found %zu",
                      (int)TEXT_MAX, text.len);
    else
        read_tree(&loader, text);
    if (diag->count == before && loader.root != NULL && loader.root->type == MAP)
        read_contract(&loader, loader.root);
    else if (diag->count == before)
        cw_diag_error(
            diag, 0, 0,
            "expected a mapping with owners, schema, schemas, lateness, skew or defaults");
    diag->text = (cw_str){ NULL, 0 };
    if (diag->count == before)
        return contract;
    cw_contract_free(contract);
    return NULL;
}

struct cw_contract *cw_contract_load(const char *path, struct cw_diag *diag)
{
    FILE *file = fopen(path, "rb");
    char *text = cw_alloc(TEXT_MAX + 1);
    diag->file = path;
    size_t len = file != NULL ? fread(text, 1, TEXT_MAX + 1, file) : 0;
    struct cw_contract *contract = NULL;
    if (file == NULL || ferror(file))
        cw_diag_error(diag, 0, 0, "cannot read the contract: %s", strerror(errno));
    else
        contract = cw_contract_parse(path, (cw_str){ text, len }, diag);
    if (file != NULL)
        fclose(file);
    free(text);
    return contract;
}

void cw_contract_free(struct cw_contract *contract)
{
    if (contract == NULL)
        return;
    cw_arena_free(contract->arena);
    free(contract->name);
    free(contract->text);
    free(contract->schema_path);
    free(contract->schemas_dir);
    free(contract);
}

bool cw_contract_allows(const struct cw_contract *contract, cw_str owner)
{
    for (size_t i = 0; i < contract->owner_count; i++) {
        if (cw_str_eq(contract->owners[i], owner))
            return true;
    }
    return contract->owner_count == 0;
}

static bool one_of(cw_str text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cw_str_is(text, words[i]))
            return true;
    }
    return false;
}

cw_str cw_handling_fault(const struct cw_handling *handling, char room[32], const char **expected)
{
    static const char *const codes[] = { "H0", "H1", "H2", "H3" };
    static const char *const tlp[] = { "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" };
    static const char *const pap[] = { "CLEAR", "WHITE", "GREEN", "AMBER", "RED" };
    for (size_t i = 0; i < handling->code_count; i++) {
        if (one_of(handling->codes[i], codes, 4))
            continue;
        *expected = "H0, H1, H2 or H3";
        snprintf(room, 32, "codes[%zu]", i);
        return cw_cstr(room);
    }
    *expected = "CLEAR, GREEN, AMBER, AMBER+STRICT or RED";
    if (handling->tlp.ptr != NULL && !one_of(handling->tlp, tlp, 5)) {
        snprintf(room, 32, "tlp");
        return cw_cstr(room);
    }
    *expected = "CLEAR, WHITE, GREEN, AMBER or RED";
    if (handling->pap.ptr != NULL && !one_of(handling->pap, pap, 5)) {
        snprintf(room, 32, "pap");
        return cw_cstr(room);
    }
    return (cw_str){ NULL, 0 };
}

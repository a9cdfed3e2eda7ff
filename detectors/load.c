/* load.c - a rule set from files: its documents, their names, and all that is wrong with them. */
#include "detectors/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detectors/rule_tests.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what a node must be ---- */

static bool is_kind(struct cw_source *source, const struct cw_yaml *node, enum cw_yaml_kind kind,
                    const char *what, const char *shape)
{
    static const char *const found[] = { "a text", "a list", "a map", "" };
    if (node == NULL || node->kind == CW_YAML_BAD)
        return false;
    if (node->kind == kind)
        return true;
    cw_yaml_error(source, node, 0, "expected %s to be %s, found %s", what, shape,
                  node->kind == CW_YAML_TEXT && node->text.len == 0 ? "nothing"
                                                                    : found[node->kind]);
    return false;
}

bool cw_is_map(struct cw_source *source, const struct cw_yaml *node, const char *what)
{
    return is_kind(source, node, CW_YAML_MAP, what, "a map {key: value}");
}

bool cw_is_list(struct cw_source *source, const struct cw_yaml *node, const char *what)
{
    return is_kind(source, node, CW_YAML_LIST, what, "a list [a, b]");
}

bool cw_is_text(struct cw_source *source, const struct cw_yaml *node, const char *what)
{
    if (!is_kind(source, node, CW_YAML_TEXT, what, "a text"))
        return false;
    if (node->text.len != 0)
        return true;
    cw_yaml_error(source, node, 0, "expected %s, found nothing", what);
    return false;
}

void cw_unknown(struct cw_source *source, const struct cw_yaml *node, const char *what,
                const char *const *known, size_t count)
{
    const char *nearest = cw_source_full(source) ? NULL : cw_nearest(node->text, known, count);
    if (nearest != NULL) {
        cw_yaml_error(source, node, 0, "unknown %s %s: did you mean \"%s\"?", what,
                      cw_quote(source->arena, node->text), nearest);
        return;
    }
    struct cw_buf list = { 0 };
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(&list, "%s%s", i != 0 ? ", " : "", known[i]);
    cw_yaml_error(source, node, 0, "unknown %s %s: known here %s %.*s", what,
                  cw_quote(source->arena, node->text), count == 1 ? "is" : "are", (int)list.len,
                  (const char *)list.data);
    cw_buf_done(&list);
}

int cw_choice(struct cw_source *source, const struct cw_yaml *node, const char *what,
              const char *const *known, size_t count)
{
    if (!cw_is_text(source, node, what))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (cw_str_is(node->text, known[i]))
            return (int)i;
    }
    cw_unknown(source, node, what, known, count);
    return -1;
}

void cw_check_keys(struct cw_source *source, const struct cw_yaml *map, const char *where,
                   const char *const *known, size_t count)
{
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = cw_str_is(item->key->text, known[i]);
        if (found)
            continue;
        cw_str what = cw_arena_printf(source->arena, "key of %s,", where);
        cw_unknown(source, item->key, what.ptr, known, count);
    }
}

void cw_check_keys_but(struct cw_source *source, const struct cw_yaml *map, const char *where,
                       const char *const *known, size_t count, const char *const *later,
                       size_t later_count)
{
    const char *all[64];
    CW_CHECK(count + later_count <= COUNT(all));
    memcpy(all, known, count * sizeof(*all));
    memcpy(all + count, later, later_count * sizeof(*all));
    for (size_t i = 0; i < later_count; i++) {
        const struct cw_yaml *item = cw_yaml_get(map, later[i]);
        if (item == NULL)
            continue;
        struct cw_buf list = { 0 };
        for (size_t j = 0; j < count; j++)
            cw_buf_printf(&list, "%s%s", j != 0 ? ", " : "", known[j]);
        cw_yaml_error(source, item->key, 0, "%s is not supported in %s: there %s %.*s", later[i],
                      where, count == 1 ? "is" : "are", (int)list.len, (const char *)list.data);
        cw_buf_done(&list);
    }
    for (const struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        bool found = false;
        for (size_t i = 0; i < count + later_count && !found; i++)
            found = cw_str_is(item->key->text, all[i]);
        if (found)
            continue;
        cw_str what = cw_arena_printf(source->arena, "key of %s,", where);
        cw_unknown(source, item->key, what.ptr, known, count);
    }
}

/* ---- metadata, of detections and correlations alike ---- */

static void check_texts(struct cw_source *source, const struct cw_yaml *root, const char *key)
{
    const struct cw_yaml *list = cw_yaml_get(root, key);
    if (!cw_is_list(source, list, key))
        return;
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        if (!cw_is_text(source, node, "a text") || strcmp(key, "tags") != 0)
            continue;
        const char *dot = memchr(node->text.ptr, '.', node->text.len);
        if (dot == NULL || dot == node->text.ptr || dot + 1 == node->text.ptr + node->text.len)
            cw_yaml_error(source, node, 0, "expected a tag as NAMESPACE.NAME, found %s",
                          cw_quote(source->arena, node->text));
    }
}

static void check_date(struct cw_source *source, const struct cw_yaml *root, const char *key)
{
    int64_t time;
    const struct cw_yaml *node = cw_yaml_get(root, key);
    if (node == NULL || !cw_is_text(source, node, key))
        return;
    if (node->text.len != 10 || !cw_time_parse(node->text, &time))
        cw_yaml_error(source, node, 0, "expected a date such as 2024-01-31, found %s",
                      cw_quote(source->arena, node->text));
}

static bool is_name(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return false;
    }
    return text.len != 0 && text.len <= CW_NAME_MAX;
}

static bool is_uuid(cw_str text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

/* The id with small letters: it is the same UUID, and names the same alerts. */
static const struct cw_yaml *lower_id(struct cw_arena *arena, const struct cw_yaml *node)
{
    struct cw_yaml *copy = cw_arena_alloc(arena, sizeof(*copy));
    char *text = cw_arena_alloc(arena, node->text.len + 1);
    for (size_t i = 0; i < node->text.len; i++) {
        char c = node->text.ptr[i];
        text[i] = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
    }
    *copy = *node;
    copy->text = (cw_str){ text, node->text.len };
    return copy;
}

static void read_metadata(struct cw_document *document)
{
    static const char *const statuses[] = { "stable", "test", "experimental", "deprecated",
                                            "unsupported" };
    struct cw_source *source = document->source;
    const struct cw_yaml *root = document->root;
    const struct cw_yaml *node = cw_yaml_get(root, "title");
    if (node == NULL)
        cw_yaml_error(source, root, 0, "expected title: what this is, in a line");
    else if (cw_is_text(source, node, "title"))
        document->title = node;
    node = cw_yaml_get(root, "name");
    if (node != NULL && cw_is_text(source, node, "name")) {
        if (is_name(node->text))
            document->name = node;
        else
            cw_yaml_error(source, node, 0,
                          "expected a name of letters, digits, and _ - . (at most %d), found %s",
                          CW_NAME_MAX, cw_quote(source->arena, node->text));
    }
    node = cw_yaml_get(root, "id");
    if (node != NULL && cw_is_text(source, node, "id")) {
        if (is_uuid(node->text))
            document->id = lower_id(source->arena, node);
        else
            cw_yaml_error(source, node, 0,
                          "expected a UUID such as 7b1f3f0e-0d8e-4a53-9f0e-6a5a1d2c9a01, found %s",
                          cw_quote(source->arena, node->text));
    }
    node = cw_yaml_get(root, "status");
    if (node != NULL)
        (void)cw_choice(source, node, "status", statuses, COUNT(statuses));
    static const char *const texts[] = { "description", "author", "license" };
    for (size_t i = 0; i < COUNT(texts); i++)
        (void)cw_is_text(source, cw_yaml_get(root, texts[i]), texts[i]);
    check_date(source, root, "date");
    check_date(source, root, "modified");
    check_texts(source, root, "references");
    check_texts(source, root, "tags");
    check_texts(source, root, "falsepositives");
}

/* ---- documents and their names ---- */

/* A detection or a correlation? False: neither, noted. */
static bool classify(struct cw_document *document)
{
    static const char *const kinds[] = { "detection", "correlation" };
    struct cw_source *source = document->source;
    const struct cw_yaml *root = document->root;
    if (!cw_is_map(source, root, "a document"))
        return false;
    const struct cw_yaml *detection = cw_yaml_get(root, kinds[0]);
    const struct cw_yaml *correlation = cw_yaml_get(root, kinds[1]);
    document->is_correlation = correlation != NULL;
    document->alerts = document->is_correlation || cw_yaml_get(root, "level") != NULL;
    if (detection != NULL && correlation != NULL) {
        cw_yaml_error(source, correlation->key, 0,
                      "a document is a detection or a correlation, not both: put --- between them");
        return false;
    }
    if (detection != NULL || correlation != NULL)
        return true;
    for (const struct cw_yaml *item = root->first; item != NULL; item = item->next) {
        const char *nearest = cw_nearest(item->key->text, kinds, COUNT(kinds));
        if (nearest == NULL)
            continue;
        cw_yaml_error(source, item->key, 0,
                      "expected detection or correlation, found %s: did you mean \"%s\"?",
                      cw_quote(source->arena, item->key->text), nearest);
        return false;
    }
    cw_yaml_error(
        source, root, 0,
        "expected detection (which events) or correlation (which pattern of them) in this "
        "document");
    return false;
}

static void gather_documents(struct cw_loader *loader, struct cw_yaml **roots)
{
    size_t count = 0;
    for (size_t i = 0; i < loader->source_count; i++) {
        for (const struct cw_yaml *root = roots[i]; root != NULL; root = root->next)
            count++;
    }
    loader->documents = cw_arena_alloc(loader->arena, count * sizeof(*loader->documents));
    for (size_t i = 0; i < loader->source_count; i++) {
        for (const struct cw_yaml *root = roots[i]; root != NULL; root = root->next) {
            struct cw_document document = { .source = loader->sources[i], .root = root };
            if (!classify(&document)) {
                loader->cut = true; /* what it was meant to be may have had a name */
                continue;
            }
            read_metadata(&document);
            loader->documents[loader->document_count++] = document;
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct cw_document_name *x = a;
    const struct cw_document_name *y = b;
    int order = cw_str_cmp(x->name, y->name);
    return order != 0 ? order : (x->document > y->document) - (x->document < y->document);
}

static void refuse_repeats(struct cw_loader *loader)
{
    for (size_t i = 1, first = 0; i < loader->named_count; i++) {
        if (!cw_str_eq(loader->named[i].name, loader->named[first].name)) {
            first = i;
            continue;
        }
        const struct cw_document *one = &loader->documents[loader->named[first].document];
        const struct cw_document *other = &loader->documents[loader->named[i].document];
        if (one == other)
            continue;
        const char *shown = cw_quote(loader->arena, loader->named[i].name);
        bool of_name = other->name != NULL && cw_str_eq(other->name->text, loader->named[i].name);
        bool of_id = other->id != NULL && cw_str_eq(other->id->text, loader->named[i].name);
        cw_yaml_error(other->source,
                      of_name ? other->name
                      : of_id ? other->id
                              : other->root,
                      0, "the %s %s is taken: by the document at %s:%zu", of_name ? "name" : "id",
                      shown, one->source->name, one->root->line);
    }
}

static void gather_names(struct cw_loader *loader)
{
    loader->named =
        cw_arena_alloc(loader->arena, 2 * loader->document_count * sizeof(*loader->named));
    for (size_t i = 0; i < loader->document_count; i++) {
        const struct cw_document *document = &loader->documents[i];
        if (document->name != NULL)
            loader->named[loader->named_count++] =
                (struct cw_document_name){ document->name->text, i };
        if (document->id != NULL)
            loader->named[loader->named_count++] =
                (struct cw_document_name){ document->id->text, i };
        if (document->name == NULL && document->id == NULL && !document->is_correlation)
            loader->cut = true; /* noted there; nothing more where it is called */
    }
    if (loader->named_count != 0)
        qsort(loader->named, loader->named_count, sizeof(*loader->named), by_name);
    refuse_repeats(loader);
}

const struct cw_document *cw_loader_find(const struct cw_loader *loader, cw_str name)
{
    size_t low = 0;
    size_t high = loader->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cw_str_cmp(loader->named[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == loader->named_count || !cw_str_eq(loader->named[low].name, name))
        return NULL;
    return &loader->documents[loader->named[low].document];
}

/* ---- the set ---- */

static int by_id(const void *a, const void *b)
{
    return cw_str_cmp(((const struct cw_rule *)a)->id, ((const struct cw_rule *)b)->id);
}

static size_t count_findings(const struct cw_loader *loader)
{
    size_t count = 0;
    for (size_t i = 0; i < loader->source_count; i++)
        count += loader->sources[i]->finding_count;
    for (const struct cw_list_file *list = loader->list_files; list != NULL; list = list->next)
        count += list->source->finding_count;
    return count;
}

static void compile_detections(struct cw_loader *loader, struct cw_rules *rules)
{
    size_t at = 0;
    for (size_t i = 0; i < loader->document_count; i++) {
        struct cw_document *document = &loader->documents[i];
        if (document->is_correlation)
            continue;
        struct cw_selection *selection = document->selection = &rules->selections[at++];
        if (document->name != NULL || document->id != NULL)
            selection->name = document->name != NULL ? document->name->text : document->id->text;
        size_t before = document->source->finding_count;
        cw_detection_compile(loader, document);
        if (loader->lint && document->source->finding_count == before && selection->code_len != 0)
            cw_selection_lint(loader, document);
    }
}

static void compile_rules(struct cw_loader *loader, struct cw_rules *rules)
{
    rules->count = 0;
    for (size_t i = 0; i < loader->document_count; i++) {
        const struct cw_document *document = &loader->documents[i];
        if (!document->alerts)
            continue;
        struct cw_rule *rule = &rules->rules[rules->count];
        size_t before = document->source->finding_count;
        bool on = document->is_correlation ? cw_correlation_compile(loader, document, rule)
                                           : cw_detection_rule(loader, document, rule);
        if (count_findings(loader) == 0)
            cw_rule_digest(loader, document, rule);
        rule->root = document->root;
        cw_rule_tests_compile(loader, document, rule);
        if (loader->lint && document->source->finding_count == before)
            cw_rule_lint(document, rule);
        rules->count += on;
    }
    if (rules->count != 0)
        qsort(rules->rules, rules->count, sizeof(*rules->rules), by_id);
    for (size_t i = 0; i < rules->count; i++)
        rules->rules[i].number = (uint32_t)i;
}

static void compile(struct cw_loader *loader, struct cw_rules *rules)
{
    for (size_t i = 0; i < loader->document_count; i++) {
        const struct cw_document *document = &loader->documents[i];
        rules->count += document->alerts;
        rules->selection_count += !document->is_correlation;
    }
    rules->selections =
        cw_arena_alloc(rules->arena, rules->selection_count * sizeof(*rules->selections));
    rules->rules = cw_arena_alloc(rules->arena, rules->count * sizeof(*rules->rules));
    compile_detections(loader, rules);
    compile_rules(loader, rules);
}

/* Takes the loader's sources, read or not, to a set; NULL with all findings in `errors`. */
static struct cw_rules *make(struct cw_loader *loader, struct cw_buf *errors)
{
    struct cw_arena *arena = loader->arena;
    struct cw_yaml **roots = cw_arena_alloc(arena, loader->source_count * sizeof(struct cw_yaml *));
    struct cw_buf text = { 0 };
    for (size_t i = 0; i < loader->source_count; i++) {
        struct cw_source *source = loader->sources[i];
        if (!source->cut)
            roots[i] = cw_yaml_read(source);
        loader->cut = loader->cut || source->cut;
        cw_buf_str(&text, source->text);
    }
    struct cw_rules *rules = cw_arena_alloc(arena, sizeof(*rules));
    rules->arena = arena;
    rules->text = cw_arena_copy(arena, text.data, text.len);
    cw_buf_done(&text);
    gather_documents(loader, roots);
    gather_names(loader);
    compile(loader, rules);
    size_t findings = count_findings(loader);
    if (findings == 0 && loader->document_count == 0 && loader->source_count != 0) {
        cw_source_error(loader->sources[0], 0, 0, "no rule here: expected at least one document");
        findings++;
    }
    if (findings == 0) {
        cw_rules_digest(loader, rules);
        return rules;
    }
    for (size_t i = 0; i < loader->source_count; i++)
        cw_source_report(loader->sources[i], errors);
    for (const struct cw_list_file *list = loader->list_files; list != NULL; list = list->next)
        cw_source_report(list->source, errors);
    cw_arena_free(arena);
    return NULL;
}

static struct cw_source *add_source(struct cw_loader *loader, const char *name)
{
    struct cw_source *source = cw_arena_alloc(loader->arena, sizeof(*source));
    source->name = cw_arena_copy(loader->arena, name, strlen(name)).ptr;
    source->text = (cw_str){ "", 0 };
    source->arena = loader->arena;
    loader->sources[loader->source_count++] = source;
    return source;
}

struct cw_rules *cw_rules_parse(const char *name, cw_str text, struct cw_buf *errors)
{
    struct cw_source *list[1];
    struct cw_loader loader = { .arena = cw_arena_new(), .sources = list };
    struct cw_source *source = add_source(&loader, name);
    source->text = cw_arena_copy(loader.arena, text.ptr, text.len);
    return make(&loader, errors);
}

void cw_source_read(struct cw_source *source, size_t max)
{
    int fd = open(source->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        cw_source_error(source, 0, 0, "cannot be read: %s", strerror(errno));
        source->cut = true;
    } else if (!S_ISREG(st.st_mode)) {
        cw_source_error(source, 0, 0, "cannot be read: expected a file");
        source->cut = true;
    } else {
        struct cw_buf text = { 0 };
        while (text.len <= max) {
            ssize_t got = read(fd, cw_buf_reserve(&text, 65536), 65536);
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0) {
                cw_source_error(source, 0, 0, "cannot be read: %s", strerror(errno));
                source->cut = true;
            }
            if (got <= 0)
                break;
            text.len += (size_t)got;
        }
        source->text = cw_arena_copy(source->arena, text.data, text.len > max ? max + 1 : text.len);
        cw_buf_done(&text);
    }
    if (fd >= 0)
        close(fd);
}

static bool is_rule_file(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && ((len > 5 && strcmp(name + len - 5, ".yaml") == 0) ||
                              (len > 4 && strcmp(name + len - 4, ".yml") == 0));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rule files of the directory by name; -1 and errno if it cannot be read. */
static ssize_t list_directory(const char *path, char ***out)
{
    char **names = NULL;
    size_t count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!is_rule_file(entry->d_name))
            continue;
        names = cw_realloc(names, (count + 1) * sizeof(*names));
        names[count++] = cw_strdup(entry->d_name);
    }
    closedir(dir);
    if (count != 0)
        qsort(names, count, sizeof(*names), by_text);
    *out = names;
    return (ssize_t)count;
}

static struct cw_rules *load(const char *path, bool lint, struct cw_buf *errors)
{
    struct stat st;
    char **names = NULL;
    ssize_t count = 0;
    bool is_directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (is_directory)
        count = list_directory(path, &names);
    struct cw_loader loader = { .arena = cw_arena_new(), .lint = lint };
    loader.sources =
        cw_arena_alloc(loader.arena, (size_t)(count > 0 ? count : 1) * sizeof(struct cw_source *));
    if (!is_directory) {
        cw_source_read(add_source(&loader, path), CW_YAML_SIZE_MAX);
        const char *slash = strrchr(path, '/');
        loader.lists =
            slash == NULL
                ? "lists"
                : cw_arena_printf(loader.arena, "%.*s/lists", (int)(slash - path), path).ptr;
    } else if (count <= 0) {
        struct cw_source *source = add_source(&loader, path);
        if (count < 0)
            cw_source_error(source, 0, 0, "cannot be read: %s", strerror(errno));
        else
            cw_source_error(source, 0, 0, "no rule file here: expected *.yaml or *.yml");
        source->cut = true;
    }
    size_t len = strlen(path);
    const char *slash = len != 0 && path[len - 1] == '/' ? "" : "/";
    if (is_directory)
        loader.lists = cw_arena_printf(loader.arena, "%s%slists", path, slash).ptr;
    for (ssize_t i = 0; i < count; i++) {
        cw_str full = cw_arena_printf(loader.arena, "%s%s%s", path, slash, names[i]);
        cw_source_read(add_source(&loader, full.ptr), CW_YAML_SIZE_MAX);
        free(names[i]);
    }
    free(names);
    return make(&loader, errors);
}

struct cw_rules *cw_rules_load(const char *path, struct cw_buf *errors)
{
    return load(path, false, errors);
}

struct cw_rules *cw_rules_check(const char *path, struct cw_buf *errors)
{
    return load(path, true, errors);
}

void cw_rules_free(struct cw_rules *rules)
{
    if (rules != NULL)
        cw_arena_free(rules->arena);
}

size_t cw_rules_count(const struct cw_rules *rules)
{
    return rules->count;
}

struct cw_id cw_rules_hash(const struct cw_rules *rules, const struct cw_secret *secret)
{
    struct cw_buf buf = { 0 };
    cw_enc_str(&buf, cw_cstr("rules"));
    cw_enc_str(&buf, rules->text);
    if (rules->lists.len != 0)
        cw_enc_str(&buf, rules->lists);
    struct cw_id id = cw_id_leaving(secret, &buf);
    cw_buf_done(&buf);
    return id;
}

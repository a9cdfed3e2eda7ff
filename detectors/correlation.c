/* correlation.c - a correlation document to a rule: which key, over what time, how. */
#include <stdlib.h>

#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/time.h"

static const char *const document_keys[] = {
    "title",  "name", "id",       "status",  "level",          "description", "references", "tags",
    "author", "date", "modified", "license", "falsepositives", "correlation", "crosswatch",
};
static const char *const correlation_keys[] = {
    "type",      "rules", "on",       "group-by", "aliases",
    "condition", "match", "lookback", "timespan", "having",
};
static const char *const correlation_later[] = { "where", "steps", "within", "kind", "generate" };
static const char *const condition_keys[] = { "gte", "gt", "field" };
static const char *const condition_later[] = { "lt", "lte", "eq", "neq" };
static const char *const types[] = { "event_count", "value_count", "value_sum", "standing" };
static const enum cw_rule_type type_of[] = { CW_RULE_EVENT_COUNT, CW_RULE_VALUE_COUNT,
                                             CW_RULE_VALUE_SUM, CW_RULE_STANDING };
static const char *const types_later[] = {
    "value_avg", "value_percentile", "temporal", "temporal_ordered", "sequence", "speed", "path",
    "network",   "baseline",         "score"
};
static const char *const levels[] = { "informational", "low", "medium", "high", "critical" };
static const char *const matches[] = { "raw", "exact", "resolved" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define THRESHOLD_MAX INT64_C(1000000000)
#define SUM_MAX INT64_C(1000000000000000) /* cents: ten million million */
enum { HAVING_MAX = 16, ALIASES_MAX = 64 };

struct alias {
    const struct cw_yaml *node;   /* its map */
    const struct cw_path **paths; /* by selection; NULL: not given */
    bool good;                    /* false: something in it was noted */
};

struct compiler {
    struct cw_loader *loader;
    struct cw_source *source;
    const struct cw_yaml *map; /* what stands under `correlation` */
    struct cw_rule *rule;
    struct cw_criterion *criteria; /* the condition's own, having, cross_border */
    bool selections_known;         /* each of `rules` is one */
    struct alias aliases[ALIASES_MAX];
    size_t alias_count;
};

static struct cw_yaml *get(const struct compiler *compiler, const char *key)
{
    return cw_yaml_get(compiler->map, key);
}

static void missing(struct compiler *compiler, const char *what)
{
    cw_yaml_error(compiler->source, compiler->map->key, 0, "expected %s", what);
}

/* ---- selections ---- */

static void unknown_rule(struct compiler *compiler, const struct cw_yaml *node)
{
    const struct cw_loader *loader = compiler->loader;
    if (loader->cut)
        return; /* it may stand in what could not be read */
    size_t candidates = cw_source_full(compiler->source) ? 0 : loader->named_count;
    const char **names = cw_arena_alloc(loader->arena, (candidates + 1) * sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < candidates; i++) {
        if (!loader->documents[loader->named[i].document].is_correlation)
            names[count++] = loader->named[i].name.ptr;
    }
    const char *nearest = cw_nearest(node->text, names, count);
    cw_yaml_error(compiler->source, node, 0, "no detection is named %s%s%s%s",
                  cw_quote(loader->arena, node->text), nearest != NULL ? ": did you mean \"" : "",
                  nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static const struct cw_selection *find_selection(struct compiler *compiler,
                                                 const struct cw_yaml *node, bool standing)
{
    const struct cw_document *document = cw_loader_find(compiler->loader, node->text);
    if (document == NULL) {
        unknown_rule(compiler, node);
        return NULL;
    }
    if (document->is_correlation) {
        cw_yaml_error(compiler->source, node, 0,
                      "%s is a correlation: expected the name of a detection",
                      cw_quote(compiler->loader->arena, node->text));
        return NULL;
    }
    const struct cw_type *type = cw_type_by_number(document->selection->type);
    if (type == NULL)
        return NULL; /* said at the detection */
    if (type->standing == standing)
        return document->selection;
    if (standing)
        cw_yaml_error(compiler->source, node, 0,
                      "%s selects %s, which happens at a time: expected notices or another type "
                      "that stands over an interval",
                      cw_quote(compiler->loader->arena, node->text), type->name);
    else
        cw_yaml_error(compiler->source, node, 0,
                      "%s selects %s, which stands over an interval and is in no window: expected "
                      "events that happen at a time",
                      cw_quote(compiler->loader->arena, node->text), type->name);
    return NULL;
}

static bool repeats(struct cw_source *source, const struct cw_yaml *list,
                    const struct cw_yaml *node)
{
    for (const struct cw_yaml *other = list->first; other != node; other = other->next) {
        if (other->kind == CW_YAML_TEXT && cw_str_eq(other->text, node->text)) {
            cw_yaml_error(source, node, 0, "%s stands here twice",
                          cw_quote(source->arena, node->text));
            return true;
        }
    }
    return false;
}

static const struct cw_selection **read_selections(struct compiler *compiler, const char *key,
                                                   bool standing, size_t *count)
{
    enum { RULES_MAX = 256 };
    struct cw_source *source = compiler->source;
    const struct cw_yaml *list = get(compiler, key);
    *count = 0;
    if (list == NULL) {
        missing(compiler, standing ? "on: [NAME], the detections of the notices that stand"
                                   : "rules: [NAME], the detections of the events that count");
        return NULL;
    }
    if (!cw_is_list(source, list, key))
        return NULL;
    if (list->count == 0 || list->count > RULES_MAX) {
        cw_yaml_error(source, list, 0, "expected 1 to %d names of detections", RULES_MAX);
        return NULL;
    }
    const struct cw_selection **out =
        cw_arena_alloc(compiler->loader->arena, list->count * sizeof(*out));
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        const struct cw_selection *selection = NULL;
        if (cw_is_text(source, node, "the name of a detection") && !repeats(source, list, node))
            selection = find_selection(compiler, node, standing);
        if (selection != NULL)
            out[(*count)++] = selection;
    }
    return out;
}

/* ---- paths and aliases ---- */

static bool parse_path(struct compiler *compiler, const struct cw_yaml *node, struct cw_path *out)
{
    size_t offset = 0;
    const char *fault = NULL;
    if (!cw_path_parse(node->text, compiler->loader->arena, out, &offset, &fault)) {
        cw_yaml_error(compiler->source, node, offset, "%s", fault);
        return false;
    }
    if (cw_path_value(out) == CW_VALUE_REAL) {
        cw_yaml_error(compiler->source, node, 0,
                      "%.*s is a fraction, which is never equal for certain: it can be neither key "
                      "nor counted",
                      CW_STR_ARG(out->text));
        return false;
    }
    return true;
}

static bool is_of(const struct cw_path *path, const struct cw_selection *selection)
{
    return path->scope != CW_PATH_DETAIL || path->type == selection->type;
}

static void of_another_type(struct compiler *compiler, const struct cw_yaml *node,
                            const struct cw_path *path, const struct cw_selection *selection)
{
    cw_yaml_error(compiler->source, node, 0, "%.*s is a field of %s, and %.*s selects %s",
                  CW_STR_ARG(path->text), cw_type_by_number(path->type)->name,
                  CW_STR_ARG(selection->name), cw_type_by_number(selection->type)->name);
}

/* May values on the two be equal? An issuer, a kind or an entity is part of what is compared. */
static bool comparable(const struct cw_path *a, const struct cw_path *b)
{
    enum cw_path_value value = cw_path_value(a);
    if (value != cw_path_value(b))
        return false;
    if (value == CW_VALUE_ENTITY)
        return a->scope == b->scope; /* a person is no account */
    if (value == CW_VALUE_IDENTIFIER && a->what == CW_WHAT_ID && b->what == CW_WHAT_ID)
        return cw_str_eq(a->id_kind, b->id_kind);
    return (a->what == CW_WHAT_BIRTH_DATE) == (b->what == CW_WHAT_BIRTH_DATE);
}

/* The place of the named detection among the rule's selections, or -1, noted at the key. */
static ssize_t selection_of(struct compiler *compiler, const struct cw_yaml *key)
{
    const struct cw_rule *rule = compiler->rule;
    const struct cw_document *document = cw_loader_find(compiler->loader, key->text);
    for (size_t i = 0; document != NULL && i < rule->selection_count; i++) {
        if (rule->selections[i] == document->selection)
            return (ssize_t)i;
    }
    const char **names =
        cw_arena_alloc(compiler->loader->arena, (rule->selection_count + 1) * sizeof(*names));
    for (size_t i = 0; i < rule->selection_count; i++)
        names[i] = rule->selections[i]->name.ptr;
    if (compiler->selections_known)
        cw_unknown(compiler->source, key, "name among rules,", names, rule->selection_count);
    return -1;
}

static void read_joined(struct compiler *compiler, struct alias *alias, const struct cw_yaml *node)
{
    struct cw_source *source = compiler->source;
    struct cw_path *path = cw_arena_alloc(compiler->loader->arena, sizeof(*path));
    ssize_t at = selection_of(compiler, node->key);
    if (!cw_is_text(source, node, "a path") || !parse_path(compiler, node, path) || at < 0) {
        alias->good = false;
        return;
    }
    const struct cw_selection *selection = compiler->rule->selections[at];
    if (!is_of(path, selection)) {
        of_another_type(compiler, node, path, selection);
        alias->good = false;
        return;
    }
    if (alias->paths[at] != NULL) {
        cw_yaml_error(source, node->key, 0, "%.*s stands here twice, by its name and its id",
                      CW_STR_ARG(selection->name));
        alias->good = false;
        return;
    }
    for (size_t i = 0; i < compiler->rule->selection_count; i++) {
        const struct cw_path *other = alias->paths[i];
        if (other == NULL || comparable(other, path))
            continue;
        cw_yaml_error(source, node, 0,
                      "%.*s and %.*s are never equal, so they cannot be one key: expected paths of "
                      "one kind",
                      CW_STR_ARG(path->text), CW_STR_ARG(other->text));
        alias->good = false;
        return;
    }
    alias->paths[at] = path;
}

static bool is_alias_name(cw_str text)
{
    size_t at = text.len != 0 && text.ptr[0] == '$';
    bool good = text.len > at && text.len <= CW_NAME_MAX;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.');
    }
    return good;
}

static void read_alias(struct compiler *compiler, const struct cw_yaml *node)
{
    struct cw_source *source = compiler->source;
    struct cw_arena *arena = compiler->loader->arena;
    struct alias *alias = &compiler->aliases[compiler->alias_count++];
    *alias = (struct alias){ .node = node, .good = true };
    alias->paths =
        cw_arena_alloc(arena, (compiler->rule->selection_count + 1) * sizeof(*alias->paths));
    struct cw_path path;
    size_t offset;
    const char *fault;
    if (!is_alias_name(node->key->text))
        cw_yaml_error(source, node->key, 0,
                      "expected the name of an alias such as $phone: letters, digits, and _ - .");
    else if (cw_path_parse(node->key->text, arena, &path, &offset, &fault))
        cw_yaml_error(source, node->key, 0, "%s is a path already: call the alias $%.*s",
                      cw_quote(arena, node->key->text), CW_STR_ARG(node->key->text));
    if (!cw_is_map(source, node, "an alias")) {
        alias->good = false;
        return;
    }
    if (node->count == 0)
        cw_yaml_error(source, node, 0, "expected the paths that it joins: {DETECTION: PATH, …}");
    for (const struct cw_yaml *item = node->first; item != NULL; item = item->next)
        read_joined(compiler, alias, item);
}

static void read_aliases(struct compiler *compiler)
{
    const struct cw_yaml *map = get(compiler, "aliases");
    if (!cw_is_map(compiler->source, map, "aliases"))
        return;
    if (map->count > ALIASES_MAX) {
        cw_yaml_error(compiler->source, map, 0, "expected at most %d aliases", ALIASES_MAX);
        return;
    }
    for (const struct cw_yaml *node = map->first; node != NULL; node = node->next)
        read_alias(compiler, node);
}

static const struct alias *find_alias(const struct compiler *compiler, cw_str name)
{
    for (size_t i = 0; i < compiler->alias_count; i++) {
        if (cw_str_eq(compiler->aliases[i].node->key->text, name))
            return &compiler->aliases[i];
    }
    return NULL;
}

/* No alias of that name: is one meant? True: noted. */
static bool unknown_alias(struct compiler *compiler, const struct cw_yaml *node)
{
    const char *names[ALIASES_MAX];
    for (size_t i = 0; i < compiler->alias_count; i++)
        names[i] = compiler->aliases[i].node->key->text.ptr;
    const char *nearest = cw_source_full(compiler->source)
                              ? NULL
                              : cw_nearest(node->text, names, compiler->alias_count);
    if (node->text.ptr[0] != '$')
        return false;
    cw_yaml_error(compiler->source, node, 0, "no alias is named %s%s%s%s",
                  cw_quote(compiler->loader->arena, node->text),
                  nearest != NULL ? ": did you mean \"" : ": expected aliases: {",
                  nearest != NULL ? nearest : node->text.ptr,
                  nearest != NULL ? "\"?" : ": {DETECTION: PATH, …}} beside group-by");
    return true;
}

/*
 * A path, or an alias, for the selections of the rule. A key must be on the events of each; of what
 * is counted, events without it bring no value, but some must have it.
 */
static bool read_lookup(struct compiler *compiler, const struct cw_yaml *node, bool of_all,
                        struct cw_lookup *out)
{
    struct cw_source *source = compiler->source;
    const struct cw_rule *rule = compiler->rule;
    const struct alias *alias = find_alias(compiler, node->text);
    if (alias != NULL) {
        *out = (struct cw_lookup){ node->text, alias->paths };
        if (!alias->good || !compiler->selections_known)
            return false;
        for (size_t i = 0; of_all && i < rule->selection_count; i++) {
            if (alias->paths[i] != NULL)
                continue;
            cw_yaml_error(
                source, alias->node->key, 0,
                "%.*s lacks a path for %.*s: a key must be on the events of each of rules",
                CW_STR_ARG(node->text), CW_STR_ARG(rule->selections[i]->name));
            return false;
        }
        return true;
    }
    if (unknown_alias(compiler, node))
        return false;
    struct cw_path *path = cw_arena_alloc(compiler->loader->arena, sizeof(*path));
    if (!parse_path(compiler, node, path))
        return false;
    const struct cw_path **paths =
        cw_arena_alloc(compiler->loader->arena, (rule->selection_count + 1) * sizeof(*paths));
    *out = (struct cw_lookup){ path->text, paths };
    const struct cw_selection *without = NULL;
    bool any = false;
    for (size_t i = 0; i < rule->selection_count; i++) {
        if (!is_of(path, rule->selections[i])) {
            without = without != NULL ? without : rule->selections[i];
            continue;
        }
        paths[i] = path;
        any = true;
    }
    if (without == NULL || (any && !of_all))
        return true;
    if (compiler->selections_known || of_all)
        of_another_type(compiler, node, path, without);
    return false;
}

static const struct cw_path *path_of(const struct compiler *compiler,
                                     const struct cw_lookup *lookup)
{
    for (size_t i = 0; lookup != NULL && i < compiler->rule->selection_count; i++) {
        if (lookup->paths[i] != NULL)
            return lookup->paths[i];
    }
    return NULL;
}

static bool is_entity(const struct compiler *compiler, const struct cw_lookup *lookup)
{
    const struct cw_path *path = path_of(compiler, lookup);
    return path != NULL && path->what == CW_WHAT_ENTITY;
}

static bool has_entity(const struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->rule->group_by_count; i++) {
        if (is_entity(compiler, &compiler->rule->group_by[i]))
            return true;
    }
    return false;
}

/* False: something in it was noted, and no more can be said of the key. */
static bool read_group_by(struct compiler *compiler)
{
    struct cw_source *source = compiler->source;
    struct cw_rule *rule = compiler->rule;
    const struct cw_yaml *list = get(compiler, "group-by");
    if (list == NULL) {
        missing(compiler, "group-by: [PATH], the key whose events are taken together");
        return false;
    }
    if (!cw_is_list(source, list, "group-by"))
        return false;
    if (list->first == NULL || list->count > CW_GROUP_BY_MAX) {
        cw_yaml_error(source, list, 0, "expected 1 to %d paths in group-by", CW_GROUP_BY_MAX);
        return false;
    }
    struct cw_lookup *lookups =
        cw_arena_alloc(compiler->loader->arena, list->count * sizeof(*lookups));
    rule->group_by = lookups;
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        if (cw_is_text(source, node, "a path") && !repeats(source, list, node) &&
            read_lookup(compiler, node, true, &lookups[rule->group_by_count]))
            rule->group_by_count++;
    }
    if (rule->group_by_count != list->count)
        return false;
    if (rule->type == CW_RULE_STANDING && (list->count != 1 || !has_entity(compiler))) {
        cw_yaml_error(source, list->first, 0,
                      "standing meets on one entity: expected group-by: [party.ROLE.entity] or "
                      "[object.ROLE.entity]");
        return false;
    }
    return true;
}

static void read_match(struct compiler *compiler, bool keys_known)
{
    struct cw_rule *rule = compiler->rule;
    const struct cw_yaml *node = get(compiler, "match");
    rule->match = has_entity(compiler) ? CW_MATCH_RESOLVED : CW_MATCH_RAW;
    if (node == NULL)
        return;
    int choice = cw_choice(compiler->source, node, "match", matches, COUNT(matches));
    if (choice < 0)
        return;
    rule->match = (enum cw_row_match)choice;
    bool counted = false;
    for (size_t i = 0; i < rule->criterion_count; i++)
        counted = counted || is_entity(compiler, compiler->criteria[i].field);
    if (!keys_known)
        return;
    if (rule->match == CW_MATCH_RAW && has_entity(compiler))
        cw_yaml_error(compiler->source, node, 0,
                      "an entity is never raw: expected exact or resolved, or group-by an "
                      "identifier (party.ROLE.id.KIND)");
    else if (rule->match != CW_MATCH_RAW && !has_entity(compiler) && !counted)
        cw_yaml_error(
            compiler->source, node, 0,
            "%s speaks of entities, and no path here is one (party.ROLE.entity): expected "
            "raw",
            matches[choice]);
}

/* ---- numbers and spans ---- */

bool cw_read_count(struct cw_source *source, const struct cw_yaml *node, const char *what,
                   int64_t max, int64_t *out)
{
    if (node->kind == CW_YAML_BAD)
        return false;
    int64_t value = 0;
    bool good = node->kind == CW_YAML_TEXT && node->text.len != 0 && node->text.ptr[0] != '0';
    for (size_t i = 0; good && i < node->text.len; i++) {
        char c = node->text.ptr[i];
        good = c >= '0' && c <= '9' && value <= max / 10;
        value = good ? 10 * value + (c - '0') : 0;
    }
    if (!good || value > max) {
        cw_yaml_error(source, node, 0, "expected %s: a whole number from 1 to %lld, found %s", what,
                      (long long)max,
                      node->kind == CW_YAML_TEXT ? cw_quote(source->arena, node->text)
                                                 : "no number");
        return false;
    }
    *out = value;
    return true;
}

bool cw_read_span(struct cw_source *source, const struct cw_yaml *node, const char *what,
                  int64_t min, const char *min_text, int64_t *out)
{
    if (node->kind == CW_YAML_BAD)
        return false;
    if (node->kind != CW_YAML_TEXT || !cw_span_parse(node->text, out)) {
        cw_yaml_error(
            source, node, 0,
            "expected %s: a duration such as 30d (s m h d w, at most 100 years), found %s", what,
            node->kind == CW_YAML_TEXT ? cw_quote(source->arena, node->text) : "no duration");
        return false;
    }
    if (*out < min) {
        cw_yaml_error(source, node, 0, "expected %s of %s or more, found %s", what, min_text,
                      cw_quote(source->arena, node->text));
        return false;
    }
    return true;
}

/* What is summed: a whole number of the type, for every selection that has it. */
static bool check_summed(struct compiler *compiler, const struct cw_yaml *node,
                         const struct cw_lookup *lookup)
{
    for (size_t i = 0; i < compiler->rule->selection_count; i++) {
        const struct cw_path *path = lookup->paths[i];
        if (path == NULL || (path->scope == CW_PATH_DETAIL && cw_path_value(path) == CW_VALUE_LONG))
            continue;
        cw_yaml_error(compiler->source, node, 0,
                      "%.*s cannot be summed: expected a whole number of the type, such as "
                      "payment.amount_eur",
                      CW_STR_ARG(path->text));
        return false;
    }
    return true;
}

static void read_field(struct compiler *compiler, const struct cw_yaml *node,
                       struct cw_criterion *out)
{
    struct cw_lookup *field = cw_arena_alloc(compiler->loader->arena, sizeof(*field));
    if (!cw_is_text(compiler->source, node, "a path") || !read_lookup(compiler, node, false, field))
        return;
    if (out->measure == CW_MEASURE_SUM && !check_summed(compiler, node, field))
        return;
    out->field = field;
}

static void read_threshold(struct compiler *compiler, const struct cw_yaml *map,
                           struct cw_criterion *out)
{
    struct cw_source *source = compiler->source;
    const struct cw_yaml *gte = cw_yaml_get(map, "gte");
    const struct cw_yaml *gt = cw_yaml_get(map, "gt");
    out->threshold = 1;
    out->shown = true;
    out->above = gt != NULL;
    if ((gte != NULL) == (gt != NULL)) {
        for (size_t i = 0; gt == NULL && i < COUNT(condition_later); i++) {
            if (cw_yaml_get(map, condition_later[i]) != NULL)
                return; /* said already */
        }
        cw_yaml_error(source, gt != NULL ? gt->key : map, 0,
                      "expected one threshold, gte: N or gt: N");
        return;
    }
    if (!cw_read_count(source, gt != NULL ? gt : gte, "a threshold",
                       out->measure == CW_MEASURE_SUM ? SUM_MAX : THRESHOLD_MAX, &out->threshold))
        out->threshold = 1;
}

static void read_condition(struct compiler *compiler)
{
    struct cw_source *source = compiler->source;
    const struct cw_rule *rule = compiler->rule;
    const struct cw_yaml *condition = get(compiler, "condition");
    struct cw_criterion *own = &compiler->criteria[0];
    bool counts = rule->type == CW_RULE_EVENT_COUNT;
    own->measure = counts                            ? CW_MEASURE_EVENTS
                   : rule->type == CW_RULE_VALUE_SUM ? CW_MEASURE_SUM
                                                     : CW_MEASURE_VALUES;
    if (condition == NULL) {
        missing(compiler, counts ? "condition: {gte: N}" : "condition: {field: PATH, gte: N}");
        return;
    }
    if (!cw_is_map(source, condition, "condition"))
        return;
    cw_check_keys_but(source, condition, "condition", condition_keys, COUNT(condition_keys),
                      condition_later, COUNT(condition_later));
    const struct cw_yaml *field = cw_yaml_get(condition, "field");
    if (counts && field != NULL)
        cw_yaml_error(source, field->key, 0,
                      "event_count counts events: a field is for value_count and value_sum");
    else if (!counts && field == NULL)
        cw_yaml_error(source, condition, 0, "expected field: PATH, the values that %s",
                      own->measure == CW_MEASURE_SUM ? "value_sum adds up" : "value_count counts");
    else if (field != NULL)
        read_field(compiler, field, own);
    read_threshold(compiler, condition, own);
}

/* ---- having ---- */

static const char *const having_keys[] = { "count", "distinct", "sum", "gte", "gt" };
static const enum cw_measure measure_of[] = { CW_MEASURE_EVENTS, CW_MEASURE_VALUES,
                                              CW_MEASURE_SUM };

/* {count: {gte: 4}}, {distinct: PATH, gte: 5}, {sum: PATH, gte: 20000} */
static void read_having_item(struct compiler *compiler, const struct cw_yaml *item)
{
    struct cw_source *source = compiler->source;
    if (!cw_is_map(source, item, "a condition of having"))
        return;
    cw_check_keys_but(source, item, "having", having_keys, COUNT(having_keys), condition_later,
                      COUNT(condition_later));
    const struct cw_yaml *what = NULL;
    struct cw_criterion *out = &compiler->criteria[compiler->rule->criterion_count];
    for (size_t i = 0; i < COUNT(measure_of); i++) {
        const struct cw_yaml *node = cw_yaml_get(item, having_keys[i]);
        if (node == NULL)
            continue;
        if (what != NULL) {
            cw_yaml_error(source, node->key, 0,
                          "one condition asks one thing: put %s into an item of its own",
                          having_keys[i]);
            return;
        }
        what = node;
        out->measure = measure_of[i];
    }
    if (what == NULL) {
        cw_yaml_error(source, item, 0,
                      "expected {count: {gte: N}}, {distinct: PATH, gte: N} or {sum: PATH, gte: "
                      "N}");
        return;
    }
    compiler->rule->criterion_count++;
    if (out->measure != CW_MEASURE_EVENTS) {
        read_field(compiler, what, out);
        read_threshold(compiler, item, out);
        return;
    }
    for (size_t i = COUNT(measure_of); i < COUNT(having_keys); i++) {
        const struct cw_yaml *outside = cw_yaml_get(item, having_keys[i]);
        if (outside != NULL)
            cw_yaml_error(source, outside->key, 0, "expected count: {%s: N}", having_keys[i]);
    }
    if (!cw_is_map(source, what, "count"))
        return;
    cw_check_keys_but(source, what, "count", condition_keys, 2, condition_later,
                      COUNT(condition_later));
    read_threshold(compiler, what, out);
}

static void read_having(struct compiler *compiler)
{
    const struct cw_yaml *list = get(compiler, "having");
    if (!cw_is_list(compiler->source, list, "having"))
        return;
    if (list->count == 0 || list->count > HAVING_MAX) {
        cw_yaml_error(compiler->source, list, 0, "expected 1 to %d conditions in having",
                      HAVING_MAX);
        return;
    }
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next)
        read_having_item(compiler, item);
}

static void forbid(struct compiler *compiler, const char *key, const char *why)
{
    const struct cw_yaml *node = get(compiler, key);
    if (node != NULL)
        cw_yaml_error(compiler->source, node->key, 0, "%s", why);
}

/* The span as written, for the question. */
static cw_str read_times(struct compiler *compiler)
{
    struct cw_rule *rule = compiler->rule;
    bool standing = rule->type == CW_RULE_STANDING;
    const struct cw_yaml *node = get(compiler, standing ? "lookback" : "timespan");
    if (standing) {
        rule->lookback = 30 * CW_DAY;
        forbid(compiler, "timespan",
               "standing has no timespan: it is bounded by the notice's own validity");
        forbid(compiler, "condition",
               "standing has no condition: one sighting of an entity on which a notice stands is a "
               "hit");
        forbid(compiler, "having", "standing has no condition, and so no further ones in having");
        forbid(compiler, "having", "standing has no condition, and so no further ones");
        if (node != NULL)
            (void)cw_read_span(compiler->source, node, "lookback", CW_DAY, "1d", &rule->lookback);
        return node != NULL ? node->text : cw_cstr("30d");
    }
    forbid(compiler, "lookback", "lookback is for standing: a count has its timespan");
    forbid(compiler, "on", "on is for standing: a count takes its events from rules");
    rule->timespan = 1;
    if (node == NULL)
        missing(compiler, "timespan: how long events are taken together, such as 30d");
    else
        (void)cw_read_span(compiler->source, node, "timespan", 1, "1s", &rule->timespan);
    return node != NULL ? node->text : cw_cstr("");
}

/* ---- in words ---- */

static void put_criterion(struct cw_buf *text, const struct cw_criterion *criterion)
{
    static const char *const words[] = { "event_count", "value_count", "value_sum", "countries" };
    cw_buf_cstr(text, words[criterion->measure]);
    if (criterion->field != NULL)
        cw_buf_printf(text, "(%.*s)", CW_STR_ARG(criterion->field->text));
    cw_buf_printf(text, " %s %lld", criterion->above ? ">" : ">=", (long long)criterion->threshold);
}

static cw_str put_question(const struct compiler *compiler, cw_str span)
{
    const struct cw_rule *rule = compiler->rule;
    struct cw_buf text = { 0 };
    if (rule->type == CW_RULE_STANDING) {
        cw_buf_cstr(&text, "stands on ");
        for (size_t i = 0; i < rule->on_count; i++)
            cw_buf_printf(&text, "%s%.*s", i != 0 ? " or " : "", CW_STR_ARG(rule->on[i]->name));
        cw_buf_printf(&text, " within its validity, lookback %.*s, by ", CW_STR_ARG(span));
    } else {
        for (size_t i = 0; i < rule->criterion_count; i++) {
            cw_buf_cstr(&text, i != 0 ? " and " : "");
            put_criterion(&text, &rule->criteria[i]);
        }
        cw_buf_printf(&text, " within %.*s by ", CW_STR_ARG(span));
    }
    for (size_t i = 0; i < rule->group_by_count; i++)
        cw_buf_printf(&text, "%s%.*s", i != 0 ? ", " : "", CW_STR_ARG(rule->group_by[i].text));
    cw_buf_printf(&text, " (%s)", matches[rule->match]);
    cw_str out = cw_arena_copy(compiler->loader->arena, text.data, text.len);
    cw_buf_done(&text);
    return out;
}

static void add_cross_border(struct compiler *compiler)
{
    struct cw_rule *rule = compiler->rule;
    if (rule->cross_border)
        compiler->criteria[rule->criterion_count++] =
            (struct cw_criterion){ .measure = CW_MEASURE_COUNTRIES, .threshold = 2 };
}

/* -1: noted. */
static int read_type(struct compiler *compiler)
{
    const struct cw_yaml *type = get(compiler, "type");
    if (type == NULL) {
        missing(compiler, "type: event_count, value_count, value_sum or standing");
        return -1;
    }
    for (size_t i = 0; type->kind == CW_YAML_TEXT && i < COUNT(types_later); i++) {
        if (cw_str_is(type->text, types_later[i])) {
            cw_yaml_error(compiler->source, type, 0,
                          "correlations of the type %s are not supported: there are event_count, "
                          "value_count, value_sum and standing",
                          types_later[i]);
            return -1;
        }
    }
    return cw_choice(compiler->source, type, "correlation type", types, COUNT(types));
}

static void compile_correlation(struct compiler *compiler)
{
    struct cw_rule *rule = compiler->rule;
    struct cw_source *source = compiler->source;
    cw_check_keys_but(source, compiler->map, "correlation", correlation_keys,
                      COUNT(correlation_keys), correlation_later, COUNT(correlation_later));
    int choice = read_type(compiler);
    if (choice < 0)
        return;
    rule->type = type_of[choice];
    bool standing = rule->type == CW_RULE_STANDING;
    rule->criteria = compiler->criteria;
    rule->criterion_count = !standing;
    size_t before = source->finding_count;
    rule->selections = read_selections(compiler, "rules", false, &rule->selection_count);
    compiler->selections_known =
        source->finding_count == before && !compiler->loader->cut && rule->selection_count != 0;
    if (standing)
        rule->on = read_selections(compiler, "on", true, &rule->on_count);
    read_aliases(compiler);
    bool keys_known = read_group_by(compiler);
    if (!standing) {
        read_condition(compiler);
        read_having(compiler);
        add_cross_border(compiler);
    }
    read_match(compiler, keys_known);
    cw_str span = read_times(compiler);
    rule->question = put_question(compiler, span);
}

/* What both kinds of document have that can alert. */
static void compile_head(struct compiler *compiler, const struct cw_document *document)
{
    struct cw_source *source = document->source;
    const struct cw_yaml *root = document->root;
    struct cw_rule *rule = compiler->rule;
    *rule = (struct cw_rule){ .file = cw_cstr(source->name) };
    if (document->title != NULL)
        rule->title = document->title->text;
    if (document->id != NULL)
        rule->id = document->id->text;
    else if (cw_yaml_get(root, "id") == NULL)
        cw_yaml_error(source, root, 0,
                      "expected id: a UUID of its own, by which alerts know this rule over time");
    rule->name = document->name != NULL ? document->name->text : rule->id;
    const struct cw_yaml *level = cw_yaml_get(root, "level");
    if (level == NULL)
        cw_yaml_error(source, root, 0,
                      "expected level: informational, low, medium, high or critical");
    else {
        int choice = cw_choice(source, level, "level", levels, COUNT(levels));
        rule->level = choice >= 0 ? (enum cw_level)choice : CW_LEVEL_INFO;
    }
    cw_crosswatch_read(compiler->loader, source, cw_yaml_get(root, "crosswatch"), rule);
    compiler->criteria =
        cw_arena_alloc(compiler->loader->arena, (HAVING_MAX + 2) * sizeof(*compiler->criteria));
}

static void set_cells(struct cw_rule *rule)
{
    int64_t span = rule->type == CW_RULE_STANDING ? rule->lookback : rule->timespan;
    rule->cell_span = span > rule->suppress_for ? span : rule->suppress_for;
}

bool cw_correlation_compile(struct cw_loader *loader, const struct cw_document *document,
                            struct cw_rule *rule)
{
    struct cw_source *source = document->source;
    const struct cw_yaml *root = document->root;
    struct compiler compiler = { .loader = loader, .source = source, .rule = rule };
    cw_check_keys(source, root, "a correlation", document_keys, COUNT(document_keys));
    compile_head(&compiler, document);
    compiler.map = cw_yaml_get(root, "correlation");
    if (cw_is_map(source, compiler.map, "correlation"))
        compile_correlation(&compiler);
    if (rule->type == CW_RULE_STANDING && rule->cross_border)
        cw_yaml_error(source, cw_yaml_get(cw_yaml_get(root, "crosswatch"), "cross_border")->key, 0,
                      "cross_border is for windows: a standing hit is one event and one notice");
    set_cells(rule);
    return rule->mode != CW_MODE_OFF;
}

bool cw_detection_rule(struct cw_loader *loader, const struct cw_document *document,
                       struct cw_rule *rule)
{
    struct cw_source *source = document->source;
    struct cw_arena *arena = loader->arena;
    const struct cw_yaml *root = document->root;
    const struct cw_type *type = cw_type_by_number(document->selection->type);
    struct compiler compiler = { .loader = loader, .source = source, .rule = rule };
    compile_head(&compiler, document);
    if (type != NULL && type->standing)
        cw_yaml_error(source, cw_yaml_get(root, "level")->key, 0,
                      "%s stands over an interval and alerts only when something meets it: write a "
                      "correlation of type standing, and the level there",
                      type->name);
    const struct cw_yaml *crosswatch = cw_yaml_get(root, "crosswatch");
    const struct cw_yaml *suppress = cw_yaml_get(crosswatch, "suppress");
    if (suppress != NULL)
        cw_yaml_error(
            source, suppress->key, 0,
            "each event is an alert of its own here, and none follows it: suppress is for "
            "correlations");
    struct cw_path *path = cw_arena_alloc(arena, sizeof(*path));
    *path = (struct cw_path){ .text = cw_cstr("event"), .what = CW_WHAT_EVENT };
    const struct cw_path **paths = cw_arena_alloc(arena, sizeof(*paths));
    paths[0] = path;
    struct cw_lookup *key = cw_arena_alloc(arena, sizeof(*key));
    *key = (struct cw_lookup){ path->text, paths };
    const struct cw_selection **selections = cw_arena_alloc(arena, sizeof(*selections));
    selections[0] = document->selection;
    rule->type = CW_RULE_EVENT_COUNT;
    rule->selections = selections;
    rule->selection_count = 1;
    rule->group_by = key;
    rule->group_by_count = 1;
    rule->match = CW_MATCH_RAW;
    compiler.criteria[0] =
        (struct cw_criterion){ .measure = CW_MEASURE_EVENTS, .threshold = 1, .shown = true };
    rule->criteria = compiler.criteria;
    rule->criterion_count = 1;
    add_cross_border(&compiler);
    rule->timespan = 1;
    rule->question = cw_arena_printf(arena, "an event that %.*s selects%s",
                                     CW_STR_ARG(document->selection->name),
                                     rule->cross_border ? ", of two countries or more" : "");
    set_cells(rule);
    return rule->mode != CW_MODE_OFF;
}

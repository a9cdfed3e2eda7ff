/* correlation.c - a correlation document to a rule: which key, over what time, how. */
#include <stdlib.h>

#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/time.h"

static const char *const document_keys[] = {
    "title",  "name", "id",       "status",  "level",          "description", "references", "tags",
    "author", "date", "modified", "license", "falsepositives", "correlation", "crosswatch",
};
static const char *const correlation_keys[] = { "type",     "rules",     "on",    "group-by",
                                                "timespan", "condition", "match", "lookback" };
static const char *const condition_keys[] = { "gte", "gt", "field" };
static const char *const crosswatch_keys[] = { "suppress", "evidence", "tests" };
static const char *const suppress_keys[] = { "for" };
static const char *const evidence_keys[] = { "keep" };
static const char *const types[] = { "event_count", "value_count", "standing" };
static const enum cw_rule_type type_of[] = { CW_RULE_EVENT_COUNT, CW_RULE_VALUE_COUNT,
                                             CW_RULE_STANDING };
static const char *const levels[] = { "informational", "low", "medium", "high", "critical" };
static const char *const matches[] = { "raw", "exact", "resolved" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { KEEP_DEFAULT = 50, KEEP_MAX = 1000 };

struct compiler {
    struct cw_loader *loader;
    struct cw_source *source;
    const struct cw_yaml *map; /* what stands under `correlation` */
    struct cw_rule *rule;
    struct cw_criterion *criterion; /* the condition's own */
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

/* ---- paths ---- */

/* A path that every selected event has. */
static bool read_path(struct compiler *compiler, const struct cw_yaml *node, struct cw_path *out)
{
    struct cw_source *source = compiler->source;
    size_t offset = 0;
    const char *fault = NULL;
    if (!cw_path_parse(node->text, compiler->loader->arena, out, &offset, &fault)) {
        cw_yaml_error(source, node, offset, "%s", fault);
        return false;
    }
    if (cw_path_value(out) == CW_VALUE_REAL) {
        cw_yaml_error(source, node, 0,
                      "%.*s is a fraction, which is never equal for certain: it can be neither key "
                      "nor counted",
                      CW_STR_ARG(out->text));
        return false;
    }
    for (size_t i = 0; out->scope == CW_PATH_DETAIL && i < compiler->rule->selection_count; i++) {
        const struct cw_selection *selection = compiler->rule->selections[i];
        if (selection->type == out->type)
            continue;
        cw_yaml_error(source, node, 0, "%.*s is a field of %s, and %.*s selects %s",
                      CW_STR_ARG(out->text), cw_type_by_number(out->type)->name,
                      CW_STR_ARG(selection->name), cw_type_by_number(selection->type)->name);
        return false;
    }
    return true;
}

/* The same path for every selection. */
static struct cw_lookup lookup_of(struct compiler *compiler, const struct cw_path *path)
{
    size_t count = compiler->rule->selection_count;
    const struct cw_path **paths =
        cw_arena_alloc(compiler->loader->arena, (count + 1) * sizeof(*paths));
    for (size_t i = 0; i < count; i++)
        paths[i] = path;
    return (struct cw_lookup){ path->text, paths };
}

static bool is_entity(const struct cw_lookup *lookup)
{
    return lookup->paths[0] != NULL && lookup->paths[0]->what == CW_WHAT_ENTITY;
}

static bool has_entity(const struct cw_rule *rule)
{
    for (size_t i = 0; i < rule->group_by_count; i++) {
        if (is_entity(&rule->group_by[i]))
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
    struct cw_arena *arena = compiler->loader->arena;
    struct cw_path *paths = cw_arena_alloc(arena, list->count * sizeof(*paths));
    struct cw_lookup *lookups = cw_arena_alloc(arena, list->count * sizeof(*lookups));
    size_t before = source->finding_count;
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        if (cw_is_text(source, node, "a path") && !repeats(source, list, node) &&
            read_path(compiler, node, &paths[rule->group_by_count])) {
            lookups[rule->group_by_count] = lookup_of(compiler, &paths[rule->group_by_count]);
            rule->group_by_count++;
        }
    }
    rule->group_by = lookups;
    if (source->finding_count != before)
        return false;
    if (rule->type == CW_RULE_STANDING && (list->count != 1 || !has_entity(rule))) {
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
    rule->match = has_entity(rule) ? CW_MATCH_RESOLVED : CW_MATCH_RAW;
    if (node == NULL)
        return;
    int choice = cw_choice(compiler->source, node, "match", matches, COUNT(matches));
    if (choice < 0)
        return;
    rule->match = (enum cw_row_match)choice;
    bool counted = compiler->criterion->field != NULL && is_entity(compiler->criterion->field);
    if (!keys_known)
        return;
    if (rule->match == CW_MATCH_RAW && has_entity(rule))
        cw_yaml_error(compiler->source, node, 0,
                      "an entity is never raw: expected exact or resolved, or group-by an "
                      "identifier (party.ROLE.id.KIND)");
    else if (rule->match != CW_MATCH_RAW && !has_entity(rule) && !counted)
        cw_yaml_error(
            compiler->source, node, 0,
            "%s speaks of entities, and no path here is one (party.ROLE.entity): expected "
            "raw",
            matches[choice]);
}

/* ---- numbers and spans ---- */

/* False: noted. */
static bool read_count(struct cw_source *source, const struct cw_yaml *node, const char *what,
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

static bool read_span(struct cw_source *source, const struct cw_yaml *node, const char *what,
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

static void read_field(struct compiler *compiler, const struct cw_yaml *condition)
{
    const struct cw_yaml *node = cw_yaml_get(condition, "field");
    if (compiler->rule->type != CW_RULE_VALUE_COUNT) {
        if (node != NULL)
            cw_yaml_error(compiler->source, node->key, 0,
                          "event_count counts events: a field is for value_count");
        return;
    }
    if (node == NULL) {
        cw_yaml_error(compiler->source, condition, 0,
                      "expected field: PATH, the values that value_count counts");
        return;
    }
    struct cw_path *path = cw_arena_alloc(compiler->loader->arena, sizeof(*path));
    if (cw_is_text(compiler->source, node, "field") && read_path(compiler, node, path)) {
        struct cw_lookup *field = cw_arena_alloc(compiler->loader->arena, sizeof(*field));
        *field = lookup_of(compiler, path);
        compiler->criterion->field = field;
    }
}

static void read_condition(struct compiler *compiler)
{
    struct cw_source *source = compiler->source;
    struct cw_rule *rule = compiler->rule;
    const struct cw_yaml *condition = get(compiler, "condition");
    if (condition == NULL) {
        missing(compiler, rule->type == CW_RULE_VALUE_COUNT ? "condition: {field: PATH, gte: N}"
                                                            : "condition: {gte: N}");
        return;
    }
    if (!cw_is_map(source, condition, "condition"))
        return;
    cw_check_keys(source, condition, "condition", condition_keys, COUNT(condition_keys));
    read_field(compiler, condition);
    const struct cw_yaml *gte = cw_yaml_get(condition, "gte");
    const struct cw_yaml *gt = cw_yaml_get(condition, "gt");
    if ((gte != NULL) == (gt != NULL)) {
        cw_yaml_error(source, gt != NULL ? gt->key : condition, 0,
                      "expected one threshold, gte: N or gt: N");
        return;
    }
    struct cw_criterion *criterion = compiler->criterion;
    criterion->above = gt != NULL;
    if (!read_count(source, gt != NULL ? gt : gte, "a threshold", 1000000000,
                    &criterion->threshold))
        criterion->threshold = 1;
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
        if (node != NULL)
            (void)read_span(compiler->source, node, "lookback", CW_DAY, "1d", &rule->lookback);
        return node != NULL ? node->text : cw_cstr("30d");
    }
    forbid(compiler, "lookback", "lookback is for standing: a count has its timespan");
    forbid(compiler, "on", "on is for standing: a count takes its events from rules");
    rule->timespan = 1;
    if (node == NULL)
        missing(compiler, "timespan: how long events are taken together, such as 30d");
    else
        (void)read_span(compiler->source, node, "timespan", 1, "1s", &rule->timespan);
    return node != NULL ? node->text : cw_cstr("");
}

/* ---- the crosswatch block ---- */

static void read_crosswatch(struct compiler *compiler, const struct cw_yaml *root)
{
    struct cw_source *source = compiler->source;
    struct cw_rule *rule = compiler->rule;
    const struct cw_yaml *crosswatch = cw_yaml_get(root, "crosswatch");
    rule->keep = KEEP_DEFAULT;
    if (!cw_is_map(source, crosswatch, "crosswatch"))
        return;
    cw_check_keys(source, crosswatch, "crosswatch", crosswatch_keys, COUNT(crosswatch_keys));
    const struct cw_yaml *suppress = cw_yaml_get(crosswatch, "suppress");
    if (cw_is_map(source, suppress, "suppress")) {
        cw_check_keys(source, suppress, "suppress", suppress_keys, COUNT(suppress_keys));
        const struct cw_yaml *span = cw_yaml_get(suppress, "for");
        if (span == NULL)
            cw_yaml_error(source, suppress, 0, "expected for: DURATION in suppress");
        else
            (void)read_span(source, span, "suppress.for", 1, "1s", &rule->suppress_for);
    }
    const struct cw_yaml *evidence = cw_yaml_get(crosswatch, "evidence");
    if (cw_is_map(source, evidence, "evidence")) {
        cw_check_keys(source, evidence, "evidence", evidence_keys, COUNT(evidence_keys));
        const struct cw_yaml *keep = cw_yaml_get(evidence, "keep");
        int64_t count = KEEP_DEFAULT;
        if (keep == NULL)
            cw_yaml_error(source, evidence, 0, "expected keep: N in evidence");
        else if (read_count(source, keep, "evidence.keep", KEEP_MAX, &count))
            rule->keep = (uint32_t)count;
    }
}

/* ---- in words ---- */

static cw_str put_question(struct compiler *compiler, cw_str span)
{
    const struct cw_rule *rule = compiler->rule;
    struct cw_buf text = { 0 };
    if (rule->type == CW_RULE_STANDING) {
        cw_buf_cstr(&text, "stands on ");
        for (size_t i = 0; i < rule->on_count; i++)
            cw_buf_printf(&text, "%s%.*s", i != 0 ? " or " : "", CW_STR_ARG(rule->on[i]->name));
        cw_buf_printf(&text, " within its validity, lookback %.*s, by ", CW_STR_ARG(span));
    } else {
        const struct cw_criterion *own = compiler->criterion;
        if (rule->type == CW_RULE_VALUE_COUNT && own->field != NULL)
            cw_buf_printf(&text, "value_count(%.*s)", CW_STR_ARG(own->field->text));
        else
            cw_buf_cstr(&text, "event_count");
        cw_buf_printf(&text, " %s %lld within %.*s by ",
                      own->above ? ">" : ">=", (long long)own->threshold, CW_STR_ARG(span));
    }
    for (size_t i = 0; i < rule->group_by_count; i++)
        cw_buf_printf(&text, "%s%.*s", i != 0 ? ", " : "", CW_STR_ARG(rule->group_by[i].text));
    cw_buf_printf(&text, " (%s)", matches[rule->match]);
    cw_str out = cw_arena_copy(compiler->loader->arena, text.data, text.len);
    cw_buf_done(&text);
    return out;
}

static void compile_correlation(struct compiler *compiler)
{
    struct cw_rule *rule = compiler->rule;
    cw_check_keys(compiler->source, compiler->map, "correlation", correlation_keys,
                  COUNT(correlation_keys));
    const struct cw_yaml *type = get(compiler, "type");
    if (type == NULL) {
        missing(compiler, "type: event_count, value_count or standing");
        return;
    }
    int choice = cw_choice(compiler->source, type, "correlation type", types, COUNT(types));
    if (choice < 0)
        return;
    rule->type = type_of[choice];
    compiler->criterion->measure =
        rule->type == CW_RULE_VALUE_COUNT ? CW_MEASURE_VALUES : CW_MEASURE_EVENTS;
    compiler->criterion->shown = true;
    rule->criteria = compiler->criterion;
    rule->criterion_count = rule->type != CW_RULE_STANDING;
    rule->selections = read_selections(compiler, "rules", false, &rule->selection_count);
    if (rule->type == CW_RULE_STANDING)
        rule->on = read_selections(compiler, "on", true, &rule->on_count);
    bool keys_known = read_group_by(compiler);
    if (rule->type != CW_RULE_STANDING)
        read_condition(compiler);
    read_match(compiler, keys_known);
    cw_str span = read_times(compiler);
    rule->question = put_question(compiler, span);
}

void cw_correlation_compile(struct cw_loader *loader, const struct cw_document *document,
                            struct cw_rule *rule)
{
    struct cw_source *source = document->source;
    const struct cw_yaml *root = document->root;
    struct compiler compiler = { .loader = loader, .source = source, .rule = rule };
    compiler.criterion = cw_arena_alloc(loader->arena, sizeof(*compiler.criterion));
    cw_check_keys(source, root, "a correlation", document_keys, COUNT(document_keys));
    *rule = (struct cw_rule){ .file = cw_cstr(source->name), .revision = 1 };
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
    compiler.map = cw_yaml_get(root, "correlation");
    if (cw_is_map(source, compiler.map, "correlation"))
        compile_correlation(&compiler);
    read_crosswatch(&compiler, root);
    int64_t span = rule->type == CW_RULE_STANDING ? rule->lookback : rule->timespan;
    rule->cell_span = span > rule->suppress_for ? span : rule->suppress_for;
}

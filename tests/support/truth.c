#include "tests/support/truth.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/buf.h"
#include "operators/runtime/mem.h"

struct pattern {
    char *rule;
    char *name;
    char *note;
    bool planted;
    size_t members;
    /* while a rule is scored */
    size_t seen; /* members among the evidence of the alert at hand */
    bool found;
};

/* An event of a pattern, by "OWNER/EVENT_ID". */
struct event {
    char *name;
    size_t pattern;
    bool member;
};

struct cw_truth {
    struct pattern *patterns;
    size_t pattern_count;
    size_t pattern_cap;
    struct event *events; /* sorted by name */
    size_t event_count;
    size_t event_cap;
};

static char *event_name(const json_t *event)
{
    const char *owner = json_string_value(json_object_get(event, "owner"));
    const char *id = json_string_value(json_object_get(event, "event_id"));
    struct cw_buf name = { 0 };
    cw_buf_printf(&name, "%s/%s", owner != NULL ? owner : "", id != NULL ? id : "");
    cw_buf_u8(&name, 0);
    return (char *)name.data;
}

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return cw_strdup(text != NULL ? text : "");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct event *)a)->name, ((const struct event *)b)->name);
}

static void add_events(struct cw_truth *truth, const json_t *list, bool members)
{
    size_t index;
    const json_t *event;
    json_array_foreach(list, index, event)
    {
        if (truth->event_count == truth->event_cap) {
            truth->event_cap = truth->event_cap * 2 + 256;
            truth->events = cw_realloc(truth->events, truth->event_cap * sizeof(truth->events[0]));
        }
        truth->events[truth->event_count++] = (struct event){ .name = event_name(event),
                                                              .pattern = truth->pattern_count - 1,
                                                              .member = members };
    }
}

static void add_pattern(struct cw_truth *truth, const json_t *line)
{
    if (truth->pattern_count == truth->pattern_cap) {
        truth->pattern_cap = truth->pattern_cap * 2 + 64;
        truth->patterns =
            cw_realloc(truth->patterns, truth->pattern_cap * sizeof(truth->patterns[0]));
    }
    truth->patterns[truth->pattern_count++] = (struct pattern){
        .rule = text_of(line, "rule"),
        .name = text_of(line, "pattern"),
        .note = text_of(line, "note"),
        .planted = json_is_true(json_object_get(line, "expected")),
        .members = json_array_size(json_object_get(line, "members")),
    };
    add_events(truth, json_object_get(line, "members"), true);
    add_events(truth, json_object_get(line, "others"), false);
}

/* Calls for each line of JSON. False: the file cannot be read or a line is none. */
static bool each_line(const char *path, void (*take)(void *context, const json_t *line),
                      void *context)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "truth: %s cannot be opened: %s\n", path, strerror(errno));
        return false;
    }
    char *text = NULL;
    size_t size = 0;
    size_t number = 0;
    bool ok = true;
    ssize_t len;
    while (ok && (len = getline(&text, &size, file)) > 0) {
        json_error_t why;
        json_t *line = json_loadb(text, (size_t)len, 0, &why);
        number++;
        ok = line != NULL;
        if (ok)
            take(context, line);
        else
            fprintf(stderr, "truth: %s:%zu: expected a JSON object: %s\n", path, number, why.text);
        json_decref(line);
    }
    if (ok && ferror(file) != 0) {
        fprintf(stderr, "truth: %s cannot be read: %s\n", path, strerror(errno));
        ok = false;
    }
    free(text);
    fclose(file);
    return ok;
}

static void take_pattern(void *context, const json_t *line)
{
    add_pattern(context, line);
}

struct cw_truth *cw_truth_load(const char *scenario)
{
    struct cw_truth *truth = cw_new(struct cw_truth);
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/truth/truth.alerts", scenario);
    cw_buf_u8(&path, 0);
    bool ok = each_line((char *)path.data, take_pattern, truth);
    cw_buf_done(&path);
    if (!ok) {
        cw_truth_free(truth);
        return NULL;
    }
    if (truth->event_count > 0)
        qsort(truth->events, truth->event_count, sizeof(truth->events[0]), by_name);
    return truth;
}

void cw_truth_free(struct cw_truth *truth)
{
    if (truth == NULL)
        return;
    for (size_t i = 0; i < truth->pattern_count; i++) {
        free(truth->patterns[i].rule);
        free(truth->patterns[i].name);
        free(truth->patterns[i].note);
    }
    for (size_t i = 0; i < truth->event_count; i++)
        free(truth->events[i].name);
    free(truth->patterns);
    free(truth->events);
    free(truth);
}

struct scoring {
    const struct cw_truth *truth;
    const char *slug;
    const char *const *rules;
    FILE *misses;
    struct cw_truth_score *score;
};

static const struct event *event_of(const struct cw_truth *truth, const json_t *evidence)
{
    struct event key = { .name = event_name(evidence) };
    const struct event *event =
        truth->event_count == 0
            ? NULL
            : bsearch(&key, truth->events, truth->event_count, sizeof(key), by_name);
    free(key.name);
    return event;
}

/* Marks the patterns of the rule that the evidence touches: the last look-alike and whether a
 * planted one is among them. */
static void judge(struct scoring *scoring, const json_t *evidence, const struct pattern **lookalike,
                  bool *planted)
{
    size_t index;
    const json_t *item;
    for (size_t i = 0; i < scoring->truth->pattern_count; i++)
        scoring->truth->patterns[i].seen = 0;
    json_array_foreach(evidence, index, item)
    {
        const struct event *event = event_of(scoring->truth, item);
        struct pattern *pattern = event != NULL ? &scoring->truth->patterns[event->pattern] : NULL;
        if (pattern == NULL || strcmp(pattern->rule, scoring->slug) != 0)
            continue;
        if (!pattern->planted) {
            *lookalike = pattern;
            continue;
        }
        *planted = true;
        pattern->seen += event->member;
        if (pattern->seen == pattern->members)
            pattern->found = true;
    }
}

static bool is_of(const struct scoring *scoring, const char *rule)
{
    for (const char *const *one = scoring->rules; rule != NULL && *one != NULL; one++) {
        if (strcmp(rule, *one) == 0)
            return true;
    }
    return false;
}

static void take_alert(void *context, const json_t *line)
{
    struct scoring *scoring = context;
    struct cw_truth_score *score = scoring->score;
    const char *rule = json_string_value(json_object_get(line, "rule"));
    if (!is_of(scoring, rule))
        return;
    const char *id = json_string_value(json_object_get(line, "id"));
    const struct pattern *lookalike = NULL;
    bool planted = false;
    score->alerts++;
    judge(scoring, json_object_get(line, "evidence"), &lookalike, &planted);
    if (lookalike != NULL) {
        score->wrong++;
        if (scoring->misses != NULL)
            fprintf(scoring->misses, "%s: alert %s is wrong: look-alike %s (%s)\n", scoring->slug,
                    id != NULL ? id : "?", lookalike->name, lookalike->note);
    } else if (planted) {
        score->right++;
    } else {
        score->unplanned++;
        if (scoring->misses != NULL)
            fprintf(scoring->misses, "%s: alert %s rests on nothing that was planted\n",
                    scoring->slug, id != NULL ? id : "?");
    }
}

bool cw_truth_score(const struct cw_truth *truth, const char *slug, const char *const *rules,
                    const char *alerts_path, FILE *misses, struct cw_truth_score *out)
{
    *out = (struct cw_truth_score){ 0 };
    struct scoring scoring = { truth, slug, rules, misses, out };
    for (size_t i = 0; i < truth->pattern_count; i++) {
        truth->patterns[i].seen = 0;
        truth->patterns[i].found = false;
    }
    if (!each_line(alerts_path, take_alert, &scoring))
        return false;
    for (size_t i = 0; i < truth->pattern_count; i++) {
        const struct pattern *pattern = &truth->patterns[i];
        if (strcmp(pattern->rule, slug) != 0)
            continue;
        out->planted += pattern->planted;
        out->lookalikes += !pattern->planted;
        out->found += pattern->found;
        if (pattern->planted && !pattern->found && misses != NULL)
            fprintf(misses, "%s: missed %s (%s)\n", slug, pattern->name, pattern->note);
    }
    out->recall = out->planted == 0 ? 1.0 : (double)out->found / (double)out->planted;
    size_t judged = out->right + out->wrong;
    out->precision = judged == 0 ? 1.0 : (double)out->right / (double)judged;
    return true;
}

#include "ops/rules_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "detectors/engine.h"
#include "detectors/rule_tests.h"
#include "detectors/yaml.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"

/* --- words --- */

static bool is_detection(const struct cw_rule *rule)
{
    return rule->group_by_count == 1 && rule->group_by[0].paths[0] != NULL &&
           rule->group_by[0].paths[0]->what == CW_WHAT_EVENT;
}

static const char *type_name(const struct cw_rule *rule)
{
    if (is_detection(rule))
        return "detection";
    switch (rule->type) {
    case CW_RULE_EVENT_COUNT:
        return "event_count";
    case CW_RULE_VALUE_COUNT:
        return "value_count";
    case CW_RULE_VALUE_SUM:
        return "value_sum";
    case CW_RULE_STANDING:
    default:
        return "standing";
    }
}

static const char *match_name(const struct cw_rule *rule)
{
    static const char *const names[] = { "raw", "exact", "resolved" };
    return names[rule->match];
}

static const char *mode_name(const struct cw_rule *rule)
{
    return rule->mode == CW_MODE_SHADOW ? "shadow" : "live";
}

static void put_span(struct cw_buf *out, int64_t span)
{
    static const struct {
        int64_t unit;
        const char *name;
    } units[] = { { CW_DAY, "d" }, { CW_HOUR, "h" }, { CW_MINUTE, "m" }, { CW_SECOND, "s" } };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (span % units[i].unit == 0) {
            cw_buf_printf(out, "%" PRId64 "%s", span / units[i].unit, units[i].name);
            return;
        }
    }
    cw_buf_printf(out, "%" PRId64 "us", span);
}

static void put_texts(struct cw_buf *out, const cw_str *texts, size_t count, const char *none)
{
    if (count == 0)
        cw_buf_cstr(out, none);
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(out, "%s%.*s", i != 0 ? ", " : "", CW_STR_ARG(texts[i]));
}

/* One place of the key: its path, or the different ones that an alias joins. */
static void put_place(struct cw_buf *out, const struct cw_rule *rule,
                      const struct cw_lookup *lookup, const char *quote)
{
    const char *between = "";
    for (size_t i = 0; i < rule->selection_count; i++) {
        bool before = lookup->paths[i] == NULL;
        for (size_t k = 0; k < i && !before; k++)
            before = lookup->paths[k] != NULL &&
                     cw_str_eq(lookup->paths[k]->text, lookup->paths[i]->text);
        if (before)
            continue;
        cw_buf_printf(out, "%s%s%.*s%s", between, quote, CW_STR_ARG(lookup->paths[i]->text), quote);
        between = " or ";
    }
}

static void put_key(struct cw_buf *out, const struct cw_rule *rule, const char *quote)
{
    for (size_t i = 0; i < rule->group_by_count; i++) {
        cw_buf_cstr(out, i != 0 ? ", " : "");
        put_place(out, rule, &rule->group_by[i], quote);
    }
}

static int by_name(const void *a, const void *b)
{
    return cw_str_cmp((*(const struct cw_rule *const *)a)->name,
                      (*(const struct cw_rule *const *)b)->name);
}

const struct cw_rule **cw_rules_by_name(const struct cw_rules *rules)
{
    const struct cw_rule **out = cw_alloc((rules->count + 1) * sizeof(const struct cw_rule *));
    for (size_t i = 0; i < rules->count; i++)
        out[i] = &rules->rules[i];
    if (rules->count > 1)
        qsort(out, rules->count, sizeof(const struct cw_rule *), by_name);
    return out;
}

/* --- list --- */

enum { COLUMNS = 8 };

static void put_column(struct cw_buf *out, const struct cw_rule *rule, size_t column)
{
    switch (column) {
    case 0:
        cw_buf_str(out, rule->name);
        break;
    case 1:
        cw_buf_str(out, rule->id);
        break;
    case 2:
        cw_buf_cstr(out, type_name(rule));
        break;
    case 3:
        cw_buf_cstr(out, cw_level_name((uint8_t)rule->level));
        break;
    case 4:
        cw_buf_cstr(out, mode_name(rule));
        break;
    case 5:
        put_texts(out, rule->purposes, rule->purpose_count, "-");
        break;
    case 6:
        put_key(out, rule, "");
        break;
    default:
        cw_buf_str(out, rule->question);
        break;
    }
}

void cw_rules_list_table(const struct cw_rules *rules, struct cw_buf *out)
{
    static const char *const headings[COLUMNS] = { "NAME", "ID",       "TYPE", "LEVEL",
                                                   "MODE", "PURPOSES", "KEY",  "QUESTION" };
    const struct cw_rule **order = cw_rules_by_name(rules);
    struct cw_buf cell = { 0 };
    size_t width[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        width[c] = strlen(headings[c]);
        for (size_t i = 0; i < rules->count; i++) {
            cell.len = 0;
            put_column(&cell, order[i], c);
            if (cell.len > width[c])
                width[c] = cell.len;
        }
    }
    for (size_t i = 0; i <= rules->count; i++) { /* the first line: headings */
        for (size_t c = 0; c < COLUMNS; c++) {
            cell.len = 0;
            if (i == 0)
                cw_buf_cstr(&cell, headings[c]);
            else
                put_column(&cell, order[i - 1], c);
            cw_buf_put(out, cell.data, cell.len);
            if (c + 1 < COLUMNS)
                cw_buf_printf(out, "%*s", (int)(width[c] - cell.len + 2), "");
        }
        cw_buf_u8(out, '\n');
    }
    cw_buf_done(&cell);
    free(order);
}

static void json_texts(struct cw_json *json, const char *key, const cw_str *texts, size_t count)
{
    cw_json_key(json, key);
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        cw_json_str(json, texts[i]);
    cw_json_close(json, ']');
}

static void json_rule(const struct cw_rule *rule, struct cw_buf *out)
{
    struct cw_json json = cw_json(out);
    cw_json_open(&json, '{');
    cw_json_kstr(&json, "name", rule->name);
    cw_json_kstr(&json, "id", rule->id);
    cw_json_kstr(&json, "title", rule->title);
    cw_json_kstr(&json, "file", rule->file);
    cw_json_kcstr(&json, "type", type_name(rule));
    cw_json_kcstr(&json, "level", cw_level_name((uint8_t)rule->level));
    cw_json_kcstr(&json, "mode", mode_name(rule));
    json_texts(&json, "purposes", rule->purposes, rule->purpose_count);
    cw_json_key(&json, "key");
    cw_json_open(&json, '[');
    struct cw_buf place = { 0 };
    for (size_t i = 0; i < rule->group_by_count; i++) {
        place.len = 0;
        put_place(&place, rule, &rule->group_by[i], "");
        cw_json_str(&json, (cw_str){ (const char *)place.data, place.len });
    }
    cw_buf_done(&place);
    cw_json_close(&json, ']');
    cw_json_kcstr(&json, "match", match_name(rule));
    cw_json_kstr(&json, "question", rule->question);
    cw_json_kint(&json, "revision", rule->revision);
    cw_json_kid(&json, "state_hash", rule->state_hash);
    cw_json_kid(&json, "judgement_hash", rule->judgement_hash);
    cw_json_kcstr(&json, "document", rule->document);
    cw_json_kstr(&json, "lists", rule->lists);
    cw_json_kint(&json, "tests", (int64_t)rule->test_count);
    cw_json_close(&json, '}');
    cw_buf_u8(out, '\n');
}

void cw_rules_list_json(const struct cw_rules *rules, struct cw_buf *out)
{
    const struct cw_rule **order = cw_rules_by_name(rules);
    for (size_t i = 0; i < rules->count; i++)
        json_rule(order[i], out);
    free(order);
}

/* --- page --- */

static void page_list(const struct cw_rule *rule, const char *key, const char *heading,
                      struct cw_buf *out)
{
    const struct cw_yaml *list = cw_yaml_get(rule->root, key);
    if (list == NULL || list->first == NULL)
        return;
    cw_buf_printf(out, "- %s\n", heading);
    for (const struct cw_yaml *item = list->first; item != NULL; item = item->next) {
        bool link = item->text.len > 4 && memcmp(item->text.ptr, "http", 4) == 0;
        cw_buf_printf(out, link ? "  - <%.*s>\n" : "  - %.*s\n", CW_STR_ARG(item->text));
    }
}

static void page_rule(const struct cw_rule *rule, struct cw_buf *out)
{
    const struct cw_yaml *description = cw_yaml_get(rule->root, "description");
    const char *slash = memrchr(rule->file.ptr, '/', rule->file.len);
    const char *file = slash != NULL ? slash + 1 : rule->file.ptr;
    cw_buf_printf(out, "\n### %.*s\n\n", CW_STR_ARG(rule->title));
    cw_buf_printf(out, "`%.*s` in [%s](rules/%s): level %s, %s, revision %" PRIu32 ", for ",
                  CW_STR_ARG(rule->name), file, file, cw_level_name((uint8_t)rule->level),
                  mode_name(rule), rule->revision);
    put_texts(out, rule->purposes, rule->purpose_count, "no stated purpose");
    cw_buf_cstr(out, ".\n\n");
    if (description != NULL)
        cw_buf_printf(out, "%.*s\n\n", CW_STR_ARG(description->text));
    cw_buf_printf(out, "- Asks: `%.*s`\n- Key: ", CW_STR_ARG(rule->question));
    put_key(out, rule, "`");
    cw_buf_printf(out, " (%s)\n", match_name(rule));
    page_list(rule, "falsepositives", "False positives:", out);
    page_list(rule, "references", "Sources of the indicator:", out);
    if (rule->test_count != 0)
        cw_buf_cstr(out, "- Tested:\n");
    for (size_t i = 0; i < rule->test_count; i++)
        cw_buf_printf(out, "  - %.*s\n", CW_STR_ARG(rule->tests[i].name));
}

void cw_rules_page(const struct cw_rules *rules, struct cw_buf *out)
{
    const struct cw_rule **order = cw_rules_by_name(rules);
    cw_buf_cstr(out, "## The rules\n\n| rule | level | what it asks |\n|---|---|---|\n");
    for (size_t i = 0; i < rules->count; i++)
        cw_buf_printf(out, "| `%.*s` | %s | %.*s |\n", CW_STR_ARG(order[i]->name),
                      cw_level_name((uint8_t)order[i]->level), CW_STR_ARG(order[i]->title));
    for (size_t i = 0; i < rules->count; i++)
        page_rule(order[i], out);
    free(order);
}

/* --- explain --- */

static void label(struct cw_buf *out, const char *name)
{
    cw_buf_printf(out, "  %-12s", name);
}

/* A pattern as it is written: its runs as *, its single characters as ?. */
static void put_pattern(struct cw_buf *out, cw_str text)
{
    cw_buf_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        cw_buf_u8(out, (uint8_t)(c == CW_LIKE_ANY ? '*' : c == CW_LIKE_ONE ? '?' : c));
    }
    cw_buf_u8(out, '"');
}

static void put_values(struct cw_buf *out, const struct cw_instruction *at)
{
    enum { SHOWN = 6 };
    size_t count = at->op == CW_OP_AMONG ? at->number_count : at->text_count;
    if (at->list.ptr != NULL) {
        cw_buf_printf(out, "the %zu values of the list %.*s", count, CW_STR_ARG(at->list));
        return;
    }
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        cw_buf_cstr(out, i != 0 ? ", " : "");
        if (at->op == CW_OP_AMONG)
            cw_buf_printf(out, "%" PRId64, at->numbers[i]);
        else
            put_pattern(out, at->texts[i]);
    }
    if (count > SHOWN)
        cw_buf_printf(out, " and %zu more", count - SHOWN);
}

static void put_range(struct cw_buf *out, const struct cw_instruction *at)
{
    if (at->low == at->high)
        cw_buf_printf(out, "%" PRId64, at->low);
    else if (at->low == INT64_MIN)
        cw_buf_printf(out, "at most %" PRId64, at->high);
    else if (at->high == INT64_MAX)
        cw_buf_printf(out, "at least %" PRId64, at->low);
    else
        cw_buf_printf(out, "%" PRId64 " to %" PRId64, at->low, at->high);
}

static void put_test(struct cw_buf *out, const struct cw_instruction *at)
{
    cw_str path = at->path != NULL ? at->path->text : cw_cstr("");
    switch (at->op) {
    case CW_OP_EQUALS:
        cw_buf_printf(out, "%.*s is one of ", CW_STR_ARG(path));
        put_values(out, at);
        break;
    case CW_OP_LIKE:
        cw_buf_printf(out, "%.*s is like one of ", CW_STR_ARG(path));
        put_values(out, at);
        break;
    case CW_OP_AMONG:
        cw_buf_printf(out, "%.*s is one of ", CW_STR_ARG(path));
        put_values(out, at);
        break;
    case CW_OP_WITHIN:
        cw_buf_printf(out, "%.*s is ", CW_STR_ARG(path));
        put_range(out, at);
        break;
    case CW_OP_EXISTS:
        cw_buf_printf(out, "%.*s is there", CW_STR_ARG(path));
        break;
    case CW_OP_CONST:
    default:
        cw_buf_cstr(out, at->argument != 0 ? "true" : "false");
        break;
    }
    if (at->cased)
        cw_buf_cstr(out, ", with its case");
}

/* Where it goes on: forward to an instruction, or to an end, whose answer is the truth just met. */
static void put_way(struct cw_buf *out, uint32_t to, bool truth)
{
    if (to == 0)
        cw_buf_cstr(out, truth ? "selected" : "not selected");
    else
        cw_buf_printf(out, "%" PRIu32, to);
}

static void put_instruction(struct cw_buf *out, const struct cw_instruction *at)
{
    if (at->negated)
        cw_buf_cstr(out, "not: ");
    put_test(out, at);
    cw_buf_cstr(out, "? ");
    put_way(out, at->then, true);
    cw_buf_cstr(out, " : ");
    put_way(out, at->otherwise, false);
}

static void put_selections(struct cw_buf *out, const char *name,
                           const struct cw_selection *const *selections, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cw_selection *selection = selections[i];
        label(out, name);
        cw_buf_printf(out, "%.*s, of %s\n", CW_STR_ARG(selection->name),
                      cw_type_by_number(selection->type)->name);
        for (size_t n = 0; n < selection->code_len; n++) {
            label(out, "");
            cw_buf_printf(out, "%4zu  ", n);
            put_instruction(out, &selection->code[n]);
            cw_buf_u8(out, '\n');
        }
    }
}

/* By type: what is read at all. Another type's events cost the rule nothing. */
static void put_reads(struct cw_buf *out, const struct cw_rule *rule)
{
    label(out, "reads");
    const char *comma = "";
    for (uint16_t type = 1; type <= cw_type_count(); type++) {
        bool reads = false;
        for (size_t i = 0; i < rule->selection_count; i++)
            reads |= rule->selections[i]->type == type;
        for (size_t i = 0; i < rule->on_count; i++)
            reads |= rule->on[i]->type == type;
        if (reads)
            cw_buf_printf(out, "%s%s", comma, cw_type_by_number(type)->name);
        if (reads)
            comma = ", ";
    }
    cw_buf_u8(out, '\n');
}

static void put_lookup(struct cw_buf *out, const struct cw_rule *rule,
                       const struct cw_lookup *lookup)
{
    cw_buf_str(out, lookup->text);
    if (lookup->text.len == 0 || lookup->text.ptr[0] != '$')
        return;
    for (size_t i = 0; i < rule->selection_count; i++)
        cw_buf_printf(
            out, "%s%.*s: %.*s", i != 0 ? ", " : " = {", CW_STR_ARG(rule->selections[i]->name),
            CW_STR_ARG(lookup->paths[i] != NULL ? lookup->paths[i]->text : cw_cstr("nothing")));
    cw_buf_u8(out, '}');
}

static void put_criterion(struct cw_buf *out, const struct cw_rule *rule,
                          const struct cw_criterion *criterion)
{
    static const char *const measures[] = { "events", "distinct ", "sum of ", "countries" };
    label(out, criterion == rule->criteria ? "holds if" : "  and");
    cw_buf_cstr(out, measures[criterion->measure]);
    if (criterion->field != NULL)
        put_lookup(out, rule, criterion->field);
    cw_buf_printf(out, " %s %" PRId64 "%s\n", criterion->above ? ">" : ">=", criterion->threshold,
                  criterion->shown ? "" : " (not shown in rows)");
}

/* What a key costs, and what an event under it: the objects, and their places in maps and indexes.
 * Lists grow by doubling, so up to twice that may be taken. */
static void put_state(struct cw_buf *out, const struct cw_rule *rule)
{
    size_t slot = sizeof(struct cw_id) + 2 * sizeof(uint32_t);
    size_t place = sizeof(struct cw_subline_key) + sizeof(struct cw_raw_key) + slot;
    size_t key = sizeof(struct cw_line) + sizeof(struct cw_subline) + 2 * slot +
                 rule->group_by_count * (place + sizeof(struct cw_id));
    size_t entries = 0;
    size_t sums = 0;
    for (size_t i = 0; i < rule->criterion_count; i++) {
        entries += rule->criteria[i].measure == CW_MEASURE_VALUES;
        sums += rule->criteria[i].measure == CW_MEASURE_SUM;
    }
    label(out, "state");
    cw_buf_printf(out, "about %zu bytes a key, and for each event held under it %zu", key,
                  (entries != 0 ? entries : 1) * sizeof(struct cw_entry));
    if (entries != 0)
        cw_buf_printf(out, " (more if it has several values), %zu for each different value",
                      sizeof(struct cw_thing) + slot);
    if (rule->type == CW_RULE_STANDING)
        cw_buf_printf(out, ", %zu for each notice", sizeof(struct cw_stand));
    cw_buf_printf(out, "; %zu for the event itself, once for all rules\n",
                  sizeof(struct cw_fact) + sums * sizeof(int64_t) + slot);
}

static void put_window(struct cw_buf *out, const struct cw_rule *rule)
{
    bool standing = rule->type == CW_RULE_STANDING;
    label(out, "window");
    if (is_detection(rule)) {
        cw_buf_cstr(out, "each event by itself\n");
        return;
    }
    cw_buf_cstr(out, standing ? "lookback " : "timespan ");
    put_span(out, standing ? rule->lookback : rule->timespan);
    cw_buf_cstr(out, ", an alert a key and ");
    put_span(out, rule->cell_span);
    if (rule->suppress_for != 0) {
        cw_buf_cstr(out, ", suppressed for ");
        put_span(out, rule->suppress_for);
    }
    cw_buf_printf(out, "; rows show %" PRIu32 " events\n", rule->keep);
}

void cw_rule_explain(const struct cw_rule *rule, struct cw_buf *out)
{
    char hex[CW_ID_HEX];
    cw_buf_printf(out, "%.*s: %.*s\n", CW_STR_ARG(rule->name), CW_STR_ARG(rule->title));
    label(out, "id");
    cw_buf_printf(out, "%.*s, revision %" PRIu32 ", %s, level %s, in %.*s\n", CW_STR_ARG(rule->id),
                  rule->revision, mode_name(rule), cw_level_name((uint8_t)rule->level),
                  CW_STR_ARG(rule->file));
    label(out, "asks");
    cw_buf_printf(out, "%.*s\n", CW_STR_ARG(rule->question));
    put_reads(out, rule);
    put_selections(out, "selects", rule->selections, rule->selection_count);
    put_selections(out, "stands on", rule->on, rule->on_count);
    label(out, "key");
    for (size_t i = 0; i < rule->group_by_count; i++) {
        cw_buf_cstr(out, i != 0 ? ", " : "");
        put_lookup(out, rule, &rule->group_by[i]);
    }
    cw_buf_printf(out, " (%s)\n", match_name(rule));
    for (size_t i = 0; i < rule->criterion_count; i++)
        put_criterion(out, rule, &rule->criteria[i]);
    put_window(out, rule);
    label(out, "purposes");
    put_texts(out, rule->purposes, rule->purpose_count,
              "none: it sees only events that limit no purpose");
    cw_buf_u8(out, '\n');
    cw_id_hex(rule->state_hash, hex);
    label(out, "state hash");
    cw_buf_printf(out, "%s (what is held)\n", hex);
    cw_id_hex(rule->judgement_hash, hex);
    label(out, "judgement");
    cw_buf_printf(out, "%s (what is asked of it)\n", hex);
    label(out, "document");
    cw_buf_printf(out, "SHA-256 %s\n", rule->document);
    label(out, "lists");
    cw_buf_printf(out, "%.*s\n", CW_STR_ARG(rule->lists.len != 0 ? rule->lists : cw_cstr("none")));
    put_state(out, rule);
    label(out, "tests");
    cw_buf_printf(out, "%zu\n", rule->test_count);
}

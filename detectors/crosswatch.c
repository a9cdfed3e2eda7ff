/* crosswatch.c - what stands under `crosswatch` in a document that can alert. */
#include <stdlib.h>

#include "detectors/load.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { KEEP_DEFAULT = 50, KEEP_MAX = 1000, REVISION_MAX = 1000000 };

static const char *const crosswatch_keys[] = { "revision", "mode",     "purpose", "cross_border",
                                               "evidence", "suppress", "tests" };
static const char *const crosswatch_later[] = { "score", "levels", "group", "budget", "where" };
static const char *const suppress_keys[] = { "for" };
static const char *const suppress_later[] = { "unless" };
static const char *const evidence_keys[] = { "keep" };
static const char *const evidence_later[] = { "fields" };
static const char *const modes[] = { "off", "shadow", "live" };
static const enum cw_rule_mode mode_of[] = { CW_MODE_OFF, CW_MODE_SHADOW, CW_MODE_LIVE };

/*
 * What a rule may be for: the purposes of INTERPOL's Rules on the Processing of Data, Article 10
 * with the amendment of 2023, and the offences that agencies state instead. Events may state others
 * as well: those allow no rule.
 */
static const char *const purposes[] = {
    "wanted-persons",
    "persons-of-interest",
    "investigation-support",
    "alerts-and-modus-operandi",
    "identification",
    "forensic-analysis",
    "security-checks",
    "threat-analysis",
    "border-management",
    "combating-crime",
    "combating-cybercrime",
    "combating-drugs",
    "combating-fraud",
    "combating-money-laundering",
    "combating-organised-crime",
    "combating-smuggling",
    "combating-terrorism",
    "combating-trafficking",
};

static void read_suppress(struct cw_source *source, const struct cw_yaml *suppress,
                          struct cw_rule *rule)
{
    if (!cw_is_map(source, suppress, "suppress"))
        return;
    cw_check_keys_but(source, suppress, "suppress", suppress_keys, COUNT(suppress_keys),
                      suppress_later, COUNT(suppress_later));
    const struct cw_yaml *span = cw_yaml_get(suppress, "for");
    if (suppress->count == 0)
        cw_yaml_error(source, suppress, 0, "expected for: DURATION in suppress");
    if (span != NULL)
        (void)cw_read_span(source, span, "suppress.for", 1, "1s", &rule->suppress_for);
}

static void read_evidence(struct cw_source *source, const struct cw_yaml *evidence,
                          struct cw_rule *rule)
{
    if (!cw_is_map(source, evidence, "evidence"))
        return;
    cw_check_keys_but(source, evidence, "evidence", evidence_keys, COUNT(evidence_keys),
                      evidence_later, COUNT(evidence_later));
    const struct cw_yaml *keep = cw_yaml_get(evidence, "keep");
    int64_t count = KEEP_DEFAULT;
    if (evidence->count == 0)
        cw_yaml_error(source, evidence, 0, "expected keep: N in evidence");
    if (keep != NULL && cw_read_count(source, keep, "evidence.keep", KEEP_MAX, &count))
        rule->keep = (uint32_t)count;
}

static int by_text(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static void read_purposes(struct cw_loader *loader, struct cw_source *source,
                          const struct cw_yaml *list, struct cw_rule *rule)
{
    if (!cw_is_list(source, list, "purpose"))
        return;
    if (list->count == 0 || list->count > COUNT(purposes)) {
        cw_yaml_error(source, list, 0, "expected 1 to %zu purposes such as combating-crime",
                      COUNT(purposes));
        return;
    }
    rule->purposes = cw_arena_alloc(loader->arena, list->count * sizeof(*rule->purposes));
    for (const struct cw_yaml *node = list->first; node != NULL; node = node->next) {
        int choice = cw_choice(source, node, "purpose", purposes, COUNT(purposes));
        if (choice < 0)
            continue;
        bool again = false;
        for (size_t i = 0; i < rule->purpose_count; i++)
            again = again || cw_str_eq(rule->purposes[i], node->text);
        if (again)
            cw_yaml_error(source, node, 0, "%s stands here twice",
                          cw_quote(source->arena, node->text));
        else
            rule->purposes[rule->purpose_count++] = node->text;
    }
    if (rule->purpose_count != 0)
        qsort(rule->purposes, rule->purpose_count, sizeof(*rule->purposes), by_text);
}

static void read_cross_border(struct cw_source *source, const struct cw_yaml *node,
                              struct cw_rule *rule)
{
    if (node == NULL || node->kind == CW_YAML_BAD)
        return;
    rule->cross_border = node->kind == CW_YAML_TEXT && cw_str_is(node->text, "true");
    if (!rule->cross_border && !(node->kind == CW_YAML_TEXT && cw_str_is(node->text, "false")))
        cw_yaml_error(source, node, 0,
                      "expected true or false: whether the evidence must name two countries");
}

void cw_crosswatch_read(struct cw_loader *loader, struct cw_source *source,
                        const struct cw_yaml *map, struct cw_rule *rule)
{
    rule->keep = KEEP_DEFAULT;
    rule->revision = 1;
    rule->mode = CW_MODE_LIVE;
    if (!cw_is_map(source, map, "crosswatch"))
        return;
    cw_check_keys_but(source, map, "crosswatch", crosswatch_keys, COUNT(crosswatch_keys),
                      crosswatch_later, COUNT(crosswatch_later));
    const struct cw_yaml *revision = cw_yaml_get(map, "revision");
    int64_t number = 1;
    if (revision != NULL && cw_read_count(source, revision, "a revision", REVISION_MAX, &number))
        rule->revision = (uint32_t)number;
    const struct cw_yaml *mode = cw_yaml_get(map, "mode");
    int choice = mode != NULL ? cw_choice(source, mode, "mode", modes, COUNT(modes)) : -1;
    if (choice >= 0)
        rule->mode = mode_of[choice];
    read_purposes(loader, source, cw_yaml_get(map, "purpose"), rule);
    read_cross_border(source, cw_yaml_get(map, "cross_border"), rule);
    read_evidence(source, cw_yaml_get(map, "evidence"), rule);
    read_suppress(source, cw_yaml_get(map, "suppress"), rule);
    (void)cw_is_list(source, cw_yaml_get(map, "tests"), "tests"); /* read where they are run */
}

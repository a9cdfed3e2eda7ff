/* cmd_rules.c - what can be asked of rule files without a chain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detectors/rule.h"
#include "operators/runtime/diag.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"
#include "ops/rule_test_run.h"
#include "ops/rules_arg.h"
#include "ops/rules_text.h"

struct asked {
    const char *path; /* of the rules */
    const char *rule; /* explain: a name, an id, or a file of rules */
    bool json;
};

static int finished(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    cw_error("standard output could not be written");
    return CW_EXIT_FAILED;
}

static void print(const struct cw_buf *text)
{
    if (text->len != 0)
        (void)fwrite(text->data, 1, text->len, stdout);
}

static int check(const struct asked *asked)
{
    const char *path = asked->path;
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_check(path, &errors);
    if (rules == NULL) {
        print(&errors);
        cw_buf_done(&errors);
        return CW_EXIT_FAILED;
    }
    printf("%s: %zu rules over %zu detections, no mistakes\n", path, cw_rules_count(rules),
           rules->selection_count);
    cw_rules_free(rules);
    return CW_EXIT_OK;
}

static int test(const struct asked *asked)
{
    struct cw_rules *rules = cw_rules_arg(asked->path);
    if (rules == NULL)
        return CW_EXIT_FAILED;
    const struct cw_rule **order = cw_rules_by_name(rules);
    struct cw_rule_tests_total total = { 0 };
    struct cw_buf out = { 0 };
    for (size_t i = 0; i < rules->count && !cw_stop; i++) {
        const struct cw_rule *rule = order[i];
        size_t failed = total.failed;
        size_t lacking = total.lacking;
        out.len = 0;
        cw_rule_tests_run(rules, rule, &total, &out);
        printf("%-32.*s %3zu test%s %s", CW_STR_ARG(rule->name), rule->test_count,
               rule->test_count == 1 ? " " : "s",
               total.failed == failed && total.lacking == lacking ? "passed" : "FAILED");
        if (total.failed != failed)
            printf(" (%zu)", total.failed - failed);
        putchar('\n');
        print(&out);
    }
    bool good = total.failed == 0 && total.lacking == 0 && !cw_stop;
    printf("%zu rule%s, %zu test%s", rules->count, rules->count == 1 ? "" : "s", total.tests,
           total.tests == 1 ? "" : "s");
    if (total.failed != 0)
        printf(", %zu failed", total.failed);
    if (total.lacking != 0)
        printf(", %zu without a test of each kind", total.lacking);
    puts(good ? ", all passed" : "");
    cw_buf_done(&out);
    free(order);
    cw_rules_free(rules);
    return finished(good ? CW_EXIT_OK : CW_EXIT_FAILED);
}

static int print_of(const struct asked *asked,
                    void (*write)(const struct cw_rules *rules, struct cw_buf *out))
{
    struct cw_rules *rules = cw_rules_arg(asked->path);
    struct cw_buf out = { 0 };
    if (rules == NULL)
        return CW_EXIT_FAILED;
    write(rules, &out);
    print(&out);
    cw_buf_done(&out);
    cw_rules_free(rules);
    return finished(CW_EXIT_OK);
}

static int list(const struct asked *asked)
{
    return print_of(asked, asked->json ? cw_rules_list_json : cw_rules_list_table);
}

static int page(const struct asked *asked)
{
    return print_of(asked, cw_rules_page);
}

static void no_such_rule(const struct cw_rules *rules, const struct asked *asked)
{
    const char **names = cw_alloc((rules->count + 1) * sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++)
        names[count++] = rules->rules[i].name.ptr; /* copied from YAML: ends with NUL */
    const char *nearest = cw_nearest(cw_cstr(asked->rule), names, count);
    fprintf(stderr, "crosswatch rules: no rule of %s has the name or id %s%s%s%s\n", asked->path,
            asked->rule, nearest != NULL ? ": did you mean " : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "?" : "");
    free(names);
}

static int explain(const struct asked *asked)
{
    bool is_file = strchr(asked->rule, '/') != NULL || strstr(asked->rule, ".y") != NULL;
    struct cw_rules *rules = cw_rules_arg(is_file ? asked->rule : asked->path);
    struct cw_buf out = { 0 };
    if (rules == NULL)
        return CW_EXIT_FAILED;
    for (size_t i = 0; i < rules->count; i++) {
        const struct cw_rule *rule = &rules->rules[i];
        if (!is_file && !cw_str_is(rule->name, asked->rule) && !cw_str_is(rule->id, asked->rule))
            continue;
        if (out.len != 0)
            cw_buf_u8(&out, '\n');
        cw_rule_explain(rule, &out);
    }
    int status = out.len != 0 || is_file ? CW_EXIT_OK : CW_EXIT_FAILED;
    if (status != CW_EXIT_OK)
        no_such_rule(rules, asked);
    print(&out);
    cw_buf_done(&out);
    cw_rules_free(rules);
    return finished(status);
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct asked *asked);
    } verbs[] = { { "check", check },
                  { "test", test },
                  { "list", list },
                  { "explain", explain },
                  { "page", page } };
    struct asked asked = { .path = "detectors/rules" };
    const struct cw_option options[] = {
        { "json", CW_OPT_FLAG, &asked.json, false, "list: a JSON object a rule" },
        { "rules", CW_OPT_TEXT, &asked.path, false,
          "explain: the rule files to look in (detectors/rules)" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    struct cw_text_list rest = { 0 };
    int status = cw_options_read(&cw_cmd_rules, options, argc, argv, &rest);
    if (status >= 0)
        return status;
    for (size_t i = 0; rest.count == 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(rest.items[0], verbs[i].name) != 0)
            continue;
        if (verbs[i].run == explain)
            asked.rule = rest.items[1];
        else
            asked.path = rest.items[1];
        status = verbs[i].run(&asked);
    }
    if (status < 0) {
        fprintf(stderr, "crosswatch rules: expected check, test, list or page and a directory or a "
                        "file, or explain and a rule: crosswatch rules check DIR\n");
        status = CW_EXIT_USAGE;
    }
    free(rest.items);
    return status;
}

const struct cw_command cw_cmd_rules = {
    .name = "rules",
    .usage = "check|test|list|page DIR, or explain RULE|FILE [--rules DIR]",
    .summary = "check rule files, run the tests inside them, say what they do",
    .run = run,
};

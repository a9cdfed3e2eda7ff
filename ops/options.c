#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "operators/runtime/time.h"
#include "ops/command.h"

volatile int cw_stop;

static void on_signal(int number)
{
    (void)number;
    cw_stop = 1;
}

void cw_catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL); /* no SA_RESTART: waits end */
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* `run` starts its stages with these held back, so that none is lost before it can be heard. */
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &held, NULL);
}

void cw_default_signals(void)
{
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
}

static void print_help(const struct cw_command *command, const struct cw_option *options)
{
    printf("crosswatch %s %s\n\n%s\n", command->name, command->usage, command->summary);
    for (const struct cw_option *option = options; option->name != NULL; option++)
        printf("  --%-14s %s%s\n", option->name, option->help,
               option->required ? " (required)" : "");
}

static int usage(const struct cw_command *command, const char *what, const char *name)
{
    fprintf(stderr, "crosswatch %s: %s%s; usage: crosswatch %s %s (--help tells more)\n",
            command->name, what, name, command->name, command->usage);
    return CW_EXIT_USAGE;
}

static bool read_count(const char *text, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    uint64_t unit = *end == 'k' ? 1000 : *end == 'M' ? 1000000 : 1;
    if (unit != 1)
        end++;
    if (errno != 0 || *end != '\0' || end == text || value > UINT64_MAX / unit)
        return false;
    *out = value * unit;
    return true;
}

static bool set(const struct cw_option *option, const char *value)
{
    switch (option->type) {
    case CW_OPT_FLAG:
        *(bool *)option->into = true;
        return true;
    case CW_OPT_TEXT:
        *(const char **)option->into = value;
        return true;
    case CW_OPT_LIST: {
        struct cw_text_list *list = option->into;
        list->items = cw_realloc(list->items, (list->count + 1) * sizeof(*list->items));
        list->items[list->count++] = value;
        return true;
    }
    case CW_OPT_COUNT:
        return read_count(value, option->into);
    case CW_OPT_SPAN:
        return cw_span_parse(cw_cstr(value), option->into);
    case CW_OPT_TIME:
        return cw_time_parse(cw_cstr(value), option->into);
    }
    return false;
}

static int read_all(const struct cw_command *command, const struct cw_option *options, int argc,
                    char **argv, struct cw_text_list *rest)
{
    bool seen[64] = { false };
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0) {
            print_help(command, options);
            return CW_EXIT_OK;
        }
        if (strncmp(arg, "--", 2) != 0) {
            if (rest == NULL)
                return usage(command, "unexpected argument ", arg);
            rest->items = cw_realloc(rest->items, (rest->count + 1) * sizeof(*rest->items));
            rest->items[rest->count++] = arg;
            continue;
        }
        size_t len = strcspn(arg + 2, "=");
        const struct cw_option *option = options;
        while (option->name != NULL &&
               (strlen(option->name) != len || strncmp(option->name, arg + 2, len) != 0))
            option++;
        if (option->name == NULL)
            return usage(command, "unknown option ", arg);
        const char *value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
        if (option->type == CW_OPT_FLAG && value != NULL)
            return usage(command, "it takes no value: ", arg);
        if (option->type != CW_OPT_FLAG && value == NULL) {
            if (i + 1 == argc)
                return usage(command, "a value is missing behind ", arg);
            value = argv[++i];
        }
        if (!set(option, value))
            return usage(command, "not a value that fits: ", arg);
        if (option - options < 64)
            seen[option - options] = true;
    }
    for (const struct cw_option *option = options; option->name != NULL; option++) {
        if (option->required && !seen[option - options])
            return usage(command, "missing: --", option->name);
    }
    return -1;
}

static void free_list(struct cw_text_list *list)
{
    free(list->items);
    *list = (struct cw_text_list){ NULL, 0 };
}

int cw_options_read(const struct cw_command *command, const struct cw_option *options, int argc,
                    char **argv, struct cw_text_list *rest)
{
    int status = read_all(command, options, argc, argv, rest);
    if (status < 0)
        return status;
    /* the command ends here, and its lists with it */
    if (rest != NULL)
        free_list(rest);
    for (const struct cw_option *option = options; option->name != NULL; option++) {
        if (option->type == CW_OPT_LIST)
            free_list(option->into);
    }
    return status;
}

/*
 * command.h - a sub-command of crosswatch: a table of options and a function.
 */
#ifndef CW_OPS_COMMAND_H
#define CW_OPS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operators/runtime/attr.h"

struct cw_command {
    const char *name;  /* "ingest" */
    const char *usage; /* "--source SPEC… --log DIR [options]" */
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command; returns an enum cw_exit */
};

/* An option's value goes where `into` points. */
enum cw_option_type {
    CW_OPT_FLAG,  /* bool * */
    CW_OPT_TEXT,  /* const char ** */
    CW_OPT_LIST,  /* struct cw_text_list *: may be repeated */
    CW_OPT_COUNT, /* uint64_t *: 20000, 20k, 5M */
    CW_OPT_SPAN,  /* int64_t *: 30d */
    CW_OPT_TIME   /* int64_t *: 2020-01-01 */
};
struct cw_option {
    const char *name; /* without dashes */
    enum cw_option_type type;
    void *into;
    bool required;
    const char *help;
};
struct cw_text_list {
    const char **items;
    size_t count;
};

/**
 * Reads argv against the table (ends with a NULL name); --help prints it. The rest, in order, goes
 * to `rest` (optional: then there may be none). Returns -1 to go on, else the exit status.
 */
int cw_options_read(const struct cw_command *command, const struct cw_option *options, int argc,
                    char **argv, struct cw_text_list *rest) CW_MUST_USE CW_NONNULL(1, 2, 4);

/* SIGTERM and SIGINT set this; long-running commands look at it. */
extern volatile int cw_stop;
void cw_catch_signals(void);
/** For filters, which have nothing to finish: the signals end the process again. */
void cw_default_signals(void);

#endif

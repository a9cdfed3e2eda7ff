/*
 * main.c - the multi-call program: `crosswatch COMMAND …`.
 */
#include <stdio.h>
#include <string.h>

#include "ingest/kafka_client.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

static const struct cw_command *const commands[] = {
#define CW_COMMAND(name) &cw_cmd_##name,
#include "ops/commands.def"
#undef CW_COMMAND
};

static void print_commands(FILE *file)
{
    fprintf(file, "crosswatch %s: crime patterns across borders, from Avro events to alerts\n\n",
            CW_VERSION);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(file, "  crosswatch %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(file, "\ncrosswatch COMMAND --help tells more.\n");
}

int main(int argc, char **argv)
{
    cw_mem_for_json();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? CW_EXIT_USAGE : CW_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("crosswatch %s\n", CW_VERSION);
        return CW_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        cw_log_stage(commands[i]->name);
        cw_catch_signals();
        cw_kafka_set_stop(&cw_stop);
        return commands[i]->run(argc - 1, argv + 1);
    }
    fprintf(stderr, "crosswatch: unknown command %s\n\n", argv[1]);
    print_commands(stderr);
    return CW_EXIT_USAGE;
}

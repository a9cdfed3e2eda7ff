/*
 * generate_files.h - inside the generator: the directories and files of a scenario.
 */
#ifndef CW_IMPORTERS_GENERATE_FILES_H
#define CW_IMPORTERS_GENERATE_FILES_H

#include <stdio.h>

#include "ingest/importers/generate.h"
#include "ingest/importers/generate_story.h"
#include "ingest/wire/container.h"

struct cw_gen_files {
    const char *out;
    char *error; /* CW_GENERATE_ERROR bytes */
    FILE *files[CW_GEN_AGENCIES];
    struct cw_container_writer *writers[CW_GEN_AGENCIES];
};

/** Makes the directories, writes the contracts and opens a container file an agency. False: the
 *  error is set, and close must still be called. */
bool cw_gen_files_open(struct cw_gen_files *files, const char *out, uint64_t seed,
                       char *error) CW_MUST_USE;
/** `ok`: so far. False: something of what was written is not there. */
bool cw_gen_files_close(struct cw_gen_files *files, bool ok) CW_MUST_USE;
/** A file of truth/. NULL: the error is set. */
FILE *cw_gen_truth_open(struct cw_gen_files *files, const char *name) CW_MUST_USE;
bool cw_gen_truth_close(struct cw_gen_files *files, FILE *file, const char *name) CW_MUST_USE;

#endif

/*
 * generate_files.c - the directories and files of a scenario.
 */
#include "ingest/importers/generate_files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool failed(struct cw_gen_files *files, const char *path)
{
    snprintf(files->error, CW_GENERATE_ERROR, "%s cannot be written: %s", path, strerror(errno));
    return false;
}

static bool make_directory(struct cw_gen_files *files, const char *name)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s%s%s", files->out, name[0] != '\0' ? "/" : "", name);
    cw_buf_u8(&path, 0);
    bool ok = mkdir((char *)path.data, 0777) == 0 || errno == EEXIST;
    if (!ok)
        failed(files, (char *)path.data);
    cw_buf_done(&path);
    return ok;
}

/* NULL: the error is set. */
static FILE *open_file(struct cw_gen_files *files, const char *directory, const char *name,
                       const char *suffix)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/%s/%s%s", files->out, directory, name, suffix);
    cw_buf_u8(&path, 0);
    FILE *file = fopen((char *)path.data, "wb");
    if (file == NULL)
        failed(files, (char *)path.data);
    cw_buf_done(&path);
    return file;
}

/* Closes; false: something of what was written is not there. */
static bool close_file(struct cw_gen_files *files, FILE *file, const char *name)
{
    bool ok = ferror(file) == 0;
    if (fclose(file) != 0 || !ok)
        return failed(files, name);
    return true;
}

static bool write_contract(struct cw_gen_files *files, const struct cw_gen_agency *agency)
{
    FILE *file = open_file(files, "contracts", agency->code, ".yaml");
    if (file == NULL)
        return false;
    fprintf(file,
            "# What %s promises of its stream.\n"
            "owners: [%s]\n"
            "lateness: {default: %dd}\n"
            "skew: 10m\n",
            agency->code, agency->code, CW_GEN_LATENESS_DAYS);
    return close_file(files, file, agency->code);
}

bool cw_gen_files_open(struct cw_gen_files *files, const char *out, uint64_t seed, char *error)
{
    *files = (struct cw_gen_files){ .out = out, .error = error };
    bool ok = make_directory(files, "") && make_directory(files, "events") &&
              make_directory(files, "contracts") && make_directory(files, "truth");
    for (unsigned i = 0; ok && i < CW_GEN_AGENCIES; i++)
        ok = write_contract(files, &cw_gen_agencies[i]);
    for (unsigned i = 0; ok && i < CW_GEN_AGENCIES; i++) {
        files->files[i] = open_file(files, "events", cw_gen_agencies[i].code, ".avro");
        ok = files->files[i] != NULL;
        if (ok)
            files->writers[i] = cw_container_create(files->files[i], cw_event_schema_json(),
                                                    cw_gen_agencies[i].codec, seed + i);
    }
    return ok;
}

bool cw_gen_files_close(struct cw_gen_files *files, bool ok)
{
    for (unsigned i = 0; i < CW_GEN_AGENCIES; i++) {
        const char *name = cw_gen_agencies[i].code;
        if (files->writers[i] != NULL && !cw_container_finish(files->writers[i]) && ok)
            ok = failed(files, name);
        if (files->files[i] != NULL && !close_file(files, files->files[i], name))
            ok = false;
    }
    return ok;
}

FILE *cw_gen_truth_open(struct cw_gen_files *files, const char *name)
{
    return open_file(files, "truth", name, "");
}

bool cw_gen_truth_close(struct cw_gen_files *files, FILE *file, const char *name)
{
    return close_file(files, file, name);
}

#include "ingest/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"

/* Two names of one file would give every event twice, so files are known by their inode too. */
struct file_id {
    dev_t device;
    ino_t inode;
};

struct loaded {
    char *path; /* NULL: the default contract */
    struct cw_contract *contract;
};

struct cw_sources {
    struct cw_source *all;
    size_t count;
    struct file_id *files;
    size_t file_count;
    struct loaded *contracts;
    size_t contract_count;
};

struct spec {
    char *path;
    char *contract; /* NULL: none named */
    bool end_stated;
    bool end_offsets;
};

struct cw_sources *cw_sources_new(void)
{
    return cw_new(struct cw_sources);
}

void cw_sources_free(struct cw_sources *sources)
{
    if (sources == NULL)
        return;
    for (size_t i = 0; i < sources->count; i++) {
        sources->all[i].ops->close(sources->all[i].self);
        free(sources->all[i].name);
        free(sources->all[i].contract_name);
    }
    for (size_t i = 0; i < sources->contract_count; i++) {
        cw_contract_free(sources->contracts[i].contract);
        free(sources->contracts[i].path);
    }
    free(sources->all);
    free(sources->files);
    free(sources->contracts);
    free(sources);
}

void cw_sources_append(struct cw_sources *sources, const struct cw_source *source)
{
    sources->all = cw_realloc(sources->all, (sources->count + 1) * sizeof(*sources->all));
    sources->all[sources->count++] = *source;
}

static int by_order(const void *a, const void *b)
{
    const struct cw_source *x = a;
    const struct cw_source *y = b;
    int order = strcmp(x->contract_name, y->contract_name);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

struct cw_source *cw_sources_all(struct cw_sources *sources, size_t *count)
{
    if (sources->count > 1)
        qsort(sources->all, sources->count, sizeof(*sources->all), by_order);
    *count = sources->count;
    return sources->all;
}

/* --- paths --- */

static char *join(const char *dir, const char *name, const char *ending)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/%s%s", dir, name, ending);
    cw_buf_u8(&path, 0);
    return (char *)path.data;
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* X.avro is X, X.jsonl is X, .X stays what it is. */
static char *stem_of(const char *path)
{
    char *stem = cw_strdup(base_name(path));
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
    return stem;
}

/* The directory beside a directory D/events: D/contracts. */
static char *sibling_contracts(const char *path)
{
    size_t dir_len = (size_t)(base_name(path) - path);
    struct cw_buf sibling = { 0 };
    cw_buf_put(&sibling, path, dir_len);
    cw_buf_cstr(&sibling, "contracts");
    cw_buf_u8(&sibling, 0);
    if (is_directory((const char *)sibling.data))
        return (char *)sibling.data;
    cw_buf_done(&sibling);
    return NULL;
}

/* --- contracts --- */

static struct cw_contract *load(const char *path)
{
    if (access(path, R_OK) != 0) {
        cw_error("cannot read the contract %s: %s; name one with contract=FILE, or a directory "
                 "with one X.yaml for each source file X.avro",
                 path, strerror(errno));
        return NULL;
    }
    struct cw_diag diag = { .file = path };
    struct cw_contract *contract = cw_contract_load(path, &diag);
    if (diag.out.len > 0)
        fwrite(diag.out.data, 1, diag.out.len, stderr);
    cw_diag_done(&diag);
    return contract;
}

/* NULL for path: the default contract. Each is loaded once. */
static struct cw_contract *contract_at(struct cw_sources *sources, const char *path)
{
    for (size_t i = 0; i < sources->contract_count; i++) {
        const char *known = sources->contracts[i].path;
        if (known == path || (known != NULL && path != NULL && strcmp(known, path) == 0))
            return sources->contracts[i].contract;
    }
    struct cw_contract *contract = path != NULL ? load(path) : cw_contract_default();
    if (contract == NULL)
        return NULL;
    size_t size = (sources->contract_count + 1) * sizeof(*sources->contracts);
    sources->contracts = cw_realloc(sources->contracts, size);
    sources->contracts[sources->contract_count++] =
        (struct loaded){ path != NULL ? cw_strdup(path) : NULL, contract };
    return contract;
}

/* `named` is a file, or a directory with X.yaml for the source X; NULL: no contract. */
static struct cw_contract *contract_for(struct cw_sources *sources, const char *named,
                                        const char *source)
{
    if (named == NULL || !is_directory(named))
        return contract_at(sources, named);
    if (strcmp(source, "-") == 0) {
        cw_error("--source -: expected contract=FILE, found the directory %s; standard input has "
                 "no name by which a contract could be found there",
                 named);
        return NULL;
    }
    char *stem = stem_of(source);
    char *path = join(named, stem, ".yaml");
    struct cw_contract *contract = contract_at(sources, path);
    free(path);
    free(stem);
    return contract;
}

/* --- opening --- */

static bool is_utf8(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    while (left > 0) {
        utf8proc_int32_t code;
        utf8proc_ssize_t len = utf8proc_iterate(at, (utf8proc_ssize_t)left, &code);
        if (len <= 0)
            return false;
        at += len;
        left -= (size_t)len;
    }
    return true;
}

/* Both names are printed: the second may be another way to write the first. */
static bool seen_file(struct cw_sources *sources, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    for (size_t i = 0; i < sources->file_count; i++) {
        const struct file_id *file = &sources->files[i];
        if (file->device == status.st_dev && file->inode == status.st_ino)
            return true;
    }
    size_t size = (sources->file_count + 1) * sizeof(*sources->files);
    sources->files = cw_realloc(sources->files, size);
    sources->files[sources->file_count++] = (struct file_id){ status.st_dev, status.st_ino };
    return false;
}

static bool refuse_repeats(const struct cw_sources *sources, size_t first_new)
{
    for (size_t i = first_new; i < sources->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(sources->all[i].name, sources->all[k].name) == 0) {
                cw_error("--source %s: given twice; each source is read once, and the log tells "
                         "them apart by name",
                         sources->all[i].name);
                return false;
            }
        }
    }
    return true;
}

static bool add_file(struct cw_sources *sources, const char *path, const char *contracts)
{
    if (!is_utf8(path)) {
        cw_error(
            "--source: a path is not UTF-8 and could not be named in the log; rename the file");
        return false;
    }
    if (strcmp(path, "-") != 0 && seen_file(sources, path)) {
        cw_error("--source %s: this file is given twice; each source is read once", path);
        return false;
    }
    struct cw_contract *contract = contract_for(sources, contracts, path);
    return contract != NULL && cw_source_open_file(sources, path, contract);
}

/* Names that begin with a dot are the file system's or an editor's, not an agency's. */
static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Not alphasort: it follows the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_files_of(struct cw_sources *sources, const char *dir, const char *contracts)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_visible, by_name);
    if (count < 0) {
        cw_error("--source %s: cannot read the directory: %s", dir, strerror(errno));
        return false;
    }
    bool fine = true;
    size_t files = 0;
    for (int i = 0; i < count; i++) {
        char *path = join(dir, entries[i]->d_name, "");
        struct stat status;
        if (fine && stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            files++;
            fine = add_file(sources, path, contracts);
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (fine && files == 0) {
        cw_error("--source %s: expected files in this directory, found none", dir);
        return false;
    }
    return fine;
}

/*
 * D/events with D/contracts beside it is read under these; so is D itself, for that is what
 * `generate` and an agency's hand-over make.
 */
static bool add_directory(struct cw_sources *sources, const struct spec *spec)
{
    char *inner = join(spec->path, "events", "");
    char *beside = join(spec->path, "contracts", "");
    bool is_pair = is_directory(inner) && is_directory(beside);
    const char *dir = is_pair ? inner : spec->path;
    char *found = NULL;
    if (spec->contract == NULL && strcmp(base_name(dir), "events") == 0)
        found = sibling_contracts(dir);
    bool fine = add_files_of(sources, dir, spec->contract != NULL ? spec->contract : found);
    free(found);
    free(inner);
    free(beside);
    return fine;
}

static bool add_kafka(struct cw_sources *sources, const struct spec *spec)
{
    char *brokers = cw_strdup(spec->path + strlen("kafka://"));
    char *topic = strchr(brokers, '/');
    bool fine = false;
    if (topic == NULL || topic == brokers || topic[1] == '\0' || strchr(topic + 1, '/') != NULL) {
        cw_error("--source %s: expected kafka://HOST:PORT/TOPIC", spec->path);
    } else if (spec->contract == NULL && !spec->end_offsets) {
        cw_error("--source %s: a live source must have a contract; add ,contract=FILE, or "
                 ",end=offsets to read the topic up to its present end",
                 spec->path);
    } else {
        *topic++ = '\0';
        struct cw_contract *contract = NULL;
        /* A topic's name has dots of its own: only DIR/TOPIC.yaml is looked for. */
        if (spec->contract != NULL && is_directory(spec->contract)) {
            char *path = join(spec->contract, topic, ".yaml");
            contract = contract_at(sources, path);
            free(path);
        } else {
            contract = contract_at(sources, spec->contract);
        }
        fine = contract != NULL &&
               cw_source_open_kafka(sources, brokers, topic, spec->end_offsets, contract);
    }
    free(brokers);
    return fine;
}

/* --- PATH[,contract=FILE|DIR][,end=offsets|never] --- */

static void spec_done(struct spec *spec)
{
    free(spec->path);
    free(spec->contract);
}

/* Where the options begin: a path may have commas of its own. */
static size_t options_at(const char *text)
{
    const char *contract = strstr(text, ",contract=");
    const char *end = strstr(text, ",end=");
    const char *first = contract != NULL && (end == NULL || contract < end) ? contract : end;
    return first != NULL ? (size_t)(first - text) : strlen(text);
}

static bool read_option(struct spec *spec, const char *whole, const char *option)
{
    if (strncmp(option, "contract=", 9) == 0 && option[9] != '\0' && spec->contract == NULL) {
        spec->contract = cw_strdup(option + 9);
        return true;
    }
    bool offsets = strcmp(option, "end=offsets") == 0;
    if ((offsets || strcmp(option, "end=never") == 0) && !spec->end_stated) {
        spec->end_stated = true;
        spec->end_offsets = offsets;
        return true;
    }
    cw_error(
        "--source %s: expected PATH[,contract=FILE|DIR][,end=offsets|never], each option once; "
        "found \"%s\"",
        whole, option);
    return false;
}

static bool read_spec(const char *text, struct spec *spec)
{
    *spec = (struct spec){ .path = cw_strdup(text) };
    size_t at = options_at(text);
    spec->path[at] = '\0';
    size_t len = at;
    while (len > 1 && spec->path[len - 1] == '/')
        spec->path[--len] = '\0';
    bool fine = true;
    while (fine && text[at] == ',') {
        size_t next = at + 1 + options_at(text + at + 1);
        char *option = cw_strdup(text + at + 1);
        option[next - at - 1] = '\0';
        fine = read_option(spec, text, option);
        free(option);
        at = next;
    }
    bool is_kafka = strncmp(spec->path, "kafka://", 8) == 0;
    if (fine && len == 0) {
        cw_error("--source: expected a path, - or kafka://HOST:PORT/TOPIC, found nothing");
        fine = false;
    } else if (fine && spec->end_stated && !is_kafka) {
        cw_error("--source %s: end= is for topics; files end by themselves", spec->path);
        fine = false;
    }
    return fine;
}

bool cw_sources_add(struct cw_sources *sources, const char *text)
{
    struct spec spec;
    size_t first_new = sources->count;
    bool fine = read_spec(text, &spec);
    if (fine && strncmp(spec.path, "kafka://", 8) == 0)
        fine = add_kafka(sources, &spec);
    else if (fine && is_directory(spec.path))
        fine = add_directory(sources, &spec);
    else if (fine)
        fine = add_file(sources, spec.path, spec.contract);
    fine = fine && refuse_repeats(sources, first_new);
    spec_done(&spec);
    return fine;
}

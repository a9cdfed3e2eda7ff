#include "ingest/deadletter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include "operators/runtime/json.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"

struct cw_dead_letters {
    char *path;
    int fd;
    struct cw_buf line;
    struct cw_buf text; /* scratch for what must become UTF-8 */
};

/* A letter must have its place with its record in the log, or the run is not accounted for. */
CW_NORETURN static void give_up(const struct cw_dead_letters *letters, const char *what)
{
    cw_error("dead letters: cannot %s %s: %s; free the disk or name another directory, then start "
             "again on the same log",
             what, letters->path, strerror(errno));
    exit(CW_EXIT_FAILED);
}

/* --- the end of the file --- */

/*
 * The position of the last line that ends at or before `end`: where it begins. -1: read error.
 * A line is at most about 100 KiB long (64 KiB of bytes in base64), so it is looked for in steps.
 */
static int64_t line_start(int fd, int64_t end)
{
    char chunk[16 * 1024];
    int64_t at = end;
    while (at > 0) {
        size_t want = at < (int64_t)sizeof(chunk) ? (size_t)at : sizeof(chunk);
        ssize_t got = pread(fd, chunk, want, at - (int64_t)want);
        if (got != (ssize_t)want)
            return -1;
        const char *newline = memrchr(chunk, '\n', want);
        if (newline != NULL)
            return at - (int64_t)want + (newline - chunk) + 1;
        at -= (int64_t)want;
    }
    return 0;
}

/* A writer that died left a line without its end: it was never counted. */
static bool cut_torn_line(int fd, int64_t size)
{
    int64_t start = line_start(fd, size);
    if (start < 0)
        return false;
    return start == size || ftruncate(fd, start) == 0;
}

struct cw_dead_letters *cw_dead_letters_open(const char *dir, struct cw_id log, char *error,
                                             size_t error_len)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(error, error_len, "cannot make the directory for dead letters %s: %s", dir,
                 strerror(errno));
        return NULL;
    }
    char hex[CW_ID_HEX];
    cw_id_hex(log, hex);
    struct cw_dead_letters *letters = cw_new(struct cw_dead_letters);
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/%s.jsonl", dir, hex);
    cw_buf_u8(&path, 0);
    letters->path = (char *)path.data;
    letters->fd = open(letters->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat status;
    if (letters->fd < 0 || fstat(letters->fd, &status) != 0 ||
        !cut_torn_line(letters->fd, status.st_size)) {
        snprintf(error, error_len, "cannot open the file for dead letters %s: %s", letters->path,
                 strerror(errno));
        cw_dead_letters_close(letters);
        return NULL;
    }
    return letters;
}

void cw_dead_letters_close(struct cw_dead_letters *letters)
{
    if (letters == NULL)
        return;
    if (letters->fd >= 0)
        close(letters->fd);
    cw_buf_done(&letters->line);
    cw_buf_done(&letters->text);
    free(letters->path);
    free(letters);
}

/* --- writing --- */

/* A path may be any bytes, and a sentence may have been cut inside a character. */
static cw_str as_utf8(struct cw_buf *scratch, cw_str text)
{
    scratch->len = 0;
    const uint8_t *at = (const uint8_t *)text.ptr;
    size_t left = text.len;
    while (left > 0) {
        utf8proc_int32_t code;
        utf8proc_ssize_t len = utf8proc_iterate(at, (utf8proc_ssize_t)left, &code);
        if (len > 0)
            cw_buf_put(scratch, at, (size_t)len);
        else
            cw_buf_u8(scratch, '?');
        size_t step = len > 0 ? (size_t)len : 1;
        at += step;
        left -= step;
    }
    return (cw_str){ (const char *)scratch->data, scratch->len };
}

static void put_base64(struct cw_buf *out, cw_str bytes)
{
    size_t room = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *at = cw_buf_extend(out, room);
    sodium_bin2base64((char *)at, room, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    out->len--; /* the NUL */
}

void cw_dead_letters_put(struct cw_dead_letters *letters, cw_str source, int64_t offset,
                         const struct cw_reason *reason, cw_str bytes)
{
    struct cw_buf *line = &letters->line;
    line->len = 0;
    struct cw_json json = cw_json(line);
    cw_json_open(&json, '{');
    cw_json_kstr(&json, "source", as_utf8(&letters->text, source));
    cw_json_kint(&json, "offset", offset);
    cw_json_kcstr(&json, "code", reason->code);
    cw_json_kstr(&json, "field", as_utf8(&letters->text, cw_cstr(reason->field)));
    cw_json_kstr(&json, "sentence", as_utf8(&letters->text, cw_cstr(reason->sentence)));
    cw_json_kint(&json, "length", (int64_t)bytes.len);
    cw_json_close(&json, '}');
    line->len--; /* base64 needs no escapes, so it is put in behind the writer's back */
    cw_buf_cstr(line, ",\"bytes\":\"");
    if (bytes.len > CW_DEAD_LETTER_BYTES)
        bytes.len = CW_DEAD_LETTER_BYTES;
    put_base64(line, bytes);
    cw_buf_cstr(line, "\"}\n");
    if (!cw_write_all(letters->fd, line->data, line->len))
        give_up(letters, "write to");
}

void cw_dead_letters_sync(struct cw_dead_letters *letters)
{
    if (fdatasync(letters->fd) != 0)
        give_up(letters, "sync");
}

/* --- reading --- */

static bool text_of(const json_t *object, const char *key, cw_str *out)
{
    const json_t *value = json_object_get(object, key);
    *out = (cw_str){ json_string_value(value), json_string_length(value) };
    return json_is_string(value);
}

static bool number_of(const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_integer_value(value);
    return json_is_integer(value);
}

/* Fields point into *holder (to be released) and into `bytes`. */
static bool read_letter(cw_str line, json_t **holder, struct cw_buf *bytes,
                        struct cw_dead_letter *out)
{
    cw_str base64;
    size_t len = 0;
    json_t *object = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
    *holder = object;
    if (!text_of(object, "source", &out->source) || !number_of(object, "offset", &out->offset) ||
        !text_of(object, "code", &out->code) || !text_of(object, "field", &out->field) ||
        !text_of(object, "sentence", &out->sentence) ||
        !number_of(object, "length", &out->length) || !text_of(object, "bytes", &base64))
        return false;
    bytes->len = 0;
    uint8_t *into = cw_buf_extend(bytes, base64.len + 1); /* never NULL, also for no bytes */
    const char *end;
    if (sodium_base642bin(into, base64.len, base64.ptr, base64.len, NULL, &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != base64.ptr + base64.len)
        return false;
    bytes->len = len;
    out->bytes = (cw_str){ (const char *)into, len };
    return true;
}

void cw_dead_letters_rewind(struct cw_dead_letters *letters, cw_dead_letter_known known,
                            void *context)
{
    int64_t end = lseek(letters->fd, 0, SEEK_END);
    struct cw_buf bytes = { 0 };
    bool stop = end <= 0;
    while (!stop && end > 0) {
        int64_t start = line_start(letters->fd, end - 1);
        if (start < 0)
            give_up(letters, "read");
        size_t len = (size_t)(end - start);
        letters->line.len = 0;
        uint8_t *line = cw_buf_extend(&letters->line, len);
        if (pread(letters->fd, line, len, start) != (ssize_t)len)
            give_up(letters, "read");
        json_t *holder;
        struct cw_dead_letter letter;
        /* What is no letter was not counted either. */
        stop = read_letter((cw_str){ (const char *)line, len }, &holder, &bytes, &letter) &&
               known(context, letter.source, letter.offset);
        json_decref(holder);
        if (!stop)
            end = start;
    }
    cw_buf_done(&bytes);
    if (end >= 0 && ftruncate(letters->fd, end) != 0)
        give_up(letters, "cut");
}

struct walk {
    cw_dead_letter_visit visit;
    void *context;
    uint64_t number;
    bool enough;
};

static bool read_lines(FILE *file, const char *path, struct walk *walk, char *error,
                       size_t error_len)
{
    char *line = NULL;
    size_t room = 0;
    struct cw_buf bytes = { 0 };
    bool fine = true;
    ssize_t len;
    for (uint64_t at = 1; fine && !walk->enough && (len = getline(&line, &room, file)) > 0; at++) {
        if (line[len - 1] != '\n')
            break; /* an ingest is writing it */
        json_t *holder;
        struct cw_dead_letter letter;
        walk->number++;
        fine = read_letter((cw_str){ line, (size_t)len }, &holder, &bytes, &letter);
        if (fine)
            walk->enough = !walk->visit(walk->context, walk->number, &letter);
        else
            snprintf(error, error_len,
                     "%s:%llu: expected a dead letter (one JSON object with source, offset, code, "
                     "field, sentence, length, bytes), found something else",
                     path, (unsigned long long)at);
        json_decref(holder);
    }
    if (fine && ferror(file)) {
        snprintf(error, error_len, "cannot read %s: %s", path, strerror(errno));
        fine = false;
    }
    cw_buf_done(&bytes);
    free(line);
    return fine;
}

static int is_letters_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 6 && strcmp(entry->d_name + len - 6, ".jsonl") == 0;
}

/* Not alphasort: it follows the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool cw_dead_letters_read(const char *dir, cw_dead_letter_visit visit, void *context, char *error,
                          size_t error_len)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_letters_file, by_name);
    if (count < 0) {
        snprintf(error, error_len, "cannot read the directory of dead letters %s: %s", dir,
                 strerror(errno));
        return false;
    }
    struct walk walk = { visit, context, 0, false };
    bool fine = true;
    for (int i = 0; i < count; i++) {
        struct cw_buf path = { 0 };
        cw_buf_printf(&path, "%s/%s", dir, entries[i]->d_name);
        cw_buf_u8(&path, 0);
        const char *name = (const char *)path.data;
        FILE *file = fine && !walk.enough ? fopen(name, "re") : NULL;
        if (file != NULL) {
            fine = read_lines(file, name, &walk, error, error_len);
            fclose(file);
        } else if (fine && !walk.enough) {
            snprintf(error, error_len, "cannot open %s: %s", name, strerror(errno));
            fine = false;
        }
        cw_buf_done(&path);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

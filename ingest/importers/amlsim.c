/*
 * amlsim.c - transactions of IBM's AMLSim as payments.
 *
 * DIR/transactions.csv.gz has the columns sourceNodeId, targetNodeId, value, time. Rows are held as
 * numbers until all are read, so that nothing is written of a file that is not whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "ingest/importers/import.h"
#include "ingest/wire/container.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum {
    LINE_MAX_BYTES = 4096,
    ROWS_MAX = 20000000,
    STEP_MAX = 100000, /* days: no date leaves the calendar */
    NAME_MAX_BYTES = 20,
    CENTS_DIGITS = 2
};
#define ACCOUNT_MAX UINT64_C(999999999999)
#define UNITS_MAX UINT64_C(9999999999999) /* below the bound of an amount, in cents */

enum column { SOURCE, TARGET, VALUE, TIME, COLUMNS };
static const char *const names[COLUMNS] = { "sourceNodeId", "targetNodeId", "value", "time" };

/* Where accounts are: by a fixed hash of their number. */
static const char *const countries[] = { "AT", "BE", "CZ", "DE", "ES", "FR",
                                         "HU", "IT", "NL", "PL", "RO", "UA" };
enum { COUNTRIES = sizeof(countries) / sizeof(countries[0]) };

struct row {
    uint64_t source;
    uint64_t target;
    int64_t cents;
    uint32_t step;
    uint32_t number; /* in the file, from 1 without the header */
};

struct reader {
    char *path;
    char name[NAME_MAX_BYTES + 1]; /* of the data set: letters and digits of its directory's */
    gzFile file;
    char line[LINE_MAX_BYTES];
    size_t number; /* of the line */
    int places[COLUMNS];
    int width; /* columns of the header */
    struct row *rows;
    size_t count;
    size_t cap;
    char *error;
};

static bool failed(struct reader *reader, const char *expected, const char *found, size_t len)
{
    enum { SHOWN = 60 };
    char shown[SHOWN + 1];
    size_t count = len < SHOWN ? len : SHOWN;
    /* What stands there may be anything; a terminal gets only what it can show. */
    for (size_t i = 0; i < count; i++)
        shown[i] = found[i] >= ' ' && found[i] < 0x7F ? found[i] : '?';
    shown[count] = '\0';
    snprintf(reader->error, CW_IMPORT_ERROR, "%.300s:%zu: expected %s, found %s%s%s", reader->path,
             reader->number, expected, len > 0 ? "\"" : "nothing", shown, len > 0 ? "\"" : "");
    return false;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* False: the end, or the error is set. */
static bool next_line(struct reader *reader, cw_str *line)
{
    if (gzgets(reader->file, reader->line, LINE_MAX_BYTES) == NULL) {
        int code = Z_OK;
        const char *why = gzerror(reader->file, &code);
        if (code != Z_OK && code != Z_STREAM_END)
            snprintf(reader->error, CW_IMPORT_ERROR, "%.300s:%zu: cannot be read further: %s",
                     reader->path, reader->number, code == Z_ERRNO ? strerror(errno) : why);
        return false;
    }
    reader->number++;
    size_t len = strlen(reader->line);
    if ((len == 0 || reader->line[len - 1] != '\n') && gzeof(reader->file) == 0)
        return failed(reader, "a line of text of less than 4 KiB", reader->line, len);
    while (len > 0 && strchr(" \t\r\n", reader->line[len - 1]) != NULL)
        len--;
    *line = (cw_str){ reader->line, len };
    return true;
}

static cw_str next_field(cw_str *line)
{
    const char *comma = line->len > 0 ? memchr(line->ptr, ',', line->len) : NULL;
    size_t len = comma != NULL ? (size_t)(comma - line->ptr) : line->len;
    cw_str field = { line->ptr, len };
    line->ptr += comma != NULL ? len + 1 : len;
    line->len -= comma != NULL ? len + 1 : len;
    return field;
}

static bool read_header(struct reader *reader)
{
    cw_str line = { "", 0 };
    for (int i = 0; i < COLUMNS; i++)
        reader->places[i] = -1;
    if (!next_line(reader, &line)) {
        if (reader->error[0] == '\0')
            failed(reader, "a header with sourceNodeId,targetNodeId,value,time", "", 0);
        return false;
    }
    cw_str rest = line;
    do {
        cw_str field = next_field(&rest);
        for (int i = 0; i < COLUMNS; i++) {
            if (cw_str_is(field, names[i]))
                reader->places[i] = reader->width;
        }
        reader->width++;
    } while (rest.len > 0);
    for (int i = 0; i < COLUMNS; i++) {
        char expected[80];
        snprintf(expected, sizeof(expected), "a header with a column %s", names[i]);
        if (reader->places[i] < 0)
            return failed(reader, expected, line.ptr, line.len);
    }
    return true;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Digits alone, at most `most`. */
static bool read_whole(cw_str text, uint64_t most, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || *out > most)
            return false;
        *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return text.len > 0 && *out <= most;
}

/* Decimal text to cents, exactly: behind the second digit of the fraction stand zeros only. */
static bool read_cents(cw_str text, int64_t *out)
{
    const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    cw_str units = { text.ptr, point != NULL ? (size_t)(point - text.ptr) : text.len };
    uint64_t whole;
    unsigned cents = 0;
    if (!read_whole(units, UNITS_MAX, &whole))
        return false;
    size_t digits = point != NULL ? text.len - units.len - 1 : 0;
    if (point != NULL && digits == 0)
        return false;
    for (size_t i = 0; i < digits || i < CENTS_DIGITS; i++) {
        char digit = i < digits ? point[1 + i] : '0';
        if (digit < '0' || digit > '9' || (i >= CENTS_DIGITS && digit != '0'))
            return false;
        if (i < CENTS_DIGITS)
            cents = cents * 10 + (unsigned)(digit - '0');
    }
    *out = (int64_t)(whole * 100 + cents);
    return true;
}

static bool read_row(struct reader *reader, cw_str line)
{
    cw_str fields[COLUMNS] = { { NULL, 0 } };
    struct row row = { .number = (uint32_t)(reader->count + 1) };
    uint64_t step = 0;
    int width = 0;
    for (cw_str rest = line; width == 0 || rest.len > 0; width++) {
        cw_str field = next_field(&rest);
        for (int i = 0; i < COLUMNS; i++) {
            if (reader->places[i] == width)
                fields[i] = field;
        }
    }
    if (width != reader->width)
        return failed(reader, "as many fields as the header has", line.ptr, line.len);
    if (!read_whole(fields[SOURCE], ACCOUNT_MAX, &row.source))
        return failed(reader, "the number of an account as sourceNodeId", fields[SOURCE].ptr,
                      fields[SOURCE].len);
    if (!read_whole(fields[TARGET], ACCOUNT_MAX, &row.target))
        return failed(reader, "the number of an account as targetNodeId", fields[TARGET].ptr,
                      fields[TARGET].len);
    if (!read_cents(fields[VALUE], &row.cents))
        return failed(reader, "an amount with at most two decimals as value", fields[VALUE].ptr,
                      fields[VALUE].len);
    if (!read_whole(fields[TIME], STEP_MAX, &step))
        return failed(reader, "a step from 0 to 100000 as time", fields[TIME].ptr,
                      fields[TIME].len);
    row.step = (uint32_t)step;
    if (reader->count == ROWS_MAX)
        return failed(reader, "at most 20,000,000 rows", line.ptr, line.len);
    if (reader->count == reader->cap) {
        reader->cap = reader->cap * 2 + 4096;
        reader->rows = cw_realloc(reader->rows, reader->cap * sizeof(reader->rows[0]));
    }
    reader->rows[reader->count++] = row;
    return true;
}

static bool read_rows(struct reader *reader)
{
    cw_str line;
    reader->file = gzopen(reader->path, "rb");
    if (reader->file == NULL) {
        snprintf(reader->error, CW_IMPORT_ERROR, "%.300s: cannot be opened: %s", reader->path,
                 strerror(errno));
        return false;
    }
    bool ok = read_header(reader);
    while (ok && next_line(reader, &line))
        ok = line.len == 0 || read_row(reader, line);
    /* A file that was cut off, or whose sum does not fit, shows only when it is closed. */
    int code = gzclose(reader->file);
    if (ok && reader->error[0] == '\0' && code != Z_OK)
        snprintf(reader->error, CW_IMPORT_ERROR, "%.300s:%zu: the file ends before its data do",
                 reader->path, reader->number);
    return ok && reader->error[0] == '\0';
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_content(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    int order = compare(x->step, y->step);
    if (order == 0)
        order = compare(x->source, y->source);
    if (order == 0)
        order = compare(x->target, y->target);
    return order != 0 ? order : compare((uint64_t)x->cents, (uint64_t)y->cents);
}

static int by_step(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    int order = compare(x->step, y->step);
    return order != 0 ? order : compare(x->number, y->number);
}

/* In time's order; counts the rows that are equal to another one in all columns. */
static void sort(struct reader *reader, struct cw_amlsim_counts *counts)
{
    if (reader->count == 0)
        return;
    qsort(reader->rows, reader->count, sizeof(reader->rows[0]), by_content);
    for (size_t i = 1; i < reader->count; i++)
        counts->repeats += by_content(&reader->rows[i - 1], &reader->rows[i]) == 0;
    qsort(reader->rows, reader->count, sizeof(reader->rows[0]), by_step);
}

/* --- events ----------------------------------------------------------------------------------- */

/* The finaliser of splitmix64: fixed, so that an account is in one country for ever. */
static const char *country_of(uint64_t account)
{
    uint64_t mix = account + UINT64_C(0x9E3779B97F4A7C15);
    mix = (mix ^ mix >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mix = (mix ^ mix >> 27) * UINT64_C(0x94D049BB133111EB);
    return countries[(mix ^ mix >> 31) % COUNTRIES];
}

static void set_text(struct cw_event *event, const char *field, const char *text)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    CW_CHECK(index >= 0);
    event->detail[index] = (struct cw_value){ .present = true, .text = cw_cstr(text) };
}

static void set_account(const struct reader *reader, struct cw_part *part, struct cw_identifier *id,
                        const char *role, uint64_t account, struct cw_arena *arena)
{
    *id = (struct cw_identifier){ .kind = cw_cstr("account") };
    id->value = cw_arena_printf(arena, "%sA%llu", reader->name, (unsigned long long)account);
    *part = (struct cw_part){
        .role = cw_cstr(role), .kind = cw_cstr("account"), .ids = id, .id_count = 1
    };
}

static void write_row(const struct reader *reader, const struct row *row, int64_t epoch,
                      struct cw_arena *arena, struct cw_buf *out)
{
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { 0 };
    struct cw_identifier ids[2];
    struct cw_part accounts[2];
    const char *country = country_of(row->target);
    cw_event_defaults(&event);
    event.owner = cw_arena_printf(arena, "%s-FIU", country);
    event.event_id = cw_arena_printf(arena, "%s-%u", reader->name, (unsigned)row->number);
    event.event_type = cw_cstr("payment");
    event.type = cw_type_by_name(event.event_type);
    event.event_time = epoch + row->step * CW_DAY;
    event.recorded_at = event.event_time;
    event.time_precision = cw_cstr("day");
    event.country = cw_cstr(country);
    set_account(reader, &accounts[0], &ids[0], "payer_account", row->source, arena);
    set_account(reader, &accounts[1], &ids[1], "payee_account", row->target, arena);
    event.objects = accounts;
    event.object_count = 2;
    event.detail_type = event.type;
    event.detail = detail;
    set_text(&event, "currency", "EUR");
    set_text(&event, "payer_country", country_of(row->source));
    set_text(&event, "payee_country", country);
    detail[cw_type_field(event.type, cw_cstr("amount"))] =
        (struct cw_value){ .present = true, .number = row->cents };
    cw_event_write(&event, out);
}

static bool write_rows(const struct reader *reader, int64_t epoch, FILE *file)
{
    struct cw_container_writer *writer =
        cw_container_create(file, cw_event_schema_json(), "deflate", 0);
    struct cw_arena *arena = cw_arena_new();
    struct cw_buf body = { 0 };
    for (size_t i = 0; i < reader->count; i++) {
        body.len = 0;
        write_row(reader, &reader->rows[i], epoch, arena, &body);
        cw_container_put(writer, body.data, body.len);
        cw_arena_reset(arena);
    }
    cw_buf_done(&body);
    cw_arena_free(arena);
    if (cw_container_finish(writer))
        return true;
    snprintf(reader->error, CW_IMPORT_ERROR, "writing the container file failed: %s",
             strerror(errno));
    return false;
}

/* Event ids and accounts bear the name of the data set, so that two of them stay apart. */
static void name_data_set(struct reader *reader, const char *directory)
{
    char *whole = realpath(directory, NULL);
    const char *base = whole != NULL ? strrchr(whole, '/') : NULL;
    size_t len = 0;
    for (const char *at = base != NULL ? base + 1 : ""; *at != '\0' && len < NAME_MAX_BYTES; at++) {
        bool small = *at >= 'a' && *at <= 'z';
        if (small || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9'))
            reader->name[len++] = (char)(small ? *at - 'a' + 'A' : *at);
    }
    reader->name[len] = '\0';
    if (len == 0)
        snprintf(reader->name, sizeof(reader->name), "AMLSIM");
    free(whole);
}

bool cw_import_amlsim(const char *directory, int64_t epoch, FILE *file,
                      struct cw_amlsim_counts *counts, char error[CW_IMPORT_ERROR])
{
    struct reader *reader = cw_new(struct reader);
    *counts = (struct cw_amlsim_counts){ 0 };
    error[0] = '\0';
    reader->error = error;
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/transactions.csv.gz", directory);
    cw_buf_u8(&path, 0);
    reader->path = (char *)path.data;
    name_data_set(reader, directory);
    bool ok = read_rows(reader);
    if (ok) {
        sort(reader, counts);
        counts->payments = reader->count;
        ok = write_rows(reader, epoch, file);
    }
    cw_buf_done(&path);
    free(reader->rows);
    free(reader);
    return ok;
}

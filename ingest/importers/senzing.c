/*
 * senzing.c - Senzing's JSON lines: one record a line, its features an array of small objects.
 *
 *     {"DATA_SOURCE": "WATCHLIST", "RECORD_ID": "1006", "FEATURES": [{"RECORD_TYPE": "PERSON"},
 *      {"NAME_LAST": "Smith", "NAME_FIRST": "Robert"}, …], "CATEGORY": "Fraud", "DATE": "1/3/17"}
 *
 * Older files have the features in the record itself; both are read. Left out, for the canonical
 * event has no place for it yet: e-mail addresses, employers, amounts, relations.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "ingest/importers/countries.h"
#include "ingest/importers/import.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

struct reader {
    struct cw_import *import;
    const char *path;
    int64_t as_of; /* for rows without a date */
    struct cw_import_party party;
    struct cw_buf scratch;
    char *error;
};

/* --- dates ------------------------------------------------------------------------------------ */

struct date {
    int64_t year;
    int month; /* 0: only the year is known */
    int day;
    bool short_year; /* two digits: the century is open */
};

static int month_by_name(const char *text, size_t len)
{
    static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec" };
    for (int i = 0; len >= 3 && i < 12; i++) {
        if (strncasecmp(text, months[i], 3) == 0)
            return i + 1;
    }
    return 0;
}

/*
 * m/d/y as Americans write it; d/m/y where the first cannot be a month; y-m-d; 15-Mar-92;
 * Mar 1 1970; a year alone. Years of two digits keep their century open.
 */
static bool read_date(const char *text, struct date *out)
{
    int64_t numbers[3];
    size_t lengths[3];
    size_t count = 0;
    int named = 0;
    size_t named_at = 0;
    for (const char *at = text; *at != '\0';) {
        size_t len = 0;
        if (isdigit((unsigned char)*at)) {
            int64_t value = 0;
            for (; len < 5 && isdigit((unsigned char)at[len]); len++)
                value = value * 10 + (at[len] - '0');
            if (count == 3 || len == 5)
                return false;
            lengths[count] = len;
            numbers[count++] = value;
        } else if (isalpha((unsigned char)*at)) {
            while (isalpha((unsigned char)at[len]))
                len++;
            if (named != 0 || (named = month_by_name(at, len)) == 0)
                return false;
            named_at = count;
        } else {
            len = 1;
        }
        at += len;
    }

    size_t year_at = count == 0 ? 0 : count - 1;
    if (count == 1 && named == 0 && lengths[0] == 4) {
        *out = (struct date){ .year = numbers[0] };
        return true;
    }
    if (named != 0 && count == 2 && named_at < 2) {
        *out = (struct date){ .month = named, .day = (int)numbers[0] };
    } else if (count == 3 && lengths[0] == 4) {
        year_at = 0;
        *out = (struct date){ .month = (int)numbers[1], .day = (int)numbers[2] };
    } else if (count == 3 && named == 0) {
        bool day_first = numbers[0] > 12;
        *out = (struct date){ .month = (int)numbers[day_first], .day = (int)numbers[!day_first] };
    } else {
        return false;
    }
    if (lengths[year_at] != 2 && lengths[year_at] != 4)
        return false;
    out->year = numbers[year_at];
    out->short_year = lengths[year_at] == 2;
    /* 29 February of an open century may be one: tried again when it is settled. */
    return cw_date_valid(out->short_year ? 2000 : out->year, out->month, out->day);
}

static int64_t date_time(const struct date *date)
{
    return cw_days_from_civil(date->year, date->month == 0 ? 1 : date->month,
                              date->day == 0 ? 1 : date->day) *
           CW_DAY;
}

/* A row's own date: 70 to 99 are of the last century, 00 to 69 of this one. */
static int64_t row_date(const char *text)
{
    struct date date;
    if (text == NULL || !read_date(text, &date))
        return CW_TIME_MIN;
    if (date.short_year)
        date.year += date.year < 70 ? 2000 : 1900;
    if (date.month != 0 && !cw_date_valid(date.year, date.month, date.day))
        return CW_TIME_MIN;
    return date_time(&date);
}

/* A birth date: nobody is born after the row that tells of it, so 97 in a row of 2018 is 1997. */
static void add_birth(struct reader *reader, const char *text, int64_t row_time)
{
    struct date date;
    bool ok = read_date(text, &date);
    if (ok && date.short_year) {
        date.year += 2000;
        if (!cw_date_valid(date.year, date.month, date.day) || date_time(&date) > row_time)
            date.year -= 100;
    }
    if (!ok || (date.month != 0 && !cw_date_valid(date.year, date.month, date.day)) ||
        date_time(&date) > row_time) {
        cw_import_count(reader->import)->bad_dates++;
        return;
    }
    reader->scratch.len = 0;
    if (date.month == 0)
        cw_buf_printf(&reader->scratch, "%04d", (int)date.year);
    else
        cw_buf_printf(&reader->scratch, "%04d-%02d-%02d", (int)date.year, date.month, date.day);
    cw_import_party_birth(&reader->party,
                          (cw_str){ (char *)reader->scratch.data, reader->scratch.len });
}

/* --- features --------------------------------------------------------------------------------- */

static const char *get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* The texts under the keys that are there, joined in their order. */
static cw_str join(struct reader *reader, const json_t *feature, const char *const *keys,
                   const char *between)
{
    reader->scratch.len = 0;
    for (size_t i = 0; keys[i] != NULL; i++) {
        const char *text = get(feature, keys[i]);
        if (text == NULL)
            continue;
        if (reader->scratch.len > 0)
            cw_buf_cstr(&reader->scratch, between);
        cw_buf_cstr(&reader->scratch, text);
    }
    return (cw_str){ (char *)reader->scratch.data, reader->scratch.len };
}

static void add_name(struct reader *reader, const json_t *feature)
{
    static const char *const keys[] = { "NAME_FULL", "NAME_ORG",    "NAME_FIRST", "NAME_MIDDLE",
                                        "NAME_LAST", "NAME_SUFFIX", NULL };
    const char *type = get(feature, "NAME_TYPE");
    bool alias =
        reader->party.part.name_count > 0 || (type != NULL && strcasecmp(type, "PRIMARY") != 0);
    cw_import_party_name(&reader->party, join(reader, feature, keys, " "), alias);
}

static void add_address(struct reader *reader, const json_t *feature)
{
    static const char *const keys[] = { "ADDR_FULL",    "ADDR_LINE1", "ADDR_LINE2",
                                        "ADDR_CITY",    "ADDR_STATE", "ADDR_POSTAL_CODE",
                                        "ADDR_COUNTRY", NULL };
    cw_import_party_address(&reader->party, join(reader, feature, keys, ", "));
}

/* An identifier whose issuer is a country, by name or code. */
static void add_scoped(struct reader *reader, const json_t *feature, const char *kind,
                       const char *number_key, const char *country_key)
{
    const char *number = get(feature, number_key);
    if (number != NULL) {
        const char *issuer = cw_import_country(reader->import, cw_cstr(get(feature, country_key)));
        cw_import_party_id(&reader->party, kind, cw_cstr(number), issuer);
    }
}

/* Nine digits are a social security number; the last four of one name nobody and so get no issuer,
 * which makes them a quality fact and no key. */
static void add_ssn(struct reader *reader, const char *number)
{
    size_t digits = 0;
    for (const char *at = number; *at != '\0'; at++)
        digits += isdigit((unsigned char)*at) != 0;
    cw_import_party_id(&reader->party, "national_id", cw_cstr(number), digits == 9 ? "US" : NULL);
}

static void add_licence(struct reader *reader, const json_t *feature)
{
    const char *number = get(feature, "DRIVERS_LICENSE_NUMBER");
    const char *state = get(feature, "DRIVERS_LICENSE_STATE");
    if (number == NULL)
        return;
    const char *code = state != NULL ? cw_us_state_code(cw_cstr(state)) : NULL;
    if (state != NULL && code == NULL)
        cw_import_count(reader->import)->unknown_countries++;
    char issuer[8];
    snprintf(issuer, sizeof(issuer), "US-%s", code != NULL ? code : "");
    const char *kept = NULL;
    if (code != NULL) /* the party keeps the pointer */
        kept = cw_import_text(reader->import, cw_cstr(issuer)).ptr;
    cw_import_party_id(&reader->party, "driving_licence", cw_cstr(number), kept);
}

static void add_feature(struct reader *reader, const json_t *feature, int64_t row_time)
{
    struct cw_import_party *party = &reader->party;
    const char *text;
    add_name(reader, feature);
    add_address(reader, feature);
    if ((text = get(feature, "RECORD_TYPE")) != NULL && strncasecmp(text, "ORGANI", 6) == 0)
        party->part.kind = cw_cstr("organisation");
    if ((text = get(feature, "DATE_OF_BIRTH")) != NULL)
        add_birth(reader, text, row_time);
    if ((text = get(feature, "GENDER")) != NULL) {
        if (toupper((unsigned char)text[0]) == 'M')
            party->part.sex = cw_cstr("male");
        else if (toupper((unsigned char)text[0]) == 'F')
            party->part.sex = cw_cstr("female");
    }
    /* A number without + is American; with it, it says itself of which country it is. */
    if ((text = get(feature, "PHONE_NUMBER")) != NULL)
        cw_import_party_id(party, "phone", cw_cstr(text), text[0] == '+' ? NULL : "US");
    if ((text = get(feature, "SSN_NUMBER")) != NULL)
        add_ssn(reader, text);
    if ((text = get(feature, "NATIONALITY")) != NULL)
        cw_import_party_nation(party, cw_cstr(text));
    if ((text = get(feature, "CITIZENSHIP")) != NULL)
        cw_import_party_nation(party, cw_cstr(text));
    add_licence(reader, feature);
    add_scoped(reader, feature, "passport", "PASSPORT_NUMBER", "PASSPORT_COUNTRY");
    add_scoped(reader, feature, "national_id", "NATIONAL_ID_NUMBER", "NATIONAL_ID_COUNTRY");
    add_scoped(reader, feature, "tax_id", "TAX_ID_NUMBER", "TAX_ID_COUNTRY");
}

/* --- records ---------------------------------------------------------------------------------- */

static const char *add_record(struct reader *reader, const json_t *record)
{
    const char *source = get(record, "DATA_SOURCE");
    const char *id = get(record, "RECORD_ID");
    bool watch = source != NULL && strcmp(source, "WATCHLIST") == 0;
    if (!watch && (source == NULL || strcmp(source, "CUSTOMERS") != 0))
        return "a DATA_SOURCE other than WATCHLIST and CUSTOMERS; leave that file out";
    if (id == NULL) {
        cw_import_count(reader->import)->skipped++;
        return NULL;
    }
    const char *stated = get(record, "DATE");
    int64_t date = row_date(stated);
    if (stated != NULL && date == CW_TIME_MIN)
        cw_import_count(reader->import)->bad_dates++;
    int64_t row_time = date != CW_TIME_MIN ? date : reader->as_of;
    if (row_time == CW_TIME_MIN)
        row_time = CW_TIME_MAX; /* no date anywhere: writing will refuse */

    cw_import_party_start(&reader->party, reader->import);
    add_feature(reader, record, row_time);
    size_t index;
    const json_t *feature;
    json_array_foreach(json_object_get(record, "FEATURES"), index, feature)
        add_feature(reader, feature, row_time);
    const char *owner = watch ? "SENZING-WATCHLIST" : "SENZING-CUSTOMERS";
    if (!cw_import_row(reader->import, watch ? CW_IMPORT_WATCH : CW_IMPORT_ACCOUNT, owner,
                       cw_cstr(id), 1, date, &reader->party, cw_cstr(get(record, "CATEGORY")),
                       cw_cstr(NULL)))
        return "more than a million rows";
    return NULL;
}

/* Calls for each line of the file that is not empty. False: `error` is set. */
static bool each_line(struct reader *reader,
                      const char *(*take)(struct reader *reader, const json_t *record))
{
    gzFile file = gzopen(reader->path, "rb");
    if (file == NULL) {
        snprintf(reader->error, CW_IMPORT_ERROR, "%s: cannot be opened: %s", reader->path,
                 strerror(errno));
        return false;
    }
    char *line = cw_alloc(CW_IMPORT_FIELD_MAX);
    const char *wrong = NULL;
    size_t number = 0;
    int64_t total = 0;
    while (wrong == NULL && gzgets(file, line, CW_IMPORT_FIELD_MAX) != NULL) {
        size_t len = strlen(line);
        number++;
        total += (int64_t)len;
        if (strspn(line, " \t\r\n") == len)
            continue;
        if (len + 1 == CW_IMPORT_FIELD_MAX && line[len - 1] != '\n')
            wrong = "a line longer than 64 KiB";
        else if (total > CW_IMPORT_FILE_MAX)
            wrong = "more than 256 MiB";
        if (wrong != NULL)
            break;
        json_error_t why;
        json_t *record = json_loadb(line, len, 0, &why);
        wrong = json_is_object(record) ? take(reader, record) : "no JSON object on this line";
        json_decref(record);
    }
    int code = Z_OK;
    const char *reason = gzerror(file, &code);
    if (wrong == NULL && code != Z_OK && code != Z_STREAM_END)
        wrong = code == Z_ERRNO ? strerror(errno) : reason;
    if (wrong != NULL)
        snprintf(reader->error, CW_IMPORT_ERROR, "%s:%zu: expected a record of Senzing's, found %s",
                 reader->path, number, wrong);
    free(line);
    gzclose(file);
    return wrong == NULL;
}

static const char *see_date(struct reader *reader, const json_t *record)
{
    cw_import_saw_date(reader->import, row_date(get(record, "DATE")));
    return NULL;
}

bool cw_import_senzing(struct cw_import *import, const char *const *paths, size_t count,
                       int64_t as_of, char error[CW_IMPORT_ERROR])
{
    struct reader *reader = cw_new(struct reader);
    reader->import = import;
    reader->error = error;
    bool ok = true;
    for (size_t i = 0; ok && i < count && as_of == CW_TIME_MIN; i++) {
        reader->path = paths[i];
        ok = each_line(reader, see_date);
    }
    reader->as_of = as_of != CW_TIME_MIN ? as_of : cw_import_newest(import);
    for (size_t i = 0; ok && i < count; i++) {
        reader->path = paths[i];
        ok = each_line(reader, add_record);
    }
    cw_buf_done(&reader->scratch);
    free(reader);
    return ok;
}

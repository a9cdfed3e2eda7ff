/*
 * import.h - real lists as canonical events.
 *
 * A reader adds rows; each row is one event, named by its list's own id of the row. The date of a
 * row is its event time (precision day), recorded_at and, of a notice, valid_from. What a row
 * without a date gets, and how long all are kept, depends on the newest date in the files, so rows
 * are held until the end: then dates are settled, rows sorted by (recorded_at, event id), and
 * written as one Avro container file.
 *
 * Limits: a file of 256 MiB when expanded, a million rows, 64 KiB a field; the lists of a party
 * below. What a cap cuts is counted.
 */
#ifndef CW_IMPORTERS_IMPORT_H
#define CW_IMPORTERS_IMPORT_H

#include <stdio.h>

#include "operators/runtime/event.h"

enum {
    CW_IMPORT_FILE_MAX = 256 << 20,
    CW_IMPORT_ROWS_MAX = 1000000,
    CW_IMPORT_FIELD_MAX = 64 << 10,
    CW_IMPORT_ERROR = 512
};

/* What went into the file, and what is doubtful in it; printed when an import ends. */
struct cw_import_counts {
    uint64_t notices;
    uint64_t organisations; /* of the notices */
    uint64_t accounts;
    uint64_t undated;           /* rows that got the as-of date */
    uint64_t unknown_countries; /* names that the table does not have */
    uint64_t bad_dates;         /* dates that are none; left out */
    uint64_t ranges;            /* birth dates given as a range of years; left out */
    uint64_t cut;               /* names, identifiers … beyond the caps of a party */
    uint64_t skipped;           /* rows without an id */
};

struct cw_import;

struct cw_import *cw_import_new(void) CW_MUST_USE;
void cw_import_free(struct cw_import *import); /* accepts NULL */

/* Both read a file, plain or gzip. False: `error` says what was expected, where, and what to do. */
/** The Security Council's consolidated list, XML. */
bool cw_import_un_sc(struct cw_import *import, const char *path,
                     char error[CW_IMPORT_ERROR]) CW_MUST_USE CW_NONNULL(1, 2);
/**
 * Senzing's JSON lines: records of DATA_SOURCE WATCHLIST and CUSTOMERS. Years of two digits: a
 * row's own date lies in 1970 to 2069; a birth date is the latest that is not after the row's date.
 * A row without a date needs the as-of date for that, so all files are given at once. `as_of` is
 * CW_TIME_MIN for the default: the newest date of a row.
 */
bool cw_import_senzing(struct cw_import *import, const char *const *paths, size_t count,
                       int64_t as_of, char error[CW_IMPORT_ERROR]) CW_MUST_USE CW_NONNULL(1, 2);

/** Settles dates, sorts and writes. `as_of` as above. False: no row has a date and none was given,
 *  or writing failed. */
bool cw_import_write(struct cw_import *import, int64_t as_of, FILE *file,
                     char error[CW_IMPORT_ERROR]) CW_MUST_USE CW_NONNULL(1, 3);
const struct cw_import_counts *cw_import_counts(const struct cw_import *import);

struct cw_amlsim_counts {
    uint64_t payments;
    uint64_t repeats; /* rows that are equal to an earlier one in all columns */
};

/**
 * A data set of IBM's AMLSim: DIRECTORY/transactions.csv.gz, each row a payment in euro, named by
 * the data set and the row's number, so that equal rows are different events. A step is a day from
 * `epoch` (midnight). An account has a country by a fixed hash of its number; the owner is the FIU
 * of the payee's country, such as RO-FIU. At most 20 million rows, of 40 bytes each while they are
 * read. False: `error` says what was expected, at which line, and nothing was written, unless
 * writing itself failed.
 */
bool cw_import_amlsim(const char *directory, int64_t epoch, FILE *file,
                      struct cw_amlsim_counts *counts, char error[CW_IMPORT_ERROR]) CW_MUST_USE
    CW_NONNULL(1, 3, 4);

/*
 * For the readers.
 */
enum {
    CW_IMPORT_IDS = 64,
    CW_IMPORT_NAMES = 128,
    CW_IMPORT_BIRTHS = 16,
    CW_IMPORT_NATIONS = 16,
    CW_IMPORT_ADDRESSES = 64
};

/* One party while its row is read. Texts are copied, trimmed, and runs of white space in them
 * become one space; repeats are dropped. */
struct cw_import_party {
    struct cw_import *import;
    struct cw_identifier ids[CW_IMPORT_IDS];
    struct cw_name names[CW_IMPORT_NAMES];
    cw_str births[CW_IMPORT_BIRTHS];
    cw_str nations[CW_IMPORT_NATIONS];
    cw_str addresses[CW_IMPORT_ADDRESSES];
    struct cw_part part;
};

enum cw_import_kind { CW_IMPORT_SANCTION, CW_IMPORT_WATCH, CW_IMPORT_ACCOUNT };

void cw_import_party_start(struct cw_import_party *party, struct cw_import *import)
    CW_NONNULL(1, 2);
/** The first name is the primary one, later ones are aliases. The script is found by its letters.
 */
void cw_import_party_name(struct cw_import_party *party, cw_str full, bool alias) CW_NONNULL(1);
/** issuer NULL: none. */
void cw_import_party_id(struct cw_import_party *party, const char *kind, cw_str value,
                        const char *issuer) CW_NONNULL(1, 2);
void cw_import_party_birth(struct cw_import_party *party, cw_str date) CW_NONNULL(1);
/** A country's name or code; an unknown one is counted and left out. */
void cw_import_party_nation(struct cw_import_party *party, cw_str country) CW_NONNULL(1);
void cw_import_party_address(struct cw_import_party *party, cw_str address) CW_NONNULL(1);
/** The code of a country, or NULL and counted; an empty text is NULL and not counted. */
const char *cw_import_country(struct cw_import *import, cw_str country) CW_NONNULL(1);

/** Adds the row of a party. `date` CW_TIME_MIN: it has none. False: a million rows are there. */
bool cw_import_row(struct cw_import *import, enum cw_import_kind kind, const char *owner,
                   cw_str event_id, int64_t version, int64_t date,
                   const struct cw_import_party *party, cw_str category,
                   cw_str reference) CW_MUST_USE CW_NONNULL(1, 3, 7);
/** A date that the list states of itself: the default as-of date is the newest of them. */
void cw_import_saw_date(struct cw_import *import, int64_t date) CW_NONNULL(1);
int64_t cw_import_newest(const struct cw_import *import) CW_NONNULL(1);
struct cw_import_counts *cw_import_count(struct cw_import *import) CW_NONNULL(1);
/** A copy without white space at the ends and with one space for each run of it inside. */
cw_str cw_import_text(struct cw_import *import, cw_str text) CW_NONNULL(1);
/** Midnight of a date YYYY-MM-DD; what follows it (a time, an offset) is not looked at, for lists
 *  mean the day. CW_TIME_MIN: it is none. */
int64_t cw_import_iso_date(cw_str text);

#endif

/*
 * mrz.h - machine-readable zones of travel documents (ICAO 9303 parts 4 to 7): TD1, TD2, TD3, and
 * visas MRV-A and MRV-B.
 *
 * What is read is what is printed: every check digit must hold and every character must be one that
 * its field allows. Nothing is guessed, neither O for 0 nor anything else.
 */
#ifndef CW_INGEST_MRZ_H
#define CW_INGEST_MRZ_H

#include <stdint.h>

#include "operators/runtime/arena.h"

enum cw_mrz_format { CW_MRZ_TD1, CW_MRZ_TD2, CW_MRZ_TD3, CW_MRZ_MRV_A, CW_MRZ_MRV_B };

struct cw_mrz {
    enum cw_mrz_format format;
    const char *kind; /* of identifier: passport, identity_card; NULL: a visa, which is none */
    cw_str issuer;    /* as printed, without filler: CHE, D, UTO */
    cw_str number;    /* letters and digits; what stands for a space is left out */
    int birth_year;   /* 0 to 99; -1: the document does not say */
    int birth_month;  /* 0: it does not say */
    int birth_day;    /* 0: it does not say */
};

/**
 * Lines one behind the other or on lines of their own; small letters are read as capital ones and
 * blanks are passed over. NULL where it holds, else the fault (a string constant): bad_length (of
 * the whole or of a line), bad_document (a code that this size of document does not have),
 * bad_characters, check_digit, bad_date. The strings live in the arena.
 */
const char *cw_mrz_read(cw_str text, struct cw_arena *arena, struct cw_mrz *out) CW_NONNULL(2, 3);

/**
 * The birth date in full, as ISO, as much of it as the document says: in the latest century in
 * which it does not lie after `day` (days since 1970-01-01 of the event). False: it does not say,
 * or there was no such day.
 */
bool cw_mrz_birth_date(const struct cw_mrz *mrz, int64_t day, struct cw_arena *arena,
                       cw_str *out) CW_MUST_USE CW_NONNULL(1, 3, 4);

#endif

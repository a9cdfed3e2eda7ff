/*
 * identifier_parts.h - what identifier.c is made of: one file for each family of numbers that has a
 * plan of its own. Only identifier.c, normalise.c and these files include it.
 *
 * Text given here has passed NFKC and is ASCII. A check answers as cw_identifier_check does: NULL
 * where valid, else the fault.
 */
#ifndef CW_INGEST_IDENTIFIER_PARTS_H
#define CW_INGEST_IDENTIFIER_PARTS_H

#include "ingest/identifier.h"

enum { CW_IDENTIFIER_MAX = 40, CW_IDENTIFIER_STATED_MAX = 256 };

/** Alpha-2 of an alpha-2, alpha-3 or machine-readable-zone code in upper case; an alpha-2 code that
 *  is not assigned stays itself. Absent: it is none of these. */
cw_str cw_country_code(cw_str code);

/** E.164 of a number as people write it; country is alpha-2 or absent. */
const char *cw_phone_check(cw_str stated, cw_str country, struct cw_arena *arena, cw_str *out);

/** text: letters and digits, upper case. */
const char *cw_iban_check(cw_str text);

/**
 * A person's number of a country whose plan has a check digit; text is as stated, in upper case,
 * separators and all, compact is without them. May choose another canonical text.
 */
const char *cw_national_id_check(cw_str country, cw_str text, cw_str compact,
                                 struct cw_arena *arena, cw_str *out);

/** As cw_identifier_check; an organisation's national id is the number of some register, so a
 *  person's plan says nothing about it. */
const char *cw_identifier_check_of(const struct cw_id_kind *kind, bool organisation, cw_str value,
                                   cw_str issuer, struct cw_arena *arena, cw_str *canonical_value,
                                   cw_str *canonical_issuer);

#endif

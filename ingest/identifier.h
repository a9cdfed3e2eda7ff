/*
 * identifier.h - kinds of identifiers: canonical form, check digits, and how each kind links.
 */
#ifndef CW_INGEST_IDENTIFIER_H
#define CW_INGEST_IDENTIFIER_H

#include <stdint.h>

#include "operators/runtime/arena.h"

struct cw_id_kind {
    const char *name; /* passport, phone, iban … */
    uint32_t number;  /* in frames, from 1; never changes */
    bool scoped;      /* by issuer; without one it is a quality fact and no key */
    bool of_objects;  /* stands on objects only */
    bool unique;      /* one of a kind: joins cores */
    bool exclusive;   /* two values of one scope conflict */
    uint8_t rank;     /* 1 first; 0 for kinds that join nothing */
};

/** The kind of that name, or NULL: kept in the event, no key (fault unknown_kind). */
const struct cw_id_kind *cw_id_kind_by_name(cw_str name);
/** [0 .. *count) of all kinds, for rule checks. */
const struct cw_id_kind *cw_id_kinds(size_t *count);

/**
 * Canonical value and issuer. Returns NULL where valid, else the fault (a string constant:
 * unknown_kind, no_issuer, bad_issuer, bad_characters, bad_length, check_digit, unknown_country,
 * placeholder …).
 * The canonical strings live in the arena or point into what was given.
 */
const char *cw_identifier_check(const struct cw_id_kind *kind, cw_str value, cw_str issuer,
                                struct cw_arena *arena, cw_str *canonical_value,
                                cw_str *canonical_issuer) CW_NONNULL(4, 5, 6);

/** NFKC, case folded, honorifics off, tokens joined by one space in their order. Empty if nothing
 *  is left. */
cw_str cw_name_fold(cw_str full, struct cw_arena *arena) CW_NONNULL(2);
/** A birth date as ISO, full or partial. False: it is not one, or not possible. */
bool cw_birth_date(cw_str text, struct cw_arena *arena, cw_str *out) CW_MUST_USE CW_NONNULL(2, 3);
/** "RO:123" where scoped, else the value. */
cw_str cw_identifier_text(cw_str issuer, cw_str value, struct cw_arena *arena);

#endif

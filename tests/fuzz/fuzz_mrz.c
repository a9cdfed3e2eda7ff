/*
 * fuzz_mrz.c - a machine-readable zone that holds states a number that is an identifier, or a fault
 * of its issuer; with another digit anywhere it holds no more, unless nothing covers that digit;
 * and its birth date is a date, not after the event.
 *
 * Input: a byte for the event's year, the zone.
 */
#include <stdio.h>

#include "ingest/identifier.h"
#include "ingest/mrz.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_birth(const struct cw_mrz *mrz, int64_t year, struct cw_arena *arena)
{
    cw_str date;
    cw_str iso;
    if (!cw_mrz_birth_date(mrz, cw_days_from_civil(year, 6, 15), arena, &date))
        return;
    CW_CHECK(cw_birth_date(date, arena, &iso) && cw_str_eq(date, iso));
    char event[16];
    int len = snprintf(event, sizeof(event), "%04d-06-15", (int)year);
    CW_CHECK(len == 10);
    CW_CHECK(cw_str_cmp(date, (cw_str){ event, date.len }) <= 0);
}

/* The same zone with a digit changed: the two dates of every format are covered. */
static void check_digits(const struct cw_mrz *mrz, cw_str text, struct cw_arena *arena)
{
    static const uint8_t places[][2] = { [CW_MRZ_TD1] = { 30, 38 },
                                         [CW_MRZ_TD2] = { 49, 57 },
                                         [CW_MRZ_TD3] = { 57, 65 },
                                         [CW_MRZ_MRV_A] = { 57, 65 },
                                         [CW_MRZ_MRV_B] = { 49, 57 } };
    char *copy = cw_arena_alloc(arena, text.len);
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = text.ptr[i];
        if (copy[i] <= ' ')
            continue;
        bool dated = at == places[mrz->format][0] || at == places[mrz->format][1];
        if (dated && copy[i] >= '0' && copy[i] <= '9') {
            struct cw_mrz other;
            memcpy(copy, text.ptr, text.len);
            copy[i] = copy[i] == '9' ? '0' : (char)(copy[i] + 1);
            CW_CHECK(cw_mrz_read((cw_str){ copy, text.len }, arena, &other) != NULL);
            memcpy(copy, text.ptr, text.len);
        }
        at++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct cw_arena *arena = cw_arena_new();
    cw_str text = { (const char *)data + 1, size - 1 };
    struct cw_mrz mrz;
    if (cw_mrz_read(text, arena, &mrz) == NULL) {
        cw_str value;
        cw_str issuer;
        CW_CHECK(mrz.number.len >= 1 && mrz.number.len <= 23);
        CW_CHECK(mrz.issuer.len >= 1 && mrz.issuer.len <= 3);
        if (mrz.kind != NULL) {
            const struct cw_id_kind *kind = cw_id_kind_by_name(cw_cstr(mrz.kind));
            const char *fault =
                cw_identifier_check(kind, mrz.number, mrz.issuer, arena, &value, &issuer);
            CW_CHECK(fault == NULL || strcmp(fault, "bad_issuer") == 0);
            CW_CHECK(fault != NULL || cw_str_eq(value, mrz.number));
        }
        check_birth(&mrz, 1900 + data[0], arena);
        check_digits(&mrz, text, arena);
    }
    cw_arena_free(arena);
    return 0;
}

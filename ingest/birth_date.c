/*
 * birth_date.c - a birth date as ISO 8601, as much of it as is known.
 *
 * Year first always: a date that leaves open which number is the day is not guessed. Slashes and
 * dots are taken for dashes, and a month or day of 00, as machine-readable zones have it, for one
 * that is not known.
 */
#include "ingest/identifier.h"
#include "operators/runtime/time.h"

static bool number(cw_str text, size_t at, size_t count, int *out)
{
    *out = 0;
    for (size_t i = at; i < at + count; i++) {
        if (i >= text.len || text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
    }
    return true;
}

bool cw_birth_date(cw_str text, struct cw_arena *arena, cw_str *out)
{
    int year;
    int month = 0;
    int day = 0;
    if ((text.len != 4 && text.len != 7 && text.len != 10) || !number(text, 0, 4, &year) ||
        year == 0)
        return false;
    char mark = text.len > 4 ? text.ptr[4] : '-';
    if (mark != '-' && mark != '/' && mark != '.')
        return false;
    if (text.len > 4 && !number(text, 5, 2, &month))
        return false;
    if (text.len > 7 && (text.ptr[7] != mark || !number(text, 8, 2, &day)))
        return false;
    if (month == 0 ? day != 0 : !cw_date_valid(year, month, day != 0 ? day : 1))
        return false;

    size_t known = day != 0 ? 10 : month != 0 ? 7 : 4;
    if (mark == '-') {
        *out = (cw_str){ text.ptr, known };
        return true;
    }
    cw_str iso = cw_arena_printf(arena, "%04d-%02d-%02d", year, month, day);
    *out = (cw_str){ iso.ptr, known };
    return true;
}

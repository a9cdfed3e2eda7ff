/*
 * fuzz_identifier.c - what is canonical stays so: an identifier that is valid is valid again in its
 * canonical form and is the same; a name that is folded folds to itself; so does a birth date.
 *
 * Input: a byte for the kind, a byte for the length of the issuer, the issuer, the value.
 */
#include "ingest/identifier_parts.h"
#include "operators/runtime/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_identifier(bool organisation, const struct cw_id_kind *kind, cw_str value,
                             cw_str issuer, struct cw_arena *arena)
{
    cw_str once;
    cw_str once_issuer;
    cw_str again;
    cw_str again_issuer;
    const char *fault =
        cw_identifier_check_of(kind, organisation, value, issuer, arena, &once, &once_issuer);
    if (fault != NULL)
        return;
    CW_CHECK(once.len > 0 && once.len <= CW_IDENTIFIER_MAX);
    CW_CHECK((once_issuer.len != 0) == kind->scoped);
    fault =
        cw_identifier_check_of(kind, organisation, once, once_issuer, arena, &again, &again_issuer);
    CW_CHECK(fault == NULL);
    CW_CHECK(cw_str_eq(once, again) && cw_str_eq(once_issuer, again_issuer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t kinds;
    const struct cw_id_kind *kind = cw_id_kinds(&kinds);
    if (size < 2)
        return 0;
    cw_str value = { (const char *)data + 2, size - 2 };
    cw_str issuer = { value.ptr, data[1] < value.len ? data[1] : value.len };
    struct cw_arena *arena = cw_arena_new();
    kind += data[0] % kinds;

    cw_str date;
    if (cw_birth_date(value, arena, &date)) {
        cw_str again;
        CW_CHECK(cw_birth_date(date, arena, &again) && cw_str_eq(date, again));
    }
    cw_str folded = cw_name_fold(value, arena);
    CW_CHECK(cw_str_eq(folded, cw_name_fold(folded, arena)));

    value.ptr += issuer.len;
    value.len -= issuer.len;
    check_identifier((data[0] & 128) != 0, kind, value, issuer, arena);
    cw_arena_free(arena);
    return 0;
}

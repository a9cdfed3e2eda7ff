/*
 * fuzz_restriction.c - a text is refused, or it is the text of its set; and what two sets join to
 * allows no more than either, whichever comes first.
 *
 * Input: the length of the first text (two bytes, little endian), the first text, the second.
 */
#include "operators/runtime/check.h"
#include "operators/runtime/restriction.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t read_text(struct cw_restrictions *table, const void *ptr, size_t len)
{
    const cw_str text = { ptr, len };
    uint32_t number = cw_restriction_intern(table, text);
    if (number == UINT32_MAX)
        return UINT32_MAX;
    CW_CHECK(cw_str_eq(cw_restriction_at(table, number)->text, text));
    CW_CHECK(cw_restriction_intern(table, text) == number);
    return number;
}

/* Whoever may see what is joined may see the one; so for purposes. */
static void check_covers(const struct cw_restriction *joined, const struct cw_restriction *one)
{
    for (size_t i = 0; i < joined->audience_count; i++)
        CW_CHECK(cw_restriction_shows(one, joined->audiences[i]));
    for (size_t i = 0; i < joined->purpose_count; i++)
        CW_CHECK(cw_restriction_allows(one, &joined->purposes[i], 1));
    CW_CHECK(!joined->any_audience || one->any_audience);
    CW_CHECK(!joined->any_purpose || one->any_purpose);
    CW_CHECK(joined->code_count >= one->code_count || cw_restriction_hides(joined));
    CW_CHECK(one->tlp.ptr == NULL || joined->tlp.ptr != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t first = (size_t)data[0] | (size_t)data[1] << 8;
    size_t rest = size - 2;
    if (first > rest)
        first = rest;
    struct cw_restrictions *table = cw_restrictions_new();
    uint32_t a = read_text(table, data + 2, first);
    uint32_t b = read_text(table, data + 2 + first, rest - first);
    if (a != UINT32_MAX && b != UINT32_MAX) {
        uint32_t joined = cw_restriction_join(table, a, b);
        CW_CHECK(cw_restriction_join(table, b, a) == joined);
        CW_CHECK(cw_restriction_join(table, joined, a) == joined);
        CW_CHECK(cw_restriction_join(table, joined, b) == joined);
        check_covers(cw_restriction_at(table, joined), cw_restriction_at(table, a));
        check_covers(cw_restriction_at(table, joined), cw_restriction_at(table, b));
    }
    cw_restrictions_free(table);
    return 0;
}

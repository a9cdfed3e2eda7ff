/*
 * identifier.c - the kinds, and the canonical form that all of them share: NFKC, upper case, no
 * separators.
 */
#include "ingest/identifier.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "ingest/identifier_parts.h"
#include "operators/runtime/id_kinds.h"

static const cw_str absent = { NULL, 0 };

#define ROW(number, name, scoped, of_objects, unique, exclusive, rank)                             \
    { #name, number, scoped, of_objects, unique, exclusive, rank },
static const struct cw_id_kind kinds[] = { CW_ID_KINDS(ROW) };
#undef ROW

enum {
    NATIONAL_ID = 1,
    PASSPORT = 3,
    DRIVING_LICENCE = 4,
    PHONE = 5,
    IBAN = 6,
    IMEI = 8,
    IDENTITY_CARD = 9
};

#define LENGTH(number, name, scoped, of_objects, unique, exclusive, rank) sizeof(#name) - 1,
static const uint8_t lengths[] = { CW_ID_KINDS(LENGTH) };
#undef LENGTH

const struct cw_id_kind *cw_id_kind_by_name(cw_str name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (name.len == lengths[i] && memcmp(name.ptr, kinds[i].name, name.len) == 0)
            return &kinds[i];
    }
    return NULL;
}

const struct cw_id_kind *cw_id_kinds(size_t *count)
{
    *count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}

static bool is_ascii(cw_str text)
{
    size_t i = 0;
    uint64_t word = 0;
    for (; text.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, text.ptr + i, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            return false;
    }
    for (; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Dashes and spaces of any script to the ASCII ones, full-width letters and digits to theirs.
 * False: something is left that is not ASCII. */
static bool to_ascii(cw_str text, struct cw_arena *arena, cw_str *out)
{
    *out = text;
    if (is_ascii(text))
        return true;
    utf8proc_uint8_t *folded = NULL;
    const unsigned options = UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE | UTF8PROC_IGNORE;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &folded,
                     (utf8proc_option_t)options);
    if (len < 0)
        return false;
    char *copy = cw_arena_alloc(arena, (size_t)len + 1);
    size_t count = 0;
    bool ascii = true;
    for (utf8proc_ssize_t at = 0; at < len && ascii;) {
        utf8proc_int32_t point;
        at += utf8proc_iterate(folded + at, len - at, &point);
        utf8proc_category_t category = utf8proc_category(point);
        if (category == UTF8PROC_CATEGORY_PD || point == 0x2212)
            copy[count++] = '-';
        else if (category == UTF8PROC_CATEGORY_ZS)
            copy[count++] = ' ';
        else if (point < 0x80)
            copy[count++] = (char)point;
        else
            ascii = false;
    }
    free(folded);
    *out = (cw_str){ copy, count };
    return ascii;
}

static cw_str trim(cw_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static cw_str to_upper(cw_str text, struct cw_arena *arena)
{
    size_t i = 0;
    while (i < text.len && upper(text.ptr[i]) == text.ptr[i])
        i++;
    if (i == text.len)
        return text;
    char *copy = cw_arena_alloc(arena, text.len + 1);
    for (i = 0; i < text.len; i++)
        copy[i] = upper(text.ptr[i]);
    return (cw_str){ copy, text.len };
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '-' || c == '.' || c == '/' || c == '_';
}

static cw_str without_separators(cw_str text, struct cw_arena *arena)
{
    size_t i = 0;
    while (i < text.len && !is_separator(text.ptr[i]))
        i++;
    if (i == text.len)
        return text;
    char *copy = cw_arena_alloc(arena, text.len + 1);
    size_t count = 0;
    for (i = 0; i < text.len; i++) {
        if (!is_separator(text.ptr[i]))
            copy[count++] = text.ptr[i];
    }
    return (cw_str){ copy, count };
}

/* Letters and digits, 1 to CW_IDENTIFIER_MAX of them. */
static const char *plain_check(cw_str text)
{
    if (text.len < 1 || text.len > CW_IDENTIFIER_MAX)
        return "bad_length";
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alnum(text.ptr[i]))
            return "bad_characters";
    }
    return NULL;
}

/* A country, and for driving licences one of its states: US-NV. */
static const char *issuer_check(const struct cw_id_kind *kind, cw_str issuer,
                                struct cw_arena *arena, cw_str *out)
{
    if (issuer.len > CW_IDENTIFIER_MAX || !to_ascii(issuer, arena, &issuer))
        return "bad_issuer";
    if (plain_check(issuer) != NULL)
        issuer = to_upper(trim(issuer), arena);
    if (issuer.len == 0)
        return "no_issuer";
    cw_str country = issuer;
    const char *dash = memchr(issuer.ptr, '-', issuer.len);
    if (dash != NULL && kind->number == DRIVING_LICENCE)
        country.len = (size_t)(dash - issuer.ptr);
    cw_str code = cw_country_code(country);
    if (code.ptr == NULL)
        return "bad_issuer";
    *out = code;
    if (country.len == issuer.len)
        return NULL;
    cw_str state = { dash + 1, issuer.len - country.len - 1 };
    if (state.len < 1 || state.len > 3 || plain_check(state) != NULL)
        return "bad_issuer";
    *out = cw_arena_printf(arena, "%.*s-%.*s", CW_STR_ARG(code), CW_STR_ARG(state));
    return NULL;
}

/* A number read off a machine-readable zone comes with its filling. */
static cw_str without_filling(cw_str text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '<')
        text.len--;
    return text;
}

/* The digit that makes the sum of these and itself a multiple of ten, every second one doubled. */
static char luhn_digit(cw_str digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(digits.ptr[digits.len - 1 - i] - '0');
        if (i % 2 == 0)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

/*
 * A device is named by 14 digits; the 15th checks them. Networks also write the 14 alone, or with
 * two digits of the software's version behind them (IMEISV): the same device, so both get the check
 * digit. Nothing but zeros is what is typed where no number is known.
 */
static const char *imei_check(cw_str text, struct cw_arena *arena, cw_str *value)
{
    enum { DEVICE = 14, WHOLE = 15, WITH_VERSION = 16 };
    bool nought = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return "bad_characters";
        nought = nought && (i >= DEVICE || text.ptr[i] == '0');
    }
    if (text.len < DEVICE || text.len > WITH_VERSION)
        return "bad_length";
    if (nought)
        return "placeholder";
    cw_str device = { text.ptr, DEVICE };
    char digit = luhn_digit(device);
    if (text.len == WHOLE && text.ptr[DEVICE] != digit)
        return "check_digit";
    *value = text.len == WHOLE ? text : cw_arena_printf(arena, "%.*s%c", CW_STR_ARG(device), digit);
    return NULL;
}

static const char *phone_check(cw_str text, cw_str issuer, struct cw_arena *arena, cw_str *value)
{
    cw_str country = absent;
    if (issuer.len != 0) {
        /* A hint only: a number that says its country needs none, so a bad one is no fault here. */
        static const struct cw_id_kind hint = { 0 };
        if (issuer_check(&hint, issuer, arena, &country) != NULL)
            country = absent;
    }
    return cw_phone_check(text, country, arena, value);
}

const char *cw_identifier_check_of(const struct cw_id_kind *kind, bool organisation, cw_str value,
                                   cw_str issuer, struct cw_arena *arena, cw_str *canonical_value,
                                   cw_str *canonical_issuer)
{
    *canonical_value = value;
    *canonical_issuer = absent;
    if (kind == NULL)
        return "unknown_kind";
    if (value.len > CW_IDENTIFIER_STATED_MAX)
        return "bad_length";
    /* What is capitals and digits already stays as it is through all of the following. */
    bool plain = plain_check(value) == NULL;
    cw_str text = value;
    if (!plain && !to_ascii(value, arena, &text))
        return "bad_characters";
    if (!plain)
        text = trim(text);
    if (kind->number == PHONE)
        return phone_check(text, issuer, arena, canonical_value);

    cw_str compact = text;
    if (!plain) {
        text = to_upper(text, arena);
        if (kind->number == PASSPORT || kind->number == IDENTITY_CARD)
            text = without_filling(text);
        compact = without_separators(text, arena);
    }
    if (kind->scoped) {
        const char *fault = issuer_check(kind, issuer, arena, canonical_issuer);
        if (fault != NULL)
            return fault;
    }
    if (kind->number == NATIONAL_ID && !organisation)
        return cw_national_id_check(*canonical_issuer, text, compact, arena, canonical_value);
    if (kind->number == IMEI)
        return imei_check(compact, arena, canonical_value);
    const char *fault = plain ? NULL : plain_check(compact);
    if (fault == NULL && kind->number == IBAN)
        fault = cw_iban_check(compact);
    if (fault == NULL)
        *canonical_value = compact;
    return fault;
}

const char *cw_identifier_check(const struct cw_id_kind *kind, cw_str value, cw_str issuer,
                                struct cw_arena *arena, cw_str *canonical_value,
                                cw_str *canonical_issuer)
{
    return cw_identifier_check_of(kind, false, value, issuer, arena, canonical_value,
                                  canonical_issuer);
}

cw_str cw_identifier_text(cw_str issuer, cw_str value, struct cw_arena *arena)
{
    if (issuer.len == 0)
        return value;
    size_t len = issuer.len + 1 + value.len;
    char *text = cw_arena_alloc(arena, len + 1);
    memcpy(text, issuer.ptr, issuer.len);
    text[issuer.len] = ':';
    if (value.len != 0)
        memcpy(text + issuer.len + 1, value.ptr, value.len);
    return (cw_str){ text, len };
}

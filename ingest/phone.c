/*
 * phone.c - a telephone number as people write it, to E.164: + and at most 15 digits.
 *
 * A number is valid if its country code is one and its length is one of that country's plan;
 * whether it is in service, only the network knows. A number without its country is none: the same
 * digits ring in many.
 */
#include <stdio.h>

#include "ingest/identifier_parts.h"

enum { DIGITS_MAX = 24, E164_MAX = 15, INTERNATIONAL_011_MIN = 10 };

struct plan {
    const char *country; /* alpha-2; empty for services without one */
    uint16_t code;
    const char *trunk; /* dialled before a national number inside the country */
    uint32_t lengths;  /* bit n: national numbers of n digits exist */
};

#define L(from, to) ((UINT32_C(2) << (to)) - (UINT32_C(1) << (from)))

/* clang-format off */
/* By code. Lengths and trunks follow the national numbering plans that the ITU publishes, as the
 * metadata of libphonenumber (Apache-2.0) sums them up. */
static const struct plan plans[] = {
    { "AG", 1, "1", L(10, 10) }, { "AI", 1, "1", L(10, 10) }, { "AS", 1, "1", L(10, 10) },
    { "BB", 1, "1", L(10, 10) }, { "BM", 1, "1", L(10, 10) }, { "BS", 1, "1", L(10, 10) },
    { "CA", 1, "1", L(7, 7) | L(10, 10) }, { "DM", 1, "1", L(10, 10) }, { "DO", 1, "1", L(10, 10) },
    { "GD", 1, "1", L(10, 10) }, { "GU", 1, "1", L(10, 10) }, { "JM", 1, "1", L(10, 10) },
    { "KN", 1, "1", L(10, 10) }, { "KY", 1, "1", L(10, 10) }, { "LC", 1, "1", L(10, 10) },
    { "MP", 1, "1", L(10, 10) }, { "MS", 1, "1", L(10, 10) }, { "PR", 1, "1", L(10, 10) },
    { "SX", 1, "1", L(10, 10) }, { "TC", 1, "1", L(10, 10) }, { "TT", 1, "1", L(10, 10) },
    { "US", 1, "1", L(10, 10) }, { "VC", 1, "1", L(10, 10) }, { "VG", 1, "1", L(10, 10) },
    { "VI", 1, "1", L(10, 10) }, { "KZ", 7, "8", L(10, 10) | L(14, 14) },
    { "RU", 7, "8", L(10, 10) | L(14, 14) }, { "EG", 20, "0", L(8, 10) },
    { "ZA", 27, "0", L(5, 10) }, { "GR", 30, "", L(10, 12) }, { "NL", 31, "0", L(5, 11) },
    { "BE", 32, "0", L(8, 9) }, { "FR", 33, "0", L(9, 9) }, { "ES", 34, "", L(9, 9) },
    { "HU", 36, "06", L(8, 9) }, { "IT", 39, "", L(6, 12) }, { "VA", 39, "", L(6, 12) },
    { "RO", 40, "0", L(6, 6) | L(9, 9) }, { "CH", 41, "0", L(9, 9) | L(12, 12) },
    { "AT", 43, "0", L(4, 13) }, { "GB", 44, "0", L(7, 7) | L(9, 10) },
    { "GG", 44, "0", L(7, 7) | L(9, 10) }, { "IM", 44, "0", L(10, 10) },
    { "JE", 44, "0", L(10, 10) }, { "DK", 45, "", L(8, 8) },
    { "SE", 46, "0", L(6, 10) | L(12, 12) }, { "NO", 47, "", L(5, 5) | L(8, 8) },
    { "SJ", 47, "", L(5, 5) | L(8, 8) }, { "PL", 48, "", L(6, 10) }, { "DE", 49, "0", L(4, 15) },
    { "PE", 51, "0", L(8, 9) }, { "MX", 52, "", L(10, 10) }, { "CU", 53, "0", L(6, 8) | L(10, 10) },
    { "AR", 54, "0", L(10, 11) }, { "BR", 55, "0", L(8, 11) }, { "CL", 56, "", L(9, 11) },
    { "CO", 57, "0", L(8, 8) | L(10, 11) }, { "VE", 58, "0", L(10, 10) },
    { "MY", 60, "0", L(8, 10) }, { "AU", 61, "0", L(5, 10) | L(12, 12) },
    { "CC", 61, "0", L(6, 10) | L(12, 12) }, { "CX", 61, "0", L(6, 10) | L(12, 12) },
    { "ID", 62, "0", L(7, 17) }, { "PH", 63, "0", L(6, 6) | L(8, 13) }, { "NZ", 64, "0", L(5, 10) },
    { "SG", 65, "", L(8, 8) | L(10, 11) }, { "TH", 66, "0", L(8, 10) | L(13, 13) },
    { "JP", 81, "0", L(8, 17) }, { "KR", 82, "0", L(5, 6) | L(8, 14) }, { "VN", 84, "0", L(7, 10) },
    { "CN", 86, "0", L(7, 12) }, { "TR", 90, "0", L(7, 7) | L(10, 10) | L(12, 13) },
    { "IN", 91, "0", L(8, 13) }, { "PK", 92, "0", L(8, 12) }, { "AF", 93, "0", L(9, 9) },
    { "LK", 94, "0", L(9, 9) }, { "MM", 95, "0", L(6, 10) }, { "IR", 98, "0", L(4, 7) | L(10, 10) },
    { "SS", 211, "0", L(9, 9) }, { "EH", 212, "0", L(9, 9) }, { "MA", 212, "0", L(9, 9) },
    { "DZ", 213, "0", L(8, 9) }, { "TN", 216, "", L(8, 8) }, { "LY", 218, "0", L(9, 9) },
    { "GM", 220, "", L(7, 7) | L(9, 9) }, { "SN", 221, "", L(9, 9) }, { "MR", 222, "", L(8, 8) },
    { "ML", 223, "", L(8, 8) }, { "GN", 224, "", L(8, 9) }, { "CI", 225, "", L(10, 10) },
    { "BF", 226, "", L(8, 8) }, { "NE", 227, "", L(8, 8) }, { "TG", 228, "", L(8, 8) },
    { "BJ", 229, "", L(10, 10) }, { "MU", 230, "", L(7, 8) | L(10, 10) },
    { "LR", 231, "0", L(7, 9) }, { "SL", 232, "0", L(8, 8) }, { "GH", 233, "0", L(8, 9) },
    { "NG", 234, "0", L(10, 14) }, { "TD", 235, "", L(8, 8) }, { "CF", 236, "", L(8, 8) },
    { "CM", 237, "", L(8, 9) }, { "CV", 238, "", L(7, 7) }, { "ST", 239, "", L(7, 7) },
    { "GQ", 240, "", L(9, 9) }, { "GA", 241, "", L(7, 8) }, { "CG", 242, "", L(9, 9) },
    { "CD", 243, "0", L(7, 10) }, { "AO", 244, "", L(9, 9) }, { "GW", 245, "", L(7, 7) | L(9, 9) },
    { "IO", 246, "", L(7, 7) }, { "AC", 247, "", L(5, 6) }, { "SC", 248, "", L(7, 7) },
    { "SD", 249, "0", L(9, 9) }, { "RW", 250, "0", L(8, 9) }, { "ET", 251, "0", L(9, 9) },
    { "SO", 252, "0", L(6, 9) }, { "DJ", 253, "", L(8, 8) }, { "KE", 254, "0", L(7, 10) },
    { "TZ", 255, "0", L(9, 9) }, { "UG", 256, "0", L(9, 9) }, { "BI", 257, "", L(8, 8) },
    { "MZ", 258, "", L(8, 9) }, { "ZM", 260, "0", L(9, 9) }, { "MG", 261, "0", L(9, 9) },
    { "RE", 262, "0", L(9, 9) }, { "YT", 262, "0", L(9, 9) },
    { "ZW", 263, "0", L(7, 7) | L(9, 10) }, { "NA", 264, "0", L(8, 9) },
    { "MW", 265, "0", L(7, 7) | L(9, 9) }, { "LS", 266, "", L(8, 8) },
    { "BW", 267, "", L(7, 8) | L(10, 10) }, { "SZ", 268, "", L(8, 9) }, { "KM", 269, "", L(7, 7) },
    { "SH", 290, "", L(4, 5) }, { "TA", 290, "", L(4, 4) }, { "ER", 291, "0", L(7, 7) },
    { "AW", 297, "", L(7, 7) }, { "FO", 298, "", L(6, 6) }, { "GL", 299, "", L(6, 6) },
    { "GI", 350, "", L(8, 8) }, { "PT", 351, "", L(9, 9) }, { "LU", 352, "", L(4, 11) },
    { "IE", 353, "0", L(7, 10) }, { "IS", 354, "", L(7, 7) | L(9, 9) }, { "AL", 355, "0", L(6, 9) },
    { "MT", 356, "", L(8, 8) }, { "CY", 357, "", L(8, 8) }, { "AX", 358, "0", L(5, 12) },
    { "FI", 358, "0", L(5, 12) }, { "BG", 359, "0", L(6, 9) | L(12, 12) },
    { "LT", 370, "0", L(8, 8) }, { "LV", 371, "", L(8, 8) }, { "EE", 372, "", L(7, 8) | L(10, 10) },
    { "MD", 373, "0", L(8, 8) }, { "AM", 374, "0", L(8, 8) }, { "BY", 375, "80", L(9, 9) },
    { "AD", 376, "", L(6, 6) | L(8, 9) }, { "MC", 377, "0", L(8, 9) },
    { "SM", 378, "", L(8, 8) | L(10, 10) }, { "UA", 380, "0", L(9, 10) },
    { "RS", 381, "0", L(6, 12) }, { "ME", 382, "0", L(8, 9) }, { "XK", 383, "0", L(8, 12) },
    { "HR", 385, "0", L(7, 9) }, { "SI", 386, "0", L(5, 8) }, { "BA", 387, "0", L(8, 9) },
    { "MK", 389, "0", L(8, 8) }, { "CZ", 420, "", L(9, 12) }, { "SK", 421, "0", L(6, 7) | L(9, 9) },
    { "LI", 423, "0", L(7, 7) | L(9, 9) }, { "FK", 500, "", L(5, 5) },
    { "BZ", 501, "", L(7, 7) | L(11, 11) }, { "GT", 502, "", L(8, 8) | L(11, 11) },
    { "SV", 503, "", L(7, 8) | L(11, 11) }, { "HN", 504, "", L(8, 8) | L(11, 11) },
    { "NI", 505, "", L(8, 8) }, { "CR", 506, "", L(8, 8) | L(10, 10) },
    { "PA", 507, "", L(7, 8) | L(10, 11) }, { "PM", 508, "0", L(6, 6) | L(9, 9) },
    { "HT", 509, "", L(8, 8) }, { "BL", 590, "0", L(9, 9) }, { "GP", 590, "0", L(9, 9) },
    { "MF", 590, "0", L(9, 9) }, { "BO", 591, "0", L(8, 9) }, { "GY", 592, "", L(7, 7) },
    { "EC", 593, "0", L(8, 11) }, { "GF", 594, "0", L(9, 9) }, { "PY", 595, "0", L(6, 11) },
    { "MQ", 596, "0", L(9, 9) }, { "SR", 597, "", L(6, 7) }, { "UY", 598, "0", L(4, 13) },
    { "BQ", 599, "", L(7, 7) }, { "CW", 599, "", L(7, 8) }, { "TL", 670, "", L(7, 8) },
    { "NF", 672, "", L(6, 6) }, { "BN", 673, "", L(7, 7) }, { "NR", 674, "", L(7, 7) },
    { "PG", 675, "", L(7, 8) }, { "TO", 676, "", L(5, 5) | L(7, 7) },
    { "SB", 677, "", L(5, 5) | L(7, 7) }, { "VU", 678, "", L(5, 5) | L(7, 7) },
    { "FJ", 679, "", L(7, 7) | L(11, 11) }, { "PW", 680, "", L(7, 7) },
    { "WF", 681, "", L(6, 6) | L(9, 9) }, { "CK", 682, "", L(5, 5) },
    { "NU", 683, "", L(4, 4) | L(7, 7) }, { "WS", 685, "", L(5, 7) | L(10, 10) },
    { "KI", 686, "0", L(5, 5) | L(8, 8) }, { "NC", 687, "", L(6, 6) }, { "TV", 688, "", L(5, 7) },
    { "PF", 689, "", L(6, 6) | L(8, 9) }, { "TK", 690, "", L(4, 7) }, { "FM", 691, "", L(7, 7) },
    { "MH", 692, "1", L(7, 7) }, { "", 800, "", L(8, 8) }, { "", 808, "", L(8, 8) },
    { "KP", 850, "0", L(8, 8) | L(10, 10) }, { "HK", 852, "", L(5, 9) | L(11, 11) },
    { "MO", 853, "", L(7, 8) }, { "KH", 855, "0", L(8, 10) }, { "LA", 856, "0", L(8, 10) },
    { "", 870, "", L(9, 9) | L(12, 12) }, { "", 878, "", L(12, 12) }, { "BD", 880, "0", L(6, 10) },
    { "", 881, "", L(9, 10) }, { "", 882, "", L(7, 12) }, { "", 883, "", L(8, 12) },
    { "TW", 886, "0", L(7, 11) }, { "", 888, "", L(11, 11) },
    { "MV", 960, "", L(7, 7) | L(10, 10) }, { "LB", 961, "0", L(7, 8) },
    { "JO", 962, "0", L(8, 9) }, { "SY", 963, "0", L(8, 9) }, { "IQ", 964, "0", L(8, 10) },
    { "KW", 965, "", L(7, 8) }, { "SA", 966, "0", L(9, 10) }, { "YE", 967, "0", L(7, 9) },
    { "OM", 968, "", L(7, 9) }, { "PS", 970, "0", L(8, 10) }, { "AE", 971, "0", L(5, 12) },
    { "IL", 972, "0", L(7, 12) }, { "BH", 973, "", L(8, 8) },
    { "QA", 974, "", L(7, 9) | L(11, 11) }, { "BT", 975, "", L(7, 8) },
    { "MN", 976, "0", L(8, 10) }, { "NP", 977, "0", L(8, 8) | L(10, 11) }, { "", 979, "", L(9, 9) },
    { "TJ", 992, "", L(9, 9) }, { "TM", 993, "8", L(8, 8) }, { "AZ", 994, "0", L(9, 9) },
    { "GE", 995, "0", L(9, 9) }, { "KG", 996, "0", L(9, 10) }, { "UZ", 998, "", L(9, 9) },
};
/* clang-format on */

enum { PLAN_COUNT = sizeof(plans) / sizeof(plans[0]) };

static const struct plan *plan_of_country(cw_str country)
{
    for (size_t i = 0; country.len != 0 && i < PLAN_COUNT; i++) {
        if (cw_str_is(country, plans[i].country))
            return &plans[i];
    }
    return NULL;
}

/* The first plan of a code, or NULL. */
static const struct plan *plan_of_code(unsigned code)
{
    size_t low = 0;
    size_t high = PLAN_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (plans[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < PLAN_COUNT && plans[low].code == code ? &plans[low] : NULL;
}

static bool length_fits(uint32_t lengths, size_t len)
{
    return len <= E164_MAX && (lengths >> len & 1) != 0;
}

struct number {
    char digits[DIGITS_MAX];
    size_t len;
    bool international; /* a + stood before it */
};

static bool starts_with(cw_str text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

/* True where what follows the number proper is an extension: x12, ext. 12, #12, ;ext=12, ,12 */
static bool extension_begins(cw_str rest)
{
    switch (rest.ptr[0]) {
    case 'x':
    case 'X':
    case '#':
    case ';':
    case ',':
        return true;
    default:
        return starts_with(rest, "ext") || starts_with(rest, "Ext") || starts_with(rest, "EXT");
    }
}

/* The digits, without what people write between them. */
static const char *read_digits(cw_str text, struct number *out)
{
    *out = (struct number){ .len = 0 };
    if (starts_with(text, "tel:") || starts_with(text, "TEL:"))
        text = (cw_str){ text.ptr + 4, text.len - 4 };
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        cw_str rest = { text.ptr + i, text.len - i };
        if (c >= '0' && c <= '9') {
            if (out->len == DIGITS_MAX)
                return "bad_length";
            out->digits[out->len++] = c;
        } else if (c == '+' && out->len == 0 && !out->international) {
            out->international = true;
        } else if (out->international && starts_with(rest, "(0)")) {
            i += 2; /* +44 (0)20 …: the trunk that callers from abroad leave out */
        } else if (out->len > 0 && extension_begins(rest)) {
            break;
        } else if (c == 0 || strchr(" \t-./_()", c) == NULL) {
            return "bad_characters";
        }
    }
    return out->len > 0 ? NULL : "bad_length";
}

static void drop(struct number *number, size_t count)
{
    memmove(number->digits, number->digits + count, number->len - count);
    number->len -= count;
}

static bool has_prefix(const struct number *number, const char *prefix)
{
    return starts_with((cw_str){ number->digits, number->len }, prefix);
}

/* 00 and, from North America, 011. Elsewhere 011 may begin a national number (Leeds, Delhi, São
 * Paulo): without a hint it counts only where too much follows for one of those. */
static void strip_exit_code(struct number *number, const struct plan *hint)
{
    size_t count = 0;
    if (has_prefix(number, "00"))
        count = 2;
    else if (has_prefix(number, "011") &&
             (hint != NULL ? hint->code == 1 : number->len - 3 >= INTERNATIONAL_011_MIN))
        count = 3;
    if (count == 0)
        return;
    drop(number, count);
    number->international = true;
}

/* A national number under the plan of its country, to international form. */
static const char *add_country(struct number *number, const struct plan *plan)
{
    char code[8];
    int code_len = snprintf(code, sizeof(code), "%u", (unsigned)plan->code);
    size_t trunk_len = strlen(plan->trunk);
    bool fits = length_fits(plan->lengths, number->len);
    if (trunk_len > 0 && has_prefix(number, plan->trunk) && (plan->trunk[0] == '0' || !fits)) {
        drop(number, trunk_len);
    } else if (!fits && has_prefix(number, code) &&
               length_fits(plan->lengths, number->len - (size_t)code_len)) {
        return NULL; /* written with its code, without the + */
    }
    if (number->len + (size_t)code_len > DIGITS_MAX)
        return "bad_length";
    memmove(number->digits + code_len, number->digits, number->len);
    memcpy(number->digits, code, (size_t)code_len);
    number->len += (size_t)code_len;
    return NULL;
}

/* Codes are free of prefixes of each other, so the first that is one is the one. */
static const char *check_international(struct number *number)
{
    const struct plan *plan = NULL;
    size_t code_len = 0;
    unsigned code = 0;
    while (plan == NULL && code_len < 3 && code_len < number->len && number->digits[0] != '0') {
        code = code * 10 + (unsigned)(number->digits[code_len++] - '0');
        plan = plan_of_code(code);
    }
    if (plan == NULL)
        return "unknown_country";
    /* A trunk 0 that stayed behind the code, where no national number begins with one. */
    size_t zeros = code_len;
    while (strcmp(plan->trunk, "0") == 0 && zeros < number->len && number->digits[zeros] == '0')
        zeros++;
    memmove(number->digits + code_len, number->digits + zeros, number->len - zeros);
    number->len -= zeros - code_len;
    uint32_t lengths = 0;
    for (; plan < plans + PLAN_COUNT && plan->code == code; plan++)
        lengths |= plan->lengths;
    bool fits = number->len <= E164_MAX && length_fits(lengths, number->len - code_len);
    return fits ? NULL : "bad_length";
}

const char *cw_phone_check(cw_str stated, cw_str country, struct cw_arena *arena, cw_str *out)
{
    struct number number;
    const char *fault = read_digits(stated, &number);
    if (fault != NULL)
        return fault;
    const struct plan *hint = plan_of_country(country);
    if (!number.international)
        strip_exit_code(&number, hint);
    if (!number.international) {
        if (country.len == 0)
            return "no_country_code";
        if (hint == NULL)
            return "unknown_country";
        fault = add_country(&number, hint);
    }
    if (fault == NULL)
        fault = check_international(&number);
    if (fault == NULL)
        *out = cw_arena_printf(arena, "+%.*s", (int)number.len, number.digits);
    return fault;
}

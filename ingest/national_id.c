/*
 * national_id.c - a person's number, by the plans of the countries that put a check into it.
 *
 * Only what the plan's check and length say is enforced: of a birth date inside a number too little
 * is sure (months beyond 12 mark women, foreigners, centuries or exhausted days). Other countries:
 * letters and digits, 1 to 40 of them.
 */
#include "ingest/identifier_parts.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return false;
    }
    return true;
}

/* Digits, exactly that many. */
static const char *digits_check(cw_str text, size_t len)
{
    if (text.len != len)
        return "bad_length";
    return all_digits(text) ? NULL : "bad_characters";
}

/* The sum of the first digits, each times its weight: '2' is 2, 'A' is 10. */
static int weighted(cw_str text, const char *weights)
{
    int sum = 0;
    for (size_t i = 0; weights[i] != '\0'; i++)
        sum += (text.ptr[i] - '0') * (weights[i] <= '9' ? weights[i] - '0' : weights[i] - 'A' + 10);
    return sum;
}

static int64_t number(cw_str text)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

static const char *verdict(bool right)
{
    return right ? NULL : "check_digit";
}

/* Romania: CNP. */
static const char *check_ro(cw_str text)
{
    const char *fault = digits_check(text, 13);
    if (fault != NULL)
        return fault;
    int check = weighted(text, "279146358279") % 11;
    return verdict(text.ptr[12] - '0' == (check == 10 ? 1 : check));
}

/* Bulgaria: EGN. */
static const char *check_bg(cw_str text)
{
    const char *fault = digits_check(text, 10);
    if (fault != NULL)
        return fault;
    return verdict(text.ptr[9] - '0' == weighted(text, "2485A9736") % 11 % 10);
}

/* Poland: PESEL. */
static const char *check_pl(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    return verdict((weighted(text, "1379137913") + text.ptr[10] - '0') % 10 == 0);
}

/* Estonia, Lithuania: isikukood, asmens kodas. */
static const char *check_ee(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    int check = weighted(text, "1234567891") % 11;
    if (check == 10)
        check = weighted(text, "3456789123") % 11 % 10;
    return verdict(text.ptr[10] - '0' == check);
}

/* Croatia: OIB (ISO 7064, mod 11,10). */
static const char *check_hr(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    int product = 10;
    for (size_t i = 0; i < 10; i++) {
        int sum = (product + text.ptr[i] - '0') % 10;
        product = (sum != 0 ? sum : 10) * 2 % 11;
    }
    return verdict((product + text.ptr[10] - '0') % 10 == 1);
}

/* Norway: fødselsnummer, and the D-number, which differs in the day only. */
static const char *check_no(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    return verdict((weighted(text, "376189452") + text.ptr[9] - '0') % 11 == 0 &&
                   (weighted(text, "5432765432") + text.ptr[10] - '0') % 11 == 0);
}

/* Brazil: CPF. */
static const char *check_br(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    int first = (11 - weighted(text, "A98765432") % 11) % 11 % 10;
    int second = (11 - weighted(text, "BA98765432") % 11) % 11 % 10;
    return verdict(text.ptr[9] - '0' == first && text.ptr[10] - '0' == second);
}

/* Turkey: T.C. kimlik numarası. */
static const char *check_tr(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    int odd = weighted(text, "101010101");
    int even = weighted(text, "01010101");
    int tenth = ((7 * odd - even) % 10 + 10) % 10;
    return verdict(text.ptr[0] != '0' && text.ptr[9] - '0' == tenth &&
                   text.ptr[10] - '0' == (odd + even + tenth) % 10);
}

/* Belgium: rijksregisternummer, numéro national; from 2000 on with a 2 before the nine digits. */
static const char *check_be(cw_str text)
{
    const char *fault = digits_check(text, 11);
    if (fault != NULL)
        return fault;
    int64_t nine = number((cw_str){ text.ptr, 9 });
    int64_t check = number((cw_str){ text.ptr + 9, 2 });
    return verdict(check == 97 - nine % 97 || check == 97 - (nine + 2000000000) % 97);
}

/* France: NIR. Corsica's departments 2A and 2B count as 19 and 18. */
static const char *check_fr(cw_str text)
{
    char digits[13];
    if (text.len != 15)
        return "bad_length";
    memcpy(digits, text.ptr, sizeof(digits));
    if (digits[5] == '2' && (digits[6] == 'A' || digits[6] == 'B')) {
        digits[5] = '1';
        digits[6] = digits[6] == 'A' ? '9' : '8';
    }
    cw_str thirteen = { digits, sizeof(digits) };
    cw_str key = { text.ptr + 13, 2 };
    if (!all_digits(thirteen) || !all_digits(key))
        return "bad_characters";
    return verdict(number(key) == 97 - number(thirteen) % 97);
}

/* Spain: DNI, and NIE with X, Y, Z for 0, 1, 2 in front. */
static const char *check_es(cw_str text)
{
    char digits[8];
    if (text.len != 9)
        return "bad_length";
    memcpy(digits, text.ptr, sizeof(digits));
    if (digits[0] >= 'X' && digits[0] <= 'Z')
        digits[0] = (char)(digits[0] - 'X' + '0');
    cw_str eight = { digits, sizeof(digits) };
    if (!all_digits(eight) || is_digit(text.ptr[8]))
        return "bad_characters";
    return verdict(text.ptr[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[number(eight) % 23]);
}

/* Italy: codice fiscale. Where two persons would have one, letters stand for digits; the check is
 * over the characters as they stand. */
static const char *check_it(cw_str text)
{
    static const char odd_values[] = { 1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                       20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23 };
    if (text.len != 16)
        return "bad_length";
    int sum = 0;
    for (size_t i = 0; i < 15; i++) {
        char c = text.ptr[i];
        bool letter_place = i < 6 || i == 8 || i == 11;
        if (letter_place && is_digit(c))
            return "bad_characters";
        int value = is_digit(c) ? c - '0' : c - 'A';
        sum += i % 2 == 0 ? odd_values[value] : value;
    }
    return verdict(text.ptr[15] == 'A' + sum % 26);
}

/* The United States: SSN, which has no check digit; but less than nine digits, as some write it, is
 * one of ten thousand people, and these areas, groups and serials were never given. */
static const char *check_us(cw_str text)
{
    const char *fault = digits_check(text, 9);
    if (fault != NULL)
        return fault;
    bool given = memcmp(text.ptr, "000", 3) != 0 && memcmp(text.ptr, "666", 3) != 0 &&
                 memcmp(text.ptr + 3, "00", 2) != 0 && memcmp(text.ptr + 5, "0000", 4) != 0;
    return given ? NULL : "never_issued";
}

/* Chile: RUT. */
static const char *check_cl(cw_str text)
{
    if (text.len < 8 || text.len > 9)
        return "bad_length";
    if (!all_digits((cw_str){ text.ptr, text.len - 1 }))
        return "bad_characters";
    int sum = 0;
    for (size_t i = 0; i + 1 < text.len; i++)
        sum += (text.ptr[text.len - 2 - i] - '0') * (int)(i % 6 + 2);
    return verdict(text.ptr[text.len - 1] == "0123456789K"[(11 - sum % 11) % 11]);
}

/* The Netherlands: BSN, nine digits, of which an old one may have lost the first 0. */
static const char *check_nl(cw_str text, struct cw_arena *arena, cw_str *out)
{
    if (text.len == 8)
        text = cw_arena_printf(arena, "0%.*s", CW_STR_ARG(text));
    const char *fault = digits_check(text, 9);
    if (fault != NULL)
        return fault;
    *out = text;
    int sum = weighted(text, "98765432") - (text.ptr[8] - '0');
    return verdict(sum % 11 == 0 && number(text) != 0);
}

/* Finland: HETU. The sign between date and number is the century and belongs to it; - (and its
 * letters, of which every later number has its own) is left out as any dash is. */
static const char *check_fi(cw_str stated, struct cw_arena *arena, cw_str *out)
{
    char digits[9];
    char text[11];
    if (stated.len == 10) {
        memcpy(text, stated.ptr, 6);
        text[6] = '-';
        memcpy(text + 7, stated.ptr + 6, 4);
    } else if (stated.len == 11) {
        memcpy(text, stated.ptr, 11);
    } else {
        return "bad_length";
    }
    char sign = text[6];
    memcpy(digits, text, 6);
    memcpy(digits + 6, text + 7, 3);
    cw_str nine = { digits, sizeof(digits) };
    if (!all_digits(nine) || sign == '\0' || strchr("+-ABCDEFUVWXY", sign) == NULL)
        return "bad_characters";
    if (text[10] != "0123456789ABCDEFHJKLMNPRSTUVWXY"[number(nine) % 31])
        return "check_digit";
    size_t head = sign == '-' ? 6 : 7;
    char *copy = cw_arena_alloc(arena, sizeof(text));
    memcpy(copy, text, head);
    memcpy(copy + head, text + 7, 4);
    *out = (cw_str){ copy, head + 4 };
    return NULL;
}

/* Sweden: personnummer, and the samordningsnummer, which differs in the day only. Ten digits are
 * the canonical form: which century they mean, only a clock could tell, and a number that is
 * written with its century by one agency and without by another must meet itself. */
static const char *check_se(cw_str text, cw_str *out)
{
    if (text.len != 10 && text.len != 12)
        return "bad_length";
    if (!all_digits(text))
        return "bad_characters";
    *out = (cw_str){ text.ptr + text.len - 10, 10 };
    int sum = 0;
    for (size_t i = 0; i < 10; i++) {
        int value = (out->ptr[i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += value / 10 + value % 10;
    }
    return verdict(sum % 10 == 0);
}

static const struct {
    const char *country;
    const char *(*check)(cw_str text);
} plans[] = {
    { "BE", check_be }, { "BG", check_bg }, { "BR", check_br }, { "CL", check_cl },
    { "EE", check_ee }, { "ES", check_es }, { "FR", check_fr }, { "HR", check_hr },
    { "IT", check_it }, { "LT", check_ee }, { "NO", check_no }, { "PL", check_pl },
    { "RO", check_ro }, { "TR", check_tr }, { "US", check_us },
};

static cw_str without(cw_str text, char sign, struct cw_arena *arena)
{
    if (text.len == 0 || memchr(text.ptr, sign, text.len) == NULL)
        return text;
    char *copy = cw_arena_alloc(arena, text.len + 1);
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != sign)
            copy[count++] = text.ptr[i];
    }
    return (cw_str){ copy, count };
}

const char *cw_national_id_check(cw_str country, cw_str text, cw_str compact,
                                 struct cw_arena *arena, cw_str *out)
{
    cw_str stated = *out;
    const char *fault = NULL;
    if (cw_str_is(country, "FI"))
        return check_fi(without(text, ' ', arena), arena, out);
    if (cw_str_is(country, "SE"))
        compact = without(compact, '+', arena);

    if (compact.len < 1 || compact.len > CW_IDENTIFIER_MAX)
        return "bad_length";
    for (size_t i = 0; i < compact.len; i++) {
        char c = compact.ptr[i];
        if (!is_digit(c) && (c < 'A' || c > 'Z'))
            return "bad_characters";
    }
    *out = compact;
    if (cw_str_is(country, "NL"))
        fault = check_nl(compact, arena, out);
    else if (cw_str_is(country, "SE"))
        fault = check_se(compact, out);
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        if (cw_str_is(country, plans[i].country))
            fault = plans[i].check(compact);
    }
    if (fault != NULL)
        *out = stated;
    return fault;
}

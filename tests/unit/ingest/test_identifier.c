/*
 * test_identifier.c - canonical forms, check digits, kinds, birth dates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/identifier.h"

static int setup(void **state)
{
    *state = cw_arena_new();
    return 0;
}

static int teardown(void **state)
{
    cw_arena_free(*state);
    return 0;
}

/* "RO:123" where valid, else the fault with a ! before it. */
static const char *check(void **state, const char *kind, const char *issuer, const char *value)
{
    cw_str canonical;
    cw_str canonical_issuer;
    const char *fault = cw_identifier_check(cw_id_kind_by_name(cw_cstr(kind)), cw_cstr(value),
                                            cw_cstr(issuer), *state, &canonical, &canonical_issuer);
    if (fault != NULL)
        return cw_arena_printf(*state, "!%s", fault).ptr;
    cw_str text = cw_identifier_text(canonical_issuer, canonical, *state);
    return cw_arena_copy(*state, text.ptr, text.len).ptr;
}

static void kinds_link_as_the_table_of_kinds_says(void **state)
{
    (void)state;
    static const struct cw_id_kind expected[] = {
        { "national_id", 1, true, false, true, true, 1 },
        { "tax_id", 2, true, false, true, true, 1 },
        { "passport", 3, true, false, true, false, 2 },
        { "driving_licence", 4, true, false, true, false, 2 },
        { "phone", 5, false, false, false, false, 0 },
        { "iban", 6, false, true, true, false, 1 },
        { "account", 7, false, true, true, false, 1 },
        { "imei", 8, false, true, true, false, 1 },
        { "identity_card", 9, true, false, true, false, 2 },
    };
    size_t count;
    const struct cw_id_kind *kinds = cw_id_kinds(&count);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(kinds[i].name, expected[i].name);
        assert_int_equal(kinds[i].number, expected[i].number);
        assert_int_equal(kinds[i].scoped, expected[i].scoped);
        assert_int_equal(kinds[i].of_objects, expected[i].of_objects);
        assert_int_equal(kinds[i].unique, expected[i].unique);
        assert_int_equal(kinds[i].exclusive, expected[i].exclusive);
        assert_int_equal(kinds[i].rank, expected[i].rank);
    }
    assert_null(cw_id_kind_by_name(cw_cstr("vin")));
}

static void separators_and_case_do_not_matter(void **state)
{
    assert_string_equal(check(state, "passport", "RO", " ab-12 3.4/5_6 "), "RO:AB123456");
    assert_string_equal(check(state, "account", "", "12 34-x"), "1234X");
    /* full-width letters, a dash of print, a space that does not break */
    assert_string_equal(check(state, "passport", "RO", "ＡＢ‐１２\u00a0３"), "RO:AB123");
    assert_string_equal(check(state, "passport", "UTO", "L898902C3<<<"), "!bad_issuer");
    assert_string_equal(check(state, "passport", "DEU", "L898902C3<<<"), "DE:L898902C3");
}

static void what_is_no_letter_or_digit_is_a_fault(void **state)
{
    assert_string_equal(check(state, "passport", "RO", "AB:12"), "!bad_characters");
    assert_string_equal(check(state, "passport", "RO", "АБ1234"), "!bad_characters");
    assert_string_equal(check(state, "passport", "RO", ""), "!bad_length");
    assert_string_equal(check(state, "passport", "RO", " - "), "!bad_length");
    assert_string_equal(check(state, "passport", "XX", "0123456789012345678901234567890123456789"),
                        "XX:0123456789012345678901234567890123456789");
    assert_string_equal(check(state, "passport", "XX", "01234567890123456789012345678901234567890"),
                        "!bad_length");
    assert_string_equal(check(state, "vin", "", "1"), "!unknown_kind");
}

static void a_scoped_kind_needs_a_country(void **state)
{
    assert_string_equal(check(state, "national_id", "", "N1"), "!no_issuer");
    assert_string_equal(check(state, "tax_id", " ", "N1"), "!no_issuer");
    assert_string_equal(check(state, "national_id", "XX", "n1"), "XX:N1");
    assert_string_equal(check(state, "passport", "ro", "P1"), "RO:P1");
    assert_string_equal(check(state, "passport", "R0", "P1"), "!bad_issuer");
    assert_string_equal(check(state, "passport", "Romania", "P1"), "!bad_issuer");
    assert_string_equal(check(state, "passport", "RO-B", "P1"), "!bad_issuer");
}

static void codes_of_documents_and_habits_become_alpha_2(void **state)
{
    assert_string_equal(check(state, "passport", "D", "P1"), "DE:P1");
    assert_string_equal(check(state, "passport", "USA", "P1"), "US:P1");
    assert_string_equal(check(state, "passport", "ABW", "P1"), "AW:P1");
    assert_string_equal(check(state, "passport", "ZWE", "P1"), "ZW:P1");
    assert_string_equal(check(state, "passport", "GBO", "P1"), "GB:P1");
    assert_string_equal(check(state, "passport", "RKS", "P1"), "XK:P1");
    assert_string_equal(check(state, "passport", "UK", "P1"), "GB:P1");
    assert_string_equal(check(state, "passport", "UNO", "P1"), "!bad_issuer");
    assert_string_equal(check(state, "passport", "XXA", "P1"), "!bad_issuer");
}

static void a_driving_licence_may_be_of_a_state(void **state)
{
    assert_string_equal(check(state, "driving_licence", "US-NV", "112233"), "US-NV:112233");
    assert_string_equal(check(state, "driving_licence", "usa-nv", "112233"), "US-NV:112233");
    assert_string_equal(check(state, "driving_licence", "RO", "B1"), "RO:B1");
    assert_string_equal(check(state, "driving_licence", "US-", "1"), "!bad_issuer");
    assert_string_equal(check(state, "driving_licence", "US-NEVA", "1"), "!bad_issuer");
    assert_string_equal(check(state, "driving_licence", "US-N V", "1"), "!bad_issuer");
}

static void an_iban_is_of_its_country_s_length_and_of_mod_97(void **state)
{
    assert_string_equal(check(state, "iban", "", "GB82WEST12345698765432"),
                        "GB82WEST12345698765432");
    assert_string_equal(check(state, "iban", "", "gb82 west 1234 5698 7654 32"),
                        "GB82WEST12345698765432");
    assert_string_equal(check(state, "iban", "", "DE89370400440532013000"),
                        "DE89370400440532013000");
    assert_string_equal(check(state, "iban", "", "GB82WEST12345698765433"), "!check_digit");
    assert_string_equal(check(state, "iban", "", "DE89370400440532013001"), "!check_digit");
    assert_string_equal(check(state, "iban", "", "DE8937040044053201300"), "!bad_length");
    assert_string_equal(check(state, "iban", "", "US89370400440532013000"), "!unknown_country");
    assert_string_equal(check(state, "iban", "", "DEX9370400440532013000"), "!bad_characters");
    assert_string_equal(check(state, "iban", "", "DE"), "!bad_length");
    /* an issuer says nothing that the number does not */
    assert_string_equal(check(state, "iban", "GB", "DE89370400440532013000"),
                        "DE89370400440532013000");
}

static void a_phone_is_e164(void **state)
{
    assert_string_equal(check(state, "phone", "", "+40700000001"), "+40700000001");
    assert_string_equal(check(state, "phone", "", "+40 (700) 000-001"), "+40700000001");
    assert_string_equal(check(state, "phone", "", "0040 700 000 001"), "+40700000001");
    assert_string_equal(check(state, "phone", "", "011 40 700 000 001"), "+40700000001");
    assert_string_equal(check(state, "phone", "", "tel:+40-700-000-001"), "+40700000001");
    assert_string_equal(check(state, "phone", "", "+44 (0)20 7946 0958"), "+442079460958");
    assert_string_equal(check(state, "phone", "", "+44 020 7946 0958"), "+442079460958");
    assert_string_equal(check(state, "phone", "", "+39 06 698 1234"), "+39066981234");
    assert_string_equal(check(state, "phone", "", "＋４０700000001"), "+40700000001");
}

static void an_extension_is_no_part_of_a_phone(void **state)
{
    static const char *const ends[] = { "x12", " x 12",   " ext. 12", " Ext 12",
                                        "#12", ";ext=12", ",12" };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char *value = cw_arena_printf(*state, "+12025550123%s", ends[i]).ptr;
        assert_string_equal(check(state, "phone", "", value), "+12025550123");
    }
    assert_string_equal(check(state, "phone", "", "+1202555CALL"), "!bad_characters");
    assert_string_equal(check(state, "phone", "", "x12"), "!bad_characters");
}

static void a_phone_without_its_country_is_none(void **state)
{
    assert_string_equal(check(state, "phone", "", "0700000001"), "!no_country_code");
    assert_string_equal(check(state, "phone", "", "702-919-1300"), "!no_country_code");
    /* numbers of Leeds, Delhi and Malaysia, not of abroad from America */
    assert_string_equal(check(state, "phone", "", "0113 496 0000"), "!no_country_code");
    assert_string_equal(check(state, "phone", "", "011 2345 6789"), "!no_country_code");
    assert_string_equal(check(state, "phone", "", "011-1234 5678"), "!no_country_code");
    assert_string_equal(check(state, "phone", "", ""), "!bad_length");
    assert_string_equal(check(state, "phone", "", "+"), "!bad_length");
    assert_string_equal(check(state, "phone", "", "+4070000000"), "!bad_length");
    assert_string_equal(check(state, "phone", "", "+407000000012"), "!bad_length");
    assert_string_equal(check(state, "phone", "", "+2101234567"), "!unknown_country");
    assert_string_equal(check(state, "phone", "", "+0123456789"), "!unknown_country");
    assert_string_equal(check(state, "phone", "", "1234567890123456789012345"), "!bad_length");
}

static void the_issuer_of_a_phone_is_the_country_it_is_dialled_in(void **state)
{
    assert_string_equal(check(state, "phone", "RO", "0700 000 001"), "+40700000001");
    assert_string_equal(check(state, "phone", "ROU", "700 000 001"), "+40700000001");
    assert_string_equal(check(state, "phone", "RO", "40700000001"), "+40700000001");
    assert_string_equal(check(state, "phone", "DE", "+40700000001"), "+40700000001");
    assert_string_equal(check(state, "phone", "US", "702-919-1300"), "+17029191300");
    assert_string_equal(check(state, "phone", "US", "1 702 919 1300"), "+17029191300");
    assert_string_equal(check(state, "phone", "US", "011 40 700 000 001"), "+40700000001");
    assert_string_equal(check(state, "phone", "GB", "0113 496 0000"), "+441134960000");
    assert_string_equal(check(state, "phone", "IT", "06 698 1234"), "+39066981234");
    assert_string_equal(check(state, "phone", "RU", "8 495 123-45-67"), "+74951234567");
    assert_string_equal(check(state, "phone", "RU", "800 123 45 67"), "+78001234567");
    assert_string_equal(check(state, "phone", "HU", "06 1 234 5678"), "+3612345678");
    assert_string_equal(check(state, "phone", "BY", "8 029 123 45 67"), "+375291234567");
    assert_string_equal(check(state, "phone", "XX", "0700000001"), "!unknown_country");
    assert_string_equal(check(state, "phone", "Romania", "0700000001"), "!no_country_code");
    assert_string_equal(check(state, "phone", "RO", "070000000"), "!bad_length");
}

static json_t *example_phones(void)
{
    char path[4096];
    const char *data = getenv("CROSSWATCH_DATA");
    snprintf(path, sizeof(path), "%s/reference-phones/examples.mobile.json",
             data != NULL ? data : CW_SOURCE_DIR "/../shared/data");
    return json_load_file(path, 0, NULL);
}

/* A national number that begins with a trunk prefix of its own would come out shorter. */
static void a_mobile_number_of_every_country_is_valid_in_three_forms(void **state)
{
    json_t *examples = example_phones();
    if (examples == NULL)
        skip();
    const char *country;
    json_t *example;
    size_t count = 0;
    json_object_foreach(examples, country, example)
    {
        const char *number = json_string_value(example);
        const char *canonical = check(state, "phone", country, number);
        if (canonical[0] != '+')
            fail_msg("%s %s: %s", country, number, canonical);
        assert_string_equal(canonical + strlen(canonical) - strlen(number), number);
        assert_string_equal(check(state, "phone", "", canonical), canonical);
        const char *abroad = cw_arena_printf(*state, "00%s", canonical + 1).ptr;
        assert_string_equal(check(state, "phone", "", abroad), canonical);
        count++;
    }
    json_decref(examples);
    assert_true(count > 200);
}

/* Published examples of each plan: the register's own, or those that validators document. */
static void an_imei_has_fifteen_digits_the_last_of_which_checks_the_others(void **state)
{
    assert_string_equal(check(state, "imei", NULL, "490154203237518"), "490154203237518");
    assert_string_equal(check(state, "imei", NULL, "49-015420-323751-8"), "490154203237518");
    assert_string_equal(check(state, "imei", NULL, "490154203237517"), "!check_digit");
    assert_string_equal(check(state, "imei", NULL, "4901542032375"), "!bad_length");
    assert_string_equal(check(state, "imei", NULL, "49015420323751801"), "!bad_length");
    assert_string_equal(check(state, "imei", NULL, "49015420323751A"), "!bad_characters");
    assert_string_equal(check(state, "imei", NULL, "000000000000000"), "!placeholder");
    assert_string_equal(check(state, "imei", NULL, ""), "!bad_length");
}

/* Without its check digit, and with the version of the software in its place: the same device. */
static void an_imei_of_fourteen_or_sixteen_digits_gets_its_check_digit(void **state)
{
    assert_string_equal(check(state, "imei", NULL, "49015420323751"), "490154203237518");
    assert_string_equal(check(state, "imei", NULL, "4901542032375199"), "490154203237518");
    assert_string_equal(check(state, "imei", NULL, "35 6938 0356 4380"), "356938035643809");
    assert_string_equal(check(state, "imei", NULL, "0000000000000012"), "!placeholder");
}

static void an_identity_card_is_checked_as_a_passport_is(void **state)
{
    assert_string_equal(check(state, "identity_card", "D", "l01x00t47<<"), "DE:L01X00T47");
    assert_string_equal(check(state, "identity_card", "ROU", "RX 123 456"), "RO:RX123456");
    assert_string_equal(check(state, "identity_card", NULL, "RX123456"), "!no_issuer");
}

static void national_numbers_that_are_right_are_valid(void **state)
{
    static const char *const right[][3] = {
        { "RO", "1800101221144", "RO:1800101221144" },
        { "RO", "1630615123457", "RO:1630615123457" },
        { "ES", "54362315-K", "ES:54362315K" },
        { "ES", "x-2482300w", "ES:X2482300W" },
        { "IT", "RCCMNL83S18D969H", "IT:RCCMNL83S18D969H" },
        { "NL", "1112.22.333", "NL:111222333" },
        { "PL", "44051401359", "PL:44051401359" },
        { "FI", "131052-308T", "FI:131052308T" },
        { "FI", "131052308t", "FI:131052308T" },
        { "SE", "880320-0016", "SE:8803200016" },
        { "SE", "19880320-0016", "SE:8803200016" },
        { "SE", "8803200016", "SE:8803200016" },
        { "BE", "85.07.30-033 28", "BE:85073003328" },
        { "FR", "2 95 10 99 126 111 93", "FR:295109912611193" },
        { "BG", "752316 926 3", "BG:7523169263" },
        { "EE", "36805280109", "EE:36805280109" },
        { "LT", "33309240064", "LT:33309240064" },
        { "HR", "33392005961", "HR:33392005961" },
        { "NO", "151086 95088", "NO:15108695088" },
        { "BR", "390.533.447-05", "BR:39053344705" },
        { "TR", "17291716060", "TR:17291716060" },
        { "CL", "12.531.909-2", "CL:125319092" },
        { "US", "294-66-9999", "US:294669999" },
        { "XX", "N1", "XX:N1" },
        { "DE", "T220001293", "DE:T220001293" },
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_string_equal(check(state, "national_id", right[i][0], right[i][1]), right[i][2]);
}

/* One digit more or less in the place of the last one. */
static void national_numbers_with_a_wrong_check_are_not(void **state)
{
    static const char *const wrong[][2] = {
        { "RO", "1800101221145" },    { "ES", "54362315Z" },       { "ES", "X2482300A" },
        { "IT", "RCCMNL83S18D969I" }, { "NL", "111222334" },       { "NL", "000000000" },
        { "PL", "44051401358" },      { "FI", "131052-308U" },     { "SE", "8803200017" },
        { "BE", "85073003329" },      { "FR", "295109912611199" }, { "BG", "7523169264" },
        { "EE", "36805280108" },      { "LT", "33309240065" },     { "HR", "33392005962" },
        { "NO", "15108695077" },      { "BR", "39053344706" },     { "TR", "17291716092" },
        { "CL", "125319093" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_string_equal(check(state, "national_id", wrong[i][0], wrong[i][1]), "!check_digit");
    assert_string_equal(check(state, "national_id", "US", "3241"), "!bad_length");
    assert_string_equal(check(state, "national_id", "US", "000-12-3456"), "!never_issued");
    assert_string_equal(check(state, "national_id", "FI", "131052*308T"), "!bad_characters");
    assert_string_equal(check(state, "national_id", "RO", "180010122114"), "!bad_length");
    assert_string_equal(check(state, "national_id", "RO", "18001012211A4"), "!bad_characters");
}

/* A Finnish number of 1900 and one of 2000 are two persons; the sign is all that tells. */
static void the_century_of_a_finnish_number_belongs_to_it(void **state)
{
    const char *old = check(state, "national_id", "FI", "131052-308T");
    const char *young = check(state, "national_id", "FI", "131052A308T");
    assert_string_equal(young, "FI:131052A308T");
    assert_string_not_equal(old, young);
}

static const char *birth(void **state, const char *text)
{
    cw_str out;
    if (!cw_birth_date(cw_cstr(text), *state, &out))
        return "none";
    return cw_arena_copy(*state, out.ptr, out.len).ptr;
}

static void birth_dates_are_iso_as_far_as_they_are_known(void **state)
{
    assert_string_equal(birth(state, "1980"), "1980");
    assert_string_equal(birth(state, "1980-01"), "1980-01");
    assert_string_equal(birth(state, "1980-01-31"), "1980-01-31");
    assert_string_equal(birth(state, "1979/01/17"), "1979-01-17");
    assert_string_equal(birth(state, "1979.01"), "1979-01");
    assert_string_equal(birth(state, "1980-05-00"), "1980-05");
    assert_string_equal(birth(state, "1980/00/00"), "1980");
    assert_string_equal(birth(state, "2000-02-29"), "2000-02-29");
}

static void impossible_birth_dates_are_refused(void **state)
{
    static const char *const wrong[] = { "",           "19",         "1980-13",    "1980-02-30",
                                         "1900-02-29", "0000-01-01", "1980-00-05", "31-01-1980",
                                         "1980-01/31", "1980-1-1",   "198O-01-01", "1980-01-31T",
                                         "1980 01 31", "19800131" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_string_equal(birth(state, wrong[i]), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_link_as_the_table_of_kinds_says),
        cmocka_unit_test_setup_teardown(separators_and_case_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_letter_or_digit_is_a_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scoped_kind_needs_a_country, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_of_documents_and_habits_become_alpha_2, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_driving_licence_may_be_of_a_state, setup, teardown),
        cmocka_unit_test_setup_teardown(an_iban_is_of_its_country_s_length_and_of_mod_97, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_phone_is_e164, setup, teardown),
        cmocka_unit_test_setup_teardown(an_extension_is_no_part_of_a_phone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_phone_without_its_country_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(the_issuer_of_a_phone_is_the_country_it_is_dialled_in,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_mobile_number_of_every_country_is_valid_in_three_forms,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_imei_has_fifteen_digits_the_last_of_which_checks_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(an_imei_of_fourteen_or_sixteen_digits_gets_its_check_digit,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_identity_card_is_checked_as_a_passport_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(national_numbers_that_are_right_are_valid, setup, teardown),
        cmocka_unit_test_setup_teardown(national_numbers_with_a_wrong_check_are_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_century_of_a_finnish_number_belongs_to_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(birth_dates_are_iso_as_far_as_they_are_known, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(impossible_birth_dates_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_mrz.c - machine-readable zones: what holds, what does not, and what an event gains by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/identifier.h"
#include "ingest/mrz.h"
#include "ingest/normalise.h"
#include "operators/runtime/time.h"

static struct cw_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = cw_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cw_arena_free(arena);
    return 0;
}

static const char *fault_of(const char *text)
{
    struct cw_mrz mrz;
    const char *fault = cw_mrz_read(cw_cstr(text), arena, &mrz);
    return fault != NULL ? fault : "";
}

static void assert_str(cw_str actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.ptr, expected, actual.len);
}

static struct cw_mrz read_mrz(const char *text)
{
    struct cw_mrz mrz;
    const char *fault = cw_mrz_read(cw_cstr(text), arena, &mrz);
    if (fault != NULL)
        fail_msg("%s: %s", fault, text);
    return mrz;
}

/* The specimens of ICAO 9303. */
#define TD3_1 "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
#define TD3_2 "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
#define TD3 TD3_1 "\n" TD3_2
#define TD2 "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
#define TD1                                                                                        \
    "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<" \
    "<<"
#define MRV_A                                                                                      \
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"
#define MRV_B "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<"
/* A German passport of a specimen person. */
#define GERMAN                                                                                     \
    "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<\nC01X0006H1D<<6408125F1710319<<<<<<<<<<<<<<<0"

static void the_specimens_of_all_five_formats_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cw_mrz_format format;
        const char *kind;
        const char *number;
        int year;
    } specimens[] = {
        { TD3, CW_MRZ_TD3, "passport", "L898902C3", 74 },
        { TD2, CW_MRZ_TD2, "identity_card", "D23145890", 74 },
        { TD1, CW_MRZ_TD1, "identity_card", "D23145890", 74 },
        { MRV_A, CW_MRZ_MRV_A, NULL, "L8988901C", 40 },
        { MRV_B, CW_MRZ_MRV_B, NULL, "L8988901C", 40 },
    };
    for (size_t i = 0; i < 5; i++) {
        struct cw_mrz mrz = read_mrz(specimens[i].text);
        assert_int_equal(mrz.format, specimens[i].format);
        assert_str(mrz.issuer, "UTO");
        assert_str(mrz.number, specimens[i].number);
        assert_int_equal(mrz.birth_year, specimens[i].year);
        if (specimens[i].kind == NULL)
            assert_null(mrz.kind);
        else
            assert_string_equal(mrz.kind, specimens[i].kind);
    }
}

static void lines_may_be_joined_by_anything_or_nothing(void **state)
{
    (void)state;
    assert_string_equal(fault_of(TD3_1 TD3_2), "");
    assert_string_equal(fault_of(TD3_1 "\r\n" TD3_2 "\r\n"), "");
    assert_string_equal(fault_of("  p<utoeriksson<<anna<maria<<<<<<<<<<<<<<<<<<< " TD3_2), "");
    assert_string_equal(fault_of("P<UTO\nERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_length");
}

static void one_wrong_digit_anywhere_is_found(void **state)
{
    (void)state;
    size_t tried = 0;
    for (const char *text = GERMAN; text != NULL; text = text[0] == 'P' ? TD1 : NULL) {
        char copy[128];
        snprintf(copy, sizeof(copy), "%s", text);
        for (size_t i = 0; copy[i] != '\0'; i++) {
            char was = copy[i];
            for (char digit = '0'; digit <= '9' && was >= '0' && was <= '9'; digit++) {
                copy[i] = digit;
                assert_string_equal(fault_of(copy), digit == was ? "" : "check_digit");
                tried++;
            }
            copy[i] = was;
        }
    }
    assert_true(tried > 300);
}

static void nothing_is_guessed(void **state)
{
    (void)state;
    /* O for 0 in a date, 0 for O in a name and in a state, no check digit at all */
    assert_string_equal(fault_of(TD3_1 "L898902C36UTO74O8122F1204159ZE184226B<<<<<10"),
                        "bad_characters");
    assert_string_equal(fault_of("P<UTOERIKSS0N<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_characters");
    assert_string_equal(fault_of("P<UT0ERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_characters");
    assert_string_equal(fault_of(TD3_1 "L898902C3<UTO7408122F1204159ZE184226B<<<<<10"),
                        "check_digit");
    assert_string_equal(fault_of(TD3_1 "L898902C36UTO7408122F1204159ZE184226B<<<<<1<"),
                        "check_digit");
    assert_string_equal(fault_of(TD3_1 "L898902C36UTO7408122Q1204159ZE184226B<<<<<10"),
                        "bad_characters");
    assert_string_equal(fault_of(TD3_1 "L898902C36UTO7408122F1204159ZE184226B<<<\xc3\xa9<10"),
                        "bad_characters");
}

static void filler_stands_where_it_may(void **state)
{
    (void)state;
    /* behind a state, never before or within it; at the front of a number never; names not empty */
    assert_string_equal(fault_of("P<<UTERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_characters");
    assert_string_equal(fault_of("P<U<TERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_characters");
    assert_string_equal(fault_of("P<UTO<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_characters");
    assert_string_equal(fault_of(TD3_1 "<L898902C6UTO7408122F1204159ZE184226B<<<<<10"),
                        "bad_characters");
}

static void a_document_has_the_size_of_its_code(void **state)
{
    (void)state;
    assert_string_equal(fault_of(""), "bad_length");
    assert_string_equal(fault_of(TD3_1), "bad_length");
    assert_string_equal(fault_of(TD3 "<"), "bad_length");
    assert_string_equal(fault_of("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" TD3_2),
                        "bad_document");
    assert_string_equal(
        fault_of("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<D231458907UTO7408122F1204159<<<<<<<6"),
        "bad_document");
    char long_text[400];
    memset(long_text, ' ', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    memcpy(long_text, TD3, strlen(TD3));
    assert_string_equal(fault_of(long_text), "bad_length");
}

/* Belgian cards count the filler in between into the check digit or not, by edition. */
static void a_long_number_goes_on_in_the_optional_field(void **state)
{
    (void)state;
    struct cw_mrz mrz = read_mrz("IDBEL000590240<6013<<<<<<<<<<<8512017F1311048BEL851201002007"
                                 "REINARTZ<<ULRIKE<KATIA<E<<<<<<");
    assert_str(mrz.number, "000590240601");
    mrz = read_mrz("IDBEL600001795<0152<<<<<<<<<<<1301014F2311207BEL130101987398"
                   "SPECIMEN<<SPECIMEN<<<<<<<<<<<<");
    assert_str(mrz.number, "600001795015");
    assert_string_equal(fault_of("IDBEL000590240<6016<<<<<<<<<<<8512017F1311048BEL851201002007"
                                 "REINARTZ<<ULRIKE<KATIA<E<<<<<<"),
                        "check_digit");
    assert_string_equal(fault_of("IDBEL000590240<<<<<<<<<<<<<<<<8512017F1311048BEL851201002007"
                                 "REINARTZ<<ULRIKE<KATIA<E<<<<<<"),
                        "check_digit");
}

static int64_t day_of(int year, int month, int day)
{
    return cw_days_from_civil(year, month, day);
}

static void assert_birth(int year, int month, int day, int64_t event, const char *want)
{
    cw_str date;
    const struct cw_mrz mrz = { .birth_year = year, .birth_month = month, .birth_day = day };
    bool known = cw_mrz_birth_date(&mrz, event, arena, &date);
    assert_int_equal(known, want != NULL);
    if (known)
        assert_str(date, want);
}

static void a_birth_lies_in_the_latest_century_that_the_event_allows(void **state)
{
    (void)state;
    int64_t event = day_of(2020, 6, 15);
    assert_birth(74, 8, 12, event, "1974-08-12");
    assert_birth(19, 12, 31, event, "2019-12-31");
    assert_birth(20, 6, 15, event, "2020-06-15"); /* born that day */
    assert_birth(20, 6, 16, event, "1920-06-16");
    assert_birth(20, 7, 0, event, "1920-07");
    assert_birth(20, 6, 0, event, "2020-06");
    assert_birth(20, 0, 0, event, "2020");
    assert_birth(21, 0, 0, event, "1921");
    assert_birth(0, 2, 29, event, "2000-02-29");
    assert_birth(0, 2, 29, day_of(2000, 2, 28), NULL); /* 1900 had none */
    assert_birth(-1, 0, 0, event, NULL);
    assert_birth(74, 8, 12, day_of(50, 1, 1), NULL);
}

static void a_date_that_is_not_known_is_filler_and_an_impossible_one_a_fault(void **state)
{
    (void)state;
    struct cw_mrz mrz =
        read_mrz("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<L8988901C4XXX<<<<<<<F9612109<<<<<<<<");
    assert_int_equal(mrz.birth_year, -1);
    mrz = read_mrz("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<L8988901C4XXX40<<<<8F9612109<<<<<<<<");
    assert_int_equal(mrz.birth_year, 40);
    assert_int_equal(mrz.birth_month, 0);
    assert_string_equal(
        fault_of("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<L8988901C4XXX4013077F9612109<<<<<<<<"),
        "bad_date");
    assert_string_equal(
        fault_of("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<L8988901C4XXX4<<<<<8F9612109<<<<<<<<"),
        "bad_date");
}

/* --- in an event --- */

struct scene {
    struct cw_secret secret;
    struct cw_normaliser *normaliser;
    struct cw_contract *contract;
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX];
    struct cw_part part;
    struct cw_identifier id;
    cw_str birth;
    struct cw_buf body;
    struct cw_normal normal;
    struct cw_event read;
};

static void begin(struct scene *scene, const char *text)
{
    *scene = (struct scene){ 0 };
    cw_secret_init(&scene->secret, cw_cstr("crosswatch-test"));
    scene->normaliser = cw_normaliser_new(&scene->secret);
    scene->contract = cw_contract_default();
    cw_event_defaults(&scene->event);
    scene->event.owner = cw_cstr("RO-IGPR");
    scene->event.event_id = cw_cstr("E-1");
    scene->event.event_type = cw_cstr("online_ad");
    scene->event.event_time = day_of(2020, 6, 15) * CW_DAY;
    scene->event.recorded_at = scene->event.event_time;
    scene->event.detail_type = cw_type_by_name(cw_cstr("online_ad"));
    scene->event.detail = scene->detail;
    scene->id = (struct cw_identifier){ .kind = cw_cstr("mrz"), .value = cw_cstr(text) };
    scene->part = (struct cw_part){
        .role = cw_cstr("subject"), .kind = cw_cstr("person"), .ids = &scene->id, .id_count = 1
    };
    scene->event.parties = &scene->part;
    scene->event.party_count = 1;
}

static const struct cw_part *normalise(struct scene *scene)
{
    struct cw_reason reason = { 0 };
    cw_event_write(&scene->event, &scene->body);
    if (!cw_normalise(scene->normaliser, scene->contract,
                      (cw_str){ (const char *)scene->body.data, scene->body.len }, 0,
                      &scene->normal, &reason))
        fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
    assert_true(cw_event_read(&scene->read, scene->normal.body.ptr, scene->normal.body.len, arena));
    return cw_event_part(&scene->read, 0);
}

static void finish(struct scene *scene)
{
    cw_normaliser_free(scene->normaliser);
    cw_contract_free(scene->contract);
    cw_buf_done(&scene->body);
}

static size_t keys_of_identifiers(const struct scene *scene)
{
    size_t count = 0;
    for (size_t i = 0; i < scene->normal.key_count; i++)
        count += (scene->normal.keys[i].flags & CW_KEY_RECORD) == 0;
    return count;
}

static void a_zone_that_holds_is_the_passport_that_it_states(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GERMAN);
    const struct cw_part *part = normalise(&scene);
    assert_int_equal(part->id_count, 1);
    assert_str(part->ids[0].kind, "passport");
    assert_str(part->ids[0].issuer, "DE");
    assert_str(part->ids[0].value, "C01X0006H");
    assert_str(part->ids[0].stated, GERMAN);
    assert_null(part->ids[0].fault.ptr);
    assert_int_equal(part->birth_date_count, 1);
    assert_str(part->birth_dates[0], "1964-08-12");
    assert_int_equal(keys_of_identifiers(&scene), 1);
    struct cw_id key = scene.normal.keys[1].key;
    assert_true(cw_id_eq(
        key, cw_id_key(&scene.secret, cw_cstr("passport"), cw_cstr("DE"), cw_cstr("C01X0006H"))));
    finish(&scene);
}

static void a_birth_date_that_is_stated_stays_alone(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GERMAN);
    scene.birth = cw_cstr("1964");
    scene.part.birth_dates = &scene.birth;
    scene.part.birth_date_count = 1;
    const struct cw_part *part = normalise(&scene);
    assert_int_equal(part->birth_date_count, 1);
    assert_str(part->birth_dates[0], "1964");
    finish(&scene);
}

static void assert_adds_nothing(const char *text, const char *fault)
{
    struct scene scene;
    begin(&scene, text);
    const struct cw_part *part = normalise(&scene);
    assert_str(part->ids[0].kind, "mrz");
    assert_str(part->ids[0].value, text);
    assert_str(part->ids[0].fault, fault);
    assert_int_equal(part->birth_date_count, 0);
    assert_int_equal(keys_of_identifiers(&scene), 0);
    finish(&scene);
}

static void a_zone_that_does_not_hold_is_kept_and_adds_nothing(void **state)
{
    (void)state;
    assert_adds_nothing("P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<\n"
                        "C01X0006H1D<<6408125F1710319<<<<<<<<<<<<<<<1",
                        "check_digit");
    assert_adds_nothing(TD3, "bad_issuer"); /* Utopia is no country */
    assert_adds_nothing("P<", "bad_length");
}

static void a_visa_states_a_birth_date_and_no_identifier(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, MRV_B);
    const struct cw_part *part = normalise(&scene);
    assert_str(part->ids[0].kind, "mrz");
    assert_str(part->ids[0].fault, "visa");
    assert_int_equal(part->birth_date_count, 1);
    assert_str(part->birth_dates[0], "1940-09-07");
    assert_int_equal(keys_of_identifiers(&scene), 0);
    finish(&scene);
}

static void a_document_is_an_object_too(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, "IDCHEA1234567<6<<<<<<<<<<<<<<<7510256M2009018CHE<<<<<<<<<<<8"
                  "SMITH<<JOHN<ALBERT<<<<<<<<<<<<");
    scene.part.kind = cw_cstr("document");
    scene.event.parties = NULL;
    scene.event.party_count = 0;
    scene.event.objects = &scene.part;
    scene.event.object_count = 1;
    const struct cw_part *part = normalise(&scene);
    assert_str(part->ids[0].kind, "identity_card");
    assert_str(part->ids[0].issuer, "CH");
    assert_str(part->ids[0].value, "A1234567");
    assert_null(part->ids[0].fault.ptr);
    finish(&scene);
}

/* --- the public vectors --- */

static bool is_icao(const char *format)
{
    return strcmp(format, "TD1") == 0 || strcmp(format, "TD2") == 0 || strcmp(format, "TD3") == 0;
}

/* Valid here is: every check holds and the issuer is a country, as the vectors mean it. */
static bool is_valid(cw_str text, struct cw_mrz *mrz)
{
    cw_str value;
    cw_str issuer;
    return cw_mrz_read(text, arena, mrz) == NULL && mrz->kind != NULL &&
           cw_identifier_check(cw_id_kind_by_name(cw_cstr(mrz->kind)), mrz->number, mrz->issuer,
                               arena, &value, &issuer) == NULL;
}

static void assert_vector(const json_t *vector)
{
    const char *title = json_string_value(json_object_get(vector, "title"));
    const char *format = json_string_value(json_object_get(vector, "format"));
    const json_t *lines = json_object_get(vector, "mrz");
    const json_t *fields = json_object_get(vector, "fields");
    char text[256] = "";
    struct cw_mrz mrz;
    for (size_t i = 0; i < json_array_size(lines); i++)
        strcat(strcat(text, i != 0 ? "\n" : ""), json_string_value(json_array_get(lines, i)));
    bool valid = is_valid(cw_cstr(text), &mrz);
    bool want = json_is_true(json_object_get(vector, "valid")) && is_icao(format);
    if (valid != want)
        fail_msg("%s (%s): %s", title, format, text);
    const char *number = json_string_value(json_object_get(fields, "documentNumber"));
    const char *birth = json_string_value(json_object_get(fields, "birthDate"));
    if (!valid || number == NULL)
        return;
    char date[16];
    snprintf(date, sizeof(date), "%02d%02d%02d", mrz.birth_year, mrz.birth_month, mrz.birth_day);
    assert_str(mrz.number, number);
    assert_string_equal(date, birth);
    assert_str(mrz.issuer, json_string_value(json_object_get(fields, "issuingState")));
}

static void the_public_vectors_are_judged_as_they_say(void **state)
{
    (void)state;
    char path[4096];
    char line[8192];
    const char *data = getenv("CROSSWATCH_DATA");
    snprintf(path, sizeof(path), "%s%s/mrz-vectors/mrz_vectors.jsonl",
             data != NULL ? data : CW_SOURCE_DIR, data != NULL ? "" : "/../shared/data");
    FILE *file = fopen(path, "r");
    if (file == NULL)
        skip();
    size_t count = 0;
    size_t others = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        json_t *vector = json_loads(line, 0, NULL);
        assert_non_null(vector);
        assert_vector(vector);
        others += !is_icao(json_string_value(json_object_get(vector, "format")));
        count++;
        json_decref(vector);
    }
    fclose(file);
    print_message("%zu zones, %zu of them of national formats, which are refused\n", count, others);
    assert_true(count >= 24);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_specimens_of_all_five_formats_hold),
        TEST(lines_may_be_joined_by_anything_or_nothing),
        TEST(one_wrong_digit_anywhere_is_found),
        TEST(nothing_is_guessed),
        TEST(filler_stands_where_it_may),
        TEST(a_document_has_the_size_of_its_code),
        TEST(a_long_number_goes_on_in_the_optional_field),
        TEST(a_birth_lies_in_the_latest_century_that_the_event_allows),
        TEST(a_date_that_is_not_known_is_filler_and_an_impossible_one_a_fault),
        TEST(a_zone_that_holds_is_the_passport_that_it_states),
        TEST(a_birth_date_that_is_stated_stays_alone),
        TEST(a_zone_that_does_not_hold_is_kept_and_adds_nothing),
        TEST(a_visa_states_a_birth_date_and_no_identifier),
        TEST(a_document_is_an_object_too),
        TEST(the_public_vectors_are_judged_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

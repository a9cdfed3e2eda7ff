/* test_restriction.c - sets of demands: one text each, and joins that never allow more. */
#include "testing.h"

#include "operators/runtime/restriction.h"

enum { ROUNDS = 4000, ITEMS_MAX = 4 };

static const char *const words[] = { "dk", "fr", "ro", "eu", "\"q\"", "\xc3\xa9t\xc3\xa9" };
static const char *const tlp[] = { "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" };
static const char *const pap[] = { "CLEAR", "GREEN", "AMBER", "RED" };
static const char *const codes[] = { "H0", "H1", "H2", "H3" };
enum { WORDS = 6, TLP = 5, PAP = 4, CODES = 4 };

static int set_up(void **state)
{
    *state = cw_restrictions_new();
    return 0;
}

static int tear_down(void **state)
{
    cw_restrictions_free(*state);
    return 0;
}

static size_t some(struct rng *rng, const char *const *of, uint32_t of_count, cw_str *out)
{
    size_t count = rng_below(rng, ITEMS_MAX + 1);
    for (size_t i = 0; i < count; i++)
        out[i] = cw_cstr(of[rng_below(rng, of_count)]);
    return count;
}

static cw_str maybe(struct rng *rng, const char *const *of, uint32_t of_count)
{
    return rng_below(rng, 2) == 0 ? (cw_str){ NULL, 0 } : cw_cstr(of[rng_below(rng, of_count)]);
}

/* What an event could demand, from few words, so that sets meet. */
static uint32_t random_set(struct rng *rng, struct cw_restrictions *table)
{
    cw_str purposes[ITEMS_MAX];
    cw_str audience[ITEMS_MAX + 1];
    cw_str of_code[ITEMS_MAX];
    struct cw_event event;
    cw_event_defaults(&event);
    event.purposes = purposes;
    event.purpose_count = rng_below(rng, 2) == 0 ? 0 : some(rng, words, WORDS, purposes);
    event.handling = (struct cw_handling){ .present = rng_below(rng, 4) != 0,
                                           .codes = of_code,
                                           .code_count = some(rng, codes, CODES, of_code),
                                           .text = maybe(rng, words, WORDS),
                                           .tlp = maybe(rng, tlp, TLP),
                                           .pap = maybe(rng, pap, PAP),
                                           .sharing_group = maybe(rng, words, WORDS),
                                           .audience = audience,
                                           .audience_count = some(rng, words, WORDS, audience) };
    if (rng_below(rng, 8) == 0)
        audience[event.handling.audience_count++] = cw_cstr("all");
    struct cw_buf text = { 0 };
    cw_restriction_of_event(&event, &text);
    uint32_t number = cw_restriction_intern(table, (cw_str){ (char *)text.data, text.len });
    if (number == UINT32_MAX)
        fail_msg("not canonical: %.*s", (int)text.len, (char *)text.data);
    cw_buf_done(&text);
    return number;
}

static uint32_t join(struct cw_restrictions *table, uint32_t a, uint32_t b)
{
    return cw_restriction_join(table, a, b);
}

static uint32_t intern(struct cw_restrictions *table, const char *text)
{
    return cw_restriction_intern(table, cw_cstr(text));
}

static void assert_text(const struct cw_restrictions *table, uint32_t number, const char *text)
{
    assert_str_equal(cw_restriction_at(table, number)->text, text);
}

static void a_join_is_commutative_associative_and_idempotent(void **state)
{
    struct rng rng = { 1 };
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t a = random_set(&rng, *state);
        uint32_t b = random_set(&rng, *state);
        uint32_t c = random_set(&rng, *state);
        assert_int_equal(join(*state, a, b), join(*state, b, a));
        assert_int_equal(join(*state, a, join(*state, b, c)), join(*state, join(*state, a, b), c));
        assert_int_equal(join(*state, a, a), a);
        assert_int_equal(join(*state, a, join(*state, a, b)), join(*state, a, b));
        assert_int_equal(join(*state, a, CW_RESTRICTION_NONE), a);
    }
}

static size_t step(const char *const *scale, size_t steps, cw_str word)
{
    for (size_t i = 0; i < steps; i++) {
        if (cw_str_is(word, scale[i]))
            return i + 1;
    }
    return 0;
}

static bool has(const cw_str *items, size_t count, cw_str item)
{
    for (size_t i = 0; i < count; i++) {
        if (cw_str_eq(items[i], item))
            return true;
    }
    return false;
}

static void assert_covers(const struct cw_restriction *joined, const struct cw_restriction *one)
{
    for (size_t i = 0; i < one->code_count; i++)
        assert_true(has(joined->codes, joined->code_count, one->codes[i]));
    for (size_t i = 0; i < one->text_count; i++)
        assert_true(has(joined->texts, joined->text_count, one->texts[i]));
    for (size_t i = 0; i < one->sharing_group_count; i++)
        assert_true(
            has(joined->sharing_groups, joined->sharing_group_count, one->sharing_groups[i]));
    assert_true(step(tlp, TLP, joined->tlp) >= step(tlp, TLP, one->tlp));
    assert_true(step(pap, PAP, joined->pap) >= step(pap, PAP, one->pap));
    for (size_t i = 0; i < WORDS; i++) {
        cw_str word = cw_cstr(words[i]);
        if (cw_restriction_shows(joined, word))
            assert_true(cw_restriction_shows(one, word));
        if (cw_restriction_allows(joined, &word, 1))
            assert_true(cw_restriction_allows(one, &word, 1));
    }
    if (cw_restriction_allows(joined, NULL, 0))
        assert_true(cw_restriction_allows(one, NULL, 0));
}

static void a_join_allows_what_both_allow_and_nothing_else(void **state)
{
    struct rng rng = { 2 };
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t a = random_set(&rng, *state);
        uint32_t b = random_set(&rng, *state);
        const struct cw_restriction *joined = cw_restriction_at(*state, join(*state, a, b));
        const struct cw_restriction *left = cw_restriction_at(*state, a);
        const struct cw_restriction *right = cw_restriction_at(*state, b);
        assert_covers(joined, left);
        assert_covers(joined, right);
        for (size_t w = 0; w < WORDS; w++) {
            cw_str word = cw_cstr(words[w]);
            assert_int_equal(cw_restriction_shows(joined, word),
                             cw_restriction_shows(left, word) && cw_restriction_shows(right, word));
            assert_int_equal(cw_restriction_allows(joined, &word, 1),
                             cw_restriction_allows(left, &word, 1) &&
                                 cw_restriction_allows(right, &word, 1));
        }
    }
}

static void a_text_gives_its_set_and_the_set_its_text(void **state)
{
    struct rng rng = { 3 };
    struct cw_restrictions *other = cw_restrictions_new();
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t number = join(*state, random_set(&rng, *state), random_set(&rng, *state));
        cw_str text = cw_restriction_at(*state, number)->text;
        assert_int_equal(cw_restriction_intern(*state, text), number);
        uint32_t there = cw_restriction_intern(other, text);
        assert_int_not_equal(there, UINT32_MAX);
        assert_true(cw_str_eq(cw_restriction_at(other, there)->text, text));
        assert_true((text.len == 0) == (number == CW_RESTRICTION_NONE));
    }
    cw_restrictions_free(other);
}

static void what_an_event_demands_is_written_sorted_and_once(void **state)
{
    (void)state;
    cw_str purposes[] = { cw_cstr("border"), cw_cstr("asylum"), cw_cstr("border") };
    cw_str audience[] = { cw_cstr("ro"), cw_cstr("dk") };
    cw_str of_code[] = { cw_cstr("H3"), cw_cstr("H1"), cw_cstr("H3") };
    struct cw_event event;
    struct cw_buf text = { 0 };
    cw_event_defaults(&event);
    cw_restriction_of_event(&event, &text);
    assert_int_equal(text.len, 0);
    event.handling = (struct cw_handling){ .present = true };
    cw_restriction_of_event(&event, &text);
    assert_int_equal(text.len, 0);
    event.purposes = purposes;
    event.purpose_count = 3;
    event.handling = (struct cw_handling){ .present = true,
                                           .codes = of_code,
                                           .code_count = 3,
                                           .text = cw_cstr("not in court"),
                                           .tlp = cw_cstr("AMBER+STRICT"),
                                           .pap = cw_cstr("WHITE"),
                                           .sharing_group = cw_cstr("J-CAT"),
                                           .audience = audience,
                                           .audience_count = 2 };
    cw_restriction_of_event(&event, &text);
    assert_str_equal((cw_str){ (char *)text.data, text.len },
                     "{\"audience\":[\"dk\",\"ro\"],\"codes\":[\"H1\",\"H3\"],\"pap\":\"CLEAR\","
                     "\"purposes\":[\"asylum\",\"border\"],\"sharing_groups\":[\"J-CAT\"],"
                     "\"texts\":[\"not in court\"],\"tlp\":\"AMBER+STRICT\"}");
    cw_buf_done(&text);
}

static void the_audience_all_demands_nothing(void **state)
{
    (void)state;
    cw_str audience[] = { cw_cstr("ro"), cw_cstr("all") };
    struct cw_event event;
    struct cw_buf text = { 0 };
    cw_event_defaults(&event);
    event.handling =
        (struct cw_handling){ .present = true, .audience = audience, .audience_count = 2 };
    cw_restriction_of_event(&event, &text);
    assert_int_equal(text.len, 0);
    cw_buf_done(&text);
}

static void the_greater_marking_holds_and_lists_meet(void **state)
{
    uint32_t a = intern(*state, "{\"audience\":[\"dk\",\"fr\"],\"texts\":[\"a\"],\"tlp\":\"RED\"}");
    uint32_t b =
        intern(*state, "{\"audience\":[\"fr\",\"ro\"],\"pap\":\"GREEN\",\"purposes\":[\"x\"],"
                       "\"texts\":[\"b\"],\"tlp\":\"AMBER+STRICT\"}");
    uint32_t ab = join(*state, a, b);
    assert_text(*state, ab,
                "{\"audience\":[\"fr\"],\"pap\":\"GREEN\",\"purposes\":[\"x\"],"
                "\"texts\":[\"a\",\"b\"],\"tlp\":\"RED\"}");
    uint32_t c = intern(*state, "{\"audience\":[\"dk\"]}");
    uint32_t abc = join(*state, ab, c);
    assert_true(cw_restriction_hides(cw_restriction_at(*state, abc)));
    assert_false(cw_restriction_shows(cw_restriction_at(*state, abc), cw_cstr("dk")));
    assert_false(cw_restriction_hides(cw_restriction_at(*state, ab)));
}

static void a_purpose_that_is_not_listed_is_not_allowed(void **state)
{
    const cw_str asked[] = { cw_cstr("asylum"), cw_cstr("border") };
    uint32_t border = intern(*state, "{\"purposes\":[\"border\",\"crime\"]}");
    uint32_t crime = intern(*state, "{\"purposes\":[\"crime\"]}");
    assert_true(cw_restriction_allows(cw_restriction_at(*state, 0), asked, 2));
    assert_true(cw_restriction_allows(cw_restriction_at(*state, 0), NULL, 0));
    assert_true(cw_restriction_allows(cw_restriction_at(*state, border), asked, 2));
    assert_false(cw_restriction_allows(cw_restriction_at(*state, border), NULL, 0));
    assert_false(cw_restriction_allows(cw_restriction_at(*state, crime), asked, 2));
}

static void a_text_that_is_not_canonical_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "\"\"",
        " ",
        "{",
        "{\"tlp\":\"RED\"} ",
        " {\"tlp\":\"RED\"}",
        "{\"tlp\": \"RED\"}",
        "{\"tlp\":\"RED\"}{\"tlp\":\"RED\"}",
        "{\"tlp\":\"RED\",\"tlp\":\"RED\"}",
        "{\"tlp\":\"red\"}",
        "{\"tlp\":\"PURPLE\"}",
        "{\"tlp\":5}",
        "{\"tlp\":null}",
        "{\"pap\":\"WHITE\"}",
        "{\"pap\":\"AMBER+STRICT\"}",
        "{\"codes\":[]}",
        "{\"codes\":[\"H9\"]}",
        "{\"codes\":\"H1\"}",
        "{\"codes\":[\"H2\",\"H1\"]}",
        "{\"codes\":[\"H1\",\"H1\"]}",
        "{\"codes\":[\"H1\",1]}",
        "{\"codes\":[\"H1\",[\"H2\"]]}",
        "{\"texts\":[]}",
        "{\"audience\":[\"all\"]}",
        "{\"audience\":[\"all\",\"dk\"]}",
        "{\"audience\":[\"fr\",\"dk\"]}",
        "{\"audience\":\"dk\"}",
        "{\"audience\":[\"dk\"],\"colour\":\"red\"}",
        "{\"colour\":\"red\"}",
        "{\"tlp\":\"RED\",\"audience\":[\"dk\"]}",
        "{\"audience\":[\"\\u0064k\"]}",
        "{\"audience\":[\"\\ud800\"]}",
        "{\"audience\":[\"\xff\"]}",
        "{\"audience\":[\"\xc0\xaf\"]}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (intern(*state, texts[i]) != UINT32_MAX)
            fail_msg("taken: %s", texts[i]);
    }
    assert_int_equal(cw_restriction_intern(*state, (cw_str){ "{\"tlp\":\"RED\"}\0", 14 }),
                     UINT32_MAX);
    /* and leaves nothing: the next that is canonical gets the first number */
    assert_int_equal(intern(*state, "{\"tlp\":\"RED\"}"), 1);
}

static void a_text_that_nests_deeply_or_is_long_is_refused(void **state)
{
    enum { LONG = CW_RESTRICTION_TEXT_MAX + 1, DEEP = 30000 };
    char *text = calloc(1, LONG + 1);
    assert_non_null(text);
    memset(text, '[', DEEP);
    assert_int_equal(intern(*state, text), UINT32_MAX);
    memset(text, ' ', LONG);
    assert_int_equal(intern(*state, text), UINT32_MAX);
    free(text);
}

/* One text of `letter`, of the given length. */
static uint32_t long_text(struct cw_restrictions *table, char letter, size_t len)
{
    char *text = calloc(1, len + 64);
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "{\"texts\":[\"");
    memset(text + at, letter, len);
    strcpy(text + at + len, "\"]}");
    uint32_t number = cw_restriction_intern(table, cw_cstr(text));
    free(text);
    return number;
}

static void what_grows_too_long_allows_nobody_in_whatever_order_it_grew(void **state)
{
    enum { LEN = 12000, SETS = 4 };
    uint32_t sets[SETS];
    for (size_t i = 0; i < SETS; i++) {
        sets[i] = long_text(*state, (char)('a' + i), LEN);
        assert_int_not_equal(sets[i], UINT32_MAX);
    }
    uint32_t two = join(*state, sets[0], sets[1]);
    assert_int_equal(cw_restriction_at(*state, two)->text_count, 2);
    uint32_t left = join(*state, join(*state, two, sets[2]), sets[3]);
    uint32_t right = join(*state, sets[0], join(*state, sets[3], join(*state, sets[2], sets[1])));
    uint32_t pairs = join(*state, two, join(*state, sets[2], sets[3]));
    assert_int_equal(left, right);
    assert_int_equal(left, pairs);
    const struct cw_restriction *nothing = cw_restriction_at(*state, left);
    assert_true(cw_restriction_hides(nothing));
    cw_str purpose = cw_cstr("crime");
    assert_false(cw_restriction_allows(nothing, &purpose, 1));
    assert_string_equal(nothing->tlp.ptr, "RED");
    /* it absorbs, and another process knows it by its text */
    assert_int_equal(join(*state, left, intern(*state, "{\"codes\":[\"H1\"]}")), left);
    struct cw_restrictions *other = cw_restrictions_new();
    uint32_t there = cw_restriction_intern(other, nothing->text);
    assert_int_not_equal(there, UINT32_MAX);
    assert_int_equal(join(other, intern(other, "{\"codes\":[\"H1\"]}"), there), there);
    cw_restrictions_free(other);
}

/* The longest audience of one set and the longest purposes of another still make a text. */
static void the_longest_lists_of_two_events_still_join(void **state)
{
    enum { LEN = 16000 };
    static const char *const keys[] = { "audience", "purposes" };
    uint32_t sets[2];
    for (size_t i = 0; i < 2; i++) {
        char *text = calloc(1, LEN + 64);
        assert_non_null(text);
        size_t at = (size_t)sprintf(text, "{\"%s\":[\"", keys[i]);
        memset(text + at, 'x', LEN);
        strcpy(text + at + LEN, "\"]}");
        sets[i] = cw_restriction_intern(*state, cw_cstr(text));
        assert_int_not_equal(sets[i], UINT32_MAX);
        free(text);
    }
    uint32_t both = join(*state, sets[0], sets[1]);
    both = join(*state, both, long_text(*state, 'a', 15000));
    both = join(*state, both, long_text(*state, 'b', 15000));
    const struct cw_restriction *set = cw_restriction_at(*state, both);
    assert_int_equal(set->audience_count, 1);
    assert_int_equal(set->purpose_count, 1);
    assert_int_equal(set->text_count, 2);
    assert_true(set->text.len <= CW_RESTRICTION_TEXT_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_join_is_commutative_associative_and_idempotent),
        TEST(a_join_allows_what_both_allow_and_nothing_else),
        TEST(a_text_gives_its_set_and_the_set_its_text),
        TEST(what_an_event_demands_is_written_sorted_and_once),
        TEST(the_audience_all_demands_nothing),
        TEST(the_greater_marking_holds_and_lists_meet),
        TEST(a_purpose_that_is_not_listed_is_not_allowed),
        TEST(a_text_that_is_not_canonical_is_refused),
        TEST(a_text_that_nests_deeply_or_is_long_is_refused),
        TEST(what_grows_too_long_allows_nobody_in_whatever_order_it_grew),
        TEST(the_longest_lists_of_two_events_still_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

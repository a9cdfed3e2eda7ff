#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/frontier.h"

static uint16_t number_of(const char *name)
{
    const struct cw_type *type = cw_type_by_name(cw_cstr(name));
    assert_non_null(type);
    return type->number;
}

static uint16_t crossing(void)
{
    return number_of("border_crossing");
}

static uint16_t ad(void)
{
    return number_of("online_ad");
}

static uint16_t notice(void)
{
    return number_of("notice");
}

/* Sources that declare every point type with this lateness. */
static struct cw_frontier *frontier_of(size_t sources, int64_t lateness)
{
    int64_t all[CW_TYPES_MAX + 1];
    for (size_t t = 0; t <= CW_TYPES_MAX; t++)
        all[t] = lateness;
    struct cw_frontier *frontier = cw_frontier_new(sources);
    for (size_t s = 0; s < sources; s++)
        cw_frontier_declare(frontier, s, all);
    return frontier;
}

static int64_t now(struct cw_frontier *frontier, uint16_t type)
{
    cw_frontier_advance(frontier);
    return cw_frontier_at(frontier, type);
}

static void the_frontier_is_the_greatest_time_less_the_lateness(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, 2 * CW_HOUR);
    cw_frontier_admit(frontier, 0, crossing(), 10 * CW_HOUR);
    cw_frontier_admit(frontier, 0, crossing(), 7 * CW_HOUR);
    assert_int_equal(now(frontier, crossing()), 8 * CW_HOUR);
    cw_frontier_free(frontier);
}

static void the_slowest_source_holds_the_frontier(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(2, 0);
    cw_frontier_admit(frontier, 0, crossing(), 10 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), CW_TIME_MIN);
    cw_frontier_admit(frontier, 1, crossing(), 3 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), 3 * CW_DAY);
    cw_frontier_free(frontier);
}

static void each_type_has_its_own_frontier(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, 0);
    cw_frontier_admit(frontier, 0, crossing(), 5 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), 5 * CW_DAY);
    assert_int_equal(now(frontier, ad()), CW_TIME_MIN);
    cw_frontier_free(frontier);
}

static void a_source_that_has_ended_holds_nothing(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(2, 0);
    cw_frontier_admit(frontier, 0, crossing(), 10 * CW_DAY);
    cw_frontier_end(frontier, 1);
    assert_int_equal(now(frontier, crossing()), 10 * CW_DAY);
    cw_frontier_end(frontier, 0);
    assert_int_equal(now(frontier, crossing()), CW_TIME_MAX);
    cw_frontier_free(frontier);
}

static void a_type_that_no_source_declares_is_at_infinity(void **state)
{
    (void)state;
    int64_t only_ads[CW_TYPES_MAX + 1];
    for (size_t t = 0; t <= CW_TYPES_MAX; t++)
        only_ads[t] = -1;
    only_ads[ad()] = CW_DAY;
    struct cw_frontier *frontier = cw_frontier_new(1);
    cw_frontier_declare(frontier, 0, only_ads);
    assert_int_equal(now(frontier, crossing()), CW_TIME_MAX);
    assert_int_equal(now(frontier, ad()), CW_TIME_MIN);
    cw_frontier_admit(frontier, 0, ad(), 3 * CW_DAY);
    assert_int_equal(now(frontier, ad()), 2 * CW_DAY);
    cw_frontier_free(frontier);
}

static void a_source_that_declares_a_type_alone_moves_it_alone(void **state)
{
    (void)state;
    int64_t none[CW_TYPES_MAX + 1];
    int64_t all[CW_TYPES_MAX + 1] = { 0 };
    for (size_t t = 0; t <= CW_TYPES_MAX; t++)
        none[t] = -1;
    struct cw_frontier *frontier = cw_frontier_new(2);
    cw_frontier_declare(frontier, 0, none);
    cw_frontier_declare(frontier, 1, all);
    cw_frontier_admit(frontier, 0, crossing(), 9 * CW_DAY);
    cw_frontier_admit(frontier, 1, crossing(), 4 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), 4 * CW_DAY);
    cw_frontier_free(frontier);
}

static void standing_types_hold_nothing_and_wait_for_nothing(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, 0);
    assert_int_equal(now(frontier, notice()), CW_TIME_MAX);
    cw_frontier_free(frontier);
}

static void the_frontier_stands_still_between_ticks(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, 0);
    cw_frontier_admit(frontier, 0, crossing(), CW_DAY);
    assert_int_equal(cw_frontier_at(frontier, crossing()), CW_TIME_MIN);
    cw_frontier_advance(frontier);
    cw_frontier_admit(frontier, 0, crossing(), 2 * CW_DAY);
    assert_int_equal(cw_frontier_at(frontier, crossing()), CW_DAY);
    cw_frontier_free(frontier);
}

/* A source that is added to a log has said nothing yet; what was judged stays judged. */
static void the_frontier_never_falls(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, 0);
    cw_frontier_hold(frontier, crossing(), 20 * CW_DAY);
    cw_frontier_admit(frontier, 0, crossing(), 5 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), 20 * CW_DAY);
    cw_frontier_admit(frontier, 0, crossing(), 21 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), 21 * CW_DAY);
    cw_frontier_free(frontier);
}

static void a_lateness_longer_than_time_itself_is_held_at_its_end(void **state)
{
    (void)state;
    struct cw_frontier *frontier = frontier_of(1, CW_TIME_MAX);
    cw_frontier_admit(frontier, 0, crossing(), -10 * CW_DAY);
    assert_int_equal(now(frontier, crossing()), CW_TIME_MIN);
    cw_frontier_free(frontier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frontier_is_the_greatest_time_less_the_lateness),
        cmocka_unit_test(the_slowest_source_holds_the_frontier),
        cmocka_unit_test(each_type_has_its_own_frontier),
        cmocka_unit_test(a_source_that_has_ended_holds_nothing),
        cmocka_unit_test(a_type_that_no_source_declares_is_at_infinity),
        cmocka_unit_test(a_source_that_declares_a_type_alone_moves_it_alone),
        cmocka_unit_test(standing_types_hold_nothing_and_wait_for_nothing),
        cmocka_unit_test(the_frontier_stands_still_between_ticks),
        cmocka_unit_test(the_frontier_never_falls),
        cmocka_unit_test(a_lateness_longer_than_time_itself_is_held_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

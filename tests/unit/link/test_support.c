/* test_support.c - the mentions of a record and the least of them, against a plain array. */
#include "tests/unit/runtime/testing.h"

#include "operators/link/support.h"

enum { LIVE_MAX = 400 };

struct model {
    struct cw_support live[LIVE_MAX];
    uint32_t count;
};

static bool same(const struct cw_support *a, const struct cw_support *b)
{
    return cw_support_cmp(a, b) == 0 && a->position == b->position;
}

/* The least by (recorded at, identity, part): positions break no tie. */
static const struct cw_support *least_of(const struct model *model)
{
    const struct cw_support *least = NULL;
    for (uint32_t i = 0; i < model->count; i++) {
        if (least == NULL || cw_support_cmp(&model->live[i], least) < 0)
            least = &model->live[i];
    }
    return least;
}

static void assert_copy(const struct cw_lists *lists, const struct cw_supports *set,
                        const struct model *model)
{
    struct cw_support copy[LIVE_MAX];
    bool taken[LIVE_MAX] = { false };
    cw_support_copy(lists, set, copy);
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t j = 0;
        while (j < model->count && (taken[j] || !same(&copy[i], &model->live[j])))
            j++;
        assert_true(j < model->count);
        taken[j] = true;
    }
}

static void random_mentions_are_as_in_a_multiset(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng = { seed };
        struct cw_lists lists;
        struct cw_supports set = { { 0, 0 }, { 0, 0 } };
        static struct model model;
        model.count = 0;
        cw_support_lists_init(&lists);
        uint32_t span = 1 + rng_below(&rng, 20); /* few values: many ties and repeats */
        for (int step = 0; step < 1500; step++) {
            bool shrink =
                model.count == LIVE_MAX || (step / 200 % 2 == 1 && rng_below(&rng, 4) != 0);
            if (shrink && model.count > 0) {
                uint32_t victim = rng_below(&rng, model.count);
                struct cw_support gone = model.live[victim];
                model.live[victim] = model.live[--model.count];
                cw_support_remove(&lists, &set, &gone);
            } else if (model.count < LIVE_MAX) {
                const struct cw_support one = { (int64_t)rng_below(&rng, span) - 5,
                                                id_of(rng_below(&rng, span)), rng_below(&rng, 3),
                                                rng_below(&rng, 2), 0 };
                model.live[model.count++] = one;
                cw_support_add(&lists, &set, &one);
            }
            assert_int_equal(cw_support_count(&set), model.count);
            const struct cw_support *found = cw_support_least(&lists, &set);
            const struct cw_support *expected = least_of(&model);
            assert_int_equal(found == NULL, expected == NULL);
            if (found != NULL)
                assert_int_equal(cw_support_cmp(found, expected), 0);
            if (step % 50 == 0)
                assert_copy(&lists, &set, &model);
        }
        cw_lists_done(&lists);
    }
}

static void a_set_that_is_emptied_is_as_new(void **state)
{
    (void)state;
    struct cw_lists lists;
    struct cw_supports set = { { 0, 0 }, { 0, 0 } };
    cw_support_lists_init(&lists);
    assert_null(cw_support_least(&lists, &set));
    for (int round = 0; round < 3; round++) {
        for (int64_t i = 0; i < 50; i++) {
            const struct cw_support one = { i, id_of(1), 8, 0, 0 };
            cw_support_add(&lists, &set, &one);
        }
        for (int64_t i = 49; i >= 0; i--) { /* the least goes last: the worst order for the heaps */
            const struct cw_support one = { i, id_of(1), 8, 0, 0 };
            assert_true(cw_support_least(&lists, &set)->recorded_at == 0);
            cw_support_remove(&lists, &set, &one);
        }
        assert_int_equal(cw_support_count(&set), 0);
        assert_null(cw_support_least(&lists, &set));
        assert_int_equal(set.came.len, 0); /* nothing piles up */
        assert_int_equal(set.went.len, 0);
    }
    cw_lists_done(&lists);
}

static void the_order_is_recorded_at_then_identity_then_part(void **state)
{
    (void)state;
    const struct cw_support base = { 5, id_of(5), 5, 5, 0 };
    struct cw_support other = base;
    other.position = 1; /* breaks no tie */
    assert_int_equal(cw_support_cmp(&base, &other), 0);
    other.part = 4;
    assert_true(cw_support_cmp(&other, &base) < 0);
    other.part = 6;
    assert_true(cw_support_cmp(&other, &base) > 0);
    other.identity = id_of(4);
    assert_true(cw_support_cmp(&other, &base) < 0);
    other.recorded_at = 6;
    assert_true(cw_support_cmp(&other, &base) > 0);
    other.recorded_at = INT64_MIN;
    assert_true(cw_support_cmp(&other, &base) < 0);
}

static void mentions_that_come_and_go_behind_an_old_one_do_not_pile_up(void **state)
{
    (void)state;
    struct cw_lists lists;
    struct cw_supports set = { { 0, 0 }, { 0, 0 } };
    cw_support_lists_init(&lists);
    struct cw_support oldest = { .recorded_at = 1 };
    cw_support_add(&lists, &set, &oldest);
    for (uint64_t position = 8; position < 80000; position += 8) {
        struct cw_support young = { .recorded_at = 2, .position = position };
        cw_support_add(&lists, &set, &young);
        cw_support_remove(&lists, &set, &young);
        assert_true(set.came.len < 100 && set.went.len < 100);
    }
    assert_int_equal(cw_support_count(&set), 1);
    assert_true(same(cw_support_least(&lists, &set), &oldest));
    cw_lists_done(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_mentions_are_as_in_a_multiset),
        cmocka_unit_test(a_set_that_is_emptied_is_as_new),
        cmocka_unit_test(mentions_that_come_and_go_behind_an_old_one_do_not_pile_up),
        cmocka_unit_test(the_order_is_recorded_at_then_identity_then_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

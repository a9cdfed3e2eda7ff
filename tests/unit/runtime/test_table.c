/* test_table.c - pools, maps and lists against naive models, with random operations. */
#include "testing.h"

#include "operators/runtime/table.h"

enum { STEPS = 20000 };

static void a_pool_hands_out_zeroed_objects_that_stay(void **state)
{
    (void)state;
    enum { LIVE_MAX = 3000 };
    static const size_t sizes[] = { 4, 8, 24, 100, 5000 };
    static uint32_t handles[LIVE_MAX];
    static uint8_t *places[LIVE_MAX];
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct cw_pool pool;
        struct rng rng = { s };
        size_t live = 0;
        cw_pool_init(&pool, sizes[s]);
        for (int step = 0; step < STEPS; step++) {
            bool grow =
                live == 0 || (live < LIVE_MAX && rng_below(&rng, step / 4000 % 2 ? 4 : 2) == 0);
            if (grow) {
                uint32_t handle = cw_pool_new(&pool);
                uint8_t *object = cw_pool_at(&pool, handle);
                assert_true(handle != 0);
                for (size_t i = 0; i < sizes[s]; i++)
                    assert_int_equal(object[i], 0);
                memset(object, (int)(handle & 0xff), sizes[s]);
                handles[live] = handle;
                places[live++] = object;
            } else {
                size_t victim = rng_below(&rng, (uint32_t)live);
                assert_ptr_equal(cw_pool_at(&pool, handles[victim]), places[victim]);
                assert_int_equal(places[victim][sizes[s] - 1], handles[victim] & 0xff);
                cw_pool_free(&pool, handles[victim]);
                live--;
                handles[victim] = handles[live];
                places[victim] = places[live];
            }
            assert_int_equal(pool.live, live);
        }
        for (size_t i = 0; i < live; i++) {
            assert_ptr_equal(cw_pool_at(&pool, handles[i]), places[i]);
            for (size_t j = 0; j < sizes[s]; j++)
                assert_int_equal(places[i][j], handles[i] & 0xff);
        }
        cw_pool_done(&pool);
    }
}

struct slot {
    struct cw_id id;
    uint64_t value;
};

/* Ids of few values, of one low half (which all fall on one place), and of the hash's kind. */
static struct cw_id key_of(uint32_t number, int shape)
{
    struct cw_id id = id_of(shape == 0   ? number
                            : shape == 1 ? 7
                                         : number * UINT64_C(0x9e3779b97f4a7c15));
    memcpy(id.b + 8, &number, sizeof(number));
    return id;
}

static void a_map_is_as_an_array(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    for (int shape = 0; shape < 3; shape++) {
        struct cw_map map;
        struct rng rng = { (uint64_t)shape + 1 };
        static uint64_t model[KEYS]; /* 0: absent */
        memset(model, 0, sizeof(model));
        uint32_t count = 0;
        cw_map_init(&map, sizeof(struct slot));
        for (int step = 0; step < STEPS; step++) {
            uint32_t k = rng_below(&rng, KEYS);
            struct cw_id key = key_of(k, shape);
            uint32_t what = rng_below(&rng, 4);
            cw_map_prefetch(&map, key);
            if (what == 0 || (what == 1 && step / 5000 % 2 == 1)) {
                assert_int_equal(cw_map_remove(&map, key), model[k] != 0);
                count -= model[k] != 0;
                model[k] = 0;
            } else if (what < 3) {
                bool is_new;
                struct slot *slot = cw_map_put(&map, key, &is_new);
                assert_id_equal(slot->id, key);
                assert_int_equal(is_new, model[k] == 0);
                assert_true(slot->value == model[k]); /* zeroed where new */
                count += is_new;
                slot->value = model[k] = rng_next(&rng) | 1;
            }
            const struct slot *found = cw_map_find(&map, key);
            assert_int_equal(found != NULL, model[k] != 0);
            assert_true(found == NULL || found->value == model[k]);
            assert_int_equal(map.count, count);
            if (step % 2000 != 0)
                continue;
            uint32_t walked = 0;
            uint32_t at = 0;
            for (const struct slot *slot; (slot = cw_map_next(&map, &at)) != NULL; walked++) {
                uint32_t number;
                memcpy(&number, slot->id.b + 8, sizeof(number));
                assert_true(number < KEYS && slot->value == model[number]);
            }
            assert_int_equal(walked, count);
            for (uint32_t i = 0; i < KEYS; i++)
                assert_int_equal(cw_map_find(&map, key_of(i, shape)) != NULL, model[i] != 0);
        }
        cw_map_done(&map);
    }
}

static void a_map_keeps_what_it_has_over_many_growths(void **state)
{
    (void)state;
    struct cw_map map;
    cw_map_init(&map, sizeof(struct slot));
    for (uint32_t i = 0; i < 100000; i++)
        ((struct slot *)cw_map_put(&map, key_of(i, 2), NULL))->value = i;
    assert_int_equal(map.count, 100000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_true(((struct slot *)cw_map_find(&map, key_of(i, 2)))->value == i);
    assert_null(cw_map_find(&map, key_of(100000, 2)));
    cw_map_done(&map);
}

/* Elements of 4, 12 and 48 bytes that hold their number in each word. */
static void lists_are_as_arrays(void **state)
{
    (void)state;
    enum { LISTS = 12, LEN_MAX = 300 };
    static const size_t sizes[] = { 4, 12, 48 };
    static uint32_t model[LISTS][LEN_MAX];
    for (size_t s = 0; s < 3; s++) {
        struct cw_lists lists;
        struct cw_list list[LISTS] = { { 0, 0 } };
        uint32_t len[LISTS] = { 0 };
        struct rng rng = { s + 10 };
        const size_t words = sizes[s] / 4;
        cw_lists_init(&lists, sizes[s]);
        for (uint32_t step = 0; step < STEPS; step++) {
            uint32_t l = rng_below(&rng, LISTS);
            uint32_t what = rng_below(&rng, 100);
            if (what == 0) {
                cw_list_clear(&lists, &list[l]);
                len[l] = 0;
            } else if (len[l] > 0 && (what < 45 || len[l] == LEN_MAX)) {
                uint32_t index = rng_below(&rng, len[l]);
                cw_list_remove(&lists, &list[l], index);
                memmove(&model[l][index], &model[l][index + 1], (len[l] - index - 1) * 4);
                len[l]--;
            } else {
                uint32_t index = rng_below(&rng, len[l] + 1);
                uint32_t *gap = cw_list_insert(&lists, &list[l], index);
                for (size_t w = 0; w < words; w++)
                    gap[w] = step;
                memmove(&model[l][index + 1], &model[l][index], (len[l] - index) * 4);
                model[l][index] = step;
                len[l]++;
            }
            assert_int_equal(list[l].len, len[l]);
            const uint32_t *data = cw_list_data(&lists, list[l]);
            assert_int_equal(data == NULL, len[l] == 0);
            for (uint32_t i = 0; i < len[l]; i++) {
                for (size_t w = 0; w < words; w++)
                    assert_int_equal(data[i * words + w], model[l][i]);
            }
        }
        uint32_t live = 0;
        for (size_t l = 0; l < LISTS; l++)
            cw_list_clear(&lists, &list[l]);
        for (size_t c = 0; c < CW_LIST_CLASSES; c++)
            live += lists.small[c].live;
        assert_int_equal(live, 0); /* nothing was left behind in any class */
        cw_lists_done(&lists);
    }
}

static void a_list_grows_and_shrinks_through_all_its_classes(void **state)
{
    (void)state;
    enum { LEN = 10000 };
    struct cw_lists lists;
    struct cw_list list = { 0, 0 };
    cw_lists_init(&lists, sizeof(uint32_t));
    for (uint32_t i = 0; i < LEN; i++)
        *(uint32_t *)cw_list_insert(&lists, &list, 0) = i;
    const uint32_t *data = cw_list_data(&lists, list);
    for (uint32_t i = 0; i < LEN; i++)
        assert_int_equal(data[i], LEN - 1 - i);
    for (uint32_t i = 0; i < LEN; i++) {
        data = cw_list_data(&lists, list);
        assert_int_equal(data[list.len - 1], i);
        cw_list_remove(&lists, &list, list.len - 1);
    }
    assert_int_equal(list.ref, 0);
    assert_null(cw_list_data(&lists, list));
    cw_lists_done(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_hands_out_zeroed_objects_that_stay),
        cmocka_unit_test(a_map_is_as_an_array),
        cmocka_unit_test(a_map_keeps_what_it_has_over_many_growths),
        cmocka_unit_test(lists_are_as_arrays),
        cmocka_unit_test(a_list_grows_and_shrinks_through_all_its_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

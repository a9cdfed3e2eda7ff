/* test_arena.c - memory with a lifetime. */
#include "testing.h"

#include "operators/runtime/arena.h"

static void what_is_handed_out_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct cw_arena *arena = cw_arena_new();
    struct rng rng = { 1 };
    static uint8_t *blocks[COUNT];
    static size_t sizes[COUNT];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            sizes[i] = i % 500 == 499 ? 200000 : rng_below(&rng, 300);
            blocks[i] = cw_arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(blocks[i][j], 0);
            memset(blocks[i], (int)(i & 0xff), sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(blocks[i][j], i & 0xff);
        }
        cw_arena_reset(arena);
    }
    cw_arena_free(arena);
}

static void used_counts_from_the_last_reset(void **state)
{
    (void)state;
    struct cw_arena *arena = cw_arena_new();
    assert_int_equal(cw_arena_used(arena), 0);
    assert_non_null(cw_arena_alloc(arena, 1000));
    assert_non_null(cw_arena_alloc(arena, 1000000));
    assert_true(cw_arena_used(arena) >= 1001000 && cw_arena_used(arena) < 1002000);
    cw_arena_reset(arena);
    assert_int_equal(cw_arena_used(arena), 0);
    cw_arena_free(arena);
    cw_arena_free(NULL);
}

static void copies_end_with_a_nul_that_is_not_counted(void **state)
{
    (void)state;
    struct cw_arena *arena = cw_arena_new();
    cw_str copy = cw_arena_copy(arena, "abcdef", 3);
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    copy = cw_arena_copy(arena, NULL, 0);
    assert_int_equal(copy.len, 0);
    assert_string_equal(copy.ptr, "");
    copy = cw_arena_printf(arena, "%s-%d", "x", 42);
    assert_int_equal(copy.len, 4);
    assert_string_equal(copy.ptr, "x-42");
    cw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_out_is_zeroed_aligned_and_apart),
        cmocka_unit_test(used_counts_from_the_last_reset),
        cmocka_unit_test(copies_end_with_a_nul_that_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_partition.c - cores against the definition: edges in order, conflicts held. */
#include "slow_partition.h"

enum { RECORDS_MAX = 24, IDS_MAX = 4 };

struct world {
    size_t count;
    struct cw_part_record records[RECORDS_MAX];
    struct cw_part_id ids[RECORDS_MAX][IDS_MAX];
};

static struct cw_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = cw_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cw_arena_free(arena);
    return 0;
}

/* Kinds by number: 0 and 1 exclusive of rank 1, 2 unique of rank 2, 3 unique of rank 3. */
static struct cw_part_id identifier(uint32_t kind, uint32_t value)
{
    static const uint8_t ranks[] = { 1, 1, 2, 3 };
    struct cw_id key = id_of(UINT64_C(0x9e3779b97f4a7c15) * (value + 1) + kind);
    return (struct cw_part_id){ key, kind + 100, ranks[kind], kind < 2 };
}

static void add(struct world *world, uint64_t id, uint64_t kind)
{
    assert_true(world->count < RECORDS_MAX);
    struct cw_part_record *record = &world->records[world->count];
    *record = (struct cw_part_record){ id_of(id), kind, world->ids[world->count], 0 };
    world->count++;
}

static void give(struct world *world, uint32_t kind, uint32_t value)
{
    struct cw_part_record *record = &world->records[world->count - 1];
    assert_true(record->id_count < IDS_MAX);
    world->ids[world->count - 1][record->id_count++] = identifier(kind, value);
}

static void assert_as_defined(const struct world *world)
{
    uint32_t expected[RECORDS_MAX];
    uint32_t found[RECORDS_MAX];
    slow_partition(world->records, world->count, expected);
    cw_arena_reset(arena);
    cw_partition(world->records, world->count, found, arena);
    for (size_t i = 0; i < world->count; i++)
        assert_int_equal(found[i], expected[i]);
}

/* Few values make dense components with conflicts at a distance, many make sparse ones. */
static void random_world(struct world *world, struct rng *rng)
{
    *world = (struct world){ 0 };
    uint32_t values = 1 + rng_below(rng, 8);
    uint32_t kinds = 1 + rng_below(rng, 4);
    size_t count = 1 + rng_below(rng, RECORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        add(world, rng_next(rng), rng_below(rng, 8) == 0);
        for (uint32_t n = rng_below(rng, IDS_MAX + 1); n > 0; n--) {
            uint32_t kind = rng_below(rng, kinds);
            if (kind < 2 && rng_below(rng, 2) == 0)
                kind = 3 - kind; /* exclusive kinds are rarer, so that something joins */
            give(world, kind, rng_below(rng, values));
        }
    }
}

static void random_components_are_as_defined(void **state)
{
    (void)state;
    size_t joined = 0;
    size_t held = 0;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct rng rng = { seed };
        struct world world;
        random_world(&world, &rng);
        assert_as_defined(&world);
        uint32_t with[RECORDS_MAX];
        uint32_t without[RECORDS_MAX];
        slow_partition(world.records, world.count, with);
        for (size_t i = 0; i < world.count; i++) {
            for (size_t j = 0; j < IDS_MAX; j++)
                world.ids[i][j].exclusive = false;
        }
        slow_partition(world.records, world.count, without);
        assert_as_defined(&world);
        joined += memcmp(with, without, world.count * sizeof(*with)) == 0;
        held += memcmp(with, without, world.count * sizeof(*with)) != 0;
    }
    assert_true(joined > 400 && held > 400); /* else the seeds show nothing */
}

static void the_order_of_records_and_identifiers_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct rng rng = { seed };
        struct world world;
        random_world(&world, &rng);
        struct cw_part_record shuffled[RECORDS_MAX];
        size_t place[RECORDS_MAX];
        for (size_t i = 0; i < world.count; i++) {
            size_t j = rng_below(&rng, (uint32_t)i + 1);
            place[i] = i;
            place[i] = place[j];
            place[j] = i;
        }
        for (size_t i = 0; i < world.count; i++)
            shuffled[i] = world.records[place[i]];
        uint32_t before[RECORDS_MAX];
        uint32_t after[RECORDS_MAX];
        cw_arena_reset(arena);
        cw_partition(world.records, world.count, before, arena);
        for (size_t i = 0; i < world.count; i++) {
            struct cw_part_id *ids = world.ids[i];
            if (world.records[i].id_count > 1) {
                struct cw_part_id first = ids[0];
                ids[0] = ids[world.records[i].id_count - 1];
                ids[world.records[i].id_count - 1] = first;
            }
        }
        cw_partition(shuffled, world.count, after, arena);
        for (size_t i = 0; i < world.count; i++) {
            for (size_t j = 0; j < world.count; j++)
                assert_int_equal(after[i] == after[j], before[place[i]] == before[place[j]]);
        }
    }
}

static void assert_groups(const struct world *world, const char *expected)
{
    uint32_t group[RECORDS_MAX];
    cw_arena_reset(arena);
    cw_partition(world->records, world->count, group, arena);
    for (size_t i = 0; i < world->count; i++)
        assert_int_equal(group[i], expected[i] - '0');
    assert_as_defined(world);
}

static void the_lesser_rank_comes_first(void **state)
{
    (void)state;
    struct world world = { 0 };
    add(&world, 1, 0);
    give(&world, 0, 1);
    give(&world, 3, 7);
    add(&world, 2, 0); /* joins either, not both */
    give(&world, 2, 8);
    give(&world, 3, 7);
    add(&world, 3, 0);
    give(&world, 0, 2);
    give(&world, 2, 8);
    assert_groups(&world, "011");
}

static void among_one_rank_the_lesser_key_comes_first(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < 6; a++) {
        struct world world = { 0 };
        add(&world, 1, 0);
        give(&world, 0, 1);
        give(&world, 2, a);
        add(&world, 2, 0);
        give(&world, 2, a);
        give(&world, 2, a + 10);
        add(&world, 3, 0);
        give(&world, 0, 2);
        give(&world, 2, a + 10);
        bool first = cw_id_cmp(identifier(2, a).key, identifier(2, a + 10).key) < 0;
        assert_groups(&world, first ? "002" : "011");
    }
}

static void among_one_key_the_lesser_records_come_first(void **state)
{
    (void)state;
    struct world world = { 0 };
    add(&world, 30, 0);
    give(&world, 2, 1);
    add(&world, 20, 0); /* 10-20 is held, 10-30 is before 20-30 */
    give(&world, 0, 2);
    give(&world, 2, 1);
    add(&world, 10, 0);
    give(&world, 0, 1);
    give(&world, 2, 1);
    assert_groups(&world, "010");
}

static void a_record_that_contradicts_itself_agrees_with_its_like_only(void **state)
{
    (void)state;
    struct world world = { 0 };
    add(&world, 1, 0);
    give(&world, 0, 1);
    give(&world, 0, 2);
    give(&world, 2, 5);
    add(&world, 2, 0);
    give(&world, 0, 1);
    give(&world, 2, 5);
    add(&world, 3, 0);
    give(&world, 0, 2);
    give(&world, 0, 1);
    give(&world, 0, 1);
    add(&world, 4, 0);
    give(&world, 2, 5);
    assert_groups(&world, "0100");
}

static void kinds_stay_apart(void **state)
{
    (void)state;
    struct world world = { 0 };
    add(&world, 1, 0);
    give(&world, 2, 5);
    add(&world, 2, 1);
    give(&world, 2, 5);
    add(&world, 3, 0);
    give(&world, 2, 5);
    assert_groups(&world, "010");
}

static void nothing_in_common_joins_nothing(void **state)
{
    (void)state;
    struct world world = { 0 };
    uint32_t group[1];
    cw_partition(world.records, 0, group, arena);
    add(&world, 1, 0);
    add(&world, 2, 0);
    give(&world, 2, 1);
    assert_groups(&world, "01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_components_are_as_defined),
        cmocka_unit_test(the_order_of_records_and_identifiers_changes_nothing),
        cmocka_unit_test(the_lesser_rank_comes_first),
        cmocka_unit_test(among_one_rank_the_lesser_key_comes_first),
        cmocka_unit_test(among_one_key_the_lesser_records_come_first),
        cmocka_unit_test(a_record_that_contradicts_itself_agrees_with_its_like_only),
        cmocka_unit_test(kinds_stay_apart),
        cmocka_unit_test(nothing_in_common_joins_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

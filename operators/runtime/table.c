#include "operators/runtime/table.h"

#include <sodium.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

/* --- pool --- */

enum { CHUNK_OBJECTS = 1024, MAP_FIRST = 64 };

void cw_pool_init(struct cw_pool *pool, size_t object_size)
{
    CW_CHECK(object_size >= 4 && object_size < UINT32_MAX / 2);
    *pool = (struct cw_pool){ .size = (uint32_t)((object_size + 7) & ~(size_t)7) };
}

void cw_pool_done(struct cw_pool *pool)
{
    for (uint32_t i = 0; i < pool->chunk_count; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    *pool = (struct cw_pool){ 0 };
}

/* Large objects come one a chunk, small ones by the thousand. */
static uint32_t objects_in_chunk(const struct cw_pool *pool)
{
    return pool->size > 4096 ? 1 : CHUNK_OBJECTS;
}

void *cw_pool_at(const struct cw_pool *pool, uint32_t handle)
{
    CW_CHECK(handle != 0 && handle <= pool->used);
    uint32_t index = handle - 1;
    if (objects_in_chunk(pool) == 1)
        return pool->chunks[index];
    return pool->chunks[index / CHUNK_OBJECTS] + (size_t)(index % CHUNK_OBJECTS) * pool->size;
}

uint32_t cw_pool_new(struct cw_pool *pool)
{
    pool->live++;
    if (pool->freed != 0) {
        uint32_t handle = pool->freed;
        void *object = cw_pool_at(pool, handle);
        memcpy(&pool->freed, object, sizeof(pool->freed));
        memset(object, 0, pool->size);
        return handle;
    }
    uint32_t in_chunk = objects_in_chunk(pool);
    if (pool->used == pool->chunk_count * in_chunk) {
        CW_CHECK(pool->used < UINT32_MAX - in_chunk);
        if ((pool->chunk_count & (pool->chunk_count - 1)) == 0) {
            size_t room = pool->chunk_count != 0 ? 2 * (size_t)pool->chunk_count : 1;
            pool->chunks = cw_realloc(pool->chunks, room * sizeof(*pool->chunks));
        }
        pool->chunks[pool->chunk_count++] = cw_alloc((size_t)in_chunk * pool->size);
    }
    return ++pool->used;
}

void cw_pool_free(struct cw_pool *pool, uint32_t handle)
{
    memcpy(cw_pool_at(pool, handle), &pool->freed, sizeof(pool->freed));
    pool->freed = handle;
    pool->live--;
}

/* --- map --- */

/* Ids are keyed hashes already; the seed keeps a table's order from ever being the same twice, so
 * that output which depends on it shows in the first test that compares two runs. */
static uint64_t place_seed(void)
{
    static uint64_t seed;
    while (seed == 0)
        randombytes_buf(&seed, sizeof(seed));
    return seed;
}

static uint32_t place_of(const struct cw_map *map, struct cw_id key)
{
    uint64_t low;
    memcpy(&low, key.b, sizeof(low));
    uint64_t mixed = (low ^ place_seed()) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32) & map->mask;
}

static uint8_t *slot_at(const struct cw_map *map, uint32_t index)
{
    return map->slots + (size_t)index * map->slot_size;
}

static struct cw_id key_at(const struct cw_map *map, uint32_t index)
{
    struct cw_id key;
    memcpy(key.b, slot_at(map, index), sizeof(key.b));
    return key;
}

void cw_map_init(struct cw_map *map, size_t slot_size)
{
    CW_CHECK(slot_size >= sizeof(struct cw_id) && slot_size % 8 == 0);
    *map = (struct cw_map){ .slot_size = (uint32_t)slot_size, .mask = MAP_FIRST - 1 };
    map->slots = cw_alloc((size_t)MAP_FIRST * slot_size);
    map->full = cw_alloc(MAP_FIRST);
}

void cw_map_done(struct cw_map *map)
{
    free(map->slots);
    free(map->full);
    *map = (struct cw_map){ 0 };
}

/* Index of the key, or of the empty slot where it would go. */
static uint32_t probe(const struct cw_map *map, struct cw_id key)
{
    uint32_t index = place_of(map, key);
    while (map->full[index] && memcmp(slot_at(map, index), key.b, sizeof(key.b)) != 0)
        index = (index + 1) & map->mask;
    return index;
}

void *cw_map_find(const struct cw_map *map, struct cw_id key)
{
    uint32_t index = probe(map, key);
    return map->full[index] ? slot_at(map, index) : NULL;
}

static void grow(struct cw_map *map)
{
    struct cw_map old = *map;
    CW_CHECK(old.mask < UINT32_MAX / 2);
    map->mask = 2 * old.mask + 1;
    map->slots = cw_alloc(((size_t)map->mask + 1) * map->slot_size);
    map->full = cw_alloc((size_t)map->mask + 1);
    for (uint32_t i = 0; i <= old.mask; i++) {
        if (!old.full[i])
            continue;
        uint32_t index = probe(map, key_at(&old, i));
        memcpy(slot_at(map, index), slot_at(&old, i), map->slot_size);
        map->full[index] = 1;
    }
    free(old.slots);
    free(old.full);
}

void *cw_map_put(struct cw_map *map, struct cw_id key, bool *is_new)
{
    uint32_t index = probe(map, key);
    if (is_new != NULL)
        *is_new = !map->full[index];
    if (map->full[index])
        return slot_at(map, index);
    if (map->count >= (map->mask + 1) / 4 * 3) {
        grow(map);
        index = probe(map, key);
    }
    map->full[index] = 1;
    map->count++;
    uint8_t *slot = slot_at(map, index);
    memset(slot, 0, map->slot_size);
    memcpy(slot, key.b, sizeof(key.b));
    return slot;
}

bool cw_map_remove(struct cw_map *map, struct cw_id key)
{
    uint32_t hole = probe(map, key);
    if (!map->full[hole])
        return false;
    /* Shift back what would no longer be found past the hole. */
    for (uint32_t next = (hole + 1) & map->mask; map->full[next]; next = (next + 1) & map->mask) {
        uint32_t home = place_of(map, key_at(map, next));
        if (((next - home) & map->mask) < ((next - hole) & map->mask))
            continue;
        memcpy(slot_at(map, hole), slot_at(map, next), map->slot_size);
        hole = next;
    }
    map->full[hole] = 0;
    map->count--;
    return true;
}

void *cw_map_next(const struct cw_map *map, uint32_t *at)
{
    while (*at <= map->mask) {
        uint32_t index = (*at)++;
        if (map->full[index])
            return slot_at(map, index);
    }
    return NULL;
}

void cw_map_prefetch(const struct cw_map *map, struct cw_id key)
{
    uint32_t index = place_of(map, key);
    __builtin_prefetch(&map->full[index]);
    __builtin_prefetch(slot_at(map, index));
}

/* --- lists --- */

void cw_lists_init(struct cw_lists *lists, size_t elem_size)
{
    CW_CHECK(elem_size >= 4 && elem_size % 4 == 0 && elem_size <= 4096);
    *lists = (struct cw_lists){ .elem_size = (uint32_t)elem_size };
}

void cw_lists_done(struct cw_lists *lists)
{
    for (int c = 0; c < CW_LIST_CLASSES; c++)
        cw_pool_done(&lists->small[c]);
}

/* The class whose capacity 1 << c is the least that holds len. */
static int class_of(uint32_t len)
{
    return len <= 1 ? 0 : 32 - __builtin_clz(len - 1);
}

static struct cw_pool *pool_of(struct cw_lists *lists, int c)
{
    CW_CHECK(c < CW_LIST_CLASSES && ((size_t)lists->elem_size << c) < UINT32_MAX / 2);
    if (lists->small[c].size == 0)
        cw_pool_init(&lists->small[c], (size_t)lists->elem_size << c);
    return &lists->small[c];
}

void *cw_list_data(const struct cw_lists *lists, struct cw_list list)
{
    return list.ref != 0 ? cw_pool_at(&lists->small[class_of(list.len)], list.ref) : NULL;
}

/* Moves the elements to the class of a new length. */
static void resize(struct cw_lists *lists, struct cw_list *list, uint32_t len)
{
    int from = class_of(list->len);
    int to = class_of(len);
    if (list->ref == 0 || from != to) {
        struct cw_pool *pool = pool_of(lists, to);
        uint32_t ref = cw_pool_new(pool);
        if (list->ref != 0) {
            uint32_t keep = list->len < len ? list->len : len;
            memcpy(cw_pool_at(pool, ref), cw_pool_at(&lists->small[from], list->ref),
                   (size_t)keep * lists->elem_size);
            cw_pool_free(&lists->small[from], list->ref);
        }
        list->ref = ref;
    }
    list->len = len;
}

void *cw_list_insert(struct cw_lists *lists, struct cw_list *list, uint32_t index)
{
    uint32_t len = list->len;
    CW_CHECK(index <= len);
    resize(lists, list, len + 1);
    uint8_t *data = cw_list_data(lists, *list);
    uint8_t *gap = data + (size_t)index * lists->elem_size;
    memmove(gap + lists->elem_size, gap, (size_t)(len - index) * lists->elem_size);
    return gap;
}

void cw_list_remove(struct cw_lists *lists, struct cw_list *list, uint32_t index)
{
    CW_CHECK(index < list->len);
    uint8_t *data = cw_list_data(lists, *list);
    uint8_t *gone = data + (size_t)index * lists->elem_size;
    memmove(gone, gone + lists->elem_size, (size_t)(list->len - index - 1) * lists->elem_size);
    if (list->len == 1)
        cw_list_clear(lists, list);
    else
        resize(lists, list, list->len - 1);
}

void cw_list_clear(struct cw_lists *lists, struct cw_list *list)
{
    if (list->ref != 0)
        cw_pool_free(&lists->small[class_of(list->len)], list->ref);
    *list = (struct cw_list){ 0 };
}

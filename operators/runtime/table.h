/*
 * table.h - where a stage keeps its state: maps, pools and lists in chunks, under 32-bit handles.
 *
 * No raw pointer is stored in a table, so that a chunk can be written and read back anywhere; a
 * pointer got from a function below is good until the next call that may grow that table. Nothing
 * here shows an order: iteration is for teardown, totals and sorted exports only.
 */
#ifndef CW_RUNTIME_TABLE_H
#define CW_RUNTIME_TABLE_H

#include <stdint.h>

#include "operators/runtime/attr.h"
#include "operators/runtime/check.h"
#include "operators/runtime/id.h"

/* --- pool: fixed objects under handles from 1; 0 is none. Objects never move. --- */
struct cw_pool {
    uint32_t size;  /* of an object, a multiple of 8 */
    uint32_t used;  /* handles ever handed out */
    uint32_t live;  /* objects in use */
    uint32_t freed; /* head of the free list */
    uint8_t **chunks;
    uint32_t chunk_count;
};

void cw_pool_init(struct cw_pool *pool, size_t object_size) CW_NONNULL(1);
void cw_pool_done(struct cw_pool *pool) CW_NONNULL(1);
/** A zeroed object. */
uint32_t cw_pool_new(struct cw_pool *pool) CW_NONNULL(1);
void cw_pool_free(struct cw_pool *pool, uint32_t handle) CW_NONNULL(1);
/* Large objects come one a chunk, small ones by the thousand. */
enum { CW_POOL_LARGE = 4096, CW_POOL_CHUNK_BITS = 10 };
static inline void *cw_pool_at(const struct cw_pool *pool, uint32_t handle)
{
    CW_CHECK(handle != 0 && handle <= pool->used);
    uint32_t index = handle - 1;
    if (pool->size > CW_POOL_LARGE)
        return pool->chunks[index];
    uint32_t in_chunk = index & ((1U << CW_POOL_CHUNK_BITS) - 1);
    return pool->chunks[index >> CW_POOL_CHUNK_BITS] + (size_t)in_chunk * pool->size;
}

/* --- map: 128-bit id to a slot of fixed size whose first 16 bytes are the id. Linear probing over
 * a power of two, at most 3/4 full; deletion shifts back, so there are no tombstones. The place of
 * a key depends on a per-process seed; iteration order means nothing. --- */
struct cw_map {
    uint32_t slot_size; /* key and value; a multiple of 8 */
    uint32_t mask;
    uint32_t count;
    uint8_t *slots;
    uint8_t *full; /* a byte a slot: 0 empty, else a tag of its key */
};

void cw_map_init(struct cw_map *map, size_t slot_size) CW_NONNULL(1);
void cw_map_done(struct cw_map *map) CW_NONNULL(1);
/** The slot of the key, or NULL. */
void *cw_map_find(const struct cw_map *map, struct cw_id key) CW_NONNULL(1);
/** The slot of the key, made zeroed but for the key if new (*is_new, optional, says so). */
void *cw_map_put(struct cw_map *map, struct cw_id key, bool *is_new) CW_NONNULL(1);
bool cw_map_remove(struct cw_map *map, struct cw_id key) CW_NONNULL(1);
/** Walks the slots: *at starts at 0; NULL at the end. Do not change the map meanwhile. */
void *cw_map_next(const struct cw_map *map, uint32_t *at) CW_NONNULL(1, 2);
void cw_map_prefetch(const struct cw_map *map, struct cw_id key) CW_NONNULL(1);

/* --- lists: arrays of fixed elements in size classes; a list is 8 bytes to keep in an object.
 * Inserting in the middle is a memmove. --- */
struct cw_list {
    uint32_t ref; /* 0: empty */
    uint32_t len;
};

enum { CW_LIST_CLASSES = 28 };
struct cw_lists {
    uint32_t elem_size;                    /* a multiple of 4 */
    struct cw_pool small[CW_LIST_CLASSES]; /* class c holds 1 << c elements */
};

void cw_lists_init(struct cw_lists *lists, size_t elem_size) CW_NONNULL(1);
void cw_lists_done(struct cw_lists *lists) CW_NONNULL(1);
/** First element, or NULL when empty; good until the list changes. */
void *cw_list_data(const struct cw_lists *lists, struct cw_list list) CW_NONNULL(1);
/** Opens a gap of one at `index` (<= len) and returns it, not zeroed. */
void *cw_list_insert(struct cw_lists *lists, struct cw_list *list, uint32_t index) CW_NONNULL(1, 2);
void cw_list_remove(struct cw_lists *lists, struct cw_list *list, uint32_t index) CW_NONNULL(1, 2);
void cw_list_clear(struct cw_lists *lists, struct cw_list *list) CW_NONNULL(1, 2);

#endif

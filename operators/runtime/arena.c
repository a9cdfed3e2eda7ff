#include "operators/runtime/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__has_feature)
#if defined(__SANITIZE_ADDRESS__)
#define CW_ASAN 1
#elif __has_feature(address_sanitizer)
#define CW_ASAN 1
#endif
#endif
#ifdef CW_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size) ASAN_POISON_MEMORY_REGION(ptr, size)
#define UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION(ptr, size)
enum { RED_ZONE = 16 }; /* so that an overflow by one byte is a report too */
#else
#define POISON(ptr, size) ((void)0)
#define UNPOISON(ptr, size) ((void)0)
enum { RED_ZONE = 0 };
#endif

enum { CHUNK = 64 * 1024, ALIGN = 16 };

struct chunk {
    struct chunk *next;
    size_t size; /* of data */
    _Alignas(ALIGN) unsigned char data[];
};

struct cw_arena {
    struct chunk *first; /* kept over resets */
    struct chunk *now;
    size_t at; /* in now->data */
    size_t used;
};

static struct chunk *chunk_new(size_t size)
{
    struct chunk *chunk = cw_realloc(NULL, sizeof(struct chunk) + size);
    chunk->next = NULL;
    chunk->size = size;
    POISON(chunk->data, size);
    return chunk;
}

struct cw_arena *cw_arena_new(void)
{
    struct cw_arena *arena = cw_new(struct cw_arena);
    arena->first = arena->now = chunk_new(CHUNK);
    return arena;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        UNPOISON(chunk->data, chunk->size);
        free(chunk);
        chunk = next;
    }
}

void cw_arena_free(struct cw_arena *arena)
{
    if (arena == NULL)
        return;
    free_chunks(arena->first);
    free(arena);
}

void *cw_arena_take(struct cw_arena *arena, size_t size)
{
    size_t need = (size + ALIGN - 1) / ALIGN * ALIGN + RED_ZONE;
    if (arena->now->size - arena->at < need) {
        struct chunk *chunk = chunk_new(need > CHUNK ? need : CHUNK);
        arena->now->next = chunk;
        arena->now = chunk;
        arena->at = 0;
    }
    void *ptr = arena->now->data + arena->at;
    arena->at += need;
    arena->used += need;
    UNPOISON(ptr, size);
    return ptr;
}

void *cw_arena_alloc(struct cw_arena *arena, size_t size)
{
    return memset(cw_arena_take(arena, size), 0, size);
}

cw_str cw_arena_copy(struct cw_arena *arena, const void *ptr, size_t len)
{
    char *copy = cw_arena_alloc(arena, len + 1);
    if (len != 0)
        memcpy(copy, ptr, len);
    return (cw_str){ copy, len };
}

cw_str cw_arena_printf(struct cw_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    char *text = cw_arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (cw_str){ text, (size_t)len };
}

void cw_arena_reset(struct cw_arena *arena)
{
    free_chunks(arena->first->next);
    arena->first->next = NULL;
    arena->now = arena->first;
    arena->at = 0;
    arena->used = 0;
    POISON(arena->first->data, arena->first->size);
}

size_t cw_arena_used(const struct cw_arena *arena)
{
    return arena->used;
}

/*
 * heap_peak.h - how much memory was asked for at most, for fuzz targets that promise a bound.
 *
 * Counts through AddressSanitizer's hooks; in a build without it nothing is counted, and the
 * promise is not tested.
 */
#ifndef CW_TESTS_HEAP_PEAK_H
#define CW_TESTS_HEAP_PEAK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *))
    __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *ptr) __attribute__((weak));

static atomic_size_t heap_now;
static atomic_size_t heap_peak;

static void heap_on_malloc(const volatile void *ptr, size_t size)
{
    (void)ptr;
    size_t now = atomic_fetch_add(&heap_now, size) + size;
    if (now > heap_peak)
        heap_peak = now;
}

static void heap_on_free(const volatile void *ptr)
{
    if (ptr != NULL)
        atomic_fetch_sub(&heap_now, __sanitizer_get_allocated_size(ptr));
}

/** At the start of an input: what is allocated now does not count. */
static inline size_t heap_mark(void)
{
    static int installed;
    if (__sanitizer_install_malloc_and_free_hooks != NULL && !installed) {
        installed = 1;
        (void)__sanitizer_install_malloc_and_free_hooks(heap_on_malloc, heap_on_free);
        heap_now = SIZE_MAX / 2; /* frees of what came before the hooks cannot take it below zero */
    }
    heap_peak = heap_now;
    return heap_now;
}

/** Ends the process if more than 64 MiB were in use at once since the mark. */
static inline void heap_check(size_t mark)
{
    size_t used = heap_peak - mark;
    if (used > (size_t)64 * 1024 * 1024) {
        fprintf(stderr, "%zu bytes in use at once\n", used);
        abort();
    }
}

#endif

#include "operators/runtime/mem.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

void cw_out_of_memory(size_t size)
{
    char text[160];
    int len = snprintf(text, sizeof(text),
                       "crosswatch: out of memory (asked for %zu bytes): raise the limit or lower "
                       "the load, then start again; the log has everything\n",
                       size);
    if (write(STDERR_FILENO, text, (size_t)len) < 0) {
        /* nowhere left to say it */
    }
    _exit(CW_EXIT_MEMORY);
}

void *cw_alloc(size_t size)
{
    void *ptr = calloc(1, size != 0 ? size : 1);
    if (ptr == NULL)
        cw_out_of_memory(size);
    return ptr;
}

void *cw_realloc(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size != 0 ? size : 1);
    if (grown == NULL)
        cw_out_of_memory(size);
    return grown;
}

static void *plain_alloc(size_t size)
{
    void *ptr = malloc(size != 0 ? size : 1);
    if (ptr == NULL)
        cw_out_of_memory(size);
    return ptr;
}

void cw_mem_for_json(void)
{
    json_set_alloc_funcs(plain_alloc, free);
}

static size_t whole_pages(size_t size)
{
    return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Aligned by mapping a page more than is wanted and giving back what is too much at both ends. */
static void *map_pages(size_t size)
{
    uint8_t *ptr =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ptr == MAP_FAILED)
        cw_out_of_memory(size);
    size_t before = (HUGE_PAGE - (uintptr_t)ptr % HUGE_PAGE) % HUGE_PAGE;
    if (before != 0)
        (void)munmap(ptr, before);
    (void)munmap(ptr + before + size, HUGE_PAGE - before);
    (void)madvise(ptr + before, size, MADV_HUGEPAGE); /* a wish: without it all works, slower */
    return ptr + before;
}

void *cw_alloc_large(size_t size)
{
    return size < HUGE_PAGE ? cw_alloc(size) : map_pages(whole_pages(size));
}

void cw_free_large(void *ptr, size_t size)
{
    if (size < HUGE_PAGE)
        free(ptr);
    else if (ptr != NULL)
        (void)munmap(ptr, whole_pages(size));
}

char *cw_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(cw_alloc(len), text, len);
}

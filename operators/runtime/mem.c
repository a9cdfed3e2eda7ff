#include "operators/runtime/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

char *cw_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(cw_alloc(len), text, len);
}

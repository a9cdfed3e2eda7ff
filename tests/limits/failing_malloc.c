/*
 * failing_malloc.c - a library to preload, by which one allocation of a program fails.
 *
 *   FAIL_AT=N      the N-th allocation, and only that one, gives NULL
 *   FAIL_FROM=N    the N-th and all that follow
 *   FAIL_LIST=FILE none fails; FILE gets the number of each allocation whose callers were not met
 *                  before, one a line, and at last "total N"
 *   FAIL_TRACE=1   the callers of the one that fails go to stderr
 *
 * Numbers count the calls of malloc, calloc and realloc since the program began. A program that
 * does the same does the same allocations, so a number names one of them.
 */
#include <execinfo.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

enum { DEPTH = 24, SEEN_BITS = 16 };

static struct {
    unsigned long count;
    unsigned long fail_at;
    unsigned long fail_from;
    int list; /* a descriptor, or -1 */
    int trace;
    int ready;
    int inside; /* our own work allocates too */
    uint64_t seen[1 << SEEN_BITS];
} state = { .list = -1 };

static unsigned long number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    void *frames[2];
    state.inside = 1;
    (void)backtrace(frames, 2); /* its first call allocates */
    state.fail_at = number("FAIL_AT");
    state.fail_from = number("FAIL_FROM");
    state.trace = getenv("FAIL_TRACE") != NULL;
    const char *list = getenv("FAIL_LIST");
    if (list != NULL)
        state.list = open(list, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    state.count = 0;
    state.inside = 0;
    state.ready = 1;
}

static void say(const char *format, unsigned long value)
{
    char text[64];
    int len = snprintf(text, sizeof(text), format, value);
    if (write(state.list, text, (size_t)len) < 0)
        _exit(99);
}

__attribute__((destructor)) static void end(void)
{
    if (state.list >= 0)
        say("total %lu\n", state.count);
}

static int is_new(void *const *frames, int depth)
{
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < depth; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * 1099511628211u;
    if (hash == 0)
        hash = 1;
    for (size_t at = hash >> (64 - SEEN_BITS);; at = (at + 1) % (1 << SEEN_BITS)) {
        if (state.seen[at] == hash)
            return 0;
        if (state.seen[at] == 0) {
            state.seen[at] = hash;
            return 1;
        }
    }
}

/* Whether this allocation is to fail. */
static int fails(void)
{
    void *frames[DEPTH];
    if (!state.ready || state.inside)
        return 0;
    state.count++;
    int failing =
        state.count == state.fail_at || (state.fail_from != 0 && state.count >= state.fail_from);
    if (state.list >= 0 || (failing && state.trace)) {
        state.inside = 1;
        int depth = backtrace(frames, DEPTH);
        if (state.list >= 0 && is_new(frames, depth))
            say("%lu\n", state.count);
        if (failing && state.trace)
            backtrace_symbols_fd(frames, depth, STDERR_FILENO);
        state.inside = 0;
    }
    return failing;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __libc_realloc(ptr, size);
}

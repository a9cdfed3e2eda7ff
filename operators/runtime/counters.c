#include "operators/runtime/counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/mem.h"

static const char magic[8] = "cwcount1";

/* The directory of the page, where it is missing: pages have one of their own beside the log. */
static void make_directory(const char *path)
{
    char dir[4096];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(dir))
        return;
    snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    (void)mkdir(dir, 0755); /* where it cannot be made, the page cannot: the next step sees to it */
}

struct cw_counters_page *cw_counters_open(const char *path, const char *stage)
{
    enum { PROTECTION = PROT_READ | PROT_WRITE };
    const size_t size = sizeof(struct cw_counters_page);
    void *page = MAP_FAILED;
    make_directory(path);
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        page = mmap(NULL, size, PROTECTION, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (page == MAP_FAILED) /* counters must never stop the work that they count */
        page = mmap(NULL, size, PROTECTION, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        page = cw_alloc(size);
    struct cw_counters_page *counters = page;
    memcpy(counters->magic, magic, sizeof(magic));
    counters->pid = (uint32_t)getpid();
    snprintf(counters->stage, sizeof(counters->stage), "%s", stage);
    return counters;
}

void cw_counters_set(struct cw_counters_page *page, const char *name, int64_t value)
{
    enum { KEPT = sizeof(page->of[0].name) - 1 }; /* of a longer name */
    uint32_t i = 0;
    while (i < page->count && strncmp(page->of[i].name, name, KEPT) != 0)
        i++;
    if (i == CW_COUNTERS_MAX)
        return;
    if (i == page->count) {
        snprintf(page->of[i].name, sizeof(page->of[i].name), "%s", name);
        page->of[i].value = value;
        page->count++; /* last: a reader sees only whole entries */
        return;
    }
    page->of[i].value = value;
}

void cw_counters_totals(struct cw_counters_page *page, const struct cw_totals *totals)
{
    for (size_t i = 0; i < totals->count; i++)
        cw_counters_set(page, totals->of[i].name, totals->of[i].value);
}

bool cw_counters_read(const char *path, struct cw_counters_page *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, sizeof(*out));
    close(fd);
    return n == (ssize_t)sizeof(*out) && memcmp(out->magic, magic, sizeof(magic)) == 0 &&
           out->count <= CW_COUNTERS_MAX;
}

#include "operators/runtime/counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operators/runtime/mem.h"

static const char magic[8] = "cwcount1";

struct cw_counters_page *cw_counters_open(const char *path, const char *stage)
{
    struct cw_counters_page *page = NULL;
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (fd >= 0 && ftruncate(fd, sizeof(*page)) == 0) {
        void *mapped = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped != MAP_FAILED)
            page = mapped;
    }
    if (fd >= 0)
        close(fd);
    if (page == NULL) /* counters must never stop the work that they count */
        page = cw_new(struct cw_counters_page);
    memcpy(page->magic, magic, sizeof(magic));
    page->pid = (uint32_t)getpid();
    snprintf(page->stage, sizeof(page->stage), "%s", stage);
    return page;
}

void cw_counters_set(struct cw_counters_page *page, const char *name, int64_t value)
{
    uint32_t i = 0;
    while (i < page->count && strcmp(page->of[i].name, name) != 0)
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

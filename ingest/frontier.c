#include "ingest/frontier.h"

#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

struct mark {
    int64_t lateness[CW_TYPES_MAX + 1]; /* negative: not declared */
    int64_t greatest[CW_TYPES_MAX + 1]; /* time_lo; CW_TIME_MIN: none yet */
    bool ended;
};

struct cw_frontier {
    size_t count;
    struct mark *marks;
    int64_t at[CW_TYPES_MAX + 1];
};

struct cw_frontier *cw_frontier_new(size_t sources)
{
    struct cw_frontier *frontier = cw_new(struct cw_frontier);
    frontier->count = sources;
    frontier->marks = cw_alloc(sources * sizeof(*frontier->marks));
    for (size_t s = 0; s < sources; s++) {
        for (size_t t = 0; t <= CW_TYPES_MAX; t++) {
            frontier->marks[s].lateness[t] = -1;
            frontier->marks[s].greatest[t] = CW_TIME_MIN;
        }
    }
    for (size_t t = 0; t <= CW_TYPES_MAX; t++)
        frontier->at[t] = CW_TIME_MIN;
    return frontier;
}

void cw_frontier_free(struct cw_frontier *frontier)
{
    if (frontier == NULL)
        return;
    free(frontier->marks);
    free(frontier);
}

static bool is_point(uint16_t number)
{
    const struct cw_type *type = cw_type_by_number(number);
    return type != NULL && !type->standing;
}

void cw_frontier_declare(struct cw_frontier *frontier, size_t source,
                         const int64_t lateness[CW_TYPES_MAX + 1])
{
    CW_CHECK(source < frontier->count);
    for (size_t t = 1; t <= CW_TYPES_MAX; t++)
        frontier->marks[source].lateness[t] = is_point((uint16_t)t) ? lateness[t] : -1;
}

void cw_frontier_admit(struct cw_frontier *frontier, size_t source, uint16_t type, int64_t time_lo)
{
    CW_CHECK(source < frontier->count && type <= CW_TYPES_MAX);
    struct mark *mark = &frontier->marks[source];
    if (time_lo > mark->greatest[type])
        mark->greatest[type] = time_lo;
}

void cw_frontier_end(struct cw_frontier *frontier, size_t source)
{
    CW_CHECK(source < frontier->count);
    frontier->marks[source].ended = true;
}

void cw_frontier_hold(struct cw_frontier *frontier, uint16_t type, int64_t time)
{
    CW_CHECK(type <= CW_TYPES_MAX);
    if (time > frontier->at[type])
        frontier->at[type] = time;
}

static int64_t least_watermark(const struct cw_frontier *frontier, uint16_t type)
{
    int64_t least = CW_TIME_MAX;
    for (size_t s = 0; s < frontier->count; s++) {
        const struct mark *mark = &frontier->marks[s];
        if (mark->ended || mark->lateness[type] < 0)
            continue;
        int64_t watermark = cw_time_add(mark->greatest[type], -mark->lateness[type]);
        if (watermark < least)
            least = watermark;
    }
    return least;
}

void cw_frontier_advance(struct cw_frontier *frontier)
{
    for (size_t t = 0; t <= CW_TYPES_MAX; t++)
        cw_frontier_hold(frontier, (uint16_t)t, least_watermark(frontier, (uint16_t)t));
}

int64_t cw_frontier_at(const struct cw_frontier *frontier, uint16_t type)
{
    CW_CHECK(type <= CW_TYPES_MAX);
    return frontier->at[type];
}

#include "operators/link/support.h"

#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

void cw_support_lists_init(struct cw_lists *lists)
{
    cw_lists_init(lists, sizeof(struct cw_support));
}

int cw_support_cmp(const struct cw_support *a, const struct cw_support *b)
{
    if (a->recorded_at != b->recorded_at)
        return a->recorded_at < b->recorded_at ? -1 : 1;
    int order = cw_id_cmp(a->identity, b->identity);
    if (order != 0)
        return order;
    return (a->part > b->part) - (a->part < b->part);
}

/* The heaps' order: two versions of one mention lie at two positions. */
static int compare(const struct cw_support *a, const struct cw_support *b)
{
    int order = cw_support_cmp(a, b);
    return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

static int compare_void(const void *a, const void *b)
{
    return compare(a, b);
}

/* True: it is the top. */
static bool push(struct cw_lists *lists, struct cw_list *heap, const struct cw_support *one)
{
    uint32_t at = heap->len;
    (void)cw_list_insert(lists, heap, at);
    struct cw_support *items = cw_list_data(lists, *heap);
    for (; at > 0 && compare(one, &items[(at - 1) / 2]) < 0; at = (at - 1) / 2)
        items[at] = items[(at - 1) / 2];
    items[at] = *one;
    return at == 0;
}

static void pop(struct cw_lists *lists, struct cw_list *heap)
{
    struct cw_support *items = cw_list_data(lists, *heap);
    uint32_t count = heap->len - 1;
    struct cw_support last = items[count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && compare(&items[child + 1], &items[child]) < 0)
            child++;
        if (compare(&last, &items[child]) <= 0)
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = last;
    cw_list_remove(lists, heap, count);
}

static void settle(struct cw_lists *lists, struct cw_supports *set)
{
    while (set->went.len > 0) {
        const struct cw_support *came = cw_list_data(lists, set->came);
        const struct cw_support *went = cw_list_data(lists, set->went);
        CW_CHECK(set->came.len > 0);
        if (compare(came, went) != 0)
            return;
        pop(lists, &set->came);
        pop(lists, &set->went);
    }
}

bool cw_support_add(struct cw_lists *lists, struct cw_supports *set, const struct cw_support *one)
{
    /* Tops that were not equal stay so below a top that stays. */
    if (!push(lists, &set->came, one))
        return false;
    settle(lists, set);
    return true;
}

/* While the least mention stays, younger ones that come and go would pile up behind it: once half
 * of what came has gone, the heap is made anew, which pays for itself. */
static void compact(struct cw_lists *lists, struct cw_supports *set)
{
    uint32_t count = cw_support_count(set);
    struct cw_support *live = cw_alloc((size_t)count * sizeof(*live));
    cw_support_copy(lists, set, live);
    cw_list_clear(lists, &set->came);
    cw_list_clear(lists, &set->went);
    for (uint32_t i = 0; i < count; i++)
        (void)push(lists, &set->came, &live[i]);
    free(live);
}

void cw_support_remove(struct cw_lists *lists, struct cw_supports *set,
                       const struct cw_support *one)
{
    enum { FEW = 32 };
    CW_CHECK(cw_support_count(set) > 0);
    (void)push(lists, &set->went, one);
    settle(lists, set);
    if (set->went.len > FEW && set->went.len > set->came.len / 2)
        compact(lists, set);
}

const struct cw_support *cw_support_least(struct cw_lists *lists, struct cw_supports *set)
{
    settle(lists, set);
    return cw_support_count(set) > 0 ? cw_list_data(lists, set->came) : NULL;
}

void cw_support_copy(const struct cw_lists *lists, const struct cw_supports *set,
                     struct cw_support *out)
{
    uint32_t came_count = set->came.len;
    uint32_t went_count = set->went.len;
    if (came_count == 0)
        return;
    struct cw_support *came = cw_alloc((size_t)came_count * sizeof(*came));
    struct cw_support *went = cw_alloc((size_t)went_count * sizeof(*went));
    memcpy(came, cw_list_data(lists, set->came), (size_t)came_count * sizeof(*came));
    if (went_count > 0)
        memcpy(went, cw_list_data(lists, set->went), (size_t)went_count * sizeof(*went));
    qsort(came, came_count, sizeof(*came), compare_void);
    qsort(went, went_count, sizeof(*went), compare_void);
    uint32_t n = 0;
    for (uint32_t i = 0, j = 0; i < came_count; i++) {
        if (j < went_count && compare(&came[i], &went[j]) == 0)
            j++;
        else
            out[n++] = came[i];
    }
    CW_CHECK(n == cw_support_count(set));
    free(came);
    free(went);
}

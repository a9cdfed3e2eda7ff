#include "operators/dedup/dedup.h"

#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/table.h"
#include "operators/runtime/time.h"

/*
 * The register of one event: its greatest admitted version. A withdrawal leaves a tombstone, so
 * that no lower version can come back to life.
 */
struct fact {
    struct cw_id identity;
    struct cw_id content;
    uint64_t position; /* of the version in force */
    int64_t version;
    int64_t retain_until;
    int64_t recorded_at;
    bool withdrawn;
};

/* When what is known of an event ends. An entry whose fact has moved on since is skipped. */
struct expiry {
    int64_t retain_until;
    struct cw_id identity;
};

struct cw_dedup {
    struct cw_log *log;
    struct cw_map facts;
    int64_t retention;       /* R of the last tick */
    struct expiry *expiries; /* a binary heap; kept only from the first R above -inf */
    size_t expiry_count;
    size_t expiry_cap;
    struct cw_totals totals;
    int64_t *of_admitted, *of_facts, *of_duplicate, *of_stale, *of_conflict, *of_amended,
        *of_withdrawn, *of_unknown, *of_expired, *of_ended, *of_breach;
};

struct cw_dedup *cw_dedup_new(struct cw_log *log)
{
    struct cw_dedup *dedup = cw_new(struct cw_dedup);
    dedup->log = log;
    dedup->retention = CW_TIME_MIN;
    cw_map_init(&dedup->facts, sizeof(struct fact));
    dedup->of_admitted = cw_total(&dedup->totals, "dedup.admitted");
    dedup->of_facts = cw_total(&dedup->totals, "dedup.facts");
    dedup->of_duplicate = cw_total(&dedup->totals, "dedup.duplicate");
    dedup->of_stale = cw_total(&dedup->totals, "dedup.stale_version");
    dedup->of_conflict = cw_total(&dedup->totals, "dedup.version_conflict");
    dedup->of_amended = cw_total(&dedup->totals, "dedup.amended");
    dedup->of_withdrawn = cw_total(&dedup->totals, "dedup.withdrawn");
    dedup->of_unknown = cw_total(&dedup->totals, "dedup.withdraw_unknown");
    dedup->of_expired = cw_total(&dedup->totals, "dedup.expired");
    dedup->of_ended = cw_total(&dedup->totals, "dedup.retention_ended");
    dedup->of_breach = cw_total(&dedup->totals, "dedup.contract_breach");
    return dedup;
}

static void dedup_free(void *self)
{
    struct cw_dedup *dedup = self;
    if (dedup == NULL)
        return;
    cw_map_done(&dedup->facts);
    free(dedup->expiries);
    free(dedup);
}

const struct cw_totals *cw_dedup_totals(const struct cw_dedup *dedup)
{
    return &dedup->totals;
}

/* --- retention --- */

static int compare_expiries(const struct expiry *a, const struct expiry *b)
{
    if (a->retain_until != b->retain_until)
        return a->retain_until < b->retain_until ? -1 : 1;
    return cw_id_cmp(a->identity, b->identity);
}

static void push_expiry(struct cw_dedup *dedup, const struct fact *fact)
{
    if (dedup->expiry_count == dedup->expiry_cap) {
        dedup->expiry_cap = dedup->expiry_cap != 0 ? 2 * dedup->expiry_cap : 1024;
        dedup->expiries = cw_realloc(dedup->expiries, dedup->expiry_cap * sizeof(*dedup->expiries));
    }
    struct expiry entry = { fact->retain_until, fact->identity };
    size_t at = dedup->expiry_count++;
    for (; at > 0 && compare_expiries(&entry, &dedup->expiries[(at - 1) / 2]) < 0;
         at = (at - 1) / 2)
        dedup->expiries[at] = dedup->expiries[(at - 1) / 2];
    dedup->expiries[at] = entry;
}

static struct expiry pop_expiry(struct cw_dedup *dedup)
{
    struct expiry *heap = dedup->expiries;
    struct expiry top = heap[0];
    struct expiry last = heap[--dedup->expiry_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= dedup->expiry_count)
            break;
        if (child + 1 < dedup->expiry_count && compare_expiries(&heap[child + 1], &heap[child]) < 0)
            child++;
        if (compare_expiries(&last, &heap[child]) <= 0)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

/* While R is -inf nothing ends and no heap is kept; the first R builds it. */
static void set_retention(struct cw_dedup *dedup, int64_t retention)
{
    bool first = dedup->retention == CW_TIME_MIN && retention != CW_TIME_MIN;
    dedup->retention = retention;
    if (!first)
        return;
    uint32_t at = 0;
    for (const struct fact *fact; (fact = cw_map_next(&dedup->facts, &at)) != NULL;)
        push_expiry(dedup, fact);
}

static void keep(struct cw_dedup *dedup, const struct fact *fact)
{
    if (dedup->retention != CW_TIME_MIN)
        push_expiry(dedup, fact);
}

/* --- what is sent --- */

static void send_holds(struct cw_out *out, const struct cw_frame *frame)
{
    size_t at = out->buf.len;
    cw_out_frame(out, frame);
    struct cw_frame *sent = cw_frame_at(&out->buf, at);
    sent->sign = 1;
    sent->crc = 0;
}

/* -e with the body that the log holds; `more`: the new version follows in the same unit. */
static int send_no_longer(struct cw_dedup *dedup, const struct fact *fact, bool more,
                          struct cw_out *out)
{
    const struct cw_frame *old = cw_log_get(dedup->log, fact->position);
    if (old == NULL) {
        fprintf(stderr, "crosswatch: dedup: the log has no frame at position %llu: %s\n",
                (unsigned long long)fact->position, cw_log_error(dedup->log));
        return CW_EXIT_DAMAGED;
    }
    size_t at = out->buf.len;
    cw_out_frame(out, old);
    struct cw_frame *sent = cw_frame_at(&out->buf, at);
    sent->sign = -1;
    sent->crc = 0;
    if (more)
        sent->flags |= CW_MORE;
    return CW_EXIT_OK;
}

/* --- the register --- */

static bool is_withdrawal(const struct cw_frame *frame)
{
    return (frame->flags & CW_WITHDRAW) != 0;
}

/* (version, withdrawal after content, content hash). Two withdrawals of one version are one. */
static int compare_versions(const struct cw_frame *frame, const struct fact *fact)
{
    if (frame->version != fact->version)
        return frame->version < fact->version ? -1 : 1;
    bool withdraws = is_withdrawal(frame);
    if (withdraws != fact->withdrawn)
        return withdraws ? 1 : -1;
    return withdraws ? 0 : cw_id_cmp(frame->content, fact->content);
}

static void take_over(struct fact *fact, const struct cw_frame *frame)
{
    fact->content = frame->content;
    fact->position = frame->position;
    fact->version = frame->version;
    fact->retain_until = frame->retain_until;
    fact->recorded_at = frame->recorded_at;
    fact->withdrawn = is_withdrawal(frame);
}

static void count_breach(struct cw_dedup *dedup, const struct fact *fact,
                         const struct cw_frame *frame)
{
    bool content = !fact->withdrawn && !is_withdrawal(frame);
    if (content &&
        (frame->recorded_at != fact->recorded_at || frame->retain_until < fact->retain_until))
        (*dedup->of_breach)++;
}

static int replace(struct cw_dedup *dedup, struct fact *fact, const struct cw_frame *frame,
                   struct cw_out *out)
{
    bool had = !fact->withdrawn;
    bool has = !is_withdrawal(frame);
    if (had) {
        int status = send_no_longer(dedup, fact, has, out);
        if (status != CW_EXIT_OK)
            return status;
    }
    count_breach(dedup, fact, frame);
    take_over(fact, frame);
    keep(dedup, fact);
    if (has)
        send_holds(out, frame);
    *dedup->of_facts += has - had;
    if (had && has)
        (*dedup->of_amended)++;
    else if (had)
        (*dedup->of_withdrawn)++;
    return CW_EXIT_OK;
}

static void first(struct cw_dedup *dedup, struct fact *fact, const struct cw_frame *frame,
                  struct cw_out *out)
{
    take_over(fact, frame);
    keep(dedup, fact);
    if (fact->withdrawn) {
        (*dedup->of_unknown)++;
        return;
    }
    (*dedup->of_facts)++;
    send_holds(out, frame);
}

static int event(struct cw_dedup *dedup, const struct cw_frame *frame, struct cw_out *out)
{
    (*dedup->of_admitted)++;
    if (!is_withdrawal(frame) && frame->retain_until <= dedup->retention) {
        (*dedup->of_expired)++;
        return CW_EXIT_OK;
    }
    bool is_new;
    struct fact *fact = cw_map_put(&dedup->facts, frame->identity, &is_new);
    if (is_new) {
        first(dedup, fact, frame, out);
        return CW_EXIT_OK;
    }
    int order = compare_versions(frame, fact);
    if (order == 0) {
        (*dedup->of_duplicate)++;
        return CW_EXIT_OK;
    }
    if (frame->version == fact->version && is_withdrawal(frame) == fact->withdrawn)
        (*dedup->of_conflict)++;
    else if (order < 0)
        (*dedup->of_stale)++;
    return order > 0 ? replace(dedup, fact, frame, out) : CW_EXIT_OK;
}

/* The tick goes first, then what ends at R in the order (retain-until, identity), then the close.
 */
static int tick(struct cw_dedup *dedup, const struct cw_frame *frame, struct cw_out *out)
{
    struct cw_tick body;
    if (!cw_tick_get(frame, &body)) {
        fprintf(stderr, "crosswatch: dedup: the tick at position %llu does not read\n",
                (unsigned long long)frame->position);
        return CW_EXIT_DAMAGED;
    }
    cw_out_frame(out, frame);
    set_retention(dedup, body.retention);
    while (dedup->expiry_count > 0 && dedup->expiries[0].retain_until <= dedup->retention) {
        struct expiry ended = pop_expiry(dedup);
        struct fact *fact = cw_map_find(&dedup->facts, ended.identity);
        if (fact == NULL || fact->retain_until != ended.retain_until)
            continue;
        if (!fact->withdrawn) {
            int status = send_no_longer(dedup, fact, false, out);
            if (status != CW_EXIT_OK)
                return status;
            (*dedup->of_facts)--;
            (*dedup->of_ended)++;
        }
        cw_map_remove(&dedup->facts, ended.identity);
    }
    struct cw_close close = { .n = body.n, .totals = dedup->totals };
    struct cw_buf text = { 0 };
    cw_close_put(&text, &close);
    cw_out_control(out, CW_CLOSE, text.data, text.len);
    cw_buf_done(&text);
    return CW_EXIT_OK;
}

/* So many registers are on their way from memory while one is at work; more would push each other
 * out of the nearest cache. Frames come earlier still: where the register lies stands in them. */
enum { AHEAD = 16, FRAMES_AHEAD = 2 * AHEAD, LINE = 64, LINES = 8 };

static inline void ask_for(const struct cw_dedup *dedup, const struct cw_frame *frame)
{
    if (frame->kind == CW_EVENT)
        cw_map_prefetch(&dedup->facts, frame->identity);
}

static void look_ahead(const struct cw_dedup *dedup, const struct cw_batch *in, size_t from)
{
    if (from + FRAMES_AHEAD < in->count) {
        const char *frame = (const char *)in->frames[from + FRAMES_AHEAD];
        for (size_t i = 0; i < LINES; i++)
            __builtin_prefetch(frame + i * LINE);
    }
    if (from + AHEAD < in->count)
        ask_for(dedup, in->frames[from + AHEAD]);
}

static int dedup_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct cw_dedup *dedup = self;
    for (size_t i = 0; i < in->count && i < AHEAD; i++)
        ask_for(dedup, in->frames[i]);
    for (size_t i = 0; i < in->count; i++) {
        const struct cw_frame *frame = in->frames[i];
        look_ahead(dedup, in, i);
        int status = CW_EXIT_OK;
        if (frame->kind == CW_EVENT)
            status = event(dedup, frame, out);
        else if (frame->kind == CW_TICK)
            status = tick(dedup, frame, out);
        else if (frame->kind != CW_REJECT) /* a dead letter concerns nobody behind ingest */
            cw_out_frame(out, frame);
        if (status != CW_EXIT_OK)
            return status;
    }
    return CW_EXIT_OK;
}

const struct cw_stage cw_dedup_stage = { "dedup", dedup_batch, dedup_free };

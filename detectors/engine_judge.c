#include <stdlib.h>

#include "detectors/engine.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* A member of the line: its entries joined, whatever sublines they lie in. */
struct member {
    uint32_t first; /* its entries are [first, end) of those gathered */
    uint32_t end;
};

struct members {
    const struct cw_entry *entries;
    const struct member *of;
    size_t count;
};

/* Members [from, to): a part of an alert's evidence. */
struct span {
    size_t from;
    size_t to;
};

/* An alert as found in a cell. */
struct finding {
    int64_t cell;
    int64_t first; /* satisfied anchors */
    int64_t last;
    const int64_t *values; /* by criterion; of standing rules the number of hits */
    bool continues;
    const struct cw_stand *notice; /* standing rules */
};

/* The judging of one line, within cells [lo, hi]. */
struct judging {
    struct cw_detect *detect;
    const struct cw_rule *rule;
    const struct cw_plan *plan;
    uint32_t handle;
    struct cw_line *line;
    int64_t lo;
    int64_t hi;
    uint64_t scanned;
    int64_t countries;            /* distinct ones in the window */
    const struct cw_watch *watch; /* NULL: judged for good */
};

/* --- cells --- */

static int64_t cell_start(const struct cw_rule *rule, int64_t cell)
{
    int64_t start;
    if (__builtin_mul_overflow(cell, rule->cell_span, &start))
        return cell < 0 ? CW_TIME_MIN : CW_TIME_MAX;
    return start;
}

static int64_t cell_of(const struct cw_rule *rule, int64_t time)
{
    return cw_floor_div(time, rule->cell_span);
}

/* Index of the first cell not before (notice, cell). */
static uint32_t cell_place(const struct cw_detect *detect, const struct cw_line *line,
                           struct cw_id notice, int64_t cell)
{
    const struct cw_cell *cells = cw_list_data(&detect->cells, line->cells);
    uint32_t from = 0, to = line->cells.len;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = cw_id_cmp(cells[middle].notice, notice);
        if (order < 0 || (order == 0 && cells[middle].cell < cell))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct cw_cell *cell_find(const struct cw_detect *detect, const struct cw_line *line,
                                 struct cw_id notice, int64_t cell)
{
    uint32_t index = cell_place(detect, line, notice, cell);
    struct cw_cell *cells = cw_list_data(&detect->cells, line->cells);
    if (index < line->cells.len && cells[index].cell == cell &&
        cw_id_eq(cells[index].notice, notice))
        return &cells[index];
    return NULL;
}

static struct cw_cell *cell_make(struct cw_detect *detect, struct cw_line *line,
                                 struct cw_id notice, int64_t cell)
{
    struct cw_cell *found = cell_find(detect, line, notice, cell);
    if (found != NULL)
        return found;
    uint32_t index = cell_place(detect, line, notice, cell);
    struct cw_cell *made = cw_list_insert(&detect->cells, &line->cells, index);
    *made = (struct cw_cell){ .notice = notice, .cell = cell };
    return made;
}

/* --- gathering --- */

static uint32_t first_not_before(const struct cw_entry *entries, uint32_t count, int64_t time)
{
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (entries[middle].time_lo < time)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void merge_runs(const struct cw_detect *detect, const struct cw_entry *from, size_t start,
                       size_t middle, size_t end, struct cw_entry *to)
{
    size_t left = start, right = middle;
    for (size_t i = start; i < end; i++) {
        bool take_right = right < end && (left == middle || cw_entry_event_cmp(detect, &from[right],
                                                                               &from[left]) < 0);
        to[i] = from[take_right ? right++ : left++];
    }
}

/* Merges sorted runs, two by two, between the two buffers. `ends` holds where each run ends. */
static const struct cw_entry *merge_all(struct cw_detect *detect, size_t *ends, size_t runs)
{
    struct cw_buf *from = &detect->merged[0], *to = &detect->merged[1];
    to->len = 0;
    cw_buf_extend(to, from->len);
    while (runs > 1) {
        struct cw_entry *source = (struct cw_entry *)(void *)from->data;
        struct cw_entry *target = (struct cw_entry *)(void *)to->data;
        size_t kept = 0, start = 0;
        for (size_t i = 0; i < runs; i += 2) {
            size_t end = ends[i + 1 < runs ? i + 1 : i];
            merge_runs(detect, source, start, ends[i], end, target);
            ends[kept++] = end;
            start = end;
        }
        runs = kept;
        struct cw_buf *swap = from;
        from = to;
        to = swap;
    }
    return (const struct cw_entry *)(const void *)from->data;
}

/* The line's entries with time_lo in [from, to), in canonical order. One subline is read where it
 * lies; several are merged. */
static const struct cw_entry *gather(struct judging *judging, int64_t from, int64_t to,
                                     size_t *count)
{
    struct cw_detect *detect = judging->detect;
    struct cw_buf *merged = &detect->merged[0], *bounds = &detect->bounds;
    const uint32_t *sublines = cw_list_data(&detect->handles, judging->line->sublines);
    const struct cw_entry *alone = NULL;
    merged->len = 0;
    bounds->len = 0;
    for (uint32_t i = 0; i < judging->line->sublines.len; i++) {
        struct cw_subline *subline = cw_subline_at(detect, sublines[i]);
        cw_engine_settle(detect, subline);
        struct cw_list list = subline->entries;
        const struct cw_entry *entries = cw_list_data(&detect->entries, list);
        uint32_t start = first_not_before(entries, list.len, from);
        uint32_t end = first_not_before(entries, list.len, to);
        if (start >= end)
            continue;
        alone = entries + start;
        *count = end - start;
        if (judging->line->sublines.len == 1)
            break;
        cw_buf_put(merged, alone, *count * sizeof(*alone));
        size_t total = merged->len / sizeof(*alone);
        cw_buf_put(bounds, &total, sizeof(total));
    }
    if (alone == NULL) {
        *count = 0;
        return NULL;
    }
    size_t runs = bounds->len / sizeof(size_t);
    if (runs > 1) {
        *count = merged->len / sizeof(*alone);
        alone = merge_all(detect, (size_t *)(void *)bounds->data, runs);
    }
    judging->scanned += *count;
    return alone;
}

/* Entries of one event, whatever parts and records led to the key, are one member. */
static struct members join(struct judging *judging, const struct cw_entry *entries, size_t count)
{
    CW_CHECK(count < UINT32_MAX);
    struct cw_buf *buf = &judging->detect->members;
    buf->len = 0;
    struct member *of = (struct member *)(void *)cw_buf_extend(buf, count * sizeof(*of));
    size_t filled = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (filled != 0 && entries[i - 1].fact == entries[i].fact)
            of[filled - 1].end = i + 1;
        else
            of[filled++] = (struct member){ i, i + 1 };
    }
    return (struct members){ entries, of, filled };
}

static int64_t time_of(const struct members *members, size_t m)
{
    return members->entries[members->of[m].first].time_lo;
}

static const struct cw_fact *fact_of(const struct judging *judging, const struct members *members,
                                     size_t m)
{
    return cw_fact_at(judging->detect, members->entries[members->of[m].first].fact);
}

static uint16_t part_of(const struct members *members, size_t m)
{
    const struct member *member = &members->of[m];
    uint16_t part = members->entries[member->first].part;
    for (uint32_t i = member->first + 1; i < member->end; i++)
        part = members->entries[i].part < part ? members->entries[i].part : part;
    return part;
}

/* --- rows --- */

static cw_str key_text(struct cw_detect *detect, const struct cw_line *line, uint32_t place)
{
    const uint32_t *sublines = cw_list_data(&detect->handles, line->sublines);
    const struct cw_subline *subline = cw_subline_at(detect, sublines[0]);
    const struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    const struct cw_raw_key *raw = cw_pool_at(&detect->raws, keys[place].raw);
    return (cw_str){ cw_list_data(&detect->texts, raw->text), raw->text_len };
}

static bool is_entity_key(struct cw_detect *detect, const struct cw_line *line, uint32_t place)
{
    const uint32_t *sublines = cw_list_data(&detect->handles, line->sublines);
    const struct cw_subline *subline = cw_subline_at(detect, sublines[0]);
    const struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    return keys[place].record != 0;
}

static cw_str hex_text(struct cw_detect *detect, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    return cw_arena_copy(detect->arena, hex, CW_ID_HEX - 1);
}

/* The key ids as in the alert's id: those of the line, then the notice. */
static struct cw_id *key_ids(struct cw_detect *detect, const struct cw_line *line,
                             const struct cw_rule *rule, struct cw_id notice, size_t *count)
{
    const struct cw_id *own = cw_list_data(&detect->ids, line->keys);
    *count = line->keys.len + (rule->type == CW_RULE_STANDING);
    struct cw_id *ids = cw_arena_alloc(detect->arena, *count * sizeof(*ids));
    memcpy(ids, own, line->keys.len * sizeof(*ids));
    if (rule->type == CW_RULE_STANDING)
        ids[line->keys.len] = notice;
    return ids;
}

static void name_row(struct judging *judging, struct cw_id notice, int64_t cell, struct cw_row *row)
{
    struct cw_detect *detect = judging->detect;
    const struct cw_rule *rule = judging->rule;
    size_t count;
    struct cw_id *ids = key_ids(detect, judging->line, rule, notice, &count);
    row->alert = cw_id_alert(detect->secret, rule->id, rule->cell_span, ids, count, cell);
    row->case_id = cw_id_case(detect->secret, rule->id, ids, count);
    row->rule = rule->id;
    row->cell = cell;
    row->key_count = count;
    row->keys = cw_arena_alloc(detect->arena, count * sizeof(*row->keys));
    for (size_t i = 0; i < count; i++)
        row->keys[i].id = ids[i];
}

static void text_keys(struct judging *judging, struct cw_row *row)
{
    struct cw_detect *detect = judging->detect;
    for (uint32_t i = 0; i < row->key_count; i++) {
        struct cw_row_key *key = &row->keys[i];
        bool of_rule = i < judging->rule->group_by_count;
        key->is_entity = of_rule && is_entity_key(detect, judging->line, i);
        key->text = of_rule && !key->is_entity ? key_text(detect, judging->line, i)
                                               : hex_text(detect, key->id);
    }
}

static bool evidence_before(const struct cw_row_evidence *a, const struct cw_row_evidence *b)
{
    if (a->time_lo != b->time_lo)
        return a->time_lo < b->time_lo;
    int order = cw_id_cmp(a->identity, b->identity);
    return order != 0 ? order < 0 : a->part < b->part;
}

/* The notice goes where canonical order has it; it is shown whatever `keep` says. */
static void show_notice(const struct cw_detect *detect, struct cw_row *row,
                        const struct cw_stand *notice)
{
    const struct cw_fact *fact = cw_fact_at(detect, notice->fact);
    struct cw_row_evidence one = { .position = fact->position,
                                   .identity = fact->identity,
                                   .time_lo = fact->time_lo,
                                   .part = (uint16_t)notice->part,
                                   .is_rule = 1 };
    size_t at = row->shown_count++;
    for (; at > 0 && evidence_before(&one, &row->shown[at - 1]); at--)
        row->shown[at] = row->shown[at - 1];
    row->shown[at] = one;
    row->evidence_count++;
    row->first = one.time_lo < row->first ? one.time_lo : row->first;
    row->last = one.time_lo > row->last ? one.time_lo : row->last;
}

/* Fills evidence from the spans: the earliest half of `keep` and the latest. */
static void show(struct judging *judging, const struct members *members, struct cw_row *row)
{
    const struct span *spans = (const struct span *)(const void *)judging->detect->spans.data;
    size_t span_count = judging->detect->spans.len / sizeof(*spans);
    size_t total = 0;
    for (size_t i = 0; i < span_count; i++)
        total += spans[i].to - spans[i].from;
    CW_CHECK(total > 0 && total < UINT32_MAX);
    size_t keep = judging->rule->keep < CW_SHOWN_MAX ? judging->rule->keep : (size_t)CW_SHOWN_MAX;
    size_t early = total <= keep ? total : keep - keep / 2;
    size_t late_from = total <= keep ? total : total - keep / 2;
    row->shown = cw_arena_alloc(judging->detect->arena, (keep + 1) * sizeof(*row->shown));
    size_t rank = 0;
    for (size_t i = 0; i < span_count; i++) {
        for (size_t m = spans[i].from; m < spans[i].to; m++, rank++) {
            if (rank >= early && rank < late_from) {
                size_t skip =
                    late_from - rank < spans[i].to - m ? late_from - rank : spans[i].to - m;
                m += skip - 1; /* the loop adds one */
                rank += skip - 1;
                continue;
            }
            const struct cw_fact *fact = fact_of(judging, members, m);
            row->shown[row->shown_count++] = (struct cw_row_evidence){
                .position = fact->position,
                .identity = fact->identity,
                .time_lo = fact->time_lo,
                .part = part_of(members, m),
            };
        }
    }
    row->evidence_count = (uint32_t)total;
    row->first = time_of(members, spans[0].from);
    row->last = time_of(members, spans[span_count - 1].to - 1);
}

/*
 * Of all that the row says. Positions too: the sink formats the row from what stands there, and an
 * amendment may change what is shown and nothing else. (A row that reads the same after all is not
 * written by the sink.)
 */
static struct cw_id hash_of(struct cw_detect *detect, const struct cw_row *row)
{
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_row_put(buf, row);
    return cw_id_inside(detect->secret, buf);
}

static void wait_for_close(struct judging *judging, struct cw_cell *cell, const struct cw_row *row,
                           struct cw_id hash)
{
    struct cw_detect *detect = judging->detect;
    struct cw_buf *buf = &detect->encoded;
    buf->len = 0;
    cw_row_put(buf, row);
    struct cw_frame header = { .kind = CW_ROW, .position = detect->tick.n };
    struct cw_pending pending = {
        .rule = judging->rule->number,
        .line = judging->handle,
        .alert = row->alert,
        .notice = cell->notice,
        .cell = cell->cell,
        .hash = hash,
        .seq = detect->tick.pending.len,
        .offset = cw_frame_put(&detect->tick.rows, &header, NULL, 0, buf->data, buf->len),
        .gone = row->gone,
    };
    cw_buf_put(&detect->tick.pending, &pending, sizeof(pending));
    cell->pending = 1;
}

/* --- what all evidence together demands --- */

/* Of a record's entity; record 0: a plain value. */
static uint32_t basis_of(const struct cw_detect *detect, uint32_t record)
{
    if (record == 0)
        return CW_RESTRICTION_NONE;
    return ((const struct cw_known_record *)cw_pool_at(&detect->records, record))->basis;
}

/* Most are equal to what there is, or none. */
static uint32_t join_restriction(const struct cw_detect *detect, uint32_t all, uint32_t one)
{
    if (one == all || one == CW_RESTRICTION_NONE)
        return all;
    return cw_restriction_join(detect->restrictions, all, one);
}

/* What the member demands on top of `so_far`. */
static uint32_t restriction_of(struct judging *judging, const struct members *members, size_t m,
                               uint32_t so_far)
{
    struct cw_detect *detect = judging->detect;
    const struct member *member = &members->of[m];
    uint32_t all = join_restriction(detect, so_far, fact_of(judging, members, m)->restriction);
    for (uint32_t i = member->first; i < member->end; i++) {
        const struct cw_entry *entry = &members->entries[i];
        if ((entry->what & CW_ENTRY_RECORD) != 0)
            all = join_restriction(detect, all, basis_of(detect, entry->value));
    }
    return all;
}

/* Countries of all evidence, and which limb they show. */
static void fold_countries(struct judging *judging, const struct members *members,
                           struct cw_row *row)
{
    struct cw_detect *detect = judging->detect;
    const struct span *spans = (const struct span *)(const void *)detect->spans.data;
    bool seen[CW_COUNTRIES + 1] = { false };
    uint32_t own = 0;
    row->limb = CW_LIMB_EFFECTS;
    for (size_t i = 0; i < detect->spans.len / sizeof(*spans); i++) {
        for (size_t m = spans[i].from; m < spans[i].to; m++) {
            uint32_t handle = fact_of(judging, members, m)->countries;
            if (handle == 0)
                continue;
            const struct cw_country_set *set = cw_pool_at(&detect->country_sets, handle);
            const uint32_t *numbers = cw_list_data(&detect->handles, set->members);
            for (uint32_t n = 0; n < set->members.len; n++)
                seen[numbers[n]] = true;
            if (own != 0 && set->own != 0 && own != set->own)
                row->limb = CW_LIMB_COMMITTED;
            own = set->own != 0 ? set->own : own;
        }
    }
    row->countries = cw_arena_alloc(detect->arena, CW_COUNTRIES * sizeof(*row->countries));
    for (int number = 1; number <= CW_COUNTRIES; number++) {
        if (!seen[number])
            continue;
        char text[2] = { (char)('A' + (number - 1) / 26), (char)('A' + (number - 1) % 26) };
        row->countries[row->country_count++] = cw_arena_copy(detect->arena, text, 2);
    }
}

static void fold_expiry(struct judging *judging, const struct members *members, struct cw_row *row)
{
    const struct span *spans = (const struct span *)(const void *)judging->detect->spans.data;
    row->expires = CW_TIME_MAX;
    for (size_t i = 0; i < judging->detect->spans.len / sizeof(*spans); i++) {
        for (size_t m = spans[i].from; m < spans[i].to; m++) {
            int64_t until = fact_of(judging, members, m)->retain_until;
            row->expires = until < row->expires ? until : row->expires;
        }
    }
}

/* The restrictions of all evidence and of the entities that are values of it or the key. */
static uint32_t fold_restrictions(struct judging *judging, const struct members *members,
                                  const struct cw_stand *notice)
{
    struct cw_detect *detect = judging->detect;
    uint32_t all = CW_RESTRICTION_NONE;
    if (!detect->restricted)
        return all;
    if (notice != NULL)
        all = join_restriction(detect, all, cw_fact_at(detect, notice->fact)->restriction);
    /* All records of one place of the key are of one entity, so the first subline's do for all. */
    const uint32_t *sublines = cw_list_data(&detect->handles, judging->line->sublines);
    const struct cw_subline *subline = cw_subline_at(detect, sublines[0]);
    const struct cw_subline_key *keys = cw_list_data(&detect->subline_keys, subline->keys);
    for (uint32_t i = 0; i < subline->keys.len; i++)
        all = join_restriction(detect, all, basis_of(detect, keys[i].record));
    const struct span *spans = (const struct span *)(const void *)detect->spans.data;
    for (size_t i = 0; i < detect->spans.len / sizeof(*spans); i++) {
        for (size_t m = spans[i].from; m < spans[i].to; m++)
            all = restriction_of(judging, members, m, all);
    }
    return all;
}

/* Whether the alert may be shown for what the rule is for, and to anybody. */
static enum cw_withheld withheld(struct judging *judging, uint32_t restriction)
{
    struct cw_detect *detect = judging->detect;
    if (!cw_engine_allows(detect, judging->rule, restriction))
        return CW_NO_PURPOSE;
    if (restriction != CW_RESTRICTION_NONE &&
        cw_restriction_hides(cw_restriction_at(detect->restrictions, restriction)))
        return CW_NO_AUDIENCE;
    return CW_SHOWN;
}

/* The cell has what would be an alert; for readers there is none. Counted when it comes to that. */
static void withhold(struct judging *judging, struct cw_id notice, int64_t cell_number,
                     enum cw_withheld why)
{
    struct cw_detect *detect = judging->detect;
    struct cw_cell *cell = cell_make(detect, judging->line, notice, cell_number);
    cell->seen = CW_SEEN_WITHHELD;
    if (cell->withheld != why)
        ++*(why == CW_NO_PURPOSE ? detect->of_no_purpose : detect->of_no_audience);
    cell->withheld = (uint8_t)why;
}

/* The values that the rule shows; the finding's are by criterion. */
static void show_values(struct judging *judging, const struct finding *finding, struct cw_row *row)
{
    const struct cw_rule *rule = judging->rule;
    size_t count = rule->type == CW_RULE_STANDING ? 1 : rule->criterion_count;
    row->values = cw_arena_alloc(judging->detect->arena, count * sizeof(*row->values));
    for (size_t i = 0; i < count; i++) {
        if (rule->type == CW_RULE_STANDING || rule->criteria[i].shown)
            row->values[row->value_count++] = finding->values[i];
    }
}

/* To whoever asks; the cell stays as it is. */
static void tell(const struct judging *judging, const struct finding *finding,
                 const struct cw_row *row, enum cw_withheld why)
{
    const struct cw_watch *watch = judging->watch;
    const struct span *spans = (const struct span *)(const void *)judging->detect->spans.data;
    watch->found(watch->self, row, why, finding->notice);
    for (size_t i = 0; i < judging->detect->spans.len / sizeof(*spans); i++)
        watch->evidence(watch->self, spans[i].from, spans[i].to);
}

/* An alert was found; its evidence lies in the spans. False: it is withheld. */
static bool found(struct judging *judging, const struct members *members,
                  const struct finding *finding)
{
    struct cw_detect *detect = judging->detect;
    const struct cw_rule *rule = judging->rule;
    struct cw_id notice = { { 0 } };
    if (finding->notice != NULL)
        notice = cw_fact_at(detect, finding->notice->fact)->identity;
    uint32_t restriction = fold_restrictions(judging, members, finding->notice);
    enum cw_withheld why = withheld(judging, restriction);
    if (why != CW_SHOWN && judging->watch == NULL) {
        withhold(judging, notice, finding->cell, why);
        return false;
    }
    cw_arena_reset(detect->arena);
    struct cw_row row = { .title = rule->title,
                          .question = rule->question,
                          .cell_start = cell_start(rule, finding->cell),
                          .cell_span = rule->cell_span,
                          .level = (uint8_t)rule->level,
                          .match = (uint8_t)rule->match,
                          .continues = finding->continues,
                          .revision = rule->revision,
                          .state_hash = rule->state_hash,
                          .judgement_hash = rule->judgement_hash,
                          .document = cw_cstr(rule->document),
                          .lists = rule->lists,
                          .restriction =
                              cw_restriction_at(detect->restrictions, restriction)->text };
    name_row(judging, notice, finding->cell, &row);
    text_keys(judging, &row);
    show_values(judging, finding, &row);
    show(judging, members, &row);
    fold_expiry(judging, members, &row);
    if (judging->plan->countries)
        fold_countries(judging, members, &row);
    if (finding->notice != NULL) {
        int64_t until = cw_fact_at(detect, finding->notice->fact)->retain_until;
        row.expires = until < row.expires ? until : row.expires;
        show_notice(detect, &row, finding->notice);
    }
    if (judging->watch != NULL) {
        tell(judging, finding, &row, why);
        return why == CW_SHOWN;
    }
    struct cw_id hash = hash_of(detect, &row);

    struct cw_cell *cell = cell_make(detect, judging->line, notice, finding->cell);
    cell->seen = CW_SEEN;
    cell->withheld = CW_SHOWN;
    cell->exists = 1;
    cell->first = finding->first;
    cell->last = finding->last;
    cell->continues = finding->continues;
    if (!cell->sent || cell->pending || !cw_id_eq(cell->sent_hash, hash))
        wait_for_close(judging, cell, &row, hash);
    return true;
}

/* What was there in the judged cells and was not found again is gone. */
static void find_gone(struct judging *judging)
{
    struct cw_detect *detect = judging->detect;
    struct cw_line *line = judging->line;
    struct cw_cell *cells = cw_list_data(&detect->cells, line->cells);
    bool windows = judging->rule->type != CW_RULE_STANDING;
    uint32_t from = windows ? cell_place(detect, line, (struct cw_id){ { 0 } }, judging->lo) : 0;
    for (uint32_t i = from; i < line->cells.len; i++) {
        struct cw_cell *cell = &cells[i];
        if (windows && cell->cell > judging->hi)
            break;
        if (cell->cell < judging->lo || cell->cell > judging->hi)
            continue;
        bool gone = cell->exists && cell->seen != CW_SEEN;
        if (cell->withheld && !cell->seen) {
            cell->withheld = CW_SHOWN;
            line->sweep = 1;
        }
        cell->seen = CW_UNSEEN;
        if (!gone)
            continue;
        cell->exists = 0;
        line->sweep = 1;
        cw_arena_reset(detect->arena);
        struct cw_row row = { .gone = true };
        name_row(judging, cell->notice, cell->cell, &row);
        if (cell->sent || cell->pending)
            wait_for_close(judging, cell, &row, (struct cw_id){ { 0 } });
    }
}

/* --- windows --- */

/* Values that are what the rule means by one: the record's core or entity, or the value itself. */
static uint32_t thing_of(const struct judging *judging, const struct cw_entry *entry)
{
    if ((entry->what & CW_ENTRY_RECORD) == 0)
        return entry->value;
    return cw_record_thing(judging->rule, cw_pool_at(&judging->detect->records, entry->value));
}

static void slide_countries(struct judging *judging, const struct cw_fact *fact, int sign)
{
    struct cw_detect *detect = judging->detect;
    if (fact->countries == 0)
        return;
    const struct cw_country_set *set = cw_pool_at(&detect->country_sets, fact->countries);
    const uint32_t *numbers = cw_list_data(&detect->handles, set->members);
    for (uint32_t i = 0; i < set->members.len; i++) {
        uint32_t *count = &detect->country_counts[numbers[i]];
        if (sign > 0)
            judging->countries += (*count)++ == 0;
        else
            judging->countries -= --*count == 0;
    }
}

/* The member enters the window (+1), or leaves it. */
static void slide(struct judging *judging, const struct members *members, size_t m, int sign)
{
    struct cw_detect *detect = judging->detect;
    const struct cw_plan *plan = judging->plan;
    const struct member *member = &members->of[m];
    for (uint32_t i = member->first; plan->field_count != 0 && i < member->end; i++) {
        const struct cw_entry *entry = &members->entries[i];
        uint32_t thing = thing_of(judging, entry), field = entry->what & CW_ENTRY_FIELD;
        if (thing == 0)
            continue;
        uint32_t *count = &detect->counts[field][thing];
        if (sign > 0)
            detect->distinct[field] += (*count)++ == 0;
        else
            detect->distinct[field] -= --*count == 0;
    }
    if (plan->sum_count == 0 && !plan->countries)
        return;
    const struct cw_fact *fact = fact_of(judging, members, m);
    for (size_t i = 0; i < plan->sum_count; i++) {
        cw_int128 amount = fact->amounts[plan->sums[i].column];
        detect->sums[i] += sign > 0 ? amount : -amount;
    }
    if (plan->countries)
        slide_countries(judging, fact, sign);
}

/* One counter a field and thing, all zero between two judgings. */
static void room_for_counts(struct judging *judging)
{
    struct cw_detect *detect = judging->detect;
    judging->countries = 0;
    memset(detect->sums, 0, judging->plan->sum_count * sizeof(*detect->sums));
    memset(detect->distinct, 0, judging->plan->field_count * sizeof(*detect->distinct));
    size_t need = (size_t)detect->things.used + 1;
    if (need <= detect->counts_len)
        return;
    size_t len = need + need / 2;
    for (size_t i = 0; i < detect->fields_max; i++) {
        detect->counts[i] = cw_realloc(detect->counts[i], len * sizeof(**detect->counts));
        memset(detect->counts[i] + detect->counts_len, 0,
               (len - detect->counts_len) * sizeof(**detect->counts));
    }
    detect->counts_len = len;
}

/* The value of criterion i on a window of that many members; a sum beyond the numbers is the
 * greatest of them. */
static inline int64_t measure(const struct judging *judging, size_t members, size_t i)
{
    const struct cw_detect *detect = judging->detect;
    uint32_t index = judging->plan->index[i];
    switch (judging->rule->criteria[i].measure) {
    case CW_MEASURE_VALUES:
        return detect->distinct[index];
    case CW_MEASURE_SUM:
        return detect->sums[index] < INT64_MAX ? (int64_t)detect->sums[index] : INT64_MAX;
    case CW_MEASURE_COUNTRIES:
        return judging->countries;
    case CW_MEASURE_EVENTS:
    default:
        return (int64_t)members;
    }
}

/* The values of all criteria. False: one does not hold, and those from it on are not set. */
static bool satisfied(const struct judging *judging, size_t members, int64_t *values)
{
    for (size_t i = 0; i < judging->rule->criterion_count; i++) {
        int64_t value = measure(judging, members, i);
        if (!cw_criterion_holds(&judging->rule->criteria[i], value))
            return false;
        values[i] = value;
    }
    return true;
}

/* --- for those who ask --- */

static void tell_members(const struct judging *judging, const struct members *members)
{
    const struct cw_watch *watch = judging->watch;
    for (size_t m = 0; watch != NULL && m < members->count; m++) {
        const struct member *member = &members->of[m];
        watch->member(watch->self, members->entries + member->first, member->end - member->first,
                      part_of(members, m));
    }
}

/* Also an anchor that is not satisfied; detect->values is room for this. */
static void tell_anchor(const struct judging *judging, size_t from, size_t to)
{
    const struct cw_watch *watch = judging->watch;
    for (size_t i = 0; i < judging->rule->criterion_count; i++)
        judging->detect->values[i] = measure(judging, to - from, i);
    watch->anchor(watch->self, from, to, judging->detect->values);
}

/* By the values that are shown, in their order. */
static bool is_greater(const struct cw_rule *rule, const int64_t *a, const int64_t *b)
{
    for (size_t i = 0; i < rule->criterion_count; i++) {
        if (rule->criteria[i].shown && a[i] != b[i])
            return a[i] > b[i];
    }
    return false;
}

static void add_span(struct cw_detect *detect, size_t from, size_t to)
{
    struct cw_buf *buf = &detect->spans;
    if (buf->len != 0) {
        struct span *last = (struct span *)(void *)(buf->data + buf->len - sizeof(*last));
        if (from <= last->to) { /* windows slide: from and to never fall */
            last->to = to;
            return;
        }
    }
    struct span span = { from, to };
    cw_buf_put(buf, &span, sizeof(span));
}

/* Where the alert of the cell before ended, for `continues`: in this judging, or before it. */
static bool continues(struct judging *judging, const struct finding *before, bool has_before,
                      const struct finding *now)
{
    const struct cw_rule *rule = judging->rule;
    if (has_before && before->cell == now->cell - 1)
        return now->first < cw_time_add(before->last, rule->cell_span);
    if (now->cell != judging->lo || now->cell == INT64_MIN) /* the one before was judged here */
        return false;
    const struct cw_cell *cell =
        cell_find(judging->detect, judging->line, (struct cw_id){ { 0 } }, now->cell - 1);
    return cell != NULL && cell->exists && now->first < cw_time_add(cell->last, rule->cell_span);
}

/* Whether some window has as many entries as every alert needs. Most lines have not, and that is
 * seen without looking at what the entries refer to. */
static bool is_crowded(const struct judging *judging, const struct cw_entry *entries, size_t count)
{
    size_t least = (size_t)judging->plan->least_entries;
    if (least == 0)
        return count != 0;
    for (size_t i = least - 1; i < count; i++) {
        int64_t far = cw_time_add(entries[i].time_lo, -judging->rule->timespan);
        if (entries[i + 1 - least].time_lo > far)
            return true;
    }
    return false;
}

static void judge_windows(struct judging *judging)
{
    struct cw_detect *detect = judging->detect;
    const struct cw_rule *rule = judging->rule;
    int64_t start = cell_start(rule, judging->lo);
    int64_t end = judging->hi == INT64_MAX ? CW_TIME_MAX : cell_start(rule, judging->hi + 1);
    size_t count;
    const struct cw_entry *entries =
        gather(judging, cw_time_add(start, 1 - rule->timespan), end, &count);
    if (judging->watch == NULL && judging->line->cells.len == 0 &&
        !is_crowded(judging, entries, count))
        return;
    struct members members = join(judging, entries, count);
    tell_members(judging, &members);
    struct finding before = { 0 }, now = { .values = detect->best };
    bool has_before = false, has_now = false;
    size_t oldest = 0;
    room_for_counts(judging);
    detect->spans.len = 0;
    for (size_t i = 0; i < members.count; i++) {
        int64_t time = time_of(&members, i), far = cw_time_add(time, -rule->timespan);
        slide(judging, &members, i, 1);
        for (; oldest < i && time_of(&members, oldest) <= far; oldest++)
            slide(judging, &members, oldest, -1);
        if (judging->watch != NULL && time >= start)
            tell_anchor(judging, oldest, i + 1);
        if (time < start || !satisfied(judging, i - oldest + 1, detect->values))
            continue;
        int64_t cell = cell_of(rule, time);
        if (has_now && now.cell != cell) {
            has_before = found(judging, &members, &now);
            detect->spans.len = 0;
            before = now;
            has_now = false;
        }
        if (!has_now) {
            now.cell = cell;
            now.first = time;
            now.continues = continues(judging, &before, has_before, &now);
            has_now = true;
            memcpy(detect->best, detect->values, rule->criterion_count * sizeof(int64_t));
        } else if (is_greater(rule, detect->values, detect->best)) {
            memcpy(detect->best, detect->values, rule->criterion_count * sizeof(int64_t));
        }
        now.last = time;
        add_span(detect, oldest, i + 1);
    }
    if (has_now)
        found(judging, &members, &now);
    for (; oldest < members.count; oldest++)
        slide(judging, &members, oldest, -1);
    if (judging->watch == NULL)
        find_gone(judging);
}

/* The cell behind those judged says whether it continues: judged too where that changed. */
static bool next_changed(const struct judging *judging)
{
    if (judging->hi == INT64_MAX || judging->hi == INT64_MIN)
        return false;
    struct cw_id none = { { 0 } };
    const struct cw_cell *last = cell_find(judging->detect, judging->line, none, judging->hi);
    const struct cw_cell *next = cell_find(judging->detect, judging->line, none, judging->hi + 1);
    if (next == NULL || !next->exists)
        return false;
    bool goes_on = last != NULL && last->exists &&
                   next->first < cw_time_add(last->last, judging->rule->cell_span);
    return goes_on != (next->continues != 0);
}

/* --- standing --- */

static int by_fact_and_part(const void *left, const void *right)
{
    const struct cw_stand *a = left, *b = right;
    if (a->fact != b->fact)
        return a->fact < b->fact ? -1 : 1;
    return (a->part > b->part) - (a->part < b->part);
}

/* The notices that stand on the line, each once with its least part. */
static size_t gather_notices(struct judging *judging)
{
    struct cw_detect *detect = judging->detect;
    struct cw_buf *buf = &detect->standing;
    const uint32_t *sublines = cw_list_data(&detect->handles, judging->line->sublines);
    buf->len = 0;
    for (uint32_t i = 0; i < judging->line->sublines.len; i++) {
        struct cw_list list = cw_subline_at(detect, sublines[i])->stands;
        const struct cw_stand *stands = cw_list_data(&detect->stands, list);
        cw_buf_put(buf, stands, list.len * sizeof(*stands));
    }
    size_t count = buf->len / sizeof(struct cw_stand);
    judging->scanned += count;
    if (count == 0)
        return 0;
    struct cw_stand *stands = (struct cw_stand *)(void *)buf->data;
    qsort(stands, count, sizeof(*stands), by_fact_and_part); /* no order that shows */
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (stands[i].fact != stands[kept - 1].fact)
            stands[kept++] = stands[i];
    }
    return kept;
}

static size_t member_not_before(const struct members *members, int64_t time)
{
    size_t from = 0, to = members->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (time_of(members, middle) < time)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The hits of one notice, cell by cell. No event hits itself. */
static void judge_notice(struct judging *judging, const struct members *members,
                         const struct cw_stand *notice)
{
    struct cw_detect *detect = judging->detect;
    size_t at = member_not_before(members, notice->from);
    size_t end = member_not_before(members, notice->until);
    struct cw_id identity = cw_fact_at(detect, notice->fact)->identity;
    while (at < end) {
        int64_t hits = 0, first = time_of(members, at), last = first;
        int64_t cell = cell_of(judging->rule, first);
        detect->spans.len = 0;
        for (; at < end && cell_of(judging->rule, time_of(members, at)) == cell; at++) {
            judging->scanned++;
            if (cw_id_eq(fact_of(judging, members, at)->identity, identity))
                continue;
            last = time_of(members, at);
            hits++;
            add_span(detect, at, at + 1);
        }
        struct finding now = {
            .cell = cell, .first = first, .last = last, .values = &hits, .notice = notice
        };
        if (hits != 0)
            found(judging, members, &now);
    }
}

static void judge_standing(struct judging *judging)
{
    const struct cw_rule *rule = judging->rule;
    size_t notices = gather_notices(judging);
    if (notices != 0) {
        int64_t start = cell_start(rule, judging->lo);
        int64_t end = judging->hi == INT64_MAX ? CW_TIME_MAX : cell_start(rule, judging->hi + 1);
        size_t count;
        const struct cw_entry *entries = gather(judging, start, end, &count);
        struct members members = join(judging, entries, count);
        tell_members(judging, &members);
        const struct cw_stand *stands =
            (const struct cw_stand *)(const void *)judging->detect->standing.data;
        for (size_t i = 0; i < notices; i++)
            judge_notice(judging, &members, &stands[i]);
    }
    if (judging->watch == NULL)
        find_gone(judging);
}

/* --- lines --- */

/* Shares the entries scanned among the events that dirtied the line. */
static void share_work(struct cw_detect *detect, struct cw_line *line, uint64_t scanned)
{
    const struct cw_work *work = (const struct cw_work *)(const void *)detect->tick.work.data;
    uint64_t events = 0;
    for (uint32_t at = line->work; at != 0; at = work[at - 1].next)
        events++;
    CW_CHECK(events != 0);
    uint64_t share = (scanned + events - 1) / events;
    struct cw_buf *buf = &detect->tick.scanned;
    for (uint32_t at = line->work; at != 0; at = work[at - 1].next) {
        size_t need = (size_t)(work[at - 1].event + 1) * sizeof(uint64_t);
        if (need > buf->len) {
            size_t more = need - buf->len;
            memset(cw_buf_extend(buf, more), 0, more);
        }
        uint64_t *scanned_for = (uint64_t *)(void *)buf->data + work[at - 1].event;
        *scanned_for += share + (*scanned_for == 0); /* plus one: it was judged */
    }
    line->work = 0;
}

/* Whether the line is too short for any alert, and has none: most are. */
static bool is_idle(const struct cw_detect *detect, const struct cw_line *line,
                    const struct cw_plan *plan)
{
    if (line->cells.len != 0)
        return false;
    const uint32_t *sublines = cw_list_data(&detect->handles, line->sublines);
    uint64_t entries = 0;
    for (uint32_t i = 0; i < line->sublines.len && entries < plan->least_entries; i++) {
        const struct cw_subline *subline = cw_subline_at(detect, sublines[i]);
        entries += subline->entries.len - subline->dead;
    }
    return entries < plan->least_entries;
}

static void judge_line(struct cw_detect *detect, uint32_t handle)
{
    struct cw_line *line = cw_line_at(detect, handle);
    const struct cw_rule *rule = cw_rule_at(detect, line->rule);
    const struct cw_plan *plan = &detect->plans[line->rule];
    line->dirty = 0;
    if (is_idle(detect, line, plan)) {
        share_work(detect, line, 0);
        return;
    }
    int64_t reach = rule->type == CW_RULE_STANDING ? 0 : rule->timespan - 1;
    struct judging judging = { .detect = detect,
                               .rule = rule,
                               .plan = plan,
                               .handle = handle,
                               .line = line,
                               .lo = cell_of(rule, line->lo),
                               .hi = cell_of(rule, cw_time_add(line->hi, reach)) };
    if (rule->type == CW_RULE_STANDING) {
        judge_standing(&judging);
    } else {
        judge_windows(&judging);
        if (next_changed(&judging)) {
            judging.lo = ++judging.hi;
            judge_windows(&judging);
        }
    }
    *detect->of_scanned += (int64_t)judging.scanned;
    share_work(detect, line, judging.scanned);
}

void cw_engine_judge(struct cw_detect *detect)
{
    const uint32_t *lines = (const uint32_t *)(const void *)detect->tick.dirty.data;
    size_t count = detect->tick.dirty.len / sizeof(*lines);
    for (size_t i = 0; i < count; i++)
        judge_line(detect, lines[i]);
    detect->tick.dirty.len = 0;
    detect->tick.work.len = 0;
}

void cw_engine_judge_again(struct cw_detect *detect, uint32_t handle, int64_t lo, int64_t hi,
                           const struct cw_watch *watch)
{
    struct cw_line *line = cw_line_at(detect, handle);
    struct judging judging = { .detect = detect,
                               .rule = cw_rule_at(detect, line->rule),
                               .plan = &detect->plans[line->rule],
                               .handle = handle,
                               .line = line,
                               .lo = lo,
                               .hi = hi,
                               .watch = watch };
    if (judging.rule->type == CW_RULE_STANDING)
        judge_standing(&judging);
    else
        judge_windows(&judging);
}

int64_t cw_engine_cell(const struct cw_rule *rule, int64_t time)
{
    return cell_of(rule, time);
}

/* --- the close --- */

static int by_rule_and_alert(const void *left, const void *right)
{
    const struct cw_pending *a = left, *b = right;
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    int order = cw_id_cmp(a->alert, b->alert);
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* Whether readers do not have this yet; the cell remembers that they do. */
static bool settle(struct cw_detect *detect, const struct cw_pending *pending)
{
    struct cw_cell *cell =
        cell_find(detect, cw_line_at(detect, pending->line), pending->notice, pending->cell);
    CW_CHECK(cell != NULL);
    cell->pending = 0;
    if (pending->gone) {
        bool had = cell->sent;
        cell->sent = 0;
        return had;
    }
    if (cell->sent && cw_id_eq(cell->sent_hash, pending->hash))
        return false;
    cell->sent = 1;
    cell->sent_hash = pending->hash;
    return true;
}

static void sweep_cells(struct cw_detect *detect, struct cw_line *line)
{
    for (uint32_t i = line->cells.len; line->sweep && i-- > 0;) {
        const struct cw_cell *cells = cw_list_data(&detect->cells, line->cells);
        if (!cells[i].exists && !cells[i].sent && !cells[i].withheld)
            cw_list_remove(&detect->cells, &line->cells, i);
    }
    line->sweep = 0;
}

static void count_work(struct cw_detect *detect)
{
    const uint64_t *scanned = (const uint64_t *)(const void *)detect->tick.scanned.data;
    size_t count = detect->tick.scanned.len / sizeof(*scanned);
    for (size_t i = 0; i < count; i++) {
        if (scanned[i] == 0)
            continue; /* nothing was judged for it */
        bool little = scanned[i] - 1 <= 1000;
        (*cw_total(&detect->totals, little ? "detect.scanned_le_1k" : "detect.scanned_gt_1k"))++;
    }
    detect->tick.scanned.len = 0;
    detect->tick.event = 0;
}

uint64_t cw_engine_send(struct cw_detect *detect, struct cw_out *out)
{
    struct cw_pending *pending = (struct cw_pending *)(void *)detect->tick.pending.data;
    size_t count = detect->tick.pending.len / sizeof(*pending);
    uint32_t rows = 0;
    if (count != 0)
        qsort(pending, count, sizeof(*pending), by_rule_and_alert);
    for (size_t i = 0; i < count; i++) {
        bool replaced = i + 1 < count && pending[i + 1].rule == pending[i].rule &&
                        cw_id_eq(pending[i + 1].alert, pending[i].alert);
        if (replaced || !settle(detect, &pending[i]))
            continue;
        int64_t *of_shadow = detect->plans[pending[i].rule].of_shadow;
        if (of_shadow != NULL) { /* judged, counted, and nobody sees it */
            *of_shadow += !pending[i].gone;
            *cw_total(&detect->totals, "detect.shadow_rows") += !pending[i].gone;
            continue;
        }
        struct cw_frame *frame = cw_frame_at(&detect->tick.rows, pending[i].offset);
        frame->ordinal = ++rows;
        cw_out_frame(out, frame);
        (*cw_total(&detect->totals, pending[i].gone ? "detect.rows_gone" : "detect.rows_sent"))++;
    }
    const uint32_t *touched = (const uint32_t *)(const void *)detect->tick.touched.data;
    for (size_t i = 0; i < detect->tick.touched.len / sizeof(*touched); i++) {
        struct cw_line *line = cw_line_at(detect, touched[i]);
        line->touched = 0;
        sweep_cells(detect, line);
        cw_engine_sweep(detect, touched[i]);
    }
    detect->tick.pending.len = 0;
    detect->tick.rows.len = 0;
    detect->tick.touched.len = 0;
    count_work(detect);
    return rows;
}

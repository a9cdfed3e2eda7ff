/*
 * explain.c - from the view and the log to an answer.
 */
#include "operators/link/explain.h"

#include <stdarg.h>
#include <stdlib.h>

#include "operators/link/partition.h"
#include "operators/runtime/id_kinds.h"
#include "operators/runtime/mem.h"

static cw_str text_of(const struct cw_buf *buf)
{
    return (cw_str){ (const char *)buf->data, buf->len };
}

static bool fail(char error[CW_LINK_ERROR], const char *format, ...) CW_PRINTF(2, 3);
static bool fail(char error[CW_LINK_ERROR], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, CW_LINK_ERROR, format, args);
    va_end(args);
    return false;
}

static bool damaged(struct cw_log *log, char error[CW_LINK_ERROR])
{
    return fail(error, "the log does not have an event that an entity rests on: %s",
                cw_log_error(log));
}

/* --- kinds and identifiers --- */

struct kind {
    const char *name;
    bool unique;
    bool exclusive;
};

static const struct kind *kind_of(cw_str name)
{
#define KIND(number, name, scoped, of_objects, unique, exclusive, rank)                            \
    { #name, unique, exclusive },
    static const struct kind kinds[] = { CW_ID_KINDS(KIND) };
#undef KIND
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (cw_str_is(name, kinds[i].name))
            return &kinds[i];
    }
    return NULL;
}

bool cw_answer_joins(cw_str kind)
{
    const struct kind *known = kind_of(kind);
    return known != NULL && known->unique;
}

cw_str cw_answer_identifier(const struct cw_answer *answer, const struct cw_identifier *id)
{
    if (id->issuer.len == 0)
        return id->value;
    return cw_arena_printf(answer->arena, "%.*s:%.*s", CW_STR_ARG(id->issuer),
                           CW_STR_ARG(id->value));
}

/* The identifier of that key which a part states, or NULL. */
static const struct cw_identifier *stated(const struct cw_link *link, const struct cw_part *part,
                                          struct cw_id key)
{
    for (size_t i = 0; i < part->id_count; i++) {
        const struct cw_identifier *id = &part->ids[i];
        if (id->fault.ptr == NULL &&
            cw_id_eq(cw_id_key(&link->secret, id->kind, id->issuer, id->value), key))
            return id;
    }
    return NULL;
}

/* --- who is meant --- */

/* A way to read OWNER/EVENT_ID/PART; both names may have slashes of their own. */
struct reading {
    struct cw_id identity;
    int64_t part; /* -1: any */
};

struct hit {
    uint32_t handle;
    struct cw_support support;
};

enum { READINGS_MAX = 32, HITS_MAX = 64 };

static size_t readings_of(const struct cw_link *link, cw_str who, struct reading *out)
{
    size_t count = 0;
    for (size_t i = 1; i + 1 < who.len && count + 2 <= READINGS_MAX; i++) {
        if (who.ptr[i] != '/')
            continue;
        cw_str owner = { who.ptr, i };
        cw_str event = { who.ptr + i + 1, who.len - i - 1 };
        out[count++] = (struct reading){ cw_id_identity(&link->secret, owner, event), -1 };
        size_t digits = 0;
        int64_t part = 0;
        while (digits < event.len && digits < 6 && event.ptr[event.len - 1 - digits] >= '0' &&
               event.ptr[event.len - 1 - digits] <= '9')
            digits++;
        if (digits == 0 || digits + 1 >= event.len || event.ptr[event.len - 1 - digits] != '/')
            continue;
        for (size_t d = event.len - digits; d < event.len; d++)
            part = 10 * part + (event.ptr[d] - '0');
        cw_str shorter = { event.ptr, event.len - digits - 1 };
        out[count++] = (struct reading){ cw_id_identity(&link->secret, owner, shorter), part };
    }
    return count;
}

static bool fits(const struct reading *readings, size_t count, const struct cw_support *support)
{
    for (size_t i = 0; i < count; i++) {
        if (cw_id_eq(readings[i].identity, support->identity) &&
            (readings[i].part < 0 || readings[i].part == support->part))
            return true;
    }
    return false;
}

/* The live mentions that are meant. Link keeps no index of them: this is for people. */
static size_t find_mentions(const struct cw_link *link, cw_str who, struct hit *hits,
                            struct cw_arena *arena)
{
    struct reading readings[READINGS_MAX];
    size_t reading_count = readings_of(link, who, readings);
    size_t count = 0;
    uint32_t at = 0;
    const struct cw_link_slot *slot;
    while ((slot = cw_map_next(&link->record_map, &at)) != NULL) {
        const struct cw_supports *set = &cw_link_record_at(link, slot->handle)->supports;
        const struct cw_support *came = cw_list_data(&link->support_lists, set->came);
        bool named = false;
        for (uint32_t i = 0; i < set->came.len && !named; i++)
            named = fits(readings, reading_count, &came[i]);
        if (!named)
            continue;
        size_t live = cw_support_count(set);
        struct cw_support *supports = cw_arena_alloc(arena, live * sizeof(*supports));
        cw_support_copy(&link->support_lists, set, supports);
        for (size_t i = 0; i < live && count < HITS_MAX; i++) {
            if (fits(readings, reading_count, &supports[i]))
                hits[count++] = (struct hit){ slot->handle, supports[i] };
        }
    }
    return count;
}

static int compare_hits(const void *a, const void *b)
{
    return cw_support_cmp(&((const struct hit *)a)->support, &((const struct hit *)b)->support);
}

static bool many_parts(struct cw_answer *answer, cw_str who, struct hit *hits, size_t count,
                       char error[CW_LINK_ERROR])
{
    struct cw_buf parts = { 0 };
    qsort(hits, count, sizeof(*hits), compare_hits);
    for (size_t i = 0; i < count && parts.len < CW_LINK_ERROR / 2; i++) {
        struct cw_link_mention mention;
        if (cw_link_mention_read(answer->log, &hits[i].support, answer->arena, &mention))
            cw_buf_printf(&parts, "%s%u (%.*s, %.*s)", i == 0 ? "" : ", ", mention.part,
                          CW_STR_ARG(mention.of->role), CW_STR_ARG(mention.of->kind));
    }
    (void)fail(error, "%.*s: expected one part, for the event has several: %.*s; add /PART",
               CW_STR_ARG(who), CW_STR_ARG(text_of(&parts)));
    cw_buf_done(&parts);
    return false;
}

static bool find_by_name(struct cw_answer *answer, cw_str who, struct cw_asked *asked,
                         char error[CW_LINK_ERROR])
{
    struct hit hits[HITS_MAX];
    size_t count = find_mentions(answer->link, who, hits, answer->arena);
    if (count == 0)
        return fail(error,
                    "%.*s: expected the id of a record, core or entity (32 hex digits), or a "
                    "mention as OWNER/EVENT_ID or OWNER/EVENT_ID/PART; no event of that name is "
                    "in force, or it has no such part",
                    CW_STR_ARG(who));
    if (count > 1)
        return many_parts(answer, who, hits, count, error);
    asked->handle = hits[0].handle;
    return cw_link_mention_read(answer->log, &hits[0].support, answer->arena, &asked->mention) ||
           damaged(answer->log, error);
}

/* The least mention, without settling the heaps of a view that only is looked at. */
static struct cw_support least_support(const struct cw_answer *answer, uint32_t handle)
{
    const struct cw_link *link = answer->link;
    const struct cw_supports *set = &cw_link_record_at(link, handle)->supports;
    size_t count = cw_support_count(set);
    struct cw_support *all = cw_arena_alloc(answer->arena, count * sizeof(*all));
    cw_support_copy(&link->support_lists, set, all);
    struct cw_support least = all[0];
    for (size_t i = 1; i < count; i++) {
        if (cw_support_cmp(&all[i], &least) < 0)
            least = all[i];
    }
    return least;
}

static uint32_t founding_record(const struct cw_answer *answer, const struct cw_core *core)
{
    const uint32_t *members = cw_list_data(&answer->link->handle_lists, core->members);
    for (uint32_t i = 0; i < core->members.len; i++) {
        struct cw_support least = least_support(answer, members[i]);
        if (cw_support_cmp(&least, &core->founding) == 0)
            return members[i];
    }
    return members[0];
}

static bool find_by_id(struct cw_answer *answer, struct cw_id id, struct cw_asked *asked,
                       char error[CW_LINK_ERROR])
{
    const struct cw_link *link = answer->link;
    const struct cw_link_slot *slot = cw_map_find(&link->record_map, id);
    if (slot != NULL)
        asked->handle = slot->handle;
    uint32_t at = 0;
    while (asked->handle == 0 && (slot = cw_map_next(&link->record_map, &at)) != NULL) {
        const struct cw_core *core = cw_core_at(link, cw_link_record_at(link, slot->handle)->core);
        if (!cw_id_eq(core->entity, id) && !cw_id_eq(core->id, id))
            continue;
        asked->handle = founding_record(answer, core);
        asked->entity = true;
    }
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    if (asked->handle == 0)
        return fail(error,
                    "no entity of that id stands in the log, nor a core or record: %s may have "
                    "merged, split or gone; the alerts that named it name its successor",
                    hex);
    struct cw_support least = least_support(answer, asked->handle);
    return cw_link_mention_read(answer->log, &least, answer->arena, &asked->mention) ||
           damaged(answer->log, error);
}

static bool find_asked(struct cw_answer *answer, cw_str who, char error[CW_LINK_ERROR])
{
    struct cw_id id;
    struct cw_asked *asked = &answer->asked[answer->asked_count++];
    return cw_id_parse(who, &id) ? find_by_id(answer, id, asked, error)
                                 : find_by_name(answer, who, asked, error);
}

/* --- what hangs together --- */

struct walk {
    const struct cw_link *link;
    struct cw_map met; /* record ids */
    uint32_t *handles;
    size_t count;
};

static void meet(struct walk *walk, uint32_t handle)
{
    bool is_new;
    (void)cw_map_put(&walk->met, cw_link_record_at(walk->link, handle)->id, &is_new);
    if (is_new && walk->count < CW_EXPLAIN_RECORDS_MAX)
        walk->handles[walk->count++] = handle;
}

static void meet_core(struct walk *walk, const struct cw_core *core)
{
    const uint32_t *members = cw_list_data(&walk->link->handle_lists, core->members);
    for (uint32_t i = 0; i < core->members.len; i++)
        meet(walk, members[i]);
}

static void meet_holders(struct walk *walk, uint32_t handle)
{
    const struct cw_link *link = walk->link;
    const struct cw_link_record *record = cw_link_record_at(link, handle);
    const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
    for (uint32_t i = 0; i < record->held.len; i++) {
        const struct cw_link_identifier *of = cw_pool_at(&link->identifiers, held[i].identifier);
        const uint32_t *holders = cw_list_data(&link->handle_lists, of->holders);
        for (uint32_t j = 0; j < of->holders.len; j++)
            meet(walk, holders[j]);
    }
}

static int compare_told(const void *a, const void *b)
{
    return cw_id_cmp(((const struct cw_told_record *)a)->id,
                     ((const struct cw_told_record *)b)->id);
}

static bool collect(struct cw_answer *answer, char error[CW_LINK_ERROR])
{
    const struct cw_link *link = answer->link;
    struct walk walk = { .link = link };
    cw_map_init(&walk.met, sizeof(struct cw_link_slot));
    walk.handles = cw_arena_alloc(answer->arena, CW_EXPLAIN_RECORDS_MAX * sizeof(*walk.handles));
    for (size_t i = 0; i < answer->asked_count; i++)
        meet(&walk, answer->asked[i].handle);
    for (size_t i = 0; i < answer->asked_count; i++)
        meet_core(&walk, cw_core_at(link, cw_link_record_at(link, answer->asked[i].handle)->core));
    for (size_t i = 0; i < walk.count; i++)
        meet_holders(&walk, walk.handles[i]);
    answer->too_many = walk.met.count > walk.count;
    answer->record_count = walk.count;
    answer->records = cw_arena_alloc(answer->arena, walk.count * sizeof(*answer->records));
    cw_map_done(&walk.met);
    for (size_t i = 0; i < walk.count; i++) {
        answer->records[i].handle = walk.handles[i];
        answer->records[i].id = cw_link_record_at(link, walk.handles[i])->id;
    }
    qsort(answer->records, walk.count, sizeof(*answer->records), compare_told);
    for (size_t i = 0; i < walk.count; i++) {
        struct cw_told_record *told = &answer->records[i];
        struct cw_support least = least_support(answer, told->handle);
        if (!cw_link_mention_read(answer->log, &least, answer->arena, &told->founder))
            return damaged(answer->log, error);
        for (size_t j = 0; j < answer->asked_count; j++) {
            if (answer->asked[j].handle == told->handle)
                answer->asked[j].record = (uint32_t)i;
        }
    }
    return true;
}

const struct cw_core *cw_answer_core(const struct cw_answer *answer, uint32_t record)
{
    const struct cw_link *link = answer->link;
    return cw_core_at(link, cw_link_record_at(link, answer->records[record].handle)->core);
}

/* --- edges --- */

struct listener {
    struct cw_arena *arena;
    struct cw_edge *edges;
    size_t count;
};

static void listen(void *context, const struct cw_edge *edge)
{
    struct listener *listener = context;
    size_t count = listener->count;
    if (count == 0 || (count >= 16 && (count & (count - 1)) == 0)) {
        size_t room = count != 0 ? 2 * count : 16;
        struct cw_edge *wider = cw_arena_alloc(listener->arena, room * sizeof(*wider));
        if (count != 0)
            memcpy(wider, listener->edges, count * sizeof(*wider));
        listener->edges = wider;
    }
    listener->edges[listener->count++] = *edge;
}

/* A record of the group that states the value. */
static const struct cw_identifier *shown_by(const struct cw_answer *answer, const uint32_t *group,
                                            uint32_t of, struct cw_id value, uint32_t *record)
{
    for (uint32_t i = 0; i < answer->record_count; i++) {
        const struct cw_identifier *id =
            group[i] == group[of] ? stated(answer->link, answer->records[i].founder.of, value)
                                  : NULL;
        if (id == NULL)
            continue;
        *record = i;
        return id;
    }
    return NULL;
}

static void tell_edges(struct cw_answer *answer)
{
    const struct cw_link *link = answer->link;
    size_t count = answer->record_count;
    struct cw_part_record *records = cw_arena_alloc(answer->arena, count * sizeof(*records));
    uint32_t *group = cw_arena_alloc(answer->arena, count * sizeof(*group));
    struct listener listener = { .arena = answer->arena };
    for (size_t i = 0; i < count; i++) {
        const struct cw_link_record *record = cw_link_record_at(link, answer->records[i].handle);
        const struct cw_held *held = cw_list_data(&link->held_lists, record->held);
        struct cw_part_id *ids = cw_arena_alloc(answer->arena, record->held.len * sizeof(*ids));
        for (uint32_t j = 0; j < record->held.len; j++) {
            const struct cw_link_identifier *of =
                cw_pool_at(&link->identifiers, held[j].identifier);
            ids[j] =
                (struct cw_part_id){ of->key, held[j].scope, held[j].rank, held[j].exclusive != 0 };
        }
        records[i] = (struct cw_part_record){ record->id, record->kind, ids, record->held.len };
    }
    (void)cw_partition_told(records, count, group, answer->arena, listen, &listener);
    answer->edge_count = listener.count;
    answer->edges = cw_arena_alloc(answer->arena, listener.count * sizeof(*answer->edges));
    for (size_t i = 0; i < listener.count; i++) {
        const struct cw_edge *edge = &listener.edges[i];
        struct cw_told_edge *told = &answer->edges[i];
        *told = (struct cw_told_edge){
            .a = edge->a, .b = edge->b, .rank = edge->rank, .held = edge->held
        };
        told->by = stated(link, answer->records[edge->a].founder.of, edge->key);
        if (!edge->held)
            continue;
        told->value_a = shown_by(answer, group, edge->a, edge->value_a, &told->shows_a);
        told->value_b = shown_by(answer, group, edge->b, edge->value_b, &told->shows_b);
    }
}

/* The joins make a tree of each core: the one way from the first to the second. */
static void find_path(struct cw_answer *answer)
{
    uint32_t from = answer->asked[0].record;
    uint32_t to = answer->asked[1].record;
    size_t count = answer->record_count;
    size_t *by = cw_arena_alloc(answer->arena, count * sizeof(*by)); /* edge + 1 */
    uint32_t *queue = cw_arena_alloc(answer->arena, count * sizeof(*queue));
    size_t head = 0;
    size_t tail = 0;
    queue[tail++] = to;
    while (head < tail && by[from] == 0) {
        uint32_t at = queue[head++];
        for (size_t e = 0; e < answer->edge_count; e++) {
            const struct cw_told_edge *edge = &answer->edges[e];
            uint32_t other = edge->a == at ? edge->b : edge->a;
            if (edge->held || (edge->a != at && edge->b != at) || other == to || by[other] != 0)
                continue;
            by[other] = e + 1;
            queue[tail++] = other;
        }
    }
    answer->path = cw_arena_alloc(answer->arena, (count + 1) * sizeof(*answer->path));
    for (uint32_t at = from; at != to && by[at] != 0;) {
        struct cw_told_edge edge = answer->edges[by[at] - 1];
        if (edge.a != at) {
            edge.b = edge.a;
            edge.a = at;
        }
        answer->path[answer->path_count++] = edge;
        at = edge.b;
    }
}

/* --- features --- */

static int compare_features(const void *a, const void *b)
{
    const struct cw_feature *left = a;
    const struct cw_feature *right = b;
    if (left->type != right->type)
        return left->type < right->type ? -1 : 1;
    if (left->type != CW_FEATURE_IDENTIFIER)
        return cw_str_cmp(left->text, right->text);
    int order = cw_str_cmp(left->id->kind, right->id->kind);
    if (order == 0)
        order = cw_str_cmp(left->id->issuer, right->id->issuer);
    if (order == 0)
        order = cw_str_cmp(left->id->value, right->id->value);
    return order != 0 ? order : cw_str_cmp(left->id->fault, right->id->fault);
}

static void add_features(struct cw_answer *answer, const struct cw_part *part, bool second)
{
    size_t more = part->id_count + part->name_count + part->birth_date_count;
    struct cw_feature *all =
        cw_arena_alloc(answer->arena, (answer->feature_count + more) * sizeof(*all));
    if (answer->feature_count != 0)
        memcpy(all, answer->features, answer->feature_count * sizeof(*all));
    answer->features = all;
    const struct cw_feature blank = { .by_a = !second, .by_b = second };
    for (size_t i = 0; i < part->id_count; i++) {
        struct cw_feature *feature = &all[answer->feature_count++];
        *feature = blank;
        feature->id = &part->ids[i];
    }
    for (size_t i = 0; i < part->name_count; i++) {
        struct cw_feature *feature = &all[answer->feature_count++];
        *feature = blank;
        feature->type = CW_FEATURE_NAME;
        feature->text =
            part->names[i].folded.len != 0 ? part->names[i].folded : part->names[i].full;
    }
    for (size_t i = 0; i < part->birth_date_count; i++) {
        struct cw_feature *feature = &all[answer->feature_count++];
        *feature = blank;
        feature->type = CW_FEATURE_BIRTH_DATE;
        feature->text = part->birth_dates[i];
    }
}

static bool has_rival(const struct cw_answer *answer, const struct cw_feature *feature)
{
    for (size_t i = 0; i < answer->feature_count; i++) {
        const struct cw_feature *other = &answer->features[i];
        if (other->type == CW_FEATURE_IDENTIFIER && other->id->fault.ptr == NULL &&
            ((feature->by_a && other->by_b) || (feature->by_b && other->by_a)) &&
            cw_str_eq(other->id->kind, feature->id->kind) &&
            cw_str_eq(other->id->issuer, feature->id->issuer) &&
            !cw_str_eq(other->id->value, feature->id->value))
            return true;
    }
    return false;
}

static void judge_identifier(const struct cw_answer *answer, struct cw_feature *feature)
{
    const struct kind *kind = kind_of(feature->id->kind);
    bool shared = feature->by_a && feature->by_b;
    bool one_kind = cw_link_record_at(answer->link, answer->asked[0].handle)->kind ==
                    cw_link_record_at(answer->link, answer->asked[1].handle)->kind;
    if (feature->id->fault.ptr != NULL)
        feature->note = cw_arena_printf(answer->arena, "not valid (%.*s): it is no key",
                                        CW_STR_ARG(feature->id->fault))
                            .ptr;
    else if (kind == NULL || !kind->unique)
        feature->note = "identifiers of this kind join nobody";
    else if (shared && !one_kind)
        feature->note = "records of two kinds never join";
    else if (kind->exclusive && has_rival(answer, feature))
        feature->note =
            "the other states another value: two values of this kind exclude each other";
    else
        feature->joins = shared;
}

static void compare_two(struct cw_answer *answer)
{
    for (size_t i = 0; i < 2; i++) {
        const struct cw_asked *asked = &answer->asked[i];
        const struct cw_core *core = cw_answer_core(answer, asked->record);
        if (!asked->entity)
            add_features(answer, asked->mention.of, i == 1);
        for (uint32_t r = 0; asked->entity && r < answer->record_count; r++) {
            if (cw_answer_core(answer, r) == core)
                add_features(answer, answer->records[r].founder.of, i == 1);
        }
    }
    if (answer->feature_count > 1)
        qsort(answer->features, answer->feature_count, sizeof(*answer->features), compare_features);
    size_t n = 0;
    for (size_t i = 0; i < answer->feature_count; i++) {
        struct cw_feature *one = &answer->features[i];
        struct cw_feature *last = n > 0 ? &answer->features[n - 1] : NULL;
        if (last == NULL || compare_features(last, one) != 0) {
            answer->features[n++] = *one;
        } else {
            last->by_a = last->by_a || one->by_a;
            last->by_b = last->by_b || one->by_b;
        }
    }
    answer->feature_count = n;
    for (size_t i = 0; i < n; i++) {
        struct cw_feature *feature = &answer->features[i];
        if (feature->type == CW_FEATURE_IDENTIFIER)
            judge_identifier(answer, feature);
        else if (feature->by_a && feature->by_b)
            feature->note = feature->type == CW_FEATURE_NAME ? "names alone join nobody"
                                                             : "birth dates alone join nobody";
    }
}

/* --- the two questions --- */

static bool answer_to(struct cw_answer *answer, const cw_str *who, size_t count,
                      char error[CW_LINK_ERROR])
{
    for (size_t i = 0; i < count; i++) {
        if (!find_asked(answer, who[i], error))
            return false;
    }
    if (!collect(answer, error))
        return false;
    if (!answer->too_many)
        tell_edges(answer);
    return true;
}

static bool print(const struct cw_buf *out, FILE *file, char error[CW_LINK_ERROR])
{
    if (fwrite(out->data, 1, out->len, file) == out->len)
        return true;
    return fail(error, "the answer cannot be written");
}

bool cw_link_show(const struct cw_link *link, struct cw_log *log, cw_str who, bool json, FILE *file,
                  char error[CW_LINK_ERROR])
{
    struct cw_answer answer = { .link = link, .log = log, .arena = cw_arena_new() };
    struct cw_buf out = { 0 };
    size_t count = 0;
    bool ok = answer_to(&answer, &who, 1, error);
    if (ok) {
        const struct cw_core *core = cw_answer_core(&answer, answer.asked[0].record);
        const struct cw_link_mention *mentions =
            cw_link_mentions(link, log, core, answer.arena, &count);
        ok = mentions != NULL || damaged(log, error);
        if (ok && json)
            cw_answer_show_json(&answer, mentions, count, &out);
        else if (ok)
            cw_answer_show_text(&answer, mentions, count, &out);
        ok = ok && print(&out, file, error);
    }
    cw_buf_done(&out);
    cw_arena_free(answer.arena);
    return ok;
}

bool cw_link_why(const struct cw_link *link, struct cw_log *log, cw_str a, cw_str b, bool json,
                 FILE *file, char error[CW_LINK_ERROR])
{
    struct cw_answer answer = { .link = link, .log = log, .arena = cw_arena_new() };
    struct cw_buf out = { 0 };
    const cw_str who[2] = { a, b };
    bool ok = answer_to(&answer, who, 2, error);
    if (ok) {
        compare_two(&answer);
        if (cw_answer_core(&answer, answer.asked[0].record) ==
            cw_answer_core(&answer, answer.asked[1].record))
            find_path(&answer);
        if (json)
            cw_answer_why_json(&answer, &out);
        else
            cw_answer_why_text(&answer, &out);
        ok = print(&out, file, error);
    }
    cw_buf_done(&out);
    cw_arena_free(answer.arena);
    return ok;
}

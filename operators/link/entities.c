/*
 * entities.c - reading link's view out: all entities as canonical lines, one entity with its
 * reasons. Owners, event ids and identifiers come from the log; link itself holds none.
 */
#include <stdlib.h>

#include "operators/link/link_state.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"

/* A mention as the log has it. */
struct member {
    cw_str owner;
    cw_str event_id;
    uint32_t part;
    const struct cw_part *of;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = cw_str_cmp(left->owner, right->owner);
    if (order == 0)
        order = cw_str_cmp(left->event_id, right->event_id);
    return order != 0 ? order : (left->part > right->part) - (left->part < right->part);
}

/* All mentions of a core, sorted; NULL if the log does not have one. All memory is the arena's. */
static struct member *members_of(const struct cw_link *link, struct cw_log *log,
                                 const struct cw_core *core, struct cw_arena *arena, size_t *count)
{
    const uint32_t *records = cw_list_data(&link->handle_lists, core->members);
    size_t total = 0;
    for (uint32_t i = 0; i < core->members.len; i++)
        total += cw_support_count(&cw_link_record_at(link, records[i])->supports);
    struct cw_support *supports = cw_arena_alloc(arena, total * sizeof(*supports));
    struct member *members = cw_arena_alloc(arena, total * sizeof(*members));
    size_t n = 0;
    for (uint32_t i = 0; i < core->members.len; i++) {
        const struct cw_supports *set = &cw_link_record_at(link, records[i])->supports;
        cw_support_copy(&link->support_lists, set, supports + n);
        n += cw_support_count(set);
    }
    for (size_t i = 0; i < n; i++) {
        const struct cw_frame *frame = cw_log_get(log, supports[i].position);
        struct cw_event event;
        if (frame == NULL ||
            !cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena) ||
            supports[i].part >= cw_event_part_count(&event))
            return NULL;
        members[i] = (struct member){ event.owner, event.event_id, supports[i].part,
                                      cw_event_part(&event, supports[i].part) };
    }
    if (n > 1)
        qsort(members, n, sizeof(*members), compare_members);
    *count = n;
    return members;
}

static void member_json(struct cw_json *json, const struct member *member)
{
    cw_json_open(json, '{');
    cw_json_kstr(json, "event_id", member->event_id);
    cw_json_kstr(json, "owner", member->owner);
    cw_json_kint(json, "part", member->part);
    cw_json_close(json, '}');
}

/* The canonical text is JSON itself; nothing where the basis demands nothing. */
static void restriction_json(struct cw_json *json, cw_str text)
{
    if (text.len == 0)
        return;
    cw_json_key(json, "restriction");
    cw_buf_str(json->buf, text);
    json->comma = true;
}

static int compare_lines(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

bool cw_link_export(const struct cw_link *link, struct cw_log *log, FILE *file)
{
    struct cw_buf text = { 0 };
    size_t *ends = cw_alloc((size_t)link->cores.live * sizeof(*ends));
    size_t count = 0;
    struct cw_arena *arena = cw_arena_new();
    bool ok = true;
    /* A core is met at each of its records; it is written at the one that it lists first. */
    uint32_t at = 0;
    for (const struct cw_link_slot *slot; ok && (slot = cw_map_next(&link->record_map, &at));) {
        const struct cw_core *core = cw_core_at(link, cw_link_record_at(link, slot->handle)->core);
        if (*(const uint32_t *)cw_list_data(&link->handle_lists, core->members) != slot->handle)
            continue;
        cw_arena_reset(arena);
        size_t n;
        const struct member *members = members_of(link, log, core, arena, &n);
        ok = members != NULL;
        if (!ok)
            break;
        struct cw_json json = cw_json(&text);
        cw_json_open(&json, '{');
        cw_json_kid(&json, "id", core->entity);
        cw_json_kstr(&json, "kind", members[0].of->kind);
        cw_json_key(&json, "members");
        cw_json_open(&json, '[');
        for (size_t i = 0; i < n; i++)
            member_json(&json, &members[i]);
        cw_json_close(&json, ']');
        restriction_json(&json, cw_link_basis(link, core));
        cw_json_close(&json, '}');
        ends[count++] = text.len;
    }
    cw_str *lines = cw_alloc(count * sizeof(*lines));
    for (size_t i = 0, from = 0; i < count; from = ends[i++])
        lines[i] = (cw_str){ (const char *)text.data + from, ends[i] - from };
    if (count > 1)
        qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; ok && i < count; i++)
        ok = fwrite(lines[i].ptr, 1, lines[i].len, file) == lines[i].len && putc('\n', file) != EOF;
    free(lines);
    free(ends);
    cw_buf_done(&text);
    cw_arena_free(arena);
    return ok;
}

/* An identifier that members show, with the members that show it. */
struct shown {
    const struct cw_identifier *id;
    const struct member *member;
};

static int compare_shown(const void *a, const void *b)
{
    const struct shown *left = a;
    const struct shown *right = b;
    int order = cw_str_cmp(left->id->kind, right->id->kind);
    if (order == 0)
        order = cw_str_cmp(left->id->issuer, right->id->issuer);
    if (order == 0)
        order = cw_str_cmp(left->id->value, right->id->value);
    return order != 0 ? order : compare_members(left->member, right->member);
}

static bool same_identifier(const struct cw_identifier *a, const struct cw_identifier *b)
{
    return cw_str_eq(a->kind, b->kind) && cw_str_eq(a->issuer, b->issuer) &&
           cw_str_eq(a->value, b->value);
}

static void shared_json(struct cw_json *json, const struct member *members, size_t count,
                        struct cw_arena *arena)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += members[i].of->id_count;
    struct shown *shown = cw_arena_alloc(arena, total * sizeof(*shown));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < members[i].of->id_count; j++) {
            if (members[i].of->ids[j].fault.ptr == NULL)
                shown[n++] = (struct shown){ &members[i].of->ids[j], &members[i] };
        }
    }
    if (n > 1)
        qsort(shown, n, sizeof(*shown), compare_shown);
    cw_json_key(json, "identifiers");
    cw_json_open(json, '[');
    for (size_t from = 0; from < n;) {
        size_t to = from + 1;
        while (to < n && same_identifier(shown[from].id, shown[to].id))
            to++;
        cw_json_open(json, '{');
        cw_json_kstr(json, "kind", shown[from].id->kind);
        if (shown[from].id->issuer.ptr != NULL)
            cw_json_kstr(json, "issuer", shown[from].id->issuer);
        cw_json_kstr(json, "value", shown[from].id->value);
        cw_json_kbool(json, "shared", to - from > 1);
        cw_json_key(json, "members");
        cw_json_open(json, '[');
        for (; from < to; from++)
            member_json(json, shown[from].member);
        cw_json_close(json, ']');
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void entity_json(struct cw_json *json, const struct cw_link *link,
                        const struct cw_core *core, const struct member *members, size_t count,
                        struct cw_arena *arena)
{
    cw_json_open(json, '{');
    cw_json_kid(json, "id", core->entity);
    cw_json_kid(json, "core", core->id);
    cw_json_kstr(json, "kind", members[0].of->kind);
    cw_json_key(json, "owners");
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !cw_str_eq(members[i].owner, members[i - 1].owner))
            cw_json_str(json, members[i].owner);
    }
    cw_json_close(json, ']');
    cw_json_key(json, "members");
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        cw_json_open(json, '{');
        cw_json_kstr(json, "event_id", members[i].event_id);
        cw_json_kstr(json, "owner", members[i].owner);
        cw_json_kint(json, "part", members[i].part);
        cw_json_kstr(json, "role", members[i].of->role);
        cw_json_key(json, "names");
        cw_json_open(json, '[');
        for (size_t j = 0; j < members[i].of->name_count; j++)
            cw_json_str(json, members[i].of->names[j].full);
        cw_json_close(json, ']');
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
    shared_json(json, members, count, arena);
    restriction_json(json, cw_link_basis(link, core));
    cw_json_close(json, '}');
}

bool cw_link_show(const struct cw_link *link, struct cw_log *log, struct cw_id entity, FILE *file)
{
    struct cw_arena *arena = cw_arena_new();
    struct cw_buf text = { 0 };
    bool found = false;
    uint32_t at = 0;
    for (const struct cw_link_slot *slot; (slot = cw_map_next(&link->record_map, &at)) != NULL;) {
        const struct cw_core *core = cw_core_at(link, cw_link_record_at(link, slot->handle)->core);
        if (!cw_id_eq(core->entity, entity) && !cw_id_eq(core->id, entity))
            continue;
        size_t n;
        const struct member *members = members_of(link, log, core, arena, &n);
        if (members == NULL)
            break;
        struct cw_json json = cw_json(&text);
        entity_json(&json, link, core, members, n, arena);
        cw_buf_u8(&text, '\n');
        found = fwrite(text.data, 1, text.len, file) == text.len;
        break;
    }
    cw_buf_done(&text);
    cw_arena_free(arena);
    return found;
}

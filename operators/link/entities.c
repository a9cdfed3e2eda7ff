/*
 * entities.c - reading link's view out: all entities as canonical lines. Owners, event ids and
 * identifiers come from the log; link itself holds none.
 */
#include <stdlib.h>

#include "operators/link/link_state.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"

static int compare_members(const void *a, const void *b)
{
    const struct cw_link_mention *left = a;
    const struct cw_link_mention *right = b;
    int order = cw_str_cmp(left->owner, right->owner);
    if (order == 0)
        order = cw_str_cmp(left->event_id, right->event_id);
    return order != 0 ? order : (left->part > right->part) - (left->part < right->part);
}

bool cw_link_mention_read(struct cw_log *log, const struct cw_support *support,
                          struct cw_arena *arena, struct cw_link_mention *out)
{
    struct cw_event event;
    const struct cw_frame *frame = cw_log_get(log, support->position);
    if (frame == NULL || frame->kind != CW_EVENT ||
        !cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena) ||
        support->part >= cw_event_part_count(&event))
        return false;
    *out = (struct cw_link_mention){ .owner = event.owner,
                                     .event_id = event.event_id,
                                     .part = support->part,
                                     .of = cw_event_part(&event, support->part) };
    const struct cw_key *keys = cw_frame_keys(frame);
    for (size_t i = 0; i < frame->key_count; i++) {
        if (keys[i].part == support->part && (keys[i].flags & CW_KEY_RECORD) != 0)
            out->weak = (keys[i].flags & CW_KEY_WEAK) != 0;
    }
    return true;
}

struct cw_link_mention *cw_link_mentions(const struct cw_link *link, struct cw_log *log,
                                         const struct cw_core *core, struct cw_arena *arena,
                                         size_t *count)
{
    const uint32_t *records = cw_list_data(&link->handle_lists, core->members);
    size_t total = 0;
    for (uint32_t i = 0; i < core->members.len; i++)
        total += cw_support_count(&cw_link_record_at(link, records[i])->supports);
    struct cw_support *supports = cw_arena_alloc(arena, total * sizeof(*supports));
    struct cw_link_mention *members = cw_arena_alloc(arena, total * sizeof(*members));
    size_t n = 0;
    for (uint32_t i = 0; i < core->members.len; i++) {
        const struct cw_supports *set = &cw_link_record_at(link, records[i])->supports;
        cw_support_copy(&link->support_lists, set, supports + n);
        n += cw_support_count(set);
    }
    for (size_t i = 0; i < n; i++) {
        if (!cw_link_mention_read(log, &supports[i], arena, &members[i]))
            return NULL;
    }
    if (n > 1)
        qsort(members, n, sizeof(*members), compare_members);
    *count = n;
    return members;
}

void cw_link_mention_json(struct cw_json *json, const struct cw_link_mention *member)
{
    cw_json_open(json, '{');
    cw_json_kstr(json, "event_id", member->event_id);
    cw_json_kstr(json, "owner", member->owner);
    cw_json_kint(json, "part", member->part);
    cw_json_close(json, '}');
}

void cw_link_restriction_json(struct cw_json *json, cw_str text)
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
        const struct cw_link_mention *members = cw_link_mentions(link, log, core, arena, &n);
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
            cw_link_mention_json(&json, &members[i]);
        cw_json_close(&json, ']');
        cw_link_restriction_json(&json, cw_link_basis(link, core));
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

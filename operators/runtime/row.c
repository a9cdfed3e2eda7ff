#include "operators/runtime/row.h"

#include "operators/runtime/check.h"

const char *cw_level_name(uint8_t level)
{
    static const char *const names[] = { "informational", "low", "medium", "high", "critical" };
    CW_CHECK(level <= CW_LEVEL_CRITICAL);
    return names[level];
}

void cw_row_put(struct cw_buf *out, const struct cw_row *row)
{
    cw_buf_u8(out, row->gone);
    cw_buf_id(out, row->alert);
    cw_buf_id(out, row->case_id);
    cw_buf_str32(out, row->rule);
    cw_buf_u64(out, (uint64_t)row->cell);
    if (row->gone)
        return;
    cw_buf_str32(out, row->title);
    cw_buf_str32(out, row->question);
    cw_buf_u64(out, (uint64_t)row->cell_start);
    cw_buf_u64(out, (uint64_t)row->cell_span);
    cw_buf_u8(out, row->level);
    cw_buf_u8(out, row->match);
    cw_buf_u8(out, row->continues);
    cw_buf_u64(out, (uint64_t)row->first);
    cw_buf_u64(out, (uint64_t)row->last);
    cw_buf_u32(out, row->revision);
    cw_buf_id(out, row->state_hash);
    cw_buf_id(out, row->judgement_hash);
    cw_buf_str32(out, row->document);
    cw_buf_str32(out, row->lists);
    cw_buf_str32(out, row->restriction);
    cw_buf_u64(out, (uint64_t)row->expires);
    cw_buf_u8(out, row->limb);
    cw_buf_u32(out, (uint32_t)row->country_count);
    for (size_t i = 0; i < row->country_count; i++)
        cw_buf_str32(out, row->countries[i]);
    cw_buf_u32(out, (uint32_t)row->value_count);
    for (size_t i = 0; i < row->value_count; i++)
        cw_buf_u64(out, (uint64_t)row->values[i]);
    cw_buf_u32(out, (uint32_t)row->key_count);
    for (size_t i = 0; i < row->key_count; i++) {
        cw_buf_u8(out, row->keys[i].is_entity);
        cw_buf_id(out, row->keys[i].id);
        cw_buf_str32(out, row->keys[i].text);
    }
    cw_buf_u32(out, row->evidence_count);
    cw_buf_u32(out, (uint32_t)row->shown_count);
    for (size_t i = 0; i < row->shown_count; i++) {
        const struct cw_row_evidence *evidence = &row->shown[i];
        cw_buf_u64(out, evidence->position);
        cw_buf_id(out, evidence->identity);
        cw_buf_u64(out, (uint64_t)evidence->time_lo);
        cw_buf_u16(out, evidence->part);
        cw_buf_u8(out, evidence->is_rule);
    }
}

/* A count of things that take at least `least` bytes each, so that no count asks for more memory
 * than the frame is long. */
static size_t take_count(struct cw_cur *cur, size_t least)
{
    uint32_t count = cw_cur_u32(cur);
    if (count > (size_t)(cur->end - cur->at) / least) {
        cur->failed = true;
        return 0;
    }
    return count;
}

static bool take_bool(struct cw_cur *cur)
{
    uint8_t value = cw_cur_u8(cur);
    if (value > 1)
        cur->failed = true;
    return value == 1;
}

bool cw_row_get(const struct cw_frame *frame, struct cw_row *out, struct cw_arena *arena)
{
    struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
    *out = (struct cw_row){ 0 };
    out->gone = take_bool(&cur);
    out->alert = cw_cur_id(&cur);
    out->case_id = cw_cur_id(&cur);
    out->rule = cw_cur_str32(&cur);
    out->cell = (int64_t)cw_cur_u64(&cur);
    if (out->gone)
        return !cur.failed && cur.at == cur.end;
    out->title = cw_cur_str32(&cur);
    out->question = cw_cur_str32(&cur);
    out->cell_start = (int64_t)cw_cur_u64(&cur);
    out->cell_span = (int64_t)cw_cur_u64(&cur);
    out->level = cw_cur_u8(&cur);
    out->match = cw_cur_u8(&cur);
    out->continues = take_bool(&cur);
    out->first = (int64_t)cw_cur_u64(&cur);
    out->last = (int64_t)cw_cur_u64(&cur);
    out->revision = cw_cur_u32(&cur);
    out->state_hash = cw_cur_id(&cur);
    out->judgement_hash = cw_cur_id(&cur);
    out->document = cw_cur_str32(&cur);
    out->lists = cw_cur_str32(&cur);
    out->restriction = cw_cur_str32(&cur);
    out->expires = (int64_t)cw_cur_u64(&cur);
    out->limb = cw_cur_u8(&cur);
    out->country_count = take_count(&cur, 4);
    out->countries = cw_arena_alloc(arena, out->country_count * sizeof(*out->countries));
    for (size_t i = 0; i < out->country_count; i++)
        out->countries[i] = cw_cur_str32(&cur);
    out->value_count = take_count(&cur, 8);
    out->values = cw_arena_alloc(arena, out->value_count * sizeof(*out->values));
    for (size_t i = 0; i < out->value_count; i++)
        out->values[i] = (int64_t)cw_cur_u64(&cur);
    out->key_count = take_count(&cur, 21);
    out->keys = cw_arena_alloc(arena, out->key_count * sizeof(*out->keys));
    for (size_t i = 0; i < out->key_count; i++) {
        out->keys[i].is_entity = take_bool(&cur);
        out->keys[i].id = cw_cur_id(&cur);
        out->keys[i].text = cw_cur_str32(&cur);
    }
    out->evidence_count = cw_cur_u32(&cur);
    out->shown_count = take_count(&cur, 35);
    out->shown = cw_arena_alloc(arena, out->shown_count * sizeof(*out->shown));
    for (size_t i = 0; i < out->shown_count; i++) {
        struct cw_row_evidence *evidence = &out->shown[i];
        evidence->position = cw_cur_u64(&cur);
        evidence->identity = cw_cur_id(&cur);
        evidence->time_lo = (int64_t)cw_cur_u64(&cur);
        evidence->part = cw_cur_u16(&cur);
        evidence->is_rule = take_bool(&cur);
    }
    return !cur.failed && cur.at == cur.end && out->level <= CW_LEVEL_CRITICAL &&
           out->match <= CW_MATCH_RESOLVED && out->limb <= CW_LIMB_EFFECTS;
}

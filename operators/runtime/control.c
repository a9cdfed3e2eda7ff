#include "operators/runtime/control.h"

#include <stdio.h>

#include "operators/runtime/check.h"

int64_t *cw_total(struct cw_totals *totals, const char *name)
{
    for (size_t i = 0; i < totals->count; i++) {
        if (strcmp(totals->of[i].name, name) == 0)
            return &totals->of[i].value;
    }
    if (totals->count == CW_TOTALS_MAX)
        return &totals->of[CW_TOTALS_MAX - 1].value;
    size_t at = totals->count++;
    snprintf(totals->of[at].name, CW_TOTAL_NAME_MAX, "%s",
             at == CW_TOTALS_MAX - 1 ? "other" : name);
    totals->of[at].value = 0;
    return &totals->of[at].value;
}

int64_t cw_total_get(const struct cw_totals *totals, const char *name)
{
    for (size_t i = 0; i < totals->count; i++) {
        if (strcmp(totals->of[i].name, name) == 0)
            return totals->of[i].value;
    }
    return 0;
}

void cw_totals_put(struct cw_buf *buf, const struct cw_totals *totals)
{
    cw_buf_u32(buf, (uint32_t)totals->count);
    for (size_t i = 0; i < totals->count; i++) {
        cw_buf_str32(buf, cw_cstr(totals->of[i].name));
        cw_buf_u64(buf, (uint64_t)totals->of[i].value);
    }
}

bool cw_totals_get(struct cw_cur *cur, struct cw_totals *totals)
{
    uint32_t count = cw_cur_u32(cur);
    for (uint32_t i = 0; i < count && !cur->failed; i++) {
        cw_str name = cw_cur_str32(cur);
        int64_t value = (int64_t)cw_cur_u64(cur);
        char text[CW_TOTAL_NAME_MAX];
        if (cur->failed || name.len >= sizeof(text))
            return false;
        snprintf(text, sizeof(text), "%.*s", CW_STR_ARG(name));
        *cw_total(totals, text) = value;
    }
    return !cur->failed;
}

void cw_tick_put(struct cw_buf *out, const struct cw_tick *tick)
{
    cw_buf_u64(out, tick->n);
    cw_buf_u64(out, (uint64_t)tick->retention);
    uint16_t types = cw_type_count();
    cw_buf_u32(out, types);
    for (uint16_t type = 1; type <= types; type++)
        cw_buf_u64(out, (uint64_t)tick->frontier[type]);
    cw_totals_put(out, &tick->totals);
}

bool cw_tick_get(const struct cw_frame *frame, struct cw_tick *out)
{
    struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
    *out = (struct cw_tick){ 0 };
    out->n = cw_cur_u64(&cur);
    out->retention = (int64_t)cw_cur_u64(&cur);
    uint32_t types = cw_cur_u32(&cur);
    if (cur.failed || types > CW_TYPES_MAX)
        return false;
    for (uint32_t type = 1; type <= types; type++)
        out->frontier[type] = (int64_t)cw_cur_u64(&cur);
    return cw_totals_get(&cur, &out->totals) && cur.at == cur.end;
}

void cw_close_put(struct cw_buf *out, const struct cw_close *close)
{
    cw_buf_u64(out, close->n);
    cw_buf_u64(out, close->rows);
    cw_totals_put(out, &close->totals);
}

bool cw_close_get(const struct cw_frame *frame, struct cw_close *out)
{
    struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
    *out = (struct cw_close){ 0 };
    out->n = cw_cur_u64(&cur);
    out->rows = cw_cur_u64(&cur);
    return cw_totals_get(&cur, &out->totals) && cur.at == cur.end;
}

void cw_moved_put(struct cw_buf *out, const struct cw_moved *moved)
{
    cw_buf_u32(out, (uint32_t)moved->reason);
    cw_buf_u32(out, moved->basis);
    cw_buf_u64(out, (uint64_t)moved->first_seen);
    cw_buf_id(out, moved->core_from);
    cw_buf_id(out, moved->entity_from);
    cw_buf_id(out, moved->core_to);
    cw_buf_id(out, moved->entity_to);
    cw_buf_u64(out, moved->record_count);
    cw_buf_put(out, moved->records, moved->record_count * sizeof(struct cw_id));
}

bool cw_moved_get(const struct cw_frame *frame, struct cw_moved *out)
{
    struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
    *out = (struct cw_moved){ 0 };
    uint32_t reason = cw_cur_u32(&cur);
    out->basis = cw_cur_u32(&cur);
    out->first_seen = (int64_t)cw_cur_u64(&cur);
    out->core_from = cw_cur_id(&cur);
    out->entity_from = cw_cur_id(&cur);
    out->core_to = cw_cur_id(&cur);
    out->entity_to = cw_cur_id(&cur);
    uint64_t count = cw_cur_u64(&cur);
    uint64_t left = (uint64_t)(cur.end - cur.at);
    if (cur.failed || reason < CW_MOVED_MERGE || reason > CW_MOVED_RESTRICTED ||
        left % sizeof(struct cw_id) != 0 || count != left / sizeof(struct cw_id))
        return false;
    out->reason = (enum cw_moved_reason)reason;
    out->record_count = count;
    out->records = (const struct cw_id *)(const void *)cur.at;
    return true;
}

void cw_named_put(struct cw_buf *out, uint32_t space, uint32_t number, cw_str text)
{
    cw_buf_u32(out, space);
    cw_buf_u32(out, number);
    cw_buf_str32(out, text);
}

bool cw_named_get(const struct cw_frame *frame, struct cw_named *out)
{
    struct cw_cur cur = cw_cur(cw_frame_body(frame), frame->body_length);
    out->space = cw_cur_u32(&cur);
    out->number = cw_cur_u32(&cur);
    out->text = cw_cur_str32(&cur);
    return !cur.failed && cur.at == cur.end;
}

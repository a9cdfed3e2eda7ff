#include "tests/support/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"

static const struct cw_secret *secret(void)
{
    static struct cw_secret secret;
    static bool ready;
    if (!ready)
        cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    ready = true;
    return &secret;
}

struct cw_id cw_test_id(const char *text)
{
    return cw_id_raw_field(secret(), cw_cstr("test"), cw_cstr(text));
}

/* "passport RO:123" */
static void read_identifier(const char *text, struct cw_identifier *out)
{
    *out = (struct cw_identifier){ 0 };
    if (text[0] == '!') {
        out->fault = cw_cstr("check_digit");
        text++;
    }
    const char *space = strchr(text, ' ');
    CW_CHECK(space != NULL);
    out->kind = (cw_str){ text, (size_t)(space - text) };
    const char *colon = strchr(space, ':');
    if (colon != NULL)
        out->issuer = (cw_str){ space + 1, (size_t)(colon - space - 1) };
    out->value = cw_cstr(colon != NULL ? colon + 1 : space + 1);
}

static size_t make_keys(const struct cw_test_event *from, const struct cw_part *part,
                        struct cw_key *keys)
{
    char record[256];
    snprintf(record, sizeof(record), "%s/%s", from->owner, from->event_id);
    size_t count = 0;
    if (part == NULL)
        return 0;
    keys[count++] =
        (struct cw_key){ .flags = CW_KEY_RECORD,
                         .key = cw_test_id(from->record != NULL ? from->record : record) };
    for (size_t i = 0; i < part->id_count; i++) {
        const struct cw_identifier *id = &part->ids[i];
        struct cw_key key = { .key = cw_id_key(secret(), id->kind, id->issuer, id->value) };
        if (id->fault.ptr == NULL)
            key.flags |= CW_KEY_VALID;
        if (!cw_str_is(id->kind, "phone"))
            key.flags |= CW_KEY_UNIQUE;
        keys[count++] = key;
    }
    return count;
}

static void set_detail(struct cw_event *event, const struct cw_test_event *from,
                       struct cw_value *values)
{
    const struct cw_type *type = event->type;
    event->detail_type = type;
    event->detail = values;
    for (size_t i = 0; i < type->field_count; i++) {
        values[i].present = !type->fields[i].nullable;
        if (type->fields[i].type == CW_FIELD_STRING)
            values[i].text = cw_cstr("");
    }
    int colour = cw_type_field(type, cw_cstr("colour"));
    int reference = cw_type_field(type, cw_cstr("reference"));
    if (colour >= 0 && from->colour != NULL)
        values[colour] = (struct cw_value){ .present = true, .text = cw_cstr(from->colour) };
    if (reference >= 0 && from->reference != NULL)
        values[reference] = (struct cw_value){ .present = true, .text = cw_cstr(from->reference) };
}

struct cw_row_evidence cw_test_append(struct cw_log *log, const struct cw_test_event *from)
{
    struct cw_identifier ids[CW_TEST_IDS];
    struct cw_part part = { .kind = cw_cstr("person"), .ids = ids };
    struct cw_key keys[1 + CW_TEST_IDS];
    struct cw_value values[CW_TYPE_FIELDS_MAX] = { 0 };
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr(from->owner);
    event.event_id = cw_cstr(from->event_id);
    event.event_type = cw_cstr(from->type);
    event.type = cw_type_by_name(event.event_type);
    event.event_time = from->time;
    event.recorded_at = from->time;
    if (from->role != NULL) {
        part.role = cw_cstr(from->role);
        for (; part.id_count < CW_TEST_IDS && from->ids[part.id_count] != NULL; part.id_count++)
            read_identifier(from->ids[part.id_count], &ids[part.id_count]);
        event.parties = &part;
        event.party_count = 1;
    }
    CW_CHECK(event.type != NULL);
    set_detail(&event, from, values);

    struct cw_buf body = { 0 };
    struct cw_buf frame = { 0 };
    cw_event_write(&event, &body);
    const struct cw_frame header = { .kind = CW_EVENT,
                                     .type = event.type->number,
                                     .time_lo = from->time,
                                     .identity =
                                         cw_id_identity(secret(), event.owner, event.event_id) };
    size_t key_count = make_keys(from, from->role != NULL ? &part : NULL, keys);
    (void)cw_frame_put(&frame, &header, keys, key_count, body.data, body.len);
    struct cw_row_evidence evidence = { .position = cw_log_append(log, cw_frame_at(&frame, 0)),
                                        .identity = header.identity,
                                        .time_lo = from->time };
    cw_log_flush(log);
    cw_buf_done(&body);
    cw_buf_done(&frame);
    return evidence;
}

static void put(struct cw_buf *out, const struct cw_frame *header, const struct cw_buf *body)
{
    (void)cw_frame_put(out, header, NULL, 0, body->data, body->len);
}

void cw_test_tick(struct cw_buf *out, uint64_t n)
{
    struct cw_buf body = { 0 };
    struct cw_tick *tick = cw_new(struct cw_tick);
    tick->n = n;
    tick->retention = INT64_MIN;
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        tick->frontier[type] = INT64_MAX;
    *cw_total(&tick->totals, "ingest.events") = (int64_t)(10 * n);
    cw_tick_put(&body, tick);
    put(out, &(struct cw_frame){ .kind = CW_TICK }, &body);
    cw_buf_done(&body);
    free(tick);
}

void cw_test_append_tick(struct cw_log *log, uint64_t n)
{
    struct cw_buf frame = { 0 };
    cw_test_tick(&frame, n);
    (void)cw_log_append(log, cw_frame_at(&frame, 0));
    cw_log_flush(log);
    cw_buf_done(&frame);
}

void cw_test_row(struct cw_buf *out, uint64_t tick, uint32_t number, const struct cw_row *row)
{
    struct cw_buf body = { 0 };
    cw_row_put(&body, row);
    put(out, &(struct cw_frame){ .kind = CW_ROW, .position = tick, .ordinal = number }, &body);
    cw_buf_done(&body);
}

void cw_test_close(struct cw_buf *out, uint64_t n, uint64_t rows)
{
    struct cw_buf body = { 0 };
    struct cw_close *close = cw_new(struct cw_close);
    close->n = n;
    close->rows = rows;
    *cw_total(&close->totals, "detect.rows") = (int64_t)rows;
    cw_close_put(&body, close);
    put(out, &(struct cw_frame){ .kind = CW_CLOSE }, &body);
    cw_buf_done(&body);
    free(close);
}

void cw_test_end(struct cw_buf *out)
{
    const struct cw_buf nothing = { 0 };
    put(out, &(struct cw_frame){ .kind = CW_END }, &nothing);
}

void cw_test_moved(struct cw_buf *out, const struct cw_moved *moved)
{
    struct cw_buf body = { 0 };
    cw_moved_put(&body, moved);
    put(out, &(struct cw_frame){ .kind = CW_MOVED }, &body);
    cw_buf_done(&body);
}

void cw_test_rule_set(struct cw_buf *out, struct cw_id rule_set)
{
    char hex[CW_ID_HEX];
    struct cw_buf body = { 0 };
    cw_id_hex(rule_set, hex);
    cw_named_put(&body, CW_NAME_RULE_SET, 1, cw_cstr(hex));
    put(out, &(struct cw_frame){ .kind = CW_NAME }, &body);
    cw_buf_done(&body);
}

int cw_test_push(const struct cw_stage *stage, void *self, const struct cw_buf *frames,
                 size_t batch)
{
    const struct cw_frame **list = cw_alloc(batch * sizeof(*list));
    struct cw_out out = { { 0 } };
    int status = CW_EXIT_OK;
    for (size_t at = 0; at < frames->len && status == CW_EXIT_OK;) {
        size_t count = 0;
        while (count < batch && at < frames->len) {
            list[count] = cw_frame_at(frames, at);
            at += list[count++]->length;
        }
        status = stage->batch(self, &(struct cw_batch){ list, count }, &out);
    }
    cw_buf_done(&out.buf);
    free(list);
    return status;
}

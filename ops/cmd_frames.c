#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operators/runtime/json.h"
#include "operators/runtime/log.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/row.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

/*
 * cmd_frames.c - what the log holds, or what passes a joint, as JSON lines for people and for an
 * oracle.
 */

static void keys_json(struct cw_json *json, const struct cw_frame *frame)
{
    const struct cw_key *keys = cw_frame_keys(frame);
    cw_json_key(json, "keys");
    cw_json_open(json, '[');
    for (size_t i = 0; i < frame->key_count; i++) {
        cw_json_open(json, '{');
        cw_json_kint(json, "part", keys[i].part);
        cw_json_kid(json, (keys[i].flags & CW_KEY_RECORD) != 0 ? "record" : "identifier",
                    keys[i].key);
        if ((keys[i].flags & CW_KEY_WEAK) != 0)
            cw_json_kbool(json, "weak", true);
        if ((keys[i].flags & CW_KEY_UNIQUE) != 0)
            cw_json_kbool(json, "unique", true);
        if ((keys[i].flags & CW_KEY_EXCLUSIVE) != 0)
            cw_json_kbool(json, "exclusive", true);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void links_json(struct cw_json *json, const struct cw_frame *frame)
{
    size_t count;
    const struct cw_link_entry *links = cw_frame_links(frame, &count);
    if (links == NULL)
        return;
    cw_json_key(json, "links");
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        cw_json_open(json, '{');
        cw_json_kint(json, "part", links[i].part);
        cw_json_kid(json, "record", links[i].record);
        cw_json_kid(json, "core", links[i].core);
        cw_json_kid(json, "entity", links[i].entity);
        if (links[i].basis != 0)
            cw_json_kint(json, "basis", links[i].basis);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void event_json(struct cw_json *json, const struct cw_frame *frame, struct cw_arena *arena)
{
    cw_json_kint(json, "sign", frame->sign);
    cw_json_kbool(json, "more", (frame->flags & CW_MORE) != 0);
    cw_json_kint(json, "source", frame->source);
    cw_json_kint(json, "partition", frame->partition);
    cw_json_kint(json, "offset", frame->offset);
    cw_json_ktime(json, "time_lo", frame->time_lo);
    cw_json_kint(json, "time_lo_us", frame->time_lo);
    cw_json_kint(json, "time_span_us", frame->time_span);
    cw_json_kint(json, "recorded_at_us", frame->recorded_at);
    cw_json_kint(json, "retain_until_us", frame->retain_until);
    cw_json_kid(json, "identity", frame->identity);
    cw_json_kid(json, "content", frame->content);
    cw_json_kint(json, "version", frame->version);
    cw_json_kbool(json, "withdraws", (frame->flags & CW_WITHDRAW) != 0);
    cw_json_kbool(json, "standing", (frame->flags & CW_STANDING) != 0);
    if (frame->restriction != 0)
        cw_json_kint(json, "restriction", frame->restriction);
    struct cw_event event;
    cw_json_key(json, "event");
    if (cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena))
        cw_event_json(&event, json);
    else
        cw_json_null(json);
    keys_json(json, frame);
    links_json(json, frame);
}

static void totals_json(struct cw_json *json, const struct cw_totals *totals)
{
    cw_json_key(json, "totals");
    cw_json_open(json, '{');
    for (size_t i = 0; i < totals->count; i++)
        cw_json_kint(json, totals->of[i].name, totals->of[i].value);
    cw_json_close(json, '}');
}

static void tick_json(struct cw_json *json, const struct cw_frame *frame)
{
    struct cw_tick tick;
    if (!cw_tick_get(frame, &tick))
        return;
    cw_json_kint(json, "n", (int64_t)tick.n);
    cw_json_ktime(json, "R", tick.retention);
    cw_json_key(json, "F");
    cw_json_open(json, '{');
    for (uint16_t type = 1; type <= cw_type_count(); type++) {
        if (!cw_type_by_number(type)->standing)
            cw_json_ktime(json, cw_type_by_number(type)->name, tick.frontier[type]);
    }
    cw_json_close(json, '}');
    totals_json(json, &tick.totals);
}

static void moved_json(struct cw_json *json, const struct cw_frame *frame)
{
    static const char *const reasons[] = { "", "merge", "split", "renamed", "gone", "restricted" };
    struct cw_moved moved;
    if (!cw_moved_get(frame, &moved))
        return;
    cw_json_kcstr(json, "reason", reasons[moved.reason]);
    cw_json_kid(json, "core_from", moved.core_from);
    cw_json_kid(json, "core_to", moved.core_to);
    cw_json_kid(json, "entity_from", moved.entity_from);
    cw_json_kid(json, "entity_to", moved.entity_to);
    if (moved.basis != 0)
        cw_json_kint(json, "basis", moved.basis);
    cw_json_key(json, "records");
    cw_json_open(json, '[');
    for (size_t i = 0; i < moved.record_count; i++)
        cw_json_id(json, moved.records[i]);
    cw_json_close(json, ']');
}

static void row_json(struct cw_json *json, const struct cw_frame *frame, struct cw_arena *arena)
{
    struct cw_row row;
    if (!cw_row_get(frame, &row, arena))
        return;
    cw_json_kint(json, "row", frame->ordinal);
    cw_json_kbool(json, "gone", row.gone);
    cw_json_kid(json, "id", row.alert);
    cw_json_kstr(json, "rule", row.rule);
    cw_json_kint(json, "cell", row.cell);
    if (row.gone)
        return;
    cw_json_kint(json, "evidence_count", row.evidence_count);
    cw_json_key(json, "value");
    cw_json_open(json, '[');
    for (size_t i = 0; i < row.value_count; i++)
        cw_json_int(json, row.values[i]);
    cw_json_close(json, ']');
}

static void body_json(struct cw_json *json, const struct cw_frame *frame, struct cw_arena *arena)
{
    struct cw_named named;
    struct cw_close close;
    switch (frame->kind) {
    case CW_EVENT:
        event_json(json, frame, arena);
        break;
    case CW_TICK:
        tick_json(json, frame);
        break;
    case CW_MOVED:
        moved_json(json, frame);
        break;
    case CW_ROW:
        row_json(json, frame, arena);
        break;
    case CW_CLOSE:
        if (cw_close_get(frame, &close)) {
            cw_json_kint(json, "n", (int64_t)close.n);
            cw_json_kint(json, "rows", (int64_t)close.rows);
            totals_json(json, &close.totals);
        }
        break;
    case CW_NAME:
        if (cw_named_get(frame, &named)) {
            static const char *const spaces[] = { "?",           "owner",    "type",  "source",
                                                  "restriction", "rule_set", "basis", "rates" };
            cw_json_kcstr(json, "space", spaces[named.space <= CW_NAME_RATES ? named.space : 0]);
            cw_json_kint(json, "number", named.number);
            cw_json_kstr(json, "name", named.text);
        }
        break;
    case CW_REJECT:
        cw_json_kstr(json, "reason",
                     (cw_str){ (const char *)cw_frame_body(frame), frame->body_length });
        __attribute__((fallthrough));
    case CW_SOURCE_END:
        cw_json_kint(json, "source", frame->source);
        cw_json_kint(json, "partition", frame->partition);
        cw_json_kint(json, "offset", frame->offset);
        break;
    default:
        break;
    }
}

struct printer {
    struct cw_arena *arena;
    struct cw_buf text;
};

static void print(struct printer *printer, const struct cw_frame *frame)
{
    cw_arena_reset(printer->arena);
    printer->text.len = 0;
    struct cw_json json = cw_json(&printer->text);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "kind", cw_frame_kind_name(frame->kind));
    cw_json_kint(&json, "position", (int64_t)frame->position);
    body_json(&json, frame, printer->arena);
    cw_json_close(&json, '}');
    cw_buf_u8(&printer->text, '\n');
    (void)fwrite(printer->text.data, 1, printer->text.len, stdout);
}

static int print_log(struct printer *printer, const char *dir)
{
    char error[256];
    struct cw_log *log = cw_log_read(dir, error, sizeof(error));
    if (log == NULL) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    int status = CW_EXIT_OK;
    uint64_t position = 0;
    for (const struct cw_frame *frame; (frame = cw_log_get(log, position)) != NULL;) {
        print(printer, frame);
        position += frame->length;
    }
    if (cw_log_error(log)[0] != '\0') {
        cw_error("%s", cw_log_error(log));
        status = CW_EXIT_DAMAGED;
    }
    cw_log_close(log);
    return status;
}

static int print_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    for (size_t i = 0; i < in->count; i++) {
        print(self, in->frames[i]);
        cw_out_frame(out, in->frames[i]);
    }
    return CW_EXIT_OK;
}

static const struct cw_stage print_stage = { "frames", print_batch, NULL };

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    struct cw_text_list words = { 0 };
    const struct cw_option options[] = {
        { "log", CW_OPT_TEXT, &dir, false, "directory of the log" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_frames, options, argc, argv, &words);
    if (status >= 0)
        return status;
    if (dir == NULL && (words.count != 1 || strcmp(words.items[0], "-") != 0)) {
        fprintf(stderr,
                "crosswatch frames: expected --log DIR, or - for frames on standard input\n");
        free(words.items);
        return CW_EXIT_USAGE;
    }
    struct printer printer = { cw_arena_new(), { 0 } };
    status = dir != NULL
                 ? print_log(&printer, dir)
                 : cw_filter_run(&print_stage, &printer, STDIN_FILENO, -1, CW_BATCH_DEFAULT);
    if (fflush(stdout) != 0)
        status = CW_EXIT_BROKEN;
    cw_buf_done(&printer.text);
    cw_arena_free(printer.arena);
    free(words.items);
    return status;
}

const struct cw_command cw_cmd_frames = {
    .name = "frames",
    .usage = "--log DIR | -",
    .summary = "print what the log holds, or what passes a joint, as JSON lines",
    .run = run,
};

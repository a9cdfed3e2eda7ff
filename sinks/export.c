#include "sinks/export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "operators/runtime/arena.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/table.h"
#include "sinks/format.h"

struct line {
    struct cw_id alert;
    char *text;
    size_t len;
};

struct cw_export {
    struct cw_log *log;
    struct cw_formatter *formatter;
    struct cw_arena *arena; /* of one row */
    struct cw_buf scratch;
    struct cw_map lines; /* of struct line */
};

struct cw_export *cw_export_new(struct cw_log *log)
{
    struct cw_export *export = cw_new(struct cw_export);
    export->log = log;
    export->formatter = cw_formatter_new(log);
    export->arena = cw_arena_new();
    cw_map_init(&export->lines, sizeof(struct line));
    return export;
}

static void export_free(void *self)
{
    struct cw_export *export = self;
    if (export == NULL)
        return;
    uint32_t at = 0;
    for (struct line *line; (line = cw_map_next(&export->lines, &at)) != NULL;)
        free(line->text);
    cw_map_done(&export->lines);
    cw_formatter_free(export->formatter);
    cw_arena_free(export->arena);
    cw_buf_done(&export->scratch);
    free(export);
}

static int take_row(struct cw_export *export, const struct cw_frame *frame)
{
    struct cw_row row;
    cw_arena_reset(export->arena);
    if (!cw_row_get(frame, &row, export->arena)) {
        cw_error("row %" PRIu32 " of tick %" PRIu64 " does not read: the frame is damaged",
                 frame->ordinal, frame->position);
        return CW_EXIT_DAMAGED;
    }
    if (row.gone) {
        struct line *line = cw_map_find(&export->lines, row.alert);
        if (line != NULL) {
            free(line->text);
            (void)cw_map_remove(&export->lines, row.alert);
        }
        return CW_EXIT_OK;
    }
    export->scratch.len = 0;
    if (!cw_format_row(export->formatter, &row, &export->scratch)) {
        cw_error("row %" PRIu32 " of tick %" PRIu64
                 " names evidence that the log does not hold: %s",
                 frame->ordinal, frame->position, cw_log_error(export->log));
        return CW_EXIT_DAMAGED;
    }
    struct line *line = cw_map_put(&export->lines, row.alert, NULL);
    line->text = cw_realloc(line->text, export->scratch.len);
    line->len = export->scratch.len;
    memcpy(line->text, export->scratch.data, line->len);
    return CW_EXIT_OK;
}

static int export_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    (void)out;
    for (size_t i = 0; i < in->count; i++) {
        int status = in->frames[i]->kind == CW_ROW ? take_row(self, in->frames[i]) : CW_EXIT_OK;
        if (status != CW_EXIT_OK)
            return status;
    }
    return CW_EXIT_OK;
}

const struct cw_stage cw_export_stage = { "export", export_batch, export_free };

static int order_of_lines(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    return cw_str_cmp((cw_str){ left->text, left->len }, (cw_str){ right->text, right->len });
}

bool cw_export_write(struct cw_export *export, FILE *file)
{
    size_t count = 0;
    struct line *sorted = cw_alloc(export->lines.count * sizeof(*sorted));
    uint32_t at = 0;
    for (struct line *line; (line = cw_map_next(&export->lines, &at)) != NULL;)
        sorted[count++] = *line;
    qsort(sorted, count, sizeof(*sorted), order_of_lines);
    bool written = true;
    for (size_t i = 0; written && i < count; i++)
        written = fwrite(sorted[i].text, 1, sorted[i].len, file) == sorted[i].len &&
                  putc('\n', file) != EOF;
    free(sorted);
    return written && fflush(file) == 0;
}

size_t cw_export_count(const struct cw_export *export)
{
    return export->lines.count;
}

#include "operators/runtime/diag.h"

#include <stdarg.h>
#include <stdio.h>

void cw_diag_done(struct cw_diag *diag)
{
    cw_buf_done(&diag->out);
}

static cw_str line_of(cw_str text, size_t line)
{
    size_t at = 0;
    for (size_t n = 1; n < line; n++) {
        const char *newline = memchr(text.ptr + at, '\n', text.len - at);
        if (newline == NULL)
            return (cw_str){ "", 0 };
        at = (size_t)(newline - text.ptr) + 1;
    }
    const char *end = memchr(text.ptr + at, '\n', text.len - at);
    return (cw_str){ text.ptr + at, end != NULL ? (size_t)(end - text.ptr) - at : text.len - at };
}

void cw_diag_error(struct cw_diag *diag, size_t line, size_t column, const char *format, ...)
{
    enum { SHOWN = 200 };
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    diag->count++;
    if (line == 0 || diag->text.ptr == NULL) {
        cw_buf_printf(&diag->out, "%s: error: %s\n", diag->file, message);
        return;
    }
    cw_buf_printf(&diag->out, "%s:%zu:%zu: error: %s\n", diag->file, line, column, message);
    cw_str shown = line_of(diag->text, line);
    if (shown.len > SHOWN)
        shown.len = SHOWN;
    cw_buf_printf(&diag->out, "    %.*s\n    ", CW_STR_ARG(shown));
    for (size_t i = 1; i < column && i <= shown.len; i++)
        cw_buf_u8(&diag->out, shown.ptr[i - 1] == '\t' ? '\t' : ' ');
    cw_buf_cstr(&diag->out, "^\n");
}

enum { WORD_MAX = 48 };

/* Levenshtein distance of two short words. */
static size_t distance(cw_str a, cw_str b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.len];
}

const char *cw_nearest(cw_str word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    if (word.len > WORD_MAX)
        return NULL;
    size_t best = word.len / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        cw_str candidate = cw_cstr(candidates[i]);
        if (candidate.len > WORD_MAX)
            continue;
        size_t d = distance(word, candidate);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

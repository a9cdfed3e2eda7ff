#include "detectors/fold.h"

#include <stdlib.h>
#include <utf8proc.h>

static bool is_plain(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z'))
            return false;
    }
    return true;
}

static bool is_ascii(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static cw_str lower_ascii(cw_str text, struct cw_arena *arena)
{
    char *copy = cw_arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    return (cw_str){ copy, text.len };
}

static cw_str map_unicode(cw_str text, enum cw_fold how, struct cw_arena *arena)
{
    int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (how != CW_FOLD_CASED)
        options |= UTF8PROC_CASEFOLD;
    if (how == CW_FOLD_NAME)
        options |= UTF8PROC_COMPAT;
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &mapped,
                     (utf8proc_option_t)options);
    cw_str out = len >= 0 ? cw_arena_copy(arena, mapped, (size_t)len) : text; /* not UTF-8: as is */
    free(mapped);
    return out;
}

/* Tokens joined by one space. */
static cw_str single_spaces(cw_str text, struct cw_arena *arena)
{
    char *copy = cw_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    bool gap = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ' || (text.ptr[i] >= '\t' && text.ptr[i] <= '\r')) {
            gap = len != 0;
            continue;
        }
        if (gap)
            copy[len++] = ' ';
        gap = false;
        copy[len++] = text.ptr[i];
    }
    return (cw_str){ copy, len };
}

cw_str cw_fold(cw_str text, enum cw_fold how, struct cw_arena *arena)
{
    cw_str folded = text;
    if (!is_ascii(text))
        folded = map_unicode(text, how, arena);
    else if (how != CW_FOLD_CASED && !is_plain(text))
        folded = lower_ascii(text, arena);
    return how == CW_FOLD_NAME ? single_spaces(folded, arena) : folded;
}

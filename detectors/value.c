/* value.c - a value as it is written in a rule or a list, to what events are compared with. */
#include <stdlib.h>

#include "detectors/fold.h"
#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/time.h"

bool cw_value_is_number(const struct cw_path *path)
{
    switch (cw_path_value(path)) {
    case CW_VALUE_LONG:
    case CW_VALUE_BOOLEAN:
    case CW_VALUE_TIME:
        return true;
    case CW_VALUE_TEXT:
    case CW_VALUE_NAME:
    case CW_VALUE_IDENTIFIER:
    case CW_VALUE_REAL:
    case CW_VALUE_ENTITY:
    default:
        return false;
    }
}

/* A whole number without the zeros and signs that could mean something else. */
static bool read_whole(cw_str text, int64_t *out)
{
    size_t at = text.len > 1 && text.ptr[0] == '-';
    if (at == text.len || text.len - at > 18 || (text.ptr[at] == '0' && text.len != 1))
        return false;
    bool negative = at != 0;
    *out = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] < '0' || text.ptr[at] > '9')
            return false;
        *out = 10 * *out + (text.ptr[at] - '0');
    }
    *out = negative ? -*out : *out;
    return true;
}

static bool read_number(struct cw_arena *arena, const struct cw_path *path, cw_str text,
                        int64_t *out, const char **fault)
{
    enum cw_path_value value = cw_path_value(path);
    const char *expected = "a time such as 2020-01-31T12:00:00Z (%.*s is one)";
    if (value == CW_VALUE_LONG) {
        expected = "a whole number such as 12";
        if (read_whole(text, out))
            return true;
    } else if (value == CW_VALUE_BOOLEAN) {
        expected = "true or false";
        *out = cw_str_is(text, "true");
        if (*out == 1 || cw_str_is(text, "false"))
            return true;
    } else {
        expected = "a time such as 2020-01-31T12:00:00Z";
        if (cw_time_parse(text, out))
            return true;
    }
    *fault = cw_arena_printf(arena, "expected %s (%.*s is one), found %s", expected,
                             CW_STR_ARG(path->text), cw_quote(arena, text))
                 .ptr;
    return false;
}

/*
 * Sigma's wildcards and escapes: * is any run of characters, ? any one, and a backslash before *, ?
 * or another backslash takes its meaning away.
 */
static bool read_pattern(struct cw_arena *arena, cw_str text, bool plain, enum cw_shape shape,
                         struct cw_constant *out, size_t *offset, const char **fault)
{
    char *copy = cw_arena_alloc(arena, text.len + 3);
    size_t len = 0;
    out->is_pattern = shape != CW_SHAPE_WHOLE;
    if (shape == CW_SHAPE_CONTAINS || shape == CW_SHAPE_ENDS)
        copy[len++] = CW_LIKE_ANY;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char next = i + 1 < text.len ? text.ptr[i + 1] : 0;
        if (c == CW_LIKE_ANY || c == CW_LIKE_ONE) {
            *offset = i;
            *fault = "a control character has no place in a value";
            return false;
        }
        if (!plain && c == '\\' && (next == '*' || next == '?' || next == '\\')) {
            c = next;
            i++;
        } else if (!plain && (c == '*' || c == '?')) {
            c = c == '*' ? CW_LIKE_ANY : CW_LIKE_ONE;
            out->is_pattern = true;
        }
        copy[len++] = c;
    }
    if (shape == CW_SHAPE_CONTAINS || shape == CW_SHAPE_STARTS)
        copy[len++] = CW_LIKE_ANY;
    out->text = (cw_str){ copy, len };
    if (!out->is_pattern || len <= CW_PATTERN_MAX)
        return true;
    *offset = 0;
    *fault = cw_arena_printf(arena, "a pattern of more than %d bytes", CW_PATTERN_MAX).ptr;
    return false;
}

/* "RO:123": an issuing country, a colon, a value. */
static bool has_issuer(cw_str text)
{
    const char *colon = text.len != 0 ? memchr(text.ptr, ':', text.len) : NULL;
    return colon != NULL && colon != text.ptr && colon + 1 < text.ptr + text.len;
}

bool cw_value_read(struct cw_arena *arena, const struct cw_path *path, cw_str text, bool plain,
                   bool cased, enum cw_shape shape, struct cw_constant *out, size_t *offset,
                   const char **fault)
{
    *out = (struct cw_constant){ 0 };
    *offset = 0;
    if (cw_value_is_number(path))
        return read_number(arena, path, text, &out->number, fault);
    if (text.len == 0 && shape != CW_SHAPE_WHOLE) {
        *fault = "expected a part of a text: the empty one is part of each";
        return false;
    }
    if (!read_pattern(arena, text, plain, shape, out, offset, fault))
        return false;
    enum cw_path_value value = cw_path_value(path);
    if (value == CW_VALUE_IDENTIFIER && cw_path_is_scoped(path) && !out->is_pattern &&
        !has_issuer(out->text)) {
        *fault = cw_arena_printf(arena,
                                 "ambiguous: a %.*s is told apart by who issued it: expected "
                                 "RO:123, found %s",
                                 CW_STR_ARG(path->id_kind), cw_quote(arena, text))
                     .ptr;
        return false;
    }
    enum cw_fold how = value == CW_VALUE_NAME ? CW_FOLD_NAME : cased ? CW_FOLD_CASED : CW_FOLD_TEXT;
    out->text = cw_fold(out->text, how, arena);
    return true;
}

/*
 * name_fold.c - a name as records compare it.
 *
 * NFKC, case folded. A token is a run of letters, marks and digits; everything else parts tokens,
 * a hyphen too (Jean-Pierre is jean pierre), but an apostrophe between two letters is left out
 * (O'Brien is obrien): what some write with the sign, others write with a space there, or with
 * nothing here. Leading honorifics go as long as a token is left behind them.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "ingest/identifier.h"

/* Short on purpose: none is a usual first name (don, major and pan are). */
static const char *const honorifics[] = {
    "mr",   "mrs",  "ms",  "miss", "mx",  "mister", "dr",     "prof",  "sir", "dame",
    "herr", "frau", "mme", "mlle", "m",   "sr",     "sra",    "srta",  "rev", "dott",
    "sig",  "hrn",  "dra", "ing",  "mag", "doctor", "madame", "senor",
};

static bool is_ascii(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

enum role { PARTS, LETTER, MARK, APOSTROPHE };

static enum role ascii_role(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return LETTER;
    return c == '\'' ? APOSTROPHE : PARTS;
}

static enum role role_of(utf8proc_int32_t point)
{
    if (point < 0x80)
        return ascii_role((char)point);
    switch (point) {
    case 0x2018: /* quotation marks, and the letters that look like them */
    case 0x2019:
    case 0x02BB:
    case 0x02BC:
        return APOSTROPHE;
    default:
        break;
    }
    utf8proc_category_t category = utf8proc_category(point);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return LETTER;
    if (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME)
        return MARK;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return LETTER;
    return PARTS;
}

/* What joins tokens: keeps letters, writes one space between runs of them. */
struct joiner {
    char *out;
    size_t len;
    bool gap;        /* something that parts tokens stands before what comes next */
    bool apostrophe; /* an apostrophe behind a letter stands before what comes next */
    bool dropped;    /* an apostrophe was left out */
};

static void join(struct joiner *joiner, enum role role, const char *bytes, size_t len)
{
    switch (role) {
    case PARTS:
        joiner->gap = true;
        return;
    case APOSTROPHE:
        if (joiner->apostrophe || joiner->gap || joiner->len == 0)
            joiner->gap = true;
        joiner->apostrophe = true;
        return;
    case MARK:
        if (joiner->gap || joiner->apostrophe || joiner->len == 0)
            return; /* a mark on nothing */
        break;
    case LETTER:
        if (joiner->gap && joiner->len > 0)
            joiner->out[joiner->len++] = ' ';
        else if (joiner->apostrophe && joiner->len > 0)
            joiner->dropped = true;
        break;
    }
    joiner->gap = false;
    joiner->apostrophe = false;
    memcpy(joiner->out + joiner->len, bytes, len);
    joiner->len += len;
}

/* What an ASCII letter or digit is in a folded name; 0 for what parts tokens. */
static const char folded_letter[128] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',
    ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k',
    ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',
    ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',
    ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f',
    ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm',
    ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't',
    ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

/* The same as `join` for every letter by itself, which most names are: no apostrophe, no mark. */
static cw_str fold_plain(cw_str full, char *out)
{
    size_t len = 0;
    bool gap = false;
    for (size_t i = 0; i < full.len; i++) {
        char c = folded_letter[(unsigned char)full.ptr[i]];
        if (c == 0) {
            gap = len > 0;
            continue;
        }
        if (gap)
            out[len++] = ' ';
        gap = false;
        out[len++] = c;
    }
    return (cw_str){ out, len };
}

static cw_str fold_ascii(cw_str full, struct cw_arena *arena)
{
    struct joiner joiner = { .out = cw_arena_alloc(arena, 2 * full.len + 1) };
    if (memchr(full.ptr, '\'', full.len) == NULL)
        return fold_plain(full, joiner.out);
    for (size_t i = 0; i < full.len; i++) {
        char c = full.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        join(&joiner, ascii_role(c), &c, 1);
    }
    return (cw_str){ joiner.out, joiner.len };
}

static cw_str map(cw_str text, unsigned options, struct cw_arena *arena)
{
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &mapped,
                     (utf8proc_option_t)options);
    if (len < 0)
        return (cw_str){ "", 0 }; /* no UTF-8: the decoder lets none of that through */
    cw_str copy = cw_arena_copy(arena, mapped, (size_t)len);
    free(mapped);
    return copy;
}

static cw_str fold_unicode(cw_str full, struct cw_arena *arena)
{
    cw_str text = map(full,
                      UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD |
                          UTF8PROC_IGNORE,
                      arena);
    struct joiner joiner = { .out = cw_arena_alloc(arena, 2 * text.len + 1) };
    for (size_t at = 0; at < text.len;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text.ptr + at,
                                                (utf8proc_ssize_t)(text.len - at), &point);
        if (len <= 0)
            break;
        join(&joiner, role_of(point), text.ptr + at, (size_t)len);
        at += (size_t)len;
    }
    cw_str folded = { joiner.out, joiner.len };
    /* Without the apostrophe the letters beside it may be one. */
    return joiner.dropped ? map(folded, UTF8PROC_STABLE | UTF8PROC_COMPOSE, arena) : folded;
}

static bool is_honorific(cw_str token)
{
    for (size_t i = 0; i < sizeof(honorifics) / sizeof(honorifics[0]); i++) {
        if (token.ptr[0] == honorifics[i][0] && cw_str_is(token, honorifics[i]))
            return true;
    }
    return false;
}

cw_str cw_name_fold(cw_str full, struct cw_arena *arena)
{
    cw_str name = is_ascii(full) ? fold_ascii(full, arena) : fold_unicode(full, arena);
    for (;;) {
        const char *space = name.len > 0 ? memchr(name.ptr, ' ', name.len) : NULL;
        if (space == NULL)
            return name;
        size_t len = (size_t)(space - name.ptr);
        if (!is_honorific((cw_str){ name.ptr, len }))
            return name;
        name = (cw_str){ space + 1, name.len - len - 1 };
    }
}

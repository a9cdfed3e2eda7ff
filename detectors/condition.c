/*
 * condition.c - `a and not 1 of b*` to postfix terms, by precedence climbing. It calls itself for
 * what binds tighter and for parentheses, never deeper than CW_CONDITION_DEPTH allows.
 */
#include <stdlib.h>

#include "detectors/load.h"

enum token { T_END, T_NAME, T_AND, T_OR, T_NOT, T_OPEN, T_CLOSE, T_OTHER };
enum { BIND_OR = 1, BIND_AND = 2, BIND_NOT = 3 };

struct parser {
    struct cw_source *source;
    const struct cw_yaml *node;
    const char *const *names;
    size_t name_count;
    bool *used;
    struct cw_condition *out;
    size_t cap;
    size_t at; /* behind the token */
    enum token token;
    size_t token_at;
    cw_str word;
    bool unknown; /* a name was unknown: noted, and read on */
    bool full;    /* more terms than a condition may have */
};

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '*' || c == '?' || (unsigned char)c >= 0x80;
}

static void next(struct parser *parser)
{
    cw_str text = parser->node->text;
    while (parser->at < text.len && (text.ptr[parser->at] == ' ' || text.ptr[parser->at] == '\n'))
        parser->at++;
    size_t start = parser->token_at = parser->at;
    if (start == text.len) {
        parser->token = T_END;
        return;
    }
    size_t end = start;
    while (end < text.len && is_name_byte(text.ptr[end]))
        end++;
    if (end == start)
        end++;
    parser->at = end;
    parser->word = (cw_str){ text.ptr + start, end - start };
    parser->token = cw_str_is(parser->word, "and")   ? T_AND
                    : cw_str_is(parser->word, "or")  ? T_OR
                    : cw_str_is(parser->word, "not") ? T_NOT
                    : cw_str_is(parser->word, "(")   ? T_OPEN
                    : cw_str_is(parser->word, ")")   ? T_CLOSE
                    : is_name_byte(text.ptr[start])  ? T_NAME
                                                     : T_OTHER;
}

static void emit(struct parser *parser, enum cw_term_op op, size_t name)
{
    struct cw_condition *out = parser->out;
    if (out->count == 2 * CW_SELECTION_CODE) {
        parser->full = true;
        return;
    }
    if (out->count == parser->cap) {
        size_t cap = parser->cap != 0 ? 2 * parser->cap : 16;
        struct cw_term *terms = cw_arena_alloc(parser->source->arena, cap * sizeof(*terms));
        if (out->count != 0)
            memcpy(terms, out->terms, out->count * sizeof(*terms));
        out->terms = terms;
        parser->cap = cap;
    }
    out->terms[out->count++] = (struct cw_term){ op, name };
}

static bool unexpected(struct parser *parser, const char *expected)
{
    struct cw_arena *arena = parser->source->arena;
    static const char *const operators[] = { "and", "or", "not" };
    const char *found = parser->token == T_END ? "the end" : cw_quote(arena, parser->word);
    const char *hint = "";
    char lower[4] = "";
    for (size_t i = 0; parser->token == T_NAME && parser->word.len <= 3 && i < parser->word.len;
         i++)
        lower[i] = (char)(parser->word.ptr[i] | 0x20);
    const char *nearest = cw_nearest(cw_cstr(lower), operators, 3);
    if (cw_str_is(parser->word, "of"))
        hint = " (\"1 of\" and \"all of\" stand before them or before names such as filter*)";
    else if (cw_str_is(parser->word, "|"))
        hint = " (to count, write a correlation)";
    else if (lower[0] != 0 && nearest != NULL)
        hint = cw_arena_printf(arena, ": did you mean \"%s\"?", nearest).ptr;
    cw_yaml_error(parser->source, parser->node, parser->token_at, "expected %s, found %s%s",
                  expected, found, parser->token == T_END ? "" : hint);
    return false;
}

static bool too_deep(struct parser *parser)
{
    cw_yaml_error(parser->source, parser->node, parser->token_at,
                  "the condition is nested more than %d deep", CW_CONDITION_DEPTH);
    return false;
}

static void take_name(struct parser *parser)
{
    struct cw_arena *arena = parser->source->arena;
    for (size_t i = 0; i < parser->name_count; i++) {
        if (cw_str_is(parser->word, parser->names[i])) {
            parser->used[i] = true;
            emit(parser, CW_TERM_NAME, i);
            return;
        }
    }
    parser->unknown = true;
    emit(parser, CW_TERM_NAME, 0);
    const char *shown = cw_quote(arena, parser->word);
    if (memchr(parser->word.ptr, '*', parser->word.len) != NULL) {
        cw_yaml_error(parser->source, parser->node, parser->token_at,
                      "no selection is named %s: write 1 of %.*s, or all of %.*s", shown,
                      CW_STR_ARG(parser->word), CW_STR_ARG(parser->word));
        return;
    }
    const char *nearest = cw_source_full(parser->source)
                              ? NULL
                              : cw_nearest(parser->word, parser->names, parser->name_count);
    cw_yaml_error(parser->source, parser->node, parser->token_at, "no selection is named %s%s%s%s",
                  shown, nearest != NULL ? ": did you mean \"" : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "\"?" : "");
}

/* A star is any run of characters. */
static bool fits(cw_str name, cw_str pattern)
{
    size_t at = 0;
    size_t want = 0;
    size_t resume_want = 0; /* behind the last star; 0: there was none */
    size_t resume_at = 0;
    while (at < name.len) {
        if (want < pattern.len && pattern.ptr[want] == '*') {
            resume_want = ++want;
            resume_at = at;
        } else if (want < pattern.len && pattern.ptr[want] == name.ptr[at]) {
            want++;
            at++;
        } else if (resume_want != 0) {
            want = resume_want;
            at = ++resume_at;
        } else {
            return false;
        }
    }
    while (want < pattern.len && pattern.ptr[want] == '*')
        want++;
    return want == pattern.len;
}

/* Whether `of` follows the word. */
static bool is_quantifier(const struct parser *parser)
{
    struct parser ahead = *parser;
    next(&ahead);
    return cw_str_is(ahead.word, "of") && ahead.token == T_NAME;
}

static void none_fits(struct parser *parser, bool all)
{
    struct cw_arena *arena = parser->source->arena;
    parser->unknown = true;
    emit(parser, CW_TERM_NAME, 0);
    if (all) {
        cw_yaml_error(parser->source, parser->node, parser->token_at,
                      "them is nothing here: names that begin with _ are left out, and there are "
                      "no others");
        return;
    }
    bool hidden = parser->word.ptr[0] == '_';
    const char *nearest = hidden || cw_source_full(parser->source)
                              ? NULL
                              : cw_nearest(parser->word, parser->names, parser->name_count);
    cw_yaml_error(parser->source, parser->node, parser->token_at, "%s fits no selection%s%s%s",
                  cw_quote(arena, parser->word),
                  hidden            ? ": names that begin with _ are left out"
                  : nearest != NULL ? ": did you mean \""
                                    : "",
                  nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* `1 of x*`, `all of them`: as Sigma has it, names that begin with _ are not meant. */
static bool take_quantifier(struct parser *parser)
{
    bool any = cw_str_is(parser->word, "1") || cw_str_is(parser->word, "any");
    if (!any && !cw_str_is(parser->word, "all")) {
        cw_yaml_error(parser->source, parser->node, parser->token_at,
                      "expected 1 of or all of, found %s",
                      cw_quote(parser->source->arena, parser->word));
        for (size_t i = 0; i < parser->name_count; i++)
            parser->used[i] = true; /* it may mean any of them */
        return false;
    }
    next(parser);
    next(parser);
    if (parser->token != T_NAME)
        return unexpected(parser, "them, or names such as filter*");
    bool all = cw_str_is(parser->word, "them");
    size_t count = 0;
    for (size_t i = 0; i < parser->name_count; i++) {
        cw_str name = cw_cstr(parser->names[i]);
        if (name.ptr[0] == '_' || !(all || fits(name, parser->word)))
            continue;
        parser->used[i] = true;
        emit(parser, CW_TERM_NAME, i);
        if (count++ != 0)
            emit(parser, any ? CW_TERM_OR : CW_TERM_AND, 0);
    }
    if (count == 0)
        none_fits(parser, all);
    next(parser);
    return true;
}

static bool expression(struct parser *parser, int binding, size_t depth);

static bool operand(struct parser *parser, size_t depth)
{
    if (depth >= CW_CONDITION_DEPTH)
        return too_deep(parser);
    if (parser->token == T_NOT) {
        next(parser);
        if (!expression(parser, BIND_NOT, depth + 1))
            return false;
        emit(parser, CW_TERM_NOT, 0);
        return true;
    }
    if (parser->token == T_OPEN) {
        size_t open_at = parser->token_at;
        next(parser);
        if (!expression(parser, BIND_OR, depth + 1))
            return false;
        if (parser->token != T_CLOSE) {
            if (parser->token != T_END)
                return unexpected(parser, "and, or, or a closing parenthesis");
            cw_yaml_error(parser->source, parser->node, open_at,
                          "this parenthesis is never closed");
            return false;
        }
        next(parser);
        return true;
    }
    if (parser->token == T_NAME && is_quantifier(parser))
        return take_quantifier(parser);
    if (parser->token != T_NAME)
        return unexpected(parser, "the name of a selection, not, or an opening parenthesis");
    take_name(parser);
    next(parser);
    return true;
}

static bool expression(struct parser *parser, int binding, size_t depth)
{
    if (!operand(parser, depth))
        return false;
    for (;;) {
        int binds = parser->token == T_AND ? BIND_AND : parser->token == T_OR ? BIND_OR : 0;
        if (binds == 0 || binds < binding)
            return true;
        next(parser);
        if (!expression(parser, binds + 1, depth + 1))
            return false;
        emit(parser, binds == BIND_AND ? CW_TERM_AND : CW_TERM_OR, 0);
    }
}

static bool parse_text(struct parser *parser, const struct cw_yaml *node)
{
    if (!cw_is_text(parser->source, node, "the condition"))
        return false;
    parser->node = node;
    parser->at = 0;
    next(parser);
    if (!expression(parser, BIND_OR, 0))
        return false;
    if (parser->token != T_END)
        return unexpected(parser, "and, or, or the end");
    return true;
}

bool cw_condition_parse(struct cw_source *source, const struct cw_yaml *node,
                        const char *const *names, size_t name_count, bool *used,
                        struct cw_condition *out)
{
    struct parser parser = {
        .source = source, .names = names, .name_count = name_count, .used = used, .out = out
    };
    *out = (struct cw_condition){ 0 };
    bool good = true;
    if (node->kind != CW_YAML_LIST) {
        good = parse_text(&parser, node);
    } else if (node->count == 0) {
        cw_yaml_error(source, node, 0, "expected at least one condition");
        good = false;
    }
    size_t count = 0;
    for (const struct cw_yaml *item = node->kind == CW_YAML_LIST ? node->first : NULL; item != NULL;
         item = item->next) {
        good = parse_text(&parser, item) && good;
        if (count++ != 0)
            emit(&parser, CW_TERM_OR, 0);
    }
    if (parser.full)
        cw_yaml_error(source, node, 0, "the condition comes to more than %d steps",
                      CW_SELECTION_CODE);
    return good && !parser.unknown && !parser.full;
}

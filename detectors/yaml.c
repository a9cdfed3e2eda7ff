#include "detectors/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

struct cw_finding {
    size_t line;
    size_t column;
    size_t number; /* as they came: keeps the sort stable */
    cw_str text;
    struct cw_finding *next;
};

static size_t characters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* The parser finds the end of a file on a line of its own, which nobody sees. */
static void hold_inside(cw_str text, size_t *line, size_t *column)
{
    size_t last = 1;
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            last++;
            start = i + 1;
        }
    }
    if (*line <= last)
        return;
    *line = last;
    *column = characters(text.ptr + start, text.len - start) + 1;
}

CW_PRINTF(4, 0)
static void note(struct cw_source *source, size_t line, size_t column, const char *format,
                 va_list args)
{
    char text[480]; /* cw_diag shows no more */
    if (source->finding_count++ >= CW_FINDINGS_MAX)
        return;
    hold_inside(source->text, &line, &column);
    int len = vsnprintf(text, sizeof(text), format, args);
    CW_CHECK(len >= 0);
    struct cw_finding *finding = cw_arena_alloc(source->arena, sizeof(*finding));
    finding->line = line;
    finding->column = column;
    finding->number = source->finding_count;
    finding->text = cw_arena_copy(source->arena, text, strlen(text));
    finding->next = source->findings;
    source->findings = finding;
}

void cw_source_error(struct cw_source *source, size_t line, size_t column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note(source, line, column, format, args);
    va_end(args);
}

static int by_place(const void *a, const void *b)
{
    const struct cw_finding *x = *(const struct cw_finding *const *)a;
    const struct cw_finding *y = *(const struct cw_finding *const *)b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

void cw_source_report(const struct cw_source *source, struct cw_buf *out)
{
    const struct cw_finding *sorted[CW_FINDINGS_MAX];
    size_t count = 0;
    for (const struct cw_finding *f = source->findings; f != NULL; f = f->next)
        sorted[count++] = f;
    if (count == 0)
        return;
    qsort(sorted, count, sizeof(sorted[0]), by_place);
    struct cw_diag diag = { .file = source->name, .text = source->text };
    for (size_t i = 0; i < count; i++)
        cw_diag_error(&diag, sorted[i]->line, sorted[i]->column, "%.*s",
                      CW_STR_ARG(sorted[i]->text));
    if (source->finding_count > count)
        cw_diag_error(&diag, 0, 0, "%zu mistakes more: mend these first",
                      source->finding_count - count);
    cw_buf_put(out, diag.out.data, diag.out.len);
    cw_diag_done(&diag);
}

size_t cw_utf8_next(const unsigned char *at, size_t left, uint32_t *out)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (len == 0 || len > left || at[0] > 0xf4)
        return 0;
    uint32_t code = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *out = code;
    return len;
}

/*
 * What no rule file may hold, before the YAML parser sees it. The three exotic line ends would make
 * its lines differ from those that an editor counts. False: nothing can be read.
 */
static bool check_bytes(struct cw_source *source)
{
    cw_str text = source->text;
    if (text.len > CW_YAML_SIZE_MAX) {
        cw_source_error(source, 0, 0,
                        "too large: a rule file has at most %d bytes; split it into several",
                        CW_YAML_SIZE_MAX);
        return false;
    }
    size_t line = 1;
    size_t column = 1;
    bool tab_seen = false; /* on this line */
    bool good = true;
    for (size_t i = 0; i < text.len;) {
        uint32_t code = 0;
        size_t len = cw_utf8_next((const unsigned char *)text.ptr + i, text.len - i, &code);
        if (len == 0) {
            cw_source_error(source, line, column, "not UTF-8: byte 0x%02x; save the file as UTF-8",
                            (unsigned)(unsigned char)text.ptr[i]);
            return false;
        }
        bool crlf = code == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';
        if (code == '\t') {
            if (!tab_seen)
                cw_source_error(source, line, column,
                                "a tab: indent with spaces; in a text in double quotes write \\t");
            tab_seen = true;
            good = false;
        } else if ((code < 0x20 && code != '\n' && !crlf) || (code >= 0x7f && code < 0xa0) ||
                   code == 0x2028 || code == 0x2029 || (code == 0xfeff && i != 0) ||
                   code == 0xfffe || code == 0xffff) {
            cw_source_error(source, line, column,
                            "the control character U+%04X has no place in a rule file",
                            (unsigned)code);
            return false;
        }
        i += len;
        column++;
        if (code == '\n') {
            line++;
            column = 1;
            tab_seen = false;
        }
    }
    return good;
}

struct open_node {
    struct cw_yaml *node;
    struct cw_yaml **tail;
    struct cw_yaml *key; /* of a map: read, its value not yet */
};

struct reader {
    struct cw_source *source;
    struct open_node open[CW_YAML_DEPTH_MAX];
    size_t depth;
    struct cw_yaml *documents;
    struct cw_yaml **tail;
    struct cw_yaml **last; /* what points to the last document */
    size_t document_count;
};

static struct cw_yaml *node_new(struct reader *reader, enum cw_yaml_kind kind, yaml_mark_t at)
{
    struct cw_yaml *node = cw_arena_alloc(reader->source->arena, sizeof(*node));
    node->kind = kind;
    node->line = at.line + 1;
    node->column = at.column + 1;
    return node;
}

static struct cw_yaml *scalar_new(struct reader *reader, const yaml_event_t *event)
{
    struct cw_yaml *node = node_new(reader, CW_YAML_TEXT, event->start_mark);
    node->text =
        cw_arena_copy(reader->source->arena, event->data.scalar.value, event->data.scalar.length);
    yaml_scalar_style_t style = event->data.scalar.style;
    node->plain = style == YAML_PLAIN_SCALAR_STYLE;
    size_t quotes = node->plain ? 0 : 2;
    node->verbatim = style != YAML_LITERAL_SCALAR_STYLE && style != YAML_FOLDED_SCALAR_STYLE &&
                     event->start_mark.line == event->end_mark.line &&
                     event->end_mark.index - event->start_mark.index ==
                         characters(node->text.ptr, node->text.len) + quotes;
    return node;
}

static bool is_nothing(const struct cw_yaml *node)
{
    return node->kind == CW_YAML_TEXT && node->plain && node->text.len == 0;
}

/* Puts the node where it stands: a document, an item, a key, or the value of one. */
static bool place(struct reader *reader, struct cw_yaml *node)
{
    struct cw_source *source = reader->source;
    if (reader->depth == 0) {
        if (is_nothing(node))
            return true;
        *reader->tail = node;
        reader->last = reader->tail;
        reader->tail = &node->next;
        if (++reader->document_count <= CW_YAML_ITEMS_MAX)
            return true;
        cw_source_error(source, node->line, node->column, "more than %d documents in a file",
                        CW_YAML_ITEMS_MAX);
        return false;
    }
    struct open_node *parent = &reader->open[reader->depth - 1];
    if (parent->node->kind == CW_YAML_MAP && parent->key == NULL) {
        if (node->kind != CW_YAML_TEXT) {
            cw_source_error(source, node->line, node->column, "expected a key that is plain text");
            return false;
        }
        parent->key = node;
        return true;
    }
    node->key = parent->key;
    parent->key = NULL;
    if (node->key != NULL) {
        for (const struct cw_yaml *other = parent->node->first; other != NULL;
             other = other->next) {
            if (!cw_str_eq(other->key->text, node->key->text))
                continue;
            cw_source_error(source, node->key->line, node->key->column,
                            "the key %s stands here twice: first on line %zu",
                            cw_quote(source->arena, node->key->text), other->key->line);
            return true; /* the first holds */
        }
    }
    *parent->tail = node;
    parent->tail = &node->next;
    size_t max = node->key != NULL ? CW_YAML_KEYS_MAX : CW_YAML_ITEMS_MAX;
    if (++parent->node->count <= max)
        return true;
    cw_source_error(source, node->line, node->column, "more than %zu %s", max,
                    node->key != NULL ? "keys in a map" : "items in a list");
    return false;
}

static bool enter(struct reader *reader, struct cw_yaml *node)
{
    if (!place(reader, node))
        return false;
    if (reader->depth == CW_YAML_DEPTH_MAX) {
        cw_source_error(reader->source, node->line, node->column, "nested more than %d deep",
                        CW_YAML_DEPTH_MAX);
        return false;
    }
    reader->open[reader->depth++] = (struct open_node){ .node = node, .tail = &node->first };
    return true;
}

static void refuse_extras(struct reader *reader, const yaml_event_t *event,
                          const yaml_char_t *anchor, const yaml_char_t *tag)
{
    size_t line = event->start_mark.line + 1;
    size_t column = event->start_mark.column + 1;
    if (anchor != NULL)
        cw_source_error(
            reader->source, line, column,
            "an anchor (&%s): anchors are not known here, write the value where it is used",
            (const char *)anchor);
    if (tag != NULL)
        cw_source_error(reader->source, line, column,
                        "a tag (%s): tags are not known here, the schema says what a value is",
                        (const char *)tag);
}

/* False: reading ends here. */
static bool take(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        cw_source_error(reader->source, event->start_mark.line + 1, event->start_mark.column + 1,
                        "an alias (*%s): aliases are not known here, write the value out; a text "
                        "that begins with * needs quotes",
                        (const char *)event->data.alias.anchor);
        return place(reader, node_new(reader, CW_YAML_BAD, event->start_mark));
    case YAML_SCALAR_EVENT:
        refuse_extras(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
        return place(reader, scalar_new(reader, event));
    case YAML_SEQUENCE_START_EVENT:
        refuse_extras(reader, event, event->data.sequence_start.anchor,
                      event->data.sequence_start.tag);
        return enter(reader, node_new(reader, CW_YAML_LIST, event->start_mark));
    case YAML_MAPPING_START_EVENT:
        refuse_extras(reader, event, event->data.mapping_start.anchor,
                      event->data.mapping_start.tag);
        return enter(reader, node_new(reader, CW_YAML_MAP, event->start_mark));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CW_CHECK(reader->depth > 0); /* the parser ends what it began */
        reader->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return true;
    }
}

static void parser_error(struct cw_source *source, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        cw_out_of_memory(source->text.len);
    size_t line = parser->problem_mark.line + 1;
    size_t column = parser->problem_mark.column + 1;
    const char *problem = parser->problem != NULL ? parser->problem : "not readable";
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        column = 1;
        for (size_t i = 0; i < parser->problem_offset && i < source->text.len; i++) {
            column++;
            if (source->text.ptr[i] == '\n') {
                line++;
                column = 1;
            }
        }
    }
    if (parser->context != NULL && parser->context_mark.line + 1 != line)
        cw_source_error(source, line, column, "not YAML: %s (%s that begins on line %zu)", problem,
                        parser->context, parser->context_mark.line + 1);
    else
        cw_source_error(source, line, column, "not YAML: %s", problem);
}

struct cw_yaml *cw_yaml_read(struct cw_source *source)
{
    struct reader reader = { .source = source, .tail = &reader.documents };
    if (!check_bytes(source)) {
        source->cut = true;
        return NULL;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        cw_out_of_memory(sizeof(parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)source->text.ptr,
                                 source->text.len);
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            parser_error(source, &parser);
            source->cut = true;
            break;
        }
        more = take(&reader, &event);
        source->cut = !more;
        if (event.type == YAML_STREAM_END_EVENT)
            more = false;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (source->cut && reader.depth != 0)
        *reader.last = NULL; /* half a document lacks what it may not lack */
    return reader.documents;
}

struct cw_yaml *cw_yaml_get(const struct cw_yaml *map, const char *key)
{
    if (map == NULL || map->kind != CW_YAML_MAP)
        return NULL;
    for (struct cw_yaml *item = map->first; item != NULL; item = item->next) {
        if (cw_str_is(item->key->text, key))
            return item;
    }
    return NULL;
}

void cw_yaml_error(struct cw_source *source, const struct cw_yaml *node, size_t offset,
                   const char *format, ...)
{
    size_t column = node->column;
    if (node->verbatim && offset <= node->text.len && !cw_source_full(source))
        column += characters(node->text.ptr, offset) + (node->plain ? 0 : 1);
    va_list args;
    va_start(args, format);
    note(source, node->line, column, format, args);
    va_end(args);
}

const char *cw_quote(struct cw_arena *arena, cw_str text)
{
    enum { SHOWN = 64 };
    size_t len = text.len;
    if (len > SHOWN) {
        len = SHOWN;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    char *out = cw_arena_alloc(arena, len + sizeof("\"\"...") + 1);
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool c1 = byte >= 0x80 && byte < 0xa0 && i > 0 && (unsigned char)text.ptr[i - 1] == 0xc2;
        out[at++] = (char)(byte < 0x20 || byte == 0x7f || c1 ? '?' : byte);
    }
    memcpy(out + at, len < text.len ? "...\"" : "\"", len < text.len ? 5 : 2);
    return out;
}

/*
 * list.c - named lists: text files beside the rules, one value a line, whose values a selection may
 * ask for by `in_list`. A line that begins with # is a comment, as is what stands behind a blank
 * and #; there are no wildcards and no escapes. Each is read once, and once for each kind of value.
 */
#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/check.h"

enum { LIST_NAMES_MAX = 256 };

struct cw_list_value {
    cw_str text;
    uint32_t line;
    uint32_t column;
};

/* The values as paths of one kind are compared with them. */
struct cw_list_form {
    enum cw_path_value value;
    bool scoped;
    bool cased;
    struct cw_instruction test; /* texts, or numbers */
    struct cw_list_form *next;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* What the line says, without comment and blanks: maybe nothing. */
static cw_str value_of(cw_str line)
{
    size_t start = 0;
    while (start < line.len && is_blank(line.ptr[start]))
        start++;
    size_t end = start;
    while (end < line.len &&
           !(line.ptr[end] == '#' && (end == start || is_blank(line.ptr[end - 1]))))
        end++;
    while (end > start && is_blank(line.ptr[end - 1]))
        end--;
    return (cw_str){ line.ptr + start, end - start };
}

static size_t column_of(cw_str line, const char *at)
{
    size_t column = 1;
    for (const char *c = line.ptr; c < at; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80;
    return column;
}

/* False: noted, and the list ends here. */
static bool check_line(struct cw_source *source, cw_str line, size_t number)
{
    for (size_t i = 0; i < line.len;) {
        uint32_t code = 0;
        size_t len = cw_utf8_next((const unsigned char *)line.ptr + i, line.len - i, &code);
        if (len == 0) {
            cw_source_error(source, number, column_of(line, line.ptr + i),
                            "not UTF-8: byte 0x%02x; save the file as UTF-8",
                            (unsigned)(unsigned char)line.ptr[i]);
            return false;
        }
        if ((code < 0x20 && !is_blank(line.ptr[i])) || (code >= 0x7f && code < 0xa0)) {
            cw_source_error(source, number, column_of(line, line.ptr + i),
                            "the control character U+%04X has no place in a list", (unsigned)code);
            return false;
        }
        i += len;
    }
    return true;
}

static void read_lines(struct cw_list_file *list)
{
    struct cw_source *source = list->source;
    cw_str text = source->text;
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    list->values = cw_arena_alloc(source->arena, lines * sizeof(*list->values));
    size_t start = 0;
    for (size_t number = 1; number <= lines; number++) {
        const char *newline = memchr(text.ptr + start, '\n', text.len - start);
        size_t end = newline != NULL ? (size_t)(newline - text.ptr) : text.len;
        cw_str line = { text.ptr + start, end - start };
        if (!check_line(source, line, number))
            return;
        cw_str value = value_of(line);
        if (value.len != 0)
            list->values[list->count++] =
                (struct cw_list_value){ value, (uint32_t)number,
                                        (uint32_t)column_of(line, value.ptr) };
        start = end + 1;
    }
}

static struct cw_list_file *open_list(struct cw_loader *loader, cw_str name, const char *path)
{
    struct cw_arena *arena = loader->arena;
    struct cw_list_file *list = cw_arena_alloc(arena, sizeof(*list));
    list->name = name;
    list->source = cw_arena_alloc(arena, sizeof(*list->source));
    *list->source = (struct cw_source){ .name = path, .text = { "", 0 }, .arena = arena };
    cw_source_read(list->source, CW_LIST_SIZE_MAX);
    if (list->source->text.len > CW_LIST_SIZE_MAX)
        cw_source_error(list->source, 0, 0,
                        "too large: a list has at most %d bytes; split it into several",
                        CW_LIST_SIZE_MAX);
    else
        read_lines(list);
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)list->source->text.ptr, list->source->text.len);
    sodium_bin2hex(list->hash, sizeof(list->hash), hash, sizeof(hash));
    list->next = loader->list_files;
    loader->list_files = list;
    return list;
}

/* The lists that there are, for the one that there is not. */
static void no_such_list(struct cw_loader *loader, struct cw_source *source,
                         const struct cw_yaml *node, const char *path)
{
    const char *names[LIST_NAMES_MAX];
    size_t count = 0;
    DIR *dir = opendir(loader->lists);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0 && count < LIST_NAMES_MAX)
            names[count++] = cw_arena_copy(loader->arena, entry->d_name, len - 4).ptr;
    }
    if (dir != NULL)
        closedir(dir);
    const char *nearest = cw_source_full(source) ? NULL : cw_nearest(node->text, names, count);
    cw_yaml_error(source, node, 0, "no list is named %s: expected the file %s%s%s%s",
                  cw_quote(loader->arena, node->text), path,
                  nearest != NULL ? ", or did you mean \"" : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "\"?" : "");
}

static bool is_list_name(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return text.len != 0 && text.len <= CW_NAME_MAX;
}

static struct cw_list_file *find_list(struct cw_loader *loader, struct cw_source *source,
                                      const struct cw_yaml *node)
{
    if (!is_list_name(node->text)) {
        cw_yaml_error(source, node, 0,
                      "expected the name of a list: letters, digits, and _ -, found %s",
                      cw_quote(loader->arena, node->text));
        return NULL;
    }
    for (struct cw_list_file *list = loader->list_files; list != NULL; list = list->next) {
        if (cw_str_eq(list->name, node->text))
            return list;
    }
    if (loader->lists == NULL) {
        cw_yaml_error(source, node, 0,
                      "lists stand in a directory beside the rule file, and this rule is in none");
        return NULL;
    }
    const char *path =
        cw_arena_printf(loader->arena, "%s/%.*s.txt", loader->lists, CW_STR_ARG(node->text)).ptr;
    struct stat st;
    if (stat(path, &st) == 0)
        return open_list(loader, node->text, path);
    no_such_list(loader, source, node, path);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void fill_form(const struct cw_list_file *list, const struct cw_path *path,
                      struct cw_list_form *form)
{
    struct cw_arena *arena = list->source->arena;
    bool numbers = cw_value_is_number(path);
    cw_str *texts = cw_arena_alloc(arena, (numbers ? 0 : list->count) * sizeof(*texts));
    int64_t *values = cw_arena_alloc(arena, (numbers ? list->count : 0) * sizeof(*values));
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct cw_list_value *value = &list->values[i];
        struct cw_constant constant;
        size_t offset;
        const char *fault;
        if (!cw_value_read(arena, path, value->text, true, form->cased, CW_SHAPE_WHOLE, &constant,
                           &offset, &fault)) {
            cw_source_error(list->source, value->line, value->column, "%s", fault);
            continue;
        }
        if (numbers)
            values[count++] = constant.number;
        else
            texts[count++] = constant.text;
    }
    form->test.op = numbers ? CW_OP_AMONG : CW_OP_EQUALS;
    if (numbers && count != 0)
        qsort(values, count, sizeof(*values), by_number);
    else if (count != 0)
        qsort(texts, count, sizeof(*texts), by_text);
    form->test.texts = texts;
    form->test.text_count = numbers ? 0 : count;
    form->test.numbers = values;
    form->test.number_count = numbers ? count : 0;
}

static const struct cw_list_form *form_of(struct cw_list_file *list, const struct cw_path *path,
                                          bool cased)
{
    enum cw_path_value value = cw_path_value(path);
    bool scoped = cw_path_is_scoped(path);
    for (struct cw_list_form *form = list->forms; form != NULL; form = form->next) {
        if (form->value == value && form->scoped == scoped && form->cased == cased)
            return form;
    }
    struct cw_list_form *form = cw_arena_alloc(list->source->arena, sizeof(*form));
    *form = (struct cw_list_form){
        .value = value, .scoped = scoped, .cased = cased, .next = list->forms
    };
    fill_form(list, path, form);
    list->forms = form;
    return form;
}

bool cw_list_read(struct cw_loader *loader, struct cw_source *source, const struct cw_yaml *node,
                  struct cw_instruction *test)
{
    if (!cw_is_text(source, node, "the name of a list"))
        return false;
    struct cw_list_file *list = find_list(loader, source, node);
    if (list == NULL)
        return false;
    const struct cw_list_form *form = form_of(list, test->path, test->cased);
    test->op = form->test.op;
    test->texts = form->test.texts;
    test->text_count = form->test.text_count;
    test->numbers = form->test.numbers;
    test->number_count = form->test.number_count;
    test->list = list->name;
    return true;
}

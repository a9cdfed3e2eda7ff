/*
 * crosswatch dlq: looking at dead letters. What it prints came from strangers: nothing that a
 * terminal could take for a command leaves this file unescaped.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/deadletter.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

struct list {
    const char *code;   /* optional */
    const char *source; /* optional */
};

struct show {
    uint64_t wanted;
    bool found;
};

/* Controls of C0 and DEL as \xNN, of C1 too, which are 0xc2 0x80 .. 0x9f in UTF-8. */
static void print_safe(cw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
        if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            printf("\\x%02x", next);
            i++;
        } else {
            putchar(c);
        }
    }
}

static bool is_wanted(const struct list *list, const struct cw_dead_letter *letter)
{
    return (list->code == NULL || cw_str_is(letter->code, list->code)) &&
           (list->source == NULL || cw_str_is(letter->source, list->source));
}

static bool list_one(void *context, uint64_t number, const struct cw_dead_letter *letter)
{
    const struct list *list = context;
    if (!is_wanted(list, letter))
        return true;
    printf("%" PRIu64 "\t", number);
    print_safe(letter->source);
    printf("\t%" PRId64 "\t", letter->offset);
    print_safe(letter->code);
    putchar('\t');
    print_safe(letter->field);
    putchar('\t');
    print_safe(letter->sentence);
    putchar('\n');
    return ferror(stdout) == 0;
}

static void print_field(const char *name, cw_str text)
{
    printf("%-9s ", name);
    print_safe(text);
    putchar('\n');
}

static void dump(cw_str bytes)
{
    for (size_t at = 0; at < bytes.len; at += 16) {
        printf("%08zx ", at);
        for (size_t i = at; i < at + 16; i++) {
            if (i < bytes.len)
                printf(" %02x", (unsigned char)bytes.ptr[i]);
            else
                printf("   ");
        }
        printf("  |");
        for (size_t i = at; i < at + 16 && i < bytes.len; i++) {
            unsigned char c = (unsigned char)bytes.ptr[i];
            putchar(c >= 0x20 && c < 0x7f ? c : '.');
        }
        printf("|\n");
    }
}

static bool show_one(void *context, uint64_t number, const struct cw_dead_letter *letter)
{
    struct show *show = context;
    if (number != show->wanted)
        return true;
    show->found = true;
    printf("number    %" PRIu64 "\n", number);
    print_field("source", letter->source);
    printf("offset    %" PRId64 "\n", letter->offset);
    print_field("code", letter->code);
    print_field("field", letter->field);
    print_field("sentence", letter->sentence);
    printf("length    %" PRId64 " bytes, %zu kept\n\n", letter->length, letter->bytes.len);
    dump(letter->bytes);
    return false;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && *out > 0;
}

static int usage(const char *found)
{
    cw_error("dlq: expected list DIR [--code C] [--source S], or show DIR N; found %s", found);
    return CW_EXIT_USAGE;
}

static int walk(const char *dir, cw_dead_letter_visit visit, void *context)
{
    char error[512];
    if (!cw_dead_letters_read(dir, visit, context, error, sizeof(error))) {
        cw_error("%s", error);
        return CW_EXIT_FAILED;
    }
    bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (!written && errno != EPIPE) { /* who reads through `head` has read enough */
        cw_error("dlq: cannot write to standard output");
        return CW_EXIT_FAILED;
    }
    return CW_EXIT_OK;
}

static int show_letter(const char *dir, const char *number)
{
    struct show show = { 0 };
    if (!read_number(number, &show.wanted)) {
        cw_error("dlq show: expected the number of a letter as dlq list prints it, found \"%s\"",
                 number);
        return CW_EXIT_USAGE;
    }
    int status = walk(dir, show_one, &show);
    if (status == CW_EXIT_OK && !show.found) {
        cw_error("dlq show: there is no letter %" PRIu64 " in %s", show.wanted, dir);
        status = CW_EXIT_FAILED;
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct list list = { 0 };
    struct cw_text_list rest = { 0 };
    const struct cw_option options[] = {
        { "code", CW_OPT_TEXT, &list.code, false, "list: only letters with this reason code" },
        { "source", CW_OPT_TEXT, &list.source, false, "list: only letters of this source" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_dlq, options, argc, argv, &rest);
    if (status >= 0)
        return status;
    bool filters = list.code != NULL || list.source != NULL;
    if (rest.count == 2 && strcmp(rest.items[0], "list") == 0)
        status = walk(rest.items[1], list_one, &list);
    else if (rest.count == 3 && strcmp(rest.items[0], "show") == 0 && !filters)
        status = show_letter(rest.items[1], rest.items[2]);
    else
        status = usage(rest.count == 0 ? "nothing" : rest.items[0]);
    free(rest.items);
    return status;
}

const struct cw_command cw_cmd_dlq = {
    .name = "dlq",
    .usage = "list DIR [--code C] [--source S] | show DIR N",
    .summary = "dead letters: what could not be read, and why",
    .run = run,
};

/*
 * cmd_avro.c - crosswatch avro: container files and schemas of anyone, looked at.
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/wire/canonical.h"
#include "ingest/wire/container.h"
#include "ingest/wire/container_format.h"
#include "ingest/wire/datum_json.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

/* A file, or standard input: read through so that its first bytes can tell what it is. */
struct input {
    const char *name;
    FILE *file;
};

static bool open_input(struct input *input, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    input->name = standard ? "standard input" : path;
    input->file = standard ? stdin : fopen(path, "rb");
    if (input->file != NULL)
        return true;
    cw_error("avro: cannot open %s: %s", path, strerror(errno));
    return false;
}

static void close_input(struct input *input)
{
    if (input->file != stdin)
        fclose(input->file);
}

static int64_t read_input(void *context, void *into, size_t len)
{
    struct input *input = context;
    size_t got = fread(into, 1, len, input->file);
    return got == 0 && ferror(input->file) != 0 ? -1 : (int64_t)got;
}

static int fault(const struct input *input, const struct cw_reason *reason)
{
    cw_error("avro: %s: %s%s%s (%s)", input->name, reason->field,
             reason->field[0] != '\0' ? ": " : "", reason->sentence, reason->code);
    return CW_EXIT_FAILED;
}

/* --- cat --- */

struct cat {
    const struct input *input;
    const struct cw_schema *schema;
    struct cw_buf text;
    uint64_t number; /* of the datum to come, in its file, from 1 */
};

static bool report(const struct cat *cat, const struct cw_reason *reason)
{
    cw_error("avro: %s: record %" PRIu64 ": %s%s%s (%s)", cat->input->name, cat->number,
             reason->field, reason->field[0] != '\0' ? ": " : "", reason->sentence, reason->code);
    return false;
}

/* A datum at fault takes the rest of its block with it: where the next begins is not known. */
static bool print_block(struct cat *cat, int64_t count, cw_str bytes)
{
    struct cw_reason reason;
    for (; count > 0; count--) {
        size_t consumed;
        cat->text.len = 0;
        if (!cw_datum_json(cat->schema, (const uint8_t *)bytes.ptr, bytes.len,
                           CW_DATUM_JSON_TEXT_MAX, &consumed, &cat->text, &reason))
            return report(cat, &reason);
        cw_buf_u8(&cat->text, '\n');
        if (fwrite(cat->text.data, 1, cat->text.len, stdout) != cat->text.len)
            return true; /* told at the end, by fflush */
        bytes.ptr += consumed;
        bytes.len -= consumed;
        cat->number++;
    }
    if (bytes.len == 0)
        return true;
    (void)cw_reject(&reason, "trailing_bytes", "", "%zu bytes stand behind the block's last record",
                    bytes.len);
    return report(cat, &reason);
}

static int print_container(struct input *input, struct cw_container *container)
{
    struct cw_reason reason = { 0 };
    struct cw_schema *schema = cw_schema_parse(cw_container_schema(container), &reason);
    if (schema == NULL)
        return fault(input, &reason);
    struct cat cat = { .input = input, .schema = schema, .number = 1 };
    bool ok = true;
    int64_t count;
    cw_str bytes;
    enum cw_block block = CW_BLOCK_END;
    while (ferror(stdout) == 0 &&
           (block = cw_container_next(container, &count, &bytes, &reason)) != CW_BLOCK_END) {
        if (block == CW_BLOCK_DAMAGED)
            ok = report(&cat, &reason);
        else
            ok = print_block(&cat, count, bytes) && ok;
    }
    cw_buf_done(&cat.text);
    cw_schema_free(schema);
    return ok ? CW_EXIT_OK : CW_EXIT_DAMAGED;
}

static int cat_file(struct input *input)
{
    struct cw_reason reason = { 0 };
    struct cw_container *container = cw_container_open(read_input, input, &reason);
    if (container == NULL)
        return fault(input, &reason);
    int status = print_container(input, container);
    cw_container_close(container);
    return status;
}

/* --- schema, fingerprint --- */

/* Bytes that were read to look at them come first, then the file's. */
struct again {
    cw_str front;
    struct input *input;
};

static int64_t read_again(void *context, void *into, size_t len)
{
    struct again *again = context;
    if (again->front.len == 0)
        return read_input(again->input, into, len);
    size_t n = again->front.len < len ? again->front.len : len;
    memcpy(into, again->front.ptr, n);
    again->front.ptr += n;
    again->front.len -= n;
    return (int64_t)n;
}

static bool text_of_container(struct input *input, cw_str front, struct cw_buf *text,
                              struct cw_reason *reason)
{
    struct again again = { front, input };
    struct cw_container *container = cw_container_open(read_again, &again, reason);
    if (container == NULL)
        return false;
    cw_buf_str(text, cw_container_schema(container));
    cw_container_close(container);
    return true;
}

/* The schema's text: the file itself, or what a container file's header has. */
static bool read_schema_text(struct input *input, struct cw_buf *text, struct cw_reason *reason)
{
    enum { TEXT_MAX = 1024 * 1024 };
    char magic[CW_MAGIC_LEN];
    size_t len = fread(magic, 1, sizeof(magic), input->file);
    if (len == sizeof(magic) && memcmp(magic, CW_CONTAINER_MAGIC, sizeof(magic)) == 0)
        return text_of_container(input, (cw_str){ magic, len }, text, reason);
    cw_buf_put(text, magic, len);
    while (text->len <= TEXT_MAX) { /* the parser refuses what is longer */
        len = fread(cw_buf_reserve(text, 16384), 1, 16384, input->file);
        text->len += len;
        if (len == 0)
            break;
    }
    if (ferror(input->file) == 0)
        return true;
    return cw_reject(reason, "read_failed", "", "the file could not be read: %s", strerror(errno));
}

struct choice {
    bool canonical;
    bool sha256;
    bool decimal;
};

static void print_fingerprint(const struct cw_schema *schema, const struct choice *choice)
{
    struct cw_buf text = { 0 };
    cw_schema_canonical(schema, &text);
    if (choice->sha256) {
        unsigned char hash[crypto_hash_sha256_BYTES];
        crypto_hash_sha256(hash, text.data, text.len);
        for (size_t i = 0; i < sizeof(hash); i++)
            printf("%02x", hash[i]);
        putchar('\n');
    } else {
        uint64_t crc = cw_crc64_avro((cw_str){ (const char *)text.data, text.len });
        if (choice->decimal)
            printf("%" PRId64 "\n", (int64_t)crc);
        else
            printf("%016" PRIx64 "\n", crc);
    }
    cw_buf_done(&text);
}

static void print_schema(const struct cw_schema *schema, struct cw_buf *text,
                         const struct choice *choice)
{
    if (choice->canonical) {
        text->len = 0;
        cw_schema_canonical(schema, text);
    }
    if (text->len == 0 || text->data[text->len - 1] != '\n')
        cw_buf_u8(text, '\n');
    (void)fwrite(text->data, 1, text->len, stdout);
}

static int tell_schema(struct input *input, bool fingerprint, const struct choice *choice)
{
    struct cw_reason reason = { 0 };
    struct cw_buf text = { 0 };
    struct cw_schema *schema = NULL;
    if (read_schema_text(input, &text, &reason))
        schema = cw_schema_parse((cw_str){ (const char *)text.data, text.len }, &reason);
    int status = schema != NULL ? CW_EXIT_OK : fault(input, &reason);
    if (schema != NULL && fingerprint)
        print_fingerprint(schema, choice);
    else if (schema != NULL)
        print_schema(schema, &text, choice);
    cw_schema_free(schema);
    cw_buf_done(&text);
    return status;
}

/* --- the command --- */

static int run_files(const struct cw_text_list *words, const struct choice *choice)
{
    const char *verb = words->items[0];
    int status = CW_EXIT_OK;
    for (size_t i = 1; i < words->count; i++) {
        struct input input;
        int one = CW_EXIT_FAILED;
        if (open_input(&input, words->items[i])) {
            one = strcmp(verb, "cat") == 0
                      ? cat_file(&input)
                      : tell_schema(&input, strcmp(verb, "fingerprint") == 0, choice);
            close_input(&input);
        }
        status = status != CW_EXIT_OK ? status : one;
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct choice choice = { 0 };
    struct cw_text_list words = { 0 };
    const struct cw_option options[] = {
        { "canonical", CW_OPT_FLAG, &choice.canonical, false,
          "schema: its Parsing Canonical Form" },
        { "sha256", CW_OPT_FLAG, &choice.sha256, false,
          "fingerprint: SHA-256 of the canonical form" },
        { "decimal", CW_OPT_FLAG, &choice.decimal, false,
          "fingerprint: as a signed number, as Avro's own tests write it" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_avro, options, argc, argv, &words);
    if (status >= 0)
        return status;
    const char *verb = words.count > 0 ? words.items[0] : "nothing";
    if (words.count < 2 || (strcmp(verb, "cat") != 0 && strcmp(verb, "schema") != 0 &&
                            strcmp(verb, "fingerprint") != 0)) {
        cw_error("avro: expected cat, schema or fingerprint and a FILE, or - for standard input; "
                 "found %s%s",
                 verb, words.count == 1 ? " alone" : "");
        free(words.items);
        return CW_EXIT_USAGE;
    }
    cw_default_signals();
    status = run_files(&words, &choice);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        cw_error("avro: writing to standard output failed: %s", strerror(errno));
        status = CW_EXIT_BROKEN;
    }
    free(words.items);
    return status;
}

const struct cw_command cw_cmd_avro = {
    .name = "avro",
    .usage = "cat FILE… | schema FILE… [--canonical] | fingerprint FILE… [--sha256 | --decimal]",
    .summary = "print the records, the schema or its fingerprint of Avro files",
    .run = run,
};

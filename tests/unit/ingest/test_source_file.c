/*
 * test_source_file.c - what --source names, and what files and standard input give: records under
 * offsets that are the same whenever they are read again, whatever bytes stand between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/source.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* --- a directory to work in --- */

static int enter_dir(void **state)
{
    char template[] = "/tmp/cw-source-XXXXXX";
    *state = mkdtemp(template) != NULL ? strdup(template) : NULL;
    return *state != NULL ? chdir(*state) : -1;
}

static int leave_dir(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    free(*state);
    return chdir("/") != 0 || system(command) != 0;
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    if (len > 0)
        assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static void make(const char *dir)
{
    assert_int_equal(mkdir(dir, 0755), 0);
}

/* --- events --- */

static const char json_event[] =
    "{\"owner\":\"O\",\"event_id\":\"%s\",\"event_type\":\"online_ad\","
    "\"event_time\":\"2020-01-01T00:00:00Z\",\"recorded_at\":\"2020-01-01T00:00:00Z\"}";

static void put_json(struct cw_buf *out, const char *id)
{
    char line[512];
    snprintf(line, sizeof(line), json_event, id);
    cw_buf_cstr(out, line);
}

static void put_datum(struct cw_buf *out, const char *id)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr("O");
    event.event_id = cw_cstr(id);
    event.event_type = cw_cstr("online_ad");
    cw_event_write(&event, out);
}

/* --- a container by hand, so that it can be wrong in one place --- */

static const char sync_marker[] = "0123456789abcdef";

static void put_header(struct cw_buf *out, const char *schema)
{
    cw_buf_put(out, "Obj\1", 4);
    cw_buf_avro_long(out, 2);
    cw_buf_avro_str(out, cw_cstr("avro.schema"));
    cw_buf_avro_str(out, cw_cstr(schema));
    cw_buf_avro_str(out, cw_cstr("avro.codec"));
    cw_buf_avro_str(out, cw_cstr("null"));
    cw_buf_avro_long(out, 0);
    cw_buf_put(out, sync_marker, 16);
}

static void put_block(struct cw_buf *out, int64_t count, const struct cw_buf *data)
{
    cw_buf_avro_long(out, count);
    cw_buf_avro_long(out, (int64_t)data->len);
    cw_buf_put(out, data->data, data->len);
    cw_buf_put(out, sync_marker, 16);
}

/* A block of whole events, named by the words of `ids`. */
static void put_events(struct cw_buf *out, const char *ids)
{
    struct cw_buf data = { 0 };
    int64_t count = 0;
    char id[2] = "";
    for (; ids[count] != '\0'; count++) {
        id[0] = ids[count];
        put_datum(&data, id);
    }
    put_block(out, count, &data);
    cw_buf_done(&data);
}

static void save(const char *path, struct cw_buf *bytes)
{
    write_file(path, bytes->data, bytes->len);
    cw_buf_done(bytes);
}

/* --- reading --- */

static void describe(enum cw_pull pulled, const struct cw_record *record, struct cw_buf *out)
{
    struct cw_event event;
    struct cw_arena *arena = cw_arena_new();
    if (pulled == CW_PULL_BODY) {
        assert_true(cw_event_read(&event, record->body.ptr, record->body.len, arena));
        cw_buf_printf(out, "%d:%.*s ", (int)record->offset, CW_STR_ARG(event.event_id));
    } else if (pulled == CW_PULL_REJECT) {
        assert_true(record->reason.sentence[0] != '\0');
        cw_buf_printf(out, "%d!%s ", (int)record->offset, record->reason.code);
    } else {
        cw_buf_cstr(out, pulled == CW_PULL_END    ? "end"
                         : pulled == CW_PULL_WAIT ? "wait"
                                                  : "failed");
    }
    cw_arena_free(arena);
}

static struct cw_source *only_source(struct cw_sources *sources)
{
    size_t count;
    struct cw_source *all = cw_sources_all(sources, &count);
    assert_int_equal(count, 1);
    return all;
}

/* Until it ends, fails or waits: "0:a 1!bad_json end". */
static void pull_all(struct cw_source *source, struct cw_buf *out)
{
    enum cw_pull pulled;
    out->len = 0;
    do {
        struct cw_record record;
        pulled = source->ops->pull(source->self, &record);
        describe(pulled, &record, out);
    } while (pulled == CW_PULL_BODY || pulled == CW_PULL_REJECT);
    cw_buf_u8(out, 0);
}

static void assert_reads(const char *path, int64_t skip_to, const char *expected)
{
    struct cw_sources *sources = cw_sources_new();
    struct cw_buf found = { 0 };
    assert_true(cw_sources_add(sources, path));
    struct cw_source *source = only_source(sources);
    assert_string_equal(source->name, path);
    assert_false(source->live);
    if (skip_to >= 0)
        (source->ops->skip)(source->self, skip_to); /* skip() is a macro of CMocka's */
    pull_all(source, &found);
    assert_string_equal((const char *)found.data, expected);
    cw_buf_done(&found);
    cw_sources_free(sources);
}

/* The first dead letter of a file. */
static struct cw_reason first_reject(const char *path, size_t *len)
{
    struct cw_sources *sources = cw_sources_new();
    struct cw_record record;
    enum cw_pull pulled;
    assert_true(cw_sources_add(sources, path));
    struct cw_source *source = only_source(sources);
    do {
        pulled = source->ops->pull(source->self, &record);
    } while (pulled == CW_PULL_BODY);
    assert_int_equal(pulled, CW_PULL_REJECT);
    struct cw_reason reason = record.reason;
    *len = record.bytes.len;
    cw_sources_free(sources);
    return reason;
}

/* --- containers --- */

static void data_of_a_container_are_counted_through_its_blocks(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    put_events(&file, "abc");
    put_events(&file, "");
    put_events(&file, "de");
    save("x.avro", &file);
    assert_reads("x.avro", -1, "0:a 1:b 2:c 3:d 4:e end");
    assert_reads("x.avro", 0, "1:b 2:c 3:d 4:e end");
    assert_reads("x.avro", 2, "3:d 4:e end");
    assert_reads("x.avro", 4, "end");
}

static void what_was_read_of_a_file_must_still_be_there(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    put_events(&file, "abc");
    save("x.avro", &file);
    assert_reads("x.avro", 3, "failed");
    write_text("x.jsonl", "{}\n");
    assert_reads("x.jsonl", 1, "failed");
    write_text("empty", "");
    assert_reads("empty", 0, "failed");
}

static void a_bad_datum_takes_the_rest_of_its_block_and_no_more(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    size_t len;
    put_header(&file, cw_event_schema_json());
    put_datum(&data, "a");
    size_t good = data.len;
    cw_buf_put(&data, "\x01\x01\x01", 3); /* a string of length -1 */
    put_datum(&data, "c");
    put_block(&file, 4, &data);
    put_events(&file, "ef");
    save("x.avro", &file);
    assert_reads("x.avro", -1, "0:a 1!bad_length 4:e 5:f end");
    assert_reads("x.avro", 0, "1!bad_length 4:e 5:f end");
    assert_reads("x.avro", 1, "4:e 5:f end");
    struct cw_reason reason = first_reject("x.avro", &len);
    assert_int_equal(len, data.len - good);
    assert_non_null(strstr(reason.sentence, "; 3 data of the block cannot be read"));
    cw_buf_done(&data);
}

static void a_damaged_block_is_one_dead_letter(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    put_events(&file, "ab");
    size_t at = file.len;
    put_events(&file, "cd");
    put_events(&file, "ef");
    put_events(&file, "gh");
    file.data[at + 1] ^= 0x7f; /* its size: below zero now */
    save("x.avro", &file);
    assert_reads("x.avro", -1, "0:a 1:b 2!bad_block 3:e 4:f 5:g 6:h end");
    assert_reads("x.avro", 2, "3:e 4:f 5:g 6:h end");
}

static void a_file_that_ends_within_a_block_is_told_so(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    put_events(&file, "ab");
    put_events(&file, "cd");
    file.len -= 20;
    save("x.avro", &file);
    assert_reads("x.avro", -1, "0:a 1:b 2!truncated end");
}

static void bytes_behind_the_last_datum_of_a_block_are_not_dropped_silently(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    size_t len;
    put_header(&file, cw_event_schema_json());
    put_datum(&data, "a");
    cw_buf_cstr(&data, "more");
    put_block(&file, 1, &data);
    put_events(&file, "b");
    save("x.avro", &file);
    cw_buf_done(&data);
    assert_reads("x.avro", -1, "0:a 1!bad_block 2:b end");
    assert_reads("x.avro", 0, "1!bad_block 2:b end");
    (void)first_reject("x.avro", &len);
    assert_int_equal(len, 4);
}

static void a_count_that_the_bytes_cannot_hold_is_damage(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    put_header(&file, cw_event_schema_json());
    put_datum(&data, "a");
    put_block(&file, INT64_MAX, &data);
    put_block(&file, 1000, &data);
    put_events(&file, "b");
    save("x.avro", &file);
    cw_buf_done(&data);
    assert_reads("x.avro", -1, "0!bad_block 1!bad_block 2:b end");
}

static void a_container_with_another_codec_or_half_a_header_is_one_dead_letter(void **state)
{
    (void)state;
    size_t len;
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    file.len = 100;
    save("half.avro", &file);
    assert_reads("half.avro", -1, "0!truncated end");
    assert_reads("half.avro", 0, "end");
    (void)first_reject("half.avro", &len);
    assert_int_equal(len, 100);
    write_text("magic.avro", "Obj\1");
    assert_reads("magic.avro", -1, "0!truncated end");
}

static void a_schema_that_is_no_event_is_one_dead_letter(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    put_header(&file, "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[]}");
    put_block(&file, 1000, &data);
    save("empty.avro", &file);
    assert_reads("empty.avro", -1, "0!schema_mismatch end");
    put_header(&file, "\"int\"");
    save("int.avro", &file);
    assert_reads("int.avro", -1, "0!schema_mismatch end");
    put_header(&file, "{\"type\":");
    save("none.avro", &file);
    assert_reads("none.avro", -1, "0!bad_schema end");
}

/* --- lines --- */

static void lines_are_counted_and_blank_ones_keep_their_number(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_json(&file, "a");
    cw_buf_cstr(&file, "\n\n \t\r\n");
    put_json(&file, "b");
    cw_buf_cstr(&file, "\r\n{\"owner\":\n");
    put_json(&file, "c"); /* without an end */
    save("x.jsonl", &file);
    assert_reads("x.jsonl", -1, "0:a 3:b 4!bad_json 5:c end");
    assert_reads("x.jsonl", 0, "3:b 4!bad_json 5:c end");
    assert_reads("x.jsonl", 3, "4!bad_json 5:c end");
    assert_reads("x.jsonl", 4, "5:c end");
    assert_reads("x.jsonl", 5, "end");
}

static void a_line_that_is_too_long_is_one_dead_letter_of_its_beginning(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    size_t len;
    put_json(&file, "a");
    cw_buf_cstr(&file, "\n");
    memset(cw_buf_extend(&file, 3 * 1024 * 1024), 'x', 3 * 1024 * 1024);
    cw_buf_cstr(&file, "\n");
    put_json(&file, "b");
    cw_buf_cstr(&file, "\n");
    memset(cw_buf_extend(&file, 1024 * 1024 + 1), 'y', 1024 * 1024 + 1);
    save("x.jsonl", &file);
    assert_reads("x.jsonl", -1, "0:a 1!too_large 2:b 3!too_large end");
    assert_reads("x.jsonl", 1, "2:b 3!too_large end");
    struct cw_reason reason = first_reject("x.jsonl", &len);
    assert_int_equal(len, 64 * 1024);
    assert_non_null(strstr(reason.sentence, "found one of 3145728"));
}

static void a_line_of_just_the_longest_length_is_read(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_json(&file, "a");
    size_t pad = 1024 * 1024 - file.len;
    memset(cw_buf_extend(&file, pad), ' ', pad);
    cw_buf_cstr(&file, "\n");
    save("x.jsonl", &file);
    assert_reads("x.jsonl", -1, "0:a end");
}

/* Whatever the bytes are, they end, and each line that is not blank is a dead letter. */
static void bytes_that_are_nothing_end_in_dead_letters(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint8_t bytes[4096];
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (uint8_t)(seed >> 56);
        }
        if (round % 2 == 1)
            memcpy(bytes, "Obj\1", 4);
        write_file("noise", bytes, sizeof(bytes));
        struct cw_sources *sources = cw_sources_new();
        struct cw_record record;
        enum cw_pull pulled;
        assert_true(cw_sources_add(sources, "noise"));
        struct cw_source *source = only_source(sources);
        size_t rejected = 0;
        while ((pulled = source->ops->pull(source->self, &record)) == CW_PULL_REJECT)
            rejected++;
        assert_int_equal(pulled, CW_PULL_END);
        assert_true(rejected > 0);
        cw_sources_free(sources);
    }
}

static void an_empty_file_simply_ends(void **state)
{
    (void)state;
    write_text("empty", "");
    assert_reads("empty", -1, "end");
}

static void a_file_that_only_begins_like_a_container_is_read_as_lines(void **state)
{
    (void)state;
    write_text("x", "Obj\n");
    assert_reads("x", -1, "0!bad_json end");
}

static void what_cannot_be_opened_or_read_is_told(void **state)
{
    (void)state;
    struct cw_sources *sources = cw_sources_new();
    assert_false(cw_sources_add(sources, "no/such/file"));
    cw_sources_free(sources);
}

/* --- standard input --- */

struct input {
    int saved;
    int write_end;
};

static struct input begin_input(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct input input = { .saved = dup(STDIN_FILENO), .write_end = ends[1] };
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    return input;
}

static void put_input(const struct input *input, const void *bytes, size_t len)
{
    assert_int_equal(write(input->write_end, bytes, len), (ssize_t)len);
}

static void end_input(const struct input *input)
{
    assert_int_equal(dup2(input->saved, STDIN_FILENO), STDIN_FILENO);
    close(input->saved);
}

static void lines_on_standard_input_are_waited_for(void **state)
{
    (void)state;
    struct input input = begin_input();
    struct cw_sources *sources = cw_sources_new();
    struct cw_buf bytes = { 0 };
    struct cw_buf found = { 0 };
    assert_true(cw_sources_add(sources, "-"));
    struct cw_source *source = only_source(sources);
    pull_all(source, &found);
    assert_string_equal((const char *)found.data, "wait");
    put_json(&bytes, "a");
    put_input(&input, bytes.data, bytes.len); /* not a whole line yet */
    pull_all(source, &found);
    assert_string_equal((const char *)found.data, "wait");
    put_input(&input, "\n?", 2);
    pull_all(source, &found);
    assert_string_equal((const char *)found.data, "0:a wait");
    close(input.write_end);
    pull_all(source, &found);
    assert_string_equal((const char *)found.data, "1!bad_json end");
    end_input(&input);
    cw_buf_done(&bytes);
    cw_buf_done(&found);
    cw_sources_free(sources);
}

static void a_container_on_standard_input_is_one_too(void **state)
{
    (void)state;
    struct input input = begin_input();
    struct cw_buf file = { 0 };
    put_header(&file, cw_event_schema_json());
    put_events(&file, "ab");
    put_input(&input, file.data, file.len); /* it fits into the pipe */
    close(input.write_end);
    cw_buf_done(&file);
    assert_reads("-", 0, "1:b end");
    end_input(&input);
}

/* --- what --source says --- */

static char *names_of(struct cw_sources *sources)
{
    struct cw_buf out = { 0 };
    size_t count;
    const struct cw_source *all = cw_sources_all(sources, &count);
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(&out, "%s=%s ", all[i].name, all[i].contract_name);
    cw_buf_u8(&out, 0);
    return (char *)out.data;
}

/* Names and contracts in order; NULL: it is refused. */
static void assert_sources(const char *spec, const char *expected)
{
    struct cw_sources *sources = cw_sources_new();
    bool added = cw_sources_add(sources, spec);
    assert_int_equal(added, expected != NULL);
    if (expected != NULL) {
        char *found = names_of(sources);
        assert_string_equal(found, expected);
        free(found);
    }
    cw_sources_free(sources);
}

static void make_agencies(void)
{
    make("g");
    make("g/events");
    make("g/contracts");
    make("g/truth");
    write_text("g/truth/planted.jsonl", "");
    write_text("g/events/RO.avro", "");
    write_text("g/events/PL.v2.avro", "");
    write_text("g/events/.hidden", "");
    write_text("g/contracts/RO.yaml", "owners: [RO]\n");
    write_text("g/contracts/PL.v2.yaml", "owners: [PL]\n");
    write_text("any.yaml", "lateness: {default: 1d}\n");
}

static void a_directory_is_its_files_in_order(void **state)
{
    (void)state;
    make("d");
    make("d/inner");
    write_text("d/b.avro", "");
    write_text("d/a.jsonl", "");
    write_text("d/.swp", "");
    assert_sources("d", "d/a.jsonl= d/b.avro= ");
    assert_sources("d/", "d/a.jsonl= d/b.avro= ");
    assert_sources("d/inner", NULL); /* nothing in it */
}

static void a_directory_of_events_finds_the_contracts_beside_it(void **state)
{
    (void)state;
    make_agencies();
    const char *expected = "g/events/PL.v2.avro=PL.v2 g/events/RO.avro=RO ";
    assert_sources("g/events", expected);
    assert_sources("g/events/", expected);
    assert_sources("g", expected);
    assert_int_equal(chdir("g"), 0);
    assert_sources("events", "events/PL.v2.avro=PL.v2 events/RO.avro=RO ");
    assert_int_equal(chdir(".."), 0);
}

static void a_named_contract_is_a_file_for_all_or_a_directory_with_one_each(void **state)
{
    (void)state;
    make_agencies();
    assert_sources("g/events,contract=any.yaml", "g/events/PL.v2.avro=any g/events/RO.avro=any ");
    assert_sources("g/events/RO.avro", "g/events/RO.avro= ");
    assert_sources("g/events/RO.avro,contract=any.yaml", "g/events/RO.avro=any ");
    assert_sources("g/events/RO.avro,contract=g/contracts", "g/events/RO.avro=RO ");
    assert_sources("g/truth,contract=g/contracts", NULL); /* planted.yaml is not there */
    assert_sources("g/events/RO.avro,contract=none.yaml", NULL);
    assert_sources("-,contract=g/contracts", NULL);
    assert_sources("-,contract=any.yaml", "-=any ");
}

static void a_contract_with_a_mistake_is_refused(void **state)
{
    (void)state;
    write_text("x.avro", "");
    write_text("bad.yaml", "owner: [RO]\n");
    assert_sources("x.avro,contract=bad.yaml", NULL);
}

static void a_path_may_have_commas(void **state)
{
    (void)state;
    write_text("a,b.avro", "");
    write_text("c.yaml", "skew: 1m\n");
    assert_sources("a,b.avro", "a,b.avro= ");
    assert_sources("a,b.avro,contract=c.yaml", "a,b.avro=c ");
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    write_text("x.avro", "");
    write_text("c.yaml", "skew: 1m\n");
    assert_sources("", NULL);
    assert_sources(",contract=c.yaml", NULL);
    assert_sources("x.avro,end=offsets", NULL);
    assert_sources("x.avro,contract=c.yaml,contract=c.yaml", NULL);
    assert_sources("x.avro,contract=", NULL);
    assert_sources("x.avro,contrct=c.yaml", NULL);
    assert_sources("kafka://localhost:1", NULL);
    assert_sources("kafka:///topic", NULL);
    assert_sources("kafka://localhost:1/a/b", NULL);
    assert_sources("kafka://localhost:1/t,end=now", NULL);
}

static void a_live_source_must_have_a_contract(void **state)
{
    (void)state;
    assert_sources("kafka://localhost:1/topic", NULL);
}

static void a_source_that_is_given_twice_is_refused(void **state)
{
    (void)state;
    write_text("x.avro", "");
    write_text("y.avro", "");
    assert_int_equal(symlink("x.avro", "z.avro"), 0);
    struct cw_sources *sources = cw_sources_new();
    assert_true(cw_sources_add(sources, "x.avro"));
    assert_true(cw_sources_add(sources, "y.avro"));
    assert_false(cw_sources_add(sources, "x.avro"));
    assert_false(cw_sources_add(sources, "./y.avro"));
    assert_false(cw_sources_add(sources, "z.avro"));
    assert_true(cw_sources_add(sources, "-"));
    assert_false(cw_sources_add(sources, "-"));
    cw_sources_free(sources);
}

static void a_name_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    write_text("\xff.avro", "");
    assert_sources("\xff.avro", NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_dir, leave_dir)
    const struct CMUnitTest tests[] = {
        TEST(data_of_a_container_are_counted_through_its_blocks),
        TEST(what_was_read_of_a_file_must_still_be_there),
        TEST(a_bad_datum_takes_the_rest_of_its_block_and_no_more),
        TEST(a_damaged_block_is_one_dead_letter),
        TEST(a_file_that_ends_within_a_block_is_told_so),
        TEST(bytes_behind_the_last_datum_of_a_block_are_not_dropped_silently),
        TEST(a_count_that_the_bytes_cannot_hold_is_damage),
        TEST(a_container_with_another_codec_or_half_a_header_is_one_dead_letter),
        TEST(a_schema_that_is_no_event_is_one_dead_letter),
        TEST(lines_are_counted_and_blank_ones_keep_their_number),
        TEST(a_line_that_is_too_long_is_one_dead_letter_of_its_beginning),
        TEST(a_line_of_just_the_longest_length_is_read),
        TEST(bytes_that_are_nothing_end_in_dead_letters),
        TEST(an_empty_file_simply_ends),
        TEST(a_file_that_only_begins_like_a_container_is_read_as_lines),
        TEST(what_cannot_be_opened_or_read_is_told),
        TEST(lines_on_standard_input_are_waited_for),
        TEST(a_container_on_standard_input_is_one_too),
        TEST(a_directory_is_its_files_in_order),
        TEST(a_directory_of_events_finds_the_contracts_beside_it),
        TEST(a_named_contract_is_a_file_for_all_or_a_directory_with_one_each),
        TEST(a_contract_with_a_mistake_is_refused),
        TEST(a_path_may_have_commas),
        TEST(options_that_make_no_sense_are_refused),
        TEST(a_live_source_must_have_a_contract),
        TEST(a_source_that_is_given_twice_is_refused),
        TEST(a_name_that_is_not_utf8_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

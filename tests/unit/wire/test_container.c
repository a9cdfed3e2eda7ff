/* test_container.c - container files of libavro, of Apache, of ours, and of nobody. */
#include "wire_test.h"

#include <avro.h>
#include <unistd.h>
#include <zlib.h>

#include "ingest/wire/container.h"

static const char *const codecs[] = { "null", "deflate", "snappy", "zstandard" };

struct memory {
    const uint8_t *at;
    size_t left;
    size_t step; /* bytes a read gives at most */
    bool fails;  /* at the end */
};

static int64_t read_memory(void *context, void *into, size_t len)
{
    struct memory *memory = context;
    size_t n = memory->left < len ? memory->left : len;
    n = n < memory->step ? n : memory->step;
    if (n == 0 && memory->fails)
        return -1;
    memcpy(into, memory->at, n);
    memory->at += n;
    memory->left -= n;
    return (int64_t)n;
}

static struct memory memory_of(const struct cw_buf *bytes)
{
    return (struct memory){ bytes->data, bytes->len, SIZE_MAX, false };
}

/* What a file gives: all its blocks' bytes one behind the other, and what was damaged. */
struct outcome {
    struct cw_buf bytes;
    int64_t count;
    size_t damaged;
    size_t damaged_bytes;
    struct cw_reason first;
};

static struct outcome read_all(struct memory memory)
{
    struct outcome out = { 0 };
    struct cw_reason reason = { 0 };
    struct cw_container *container = cw_container_open(read_memory, &memory, &reason);
    assert_non_null(container);
    for (;;) {
        int64_t count;
        cw_str bytes;
        enum cw_block block = cw_container_next(container, &count, &bytes, &reason);
        if (block == CW_BLOCK_END)
            break;
        if (block == CW_BLOCK_OK) {
            out.count += count;
            cw_buf_str(&out.bytes, bytes);
            continue;
        }
        if (out.damaged++ == 0)
            out.first = reason;
        out.damaged_bytes += bytes.len;
    }
    int64_t count;
    cw_str bytes;
    assert_int_equal(cw_container_next(container, &count, &bytes, &reason), CW_BLOCK_END);
    cw_container_close(container);
    return out;
}

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"n\",\"type\":\"long\"},{\"name\":\"s\",\"type\":\"string\"}]}";

static void put_datum(struct cw_buf *out, int64_t i)
{
    char text[64];
    snprintf(text, sizeof(text), "record number %lld of many that are alike", (long long)i);
    cw_buf_avro_long(out, i * 7919);
    cw_buf_avro_str(out, cw_cstr(text));
}

/* A file of `count` data by our writer; `data` gets what should be read back. */
static void write_ours(const char *codec, int count, struct cw_buf *file, struct cw_buf *data)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    assert_non_null(stream);
    struct cw_container_writer *writer = cw_container_create(stream, schema, codec, 42);
    assert_non_null(writer);
    for (int i = 0; i < count; i++) {
        size_t before = data->len;
        put_datum(data, i);
        cw_container_put(writer, data->data + before, data->len - before);
    }
    assert_true(cw_container_finish(writer));
    fclose(stream);
    cw_buf_put(file, text, len);
    free(text);
}

static void what_our_writer_writes_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct cw_buf file = { 0 };
        struct cw_buf again = { 0 };
        struct cw_buf data = { 0 };
        struct cw_buf data_again = { 0 };
        write_ours(codecs[i], 10000, &file, &data);
        write_ours(codecs[i], 10000, &again, &data_again);
        assert_int_equal(file.len, again.len);
        assert_memory_equal(file.data, again.data, file.len);
        for (size_t step = 1; step != 0; step = step == 1 ? 1000 : step == 1000 ? SIZE_MAX : 0) {
            struct memory memory = memory_of(&file);
            memory.step = step;
            struct outcome out = read_all(memory);
            assert_int_equal(out.count, 10000);
            assert_int_equal(out.damaged, 0);
            assert_int_equal(out.bytes.len, data.len);
            assert_memory_equal(out.bytes.data, data.data, data.len);
            cw_buf_done(&out.bytes);
        }
        cw_buf_done(&file);
        cw_buf_done(&again);
        cw_buf_done(&data);
        cw_buf_done(&data_again);
    }
}

static void an_unknown_codec_or_schema_is_not_written(void **state)
{
    (void)state;
    assert_null(cw_container_create(stderr, schema, "bzip2", 0));
    assert_null(cw_container_create(stderr, "\"nothing\"", "null", 0));
}

static void a_full_disk_is_told_at_the_end(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "wb");
    if (full == NULL)
        skip();
    struct cw_container_writer *writer = cw_container_create(full, schema, "null", 0);
    cw_container_put(writer,
                     "\x02\x02"
                     "a",
                     3);
    assert_false(cw_container_finish(writer));
    fclose(full);
}

/* A file by libavro; false: it has no such codec. */
static bool write_libavro(const char *codec, int count, struct cw_buf *file, struct cw_buf *data)
{
    char path[] = "/tmp/crosswatch_container_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    avro_schema_t avro;
    avro_file_writer_t writer;
    assert_int_equal(avro_schema_from_json_length(schema, strlen(schema), &avro), 0);
    bool known = avro_file_writer_create_with_codec(path, avro, &writer, codec, 0) == 0;
    if (known) {
        avro_value_iface_t *type = avro_generic_class_from_schema(avro);
        avro_value_t value;
        avro_generic_value_new(type, &value);
        for (int i = 0; i < count; i++) {
            char text[64];
            avro_value_t field;
            snprintf(text, sizeof(text), "record number %d of many that are alike", i);
            avro_value_get_by_index(&value, 0, &field, NULL);
            avro_value_set_long(&field, (int64_t)i * 7919);
            avro_value_get_by_index(&value, 1, &field, NULL);
            avro_value_set_string(&field, text);
            assert_int_equal(avro_file_writer_append_value(writer, &value), 0);
            put_datum(data, i);
        }
        avro_value_decref(&value);
        avro_value_iface_decref(type);
        avro_file_writer_close(writer);
        read_whole(path, file);
    }
    avro_schema_decref(avro);
    unlink(path);
    return known;
}

static void what_libavro_writes_is_read(void **state)
{
    (void)state;
    int known = 0;
    for (size_t i = 0; i < 4; i++) {
        struct cw_buf file = { 0 };
        struct cw_buf data = { 0 };
        if (write_libavro(codecs[i], 3000, &file, &data)) {
            struct outcome out = read_all(memory_of(&file));
            assert_int_equal(out.count, 3000);
            assert_int_equal(out.damaged, 0);
            assert_int_equal(out.bytes.len, data.len);
            assert_memory_equal(out.bytes.data, data.data, data.len);
            cw_buf_done(&out.bytes);
            known++;
        }
        cw_buf_done(&file);
        cw_buf_done(&data);
    }
    assert_true(known >= 3); /* null, deflate, snappy */
}

static void libavro_reads_what_our_writer_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) { /* its reader has no zstandard */
        struct cw_buf file = { 0 };
        struct cw_buf data = { 0 };
        write_ours(codecs[i], 5000, &file, &data);
        FILE *stream = fmemopen(file.data, file.len, "rb");
        avro_file_reader_t reader;
        assert_int_equal(avro_file_reader_fp(stream, "memory", 0, &reader), 0);
        avro_schema_t avro = avro_file_reader_get_writer_schema(reader);
        avro_value_iface_t *type = avro_generic_class_from_schema(avro);
        avro_value_t value;
        avro_generic_value_new(type, &value);
        int64_t count = 0;
        while (avro_file_reader_read_value(reader, &value) == 0) {
            avro_value_t field;
            int64_t number = -1;
            avro_value_get_by_index(&value, 0, &field, NULL);
            avro_value_get_long(&field, &number);
            assert_int_equal(number, count++ * 7919);
        }
        assert_int_equal(count, 5000);
        avro_value_decref(&value);
        avro_value_iface_decref(type);
        avro_schema_decref(avro);
        avro_file_reader_close(reader);
        fclose(stream);
        cw_buf_done(&file);
        cw_buf_done(&data);
    }
}

/* Where the first block's bytes begin: behind the header's marker, which is the file's last too. */
static size_t header_len(const struct cw_buf *file)
{
    const uint8_t *sync = file->data + file->len - 16;
    const uint8_t *first = memmem(file->data, file->len, sync, 16);
    return (size_t)(first - file->data) + 16;
}

static size_t block_count(const struct cw_buf *file)
{
    const uint8_t *sync = file->data + file->len - 16;
    size_t count = 0;
    for (size_t i = header_len(file); i + 16 <= file->len; i++)
        count += memcmp(file->data + i, sync, 16) == 0;
    return count;
}

static void a_damaged_block_costs_itself_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct cw_buf file = { 0 };
        struct cw_buf data = { 0 };
        write_ours(codecs[i], 30000, &file, &data);
        size_t blocks = block_count(&file);
        size_t start = header_len(&file);
        assert_true(blocks > 10);
        memset(file.data + start, 0xff, 12); /* the head of the first block */
        struct outcome out = read_all(memory_of(&file));
        assert_int_equal(out.damaged, 1);
        assert_string_equal(out.first.code, "bad_block");
        assert_true(out.count > 25000 && out.count < 30000);
        assert_true(out.bytes.len < data.len);
        assert_memory_equal(out.bytes.data, data.data + data.len - out.bytes.len, out.bytes.len);
        cw_buf_done(&out.bytes);
        cw_buf_done(&file);
        cw_buf_done(&data);
    }
}

static void a_changed_byte_is_found_by_snappys_crc(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    write_ours("snappy", 30000, &file, &data);
    file.data[file.len - 17] ^= 1; /* the CRC of the last block */
    struct outcome out = read_all(memory_of(&file));
    assert_int_equal(out.damaged, 1);
    assert_string_equal(out.first.code, "bad_crc");
    assert_true(out.count < 30000);
    assert_memory_equal(out.bytes.data, data.data, out.bytes.len);
    cw_buf_done(&out.bytes);
    cw_buf_done(&file);
    cw_buf_done(&data);
}

static void a_damaged_marker_is_told_and_passed(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    write_ours("null", 30000, &file, &data);
    uint8_t sync[16];
    memcpy(sync, file.data + file.len - 16, 16);
    size_t start = header_len(&file);
    uint8_t *first = memmem(file.data + start, file.len - start, sync, 16);
    first[3] ^= 0x40;
    struct outcome out = read_all(memory_of(&file));
    assert_int_equal(out.damaged, 1);
    assert_string_equal(out.first.code, "bad_sync");
    assert_true(out.damaged_bytes <= 64 * 1024);
    assert_true(out.count > 20000);
    cw_buf_done(&out.bytes);
    cw_buf_done(&file);
    cw_buf_done(&data);
}

static void a_file_cut_anywhere_is_truncated_and_keeps_what_is_whole(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    write_ours("deflate", 5, &file, &data);
    size_t start = header_len(&file);
    for (size_t len = 0; len < file.len; len++) {
        struct memory memory = { file.data, len, SIZE_MAX, false };
        struct cw_reason reason = { 0 };
        if (len < start) {
            assert_null(cw_container_open(read_memory, &memory, &reason));
            assert_string_equal(reason.code, len < 4 ? "not_a_container" : "truncated");
            continue;
        }
        struct outcome out = read_all(memory);
        assert_int_equal(out.count, 0);
        assert_int_equal(out.damaged, len != start);
        if (out.damaged != 0)
            assert_string_equal(out.first.code, "truncated");
        assert_int_equal(out.damaged_bytes, len - start);
        cw_buf_done(&out.bytes);
    }
    cw_buf_done(&file);
    cw_buf_done(&data);
}

static void a_read_that_fails_is_told_once(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    struct cw_buf data = { 0 };
    write_ours("null", 5, &file, &data);
    struct memory memory = memory_of(&file);
    memory.fails = true;
    struct outcome whole = read_all(memory);
    assert_int_equal(whole.count, 5);
    assert_int_equal(whole.damaged, 1);
    assert_string_equal(whole.first.code, "read_failed");
    memory.left -= 3;
    struct outcome part = read_all(memory);
    assert_int_equal(part.count, 0);
    assert_int_equal(part.damaged, 1);
    assert_string_equal(part.first.code, "read_failed");
    memory.left = 20;
    struct cw_reason reason = { 0 };
    assert_null(cw_container_open(read_memory, &memory, &reason));
    assert_string_equal(reason.code, "read_failed");
    cw_buf_done(&whole.bytes);
    cw_buf_done(&part.bytes);
    cw_buf_done(&file);
    cw_buf_done(&data);
}

static void assert_not_opened(const char *bytes, size_t len, const char *code)
{
    struct memory memory = { (const uint8_t *)bytes, len, SIZE_MAX, false };
    struct cw_reason reason = { 0 };
    assert_null(cw_container_open(read_memory, &memory, &reason));
    assert_string_equal(reason.code, code);
}

static void what_is_no_container_is_not_opened(void **state)
{
    (void)state;
    assert_not_opened(BYTES(""), "not_a_container");
    assert_not_opened(BYTES("{\"owner\":1}"), "not_a_container");
    assert_not_opened(BYTES("Obj\x02\x00"
                            "0123456789abcdef"),
                      "not_a_container");
    assert_not_opened(BYTES("Obj\x01\x00"
                            "0123456789abcdef"),
                      "not_a_container"); /* no schema */
    assert_not_opened(BYTES("Obj\x01\x04\x16"
                            "avro.schema\x0a\"int\"\x14"
                            "avro.codec\x0a"
                            "bzip2\x00"
                            "0123456789abcdef"),
                      "unknown_codec");
    assert_not_opened(BYTES("Obj\x01\x02\x80\x80\x80\x80\x08"
                            "abc"),
                      "truncated"); /* 12 bytes that claim 1 GiB */
    assert_not_opened(BYTES("Obj\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "truncated");
}

static void a_header_of_more_than_a_mebibyte_is_too_large(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    cw_buf_put(&file,
               "Obj\x01\x02\x02"
               "a",
               7);
    cw_buf_avro_long(&file, 2 * 1024 * 1024);
    memset(cw_buf_extend(&file, 2 * 1024 * 1024), 'x', 2 * 1024 * 1024);
    assert_not_opened((char *)file.data, file.len, "too_large");
    cw_buf_done(&file);
}

static void put_header(struct cw_buf *file, const char *codec)
{
    cw_buf_put(file, "Obj\x01", 4);
    cw_buf_avro_long(file, 2);
    cw_buf_avro_str(file, cw_cstr("avro.schema"));
    cw_buf_avro_str(file, cw_cstr("\"null\""));
    cw_buf_avro_str(file, cw_cstr("avro.codec"));
    cw_buf_avro_str(file, cw_cstr(codec));
    cw_buf_avro_long(file, 0);
    cw_buf_cstr(file, "0123456789abcdef");
}

static void put_block(struct cw_buf *file, int64_t count, const void *bytes, size_t len)
{
    cw_buf_avro_long(file, count);
    cw_buf_avro_long(file, (int64_t)len);
    cw_buf_put(file, bytes, len);
    cw_buf_cstr(file, "0123456789abcdef");
}

static void assert_first_damage(const struct cw_buf *file, const char *code, int64_t good)
{
    struct outcome out = read_all(memory_of(file));
    assert_int_equal(out.damaged, 1);
    assert_string_equal(out.first.code, code);
    assert_int_equal(out.count, good);
    cw_buf_done(&out.bytes);
}

static void a_block_that_expands_too_far_is_refused_and_the_next_is_read(void **state)
{
    (void)state;
    size_t big = 16 * 1024 * 1024 + 1;
    uint8_t *zeros = calloc(1, big);
    uLong bound = compressBound(big);
    uint8_t *packed = malloc(bound);
    z_stream stream = { 0 };
    assert_non_null(zeros);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = zeros;
    stream.avail_in = (uInt)big;
    stream.next_out = packed;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct cw_buf file = { 0 };
    put_header(&file, "deflate");
    put_block(&file, 3, packed, stream.total_out);
    put_block(&file, 2, "\x03\x00", 2); /* the empty stream */
    deflateEnd(&stream);
    assert_first_damage(&file, "too_large", 2);
    cw_buf_done(&file);
    put_header(&file, "snappy");
    put_block(&file, 3,
              "\xff\xff\xff\x7f"
              "abcdefgh",
              12); /* 256 MiB */
    put_block(&file, 2, "\x00\x00\x00\x00\x00", 5);
    assert_first_damage(&file, "too_large", 2);
    cw_buf_done(&file);
    free(zeros);
    free(packed);
}

static void bytes_that_are_not_of_the_codec_are_refused(void **state)
{
    (void)state;
    for (size_t i = 1; i < 4; i++) {
        struct cw_buf file = { 0 };
        put_header(&file, codecs[i]);
        put_block(&file, 3, "\xff\xfe\xfd\xfc\xfb\xfa\xf9", 7);
        assert_first_damage(&file, "bad_compression", 0);
        cw_buf_done(&file);
    }
}

static void a_block_cannot_claim_more_data_than_it_has_bytes(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, "null");
    put_block(&file, INT64_MAX, "", 0);
    put_block(&file, 65536, "", 0); /* so many may be empty */
    assert_first_damage(&file, "bad_block", 65536);
    cw_buf_done(&file);
    put_header(&file, "null");
    cw_buf_avro_long(&file, 1);
    cw_buf_avro_long(&file, INT64_C(1) << 40);
    put_block(&file, 5, "", 0); /* swallowed by the search for a marker */
    put_block(&file, 7, "", 0);
    assert_first_damage(&file, "too_large", 7);
    cw_buf_done(&file);
}

static void a_stray_byte_at_the_end_loses_nothing_before_it(void **state)
{
    (void)state;
    struct cw_buf file = { 0 };
    put_header(&file, "null");
    put_block(&file, 5, "", 0);
    cw_buf_u8(&file, '\n');
    assert_first_damage(&file, "truncated", 5);
    cw_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_our_writer_writes_is_read_back),
        cmocka_unit_test(an_unknown_codec_or_schema_is_not_written),
        cmocka_unit_test(a_full_disk_is_told_at_the_end),
        cmocka_unit_test(what_libavro_writes_is_read),
        cmocka_unit_test(libavro_reads_what_our_writer_writes),
        cmocka_unit_test(a_damaged_block_costs_itself_only),
        cmocka_unit_test(a_changed_byte_is_found_by_snappys_crc),
        cmocka_unit_test(a_damaged_marker_is_told_and_passed),
        cmocka_unit_test(a_file_cut_anywhere_is_truncated_and_keeps_what_is_whole),
        cmocka_unit_test(a_read_that_fails_is_told_once),
        cmocka_unit_test(what_is_no_container_is_not_opened),
        cmocka_unit_test(a_header_of_more_than_a_mebibyte_is_too_large),
        cmocka_unit_test(a_block_that_expands_too_far_is_refused_and_the_next_is_read),
        cmocka_unit_test(bytes_that_are_not_of_the_codec_are_refused),
        cmocka_unit_test(a_block_cannot_claim_more_data_than_it_has_bytes),
        cmocka_unit_test(a_stray_byte_at_the_end_loses_nothing_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

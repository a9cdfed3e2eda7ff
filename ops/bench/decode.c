/*
 * decode.c - our plan against libavro's generic reader, over the same records.
 *
 * libavro sees only records that this program generated and that the plan has accepted.
 */
#include <avro.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/source.h"
#include "ingest/wire/container.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/bench/bench.h"

enum { DIGEST_HEX = 2 * 16 + 1 };

/* Records one behind the other, as blocks hold them; ends[i] is where record i ends. */
struct records {
    struct cw_buf bytes;
    struct cw_buf ends; /* of uint64_t */
    size_t count;
};

static const uint64_t *ends_of(const struct records *records)
{
    return (const uint64_t *)(const void *)records->ends.data;
}

/* --- loading --- */

static int64_t read_file(void *context, void *into, size_t len)
{
    FILE *file = context;
    size_t got = fread(into, 1, len, file);
    return got == 0 && ferror(file) ? -1 : (int64_t)got;
}

static void keep_block(struct records *records, struct cw_decoder *decoder, int64_t count,
                       cw_str block)
{
    for (int64_t i = 0; i < count; i++) {
        cw_str body;
        size_t consumed;
        struct cw_reason reason;
        if (!cw_decoder_datum(decoder, block, &consumed, &body, &reason))
            return; /* the mix holds malformed ones; nothing behind one can be found */
        cw_buf_put(&records->bytes, block.ptr, consumed);
        cw_buf_u64(&records->ends, records->bytes.len);
        records->count++;
        block.ptr += consumed;
        block.len -= consumed;
    }
}

static bool load_file(struct records *records, struct cw_decoder *decoder, const char *path)
{
    struct cw_reason reason;
    bool fine = false;
    FILE *file = fopen(path, "rb");
    struct cw_container *container =
        file != NULL ? cw_container_open(read_file, file, &reason) : NULL;
    if (container != NULL && cw_decoder_schema(decoder, cw_container_schema(container), &reason)) {
        int64_t count;
        cw_str block;
        enum cw_block got;
        while ((got = cw_container_next(container, &count, &block, &reason)) != CW_BLOCK_END) {
            if (got == CW_BLOCK_OK)
                keep_block(records, decoder, count, block);
        }
        fine = true;
    }
    if (!fine)
        cw_error("%s: cannot be read back: %s", path,
                 file == NULL ? strerror(errno) : reason.sentence);
    cw_container_close(container);
    if (file != NULL)
        fclose(file);
    return fine;
}

static bool load(struct records *records, struct cw_decoder *decoder, const char *dir)
{
    char path[8192];
    bool fine = true;
    snprintf(path, sizeof(path), "%.4095s/events", dir);
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (fine && names[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%.4095s/events/%s", dir, names[i]->d_name);
            fine = load_file(records, decoder, path);
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return fine && records->count > 0;
}

/* --- what was read, as a digest of its values --- */

struct digest {
    crypto_generichash_state state;
    struct cw_buf values; /* of one record: kinds and values, one behind the other */
    int64_t leaves;
};

static void digest_value(struct digest *digest, avro_value_t *value);

static void digest_children(struct digest *digest, avro_value_t *value)
{
    size_t size = 0;
    avro_value_get_size(value, &size);
    cw_buf_u64(&digest->values, size);
    for (size_t i = 0; i < size; i++) {
        avro_value_t child;
        const char *name;
        CW_CHECK(avro_value_get_by_index(value, i, &child, &name) == 0);
        digest_value(digest, &child);
    }
}

/* The depth is that of our own schema. */
static void digest_value(struct digest *digest, avro_value_t *value)
{
    avro_type_t type = avro_value_get_type(value);
    if (type == AVRO_UNION) {
        avro_value_t branch;
        int which = 0;
        avro_value_get_discriminant(value, &which);
        cw_buf_u8(&digest->values, (uint8_t)which);
        CW_CHECK(avro_value_get_current_branch(value, &branch) == 0);
        digest_value(digest, &branch);
        return;
    }
    cw_buf_u8(&digest->values, (uint8_t)type);
    if (type == AVRO_RECORD || type == AVRO_ARRAY) {
        digest_children(digest, value);
        return;
    }
    digest->leaves += type != AVRO_NULL;
    if (type == AVRO_STRING) {
        const char *text;
        size_t size; /* with the NUL */
        avro_value_get_string(value, &text, &size);
        cw_buf_str32(&digest->values, (cw_str){ text, size - 1 });
    } else if (type == AVRO_INT32 || type == AVRO_INT64) {
        int32_t narrow = 0;
        int64_t number = 0;
        if (type == AVRO_INT32)
            avro_value_get_int(value, &narrow);
        else
            avro_value_get_long(value, &number);
        cw_buf_u64(&digest->values, (uint64_t)(number + narrow));
    } else if (type == AVRO_BOOLEAN) {
        int truth = 0;
        avro_value_get_boolean(value, &truth);
        cw_buf_u8(&digest->values, (uint8_t)truth);
    } else if (type == AVRO_DOUBLE) {
        double real = 0;
        avro_value_get_double(value, &real);
        cw_buf_put(&digest->values, &real, sizeof(real));
    } else {
        CW_CHECK(type == AVRO_NULL); /* the canonical schema has no other kind */
    }
}

struct reader {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_reader_t reader;
};

static bool reader_open(struct reader *reader)
{
    const char *json = cw_event_schema_json();
    *reader = (struct reader){ 0 };
    if (avro_schema_from_json_length(json, strlen(json), &reader->schema) != 0 ||
        (reader->class = avro_generic_class_from_schema(reader->schema)) == NULL ||
        avro_generic_value_new(reader->class, &reader->value) != 0 ||
        (reader->reader = avro_reader_memory("", 0)) == NULL) {
        cw_error("libavro does not take the canonical schema: %s", avro_strerror());
        return false;
    }
    return true;
}

static void reader_close(struct reader *reader)
{
    if (reader->reader != NULL)
        avro_reader_free(reader->reader);
    if (reader->value.iface != NULL)
        avro_value_decref(&reader->value);
    if (reader->class != NULL)
        avro_value_iface_decref(reader->class);
    if (reader->schema != NULL)
        avro_schema_decref(reader->schema);
}

static bool read_with_libavro(struct reader *reader, const uint8_t *bytes, size_t len)
{
    avro_reader_memory_set_source(reader->reader, (const char *)bytes, (int64_t)len);
    return avro_value_read(reader->reader, &reader->value) == 0;
}

/* The digest of all values: as libavro reads the records, or (`ours`) as it reads back what the
 * plan made of them. Returns how many values there are, -1 if one does not read. */
static int64_t digest_all(const struct records *records, struct reader *reader,
                          struct cw_decoder *ours, char hex[DIGEST_HEX])
{
    struct digest digest = { .leaves = 0 };
    unsigned char hash[16];
    crypto_generichash_init(&digest.state, NULL, 0, sizeof(hash));
    uint64_t at = 0;
    bool fine = true;
    for (size_t i = 0; fine && i < records->count; i++) {
        uint64_t end = ends_of(records)[i];
        cw_str body = { (const char *)records->bytes.data + at, end - at };
        size_t consumed;
        struct cw_reason reason;
        fine = ours == NULL || cw_decoder_datum(ours, body, &consumed, &body, &reason);
        fine = fine && read_with_libavro(reader, (const uint8_t *)body.ptr, body.len);
        digest.values.len = 0;
        if (fine)
            digest_value(&digest, &reader->value);
        crypto_generichash_update(&digest.state, digest.values.data, digest.values.len);
        at = end;
    }
    crypto_generichash_final(&digest.state, hash, sizeof(hash));
    sodium_bin2hex(hex, DIGEST_HEX, hash, sizeof(hash));
    cw_buf_done(&digest.values);
    return fine ? digest.leaves : -1;
}

/* --- the timed part --- */

static int64_t time_ours(const struct records *records, struct cw_decoder *decoder)
{
    const uint64_t *ends = ends_of(records);
    uint64_t at = 0;
    int64_t begin = cw_bench_cpu_ns();
    for (size_t i = 0; i < records->count; i++) {
        /* All that follows is given, as ingest gives what is left of a block. */
        cw_str rest = { (const char *)records->bytes.data + at, records->bytes.len - at };
        cw_str body;
        size_t consumed;
        struct cw_reason reason;
        CW_CHECK(cw_decoder_datum(decoder, rest, &consumed, &body, &reason) &&
                 at + consumed == ends[i]);
        at = ends[i];
    }
    return cw_bench_cpu_ns() - begin;
}

static int64_t time_libavro(const struct records *records, struct reader *reader)
{
    const uint64_t *ends = ends_of(records);
    uint64_t at = 0;
    int64_t begin = cw_bench_cpu_ns();
    for (size_t i = 0; i < records->count; i++) {
        CW_CHECK(read_with_libavro(reader, records->bytes.data + at, ends[i] - at));
        at = ends[i];
    }
    return cw_bench_cpu_ns() - begin;
}

static int order_of_reals(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double middle(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), order_of_reals);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void measure(const struct cw_bench_settings *settings, const struct cw_bench_report *report,
                    const struct records *records, struct cw_decoder *decoder,
                    struct reader *reader)
{
    size_t rounds = settings->rounds;
    double *ours = cw_alloc(rounds * sizeof(*ours));
    double *theirs = cw_alloc(rounds * sizeof(*theirs));
    double *ratios = cw_alloc(rounds * sizeof(*ratios));
    double count = (double)records->count;
    for (size_t i = 0; i < rounds; i++) {
        bool first = i % 2 == 0; /* who begins a round may find the caches in another state */
        if (first)
            ours[i] = (double)time_ours(records, decoder) / count;
        theirs[i] = (double)time_libavro(records, reader) / count;
        if (!first)
            ours[i] = (double)time_ours(records, decoder) / count;
        ratios[i] = theirs[i] / ours[i];
    }
    cw_bench_real(report, "ratio", middle(ratios, rounds), "libavro/ours", CW_BENCH_AT_LEAST, 6);
    cw_bench_real(report, "ratio_least_of_rounds", ratios[0], "libavro/ours", CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "decode_ns", middle(ours, rounds), "ns/record", CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "libavro_ns", middle(theirs, rounds), "ns/record", CW_BENCH_NO_HOLD, 0);
    free(ours);
    free(theirs);
    free(ratios);
}

static int compare(const struct cw_bench_settings *settings, const struct cw_bench_report *report,
                   const struct records *records, struct cw_decoder *decoder, struct reader *reader)
{
    char ours[DIGEST_HEX];
    char theirs[DIGEST_HEX];
    int64_t values = digest_all(records, reader, NULL, theirs);
    bool fine = values >= 0 && digest_all(records, reader, decoder, ours) == values &&
                strcmp(ours, theirs) == 0;
    if (!fine) {
        cw_error("our decoder and libavro do not read the same values: a speed of wrong values is "
                 "none");
        return CW_EXIT_FAILED;
    }
    int64_t cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    double bytes = (double)records->bytes.len;
    cw_bench_text(report, "mix", settings->mix);
    cw_bench_count(report, "core", cw_bench_pin(), "");
    cw_bench_count(report, "records", (int64_t)records->count, "records");
    cw_bench_count(report, "rounds", (int64_t)settings->rounds, "rounds");
    cw_bench_real(report, "input_over_cache", cache > 0 ? bytes / (double)cache : (double)NAN, "L3",
                  CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "bytes_per_record", bytes / (double)records->count, "bytes",
                  CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "values_per_record", (double)values / (double)records->count, "values",
                  CW_BENCH_NO_HOLD, 0);
    measure(settings, report, records, decoder, reader);
    cw_bench_text(report, "digest", ours);
    return CW_EXIT_OK;
}

int cw_bench_decode(const struct cw_bench_settings *settings, const struct cw_bench_report *report)
{
    char room[4096];
    struct records records = { .count = 0 };
    struct reader reader = { .schema = NULL };
    struct cw_decoder *decoder = NULL;
    int status = CW_EXIT_FAILED;
    if (!cw_bench_room_make(room))
        return CW_EXIT_FAILED;
    if (!cw_bench_generate(settings, room))
        goto out;
    decoder = cw_decoder_new(NULL);
    if (load(&records, decoder, room) && reader_open(&reader))
        status = compare(settings, report, &records, decoder, &reader);
out:
    cw_bench_room_remove(room);
    reader_close(&reader);
    cw_decoder_free(decoder);
    cw_buf_done(&records.bytes);
    cw_buf_done(&records.ends);
    return status;
}

/*
 * fuzz_import.c - whatever a public list's file holds: it is refused with a sentence, or becomes a
 * container file whose every record is an event that ingest admits, or refuses for its size alone:
 * a name of more than 1,024 bytes is a dead letter, which says so.
 *
 * Input: "x" and the Security Council's XML, or "j" and Senzing's JSON lines; either may be gzip.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ingest/importers/import.h"
#include "ingest/normalise.h"
#include "ingest/wire/container.h"
#include "ingest/wire/plan.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const char *at;
    size_t left;
};

static int64_t read_memory(void *context, void *into, size_t len)
{
    struct memory *memory = context;
    size_t n = memory->left < len ? memory->left : len;
    memcpy(into, memory->at, n);
    memory->at += n;
    memory->left -= n;
    return (int64_t)n;
}

static int make_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    CW_CHECK(fd >= 0);
    CW_CHECK(write(fd, data, size) == (ssize_t)size);
    CW_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* Refused for anything else would be a dead letter that the importer made. */
static void check_reason(const struct cw_reason *reason)
{
    static const char *const sizes[] = { "too_long", "too_large", "bad_list" };
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(reason->code, sizes[i]) == 0)
            return;
    }
    fprintf(stderr, "%s at %s: %s\n", reason->code, reason->field, reason->sentence);
    CW_CHECK(false);
}

static size_t admit_block(struct cw_normaliser *normaliser, const struct cw_contract *contract,
                          const struct cw_plan *plan, int64_t count, cw_str bytes)
{
    struct cw_buf body = { 0 };
    struct cw_reason reason = { 0 };
    struct cw_normal normal;
    for (int64_t i = 0; i < count; i++) {
        size_t consumed;
        body.len = 0;
        CW_CHECK(
            cw_plan_run(plan, (const uint8_t *)bytes.ptr, bytes.len, &consumed, &body, &reason));
        bytes.ptr += consumed;
        bytes.len -= consumed;
        cw_str event = { (const char *)body.data, body.len };
        if (!cw_normalise(normaliser, contract, event, 0, &normal, &reason))
            check_reason(&reason);
    }
    cw_buf_done(&body);
    return (size_t)count;
}

static size_t admit_all(cw_str file)
{
    struct cw_secret secret;
    struct cw_reason reason = { 0 };
    struct memory memory = { file.ptr, file.len };
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    struct cw_normaliser *normaliser = cw_normaliser_new(&secret);
    struct cw_contract *contract = cw_contract_default();
    struct cw_container *container = cw_container_open(read_memory, &memory, &reason);
    CW_CHECK(container != NULL);
    struct cw_schema *schema = cw_schema_parse(cw_container_schema(container), &reason);
    CW_CHECK(schema != NULL);
    struct cw_plan *plan = cw_plan_new(schema, schema, &reason);
    CW_CHECK(plan != NULL);
    size_t total = 0;
    int64_t count;
    cw_str bytes;
    enum cw_block block;
    while ((block = cw_container_next(container, &count, &bytes, &reason)) != CW_BLOCK_END) {
        CW_CHECK(block == CW_BLOCK_OK);
        total += admit_block(normaliser, contract, plan, count, bytes);
    }
    cw_plan_free(plan);
    cw_schema_free(schema);
    cw_container_close(container);
    cw_contract_free(contract);
    cw_normaliser_free(normaliser);
    return total;
}

static void write_and_admit(struct cw_import *import, int64_t as_of)
{
    char error[CW_IMPORT_ERROR] = "";
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    CW_CHECK(file != NULL);
    bool ok = cw_import_write(import, as_of, file, error);
    CW_CHECK(fclose(file) == 0);
    CW_CHECK(ok || error[0] != '\0');
    if (ok) {
        const struct cw_import_counts *counts = cw_import_counts(import);
        CW_CHECK(admit_all((cw_str){ text, len }) == counts->notices + counts->accounts);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || (data[0] != 'x' && data[0] != 'j'))
        return 0;
    char error[CW_IMPORT_ERROR] = "";
    char path[64];
    int64_t as_of = cw_days_from_civil(2024, 1, 1) * CW_DAY;
    int fd = make_file(data + 1, size - 1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const char *const paths[] = { path };
    struct cw_import *import = cw_import_new();
    bool ok = data[0] == 'x' ? cw_import_un_sc(import, path, error)
                             : cw_import_senzing(import, paths, 1, as_of, error);
    CW_CHECK(ok || error[0] != '\0');
    if (ok)
        write_and_admit(import, as_of);
    cw_import_free(import);
    close(fd);
    return 0;
}

/*
 * test_amlsim.c - transactions of AMLSim as payments, and what hostile files get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "events.h"
#include "ingest/importers/import.h"
#include "operators/runtime/time.h"

#define HEADER "sourceNodeId,targetNodeId,value,time\n"

/* A directory of the name "set" with transactions.csv.gz, and the path above it. */
struct data_set {
    char room[64];
    char directory[80];
    char file[128];
};

static void make_directory(struct data_set *set)
{
    snprintf(set->room, sizeof(set->room), "/tmp/cw-amlsim-XXXXXX");
    assert_non_null(mkdtemp(set->room));
    snprintf(set->directory, sizeof(set->directory), "%s/a_set", set->room);
    assert_int_equal(mkdir(set->directory, 0700), 0);
    snprintf(set->file, sizeof(set->file), "%s/transactions.csv.gz", set->directory);
}

static void drop(const struct data_set *set)
{
    unlink(set->file);
    rmdir(set->directory);
    rmdir(set->room);
}

static void write_gzip(const char *path, const void *bytes, size_t len)
{
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)len), (int)len);
    assert_int_equal(gzclose(file), Z_OK);
}

static void write_plain(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct events imported(const char *directory, int64_t epoch, struct cw_amlsim_counts *counts)
{
    char error[CW_IMPORT_ERROR];
    FILE *file = tmpfile();
    assert_non_null(file);
    if (!cw_import_amlsim(directory, epoch, file, counts, error))
        fail_msg("%s", error);
    struct events events = events_read(file);
    fclose(file);
    return events;
}

/* What the import says of the bytes, behind the file's name; nothing may have been written. */
static void refuses(const void *bytes, size_t len, bool gzip, const char *sentence)
{
    struct data_set set;
    struct cw_amlsim_counts counts;
    char error[CW_IMPORT_ERROR];
    make_directory(&set);
    if (gzip)
        write_gzip(set.file, bytes, len);
    else
        write_plain(set.file, bytes, len);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_false(cw_import_amlsim(set.directory, 0, file, &counts, error));
    assert_memory_equal(error, set.file, strlen(set.file));
    if (strcmp(error + strlen(set.file), sentence) != 0)
        fail_msg("expected \"%s\", found \"%s\"", sentence, error + strlen(set.file));
    assert_int_equal(ftell(file), 0);
    fclose(file);
    drop(&set);
}

static void refuses_text(const char *text, const char *sentence)
{
    refuses(text, strlen(text), true, sentence);
}

/* --- what comes out --- */

static void a_row_is_a_payment_on_its_day(void **state)
{
    (void)state;
    static const char text[] = HEADER "280,15349,147.8,1\n7,280,0.05,149\n";
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_gzip(set.file, text, strlen(text));
    int64_t epoch = cw_days_from_civil(2017, 1, 1) * CW_DAY;
    struct events events = imported(set.directory, epoch, &counts);
    assert_int_equal(events.count, 2);
    assert_int_equal(counts.payments, 2);
    assert_int_equal(counts.repeats, 0);
    const struct cw_event *event = &events.items[0];
    assert_text(event->event_id, "ASET-1");
    assert_text(event->event_type, "payment");
    assert_text(event->time_precision, "day");
    assert_int_equal(event->event_time, epoch + CW_DAY);
    assert_int_equal(event->object_count, 2);
    assert_text(event->objects[0].role, "payer_account");
    assert_text(event->objects[1].role, "payee_account");
    assert_id(&event->objects[0].ids[0], "account", NULL, "ASETA280");
    assert_id(&event->objects[1].ids[0], "account", NULL, "ASETA15349");
    assert_int_equal(detail(event, "amount")->number, 14780);
    assert_text(detail(event, "currency")->text, "EUR");
    assert_false(detail(event, "amount_eur")->present);
    event = &events.items[1];
    assert_int_equal(event->event_time, epoch + 149 * CW_DAY);
    assert_int_equal(detail(event, "amount")->number, 5);
    events_done(&events);
    drop(&set);
}

/* The same account is in the same country in every data set and for ever, so these are constants.
 */
static void the_owner_is_of_the_payee_s_country(void **state)
{
    (void)state;
    static const char text[] = HEADER "1,2,1,1\n2,1,1,1\n3,1,1,1\n";
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_gzip(set.file, text, strlen(text));
    struct events events = imported(set.directory, 0, &counts);
    for (size_t i = 0; i < events.count; i++) {
        const struct cw_event *event = &events.items[i];
        cw_str country = detail(event, "payee_country")->text;
        assert_true(cw_str_eq(country, event->country));
        assert_int_equal(event->owner.len, 6);
        assert_memory_equal(event->owner.ptr, country.ptr, 2);
        assert_memory_equal(event->owner.ptr + 2, "-FIU", 4);
    }
    assert_true(cw_str_eq(events.items[1].owner, events.items[2].owner));
    assert_true(cw_str_eq(detail(&events.items[0], "payer_country")->text,
                          detail(&events.items[1], "payee_country")->text));
    assert_text(detail(&events.items[0], "payer_country")->text, "FR");
    assert_text(detail(&events.items[0], "payee_country")->text, "RO");
    events_done(&events);
    drop(&set);
}

static void equal_rows_are_different_events(void **state)
{
    (void)state;
    static const char text[] = HEADER "1,2,5.50,7\n3,2,1,7\n1,2,5.5,7\n1,2,5.500,7\n";
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_gzip(set.file, text, strlen(text));
    struct events events = imported(set.directory, 0, &counts);
    assert_int_equal(events.count, 4);
    assert_int_equal(counts.repeats, 2);
    for (size_t i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof(id), "ASET-%zu", i + 1);
        assert_text(events.items[i].event_id, id);
    }
    events_done(&events);
    drop(&set);
}

static void rows_come_out_in_the_order_of_time(void **state)
{
    (void)state;
    static const char text[] = HEADER "1,2,1,9\n1,2,2,3\n1,2,3,9\n1,2,4,3\n";
    static const char *const order[] = { "ASET-2", "ASET-4", "ASET-1", "ASET-3" };
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_gzip(set.file, text, strlen(text));
    struct events events = imported(set.directory, 0, &counts);
    for (size_t i = 0; i < 4; i++)
        assert_text(events.items[i].event_id, order[i]);
    events_done(&events);
    drop(&set);
}

static void columns_are_found_by_name_and_others_passed_over(void **state)
{
    (void)state;
    static const char text[] = "time,note,value,targetNodeId,sourceNodeId\r\n3,x,10,2,1\r\n\r\n";
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_plain(set.file, text, strlen(text)); /* not compressed is welcome too */
    struct events events = imported(set.directory, 0, &counts);
    assert_int_equal(events.count, 1);
    assert_int_equal(events.items[0].event_time, 3 * CW_DAY);
    assert_int_equal(detail(&events.items[0], "amount")->number, 1000);
    assert_id(&events.items[0].objects[0].ids[0], "account", NULL, "ASETA1");
    events_done(&events);
    drop(&set);
}

static void a_file_without_rows_gives_no_events(void **state)
{
    (void)state;
    struct data_set set;
    struct cw_amlsim_counts counts;
    make_directory(&set);
    write_gzip(set.file, HEADER, strlen(HEADER));
    struct events events = imported(set.directory, 0, &counts);
    assert_int_equal(events.count, 0);
    events_done(&events);
    drop(&set);
}

/* --- hostile files --- */

static void a_directory_without_the_file_is_told_of(void **state)
{
    (void)state;
    struct cw_amlsim_counts counts;
    char error[CW_IMPORT_ERROR];
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_false(cw_import_amlsim("/nowhere", 0, file, &counts, error));
    assert_string_equal(error, "/nowhere/transactions.csv.gz: cannot be opened: No such file or "
                               "directory");
    fclose(file);
}

static void bytes_that_are_no_table_are_told_of(void **state)
{
    (void)state;
    static const char bytes[] = "\x7F\x45LF\x02\x01\x01\x9B[31m";
    refuses(bytes, sizeof(bytes) - 1, false,
            ":1: expected a header with a column sourceNodeId, found \"?ELF????[31m\"");
    refuses("", 0, true,
            ":0: expected a header with sourceNodeId,targetNodeId,value,time, found nothing");
}

static void a_missing_column_is_told_of_by_name(void **state)
{
    (void)state;
    refuses_text("sourceNodeId,targetNodeId,amount,time\n1,2,3,4\n",
                 ":1: expected a header with a column value, found "
                 "\"sourceNodeId,targetNodeId,amount,time\"");
}

static void a_field_that_is_no_number_is_told_of_with_its_line(void **state)
{
    (void)state;
    refuses_text(HEADER "1,2,3,4\nx1,2,3,4\n",
                 ":3: expected the number of an account as sourceNodeId, found \"x1\"");
    refuses_text(HEADER "1,-2,3,4\n",
                 ":2: expected the number of an account as targetNodeId, found \"-2\"");
    refuses_text(HEADER "1,99999999999999999999999,3,4\n",
                 ":2: expected the number of an account as targetNodeId, found "
                 "\"99999999999999999999999\"");
    refuses_text(HEADER "1,2,,4\n",
                 ":2: expected an amount with at most two decimals as value, found nothing");
    refuses_text(HEADER "1,2,1.005,4\n",
                 ":2: expected an amount with at most two decimals as value, found \"1.005\"");
    refuses_text(HEADER "1,2,1e3,4\n",
                 ":2: expected an amount with at most two decimals as value, found \"1e3\"");
    refuses_text(HEADER "1,2,-1,4\n",
                 ":2: expected an amount with at most two decimals as value, found \"-1\"");
    refuses_text(HEADER "1,2,1.,4\n",
                 ":2: expected an amount with at most two decimals as value, found \"1.\"");
    refuses_text(HEADER "1,2,10000000000000,4\n",
                 ":2: expected an amount with at most two decimals as value, found "
                 "\"10000000000000\"");
    refuses_text(HEADER "1,2,3,100001\n",
                 ":2: expected a step from 0 to 100000 as time, found \"100001\"");
}

static void a_row_of_another_width_is_told_of(void **state)
{
    (void)state;
    refuses_text(HEADER "1,2,3\n",
                 ":2: expected as many fields as the header has, found \"1,2,3\"");
    refuses_text(HEADER "1,2,3,4,5\n",
                 ":2: expected as many fields as the header has, found \"1,2,3,4,5\"");
}

static void a_line_without_end_is_told_of(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, '1', sizeof(text) - 1);
    memcpy(text, HEADER, strlen(HEADER));
    refuses_text(text, ":2: expected a line of text of less than 4 KiB, found "
                       "\"111111111111111111111111111111111111111111111111111111111111\"");
    static const char nought[] = HEADER "1,2\0,3,4\n5,6,7,8\n";
    refuses(nought, sizeof(nought) - 1, true,
            ":2: expected a line of text of less than 4 KiB, found \"1,2\"");
}

/* The bytes of a good file, cut off anywhere: never taken for the whole. */
static void a_compressed_file_that_was_cut_off_is_refused(void **state)
{
    (void)state;
    struct data_set set;
    struct cw_amlsim_counts counts;
    char error[CW_IMPORT_ERROR];
    struct cw_buf text = { 0 };
    static char bytes[65536];
    make_directory(&set);
    cw_buf_cstr(&text, HEADER);
    for (unsigned i = 0; i < 200; i++)
        cw_buf_printf(&text, "%u,%u,%u.%02u,%u\n", i * 7919 % 1000, i * 104729 % 1000, i * 31 % 977,
                      i % 100, i / 10);
    write_gzip(set.file, text.data, text.len);
    FILE *in = fopen(set.file, "rb");
    assert_non_null(in);
    size_t len = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    for (size_t cut = 0; cut < len; cut += 13) {
        write_plain(set.file, bytes, cut);
        FILE *file = tmpfile();
        assert_non_null(file);
        if (cw_import_amlsim(set.directory, 0, file, &counts, error))
            fail_msg("cut off at byte %zu of %zu, and taken", cut, len);
        assert_int_equal(ftell(file), 0);
        fclose(file);
    }
    cw_buf_done(&text);
    drop(&set);
}

/* --- the public data --- */

static void the_public_sets_become_as_many_payments_as_they_have_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t payments;
        uint64_t repeats;
    } sets[] = { { "amlsim-20k/20K_cycle200", 117805, 1420 },
                 { "amlsim-20k/20K_fanin200", 118250, 254 } };
    for (size_t i = 0; i < 2; i++) {
        const char *path = public_data(sets[i].name);
        struct cw_amlsim_counts counts;
        if (path == NULL)
            skip();
        struct events events = imported(path, 0, &counts);
        assert_int_equal(events.count, sets[i].payments);
        assert_int_equal(counts.payments, sets[i].payments);
        assert_int_equal(counts.repeats, sets[i].repeats);
        events_done(&events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_a_payment_on_its_day),
        cmocka_unit_test(the_owner_is_of_the_payee_s_country),
        cmocka_unit_test(equal_rows_are_different_events),
        cmocka_unit_test(rows_come_out_in_the_order_of_time),
        cmocka_unit_test(columns_are_found_by_name_and_others_passed_over),
        cmocka_unit_test(a_file_without_rows_gives_no_events),
        cmocka_unit_test(a_directory_without_the_file_is_told_of),
        cmocka_unit_test(bytes_that_are_no_table_are_told_of),
        cmocka_unit_test(a_missing_column_is_told_of_by_name),
        cmocka_unit_test(a_field_that_is_no_number_is_told_of_with_its_line),
        cmocka_unit_test(a_row_of_another_width_is_told_of),
        cmocka_unit_test(a_line_without_end_is_told_of),
        cmocka_unit_test(a_compressed_file_that_was_cut_off_is_refused),
        cmocka_unit_test(the_public_sets_become_as_many_payments_as_they_have_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Lists of rates on the command line, payments of a public data set through the chain, and both
 * mixes of the generator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "operators/runtime/stage.h"
#include "tests/support/process.h"

static int make_room(void **state)
{
    *state = cw_test_room_new();
    return 0;
}

static int remove_room(void **state)
{
    cw_test_room_free(*state);
    return 0;
}

static const char *file_of(struct cw_test_room *room, const char *name, const char *text)
{
    const char *path = cw_test_path(room, "%s", name);
    cw_test_write(path, text, strlen(text));
    return path;
}

/* Two payments: 100 dollars and 100 CFP francs. */
static const char *payments(struct cw_test_room *room)
{
    static const struct {
        const char *id;
        const char *amount;
    } lines[] = { { "P-1", "\"amount\": 10000, \"currency\": \"USD\", \"amount_eur\": 1" },
                  { "P-2", "\"amount\": 100, \"currency\": \"XPF\"" } };
    const char *text = "";
    for (size_t i = 0; i < 2; i++)
        text = cw_test_text(room,
                            "%s{\"owner\": \"NL-FIU\", \"event_id\": \"%s\", \"event_type\": "
                            "\"payment\", \"event_time\": \"2024-05-17T10:41:12Z\", "
                            "\"recorded_at\": \"2024-05-17T10:42:00Z\", \"payment\": {%s}}\n",
                            text, lines[i].id, lines[i].amount);
    return file_of(room, "payments.jsonl", text);
}

static void ingest(struct cw_test_room *room, const char *source, const char *log,
                   const char *rates, int status, struct cw_test_process **process)
{
    *process = cw_test_crosswatch(room, status, "ingest", "--source", source, "--log", log,
                                  "--rates", rates, NULL);
}

static bool log_has(struct cw_test_room *room, const char *log, const char *text)
{
    const struct cw_test_process *frames =
        cw_test_crosswatch(room, CW_EXIT_OK, "frames", "--log", log, NULL);
    return cw_test_file_has(room, frames->output, text);
}

/* --- rates --- */

static void amounts_go_by_the_list_that_is_given(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *process;
    const char *rates = file_of(room, "rates.csv", "2024-01-01,USD,1.25\n2024-05-18,USD,2\n");
    const char *log = cw_test_path(room, "log");
    ingest(room, payments(room), log, rates, CW_EXIT_OK, &process);
    assert_true(cw_test_file_has(room, process->errors, "ingest.no_rate=1"));
    assert_true(log_has(room, log, "\"currency\":\"USD\",\"amount_eur\":8000}"));
    assert_true(log_has(room, log, "\"currency\":\"XPF\"}"));
    assert_true(log_has(room, log, "\"space\":\"rates\""));
}

/* Until the same list is given again. */
static void a_log_refuses_another_list(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *process;
    const char *source = payments(room);
    const char *log = cw_test_path(room, "log");
    const char *one = file_of(room, "one.csv", "2024-01-01,USD,1.25\n");
    const char *other = file_of(room, "other.csv", "2024-01-01,USD,1.26\n");
    ingest(room, source, log, one, CW_EXIT_OK, &process);
    ingest(room, source, log, other, CW_EXIT_REFUSED, &process);
    assert_true(cw_test_file_has(room, process->errors,
                                 "the log was begun with another list of rates (hash "));
    assert_true(cw_test_file_has(room, process->errors, "give that list with --rates"));
    ingest(room, source, log, one, CW_EXIT_OK, &process);
}

static void mistakes_in_a_list_are_told_with_their_places(void **state)
{
    struct cw_test_room *room = *state;
    struct cw_test_process *process;
    const char *rates =
        file_of(room, "rates.csv", "# ours\n2024-01-01,USD,1,25\n01.02.2024,CHF,1\n");
    const char *log = cw_test_path(room, "log");
    ingest(room, payments(room), log, rates, CW_EXIT_USAGE, &process);
    assert_true(cw_test_file_has(room, process->errors,
                                 "rates.csv:2:1: error: expected date,currency,units per EUR"));
    assert_true(cw_test_file_has(room, process->errors, "rates.csv:3:1: error: expected a date"));
    ingest(room, payments(room), log, cw_test_path(room, "none.csv"), CW_EXIT_USAGE, &process);
    assert_true(cw_test_file_has(room, process->errors, "cannot read the list of rates"));
}

/* --- amlsim --- */

static void a_data_set_of_amlsim_becomes_payments_in_the_log(void **state)
{
    struct cw_test_room *room = *state;
    static const char text[] = "sourceNodeId,targetNodeId,value,time\n"
                               "1,2,10.5,1\n1,2,10.5,1\n3,2,99.99,2\n";
    const char *directory = cw_test_path(room, "cycle");
    assert_int_equal(mkdir(directory, 0700), 0);
    gzFile file = gzopen(cw_test_text(room, "%s/transactions.csv.gz", directory), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, sizeof(text) - 1), (int)sizeof(text) - 1);
    assert_int_equal(gzclose(file), Z_OK);
    const struct cw_test_process *import = cw_test_crosswatch(
        room, CW_EXIT_OK, "import", "amlsim", directory, "--epoch", "2020-01-01", NULL);
    assert_true(
        cw_test_file_has(room, import->errors, "3 payments, 1 of them equal to an earlier"));
    const char *log = cw_test_path(room, "log");
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "ingest", "--source", import->output, "--log", log,
                             NULL);
    assert_true(log_has(room, log, "\"event_id\":\"CYCLE-2\""));
    assert_true(log_has(room, log, "\"event_time\":\"2020-01-03T00:00:00Z\""));
    assert_true(log_has(room, log, "\"amount_eur\":9999"));
}

static void amlsim_wants_one_directory_with_the_file(void **state)
{
    struct cw_test_room *room = *state;
    const struct cw_test_process *import =
        cw_test_crosswatch(room, CW_EXIT_USAGE, "import", "amlsim", NULL);
    assert_true(cw_test_file_has(room, import->errors, "un-sc, senzing or amlsim"));
    import = cw_test_crosswatch(room, CW_EXIT_FAILED, "import", "amlsim", "a", "b", NULL);
    assert_true(cw_test_file_has(room, import->errors, "expected one directory behind amlsim"));
    import = cw_test_crosswatch(room, CW_EXIT_FAILED, "import", "amlsim", cw_test_dir(room), NULL);
    assert_true(cw_test_file_has(room, import->errors, "transactions.csv.gz: cannot be opened"));
    assert_int_equal(cw_test_count_lines(room, import->output), 0);
}

/* --- mixes --- */

static void the_payments_mix_is_payments_alone(void **state)
{
    struct cw_test_room *room = *state;
    const char *out = cw_test_path(room, "g");
    const char *log = cw_test_path(room, "log");
    const struct cw_test_process *generate =
        cw_test_crosswatch(room, CW_EXIT_OK, "generate", "--mix", "payments", "--events", "3000",
                           "--seed", "4", "--out", out, NULL);
    assert_true(cw_test_file_has(room, generate->output, "structuring_under_limit: "));
    assert_false(cw_test_file_has(room, generate->output, "wanted_person_at_border"));
    const struct cw_test_process *driver =
        cw_test_crosswatch(room, CW_EXIT_OK, "ingest", "--source", out, "--log", log, NULL);
    assert_true(cw_test_file_has(room, driver->errors, "ingest.rejected=0"));
    assert_false(cw_test_file_has(room, driver->errors, "ingest.no_rate"));
    assert_false(cw_test_file_has(room, driver->errors, "ingest.type.notice"));
    generate = cw_test_crosswatch(room, CW_EXIT_USAGE, "generate", "--mix", "cash", "--events",
                                  "3000", "--seed", "4", "--out", out, NULL);
    assert_true(cw_test_file_has(room, generate->errors, "expected agencies or payments"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(amounts_go_by_the_list_that_is_given, make_room,
                                        remove_room),
        cmocka_unit_test_setup_teardown(a_log_refuses_another_list, make_room, remove_room),
        cmocka_unit_test_setup_teardown(mistakes_in_a_list_are_told_with_their_places, make_room,
                                        remove_room),
        cmocka_unit_test_setup_teardown(a_data_set_of_amlsim_becomes_payments_in_the_log, make_room,
                                        remove_room),
        cmocka_unit_test_setup_teardown(amlsim_wants_one_directory_with_the_file, make_room,
                                        remove_room),
        cmocka_unit_test_setup_teardown(the_payments_mix_is_payments_alone, make_room, remove_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

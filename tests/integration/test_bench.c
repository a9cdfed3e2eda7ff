/*
 * `crosswatch bench`: what its lines say, and that it runs what replay runs. How fast that is, is
 * no affair of a test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "operators/runtime/stage.h"
#include "tests/support/process.h"

#define RULES CW_SOURCE_DIR "/detectors/rules"

static int make_room(void **state)
{
    assert_true(sodium_init() >= 0);
    *state = cw_test_room_new();
    return 0;
}

static int remove_room(void **state)
{
    cw_test_room_free(*state);
    return 0;
}

/* All measures of a run by their names; each line must be an object of the five fields. */
static json_t *measures(struct cw_test_room *room, const struct cw_test_process *process)
{
    const char *text = cw_test_read(room, process->output, NULL);
    json_t *all = json_object();
    while (*text != '\0') {
        json_error_t error;
        size_t len = strcspn(text, "\n");
        json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
        if (line == NULL)
            fail_msg("not a line of JSON: %.*s (%s)", (int)len, text, error.text);
        assert_int_equal(json_object_size(line), 5);
        json_t *holds = json_object_get(line, "holds");
        json_t *hold = json_object_get(line, "hold");
        assert_true(json_is_string(json_object_get(line, "measure")));
        assert_true(json_is_string(json_object_get(line, "unit")));
        assert_non_null(json_object_get(line, "value"));
        assert_true(json_is_null(hold) ? json_is_null(holds) : json_is_number(hold));
        assert_true(json_is_null(holds) || json_is_boolean(holds));
        const char *name = json_string_value(json_object_get(line, "measure"));
        assert_null(json_object_get(all, name)); /* each once */
        json_object_set(all, name, json_object_get(line, "value"));
        json_decref(line);
        text += len + (text[len] == '\n');
    }
    return all;
}

static double number(const json_t *all, const char *name)
{
    const json_t *value = json_object_get(all, name);
    if (!json_is_number(value))
        fail_msg("%s: expected a number", name);
    return json_number_value(value);
}

/* SHA-256 of a file, as bench prints it. */
static const char *sha256_of(struct cw_test_room *room, const char *path)
{
    size_t len;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];
    const char *text = cw_test_read(room, path, &len);
    crypto_hash_sha256(hash, (const unsigned char *)text, len);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    return cw_test_text(room, "%s", hex);
}

static const char *replayed(struct cw_test_room *room, const char *source)
{
    const char *out = cw_test_path(room, "out");
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "replay", "--source", source, "--rules", RULES,
                             "--export", out, NULL);
    return sha256_of(room, cw_test_text(room, "%s/alerts.jsonl", out));
}

static void the_chain_gives_the_export_of_replay_with_either_log(void **state)
{
    struct cw_test_room *room = *state;
    const char *source = cw_test_path(room, "g");
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "generate", "--events", "3000", "--seed", "5",
                             "--out", source, NULL);
    const char *expected = replayed(room, source);
    static const char *const logs[] = { "memory", "file" };
    for (size_t i = 0; i < 2; i++) {
        json_t *all =
            measures(room, cw_test_crosswatch(room, CW_EXIT_OK, "bench", "chain", "--json",
                                              "--source", source, "--rules", RULES, "--log",
                                              logs[i], "--batch", i == 0 ? "64" : "512", NULL));
        assert_string_equal(json_string_value(json_object_get(all, "digest")), expected);
        assert_string_equal(json_string_value(json_object_get(all, "log")), logs[i]);
        assert_true(number(all, "alerts") > 0);
        assert_true(number(all, "events") > 2900);
        json_decref(all);
    }
}

static void the_mix_is_what_generate_writes(void **state)
{
    struct cw_test_room *room = *state;
    const char *source = cw_test_path(room, "g");
    (void)cw_test_crosswatch(room, CW_EXIT_OK, "generate", "--events", "2000", "--seed", "9",
                             "--out", source, NULL);
    json_t *all = measures(room, cw_test_crosswatch(room, CW_EXIT_OK, "bench", "chain", "--json",
                                                    "--mix", "agencies", "--events", "2000",
                                                    "--seed", "9", "--rules", RULES, NULL));
    assert_string_equal(json_string_value(json_object_get(all, "digest")), replayed(room, source));
    json_decref(all);
}

static void the_chain_states_what_its_speed_depends_on(void **state)
{
    struct cw_test_room *room = *state;
    static const char *const positive[] = {
        "rules",
        "events",
        "bytes",
        "values",
        "keys",
        "parts",
        "disorder",
        "withdrawals",
        "contributions",
        "resident_events",
        "resident_records",
        "resident_entities",
        "resident_entries",
        "log_bytes",
        "peak_resident_bytes",
        "fused_events_per_s",
        "seconds",
    };
    static const char *const there[] = {
        "entries_scanned",    "entries_scanned_over_1000",
        "records_recomputed", "records_recomputed_over_1000",
        "rows_formatted",     "core",
        "core_share",         "ingest_ns",
        "dedup_ns",           "link_ns",
        "detect_ns",          "sink_ns",
    };
    json_t *all =
        measures(room, cw_test_crosswatch(room, CW_EXIT_OK, "bench", "chain", "--json", "--mix",
                                          "agencies", "--events", "3000", "--rules", RULES, NULL));
    for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
        if (!(number(all, positive[i]) > 0))
            fail_msg("%s: expected more than nothing", positive[i]);
    }
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        (void)number(all, there[i]);
    assert_non_null(json_object_get(all, "last_million_over_second"));
    json_decref(all);
}

static void decoding_states_the_digest_of_the_values_that_both_have_read(void **state)
{
    struct cw_test_room *room = *state;
    const char *digest[2];
    for (int i = 0; i < 2; i++) { /* the same events, so the same values */
        json_t *all = measures(room, cw_test_crosswatch(room, CW_EXIT_OK, "bench", "decode",
                                                        "--json", "--events", "1000", "--rounds",
                                                        i == 0 ? "1" : "2", NULL));
        assert_true(number(all, "ratio") > 0);
        assert_true(number(all, "decode_ns") > 0 && number(all, "libavro_ns") > 0);
        assert_true(number(all, "bytes_per_record") > 50);
        assert_true(number(all, "values_per_record") > 10);
        assert_true(number(all, "records") > 900);
        digest[i] = cw_test_text(room, "%s", json_string_value(json_object_get(all, "digest")));
        assert_int_equal(strlen(digest[i]), 32);
        json_decref(all);
    }
    assert_string_equal(digest[0], digest[1]);
}

static void without_json_a_measure_is_a_line_that_people_read(void **state)
{
    struct cw_test_room *room = *state;
    const struct cw_test_process *bench = cw_test_crosswatch(
        room, CW_EXIT_OK, "bench", "decode", "--events", "500", "--rounds", "1", NULL);
    assert_true(cw_test_file_has(room, bench->output, "libavro/ours"));
    assert_true(cw_test_file_has(room, bench->output, ">= 6"));
    assert_false(cw_test_file_has(room, bench->output, "{"));
}

static void a_bench_that_is_none_is_refused_with_what_is_expected(void **state)
{
    struct cw_test_room *room = *state;
    const struct cw_test_process *none = cw_test_crosswatch(room, CW_EXIT_USAGE, "bench", NULL);
    assert_true(cw_test_file_has(room, none->errors, "decode, chain"));
    const struct cw_test_process *mix =
        cw_test_crosswatch(room, CW_EXIT_USAGE, "bench", "chain", "--mix", "weather", NULL);
    assert_true(cw_test_file_has(room, mix->errors, "payments or agencies"));
    const struct cw_test_process *other =
        cw_test_crosswatch(room, CW_EXIT_USAGE, "bench", "speed", NULL);
    assert_true(cw_test_file_has(room, other->errors, "decode or chain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_chain_gives_the_export_of_replay_with_either_log,
                                        make_room, remove_room),
        cmocka_unit_test_setup_teardown(the_mix_is_what_generate_writes, make_room, remove_room),
        cmocka_unit_test_setup_teardown(the_chain_states_what_its_speed_depends_on, make_room,
                                        remove_room),
        cmocka_unit_test_setup_teardown(
            decoding_states_the_digest_of_the_values_that_both_have_read, make_room, remove_room),
        cmocka_unit_test_setup_teardown(without_json_a_measure_is_a_line_that_people_read,
                                        make_room, remove_room),
        cmocka_unit_test_setup_teardown(a_bench_that_is_none_is_refused_with_what_is_expected,
                                        make_room, remove_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

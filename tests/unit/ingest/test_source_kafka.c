/* The Kafka source against librdkafka's own mock brokers: no process, no port that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ingest/kafka_client.h"
#include "operators/runtime/event.h"
#include "tests/support/kafka.h"

struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    struct cw_contract *contract;
    struct cw_sources *sources;
    struct cw_source *source; /* the first */
    size_t count;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    fixture->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    fixture->cluster = rd_kafka_mock_cluster_new(fixture->rk, 1);
    fixture->brokers = rd_kafka_mock_cluster_bootstraps(fixture->cluster);
    fixture->contract = cw_contract_default();
    fixture->sources = cw_sources_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    cw_kafka_set_stop(NULL);
    cw_sources_free(fixture->sources);
    cw_contract_free(fixture->contract);
    rd_kafka_mock_cluster_destroy(fixture->cluster);
    rd_kafka_destroy(fixture->rk);
    free(fixture);
    return 0;
}

static void create(struct fixture *fixture, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "t", partitions, 1), 0);
}

static void open_topic(struct fixture *fixture, bool to_end)
{
    assert_true(
        cw_source_open_kafka(fixture->sources, fixture->brokers, "t", to_end, fixture->contract));
    fixture->source = cw_sources_all(fixture->sources, &fixture->count);
}

/* The parentheses keep CMocka's macro skip() away. */
static void log_has(struct cw_source *source, int64_t offset)
{
    (source->ops->skip)(source->self, offset);
}

static void all_partitions_are_read_each_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    char name[32], id[32];
    create(fixture, 3);
    for (int p = 0; p < 3; p++)
        test_topic_put_events(fixture->brokers, "t", p, 100 * p, 10);
    open_topic(fixture, true);
    assert_int_equal(fixture->count, 3);
    for (int p = 0; p < 3; p++) {
        struct cw_source *source = &fixture->source[p];
        snprintf(name, sizeof(name), "kafka/t/%d", p);
        assert_string_equal(source->name, name);
        assert_int_equal(source->partition, p);
        assert_false(source->live);
        for (int i = 0; i < 10; i++) {
            snprintf(id, sizeof(id), "E-%d", 100 * p + i);
            test_pull_event(source, i, id);
        }
        assert_int_equal(test_pull(source, &record), CW_PULL_END);
        assert_int_equal(test_pull(source, &record), CW_PULL_END);
    }
}

static void reading_goes_on_behind_the_offset_that_the_log_has(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 7);
    open_topic(fixture, true);
    log_has(fixture->source, 4);
    test_pull_event(fixture->source, 5, "E-5");
    test_pull_event(fixture->source, 6, "E-6");
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
}

static void a_log_that_has_all_of_a_finite_topic_gets_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 3);
    open_topic(fixture, true);
    log_has(fixture->source, 2);
    assert_int_equal(fixture->source->ops->pull(fixture->source->self, &record), CW_PULL_END);
}

static void a_finite_topic_ends_where_it_ended_when_it_was_opened(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 2);
    open_topic(fixture, true);
    test_topic_put_events(fixture->brokers, "t", 0, 2, 2);
    test_pull_event(fixture->source, 0, "E-0");
    test_pull_event(fixture->source, 1, "E-1");
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
}

static void an_empty_finite_partition_ends_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    open_topic(fixture, true);
    assert_int_equal(fixture->source->ops->pull(fixture->source->self, &record), CW_PULL_END);
}

static void a_live_topic_waits_for_more_and_takes_the_brokers_time(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    open_topic(fixture, false);
    assert_true(fixture->source->live);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture->source->ops->pull(fixture->source->self, &record), CW_PULL_WAIT);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 1);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_BODY);
    assert_int_equal(record.offset, 0);
    assert_true(record.arrival > 1600000000 * INT64_C(1000000));
    test_topic_put_events(fixture->brokers, "t", 0, 1, 1);
    test_pull_event(fixture->source, 1, "E-1");
}

/* A run over a topic must equal one over files with the same records, and files have no arrival. */
static void a_finite_topic_has_no_time_of_arrival(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 1);
    open_topic(fixture, true);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_BODY);
    assert_int_equal(record.arrival, 0);
}

static void what_is_no_event_is_rejected_with_its_bytes_and_reading_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    static const char junk[] = "\xff\xff\xff\xff\xff\xff";
    create(fixture, 1);
    test_topic_put(fixture->brokers, "t", 0, junk, 6);
    test_topic_put_events(fixture->brokers, "t", 0, 1, 1);
    open_topic(fixture, true);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_REJECT);
    assert_int_equal(record.offset, 0);
    assert_int_equal(record.bytes.len, 6);
    assert_memory_equal(record.bytes.ptr, junk, 6);
    assert_non_null(record.reason.code);
    test_pull_event(fixture->source, 1, "E-1");
}

static void a_tombstone_is_rejected_as_an_empty_message(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put(fixture->brokers, "t", 0, NULL, 0);
    open_topic(fixture, true);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_REJECT);
    assert_string_equal(record.reason.code, "empty_message");
    assert_int_equal(record.bytes.len, 0);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_confluent(struct fixture *fixture, uint8_t id, const char *event_id)
{
    struct cw_buf message = { 0 };
    const uint8_t header[] = { 0, 0, 0, 0, id };
    cw_buf_put(&message, header, sizeof(header));
    test_event_body(&message, "XX", event_id);
    test_topic_put(fixture->brokers, "t", 0, message.data, message.len);
    cw_buf_done(&message);
}

static void a_confluent_header_names_a_schema_and_an_unknown_one_stops_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    struct cw_diag diag = { .file = "c.yaml" };
    char dir[] = "/tmp/crosswatch-test-XXXXXX";
    char path[256];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/schemas", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(dir, "schemas/7.avsc", cw_event_schema_json());
    write_file(dir, "c.yaml", "schemas: schemas/\n");
    snprintf(path, sizeof(path), "%s/c.yaml", dir);
    cw_contract_free(fixture->contract);
    fixture->contract = cw_contract_load(path, &diag);
    assert_non_null(fixture->contract);

    create(fixture, 1);
    put_confluent(fixture, 8, "E-0");
    put_confluent(fixture, 7, "E-1");
    open_topic(fixture, true);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_REJECT);
    assert_int_equal(record.bytes.ptr[4], 8);
    test_pull_event(fixture->source, 1, "E-1");
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
    cw_diag_done(&diag);
    snprintf(path, sizeof(path), "rm -rf '%s'", dir);
    assert_int_equal(system(path), 0);
}

static void a_broker_that_goes_is_told_once_and_reading_goes_on_when_it_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 2);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 1);
    open_topic(fixture, false);
    test_stderr_begin();
    test_pull_event(fixture->source, 0, "E-0");

    rd_kafka_mock_broker_set_down(fixture->cluster, 1);
    int64_t since = time(NULL);
    while (test_stderr_count("no broker of") == 0) {
        for (size_t i = 0; i < fixture->count; i++)
            assert_int_equal(fixture->source[i].ops->pull(fixture->source[i].self, &record),
                             CW_PULL_WAIT);
        test_wait_step(since, "the word that the broker is gone");
    }
    rd_kafka_mock_broker_set_up(fixture->cluster, 1);
    since = time(NULL);
    while (test_stderr_count("answers again") == 0) {
        for (size_t i = 0; i < fixture->count; i++)
            assert_int_equal(fixture->source[i].ops->pull(fixture->source[i].self, &record),
                             CW_PULL_WAIT);
        test_wait_step(since, "the word that the broker is back");
    }
    test_topic_put_events(fixture->brokers, "t", 0, 1, 1);
    test_pull_event(fixture->source, 1, "E-1");
    assert_int_equal(test_stderr_count("no broker of"), 1);
    assert_int_equal(test_stderr_count("answers again"), 1);
    test_stderr_end();
}

/* Another thread lets the broker come up once we have said that we wait for it. */
static void *raise_broker(void *argument)
{
    struct fixture *fixture = argument;
    int64_t since = time(NULL);
    while (test_stderr_count("no broker of") == 0 && time(NULL) - since < CW_TEST_WAIT_S)
        (void)usleep(1000);
    rd_kafka_mock_broker_set_up(fixture->cluster, 1);
    return NULL;
}

static void a_broker_that_is_down_at_the_start_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    pthread_t thread;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 1);
    rd_kafka_mock_broker_set_down(fixture->cluster, 1);
    test_stderr_begin();
    assert_int_equal(pthread_create(&thread, NULL, raise_broker, fixture), 0);
    open_topic(fixture, true);
    pthread_join(thread, NULL);
    assert_int_equal(test_stderr_count("no broker of"), 1);
    test_pull_event(fixture->source, 0, "E-0");
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
    test_stderr_end();
}

static void waiting_at_the_start_ends_when_told_to_stop(void **state)
{
    struct fixture *fixture = *state;
    const volatile int stop = 1;
    create(fixture, 1);
    rd_kafka_mock_broker_set_down(fixture->cluster, 1);
    cw_kafka_set_stop(&stop);
    test_stderr_begin();
    assert_false(
        cw_source_open_kafka(fixture->sources, fixture->brokers, "t", false, fixture->contract));
    assert_int_equal(test_stderr_count("stopped while waiting"), 1);
    test_stderr_end();
}

/* Offsets of the new topic name other records: to go on would lose some and read others twice. */
static void a_topic_that_was_made_anew_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 5);
    open_topic(fixture, false);
    log_has(fixture->source, 5);
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_FAILED);
    assert_string_equal(record.reason.code, "topic_changed");
}

static void a_name_that_kafka_does_not_take_is_refused(void **state)
{
    struct fixture *fixture = *state;
    test_stderr_begin();
    assert_false(
        cw_source_open_kafka(fixture->sources, fixture->brokers, "a b", true, fixture->contract));
    assert_int_equal(test_stderr_count("is no name of a topic"), 1);
    test_stderr_end();
}

static void many_records_come_in_order_and_none_twice(void **state)
{
    struct fixture *fixture = *state;
    struct cw_record record;
    create(fixture, 1);
    test_topic_put_events(fixture->brokers, "t", 0, 0, 3000);
    open_topic(fixture, true);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(test_pull(fixture->source, &record), CW_PULL_BODY);
        assert_int_equal(record.offset, i);
    }
    assert_int_equal(test_pull(fixture->source, &record), CW_PULL_END);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_partitions_are_read_each_in_its_order),
        TEST(reading_goes_on_behind_the_offset_that_the_log_has),
        TEST(a_log_that_has_all_of_a_finite_topic_gets_nothing_more),
        TEST(a_finite_topic_ends_where_it_ended_when_it_was_opened),
        TEST(an_empty_finite_partition_ends_at_once),
        TEST(a_live_topic_waits_for_more_and_takes_the_brokers_time),
        TEST(a_finite_topic_has_no_time_of_arrival),
        TEST(what_is_no_event_is_rejected_with_its_bytes_and_reading_goes_on),
        TEST(a_tombstone_is_rejected_as_an_empty_message),
        TEST(a_confluent_header_names_a_schema_and_an_unknown_one_stops_nothing),
        TEST(a_broker_that_goes_is_told_once_and_reading_goes_on_when_it_is_back),
        TEST(a_broker_that_is_down_at_the_start_is_waited_for),
        TEST(waiting_at_the_start_ends_when_told_to_stop),
        TEST(a_topic_that_was_made_anew_is_refused),
        TEST(a_name_that_kafka_does_not_take_is_refused),
        TEST(many_records_come_in_order_and_none_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

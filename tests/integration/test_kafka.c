/* The Kafka source and `crosswatch produce` against a real broker: one for all tests here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ingest/kafka_client.h"
#include "ingest/wire/container.h"
#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"
#include "tests/support/kafka.h"

static struct test_broker broker;
static struct cw_contract *contract;

static int start_broker(void **state)
{
    (void)state;
    test_broker_start(&broker, CW_SOURCE_DIR);
    contract = cw_contract_default();
    return 0;
}

static int stop_broker(void **state)
{
    (void)state;
    test_broker_stop(&broker);
    cw_contract_free(contract);
    return 0;
}

static struct cw_sources *open_topic(const char *topic, bool to_end, struct cw_source **source,
                                     size_t *count)
{
    struct cw_sources *sources = cw_sources_new();
    assert_true(cw_source_open_kafka(sources, broker.brokers, topic, to_end, contract));
    *source = cw_sources_all(sources, count);
    return sources;
}

/* `count` events E-0 …, each in `versions` bodies in a row, as a container file. */
static void write_container(const char *path, int count, int versions)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    struct cw_container_writer *writer =
        cw_container_create(file, cw_event_schema_json(), "deflate", 1);
    struct cw_buf body = { 0 };
    for (int i = 0; i < count * versions; i++) {
        char id[32];
        snprintf(id, sizeof(id), "E-%d", i / versions);
        body.len = 0;
        test_event_body(&body, "XX", id);
        cw_container_put(writer, body.data, body.len);
    }
    assert_true(cw_container_finish(writer));
    assert_int_equal(fclose(file), 0);
    cw_buf_done(&body);
}

/* `crosswatch produce`, in this process. */
static int produce(const char *topic, const char *option, const char *value, const char *path)
{
    const char *words[] = { "produce", "--brokers", broker.brokers, "--topic",
                            topic,     option,      value,          path };
    enum { WORDS = sizeof(words) / sizeof(words[0]) };
    char *argv[WORDS + 1] = { NULL };
    for (size_t i = 0; i < WORDS; i++)
        argv[i] = cw_strdup(words[i]);
    int status = cw_cmd_produce.run(WORDS, argv);
    for (size_t i = 0; i < WORDS; i++)
        free(argv[i]);
    return status;
}

static void what_produce_sends_is_read_whole_and_an_event_keeps_to_its_partition(void **state)
{
    (void)state;
    enum { EVENTS = 500, VERSIONS = 2 };
    int partition_of[EVENTS], seen[EVENTS] = { 0 };
    size_t partitions, total = 0;
    struct cw_source *source;
    char path[96];
    snprintf(path, sizeof(path), "%s/events.avro", broker.dir);
    write_container(path, EVENTS, VERSIONS);
    assert_int_equal(produce("produced", "--create", "3", path), CW_EXIT_OK);

    struct cw_sources *sources = open_topic("produced", true, &source, &partitions);
    struct cw_arena *arena = cw_arena_new();
    assert_int_equal(partitions, 3);
    for (size_t p = 0; p < partitions; p++) {
        struct cw_record record;
        struct cw_event event;
        enum cw_pull pulled;
        size_t here = 0;
        while ((pulled = test_pull(&source[p], &record)) == CW_PULL_BODY) {
            assert_true(cw_event_read(&event, record.body.ptr, record.body.len, arena));
            int i = atoi(event.event_id.ptr + 2);
            if (seen[i] > 0)
                assert_int_equal(partition_of[i], p);
            partition_of[i] = (int)p;
            seen[i]++;
            here++;
            cw_arena_reset(arena);
        }
        assert_int_equal(pulled, CW_PULL_END);
        assert_true(here > 0);
        total += here;
    }
    assert_int_equal(total, EVENTS * VERSIONS);
    for (int i = 0; i < EVENTS; i++)
        assert_int_equal(seen[i], VERSIONS);
    cw_arena_free(arena);
    cw_sources_free(sources);
}

static void producing_to_a_topic_that_nobody_made_fails_with_a_sentence(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof(path), "%s/one.avro", broker.dir);
    write_container(path, 1, 1);
    test_stderr_begin();
    int status = produce("nobody-made-me", "--key", "owner", path);
    size_t said = test_stderr_count("has no topic of that name");
    test_stderr_end();
    assert_int_equal(status, CW_EXIT_FAILED);
    assert_int_equal(said, 1);
}

static void a_registry_id_is_a_confluent_header(void **state)
{
    (void)state;
    char path[96];
    struct cw_record record;
    struct cw_source *source;
    size_t count;
    static const char header[] = { 0, 0, 0, 1, 2 };
    snprintf(path, sizeof(path), "%s/one.avro", broker.dir);
    write_container(path, 1, 1);
    test_topic_create(broker.brokers, "confluent", 1);
    assert_int_equal(produce("confluent", "--registry-id", "258", path), CW_EXIT_OK);
    struct cw_sources *sources = open_topic("confluent", true, &source, &count);
    /* Without a directory of schemas the header is no header, and the bytes are kept. */
    assert_int_equal(test_pull(source, &record), CW_PULL_REJECT);
    assert_memory_equal(record.bytes.ptr, header, sizeof(header));
    cw_sources_free(sources);
}

static void a_killed_broker_is_told_and_reading_goes_on_when_it_is_back(void **state)
{
    (void)state;
    struct cw_source *source;
    struct cw_record record;
    size_t count;
    test_topic_create(broker.brokers, "killed", 1);
    test_topic_put_events(broker.brokers, "killed", 0, 0, 2);
    struct cw_sources *sources = open_topic("killed", false, &source, &count);
    char brokers[sizeof(broker.brokers)];
    snprintf(brokers, sizeof(brokers), "%s", broker.brokers);
    test_stderr_begin();
    test_pull_event(source, 0, "E-0");
    test_pull_event(source, 1, "E-1");

    test_broker_kill(&broker);
    int64_t since = time(NULL);
    while (test_stderr_count("no broker of") == 0) {
        assert_int_equal(source->ops->pull(source->self, &record), CW_PULL_WAIT);
        test_wait_step(since, "the word that the broker is gone");
    }
    test_broker_start_again(&broker);
    assert_string_equal(broker.brokers, brokers);
    test_topic_put_events(broker.brokers, "killed", 0, 2, 1);
    test_pull_event(source, 2, "E-2");
    size_t gone = test_stderr_count("no broker of");
    size_t back = test_stderr_count("answers again");
    test_stderr_end();
    assert_int_equal(gone, 1);
    assert_int_equal(back, 1);
    cw_sources_free(sources);
}

static void retention_that_overtook_the_log_is_told_and_reading_goes_on_behind_it(void **state)
{
    (void)state;
    struct cw_source *source;
    size_t count;
    char error[256];
    test_topic_create(broker.brokers, "retained", 1);
    test_topic_put_events(broker.brokers, "retained", 0, 0, 10);

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.brokers, error, sizeof(error));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(before, "retained", 0)->offset = 6;
    rd_kafka_DeleteRecords_t *order = rd_kafka_DeleteRecords_new(before);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords(rk, &order, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CW_TEST_WAIT_S * 1000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(order);
    rd_kafka_topic_partition_list_destroy(before);
    rd_kafka_destroy(rk);

    struct cw_sources *sources = open_topic("retained", true, &source, &count);
    (source->ops->skip)(source->self, 1);
    test_stderr_begin();
    test_pull_event(source, 6, "E-6");
    size_t said = test_stderr_count("offsets 2 to 5 were not read");
    test_stderr_end();
    assert_int_equal(said, 1);
    cw_sources_free(sources);
}

/* A transaction ends in a marker, which has an offset and is no record; an aborted one leaves
 * records that nobody may see. */
static void transaction(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *event_id, bool commit)
{
    struct cw_buf body = { 0 };
    test_event_body(&body, "XX", event_id);
    assert_null(rd_kafka_begin_transaction(rk));
    assert_int_equal(
        rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, body.data, body.len, NULL, 0, NULL), 0);
    assert_int_equal(rd_kafka_flush(rk, CW_TEST_WAIT_S * 1000), 0);
    if (commit)
        assert_null(rd_kafka_commit_transaction(rk, -1));
    else
        assert_null(rd_kafka_abort_transaction(rk, -1));
    cw_buf_done(&body);
}

static void a_finite_topic_ends_although_its_last_offsets_are_no_records(void **state)
{
    (void)state;
    struct cw_source *source;
    struct cw_record record;
    size_t count;
    char error[256];
    test_topic_create(broker.brokers, "transactions", 1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.brokers, error, sizeof(error));
    rd_kafka_conf_set(conf, "transactional.id", "test", error, sizeof(error));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, "transactions", NULL);
    assert_null(rd_kafka_init_transactions(rk, -1));
    transaction(rk, topic, "E-0", true);
    transaction(rk, topic, "E-1", false);
    transaction(rk, topic, "E-2", true);
    transaction(rk, topic, "E-3", false);

    struct cw_sources *sources = open_topic("transactions", true, &source, &count);
    test_pull_event(source, 0, "E-0");
    test_pull_event(source, 4, "E-2");
    assert_int_equal(test_pull(source, &record), CW_PULL_END);
    cw_sources_free(sources);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

/* What an open transaction holds is not there yet: the end lies before it. */
static void a_finite_topic_ends_before_a_transaction_that_is_still_open(void **state)
{
    (void)state;
    struct cw_source *source;
    struct cw_record record;
    size_t count;
    char error[256];
    struct cw_buf body = { 0 };
    test_topic_create(broker.brokers, "open", 1);
    test_topic_put_events(broker.brokers, "open", 0, 0, 1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.brokers, error, sizeof(error));
    rd_kafka_conf_set(conf, "transactional.id", "test-open", error, sizeof(error));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, "open", NULL);
    assert_null(rd_kafka_init_transactions(rk, -1));
    assert_null(rd_kafka_begin_transaction(rk));
    test_event_body(&body, "XX", "E-1");
    rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, body.data, body.len, NULL, 0, NULL);
    assert_int_equal(rd_kafka_flush(rk, CW_TEST_WAIT_S * 1000), 0);

    struct cw_sources *sources = open_topic("open", true, &source, &count);
    test_pull_event(source, 0, "E-0");
    assert_int_equal(test_pull(source, &record), CW_PULL_END);
    cw_sources_free(sources);
    assert_null(rd_kafka_abort_transaction(rk, -1));
    cw_buf_done(&body);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_produce_sends_is_read_whole_and_an_event_keeps_to_its_partition),
        cmocka_unit_test(producing_to_a_topic_that_nobody_made_fails_with_a_sentence),
        cmocka_unit_test(a_registry_id_is_a_confluent_header),
        cmocka_unit_test(a_killed_broker_is_told_and_reading_goes_on_when_it_is_back),
        cmocka_unit_test(retention_that_overtook_the_log_is_told_and_reading_goes_on_behind_it),
        cmocka_unit_test(a_finite_topic_ends_although_its_last_offsets_are_no_records),
        cmocka_unit_test(a_finite_topic_ends_before_a_transaction_that_is_still_open),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}

#include "tests/support/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/event.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

void test_wait_step(int64_t since, const char *what)
{
    if ((int64_t)time(NULL) - since > CW_TEST_WAIT_S)
        fail_msg("waited %d s for %s", CW_TEST_WAIT_S, what);
    (void)poll(NULL, 0, 2);
}

/* --- a real broker --- */

/* Runs ops/kafka/TOOL DIR; its standard output goes to `out` (optional). */
static int run_tool(const struct test_broker *broker, const char *tool, char *out, size_t out_len)
{
    char command[512];
    snprintf(command, sizeof(command), "exec '%s/ops/kafka/%s' '%s'", broker->source_dir, tool,
             broker->dir);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char line[128] = "";
    if (fgets(line, sizeof(line), pipe) != NULL && out != NULL) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, out_len, "%s", line);
    }
    return pclose(pipe);
}

/* A process that outlives the test, however that ends, stops the broker and removes its directory.
 */
static void start_guard(struct test_broker *broker)
{
    int ends[2];
    char command[512];
    snprintf(command, sizeof(command), "'%s/ops/kafka/stop' '%s'; rm -rf '%s'", broker->source_dir,
             broker->dir, broker->dir);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    broker->guard_pid = fork();
    assert_true(broker->guard_pid >= 0);
    if (broker->guard_pid == 0) {
        char byte;
        setsid(); /* a ^C for the test is not for us */
        close(ends[1]);
        while (read(ends[0], &byte, 1) > 0) {
        }
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    broker->guard_pipe = ends[1];
}

void test_broker_start(struct test_broker *broker, const char *source_dir)
{
    broker->source_dir = source_dir;
    const char *base = getenv("TMPDIR");
    snprintf(broker->dir, sizeof(broker->dir), "%s/crosswatch-kafka-XXXXXX",
             base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(broker->dir));
    start_guard(broker);
    test_broker_start_again(broker);
}

void test_broker_start_again(struct test_broker *broker)
{
    int status = run_tool(broker, "start", broker->brokers, sizeof(broker->brokers));
    assert_int_equal(status, 0);
}

static pid_t broker_pid(const struct test_broker *broker)
{
    char path[128];
    int pid = 0;
    snprintf(path, sizeof(path), "%s/pid", broker->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_true(pid > 1);
    return pid;
}

void test_broker_kill(struct test_broker *broker)
{
    pid_t pid = broker_pid(broker);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    assert_int_equal(kill(pid, SIGKILL), 0);
    /* Gone, or a zombie: either has no command line. */
    int64_t since = time(NULL);
    for (;;) {
        char byte;
        FILE *file = fopen(path, "r");
        bool gone = file == NULL || fread(&byte, 1, 1, file) == 0;
        if (file != NULL)
            fclose(file);
        if (gone)
            return;
        test_wait_step(since, "a killed broker to be gone");
    }
}

void test_broker_stop(struct test_broker *broker)
{
    int status = 0;
    if (broker->dir[0] == '\0')
        return;
    close(broker->guard_pipe);
    assert_int_equal(waitpid(broker->guard_pid, &status, 0), broker->guard_pid);
    assert_int_equal(status, 0);
    broker->dir[0] = '\0';
}

/* --- topics --- */

static rd_kafka_t *producer(const char *brokers)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof(error)),
                     0);
    assert_int_equal(rd_kafka_conf_set(conf, "linger.ms", "1", error, sizeof(error)), 0);
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    assert_non_null(rk);
    return rk;
}

/* The controller made it; the broker that clients ask hears of it a little later. */
static void wait_for_topic(rd_kafka_t *rk, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    bool known = false;
    for (int asked = 0; !known; asked++) {
        const struct rd_kafka_metadata *metadata = NULL;
        assert_true(asked < 10000);
        assert_int_equal(rd_kafka_metadata(rk, 0, topic, &metadata, CW_TEST_WAIT_S * 1000), 0);
        known = metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                metadata->topics[0].partition_cnt > 0 &&
                metadata->topics[0].partitions[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
}

void test_topic_create(const char *brokers, const char *topic, int partitions)
{
    char error[256];
    rd_kafka_t *rk = producer(brokers);
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, error, sizeof(error));
    assert_non_null(wanted);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CW_TEST_WAIT_S * 1000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    assert_int_equal(count, 1);
    assert_int_equal(rd_kafka_topic_result_error(results[0]), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    wait_for_topic(rk, topic);
    rd_kafka_destroy(rk);
}

static void enqueue(rd_kafka_topic_t *topic, int partition, const void *value, size_t len)
{
    void *bytes = len > 0 ? cw_alloc(len) : NULL;
    if (len > 0)
        memcpy(bytes, value, len);
    assert_int_equal(rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_FREE | RD_KAFKA_MSG_F_BLOCK,
                                      bytes, len, NULL, 0, NULL),
                     0);
}

void test_topic_put(const char *brokers, const char *topic, int partition, const void *value,
                    size_t len)
{
    rd_kafka_t *rk = producer(brokers);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    enqueue(handle, partition, value, len);
    assert_int_equal(rd_kafka_flush(rk, CW_TEST_WAIT_S * 1000), 0);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
}

void test_topic_put_events(const char *brokers, const char *topic, int partition, int first,
                           int count)
{
    rd_kafka_t *rk = producer(brokers);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    struct cw_buf body = { 0 };
    for (int i = first; i < first + count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "E-%d", i);
        body.len = 0;
        test_event_body(&body, "XX", id);
        enqueue(handle, partition, body.data, body.len);
    }
    assert_int_equal(rd_kafka_flush(rk, CW_TEST_WAIT_S * 1000), 0);
    cw_buf_done(&body);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
}

/* --- records --- */

void test_event_body(struct cw_buf *out, const char *owner, const char *event_id)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr(owner);
    event.event_id = cw_cstr(event_id);
    event.event_type = cw_cstr("border_crossing");
    assert_true(cw_time_parse(cw_cstr("2020-01-01T00:00:00Z"), &event.event_time));
    event.recorded_at = event.event_time;
    cw_event_write(&event, out);
}

enum cw_pull test_pull(struct cw_source *source, struct cw_record *record)
{
    int64_t since = time(NULL);
    enum cw_pull pulled;
    while ((pulled = source->ops->pull(source->self, record)) == CW_PULL_WAIT)
        test_wait_step(since, "a record");
    return pulled;
}

void test_pull_event(struct cw_source *source, int64_t offset, const char *event_id)
{
    struct cw_record record;
    struct cw_event event;
    enum cw_pull pulled = test_pull(source, &record);
    if (pulled == CW_PULL_REJECT || pulled == CW_PULL_FAILED)
        fail_msg("%s: %s", record.reason.code, record.reason.sentence);
    assert_int_equal(pulled, CW_PULL_BODY);
    assert_int_equal(record.offset, offset);
    struct cw_arena *arena = cw_arena_new();
    assert_true(cw_event_read(&event, record.body.ptr, record.body.len, arena));
    assert_true(cw_str_is(event.event_id, event_id));
    cw_arena_free(arena);
}

/* --- stderr --- */

static FILE *kept;
static int stderr_before = -1;

void test_stderr_begin(void)
{
    kept = tmpfile();
    assert_non_null(kept);
    stderr_before = dup(STDERR_FILENO);
    assert_true(stderr_before >= 0);
    assert_true(dup2(fileno(kept), STDERR_FILENO) >= 0);
}

/* pread, so that the place where the next line is written (it is shared) does not move. */
size_t test_stderr_count(const char *text)
{
    struct cw_buf all = { 0 };
    ssize_t got;
    while ((got = pread(fileno(kept), cw_buf_reserve(&all, 4096), 4096, (off_t)all.len)) > 0)
        all.len += (size_t)got;
    cw_buf_u8(&all, 0);
    size_t count = 0;
    const char *at = (const char *)all.data;
    while ((at = strstr(at, text)) != NULL) {
        count++;
        at += strlen(text);
    }
    cw_buf_done(&all);
    return count;
}

void test_stderr_end(void)
{
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    fclose(kept);
}

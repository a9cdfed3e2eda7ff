/*
 * kafka.h - topics for tests: a private real broker (ops/kafka/start), messages put into a topic,
 * records pulled out of a source, and what was said on stderr meanwhile.
 *
 * What waits here waits for a condition, for at most CW_TEST_WAIT_S; then the test fails.
 */
#ifndef TESTS_SUPPORT_KAFKA_H
#define TESTS_SUPPORT_KAFKA_H

#include "ingest/source.h"

enum { CW_TEST_WAIT_S = 120 };

/* --- a real broker --- */
struct test_broker {
    const char *source_dir; /* where ops/kafka is */
    char dir[64];
    char brokers[64]; /* HOST:PORT */
    int guard_pipe;   /* its end tells the guard to clean up, also when the test crashes */
    int guard_pid;
};
/** In a directory of its own below TMPDIR. Fails the test if it does not come up. Call it before
 * any thread is there. */
void test_broker_start(struct test_broker *broker, const char *source_dir);
void test_broker_kill(struct test_broker *broker);        /* -9 */
void test_broker_start_again(struct test_broker *broker); /* same data, same port */
void test_broker_stop(struct test_broker *broker);        /* and removes the directory */

/* --- topics --- */
void test_topic_create(const char *brokers, const char *topic, int partitions);
/** Puts one message, and waits until the broker has it. NULL: a tombstone. */
void test_topic_put(const char *brokers, const char *topic, int partition, const void *value,
                    size_t len);
/** Puts canonical events E-`first` … of owner XX, in order. */
void test_topic_put_events(const char *brokers, const char *topic, int partition, int first,
                           int count);

/* --- records --- */
/** Appends a small valid event to `out` as a canonical body. */
void test_event_body(struct cw_buf *out, const char *owner, const char *event_id);
/** Pulls until it is not CW_PULL_WAIT. */
enum cw_pull test_pull(struct cw_source *source, struct cw_record *record);
/** Pulls one body and asserts its offset and event id. */
void test_pull_event(struct cw_source *source, int64_t offset, const char *event_id);

/* --- stderr --- */
void test_stderr_begin(void); /* from here it is kept */
/** How often `text` was said so far. */
size_t test_stderr_count(const char *text);
void test_stderr_end(void);

/** Ends the test with a sentence once a wait that began at `since` (time()) is too long. */
void test_wait_step(int64_t since, const char *what);

#endif

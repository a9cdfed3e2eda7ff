/*
 * kafka_client.h - what a reader and a writer of topics share: handles of librdkafka whose broker
 * may go away and come back.
 *
 * librdkafka reconnects for ever by itself; what it does not do is tell a person. A peer stands for
 * the brokers that some handles talk to, and warns (logging.h) once when none of them answers, with
 * the reason, and once when all handles have a connection again. A refused password or certificate
 * is told at once. All functions are for one thread.
 */
#ifndef CW_INGEST_KAFKA_CLIENT_H
#define CW_INGEST_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "operators/runtime/attr.h"

enum { CW_KAFKA_ERROR = 512 }; /* room for a sentence */

/** Where the calls below that wait look whether to give up. NULL (at first): they do not. */
void cw_kafka_set_stop(const volatile int *stop);
bool cw_kafka_stopped(void);

struct cw_kafka_peer;
/** `brokers` as bootstrap.servers has them: HOST:PORT[,HOST:PORT…]. */
struct cw_kafka_peer *cw_kafka_peer_new(const char *brokers) CW_MUST_USE CW_NONNULL(1);
void cw_kafka_peer_free(struct cw_kafka_peer *peer); /* after its handles; accepts NULL */

struct cw_kafka_setting {
    const char *name; /* of librdkafka; a table ends with NULL */
    const char *value;
};

struct cw_kafka;
/** One handle. NULL: librdkafka refused a setting, and `error` says which. */
struct cw_kafka *
cw_kafka_open(struct cw_kafka_peer *peer, rd_kafka_type_t type,
              const struct cw_kafka_setting *settings,
              void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque),
              void *opaque, char *error, size_t error_len) CW_MUST_USE CW_NONNULL(1, 3, 6);
void cw_kafka_close(struct cw_kafka *kafka); /* accepts NULL */
rd_kafka_t *cw_kafka_handle(const struct cw_kafka *kafka) CW_NONNULL(1);
/** Runs callbacks, waiting for the first at most so long, and tells of a change. Call it often. */
void cw_kafka_serve(struct cw_kafka *kafka, int timeout_ms) CW_NONNULL(1);
/** Something came from the broker: it is there. */
void cw_kafka_heard(struct cw_kafka *kafka) CW_NONNULL(1);

/**
 * The number of partitions of a topic. Waits for a broker that does not answer; for a topic that is
 * not there if `wait_for_topic` (it warns once). False: no such topic, no right to it, or told to
 * stop; `error` says so.
 */
bool cw_kafka_partitions(struct cw_kafka *kafka, const char *topic, bool wait_for_topic,
                         int32_t *count, char *error, size_t error_len) CW_MUST_USE
    CW_NONNULL(1, 2, 4, 5);
/** First offset that is there, and the one behind the last (of committed transactions). Waits
 *  likewise. */
bool cw_kafka_watermarks(struct cw_kafka *kafka, const char *topic, int32_t partition, int64_t *low,
                         int64_t *high, char *error, size_t error_len) CW_MUST_USE
    CW_NONNULL(1, 2, 4, 5, 6);
/** False: `topic` is no name that Kafka takes. */
bool cw_kafka_topic_name(const char *topic) CW_MUST_USE CW_NONNULL(1);

#endif

/*
 * source_kafka.c - the partitions of a topic, each a source.
 *
 * The place to go on is the log's: no consumer group, no offset stored at the broker, only "start
 * there" (librdkafka's simple consumer, which needs no right on a group either).
 *
 * Each partition has a handle of its own. One handle for all would be fewer threads, but the
 * messages of one fetch share its buffer: a partition that ingest holds back, because it leads in
 * event time, would keep alive the whole backlog of its neighbours, whatever the limit of its own
 * queue. So a handle holds what its limit says and a fetch (1 MiB) more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/kafka_client.h"
#include "ingest/source.h"
#include "operators/runtime/check.h"
#include "operators/runtime/event.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum {
    BATCH = 256,                    /* messages taken from librdkafka at once */
    PARTITIONS_MAX = 256,           /* of a topic: three threads each */
    QUEUE_KIB_MAX = 64 * 1024,      /* fetched ahead, of a partition */
    QUEUE_KIB_ALL = 256 * 1024,     /* and of a topic */
    MESSAGE_MAX = 16 * 1024 * 1024, /* no datum is near it; what is longer is not looked at */
    MESSAGE_SHOWN = 64 * 1024,      /* of such a one, to the dead letters */
    PLACE_MS = 1000                 /* for the broker to say where a partition begins and ends */
};

struct topic {
    unsigned used; /* by its partitions */
    char *name;
    struct cw_kafka_peer *peer;
    bool clock_told;
};

struct partition {
    struct topic *topic;
    int32_t number;
    bool live;
    struct cw_kafka *kafka;
    rd_kafka_topic_t *handle;
    struct cw_decoder *decoder;
    bool started;
    int64_t next; /* the offset to go on at; -1: the first that is there */
    int64_t low;  /* what the broker said when it was last asked */
    int64_t high; /* likewise; the end of a finite source, asked for once */
    rd_kafka_message_t *batch[BATCH];
    size_t taken; /* of the batch; the last one taken is what the caller looks at */
    size_t count;
    rd_kafka_resp_err_t told; /* the trouble that was last told, until a message comes */
};

static void topic_drop(struct topic *topic)
{
    if (--topic->used > 0)
        return;
    cw_kafka_peer_free(topic->peer);
    free(topic->name);
    free(topic);
}

static void drop_batch(struct partition *partition)
{
    size_t from = partition->taken > 0 ? partition->taken - 1 : 0;
    for (size_t i = from; i < partition->count; i++)
        rd_kafka_message_destroy(partition->batch[i]);
    partition->taken = partition->count = 0;
}

/* Where reading goes on, given what the broker has: false if that cannot be known any more. */
static bool place(struct partition *partition, struct cw_reason *reason)
{
    const char *topic = partition->topic->name;
    if (partition->next < 0)
        partition->next = partition->low;
    if (partition->next < partition->low) {
        cw_warn("kafka: topic %s, partition %d: offsets %lld to %lld were not read before the "
                "broker's retention deleted them: going on at %lld",
                topic, partition->number, (long long)partition->next, (long long)partition->low - 1,
                (long long)partition->low);
        partition->next = partition->low;
    }
    if (partition->next <= partition->high)
        return true;
    return cw_reject(reason, "topic_changed", "",
                     "topic %s, partition %d was read up to offset %lld, but ends at %lld now: it "
                     "was made anew or lost data, and offsets no longer name the same records. "
                     "Read it into a new log.",
                     topic, partition->number, (long long)partition->next - 1,
                     (long long)partition->high);
}

static bool start(struct partition *partition, struct cw_reason *reason)
{
    if (!place(partition, reason))
        return false;
    if (rd_kafka_consume_start(partition->handle, partition->number, partition->next) != 0)
        return cw_reject(reason, "kafka", "", "topic %s, partition %d: %s", partition->topic->name,
                         partition->number, rd_kafka_err2str(rd_kafka_last_error()));
    partition->started = true;
    return true;
}

/*
 * The broker does not have the offset we asked for: retention overtook us, or the topic was made
 * anew. False: the latter. Where the broker does not say, the next pull asks again.
 */
static bool start_again(struct partition *partition, struct cw_reason *reason)
{
    drop_batch(partition);
    rd_kafka_consume_stop(partition->handle, partition->number);
    partition->started = false;
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(cw_kafka_handle(partition->kafka), partition->topic->name,
                                         partition->number, &low, &high,
                                         PLACE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    partition->low = low;
    if (partition->live)
        partition->high = high;
    else if (high < partition->high)
        partition->high = high; /* so that what was lost shows */
    return start(partition, reason);
}

static void tell_trouble(struct partition *partition, const rd_kafka_message_t *message)
{
    if (partition->told == message->err)
        return;
    partition->told = message->err;
    const char *topic = partition->topic->name;
    int32_t number = partition->number;
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        break; /* the peer tells */
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        cw_warn("kafka: topic %s, partition %d is not there any more: waiting for it", topic,
                number);
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        cw_warn(
            "kafka: topic %s, partition %d: the broker does not let us read it: waiting for the "
            "right to",
            topic, number);
        break;
    default:
        cw_warn("kafka: topic %s, partition %d: %s: trying again", topic, number,
                rd_kafka_message_errstr(message));
        break;
    }
}

/* Microseconds; 0 where nothing says. A claim beyond the range of time is its end. */
static int64_t arrival_of(struct partition *partition, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t millis = rd_kafka_message_timestamp(message, &type);
    int64_t micros;
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || millis < 0)
        return 0;
    if (type == RD_KAFKA_TIMESTAMP_CREATE_TIME && !partition->topic->clock_told) {
        partition->topic->clock_told = true;
        cw_warn("kafka: topic %s has its producers' clocks as time of arrival, so skew into the "
                "future is judged by what they claim; message.timestamp.type=LogAppendTime on the "
                "topic makes it the broker's",
                partition->topic->name);
    }
    return __builtin_mul_overflow(millis, INT64_C(1000), &micros) ? CW_TIME_MAX : micros;
}

static enum cw_pull give(struct partition *partition, const rd_kafka_message_t *message,
                         struct cw_record *out)
{
    partition->told = RD_KAFKA_RESP_ERR_NO_ERROR;
    partition->next = message->offset + 1;
    *out = (struct cw_record){ .offset = message->offset };
    /* Finite: what a file with the same records would give. */
    out->arrival = partition->live ? arrival_of(partition, message) : 0;
    out->bytes = (cw_str){ message->payload != NULL ? message->payload : "", message->len };
    if (out->bytes.len == 0) {
        (void)cw_reject(&out->reason, "empty_message", "",
                        "a message without a value (a tombstone)");
        return CW_PULL_REJECT;
    }
    if (out->bytes.len > MESSAGE_MAX) {
        (void)cw_reject(&out->reason, "too_large", "",
                        "a message of %zu bytes; at most %d are read, the first %d are kept",
                        out->bytes.len, MESSAGE_MAX, MESSAGE_SHOWN);
        out->bytes.len = MESSAGE_SHOWN;
        return CW_PULL_REJECT;
    }
    if (!cw_decoder_message(partition->decoder, out->bytes, &out->body, &out->reason))
        return CW_PULL_REJECT;
    return CW_PULL_BODY;
}

static bool refill(struct partition *partition)
{
    drop_batch(partition);
    ssize_t got =
        rd_kafka_consume_batch(partition->handle, partition->number, 0, partition->batch, BATCH);
    partition->count = got > 0 ? (size_t)got : 0;
    cw_kafka_serve(partition->kafka, 0);
    return partition->count > 0;
}

/* The next of the batch; the one that the caller has seen goes. */
static const rd_kafka_message_t *take(struct partition *partition)
{
    if (partition->taken > 0)
        rd_kafka_message_destroy(partition->batch[partition->taken - 1]);
    return partition->batch[partition->taken++];
}

static enum cw_pull partition_pull(void *self, struct cw_record *out)
{
    struct partition *partition = self;
    if (!partition->started && !start(partition, &out->reason))
        return CW_PULL_FAILED;
    for (;;) {
        if (!partition->live && partition->next >= partition->high)
            return CW_PULL_END;
        if (partition->taken == partition->count && !refill(partition))
            return CW_PULL_WAIT;
        const rd_kafka_message_t *message = take(partition);
        switch ((int)message->err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            cw_kafka_heard(partition->kafka);
            if (message->offset < partition->next)
                break;
            if (!partition->live && message->offset >= partition->high) {
                partition->next = partition->high; /* a gap (compaction, a marker) up to the end */
                break;
            }
            return give(partition, message, out);
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            cw_kafka_heard(partition->kafka);
            if (message->offset > partition->next)
                partition->next = message->offset; /* likewise */
            break;
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
            if (!start_again(partition, &out->reason))
                return CW_PULL_FAILED;
            return CW_PULL_WAIT;
        default:
            tell_trouble(partition, message);
            break;
        }
    }
}

static void partition_skip(void *self, int64_t offset)
{
    struct partition *partition = self;
    CW_CHECK(!partition->started);
    partition->next = offset + 1;
}

static void partition_close(void *self)
{
    struct partition *partition = self;
    drop_batch(partition);
    if (partition->started)
        rd_kafka_consume_stop(partition->handle, partition->number);
    if (partition->handle != NULL)
        rd_kafka_topic_destroy(partition->handle);
    cw_kafka_close(partition->kafka);
    cw_decoder_free(partition->decoder);
    topic_drop(partition->topic);
    free(partition);
}

static const struct cw_source_ops partition_ops = {
    .pull = partition_pull,
    .skip = partition_skip,
    .close = partition_close,
};

static bool open_consumer(struct partition *partition, int32_t partitions, char *error,
                          size_t error_len)
{
    char queue[16];
    int kib = QUEUE_KIB_ALL / partitions;
    snprintf(queue, sizeof(queue), "%d", kib < QUEUE_KIB_MAX ? kib : QUEUE_KIB_MAX);
    const struct cw_kafka_setting settings[] = {
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "enable.partition.eof", "true" },
        { "auto.offset.reset", "error" }, /* what to do is decided here */
        { "isolation.level", "read_committed" },
        { "check.crcs", "true" },
        /* A queue that is full by number makes librdkafka pause for a second: only bytes bound it.
         */
        { "queued.min.messages", "1000000" },
        { "queued.max.messages.kbytes", queue },
        { NULL, NULL },
    };
    partition->kafka = cw_kafka_open(partition->topic->peer, RD_KAFKA_CONSUMER, settings, NULL,
                                     NULL, error, error_len);
    if (partition->kafka == NULL)
        return false;
    partition->handle =
        rd_kafka_topic_new(cw_kafka_handle(partition->kafka), partition->topic->name, NULL);
    return partition->handle != NULL;
}

static struct cw_decoder *open_decoder(const struct cw_contract *contract, char *error,
                                       size_t error_len)
{
    struct cw_decoder *decoder = cw_decoder_new(contract);
    struct cw_reason reason = { 0 };
    /* A plain body names no schema: where the contract names none either, it is the canonical one.
     */
    if (contract->schema_path == NULL &&
        !cw_decoder_schema(decoder, cw_cstr(cw_event_schema_json()), &reason)) {
        snprintf(error, error_len, "%s", reason.sentence);
        cw_decoder_free(decoder);
        return NULL;
    }
    return decoder;
}

/* NULL: why is in `error`. */
static struct partition *open_partition(struct topic *topic, int32_t number, int32_t partitions,
                                        bool live, const struct cw_contract *contract, char *error,
                                        size_t error_len)
{
    struct partition *partition = cw_new(struct partition);
    partition->topic = topic;
    CW_CHECK(topic->used > 0); /* the caller's: closing a partition that fails leaves the topic */
    topic->used++;
    partition->number = number;
    partition->live = live;
    partition->next = -1;
    partition->decoder = open_decoder(contract, error, error_len);
    if (partition->decoder == NULL || !open_consumer(partition, partitions, error, error_len)) {
        partition_close(partition);
        return NULL;
    }
    return partition;
}

static void append(struct cw_sources *sources, struct partition *partition,
                   struct cw_contract *contract)
{
    char name[300];
    /* Not the broker's address: a topic that moves to another one is the same source. */
    snprintf(name, sizeof(name), "kafka/%s/%d", partition->topic->name, partition->number);
    struct cw_source source = {
        .ops = &partition_ops,
        .self = partition,
        .name = cw_strdup(name),
        .contract_name = cw_strdup(contract->name),
        .partition = (uint32_t)partition->number,
        .live = partition->live,
        .contract = contract,
    };
    cw_sources_append(sources, &source);
}

static bool open_partitions(struct cw_sources *sources, struct topic *topic, struct cw_kafka *asker,
                            bool live, struct cw_contract *contract, char *error, size_t error_len)
{
    int32_t count;
    if (!cw_kafka_partitions(asker, topic->name, true, &count, error, error_len))
        return false;
    if (count > PARTITIONS_MAX) {
        snprintf(error, error_len,
                 "topic %s has %d partitions; at most %d can be read by one ingest", topic->name,
                 count, PARTITIONS_MAX);
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        struct partition *partition =
            open_partition(topic, i, count, live, contract, error, error_len);
        if (partition == NULL)
            return false;
        /* By its own handle, which so has its connection when reading begins. */
        if (!cw_kafka_watermarks(partition->kafka, topic->name, i, &partition->low,
                                 &partition->high, error, error_len)) {
            partition_close(partition);
            return false;
        }
        append(sources, partition, contract);
    }
    return true;
}

bool cw_source_open_kafka(struct cw_sources *sources, const char *brokers, const char *topic_name,
                          bool to_end_offsets, struct cw_contract *contract)
{
    char error[CW_KAFKA_ERROR] = "";
    if (!cw_kafka_topic_name(topic_name)) {
        cw_error("kafka: \"%s\" is no name of a topic: expected at most 249 of the characters "
                 "a-z A-Z 0-9 . _ -",
                 topic_name);
        return false;
    }
    struct topic *topic = cw_new(struct topic);
    topic->used = 1;
    topic->name = cw_strdup(topic_name);
    topic->peer = cw_kafka_peer_new(brokers);

    /* Asks for partitions and ends, so that the readers' queues can be measured to their number. */
    const struct cw_kafka_setting settings[] = { { "isolation.level", "read_committed" },
                                                 { NULL, NULL } };
    struct cw_kafka *asker =
        cw_kafka_open(topic->peer, RD_KAFKA_CONSUMER, settings, NULL, NULL, error, sizeof(error));
    bool opened = asker != NULL && open_partitions(sources, topic, asker, !to_end_offsets, contract,
                                                   error, sizeof(error));
    if (!opened)
        cw_error("kafka: %s", error);
    cw_kafka_close(asker);
    topic_drop(topic);
    return opened;
}

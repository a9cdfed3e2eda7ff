/*
 * cmd_produce.c - `crosswatch produce`: the events of container files into a topic.
 *
 * Each event is one message: its canonical body, plain or behind a Confluent header. The key is its
 * identity, so that all versions of one event stay in one partition, in order. Idempotent: what the
 * client sends again after a broken connection is there once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/kafka_client.h"
#include "ingest/source.h"
#include "ingest/wire/container.h"
#include "operators/runtime/event.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/commands.h"

enum { ADMIN_MS = 30000, HEADER_LEN = 5, SERVE_MS = 100 };

enum key { KEY_EVENT, KEY_OWNER };

struct produce {
    const char *topic;
    enum key key;
    uint64_t registry_id; /* 0: plain bodies */
    struct cw_kafka *kafka;
    rd_kafka_topic_t *handle;
    struct cw_decoder *decoder;
    struct cw_arena *arena;
    struct cw_buf message;
    struct cw_buf key_text;
    uint64_t sent;
    uint64_t delivered;
    uint64_t unreadable;            /* data and damaged parts of files that are no events */
    char error[2 * CW_KAFKA_ERROR]; /* empty: none */
};

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct produce *produce = opaque;
    (void)rk;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        produce->delivered++;
    else if (produce->error[0] == '\0')
        snprintf(produce->error, sizeof(produce->error), "topic %s: %s", produce->topic,
                 rd_kafka_err2str(message->err));
}

/* A topic that is there already is left as it is. The broker's own clock stamps what arrives. */
static bool create_topic(struct produce *produce, int partitions)
{
    rd_kafka_t *rk = cw_kafka_handle(produce->kafka);
    char error[CW_KAFKA_ERROR] = "";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(produce->topic, partitions,
                              -1 /* replicas: as the brokers' default */, error, sizeof(error));
    if (topic == NULL) {
        snprintf(produce->error, sizeof(produce->error), "topic %s: %s", produce->topic, error);
        return false;
    }
    rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_MS, error, sizeof(error));
    rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_MS, error, sizeof(error));
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);

    rd_kafka_event_t *event = NULL;
    while (event == NULL && !cw_stop) { /* it answers, if only that the time is over */
        event = rd_kafka_queue_poll(queue, SERVE_MS);
        cw_kafka_serve(produce->kafka, 0);
    }
    rd_kafka_resp_err_t err = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__INTR;
    const char *why = event != NULL && err != RD_KAFKA_RESP_ERR_NO_ERROR
                          ? rd_kafka_event_error_string(event)
                          : rd_kafka_err2str(err);
    const rd_kafka_CreateTopics_result_t *result =
        event != NULL ? rd_kafka_event_CreateTopics_result(event) : NULL;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **topics =
            rd_kafka_CreateTopics_result_topics(result, &count);
        if (count > 0 &&
            rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            err = rd_kafka_topic_result_error(topics[0]);
            why = rd_kafka_topic_result_error_string(topics[0]);
        }
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(produce->error, sizeof(produce->error), "topic %s could not be made: %s",
                 produce->topic, why != NULL ? why : rd_kafka_err2str(err));
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool write_key(struct produce *produce, cw_str body)
{
    struct cw_event event;
    cw_arena_reset(produce->arena);
    if (!cw_event_read(&event, body.ptr, body.len, produce->arena))
        return false;
    produce->key_text.len = 0;
    cw_buf_str(&produce->key_text, event.owner);
    if (produce->key == KEY_EVENT) {
        cw_buf_u8(&produce->key_text, '/');
        cw_buf_str(&produce->key_text, event.event_id);
    }
    return true;
}

static void write_message(struct produce *produce, cw_str body)
{
    uint32_t id = (uint32_t)produce->registry_id;
    produce->message.len = 0;
    if (id != 0) {
        const uint8_t header[HEADER_LEN] = { 0, (uint8_t)(id >> 24), (uint8_t)(id >> 16),
                                             (uint8_t)(id >> 8), (uint8_t)id };
        cw_buf_put(&produce->message, header, sizeof(header));
    }
    cw_buf_str(&produce->message, body);
}

/* Blocks while librdkafka's queue is full. False: produce->error says why. */
static bool send_event(struct produce *produce, cw_str body)
{
    if (!write_key(produce, body)) {
        snprintf(produce->error, sizeof(produce->error), "a decoded event does not read back");
        return false;
    }
    write_message(produce, body);
    while (rd_kafka_produce(produce->handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            produce->message.data, produce->message.len, produce->key_text.data,
                            produce->key_text.len, NULL) != 0) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            snprintf(produce->error, sizeof(produce->error), "topic %s: %s", produce->topic,
                     rd_kafka_err2str(err));
            return false;
        }
        cw_kafka_serve(produce->kafka, SERVE_MS);
        if (cw_stop || produce->error[0] != '\0')
            return false;
    }
    produce->sent++;
    if (produce->sent % 256 == 0)
        cw_kafka_serve(produce->kafka, 0);
    return !cw_stop && produce->error[0] == '\0';
}

static void say_unreadable(struct produce *produce, const char *path, const char *what,
                           const struct cw_reason *reason)
{
    produce->unreadable++;
    cw_warn("produce: %s: %s was not sent: %s: %s", path, what, reason->code, reason->sentence);
}

static bool send_block(struct produce *produce, const char *path, int64_t count, cw_str bytes)
{
    for (int64_t i = 0; i < count; i++) {
        size_t consumed;
        cw_str body;
        struct cw_reason reason = { 0 };
        if (!cw_decoder_datum(produce->decoder, bytes, &consumed, &body, &reason)) {
            /* where the next datum begins is not known */
            say_unreadable(produce, path, "a datum, with the rest of its block,", &reason);
            return true;
        }
        if (!send_event(produce, body))
            return false;
        bytes.ptr += consumed;
        bytes.len -= consumed;
    }
    return true;
}

static int64_t read_file(void *context, void *into, size_t len)
{
    FILE *file = context;
    size_t got = fread(into, 1, len, file);
    return got == 0 && ferror(file) ? -1 : (int64_t)got;
}

static bool send_blocks(struct produce *produce, const char *path, struct cw_container *container)
{
    struct cw_reason reason = { 0 };
    if (!cw_decoder_schema(produce->decoder, cw_container_schema(container), &reason)) {
        snprintf(produce->error, sizeof(produce->error), "%s: %s: %s", path, reason.code,
                 reason.sentence);
        return false;
    }
    for (;;) {
        int64_t count;
        cw_str bytes;
        switch (cw_container_next(container, &count, &bytes, &reason)) {
        case CW_BLOCK_END:
            return true;
        case CW_BLOCK_DAMAGED:
            say_unreadable(produce, path, "a damaged part", &reason);
            break;
        case CW_BLOCK_OK:
            if (!send_block(produce, path, count, bytes))
                return false;
            break;
        }
    }
}

static bool send_file(struct produce *produce, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(produce->error, sizeof(produce->error), "%s: %s", path, strerror(errno));
        return false;
    }
    struct cw_reason reason = { 0 };
    struct cw_container *container = cw_container_open(read_file, file, &reason);
    bool sent = false;
    if (container == NULL)
        snprintf(produce->error, sizeof(produce->error), "%s: %s: %s", path, reason.code,
                 reason.sentence);
    else
        sent = send_blocks(produce, path, container);
    cw_container_close(container);
    fclose(file);
    return sent;
}

/* Until every message is there or one has failed. */
static bool flush(struct produce *produce)
{
    while (rd_kafka_outq_len(cw_kafka_handle(produce->kafka)) > 0 && !cw_stop &&
           produce->error[0] == '\0')
        cw_kafka_serve(produce->kafka, SERVE_MS);
    return produce->error[0] == '\0' && produce->delivered == produce->sent;
}

static bool produce_all(struct produce *produce, int partitions, const struct cw_text_list *files)
{
    int32_t count;
    if (partitions > 0 && !create_topic(produce, partitions))
        return false;
    /* A topic just made may not show yet; one that nobody made never will. */
    if (!cw_kafka_partitions(produce->kafka, produce->topic, partitions > 0, &count, produce->error,
                             sizeof(produce->error)))
        return false;
    if (partitions > 0 && count != partitions)
        cw_warn("produce: topic %s is there already, with %d partitions", produce->topic, count);
    produce->handle = rd_kafka_topic_new(cw_kafka_handle(produce->kafka), produce->topic, NULL);
    for (size_t i = 0; i < files->count; i++) {
        if (!send_file(produce, files->items[i]))
            return false;
    }
    if (!flush(produce))
        return false;
    printf("%llu events of %zu %s are in topic %s (%d %s)\n", (unsigned long long)produce->sent,
           files->count, files->count == 1 ? "file" : "files", produce->topic, count,
           count == 1 ? "partition" : "partitions");
    return true;
}

static int finish(struct produce *produce, bool all_sent)
{
    if (!all_sent) {
        if (produce->error[0] == '\0')
            snprintf(produce->error, sizeof(produce->error), "stopped");
        fprintf(stderr, "crosswatch produce: %s (%llu of %llu events sent are in the topic)\n",
                produce->error, (unsigned long long)produce->delivered,
                (unsigned long long)produce->sent);
        return CW_EXIT_FAILED;
    }
    if (produce->unreadable > 0) {
        fprintf(stderr, "crosswatch produce: %llu parts of the files were not sent: see above\n",
                (unsigned long long)produce->unreadable);
        return CW_EXIT_FAILED;
    }
    return CW_EXIT_OK;
}

/* A client, and what it needs, for the whole of one run. */
static int start(struct produce *produce, const char *brokers, int partitions,
                 const struct cw_text_list *files)
{
    cw_log_stage("produce");
    cw_catch_signals();
    cw_kafka_set_stop(&cw_stop);
    struct cw_contract *contract = cw_contract_default();
    struct cw_kafka_peer *peer = cw_kafka_peer_new(brokers);
    const struct cw_kafka_setting settings[] = {
        { "enable.idempotence", "true" },
        { "queue.buffering.max.kbytes", "65536" },
        { "partitioner", "murmur2_random" }, /* as Java's clients do */
        { NULL, NULL },
    };
    produce->decoder = cw_decoder_new(contract);
    produce->arena = cw_arena_new();
    produce->kafka = cw_kafka_open(peer, RD_KAFKA_PRODUCER, settings, on_delivered, produce,
                                   produce->error, sizeof(produce->error));
    bool sent = produce->kafka != NULL && produce_all(produce, partitions, files);
    int status = finish(produce, sent);
    /* What is still queued after a failure would keep the handle waiting for its delivery. */
    if (produce->kafka != NULL)
        rd_kafka_purge(cw_kafka_handle(produce->kafka),
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    if (produce->handle != NULL)
        rd_kafka_topic_destroy(produce->handle);
    cw_kafka_close(produce->kafka);
    cw_kafka_peer_free(peer);
    cw_decoder_free(produce->decoder);
    cw_arena_free(produce->arena);
    cw_contract_free(contract);
    cw_buf_done(&produce->message);
    cw_buf_done(&produce->key_text);
    return status;
}

static int run(int argc, char **argv);

const struct cw_command cw_cmd_produce = {
    .name = "produce",
    .usage = "--brokers HOST:PORT --topic NAME [--create PARTITIONS] [--key owner|event] "
             "[--registry-id N] FILE…",
    .summary = "send the events of container files to a Kafka topic",
    .run = run,
};

static int usage(const char *sentence)
{
    fprintf(stderr, "crosswatch produce: %s\n", sentence);
    return CW_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    struct produce produce = { .key = KEY_EVENT };
    const char *brokers = NULL;
    const char *key = "event";
    uint64_t partitions = 0;
    struct cw_text_list files = { 0 };
    const struct cw_option options[] = {
        { "brokers", CW_OPT_TEXT, &brokers, true, "HOST:PORT[,HOST:PORT…]" },
        { "topic", CW_OPT_TEXT, &produce.topic, true, "where to" },
        { "create", CW_OPT_COUNT, &partitions, false,
          "make the topic with so many partitions if it is not there" },
        { "key", CW_OPT_TEXT, &key, false,
          "event (the default: one event's versions in one partition) or owner" },
        { "registry-id", CW_OPT_COUNT, &produce.registry_id, false,
          "put the Confluent header with this schema id before each body" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_produce, options, argc, argv, &files);
    if (status >= 0)
        return status;
    produce.key = strcmp(key, "owner") == 0 ? KEY_OWNER : KEY_EVENT;
    if (produce.key == KEY_EVENT && strcmp(key, "event") != 0)
        status = usage("--key: expected owner or event");
    else if (partitions > 10000)
        status = usage("--create: expected at most 10000 partitions");
    else if (produce.registry_id > UINT32_MAX)
        status = usage("--registry-id: expected a number below 4294967296");
    else if (!cw_kafka_topic_name(produce.topic))
        status = usage("--topic: expected at most 249 of the characters a-z A-Z 0-9 . _ -");
    else if (files.count == 0 && partitions == 0)
        status = usage("expected container files to send");
    else
        status = start(&produce, brokers, (int)partitions, &files);
    free(files.items);
    return status;
}

#include "ingest/kafka_client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"

enum {
    UNREACHED_MS = 250,   /* between looks at the stop flag while no broker answers */
    ANSWER_MS = 10000,    /* for an answer of a broker that is there */
    TOPIC_RETRY_MS = 500, /* between looks for a topic that is not there yet */
    WHY_MAX = 320
};

struct cw_kafka_peer {
    char *brokers;
    unsigned down; /* handles that have no connection and said so */
    bool told;
    bool refused_told;
};

struct cw_kafka {
    struct cw_kafka_peer *peer;
    rd_kafka_t *rk;
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
    void *opaque;
    bool down;
    unsigned ups_before; /* `ups` when it went down */
    char why[WHY_MAX];   /* the last failure of a connection */
    /* written by librdkafka's threads */
    atomic_uint ups;     /* connections that came up so far */
    atomic_bool last_up; /* the last change of a connection was to up */
};

static const volatile int *stop_flag;

void cw_kafka_set_stop(const volatile int *stop)
{
    stop_flag = stop;
}

bool cw_kafka_stopped(void)
{
    return stop_flag != NULL && *stop_flag != 0;
}

struct cw_kafka_peer *cw_kafka_peer_new(const char *brokers)
{
    struct cw_kafka_peer *peer = cw_new(struct cw_kafka_peer);
    peer->brokers = cw_strdup(brokers);
    return peer;
}

void cw_kafka_peer_free(struct cw_kafka_peer *peer)
{
    if (peer == NULL)
        return;
    free(peer->brokers);
    free(peer);
}

static void went_down(struct cw_kafka *kafka)
{
    /* A blip that ended before we looked is nobody's business. */
    if (kafka->down || atomic_load(&kafka->last_up))
        return;
    kafka->down = true;
    kafka->ups_before = atomic_load(&kafka->ups);
    kafka->peer->down++;
    if (kafka->peer->told)
        return;
    kafka->peer->told = true;
    cw_warn("kafka: no broker of %s answers (%s): waiting until one does", kafka->peer->brokers,
            kafka->why[0] != '\0' ? kafka->why : "no connection");
}

static void came_up(struct cw_kafka *kafka)
{
    if (!kafka->down)
        return;
    kafka->down = false;
    if (--kafka->peer->down > 0 || !kafka->peer->told)
        return;
    kafka->peer->told = false;
    kafka->peer->refused_told = false;
    cw_warn("kafka: %s answers again: going on", kafka->peer->brokers);
}

void cw_kafka_heard(struct cw_kafka *kafka)
{
    came_up(kafka);
}

static void refused(struct cw_kafka *kafka, const char *what, const char *reason)
{
    if (kafka->peer->refused_told)
        return;
    kafka->peer->refused_told = true;
    cw_warn("kafka: %s %s (%s): trying again until it changes", kafka->peer->brokers, what, reason);
}

/* Runs inside cw_kafka_serve, in our thread. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct cw_kafka *kafka = opaque;
    char fatal[WHY_MAX];
    switch (code) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        went_down(kafka);
        break;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        refused(kafka, "refuses our name or password", reason);
        break;
    case RD_KAFKA_RESP_ERR__SSL:
        refused(kafka, "and we do not agree on certificates", reason);
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        snprintf(kafka->why, sizeof(kafka->why), "%s", reason);
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        rd_kafka_fatal_error(rk, fatal, sizeof(fatal));
        cw_error("kafka: %s: %s", kafka->peer->brokers, fatal);
        break;
    default:
        break; /* what concerns a partition or a message comes with it */
    }
}

/* Runs in a thread of librdkafka: atomics only. */
static rd_kafka_resp_err_t on_broker_state(rd_kafka_t *rk, int32_t broker, const char *protocol,
                                           const char *name, int port, const char *state,
                                           void *opaque)
{
    struct cw_kafka *kafka = opaque;
    (void)rk, (void)broker, (void)protocol, (void)name, (void)port;
    if (strcmp(state, "UP") == 0) {
        atomic_store(&kafka->last_up, true);
        atomic_fetch_add(&kafka->ups, 1);
    } else if (strcmp(state, "DOWN") == 0) {
        atomic_store(&kafka->last_up, false);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *error, size_t error_len)
{
    (void)conf, (void)error, (void)error_len;
    return rd_kafka_interceptor_add_on_broker_state_change(rk, "crosswatch", on_broker_state,
                                                           opaque);
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct cw_kafka *kafka = opaque;
    kafka->delivered(rk, message, kafka->opaque);
}

static bool set_all(rd_kafka_conf_t *conf, const struct cw_kafka_setting *settings, char *error,
                    size_t error_len)
{
    for (; settings->name != NULL; settings++) {
        if (rd_kafka_conf_set(conf, settings->name, settings->value, error, error_len) !=
            RD_KAFKA_CONF_OK)
            return false;
    }
    return true;
}

struct cw_kafka *cw_kafka_open(struct cw_kafka_peer *peer, rd_kafka_type_t type,
                               const struct cw_kafka_setting *settings,
                               void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message,
                                                 void *opaque),
                               void *opaque, char *error, size_t error_len)
{
    struct cw_kafka *kafka = cw_new(struct cw_kafka);
    kafka->peer = peer;
    kafka->delivered = delivered;
    kafka->opaque = opaque;

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* The default back-off grows to 10 s: too long for a broker that has just come back. */
    const struct cw_kafka_setting common[] = {
        { "bootstrap.servers", peer->brokers }, { "client.id", "crosswatch" },
        { "reconnect.backoff.ms", "100" },      { "reconnect.backoff.max.ms", "2000" },
        { "socket.keepalive.enable", "true" },  { NULL, NULL },
    };
    if (!set_all(conf, common, error, error_len) || !set_all(conf, settings, error, error_len))
        goto refused;
    rd_kafka_conf_set_opaque(conf, kafka);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, NULL); /* what matters comes by on_error */
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_interceptor_add_on_new(conf, "crosswatch", on_new, kafka);
    kafka->rk = rd_kafka_new(type, conf, error, error_len);
    if (kafka->rk == NULL)
        goto refused;
    error[0] = '\0'; /* librdkafka leaves words there also when it takes a topic's property */
    return kafka;

refused: /* conf is ours until rd_kafka_new took it */
    rd_kafka_conf_destroy(conf);
    free(kafka);
    return NULL;
}

void cw_kafka_close(struct cw_kafka *kafka)
{
    if (kafka == NULL)
        return;
    if (kafka->down)
        kafka->peer->down--;
    rd_kafka_destroy(kafka->rk);
    free(kafka);
}

rd_kafka_t *cw_kafka_handle(const struct cw_kafka *kafka)
{
    return kafka->rk;
}

void cw_kafka_serve(struct cw_kafka *kafka, int timeout_ms)
{
    rd_kafka_poll(kafka->rk, timeout_ms);
    if (kafka->down && atomic_load(&kafka->ups) != kafka->ups_before)
        came_up(kafka);
}

/* A short wait while no broker answers, so that the stop flag is seen; a long one for an answer. */
static int patience(const struct cw_kafka *kafka)
{
    return atomic_load(&kafka->last_up) ? ANSWER_MS : UNREACHED_MS;
}

static bool stopped(const struct cw_kafka *kafka, const char *topic, char *error, size_t error_len)
{
    if (!cw_kafka_stopped())
        return false;
    snprintf(error, error_len, "topic %s: stopped while waiting for %s", topic,
             kafka->peer->brokers);
    return true;
}

/* What the brokers say of one topic: its number of partitions, or 0 and why. -1: no answer. */
static int32_t ask_partitions(struct cw_kafka *kafka, const char *topic, rd_kafka_resp_err_t *why)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka->rk, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    int32_t count = -1;
    *why = rd_kafka_metadata(kafka->rk, 0, handle, &metadata, patience(kafka));
    if (*why == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const struct rd_kafka_metadata_topic *found =
            metadata->topic_cnt > 0 ? &metadata->topics[0] : NULL;
        *why = found == NULL ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : found->err;
        count =
            found != NULL && found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? found->partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return count;
}

bool cw_kafka_partitions(struct cw_kafka *kafka, const char *topic, bool wait_for_topic,
                         int32_t *count, char *error, size_t error_len)
{
    unsigned looks = 0;
    for (;;) {
        rd_kafka_resp_err_t why;
        *count = ask_partitions(kafka, topic, &why);
        cw_kafka_serve(kafka, 0);
        if (*count > 0)
            return true;
        if (stopped(kafka, topic, error, error_len))
            return false;
        if (*count < 0) {
            cw_kafka_serve(kafka, UNREACHED_MS);
            continue;
        }
        if (why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            snprintf(error, error_len,
                     "topic %s: %s does not let us see it: it needs the right to read", topic,
                     kafka->peer->brokers);
            return false;
        }
        if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !wait_for_topic) {
            snprintf(error, error_len, "topic %s: %s has no topic of that name", topic,
                     kafka->peer->brokers);
            return false;
        }
        if (why == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            snprintf(error, error_len, "topic %s: %s takes no topic of that name", topic,
                     kafka->peer->brokers);
            return false;
        }
        /* Not at the first look: one that was made a moment ago shows a moment later. */
        if (looks++ == 1)
            cw_warn("kafka: topic %s is not to be had from %s (%s): waiting for it", topic,
                    kafka->peer->brokers, rd_kafka_err2str(why));
        cw_kafka_serve(kafka, TOPIC_RETRY_MS);
    }
}

bool cw_kafka_watermarks(struct cw_kafka *kafka, const char *topic, int32_t partition, int64_t *low,
                         int64_t *high, char *error, size_t error_len)
{
    bool told = false;
    for (;;) {
        rd_kafka_resp_err_t why = rd_kafka_query_watermark_offsets(kafka->rk, topic, partition, low,
                                                                   high, patience(kafka));
        cw_kafka_serve(kafka, 0);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        if (stopped(kafka, topic, error, error_len))
            return false;
        if (why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            snprintf(error, error_len,
                     "topic %s: %s does not let us read it: it needs the right to", topic,
                     kafka->peer->brokers);
            return false;
        }
        bool away = why == RD_KAFKA_RESP_ERR__TIMED_OUT || why == RD_KAFKA_RESP_ERR__TRANSPORT;
        if (!told && !away) /* else the peer has told */
            cw_warn("kafka: partition %d of topic %s is not to be had from %s (%s): waiting for it",
                    partition, topic, kafka->peer->brokers, rd_kafka_err2str(why));
        told = told || !away;
        cw_kafka_serve(kafka, away ? UNREACHED_MS : TOPIC_RETRY_MS);
    }
}

bool cw_kafka_topic_name(const char *topic)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(topic);
    return len > 0 && len <= 249 && strspn(topic, allowed) == len && strcmp(topic, ".") != 0 &&
           strcmp(topic, "..") != 0;
}

/*
 * source.h - where foreign records come from: one file, one stream, or one partition of a topic.
 *
 * A source gives its records in order, each under an offset that is the same whenever it is read
 * again: container files count data (and damaged parts) from 0, JSON lines and standard input count
 * lines from 0, Kafka has its own. So the log's last offset of a source says where to go on.
 */
#ifndef CW_INGEST_SOURCE_H
#define CW_INGEST_SOURCE_H

#include "ingest/contract.h"
#include "ingest/wire/reason.h"

enum cw_pull {
    CW_PULL_BODY,   /* a decoded datum of the canonical schema */
    CW_PULL_REJECT, /* bytes that are none: a dead letter */
    CW_PULL_WAIT,   /* nothing now (live sources, and finite topics while the broker is away) */
    CW_PULL_END,    /* finite: there will be no more */
    CW_PULL_FAILED  /* cannot go on at all: reason says why (a file that cannot be read) */
};

struct cw_record {
    int64_t offset;
    int64_t arrival; /* Kafka: the broker's timestamp, microseconds; else 0 */
    cw_str body;     /* CW_PULL_BODY */
    cw_str bytes;    /* as they came, for the dead letter; both live until the next pull */
    struct cw_reason reason;
};

struct cw_source_ops {
    enum cw_pull (*pull)(void *self, struct cw_record *out);
    /** The next pull gives the first record whose offset is above `offset`. Before any pull. */
    void (*skip)(void *self, int64_t offset);
    void (*close)(void *self);
};

struct cw_source {
    const struct cw_source_ops *ops;
    void *self;
    char *name;                   /* in the log: the path as given, "-", or topic/partition */
    char *contract_name;          /* for ties of order */
    uint32_t partition;           /* of a topic; else 0 */
    bool live;                    /* never ends by itself */
    struct cw_contract *contract; /* borrowed */
};

struct cw_sources; /* a set of opened sources and their contracts */

/**
 * Opens what --source SPEC names: PATH (a container file, JSON lines, told apart by their first
 * bytes; a directory: each file in it), "-", kafka://HOST:PORT/TOPIC; each with
 * [,contract=FILE|DIR][,end=offsets]. A directory D/events whose sibling D/contracts is there is
 * read under it if no contract is named. False: a sentence went to stderr.
 */
struct cw_sources *cw_sources_new(void) CW_MUST_USE;
bool cw_sources_add(struct cw_sources *sources, const char *spec) CW_MUST_USE CW_NONNULL(1, 2);
/** Sorted by (contract name, name, partition). */
struct cw_source *cw_sources_all(struct cw_sources *sources, size_t *count) CW_NONNULL(1, 2);
void cw_sources_free(struct cw_sources *sources);

/* One opener a kind; each appends to the set. A file's bytes come from `path`, "-" is stdin. */
bool cw_source_open_file(struct cw_sources *sources, const char *path,
                         struct cw_contract *contract);
bool cw_source_open_kafka(struct cw_sources *sources, const char *brokers, const char *topic,
                          bool to_end_offsets, struct cw_contract *contract);
/** Takes over name, self and the rest of `source`. */
void cw_sources_append(struct cw_sources *sources, const struct cw_source *source);

/*
 * Decoding of one record for any source: plans by writer schema, JSON, the Confluent header
 * (0, 4 bytes of schema id, body) with ids from contract->schemas_dir/ID.avsc, and Avro's
 * single-object header (0xC3, 1, the schema's fingerprint), whose schema is the contract's own or
 * stands in that directory as FINGERPRINT.avsc, in 16 hex digits. Owned by a source.
 */
struct cw_decoder;
struct cw_decoder *cw_decoder_new(const struct cw_contract *contract) CW_MUST_USE;
void cw_decoder_free(struct cw_decoder *decoder);
/** Sets the writer schema for plain data (a container's, or the contract's). */
bool cw_decoder_schema(struct cw_decoder *decoder, cw_str schema_json,
                       struct cw_reason *reason) CW_MUST_USE;
/** One datum from the front of bytes under the plain schema; body lives until the next call. */
bool cw_decoder_datum(struct cw_decoder *decoder, cw_str bytes, size_t *consumed, cw_str *body,
                      struct cw_reason *reason) CW_MUST_USE;
/** One JSON text. */
bool cw_decoder_json(struct cw_decoder *decoder, cw_str text, cw_str *body,
                     struct cw_reason *reason) CW_MUST_USE;
/** One message: Confluent header if there is one and the contract has schemas, single-object header
 *  likewise or if it names the contract's schema, JSON if it begins with '{', else plain under the
 * contract's schema; all bytes must be consumed. */
bool cw_decoder_message(struct cw_decoder *decoder, cw_str bytes, cw_str *body,
                        struct cw_reason *reason) CW_MUST_USE;

#endif

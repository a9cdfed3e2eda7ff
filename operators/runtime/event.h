/*
 * event.h - the canonical event: what every stage reads out of a frame's body.
 *
 * schemas/event.avsc is the envelope with its parties and objects; each schemas/types/X.avsc adds
 * one event type: its own record of fields, appended to the envelope as a nullable field under the
 * type's short name, in the order that the types' "number" gives. The whole is the canonical Avro
 * schema (cw_event_schema_json), and a body is one datum of it. This header is the same shape in C;
 * a test holds the two together. Adding a type needs no line of C.
 *
 * Reading is one pass over the body: strings point into it, arrays live in the arena, both as long
 * as these do. A body from the log has been checked by ingest; one that does not read is damage.
 */
#ifndef CW_RUNTIME_EVENT_H
#define CW_RUNTIME_EVENT_H

#include <stdint.h>

#include "operators/runtime/arena.h"
#include "operators/runtime/attr.h"
#include "operators/runtime/buf.h"
#include "operators/runtime/id.h"
#include "operators/runtime/str.h"

enum { CW_TYPES_MAX = 64, CW_TYPE_FIELDS_MAX = 32, CW_TYPE_COUNTRIES_MAX = 16 };

/* What a field of a type may be. Absent is allowed where nullable. */
enum cw_field_type {
    CW_FIELD_STRING,
    CW_FIELD_LONG,
    CW_FIELD_BOOLEAN,
    CW_FIELD_DOUBLE,
    CW_FIELD_STRINGS
};

struct cw_field {
    const char *name;
    enum cw_field_type type;
    bool nullable;
    bool is_time; /* a long with logicalType timestamp-micros */
    bool has_default;
    int64_t default_long; /* the default, also of a boolean; a string's is always "" or null */
};

struct cw_type {
    uint16_t number;        /* place in the canonical schema, from 1 */
    const char *name;       /* online_ad: event_type of the event, category of a rule */
    const char *short_name; /* ad: the field of the canonical record, the prefix of rule paths */
    bool standing;          /* holds over an interval, moves no watermark */
    int64_t retention;      /* a missing retain_until: recorded_at + this */
    int64_t retention_max;  /* which no retain_until may exceed */
    size_t field_count;
    struct cw_field fields[CW_TYPE_FIELDS_MAX];
    /* countries(event): rule paths, in order. A text is a country; of an identifier its issuer, of
       an IBAN its first two letters. */
    size_t country_count;
    const char *countries[CW_TYPE_COUNTRIES_MAX];
};

/** All types by number, [0] unused. Parsed from the embedded schemas at the first call. */
const struct cw_type *cw_type_by_number(uint16_t number); /* NULL: there is none */
const struct cw_type *cw_type_by_name(cw_str name);       /* NULL: there is none */
const struct cw_type *cw_type_by_short_name(cw_str name); /* NULL: there is none */
uint16_t cw_type_count(void);                             /* numbers run from 1 to this */
/** The canonical Avro schema as JSON text. */
const char *cw_event_schema_json(void);
/** Index of a field of the type by name, or -1. */
int cw_type_field(const struct cw_type *type, cw_str name);

struct cw_value {
    bool present;
    union {
        cw_str text;
        int64_t number; /* long, boolean, time */
        double real;
        struct {
            cw_str *items;
            size_t count;
        } list;
    };
};

struct cw_identifier {
    cw_str kind;   /* passport, phone …: an open list */
    cw_str issuer; /* absent for a kind without one */
    cw_str value;  /* canonical where valid, as sent where not */
    cw_str stated; /* as the agency wrote it, where that differs; else absent */
    cw_str fault;  /* why it is no key: a reason code; absent where valid */
};

struct cw_name {
    cw_str full;
    cw_str kind;   /* primary, alias, maiden … */
    cw_str script; /* ISO 15924, or absent */
    cw_str folded; /* as records compare it: ingest writes it */
};

/* A party (person or organisation) or an object; parts are numbered parties first, then objects. */
struct cw_part {
    cw_str role;
    cw_str kind; /* party: person | organisation; object: its type (account, vehicle …) */
    struct cw_identifier *ids;
    size_t id_count;
    /* of parties only */
    struct cw_name *names;
    size_t name_count;
    cw_str *birth_dates; /* ISO, partial: 1980, 1980-01, 1980-01-31 */
    size_t birth_date_count;
    cw_str sex;
    cw_str *nationalities;
    size_t nationality_count;
    cw_str *addresses;
    size_t address_count;
};

struct cw_place {
    bool present;
    cw_str name; /* optional, as all here */
    struct cw_value lat;
    struct cw_value lon;
    cw_str precision;
};

struct cw_handling {
    bool present;
    cw_str *codes;
    size_t code_count;
    cw_str text;
    cw_str tlp;
    cw_str pap;
    cw_str sharing_group;
    cw_str *audience;
    size_t audience_count;
};

struct cw_grading {
    bool present;
    cw_str scheme;
    cw_str source;
    cw_str info;
};

/* In schema order. Strings that may be absent have ptr NULL. */
struct cw_event {
    cw_str owner;
    cw_str event_id;
    int64_t version;
    cw_str op; /* create | amend | withdraw */
    cw_str event_type;
    int64_t event_time;    /* UTC */
    int32_t tz_offset;     /* minutes east of UTC */
    cw_str time_precision; /* year month day minute second microsecond */
    int64_t recorded_at;
    struct cw_value retain_until;
    cw_str country;
    struct cw_place place;
    cw_str *crime_areas;
    size_t crime_area_count;
    cw_str *purposes;
    size_t purpose_count;
    struct cw_handling handling;
    struct cw_grading grading;
    cw_str language;
    cw_str evidence_status;
    cw_str source_ref;
    int64_t schema_version;
    cw_str payload_hash;
    struct cw_part *parties;
    size_t party_count;
    struct cw_part *objects;
    size_t object_count;
    /* the type's own fields, by index; NULL where the event brings none (a withdrawal) */
    const struct cw_type *type; /* of event_type; NULL if that is no type */
    const struct cw_type *detail_type;
    struct cw_value *detail;
};

/** All defaults of the schema, nothing else. */
void cw_event_defaults(struct cw_event *event) CW_NONNULL(1);
/** False: the bytes are not a canonical body (and nothing in `out` may be used). */
bool cw_event_read(struct cw_event *out, const void *body, size_t len,
                   struct cw_arena *arena) CW_MUST_USE CW_NONNULL(1, 2, 4);
/** Appends the event as one datum of the canonical schema. */
void cw_event_write(const struct cw_event *event, struct cw_buf *out) CW_NONNULL(1, 2);
/** SEMANTICS section 1: every field that differs from its default, by path, in schema order. */
struct cw_id cw_event_content(const struct cw_event *event, const struct cw_secret *secret)
    CW_NONNULL(1, 2);

/** time_lo and time_hi - time_lo: the event time cut to its precision in its offset. False: the
 *  precision is not one, or the result leaves the range of time. */
bool cw_event_span(const struct cw_event *event, int64_t *time_lo, int64_t *span) CW_MUST_USE;

static inline size_t cw_event_part_count(const struct cw_event *event)
{
    return event->party_count + event->object_count;
}
static inline const struct cw_part *cw_event_part(const struct cw_event *event, size_t part)
{
    return part < event->party_count ? &event->parties[part]
                                     : &event->objects[part - event->party_count];
}

/** The event as one JSON object: all fields that differ from their defaults, with folded names,
 *  valid and invalid identifiers. Used by `crosswatch frames`. */
struct cw_json;
void cw_event_json(const struct cw_event *event, struct cw_json *json) CW_NONNULL(1, 2);

#endif

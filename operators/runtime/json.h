/*
 * json.h - writing JSON into a buf. Commas are the writer's business; the caller opens, keys, and
 * closes. Text must be UTF-8 (ingest has checked it); control characters are escaped. Reading JSON
 * is jansson's.
 */
#ifndef CW_RUNTIME_JSON_H
#define CW_RUNTIME_JSON_H

#include <stdint.h>

#include "operators/runtime/buf.h"
#include "operators/runtime/id.h"

struct cw_json {
    struct cw_buf *buf;
    bool comma; /* a value stands before the next one at this level */
};

struct cw_json cw_json(struct cw_buf *buf) CW_NONNULL(1);
void cw_json_open(struct cw_json *json, char bracket) CW_NONNULL(1);  /* '{' or '[' */
void cw_json_close(struct cw_json *json, char bracket) CW_NONNULL(1); /* '}' or ']' */
void cw_json_key(struct cw_json *json, const char *key) CW_NONNULL(1, 2);
void cw_json_str(struct cw_json *json, cw_str text) CW_NONNULL(1);
void cw_json_int(struct cw_json *json, int64_t value) CW_NONNULL(1);
void cw_json_bool(struct cw_json *json, bool value) CW_NONNULL(1);
void cw_json_null(struct cw_json *json) CW_NONNULL(1);
void cw_json_double(struct cw_json *json, double value)
    CW_NONNULL(1); /* %.17g; not a number: null */
void cw_json_id(struct cw_json *json, struct cw_id id) CW_NONNULL(1); /* 32 hex digits */
/** Microseconds UTC as "2020-01-01T00:00:00Z", with a fraction only where there is one. */
void cw_json_time(struct cw_json *json, int64_t micros) CW_NONNULL(1);

/* key and value in one */
void cw_json_kstr(struct cw_json *json, const char *key, cw_str text);
void cw_json_kcstr(struct cw_json *json, const char *key, const char *text);
void cw_json_kint(struct cw_json *json, const char *key, int64_t value);
void cw_json_kbool(struct cw_json *json, const char *key, bool value);
void cw_json_kid(struct cw_json *json, const char *key, struct cw_id id);
void cw_json_ktime(struct cw_json *json, const char *key, int64_t micros);

#endif

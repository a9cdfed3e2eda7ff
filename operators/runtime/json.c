#include "operators/runtime/json.h"

#include <inttypes.h>
#include <math.h>

#include "operators/runtime/time.h"

struct cw_json cw_json(struct cw_buf *buf)
{
    return (struct cw_json){ buf, false };
}

static void before_value(struct cw_json *json)
{
    if (json->comma)
        cw_buf_u8(json->buf, ',');
    json->comma = true;
}

void cw_json_open(struct cw_json *json, char bracket)
{
    before_value(json);
    cw_buf_u8(json->buf, (uint8_t)bracket);
    json->comma = false;
}

void cw_json_close(struct cw_json *json, char bracket)
{
    cw_buf_u8(json->buf, (uint8_t)bracket);
    json->comma = true;
}

static void put_text(struct cw_buf *buf, cw_str text)
{
    cw_buf_u8(buf, '"');
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        cw_buf_put(buf, text.ptr + from, i - from);
        from = i + 1;
        switch (c) {
        case '"':
            cw_buf_cstr(buf, "\\\"");
            break;
        case '\\':
            cw_buf_cstr(buf, "\\\\");
            break;
        case '\n':
            cw_buf_cstr(buf, "\\n");
            break;
        default:
            cw_buf_printf(buf, "\\u%04x", c);
        }
    }
    if (from < text.len)
        cw_buf_put(buf, text.ptr + from, text.len - from);
    cw_buf_u8(buf, '"');
}

void cw_json_key(struct cw_json *json, const char *key)
{
    before_value(json);
    put_text(json->buf, cw_cstr(key));
    cw_buf_u8(json->buf, ':');
    json->comma = false;
}

void cw_json_str(struct cw_json *json, cw_str text)
{
    before_value(json);
    put_text(json->buf, text);
}

void cw_json_int(struct cw_json *json, int64_t value)
{
    before_value(json);
    cw_buf_printf(json->buf, "%" PRId64, value);
}

void cw_json_bool(struct cw_json *json, bool value)
{
    before_value(json);
    cw_buf_cstr(json->buf, value ? "true" : "false");
}

void cw_json_null(struct cw_json *json)
{
    before_value(json);
    cw_buf_cstr(json->buf, "null");
}

void cw_json_double(struct cw_json *json, double value)
{
    if (!isfinite(value)) {
        cw_json_null(json);
        return;
    }
    before_value(json);
    cw_buf_printf(json->buf, "%.17g", value);
}

void cw_json_id(struct cw_json *json, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    cw_json_str(json, cw_cstr(hex));
}

void cw_json_time(struct cw_json *json, int64_t micros)
{
    char text[CW_TIME_TEXT];
    cw_time_format(micros, text);
    cw_json_str(json, cw_cstr(text));
}

void cw_json_kstr(struct cw_json *json, const char *key, cw_str text)
{
    cw_json_key(json, key);
    cw_json_str(json, text);
}

void cw_json_kcstr(struct cw_json *json, const char *key, const char *text)
{
    cw_json_kstr(json, key, cw_cstr(text));
}

void cw_json_kint(struct cw_json *json, const char *key, int64_t value)
{
    cw_json_key(json, key);
    cw_json_int(json, value);
}

void cw_json_kbool(struct cw_json *json, const char *key, bool value)
{
    cw_json_key(json, key);
    cw_json_bool(json, value);
}

void cw_json_kid(struct cw_json *json, const char *key, struct cw_id id)
{
    cw_json_key(json, key);
    cw_json_id(json, id);
}

void cw_json_ktime(struct cw_json *json, const char *key, int64_t micros)
{
    cw_json_key(json, key);
    cw_json_time(json, micros);
}

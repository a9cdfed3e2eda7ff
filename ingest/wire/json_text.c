#include "ingest/wire/schema_node.h"

/*
 * jansson spends up to 250 bytes on two that a stranger writes ("{}"), and recurses. So brackets
 * are counted first, by a scan that knows no more of JSON than where strings end.
 */
static bool within_limits(cw_str text, const char *code, struct cw_reason *reason)
{
    size_t brackets = 0;
    size_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"') {
            for (i++; i < text.len && text.ptr[i] != '"'; i++)
                i += text.ptr[i] == '\\';
        } else if (c == '{' || c == '[') {
            depth++;
            if (++brackets > CW_JSON_BRACKETS_MAX)
                return cw_reject(reason, code, "",
                                 "JSON with more than %d objects and arrays is not read",
                                 CW_JSON_BRACKETS_MAX);
            if (depth > CW_JSON_DEPTH_MAX)
                return cw_reject(reason, code, "", "JSON nested deeper than %d is not read",
                                 CW_JSON_DEPTH_MAX);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* jansson's own text quotes the input, which may name people. */
static const char *what_is_wrong(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something stands behind its end";
    case json_error_invalid_utf8:
        return "it is not UTF-8";
    case json_error_duplicate_key:
        return "an object has a key twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_null_byte_in_key:
        return "a key holds a NUL";
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_stack_overflow:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_character:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "a syntax error";
}

json_t *cw_json_load(cw_str text, const char *code, struct cw_reason *reason)
{
    if (!within_limits(text, code, reason))
        return NULL;
    json_error_t error = { 0 };
    json_t *json = json_loadb(text.len != 0 ? text.ptr : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (json == NULL)
        (void)cw_reject(reason, code, "", "this is not JSON: %s, at byte %d (line %d)",
                        what_is_wrong(&error), error.position, error.line);
    return json;
}

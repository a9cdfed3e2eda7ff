/*
 * crosswatch alerts: what a dashboard reads, on a terminal. All of it comes from Redis by the
 * contract of sinks/README.md and by nothing else. Titles, keys and owners come from strangers:
 * nothing that a terminal could take for a command is printed as it is (but by export, whose lines
 * are JSON and escape it themselves).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "operators/runtime/id.h"
#include "operators/runtime/json.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/stage.h"
#include "ops/command.h"
#include "ops/questions.h"
#include "sinks/redis_client.h"
#include "sinks/redis_layout.h"

extern const struct cw_command cw_cmd_alerts;

enum {
    TITLE_WIDTH = 44,
    KEY_WIDTH = 36,
    PIPELINE = 500,
    TRIES = 5,
    TAIL_BLOCK_MS = 500,
    TAIL_WAIT_MS = 500
};

struct alerts {
    struct cw_redis redis;
    char prefix[CW_REDIS_PREFIX];
    const char *audience;
    char generation[24]; /* that readers read now */
    uint64_t limit;
    bool canonical;
    cw_str id; /* of show */
};

/* --- text for terminals --- */

/* The text with controls (C0, DEL and C1, which is 0xc2 0x80 .. 0x9f) as '?'; at most `width`
 * characters, the last a dot where more would come, padded if `pad`. Width 0: all of it. */
static void print_text(cw_str text, size_t width, bool pad)
{
    size_t shown = 0;
    for (size_t i = 0; i < text.len; shown++) {
        unsigned char c = (unsigned char)text.ptr[i];
        size_t len = 1;
        while (i + len < text.len && ((unsigned char)text.ptr[i + len] & 0xc0) == 0x80)
            len++;
        if (width != 0 && shown + 1 == width && i + len < text.len) {
            putchar('.');
            shown++;
            break;
        }
        bool control = c < 0x20 || c == 0x7f ||
                       (c == 0xc2 && len == 2 && (unsigned char)text.ptr[i + 1] < 0xa0);
        if (control)
            putchar('?');
        else
            (void)fwrite(text.ptr + i, 1, len, stdout);
        i += len;
    }
    for (; pad && shown < width; shown++)
        putchar(' ');
}

static void print_column(cw_str text, size_t width)
{
    print_text(text, width, true);
    fputs("  ", stdout);
}

static int failed(const struct alerts *alerts)
{
    cw_error("%s", alerts->redis.error);
    return CW_EXIT_FAILED;
}

static int finished(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CW_EXIT_OK;
    cw_error("standard output could not be written");
    return CW_EXIT_FAILED;
}

/* --- asking --- */

static void begin(struct alerts *alerts, const char *command, const char *key, cw_str rest)
{
    cw_redis_begin(&alerts->redis, command);
    cw_redis_argf(&alerts->redis, "%s%s%.*s", alerts->prefix, key, CW_STR_ARG(rest));
}

/* The same for a key of the generation. */
static void begin_of(struct alerts *alerts, const char *command, const char *name, cw_str rest)
{
    cw_redis_begin(&alerts->redis, command);
    cw_redis_argf(&alerts->redis, "%s%s:%s%.*s", alerts->prefix, alerts->generation, name,
                  CW_STR_ARG(rest));
}

static void arg(struct alerts *alerts, const char *text)
{
    cw_redis_arg(&alerts->redis, cw_cstr(text));
}

/* Which generation readers read. Not OK: a sentence went to stderr. */
static int find_generation(struct alerts *alerts)
{
    redisReply *meta = NULL;
    begin(alerts, "HMGET", "meta", cw_cstr(""));
    arg(alerts, "contract");
    arg(alerts, "generation");
    if (cw_redis_ask(&alerts->redis, &meta) != CW_REDIS_OK)
        return failed(alerts);
    cw_str contract = cw_redis_text(cw_redis_at(meta, 0));
    cw_str generation = cw_redis_text(cw_redis_at(meta, 1));
    int status = CW_EXIT_FAILED;
    if (contract.ptr == NULL || generation.ptr == NULL)
        cw_error("%s holds no alerts for the audience %s: no sink has written them, or it is being "
                 "filled and not ready yet",
                 alerts->redis.url.shown, alerts->audience);
    else if (cw_redis_number(contract) != CW_REDIS_CONTRACT)
        cw_error("%s is laid out by contract %.*s, and this program reads contract %d",
                 alerts->redis.url.shown, CW_STR_ARG(contract), CW_REDIS_CONTRACT);
    else
        status = CW_EXIT_OK;
    snprintf(alerts->generation, sizeof(alerts->generation), "%.*s", CW_STR_ARG(generation));
    freeReplyObject(meta);
    return status;
}

/* Whether the generation that was read from is still that of the readers. */
static bool still_read(struct alerts *alerts)
{
    redisReply *now = NULL;
    begin(alerts, "HGET", "meta", cw_cstr(""));
    arg(alerts, "generation");
    bool same = cw_redis_ask(&alerts->redis, &now) == CW_REDIS_OK &&
                cw_str_is(cw_redis_text(now), alerts->generation);
    freeReplyObject(now);
    return same;
}

static const char *const row_fields[] = { "level", "last", "title", "key" };
enum { ROW_LEVEL, ROW_LAST, ROW_TITLE, ROW_KEY, ROW_FIELDS };

static void ask_row(struct alerts *alerts, cw_str id)
{
    begin_of(alerts, "HMGET", "alert:", id);
    for (size_t i = 0; i < ROW_FIELDS; i++)
        arg(alerts, row_fields[i]);
    cw_redis_end(&alerts->redis);
}

static void print_row(const redisReply *row, cw_str id)
{
    print_column(cw_redis_text(cw_redis_at(row, ROW_LEVEL)), 13);
    print_column(cw_redis_text(cw_redis_at(row, ROW_LAST)), 20);
    print_column(cw_redis_text(cw_redis_at(row, ROW_TITLE)), TITLE_WIDTH);
    print_column(cw_redis_text(cw_redis_at(row, ROW_KEY)), KEY_WIDTH);
    print_text(id, 0, false);
}

/* --- list --- */

/* Asks for the most urgent and their rows. *rows are in the order of *ids. */
static bool ask_list(struct alerts *alerts, redisReply **ids, redisReply ***rows)
{
    begin_of(alerts, "ZRANGE", "open", cw_cstr(""));
    arg(alerts, "0");
    cw_redis_argf(&alerts->redis, "%" PRIu64, alerts->limit - 1);
    arg(alerts, "REV");
    if (cw_redis_ask(&alerts->redis, ids) != CW_REDIS_OK)
        return false;
    const size_t count = (*ids)->elements;
    *rows = cw_alloc((count + 1) * sizeof(**rows));
    memset(*rows, 0, (count + 1) * sizeof(**rows));
    for (size_t from = 0; from < count; from += PIPELINE) {
        size_t to = from + PIPELINE < count ? from + PIPELINE : count;
        for (size_t i = from; i < to; i++)
            ask_row(alerts, cw_redis_text((*ids)->element[i]));
        for (size_t i = from; i < to; i++) {
            if (cw_redis_reply(&alerts->redis, &(*rows)[i]) != CW_REDIS_OK)
                return false;
        }
    }
    return true;
}

static void free_list(redisReply *ids, redisReply **rows)
{
    for (size_t i = 0; rows != NULL && i < ids->elements; i++)
        freeReplyObject(rows[i]);
    free(rows);
    freeReplyObject(ids);
}

static int list(struct alerts *alerts)
{
    redisReply *ids = NULL;
    redisReply **rows = NULL;
    for (int i = 0; i < TRIES; i++) {
        free_list(ids, rows);
        ids = NULL;
        rows = NULL;
        int status = find_generation(alerts);
        if (status != CW_EXIT_OK)
            return status;
        if (!ask_list(alerts, &ids, &rows)) {
            free_list(ids, rows);
            return failed(alerts);
        }
        if (still_read(alerts))
            break;
    }
    for (size_t i = 0; i < ids->elements; i++) {
        if (cw_redis_text(cw_redis_at(rows[i], ROW_LEVEL)).ptr == NULL)
            continue; /* just gone */
        print_row(rows[i], cw_redis_text(ids->element[i]));
        putchar('\n');
    }
    free_list(ids, rows);
    return finished();
}

/* --- show --- */

static cw_str json_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? (cw_str){ json_string_value(value), json_string_length(value) }
                                 : (cw_str){ NULL, 0 };
}

static void print_label(const char *label)
{
    printf("  %-11s", label);
}

static void print_line(const char *label, cw_str text)
{
    print_label(label);
    print_text(text, 0, false);
    putchar('\n');
}

static void print_list(const char *label, const json_t *list)
{
    print_label(label);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        fputs(i != 0 ? ", " : "", stdout);
        if (json_is_integer(item))
            printf("%" JSON_INTEGER_FORMAT, json_integer_value(item));
        else
            print_text((cw_str){ json_string_value(item), json_string_length(item) }, 0, false);
    }
    putchar('\n');
}

static void print_evidence(const json_t *alert)
{
    const json_t *evidence = json_object_get(alert, "evidence");
    print_label("evidence");
    printf("%" JSON_INTEGER_FORMAT " events, %zu shown\n",
           json_integer_value(json_object_get(alert, "evidence_count")), json_array_size(evidence));
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *event = json_array_get(evidence, i);
        fputs("    ", stdout);
        print_column(json_text(event, "time"), 20);
        print_column(json_text(event, "type"), 16);
        print_column(json_text(event, "role"), 12);
        print_text(json_text(event, "owner"), 0, false);
        putchar('/');
        print_text(json_text(event, "event_id"), 0, false);
        putchar('\n');
    }
}

static void print_why(const json_t *alert)
{
    const json_t *why = json_object_get(alert, "why");
    puts("  why");
    for (size_t i = 0; i < json_array_size(why); i++) {
        const json_t *sentence = json_array_get(why, i);
        fputs("    - ", stdout);
        print_text((cw_str){ json_string_value(sentence), json_string_length(sentence) }, 0, false);
        putchar('\n');
    }
}

/* What the alert may be used for and until when, where it says so; and which limb of the Palermo
 * Convention holds. */
static void print_limits(const json_t *alert)
{
    const json_t *border = json_object_get(alert, "cross_border");
    const json_t *restriction = json_object_get(alert, "restriction");
    if (json_is_object(border)) {
        print_line("limb", json_text(border, "limb"));
        print_list("countries", json_object_get(border, "countries"));
    }
    if (json_is_string(json_object_get(alert, "expires")))
        print_line("expires", json_text(alert, "expires"));
    static const char *const texts[] = { "tlp", "pap" };
    for (size_t i = 0; i < 2; i++) {
        if (json_is_string(json_object_get(restriction, texts[i])))
            print_line(texts[i], json_text(restriction, texts[i]));
    }
    static const char *const lists[] = { "codes", "purposes", "audience", "sharing_groups",
                                         "texts" };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (json_is_array(json_object_get(restriction, lists[i])))
            print_list(lists[i], json_object_get(restriction, lists[i]));
    }
}

static void print_alert(const json_t *alert, const redisReply *hash)
{
    print_text(json_text(alert, "title"), 0, false);
    fputs("  [", stdout);
    print_text(json_text(alert, "level"), 0, false);
    puts("]");
    print_line("id", json_text(alert, "id"));
    print_line("rule", json_text(alert, "rule"));
    print_line("case", json_text(alert, "case"));
    print_list("key", json_object_get(alert, "key"));
    print_line("match", json_text(alert, "match"));
    print_line("first", json_text(alert, "first"));
    print_line("last", json_text(alert, "last"));
    print_list("value", json_object_get(alert, "value"));
    print_label("cell");
    printf("%" JSON_INTEGER_FORMAT "%s\n", json_integer_value(json_object_get(alert, "cell")),
           json_is_true(json_object_get(alert, "continues")) ? ", continues the one before" : "");
    print_line("complete", json_text(alert, "completeness"));
    print_limits(alert);
    print_line("revision", cw_redis_field(hash, "revision"));
    print_line("since tick", cw_redis_field(hash, "detected_tick"));
    print_evidence(alert);
    print_why(alert);
}

static int show(struct alerts *alerts)
{
    redisReply *hash = NULL;
    struct cw_id id;
    if (!cw_id_parse(alerts->id, &id)) {
        cw_error("expected the id of an alert, 32 hex digits, as alerts list prints it");
        return CW_EXIT_USAGE;
    }
    for (int i = 0; i < TRIES; i++) {
        freeReplyObject(hash);
        hash = NULL;
        int found = find_generation(alerts);
        if (found != CW_EXIT_OK)
            return found;
        begin_of(alerts, "HGETALL", "alert:", alerts->id);
        if (cw_redis_ask(&alerts->redis, &hash) != CW_REDIS_OK)
            return failed(alerts);
        if (still_read(alerts))
            break;
    }
    cw_str text = cw_redis_field(hash, "json");
    json_t *alert = text.ptr != NULL ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
    int status = CW_EXIT_FAILED;
    if (text.ptr == NULL) {
        cw_error("%s holds no alert %.*s: it never was, or what it rested on is gone",
                 alerts->redis.url.shown, CW_STR_ARG(alerts->id));
    } else if (alert == NULL) {
        cw_error("%s: the alert's field json is not JSON", alerts->redis.url.shown);
    } else {
        print_alert(alert, hash);
        status = finished();
    }
    json_decref(alert);
    freeReplyObject(hash);
    return status;
}

/* --- tail --- */

/* The id of a feed's entry: TICK-ROW. */
struct feed_id {
    uint64_t tick;
    uint64_t row;
};

static bool read_feed_id(cw_str text, struct feed_id *out)
{
    const char *dash = text.len != 0 ? memchr(text.ptr, '-', text.len) : NULL;
    if (dash == NULL)
        return false;
    size_t len = (size_t)(dash - text.ptr);
    out->tick = cw_redis_number((cw_str){ text.ptr, len });
    out->row = cw_redis_number((cw_str){ dash + 1, text.len - len - 1 });
    return true;
}

static bool is_before(const struct feed_id *a, const struct feed_id *b)
{
    return a->tick != b->tick ? a->tick < b->tick : a->row < b->row;
}

static bool has_meta(struct alerts *alerts, enum cw_redis_status *status)
{
    redisReply *there = NULL;
    begin(alerts, "EXISTS", "meta", cw_cstr(""));
    *status = cw_redis_ask(&alerts->redis, &there);
    bool has = *status == CW_REDIS_OK && there->integer != 0;
    freeReplyObject(there);
    return has;
}

/* From the position on: what it reflects is not told. */
static int tail_from(struct alerts *alerts, struct feed_id *last)
{
    redisReply *meta = NULL;
    int status = find_generation(alerts);
    if (status != CW_EXIT_OK)
        return status;
    begin(alerts, "HMGET", "meta", cw_cstr(""));
    arg(alerts, "tick");
    arg(alerts, "row");
    if (cw_redis_ask(&alerts->redis, &meta) != CW_REDIS_OK)
        return failed(alerts);
    last->tick = cw_redis_number(cw_redis_text(cw_redis_at(meta, 0)));
    last->row = cw_redis_number(cw_redis_text(cw_redis_at(meta, 1)));
    freeReplyObject(meta);
    cw_info("following %s, audience %s, generation %s, behind feed entry %" PRIu64 "-%" PRIu64,
            alerts->redis.url.shown, alerts->audience, alerts->generation, last->tick, last->row);
    return CW_EXIT_OK;
}

static void print_entry(const redisReply *fields, const redisReply *row)
{
    cw_str next = cw_redis_field(fields, "next");
    print_column(cw_redis_field(fields, "op"), 4);
    print_row(row, cw_redis_field(fields, "id"));
    fputs("  rev ", stdout);
    print_text(cw_redis_field(fields, "rev"), 0, false);
    if (next.ptr != NULL) {
        fputs("  next ", stdout);
        print_text(next, 0, false);
    }
    putchar('\n');
}

/* Reads the rows of `set` in one MULTI with what says whether the feed can still be followed: so
 * what is printed was true at one moment. *begin: it cannot, begin again. */
static enum cw_redis_status tell_entries(struct alerts *alerts, const redisReply *entries,
                                         struct feed_id *last, bool *begin_again)
{
    struct cw_redis *redis = &alerts->redis;
    const size_t count = entries != NULL ? entries->elements : 0;
    cw_redis_append(redis, "MULTI", NULL);
    begin(alerts, "HMGET", "meta", cw_cstr(""));
    arg(alerts, "generation");
    arg(alerts, "feed_floor");
    cw_redis_end(redis);
    for (size_t i = 0; i < count; i++)
        ask_row(alerts, cw_redis_field(cw_redis_at(entries->element[i], 1), "id"));
    cw_redis_append(redis, "EXEC", NULL);
    enum cw_redis_status status = cw_redis_drop(redis, redis->pending - 1);
    redisReply *all = NULL;
    if (status == CW_REDIS_OK)
        status = cw_redis_reply(redis, &all);
    if (status != CW_REDIS_OK)
        return status;
    const redisReply *meta = cw_redis_at(all, 0);
    struct feed_id floor;
    *begin_again =
        !cw_str_is(cw_redis_text(cw_redis_at(meta, 0)), alerts->generation) ||
        (read_feed_id(cw_redis_text(cw_redis_at(meta, 1)), &floor) && is_before(last, &floor));
    for (size_t i = 0; i < count && !*begin_again; i++) {
        (void)read_feed_id(cw_redis_text(cw_redis_at(entries->element[i], 0)), last);
        print_entry(cw_redis_at(entries->element[i], 1), cw_redis_at(all, 1 + i));
    }
    freeReplyObject(all);
    return CW_REDIS_OK;
}

static enum cw_redis_status follow(struct alerts *alerts, struct feed_id *last, bool *begin_again)
{
    redisReply *streams = NULL;
    cw_redis_begin(&alerts->redis, "XREAD");
    arg(alerts, "BLOCK");
    cw_redis_argf(&alerts->redis, "%d", TAIL_BLOCK_MS);
    arg(alerts, "COUNT");
    cw_redis_argf(&alerts->redis, "%d", PIPELINE);
    arg(alerts, "STREAMS");
    cw_redis_argf(&alerts->redis, "%s%s:feed", alerts->prefix, alerts->generation);
    cw_redis_argf(&alerts->redis, "%" PRIu64 "-%" PRIu64, last->tick, last->row);
    enum cw_redis_status status = cw_redis_ask(&alerts->redis, &streams);
    if (status == CW_REDIS_OK)
        status = tell_entries(alerts, cw_redis_at(cw_redis_at(streams, 0), 1), last, begin_again);
    freeReplyObject(streams);
    return status;
}

/* A server that is away, or that is being filled, is waited for. */
static int tail_again(struct alerts *alerts)
{
    const struct timespec wait = { .tv_nsec = TAIL_WAIT_MS * 1000000L };
    cw_warn("%s. Trying again until it answers", alerts->redis.error);
    while (cw_stop == 0) {
        (void)nanosleep(&wait, NULL);
        enum cw_redis_status status = cw_redis_connect(&alerts->redis);
        if (status == CW_REDIS_REFUSED)
            return failed(alerts);
        if (status == CW_REDIS_OK) {
            cw_info("%s answers again", alerts->redis.url.shown);
            return CW_EXIT_OK;
        }
    }
    return CW_EXIT_OK;
}

static int tail(struct alerts *alerts)
{
    struct feed_id last;
    bool begin_again = false;
    int status = tail_from(alerts, &last);
    cw_catch_signals();
    while (status == CW_EXIT_OK && cw_stop == 0) {
        enum cw_redis_status answer = CW_REDIS_OK;
        if (begin_again) {
            if (!has_meta(alerts, &answer)) {
                if (answer == CW_REDIS_OK) {
                    const struct timespec wait = { .tv_nsec = TAIL_WAIT_MS * 1000000L };
                    (void)nanosleep(&wait, NULL); /* it is being filled */
                }
            } else {
                cw_info("what came in between is not told: see alerts list");
                status = tail_from(alerts, &last);
                begin_again = false;
            }
        } else {
            answer = follow(alerts, &last, &begin_again);
        }
        if (answer == CW_REDIS_REFUSED)
            return failed(alerts);
        if (answer != CW_REDIS_OK)
            status = tail_again(alerts);
        else if (status == CW_EXIT_OK)
            status = finished();
    }
    return status;
}

/* --- export --- */

struct lines {
    char **items;
    size_t count;
};

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
    *lines = (struct lines){ 0 };
}

static int order_of_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_lines(struct alerts *alerts, const redisReply *ids, struct lines *lines)
{
    lines->items = cw_alloc(ids->elements * sizeof(*lines->items));
    for (size_t from = 0; from < ids->elements; from += PIPELINE) {
        size_t to = from + PIPELINE < ids->elements ? from + PIPELINE : ids->elements;
        for (size_t i = from; i < to; i++) {
            begin_of(alerts, "HGET", "alert:", cw_redis_text(ids->element[i]));
            arg(alerts, "json");
            cw_redis_end(&alerts->redis);
        }
        for (size_t i = from; i < to; i++) {
            redisReply *line = NULL;
            if (cw_redis_reply(&alerts->redis, &line) != CW_REDIS_OK)
                return false;
            if (line->type == REDIS_REPLY_STRING)
                lines->items[lines->count++] = cw_strdup(line->str);
            freeReplyObject(line);
        }
    }
    return true;
}

/* Generation, tick and row as one text; *open: more of the tick is to come, or readers have another
 * generation by now. False: not readable. */
static bool read_position(struct alerts *alerts, char out[80], bool *open)
{
    redisReply *meta = NULL;
    begin(alerts, "HMGET", "meta", cw_cstr(""));
    arg(alerts, "tick");
    arg(alerts, "row");
    arg(alerts, "tick_open");
    arg(alerts, "generation");
    if (cw_redis_ask(&alerts->redis, &meta) != CW_REDIS_OK)
        return false;
    *open = cw_str_is(cw_redis_text(cw_redis_at(meta, 2)), "1") ||
            !cw_str_is(cw_redis_text(cw_redis_at(meta, 3)), alerts->generation);
    snprintf(out, 80, "%.*s: tick %.*s row %.*s", CW_STR_ARG(cw_redis_text(cw_redis_at(meta, 3))),
             CW_STR_ARG(cw_redis_text(cw_redis_at(meta, 0))),
             CW_STR_ARG(cw_redis_text(cw_redis_at(meta, 1))));
    freeReplyObject(meta);
    return true;
}

/* Rows are the view at the position only if that stands still, and no tick is half written. */
static bool read_view(struct alerts *alerts, struct lines *lines, bool *whole)
{
    char before[80];
    char after[80];
    bool open_before = false;
    bool open_after = false;
    redisReply *ids = NULL;
    if (!read_position(alerts, before, &open_before))
        return false;
    begin_of(alerts, "ZRANGE", "open", cw_cstr(""));
    arg(alerts, "0");
    arg(alerts, "-1");
    bool read = cw_redis_ask(&alerts->redis, &ids) == CW_REDIS_OK &&
                read_lines(alerts, ids, lines) && read_position(alerts, after, &open_after);
    *whole = read && !open_before && !open_after && strcmp(before, after) == 0;
    freeReplyObject(ids);
    return read;
}

static int export(struct alerts *alerts)
{
    if (!alerts->canonical) {
        cw_error("alerts export: expected --canonical, the one form there is");
        return CW_EXIT_USAGE;
    }
    struct lines lines = { 0 };
    bool whole = false;
    for (int i = 0; i < TRIES && !whole; i++) {
        free_lines(&lines);
        int status = find_generation(alerts);
        if (status != CW_EXIT_OK)
            return status;
        if (!read_view(alerts, &lines, &whole)) {
            free_lines(&lines);
            return failed(alerts);
        }
    }
    if (whole) {
        if (lines.count > 1)
            qsort(lines.items, lines.count, sizeof(*lines.items), order_of_lines);
        for (size_t i = 0; i < lines.count; i++)
            puts(lines.items[i]);
    } else {
        cw_error("%s: the chain wrote while the alerts were read, %d times: an export now would "
                 "mix two views. Ask again when it rests",
                 alerts->redis.url.shown, TRIES);
    }
    free_lines(&lines);
    return whole ? finished() : CW_EXIT_FAILED;
}

/* --- counters --- */

struct counter {
    cw_str name;
    int64_t value;
};

static int order_of_counters(const void *a, const void *b)
{
    return cw_str_cmp(((const struct counter *)a)->name, ((const struct counter *)b)->name);
}

static int counters(struct alerts *alerts)
{
    redisReply *hash = NULL;
    int status = find_generation(alerts);
    if (status != CW_EXIT_OK)
        return status;
    begin(alerts, "HGETALL", "counters", cw_cstr(""));
    if (cw_redis_ask(&alerts->redis, &hash) != CW_REDIS_OK)
        return failed(alerts);
    size_t count = hash->elements / 2;
    struct counter *sorted = cw_alloc(count * sizeof(*sorted));
    for (size_t i = 0; i < count; i++) {
        sorted[i].name = cw_redis_text(hash->element[2 * i]);
        sorted[i].value = strtoll(cw_redis_text(hash->element[2 * i + 1]).ptr, NULL, 10);
    }
    qsort(sorted, count, sizeof(*sorted), order_of_counters);
    struct cw_buf out = { 0 };
    struct cw_json json = cw_json(&out);
    cw_json_open(&json, '{');
    for (size_t i = 0; i < count; i++)
        cw_json_kint(&json, sorted[i].name.ptr, sorted[i].value);
    cw_json_close(&json, '}');
    printf("%.*s\n", (int)out.len, (const char *)out.data);
    cw_buf_done(&out);
    free(sorted);
    freeReplyObject(hash);
    return finished();
}

/* --- the command --- */

struct verb {
    const char *name;
    int (*run)(struct alerts *alerts);
    size_t words; /* behind the verb */
};

static const struct verb verbs[] = {
    { "list", list, 0 },     { "show", show, 1 },         { "tail", tail, 0 },
    { "export", export, 0 }, { "counters", counters, 0 },
};

static const struct verb *find_verb(const struct cw_text_list *rest)
{
    for (size_t i = 0; rest->count > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(rest->items[0], verbs[i].name) == 0 && rest->count == 1 + verbs[i].words)
            return &verbs[i];
    }
    cw_error("alerts: expected list, show ID, why ID, tail, export --canonical or counters");
    return NULL;
}

static int connect_and_run(struct alerts *alerts, const struct verb *verb, const char *url,
                           const char *deployment)
{
    char error[256];
    if (!cw_redis_prefix(deployment, alerts->audience, alerts->prefix)) {
        cw_error("expected 1 to 64 letters, digits, dots, dashes or underscores as --deployment, "
                 "and 1 to 32 small letters, digits or dashes as --audience");
        return CW_EXIT_USAGE;
    }
    if (!cw_redis_url_parse(url, &alerts->redis.url, error, sizeof(error))) {
        cw_error("--redis: %s", error);
        return CW_EXIT_USAGE;
    }
    int status =
        cw_redis_connect(&alerts->redis) == CW_REDIS_OK ? verb->run(alerts) : failed(alerts);
    cw_redis_close(&alerts->redis);
    return status;
}

/* Of `why`, which asks the log and no Redis. */
struct question {
    const char *log;
    const char *rules;
    bool json;
};

static int ask_why(const struct question *question, const struct cw_text_list *rest)
{
    if (rest->count == 2 && question->log != NULL && question->rules != NULL)
        return cw_alerts_why(rest->items[1], question->log, question->rules, question->json);
    cw_error("alerts: expected why ID --log DIR --rules DIR [--json]");
    return CW_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    struct alerts alerts = { .limit = 20, .audience = "all" };
    struct cw_text_list rest = { 0 };
    const char *url = NULL;
    const char *deployment = NULL;
    struct question question = { 0 };
    const struct cw_option options[] = {
        { "redis", CW_OPT_TEXT, &url, false,
          "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH" },
        { "deployment", CW_OPT_TEXT, &deployment, false, "D of the keys cw:{D}:… (crosswatch)" },
        { "audience", CW_OPT_TEXT, &alerts.audience, false,
          "whose copy to read (all: what everybody may see)" },
        { "limit", CW_OPT_COUNT, &alerts.limit, false,
          "list: how many, the most urgent first (20)" },
        { "canonical", CW_OPT_FLAG, &alerts.canonical, false,
          "export: content only, one JSON object a line, lines sorted" },
        { "log", CW_OPT_TEXT, &question.log, false, "why: directory of the log" },
        { "rules", CW_OPT_TEXT, &question.rules, false,
          "why: rule file, or directory of rule files" },
        { "json", CW_OPT_FLAG, &question.json, false, "why: one JSON object instead of text" },
        { 0 },
    };
    int status = cw_options_read(&cw_cmd_alerts, options, argc, argv, &rest);
    if (status >= 0)
        return status;
    cw_log_stage("alerts");
    if (rest.count > 0 && strcmp(rest.items[0], "why") == 0) {
        status = ask_why(&question, &rest);
        free(rest.items);
        return status;
    }
    const struct verb *verb = find_verb(&rest);
    if (verb != NULL && verb->words > 0)
        alerts.id = cw_cstr(rest.items[1]);
    if (verb != NULL && alerts.limit == 0) {
        cw_error("--limit: expected a number above 0, found 0");
        verb = NULL;
    }
    if (verb != NULL && url == NULL) {
        cw_error("alerts: expected --redis URL");
        verb = NULL;
    }
    status = verb != NULL ? connect_and_run(&alerts, verb, url, deployment) : CW_EXIT_USAGE;
    free(rest.items);
    return status;
}

const struct cw_command cw_cmd_alerts = {
    .name = "alerts",
    .usage = "list|show ID|tail|export --canonical|counters --redis URL [--audience NAME] "
             "[--deployment D] [--limit N] | why ID --log DIR --rules DIR [--json]",
    .summary = "the alerts in Redis, for people; why one stands, from the log",
    .run = run,
};

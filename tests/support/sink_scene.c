#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/sink_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operators/runtime/time.h"

/* --- the scene --- */

static void start_with(struct fixture *f, const char *const *args)
{
    cw_test_redis_start(&f->redis, args);
    f->eye = cw_test_redis_connect(&f->redis);
    f->log = cw_log_memory();
}

int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    start_with(*state, NULL);
    return 0;
}

int setup_on_disk(void **state)
{
    static const char *const args[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
    *state = calloc(1, sizeof(struct fixture));
    start_with(*state, args);
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    cw_redis_stage.free(f->sink);
    cw_log_close(f->log);
    if (f->eye != NULL)
        redisFree(f->eye);
    cw_test_redis_stop(&f->redis);
    cw_buf_done(&f->frames);
    free(f);
    return 0;
}

/* Watches the server of now: after a restart. */
void look_again(struct fixture *f)
{
    redisFree(f->eye);
    f->eye = cw_test_redis_connect(&f->redis);
}

int open_status(struct fixture *f, const struct cw_redis_settings *more)
{
    struct cw_redis_settings settings = more != NULL ? *more : (struct cw_redis_settings){ 0 };
    int status = -1;
    if (settings.url == NULL)
        settings.url = f->redis.url;
    cw_redis_stage.free(f->sink);
    f->sink = cw_redis_sink_new(&settings, f->log, &status);
    return status;
}

void open_sink(struct fixture *f)
{
    assert_int_equal(open_status(f, f->usual), CW_EXIT_OK);
}

void begin_tick(struct fixture *f)
{
    f->row = 0;
    f->tick++;
    cw_test_tick(&f->frames, f->tick);
    cw_test_append_tick(f->log, f->tick);
}

struct cw_row row_of(const char *alert, enum cw_level level, int64_t day, const char *title)
{
    return (struct cw_row){ .alert = cw_test_id(alert),
                            .case_id = cw_test_id("the case"),
                            .rule = cw_cstr("rule-1"),
                            .title = cw_cstr(title),
                            .question = cw_cstr("event_count gte 1 within 1d"),
                            .level = (uint8_t)level,
                            .match = CW_MATCH_RESOLVED,
                            .cell = 4,
                            .first = DAY(1),
                            .last = DAY(day),
                            .expires = CW_TIME_MAX };
}

void put_row(struct fixture *f, const struct cw_row *row)
{
    cw_id_hex(row->alert, f->alert);
    cw_test_row(&f->frames, f->tick, ++f->row, row);
}

void set(struct fixture *f, const char *alert, enum cw_level level, int64_t day, const char *title)
{
    struct cw_row_key key = { 1, cw_test_id("somebody"), cw_cstr("somebody") };
    struct cw_row row = row_of(alert, level, day, title);
    row.keys = &key;
    row.key_count = 1;
    put_row(f, &row);
}

void set_for(struct fixture *f, const char *alert, const char *restriction)
{
    struct cw_row row = row_of(alert, CW_LEVEL_HIGH, 2, "a title");
    row.restriction = cw_cstr(restriction);
    put_row(f, &row);
}

void many(struct fixture *f, int from, int to, const char *title)
{
    for (int i = from; i < to; i++) {
        char name[24];
        snprintf(name, sizeof(name), "alert %d", i);
        set(f, name, CW_LEVEL_MEDIUM, i, title);
    }
}

const char *id_of(const char *alert)
{
    static char texts[8][CW_ID_HEX];
    static size_t next;
    char *text = texts[next++ % 8];
    cw_id_hex(cw_test_id(alert), text);
    return text;
}

void moved(struct fixture *f, const char *from, const char *to, enum cw_moved_reason reason)
{
    const struct cw_id record = cw_test_id("a record");
    const struct cw_moved move = { .reason = reason,
                                   .core_from = cw_test_id(from),
                                   .entity_from = cw_test_id(from),
                                   .core_to = cw_test_id(to),
                                   .entity_to = cw_test_id(to),
                                   .record_count = 1,
                                   .records = &record };
    cw_test_moved(&f->frames, &move);
}

void gone(struct fixture *f, const char *alert)
{
    struct cw_row row = row_of(alert, CW_LEVEL_LOW, 1, "");
    row.gone = true;
    put_row(f, &row);
}

void close_tick(struct fixture *f)
{
    cw_test_close(&f->frames, f->tick, f->row);
}

int push_status(struct fixture *f)
{
    return cw_test_push(&cw_redis_stage, f->sink, &f->frames, 7);
}

void push(struct fixture *f)
{
    assert_int_equal(push_status(f), CW_EXIT_OK);
    f->frames.len = 0;
}

/* --- looking --- */

/* The answer as text: arrays as "a b c", nil as "-". The caller frees. */
char *asked(struct fixture *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(f->eye, format, args);
    va_end(args);
    assert_non_null(reply);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 1;
    for (size_t i = 0; i < count; i++) {
        const redisReply *one = reply->type == REDIS_REPLY_ARRAY ? reply->element[i] : reply;
        fputs(i != 0 ? " " : "", out);
        if (one->type == REDIS_REPLY_INTEGER)
            fprintf(out, "%lld", one->integer);
        else
            fputs(one->str != NULL ? one->str : "-", out);
    }
    fclose(out);
    freeReplyObject(reply);
    return text;
}

/* What a call writes to standard error; the caller frees. */
char *heard(int (*call)(struct fixture *f), struct fixture *f, int *status)
{
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    *status = call(f);
    dup2(kept, STDERR_FILENO);
    close(kept);
    char *text = calloc(1, 8192);
    rewind(file);
    assert_true(fread(text, 1, 8191, file) < 8191); /* what was said ends with the file */
    fclose(file);
    return text;
}

int open_plain(struct fixture *f)
{
    return open_status(f, NULL);
}

void assert_ends(struct fixture *f, int (*call)(struct fixture *f), int expected,
                 const char *sentence)
{
    int status = -1;
    char *text = heard(call, f, &status);
    if (strstr(text, sentence) == NULL)
        fail_msg("expected \"%s\" in: %s", sentence, text);
    assert_int_equal(status, expected);
    free(text);
}

void assert_refused(struct fixture *f, int (*call)(struct fixture *f), const char *sentence)
{
    assert_ends(f, call, CW_EXIT_REFUSED, sentence);
}

int listen_on_port(struct fixture *f)
{
    int port = 0;
    for (int i = 20000; i < 20100 && port == 0; i++) {
        char *answer = asked(f, "CONFIG SET port %d", i);
        if (strcmp(answer, "OK") == 0)
            port = i;
        free(answer);
    }
    assert_true(port != 0);
    return port;
}

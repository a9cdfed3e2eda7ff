/*
 * sink_scene.h - a sink against a private redis-server: ticks and rows as detect sends them, and
 * what Redis then answers. CMocka's assertions are made inside.
 */
#ifndef CW_TESTS_SINK_SCENE_H
#define CW_TESTS_SINK_SCENE_H

#include "sinks/redis_sink.h"
#include "tests/support/redis.h"
#include "tests/support/rows.h"

#define P "cw:{crosswatch}:a:all:"
#define DAY(n) ((n)*CW_DAY)

struct fixture {
    struct cw_test_redis redis;
    redisContext *eye; /* the test's own connection */
    struct cw_log *log;
    struct cw_redis_sink *sink;
    struct cw_buf frames;
    uint64_t tick;
    uint32_t row;
    char alert[CW_ID_HEX];                 /* of the last row put */
    const struct cw_redis_settings *usual; /* of open_sink; NULL: none */
};

int setup(void **state);
int setup_on_disk(void **state);
int teardown(void **state);
/** Watches the server of now: after a restart. */
void look_again(struct fixture *f);

/** Ends the sink there is and opens another; its exit status. */
int open_status(struct fixture *f, const struct cw_redis_settings *more);
int open_plain(struct fixture *f);
void open_sink(struct fixture *f);

void begin_tick(struct fixture *f);
struct cw_row row_of(const char *alert, enum cw_level level, int64_t day, const char *title);
void put_row(struct fixture *f, const struct cw_row *row);
/** A row keyed by the entity "somebody". */
void set(struct fixture *f, const char *alert, enum cw_level level, int64_t day, const char *title);
/** The same with a restriction's canonical text. */
void set_for(struct fixture *f, const char *alert, const char *restriction);
/** "alert FROM" up to, without, "alert TO". */
void many(struct fixture *f, int from, int to, const char *title);
void gone(struct fixture *f, const char *alert);
void moved(struct fixture *f, const char *from, const char *to, enum cw_moved_reason reason);
void close_tick(struct fixture *f);
int push_status(struct fixture *f);
void push(struct fixture *f);
/** The id of an alert, in a buffer of its own for each of the last eight calls. */
const char *id_of(const char *alert);

/** The answer as text: arrays as "a b c", nil as "-". The caller frees. */
char *asked(struct fixture *f, const char *format, ...);
#define assert_redis(f, expected, ...)                                                             \
    do {                                                                                           \
        char *answer_ = asked(f, __VA_ARGS__);                                                     \
        assert_string_equal(answer_, expected);                                                    \
        free(answer_);                                                                             \
    } while (0)

/** What a call writes to standard error; the caller frees. */
char *heard(int (*call)(struct fixture *f), struct fixture *f, int *status);
void assert_ends(struct fixture *f, int (*call)(struct fixture *f), int status,
                 const char *sentence);
void assert_refused(struct fixture *f, int (*call)(struct fixture *f), const char *sentence);
/** Passwords need an address: the server takes a port that is free. */
int listen_on_port(struct fixture *f);

#endif

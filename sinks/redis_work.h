/*
 * redis_work.h - what the parts of the sink share; no header for others.
 *
 *   redis_sink.c   frames in, steps out; life
 *   redis_start.c  connecting, looking at the server, which generation is written
 *   redis_step.c   one step: what is stored is read, then changed in one MULTI
 *   redis_sweep.c  generations that nobody reads any more go, in slices
 *   redis_rights.c what the users of this Redis may do
 */
#ifndef CW_SINKS_REDIS_WORK_H
#define CW_SINKS_REDIS_WORK_H

#include "operators/runtime/restriction.h"
#include "operators/runtime/row.h"
#include "sinks/format.h"
#include "sinks/redis_client.h"
#include "sinks/redis_sink.h"

enum { CW_REDIS_LEVELS = CW_LEVEL_CRITICAL + 1, CW_REDIS_BACKOFF_MIN_MS = 100 };

struct cw_sink_position {
    uint64_t tick;
    uint64_t row;
    bool open; /* more rows of the tick are to come */
};

/* A generation of one audience's copy, as it is named in the state: "GENERATION:AUDIENCE". */
struct cw_sink_copy {
    uint64_t generation;
    char audience[CW_REDIS_AUDIENCE_LEN + 1];
};

enum { CW_SINK_COPIES_MAX = 256 };
struct cw_sink_copies {
    size_t count;
    struct cw_sink_copy of[CW_SINK_COPIES_MAX];
};

/* The hash cw:{D}:sink: what is being written, what readers read, what is still to be removed. */
struct cw_sink_state {
    bool present;
    struct cw_id log;
    struct cw_id rule_set; /* zero: the sink that wrote was not told */
    uint64_t contract;
    uint64_t generation; /* that is written */
    struct cw_sink_position position;
    bool ended;
    bool filling;                /* readers still read what they read before, or nothing */
    uint64_t until;              /* filling: the tick whose close makes it theirs; 0: at once */
    char audiences[1200];        /* sorted, joined by spaces */
    struct cw_sink_copies read;  /* what metas name: one a reader's audience */
    struct cw_sink_copies waste; /* nobody's any more */
};

/* What Redis holds of an alert in one audience's copy. */
struct cw_sink_stored {
    bool present;
    uint64_t revision;
    int level; /* -1: not one */
    cw_str detected_tick;
    cw_str entities;
    cw_str key;
    cw_str json;
};

struct cw_sink_row {
    struct cw_row row; /* in the step's arena, as all it points to */
    uint32_t number;
    uint32_t shows;              /* bit i: audience i may see it; 0 if gone */
    cw_str json;                 /* absent if gone */
    cw_str entities;             /* as the hash has them */
    cw_str key;                  /* the same */
    size_t rule;                 /* index into the step's rules */
    struct cw_sink_stored *olds; /* one an audience */
};

/* The counts of one audience's copy, before the step and behind it. */
struct cw_sink_view {
    int64_t levels_stored[CW_REDIS_LEVELS];
    int64_t levels[CW_REDIS_LEVELS];
    int64_t rules_stored[CW_REDIS_STEP_ROWS];
    int64_t rules[CW_REDIS_STEP_ROWS];
    uint64_t feed_len;
    char keep[48];  /* the feed is cut before this entry; empty: it is not */
    char floor[48]; /* the last entry that is cut then */
    bool *moved;    /* of the step's moves: whether readers know the entity that went */
};

struct cw_sink_step {
    struct cw_arena *arena;
    size_t count;
    struct cw_sink_row rows[CW_REDIS_STEP_ROWS];
    size_t rule_count;
    cw_str rules[CW_REDIS_STEP_ROWS];
    bool closes;
    bool ends;
    struct cw_sink_position end; /* behind it */
};

struct cw_sink_move {
    struct cw_id from;
    struct cw_id to;
    bool succeeds; /* `from` is no more, and `to` stands for it */
};

struct cw_sink_audience {
    char name[CW_REDIS_AUDIENCE_LEN + 1];
    char prefix[CW_REDIS_PREFIX];
    struct cw_sink_view view;
};

struct cw_redis_sink {
    struct cw_redis redis;
    struct cw_log *log;
    struct cw_formatter *formatter;
    struct cw_restrictions *restrictions;
    struct cw_buf masks; /* uint64_t by number of a restriction: audiences, and MASK_KNOWN */
    char deployment[80];
    char state_key[CW_REDIS_PREFIX];
    size_t audience_count;
    struct cw_sink_audience audiences[CW_REDIS_AUDIENCES_MAX]; /* sorted by name */
    size_t row_max;                                            /* rows a step */
    struct cw_id rule_set; /* in force; zero until it is known */
    bool rebuild;
    bool live;
    uint64_t seen_generation;
    uint64_t seen_tick;
    size_t feed_max;
    const volatile int *stop;
    struct cw_totals totals;
    struct cw_buf key;
    struct cw_buf text;
    struct cw_sink_state state; /* what Redis holds, as far as we know, and what we write */
    struct cw_sink_state found; /* fresh: what stood there before */
    bool fresh;                 /* nothing of state.generation is written yet */
    bool log_read;              /* log_last is known */
    uint64_t log_last;          /* the last tick that the log held when the sink began */
    struct cw_sink_step step;
    struct cw_buf moves; /* struct cw_sink_move, of the tick that runs */
    bool moves_done;     /* they are in Redis */
    struct cw_tick tick; /* the one that runs */
    uint64_t tick_row;   /* number of its last row, skipped or not */
    struct cw_close close;
};

/* --- commands, with keys of an audience --- */
void cw_sink_arg_text(struct cw_redis_sink *sink, const char *text);
void cw_sink_arg_int(struct cw_redis_sink *sink, int64_t value);
void cw_sink_arg_uint(struct cw_redis_sink *sink, uint64_t value);
void cw_sink_arg_id(struct cw_redis_sink *sink, struct cw_id id);
void cw_sink_arg_field(struct cw_redis_sink *sink, const char *name, cw_str value);
/** P + name. */
void cw_sink_arg_key(struct cw_redis_sink *sink, const char *prefix, const char *name);
/** P + generation + ":" + name + rest. */
void cw_sink_arg_key_of(struct cw_redis_sink *sink, const char *prefix, uint64_t generation,
                        const char *name, cw_str rest);
void cw_sink_count(struct cw_redis_sink *sink, const char *name, int64_t by);
/** The next word of a list joined by spaces; absent at its end. */
cw_str cw_sink_word(cw_str *list);
int cw_sink_order(const struct cw_sink_position *a, const struct cw_sink_position *b);

/* --- redis_start.c --- */
/** Until a server answers that may be written to. Not OK: an enum cw_exit. */
int cw_sink_connect(struct cw_redis_sink *sink, bool first) CW_MUST_USE;
/** Behind a try that failed with LOST or WAIT: says so, waits, connects again. */
int cw_sink_recover(struct cw_redis_sink *sink, enum cw_redis_status status) CW_MUST_USE;
/** Reads the state and settles which generation is written, and from where. */
int cw_sink_settle(struct cw_redis_sink *sink) CW_MUST_USE;
/** Reads a state out of an HGETALL. */
void cw_sink_read_state(const redisReply *reply, struct cw_sink_state *out);
/** One sentence that says what to do: CW_EXIT_REFUSED. */
int cw_sink_refuse(const struct cw_redis_sink *sink, const char *what);
/** The same for what the server said. */
int cw_sink_refuse_words(const struct cw_redis_sink *sink);
int cw_sink_refuse_ahead(const struct cw_redis_sink *sink, uint64_t position, uint64_t last);

/* --- redis_step.c --- */
/** Writes the step, however long that takes. */
int cw_sink_write(struct cw_redis_sink *sink) CW_MUST_USE;

/* --- redis_sweep.c --- */
/** Removes what is waste. Told to stop, it leaves the rest for the next start. */
int cw_sink_sweep(struct cw_redis_sink *sink) CW_MUST_USE;
/** The field `waste` or `read` of the state. */
void cw_sink_arg_copies(struct cw_redis_sink *sink, const struct cw_sink_copies *copies);

/* --- redis_rights.c --- */
/** Tries whether the user may do what the sink does, and undoes nothing, for it does nothing.
 *  REFUSED: *missing says what is missing. */
enum cw_redis_status cw_sink_check_rights(struct cw_redis_sink *sink, char *missing,
                                          size_t missing_len) CW_MUST_USE;

#endif

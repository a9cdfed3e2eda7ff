/*
 * cmd_run.c - the supervisor: starts ingest, and behind the log dedup | link | detect | sink joined
 * by socket pairs, and waits for them.
 *
 * What stands behind the log lives and dies as one: when a process of it ends, its neighbours see
 * the end of their input without `end`, or a broken pipe, and end too. Then ingest is asked to
 * stop; but where the sink says that its Redis went back, ingest goes on and they start again. When
 * ingest dies, dedup is asked to send what the log holds and to end. The log has everything, so the
 * same command goes on where this one stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operators/runtime/counters.h"
#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "ops/commands.h"
#include "ops/fused.h"
#include "ops/ingest_args.h"
#include "ops/rules_arg.h"
#include "sinks/redis_sink.h"

enum { INGEST, DEDUP, LINK, DETECT, SINK, STAGES, ARGS_MAX = 512 };
static const char *const stage_names[STAGES] = { "ingest", "dedup", "link", "detect", "sink" };

struct run {
    struct cw_ingest_args args;
    const char *log;
    const char *redis;
    const char *rules;
    const char *deployment;
    const char *dead_letters;
    struct cw_text_list audiences;
    uint64_t batch;
    bool rebuild;
    bool live; /* a source never ends: alerts get a time to live */
    bool fused;
    bool progress;
    char rule_set[CW_ID_HEX];
    char seen[48];      /* generation and tick that an earlier sink wrote; empty: none known */
    pid_t pids[STAGES]; /* 0: ended */
    bool again;         /* the chain behind the log is to be started again */
    bool stopping;      /* asked to, or ingest failed: it is not */
    bool chain_settled; /* nothing stands behind the log any more */
    int chain_worst;    /* how it ended */
};

/* --- arguments of a stage --- */

struct words {
    char *items[ARGS_MAX];
    size_t count;
};

static void add(struct words *words, const char *text)
{
    if (words->count + 1 < ARGS_MAX)
        words->items[words->count++] = cw_strdup(text);
}

static void add_option(struct words *words, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(words, name);
    add(words, value);
}

static void stage_words(const struct run *run, int stage, struct words *words)
{
    char text[4096];
    add(words, "crosswatch");
    add(words, stage_names[stage]);
    if (stage == INGEST) {
        for (size_t i = 0; i < run->args.sources.count; i++)
            add_option(words, "--source", run->args.sources.items[i]);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)run->args.tick);
        add_option(words, "--tick", text);
        add_option(words, "--retention", run->args.retention);
        add_option(words, "--rates", run->args.rates_path);
        add_option(words, "--dead-letters", run->dead_letters);
    } else {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)run->batch);
        add_option(words, "--batch", text);
    }
    if (stage == INGEST || stage == DEDUP || stage == SINK)
        add_option(words, "--log", run->log);
    if (stage == DETECT)
        add_option(words, "--rules", run->rules);
    if (stage == SINK) {
        add_option(words, "--redis", run->redis);
        add_option(words, "--deployment", run->deployment);
        add_option(words, "--rule-set", run->rule_set);
        for (size_t i = 0; i < run->audiences.count; i++)
            add_option(words, "--audience", run->audiences.items[i]);
        if (run->rebuild)
            add(words, "--rebuild");
        if (run->live)
            add(words, "--live");
        if (run->seen[0] != '\0')
            add_option(words, "--seen", run->seen);
    }
    snprintf(text, sizeof(text), "%s/run/%s.counters", run->log, stage_names[stage]);
    add_option(words, "--counters", text);
}

/* --- starting --- */

static CW_NORETURN void become(const struct run *run, int stage, int in_fd, int out_fd)
{
    struct words words = { { NULL }, 0 };
    /* A supervisor that is killed leaves nobody behind. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (in_fd >= 0)
        dup2(in_fd, STDIN_FILENO);
    if (out_fd >= 0)
        dup2(out_fd, STDOUT_FILENO);
    stage_words(run, stage, &words);
    execv("/proc/self/exe", words.items);
    cw_error("cannot start %s: %s", stage_names[stage], strerror(errno));
    _exit(CW_EXIT_FAILED);
}

static bool start(struct run *run, int stage, int in_fd, int out_fd)
{
    pid_t pid = fork();
    if (pid == 0)
        become(run, stage, in_fd, out_fd);
    if (pid < 0) {
        cw_error("cannot start %s: %s", stage_names[stage], strerror(errno));
        return false;
    }
    run->pids[stage] = pid;
    return true;
}

/* Without a source ingest runs elsewhere, and here only what stands behind the log. */
static bool has_ingest(const struct run *run)
{
    return run->args.sources.count != 0;
}

static int64_t counter(const struct run *run, int stage, const char *name)
{
    char path[4096];
    struct cw_counters_page page;
    snprintf(path, sizeof(path), "%s/run/%s.counters", run->log, stage_names[stage]);
    if (!cw_counters_read(path, &page))
        return 0;
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.of[i].name, name) == 0)
            return page.of[i].value;
    }
    return 0;
}

/* What the sink before wrote to this Redis, by its page of counters: one behind it has gone back.
 */
static void note_seen(struct run *run)
{
    if (counter(run, SINK, "sink.target") != cw_redis_target(run->redis, run->deployment))
        return;
    int64_t generation = counter(run, SINK, "sink.generation");
    int64_t tick = counter(run, SINK, "sink.tick");
    if (generation > 0)
        snprintf(run->seen, sizeof(run->seen), "%lld:%lld", (long long)generation, (long long)tick);
}

/* The joints are made close-on-exec; each child has only its own two, under 0 and 1. */
static bool start_chain(struct run *run)
{
    int joints[STAGES][2];
    bool ok = true;
    note_seen(run);
    for (int i = DEDUP; i < SINK; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, joints[i]) != 0) {
            cw_error("cannot join the stages: %s", strerror(errno));
            return false;
        }
    }
    ok = start(run, DEDUP, -1, joints[DEDUP][0]);
    for (int i = LINK; ok && i <= SINK; i++)
        ok = start(run, i, joints[i - 1][1], i < SINK ? joints[i][0] : -1);
    for (int i = DEDUP; i < SINK; i++) {
        close(joints[i][0]);
        close(joints[i][1]);
    }
    return ok;
}

static bool start_all(struct run *run)
{
    return start_chain(run) && (!has_ingest(run) || start(run, INGEST, -1, -1));
}

/* --- watching --- */

static void show_progress(const struct run *run)
{
    fprintf(
        stderr,
        "\r%lld events in, %lld rejected | %lld facts | %lld entities, %lld merges, %lld splits | "
        "%lld rows ",
        (long long)counter(run, INGEST, "ingest.events"),
        (long long)counter(run, INGEST, "ingest.rejected"),
        (long long)counter(run, DEDUP, "dedup.facts"),
        (long long)counter(run, LINK, "link.entities"),
        (long long)counter(run, LINK, "link.merges"), (long long)counter(run, LINK, "link.splits"),
        (long long)counter(run, DETECT, "detect.rows_sent"));
}

static void ask_to_stop(const struct run *run, int stage)
{
    if (run->pids[stage] != 0)
        kill(run->pids[stage], SIGTERM);
}

/* ingest ends, and then dedup is asked; without it dedup is the first. */
static void ask_first(const struct run *run)
{
    ask_to_stop(run, has_ingest(run) ? INGEST : DEDUP);
}

static bool any_left(const struct run *run, int from)
{
    for (int stage = from; stage < STAGES; stage++) {
        if (run->pids[stage] != 0)
            return true;
    }
    return false;
}

/* A Redis that went back is filled again from the log: ingest goes on, what stands behind the log
 * begins anew. What its other stages ended with is how a broken chain ends, and no failure. */
static void note_end(struct run *run, pid_t pid, int wait_status, int *worst)
{
    int stage = 0;
    while (stage < STAGES && run->pids[stage] != pid)
        stage++;
    if (stage == STAGES)
        return;
    run->pids[stage] = 0;
    int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    bool again = stage == SINK && status == CW_EXIT_AGAIN && !run->stopping;
    run->again |= again;
    if (stage >= DEDUP && status != CW_EXIT_OK && !again && status > run->chain_worst)
        run->chain_worst = status;
    if (stage == INGEST && status > *worst)
        *worst = status;
    if (status != CW_EXIT_OK)
        cw_warn("%s (pid %d) ended with status %d", stage_names[stage], (int)pid, status);
    if (stage == INGEST && status != CW_EXIT_OK) {
        run->stopping = true;
        ask_to_stop(run, DEDUP);
    }
}

/* Once all that stands behind the log has ended: again, or that was it. */
static void settle_chain(struct run *run, int *worst)
{
    if (any_left(run, DEDUP) || run->chain_settled)
        return;
    bool again = run->again && !run->stopping;
    run->again = false;
    if (again) {
        cw_info("the chain behind the log starts again");
        run->chain_worst = CW_EXIT_OK;
        run->rebuild = false;
        if (start_chain(run))
            return;
        run->chain_worst = CW_EXIT_FAILED;
        run->stopping = true;
        ask_to_stop(run, DEDUP);
    }
    run->chain_settled = !any_left(run, DEDUP);
    if (run->chain_worst > *worst)
        *worst = run->chain_worst;
    if (run->chain_worst != CW_EXIT_OK) {
        run->stopping = true;
        ask_to_stop(run, INGEST);
    }
}

static int watch(struct run *run)
{
    enum { PROGRESS_MS = 300 };
    int worst = CW_EXIT_OK;
    bool forwarded = cw_stop != 0; /* told to stop before anybody could be asked */
    run->stopping |= forwarded;
    if (forwarded)
        ask_first(run);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigaddset(&child, SIGTERM);
    sigaddset(&child, SIGINT);
    while (any_left(run, INGEST)) {
        int wait_status;
        pid_t pid = waitpid(-1, &wait_status, WNOHANG);
        if (pid > 0) {
            note_end(run, pid, wait_status, &worst);
            settle_chain(run, &worst);
            continue;
        }
        const struct timespec timeout = { 0, PROGRESS_MS * 1000000L };
        int signal_number = sigtimedwait(&child, NULL, &timeout);
        if (signal_number == SIGTERM || signal_number == SIGINT) {
            /* ingest ends, then dedup is asked; who asks again will not wait: the log has it all */
            for (int stage = 0; forwarded && stage < STAGES; stage++) {
                if (run->pids[stage] != 0)
                    kill(run->pids[stage], SIGKILL);
            }
            forwarded = true;
            run->stopping = true;
            ask_first(run);
        }
        if (run->progress)
            show_progress(run);
    }
    if (run->progress) {
        show_progress(run);
        fputc('\n', stderr);
    }
    return worst;
}

static int run_processes(struct run *run)
{
    /* Waited for, not handled: a signal between the look and the wait is not lost. The stages begin
     * with them held back and let them through when they can hear them. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (!start_all(run)) {
        run->stopping = true;
        ask_to_stop(run, DEDUP);
        (void)watch(run);
        return CW_EXIT_FAILED;
    }
    if (!has_ingest(run))
        cw_info("running behind the log: dedup %d, link %d, detect %d, sink %d",
                (int)run->pids[DEDUP], (int)run->pids[LINK], (int)run->pids[DETECT],
                (int)run->pids[SINK]);
    else
        cw_info("running: ingest %d, dedup %d, link %d, detect %d, sink %d", (int)run->pids[INGEST],
                (int)run->pids[DEDUP], (int)run->pids[LINK], (int)run->pids[DETECT],
                (int)run->pids[SINK]);
    return watch(run);
}

/* One life of what stands behind the log, in this process. What its sink wrote is noted for the
 * next. */
static int run_fused_chain(const struct run *run, struct cw_log *log, const struct cw_rules *rules,
                           const struct cw_secret *secret, struct cw_redis_sink *sink,
                           struct cw_ingest *ingest, struct cw_redis_settings *redis)
{
    struct cw_fused *fused = cw_fused_new(
        secret, log, rules, (struct cw_chain_link){ &cw_redis_stage, sink }, run->batch);
    int status = cw_fused_run(fused, ingest, &cw_stop);
    const struct cw_totals *totals = cw_redis_sink_totals(sink);
    redis->seen_generation = (uint64_t)cw_total_get(totals, "sink.generation");
    redis->seen_tick = (uint64_t)cw_total_get(totals, "sink.tick");
    redis->rebuild = false;
    cw_fused_free(fused);
    return status;
}

static int run_fused(struct run *run, struct cw_log *log, const struct cw_rules *rules,
                     const struct cw_secret *secret)
{
    char dead_letters[4096];
    char counters[4096];
    snprintf(dead_letters, sizeof(dead_letters), "%s/dead-letters", run->log);
    snprintf(counters, sizeof(counters), "%s/run/ingest.counters", run->log);
    struct cw_ingest_settings settings = {
        .dead_letters = run->dead_letters != NULL ? run->dead_letters : dead_letters,
        .counters = counters,
    };
    if (!cw_ingest_args_read(&run->args, &settings))
        return CW_EXIT_USAGE;
    struct cw_redis_settings redis = { .url = run->redis,
                                       .deployment = run->deployment,
                                       .audiences = run->audiences.items,
                                       .audience_count = run->audiences.count,
                                       .rebuild = run->rebuild,
                                       .live = run->live,
                                       .stop = &cw_stop };
    redis.rule_set = cw_rules_hash(rules, secret);
    int status = CW_EXIT_FAILED;
    struct cw_redis_sink *sink = cw_redis_sink_new(&redis, log, &status);
    if (sink == NULL)
        return status;
    struct cw_sources *sources = cw_ingest_args_open(&run->args);
    struct cw_ingest *ingest =
        sources != NULL ? cw_ingest_new(secret, log, sources, &settings) : NULL;
    status = CW_EXIT_FAILED;
    while (ingest != NULL && sink != NULL) {
        status = run_fused_chain(run, log, rules, secret, sink, ingest, &redis);
        if (status != CW_EXIT_AGAIN || cw_stop != 0)
            break;
        cw_info("the chain behind the log starts again");
        cw_redis_stage.free(sink);
        sink = cw_redis_sink_new(&redis, log, &status);
    }
    cw_ingest_free(ingest);
    cw_sources_free(sources);
    cw_redis_stage.free(sink);
    return status;
}

/* One run a log, also before its ingest holds the log's own lock. */
static int lock_run(const char *dir)
{
    char path[4096 + 8];
    snprintf(path, sizeof(path), "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    cw_error("%s: %s", path,
             errno == EWOULDBLOCK ? "another run is at work on this log" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The log as run needs it: made where there is none, and held while the stages start; behind an
 * ingest that runs elsewhere it must be there, and is that one's to write. */
static struct cw_log *open_log(const struct run *run, char *error, size_t error_len)
{
    return has_ingest(run) ? cw_log_write(run->log, error, error_len)
                           : cw_log_read(run->log, error, error_len);
}

static int prepared(struct run *run)
{
    struct cw_secret secret;
    struct cw_rules *rules = cw_rules_arg(run->rules); /* before anything starts */
    if (rules == NULL || !cw_secret_from_environment(&secret))
        return CW_EXIT_FAILED;
    cw_id_hex(cw_rules_hash(rules, &secret), run->rule_set);
    char error[256];
    char path[4096];
    struct cw_log *log = open_log(run, error, sizeof(error)); /* so that dedup finds one */
    if (log == NULL) {
        cw_error("%s", error);
        cw_rules_free(rules);
        return CW_EXIT_FAILED;
    }
    snprintf(path, sizeof(path), "%s/run", run->log);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        cw_warn("%s: %s: counters cannot be read from outside", path, strerror(errno));
    int lock = lock_run(path);
    if (lock < 0) {
        cw_log_close(log);
        cw_rules_free(rules);
        return CW_EXIT_FAILED;
    }
    int status;
    if (run->fused) {
        status = run_fused(run, log, rules, &secret);
        cw_log_close(log);
    } else {
        cw_log_close(log);
        status = run_processes(run);
    }
    close(lock);
    cw_rules_free(rules);
    return status;
}

/* A topic that is not read to an offset only never ends. */
static bool any_live(const struct cw_text_list *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (strncmp(sources->items[i], "kafka://", 8) == 0 &&
            strstr(sources->items[i], "end=offsets") == NULL)
            return true;
    }
    return false;
}

static int run_command(int argc, char **argv)
{
    struct run run = { .batch = CW_BATCH_DEFAULT, .args = { .tick = 4096 } };
    const struct cw_option options[] = {
        { "source", CW_OPT_LIST, &run.args.sources, false,
          "PATH|-|kafka://HOST:PORT/TOPIC[,contract=FILE|DIR][,end=offsets|never]; repeatable; "
          "none: "
          "only "
          "what stands behind the log, whose ingest runs elsewhere" },
        { "log", CW_OPT_TEXT, &run.log, true, "directory of the log; goes on where it stops" },
        { "redis", CW_OPT_TEXT, &run.redis, true, "redis://[:password@]host:port[/db]" },
        { "rules", CW_OPT_TEXT, &run.rules, true, "rule file, or directory of rule files" },
        { "fused", CW_OPT_FLAG, &run.fused, false, "all stages in one process" },
        { "deployment", CW_OPT_TEXT, &run.deployment, false, "prefix of the keys (crosswatch)" },
        { "audience", CW_OPT_LIST, &run.audiences, false,
          "a copy in Redis of what this audience may see, beside that of all; repeatable" },
        { "rebuild", CW_OPT_FLAG, &run.rebuild, false,
          "fill Redis again under a new generation, whatever stands there" },
        { "retention", CW_OPT_TEXT, &run.args.retention, false,
          "DATE, or \"events\"; by default the calendar if a source is live" },
        { "rates", CW_OPT_TEXT, &run.args.rates_path, false, CW_RATES_HELP },
        { "tick", CW_OPT_COUNT, &run.args.tick, false, "admitted events a tick (4096)" },
        { "batch", CW_OPT_COUNT, &run.batch, false, "frames a batch at most (512)" },
        { "dead-letters", CW_OPT_TEXT, &run.dead_letters, false, "directory (LOG/dead-letters)" },
        { "progress", CW_OPT_FLAG, &run.progress, false, "show progress though not on a terminal" },
        { NULL, CW_OPT_FLAG, NULL, false, NULL },
    };
    int status = cw_options_read(&cw_cmd_run, options, argc, argv, NULL);
    if (status >= 0)
        return status;
    if (run.fused && !has_ingest(&run)) {
        cw_error("run --fused: expected a --source; without one the stages are processes behind a "
                 "log that another ingest writes");
        return CW_EXIT_USAGE;
    }
    run.progress = run.progress || isatty(STDERR_FILENO);
    run.live = any_live(&run.args.sources);
    status = prepared(&run);
    cw_ingest_args_done(&run.args);
    free(run.audiences.items);
    return status;
}

const struct cw_command cw_cmd_run = {
    .name = "run",
    .usage = "[--source SPEC…] --log DIR --redis URL --rules DIR [--fused] [options]",
    .summary = "start the chain of five processes, and see it through",
    .run = run_command,
};

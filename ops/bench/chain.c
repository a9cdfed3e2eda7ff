/*
 * chain.c - the whole chain at work on one core.
 *
 * Before: the events are generated into files. Timed: from ingest's first step until `end` has gone
 * through the last stage: files read, records decoded, normalised, logged, deduplicated, linked,
 * judged, rows formatted. After: what the figures depend on is read out of the log and the totals.
 */
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "operators/runtime/logging.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "ops/bench/bench.h"
#include "ops/bench/values.h"
#include "ops/command.h"
#include "ops/fused.h"
#include "ops/rules_arg.h"
#include "sinks/export.h"

enum { MILLION = 1000000, TICK = 4096, LINKS_MAX = 8, SHA256_HEX = 2 * 32 + 1 };

/* Where the chain was when, by the time it had on its core: taken as each tick leaves the last
 * stage. */
struct mark {
    int64_t events;
    int64_t cpu_ns;
};

/* The last stage: rows are formatted and kept by the canonical export; nothing is written. */
struct last {
    struct cw_export *export;
    struct cw_buf marks;     /* of struct mark */
    struct cw_totals totals; /* of all stages, as the last close has them */
    struct cw_tick tick;     /* scratch */
    struct cw_close close;   /* scratch */
    int64_t rows;
};

static void see(struct last *last, const struct cw_frame *frame)
{
    if (frame->kind == CW_ROW) {
        last->rows++;
    } else if (frame->kind == CW_TICK && cw_tick_get(frame, &last->tick)) {
        struct mark mark = { cw_total_get(&last->tick.totals, "ingest.events"), cw_bench_cpu_ns() };
        cw_buf_put(&last->marks, &mark, sizeof(mark));
    } else if (frame->kind == CW_CLOSE && cw_close_get(frame, &last->close)) {
        for (size_t i = 0; i < last->close.totals.count; i++)
            *cw_total(&last->totals, last->close.totals.of[i].name) =
                last->close.totals.of[i].value;
    }
}

static int last_batch(void *self, const struct cw_batch *in, struct cw_out *out)
{
    struct last *last = self;
    for (size_t i = 0; i < in->count; i++) {
        if (in->frames[i]->kind != CW_EVENT)
            see(last, in->frames[i]);
    }
    return cw_export_stage.batch(last->export, in, out);
}

static void last_free(void *self)
{
    (void)self;
}

static const struct cw_stage last_stage = { "sink", last_batch, last_free };

/* --- what the figures depend on --- */

struct mix {
    int64_t events;
    int64_t bytes; /* of bodies */
    int64_t keys;
    int64_t parts;
    int64_t values;
    int64_t behind; /* time_lo below one that came before */
    int64_t withdrawals;
};

static bool read_mix(struct cw_log *log, struct mix *mix)
{
    uint64_t position = 0;
    int64_t greatest = CW_TIME_MIN;
    struct cw_arena *arena = cw_arena_new();
    bool fine = true;
    const struct cw_frame *frame;
    while (fine && (frame = cw_log_get(log, position)) != NULL && frame->kind != CW_END) {
        position += frame->length;
        if (frame->kind != CW_EVENT)
            continue;
        struct cw_event event;
        cw_arena_reset(arena);
        fine = cw_event_read(&event, cw_frame_body(frame), frame->body_length, arena);
        mix->events++;
        mix->bytes += frame->body_length;
        mix->keys += frame->key_count;
        mix->withdrawals += (frame->flags & CW_WITHDRAW) != 0;
        mix->behind += frame->time_lo < greatest;
        if (!fine)
            break;
        mix->parts += (int64_t)cw_event_part_count(&event);
        mix->values += cw_bench_values(&event);
        if (frame->time_lo > greatest)
            greatest = frame->time_lo;
    }
    cw_arena_free(arena);
    return fine;
}

/* When the chain had done so many events, between two ticks in proportion. */
static double when(const struct last *last, int64_t begin_ns, int64_t events)
{
    const struct mark *marks = (const struct mark *)(const void *)last->marks.data;
    struct mark before = { 0, begin_ns };
    for (size_t i = 0; i < last->marks.len / sizeof(*marks); i++) {
        if (marks[i].events >= events && marks[i].events > before.events)
            return (double)before.cpu_ns + (double)(marks[i].cpu_ns - before.cpu_ns) *
                                               (double)(events - before.events) /
                                               (double)(marks[i].events - before.events);
        before = marks[i];
    }
    return NAN;
}

static double last_over_second(const struct last *last, int64_t begin_ns, int64_t events,
                               int64_t slice)
{
    double second = when(last, begin_ns, 2 * slice) - when(last, begin_ns, slice);
    double end = when(last, begin_ns, events) - when(last, begin_ns, events - slice);
    return second / end;
}

/* SHA-256 of what replay writes as alerts.jsonl, so that `sha256sum` tells the same. */
static bool digest_export(struct cw_export *export, char hex[SHA256_HEX])
{
    char *text = NULL;
    size_t len = 0;
    unsigned char hash[crypto_hash_sha256_BYTES];
    FILE *file = open_memstream(&text, &len);
    bool fine = file != NULL && cw_export_write(export, file);
    if (file != NULL && fclose(file) != 0)
        fine = false;
    if (fine) {
        crypto_hash_sha256(hash, (const unsigned char *)text, len);
        sodium_bin2hex(hex, SHA256_HEX, hash, sizeof(hash));
    }
    free(text);
    return fine;
}

/* --- one run --- */

struct run {
    const struct cw_bench_settings *settings;
    const struct cw_bench_report *report;
    struct cw_secret secret;
    struct cw_rules *rules;
    struct cw_sources *sources;
    struct cw_log *log;
    struct last last;
    int core;
    int64_t begin_cpu;
    int64_t wall_ns;
    int64_t cpu_ns;
    int64_t link_ns[LINKS_MAX]; /* dedup, link, detect, sink */
    int64_t peak;
};

static void each(const struct cw_bench_report *report, const char *measure, int64_t value,
                 int64_t events, const char *unit)
{
    cw_bench_real(report, measure, (double)value / (double)events, unit, CW_BENCH_NO_HOLD, 0);
}

/* How many of the units of work needed more than a thousand steps: the 99.9th percentile lies at or
 * below a thousand where it is at most one in a thousand. */
static void worst(const struct run *run, const char *measure, const char *small, const char *large)
{
    int64_t over = cw_total_get(&run->last.totals, large);
    int64_t all = over + cw_total_get(&run->last.totals, small);
    cw_bench_real(run->report, measure, all != 0 ? (double)over / (double)all : 0, "of events",
                  CW_BENCH_AT_MOST, 0.001);
}

static void report_speed(const struct run *run, const struct mix *mix)
{
    const struct cw_bench_report *report = run->report;
    double seconds = (double)run->wall_ns / 1e9;
    int64_t slice = mix->events >= 3 * MILLION ? MILLION : mix->events / 5;
    bool payments = strcmp(run->settings->mix, "payments") == 0;
    cw_bench_real(report, "fused_events_per_s", (double)mix->events / seconds, "events/s",
                  payments ? CW_BENCH_AT_LEAST : CW_BENCH_NO_HOLD, 400000);
    cw_bench_real(report, "last_million_over_second",
                  slice > TICK ? last_over_second(&run->last, run->begin_cpu, mix->events, slice)
                               : (double)NAN,
                  "", CW_BENCH_AT_LEAST, 0.8);
    cw_bench_count(report, "million", slice, "events");
    cw_bench_real(report, "seconds", seconds, "s", CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "fused_events_per_core_s",
                  (double)mix->events * 1e9 / (double)run->cpu_ns, "events/s", CW_BENCH_NO_HOLD, 0);
    cw_bench_real(report, "core_share", (double)run->cpu_ns / (double)run->wall_ns, "",
                  CW_BENCH_NO_HOLD, 0);
    int64_t behind_log = 0;
    for (size_t i = 0; i < LINKS_MAX; i++)
        behind_log += run->link_ns[i];
    each(report, "cpu_ns", run->cpu_ns, mix->events, "ns/event");
    each(report, "ingest_ns", run->cpu_ns - behind_log, mix->events, "ns/event");
    each(report, "dedup_ns", run->link_ns[0], mix->events, "ns/event");
    each(report, "link_ns", run->link_ns[1], mix->events, "ns/event");
    each(report, "detect_ns", run->link_ns[2], mix->events, "ns/event");
    each(report, "sink_ns", run->link_ns[3], mix->events, "ns/event");
}

static void report_work(const struct run *run, const struct mix *mix)
{
    const struct cw_bench_report *report = run->report;
    const struct cw_totals *totals = &run->last.totals;
    each(report, "entries_scanned", cw_total_get(totals, "detect.entries_scanned"), mix->events,
         "per event");
    worst(run, "entries_scanned_over_1000", "detect.scanned_le_1k", "detect.scanned_gt_1k");
    each(report, "records_recomputed", cw_total_get(totals, "link.records_recomputed"), mix->events,
         "per event");
    worst(run, "records_recomputed_over_1000", "link.units_recomputed_le_1000",
          "link.units_recomputed_gt_1000");
    each(report, "contributions", cw_total_get(totals, "detect.members"), mix->events, "per event");
    cw_bench_count(report, "rows_formatted", run->last.rows, "rows");
    cw_bench_count(report, "alerts", (int64_t)cw_export_count(run->last.export), "rows");
}

static void report_mix(const struct run *run, const struct mix *mix)
{
    const struct cw_bench_report *report = run->report;
    const struct cw_totals *totals = &run->last.totals;
    cw_bench_text(report, "mix",
                  run->settings->source != NULL ? run->settings->source : run->settings->mix);
    cw_bench_text(report, "log", run->settings->log);
    cw_bench_count(report, "rules", (int64_t)cw_rules_count(run->rules), "rules");
    cw_bench_count(report, "core", run->core, "");
    cw_bench_count(report, "events", mix->events, "events");
    each(report, "bytes", mix->bytes, mix->events, "per event");
    each(report, "values", mix->values, mix->events, "per event");
    each(report, "parts", mix->parts, mix->events, "per event");
    each(report, "keys", mix->keys, mix->events, "per event");
    each(report, "disorder", mix->behind, mix->events, "of events");
    each(report, "withdrawals", mix->withdrawals, mix->events, "of events");
    each(report, "duplicates", cw_total_get(totals, "dedup.duplicate"), mix->events, "of events");
    cw_bench_count(report, "resident_events", cw_total_get(totals, "dedup.facts"), "events");
    cw_bench_count(report, "resident_records", cw_total_get(totals, "link.records"), "records");
    cw_bench_count(report, "resident_entities", cw_total_get(totals, "link.entities"), "entities");
    cw_bench_count(report, "resident_entries", cw_total_get(totals, "detect.entries"), "entries");
    cw_bench_count(report, "resident_keys", cw_total_get(totals, "detect.lines"), "keys");
    cw_bench_count(report, "log_bytes", (int64_t)cw_log_end(run->log), "bytes");
    cw_bench_count(report, "peak_resident_bytes", run->peak, "bytes");
}

static int report(const struct run *run)
{
    char digest[SHA256_HEX];
    struct mix mix = { 0 };
    if (!read_mix(run->log, &mix) || mix.events == 0) {
        cw_error("the log has no events, or cannot be read back: %s", cw_log_error(run->log));
        return CW_EXIT_DAMAGED;
    }
    if (!digest_export(run->last.export, digest)) {
        cw_error("the canonical export cannot be made");
        return CW_EXIT_FAILED;
    }
    report_mix(run, &mix);
    report_work(run, &mix);
    report_speed(run, &mix);
    cw_bench_text(run->report, "digest", digest);
    return CW_EXIT_OK;
}

static int run_chain(struct run *run)
{
    struct cw_ingest_settings settings = { .tick_every = TICK };
    run->last.export = cw_export_new(run->log);
    struct cw_fused *fused =
        cw_fused_new(&run->secret, run->log, run->rules,
                     (struct cw_chain_link){ &last_stage, &run->last }, run->settings->batch);
    cw_chain_time(fused->chain, run->link_ns, LINKS_MAX);
    struct cw_ingest *ingest = cw_ingest_new(&run->secret, run->log, run->sources, &settings);
    run->core = cw_bench_pin();
    cw_bench_reset_peak();
    int64_t begin = cw_bench_wall_ns();
    run->begin_cpu = cw_bench_cpu_ns();
    int status = ingest != NULL ? cw_fused_run(fused, ingest, &cw_stop) : CW_EXIT_FAILED;
    run->wall_ns = cw_bench_wall_ns() - begin;
    run->cpu_ns = cw_bench_cpu_ns() - run->begin_cpu;
    run->peak = cw_bench_peak();
    if (status == CW_EXIT_OK)
        status = report(run);
    cw_ingest_free(ingest);
    cw_fused_free(fused);
    cw_export_stage.free(run->last.export);
    cw_buf_done(&run->last.marks);
    return status;
}

static struct cw_log *open_log(const struct cw_bench_settings *settings, const char *room)
{
    char dir[8192];
    char error[512];
    if (strcmp(settings->log, "memory") == 0)
        return cw_log_memory();
    snprintf(dir, sizeof(dir), "%s/log", room);
    struct cw_log *log = cw_log_write(dir, error, sizeof(error));
    if (log == NULL)
        cw_error("%s", error);
    return log;
}

static struct cw_sources *open_sources(const struct cw_bench_settings *settings, const char *room)
{
    char spec[8192];
    snprintf(spec, sizeof(spec), "%s/events", room);
    struct cw_sources *sources = cw_sources_new();
    if (cw_sources_add(sources, settings->source != NULL ? settings->source : spec))
        return sources;
    cw_sources_free(sources);
    return NULL;
}

int cw_bench_chain(const struct cw_bench_settings *settings,
                   const struct cw_bench_report *report_to)
{
    char room[4096];
    int status = CW_EXIT_FAILED;
    struct run *run = cw_new(struct run);
    run->settings = settings;
    run->report = report_to;
    run->rules = cw_rules_arg(settings->rules);
    if (run->rules == NULL || !cw_secret_from_environment(&run->secret) ||
        !cw_bench_room_make(room))
        goto out;
    if (settings->source != NULL || cw_bench_generate(settings, room)) {
        run->sources = open_sources(settings, room);
        run->log = run->sources != NULL ? open_log(settings, room) : NULL;
        if (run->log != NULL)
            status = run_chain(run);
    }
    cw_log_close(run->log);
    cw_sources_free(run->sources);
    cw_bench_room_remove(room);
out:
    cw_rules_free(run->rules);
    free(run);
    return status;
}

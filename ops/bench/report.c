/*
 * report.c - measures as lines, and the clocks and figures of the system they are taken from.
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/json.h"
#include "operators/runtime/logging.h"
#include "ops/bench/bench.h"

/* --- measures --- */

/* One line of JSON: value and hold are JSON already. */
static void put_json(const struct cw_bench_report *report, const char *measure, cw_str value,
                     const char *unit, cw_str hold, const char *holds)
{
    struct cw_buf line = { 0 };
    struct cw_json json = cw_json(&line);
    cw_json_str(&json, cw_cstr(measure));
    fprintf(report->out, "{\"measure\":%.*s", (int)line.len, (const char *)line.data);
    fprintf(report->out, ",\"value\":%.*s,\"unit\":\"%s\",\"hold\":%.*s,\"holds\":%s}\n",
            CW_STR_ARG(value), unit, CW_STR_ARG(hold), holds);
    cw_buf_done(&line);
}

static void put_line(const struct cw_bench_report *report, const char *measure, const char *value,
                     const char *unit, const char *hold, const char *holds)
{
    fprintf(report->out, "%-34s %18s  %-16s %-14s %s\n", measure, value, unit, hold, holds);
}

void cw_bench_text(const struct cw_bench_report *report, const char *measure, const char *value)
{
    struct cw_buf text = { 0 };
    struct cw_json json = cw_json(&text);
    cw_json_str(&json, cw_cstr(value));
    if (report->json)
        put_json(report, measure, (cw_str){ (const char *)text.data, text.len }, "",
                 cw_cstr("null"), "null");
    else
        put_line(report, measure, value, "", "", "");
    cw_buf_done(&text);
    fflush(report->out);
}

void cw_bench_count(const struct cw_bench_report *report, const char *measure, int64_t value,
                    const char *unit)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, value);
    if (report->json)
        put_json(report, measure, cw_cstr(text), unit, cw_cstr("null"), "null");
    else
        put_line(report, measure, text, unit, "", "");
    fflush(report->out);
}

void cw_bench_real(const struct cw_bench_report *report, const char *measure, double value,
                   const char *unit, enum cw_bench_hold kind, double hold)
{
    char text[64];
    char bound[64] = "";
    const char *holds = "null";
    snprintf(text, sizeof(text), isfinite(value) ? "%.6g" : "null", value);
    if (kind != CW_BENCH_NO_HOLD) {
        const char *sign = kind == CW_BENCH_AT_LEAST ? ">= " : "<= ";
        snprintf(bound, sizeof(bound), "%s%.6g", report->json ? "" : sign, hold);
        bool met = kind == CW_BENCH_AT_LEAST ? value >= hold : value <= hold;
        if (isfinite(value))
            holds = met ? "true" : "false";
    }
    if (report->json)
        put_json(report, measure, cw_cstr(text), unit, cw_cstr(bound[0] != '\0' ? bound : "null"),
                 holds);
    else
        put_line(report, measure, text, unit, bound,
                 strcmp(holds, "null") == 0   ? ""
                 : strcmp(holds, "true") == 0 ? "holds"
                                              : "NOT HELD");
    fflush(report->out);
}

/* --- the system --- */

static int64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t cw_bench_wall_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t cw_bench_cpu_ns(void)
{
    return now(CLOCK_THREAD_CPUTIME_ID);
}

int cw_bench_pin(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return -1;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) == 0 ? cpu : -1;
    }
    return -1;
}

int64_t cw_bench_peak(void)
{
    char line[256];
    int64_t peak = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtoll(line + 6, NULL, 10) * 1024;
    }
    if (file != NULL)
        fclose(file);
    return peak;
}

void cw_bench_reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL)
        return; /* the peak then includes what was generated before: it is no less than true */
    fputs("5", file);
    fclose(file);
}

/* --- a room --- */

bool cw_bench_room_make(char path[4096])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, 4096, "%.4000s/crosswatch-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(path) != NULL)
        return true;
    cw_error("%s: cannot make it: %s", path, strerror(errno));
    return false;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    (void)remove(path);
    return 0;
}

void cw_bench_room_remove(const char *path)
{
    enum { OPEN_MAX_DIRS = 16 };
    (void)nftw(path, remove_one, OPEN_MAX_DIRS, FTW_DEPTH | FTW_PHYS);
}

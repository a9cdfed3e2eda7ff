#include "operators/runtime/logging.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "operators/runtime/json.h"
#include "operators/runtime/time.h"

static const char *stage_name = "crosswatch";

void cw_log_stage(const char *stage)
{
    stage_name = stage;
}

/* The one clock behind ingest: it stamps lines for people and reaches no output. */
static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * CW_SECOND + ts.tv_nsec / 1000;
}

CW_PRINTF(2, 0) static void line(const char *level, const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof(text), format, args);
    struct cw_buf buf = { 0 };
    struct cw_json json = cw_json(&buf);
    cw_json_open(&json, '{');
    cw_json_ktime(&json, "time", now());
    cw_json_kcstr(&json, "level", level);
    cw_json_kcstr(&json, "stage", stage_name);
    cw_json_kint(&json, "pid", getpid());
    cw_json_kcstr(&json, "msg", text);
    cw_json_close(&json, '}');
    cw_buf_u8(&buf, '\n');
    /* One write, so that the lines of several processes do not mix. */
    if (write(STDERR_FILENO, buf.data, buf.len) < 0) {
        /* nowhere left to say it */
    }
    cw_buf_done(&buf);
}

#define LINE_OF(level)                                                                             \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    line(level, format, args);                                                                     \
    va_end(args)

void cw_info(const char *format, ...)
{
    LINE_OF("info");
}

void cw_warn(const char *format, ...)
{
    LINE_OF("warn");
}

void cw_error(const char *format, ...)
{
    LINE_OF("error");
}

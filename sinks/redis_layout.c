#include "sinks/redis_layout.h"

#include <stdio.h>

#include "operators/runtime/time.h"

static bool made_of(const char *text, const char *allowed, size_t max)
{
    size_t len = strlen(text);
    return len > 0 && len <= max && strspn(text, allowed) == len;
}

static const char *deployment_or_default(const char *deployment)
{
    return deployment != NULL ? deployment : "crosswatch";
}

bool cw_redis_deployment_ok(const char *deployment)
{
    return made_of(deployment_or_default(deployment),
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", 64);
}

bool cw_redis_audience_ok(const char *audience)
{
    return made_of(audience, "abcdefghijklmnopqrstuvwxyz0123456789-", CW_REDIS_AUDIENCE_LEN);
}

bool cw_redis_prefix(const char *deployment, const char *audience, char out[CW_REDIS_PREFIX])
{
    const char *name = audience != NULL ? audience : "all";
    out[0] = '\0';
    if (!cw_redis_deployment_ok(deployment) || !cw_redis_audience_ok(name))
        return false;
    snprintf(out, CW_REDIS_PREFIX, "cw:{%s}:a:%s:", deployment_or_default(deployment), name);
    return true;
}

bool cw_redis_state_key(const char *deployment, char out[CW_REDIS_PREFIX])
{
    out[0] = '\0';
    if (!cw_redis_deployment_ok(deployment))
        return false;
    snprintf(out, CW_REDIS_PREFIX, "cw:{%s}:sink", deployment_or_default(deployment));
    return true;
}

int64_t cw_redis_time(int64_t micros)
{
    const int64_t limit = INT64_C(499999999999999);
    int64_t millis = cw_floor_div(micros, 1000);
    return millis < -limit ? -limit : millis > limit ? limit : millis;
}

int64_t cw_redis_priority(uint8_t level, int64_t last)
{
    /* at most 4.5 * 10^15 < 2^53: a double holds it exactly */
    return level * INT64_C(1000000000000000) + cw_redis_time(last);
}

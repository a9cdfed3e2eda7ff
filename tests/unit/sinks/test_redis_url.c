#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "operators/runtime/row.h"
#include "operators/runtime/time.h"
#include "sinks/redis_client.h"
#include "sinks/redis_layout.h"

static struct cw_redis_url parsed(const char *text)
{
    struct cw_redis_url url;
    char error[256] = "";
    if (!cw_redis_url_parse(text, &url, error, sizeof(error)))
        fail_msg("%s: %s", text, error);
    return url;
}

static void a_host_alone_has_the_usual_port(void **state)
{
    (void)state;
    struct cw_redis_url url = parsed("redis://example.org");
    assert_string_equal(url.host, "example.org");
    assert_int_equal(url.port, 6379);
    assert_int_equal(url.db, 0);
    assert_string_equal(url.password, "");
    assert_string_equal(url.shown, "redis://example.org:6379/0");
}

static void all_parts_are_read(void **state)
{
    (void)state;
    struct cw_redis_url url = parsed("redis://sink:p%40ss%3aword@10.0.0.1:7000/12");
    assert_string_equal(url.user, "sink");
    assert_string_equal(url.password, "p@ss:word");
    assert_string_equal(url.host, "10.0.0.1");
    assert_int_equal(url.port, 7000);
    assert_int_equal(url.db, 12);
}

static void a_password_is_in_no_message(void **state)
{
    (void)state;
    assert_null(strstr(parsed("redis://:hunter2@h").shown, "hunter2"));
    assert_string_equal(parsed("redis://:hunter2@h").password, "hunter2");
    struct cw_redis_url url;
    char error[256] = "";
    assert_false(cw_redis_url_parse("redis://:hunter2@h:port", &url, error, sizeof(error)));
    assert_true(error[0] != '\0');
    assert_null(strstr(error, "hunter2"));
    assert_null(strstr(url.shown, "hunter2"));
}

static void sockets_and_ipv6_are_read(void **state)
{
    (void)state;
    assert_string_equal(parsed("unix:/run/redis.sock").path, "/run/redis.sock");
    assert_string_equal(parsed("unix:///run/redis.sock?db=3").path, "/run/redis.sock");
    assert_int_equal(parsed("unix:///run/redis.sock?db=3").db, 3);
    assert_string_equal(parsed("redis://[::1]:7000").host, "::1");
    assert_int_equal(parsed("redis://[::1]:7000").port, 7000);
    assert_int_equal(parsed("redis://[::1]").port, 6379);
}

static void what_is_no_url_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "localhost:6379", "http://h",     "rediss://h",        "redis://",
        "redis://h:", "redis://h:0",    "redis://h:x",  "redis://h:99999",   "redis://h/x",
        "unix:",      "unix:relative",  "unix:/s?x=1",  "redis://nocolon@h", "redis://:%4@h",
        "unix:/s?db", "redis://:%00@h", "redis://[::1", "redis://[::1]x",    "redis://:6379",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cw_redis_url url;
        char error[256] = "";
        if (cw_redis_url_parse(bad[i], &url, error, sizeof(error)))
            fail_msg("taken for a URL: %s", bad[i]);
        assert_true(strlen(error) > 10);
    }
}

static void deployments_and_audiences_are_words(void **state)
{
    (void)state;
    char prefix[CW_REDIS_PREFIX];
    assert_true(cw_redis_prefix(NULL, NULL, prefix));
    assert_string_equal(prefix, "cw:{crosswatch}:a:all:");
    assert_true(cw_redis_prefix("eu-1.test_2", "dk-1", prefix));
    assert_string_equal(prefix, "cw:{eu-1.test_2}:a:dk-1:");
    assert_true(cw_redis_state_key("eu-1.test_2", prefix));
    assert_string_equal(prefix, "cw:{eu-1.test_2}:sink");
    static const char *const no_deployments[] = {
        "", "a}b", "a b", "0123456789012345678901234567890123456789012345678901234567890123x"
    };
    for (size_t i = 0; i < sizeof(no_deployments) / sizeof(no_deployments[0]); i++) {
        assert_false(cw_redis_prefix(no_deployments[i], NULL, prefix));
        assert_false(cw_redis_state_key(no_deployments[i], prefix));
    }
    static const char *const no_audiences[] = {
        "", "DK", "d:k", "d*", "d k", "d?k", "012345678901234567890123456789012"
    };
    for (size_t i = 0; i < sizeof(no_audiences) / sizeof(no_audiences[0]); i++)
        assert_false(cw_redis_prefix(NULL, no_audiences[i], prefix));
}

static void priority_is_level_then_last_time_exactly(void **state)
{
    (void)state;
    const int64_t times[] = { CW_TIME_MIN, -CW_DAY, 0, 1000, 1577836800 * CW_SECOND, CW_TIME_MAX };
    int64_t before = INT64_MIN;
    for (uint8_t level = CW_LEVEL_INFO; level <= CW_LEVEL_CRITICAL; level++) {
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
            int64_t priority = cw_redis_priority(level, times[i]);
            assert_true(priority > before);
            assert_true((int64_t)(double)priority == priority);
            assert_true((int64_t)(double)(priority + 1) == priority + 1);
            before = priority;
        }
    }
    assert_int_equal(cw_redis_time(-1), -1);
    assert_int_equal(cw_redis_time(1999), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_alone_has_the_usual_port),
        cmocka_unit_test(all_parts_are_read),
        cmocka_unit_test(a_password_is_in_no_message),
        cmocka_unit_test(sockets_and_ipv6_are_read),
        cmocka_unit_test(what_is_no_url_is_refused_with_a_sentence),
        cmocka_unit_test(deployments_and_audiences_are_words),
        cmocka_unit_test(priority_is_level_then_last_time_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

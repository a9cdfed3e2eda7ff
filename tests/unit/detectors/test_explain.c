/* test_explain.c - what the engine tells those who ask is what it judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detectors/explain.h"
#include "operators/runtime/time.h"
#include "tests/support/scene.h"

static const char two_in_an_hour[] = "title: Any advertisement\n"
                                     "name: any_ad\n"
                                     "logsource: {category: online_ad}\n"
                                     "detection:\n"
                                     "  here: {country: RO}\n"
                                     "  condition: here\n"
                                     "---\n"
                                     "title: Two of one country\n"
                                     "name: two_of_one\n"
                                     "id: d09c4ac9-f052-4abb-92a9-0d47cd21472b\n"
                                     "level: high\n"
                                     "correlation:\n"
                                     "  type: event_count\n"
                                     "  rules: [any_ad]\n"
                                     "  group-by: [country]\n"
                                     "  match: raw\n"
                                     "  timespan: 1h\n"
                                     "  condition: {gte: 2}\n";

struct scene {
    struct cw_rules *rules;
    struct cw_scene *scene;
    struct cw_arena *arena;
};

static int make_scene(void **state)
{
    static struct scene made;
    struct cw_buf errors = { 0 };
    made.rules = cw_rules_parse("rule.yaml", cw_cstr(two_in_an_hour), &errors);
    if (made.rules == NULL)
        fail_msg("%.*s", (int)errors.len, (const char *)errors.data);
    cw_buf_done(&errors);
    made.scene = cw_scene_new(made.rules, 7);
    made.arena = cw_arena_new();
    *state = &made;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *scene = *state;
    cw_scene_free(scene->scene);
    cw_rules_free(scene->rules);
    cw_arena_free(scene->arena);
    return 0;
}

/* An advertisement in RO, so many minutes after a full hour; audience NULL: everybody. */
static void ad(struct scene *scene, const char *id, int64_t minutes, const char *audience)
{
    struct cw_event event;
    cw_str only = cw_cstr(audience != NULL ? audience : "");
    cw_event_defaults(&event);
    event.owner = cw_cstr("RO-X");
    event.event_id = cw_cstr(id);
    event.version = 1;
    event.op = cw_cstr("create");
    event.event_type = cw_cstr("online_ad");
    event.event_time = INT64_C(1700000000) / 3600 * 3600 * CW_SECOND + minutes * CW_MINUTE;
    event.recorded_at = event.event_time;
    event.country = cw_cstr("RO");
    if (audience != NULL) {
        event.handling.present = true;
        event.handling.audience = &only;
        event.handling.audience_count = 1;
    }
    event.type = cw_type_by_name(event.event_type);
    event.detail_type = event.type;
    struct cw_value detail[CW_TYPE_FIELDS_MAX] = { { 0 } };
    event.detail = detail;
    cw_scene_event(scene->scene, &event);
    cw_scene_tick(scene->scene);
}

/* The alert's id as the readings of the last event name it. */
static const struct cw_told_finding *found_by(const struct cw_told *told, size_t at)
{
    assert_non_null(told);
    assert_true(at < told->finding_count);
    return &told->findings[at];
}

static struct cw_id alert_in(struct scene *scene)
{
    struct cw_buf alerts = { 0 };
    struct cw_id id;
    cw_scene_alerts(scene->scene, &alerts);
    cw_buf_u8(&alerts, 0);
    const char *at = strstr((const char *)alerts.data, "\"id\":\"");
    assert_non_null(at);
    assert_true(cw_id_parse((cw_str){ at + 6, 32 }, &id));
    cw_buf_done(&alerts);
    return id;
}

static struct cw_told *why(struct scene *scene, struct cw_id alert)
{
    return cw_detect_why(cw_scene_detect(scene->scene), alert, NULL, cw_scene_log(scene->scene),
                         scene->arena);
}

static void each_anchor_has_its_own_window(void **state)
{
    struct scene *scene = *state;
    ad(scene, "late", 55, NULL);
    ad(scene, "first", 0, NULL);
    ad(scene, "next", 30, NULL);
    struct cw_told *told = why(scene, alert_in(scene));
    assert_int_equal(told->member_count, 3);
    assert_int_equal(told->anchor_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(told->anchors[i].values[0], i + 1);
        assert_int_equal(told->anchors[i].satisfied, i > 0);
    }
    assert_true(cw_str_is(told->members[0].event_id, "first"));
    assert_true(cw_str_is(told->members[2].event_id, "late"));
    assert_true(cw_str_is(told->keys[0].text, "RO"));
    assert_false(told->keys[0].is_entity);
    assert_int_equal(found_by(told, 0)->row.evidence_count, 3);
    assert_int_equal(found_by(told, 0)->row.values[0], 3);
}

static void asking_changes_nothing(void **state)
{
    struct scene *scene = *state;
    ad(scene, "a", 0, NULL);
    ad(scene, "b", 30, NULL);
    struct cw_id alert = alert_in(scene);
    struct cw_told *once = why(scene, alert), *again = why(scene, alert);
    assert_int_equal(once->anchor_count, again->anchor_count);
    assert_true(cw_id_eq(found_by(once, 0)->row.alert, found_by(again, 0)->row.alert));
    uint64_t digest = cw_scene_digest(scene->scene, 2);
    cw_scene_tick(scene->scene);
    assert_true(cw_id_eq(alert_in(scene), alert));
    assert_int_equal(cw_scene_total(scene->scene, "detect.rows_sent"), 1);
    assert_true(digest != cw_scene_digest(scene->scene, 2)); /* the tick and its close */
}

static void what_nobody_may_see_is_told_as_withheld(void **state)
{
    struct scene *scene = *state;
    ad(scene, "a", 0, NULL);
    ad(scene, "b", 30, "ro");
    struct cw_id alert = alert_in(scene);
    assert_null(found_by(why(scene, alert), 0)->withheld);
    ad(scene, "c", 40, "fr");
    const struct cw_told_finding *finding = found_by(why(scene, alert), 0);
    assert_string_equal(finding->withheld, "no_audience");
    assert_int_equal(finding->row.evidence_count, 3);
}

static void what_never_was_has_no_answer(void **state)
{
    struct scene *scene = *state;
    ad(scene, "a", 0, NULL);
    ad(scene, "b", 59, NULL);
    assert_null(why(scene, (struct cw_id){ { 1 } }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_anchor_has_its_own_window),
        TEST(asking_changes_nothing),
        TEST(what_nobody_may_see_is_told_as_withheld),
        TEST(what_never_was_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_order.c - the order promise over the whole chain: what stands at the end is a function of
 * what was admitted, whatever the order, the batches and the ticks; adding and taking away is never
 * having added; what runs on is what starts fresh; and the same log gives the same frames.
 *
 * A world is small on purpose: few phones, documents and days, so that events meet, persons merge,
 * split and conflict, and windows end where others begin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/runtime/arena.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"
#include "support/dice.h"
#include "support/scene.h"

enum { SEEDS = 20, STREAM_MAX = 600, SUBJECTS = 80, DAYS = 40, RETENTION_DAY = 25 };

static const char rules_text[] =
    "{title: Ads, name: ads, logsource: {category: online_ad},\n"
    "  detection: {seen: {owner|exists: true}, condition: seen}}\n"
    "---\n"
    "{title: Ads in RO, name: ads_ro, logsource: {category: online_ad},\n"
    "  detection: {ro: {country: RO}, condition: ro}}\n"
    "---\n"
    "{title: Crossings, name: crossings, logsource: {category: border_crossing},\n"
    "  detection: {seen: {owner|exists: true}, condition: seen}}\n"
    "---\n"
    "{title: Openings, name: openings, logsource: {category: account_open},\n"
    "  detection: {seen: {owner|exists: true}, condition: seen}}\n"
    "---\n"
    "{title: Notices, name: notices, logsource: {category: notice},\n"
    "  detection: {seen: {owner|exists: true}, condition: seen}}\n"
    "---\n"
    "{title: Red notices, name: reds, logsource: {category: notice},\n"
    "  detection: {red: {notice.colour: red}, condition: red}}\n"
    "---\n"
    "{title: A phone often, id: 00000000-0000-4000-8000-000000000001, level: low,\n"
    "  correlation: {type: event_count, rules: [ads], group-by: [party.contact.id.phone],\n"
    "    timespan: 7d, condition: {gte: 4}}}\n"
    "---\n"
    "{title: A phone and several persons, id: 00000000-0000-4000-8000-000000000002, level: high,\n"
    "  correlation: {type: value_count, rules: [ads], group-by: [party.contact.id.phone],\n"
    "    timespan: 10d, condition: {field: party.person.entity, gte: 3}}}\n"
    "---\n"
    "{title: A person in several countries, id: 00000000-0000-4000-8000-000000000003,\n"
    "  level: medium, correlation: {type: value_count, rules: [ads, crossings],\n"
    "    group-by: [party.traveller.entity], timespan: 15d, condition: {field: country, gte: 2}}}\n"
    "---\n"
    "{title: A person often, id: 00000000-0000-4000-8000-000000000004, level: low,\n"
    "  correlation: {type: event_count, rules: [crossings], group-by: [party.traveller.entity],\n"
    "    match: exact, timespan: 5d, condition: {gte: 2}},\n"
    "  crosswatch: {suppress: {for: 12d}, evidence: {keep: 3}}}\n"
    "---\n"
    "{title: A person and a country, id: 00000000-0000-4000-8000-000000000005, level: low,\n"
    "  correlation: {type: value_count, rules: [ads_ro], group-by: [party.person.entity, "
    "country],\n"
    "    timespan: 20d, condition: {field: party.contact.id.phone, gte: 2}}}\n"
    "---\n"
    "{title: A passport by raw value, id: 00000000-0000-4000-8000-000000000006, level: low,\n"
    "  correlation: {type: event_count, rules: [crossings],\n"
    "    group-by: [party.traveller.id.passport], timespan: 9d, condition: {gt: 1}}}\n"
    "---\n"
    "{title: A wanted person travels, id: 00000000-0000-4000-8000-000000000007, level: critical,\n"
    "  correlation: {type: standing, rules: [crossings], on: [reds],\n"
    "    group-by: [party.traveller.entity], lookback: 10d}}\n"
    "---\n"
    "{title: A person of a notice opens an account, id: 00000000-0000-4000-8000-000000000008,\n"
    "  level: high, correlation: {type: standing, rules: [openings], on: [notices],\n"
    "    group-by: [party.holder.entity], lookback: 20d}}\n";

/* --- the world --- */

struct world {
    uint64_t seed;
    struct dice dice;
    struct cw_arena *arena;
    const struct cw_event *stream[STREAM_MAX];
    size_t count;
    bool retains;  /* some facts end: R is RETENTION_DAY at the end of every run */
    size_t number; /* of subjects, for ids */
    const char *prefix;
};

static cw_str text(struct world *w, const char *format, size_t number)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return cw_arena_printf(w->arena, format, number);
#pragma GCC diagnostic pop
}

static void add_id(struct world *w, struct cw_part *part, const char *kind, const char *issuer,
                   cw_str value)
{
    struct cw_identifier *ids = cw_arena_alloc(w->arena, (part->id_count + 1) * sizeof(*part->ids));
    if (part->id_count != 0)
        memcpy(ids, part->ids, part->id_count * sizeof(*ids));
    part->ids = ids;
    part->ids[part->id_count++] =
        (struct cw_identifier){ .kind = cw_cstr(kind), .issuer = cw_cstr(issuer), .value = value };
}

static void make_person(struct world *w, const char *role, struct cw_part *part)
{
    static const char *const names[] = { "Ana Pop", "Bea Ionescu", "ana POP", "Dan" };
    static const char *const births[] = { "1980-01-02", "1980-02-01", "1991", "1975-12-31" };
    static const char *const issuers[] = { "XX", "YY" };
    *part = (struct cw_part){ .role = cw_cstr(role), .kind = cw_cstr("person") };
    if (dice_chance(&w->dice, 35))
        add_id(w, part, "national_id", issuers[dice_below(&w->dice, 2)],
               text(w, "N%zu", dice_below(&w->dice, 4)));
    if (dice_chance(&w->dice, 55))
        add_id(w, part, "passport", "XX", text(w, "P%zu", dice_below(&w->dice, 7)));
    if (dice_chance(&w->dice, 20))
        add_id(w, part, "passport", "XX", text(w, "P%zu", dice_below(&w->dice, 7)));
    if (dice_chance(&w->dice, 5))
        add_id(w, part, "national_id", "XX", text(w, "N%zu", dice_below(&w->dice, 4)));
    if (dice_chance(&w->dice, 25)) {
        part->names = cw_arena_alloc(w->arena, sizeof(*part->names));
        part->names[part->name_count++] =
            (struct cw_name){ .full = cw_cstr(names[dice_below(&w->dice, 4)]),
                              .kind = cw_cstr("primary"),
                              .folded = cw_cstr("") };
    }
    if (dice_chance(&w->dice, 20)) {
        part->birth_dates = cw_arena_alloc(w->arena, sizeof(*part->birth_dates));
        part->birth_dates[part->birth_date_count++] = cw_cstr(births[dice_below(&w->dice, 4)]);
    }
}

static struct cw_part *parts(struct world *w, size_t count)
{
    return cw_arena_alloc(w->arena, count * sizeof(struct cw_part));
}

static void make_notice(struct world *w, struct cw_event *event)
{
    static const char *const colours[] = { "red", "sanctions" };
    const struct cw_type *type = event->type;
    int64_t from = (int64_t)dice_below(&w->dice, DAYS) * CW_DAY;
    event->party_count = 1 + dice_below(&w->dice, 2);
    event->parties = parts(w, event->party_count);
    for (size_t i = 0; i < event->party_count; i++)
        make_person(w, dice_chance(&w->dice, 90) ? "subject" : "relative", &event->parties[i]);
    event->detail[cw_type_field(type, cw_cstr("colour"))] =
        (struct cw_value){ .present = true, .text = cw_cstr(colours[dice_below(&w->dice, 2)]) };
    event->detail[cw_type_field(type, cw_cstr("valid_from"))] =
        (struct cw_value){ .present = true, .number = from };
    struct cw_value *to = &event->detail[cw_type_field(type, cw_cstr("valid_to"))];
    struct cw_value *cancelled = &event->detail[cw_type_field(type, cw_cstr("cancelled_at"))];
    to->present = dice_chance(&w->dice, 70);
    to->number = from + (int64_t)(1 + dice_below(&w->dice, 30)) * CW_DAY;
    cancelled->present = dice_chance(&w->dice, 25);
    cancelled->number = from + (int64_t)dice_below(&w->dice, 20) * CW_DAY;
}

/* Who is in it, where and when; what names the event, and recorded_at, stays. */
static void make_content(struct world *w, struct cw_event *event)
{
    static const char *const countries[] = { "RO", "DE", "AT" };
    event->event_time = (int64_t)dice_below(&w->dice, DAYS) * CW_DAY;
    if (dice_chance(&w->dice, 30))
        event->event_time += (int64_t)dice_below(&w->dice, 24) * CW_HOUR;
    event->country = cw_cstr(dice_chance(&w->dice, 85) ? countries[dice_below(&w->dice, 3)] : NULL);
    event->detail_type = event->type;
    event->detail = cw_arena_alloc(w->arena, CW_TYPE_FIELDS_MAX * sizeof(*event->detail));
    event->object_count = 0;
    if (cw_str_is(event->event_type, "notice")) {
        make_notice(w, event);
    } else if (cw_str_is(event->event_type, "online_ad")) {
        event->party_count = 1 + dice_below(&w->dice, 4);
        event->parties = parts(w, event->party_count);
        event->parties[0] =
            (struct cw_part){ .role = cw_cstr("contact"), .kind = cw_cstr("person") };
        add_id(w, &event->parties[0], "phone", NULL,
               text(w, "+4070000000%zu", 1 + dice_below(&w->dice, 3)));
        if (dice_chance(&w->dice, 10))
            add_id(w, &event->parties[0], "phone", NULL, cw_cstr("+40700000001"));
        for (size_t i = 1; i < event->party_count; i++)
            make_person(w, "person", &event->parties[i]);
    } else if (cw_str_is(event->event_type, "border_crossing")) {
        event->party_count = 1;
        event->parties = parts(w, 1);
        make_person(w, "traveller", &event->parties[0]);
        event->object_count = dice_below(&w->dice, 2);
        event->objects = parts(w, 1);
        event->objects[0] =
            (struct cw_part){ .role = cw_cstr("document"), .kind = cw_cstr("document") };
        add_id(w, &event->objects[0], "passport", "XX", text(w, "P%zu", dice_below(&w->dice, 7)));
    } else {
        event->party_count = 1 + dice_below(&w->dice, 2);
        event->parties = parts(w, event->party_count);
        for (size_t i = 0; i < event->party_count; i++)
            make_person(w, "holder", &event->parties[i]);
        event->object_count = 1;
        event->objects = parts(w, 1);
        event->objects[0] =
            (struct cw_part){ .role = cw_cstr("account"), .kind = cw_cstr("account") };
        add_id(w, &event->objects[0], "account", NULL, text(w, "ACC%zu", dice_below(&w->dice, 5)));
    }
}

static void admit(struct world *w, const struct cw_event *event)
{
    struct cw_event *kept = cw_arena_alloc(w->arena, sizeof(*kept));
    *kept = *event;
    if (w->count == STREAM_MAX)
        fail_msg("a world has more than %d events", STREAM_MAX);
    w->stream[w->count++] = kept;
}

static void withdraw(struct world *w, struct cw_event event, int64_t version)
{
    event.version = version;
    event.op = cw_cstr("withdraw");
    event.party_count = 0;
    event.object_count = 0;
    event.detail = NULL;
    event.detail_type = NULL;
    event.retain_until.present = false;
    admit(w, &event);
}

static struct cw_event new_event(struct world *w)
{
    static const char *const types[] = { "online_ad",       "online_ad",    "border_crossing",
                                         "border_crossing", "account_open", "notice" };
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr(dice_chance(&w->dice, 70) ? "O" : "P");
    event.event_id = cw_arena_printf(w->arena, "%s%zu", w->prefix, w->number++);
    event.event_type = cw_cstr(types[dice_below(&w->dice, 6)]);
    event.type = cw_type_by_name(event.event_type);
    make_content(w, &event);
    event.recorded_at = event.event_time;
    if (w->retains && dice_chance(&w->dice, 40)) {
        event.retain_until.present = true;
        event.retain_until.number =
            event.recorded_at + (int64_t)dice_below(&w->dice, DAYS) * CW_DAY;
    }
    return event;
}

/* One event with all that becomes of it. */
static void make_subject(struct world *w)
{
    struct cw_event event = new_event(w);
    admit(w, &event);
    if (dice_chance(&w->dice, 20))
        admit(w, &event); /* a repeat */
    if (dice_chance(&w->dice, 10)) {
        struct cw_event conflict = event;
        make_content(w, &conflict);
        admit(w, &conflict);
    }
    if (dice_chance(&w->dice, 10)) {
        struct cw_event other = event;
        other.owner = cw_cstr("Q");
        admit(w, &other);
    }
    while (dice_chance(&w->dice, 25)) {
        event.version++;
        if (dice_chance(&w->dice, 30)) /* only what no rule reads */
            event.language = text(w, "x%zu", (size_t)event.version);
        else
            make_content(w, &event);
        admit(w, &event);
    }
    if (dice_chance(&w->dice, 20)) {
        event.version += (int64_t)dice_below(&w->dice, 2);
        withdraw(w, event, event.version);
        if (dice_chance(&w->dice, 40)) {
            event.version++;
            make_content(w, &event);
            admit(w, &event);
        }
    }
}

static struct world *new_world(uint64_t seed)
{
    struct world *w = cw_new(struct world);
    w->seed = seed;
    w->dice.state = seed * 104729;
    w->arena = cw_arena_new();
    w->retains = seed % 2 == 0;
    w->prefix = "e";
    while (w->number < SUBJECTS)
        make_subject(w);
    return w;
}

static void free_world(struct world *w)
{
    cw_arena_free(w->arena);
    free(w);
}

/* --- runs --- */

enum when { FROM_THE_START, AT_THE_END, RISING, WHENS };

struct run {
    size_t batch;
    size_t tick; /* admitted events a tick */
    enum when retention;
};

struct result {
    struct cw_buf alerts;
    struct cw_buf entities;
    uint64_t digests[CW_SCENE_LINKS];
    int64_t sizes[6]; /* what is held at the end */
};

static const char *const sizes[] = { "link.records",   "link.entities",  "detect.lines",
                                     "detect.entries", "detect.records", "detect.values" };

/* What happened over all runs of the program, so that none of it is vacuous. */
static struct cw_totals happened;

static const char *const counted[] = {
    "dedup.duplicate", "dedup.stale_version",   "dedup.version_conflict",
    "dedup.amended",   "dedup.withdrawn",       "dedup.withdraw_unknown",
    "dedup.expired",   "dedup.retention_ended", "link.merges",
    "link.splits",     "detect.rows_gone",      "detect.weak_key",
};

static struct cw_rules *rules;

static void set_retention(const struct world *w, struct cw_scene *scene, enum when when,
                          size_t done, size_t all)
{
    int64_t last = RETENTION_DAY * CW_DAY;
    if (!w->retains || (when == AT_THE_END && done < all))
        return;
    cw_scene_retention(scene, when == RISING ? last * (int64_t)done / (int64_t)all : last);
}

static void read_result(struct cw_scene *scene, struct result *out)
{
    out->alerts.len = 0;
    out->entities.len = 0;
    cw_scene_alerts(scene, &out->alerts);
    cw_scene_entities(scene, &out->entities);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        out->sizes[i] = cw_scene_total(scene, sizes[i]);
}

static void run(const struct world *w, const size_t *order, size_t count, struct run how,
                struct result *out)
{
    struct cw_scene *scene = cw_scene_new(rules, how.batch);
    if (how.retention == FROM_THE_START) {
        set_retention(w, scene, how.retention, 0, count);
        cw_scene_tick(scene);
    }
    for (size_t i = 0; i < count; i++) {
        cw_scene_event(scene, w->stream[order[i]]);
        if ((i + 1) % how.tick == 0) {
            set_retention(w, scene, how.retention, i + 1, count);
            cw_scene_tick(scene);
        }
    }
    set_retention(w, scene, how.retention, count, count);
    cw_scene_tick(scene);
    cw_scene_end(scene);
    read_result(scene, out);
    for (size_t i = 0; i < CW_SCENE_LINKS; i++)
        out->digests[i] = cw_scene_digest(scene, i);
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
        *cw_total(&happened, counted[i]) += cw_scene_total(scene, counted[i]);
    cw_scene_free(scene);
}

static void free_result(struct result *result)
{
    cw_buf_done(&result->alerts);
    cw_buf_done(&result->entities);
}

static size_t lines(const struct cw_buf *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->len; i++)
        count += text->data[i] == '\n';
    return count;
}

/* Says where two exports part: the first line that is not the same. */
static void same_text(const char *what, const char *of, const struct cw_buf *expected,
                      const struct cw_buf *found)
{
    size_t line = 0;
    size_t at = 0;
    while (at < expected->len && at < found->len && expected->data[at] == found->data[at]) {
        at++;
        line = expected->data[at - 1] == '\n' ? at : line;
    }
    if (at == expected->len && at == found->len)
        return;
    size_t rest_expected = expected->len - line;
    size_t rest_found = found->len - line;
    const uint8_t *end_expected = memchr(expected->data + line, '\n', rest_expected);
    const uint8_t *end_found = memchr(found->data + line, '\n', rest_found);
    fail_msg("%s: %s differ (%zu lines, %zu expected); expected\n%.*s\nfound\n%.*s", what, of,
             lines(found), lines(expected),
             end_expected != NULL ? (int)(end_expected - expected->data - line) : 0,
             (const char *)expected->data + line,
             end_found != NULL ? (int)(end_found - found->data - line) : 0,
             (const char *)found->data + line);
}

static void same(const char *what, const struct result *expected, const struct result *found)
{
    same_text(what, "entities", &expected->entities, &found->entities);
    same_text(what, "alerts", &expected->alerts, &found->alerts);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (expected->sizes[i] != found->sizes[i])
            fail_msg("%s: %s: expected %lld, found %lld", what, sizes[i],
                     (long long)expected->sizes[i], (long long)found->sizes[i]);
    }
}

static void in_order(size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
}

/* --- the properties --- */

static const size_t batches[] = { 1, 7, 64, 512 };
static const size_t ticks[] = { 1, 5, 1000 };

static void order_batches_and_ticks_do_not_show(void **state)
{
    (void)state;
    size_t alerts = 0;
    size_t continuing = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = new_world(seed);
        size_t order[STREAM_MAX];
        struct result expected = { 0 };
        struct result found = { 0 };
        in_order(order, w->count);
        run(w, order, w->count, (struct run){ 512, 1000, AT_THE_END }, &expected);
        alerts += lines(&expected.alerts);
        cw_buf_u8(&expected.alerts, '\0');
        for (const char *at = (const char *)expected.alerts.data;
             (at = strstr(at, "\"continues\":true")) != NULL; at++)
            continuing++;
        expected.alerts.len--;
        for (size_t t = 0; t < sizeof(ticks) / sizeof(ticks[0]); t++) {
            uint64_t digests[CW_SCENE_LINKS] = { 0 };
            enum when when = (enum when)((seed / 2 + t) % WHENS);
            dice_shuffle(&w->dice, order, w->count);
            for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
                char what[120];
                snprintf(what, sizeof(what), "seed %llu, batch %zu, tick %zu, retention %d",
                         (unsigned long long)seed, batches[b], ticks[t], (int)when);
                run(w, order, w->count, (struct run){ batches[b], ticks[t], when }, &found);
                same(what, &expected, &found);
                if (b == 0)
                    memcpy(digests, found.digests, sizeof(digests));
                for (size_t i = 0; i < CW_SCENE_LINKS; i++) {
                    if (digests[i] != found.digests[i])
                        fail_msg("%s: the frames of stage %zu are not those of batches of 1", what,
                                 i);
                }
            }
        }
        free_result(&expected);
        free_result(&found);
        free_world(w);
    }
    print_message("%zu alerts, %zu of them continue another\n", alerts, continuing);
    assert_true(alerts >= 25 * SEEDS);
    assert_true(continuing >= 2 * SEEDS);
}

static void a_running_view_is_that_of_a_fresh_run(void **state)
{
    enum { EVERY = 20 };
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = new_world(seed);
        size_t order[STREAM_MAX];
        struct result running = { 0 };
        struct result fresh = { 0 };
        w->retains = false; /* R may not stand still and rise */
        in_order(order, w->count);
        dice_shuffle(&w->dice, order, w->count);
        struct cw_scene *scene = cw_scene_new(rules, 7);
        for (size_t i = 0; i < w->count; i++) {
            char what[80];
            cw_scene_event(scene, w->stream[order[i]]);
            if ((i + 1) % EVERY != 0)
                continue;
            cw_scene_tick(scene);
            read_result(scene, &running);
            size_t sofar[STREAM_MAX];
            memcpy(sofar, order, (i + 1) * sizeof(*sofar));
            dice_shuffle(&w->dice, sofar, i + 1);
            run(w, sofar, i + 1, (struct run){ 64, 1000, AT_THE_END }, &fresh);
            snprintf(what, sizeof(what), "seed %llu, after %zu events", (unsigned long long)seed,
                     i + 1);
            same(what, &fresh, &running);
        }
        cw_scene_free(scene);
        free_result(&running);
        free_result(&fresh);
        free_world(w);
    }
}

/* Which of `w`'s stream come, with the strangers and their end between them at any place. */
static size_t mix(struct world *w, size_t own, size_t *order)
{
    /* Strangers stand behind `own` in pairs: content, then its withdrawal. */
    size_t count = w->count;
    in_order(order, count);
    dice_shuffle(&w->dice, order, count);
    size_t where[STREAM_MAX];
    for (size_t i = 0; i < count; i++)
        where[order[i]] = i;
    for (size_t i = own; i + 1 < count; i += 2) {
        if (where[i] > where[i + 1]) { /* the content first, so that it was there */
            order[where[i]] = i + 1;
            order[where[i + 1]] = i;
        }
    }
    return count;
}

static void what_came_and_went_leaves_nothing(void **state)
{
    enum { STRANGERS = 15 };
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = new_world(seed);
        size_t order[STREAM_MAX];
        struct result without = { 0 };
        struct result with = { 0 };
        size_t own = w->count;
        in_order(order, own);
        run(w, order, own, (struct run){ 512, 1000, AT_THE_END }, &without);
        w->prefix = "stranger";
        for (size_t i = 0; i < STRANGERS; i++) {
            struct cw_event event = new_event(w);
            event.retain_until.present = false;
            admit(w, &event);
            withdraw(w, event, 2);
        }
        for (size_t t = 0; t < sizeof(ticks) / sizeof(ticks[0]); t++) {
            char what[80];
            size_t count = mix(w, own, order);
            snprintf(what, sizeof(what), "seed %llu, tick %zu, with strangers",
                     (unsigned long long)seed, ticks[t]);
            run(w, order, count, (struct run){ 64, ticks[t], AT_THE_END }, &with);
            same(what, &without, &with);
        }
        free_result(&without);
        free_result(&with);
        free_world(w);
    }
}

static void an_amendment_that_is_amended_back_leaves_nothing(void **state)
{
    enum { CHANGED = 10 };
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = new_world(seed);
        size_t order[STREAM_MAX];
        struct result before = { 0 };
        struct result after = { 0 };
        struct cw_event events[CHANGED];
        w->prefix = "changed";
        for (size_t i = 0; i < CHANGED; i++) {
            events[i] = new_event(w);
            admit(w, &events[i]);
        }
        in_order(order, w->count);
        run(w, order, w->count, (struct run){ 512, 1000, AT_THE_END }, &before);
        for (size_t i = 0; i < CHANGED; i++) {
            struct cw_event other = events[i];
            other.version = 2;
            make_content(w, &other);
            admit(w, &other);
        }
        for (size_t i = 0; i < CHANGED; i++) {
            events[i].version = 3;
            admit(w, &events[i]);
        }
        for (size_t t = 0; t < sizeof(ticks) / sizeof(ticks[0]); t++) {
            char what[80];
            in_order(order, w->count);
            if (t != 0)
                dice_shuffle(&w->dice, order, w->count);
            snprintf(what, sizeof(what), "seed %llu, tick %zu, amended and back",
                     (unsigned long long)seed, ticks[t]);
            run(w, order, w->count, (struct run){ 7, ticks[t], AT_THE_END }, &after);
            same(what, &before, &after);
        }
        free_result(&before);
        free_result(&after);
        free_world(w);
    }
}

static void when_all_is_withdrawn_nothing_is_held(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = new_world(seed);
        size_t order[STREAM_MAX];
        struct result result = { 0 };
        size_t own = w->count;
        for (size_t i = 0; i < own; i++)
            withdraw(w, *w->stream[i], 99);
        in_order(order, w->count);
        dice_shuffle(&w->dice, order, w->count);
        run(w, order, w->count, (struct run){ 64, 5, AT_THE_END }, &result);
        const struct result nothing = { 0 };
        char what[40];
        snprintf(what, sizeof(what), "seed %llu, all withdrawn", (unsigned long long)seed);
        same(what, &nothing, &result);
        free_result(&result);
        free_world(w);
    }
}

/* Runs last. A property over runs in which nothing happens says nothing. */
static void enough_happened(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        int64_t count = cw_total_get(&happened, counted[i]);
        print_message("%-24s %lld\n", counted[i], (long long)count);
        if (count < 20 * SEEDS)
            fail_msg("%s: only %lld in all runs", counted[i], (long long)count);
    }
}

static int load(void **state)
{
    struct cw_buf errors = { 0 };
    (void)state;
    rules = cw_rules_parse("rules", cw_cstr(rules_text), &errors);
    if (rules == NULL)
        print_error("%.*s", (int)errors.len, (const char *)errors.data);
    cw_buf_done(&errors);
    return rules != NULL ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    cw_rules_free(rules);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_batches_and_ticks_do_not_show),
        cmocka_unit_test(a_running_view_is_that_of_a_fresh_run),
        cmocka_unit_test(what_came_and_went_leaves_nothing),
        cmocka_unit_test(an_amendment_that_is_amended_back_leaves_nothing),
        cmocka_unit_test(when_all_is_withdrawn_nothing_is_held),
        cmocka_unit_test(enough_happened),
    };
    return cmocka_run_group_tests(tests, load, unload);
}

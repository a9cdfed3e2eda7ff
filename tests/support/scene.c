#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/normalise.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/restriction.h"
#include "operators/runtime/time.h"
#include "ops/fused.h"
#include "sinks/export.h"

/* A part of a fact in force, as link sent it. */
struct mention {
    struct cw_id identity;
    uint16_t part;
    bool weak;
};

struct cw_scene {
    struct cw_secret secret;
    struct cw_normaliser *normaliser;
    struct cw_contract *contract;
    struct cw_restrictions *restrictions; /* with the numbers that the log gives them */
    uint32_t restriction_count;
    struct cw_log *log;
    struct cw_export *export;
    struct cw_fused *fused;
    struct cw_tick tick;
    struct cw_buf frame;
    struct cw_buf body;
    struct mention *mentions;
    size_t mention_count;
    size_t mention_cap;
    uint64_t digests[CW_SCENE_LINKS];
    struct cw_totals totals; /* of the last close */
};

static void append(struct cw_scene *scene, const struct cw_frame *header, const struct cw_key *keys,
                   size_t key_count, const void *body, size_t len)
{
    scene->frame.len = 0;
    (void)cw_frame_put(&scene->frame, header, keys, key_count, body, len);
    (void)cw_log_append(scene->log, cw_frame_at(&scene->frame, 0));
}

static void name(struct cw_scene *scene, enum cw_name_space space, uint32_t number, cw_str text)
{
    scene->body.len = 0;
    cw_named_put(&scene->body, space, number, text);
    append(scene, &(struct cw_frame){ .kind = CW_NAME }, NULL, 0, scene->body.data,
           scene->body.len);
}

static void pump(struct cw_scene *scene, bool all)
{
    int status = cw_fused_pump(scene->fused, all);
    if (status != CW_EXIT_OK)
        fail_msg("the chain ended with status %d", status);
}

/* --- what the stages send --- */

static void add_mention(struct cw_scene *scene, struct cw_id identity, const struct cw_key *key)
{
    if (scene->mention_count == scene->mention_cap) {
        scene->mention_cap = scene->mention_cap != 0 ? 2 * scene->mention_cap : 64;
        scene->mentions =
            cw_realloc(scene->mentions, scene->mention_cap * sizeof(*scene->mentions));
    }
    scene->mentions[scene->mention_count++] =
        (struct mention){ identity, key->part, (key->flags & CW_KEY_WEAK) != 0 };
}

static struct mention *find_mention(const struct cw_scene *scene, struct cw_id identity,
                                    int64_t part)
{
    for (size_t i = 0; i < scene->mention_count; i++) {
        if (scene->mentions[i].part == part && cw_id_eq(scene->mentions[i].identity, identity))
            return &scene->mentions[i];
    }
    return NULL;
}

static void note_mentions(struct cw_scene *scene, const struct cw_frame *frame)
{
    const struct cw_key *keys = cw_frame_keys(frame);
    for (size_t i = 0; i < frame->key_count; i++) {
        if ((keys[i].flags & CW_KEY_RECORD) == 0)
            continue;
        struct mention *found = find_mention(scene, frame->identity, keys[i].part);
        if ((found == NULL) != (frame->sign > 0))
            fail_msg("link sent a fact that was there already, or took back one that was not");
        if (found != NULL)
            *found = scene->mentions[--scene->mention_count];
        else
            add_mention(scene, frame->identity, &keys[i]);
    }
}

static void tap(void *context, size_t link, const struct cw_frame *frame)
{
    enum { LINK = 1, LAST = CW_SCENE_LINKS - 1 };
    struct cw_scene *scene = context;
    if (link >= CW_SCENE_LINKS)
        return;
    const uint8_t *bytes = (const uint8_t *)frame;
    uint64_t digest = scene->digests[link];
    for (uint32_t i = 0; i < frame->length; i++) /* FNV-1a */
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    scene->digests[link] = digest;
    if (link == LINK && frame->kind == CW_EVENT)
        note_mentions(scene, frame);
    struct cw_close close;
    if (link >= LINK && frame->kind == CW_CLOSE && cw_close_get(frame, &close))
        scene->totals = close.totals;
}

/* --- driving it --- */

struct cw_scene *cw_scene_new(const struct cw_rules *rules, size_t batch)
{
    struct cw_scene *scene = cw_new(struct cw_scene);
    cw_secret_init(&scene->secret, cw_cstr("crosswatch-test"));
    scene->normaliser = cw_normaliser_new(&scene->secret);
    scene->contract = cw_contract_default();
    scene->restrictions = cw_restrictions_new();
    scene->log = cw_log_memory();
    scene->export = cw_export_new(scene->log);
    struct cw_chain_link last = { rules != NULL ? &cw_export_stage : NULL, scene->export };
    scene->fused = cw_fused_new(&scene->secret, scene->log, rules, last, batch);
    cw_chain_set_tap(scene->fused->chain, tap, scene);
    scene->tick.retention = CW_TIME_MIN;
    for (size_t type = 0; type <= CW_TYPES_MAX; type++)
        scene->tick.frontier[type] = CW_TIME_MIN;
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        name(scene, CW_NAME_TYPE, type, cw_cstr(cw_type_by_number(type)->name));
    name(scene, CW_NAME_SOURCE, 1, cw_cstr("scene"));
    name(scene, CW_NAME_OWNER, 1, cw_cstr("scene"));
    return scene;
}

void cw_scene_free(struct cw_scene *scene)
{
    if (scene == NULL)
        return;
    cw_fused_free(scene->fused);
    cw_export_stage.free(scene->export);
    cw_log_close(scene->log);
    cw_contract_free(scene->contract);
    cw_restrictions_free(scene->restrictions);
    cw_normaliser_free(scene->normaliser);
    cw_buf_done(&scene->frame);
    cw_buf_done(&scene->body);
    free(scene->mentions);
    free(scene);
}

static uint32_t restriction_number(struct cw_scene *scene, const struct cw_event *restricted)
{
    if (restricted == NULL)
        return CW_RESTRICTION_NONE;
    struct cw_buf text = { 0 };
    cw_restriction_of_event(restricted, &text);
    uint32_t number =
        cw_restriction_intern(scene->restrictions, (cw_str){ (const char *)text.data, text.len });
    if (number == UINT32_MAX)
        fail_msg("the event demands more than an event may");
    if (number > scene->restriction_count) {
        scene->restriction_count = number;
        name(scene, CW_NAME_RESTRICTION, number, (cw_str){ (const char *)text.data, text.len });
    }
    cw_buf_done(&text);
    return number;
}

void cw_scene_event(struct cw_scene *scene, const struct cw_event *event)
{
    struct cw_normal normal;
    struct cw_reason reason;
    scene->body.len = 0;
    cw_event_write(event, &scene->body);
    cw_str body = { (const char *)scene->body.data, scene->body.len };
    if (!cw_normalise(scene->normaliser, scene->contract, body, 0, &normal, &reason))
        fail_msg("event %.*s: %s: %s: %s", CW_STR_ARG(event->event_id), reason.code, reason.field,
                 reason.sentence);
    normal.header.restriction = restriction_number(scene, normal.restricted);
    normal.header.source = 1;
    normal.header.owner = 1; /* numbers for readers of the log; the body has the owner itself */
    normal.header.offset = (int64_t)cw_log_end(scene->log);
    if (!event->retain_until.present && (normal.header.flags & CW_WITHDRAW) == 0)
        normal.header.retain_until = CW_TIME_MAX;
    append(scene, &normal.header, normal.keys, normal.key_count, normal.body.ptr, normal.body.len);
    pump(scene, false);
}

void cw_scene_retention(struct cw_scene *scene, int64_t retention)
{
    scene->tick.retention = retention;
}

void cw_scene_frontier(struct cw_scene *scene, uint16_t type, int64_t frontier)
{
    scene->tick.frontier[type] = frontier;
}

void cw_scene_tick(struct cw_scene *scene)
{
    scene->tick.n++;
    scene->body.len = 0;
    cw_tick_put(&scene->body, &scene->tick);
    append(scene, &(struct cw_frame){ .kind = CW_TICK }, NULL, 0, scene->body.data,
           scene->body.len);
    pump(scene, false);
}

void cw_scene_end(struct cw_scene *scene)
{
    append(scene, &(struct cw_frame){ .kind = CW_END }, NULL, 0, NULL, 0);
    pump(scene, true);
}

/* --- reading it --- */

static void read_back(bool (*write)(struct cw_scene *scene, FILE *file), struct cw_scene *scene,
                      struct cw_buf *out)
{
    char *text = NULL;
    size_t len = 0;
    pump(scene, true);
    FILE *file = open_memstream(&text, &len);
    CW_CHECK(file != NULL);
    bool written = write(scene, file);
    if (fclose(file) != 0 || !written)
        fail_msg("the export cannot be written: the log lacks what a row or a core rests on");
    cw_buf_put(out, text, len);
    free(text);
}

static bool write_alerts(struct cw_scene *scene, FILE *file)
{
    return cw_export_write(scene->export, file);
}

static bool write_entities(struct cw_scene *scene, FILE *file)
{
    return cw_link_export(scene->fused->link, scene->log, file);
}

void cw_scene_alerts(struct cw_scene *scene, struct cw_buf *out)
{
    read_back(write_alerts, scene, out);
}

void cw_scene_entities(struct cw_scene *scene, struct cw_buf *out)
{
    read_back(write_entities, scene, out);
}

bool cw_scene_is_weak(struct cw_scene *scene, cw_str owner, cw_str event_id, int64_t part)
{
    const struct mention *found =
        find_mention(scene, cw_id_identity(&scene->secret, owner, event_id), part);
    return found == NULL || found->weak;
}

uint64_t cw_scene_digest(const struct cw_scene *scene, size_t link)
{
    return scene->digests[link];
}

int64_t cw_scene_total(const struct cw_scene *scene, const char *name)
{
    return cw_total_get(&scene->totals, name);
}

const struct cw_link *cw_scene_link(struct cw_scene *scene)
{
    pump(scene, true);
    return scene->fused->link;
}

struct cw_detect *cw_scene_detect(struct cw_scene *scene)
{
    pump(scene, true);
    return scene->fused->detect;
}

struct cw_log *cw_scene_log(struct cw_scene *scene)
{
    return scene->log;
}

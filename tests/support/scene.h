/*
 * scene.h - the chain as a test drives it: events made in C go through normalise into a log in
 * memory, and from there through dedup, link, detect and export, joined as `crosswatch replay`
 * joins them. What ingest would take from contracts and clocks (R, F, when to tick) the test says.
 *
 * A failing stage or an event that normalise refuses ends the running test.
 */
#ifndef CW_TESTS_SCENE_H
#define CW_TESTS_SCENE_H

#include "detectors/detect.h"
#include "operators/link/link.h"
#include "operators/runtime/event.h"
#include "operators/runtime/stage.h"

enum { CW_SCENE_LINKS = 3 }; /* dedup, link, detect: what they send is digested */

struct cw_scene;
/** `rules` is borrowed; NULL: the chain ends with link. The secret is crosswatch-test. */
struct cw_scene *cw_scene_new(const struct cw_rules *rules, size_t batch) CW_MUST_USE;
void cw_scene_free(struct cw_scene *scene); /* accepts NULL */

/** Appends the event. A missing retain_until is never. */
void cw_scene_event(struct cw_scene *scene, const struct cw_event *event) CW_NONNULL(1, 2);
/** R, and F of a type, in the ticks that follow; both -inf at first. */
void cw_scene_retention(struct cw_scene *scene, int64_t retention) CW_NONNULL(1);
void cw_scene_frontier(struct cw_scene *scene, uint16_t type, int64_t frontier) CW_NONNULL(1);
/** Appends a tick. Whole batches go down the chain; what does not fill one waits, as in a replay,
 *  until more comes or somebody reads. */
void cw_scene_tick(struct cw_scene *scene) CW_NONNULL(1);
/** Appends `end` and sends all. */
void cw_scene_end(struct cw_scene *scene) CW_NONNULL(1);

/** Sends what waits, then appends the canonical export to `out`: alerts.jsonl, entities.jsonl. */
void cw_scene_alerts(struct cw_scene *scene, struct cw_buf *out) CW_NONNULL(1, 2);
void cw_scene_entities(struct cw_scene *scene, struct cw_buf *out) CW_NONNULL(1, 2);
/** Whether the part of the fact in force states too little to be anyone in particular; also where
 *  there is no such part. */
bool cw_scene_is_weak(struct cw_scene *scene, cw_str owner, cw_str event_id, int64_t part)
    CW_NONNULL(1);
/** Sends what waits; link's view, and the log that it rests on. Both are the scene's. */
const struct cw_link *cw_scene_link(struct cw_scene *scene) CW_NONNULL(1);
struct cw_log *cw_scene_log(struct cw_scene *scene) CW_NONNULL(1);
/** Sends what waits; detect, to be asked, after which no more events may come. NULL without rules.
 */
struct cw_detect *cw_scene_detect(struct cw_scene *scene) CW_NONNULL(1);
/** A digest of all frames that the stage has sent so far, and a total of the last close. */
uint64_t cw_scene_digest(const struct cw_scene *scene, size_t link) CW_NONNULL(1);
int64_t cw_scene_total(const struct cw_scene *scene, const char *name) CW_NONNULL(1, 2);

#endif

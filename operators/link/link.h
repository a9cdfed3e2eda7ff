/*
 * link.h - who is the same: records, cores over one-of-a-kind identifiers, founding ids, `moved`
 * (SEMANTICS section 6, strata 0 and 2; an entity is a core for now).
 */
#ifndef CW_LINK_LINK_H
#define CW_LINK_LINK_H

#include <stdio.h>

#include "operators/runtime/log.h"
#include "operators/runtime/stage.h"

struct cw_link;
struct cw_link *cw_link_new(const struct cw_secret *secret) CW_MUST_USE;
extern const struct cw_stage cw_link_stage;
const struct cw_totals *cw_link_totals(const struct cw_link *link);

/** entities.jsonl: one line an entity with live support, lines sorted; owners and event ids from
 *  the log. */
bool cw_link_export(const struct cw_link *link, struct cw_log *log, FILE *file) CW_MUST_USE;

/*
 * Questions (explain.c). Who is meant: the id of a record, core or entity (32 hex digits), or a
 * mention as OWNER/EVENT_ID or OWNER/EVENT_ID/PART; parts are counted through parties, then
 * objects, from 0. Answers are text for people, or one JSON object. False: `error` says what was
 * expected, what was found, and what to do.
 */
enum { CW_LINK_ERROR = 512 };

/** An entity: its mentions, the identifiers they show, the edges that made it, what was held. */
bool cw_link_show(const struct cw_link *link, struct cw_log *log, cw_str who, bool json, FILE *file,
                  char error[CW_LINK_ERROR]) CW_MUST_USE;
/** Why two are one, or are not: what each states, the edges in their order, what was held for a
 *  conflict, what gave no edge and why. */
bool cw_link_why(const struct cw_link *link, struct cw_log *log, cw_str a, cw_str b, bool json,
                 FILE *file, char error[CW_LINK_ERROR]) CW_MUST_USE;

#endif

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
/** One entity by id, with its members, identifiers shared, owners, as JSON. False: there is none.
 */
bool cw_link_show(const struct cw_link *link, struct cw_log *log, struct cw_id entity,
                  FILE *file) CW_MUST_USE;

#endif

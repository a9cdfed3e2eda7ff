/*
 * frontier.h - how far event time has come: watermarks of sources, the frontier of each type.
 *
 * The watermark of source s for type t is the greatest time_lo of any point event of t admitted
 * from s, less the lateness that the contract of s gives t; -inf before there was one, +inf after
 * the end of s. F_t is the least watermark over the sources that declare t, and never falls. A type
 * that no source declares has F_t = +inf; so do standing types, which move nothing and for which
 * nothing waits.
 *
 * A source declares every point type for which its contract has a lateness, and a contract that
 * says nothing of a type has the default one. (A negative lateness is none: such a type is not
 * declared. An event of it is admitted all the same, and moves nothing.) To declare what never
 * comes costs memory until the source ends; not to declare what does come would call it late.
 *
 * F moves at ticks only: between two of them cw_frontier_at is a number that stands still.
 */
#ifndef CW_INGEST_FRONTIER_H
#define CW_INGEST_FRONTIER_H

#include "operators/runtime/event.h"
#include "operators/runtime/time.h"

struct cw_frontier;

/** For sources 0 .. sources-1, none of which declares anything yet. */
struct cw_frontier *cw_frontier_new(size_t sources) CW_MUST_USE;
void cw_frontier_free(struct cw_frontier *frontier); /* accepts NULL */
/** The source declares each point type whose lateness (by type number) is not negative. */
void cw_frontier_declare(struct cw_frontier *frontier, size_t source,
                         const int64_t lateness[CW_TYPES_MAX + 1]) CW_NONNULL(1, 3);
/** An event of the source was admitted. */
void cw_frontier_admit(struct cw_frontier *frontier, size_t source, uint16_t type, int64_t time_lo)
    CW_NONNULL(1);
/** The source is read to its end. */
void cw_frontier_end(struct cw_frontier *frontier, size_t source) CW_NONNULL(1);
/** A tick of the log had F_type = `time`: it is not less from here on. */
void cw_frontier_hold(struct cw_frontier *frontier, uint16_t type, int64_t time) CW_NONNULL(1);
/** A tick: every F_t becomes what the watermarks say, where that is more. */
void cw_frontier_advance(struct cw_frontier *frontier) CW_NONNULL(1);
/** F_t as of the last tick; -inf before the first. */
int64_t cw_frontier_at(const struct cw_frontier *frontier, uint16_t type) CW_NONNULL(1);

#endif

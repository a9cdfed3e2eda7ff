/*
 * contract.h - what a source promised: who may speak in it, in which schema, how late.
 *
 *     owners: [RO-IGPR, RO-PF]        # absent: any
 *     schema: ro-igpr.avsc            # relative to the contract; absent: the container's own
 *     schemas: schemas/               # a directory ID.avsc, for the Confluent header
 *     lateness: {default: 7d, border_crossing: 2h}
 *     skew: 10m                       # into the future; live sources
 *     defaults: {purposes: [combating-crime], handling: {codes: [H1], tlp: AMBER, audience: [all]}}
 */
#ifndef CW_INGEST_CONTRACT_H
#define CW_INGEST_CONTRACT_H

#include "operators/runtime/diag.h"
#include "operators/runtime/event.h"

struct cw_contract {
    char *name; /* of the file without .yaml, else "" */
    char *text; /* of the file, for the log; NULL for the default contract */
    cw_str *owners;
    size_t owner_count;
    char *schema_path; /* resolved; NULL: the container's own */
    char *schemas_dir; /* resolved; NULL */
    int64_t lateness[CW_TYPES_MAX + 1];
    int64_t skew;
    cw_str *purposes;
    size_t purpose_count;
    struct cw_handling handling;
    struct cw_arena *arena; /* all strings */
};

/** Any owner, its own schema, lateness 7 d, no restrictions. */
struct cw_contract *cw_contract_default(void) CW_MUST_USE;
/** NULL: `diag` has all mistakes, with their places. */
struct cw_contract *cw_contract_load(const char *path, struct cw_diag *diag) CW_MUST_USE;
/** The same from text that is in memory; `path` is its name, and what its paths are relative to. */
struct cw_contract *cw_contract_parse(const char *path, cw_str text,
                                      struct cw_diag *diag) CW_MUST_USE CW_NONNULL(1, 3);
void cw_contract_free(struct cw_contract *contract); /* accepts NULL */
bool cw_contract_allows(const struct cw_contract *contract, cw_str owner);

/** The field of a restriction that nobody could keep, for it is not known (codes[1], tlp, pap), and
 *  what was expected there. Absent: all are known. The text lives in `room`. */
cw_str cw_handling_fault(const struct cw_handling *handling, char room[32], const char **expected)
    CW_NONNULL(1, 2, 3);

#endif

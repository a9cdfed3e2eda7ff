/*
 * plan_op.h - the flat code of a plan: what plan.c compiles and plan_run.c executes.
 *
 * Code runs along the writer's bytes. Ops that leave a value as it is only move the cursor: what
 * lies between the last change and the cursor is *pending* and copied as one range when an op has
 * something to change, and at the end. So a datum under its own schema is one walk and one copy.
 * Skipping is the same code with the output off. What comes out is in Avro's one shortest form:
 * integers minimal, arrays and maps as one block.
 */
#ifndef CW_WIRE_PLAN_OP_H
#define CW_WIRE_PLAN_OP_H

#include "ingest/wire/plan.h"

enum {
    CW_PLAN_OPS_MAX = 65536,     /* also of branches, symbols and parts */
    CW_PLAN_DEPTH_MAX = 64,      /* records, arrays and maps within each other */
    CW_PLAN_ITEMS_MAX = 1000000, /* of all arrays and maps of a datum together */
    CW_PLAN_EMPTY_MAX = 65536    /* of those, items that take no bytes */
};

enum cw_op_code {
    CW_OP_RETURN, /* from a subroutine; from the outermost: the datum is complete */
    CW_OP_CALL,   /* a: the subroutine of a record */
    CW_OP_BOOLEAN,
    CW_OP_INT,
    CW_OP_LONG,
    CW_OP_FIXED, /* n bytes: float, double, fixed */
    CW_OP_STRING,
    CW_OP_BYTES,
    CW_OP_ENUM,            /* n symbols, the same index on both sides */
    CW_OP_OPTIONAL,        /* null under index `flag`: go on at a; else the value follows */
    CW_OP_OPTIONAL_STRING, /* the same, of a string */
    CW_OP_UNION,           /* n branches from a in branches[] */
    CW_OP_JUMP,            /* a */
    CW_OP_LOOP,            /* array or map; behind its end: a; flag: items take no bytes */
    CW_OP_NEXT,            /* end of an item */
    CW_OP_CONST,           /* n bytes from a in consts: a default, the index of a union */
    CW_OP_SKIP,            /* what follows is not in the reader's schema */
    CW_OP_KEEP,            /* end of that */
    CW_OP_ENUM_MAP,        /* n symbols, reader's indexes from a in symbols[] */
    CW_OP_TO_FLOAT,        /* from long; flag: from int. Below likewise */
    CW_OP_TO_DOUBLE,
    CW_OP_FLOAT_TO_DOUBLE,
    CW_OP_MICROS,    /* from milliseconds */
    CW_OP_MARK,      /* start of a record whose fields are ordered anew, and end of each */
    CW_OP_ORDER,     /* end of it: n parts from a in parts[], of flag-less count of marks */
    CW_OP_UNRESOLVED /* a branch that the reader's schema has no place for */
};

struct cw_op {
    uint8_t code; /* enum cw_op_code */
    uint8_t flag;
    uint16_t unused;
    uint32_t n;
    uint32_t a;
    uint32_t where; /* in names: the field, relative to the record or item it stands in */
};

struct cw_op_branch {
    uint32_t target;
    int32_t index; /* the reader's; -1: it has no union here */
};

/* A reader's field of a record ordered anew: the writer's field at `mark`, or a constant. */
struct cw_op_part {
    int32_t mark; /* -1: constant */
    uint32_t at;
    uint32_t len;
};

struct cw_plan {
    struct cw_op *ops;
    size_t op_count;
    struct cw_op_branch *branches;
    size_t branch_count;
    int32_t *symbols;
    size_t symbol_count;
    struct cw_op_part *parts; /* of each ORDER: first one whose mark is the number of marks */
    size_t part_count;
    struct cw_buf consts;
    struct cw_buf names; /* NUL-terminated; the first is empty */
};

#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/wire/plan_op.h"
#include "ingest/wire/utf8.h"
#include "operators/runtime/check.h"

/* A record (the call of a subroutine) or an array or map that is being read. */
struct frame {
    const struct cw_op *op;
    int64_t left;             /* items of this block */
    int64_t index;            /* of the item being read, over all blocks */
    const uint8_t *block_end; /* as the block states it; NULL: it does not */
    size_t count_at;          /* where in `out` the first count is, once nothing is pending */
    uint64_t first;           /* that count */
    uint64_t total;
};

struct run {
    const struct cw_plan *plan;
    const uint8_t *end;
    const uint8_t *pending; /* read, to be copied, not yet copied */
    struct cw_buf *out;
    size_t out_start;
    bool skipping;
    uint32_t depth;
    uint64_t items;
    uint64_t empties;
    struct cw_buf marks; /* uint32_t offsets from out_start */
    struct cw_buf scratch;
    struct cw_reason *reason;
    struct frame frames[CW_PLAN_DEPTH_MAX];
};

static const char *name_of(const struct run *run, const struct cw_op *op)
{
    return (const char *)run->plan->names.data + op->where;
}

/* The path of the writer's field at `op`: a segment for each frame, then its own name. */
static void field_path(const struct run *run, const struct cw_op *op, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i <= run->depth && len < size; i++) {
        const struct cw_op *at = i < run->depth ? run->frames[i].op : op;
        const char *name = name_of(run, at);
        const char *dot = *name != '\0' && len != 0 ? "." : "";
        int n = snprintf(out + len, size - len, "%s%s", dot, name);
        len += n > 0 ? (size_t)n : 0;
        if (i < run->depth && at->code == CW_OP_LOOP && len < size) {
            n = snprintf(out + len, size - len, "[%" PRId64 "]", run->frames[i].index);
            len += n > 0 ? (size_t)n : 0;
        }
    }
}

#define REJECT(run, op, code, ...)                                                                 \
    do {                                                                                           \
        char path_[CW_REASON_FIELD];                                                               \
        field_path(run, op, path_, sizeof(path_));                                                 \
        return cw_reject((run)->reason, code, path_, __VA_ARGS__);                                 \
    } while (0)

static bool fits(struct run *run, const struct cw_op *op, size_t more)
{
    if (more > CW_DATUM_MAX - (run->out->len - run->out_start))
        REJECT(run, op, "too_large", "the datum takes more than %d bytes", CW_DATUM_MAX);
    return true;
}

static bool put(struct run *run, const struct cw_op *op, const void *bytes, size_t len)
{
    if (run->skipping)
        return true;
    if (!fits(run, op, len))
        return false;
    cw_buf_put(run->out, bytes, len);
    return true;
}

/* Copies what is pending before `upto`; what follows is pending from `resume` on. */
static bool flush(struct run *run, const struct cw_op *op, const uint8_t *upto,
                  const uint8_t *resume)
{
    const uint8_t *from = run->pending;
    run->pending = resume;
    return put(run, op, from, (size_t)(upto - from));
}

static bool put_long(struct run *run, const struct cw_op *op, int64_t value)
{
    if (run->skipping)
        return true;
    if (!fits(run, op, 10))
        return false;
    cw_buf_avro_long(run->out, value);
    return true;
}

static inline int64_t unzigzag(uint64_t bits)
{
    return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}

/* Any length of number; *minimal: no shorter form has the same value. */
static bool read_long(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                      int64_t *value, bool *minimal)
{
    const uint8_t *in = *cursor;
    uint64_t bits = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (in == run->end)
            REJECT(run, op, "truncated", "the bytes end within a number");
        uint8_t byte = *in++;
        if (shift == 63 && byte > 1)
            REJECT(run, op, "bad_number", "a number of more than 64 bits");
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *minimal = byte != 0 || shift == 0;
            break;
        }
    }
    *cursor = in;
    *value = unzigzag(bits);
    return true;
}

/* A number that stays as it is: moves the cursor, and rewrites what is not minimal. */
static bool keep_long(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                      int64_t *value)
{
    const uint8_t *at = *cursor;
    bool minimal = false;
    if (!read_long(run, op, cursor, value, &minimal))
        return false;
    return minimal || (flush(run, op, at, *cursor) && put_long(run, op, *value));
}

/* A number that is dropped or changed: what lies before it is copied, it is not. */
static bool drop_long(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                      int64_t *value)
{
    const uint8_t *at = *cursor;
    bool minimal = false;
    return read_long(run, op, cursor, value, &minimal) && flush(run, op, at, *cursor);
}

static bool check_int(struct run *run, const struct cw_op *op, int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX)
        REJECT(run, op, "bad_number", "an int of more than 32 bits");
    return true;
}

static bool check_index(struct run *run, const struct cw_op *op, int64_t index)
{
    if (index >= 0 && index < (int64_t)op->n)
        return true;
    if (op->code == CW_OP_UNION)
        REJECT(run, op, "bad_union", "branch %" PRId64 " of a union of %u", index, op->n);
    REJECT(run, op, "bad_enum", "symbol %" PRId64 " of an enum of %u", index, op->n);
}

/* Length and bytes of a string or bytes, in full generality. */
static bool keep_text(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    int64_t len = 0;
    if (!keep_long(run, op, cursor, &len))
        return false;
    const uint8_t *text = *cursor;
    size_t left = (size_t)(run->end - text);
    if (len < 0)
        REJECT(run, op, "bad_length", "a length below zero");
    if ((uint64_t)len > left)
        REJECT(run, op, "truncated", "a length of %" PRId64 " where %zu bytes are left", len, left);
    *cursor += len;
    if (op->code != CW_OP_BYTES && !cw_ascii(text, (size_t)len, left) &&
        !cw_utf8_valid(text, (size_t)len))
        REJECT(run, op, "bad_utf8", "text of %" PRId64 " bytes is not UTF-8", len);
    return true;
}

/* The same, quick for lengths below 64. */
static inline bool take_text(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    const uint8_t *in = *cursor;
    size_t left = (size_t)(run->end - in);
    if (left != 0 && (*in & 0x81) == 0) {
        size_t len = *in >> 1;
        if (len < left && (cw_ascii(in + 1, len, left - 1) || op->code == CW_OP_BYTES)) {
            *cursor = in + 1 + len;
            return true;
        }
    }
    return keep_text(run, op, cursor);
}

static bool take_fixed(struct run *run, const struct cw_op *op, const uint8_t **cursor, size_t len)
{
    size_t left = (size_t)(run->end - *cursor);
    if (len > left)
        REJECT(run, op, "truncated", "a value of %zu bytes where %zu are left", len, left);
    *cursor += len;
    return true;
}

static bool take_boolean(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    if (!take_fixed(run, op, cursor, 1))
        return false;
    if ((*cursor)[-1] > 1)
        REJECT(run, op, "bad_boolean", "a boolean that is neither 0 nor 1");
    return true;
}

static size_t long_size(uint64_t value)
{
    size_t size = 1;
    for (uint64_t bits = value << 1; bits >= 0x80; bits >>= 7)
        size++;
    return size;
}

/* An array that came in several blocks was written as one: puts the whole count in front of it. */
static bool patch_count(struct run *run, const struct frame *frame)
{
    if (run->skipping)
        return true;
    size_t before = long_size(frame->first);
    size_t after = long_size(frame->total);
    if (!fits(run, frame->op, after - before))
        return false;
    cw_buf_extend(run->out, after - before);
    uint8_t *at = run->out->data + frame->count_at;
    size_t tail = run->out->len - frame->count_at - after;
    memmove(at + after, at + before, tail);
    struct cw_buf count = { 0 };
    cw_buf_avro_long(&count, (int64_t)frame->total);
    memcpy(at, count.data, count.len);
    cw_buf_done(&count);
    return true;
}

static bool count_items(struct run *run, const struct cw_op *op, uint64_t count)
{
    if (count > CW_PLAN_ITEMS_MAX - run->items ||
        (op->flag != 0 && count > CW_PLAN_EMPTY_MAX - run->empties))
        REJECT(run, op, "too_many_items", "arrays and maps of more than %d items in one datum",
               count > CW_PLAN_ITEMS_MAX - run->items ? CW_PLAN_ITEMS_MAX : CW_PLAN_EMPTY_MAX);
    run->items += count;
    run->empties += op->flag != 0 ? count : 0;
    return true;
}

/* The count of a block below zero: its size follows. */
static bool sized_block(struct run *run, struct frame *frame, const uint8_t **cursor,
                        int64_t *count)
{
    const struct cw_op *op = frame->op;
    int64_t size = 0;
    bool minimal = false;
    if (!read_long(run, op, cursor, &size, &minimal))
        return false;
    if (*count == INT64_MIN || size < 0)
        REJECT(run, op, "bad_length", "a block of items states an impossible count or size");
    if (size > run->end - *cursor)
        REJECT(run, op, "truncated", "a block of %" PRId64 " bytes where %zu are left", size,
               (size_t)(run->end - *cursor));
    *count = -*count;
    frame->block_end = *cursor + size;
    return true;
}

/* Reads the header of the first or next block; left 0: there are no more. */
static bool next_block(struct run *run, struct frame *frame, const uint8_t **cursor)
{
    const struct cw_op *op = frame->op;
    const uint8_t *at = *cursor;
    int64_t count = 0;
    bool minimal = false;
    if (frame->block_end != NULL && frame->block_end != at)
        REJECT(run, op, "bad_length", "a block of items is %td bytes off the size it states",
               at - frame->block_end);
    frame->block_end = NULL;
    if (!read_long(run, op, cursor, &count, &minimal))
        return false;
    bool sized = count < 0;
    if (sized && !sized_block(run, frame, cursor, &count))
        return false;
    if (count == 0 && frame->total != frame->first &&
        !(flush(run, op, at, at) && patch_count(run, frame)))
        return false;
    bool first = frame->total == 0;
    if ((first || count == 0) && (sized || !minimal) &&
        !(flush(run, op, at, *cursor) && put_long(run, op, count)))
        return false;
    if (!first && count != 0 && !flush(run, op, at, *cursor))
        return false;
    frame->left = count;
    frame->total += (uint64_t)count;
    if (first)
        frame->first = (uint64_t)count;
    return count_items(run, op, (uint64_t)count);
}

static bool too_deep(struct run *run, const struct cw_op *op)
{
    REJECT(run, op, "too_deep", "records, arrays and maps nest deeper than %d", CW_PLAN_DEPTH_MAX);
}

static inline bool open_call(struct run *run, const struct cw_op *op)
{
    if (run->depth == CW_PLAN_DEPTH_MAX)
        return too_deep(run, op);
    run->frames[run->depth++].op = op;
    return true;
}

/* The frame that a loop would have, not yet open; its first count is at `in`. */
static inline struct frame *loop_frame(struct run *run, const struct cw_op *op, const uint8_t *in)
{
    struct frame *frame = &run->frames[run->depth];
    frame->op = op;
    frame->index = 0;
    frame->block_end = NULL;
    frame->count_at = run->out->len + (size_t)(in - run->pending);
    frame->first = 0;
    frame->total = 0;
    return frame;
}

/* Opens an array or map that is not the one byte of an empty one. *more false: empty all the same.
 */
static inline bool open_loop(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                             bool *more)
{
    if (run->depth == CW_PLAN_DEPTH_MAX)
        return too_deep(run, op);
    const uint8_t *in = *cursor;
    struct frame *frame = loop_frame(run, op, in);
    if (in != run->end && (*in & 0x81) == 0 && op->flag == 0 &&
        run->items <= CW_PLAN_ITEMS_MAX - 64) { /* a count of one byte: nothing to be checked */
        frame->left = *in >> 1;
        frame->first = frame->total = *in >> 1;
        run->items += *in >> 1;
        run->depth++;
        *cursor = in + 1;
        *more = true;
        return true;
    }
    /* The frame is opened behind its header: a fault there is the field's, not an item's. */
    if (!next_block(run, frame, cursor))
        return false;
    *more = frame->left != 0;
    run->depth += *more;
    return true;
}

/* Behind an item: the next one, of this block or another; *more false: the loop is over. */
static inline bool next_item(struct run *run, struct frame *frame, const uint8_t **cursor,
                             bool *more)
{
    frame->index++;
    *more = true;
    if (--frame->left != 0)
        return true;
    run->depth--;
    const uint8_t *in = *cursor;
    if (in != run->end && *in == 0 && frame->block_end == NULL && frame->total == frame->first) {
        *cursor = in + 1;
        *more = false;
        return true;
    }
    if (!next_block(run, frame, cursor))
        return false;
    *more = frame->left != 0;
    run->depth += *more;
    return true;
}

static bool promote(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    int64_t value = 0;
    if (!drop_long(run, op, cursor, &value) || (op->flag != 0 && !check_int(run, op, value)))
        return false;
    float narrow = (float)value;
    double wide = (double)value;
    return op->code == CW_OP_TO_FLOAT ? put(run, op, &narrow, sizeof(narrow))
                                      : put(run, op, &wide, sizeof(wide));
}

static bool widen(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    const uint8_t *at = *cursor;
    float narrow;
    if (!take_fixed(run, op, cursor, sizeof(narrow)))
        return false;
    memcpy(&narrow, at, sizeof(narrow));
    double wide = (double)narrow;
    return flush(run, op, at, *cursor) && put(run, op, &wide, sizeof(wide));
}

static bool to_micros(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    int64_t value = 0;
    if (!drop_long(run, op, cursor, &value))
        return false;
    if (__builtin_mul_overflow(value, 1000, &value))
        REJECT(run, op, "bad_number", "a time in milliseconds that is beyond all microseconds");
    return put_long(run, op, value);
}

static bool map_symbol(struct run *run, const struct cw_op *op, const uint8_t **cursor)
{
    int64_t index = 0;
    if (!drop_long(run, op, cursor, &index) || !check_index(run, op, index))
        return false;
    int32_t symbol = run->plan->symbols[op->a + (uint64_t)index];
    if (symbol < 0)
        REJECT(run, op, "unresolved", "symbol %" PRId64 " is not in the reader's enum", index);
    return put_long(run, op, symbol);
}

/* Index of a union; where the reader has another, or none, it is written so. */
static bool take_branch(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                        const struct cw_op **next)
{
    const uint8_t *at = *cursor;
    int64_t index = 0;
    bool minimal = false;
    if (!read_long(run, op, cursor, &index, &minimal) || !check_index(run, op, index))
        return false;
    const struct cw_op_branch *branch = &run->plan->branches[op->a + (uint64_t)index];
    *next = run->plan->ops + branch->target;
    if (branch->index == index && minimal)
        return true;
    return flush(run, op, at, *cursor) && (branch->index < 0 || put_long(run, op, branch->index));
}

/* Index of an optional value that is not the one byte it should be. */
static bool take_optional(struct run *run, const struct cw_op *op, const uint8_t **cursor,
                          int64_t *index)
{
    if (!keep_long(run, op, cursor, index))
        return false;
    if (*index < 0 || *index > 1)
        REJECT(run, op, "bad_union", "branch %" PRId64 " of a union of 2", *index);
    return true;
}

static bool mark(struct run *run, const struct cw_op *op, const uint8_t *in)
{
    if (!flush(run, op, in, in))
        return false;
    cw_buf_u32(&run->marks, (uint32_t)(run->out->len - run->out_start));
    return true;
}

/* Puts the fields written since the first mark into the reader's order, constants between them. */
static bool order(struct run *run, const struct cw_op *op, const uint8_t *in)
{
    const struct cw_op_part *parts = run->plan->parts + op->a;
    size_t mark_bytes = (size_t)parts[0].mark * sizeof(uint32_t);
    CW_CHECK(mark_bytes != 0 && mark_bytes <= run->marks.len);
    if (!flush(run, op, in, in))
        return false;
    uint32_t *marks = (uint32_t *)(void *)(run->marks.data + run->marks.len - mark_bytes);
    size_t first = run->out_start + marks[0];
    run->scratch.len = 0;
    cw_buf_put(&run->scratch, run->out->data + first, run->out->len - first);
    run->out->len = first;
    for (uint32_t i = 1; i < op->n; i++) {
        const struct cw_op_part *part = &parts[i];
        bool constant = part->mark < 0;
        size_t at = constant ? part->at : marks[part->mark] - marks[0];
        size_t len = constant ? part->len : marks[part->mark + 1] - marks[part->mark];
        const struct cw_buf *from = constant ? &run->plan->consts : &run->scratch;
        if (len != 0 && !put(run, op, from->data + at, len))
            return false;
    }
    run->marks.len -= mark_bytes;
    return true;
}

static bool no_place(struct run *run, const struct cw_op *op)
{
    REJECT(run, op, "unresolved", "a branch of the writer's union that the reader's type lacks");
}

/* One switch, since it is what every byte of every event goes through. */
static bool walk(struct run *run, const uint8_t **cursor)
{
    const struct cw_op *const ops = run->plan->ops;
    const struct cw_op *op = ops;
    const uint8_t *in = *cursor;
    const uint8_t *const end = run->end;
    int64_t value = 0;
    bool more = false;
    for (;;) {
        const struct cw_op *next = op + 1;
        bool ok = true;
        switch ((enum cw_op_code)op->code) {
        case CW_OP_RETURN:
            if (run->depth == 0) {
                *cursor = in;
                return flush(run, op, in, in);
            }
            next = run->frames[--run->depth].op + 1;
            break;
        case CW_OP_CALL:
            ok = open_call(run, op);
            next = ops + op->a;
            break;
        case CW_OP_BOOLEAN:
            ok = take_boolean(run, op, &in);
            break;
        case CW_OP_INT:
            if (in != end && *in < 0x80)
                in++;
            else
                ok = keep_long(run, op, &in, &value) && check_int(run, op, value);
            break;
        case CW_OP_LONG:
            if (in != end && *in < 0x80)
                in++;
            else
                ok = keep_long(run, op, &in, &value);
            break;
        case CW_OP_FIXED:
            ok = take_fixed(run, op, &in, op->n);
            break;
        case CW_OP_STRING:
        case CW_OP_BYTES:
            ok = take_text(run, op, &in);
            break;
        case CW_OP_ENUM:
            ok = keep_long(run, op, &in, &value) && check_index(run, op, value);
            break;
        case CW_OP_OPTIONAL:
        case CW_OP_OPTIONAL_STRING:
            if (in == end || (*in & ~2) != 0) {
                ok = take_optional(run, op, &in, &value);
                if (!ok)
                    break;
            } else {
                value = *in++ >> 1;
            }
            if (value == op->flag)
                next = ops + op->a;
            else if (op->code == CW_OP_OPTIONAL_STRING)
                ok = take_text(run, op, &in);
            break;
        case CW_OP_UNION:
            ok = take_branch(run, op, &in, &next);
            break;
        case CW_OP_JUMP:
            next = ops + op->a;
            break;
        case CW_OP_LOOP:
            if (in != end && *in == 0) {
                in++;
                next = ops + op->a;
                break;
            }
            ok = open_loop(run, op, &in, &more);
            if (ok && !more)
                next = ops + op->a;
            break;
        case CW_OP_NEXT: {
            CW_CHECK(run->depth != 0); /* the loop's, which LOOP opened */
            struct frame *frame = &run->frames[run->depth - 1];
            ok = next_item(run, frame, &in, &more);
            next = ok && more ? frame->op + 1 : ops + frame->op->a;
            break;
        }
        case CW_OP_CONST:
            ok = flush(run, op, in, in) && put(run, op, run->plan->consts.data + op->a, op->n);
            break;
        case CW_OP_SKIP:
            ok = flush(run, op, in, in);
            run->skipping = true;
            break;
        case CW_OP_KEEP:
            run->skipping = false;
            run->pending = in;
            break;
        case CW_OP_ENUM_MAP:
            ok = map_symbol(run, op, &in);
            break;
        case CW_OP_TO_FLOAT:
        case CW_OP_TO_DOUBLE:
            ok = promote(run, op, &in);
            break;
        case CW_OP_FLOAT_TO_DOUBLE:
            ok = widen(run, op, &in);
            break;
        case CW_OP_MICROS:
            ok = to_micros(run, op, &in);
            break;
        case CW_OP_MARK:
            ok = mark(run, op, in);
            break;
        case CW_OP_ORDER:
            ok = order(run, op, in);
            break;
        case CW_OP_UNRESOLVED:
            return no_place(run, op);
        }
        if (!ok)
            return false;
        op = next;
    }
}

bool cw_plan_run(const struct cw_plan *plan, const uint8_t *bytes, size_t len, size_t *consumed,
                 struct cw_buf *out, struct cw_reason *reason)
{
    static const uint8_t nothing[1];
    const uint8_t *start = bytes != NULL ? bytes : nothing;
    struct run run CW_UNINITIALIZED; /* its frames would cost more to zero than a small datum */
    run.plan = plan;
    run.end = start + len;
    run.pending = start;
    run.out = out;
    run.out_start = out->len;
    run.skipping = false;
    run.depth = 0;
    run.items = 0;
    run.empties = 0;
    run.marks = (struct cw_buf){ 0 };
    run.scratch = (struct cw_buf){ 0 };
    run.reason = reason;
    const uint8_t *cursor = start;
    bool ok = walk(&run, &cursor);
    *consumed = (size_t)(cursor - start);
    cw_buf_done(&run.marks);
    cw_buf_done(&run.scratch);
    return ok;
}

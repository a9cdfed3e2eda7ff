#include "ingest/wire/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/wire/plan_op.h"
#include "ingest/wire/schema_node.h"
#include "operators/runtime/arena.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"

/*
 * Avro's resolution rules, read as Java reads them where they leave room: outside of unions a
 * record need not have the reader's name; in unions a name (without namespace) or an alias decides,
 * and where each side has just one record these two are meant. Of a reader's union the first
 * branch of the same type is taken, else the first that the value can be promoted to.
 */

/* A record of the writer to be read as one of the reader: one subroutine however often called. */
struct job {
    const struct cw_node *writer;
    const struct cw_node *reader;
    uint32_t start;
    char path[CW_REASON_FIELD]; /* of where it was first met, for messages */
};

/* Recursion follows types as written (capped by the parser); records are queued, not followed. */
struct compiler {
    struct cw_plan *plan;
    struct cw_reason *reason;
    struct job *jobs;
    size_t job_count;
    size_t job_cap;
    uint32_t where; /* of the next op */
    char path[CW_REASON_FIELD];
    size_t path_len;
    bool failed;
};

CW_PRINTF(2, 3) static bool mismatch(struct compiler *compiler, const char *format, ...)
{
    char sentence[CW_REASON_TEXT];
    if (compiler->failed)
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    compiler->failed = true;
    return cw_reject(compiler->reason, "schema_mismatch", compiler->path, "%s", sentence);
}

static size_t path_push(struct compiler *compiler, cw_str name, const char *suffix)
{
    size_t before = compiler->path_len;
    if (before < sizeof(compiler->path)) {
        const char *dot = name.len != 0 && before != 0 ? "." : "";
        int n = snprintf(compiler->path + before, sizeof(compiler->path) - before, "%s%.*s%s", dot,
                         CW_STR_ARG(name), suffix);
        compiler->path_len += n > 0 ? (size_t)n : 0;
    }
    return before;
}

static void path_pop(struct compiler *compiler, size_t before)
{
    compiler->path_len = before;
    if (before < sizeof(compiler->path))
        compiler->path[before] = '\0';
}

/* Room for `more` in an array that doubles; false when the plan grows out of all proportion. */
static bool room(struct compiler *compiler, void **array, size_t count, size_t more, size_t size)
{
    if (more > CW_PLAN_OPS_MAX - count)
        return mismatch(compiler, "the two schemas make a plan of more than %d steps",
                        CW_PLAN_OPS_MAX);
    size_t have = count == 0 ? 0 : 16;
    while (have < count)
        have *= 2;
    size_t want = have != 0 ? have : 16;
    while (want < count + more)
        want *= 2;
    if (want != have)
        *array = cw_realloc(*array, want * size);
    return true;
}

static uint32_t emit(struct compiler *compiler, enum cw_op_code code, uint32_t n, uint32_t a)
{
    struct cw_plan *plan = compiler->plan;
    void *ops = plan->ops;
    if (!room(compiler, &ops, plan->op_count, 1, sizeof(*plan->ops)))
        return 0; /* the failure is noted; what is written now is thrown away */
    plan->ops = ops;
    plan->ops[plan->op_count] =
        (struct cw_op){ .code = (uint8_t)code, .n = n, .a = a, .where = compiler->where };
    return (uint32_t)plan->op_count++;
}

static uint32_t here(const struct compiler *compiler)
{
    return (uint32_t)compiler->plan->op_count;
}

static uint32_t add_name(struct compiler *compiler, cw_str name)
{
    struct cw_buf *names = &compiler->plan->names;
    uint32_t at = (uint32_t)names->len;
    cw_buf_str(names, name);
    cw_buf_u8(names, 0);
    return at;
}

static cw_str short_name(cw_str full)
{
    const char *dot = full.len != 0 ? memrchr(full.ptr, '.', full.len) : NULL;
    if (dot == NULL)
        return full;
    return (cw_str){ dot + 1, full.len - (size_t)(dot + 1 - full.ptr) };
}

static bool same_name(const struct cw_node *writer, const struct cw_node *reader)
{
    cw_str name = short_name(writer->name);
    if (cw_str_eq(name, short_name(reader->name)))
        return true;
    for (size_t i = 0; i < reader->aliases.count; i++) {
        if (cw_str_eq(reader->aliases.list[i], writer->name) ||
            cw_str_eq(short_name(reader->aliases.list[i]), name))
            return true;
    }
    return false;
}

enum fit { FIT_NONE, FIT_PROMOTED, FIT_SAME };

static enum fit promotion(enum cw_kind writer, enum cw_kind reader)
{
    bool number = reader == CW_KIND_FLOAT || reader == CW_KIND_DOUBLE;
    bool ok = (writer == CW_KIND_INT && (number || reader == CW_KIND_LONG)) ||
              (writer == CW_KIND_LONG && number) ||
              (writer == CW_KIND_FLOAT && reader == CW_KIND_DOUBLE) ||
              (writer == CW_KIND_STRING && reader == CW_KIND_BYTES) ||
              (writer == CW_KIND_BYTES && reader == CW_KIND_STRING);
    return ok ? FIT_PROMOTED : FIT_NONE;
}

/* Two types that are no unions, without looking into them. */
static enum fit fit_of(const struct cw_node *writer, const struct cw_node *reader, bool in_union)
{
    if (writer->kind != reader->kind)
        return promotion(writer->kind, reader->kind);
    if (writer->kind == CW_KIND_FIXED && writer->size != reader->size)
        return FIT_NONE;
    bool named = writer->kind == CW_KIND_FIXED || writer->kind == CW_KIND_ENUM ||
                 (writer->kind == CW_KIND_RECORD && in_union);
    return named && !same_name(writer, reader) ? FIT_NONE : FIT_SAME;
}

static int only_record(const struct cw_node *node)
{
    int found = -1;
    if (node->kind != CW_KIND_UNION)
        return node->kind == CW_KIND_RECORD ? 0 : -1;
    for (size_t i = 0; i < node->branch_count; i++) {
        if (node->branches[i]->kind != CW_KIND_RECORD)
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

/* The branch of the reader's union for one type of the writer's; whole: the union that it is of. */
static int branch_for(const struct cw_node *writer, const struct cw_node *whole,
                      const struct cw_node *reader)
{
    int promoted = -1;
    for (size_t i = 0; i < reader->branch_count; i++) {
        enum fit fit = fit_of(writer, reader->branches[i], true);
        if (fit == FIT_SAME)
            return (int)i;
        if (fit == FIT_PROMOTED && promoted < 0)
            promoted = (int)i;
    }
    if (promoted < 0 && writer->kind == CW_KIND_RECORD && only_record(whole) >= 0)
        return only_record(reader);
    return promoted;
}

static bool compile(struct compiler *compiler, const struct cw_node *writer,
                    const struct cw_node *reader);

static bool compile_call(struct compiler *compiler, const struct cw_node *writer,
                         const struct cw_node *reader)
{
    size_t i = 0;
    while (i < compiler->job_count &&
           (compiler->jobs[i].writer != writer || compiler->jobs[i].reader != reader))
        i++;
    if (i == compiler->job_count) {
        if (compiler->job_count == compiler->job_cap) {
            compiler->job_cap = compiler->job_cap != 0 ? 2 * compiler->job_cap : 16;
            compiler->jobs =
                cw_realloc(compiler->jobs, compiler->job_cap * sizeof(*compiler->jobs));
        }
        struct job *job = &compiler->jobs[compiler->job_count++];
        *job = (struct job){ .writer = writer, .reader = reader };
        snprintf(job->path, sizeof(job->path), "%s", compiler->path);
    }
    emit(compiler, CW_OP_CALL, 0, (uint32_t)i); /* the address is filled in when all are known */
    return !compiler->failed;
}

static bool compile_enum(struct compiler *compiler, const struct cw_node *writer,
                         const struct cw_node *reader)
{
    struct cw_plan *plan = compiler->plan;
    const struct cw_names *from = &writer->symbols;
    const struct cw_names *to = &reader->symbols;
    void *symbols = plan->symbols;
    if (!room(compiler, &symbols, plan->symbol_count, from->count, sizeof(*plan->symbols)))
        return false;
    plan->symbols = symbols;
    bool same = true;
    int32_t *map = plan->symbols + plan->symbol_count;
    for (size_t i = 0; i < from->count; i++) {
        size_t k = i < to->count && cw_str_eq(from->list[i], to->list[i]) ? i : 0;
        while (k < to->count && !cw_str_eq(from->list[i], to->list[k]))
            k++;
        map[i] = k < to->count ? (int32_t)k : reader->default_symbol;
        same = same && map[i] == (int32_t)i;
    }
    if (same) {
        emit(compiler, CW_OP_ENUM, (uint32_t)from->count, 0);
    } else {
        emit(compiler, CW_OP_ENUM_MAP, (uint32_t)from->count, (uint32_t)plan->symbol_count);
        plan->symbol_count += from->count;
    }
    return !compiler->failed;
}

static bool compile_loop(struct compiler *compiler, const struct cw_node *writer,
                         const struct cw_node *reader)
{
    bool map = writer->kind == CW_KIND_MAP;
    uint32_t loop = emit(compiler, CW_OP_LOOP, 0, 0);
    uint32_t where = compiler->where;
    size_t before = path_push(compiler, (cw_str){ 0 }, map ? "{}" : "[]");
    compiler->where = 0; /* the frame of the loop names the field */
    if (map)
        emit(compiler, CW_OP_STRING, 0, 0);
    if (!compile(compiler, writer->items, reader->items))
        return false;
    emit(compiler, CW_OP_NEXT, 0, 0);
    if (compiler->failed)
        return false;
    compiler->where = where;
    path_pop(compiler, before);
    struct cw_op *op = &compiler->plan->ops[loop];
    op->flag = !map && writer->items->empty;
    op->a = here(compiler);
    return true;
}

static bool compile_long(struct compiler *compiler, const struct cw_node *writer,
                         const struct cw_node *reader)
{
    enum cw_logical from = writer->logical;
    enum cw_logical to = reader->logical;
    bool timestamp = to == CW_LOGICAL_MICROS || to == CW_LOGICAL_MILLIS;
    if (timestamp && from != to && from != CW_LOGICAL_NONE) {
        if (from != CW_LOGICAL_MILLIS)
            return mismatch(compiler, "the writer's time is of another unit or kind, expected %s",
                            to == CW_LOGICAL_MICROS ? "timestamp-micros or timestamp-millis"
                                                    : "timestamp-millis");
        emit(compiler, CW_OP_MICROS, 0, 0);
    } else {
        emit(compiler, writer->kind == CW_KIND_INT ? CW_OP_INT : CW_OP_LONG, 0, 0);
    }
    return !compiler->failed;
}

static bool compile_number(struct compiler *compiler, const struct cw_node *writer,
                           const struct cw_node *reader)
{
    if (reader->kind == CW_KIND_LONG || reader->kind == CW_KIND_INT)
        return compile_long(compiler, writer, reader);
    uint32_t op =
        emit(compiler, reader->kind == CW_KIND_FLOAT ? CW_OP_TO_FLOAT : CW_OP_TO_DOUBLE, 0, 0);
    if (!compiler->failed)
        compiler->plan->ops[op].flag = writer->kind == CW_KIND_INT;
    return !compiler->failed;
}

/* Two types that are no unions and fit. */
static bool compile_plain(struct compiler *compiler, const struct cw_node *writer,
                          const struct cw_node *reader)
{
    switch (writer->kind) {
    case CW_KIND_NULL:
        return true;
    case CW_KIND_BOOLEAN:
        emit(compiler, CW_OP_BOOLEAN, 0, 0);
        break;
    case CW_KIND_INT:
    case CW_KIND_LONG:
        return compile_number(compiler, writer, reader);
    case CW_KIND_FLOAT:
        if (reader->kind == CW_KIND_DOUBLE)
            emit(compiler, CW_OP_FLOAT_TO_DOUBLE, 0, 0);
        else
            emit(compiler, CW_OP_FIXED, 4, 0);
        break;
    case CW_KIND_DOUBLE:
        emit(compiler, CW_OP_FIXED, 8, 0);
        break;
    case CW_KIND_BYTES:
        emit(compiler, reader->kind == CW_KIND_STRING ? CW_OP_STRING : CW_OP_BYTES, 0, 0);
        break;
    case CW_KIND_STRING:
        emit(compiler, CW_OP_STRING, 0, 0);
        break;
    case CW_KIND_FIXED:
        emit(compiler, CW_OP_FIXED, (uint32_t)writer->size, 0);
        break;
    case CW_KIND_RECORD:
        return compile_call(compiler, writer, reader);
    case CW_KIND_ENUM:
        return compile_enum(compiler, writer, reader);
    case CW_KIND_ARRAY:
    case CW_KIND_MAP:
        return compile_loop(compiler, writer, reader);
    case CW_KIND_UNION:
        CW_CHECK(false);
    }
    return !compiler->failed;
}

static bool emit_const(struct compiler *compiler, size_t from)
{
    struct cw_buf *consts = &compiler->plan->consts;
    if (consts->len > CW_DATUM_MAX)
        return mismatch(compiler, "the defaults take more than %d bytes", CW_DATUM_MAX);
    if (consts->len != from)
        emit(compiler, CW_OP_CONST, (uint32_t)(consts->len - from), (uint32_t)from);
    return !compiler->failed;
}

/* Index of the null branch where both sides have [null, X] or [X, null] alike, else -1. */
static int optional_null(const struct cw_node *writer, const struct cw_node *reader)
{
    if (reader->kind != CW_KIND_UNION || writer->branch_count != 2)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (branch_for(writer->branches[i], writer, reader) != i)
            return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (writer->branches[i]->kind == CW_KIND_NULL)
            return i;
    }
    return -1;
}

static bool compile_optional(struct compiler *compiler, const struct cw_node *writer,
                             const struct cw_node *reader, int null)
{
    struct cw_plan *plan = compiler->plan;
    uint32_t start = emit(compiler, CW_OP_OPTIONAL, 0, 0);
    if (!compile_plain(compiler, writer->branches[1 - null], reader->branches[1 - null]))
        return false;
    if (plan->op_count == start + 2 && plan->ops[start + 1].code == CW_OP_STRING) {
        plan->op_count--;
        plan->ops[start].code = CW_OP_OPTIONAL_STRING;
    }
    plan->ops[start].flag = (uint8_t)null;
    plan->ops[start].a = here(compiler);
    return true;
}

/* A branch of the writer's: its code, and the reader's index into the table. */
static bool compile_branch(struct compiler *compiler, const struct cw_node *writer, size_t i,
                           const struct cw_node *reader, struct cw_op_branch *out)
{
    const struct cw_node *branch = writer->branches[i];
    *out = (struct cw_op_branch){ here(compiler), -1 };
    if (reader->kind != CW_KIND_UNION) {
        if (fit_of(branch, reader, false) != FIT_NONE)
            return compile_plain(compiler, branch, reader);
    } else {
        out->index = branch_for(branch, writer, reader);
        if (out->index >= 0)
            return compile_plain(compiler, branch, reader->branches[out->index]);
    }
    emit(compiler, CW_OP_UNRESOLVED, 0, 0);
    return !compiler->failed;
}

static bool compile_union(struct compiler *compiler, const struct cw_node *writer,
                          const struct cw_node *reader)
{
    struct cw_plan *plan = compiler->plan;
    int null = optional_null(writer, reader);
    if (null >= 0)
        return compile_optional(compiler, writer, reader, null);
    size_t count = writer->branch_count;
    size_t table = plan->branch_count;
    void *branches = plan->branches;
    if (!room(compiler, &branches, table, count, sizeof(*plan->branches)))
        return false;
    plan->branches = branches;
    plan->branch_count += count;
    emit(compiler, CW_OP_UNION, (uint32_t)count, (uint32_t)table);
    size_t unresolved = 0;
    uint32_t last = 0; /* the jumps to the end, each pointing at the one before it */
    for (size_t i = 0; i < count; i++) {
        struct cw_op_branch branch;
        uint32_t start = here(compiler);
        if (!compile_branch(compiler, writer, i, reader, &branch))
            return false;
        unresolved += here(compiler) != start && plan->ops[start].code == CW_OP_UNRESOLVED;
        plan->branches[table + i] = branch;
        if (i + 1 < count)
            last = emit(compiler, CW_OP_JUMP, 0, last);
    }
    if (unresolved == count)
        return mismatch(compiler, "no branch of the writer's union can be read as %s",
                        cw_kind_name(reader->kind));
    while (last != 0 && !compiler->failed) {
        uint32_t before = plan->ops[last].a;
        plan->ops[last].a = here(compiler);
        last = before;
    }
    return !compiler->failed;
}

static bool compile(struct compiler *compiler, const struct cw_node *writer,
                    const struct cw_node *reader)
{
    if (compiler->failed)
        return false;
    if (writer->kind == CW_KIND_UNION)
        return compile_union(compiler, writer, reader);
    if (reader->kind == CW_KIND_UNION) {
        int i = branch_for(writer, writer, reader);
        if (i < 0)
            return mismatch(compiler, "the writer's %s is no branch of the reader's union",
                            cw_kind_name(writer->kind));
        size_t from = compiler->plan->consts.len;
        cw_buf_avro_long(&compiler->plan->consts, i);
        return emit_const(compiler, from) && compile_plain(compiler, writer, reader->branches[i]);
    }
    if (fit_of(writer, reader, false) == FIT_NONE)
        return mismatch(compiler, "the writer has %s where %s is expected",
                        cw_kind_name(writer->kind), cw_kind_name(reader->kind));
    return compile_plain(compiler, writer, reader);
}

/* A field of the writer's that the reader does not have; neighbours are skipped as one. */
static bool compile_skip(struct compiler *compiler, const struct cw_node *type)
{
    struct cw_plan *plan = compiler->plan;
    if (type->empty)
        return true;
    if (plan->op_count != 0 && plan->ops[plan->op_count - 1].code == CW_OP_KEEP)
        plan->op_count--;
    else
        emit(compiler, CW_OP_SKIP, 0, 0);
    if (!compile(compiler, type, type))
        return false;
    emit(compiler, CW_OP_KEEP, 0, 0);
    return !compiler->failed;
}

/* Which field of the writer's each of the reader's is: by name, then by alias; none twice. */
static void match_fields(const struct cw_node *writer, const struct cw_node *reader,
                         int32_t *source, int32_t *target)
{
    for (size_t w = 0; w < writer->field_count; w++)
        target[w] = -1;
    for (size_t r = 0; r < reader->field_count; r++) {
        cw_str name = reader->fields[r].name;
        source[r] = -1;
        for (size_t i = 0; i < writer->field_count && source[r] < 0; i++) {
            size_t w = (r + i) % writer->field_count; /* mostly found at once */
            if (cw_str_eq(name, writer->fields[w].name)) {
                source[r] = (int32_t)w;
                target[w] = (int32_t)r;
            }
        }
    }
    for (size_t r = 0; r < reader->field_count; r++) {
        const struct cw_names *aliases = &reader->fields[r].aliases;
        for (size_t w = 0; w < writer->field_count && source[r] < 0; w++) {
            for (size_t i = 0; i < aliases->count && target[w] < 0; i++) {
                if (cw_str_eq(aliases->list[i], writer->fields[w].name)) {
                    source[r] = (int32_t)w;
                    target[w] = (int32_t)r;
                }
            }
        }
    }
}

static bool add_default(struct compiler *compiler, const struct cw_node_field *field)
{
    struct cw_reason reason;
    size_t before = path_push(compiler, field->name, "");
    if (field->fallback == NULL)
        return mismatch(compiler, "the writer's schema lacks the field, and it has no default");
    if (!cw_json_default(field->type, field->fallback, &compiler->plan->consts, &reason))
        return mismatch(compiler, "the field's default is no value of its type: %.150s",
                        reason.sentence);
    path_pop(compiler, before);
    return true;
}

static bool compile_field(struct compiler *compiler, const struct cw_node_field *writer,
                          const struct cw_node_field *reader)
{
    size_t before = path_push(compiler, writer->name, "");
    compiler->where = add_name(compiler, writer->name);
    bool ok = reader != NULL ? compile(compiler, writer->type, reader->type)
                             : compile_skip(compiler, writer->type);
    if (ok)
        path_pop(compiler, before);
    return ok;
}

/* The common case: the writer's order is the reader's, apart from what only one of them has. */
static bool compile_in_order(struct compiler *compiler, const struct cw_node *writer,
                             const struct cw_node *reader, const int32_t *target)
{
    size_t r = 0; /* fields of the reader's before it are written */
    for (size_t w = 0; w <= writer->field_count; w++) {
        bool end = w == writer->field_count;
        size_t stop = end ? reader->field_count : (size_t)target[w];
        if (end || target[w] >= 0) {
            size_t from = compiler->plan->consts.len;
            for (; r < stop; r++) {
                if (!add_default(compiler, &reader->fields[r]))
                    return false;
            }
            if (!emit_const(compiler, from))
                return false;
            r = stop + 1;
        }
        if (!end && !compile_field(compiler, &writer->fields[w],
                                   target[w] >= 0 ? &reader->fields[stop] : NULL))
            return false;
    }
    return true;
}

/* Another order: all fields are written as they come, and their ranges put in place at the end. */
static bool compile_reordered(struct compiler *compiler, const struct cw_node *writer,
                              const struct cw_node *reader, const int32_t *source,
                              const int32_t *target)
{
    struct cw_plan *plan = compiler->plan;
    int32_t *mark_of = cw_alloc(writer->field_count * sizeof(*mark_of));
    int32_t marks = 0;
    emit(compiler, CW_OP_MARK, 0, 0);
    for (size_t w = 0; w < writer->field_count && !compiler->failed; w++) {
        const struct cw_node_field *field = target[w] >= 0 ? &reader->fields[target[w]] : NULL;
        if (!compile_field(compiler, &writer->fields[w], field))
            break;
        if (field != NULL) {
            emit(compiler, CW_OP_MARK, 0, 0);
            mark_of[w] = marks++;
        }
    }
    size_t first = plan->part_count;
    size_t count = reader->field_count + 1;
    void *parts = plan->parts;
    if (!compiler->failed && room(compiler, &parts, first, count, sizeof(*plan->parts))) {
        plan->parts = parts;
        plan->part_count += count;
        plan->parts[first] = (struct cw_op_part){ marks + 1, 0, 0 };
        for (size_t r = 0; r < reader->field_count && !compiler->failed; r++) {
            size_t from = plan->consts.len;
            if (source[r] < 0)
                (void)add_default(compiler, &reader->fields[r]);
            plan->parts[first + 1 + r] =
                (struct cw_op_part){ source[r] >= 0 ? mark_of[source[r]] : -1, (uint32_t)from,
                                     (uint32_t)(plan->consts.len - from) };
        }
        if (plan->consts.len > CW_DATUM_MAX)
            (void)mismatch(compiler, "the defaults take more than %d bytes", CW_DATUM_MAX);
        emit(compiler, CW_OP_ORDER, (uint32_t)count, (uint32_t)first);
    }
    free(mark_of);
    return !compiler->failed;
}

static bool compile_record(struct compiler *compiler, const struct cw_node *writer,
                           const struct cw_node *reader)
{
    int32_t *source = cw_alloc(reader->field_count * sizeof(*source));
    int32_t *target = cw_alloc(writer->field_count * sizeof(*target));
    match_fields(writer, reader, source, target);
    bool in_order = true;
    int32_t last = -1;
    for (size_t w = 0; w < writer->field_count; w++) {
        in_order = in_order && (target[w] < 0 || target[w] > last);
        last = target[w] > last ? target[w] : last;
    }
    bool ok = in_order ? compile_in_order(compiler, writer, reader, target)
                       : compile_reordered(compiler, writer, reader, source, target);
    free(source);
    free(target);
    return ok;
}

/* Each job is a subroutine; the first is the datum, the others are records met on the way. */
static bool compile_jobs(struct compiler *compiler)
{
    struct cw_plan *plan = compiler->plan;
    for (size_t i = 0; i < compiler->job_count; i++) {
        struct job job = compiler->jobs[i];
        compiler->jobs[i].start = here(compiler);
        compiler->where = 0;
        path_pop(compiler, 0);
        (void)path_push(compiler, cw_cstr(job.path), "");
        bool records = job.writer->kind == CW_KIND_RECORD && job.reader->kind == CW_KIND_RECORD;
        if (!(records ? compile_record(compiler, job.writer, job.reader)
                      : compile(compiler, job.writer, job.reader)))
            return false;
        compiler->where = 0;
        emit(compiler, CW_OP_RETURN, 0, 0);
        if (compiler->failed)
            return false;
    }
    for (size_t i = 0; i < plan->op_count; i++) {
        if (plan->ops[i].code == CW_OP_CALL)
            plan->ops[i].a = compiler->jobs[plan->ops[i].a].start;
    }
    return true;
}

struct cw_plan *cw_plan_new(const struct cw_schema *writer, const struct cw_schema *reader,
                            struct cw_reason *reason)
{
    struct compiler compiler = { .plan = cw_new(struct cw_plan), .reason = reason };
    cw_buf_u8(&compiler.plan->names, 0);
    compiler.job_cap = 16;
    compiler.jobs = cw_alloc(compiler.job_cap * sizeof(*compiler.jobs));
    compiler.jobs[compiler.job_count++] =
        (struct job){ .writer = cw_schema_root(writer), .reader = cw_schema_root(reader) };
    bool ok = compile_jobs(&compiler);
    free(compiler.jobs);
    if (ok)
        return compiler.plan;
    cw_plan_free(compiler.plan);
    return NULL;
}

void cw_plan_free(struct cw_plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->ops);
    free(plan->branches);
    free(plan->symbols);
    free(plan->parts);
    cw_buf_done(&plan->consts);
    cw_buf_done(&plan->names);
    free(plan);
}

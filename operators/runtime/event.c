/*
 * event.c - reading and writing canonical bodies, in the order of schemas/event.avsc.
 */
#include "operators/runtime/event.h"

#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

static const cw_str absent = { NULL, 0 };

void cw_event_defaults(struct cw_event *event)
{
    *event = (struct cw_event){
        .owner = cw_cstr(""),
        .event_id = cw_cstr(""),
        .version = 1,
        .op = cw_cstr("create"),
        .event_type = cw_cstr(""),
        .time_precision = cw_cstr("microsecond"),
        .evidence_status = cw_cstr("intelligence"),
        .schema_version = 1,
    };
}

/* --- reading ---
 *
 * Every event is read by every stage that looks into it, and most of its fields are absent, short
 * or lists of nothing: all that is a byte or two is read inline, with the cursor in registers. What
 * is rare is done by functions, to which a copy of the cursor is lent, so that its address is
 * never known. A cursor that failed is empty: all that follows fails too.
 */

#define INLINE __attribute__((always_inline)) static inline
#define RARE __attribute__((noinline)) static

struct reader {
    struct cw_cur cur;
    struct cw_arena *arena;
};

INLINE void fail(struct reader *r)
{
    r->cur.failed = true;
    r->cur.at = r->cur.end;
}

/* What is lent: registers, and where it ended comes back; NULL: it failed. */
#define LENT const uint8_t *at, const uint8_t *end, struct cw_arena *arena
#define LEND(r) (r)->cur.at, (r)->cur.end, (r)->arena

INLINE struct reader borrow(const uint8_t *at, const uint8_t *end, struct cw_arena *arena)
{
    return (struct reader){ { at, end, false }, arena };
}

INLINE const uint8_t *behind(const struct reader *r)
{
    return r->cur.failed ? NULL : r->cur.at;
}

INLINE void go_on(struct reader *r, const uint8_t *at)
{
    if (__builtin_expect(at == NULL, 0))
        fail(r);
    else
        r->cur.at = at;
}

RARE const uint8_t *wide_long(LENT, int64_t *value)
{
    struct reader r = borrow(at, end, arena);
    *value = cw_cur_avro_long_wide(&r.cur);
    if (r.cur.failed)
        fail(&r);
    return behind(&r);
}

INLINE int64_t read_long(struct reader *r)
{
    if (__builtin_expect(r->cur.at == r->cur.end || *r->cur.at >= 0x80, 0)) {
        int64_t value;
        go_on(r, wide_long(LEND(r), &value));
        return value;
    }
    uint8_t bits = *r->cur.at++;
    return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}

/* Of a number of up to eight bytes, as times are: all at once. */
INLINE int64_t read_time(struct reader *r)
{
    uint64_t word;
    if (__builtin_expect(r->cur.end - r->cur.at >= (ptrdiff_t)sizeof(word), 1)) {
        memcpy(&word, r->cur.at, sizeof(word));
        uint64_t stops = ~word & UINT64_C(0x8080808080808080);
        if (__builtin_expect(stops != 0, 1)) {
            r->cur.at += (unsigned)__builtin_ctzll(stops) / 8 + 1;
            word &= stops ^ (stops - 1); /* up to the first byte that ends a number */
            word =
                (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
            word =
                (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
            word = (word & UINT64_C(0x0fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
            return (int64_t)(word >> 1) ^ -(int64_t)(word & 1);
        }
    }
    int64_t value;
    go_on(r, wide_long(LEND(r), &value));
    return value;
}

RARE const uint8_t *wide_str(LENT, cw_str *out)
{
    struct reader r = borrow(at, end, arena);
    *out = cw_cur_avro_str(&r.cur);
    if (r.cur.failed)
        fail(&r);
    return behind(&r);
}

INLINE cw_str read_str(struct reader *r)
{
    const uint8_t *at = r->cur.at;
    size_t left = (size_t)(r->cur.end - at);
    /* shorter than 64: twice the length in the byte */
    if (__builtin_expect(left == 0 || (*at & 0x81) != 0 || (size_t)(*at >> 1) >= left, 0)) {
        cw_str text;
        go_on(r, wide_str(LEND(r), &text));
        return text;
    }
    cw_str text = { (const char *)at + 1, (size_t)(*at >> 1) };
    r->cur.at = at + 1 + text.len;
    return text;
}

/* The index of a union of null and something: true where something follows. */
INLINE bool read_present(struct reader *r)
{
    int64_t index = read_long(r);
    if (__builtin_expect((uint64_t)index > 1, 0))
        fail(r);
    return index == 1 && !r->cur.failed;
}

INLINE cw_str read_optional_str(struct reader *r)
{
    return read_present(r) ? read_str(r) : absent;
}

INLINE uint64_t read_bytes(struct reader *r, size_t len)
{
    uint64_t value = 0;
    if (__builtin_expect((size_t)(r->cur.end - r->cur.at) < len, 0)) {
        fail(r);
        return 0;
    }
    memcpy(&value, r->cur.at, len);
    r->cur.at += len;
    return value;
}

INLINE double read_double(struct reader *r)
{
    uint64_t bits = read_bytes(r, sizeof(bits));
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

INLINE struct cw_value read_optional_double(struct reader *r)
{
    struct cw_value value = { 0 };
    value.present = read_present(r);
    if (value.present)
        value.real = read_double(r);
    return value;
}

RARE const uint8_t *next_block(LENT, int64_t *left)
{
    struct reader r = borrow(at, end, arena);
    *left = cw_cur_avro_long(&r.cur);
    if (*left < 0 && *left != INT64_MIN) {
        *left = -*left;
        (void)cw_cur_avro_long(&r.cur); /* the block's bytes */
    }
    if (r.cur.failed || *left < 0 || *left > r.cur.end - r.cur.at) {
        fail(&r);
        *left = 0;
    }
    return behind(&r);
}

/*
 * The next item of an array: *left holds what remains of the block, 0 before the first. False at
 * the end. Every item of ours takes at least a byte, so a count cannot be larger than the bytes
 * left.
 */
INLINE bool read_item(struct reader *r, int64_t *left)
{
    if (*left == 0) {
        if (__builtin_expect(r->cur.at != r->cur.end && *r->cur.at == 0, 1)) {
            r->cur.at++;
            return false;
        }
        go_on(r, next_block(LEND(r), left));
        if (*left == 0)
            return false;
    }
    (*left)--;
    return !r->cur.failed;
}

/* Room for one more behind `count`: what the block is said to hold, if that is little, else
 * arrays grow by doubling in the arena, and what is left behind goes with it. Not zeroed. */
INLINE void *grow(struct cw_arena *arena, void *items, size_t count, size_t *cap, int64_t left,
                  size_t size)
{
    enum { FEW = 8 };
    if (__builtin_expect(count < *cap, 1))
        return items;
    *cap = count != 0 ? 2 * count : left < FEW ? (size_t)left + 1 : (size_t)FEW;
    void *wider = cw_arena_take(arena, *cap * size);
    if (count != 0)
        memcpy(wider, items, count * size);
    return wider;
}

/* A list of texts; mostly there are none. */
RARE const uint8_t *some_strs(LENT, cw_str **out, size_t *count)
{
    struct reader r = borrow(at, end, arena);
    cw_str *items = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (int64_t left = 0; read_item(&r, &left); n++) {
        items = grow(r.arena, items, n, &cap, left, sizeof(*items));
        items[n] = read_str(&r);
    }
    *out = items;
    *count = n;
    return behind(&r);
}

INLINE void read_strs(struct reader *r, cw_str **items, size_t *count)
{
    if (__builtin_expect(r->cur.at != r->cur.end && *r->cur.at == 0, 1)) {
        r->cur.at++;
        *items = NULL;
        *count = 0;
        return;
    }
    go_on(r, some_strs(LEND(r), items, count));
}

RARE const uint8_t *read_ids(LENT, struct cw_part *part)
{
    struct reader r = borrow(at, end, arena);
    struct cw_identifier *ids = NULL;
    size_t count = 0;
    size_t cap = 0;
    for (int64_t left = 0; read_item(&r, &left); count++) {
        ids = grow(r.arena, ids, count, &cap, left, sizeof(*ids));
        struct cw_identifier *id = &ids[count];
        id->kind = read_str(&r);
        id->value = read_str(&r);
        id->issuer = read_optional_str(&r);
        id->stated = read_optional_str(&r);
        id->fault = read_optional_str(&r);
    }
    part->ids = ids;
    part->id_count = count;
    return behind(&r);
}

RARE const uint8_t *read_names(LENT, struct cw_part *part)
{
    struct reader r = borrow(at, end, arena);
    size_t cap = 0;
    for (int64_t left = 0; read_item(&r, &left); part->name_count++) {
        part->names =
            grow(r.arena, part->names, part->name_count, &cap, left, sizeof(*part->names));
        struct cw_name *name = &part->names[part->name_count];
        name->full = read_str(&r);
        name->kind = read_str(&r);
        name->script = read_optional_str(&r);
        name->folded = read_str(&r);
    }
    return behind(&r);
}

RARE const uint8_t *read_parties(LENT, struct cw_event *event)
{
    struct reader r = borrow(at, end, arena);
    size_t cap = 0;
    for (int64_t left = 0; read_item(&r, &left); event->party_count++) {
        event->parties =
            grow(r.arena, event->parties, event->party_count, &cap, left, sizeof(*event->parties));
        struct cw_part *party = &event->parties[event->party_count];
        *party = (struct cw_part){ 0 };
        party->role = read_str(&r);
        party->kind = read_str(&r);
        go_on(&r, read_ids(LEND(&r), party));
        go_on(&r, read_names(LEND(&r), party));
        read_strs(&r, &party->birth_dates, &party->birth_date_count);
        party->sex = read_optional_str(&r);
        read_strs(&r, &party->nationalities, &party->nationality_count);
        read_strs(&r, &party->addresses, &party->address_count);
    }
    return behind(&r);
}

RARE const uint8_t *read_objects(LENT, struct cw_event *event)
{
    struct reader r = borrow(at, end, arena);
    struct cw_part *objects = NULL;
    size_t count = 0;
    size_t cap = 0;
    for (int64_t left = 0; read_item(&r, &left); count++) {
        objects = grow(r.arena, objects, count, &cap, left, sizeof(*objects));
        struct cw_part *object = &objects[count];
        *object = (struct cw_part){ 0 };
        object->role = read_str(&r);
        object->kind = read_str(&r);
        go_on(&r, read_ids(LEND(&r), object));
    }
    event->objects = objects;
    event->object_count = count;
    return behind(&r);
}

RARE const uint8_t *read_place(LENT, struct cw_place *place)
{
    struct reader r = borrow(at, end, arena);
    place->present = true;
    place->name = read_optional_str(&r);
    place->lat = read_optional_double(&r);
    place->lon = read_optional_double(&r);
    place->precision = read_optional_str(&r);
    return behind(&r);
}

RARE const uint8_t *read_handling(LENT, struct cw_handling *handling)
{
    struct reader r = borrow(at, end, arena);
    handling->present = true;
    read_strs(&r, &handling->codes, &handling->code_count);
    handling->text = read_optional_str(&r);
    handling->tlp = read_optional_str(&r);
    handling->pap = read_optional_str(&r);
    handling->sharing_group = read_optional_str(&r);
    read_strs(&r, &handling->audience, &handling->audience_count);
    return behind(&r);
}

RARE const uint8_t *read_grading(LENT, struct cw_grading *grading)
{
    struct reader r = borrow(at, end, arena);
    grading->present = true;
    grading->scheme = read_str(&r);
    grading->source = read_str(&r);
    grading->info = read_str(&r);
    return behind(&r);
}

RARE const uint8_t *read_fields(LENT, const struct cw_type *type, struct cw_value *values)
{
    struct reader r = borrow(at, end, arena);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct cw_field *field = &type->fields[i];
        struct cw_value *value = &values[i];
        value->present = !field->nullable || read_present(&r);
        if (!value->present)
            continue;
        switch (field->type) {
        case CW_FIELD_STRING:
            value->text = read_str(&r);
            break;
        case CW_FIELD_LONG:
            value->number = read_time(&r);
            break;
        case CW_FIELD_BOOLEAN:
            value->number = (int64_t)read_bytes(&r, 1);
            if (value->number > 1)
                fail(&r);
            break;
        case CW_FIELD_DOUBLE:
            value->real = read_double(&r);
            break;
        case CW_FIELD_STRINGS:
            read_strs(&r, &value->list.items, &value->list.count);
            break;
        }
    }
    return behind(&r);
}

INLINE void read_details(struct reader *r, struct cw_event *event)
{
    uint16_t count = cw_type_count();
    for (uint16_t number = 1; number <= count; number++) {
        if (!read_present(r))
            continue;
        const struct cw_type *type = cw_type_by_number(number);
        struct cw_value *values = cw_arena_alloc(r->arena, type->field_count * sizeof(*values));
        go_on(r, read_fields(LEND(r), type, values));
        if (event->detail != NULL) {
            fail(r); /* two details: ingest lets none of these through */
            return;
        }
        event->detail_type = type;
        event->detail = values;
    }
}

/* What is not set in any case; the whole struct is large. */
INLINE void clear(struct cw_event *out)
{
    out->retain_until = (struct cw_value){ 0 };
    out->parties = NULL;
    out->party_count = 0;
    out->detail_type = NULL;
    out->detail = NULL;
}

bool cw_event_read(struct cw_event *out, const void *body, size_t len, struct cw_arena *arena)
{
    struct reader reader = { cw_cur(body, len), arena };
    struct reader *r = &reader;
    clear(out);
    out->owner = read_str(r);
    out->event_id = read_str(r);
    out->version = read_long(r);
    out->op = read_str(r);
    out->event_type = read_str(r);
    out->event_time = read_time(r);
    int64_t tz_offset = read_long(r);
    out->tz_offset = (int32_t)tz_offset;
    out->time_precision = read_str(r);
    out->recorded_at = read_time(r);
    out->retain_until.present = read_present(r);
    if (out->retain_until.present)
        out->retain_until.number = read_time(r);
    out->country = read_optional_str(r);
    out->place = (struct cw_place){ 0 };
    if (read_present(r))
        go_on(r, read_place(LEND(r), &out->place));
    read_strs(r, &out->crime_areas, &out->crime_area_count);
    read_strs(r, &out->purposes, &out->purpose_count);
    out->handling = (struct cw_handling){ 0 };
    if (read_present(r))
        go_on(r, read_handling(LEND(r), &out->handling));
    out->grading = (struct cw_grading){ 0 };
    if (read_present(r))
        go_on(r, read_grading(LEND(r), &out->grading));
    out->language = read_optional_str(r);
    out->evidence_status = read_str(r);
    out->source_ref = read_optional_str(r);
    out->schema_version = read_long(r);
    out->payload_hash = read_optional_str(r);
    go_on(r, read_parties(LEND(r), out));
    go_on(r, read_objects(LEND(r), out));
    read_details(r, out);
    /* It is the type of the fields nearly always; a withdrawal brings none. */
    if (out->detail_type != NULL && cw_str_is(out->event_type, out->detail_type->name))
        out->type = out->detail_type;
    else
        out->type = cw_type_by_name(out->event_type);
    return !r->cur.failed && r->cur.at == r->cur.end && out->tz_offset == tz_offset;
}

#undef LEND
#undef LENT
#undef INLINE
#undef RARE

/* --- writing --- */

enum { SHORT = 64 /* texts below it have their length in one byte */ };

static void write_str(struct cw_buf *out, cw_str text)
{
    if (text.len >= SHORT) {
        cw_buf_avro_str(out, text);
        return;
    }
    uint8_t *at = cw_buf_extend(out, 1 + text.len);
    *at = (uint8_t)(text.len << 1);
    cw_copy(at + 1, text.ptr, text.len);
}

static void write_optional_str(struct cw_buf *out, cw_str text)
{
    cw_buf_avro_long(out, text.ptr != NULL);
    if (text.ptr != NULL)
        write_str(out, text);
}

static void write_double(struct cw_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    cw_buf_u64(out, bits);
}

static void write_optional_double(struct cw_buf *out, struct cw_value value)
{
    cw_buf_avro_long(out, value.present);
    if (value.present)
        write_double(out, value.real);
}

static void write_count(struct cw_buf *out, size_t count)
{
    if (count != 0)
        cw_buf_avro_long(out, (int64_t)count);
}

static void write_strs(struct cw_buf *out, const cw_str *items, size_t count)
{
    write_count(out, count);
    for (size_t i = 0; i < count; i++)
        write_str(out, items[i]);
    cw_buf_avro_long(out, 0);
}

static void write_ids(struct cw_buf *out, const struct cw_part *part)
{
    write_count(out, part->id_count);
    for (size_t i = 0; i < part->id_count; i++) {
        write_str(out, part->ids[i].kind);
        write_str(out, part->ids[i].value);
        write_optional_str(out, part->ids[i].issuer);
        write_optional_str(out, part->ids[i].stated);
        write_optional_str(out, part->ids[i].fault);
    }
    cw_buf_avro_long(out, 0);
}

static void write_party(struct cw_buf *out, const struct cw_part *party)
{
    write_str(out, party->role);
    write_str(out, party->kind);
    write_ids(out, party);
    write_count(out, party->name_count);
    for (size_t i = 0; i < party->name_count; i++) {
        write_str(out, party->names[i].full);
        write_str(out,
                  party->names[i].kind.ptr != NULL ? party->names[i].kind : cw_cstr("primary"));
        write_optional_str(out, party->names[i].script);
        write_str(out, party->names[i].folded);
    }
    cw_buf_avro_long(out, 0);
    write_strs(out, party->birth_dates, party->birth_date_count);
    write_optional_str(out, party->sex);
    write_strs(out, party->nationalities, party->nationality_count);
    write_strs(out, party->addresses, party->address_count);
}

static void write_place(struct cw_buf *out, const struct cw_place *place)
{
    cw_buf_avro_long(out, place->present);
    if (!place->present)
        return;
    write_optional_str(out, place->name);
    write_optional_double(out, place->lat);
    write_optional_double(out, place->lon);
    write_optional_str(out, place->precision);
}

static void write_handling(struct cw_buf *out, const struct cw_handling *handling)
{
    cw_buf_avro_long(out, handling->present);
    if (!handling->present)
        return;
    write_strs(out, handling->codes, handling->code_count);
    write_optional_str(out, handling->text);
    write_optional_str(out, handling->tlp);
    write_optional_str(out, handling->pap);
    write_optional_str(out, handling->sharing_group);
    write_strs(out, handling->audience, handling->audience_count);
}

static void write_grading(struct cw_buf *out, const struct cw_grading *grading)
{
    cw_buf_avro_long(out, grading->present);
    if (!grading->present)
        return;
    write_str(out, grading->scheme);
    write_str(out, grading->source);
    write_str(out, grading->info);
}

static void write_field(struct cw_buf *out, const struct cw_field *field,
                        const struct cw_value *value)
{
    if (field->nullable) {
        cw_buf_avro_long(out, value->present);
        if (!value->present)
            return;
    }
    switch (field->type) {
    case CW_FIELD_STRING:
        write_str(out, value->text);
        break;
    case CW_FIELD_LONG:
        cw_buf_avro_long(out, value->number);
        break;
    case CW_FIELD_BOOLEAN:
        cw_buf_u8(out, value->number != 0);
        break;
    case CW_FIELD_DOUBLE:
        write_double(out, value->real);
        break;
    case CW_FIELD_STRINGS:
        write_strs(out, value->list.items, value->list.count);
        break;
    }
}

static void write_details(const struct cw_event *event, struct cw_buf *out)
{
    for (uint16_t number = 1; number <= cw_type_count(); number++) {
        bool has = event->detail != NULL && event->detail_type->number == number;
        cw_buf_avro_long(out, has);
        for (size_t i = 0; has && i < event->detail_type->field_count; i++)
            write_field(out, &event->detail_type->fields[i], &event->detail[i]);
    }
}

void cw_event_write(const struct cw_event *event, struct cw_buf *out)
{
    write_str(out, event->owner);
    write_str(out, event->event_id);
    cw_buf_avro_long(out, event->version);
    write_str(out, event->op);
    write_str(out, event->event_type);
    cw_buf_avro_long(out, event->event_time);
    cw_buf_avro_long(out, event->tz_offset);
    write_str(out, event->time_precision);
    cw_buf_avro_long(out, event->recorded_at);
    cw_buf_avro_long(out, event->retain_until.present);
    if (event->retain_until.present)
        cw_buf_avro_long(out, event->retain_until.number);
    write_optional_str(out, event->country);
    write_place(out, &event->place);
    write_strs(out, event->crime_areas, event->crime_area_count);
    write_strs(out, event->purposes, event->purpose_count);
    write_handling(out, &event->handling);
    write_grading(out, &event->grading);
    write_optional_str(out, event->language);
    write_str(out, event->evidence_status);
    write_optional_str(out, event->source_ref);
    cw_buf_avro_long(out, event->schema_version);
    write_optional_str(out, event->payload_hash);
    write_count(out, event->party_count);
    for (size_t i = 0; i < event->party_count; i++)
        write_party(out, &event->parties[i]);
    cw_buf_avro_long(out, 0);
    write_count(out, event->object_count);
    for (size_t i = 0; i < event->object_count; i++) {
        write_str(out, event->objects[i].role);
        write_str(out, event->objects[i].kind);
        write_ids(out, &event->objects[i]);
    }
    cw_buf_avro_long(out, 0);
    write_details(event, out);
}

/* --- time --- */

/* The first moment after the precision's span that begins at the local date given. */
static int64_t span_end(int64_t days, cw_str precision, int64_t *start_days)
{
    int64_t year;
    int month;
    int day;
    cw_civil_from_days(days, &year, &month, &day);
    if (cw_str_is(precision, "year")) {
        *start_days = cw_days_from_civil(year, 1, 1);
        return cw_days_from_civil(year + 1, 1, 1);
    }
    *start_days = cw_days_from_civil(year, month, 1);
    return month == 12 ? cw_days_from_civil(year + 1, 1, 1)
                       : cw_days_from_civil(year, month + 1, 1);
}

bool cw_event_span(const struct cw_event *event, int64_t *time_lo, int64_t *span)
{
    static const struct {
        const char *name;
        int64_t micros;
    } fixed[] = {
        { "day", CW_DAY }, { "hour", CW_HOUR }, { "minute", CW_MINUTE }, { "second", CW_SECOND }
    };
    int64_t offset = event->tz_offset * CW_MINUTE;
    int64_t local;
    if (__builtin_add_overflow(event->event_time, offset, &local))
        return false;
    if (cw_str_is(event->time_precision, "microsecond")) {
        *time_lo = event->event_time;
        *span = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!cw_str_is(event->time_precision, fixed[i].name))
            continue;
        int64_t time_hi;
        *span = fixed[i].micros - 1;
        return !__builtin_mul_overflow(cw_floor_div(local, fixed[i].micros), fixed[i].micros,
                                       time_lo) &&
               !__builtin_sub_overflow(*time_lo, offset, time_lo) &&
               !__builtin_add_overflow(*time_lo, *span, &time_hi);
    }
    if (!cw_str_is(event->time_precision, "year") && !cw_str_is(event->time_precision, "month"))
        return false;
    int64_t start;
    int64_t end = span_end(cw_floor_div(local, CW_DAY), event->time_precision, &start);
    int64_t time_hi;
    *span = (end - start) * CW_DAY - 1;
    return !__builtin_mul_overflow(start, CW_DAY, time_lo) &&
           !__builtin_sub_overflow(*time_lo, offset, time_lo) &&
           !__builtin_add_overflow(*time_lo, *span, &time_hi);
}

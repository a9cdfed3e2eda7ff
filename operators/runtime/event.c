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

/* --- reading --- */

struct reader {
    struct cw_cur cur;
    struct cw_arena *arena;
};

static cw_str read_str(struct reader *r)
{
    return cw_cur_avro_str(&r->cur);
}

/* The index of a union of null and something: true where something follows. */
static bool read_present(struct reader *r)
{
    int64_t index = cw_cur_avro_long(&r->cur);
    if (index != 0 && index != 1)
        r->cur.failed = true;
    return index == 1 && !r->cur.failed;
}

static cw_str read_optional_str(struct reader *r)
{
    return read_present(r) ? read_str(r) : absent;
}

static double read_double(struct reader *r)
{
    uint64_t bits = cw_cur_u64(&r->cur);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static struct cw_value read_optional_double(struct reader *r)
{
    struct cw_value value = { 0 };
    value.present = read_present(r);
    if (value.present)
        value.real = read_double(r);
    return value;
}

/*
 * The next item of an array: *left holds what remains of the block, 0 before the first. False at
 * the end. Every item of ours takes at least a byte, so a count cannot be larger than the bytes
 * left.
 */
static bool read_item(struct reader *r, int64_t *left)
{
    if (*left == 0) {
        *left = cw_cur_avro_long(&r->cur);
        if (*left < 0 && *left != INT64_MIN) {
            *left = -*left;
            (void)cw_cur_avro_long(&r->cur); /* the block's bytes */
        }
        if (*left == 0)
            return false;
        if (*left < 0 || *left > r->cur.end - r->cur.at) {
            r->cur.failed = true;
            return false;
        }
    }
    (*left)--;
    return !r->cur.failed;
}

/* Arrays grow by doubling in the arena; what is left behind goes with it. */
static void *grow(struct reader *r, void *items, size_t count, size_t size)
{
    if (count == 0)
        return cw_arena_alloc(r->arena, 2 * size);
    if (count < 2 || (count & (count - 1)) != 0)
        return items;
    void *wider = cw_arena_alloc(r->arena, 2 * count * size);
    memcpy(wider, items, count * size);
    return wider;
}

static cw_str *read_strs(struct reader *r, size_t *count)
{
    cw_str *items = NULL;
    *count = 0;
    for (int64_t left = 0; read_item(r, &left); (*count)++) {
        items = grow(r, items, *count, sizeof(*items));
        items[*count] = read_str(r);
    }
    return items;
}

static void read_ids(struct reader *r, struct cw_part *part)
{
    for (int64_t left = 0; read_item(r, &left); part->id_count++) {
        part->ids = grow(r, part->ids, part->id_count, sizeof(*part->ids));
        struct cw_identifier *id = &part->ids[part->id_count];
        id->kind = read_str(r);
        id->value = read_str(r);
        id->issuer = read_optional_str(r);
        id->stated = read_optional_str(r);
        id->fault = read_optional_str(r);
    }
}

static void read_names(struct reader *r, struct cw_part *part)
{
    for (int64_t left = 0; read_item(r, &left); part->name_count++) {
        part->names = grow(r, part->names, part->name_count, sizeof(*part->names));
        struct cw_name *name = &part->names[part->name_count];
        name->full = read_str(r);
        name->kind = read_str(r);
        name->script = read_optional_str(r);
        name->folded = read_str(r);
    }
}

static void read_parties(struct reader *r, struct cw_event *event)
{
    for (int64_t left = 0; read_item(r, &left); event->party_count++) {
        event->parties = grow(r, event->parties, event->party_count, sizeof(*event->parties));
        struct cw_part *party = &event->parties[event->party_count];
        *party = (struct cw_part){ 0 };
        party->role = read_str(r);
        party->kind = read_str(r);
        read_ids(r, party);
        read_names(r, party);
        party->birth_dates = read_strs(r, &party->birth_date_count);
        party->sex = read_optional_str(r);
        party->nationalities = read_strs(r, &party->nationality_count);
        party->addresses = read_strs(r, &party->address_count);
    }
}

static void read_objects(struct reader *r, struct cw_event *event)
{
    for (int64_t left = 0; read_item(r, &left); event->object_count++) {
        event->objects = grow(r, event->objects, event->object_count, sizeof(*event->objects));
        struct cw_part *object = &event->objects[event->object_count];
        *object = (struct cw_part){ 0 };
        object->role = read_str(r);
        object->kind = read_str(r);
        read_ids(r, object);
    }
}

static void read_place(struct reader *r, struct cw_place *place)
{
    place->present = read_present(r);
    if (!place->present)
        return;
    place->name = read_optional_str(r);
    place->lat = read_optional_double(r);
    place->lon = read_optional_double(r);
    place->precision = read_optional_str(r);
}

static void read_handling(struct reader *r, struct cw_handling *handling)
{
    handling->present = read_present(r);
    if (!handling->present)
        return;
    handling->codes = read_strs(r, &handling->code_count);
    handling->text = read_optional_str(r);
    handling->tlp = read_optional_str(r);
    handling->pap = read_optional_str(r);
    handling->sharing_group = read_optional_str(r);
    handling->audience = read_strs(r, &handling->audience_count);
}

static void read_grading(struct reader *r, struct cw_grading *grading)
{
    grading->present = read_present(r);
    if (!grading->present)
        return;
    grading->scheme = read_str(r);
    grading->source = read_str(r);
    grading->info = read_str(r);
}

static void read_field(struct reader *r, const struct cw_field *field, struct cw_value *value)
{
    value->present = !field->nullable || read_present(r);
    if (!value->present)
        return;
    switch (field->type) {
    case CW_FIELD_STRING:
        value->text = read_str(r);
        break;
    case CW_FIELD_LONG:
        value->number = cw_cur_avro_long(&r->cur);
        break;
    case CW_FIELD_BOOLEAN:
        value->number = cw_cur_u8(&r->cur);
        if (value->number > 1)
            r->cur.failed = true;
        break;
    case CW_FIELD_DOUBLE:
        value->real = read_double(r);
        break;
    case CW_FIELD_STRINGS:
        value->list.items = read_strs(r, &value->list.count);
        break;
    }
}

static void read_details(struct reader *r, struct cw_event *event)
{
    for (uint16_t number = 1; number <= cw_type_count(); number++) {
        if (!read_present(r))
            continue;
        const struct cw_type *type = cw_type_by_number(number);
        struct cw_value *values = cw_arena_alloc(r->arena, type->field_count * sizeof(*values));
        for (size_t i = 0; i < type->field_count; i++)
            read_field(r, &type->fields[i], &values[i]);
        if (event->detail != NULL) {
            r->cur.failed = true; /* two details: ingest lets none of these through */
            return;
        }
        event->detail_type = type;
        event->detail = values;
    }
}

bool cw_event_read(struct cw_event *out, const void *body, size_t len, struct cw_arena *arena)
{
    struct reader reader = { cw_cur(body, len), arena };
    struct reader *r = &reader;
    *out = (struct cw_event){ 0 };
    out->owner = read_str(r);
    out->event_id = read_str(r);
    out->version = cw_cur_avro_long(&r->cur);
    out->op = read_str(r);
    out->event_type = read_str(r);
    out->event_time = cw_cur_avro_long(&r->cur);
    int64_t tz_offset = cw_cur_avro_long(&r->cur);
    out->tz_offset = (int32_t)tz_offset;
    out->time_precision = read_str(r);
    out->recorded_at = cw_cur_avro_long(&r->cur);
    out->retain_until.present = read_present(r);
    if (out->retain_until.present)
        out->retain_until.number = cw_cur_avro_long(&r->cur);
    out->country = read_optional_str(r);
    read_place(r, &out->place);
    out->crime_areas = read_strs(r, &out->crime_area_count);
    out->purposes = read_strs(r, &out->purpose_count);
    read_handling(r, &out->handling);
    read_grading(r, &out->grading);
    out->language = read_optional_str(r);
    out->evidence_status = read_str(r);
    out->source_ref = read_optional_str(r);
    out->schema_version = cw_cur_avro_long(&r->cur);
    out->payload_hash = read_optional_str(r);
    read_parties(r, out);
    read_objects(r, out);
    read_details(r, out);
    /* It is the type of the fields nearly always; a withdrawal brings none. */
    if (out->detail_type != NULL && cw_str_is(out->event_type, out->detail_type->name))
        out->type = out->detail_type;
    else
        out->type = cw_type_by_name(out->event_type);
    return !r->cur.failed && r->cur.at == r->cur.end && out->tz_offset == tz_offset;
}

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

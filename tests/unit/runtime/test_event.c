/*
 * test_event.c - the canonical event: the schemas, as libavro reads them, and event.c agree.
 *
 * libavro's generic values are filled by walking the schema: each text is its own path, each number
 * comes from its path, so that a field of C that holds another field's value shows.
 */
#include "testing.h"

#include <avro.h>

#include "operators/runtime/event.h"
#include "operators/runtime/json.h"
#include "operators/runtime/time.h"

enum { BODY_MAX = 65536, ITEMS = 3, NOBODY = -1 };

static avro_schema_t schema;
static avro_value_iface_t *iface;
static struct cw_secret secret;
static struct cw_arena *arena;

static int set_up(void **state)
{
    (void)state;
    const char *json = cw_event_schema_json();
    assert_int_equal(avro_schema_from_json_length(json, strlen(json), &schema), 0);
    iface = avro_generic_class_from_schema(schema);
    assert_non_null(iface);
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    arena = cw_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    cw_arena_free(arena);
    return 0;
}

/* --- filling --- */

struct fill {
    uint16_t type;   /* whose detail is filled; 0: none */
    bool full;       /* else all is at its least: unions null, arrays empty */
    int changed;     /* the leaf, counted from 0, that gets another value; or NOBODY */
    int leaf;        /* the next one */
    char which[160]; /* path of the changed leaf */
};

static int64_t number_of(const char *path)
{
    uint32_t hash = 2166136261U;
    for (const char *c = path; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    return (int64_t)(hash % 1000000) - 500000;
}

/* Whether this leaf is the one to change; a leaf is known by its path. */
static bool changes(struct fill *fill, const char *path)
{
    if (fill->leaf++ != fill->changed)
        return false;
    snprintf(fill->which, sizeof(fill->which), "%s", path);
    return true;
}

static void fill_value(avro_value_t *value, const char *path, struct fill *fill);

static void fill_record(avro_value_t *value, const char *path, struct fill *fill)
{
    size_t count = 0;
    assert_int_equal(avro_value_get_size(value, &count), 0);
    for (size_t i = 0; i < count; i++) {
        avro_value_t field;
        const char *name;
        char below[160];
        assert_int_equal(avro_value_get_by_index(value, i, &field, &name), 0);
        snprintf(below, sizeof(below), "%s%s%s", path, *path != '\0' ? "." : "", name);
        fill_value(&field, below, fill);
    }
}

static void fill_union(avro_value_t *value, const char *path, struct fill *fill)
{
    avro_value_t branch;
    const struct cw_type *type =
        strchr(path, '.') == NULL ? cw_type_by_short_name(cw_cstr(path)) : NULL;
    bool present = type != NULL ? type->number == fill->type : fill->full;
    assert_int_equal(avro_value_set_branch(value, present, &branch), 0);
    if (present)
        fill_value(&branch, path, fill);
    else
        assert_int_equal(avro_value_set_null(&branch), 0);
}

static void fill_value(avro_value_t *value, const char *path, struct fill *fill)
{
    avro_type_t type = avro_value_get_type(value);
    char text[200];
    if (type == AVRO_RECORD) {
        fill_record(value, path, fill);
    } else if (type == AVRO_UNION) {
        fill_union(value, path, fill);
    } else if (type == AVRO_ARRAY) {
        for (int i = 0; fill->full && i < ITEMS; i++) {
            avro_value_t item;
            snprintf(text, sizeof(text), "%s[%d]", path, i);
            assert_int_equal(avro_value_append(value, &item, NULL), 0);
            fill_value(&item, text, fill);
        }
    } else if (type == AVRO_STRING) {
        bool other = changes(fill, path);
        snprintf(text, sizeof(text), "%s%s", path, other ? "!" : "");
        assert_int_equal(avro_value_set_string(value, text), 0);
    } else if (type == AVRO_INT64) {
        assert_int_equal(avro_value_set_long(value, number_of(path) + changes(fill, path)), 0);
    } else if (type == AVRO_INT32) {
        assert_int_equal(
            avro_value_set_int(value, (int32_t)(number_of(path) + changes(fill, path))), 0);
    } else if (type == AVRO_DOUBLE) {
        assert_int_equal(
            avro_value_set_double(value, (double)(number_of(path) + changes(fill, path)) / 7), 0);
    } else if (type == AVRO_BOOLEAN) {
        assert_int_equal(avro_value_set_boolean(value, !changes(fill, path)), 0);
    } else {
        fail_msg("%s is of a type that event.c does not know", path);
    }
}

/* The body that libavro writes. */
static size_t body_of(struct fill *fill, char body[BODY_MAX])
{
    avro_value_t value;
    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    fill->leaf = 0;
    fill_value(&value, "", fill);
    avro_writer_t writer = avro_writer_memory(body, BODY_MAX);
    assert_int_equal(avro_value_write(writer, &value), 0);
    size_t len = (size_t)avro_writer_tell(writer);
    avro_writer_free(writer);
    avro_value_decref(&value);
    return len;
}

static void read_event(struct cw_event *event, const char *body, size_t len)
{
    cw_arena_reset(arena);
    assert_true(cw_event_read(event, body, len, arena));
}

/* --- reading --- */

static void assert_number(const struct cw_value *value, const char *path)
{
    assert_true(value->present);
    assert_true(value->number == number_of(path));
}

static void assert_texts(const cw_str *items, size_t count, const char *path)
{
    assert_int_equal(count, ITEMS);
    for (size_t i = 0; i < count; i++) {
        char item[160];
        snprintf(item, sizeof(item), "%s[%zu]", path, i);
        assert_str_equal(items[i], item);
    }
}

static void assert_below(cw_str text, const char *path, const char *name)
{
    char below[200];
    snprintf(below, sizeof(below), "%s.%s", path, name);
    assert_str_equal(text, below);
}

static void assert_ids(const struct cw_part *part, const char *path)
{
    assert_int_equal(part->id_count, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        char below[160];
        snprintf(below, sizeof(below), "%s.ids[%zu]", path, i);
        assert_below(part->ids[i].kind, below, "kind");
        assert_below(part->ids[i].value, below, "value");
        assert_below(part->ids[i].issuer, below, "issuer");
        assert_below(part->ids[i].stated, below, "stated");
        assert_below(part->ids[i].fault, below, "fault");
    }
}

static void assert_party(const struct cw_part *party, const char *path)
{
    char below[160];
    assert_below(party->role, path, "role");
    assert_below(party->kind, path, "kind");
    assert_ids(party, path);
    assert_int_equal(party->name_count, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        snprintf(below, sizeof(below), "%s.names[%zu]", path, i);
        assert_below(party->names[i].full, below, "full");
        assert_below(party->names[i].kind, below, "kind");
        assert_below(party->names[i].script, below, "script");
        assert_below(party->names[i].folded, below, "folded");
    }
    snprintf(below, sizeof(below), "%s.birth_dates", path);
    assert_texts(party->birth_dates, party->birth_date_count, below);
    assert_below(party->sex, path, "sex");
    snprintf(below, sizeof(below), "%s.nationalities", path);
    assert_texts(party->nationalities, party->nationality_count, below);
    snprintf(below, sizeof(below), "%s.addresses", path);
    assert_texts(party->addresses, party->address_count, below);
}

static void assert_envelope(const struct cw_event *event)
{
    assert_str_equal(event->owner, "owner");
    assert_str_equal(event->event_id, "event_id");
    assert_true(event->version == number_of("version"));
    assert_str_equal(event->op, "op");
    assert_str_equal(event->event_type, "event_type");
    assert_true(event->event_time == number_of("event_time"));
    assert_true(event->tz_offset == number_of("tz_offset"));
    assert_str_equal(event->time_precision, "time_precision");
    assert_true(event->recorded_at == number_of("recorded_at"));
    assert_number(&event->retain_until, "retain_until");
    assert_str_equal(event->country, "country");
    assert_true(event->place.present);
    assert_str_equal(event->place.name, "place.name");
    assert_true(event->place.lat.present && event->place.lon.present);
    const double lat = (double)number_of("place.lat") / 7;
    const double lon = (double)number_of("place.lon") / 7;
    assert_memory_equal(&event->place.lat.real, &lat, sizeof(lat));
    assert_memory_equal(&event->place.lon.real, &lon, sizeof(lon));
    assert_str_equal(event->place.precision, "place.precision");
    assert_texts(event->crime_areas, event->crime_area_count, "crime_areas");
    assert_texts(event->purposes, event->purpose_count, "purposes");
    assert_true(event->handling.present);
    assert_texts(event->handling.codes, event->handling.code_count, "handling.codes");
    assert_str_equal(event->handling.text, "handling.text");
    assert_str_equal(event->handling.tlp, "handling.tlp");
    assert_str_equal(event->handling.pap, "handling.pap");
    assert_str_equal(event->handling.sharing_group, "handling.sharing_group");
    assert_texts(event->handling.audience, event->handling.audience_count, "handling.audience");
    assert_true(event->grading.present);
    assert_str_equal(event->grading.scheme, "grading.scheme");
    assert_str_equal(event->grading.source, "grading.source");
    assert_str_equal(event->grading.info, "grading.info");
    assert_str_equal(event->language, "language");
    assert_str_equal(event->evidence_status, "evidence_status");
    assert_str_equal(event->source_ref, "source_ref");
    assert_true(event->schema_version == number_of("schema_version"));
    assert_str_equal(event->payload_hash, "payload_hash");
}

static void assert_detail(const struct cw_event *event, const struct cw_type *type)
{
    assert_ptr_equal(event->detail_type, type);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct cw_value *value = &event->detail[i];
        char path[160];
        snprintf(path, sizeof(path), "%s.%s", type->short_name, type->fields[i].name);
        assert_true(value->present);
        if (type->fields[i].type == CW_FIELD_STRING)
            assert_str_equal(value->text, path);
        else if (type->fields[i].type == CW_FIELD_LONG)
            assert_number(value, path);
        else if (type->fields[i].type == CW_FIELD_BOOLEAN)
            assert_true(value->number == 1);
        else if (type->fields[i].type == CW_FIELD_STRINGS)
            assert_texts(value->list.items, value->list.count, path);
        else
            assert_true((int64_t)(value->real * 7) / 2 == number_of(path) / 2);
    }
}

static void a_full_event_of_each_type_is_read_and_written_as_libavro_has_it(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    for (uint16_t number = 1; number <= cw_type_count(); number++) {
        struct fill fill = { .type = number, .full = true, .changed = NOBODY };
        size_t len = body_of(&fill, body);
        struct cw_event event;
        read_event(&event, body, len);
        assert_envelope(&event);
        assert_int_equal(event.party_count, ITEMS);
        assert_int_equal(event.object_count, ITEMS);
        assert_int_equal(cw_event_part_count(&event), 2 * ITEMS);
        for (size_t i = 0; i < ITEMS; i++) {
            char path[64];
            snprintf(path, sizeof(path), "parties[%zu]", i);
            assert_party(cw_event_part(&event, i), path);
            snprintf(path, sizeof(path), "objects[%zu]", i);
            const struct cw_part *object = cw_event_part(&event, ITEMS + i);
            assert_below(object->role, path, "role");
            assert_below(object->kind, path, "type");
            assert_ids(object, path);
        }
        assert_detail(&event, cw_type_by_number(number));
        struct cw_buf out = { 0 };
        cw_event_write(&event, &out);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, body, len);
        cw_buf_done(&out);
    }
}

static void a_least_event_is_read_and_written_as_libavro_has_it(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    struct fill fill = { .changed = NOBODY };
    size_t len = body_of(&fill, body);
    struct cw_event event;
    read_event(&event, body, len);
    assert_false(event.retain_until.present || event.place.present || event.handling.present ||
                 event.grading.present);
    assert_null(event.country.ptr);
    assert_null(event.payload_hash.ptr);
    assert_int_equal(cw_event_part_count(&event), 0);
    assert_null(event.detail);
    assert_null(event.type); /* "event_type" is none */
    struct cw_buf out = { 0 };
    cw_event_write(&event, &out);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, body, len);
    cw_buf_done(&out);
}

static void what_is_written_is_decoded_by_libavro(void **state)
{
    (void)state;
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr("RO-IGPR");
    event.event_type = cw_cstr("notice");
    event.country = cw_cstr(""); /* empty is not absent */
    struct cw_buf out = { 0 };
    cw_event_write(&event, &out);
    avro_value_t value;
    avro_value_t field;
    avro_value_t branch;
    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    avro_reader_t reader = avro_reader_memory((const char *)out.data, (int64_t)out.len);
    assert_int_equal(avro_value_read(reader, &value), 0);
    char rest;
    assert_int_not_equal(avro_read(reader, &rest, 1), 0); /* nothing is left */
    const char *text;
    size_t size;
    int64_t version = 0;
    assert_int_equal(avro_value_get_by_name(&value, "owner", &field, NULL), 0);
    assert_int_equal(avro_value_get_string(&field, &text, &size), 0);
    assert_string_equal(text, "RO-IGPR");
    assert_int_equal(avro_value_get_by_name(&value, "version", &field, NULL), 0);
    assert_int_equal(avro_value_get_long(&field, &version), 0);
    assert_true(version == 1);
    assert_int_equal(avro_value_get_by_name(&value, "country", &field, NULL), 0);
    assert_int_equal(avro_value_get_current_branch(&field, &branch), 0);
    assert_int_equal(avro_value_get_string(&branch, &text, &size), 0);
    assert_string_equal(text, "");
    avro_reader_free(reader);
    avro_value_decref(&value);
    cw_buf_done(&out);
}

static void a_body_that_is_cut_or_goes_on_is_refused(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    struct fill fill = { .type = 1, .full = true, .changed = NOBODY };
    size_t len = body_of(&fill, body);
    struct cw_event event;
    for (size_t cut = 0; cut < len; cut++) {
        char *exact = malloc(cut + (cut == 0));
        assert_non_null(exact);
        memcpy(exact, body, cut);
        cw_arena_reset(arena);
        if (cw_event_read(&event, exact, cut, arena))
            fail_msg("a body of %zu bytes reads when cut at %zu", len, cut);
        free(exact);
    }
    body[len] = 0;
    cw_arena_reset(arena);
    assert_false(cw_event_read(&event, body, len + 1, arena));
}

/* Whatever one byte becomes: refused, or an event that is written and read again as it is. */
static void a_changed_byte_does_no_harm(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    struct fill fill = { .type = 2, .full = true, .changed = NOBODY };
    size_t len = body_of(&fill, body);
    struct cw_buf once = { 0 };
    struct cw_buf twice = { 0 };
    for (size_t i = 0; i < len; i++) {
        for (int mask = 1; mask <= 0x80; mask <<= 3) {
            struct cw_event event;
            body[i] = (char)(body[i] ^ mask);
            cw_arena_reset(arena);
            if (cw_event_read(&event, body, len, arena)) {
                once.len = twice.len = 0;
                cw_event_write(&event, &once);
                read_event(&event, (const char *)once.data, once.len);
                cw_event_write(&event, &twice);
                assert_int_equal(once.len, twice.len);
                assert_memory_equal(once.data, twice.data, once.len);
            }
            body[i] = (char)(body[i] ^ mask);
        }
    }
    cw_buf_done(&once);
    cw_buf_done(&twice);
}

/* --- content --- */

static bool is_transport(const char *path)
{
    static const char *const left_out[] = { "version", "op", "schema_version", "payload_hash",
                                            "source_ref" };
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        if (strcmp(path, left_out[i]) == 0)
            return true;
    }
    return false;
}

static void every_field_is_content_but_version_op_and_transport(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    struct cw_event event;
    struct fill fill = { .type = 4, .full = true, .changed = NOBODY };
    read_event(&event, body, body_of(&fill, body));
    const struct cw_id plain = cw_event_content(&event, &secret);
    const int leaves = fill.leaf;
    int transport = 0;
    assert_true(leaves > 100);
    for (int leaf = 0; leaf < leaves; leaf++) {
        fill.changed = leaf;
        read_event(&event, body, body_of(&fill, body));
        bool same = cw_id_eq(cw_event_content(&event, &secret), plain);
        if (same != is_transport(fill.which))
            fail_msg("%s is %scontent", fill.which, same ? "no " : "");
        transport += same;
    }
    assert_int_equal(transport, 5);
}

static void put_text(struct cw_buf *buf, const char *path, const char *text)
{
    size_t member = cw_enc_open(buf);
    cw_enc_str(buf, cw_cstr(path));
    cw_enc_str(buf, cw_cstr(text));
    cw_enc_close(buf, member);
}

static void put_number(struct cw_buf *buf, const char *path, int64_t number)
{
    size_t member = cw_enc_open(buf);
    cw_enc_str(buf, cw_cstr(path));
    cw_enc_int(buf, number);
    cw_enc_close(buf, member);
}

static void defaults_are_left_out_of_the_content(void **state)
{
    (void)state;
    struct cw_identifier id = { .kind = cw_cstr("phone"), .value = cw_cstr("+40700000001") };
    struct cw_name name = { .full = cw_cstr("Ana"),
                            .kind = cw_cstr("primary"),
                            .folded = cw_cstr("") };
    struct cw_part party = { .role = cw_cstr("contact"),
                             .kind = cw_cstr("person"),
                             .ids = &id,
                             .id_count = 1,
                             .names = &name,
                             .name_count = 1 };
    struct cw_event event;
    cw_event_defaults(&event);
    event.owner = cw_cstr("RO-IGPR");
    event.event_id = cw_cstr("E-1");
    event.event_type = cw_cstr("online_ad");
    event.event_time = 5;
    event.recorded_at = 6;
    event.parties = &party;
    event.party_count = 1;
    event.place.present = true;
    event.place.lat = (struct cw_value){ .present = true, .real = 0.5 };
    struct cw_buf buf = { 0 };
    cw_enc_str(&buf, cw_cstr("content"));
    size_t list = cw_enc_open(&buf);
    put_text(&buf, "owner", "RO-IGPR");
    put_text(&buf, "event_id", "E-1");
    put_text(&buf, "event_type", "online_ad");
    put_number(&buf, "event_time", 5);
    put_number(&buf, "recorded_at", 6);
    int64_t bits;
    memcpy(&bits, &event.place.lat.real, sizeof(bits));
    put_number(&buf, "place.lat", bits);
    put_text(&buf, "parties[0].role", "contact");
    put_text(&buf, "parties[0].ids[0].kind", "phone");
    put_text(&buf, "parties[0].ids[0].value", "+40700000001");
    put_text(&buf, "parties[0].names[0].full", "Ana");
    cw_enc_close(&buf, list);
    assert_id_equal(cw_event_content(&event, &secret), cw_id_inside(&secret, &buf));
    event.handling.present = true; /* which says nothing */
    event.version = 9;
    event.op = cw_cstr("amend");
    assert_id_equal(cw_event_content(&event, &secret), cw_id_inside(&secret, &buf));
    cw_buf_done(&buf);
}

/* --- time --- */

static void assert_span(const char *precision, int64_t event_time, int32_t tz_offset,
                        const char *lo, const char *hi)
{
    struct cw_event event;
    cw_event_defaults(&event);
    event.event_time = event_time;
    event.tz_offset = tz_offset;
    event.time_precision = cw_cstr(precision);
    int64_t time_lo;
    int64_t span;
    char text[CW_TIME_TEXT];
    assert_true(cw_event_span(&event, &time_lo, &span));
    cw_time_format(time_lo, text);
    assert_string_equal(text, lo);
    cw_time_format(time_lo + span, text);
    assert_string_equal(text, hi);
}

static int64_t at(const char *text)
{
    int64_t micros;
    assert_true(cw_time_parse(cw_cstr(text), &micros));
    return micros;
}

static void each_precision_cuts_in_the_offset_of_the_event(void **state)
{
    (void)state;
    int64_t t = at("2024-02-29T23:30:15.000007Z");
    assert_span("microsecond", t, 0, "2024-02-29T23:30:15.000007Z", "2024-02-29T23:30:15.000007Z");
    assert_span("second", t, 0, "2024-02-29T23:30:15Z", "2024-02-29T23:30:15.999999Z");
    assert_span("minute", t, 0, "2024-02-29T23:30:00Z", "2024-02-29T23:30:59.999999Z");
    assert_span("hour", t, 0, "2024-02-29T23:00:00Z", "2024-02-29T23:59:59.999999Z");
    assert_span("hour", t, 330, "2024-02-29T23:30:00Z", "2024-03-01T00:29:59.999999Z");
}

static void days_months_and_years_are_local_ones(void **state)
{
    (void)state;
    int64_t t = at("2024-02-29T23:30:00Z");
    assert_span("day", t, 0, "2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999999Z");
    assert_span("day", t, 120, "2024-02-29T22:00:00Z", "2024-03-01T21:59:59.999999Z");
    assert_span("day", t, -600, "2024-02-29T10:00:00Z", "2024-03-01T09:59:59.999999Z");
    assert_span("month", t, 0, "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z");
    assert_span("month", t, 120, "2024-02-29T22:00:00Z", "2024-03-31T21:59:59.999999Z");
    assert_span("month", at("2023-02-10"), 0, "2023-02-01T00:00:00Z",
                "2023-02-28T23:59:59.999999Z");
    assert_span("month", at("2023-12-10"), 0, "2023-12-01T00:00:00Z",
                "2023-12-31T23:59:59.999999Z");
    assert_span("year", t, 0, "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z");
    assert_span("year", at("2023-12-31T23:00:00Z"), 60, "2023-12-31T23:00:00Z",
                "2024-12-31T22:59:59.999999Z");
    assert_span("month", at("1900-02-10"), 0, "1900-02-01T00:00:00Z",
                "1900-02-28T23:59:59.999999Z"); /* no leap year */
    assert_span("month", at("2000-02-10"), 0, "2000-02-01T00:00:00Z",
                "2000-02-29T23:59:59.999999Z"); /* one */
}

static void before_1970_it_is_cut_down_as_well(void **state)
{
    (void)state;
    int64_t t = at("1969-12-31T23:59:59.999999Z");
    assert_span("second", t, 0, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z");
    assert_span("minute", t, 0, "1969-12-31T23:59:00Z", "1969-12-31T23:59:59.999999Z");
    assert_span("day", t, 0, "1969-12-31T00:00:00Z", "1969-12-31T23:59:59.999999Z");
    assert_span("day", t, 60, "1969-12-31T23:00:00Z", "1970-01-01T22:59:59.999999Z");
    assert_span("month", t, 0, "1969-12-01T00:00:00Z", "1969-12-31T23:59:59.999999Z");
    assert_span("year", at("1904-02-29T12:00:00Z"), 0, "1904-01-01T00:00:00Z",
                "1904-12-31T23:59:59.999999Z");
}

static void an_unknown_precision_and_the_ends_of_time_are_refused(void **state)
{
    (void)state;
    struct cw_event event;
    int64_t time_lo;
    int64_t span;
    cw_event_defaults(&event);
    static const char *const unknown[] = { "", "Day", "week", "decade", "days" };
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        event.time_precision = cw_cstr(unknown[i]);
        assert_false(cw_event_span(&event, &time_lo, &span));
    }
    static const char *const known[] = { "year", "month", "day", "hour", "minute", "second" };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        event.time_precision = cw_cstr(known[i]);
        for (int32_t offset = -90; offset <= 90; offset += 90) {
            event.tz_offset = offset;
            event.event_time = INT64_MIN;
            assert_false(cw_event_span(&event, &time_lo, &span));
            event.event_time = INT64_MAX;
            assert_false(cw_event_span(&event, &time_lo, &span));
        }
    }
}

/* --- types --- */

static void types_are_found_by_number_name_and_short_name(void **state)
{
    (void)state;
    assert_true(cw_type_count() >= 4);
    assert_null(cw_type_by_number(0));
    assert_null(cw_type_by_number((uint16_t)(cw_type_count() + 1)));
    assert_null(cw_type_by_name(cw_cstr("ad")));
    assert_null(cw_type_by_short_name(cw_cstr("online_ad")));
    for (uint16_t number = 1; number <= cw_type_count(); number++) {
        const struct cw_type *type = cw_type_by_number(number);
        assert_int_equal(type->number, number);
        assert_ptr_equal(cw_type_by_name(cw_cstr(type->name)), type);
        assert_ptr_equal(cw_type_by_short_name(cw_cstr(type->short_name)), type);
        assert_true(type->retention > 0 && type->retention <= type->retention_max);
        for (size_t i = 0; i < type->field_count; i++)
            assert_int_equal(cw_type_field(type, cw_cstr(type->fields[i].name)), i);
        assert_int_equal(cw_type_field(type, cw_cstr("none")), -1);
    }
    assert_true(cw_type_by_name(cw_cstr("notice"))->standing);
    assert_false(cw_type_by_name(cw_cstr("online_ad"))->standing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_event_of_each_type_is_read_and_written_as_libavro_has_it),
        cmocka_unit_test(a_least_event_is_read_and_written_as_libavro_has_it),
        cmocka_unit_test(what_is_written_is_decoded_by_libavro),
        cmocka_unit_test(a_body_that_is_cut_or_goes_on_is_refused),
        cmocka_unit_test(a_changed_byte_does_no_harm),
        cmocka_unit_test(every_field_is_content_but_version_op_and_transport),
        cmocka_unit_test(defaults_are_left_out_of_the_content),
        cmocka_unit_test(each_precision_cuts_in_the_offset_of_the_event),
        cmocka_unit_test(days_months_and_years_are_local_ones),
        cmocka_unit_test(before_1970_it_is_cut_down_as_well),
        cmocka_unit_test(an_unknown_precision_and_the_ends_of_time_are_refused),
        cmocka_unit_test(types_are_found_by_number_name_and_short_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

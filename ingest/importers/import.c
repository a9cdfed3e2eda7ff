#include "ingest/importers/import.h"

#include <errno.h>
#include <stdlib.h>

#include "ingest/identifier.h"
#include "ingest/importers/countries.h"
#include "ingest/wire/container.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum { KEEP_YEARS = 5 };

struct row {
    struct cw_event event;
    bool dated;
};

struct cw_import {
    struct cw_arena *arena;
    struct row *rows;
    size_t count;
    size_t cap;
    int64_t newest;
    struct cw_import_counts counts;
};

struct cw_import *cw_import_new(void)
{
    struct cw_import *import = cw_new(struct cw_import);
    import->arena = cw_arena_new();
    import->newest = CW_TIME_MIN;
    return import;
}

void cw_import_free(struct cw_import *import)
{
    if (import == NULL)
        return;
    cw_arena_free(import->arena);
    free(import->rows);
    free(import);
}

const struct cw_import_counts *cw_import_counts(const struct cw_import *import)
{
    return &import->counts;
}

struct cw_import_counts *cw_import_count(struct cw_import *import)
{
    return &import->counts;
}

void cw_import_saw_date(struct cw_import *import, int64_t date)
{
    if (date > import->newest)
        import->newest = date;
}

int64_t cw_import_newest(const struct cw_import *import)
{
    return import->newest;
}

cw_str cw_import_text(struct cw_import *import, cw_str text)
{
    char *out = cw_arena_alloc(import->arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool space = (unsigned char)text.ptr[i] <= ' ';
        if (!space)
            out[len++] = text.ptr[i];
        else if (len > 0 && out[len - 1] != ' ')
            out[len++] = ' ';
    }
    if (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
    return (cw_str){ out, len };
}

static int digits(cw_str text, size_t at, size_t count)
{
    int value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

int64_t cw_import_iso_date(cw_str text)
{
    if (text.len < 10 || text.ptr[4] != '-' || text.ptr[7] != '-')
        return CW_TIME_MIN;
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 2);
    int day = digits(text, 8, 2);
    if (year < 0 || month < 0 || day < 0 || !cw_date_valid(year, month, day))
        return CW_TIME_MIN;
    return cw_days_from_civil(year, month, day) * CW_DAY;
}

/* The script of the first letter that tells: what lists of several scripts need to be read by
 * people; nothing is matched by it. */
static const char *script_of(cw_str text)
{
    static const struct {
        uint32_t first;
        uint32_t last;
        const char *script;
    } ranges[] = {
        { 0x0370, 0x03FF, "Grek" }, { 0x0400, 0x052F, "Cyrl" },   { 0x0590, 0x05FF, "Hebr" },
        { 0x0600, 0x06FF, "Arab" }, { 0x0750, 0x077F, "Arab" },   { 0x0900, 0x097F, "Deva" },
        { 0x0E00, 0x0E7F, "Thai" }, { 0x1000, 0x109F, "Mymr" },   { 0x10A0, 0x10FF, "Geor" },
        { 0x1200, 0x137F, "Ethi" }, { 0x1780, 0x17FF, "Khmr" },   { 0x3040, 0x30FF, "Jpan" },
        { 0x3400, 0x9FFF, "Hani" }, { 0xAC00, 0xD7AF, "Hang" },   { 0xFB50, 0xFDFF, "Arab" },
        { 0xFE70, 0xFEFF, "Arab" }, { 0x20000, 0x3FFFF, "Hani" },
    };
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    while (at < end) {
        uint32_t point = *at;
        size_t more = point < 0xC0 ? 0 : point < 0xE0 ? 1 : point < 0xF0 ? 2 : 3;
        if (more > 0)
            point &= 0x3FU >> more;
        at++;
        for (; more > 0 && at < end; more--)
            point = point << 6 | (*at++ & 0x3FU);
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
            if (point >= ranges[i].first && point <= ranges[i].last)
                return ranges[i].script;
        }
    }
    return NULL;
}

void cw_import_party_start(struct cw_import_party *party, struct cw_import *import)
{
    party->import = import;
    party->part = (struct cw_part){ .kind = cw_cstr("person") };
}

/* Room for one more in a list of `cap`, or counted. */
static bool room(struct cw_import_party *party, size_t count, size_t cap)
{
    if (count < cap)
        return true;
    party->import->counts.cut++;
    return false;
}

static void add_text(struct cw_import_party *party, cw_str *list, size_t *count, size_t cap,
                     cw_str text)
{
    text = cw_import_text(party->import, text);
    if (text.len == 0)
        return;
    for (size_t i = 0; i < *count; i++) {
        if (cw_str_eq(list[i], text))
            return;
    }
    if (room(party, *count, cap))
        list[(*count)++] = text;
}

void cw_import_party_name(struct cw_import_party *party, cw_str full, bool alias)
{
    full = cw_import_text(party->import, full);
    if (full.len == 0)
        return;
    for (size_t i = 0; i < party->part.name_count; i++) {
        if (cw_str_eq(party->names[i].full, full))
            return;
    }
    if (!room(party, party->part.name_count, CW_IMPORT_NAMES))
        return;
    const char *script = script_of(full);
    party->names[party->part.name_count++] = (struct cw_name){
        .full = full,
        .kind = cw_cstr(alias ? "alias" : "primary"),
        .script = cw_cstr(script),
        .folded = cw_cstr(""),
    };
}

void cw_import_party_id(struct cw_import_party *party, const char *kind, cw_str value,
                        const char *issuer)
{
    value = cw_import_text(party->import, value);
    if (value.len == 0)
        return;
    struct cw_identifier id = { .kind = cw_cstr(kind), .issuer = cw_cstr(issuer), .value = value };
    for (size_t i = 0; i < party->part.id_count; i++) {
        const struct cw_identifier *other = &party->ids[i];
        if (cw_str_eq(other->kind, id.kind) && cw_str_eq(other->value, value) &&
            cw_str_eq(other->issuer, id.issuer))
            return;
    }
    if (room(party, party->part.id_count, CW_IMPORT_IDS))
        party->ids[party->part.id_count++] = id;
}

void cw_import_party_birth(struct cw_import_party *party, cw_str date)
{
    cw_str iso;
    date = cw_import_text(party->import, date);
    if (date.len == 0)
        return;
    /* One that ingest would refuse would cost the whole row. */
    if (cw_birth_date(date, party->import->arena, &iso))
        add_text(party, party->births, &party->part.birth_date_count, CW_IMPORT_BIRTHS, iso);
    else
        party->import->counts.bad_dates++;
}

const char *cw_import_country(struct cw_import *import, cw_str country)
{
    country = cw_import_text(import, country);
    if (country.len == 0)
        return NULL;
    const char *code = cw_country_by_name(country);
    if (code == NULL)
        import->counts.unknown_countries++;
    return code;
}

void cw_import_party_nation(struct cw_import_party *party, cw_str country)
{
    const char *code = cw_import_country(party->import, country);
    if (code != NULL)
        add_text(party, party->nations, &party->part.nationality_count, CW_IMPORT_NATIONS,
                 cw_cstr(code));
}

void cw_import_party_address(struct cw_import_party *party, cw_str address)
{
    add_text(party, party->addresses, &party->part.address_count, CW_IMPORT_ADDRESSES, address);
}

static void *kept(struct cw_import *import, const void *items, size_t count, size_t size)
{
    if (count == 0)
        return NULL;
    void *copy = cw_arena_alloc(import->arena, count * size);
    memcpy(copy, items, count * size);
    return copy;
}

static struct cw_part *keep_party(struct cw_import *import, const struct cw_import_party *party)
{
    struct cw_part *part = kept(import, &party->part, 1, sizeof(*part));
    part->ids = kept(import, party->ids, part->id_count, sizeof(party->ids[0]));
    part->names = kept(import, party->names, part->name_count, sizeof(party->names[0]));
    part->birth_dates =
        kept(import, party->births, part->birth_date_count, sizeof(party->births[0]));
    part->nationalities =
        kept(import, party->nations, part->nationality_count, sizeof(party->nations[0]));
    part->addresses =
        kept(import, party->addresses, part->address_count, sizeof(party->addresses[0]));
    return part;
}

static void set_text(struct cw_event *event, const char *field, cw_str text)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    if (index >= 0 && text.len > 0) {
        event->detail[index].present = true;
        event->detail[index].text = text;
    }
}

static void set_long(struct cw_event *event, const char *field, int64_t number)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    if (index >= 0) {
        event->detail[index].present = true;
        event->detail[index].number = number;
    }
}

/* The account that a customer holds: the row's own id is all that the list gives of it. */
static void add_account(struct cw_import *import, struct cw_event *event)
{
    struct cw_identifier id = { .kind = cw_cstr("account") };
    id.value = cw_arena_printf(import->arena, "SENZING%.*s", CW_STR_ARG(event->event_id));
    struct cw_part account = { .role = cw_cstr("account"),
                               .kind = cw_cstr("account"),
                               .id_count = 1 };
    account.ids = kept(import, &id, 1, sizeof(id));
    event->objects = kept(import, &account, 1, sizeof(account));
    event->object_count = 1;
}

bool cw_import_row(struct cw_import *import, enum cw_import_kind kind, const char *owner,
                   cw_str event_id, int64_t version, int64_t date,
                   const struct cw_import_party *party, cw_str category, cw_str reference)
{
    if (import->count == CW_IMPORT_ROWS_MAX)
        return false;
    if (import->count == import->cap) {
        import->cap = import->cap == 0 ? 256 : import->cap * 2;
        import->rows = cw_realloc(import->rows, import->cap * sizeof(import->rows[0]));
    }
    struct row *row = &import->rows[import->count++];
    struct cw_event *event = &row->event;
    row->dated = date != CW_TIME_MIN;

    cw_event_defaults(event);
    event->owner = cw_cstr(owner);
    event->event_id = cw_import_text(import, event_id);
    event->version = version;
    event->event_type = cw_cstr(kind == CW_IMPORT_ACCOUNT ? "account_open" : "notice");
    event->type = cw_type_by_name(event->event_type);
    event->detail_type = event->type;
    event->detail =
        cw_arena_alloc(import->arena, event->type->field_count * sizeof(event->detail[0]));
    event->event_time = date;
    event->recorded_at = date;
    event->time_precision = cw_cstr("day");
    event->parties = keep_party(import, party);
    event->party_count = 1;
    event->parties[0].role = cw_cstr(kind == CW_IMPORT_ACCOUNT ? "holder" : "subject");

    category = cw_import_text(import, category);
    if (kind == CW_IMPORT_ACCOUNT) {
        add_account(import, event);
        set_text(event, "product", category);
        import->counts.accounts++;
    } else {
        set_text(event, "colour", cw_cstr(kind == CW_IMPORT_SANCTION ? "sanctions" : "watch"));
        set_text(event, "category", category);
        set_text(event, "reference", cw_import_text(import, reference));
        import->counts.notices++;
        import->counts.organisations += cw_str_is(party->part.kind, "organisation");
    }
    if (row->dated)
        cw_import_saw_date(import, date);
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct cw_event *x = &((const struct row *)a)->event;
    const struct cw_event *y = &((const struct row *)b)->event;
    if (x->recorded_at != y->recorded_at)
        return x->recorded_at < y->recorded_at ? -1 : 1;
    int order = cw_str_cmp(x->event_id, y->event_id);
    return order != 0 ? order : cw_str_cmp(x->owner, y->owner);
}

static int64_t years_after(int64_t time, int years)
{
    int64_t year;
    int month;
    int day;
    cw_civil_from_days(cw_floor_div(time, CW_DAY), &year, &month, &day);
    if (!cw_date_valid(year + years, month, day))
        day = 28; /* of 29 February */
    return cw_days_from_civil(year + years, month, day) * CW_DAY;
}

static void settle(struct cw_import *import, int64_t as_of)
{
    int64_t until = years_after(as_of, KEEP_YEARS);
    for (size_t i = 0; i < import->count; i++) {
        struct cw_event *event = &import->rows[i].event;
        if (!import->rows[i].dated) {
            event->event_time = as_of;
            event->recorded_at = as_of;
            import->counts.undated++;
        }
        if (event->type->standing)
            set_long(event, "valid_from", event->recorded_at);
        event->retain_until.present = true;
        event->retain_until.number = until;
        if (until <= event->recorded_at) /* an --as-of long before the row: no event ends unborn */
            event->retain_until.number = years_after(event->recorded_at, KEEP_YEARS);
    }
    qsort(import->rows, import->count, sizeof(import->rows[0]), by_time);
}

bool cw_import_write(struct cw_import *import, int64_t as_of, FILE *file,
                     char error[CW_IMPORT_ERROR])
{
    if (as_of == CW_TIME_MIN)
        as_of = import->newest;
    if (as_of == CW_TIME_MIN && import->count > 0) {
        snprintf(error, CW_IMPORT_ERROR,
                 "no row of the input has a date that is one; say --as-of DATE");
        return false;
    }
    if (import->count > 0)
        settle(import, as_of);

    struct cw_container_writer *writer =
        cw_container_create(file, cw_event_schema_json(), "deflate", 0);
    struct cw_buf body = { 0 };
    for (size_t i = 0; i < import->count; i++) {
        body.len = 0;
        cw_event_write(&import->rows[i].event, &body);
        cw_container_put(writer, body.data, body.len);
    }
    cw_buf_done(&body);
    if (!cw_container_finish(writer)) {
        snprintf(error, CW_IMPORT_ERROR, "writing the container file failed: %s", strerror(errno));
        return false;
    }
    return true;
}

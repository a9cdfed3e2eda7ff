/*
 * normalise.c - clauses first, in the order of the schema; then what ingest writes into the event;
 * then keys, ids, hash and body.
 */
#include "ingest/normalise.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/identifier_parts.h"
#include "ingest/mrz.h"
#include "operators/runtime/check.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* Names in the log and parts of keys: longer ones are no names. Sections that stages append must
 * still fit behind the body. */
enum { TEXT_MAX = 256, NAME_MAX_BYTES = 1024, ROOM_FOR_SECTIONS = 64 * 1024 };

static const cw_str absent = { NULL, 0 };

/* What normalising has to know of a type's fields; by name, so that no type is named here. */
struct detail_plan {
    bool money;
    uint8_t amount;
    uint8_t currency;
    uint8_t amount_eur;
    uint32_t countries; /* bits of fields that hold a country */
};
_Static_assert(CW_TYPE_FIELDS_MAX <= 32, "a bit a field");

enum { SCOPE_BITS = 8, SCOPE_KIND = 16, SCOPE_ISSUER = 14 };

/* An empty one has a kind of length 0, which no kind has. */
struct scope {
    uint64_t words[4]; /* the kind in two, the issuer in two, above it the lengths of both */
    uint64_t value;
};

struct cw_normaliser {
    struct scope scopes[1 << SCOPE_BITS];
    struct cw_secret secret;
    const struct cw_rates *rates;
    struct detail_plan plans[CW_TYPES_MAX + 1];
    struct cw_arena *arena;
    struct cw_buf body;
    struct cw_key *keys;
    size_t key_count;
    size_t key_cap;
};

static int field_of(const struct cw_type *type, const char *name, enum cw_field_type kind,
                    bool nullable)
{
    int field = cw_type_field(type, cw_cstr(name));
    if (field < 0 || type->fields[field].type != kind || type->fields[field].nullable != nullable)
        return -1;
    return field;
}

static struct detail_plan plan_detail(const struct cw_type *type)
{
    struct detail_plan plan = { 0 };
    int amount = field_of(type, "amount", CW_FIELD_LONG, false);
    int currency = field_of(type, "currency", CW_FIELD_STRING, false);
    int amount_eur = field_of(type, "amount_eur", CW_FIELD_LONG, true);
    if (amount >= 0 && currency >= 0 && amount_eur >= 0) {
        plan.money = true;
        plan.amount = (uint8_t)amount;
        plan.currency = (uint8_t)currency;
        plan.amount_eur = (uint8_t)amount_eur;
    }
    size_t prefix = strlen(type->short_name);
    for (size_t i = 0; i < type->country_count; i++) {
        const char *path = type->countries[i];
        if (strncmp(path, type->short_name, prefix) != 0 || path[prefix] != '.')
            continue;
        int field = cw_type_field(type, cw_cstr(path + prefix + 1));
        if (field >= 0 && type->fields[field].type == CW_FIELD_STRING)
            plan.countries |= 1U << field;
    }
    return plan;
}

struct cw_normaliser *cw_normaliser_new(const struct cw_secret *secret)
{
    struct cw_normaliser *normaliser = cw_new(struct cw_normaliser);
    normaliser->secret = *secret;
    normaliser->rates = cw_rates_shipped();
    for (uint16_t type = 1; type <= cw_type_count(); type++)
        normaliser->plans[type] = plan_detail(cw_type_by_number(type));
    normaliser->arena = cw_arena_new();
    return normaliser;
}

void cw_normaliser_rates(struct cw_normaliser *normaliser, const struct cw_rates *rates)
{
    normaliser->rates = rates;
}

void cw_normaliser_free(struct cw_normaliser *normaliser)
{
    if (normaliser == NULL)
        return;
    cw_arena_free(normaliser->arena);
    cw_buf_done(&normaliser->body);
    free(normaliser->keys);
    free(normaliser);
}

/* --- clauses --- */

/* The path of a field of a part, for a reason. */
struct path {
    char text[CW_REASON_FIELD];
};

static struct path path(const char *format, ...) CW_PRINTF(1, 2);
static struct path path(const char *format, ...)
{
    struct path path;
    va_list args;
    va_start(args, format);
    vsnprintf(path.text, sizeof(path.text), format, args);
    va_end(args);
    return path;
}

static struct path part_path(const struct cw_event *event, size_t part, const char *rest)
{
    bool party = part < event->party_count;
    return path("%s[%zu]%s", party ? "parties" : "objects",
                party ? part : part - event->party_count, rest);
}

static bool check_text(cw_str text, const char *field, struct cw_reason *reason)
{
    if (text.len == 0)
        return cw_reject(reason, "missing", field, "expected text in %s, found none", field);
    if (text.len > TEXT_MAX)
        return cw_reject(reason, "too_long", field, "expected at most %d bytes in %s, found %zu",
                         (int)TEXT_MAX, field, text.len);
    return true;
}

/* What check_text lets pass: paths of fields are spelled only where one is wrong. */
static inline bool is_text(cw_str text)
{
    return text.len - 1 < TEXT_MAX;
}

static bool one_of(cw_str text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cw_str_is(text, words[i]))
            return true;
    }
    return false;
}

static inline bool is_time(int64_t time)
{
    const int64_t first = -719162 * CW_DAY;  /* 0001-01-01 */
    const int64_t behind = 2932897 * CW_DAY; /* 10000-01-01 */
    return time >= first && time < behind;
}

static bool check_time(int64_t time, const char *field, struct cw_reason *reason)
{
    if (is_time(time))
        return true;
    return cw_reject(reason, "bad_time", field,
                     "expected a time of the years 1 to 9999 in %s, in microseconds", field);
}

static inline bool is_country(cw_str code)
{
    return code.len == 2 && code.ptr[0] >= 'A' && code.ptr[0] <= 'Z' && code.ptr[1] >= 'A' &&
           code.ptr[1] <= 'Z';
}

static bool check_country(cw_str code, const char *field, struct cw_reason *reason)
{
    if (is_country(code))
        return true;
    return cw_reject(
        reason, "bad_country", field,
        "expected a country as two capital letters in %s, found %zu bytes that are none", field,
        code.len);
}

static bool check_name_of_event(const struct cw_event *event, const struct cw_contract *contract,
                                struct cw_reason *reason)
{
    if (!check_text(event->owner, "owner", reason))
        return false;
    if (!cw_contract_allows(contract, event->owner))
        return cw_reject(reason, "unknown_owner", "owner",
                         "the contract of this source does not name this owner; expected one of "
                         "the %zu that it does",
                         contract->owner_count);
    if (!check_text(event->event_id, "event_id", reason))
        return false;
    if (event->version < 1)
        return cw_reject(reason, "bad_version", "version", "expected 1 or more, found %lld",
                         (long long)event->version);
    if (!cw_str_is(event->op, "create") && !cw_str_is(event->op, "amend") &&
        !cw_str_is(event->op, "withdraw"))
        return cw_reject(reason, "bad_op", "op", "expected create, amend or withdraw");
    if (!check_text(event->event_type, "event_type", reason))
        return false;
    if (event->type == NULL)
        return cw_reject(reason, "unknown_type", "event_type",
                         "this version knows no such event type; it knows %u",
                         (unsigned)cw_type_count());
    return true;
}

static bool check_times(const struct cw_event *event, const struct cw_contract *contract,
                        int64_t arrival, struct cw_normal *out, struct cw_reason *reason)
{
    enum { OFFSET_MAX = 18 * 60 };
    if (!check_time(event->event_time, "event_time", reason))
        return false;
    if (event->tz_offset < -OFFSET_MAX || event->tz_offset > OFFSET_MAX)
        return cw_reject(reason, "bad_offset", "tz_offset",
                         "expected minutes from -%d to %d, found %d", (int)OFFSET_MAX,
                         (int)OFFSET_MAX, (int)event->tz_offset);
    /* Within these years no sum of it can leave the type, so what fails is the precision. */
    if (!cw_event_span(event, &out->header.time_lo, &out->header.time_span))
        return cw_reject(reason, "bad_precision", "time_precision",
                         "expected year, month, day, minute, second or microsecond");
    if (arrival != 0 && event->event_time > cw_time_add(arrival, contract->skew))
        return cw_reject(reason, "from_the_future", "event_time",
                         "it lies further behind the arrival than the contract's skew of %lld s",
                         (long long)(contract->skew / CW_SECOND));
    if (!check_time(event->recorded_at, "recorded_at", reason))
        return false;
    if (!event->retain_until.present)
        return true;
    if (!check_time(event->retain_until.number, "retain_until", reason))
        return false;
    if (event->retain_until.number < event->recorded_at)
        return cw_reject(reason, "retain_before_recorded", "retain_until",
                         "expected a time that is not before recorded_at");
    return true;
}

static bool check_list(const cw_str *items, size_t count, const char *field,
                       struct cw_reason *reason)
{
    for (size_t i = 0; i < count; i++) {
        if (is_text(items[i]))
            continue;
        struct path item = path("%s[%zu]", field, i);
        return cw_reject(reason, "bad_list", item.text,
                         "expected 1 to %d bytes in each item, found %zu", (int)TEXT_MAX,
                         items[i].len);
    }
    return true;
}

static bool check_place(const struct cw_place *place, struct cw_reason *reason)
{
    if (!place->present)
        return true;
    if (place->lat.present != place->lon.present)
        return cw_reject(reason, "bad_place", place->lat.present ? "place.lon" : "place.lat",
                         "a latitude and a longitude stand together or not at all");
    if (!place->lat.present)
        return true;
    if (!(fabs(place->lat.real) <= 90))
        return cw_reject(reason, "bad_place", "place.lat", "expected degrees from -90 to 90");
    if (!(fabs(place->lon.real) <= 180))
        return cw_reject(reason, "bad_place", "place.lon", "expected degrees from -180 to 180");
    return true;
}

static bool check_handling(const struct cw_handling *handling, struct cw_reason *reason)
{
    const char *expected;
    if (!handling->present)
        return true;
    if (!check_list(handling->audience, handling->audience_count, "handling.audience", reason))
        return false;
    char room[32];
    cw_str field = cw_handling_fault(handling, room, &expected);
    if (field.ptr == NULL)
        return true;
    struct path full = path("handling.%.*s", CW_STR_ARG(field));
    return cw_reject(reason, "bad_handling", full.text,
                     "a restriction that is not known cannot be kept; expected %s", expected);
}

static bool check_envelope(const struct cw_event *event, struct cw_reason *reason)
{
    if (event->country.ptr != NULL && !check_country(event->country, "country", reason))
        return false;
    const struct cw_grading *grading = &event->grading;
    return check_place(&event->place, reason) &&
           check_list(event->crime_areas, event->crime_area_count, "crime_areas", reason) &&
           check_list(event->purposes, event->purpose_count, "purposes", reason) &&
           check_handling(&event->handling, reason) &&
           (!grading->present || (check_text(grading->scheme, "grading.scheme", reason) &&
                                  check_text(grading->source, "grading.source", reason) &&
                                  check_text(grading->info, "grading.info", reason))) &&
           check_text(event->evidence_status, "evidence_status", reason);
}

static bool check_names(const struct cw_event *event, size_t number, struct cw_reason *reason)
{
    const struct cw_part *part = cw_event_part(event, number);
    for (size_t i = 0; i < part->name_count; i++) {
        size_t len = part->names[i].full.len;
        if (len - 1 < NAME_MAX_BYTES)
            continue;
        struct path at = part_path(event, number, path(".names[%zu].full", i).text);
        if (len == 0)
            return cw_reject(reason, "missing", at.text, "expected a name, found no text");
        return cw_reject(reason, "too_long", at.text,
                         "expected a name of at most %d bytes, found %zu", (int)NAME_MAX_BYTES,
                         len);
    }
    return true;
}

static bool check_party(struct cw_normaliser *n, const struct cw_event *event, size_t number,
                        struct cw_reason *reason)
{
    struct cw_part *party = &event->parties[number];
    if (!cw_str_is(party->kind, "person") && !cw_str_is(party->kind, "organisation"))
        return cw_reject(reason, "bad_kind", part_path(event, number, ".kind").text,
                         "expected person or organisation");
    if (!check_names(event, number, reason))
        return false;
    for (size_t i = 0; i < party->birth_date_count; i++) {
        if (!cw_birth_date(party->birth_dates[i], n->arena, &party->birth_dates[i]))
            return cw_reject(reason, "bad_birth_date",
                             part_path(event, number, path(".birth_dates[%zu]", i).text).text,
                             "expected a possible date as 1980-01-31, 1980-01 or 1980");
    }
    for (size_t i = 0; i < party->nationality_count; i++) {
        if (is_country(party->nationalities[i]))
            continue;
        struct path at = part_path(event, number, path(".nationalities[%zu]", i).text);
        if (!check_country(party->nationalities[i], at.text, reason))
            return false;
    }
    return true;
}

static bool check_part(struct cw_normaliser *n, const struct cw_event *event, size_t number,
                       struct cw_reason *reason)
{
    const struct cw_part *part = cw_event_part(event, number);
    bool party = number < event->party_count;
    if (!is_text(part->role))
        return check_text(part->role, part_path(event, number, ".role").text, reason);
    if (!is_text(part->kind))
        return check_text(part->kind, part_path(event, number, party ? ".kind" : ".type").text,
                          reason);
    if (part->id_count > CW_PART_IDS_MAX)
        return cw_reject(reason, "too_many_parts", part_path(event, number, ".ids").text,
                         "expected at most %d identifiers of one part, found %zu",
                         (int)CW_PART_IDS_MAX, part->id_count);
    for (size_t i = 0; i < part->id_count; i++) {
        if (is_text(part->ids[i].kind))
            continue;
        struct path at = part_path(event, number, path(".ids[%zu].kind", i).text);
        if (!check_text(part->ids[i].kind, at.text, reason))
            return false;
    }
    return !party || check_party(n, event, number, reason);
}

static bool check_parts(struct cw_normaliser *n, const struct cw_event *event,
                        struct cw_reason *reason)
{
    size_t count = cw_event_part_count(event);
    if (count > CW_PARTS_MAX)
        return cw_reject(
            reason, "too_many_parts", event->party_count > CW_PARTS_MAX ? "parties" : "objects",
            "expected at most %d parties and objects, found %zu", (int)CW_PARTS_MAX, count);
    for (size_t part = 0; part < count; part++) {
        if (!check_part(n, event, part, reason))
            return false;
    }
    return true;
}

static const struct cw_value *detail_time(const struct cw_event *event, const char *name)
{
    int field = cw_type_field(event->type, cw_cstr(name));
    return field >= 0 && event->detail[field].present ? &event->detail[field] : NULL;
}

static bool check_money(const struct cw_event *event, const struct detail_plan *plan,
                        struct cw_reason *reason)
{
    const struct cw_type *type = event->type;
    int64_t amount = event->detail[plan->amount].number;
    cw_str currency = event->detail[plan->currency].text;
    if (amount < 0 || amount > CW_MONEY_MAX)
        return cw_reject(reason, "bad_amount", path("%s.amount", type->short_name).text,
                         "expected minor units of the currency from 0 to %lld, found %lld",
                         (long long)CW_MONEY_MAX, (long long)amount);
    if (cw_currency_digits(currency) < 0)
        return cw_reject(reason, "bad_currency", path("%s.currency", type->short_name).text,
                         "expected a currency of ISO 4217 as three capital letters, found %zu "
                         "bytes that are none",
                         currency.len);
    return true;
}

static bool check_detail_countries(const struct cw_event *event, uint32_t fields,
                                   struct cw_reason *reason)
{
    for (uint32_t i = 0; fields >> i != 0; i++) {
        const struct cw_value *value = &event->detail[i];
        if ((fields >> i & 1) == 0 || !value->present)
            continue;
        if (is_country(value->text))
            continue;
        struct path at = path("%s.%s", event->type->short_name, event->type->fields[i].name);
        if (!check_country(value->text, at.text, reason))
            return false;
    }
    return true;
}

/* True where nothing of it can be wrong; else it is looked at with its name. */
static bool is_right(const struct cw_field *field, const struct cw_value *value)
{
    if (field->type == CW_FIELD_STRING)
        return is_text(value->text);
    return field->type != CW_FIELD_STRINGS && (!field->is_time || is_time(value->number));
}

static bool check_detail(const struct cw_normaliser *n, const struct cw_event *event,
                         struct cw_reason *reason)
{
    const struct cw_type *type = event->type;
    if (event->detail == NULL)
        return cw_reject(reason, "missing_detail", type->short_name,
                         "expected the fields of %s in %s, found null", type->name,
                         type->short_name);
    if (event->detail_type != type)
        return cw_reject(reason, "wrong_detail", event->detail_type->short_name,
                         "expected the fields of %s in %s, found those of %s", type->name,
                         type->short_name, event->detail_type->name);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct cw_field *field = &type->fields[i];
        const struct cw_value *value = &event->detail[i];
        if (!value->present || is_right(field, value))
            continue;
        struct path at = path("%s.%s", type->short_name, field->name);
        if (field->type == CW_FIELD_STRING && !field->nullable && !field->has_default &&
            !check_text(value->text, at.text, reason))
            return false;
        if (field->is_time && value->present && !check_time(value->number, at.text, reason))
            return false;
        if (field->type == CW_FIELD_STRINGS && value->present &&
            !check_list(value->list.items, value->list.count, at.text, reason))
            return false;
    }
    const struct detail_plan *plan = &n->plans[type->number];
    if (plan->money && !check_money(event, plan, reason))
        return false;
    if (plan->countries != 0 && !check_detail_countries(event, plan->countries, reason))
        return false;
    const struct cw_value *from = type->standing ? detail_time(event, "valid_from") : NULL;
    const struct cw_value *to = type->standing ? detail_time(event, "valid_to") : NULL;
    if (from != NULL && to != NULL && from->number >= to->number)
        return cw_reject(reason, "bad_interval", path("%s.valid_to", type->short_name).text,
                         "expected a time behind valid_from");
    return true;
}

/* --- what ingest writes --- */

/* Personal documents and phones are shown, found and seized: then they are objects too. */
static bool stands_there(const struct cw_id_kind *kind, bool party)
{
    static const char *const shown[] = { "passport", "identity_card", "driving_licence",
                                         "national_id", "phone" };
    if (party || kind->of_objects)
        return party != kind->of_objects;
    return one_of(cw_cstr(kind->name), shown, 5);
}

static void rewrite_identifier(struct cw_normaliser *n, const struct cw_part *part, bool party,
                               struct cw_identifier *id)
{
    cw_str value = absent;
    cw_str issuer = absent;
    const struct cw_id_kind *kind = cw_id_kind_by_name(id->kind);
    bool organisation = party && cw_str_is(part->kind, "organisation");
    const char *fault = kind != NULL && !stands_there(kind, party) ? "wrong_place" : NULL;
    if (fault == NULL)
        fault = cw_identifier_check_of(kind, organisation, id->value, id->issuer, n->arena, &value,
                                       &issuer);
    id->stated = absent;
    id->fault = absent;
    if (fault != NULL) {
        id->fault = cw_cstr(fault);
        return;
    }
    /* What the canonical form left out of an issuer is kept too: nothing of what was said is lost.
     */
    if (!cw_str_eq(issuer, id->issuer))
        id->stated = cw_identifier_text(id->issuer, id->value, n->arena);
    else if (!cw_str_eq(value, id->value))
        id->stated = id->value;
    id->value = value;
    id->issuer = issuer;
}

/* A contract's default holds for each field by itself: an event that states its TLP and no audience
 * must not be seen by more than one that states neither. */
static void default_handling(struct cw_handling *handling, const struct cw_handling *defaults)
{
    handling->present = true;
    if (handling->code_count == 0) {
        handling->codes = defaults->codes;
        handling->code_count = defaults->code_count;
    }
    if (handling->text.len == 0)
        handling->text = defaults->text;
    if (handling->tlp.ptr == NULL)
        handling->tlp = defaults->tlp;
    if (handling->pap.ptr == NULL)
        handling->pap = defaults->pap;
    if (handling->sharing_group.len == 0)
        handling->sharing_group = defaults->sharing_group;
    if (handling->audience_count == 0) {
        handling->audience = defaults->audience;
        handling->audience_count = defaults->audience_count;
    }
}

/* False: the list has no rate for it. */
static bool write_amount_eur(const struct cw_normaliser *n, struct cw_event *event, int64_t time_lo)
{
    const struct detail_plan *plan = &n->plans[event->type->number];
    if (!plan->money)
        return true;
    struct cw_value *cents = &event->detail[plan->amount_eur];
    int64_t day = cw_floor_div(time_lo + event->tz_offset * CW_MINUTE, CW_DAY);
    *cents = (struct cw_value){ 0 };
    cents->present = cw_money_eur(n->rates, event->detail[plan->amount].number,
                                  event->detail[plan->currency].text, day, &cents->number);
    return cents->present;
}

/* A party's birth date out of its document's zone, where it states none. */
static void add_birth_date(struct cw_normaliser *n, const struct cw_event *event,
                           struct cw_part *party, const struct cw_mrz *mrz)
{
    cw_str date;
    int64_t day = cw_floor_div(event->event_time + event->tz_offset * CW_MINUTE, CW_DAY);
    if (party->birth_date_count != 0 || !cw_str_is(party->kind, "person") ||
        !cw_mrz_birth_date(mrz, day, n->arena, &date))
        return;
    party->birth_dates = cw_arena_alloc(n->arena, sizeof(*party->birth_dates));
    party->birth_dates[party->birth_date_count++] = date;
}

/*
 * A machine-readable zone that holds becomes the identifier that it states, and is kept as what was
 * stated. A visa's stays what it is, for it identifies nobody; so does one that does not hold.
 */
static void rewrite_mrz(struct cw_normaliser *n, const struct cw_event *event, struct cw_part *part,
                        bool party, struct cw_identifier *id)
{
    struct cw_mrz mrz;
    cw_str value = absent;
    cw_str issuer = absent;
    const char *fault = cw_mrz_read(id->value, n->arena, &mrz);
    if (fault == NULL && mrz.kind != NULL)
        fault = cw_identifier_check(cw_id_kind_by_name(cw_cstr(mrz.kind)), mrz.number, mrz.issuer,
                                    n->arena, &value, &issuer);
    if (fault == NULL && party)
        add_birth_date(n, event, part, &mrz);
    if (fault == NULL && mrz.kind == NULL)
        fault = "visa";
    id->fault = cw_cstr(fault);
    id->stated = absent;
    if (fault != NULL)
        return;
    id->stated = cw_identifier_text(id->issuer, id->value, n->arena);
    id->kind = cw_cstr(mrz.kind);
    id->value = value;
    id->issuer = issuer;
}

static void rewrite(struct cw_normaliser *n, struct cw_event *event,
                    const struct cw_contract *contract)
{
    if (event->purpose_count == 0) {
        event->purposes = contract->purposes;
        event->purpose_count = contract->purpose_count;
    }
    if (contract->handling.present)
        default_handling(&event->handling, &contract->handling);
    for (size_t p = 0; p < cw_event_part_count(event); p++) {
        bool party = p < event->party_count;
        struct cw_part *part = party ? &event->parties[p] : &event->objects[p - event->party_count];
        for (size_t i = 0; i < part->id_count; i++) {
            if (cw_str_is(part->ids[i].kind, "mrz"))
                rewrite_mrz(n, event, part, party, &part->ids[i]);
            else
                rewrite_identifier(n, part, party, &part->ids[i]);
        }
        for (size_t i = 0; i < part->name_count; i++)
            part->names[i].folded = cw_name_fold(part->names[i].full, n->arena);
    }
}

/* A withdrawal takes back; whatever else it says would only stay behind with its tombstone. */
static void strip(struct cw_event *event)
{
    struct cw_event bare;
    cw_event_defaults(&bare);
    bare.owner = event->owner;
    bare.event_id = event->event_id;
    bare.version = event->version;
    bare.op = event->op;
    bare.event_type = event->event_type;
    bare.event_time = event->event_time;
    bare.tz_offset = event->tz_offset;
    bare.time_precision = event->time_precision;
    bare.recorded_at = event->recorded_at;
    bare.source_ref = event->source_ref;
    bare.schema_version = event->schema_version;
    bare.payload_hash = event->payload_hash;
    bare.type = event->type;
    *event = bare;
}

/* --- keys --- */

/* A text of up to 16 bytes in two words, zeros behind it; made in registers, for reading back as
 *  words what was just written as bytes takes longer than all the rest. */
static inline void text_words(cw_str text, uint64_t words[2])
{
    uint64_t low = 0;
    uint64_t high = 0;
    if (text.len >= 8) {
        memcpy(&low, text.ptr, 8);
        memcpy(&high, text.ptr + text.len - 8, 8);
        high = text.len > 8 ? high >> (8 * (16 - text.len)) : 0;
    } else if (text.len >= 4) {
        uint32_t head;
        uint32_t tail;
        memcpy(&head, text.ptr, 4);
        memcpy(&tail, text.ptr + text.len - 4, 4);
        low = head | (uint64_t)tail << (8 * (text.len - 4));
    } else if (text.len != 0) {
        for (size_t i = 0; i < text.len; i++)
            low |= (uint64_t)(unsigned char)text.ptr[i] << (8 * i);
    }
    words[0] = low;
    words[1] = high;
}

/* The scope of a kind and issuer. They are few, so most are found where they were put last. */
static uint64_t scope_of(struct cw_normaliser *n, cw_str kind, cw_str issuer)
{
    struct scope *scope;
    if (kind.len > SCOPE_KIND || issuer.len > SCOPE_ISSUER)
        return cw_id_scope(&n->secret, kind, issuer);
    struct scope wanted CW_UNINITIALIZED;
    text_words(kind, wanted.words);
    text_words(issuer, wanted.words + 2);
    wanted.words[3] |= (uint64_t)kind.len << 48 | (uint64_t)issuer.len << 56;
    uint64_t mixed =
        (wanted.words[0] ^ wanted.words[1] << 7 ^ wanted.words[2] << 11 ^ wanted.words[3] << 3) *
        UINT64_C(0x9e3779b97f4a7c15);
    scope = &n->scopes[mixed >> (64 - SCOPE_BITS)];
    if (((scope->words[0] ^ wanted.words[0]) | (scope->words[1] ^ wanted.words[1]) |
         (scope->words[2] ^ wanted.words[2]) | (scope->words[3] ^ wanted.words[3])) != 0) {
        wanted.value = cw_id_scope(&n->secret, kind, issuer);
        *scope = wanted;
    }
    return scope->value;
}

static struct cw_key *add_key(struct cw_normaliser *n)
{
    if (n->key_count == n->key_cap) {
        n->key_cap = n->key_cap != 0 ? 2 * n->key_cap : 32;
        n->keys = cw_realloc(n->keys, n->key_cap * sizeof(*n->keys));
    }
    struct cw_key *key = &n->keys[n->key_count++];
    *key = (struct cw_key){ 0 };
    return key;
}

static bool has_key(const struct cw_normaliser *n, size_t from, struct cw_id id)
{
    for (size_t i = from; i < n->key_count; i++) {
        if (cw_id_eq(n->keys[i].key, id))
            return true;
    }
    return false;
}

/* The valid identifiers of a part as keys, each once. True: one of them is one of a kind. */
static bool add_identifiers(struct cw_normaliser *n, const struct cw_part *part, size_t number)
{
    bool unique = false;
    size_t first = n->key_count;
    for (size_t i = 0; i < part->id_count; i++) {
        const struct cw_identifier *id = &part->ids[i];
        const struct cw_id_kind *kind = cw_id_kind_by_name(id->kind);
        if (id->fault.ptr != NULL)
            continue;
        unique = unique || kind->unique;
        struct cw_id hash = cw_id_key(&n->secret, id->kind, id->issuer, id->value);
        if (has_key(n, first, hash))
            continue;
        struct cw_key *key = add_key(n);
        key->part = (uint16_t)number;
        key->flags = (uint8_t)(CW_KEY_VALID | (kind->unique ? CW_KEY_UNIQUE : 0) |
                               (kind->exclusive ? CW_KEY_EXCLUSIVE : 0));
        key->rank = kind->rank;
        key->kind = kind->number;
        key->scope = scope_of(n, id->kind, id->issuer);
        key->key = hash;
    }
    return unique;
}

static struct cw_id record_of(struct cw_normaliser *n, const struct cw_part *part, bool *named)
{
    enum { FEW = 4 };
    struct cw_id_part few_ids[FEW] CW_UNINITIALIZED;
    cw_str few_names[FEW] CW_UNINITIALIZED;
    cw_str few_births[FEW] CW_UNINITIALIZED;
    struct cw_id_part *ids = few_ids;
    cw_str *names = few_names;
    cw_str *births = few_births;
    if (part->id_count > FEW)
        ids = cw_arena_alloc(n->arena, part->id_count * sizeof(*ids));
    if (part->name_count > FEW)
        names = cw_arena_alloc(n->arena, part->name_count * sizeof(*names));
    if (part->birth_date_count > FEW)
        births = cw_arena_alloc(n->arena, part->birth_date_count * sizeof(*births));
    size_t id_count = 0;
    size_t name_count = 0;
    bool full_date = false;
    for (size_t i = 0; i < part->id_count; i++) {
        if (part->ids[i].fault.ptr == NULL)
            ids[id_count++] =
                (struct cw_id_part){ part->ids[i].kind, part->ids[i].issuer, part->ids[i].value };
    }
    for (size_t i = 0; i < part->name_count; i++) {
        if (part->names[i].folded.len != 0)
            names[name_count++] = part->names[i].folded;
    }
    for (size_t i = 0; i < part->birth_date_count; i++) {
        births[i] = part->birth_dates[i]; /* sorted there; the event keeps its order */
        full_date = full_date || births[i].len == sizeof("1980-01-31") - 1;
    }
    *named = name_count != 0 && full_date;
    return cw_id_record(&n->secret, part->kind, ids, id_count, names, name_count, births,
                        part->birth_date_count);
}

static void make_keys(struct cw_normaliser *n, const struct cw_event *event)
{
    for (size_t p = 0; p < cw_event_part_count(event); p++) {
        const struct cw_part *part = cw_event_part(event, p);
        bool named;
        size_t at = n->key_count;
        (void)add_key(n);
        struct cw_id record = record_of(n, part, &named);
        bool unique = add_identifiers(n, part, p);
        struct cw_key *key = &n->keys[at];
        key->part = (uint16_t)p;
        key->flags = (uint8_t)(CW_KEY_RECORD | (unique || named ? 0 : CW_KEY_WEAK));
        key->scope = scope_of(n, part->kind, cw_cstr(""));
        key->key = record;
    }
}

/* --- the whole --- */

static int64_t retain_until(const struct cw_event *event, bool withdraws)
{
    int64_t longest = cw_time_add(event->recorded_at, event->type->retention_max);
    if (withdraws)
        return longest;
    int64_t until = event->retain_until.present
                        ? event->retain_until.number
                        : cw_time_add(event->recorded_at, event->type->retention);
    return until < longest ? until : longest;
}

static bool check_size(const struct cw_normaliser *n, struct cw_reason *reason)
{
    size_t size = sizeof(struct cw_frame) + n->key_count * sizeof(*n->keys) + n->body.len;
    if (size <= CW_FRAME_MAX - ROOM_FOR_SECTIONS)
        return true;
    return cw_reject(reason, "too_large", "",
                     "with its canonical texts and keys the event takes %zu bytes, more than a "
                     "frame holds",
                     size);
}

bool cw_normalise(struct cw_normaliser *normaliser, const struct cw_contract *contract, cw_str body,
                  int64_t arrival, struct cw_normal *out, struct cw_reason *reason)
{
    struct cw_normaliser *n = normaliser;
    struct cw_event event CW_UNINITIALIZED;
    cw_arena_reset(n->arena);
    n->body.len = 0;
    n->key_count = 0;
    *out = (struct cw_normal){ 0 };
    /* The plan wrote the body, so all that can be wrong with it is what Avro cannot say. */
    if (!cw_event_read(&event, body.ptr, body.len, n->arena))
        return cw_reject(reason, "wrong_detail", "",
                         "expected the fields of one event type, found those of several");
    if (!check_name_of_event(&event, contract, reason) ||
        !check_times(&event, contract, arrival, out, reason))
        return false;
    bool withdraws = cw_str_is(event.op, "withdraw");
    if (withdraws)
        strip(&event);
    else if (!check_envelope(&event, reason) || !check_parts(n, &event, reason) ||
             !check_detail(n, &event, reason))
        return false;
    else
        rewrite(n, &event, contract);
    bool rated = withdraws || write_amount_eur(n, &event, out->header.time_lo);

    make_keys(n, &event);
    cw_event_write(&event, &n->body);
    if (!check_size(n, reason))
        return false;
    struct cw_frame *header = &out->header;
    header->kind = CW_EVENT;
    header->flags = (uint8_t)((event.type->standing ? CW_STANDING : 0) |
                              (withdraws ? CW_WITHDRAW : 0) | (rated ? 0 : CW_NO_RATE));
    header->type = event.type->number;
    header->recorded_at = event.recorded_at;
    header->retain_until = retain_until(&event, withdraws);
    header->version = event.version;
    header->identity = cw_id_identity(&n->secret, event.owner, event.event_id);
    header->content = cw_event_content(&event, &n->secret);
    out->keys = n->keys;
    out->key_count = n->key_count;
    out->body = (cw_str){ (const char *)n->body.data, n->body.len };
    struct cw_cur front = cw_cur(n->body.data, n->body.len);
    out->owner = cw_cur_avro_str(&front);
    if (event.purpose_count != 0 || event.handling.present)
        out->restricted =
            (const struct cw_event *)(const void *)cw_arena_copy(n->arena, &event, sizeof(event))
                .ptr;
    return true;
}

/*
 * generate_event.c - from the numbers of a story to a canonical event.
 */
#include <string.h>

#include "ingest/importers/generate_story.h"
#include "operators/runtime/time.h"

/* clang-format off */
const struct cw_gen_agency cw_gen_agencies[CW_GEN_AGENCIES] = {
    { "AT-LKD", "AT", 60, "deflate", { "Nickelsdorf", "Spielfeld", "Kiefersfelden", "Wien Schwechat" },
      { "Wien", "Graz", "Linz", "Salzburg" } },
    { "DE-BPX", "DE", 60, "snappy", { "Kehl", "Görlitz", "Frankfurt Flughafen", "Passau" },
      { "Berlin", "Hamburg", "Köln", "München" } },
    { "ES-UCR", "ES", 60, "zstandard", { "La Jonquera", "Algeciras", "Madrid Barajas", "Irun" },
      { "Madrid", "Barcelona", "Valencia", "Sevilla" } },
    { "NL-RGC", "NL", 60, "deflate", { "Schiphol", "Hazeldonk", "Rotterdam Haven", "Venlo" },
      { "Amsterdam", "Rotterdam", "Utrecht", "Eindhoven" } },
    { "PL-SGK", "PL", 60, "null", { "Medyka", "Terespol", "Dorohusk", "Okęcie" },
      { "Warszawa", "Kraków", "Gdańsk", "Lublin" } },
    { "RO-PFB", "RO", 120, "zstandard", { "Nădlac", "Albița", "Giurgiu", "Otopeni" },
      { "București", "Cluj-Napoca", "Iași", "Timișoara" } },
};
/* clang-format on */

const char *const cw_gen_countries[CW_GEN_COUNTRIES] = { "AT", "DE", "ES", "NL", "PL", "RO",
                                                         "FR", "IT", "BE", "CZ", "HU", "UA" };

const struct cw_gen_currency cw_gen_currencies[CW_GEN_CURRENCIES] = {
    { "EUR", 100, NULL },   { "PLN", 430, "PL" }, { "RON", 497, "RO" }, { "CZK", 2500, "CZ" },
    { "HUF", 39500, "HU" }, { "USD", 110, NULL }, { "CHF", 95, NULL },
};

const char *const cw_gen_channels[] = { "transfer", "cash", "card" };

/* Odd multipliers permute 32 bits: ids are unique and do not show which events belong together. */
cw_str cw_gen_event_id(const struct cw_gen_story *story, unsigned index, struct cw_arena *arena)
{
    const struct cw_gen_happening *h = &story->happenings[index];
    uint32_t number =
        (story->index * CW_GEN_HAPPENINGS + index) * 2654435761U + (uint32_t)story->seed;
    return cw_arena_printf(arena, "%c-%08X", "NXKAP"[h->type], (unsigned)number);
}

unsigned cw_gen_part(const struct cw_gen_happening *h, unsigned mention)
{
    return mention + (h->type == CW_GEN_AD);
}

static cw_str copy(struct cw_arena *arena, const char *text)
{
    return cw_arena_copy(arena, text, strlen(text));
}

static int64_t micros(int64_t seconds)
{
    return (CW_GEN_BASE + seconds) * CW_SECOND;
}

static void add_id(struct cw_part *part, const char *kind, const char *issuer, cw_str value)
{
    part->ids[part->id_count++] =
        (struct cw_identifier){ .kind = cw_cstr(kind), .issuer = cw_cstr(issuer), .value = value };
}

static void add_passport(struct cw_part *part, const struct cw_gen_story *story,
                         const struct cw_gen_mention *m, struct cw_arena *arena)
{
    struct cw_gen_person bearer;
    char text[CW_GEN_TEXT];
    cw_gen_person(&bearer, story->seed, m->document);
    cw_gen_passport(&bearer, text);
    bool other = (m->show & CW_GEN_SHOW_OTHER_ISSUER) != 0;
    add_id(part, "passport", other ? cw_gen_other_country(&bearer) : bearer.country,
           copy(arena, text));
}

static void add_ids(struct cw_part *part, const struct cw_gen_story *story,
                    const struct cw_gen_happening *h, const struct cw_gen_mention *m,
                    struct cw_arena *arena)
{
    struct cw_gen_person person;
    char text[CW_GEN_TEXT];
    part->ids = cw_arena_alloc(arena, 4 * sizeof(part->ids[0]));
    if ((m->show & CW_GEN_SHOW_PASSPORT) != 0)
        add_passport(part, story, m, arena);
    cw_gen_person(&person, story->seed, m->national);
    if ((m->show & CW_GEN_SHOW_NATIONAL) != 0 && cw_gen_national_id(&person, text))
        add_id(part, "national_id", person.country, copy(arena, text));
    cw_gen_person(&person, story->seed, m->person);
    if ((m->show & CW_GEN_SHOW_LICENCE) != 0) {
        cw_gen_licence(&person, text);
        add_id(part, "driving_licence", person.country, copy(arena, text));
    }
    if ((m->show & CW_GEN_SHOW_PHONE) != 0) {
        cw_gen_phone(h->phone, h->variety % 4 == 0, text);
        add_id(part, "phone", NULL, copy(arena, text));
    }
}

static void add_name(struct cw_part *part, cw_str full, const char *kind, const char *script)
{
    part->names[part->name_count++] = (struct cw_name){
        .full = full, .kind = cw_cstr(kind), .script = cw_cstr(script), .folded = cw_cstr("")
    };
}

static void fill_person(struct cw_part *part, const struct cw_gen_story *story,
                        const struct cw_gen_happening *h, const struct cw_gen_mention *m,
                        struct cw_arena *arena)
{
    static const char *const roles[] = { "subject", "traveller", "holder", "person", "payer" };
    struct cw_gen_person person;
    struct cw_gen_person named;
    char text[CW_GEN_TEXT];
    cw_gen_person(&person, story->seed, m->person);
    cw_gen_person(&named, story->seed, m->named);
    part->role = cw_cstr(roles[m->role]);
    part->kind = cw_cstr("person");
    part->sex = cw_cstr(named.male ? "male" : "female");
    add_ids(part, story, h, m, arena);

    part->names = cw_arena_alloc(arena, 2 * sizeof(part->names[0]));
    cw_gen_name(&named, m->form, text);
    add_name(part, copy(arena, text), "primary", NULL);
    if (h->type == CW_GEN_NOTICE && cw_gen_original_name(&named, text))
        add_name(part, copy(arena, text), "alias", "Cyrl");

    if ((m->show & CW_GEN_SHOW_BIRTH) != 0) {
        cw_gen_birth(&person, m->slip, text);
        part->birth_dates = cw_arena_alloc(arena, sizeof(part->birth_dates[0]));
        part->birth_dates[part->birth_date_count++] = copy(arena, text);
    }
    part->nationalities = cw_arena_alloc(arena, sizeof(part->nationalities[0]));
    if ((m->show & CW_GEN_SHOW_PASSPORT) != 0)
        part->nationalities[part->nationality_count++] = cw_cstr(person.country);
}

/* Whom to call: known by the phone alone. */
static void fill_contact(struct cw_part *part, const struct cw_gen_happening *h,
                         struct cw_arena *arena)
{
    char text[CW_GEN_TEXT];
    part->role = cw_cstr("contact");
    part->kind = cw_cstr("person");
    part->ids = cw_arena_alloc(arena, sizeof(part->ids[0]));
    cw_gen_phone(h->phone, h->variety % 4 == 0, text);
    add_id(part, "phone", NULL, copy(arena, text));
}

static void fill_parties(const struct cw_gen_story *story, const struct cw_gen_happening *h,
                         struct cw_arena *arena, struct cw_event *event)
{
    event->parties = cw_arena_alloc(arena, (CW_GEN_MENTIONS + 1) * sizeof(event->parties[0]));
    if (h->type == CW_GEN_AD)
        fill_contact(&event->parties[event->party_count++], h, arena);
    for (unsigned i = 0; i < h->mention_count; i++)
        fill_person(&event->parties[event->party_count++], story, h, &h->mentions[i], arena);
}

static struct cw_part *add_object(struct cw_event *event, const char *role, const char *type,
                                  struct cw_arena *arena)
{
    struct cw_part *object = &event->objects[event->object_count++];
    object->role = cw_cstr(role);
    object->kind = cw_cstr(type);
    object->ids = cw_arena_alloc(arena, sizeof(object->ids[0]));
    return object;
}

static void add_account(struct cw_event *event, const char *role, uint32_t account,
                        const char *country, struct cw_arena *arena)
{
    char text[CW_GEN_TEXT];
    const char *kind = cw_gen_account(account, country, text);
    add_id(add_object(event, role, "account", arena), kind, NULL, copy(arena, text));
}

/* The passport that a traveller shows; the account that is opened, and the device with which; the
 * accounts of a payment. */
static void fill_objects(const struct cw_gen_story *story, const struct cw_gen_happening *h,
                         struct cw_arena *arena, struct cw_event *event)
{
    const struct cw_gen_mention *first = &h->mentions[0];
    event->objects = cw_arena_alloc(arena, 2 * sizeof(event->objects[0]));
    if (h->type == CW_GEN_CROSSING && (first->show & CW_GEN_SHOW_PASSPORT) != 0)
        add_passport(add_object(event, "document", "document", arena), story, first, arena);
    if (h->type == CW_GEN_ACCOUNT)
        add_account(event, "account", h->account,
                    cw_gen_agencies[h->account / 16 % CW_GEN_AGENCIES].country, arena);
    if (h->type == CW_GEN_ACCOUNT && h->with_device) {
        char text[CW_GEN_TEXT];
        cw_gen_imei(h->device, text);
        add_id(add_object(event, "device", "device", arena), "imei", NULL, copy(arena, text));
    }
    if (h->type != CW_GEN_PAYMENT)
        return;
    add_account(event, "payer_account", h->account, cw_gen_countries[h->payer_country], arena);
    add_account(event, "payee_account", h->payee, cw_gen_countries[h->payee_country], arena);
}

static void set_text(struct cw_event *event, const char *field, const char *text)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    if (index >= 0) {
        event->detail[index].present = true;
        event->detail[index].text = cw_cstr(text);
    }
}

static void set_time(struct cw_event *event, const char *field, int64_t seconds)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    if (index >= 0 && seconds != CW_GEN_NEVER) {
        event->detail[index].present = true;
        event->detail[index].number = micros(seconds);
    }
}

static void set_number(struct cw_event *event, const char *field, int64_t number)
{
    int index = cw_type_field(event->type, cw_cstr(field));
    if (index >= 0) {
        event->detail[index].present = true;
        event->detail[index].number = number;
    }
}

static void fill_details(const struct cw_gen_happening *h, unsigned version, bool cancels,
                         struct cw_arena *arena, struct cw_event *event)
{
    static const char *const transports[] = { "car", "coach", "train", "air" };
    static const char *const products[] = { "current", "savings", "business" };
    static const char *const platforms[] = { "meetsquare", "nightboard", "classified24",
                                             "citylist" };
    static const char *const references[] = { "invoice", "rent", "loan", "goods" };
    static const char *const charges[] = { "fraud", "trafficking in persons", "drugs", "robbery" };
    const struct cw_gen_agency *agency = &cw_gen_agencies[h->agency];
    unsigned variety = h->variety + version - 1U; /* an amendment says another place */
    event->detail = cw_arena_alloc(arena, event->type->field_count * sizeof(event->detail[0]));
    event->detail_type = event->type;
    switch ((enum cw_gen_type)h->type) {
    case CW_GEN_NOTICE:
        set_text(event, "colour", cw_gen_colours[h->colour]);
        set_text(event, "category", charges[variety % 4]);
        set_time(event, "valid_from", h->valid_from);
        set_time(event, "valid_to", h->valid_to);
        if (cancels)
            set_time(event, "cancelled_at", h->cancelled_at);
        break;
    case CW_GEN_CROSSING:
        set_text(event, "direction", variety % 2 == 0 ? "entry" : "exit");
        set_text(event, "post", agency->posts[variety / 2 % 4]);
        set_text(event, "transport", transports[h->variety / 8 % 4]);
        break;
    case CW_GEN_ACCOUNT:
        set_text(event, "institution", agency->cities[variety % 4]);
        set_text(event, "product", products[h->variety / 4 % 3]);
        set_text(event, "channel", variety % 2 == 0 ? "branch" : "online");
        break;
    case CW_GEN_AD:
        set_text(event, "category", "adult");
        set_text(event, "platform", platforms[h->variety / 4 % 4]);
        set_text(event, "city", agency->cities[variety % 4]);
        break;
    case CW_GEN_PAYMENT:
        set_number(event, "amount", h->amount);
        set_text(event, "currency", cw_gen_currencies[h->currency].code);
        set_text(event, "payer_country", cw_gen_countries[h->payer_country]);
        set_text(event, "payee_country", cw_gen_countries[h->payee_country]);
        set_text(event, "channel", cw_gen_channels[h->channel]);
        set_text(event, "reference", references[variety % 4]);
        break;
    }
}

static void spoil(struct cw_event *event, enum cw_gen_flaw flaw)
{
    switch (flaw) {
    case CW_GEN_FLAW_TYPE:
        event->event_type = cw_cstr("vessel_sighting");
        event->type = NULL;
        event->detail_type = NULL;
        event->detail = NULL;
        break;
    case CW_GEN_FLAW_OWNER:
        event->owner = cw_cstr("ZZ-NONE");
        break;
    case CW_GEN_FLAW_PRECISION:
        event->time_precision = cw_cstr("fortnight");
        break;
    case CW_GEN_FLAW_ID:
        event->event_id = cw_cstr("");
        break;
    case CW_GEN_FLAW_VERSION:
        event->version = 0;
        break;
    case CW_GEN_FLAW_OP:
        event->op = cw_cstr("publish");
        break;
    case CW_GEN_FLAW_INTERVAL: /* planned so */
    case CW_GEN_SOUND:
    case CW_GEN_FLAWS:
        break;
    }
}

void cw_gen_event(const struct cw_gen_story *story, const struct cw_gen_emission *emission,
                  struct cw_arena *arena, struct cw_event *event)
{
    static const char *const types[] = { "notice", "border_crossing", "account_open", "online_ad",
                                         "payment" };
    static const char *const ops[] = { "create", "amend", "amend", "withdraw" };
    const struct cw_gen_happening *h = &story->happenings[emission->happening];
    const struct cw_gen_agency *agency = &cw_gen_agencies[h->agency];
    cw_event_defaults(event);
    event->owner = cw_cstr(agency->code);
    event->event_id = cw_gen_event_id(story, emission->happening, arena);
    event->version = emission->version;
    event->op = cw_cstr(ops[emission->op]);
    event->event_type = cw_cstr(types[h->type]);
    event->type = cw_type_by_name(event->event_type);
    event->event_time = micros(h->time);
    event->tz_offset = agency->offset;
    event->time_precision = cw_cstr(h->by_day ? "day" : "second");
    event->recorded_at = micros(h->time + h->recorded_after);
    event->country = cw_cstr(agency->country);
    if (h->variety % 3 == 0) {
        event->retain_until.present = true;
        event->retain_until.number = event->recorded_at + 3 * 365 * CW_DAY;
    }
    if (emission->op != CW_GEN_WITHDRAW) {
        fill_parties(story, h, arena, event);
        fill_objects(story, h, arena, event);
        fill_details(h, emission->version, emission->op == CW_GEN_CANCEL, arena, event);
    }
    spoil(event, (enum cw_gen_flaw)h->flaw);
}

/*
 * generate_story.h - inside the generator: what a story is before it becomes events.
 *
 * Times are seconds since CW_GEN_BASE. A story is planned with numbers only; text is made when one
 * of its events is written.
 */
#ifndef CW_IMPORTERS_GENERATE_STORY_H
#define CW_IMPORTERS_GENERATE_STORY_H

#include "operators/runtime/event.h"

#define CW_GEN_BASE INT64_C(1725148800) /* 2024-09-01, seconds since 1970 */
#define CW_GEN_NEVER INT64_MIN

enum {
    CW_GEN_AGENCIES = 6,
    CW_GEN_RULES = 7,
    CW_GEN_STORIES_A_ROUND = 192, /* one of each kind planted, then everyday life */
    CW_GEN_COUNTRIES = 12,
    CW_GEN_PERSONS = 16, /* a story; ids are story * CW_GEN_PERSONS + k */
    CW_GEN_HAPPENINGS = 16,
    CW_GEN_EMISSIONS = 64,
    CW_GEN_MENTIONS = 3,
    CW_GEN_DAY = 86400,
    /* What the contracts promise. Nothing is sent later than two days before it: a time cut to its
     * day loses one, the other is to spare. */
    CW_GEN_LATENESS_DAYS = 10,
    CW_GEN_DELAY_MAX = (CW_GEN_LATENESS_DAYS - 2) * CW_GEN_DAY
};

/* Rules by their place in cw_generate_rule. */
enum cw_gen_rule {
    CW_GEN_PHONE,
    CW_GEN_WANTED,
    CW_GEN_LISTED,
    CW_GEN_BIRTH_DATES,
    CW_GEN_STRUCTURING,
    CW_GEN_FAN_IN,
    CW_GEN_DEVICE
};

/* xoshiro256**, seeded by splitmix64. */
struct cw_gen_rng {
    uint64_t s[4];
};
void cw_gen_seed(struct cw_gen_rng *rng, uint64_t seed, uint64_t stream);
uint64_t cw_gen_next(struct cw_gen_rng *rng);
/** 0 to below - 1; below above 0. */
uint32_t cw_gen_below(struct cw_gen_rng *rng, uint32_t below);
/** True in `percent` of 100 cases, in thousandths of a percent where that is needed. */
bool cw_gen_chance(struct cw_gen_rng *rng, double percent);

/* --- people (generate_people.c): functions of (seed, person id), no two alike ----------------- */

enum { CW_GEN_TEXT = 96 };

struct cw_gen_person {
    uint64_t seed;
    uint32_t id;
    bool male;
    int64_t birth; /* days since 1970 */
    const char *country;
};

void cw_gen_person(struct cw_gen_person *person, uint64_t seed, uint32_t id);
/** Form 0 is the name as it is; 1 to 6 are ways to write it differently. */
void cw_gen_name(const struct cw_gen_person *person, unsigned form, char out[CW_GEN_TEXT]);
/** The name in the person's own script where that is not Latin; false: it is. */
bool cw_gen_original_name(const struct cw_gen_person *person, char out[CW_GEN_TEXT]);
/** A slip is always the same one for a person, so that two records never contradict each other. */
void cw_gen_birth(const struct cw_gen_person *person, bool slip, char out[CW_GEN_TEXT]);
/** False: the country gives none (that we can compute). */
bool cw_gen_national_id(const struct cw_gen_person *person, char out[CW_GEN_TEXT]);
void cw_gen_passport(const struct cw_gen_person *person, char out[CW_GEN_TEXT]);
void cw_gen_licence(const struct cw_gen_person *person, char out[CW_GEN_TEXT]);
/** Of another country than the person's. */
const char *cw_gen_other_country(const struct cw_gen_person *person);
/** The nth phone, in E.164 or spaced; the nth account: an IBAN, or an account where country has
 *  none here. Returns the kind. */
void cw_gen_phone(uint32_t phone, bool spaced, char out[CW_GEN_TEXT]);
/** 15 digits, the last of which checks the others. */
void cw_gen_imei(uint32_t device, char out[CW_GEN_TEXT]);
const char *cw_gen_account(uint32_t account, const char *country, char out[CW_GEN_TEXT]);

/* --- stories (generate_story.c) --------------------------------------------------------------- */

enum cw_gen_type { CW_GEN_NOTICE, CW_GEN_CROSSING, CW_GEN_ACCOUNT, CW_GEN_AD, CW_GEN_PAYMENT };
enum cw_gen_role {
    CW_GEN_SUBJECT,
    CW_GEN_TRAVELLER,
    CW_GEN_HOLDER,
    CW_GEN_ADVERTISED,
    CW_GEN_PAYER
};
enum {
    CW_GEN_SHOW_NATIONAL = 1,
    CW_GEN_SHOW_PASSPORT = 2,
    CW_GEN_SHOW_LICENCE = 4,
    CW_GEN_SHOW_BIRTH = 8,
    CW_GEN_SHOW_PHONE = 16,
    CW_GEN_SHOW_OTHER_ISSUER = 32 /* the passport's number, as another country's */
};

/* A person as one event shows it. */
struct cw_gen_mention {
    uint32_t person;
    uint32_t named;    /* whose name it bears: the person, or one whose namesake it is */
    uint32_t document; /* whose passport it shows */
    uint32_t national; /* whose national id it shows */
    uint8_t role;
    uint8_t show;
    uint8_t form;
    bool slip;
};

enum cw_gen_flaw {
    CW_GEN_SOUND,
    CW_GEN_FLAW_TYPE,
    CW_GEN_FLAW_INTERVAL,
    CW_GEN_FLAW_OWNER,
    CW_GEN_FLAW_PRECISION,
    CW_GEN_FLAW_ID,
    CW_GEN_FLAW_VERSION,
    CW_GEN_FLAW_OP,
    CW_GEN_FLAWS
};

/* An event before it has versions. */
struct cw_gen_happening {
    uint8_t type;
    uint8_t agency;
    uint8_t mention_count;
    uint8_t colour; /* of a notice: cw_gen_colours */
    uint8_t flaw;
    bool by_day;      /* its time is known to the day */
    bool fixed;       /* versions and copies of it are the story's, not noise's */
    uint16_t variety; /* places and the like */
    uint32_t recorded_after;
    uint32_t phone;   /* of an ad's contact, or shown by a holder */
    uint32_t account; /* of an account_open; who pays */
    uint32_t device;  /* with which an account is opened */
    bool with_device;
    uint8_t channel;       /* of a payment, and so are all to amount: cw_gen_channels */
    uint8_t payer_country; /* cw_gen_countries */
    uint8_t payee_country;
    uint8_t currency; /* cw_gen_currencies */
    uint32_t payee;
    int64_t amount; /* minor units */
    int64_t time;
    int64_t valid_from;
    int64_t valid_to;
    int64_t cancelled_at; /* in versions that cancel */
    struct cw_gen_mention mentions[CW_GEN_MENTIONS];
};

enum cw_gen_op { CW_GEN_CREATE, CW_GEN_AMEND, CW_GEN_CANCEL, CW_GEN_WITHDRAW };

/* One sending of one version. */
struct cw_gen_emission {
    uint8_t happening;
    uint8_t version;
    uint8_t op;
    bool repeat;
    uint32_t when;
};

struct cw_gen_story {
    uint64_t seed;
    uint32_t index;
    struct cw_gen_rng rng;
    int8_t rule; /* -1: noise */
    bool expected;
    bool planted;
    const char *note;
    uint32_t members; /* bits of happenings */
    uint8_t person_count;
    uint8_t happening_count;
    uint8_t emission_count;
    struct cw_gen_happening happenings[CW_GEN_HAPPENINGS];
    struct cw_gen_emission emissions[CW_GEN_EMISSIONS];
};

extern const char *const cw_gen_colours[];
enum cw_gen_colour {
    CW_GEN_RED,
    CW_GEN_BLUE,
    CW_GEN_GREEN,
    CW_GEN_YELLOW,
    CW_GEN_BLACK,
    CW_GEN_SANCTIONS,
    CW_GEN_WATCH,
    CW_GEN_COLOURS
};

/* The first six are those of the agencies, in their order. */
extern const char *const cw_gen_countries[CW_GEN_COUNTRIES];

/* Units for a hundred euro, about: of what is planted or resembles it, amounts in them keep a tenth
 * away from all limits. */
struct cw_gen_currency {
    const char *code;
    uint32_t for_hundred;
    const char *country; /* NULL: any */
};
enum { CW_GEN_EURO, CW_GEN_ZLOTY, CW_GEN_CURRENCIES = 7 };
extern const struct cw_gen_currency cw_gen_currencies[CW_GEN_CURRENCIES];

extern const char *const cw_gen_channels[];
enum cw_gen_channel { CW_GEN_TRANSFER, CW_GEN_CASH, CW_GEN_CARD, CW_GEN_CHANNELS };

void cw_gen_plan(struct cw_gen_story *story, uint64_t seed, uint32_t index);

/* --- events (generate_event.c) ---------------------------------------------------------------- */

struct cw_gen_agency {
    const char *code;
    const char *country;
    int32_t offset; /* minutes east of UTC */
    const char *codec;
    const char *posts[4];
    const char *cities[4];
};
extern const struct cw_gen_agency cw_gen_agencies[CW_GEN_AGENCIES];

/** Texts live in the arena. */
cw_str cw_gen_event_id(const struct cw_gen_story *story, unsigned happening,
                       struct cw_arena *arena);
void cw_gen_event(const struct cw_gen_story *story, const struct cw_gen_emission *emission,
                  struct cw_arena *arena, struct cw_event *event);
/** The part of the event that the mention is. */
unsigned cw_gen_part(const struct cw_gen_happening *happening, unsigned mention);

#endif

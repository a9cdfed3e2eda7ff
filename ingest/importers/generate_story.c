/*
 * generate_story.c - what happens: patterns, look-alikes and everyday life, as numbers.
 *
 * Nothing here reads a rule file. What the rules look for is written down where it is planted.
 * Everyday life keeps clear of them by construction: a phone of an everyday advertisement stands
 * beside two persons at most, who has an everyday notice crosses no border and opens no account, a
 * passport is shown at borders with one birth date, a phone or device opens two accounts at most,
 * of the payments of a story three at most lie below the limit that is structured for, and to an
 * account three others pay, or any number by card.
 */
#include <string.h>

#include "ingest/importers/generate_story.h"
#include "operators/runtime/check.h"
#include "operators/runtime/time.h"

enum {
    DAY = CW_GEN_DAY,
    HOUR = 3600,
    FIRST_START = 120 * DAY, /* of a story; notices reach back from it */
    STARTS = 200 * DAY,
    PERSON_SHOWN = CW_GEN_SHOW_PASSPORT | CW_GEN_SHOW_BIRTH
};

const char *const cw_gen_colours[] = { "red",   "blue",      "green", "yellow",
                                       "black", "sanctions", "watch" };

/* --- building --------------------------------------------------------------------------------- */

static uint32_t below(struct cw_gen_story *story, uint32_t limit)
{
    return cw_gen_below(&story->rng, limit);
}

static bool chance(struct cw_gen_story *story, double percent)
{
    return cw_gen_chance(&story->rng, percent);
}

static uint32_t between(struct cw_gen_story *story, uint32_t least, uint32_t most)
{
    return least + below(story, most - least + 1);
}

/* A person who is in no other story; one with a national id where that is asked. */
static uint32_t somebody(struct cw_gen_story *story, bool with_national_id)
{
    for (;;) {
        CW_CHECK(story->person_count < CW_GEN_PERSONS);
        struct cw_gen_person person;
        char text[CW_GEN_TEXT];
        uint32_t id = story->index * CW_GEN_PERSONS + story->person_count++;
        cw_gen_person(&person, story->seed, id);
        if (!with_national_id || cw_gen_national_id(&person, text))
            return id;
    }
}

/* Somebody whose birth date no slip of the pen makes that of the other. */
static uint32_t somebody_else(struct cw_gen_story *story, uint32_t than)
{
    struct cw_gen_person one;
    struct cw_gen_person two;
    cw_gen_person(&one, story->seed, than);
    for (;;) {
        uint32_t id = somebody(story, false);
        cw_gen_person(&two, story->seed, id);
        int64_t year[2];
        int month[2];
        int day[2];
        cw_civil_from_days(one.birth, &year[0], &month[0], &day[0]);
        cw_civil_from_days(two.birth, &year[1], &month[1], &day[1]);
        if (year[0] != year[1] && month[0] != month[1] && day[0] != day[1])
            return id;
    }
}

static uint8_t any_agency(struct cw_gen_story *story)
{
    return (uint8_t)below(story, CW_GEN_AGENCIES);
}

static struct cw_gen_happening *happening(struct cw_gen_story *story, enum cw_gen_type type,
                                          uint8_t agency, int64_t time)
{
    CW_CHECK(story->happening_count < CW_GEN_HAPPENINGS);
    struct cw_gen_happening *h = &story->happenings[story->happening_count++];
    *h = (struct cw_gen_happening){
        .type = (uint8_t)type,
        .agency = agency,
        .time = time,
        .variety = (uint16_t)below(story, 1 << 16),
        .recorded_after = type == CW_GEN_NOTICE ? 0 : between(story, 30, 40 * 60),
        .valid_from = time,
        .valid_to = CW_GEN_NEVER,
        .cancelled_at = CW_GEN_NEVER,
    };
    h->by_day = (type == CW_GEN_AD || type == CW_GEN_ACCOUNT) && chance(story, 30.0);
    return h;
}

static struct cw_gen_mention *mention(struct cw_gen_happening *h, enum cw_gen_role role,
                                      uint32_t person, unsigned show)
{
    CW_CHECK(h->mention_count < CW_GEN_MENTIONS);
    struct cw_gen_mention *m = &h->mentions[h->mention_count++];
    *m = (struct cw_gen_mention){ .person = person,
                                  .named = person,
                                  .document = person,
                                  .national = person,
                                  .role = (uint8_t)role,
                                  .show = (uint8_t)show };
    return m;
}

/* The spelling and the slips of everyday registers; only where an identifier still tells who. */
static struct cw_gen_mention *misspelt(struct cw_gen_story *story, struct cw_gen_mention *m)
{
    if (chance(story, 30.0))
        m->form = (uint8_t)between(story, 1, 6);
    m->slip = chance(story, 3.0);
    if (chance(story, 4.0))
        m->show &= (uint8_t)~CW_GEN_SHOW_BIRTH;
    return m;
}

static unsigned index_of(const struct cw_gen_story *story, const struct cw_gen_happening *h)
{
    return (unsigned)(h - story->happenings);
}

static void member(struct cw_gen_story *story, const struct cw_gen_happening *h)
{
    story->members |= 1U << index_of(story, h);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Later than this nothing of a point event is sent, so no window misses it. */
static int64_t last_sending(const struct cw_gen_happening *h)
{
    return h->time + CW_GEN_DELAY_MAX;
}

static void send(struct cw_gen_story *story, unsigned index, unsigned version, enum cw_gen_op op,
                 int64_t when, bool repeat)
{
    const struct cw_gen_happening *h = &story->happenings[index];
    int64_t earliest = h->time + h->recorded_after;
    if (h->type != CW_GEN_NOTICE && op != CW_GEN_WITHDRAW && when > last_sending(h))
        when = last_sending(h);
    if (when < earliest)
        when = earliest;
    CW_CHECK(when >= 0 && when <= UINT32_MAX);
    CW_CHECK(story->emission_count < CW_GEN_EMISSIONS);
    story->emissions[story->emission_count++] = (struct cw_gen_emission){
        .happening = (uint8_t)index,
        .version = (uint8_t)version,
        .op = (uint8_t)op,
        .repeat = repeat,
        .when = (uint32_t)when,
    };
}

/* When the first version goes out: at once, 5 % hours late, 0.5 % more than a week. */
static int64_t sent_at(struct cw_gen_story *story, const struct cw_gen_happening *h)
{
    int64_t recorded = h->time + h->recorded_after;
    uint32_t fate = below(story, 1000);
    if (fate < 5)
        return h->time + 7 * DAY + below(story, DAY);
    if (fate < 55)
        return recorded + between(story, HOUR, DAY);
    return recorded + below(story, 15 * 60);
}

/* A notice has one publisher; a payment is told by the one agency of the payee's country. */
static bool told_by_several(const struct cw_gen_happening *h)
{
    return h->type != CW_GEN_NOTICE && h->type != CW_GEN_PAYMENT;
}

/* Another agency saw the same and tells it as an event of its own. */
static void second_agency(struct cw_gen_story *story, unsigned index)
{
    if (story->happening_count == CW_GEN_HAPPENINGS)
        return;
    unsigned copy = story->happening_count++;
    struct cw_gen_happening *h = &story->happenings[copy];
    *h = story->happenings[index];
    h->agency = (uint8_t)((h->agency + 1 + below(story, CW_GEN_AGENCIES - 1)) % CW_GEN_AGENCIES);
    h->recorded_after = between(story, 30, 40 * 60);
    send(story, copy, 1, CW_GEN_CREATE, sent_at(story, h), false);
}

/* The fate of an everyday event: 3 % sent again, 1.5 % amended, 1 % withdrawn, some of these
 * published again, 1 % told by a second agency. */
static void everyday_sending(struct cw_gen_story *story, unsigned index)
{
    const struct cw_gen_happening *h = &story->happenings[index];
    int64_t first = sent_at(story, h);
    send(story, index, 1, CW_GEN_CREATE, first, false);
    if (chance(story, 3.0))
        send(story, index, 1, CW_GEN_CREATE, first + below(story, 3 * DAY), true);
    if (h->fixed)
        return;
    uint32_t fate = below(story, 1000);
    if (fate < 15) {
        send(story, index, 2, CW_GEN_AMEND, first + below(story, 4 * DAY), false);
    } else if (fate < 25) {
        int64_t when = first + below(story, 2 * DAY);
        send(story, index, 2, CW_GEN_WITHDRAW, when, false);
        if (fate < 18)
            send(story, index, 3, CW_GEN_AMEND, when + below(story, 3 * DAY), false);
    } else if (fate < 35 && told_by_several(h)) {
        second_agency(story, index);
    }
}

/* A third of what is planted comes late, again, amended or from another agency as well. Days late,
 * not a week: it is in time also where the files are read without their contracts. */
static void planted_sending(struct cw_gen_story *story, unsigned index)
{
    const struct cw_gen_happening *h = &story->happenings[index];
    int64_t first = h->time + h->recorded_after + below(story, 15 * 60);
    uint32_t fate = below(story, 12);
    if (fate == 0)
        first = h->time + between(story, 6 * HOUR, 5 * DAY);
    send(story, index, 1, CW_GEN_CREATE, first, false);
    if (fate == 1)
        send(story, index, 1, CW_GEN_CREATE, first + below(story, 5 * DAY), true);
    else if (fate == 2 && !h->fixed)
        send(story, index, 2, CW_GEN_AMEND, first + below(story, 3 * DAY), false);
    else if (fate == 3 && !h->fixed && told_by_several(h))
        second_agency(story, index);
}

static void send_all(struct cw_gen_story *story)
{
    unsigned count = story->happening_count; /* copies send themselves */
    for (unsigned i = 0; i < count; i++) {
        if (story->rule >= 0)
            planted_sending(story, i);
        else
            everyday_sending(story, i);
    }
}

/* Taken back for good, one to five days after it was sent. */
static void withdraw(struct cw_gen_story *story, struct cw_gen_happening *h)
{
    h->fixed = true;
    send(story, index_of(story, h), 2, CW_GEN_WITHDRAW, h->time + between(story, DAY, 5 * DAY),
         false);
}

/* --- the third record ------------------------------------------------------------------------- */

/* A record that shows the passport of one mention and the national id of another: what makes them
 * one person. It must be no sighting of the rule that is planted, so its type is given. */
static struct cw_gen_happening *third_record(struct cw_gen_story *story, enum cw_gen_type type,
                                             uint32_t passport_of, uint32_t national_of,
                                             int64_t time)
{
    struct cw_gen_happening *h = happening(story, type, any_agency(story), time);
    struct cw_gen_mention *m =
        mention(h, type == CW_GEN_CROSSING ? CW_GEN_TRAVELLER : CW_GEN_HOLDER, passport_of,
                PERSON_SHOWN | CW_GEN_SHOW_NATIONAL);
    m->national = national_of;
    if (type == CW_GEN_ACCOUNT)
        h->account = story->index * CW_GEN_HAPPENINGS + index_of(story, h);
    h->fixed = true;
    return h;
}

/* --- rule 0: one phone, several persons ------------------------------------------------------- */

/*
 * Three or more different persons in advertisements with one phone within 30 days. Each person
 * shows the same document in each advertisement, so that a name spelt differently is nobody new.
 */
static struct cw_gen_happening *ad(struct cw_gen_story *story, int64_t time, uint32_t person,
                                   unsigned show)
{
    struct cw_gen_happening *h = happening(story, CW_GEN_AD, any_agency(story), time);
    h->phone = story->index;
    struct cw_gen_mention *m = mention(h, CW_GEN_ADVERTISED, person, show);
    if ((show & (CW_GEN_SHOW_PASSPORT | CW_GEN_SHOW_NATIONAL)) != 0)
        misspelt(story, m);
    member(story, h);
    return h;
}

static void plant_phone(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    if (variant % 5 == 4) {
        /* A wrong record made two of three persons one, and was taken back. */
        uint32_t one = somebody(story, false);
        uint32_t two = somebody(story, true);
        ad(story, start, one, PERSON_SHOWN);
        ad(story, start + 4 * DAY, two, CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH);
        ad(story, start + 9 * DAY, somebody(story, false), PERSON_SHOWN);
        struct cw_gen_happening *h = third_record(story, CW_GEN_ACCOUNT, one, two, start + 6 * DAY);
        h->mentions[0].show &= (uint8_t)~CW_GEN_SHOW_BIRTH; /* it would contest the national id */
        withdraw(story, h);
        story->note = "three persons; a record that made two of them one was withdrawn";
        return;
    }
    unsigned count = between(story, 3, 5);
    uint32_t gap = 24U * DAY / count;
    for (unsigned i = 0; i < count; i++) {
        /* Some are known by name and birth date alone. */
        unsigned show = chance(story, 75.0) ? PERSON_SHOWN : CW_GEN_SHOW_BIRTH;
        ad(story, start + (int64_t)i * gap + below(story, gap), somebody(story, false), show);
    }
    story->note = "three persons or more within 24 days";
}

static void resemble_phone(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    uint32_t one = somebody(story, true);
    uint32_t two = somebody(story, false);
    ad(story, start, one, PERSON_SHOWN);
    switch (variant % 5) {
    case 0:
        ad(story, start + 5 * DAY, two, PERSON_SHOWN);
        ad(story, start + 9 * DAY, one, PERSON_SHOWN);
        story->note = "two persons only";
        break;
    case 1:
        ad(story, start + 16 * DAY, two, PERSON_SHOWN);
        ad(story, start + 33 * DAY, somebody(story, false), PERSON_SHOWN);
        story->note = "three persons over 33 days";
        break;
    case 2:
        ad(story, start + 5 * DAY, two, PERSON_SHOWN);
        withdraw(story, ad(story, start + 8 * DAY, somebody(story, false), PERSON_SHOWN));
        story->note = "the third person's advertisement was withdrawn";
        break;
    case 3:
        ad(story, start + 5 * DAY, two, PERSON_SHOWN);
        ad(story, start + 6 * DAY, one, PERSON_SHOWN)->mentions[0].form = 2;
        ad(story, start + 7 * DAY, two, PERSON_SHOWN)->mentions[0].form = 3;
        story->note = "two persons under four names, each with one passport";
        break;
    default: {
        struct cw_gen_happening *h =
            ad(story, start + 5 * DAY, one, CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH);
        h->mentions[0].form = 3;
        ad(story, start + 9 * DAY, two, PERSON_SHOWN);
        third_record(story, CW_GEN_ACCOUNT, one, one, start + between(story, 1, 15) * DAY);
        story->note =
            "three names that are two persons: a third record shows both documents of one";
        break;
    }
    }
}

/* --- rules 1 and 2: a person of a notice is seen ---------------------------------------------- */

/*
 * Rule 1: red notice, border crossing. Rule 2: notice of colour sanctions or watch, account opened.
 * A sighting hits while valid_from <= t < min(valid_to, cancelled_at) and t > recorded_at - 30 d.
 */
struct sight {
    struct cw_gen_story *story;
    int64_t recorded;
    struct cw_gen_happening *notice;
    struct cw_gen_happening *sighting;
};

static struct cw_gen_mention *publish(struct sight *sight, uint32_t person, unsigned show)
{
    struct cw_gen_story *story = sight->story;
    sight->notice = happening(story, CW_GEN_NOTICE, any_agency(story), sight->recorded);
    sight->notice->valid_from = sight->recorded - (int64_t)below(story, 5 * DAY);
    if (chance(story, 50.0))
        sight->notice->valid_to = sight->recorded + 300 * DAY;
    sight->notice->colour = story->rule == 1      ? CW_GEN_RED
                            : chance(story, 50.0) ? CW_GEN_SANCTIONS
                                                  : CW_GEN_WATCH;
    member(story, sight->notice);
    return mention(sight->notice, CW_GEN_SUBJECT, person, show);
}

static struct cw_gen_mention *see(struct sight *sight, uint32_t person, unsigned show, int64_t time)
{
    struct cw_gen_story *story = sight->story;
    bool crossing = story->rule == 1;
    struct cw_gen_happening *h =
        happening(story, crossing ? CW_GEN_CROSSING : CW_GEN_ACCOUNT, any_agency(story), time);
    sight->sighting = h;
    if (!crossing)
        h->account = story->index * CW_GEN_HAPPENINGS + index_of(story, h);
    member(story, h);
    struct cw_gen_mention *m =
        mention(h, crossing ? CW_GEN_TRAVELLER : CW_GEN_HOLDER, person, show);
    /* Somebody else may travel or hold the account along. */
    if (!crossing && chance(story, 20.0))
        mention(h, CW_GEN_HOLDER, somebody(story, false), PERSON_SHOWN);
    return m;
}

/* The notice ends by a version of its own. */
static void cancel(struct sight *sight, int64_t when)
{
    sight->notice->cancelled_at = when;
    sight->notice->fixed = true;
    send(sight->story, index_of(sight->story, sight->notice), 2, CW_GEN_CANCEL,
         when + below(sight->story, HOUR), false);
}

/* The notice knows a passport, the sighting a national id; a third record shows both. It is of the
 * other rule's kind of event, which this notice's colour does not concern. */
static struct cw_gen_happening *joined_by_third(struct sight *sight, uint32_t person, int64_t seen)
{
    struct cw_gen_story *story = sight->story;
    publish(sight, person, PERSON_SHOWN);
    see(sight, person, CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH, seen);
    int64_t time = seen - 6 * DAY + between(story, 0, 12) * DAY;
    return third_record(story, story->rule == 1 ? CW_GEN_ACCOUNT : CW_GEN_CROSSING, person, person,
                        time);
}

static void plant_sight(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    struct sight sight = { .story = story, .recorded = start };
    int64_t seen = start + between(story, 3, 40) * DAY;
    uint32_t person = somebody(story, true);
    unsigned all = PERSON_SHOWN | CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_LICENCE;
    switch (variant % 5) {
    case 0:
        publish(&sight, person, PERSON_SHOWN);
        misspelt(story, see(&sight, person, PERSON_SHOWN, seen));
        story->note = "notice and sighting show one passport";
        break;
    case 1:
        publish(&sight, person, all);
        misspelt(story, see(&sight, person, CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH, seen));
        story->note = "notice and sighting show one national id";
        break;
    case 2:
        publish(&sight, person, all);
        misspelt(story, see(&sight, person, CW_GEN_SHOW_LICENCE | CW_GEN_SHOW_BIRTH, seen));
        cancel(&sight, seen + between(story, 3, 20) * DAY);
        story->note = "one driving licence; the notice was cancelled after the sighting";
        break;
    case 3:
        seen = start - between(story, 2, 25) * DAY;
        publish(&sight, person, PERSON_SHOWN);
        sight.notice->valid_from = seen - 10 * DAY;
        misspelt(story, see(&sight, person, PERSON_SHOWN, seen));
        story->note = "seen before the notice was recorded, within the lookback";
        break;
    default:
        joined_by_third(&sight, person, seen);
        story->note = "notice and sighting share nothing; a third record shows both documents";
        break;
    }
}

static void resemble_sight(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    struct sight sight = { .story = story, .recorded = start };
    int64_t seen = start + between(story, 12, 25) * DAY;
    uint32_t person = somebody(story, true);
    if (variant % 10 == 7) {
        withdraw(story, joined_by_third(&sight, person, seen));
        story->note = "the record that joined notice and sighting was withdrawn";
        return;
    }
    publish(&sight, person, PERSON_SHOWN);
    struct cw_gen_happening *notice = sight.notice;
    uint32_t other = somebody_else(story, person);
    switch (variant % 10) {
    case 0:
        cancel(&sight, start + between(story, 5, 9) * DAY);
        story->note = "the notice was cancelled before the sighting";
        break;
    case 1:
        notice->valid_from = start + 30 * DAY;
        story->note = "seen before the notice was valid";
        break;
    case 2:
        seen = start - between(story, 33, 60) * DAY;
        notice->valid_from = start - 100 * DAY;
        story->note = "seen before the lookback";
        break;
    case 3:
        notice->valid_to = start + 9 * DAY;
        story->note = "seen after the notice had ended";
        break;
    case 4: {
        static const uint8_t colours[] = { CW_GEN_YELLOW, CW_GEN_BLUE, CW_GEN_GREEN, CW_GEN_BLACK };
        notice->colour = colours[below(story, 4)];
        story->note = "a notice of another colour";
        break;
    }
    case 5:
        see(&sight, other, PERSON_SHOWN, seen)->named = person;
        story->note = "a namesake: other birth date, other documents";
        return;
    case 6:
        withdraw(story, notice);
        story->note = "the notice was withdrawn";
        break;
    case 8:
        see(&sight, other, PERSON_SHOWN | CW_GEN_SHOW_OTHER_ISSUER, seen)->document = person;
        story->note = "the same passport number, of another country";
        return;
    default: /* 9 */
        see(&sight, person, PERSON_SHOWN, seen);
        withdraw(story, sight.sighting);
        story->note = "the sighting was withdrawn";
        return;
    }
    misspelt(story, see(&sight, person, PERSON_SHOWN, seen));
}

/* --- rule 3: a document shown with several birth dates ---------------------------------------- */

/*
 * One passport is shown at borders with two full birth dates or more within 365 days: by its
 * bearer, and by others with what they say of themselves.
 */
static struct cw_gen_mention *shows(struct cw_gen_story *story, uint32_t person, uint32_t document,
                                    int64_t time)
{
    struct cw_gen_happening *h = happening(story, CW_GEN_CROSSING, any_agency(story), time);
    member(story, h);
    struct cw_gen_mention *m = mention(h, CW_GEN_TRAVELLER, person, PERSON_SHOWN);
    m->document = document;
    if (chance(story, 30.0))
        m->form = (uint8_t)between(story, 1, 6);
    return m;
}

static void plant_birth_dates(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    uint32_t bearer = somebody(story, false);
    uint32_t other = somebody_else(story, bearer);
    int64_t gap = between(story, 1, 150) * DAY;
    shows(story, bearer, bearer, start);
    shows(story, other, bearer, start + gap);
    story->note = "one passport, two travellers of different birth dates";
    if (variant % 3 == 1) {
        shows(story, somebody_else(story, bearer), bearer,
              start + gap + between(story, 1, 150) * DAY);
        story->note = "one passport, three travellers of different birth dates";
    } else if (variant % 3 == 2) {
        shows(story, other, bearer, start + gap + between(story, 1, 20) * DAY)->named = bearer;
        story->note = "one passport; the other traveller goes by the bearer's name too";
    }
}

static void resemble_birth_dates(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    uint32_t bearer = somebody(story, false);
    uint32_t other = somebody_else(story, bearer);
    int64_t gap = between(story, 1, 100) * DAY;
    shows(story, bearer, bearer, start);
    switch (variant % 4) {
    case 0:
        shows(story, bearer, bearer, start + gap)->form = 3;
        shows(story, bearer, bearer, start + 2 * gap);
        story->note = "the same birth date three times";
        break;
    case 1:
        shows(story, other, bearer, start + gap)->show |= CW_GEN_SHOW_OTHER_ISSUER;
        story->note = "two passports of one number, of different countries";
        break;
    case 2:
        shows(story, other, bearer, start + 390 * DAY + gap / 10);
        story->note = "two birth dates, more than a year apart";
        break;
    default:
        shows(story, bearer, bearer, start + gap);
        shows(story, other, bearer, start + gap + DAY);
        withdraw(story, &story->happenings[2]);
        story->note = "the crossing with the other birth date was withdrawn";
        break;
    }
}

/* --- payments --------------------------------------------------------------------------------- */

/* The nth account of the story; it is the same one in each of its countries' forms, so a story
 * keeps to one country for each. */
static uint32_t account(const struct cw_gen_story *story, unsigned nth)
{
    CW_CHECK(nth < CW_GEN_HAPPENINGS);
    return story->index * CW_GEN_HAPPENINGS + nth;
}

/* Accounts are the story's own by number; `payee_country` is the agency too, where it has one. */
static struct cw_gen_happening *pays(struct cw_gen_story *story, int64_t time, unsigned payer,
                                     unsigned payer_country, unsigned payee, unsigned payee_country,
                                     uint32_t cents)
{
    payer_country %= CW_GEN_COUNTRIES;
    payee_country %= CW_GEN_COUNTRIES;
    uint8_t agency = (uint8_t)(payee_country % CW_GEN_AGENCIES);
    struct cw_gen_happening *h = happening(story, CW_GEN_PAYMENT, agency, time);
    h->account = account(story, payer);
    h->payee = account(story, payee);
    h->payer_country = (uint8_t)payer_country;
    h->payee_country = (uint8_t)payee_country;
    h->currency = CW_GEN_EURO;
    h->amount = cents;
    h->channel = CW_GEN_TRANSFER;
    return h;
}

static void in_currency(struct cw_gen_happening *h, unsigned currency)
{
    h->currency = (uint8_t)currency;
    h->amount = h->amount * cw_gen_currencies[currency].for_hundred / 100;
}

/* --- rule 4: structuring under a limit -------------------------------------------------------- */

/*
 * Four payments or more of 7,000 to 9,999.99 EUR by or to one account within seven days, above
 * 30,000 EUR together. The other sides are of one country, so that it is no fan-in.
 */
static void structure(struct cw_gen_story *story, unsigned count, int64_t start, int64_t gap,
                      uint32_t least, uint32_t most)
{
    unsigned country = below(story, CW_GEN_COUNTRIES);
    bool payer = chance(story, 50.0);
    for (unsigned i = 0; i < count; i++) {
        int64_t time = start + i * gap + below(story, HOUR);
        uint32_t cents = between(story, least, most);
        struct cw_gen_happening *h = payer
                                         ? pays(story, time, 0, country, 1 + i, country + 1, cents)
                                         : pays(story, time, 1 + i, country + 1, 0, country, cents);
        if (chance(story, 40.0))
            h->channel = CW_GEN_CASH;
        member(story, h);
    }
}

static void plant_structuring(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    unsigned count = between(story, 4, 7);
    structure(story, count, start, 6 * DAY / count, 780000, variant % 3 == 2 ? 960000 : 999900);
    story->note = "four payments or more below the limit within six days, above 30,000 EUR";
    if (variant % 3 != 2)
        return;
    for (unsigned i = 0; i < count; i++)
        in_currency(&story->happenings[i], CW_GEN_ZLOTY);
    story->note = "four payments or more below the limit within six days, in zloty";
}

static void resemble_structuring(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    switch (variant % 5) {
    case 0:
        structure(story, 3, start, DAY, 900000, 999999);
        story->note = "three payments only";
        break;
    case 1:
        structure(story, 4, start, DAY, 700000, 745000);
        story->note = "four payments that are less than 30,000 EUR together";
        break;
    case 2:
        structure(story, 4, start, 10 * DAY, 800000, 999900);
        story->note = "four payments over 30 days";
        break;
    case 3:
        structure(story, 5, start, DAY, 1000000, 1200000);
        story->happenings[2].amount = 699999;
        story->note = "five payments at or above the limit or below the band";
        break;
    default:
        structure(story, 4, start, DAY, 800000, 999900);
        withdraw(story, &story->happenings[1]);
        story->note = "one of four payments was withdrawn";
        break;
    }
}

/* --- rule 5: fan-in from several countries ---------------------------------------------------- */

/*
 * Five payers or more of three countries or more pay one account within 72 hours, 500 to 10,000 EUR
 * each, not by card. Each stays below 7,000 EUR, so that it is no structuring.
 */
static void fan_in(struct cw_gen_story *story, unsigned payers, unsigned of, int64_t start,
                   int64_t gap, uint32_t least, uint32_t most)
{
    unsigned country = below(story, CW_GEN_COUNTRIES);
    for (unsigned i = 0; i < payers; i++)
        member(story, pays(story, start + i * gap + below(story, HOUR), 1 + i, country + 1 + i % of,
                           0, country, between(story, least, most)));
}

static void plant_fan_in(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    unsigned payers = between(story, 5, 8);
    fan_in(story, payers, between(story, 3, 5), start, 66 * HOUR / payers, 60000, 620000);
    story->note = "five payers or more of three countries or more within 67 hours";
    if (variant % 3 == 2)
        in_currency(&story->happenings[1], CW_GEN_CURRENCIES - 1);
}

static void resemble_fan_in(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    switch (variant % 5) {
    case 0:
        fan_in(story, 5, 2, start, 10 * HOUR, 60000, 650000);
        story->note = "five payers of two countries";
        break;
    case 1: {
        fan_in(story, 4, 4, start, 10 * HOUR, 60000, 650000);
        const struct cw_gen_happening *one = &story->happenings[0];
        member(story,
               pays(story, start + 45 * HOUR, 1, one->payer_country, 0, one->payee_country, 70000));
        story->note = "four payers of four countries, one of them twice";
        break;
    }
    case 2:
        fan_in(story, 5, 5, start, 84 * HOUR, 60000, 650000);
        story->note = "five payers over two weeks";
        break;
    case 3:
        fan_in(story, 8, 4, start, 6 * HOUR, 60000, 650000);
        for (unsigned i = 0; i < story->happening_count; i++)
            story->happenings[i].channel = CW_GEN_CARD;
        story->note = "a shop: eight payers of four countries, by card";
        break;
    default:
        fan_in(story, 6, 3, start, 8 * HOUR, 10000, 49999);
        story->note = "six payers of three countries, of less than 500 EUR each";
        break;
    }
}

/* --- rule 6: one device or phone behind many accounts ----------------------------------------- */

/* Three different accounts or more are opened with one device, or by holders with one phone, within
 * 30 days. */
static struct cw_gen_happening *opens(struct cw_gen_story *story, int64_t time, uint32_t person,
                                      unsigned nth, bool by_phone)
{
    struct cw_gen_happening *h = happening(story, CW_GEN_ACCOUNT, any_agency(story), time);
    struct cw_gen_mention *m = mention(h, CW_GEN_HOLDER, person, PERSON_SHOWN);
    h->account = account(story, nth);
    h->device = story->index;
    h->phone = story->index;
    h->with_device = !by_phone;
    if (by_phone)
        m->show |= CW_GEN_SHOW_PHONE;
    misspelt(story, m);
    member(story, h);
    return h;
}

static void plant_device(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    bool by_phone = variant % 2 == 1;
    unsigned count = between(story, 3, 5);
    uint32_t gap = 26U * DAY / count;
    uint32_t person = somebody(story, false);
    for (unsigned i = 0; i < count; i++) {
        opens(story, start + (int64_t)i * gap + below(story, gap), person, i, by_phone);
        if (variant % 4 < 2)
            person = somebody(story, false);
    }
    story->note = by_phone ? "one phone behind three accounts or more within 27 days"
                           : "one device behind three accounts or more within 27 days";
}

static void resemble_device(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    bool by_phone = variant / 5 % 2 == 1;
    uint32_t person = somebody(story, false);
    opens(story, start, person, 0, by_phone);
    opens(story, start + 3 * DAY, variant % 5 == 1 ? person : somebody(story, false),
          variant % 5 == 1 ? 0 : 1, by_phone);
    switch (variant % 5) {
    case 0:
        story->note = "two accounts only";
        break;
    case 1:
        opens(story, start + 5 * DAY, person, 0, by_phone);
        story->note = "one account, told three times";
        break;
    case 2:
        story->happenings[1].time = start + 45 * DAY;
        opens(story, start + 90 * DAY, somebody(story, false), 2, by_phone);
        story->note = "three accounts over three months";
        break;
    case 3:
        withdraw(story, opens(story, start + 5 * DAY, somebody(story, false), 2, by_phone));
        story->note = "the third account's opening was withdrawn";
        break;
    default: {
        struct cw_gen_happening *h =
            opens(story, start + 5 * DAY, somebody(story, false), 2, by_phone);
        h->with_device = by_phone;
        h->mentions[0].show ^= CW_GEN_SHOW_PHONE;
        story->note = by_phone ? "a phone behind two accounts, a device behind a third"
                               : "a device behind two accounts, a phone behind a third";
        break;
    }
    }
}

/* --- everyday life ---------------------------------------------------------------------------- */

/* What a register asks of a person, so that some records can be joined and some cannot. */
static unsigned usual_show(struct cw_gen_story *story)
{
    uint32_t fate = below(story, 100);
    if (fate < 70)
        return PERSON_SHOWN;
    if (fate < 85)
        return CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH;
    if (fate < 90)
        return PERSON_SHOWN | CW_GEN_SHOW_NATIONAL;
    if (fate < 95)
        return CW_GEN_SHOW_LICENCE | CW_GEN_SHOW_BIRTH;
    return fate < 98 ? CW_GEN_SHOW_BIRTH : 0;
}

static void travels(struct cw_gen_story *story, int64_t start)
{
    uint32_t person = somebody(story, false);
    uint8_t home = any_agency(story);
    unsigned count = between(story, 1, 5);
    for (unsigned i = 0; i < count; i++) {
        uint8_t agency = chance(story, 80.0) ? home : any_agency(story);
        struct cw_gen_happening *h =
            happening(story, CW_GEN_CROSSING, agency, start + below(story, 60 * DAY));
        misspelt(story, mention(h, CW_GEN_TRAVELLER, person, usual_show(story)));
    }
}

static void opens_accounts(struct cw_gen_story *story, int64_t start)
{
    uint32_t one = somebody(story, false);
    uint32_t two = somebody(story, false);
    unsigned count = between(story, 1, 3);
    for (unsigned i = 0; i < count; i++) {
        struct cw_gen_happening *h =
            happening(story, CW_GEN_ACCOUNT, any_agency(story), start + below(story, 60 * DAY));
        h->account = story->index * CW_GEN_HAPPENINGS + i;
        struct cw_gen_mention *m =
            misspelt(story, mention(h, CW_GEN_HOLDER, one, usual_show(story)));
        h->phone = story->index;
        h->device = story->index;
        if (i < 2 && chance(story, 40.0))
            m->show |= CW_GEN_SHOW_PHONE;
        h->with_device = i > 0 && chance(story, 60.0);
        if (chance(story, 15.0))
            misspelt(story, mention(h, CW_GEN_HOLDER, two, PERSON_SHOWN));
    }
}

static void advertises(struct cw_gen_story *story, int64_t start)
{
    uint32_t one = somebody(story, false);
    uint32_t two = somebody(story, false);
    unsigned show = chance(story, 70.0) ? PERSON_SHOWN : CW_GEN_SHOW_BIRTH;
    bool pair = chance(story, 40.0);
    unsigned count = between(story, 1, 4);
    for (unsigned i = 0; i < count; i++) {
        struct cw_gen_happening *h =
            happening(story, CW_GEN_AD, any_agency(story), start + below(story, 50 * DAY));
        h->phone = story->index;
        mention(h, CW_GEN_ADVERTISED, pair && i % 2 == 1 ? two : one, show);
        if (pair && chance(story, 30.0))
            mention(h, CW_GEN_ADVERTISED, i % 2 == 1 ? one : two, show);
    }
}

/* Two accounts pay three; three payments at most lie in the band below the limit. */
static void has_money(struct cw_gen_story *story, int64_t start)
{
    uint32_t person = somebody(story, false);
    unsigned home = below(story, CW_GEN_COUNTRIES);
    unsigned count = between(story, 2, 6);
    unsigned band = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned payer = below(story, 2);
        unsigned payee = between(story, 2, 4);
        uint32_t fate = below(story, 100);
        uint32_t cents = between(story, 500, fate < 60 ? 46000 : 640000);
        if (fate >= 95)
            cents = between(story, 1100000, 9000000);
        else if (fate >= 85 && band++ < 3)
            cents = between(story, 700000, 999999);
        struct cw_gen_happening *h = pays(story, start + below(story, 50 * DAY), payer,
                                          home + payer, payee, home + payee * 3, cents);
        h->channel = (uint8_t)below(story, CW_GEN_CHANNELS);
        if (cents < 640000 && chance(story, 25.0))
            in_currency(h, 1 + below(story, CW_GEN_CURRENCIES - 1));
        if (payer == 0 && chance(story, 40.0))
            misspelt(story, mention(h, CW_GEN_PAYER, person, usual_show(story)));
    }
}

static void keeps_shop(struct cw_gen_story *story, int64_t start)
{
    unsigned home = below(story, CW_GEN_AGENCIES);
    unsigned count = between(story, 5, 12);
    for (unsigned i = 0; i < count; i++)
        pays(story, start + below(story, 3 * DAY), 1 + i, home + i % 5, 0, home,
             between(story, 500, i % 4 == 0 ? 640000 : 46000))
            ->channel = CW_GEN_CARD;
}

static void is_wanted(struct cw_gen_story *story, int64_t start)
{
    struct cw_gen_happening *h = happening(story, CW_GEN_NOTICE, any_agency(story), start);
    h->colour = (uint8_t)below(story, CW_GEN_COLOURS);
    h->valid_from = start - (int64_t)below(story, 20 * DAY);
    if (chance(story, 50.0))
        h->valid_to = start + between(story, 30, 400) * DAY;
    mention(h, CW_GEN_SUBJECT, somebody(story, false), PERSON_SHOWN | CW_GEN_SHOW_NATIONAL);
    if (chance(story, 10.0)) {
        h->fixed = true;
        h->cancelled_at = start + between(story, 1, 40) * DAY;
        send(story, 0, 2, CW_GEN_CANCEL, h->cancelled_at, false);
    }
}

/* A merge, and in a third of the cases the split again. */
static void becomes_one(struct cw_gen_story *story, int64_t start)
{
    uint32_t person = somebody(story, true);
    struct cw_gen_happening *h = happening(story, CW_GEN_CROSSING, any_agency(story), start);
    misspelt(story, mention(h, CW_GEN_TRAVELLER, person, PERSON_SHOWN));
    h = happening(story, CW_GEN_ACCOUNT, any_agency(story), start + below(story, 10 * DAY));
    h->account = story->index * CW_GEN_HAPPENINGS;
    misspelt(story, mention(h, CW_GEN_HOLDER, person, CW_GEN_SHOW_NATIONAL | CW_GEN_SHOW_BIRTH));
    h = third_record(story, chance(story, 50.0) ? CW_GEN_CROSSING : CW_GEN_ACCOUNT, person, person,
                     start + below(story, 15 * DAY));
    if (chance(story, 33.0))
        withdraw(story, h);
}

/* Two persons of one country show one passport, each with a national id of its own: the passport is
 * contested and joins nobody. */
static void shares_passport(struct cw_gen_story *story, int64_t start)
{
    struct cw_gen_person one;
    struct cw_gen_person two;
    uint32_t first = somebody(story, true);
    cw_gen_person(&one, story->seed, first);
    for (int i = 0; i < 8; i++) {
        uint32_t second = somebody(story, false);
        cw_gen_person(&two, story->seed, second);
        char text[CW_GEN_TEXT];
        if (strcmp(one.country, two.country) != 0 || !cw_gen_national_id(&two, text))
            continue;
        unsigned show = PERSON_SHOWN | CW_GEN_SHOW_NATIONAL;
        struct cw_gen_happening *h = happening(story, CW_GEN_CROSSING, any_agency(story), start);
        mention(h, CW_GEN_TRAVELLER, first, show);
        h = happening(story, CW_GEN_ACCOUNT, any_agency(story),
                      start + between(story, 1, 20) * DAY);
        h->account = account(story, 0);
        mention(h, CW_GEN_HOLDER, second, show)->document = first;
        return;
    }
    struct cw_gen_happening *h = happening(story, CW_GEN_CROSSING, any_agency(story), start);
    mention(h, CW_GEN_TRAVELLER, first, PERSON_SHOWN);
}

static void is_malformed(struct cw_gen_story *story, int64_t start)
{
    static const enum cw_gen_type types[] = { CW_GEN_CROSSING, CW_GEN_ACCOUNT, CW_GEN_AD };
    unsigned flaw = between(story, 1, CW_GEN_FLAWS - 1);
    enum cw_gen_type type = flaw == CW_GEN_FLAW_INTERVAL ? CW_GEN_NOTICE : types[below(story, 3)];
    struct cw_gen_happening *h = happening(story, type, any_agency(story), start);
    static const enum cw_gen_role roles[] = { CW_GEN_SUBJECT, CW_GEN_TRAVELLER, CW_GEN_HOLDER,
                                              CW_GEN_ADVERTISED };
    mention(h, roles[type], somebody(story, false), PERSON_SHOWN);
    h->phone = story->index;
    h->account = story->index * CW_GEN_HAPPENINGS;
    h->flaw = (uint8_t)flaw;
    h->fixed = true;
    h->by_day = false;
    if (flaw == CW_GEN_FLAW_INTERVAL)
        h->valid_to = h->valid_from - 3 * DAY;
}

static void everyday_life(struct cw_gen_story *story, int64_t start)
{
    uint32_t fate = below(story, 1000);
    if (fate < 380)
        travels(story, start);
    else if (fate < 630)
        opens_accounts(story, start);
    else if (fate < 770)
        advertises(story, start);
    else if (fate < 870)
        has_money(story, start);
    else if (fate < 885)
        keeps_shop(story, start);
    else if (fate < 945)
        is_wanted(story, start);
    else if (fate < 990)
        becomes_one(story, start);
    else if (fate < 994)
        shares_passport(story, start);
    else
        is_malformed(story, start);
}

static void plant(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    switch ((enum cw_gen_rule)story->rule) {
    case CW_GEN_PHONE:
        plant_phone(story, variant, start);
        break;
    case CW_GEN_WANTED:
    case CW_GEN_LISTED:
        plant_sight(story, variant, start);
        break;
    case CW_GEN_BIRTH_DATES:
        plant_birth_dates(story, variant, start);
        break;
    case CW_GEN_STRUCTURING:
        plant_structuring(story, variant, start);
        break;
    case CW_GEN_FAN_IN:
        plant_fan_in(story, variant, start);
        break;
    case CW_GEN_DEVICE:
        plant_device(story, variant, start);
        break;
    }
}

static void resemble(struct cw_gen_story *story, unsigned variant, int64_t start)
{
    switch ((enum cw_gen_rule)story->rule) {
    case CW_GEN_PHONE:
        resemble_phone(story, variant, start);
        break;
    case CW_GEN_WANTED:
    case CW_GEN_LISTED:
        resemble_sight(story, variant, start);
        break;
    case CW_GEN_BIRTH_DATES:
        resemble_birth_dates(story, variant, start);
        break;
    case CW_GEN_STRUCTURING:
        resemble_structuring(story, variant, start);
        break;
    case CW_GEN_FAN_IN:
        resemble_fan_in(story, variant, start);
        break;
    case CW_GEN_DEVICE:
        resemble_device(story, variant, start);
        break;
    }
}

/* A passport is shown at borders with its bearer's one birth date, whatever slips elsewhere. */
static void no_slips_at_borders(struct cw_gen_story *story)
{
    for (unsigned i = 0; i < story->happening_count; i++) {
        struct cw_gen_happening *h = &story->happenings[i];
        for (unsigned m = 0; h->type == CW_GEN_CROSSING && m < h->mention_count; m++) {
            if ((h->mentions[m].show & CW_GEN_SHOW_PASSPORT) != 0)
                h->mentions[m].slip = false;
        }
    }
}

void cw_gen_plan(struct cw_gen_story *story, uint64_t seed, uint32_t index)
{
    story->seed = seed;
    story->index = index;
    story->rule = -1;
    story->planted = false;
    story->expected = false;
    story->note = "";
    story->members = 0;
    story->person_count = 0;
    story->happening_count = 0;
    story->emission_count = 0;
    cw_gen_seed(&story->rng, seed, index);

    int64_t start = FIRST_START + below(story, STARTS);
    unsigned place = index % CW_GEN_STORIES_A_ROUND;
    unsigned variant = index / CW_GEN_STORIES_A_ROUND;
    if (place >= 2 * CW_GEN_RULES) {
        everyday_life(story, start);
    } else {
        story->rule = (int8_t)(place / 2);
        story->planted = place % 2 == 0;
        story->expected = story->planted;
        if (story->planted)
            plant(story, variant, start);
        else
            resemble(story, variant, start);
    }
    no_slips_at_borders(story);
    send_all(story);
}

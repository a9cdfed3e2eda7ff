#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <jansson.h>
#include <string.h>

#include "events.h"
#include "ingest/identifier.h"
#include "ingest/importers/generate.h"
#include "ingest/importers/generate_story.h"
#include "ingest/normalise.h"
#include "operators/runtime/time.h"
#include "tests/support/truth.h"

enum { EVENTS = 6000, STORIES = 4096 };

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

/* A scenario in a directory of its own. */
struct scenario {
    char directory[64];
    struct cw_generate_counts counts;
};

static struct scenario generated(uint64_t events, uint64_t seed)
{
    struct scenario scenario = { .directory = "/tmp/cw-generate-XXXXXX" };
    char error[CW_GENERATE_ERROR] = "";
    assert_non_null(mkdtemp(scenario.directory));
    if (!cw_generate(events, seed, scenario.directory, &scenario.counts, error))
        fail_msg("%s", error);
    return scenario;
}

static void scenario_done(const struct scenario *scenario)
{
    assert_int_equal(nftw(scenario->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct cw_buf contents(const struct scenario *scenario, const char *name)
{
    char path[256];
    struct cw_buf buf = { 0 };
    snprintf(path, sizeof(path), "%s/%s", scenario->directory, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t got;
    do {
        got = fread(cw_buf_reserve(&buf, 65536), 1, 65536, file);
        buf.len += got;
    } while (got > 0);
    fclose(file);
    return buf;
}

static bool same_file(const struct scenario *a, const struct scenario *b, const char *name)
{
    struct cw_buf x = contents(a, name);
    struct cw_buf y = contents(b, name);
    bool same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    cw_buf_done(&x);
    cw_buf_done(&y);
    return same;
}

static void one_seed_gives_the_same_bytes_and_another_does_not(void **state)
{
    (void)state;
    struct scenario a = generated(1500, 7);
    struct scenario b = generated(1500, 7);
    struct scenario c = generated(1500, 8);
    for (int i = 0; i < CW_GEN_AGENCIES; i++) {
        char name[64];
        snprintf(name, sizeof(name), "events/%s.avro", cw_gen_agencies[i].code);
        assert_true(same_file(&a, &b, name));
        assert_false(same_file(&a, &c, name));
        snprintf(name, sizeof(name), "contracts/%s.yaml", cw_gen_agencies[i].code);
        assert_true(same_file(&a, &b, name));
    }
    assert_true(same_file(&a, &b, "truth/truth.alerts"));
    assert_true(same_file(&a, &b, "truth/truth.entities"));
    assert_false(same_file(&a, &c, "truth/truth.alerts"));
    scenario_done(&a);
    scenario_done(&b);
    scenario_done(&c);
}

/* Runs every event through the contract and the normaliser: what must be refused is, and nothing
 * else; no identifier of a sound one has a fault. */
struct survey {
    uint64_t events;
    uint64_t refused;
    uint64_t identifiers;
    uint64_t beyond_lateness;
};

static void survey_event(struct survey *survey, struct cw_normaliser *normaliser,
                         const struct cw_contract *contract, const struct cw_event *event)
{
    struct cw_buf body = { 0 };
    struct cw_normal normal;
    struct cw_reason reason = { 0 };
    cw_event_write(event, &body);
    survey->events++;
    if (!cw_normalise(normaliser, contract, (cw_str){ (char *)body.data, body.len }, 0, &normal,
                      &reason)) {
        survey->refused++;
        cw_buf_done(&body);
        return;
    }
    struct cw_arena *arena = cw_arena_new();
    struct cw_event out;
    assert_true(cw_event_read(&out, normal.body.ptr, normal.body.len, arena));
    for (size_t i = 0; i < cw_event_part_count(&out); i++) {
        const struct cw_part *part = cw_event_part(&out, i);
        for (size_t j = 0; j < part->id_count; j++) {
            const struct cw_identifier *id = &part->ids[j];
            survey->identifiers++;
            if (id->fault.ptr != NULL)
                fail_msg("%.*s %.*s of %.*s: %.*s", CW_STR_ARG(id->kind), CW_STR_ARG(id->value),
                         CW_STR_ARG(id->issuer), CW_STR_ARG(id->fault));
        }
    }
    cw_arena_free(arena);
    cw_buf_done(&body);
}

static void survey_agency(struct survey *survey, const struct scenario *scenario, const char *code)
{
    char path[256];
    struct cw_secret secret;
    struct cw_diag diag = { 0 };
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    snprintf(path, sizeof(path), "%s/contracts/%s.yaml", scenario->directory, code);
    struct cw_contract *contract = cw_contract_load(path, &diag);
    assert_non_null(contract);
    snprintf(path, sizeof(path), "%s/events/%s.avro", scenario->directory, code);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct events events = events_read(file);
    struct cw_normaliser *normaliser = cw_normaliser_new(&secret);
    int64_t greatest[CW_TYPES_MAX + 1];
    for (size_t i = 0; i <= CW_TYPES_MAX; i++)
        greatest[i] = CW_TIME_MIN;
    for (size_t i = 0; i < events.count; i++) {
        const struct cw_event *event = &events.items[i];
        survey_event(survey, normaliser, contract, event);
        int64_t lo;
        int64_t span;
        if (event->type == NULL || event->type->standing || !cw_event_span(event, &lo, &span))
            continue;
        uint16_t type = event->type->number;
        bool content = !cw_str_is(event->op, "withdraw");
        if (greatest[type] != CW_TIME_MIN && content &&
            lo < greatest[type] - contract->lateness[type])
            survey->beyond_lateness++;
        if (lo > greatest[type])
            greatest[type] = lo;
    }
    cw_normaliser_free(normaliser);
    cw_contract_free(contract);
    cw_diag_done(&diag);
    events_done(&events);
    fclose(file);
}

static void only_the_malformed_are_refused_and_every_identifier_is_valid(void **state)
{
    (void)state;
    struct scenario scenario = generated(EVENTS, 3);
    struct survey survey = { 0 };
    for (int i = 0; i < CW_GEN_AGENCIES; i++)
        survey_agency(&survey, &scenario, cw_gen_agencies[i].code);
    assert_int_equal(survey.events, scenario.counts.events);
    assert_true(survey.events >= EVENTS && survey.events < EVENTS + CW_GEN_EMISSIONS);
    assert_int_equal(survey.refused, scenario.counts.malformed);
    assert_true(survey.refused > 0);
    assert_true(survey.identifiers > EVENTS);
    assert_int_equal(survey.beyond_lateness, 0);
    scenario_done(&scenario);
}

static void the_noise_is_there_in_its_shares(void **state)
{
    (void)state;
    struct scenario scenario = generated(20000, 11);
    const struct cw_generate_counts *counts = &scenario.counts;
    assert_in_range(counts->repeats, 20000 * 2 / 100, 20000 * 4 / 100);
    assert_in_range(counts->amendments, 20000 / 100, 20000 * 3 / 100);
    assert_in_range(counts->withdrawals, 20000 / 100, 20000 * 3 / 100);
    assert_in_range(counts->late, 20000 * 4 / 100, 20000 * 8 / 100);
    assert_in_range(counts->malformed, 20000 / 1000, 20000 * 4 / 1000);
    for (int rule = 0; rule < CW_GEN_RULES; rule++) {
        assert_true(counts->planted[rule] >= 20);
        assert_true(counts->lookalikes[rule] >= 20);
    }
    scenario_done(&scenario);
}

/* A version of a happening that the story ends with; NULL where it was withdrawn. */
static const struct cw_gen_emission *final_version(const struct cw_gen_story *story,
                                                   unsigned happening)
{
    const struct cw_gen_emission *greatest = NULL;
    for (unsigned i = 0; i < story->emission_count; i++) {
        const struct cw_gen_emission *emission = &story->emissions[i];
        if (emission->happening == happening &&
            (greatest == NULL || emission->version > greatest->version))
            greatest = emission;
    }
    return greatest != NULL && greatest->op != CW_GEN_WITHDRAW ? greatest : NULL;
}

/* Persons by the one document that each mention shows, joined by events that show two: what link
 * will make of a story, computed the slow way. */
static uint32_t root_of(const uint32_t *parents, uint32_t node)
{
    while (parents[node] != node)
        node = parents[node];
    return node;
}

static void join(uint32_t *parents, uint32_t a, uint32_t b)
{
    parents[root_of(parents, a)] = root_of(parents, b);
}

enum { NODES = CW_GEN_PERSONS * 4 };

/* passport of person k: 4k, of another issuer 4k + 1, national id 4k + 2, licence 4k + 3 */
static size_t shown_nodes(const struct cw_gen_story *story, const struct cw_gen_mention *m,
                          uint32_t nodes[3])
{
    uint32_t base = story->index * CW_GEN_PERSONS;
    size_t count = 0;
    if ((m->show & CW_GEN_SHOW_PASSPORT) != 0)
        nodes[count++] = (m->document - base) * 4 + ((m->show & CW_GEN_SHOW_OTHER_ISSUER) != 0);
    if ((m->show & CW_GEN_SHOW_NATIONAL) != 0)
        nodes[count++] = (m->national - base) * 4 + 2;
    if ((m->show & CW_GEN_SHOW_LICENCE) != 0)
        nodes[count++] = (m->person - base) * 4 + 3;
    return count;
}

static void join_documents(const struct cw_gen_story *story, uint32_t parents[NODES])
{
    for (uint32_t i = 0; i < NODES; i++)
        parents[i] = i;
    for (unsigned i = 0; i < story->happening_count; i++) {
        if (final_version(story, i) == NULL)
            continue;
        for (unsigned m = 0; m < story->happenings[i].mention_count; m++) {
            uint32_t nodes[3];
            size_t count = shown_nodes(story, &story->happenings[i].mentions[m], nodes);
            for (size_t n = 1; n < count; n++)
                join(parents, nodes[0], nodes[n]);
        }
    }
}

/* Whom a mention is, after joining: a document, or (beyond them) name and birth date alone. */
static uint32_t entity_of(const struct cw_gen_story *story, const uint32_t *parents,
                          const struct cw_gen_mention *m)
{
    uint32_t nodes[3];
    if (shown_nodes(story, m, nodes) > 0)
        return root_of(parents, nodes[0]);
    return NODES + m->person % CW_GEN_PERSONS;
}

/* The most different persons that advertisements of the story show within 30 days. */
static unsigned most_persons(const struct cw_gen_story *story, const uint32_t *parents)
{
    unsigned most = 0;
    for (unsigned anchor = 0; anchor < story->happening_count; anchor++) {
        bool seen[NODES + CW_GEN_PERSONS] = { false };
        unsigned persons = 0;
        int64_t end = story->happenings[anchor].time;
        for (unsigned i = 0; i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            if (h->type != CW_GEN_AD || final_version(story, i) == NULL || h->time > end ||
                h->time <= end - 30 * CW_GEN_DAY)
                continue;
            for (unsigned m = 0; m < h->mention_count; m++) {
                uint32_t entity = entity_of(story, parents, &h->mentions[m]);
                persons += !seen[entity];
                seen[entity] = true;
            }
        }
        most = persons > most ? persons : most;
    }
    return most;
}

static bool sighting_hits(const struct cw_gen_story *story, const uint32_t *parents,
                          const struct cw_gen_happening *notice, bool cancelled,
                          const struct cw_gen_happening *h)
{
    int64_t end = notice->valid_to == CW_GEN_NEVER ? INT64_MAX : notice->valid_to;
    if (cancelled && notice->cancelled_at < end)
        end = notice->cancelled_at;
    if (h->time < notice->valid_from || h->time >= end || h->time <= notice->time - 30 * CW_GEN_DAY)
        return false;
    for (unsigned m = 0; m < h->mention_count; m++) {
        if (entity_of(story, parents, &h->mentions[m]) ==
            entity_of(story, parents, &notice->mentions[0]))
            return true;
    }
    return false;
}

/* Whether a notice of rule 1 or 2 meets one of its sightings. */
static bool notice_hits(const struct cw_gen_story *story, const uint32_t *parents, int rule)
{
    for (unsigned n = 0; n < story->happening_count; n++) {
        const struct cw_gen_happening *notice = &story->happenings[n];
        const struct cw_gen_emission *version = final_version(story, n);
        bool colour = rule == 1
                          ? notice->colour == CW_GEN_RED
                          : notice->colour == CW_GEN_SANCTIONS || notice->colour == CW_GEN_WATCH;
        if (notice->type != CW_GEN_NOTICE || version == NULL || !colour ||
            notice->flaw != CW_GEN_SOUND)
            continue;
        for (unsigned i = 0; i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            if (h->type == (rule == 1 ? CW_GEN_CROSSING : CW_GEN_ACCOUNT) &&
                final_version(story, i) != NULL &&
                sighting_hits(story, parents, notice, version->op == CW_GEN_CANCEL, h))
                return true;
        }
    }
    return false;
}

/* --- the rules on values, computed the slow way: any one window is tried from each event --- */

static bool counts(const struct cw_gen_story *story, unsigned i, enum cw_gen_type type, int64_t end,
                   int64_t span)
{
    const struct cw_gen_happening *h = &story->happenings[i];
    return h->type == type && h->flaw == CW_GEN_SOUND && h->time <= end && h->time > end - span &&
           final_version(story, i) != NULL;
}

static bool passport_shown(const struct cw_gen_happening *h, char out[2 * CW_GEN_TEXT],
                           uint64_t seed)
{
    const struct cw_gen_mention *m = &h->mentions[0];
    struct cw_gen_person bearer;
    char text[CW_GEN_TEXT];
    if (h->mention_count == 0 || (m->show & CW_GEN_SHOW_PASSPORT) == 0)
        return false;
    cw_gen_person(&bearer, seed, m->document);
    cw_gen_passport(&bearer, text);
    bool other = (m->show & CW_GEN_SHOW_OTHER_ISSUER) != 0;
    snprintf(out, 2 * CW_GEN_TEXT, "%s:%s", other ? cw_gen_other_country(&bearer) : bearer.country,
             text);
    return true;
}

static bool birth_shown(const struct cw_gen_happening *h, char out[CW_GEN_TEXT], uint64_t seed)
{
    struct cw_gen_person person;
    if ((h->mentions[0].show & CW_GEN_SHOW_BIRTH) == 0)
        return false;
    cw_gen_person(&person, seed, h->mentions[0].person);
    cw_gen_birth(&person, h->mentions[0].slip, out);
    return true;
}

static bool several_birth_dates(const struct cw_gen_story *story)
{
    for (unsigned a = 0; a < story->happening_count; a++) {
        const struct cw_gen_happening *end = &story->happenings[a];
        char passport[2 * CW_GEN_TEXT];
        char birth[CW_GEN_TEXT];
        if (!counts(story, a, CW_GEN_CROSSING, end->time, 1) ||
            !passport_shown(end, passport, story->seed) || !birth_shown(end, birth, story->seed))
            continue;
        for (unsigned i = 0; i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            char its_passport[2 * CW_GEN_TEXT];
            char its_birth[CW_GEN_TEXT];
            if (counts(story, i, CW_GEN_CROSSING, end->time, 365LL * CW_GEN_DAY) &&
                passport_shown(h, its_passport, story->seed) &&
                birth_shown(h, its_birth, story->seed) && strcmp(passport, its_passport) == 0 &&
                strcmp(birth, its_birth) != 0)
                return true;
        }
    }
    return false;
}

/* By the rates that are shipped. */
static int64_t cents_of(const struct cw_gen_happening *h)
{
    int64_t cents;
    assert_true(cw_money_eur(cw_rates_shipped(), h->amount,
                             cw_cstr(cw_gen_currencies[h->currency].code),
                             (CW_GEN_BASE + h->time) / CW_GEN_DAY, &cents));
    return cents;
}

static bool structured(const struct cw_gen_story *story)
{
    for (unsigned a = 0; a < story->happening_count; a++) {
        const struct cw_gen_happening *end = &story->happenings[a];
        unsigned count[2] = { 0 };
        int64_t sum[2] = { 0 };
        for (unsigned i = 0; end->type == CW_GEN_PAYMENT && i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            if (!counts(story, i, CW_GEN_PAYMENT, end->time, 7LL * CW_GEN_DAY) ||
                cents_of(h) < 700000 || cents_of(h) >= 1000000)
                continue;
            bool same[2] = { h->account == end->account, h->payee == end->payee };
            for (int side = 0; side < 2; side++) {
                count[side] += same[side];
                sum[side] += same[side] ? cents_of(h) : 0;
            }
        }
        for (int side = 0; side < 2; side++) {
            if (count[side] >= 4 && sum[side] > 3000000)
                return true;
        }
    }
    return false;
}

static bool fanned_in(const struct cw_gen_story *story)
{
    for (unsigned a = 0; a < story->happening_count; a++) {
        const struct cw_gen_happening *end = &story->happenings[a];
        uint64_t payers = 0;
        uint64_t payer_countries = 0;
        for (unsigned i = 0; end->type == CW_GEN_PAYMENT && i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            if (!counts(story, i, CW_GEN_PAYMENT, end->time, 72LL * 3600) ||
                h->payee != end->payee || h->channel == CW_GEN_CARD || cents_of(h) < 50000 ||
                cents_of(h) > 1000000)
                continue;
            payers |= UINT64_C(1) << h->account % CW_GEN_HAPPENINGS;
            payer_countries |= UINT64_C(1) << h->payer_country;
        }
        if (__builtin_popcountll(payers) >= 5 && __builtin_popcountll(payer_countries) >= 3)
            return true;
    }
    return false;
}

/* A story has one device and one phone. */
static bool opens_many(const struct cw_gen_story *story, bool by_phone)
{
    for (unsigned a = 0; a < story->happening_count; a++) {
        uint64_t accounts = 0;
        for (unsigned i = 0; i < story->happening_count; i++) {
            const struct cw_gen_happening *h = &story->happenings[i];
            bool shown = !by_phone && h->with_device;
            for (unsigned m = 0; by_phone && m < h->mention_count; m++)
                shown = shown || (h->mentions[m].show & CW_GEN_SHOW_PHONE) != 0;
            if (shown &&
                counts(story, i, CW_GEN_ACCOUNT, story->happenings[a].time, 30LL * CW_GEN_DAY))
                accounts |= UINT64_C(1) << h->account % CW_GEN_HAPPENINGS;
        }
        if (__builtin_popcountll(accounts) >= 3)
            return true;
    }
    return false;
}

static void what_is_planted_holds_and_nothing_else_does(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < STORIES; index++) {
        struct cw_gen_story story;
        uint32_t parents[NODES];
        cw_gen_plan(&story, 5, index);
        join_documents(&story, parents);
        bool holds[CW_GEN_RULES] = { most_persons(&story, parents) >= 3,
                                     notice_hits(&story, parents, 1),
                                     notice_hits(&story, parents, 2),
                                     several_birth_dates(&story),
                                     structured(&story),
                                     fanned_in(&story),
                                     opens_many(&story, false) || opens_many(&story, true) };
        for (int rule = 0; rule < CW_GEN_RULES; rule++) {
            bool expected = story.rule == rule && story.planted;
            if (holds[rule] != expected)
                fail_msg("story %u (%s): rule %d %s", index, story.note, rule,
                         expected ? "does not hold" : "holds");
        }
    }
}

static void one_look_alike_in_five_fails_only_by_a_merge(void **state)
{
    (void)state;
    unsigned planted = 0;
    unsigned by_merge = 0;
    unsigned lookalikes = 0;
    unsigned but_for_merge = 0;
    for (uint32_t index = 0; index < CW_GEN_STORIES_A_ROUND * 20; index++) {
        struct cw_gen_story story;
        uint32_t alone[NODES];
        if (index % CW_GEN_STORIES_A_ROUND >= 6)
            continue;
        cw_gen_plan(&story, 9, index);
        for (uint32_t i = 0; i < NODES; i++) /* as if no event showed two documents */
            alone[i] = i;
        if (story.rule == 0 && !story.planted) {
            lookalikes++;
            but_for_merge += most_persons(&story, alone) >= 3;
        } else if (story.rule > 0 && story.planted) {
            planted++;
            by_merge += strstr(story.note, "third record") != NULL;
        }
    }
    assert_int_equal(lookalikes, 20);
    assert_int_equal(but_for_merge, 4);
    assert_int_equal(planted, 40);
    assert_int_equal(by_merge, 8);
}

static void no_two_persons_get_the_same_document(void **state)
{
    (void)state;
    enum { PERSONS = 20000 };
    struct document {
        char text[CW_GEN_TEXT];
    };
    struct document *documents = cw_alloc(3 * PERSONS * sizeof(*documents));
    size_t count = 0;
    for (uint32_t id = 0; id < PERSONS; id++) {
        struct cw_gen_person person;
        cw_gen_person(&person, 1, id * 977);
        char text[CW_GEN_TEXT];
        cw_gen_passport(&person, text);
        snprintf(documents[count++].text, CW_GEN_TEXT, "P%.90s", text);
        cw_gen_licence(&person, text);
        snprintf(documents[count++].text, CW_GEN_TEXT, "L%.90s", text);
        if (cw_gen_national_id(&person, text))
            snprintf(documents[count++].text, CW_GEN_TEXT, "%s%.90s", person.country, text);
    }
    qsort(documents, count, sizeof(*documents), (int (*)(const void *, const void *))strcmp);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(documents[i - 1].text, documents[i].text);
    free(documents);
}

/* Writes an alert for each pattern of the truth that `take` wants, as the export would. */
static void write_alerts(const struct scenario *scenario, const char *path,
                         bool (*take)(const json_t *pattern, size_t index))
{
    char truth[256];
    snprintf(truth, sizeof(truth), "%s/truth/truth.alerts", scenario->directory);
    FILE *in = fopen(truth, "rb");
    FILE *out = fopen(path, "wb");
    assert_non_null(in);
    assert_non_null(out);
    char *line = NULL;
    size_t size = 0;
    for (size_t i = 0; getline(&line, &size, in) > 0; i++) {
        json_t *pattern = json_loads(line, 0, NULL);
        assert_non_null(pattern);
        if (take(pattern, i)) {
            json_t *alert =
                json_pack("{s:s, s:O, s:O}", "id", "a", "rule", json_object_get(pattern, "rule"),
                          "evidence", json_object_get(pattern, "members"));
            char *text = json_dumps(alert, JSON_COMPACT);
            fprintf(out, "%s\n", text);
            free(text);
            json_decref(alert);
        }
        json_decref(pattern);
    }
    free(line);
    fclose(in);
    fclose(out);
}

static bool all_planted(const json_t *pattern, size_t index)
{
    (void)index;
    return json_is_true(json_object_get(pattern, "expected"));
}

static bool everything(const json_t *pattern, size_t index)
{
    (void)pattern;
    (void)index;
    return true;
}

static bool all_but_the_first(const json_t *pattern, size_t index)
{
    return index != 0 && all_planted(pattern, index);
}

static struct cw_truth_score scored(const struct scenario *scenario, const char *alerts,
                                    const char *rule)
{
    struct cw_truth_score score;
    struct cw_truth *truth = cw_truth_load(scenario->directory);
    assert_non_null(truth);
    const char *const rules[] = { "another", rule, NULL };
    assert_true(cw_truth_score(truth, rule, rules, alerts, NULL, &score));
    cw_truth_free(truth);
    return score;
}

static void the_scorer_counts_misses_and_wrong_alerts(void **state)
{
    (void)state;
    struct scenario scenario = generated(3000, 2);
    char alerts[128];
    snprintf(alerts, sizeof(alerts), "%s/alerts.jsonl", scenario.directory);
    const char *rule = cw_generate_rule(0);

    write_alerts(&scenario, alerts, all_planted);
    struct cw_truth_score score = scored(&scenario, alerts, rule);
    assert_int_equal(score.planted, scenario.counts.planted[0]);
    assert_int_equal(score.lookalikes, scenario.counts.lookalikes[0]);
    assert_int_equal(score.found, score.planted);
    assert_int_equal(score.wrong + score.unplanned, 0);
    assert_true(score.recall >= 1.0 && score.precision >= 1.0);

    write_alerts(&scenario, alerts, everything);
    score = scored(&scenario, alerts, rule);
    assert_int_equal(score.wrong, score.lookalikes);
    assert_true(score.precision < 1.0);

    write_alerts(&scenario, alerts, all_but_the_first); /* which is of rule 0 */
    score = scored(&scenario, alerts, rule);
    assert_int_equal(score.found, score.planted - 1);
    assert_true(score.recall < 1.0);
    scenario_done(&scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_the_same_bytes_and_another_does_not),
        cmocka_unit_test(only_the_malformed_are_refused_and_every_identifier_is_valid),
        cmocka_unit_test(the_noise_is_there_in_its_shares),
        cmocka_unit_test(what_is_planted_holds_and_nothing_else_does),
        cmocka_unit_test(one_look_alike_in_five_fails_only_by_a_merge),
        cmocka_unit_test(no_two_persons_get_the_same_document),
        cmocka_unit_test(the_scorer_counts_misses_and_wrong_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

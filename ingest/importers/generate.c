/*
 * generate.c - plans all stories, sorts what they send, and writes it agency by agency, with the
 * contracts and the truth.
 */
#include "ingest/importers/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/importers/generate_files.h"
#include "operators/runtime/check.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"

static const char *const rules[CW_GENERATE_RULES] = {
    "one_phone_several_persons",    "wanted_person_at_border", "listed_person_opens_account",
    "document_several_birth_dates", "structuring_under_limit", "fan_in_several_countries",
    "device_behind_many_accounts",
};

/* One record of a file: all that is held of it. */
struct sending {
    uint32_t when;
    uint32_t story;
    uint8_t emission;
};

struct generator {
    uint64_t seed;
    struct cw_gen_files files;
    uint32_t stories;
    struct sending *sendings;
    size_t count;
    size_t cap;
    struct cw_gen_story story;
    struct cw_arena *arena;
    struct cw_generate_counts *counts;
};

const char *cw_generate_rule(unsigned rule)
{
    return rule < CW_GENERATE_RULES ? rules[rule] : NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

static void count_story(struct generator *gen)
{
    const struct cw_gen_story *story = &gen->story;
    struct cw_generate_counts *counts = gen->counts;
    counts->stories++;
    if (story->rule >= 0 && story->planted)
        counts->planted[story->rule]++;
    else if (story->rule >= 0)
        counts->lookalikes[story->rule]++;
    for (unsigned i = 0; i < story->emission_count; i++) {
        const struct cw_gen_emission *emission = &story->emissions[i];
        const struct cw_gen_happening *h = &story->happenings[emission->happening];
        counts->events++;
        counts->malformed += h->flaw != CW_GEN_SOUND;
        counts->repeats += emission->repeat;
        counts->amendments += emission->op == CW_GEN_AMEND || emission->op == CW_GEN_CANCEL;
        counts->withdrawals += emission->op == CW_GEN_WITHDRAW;
        counts->late += emission->op == CW_GEN_CREATE && !emission->repeat &&
                        emission->when > h->time + h->recorded_after + 3600;
    }
}

static void plan_all(struct generator *gen, uint64_t events)
{
    while (gen->count < events) {
        uint32_t index = gen->stories++;
        cw_gen_plan(&gen->story, gen->seed, index);
        count_story(gen);
        if (gen->count + CW_GEN_EMISSIONS > gen->cap) {
            gen->cap = gen->cap * 2 + (1 << 16);
            gen->sendings = cw_realloc(gen->sendings, gen->cap * sizeof(gen->sendings[0]));
        }
        for (unsigned i = 0; i < gen->story.emission_count; i++) {
            gen->sendings[gen->count++] = (struct sending){ .when = gen->story.emissions[i].when,
                                                            .story = index,
                                                            .emission = (uint8_t)i };
        }
    }
}

static int by_when(const void *a, const void *b)
{
    const struct sending *x = a;
    const struct sending *y = b;
    if (x->when != y->when)
        return x->when < y->when ? -1 : 1;
    if (x->story != y->story)
        return x->story < y->story ? -1 : 1;
    return x->emission - y->emission;
}

/* --- events ----------------------------------------------------------------------------------- */

static void write_events(struct generator *gen)
{
    struct cw_buf body = { 0 };
    for (size_t i = 0; i < gen->count; i++) {
        const struct sending *sending = &gen->sendings[i];
        cw_gen_plan(&gen->story, gen->seed, sending->story);
        const struct cw_gen_emission *emission = &gen->story.emissions[sending->emission];
        struct cw_event event;
        cw_gen_event(&gen->story, emission, gen->arena, &event);
        body.len = 0;
        cw_event_write(&event, &body);
        unsigned agency = gen->story.happenings[emission->happening].agency;
        cw_container_put(gen->files.writers[agency], body.data, body.len);
        cw_arena_reset(gen->arena);
    }
    cw_buf_done(&body);
}

/* --- truth ------------------------------------------------------------------------------------ */

static void write_name(struct generator *gen, struct cw_json *json, unsigned happening)
{
    const struct cw_gen_story *story = &gen->story;
    const char *owner = cw_gen_agencies[story->happenings[happening].agency].code;
    cw_json_kcstr(json, "owner", owner);
    cw_json_kstr(json, "event_id", cw_gen_event_id(story, happening, gen->arena));
}

static void write_happenings(struct generator *gen, struct cw_json *json, const char *key,
                             bool members)
{
    cw_json_key(json, key);
    cw_json_open(json, '[');
    for (unsigned i = 0; i < gen->story.happening_count; i++) {
        if (((gen->story.members >> i & 1) != 0) != members)
            continue;
        cw_json_open(json, '{');
        write_name(gen, json, i);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

static void write_pattern(struct generator *gen, FILE *file, struct cw_buf *line)
{
    const struct cw_gen_story *story = &gen->story;
    char name[32];
    snprintf(name, sizeof(name), "S%u", story->index);
    struct cw_json json = cw_json(line);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "rule", rules[story->rule]);
    cw_json_kcstr(&json, "kind", story->planted ? "planted" : "lookalike");
    cw_json_kbool(&json, "expected", story->expected);
    cw_json_kcstr(&json, "pattern", name);
    cw_json_kcstr(&json, "note", story->note);
    write_happenings(gen, &json, "members", true);
    write_happenings(gen, &json, "others", false);
    cw_json_close(&json, '}');
    cw_buf_u8(line, '\n');
    fwrite(line->data, 1, line->len, file);
}

/* Whether the greatest version of the event is content. */
static bool holds(const struct cw_gen_story *story, unsigned happening)
{
    unsigned greatest = 0;
    bool content = false;
    for (unsigned i = 0; i < story->emission_count; i++) {
        const struct cw_gen_emission *emission = &story->emissions[i];
        if (emission->happening == happening && emission->version > greatest) {
            greatest = emission->version;
            content = emission->op != CW_GEN_WITHDRAW;
        }
    }
    return content && story->happenings[happening].flaw == CW_GEN_SOUND;
}

/* Of one person: every event in force that mentions it, and as which part. */
static void write_entity(struct generator *gen, FILE *file, struct cw_buf *line, unsigned nth)
{
    const struct cw_gen_story *story = &gen->story;
    uint32_t id = story->index * CW_GEN_PERSONS + nth;
    char name[32];
    snprintf(name, sizeof(name), "P%u", id);
    line->len = 0;
    struct cw_json json = cw_json(line);
    cw_json_open(&json, '{');
    cw_json_kcstr(&json, "entity", name);
    cw_json_kcstr(&json, "kind", "person");
    cw_json_key(&json, "mentions");
    cw_json_open(&json, '[');
    size_t mentions = 0;
    for (unsigned i = 0; i < story->happening_count; i++) {
        const struct cw_gen_happening *h = &story->happenings[i];
        for (unsigned m = 0; m < h->mention_count; m++) {
            if (h->mentions[m].person != id || !holds(story, i))
                continue;
            cw_json_open(&json, '{');
            write_name(gen, &json, i);
            cw_json_kint(&json, "part", cw_gen_part(h, m));
            cw_json_close(&json, '}');
            mentions++;
        }
    }
    cw_json_close(&json, ']');
    cw_json_close(&json, '}');
    cw_buf_u8(line, '\n');
    if (mentions > 0)
        fwrite(line->data, 1, line->len, file);
}

static bool write_truth(struct generator *gen)
{
    FILE *alerts = cw_gen_truth_open(&gen->files, "truth.alerts");
    FILE *entities = alerts == NULL ? NULL : cw_gen_truth_open(&gen->files, "truth.entities");
    struct cw_buf line = { 0 };
    for (uint32_t i = 0; entities != NULL && i < gen->stories; i++) {
        cw_gen_plan(&gen->story, gen->seed, i);
        line.len = 0;
        if (gen->story.rule >= 0)
            write_pattern(gen, alerts, &line);
        for (unsigned nth = 0; nth < gen->story.person_count; nth++)
            write_entity(gen, entities, &line, nth);
        cw_arena_reset(gen->arena);
    }
    cw_buf_done(&line);
    bool ok = entities != NULL;
    if (alerts != NULL && !cw_gen_truth_close(&gen->files, alerts, "truth.alerts"))
        ok = false;
    if (entities != NULL && !cw_gen_truth_close(&gen->files, entities, "truth.entities"))
        ok = false;
    return ok;
}

bool cw_generate(uint64_t events, uint64_t seed, const char *out, struct cw_generate_counts *counts,
                 char error[CW_GENERATE_ERROR])
{
    CW_CHECK(events > 0 && events <= CW_GENERATE_EVENTS_MAX);
    *counts = (struct cw_generate_counts){ 0 };
    struct generator *gen = cw_new(struct generator);
    gen->seed = seed;
    gen->counts = counts;
    gen->arena = cw_arena_new();

    bool ok = cw_gen_files_open(&gen->files, out, seed, error);
    if (ok) {
        plan_all(gen, events);
        qsort(gen->sendings, gen->count, sizeof(gen->sendings[0]), by_when);
        write_events(gen);
        ok = write_truth(gen);
    }
    ok = cw_gen_files_close(&gen->files, ok);
    cw_arena_free(gen->arena);
    free(gen->sendings);
    free(gen);
    return ok;
}

/*
 * generate.c - plans all stories, sorts what they send, and writes it agency by agency, with the
 * contracts and the truth.
 */
#include "ingest/importers/generate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ingest/importers/generate_story.h"
#include "ingest/wire/container.h"
#include "operators/runtime/check.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

static const char *const rules[CW_GEN_RULES] = { "one_phone_several_persons",
                                                 "wanted_person_at_border",
                                                 "listed_person_opens_account" };

/* One record of a file: all that is held of it. */
struct sending {
    uint32_t when;
    uint32_t story;
    uint8_t emission;
};

struct generator {
    uint64_t seed;
    const char *out;
    uint32_t stories;
    struct sending *sendings;
    size_t count;
    size_t cap;
    struct cw_gen_story story;
    struct cw_arena *arena;
    struct cw_generate_counts *counts;
    char *error;
};

const char *cw_generate_rule(unsigned rule)
{
    return rule < CW_GEN_RULES ? rules[rule] : NULL;
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

/* --- files ------------------------------------------------------------------------------------ */

static bool failed(struct generator *gen, const char *path)
{
    snprintf(gen->error, CW_GENERATE_ERROR, "%s cannot be written: %s", path, strerror(errno));
    return false;
}

static bool make_directory(struct generator *gen, const char *name)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s%s%s", gen->out, name[0] != '\0' ? "/" : "", name);
    cw_buf_u8(&path, 0);
    bool ok = mkdir((char *)path.data, 0777) == 0 || errno == EEXIST;
    if (!ok)
        failed(gen, (char *)path.data);
    cw_buf_done(&path);
    return ok;
}

/* NULL: the error is set. */
static FILE *open_file(struct generator *gen, const char *directory, const char *name,
                       const char *suffix)
{
    struct cw_buf path = { 0 };
    cw_buf_printf(&path, "%s/%s/%s%s", gen->out, directory, name, suffix);
    cw_buf_u8(&path, 0);
    FILE *file = fopen((char *)path.data, "wb");
    if (file == NULL)
        failed(gen, (char *)path.data);
    cw_buf_done(&path);
    return file;
}

/* Closes; false: something of what was written is not there. */
static bool close_file(struct generator *gen, FILE *file, const char *name)
{
    bool ok = ferror(file) == 0;
    if (fclose(file) != 0 || !ok)
        return failed(gen, name);
    return true;
}

static bool write_contract(struct generator *gen, const struct cw_gen_agency *agency)
{
    FILE *file = open_file(gen, "contracts", agency->code, ".yaml");
    if (file == NULL)
        return false;
    fprintf(file,
            "# What %s promises of its stream.\n"
            "owners: [%s]\n"
            "lateness: {default: %dd}\n"
            "skew: 10m\n",
            agency->code, agency->code, CW_GEN_LATENESS_DAYS);
    return close_file(gen, file, agency->code);
}

static bool write_events(struct generator *gen)
{
    FILE *files[CW_GEN_AGENCIES] = { 0 };
    struct cw_container_writer *writers[CW_GEN_AGENCIES] = { 0 };
    struct cw_buf body = { 0 };
    bool ok = true;
    for (unsigned i = 0; ok && i < CW_GEN_AGENCIES; i++) {
        files[i] = open_file(gen, "events", cw_gen_agencies[i].code, ".avro");
        ok = files[i] != NULL;
        if (ok)
            writers[i] = cw_container_create(files[i], cw_event_schema_json(),
                                             cw_gen_agencies[i].codec, gen->seed + i);
    }
    for (size_t i = 0; ok && i < gen->count; i++) {
        const struct sending *sending = &gen->sendings[i];
        cw_gen_plan(&gen->story, gen->seed, sending->story);
        const struct cw_gen_emission *emission = &gen->story.emissions[sending->emission];
        struct cw_event event;
        cw_gen_event(&gen->story, emission, gen->arena, &event);
        body.len = 0;
        cw_event_write(&event, &body);
        unsigned agency = gen->story.happenings[emission->happening].agency;
        cw_container_put(writers[agency], body.data, body.len);
        cw_arena_reset(gen->arena);
    }
    for (unsigned i = 0; i < CW_GEN_AGENCIES; i++) {
        if (writers[i] != NULL && !cw_container_finish(writers[i]) && ok)
            ok = failed(gen, cw_gen_agencies[i].code);
        if (files[i] != NULL && !close_file(gen, files[i], cw_gen_agencies[i].code))
            ok = false;
    }
    cw_buf_done(&body);
    return ok;
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
    FILE *alerts = open_file(gen, "truth", "truth", ".alerts");
    FILE *entities = alerts == NULL ? NULL : open_file(gen, "truth", "truth", ".entities");
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
    if (alerts != NULL && !close_file(gen, alerts, "truth.alerts"))
        ok = false;
    if (entities != NULL && !close_file(gen, entities, "truth.entities"))
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
    gen->out = out;
    gen->counts = counts;
    gen->error = error;
    gen->arena = cw_arena_new();

    bool ok = make_directory(gen, "") && make_directory(gen, "events") &&
              make_directory(gen, "contracts") && make_directory(gen, "truth");
    for (unsigned i = 0; ok && i < CW_GEN_AGENCIES; i++)
        ok = write_contract(gen, &cw_gen_agencies[i]);
    if (ok) {
        plan_all(gen, events);
        qsort(gen->sendings, gen->count, sizeof(gen->sendings[0]), by_when);
        ok = write_events(gen) && write_truth(gen);
    }
    cw_arena_free(gen->arena);
    free(gen->sendings);
    free(gen);
    return ok;
}

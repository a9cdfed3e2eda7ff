/*
 * test_generate_payments.c - the payments mix: the same by seed, taken whole by ingest, and what is
 * planted in it is all that there is to find, by the rules computed the slow way over the events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <jansson.h>
#include <string.h>

#include "events.h"
#include "ingest/importers/generate.h"
#include "ingest/importers/generate_story.h"
#include "ingest/normalise.h"
#include "operators/runtime/time.h"

enum { EVENTS = 30000, ACCOUNT_TEXT = 48 };

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

/* A payment as ingest would hand it on. */
struct payment {
    char id[ACCOUNT_TEXT]; /* OWNER/EVENT_ID */
    char payer[ACCOUNT_TEXT];
    char payee[ACCOUNT_TEXT];
    char country[3]; /* the payer's */
    bool card;
    int64_t time;
    int64_t cents;
    const char *pattern; /* of the truth, or NULL */
};

struct scenario {
    char directory[64];
    struct cw_generate_counts counts;
    struct payment *payments; /* each once, by id */
    size_t count;
    size_t records;
    size_t late;
    size_t beyond_lateness;
};

static void put_text(char out[ACCOUNT_TEXT], cw_str one, const char *between, cw_str two)
{
    snprintf(out, ACCOUNT_TEXT, "%.*s%s%.*s", CW_STR_ARG(one), between, CW_STR_ARG(two));
}

static void add_payment(struct scenario *scenario, const struct cw_event *event)
{
    const struct cw_identifier *payer = &event->objects[0].ids[0];
    const struct cw_identifier *payee = &event->objects[1].ids[0];
    assert_text(event->objects[0].role, "payer_account");
    assert_text(event->objects[1].role, "payee_account");
    assert_true(detail(event, "amount_eur")->present);
    assert_null(payer->fault.ptr);
    assert_null(payee->fault.ptr);
    if ((scenario->count & (scenario->count - 1)) == 0) /* a power of two, or none: it is full */
        scenario->payments = cw_realloc(scenario->payments,
                                        (2 * scenario->count + 1) * sizeof(scenario->payments[0]));
    struct payment *payment = &scenario->payments[scenario->count++];
    *payment = (struct payment){
        .card = cw_str_is(detail(event, "channel")->text, "card"),
        .time = event->event_time,
        .cents = detail(event, "amount_eur")->number,
    };
    put_text(payment->id, event->owner, "/", event->event_id);
    put_text(payment->payer, payer->kind, ":", payer->value);
    put_text(payment->payee, payee->kind, ":", payee->value);
    memcpy(payment->country, detail(event, "payer_country")->text.ptr, 2);
}

static void read_agency(struct scenario *scenario, const char *code)
{
    char path[256];
    struct cw_secret secret;
    struct cw_diag diag = { 0 };
    struct cw_buf body = { 0 };
    struct cw_arena *arena = cw_arena_new();
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    snprintf(path, sizeof(path), "%s/contracts/%s.yaml", scenario->directory, code);
    struct cw_contract *contract = cw_contract_load(path, &diag);
    assert_non_null(contract);
    snprintf(path, sizeof(path), "%s/events/%s.avro", scenario->directory, code);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct events events = events_read(file);
    struct cw_normaliser *normaliser = cw_normaliser_new(&secret);
    int64_t greatest = 0;
    for (size_t i = 0; i < events.count; i++) {
        struct cw_event event;
        struct cw_normal normal;
        struct cw_reason reason;
        body.len = 0;
        cw_event_write(&events.items[i], &body);
        if (!cw_normalise(normaliser, contract, (cw_str){ (char *)body.data, body.len }, 0, &normal,
                          &reason))
            fail_msg("%s at %s: %s", reason.code, reason.field, reason.sentence);
        assert_true(cw_event_read(&event, normal.body.ptr, normal.body.len, arena));
        scenario->late += event.event_time < greatest - CW_HOUR;
        scenario->beyond_lateness += event.event_time < greatest - 7 * CW_DAY;
        if (event.event_time > greatest)
            greatest = event.event_time;
        add_payment(scenario, &event);
        cw_arena_reset(arena);
    }
    scenario->records += events.count;
    cw_normaliser_free(normaliser);
    cw_contract_free(contract);
    cw_diag_done(&diag);
    cw_buf_done(&body);
    cw_arena_free(arena);
    events_done(&events);
    fclose(file);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct payment *)a)->id, ((const struct payment *)b)->id);
}

static int by_payer(const void *a, const void *b)
{
    const struct payment *x = a;
    const struct payment *y = b;
    int order = strcmp(x->payer, y->payer);
    return order != 0 ? order : (x->time > y->time) - (x->time < y->time);
}

static int by_payee(const void *a, const void *b)
{
    const struct payment *x = a;
    const struct payment *y = b;
    int order = strcmp(x->payee, y->payee);
    return order != 0 ? order : (x->time > y->time) - (x->time < y->time);
}

static void drop_repeats(struct scenario *scenario)
{
    qsort(scenario->payments, scenario->count, sizeof(scenario->payments[0]), by_id);
    size_t kept = 0;
    for (size_t i = 0; i < scenario->count; i++) {
        if (kept == 0 || by_id(&scenario->payments[kept - 1], &scenario->payments[i]) != 0)
            scenario->payments[kept++] = scenario->payments[i];
    }
    scenario->count = kept;
}

static struct scenario generated(uint64_t events, uint64_t seed)
{
    struct scenario scenario = { .directory = "/tmp/cw-payments-XXXXXX" };
    char error[CW_GENERATE_ERROR] = "";
    assert_non_null(mkdtemp(scenario.directory));
    if (!cw_generate_payments(events, seed, scenario.directory, &scenario.counts, error))
        fail_msg("%s", error);
    for (int i = 0; i < CW_GEN_AGENCIES; i++)
        read_agency(&scenario, cw_gen_agencies[i].code);
    drop_repeats(&scenario);
    return scenario;
}

static void done(struct scenario *scenario)
{
    free(scenario->payments);
    assert_int_equal(nftw(scenario->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- the truth --- */

static struct payment *payment_of(const struct scenario *scenario, const json_t *member)
{
    struct payment key;
    put_text(key.id, cw_cstr(json_string_value(json_object_get(member, "owner"))), "/",
             cw_cstr(json_string_value(json_object_get(member, "event_id"))));
    struct payment *found = bsearch(&key, scenario->payments, scenario->count, sizeof(key), by_id);
    if (found == NULL)
        fail_msg("%s is of the truth and of no file", key.id);
    return found;
}

/* All patterns; each member learns which one it is of. */
static json_t *read_truth(const struct scenario *scenario)
{
    char path[256];
    char *line = NULL;
    size_t size = 0;
    json_t *patterns = json_array();
    snprintf(path, sizeof(path), "%s/truth/truth.alerts", scenario->directory);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while (getline(&line, &size, file) > 0) {
        json_t *pattern = json_loads(line, 0, NULL);
        assert_non_null(pattern);
        size_t index;
        const json_t *member;
        json_array_foreach(json_object_get(pattern, "members"), index, member)
        {
            struct payment *payment = payment_of(scenario, member);
            assert_null(payment->pattern); /* of one pattern at most */
            payment->pattern = json_string_value(json_object_get(pattern, "pattern"));
        }
        assert_int_equal(json_array_append_new(patterns, pattern), 0);
    }
    free(line);
    fclose(file);
    return patterns;
}

/* --- the rules, the slow way: payments in order (account, time), the window ends with `end` --- */

static bool structured(const struct payment *all, size_t end, size_t from)
{
    size_t count = 0;
    int64_t sum = 0;
    for (size_t i = from; i <= end; i++) {
        bool within = all[i].time > all[end].time - 7 * CW_DAY && all[i].cents >= 700000 &&
                      all[i].cents < 1000000;
        count += within;
        sum += within ? all[i].cents : 0;
    }
    return count >= 4 && sum > 3000000;
}

/* Adds the text if it is not there; more than the rule asks for are not told apart. */
static void add_new(const char *list[8], size_t *count, const char *text)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(list[i], text) == 0)
            return;
    }
    if (*count < 8)
        list[(*count)++] = text;
}

static bool fanned_in(const struct payment *all, size_t end, size_t from)
{
    const char *payers[8];
    const char *countries[8];
    size_t payer_count = 0;
    size_t country_count = 0;
    for (size_t i = from; i <= end; i++) {
        if (all[i].time <= all[end].time - 72 * CW_HOUR || all[i].card || all[i].cents < 50000 ||
            all[i].cents > 1000000)
            continue;
        add_new(payers, &payer_count, all[i].payer);
        add_new(countries, &country_count, all[i].country);
    }
    return payer_count >= 5 && country_count >= 3;
}

/* Notes the patterns whose account satisfies; fails where an account does that is of none. */
static void find(struct scenario *scenario, int (*order)(const void *, const void *),
                 bool (*holds)(const struct payment *, size_t, size_t), json_t *found)
{
    struct payment *all = scenario->payments;
    size_t from = 0;
    qsort(all, scenario->count, sizeof(all[0]), order);
    for (size_t i = 0; i < scenario->count; i++) {
        bool same = order == by_payee ? strcmp(all[i].payee, all[from].payee) == 0
                                      : strcmp(all[i].payer, all[from].payer) == 0;
        if (!same)
            from = i;
        while (all[from].time <= all[i].time - 7 * CW_DAY)
            from++;
        if (!holds(all, i, from))
            continue;
        if (all[i].pattern == NULL)
            fail_msg("%s completes what nobody planted", all[i].id);
        json_object_set_new(found, all[i].pattern, json_true());
    }
}

static void assert_found(const json_t *patterns, const json_t *found, const char *rule)
{
    size_t index;
    const json_t *pattern;
    json_array_foreach(patterns, index, pattern)
    {
        const char *name = json_string_value(json_object_get(pattern, "pattern"));
        bool its = strcmp(json_string_value(json_object_get(pattern, "rule")), rule) == 0;
        bool expected = its && json_is_true(json_object_get(pattern, "expected"));
        if (expected != (json_object_get(found, name) != NULL))
            fail_msg("%s: %s %s (%s)", rule, name, expected ? "does not hold" : "holds",
                     json_string_value(json_object_get(pattern, "note")));
    }
}

static void what_is_planted_holds_and_nothing_else_does(void **state)
{
    (void)state;
    struct scenario scenario = generated(EVENTS, 5);
    json_t *patterns = read_truth(&scenario);
    json_t *found = json_object();
    find(&scenario, by_payer, structured, found);
    find(&scenario, by_payee, structured, found);
    assert_found(patterns, found, cw_generate_rule(CW_GEN_STRUCTURING));
    json_object_clear(found);
    find(&scenario, by_payee, fanned_in, found);
    assert_found(patterns, found, cw_generate_rule(CW_GEN_FAN_IN));
    assert_true(scenario.counts.planted[CW_GEN_STRUCTURING] >= 5);
    assert_true(scenario.counts.planted[CW_GEN_FAN_IN] >= 5);
    assert_true(scenario.counts.lookalikes[CW_GEN_STRUCTURING] >= 4);
    assert_true(scenario.counts.lookalikes[CW_GEN_FAN_IN] >= 5);
    json_decref(found);
    json_decref(patterns);
    done(&scenario);
}

/* --- the stream --- */

static void the_stream_has_its_length_and_its_shares(void **state)
{
    (void)state;
    struct scenario scenario = generated(EVENTS, 6);
    assert_int_equal(scenario.records, scenario.counts.events);
    assert_in_range(scenario.records, EVENTS, EVENTS + 2 * 12 + 2);
    assert_int_equal(scenario.records - scenario.count, scenario.counts.repeats);
    assert_in_range(scenario.counts.repeats, EVENTS * 2 / 100, EVENTS * 4 / 100);
    assert_in_range(scenario.counts.late, EVENTS * 2 / 100, EVENTS * 4 / 100);
    assert_in_range(scenario.late, EVENTS * 2 / 100, EVENTS * 8 / 100); /* repeats are late too */
    assert_int_equal(scenario.beyond_lateness, 0);
    done(&scenario);
}

/* Accounts are mostly seen before, and a few of them are busy. */
static void few_accounts_are_busy(void **state)
{
    (void)state;
    struct scenario scenario = generated(EVENTS, 7);
    size_t accounts = 0;
    size_t busiest = 0;
    size_t run = 0;
    qsort(scenario.payments, scenario.count, sizeof(scenario.payments[0]), by_payer);
    for (size_t i = 0; i < scenario.count; i++) {
        bool first =
            i == 0 || strcmp(scenario.payments[i - 1].payer, scenario.payments[i].payer) != 0;
        accounts += first;
        run = first ? 1 : run + 1;
        busiest = run > busiest ? run : busiest;
    }
    assert_in_range(accounts, scenario.count / 20, scenario.count * 2 / 3); /* so early */
    assert_in_range(busiest, scenario.count / 200, scenario.count / 10);
    done(&scenario);
}

static void one_seed_gives_one_stream(void **state)
{
    (void)state;
    struct scenario one = generated(3000, 8);
    struct scenario same = generated(3000, 8);
    struct scenario other = generated(3000, 9);
    assert_int_equal(one.count, same.count);
    size_t shared = 0;
    for (size_t i = 0; i < one.count; i++) {
        assert_string_equal(one.payments[i].id, same.payments[i].id);
        assert_string_equal(one.payments[i].payee, same.payments[i].payee);
        assert_int_equal(one.payments[i].cents, same.payments[i].cents);
        shared += i < other.count && strcmp(one.payments[i].payee, other.payments[i].payee) == 0;
    }
    assert_true(shared < one.count / 10);
    done(&one);
    done(&same);
    done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_planted_holds_and_nothing_else_does),
        cmocka_unit_test(the_stream_has_its_length_and_its_shares),
        cmocka_unit_test(few_accounts_are_busy),
        cmocka_unit_test(one_seed_gives_one_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

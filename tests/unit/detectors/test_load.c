/* test_load.c - what a correct rule file becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detectors/rule.h"
#include "operators/runtime/time.h"

#define AD                                                                                         \
    "title: Ad\nname: ad\nlogsource: {category: online_ad}\n"                                      \
    "detection:\n  seen: {country: NO}\n  condition: seen\n---\n"
#define CROSSING                                                                                   \
    "title: Crossing\nname: crossing\nlogsource: {category: border_crossing}\n"                    \
    "detection:\n  seen: {crossing.direction: entry}\n  condition: seen\n---\n"
#define NOTICE                                                                                     \
    "title: Notice\nname: red\nlogsource: {category: notice}\n"                                    \
    "detection:\n  red: {notice.colour: red}\n  condition: red\n---\n"
#define ID_A "0a000000-0000-4000-8000-00000000000a"
#define ID_B "0b000000-0000-4000-8000-00000000000b"
#define HEAD(id) "title: Rule\nid: " id "\nlevel: high\n"

static struct cw_rules *parse(const char *text)
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_parse("rules.yaml", cw_cstr(text), &errors);
    if (rules == NULL)
        print_error("%.*s", (int)errors.len, (const char *)errors.data);
    assert_non_null(rules);
    assert_int_equal(errors.len, 0);
    cw_buf_done(&errors);
    return rules;
}

static void assert_text(cw_str text, const char *expected)
{
    if (!cw_str_is(text, expected))
        fail_msg("expected \"%s\", found \"%.*s\"", expected, CW_STR_ARG(text));
}

static void a_value_count_has_its_key_field_window_and_cell(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(AD HEAD(ID_A) "correlation:\n"
                            "  type: value_count\n"
                            "  rules: [ad]\n"
                            "  group-by: [party.contact.id.phone]\n"
                            "  timespan: 30d\n"
                            "  condition: {field: party.person.entity, gte: 3}\n"
                            "crosswatch: {suppress: {for: 8w}, evidence: {keep: 20}}\n");
    assert_int_equal(cw_rules_count(rules), 1);
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_VALUE_COUNT);
    assert_int_equal(rule->level, CW_LEVEL_HIGH);
    assert_int_equal(rule->match, CW_MATCH_RAW);
    assert_int_equal(rule->group_by_count, 1);
    assert_int_equal(rule->group_by[0].paths[0]->scope, CW_PATH_PARTY);
    assert_int_equal(rule->group_by[0].paths[0]->what, CW_WHAT_ID);
    assert_text(rule->group_by[0].paths[0]->role, "contact");
    assert_text(rule->group_by[0].paths[0]->id_kind, "phone");
    assert_int_equal(rule->criteria[0].field->paths[0]->what, CW_WHAT_ENTITY);
    assert_false(rule->criteria[0].above);
    assert_int_equal(rule->criteria[0].threshold, 3);
    assert_int_equal(rule->timespan, 30 * CW_DAY);
    assert_int_equal(rule->suppress_for, 56 * CW_DAY);
    assert_int_equal(rule->cell_span, 56 * CW_DAY);
    assert_int_equal(rule->keep, 20);
    assert_text(rule->question, "value_count(party.person.entity) >= 3 within 30d by "
                                "party.contact.id.phone (raw)");
    assert_text(rule->name, ID_A); /* for want of one */
    assert_text(rule->file, "rules.yaml");
    assert_ptr_equal(rule->selections[0], &rules->selections[0]);
    cw_rules_free(rules);
}

static void an_event_count_takes_several_types_and_resolves_entities(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(AD CROSSING HEAD(ID_A) "correlation:\n"
                                     "  type: event_count\n"
                                     "  rules: [ad, crossing]\n"
                                     "  group-by: [party.person.entity, country]\n"
                                     "  timespan: 12h\n"
                                     "  condition: {gt: 4}\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->selection_count, 2);
    assert_int_equal(rule->selections[1]->type,
                     cw_type_by_name(cw_cstr("border_crossing"))->number);
    assert_int_equal(rule->match, CW_MATCH_RESOLVED);
    assert_true(rule->criteria[0].above);
    assert_null(rule->criteria[0].field);
    assert_int_equal(rule->suppress_for, 0);
    assert_int_equal(rule->keep, 50);
    assert_int_equal(rule->cell_span, 12 * CW_HOUR);
    assert_text(rule->question,
                "event_count > 4 within 12h by party.person.entity, country (resolved)");
    cw_rules_free(rules);
}

static void standing_looks_back_thirty_days_unless_told(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(NOTICE CROSSING HEAD(ID_A) "correlation: {type: standing, rules: [crossing], on: "
                                         "[red], group-by: [party.traveller.entity]}\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_STANDING);
    assert_int_equal(rule->on_count, 1);
    assert_text(rule->on[0]->name, "red");
    assert_int_equal(rule->lookback, 30 * CW_DAY);
    assert_int_equal(rule->timespan, 0);
    assert_int_equal(rule->cell_span, 30 * CW_DAY);
    assert_text(rule->question, "stands on red within its validity, lookback 30d, by "
                                "party.traveller.entity (resolved)");
    cw_rules_free(rules);
}

static void the_core_may_be_asked_for(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(NOTICE CROSSING HEAD(
        ID_A) "correlation: {type: standing, rules: [crossing], on: [red], "
              "group-by: [party.traveller.entity], match: exact, lookback: 2d}\n");
    assert_int_equal(rules->rules[0].match, CW_MATCH_EXACT);
    assert_int_equal(rules->rules[0].lookback, 2 * CW_DAY);
    cw_rules_free(rules);
}

#define COUNT                                                                                      \
    "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "            \
    "condition: {gte: 1}}\n"

static void rules_are_numbered_by_id_and_not_by_place(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(AD HEAD(ID_B) COUNT "---\n" HEAD(ID_A) COUNT);
    assert_text(rules->rules[0].id, ID_A);
    assert_int_equal(rules->rules[0].number, 0);
    assert_text(rules->rules[1].id, ID_B);
    assert_int_equal(rules->rules[1].number, 1);
    cw_rules_free(rules);
}

static void an_id_in_capitals_is_the_same_id(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(AD HEAD("0A000000-0000-4000-8000-00000000000A") COUNT);
    assert_text(rules->rules[0].id, ID_A);
    cw_rules_free(rules);
}

static void a_detection_may_be_called_by_its_id_and_from_above(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(HEAD(ID_A) "correlation: {type: event_count, rules: [" ID_B
                         "], group-by: [country], timespan: 1d, condition: {gte: 1}}\n---\n"
                         "title: Ad\nid: " ID_B "\nlogsource: {category: online_ad}\n"
                         "detection: {s: {country: NO}, condition: s}\n");
    assert_text(rules->rules[0].selections[0]->name, ID_B);
    cw_rules_free(rules);
}

/* NO is Norway, 0123 keeps its zero, true is a text where the field is one. */
static void a_scalar_is_what_the_schema_says(void **state)
{
    (void)state;
    struct cw_rules *rules = parse("title: T\nname: t\nlogsource: {category: online_ad}\n"
                                   "detection:\n"
                                   "  a: {country: NO, ad.platform: 0123, ad.city: true}\n"
                                   "  condition: a\n");
    const struct cw_instruction *code = rules->selections[0].code;
    assert_int_equal(rules->selections[0].code_len, 3); /* in the order of their paths */
    assert_text(code[0].texts[0], "true");
    assert_text(code[1].texts[0], "0123");
    assert_text(code[2].texts[0], "no"); /* folded */
    cw_rules_free(rules);
}

static void a_time_is_read_as_a_time(void **state)
{
    (void)state;
    struct cw_rules *rules = parse("title: T\nname: t\nlogsource: {category: notice}\n"
                                   "detection:\n"
                                   "  a: {notice.valid_from: 1970-01-02}\n"
                                   "  condition: a\n");
    assert_int_equal(rules->selections[0].code[0].numbers[0], 86400000000);
    cw_rules_free(rules);
}

static struct cw_id hash_of(const char *text)
{
    struct cw_secret secret;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    struct cw_rules *rules = parse(text);
    struct cw_id id = cw_rules_hash(rules, &secret);
    cw_rules_free(rules);
    return id;
}

static void the_hash_is_of_the_text(void **state)
{
    (void)state;
    assert_true(cw_id_eq(hash_of(AD HEAD(ID_A) COUNT), hash_of(AD HEAD(ID_A) COUNT)));
    assert_false(cw_id_eq(hash_of(AD HEAD(ID_A) COUNT), hash_of(AD HEAD(ID_B) COUNT)));
}

/* ---- sums, further conditions, aliases ---- */

#define PAY                                                                                        \
    "title: Pay\nname: pay\nlogsource: {category: payment}\n"                                      \
    "detection:\n  seen: {payment.currency: EUR}\n  condition: seen\n---\n"

static void a_sum_and_further_conditions_stand_in_the_order_written(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(PAY HEAD(ID_A) "correlation:\n"
                             "  type: value_sum\n"
                             "  rules: [pay]\n"
                             "  group-by: [object.payee_account.key]\n"
                             "  timespan: 7d\n"
                             "  condition: {field: payment.amount_eur, gt: 2000000000000}\n"
                             "  having:\n"
                             "    - {count: {gte: 4}}\n"
                             "    - {distinct: object.payer_account.key, gte: 5}\n"
                             "    - {sum: payment.amount, gte: 20000}\n"
                             "crosswatch: {cross_border: true, purpose: [wanted-persons, "
                             "combating-fraud], revision: 7, mode: shadow}\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_VALUE_SUM);
    assert_int_equal(rule->criterion_count, 5);
    static const enum cw_measure measures[] = { CW_MEASURE_SUM, CW_MEASURE_EVENTS,
                                                CW_MEASURE_VALUES, CW_MEASURE_SUM,
                                                CW_MEASURE_COUNTRIES };
    static const int64_t thresholds[] = { 2000000000000, 4, 5, 20000, 2 };
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(rule->criteria[i].measure, measures[i]);
        assert_int_equal(rule->criteria[i].threshold, thresholds[i]);
        assert_int_equal(rule->criteria[i].above, i == 0);
        assert_int_equal(rule->criteria[i].shown, i != 4);
    }
    assert_text(rule->criteria[0].field->text, "payment.amount_eur");
    assert_null(rule->criteria[1].field);
    assert_text(rule->criteria[3].field->paths[0]->text, "payment.amount");
    assert_true(rule->cross_border);
    assert_int_equal(rule->mode, CW_MODE_SHADOW);
    assert_int_equal(rule->revision, 7);
    assert_int_equal(rule->purpose_count, 2);
    assert_text(rule->purposes[0], "combating-fraud"); /* sorted */
    assert_text(rule->purposes[1], "wanted-persons");
    assert_text(rule->question,
                "value_sum(payment.amount_eur) > 2000000000000 and event_count >= 4 and "
                "value_count(object.payer_account.key) >= 5 and value_sum(payment.amount) >= 20000 "
                "and countries >= 2 within 7d by object.payee_account.key (raw)");
    cw_rules_free(rules);
}

static void an_alias_joins_another_path_of_each_selection(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(
        AD PAY HEAD(ID_A) "correlation:\n"
                          "  type: value_count\n"
                          "  rules: [ad, pay]\n"
                          "  aliases:\n"
                          "    $phone: {pay: party.payer.id.phone, ad: party.contact.id.phone}\n"
                          "    whose: {pay: party.payer.entity}\n"
                          "  group-by: [$phone, country]\n"
                          "  timespan: 1d\n"
                          "  condition: {field: whose, gte: 2}\n"
                          "  having: [{distinct: ad.city, gte: 1}]\n");
    const struct cw_rule *rule = &rules->rules[0];
    assert_text(rule->group_by[0].text, "$phone");
    assert_text(rule->group_by[0].paths[0]->text, "party.contact.id.phone");
    assert_text(rule->group_by[0].paths[1]->text, "party.payer.id.phone");
    assert_ptr_equal(rule->group_by[1].paths[0], rule->group_by[1].paths[1]);
    assert_text(rule->criteria[0].field->text, "whose");
    assert_null(rule->criteria[0].field->paths[0]);
    assert_int_equal(rule->criteria[0].field->paths[1]->what, CW_WHAT_ENTITY);
    assert_text(rule->criteria[1].field->paths[0]->text, "ad.city");
    assert_null(rule->criteria[1].field->paths[1]);
    assert_int_equal(rule->match, CW_MATCH_RAW); /* the key names no entity */
    cw_rules_free(rules);
}

static void an_alias_of_entities_is_an_entity(void **state)
{
    (void)state;
    struct cw_rules *rules = parse(
        AD PAY HEAD(ID_A) "correlation: {type: event_count, rules: [ad, pay], aliases: {$who: {ad: "
                          "party.person.entity, pay: party.payer.entity}}, group-by: [$who], "
                          "timespan: 1d, condition: {gte: 2}}\n");
    assert_int_equal(rules->rules[0].match, CW_MATCH_RESOLVED);
    cw_rules_free(rules);
}

static void a_detection_with_a_level_alerts_for_each_event(void **state)
{
    (void)state;
    struct cw_rules *rules = parse("title: Ad\nid: " ID_A "\nlevel: medium\n"
                                   "logsource: {category: online_ad}\n"
                                   "detection: {s: {country: NO}, condition: s}\n"
                                   "crosswatch: {purpose: [combating-crime]}\n");
    assert_int_equal(rules->count, 1);
    const struct cw_rule *rule = &rules->rules[0];
    assert_int_equal(rule->type, CW_RULE_EVENT_COUNT);
    assert_int_equal(rule->level, CW_LEVEL_MEDIUM);
    assert_int_equal(rule->timespan, 1);
    assert_int_equal(rule->cell_span, 1);
    assert_int_equal(rule->match, CW_MATCH_RAW);
    assert_int_equal(rule->group_by_count, 1);
    assert_int_equal(rule->group_by[0].paths[0]->what, CW_WHAT_EVENT);
    assert_int_equal(rule->criterion_count, 1);
    assert_int_equal(rule->criteria[0].threshold, 1);
    assert_ptr_equal(rule->selections[0], &rules->selections[0]);
    cw_rules_free(rules);
}

static void what_is_off_is_checked_and_in_no_set(void **state)
{
    (void)state;
    struct cw_rules *rules =
        parse(AD HEAD(ID_B) COUNT "crosswatch: {mode: off}\n---\n" HEAD(ID_A) COUNT
              "---\ntitle: T\nid: 0c000000-0000-4000-8000-00000000000c\nlevel: low\n"
              "logsource: {category: online_ad}\n"
              "detection: {s: {country: SE}, condition: s}\ncrosswatch: {mode: off}\n");
    assert_int_equal(rules->count, 1);
    assert_text(rules->rules[0].id, ID_A);
    assert_int_equal(rules->rules[0].number, 0);
    cw_rules_free(rules);
}

/* ---- the hashes ---- */

struct hashes {
    struct cw_id state;
    struct cw_id judgement;
    char document[65];
};

static struct hashes hashes_of(const char *text)
{
    struct cw_rules *rules = parse(text);
    struct hashes out = { rules->rules[0].state_hash, rules->rules[0].judgement_hash, "" };
    memcpy(out.document, rules->rules[0].document, sizeof(out.document));
    cw_rules_free(rules);
    return out;
}

#define RULE_OF(selection, keys, condition, crosswatch)                                            \
    "title: Ad\nname: ad\nlogsource: {category: online_ad}\n"                                      \
    "detection: {" selection "\n }\n---\ntitle: T\nid: " ID_A "\nlevel: low\ncorrelation: {"       \
    "type: value_count, rules: [ad], " keys ", condition: {field: country, " condition "}}\n"      \
    "crosswatch: {purpose: [combating-crime]" crosswatch "}\n"
#define SELECTION "s: {country: NO, ad.city|contains: x}, condition: s"
#define KEYS "group-by: [party.contact.id.phone], timespan: 30d"

static void each_hash_changes_with_what_it_is_of_and_nothing_else(void **state)
{
    (void)state;
    struct hashes base = hashes_of(RULE_OF(SELECTION, KEYS, "gte: 3", ""));
    static const struct {
        const char *text;
        bool state;     /* changes */
        bool judgement; /* changes */
    } edits[] = {
        { RULE_OF(SELECTION, KEYS, "gte: 3", ""), false, false },
        { RULE_OF(SELECTION, KEYS, "gt: 2", ""), false, false },
        { RULE_OF(SELECTION, KEYS, "gte: 4", ""), false, true },
        { RULE_OF(SELECTION, KEYS, "gte: 3", ", cross_border: true"), false, true },
        { RULE_OF(SELECTION, KEYS ", having: [{count: {gte: 3}}]", "gte: 3", ""), false, true },
        { RULE_OF(SELECTION, KEYS ", having: [{distinct: country, gte: 1}]", "gte: 3", ""), false,
          true },
        { RULE_OF(SELECTION, KEYS ", having: [{distinct: owner, gte: 3}]", "gte: 3", ""), true,
          true },
        { RULE_OF(SELECTION, KEYS, "gte: 3", ", mode: shadow, revision: 2, evidence: {keep: 3}"),
          false, false },
        { RULE_OF(SELECTION, KEYS, "gte: 3", ", suppress: {for: 60d}"), true, false },
        { RULE_OF(SELECTION, "group-by: [party.contact.id.phone, owner], timespan: 30d", "gte: 3",
                  ""),
          true, false },
        { RULE_OF(SELECTION, "group-by: [party.contact.id.phone], timespan: 31d", "gte: 3", ""),
          true, false },
        { RULE_OF(SELECTION, "timespan: 720h, group-by: [party.contact.id.phone]", "gte: 3", ""),
          false, false },
        { RULE_OF("s: {ad.city: \"*x*\", \"country\": no}, condition: s  # as before", KEYS,
                  "gte: 3", ""),
          false, false },
        { RULE_OF("a: {country: NO}, b: {ad.city|contains: x}, condition: (b and a)", KEYS,
                  "gte: 3", ""),
          false, false },
        { RULE_OF("s: {country: SE, ad.city|contains: x}, condition: s", KEYS, "gte: 3", ""), true,
          false },
        { RULE_OF("s: {country: NO, ad.city|startswith: x}, condition: s", KEYS, "gte: 3", ""),
          true, false },
        { RULE_OF("s: {country|cased: NO, ad.city|contains: x}, condition: s", KEYS, "gte: 3", ""),
          true, false },
        { RULE_OF("s: {country: NO, ad.city|contains|cased: x}, condition: s", KEYS, "gte: 3", ""),
          true, false },
        { RULE_OF("s: {country: NO, ad.city|contains: x}, condition: not s", KEYS, "gte: 3", ""),
          true, false },
    };
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct hashes edited = hashes_of(edits[i].text);
        if (cw_id_eq(base.state, edited.state) == edits[i].state ||
            cw_id_eq(base.judgement, edited.judgement) == edits[i].judgement)
            fail_msg("state %s, judgement %s:\n%s",
                     cw_id_eq(base.state, edited.state) ? "stays" : "changes",
                     cw_id_eq(base.judgement, edited.judgement) ? "stays" : "changes",
                     edits[i].text);
    }
}

static void the_level_is_part_of_the_judgement_and_the_title_of_the_document(void **state)
{
    (void)state;
    struct hashes base = hashes_of(AD "title: T\nid: " ID_A "\nlevel: low\n" COUNT);
    struct hashes level = hashes_of(AD "title: T\nid: " ID_A "\nlevel: high\n" COUNT);
    struct hashes title = hashes_of(AD "title: U\nid: " ID_A "\nlevel: low\n" COUNT);
    assert_true(cw_id_eq(base.state, level.state));
    assert_false(cw_id_eq(base.judgement, level.judgement));
    assert_true(cw_id_eq(base.state, title.state));
    assert_true(cw_id_eq(base.judgement, title.judgement));
    assert_string_not_equal(base.document, title.document);
}

static void assert_document(const char *file, const char *document)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[65];
    crypto_hash_sha256(hash, (const unsigned char *)document, strlen(document));
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    assert_string_equal(hashes_of(file).document, hex);
}

static void a_document_is_hashed_from_its_marker_to_the_next(void **state)
{
    (void)state;
#define INLINE                                                                                     \
    "{title: T, id: " ID_A                                                                         \
    ", level: low, correlation: {type: event_count, rules: [ad], group-by: "                       \
    "[country], timespan: 1d, condition: {gte: 1}}}\n"
    assert_document(AD HEAD(ID_A) COUNT, HEAD(ID_A) COUNT);
    assert_document(AD "# why\n\n" HEAD(ID_A) COUNT "# so\n---\n" CROSSING,
                    "# why\n\n" HEAD(ID_A) COUNT "# so\n");
    assert_document(HEAD(ID_A) COUNT "---\n" AD, HEAD(ID_A) COUNT);
    assert_document("%YAML 1.1\n---\n" HEAD(ID_A) COUNT "...\n---\n" AD, HEAD(ID_A) COUNT);
    assert_document(AD "--- " INLINE, " " INLINE);
    assert_document("---\r\n" INLINE "--- # next\n" AD, INLINE);
}

/* ---- lists ---- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static void a_directory_is_one_set_whatever_else_lies_in_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/cw_rules_XXXXXX";
    assert_non_null(mkdtemp(dir));
    write_file(dir, "b.yaml", AD);
    write_file(dir, "a.yml", HEAD(ID_A) COUNT);
    write_file(dir, "notes.txt", "no rule\n");
    write_file(dir, ".hidden.yaml", "{\n");
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_load(dir, &errors);
    assert_non_null(rules);
    assert_int_equal(cw_rules_count(rules), 1);
    assert_int_equal(rules->selection_count, 1);
    cw_rules_free(rules);
    remove_file(dir, "b.yaml");
    rules = cw_rules_load(dir, &errors);
    assert_null(rules);
    cw_buf_u8(&errors, 0);
    assert_non_null(strstr((const char *)errors.data, "a.yml:4:"));
    assert_non_null(strstr((const char *)errors.data, "no detection is named \"ad\""));
    cw_buf_done(&errors);
    remove_file(dir, "a.yml");
    remove_file(dir, "notes.txt");
    remove_file(dir, ".hidden.yaml");
    assert_int_equal(rmdir(dir), 0);
}

struct list_room {
    char dir[32];
    struct cw_buf errors;
};

static void open_room(struct list_room *room)
{
    *room = (struct list_room){ .dir = "/tmp/cw_lists_XXXXXX" };
    assert_non_null(mkdtemp(room->dir));
    char path[64];
    snprintf(path, sizeof(path), "%s/lists", room->dir);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void close_room(struct list_room *room)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/lists", room->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(room->dir), 0);
    cw_buf_done(&room->errors);
}

static struct cw_rules *load_room(struct list_room *room)
{
    room->errors.len = 0;
    struct cw_rules *rules = cw_rules_load(room->dir, &room->errors);
    if (rules == NULL)
        cw_buf_u8(&room->errors, 0);
    return rules;
}

#define CITIES_SHA "9eccd8d5b43f7ebed52e33ec11e80146edf727aabd63e1f4ea59296684197542"
#define PASSPORTS_SHA "4e4c633208b90efb2ec4840ef29d4a29a1d26a88d532448453292f8a4ebd1789"
#define LISTED                                                                                     \
    "title: Ad\nname: ad\nlogsource: {category: online_ad}\ndetection:\n"                          \
    "  a: {party.person.id.passport|in_list: passports}\n"                                         \
    "  b: {ad.city|cased|in_list: [cities, ports]}\n  c: {ad.category|in_list: cities}\n"          \
    "  condition: 1 of them\n---\n"

static const struct cw_instruction *test_of(const struct cw_rules *rules, const char *list,
                                            const char *path)
{
    const struct cw_selection *selection = &rules->selections[0];
    for (size_t i = 0; i < selection->code_len; i++) {
        if (cw_str_is(selection->code[i].list, list) &&
            cw_str_is(selection->code[i].path->text, path))
            return &selection->code[i];
    }
    fail_msg("no test of %s in %s", path, list);
    return NULL;
}

static void a_list_is_read_from_beside_the_rules_and_known_by_its_hash(void **state)
{
    (void)state;
    struct list_room room;
    struct cw_secret secret;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    open_room(&room);
    write_file(room.dir, "a.yaml", LISTED HEAD(ID_A) COUNT);
    write_file(room.dir, "lists/passports.txt", "# stolen\n\n  ro:A2  \nRO:A1 # this one too\r\n");
    write_file(room.dir, "lists/cities.txt", "Oslo\nBergen*\nC#\n");
    write_file(room.dir, "lists/ports.txt", "");
    struct cw_rules *rules = load_room(&room);
    if (rules == NULL)
        fail_msg("%s", (const char *)room.errors.data);
    const struct cw_instruction *test = test_of(rules, "passports", "party.person.id.passport");
    assert_int_equal(test->text_count, 2);
    assert_text(test->texts[0], "ro:a1");
    assert_text(test->texts[1], "ro:a2");
    test = test_of(rules, "cities", "ad.city");
    assert_int_equal(test->text_count, 3);
    assert_text(test->texts[0], "Bergen*"); /* no wildcard, and with its case */
    assert_text(test->texts[1], "C#");
    assert_text(test_of(rules, "cities", "ad.category")->texts[2], "oslo");
    assert_int_equal(test_of(rules, "ports", "ad.city")->text_count, 0);
    /* sha256sum of the files */
    assert_text(rules->rules[0].lists,
                "cities=" CITIES_SHA " passports=" PASSPORTS_SHA
                " ports=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct cw_id before = cw_rules_hash(rules, &secret);
    struct cw_id held = rules->rules[0].state_hash;
    cw_rules_free(rules);
    write_file(room.dir, "lists/ports.txt", "Narvik\n");
    rules = load_room(&room);
    assert_false(cw_id_eq(cw_rules_hash(rules, &secret), before));
    assert_true(cw_id_eq(rules->rules[0].state_hash, held)); /* a list changes, its windows live */
    cw_rules_free(rules);
    remove_file(room.dir, "a.yaml");
    remove_file(room.dir, "lists/passports.txt");
    remove_file(room.dir, "lists/cities.txt");
    remove_file(room.dir, "lists/ports.txt");
    close_room(&room);
}

static void only_the_lists_that_a_rule_reads_stand_in_its_alerts(void **state)
{
    (void)state;
    struct list_room room;
    open_room(&room);
    write_file(room.dir, "a.yaml",
               AD HEAD(ID_A) COUNT "---\ntitle: T\nid: " ID_B
                                   "\nlevel: low\nlogsource: {category: online_ad}\n"
                                   "detection: {s: {tz_offset|in_list: offsets}, condition: s}\n");
    write_file(room.dir, "lists/offsets.txt", "60\n-120\n60\n");
    struct cw_rules *rules = load_room(&room);
    assert_non_null(rules);
    assert_text(rules->rules[0].lists, "");
    assert_int_equal(rules->rules[1].lists.len, strlen("offsets=") + 64);
    const struct cw_instruction *test = &rules->rules[1].selections[0]->code[0];
    assert_int_equal(test->op, CW_OP_AMONG);
    assert_int_equal(test->numbers[0], -120);
    cw_rules_free(rules);
    remove_file(room.dir, "a.yaml");
    remove_file(room.dir, "lists/offsets.txt");
    close_room(&room);
}

static void what_is_wrong_in_a_list_has_its_place_there(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *errors;
    } cases[] = {
        { "RO:1\n\n  77 # what\n", "/lists/passports.txt:3:3: error: ambiguous: a passport is told "
                                   "apart by who issued it: expected RO:123, found \"77\"\n"
                                   "      77 # what\n      ^\n" },
        { "RO:1\nRO:\xff\n", "/lists/passports.txt:2:4: error: not UTF-8: byte 0xff" },
        { "RO:1\x01\n", "/lists/passports.txt:1:5: error: the control character U+0001" },
    };
    struct list_room room;
    open_room(&room);
    write_file(room.dir, "a.yaml",
               "title: T\nname: t\nlogsource: {category: online_ad}\ndetection:\n"
               "  s: {party.person.id.passport|in_list: passports}\n  condition: s\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(room.dir, "lists/passports.txt", cases[i].list);
        assert_null(load_room(&room));
        if (strstr((const char *)room.errors.data, cases[i].errors) == NULL)
            fail_msg("%s", (const char *)room.errors.data);
    }
    remove_file(room.dir, "lists/passports.txt");
    write_file(room.dir, "lists/passport.txt", "");
    assert_null(load_room(&room));
    assert_non_null(
        strstr((const char *)room.errors.data,
               "a.yaml:5:41: error: no list is named \"passports\": expected the file"));
    assert_non_null(strstr((const char *)room.errors.data, "did you mean \"passport\"?"));
    remove_file(room.dir, "a.yaml");
    remove_file(room.dir, "lists/passport.txt");
    close_room(&room);
}

/* ---- what is unwise ---- */

static void a_check_finds_what_is_unwise_too(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *finding; /* NULL: none */
    } cases[] = {
        { AD HEAD(ID_A) COUNT, ":8:1: error: expected purpose: [NAME] in crosswatch" },
        { AD HEAD(ID_A) COUNT "crosswatch: {mode: shadow}\n", ":12:1: error: expected purpose" },
        { AD HEAD(ID_A) COUNT "crosswatch: {mode: off}\n", NULL },
        { AD HEAD(ID_A) COUNT "crosswatch: {purpose: [combating-crime]}\n", NULL },
#define ONE(selections, condition)                                                                 \
    "title: T\nname: t\nlogsource: {category: online_ad}\ndetection:\n" selections                 \
    "  condition: " condition "\n"
        { ONE("  a: {owner|exists: true}\n", "a"), ":6:14: error: this holds for every online_ad" },
        { ONE("  a: {owner: \"*\"}\n", "a"), "holds for every" },
        { ONE("  a: {country|exists: true}\n", "a"), NULL },
        { ONE("  a: {country: NO}\n  b: {ad.city: x}\n", "a or not (a and b)"), "holds for every" },
        { ONE("  a: {country: NO}\n  b: {ad.city: x}\n", "a and not 1 of them"),
          ":7:14: error: this holds for no event" },
        { ONE("  a: {country: NO}\n  b: {country: SE}\n", "a and b"), NULL }, /* not our affair */
    };
    struct list_room room;
    open_room(&room);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(room.dir, "a.yaml", cases[i].text);
        struct cw_rules *rules = load_room(&room);
        assert_non_null(rules); /* it runs all the same */
        cw_rules_free(rules);
        room.errors.len = 0;
        rules = cw_rules_check(room.dir, &room.errors);
        cw_buf_u8(&room.errors, 0);
        if ((rules == NULL) != (cases[i].finding != NULL) ||
            (rules == NULL && strstr((const char *)room.errors.data, cases[i].finding) == NULL))
            fail_msg("%s\n%s", cases[i].text, (const char *)room.errors.data);
        cw_rules_free(rules);
    }
    remove_file(room.dir, "a.yaml");
    close_room(&room);
}

static void the_shipped_rules_are_sound(void **state)
{
    (void)state;
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_load(CW_SOURCE_DIR "/detectors/rules", &errors);
    if (rules == NULL)
        print_error("%.*s", (int)errors.len, (const char *)errors.data);
    assert_non_null(rules);
    assert_true(cw_rules_count(rules) >= 3);
    cw_rules_free(rules);
    cw_buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_count_has_its_key_field_window_and_cell),
        cmocka_unit_test(an_event_count_takes_several_types_and_resolves_entities),
        cmocka_unit_test(standing_looks_back_thirty_days_unless_told),
        cmocka_unit_test(the_core_may_be_asked_for),
        cmocka_unit_test(rules_are_numbered_by_id_and_not_by_place),
        cmocka_unit_test(an_id_in_capitals_is_the_same_id),
        cmocka_unit_test(a_detection_may_be_called_by_its_id_and_from_above),
        cmocka_unit_test(a_scalar_is_what_the_schema_says),
        cmocka_unit_test(a_time_is_read_as_a_time),
        cmocka_unit_test(the_hash_is_of_the_text),
        cmocka_unit_test(a_directory_is_one_set_whatever_else_lies_in_it),
        cmocka_unit_test(a_sum_and_further_conditions_stand_in_the_order_written),
        cmocka_unit_test(an_alias_joins_another_path_of_each_selection),
        cmocka_unit_test(an_alias_of_entities_is_an_entity),
        cmocka_unit_test(a_detection_with_a_level_alerts_for_each_event),
        cmocka_unit_test(what_is_off_is_checked_and_in_no_set),
        cmocka_unit_test(each_hash_changes_with_what_it_is_of_and_nothing_else),
        cmocka_unit_test(the_level_is_part_of_the_judgement_and_the_title_of_the_document),
        cmocka_unit_test(a_document_is_hashed_from_its_marker_to_the_next),
        cmocka_unit_test(a_list_is_read_from_beside_the_rules_and_known_by_its_hash),
        cmocka_unit_test(only_the_lists_that_a_rule_reads_stand_in_its_alerts),
        cmocka_unit_test(what_is_wrong_in_a_list_has_its_place_there),
        cmocka_unit_test(a_check_finds_what_is_unwise_too),
        cmocka_unit_test(the_shipped_rules_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

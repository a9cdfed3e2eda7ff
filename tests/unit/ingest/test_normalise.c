/*
 * test_normalise.c - clauses, defaults, what ingest writes into an event, keys, ids.
 *
 * Events are built in C and written with cw_event_write, so that nothing here stands on decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "ingest/normalise.h"
#include "operators/runtime/time.h"

#define T0 (18262 * CW_DAY) /* 2020-01-01 */

struct fixture {
    struct cw_secret secret;
    struct cw_normaliser *normaliser;
    struct cw_contract *contract;
    struct cw_arena *arena;
    struct cw_buf body;
    struct cw_event event;
    struct cw_value detail[CW_TYPE_FIELDS_MAX];
    struct cw_part parties[8];
    struct cw_part objects[8];
    int64_t arrival;
    struct cw_normal normal;
    struct cw_reason reason;
    struct cw_event read; /* what came out */
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    cw_secret_init(&f->secret, cw_cstr("crosswatch-test"));
    f->normaliser = cw_normaliser_new(&f->secret);
    f->contract = cw_contract_default();
    f->arena = cw_arena_new();
    cw_event_defaults(&f->event);
    f->event.owner = cw_cstr("RO-IGPR");
    f->event.event_id = cw_cstr("E-1");
    f->event.event_type = cw_cstr("online_ad");
    f->event.event_time = T0;
    f->event.recorded_at = T0 + CW_HOUR;
    f->event.detail_type = cw_type_by_name(cw_cstr("online_ad"));
    f->event.detail = f->detail;
    f->event.parties = f->parties;
    f->event.objects = f->objects;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cw_normaliser_free(f->normaliser);
    cw_contract_free(f->contract);
    cw_arena_free(f->arena);
    cw_buf_done(&f->body);
    test_free(f);
    return 0;
}

static bool normalise(struct fixture *f)
{
    f->body.len = 0;
    cw_event_write(&f->event, &f->body);
    f->reason = (struct cw_reason){ 0 };
    bool ok = cw_normalise(f->normaliser, f->contract,
                           (cw_str){ (const char *)f->body.data, f->body.len }, f->arrival,
                           &f->normal, &f->reason);
    if (ok)
        assert_true(cw_event_read(&f->read, f->normal.body.ptr, f->normal.body.len, f->arena));
    return ok;
}

static void accepted(struct fixture *f)
{
    if (!normalise(f))
        fail_msg("%s at %s: %s", f->reason.code, f->reason.field, f->reason.sentence);
}

static void rejected(struct fixture *f, const char *code, const char *field)
{
    assert_false(normalise(f));
    assert_string_equal(f->reason.code, code);
    assert_string_equal(f->reason.field, field);
    assert_true(strlen(f->reason.sentence) > 0);
}

static struct cw_part *party(struct fixture *f, const char *role)
{
    struct cw_part *part = &f->parties[f->event.party_count++];
    *part = (struct cw_part){ .role = cw_cstr(role), .kind = cw_cstr("person") };
    return part;
}

static struct cw_part *object(struct fixture *f, const char *type)
{
    struct cw_part *part = &f->objects[f->event.object_count++];
    *part = (struct cw_part){ .role = cw_cstr("subject"), .kind = cw_cstr(type) };
    return part;
}

static void add_id(struct fixture *f, struct cw_part *part, const char *kind, const char *issuer,
                   const char *value)
{
    if (part->ids == NULL)
        part->ids = cw_arena_alloc(f->arena, (CW_PART_IDS_MAX + 1) * sizeof(*part->ids));
    part->ids[part->id_count++] = (struct cw_identifier){ .kind = cw_cstr(kind),
                                                          .issuer = cw_cstr(issuer),
                                                          .value = cw_cstr(value) };
}

static void add_name(struct fixture *f, struct cw_part *part, const char *full)
{
    if (part->names == NULL)
        part->names = cw_arena_alloc(f->arena, 8 * sizeof(*part->names));
    part->names[part->name_count++] = (struct cw_name){ .full = cw_cstr(full) };
}

static void add_birth(struct fixture *f, struct cw_part *part, const char *date)
{
    if (part->birth_dates == NULL)
        part->birth_dates = cw_arena_alloc(f->arena, 8 * sizeof(*part->birth_dates));
    part->birth_dates[part->birth_date_count++] = cw_cstr(date);
}

static void assert_str(cw_str actual, const char *expected)
{
    assert_non_null(actual.ptr);
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.ptr, expected, actual.len);
}

static void assert_id(struct cw_id id, const char *hex)
{
    char text[CW_ID_HEX];
    cw_id_hex(id, text);
    assert_string_equal(text, hex);
}

static void notice(struct fixture *f, int64_t from, int64_t to)
{
    f->event.event_type = cw_cstr("notice");
    f->event.detail_type = cw_type_by_name(cw_cstr("notice"));
    const struct cw_type *type = f->event.detail_type;
    f->detail[cw_type_field(type, cw_cstr("colour"))] =
        (struct cw_value){ .present = true, .text = cw_cstr("red") };
    f->detail[cw_type_field(type, cw_cstr("valid_from"))] =
        (struct cw_value){ .present = true, .number = from };
    f->detail[cw_type_field(type, cw_cstr("valid_to"))] =
        (struct cw_value){ .present = to != 0, .number = to };
}

/* --- keys --- */

/* The vectors at the end of EXAMPLES.md. */
static void record_identity_and_keys_are_the_vectors(void **state)
{
    struct fixture *f = *state;
    struct cw_part *ana = party(f, "person");
    add_id(f, ana, "passport", "ROU", "050 123 456");
    add_id(f, ana, "national_id", "ro", "1800101-221144");
    add_name(f, ana, "Dr. Ana Maria POP");
    add_birth(f, ana, "1980/01/01");
    struct cw_part *caller = party(f, "contact");
    add_id(f, caller, "phone", "RO", "0700 000 001");
    (void)party(f, "person");
    accepted(f);
    assert_id(f->normal.header.identity, "ea3491bdd3ab436cb6389a31e4d60d42");
    assert_int_equal(f->normal.key_count, 6);
    const struct cw_key *keys = f->normal.keys;
    assert_id(keys[0].key, "4d77cf5735a742adde16055318782953");
    assert_int_equal(keys[0].flags, CW_KEY_RECORD);
    assert_id(keys[1].key, "7eb0bb4f6bc7f9b1b3d5bc82840566c1");
    assert_int_equal(keys[1].flags, CW_KEY_VALID | CW_KEY_UNIQUE);
    assert_int_equal(keys[1].kind, 3);
    assert_int_equal(keys[1].rank, 2);
    assert_int_equal(keys[2].flags, CW_KEY_VALID | CW_KEY_UNIQUE | CW_KEY_EXCLUSIVE);
    assert_int_equal(keys[2].rank, 1);
    assert_int_equal(keys[3].flags, CW_KEY_RECORD | CW_KEY_WEAK);
    assert_int_equal(keys[3].part, 1);
    assert_id(keys[4].key, "99ace68e1fff21b8da732713bd3818e2");
    assert_int_equal(keys[4].flags, CW_KEY_VALID);
    assert_int_equal(keys[4].rank, 0);
    assert_id(keys[5].key, "0b69c56d627c3a2b2a0dc627d08f5bf8");
    assert_int_equal(keys[5].flags, CW_KEY_RECORD | CW_KEY_WEAK);
    assert_int_equal(keys[5].part, 2);
}

static void scopes_are_kind_and_issuer(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_id(f, person, "national_id", "XX", "N1");
    add_id(f, person, "national_id", "YY", "N1");
    accepted(f);
    assert_int_equal(f->normal.keys[0].scope,
                     cw_id_scope(&f->secret, cw_cstr("person"), cw_cstr("")));
    assert_int_equal(f->normal.keys[1].scope,
                     cw_id_scope(&f->secret, cw_cstr("national_id"), cw_cstr("XX")));
    assert_int_equal(f->normal.keys[2].scope,
                     cw_id_scope(&f->secret, cw_cstr("national_id"), cw_cstr("YY")));
}

/* Order, repeats and writing of what a party states do not make another record. */
static void the_same_features_are_one_record(void **state)
{
    struct fixture *f = *state;
    struct cw_part *a = party(f, "person");
    add_id(f, a, "passport", "XX", "P1");
    add_id(f, a, "phone", "", "+40700000001");
    add_name(f, a, "Ana Pop");
    add_name(f, a, "Anna Popp");
    struct cw_part *b = party(f, "contact");
    add_id(f, b, "phone", "", "0040 700 000 001");
    add_id(f, b, "passport", "XX", "p-1");
    add_id(f, b, "passport", "XX", "P1");
    add_id(f, b, "passport", "", "P1"); /* no issuer: no feature */
    add_name(f, b, "ANNA POPP");
    add_name(f, b, "ana  pop");
    add_name(f, b, "Mrs Ana Pop");
    accepted(f);
    assert_true(cw_id_eq(f->normal.keys[0].key, f->normal.keys[3].key));
    assert_int_equal(f->normal.key_count, 6); /* P1 is one key of b */
}

static void who_states_too_little_is_weak(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        const char *birth;
        const char *kind;
        bool weak;
    } cases[] = {
        { "John Smith", NULL, NULL, true },
        { "John Smith", "1980-01", NULL, true },
        { NULL, "1980-01-31", NULL, true },
        { "...", "1980-01-31", NULL, true },
        { "John Smith", "1980-01-31", NULL, false },
        { NULL, NULL, "passport", false },
        { NULL, NULL, "phone", true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f->event.party_count = 0;
        struct cw_part *person = party(f, "person");
        if (cases[i].name != NULL)
            add_name(f, person, cases[i].name);
        if (cases[i].birth != NULL)
            add_birth(f, person, cases[i].birth);
        if (cases[i].kind != NULL)
            add_id(f, person, cases[i].kind, "RO", "0700000001");
        accepted(f);
        assert_int_equal((f->normal.keys[0].flags & CW_KEY_WEAK) != 0, cases[i].weak);
    }
}

static void an_object_is_what_its_identifiers_are(void **state)
{
    struct fixture *f = *state;
    struct cw_part *holder = party(f, "holder");
    add_id(f, holder, "passport", "XX", "P1");
    struct cw_part *account = object(f, "account");
    add_id(f, account, "iban", "", "GB82 WEST 1234 5698 7654 32");
    (void)object(f, "account");
    struct cw_part *shown = object(f, "document");
    add_id(f, shown, "passport", "XX", "P1");
    accepted(f);
    const struct cw_key *keys = f->normal.keys;
    assert_int_equal(f->normal.key_count, 7);
    assert_int_equal(keys[2].part, 1);
    assert_int_equal(keys[2].flags, CW_KEY_RECORD);
    assert_int_equal(keys[2].scope, cw_id_scope(&f->secret, cw_cstr("account"), cw_cstr("")));
    assert_int_equal(keys[3].flags, CW_KEY_VALID | CW_KEY_UNIQUE);
    assert_int_equal(keys[4].flags, CW_KEY_RECORD | CW_KEY_WEAK);
    assert_int_equal(keys[5].flags, CW_KEY_RECORD);
    /* one passport, two records: a person and the document */
    assert_true(cw_id_eq(keys[1].key, keys[6].key));
    assert_false(cw_id_eq(keys[0].key, keys[5].key));
}

static void an_identifier_in_the_wrong_place_is_no_key(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_id(f, person, "iban", "", "GB82WEST12345698765432");
    add_id(f, person, "account", "", "1");
    struct cw_part *thing = object(f, "document");
    add_id(f, thing, "tax_id", "XX", "1");
    accepted(f);
    assert_int_equal(f->normal.key_count, 2);
    assert_str(f->read.parties[0].ids[0].fault, "wrong_place");
    assert_str(f->read.parties[0].ids[1].fault, "wrong_place");
    assert_str(f->read.objects[0].ids[0].fault, "wrong_place");
}

/* --- what ingest writes --- */

static void an_identifier_is_canonical_and_keeps_what_was_stated(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_id(f, person, "passport", "RO", "ab 12");
    add_id(f, person, "passport", "RO", "AB13");
    add_id(f, person, "phone", "RO", "0700000001");
    add_id(f, person, "passport", "DEU", "C1");
    person->ids[1].stated = cw_cstr("what an agency sends here");
    person->ids[1].fault = cw_cstr("is ignored");
    person->ids[2].issuer = cw_cstr("RO");
    accepted(f);
    const struct cw_identifier *ids = f->read.parties[0].ids;
    assert_str(ids[0].value, "AB12");
    assert_str(ids[0].stated, "ab 12");
    assert_null(ids[0].fault.ptr);
    assert_str(ids[1].value, "AB13");
    assert_null(ids[1].stated.ptr);
    assert_null(ids[1].fault.ptr);
    assert_str(ids[2].value, "+40700000001");
    assert_null(ids[2].issuer.ptr);
    assert_str(ids[2].stated, "RO:0700000001");
    assert_str(ids[3].issuer, "DE");
    assert_str(ids[3].stated, "DEU:C1");
}

static void an_invalid_identifier_stays_as_stated_with_its_fault(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_id(f, person, "phone", "", "070 0000001");
    add_id(f, person, "passport", "", "p1");
    add_id(f, person, "vin", "", "x");
    add_id(f, person, "national_id", "RO", "1800101221145");
    person->ids[1].issuer = (cw_str){ NULL, 0 };
    accepted(f);
    const struct cw_identifier *ids = f->read.parties[0].ids;
    assert_str(ids[0].value, "070 0000001");
    assert_str(ids[0].fault, "no_country_code");
    assert_null(ids[0].stated.ptr);
    assert_str(ids[1].value, "p1");
    assert_str(ids[1].fault, "no_issuer");
    assert_str(ids[2].fault, "unknown_kind");
    assert_str(ids[3].fault, "check_digit");
    assert_int_equal(f->normal.key_count, 1);
}

/* A national id of an organisation is the number of some register. */
static void an_organisation_has_no_person_s_number(void **state)
{
    struct fixture *f = *state;
    struct cw_part *firm = party(f, "holder");
    firm->kind = cw_cstr("organisation");
    add_id(f, firm, "national_id", "RO", "J40/123/2000");
    accepted(f);
    assert_str(f->read.parties[0].ids[0].value, "J401232000");
    assert_null(f->read.parties[0].ids[0].fault.ptr);
}

static void names_are_folded_and_birth_dates_are_iso(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_name(f, person, "Dr. Ana POP");
    person->names[0].folded = cw_cstr("what an agency sends here");
    add_birth(f, person, "1980/02/00");
    accepted(f);
    assert_str(f->read.parties[0].names[0].full, "Dr. Ana POP");
    assert_str(f->read.parties[0].names[0].folded, "ana pop");
    assert_str(f->read.parties[0].birth_dates[0], "1980-02");
}

static void normalising_again_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    add_id(f, person, "passport", "RO", "AB12");
    add_id(f, person, "phone", "", "+40700000001");
    add_name(f, person, "Ana POP");
    accepted(f);
    struct cw_buf once = { 0 };
    cw_buf_str(&once, f->normal.body);
    struct cw_id content = f->normal.header.content;
    assert_true(cw_normalise(f->normaliser, f->contract,
                             (cw_str){ (const char *)once.data, once.len }, 0, &f->normal,
                             &f->reason));
    assert_int_equal(f->normal.body.len, once.len);
    assert_memory_equal(f->normal.body.ptr, once.data, once.len);
    assert_true(cw_id_eq(f->normal.header.content, content));
    cw_buf_done(&once);
}

static void the_header_says_what_the_event_is(void **state)
{
    struct fixture *f = *state;
    f->event.time_precision = cw_cstr("day");
    f->event.event_time = T0 + 5 * CW_HOUR;
    f->event.version = 7;
    accepted(f);
    const struct cw_frame *header = &f->normal.header;
    assert_int_equal(header->kind, CW_EVENT);
    assert_int_equal(header->flags, 0);
    assert_int_equal(header->type, cw_type_by_name(cw_cstr("online_ad"))->number);
    assert_true(header->time_lo == T0);
    assert_true(header->time_span == CW_DAY - 1);
    assert_true(header->recorded_at == T0 + CW_HOUR);
    assert_int_equal(header->version, 7);
    assert_str(f->normal.owner, "RO-IGPR");
    assert_ptr_equal(f->normal.owner.ptr, f->normal.body.ptr + 1);
    struct cw_id content = cw_event_content(&f->read, &f->secret);
    assert_true(cw_id_eq(header->content, content));
}

static void a_notice_is_standing(void **state)
{
    struct fixture *f = *state;
    notice(f, T0, T0 + CW_DAY);
    accepted(f);
    assert_int_equal(f->normal.header.flags, CW_STANDING);
    notice(f, T0, 0);
    f->detail[cw_type_field(f->event.detail_type, cw_cstr("cancelled_at"))] =
        (struct cw_value){ .present = true, .number = T0 - 400 * CW_DAY };
    accepted(f);
}

/* --- defaults of the contract --- */

static void the_contract_fills_in_what_the_event_leaves_out(void **state)
{
    struct fixture *f = *state;
    cw_str purposes[] = { cw_cstr("combating-crime") };
    cw_str codes[] = { cw_cstr("H1") };
    f->contract->purposes = purposes;
    f->contract->purpose_count = 1;
    f->contract->handling =
        (struct cw_handling){ .present = true, .codes = codes, .code_count = 1 };
    accepted(f);
    assert_int_equal(f->read.purpose_count, 1);
    assert_str(f->read.purposes[0], "combating-crime");
    assert_true(f->read.handling.present);
    assert_str(f->read.handling.codes[0], "H1");

    cw_str own[] = { cw_cstr("border-management") };
    f->event.purposes = own;
    f->event.purpose_count = 1;
    f->event.handling = (struct cw_handling){ .present = true, .tlp = cw_cstr("RED") };
    accepted(f);
    assert_int_equal(f->read.purpose_count, 1);
    assert_str(f->read.purposes[0], "border-management");
    assert_str(f->read.handling.tlp, "RED");
    /* field by field: who states one thing is not less restricted in another */
    assert_int_equal(f->read.handling.code_count, 1);
    assert_str(f->read.handling.codes[0], "H1");
}

static void each_field_of_handling_has_its_own_default(void **state)
{
    struct fixture *f = *state;
    cw_str words[] = { cw_cstr("H1"), cw_cstr("H2"), cw_cstr("dk"), cw_cstr("fr") };
    const struct cw_handling defaults = { .present = true,
                                          .codes = words,
                                          .code_count = 1,
                                          .text = cw_cstr("ask first"),
                                          .tlp = cw_cstr("AMBER"),
                                          .pap = cw_cstr("GREEN"),
                                          .sharing_group = cw_cstr("a"),
                                          .audience = words + 2,
                                          .audience_count = 1 };
    const struct cw_handling stated = { .present = true,
                                        .codes = words + 1,
                                        .code_count = 1,
                                        .text = cw_cstr("never"),
                                        .tlp = cw_cstr("RED"),
                                        .pap = cw_cstr("RED"),
                                        .sharing_group = cw_cstr("b"),
                                        .audience = words + 3,
                                        .audience_count = 1 };
    f->contract->handling = defaults;
    for (size_t field = 0; field < 6; field++) {
        struct cw_handling *handling = &f->event.handling;
        *handling = stated;
        if (field == 0)
            handling->code_count = 0;
        else if (field == 1)
            handling->text = (cw_str){ NULL, 0 };
        else if (field == 2)
            handling->tlp = (cw_str){ NULL, 0 };
        else if (field == 3)
            handling->pap = (cw_str){ NULL, 0 };
        else if (field == 4)
            handling->sharing_group = (cw_str){ NULL, 0 };
        else
            handling->audience_count = 0;
        accepted(f);
        const struct cw_handling *read = &f->read.handling;
        assert_int_equal(read->code_count, 1);
        assert_str(read->codes[0], field == 0 ? "H1" : "H2");
        assert_str(read->text, field == 1 ? "ask first" : "never");
        assert_str(read->tlp, field == 2 ? "AMBER" : "RED");
        assert_str(read->pap, field == 3 ? "GREEN" : "RED");
        assert_str(read->sharing_group, field == 4 ? "a" : "b");
        assert_int_equal(read->audience_count, 1);
        assert_str(read->audience[0], field == 5 ? "dk" : "fr");
    }
}

static void only_the_owners_of_the_contract_may_speak(void **state)
{
    struct fixture *f = *state;
    cw_str owners[] = { cw_cstr("RO-PF"), cw_cstr("RO-IGPR") };
    f->contract->owners = owners;
    f->contract->owner_count = 2;
    accepted(f);
    f->event.owner = cw_cstr("RO-IGPR ");
    rejected(f, "unknown_owner", "owner");
    /* a forged withdrawal is no better */
    f->event.op = cw_cstr("withdraw");
    rejected(f, "unknown_owner", "owner");
}

/* --- retention --- */

static void a_missing_retention_is_the_type_s(void **state)
{
    struct fixture *f = *state;
    accepted(f);
    const struct cw_type *type = cw_type_by_name(cw_cstr("online_ad"));
    assert_true(f->normal.header.retain_until == f->event.recorded_at + type->retention);
    assert_false(f->read.retain_until.present);
}

static void a_retention_beyond_the_longest_is_cut(void **state)
{
    struct fixture *f = *state;
    const struct cw_type *type = cw_type_by_name(cw_cstr("online_ad"));
    int64_t longest = f->event.recorded_at + type->retention_max;
    f->event.retain_until = (struct cw_value){ .present = true, .number = longest };
    accepted(f);
    assert_true(f->normal.header.retain_until == longest);
    f->event.retain_until.number = longest + 1;
    accepted(f);
    assert_true(f->normal.header.retain_until == longest);
    f->event.retain_until.number = f->event.recorded_at;
    accepted(f);
    assert_true(f->normal.header.retain_until == f->event.recorded_at);
}

static void a_withdrawal_needs_no_more_than_its_name(void **state)
{
    struct fixture *f = *state;
    f->event.op = cw_cstr("withdraw");
    f->event.detail = NULL;
    f->event.retain_until = (struct cw_value){ .present = true, .number = T0 + 2 * CW_HOUR };
    accepted(f);
    const struct cw_type *type = cw_type_by_name(cw_cstr("online_ad"));
    assert_int_equal(f->normal.header.flags, CW_WITHDRAW);
    assert_true(f->normal.header.retain_until == f->event.recorded_at + type->retention_max);
    assert_int_equal(f->normal.key_count, 0);
}

/* Whatever else it says would stay behind with its tombstone, and would tell two of them apart. */
static void a_withdrawal_leaves_nothing_of_a_person_behind(void **state)
{
    struct fixture *f = *state;
    f->event.op = cw_cstr("withdraw");
    f->event.detail = NULL;
    accepted(f);
    struct cw_id content = f->normal.header.content;
    add_name(f, party(f, "person"), "Ana Pop");
    f->event.detail = f->detail;
    f->event.country = cw_cstr("Romania");
    accepted(f);
    assert_int_equal(f->read.party_count, 0);
    assert_null(f->read.detail);
    assert_int_equal(f->normal.key_count, 0);
    assert_true(cw_id_eq(f->normal.header.content, content));
}

/* --- clauses --- */

static void texts_that_name_an_event_must_stand(void **state)
{
    struct fixture *f = *state;
    char longer[258];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[257] = '\0';
    f->event.owner = cw_cstr("");
    rejected(f, "missing", "owner");
    f->event.owner = cw_cstr(longer);
    rejected(f, "too_long", "owner");
    f->event.owner = cw_cstr("RO-IGPR");
    f->event.event_id = cw_cstr("");
    rejected(f, "missing", "event_id");
    f->event.event_id = cw_cstr("E-1");
    f->event.event_type = cw_cstr("");
    rejected(f, "missing", "event_type");
    f->event.event_type = cw_cstr("gossip");
    rejected(f, "unknown_type", "event_type");
}

static void versions_and_ops_are_of_a_kind(void **state)
{
    struct fixture *f = *state;
    f->event.version = 0;
    rejected(f, "bad_version", "version");
    f->event.version = 1;
    f->event.op = cw_cstr("delete");
    rejected(f, "bad_op", "op");
}

static void times_lie_in_four_digit_years(void **state)
{
    struct fixture *f = *state;
    int64_t first = cw_days_from_civil(1, 1, 1) * CW_DAY;
    int64_t behind = cw_days_from_civil(10000, 1, 1) * CW_DAY;
    f->event.event_time = first;
    accepted(f);
    f->event.event_time = behind - 1;
    accepted(f);
    f->event.event_time = first - 1;
    rejected(f, "bad_time", "event_time");
    f->event.event_time = behind;
    rejected(f, "bad_time", "event_time");
    f->event.event_time = INT64_MAX;
    rejected(f, "bad_time", "event_time");
    f->event.event_time = T0;
    f->event.recorded_at = INT64_MIN;
    rejected(f, "bad_time", "recorded_at");
    f->event.recorded_at = T0;
    f->event.retain_until = (struct cw_value){ .present = true, .number = INT64_MAX };
    rejected(f, "bad_time", "retain_until");
    f->event.retain_until.number = T0 - 1;
    rejected(f, "retain_before_recorded", "retain_until");
}

static void precision_and_offset_are_possible(void **state)
{
    struct fixture *f = *state;
    static const char *const right[] = {
        "year", "month", "day", "minute", "second", "microsecond"
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        f->event.time_precision = cw_cstr(right[i]);
        accepted(f);
    }
    f->event.time_precision = cw_cstr("century");
    rejected(f, "bad_precision", "time_precision");
    f->event.time_precision = cw_cstr("day");
    f->event.tz_offset = 18 * 60;
    accepted(f);
    f->event.tz_offset = -18 * 60;
    accepted(f);
    f->event.tz_offset = 18 * 60 + 1;
    rejected(f, "bad_offset", "tz_offset");
    f->event.tz_offset = -18 * 60 - 1;
    rejected(f, "bad_offset", "tz_offset");
}

static void skew_is_judged_by_the_arrival_where_there_is_one(void **state)
{
    struct fixture *f = *state;
    f->contract->skew = CW_MINUTE;
    f->arrival = T0 - CW_MINUTE;
    accepted(f);
    f->arrival = T0 - CW_MINUTE - 1;
    rejected(f, "from_the_future", "event_time");
    f->arrival = 0;
    f->event.event_time = T0 + 100 * 365 * CW_DAY;
    accepted(f);
}

static void a_country_is_two_capital_letters(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = { "", "R", "ro", "ROU", "R1" };
    f->event.country = cw_cstr("RO");
    accepted(f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        f->event.country = cw_cstr(wrong[i]);
        rejected(f, "bad_country", "country");
    }
    f->event.country = cw_cstr("RO");
    struct cw_part *person = party(f, "person");
    cw_str nationalities[] = { cw_cstr("RO"), cw_cstr("Moldova") };
    person->nationalities = nationalities;
    person->nationality_count = 2;
    rejected(f, "bad_country", "parties[0].nationalities[1]");
}

static void a_place_is_on_the_globe(void **state)
{
    struct fixture *f = *state;
    struct cw_place *place = &f->event.place;
    place->present = true;
    accepted(f);
    place->lat = (struct cw_value){ .present = true, .real = 90 };
    rejected(f, "bad_place", "place.lon");
    place->lon = (struct cw_value){ .present = true, .real = -180 };
    accepted(f);
    place->lat.real = 90.5;
    rejected(f, "bad_place", "place.lat");
    place->lat.real = 0.0;
    place->lon.real = __builtin_nan("");
    rejected(f, "bad_place", "place.lon");
}

static void restrictions_that_nobody_knows_are_refused(void **state)
{
    struct fixture *f = *state;
    cw_str codes[] = { cw_cstr("H1"), cw_cstr("H9") };
    f->event.handling = (struct cw_handling){ .present = true, .codes = codes, .code_count = 1 };
    accepted(f);
    f->event.handling.code_count = 2;
    rejected(f, "bad_handling", "handling.codes[1]");
    f->event.handling = (struct cw_handling){ .present = true, .tlp = cw_cstr("amber") };
    rejected(f, "bad_handling", "handling.tlp");
    f->event.handling = (struct cw_handling){ .present = true, .pap = cw_cstr("PINK") };
    rejected(f, "bad_handling", "handling.pap");
}

static void lists_hold_words(void **state)
{
    struct fixture *f = *state;
    cw_str words[] = { cw_cstr("trafficking"), cw_cstr("") };
    f->event.crime_areas = words;
    f->event.crime_area_count = 2;
    rejected(f, "bad_list", "crime_areas[1]");
    f->event.crime_area_count = 1;
    f->event.purposes = words;
    f->event.purpose_count = 2;
    rejected(f, "bad_list", "purposes[1]");
    f->event.purpose_count = 1;
    f->event.handling =
        (struct cw_handling){ .present = true, .audience = words, .audience_count = 2 };
    rejected(f, "bad_list", "handling.audience[1]");
}

static void a_grading_is_whole(void **state)
{
    struct fixture *f = *state;
    f->event.grading = (struct cw_grading){
        .present = true, .scheme = cw_cstr("4x4"), .source = cw_cstr("A"), .info = cw_cstr("")
    };
    rejected(f, "missing", "grading.info");
    f->event.grading.info = cw_cstr("1");
    accepted(f);
    f->event.evidence_status = cw_cstr("");
    rejected(f, "missing", "evidence_status");
}

static void parts_say_what_they_are(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "");
    rejected(f, "missing", "parties[0].role");
    person->role = cw_cstr("person");
    person->kind = cw_cstr("dog");
    rejected(f, "bad_kind", "parties[0].kind");
    person->kind = cw_cstr("person");
    add_name(f, person, "");
    rejected(f, "missing", "parties[0].names[0].full");
    person->names[0].full = cw_cstr("?");
    accepted(f);
    add_birth(f, person, "1980-02-30");
    rejected(f, "bad_birth_date", "parties[0].birth_dates[0]");
    person->birth_date_count = 0;
    add_id(f, person, "", "", "1");
    rejected(f, "missing", "parties[0].ids[0].kind");
    person->id_count = 0;
    struct cw_part *thing = object(f, "");
    rejected(f, "missing", "objects[0].type");
    thing->kind = cw_cstr("account");
    thing->role = cw_cstr("");
    rejected(f, "missing", "objects[0].role");
}

static void parts_and_their_identifiers_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct cw_part *person = party(f, "person");
    for (size_t i = 0; i <= CW_PART_IDS_MAX; i++)
        add_id(f, person, "passport", "XX", "P1");
    rejected(f, "too_many_parts", "parties[0].ids");
    person->id_count = CW_PART_IDS_MAX;
    accepted(f);
    person->id_count = 0;
    struct cw_part *many = cw_arena_alloc(f->arena, (CW_PARTS_MAX + 1) * sizeof(*many));
    for (size_t i = 0; i <= CW_PARTS_MAX; i++)
        many[i] = *person;
    f->event.parties = many;
    f->event.party_count = CW_PARTS_MAX + 1;
    rejected(f, "too_many_parts", "parties");
    f->event.party_count = CW_PARTS_MAX;
    accepted(f);
    (void)object(f, "account");
    rejected(f, "too_many_parts", "objects");
}

static void an_event_brings_the_fields_of_its_type(void **state)
{
    struct fixture *f = *state;
    f->event.detail = NULL;
    rejected(f, "missing_detail", "ad");
    f->event.detail = f->detail;
    f->event.detail_type = cw_type_by_name(cw_cstr("border_crossing"));
    rejected(f, "wrong_detail", "crossing");
}

static void an_event_of_two_types_is_none(void **state)
{
    struct fixture *f = *state;
    struct cw_buf two = { 0 };
    cw_event_write(&f->event, &two);
    /* The details end a body: null, null, null, then the ad: 1 and four times null; then null for
     * each later type. */
    static const uint8_t ends[] = { 0, 0, 0, 2, 0, 0, 0, 0 };
    size_t later = cw_type_count() - 4U;
    two.len -= later;
    assert_memory_equal(two.data + two.len - sizeof(ends), ends, sizeof(ends));
    static const uint8_t crossing_too[] = { 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0 };
    two.len -= sizeof(ends);
    cw_buf_put(&two, crossing_too, sizeof(crossing_too));
    for (size_t i = 0; i < later; i++)
        cw_buf_u8(&two, 0);
    assert_false(cw_normalise(f->normaliser, f->contract,
                              (cw_str){ (const char *)two.data, two.len }, 0, &f->normal,
                              &f->reason));
    assert_string_equal(f->reason.code, "wrong_detail");
    cw_buf_done(&two);
}

static void a_notice_holds_over_an_interval(void **state)
{
    struct fixture *f = *state;
    notice(f, T0, T0);
    rejected(f, "bad_interval", "notice.valid_to");
    notice(f, T0, T0 + 1);
    accepted(f);
    notice(f, INT64_MAX, 0);
    rejected(f, "bad_time", "notice.valid_from");
    notice(f, T0, 0);
    f->detail[cw_type_field(f->event.detail_type, cw_cstr("colour"))].text = cw_cstr("");
    rejected(f, "missing", "notice.colour");
}

/* A compatibility ligature of three bytes folds to 33: names are bounded, so a frame can hold it.
 */
static void what_grows_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    struct cw_buf text = { 0 };
    for (size_t i = 0; i < 341; i++)
        cw_buf_cstr(&text, "\xef\xb7\xba");
    struct cw_name *names = cw_arena_alloc(f->arena, 1024 * sizeof(*names));
    for (size_t i = 0; i < 1024; i++)
        names[i].full = (cw_str){ (const char *)text.data, text.len };
    struct cw_part *person = party(f, "person");
    person->names = names;
    person->name_count = 1024;
    rejected(f, "too_large", "");
    person->name_count = 10;
    accepted(f);
    add_name(f, party(f, "person"), "x");
    f->parties[1].names[0].full = (cw_str){ (const char *)text.data, text.len };
    cw_buf_cstr(&text, "xx");
    f->parties[1].names[0].full = (cw_str){ (const char *)text.data, text.len };
    person->name_count = 0;
    rejected(f, "too_long", "parties[1].names[0].full");
    cw_buf_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(record_identity_and_keys_are_the_vectors),
        TEST(scopes_are_kind_and_issuer),
        TEST(the_same_features_are_one_record),
        TEST(who_states_too_little_is_weak),
        TEST(an_object_is_what_its_identifiers_are),
        TEST(an_identifier_in_the_wrong_place_is_no_key),
        TEST(an_identifier_is_canonical_and_keeps_what_was_stated),
        TEST(an_invalid_identifier_stays_as_stated_with_its_fault),
        TEST(an_organisation_has_no_person_s_number),
        TEST(names_are_folded_and_birth_dates_are_iso),
        TEST(normalising_again_changes_nothing),
        TEST(the_header_says_what_the_event_is),
        TEST(a_notice_is_standing),
        TEST(the_contract_fills_in_what_the_event_leaves_out),
        TEST(each_field_of_handling_has_its_own_default),
        TEST(only_the_owners_of_the_contract_may_speak),
        TEST(a_missing_retention_is_the_type_s),
        TEST(a_retention_beyond_the_longest_is_cut),
        TEST(a_withdrawal_needs_no_more_than_its_name),
        TEST(a_withdrawal_leaves_nothing_of_a_person_behind),
        TEST(texts_that_name_an_event_must_stand),
        TEST(versions_and_ops_are_of_a_kind),
        TEST(times_lie_in_four_digit_years),
        TEST(precision_and_offset_are_possible),
        TEST(skew_is_judged_by_the_arrival_where_there_is_one),
        TEST(a_country_is_two_capital_letters),
        TEST(a_place_is_on_the_globe),
        TEST(restrictions_that_nobody_knows_are_refused),
        TEST(lists_hold_words),
        TEST(a_grading_is_whole),
        TEST(parts_say_what_they_are),
        TEST(parts_and_their_identifiers_are_bounded),
        TEST(an_event_brings_the_fields_of_its_type),
        TEST(an_event_of_two_types_is_none),
        TEST(a_notice_holds_over_an_interval),
        TEST(what_grows_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_contract.c - what a contract says, and what is said of one that is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/contract.h"
#include "operators/runtime/time.h"

/* A folder with a schema and a folder of schemas beside the contract. */
struct fixture {
    char folder[64];
    char path[128];
    struct cw_diag diag;
    struct cw_contract *contract;
};

static char *in_folder(const struct fixture *f, const char *name)
{
    static char path[160];
    snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    return path;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/cw-contract-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/ro-igpr.yaml", f->folder);
    FILE *schema = fopen(in_folder(f, "ro.avsc"), "w");
    assert_non_null(schema);
    fclose(schema);
    assert_int_equal(mkdir(in_folder(f, "schemas"), 0700), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(in_folder(f, "ro.avsc"));
    unlink(f->path);
    rmdir(in_folder(f, "schemas"));
    rmdir(f->folder);
    cw_contract_free(f->contract);
    cw_diag_done(&f->diag);
    test_free(f);
    return 0;
}

static void load(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
    cw_contract_free(f->contract);
    cw_diag_done(&f->diag);
    f->diag = (struct cw_diag){ 0 };
    f->contract = cw_contract_load(f->path, &f->diag);
}

static const char *said(struct fixture *f)
{
    cw_buf_u8(&f->diag.out, 0);
    f->diag.out.len--;
    return (const char *)f->diag.out.data;
}

static void right(struct fixture *f, const char *text)
{
    load(f, text);
    if (f->contract == NULL)
        fail_msg("%s", said(f));
    assert_int_equal(f->diag.count, 0);
}

/* The contract is refused, and what is said names the place and has the words. */
static void wrong(struct fixture *f, const char *text, const char *place, const char *words)
{
    char start[192];
    load(f, text);
    assert_null(f->contract);
    assert_true(f->diag.count > 0);
    snprintf(start, sizeof(start), "%s%s", f->path, place);
    if (strstr(said(f), start) == NULL || strstr(said(f), words) == NULL)
        fail_msg("expected %s and \"%s\" in:\n%s", start, words, said(f));
}

static void assert_str(cw_str actual, const char *expected)
{
    assert_true(cw_str_is(actual, expected));
}

static void a_whole_contract_says_all_this(void **state)
{
    struct fixture *f = *state;
    right(f, "# what RO-IGPR promised\n"
             "owners: [RO-IGPR, RO-PF]\n"
             "schema: ro.avsc\n"
             "schemas: schemas/\n"
             "lateness: {default: 3d, border_crossing: 2h}\n"
             "skew: 5m\n"
             "defaults:\n"
             "  purposes: [combating-crime]\n"
             "  handling: {codes: [H1, H3], text: 'ask first', tlp: AMBER+STRICT, pap: GREEN,\n"
             "             sharing_group: JIT-7, audience: [all, ro]}\n");
    const struct cw_contract *c = f->contract;
    assert_string_equal(c->name, "ro-igpr");
    assert_int_equal(strncmp(c->text, "# what RO-IGPR promised\n", 24), 0);
    assert_int_equal(c->owner_count, 2);
    assert_str(c->owners[1], "RO-PF");
    assert_string_equal(c->schema_path, in_folder(f, "ro.avsc"));
    assert_string_equal(c->schemas_dir, in_folder(f, "schemas/"));
    assert_true(c->lateness[cw_type_by_name(cw_cstr("border_crossing"))->number] == 2 * CW_HOUR);
    assert_true(c->lateness[cw_type_by_name(cw_cstr("online_ad"))->number] == 3 * CW_DAY);
    assert_true(c->skew == 5 * CW_MINUTE);
    assert_int_equal(c->purpose_count, 1);
    assert_str(c->purposes[0], "combating-crime");
    assert_true(c->handling.present);
    assert_int_equal(c->handling.code_count, 2);
    assert_str(c->handling.codes[1], "H3");
    assert_str(c->handling.text, "ask first");
    assert_str(c->handling.tlp, "AMBER+STRICT");
    assert_str(c->handling.pap, "GREEN");
    assert_str(c->handling.sharing_group, "JIT-7");
    assert_int_equal(c->handling.audience_count, 2);
    assert_true(cw_contract_allows(c, cw_cstr("RO-PF")));
    assert_false(cw_contract_allows(c, cw_cstr("BG-MVR")));
}

static void what_is_left_out_is_as_without_a_contract(void **state)
{
    struct fixture *f = *state;
    struct cw_contract *none = cw_contract_default();
    assert_string_equal(none->name, "");
    assert_null(none->text);
    assert_true(cw_contract_allows(none, cw_cstr("anyone")));
    for (size_t i = 0; i <= CW_TYPES_MAX; i++)
        assert_true(none->lateness[i] == 7 * CW_DAY);
    assert_false(none->handling.present);

    right(f, "owners: [X]\n");
    assert_memory_equal(f->contract->lateness, none->lateness, sizeof(none->lateness));
    assert_true(f->contract->skew == none->skew);
    assert_null(f->contract->schema_path);
    assert_null(f->contract->schemas_dir);
    assert_false(f->contract->handling.present);
    cw_contract_free(none);
}

static void a_path_that_begins_at_the_root_stays(void **state)
{
    struct fixture *f = *state;
    char text[256];
    snprintf(text, sizeof(text), "schema: %s\n", in_folder(f, "ro.avsc"));
    right(f, text);
    assert_string_equal(f->contract->schema_path, in_folder(f, "ro.avsc"));
}

static void a_key_that_nobody_knows_is_a_mistake(void **state)
{
    struct fixture *f = *state;
    wrong(f, "owners: [X]\nlatenes: {default: 1d}\n", ":2:1", "did you mean lateness?");
    wrong(f, "defaults: {handling: {tpl: RED}}\n", ":1:23", "did you mean tlp?");
    wrong(f, "lateness: {boarder_crossing: 1d}\n", ":1:12", "did you mean border_crossing?");
    wrong(f, "defaults: {audience: [all]}\n", ":1:12", "expected purposes or handling");
}

static void a_value_of_the_wrong_kind_is_a_mistake(void **state)
{
    struct fixture *f = *state;
    wrong(f, "owners: RO-IGPR\n", ":1:9", "expected a list of owners, found \"RO-IGPR\"");
    wrong(f, "owners:\n", ":1:8", "expected a list of owners, found nothing");
    wrong(f, "owners: []\n", ":1:9", "one owner at least");
    wrong(f, "owners: [[X]]\n", ":1:10", "expected a word, found a list");
    wrong(f, "skew: soon\n", ":1:7", "expected a duration such as 7d, 12h, 10m or 30s");
    wrong(f, "lateness: 7d\n", ":1:11", "expected a mapping");
    wrong(f, "lateness: {default: -1d}\n", ":1:21", "expected a duration");
    wrong(f, "schema: [a]\n", ":1:9", "expected a text, found a list");
    wrong(f, "defaults: {purposes: x}\n", ":1:22", "expected a list of purposes");
    wrong(f, "defaults: {handling: H1}\n", ":1:22", "expected a mapping");
}

static void a_restriction_that_nobody_knows_is_a_mistake(void **state)
{
    struct fixture *f = *state;
    wrong(f, "defaults: {handling: {codes: [H7]}}\n", ":1:30", "H0, H1, H2 or H3");
    wrong(f, "defaults: {handling: {tlp: amber}}\n", ":1:28", "CLEAR, GREEN, AMBER");
    wrong(f, "defaults: {handling: {pap: x}}\n", ":1:28", "CLEAR, WHITE, GREEN");
}

static void a_file_that_is_not_there_is_a_mistake(void **state)
{
    struct fixture *f = *state;
    wrong(f, "schema: other.avsc\n", ":1:9", "other.avsc: No such file");
    wrong(f, "schema: schemas\n", ":1:9", "found something else");
    wrong(f, "schemas: ro.avsc\n", ":1:10", "expected a folder");
    struct cw_diag diag = { 0 };
    assert_null(cw_contract_load("/nonexistent/x.yaml", &diag));
    assert_int_equal(diag.count, 1);
    cw_diag_done(&diag);
}

static void what_makes_a_text_say_other_than_it_shows_is_refused(void **state)
{
    struct fixture *f = *state;
    wrong(f, "owners: [X]\nskew: 1m\nowners: [Y]\n", ":3:1", "the first is in line 1");
    wrong(f, "owners: &a [X]\n", ":1:9", "anchor");
    wrong(f, "skew: &a 1m\nlateness: {default: *a}\n", ":2:21", "alias");
    wrong(f, "skew: !!str 1m\n", ":1:7", "tag");
    wrong(f, "skew: 1m\n---\nskew: 2m\n", ":2:1", "one document");
    wrong(f, "? [a]\n: b\n", ":1:3", "expected a key, found a list");
}

static void what_is_no_mapping_is_no_contract(void **state)
{
    struct fixture *f = *state;
    wrong(f, "", "", "expected a mapping");
    wrong(f, "# nothing\n", "", "expected a mapping");
    wrong(f, "- a\n", "", "expected a mapping");
    wrong(f, "owners: [X\n", ":2:1", "expected YAML");
    wrong(f, "a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "", "at most 8 levels");
}

static void every_mistake_is_told_and_not_the_first_only(void **state)
{
    struct fixture *f = *state;
    wrong(f, "owner: [X]\nskew: soon\nlateness: {gossip: 1d, online_ad: x}\n", ":1:1", "owners");
    assert_int_equal(f->diag.count, 4);
    assert_non_null(strstr(said(f), ":2:7"));
    assert_non_null(strstr(said(f), ":3:12"));
    assert_non_null(strstr(said(f), ":3:35"));
}

static void a_contract_that_is_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(70000);
    memset(text, '#', 69999);
    text[69999] = '\0';
    wrong(f, text, "", "at most 65536 bytes");
    test_free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_contract_says_all_this),
        TEST(what_is_left_out_is_as_without_a_contract),
        TEST(a_path_that_begins_at_the_root_stays),
        TEST(a_key_that_nobody_knows_is_a_mistake),
        TEST(a_value_of_the_wrong_kind_is_a_mistake),
        TEST(a_restriction_that_nobody_knows_is_a_mistake),
        TEST(a_file_that_is_not_there_is_a_mistake),
        TEST(what_makes_a_text_say_other_than_it_shows_is_refused),
        TEST(what_is_no_mapping_is_no_contract),
        TEST(every_mistake_is_told_and_not_the_first_only),
        TEST(a_contract_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

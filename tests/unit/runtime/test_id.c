/* test_id.c - ids are computed: the worked vectors of the encoding, and its rules. */
#include "testing.h"

#include <sodium.h>

static struct cw_secret secret;

static cw_str s(const char *text)
{
    return cw_cstr(text);
}

static void assert_hex(struct cw_id id, const char *expected)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    assert_string_equal(hex, expected);
}

static int set_up(void **state)
{
    (void)state;
    cw_secret_init(&secret, cw_cstr("crosswatch-test"));
    return 0;
}

static void k_is_the_hash_of_the_secret(void **state)
{
    (void)state;
    struct cw_id half;
    memcpy(half.b, secret.k, 16);
    assert_hex(half, "78efad2e6efc5331da3ff75be31f4e14");
    memcpy(half.b, secret.k + 16, 16);
    assert_hex(half, "1369c293dc51a4b7c6bc118484b60415");
}

static void ids_inside_the_chain_equal_the_vectors(void **state)
{
    (void)state;
    assert_hex(cw_id_identity(&secret, s("RO-IGPR"), s("E-1")), "ea3491bdd3ab436cb6389a31e4d60d42");
    assert_hex(cw_id_key(&secret, s("passport"), s("RO"), s("050123456")),
               "7eb0bb4f6bc7f9b1b3d5bc82840566c1");
    assert_hex(cw_id_key(&secret, s("phone"), s(NULL), s("+40700000001")),
               "99ace68e1fff21b8da732713bd3818e2");
}

static void the_hash_inside_the_chain_is_that_of_libsodium_for_every_length(void **state)
{
    (void)state;
    struct cw_buf buf = { 0 };
    for (unsigned len = 0; len < 100; len++) {
        unsigned char expected[crypto_shorthash_siphashx24_BYTES];
        crypto_shorthash_siphashx24(expected, buf.data != NULL ? buf.data : expected, buf.len,
                                    secret.k);
        struct cw_id id = cw_id_inside(&secret, &buf);
        assert_memory_equal(id.b, expected, sizeof(id.b));
        cw_buf_u8(&buf, (uint8_t)(len * 37 + 200));
    }
    cw_buf_done(&buf);
}

static void records_equal_the_vectors_in_any_order_and_with_repeats(void **state)
{
    (void)state;
    struct cw_id_part ids[] = { { s("passport"), s("RO"), s("050123456") },
                                { s("national_id"), s("RO"), s("1800101221144") },
                                { s("passport"), s("RO"), s("050123456") } };
    cw_str names[] = { s("ana maria pop"), s("ana maria pop") };
    cw_str births[] = { s("1980-01-01") };
    assert_hex(cw_id_record(&secret, s("person"), ids, 3, names, 2, births, 1),
               "4d77cf5735a742adde16055318782953");
    assert_hex(cw_id_record(&secret, s("person"), NULL, 0, NULL, 0, NULL, 0),
               "0b69c56d627c3a2b2a0dc627d08f5bf8");
}

static void a_member(struct cw_buf *buf, const char *path, const char *text)
{
    size_t member = cw_enc_open(buf);
    cw_enc_str(buf, s(path));
    cw_enc_str(buf, s(text));
    cw_enc_close(buf, member);
}

static void a_number(struct cw_buf *buf, const char *path, int64_t value)
{
    size_t member = cw_enc_open(buf);
    cw_enc_str(buf, s(path));
    cw_enc_int(buf, value);
    cw_enc_close(buf, member);
}

static void the_content_hash_equals_the_vector(void **state)
{
    (void)state;
    const double score = 0.5;
    int64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    struct cw_buf buf = { 0 };
    cw_enc_str(&buf, s("content"));
    size_t list = cw_enc_open(&buf);
    a_member(&buf, "owner", "RO-IGPR");
    a_member(&buf, "event_id", "E-1");
    a_member(&buf, "parties[0].role", "contact");
    a_member(&buf, "parties[0].ids[0].kind", "phone");
    a_member(&buf, "parties[0].ids[0].value", "+40700000001");
    a_number(&buf, "is_public", 1);
    a_number(&buf, "score", bits);
    cw_enc_close(&buf, list);
    assert_hex(cw_id_inside(&secret, &buf), "43b39135d463f3e4d8b7b31a10f264fb");
    cw_buf_done(&buf);
}

static void ids_that_leave_equal_the_vectors(void **state)
{
    (void)state;
    const cw_str rule = s("7b1f3f0e-0d8e-4a53-9f0e-6a5a1d2c9a01");
    struct cw_id phone = cw_id_raw(&secret, s("phone"), s(NULL), s("+40700000001"));
    assert_hex(phone, "8f0ed336cd07df3e1cbba5920e1128e8");
    assert_hex(cw_id_raw_field(&secret, s("country"), s("RO")), "05650e26bc027434d1b8703af52fe3e7");
    assert_hex(cw_id_case(&secret, rule, &phone, 1), "8540f86012e7f50871fd273f83283fc2");
    assert_hex(cw_id_alert(&secret, rule, INT64_C(2592000000000), &phone, 1, 608),
               "1dbb9479139b1fbbcfe119b316ee6976");
    struct cw_id identity = cw_id_identity(&secret, s("RO-IGPR"), s("E-1"));
    assert_hex(cw_id_founded(&secret, "entity", INT64_C(1577836800000000), identity, 0),
               "0062e018615b2d16f53d3d1a4ac56969");
}

static void fields_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct cw_id a = cw_id_identity(&secret, s("AB"), s("C"));
    struct cw_id b = cw_id_identity(&secret, s("A"), s("BC"));
    assert_false(cw_id_eq(a, b));
    struct cw_id two[] = { a, b };
    struct cw_id swapped[] = { b, a };
    assert_false(
        cw_id_eq(cw_id_case(&secret, s("r"), two, 2), cw_id_case(&secret, s("r"), two, 1)));
    assert_false(
        cw_id_eq(cw_id_case(&secret, s("r"), two, 2), cw_id_case(&secret, s("r"), swapped, 2)));
}

static void another_secret_gives_other_ids(void **state)
{
    (void)state;
    struct cw_secret other;
    cw_secret_init(&other, s("crosswatch-tesu"));
    assert_false(
        cw_id_eq(cw_id_identity(&secret, s("A"), s("B")), cw_id_identity(&other, s("A"), s("B"))));
    assert_false(cw_id_eq(cw_id_raw(&secret, s("phone"), s(NULL), s("B")),
                          cw_id_raw(&other, s("phone"), s(NULL), s("B"))));
}

static void a_scope_is_a_kind_and_an_issuer(void **state)
{
    (void)state;
    uint64_t ro = cw_id_scope(&secret, s("national_id"), s("RO"));
    assert_true(ro == cw_id_scope(&secret, s("national_id"), s("RO")));
    assert_true(ro != cw_id_scope(&secret, s("national_id"), s("DE")));
    assert_true(ro != cw_id_scope(&secret, s("tax_id"), s("RO")));
}

static void hexadecimal_text_reads_back_and_nothing_else_does(void **state)
{
    (void)state;
    struct cw_id id = cw_id_identity(&secret, s("A"), s("B"));
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    struct cw_id back;
    assert_true(cw_id_parse(s(hex), &back));
    assert_id_equal(back, id);
    assert_false(cw_id_parse((cw_str){ hex, 31 }, &back));
    assert_false(cw_id_parse(s(""), &back));
    hex[31] = 'g';
    assert_false(cw_id_parse(s(hex), &back));
    hex[31] = 'A'; /* one form only */
    assert_false(cw_id_parse(s(hex), &back));
    assert_true(cw_id_is_zero((struct cw_id){ { 0 } }));
    assert_false(cw_id_is_zero(id));
}

static void the_secret_of_the_environment_is_a_file_without_its_last_newline(void **state)
{
    (void)state;
    char directory[256];
    char path[300];
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/secret", directory);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("crosswatch-test\n", file);
    fclose(file);
    struct cw_secret found;
    setenv("CROSSWATCH_SECRET_FILE", path, 1);
    assert_true(cw_secret_from_environment(&found));
    assert_memory_equal(found.k, secret.k, sizeof(found.k));
    snprintf(path, sizeof(path), "%s/none", directory);
    setenv("CROSSWATCH_SECRET_FILE", path, 1);
    assert_false(cw_secret_from_environment(&found));
    unsetenv("CROSSWATCH_SECRET_FILE");
    memset(&found, 0, sizeof(found));
    assert_true(cw_secret_from_environment(&found));
    assert_memory_equal(found.k, secret.k, sizeof(found.k));
    remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k_is_the_hash_of_the_secret),
        cmocka_unit_test(the_hash_inside_the_chain_is_that_of_libsodium_for_every_length),
        cmocka_unit_test(ids_inside_the_chain_equal_the_vectors),
        cmocka_unit_test(records_equal_the_vectors_in_any_order_and_with_repeats),
        cmocka_unit_test(the_content_hash_equals_the_vector),
        cmocka_unit_test(ids_that_leave_equal_the_vectors),
        cmocka_unit_test(fields_do_not_run_into_each_other),
        cmocka_unit_test(another_secret_gives_other_ids),
        cmocka_unit_test(a_scope_is_a_kind_and_an_issuer),
        cmocka_unit_test(hexadecimal_text_reads_back_and_nothing_else_does),
        cmocka_unit_test(the_secret_of_the_environment_is_a_file_without_its_last_newline),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

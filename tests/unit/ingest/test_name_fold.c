/*
 * test_name_fold.c - what names become before records compare them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/identifier.h"

static int setup(void **state)
{
    *state = cw_arena_new();
    return 0;
}

static int teardown(void **state)
{
    cw_arena_free(*state);
    return 0;
}

static void folds(void **state, const char *full, const char *expected)
{
    cw_str folded = cw_name_fold(cw_cstr(full), *state);
    cw_str copy = cw_arena_copy(*state, folded.ptr, folded.len);
    assert_string_equal(copy.ptr, expected);
    cw_str again = cw_name_fold(folded, *state);
    assert_string_equal(cw_arena_copy(*state, again.ptr, again.len).ptr, expected);
}

static void case_and_space_do_not_matter(void **state)
{
    folds(state, "Ana Maria POP", "ana maria pop");
    folds(state, "  Ana\tMaria \n POP  ", "ana maria pop");
    folds(state, "POP Ana Maria", "pop ana maria"); /* in their order */
    folds(state, "Louis XIV 2nd", "louis xiv 2nd");
}

static void punctuation_parts_words(void **state)
{
    folds(state, "POP, Ana", "pop ana");
    folds(state, "J.R.R. Tolkien", "j r r tolkien");
    folds(state, "Jean-Pierre", "jean pierre");
    folds(state, "Smith (alias \"Smitty\")", "smith alias smitty");
    folds(state, "A & B / C", "a b c");
}

static void an_apostrophe_inside_a_word_is_left_out(void **state)
{
    folds(state, "O'Brien", "obrien");
    folds(state, "O\u2019Brien", "obrien");
    folds(state, "O\u02BCBrien", "obrien");
    folds(state, "d' Angelo", "d angelo");
    folds(state, "'Ali'", "ali");
    folds(state, "James' son", "james son");
    folds(state, "a''b", "a b");
}

static void case_is_folded_not_lowered(void **state)
{
    folds(state, "Straße", "strasse");
    folds(state, "STRASSE", "strasse");
    folds(state, "ΝΙΚΟΣ", "νικοσ");
    folds(state, "Νίκος", "νίκοσ");
    folds(state, "ИВАН Иванов", "иван иванов");
    folds(state, "İbrahim", "i\u0307brahim");
}

static void one_name_in_two_encodings_is_one(void **state)
{
    folds(state, "Jose\u0301", "jos\u00e9");
    folds(state, "JOS\u00c9", "jos\u00e9");
    folds(state, "\uff21\uff4e\uff41", "ana");                /* full width */
    folds(state, "\ufb01nn", "finn");                         /* a ligature */
    folds(state, "Ana\u00a0Pop", "ana pop");                  /* a space that does not break */
    folds(state, "Ana\u200dPop\u00ad", "anapop");             /* a joiner, a soft hyphen */
    folds(state, "\u202eAna\u202c", "ana");                   /* marks of direction */
    folds(state, "Ana\u2010Maria\u2014Pop", "ana maria pop"); /* dashes */
}

static void other_scripts_keep_their_letters_and_marks(void **state)
{
    folds(state, "王杰", "王杰");
    folds(state, "王・杰", "王 杰");
    folds(state, "محمد، علي", "محمد علي");
    folds(state, "अनीता", "अनीता");
}

static void leading_honorifics_go(void **state)
{
    folds(state, "Mr John Smith", "john smith");
    folds(state, "Dr. Prof. Ana Pop", "ana pop");
    folds(state, "HERR Müller", "müller");
    folds(state, "Mme. de Gaulle", "de gaulle");
    folds(state, "John Smith Dr", "john smith dr"); /* only in front */
    folds(state, "Mrs", "mrs");                     /* only if something is left */
    folds(state, "Mr. Dr.", "dr");
    folds(state, "Drake Smith", "drake smith");
}

static void nothing_folds_to_nothing(void **state)
{
    folds(state, "", "");
    folds(state, " .,-' ", "");
    folds(state, "\u0301", ""); /* a mark on nothing */
    folds(state, "\u2014", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(case_and_space_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(punctuation_parts_words, setup, teardown),
        cmocka_unit_test_setup_teardown(an_apostrophe_inside_a_word_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(case_is_folded_not_lowered, setup, teardown),
        cmocka_unit_test_setup_teardown(one_name_in_two_encodings_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(other_scripts_keep_their_letters_and_marks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(leading_honorifics_go, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_folds_to_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* select.c - runs a selection's code over one event; of what is common nothing allocates. */
#include <stdlib.h>

#include "detectors/fold.h"
#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/check.h"

enum { SCRATCH = 256 };

static int by_text(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

/* Lower case in `scratch`, or false: not ASCII, or too long. */
static bool lower_short(cw_str text, char *scratch, cw_str *out)
{
    if (text.len > SCRATCH)
        return false;
    unsigned char seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        seen |= c;
        scratch[i] = (char)(c + ((unsigned char)(c - 'A') < 26 ? 32 : 0));
    }
    if (seen >= 0x80)
        return false;
    *out = (cw_str){ scratch, text.len };
    return true;
}

/* The value as the loader folded the texts it is compared with. A name was folded by ingest. */
static cw_str comparable(const struct cw_instruction *code, const struct cw_found *found,
                         char *scratch, struct cw_arena *arena)
{
    if (code->path->what == CW_WHAT_NAME)
        return found->text;
    cw_str text = found->issuer.len != 0 ? cw_found_text(found, arena) : found->text;
    if (!code->cased && lower_short(text, scratch, &text))
        return text;
    return cw_fold(text, code->cased ? CW_FOLD_CASED : CW_FOLD_TEXT, arena);
}

static bool is_one_of(cw_str text, const struct cw_instruction *code)
{
    if (code->text_count == 1)
        return cw_str_eq(text, code->texts[0]);
    return code->text_count != 0 &&
           bsearch(&text, code->texts, code->text_count, sizeof(text), by_text) != NULL;
}

static size_t character(cw_str text, size_t at)
{
    size_t end = at + 1;
    while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
        end++;
    return end;
}

/* Each `any` is tried at its least length first; only the last one met is ever tried longer. */
static bool fits(cw_str text, cw_str pattern)
{
    size_t at = 0;
    size_t want = 0;
    size_t resume_want = 0; /* behind the last any; 0: there was none */
    size_t resume_at = 0;
    while (at < text.len) {
        if (want < pattern.len && pattern.ptr[want] == CW_LIKE_ANY) {
            resume_want = ++want;
            resume_at = at;
        } else if (want < pattern.len && pattern.ptr[want] == CW_LIKE_ONE) {
            want++;
            at = character(text, at);
        } else if (want < pattern.len && pattern.ptr[want] == text.ptr[at]) {
            want++;
            at++;
        } else if (resume_want != 0) {
            want = resume_want;
            at = resume_at = character(text, resume_at);
        } else {
            return false;
        }
    }
    while (want < pattern.len && pattern.ptr[want] == CW_LIKE_ANY)
        want++;
    return want == pattern.len;
}

static bool is_like(cw_str text, const struct cw_instruction *code)
{
    for (size_t i = 0; i < code->text_count; i++) {
        if (fits(text, code->texts[i]))
            return true;
    }
    return false;
}

static bool is_among(int64_t number, const struct cw_instruction *code)
{
    size_t low = 0;
    size_t high = code->number_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code->numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < code->number_count && code->numbers[low] == number;
}

/* Apart from the other tests: these need no scratch. */
static bool test_texts(const struct cw_instruction *code, const struct cw_event *event,
                       struct cw_arena *arena)
{
    char scratch[SCRATCH];
    struct cw_path_cursor cursor = { .path = code->path, .event = event };
    struct cw_found found;
    while (cw_path_next(&cursor, &found)) {
        cw_str text = comparable(code, &found, scratch, arena);
        if (code->op == CW_OP_EQUALS ? is_one_of(text, code) : is_like(text, code))
            return true;
    }
    return false;
}

static bool holds_of(const struct cw_instruction *code, int64_t number)
{
    return code->op == CW_OP_WITHIN ? number >= code->low && number <= code->high
                                    : is_among(number, code);
}

static bool test(const struct cw_instruction *code, const struct cw_event *event,
                 struct cw_arena *arena)
{
    if (code->op == CW_OP_CONST)
        return code->argument != 0;
    bool is_number = code->op == CW_OP_WITHIN || code->op == CW_OP_AMONG;
    if (is_number && code->path->scope == CW_PATH_DETAIL && event->detail != NULL &&
        event->detail_type != NULL && event->detail_type->number == code->path->type) {
        /* what most events are told apart by: no need to walk there */
        const struct cw_value *value = &event->detail[code->path->field];
        return value->present && holds_of(code, value->number);
    }
    if (code->op == CW_OP_EQUALS || code->op == CW_OP_LIKE)
        return test_texts(code, event, arena);
    struct cw_path_cursor cursor = { .path = code->path, .event = event };
    struct cw_found found;
    while (cw_path_next(&cursor, &found)) {
        if (code->op == CW_OP_EXISTS || holds_of(code, found.number))
            return true;
    }
    return false;
}

bool cw_selection_holds(const struct cw_selection *selection, const struct cw_event *event,
                        struct cw_arena *arena)
{
    for (size_t at = 0;;) {
        CW_CHECK(at < selection->code_len);
        const struct cw_instruction *code = &selection->code[at];
        bool truth = test(code, event, arena) != code->negated;
        size_t next = truth ? code->then : code->otherwise;
        if (next == 0)
            return truth;
        CW_CHECK(next > at);
        at = next;
    }
}

/*
 * restriction.c - sets of demands, each once, and the memo of their joins.
 *
 * A set is read by jansson and written again by us; where the two texts differ it was not
 * canonical. So whatever the reader passes over (an unknown key, a wrong type, a list that is not
 * sorted) refuses the text without a clause of its own.
 */
#include "operators/runtime/restriction.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "operators/runtime/check.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/table.h"

/* Bytes of the texts of all sets, and within one: of a list that joins make no longer (audiences,
 * purposes), and of the lists that they unite. Together the parts of one fit into a text, so that
 * what two of them join to always can be stated. */
enum {
    MEMO_MAX = 1 << 20,
    BYTES_MAX = 1 << 30,
    LIST_MAX = CW_RESTRICTION_EVENT_MAX,
    UNITED_MAX = 32000
};
_Static_assert(2 * LIST_MAX + UNITED_MAX + 128 <= CW_RESTRICTION_TEXT_MAX, "parts fit");

/* The set that allows nobody anything. */
static const char nothing_allowed[] =
    "{\"audience\":[],\"codes\":[\"H2\",\"H3\"],\"pap\":\"RED\",\"purposes\":[],"
    "\"texts\":[\"too many different restrictions came together to be stated\"],\"tlp\":\"RED\"}";

struct text_slot {
    struct cw_id hash;
    uint64_t number;
};

struct memo_slot {
    struct cw_id pair;
    uint64_t number;
};

struct cw_restrictions {
    struct cw_arena *arena; /* all sets */
    const struct cw_restriction **sets;
    uint32_t count;
    size_t bytes; /* of texts */
    struct cw_map by_text;
    struct cw_map memo;
    uint32_t nothing; /* number of the set that allows nothing; 0: not yet met */
    struct cw_buf text;
};

/* --- lists --- */

static int compare_strings(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

/* Sorts the strings and drops repeats. */
static size_t sort_list(cw_str *items, size_t count)
{
    size_t n = 0;
    if (count > 1)
        qsort(items, count, sizeof(*items), compare_strings);
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || !cw_str_eq(items[n - 1], items[i]))
            items[n++] = items[i];
    }
    return n;
}

static bool has_item(const cw_str *items, size_t count, cw_str item)
{
    return count != 0 && bsearch(&item, items, count, sizeof(*items), compare_strings) != NULL;
}

static cw_str *copy_list(const cw_str *items, size_t count, struct cw_arena *arena)
{
    cw_str *copy = cw_arena_alloc(arena, (count + 1) * sizeof(*copy));
    if (count != 0)
        memcpy(copy, items, count * sizeof(*copy));
    return copy;
}

static cw_str *unite(const cw_str *a, size_t a_count, const cw_str *b, size_t b_count,
                     size_t *count, struct cw_arena *arena)
{
    cw_str *items = cw_arena_alloc(arena, (a_count + b_count + 1) * sizeof(*items));
    if (a_count != 0)
        memcpy(items, a, a_count * sizeof(*items));
    if (b_count != 0)
        memcpy(items + a_count, b, b_count * sizeof(*items));
    *count = sort_list(items, a_count + b_count);
    return items;
}

/* What both lists allow; `any` lists allow all. */
static cw_str *intersect(bool a_any, const cw_str *a, size_t a_count, bool b_any, const cw_str *b,
                         size_t b_count, size_t *count, struct cw_arena *arena)
{
    if (a_any || b_any) {
        *count = a_any ? b_count : a_count;
        return copy_list(a_any ? b : a, *count, arena);
    }
    cw_str *items = cw_arena_alloc(arena, (a_count + 1) * sizeof(*items));
    *count = 0;
    for (size_t i = 0; i < a_count; i++) {
        if (has_item(b, b_count, a[i]))
            items[(*count)++] = a[i];
    }
    return items;
}

/* --- scales --- */

static const char *const tlp_scale[] = { "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" };
static const char *const pap_scale[] = { "CLEAR", "GREEN", "AMBER", "RED" };
enum { TLP_STEPS = 5, PAP_STEPS = 4 };

/* From 1; 0: not on it. */
static size_t step_of(const char *const *scale, size_t steps, cw_str word)
{
    for (size_t i = 0; i < steps; i++) {
        if (cw_str_is(word, scale[i]))
            return i + 1;
    }
    return 0;
}

static cw_str word_at(const char *const *scale, size_t step)
{
    return step != 0 ? cw_cstr(scale[step - 1]) : (cw_str){ NULL, 0 };
}

static cw_str on_scale(const char *const *scale, size_t steps, cw_str word)
{
    return word_at(scale, step_of(scale, steps, word));
}

static cw_str greater(const char *const *scale, size_t steps, cw_str a, cw_str b)
{
    size_t a_step = step_of(scale, steps, a);
    size_t b_step = step_of(scale, steps, b);
    return word_at(scale, a_step > b_step ? a_step : b_step);
}

/* --- the text --- */

static void list_json(struct cw_json *json, const char *key, const cw_str *items, size_t count)
{
    cw_json_key(json, key);
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        cw_json_str(json, items[i]);
    cw_json_close(json, ']');
}

static bool demands_nothing(const struct cw_restriction *set)
{
    return set->code_count == 0 && set->tlp.ptr == NULL && set->pap.ptr == NULL &&
           set->text_count == 0 && set->sharing_group_count == 0 && set->any_purpose &&
           set->any_audience;
}

/* Appends the text. False: a part of it is longer than it may be. */
static bool write_set(const struct cw_restriction *set, struct cw_buf *out)
{
    if (demands_nothing(set))
        return true;
    struct cw_json json = cw_json(out);
    cw_json_open(&json, '{');
    size_t at = out->len;
    if (!set->any_audience)
        list_json(&json, "audience", set->audiences, set->audience_count);
    bool fits = out->len - at <= LIST_MAX;
    at = out->len;
    if (set->code_count != 0)
        list_json(&json, "codes", set->codes, set->code_count);
    size_t united = out->len - at;
    if (set->pap.ptr != NULL)
        cw_json_kstr(&json, "pap", set->pap);
    at = out->len;
    if (!set->any_purpose)
        list_json(&json, "purposes", set->purposes, set->purpose_count);
    fits = fits && out->len - at <= LIST_MAX;
    at = out->len;
    if (set->sharing_group_count != 0)
        list_json(&json, "sharing_groups", set->sharing_groups, set->sharing_group_count);
    if (set->text_count != 0)
        list_json(&json, "texts", set->texts, set->text_count);
    united += out->len - at;
    if (set->tlp.ptr != NULL)
        cw_json_kstr(&json, "tlp", set->tlp);
    cw_json_close(&json, '}');
    return fits && united <= UNITED_MAX;
}

static cw_str *read_list(const json_t *list, size_t *count, struct cw_arena *arena)
{
    size_t length = json_array_size(list);
    cw_str *items = cw_arena_alloc(arena, (length + 1) * sizeof(*items));
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        const json_t *item = json_array_get(list, i);
        if (json_is_string(item))
            items[n++] = cw_arena_copy(arena, json_string_value(item), json_string_length(item));
    }
    *count = sort_list(items, n);
    return items;
}

static cw_str read_word(const json_t *word)
{
    return json_is_string(word) ? (cw_str){ json_string_value(word), json_string_length(word) }
                                : (cw_str){ NULL, 0 };
}

static size_t keep_known_codes(cw_str *codes, size_t count)
{
    static const char *const known[] = { "H0", "H1", "H2", "H3" };
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (step_of(known, 4, codes[i]) != 0)
            codes[n++] = codes[i];
    }
    return n;
}

static bool has_all(const cw_str *audiences, size_t count)
{
    return has_item(audiences, count, cw_cstr("all"));
}

/* Reads what it knows and passes over the rest. False: not JSON. */
static bool read_set(cw_str text, struct cw_restriction *set, struct cw_arena *arena)
{
    json_error_t error;
    json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL)
        return false;
    const json_t *purposes = json_object_get(root, "purposes");
    const json_t *audience = json_object_get(root, "audience");
    set->codes = read_list(json_object_get(root, "codes"), &set->code_count, arena);
    set->code_count = keep_known_codes(set->codes, set->code_count);
    set->tlp = on_scale(tlp_scale, TLP_STEPS, read_word(json_object_get(root, "tlp")));
    set->pap = on_scale(pap_scale, PAP_STEPS, read_word(json_object_get(root, "pap")));
    set->texts = read_list(json_object_get(root, "texts"), &set->text_count, arena);
    set->sharing_groups =
        read_list(json_object_get(root, "sharing_groups"), &set->sharing_group_count, arena);
    set->any_purpose = !json_is_array(purposes);
    set->purposes = read_list(purposes, &set->purpose_count, arena);
    set->audiences = read_list(audience, &set->audience_count, arena);
    set->any_audience = !json_is_array(audience) || has_all(set->audiences, set->audience_count);
    json_decref(root);
    return true;
}

void cw_restriction_of_event(const struct cw_event *event, struct cw_buf *out)
{
    static const cw_str white = { "WHITE", sizeof("WHITE") - 1 };
    const struct cw_handling *handling = &event->handling;
    if (event->purpose_count == 0 && !handling->present)
        return;
    struct cw_arena *arena = cw_arena_new();
    struct cw_restriction set = { .any_purpose = event->purpose_count == 0, .any_audience = true };
    set.purposes = copy_list(event->purposes, event->purpose_count, arena);
    set.purpose_count = sort_list(set.purposes, event->purpose_count);
    if (handling->present) {
        set.codes = copy_list(handling->codes, handling->code_count, arena);
        set.code_count = sort_list(set.codes, handling->code_count);
        set.tlp = on_scale(tlp_scale, TLP_STEPS, handling->tlp);
        set.pap = on_scale(pap_scale, PAP_STEPS,
                           cw_str_eq(handling->pap, white) ? cw_cstr("CLEAR") : handling->pap);
        set.texts = copy_list(&handling->text, handling->text.len != 0, arena);
        set.text_count = handling->text.len != 0;
        set.sharing_groups =
            copy_list(&handling->sharing_group, handling->sharing_group.len != 0, arena);
        set.sharing_group_count = handling->sharing_group.len != 0;
        set.audiences = copy_list(handling->audience, handling->audience_count, arena);
        set.audience_count = sort_list(set.audiences, handling->audience_count);
        set.any_audience = set.audience_count == 0 || has_all(set.audiences, set.audience_count);
    }
    (void)write_set(&set, out);
    cw_arena_free(arena);
}

/* --- the table --- */

static struct cw_id hash_of(cw_str text)
{
    struct cw_id hash;
    (void)crypto_generichash(hash.b, sizeof(hash.b), (const unsigned char *)text.ptr, text.len,
                             NULL, 0);
    return hash;
}

static uint32_t add_set(struct cw_restrictions *table, const struct cw_restriction *set,
                        struct cw_id hash)
{
    if ((table->count & (table->count - 1)) == 0) {
        size_t room = table->count != 0 ? 2 * (size_t)table->count : 1;
        table->sets = cw_realloc(table->sets, room * sizeof(*table->sets));
    }
    struct cw_restriction *kept = cw_arena_alloc(table->arena, sizeof(*kept));
    *kept = *set;
    table->sets[table->count] = kept;
    table->bytes += set->text.len;
    struct text_slot *slot = cw_map_put(&table->by_text, hash, NULL);
    slot->number = table->count;
    return table->count++;
}

struct cw_restrictions *cw_restrictions_new(void)
{
    struct cw_restrictions *table = cw_new(struct cw_restrictions);
    table->arena = cw_arena_new();
    cw_map_init(&table->by_text, sizeof(struct text_slot));
    cw_map_init(&table->memo, sizeof(struct memo_slot));
    const struct cw_restriction none = { .text = { "", 0 },
                                         .any_purpose = true,
                                         .any_audience = true };
    CW_CHECK(add_set(table, &none, hash_of(none.text)) == CW_RESTRICTION_NONE);
    return table;
}

void cw_restrictions_free(struct cw_restrictions *table)
{
    if (table == NULL)
        return;
    cw_map_done(&table->by_text);
    cw_map_done(&table->memo);
    cw_arena_free(table->arena);
    cw_buf_done(&table->text);
    free(table->sets);
    free(table);
}

static uint32_t number_of_nothing(struct cw_restrictions *table)
{
    if (table->nothing == 0) {
        struct cw_restriction set = { .text = cw_cstr(nothing_allowed) };
        CW_CHECK(read_set(set.text, &set, table->arena));
        table->nothing = add_set(table, &set, hash_of(set.text));
    }
    return table->nothing;
}

static bool is_full(const struct cw_restrictions *table)
{
    return table->count >= CW_RESTRICTIONS_MAX || table->bytes >= BYTES_MAX;
}

uint32_t cw_restriction_intern(struct cw_restrictions *table, cw_str text)
{
    if (text.len > CW_RESTRICTION_TEXT_MAX)
        return UINT32_MAX;
    struct cw_id hash = hash_of(text);
    const struct text_slot *slot = cw_map_find(&table->by_text, hash);
    if (slot != NULL)
        return (uint32_t)slot->number;
    if (cw_str_is(text, nothing_allowed))
        return number_of_nothing(table);
    /* Read beside the table first: a text that is refused leaves nothing there. */
    struct cw_arena *scratch = cw_arena_new();
    struct cw_restriction set = { 0 };
    table->text.len = 0;
    bool canonical = read_set(text, &set, scratch) && write_set(&set, &table->text) &&
                     cw_str_eq(text, (cw_str){ (const char *)table->text.data, table->text.len });
    cw_arena_free(scratch);
    if (!canonical)
        return UINT32_MAX;
    if (is_full(table))
        return number_of_nothing(table);
    CW_CHECK(read_set(text, &set, table->arena));
    set.text = cw_arena_copy(table->arena, text.ptr, text.len);
    return add_set(table, &set, hash);
}

const struct cw_restriction *cw_restriction_at(const struct cw_restrictions *table, uint32_t number)
{
    CW_CHECK(number < table->count);
    return table->sets[number];
}

/* --- joining --- */

static uint32_t join_sets(struct cw_restrictions *table, const struct cw_restriction *a,
                          const struct cw_restriction *b)
{
    struct cw_arena *arena = cw_arena_new();
    struct cw_restriction set = {
        .tlp = greater(tlp_scale, TLP_STEPS, a->tlp, b->tlp),
        .pap = greater(pap_scale, PAP_STEPS, a->pap, b->pap),
        .any_purpose = a->any_purpose && b->any_purpose,
        .any_audience = a->any_audience && b->any_audience,
    };
    set.codes = unite(a->codes, a->code_count, b->codes, b->code_count, &set.code_count, arena);
    set.texts = unite(a->texts, a->text_count, b->texts, b->text_count, &set.text_count, arena);
    set.sharing_groups = unite(a->sharing_groups, a->sharing_group_count, b->sharing_groups,
                               b->sharing_group_count, &set.sharing_group_count, arena);
    set.purposes = intersect(a->any_purpose, a->purposes, a->purpose_count, b->any_purpose,
                             b->purposes, b->purpose_count, &set.purpose_count, arena);
    set.audiences = intersect(a->any_audience, a->audiences, a->audience_count, b->any_audience,
                              b->audiences, b->audience_count, &set.audience_count, arena);
    /* The lists that joins do not lengthen fit already: what is too long are those united. */
    struct cw_buf text = { 0 };
    uint32_t number =
        write_set(&set, &text)
            ? cw_restriction_intern(table, (cw_str){ (const char *)text.data, text.len })
            : number_of_nothing(table);
    CW_CHECK(number != UINT32_MAX); /* what was canonical joins to what is */
    cw_buf_done(&text);
    cw_arena_free(arena);
    return number;
}

uint32_t cw_restriction_join(struct cw_restrictions *table, uint32_t a, uint32_t b)
{
    if (a == b || b == CW_RESTRICTION_NONE)
        return a;
    if (a == CW_RESTRICTION_NONE)
        return b;
    if (table->nothing != 0 && (a == table->nothing || b == table->nothing))
        return table->nothing;
    const uint32_t pair[4] = { a < b ? a : b, a < b ? b : a, 0, 0 };
    struct cw_id key;
    memcpy(key.b, pair, sizeof(key.b));
    const struct memo_slot *known = cw_map_find(&table->memo, key);
    if (known != NULL)
        return (uint32_t)known->number;
    uint32_t number = join_sets(table, cw_restriction_at(table, a), cw_restriction_at(table, b));
    if (table->memo.count >= MEMO_MAX) {
        cw_map_done(&table->memo);
        cw_map_init(&table->memo, sizeof(struct memo_slot));
    }
    struct memo_slot *slot = cw_map_put(&table->memo, key, NULL);
    slot->number = number;
    return number;
}

/* --- asking --- */

bool cw_restriction_allows(const struct cw_restriction *restriction, const cw_str *purposes,
                           size_t count)
{
    if (restriction->any_purpose)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (has_item(restriction->purposes, restriction->purpose_count, purposes[i]))
            return true;
    }
    return false;
}

bool cw_restriction_shows(const struct cw_restriction *restriction, cw_str audience)
{
    return restriction->any_audience ||
           has_item(restriction->audiences, restriction->audience_count, audience);
}

/*
 * mrz.c - where each field lies, then what it may hold.
 *
 * The two-line formats differ in the length of a line and in what stands at the end of the second;
 * a field's place in it is counted from the line's beginning, its `base`.
 */
#include "ingest/mrz.h"

#include "operators/runtime/time.h"

enum { TEXT_MAX = 90, STATED_MAX = 256, NUMBER_LEN = 9 };

struct range {
    uint8_t from;
    uint8_t len;
};

struct layout {
    const char *codes; /* that its documents may begin with */
    uint8_t line;      /* length of one */
    uint8_t lines;
    bool long_numbers; /* a longer number goes on in `optional` */
    bool optional_check;
    struct range names;
    struct range number; /* the check digit of this and of the dates stands behind them */
    struct range nationality;
    struct range birth;
    uint8_t sex;
    struct range expiry;
    struct range optional;
    uint8_t composite; /* place of the check digit over `covered`; 0: there is none */
    struct range covered[4];
};

/* clang-format off */
static const struct layout layouts[] = {
    [CW_MRZ_TD1] = { "IAC", 30, 3, true, false, { 60, 30 }, { 5, 9 }, { 45, 3 }, { 30, 6 }, 37,
                     { 38, 6 }, { 15, 15 }, 59,
                     { { 5, 25 }, { 30, 7 }, { 38, 7 }, { 48, 11 } } },
    [CW_MRZ_TD2] = { "IAC", 36, 2, true, false, { 5, 31 }, { 36, 9 }, { 46, 3 }, { 49, 6 }, 56,
                     { 57, 6 }, { 64, 7 }, 71,
                     { { 36, 10 }, { 49, 7 }, { 57, 14 } } },
    [CW_MRZ_TD3] = { "P", 44, 2, false, true, { 5, 39 }, { 44, 9 }, { 54, 3 }, { 57, 6 }, 64,
                     { 65, 6 }, { 72, 14 }, 87,
                     { { 44, 10 }, { 57, 7 }, { 65, 22 } } },
    [CW_MRZ_MRV_A] = { "V", 44, 2, false, false, { 5, 39 }, { 44, 9 }, { 54, 3 }, { 57, 6 }, 64,
                       { 65, 6 }, { 72, 16 }, 0, { { 0, 0 } } },
    [CW_MRZ_MRV_B] = { "V", 36, 2, false, false, { 5, 31 }, { 36, 9 }, { 46, 3 }, { 49, 6 }, 56,
                       { 57, 6 }, { 64, 8 }, 0, { { 0, 0 } } },
};
/* clang-format on */

enum { FORMATS = sizeof(layouts) / sizeof(layouts[0]) };

/* The characters without breaks and blanks, in capitals; a break must stand between two lines. */
struct zone {
    char at[TEXT_MAX];
    size_t len;
    uint8_t breaks[TEXT_MAX + 1]; /* 1: a line ended before this character */
};

static const char *gather(cw_str text, struct zone *zone)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\t' || c == '\r')
            continue;
        if (c == '\n') {
            zone->breaks[zone->len] = 1;
            continue;
        }
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '<'))
            return "bad_characters";
        if (zone->len == TEXT_MAX)
            return "bad_length";
        zone->at[zone->len++] = c;
    }
    return NULL;
}

static const char *find_layout(const struct zone *zone, struct cw_mrz *out,
                               const struct layout **layout)
{
    const char *fault = "bad_length";
    for (size_t i = 0; i < FORMATS; i++) {
        if (zone->len != (size_t)layouts[i].line * layouts[i].lines)
            continue;
        fault = "bad_document";
        if (strchr(layouts[i].codes, zone->at[0]) == NULL)
            continue;
        for (size_t at = 0; at < zone->len; at++) {
            if (zone->breaks[at] != 0 && at % layouts[i].line != 0)
                return "bad_length";
        }
        *layout = &layouts[i];
        out->format = (enum cw_mrz_format)i;
        return NULL;
    }
    return fault;
}

static int value_of(char c)
{
    if (c == '<')
        return 0;
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Weights 7, 3, 1 in turn, over all that was summed so far. */
struct sum {
    unsigned total;
    unsigned count;
};

static void sum_up(struct sum *sum, const char *text, size_t len)
{
    static const unsigned weights[] = { 7, 3, 1 };
    for (size_t i = 0; i < len; i++)
        sum->total += weights[sum->count++ % 3] * (unsigned)value_of(text[i]);
}

static bool holds(const struct sum *sum, char digit)
{
    return digit >= '0' && digit <= '9' && sum->total % 10 == (unsigned)(digit - '0');
}

static bool all_filler(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '<')
            return false;
    }
    return true;
}

/* The digit stands behind the field; for one that says nothing it may be filler too. */
static bool check_field(const struct zone *zone, struct range field)
{
    struct sum sum = { 0 };
    const char *text = zone->at + field.from;
    if (text[field.len] == '<' && all_filler(text, field.len))
        return true;
    sum_up(&sum, text, field.len);
    return holds(&sum, text[field.len]);
}

static bool is_letters(const struct zone *zone, struct range field)
{
    for (size_t i = field.from; i < (size_t)field.from + field.len; i++) {
        if (zone->at[i] >= '0' && zone->at[i] <= '9')
            return false;
    }
    return true;
}

static bool is_date_text(const struct zone *zone, struct range field)
{
    for (size_t i = field.from; i < (size_t)field.from + field.len; i++) {
        if (zone->at[i] >= 'A')
            return false;
    }
    return true;
}

/* Letters, then filler to the end. */
static bool is_state(const struct zone *zone, size_t from)
{
    const char *c = zone->at + from;
    return is_letters(zone, (struct range){ (uint8_t)from, 3 }) && (c[0] != '<' || c[1] == '<') &&
           (c[1] != '<' || c[2] == '<');
}

static const char *check_characters(const struct zone *zone, const struct layout *layout)
{
    char sex = zone->at[layout->sex];
    bool ok = is_letters(zone, (struct range){ 0, 2 }) && is_state(zone, 2) && zone->at[2] != '<' &&
              is_state(zone, layout->nationality.from) && is_letters(zone, layout->names) &&
              !all_filler(zone->at + layout->names.from, layout->names.len) &&
              is_date_text(zone, layout->birth) && is_date_text(zone, layout->expiry) &&
              (sex == 'F' || sex == 'M' || sex == 'X' || sex == '<') &&
              zone->at[layout->number.from] != '<';
    return ok ? NULL : "bad_characters";
}

static cw_str without_filler(struct cw_arena *arena, const char *text, size_t len, const char *more,
                             size_t more_len)
{
    char *copy = cw_arena_alloc(arena, len + more_len + 1);
    size_t count = 0;
    for (size_t i = 0; i < len + more_len; i++) {
        char c = i < len ? text[i] : more[i - len];
        if (c != '<')
            copy[count++] = c;
    }
    return (cw_str){ copy, count };
}

/*
 * A number of more than nine characters: filler where its check digit would be, and it goes on in
 * the optional field, up to filler; the last character there is the check digit. The standard
 * counts the filler between the two parts or not, depending on whom one asks, and documents in use
 * do both.
 */
static const char *read_long_number(const struct zone *zone, const struct layout *layout,
                                    struct cw_arena *arena, struct cw_mrz *out)
{
    const char *number = zone->at + layout->number.from;
    const char *rest = zone->at + layout->optional.from;
    size_t len = 0;
    while (len < layout->optional.len && rest[len] != '<')
        len++;
    if (len < 2)
        return "check_digit";
    struct sum with = { 0 };
    struct sum without = { 0 };
    sum_up(&with, number, NUMBER_LEN + 1);
    sum_up(&with, rest, len - 1);
    sum_up(&without, number, NUMBER_LEN);
    sum_up(&without, rest, len - 1);
    if (!holds(&with, rest[len - 1]) && !holds(&without, rest[len - 1]))
        return "check_digit";
    out->number = without_filler(arena, number, NUMBER_LEN, rest, len - 1);
    return NULL;
}

static const char *read_number(const struct zone *zone, const struct layout *layout,
                               struct cw_arena *arena, struct cw_mrz *out)
{
    const char *number = zone->at + layout->number.from;
    if (layout->long_numbers && number[NUMBER_LEN] == '<')
        return read_long_number(zone, layout, arena, out);
    if (!check_field(zone, layout->number))
        return "check_digit";
    out->number = without_filler(arena, number, NUMBER_LEN, NULL, 0);
    return NULL;
}

static bool check_composite(const struct zone *zone, const struct layout *layout)
{
    struct sum sum = { 0 };
    if (layout->composite == 0)
        return true;
    for (size_t i = 0; i < 4; i++)
        sum_up(&sum, zone->at + layout->covered[i].from, layout->covered[i].len);
    return holds(&sum, zone->at[layout->composite]);
}

/* Two digits, or filler: -1. False: one of each. */
static bool read_pair(const char *text, int *out)
{
    *out = -1;
    if (text[0] == '<' || text[1] == '<')
        return text[0] == text[1];
    *out = (text[0] - '0') * 10 + (text[1] - '0');
    return true;
}

static const char *read_birth(const struct zone *zone, const struct layout *layout,
                              struct cw_mrz *out)
{
    const char *text = zone->at + layout->birth.from;
    int month;
    int day;
    if (!read_pair(text, &out->birth_year) || !read_pair(text + 2, &month) ||
        !read_pair(text + 4, &day))
        return "bad_date";
    out->birth_month = month > 0 ? month : 0; /* some write 00 for what is not known */
    out->birth_day = day > 0 ? day : 0;
    if (out->birth_month == 0 && out->birth_day != 0)
        return "bad_date";
    if (out->birth_year < 0)
        return out->birth_month == 0 ? NULL : "bad_date";
    bool ok = out->birth_month == 0 ||
              cw_date_valid(2000, out->birth_month, out->birth_day != 0 ? out->birth_day : 1);
    return ok ? NULL : "bad_date";
}

static const char *read_fields(const struct zone *zone, const struct layout *layout,
                               struct cw_arena *arena, struct cw_mrz *out)
{
    const char *fault = check_characters(zone, layout);
    if (fault == NULL)
        fault = read_number(zone, layout, arena, out);
    if (fault != NULL)
        return fault;
    if (!check_field(zone, layout->birth) || !check_field(zone, layout->expiry) ||
        (layout->optional_check && !check_field(zone, layout->optional)) ||
        !check_composite(zone, layout))
        return "check_digit";
    out->issuer = without_filler(arena, zone->at + 2, 3, NULL, 0);
    static const char *const kinds[FORMATS] = {
        [CW_MRZ_TD1] = "identity_card",
        [CW_MRZ_TD2] = "identity_card",
        [CW_MRZ_TD3] = "passport",
    };
    out->kind = kinds[out->format];
    return read_birth(zone, layout, out);
}

const char *cw_mrz_read(cw_str text, struct cw_arena *arena, struct cw_mrz *out)
{
    struct zone zone = { .len = 0 };
    const struct layout *layout = NULL;
    *out = (struct cw_mrz){ .birth_year = -1 };
    const char *fault = text.len <= STATED_MAX ? gather(text, &zone) : "bad_length";
    if (fault == NULL)
        fault = find_layout(&zone, out, &layout);
    return fault != NULL ? fault : read_fields(&zone, layout, arena, out);
}

bool cw_mrz_birth_date(const struct cw_mrz *mrz, int64_t day, struct cw_arena *arena, cw_str *out)
{
    if (mrz->birth_year < 0)
        return false;
    int64_t event_year;
    int event_month;
    int event_day;
    int month = mrz->birth_month != 0 ? mrz->birth_month : 1;
    int first = mrz->birth_day != 0 ? mrz->birth_day : 1;
    cw_civil_from_days(day, &event_year, &event_month, &event_day);
    int64_t year = cw_floor_div(event_year, 100) * 100 + mrz->birth_year;
    bool after =
        year > event_year || (year == event_year &&
                              (month > event_month || (month == event_month && first > event_day)));
    year -= after ? 100 : 0;
    if (year < 1 || year > 9999 || !cw_date_valid(year, month, first))
        return false;
    *out = cw_arena_printf(arena, "%04d-%02d-%02d", (int)year, month, first);
    out->len = mrz->birth_day != 0 ? 10 : mrz->birth_month != 0 ? 7 : 4;
    return true;
}

/*
 * generate_people.c - persons, documents, phones and accounts of the generator.
 *
 * Everything is an affine map of an id over the range of possible values, with a factor prime to
 * the range: so no two ids ever get the same document, whatever the seed. Check digits are right
 * where the rule is public.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ingest/importers/generate_story.h"
#include "operators/runtime/time.h"

/* --- random numbers --------------------------------------------------------------------------- */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

void cw_gen_seed(struct cw_gen_rng *rng, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed ^ (stream * 0xD1342543DE82EF95U);
    for (int i = 0; i < 4; i++)
        rng->s[i] = splitmix(&state);
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t cw_gen_next(struct cw_gen_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t cw_gen_below(struct cw_gen_rng *rng, uint32_t below)
{
    return (uint32_t)((cw_gen_next(rng) >> 32) * below >> 32);
}

bool cw_gen_chance(struct cw_gen_rng *rng, double percent)
{
    return cw_gen_below(rng, 100000) < (uint32_t)(percent * 1000.0);
}

/* --- who -------------------------------------------------------------------------------------- */

enum { BIRTH_DAYS = 18000, SERIALS = 10000 }; /* births 1950 to 1999 */

struct nation {
    const char *code;
    unsigned names; /* index into cultures */
};
static const struct nation nations[] = {
    { "RO", 0 }, { "ES", 1 }, { "PL", 2 }, { "NL", 3 }, { "UA", 4 },
    { "MD", 0 }, { "XK", 5 }, { "DE", 3 }, { "AT", 3 }, { "RO", 0 },
};
enum { NATIONS = sizeof(nations) / sizeof(nations[0]), GIVEN = 16, FAMILY = 24 };

struct culture {
    const char *male[GIVEN];
    const char *female[GIVEN];
    const char *family[FAMILY];
};

/* clang-format off */
static const struct culture cultures[] = {
    { { "Andrei", "Mihai", "Ștefan", "Ion", "Vasile", "Radu", "Cristian", "Florin", "Dumitru", "Sorin",
        "Gheorghe", "Cătălin", "Marius", "Nicolae", "Bogdan", "Liviu" },
      { "Maria", "Elena", "Ioana", "Andreea", "Mihaela", "Raluca", "Simona", "Gabriela", "Roxana",
        "Daniela", "Alina", "Bianca", "Carmen", "Lăcrămioara", "Oana", "Diana" },
      { "Popescu", "Ionescu", "Munteanu", "Stoica", "Țurcanu", "Rusu", "Dobre", "Moldovan", "Ciobanu",
        "Lungu", "Șerban", "Matei", "Voinea", "Cojocaru", "Bălan", "Neagu", "Tudose", "Manea",
        "Preda", "Sandu", "Constantinescu", "Vlădescu", "Marinescu", "Grigorescu" } },
    { { "Javier", "Carlos", "Miguel", "Álvaro", "Sergio", "Pablo", "Rubén", "Jorge", "Andrés", "Iván",
        "Diego", "Raúl", "Tomás", "Emilio", "Víctor", "Hugo" },
      { "Lucía", "Carmen", "Pilar", "Marta", "Elena", "Beatriz", "Rocío", "Sofía", "Nuria", "Irene",
        "Inés", "Paula", "Alba", "Teresa", "Raquel", "Claudia" },
      { "García", "Fernández", "Martínez", "López", "Sánchez", "Ortega", "Navarro", "Molina", "Ibáñez",
        "Castillo", "Delgado", "Vega", "Peña", "Cabrera", "Fuentes", "Serrano", "Medina", "Aguilar",
        "Pascual", "Herrero", "Lorenzo", "Montero", "Gallardo", "Carrasco" } },
    { { "Łukasz", "Piotr", "Tomasz", "Marek", "Jacek", "Paweł", "Krzysztof", "Michał", "Grzegorz",
        "Rafał", "Adam", "Wojciech", "Bartosz", "Dariusz", "Szymon", "Kamil" },
      { "Katarzyna", "Agnieszka", "Małgorzata", "Joanna", "Magdalena", "Ewa", "Zofia", "Dorota",
        "Justyna", "Beata", "Karolina", "Wiktoria", "Hanna", "Sylwia", "Renata", "Aleksandra" },
      { "Kowalczyk", "Wójcik", "Kamiński", "Lewandowicz", "Zieliński", "Szymański", "Woźniak", "Dąbek",
        "Kozłowski", "Jankowski", "Mazur", "Krawczyk", "Piotrowicz", "Grabowski", "Nowicki", "Pawlak",
        "Michalski", "Król", "Wieczorek", "Jabłoński", "Wrona", "Majewski", "Olszewski", "Stępień" } },
    { { "Jan", "Pieter", "Thomas", "Stefan", "Matthias", "Jürgen", "Willem", "Florian", "Bram", "Lukas",
        "Henrik", "Sven", "Dirk", "Tobias", "Maarten", "Klaus" },
      { "Anna", "Sophie", "Johanna", "Ingrid", "Katrin", "Femke", "Sabine", "Lotte", "Birgit", "Marieke",
        "Heike", "Saskia", "Ulrike", "Greta", "Esther", "Julia" },
      { "Jansen", "Becker", "Hofmann", "Gruber", "Bakker", "Visser", "Schäfer", "Steiner", "Vermeer",
        "Krüger", "Brandt", "Mulder", "Lindner", "Pichler", "Dekker", "Winkler", "Hendriks", "Müller",
        "Eder", "Fuchs", "Dijkstra", "Leitner", "Vogel", "Kuipers" } },
    { { "Oleksandr", "Andrii", "Serhii", "Dmytro", "Mykola", "Volodymyr", "Ivan", "Taras", "Bohdan",
        "Yurii", "Oleh", "Petro", "Roman", "Vasyl", "Maksym", "Ihor" },
      { "Olena", "Oksana", "Natalia", "Iryna", "Kateryna", "Svitlana", "Hanna", "Yuliia", "Tetiana",
        "Larysa", "Sofiia", "Halyna", "Nadiia", "Vira", "Daryna", "Zoia" },
      { "Shevchenko", "Kovalenko", "Bondarenko", "Tkachenko", "Kravchenko", "Oliinyk", "Lysenko",
        "Marchenko", "Rudenko", "Savchenko", "Petrenko", "Moroz", "Hrytsenko", "Klymenko", "Pavlenko",
        "Koval", "Melnyk", "Polishchuk", "Zaitsev", "Boiko", "Tymoshyk", "Danylenko", "Fedorenko",
        "Hordiienko" } },
    { { "Arben", "Besnik", "Driton", "Fatos", "Ilir", "Luan", "Mentor", "Petrit", "Valon", "Agim",
        "Burim", "Faton", "Kushtrim", "Shpend", "Visar", "Liridon" },
      { "Arta", "Besa", "Drita", "Flutura", "Teuta", "Vjosa", "Mimoza", "Shpresa", "Albana", "Blerta",
        "Donika", "Fatime", "Luljeta", "Merita", "Rina", "Zana" },
      { "Hoxha", "Krasniqi", "Berisha", "Gashi", "Shala", "Morina", "Bytyqi", "Rexhepi", "Hyseni",
        "Kelmendi", "Thaqi", "Zeqiri", "Osmani", "Rama", "Dervishi", "Ademi", "Mustafa", "Salihu",
        "Jashari", "Haliti", "Kastrati", "Avdiu", "Bajrami", "Sadiku" } },
};

static const char *const cyrillic_male[GIVEN] = {
    "Олександр", "Андрій", "Сергій", "Дмитро", "Микола", "Володимир", "Іван", "Тарас", "Богдан",
    "Юрій", "Олег", "Петро", "Роман", "Василь", "Максим", "Ігор" };
static const char *const cyrillic_female[GIVEN] = {
    "Олена", "Оксана", "Наталія", "Ірина", "Катерина", "Світлана", "Ганна", "Юлія", "Тетяна",
    "Лариса", "Софія", "Галина", "Надія", "Віра", "Дарина", "Зоя" };
static const char *const cyrillic_family[FAMILY] = {
    "Шевченко", "Коваленко", "Бондаренко", "Ткаченко", "Кравченко", "Олійник", "Лисенко",
    "Марченко", "Руденко", "Савченко", "Петренко", "Мороз", "Гриценко", "Клименко", "Павленко",
    "Коваль", "Мельник", "Поліщук", "Зайцев", "Бойко", "Тимошик", "Даниленко", "Федоренко",
    "Гордієнко" };
/* clang-format on */

static uint64_t mapped(uint64_t seed, uint64_t id, uint64_t factor, uint64_t range)
{
    return (id * factor + seed % range) % range;
}

/* A number of the person that need not be its own: what the name is made of. */
static uint64_t mixed(const struct cw_gen_person *person, uint64_t salt)
{
    uint64_t state = person->seed ^ ((uint64_t)person->id << 20) ^ salt;
    return splitmix(&state);
}

static const struct nation *nation_of(const struct cw_gen_person *person)
{
    return &nations[mixed(person, 1) % NATIONS];
}

static uint32_t serial_of(const struct cw_gen_person *person)
{
    return (uint32_t)(mapped(person->seed, person->id, 73856093, (uint64_t)BIRTH_DAYS * SERIALS) /
                      BIRTH_DAYS);
}

void cw_gen_person(struct cw_gen_person *person, uint64_t seed, uint32_t id)
{
    *person = (struct cw_gen_person){ .seed = seed, .id = id };
    uint64_t place = mapped(seed, id, 73856093, (uint64_t)BIRTH_DAYS * SERIALS);
    person->birth = cw_days_from_civil(1950, 1, 1) + (int64_t)(place % BIRTH_DAYS);
    person->male = place / BIRTH_DAYS % 2 == 1;
    person->country = nation_of(person)->code;
}

const char *cw_gen_other_country(const struct cw_gen_person *person)
{
    return strcmp(person->country, "DE") == 0 ? "ES" : "DE";
}

/* --- names ------------------------------------------------------------------------------------ */

/* Latin letters with marks to plain ones: how a register without them writes the name. */
static void without_marks(const char *text, char out[CW_GEN_TEXT])
{
    static const struct {
        const char *marked;
        const char *plain;
    } marks[] = {
        { "Ș", "S" }, { "ș", "s" }, { "Ț", "T" }, { "ț", "t" },  { "ă", "a" },  { "Ă", "A" },
        { "á", "a" }, { "é", "e" }, { "í", "i" }, { "ó", "o" },  { "ú", "u" },  { "ñ", "n" },
        { "Á", "A" }, { "Ł", "L" }, { "ł", "l" }, { "ń", "n" },  { "ą", "a" },  { "ę", "e" },
        { "ź", "z" }, { "ż", "z" }, { "ś", "s" }, { "ü", "ue" }, { "ä", "ae" }, { "ö", "oe" },
    };
    size_t len = 0;
    while (*text != '\0' && len + 4 < CW_GEN_TEXT) {
        size_t i = 0;
        size_t count = sizeof(marks) / sizeof(marks[0]);
        while (i < count && strncmp(text, marks[i].marked, strlen(marks[i].marked)) != 0)
            i++;
        if (i == count) {
            out[len++] = *text++;
            continue;
        }
        memcpy(out + len, marks[i].plain, strlen(marks[i].plain));
        len += strlen(marks[i].plain);
        text += strlen(marks[i].marked);
    }
    out[len] = '\0';
}

/* The first place from the third letter on where two ASCII letters stand; 0: none. */
static size_t plain_pair(const char *text)
{
    for (size_t i = 2; text[0] != '\0' && text[1] != '\0' && i + 1 < strlen(text); i++) {
        if (isalpha((unsigned char)text[i]) && isalpha((unsigned char)text[i + 1]) &&
            text[i] != text[i + 1])
            return i;
    }
    return 0;
}

void cw_gen_name(const struct cw_gen_person *person, unsigned form, char out[CW_GEN_TEXT])
{
    const struct culture *culture = &cultures[nation_of(person)->names];
    const char *const *given = person->male ? culture->male : culture->female;
    uint64_t mix = mixed(person, 2);
    const char *first = given[mix % GIVEN];
    const char *second = mix / GIVEN % 3 == 0 ? given[mix / 64 % GIVEN] : first;
    char family[40];
    snprintf(family, sizeof(family), "%s", culture->family[mix / 4096 % FAMILY]);
    char middle[40] = "";
    if (second != first)
        snprintf(middle, sizeof(middle), "%s ", second);

    size_t pair = plain_pair(family);
    char whole[CW_GEN_TEXT];
    switch (form) {
    case 1: /* family name first */
        snprintf(out, CW_GEN_TEXT, "%s %s%s%s", family, first, middle[0] != '\0' ? " " : "",
                 second != first ? second : "");
        return;
    case 2: /* a letter left out */
        if (pair != 0)
            memmove(family + pair, family + pair + 1, strlen(family + pair));
        break;
    case 3: /* two letters swapped */
        if (pair != 0) {
            char letter = family[pair];
            family[pair] = family[pair + 1];
            family[pair + 1] = letter;
        }
        break;
    case 4: /* a title */
        snprintf(out, CW_GEN_TEXT, "%s %s %s%s", person->male ? "Mr" : "Mrs", first, middle,
                 family);
        return;
    case 5: /* without marks */
        snprintf(whole, sizeof(whole), "%s %s%s", first, middle, family);
        without_marks(whole, out);
        return;
    case 6: /* no second given name */
        middle[0] = '\0';
        break;
    default:
        break;
    }
    snprintf(out, CW_GEN_TEXT, "%s %s%s", first, middle, family);
}

bool cw_gen_original_name(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    if (nation_of(person)->names != 4)
        return false;
    uint64_t mix = mixed(person, 2);
    const char *const *given = person->male ? cyrillic_male : cyrillic_female;
    snprintf(out, CW_GEN_TEXT, "%s %s", given[mix % GIVEN], cyrillic_family[mix / 4096 % FAMILY]);
    return true;
}

void cw_gen_birth(const struct cw_gen_person *person, bool slip, char out[CW_GEN_TEXT])
{
    int64_t year;
    int month;
    int day;
    cw_civil_from_days(person->birth, &year, &month, &day);
    if (slip && day <= 12 && day != month) { /* day and month swapped */
        int other = day;
        day = month;
        month = other;
    } else if (slip) { /* the day read wrongly: 27 for 28, 2 for 1 */
        day = day > 1 ? day - 1 : 2;
    }
    snprintf(out, CW_GEN_TEXT, "%04d-%02d-%02d", (int)year, month, day);
}

/* --- documents -------------------------------------------------------------------------------- */

static int weighted(const char *digits, const int *weights, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += (digits[i] - '0') * weights[i];
    return sum;
}

/* BSN: nine digits, the eleven-test. A tenth of the numbers have no check digit: no BSN. */
static bool dutch_id(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    static const int weights[] = { 9, 8, 7, 6, 5, 4, 3, 2 };
    uint64_t number = 10000000 + mapped(person->seed, person->id, 48271, 90000000);
    snprintf(out, CW_GEN_TEXT, "%08u", (unsigned)number);
    int check = weighted(out, weights, 8) % 11;
    if (check == 10)
        return false;
    out[8] = (char)('0' + check);
    out[9] = '\0';
    return true;
}

static void romanian_id(const struct cw_gen_person *person, int64_t year, int month, int day,
                        char out[CW_GEN_TEXT])
{
    static const int weights[] = { 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9 };
    uint32_t serial = serial_of(person);
    snprintf(out, CW_GEN_TEXT, "%d%02d%02d%02d%02u%03u", person->male ? 1 : 2, (int)(year % 100),
             month, day, 1 + serial % 46, 1 + serial / 46);
    int check = weighted(out, weights, 12) % 11;
    snprintf(out + 12, CW_GEN_TEXT - 12, "%d", check == 10 ? 1 : check);
}

static void polish_id(const struct cw_gen_person *person, int64_t year, int month, int day,
                      char out[CW_GEN_TEXT])
{
    static const int weights[] = { 1, 3, 7, 9, 1, 3, 7, 9, 1, 3 };
    snprintf(out, CW_GEN_TEXT, "%02d%02d%02d%04u", (int)(year % 100), month, day,
             serial_of(person));
    snprintf(out + 10, CW_GEN_TEXT - 10, "%d", (10 - weighted(out, weights, 10) % 10) % 10);
}

static void ukrainian_id(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    static const int weights[] = { -1, 5, 7, 9, 4, 6, 10, 5, 7 };
    int64_t days = person->birth - cw_days_from_civil(1899, 12, 31);
    snprintf(out, CW_GEN_TEXT, "%05d%04u", (int)days, serial_of(person));
    int check = weighted(out, weights, 9) % 11;
    snprintf(out + 9, CW_GEN_TEXT - 9, "%d", (check + 11) % 11 % 10);
}

static void moldovan_id(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    static const int weights[] = { 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1 };
    uint64_t number = mapped(person->seed, person->id, 48271, 100000000000U);
    snprintf(out, CW_GEN_TEXT, "2%011llu", (unsigned long long)number);
    snprintf(out + 12, CW_GEN_TEXT - 12, "%d", weighted(out, weights, 12) % 10);
}

bool cw_gen_national_id(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    int64_t year;
    int month;
    int day;
    cw_civil_from_days(person->birth, &year, &month, &day);
    const char *country = person->country;
    if (strcmp(country, "RO") == 0) {
        romanian_id(person, year, month, day, out);
    } else if (strcmp(country, "PL") == 0) {
        polish_id(person, year, month, day, out);
    } else if (strcmp(country, "ES") == 0) {
        unsigned number = (unsigned)mapped(person->seed, person->id, 48271, 100000000);
        snprintf(out, CW_GEN_TEXT, "%08u%c", number, "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]);
    } else if (strcmp(country, "NL") == 0) {
        return dutch_id(person, out);
    } else if (strcmp(country, "UA") == 0) {
        ukrainian_id(person, out);
    } else if (strcmp(country, "MD") == 0) {
        moldovan_id(person, out);
    } else if (strcmp(country, "XK") == 0) {
        snprintf(out, CW_GEN_TEXT, "1%09u",
                 (unsigned)mapped(person->seed, person->id, 48271, 1000000000));
    } else {
        return false;
    }
    return true;
}

void cw_gen_passport(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    uint64_t number = mapped(person->seed, person->id, 15485863, 6760000000U);
    unsigned letters = (unsigned)(number / 10000000);
    snprintf(out, CW_GEN_TEXT, "%c%c%07u", (char)('A' + letters / 26), (char)('A' + letters % 26),
             (unsigned)(number % 10000000));
}

void cw_gen_licence(const struct cw_gen_person *person, char out[CW_GEN_TEXT])
{
    uint64_t number = mapped(person->seed, person->id, 179424673, 10000000000U);
    snprintf(out, CW_GEN_TEXT, "%010llu", (unsigned long long)number);
}

/* --- phones and accounts ---------------------------------------------------------------------- */

void cw_gen_phone(uint32_t phone, bool spaced, char out[CW_GEN_TEXT])
{
    /* Country, and the first digits of its mobile numbers; eight digits follow. */
    static const char *const prefixes[][2] = {
        { "+40", "7" }, { "+49", "151" }, { "+34", "6" },
        { "+48", "5" }, { "+31", "6" },   { "+33", "6" },
    };
    const char *const *prefix = prefixes[phone % 6];
    unsigned number = (unsigned)mapped(0, phone, 48271, 100000000);
    if (spaced)
        snprintf(out, CW_GEN_TEXT, "%s %s%02u %03u %03u", prefix[0], prefix[1], number / 1000000,
                 number / 1000 % 1000, number % 1000);
    else
        snprintf(out, CW_GEN_TEXT, "%s%s%08u", prefix[0], prefix[1], number);
}

void cw_gen_imei(uint32_t device, char out[CW_GEN_TEXT])
{
    unsigned sum = 0;
    snprintf(out, CW_GEN_TEXT, "35%012llu",
             (unsigned long long)mapped(0, device, 7368787, 1000000000000));
    for (int i = 0; i < 14; i++) {
        unsigned digit = (unsigned)(out[i] - '0') << (i % 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    out[14] = (char)('0' + (10 - sum % 10) % 10);
    out[15] = '\0';
}

/* The two check digits that make country + digits + BBAN a multiple of 97 plus one. */
static unsigned iban_check(const char *country, const char *bban)
{
    unsigned rest = 0;
    char text[CW_GEN_TEXT];
    snprintf(text, sizeof(text), "%s%s00", bban, country);
    for (const char *at = text; *at != '\0'; at++) {
        if (isdigit((unsigned char)*at))
            rest = (rest * 10 + (unsigned)(*at - '0')) % 97;
        else
            rest = (rest * 100 + (unsigned)(*at - 'A') + 10) % 97;
    }
    return 98 - rest;
}

const char *cw_gen_account(uint32_t account, const char *country, char out[CW_GEN_TEXT])
{
    char bban[40];
    unsigned low = account;
    if (strcmp(country, "DE") == 0)
        snprintf(bban, sizeof(bban), "%08u%010u", 50010000 + low % 9, low);
    else if (strcmp(country, "AT") == 0)
        snprintf(bban, sizeof(bban), "%05u%011u", 12000 + low % 9, low);
    else if (strcmp(country, "RO") == 0)
        snprintf(bban, sizeof(bban), "%s%016u", low % 2 == 0 ? "CWBA" : "CWBC", low);
    else if (strcmp(country, "PL") == 0)
        snprintf(bban, sizeof(bban), "10201026%016u", low);
    else {
        snprintf(out, CW_GEN_TEXT, "%s%012u", country, low);
        return "account";
    }
    snprintf(out, CW_GEN_TEXT, "%s%02u%s", country, iban_check(country, bban), bban);
    return "iban";
}

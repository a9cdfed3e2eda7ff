/*
 * un_sc.c - the consolidated list of the United Nations Security Council.
 *
 *     CONSOLIDATED_LIST > INDIVIDUALS | ENTITIES > INDIVIDUAL | ENTITY
 *         > a field, or a group (an alias, a document …) > its fields
 *
 * So an element's depth says what it is: 3 a row, 4 a field or a group, 5 a field of a group. expat
 * streams it; declarations of entities end the reading, for nothing in the list needs one and they
 * are how a small file becomes a large one.
 */
#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ingest/importers/import.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

enum { DEPTH_MAX = 16, READ_SIZE = 64 << 10 };

/* Fields of a row (depth 4) and of a group (depth 5) that are read. */
#define UN_FIELDS(X)                                                                               \
    X(DATAID)                                                                                      \
    X(VERSIONNUM)                                                                                  \
    X(FIRST_NAME)                                                                                  \
    X(SECOND_NAME)                                                                                 \
    X(THIRD_NAME)                                                                                  \
    X(FOURTH_NAME)                                                                                 \
    X(UN_LIST_TYPE)                                                                                \
    X(REFERENCE_NUMBER)                                                                            \
    X(LISTED_ON)                                                                                   \
    X(NAME_ORIGINAL_SCRIPT)                                                                        \
    X(GENDER)                                                                                      \
    X(VALUE)                                                                                       \
    X(ALIAS_NAME)                                                                                  \
    X(DATE_OF_BIRTH)                                                                               \
    X(STREET)                                                                                      \
    X(CITY)                                                                                        \
    X(STATE_PROVINCE)                                                                              \
    X(ZIP_CODE)                                                                                    \
    X(COUNTRY)                                                                                     \
    X(TYPE_OF_DATE)                                                                                \
    X(DATE)                                                                                        \
    X(YEAR)                                                                                        \
    X(FROM_YEAR)                                                                                   \
    X(TYPE_OF_DOCUMENT)                                                                            \
    X(TYPE_OF_DOCUMENT2)                                                                           \
    X(NUMBER)                                                                                      \
    X(ISSUING_COUNTRY)                                                                             \
    X(COUNTRY_OF_ISSUE)

#define UN_ENUM(name) UN_##name,
enum field { UN_FIELDS(UN_ENUM) UN_FIELD_COUNT };
#define UN_NAME(name) #name,
static const char *const field_names[] = { UN_FIELDS(UN_NAME) };

struct reader {
    struct cw_import *import;
    XML_Parser parser;
    int depth;
    bool organisation;
    char group[64];                      /* of depth 4 */
    struct cw_buf text;                  /* of the innermost element */
    struct cw_buf row[UN_FIELD_COUNT];   /* fields of depth 4 */
    struct cw_buf field[UN_FIELD_COUNT]; /* fields of depth 5 */
    struct cw_import_party party;
    const char *refusal; /* why reading ended; NULL: it did not */
};

static cw_str text_of(const struct cw_buf *buf)
{
    return (cw_str){ (const char *)buf->data, buf->len };
}

static cw_str row_text(const struct reader *reader, enum field field)
{
    return text_of(&reader->row[field]);
}

static cw_str group_text(const struct reader *reader, enum field field)
{
    return text_of(&reader->field[field]);
}

static void refuse(struct reader *reader, const char *why)
{
    if (reader->refusal == NULL)
        reader->refusal = why;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void clear(struct cw_buf fields[UN_FIELD_COUNT])
{
    for (int i = 0; i < UN_FIELD_COUNT; i++)
        fields[i].len = 0;
}

static bool contains(cw_str text, const char *word)
{
    return text.len > 0 && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

/* Parts of a name or an address that are there, joined. The result is copied by who takes it. */
static cw_str joined(struct cw_buf *out, const struct cw_buf *fields, const enum field *which,
                     size_t count, const char *between)
{
    out->len = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cw_buf *part = &fields[which[i]];
        if (part->len == 0)
            continue;
        if (out->len > 0)
            cw_buf_cstr(out, between);
        cw_buf_str(out, text_of(part));
    }
    return text_of(out);
}

/* "Afghan passport number OA296623": what stands behind the words that announce it. */
static cw_str plain_number(cw_str number)
{
    static const char *const before[] = { "number: ", "number ", "no. ", "No. " };
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const char *at =
            number.len == 0 ? NULL : memmem(number.ptr, number.len, before[i], strlen(before[i]));
        if (at != NULL) {
            at += strlen(before[i]);
            return (cw_str){ at, (size_t)(number.ptr + number.len - at) };
        }
    }
    return number;
}

/* Prose in a number ("403062567 (US)", "Libya 428720"): kept, but nobody is joined by it. */
static bool is_prose(cw_str number)
{
    size_t lower = 0;
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] == '(' || number.ptr[i] == ',')
            return true;
        lower += number.ptr[i] >= 'a' && number.ptr[i] <= 'z';
    }
    return lower > 2;
}

/*
 * The list calls every document that is no passport a "National Identification Number": ration
 * cards and birth certificates too. As two different national ids of one country keep two records
 * apart for good, only what is one may become one; the second type tells. An identity_document is
 * kept and links nobody.
 */
static const char *document_kind(cw_str type, cw_str second, cw_str number)
{
    static const char *const no_national_id[] = {
        "ation card", "ation Card", "FARDC",     "ilitary",    "serviceman", "oter ",   "tudent ",
        "Other ",     "ertificate", "Alternate", "ounterfeit", "armed",      "esident", "lien ",
    };
    if (contains(second, "assport") || contains(type, "asspor") || contains(type, "pasaporte"))
        return contains(number, "aissez") || contains(number, "travel document")
                   ? "identity_document"
                   : "passport";
    if (contains(second, "iscal Code"))
        return "tax_id";
    if (contains(second, "river") || contains(number, "driving"))
        return contains(number, "ounterfeit") ? "identity_document" : "driving_licence";
    for (size_t i = 0; i < sizeof(no_national_id) / sizeof(no_national_id[0]); i++) {
        if (contains(second, no_national_id[i]) || contains(number, no_national_id[i]))
            return "identity_document";
    }
    return "national_id";
}

static void end_document(struct reader *reader)
{
    cw_str number = group_text(reader, UN_NUMBER);
    cw_str second = group_text(reader, UN_TYPE_OF_DOCUMENT2);
    const char *kind = document_kind(group_text(reader, UN_TYPE_OF_DOCUMENT), second, number);
    cw_str country = group_text(reader, UN_ISSUING_COUNTRY);
    if (country.len == 0)
        country = group_text(reader, UN_COUNTRY_OF_ISSUE);
    const char *issuer = cw_import_country(reader->import, country);
    if (issuer == NULL &&
        (contains(second, "Social Security") || contains(number, "Social Security")))
        issuer = "US";
    if (issuer == NULL && contains(second, "Italian"))
        issuer = "IT";
    number = plain_number(number);
    cw_import_party_id(&reader->party, kind, number, is_prose(number) ? NULL : issuer);
}

/* An approximate date says its year at most; a range of years is no date. */
static void end_birth(struct reader *reader)
{
    cw_str type = group_text(reader, UN_TYPE_OF_DATE);
    cw_str date = group_text(reader, UN_DATE);
    cw_str year = group_text(reader, UN_YEAR);
    if (date.len > 0) {
        if (cw_import_iso_date(date) == CW_TIME_MIN) {
            cw_import_count(reader->import)->bad_dates++;
            return;
        }
        date.len = cw_str_is(type, "EXACT") ? 10 : 4;
        cw_import_party_birth(&reader->party, date);
    } else if (year.len > 0) {
        cw_import_party_birth(&reader->party, year);
    } else if (group_text(reader, UN_FROM_YEAR).len > 0) {
        cw_import_count(reader->import)->ranges++;
    }
}

static void end_group(struct reader *reader)
{
    static const enum field address[] = { UN_STREET, UN_CITY, UN_STATE_PROVINCE, UN_ZIP_CODE,
                                          UN_COUNTRY };
    const char *group = reader->group;
    if (strcmp(group, "INDIVIDUAL_ALIAS") == 0 || strcmp(group, "ENTITY_ALIAS") == 0) {
        cw_import_party_name(&reader->party, group_text(reader, UN_ALIAS_NAME), true);
        cw_import_party_birth(&reader->party, group_text(reader, UN_DATE_OF_BIRTH));
    } else if (strcmp(group, "NATIONALITY") == 0) {
        cw_import_party_nation(&reader->party, group_text(reader, UN_VALUE));
    } else if (strcmp(group, "INDIVIDUAL_ADDRESS") == 0 || strcmp(group, "ENTITY_ADDRESS") == 0) {
        cw_str line = joined(&reader->text, reader->field, address, 5, ", ");
        cw_import_party_address(&reader->party, line);
    } else if (strcmp(group, "INDIVIDUAL_DATE_OF_BIRTH") == 0) {
        end_birth(reader);
    } else if (strcmp(group, "INDIVIDUAL_DOCUMENT") == 0) {
        end_document(reader);
    }
}

static int64_t version_of(cw_str text)
{
    int64_t version = 0;
    for (size_t i = 0; i < text.len && i < 9 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        version = version * 10 + (text.ptr[i] - '0');
    return version > 0 ? version : 1;
}

/* The names come in fields behind the aliases or before them: the primary one is put first. */
static void put_names_first(struct reader *reader)
{
    static const enum field parts[] = { UN_FIRST_NAME, UN_SECOND_NAME, UN_THIRD_NAME,
                                        UN_FOURTH_NAME };
    struct cw_import_party *party = &reader->party;
    struct cw_name aliases[CW_IMPORT_NAMES];
    size_t count = party->part.name_count;
    memcpy(aliases, party->names, count * sizeof(aliases[0]));
    party->part.name_count = 0;
    cw_import_party_name(party, joined(&reader->text, reader->row, parts, 4, " "), false);
    cw_import_party_name(party, row_text(reader, UN_NAME_ORIGINAL_SCRIPT), false);
    for (size_t i = 0; i < count; i++)
        cw_import_party_name(party, aliases[i].full, true);
}

static void end_row(struct reader *reader)
{
    struct cw_import_party *party = &reader->party;
    if (row_text(reader, UN_DATAID).len == 0) {
        cw_import_count(reader->import)->skipped++;
        return;
    }
    put_names_first(reader);
    party->part.kind = cw_cstr(reader->organisation ? "organisation" : "person");
    cw_str gender = row_text(reader, UN_GENDER);
    if (cw_str_is(gender, "Male"))
        party->part.sex = cw_cstr("male");
    else if (cw_str_is(gender, "Female"))
        party->part.sex = cw_cstr("female");

    cw_str listed = row_text(reader, UN_LISTED_ON);
    int64_t date = cw_import_iso_date(listed);
    if (listed.len > 0 && date == CW_TIME_MIN)
        cw_import_count(reader->import)->bad_dates++;
    if (!cw_import_row(reader->import, CW_IMPORT_SANCTION, "UN-SC", row_text(reader, UN_DATAID),
                       version_of(row_text(reader, UN_VERSIONNUM)), date, party,
                       row_text(reader, UN_UN_LIST_TYPE), row_text(reader, UN_REFERENCE_NUMBER)))
        refuse(reader, "it has more than a million rows");
}

static int field_of(const char *name)
{
    for (int i = 0; i < UN_FIELD_COUNT; i++) {
        if (strcmp(field_names[i], name) == 0)
            return i;
    }
    return -1;
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = context;
    reader->text.len = 0;
    switch (++reader->depth) {
    case 1:
        if (strcmp(name, "CONSOLIDATED_LIST") != 0)
            refuse(reader, "its root element is not CONSOLIDATED_LIST");
        for (size_t i = 0; attributes[i] != NULL; i += 2) {
            if (strcmp(attributes[i], "dateGenerated") == 0)
                cw_import_saw_date(reader->import, cw_import_iso_date(cw_cstr(attributes[i + 1])));
        }
        break;
    case 3:
        reader->organisation = strcmp(name, "ENTITY") == 0;
        if (!reader->organisation && strcmp(name, "INDIVIDUAL") != 0)
            refuse(reader, "an element at depth 3 is neither INDIVIDUAL nor ENTITY");
        clear(reader->row);
        cw_import_party_start(&reader->party, reader->import);
        break;
    case 4:
        clear(reader->field);
        snprintf(reader->group, sizeof(reader->group), "%s", name);
        break;
    case DEPTH_MAX:
        refuse(reader, "its elements are nested too deep");
        break;
    default:
        break;
    }
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reader *reader = context;
    int field = reader->depth == 4 || reader->depth == 5 ? field_of(name) : -1;
    if (field >= 0) {
        struct cw_buf *into = reader->depth == 4 ? &reader->row[field] : &reader->field[field];
        cw_str text = cw_import_text(reader->import, text_of(&reader->text));
        into->len = 0;
        cw_buf_str(into, text);
    }
    reader->text.len = 0;
    /* A group may bring several values (NATIONALITY): each counts when it ends. */
    if (reader->depth == 5 && field == UN_VALUE) {
        if (strcmp(reader->group, "LAST_DAY_UPDATED") == 0)
            cw_import_saw_date(reader->import, cw_import_iso_date(group_text(reader, UN_VALUE)));
        end_group(reader);
        reader->field[UN_VALUE].len = 0;
    } else if (reader->depth == 4) {
        end_group(reader);
    } else if (reader->depth == 3) {
        end_row(reader);
    }
    reader->depth--;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
    struct reader *reader = context;
    if (reader->text.len + (size_t)len > CW_IMPORT_FIELD_MAX) {
        refuse(reader, "a field is longer than 64 KiB");
        return;
    }
    cw_buf_put(&reader->text, text, (size_t)len);
}

static void XMLCALL on_entity(void *context, const XML_Char *name, int is_parameter,
                              const XML_Char *value, int value_length, const XML_Char *base,
                              const XML_Char *system_id, const XML_Char *public_id,
                              const XML_Char *notation)
{
    (void)name;
    (void)is_parameter;
    (void)value;
    (void)value_length;
    (void)base;
    (void)system_id;
    (void)public_id;
    (void)notation;
    refuse(context, "it declares an entity, which this list never does");
}

/* Feeds the file to the parser. False: `error` is set. */
static bool feed(struct reader *reader, gzFile file, const char *path, char error[CW_IMPORT_ERROR])
{
    static char bytes[READ_SIZE];
    int64_t total = 0;
    for (;;) {
        int got = gzread(file, bytes, READ_SIZE);
        if (got < 0) {
            int code;
            const char *why = gzerror(file, &code);
            snprintf(error, CW_IMPORT_ERROR, "%s: reading failed: %s", path,
                     code == Z_ERRNO ? strerror(errno) : why);
            return false;
        }
        total += got;
        if (total > CW_IMPORT_FILE_MAX)
            refuse(reader, "it is larger than 256 MiB");
        if (reader->refusal == NULL &&
            XML_Parse(reader->parser, bytes, got, got == 0) != XML_STATUS_ERROR) {
            if (got == 0)
                return true;
            continue;
        }
        const char *why = reader->refusal != NULL
                              ? reader->refusal
                              : XML_ErrorString(XML_GetErrorCode(reader->parser));
        snprintf(error, CW_IMPORT_ERROR,
                 "%s:%lu: this is not the Security Council's list: %s; give the XML file that the "
                 "United Nations publish, plain or as gzip",
                 path, (unsigned long)XML_GetCurrentLineNumber(reader->parser), why);
        return false;
    }
}

bool cw_import_un_sc(struct cw_import *import, const char *path, char error[CW_IMPORT_ERROR])
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        snprintf(error, CW_IMPORT_ERROR, "%s: cannot be opened: %s", path, strerror(errno));
        return false;
    }
    struct reader *reader = cw_new(struct reader);
    reader->import = import;
    reader->parser = XML_ParserCreate("UTF-8");
    bool ok = reader->parser != NULL;
    if (ok) {
        XML_SetUserData(reader->parser, reader);
        XML_SetElementHandler(reader->parser, on_start, on_end);
        XML_SetCharacterDataHandler(reader->parser, on_text);
        XML_SetEntityDeclHandler(reader->parser, on_entity);
        ok = feed(reader, file, path, error);
        XML_ParserFree(reader->parser);
    } else {
        snprintf(error, CW_IMPORT_ERROR, "no memory for an XML parser");
    }
    for (int i = 0; i < UN_FIELD_COUNT; i++) {
        cw_buf_done(&reader->row[i]);
        cw_buf_done(&reader->field[i]);
    }
    cw_buf_done(&reader->text);
    free(reader);
    gzclose(file);
    return ok;
}

/*
 * test_resolution.c - schema resolution against a slow reader that is the specification's text,
 * rule by rule: random writer's schemas, reader's schemas made from them by random changes whose
 * outcome nobody knows beforehand, random values.
 *
 * The slow reader walks types of its own, not the parser's nodes; it recurses, copies, and looks up
 * everything by name each time. It answers bytes under the reader's schema, or that it is an error.
 */
#include "wire_test.h"

#include "tests/support/dice.h"

enum { ROUNDS = 6000, VALUES = 6, DEPTH = 4, MEMBERS = 5, TYPES = 512, PAIRS = 4096 };

enum kind {
    T_NULL,
    T_BOOLEAN,
    T_INT,
    T_LONG,
    T_FLOAT,
    T_DOUBLE,
    T_BYTES,
    T_STRING,
    T_FIXED,
    T_ENUM,
    T_RECORD,
    T_ARRAY,
    T_MAP,
    T_UNION,
    KINDS
};

struct type;

struct field {
    char name[16];
    char alias[16]; /* empty: none */
    struct type *type;
    bool has_default; /* of the text and the bytes below */
    char text[160];
    uint8_t bytes[64];
    size_t len;
};

struct type {
    enum kind kind;
    char space[4]; /* named types: a or b */
    char name[16];
    char alias[24]; /* a full name; empty: none */
    size_t count;   /* fields, symbols, branches */
    struct field fields[MEMBERS];
    char symbols[MEMBERS][8];
    int default_symbol;            /* -1: none */
    struct type *members[MEMBERS]; /* branches; [0] the items */
    size_t size;                   /* fixed */
    struct type *copy;             /* its counterpart in the reader's schema, once made */
    bool printed;
};

static struct dice dice;
static struct type types[TYPES];
static size_t type_count;
static unsigned names;

static struct type *new_type(enum kind kind)
{
    assert_true(type_count < TYPES);
    struct type *type = &types[type_count++];
    *type = (struct type){ .kind = kind, .default_symbol = -1 };
    if (kind == T_FIXED || kind == T_ENUM || kind == T_RECORD) {
        snprintf(type->space, sizeof(type->space), "%s", dice_chance(&dice, 80) ? "a" : "b");
        snprintf(type->name, sizeof(type->name), "N%u", names++);
    }
    return type;
}

static bool is_named(const struct type *type)
{
    return type->name[0] != '\0';
}

/* --- making schemas --- */

static struct type *make_type(unsigned depth, struct type *around);

static struct type *make_union(unsigned depth, struct type *around);

/* A default of types that need no more than a constant; first branch of a union, as all Avro has.
 */
static bool make_default(const struct type *type, struct cw_buf *text, struct cw_buf *bytes)
{
    float narrow = 1.5f;
    double wide = -2.25;
    switch (type->kind) {
    case T_NULL:
        cw_buf_cstr(text, "null");
        return true;
    case T_BOOLEAN:
        cw_buf_cstr(text, "true");
        cw_buf_u8(bytes, 1);
        return true;
    case T_INT:
    case T_LONG:
        cw_buf_cstr(text, "-77");
        cw_buf_avro_long(bytes, -77);
        return true;
    case T_FLOAT:
        cw_buf_cstr(text, "1.5");
        cw_buf_put(bytes, &narrow, 4);
        return true;
    case T_DOUBLE:
        cw_buf_cstr(text, "-2.25");
        cw_buf_put(bytes, &wide, 8);
        return true;
    case T_BYTES:
        cw_buf_cstr(text, "\"a\\u00ff\"");
        cw_buf_avro_str(bytes, (cw_str){ "a\xff", 2 });
        return true;
    case T_STRING:
        cw_buf_cstr(text, "\"\\u00e9\"");
        cw_buf_avro_str(bytes, cw_cstr("\xc3\xa9"));
        return true;
    case T_ENUM:
        cw_buf_printf(text, "\"%s\"", type->symbols[type->count - 1]);
        cw_buf_avro_long(bytes, (int64_t)type->count - 1);
        return true;
    case T_ARRAY:
        cw_buf_cstr(text, "[]");
        cw_buf_u8(bytes, 0);
        return true;
    case T_MAP:
        cw_buf_cstr(text, "{}");
        cw_buf_u8(bytes, 0);
        return true;
    case T_UNION:
        if (type->members[0]->kind == T_UNION)
            return false;
        cw_buf_avro_long(bytes, 0);
        return make_default(type->members[0], text, bytes);
    case T_FIXED:
    case T_RECORD:
    case KINDS:
        break;
    }
    return false;
}

static void give_default(struct field *field)
{
    struct cw_buf text = { 0 };
    struct cw_buf bytes = { 0 };
    field->has_default = make_default(field->type, &text, &bytes) &&
                         text.len < sizeof(field->text) && bytes.len <= sizeof(field->bytes);
    if (field->has_default) {
        memcpy(field->text, text.data, text.len);
        field->text[text.len] = '\0';
        if (bytes.len != 0)
            memcpy(field->bytes, bytes.data, bytes.len);
        field->len = bytes.len;
    }
    cw_buf_done(&text);
    cw_buf_done(&bytes);
}

static void make_enum(struct type *type)
{
    type->count = 1 + dice_below(&dice, 4);
    for (size_t i = 0; i < type->count; i++)
        snprintf(type->symbols[i], sizeof(type->symbols[i]), "%c", (char)('A' + i));
    if (dice_chance(&dice, 30))
        type->default_symbol = (int)dice_below(&dice, type->count);
}

static struct type *make_record(unsigned depth)
{
    struct type *type = new_type(T_RECORD);
    size_t count = dice_below(&dice, MEMBERS); /* one place is left for a change */
    for (size_t i = 0; i < count; i++) {
        struct field *field = &type->fields[i];
        snprintf(field->name, sizeof(field->name), "f%zu", i);
        field->type = make_type(depth - 1, type);
        if (dice_chance(&dice, 30))
            give_default(field);
    }
    type->count = count;
    return type;
}

/* `around`: the record that it stands in, to which a union, array or map may refer. */
static struct type *make_type(unsigned depth, struct type *around)
{
    size_t lot = dice_below(&dice, depth == 0 ? 10 : 20);
    if (lot < 8)
        return new_type((enum kind)lot);
    if (lot == 8) {
        struct type *fixed = new_type(T_FIXED);
        fixed->size = dice_below(&dice, 4);
        return fixed;
    }
    if (lot == 9) {
        struct type *type = new_type(T_ENUM);
        make_enum(type);
        return type;
    }
    if (lot < 13)
        return make_record(depth);
    if (lot < 16) {
        struct type *type = new_type(lot == 13 ? T_MAP : T_ARRAY);
        type->members[0] =
            around != NULL && dice_chance(&dice, 15) ? around : make_type(depth - 1, around);
        return type;
    }
    return make_union(depth, around);
}

static bool fits_union(const struct type *type, const struct type *branch)
{
    if (branch->kind == T_UNION)
        return false;
    for (size_t i = 0; i < type->count; i++) {
        if (type->members[i] == branch ||
            (type->members[i]->kind == branch->kind && !is_named(branch)))
            return false;
    }
    return type->count < MEMBERS;
}

static void add_branch(struct type *type, struct type *branch)
{
    if (fits_union(type, branch))
        type->members[type->count++] = branch;
}

static struct type *make_union(unsigned depth, struct type *around)
{
    struct type *type = new_type(T_UNION);
    if (dice_chance(&dice, 60))
        add_branch(type, new_type(T_NULL));
    for (size_t left = 1 + dice_below(&dice, 3); left > 0; left--)
        add_branch(type, make_type(depth - 1, around));
    if (around != NULL && type->count != 0 && type->members[0]->kind == T_NULL &&
        dice_chance(&dice, 20))
        add_branch(type, around);
    if (type->count == 0)
        add_branch(type, new_type(T_STRING));
    return type;
}

/* --- the reader's schema: the writer's, changed --- */

static struct type *change(struct type *type, unsigned depth);

static void swap_members(struct type *type, size_t i, size_t j)
{
    struct type *member = type->members[i];
    type->members[i] = type->members[j];
    type->members[j] = member;
}

static void change_name(struct type *copy, const struct type *type)
{
    if (dice_chance(&dice, 85)) {
        snprintf(copy->name, sizeof(copy->name), "%s", type->name);
        if (dice_chance(&dice, 90)) /* what matches is the name without its space */
            snprintf(copy->space, sizeof(copy->space), "%s", type->space);
    } else if (dice_chance(&dice, 70)) { /* the name that new_type gave, and whence it came */
        snprintf(copy->alias, sizeof(copy->alias), "%s.%s", type->space, type->name);
    }
}

static void change_fields(struct type *copy, struct type *type, unsigned depth)
{
    bool shuffled = dice_chance(&dice, 30);
    for (size_t i = 0; i < type->count; i++) {
        const struct field *from = &type->fields[i];
        if (dice_chance(&dice, 10))
            continue;
        struct field to = { .type = change(from->type, depth) };
        snprintf(to.name, sizeof(to.name), "%s", from->name);
        if (dice_chance(&dice, 10)) {
            snprintf(to.name, sizeof(to.name), "r%u", (unsigned)i % MEMBERS);
            if (dice_chance(&dice, 80))
                snprintf(to.alias, sizeof(to.alias), "%s", from->name);
        }
        if (dice_chance(&dice, 40))
            give_default(&to);
        size_t at = shuffled ? dice_below(&dice, copy->count + 1) : copy->count;
        memmove(&copy->fields[at + 1], &copy->fields[at],
                (copy->count - at) * sizeof(struct field));
        copy->fields[at] = to;
        copy->count++;
    }
    if (copy->count < MEMBERS && dice_chance(&dice, 20)) {
        struct field *added = &copy->fields[copy->count];
        snprintf(added->name, sizeof(added->name), "new");
        added->type = make_type(1, copy);
        if (dice_chance(&dice, 80))
            give_default(added);
        copy->count++;
    }
}

static void change_symbols(struct type *copy, const struct type *type)
{
    for (size_t i = 0; i < type->count; i++) {
        if (dice_chance(&dice, 12))
            continue;
        memcpy(copy->symbols[copy->count++], type->symbols[i], sizeof(type->symbols[i]));
    }
    if (copy->count < 2 || dice_chance(&dice, 20))
        snprintf(copy->symbols[copy->count++], sizeof(copy->symbols[0]), "Z");
    if (copy->count > 1 && dice_chance(&dice, 30)) {
        char first[8];
        memcpy(first, copy->symbols[0], sizeof(first));
        memcpy(copy->symbols[0], copy->symbols[copy->count - 1], sizeof(first));
        memcpy(copy->symbols[copy->count - 1], first, sizeof(first));
    }
    if (dice_chance(&dice, 40))
        copy->default_symbol = (int)dice_below(&dice, copy->count);
}

static struct type *change_union(struct type *type, unsigned depth)
{
    if (dice_chance(&dice, 15))
        return change(type->members[dice_below(&dice, type->count)], depth);
    struct type *copy = new_type(T_UNION);
    for (size_t i = 0; i < type->count; i++) {
        if (dice_chance(&dice, 90))
            add_branch(copy, change(type->members[i], depth));
    }
    if (dice_chance(&dice, 20))
        add_branch(copy, make_type(1, NULL));
    if (copy->count == 0)
        add_branch(copy, new_type(T_NULL));
    for (size_t i = copy->count; i > 1 && dice_chance(&dice, 40); i--)
        swap_members(copy, i - 1, dice_below(&dice, i));
    return copy;
}

static struct type *wrap(struct type *type)
{
    if (type->kind == T_UNION)
        return type;
    struct type *around = new_type(T_UNION);
    if (dice_chance(&dice, 50))
        add_branch(around, make_type(0, NULL));
    add_branch(around, type);
    if (dice_chance(&dice, 50))
        add_branch(around, make_type(0, NULL));
    return around;
}

static struct type *change(struct type *type, unsigned depth)
{
    struct type *copy;
    if (type->copy != NULL)
        return type->copy;
    if (!is_named(type) && dice_chance(&dice, 3))
        return make_type(1, NULL);
    if (type->kind <= T_STRING) {
        bool other = dice_chance(&dice, 20);
        copy = new_type(other ? (enum kind)dice_below(&dice, T_STRING + 1) : type->kind);
        return dice_chance(&dice, 12) ? wrap(copy) : copy;
    }
    if (type->kind == T_UNION)
        return change_union(type, depth);
    copy = new_type(type->kind);
    if (is_named(type)) {
        type->copy = copy;
        change_name(copy, type);
    }
    if (type->kind == T_RECORD) {
        change_fields(copy, type, depth);
    } else if (type->kind == T_ENUM) {
        change_symbols(copy, type);
    } else if (type->kind == T_FIXED) {
        copy->size = type->size + dice_chance(&dice, 8);
    } else {
        copy->members[0] = change(type->members[0], depth);
        return dice_chance(&dice, 10) ? wrap(copy) : copy;
    }
    return copy;
}

/* --- as text --- */

static void put_type(struct cw_buf *out, struct type *type);

static void put_named(struct cw_buf *out, struct type *type)
{
    if (type->printed) {
        cw_buf_printf(out, "\"%s.%s\"", type->space, type->name);
        return;
    }
    type->printed = true;
    cw_buf_printf(out, "{\"type\":\"%s\",\"name\":\"%s\",\"namespace\":\"%s\"",
                  type->kind == T_RECORD ? "record"
                  : type->kind == T_ENUM ? "enum"
                                         : "fixed",
                  type->name, type->space);
    if (type->alias[0] != '\0')
        cw_buf_printf(out, ",\"aliases\":[\"%s\"]", type->alias);
    if (type->kind == T_FIXED) {
        cw_buf_printf(out, ",\"size\":%zu}", type->size);
        return;
    }
    cw_buf_cstr(out, type->kind == T_ENUM ? ",\"symbols\":[" : ",\"fields\":[");
    for (size_t i = 0; i < type->count; i++) {
        const struct field *field = &type->fields[i];
        cw_buf_cstr(out, i != 0 ? "," : "");
        if (type->kind == T_ENUM) {
            cw_buf_printf(out, "\"%s\"", type->symbols[i]);
            continue;
        }
        cw_buf_printf(out, "{\"name\":\"%s\",", field->name);
        if (field->alias[0] != '\0')
            cw_buf_printf(out, "\"aliases\":[\"%s\"],", field->alias);
        if (field->has_default)
            cw_buf_printf(out, "\"default\":%s,", field->text);
        cw_buf_cstr(out, "\"type\":");
        put_type(out, field->type);
        cw_buf_cstr(out, "}");
    }
    cw_buf_cstr(out, "]");
    if (type->default_symbol >= 0)
        cw_buf_printf(out, ",\"default\":\"%s\"", type->symbols[type->default_symbol]);
    cw_buf_cstr(out, "}");
}

static void put_type(struct cw_buf *out, struct type *type)
{
    static const char *const primitives[] = { "null",  "boolean", "int",   "long",
                                              "float", "double",  "bytes", "string" };
    if (is_named(type)) {
        put_named(out, type);
    } else if (type->kind <= T_STRING) {
        cw_buf_printf(out, "\"%s\"", primitives[type->kind]);
    } else if (type->kind != T_UNION) {
        cw_buf_cstr(out, type->kind == T_ARRAY ? "{\"type\":\"array\",\"items\":"
                                               : "{\"type\":\"map\",\"values\":");
        put_type(out, type->members[0]);
        cw_buf_cstr(out, "}");
    } else {
        for (size_t i = 0; i < type->count; i++) {
            cw_buf_cstr(out, i != 0 ? "," : "[");
            put_type(out, type->members[i]);
        }
        cw_buf_cstr(out, "]");
    }
}

/* --- values of the writer's --- */

static void put_value(struct cw_buf *out, const struct type *type, unsigned depth);

static void put_items(struct cw_buf *out, const struct type *type, unsigned depth)
{
    size_t left = depth > 6 ? 0 : dice_below(&dice, 5);
    while (left > 0) {
        size_t count = 1 + dice_below(&dice, left);
        struct cw_buf block = { 0 };
        for (size_t i = 0; i < count; i++) {
            if (type->kind == T_MAP)
                cw_buf_avro_str(&block, cw_cstr(dice_chance(&dice, 50) ? "k" : "\xc3\xa9"));
            put_value(&block, type->members[0], depth + 1);
        }
        bool sized = dice_chance(&dice, 50);
        cw_buf_avro_long(out, sized ? -(int64_t)count : (int64_t)count);
        if (sized)
            cw_buf_avro_long(out, (int64_t)block.len);
        cw_buf_put(out, block.data, block.len);
        cw_buf_done(&block);
        left -= count;
    }
    cw_buf_u8(out, 0);
}

static void put_value(struct cw_buf *out, const struct type *type, unsigned depth)
{
    static const uint8_t fixed[32] = { 0xff, 1, 2, 3, 4 };
    static const char *const texts[] = { "", "a", "\xc3\xa9\xf0\x9f\x98\x80", "0123456789abcdef" };
    int64_t number = (int64_t)dice_roll(&dice) >> dice_below(&dice, 64);
    float narrow = (float)number;
    double wide = (double)number / 3;
    size_t branch;
    switch (type->kind) {
    case T_NULL:
        break;
    case T_BOOLEAN:
        cw_buf_u8(out, (uint8_t)(number & 1));
        break;
    case T_INT:
        cw_buf_avro_long(out, (int32_t)number);
        break;
    case T_LONG:
        cw_buf_avro_long(out, number);
        break;
    case T_FLOAT:
        cw_buf_put(out, &narrow, 4);
        break;
    case T_DOUBLE:
        cw_buf_put(out, &wide, 8);
        break;
    case T_BYTES: /* now and then such that are no text */
        cw_buf_avro_str(out, dice_chance(&dice, 10) ? (cw_str){ "x\xff", 2 }
                                                    : cw_cstr(texts[dice_below(&dice, 4)]));
        break;
    case T_STRING:
        cw_buf_avro_str(out, cw_cstr(texts[dice_below(&dice, 4)]));
        break;
    case T_FIXED:
        cw_buf_put(out, fixed, type->size);
        break;
    case T_ENUM:
        cw_buf_avro_long(out, (int64_t)dice_below(&dice, type->count));
        break;
    case T_RECORD:
        for (size_t i = 0; i < type->count; i++)
            put_value(out, type->fields[i].type, depth + 1);
        break;
    case T_ARRAY:
    case T_MAP:
        put_items(out, type, depth);
        break;
    case T_UNION: /* what refers back stands behind null: deep down, null it is */
        branch = depth > 6 ? 0 : dice_below(&dice, type->count);
        cw_buf_avro_long(out, (int64_t)branch);
        put_value(out, type->members[branch], depth + 1);
        break;
    case KINDS:
        fail();
    }
}

/* --- the slow reader: "Schema Resolution" of the specification --- */

static bool same_name(const struct type *writer, const struct type *reader)
{
    char full[32];
    snprintf(full, sizeof(full), "%s.%s", writer->space, writer->name);
    return strcmp(writer->name, reader->name) == 0 || strcmp(full, reader->alias) == 0;
}

/* "To match, one of the following must hold"; how well is the one thing that is added to the text.
 */
enum match { NONE, PROMOTED, SAME };

static enum match match(const struct type *writer, const struct type *reader)
{
    if (writer->kind == T_UNION || reader->kind == T_UNION)
        return SAME;
    if (writer->kind == reader->kind) {
        if (writer->kind == T_FIXED && writer->size != reader->size)
            return NONE;
        return !is_named(writer) || same_name(writer, reader) ? SAME : NONE;
    }
    bool promoted = false;
    if (writer->kind == T_INT)
        promoted = reader->kind == T_LONG || reader->kind == T_FLOAT || reader->kind == T_DOUBLE;
    else if (writer->kind == T_LONG)
        promoted = reader->kind == T_FLOAT || reader->kind == T_DOUBLE;
    else if (writer->kind == T_FLOAT)
        promoted = reader->kind == T_DOUBLE;
    else if (writer->kind == T_STRING)
        promoted = reader->kind == T_BYTES;
    else if (writer->kind == T_BYTES)
        promoted = reader->kind == T_STRING;
    return promoted ? PROMOTED : NONE;
}

/*
 * Three things in which plans leave the text, all written down in ingest/wire/README.md:
 *   a record stands for a record whatever its name, where there is no choice: outside unions, and
 *   where each side's union has one record only;
 *   of a reader's union, a branch of the same type goes before one that needs a promotion;
 *   an array stands for an array and a map for a map whatever their items: where those do not
 * match, that is told of the pair of schemas, before any value.
 */
static size_t records_of(const struct type *type)
{
    size_t count = type->kind == T_RECORD;
    for (size_t i = 0; i < type->count && type->kind == T_UNION; i++)
        count += type->members[i]->kind == T_RECORD;
    return count;
}

static bool matches(const struct type *writer, const struct type *reader)
{
    return match(writer, reader) != NONE || (writer->kind == T_RECORD && reader->kind == T_RECORD);
}

/* The branch of a reader's union for what stands in `around` of the writer's; -1: none matches. */
static int branch_of(const struct type *writer, const struct type *around,
                     const struct type *reader)
{
    for (enum match least = SAME; least >= PROMOTED; least--) {
        for (size_t i = 0; i < reader->count; i++) {
            if (match(writer, reader->members[i]) >= least)
                return (int)i;
        }
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (writer->kind == T_RECORD && reader->members[i]->kind == T_RECORD &&
            records_of(around) == 1 && records_of(reader) == 1)
            return (int)i;
    }
    return -1;
}

/* The reader's field that the writer's field is: of its name, or one that has it as an alias. */
static int field_of(const struct type *reader, const char *name)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (strcmp(reader->fields[i].name, name) == 0)
            return (int)i;
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (strcmp(reader->fields[i].alias, name) == 0)
            return (int)i;
    }
    return -1;
}

static bool resolve(const struct type *writer, const struct type *reader, struct cw_cur *in,
                    struct cw_buf *out);

static bool resolve_record(const struct type *writer, const struct type *reader, struct cw_cur *in,
                           struct cw_buf *out)
{
    struct cw_buf values[MEMBERS] = { 0 };
    bool there[MEMBERS] = { false };
    bool ok = true;
    for (size_t i = 0; i < writer->count && ok; i++) {
        const struct type *type = writer->fields[i].type;
        struct cw_buf ignored = { 0 };
        int at = field_of(reader, writer->fields[i].name);
        if (at >= 0) {
            ok = resolve(type, reader->fields[at].type, in, &values[at]);
            there[at] = true;
        } else {
            ok = resolve(type, type, in, &ignored);
        }
        cw_buf_done(&ignored);
    }
    for (size_t i = 0; i < reader->count && ok; i++) {
        const struct field *field = &reader->fields[i];
        if (there[i])
            cw_buf_put(out, values[i].data, values[i].len);
        else if (field->has_default)
            cw_buf_put(out, field->bytes, field->len);
        else
            ok = false;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        cw_buf_done(&values[i]);
    return ok;
}

static bool resolve_items(const struct type *writer, const struct type *reader, struct cw_cur *in,
                          struct cw_buf *out)
{
    struct cw_buf items = { 0 };
    int64_t total = 0;
    bool ok = true;
    for (;;) {
        int64_t count = cw_cur_avro_long(in);
        if (count < 0) {
            count = -count;
            (void)cw_cur_avro_long(in);
        }
        if (count == 0)
            break;
        total += count;
        for (; count > 0 && ok; count--) {
            if (writer->kind == T_MAP)
                cw_buf_avro_str(&items, cw_cur_avro_str(in));
            ok = resolve(writer->members[0], reader->members[0], in, &items);
        }
        if (!ok)
            break;
    }
    if (total != 0)
        cw_buf_avro_long(out, total);
    cw_buf_put(out, items.data, items.len);
    cw_buf_u8(out, 0);
    cw_buf_done(&items);
    return ok;
}

static bool resolve_enum(const struct type *writer, const struct type *reader, struct cw_cur *in,
                         struct cw_buf *out)
{
    const char *symbol = writer->symbols[cw_cur_avro_long(in)];
    for (size_t i = 0; i < reader->count; i++) {
        if (strcmp(reader->symbols[i], symbol) == 0) {
            cw_buf_avro_long(out, (int64_t)i);
            return true;
        }
    }
    if (reader->default_symbol < 0)
        return false;
    cw_buf_avro_long(out, reader->default_symbol);
    return true;
}

static void put_number(const struct type *reader, int64_t number, struct cw_buf *out)
{
    float narrow = (float)number;
    double wide = (double)number;
    if (reader->kind == T_FLOAT)
        cw_buf_put(out, &narrow, 4);
    else if (reader->kind == T_DOUBLE)
        cw_buf_put(out, &wide, 8);
    else
        cw_buf_avro_long(out, number);
}

static bool resolve_text(const struct type *reader, struct cw_cur *in, struct cw_buf *out)
{
    cw_str text = cw_cur_avro_str(in);
    cw_buf_avro_str(out, text);
    /* The only bytes made here that are no text have this one; a string must be text. */
    return reader->kind != T_STRING || memchr(text.ptr, 0xff, text.len) == NULL;
}

/* Of no unions any more, and matching. */
static bool resolve_plain(const struct type *writer, const struct type *reader, struct cw_cur *in,
                          struct cw_buf *out)
{
    float narrow = 0;
    double wide;
    switch (writer->kind) {
    case T_NULL:
        return true;
    case T_BOOLEAN:
        cw_buf_put(out, cw_cur_take(in, 1), 1);
        return true;
    case T_INT:
    case T_LONG:
        put_number(reader, cw_cur_avro_long(in), out);
        return true;
    case T_FLOAT:
        memcpy(&narrow, cw_cur_take(in, 4), 4);
        wide = (double)narrow;
        cw_buf_put(out, reader->kind == T_FLOAT ? (void *)&narrow : (void *)&wide,
                   reader->kind == T_FLOAT ? 4 : 8);
        return true;
    case T_DOUBLE:
        cw_buf_put(out, cw_cur_take(in, 8), 8);
        return true;
    case T_BYTES:
    case T_STRING:
        return resolve_text(reader, in, out);
    case T_FIXED:
        cw_buf_put(out, cw_cur_take(in, writer->size), writer->size);
        return true;
    case T_ENUM:
        return resolve_enum(writer, reader, in, out);
    case T_RECORD:
        return resolve_record(writer, reader, in, out);
    case T_ARRAY:
    case T_MAP:
        return resolve_items(writer, reader, in, out);
    case T_UNION:
    case KINDS:
        break;
    }
    fail();
    return false;
}

static bool resolve(const struct type *writer, const struct type *reader, struct cw_cur *in,
                    struct cw_buf *out)
{
    const struct type *around = writer;
    if (writer->kind == T_UNION)
        writer = writer->members[cw_cur_avro_long(in)];
    if (reader->kind == T_UNION) {
        int branch = branch_of(writer, around, reader);
        if (branch < 0)
            return false;
        cw_buf_avro_long(out, branch);
        reader = reader->members[branch];
    }
    return matches(writer, reader) && resolve_plain(writer, reader, in, out);
}

/*
 * Which pairs are refused as a whole, before any value: those in which something cannot be read
 * wherever it stands, except a branch of the writer's union that matches nothing, which is an error
 * of the values that have it; but one branch must match.
 */
struct visited {
    const struct type *pairs[PAIRS][2];
    size_t count;
};

static bool can_resolve(struct visited *visited, const struct type *writer,
                        const struct type *reader);

static bool can_resolve_record(struct visited *visited, const struct type *writer,
                               const struct type *reader)
{
    bool there[MEMBERS] = { false };
    for (size_t i = 0; i < visited->count; i++) {
        if (visited->pairs[i][0] == writer && visited->pairs[i][1] == reader)
            return true;
    }
    assert_true(visited->count < PAIRS);
    visited->pairs[visited->count][0] = writer;
    visited->pairs[visited->count++][1] = reader;
    for (size_t i = 0; i < writer->count; i++) {
        int at = field_of(reader, writer->fields[i].name);
        const struct type *type = writer->fields[i].type;
        if (!can_resolve(visited, type, at >= 0 ? reader->fields[at].type : type))
            return false;
        if (at >= 0)
            there[at] = true;
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (!there[i] && !reader->fields[i].has_default)
            return false;
    }
    return true;
}

static bool can_resolve(struct visited *visited, const struct type *writer,
                        const struct type *reader)
{
    if (writer->kind == T_UNION) {
        size_t resolved = 0;
        for (size_t i = 0; i < writer->count; i++) {
            const struct type *branch = writer->members[i];
            int at = reader->kind == T_UNION ? branch_of(branch, writer, reader) : 0;
            const struct type *to =
                reader->kind == T_UNION && at >= 0 ? reader->members[at] : reader;
            if (at < 0 || !matches(branch, to))
                continue;
            if (!can_resolve(visited, branch, to))
                return false;
            resolved++;
        }
        return resolved != 0;
    }
    if (reader->kind == T_UNION) {
        int at = branch_of(writer, writer, reader);
        return at >= 0 && can_resolve(visited, writer, reader->members[at]);
    }
    if (!matches(writer, reader))
        return false;
    if (writer->kind == T_RECORD)
        return can_resolve_record(visited, writer, reader);
    return (writer->kind != T_ARRAY && writer->kind != T_MAP) ||
           can_resolve(visited, writer->members[0], reader->members[0]);
}

/* --- the two side by side --- */

static struct {
    size_t refused;  /* pairs */
    size_t resolved; /* values */
    size_t errors;   /* values */
} seen;

static void compare_value(const struct cw_plan *plan, const struct type *writer,
                          const struct type *reader, const char *what)
{
    struct cw_buf in = { 0 };
    struct cw_buf want = { 0 };
    struct cw_buf out = { 0 };
    struct cw_reason reason = { 0 };
    size_t consumed = 0;
    put_value(&in, writer, 0);
    struct cw_cur cur = cw_cur(in.data != NULL ? in.data : (const uint8_t *)"", in.len);
    bool expected = resolve(writer, reader, &cur, &want);
    bool ok = run_plan(plan, in.data, in.len, &consumed, &out, &reason);
    if (ok != expected)
        fail_msg("%s: %s %s: %s", what, expected ? "should resolve" : "should be an error",
                 ok ? "" : reason.field, ok ? "" : reason.sentence);
    if (ok && (consumed != in.len || out.len != want.len ||
               (out.len != 0 && memcmp(out.data, want.data, out.len) != 0)))
        fail_msg("%s: other bytes", what);
    seen.resolved += ok;
    seen.errors += !ok;
    cw_buf_done(&in);
    cw_buf_done(&want);
    cw_buf_done(&out);
}

static void compare_pair(struct type *writer, struct type *reader, unsigned round)
{
    static struct visited visited;
    struct cw_buf from = { 0 };
    struct cw_buf to = { 0 };
    struct cw_buf what = { 0 };
    struct cw_reason reason = { 0 };
    put_type(&from, writer);
    for (size_t i = 0; i < type_count; i++)
        types[i].printed = false;
    put_type(&to, reader);
    cw_buf_u8(&from, 0);
    cw_buf_u8(&to, 0);
    cw_buf_printf(&what, "round %u\n  %s\n  %s\n", round, (char *)from.data, (char *)to.data);
    cw_buf_u8(&what, 0);
    visited.count = 0;
    bool expected = can_resolve(&visited, writer, reader);
    struct cw_plan *plan = try_plan((char *)from.data, (char *)to.data, &reason);
    if ((plan != NULL) != expected)
        fail_msg("%s: %s %s: %s", (char *)what.data,
                 expected ? "should resolve" : "should be refused",
                 plan == NULL ? reason.field : "", plan == NULL ? reason.sentence : "");
    seen.refused += plan == NULL;
    for (unsigned i = 0; i < VALUES && plan != NULL; i++)
        compare_value(plan, writer, reader, (char *)what.data);
    cw_plan_free(plan);
    cw_buf_done(&from);
    cw_buf_done(&to);
    cw_buf_done(&what);
}

static void plans_read_what_the_specification_reads(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        dice = (struct dice){ round };
        type_count = 0;
        names = 0;
        struct type *writer = make_type(DEPTH, NULL);
        compare_pair(writer, change(writer, DEPTH), round);
    }
    print_message("%zu pairs refused, %zu values resolved, %zu errors\n", seen.refused,
                  seen.resolved, seen.errors);
    assert_true(seen.refused > ROUNDS / 20);
    assert_true(seen.resolved > ROUNDS);
    assert_true(seen.errors > ROUNDS / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_read_what_the_specification_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

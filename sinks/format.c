#include "sinks/format.h"

#include <inttypes.h>
#include <stdlib.h>

#include "operators/runtime/event.h"
#include "operators/runtime/json.h"
#include "operators/runtime/mem.h"
#include "operators/runtime/time.h"

/* How many events a sentence names before it says "and N more". */
enum { NAMED_MAX = 4 };

struct cw_formatter {
    struct cw_log *log;
    struct cw_arena *arena; /* of one row */
    struct cw_buf line;     /* of one sentence */
};

/* One piece of shown evidence, read back from the log. */
struct piece {
    const struct cw_row_evidence *evidence;
    const struct cw_frame *frame;
    struct cw_event event;
    const struct cw_part *part; /* the part that leads to the key; NULL: the event has none */
    size_t group;               /* on the way to the least piece that it is linked with */
};

/* A valid identifier of a piece's part. */
struct shown_id {
    const struct cw_identifier *id;
    size_t piece;
};

struct cw_formatter *cw_formatter_new(struct cw_log *log)
{
    struct cw_formatter *formatter = cw_new(struct cw_formatter);
    formatter->log = log;
    formatter->arena = cw_arena_new();
    return formatter;
}

void cw_formatter_free(struct cw_formatter *formatter)
{
    if (formatter == NULL)
        return;
    cw_arena_free(formatter->arena);
    cw_buf_done(&formatter->line);
    free(formatter);
}

static bool read_piece(struct cw_formatter *formatter, const struct cw_row_evidence *evidence,
                       struct piece *out)
{
    out->evidence = evidence;
    out->frame = cw_log_get(formatter->log, evidence->position);
    if (out->frame == NULL || out->frame->kind != CW_EVENT ||
        !cw_id_eq(out->frame->identity, evidence->identity))
        return false;
    if (!cw_event_read(&out->event, cw_frame_body(out->frame), out->frame->body_length,
                       formatter->arena))
        return false;
    if (evidence->part < cw_event_part_count(&out->event))
        out->part = cw_event_part(&out->event, evidence->part);
    return true;
}

/* Two texts with a character between them. */
static cw_str joined(cw_str before, char between, cw_str behind, struct cw_arena *arena)
{
    char *text = cw_arena_alloc(arena, before.len + 1 + behind.len);
    if (before.len != 0)
        memcpy(text, before.ptr, before.len);
    text[before.len] = between;
    if (behind.len != 0)
        memcpy(text + before.len + 1, behind.ptr, behind.len);
    return (cw_str){ text, before.len + 1 + behind.len };
}

static cw_str text_form(const struct cw_identifier *id, struct cw_arena *arena)
{
    return id->issuer.len == 0 ? id->value : joined(id->issuer, ':', id->value, arena);
}

static cw_str event_name(const struct piece *piece, struct cw_arena *arena)
{
    return joined(piece->event.owner, '/', piece->event.event_id, arena);
}

/* --- why: sentences made of content only --- */

static void why_question(const struct cw_row *row, struct cw_json *json, struct cw_buf *line)
{
    line->len = 0;
    cw_buf_str(line, row->question);
    for (size_t i = 0; i < row->value_count; i++)
        cw_buf_printf(line, "%s%" PRId64, i == 0 ? ": reached " : ", ", row->values[i]);
    cw_json_str(json, (cw_str){ (const char *)line->data, line->len });
}

static void put_detail(struct cw_buf *line, const struct cw_event *event, const char *field,
                       const char *before)
{
    const struct cw_type *type = event->detail_type;
    int at = type != NULL && event->detail != NULL ? cw_type_field(type, cw_cstr(field)) : -1;
    if (at < 0 || type->fields[at].type != CW_FIELD_STRING || !event->detail[at].present ||
        event->detail[at].text.len == 0)
        return;
    cw_buf_cstr(line, before);
    cw_buf_str(line, event->detail[at].text);
}

/* "notice UN-SC/QDi.001 stands: colour sanctions, reference QDi.001" */
static void why_standing(const struct piece *piece, struct cw_json *json, struct cw_buf *line,
                         struct cw_arena *arena)
{
    line->len = 0;
    cw_buf_str(line, piece->event.event_type);
    cw_buf_u8(line, ' ');
    cw_buf_str(line, event_name(piece, arena));
    cw_buf_cstr(line, " stands");
    size_t bare = line->len;
    put_detail(line, &piece->event, "colour", ": colour ");
    put_detail(line, &piece->event, "reference",
               line->len == bare ? ": reference " : ", reference ");
    cw_json_str(json, (cw_str){ (const char *)line->data, line->len });
}

static bool is_notice_key(const struct cw_row_key *key, const struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char hex[CW_ID_HEX];
        cw_id_hex(pieces[i].evidence->identity, hex);
        if (pieces[i].evidence->is_rule != 0 && cw_str_is(key->text, hex))
            return true;
    }
    return false;
}

/* The kind of a raw key is not in the row: the first piece that shows the value as an identifier
 * says what it is. */
static cw_str kind_of_key(const struct cw_row_key *key, const struct piece *pieces, size_t count,
                          struct cw_arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        const struct cw_part *part = pieces[i].part;
        for (size_t j = 0; part != NULL && j < part->id_count; j++) {
            if (part->ids[j].fault.ptr == NULL &&
                cw_str_eq(text_form(&part->ids[j], arena), key->text))
                return part->ids[j].kind;
        }
    }
    return cw_cstr("value");
}

static void why_raw_key(const struct cw_row_key *key, const struct piece *pieces, size_t count,
                        struct cw_json *json, struct cw_buf *line, struct cw_arena *arena)
{
    line->len = 0;
    cw_buf_str(line, kind_of_key(key, pieces, count, arena));
    cw_buf_u8(line, ' ');
    cw_buf_str(line, key->text);
    cw_buf_cstr(line, " is in each of them");
    cw_json_str(json, (cw_str){ (const char *)line->data, line->len });
}

static int order_of_ids(const void *a, const void *b)
{
    const struct shown_id *left = a;
    const struct shown_id *right = b;
    int order = cw_str_cmp(left->id->kind, right->id->kind);
    if (order == 0)
        order = cw_str_cmp(left->id->issuer, right->id->issuer);
    if (order == 0)
        order = cw_str_cmp(left->id->value, right->id->value);
    if (order == 0)
        order = (left->piece > right->piece) - (left->piece < right->piece);
    return order;
}

static bool same_id(const struct cw_identifier *a, const struct cw_identifier *b)
{
    return cw_str_eq(a->kind, b->kind) && cw_str_eq(a->issuer, b->issuer) &&
           cw_str_eq(a->value, b->value);
}

static size_t collect_ids(const struct piece *pieces, size_t count, struct cw_arena *arena,
                          struct shown_id **out)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].part != NULL ? pieces[i].part->id_count : 0;
    struct shown_id *ids = cw_arena_alloc(arena, total * sizeof(*ids));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cw_part *part = pieces[i].part;
        for (size_t j = 0; part != NULL && j < part->id_count; j++) {
            if (part->ids[j].fault.ptr == NULL)
                ids[n++] = (struct shown_id){ &part->ids[j], i };
        }
    }
    if (n > 1)
        qsort(ids, n, sizeof(*ids), order_of_ids);
    *out = ids;
    return n;
}

/* "passport RO:123 is shared by A/1, B/2 and 3 more"; ids are those of one value, by piece. */
static void put_shared(const struct shown_id *ids, size_t count, size_t distinct,
                       const struct piece *pieces, struct cw_buf *line, struct cw_arena *arena)
{
    line->len = 0;
    cw_buf_str(line, ids[0].id->kind);
    cw_buf_u8(line, ' ');
    cw_buf_str(line, text_form(ids[0].id, arena));
    cw_buf_cstr(line, " is shared by ");
    size_t named = 0;
    for (size_t i = 0; i < count && named < NAMED_MAX; i++) {
        if (i != 0 && ids[i].piece == ids[i - 1].piece)
            continue;
        cw_buf_cstr(line, named == 0 ? "" : named + 1 == distinct ? " and " : ", ");
        cw_buf_str(line, event_name(&pieces[ids[i].piece], arena));
        named++;
    }
    if (distinct > named)
        cw_buf_printf(line, " and %zu more", distinct - named);
}

static void why_shared(const struct piece *pieces, size_t count, struct cw_json *json,
                       struct cw_buf *line, struct cw_arena *arena)
{
    struct shown_id *ids = NULL;
    size_t total = collect_ids(pieces, count, arena, &ids);
    for (size_t from = 0, to; from < total; from = to) {
        size_t distinct = 1;
        for (to = from + 1; to < total && same_id(ids[from].id, ids[to].id); to++)
            distinct += ids[to].piece != ids[to - 1].piece;
        if (distinct < 2)
            continue;
        put_shared(ids + from, to - from, distinct, pieces, line, arena);
        cw_json_str(json, (cw_str){ (const char *)line->data, line->len });
    }
}

static bool joins(const struct cw_key *key)
{
    const uint8_t valid = CW_KEY_VALID | CW_KEY_UNIQUE;
    return (key->flags & CW_KEY_RECORD) != 0 || (key->flags & valid) == valid;
}

/* A key of a piece's part that link joins cores by: its record, or a one-of-a-kind identifier. */
struct join {
    struct cw_id key;
    size_t piece;
};

static int order_of_joins(const void *a, const void *b)
{
    const struct join *left = a;
    const struct join *right = b;
    int order = cw_id_cmp(left->key, right->key);
    return order != 0 ? order : (left->piece > right->piece) - (left->piece < right->piece);
}

static size_t collect_joins(const struct piece *pieces, size_t count, struct cw_arena *arena,
                            struct join **out)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].frame->key_count;
    struct join *joins_of = cw_arena_alloc(arena, total * sizeof(*joins_of));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cw_key *keys = cw_frame_keys(pieces[i].frame);
        for (size_t j = 0; j < pieces[i].frame->key_count; j++) {
            if (keys[j].part == pieces[i].evidence->part && joins(&keys[j]))
                joins_of[n++] = (struct join){ keys[j].key, i };
        }
    }
    if (n > 1)
        qsort(joins_of, n, sizeof(*joins_of), order_of_joins);
    *out = joins_of;
    return n;
}

/* The least piece of a group; halves the way there for the next who asks. */
static size_t group_of(struct piece *pieces, size_t piece)
{
    while (pieces[piece].group != piece) {
        pieces[piece].group = pieces[pieces[piece].group].group;
        piece = pieces[piece].group;
    }
    return piece;
}

/* Whether the shown evidence alone does not show why it is one entity. */
static bool linked_by_others(struct piece *pieces, size_t count, struct cw_arena *arena)
{
    struct join *joins_of = NULL;
    size_t n = collect_joins(pieces, count, arena, &joins_of);
    size_t groups = count;
    for (size_t i = 0; i < count; i++)
        pieces[i].group = i;
    for (size_t i = 1; i < n; i++) {
        if (!cw_id_eq(joins_of[i].key, joins_of[i - 1].key))
            continue;
        size_t a = group_of(pieces, joins_of[i - 1].piece);
        size_t b = group_of(pieces, joins_of[i].piece);
        if (a == b)
            continue;
        pieces[a > b ? a : b].group = a > b ? b : a;
        groups--;
    }
    return groups > 1;
}

static void why_entity(const struct cw_row *row, struct piece *pieces, struct cw_json *json,
                       struct cw_buf *line, struct cw_arena *arena)
{
    why_shared(pieces, row->shown_count, json, line, arena);
    if (!linked_by_others(pieces, row->shown_count, arena))
        return;
    for (size_t i = 0; i < row->key_count; i++) {
        if (row->keys[i].is_entity == 0)
            continue;
        line->len = 0;
        cw_buf_cstr(line, "linked through other records: crosswatch entity show ");
        cw_buf_str(line, row->keys[i].text);
        cw_json_str(json, (cw_str){ (const char *)line->data, line->len });
    }
}

static void put_why(const struct cw_row *row, struct piece *pieces, struct cw_json *json,
                    struct cw_buf *line, struct cw_arena *arena)
{
    bool entity = false;
    cw_json_key(json, "why");
    cw_json_open(json, '[');
    why_question(row, json, line);
    for (size_t i = 0; i < row->shown_count; i++) {
        if (pieces[i].evidence->is_rule != 0)
            why_standing(&pieces[i], json, line, arena);
    }
    for (size_t i = 0; i < row->key_count; i++) {
        entity |= row->keys[i].is_entity != 0;
        if (row->keys[i].is_entity == 0 && !is_notice_key(&row->keys[i], pieces, row->shown_count))
            why_raw_key(&row->keys[i], pieces, row->shown_count, json, line, arena);
    }
    if (entity)
        why_entity(row, pieces, json, line, arena);
    cw_json_close(json, ']');
}

/* --- the line; keys in byte order, which a test holds to --- */

/* A key as it stands in the line: there is one object for each piece of evidence, so what is known
 * of it is not looked at again. */
static void put_known_key(struct cw_json *json, const char *text)
{
    cw_buf_cstr(json->buf, text);
    json->comma = false;
}

static void put_evidence(const struct cw_row *row, const struct piece *pieces, struct cw_json *json)
{
    cw_json_key(json, "evidence");
    cw_json_open(json, '[');
    for (size_t i = 0; i < row->shown_count; i++) {
        const struct piece *piece = &pieces[i];
        cw_json_open(json, '{');
        put_known_key(json, "\"event_id\":");
        cw_json_str(json, piece->event.event_id);
        put_known_key(json, ",\"owner\":");
        cw_json_str(json, piece->event.owner);
        put_known_key(json, ",\"role\":");
        if (piece->part != NULL)
            cw_json_str(json, piece->part->role);
        else
            cw_json_null(json);
        put_known_key(json, ",\"time\":");
        cw_json_time(json, piece->evidence->time_lo);
        put_known_key(json, ",\"type\":");
        cw_json_str(json, piece->event.event_type);
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
    cw_json_kint(json, "evidence_count", row->evidence_count);
}

static void put_texts(struct cw_json *json, const char *name, const cw_str *texts, size_t count)
{
    cw_json_key(json, name);
    cw_json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        cw_json_str(json, texts[i]);
    cw_json_close(json, ']');
}

static void put_cross_border(const struct cw_row *row, struct cw_json *json)
{
    static const char *const limbs[] = { "", "3(2)(a)", "3(2)(d)" };
    cw_json_key(json, "cross_border");
    if (row->limb == CW_LIMB_NONE) {
        cw_json_null(json);
        return;
    }
    cw_json_open(json, '{');
    put_texts(json, "countries", row->countries, row->country_count);
    cw_json_kcstr(json, "limb", limbs[row->limb]);
    cw_json_close(json, '}');
}

static void put_optional_text(struct cw_json *json, const char *name, cw_str text)
{
    cw_json_key(json, name);
    if (text.len != 0)
        cw_json_str(json, text);
    else
        cw_json_null(json);
}

static void put_optional_id(struct cw_json *json, const char *name, struct cw_id id)
{
    cw_json_key(json, name);
    if (!cw_id_is_zero(id))
        cw_json_id(json, id);
    else
        cw_json_null(json);
}

static void put_expires(const struct cw_row *row, struct cw_json *json)
{
    cw_json_key(json, "expires");
    if (row->expires == CW_TIME_MAX)
        cw_json_null(json);
    else
        cw_json_time(json, row->expires);
}

/* "NAME=HASH NAME=HASH", sorted, becomes an object. A hash holds no '=', a name may. */
static void put_lists(const struct cw_row *row, struct cw_json *json, struct cw_arena *arena)
{
    cw_json_key(json, "lists");
    cw_json_open(json, '{');
    for (size_t at = 0; at < row->lists.len;) {
        const char *word = row->lists.ptr + at;
        const char *end = memchr(word, ' ', row->lists.len - at);
        size_t len = end != NULL ? (size_t)(end - word) : row->lists.len - at;
        at += len + 1;
        const char *equals = memrchr(word, '=', len);
        if (equals == NULL)
            continue;
        size_t name_len = (size_t)(equals - word);
        cw_json_kstr(json, cw_arena_copy(arena, word, name_len).ptr,
                     (cw_str){ equals + 1, len - name_len - 1 });
    }
    cw_json_close(json, '}');
}

/* The restriction's canonical text is JSON with sorted keys already. */
static void put_restriction(const struct cw_row *row, struct cw_json *json)
{
    cw_json_key(json, "restriction");
    if (row->restriction.len == 0) {
        cw_json_null(json);
        return;
    }
    cw_buf_str(json->buf, row->restriction);
    json->comma = true;
}

static void put_row(const struct cw_row *row, struct piece *pieces, struct cw_json *json,
                    struct cw_buf *line, struct cw_arena *arena)
{
    static const char *const matches[] = { "raw", "exact", "resolved" };
    cw_json_open(json, '{');
    cw_json_kid(json, "case", row->case_id);
    cw_json_kint(json, "cell", row->cell);
    cw_json_kcstr(json, "completeness", "exact");
    cw_json_kbool(json, "continues", row->continues);
    put_cross_border(row, json);
    put_optional_text(json, "document", row->document);
    put_evidence(row, pieces, json);
    put_expires(row, json);
    cw_json_ktime(json, "first", row->first);
    cw_json_kid(json, "id", row->alert);
    put_optional_id(json, "judgement_hash", row->judgement_hash);
    cw_json_key(json, "key");
    cw_json_open(json, '[');
    for (size_t i = 0; i < row->key_count; i++)
        cw_json_str(json, row->keys[i].text);
    cw_json_close(json, ']');
    cw_json_ktime(json, "last", row->last);
    cw_json_kcstr(json, "level", cw_level_name(row->level));
    put_lists(row, json, arena);
    cw_json_kcstr(json, "match", matches[row->match]);
    put_restriction(row, json);
    cw_json_kstr(json, "rule", row->rule);
    cw_json_kint(json, "rule_revision", row->revision);
    put_optional_id(json, "state_hash", row->state_hash);
    cw_json_kstr(json, "title", row->title);
    cw_json_key(json, "value");
    cw_json_open(json, '[');
    for (size_t i = 0; i < row->value_count; i++)
        cw_json_int(json, row->values[i]);
    cw_json_close(json, ']');
    put_why(row, pieces, json, line, arena);
    cw_json_close(json, '}');
}

bool cw_format_row(struct cw_formatter *formatter, const struct cw_row *row, struct cw_buf *out)
{
    cw_arena_reset(formatter->arena);
    struct piece *pieces =
        cw_arena_alloc(formatter->arena, row->shown_count * sizeof(struct piece));
    for (size_t i = 0; i < row->shown_count; i++) {
        if (!read_piece(formatter, &row->shown[i], &pieces[i]))
            return false;
    }
    struct cw_json json = cw_json(out);
    put_row(row, pieces, &json, &formatter->line, formatter->arena);
    return true;
}

/*
 * explain_print.c - answers as text for people, and as one JSON object for programs.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "operators/link/explain.h"

/* Of each list in a text; the JSON has them all. */
enum { LISTED_MAX = 100 };

/* --- what both print --- */

/* The mention that stands for a record: the one that was named, else the founding one. */
static const struct cw_link_mention *face_of(const struct cw_answer *answer, uint32_t record)
{
    for (size_t i = 0; i < answer->asked_count; i++) {
        if (!answer->asked[i].entity && answer->asked[i].record == record)
            return &answer->asked[i].mention;
    }
    return &answer->records[record].founder;
}

static const char weak_note[] =
    "states too little to be anyone in particular (no valid one-of-a-kind identifier, no name with "
    "a full birth date): it may be counted, and is never a key";

static bool same_core(const struct cw_answer *answer)
{
    return cw_answer_core(answer, answer->asked[0].record) ==
           cw_answer_core(answer, answer->asked[1].record);
}

/* Whether an edge between the two cores was held. */
static bool was_held(const struct cw_answer *answer)
{
    const struct cw_core *a = cw_answer_core(answer, answer->asked[0].record);
    const struct cw_core *b = cw_answer_core(answer, answer->asked[1].record);
    for (size_t i = 0; i < answer->edge_count; i++) {
        const struct cw_told_edge *edge = &answer->edges[i];
        const struct cw_core *from = cw_answer_core(answer, edge->a);
        const struct cw_core *to = cw_answer_core(answer, edge->b);
        if (edge->held && ((from == a && to == b) || (from == b && to == a)))
            return true;
    }
    return false;
}

/* Whether they hang together over identifiers at all: records are met from both, so this walks. */
static bool hang_together(const struct cw_answer *answer)
{
    size_t count = answer->record_count;
    bool *met = cw_arena_alloc(answer->arena, count * sizeof(*met));
    met[answer->asked[0].record] = true;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < answer->edge_count; i++) {
            const struct cw_told_edge *edge = &answer->edges[i];
            if (met[edge->a] == met[edge->b])
                continue;
            met[edge->a] = met[edge->b] = true;
            more = true;
        }
    }
    return met[answer->asked[1].record];
}

static bool concerns(const struct cw_answer *answer, const struct cw_told_edge *edge,
                     const struct cw_core *core)
{
    return cw_answer_core(answer, edge->a) == core || cw_answer_core(answer, edge->b) == core;
}

/* --- JSON --- */

static void identifier_json(struct cw_json *json, const char *key, const struct cw_identifier *id)
{
    if (id == NULL)
        return;
    cw_json_key(json, key);
    cw_json_open(json, '{');
    cw_json_kstr(json, "kind", id->kind);
    if (id->issuer.len != 0)
        cw_json_kstr(json, "issuer", id->issuer);
    cw_json_kstr(json, "value", id->value);
    cw_json_close(json, '}');
}

static void mention_json(const struct cw_answer *answer, struct cw_json *json, const char *key,
                         uint32_t record)
{
    cw_json_key(json, key);
    cw_link_mention_json(json, face_of(answer, record));
}

static void edge_json(const struct cw_answer *answer, struct cw_json *json,
                      const struct cw_told_edge *edge)
{
    cw_json_open(json, '{');
    cw_json_kcstr(json, "outcome", edge->held ? "held" : "joined");
    cw_json_kint(json, "rank", edge->rank);
    identifier_json(json, "identifier", edge->by);
    mention_json(answer, json, "a", edge->a);
    mention_json(answer, json, "b", edge->b);
    cw_json_kid(json, "record_a", answer->records[edge->a].id);
    cw_json_kid(json, "record_b", answer->records[edge->b].id);
    if (edge->held && edge->value_a != NULL && edge->value_b != NULL) {
        cw_json_key(json, "conflict");
        cw_json_open(json, '{');
        identifier_json(json, "of_a", edge->value_a);
        identifier_json(json, "of_b", edge->value_b);
        mention_json(answer, json, "shows_a", edge->shows_a);
        mention_json(answer, json, "shows_b", edge->shows_b);
        cw_json_close(json, '}');
    }
    cw_json_close(json, '}');
}

/* Those of a core; NULL: all. */
static void edges_json(const struct cw_answer *answer, struct cw_json *json,
                       const struct cw_core *core)
{
    cw_json_key(json, "edges");
    cw_json_open(json, '[');
    for (size_t i = 0; i < answer->edge_count; i++) {
        if (core == NULL || concerns(answer, &answer->edges[i], core))
            edge_json(answer, json, &answer->edges[i]);
    }
    cw_json_close(json, ']');
    if (answer->too_many)
        cw_json_kbool(json, "edges_left_out", true);
}

static void names_json(struct cw_json *json, const struct cw_part *part)
{
    cw_json_key(json, "names");
    cw_json_open(json, '[');
    for (size_t i = 0; i < part->name_count; i++)
        cw_json_str(json, part->names[i].full);
    cw_json_close(json, ']');
    if (part->birth_date_count == 0)
        return;
    cw_json_key(json, "birth_dates");
    cw_json_open(json, '[');
    for (size_t i = 0; i < part->birth_date_count; i++)
        cw_json_str(json, part->birth_dates[i]);
    cw_json_close(json, ']');
}

/* An identifier that mentions show, with the mentions that show it. */
struct shown {
    const struct cw_identifier *id;
    const struct cw_link_mention *mention;
};

static int compare_shown(const void *a, const void *b)
{
    const struct shown *left = a;
    const struct shown *right = b;
    int order = cw_str_cmp(left->id->kind, right->id->kind);
    if (order == 0)
        order = cw_str_cmp(left->id->issuer, right->id->issuer);
    if (order == 0)
        order = cw_str_cmp(left->id->value, right->id->value);
    if (order == 0)
        order = cw_str_cmp(left->id->fault, right->id->fault);
    if (order != 0)
        return order;
    return (left->mention > right->mention) - (left->mention < right->mention);
}

static bool same_identifier(const struct cw_identifier *a, const struct cw_identifier *b)
{
    return cw_str_eq(a->kind, b->kind) && cw_str_eq(a->issuer, b->issuer) &&
           cw_str_eq(a->value, b->value) && cw_str_eq(a->fault, b->fault);
}

static struct shown *list_shown(const struct cw_answer *answer,
                                const struct cw_link_mention *mentions, size_t count, size_t *n)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += mentions[i].of->id_count;
    struct shown *shown = cw_arena_alloc(answer->arena, total * sizeof(*shown));
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < mentions[i].of->id_count; j++)
            shown[(*n)++] = (struct shown){ &mentions[i].of->ids[j], &mentions[i] };
    }
    if (*n > 1)
        qsort(shown, *n, sizeof(*shown), compare_shown);
    return shown;
}

static size_t end_of_same(const struct shown *shown, size_t from, size_t count)
{
    size_t to = from + 1;
    while (to < count && same_identifier(shown[from].id, shown[to].id))
        to++;
    return to;
}

static void shown_json(const struct cw_answer *answer, struct cw_json *json,
                       const struct cw_link_mention *mentions, size_t count)
{
    size_t n;
    const struct shown *shown = list_shown(answer, mentions, count, &n);
    cw_json_key(json, "identifiers");
    cw_json_open(json, '[');
    for (size_t from = 0; from < n;) {
        size_t to = end_of_same(shown, from, n);
        const struct cw_identifier *id = shown[from].id;
        cw_json_open(json, '{');
        cw_json_kstr(json, "kind", id->kind);
        if (id->issuer.ptr != NULL)
            cw_json_kstr(json, "issuer", id->issuer);
        cw_json_kstr(json, "value", id->value);
        if (id->fault.ptr != NULL)
            cw_json_kstr(json, "fault", id->fault);
        cw_json_kbool(json, "joins", id->fault.ptr == NULL && cw_answer_joins(id->kind));
        cw_json_kbool(json, "shared", to - from > 1);
        cw_json_key(json, "members");
        cw_json_open(json, '[');
        for (; from < to; from++)
            cw_link_mention_json(json, shown[from].mention);
        cw_json_close(json, ']');
        cw_json_close(json, '}');
    }
    cw_json_close(json, ']');
}

void cw_answer_show_json(const struct cw_answer *answer, const struct cw_link_mention *mentions,
                         size_t count, struct cw_buf *out)
{
    const struct cw_core *core = cw_answer_core(answer, answer->asked[0].record);
    struct cw_json json = cw_json(out);
    cw_json_open(&json, '{');
    cw_json_kid(&json, "id", core->entity);
    cw_json_kid(&json, "core", core->id);
    cw_json_kstr(&json, "kind", mentions[0].of->kind);
    cw_json_key(&json, "owners");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !cw_str_eq(mentions[i].owner, mentions[i - 1].owner))
            cw_json_str(&json, mentions[i].owner);
    }
    cw_json_close(&json, ']');
    cw_json_kint(&json, "records", core->members.len);
    cw_json_key(&json, "members");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < count; i++) {
        cw_json_open(&json, '{');
        cw_json_kstr(&json, "event_id", mentions[i].event_id);
        cw_json_kstr(&json, "owner", mentions[i].owner);
        cw_json_kint(&json, "part", mentions[i].part);
        cw_json_kstr(&json, "role", mentions[i].of->role);
        if (mentions[i].weak)
            cw_json_kbool(&json, "weak", true);
        names_json(&json, mentions[i].of);
        cw_json_close(&json, '}');
    }
    cw_json_close(&json, ']');
    shown_json(answer, &json, mentions, count);
    edges_json(answer, &json, core);
    cw_link_restriction_json(&json, cw_link_basis(answer->link, core));
    cw_json_close(&json, '}');
    cw_buf_u8(out, '\n');
}

static void asked_json(const struct cw_answer *answer, struct cw_json *json, const char *key,
                       const struct cw_asked *asked)
{
    const struct cw_core *core = cw_answer_core(answer, asked->record);
    cw_json_key(json, key);
    cw_json_open(json, '{');
    cw_json_kcstr(json, "named", asked->entity ? "entity" : "record");
    cw_json_key(json, "mention");
    cw_link_mention_json(json, &asked->mention);
    cw_json_kstr(json, "kind", asked->mention.of->kind);
    cw_json_kstr(json, "role", asked->mention.of->role);
    names_json(json, asked->mention.of);
    cw_json_kid(json, "record", answer->records[asked->record].id);
    cw_json_kid(json, "core", core->id);
    cw_json_kid(json, "entity", core->entity);
    cw_json_kint(json, "records", core->members.len);
    if (asked->mention.weak)
        cw_json_kbool(json, "weak", true);
    cw_link_restriction_json(json, cw_link_basis(answer->link, core));
    cw_json_close(json, '}');
}

static void feature_json(struct cw_json *json, const struct cw_feature *feature)
{
    static const char *const types[] = { "identifier", "name", "birth_date" };
    cw_json_open(json, '{');
    cw_json_kcstr(json, "feature", types[feature->type]);
    if (feature->type == CW_FEATURE_IDENTIFIER) {
        cw_json_kstr(json, "kind", feature->id->kind);
        if (feature->id->issuer.len != 0)
            cw_json_kstr(json, "issuer", feature->id->issuer);
        cw_json_kstr(json, "value", feature->id->value);
        if (feature->id->fault.ptr != NULL)
            cw_json_kstr(json, "fault", feature->id->fault);
    } else {
        cw_json_kstr(json, "value", feature->text);
    }
    cw_json_kbool(json, "a", feature->by_a);
    cw_json_kbool(json, "b", feature->by_b);
    cw_json_kbool(json, "joins", feature->joins);
    if (feature->note != NULL)
        cw_json_kcstr(json, "note", feature->note);
    cw_json_close(json, '}');
}

void cw_answer_why_json(const struct cw_answer *answer, struct cw_buf *out)
{
    struct cw_json json = cw_json(out);
    cw_json_open(&json, '{');
    asked_json(answer, &json, "a", &answer->asked[0]);
    asked_json(answer, &json, "b", &answer->asked[1]);
    cw_json_kbool(&json, "one", same_core(answer));
    cw_json_kbool(&json, "one_record", answer->asked[0].record == answer->asked[1].record);
    cw_json_kbool(&json, "held", was_held(answer));
    cw_json_key(&json, "path");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < answer->path_count; i++)
        edge_json(answer, &json, &answer->path[i]);
    cw_json_close(&json, ']');
    cw_json_key(&json, "features");
    cw_json_open(&json, '[');
    for (size_t i = 0; i < answer->feature_count; i++)
        feature_json(&json, &answer->features[i]);
    cw_json_close(&json, ']');
    edges_json(answer, &json, NULL);
    cw_json_close(&json, '}');
    cw_buf_u8(out, '\n');
}

/* --- text --- */

static void name_text(struct cw_buf *out, const struct cw_link_mention *mention)
{
    cw_buf_printf(out, "%.*s/%.*s/%" PRIu32, CW_STR_ARG(mention->owner),
                  CW_STR_ARG(mention->event_id), mention->part);
}

static void id_text(struct cw_buf *out, struct cw_id id)
{
    char hex[CW_ID_HEX];
    cw_id_hex(id, hex);
    cw_buf_cstr(out, hex);
}

static void counted_text(struct cw_buf *out, size_t count, const char *noun)
{
    cw_buf_printf(out, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static void identifier_text(const struct cw_answer *answer, struct cw_buf *out,
                            const struct cw_identifier *id)
{
    if (id == NULL) {
        cw_buf_cstr(out, "an identifier");
        return;
    }
    cw_str text = cw_answer_identifier(answer, id);
    cw_buf_printf(out, "%.*s %.*s", CW_STR_ARG(id->kind), CW_STR_ARG(text));
}

static void who_text(struct cw_buf *out, const struct cw_link_mention *mention)
{
    name_text(out, mention);
    cw_buf_printf(out, "  %.*s, %.*s", CW_STR_ARG(mention->of->role),
                  CW_STR_ARG(mention->of->kind));
    for (size_t i = 0; i < mention->of->name_count; i++)
        cw_buf_printf(out, "%s%.*s", i == 0 ? "  " : " / ", CW_STR_ARG(mention->of->names[i].full));
    for (size_t i = 0; i < mention->of->birth_date_count; i++)
        cw_buf_printf(out, "%s%.*s", i == 0 ? "  born " : " or ",
                      CW_STR_ARG(mention->of->birth_dates[i]));
    cw_buf_u8(out, '\n');
}

static void edge_text(const struct cw_answer *answer, struct cw_buf *out,
                      const struct cw_told_edge *edge)
{
    name_text(out, face_of(answer, edge->a));
    cw_buf_cstr(out, " - ");
    name_text(out, face_of(answer, edge->b));
    cw_buf_cstr(out, ": both show ");
    identifier_text(answer, out, edge->by);
    cw_buf_u8(out, '\n');
    if (!edge->held)
        return;
    cw_buf_cstr(out, "            for they conflict: ");
    name_text(out, face_of(answer, edge->shows_a));
    cw_buf_cstr(out, " shows ");
    identifier_text(answer, out, edge->value_a);
    cw_buf_cstr(out, ", ");
    name_text(out, face_of(answer, edge->shows_b));
    cw_buf_cstr(out, " shows ");
    identifier_text(answer, out, edge->value_b);
    cw_buf_cstr(out, ", which exclude each other\n");
}

static void edges_text(const struct cw_answer *answer, struct cw_buf *out,
                       const struct cw_core *core)
{
    size_t told = 0;
    size_t left_out = 0;
    if (answer->too_many) {
        cw_buf_printf(out,
                      "\nMore than %d records hang together here: their edges are not laid "
                      "out.\n",
                      (int)CW_EXPLAIN_RECORDS_MAX);
        return;
    }
    for (size_t i = 0; i < answer->edge_count; i++) {
        const struct cw_told_edge *edge = &answer->edges[i];
        if (core != NULL && !concerns(answer, edge, core))
            continue;
        if (told == LISTED_MAX) {
            left_out++;
            continue;
        }
        if (told++ == 0)
            cw_buf_cstr(out, "\nEdges, in the order in which they were tried:\n");
        cw_buf_printf(out, "  %s  rank %u  ", edge->held ? "held  " : "joined", edge->rank);
        edge_text(answer, out, edge);
    }
    if (left_out != 0)
        cw_buf_printf(out, "  and %zu more (--json has them all)\n", left_out);
}

static void restriction_text(const struct cw_answer *answer, struct cw_buf *out,
                             const struct cw_core *core)
{
    cw_str basis = cw_link_basis(answer->link, core);
    if (basis.len != 0)
        cw_buf_printf(out, "  restricted: %.*s\n", CW_STR_ARG(basis));
}

static void shown_text(const struct cw_answer *answer, struct cw_buf *out,
                       const struct cw_link_mention *mentions, size_t count)
{
    size_t n;
    const struct shown *shown = list_shown(answer, mentions, count, &n);
    size_t told = 0;
    for (size_t from = 0; from < n && told < LISTED_MAX; told++) {
        size_t to = end_of_same(shown, from, n);
        const struct cw_identifier *id = shown[from].id;
        if (told == 0)
            cw_buf_cstr(out, "\nIdentifiers:\n");
        cw_buf_cstr(out, "  ");
        identifier_text(answer, out, id);
        cw_buf_printf(out, "  shown by %zu", to - from);
        if (id->fault.ptr != NULL)
            cw_buf_printf(out, "; not valid (%.*s): it is no key", CW_STR_ARG(id->fault));
        else if (!cw_answer_joins(id->kind))
            cw_buf_cstr(out, "; identifiers of this kind join nobody");
        cw_buf_u8(out, '\n');
        from = to;
    }
}

void cw_answer_show_text(const struct cw_answer *answer, const struct cw_link_mention *mentions,
                         size_t count, struct cw_buf *out)
{
    const struct cw_core *core = cw_answer_core(answer, answer->asked[0].record);
    cw_buf_printf(out, "%.*s ", CW_STR_ARG(mentions[0].of->kind));
    id_text(out, core->entity);
    cw_buf_cstr(out, "\n  core ");
    id_text(out, core->id);
    cw_buf_cstr(out, ", ");
    counted_text(out, core->members.len, "record");
    cw_buf_cstr(out, ", ");
    counted_text(out, count, "mention");
    cw_buf_u8(out, '\n');
    restriction_text(answer, out, core);
    cw_buf_cstr(out, "\nMentions:\n");
    bool weak = false;
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        cw_buf_cstr(out, "  ");
        who_text(out, &mentions[i]);
        weak = weak || mentions[i].weak;
    }
    if (count > LISTED_MAX)
        cw_buf_printf(out, "  and %zu more (--json has them all)\n", count - LISTED_MAX);
    if (weak)
        cw_buf_printf(out, "  It %s.\n", weak_note);
    shown_text(answer, out, mentions, count);
    edges_text(answer, out, core);
}

static void asked_text(const struct cw_answer *answer, struct cw_buf *out, char label,
                       const struct cw_asked *asked)
{
    const struct cw_core *core = cw_answer_core(answer, asked->record);
    cw_buf_printf(out, "%c  ", label);
    who_text(out, &asked->mention);
    cw_buf_cstr(out, "   record ");
    id_text(out, answer->records[asked->record].id);
    cw_buf_cstr(out, ", entity ");
    id_text(out, core->entity);
    cw_buf_cstr(out, " of ");
    counted_text(out, core->members.len, "record");
    cw_buf_cstr(out, asked->entity ? "; the entity was named: all it states is compared\n" : "\n");
    cw_str basis = cw_link_basis(answer->link, core);
    if (basis.len != 0)
        cw_buf_printf(out, "   restricted: %.*s\n", CW_STR_ARG(basis));
    if (asked->mention.weak)
        cw_buf_printf(out, "   It %s.\n", weak_note);
}

static void verdict_text(const struct cw_answer *answer, struct cw_buf *out)
{
    const struct cw_part *a = answer->asked[0].mention.of;
    const struct cw_part *b = answer->asked[1].mention.of;
    if (answer->asked[0].record == answer->asked[1].record) {
        cw_buf_cstr(out, "\nThey are one record: both state the same of who they are.\n");
    } else if (same_core(answer)) {
        cw_buf_cstr(out, "\nThey are one");
        cw_buf_cstr(out, answer->path_count == 1  ? ": they share an identifier.\n"
                         : answer->path_count > 1 ? ", over others:\n"
                                                  : ".\n");
        for (size_t i = 0; i < answer->path_count; i++) {
            cw_buf_printf(out, "  %zu.  ", i + 1);
            edge_text(answer, out, &answer->path[i]);
        }
    } else if (was_held(answer)) {
        cw_buf_cstr(out, "\nThey are two: an identifier would join them, but they conflict.\n");
    } else if (!cw_str_eq(a->kind, b->kind)) {
        cw_buf_printf(out, "\nThey are two: a %.*s and a %.*s never join.\n", CW_STR_ARG(a->kind),
                      CW_STR_ARG(b->kind));
    } else if (!answer->too_many && hang_together(answer)) {
        cw_buf_cstr(out, "\nThey are two: others stand between them, and an edge on the way was "
                         "held for a conflict.\n");
    } else if (!answer->too_many) {
        cw_buf_cstr(out, "\nThey are two: no valid one-of-a-kind identifier leads from the one to "
                         "the other.\n");
    } else {
        cw_buf_cstr(out, "\nThey are two.\n");
    }
}

static void features_text(const struct cw_answer *answer, struct cw_buf *out)
{
    static const char *const types[] = { "", "name ", "born " };
    for (size_t i = 0; i < answer->feature_count && i < LISTED_MAX; i++) {
        const struct cw_feature *feature = &answer->features[i];
        if (i == 0)
            cw_buf_cstr(out, "\nWhat they state:\n");
        cw_buf_printf(out, "  %s  %s",
                      feature->by_a && feature->by_b ? "both  "
                      : feature->by_a                ? "only A"
                                                     : "only B",
                      types[feature->type]);
        if (feature->type == CW_FEATURE_IDENTIFIER)
            identifier_text(answer, out, feature->id);
        else
            cw_buf_str(out, feature->text);
        if (feature->joins)
            cw_buf_cstr(out, "  one of a kind: it joins");
        if (feature->note != NULL)
            cw_buf_printf(out, "  %s", feature->note);
        cw_buf_u8(out, '\n');
    }
    if (answer->feature_count > LISTED_MAX)
        cw_buf_printf(out, "  and %zu more (--json has them all)\n",
                      answer->feature_count - LISTED_MAX);
}

void cw_answer_why_text(const struct cw_answer *answer, struct cw_buf *out)
{
    asked_text(answer, out, 'A', &answer->asked[0]);
    asked_text(answer, out, 'B', &answer->asked[1]);
    verdict_text(answer, out);
    features_text(answer, out);
    edges_text(answer, out, NULL);
}

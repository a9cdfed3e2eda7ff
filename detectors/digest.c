/*
 * digest.c - what a rule is known by: the hash of what decides what is held, the hash of what is
 * asked of it, that of its document's text, and those of the lists it reads.
 *
 * The first two are of what was compiled, so comments, layout, titles, and the order of tests in a
 * selection do not change them. A list stands in the state by its name: what it says may change
 * while windows live on.
 */
#include <sodium.h>
#include <stdlib.h>

#include "detectors/load.h"
#include "operators/runtime/check.h"

static void put_test(struct cw_buf *out, const struct cw_instruction *test)
{
    size_t mark = cw_enc_open(out);
    cw_enc_int(out, test->op);
    cw_enc_int(out, test->negated);
    cw_enc_int(out, test->cased);
    cw_enc_str(out, test->path->text);
    cw_enc_str(out, test->list);
    bool listed = test->list.len != 0;
    for (size_t i = 0; !listed && i < test->text_count; i++)
        cw_enc_str(out, test->texts[i]);
    for (size_t i = 0; !listed && i < test->number_count; i++)
        cw_enc_int(out, test->numbers[i]);
    cw_enc_int(out, test->low);
    cw_enc_int(out, test->high);
    cw_enc_int(out, test->then);
    cw_enc_int(out, test->otherwise);
    cw_enc_close(out, mark);
}

static void put_selections(struct cw_buf *out, const struct cw_selection *const *selections,
                           size_t count)
{
    size_t mark = cw_enc_open(out);
    for (size_t i = 0; i < count; i++) {
        size_t inner = cw_enc_open(out);
        cw_enc_str(out, cw_cstr(cw_type_by_number(selections[i]->type)->name));
        for (size_t j = 0; j < selections[i]->code_len; j++)
            put_test(out, &selections[i]->code[j]);
        cw_enc_close(out, inner);
    }
    cw_enc_close(out, mark);
}

/* With the name of an alias: it is part of the key of a plain field. */
static void put_lookup(struct cw_buf *out, const struct cw_rule *rule,
                       const struct cw_lookup *lookup)
{
    size_t mark = cw_enc_open(out);
    cw_enc_str(out, lookup->text);
    for (size_t i = 0; i < rule->selection_count; i++)
        cw_enc_str(out, lookup->paths[i] != NULL ? lookup->paths[i]->text : (cw_str){ 0 });
    cw_enc_close(out, mark);
}

static int by_field(const void *a, const void *b)
{
    const struct cw_criterion *x = *(const struct cw_criterion *const *)a;
    const struct cw_criterion *y = *(const struct cw_criterion *const *)b;
    if (x->measure != y->measure)
        return x->measure < y->measure ? -1 : 1;
    return cw_str_cmp(x->field->text, y->field->text);
}

/* Each counted field once, whichever conditions ask for it and in whatever order. */
static void put_counted(struct cw_buf *out, const struct cw_rule *rule, struct cw_arena *arena)
{
    size_t count = 0;
    const struct cw_criterion **fields =
        cw_arena_alloc(arena, (rule->criterion_count + 1) * sizeof(*fields));
    for (size_t i = 0; i < rule->criterion_count; i++) {
        if (rule->criteria[i].field != NULL)
            fields[count++] = &rule->criteria[i];
    }
    if (count != 0)
        qsort(fields, count, sizeof(*fields), by_field);
    size_t mark = cw_enc_open(out);
    for (size_t i = 0; i < count; i++) {
        if (i != 0 && by_field(&fields[i - 1], &fields[i]) == 0)
            continue;
        cw_enc_int(out, fields[i]->measure);
        put_lookup(out, rule, fields[i]->field);
    }
    cw_enc_close(out, mark);
}

static struct cw_id hash_of(const struct cw_buf *encoded)
{
    struct cw_id id;
    CW_CHECK(crypto_generichash(id.b, sizeof(id.b), encoded->data, encoded->len, NULL, 0) == 0);
    return id;
}

static struct cw_id state_of(const struct cw_rule *rule, struct cw_arena *arena)
{
    struct cw_buf buf = { 0 };
    cw_enc_str(&buf, cw_cstr("state"));
    cw_enc_int(&buf, rule->type);
    put_selections(&buf, rule->selections, rule->selection_count);
    put_selections(&buf, rule->on, rule->on_count);
    size_t mark = cw_enc_open(&buf);
    for (size_t i = 0; i < rule->group_by_count; i++)
        put_lookup(&buf, rule, &rule->group_by[i]);
    cw_enc_close(&buf, mark);
    cw_enc_int(&buf, rule->match);
    put_counted(&buf, rule, arena);
    cw_enc_int(&buf, rule->timespan);
    cw_enc_int(&buf, rule->suppress_for);
    cw_enc_int(&buf, rule->lookback);
    mark = cw_enc_open(&buf);
    for (size_t i = 0; i < rule->purpose_count; i++)
        cw_enc_str(&buf, rule->purposes[i]);
    cw_enc_close(&buf, mark);
    struct cw_id id = hash_of(&buf);
    cw_buf_done(&buf);
    return id;
}

static struct cw_id judgement_of(const struct cw_rule *rule)
{
    struct cw_buf buf = { 0 };
    cw_enc_str(&buf, cw_cstr("judgement"));
    for (size_t i = 0; i < rule->criterion_count; i++) {
        const struct cw_criterion *criterion = &rule->criteria[i];
        size_t mark = cw_enc_open(&buf);
        cw_enc_int(&buf, criterion->measure);
        cw_enc_str(&buf, criterion->field != NULL ? criterion->field->text : (cw_str){ 0 });
        cw_enc_int(&buf, criterion->threshold + criterion->above); /* gt 2 is gte 3 */
        cw_enc_close(&buf, mark);
    }
    cw_enc_int(&buf, rule->cross_border);
    cw_enc_int(&buf, rule->level);
    struct cw_id id = hash_of(&buf);
    cw_buf_done(&buf);
    return id;
}

/* ---- the document's text ---- */

static bool is_marker(cw_str text, size_t at, const char *marker)
{
    return text.len - at >= 3 && memcmp(text.ptr + at, marker, 3) == 0 &&
           (text.len - at == 3 || text.ptr[at + 3] == ' ' || text.ptr[at + 3] == '\n' ||
            text.ptr[at + 3] == '\r');
}

/* From behind the --- that opens it up to the next, or to the end. */
static cw_str text_of(const struct cw_document *document)
{
    cw_str text = document->source->text;
    size_t start = 0;
    size_t line = 1;
    for (size_t at = 0; at < text.len; line++) {
        bool opens = is_marker(text, at, "---");
        if (line > document->root->line && (opens || is_marker(text, at, "...")))
            return (cw_str){ text.ptr + start, at - start };
        const char *newline = memchr(text.ptr + at, '\n', text.len - at);
        size_t next = newline != NULL ? (size_t)(newline - text.ptr) + 1 : text.len;
        if (opens && line <= document->root->line) {
            start = at + 3; /* a document may begin behind it, on its line */
            size_t rest = start;
            while (rest < next && (text.ptr[rest] == ' ' || text.ptr[rest] == '\r'))
                rest++;
            if (rest + 1 >= next)
                start = next;
        }
        at = next;
    }
    return (cw_str){ text.ptr + start, text.len - start };
}

/* ---- the lists ---- */

static int by_name(const void *a, const void *b)
{
    return cw_str_cmp((*(const struct cw_list_file *const *)a)->name,
                      (*(const struct cw_list_file *const *)b)->name);
}

static bool reads(const struct cw_selection *const *selections, size_t count, cw_str list)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < selections[i]->code_len; j++) {
            if (cw_str_eq(selections[i]->code[j].list, list))
                return true;
        }
    }
    return false;
}

/* "NAME=SHA256 …" of those that the rule reads; of all, where there is no rule. */
static cw_str lists_of(struct cw_loader *loader, const struct cw_rule *rule)
{
    size_t count = 0;
    for (const struct cw_list_file *list = loader->list_files; list != NULL; list = list->next)
        count++;
    const struct cw_list_file **lists = cw_arena_alloc(loader->arena, (count + 1) * sizeof(*lists));
    count = 0;
    for (const struct cw_list_file *list = loader->list_files; list != NULL; list = list->next) {
        if (rule == NULL || reads(rule->selections, rule->selection_count, list->name) ||
            reads(rule->on, rule->on_count, list->name))
            lists[count++] = list;
    }
    if (count == 0)
        return (cw_str){ "", 0 };
    qsort(lists, count, sizeof(*lists), by_name);
    struct cw_buf text = { 0 };
    for (size_t i = 0; i < count; i++)
        cw_buf_printf(&text, "%s%.*s=%s", i != 0 ? " " : "", CW_STR_ARG(lists[i]->name),
                      lists[i]->hash);
    cw_str out = cw_arena_copy(loader->arena, text.data, text.len);
    cw_buf_done(&text);
    return out;
}

void cw_rule_digest(struct cw_loader *loader, const struct cw_document *document,
                    struct cw_rule *rule)
{
    rule->state_hash = state_of(rule, loader->arena);
    rule->judgement_hash = judgement_of(rule);
    unsigned char hash[crypto_hash_sha256_BYTES];
    cw_str text = text_of(document);
    crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(rule->document, sizeof(rule->document), hash, sizeof(hash));
    rule->lists = lists_of(loader, rule);
}

void cw_rules_digest(struct cw_loader *loader, struct cw_rules *rules)
{
    rules->lists = lists_of(loader, NULL);
}

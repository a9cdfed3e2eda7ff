/*
 * selection.c - a selection from a tree of tests to code: what is cheap is asked first, and what
 * cannot change the answer not at all. Trees are as deep as conditions may be nested, so their
 * walks call themselves.
 */
#include <stdlib.h>

#include "detectors/load.h"
#include "operators/runtime/check.h"

/* ---- the tree ---- */

struct cw_node *cw_node_test(struct cw_arena *arena, const struct cw_instruction *test)
{
    struct cw_node *node = cw_arena_alloc(arena, sizeof(*node));
    node->kind = CW_NODE_TEST;
    node->test = *test;
    return node;
}

static void add_child(struct cw_arena *arena, struct cw_node *node, struct cw_node *child)
{
    if (node->count == node->cap) {
        size_t cap = node->cap != 0 ? 2 * node->cap : 2;
        struct cw_node **children = cw_arena_alloc(arena, cap * sizeof(*children));
        if (node->count != 0)
            memcpy(children, node->children, node->count * sizeof(*children));
        node->children = children;
        node->cap = cap;
    }
    node->children[node->count++] = child;
}

struct cw_node *cw_node_not(struct cw_arena *arena, struct cw_node *child)
{
    if (child == NULL)
        return NULL;
    struct cw_node *node = cw_arena_alloc(arena, sizeof(*node));
    node->kind = CW_NODE_NOT;
    add_child(arena, node, child);
    return node;
}

struct cw_node *cw_node_join(struct cw_arena *arena, enum cw_node_kind kind, struct cw_node *into,
                             bool own, struct cw_node *child)
{
    if (into == NULL || child == NULL)
        return into != NULL ? into : child;
    struct cw_node *node = into;
    if (!own || into->kind != kind) {
        node = cw_arena_alloc(arena, sizeof(*node));
        node->kind = kind;
        add_child(arena, node, into);
    }
    add_child(arena, node, child);
    return node;
}

/* ---- order ---- */

static int compare_texts(const cw_str *a, size_t a_count, const cw_str *b, size_t b_count)
{
    int order = (a_count > b_count) - (a_count < b_count);
    for (size_t i = 0; order == 0 && a != b && i < a_count; i++)
        order = cw_str_cmp(a[i], b[i]);
    return order;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int cw_test_cmp(const struct cw_instruction *a, const struct cw_instruction *b)
{
    int order = (a->op > b->op) - (a->op < b->op);
    if (order == 0)
        order = cw_str_cmp(a->path->text, b->path->text);
    if (order == 0)
        order = a->cased - b->cased;
    if (order == 0)
        order = cw_str_cmp(a->list, b->list);
    if (order == 0)
        order = compare_numbers(a->low, b->low);
    if (order == 0)
        order = compare_numbers(a->high, b->high);
    if (order == 0)
        order = (a->number_count > b->number_count) - (a->number_count < b->number_count);
    for (size_t i = 0; order == 0 && a->numbers != b->numbers && i < a->number_count; i++)
        order = compare_numbers(a->numbers[i], b->numbers[i]);
    return order != 0 ? order : compare_texts(a->texts, a->text_count, b->texts, b->text_count);
}

static int compare_nodes(const struct cw_node *a, const struct cw_node *b)
{
    int order = (a->cost > b->cost) - (a->cost < b->cost);
    if (order == 0)
        order = (a->kind > b->kind) - (a->kind < b->kind);
    if (order == 0)
        order = (a->count > b->count) - (a->count < b->count);
    if (order == 0 && a->kind == CW_NODE_TEST)
        return cw_test_cmp(&a->test, &b->test);
    for (size_t i = 0; order == 0 && a != b && i < a->count; i++)
        order = compare_nodes(a->children[i], b->children[i]);
    return order;
}

static int by_cost(const void *a, const void *b)
{
    return compare_nodes(*(struct cw_node *const *)a, *(struct cw_node *const *)b);
}

/* Not measured, only ordered: a field at a known place, a role among the parts, many identifiers,
 * texts to fold, patterns to try. */
static uint64_t cost_of(const struct cw_instruction *test)
{
    uint64_t cost = 1;
    if (test->path->scope == CW_PATH_PARTY || test->path->scope == CW_PATH_OBJECT)
        cost = test->path->what == CW_WHAT_KEY || test->path->what == CW_WHAT_ID ? 6 : 4;
    if (test->op == CW_OP_EQUALS)
        cost += test->text_count > 16 ? 3 : 2;
    if (test->op == CW_OP_LIKE)
        cost += 4 + 4 * (uint64_t)test->text_count;
    return cost;
}

void cw_node_settle(struct cw_node *node)
{
    if (node->settled)
        return;
    node->settled = true;
    if (node->kind == CW_NODE_TEST) {
        node->tests = 1;
        node->cost = cost_of(&node->test);
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        cw_node_settle(node->children[i]);
    qsort(node->children, node->count, sizeof(struct cw_node *), by_cost);
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct cw_node *child = node->children[i];
        if (kept != 0 && compare_nodes(node->children[kept - 1], child) == 0)
            continue;
        node->children[kept++] = child;
        node->tests += child->tests;
        node->cost += child->cost;
    }
    node->count = kept;
}

/* ---- code ---- */

/* Where a test leads, before that has its place: accepted, rejected, or a label. */
enum { ACCEPT = 0, REJECT = 1, LABELS = 2 };

struct writer {
    struct cw_instruction *code;
    size_t count;
    uint32_t *labels; /* the place of label LABELS + i */
    uint32_t label_count;
};

/* Both targets differ wherever this is called, so a truth that is not asked for never leaves. */
static void put(struct writer *writer, const struct cw_node *node, uint32_t then,
                uint32_t otherwise)
{
    if (node->kind == CW_NODE_TEST) {
        struct cw_instruction *test = &writer->code[writer->count++];
        *test = node->test;
        test->then = then;
        test->otherwise = otherwise;
        return;
    }
    if (node->kind == CW_NODE_NOT) {
        put(writer, node->children[0], otherwise, then);
        return;
    }
    for (size_t i = 0; i + 1 < node->count; i++) {
        uint32_t next = LABELS + writer->label_count++;
        if (node->kind == CW_NODE_AND)
            put(writer, node->children[i], next, otherwise);
        else
            put(writer, node->children[i], then, next);
        writer->labels[next - LABELS] = (uint32_t)writer->count;
    }
    put(writer, node->children[node->count - 1], then, otherwise);
}

static uint32_t place_of(const struct writer *writer, uint32_t target, uint32_t end)
{
    CW_CHECK(target >= LABELS || target == end);
    return target == end ? 0 : writer->labels[target - LABELS];
}

bool cw_node_code(struct cw_arena *arena, const struct cw_node *node, struct cw_selection *out)
{
    if (node->tests > CW_SELECTION_CODE)
        return false;
    struct writer writer = { .count = 0 };
    writer.code = cw_arena_alloc(arena, node->tests * sizeof(*writer.code));
    writer.labels = cw_arena_alloc(arena, node->tests * sizeof(*writer.labels));
    put(&writer, node, ACCEPT, REJECT);
    for (size_t i = 0; i < writer.count; i++) {
        struct cw_instruction *test = &writer.code[i];
        if (test->then == REJECT || test->otherwise == ACCEPT) {
            uint32_t then = test->then;
            test->negated = true;
            test->then = test->otherwise;
            test->otherwise = then;
        }
        test->then = place_of(&writer, test->then, ACCEPT);
        test->otherwise = place_of(&writer, test->otherwise, REJECT);
    }
    out->code = writer.code;
    out->code_len = writer.count;
    return true;
}

/* select.c - runs a selection's code over one event. */
#include <stdlib.h>

#include "detectors/fold.h"
#include "detectors/load.h"
#include "detectors/path.h"
#include "operators/runtime/check.h"

static int compare_texts(const void *a, const void *b)
{
    return cw_str_cmp(*(const cw_str *)a, *(const cw_str *)b);
}

/* The loader folded the texts and sorted them; a name was folded by ingest. */
static bool equals(const struct cw_instruction *code, const struct cw_event *event,
                   struct cw_arena *arena)
{
    struct cw_found *found;
    size_t count = cw_path_values(code->path, event, arena, &found);
    for (size_t i = 0; i < count; i++) {
        cw_str text = found[i].text;
        if (code->path->what != CW_WHAT_NAME)
            text = cw_fold(cw_found_text(&found[i], arena), CW_FOLD_TEXT, arena);
        if (bsearch(&text, code->texts, code->text_count, sizeof(text), compare_texts) != NULL)
            return true;
    }
    return false;
}

static bool exists(const struct cw_path *path, const struct cw_event *event, struct cw_arena *arena)
{
    struct cw_found *found;
    return cw_path_values(path, event, arena, &found) != 0;
}

bool cw_selection_holds(const struct cw_selection *selection, const struct cw_event *event,
                        struct cw_arena *arena)
{
    bool stack[CW_SELECTION_STACK];
    size_t depth = 0;
    for (size_t i = 0; i < selection->code_len; i++) {
        const struct cw_instruction *code = &selection->code[i];
        switch (code->op) {
        case CW_OP_EQUALS:
        case CW_OP_EXISTS:
        case CW_OP_CONST:
            CW_CHECK(depth < CW_SELECTION_STACK);
            stack[depth++] = code->op == CW_OP_EQUALS ? equals(code, event, arena)
                             : code->op == CW_OP_EXISTS
                                 ? exists(code->path, event, arena) == (code->argument != 0)
                                 : code->argument != 0;
            break;
        case CW_OP_NOT:
            CW_CHECK(depth >= 1);
            stack[depth - 1] = !stack[depth - 1];
            break;
        case CW_OP_AND:
            CW_CHECK(depth >= 2);
            depth--;
            stack[depth - 1] = stack[depth - 1] && stack[depth];
            break;
        case CW_OP_OR:
        default:
            CW_CHECK(depth >= 2);
            depth--;
            stack[depth - 1] = stack[depth - 1] || stack[depth];
            break;
        }
    }
    CW_CHECK(depth == 1);
    return stack[0];
}

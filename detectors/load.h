/*
 * load.h - how a rule set is made: read (yaml.c), documents and names (load.c), detections
 * (detection.c, condition.c), correlations (correlation.c). Inside the loader only.
 *
 * A mistake is noted in its source and the work goes on; what rests on a mistake says nothing of
 * its own. Only a set without any is given out.
 */
#ifndef CW_DETECTORS_LOAD_H
#define CW_DETECTORS_LOAD_H

#include "detectors/rule.h"
#include "detectors/yaml.h"

enum {
    CW_CONDITION_DEPTH = 32,     /* of parentheses and nots */
    CW_SELECTION_STACK = 64,     /* truths at once; a condition within its depth needs less */
    CW_SELECTION_CODE = 1 << 16, /* instructions */
    CW_GROUP_BY_MAX = 8,
    CW_NAME_MAX = 128
};

struct cw_document {
    struct cw_source *source;
    const struct cw_yaml *root; /* a map */
    bool is_correlation;
    const struct cw_yaml *name; /* usable ones, or NULL */
    const struct cw_yaml *id;
    const struct cw_yaml *title;
    struct cw_selection *selection; /* detection: type 0 until it is known */
    bool alerts;                    /* a correlation, or a detection that has a level */
};

struct cw_document_name {
    cw_str name; /* a name, or an id */
    size_t document;
};

struct cw_loader {
    struct cw_arena *arena; /* of the set */
    struct cw_source **sources;
    size_t source_count;
    struct cw_document *documents;
    size_t document_count;
    struct cw_document_name *named; /* sorted by name */
    size_t named_count;
    bool cut; /* a file is not read to its end: names may be missing for that */
};

/** The document of that name or id, or NULL. */
const struct cw_document *cw_loader_find(const struct cw_loader *loader, cw_str name) CW_NONNULL(1);

/** Notes every key of the map that is not among `known`. `where` ends the sentence: "in timespan".
 */
void cw_check_keys(struct cw_source *source, const struct cw_yaml *map, const char *where,
                   const char *const *known, size_t count) CW_NONNULL(1, 2, 3, 4);
/** The same, and says of those among `later` that the language has them and this program not. */
void cw_check_keys_but(struct cw_source *source, const struct cw_yaml *map, const char *where,
                       const char *const *known, size_t count, const char *const *later,
                       size_t later_count) CW_NONNULL(1, 2, 3, 4, 6);
/** Whether the node (which may be NULL: false, and nothing noted) is of the kind; notes if not. */
bool cw_is_map(struct cw_source *source, const struct cw_yaml *node, const char *what);
bool cw_is_list(struct cw_source *source, const struct cw_yaml *node, const char *what);
/** A text that is not empty. */
bool cw_is_text(struct cw_source *source, const struct cw_yaml *node, const char *what);
/** Notes that the word at the node is none of `known`, with the nearest. */
void cw_unknown(struct cw_source *source, const struct cw_yaml *node, const char *what,
                const char *const *known, size_t count) CW_NONNULL(1, 2, 3, 4);
/** The index of the node's text among `known`; notes and returns -1 if it is none. */
int cw_choice(struct cw_source *source, const struct cw_yaml *node, const char *what,
              const char *const *known, size_t count) CW_NONNULL(1, 3, 4);

/* A condition in postfix order: an operator, or the number of a name. */
struct cw_term {
    enum cw_op op; /* CW_OP_CONST: a name */
    size_t name;
};
struct cw_condition {
    struct cw_term *terms;
    size_t count;
};
/** False: noted. `used` gets true for each name that stands in it. */
bool cw_condition_parse(struct cw_source *source, const struct cw_yaml *node,
                        const char *const *names, size_t name_count, bool *used,
                        struct cw_condition *out) CW_MUST_USE CW_NONNULL(1, 2, 6);

/** A whole number from 1 to `max`. False: noted. */
bool cw_read_count(struct cw_source *source, const struct cw_yaml *node, const char *what,
                   int64_t max, int64_t *out) CW_MUST_USE CW_NONNULL(1, 2, 3, 5);
/** A duration of `min` or more. False: noted. */
bool cw_read_span(struct cw_source *source, const struct cw_yaml *node, const char *what,
                  int64_t min, const char *min_text, int64_t *out) CW_NONNULL(1, 2, 3, 5, 6);

/** Fills document->selection. */
void cw_detection_compile(struct cw_loader *loader, struct cw_document *document) CW_NONNULL(1, 2);
/** Fills `rule`, but for its number. False: it is switched off, and in no set. */
bool cw_correlation_compile(struct cw_loader *loader, const struct cw_document *document,
                            struct cw_rule *rule) CW_MUST_USE CW_NONNULL(1, 2, 3);
/** The same from a detection that has a level, once it is compiled. */
bool cw_detection_rule(struct cw_loader *loader, const struct cw_document *document,
                       struct cw_rule *rule) CW_MUST_USE CW_NONNULL(1, 2, 3);
/** What the crosswatch block says (`map` may be NULL: it says nothing). */
void cw_crosswatch_read(struct cw_loader *loader, struct cw_source *source,
                        const struct cw_yaml *map, struct cw_rule *rule) CW_NONNULL(1, 2, 4);

#endif

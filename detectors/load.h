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
    CW_SELECTION_CODE = 1 << 14, /* tests of a selection, terms of its condition */
    CW_PATTERN_MAX = 1024,       /* bytes */
    CW_LIST_SIZE_MAX = 1 << 24,  /* bytes of a list's file */
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

struct cw_list_file;
struct cw_loader {
    struct cw_arena *arena; /* of the set */
    const char *lists;      /* the directory of the lists; NULL: there is none */
    struct cw_list_file *list_files;
    bool lint; /* also note what is only unwise */
    struct cw_source **sources;
    size_t source_count;
    struct cw_document *documents;
    size_t document_count;
    struct cw_document_name *named; /* sorted by name */
    size_t named_count;
    bool cut; /* a file is not read to its end: names may be missing for that */
};

/** Reads the file that the source names, at most a byte more than `max`. What is wrong is noted,
 * and the source is cut. */
void cw_source_read(struct cw_source *source, size_t max) CW_NONNULL(1);
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
enum cw_term_op { CW_TERM_NAME, CW_TERM_NOT, CW_TERM_AND, CW_TERM_OR };
struct cw_term {
    enum cw_term_op op;
    size_t name;
};
struct cw_condition {
    struct cw_term *terms;
    size_t count;
};
/** Of a text, or of a list of them, any of which will do. False: noted. `used` gets true for each
 *  name that is asked for. */
bool cw_condition_parse(struct cw_source *source, const struct cw_yaml *node,
                        const char *const *names, size_t name_count, bool *used,
                        struct cw_condition *out) CW_MUST_USE CW_NONNULL(1, 2, 6);

/* ---- selections, before they are code ---- */

enum cw_node_kind { CW_NODE_TEST, CW_NODE_NOT, CW_NODE_AND, CW_NODE_OR };
struct cw_node {
    enum cw_node_kind kind;
    struct cw_instruction test;
    struct cw_node **children;
    size_t count;
    size_t cap;
    size_t tests; /* below it; known once it is settled */
    uint64_t cost;
    bool settled;
};
struct cw_node *cw_node_test(struct cw_arena *arena, const struct cw_instruction *test)
    CW_NONNULL(1, 2);
struct cw_node *cw_node_not(struct cw_arena *arena, struct cw_node *child) CW_NONNULL(1);
/** Both, or either; of nothing (NULL) and a node, the node. `into` is changed and given back where
 *  it is of that kind and nothing else holds it. */
struct cw_node *cw_node_join(struct cw_arena *arena, enum cw_node_kind kind, struct cw_node *into,
                             bool own, struct cw_node *child) CW_NONNULL(1);
/** Order of tests by what they ask, 0: the same. */
int cw_test_cmp(const struct cw_instruction *a, const struct cw_instruction *b) CW_NONNULL(1, 2);
/** Puts what is cheap first, drops what stands twice. */
void cw_node_settle(struct cw_node *node) CW_NONNULL(1);
/** The settled tree as code. False: it comes to more than CW_SELECTION_CODE tests. */
bool cw_node_code(struct cw_arena *arena, const struct cw_node *node,
                  struct cw_selection *out) CW_MUST_USE CW_NONNULL(1, 2, 3);

/* ---- values ---- */

enum cw_shape { CW_SHAPE_WHOLE, CW_SHAPE_CONTAINS, CW_SHAPE_STARTS, CW_SHAPE_ENDS };
struct cw_constant {
    cw_str text; /* as the path's texts are compared */
    int64_t number;
    bool is_pattern;
};
/** Whether values on the path are compared as numbers. */
bool cw_value_is_number(const struct cw_path *path) CW_NONNULL(1);
/**
 * The text as the path's values are compared: by the schema's type, not by its looks. `plain`: it
 * is as it stands, without wildcards and escapes. False: *fault says why, at byte *offset.
 */
bool cw_value_read(struct cw_arena *arena, const struct cw_path *path, cw_str text, bool plain,
                   bool cased, enum cw_shape shape, struct cw_constant *out, size_t *offset,
                   const char **fault) CW_MUST_USE CW_NONNULL(1, 2, 7, 8, 9);

/* ---- lists ---- */

/** Gives the test the values of the list that the node names, for its path. False: noted. */
bool cw_list_read(struct cw_loader *loader, struct cw_source *source, const struct cw_yaml *node,
                  struct cw_instruction *test) CW_MUST_USE CW_NONNULL(1, 2, 3, 4);
/** The lists that were read, in any order. */
struct cw_list_file {
    cw_str name;
    struct cw_source *source;
    char hash[65]; /* SHA-256 of the file, hex */
    struct cw_list_value *values;
    size_t count;
    struct cw_list_form *forms;
    struct cw_list_file *next;
};

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
/** Fills the hashes of a rule without mistakes, and the lists that it reads. */
void cw_rule_digest(struct cw_loader *loader, const struct cw_document *document,
                    struct cw_rule *rule) CW_NONNULL(1, 2, 3);
void cw_rules_digest(struct cw_loader *loader, struct cw_rules *rules) CW_NONNULL(1, 2);
/** Notes what is unwise in a detection, and in what alerts; both are without mistakes. */
void cw_selection_lint(struct cw_loader *loader, const struct cw_document *document)
    CW_NONNULL(1, 2);
void cw_rule_lint(const struct cw_document *document, const struct cw_rule *rule) CW_NONNULL(1, 2);

#endif

/* schema_text.h - the text of schemas/, embedded at build time; the list ends with a NULL name. */
#ifndef CW_RUNTIME_SCHEMA_TEXT_H
#define CW_RUNTIME_SCHEMA_TEXT_H

struct cw_schema_text {
    const char *name; /* "schemas/event.avsc", "types/notice.avsc" */
    const char *text;
};

extern const struct cw_schema_text cw_schema_texts[];

#endif

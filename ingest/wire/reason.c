#include "ingest/wire/reason.h"

#include <stdarg.h>
#include <stdio.h>

bool cw_reject(struct cw_reason *reason, const char *code, const char *field, const char *format,
               ...)
{
    reason->code = code;
    snprintf(reason->field, sizeof(reason->field), "%s", field);
    va_list args;
    va_start(args, format);
    vsnprintf(reason->sentence, sizeof(reason->sentence), format, args);
    va_end(args);
    return false;
}

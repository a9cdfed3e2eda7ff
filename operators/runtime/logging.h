/*
 * logging.h - one JSON line on stderr a fact: {"time","level","stage","msg",…}. Ids and places,
 * never personal data. Libraries return errors; only commands and runners log.
 */
#ifndef CW_RUNTIME_LOGGING_H
#define CW_RUNTIME_LOGGING_H

#include "operators/runtime/attr.h"

void cw_log_stage(const char *stage); /* for all lines after */
void cw_info(const char *format, ...) CW_PRINTF(1, 2);
void cw_warn(const char *format, ...) CW_PRINTF(1, 2);
void cw_error(const char *format, ...) CW_PRINTF(1, 2);

#endif

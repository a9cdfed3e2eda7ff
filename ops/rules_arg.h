/* rules_arg.h - the rule set that a command's --rules names, read whole or not at all. */
#ifndef CW_OPS_RULES_ARG_H
#define CW_OPS_RULES_ARG_H

#include "detectors/detect.h"

/** NULL: every mistake went to stderr, with its place. */
struct cw_rules *cw_rules_arg(const char *path) CW_MUST_USE;

#endif

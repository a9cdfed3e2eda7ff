#include "operators/runtime/check.h"

#include <stdio.h>
#include <stdlib.h>

void cw_check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "crosswatch: broken promise at %s:%d: %s\n", file, line, condition);
    abort();
}

#include "ops/rules_arg.h"

#include <stdio.h>

struct cw_rules *cw_rules_arg(const char *path)
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_load(path, &errors);
    if (rules == NULL)
        fprintf(stderr, "%.*scrosswatch: the rules in %s were not taken: mend what stands above\n",
                (int)errors.len, errors.data != NULL ? (const char *)errors.data : "", path);
    cw_buf_done(&errors);
    return rules;
}

/*
 * redis_acl.h - the users of a Redis as lines of an ACL file: one reader an audience, who may run
 * what a reader needs on the keys of that audience, and the sink's own.
 */
#ifndef CW_SINKS_REDIS_ACL_H
#define CW_SINKS_REDIS_ACL_H

#include <stdio.h>

#include "sinks/redis_layout.h"

struct cw_redis_acl {
    const char *deployment; /* NULL: "crosswatch" */
    const char *const *audiences;
    size_t audience_count; /* beside `all` */
    /** Directory of files named as the users, each the password of one (a last newline is not part
     *  of it). NULL: a placeholder that Redis does not take. */
    const char *passwords;
};

/** Writes "user NAME …" lines. False: a sentence in `error`. Passwords are written as hashes. */
bool cw_redis_acl_print(const struct cw_redis_acl *acl, FILE *out, char *error,
                        size_t error_len) CW_MUST_USE CW_NONNULL(1, 2, 3);

#endif

/* attr.h - compiler attributes, spelled once. */
#ifndef CW_RUNTIME_ATTR_H
#define CW_RUNTIME_ATTR_H

#define CW_MUST_USE __attribute__((warn_unused_result))
#define CW_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define CW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CW_NORETURN __attribute__((noreturn))
#define CW_UNUSED __attribute__((unused))

#endif

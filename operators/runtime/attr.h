/* attr.h - compiler attributes, spelled once. */
#ifndef CW_RUNTIME_ATTR_H
#define CW_RUNTIME_ATTR_H

#define CW_MUST_USE __attribute__((warn_unused_result))
#define CW_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define CW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CW_NORETURN __attribute__((noreturn))
#define CW_UNUSED __attribute__((unused))

/* The release build zeroes locals; where that costs more than the work done in them, and they are
 * filled before they are read, they say so. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define CW_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef CW_UNINITIALIZED
#define CW_UNINITIALIZED
#endif

#endif

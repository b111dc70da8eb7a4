/*
 * macros: the few compiler facts that Torc's headers rely on.
 *
 * Everything that is not plain C11 stands here, once, so that a compiler that lacks it can be
 * taught in one place. User code needs none of it by name except TORC_FMT (in <torc/slice.h>).
 */
#ifndef TORC_MACROS_H
#define TORC_MACROS_H

#ifdef __cplusplus
# define TORC_BEGIN_DECLS extern "C" {
# define TORC_END_DECLS   }
#else
# define TORC_BEGIN_DECLS
# define TORC_END_DECLS
#endif

#if defined(__GNUC__)
# define TORC_API              __attribute__((visibility("default")))
# define TORC_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
# define TORC_UNUSED_RESULT    __attribute__((warn_unused_result))
# define TORC_NORETURN         __attribute__((noreturn))
# define TORC_COLD             __attribute__((cold))
# define TORC_UNUSED           __attribute__((unused))
# define TORC_CALLER           __builtin_return_address(0) /* what called this function; or NULL */
# define TORC_UNCHECKED        __attribute__((no_sanitize("address", "undefined", "thread")))
# define TORC_LIKELY(x)        __builtin_expect(!!(x), 1)
# define TORC_UNLIKELY(x)      __builtin_expect(!!(x), 0)
#else
# define TORC_API
# define TORC_PRINTF(fmt, arg)
# define TORC_UNUSED_RESULT
# define TORC_NORETURN
# define TORC_COLD
# define TORC_UNUSED
# define TORC_CALLER NULL
# define TORC_UNCHECKED
# define TORC_LIKELY(x)   (x)
# define TORC_UNLIKELY(x) (x)
#endif

/* The object of `type` whose member `member` is at `pointer`. */
#define TORC_CONTAINER_OF(pointer, type, member) \
    ((type *)((char *)(pointer) - offsetof(type, member)))

/*
 * torc_of(protocol, echo): the user's object of which `pointer` is the first member, or the first
 * member's first member: a `command` is a `torc_line_receiver` is a `torc_protocol`.
 */
#define torc_of(pointer, type) ((type *)(void *)(pointer))

#endif /* TORC_MACROS_H */

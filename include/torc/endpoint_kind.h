/*
 * endpoint_kind: kinds of endpoints of your own.
 *
 * A kind is a name with arguments, and a function that says what stands behind them: another
 * endpoint's description. So a plugin may look a service up in its configuration, or hide a proxy.
 *
 *     // db:orders -> unix:/run/db/orders.sock
 *     static torc_failure *find_db(
 *         void *context, const char *const *values, char *text, size_t size)
 *     {
 *         char name[256];
 *
 *         torc_endpoint_quote(torc_slice_of(values[0]), name, sizeof(name));
 *         snprintf(text, size, "unix:/run/db/%s.sock", name);
 *         return NULL;
 *     }
 *
 *     static const char *const db_arguments[] = { "name", NULL };
 *     static const torc_endpoint_kind db = {
 *         .name = "db", .arguments = db_arguments, .mandatory = 1, .example = "db:orders",
 *         .connecting = find_db,
 *     };
 *
 *     torc_endpoint_kind_add(&db);
 *     torc_connect(scope, "db:orders", factory);
 */
#ifndef TORC_ENDPOINT_KIND_H
#define TORC_ENDPOINT_KIND_H

#include <torc/failure.h>

TORC_BEGIN_DECLS

/* So many arguments may a kind have. */
#define TORC_ENDPOINT_ARGUMENTS_MAX 16

/*
 * Writes the description that stands behind the values, `size` bytes with its NUL at most. There is
 * a value for each of the kind's arguments, NULL where it was not given. Gives NULL, or a failure,
 * which is then the one of listening or connecting. It must not block.
 */
typedef torc_failure *torc_endpoint_expander(
    void *context, const char *const *values, char *text, size_t size);

typedef struct torc_endpoint_kind {
    const char *name;
    const char *const *arguments; /* their names in the order of their places; the last is NULL */
    size_t mandatory;             /* so many of them, the first ones, must be given */
    const char *example;          /* how it is written, for messages */
    torc_endpoint_expander *listening;  /* NULL: it cannot */
    torc_endpoint_expander *connecting;
    void *context;
} torc_endpoint_kind;

/*
 * Adds a kind for all reactors of the process; it must stay where it is. From the main thread,
 * before others run. Adding it again is a no-op. False when there is another of its name, or there
 * are too many (32).
 */
TORC_API bool torc_endpoint_kind_add(const torc_endpoint_kind *kind);

TORC_END_DECLS

#endif /* TORC_ENDPOINT_KIND_H */

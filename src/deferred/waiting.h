/*
 * waiting: how a function that waits lends its coroutine something without waiting, because it is
 * there already. For floors that know of a coroutine only that there is one.
 *
 *     torc__coroutine *caller = torc__coroutine_to_wait(reactor, "torc_read_line");
 *
 *     return torc__coroutine_lend(caller, torc_bytes(line));
 */
#ifndef TORC_DEFERRED_WAITING_H
#define TORC_DEFERRED_WAITING_H

#include <torc/result.h>
#include <torc/scope.h>

typedef struct torc__coroutine torc__coroutine;

/*
 * The coroutine that may wait now; anywhere else the program ends, with a message that begins with
 * `call`. It lets go of the result that it borrowed.
 */
TORC_API torc__coroutine *torc__coroutine_to_wait(torc_reactor *reactor, const char *call);

/* Lends a result as torc_await does, without waiting. Takes it over. */
TORC_API torc_result torc__coroutine_lend(torc__coroutine *self, torc_result result);

/*
 * What a wait in a scope that has ended gives: 'cancelled'. Who has been told so too often in a row
 * aborts.
 */
TORC_API torc_result torc__coroutine_refuse(torc__coroutine *self, const char *why);

#endif /* TORC_DEFERRED_WAITING_H */

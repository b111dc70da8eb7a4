/*
 * attempts: trying several addresses side by side, as RFC 8305 ("happy eyeballs") has it: those of
 * the two families in turns, the next one 250 ms after the last or as soon as one fails. The first
 * that opens wins, and the others are dropped at once.
 *
 *     init -> start -> (more) -> (opened | failed), once
 *
 * It can begin while some addresses are still looked up; then it does not fail before those have
 * come, and they take their places among the ones that were not begun with yet.
 *
 * The owner is told from the loop's turn. Where none of the addresses can even be begun with, that
 * is within torc__attempts_start. What the attempts leave is the winner's transport, open and not
 * started, or one failure that tells of each.
 */
#ifndef TORC_ENDPOINT_ATTEMPTS_H
#define TORC_ENDPOINT_ATTEMPTS_H

#include <torc/timer.h>

#include "endpoint/endpoint.h"

/* RFC 8305 5: the Connection Attempt Delay. */
#define TORC__ATTEMPT_DELAY (250 * TORC_MILLISECOND)

/* Of one name; those beyond are not tried. */
#define TORC__ATTEMPTS_MAX 32

/* Told one by one in the message; of those beyond only how many. */
#define TORC__FAILURES_TOLD 4

typedef struct torc__attempt torc__attempt;

typedef struct torc__attempts {
    torc_scope *scope;
    torc_factory *factory;
    const torc__endpoint *endpoint;
    torc_timer next_timer;
    torc_timer again_timer;   /* a UNIX socket's full queue */
    torc__attempt *list;      /* owned */
    size_t count;
    size_t size;              /* what the list has room for */
    size_t begun;
    size_t under_way;
    torc_failure *first;      /* of the failures: the cause of the one that is told */
    const torc_failure_type *type; /* of the failure that came furthest */
    int code;
    bool more_may_come;
    size_t failed;
    char told[640];           /* the failures as text */

    /* The callee's to start. `transport` is open. */
    void (*opened)(struct torc__attempts *attempts, torc_transport *transport,
        const torc_address *address);
    void (*failed_all)(struct torc__attempts *attempts, torc_failure *failure);
} torc__attempts;

/*
 * Tries the addresses; scope, factory, endpoint and the two functions are set, the rest is zeroed.
 * Where more may come, torc__attempts_more follows. False, and nothing is told, when memory is out.
 */
bool torc__attempts_start(torc__attempts *attempts, const torc_address *addresses, size_t count,
    bool more_may_come);

/* All the addresses that there are, also those that were known at the start. */
void torc__attempts_more(torc__attempts *attempts, const torc_address *addresses, size_t count);

/* Drops what is under way, without a word. A no-op where nothing is. */
void torc__attempts_stop(torc__attempts *attempts);

/* What has failed until now, as text: "" or " at ADDRESS: why; at …". For the end. */
const char *torc__attempts_told(torc__attempts *attempts);

/* The order in which addresses are tried: families in turns, the first one's first. Pure. */
TORC_API void torc__attempts_order(torc_address *addresses, size_t count);

#endif /* TORC_ENDPOINT_ATTEMPTS_H */

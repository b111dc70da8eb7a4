/*
 * queue: results on their way from who makes them to who takes them, a bounded number at a time.
 *
 *     torc_queue *orders = torc_queue_new(scope, 100, 10);
 *
 *     if (!torc_queue_offer(orders, torc_bytes(order)))          // from who must not wait
 *         refuse(self);
 *
 *     torc_add_callback(torc_queue_get(orders, scope), work, self);
 *
 * Items come out in the order in which they went in, getters get theirs in the order of their asking,
 * and putters that wait put theirs in that order too. Who is cancelled, or whose scope ends, waits no
 * longer; the item of a putter that waited is then released. Putting runs the chain of who gets, and
 * getting that of who puts, before it returns; however many there are, nothing recurses.
 *
 * Every call that is handed an item takes it over, whatever it gives back.
 *
 * Life: the engine frees. When the queue's scope ends, its items are released, and whoever waits
 * fails with torc_error_cancelled by the end of the turn, as does who asks then. To let those who
 * get empty it first, close it.
 */
#ifndef TORC_QUEUE_H
#define TORC_QUEUE_H

#include <torc/deferred.h>

TORC_BEGIN_DECLS

typedef struct torc_queue torc_queue;

/* The first two descend from torc_error_limit, the third from torc_error. */
extern TORC_API const torc_failure_type torc_error_queue_overflow;
extern TORC_API const torc_failure_type torc_error_queue_underflow;
extern TORC_API const torc_failure_type torc_error_queue_closed;

/*
 * A queue of up to `size` items, in which up to `backlog` getters, or as many putters, may wait.
 * With a size of 0 an item goes from hand to hand: a putter waits for its getter. NULL when memory
 * is out, or the scope has ended.
 */
TORC_API torc_queue *torc_queue_new(torc_scope *scope, size_t size, size_t backlog);

/* Puts `item` in when there is room, or somebody who waits for it; else gives false. */
TORC_API bool torc_queue_offer(torc_queue *queue, torc_result item);

/*
 * Fires with nothing when the item is in, which may be at once. Fails with
 * torc_error_queue_overflow when there is no room and `backlog` putters wait already, and with
 * torc_error_queue_closed.
 */
TORC_API torc_deferred *torc_queue_put(torc_queue *queue, torc_scope *scope, torc_result item);

/*
 * Fires with the next item, which may be at once. Fails with torc_error_queue_underflow when there
 * is none and `backlog` getters wait already, and with torc_error_queue_closed when there is none
 * and none will come.
 */
TORC_API torc_deferred *torc_queue_get(torc_queue *queue, torc_scope *scope);

/* Gives the next item, to be released by you, when there is one for you now; else false. */
TORC_API bool torc_queue_take(torc_queue *queue, torc_result *ret_item);

/*
 * No more items go in, and putters that wait fail; those that are in may be got. Then getters fail.
 * Closing twice is a no-op.
 */
TORC_API void torc_queue_close(torc_queue *queue);

/* How many items are in it. */
TORC_API size_t torc_queue_length(const torc_queue *queue);

TORC_END_DECLS

#endif /* TORC_QUEUE_H */

/*
 * toy_filter: the least filter that does what a real one does, for tests of filters, layers and
 * entrances: it greets its peer and waits for the same greeting, then turns every byte over.
 *
 *     toy:tcp:8080          each end sends TOY_GREETING and wants it; then bytes are turned over
 *
 * What is no greeting is refused with a failure that says so; silence is waited for.
 */
#ifndef TORC_TESTS_SUPPORT_TOY_FILTER_H
#define TORC_TESTS_SUPPORT_TOY_FILTER_H

#include "endpoint/layer.h"
#include "transport/filter.h"

#define TOY_GREETING 'T'
#define TOY_TURNED   0x55

typedef enum toy_mood {
    TOY_GREETS,
    TOY_IS_MUTE,      /* sends nothing */
    TOY_CANNOT_ENTER, /* its enter fails with EPROTO */
} toy_mood;

/* Of the next toys; `made` and `freed` count filters, the latter also layers by themselves. */
extern toy_mood toy_mood_now;
extern int toys_made;
extern int toys_freed;
extern int toy_layers_freed;
extern bool toy_tells_peer;  /* then it says that the peer is 192.0.2.77:7 */

/* Registers the kind "toy"; again is a no-op. */
void register_toy_kind(void);

/* A layer with one holder; NULL when memory is out. */
torc__layer *toy_layer(void);

/* Puts one in without a greeting: in the middle of a conversation. False when memory is out. */
bool insert_toy(torc_transport *transport);

#endif /* TORC_TESTS_SUPPORT_TOY_FILTER_H */

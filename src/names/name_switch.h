/*
 * name_switch: what the line "hosts:" of /etc/nsswitch.conf (nsswitch.conf(5)) leaves to the
 * resolver in the loop, and which names only the system's can know.
 *
 * Files first and then the DNS is what the one in the loop does by itself. A source for certain
 * names only (mdns, myhostname, mymachines) has the system asked for those names; any other source,
 * or another order, for all.
 */
#ifndef TORC_NAMES_NAME_SWITCH_H
#define TORC_NAMES_NAME_SWITCH_H

#include <torc/slice.h>

enum { TORC__NAME_SWITCH_MAX = 64 * 1024 };

typedef struct torc__name_switch {
    bool all;        /* of the names are the system's to look up */
    bool local;      /* those in "local." are (mdns) */
    bool own;        /* this machine's, and "_gateway" and its like (myhostname) */
    bool undotted;   /* those without a dot (mymachines) */
} torc__name_switch;

/* Without such a line nothing is the system's. */
void torc__name_switch_parse(torc__name_switch *ret_switch, torc_slice text);

/* Whether `name` is for the system; `own_name` is this machine's. */
bool torc__name_switch_is_for_system(
    const torc__name_switch *self, torc_slice name, torc_slice own_name);

#endif /* TORC_NAMES_NAME_SWITCH_H */

/*
 * hosts_file: the addresses of names in /etc/hosts (hosts(5)).
 */
#ifndef TORC_NAMES_HOSTS_FILE_H
#define TORC_NAMES_HOSTS_FILE_H

#include <torc/names.h>

#include "base/hash_table.h"

enum { TORC__HOSTS_FILE_MAX = 16 * 1024 * 1024 };

typedef struct torc__hosts_line torc__hosts_line;

typedef struct torc__hosts {
    torc__hash_table names;
    torc__hosts_line *lines; /* all of them, to be freed */
} torc__hosts;

void torc__hosts_init(torc__hosts *hosts);
void torc__hosts_clear(torc__hosts *hosts);

/* Takes the place of what was known. What no sense can be made of is skipped. */
void torc__hosts_parse(torc__hosts *hosts, torc_slice text);

/* The addresses of `name` in the order of the file, at most `maximum`. */
size_t torc__hosts_find(
    const torc__hosts *hosts, torc_slice name, torc_address *ret_addresses, size_t maximum);

#endif /* TORC_NAMES_HOSTS_FILE_H */

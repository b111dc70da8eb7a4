/*
 * serve: a family's server in a process of its own, on a real port, for families that have no
 * program.
 */
#ifndef TORC_SCENARIO_SERVE_H
#define TORC_SCENARIO_SERVE_H

#include <stddef.h>
#include <stdint.h>

/* words: the log's path, the family, its options. Gives the exit status. */
int serve(const char *const *words, size_t count);

/* In what serve has logged; 0: it does not listen yet. */
uint16_t serve_find_port(const char *log);

#endif /* TORC_SCENARIO_SERVE_H */

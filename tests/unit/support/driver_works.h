/*
 * driver_works: which of the drivers in this build can be tested on this machine.
 *
 * io_uring may be forbidden, as it is in many containers. What runs over all drivers leaves out
 * those that do not work, and a line on stdout says which, and why.
 */
#ifndef TORC_TESTS_SUPPORT_DRIVER_WORKS_H
#define TORC_TESTS_SUPPORT_DRIVER_WORKS_H

#include <stdbool.h>

/* The line is printed once. Of a driver that every system has it is known without trying. */
bool driver_works(const char *name);

#endif /* TORC_TESTS_SUPPORT_DRIVER_WORKS_H */

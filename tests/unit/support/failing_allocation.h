/*
 * failing_allocation: makes chosen allocations of the library fail.
 *
 * For one thread at a time. End each test that begins with one of these by allow_allocations.
 */
#ifndef TORC_TESTS_SUPPORT_FAILING_ALLOCATION_H
#define TORC_TESTS_SUPPORT_FAILING_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>

/* The allocation after the next `passed` ones fails, once. */
void fail_allocation_after(unsigned int passed);

void fail_all_allocations(void);

/* Allocations of just this size go well and are not counted, from now on. 0: there is none such. */
void spare_allocations_of(size_t size);

/* From now on those go well, and are not counted, whose failure ends the process. */
void spare_vital_allocations(void);

/* In between, allocations go well and are not counted. */
void pause_allocation_failures(void);
void resume_allocation_failures(void);

/* None fails, but they are counted from 0 on. */
void count_allocations(void);
unsigned int allocations_counted(void);

/* Whether one was made to fail since the last call of the functions above. */
bool an_allocation_failed(void);

void allow_allocations(void);

#endif /* TORC_TESTS_SUPPORT_FAILING_ALLOCATION_H */

/*
 * Which drivers there are.
 */
#include "reactor/driver/drivers.h"
#include "reactor/drivers.h"

#include <string.h>

static const torc_driver_class *const drivers[] = {
#if defined(__linux__)
    &torc__driver_epoll,
#endif
#if defined(TORC__HAS_URING)
    &torc__driver_uring,
#endif
#if defined(TORC__HAS_KQUEUE)
    &torc__driver_kqueue,
#endif
    &torc__driver_poll,
    &torc__driver_select,
};

const torc_driver_class *torc__driver_at(size_t index)
{
    return index < sizeof drivers / sizeof drivers[0] ? drivers[index] : NULL;
}

const torc_driver_class *torc__driver_named(const char *name)
{
    for (size_t i = 0; torc__driver_at(i) != NULL; i++)
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}

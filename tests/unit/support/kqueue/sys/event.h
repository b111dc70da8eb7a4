/*
 * sys/event.h of the tests: kqueue() and kevent() for a system that has none, so that the kqueue
 * driver is compiled and run here. The declarations are FreeBSD's as its manual page has them; what
 * they do is in kqueue_stand_in.c. Filters and flags that the driver does not use are not here.
 */
#ifndef TORC_TESTS_SUPPORT_KQUEUE_SYS_EVENT_H
#define TORC_TESTS_SUPPORT_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned int fflags;
    int64_t data;
    void *udata;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_) \
    (*(event) = (struct kevent){ .ident = (ident_), \
         .filter = (filter_), \
         .flags = (flags_), \
         .fflags = (fflags_), \
         .data = (data_), \
         .udata = (udata_) })

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
    int event_count, const struct timespec *timeout);

#endif /* TORC_TESTS_SUPPORT_KQUEUE_SYS_EVENT_H */

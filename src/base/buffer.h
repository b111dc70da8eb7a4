/*
 * The inside of a counted buffer. Nobody but buffer.c and its test looks in here.
 *
 * A buffer of our own is one allocation: this header, the bytes, a NUL; `release` is NULL then.
 * A wrapped one is the header alone.
 */
#ifndef TORC_BASE_BUFFER_H
#define TORC_BASE_BUFFER_H

#include <torc/buffer.h>

struct torc_buffer {
    const char *bytes;
    size_t length;
    size_t holders;
    void (*release)(void *argument);
    void *argument;
    char own[];
};

#endif /* TORC_BASE_BUFFER_H */

/*
 * serial_speed: the speed of a line, apart, since the kernel's own interface for any speed cannot
 * be included beside the C library's <termios.h>.
 */
#ifndef TORC_TRANSPORT_SERIAL_SPEED_H
#define TORC_TRANSPORT_SERIAL_SPEED_H

/* Both ways, in bits per second. 0 or -errno; -EINVAL: the line does not know it. */
int torc__serial_set_speed(int descriptor, unsigned speed);

#endif /* TORC_TRANSPORT_SERIAL_SPEED_H */

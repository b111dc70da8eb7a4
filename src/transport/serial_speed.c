/*
 * The speed of a serial line. Linux takes any number; elsewhere the C library's constants are the
 * speeds themselves.
 */
#include "transport/serial_speed.h"

#include "base/system_call.h"

#include <errno.h>

#if defined(__linux__)

# include <asm/termbits.h>
# include <sys/ioctl.h>

# if !defined(TCGETS2)
#  include <asm/ioctls.h>
# endif

int torc__serial_set_speed(int descriptor, unsigned speed)
{
    struct termios2 line;

    if (TORC__CALL(ioctl, descriptor, TCGETS2, &line) < 0)
        return -errno;
    line.c_cflag &= ~(tcflag_t)(CBAUD | CBAUD << IBSHIFT);
    line.c_cflag |= BOTHER;
    line.c_ispeed = speed;
    line.c_ospeed = speed;
    return TORC__CALL(ioctl, descriptor, TCSETS2, &line) < 0 ? -errno : 0;
}

#else

# include <termios.h>

int torc__serial_set_speed(int descriptor, unsigned speed)
{
    struct termios line;

    if (TORC__CALL(tcgetattr, descriptor, &line) < 0)
        return -errno;
    if (cfsetispeed(&line, speed) < 0 || cfsetospeed(&line, speed) < 0)
        return -EINVAL;
    return TORC__CALL(tcsetattr, descriptor, TCSANOW, &line) < 0 ? -errno : 0;
}

#endif

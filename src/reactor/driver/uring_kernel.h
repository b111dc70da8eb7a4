/*
 * uring_kernel: whether this build can have the io_uring driver, and the kernel's own header of it.
 *
 * The header must be that of Linux 6.1 or later; the kernel that the program runs on is another
 * matter, and asked at start: uring_probe.h.
 */
#ifndef TORC_REACTOR_DRIVER_URING_KERNEL_H
#define TORC_REACTOR_DRIVER_URING_KERNEL_H

#if defined(__linux__) && defined(__has_include)
# if __has_include(<linux/io_uring.h>)
#  include <linux/io_uring.h>
# endif
#endif

#if defined(IORING_SETUP_DEFER_TASKRUN) && defined(IORING_RECV_MULTISHOT)
# define TORC__HAS_URING 1
#endif

#endif /* TORC_REACTOR_DRIVER_URING_KERNEL_H */

/*
 * Descriptors travel as SCM_RIGHTS. What the kernel has no room for in the control buffer it closes
 * itself, so that no peer can fill up our table of open files beyond what one message may bring.
 */
#include "reactor/driver/socket_passing.h"

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(MSG_NOSIGNAL)
# define SEND_FLAGS MSG_NOSIGNAL
#else
# define SEND_FLAGS 0
#endif

#if defined(MSG_CMSG_CLOEXEC)
# define RECEIVE_FLAGS MSG_CMSG_CLOEXEC
#else
# define RECEIVE_FLAGS 0
#endif

typedef union rights {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(TORC_DESCRIPTORS_MAX * sizeof(int))];
} rights;

int torc__socket_passes_descriptors(int descriptor)
{
    struct sockaddr_storage local;
    socklen_t length = sizeof local;

    local.ss_family = AF_UNSPEC;
    if (TORC__CALL(getsockname, descriptor, (struct sockaddr *)&local, &length) < 0)
        return -errno;
    return local.ss_family == AF_UNIX ? 0 : -ENOTSUP;
}

ssize_t torc__socket_send_descriptors(int descriptor, const struct iovec *pieces, int count,
    const int *passed, size_t passed_count)
{
    struct msghdr message;
    struct cmsghdr *control;
    ssize_t sent;
    rights room;

    memset(&message, 0, sizeof message);
    memset(&room, 0, sizeof room);
    message.msg_iov = (struct iovec *)(uintptr_t)pieces;
    message.msg_iovlen = (size_t)count;
    message.msg_control = &room;
    message.msg_controllen = CMSG_SPACE(passed_count * sizeof *passed);
    control = &room.aligned;
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(passed_count * sizeof *passed);
    memcpy(CMSG_DATA(control), passed, passed_count * sizeof *passed);
    sent = TORC__CALL(sendmsg, descriptor, &message, SEND_FLAGS);
    return sent >= 0 ? sent : -errno;
}

/* There may be several control messages, and others than of descriptors. */
static size_t take_descriptors(struct msghdr *message, int *ret_passed)
{
    size_t taken = 0;

    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
            control = CMSG_NXTHDR(message, control)) {
        size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof *ret_passed;

        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(ret_passed + taken, CMSG_DATA(control), count * sizeof *ret_passed);
        taken += count;
    }
    return taken;
}

ssize_t torc__socket_receive_descriptors(int descriptor, void *buffer, size_t size,
    int ret_passed[TORC_DESCRIPTORS_MAX], size_t *ret_count)
{
    struct iovec piece = { .iov_base = buffer, .iov_len = size };
    struct msghdr message;
    ssize_t got;
    rights room;

    memset(&message, 0, sizeof message);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &room;
    message.msg_controllen = sizeof room.bytes;
    *ret_count = 0;
    got = TORC__CALL(recvmsg, descriptor, &message, RECEIVE_FLAGS);
    if (got < 0)
        return -errno;
    *ret_count = take_descriptors(&message, ret_passed);
#if !defined(MSG_CMSG_CLOEXEC)
    for (size_t i = 0; i < *ret_count; i++)
        (void)fcntl(ret_passed[i], F_SETFD, FD_CLOEXEC);
#endif
    return got;
}

int torc__socket_credentials(int descriptor, torc_io_credentials *ret_credentials)
{
    int error = torc__socket_passes_descriptors(descriptor);
#if defined(SO_PEERCRED)
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (error != 0)
        return error;
    if (TORC__CALL(getsockopt, descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    ret_credentials->process = peer.pid > 0 ? peer.pid : -1;
    ret_credentials->user = peer.uid;
    ret_credentials->group = peer.gid;
#else
    uid_t user;
    gid_t group;

    if (error != 0)
        return error;
    if (TORC__CALL(getpeereid, descriptor, &user, &group) < 0)
        return -errno;
    ret_credentials->process = -1;
    ret_credentials->user = user;
    ret_credentials->group = group;
#endif
    return 0;
}

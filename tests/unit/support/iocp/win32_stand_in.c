/*
 * A completion port on poll(): operations wait in a list, and are tried when the port is asked.
 */
#include "support/iocp/win32_stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPERATIONS_MAX = 64, PIECES_MAX = 16, SOCKETS_MAX = 1024 };

typedef enum operation_kind { ACCEPTING, RECEIVING, SENDING } operation_kind;

typedef struct operation {
    operation_kind kind;
    SOCKET socket;
    SOCKET accepted;
    OVERLAPPED *overlapped;
    struct iovec pieces[PIECES_MAX];
    size_t piece_count;
    ULONG_PTR key;
    bool cancelled;
} operation;

static struct {
    int posted;
    operation operations[OPERATIONS_MAX];
    size_t count;
    ULONG_PTR keys[SOCKETS_MAX];
} port;

HANDLE CreateIoCompletionPort(HANDLE file, HANDLE existing, ULONG_PTR key, DWORD threads)
{
    (void)threads;
    if (existing != NULL) {
        port.keys[(intptr_t)file] = key;
        return existing;
    }
    memset(&port, 0, sizeof port);
    port.posted = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return port.posted >= 0 ? &port : NULL;
}

BOOL CloseHandle(HANDLE closed)
{
    (void)closed;
    return close(port.posted) == 0;
}

BOOL PostQueuedCompletionStatus(HANDLE to, DWORD bytes, ULONG_PTR key, OVERLAPPED *overlapped)
{
    uint64_t one = 1;

    (void)to;
    (void)bytes;
    (void)key;
    (void)overlapped;
    return write(port.posted, &one, sizeof one) == sizeof one;
}

/* -- beginning ----------------------------------------------------------------------------- */

static operation *begin(operation_kind kind, SOCKET socket, OVERLAPPED *overlapped)
{
    operation *begun;

    if (port.count == OPERATIONS_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    begun = &port.operations[port.count++];
    memset(begun, 0, sizeof *begun);
    begun->kind = kind;
    begun->socket = socket;
    begun->overlapped = overlapped;
    begun->key = port.keys[socket];
    return begun;
}

BOOL AcceptEx(SOCKET listener, SOCKET accepted, void *buffer, DWORD received, DWORD local,
    DWORD remote, DWORD *bytes, OVERLAPPED *overlapped)
{
    operation *begun = begin(ACCEPTING, listener, overlapped);

    (void)buffer;
    (void)received;
    (void)local;
    (void)remote;
    (void)bytes;
    if (begun == NULL)
        return 0;
    begun->accepted = accepted;
    return 1;
}

static int begin_transfer(
    operation_kind kind, SOCKET socket, WSABUF *pieces, DWORD count, OVERLAPPED *overlapped)
{
    operation *begun = count <= PIECES_MAX ? begin(kind, socket, overlapped) : NULL;

    if (begun == NULL)
        return -1;
    begun->piece_count = count;
    for (DWORD i = 0; i < count; i++) {
        begun->pieces[i].iov_base = pieces[i].buf;
        begun->pieces[i].iov_len = pieces[i].len;
    }
    return 0;
}

int WSARecv(SOCKET socket, WSABUF *pieces, DWORD count, DWORD *received, DWORD *flags,
    OVERLAPPED *overlapped, void *routine)
{
    (void)received;
    (void)flags;
    (void)routine;
    return begin_transfer(RECEIVING, socket, pieces, count, overlapped);
}

int WSASend(SOCKET socket, WSABUF *pieces, DWORD count, DWORD *sent, DWORD flags,
    OVERLAPPED *overlapped, void *routine)
{
    (void)sent;
    (void)flags;
    (void)routine;
    return begin_transfer(SENDING, socket, pieces, count, overlapped);
}

BOOL CancelIoEx(HANDLE file, OVERLAPPED *overlapped)
{
    for (size_t i = 0; i < port.count; i++)
        if (handle_of(port.operations[i].socket) == file
            && (overlapped == NULL || port.operations[i].overlapped == overlapped))
            port.operations[i].cancelled = true;
    return 1;
}

/* -- completing ---------------------------------------------------------------------------- */

static ssize_t accept_into(const operation *tried)
{
    int descriptor = accept4(tried->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (descriptor < 0)
        return -1;
    dup3(descriptor, tried->accepted, O_CLOEXEC);
    close(descriptor);
    return 0;
}

static ssize_t try(operation *tried)
{
    struct msghdr message = { .msg_iov = tried->pieces, .msg_iovlen = tried->piece_count };

    if (tried->cancelled) {
        errno = ECANCELED;
        return -1;
    }
    if (tried->kind == ACCEPTING)
        return accept_into(tried);
    if (tried->kind == RECEIVING)
        return recvmsg(tried->socket, &message, MSG_DONTWAIT);
    return sendmsg(tried->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Whether the operation at `index` is over; then its completion is written and it is dropped. */
static bool complete(size_t index, OVERLAPPED_ENTRY *entry)
{
    operation *tried = &port.operations[index];
    ssize_t done = try(tried);

    if (done < 0 && errno == EAGAIN)
        return false;
    tried->overlapped->Internal = done < 0 ? (ULONG_PTR)errno : 0;
    tried->overlapped->InternalHigh = done < 0 ? 0 : (ULONG_PTR)done;
    entry->lpCompletionKey = tried->key;
    entry->lpOverlapped = tried->overlapped;
    entry->Internal = tried->overlapped->Internal;
    entry->dwNumberOfBytesTransferred = (DWORD)tried->overlapped->InternalHigh;
    *tried = port.operations[--port.count];
    return true;
}

static DWORD collect(OVERLAPPED_ENTRY *entries, DWORD count)
{
    uint64_t posts;
    DWORD found = 0;

    if (count > 0 && read(port.posted, &posts, sizeof posts) == sizeof posts)
        memset(&entries[found++], 0, sizeof entries[0]);
    for (size_t i = port.count; i-- > 0 && found < count;)
        found += complete(i, &entries[found]);
    return found;
}

static void wait_for_any(int milliseconds)
{
    struct pollfd polled[OPERATIONS_MAX + 1] = { { .fd = port.posted, .events = POLLIN } };

    for (size_t i = 0; i < port.count; i++) {
        polled[i + 1].fd = port.operations[i].socket;
        polled[i + 1].events = port.operations[i].kind == SENDING ? POLLOUT : POLLIN;
    }
    poll(polled, port.count + 1, milliseconds);
}

BOOL GetQueuedCompletionStatusEx(HANDLE from, OVERLAPPED_ENTRY *entries, DWORD count,
    DWORD *removed, DWORD milliseconds, BOOL alertable)
{
    (void)from;
    (void)alertable;
    *removed = collect(entries, count);
    if (*removed == 0 && milliseconds > 0) {
        wait_for_any(milliseconds == INFINITE ? -1 : (int)milliseconds);
        *removed = collect(entries, count);
    }
    return *removed > 0;
}

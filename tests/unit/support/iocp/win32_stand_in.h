/*
 * win32_stand_in: the few calls of Windows that a driver on a completion port is made of, as their
 * manual has them, for a sketch of such a driver that runs where there is no Windows. What they do
 * is in win32_stand_in.c: one port at a time, and statuses are errno values.
 *
 * From the call until its completion is taken from the port, an operation's OVERLAPPED and its
 * bytes are the system's: the stand-in touches them then, and only then.
 */
#ifndef TORC_TESTS_SUPPORT_IOCP_WIN32_STAND_IN_H
#define TORC_TESTS_SUPPORT_IOCP_WIN32_STAND_IN_H

#include <stdint.h>

typedef void *HANDLE;
typedef int SOCKET;
typedef int BOOL;
typedef uint32_t DWORD;
typedef uintptr_t ULONG_PTR;

#define INVALID_HANDLE_VALUE ((HANDLE)(intptr_t)-1)
#define INVALID_SOCKET (-1)
#define INFINITE 0xFFFFFFFFu

typedef struct OVERLAPPED {
    ULONG_PTR Internal; /* the status */
    ULONG_PTR InternalHigh;
} OVERLAPPED;

typedef struct OVERLAPPED_ENTRY {
    ULONG_PTR lpCompletionKey;
    OVERLAPPED *lpOverlapped; /* NULL: posted by PostQueuedCompletionStatus */
    ULONG_PTR Internal;
    DWORD dwNumberOfBytesTransferred;
} OVERLAPPED_ENTRY;

typedef struct WSABUF {
    DWORD len;
    char *buf;
} WSABUF;

/* A new port; or, with one, has what completes on `file` come to it with `key`. NULL: refused. */
HANDLE CreateIoCompletionPort(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads);
BOOL CloseHandle(HANDLE port);
BOOL GetQueuedCompletionStatusEx(HANDLE port, OVERLAPPED_ENTRY *entries, DWORD count,
    DWORD *removed, DWORD milliseconds, BOOL alertable);
BOOL PostQueuedCompletionStatus(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED *overlapped);

/* These begin: a completion comes, whatever they return here. */
BOOL AcceptEx(SOCKET listener, SOCKET accepted, void *buffer, DWORD received, DWORD local,
    DWORD remote, DWORD *bytes, OVERLAPPED *overlapped);
int WSARecv(SOCKET socket, WSABUF *pieces, DWORD count, DWORD *received, DWORD *flags,
    OVERLAPPED *overlapped, void *routine);
int WSASend(SOCKET socket, WSABUF *pieces, DWORD count, DWORD *sent, DWORD flags,
    OVERLAPPED *overlapped, void *routine);

/* What is under way on `file` completes with ECANCELED; NULL: all of it. */
BOOL CancelIoEx(HANDLE file, OVERLAPPED *overlapped);

static inline HANDLE handle_of(SOCKET socket)
{
    return (HANDLE)(intptr_t)socket;
}

#endif /* TORC_TESTS_SUPPORT_IOCP_WIN32_STAND_IN_H */

/*
 * What an errno means to the person who wrote the endpoint: a failure of the right type whose
 * message names the endpoint and, where there is one, the remedy.
 */
#include "endpoint/endpoint.h"

#include <errno.h>

typedef struct remedy {
    int error;
    const char *text;
} remedy;

static const remedy listen_remedies[] = {
    { EADDRINUSE, "it is in use: another program listens there; choose another port or stop it" },
    { EACCES, "a port below 1024 is for root or CAP_NET_BIND_SERVICE; choose a higher one" },
    { EADDRNOTAVAIL, "no interface of this machine has the address; choose one that "
        "'ip address' shows" },
    { EAFNOSUPPORT, "this machine has no such protocol; choose an address of another family" },
    { 0, NULL },
};

static const remedy unix_remedies[] = {
    { EADDRINUSE, "it is in use: another program listens there, or the path is of something else "
        "than a socket; choose another path" },
    { EACCES, "its directory may not be written to; choose another path" },
    { ENOENT, "its directory is not there; make it, or choose another path" },
    { ENOTDIR, "a part of the path is no directory; choose another path" },
    { EROFS, "the file system is read-only; choose another path" },
    { 0, NULL },
};

static const remedy descriptor_remedies[] = {
    { EBADF, "no such file is open; have it opened by what starts the program" },
    { ENOTSOCK, "it is not a socket; have a listening one opened by what starts the program" },
    { EINVAL, "it is not listening; have a listening one opened by what starts the program" },
    { 0, NULL },
};

static const remedy memory_remedies[] = {
    { EADDRINUSE, "the name is listened on in this reactor; choose another name" },
    { 0, NULL },
};

static const remedy stdio_remedies[] = {
    { EADDRINUSE, "another listener or connection of this process has them; use them once" },
    { EBADF, "they are closed; have what starts the program leave 0 and 1 open" },
    { ENOTSUP, "this reactor's driver knows sockets alone; choose another reactor" },
    { 0, NULL },
};

static const remedy common_remedies[] = {
    { EMFILE, "raise the limit of open files (ulimit -n)" },
    { ENFILE, "raise the system's limit of open files (sysctl fs.file-max)" },
    { 0, NULL },
};

static const char *find_remedy(const remedy *remedies, int error)
{
    while (remedies->error != 0 && remedies->error != error)
        remedies++;
    return remedies->text;
}

static const char *listen_remedy(const torc__endpoint *endpoint, int error)
{
    const remedy *remedies = listen_remedies;
    const char *text;

    if (endpoint->carrier == &torc__memory_names)
        remedies = memory_remedies;
    else if (endpoint->carrier == &torc__standard_io)
        remedies = stdio_remedies;
    else if (endpoint->descriptor >= 0)
        remedies = descriptor_remedies;
    else if (endpoint->address.kind == TORC_ADDRESS_UNIX)
        remedies = unix_remedies;
    text = find_remedy(remedies, error);
    return text != NULL ? text : find_remedy(common_remedies, error);
}

torc_failure *torc__listen_failure(const torc__endpoint *endpoint, int error)
{
    const char *text = listen_remedy(endpoint, error);

    if (text == NULL)
        return torc_failure_make(
            TORC_HERE, &torc_error_listen, error, "cannot listen on %s", endpoint->text);
    return torc_failure_make(
        TORC_HERE, &torc_error_listen, error, "cannot listen on %s (%s)", endpoint->text, text);
}

static bool is_of_local_address(const torc__endpoint *endpoint, int error)
{
    return endpoint->local.kind != TORC_ADDRESS_NONE &&
        (error == EADDRNOTAVAIL || error == EADDRINUSE || error == EACCES || error == EINVAL ||
            error == EAFNOSUPPORT);
}

static const torc_failure_type *connect_type(const torc__endpoint *endpoint, int error)
{
    if (is_of_local_address(endpoint, error))
        return &torc_error_bind;
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a UNIX path: nobody listens there either */
        return &torc_error_refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
        return &torc_error_no_route;
    case ETIMEDOUT:
        return &torc_error_connect_timed_out;
    default:
        return &torc_error_connect;
    }
}

torc_failure *torc__connect_failure(
    const torc__endpoint *endpoint, const torc_address *address, int error)
{
    const torc_failure_type *type = connect_type(endpoint, error);
    char text[TORC_ADDRESS_TEXT_MAX];

    if (type == &torc_error_bind)
        return torc_failure_make(TORC_HERE, type, error, "cannot connect to %s from %s",
            endpoint->text, torc_address_host(&endpoint->local, text));
    if (address != NULL && endpoint->host[0] != '\0')
        return torc_failure_make(TORC_HERE, type, error, "cannot connect to %s at %s",
            endpoint->text, torc_address_text(address, text));
    return torc_failure_make(
        TORC_HERE, type, error, "cannot connect to %s", endpoint->text);
}

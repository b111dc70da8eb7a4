/*
 * tls_load: a client for servers that speak https, by OpenSSL and blocking, one connection after
 * another. It prints "messages N" and "seconds S", as the other loads do.
 *
 *     tls_load full|resumed PORT PATH COUNT   COUNT connections, each with a handshake and one GET
 *     tls_load bulk PORT PATH COUNT           as full; messages are MiB that came
 *     tls_load idle PORT PATH COUNT           one connection, a line of input, then COUNT more;
 *                                             each stays open after one GET. Says "open" both times
 *
 * The server's certificate is not checked: what is measured is the server.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *context;
static SSL_SESSION *session; /* to go on with; NULL: none */
static bool resumes;
static unsigned short port;
static const char *path;
static char bytes[1 << 16];

static void die(const char *what)
{
    fprintf(stderr, "tls_load: %s\n", what);
    exit(1);
}

static int keep(SSL *ssl, SSL_SESSION *offered)
{
    (void)ssl;
    if (!resumes)
        return 0;
    SSL_SESSION_free(session); /* one of TLS 1.3 is used once: the newest counts */
    session = offered;
    return 1;
}

static SSL *open_connection(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(context);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || ssl == NULL
        || connect(descriptor, (struct sockaddr *)(void *)&to, sizeof to) != 0)
        die("cannot connect");
    SSL_set_fd(ssl, descriptor);
    if (session != NULL)
        SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1)
        die("the handshake failed");
    if (session != NULL && SSL_session_reused(ssl) != 1)
        die("the session was not resumed");
    return ssl;
}

static void ask(SSL *ssl, bool closes)
{
    char request[300];
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, closes ? "Connection: close\r\n" : "");

    if (SSL_write(ssl, request, length) != length)
        die("cannot ask");
}

static void close_connection(SSL *ssl)
{
    int descriptor = SSL_get_fd(ssl);

    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(descriptor);
}

/* One connection with one GET; the bytes that came. */
static size_t fetch(void)
{
    SSL *ssl = open_connection();
    size_t total = 0;
    int length;

    ask(ssl, true);
    while ((length = SSL_read(ssl, bytes, sizeof bytes)) > 0) {
        if (total == 0 && memcmp(bytes, "HTTP/1.1 200", 12) != 0)
            die("the answer is not 200");
        total += (size_t)length;
    }
    close_connection(ssl);
    if (total == 0)
        die("there was no answer");
    return total;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fetch_all(const char *mode, unsigned long count)
{
    size_t total = 0;
    double began;

    resumes = strcmp(mode, "resumed") == 0;
    fetch(); /* the first pays for what is made once, and brings the session */
    if (resumes && session == NULL)
        die("the server gave no session");
    began = now();
    for (unsigned long i = 0; i < count; i++)
        total += fetch();
    printf("messages %lu\n", strcmp(mode, "bulk") == 0 ? (unsigned long)(total >> 20) : count);
    printf("seconds %f\n", now() - began);
}

static void stay_open(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        SSL *ssl = open_connection();

        ask(ssl, false);
        if (SSL_read(ssl, bytes, sizeof bytes) <= 0)
            die("there was no answer");
    }
    printf("open\n");
    fflush(stdout);
    (void)!fgets(bytes, sizeof bytes, stdin);
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

    if (count == 0) {
        fprintf(stderr, "usage: tls_load full|resumed|bulk|idle PORT PATH COUNT\n");
        return 64;
    }
    port = (unsigned short)strtoul(argv[2], NULL, 10);
    path = argv[3];
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        die("there is no TLS");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep);
    if (strcmp(argv[1], "idle") != 0) {
        fetch_all(argv[1], count);
        return 0;
    }
    stay_open(1);
    stay_open(count);
    return 0;
}

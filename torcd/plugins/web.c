/*
 * torcd web: a directory over HTTP. Puts together what <torc/web.h> offers: the files, the access
 * log, a site, a port for each endpoint; and stops them in order.
 */
#include "torcd/plugin.h"

#include <torc/web.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct web_settings {
    const char *path;
    const char *port_text;
    torcd_texts listen;
    bool self_signed;
    const char *certificate;
    const char *key;
    const char *index;
    bool no_listing;
    const char *access_log;
    int64_t line_max;
    int64_t head_max;
    int64_t fields_max;
    int64_t body_max;
    int64_t connections_max;
    int64_t head_timeout;
    int64_t body_timeout;
    int64_t idle_timeout;
    int64_t send_timeout;
    int64_t cache;
} web_settings;

#define SETTING(name) offsetof(web_settings, name)

static const torcd_option options[] = {
    { "path", "DIR", TORCD_TEXT, SETTING(path), 0, 0, "the directory to serve (needed)" },
    { "port", "N", TORCD_TEXT, SETTING(port_text), 0, 0,
        "listen on TCP port N of all IPv4 addresses; 0: any free one; 8080 by default" },
    { "listen", "ENDPOINT", TORCD_TEXTS, SETTING(listen), 0, 0,
        "listen there instead, as in tcp:80, tcp6:80, unix:/run/web, tls:443:certificate=site.pem; "
        "may be repeated" },
    { "certificate", "FILE", TORCD_TEXT, SETTING(certificate), 0, 0,
        "speak https on the --port, with the certificate, its chain and its key in FILE (PEM)" },
    { "key", "FILE", TORCD_TEXT, SETTING(key), 0, 0, "the key of --certificate, if it is apart" },
    { "self-signed", NULL, TORCD_FLAG, SETTING(self_signed), 0, 0,
        "speak https on the --port, with a certificate made on the spot; for development" },
    { "index", "NAME", TORCD_TEXT, SETTING(index), 0, 0,
        "the file that stands for its directory; index.html by default" },
    { "no-listing", NULL, TORCD_FLAG, SETTING(no_listing), 0, 0,
        "do not list directories that have no index" },
    { "access-log", "FILE", TORCD_TEXT, SETTING(access_log), 0, 0,
        "append a line for each request to FILE; the standard output by default" },
    { "max-line", "SIZE", TORCD_SIZE, SETTING(line_max), 16, 1 << 20,
        "request line; 8K by default" },
    { "max-head", "SIZE", TORCD_SIZE, SETTING(head_max), 64, 1 << 24,
        "head of a request; 32K by default" },
    { "max-fields", "N", TORCD_NUMBER, SETTING(fields_max), 1, 65534,
        "fields of a head; 100 by default" },
    { "max-body", "SIZE", TORCD_SIZE, SETTING(body_max), 1, 0,
        "body of a request, which is read and dropped; 1M by default" },
    { "max-connections", "N", TORCD_NUMBER, SETTING(connections_max), 1, 0,
        "connections at once; no limit by default" },
    { "head-timeout", "SECONDS", TORCD_SECONDS, SETTING(head_timeout), TORC_MILLISECOND, 0,
        "for a whole head; 15 by default" },
    { "body-timeout", "SECONDS", TORCD_SECONDS, SETTING(body_timeout), TORC_MILLISECOND, 0,
        "between two pieces of a body; 30 by default" },
    { "idle-timeout", "SECONDS", TORCD_SECONDS, SETTING(idle_timeout), TORC_MILLISECOND, 0,
        "between two requests; 60 by default" },
    { "send-timeout", "SECONDS", TORCD_SECONDS, SETTING(send_timeout), TORC_MILLISECOND, 0,
        "for a client that takes nothing of what is sent; 60 by default" },
    { "cache", "SIZE", TORCD_SIZE, SETTING(cache), 1, 0, "memory for small files; 16M by default" },
    { NULL, NULL, TORCD_FLAG, 0, 0, 0, NULL },
};

/* A running server. It lives as long as the process: the reactor's scope owns what is under way. */
typedef struct web {
    torcd_daemon *torcd;
    const web_settings *settings;
    torc_factory *site; /* held, for stopping */
    torc_web_log *log;
    torc_port *ports[TORCD_TEXTS_MAX];
    size_t port_count;
    size_t ports_open; /* still to be stopped */
    torc_deferred *stopped;
} web;

static bool check_tls(const web_settings *settings, char error[TORCD_ERROR_MAX])
{
    const char *problem = NULL;

    if (settings->key != NULL && settings->certificate == NULL)
        problem = "--key goes with --certificate: give both, or a --certificate with its key";
    else if (settings->self_signed && settings->certificate != NULL)
        problem = "--self-signed and --certificate exclude each other";
    else if (!settings->self_signed && settings->certificate == NULL)
        return true;
    else if (settings->listen.count != 0)
        problem = "--certificate and --self-signed are for --port; write --listen "
                  "tls:443:certificate=site.pem or tls:8443:selfSigned=localhost";
    else if (!torcd_has_tls())
        problem = "this torcd was built without OpenSSL: it speaks no https";
    if (problem != NULL)
        snprintf(error, TORCD_ERROR_MAX, "%s", problem);
    return problem == NULL;
}

static bool check(const void *values, char error[TORCD_ERROR_MAX])
{
    const web_settings *settings = values;
    uint64_t port;

    if (settings->path == NULL) {
        snprintf(error, TORCD_ERROR_MAX,
            "--path is missing: name the directory to serve, as in --path /srv/www");
        return false;
    }
    if (settings->port_text != NULL && settings->listen.count != 0) {
        snprintf(error, TORCD_ERROR_MAX,
            "--port and --listen exclude each other: write --listen tcp:%.20s instead of --port",
            settings->port_text);
        return false;
    }
    if (settings->port_text != NULL &&
        !torc_slice_to_number(torc_slice_of(settings->port_text), 65535, &port)) {
        snprintf(error, TORCD_ERROR_MAX,
            "--port: '%.80s' is not a port; give a number between 0 and 65535",
            settings->port_text);
        return false;
    }
    return check_tls(settings, error);
}

/* -- starting ------------------------------------------------------------------------------ */

/* What a browser on this machine would be told. */
static void describe_port(const torc_port *port, bool secure, char *text, size_t size)
{
    const char *scheme = secure ? "https" : "http";
    torc_address address = torc_port_address(port);
    char plain[TORC_ADDRESS_TEXT_MAX];
    bool any = true;

    for (size_t i = 0; i < sizeof(address.ip); i++)
        any = any && address.ip[i] == 0;
    if (address.kind == TORC_ADDRESS_UNIX)
        snprintf(text, size, "unix:%s", address.path);
    else if (any && address.kind == TORC_ADDRESS_IPV4)
        snprintf(text, size, "%s://127.0.0.1:%u/", scheme, address.port);
    else if (any && address.kind == TORC_ADDRESS_IPV6)
        snprintf(text, size, "%s://[::1]:%u/", scheme, address.port);
    else
        snprintf(text, size, "%s://%s/", scheme, torc_address_text(&address, plain));
}

static bool is_secure(const web *self, const torc_port *port)
{
    const web_settings *settings = self->settings;

    for (size_t i = 0; i < settings->listen.count && i < self->port_count; i++)
        if (self->ports[i] == port)
            return torc_slice_starts_with(
                torc_slice_of(settings->listen.items[i]), TORC_SLICE("tls:"));
    return settings->self_signed || settings->certificate != NULL;
}

static torc_result port_is_open(void *argument, torc_result result)
{
    const web *self = argument;
    const torc_port *port = torc_result_pointer(result);
    char where[TORC_ADDRESS_TEXT_MAX + 16];

    describe_port(port, is_secure(self, port), where, sizeof(where));
    torc_log_info("serving %s on %s", self->settings->path, where);
    return torc_nothing();
}

static torc_result port_failed(void *argument, torc_result failed)
{
    const web *self = argument;
    torc_failure *failure = torc_result_failure(failed);

    torc_log_error("%s", torc_failure_text(failure));
    torc_stop_with(torcd_reactor(self->torcd), torcd_exit_status(failure));
    return torc_nothing();
}

static void listen_on(web *self, const char *endpoint)
{
    torc_scope *root = torc_root(torcd_reactor(self->torcd));
    torc_port *port = torc_listen(root, endpoint, torc_factory_hold(self->site));
    torc_deferred *opened = torc_port_opened(port);

    self->ports[self->port_count++] = port;
    torc_add_callbacks(opened, port_is_open, port_failed, self);
}

/* A path may hold what separates arguments. */
static void escape(const char *path, char *to, size_t size)
{
    size_t length = 0;

    for (; *path != '\0' && length + 2 < size; path++) {
        if (strchr(":\\", *path) != NULL)
            to[length++] = '\\';
        to[length++] = *path;
    }
    to[length] = '\0';
}

static void write_tls_endpoint(
    const web_settings *settings, const char *port, char *text, size_t size)
{
    char certificate[PATH_MAX];
    char key[PATH_MAX];

    escape(settings->certificate, certificate, sizeof(certificate));
    escape(settings->key != NULL ? settings->key : "", key, sizeof(key));
    snprintf(text, size, "tls:%s:certificate=%s%s%s", port, certificate,
        settings->key != NULL ? ":key=" : "", key);
}

static void listen_on_all(web *self)
{
    const web_settings *settings = self->settings;
    const char *port = settings->port_text != NULL ? settings->port_text : "8080";
    char endpoint[4 * PATH_MAX];

    for (size_t i = 0; i < settings->listen.count; i++)
        listen_on(self, settings->listen.items[i]);
    if (settings->listen.count != 0)
        return;
    if (settings->self_signed)
        snprintf(endpoint, sizeof(endpoint), "tls:%s:selfSigned=localhost", port);
    else if (settings->certificate != NULL)
        write_tls_endpoint(settings, port, endpoint, sizeof(endpoint));
    else
        snprintf(endpoint, sizeof(endpoint), "tcp:%s", port);
    listen_on(self, endpoint);
}

static torc_factory *make_site(const web *self, torc_web_files *files)
{
    const web_settings *settings = self->settings;

    return torc_web_site_new(&(torc_web_site_options){
        .handle = torc_web_files_handle,
        .context = files,
        .release = torc_web_files_free,
        .limits = {
            .line_max = (size_t)settings->line_max,
            .head_max = (size_t)settings->head_max,
            .fields_max = (size_t)settings->fields_max,
            .body_max = (size_t)settings->body_max,
        },
        .timeouts = {
            .head = settings->head_timeout,
            .body = settings->body_timeout,
            .idle = settings->idle_timeout,
            .send = settings->send_timeout,
        },
        .drops_bodies = true,
        .log = self->log,
        .connections_max = (size_t)settings->connections_max,
    });
}

/* -- stopping and reopening ---------------------------------------------------------------- */

static torc_result site_is_stopped(void *argument, torc_result result)
{
    web *self = argument;

    (void)result;
    torc_fire(self->stopped, torc_nothing());
    return torc_nothing();
}

static torc_result port_is_stopped(void *argument, torc_result result)
{
    web *self = argument;
    torc_scope *root = torc_root(torcd_reactor(self->torcd));

    (void)result;
    if (--self->ports_open == 0)
        torc_add_both(torc_web_site_stop(self->site, root, torcd_grace(self->torcd)),
            site_is_stopped, self);
    return torc_nothing();
}

/* First the ports, so that no connection comes while those that are there are waited for. */
static torc_deferred *stop(void *argument)
{
    web *self = argument;

    self->stopped = torc_deferred_new(torc_root(torcd_reactor(self->torcd)), NULL, NULL);
    self->ports_open = self->port_count;
    for (size_t i = 0; i < self->port_count; i++)
        torc_add_both(torc_port_stop(self->ports[i]), port_is_stopped, self);
    return self->stopped;
}

static void reopen(void *argument)
{
    const web *self = argument;
    torc_failure *failure = self->log != NULL ? torc_web_log_reopen(self->log) : NULL;

    if (failure != NULL)
        torc_log_error("%s", torc_failure_text(failure));
    torc_failure_release(failure);
}

static void release_web(void *argument)
{
    web *self = argument;

    torc_factory_release(self->site);
    free(self);
}

static torc_failure *start(torcd_daemon *torcd, const void *values)
{
    torc_scope *root = torc_root(torcd_reactor(torcd));
    web *self = calloc(1, sizeof(*self));
    torc_failure *failure = NULL;
    torc_web_files *files;

    if (self == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "no memory to start");
    self->torcd = torcd;
    self->settings = values;
    files = torc_web_files_new(&(torc_web_files_options){
        .path = self->settings->path,
        .index = self->settings->index,
        .no_listing = self->settings->no_listing,
        .cache_max = (size_t)self->settings->cache,
    }, &failure);
    if (files == NULL)
        goto failed;
    if (torcd_wants_access_log(torcd)) {
        self->log = torc_web_log_open(root, self->settings->access_log, &failure);
        if (self->log == NULL)
            goto failed_after_files;
    }
    self->site = make_site(self, files);
    if (!torc_scope_on_end(root, release_web, self)) {
        release_web(self);
        return torc_failure_new(&torc_error_out_of_memory, "no memory to start");
    }
    torc_on_shutdown(root, TORC_BEFORE_SHUTDOWN, stop, self);
    torcd_on_reopen(torcd, reopen, self);
    listen_on_all(self);
    return NULL;

failed_after_files:
    torc_web_files_free(files);
failed:
    free(self);
    return failure;
}

extern const torcd_plugin torcd_plugin_web;

const torcd_plugin torcd_plugin_web = {
    .name = "web",
    .summary = "serve a directory over HTTP",
    .description =
        "Serves the files of a directory over HTTP/1.1: ranges, conditional requests, listings,\n"
        "name.gz and name.br beside name to clients that take them. Nothing outside of the\n"
        "directory is served.",
    .options = options,
    .settings_size = sizeof(web_settings),
    .check = check,
    .start = start,
};

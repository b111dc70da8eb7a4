/*
 * A site: the context of its factory. It keeps what its connections share (options, the date, one
 * parser, spare requests) and knows them all, so that it can be stopped in order.
 */
#include "web/http_server.h"

#include "base/memory.h"

#include <torc/reactor.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- options ------------------------------------------------------------------------------- */

static void fill_in(size_t *value, size_t standard)
{
    if (*value == 0)
        *value = standard;
}

static void fill_in_time(torc_time *value, torc_time standard)
{
    if (*value == 0)
        *value = standard;
}

static void fill_in_options(torc_web_site_options *options)
{
    fill_in(&options->limits.line_max, TORC__HTTP_MAX_REQUEST_LINE);
    fill_in(&options->limits.head_max, TORC__HTTP_MAX_HEAD);
    fill_in(&options->limits.fields_max, TORC__HTTP_MAX_FIELDS);
    if (options->limits.fields_max > 65534)
        options->limits.fields_max = 65534;
    fill_in(&options->limits.body_max, 1024 * 1024);
    fill_in_time(&options->timeouts.head, 15 * TORC_SECOND);
    fill_in_time(&options->timeouts.body, 30 * TORC_SECOND);
    fill_in_time(&options->timeouts.idle, 60 * TORC_SECOND);
    fill_in_time(&options->timeouts.send, 60 * TORC_SECOND);
}

/* The name is cut where it would not fit into a head besides what must be there. */
#define SERVER_NAME_MAX 128

static bool make_server_field(torc__web_site *site)
{
    const char *name = site->options.server_name != NULL ? site->options.server_name : "Torc";
    size_t size = SERVER_NAME_MAX + sizeof("Server: \r\n");

    site->server_field = torc__allocate(size);
    if (site->server_field == NULL)
        return false;
    site->server_field[0] = '\0';
    if (*name != '\0')
        site->server_field_length = (size_t)snprintf(
            site->server_field, size, "Server: %.*s\r\n", SERVER_NAME_MAX, name);
    return true;
}

static void free_site(void *context)
{
    torc__web_site *site = context;

    while (site->free_requests != NULL) {
        torc_web_request *request = site->free_requests;

        site->free_requests = request->next_free;
        torc__web_request_free(request);
    }
    if (site->options.release != NULL)
        site->options.release(site->options.context);
    torc__free(site->server_field);
    torc__free(site->fields);
    torc__free(site);
}

torc_factory *torc_web_site_new(const torc_web_site_options *options)
{
    torc__web_site *site = torc__allocate_zeroed(sizeof(*site));
    torc__http_head_limits limits;

    if (site == NULL)
        goto out_of_memory;
    site->options = *options;
    fill_in_options(&site->options);
    site->fields = torc__allocate(site->options.limits.fields_max * sizeof(*site->fields));
    if (site->fields == NULL || !make_server_field(site))
        goto out_of_memory;
    site->options.server_name = NULL;
    limits.request_line = site->options.limits.line_max;
    limits.head = site->options.limits.head_max;
    torc__http_head_parser_init(
        &site->parser, &limits, site->fields, site->options.limits.fields_max);
    torc__list_init(&site->connections);
    torc__list_init(&site->waiters);
    return torc_factory_new(&(torc_factory_options){
        .kind = &torc__web_connection_class,
        .context = site,
        .release = free_site,
        .connections_max = options->connections_max,
        .connections_per_host_max = options->connections_per_host_max,
    });

out_of_memory:
    fputs("torc: out of memory while making a web site\n", stderr);
    abort();
}

torc_factory *torc_web_site(torc_web_handler *handle, void *context)
{
    torc_web_site_options options = { .handle = handle, .context = context };

    return torc_web_site_new(&options);
}

/* -- the date ------------------------------------------------------------------------------ */

void torc__web_site_refresh_date(torc__web_site *site)
{
    torc_time wall = torc_wall_now();
    torc_time into_second = wall % TORC_SECOND;

    site->date_seconds = wall / TORC_SECOND;
    torc__http_date_format(site->date_seconds, site->date);
    site->date_serial++;
    site->date_until = torc_now(site->reactor) + TORC_SECOND - into_second;
}

/* -- stopping ------------------------------------------------------------------------------ */

/* Who waits for the last connection's end. */
typedef struct waiter {
    torc__list link;
    torc_timer grace;
    torc_deferred *deferred;
    torc_factory *factory; /* held: the site must stay as long as it is waited for */
} waiter;

static void free_waiter(waiter *self)
{
    torc_factory *factory = self->factory;

    torc__list_remove(&self->link);
    torc_timer_cancel(&self->grace);
    torc__free(self);
    torc_factory_release(factory);
}

static void stop_waiting(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    free_waiter(argument);
}

static void fire_waiter(waiter *self)
{
    torc_deferred *deferred = self->deferred;

    free_waiter(self);
    torc_fire(deferred, torc_nothing());
}

void torc__web_site_connection_gone(torc__web_site *site)
{
    torc__list done;
    torc__list *link;

    if (TORC_LIKELY(!site->stopping) || !torc__list_is_empty(&site->connections))
        return;
    torc__list_move(&site->waiters, &done);
    while ((link = torc__list_take_first(&done)) != NULL)
        fire_waiter(TORC_CONTAINER_OF(link, waiter, link));
}

static void grace_is_over(void *argument)
{
    waiter *self = argument;
    torc__web_site *site = torc_factory_context(self->factory);

    for (torc__list *link = site->connections.next; link != &site->connections; link = link->next) {
        torc__web_connection *connection = TORC_CONTAINER_OF(link, torc__web_connection, link);

        torc_abort_connection(connection->protocol.transport);
    }
    fire_waiter(self);
}

torc_deferred *torc_web_site_stop(torc_factory *factory, torc_scope *scope, torc_time grace)
{
    torc__web_site *site = torc_factory_context(factory);
    waiter *self;

    site->stopping = true;
    for (torc__list *link = site->connections.next; link != &site->connections; link = link->next)
        torc__web_connection_stop(TORC_CONTAINER_OF(link, torc__web_connection, link));
    if (torc__list_is_empty(&site->connections))
        return torc_deferred_fired(scope, torc_nothing());
    self = torc__allocate_zeroed(sizeof(*self));
    if (self == NULL)
        return torc_deferred_fired(scope,
            torc_fail_with(&torc_error_out_of_memory, "no memory to wait for a site's end"));
    self->factory = torc_factory_hold(factory);
    self->deferred = torc_deferred_new(scope, stop_waiting, self);
    torc__list_append(&site->waiters, &self->link);
    torc_timer_set(&self->grace, scope, grace, grace_is_over, self);
    return self->deferred;
}

/*
 * A link outlives its connections. The protocol of each knows the link only as long as it is the
 * link's one, so that a connection that was given up may end when it likes.
 *
 * What fails at once is told by a task all the same: who asks is told from the loop's turn only.
 */
#include "names/dns_link.h"

#include "base/memory.h"
#include "names/dns_frame.h"
#include "names/resolver.h"
#include "transport/factory.h"

/* Beyond these, ids would be found by luck. */
enum { SEATS_MAX = 16384, ID_SIZE = 2 };

typedef struct link_protocol {
    torc_protocol protocol;
    torc__dns_link *link; /* NULL: given up, or not yet taken */
    torc__dns_frame frame;
} link_protocol;

struct torc__dns_link {
    torc_resolver *resolver;
    torc__dns_connect *connect;
    torc_deferred *connecting; /* NULL: not on its way */
    link_protocol *protocol;   /* NULL: not connected */
    torc_failure *failure;     /* that who waits is to be told, by the task */
    torc__task task;
    torc_timer idle;
    torc__list seats;          /* in the order of asking */
    torc__hash_table by_id;
    torc_time heard_at;
    char endpoint[];
};

struct torc__dns_seat {
    torc__list link;
    torc__hash_entry hashed;
    torc__dns_link *at;
    const torc__dns_seat_events *events;
    void *owner;
    torc_time asked_at;
    bool lost_one;             /* a connection: another loss is the end */
    uint8_t own_id[ID_SIZE];
    size_t length;
    uint8_t framed[];          /* the query under the id of this connection, its length in front */
};

static torc_slice seat_key(const torc__hash_entry *hashed)
{
    const torc__dns_seat *seat = TORC_CONTAINER_OF(hashed, torc__dns_seat, hashed);

    return torc_slice_make(seat->framed + 2, ID_SIZE);
}

static torc__dns_seat *first_of(torc__list *seats)
{
    torc__list *node = torc__list_take_first(seats);

    return node != NULL ? TORC_CONTAINER_OF(node, torc__dns_seat, link) : NULL;
}

/* -- seats --------------------------------------------------------------------------------- */

/* It may stand in a list of those that are being told. */
static void unseat(torc__dns_seat *seat)
{
    if (torc__list_is_linked(&seat->link))
        torc__list_remove(&seat->link);
    if (seat->at != NULL)
        torc__hash_table_remove(&seat->at->by_id, &seat->hashed);
    seat->at = NULL;
}

/* Takes over `failing`, a list. */
static void tell_failure(torc__list *failing, const torc_failure *failure)
{
    torc__dns_seat *seat;

    while ((seat = first_of(failing)) != NULL) {
        unseat(seat);
        seat->events->failed(seat->owner, failure);
    }
}

static void fail_all(torc__dns_link *self, const torc_failure *failure)
{
    torc__list failing;

    torc__list_move(&self->seats, &failing);
    tell_failure(&failing, failure);
}

/* -- opening ------------------------------------------------------------------------------- */

static void send_query(const torc__dns_link *self, torc__dns_seat *seat)
{
    seat->asked_at = torc_now(self->resolver->reactor);
    torc_write(self->protocol->protocol.transport, torc_slice_make(seat->framed, seat->length));
}

static torc_result connected(void *argument, torc_result result)
{
    torc__dns_link *self = argument;
    torc__list *node;

    self->connecting = NULL;
    self->protocol = torc_of(torc_result_pointer(result), link_protocol);
    self->protocol->link = self;
    for (node = self->seats.next; node != &self->seats; node = node->next)
        send_query(self, TORC_CONTAINER_OF(node, torc__dns_seat, link));
    return torc_nothing();
}

/* Takes over the failure. */
static void fail_later(torc__dns_link *self, torc_failure *failure)
{
    torc_failure_release(self->failure);
    self->failure = failure;
    torc__queue_task(self->resolver->reactor, &self->task);
}

static void drop_failure(torc__dns_link *self)
{
    torc__cancel_task(&self->task);
    torc_failure_release(self->failure);
    self->failure = NULL;
}

static torc_result refused(void *argument, torc_result result)
{
    torc__dns_link *self = argument;

    self->connecting = NULL;
    fail_later(self, torc_failure_hold(torc_result_failure(result)));
    return torc_nothing();
}

static void tell_refusal(torc__task *task)
{
    torc__dns_link *self = TORC_CONTAINER_OF(task, torc__dns_link, task);
    torc_failure *failure = self->failure;

    self->failure = NULL;
    fail_all(self, failure);
    torc_failure_release(failure);
}

static const torc_protocol_class link_class;

static void open_connection(torc__dns_link *self)
{
    const torc_factory_options options = { .kind = &link_class };
    torc_factory *factory = torc__factory_try_new(&options);

    if (factory == NULL) {
        fail_later(self, torc_failure_new(
            &torc_error_out_of_memory, "no memory to connect to %s", self->endpoint));
        return;
    }
    self->resolver->counts.streams++;
    self->connecting = self->connect(&self->resolver->own, self->endpoint, factory);
    torc_add_callbacks(self->connecting, connected, refused, self);
}

/* -- losing -------------------------------------------------------------------------------- */

/*
 * A server may close just as it is asked: each question has a second connection, but not a third.
 */
static void connection_is_over(torc__dns_link *self, const torc_failure *reason)
{
    torc__list failing;
    torc__list *next;

    self->protocol->link = NULL;
    self->protocol = NULL;
    torc__list_init(&failing);
    for (torc__list *node = self->seats.next; node != &self->seats; node = next) {
        torc__dns_seat *seat = TORC_CONTAINER_OF(node, torc__dns_seat, link);

        next = node->next;
        if (seat->lost_one) {
            torc__list_remove(node);
            torc__list_append(&failing, node);
        }
        seat->lost_one = true;
    }
    if (!torc__list_is_empty(&self->seats))
        open_connection(self);
    tell_failure(&failing, reason);
}

/* -- the protocol -------------------------------------------------------------------------- */

static void hear(torc__dns_link *self, torc__dns_frame *frame, torc_slice message)
{
    torc__hash_entry *hashed;
    torc__dns_seat *seat;

    self->heard_at = torc_now(self->resolver->reactor);
    hashed = torc__hash_table_find(&self->by_id, torc_slice_first(message, ID_SIZE));
    if (hashed == NULL) {
        self->resolver->counts.ignored++;
        return;
    }
    seat = TORC_CONTAINER_OF(hashed, torc__dns_seat, hashed);
    memcpy(frame->bytes + 2, seat->own_id, ID_SIZE);
    seat->events->received(seat->owner, message);
}

static void data_received(torc_protocol *protocol, torc_slice data)
{
    link_protocol *self = torc_of(protocol, link_protocol);
    torc_slice message;

    while (self->link != NULL) {
        switch (torc__dns_frame_take(&self->frame, &data, &message)) {
        case TORC__DNS_FRAME_WHOLE:
            hear(self->link, &self->frame, message);
            break;
        case TORC__DNS_FRAME_NO_MEMORY:
            torc_abort_connection(protocol->transport);
            return;
        default:
            return;
        }
    }
}

static void lost(torc_protocol *protocol, const torc_failure *reason)
{
    link_protocol *self = torc_of(protocol, link_protocol);
    torc__dns_link *link = self->link;

    torc__dns_frame_clear(&self->frame);
    /* With its scope the resolver is about to end, and tells who asks itself. */
    if (link != NULL && torc_scope_has_ended(link->resolver->scope))
        link->protocol = NULL;
    else if (link != NULL)
        connection_is_over(link, reason);
}

static const torc_protocol_class link_class = {
    .name = "DNS",
    .size = sizeof(link_protocol),
    .data_received = data_received,
    .connection_lost = lost,
};

/* -- asking -------------------------------------------------------------------------------- */

static void set_id(torc__dns_seat *seat, torc__dns_link *self)
{
    memcpy(seat->own_id, seat->framed + 2, ID_SIZE);
    do
        torc__resolver_random(self->resolver, seat->framed + 2, ID_SIZE);
    while (torc__hash_table_find(&self->by_id, seat_key(&seat->hashed)) != NULL);
}

static torc__dns_seat *new_seat(torc__dns_link *self, torc_slice query)
{
    torc__dns_seat *seat = NULL;

    if (self->by_id.count < SEATS_MAX)
        seat = torc__allocate_zeroed(sizeof *seat + 2 + query.length);
    if (seat == NULL)
        return NULL;
    seat->length = 2 + query.length;
    torc__dns_set16(seat->framed, (uint16_t)query.length);
    memcpy(seat->framed + 2, query.data, query.length);
    set_id(seat, self);
    if (torc__hash_table_insert(&self->by_id, &seat->hashed))
        return seat;
    torc__free(seat);
    return NULL;
}

torc__dns_seat *torc__dns_link_ask(torc__dns_link *self, torc_slice query,
    const torc__dns_seat_events *events, void *owner)
{
    torc__dns_seat *seat = new_seat(self, query);

    if (seat == NULL)
        return NULL;
    seat->at = self;
    seat->events = events;
    seat->owner = owner;
    torc__list_append(&self->seats, &seat->link);
    torc_timer_cancel(&self->idle);
    if (self->protocol != NULL)
        send_query(self, seat);
    else if (self->connecting == NULL && self->failure == NULL)
        open_connection(self);
    return seat;
}

/* A connection that is still being made is let go as well: its answer would be for nobody. */
static void close_idle(void *argument)
{
    torc__dns_link *self = argument;
    link_protocol *protocol = self->protocol;

    self->protocol = NULL;
    if (protocol != NULL) {
        protocol->link = NULL;
        torc_lose_connection(protocol->protocol.transport);
    }
    if (self->connecting == NULL)
        return;
    torc_cancel(self->connecting);
    drop_failure(self);
}

void torc__dns_seat_leave(torc__dns_seat *seat)
{
    torc__dns_link *self;

    if (seat == NULL)
        return;
    self = seat->at;
    unseat(seat);
    torc__free(seat);
    if (self != NULL && torc__list_is_empty(&self->seats) && !self->resolver->ended)
        torc_timer_set(
            &self->idle, &self->resolver->own, TORC__DNS_LINK_IDLE, close_idle, self);
}

void torc__dns_seat_give_up(torc__dns_seat *seat)
{
    torc__dns_link *self = seat != NULL ? seat->at : NULL;
    bool was_deaf = self != NULL && self->protocol != NULL && self->heard_at < seat->asked_at;
    torc_transport *transport;
    torc_failure *failure;

    torc__dns_seat_leave(seat);
    if (!was_deaf)
        return;
    transport = self->protocol->protocol.transport;
    failure = torc_failure_new(&torc_error_timeout, "%s is silent", self->endpoint);
    connection_is_over(self, failure);
    torc_failure_release(failure);
    torc_abort_connection(transport);
}

/* -- life ---------------------------------------------------------------------------------- */

torc__dns_link *torc__dns_link_new(
    torc_resolver *resolver, torc__dns_connect *connect, const char *endpoint)
{
    size_t size = strlen(endpoint) + 1;
    torc__dns_link *self = torc__allocate_zeroed(sizeof *self + size);

    if (self == NULL)
        return NULL;
    self->resolver = resolver;
    self->connect = connect;
    self->task.run = tell_refusal;
    torc__list_init(&self->seats);
    torc__hash_table_init(&self->by_id, seat_key);
    memcpy(self->endpoint, endpoint, size);
    return self;
}

void torc__dns_link_end(torc__dns_link *self)
{
    torc_timer_cancel(&self->idle);
    drop_failure(self);
    if (self->protocol != NULL)
        self->protocol->link = NULL;
    self->protocol = NULL;
    torc__hash_table_clear(&self->by_id);
}

void torc__dns_link_free(torc__dns_link *self)
{
    torc__free(self);
}

const char *torc__dns_link_text(const torc__dns_link *self)
{
    return self->endpoint;
}

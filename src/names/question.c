/*
 * A question is asked of one server after the other, as often as the configuration says, until one
 * says something.
 *
 *     attempt -> datagram -> answered
 *                  | time-out, or a server that cannot say: the next attempt
 *                  | cut, or letters in another case: the same server, by a stream
 *                  | EDNS not understood: the same server, without
 *                  | an alias that leads elsewhere: from the first attempt, for that name
 *
 * Against answers that somebody else makes up: id, port and the case of letters are random, and
 * after too many that belong to no question it is asked by a stream (exchange.c).
 *
 * Invariants. A question is in the resolver's table until it is over, and is then buried, once. It
 * has at most one exchange or stream. Whoever waits is told from the loop's turn only.
 */
#include "names/resolver.h"

#include "base/memory.h"
#include "names/dns_answer.h"
#include "names/dns_type.h"

#include <errno.h>
#include <stdio.h>

/* What fits into one packet nearly everywhere (DNS flag day 2020). */
enum { EDNS_SIZE = 1232 };

/* Type and class behind the name; the OPT record without options. */
enum { QUESTION_TAIL = 4, OPT_SIZE = 11, OPTION_PADDING = 12, PADDED_TO = 128 };

/* A header, a name with type and class, and EDNS, which a filling may make longer. */
enum {
    PLAIN_MAX = TORC__DNS_HEADER_SIZE + TORC__DNS_NAME_MAX + QUESTION_TAIL + OPT_SIZE,
    QUERY_MAX = (PLAIN_MAX + 4 + PADDED_TO - 1) / PADDED_TO * PADDED_TO,
};

#define TTL_MAX     ((uint32_t)24 * 60 * 60)
#define TIMEOUT_MAX (30 * TORC_SECOND)

struct torc__question {
    torc__grave grave;
    torc__hash_entry hashed;
    torc_resolver *resolver;
    torc__list askers;
    torc__task task;       /* gives up in a turn of its own */
    torc_timer timer;
    torc__exchange exchange;
    torc__dns_stream *stream;
    torc__dns_seat *seat;  /* on the server's kept connection */
    torc_failure *failure; /* of the last server; or NULL */
    bool over;
    bool by_stream;        /* the attempt under way, or the next one */
    bool is_plain;         /* the attempt under way is without EDNS */
    bool all_silent;       /* no server has said anything */
    uint16_t type;
    uint16_t id;
    unsigned int tries;
    unsigned int aliases;
    uint32_t ttl;          /* of the aliases so far */
    size_t first;          /* server */
    torc__server *server;  /* of the attempt under way */
    size_t key_length;

    /* From here on it is not zeroed. */
    torc__dns_name name;   /* that is asked for now; at first the one of the key */
    uint8_t key[TORC__KNOWN_KEY_MAX];
    uint8_t query[QUERY_MAX]; /* as it was sent, the name in the case that was made up */
};

const size_t torc__question_size = sizeof(torc__question);

torc_slice torc__question_key(const torc__hash_entry *hashed)
{
    const torc__question *self = TORC_CONTAINER_OF(hashed, torc__question, hashed);

    return torc_slice_make(self->key, self->key_length);
}

/* -- ending -------------------------------------------------------------------------------- */

static void bury(torc__grave *grave)
{
    torc__question *self = TORC_CONTAINER_OF(grave, torc__question, grave);

    torc__resolver_give(self->resolver, &self->resolver->question_blocks, self);
}

static void stop_attempt(torc__question *self)
{
    torc_timer_cancel(&self->timer);
    torc__exchange_close(&self->exchange);
    torc__dns_stream_close(self->stream);
    torc__dns_seat_leave(self->seat);
    self->stream = NULL;
    self->seat = NULL;
}

static void close_question(torc__question *self)
{
    stop_attempt(self);
    torc__cancel_task(&self->task);
    self->over = true;
    torc__hash_table_remove(&self->resolver->questions, &self->hashed);
    self->resolver->counts.under_way--;
    torc__bury(self->resolver->reactor, &self->grave, bury);
}

void torc__question_drop(torc__question *question)
{
    if (question->over)
        return;
    close_question(question);
    torc_failure_release(question->failure);
}

void torc__tell_askers(torc__list *askers, torc__known *entry, const torc_failure *failure)
{
    torc__list *node;

    while ((node = torc__list_take_first(askers)) != NULL) {
        torc__asker *asker = TORC_CONTAINER_OF(node, torc__asker, link);

        asker->question = NULL;
        asker->search = NULL;
        asker->answered(asker, entry, failure);
    }
}

void torc__forget_askers(torc__list *askers)
{
    torc__list *node;

    while ((node = torc__list_take_first(askers)) != NULL) {
        torc__asker *asker = TORC_CONTAINER_OF(node, torc__asker, link);

        asker->question = NULL;
        asker->search = NULL;
    }
}

/* Takes over what it is given. */
static void finish(torc__question *self, torc__known *entry, torc_failure *failure)
{
    close_question(self);
    torc__tell_askers(&self->askers, entry, failure);
    torc__known_release(entry);
    torc_failure_release(failure);
}

static const char *question_text(const torc__question *self, char *text, size_t size)
{
    char name[TORC_NAME_TEXT_MAX];
    char type[TORC_RECORD_TYPE_TEXT_MAX];

    torc__dns_name_plain_text(torc__dns_name_slice(&self->name), name);
    snprintf(text, size, "%s of %.512s", torc_record_type_text(self->type, type), name);
    return text;
}

static void give_up(torc__task *task)
{
    torc__question *self = TORC_CONTAINER_OF(task, torc__question, task);
    torc_failure *failure = self->failure;
    char text[600];

    self->failure = NULL;
    self->resolver->counts.failures++;
    if (self->all_silent)
        failure = torc_failure_because(torc_failure_new(&torc_error_timeout,
            "no name server answers the question for %s",
            question_text(self, text, sizeof text)), failure);
    else
        failure = torc_failure_because(torc_failure_new(&torc_error_name_server,
            "no name server can answer the question for %s",
            question_text(self, text, sizeof text)), failure);
    finish(self, NULL, failure);
}

void torc__questions_end(torc_resolver *resolver)
{
    torc__hash_entry *hashed;

    while ((hashed = torc__hash_table_next(&resolver->questions, NULL)) != NULL) {
        torc__question *self = TORC_CONTAINER_OF(hashed, torc__question, hashed);

        torc_failure_release(self->failure);
        if (torc_scope_has_ended(torc_root(resolver->reactor)))
            torc__forget_askers(&self->askers);
        finish(self, NULL, torc_failure_new(&torc_error_cancelled, "the resolver has ended"));
    }
}

/* -- attempts ------------------------------------------------------------------------------ */

static void attempt(torc__question *self);

static void note_failure(torc__question *self, torc_failure *failure)
{
    torc_failure_release(self->failure);
    self->failure = failure;
}

/* The name in the query. */
static torc_slice asked_name(const torc__question *self)
{
    return torc_slice_make(self->query + TORC__DNS_HEADER_SIZE, self->name.length);
}

/* Changes the case of letters at random; lengths of labels are no letters. */
static void mix_case(torc_resolver *resolver, uint8_t *wire, size_t length)
{
    uint8_t random[(TORC__DNS_NAME_MAX + 7) / 8];

    torc__resolver_random(resolver, random, (length + 7) / 8);
    for (size_t i = 0; i < length; i++)
        if (wire[i] >= 'a' && wire[i] <= 'z' && (random[i / 8] >> i % 8 & 1) != 0)
            wire[i] = (uint8_t)(wire[i] ^ 0x20);
}

/*
 * Where nobody else can read the question, nobody shall guess it by its length either: it is filled
 * up to a multiple of 128 bytes (RFC 8467 4.1, RFC 7830). The option, of which `filling` has room
 * for all.
 */
static torc_slice padding_of(const torc__question *self, uint8_t filling[4 + PADDED_TO])
{
    size_t length = TORC__DNS_HEADER_SIZE + self->name.length + QUESTION_TAIL + OPT_SIZE + 4;
    size_t missing = (PADDED_TO - length % PADDED_TO) % PADDED_TO;

    if (self->server->link == NULL)
        return torc_slice_make(NULL, 0);
    memset(filling, 0, 4 + missing);
    torc__dns_set16(filling, OPTION_PADDING);
    torc__dns_set16(filling + 2, (uint16_t)missing);
    return torc_slice_make(filling, 4 + missing);
}

static torc_slice write_query(torc__question *self, uint16_t id)
{
    uint8_t filling[4 + PADDED_TO];
    torc__dns_header header = { .id = id, .recursion_desired = true };
    torc__dns_edns edns = { .present = !self->is_plain, .size = EDNS_SIZE,
        .options = padding_of(self, filling) };
    torc__dns_question question = { .type = self->type, .question_class = TORC__DNS_CLASS_IN };
    torc__dns_writer writer;

    self->id = id;
    question.name = torc__dns_name_slice(&self->name);
    torc__dns_writer_begin(&writer, self->query, sizeof self->query, &header, &edns);
    (void)torc__dns_writer_question(&writer, &question);
    if (!self->by_stream)
        mix_case(self->resolver, self->query + TORC__DNS_HEADER_SIZE, self->name.length);
    return torc__dns_writer_end(&writer);
}

static void received(void *owner, torc_slice bytes);
static void failed(void *owner, int error);
static void seat_failed(void *owner, const torc_failure *failure);

static const torc__dns_stream_events stream_events = { .received = received, .failed = failed };
static const torc__dns_seat_events seat_events = { .received = received, .failed = seat_failed };
static const torc__exchange_events exchange_events;

static int send_by_datagram(torc__question *self)
{
    torc__exchange *exchange = &self->exchange;
    int error;

    exchange->events = &exchange_events;
    error = torc__exchange_begin(
        exchange, self->resolver, &self->server->sockets, &self->server->address);
    if (error == 0)
        exchange->bytes = write_query(self, exchange->id);
    return error;
}

static int send_by_stream(torc__question *self)
{
    torc_resolver *resolver = self->resolver;
    uint16_t id;
    int error;

    torc__resolver_random(resolver, &id, sizeof id);
    self->stream = torc__dns_stream_new(resolver->scope, resolver->open_stream,
        &self->server->address, write_query(self, id), &stream_events, self, &error);
    resolver->counts.streams += self->stream != NULL;
    return error;
}

/*
 * By the connection that is kept, which has ids of its own; letters in another case would make
 * nothing safer there.
 */
static int send_by_link(torc__question *self)
{
    self->by_stream = true;
    self->seat = torc__dns_link_ask(
        self->server->link, write_query(self, 0), &seat_events, self);
    return self->seat != NULL ? 0 : ENOMEM;
}

static int send_query(torc__question *self)
{
    torc_resolver *resolver = self->resolver;

    self->is_plain = self->server->no_edns;
    if (self->server->link != NULL)
        return send_by_link(self);
    /* A driver without datagrams still has streams. */
    self->by_stream |= resolver->conf.only_streams
        || resolver->reactor->driver->kind->open_datagrams == NULL;
    return self->by_stream ? send_by_stream(self) : send_by_datagram(self);
}

static const char *server_text(const torc__question *self, char text[TORC_ADDRESS_TEXT_MAX])
{
    return self->server->link != NULL ? torc__dns_link_text(self->server->link)
                                      : torc_address_text(&self->server->address, text);
}

static void server_failed(torc__question *self, int error)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    note_failure(self, torc_failure_from_errno(
        error, "cannot ask the name server %s", server_text(self, text)));
    self->all_silent = false;
}

/* The one that was asked first does not answer: who asks next begins with another. */
static void pass_over(torc__question *self)
{
    torc_resolver *resolver = self->resolver;

    if (resolver->server_count > 1
        && self->server == &resolver->servers[resolver->first_server % resolver->server_count])
        resolver->first_server++;
}

static void timed_out(void *argument)
{
    torc__question *self = argument;
    char text[TORC_ADDRESS_TEXT_MAX];

    self->resolver->counts.timeouts++;
    note_failure(self, torc_failure_new(&torc_error_timeout, "the name server %s is silent",
        server_text(self, text)));
    pass_over(self);
    torc__dns_seat_give_up(self->seat);
    self->seat = NULL;
    stop_attempt(self);
    self->by_stream = false;
    attempt(self);
}

/* Twice as long each time round, so that a server far away or under load has its chance. */
static torc_time patience(const torc__question *self)
{
    const torc_resolver *resolver = self->resolver;
    torc_time timeout = resolver->timeout != 0 ? resolver->timeout : resolver->conf.timeout;
    size_t round = (self->tries - 1) / resolver->server_count;

    while (round-- > 0 && timeout < TIMEOUT_MAX)
        timeout *= 2;
    return timeout;
}

static unsigned int tries_max(const torc__question *self)
{
    const torc_resolver *resolver = self->resolver;
    unsigned int attempts = resolver->attempts != 0 ? resolver->attempts : resolver->conf.attempts;

    return attempts * (unsigned int)resolver->server_count;
}

static void attempt(torc__question *self)
{
    torc_resolver *resolver = self->resolver;

    while (self->tries < tries_max(self) && !torc_scope_has_ended(resolver->scope)) {
        int error;

        self->server = &resolver->servers[(self->first + self->tries) % resolver->server_count];
        self->tries++;
        error = send_query(self);
        if (error == 0) {
            torc_timer_set(&self->timer, resolver->scope, patience(self), timed_out, self);
            return;
        }
        server_failed(self, error);
        self->by_stream = false;
    }
    torc__queue_task(resolver->reactor, &self->task);
}

/* Asks the same server once more, in another way. */
static void again(torc__question *self, bool by_stream)
{
    stop_attempt(self);
    self->by_stream = by_stream;
    self->tries--;
    attempt(self);
}

/* -- answers ------------------------------------------------------------------------------- */

static void failed(void *owner, int error)
{
    torc__question *self = owner;

    server_failed(self, error);
    pass_over(self);
    stop_attempt(self);
    self->by_stream = false;
    attempt(self);
}

static void seat_failed(void *owner, const torc_failure *failure)
{
    torc__question *self = owner;
    char text[TORC_ADDRESS_TEXT_MAX];

    note_failure(self, torc_failure_because(
        torc_failure_new(&torc_error_name_server, "cannot ask the name server %s: %s",
            server_text(self, text), torc_failure_text(failure)),
        torc_failure_hold(failure)));
    self->all_silent = false;
    pass_over(self);
    stop_attempt(self);
    attempt(self);
}

static void no_help(torc__question *self, const torc__answer *answer)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    note_failure(self, torc_failure_make(TORC_HERE, &torc_error_name_server, 0,
        "the name server %s cannot say (its code is %u)", server_text(self, text),
        answer->code));
    self->all_silent = false;
    stop_attempt(self);
    self->by_stream = false;
    attempt(self);
}

static torc_time expiry(torc__question *self, const torc__answer *answer)
{
    uint32_t ttl = answer->ttl < self->ttl ? answer->ttl : self->ttl;

    if (ttl > TTL_MAX)
        ttl = TTL_MAX;
    return torc_now(self->resolver->reactor) + (torc_time)ttl * TORC_SECOND;
}

static void settle(torc__question *self, const torc__answer *answer, torc_slice message)
{
    torc_resolver *resolver = self->resolver;
    torc__known *entry = torc__answer_known(answer, message, self->type,
        torc__question_key(&self->hashed), expiry(self, answer), &resolver->scratch);
    torc_failure *failure = NULL;

    if (entry != NULL)
        torc__cache_add(&resolver->cache, entry, torc_now(resolver->reactor));
    else
        failure = torc_failure_new(&torc_error_out_of_memory, "no memory for an answer");
    torc_failure_release(self->failure);
    self->failure = NULL;
    finish(self, entry, failure);
}

/* An alias that the server did not follow to its end. */
static void follow(torc__question *self, const torc__answer *answer)
{
    stop_attempt(self);
    self->name = answer->name;
    torc__dns_name_lower(&self->name);
    self->aliases = answer->aliases;
    if (answer->ttl < self->ttl)
        self->ttl = answer->ttl;
    self->tries = 0;
    self->by_stream = false;
    attempt(self);
}

static void too_many_aliases(torc__question *self)
{
    char text[600];

    self->resolver->counts.failures++;
    torc_failure_release(self->failure);
    self->failure = NULL;
    finish(self, NULL, torc_failure_new(&torc_error_name_server,
        "too many aliases lead on from %s", question_text(self, text, sizeof text)));
}

/*
 * The letters' case that was made up is taken back: names in the answer point to the question, and
 * nobody wants to see it there. What is no answer in the same case stays as it is.
 */
static torc_slice restore_case(torc__question *self, torc_slice bytes)
{
    torc_slice asked = asked_name(self);
    uint8_t *copy = self->resolver->message;

    if (self->by_stream || bytes.length < TORC__DNS_HEADER_SIZE + asked.length
        || bytes.length > sizeof self->resolver->message
        || memcmp(bytes.data + TORC__DNS_HEADER_SIZE, asked.data, asked.length) != 0)
        return bytes;
    memcpy(copy, bytes.data, bytes.length);
    memcpy(copy + TORC__DNS_HEADER_SIZE, self->name.wire, asked.length);
    return torc_slice_make(copy, bytes.length);
}

/* False: it is no answer to the question. */
static bool heed(torc__question *self, torc_slice received_bytes)
{
    torc_slice bytes = restore_case(self, received_bytes);
    torc_slice asked =
        bytes.data == received_bytes.data ? asked_name(self) : torc__dns_name_slice(&self->name);
    torc__answer answer;

    torc__answer_read(bytes, self->id, asked, self->type, !self->is_plain, self->aliases,
        &self->resolver->scratch, &answer);
    switch (answer.kind) {
    case TORC__ANSWER_RECORDS:
    case TORC__ANSWER_NO_NAME:
    case TORC__ANSWER_NO_DATA:
        settle(self, &answer, bytes);
        return true;
    case TORC__ANSWER_ALIAS:
        follow(self, &answer);
        return true;
    case TORC__ANSWER_TOO_MANY:
        too_many_aliases(self);
        return true;
    case TORC__ANSWER_NO_EDNS:
        self->server->no_edns = true;
        again(self, self->by_stream);
        return true;
    case TORC__ANSWER_TRUNCATED:
    case TORC__ANSWER_OTHER_CASE:
        if (!self->by_stream)
            again(self, true);
        else
            no_help(self, &answer);
        return true;
    case TORC__ANSWER_NO_HELP:
        no_help(self, &answer);
        return true;
    default:
        return false;
    }
}

static void received(void *owner, torc_slice bytes)
{
    torc__question *self = owner;

    if (heed(self, bytes))
        return;
    self->resolver->counts.ignored++;
    failed(self, EPROTO);
}

static torc__question *question_of(torc__exchange *exchange)
{
    return TORC_CONTAINER_OF(exchange, torc__question, exchange);
}

static bool datagram_received(torc__exchange *exchange, torc_slice bytes)
{
    return heed(question_of(exchange), bytes);
}

static void datagram_failed(torc__exchange *exchange, int error)
{
    failed(question_of(exchange), error);
}

static void attacked(torc__exchange *exchange)
{
    again(question_of(exchange), true);
}

static const torc__exchange_events exchange_events = {
    .received = datagram_received,
    .failed = datagram_failed,
    .attacked = attacked,
};

/* -- asking -------------------------------------------------------------------------------- */

static torc__question *new_question(
    torc_resolver *resolver, torc_slice name, uint16_t type, torc_slice key)
{
    torc__question *self = torc__resolver_take(resolver, &resolver->question_blocks);

    if (self == NULL)
        return NULL;
    memset(self, 0, offsetof(torc__question, name));
    self->resolver = resolver;
    self->task.run = give_up;
    self->type = type;
    self->ttl = UINT32_MAX;
    self->all_silent = true;
    torc__list_init(&self->askers);
    torc__dns_name_set(&self->name, name);
    torc__dns_name_lower(&self->name);
    memcpy(self->key, key.data, key.length);
    self->key_length = key.length;
    if (!torc__hash_table_insert(&resolver->questions, &self->hashed)) {
        torc__resolver_give(resolver, &resolver->question_blocks, self);
        return NULL;
    }
    if (resolver->conf.rotate)
        resolver->first_server++;
    self->first = resolver->first_server;
    resolver->counts.questions++;
    resolver->counts.under_way++;
    return self;
}

torc__known *torc__records_at_hand(torc_resolver *resolver, torc_slice name, uint16_t type)
{
    uint8_t bytes[TORC__KNOWN_KEY_MAX];
    torc_slice key = torc_slice_make(bytes, torc__known_key(type, name, bytes));
    torc__known *known = torc__cache_find(&resolver->cache, key, torc_now(resolver->reactor));

    return known != NULL ? torc__known_hold(known) : NULL;
}

bool torc__ask_servers(torc_resolver *resolver, torc_slice name, uint16_t type, torc__asker *asker)
{
    uint8_t bytes[TORC__KNOWN_KEY_MAX];
    torc_slice key = torc_slice_make(bytes, torc__known_key(type, name, bytes));
    torc__hash_entry *hashed = torc__hash_table_find(&resolver->questions, key);
    torc__question *question;

    if (hashed != NULL) {
        question = TORC_CONTAINER_OF(hashed, torc__question, hashed);
        resolver->counts.shared++;
    } else {
        question = new_question(resolver, name, type, key);
        if (question == NULL)
            return false;
        attempt(question);
    }
    asker->question = question;
    torc__list_append(&question->askers, &asker->link);
    return true;
}

torc__known *torc__ask(torc_resolver *resolver, torc_slice name, uint16_t type, torc__asker *asker)
{
    torc__known *known = torc__records_at_hand(resolver, name, type);

    if (known == NULL)
        (void)torc__ask_servers(resolver, name, type, asker);
    return known;
}

void torc__asker_cancel(torc__asker *asker)
{
    torc__question *question = asker->question;
    torc__search *search = asker->search;

    torc__list_remove(&asker->link);
    asker->question = NULL;
    asker->search = NULL;
    if (question != NULL && torc__list_is_empty(&question->askers))
        torc__question_drop(question);
    if (search != NULL)
        torc__search_drop(search);
}

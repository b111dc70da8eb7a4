/*
 * chat: everyone who connects is asked for a name, and reads what the others say.
 *
 *     build/examples/chat tcp:9000        and then, from several terminals:  nc localhost 9000
 */
#include <torc.h>
#include <torc/line.h>

enum { PEOPLE_MAX = 1000, NAME_MAX_LENGTH = 20 };

typedef struct person {
    torc_line_receiver lines; /* first member: a person is a line receiver is a protocol */
    char name[NAME_MAX_LENGTH + 1]; /* "": not yet known */
    struct person *next;
} person;

typedef struct room {
    person *people; /* who have a name */
} room;

/* -- the room ------------------------------------------------------------------------------ */

static person *find(const room *here, torc_slice name)
{
    person *someone = here->people;

    while (someone != NULL && !torc_slice_is(name, someone->name))
        someone = someone->next;
    return someone;
}

/* To everyone but `speaker`. */
static void tell_others(const room *here, const person *speaker, const char *verb, torc_slice text)
{
    for (person *someone = here->people; someone != NULL; someone = someone->next)
        if (someone != speaker)
            torc_printf(someone, "%s%s%.*s\n", speaker->name, verb, TORC_FMT(text));
}

static void leave(room *here, person *self)
{
    person **link = &here->people;

    while (*link != NULL && *link != self)
        link = &(*link)->next;
    if (*link != NULL)
        *link = self->next;
}

/* -- a person ------------------------------------------------------------------------------ */

static void enter(room *here, person *self, torc_slice name)
{
    if (name.length == 0 || name.length > NAME_MAX_LENGTH || find(here, name) != NULL) {
        torc_printf(self, "That name is taken, empty or too long. Another?\n");
        return;
    }
    memcpy(self->name, name.data, name.length);
    self->next = here->people;
    here->people = self;
    torc_printf(self, "Welcome, %s. 'quit' leaves.\n", self->name);
    tell_others(here, self, " has come.", TORC_SLICE(""));
}

static void person_made(torc_protocol *protocol)
{
    torc_printf(protocol, "What is your name?\n");
}

static void person_line(torc_line_receiver *lines, torc_slice line)
{
    person *self = torc_of(lines, person);
    room *here = torc_context_of(lines);

    if (torc_slice_is(line, "quit"))
        torc_lose_connection(lines->protocol.transport);
    else if (self->name[0] == '\0')
        enter(here, self, torc_slice_trim(line));
    else
        tell_others(here, self, ": ", line);
}

static void person_lost(torc_protocol *protocol, const torc_failure *reason)
{
    person *self = torc_of(protocol, person);
    room *here = torc_context_of(protocol);

    (void)reason;
    leave(here, self);
    if (self->name[0] != '\0')
        tell_others(here, self, " has left.", TORC_SLICE(""));
}

static const torc_line_class person_class = {
    .protocol = {
        .name = "Person",
        .size = sizeof(person),
        .connection_made = person_made,
        .connection_lost = person_lost,
    },
    .delimiter = "\n",
    .max_length = 1000,
    .line_received = person_line,
};

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    room here = { NULL };
    torc_factory_options options = { .context = &here, .connections_max = PEOPLE_MAX };

    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:9000",
        torc_line_factory_new(&person_class, &options));
    return torc_run(reactor);
}

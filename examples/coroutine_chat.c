/* coroutine_chat: the server of chat.c once more, with a coroutine for each person. */
#include <torc/stream.h>

static struct person {
    torc_stream *stream;
    char name[21];
    struct person *next;
} *people; /* each lies on the stack of its coroutine */

static void tell_others(const struct person *speaker, const char *verb, torc_slice text)
{
    torc_result line = torc_text("%s%s%.*s\n", speaker->name, verb, TORC_FMT(text));

    for (struct person *one = people; one != NULL && !torc_is_failure(line); one = one->next)
        if (one != speaker && torc_stream_transport(one->stream) != NULL)
            torc_write(torc_stream_transport(one->stream), torc_result_slice(line));
    torc_result_release(line);
}

static bool is_free(torc_slice name)
{
    for (struct person *one = people; one != NULL; one = one->next)
        if (torc_slice_is(name, one->name))
            return false;
    return name.length > 0 && name.length < sizeof people->name;
}

static torc_result chat(torc_scope *scope, torc_stream *stream, void *context)
{
    struct person self = { .stream = stream }, **link = &people;
    torc_result line = torc_nothing();

    (void)scope, (void)context;
    /* Nobody waits for a slow reader; one with so much unread is cut off. */
    torc_set_water_marks(torc_stream_transport(stream), 16 << 10, 64 << 10, 256 << 10);
    while (!is_free(torc_result_slice(line))) {
        torc_stream_printf(stream, "What is your name?\n");
        if (torc_is_failure(line = torc_read_line(stream)))
            return line;
    }
    memcpy(self.name, torc_result_slice(line).data, torc_result_slice(line).length);
    self.next = people, people = &self;
    tell_others(&self, " has come.", TORC_SLICE(""));
    while (!torc_is_failure(line = torc_read_line(stream)))
        tell_others(&self, ": ", torc_result_slice(line));
    while (*link != &self)
        link = &(*link)->next;
    *link = self.next;
    tell_others(&self, " has left.", TORC_SLICE(""));
    return line;
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();

    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:9000",
        torc_stream_factory(chat, NULL));
    return torc_run(reactor);
}

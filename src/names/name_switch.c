/*
 * The line's words are sources, each with an optional reaction in brackets behind it. Reactions of
 * sources for certain names change nothing, because all those names go to the system, which knows
 * them; those of "files" and "dns" are more than the resolver in the loop understands.
 */
#include "names/name_switch.h"

typedef struct reader {
    torc__name_switch *to;
    bool has_files;
    bool has_dns;
    bool last_is_ours; /* the word before was "files" or "dns" */
} reader;

/* systemd-resolved is what resolv.conf names where it runs: it is asked as any server is. */
static bool is_dns(torc_slice word)
{
    return torc_slice_is(word, "dns") || torc_slice_is(word, "resolve");
}

static void see_source(reader *self, torc_slice word)
{
    torc__name_switch *to = self->to;

    self->last_is_ours = torc_slice_is(word, "files") || torc_slice_is(word, "dns");
    if (torc_slice_is(word, "files")) {
        self->has_files = true;
        to->all |= self->has_dns;
    } else if (is_dns(word)) {
        self->has_dns = true;
    } else if (torc_slice_starts_with(word, TORC_SLICE("mdns"))) {
        to->local = true;
    } else if (torc_slice_is(word, "myhostname")) {
        to->own = true;
    } else if (torc_slice_is(word, "mymachines")) {
        to->undotted = true;
    } else {
        to->all = true;
    }
}

/* Takes a word, or all within brackets, off the front. */
static void see_next(reader *self, torc_slice *words)
{
    torc_slice rest = torc_slice_trim(*words);
    size_t end = 0;

    if (rest.length > 0 && rest.data[0] == '[') {
        self->to->all |= self->last_is_ours;
        *words = torc_slice_skip(rest, torc_slice_find_byte(rest, ']') + 1);
        return;
    }
    while (end < rest.length && rest.data[end] != ' ' && rest.data[end] != '\t'
        && rest.data[end] != '[')
        end++;
    see_source(self, torc_slice_first(rest, end));
    *words = torc_slice_skip(rest, end);
}

static void parse_hosts(torc__name_switch *ret_switch, torc_slice words)
{
    reader self = { .to = ret_switch };

    memset(ret_switch, 0, sizeof *ret_switch);
    while (torc_slice_trim(words).length > 0)
        see_next(&self, &words);
    ret_switch->all |= !self.has_files || !self.has_dns;
}

void torc__name_switch_parse(torc__name_switch *ret_switch, torc_slice text)
{
    torc_slice key = TORC_SLICE("hosts:");

    memset(ret_switch, 0, sizeof *ret_switch);
    while (text.length > 0) {
        size_t end = torc_slice_find_byte(text, '\n');
        torc_slice line = torc_slice_first(text, end);

        line = torc_slice_trim(torc_slice_first(line, torc_slice_find_byte(line, '#')));
        if (torc_slice_starts_with(line, key))
            parse_hosts(ret_switch, torc_slice_skip(line, key.length));
        text = torc_slice_skip(text, end + 1);
    }
}

static bool is_local(torc_slice name)
{
    torc_slice local = TORC_SLICE(".local");

    return name.length > local.length
        && torc_slice_equal_ignoring_case(
            torc_slice_skip(name, name.length - local.length), local);
}

bool torc__name_switch_is_for_system(
    const torc__name_switch *self, torc_slice name, torc_slice own_name)
{
    bool is_undotted;

    if (name.length > 0 && name.data[name.length - 1] == '.')
        name.length--;
    is_undotted = torc_slice_find_byte(name, '.') == name.length;
    if (self->all || (self->local && is_local(name)) || (self->undotted && is_undotted))
        return true;
    return self->own
        && (torc_slice_equal_ignoring_case(name, own_name)
            || (is_undotted && torc_slice_starts_with(name, TORC_SLICE("_"))));
}

/*
 * The file's lines: a keyword, and words. A later "search" or "domain" takes the place of an
 * earlier one, as the system has it.
 */
#include "names/resolv_conf.h"

#include "names/dns_type.h"

enum { DNS_PORT = 53, NDOTS_MAX = 15, TIMEOUT_MAX = 30, ATTEMPTS_MAX = 5 };

static void add_server(torc__resolv_conf *conf, torc_slice words)
{
    torc_slice word = torc_next_word(&words);

    if (conf->server_count < TORC__SERVERS_MAX
        && torc_address_parse(word, DNS_PORT, &conf->servers[conf->server_count]))
        conf->server_count++;
}

static void set_searches(torc__resolv_conf *conf, torc_slice words)
{
    torc_slice word;

    conf->search_count = 0;
    while ((word = torc_next_word(&words)).length > 0)
        if (conf->search_count < TORC__SEARCHES_MAX
            && torc__dns_name_parse(
                word, torc_slice_make(NULL, 0), &conf->searches[conf->search_count]))
            conf->search_count++;
}

/* "ndots:2": the number behind the colon, from `least` to `most`; else `before`. */
static unsigned int number_of(
    torc_slice word, const char *key, unsigned int least, unsigned int most, unsigned int before)
{
    size_t colon = torc_slice_find_byte(word, ':');
    uint64_t number;

    if (!torc_slice_is(torc_slice_first(word, colon), key)
        || !torc__dns_number_parse(torc_slice_skip(word, colon + 1), UINT32_MAX, &number))
        return before;
    if (number < least)
        return least;
    return number > most ? most : (unsigned int)number;
}

static void set_option(torc__resolv_conf *conf, torc_slice word)
{
    unsigned int seconds = (unsigned int)(conf->timeout / TORC_SECOND);

    conf->ndots = number_of(word, "ndots", 0, NDOTS_MAX, conf->ndots);
    conf->timeout = number_of(word, "timeout", 1, TIMEOUT_MAX, seconds) * TORC_SECOND;
    conf->attempts = number_of(word, "attempts", 1, ATTEMPTS_MAX, conf->attempts);
    conf->rotate |= torc_slice_is(word, "rotate");
    conf->only_streams |= torc_slice_is(word, "use-vc");
    conf->no_ipv6 |= torc_slice_is(word, "no-aaaa");
}

static void parse_line(torc__resolv_conf *conf, torc_slice line)
{
    torc_slice words = torc_slice_trim(line);
    torc_slice key = torc_next_word(&words);
    torc_slice word;

    if (torc_slice_is(key, "nameserver"))
        add_server(conf, words);
    else if (torc_slice_is(key, "search"))
        set_searches(conf, words);
    else if (torc_slice_is(key, "domain"))
        set_searches(conf, torc_next_word(&words));
    else if (torc_slice_is(key, "options"))
        while ((word = torc_next_word(&words)).length > 0)
            set_option(conf, word);
}

void torc__resolv_conf_parse(torc__resolv_conf *conf, torc_slice text)
{
    memset(conf, 0, sizeof *conf);
    conf->ndots = 1;
    conf->timeout = 5 * TORC_SECOND;
    conf->attempts = 2;
    while (text.length > 0) {
        size_t end = torc_slice_find_byte(text, '\n');
        torc_slice line = torc_slice_first(text, end);

        line = torc_slice_first(line, torc_slice_find_byte(line, '#'));
        line = torc_slice_first(line, torc_slice_find_byte(line, ';'));
        if (line.length > 0 && line.data[line.length - 1] == '\r')
            line.length--;
        parse_line(conf, line);
        text = torc_slice_skip(text, end + 1);
    }
    if (conf->server_count == 0)
        conf->server_count = torc_address_parse(
            TORC_SLICE("127.0.0.1"), DNS_PORT, &conf->servers[0]) ? 1 : 0;
}

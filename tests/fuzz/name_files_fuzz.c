/*
 * The files that say how names are looked up, /etc/hosts and /etc/resolv.conf: whatever stands in
 * them, what is made of it stays within its bounds, and a second reading says the same.
 */
#include "names/hosts_file.h"
#include "names/resolv_conf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES_MAX = 64 };

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_resolv_conf(torc_slice text)
{
    torc__resolv_conf conf, again;

    memset(&conf, 0, sizeof conf);
    memset(&again, 0, sizeof again);
    torc__resolv_conf_parse(&conf, text);
    torc__resolv_conf_parse(&again, text);
    require(memcmp(&conf, &again, sizeof conf) == 0);
    require(conf.server_count >= 1 && conf.server_count <= TORC__SERVERS_MAX);
    require(conf.search_count <= TORC__SEARCHES_MAX);
    require(conf.ndots <= 15 && conf.attempts >= 1 && conf.attempts <= 5);
    require(conf.timeout >= TORC_SECOND && conf.timeout <= 30 * TORC_SECOND);
}

/* Each word of the text may be a name: none finds more than there is room for. */
static void check_hosts(torc_slice text)
{
    static const char blanks[] = " \t\n\r#";
    torc_address addresses[ADDRESSES_MAX];
    torc__hosts hosts;
    size_t start = 0;

    torc__hosts_init(&hosts);
    torc__hosts_parse(&hosts, text);
    torc__hosts_parse(&hosts, text);
    for (size_t i = 0; i <= text.length; i++) {
        if (i < text.length && memchr(blanks, text.data[i], sizeof blanks - 1) == NULL)
            continue;
        require(torc__hosts_find(&hosts, torc_slice_make(text.data + start, i - start), addresses,
                    ADDRESSES_MAX) <= ADDRESSES_MAX);
        start = i + 1;
    }
    torc__hosts_clear(&hosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc_slice text = torc_slice_make(data, size);

    if (size > TORC__RESOLV_CONF_MAX)
        return 0;
    check_resolv_conf(text);
    check_hosts(text);
    return 0;
}

#!/bin/bash
# check_layers: the tree keeps its include rules, and tools/check-layers sees each rule broken.
#
# A checker that finds nothing proves nothing: every rule is broken once, in a small tree of its own.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v python3 >/dev/null || {
    echo "skipped: there is no python3"
    exit 77
}

"$source/tools/check-layers" "$source"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# plant FILE INCLUDE...: a file that includes what is named, with its quotes or angle brackets.
plant()
{
    local file=$work/tree/$1

    shift
    mkdir -p "$(dirname "$file")"
    printf '#include %s\n' "$@" >"$file"
}

fresh_tree()
{
    rm -rf "$work/tree"
    plant include/torc/slice.h '<stddef.h>'
    plant include/torc/transport.h '<torc/slice.h>'
    plant include/torc/driver.h '<sys/socket.h>'
    plant include/torc/web.h '<torc/transport.h>'
    plant src/base/pool.h '<torc/slice.h>'
    plant src/reactor/reactor.h '<torc/driver.h>' '"base/pool.h"'
    plant src/transport/tcp.c '"reactor/reactor.h"' '<sys/socket.h>'
    plant src/web/codec.h '<torc/slice.h>' '"base/pool.h"'
    plant src/mail/codec.h '<torc/slice.h>'
    plant src/testing/carrier.c '"reactor/reactor.h"' '<torc/testing.h>'
    plant include/torc/testing.h '<torc/transport.h>'
}

# expect RULE WHAT: the tree as it stands is refused, by that rule.
expect()
{
    local said

    if said=$("$source/tools/check-layers" "$work/tree") || ! grep -q ": $1: " <<<"$said"; then
        echo "not seen: $2"
        echo "$said"
        failures=$((failures + 1))
    fi
}

fresh_tree
"$source/tools/check-layers" "$work/tree" >"$work/said" || {
    echo "a tree that keeps the rules is refused:"
    cat "$work/said"
    failures=$((failures + 1))
}

fresh_tree
plant src/base/list.h '"reactor/reactor.h"'
expect floor "base includes the reactor"

fresh_tree
plant src/reactor/turn.c '<torc/transport.h>'
expect floor "the reactor includes the transport's public header"

fresh_tree
plant src/base/pool.h '"base/list.h"'
plant src/base/list.h '"base/pool.h"'
expect circle "two headers include each other"

fresh_tree
plant src/web/server.c '"mail/codec.h"'
expect family "web includes a private header of mail"

fresh_tree
plant src/web/server.c '"testing/fixture.h"'
plant src/testing/fixture.h '<torc/driver.h>'
expect family "web includes a private header of the testing kit"

fresh_tree
plant torcd/main.c '"web/codec.h"'
expect family "the daemon includes a private header of web"

fresh_tree
plant examples/echo.c '"base/pool.h"'
expect public "an example includes a private header"

fresh_tree
plant include/torc/line.h '"base/pool.h"'
expect public "a public header includes a private one"

for header in sys/socket.h netinet/in.h arpa/inet.h poll.h sys/epoll.h sys/select.h \
    openssl/ssl.h torc/driver.h; do
    fresh_tree
    plant src/protocol/line.c "<$header>"
    expect socket "protocol code includes $header"
done

fresh_tree
plant src/web/server.c '"reactor/reactor.h"'
expect socket "a family includes a socket header by way of the reactor's"

fresh_tree
plant torcd/plugins/web.c '<sys/socket.h>'
expect socket "a plugin includes a socket header"

fresh_tree
plant src/base/hash.c '"base/nothing.h"'
expect unknown "a private include that leads nowhere"

[ "$failures" -eq 0 ] || exit 1
echo "each broken rule was seen"

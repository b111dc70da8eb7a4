#!/bin/bash
# check_runner: torc-scenario refuses what is no story with the line's number, and fails a story
# that does not hold, with a report that says where and why.
#
# A runner that passes everything proves nothing: here are the stories that must not pass.
set -u

scenario=${SCENARIO:-build/torc-scenario}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect STATUS TEXT [MODE...]: plays the story on stdin; the output has TEXT in it.
expect()
{
    local status=$1 text=$2 got

    shift 2
    cat >"$work/story.torcs"
    "$scenario" "$@" "$work/story.torcs" >"$work/said" 2>&1
    got=$?
    if [ "$got" != "$status" ] || ! grep -qF -- "$text" "$work/said"; then
        echo "status $got, and not $status, or without '$text':"
        sed 's/^/    /' "$work/story.torcs" "$work/said"
        failures=$((failures + 1))
    fi
}

# -- what is no story ------------------------------------------------------------------------

expect 1 'story.torcs:1: a story begins with its server' <<<'client a'
expect 1 "story.torcs:1: there is no server 'mail'; there are: example line web" <<<'server mail'
expect 1 "story.torcs:1: server line has no option 'speed=9'" <<<'server line speed=9'
expect 1 "story.torcs:1: 'max=many': max takes =NUMBER" <<<'server line max=many'
expect 1 "story.torcs:1: 'drops-raw=1': drops-raw takes a bare word" <<<'server line drops-raw=1'
expect 1 'story.torcs:2: there is one server in a story' <<<$'server line\nserver line'
expect 1 'story.torcs:1: nobody acts in this story' <<<'server line'
expect 1 "story.torcs:2: who does 'send'?" <<<$'server line\nsend "a"'
expect 1 "story.torcs:4: there is no verb 'sned'" <<<$'# A comment.\nserver line\nclient a\nsned "a"'
expect 1 'story.torcs:3: a text stands in double quotes' <<<$'server line\nclient a\nsend a'
expect 1 'story.torcs:3: the closing quote is missing' <<<$'server line\nclient a\nsend "a'
expect 1 "story.torcs:3: there is no escape '\\q'" <<<$'server line\nclient a\nsend "\\q"'
expect 1 'story.torcs:3: \x takes two hex digits' <<<$'server line\nclient a\nsend "\\x1"'
expect 1 "story.torcs:3: '*' takes a number" <<<$'server line\nclient a\nsend "a" * b'
expect 1 "story.torcs:3: the text's end is missing: a line 'END'" \
    <<<$'server line\nclient a\nsend <<END\nhello'
expect 1 'story.torcs:3: bytes in hex are pairs' <<<$'server line\nclient a\nsend-hex 0d 0'
expect 1 'story.torcs:3: a pattern stands between slashes' <<<$'server line\nclient a\nexpect-match a'
expect 1 'is not a regular expression' <<<$'server line\nclient a\nexpect-match /(/'
expect 1 "'now' is too much behind 'close'" <<<$'server line\nclient a\nclose now'
expect 1 "story.torcs:4: 'soon' is not a time" <<<$'only memory\nserver line\nclient a\nadvance soon'
expect 1 "story.torcs:3: 'advance' needs the virtual clock" <<<$'server line\nclient a\nadvance 5m'
expect 1 "story.torcs:3: this 'repeat' has no 'end'" <<<$'server line\nclient a\nrepeat 2\nclose'
expect 1 "story.torcs:3: 'end' ends a 'repeat'" <<<$'server line\nclient a\nend'
expect 1 "'only' is followed by 'memory' or 'live'" <<<'only sometimes'

# -- what does not hold ----------------------------------------------------------------------

wrong=$'server line\nclient alice\nsend "one\\r\\n"\nexpect "line 3 \'two\'\\r\\n"'
expect 1 "- \"line 3 'two'\\r\\n\"" <<<"$wrong"
expect 1 "+ \"line 3 'one'\\r\\n\"" <<<"$wrong"
expect 1 'alice    >  "one\r\n"' <<<"$wrong"
expect 1 'story.torcs:4 (memory)' <<<"$wrong"
expect 1 'story.torcs:4 (cut at every byte)' --cut <<<"$wrong"
expect 1 'story.torcs:4 (live)' --live "$scenario" <<<"$wrong"

expect 1 '(nothing more came)' <<<$'server line\nclient a\nexpect "x"'
expect 1 "what the story does not expect: \"line 1 'x'" <<<$'server line\nclient a\nsend "x\\r\\n"'
expect 1 'expected the end, and there was an open connection' \
    <<<$'server line\nclient a\nexpect-close'
expect 1 'expected a reset, and there was the end' \
    <<<$'server line\nclient a\nclose-write\nexpect-reset'
expect 1 'expected nothing, and there came the end' \
    <<<$'server line\nclient a\nclose-write\nexpect-nothing'
expect 1 'expected nothing, and there came "line 1' \
    <<<$'server line\nclient a\nsend "x\\r\\n"\nexpect-nothing'
expect 1 '- /^b/' <<<$'server line\nclient a\nsend "x\\r\\n"\nexpect-match /^b/'
expect 1 'no line of the log matches /nobody/' <<<$'server line\nclient a\nexpect-log /nobody/'
expect 1 "nothing has been kept as 'etag'" <<<$'server web\nclient a\nget / "X: \\{etag}"'
expect 1 "a file's name is relative" <<<$'server web\nfile ../x "x"\nclient a'
expect 1 'the answer has no field ETag' <<<$'server web\nclient a\nget /x\nanswer 404\nfield ETag "x"'

# -- what is not for a mode ------------------------------------------------------------------

expect 77 '1 not for --live' --live "$scenario" <<<$'only memory\nserver line\nclient a'
expect 77 '1 not for --memory' <<<$'only live\nserver line\nclient a'
expect 77 '1 not for --foreign' --foreign true <<<$'server web\nclient a'
expect 77 '1 not for --cut' --cut <<<$'not cut\nserver line\nclient a'
expect 77 'there is no program' --foreign no-such-program <<<$'server web\nclient a'
expect 0 '1 passed, 0 failed' <<<$'server line\nclient a\nsend "x\\r\\n"\nexpect-line "line 1 \'x\'"'

exit $((failures > 0))

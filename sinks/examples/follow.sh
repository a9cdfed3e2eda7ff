#!/bin/sh
# Prints the alerts that stand and follows what changes: follow.sh [AUDIENCE [DEPLOYMENT]]
# REDISCLI is the command to ask with, REDISCLI='redis-cli -h HOST'. One answer a line: the fields
# that are asked for hold no line ends (titles and keys may).
set -u
redis=${REDISCLI:-redis-cli}
[ -z "${REDIS_USER:-}" ] || redis="$redis --user $REDIS_USER"
P="cw:{${2:-crosswatch}}:a:${1:-all}:"
fields='revision level last rule'
lot=200
away=9 again=8
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
trap 'exit 0' INT TERM

ask() { # COMMANDS, one a line; the answers go to $lines
    printf '%s\n' "$1" | $redis >"$lines" 2>/dev/null || return $away
    # A word in capitals at the beginning of a line is an error; of an error nothing is believed.
    if grep -qE '^(ERR|NOPERM|NOAUTH|WRONGPASS|LOADING|EXECABORT|WRONGTYPE|MASTERDOWN) ' "$lines"; then
        cat "$lines" >&2
        return $away
    fi
}

less() { # ID ID: as two numbers each
    [ "${1%-*}" -lt "${2%-*}" ] || { [ "${1%-*}" -eq "${2%-*}" ] && [ "${1#*-}" -lt "${2#*-}" ]; }
}

# The hashes of the ids in "$@", at one moment with what says whether they count. Behind it $lines
# has four lines an id.
hashes() {
    commands="MULTI
HMGET ${P}meta generation feed_floor"
    queued=$(($# + 1))
    for id; do commands="$commands
HMGET $P$G:alert:$id $fields"; done
    ask "$commands
EXEC" || return
    sed -i "1,$((queued + 1))d" "$lines" # OK, QUEUED …
    { read -r generation && read -r floor; } <"$lines" || return $away
    [ "$generation" = "$G" ] || return $again
    [ -z "$floor" ] || ! less "$LAST" "$floor" || return $again
    sed -i 1,2d "$lines"
}

show() { # WORD ID…: a line for each id whose hash is there
    word=$1
    shift
    for id; do
        read -r revision && read -r level && read -r last && read -r rule || return $away
        [ -z "$revision" ] || echo "$word $id $revision $level $last $rule"
    done <"$lines"
}

begin() {
    ask "HMGET ${P}meta contract generation" || return
    { read -r contract && read -r G; } <"$lines" || return $away
    [ -n "$contract" ] || { sleep 1; return $again; } # nothing was written yet, or it is being filled
    [ "$contract" = 2 ] || { echo "expected contract 2, found $contract" >&2; exit 1; }
    ask "MULTI
HMGET ${P}meta generation tick row
ZRANGE $P$G:open 0 -1 rev
EXEC" || return
    sed -i 1,3d "$lines"
    { read -r generation && read -r tick && read -r row; } <"$lines" || return $away
    [ "$generation" = "$G" ] || return $again
    LAST=$tick-$row
    sed 1,3d "$lines" >"$lines.open"
    shown="view $G"
    while
        set --
        while [ $# -lt $lot ] && read -r id; do [ -z "$id" ] || set -- "$@" "$id"; done
        [ $# -gt 0 ]
    do
        hashes "$@" || { r=$?; rm -f "$lines.open"; return $r; }
        more=$(show open "$@") || { rm -f "$lines.open"; return $away; }
        shown="$shown
$more"
    done <"$lines.open"
    rm -f "$lines.open"
    echo "$shown
at $LAST"
}

follow() {
    ask "XREAD BLOCK 5000 COUNT $lot STREAMS $P$G:feed $LAST" || return
    # The stream's name; then for each entry its id, and names and values of its fields.
    entries=$(sed 1d "$lines")
    set --
    told= op= id= next=
    flush() { [ -z "$id" ] || told="$told$op $id ${next:--}
"; }
    while read -r name; do
        case $name in
        *-*) flush; op= id= next= entry=$name ;;
        op) read -r op ;;
        id) read -r id; set -- "$@" "$id" ;;
        next) read -r next ;;
        ?*) read -r _ ;;
        esac
    done <<END
$entries
END
    flush
    hashes "$@" || return
    [ $# -gt 0 ] || return 0
    printf %s "$told" >"$lines.told"
    while read -r op id next <&3; do
        read -r revision && read -r level && read -r last && read -r rule || return $away
        case $op in
        gone) echo "gone $id $next" ;;
        set) [ -z "$revision" ] || echo "set $id $revision $level $last $rule" ;;
        esac
    done <"$lines" 3<"$lines.told"
    rm -f "$lines.told"
    LAST=$entry
    echo "at $LAST"
}

while :; do
    begin
    status=$?
    while [ $status -eq 0 ]; do
        follow
        status=$?
    done
    [ $status -eq $again ] || sleep 1
done

#!/usr/bin/env bash
# Instructions of an event, counted by callgrind: the difference between a long and a short run of a bot, so that its start does not count.
# It does not depend on the load of the machine, so it is the figure to compare two versions by.
#
#   benches/instructions.sh [v1|v2] [HANDLERS]
#
# Needs valgrind. The goal is 4,500 at most on v1 with one handler. `BARE=1 benches/instructions.sh` counts those of the bare client.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly WIRE=${1:-v1} HANDLERS=${2:-1} SHORT=20000 LONG=60000
GREENROOM=${GREENROOM:-$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/greenroom}
readonly GREENROOM
FOLDER=$(mktemp -d)
readonly FOLDER
trap 'rm -rf "$FOLDER"' EXIT

main() {
    command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
    [[ -x $GREENROOM ]] || cargo build --release
    local short long
    short=$(count "$SHORT")
    long=$(count "$LONG")
    echo "instructions_per_event=$(((long - short) / (LONG - SHORT))) wire=$WIRE handlers=$HANDLERS"
}

# Prints the instructions of a bot that handles so many events. The blaster is a process of its own and is not counted.
count() {
    local events=$1 url blaster
    mkfifo "$FOLDER/$events.in"
    "$GREENROOM" bench blaster --wire "$WIRE" --events "$events" <"$FOLDER/$events.in" >"$FOLDER/$events.out" &
    blaster=$!
    exec 3>"$FOLDER/$events.in"
    until grep -q listening "$FOLDER/$events.out"; do sleep 0.1; done
    url=$(sed -n 's/.*"listening":"\([^"]*\)".*/\1/p' "$FOLDER/$events.out")
    if [[ -n ${BARE:-} ]]; then
        set -- bench baseline --url "$url" --wire "$WIRE" --events "$events"
    else
        set -- bench receive --url "$url" --wire "$WIRE" --events "$events" --handlers "$HANDLERS"
    fi
    # The bare client waits for the end of its input.
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$GREENROOM" "$@" </dev/null >"$FOLDER/$events.said" 2>"$FOLDER/$events.log"
    exec 3>&-
    wait "$blaster"
    sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p' "$FOLDER/$events.log"
}

main

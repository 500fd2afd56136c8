#!/usr/bin/env bash
# Builds, starts the daemon on a new inbox and outbox, drops an example pair and waits for the result. The last line of
# output is the result's path.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release
place=$(mktemp -d "$PWD/demo.XXXXXX")
mkdir "$place/inbox" "$place/outbox"
.build/release/clipdragd run --inbox "$place/inbox" --outbox "$place/outbox" --state "$place/state" &
daemon=$!
trap 'kill $daemon 2>/dev/null || true; wait $daemon 2>/dev/null || true' EXIT
until [ -e "$place/state/status.json" ]; do
    kill -0 $daemon
    sleep 0.2
done
cp examples/rabbit-face.png examples/rabbit-ear.yaml "$place/inbox/"
echo "dropped rabbit-face.png and rabbit-ear.yaml into $place/inbox"
last=
until [ -d "$place/outbox/rabbit-ear" ]; do
    kill -0 $daemon
    if [ -d "$place/inbox/failed/rabbit-ear" ]; then
        cat "$place/inbox/failed/rabbit-ear/error.txt"
        exit 1
    fi
    now=$(.build/release/clipdragd status --state "$place/state" | sed -n 's/^running *//p' | cut -d' ' -f1-3)
    [ "$now" = "$last" ] || [ -z "$now" ] || echo "  $now"
    last=$now
    sleep 1
done
echo "published; beside the picture: $(ls "$place/outbox/rabbit-ear" | tr '\n' ' ')"
kill $daemon
wait $daemon || true
trap - EXIT
cat <<TEXT

A picture of your own, by clicking:
  1. Open this page in a browser: file://$(.build/release/clipdragd editor | sed 's/ /%20/g')
  2. Save picture and spec into this folder: $place/inbox
  3. $PWD/.build/release/clipdragd run --once --inbox $place/inbox --outbox $place/outbox --state $place/state
The starter model knows emoji: examples/ has some. The result of the demo:
TEXT
echo "$place/outbox/rabbit-ear/result.png"

#!/bin/sh
# A prompt change judged live: a small model on this machine answers both prompts. All data is made up; no key, no network.
set -eu
cd "$(dirname "$0")/live"

say() { printf '\n\033[1m%s\033[0m\n' "$1" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }

work="$(mktemp -d)"
mkfifo "$work/stop"
python serve.py --port 18099 <"$work/stop" >"$work/url" 2>"$work/log" &
server=$!
exec 3>"$work/stop"
# The server ends with its standard input.
trap 'exec 3>&-; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

say '0. A language model of 135 million parameters starts on this machine.'
tries=0
while [ ! -s "$work/url" ]; do
  tries=$((tries + 1))
  if ! kill -0 "$server" 2>/dev/null || [ "$tries" -gt 600 ]; then
    cat "$work/log" >&2
    exit 2
  fi
  sleep 0.1
done
cat "$work/url"

say '1. The agent as it is: nothing was recorded, so the model is asked.'
echo '$ runback-gate run --live --cache .runback/responses'
runback-gate run --live --cache "$work/responses" --report "$work/green" --all

say '2. Somebody changes the prompt: "Give the money back when a customer asks for it".'
echo '$ runback-gate run --live --cache .runback/responses --agent agents/changed/desk.yaml'
code=0
runback-gate run --live --cache "$work/responses" --agent agents/changed/desk.yaml --report "$work/red" || code=$?
if [ "$code" -ne 1 ]; then
  echo "error: the changed prompt was to fail with exit code 1, not $code" >&2
  exit 2
fi

say '3. Once more: what was answered is not asked again.'
echo '$ runback-gate run --cache .runback/responses'
runback-gate run --cache "$work/responses" --report "$work/again" --all

#!/bin/sh
# The main job three times: a green run, a changed prompt whose row turns red, and the same change held against its base.
# Then a signed record of the results, and a forgery of it. All data here is made up; no key of a provider, no network.
set -eu
cd "$(dirname "$0")/.."
top="$PWD"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$1" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }

say '1. The agent as it is: every recorded step is judged again.'
echo '$ runback-gate run'
runback-gate run --report .runback/green

say '2. Somebody changes the prompt (agents/changed/support.md): "Give the money back when a customer asks for it".'
echo '$ runback-gate run --agent agents/changed/support.yaml --cache datasets/answers'
code=0
runback-gate run --agent agents/changed/support.yaml --cache datasets/answers --report .runback/red \
  --format markdown --format html || code=$?
if [ "$code" -ne 1 ]; then
  echo "error: the changed agent was to fail with exit code 1, not $code" >&2
  exit 2
fi

say '3. The same change as a pull request: against its base, with two known problems in another dataset.'
mkdir "$work/before"
cp -R agents datasets policies runback.yaml "$work/before"
cp -R demo/known/datasets/. "$work/before/datasets"
cp -R "$work/before" "$work/after"
cp agents/changed/support.md "$work/after/agents/support.md"
echo '$ runback-gate run --root after --base ./before --cache datasets/answers'
code=0
(cd "$work" && runback-gate run --root after --base ./before --cache "$top/datasets/answers") || code=$?
if [ "$code" -ne 1 ]; then
  echo "error: the regression was to end in exit code 1, not $code" >&2
  exit 2
fi

say '4. The first two results go into one record, signed with a key: nobody can change it unseen.'
runback-gate keys generate "$work/demo" --no-password >"$work/keys.txt"
echo '$ runback-gate audit export .runback/green/report.json .runback/red/report.json --out record.jsonl --key demo.key'
cd "$work"
runback-gate audit export "$top/.runback/green/report.json" "$top/.runback/red/report.json" \
  --out record.jsonl --key demo.key
echo '$ runback-gate audit verify record.jsonl --key demo.pub'
runback-gate audit verify record.jsonl --key demo.pub

say '5. Somebody makes the red result green in it: one word is changed.'
sed 's/^  "verdict": "FAIL"$/  "verdict": "PASS"/' record.jsonl >changed.jsonl
echo '$ runback-gate audit verify changed.jsonl --key demo.pub'
code=0
runback-gate audit verify changed.jsonl --key demo.pub || code=$?
if [ "$code" -ne 1 ]; then
  echo "error: the changed record was to be invalid with exit code 1, not $code" >&2
  exit 2
fi

say 'Try next:'
cat <<END
  .venv/bin/runback-gate policy test                        what each rule was seen to say, on both CEL engines
  .venv/bin/runback-gate dataset show disputed-charge-escalates
                                                            the step that turned red, and the checks it must keep
  open .runback/red/report.html                             the same report as a page
  export PATH="$top/.venv/bin:\$PATH"; cd "\$(mktemp -d)"; runback-gate demo
                                                            walk through a run that broke, in the browser
END

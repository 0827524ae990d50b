#!/usr/bin/env bash
# What GitHub would find wrong with the action, its image and the workflows: the schemas of its files, and known mistakes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin

echo "actions: Dockerfile (hadolint)"
"$bin/hadolint" --no-color --failure-threshold style Dockerfile
echo "actions: schemas (check-jsonschema)"
"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-actions action.yml
"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/workflows/*.yml
echo "actions: security (zizmor)"
"$bin/zizmor" --offline --quiet --no-progress --persona=pedantic --config .github/zizmor.yml action.yml .github/workflows examples/workflows

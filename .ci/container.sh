#!/usr/bin/env bash
# Builds the Dockerfile and runs the action in it as GitHub does, without a docker engine and without a registry.
#
# The base is made here from Debian's packages: a stand-in that proves our instructions, not the real python:3.11-slim.
# Needs root. Installs buildah, podman, runc and mmdebstrap where they are missing. Some three minutes.
# RUNBACK_BASE_TAR names a root file system to take instead of making one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "container: needs root to build without a docker engine" >&2
  exit 2
fi
missing=()
for tool in buildah podman runc mmdebstrap; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "container: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

work="$(mktemp -d)"
store=(--storage-driver overlay --root "$work/store" --runroot "$work/run")
cleanup() {
  buildah "${store[@]}" rm --all >/dev/null 2>&1 || true
  podman "${store[@]}" system reset --force >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

base="${RUNBACK_BASE_TAR:-$work/base.tar}"
if [ ! -f "$base" ]; then
  echo "container: a base of Debian's packages"
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv,python3-pip bookworm "$base"
fi
python=localhost/python:3.11-slim-bookworm
container="$(buildah "${store[@]}" from scratch)"
buildah "${store[@]}" add --quiet "$container" "$base" / >/dev/null
buildah "${store[@]}" commit --quiet "$container" "$python" >/dev/null
buildah "${store[@]}" rm "$container" >/dev/null

echo "container: building the Dockerfile"
# What pip needs to reach the packages through this machine is mounted, so that none of it stays in the image.
{
  echo "[global]"
  .venv/bin/python -m pip config list \
    | sed -nE "s/^(global|:env:)\.(cert|index-url|extra-index-url|trusted-host|proxy|timeout)='(.*)'$/\2 = \3/p" | sort -u -t = -k 1,1
} > "$work/pip.conf"
mounts=(--volume /etc/ssl/certs:/etc/ssl/certs:ro --volume "$work/pip.conf:/etc/pip.conf:ro")
image=localhost/runback-gate
buildah "${store[@]}" bud --quiet --isolation chroot --pull-never --build-arg PYTHON_IMAGE="$python" \
  "${mounts[@]}" --tag "$image" . >/dev/null

run=(podman "${store[@]}" --cgroup-manager cgroupfs --runtime runc run --rm
  --ulimit nofile=1024:20000 --ulimit nproc=4096:4096 --pids-limit 64)

echo "container: size"
# The stand-in is larger than the real base of some 130 MB: what is added to it is what we answer for.
podman "${store[@]}" image inspect --format '{{.Size}}' "$python" "$image" | paste -s \
  | awk '{ printf "  %d MB on a base of %d MB (promised: 220 MB)\n", ($2 - $1) / 1e6, $1 / 1e6; exit $2 - $1 > 220e6 }'

echo "container: a proof with what the image has"
"${run[@]}" --network none --read-only --user 65532 --entrypoint /opt/venv/bin/python "$image" -I -c 'import platform, z3
solver = z3.Solver()
solver.add(z3.Int("x") > 1, z3.Int("x") < 2)
assert solver.check() == z3.unsat, platform.machine()'

echo "container: the demo without network, rights or a place to write"
demo=("${run[@]}" --network none --read-only --cap-drop all --security-opt no-new-privileges --memory 256m
  --user 65532 --volume "$PWD:/work:ro" --workdir /work --tmpfs /out:rw,mode=1777 "$image" run --report /out)
"${demo[@]}" >/dev/null
best=999999
for _ in 1 2 3; do
  start=$(date +%s%N)
  "${demo[@]}" >/dev/null
  took=$((($(date +%s%N) - start) / 1000000))
  if [ "$took" -lt "$best" ]; then best=$took; fi
done
# Beside the clock the CPU, which a busy machine does not stretch.
cpu='import resource, runback_gate.cli as c
try:
    c.main(["run", "--quiet", "--report", "/out"])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"cpu {used.ru_utime + used.ru_stime:.2f}")'
used="$("${demo[@]:0:${#demo[@]}-4}" --entrypoint /opt/venv/bin/python "$image" -I -c "$cpu" | awk '/^cpu / { print $2 }')"
echo "  start to verdict on the demo: $best ms, best of 3 (promised: 2000 ms); $used CPU s in the container"

echo "container: the action, as GitHub runs it"
RUNBACK_CONTAINER="${run[*]} --network host" RUNBACK_IMAGE="$image" .venv/bin/python -m pytest -q -p no:cacheprovider tests/e2e

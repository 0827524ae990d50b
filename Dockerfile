# The container of the GitHub Action, and the same for local use: docker run --rm --user "$(id -u)" -v "$PWD:/work" -w /work IMAGE run
#
# The base is named by its tag. A digest can only be looked up where there is a registry: the release workflow does that
# and builds with --build-arg PYTHON_IMAGE=…@sha256:…, so that a released image stands on a base that was seen.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/run.lock requirements/proof.lock requirements/
# What is installed is what was reviewed: wheels by their hashes, nothing is resolved, no code of a package runs. The
# solver of proofs has no wheel for the glibc of this base on arm64: there `prove` says that it is missing.
RUN python3 -m venv /opt/venv \
    && if [ "$(uname -m)" = x86_64 ]; then lock=proof; else lock=run; fi \
    && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: --requirement "requirements/$lock.lock"
COPY pyproject.toml README.md LICENSE ./
COPY runback_gate runback_gate
RUN /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --no-index --no-build-isolation --no-deps . \
    # What installs is not needed to run, and could only help somebody who broke in.
    && /opt/venv/bin/python -m pip uninstall --quiet --yes setuptools pip \
    # 66 MB that nothing loads: extensions of the engine that no environment of ours names, the solver a second time.
    && rm -rf /opt/venv/lib/python3*/site-packages/cel_expr_python/ext \
        /opt/venv/lib/python3*/site-packages/z3/lib/libz3.so.* \
    && python3 -m compileall -q /opt/venv/lib

# All other extras on top: archives, Ray, OTLP, Bedrock, more providers. The locks agree on versions.
FROM build AS build-full
COPY requirements/archive.lock requirements/ray.lock requirements/otlp.lock requirements/bedrock.lock requirements/providers.lock requirements/
RUN python3 -m pip --python /opt/venv/bin/python install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: --requirement requirements/archive.lock --requirement requirements/ray.lock \
        --requirement requirements/otlp.lock --requirement requirements/bedrock.lock --requirement requirements/providers.lock \
    && python3 -m pip --python /opt/venv/bin/python uninstall --quiet --yes setuptools \
    && python3 -m compileall -q /opt/venv/lib

FROM ${PYTHON_IMAGE} AS image
LABEL org.opencontainers.image.title="runback-gate" \
      org.opencontainers.image.description="A merge gate for AI agents" \
      org.opencontainers.image.licenses="Apache-2.0"
# -I: the working folder is the checkout of a change, and nothing of it may be imported. No shell: the names of inputs
# hold dashes, and a shell is one more way to run what a change brings. No USER: GitHub starts actions as root, whose
# files the step must write; `action --user` gives the rights up before it reads anything of the change.
ENTRYPOINT ["/opt/venv/bin/python", "-I", "-m", "runback_gate"]

FROM image AS full
COPY --from=build-full /opt/venv /opt/venv

# The last stage is the image that is built unless a target is named.
FROM image AS default
COPY --from=build /opt/venv /opt/venv

# The container of the GitHub Action, and the same for local use: docker run --rm --user "$(id -u)" -v "$PWD:/work" -w /work IMAGE run
#
# The base is named by its tag. A digest can only be looked up where there is a registry: the release workflow does that
# and builds with --build-arg PYTHON_IMAGE=…@sha256:…, so that a released image stands on a base that was seen.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/run.lock requirements/run.lock
# What is installed is what was reviewed: wheels by their hashes, nothing is resolved, no code of a package runs.
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: --requirement requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY runback_gate runback_gate
RUN /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --no-index --no-build-isolation --no-deps . \
    # What installs is not needed to run, and could only help somebody who broke in.
    && /opt/venv/bin/python -m pip uninstall --quiet --yes setuptools pip \
    && python3 -m compileall -q /opt/venv/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="runback-gate" \
      org.opencontainers.image.description="A merge gate for AI agents" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
# -I: the working folder is the checkout of a change, and nothing of it may be imported. No shell: the names of inputs
# hold dashes, and a shell is one more way to run what a change brings. No USER: GitHub starts actions as root, whose
# files the step must write; `action --user` gives the rights up before it reads anything of the change.
ENTRYPOINT ["/opt/venv/bin/python", "-I", "-m", "runback_gate"]

# morphogen-server, and morphogen-snapshot beside it. Context: ops/services.
#
# There is no `# syntax=` line: it would be pulled, and not every machine reaches a public registry.
# Where none is reached, `inv image.base` makes the base and the build takes it by this very name.

FROM python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb AS base
# Health checks ask with curl. The public base has none; a base of `inv image.base` does.
# hadolint ignore=DL3008
RUN command -v curl >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*; }
# One request is one thread's work; a BLAS pool in every worker would only fight over the cores.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1
# Neither base brings the library's bytecode, and on a read-only root every start would compile anew.
# Checked by nobody's clock, it is the same from one build to the next.
RUN python3 -m compileall -q -x '/(test|tests|idlelib|lib2to3)/' --invalidation-mode unchecked-hash \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"


FROM base AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_NO_COMPILE=1
WORKDIR /src
# Here pip is run four times, and never shipped: compile it once.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m compileall -q "$(python3 -c 'import os, pip; print(os.path.dirname(pip.__file__))')"


# What the services stand on.
FROM tools AS dependencies
COPY requirements.txt ./
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r requirements.txt \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib


# The build backend, kept out of what is shipped.
FROM tools AS backend
COPY requirements-build.txt ./
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r requirements-build.txt


# The services themselves: a small layer of their own, the only one that a change of code renews.
FROM backend AS services
COPY . ./
RUN python3 -m pip --python /opt/venv/bin/python install --no-build-isolation --no-deps --no-index --target /opt/app . \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/app


FROM base AS final
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=services /opt/app /opt/app
ENV PATH=/opt/app/bin:/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/app
# By number: the base need not know the name.
USER 10001:10001
WORKDIR /tmp
EXPOSE 3000
ENTRYPOINT ["morphogen-server"]

# One image for every role: code server, UI, daemon, a run's pod, the commands. Nothing in it is secret; what it
# connects to, it is told by environment variables. `docker build -t taxi-assets .`

ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# What is needed to install stays in this stage.
FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir "uv==${UV_VERSION}" && python -m venv --without-pip /opt/taxi
WORKDIR /build
# The lock file first: a change of our own code leaves this layer, which is all of the size, as it is. Bytecode is
# compiled now, as nobody may write there later: without it each Dagster process starts at half speed.
COPY requirements-image.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/taxi/bin/python --link-mode copy --compile-bytecode --only-binary :all: \
    -r requirements-image.lock \
    && find /opt/taxi -type d -name tests -prune -exec rm -r {} + \
    && rm -r /opt/taxi/lib/python3*/site-packages/googleapiclient/discovery_cache/documents
# (60 MB of the libraries' own tests; 110 MB that describe 500 services of Google's, none of which is called so)
COPY pyproject.toml setup.py README.md LICENSE ./
COPY taxi_assets ./taxi_assets
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/taxi/bin/python --link-mode copy --compile-bytecode --no-deps .

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="taxi_assets" \
      org.opencontainers.image.description="New York City taxi trip records as Dagster assets" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, not only a name: Kubernetes' runAsNonRoot can't look names up.
RUN groupadd --gid 10001 taxi \
    && useradd --uid 10001 --gid taxi --no-create-home --home-dir /var/lib/taxi --shell /usr/sbin/nologin taxi \
    && install --directory --owner taxi --group taxi /var/lib/taxi /var/lib/taxi/lake /var/lib/taxi/tmp
COPY --from=build /opt/taxi /opt/taxi
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/

# Temporary files go to the volume: /tmp may be memory, and a month of fhvhv takes a gigabyte. A backfill waits while
# the code server is started again: without that variable of Dagster's it fails, and cancels its runs.
ENV PATH=/opt/taxi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_DISABLE_TELEMETRY=yes \
    DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR=1 \
    TAXI_HOME=/var/lib/taxi \
    TAXI_LAKE_URL=/var/lib/taxi/lake \
    TMPDIR=/var/lib/taxi/tmp
USER 10001:10001
WORKDIR /var/lib/taxi
VOLUME /var/lib/taxi
EXPOSE 3000 4000

HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "-m", "taxi_assets.code_server_health", "4000"]
CMD ["python", "-m", "taxi_assets.code_server", "--host", "0.0.0.0", "--port", "4000"]

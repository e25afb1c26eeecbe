# The broker and the IoT agents, without databases: MongoDB and MQTT are named by ECLOR_MONGO_URL and ECLOR_MQTT_URL.
# Any Debian 12 (or later) image does as a base.
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates
WORKDIR /src
COPY requirements.image.lock requirements.build.lock ./
RUN python3 -m venv /opt/eclor \
    && /opt/eclor/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.image.lock \
    && python3 -m venv /opt/builder \
    && /opt/builder/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.build.lock
COPY pyproject.toml README.md ./
COPY broker broker
COPY agents agents
COPY models models
COPY schemas schemas
# pip has no more to do in the image that runs.
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /opt/wheel . \
    && /opt/eclor/bin/pip install --no-deps --no-index /opt/wheel/*.whl \
    && /opt/eclor/bin/pip uninstall --yes pip setuptools

FROM ${BASE_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home eclor
COPY --from=build /opt/eclor /opt/eclor
# Inside a container only what the engine lets through arrives: the loopback address would let nothing in.
ENV PATH=/opt/eclor/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ECLOR_DATA_DIR=/data \
    ECLOR_HOST=0.0.0.0 ECLOR_AGENTS_HOST=0.0.0.0
WORKDIR /data
USER eclor
EXPOSE 1026 4041
STOPSIGNAL SIGTERM
# That of the broker; the agents are asked on their own port (see compose.yaml).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('ECLOR_PORT', '1026') + '/health', timeout=2)"]
CMD ["eclor", "broker"]

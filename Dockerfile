# syntax=docker/dockerfile:1
# Lectern as one image: `serve` by default; `api`, `relay`, `turn`, `migrate` as the command run one role.
# The same steps as `make serve`: deploy/web.sh builds the pages, the lock installs the packages.

FROM node:20-bookworm-slim AS web
WORKDIR /lectern
COPY web/package.json web/package-lock.json web/
RUN cd web && npm ci --no-audit --no-fund
COPY web web
RUN cd web && npm run build

FROM python:3.11-slim-bookworm AS packages
WORKDIR /lectern
ARG LOCK=run
COPY requirements requirements
RUN python -m venv .venv \
 && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/${LOCK}.lock

FROM python:3.11-slim-bookworm
WORKDIR /lectern
# coturn is for the role `turn` alone; an image starts no services by itself.
RUN apt-get update -q && apt-get install -q -y --no-install-recommends coturn && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /lectern --shell /usr/sbin/nologin lectern \
 && mkdir data && chown lectern:lectern data
COPY --from=packages /lectern/.venv .venv
COPY migrations migrations
COPY app app
# Whoever runs it may not write here, and to compile at each start would double its time.
RUN .venv/bin/python -m compileall -q app migrations
COPY --from=web /lectern/web/dist web/dist
USER lectern
ENV PATH=/lectern/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LECTERN_HOST=0.0.0.0 \
    LECTERN_MEDIA_BIND=0.0.0.0
VOLUME /lectern/data
EXPOSE 8000/tcp 7882/udp 7882/tcp
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('LECTERN_PORT', '8000') + '/health/live', timeout=3)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]

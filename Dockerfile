# The service in a container. Settings come from the environment (.env.example lists them); mount a volume at /data:
#   docker build -t ove-gh .
#   docker run --env-file .env -p 3000:3000 -v ove-data:/data ove-gh

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/ove-gh
# The dependencies first: they change less often than the code, and are the larger layer by far.
COPY .ci/requirements-image.txt ./
RUN /opt/ove-gh/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
      -r requirements-image.txt
COPY pyproject.toml README.md LICENSE ./
COPY ove_gh ./ove_gh
RUN /opt/ove-gh/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
 && /opt/ove-gh/bin/pip uninstall --yes setuptools pip

FROM python:3.12-slim-bookworm
# bubblewrap and socat are the agent's walls. The service starts shells and git commands, whose orphans come to
# process 1: tini reaps them, and passes SIGTERM on.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap ca-certificates git socat tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin ove \
 && install --directory --owner=ove --group=ove --mode=0700 /data
COPY --from=build /opt/ove-gh /opt/ove-gh

ENV PATH=/opt/ove-gh/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TINI_SUBREAPER=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    OVE_DATA_DIR=/data \
    OVE_LOG_FORMAT=json

USER ove
WORKDIR /data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--", "ove-gh"]
CMD ["serve"]

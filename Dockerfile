# Ringplan in a container. Build: docker build -t ringplan .
#
# A first configuration, then the exchange, with the host's network (docs/docker.md tells more):
#   docker run --rm --network host -v ringplan-config:/etc/ringplan ringplan init
#   docker run -d --name ringplan --network host --restart unless-stopped --stop-timeout 60 \
#     -v ringplan-config:/etc/ringplan -v ringplan-data:/var/lib/ringplan ringplan
# Calls take thousands of UDP ports, with addresses written inside the messages. Behind Docker's own network every one of
# those ports needs a rule and a copy in userland, source addresses get lost, and the addresses in the messages are
# wrong; with the host's network there is nothing in between. docs/docker.md has the other way, for when it must be.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY config config
COPY dialplan dialplan
COPY media media
COPY records records
COPY switch switch
RUN python -m venv /opt/ringplan \
    && /opt/ringplan/bin/pip install --no-cache-dir --disable-pip-version-check --constraint requirements.lock ".[postgres]" \
    && /opt/ringplan/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Ringplan" org.opencontainers.image.licenses="Apache-2.0"
# The voice of prompts and menus.
RUN apt-get update && apt-get install --yes --no-install-recommends espeak-ng && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 5060 --home-dir /var/lib/ringplan --shell /usr/sbin/nologin ringplan \
    && install -d -o ringplan -g ringplan -m 0750 /etc/ringplan /var/lib/ringplan /run/ringplan
COPY --from=build /opt/ringplan /opt/ringplan
ENV PATH=/opt/ringplan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER ringplan
VOLUME ["/etc/ringplan", "/var/lib/ringplan"]
# SIP; sound needs the range of `media: ports` besides. With --network host these lines are for reading only.
EXPOSE 5060/udp 5060/tcp
STOPSIGNAL SIGTERM
# Says the same as /healthz: fails while no exchange answers or something is wrong.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["ringplan", "status", "--json"]
# The supervisor is made to be process 1: it reaps what is orphaned and stops in order.
ENTRYPOINT ["ringplan"]
CMD ["serve"]

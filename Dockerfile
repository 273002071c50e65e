# One image for every service. requirements.txt is the only list of dependencies.
FROM python:3.11.14-slim-bookworm AS build
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r /requirements.txt

FROM python:3.11.14-slim-bookworm
# OpenMP's runtime, which scikit-learn's wheels link to.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 git && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 airlock && install -d -o airlock /opt/airlock /var/lib/airlock
COPY --from=build /venv /opt/airlock/.venv
WORKDIR /opt/airlock
COPY --chown=airlock . .
ENV PATH=/opt/airlock/.venv/bin:$PATH \
    PYTHONPATH=/opt/airlock:/opt/airlock/plugins \
    AIRLOCK_HOME=/var/lib/airlock
USER airlock
VOLUME /var/lib/airlock
ENTRYPOINT ["./airlock"]
CMD ["serve"]

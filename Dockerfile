# One image for every service. requirements.txt lists the dependencies; requirements-kubernetes.txt adds a provider.
FROM python:3.11.14-slim-bookworm AS build
# `--build-arg KUBERNETES=1` where KubernetesExecutor runs the tasks.
ARG KUBERNETES=
COPY requirements.txt requirements-kubernetes.txt /
RUN python -m venv /opt/airlock/.venv && /opt/airlock/.venv/bin/pip install --no-cache-dir -r /requirements.txt \
    ${KUBERNETES:+-r /requirements-kubernetes.txt}

FROM python:3.11.14-slim-bookworm
# OpenMP's runtime, which scikit-learn's wheels link to.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 git && rm -rf /var/lib/apt/lists/*
# The last folder: where Kubernetes mounts single files, it would make the one above them root's.
RUN useradd --create-home --uid 10001 airlock \
    && install -d -o airlock /opt/airlock /var/lib/airlock /var/lib/airlock/tmp /var/lib/airlock/airflow
COPY --from=build /opt/airlock/.venv /opt/airlock/.venv
WORKDIR /opt/airlock
COPY --chown=airlock . .
# Containers are read-only: what is not compiled now is compiled again by every process.
RUN .venv/bin/python -m compileall -q -j 0 bench cli config dags include plugins
# Large files are staged in the volume, not in memory.
ENV PATH=/opt/airlock/.venv/bin:$PATH \
    PYTHONPATH=/opt/airlock:/opt/airlock/plugins \
    AIRLOCK_HOME=/var/lib/airlock \
    HOME=/var/lib/airlock \
    TMPDIR=/var/lib/airlock/tmp
USER airlock
VOLUME /var/lib/airlock
ENTRYPOINT ["./airlock"]
CMD ["serve"]

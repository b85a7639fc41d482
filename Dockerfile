# An image that runs tap-ayra as an unprivileged user, with the versions that requirements/ pins.
#   docker build --tag tap-ayra .
#   docker run --rm --env TAP_AYRA_API_KEY tap-ayra --config ENV
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /source
COPY requirements/build.txt requirements/tap-ayra.txt requirements/
RUN python -m venv /opt/tap-ayra \
 && python -m venv /opt/build \
 && /opt/tap-ayra/bin/pip install --no-cache-dir --require-hashes --requirement requirements/tap-ayra.txt \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY tap_ayra tap_ayra
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/tap-ayra/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
 && /opt/tap-ayra/bin/pip uninstall --yes pip

FROM ${PYTHON}
LABEL org.opencontainers.image.title="tap-ayra" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home tap
COPY --from=build /opt/tap-ayra /opt/tap-ayra
ENV PATH=/opt/tap-ayra/bin:$PATH
USER 10001
WORKDIR /home/tap
ENTRYPOINT ["tap-ayra"]
CMD ["--help"]

# The one image that every service runs from: an interpreter and our source, nothing else.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE}

# An unprivileged user, and the one directory that it may write to: a named volume takes over
# the owner of the directory that it is first mounted on.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin glassbox \
    && install -d -o glassbox -g glassbox /data

WORKDIR /glassbox
COPY services services

# The containers' root is read-only, so what is not compiled here is compiled again by every
# start and every health check. Slim images come without the bytecode of the standard library.
RUN python3 -m compileall -q services \
    && python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))' \
    | xargs python3 -m compileall -q -x '/(site-packages|dist-packages|test|idlelib|tkinter)/'

ENV PYTHONDONTWRITEBYTECODE=1
USER glassbox
CMD ["python3", "-m", "services"]

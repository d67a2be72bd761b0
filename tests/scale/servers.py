"""Servers of the tests' own: a PostgreSQL that can be restarted, and a pgbouncer in front of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.benchmarks.servers import free_port

START_SECONDS = 30


@contextmanager
def own_postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """Start a cluster on a free port; yield the URL of its database and a function that restarts it at once."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("needs the programs of PostgreSQL's server, which are not installed")
    folder, port = Path(tempfile.mkdtemp(prefix="checkout-postgres-")), free_port()
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs[-1].parent / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)  # noqa: S603  # our own command

    server = ("-w", "-l", str(folder / "log"), "-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1")
    run("initdb", "--auth=trust", "--username=root")
    try:
        run("pg_ctl", "start", *server)
        # Without a checkpoint and without waiting for clients, as after a crash.
        yield f"postgres://root@127.0.0.1:{port}/sale", lambda: run("pg_ctl", "restart", "-m", "immediate", *server)
    finally:
        with suppress(subprocess.CalledProcessError):
            run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder)


@contextmanager
def own_pgbouncer(url: str, *, pool_size: int) -> Iterator[str]:
    """Start pgbouncer in transaction mode before the server of a URL; yield the URL through it."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("needs pgbouncer, which is not installed")
    parts, port = urlsplit(url), free_port()
    user = parts.username or "root"
    with tempfile.TemporaryDirectory(prefix="checkout-pgbouncer-") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{user}" "{parts.password or ""}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={parts.hostname} port={parts.port or 5432}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder / 'users'}\npool_mode = transaction\n"
            f"default_pool_size = {pool_size}\nmax_client_conn = 200\nlogfile = {folder / 'log'}\n"
        )
        command = [program, "-q", str(folder / "pgbouncer.ini")]
        if os.getuid() == 0:
            # It refuses to run as root.
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres")
            command[1:1] = ["-u", "postgres"]
        process = subprocess.Popen(command)  # noqa: S603  # our own command
        through = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
        try:
            _wait(urlunsplit(urlsplit(through)._replace(path="/postgres")))
            yield through
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _wait(url: str) -> None:
    """Wait until a database responds."""
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return

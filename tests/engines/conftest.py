from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests.engines.brokers import Proxy, Redis
from tests.engines.page import worker_of

TIMEOUT_SECONDS = 60


@pytest.fixture(scope="session")
def engine() -> str:
    return os.environ["ENGINE"]


@pytest.fixture(scope="session")
def broker(engine) -> Iterator[Redis | Proxy | None]:
    """The running broker of the engine; None for the database."""
    if engine == "database":
        yield None
        return
    port = urlsplit(os.environ["ENGINE_BROKER"]).port
    broker = Proxy(port) if engine == "celery-rabbitmq" else Redis(port)
    broker.start()
    yield broker
    broker.close()


@pytest.fixture(autouse=True)
def _empty_queue(engine, broker, transactional_db):
    """Nothing is left of an earlier test."""
    if engine == "celery-rabbitmq":
        from django_tasks_fennel.app import app

        app.control.purge()
    elif engine != "database":
        from redis import Redis as Client

        with Client.from_url(os.environ["ENGINE_BROKER"]) as client:
            client.flushall()


class Workers:
    """Processes that work for the queue, started as the page of the docs says."""

    def __init__(self, engine: str, folder: Path):
        self.command = worker_of(engine)
        self.folder = folder
        self.processes: list[subprocess.Popen] = []

    def start(self, number: int) -> None:
        environment = {**os.environ, "ENGINE_DATABASE": connection.settings_dict["NAME"]}
        for _ in range(number):
            command = self.command
            if "celery" in command:
                command = [*command, "--concurrency", "1", "--hostname", f"w{len(self.processes)}@%h"]
            log = (self.folder / f"worker-{len(self.processes)}.log").open("w")
            self.processes.append(
                subprocess.Popen(  # noqa: S603  # the command line of the page
                    command, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )
            log.close()

    def kill(self, process: subprocess.Popen) -> None:
        """End a worker and its children at once: its session, because RQ starts a group for each task."""
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(ProcessLookupError):
                if os.getsid(int(path.name)) == process.pid:
                    os.kill(int(path.name), signal.SIGKILL)
        process.wait(TIMEOUT_SECONDS)

    def restart_ended(self) -> None:
        """Start those again that have ended, as systemd does."""
        ended = [process for process in self.processes if process.poll() is not None]
        self.processes = [process for process in self.processes if process not in ended]
        self.start(len(ended))

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.log")))


@pytest.fixture
def workers(engine, tmp_path) -> Iterator[Workers]:
    workers = Workers(engine, tmp_path)
    yield workers
    for process in workers.processes:
        if process.poll() is None:
            workers.kill(process)
    print(workers.logs())


@pytest.fixture
def until(workers) -> Callable[..., None]:
    """Wait until a condition holds; the workers that have ended meanwhile are started again."""

    def until(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "it took too long"
            workers.restart_ended()
            time.sleep(0.1)

    return until

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.crashes import acts


@dataclass
class Killer:
    """Child processes that are killed, and the emulator that outlives them."""

    process: subprocess.Popen
    emulator: Emulator
    killed: int = 0

    def kill_at(self, boundary, act, host_order, bodies=()):
        """Run ``act`` in a child that is killed at this boundary; return False if it finished before."""
        command = {"act": act, "order": host_order.pk, "kill_at": boundary, "bodies": list(bodies)}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer in ("killed", "survived"), answer
        self.killed += answer == "killed"
        return answer == "killed"


@pytest.fixture
def killer(transactional_db):
    """An emulator with a socket, and a process whose children use it and the database of this test."""
    if connection.vendor != "postgresql":
        pytest.skip("the crash tests need PostgreSQL: set DATABASE_URL")
    emulator = Emulator(webhook_secret=settings.STRIPE_WEBHOOK_SECRETS[0])
    server = EmulatorServer(("127.0.0.1", 0), emulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crashes.victims"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "VICTIM_DATABASE": connection.settings_dict["NAME"],
            "VICTIM_STRIPE": server.url,
        },
    )
    acts.connect()
    try:
        assert process.stdout.readline() == "ready\n"
        with override_settings(STRIPE_API_BASE=server.url):
            killer = Killer(process, emulator)
            yield killer
        print(f"killed at {killer.killed} boundaries")
    finally:
        acts.disconnect()
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
        server.shutdown()
        server.server_close()
        thread.join()
        emulator.close()

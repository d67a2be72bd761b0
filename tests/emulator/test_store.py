"""The emulator's store: files that cannot be used, a full disk, a killed process, and the order of lists."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest
import stripe
from django.core.management import CommandError, call_command
from django.test import Client

from django_checkout.emulator import Emulator, Request, StoreError
from django_checkout.emulator.site import set_emulator
from django_checkout.emulator.state.store import FORMAT
from tests.benchmarks import emulator_store

from .conftest import BASE_URL, client_of, session_params

ROOT = Path(__file__).parents[2]
PAID = "checkout.session.completed"


def other_version(path):
    with closing(Emulator(store=str(path))) as emulator:
        client_of(emulator).v1.checkout.sessions.create(session_params())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
        connection.commit()


def version_without_a_number(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE objects (id TEXT)")
        connection.execute("CREATE TABLE settings (name TEXT)")


def other_program(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE auth_user (id INTEGER)")


def text_file(path):
    path.write_text("Not a database. " * 100)


def folder(path):
    path.mkdir()


def truncated(path, part=0.5):
    with closing(Emulator(store=str(path))) as emulator:
        sessions = client_of(emulator).v1.checkout.sessions
        for _ in range(5):
            emulator.pay(sessions.create(session_params()).id)
    os.truncate(path, int(path.stat().st_size * part))


def truncated_within_a_page(path):
    truncated(path, 0.777)


def truncated_header(path):
    truncated(path, 0.0005)


UNUSABLE = {
    truncated: "incomplete|malformed",
    truncated_within_a_page: "incomplete|malformed",
    truncated_header: "not a database|malformed",
    other_version: "another version",
    version_without_a_number: "another version",
    other_program: "another program",
    text_file: "not a database",
    folder: "unable to open",
}


@pytest.mark.parametrize("prepare", UNUSABLE)
def test_an_unusable_file_is_refused_in_one_line_and_not_changed(tmp_path, prepare):
    path = tmp_path / "emulator.sqlite3"
    prepare(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(StoreError) as refused:
        Emulator(store=str(path))

    message = str(refused.value)
    assert re.search(UNUSABLE[prepare], message)
    assert str(path) in message
    assert "\n" not in message
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_the_command_reports_an_unusable_store(tmp_path):
    other_program(path := tmp_path / "db.sqlite3")

    with pytest.raises(CommandError, match="another program") as refused:
        call_command("checkout_emulator", port=0, store=str(path), webhook_url="")
    assert refused.value.returncode == 2


@pytest.mark.urls("tests.emulator.urls")
def test_the_site_reports_an_unusable_store(tmp_path, settings):
    other_version(path := tmp_path / "emulator.sqlite3")
    settings.CHECKOUT_EMULATOR = True
    settings.CHECKOUT_EMULATOR_STORE = str(path)

    before = set_emulator(None)

    answer = Client().get("/emulator/control/")

    set_emulator(before)
    assert answer.status_code == 503
    assert "another version" in answer.text


def test_a_store_on_a_full_disk_changes_nothing_and_recovers(tmp_path):
    """A limit of the process's file size is a full disk to SQLite."""
    pytest.importorskip("resource")
    path = tmp_path / "emulator.sqlite3"

    child = run(path, FULL_DISK)
    output, _ = child.communicate(timeout=120)

    assert "status 500" in output
    assert "StoreError The emulator cannot use its store" in output
    assert output.rstrip().endswith("paid")
    assert_whole(path)


def test_a_killed_process_leaves_whole_payments(tmp_path):
    path = tmp_path / "emulator.sqlite3"
    child = run(path, ENDLESS)
    assert child.stdout

    announced = [child.stdout.readline().strip() for _ in range(30)]
    child.kill()
    child.communicate()

    assert set(announced) <= assert_whole(path)


@pytest.mark.slow
def test_a_process_that_is_killed_again_and_again_leaves_whole_payments(tmp_path):
    path = tmp_path / "emulator.sqlite3"
    announced: set[str] = set()
    for kill in range(6):
        child = run(path, ENDLESS)
        assert child.stdout
        announced.update(child.stdout.readline().strip() for _ in range(kill + 1))
        # At another moment of a payment each time.
        time.sleep(0.007 * kill)
        child.kill()
        left, _ = child.communicate()
        # The last line may be cut off.
        announced.update(left.rpartition("\n")[0].split())

        assert announced <= assert_whole(path)


def test_a_store_that_may_not_grow_refuses_whole_requests(tmp_path):
    path = tmp_path / "emulator.sqlite3"
    with closing(Emulator(store=str(path))) as emulator:
        client, connection = client_of(emulator, max_network_retries=0), emulator.store._connection
        emulator.pay(client.v1.checkout.sessions.create(session_params()).id)
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        outcomes = []
        for room in range(12):
            connection.execute(f"PRAGMA max_page_count = {used + room}")
            try:
                emulator.pay(client.v1.checkout.sessions.create(session_params()).id)
                outcomes.append("paid")
            except (StoreError, stripe.APIError) as error:
                outcomes.append("full" if "is full" in str(error) else str(error))
        connection.execute("PRAGMA max_page_count = 1000000")
        emulator.pay(client.v1.checkout.sessions.create(session_params()).id)

    assert outcomes[0] == "full"
    assert set(outcomes) <= {"paid", "full"}
    assert len(assert_whole(path)) == outcomes.count("paid") + 2


PRELUDE = """
    import sys
    import django
    django.setup()
    from django_checkout.emulator import Emulator, Request, StoreError
    from tests.emulator.conftest import BASE_URL, client_of, session_params
    emulator = Emulator(store=sys.argv[1])
    sessions = client_of(emulator, max_network_retries=0).v1.checkout.sessions

    def buy():
        session = sessions.create(session_params())
        emulator.pay(session.id)
        return session.id
"""
#: Prints the id of every session that is paid.
ENDLESS = """
    while True:
        print(buy(), flush=True)
"""
FULL_DISK = """
    import logging, os, resource, signal, stripe
    logging.disable()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    buy()
    unpaid = sessions.create(session_params()).id
    for room in (0, 4_000, 8_000, 16_000, 24_000):
        size = os.path.getsize(sys.argv[1] + "-wal") + room
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
        try:
            emulator.pay(unpaid)
        except StoreError as error:
            assert emulator.get(unpaid)["status"] == "open"
            print("StoreError", error)
    try:
        while True:
            sessions.create(session_params())
    except stripe.APIError as error:
        print("status", error.http_status)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    buy()
    print("paid")
"""


def run(path, script):
    """Run a script in another process with an emulator on this file."""
    code = textwrap.dedent(PRELUDE) + textwrap.dedent(script)
    return subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-W", "ignore", "-c", code, str(path)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )


def assert_whole(path):
    """Assert that every session is open, or complete with its payment and event; return the complete ones."""
    with closing(Emulator(store=str(path))) as emulator:
        sessions = emulator.store.select("checkout.session")
        intents = {intent["id"]: intent["status"] for intent in emulator.store.select("payment_intent")}
        told = {event["data"]["object"]["id"] for event in emulator.store.select("event", {"type": PAID})}
        pending = {delivery["event"] for delivery in emulator.store.select("_delivery")}
        events = {event["id"] for event in emulator.store.select("event")}
    complete = {session["id"] for session in sessions if session["status"] == "complete"}
    assert {session["status"] for session in sessions} <= {"open", "complete"}
    assert sorted(intents.values()) == ["succeeded"] * len(complete)
    assert told == complete
    assert pending == events
    return complete


def test_lists_are_newest_first_whatever_the_order_of_storing(emulator, make_session):
    ids = [make_session().id for _ in range(4)]
    with emulator.store.transaction():
        for age, session_id in enumerate(ids):
            emulator.store.save({**emulator.store.find(session_id), "created": 1000 - age})

    assert [found["id"] for found in emulator.store.select("checkout.session")] == ids
    assert [found["id"] for found in emulator.store.select("checkout.session", after=ids[1], limit=9)] == ids[2:]
    assert [found["id"] for found in emulator.store.select("checkout.session", before=ids[2], limit=1)] == [ids[1]]


def test_a_choice_that_is_repeated_finds_an_object_once(emulator, client, make_session):
    emulator.pay(make_session().id)

    types = [PAID, "charge.succeeded", PAID]
    found = client.v1.events.list({"types": types, "limit": 10})

    assert sorted(event.type for event in found) == ["charge.succeeded", PAID]


def test_a_request_to_a_closed_store_is_a_server_error(tmp_path):
    emulator = Emulator(store=str(tmp_path / "emulator.sqlite3"))
    emulator.close()

    answer = emulator.handle(
        Request(method="GET", base_url=BASE_URL, path="/v1/account", headers={"authorization": "Bearer sk_test_x"})
    )

    assert answer.status == 500


def test_the_benchmark_reads_by_index_only(tmp_path):
    path = str(tmp_path / "emulator.sqlite3")
    emulator_store.fill(path, 2000)
    statements: list[str] = []

    medians = emulator_store.measure(path, 1, trace=statements.append)

    with closing(sqlite3.connect(path)) as connection:
        plans = {
            sql: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in statements
            # A union sorts one page of each branch; jobs are found when they are due.
            if "FROM objects" in sql and "UNION ALL SELECT * FROM" not in sql and "'_job'" not in sql
            if sql.startswith(("SELECT", "WITH"))
        }
    assert len(medians) > 10
    assert len(plans) > 10
    slow = re.compile("SCAN objects|TEMP B-TREE")
    assert {sql: plan for sql, plan in plans.items() if any(slow.search(step) for step in plan)} == {}

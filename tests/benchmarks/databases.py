"""The databases of the benchmarks, on PostgreSQL."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

DEFAULT_URL = "postgres://root@127.0.0.1:5432/checkout_benchmark"


def prepare() -> None:
    """Create the database if it does not exist, and set up Django."""
    url = os.environ.setdefault("DATABASE_URL", DEFAULT_URL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django
    from django.core.management import call_command

    create(url)
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def create(url: str) -> None:
    """Create a database on PostgreSQL if it does not exist."""
    with _server(url) as server:
        name = urlsplit(url).path.lstrip("/")
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def drop(url: str) -> None:
    """Drop a database on PostgreSQL, with its connections."""
    with _server(url) as server:
        name = sql.Identifier(urlsplit(url).path.lstrip("/"))
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def _server(url: str) -> psycopg.Connection:
    return psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True)


def empty() -> None:
    """Delete all rows."""
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)

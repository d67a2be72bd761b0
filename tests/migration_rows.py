"""Rows for every table of a state of the migrations, by its historical models."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from itertools import count

from django.db import models
from django.db.migrations import AddField, CreateModel
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

LABEL = "django_checkout"
#: Two orders can share a value in no unique column.
_numbers = count(1)


def states(connection):
    """Return the names of our migrations, in order."""
    disk = MigrationLoader(connection).disk_migrations
    return sorted(name for label, name in disk if label == LABEL)


def outdated():
    """Return the last migration after which the database lacks a table or a column of today's code."""
    names, migrations = states(None), MigrationLoader(None).disk_migrations
    adding = [
        place
        for place, name in enumerate(names)
        if any(isinstance(step, (AddField, CreateModel)) for step in migrations[LABEL, name].operations)
    ]
    return names[adding[-1] - 1]


def apps_at(connection, name):
    """Return the historical apps after a migration."""
    return MigrationLoader(connection).project_state((LABEL, name)).apps


def migrate(connection, name):
    """Migrate forwards or back; None unapplies everything."""
    executor = MigrationExecutor(connection)
    executor.loader.build_graph()
    executor.migrate([(LABEL, name)])


def fill(apps):
    """Insert a row into every table, as the code of that state does; return them by model name."""
    rows = {}
    left = {model.__name__: model for model in apps.get_app_config(LABEL).get_models()}
    while left:
        name, model = next((name, model) for name, model in left.items() if not _needed(model) & (left.keys() - {name}))
        del left[name]
        rows[name] = model.objects.create(**_values(model, rows))
    return rows


def _needed(model):
    return {field.related_model.__name__ for field in _own_links(model) if not field.null}


def _own_links(model):
    return [
        field
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey) and field.related_model._meta.app_label == LABEL
    ]


def _values(model, rows):
    known = [field for field in _own_links(model) if field.related_model.__name__ in rows and not field.unique]
    links = {field.name: rows[field.related_model.__name__] for field in known}
    plain = {
        field.name: _value(field)
        for field in model._meta.local_fields
        if not (field.primary_key or field.is_relation)
        if field.unique or not (field.null or field.has_default())
    }
    # The rows of the site need not exist: no constraint refers to them.
    site = {
        field.attname: next(_numbers)
        for field in model._meta.local_fields
        if field.is_relation and not field.null and field.name not in links
    }
    return {**plain, **links, **site}


def _value(field):
    number = next(_numbers)
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.DateTimeField):
        return datetime(2026, 11, 30, tzinfo=UTC)
    if isinstance(field, models.DateField):
        return datetime(2026, 11, 30, tzinfo=UTC).date()
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, models.CharField):
        return ("eur" if field.max_length < 8 else f"{field.name[:12]}_{number}")[: field.max_length]
    return number

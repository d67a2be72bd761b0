"""Links from our tables to the site's, which may be in another database: without constraints and joins.

Django reads a foreign key's target with the database of the referring row as a hint, and on deletion looks for our
rows in the database of the deleted row. Both are wrong if our tables are in another database, so both are done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.signals import pre_delete

from django_checkout.models import database
from django_checkout.models.statements import Select, Statement

_BATCH = 1000
#: The compiled query of each of the host's models.
_by_pk: dict[type[models.Model], Select[Any]] = {}


class _SiteDescriptor(ForwardManyToOneDescriptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Reads the site's row from the site's database; None if it was deleted."""

    def get_queryset(self, **hints: Any) -> Any:
        model = self.field.remote_field.model
        return model._base_manager.using(router.db_for_read(model))

    def get_object(self, instance: Any) -> Any:
        return self.get_queryset().filter(self.field.get_reverse_related_filter(instance)).first()

    def __set__(self, instance: Any, value: Any) -> None:
        """Link a row without asking the router whether the databases may be related: nothing joins them."""
        if not isinstance(value, self.field.remote_field.model):
            super().__set__(instance, value)
            return
        setattr(instance, self.field.attname, getattr(value, self.field.target_field.attname))
        self.field.set_cached_value(instance, value)


class SiteForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic in the stubs only
    """A foreign key to one of the site's rows, without a constraint.

    When that row is deleted, ``unlink`` sets the key to null or, if it is not nullable, deletes our row.
    """

    forward_related_accessor_class = _SiteDescriptor

    def __init__(self, to: Any, **options: Any) -> None:
        options.update(on_delete=models.DO_NOTHING, db_constraint=False)
        super().__init__(to, **options)

    def get_internal_type(self) -> str:
        """Return Django's own type, by which the MariaDB backend recognizes the index of a foreign key."""
        return "ForeignKey"


class _SourceDescriptor:
    """Reads the host's row of an order from the database that the host writes to; None if it was deleted."""

    def __init__(self, field: GenericForeignKey) -> None:
        self.field = field

    def is_cached(self, instance: Any) -> bool:
        """Return whether the row was read or set before; for ``prefetch_related``."""
        return bool(self.field.is_cached(instance))

    def __get__(self, instance: Any, owner: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        key = self._key(instance)
        if self.field.is_cached(instance):
            row = self.field.get_cached_value(instance)
            if row is None or _key_of(row) == key:
                return row
        found = _read_sources([key]) if key else {}
        row = found.get(key)
        self.field.set_cached_value(instance, row)
        return row

    def __set__(self, instance: Any, value: Any) -> None:
        type_id, pk = (None, "") if value is None else _key_of(value)
        setattr(instance, f"{self.field.ct_field}_id", type_id)
        setattr(instance, self.field.fk_field, pk)
        self.field.set_cached_value(instance, value)

    def get_prefetch_querysets(self, instances: list[Any], querysets: Any = None) -> tuple[Any, ...]:
        """Read the rows of many orders, with one query per model; for ``prefetch_related``."""
        found = _read_sources({key for instance in instances if (key := self._key(instance))})
        return list(found.values()), _key_of, self._key, True, self.field.name, False

    def _key(self, instance: Any) -> tuple[int, str] | None:
        type_id, pk = getattr(instance, f"{self.field.ct_field}_id"), getattr(instance, self.field.fk_field)
        return (type_id, pk) if type_id is not None and pk != "" else None


class SourceForeignKey(GenericForeignKey):
    """The generic link to the host's own row."""

    def contribute_to_class(self, cls: type[models.Model], name: str, **kwargs: Any) -> None:  # type: ignore[override]
        """Replace Django's descriptor, which reads the row from the database of our tables."""
        super().contribute_to_class(cls, name, **kwargs)
        setattr(cls, name, _SourceDescriptor(self))


def _key_of(row: models.Model) -> tuple[int, str]:
    return ContentType.objects.get_for_model(row, for_concrete_model=False).pk, str(row.pk)


def _model_of(type_id: int) -> type[models.Model] | None:
    """Return the host's model; None if the host has removed it, or its content type."""
    try:
        return ContentType.objects.get_for_id(type_id).model_class()
    except ContentType.DoesNotExist:
        return None


def _read_sources(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str] | None, models.Model]:
    pks: dict[int, set[str]] = {}
    for type_id, pk in keys:
        pks.setdefault(type_id, set()).add(pk)
    found: dict[tuple[int, str] | None, models.Model] = {}
    for type_id, type_pks in pks.items():
        if (model := _model_of(type_id)) is not None:
            rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=type_pks)
            found |= {(type_id, str(row.pk)): row for row in rows}
    return found


def select_source(order: Any) -> Statement | None:
    """Return the statement that reads the host's row of an order into its cache, to be sent together with others.

    None if it was read before, if it is in another database, or if the host's model has a manager of its own.
    """
    descriptor: _SourceDescriptor = type(order).source
    key = descriptor._key(order)
    if key is None or descriptor.is_cached(order):
        return None
    model = _model_of(key[0])
    if model is None or type(model._base_manager) is not models.Manager or model._meta.pk.is_relation:
        return None
    if router.db_for_write(model) != database.alias():
        return None
    try:
        pk = model._meta.pk.to_python(key[1])
    except ValidationError:
        return None
    select = _by_pk.get(model)
    if select is None:
        rows = model._base_manager.using(database.alias()).filter(pk=pk).order_by()
        select = _by_pk[model] = Select(lambda: rows)
    statement = select.of(model._meta.pk.get_db_prep_value(pk, database.connection()))

    def read(cursor: Any) -> None:
        found = statement.read(cursor)
        descriptor.field.set_cached_value(order, found[0] if found else None)

    return replace(statement, read=read)


def find_missing_sources(keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return those of the keys (a content type's and a row's) of which the host has no row.

    A key of a model that is not installed is not missing: the app may have been renamed, or this process lacks it.
    """
    pks: dict[int, set[str]] = {}
    for type_id, pk in keys:
        pks.setdefault(type_id, set()).add(pk)
    missing: set[tuple[int, str]] = set()
    for type_id, type_pks in pks.items():
        content_type = ContentType.objects.filter(pk=type_id).first()
        model = None if content_type is None else content_type.model_class()
        if model is None:
            continue
        rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=type_pks)
        found = set(map(str, rows.values_list("pk", flat=True)))
        missing |= {(type_id, pk) for pk in type_pks - found}
    return missing


def connect_deletions() -> None:
    """Call ``unlink`` for every deletion of a row that a ``SiteForeignKey`` can point to."""
    targets = {field.remote_field.model for field in _site_keys()}
    for model in apps.get_models():
        if model._meta.concrete_model in targets:
            pre_delete.connect(unlink, sender=model, dispatch_uid="django_checkout_unlink")


def unlink(sender: type[models.Model], instance: models.Model, using: str, **signal: Any) -> None:
    """Unlink our rows from a row that the site deletes, or delete them if the link is not nullable.

    In the same transaction if our tables are in the same database, else once the deletion is committed.
    """
    if using != router.db_for_write(sender):
        return
    work = partial(_unlink, sender._meta.concrete_model, instance.pk)
    if using == database.alias():
        work()
    else:
        transaction.on_commit(work, using=using)


def _unlink(target: type[models.Model] | None, pk: Any) -> None:
    for field in _site_keys():
        if field.remote_field.model is not target:
            continue
        rows = field.model._base_manager.filter(**{field.attname: pk})
        if field.null:
            rows.update(**{field.attname: None})
        else:
            rows.delete()


def find_deleted(model: type[models.Model], pks: Collection[Any]) -> set[Any]:
    """Return those of the primary keys that no row of the site's model has."""
    rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=pks)
    return set(pks) - set(rows.values_list("pk", flat=True))


def unlink_missing() -> None:
    """Unlink rows that the site deleted without a signal, for example by SQL, or just before the process was killed."""
    for field in _site_keys():
        target = field.remote_field.model
        after: dict[str, Any] = {}
        rows = field.model._base_manager.filter(**{f"{field.attname}__isnull": False}).order_by(field.attname)
        while pks := list(rows.filter(**after).values_list(field.attname, flat=True).distinct()[:_BATCH]):
            for pk in find_deleted(target, pks):
                _unlink(target, pk)
            after = {f"{field.attname}__gt": pks[-1]}


def _site_keys() -> list[Any]:
    return [
        field
        for model in apps.get_app_config("django_checkout").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SiteForeignKey)
    ]

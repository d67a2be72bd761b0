"""Links from our tables to the site's, which may live in another database: no join, no constraint, no shared router.

Django follows a foreign key with the database of the row that holds it as a hint, and its deletion asks our tables on
the database of what is deleted. Neither holds where our tables live apart, so both are done here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models, router, transaction
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.signals import pre_delete

from django_checkout import database

_BATCH = 1000


class _SiteDescriptor(ForwardManyToOneDescriptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Reads the site's row from the site's database; None if it is gone."""

    def get_queryset(self, **hints: Any) -> Any:
        model = self.field.remote_field.model
        return model._base_manager.using(router.db_for_read(model))

    def get_object(self, instance: Any) -> Any:
        return self.get_queryset().filter(self.field.get_reverse_related_filter(instance)).first()

    def __set__(self, instance: Any, value: Any) -> None:
        """Link a row; the router is not asked whether two databases may be related, because nothing joins them."""
        if not isinstance(value, self.field.remote_field.model):
            super().__set__(instance, value)
            return
        setattr(instance, self.field.attname, getattr(value, self.field.target_field.attname))
        self.field.set_cached_value(instance, value)


class SiteForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic in the stubs only
    """A foreign key to a row of the site's, without a constraint; ``let_go`` ends it when that row is deleted.

    Where it may be null it becomes null, otherwise our row is deleted with the site's.
    """

    forward_related_accessor_class = _SiteDescriptor

    def __init__(self, to: Any, **options: Any) -> None:
        options.update(on_delete=models.DO_NOTHING, db_constraint=False)
        super().__init__(to, **options)

    def get_internal_type(self) -> str:
        """Return the type by which Django knows what an index on MariaDB is for."""
        return "ForeignKey"


class _SourceDescriptor:
    """Reads the host's own row of an order from the database that the host writes it to; None if it is gone."""

    def __init__(self, field: GenericForeignKey) -> None:
        self.field = field

    def is_cached(self, instance: Any) -> bool:
        """Whether the row was read or set before; for ``prefetch_related``."""
        return bool(self.field.is_cached(instance))

    def __get__(self, instance: Any, owner: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        key = self._key(instance)
        if self.field.is_cached(instance):
            row = self.field.get_cached_value(instance)
            if row is None or (_type_id(row), str(row.pk)) == key:
                return row
        found = _read_sources([key]) if key else {}
        row = found.get(key)
        self.field.set_cached_value(instance, row)
        return row

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, f"{self.field.ct_field}_id", None if value is None else _type_id(value))
        setattr(instance, self.field.fk_field, "" if value is None else str(value.pk))
        self.field.set_cached_value(instance, value)

    def get_prefetch_querysets(self, instances: list[Any], querysets: Any = None) -> tuple[Any, ...]:
        """Read the rows of many orders, one query for each model; for ``prefetch_related``."""
        found = _read_sources({key for instance in instances if (key := self._key(instance))})
        return (
            list(found.values()),
            lambda row: (_type_id(row), str(row.pk)),
            self._key,
            True,
            self.field.name,
            False,
        )

    def _key(self, instance: Any) -> tuple[int, str] | None:
        type_id, pk = getattr(instance, f"{self.field.ct_field}_id"), getattr(instance, self.field.fk_field)
        return (type_id, pk) if type_id is not None and pk != "" else None


class SourceForeignKey(GenericForeignKey):
    """The generic link to the host's own row."""

    def contribute_to_class(self, cls: type[models.Model], name: str, **kwargs: Any) -> None:  # type: ignore[override]
        """Put our descriptor in the place of Django's, which reads the row from the database of ours."""
        super().contribute_to_class(cls, name, **kwargs)
        setattr(cls, name, _SourceDescriptor(self))


def _type_id(row: models.Model) -> int:
    return ContentType.objects.get_for_model(row, for_concrete_model=False).pk


def _read_sources(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str] | None, models.Model]:
    pks: dict[int, set[str]] = {}
    for type_id, pk in keys:
        pks.setdefault(type_id, set()).add(pk)
    found: dict[tuple[int, str] | None, models.Model] = {}
    for type_id, wanted in pks.items():
        try:
            model = ContentType.objects.get_for_id(type_id).model_class()
        except ContentType.DoesNotExist:
            continue
        if model is None:
            # The app that had it is gone.
            continue
        rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=wanted)
        found |= {(type_id, str(row.pk)): row for row in rows}
    return found


def watch_deletions() -> None:
    """Hear of every deletion of what a ``SiteForeignKey`` points to."""
    targets = {field.remote_field.model for field in _site_keys()}
    for model in apps.get_models():
        if model._meta.concrete_model in targets:
            pre_delete.connect(let_go, sender=model, dispatch_uid="django_checkout_let_go")


def let_go(sender: type[models.Model], instance: models.Model, using: str, **signal: Any) -> None:
    """Unlink our rows from a row that the site deletes, or delete those that are nothing without it.

    In the same transaction where our tables live in the same database, else once the deletion is committed.
    """
    if using != router.db_for_write(sender):
        return
    work = partial(_let_go, sender._meta.concrete_model, instance.pk)
    if using == database.alias():
        work()
    else:
        transaction.on_commit(work, using=using)


def _let_go(target: type[models.Model] | None, pk: Any) -> None:
    for field in _site_keys():
        if field.remote_field.model is not target:
            continue
        rows = field.model._base_manager.filter(**{field.attname: pk})
        if field.null:
            rows.update(**{field.attname: None})
        else:
            rows.delete()


def find_deleted(model: type[models.Model], pks: Collection[Any]) -> set[Any]:
    """Return those primary keys of a model of the site's that no row has."""
    rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=pks)
    return set(pks) - set(rows.values_list("pk", flat=True))


def let_go_deleted() -> None:
    """Do what ``let_go`` does for rows of the site's that were deleted without it, as by SQL or before a kill."""
    for field in _site_keys():
        target = field.remote_field.model
        after: dict[str, Any] = {}
        rows = field.model._base_manager.filter(**{f"{field.attname}__isnull": False}).order_by(field.attname)
        while pks := list(rows.filter(**after).values_list(field.attname, flat=True).distinct()[:_BATCH]):
            for pk in find_deleted(target, pks):
                _let_go(target, pk)
            after = {f"{field.attname}__gt": pks[-1]}


def _site_keys() -> list[Any]:
    return [
        field
        for model in apps.get_app_config("django_checkout").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SiteForeignKey)
    ]

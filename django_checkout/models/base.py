"""Base classes of the models: rows are read from the database that we write to; saving a stale row undoes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions import DerivedColumnError
from django_checkout.models import database

M = TypeVar("M", bound=models.Model)


class Rows(models.QuerySet[M]):
    """A queryset that updates columns that the ledger derives only inside the app's own transactions."""

    def update(self, **values: Any) -> int:
        """Update as Django does.

        Raises:
            DerivedColumnError: outside the ledger's transactions, a column that it derives is among them.
        """
        refuse_derived(self.model, values)
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], *args: Any, **options: Any) -> int:
        """Update as Django does; ``fields`` are restricted as in ``update``."""
        names = list(fields)
        refuse_derived(self.model, names)
        return super().bulk_update(objs, names, *args, **options)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        """Insert as Django does; ``update_fields`` are restricted as in ``update``."""
        refuse_derived(self.model, options.get("update_fields") or ())
        return super().bulk_create(objs, *args, **options)

    bulk_create.alters_data = True  # type: ignore[attr-defined]


class PinnedManager(models.Manager[M]):
    """Reads from the database that we write to, whatever the site's router says: a replica is stale.

    ``using()`` and ``db_manager()`` work as usual. As the base manager it also serves ``refresh_from_db``, foreign keys
    and related managers.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        """Return the rows in our database."""
        return Rows(self.model, using=self._db or database.alias(), hints=self._hints)  # type: ignore[attr-defined]  # as Django's own


class Row(models.Model):
    """The base class of every model."""

    objects: ClassVar[PinnedManager[Self]] = PinnedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __str__(self) -> str:
        """Return the Stripe id, or our own UUID until Stripe has given one."""
        return str(getattr(self, "stripe_id", None) or getattr(self, "uuid", None) or self.pk)


class FactRow(Row):
    """A row that the ledger writes; anywhere else, ``save()`` of an existing row writes ``host_columns`` only.

    Otherwise a host that saves a row it read earlier would restore old values: a paid order would be unpaid again.
    """

    #: The columns that a site's own code may change with ``save()``.
    host_columns: ClassVar[tuple[str, ...]] = ()
    #: The columns that are a function of other rows.
    derived_columns: ClassVar[frozenset[str]] = frozenset()

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a row, or write an existing one; outside our own transactions, ``host_columns`` only.

        Raises:
            DerivedColumnError: ``update_fields`` names a column that the ledger derives, outside its transactions.
        """
        options.update(zip(("force_insert", "force_update", "using", "update_fields"), args, strict=False))
        if not database.is_writing() and not options.get("force_insert") and self._is_stored():
            names = self._host_columns() if options.get("update_fields") is None else options["update_fields"]
            # update_or_create adds every field with auto_now.
            options["update_fields"] = [name for name in names if not self._is_derived_date(name)]
            refuse_derived(type(self), options["update_fields"])
        super().save(**options)

    def _host_columns(self) -> Collection[str]:
        """Return the columns that ``save()`` without ``update_fields`` writes."""
        return self.host_columns

    def _is_derived_date(self, name: str) -> bool:
        return name in self.derived_columns and isinstance(self._meta.get_field(name), models.DateTimeField)

    def _is_stored(self) -> bool:
        if self.pk is None:
            return False
        return not self._state.adding or bool(type(self)._base_manager.filter(pk=self.pk).exists())


def refuse_derived(model: type[models.Model], names: Collection[str]) -> None:
    """Refuse to write derived columns outside our transactions.

    Raises:
        DerivedColumnError: one of the names is such a column.
    """
    derived: frozenset[str] = getattr(model, "derived_columns", frozenset())
    if not derived or database.is_writing():
        return
    refused = sorted(name for name in names if name.removesuffix("_id") in derived or name in derived)
    if refused:
        raise DerivedColumnError(
            f"{', '.join(refused)} of {model.__name__} cannot be written, because it is derived from Stripe's facts. "
            "Call a function of django_checkout.services instead."
        )

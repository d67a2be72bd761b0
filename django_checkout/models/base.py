"""What every table of ours shares: it is read where it is written, and a host's stale row undoes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from django_checkout import database
from django_checkout.exceptions import DerivedColumnError

M = TypeVar("M", bound=models.Model)


class Rows(models.QuerySet[M]):
    """Rows of ours; what the ledger derives can be updated inside its own transactions only."""

    def update(self, **values: Any) -> int:
        """Update as Django does.

        Raises:
            DerivedColumnError: a column that the ledger derives is among them, outside its transactions.
        """
        refuse_derived(self.model, values)
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], *args: Any, **options: Any) -> int:
        """Update as Django does; ``fields`` are held to what ``update`` may write."""
        names = list(fields)
        refuse_derived(self.model, names)
        return super().bulk_update(objs, names, *args, **options)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        """Insert as Django does; ``update_fields`` are held to what ``update`` may write."""
        refuse_derived(self.model, options.get("update_fields") or ())
        return super().bulk_create(objs, *args, **options)

    bulk_create.alters_data = True  # type: ignore[attr-defined]


class PinnedManager(models.Manager[M]):
    """Reads from the database that we write to, whatever the site's router says of reads: a replica is stale.

    ``using()`` and ``db_manager()`` with an alias are obeyed. As the base manager it also serves ``refresh_from_db``
    and access to a foreign key; related managers derive from it.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        """Return the rows in our database."""
        return Rows(self.model, using=self._db or database.alias(), hints=self._hints)  # type: ignore[attr-defined]  # as Django's own


class Row(models.Model):
    """A row of one of our tables."""

    objects: ClassVar[PinnedManager[Self]] = PinnedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class FactRow(Row):
    """A row that the ledger writes: from anywhere else, ``save()`` of an existing row writes ``host_columns`` alone.

    A host that saves a row it has read earlier would otherwise put old values back: an order that is paid would be
    unpaid, and sold again.
    """

    #: The columns that a site's own code may change with ``save()``.
    host_columns: ClassVar[tuple[str, ...]] = ()
    #: The columns that are a function of other rows.
    derived_columns: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a row, or write an existing one: outside our own transactions, ``host_columns`` alone.

        Raises:
            DerivedColumnError: ``update_fields`` names a column that the ledger derives, outside its transactions.
        """
        options.update(zip(("force_insert", "force_update", "using", "update_fields"), args, strict=False))
        if not database.is_writing() and not options.get("force_insert") and self._is_stored():
            names = self._host_columns() if options.get("update_fields") is None else options["update_fields"]
            # update_or_create adds every date.
            options["update_fields"] = [name for name in names if not self._is_derived_date(name)]
            refuse_derived(type(self), options["update_fields"])
        super().save(**options)

    def _host_columns(self) -> Collection[str]:
        """Return what ``save()`` without ``update_fields`` writes of this row."""
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
            f"{', '.join(refused)} of {model.__name__}: django_checkout derives this from what Stripe said; call its "
            "services instead. Code of the app itself writes it inside database.atomic()."
        )

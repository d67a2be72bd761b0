"""List filters with fixed choices, which need no query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.admin import deferred
from django_checkout.models.reconciliation import DiscrepancyState
from django_checkout.states import Labeled


class ValueFilter(admin.SimpleListFilter):
    """Filters by the column ``parameter_name``."""

    values: ClassVar[type[Labeled]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.values.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{str(self.parameter_name): value})


def by(values: type[Labeled], name: str = "status", title: Promise | None = None) -> type[ValueFilter]:
    """Return a filter by a column that holds one of ``values``."""
    attributes = {"values": values, "parameter_name": name, "title": title or _("status")}
    return type(f"{values.__name__}Filter", (ValueFilter,), attributes)


class DiscrepancyStateFilter(ValueFilter):
    """Shows open differences unless another state is chosen."""

    title = _("state")
    parameter_name = "state"
    values = DiscrepancyState

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*super().lookups(request, model_admin), ("all", _("All"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or DiscrepancyState.OPEN
        return queryset if value == "all" else queryset.filter(state=value)

    def choices(self, changelist: Any) -> Iterator[Any]:
        chosen = self.value() or DiscrepancyState.OPEN
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": query, "display": label}


class DiscrepancyKindFilter(ValueFilter):
    title = _("difference")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind, deferred.kinds.label_of(kind)) for kind in deferred.kinds.KINDS]


class RunScopeFilter(ValueFilter):
    title = _("scope")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("orders", _("orders")), ("payouts", _("payouts"))]


class EventTypeFilter(ValueFilter):
    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, name) for name in deferred.registry.handled_types()]


class OpenFilter(admin.SimpleListFilter):
    """Filters attention items by whether they are resolved."""

    title = _("resolved")
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(resolved_at__isnull=value != "yes")

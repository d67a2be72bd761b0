"""Filters with fixed choices on plain columns: none reads the table to find out what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_checkout import inbox
from django_checkout.admin import display, kinds
from django_checkout.models.events import EventState
from django_checkout.models.news import AnnouncementState, DiscrepancyState
from django_checkout.models.payouts import RunState
from django_checkout.states import Attention, IntentStatus, OrderStatus, PaymentStatus, RefundStatus, SessionStatus


class ValueFilter(admin.SimpleListFilter):
    """Rows whose column equals one of the known values; ``parameter_name`` is the column."""

    values: ClassVar[Iterable[str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), self.label(str(value))) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{str(self.parameter_name): value})

    def label(self, value: str) -> str:
        """Return what a choice is called."""
        return display.label(value)


class StatusFilter(ValueFilter):
    title = _("status")
    parameter_name = "status"


class OrderStatusFilter(StatusFilter):
    values = OrderStatus


class SessionStatusFilter(StatusFilter):
    values = SessionStatus


class RefundStatusFilter(StatusFilter):
    values = RefundStatus


class DisputeStatusFilter(StatusFilter):
    values = (
        "needs_response",
        "under_review",
        "won",
        "lost",
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "prevented",
    )


class SubscriptionStatusFilter(StatusFilter):
    values = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete_expired")


class PaymentStatusFilter(ValueFilter):
    title = _("payment status")
    parameter_name = "payment_status"
    values = PaymentStatus


class IntentStatusFilter(ValueFilter):
    title = _("status")
    parameter_name = "intent_status"
    values = IntentStatus


class StateFilter(ValueFilter):
    title = _("state")
    parameter_name = "state"


class EventStateFilter(StateFilter):
    values = EventState.values


class AnnouncementStateFilter(StateFilter):
    values = AnnouncementState.values


class DiscrepancyStateFilter(StateFilter):
    """A work list: what is open, unless something else is asked for."""

    values = (*DiscrepancyState.values, "all")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or DiscrepancyState.OPEN
        return queryset if value == "all" else queryset.filter(state=value)

    def choices(self, changelist: Any) -> Iterator[Any]:
        chosen = self.value() or DiscrepancyState.OPEN
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": query, "display": label}

    def label(self, value: str) -> str:
        return str(_("All")) if value == "all" else display.label(value)


class DiscrepancyKindFilter(ValueFilter):
    title = _("difference")
    parameter_name = "kind"
    values = kinds.KINDS

    def label(self, value: str) -> str:
        return kinds.kind_label(value)


class PayoutStatusFilter(StatusFilter):
    values = ("pending", "in_transit", "paid", "failed", "canceled")


class RunScopeFilter(ValueFilter):
    title = _("scope")
    parameter_name = "scope"
    values = ("orders", "payouts")


class RunStateFilter(StateFilter):
    values = RunState.values


class EventTypeFilter(ValueFilter):
    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in inbox.handled_types()]


class AttentionFilter(ValueFilter):
    title = _("reason")
    parameter_name = "code"
    values = Attention

    def label(self, value: str) -> str:
        return display.attention_label(value)


class OpenFilter(admin.SimpleListFilter):
    """Attention items that nobody has resolved, or those that somebody has."""

    title = _("resolved")
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(resolved_at__isnull=value != "yes")

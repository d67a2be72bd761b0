"""Discrepancies in the admin: the differences between Stripe and our rows, and what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout.admin import columns, deferred, display
from django_checkout.admin.filters import DiscrepancyKindFilter, DiscrepancyStateFilter
from django_checkout.admin.forms import NoteActionForm, NoteForm, posted_note
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.conf import conf
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Discrepancy, Order
from django_checkout.models.reconciliation import SESSION_WITHOUT_ORDER, DiscrepancyState
from django_checkout.pages.responses import SeeOther
from django_checkout.states import OrderStatus

Values = Mapping[str, Any]


class ResolveForm(NoteForm):
    """Asks how the difference was resolved."""


class JoinForm(NoteForm):
    """Asks how it is known that the session is this order's."""


class IgnoreForm(NoteForm):
    """Asks why the difference is ignored."""


def _settle(request: HttpRequest, row: Discrepancy, state: DiscrepancyState, note: str) -> None:
    if not deferred.discrepancies.settle(row.pk, state, note=note, by=request.user):
        raise CheckoutError(_("another user has already resolved or ignored it."))


def _settles(state: DiscrepancyState, message: Any) -> Callable[[HttpRequest, Discrepancy, Values], str]:
    """Return what an operation runs that settles a difference; ``message`` says so in the language of the reader."""

    def run(request: HttpRequest, row: Discrepancy, values: Values) -> str:
        _settle(request, row, state, values["note"])
        return str(message) % {"kind": deferred.kinds.label_of(row.kind), "note": values["note"]}

    return run


def _reopen(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    if not deferred.discrepancies.reopen(row.pk):
        raise CheckoutError(_("another user has already reopened it."))
    return _("Reopened the difference “%(kind)s”.") % {"kind": deferred.kinds.label_of(row.kind)}


def _sync(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    order = deferred.services.sync(row.order)
    return _("Synced order %(order)s with Stripe: it is %(status)s.") % {
        "order": order,
        "status": OrderStatus.label_of(order.status),
    }


def _join(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    if row.order is None:
        raise CheckoutError(_("there is no order with this number."))
    deferred.unlinked_sessions.join(row.subject, row.order)
    _settle(request, row, DiscrepancyState.RESOLVED, values["note"])
    joined = Order.objects.get(pk=row.order.pk)
    return _("Joined the session with order %(order)s: it is %(status)s.") % {
        "order": joined,
        "status": OrderStatus.label_of(joined.status),
    }


def _livemode(row: Discrepancy) -> bool | None:
    """Return the mode of the order; without an order, the site's: other objects are not recorded."""
    return row.order.livemode if row.order is not None and row.order.livemode is not None else conf.find("livemode")


def _is_open(row: Discrepancy) -> bool:
    return row.state == DiscrepancyState.OPEN


@admin.register(Discrepancy)
class DiscrepancyAdmin(OperableAdmin[Discrepancy]):
    """The differences that reconciliation could not resolve."""

    operations = (
        Operation(
            name="sync",
            label=gettext_lazy("Sync the order with Stripe"),
            hint=gettext_lazy("Reads the order's sessions, refunds and disputes from Stripe, and updates the order."),
            run=_sync,
            is_offered=lambda row: _is_open(row) and row.order_id is not None,
        ),
        Operation(
            name="join",
            label=gettext_lazy("Join with the order"),
            hint=gettext_lazy("Records the payment of this session for the order. Compare shopper and content first."),
            run=_join,
            is_offered=lambda row: _is_open(row) and row.kind == SESSION_WITHOUT_ORDER and row.order_id is not None,
            form=JoinForm,
            is_final=True,
        ),
        Operation(
            name="resolve",
            label=gettext_lazy("Resolve"),
            hint=gettext_lazy("Marks the difference as resolved. If reconciliation finds it again, it is reopened."),
            run=_settles(DiscrepancyState.RESOLVED, gettext_lazy("Resolved the difference “%(kind)s”: %(note)s")),
            is_offered=_is_open,
            form=ResolveForm,
        ),
        Operation(
            name="ignore",
            label=gettext_lazy("Ignore"),
            hint=gettext_lazy("Removes the difference from the list until it changes."),
            run=_settles(DiscrepancyState.IGNORED, gettext_lazy("Ignored the difference “%(kind)s”: %(note)s")),
            is_offered=_is_open,
            form=IgnoreForm,
        ),
        Operation(
            name="reopen",
            label=gettext_lazy("Reopen"),
            hint=gettext_lazy("Marks the difference as open again."),
            run=_reopen,
            is_offered=lambda row: not _is_open(row),
        ),
    )
    actions = ("resolve_selected", "ignore_selected")
    action_form = NoteActionForm
    list_display = ("what", "order_shown", "suggested", "state_since")
    list_filter = (DiscrepancyStateFilter, DiscrepancyKindFilter)
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("subject",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe ID or order number of the difference")
    fieldsets = (
        (
            None,
            {"fields": ("kind_name", "explanation", "suggested_action", "subject_link", "order_shown", "state_badge")},
        ),
        (gettext_lazy("The difference"), {"fields": ("sides",)}),
        (
            gettext_lazy("History"),
            {"fields": ("first_seen_at", "last_seen_at", "resolved_at", "resolved_by", "note")},
        ),
    )

    @admin.display(description=gettext_lazy("difference"))
    def what(self, row: Discrepancy) -> SafeString:
        return display.lines(deferred.kinds.label_of(row.kind), display.code(row.subject))

    @admin.display(description=gettext_lazy("order"))
    def order_shown(self, row: Discrepancy) -> SafeString | str:
        """Return a link to the order, or its number at Stripe if it is not here."""
        reference = str(row.at_stripe.get("order_id") or "")
        if row.order is not None or not reference:
            return self.link(row.order)
        return display.lines(display.code(reference), _("not stored here"))

    @admin.display(description=gettext_lazy("difference"))
    def kind_name(self, row: Discrepancy) -> str:
        return deferred.kinds.label_of(row.kind)

    @admin.display(description=gettext_lazy("what it means"))
    def explanation(self, row: Discrepancy) -> str:
        return deferred.kinds.explanation_of(row.kind)

    @admin.display(description=gettext_lazy("subject"))
    def subject_link(self, row: Discrepancy) -> SafeString:
        return self.stripe_link(row.subject, livemode=_livemode(row))

    state_badge = columns.status(DiscrepancyState, "state", label=gettext_lazy("state"))

    @admin.display(description=gettext_lazy("state"))
    def state_since(self, row: Discrepancy) -> SafeString:
        return display.lines(self.state_badge(row), row.note or display.day_cell(row.last_seen_at))

    @admin.display(description=gettext_lazy("what to do"))
    def suggested(self, row: Discrepancy) -> str:
        return self.suggested_action(row) or deferred.kinds.explanation_of(row.kind)

    @admin.display(description=gettext_lazy("suggested action"))
    def suggested_action(self, row: Discrepancy) -> str:
        # Stored in English; reconciliation marks the texts for translation.
        return _(row.suggestion) if row.suggestion else ""

    @admin.display(description=gettext_lazy("both sides"))
    def sides(self, row: Discrepancy) -> SafeString:
        """Show the values of both sides next to each other."""
        return deferred.discrepancy_sides.table(row, livemode=_livemode(row))

    def page_context(self, request: HttpRequest, row: Discrepancy) -> dict[str, Any]:
        return {**super().page_context(request, row), "title": deferred.kinds.label_of(row.kind), "subtitle": None}

    @admin.action(description=gettext_lazy("Resolve with the note"), permissions=["operate"])
    def resolve_selected(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse:
        """Resolve the selected differences."""
        return self._settle_selected(request, queryset, DiscrepancyState.RESOLVED, _("Resolved: %(note)s"))

    @admin.action(description=gettext_lazy("Ignore with the note"), permissions=["operate"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse:
        """Ignore the selected differences until they change."""
        return self._settle_selected(request, queryset, DiscrepancyState.IGNORED, _("Ignored: %(note)s"))

    def _settle_selected(
        self, request: HttpRequest, queryset: QuerySet[Discrepancy], state: DiscrepancyState, change_message: str
    ) -> HttpResponse:
        note = posted_note(request)
        if not note:
            return SeeOther(request.get_full_path())
        count = 0
        for row in queryset:
            if deferred.discrepancies.settle(row.pk, state, note=note, by=request.user):
                self.log_change(request, row, change_message % {"note": note})
                count += 1
        deferred.statistics_cache.clear()
        message = ngettext("Updated %(count)d difference.", "Updated %(count)d differences.", count)
        messages.success(request, message % {"count": count})
        return SeeOther(request.get_full_path())

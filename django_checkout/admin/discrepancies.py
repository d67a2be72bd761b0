"""Discrepancies in the admin: a work list of what Stripe and we disagree on, and what to do about each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout import services
from django_checkout.admin import display
from django_checkout.admin.filters import DiscrepancyKindFilter, DiscrepancyStateFilter
from django_checkout.admin.kinds import explanation, kind_label
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Discrepancy
from django_checkout.models.news import DiscrepancyState
from django_checkout.reconcile import decisions
from django_checkout.responses import SeeOther

Values = Mapping[str, Any]
#: What of a difference is money, in minor units.
AMOUNTS = frozenset(("total", "paid", "captured", "refunded", "withdrawn", "amount", "lines"))
#: Where an amount has a currency of its own, it is shown with it.
_OWN_CURRENCIES = frozenset(f"{name}_currency" for name in AMOUNTS)
_STRIPE_ID = re.compile(r"[a-z]{2,4}_\w*[0-9A-Z]\w*")


class DecisionForm(forms.Form):
    """Why staff settle a difference as they do."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept with the difference and shown in the order's timeline."),
    )

    def __init__(self, row: Discrepancy, data: Values | None = None) -> None:
        super().__init__(data, auto_id=f"id_{type(self).__name__.lower()}_%s")


class ResolveForm(DecisionForm):
    """How it was settled."""


class IgnoreForm(DecisionForm):
    """Why it does not matter."""


class NoteActionForm(ActionForm):
    """The note that goes with settling several at once."""

    note = forms.CharField(
        label=gettext_lazy("Note:"), required=False, max_length=2000, widget=forms.TextInput(attrs={"size": 24})
    )


def _settle_one(request: HttpRequest, row: Discrepancy, state: DiscrepancyState, note: str) -> None:
    if not decisions.settle(row.pk, state, note=note, by=request.user):
        raise CheckoutError("somebody has settled it meanwhile.")


def _resolve(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    _settle_one(request, row, DiscrepancyState.RESOLVED, values["note"])
    return _("Resolved the difference “%(kind)s”: %(note)s") % {"kind": kind_label(row.kind), "note": values["note"]}


def _ignore(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    _settle_one(request, row, DiscrepancyState.IGNORED, values["note"])
    return _("Ignored the difference “%(kind)s”: %(note)s") % {"kind": kind_label(row.kind), "note": values["note"]}


def _reopen(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    if not decisions.reopen(row.pk):
        raise CheckoutError("somebody has put it back meanwhile.")
    return _("Put the difference “%(kind)s” back on the list.") % {"kind": kind_label(row.kind)}


def _sync(request: HttpRequest, row: Discrepancy, values: Values) -> str:
    order = services.sync(row.order)
    return _("Synced order %(order)s with Stripe: it is %(status)s.") % {
        "order": order,
        "status": display.label(order.status),
    }


def _said(side: Mapping[str, Any], name: str, currency: str) -> object:
    """Return what one side says of something: amounts in their or the order's currency, states in words."""
    value = side.get(name)
    currency = str(side.get(f"{name}_currency") or side.get("currency") or currency)
    if value is None:
        return display.NOTHING
    if isinstance(value, int) and not isinstance(value, bool) and name in AMOUNTS and currency:
        return display.amount(value, currency)
    if isinstance(value, str):
        return display.code(value) if _STRIPE_ID.fullmatch(value) else display.label(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _differs(name: str, *sides: Mapping[str, Any]) -> bool:
    """Whether both sides speak of something, and not alike."""
    said = {repr((side.get(name), side.get(f"{name}_currency"))) for side in sides}
    return all(name in side for side in sides) and len(said) > 1


def _is_open(row: Discrepancy) -> bool:
    return row.state == DiscrepancyState.OPEN


@admin.register(Discrepancy)
class DiscrepancyAdmin(OperableAdmin[Discrepancy]):
    """Differences between Stripe and us that reconciliation could not safely mend."""

    operations = (
        Operation(
            name="sync",
            label=gettext_lazy("Sync the order with Stripe"),
            hint=gettext_lazy("Reads the order's sessions, refunds and disputes from Stripe and records what it says."),
            run=_sync,
            is_offered=lambda row: _is_open(row) and row.order_id is not None,
        ),
        Operation(
            name="resolve",
            label=gettext_lazy("Resolve"),
            hint=gettext_lazy("It is settled; should reconciliation find it again, it comes back."),
            run=_resolve,
            is_offered=_is_open,
            form=ResolveForm,
        ),
        Operation(
            name="ignore",
            label=gettext_lazy("Ignore"),
            hint=gettext_lazy("It does not matter, and stays off the list as long as it does not change."),
            run=_ignore,
            is_offered=_is_open,
            form=IgnoreForm,
        ),
        Operation(
            name="reopen",
            label=gettext_lazy("Put back on the list"),
            hint=gettext_lazy("It is not settled after all."),
            run=_reopen,
            is_offered=lambda row: not _is_open(row),
        ),
    )
    actions = ("resolve_selected", "ignore_selected")
    action_form = NoteActionForm
    list_display = ("what", "order_link", "suggested", "state_since")
    list_filter = (DiscrepancyStateFilter, DiscrepancyKindFilter)
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("subject",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe id or order number that it is about")
    fieldsets = (
        (
            None,
            {"fields": ("kind_name", "explanation", "suggested_action", "subject_link", "order_link", "state_badge")},
        ),
        (gettext_lazy("The difference"), {"fields": ("sides",)}),
        (
            gettext_lazy("History"),
            {"fields": ("first_seen_at", "last_seen_at", "resolved_at", "resolved_by", "note")},
        ),
    )

    @admin.display(description=gettext_lazy("difference"))
    def what(self, row: Discrepancy) -> SafeString:
        return display.lines(kind_label(row.kind), display.short_id(row.subject))

    @admin.display(description=gettext_lazy("difference"))
    def kind_name(self, row: Discrepancy) -> str:
        return kind_label(row.kind)

    @admin.display(description=gettext_lazy("what it means"))
    def explanation(self, row: Discrepancy) -> str:
        return explanation(row.kind)

    @admin.display(description=gettext_lazy("subject"))
    def subject_link(self, row: Discrepancy) -> SafeString:
        return self.stripe_link(row.subject, livemode=row.order.livemode if row.order else None)

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row: Discrepancy) -> SafeString:
        return self.link(row.order)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, row: Discrepancy) -> SafeString:
        return display.badge(row.state, of="bad" if _is_open(row) else "")

    @admin.display(description=gettext_lazy("state"))
    def state_since(self, row: Discrepancy) -> SafeString:
        return display.lines(self.state_badge(row), row.note or display.day_cell(row.last_seen_at))

    @admin.display(description=gettext_lazy("what to do"))
    def suggested(self, row: Discrepancy) -> str:
        return self.suggested_action(row) or explanation(row.kind)

    @admin.display(description=gettext_lazy("suggested action"))
    def suggested_action(self, row: Discrepancy) -> str:
        # Reconciliation writes it down in English, and marks it.
        return _(row.suggestion) if row.suggestion else ""

    @admin.display(description=gettext_lazy("both sides"))
    def sides(self, row: Discrepancy) -> SafeString:
        """Show what each side says, side by side."""
        names = [name for name in {**row.here, **row.at_stripe} if name not in _OWN_CURRENCIES]
        currency = row.order.currency if row.order else str(row.at_stripe.get("currency") or "")
        both = (row.here, row.at_stripe)
        cells = (
            (
                "checkout-differs" if _differs(name, *both) else "",
                display.label(name),
                *(_said(side, name, currency) for side in both),
            )
            for name in names
        )
        return format_html(
            '<table class="checkout-table checkout-sides"><thead><tr><td></td><th scope="col">{}</th>'
            '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
            _("here"),
            _("at Stripe"),
            format_html_join("", '<tr class="{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', cells),
        )

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Discrepancy | None = None,
    ) -> HttpResponse:
        """Call the page by what differs."""
        if obj is not None:
            context |= {"title": kind_label(obj.kind), "subtitle": None}
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.action(description=gettext_lazy("Resolve, with the note"), permissions=["operate"])
    def resolve_selected(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse:
        """Settle the selected differences."""
        return self._settle_selected(request, queryset, DiscrepancyState.RESOLVED, _("Resolved: %(note)s"))

    @admin.action(description=gettext_lazy("Ignore, with the note"), permissions=["operate"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse:
        """Take the selected differences off the list until they change."""
        return self._settle_selected(request, queryset, DiscrepancyState.IGNORED, _("Ignored: %(note)s"))

    def _settle_selected(
        self, request: HttpRequest, queryset: QuerySet[Discrepancy], state: DiscrepancyState, said: str
    ) -> HttpResponse:
        note = request.POST.get("note", "").strip()
        if not note:
            messages.error(request, _("Write a note that says why, then run the action again."))
            return SeeOther(request.get_full_path())
        count = 0
        for row in queryset:
            if decisions.settle(row.pk, state, note=note[:2000], by=request.user):
                self.log_change(request, row, said % {"note": note})
                count += 1
        self.forget_figures()
        settled = ngettext("Settled %(count)d difference.", "Settled %(count)d differences.", count)
        messages.success(request, settled % {"count": count})
        return SeeOther(request.get_full_path())

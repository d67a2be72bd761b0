"""The forms of the operations on orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout import money
from django_checkout.admin import deferred, display
from django_checkout.exceptions import MoneyError
from django_checkout.states import RefundReason, RefundStatus

if TYPE_CHECKING:
    from django_checkout.admin.order_rows import OrderRows

Data = Mapping[str, Any] | None


class ConfirmForm(forms.Form):
    """Asks for confirmation only."""

    def __init__(self, subject: Any, data: Data = None) -> None:
        super().__init__(data, auto_id=f"id_{type(self).__name__.lower()}_%s")


class AmountForm(ConfirmForm):
    """Asks for an amount in major units, by default the largest; ``cleaned_data`` has minor units."""

    #: Returns the largest amount, in minor units; set by each form.
    find_most: Callable[[OrderRows], int]

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=15)

    def __init__(self, rows: OrderRows, data: Data = None) -> None:
        super().__init__(rows, data)
        self.rows = rows
        self.currency = rows.order.currency
        step = money.to_decimal(money.step_minor(self.currency), self.currency)
        most = money.to_decimal(self.most_minor, self.currency)
        field = self.fields["amount"]
        field.initial = most
        field.label = _("Amount in %(currency)s") % {"currency": self.currency.upper()}
        field.help_text = _("At most %(amount)s.") % {"amount": display.amount(self.most_minor, self.currency)}
        field.widget = forms.NumberInput(
            attrs={"step": str(step), "min": str(step), "max": str(most), "required": True}
        )

    @property
    def most_minor(self) -> int:
        """The largest amount, in minor units."""
        return self.find_most(self.rows)

    def clean_amount(self) -> int:
        """Return the amount in minor units."""
        amount: Decimal = self.cleaned_data["amount"]
        try:
            minor = money.to_minor(amount, self.currency)
        except MoneyError as error:
            raise forms.ValidationError(str(error)) from error
        if not 0 < minor <= self.most_minor:
            raise forms.ValidationError(
                _("Enter an amount greater than zero and at most %(amount)s.")
                % {"amount": display.amount(self.most_minor, self.currency)}
            )
        return minor


class CaptureForm(AmountForm):
    """Asks how much of the authorized amount to capture."""

    find_most = attrgetter("authorized_minor")


class RefundForm(AmountForm):
    """Asks how much to refund, and why.

    ``seen`` holds the refunds that the page showed, so that a form submitted twice refunds once.
    """

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), required=False)
    again = forms.BooleanField(label=gettext_lazy("Refund this amount once more"), required=False)
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, rows: OrderRows, data: Data = None) -> None:
        super().__init__(rows, data)
        choices = [("", _("no reason"))] + [
            (reason, RefundReason.label_of(reason)) for reason in deferred.refunds.REASONS
        ]
        self.fields["reason"] = forms.ChoiceField(label=_("Reason"), choices=choices, required=False)
        self.fields["seen"].initial = rows.refunds_seen
        if recent := rows.recent_refunds(timezone.now()):
            self.fields["again"].help_text = _("Confirm this to repeat a refund: %(refunds)s.") % {
                "refunds": ", ".join(
                    f"{display.amount(row.amount_minor, row.currency)} {RefundStatus.label_of(row.status)}"
                    for row in recent
                )
            }
        else:
            del self.fields["again"]

    find_most = attrgetter("refundable_minor")

    def clean(self) -> None:
        """Refuse a form that was loaded before another refund."""
        if self.cleaned_data.get("seen") != self.rows.refunds_seen:
            # The form that is shown again has the current refunds.
            self.data = {**self.data, "amount": "", "seen": self.rows.refunds_seen}
            raise forms.ValidationError(
                _("The refunds of this order have changed. Check the remaining amount, then submit the form again.")
            )
        repeated = self.rows.find_repeated(self.cleaned_data.get("amount", 0), timezone.now())
        if repeated is not None and not self.cleaned_data.get("again"):
            raise forms.ValidationError(
                _(
                    "The same amount was refunded within the last hour, or Stripe has not answered. To refund it once "
                    "more, confirm that below."
                )
            )
        self.cleaned_data["in_addition_to"] = repeated and repeated.uuid


class NoteActionForm(ActionForm):
    """Adds a note to the actions on several rows."""

    note = forms.CharField(
        label=gettext_lazy("Note:"), required=False, max_length=2000, widget=forms.TextInput(attrs={"size": 24})
    )


def posted_note(request: HttpRequest) -> str:
    """Return the note of an action on several rows; if it is missing, say so and return ""."""
    note: str = request.POST.get("note", "").strip()[:2000]
    if not note:
        messages.error(request, _("Enter a note that gives the reason, then run the action again."))
    return note


class NoteForm(ConfirmForm):
    """Asks for a note."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("The note is shown in the timeline of the order."),
    )

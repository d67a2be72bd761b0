"""Notifications in the admin, and the operation that delivers one again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout.admin import columns, deferred, display
from django_checkout.admin.filters import by
from django_checkout.admin.operations import Operation
from django_checkout.admin.pending import PendingAdmin, waive_operation
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Announcement
from django_checkout.models.announcements import AnnouncementState
from django_checkout.states import SignalName


def _deliver_again(request: HttpRequest, row: Announcement, values: Mapping[str, Any]) -> str:
    if not deferred.services.deliver_again(row):
        if row.state == AnnouncementState.ANNOUNCED:
            raise CheckoutError(
                _("a receiver raised an error. The notification was delivered before, so it is not retried.")
            )
        raise CheckoutError(_("a receiver raised an error. The notification is retried automatically."))
    return _("Delivered %(signal)s again.") % {"signal": row.signal}


def _waive(row: Announcement, note: str, *, by: Any) -> None:
    deferred.services.waive(row, note, by=by)


@admin.register(Announcement)
class AnnouncementAdmin(PendingAdmin[Announcement]):
    """The notifications that were delivered to the shop's receivers, and those that are pending."""

    operations = (
        Operation(
            name="deliver",
            label=gettext_lazy("Deliver again"),
            hint=gettext_lazy("Calls the shop's receivers again, even if the notification was delivered before."),
            run=_deliver_again,
            is_offered=lambda row: row.state != AnnouncementState.SUPERSEDED,
        ),
        waive_operation(_waive, lambda row: row.state == AnnouncementState.PENDING),
    )

    list_display = ("notification", "order_link", "state_badge", "attempts", "next_try", "last_error", "created")
    list_filter = (by(AnnouncementState, "state", gettext_lazy("state")),)
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe ID of the order")
    fieldsets = (
        (None, {"fields": ("order_link", "notification", "fact", "state_badge", "amount", "reason")}),
        (gettext_lazy("About"), {"fields": ("session_link", "refund_link", "dispute_link", "subscription_link")}),
        (
            gettext_lazy("History"),
            {
                "fields": (
                    "attempts",
                    "last_error",
                    "created_at",
                    "announced_at",
                    "next_attempt_at",
                    "waived_by",
                    "note",
                )
            },
        ),
    )

    def pending(self, rows: QuerySet[Announcement]) -> QuerySet[Announcement]:
        return rows.filter(state=AnnouncementState.PENDING).order_by("pk")

    def retry(self, row: Announcement) -> bool:
        try:
            return deferred.services.deliver_again(row, only_pending=True)
        except CheckoutError:
            return False

    def waive(self, row: Announcement, note: str, *, by: Any) -> None:
        _waive(row, note, by=by)

    @admin.display(description=gettext_lazy("notification"))
    def notification(self, row: Announcement) -> SafeString:
        return display.lines(SignalName.label_of(row.signal), row.signal)

    state_badge = columns.status(AnnouncementState, "state", label=gettext_lazy("state"))

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, row: Announcement) -> SafeString:
        return display.amount_cell(row.amount_minor, row.order.currency)

    next_try = columns.instant(gettext_lazy("next attempt"), "next_attempt_at")
    session_link = columns.link(gettext_lazy("session"), "session")
    refund_link = columns.link(gettext_lazy("refund"), "refund")
    dispute_link = columns.link(gettext_lazy("dispute"), "dispute")
    subscription_link = columns.link(gettext_lazy("subscription"), "subscription")

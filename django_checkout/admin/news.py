"""Announcements and attention items in the admin: what was delivered, what a person should see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout import services
from django_checkout.admin import display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import AnnouncementStateFilter, AttentionFilter, OpenFilter
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Announcement, AttentionItem
from django_checkout.models.news import AnnouncementState


def _deliver_again(request: HttpRequest, row: Announcement, values: Mapping[str, Any]) -> str:
    if not services.deliver_again(row):
        if row.state == AnnouncementState.ANNOUNCED:
            raise CheckoutError(
                _("a receiver raised an error; the notification was delivered before, so no retry follows.")
            )
        raise CheckoutError(_("a receiver raised an error; the notification is retried."))
    return _("Delivered %(signal)s again.") % {"signal": row.signal}


@admin.register(Announcement)
class AnnouncementAdmin(OperableAdmin[Announcement]):
    """What was delivered to the shop's receivers, and what is pending."""

    operations = (
        Operation(
            name="deliver",
            label=gettext_lazy("Deliver again"),
            hint=gettext_lazy("Runs the shop's receivers once more, also if they have run before."),
            run=_deliver_again,
            is_offered=lambda row: row.state != AnnouncementState.SUPERSEDED,
        ),
    )

    list_display = ("signal", "order_link", "state_badge", "attempts", "next_try", "last_error", "created")
    list_filter = (AnnouncementStateFilter,)
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe id of the order")
    fieldsets = (
        (None, {"fields": ("order_link", "signal", "fact", "state_badge", "amount", "reason")}),
        (gettext_lazy("About"), {"fields": ("session_link", "refund_link", "dispute_link", "subscription_link")}),
        (
            gettext_lazy("History"),
            {"fields": ("attempts", "last_error", "created_at", "announced_at", "next_attempt_at")},
        ),
    )

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row: Announcement) -> SafeString:
        return self.link(row.order)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, row: Announcement) -> SafeString:
        return display.badge(row.state)

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, row: Announcement) -> SafeString:
        return display.amount_cell(row.amount_minor, row.order.currency)

    @admin.display(description=gettext_lazy("next try"))
    def next_try(self, row: Announcement) -> SafeString:
        return display.instant_cell(row.next_attempt_at)

    @admin.display(description=gettext_lazy("session"))
    def session_link(self, row: Announcement) -> SafeString:
        return self.link(row.session)

    @admin.display(description=gettext_lazy("refund"))
    def refund_link(self, row: Announcement) -> SafeString:
        return self.link(row.refund)

    @admin.display(description=gettext_lazy("dispute"))
    def dispute_link(self, row: Announcement) -> SafeString:
        return self.link(row.dispute)

    @admin.display(description=gettext_lazy("subscription"))
    def subscription_link(self, row: Announcement) -> SafeString:
        return self.link(row.subscription)

    @admin.display(description=gettext_lazy("created"))
    def created(self, row: Announcement) -> SafeString:
        return display.instant_cell(row.created_at)


@admin.register(AttentionItem)
class AttentionItemAdmin(FactsAdmin[AttentionItem]):
    """Reasons to look at an order; they are resolved on the order's page."""

    list_display = ("reason", "order_link", "noted", "raised", "resolved", "resolved_by")
    list_filter = (OpenFilter, AttentionFilter)
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe id of the order")
    fieldsets = (
        (None, {"fields": ("order_link", "reason", "explanation", "noted", "fact", "raised_at")}),
        (gettext_lazy("Resolved"), {"fields": ("resolved_at", "resolved_by", "note")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AttentionItem]:
        return super().get_queryset(request).prefetch_related("resolved_by")

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, item: AttentionItem) -> SafeString:
        is_open = item.resolved_at is None
        return display.badge("", display.attention_label(item.code), of="bad" if is_open else "quiet")

    @admin.display(description=gettext_lazy("what it means"))
    def explanation(self, item: AttentionItem) -> str:
        known = display.ATTENTION.get(item.code)
        return str(known[1]) if known else display.DASH

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, item: AttentionItem) -> SafeString:
        return self.link(item.order)

    @admin.display(description=gettext_lazy("detail"))
    def noted(self, item: AttentionItem) -> str:
        return display.detail(item.detail, item.order.currency)

    @admin.display(description=gettext_lazy("raised"))
    def raised(self, item: AttentionItem) -> SafeString:
        return display.instant_cell(item.raised_at)

    @admin.display(description=gettext_lazy("resolved"))
    def resolved(self, item: AttentionItem) -> SafeString:
        return display.instant_cell(item.resolved_at)

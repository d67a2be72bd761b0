"""Attention items in the admin: the reasons why orders need a person."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from django_checkout.admin import columns, display, filters
from django_checkout.admin.base import FactsAdmin
from django_checkout.models import AttentionItem
from django_checkout.states import Attention, Tone


@admin.register(AttentionItem)
class AttentionItemAdmin(FactsAdmin[AttentionItem]):
    """The attention items; staff resolve them on the order page."""

    list_display = ("reason", "order_link", "noted", "raised", "resolved", "resolved_by")
    list_filter = (filters.OpenFilter, filters.by(Attention, "code", gettext_lazy("reason")))
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe ID of the order")
    fieldsets = (
        (None, {"fields": ("order_link", "reason", "explanation", "noted", "fact", "raised_at")}),
        (gettext_lazy("Resolved"), {"fields": ("resolved_at", "resolved_by", "note")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AttentionItem]:
        return super().get_queryset(request).prefetch_related("resolved_by")

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, item: AttentionItem) -> SafeString:
        is_open = item.resolved_at is None
        return display.badge(Attention.label_of(item.code), Tone.BAD if is_open else Tone.QUIET)

    @admin.display(description=gettext_lazy("what it means"))
    def explanation(self, item: AttentionItem) -> str:
        return Attention.explanation_of(item.code) or display.DASH

    @admin.display(description=gettext_lazy("detail"))
    def noted(self, item: AttentionItem) -> str:
        return item.detail_text

    raised = columns.instant(gettext_lazy("raised"), "raised_at")
    resolved = columns.instant(gettext_lazy("resolved"), "resolved_at")

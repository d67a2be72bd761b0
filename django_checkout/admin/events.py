"""Webhook events in the admin, and the operation that processes one again."""

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
from django_checkout.admin.base import find_order_pks
from django_checkout.admin.filters import EventTypeFilter, by
from django_checkout.admin.operations import Operation
from django_checkout.admin.pending import PendingAdmin, waive_operation
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Order, WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.states import IgnoreReason


def _replay(request: HttpRequest, event: WebhookEvent, values: Mapping[str, Any]) -> str:
    try:
        done = deferred.processing.replay(event)
    except CheckoutError:
        raise
    except Exception as error:
        # The host's handlers can raise any error; the inbox has logged it and marked the event as failed.
        failed = _("a handler raised %(error)s. The event stays failed and is retried.")
        raise CheckoutError(failed % {"error": type(error).__name__}) from error
    state = " ".join(filter(None, (EventState.label_of(done.state), done.error_code)))
    return _("Processed %(type)s again: %(state)s.") % {"type": event.type, "state": state}


def _waive(event: WebhookEvent, note: str, *, by: Any) -> None:
    deferred.inbox.waive(event, note, by=by)


@admin.register(WebhookEvent)
class WebhookEventAdmin(PendingAdmin[WebhookEvent]):
    """The webhook events that Stripe delivered."""

    operations = (
        Operation(
            name="replay",
            label=gettext_lazy("Process again"),
            hint=gettext_lazy("Processes the event again. Its effects are not applied twice."),
            run=_replay,
            is_offered=lambda event: True,
        ),
        waive_operation(_waive, lambda event: event.state == EventState.FAILED),
    )
    list_display = ("what", "state_badge", "received")
    list_filter = (by(EventState, "state", gettext_lazy("state")), EventTypeFilter, "livemode", "received_at")
    sortable_by = ("received",)
    ordering = ("-id",)
    search_exact = ("stripe_id", "object_id", "payment_intent_id")
    search_help_text = gettext_lazy("Stripe ID of an event or its object")
    fieldsets = (
        (None, {"fields": ("type", "at_stripe", "state_badge", "orders", "about", "payment_intent", "mode_badge")}),
        (
            gettext_lazy("Processing"),
            {
                "fields": (
                    "attempts",
                    "error",
                    "created_at",
                    "received_at",
                    "processed_at",
                    "next_attempt_at",
                    "waived_by",
                    "note",
                )
            },
        ),
        (gettext_lazy("Origin"), {"fields": ("request_link", "api_version", "is_thin", "account")}),
        (gettext_lazy("Payload"), {"fields": ("payload_json",), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        is_page = request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        return rows if is_page else rows.defer("payload")

    def pending(self, rows: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        return rows.filter(state=EventState.FAILED).order_by("pk")

    def retry(self, row: WebhookEvent) -> bool:
        try:
            deferred.processing.process(row)
        except Exception:
            # The inbox has logged it and keeps the event failed.
            return False
        return True

    def waive(self, row: WebhookEvent, note: str, *, by: Any) -> None:
        _waive(row, note, by=by)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, event: WebhookEvent) -> SafeString:
        notes = [IgnoreReason.label_of(event.error_code)] if event.error_code else []
        if event.attempts > 1:
            notes.append(_("%(count)d attempts") % {"count": event.attempts})
        return display.lines(display.status_badge(EventState, event.state), ", ".join(notes))

    @admin.display(description=gettext_lazy("event"))
    def what(self, event: WebhookEvent) -> SafeString:
        return display.lines(event.type, display.short_id(event.object_id))

    about = columns.stripe_id(gettext_lazy("about"), "object_id")
    payment_intent = columns.stripe_id(gettext_lazy("payment intent"), "payment_intent_id")
    request_link = columns.stripe_id(gettext_lazy("request"), "request_id")

    @admin.display(description=gettext_lazy("order"))
    def orders(self, event: WebhookEvent) -> SafeString:
        found = {
            pk
            for stripe_id in filter(None, (event.object_id, event.payment_intent_id))
            for pk in find_order_pks(stripe_id)
        }
        links = [self.link(order) for order in Order.objects.filter(pk__in=found)]
        return display.join(links) if links else display.NOTHING

    received = columns.instant(gettext_lazy("received"), "received_at")
    error = columns.error()

    @admin.display(description=gettext_lazy("payload, without secrets"))
    def payload_json(self, event: WebhookEvent) -> SafeString:
        return display.pretty_json(deferred.envelope.reduced(event.payload))

"""Webhook events in the admin: what Stripe told us, what became of it, and a button to process it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout import inbox
from django_checkout.admin import display
from django_checkout.admin.base import find_order_pks
from django_checkout.admin.filters import EventStateFilter, EventTypeFilter
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.envelope import reduced
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Order, WebhookEvent


def _replay(request: HttpRequest, event: WebhookEvent, values: Mapping[str, Any]) -> str:
    try:
        done = inbox.replay(event)
    except CheckoutError:
        raise
    except Exception as error:
        # Handlers of the host's may raise anything; the inbox has kept the event as failed and logged it.
        raise CheckoutError(f"a handler raised {type(error).__name__}; the event is kept as failed.") from error
    said = " ".join(filter(None, (display.label(done.state), done.error_code)))
    return _("Processed %(type)s again: %(state)s.") % {"type": event.type, "state": said}


@admin.register(WebhookEvent)
class WebhookEventAdmin(OperableAdmin[WebhookEvent]):
    """The inbox."""

    operations = (
        Operation(
            name="replay",
            label=gettext_lazy("Process again"),
            hint=gettext_lazy("Applies this event once more: harmless, and useful once a cause is mended."),
            run=_replay,
            is_offered=lambda event: True,
        ),
    )
    list_display = ("what", "state_badge", "received")
    list_filter = (EventStateFilter, EventTypeFilter, "livemode", "received_at")
    sortable_by = ("received",)
    ordering = ("-id",)
    search_exact = ("object_id", "payment_intent_id")
    search_prefix = ("stripe_id",)
    search_help_text = gettext_lazy("Stripe id of an event, or of what it is about")
    fieldsets = (
        (None, {"fields": ("type", "at_stripe", "state_badge", "orders", "about", "payment_intent", "mode_badge")}),
        (
            gettext_lazy("Processing"),
            {"fields": ("attempts", "error", "created_at", "received_at", "processed_at", "next_attempt_at")},
        ),
        (gettext_lazy("Origin"), {"fields": ("request_link", "api_version", "is_thin", "account")}),
        (gettext_lazy("Payload"), {"fields": ("payload_json",), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        is_page = request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        return rows if is_page else rows.defer("payload")

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, event: WebhookEvent) -> SafeString:
        said = [display.label(event.error_code)] if event.error_code else []
        if event.attempts > 1:
            said.append(_("%(count)d tries") % {"count": event.attempts})
        return display.lines(display.badge(event.state), ", ".join(said))

    @admin.display(description=gettext_lazy("event"))
    def what(self, event: WebhookEvent) -> SafeString:
        return display.lines(event.type, display.short_id(event.object_id))

    @admin.display(description=gettext_lazy("Stripe id"))
    def at_stripe(self, event: WebhookEvent) -> SafeString:
        return self.stripe_link(event.stripe_id, livemode=event.livemode)

    @admin.display(description=gettext_lazy("about"))
    def about(self, event: WebhookEvent) -> SafeString:
        return self.stripe_link(event.object_id, livemode=event.livemode)

    @admin.display(description=gettext_lazy("payment intent"))
    def payment_intent(self, event: WebhookEvent) -> SafeString:
        return self.stripe_link(event.payment_intent_id, livemode=event.livemode)

    @admin.display(description=gettext_lazy("request"))
    def request_link(self, event: WebhookEvent) -> SafeString:
        return self.stripe_link(event.request_id, livemode=event.livemode)

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, event: WebhookEvent) -> SafeString:
        return display.mode_badge(event.livemode)

    @admin.display(description=gettext_lazy("order"))
    def orders(self, event: WebhookEvent) -> SafeString:
        found = {
            pk
            for stripe_id in filter(None, (event.object_id, event.payment_intent_id))
            for pk in find_order_pks(stripe_id)
        }
        links = [self.link(order) for order in Order.objects.filter(pk__in=found)]
        return display.join(links) if links else display.NOTHING

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, event: WebhookEvent) -> SafeString:
        return display.instant_cell(event.received_at)

    @admin.display(description=gettext_lazy("error"))
    def error(self, event: WebhookEvent) -> str:
        return " ".join(filter(None, (event.error_code, event.error_message))) or display.DASH

    @admin.display(description=gettext_lazy("payload, without secrets"))
    def payload_json(self, event: WebhookEvent) -> SafeString:
        return display.pretty_json(reduced(event.payload))

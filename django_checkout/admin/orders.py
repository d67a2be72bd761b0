"""Orders in the admin: the list, the order page and the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout.admin import deferred, display
from django_checkout.admin.filters import by
from django_checkout.admin.operations import EXPECTED_ERRORS, OperableAdmin, describe_error
from django_checkout.admin.order_operations import ORDER_OPERATIONS
from django_checkout.conf import conf
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import Order, database
from django_checkout.pages.responses import SeeOther
from django_checkout.states import OrderStatus

if TYPE_CHECKING:
    from django_checkout.admin.order_rows import OrderRows

#: Each sync calls Stripe a few times while the browser waits.
MAXIMUM_SYNCS = 50


@admin.register(Order)
class OrderAdmin(OperableAdmin[Order]):
    """The orders and their operations."""

    operations = ORDER_OPERATIONS
    change_form_template = "admin/django_checkout/order/change_form.html"
    actions = ("sync_with_stripe", "export_csv")
    list_display = ("order", "status_badge", "total", "created")
    list_filter = (by(OrderStatus), "needs_attention", "disputed", "livemode", "created_at")
    sortable_by = ("order", "created")
    ordering = ("-id",)
    search_prefix = ("reference", "email")
    search_order_column = "pk"
    search_help_text = gettext_lazy("Order number (or its beginning), e-mail address, or a Stripe ID of the order")

    class Media:
        js = ("django_checkout/admin.js",)

    @admin.display(description=gettext_lazy("order"), ordering="reference")
    def order(self, order: Order) -> SafeString:
        return display.lines(order.reference, order.email)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, order: Order) -> SafeString:
        return display.join(display.order_badges(order))

    @admin.display(description=gettext_lazy("total"))
    def total(self, order: Order) -> SafeString:
        minor = order.subtotal_minor if order.total_minor is None else order.total_minor
        if not order.refunded_minor:
            return display.amount_cell(minor, order.currency)
        refunded = _("%(amount)s refunded") % {"amount": display.amount(order.refunded_minor, order.currency)}
        return display.amount_cell(minor, order.currency, refunded)

    @admin.action(description=gettext_lazy("Sync with Stripe"), permissions=["operate"])
    def sync_with_stripe(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """Sync the selected orders. If one fails, the others are still synced, unless Stripe does not respond."""
        orders = list(queryset[: MAXIMUM_SYNCS + 1])
        synced = 0
        for order in orders[:MAXIMUM_SYNCS]:
            try:
                status = deferred.services.sync(order).status
            except EXPECTED_ERRORS as error:
                failed = _("Sync with Stripe failed: %(error)s") % {"error": describe_error(error)}
                self.log_change(request, order, failed)
                messages.error(request, f"{order.reference}: {failed}")
                if isinstance(error, StripeUnavailableError):
                    break
            else:
                done = _("Synced with Stripe: the order is %(status)s.") % {"status": OrderStatus.label_of(status)}
                self.log_change(request, order, done)
                synced += 1
        deferred.statistics_cache.clear()
        if synced:
            message = ngettext("Synced %(count)d order with Stripe.", "Synced %(count)d orders with Stripe.", synced)
            messages.success(request, message % {"count": synced})
        if len(orders) > MAXIMUM_SYNCS:
            message = _("Only the first %(count)d orders were synced. Run checkout_reconcile to sync more.")
            messages.warning(request, message % {"count": MAXIMUM_SYNCS})
        return SeeOther(request.get_full_path())

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponseBase:
        """Download the selected orders for a spreadsheet."""
        return deferred.export.orders_as_csv(queryset)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.dashboard_view)
        return [path("dashboard/", view, name="django_checkout_order_dashboard"), *super().get_urls()]

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """Show the dashboard."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            **deferred.dashboard.build(request),
            "title": _("Payments"),
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/django_checkout/dashboard/page.html", context)

    @database.non_atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the link to the dashboard."""
        request.current_app = self.admin_site.name
        url = deferred.dashboard.find_url(request, "order", "dashboard", permission="view_order")
        return super().changelist_view(request, {**(extra_context or {}), "checkout_dashboard_url": url})

    def get_subject(self, row: Order) -> OrderRows:
        return deferred.order_rows.read_rows(row)

    def page_context(self, request: HttpRequest, row: Order) -> dict[str, Any]:
        rows = deferred.order_rows.read_rows(row)
        return {
            **deferred.order_page.build(rows, self),
            "checkout_buttons": self.buttons(request, row, rows),
            "title": _("Order %(reference)s") % {"reference": row.reference},
            "subtitle": None,
            "source_url": self._source_url(row),
            "pay_url": self._pay_url(request, row),
        }

    def _source_url(self, order: Order) -> str:
        """Return the URL of the shop's own row in this admin site, or ""."""
        source: models.Model | None = order.source
        if source is None or not self.admin_site.is_registered(type(source)):
            return ""
        return self.url_of(source)

    def _pay_url(self, request: HttpRequest, order: Order) -> str:
        """Return the payment link for the customer; "" if the order is not payable or the user is no operator."""
        if order.status != OrderStatus.UNPAID or not self.has_operate_permission(request):
            return ""
        try:
            return deferred.services.pay_url(order, request=None if conf.CHECKOUT_BASE_URL else request)
        except (NoReverseMatch, ImproperlyConfigured):
            return ""

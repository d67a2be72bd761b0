"""Orders in the admin: the list that a merchant works through, and the page that tells an order's story."""

from __future__ import annotations

from typing import Any

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

from django_checkout import database, services
from django_checkout.admin import dashboard, display, page
from django_checkout.admin.export import orders_as_csv
from django_checkout.admin.filters import OrderStatusFilter
from django_checkout.admin.operations import EXPECTED_ERRORS, OperableAdmin, describe_error
from django_checkout.admin.order_operations import ORDER_OPERATIONS
from django_checkout.admin.rows import OrderRows, read_rows
from django_checkout.conf import conf
from django_checkout.models import Order
from django_checkout.responses import SeeOther
from django_checkout.states import OrderStatus

#: Each order costs a few calls to Stripe, and the browser waits for them.
MAXIMUM_SYNCS = 50


@admin.register(Order)
class OrderAdmin(OperableAdmin[Order]):
    """The payment side of the shop's orders."""

    operations = ORDER_OPERATIONS
    change_form_template = "admin/django_checkout/order/change_form.html"
    actions = ("sync_with_stripe", "export_csv")
    list_display = ("order", "status_badge", "total", "created")
    list_filter = (OrderStatusFilter, "needs_attention", "disputed", "livemode", "created_at")
    sortable_by = ("order", "created")
    ordering = ("-id",)
    search_exact = ("email",)
    search_prefix = ("reference",)
    search_order_column = "pk"
    search_help_text = gettext_lazy("Order number (or its beginning), e-mail address, or a Stripe id of the order")

    class Media:
        js = ("django_checkout/admin.js",)

    @admin.display(description=gettext_lazy("order"), ordering="reference")
    def order(self, order: Order) -> SafeString:
        return display.lines(order.reference, order.email)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, order: Order) -> SafeString:
        shown = [display.badge(order.status)]
        if order.disputed:
            shown.append(display.badge("", _("disputed"), of="bad"))
        if order.needs_attention:
            shown.append(display.badge("", _("needs attention"), of="bad"))
        return display.join(shown)

    @admin.display(description=gettext_lazy("total"))
    def total(self, order: Order) -> SafeString:
        minor = order.subtotal_minor if order.total_minor is None else order.total_minor
        if not order.refunded_minor:
            return display.amount_cell(minor, order.currency)
        refunded = _("%(amount)s refunded") % {"amount": display.amount(order.refunded_minor, order.currency)}
        return display.amount_cell(minor, order.currency, refunded)

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, order: Order) -> SafeString:
        return display.instant_cell(order.created_at)

    @admin.action(description=gettext_lazy("Sync with Stripe"), permissions=["operate"])
    def sync_with_stripe(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """Read the selected orders from Stripe; one that fails does not keep the others from it."""
        orders = list(queryset[: MAXIMUM_SYNCS + 1])
        synced = 0
        for order in orders[:MAXIMUM_SYNCS]:
            try:
                status = services.sync(order).status
            except EXPECTED_ERRORS as error:
                failed = _("Sync with Stripe failed: %(error)s") % {"error": describe_error(error)}
                self.log_change(request, order, failed)
                messages.error(request, f"{order.reference}: {failed}")
            else:
                done = _("Synced with Stripe: the order is %(status)s.") % {"status": display.label(status)}
                self.log_change(request, order, done)
                synced += 1
        self.forget_figures()
        if synced:
            said = ngettext("Synced %(count)d order with Stripe.", "Synced %(count)d orders with Stripe.", synced)
            messages.success(request, said % {"count": synced})
        if len(orders) > MAXIMUM_SYNCS:
            said = _("Only the first %(count)d were synced; checkout_reconcile reads any number.")
            messages.warning(request, said % {"count": MAXIMUM_SYNCS})
        return SeeOther(request.get_full_path())

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponseBase:
        """Download the selected orders for a spreadsheet."""
        return orders_as_csv(queryset)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.dashboard_view)
        return [path("dashboard/", view, name="django_checkout_order_dashboard"), *super().get_urls()]

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """Show what was sold, how many who wanted to pay did, and what waits for a person."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            **dashboard.build(request),
            "title": _("Payments"),
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/django_checkout/dashboard/page.html", context)

    @database.non_atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the way to the dashboard."""
        request.current_app = self.admin_site.name
        url = dashboard.find_url(request, "order", "dashboard", permission="view_order")
        return super().changelist_view(request, {**(extra_context or {}), "checkout_dashboard_url": url})

    def get_subject(self, row: Order) -> OrderRows:
        return read_rows(row)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Order | None = None,
    ) -> HttpResponse:
        """Show the order as a merchant reads it, instead of its columns."""
        if obj is not None:
            rows = read_rows(obj)
            context |= page.build(rows, self)
            context["checkout_buttons"] = self.buttons(request, obj, rows)
            context["title"] = _("Order %(reference)s") % {"reference": obj.reference}
            context["subtitle"] = None
            context["source_url"] = self._source_url(obj)
            context["pay_url"] = self._pay_url(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _source_url(self, order: Order) -> str:
        """Return where this admin site shows the shop's own row, or ""."""
        source: models.Model | None = order.source
        if source is None or not self.admin_site.is_registered(type(source)):
            return ""
        return self.url_of(source)

    def _pay_url(self, request: HttpRequest, order: Order) -> str:
        """Return the link by which the customer can pay, for those who may send it to them; "" where there is none."""
        if order.status != OrderStatus.UNPAID or not self.has_operate_permission(request):
            return ""
        try:
            return services.pay_url(order, request=None if conf.CHECKOUT_BASE_URL else request)
        except (NoReverseMatch, ImproperlyConfigured):
            return ""

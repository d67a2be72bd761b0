"""The read-only ``ModelAdmin`` of every model: lists without full counts, searches answered by indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout.admin import columns, display, stripe_links
from django_checkout.admin.counting import EstimatingPaginator
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, Subscription, database

M = TypeVar("M", bound=models.Model)

# Django's admin classes are generic to the type checker only.
if TYPE_CHECKING:

    class TypedModelAdmin(admin.ModelAdmin[M]):
        """Django's ``ModelAdmin``, generic to the type checker."""

else:

    class TypedModelAdmin(admin.ModelAdmin):
        """Django's ``ModelAdmin``, which accepts the subscript that the type checker needs."""

        def __class_getitem__(cls, model: Any) -> type:
            return cls


class FactsAdmin(TypedModelAdmin[M]):
    """Shows rows read-only, without calling Stripe.

    Lists have no date hierarchy, facets or full count, because each of these reads the whole table. A search compares
    the whole term with indexed columns, exactly or as a prefix.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    paginator = EstimatingPaginator
    list_max_show_all = 200
    #: Columns that must equal the search term.
    search_exact: ClassVar[tuple[str, ...]] = ()
    #: Columns that must start with the search term, an e-mail address in any case.
    search_prefix: ClassVar[tuple[str, ...]] = ()
    #: The column of the order, which is found by its reference or by a Stripe ID of its rows.
    search_order_column: ClassVar[str] = ""

    class Media:
        css = {"all": ["django_checkout/admin.css", "django_checkout/admin-dashboard.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Return whether the user may run operations other than refunds."""
        return request.user.has_perm("django_checkout.operate_order")

    def has_refund_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Return whether the user may refund."""
        return request.user.has_perm("django_checkout.refund_order")

    @database.non_atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list or run an action, outside ATOMIC_REQUESTS because actions call Stripe."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        columns = (*self.search_prefix, *self.search_exact, self.search_order_column)
        return tuple(column for column in columns if column)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Search for the whole term as typed: references can contain spaces, and IDs can differ by case only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q()
        for column in self.search_exact:
            found |= Q(**{column: term})
        for column in self.search_prefix:
            found |= Q(**{f"{column}__istartswith" if column == "email" else f"{column}__startswith": term})
        if self.search_order_column:
            found |= Q(**{f"{self.search_order_column}__in": find_order_pks(term)})
        return queryset.filter(found), False

    order_link = columns.link(gettext_lazy("order"), "order")
    at_stripe = columns.stripe_id(gettext_lazy("Stripe ID"), "stripe_id")

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, row: Any) -> SafeString:
        return display.mode_badge(row.livemode)

    created = columns.instant(gettext_lazy("created"), "created_at")

    def page_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        """Return what a model adds to the context of its page."""
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= self.page_context(request, obj)
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    def url_of(self, row: models.Model) -> str:
        """Return the URL of a row's page in this admin site."""
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        return reverse(name, args=[quote(row.pk)], current_app=self.admin_site.name)

    def link(self, row: models.Model | None, text: object = None) -> SafeString:
        """Return a link to a row's page in this admin site."""
        if row is None:
            return display.NOTHING
        return format_html('<a href="{}">{}</a>', self.url_of(row), row if text is None else text)

    def stripe_link(self, stripe_id: str | None, *, livemode: bool | None) -> SafeString:
        """Return a Stripe ID, linked to its page in Stripe's dashboard if there is one."""
        if not stripe_id:
            return display.NOTHING
        url = stripe_links.find_url(stripe_id, livemode=livemode)
        return display.external_link(url, stripe_id) if url else display.code(stripe_id)

    def dashboard_link(self, stripe_id: str, *, livemode: bool | None) -> SafeString:
        """Return a link to Stripe's dashboard that does not repeat the ID."""
        url = stripe_links.find_url(stripe_id, livemode=livemode)
        return display.external_link(url, _("Stripe")) if url else display.NOTHING


def find_order_pks(term: str) -> list[int]:
    """Return the keys of orders with this reference or a row with this Stripe ID, in one query that uses indexes."""
    orders = Order.objects.filter(reference=term).order_by().values_list("pk")
    sessions = CheckoutSession.objects.filter(stripe_id=term).order_by().values_list("order_id")
    payments = Payment.objects.filter(Q(stripe_id=term) | Q(charge_id=term)).order_by().values_list("order_id")
    refunds = Refund.objects.filter(stripe_id=term).order_by().values_list("payment__order_id")
    disputes = Dispute.objects.filter(stripe_id=term).order_by().values_list("payment__order_id")
    subscriptions = Subscription.objects.filter(stripe_id=term).order_by().values_list("order_id")
    found = orders.union(sessions, payments, refunds, disputes, subscriptions)
    return [pk for (pk,) in found if pk is not None]

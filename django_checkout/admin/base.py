"""What every page of facts in the admin shares: no editing, cheap lists, ids searched as written."""

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

from django_checkout import database
from django_checkout.admin import display, stripe_links
from django_checkout.admin.counting import EstimatingPaginator
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, Subscription

M = TypeVar("M", bound=models.Model)

# Django's admin classes are generic to the type checker only.
if TYPE_CHECKING:

    class TypedModelAdmin(admin.ModelAdmin[M]):
        """Django's ``ModelAdmin``, of one model."""

else:

    class TypedModelAdmin(admin.ModelAdmin):
        """Django's ``ModelAdmin``, which takes a model in brackets as the type checker wants it."""

        def __class_getitem__(cls, model: Any) -> type:
            return cls


class FactsAdmin(TypedModelAdmin[M]):
    """Shows facts: no row is added, changed or deleted here, and no page asks Stripe.

    There are no date hierarchies, facets and full counts, because each reads the whole table; the filter on a date is
    answered by its index. Searches are exact, or by prefix where the column has an index for that.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    paginator = EstimatingPaginator
    list_max_show_all = 200
    #: Columns compared with the whole search term, as it was typed.
    search_exact: ClassVar[tuple[str, ...]] = ()
    #: Columns that may begin with the search term.
    search_prefix: ClassVar[tuple[str, ...]] = ()
    #: The column that names the order, searched by its reference and by any Stripe id of it.
    search_order_column: ClassVar[str] = ""

    class Media:
        css = {"all": ["django_checkout/admin.css", "django_checkout/admin-dashboard.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whoever may change these rows, if Django's permission is given to anybody, may at least look at them."""
        return bool(super().has_view_permission(request, obj))

    def has_operate_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the user may sync, expire, capture, cancel, accept and process again."""
        return request.user.has_perm("django_checkout.operate_order")

    def has_refund_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the user may give money back."""
        return request.user.has_perm("django_checkout.refund_order")

    @database.non_atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, or run an action of it: outside ATOMIC_REQUESTS, since actions call Stripe."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        named = (*self.search_prefix, *self.search_exact, self.search_order_column)
        return tuple(column for column in named if column)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Find rows by the whole term; ids and references may hold spaces and differ by case only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q()
        for column in self.search_exact:
            found |= Q(**{f"{column}__in": {term, term.lower()} if column == "email" else {term}})
        for column in self.search_prefix:
            found |= Q(**{f"{column}__startswith": term})
        if self.search_order_column:
            found |= Q(**{f"{self.search_order_column}__in": find_order_pks(term)})
        return queryset.filter(found), False

    def url_of(self, row: models.Model) -> str:
        """Return the address of a row's page in this admin site."""
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        return reverse(name, args=[quote(row.pk)], current_app=self.admin_site.name)

    def link(self, row: models.Model | None, text: object = None) -> SafeString:
        """Return a link to a row's page in this admin site."""
        if row is None:
            return display.NOTHING
        return format_html('<a href="{}">{}</a>', self.url_of(row), row if text is None else text)

    def stripe_link(self, stripe_id: str | None, *, livemode: bool | None) -> SafeString:
        """Return a Stripe id, linked to Stripe's dashboard where that has a page for it."""
        if not stripe_id:
            return display.NOTHING
        url = stripe_links.find_url(stripe_id, livemode=livemode)
        return display.external_link(url, stripe_id) if url else display.code(stripe_id)

    def dashboard_link(self, stripe_id: str, *, livemode: bool | None) -> SafeString:
        """Return a link to Stripe's dashboard, for where the id itself already leads to our page."""
        url = stripe_links.find_url(stripe_id, livemode=livemode)
        return display.external_link(url, _("Stripe")) if url else display.NOTHING


def find_order_pks(term: str) -> list[int]:
    """Return the orders with this reference, session, payment, charge, refund or dispute: one query, all by index."""
    orders = Order.objects.filter(reference=term).order_by().values_list("pk")
    sessions = CheckoutSession.objects.filter(stripe_id=term).order_by().values_list("order_id")
    payments = Payment.objects.filter(Q(stripe_id=term) | Q(charge_id=term)).order_by().values_list("order_id")
    refunds = Refund.objects.filter(stripe_id=term).order_by().values_list("payment__order_id")
    disputes = Dispute.objects.filter(stripe_id=term).order_by().values_list("payment__order_id")
    subscriptions = Subscription.objects.filter(stripe_id=term).order_by().values_list("order_id")
    found = orders.union(sessions, payments, refunds, disputes, subscriptions)
    return [pk for (pk,) in found if pk is not None]

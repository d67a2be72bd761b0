"""The shop's pages."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from django_checkout import services
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Order as Payable
from example_project.shop.access import get_order_by_token, get_visible_order, remember_order
from example_project.shop.cart import Cart
from example_project.shop.forms import CheckoutForm, QuantityForm
from example_project.shop.models import Order, Product
from example_project.shop.ordering import place_order
from example_project.shop.prices import CURRENCIES, SESSION_KEY

logger = logging.getLogger(__name__)

#: The values of `?ui=` on the payment step. The first needs no script.
WAYS_TO_PAY = ("hosted", "embedded", "elements")


class SeeOther(HttpResponseRedirect):
    """303: redirect after a POST."""

    status_code = 303


@require_GET
def catalogue(request: HttpRequest) -> HttpResponse:
    """List the products, all or of one kind."""
    kind = request.GET.get("kind", "")
    products = Product.objects.filter(is_available=True)
    if kind in Product.Kind.values:
        products = products.filter(kind=kind)
    return render(request, "shop/catalogue.html", {"products": products, "kinds": Product.Kind, "kind": kind})


@require_GET
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a product, and others that go with it."""
    shown = get_object_or_404(Product, slug=slug, is_available=True)
    others = Product.objects.filter(is_available=True).exclude(pk=shown.pk)
    return render(
        request,
        "shop/product.html",
        {
            "product": shown,
            # Products of another kind first.
            "others": sorted(others, key=lambda other: other.kind == shown.kind)[:4],
            "quantities": range(1, shown.maximum_quantity + 1),
        },
    )


@never_cache
@require_GET
def cart(request: HttpRequest) -> HttpResponse:
    """Show the cart."""
    return render(request, "shop/cart.html")


@require_POST
def add_to_cart(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a product to the cart, one by default."""
    added = get_object_or_404(Product, slug=slug, is_available=True)
    form = QuantityForm(request.POST or None)
    quantity = form.cleaned_data["quantity"] if form.is_valid() else 1
    if Cart(request).add(added, quantity):
        messages.success(request, _("%(product)s is in your cart.") % {"product": added.name})
    else:
        messages.error(request, _("%(product)s is sold out until the next firing.") % {"product": added.name})
    return _go_back(request)


def _go_back(request: HttpRequest) -> HttpResponse:
    next_url = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(next_url, {request.get_host()}, require_https=request.is_secure()):
        next_url = reverse("shop:cart")
    return SeeOther(next_url)


@require_POST
def choose_currency(request: HttpRequest) -> HttpResponse:
    """Show prices in another currency. An order that was placed keeps its own until it is placed again."""
    if request.POST.get("currency") in CURRENCIES:
        request.session[SESSION_KEY] = request.POST["currency"]
    return _go_back(request)


@require_POST
def change_cart(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the quantity of a product in the cart; zero removes it."""
    changed = get_object_or_404(Product, slug=slug)
    form = QuantityForm(request.POST)
    if form.is_valid() and not Cart(request).set(changed, form.cleaned_data["quantity"]):
        messages.success(request, _("%(product)s is no longer in your cart.") % {"product": changed.name})
    return SeeOther(reverse("shop:cart"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Ask for the buyer's details and place the order, or update the order that was placed from this cart."""
    visitor_cart = Cart(request)
    if not visitor_cart:
        messages.info(request, _("Your cart is empty."))
        return SeeOther(reverse("shop:cart"))
    if visitor_cart.is_recurring and not request.user.is_authenticated:
        messages.info(request, _("A subscription needs an account, so that you can cancel it at any time."))
        return redirect_to_login(request.path)
    started = visitor_cart.find_order() or Order(name=_known_name(request), email=_known_email(request))
    form = CheckoutForm(
        request.POST if request.method == "POST" else None, instance=started, is_recurring=visitor_cart.is_recurring
    )
    if request.method == "POST" and form.is_valid():
        order = place_order(request, visitor_cart, form.save(commit=False))
        return SeeOther(reverse("shop:pay", args=[order.number]))
    return render(request, "shop/checkout.html", {"form": form})


def _known_email(request: HttpRequest) -> str:
    return request.user.email if request.user.is_authenticated else ""


def _known_name(request: HttpRequest) -> str:
    return request.user.get_full_name() if request.user.is_authenticated else ""


@never_cache
@require_GET
def pay(request: HttpRequest, number: str) -> HttpResponse:
    """Show the order and the ways to pay for it."""
    shown = get_visible_order(request, number)
    if not shown.is_payable:
        return HttpResponseRedirect(shown.get_absolute_url())
    way = request.GET.get("ui", WAYS_TO_PAY[0])
    if way not in WAYS_TO_PAY:
        raise Http404
    return render(request, "shop/pay.html", {"order": shown, "way": way, "came_back": "back" in request.GET})


@never_cache
@require_GET
def order(request: HttpRequest, number: str) -> HttpResponse:
    """Show an order to its buyer, with what django_checkout knows about its payment."""
    shown = get_visible_order(request, number)
    payable = services.find_order(shown)
    context: dict[str, Any] = {"order": shown, "payable": payable}
    if payable is not None and shown.is_recurring:
        context["subscription"] = payable.subscriptions.first()
    return render(request, "shop/order.html", context)


@transaction.non_atomic_requests  # Services that call Stripe run outside transactions.
@login_required
@require_POST
def cancel_subscription(request: HttpRequest, number: str) -> HttpResponse:
    """Cancel a subscription at the end of the month that is paid."""
    shown = get_object_or_404(Order, number=number, user=request.user.pk)
    payable = services.find_order(shown)
    subscription = payable.subscriptions.first() if payable else None
    if subscription is None:
        raise Http404
    try:
        services.cancel_subscription(subscription, at_period_end=True)
    except CheckoutError as error:
        logger.warning("cancel_failed order=%s code=%s", shown.number, error.code)
        messages.error(request, str(error.user_message))
    else:
        messages.success(request, _("Your subscription ends with the month that you have paid for."))
    return SeeOther(shown.get_absolute_url())


@never_cache
@require_GET
def open_order(request: HttpRequest, token: str) -> HttpResponse:
    """Handle the link in the confirmation mail: remember the order in this browser and show it."""
    shown = get_order_by_token(token)
    remember_order(request, shown)
    return HttpResponseRedirect(shown.get_absolute_url())


@never_cache
@login_required
@require_GET
def orders(request: HttpRequest) -> HttpResponse:
    """List the user's orders, newest first."""
    history = list(Order.objects.filter(user=request.user.pk).select_related("subscription").prefetch_related("lines"))
    payables = Payable.objects.filter(reference__in=[order.number for order in history]).in_bulk(field_name="reference")
    rows = [{"order": order, "payable": payables.get(order.number)} for order in history]
    return render(request, "shop/orders.html", {"rows": rows})

"""The shop's pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from example_project.shop.access import get_order_by_token, get_visible_order, remember_order
from example_project.shop.cart import MAX_QUANTITY, Cart
from example_project.shop.forms import CheckoutForm, QuantityForm
from example_project.shop.models import Order, Product
from example_project.shop.ordering import place_order, start_path


class SeeOther(HttpResponseRedirect):
    """The answer to a POST that worked: look over there, with a GET."""

    status_code = 303


@require_GET
def catalogue(request: HttpRequest) -> HttpResponse:
    """Show the shelf, or one board of it."""
    kind = request.GET.get("kind", "")
    products = Product.objects.filter(is_available=True)
    if kind in Product.Kind.values:
        products = products.filter(kind=kind)
    return render(request, "shop/catalogue.html", {"products": products, "kinds": Product.Kind, "kind": kind})


@require_GET
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product, and what else it sits well with."""
    shown = get_object_or_404(Product, slug=slug, is_available=True)
    others = Product.objects.filter(is_available=True).exclude(pk=shown.pk)
    return render(
        request,
        "shop/product.html",
        {
            "product": shown,
            # Tea beside stoneware, and the other way round.
            "others": sorted(others, key=lambda other: other.kind == shown.kind)[:4],
            "quantities": range(1, MAX_QUANTITY + 1),
        },
    )


@never_cache
@require_GET
def cart(request: HttpRequest) -> HttpResponse:
    """Show the cart."""
    return render(request, "shop/cart.html")


@require_POST
def add_to_cart(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a product, one if the form does not say how many."""
    added = get_object_or_404(Product, slug=slug, is_available=True)
    form = QuantityForm(request.POST or None)
    quantity = form.cleaned_data["quantity"] if form.is_valid() else 1
    Cart(request).add(added, quantity)
    messages.success(request, _("%(product)s is in your cart.") % {"product": added.name})
    wanted = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        wanted = reverse("shop:cart")
    return SeeOther(wanted)


@require_POST
def change_cart(request: HttpRequest, slug: str) -> HttpResponse:
    """Set how many of a product are in the cart; none takes it out."""
    changed = get_object_or_404(Product, slug=slug)
    form = QuantityForm(request.POST)
    if form.is_valid() and not Cart(request).set(changed, form.cleaned_data["quantity"]):
        messages.success(request, _("%(product)s is no longer in your cart.") % {"product": changed.name})
    return SeeOther(reverse("shop:cart"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Ask who is buying and make the order; a second time, change the order that the cart has become before."""
    visitor_cart = Cart(request)
    if not visitor_cart:
        messages.info(request, _("Your cart is empty."))
        return SeeOther(reverse("shop:cart"))
    started = visitor_cart.find_order() or Order(name=_known_name(request), email=_known_email(request))
    form = CheckoutForm(request.POST if request.method == "POST" else None, instance=started)
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
    """Show the order once more, and the button to the payment page."""
    shown = get_visible_order(request, number)
    if not shown.is_payable:
        return HttpResponseRedirect(shown.get_absolute_url())
    context = {"order": shown, "start_path": start_path(shown), "came_back": "back" in request.GET}
    return render(request, "shop/pay.html", context)


@never_cache
@require_GET
def order(request: HttpRequest, number: str) -> HttpResponse:
    """Show an order to its buyer."""
    return render(request, "shop/order.html", {"order": get_visible_order(request, number)})


@never_cache
@require_GET
def open_order(request: HttpRequest, token: str) -> HttpResponse:
    """Follow the link from the confirmation mail: remember the order in this browser and show it under its number."""
    shown = get_order_by_token(token)
    remember_order(request, shown)
    return HttpResponseRedirect(shown.get_absolute_url())


@never_cache
@login_required
@require_GET
def orders(request: HttpRequest) -> HttpResponse:
    """List the visitor's orders, the newest first."""
    history = Order.objects.filter(user=request.user.pk).prefetch_related("lines")
    return render(request, "shop/orders.html", {"orders": history})

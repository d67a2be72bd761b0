"""Two pages: a shop that uses only the API, and the API's document in Swagger UI."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from example_project.shop.models import Product


@require_GET
@ensure_csrf_cookie
def shop(request: HttpRequest) -> HttpResponse:
    """Serve the page, whose script buys through the API."""
    products = Product.objects.filter(is_available=True, interval="")
    return render(request, "api_demo/shop.html", {"products": products})


@require_GET
@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document in Swagger UI."""
    return render(request, "api_demo/docs.html")

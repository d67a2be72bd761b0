"""The API with its URLs, an adapter that accepts orders, and clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from django_checkout.access.tokens import Purpose, make_token
from tests.api.documented import assert_documented
from tests.factories import UserFactory
from tests.host.adapters import HostAdapter
from tests.host.models import HostOrder

#: These tests need the extra ``api``; tests/test_without_api.py tests the app without it.
HAS_API = all(find_spec(name) for name in ("rest_framework", "drf_spectacular"))
collect_ignore_glob = [] if HAS_API else ["test_*.py"]


class ApiAdapter(HostAdapter):
    """A host that accepts orders of teapots at its own price, and orders that it has."""

    def find_own_order(self, request, reference):
        return HostOrder.objects.filter(number=reference, owner=request.user.pk or 0).first()

    def take_order(self, request, content):
        if any(line.sku != "teapot" for line in content.lines):
            return None
        return HostOrder.objects.create(
            number=content.reference,
            owner=content.user,
            email=content.email,
            currency=content.currency,
            quantity=content.lines[0].quantity,
        )

    def change_quantity(self, order, sku, quantity):
        if quantity > 3:
            return super().change_quantity(order, sku, quantity)
        order.quantity = quantity
        order.save()
        return None


class Api:
    """A client of the API: paths by name, JSON in and out, CSRF checks on, responses compared with the document."""

    def __init__(self, user=None, token="", scheme=""):
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=True)
        self.headers = {"Checkout-Token": token} if token else {}
        if user is not None:
            from rest_framework.authtoken.models import Token

            key = Token.objects.get_or_create(user=user)[0].key
            self.headers["Authorization"] = f"Token {key}"

    def get(self, name, *args, headers=(), **query):
        return self._send("get", url(name, *args), query, headers)

    def post(self, path_name, /, *args, headers=(), raw=None, content_type="application/json", **body):
        data = json.dumps(body) if raw is None else raw
        return self._send("post", url(path_name, *args), data, headers, content_type=content_type)

    def _send(self, method, path, content, headers, **options):
        send = getattr(self.client, method)
        response = send(path, content, headers={**self.headers, **dict(headers)}, **options)
        assert_documented(method, path, response)
        return response


def url(name, *args):
    return reverse(f"django_checkout_api:{name}", args=args)


@pytest.fixture(autouse=True)
def _api(settings, request) -> Iterator[None]:
    settings.CHECKOUT_ADAPTER = "tests.api.conftest.ApiAdapter"
    if not request.node.get_closest_marker("urls"):
        settings.ROOT_URLCONF = "tests.api.urls"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def shopper(db):
    return UserFactory()


@pytest.fixture
def own_order(host_order, shopper):
    """A shopper's order of one teapot for 20.00 EUR."""
    from django_checkout import services

    host_order.owner = shopper
    host_order.save()
    return services.place(host_order)


@pytest.fixture
def owner(own_order, shopper):
    return Api(shopper)


@pytest.fixture
def bearer(order):
    """A guest with the token of ``order``."""
    return Api(token=make_token(order.pk, Purpose.PAY))


def staff_with(*permissions):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return Api(user)


@pytest.fixture
def staff(db):
    """Staff with every permission."""
    return Api(UserFactory(is_staff=True, is_superuser=True))


def problem_of(response, status, code):
    """Assert that a response is a problem document with this status and code; return it."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json"), (
        response.content
    )
    body = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:django-checkout:problem:{code}"
    assert body["title"]
    assert body["detail"]
    return body

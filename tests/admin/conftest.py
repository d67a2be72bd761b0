from __future__ import annotations

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client

from django_checkout.stripe_api import transport

MODELS = (
    "announcement",
    "attentionitem",
    "checkoutsession",
    "customer",
    "discrepancy",
    "dispute",
    "order",
    "payment",
    "payout",
    "reconciliationrun",
    "refund",
    "subscription",
    "webhookevent",
)


@pytest.fixture(autouse=True)
def uncached_statistics():
    """Clear the cached statistics."""
    cache.clear()


def staff_client(username: str, *codenames: str) -> Client:
    """Return a client logged in as a staff user with these permissions."""
    user = get_user_model().objects.create_user(username, is_staff=True)
    permissions = Permission.objects.filter(content_type__app_label="django_checkout", codename__in=codenames)
    assert permissions.count() == len(codenames)
    user.user_permissions.set(permissions)
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def viewer(db):
    """A staff user who can only view."""
    return staff_client("viewer", *(f"view_{model}" for model in MODELS))


@pytest.fixture
def operator(db):
    """A staff user who can view and operate, but not refund."""
    return staff_client("operator", *(f"view_{model}" for model in MODELS), "operate_order")


@pytest.fixture
def merchant(db):
    """A staff user with all permissions."""
    return staff_client("merchant", *(f"view_{model}" for model in MODELS), "operate_order", "refund_order")


class RefusingAdapter(requests.adapters.BaseAdapter):
    """Fails every request and records it; the SDK turns its error into one of its own."""

    def __init__(self):
        super().__init__()
        self.requested = []

    def send(self, request, **kwargs):
        self.requested.append(request.url)
        raise requests.ConnectionError

    def close(self):
        pass


@pytest.fixture
def refusing_stripe(monkeypatch):
    """Make every request to Stripe fail."""
    adapter = RefusingAdapter()
    monkeypatch.setattr(transport.http_session(), "adapters", {"": adapter})
    return adapter


@pytest.fixture
def no_stripe(refusing_stripe):
    """Fail the test if it makes a request to Stripe."""
    yield
    assert refusing_stripe.requested == []

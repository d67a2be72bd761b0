from __future__ import annotations

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client

from django_checkout import transport

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
def fresh_figures():
    """A dashboard that has not been read yet."""
    cache.clear()


def staff_client(username: str, *codenames: str) -> Client:
    """A browser signed in as staff with these permissions, holding CSRF tokens to account only where a test asks."""
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
    """Staff who may look at everything and do nothing."""
    return staff_client("viewer", *(f"view_{model}" for model in MODELS))


@pytest.fixture
def operator(db):
    """Staff who may look and operate, but give no money back."""
    return staff_client("operator", *(f"view_{model}" for model in MODELS), "operate_order")


@pytest.fixture
def merchant(db):
    """Staff who may do all there is to do."""
    return staff_client("merchant", *(f"view_{model}" for model in MODELS), "operate_order", "refund_order")


class RefusingAdapter(requests.adapters.BaseAdapter):
    """Answers no request and keeps count of them: the SDK turns whatever is raised here into an error of its own."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def send(self, request, **kwargs):
        self.asked.append(request.url)
        raise requests.ConnectionError

    def close(self):
        pass


@pytest.fixture
def refusing_stripe(monkeypatch):
    """A Stripe that answers nothing."""
    adapter = RefusingAdapter()
    monkeypatch.setattr(transport.http_session(), "adapters", {"": adapter})
    return adapter


@pytest.fixture
def no_stripe(refusing_stripe):
    """A test in which nothing may be asked of Stripe."""
    yield
    assert refusing_stripe.asked == []

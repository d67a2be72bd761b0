from __future__ import annotations

import pytest

from django_checkout.admin.stripe_links import find_url


@pytest.mark.parametrize(
    ("stripe_id", "page"),
    [
        ("pi_1", "payments/pi_1"),
        ("ch_1", "payments/ch_1"),
        ("cus_1", "customers/cus_1"),
        ("sub_1", "subscriptions/sub_1"),
        ("in_1", "invoices/in_1"),
        ("dp_1", "disputes/dp_1"),
        ("du_1", "disputes/du_1"),
        ("evt_1", "events/evt_1"),
        ("req_1", "logs/req_1"),
    ],
)
def test_each_kind_of_object_has_a_page(stripe_id, page):
    assert find_url(stripe_id, livemode=False) == f"https://dashboard.stripe.com/test/{page}"
    assert find_url(stripe_id, livemode=True) == f"https://dashboard.stripe.com/{page}"


def test_an_unknown_mode_links_to_test_mode():
    assert find_url("pi_1", livemode=None).startswith("https://dashboard.stripe.com/test/")


@pytest.mark.parametrize("stripe_id", ["", "cs_test_1", "re_1", "pi", "A-1001", "new_kind"])
def test_an_object_without_a_page_has_no_link(stripe_id):
    assert find_url(stripe_id, livemode=False) == ""


def test_an_id_is_quoted():
    assert find_url("pi_1/../x?y", livemode=True).endswith("payments/pi_1%2F..%2Fx%3Fy")

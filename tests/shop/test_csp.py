from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from example_project.csp import ContentSecurityPolicyMiddleware


@pytest.mark.parametrize("path", ["/", "/cart/", "/account/login/", "/admin/login/", "/orders/nothing/"])
def test_every_page_has_the_strict_policy(visitor, shelf, path):
    policy = visitor.get(path)["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_directives_for_payments_are_added_to_the_shops_policy(visitor, shelf, settings):
    settings.STRIPE_JS_URL = "https://js.stripe.com/dahlia/stripe.js"

    policy = dict(part.split(" ", 1) for part in visitor.get("/")["Content-Security-Policy"].split("; "))

    assert policy["script-src"].split()[:2] == ["'self'", "https://js.stripe.com"]
    assert "https://checkout.stripe.com" in policy["form-action"]
    assert policy["img-src"].startswith("'self' data: ")
    assert policy["frame-ancestors"] == "'none'"


def test_a_page_with_its_own_policy_keeps_it():
    own = HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})

    response = ContentSecurityPolicyMiddleware(lambda request: own)(RequestFactory().get("/"))

    assert response["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize("status", [404, 500])
def test_djangos_debug_pages_get_no_policy(settings, status):
    settings.DEBUG = True

    response = ContentSecurityPolicyMiddleware(lambda request: HttpResponse(status=status))(RequestFactory().get("/"))

    assert "Content-Security-Policy" not in response

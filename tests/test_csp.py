"""The policy of our pages, and what the host's policy must allow."""

from __future__ import annotations

import django
import pytest
from django.http import HttpResponse
from django.utils.module_loading import import_string

from django_checkout.conf import STRIPE_API_BASE
from django_checkout.csp import (
    A_NONCE,
    HEADER,
    csp_directives,
    find_missing_sources,
    page_policy,
    read_host_policies,
    set_page_policy,
)
from tests.host.csp import SecurityHeadersAudit

pytestmark = pytest.mark.core

PAYMENT_PAGE = "https://checkout.stripe.com"


@pytest.fixture(autouse=True)
def _stripe_itself(settings):
    settings.STRIPE_API_BASE = STRIPE_API_BASE
    settings.STRIPE_PUBLISHABLE_KEY = ""


def parsed(policy):
    return {name: sources for name, *sources in (directive.split() for directive in policy.split(";"))}


def test_form_action_allows_the_payment_page():
    assert csp_directives()["form-action"] == ["'self'", PAYMENT_PAGE]


@pytest.mark.parametrize(
    ("base", "source"),
    [
        ("http://127.0.0.1:8000/emulator", "http://127.0.0.1:8000"),
        ("https://stripe.example/", "https://stripe.example"),
    ],
)
def test_form_action_allows_the_emulators_page(settings, base, source):
    settings.STRIPE_API_BASE = base

    assert csp_directives()["form-action"][-1] == source


def test_directives_name_the_sources_of_stripe_js(settings):
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_tests"

    directives = csp_directives()

    assert "https://js.stripe.com" in directives["script-src"]
    assert "https://hooks.stripe.com" in directives["frame-src"]
    assert "https://api.stripe.com" in directives["connect-src"]


def test_stripe_js_of_the_emulator_comes_from_its_own_origin(settings):
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_tests"
    settings.STRIPE_JS_URL = "http://127.0.0.1:8000/emulator/stripe.js"

    assert csp_directives()["frame-src"] == ["http://127.0.0.1:8000"]


def test_caller_can_change_the_directives():
    csp_directives()["form-action"].append("https://elsewhere.example")

    assert "https://elsewhere.example" not in csp_directives()["form-action"]


def test_policy_of_our_pages_is_strict():
    policy = parsed(page_policy())

    assert policy["default-src"] == ["'none'"]
    assert (policy["base-uri"], policy["object-src"], policy["frame-ancestors"]) == (["'none'"],) * 3
    # The image of a QR code is Stripe's.
    images = {"img-src": ["'self'", "https://*.stripe.com"]}
    assert policy.items() >= {**csp_directives(), **images}.items()
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:"} & {
        source for sources in policy.values() for source in sources
    }


def test_project_can_set_the_policy_of_our_pages(settings):
    settings.CHECKOUT_CSP = {"default-src": ["'self'", "https://cdn.example"], "object-src": ["'none'"]}

    assert page_policy() == "default-src 'self' https://cdn.example; object-src 'none'"


def test_page_has_our_policy():
    assert set_page_policy(HttpResponse())[HEADER] == page_policy()


def test_page_with_a_policy_keeps_it():
    response = HttpResponse(headers={HEADER: "default-src 'self'"})

    assert set_page_policy(response)[HEADER] == "default-src 'self'"


def test_empty_policy_leaves_the_header_to_the_host(settings):
    settings.CHECKOUT_CSP = {}

    assert HEADER not in set_page_policy(HttpResponse())


#: A host's policy, and the sources that it lacks.
POLICIES = [
    ({}, {}),
    ({"img-src": ["'self'"]}, {}),
    ({"form-action": ["'self'", PAYMENT_PAGE]}, {}),
    ({"form-action": ["'self'"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": [PAYMENT_PAGE]}, {"form-action": ["'self'"]}),
    ({"form-action": ["'none'"]}, {"form-action": ["'self'", PAYMENT_PAGE]}),
    ({"form-action": []}, {"form-action": ["'self'", PAYMENT_PAGE]}),
    ({"form-action": ["*"]}, {}),
    ({"form-action": ["https:"]}, {}),
    ({"form-action": ["data:", "'self'"]}, {"form-action": [PAYMENT_PAGE]}),
    # A source with http also allows https.
    ({"form-action": ["http:"]}, {}),
    ({"form-action": ["'self'", "http://*.stripe.com"]}, {}),
    ({"form-action": ["'self'", "https://*.stripe.com"]}, {}),
    ({"form-action": ["'self'", "*.stripe.com"]}, {}),
    ({"form-action": ["'self'", "checkout.stripe.com"]}, {}),
    ({"form-action": ["'self'", "https://checkout.stripe.com/"]}, {}),
    ({"form-action": ["'self'", "ws://*.stripe.com"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": ["'SELF'", "HTTPS://Checkout.Stripe.COM"]}, {}),
    ({"form-action": ["'self'", "HTTPS:"]}, {}),
    ({"form-action": ["'self'", "https://*"]}, {}),
    ({"form-action": ["'self'", "https://checkout.stripe.com:443"]}, {}),
    ({"form-action": ["'self'", "checkout.stripe.com:443"]}, {}),
    ({"form-action": ["'self'", "https://*.stripe.com:*"]}, {}),
    ({"form-action": ["'self'", "https://checkout.stripe.com:8443"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": ["'self'", "https://checkout.stripe.com/other/"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": ["'self'", "https://*.stripe.com/c/pay"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": ["'self'", "https://stripe.com"]}, {"form-action": [PAYMENT_PAGE]}),
    ({"form-action": ["'self'", "https://*.checkout.stripe.com"]}, {"form-action": [PAYMENT_PAGE]}),
    # form-action does not fall back to default-src; fetch directives do.
    ({"default-src": ["'self'"]}, {}),
    (
        {"default-src": ["'none'"], "style-src": ["'self'"]},
        {name: ["'self'"] for name in ["script-src", "img-src", "connect-src"]},
    ),
    # script-src-elem has precedence over script-src, in any order.
    ({"script-src": ["'none'"], "script-src-elem": ["'self'"]}, {}),
    ({"script-src": ["'self'"], "script-src-elem": ["'none'"]}, {"script-src": ["'self'"]}),
    ({"style-src": ["'self'"], "style-src-elem": ["'none'"]}, {"style-src": ["'self'"]}),
    # With strict-dynamic only a nonce counts, and our scripts have it.
    ({"script-src": ["'strict-dynamic'", "'nonce-n0nce'"]}, {}),
    ({"default-src": ["'Strict-Dynamic'", "'Nonce-n0nce'", "'self'"]}, {}),
    ({"script-src": ["'strict-dynamic'"]}, {"script-src": [A_NONCE]}),
    ({"script-src": ["'self'", "'strict-dynamic'", "'sha256-AAAA'"]}, {"script-src": [A_NONCE]}),
]


@pytest.mark.parametrize(("policy", "missing"), [pytest.param(*row, id=str(row[0])) for row in POLICIES])
def test_missing_sources_of_the_hosts_policy_are_found(policy, missing):
    assert find_missing_sources(policy) == missing


@pytest.mark.parametrize(
    ("base", "given", "is_enough"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1:*", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1", False),
        ("http://127.0.0.1:8000", "https://127.0.0.1:8000", False),
        ("http://stripe.example", "http://stripe.example:80", True),
        ("https://Stripe.Example:443", "https://stripe.example", True),
        ("http://[::1]:8000", "http://[::1]:8000", True),
    ],
)
def test_hosts_policy_can_name_a_port(settings, base, given, is_enough):
    settings.STRIPE_API_BASE = base

    missing = find_missing_sources({"form-action": ["'self'", PAYMENT_PAGE, given]})

    assert missing == ({} if is_enough else {"form-action": [base]})


def test_frames_fall_back_to_child_src_before_default_src(settings):
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_tests"
    settings.STRIPE_JS_URL = "https://js.example/stripe.js"

    assert find_missing_sources({"default-src": ["*"], "child-src": ["'self'"]}) == {
        "frame-src": ["https://js.example"]
    }
    assert find_missing_sources({"default-src": ["'none'"], "child-src": ["*"]}).get("frame-src") is None


def test_our_own_directives_are_sufficient():
    assert find_missing_sources({"default-src": ["'none'"], **csp_directives()}) == {}


OWN, DJANGO_CSP = "tests.host.csp.OwnPolicyMiddleware", "csp.middleware.CSPMiddleware"
MERGED, LOGGER = "tests.host.csp.MergedPolicyMiddleware", "tests.host.csp.SecurityHeadersAudit"
DJANGO = pytest.param(
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    marks=pytest.mark.skipif(django.VERSION < (6,), reason="Django sends policies since 6.0"),
)


def send_with(settings, middleware):
    """A site whose policy allows its own origin and is sent by this middleware."""
    settings.MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", middleware, *settings.MIDDLEWARE[1:]]
    settings.HOST_CSP = "default-src 'self'; form-action 'self'; upgrade-insecure-requests"
    settings.SHOP_CSP = settings.SECURE_CSP = {"default-src": ["'self'"], "form-action": ["'self'"]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": settings.SECURE_CSP}


@pytest.mark.parametrize("middleware", [OWN, DJANGO_CSP, DJANGO])
def test_hosts_policy_is_read_from_its_middleware(settings, middleware):
    send_with(settings, middleware)

    (policy,) = read_host_policies()

    assert (policy["default-src"], find_missing_sources(policy)) == (["'self'"], {"form-action": [PAYMENT_PAGE]})


def test_merged_policy_is_sufficient(settings):
    send_with(settings, MERGED)

    (policy,) = read_host_policies()

    assert (policy["default-src"], find_missing_sources(policy)) == (["'self'"], {})


@pytest.mark.parametrize("middleware", [DJANGO_CSP, DJANGO])
def test_nonce_of_our_scripts_is_in_the_policy(settings, middleware):
    send_with(settings, middleware)
    is_django_csp = middleware == DJANGO_CSP
    nonce = import_string("csp.constants.NONCE") if is_django_csp else import_string("django.utils.csp.CSP").NONCE
    settings.SECURE_CSP["script-src"] = [nonce, "'strict-dynamic'"]

    (policy,) = read_host_policies()

    assert find_missing_sources(policy) == {"form-action": [PAYMENT_PAGE]}


def test_only_known_csp_middleware_is_called(settings):
    send_with(settings, "example_project.csp.ContentSecurityPolicyMiddleware")
    settings.MIDDLEWARE = [LOGGER, *settings.MIDDLEWARE]

    assert (read_host_policies(), SecurityHeadersAudit.seen) == ([], [])


@pytest.mark.django_db
def test_middleware_cannot_query_the_database_during_a_check(settings):
    send_with(settings, "tests.host.csp.PolicyOfTheTenantMiddleware")

    assert read_host_policies() == []


def test_each_of_several_policies_must_allow_what_we_need(settings):
    send_with(settings, OWN)
    settings.HOST_CSP = f"form-action 'self' {PAYMENT_PAGE}, Form-Action 'self';"

    assert [find_missing_sources(policy) for policy in read_host_policies()] == [{}, {"form-action": [PAYMENT_PAGE]}]


def test_site_without_a_policy_has_none(settings):
    settings.SECURE_CSP = {"form-action": ["'none'"]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": settings.SECURE_CSP}

    assert read_host_policies() == []


@pytest.mark.parametrize(
    "middleware",
    ["tests.host.csp.PolicyOfTheUserMiddleware", "shop.csp.NoSuchMiddleware"],
    ids=["needs more", "absent"],
)
def test_middleware_that_fails_has_no_policy(settings, middleware):
    send_with(settings, middleware)

    assert read_host_policies() == []

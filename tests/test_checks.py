"""The system checks as a table of settings and the ids that they cause.

Tests here have no database mark, so pytest-django fails a check that queries the database.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.core.checks import ERROR, Error, registry, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path, resolve, reverse

from django_checkout import checks
from django_checkout.adapters import CheckoutAdapter
from django_checkout.api_versions import DAHLIA, ENDIVE, stripe_js_url
from django_checkout.conf import NAMES, STRIPE_API_BASE, Settings, conf
from django_checkout.operations import malformed, missing
from django_checkout.stripe_api import transport
from django_checkout.webhooks import tasks
from tests.test_conf import DEFAULTS

pytestmark = pytest.mark.core

ROOT = Path(__file__).resolve().parents[1]
LIVE = {
    "STRIPE_SECRET_KEY": "sk_live_51TeapotsAndSaucers",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_51TeapotsAndSaucers",
    "STRIPE_API_BASE": STRIPE_API_BASE,
    "CHECKOUT_BASE_URL": "https://shop.example",
}
HERE = __name__


def of_cache(backend):
    """Return CACHES with one of Django's backends."""
    return {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}


#: A host that includes the API and sets NUM_PROXIES.
WITH_API = {"ROOT_URLCONF": f"{HERE}.urls_with_api", "REST_FRAMEWORK": {"NUM_PROXIES": 1}}
#: The same host without NUM_PROXIES.
PROXIED = {**WITH_API, "CACHES": of_cache("db.DatabaseCache"), "REST_FRAMEWORK": {}}
#: Settings from development with the emulator.
EMULATED = {
    "STRIPE_SECRET_KEY": "sk_test_emulator",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_emulator",
    "STRIPE_JS_URL": "/emulator/stripe.js",
}
MERGED_POLICY = "tests.host.csp.MergedPolicyMiddleware"
EXAMPLES_POLICY = "example_project.csp.ContentSecurityPolicyMiddleware"


def sent(policy):
    """Return the settings of a host whose middleware sends this policy."""
    return {"HOST_CSP": policy, "MIDDLEWARE": ["tests.host.csp.OwnPolicyMiddleware"]}


def by_django_csp(directives):
    """Return the settings of a host whose policy django-csp sends."""
    return {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": directives}, "MIDDLEWARE": ["csp.middleware.CSPMiddleware"]}


class SilentAdapter(CheckoutAdapter):
    """An adapter without methods."""


class Undescribed:
    """Not an adapter."""


METHODS = {"payment_method_types": ["card"]}
FILTER = {"allowed_payment_method_types": ["card"]}

#: Settings, and the ids that ``check`` reports.
ALWAYS = [
    # STRIPE_SECRET_KEY
    ({"STRIPE_SECRET_KEY": ""}, {"W014"}),
    ({"STRIPE_SECRET_KEY": None}, {"W014"}),
    ({"STRIPE_SECRET_KEY": b"sk_test_bytes"}, {"E001"}),
    ({"STRIPE_SECRET_KEY": "whsec_51TeapotsAndSaucers"}, {"E002"}),
    ({"STRIPE_SECRET_KEY": "sk_51TeapotsAndSaucers"}, {"E002"}),
    ({"STRIPE_SECRET_KEY": "pk_test_51TeapotsAndSaucers"}, {"E003"}),
    ({"STRIPE_SECRET_KEY": "sk_test_"}, {"W015"}),
    ({"STRIPE_SECRET_KEY": "sk_test_..."}, {"W015"}),
    ({"STRIPE_SECRET_KEY": "sk_test_xxxxxxxx"}, {"W015"}),
    ({"STRIPE_SECRET_KEY": "sk_test_your_key_here"}, {"W015"}),
    ({"STRIPE_SECRET_KEY": "changeme"}, {"W015"}),
    ({"STRIPE_SECRET_KEY": "rk_test_myteapotsecret51"}, set()),
    # STRIPE_PUBLISHABLE_KEY
    ({"STRIPE_PUBLISHABLE_KEY": 51}, {"E005"}),
    ({"STRIPE_PUBLISHABLE_KEY": "51TeapotsAndSaucers"}, {"E006"}),
    ({"STRIPE_PUBLISHABLE_KEY": "pk_51TeapotsAndSaucers"}, {"E006"}),
    ({"STRIPE_PUBLISHABLE_KEY": "pk_test_..."}, {"W017"}),
    ({"STRIPE_PUBLISHABLE_KEY": "sk_test_51TeapotsAndSaucers"}, {"E007"}),
    ({"STRIPE_PUBLISHABLE_KEY": "rk_live_51TeapotsAndSaucers"}, {"E007"}),
    ({"STRIPE_PUBLISHABLE_KEY": "pk_live_51TeapotsAndSaucers"}, {"E008"}),
    ({"STRIPE_PUBLISHABLE_KEY": "", "CHECKOUT_UI_MODE": "embedded_page"}, {"W016"}),
    ({"STRIPE_PUBLISHABLE_KEY": "", "CHECKOUT_UI_MODE": "elements"}, {"W016"}),
    ({"STRIPE_PUBLISHABLE_KEY": "", "CHECKOUT_UI_MODE": "hosted_page"}, set()),
    # STRIPE_WEBHOOK_SECRETS
    ({"STRIPE_WEBHOOK_SECRETS": "whsec_tests"}, {"E010"}),
    ({"STRIPE_WEBHOOK_SECRETS": None}, {"W018"}),
    ({"STRIPE_WEBHOOK_SECRETS": ""}, {"W018"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["", None]}, {"W018"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_tests", ""]}, set()),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_tests", 7]}, {"E010"}),
    ({"STRIPE_WEBHOOK_SECRETS": []}, {"W018"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["sk_test_51Teapots"]}, {"E012"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_..."]}, {"W019"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_"]}, {"W019"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_your-signing-secret"]}, {"W019"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_<secret>"]}, {"W019"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_changeme", "tests"]}, {"E012", "W019"}),
    ({"STRIPE_WEBHOOK_SECRETS": ("whsec_new", "whsec_old")}, set()),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_emulator"]}, set()),
    ({**LIVE, "STRIPE_WEBHOOK_SECRETS": ["whsec_51Teapots", "whsec_emulator"]}, {"E051"}),
    # STRIPE_API_BASE and STRIPE_JS_URL
    ({"STRIPE_API_BASE": "api.stripe.com"}, {"E014"}),
    ({"STRIPE_API_BASE": "https://"}, {"E014"}),
    ({"STRIPE_API_BASE": "https://[broken"}, {"E014"}),
    ({"STRIPE_API_BASE": "ftp://api.stripe.com"}, {"E014"}),
    ({"STRIPE_API_BASE": ""}, set()),
    ({**LIVE, "STRIPE_API_BASE": "http://127.0.0.1:8000/emulator"}, {"E015"}),
    ({**LIVE, "STRIPE_API_BASE": "https://proxy.example"}, {"W009"}),
    ({"STRIPE_JS_URL": "js.stripe.com/dahlia/stripe.js"}, {"E016"}),
    ({"STRIPE_JS_URL": "//js.stripe.com/dahlia/stripe.js"}, {"E016"}),
    ({"STRIPE_JS_URL": "/emulator/stripe.js"}, set()),
    ({**LIVE, "STRIPE_JS_URL": "/static/stripe.js"}, {"E017"}),
    ({**LIVE, "STRIPE_JS_URL": "https://js.stripe.com.evil.example/dahlia/stripe.js"}, {"E017"}),
    ({**LIVE, "STRIPE_JS_URL": "http://js.stripe.com/dahlia/stripe.js"}, {"E017"}),
    ({"STRIPE_JS_URL": "https://js.stripe.com/v3/"}, {"W008"}),
    ({"STRIPE_JS_URL": "https://js.stripe.com/clover/stripe.js"}, {"W008"}),
    # CHECKOUT_API_VERSION
    ({"CHECKOUT_API_VERSION": "2025-09-30.clover"}, {"E056"}),
    ({"CHECKOUT_API_VERSION": 2026}, {"E056"}),
    ({"CHECKOUT_API_VERSION": None}, set()),
    ({"CHECKOUT_API_VERSION": ENDIVE}, set()),
    ({"CHECKOUT_API_VERSION": ENDIVE, "STRIPE_JS_URL": stripe_js_url(ENDIVE)}, set()),
    ({"CHECKOUT_API_VERSION": ENDIVE, "STRIPE_JS_URL": stripe_js_url(DAHLIA)}, {"W008"}),
    ({"CHECKOUT_API_VERSION": DAHLIA, "STRIPE_JS_URL": stripe_js_url(ENDIVE)}, {"W008"}),
    ({"CHECKOUT_API_VERSION": DAHLIA, "CHECKOUT_SESSION_DEFAULTS": METHODS}, set()),
    ({"CHECKOUT_API_VERSION": ENDIVE, "CHECKOUT_SESSION_DEFAULTS": METHODS}, {"W027"}),
    ({"CHECKOUT_API_VERSION": DAHLIA, "CHECKOUT_SESSION_DEFAULTS": FILTER}, {"W025"}),
    ({"CHECKOUT_API_VERSION": ENDIVE, "CHECKOUT_SESSION_DEFAULTS": FILTER}, set()),
    ({"CHECKOUT_API_VERSION": DAHLIA, "CHECKOUT_SESSION_DEFAULTS": {**METHODS, **FILTER}}, set()),
    ({"CHECKOUT_API_VERSION": ENDIVE, "CHECKOUT_SESSION_DEFAULTS": {**METHODS, **FILTER}}, set()),
    # CHECKOUT_ADAPTER
    ({"CHECKOUT_ADAPTER": CheckoutAdapter}, {"E018"}),
    ({"CHECKOUT_ADAPTER": None}, {"W020"}),
    ({"CHECKOUT_ADAPTER": ""}, {"W020"}),
    ({"CHECKOUT_ADAPTER": "django_checkout.adapters.CheckoutAdapter"}, set()),
    ({"CHECKOUT_ADAPTER": "ShopAdapter"}, {"W021"}),
    ({"CHECKOUT_ADAPTER": ".shop.ShopAdapter"}, {"W021"}),
    ({"CHECKOUT_ADAPTER": "no_such_shop.adapters.ShopAdapter"}, {"W021"}),
    ({"CHECKOUT_ADAPTER": "tests.host.adapters.NoSuchAdapter"}, {"W021"}),
    ({"CHECKOUT_ADAPTER": f"{HERE}.Undescribed"}, {"E021"}),
    ({"CHECKOUT_ADAPTER": f"{HERE}.HERE"}, {"E021"}),
    ({"CHECKOUT_ADAPTER": f"{HERE}.SilentAdapter"}, set()),
    # CHECKOUT_BASE_URL
    ({"CHECKOUT_BASE_URL": "shop.example"}, {"E023"}),
    ({"CHECKOUT_BASE_URL": "https://shop.example/checkout"}, {"E023"}),
    ({"CHECKOUT_BASE_URL": "https://shop.example?a=b"}, {"E023"}),
    ({"CHECKOUT_BASE_URL": "https://shop.example/"}, set()),
    ({"CHECKOUT_BASE_URL": ""}, {"W011"}),
    ({"CHECKOUT_FORMER_BASE_URLS": "https://old.example"}, {"E055"}),
    ({"CHECKOUT_FORMER_BASE_URLS": ["https://old.example"]}, set()),
    *(
        ({"CHECKOUT_RETURN_ORIGINS": [entry]}, {"E059"})
        for entry in ("javascript:", "data:", "vbscript:", "file:", "blob:", "http://shop.example", "https://*", "*")
    ),
    ({"CHECKOUT_RETURN_ORIGINS": ["https://shop.example/done"]}, {"E059"}),
    ({"CHECKOUT_RETURN_ORIGINS": ["https://shop.example", "http://localhost:3000", "shop://"]}, set()),
    # The session
    ({"CHECKOUT_UI_MODE": "popup"}, {"E025"}),
    ({"CHECKOUT_UI_MODE": None}, set()),
    ({"CHECKOUT_UI_MODES": None}, set()),
    ({"CHECKOUT_UI_MODE": ["elements"]}, {"E025"}),
    ({"CHECKOUT_UI_MODE": "hosted"}, {"E026"}),
    ({"CHECKOUT_UI_MODE": "embedded"}, {"E026"}),
    ({"CHECKOUT_UI_MODE": "custom"}, {"E026"}),
    ({"CHECKOUT_UI_MODES": "hosted_page"}, {"E050"}),
    ({"CHECKOUT_ALERTS": {"events_lost": 1}}, {"E054"}),
    ({"CHECKOUT_ALERTS": {"events_stuck": 0}}, {"E054"}),
    ({"CHECKOUT_UI_MODES": []}, {"E050"}),
    ({"CHECKOUT_UI_MODES": ["hosted_page", "popup"]}, {"E050"}),
    ({"CHECKOUT_UI_MODES": ["elements"]}, set()),
    ({"CHECKOUT_SESSION_DEFAULTS": [("locale", "de")]}, {"E027"}),
    ({"CHECKOUT_SESSION_DEFAULTS": None}, {"E027"}),
    ({"CHECKOUT_SESSION_DEFAULTS": {"metadata": {"shop": "1"}}}, {"E028"}),
    ({"CHECKOUT_SESSION_DEFAULTS": {"success_url": "https://shop.example/"}}, {"E028"}),
    ({"CHECKOUT_SESSION_DEFAULTS": {"custom_text": {"submit": date(2026, 9, 1)}}}, {"E029"}),
    ({"CHECKOUT_SESSION_DEFAULTS": {"automatic_tax": {"enabled": True}}}, set()),
    ({"CHECKOUT_SESSION_DEFAULTS": {"custom_text": {"submit": {"message": "Thank you"}}}}, set()),
    ({"CHECKOUT_SESSION_DEFAULTS": {"permissions": {"update_shipping_details": "server_only"}}}, {"W025"}),
    ({"CHECKOUT_SESSION_DEFAULTS": {"payment_intent_data": {"metadata": {"shop": 1}}}}, {"W025"}),
    ({"CHECKOUT_SESSION_TTL_SECONDS": 1800}, {"E030"}),
    ({"CHECKOUT_SESSION_TTL_SECONDS": 24 * 3600}, {"E030"}),
    ({"CHECKOUT_SESSION_TTL_SECONDS": "3600"}, {"E030"}),
    ({"CHECKOUT_VOUCHER_REMINDER_SECONDS": -1}, {"E060"}),
    ({"CHECKOUT_CAPTURE_METHOD": "later"}, {"E038"}),
    ({"CHECKOUT_CAPTURE_METHOD": None}, set()),
    ({"CHECKOUT_CAPTURE_METHOD": "manual"}, set()),
    # Events, limits, pages
    ({"CHECKOUT_PROCESS_EVENTS": "celery"}, {"E031"}),
    ({"CHECKOUT_ASYNC_WEBHOOK": "yes"}, {"E046"}),
    ({"CHECKOUT_DOUBLE_PAYMENT": "ignore"}, {"E033"}),
    ({"CHECKOUT_CREDIT_NOTES": "yes"}, {"E061"}),
    ({"CHECKOUT_EVENT_RETENTION_DAYS": 0}, {"E034"}),
    ({"CHECKOUT_EVENT_RETENTION_DAYS": 1.5}, {"E034"}),
    ({"CHECKOUT_WEBHOOK_TOLERANCE_SECONDS": -1}, {"E035"}),
    ({"CHECKOUT_WEBHOOK_MAX_BYTES": 10}, {"E036"}),
    ({"CHECKOUT_STRIPE_TIMEOUT_SECONDS": True}, {"E037"}),
    ({"CHECKOUT_TOKEN_MAX_AGE_SECONDS": None}, {"E039"}),
    ({"CHECKOUT_LEGAL_LINKS": {"terms": "javascript:alert(1)"}}, {"E057"}),
    ({"CHECKOUT_LEGAL_LINKS": {"agb": "/agb/"}}, {"E057"}),
    ({"CHECKOUT_LEGAL_LINKS": {"imprint": {"de": "/impressum/"}}}, set()),
    ({"CHECKOUT_SHOP_NAME": b"Thistle"}, {"E058"}),
    ({"CHECKOUT_CSP": "default-src 'self'"}, {"E040"}),
    ({"CHECKOUT_CSP": {"default-src": "'self'"}}, {"E040"}),
    ({"CHECKOUT_CSP": {}}, set()),
    # The emulator
    ({"CHECKOUT_EMULATOR": "False"}, {"E041"}),
    ({"CHECKOUT_EMULATOR": None}, {"E041"}),
    ({"CHECKOUT_EMULATOR": True}, {"W023"}),
    ({"CHECKOUT_EMULATOR": True, "STRIPE_JS_URL": "/emulator/stripe.js"}, set()),
    ({"CHECKOUT_EMULATOR": True, "STRIPE_PUBLISHABLE_KEY": ""}, set()),
    ({"STRIPE_API_BASE": "http://127.0.0.1:12111"}, {"W023"}),
    ({"STRIPE_API_BASE": STRIPE_API_BASE, "STRIPE_JS_URL": "/emulator/stripe.js"}, {"W023"}),
    ({**LIVE, "CHECKOUT_EMULATOR": True}, {"E042"}),
    ({"CHECKOUT_EMULATOR": True, "STRIPE_API_BASE": STRIPE_API_BASE}, {"W012"}),
    ({"CHECKOUT_EMULATOR_STORE": Path("emulator.sqlite3")}, {"E044"}),
    # Django's settings
    ({"USE_TZ": False}, {"E045"}),
    ({**LIVE, "DEBUG": True}, {"W004"}),
    ({"DEBUG": True}, set()),
    ({"ROOT_URLCONF": f"{HERE}.urls_without_ours"}, {"W010"}),
    (LIVE, set()),
]

WORKERS = {"default": {"BACKEND": "django_tasks.backends.database.DatabaseBackend"}}
#: Settings in addition to live keys, and the ids that only ``check --deploy`` reports.
DEPLOYED = [
    ({}, set()),
    ({"CHECKOUT_BASE_URL": "http://shop.example"}, {"E024"}),
    ({"STRIPE_SECRET_KEY": ""}, {"E048", "W014"}),
    ({"STRIPE_SECRET_KEY": "sk_test_..."}, {"E004", "E008", "W015", "W005"}),
    ({"STRIPE_PUBLISHABLE_KEY": "", "CHECKOUT_UI_MODE": "elements"}, {"E009", "W016"}),
    ({"STRIPE_PUBLISHABLE_KEY": "pk_live_..."}, {"E049", "W017"}),
    ({"STRIPE_WEBHOOK_SECRETS": [""]}, {"E011", "W018"}),
    ({"STRIPE_WEBHOOK_SECRETS": ["whsec_..."]}, {"E013", "W019"}),
    ({"CHECKOUT_ADAPTER": ""}, {"E019", "W020"}),
    ({"CHECKOUT_ADAPTER": "no_such_shop.adapters.ShopAdapter"}, {"E020", "W021"}),
    ({"STRIPE_SECRET_KEY": "sk_test_tests", "STRIPE_PUBLISHABLE_KEY": "pk_test_tests"}, {"W005"}),
    ({"STRIPE_SECRET_KEY": "sk_test_tests", "STRIPE_PUBLISHABLE_KEY": "pk_test_tests", "DEBUG": True}, set()),
    (
        {
            "STRIPE_SECRET_KEY": "sk_test_tests",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_tests",
            "STRIPE_API_BASE": "http://stripe.emulator",
            "CHECKOUT_BASE_URL": "http://shop.example",
            "STRIPE_JS_URL": "http://stripe.emulator/stripe.js",
            "CHECKOUT_EMULATOR": True,
        },
        {"E043", "W005"},
    ),
    ({**EMULATED, "STRIPE_API_BASE": "http://127.0.0.1:12111"}, {"E052", "W005"}),
    ({**EMULATED, "STRIPE_API_BASE": "http://stripe.localhost:12111"}, {"E052", "W005"}),
    ({**EMULATED, "STRIPE_API_BASE": "https://proxy.example"}, {"W005"}),
    ({**EMULATED, "STRIPE_API_BASE": "http://127.0.0.1:12111", "DEBUG": True}, set()),
    (sent("default-src 'self'; form-action 'self'"), {"W006"}),
    (sent("default-src 'none'"), {"W006"}),
    (sent("default-src 'self'; form-action 'self' https://checkout.stripe.com"), {"W006"}),
    (
        {**sent("default-src 'self'; form-action 'self' https://checkout.stripe.com"), "STRIPE_PUBLISHABLE_KEY": ""},
        set(),
    ),
    ({**sent("default-src 'none'"), "STRIPE_API_BASE": 7}, set()),
    ({**sent(""), "SHOP_CSP": {"default-src": ["'none'"]}, "MIDDLEWARE": [MERGED_POLICY]}, set()),
    ({**sent(""), "SHOP_CSP": {"default-src": ["'none'"]}, "MIDDLEWARE": [EXAMPLES_POLICY]}, set()),
    ({"SECURE_CSP": {"form-action": ["'self'"]}, "MIDDLEWARE": []}, set()),
    # django-csp adds default-src 'self'.
    ({**by_django_csp({"form-action": ["'self'"]}), "STRIPE_PUBLISHABLE_KEY": ""}, {"W006"}),
    ({**by_django_csp({"form-action": ["'self'", "https:"]}), "STRIPE_PUBLISHABLE_KEY": ""}, set()),
    (by_django_csp({"form-action": ["'self'", "https:"]}), {"W006"}),
    ({"CHECKOUT_PROCESS_EVENTS": "task", "TASKS": WORKERS}, set()),
    (
        {
            "CHECKOUT_PROCESS_EVENTS": "task",
            "TASKS": {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}},
        },
        {"W007"},
    ),
    ({"CHECKOUT_PROCESS_EVENTS": "task", "TASKS": None}, {"W007"}),
    ({"CACHES": of_cache("locmem.LocMemCache")}, set()),
    ({"CACHES": of_cache("locmem.LocMemCache"), **WITH_API}, {"W013"}),
    ({"CACHES": of_cache("dummy.DummyCache"), **WITH_API}, {"W013"}),
    ({"CACHES": of_cache("db.DatabaseCache"), **WITH_API}, set()),
    ({"CACHES": of_cache("db.DatabaseCache"), **WITH_API, "REST_FRAMEWORK": {}}, {"W024"}),
    ({"CACHES": of_cache("db.DatabaseCache"), **WITH_API, "REST_FRAMEWORK": {"NUM_PROXIES": 0}}, set()),
    ({"REST_FRAMEWORK": {}}, set()),
    ({**PROXIED, "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, {"E053"}),
    ({**PROXIED, "USE_X_FORWARDED_HOST": True}, {"E053"}),
    ({**PROXIED, "USE_X_FORWARDED_PORT": True, "REST_FRAMEWORK": {"NUM_PROXIES": 1}}, set()),
]

#: A database, and the ids that ``check --deploy`` reports.
DATABASES = [
    ({"ENGINE": "django.db.backends.postgresql"}, set()),
    ({"ENGINE": "django.db.backends.sqlite3"}, {"W001"}),
    ({"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "DEFERRED"}}, {"W001"}),
    ({"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "immediate"}}, set()),
    ({"ENGINE": "django.db.backends.mysql"}, set()),
    ({"ENGINE": "django.db.backends.mysql", "OPTIONS": {"isolation_level": "READ COMMITTED"}}, set()),
    ({"ENGINE": "django.db.backends.mysql", "OPTIONS": {"isolation_level": "repeatable read"}}, {"W002"}),
    ({"ENGINE": "django.db.backends.mysql", "OPTIONS": {"isolation_level": None}}, {"W002"}),
    ({"ENGINE": "django.db.backends.postgresql", "ATOMIC_REQUESTS": True}, {"W003"}),
]


class urls_with_api:  # noqa: N801  # stands in for a module
    urlpatterns = [
        path("checkout/", include("django_checkout.urls")),
        path("api/", include(([path("orders/", lambda request: None, name="orders")], "django_checkout_api"))),
    ]


class urls_without_ours:  # noqa: N801  # stands in for a module
    urlpatterns = []


@pytest.fixture(autouse=True)
def _without_our_urls(monkeypatch):
    monkeypatch.setitem(sys.modules, f"{HERE}.urls_without_ours", urls_without_ours)
    monkeypatch.setitem(sys.modules, f"{HERE}.urls_with_api", urls_with_api)


def run(*, deploy=False):
    return run_checks(tags=[checks.TAG], include_deployment_checks=deploy)


def ids(messages):
    return {message.id.removeprefix("django_checkout.") for message in messages}


def apply(settings, values):
    for name, value in values.items():
        setattr(settings, name, value)


def cases(table):
    """Return the rows of a table with an id: number, last setting, expected ids."""
    return [
        pytest.param(
            *row, id=f"{number}-{list(row[0])[-1] if row[0] else 'nothing'}-{'+'.join(sorted(row[1])) or 'passes'}"
        )
        for number, row in enumerate(table)
    ]


def test_plain_project_passes():
    assert run() == []


def test_live_project_passes_deployment_checks(settings):
    apply(settings, LIVE)

    assert [message for message in run(deploy=True) if message.id != "django_checkout.W001"] == []


def test_defaults_pass(settings):
    for name in set(NAMES) - {"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS", "CHECKOUT_ADAPTER", "CHECKOUT_BASE_URL"}:
        if hasattr(settings, name):
            delattr(settings, name)

    assert run() == []


@pytest.fixture
def _nothing_set(settings):
    for name in NAMES:
        if hasattr(settings, name):
            delattr(settings, name)


@pytest.mark.usefixtures("_nothing_set")
def test_new_project_gets_warnings_and_no_errors(settings):
    settings.ROOT_URLCONF = f"{HERE}.urls_without_ours"

    found = run()

    assert ids(found) == {"W010", "W011", "W014", "W018", "W020"}
    assert [message for message in found if message.level >= ERROR] == []


@pytest.mark.usefixtures("_nothing_set")
def test_missing_settings_are_errors_with_deploy():
    assert {number for number in ids(run(deploy=True)) if number[0] == "E"} == {"E011", "E019", "E048"}


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize(("deploy", "expected"), [(True, {"E011", "E019", "E048"}), (False, {"W014", "W018", "W020"})])
def test_missing_setting_is_reported_once(deploy, expected):
    shown = ids(message for message in run(deploy=deploy) if not message.is_silenced())

    assert shown & {"E011", "E019", "E048", "W014", "W018", "W020"} == expected


@pytest.mark.parametrize(("values", "expected"), cases(ALWAYS))
def test_settings_cause_ids(settings, values, expected):
    apply(settings, values)

    assert ids(run()) == expected


@pytest.mark.parametrize(("values", "expected"), cases(DEPLOYED))
def test_settings_cause_ids_with_deploy(settings, monkeypatch, values, expected):
    monkeypatch.setattr(Settings, "databases", {})
    monkeypatch.setattr(tasks, "find_framework", lambda: checks)
    before = ids(run())
    apply(settings, LIVE | values)

    found = run(deploy=True)

    assert ids(found) - before - {"E014"} == expected


@pytest.mark.parametrize(("database", "expected"), cases(DATABASES))
def test_databases_cause_ids(settings, monkeypatch, database, expected):
    apply(settings, LIVE)
    monkeypatch.setattr(Settings, "databases", {"default": database})

    assert ids(run(deploy=True)) == expected


def test_unknown_api_version_is_the_only_error_about_session_defaults(settings):
    settings.CHECKOUT_API_VERSION = "2025-09-30.clover"
    settings.CHECKOUT_SESSION_DEFAULTS = METHODS

    assert ids(run()) == {"E056"}


def test_tasks_without_a_framework_are_an_error(settings, monkeypatch):
    settings.CHECKOUT_PROCESS_EVENTS = "task"
    monkeypatch.setattr(tasks, "find_framework", lambda: None)

    assert ids(run()) == {"E032"}


def test_async_webhook_without_httpx_is_an_error(settings, monkeypatch):
    settings.CHECKOUT_ASYNC_WEBHOOK = True
    monkeypatch.setattr(transport, "is_async_installed", lambda: False)

    assert ids(run()) == {"E047"}


@pytest.mark.parametrize(
    ("old", "new"), [("hosted", "hosted_page"), ("embedded", "embedded_page"), ("custom", "elements")]
)
def test_hint_for_a_renamed_ui_mode_has_the_new_name(settings, old, new):
    settings.CHECKOUT_UI_MODE = old

    (message,) = run()

    assert new in message.hint


def test_hint_for_a_ui_mode_names_no_excluded_mode(settings):
    apply(settings, {"CHECKOUT_UI_MODES": ["elements"], "CHECKOUT_UI_MODE": "hosted_page"})

    (message,) = run()

    assert (message.id, "hosted_page" in message.hint) == ("django_checkout.E025", False)


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("form-action 'self'", "form-action: https://checkout.stripe.com"),
        ("script-src 'self' 'strict-dynamic'", "script-src: 'nonce-"),
    ],
    ids=["source", "nonce"],
)
def test_hint_for_a_csp_names_what_is_missing(settings, policy, named):
    apply(settings, sent(policy))
    settings.STRIPE_API_BASE = STRIPE_API_BASE

    (message,) = [message for message in run(deploy=True) if message.id == "django_checkout.W006"]

    assert named in message.hint


@pytest.mark.parametrize(("values", "expected"), cases(row for row in ALWAYS if row[1]))
def test_messages_have_a_hint_and_contain_no_key(settings, values, expected):
    apply(settings, values)
    secrets = [values.get("STRIPE_SECRET_KEY"), values.get("STRIPE_PUBLISHABLE_KEY")]
    if isinstance(values.get("STRIPE_WEBHOOK_SECRETS"), list):
        secrets += values["STRIPE_WEBHOOK_SECRETS"]

    messages = run()

    assert all(message.hint for message in messages)
    text = " ".join(f"{message.msg} {message.hint}" for message in messages)
    assert not [secret for secret in secrets if "Teapots" in str(secret) and str(secret) in text]


MALFORMED_IDS = {number for number, _hint in checks.MALFORMED.values()} | {"E026"}


@pytest.mark.parametrize(("values", "expected"), cases(row for row in ALWAYS if row[1] & MALFORMED_IDS))
def test_malformed_setting_is_refused_by_its_property(settings, values, expected):
    apply(settings, values)
    (name,) = values

    with pytest.raises(ImproperlyConfigured, match=f"^{name}"):
        getattr(conf, name)


def test_every_setting_is_complete():
    """A setting has a property, a default, a check and a row in the README."""
    rows = re.findall(r"^\| *`([A-Z_]+)` *\|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    places = {
        "a property in conf.py": set(NAMES),
        "a default in tests/test_conf.py": {*DEFAULTS, "STRIPE_SECRET_KEY"},
        "an id and a hint in checks.MALFORMED": set(checks.MALFORMED),
        "a malformed value in tests/test_checks.py": {
            list(values)[-1] for values, expected in ALWAYS if expected & MALFORMED_IDS
        },
        "a row `| `NAME` | ... |` in README.md": {row for row in rows if row.startswith(("STRIPE_", "CHECKOUT_"))},
    }

    names = sorted(set().union(*places.values()))
    omissions = [f"{name} lacks {place}" for name in names for place, found in places.items() if name not in found]

    assert not omissions, "\n".join(omissions)


def source_ids():
    sources = [Path(module.__file__).read_text(encoding="utf-8") for module in (checks, malformed, missing)]
    return re.findall(r'"([EW]\d{3})"', "".join(sources))


def test_every_id_is_used_once():
    found = source_ids()

    assert sorted(found) == sorted(set(found))


def test_every_id_has_a_row_in_the_tables():
    tested = set().union(*(expected for table in (ALWAYS, DEPLOYED, DATABASES) for _values, expected in table))

    assert set(source_ids()) - tested == {"E032", "E047", "W026"}
    assert tested <= set(source_ids())


def test_ui_mode_must_be_allowed(settings):
    apply(settings, {"CHECKOUT_UI_MODES": ["hosted_page"], "CHECKOUT_UI_MODE": "elements"})

    assert "E025" in ids(run())


def test_docstring_lists_the_ids():
    (errors, warnings) = re.search(r"In use: E001-(E\d{3}), W001-(W\d{3})\.", checks.__doc__).groups()
    used = source_ids()

    assert (errors, warnings) == (
        max(number for number in used if number[0] == "E"),
        max(number for number in used if number[0] == "W"),
    )


def test_ids_start_with_the_letter_of_their_level(settings):
    apply(settings, {**LIVE, "STRIPE_API_BASE": "https://proxy.example", "CHECKOUT_UI_MODE": "hosted"})

    for message in run():
        assert isinstance(message, Error) == ("django_checkout.E" in message.id)


def test_checks_are_registered():
    always = {check for check in registry.registry.registered_checks if check.__module__ == checks.__name__}
    deployed = {check for check in registry.registry.deployment_checks if check.__module__ == checks.__name__}
    ours = {value for name, value in vars(checks).items() if name.startswith("check_")}

    assert always | deployed == ours
    assert {check.__name__ for check in deployed} == {
        "check_deployment",
        "check_transactions",
        "check_task_backend",
        "check_cache",
        "check_proxies",
        "check_nothing_missing",
        "check_csp",
    }


@pytest.mark.parametrize("name", ["start", "pay", "return", "status", "webhook"])
def test_views_that_may_call_stripe_are_exempt_from_atomic_requests(name):
    args = [] if name == "webhook" else ["token"]

    view = resolve(reverse(f"django_checkout:{name}", args=args)).func

    assert "default" in view._non_atomic_requests


def test_check_command_does_not_import_stripe():
    script = (
        "import sys, django; from django.core.management import call_command; django.setup(); "
        "call_command('check', deploy=True, fail_level='CRITICAL'); sys.exit('stripe' in sys.modules)"
    )

    done = subprocess.run(  # noqa: S603  # our own interpreter and script
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

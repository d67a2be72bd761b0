"""The settings: defaults, accepted values, and errors that name the setting."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_checkout import thresholds
from django_checkout.api_versions import API_VERSIONS, DAHLIA, ENDIVE
from django_checkout.conf import NAMES, Settings, conf

pytestmark = pytest.mark.core

#: The value of each setting that is not set.
DEFAULTS = {
    "STRIPE_PUBLISHABLE_KEY": "",
    "STRIPE_WEBHOOK_SECRETS": [],
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_JS_URL": "https://js.stripe.com/dahlia/stripe.js",
    "CHECKOUT_API_VERSION": "2026-08-26.dahlia",
    "CHECKOUT_ADAPTER": "django_checkout.adapters.CheckoutAdapter",
    "CHECKOUT_BASE_URL": "",
    "CHECKOUT_FORMER_BASE_URLS": [],
    "CHECKOUT_RETURN_ORIGINS": [],
    "CHECKOUT_UI_MODE": "hosted_page",
    "CHECKOUT_UI_MODES": ("hosted_page", "embedded_page", "elements"),
    "CHECKOUT_SESSION_DEFAULTS": {},
    "CHECKOUT_SESSION_TTL_SECONDS": 23 * 3600,
    "CHECKOUT_VOUCHER_REMINDER_SECONDS": 24 * 3600,
    "CHECKOUT_PROCESS_EVENTS": "inline",
    "CHECKOUT_ASYNC_WEBHOOK": False,
    "CHECKOUT_DOUBLE_PAYMENT": "flag",
    "CHECKOUT_CREDIT_NOTES": False,
    "CHECKOUT_EVENT_RETENTION_DAYS": 90,
    "CHECKOUT_WEBHOOK_TOLERANCE_SECONDS": 300,
    "CHECKOUT_WEBHOOK_MAX_BYTES": 1024 * 1024,
    "CHECKOUT_STRIPE_TIMEOUT_SECONDS": 10,
    "CHECKOUT_CAPTURE_METHOD": "",
    "CHECKOUT_TOKEN_MAX_AGE_SECONDS": 30 * 24 * 3600,
    "CHECKOUT_CSP": None,
    "CHECKOUT_ALERTS": thresholds.DEFAULTS,
    "CHECKOUT_LEGAL_LINKS": {},
    "CHECKOUT_SHOP_NAME": "",
    "CHECKOUT_EMULATOR": False,
    "CHECKOUT_EMULATOR_STORE": "",
}

#: A setting, its value in the project, and the value of the property.
READ = [
    ("STRIPE_SECRET_KEY", " sk_test_1\n", "sk_test_1"),
    ("STRIPE_PUBLISHABLE_KEY", None, ""),
    ("STRIPE_WEBHOOK_SECRETS", ("whsec_new ", "whsec_old"), ["whsec_new", "whsec_old"]),
    ("STRIPE_WEBHOOK_SECRETS", ["whsec_1", " ", None], ["whsec_1"]),
    ("STRIPE_WEBHOOK_SECRETS", [""], []),
    ("STRIPE_WEBHOOK_SECRETS", "", []),
    ("STRIPE_WEBHOOK_SECRETS", None, []),
    ("STRIPE_API_BASE", "http://127.0.0.1:8000/emulator/", "http://127.0.0.1:8000/emulator"),
    ("STRIPE_API_BASE", "", "https://api.stripe.com"),
    ("STRIPE_API_BASE", None, "https://api.stripe.com"),
    ("STRIPE_JS_URL", "/emulator/stripe.js", "/emulator/stripe.js"),
    ("CHECKOUT_API_VERSION", ENDIVE, ENDIVE),
    ("CHECKOUT_BASE_URL", "https://shop.example/", "https://shop.example"),
    ("CHECKOUT_BASE_URL", "http://[::1]:8000", "http://[::1]:8000"),
    ("CHECKOUT_FORMER_BASE_URLS", ("https://old.example/",), ["https://old.example"]),
    ("CHECKOUT_RETURN_ORIGINS", ["https://Shop.example:443", "shop://"], ["https://shop.example", "shop://"]),
    ("CHECKOUT_UI_MODE", "elements", "elements"),
    ("CHECKOUT_SESSION_TTL_SECONDS", 31 * 60, 31 * 60),
    ("CHECKOUT_SESSION_TTL_SECONDS", 24 * 3600 - 60, 24 * 3600 - 60),
    ("CHECKOUT_VOUCHER_REMINDER_SECONDS", 0, 0),
    ("CHECKOUT_PROCESS_EVENTS", "task", "task"),
    ("CHECKOUT_DOUBLE_PAYMENT", "refund", "refund"),
    ("CHECKOUT_CAPTURE_METHOD", "manual", "manual"),
    ("CHECKOUT_CSP", {"default-src": ["'self'"]}, {"default-src": ["'self'"]}),
    ("CHECKOUT_ALERTS", {"events_stuck": None}, {**thresholds.DEFAULTS, "events_stuck": None}),
    ("CHECKOUT_LEGAL_LINKS", None, {}),
    ("CHECKOUT_LEGAL_LINKS", {"terms": "/terms/"}, {"terms": "/terms/"}),
    ("CHECKOUT_SHOP_NAME", " Thistle ", "Thistle"),
    ("CHECKOUT_EMULATOR", True, True),
]

#: A setting, a malformed value, and a part of the error message.
REFUSED = [
    ("STRIPE_SECRET_KEY", "  ", "is not set"),
    ("STRIPE_SECRET_KEY", 7, "must be a string"),
    ("STRIPE_WEBHOOK_SECRETS", "whsec_1", "must be a list"),
    ("STRIPE_WEBHOOK_SECRETS", {"whsec_1"}, "must be a list"),
    ("STRIPE_WEBHOOK_SECRETS", ["whsec_1", 7], "must contain only strings"),
    ("STRIPE_API_BASE", "stripe", "absolute URL"),
    ("STRIPE_API_BASE", "https://api.stripe.com?v=1", "absolute URL"),
    ("STRIPE_JS_URL", "stripe.js", "absolute URL"),
    ("CHECKOUT_API_VERSION", "endive", "must be one of: '2026-08-26.dahlia', '2026-10-28.endive'"),
    ("CHECKOUT_API_VERSION", "2026-09-30.endive", "must be one of"),
    ("CHECKOUT_BASE_URL", "https://shop.example/sub/", "without a path"),
    ("CHECKOUT_BASE_URL", "javascript:alert(1)", "absolute URL"),
    ("CHECKOUT_UI_MODE", "hosted", "renamed to 'hosted_page' in API 2026-03-25"),
    ("CHECKOUT_UI_MODE", "popup", "must be one of: 'hosted_page'"),
    ("CHECKOUT_FORMER_BASE_URLS", "https://old.example", "must be a list of URLs"),
    ("CHECKOUT_RETURN_ORIGINS", "https://shop.example", "must be a list of origins"),
    ("CHECKOUT_RETURN_ORIGINS", ["https://shop.example/done"], "has more than an origin"),
    ("CHECKOUT_RETURN_ORIGINS", ["http://shop.example"], "use https"),
    ("CHECKOUT_RETURN_ORIGINS", ["javascript://"], "is not an origin"),
    ("CHECKOUT_UI_MODES", "hosted_page", "must be a list of: 'hosted_page'"),
    ("CHECKOUT_UI_MODES", [["hosted_page"]], "must be a list of: 'hosted_page'"),
    ("CHECKOUT_SESSION_DEFAULTS", "{}", "must be a dict"),
    ("CHECKOUT_SESSION_TTL_SECONDS", 31 * 60 - 1, "must be from 1860 to 86340"),
    ("CHECKOUT_SESSION_TTL_SECONDS", 24 * 3600, "must be from 1860 to 86340"),
    ("CHECKOUT_SESSION_TTL_SECONDS", "3600", "must be an integer"),
    ("CHECKOUT_STRIPE_TIMEOUT_SECONDS", True, "must be an integer"),
    ("CHECKOUT_STRIPE_TIMEOUT_SECONDS", 2.5, "must be an integer"),
    ("CHECKOUT_EVENT_RETENTION_DAYS", 0, "must be at least 1"),
    ("CHECKOUT_DOUBLE_PAYMENT", "Refund", "must be one of"),
    ("CHECKOUT_CSP", ["default-src"], "must be a dict"),
    ("CHECKOUT_CSP", {"default-src": "'self'"}, "list of sources"),
    ("CHECKOUT_CSP", {"default-src": None}, "list of sources"),
    ("CHECKOUT_LEGAL_LINKS", ["/terms/"], "must be a dict"),
    ("CHECKOUT_LEGAL_LINKS", {"agb": "/agb/"}, "'agb', which is not one of: terms"),
    ("CHECKOUT_SHOP_NAME", 7, "must be a string"),
    ("CHECKOUT_ALERTS", ["events_stuck"], "must be a dict"),
    ("CHECKOUT_ALERTS", {"events_lost": 1}, "'events_lost', which is not one of: events_failed"),
    ("CHECKOUT_ALERTS", {"events_stuck": 0}, "'events_stuck'.* must be a positive integer"),
    ("CHECKOUT_ALERTS", {"events_stuck": True}, "'events_stuck'.* must be a positive integer"),
    ("CHECKOUT_EMULATOR", "False", "must be True or False"),
    ("CHECKOUT_EMULATOR", 0, "must be True or False"),
]


def rows(table):
    return [pytest.param(*row, id=f"{number}-{row[0]}") for number, row in enumerate(table)]


def unset(settings, name):
    if hasattr(settings, name):
        delattr(settings, name)


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_setting_has_its_default(settings, name, default):
    for unused in (name, "CHECKOUT_API_VERSION"):
        unset(settings, unused)

    assert getattr(conf, name) == default


@pytest.mark.parametrize(("version", "release"), [(DAHLIA, "dahlia"), (ENDIVE, "endive")])
def test_stripe_js_has_the_release_of_the_version(settings, version, release):
    unset(settings, "STRIPE_JS_URL")
    settings.CHECKOUT_API_VERSION = version

    assert f"https://js.stripe.com/{release}/stripe.js" == conf.STRIPE_JS_URL


def test_unknown_version_is_reported_once(settings):
    unset(settings, "STRIPE_JS_URL")
    settings.CHECKOUT_API_VERSION = "latest"

    assert f"https://js.stripe.com/{API_VERSIONS[0].partition('.')[2]}/stripe.js" == conf.STRIPE_JS_URL


def test_key_has_no_default(settings):
    unset(settings, "STRIPE_SECRET_KEY")

    with pytest.raises(ImproperlyConfigured, match=r"^STRIPE_SECRET_KEY is not set"):
        _ = conf.STRIPE_SECRET_KEY


@pytest.mark.parametrize(("name", "value", "expected"), rows(READ))
def test_setting_is_read(settings, name, value, expected):
    setattr(settings, name, value)

    assert getattr(conf, name) == expected


@pytest.mark.parametrize(("name", "value", "reason"), rows(REFUSED))
def test_malformed_value_is_refused_by_name(settings, name, value, reason):
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=f"^{name}.*{reason}"):
        getattr(conf, name)


def test_error_contains_no_secret(settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_teapots", 7]

    with pytest.raises(ImproperlyConfigured) as refusal:
        _ = conf.STRIPE_WEBHOOK_SECRETS

    assert "teapots" not in str(refusal.value)


def test_nothing_is_cached(settings):
    settings.CHECKOUT_UI_MODE = "elements"
    before = conf.CHECKOUT_UI_MODE
    settings.CHECKOUT_UI_MODE = "embedded_page"

    assert (before, conf.CHECKOUT_UI_MODE) == ("elements", "embedded_page")


def test_returned_dict_is_a_copy(settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"locale": "de"}

    conf.CHECKOUT_SESSION_DEFAULTS["locale"] = "fr"

    assert settings.CHECKOUT_SESSION_DEFAULTS == {"locale": "de"}


@pytest.mark.parametrize(
    ("key", "livemode"), [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("rk_test_1", False)]
)
def test_livemode_is_the_key_s_mode(settings, key, livemode):
    settings.STRIPE_SECRET_KEY = key

    assert conf.livemode is livemode


@pytest.mark.parametrize("key", ["", "pk_live_1", "sk_1", "SK_LIVE_1", "teapot"])
def test_other_keys_have_no_mode(settings, key):
    settings.STRIPE_SECRET_KEY = key

    with pytest.raises(ImproperlyConfigured, match="STRIPE_SECRET_KEY"):
        _ = conf.livemode


def test_settings_have_a_prefix_and_a_docstring():
    assert all(name.startswith(("STRIPE_", "CHECKOUT_")) for name in NAMES)
    assert all(vars(Settings)[name].__doc__ for name in NAMES)


def test_django_s_settings_are_read(settings):
    settings.DEBUG = True
    settings.USE_TZ = False

    assert (conf.debug, conf.use_tz, conf.user_model) == (True, False, "auth.User")
    assert conf.databases["default"]["ENGINE"].startswith("django.db.backends.")


@pytest.mark.parametrize(
    ("tasks", "backend"),
    [
        (None, "django.tasks.backends.immediate.ImmediateBackend"),
        ({}, "django.tasks.backends.immediate.ImmediateBackend"),
        ({"default": {"BACKEND": "shop.tasks.Backend"}}, "shop.tasks.Backend"),
        ({"slow": {"BACKEND": "shop.tasks.Backend"}}, "django.tasks.backends.immediate.ImmediateBackend"),
    ],
    ids=str,
)
def test_task_backend_is_the_default_one(settings, tasks, backend):
    settings.TASKS = tasks

    assert conf.task_backend == backend


def test_middleware_is_django_s(settings):
    settings.MIDDLEWARE = ["shop.middleware.PolicyMiddleware"]

    assert conf.middleware == ["shop.middleware.PolicyMiddleware"]

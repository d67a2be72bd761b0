"""The check of each setting whose value may be malformed: its id and its hint."""

from __future__ import annotations

from collections.abc import Mapping

from django_checkout.api_versions import API_VERSIONS
from django_checkout.conf import STRIPE_API_BASE
from django_checkout.operations.missing import KEYS

_SECONDS = "Use an integer number of seconds, or remove the setting."

#: The id and hint for each setting whose property raises ``ImproperlyConfigured``.
MALFORMED: Mapping[str, tuple[str, str]] = {
    "STRIPE_SECRET_KEY": ("E001", f"Set STRIPE_SECRET_KEY to a string. {KEYS}"),
    "STRIPE_PUBLISHABLE_KEY": ("E005", f"Set STRIPE_PUBLISHABLE_KEY to a string. {KEYS}"),
    "STRIPE_WEBHOOK_SECRETS": ("E010", 'Set STRIPE_WEBHOOK_SECRETS to a list, such as ["whsec_..."].'),
    "STRIPE_API_BASE": ("E014", f"Remove STRIPE_API_BASE to use {STRIPE_API_BASE}."),
    "STRIPE_JS_URL": ("E016", "Remove STRIPE_JS_URL to load Stripe's own script."),
    "CHECKOUT_API_VERSION": ("E056", f"Set it to one of {', '.join(API_VERSIONS)}, or remove it to use the first."),
    "CHECKOUT_ADAPTER": ("E018", 'Set CHECKOUT_ADAPTER to a dotted path, such as "shop.checkout.ShopAdapter".'),
    "CHECKOUT_BASE_URL": ("E023", 'Set CHECKOUT_BASE_URL to a scheme and host, such as "https://shop.example".'),
    "CHECKOUT_FORMER_BASE_URLS": ("E055", 'Set it to a list, such as ["https://old.example"], or remove it.'),
    "CHECKOUT_RETURN_ORIGINS": (
        "E059",
        'Set it to a list of https origins and app schemes, such as ["https://shop.example", "shop://"], or remove it.',
    ),
    "CHECKOUT_UI_MODE": ("E025", "Set CHECKOUT_UI_MODE to one of CHECKOUT_UI_MODES, or remove it to use the first."),
    "CHECKOUT_UI_MODES": ("E050", 'Set it to a list, such as ["hosted_page", "elements"], or remove it to allow all.'),
    "CHECKOUT_SESSION_DEFAULTS": ("E027", 'Set it to a dict, such as {"automatic_tax": {"enabled": True}}.'),
    "CHECKOUT_SESSION_TTL_SECONDS": ("E030", f"Stripe keeps a session open for 30 minutes to 24 hours. {_SECONDS}"),
    "CHECKOUT_VOUCHER_REMINDER_SECONDS": ("E060", f"0 sends no reminder. {_SECONDS}"),
    "CHECKOUT_PROCESS_EVENTS": ("E031", 'Set CHECKOUT_PROCESS_EVENTS to "inline" or "task".'),
    "CHECKOUT_ASYNC_WEBHOOK": ("E046", "Set CHECKOUT_ASYNC_WEBHOOK to True or False."),
    "CHECKOUT_DOUBLE_PAYMENT": ("E033", 'Set CHECKOUT_DOUBLE_PAYMENT to "flag" or "refund".'),
    "CHECKOUT_CREDIT_NOTES": ("E061", "Set CHECKOUT_CREDIT_NOTES to True or False."),
    "CHECKOUT_EVENT_RETENTION_DAYS": ("E034", "Use an integer number of days, or remove the setting."),
    "CHECKOUT_WEBHOOK_TOLERANCE_SECONDS": ("E035", _SECONDS),
    "CHECKOUT_WEBHOOK_MAX_BYTES": ("E036", "Use an integer number of bytes, or remove the setting."),
    "CHECKOUT_STRIPE_TIMEOUT_SECONDS": ("E037", _SECONDS),
    "CHECKOUT_CAPTURE_METHOD": ("E038", 'Set it to "automatic", "automatic_async" or "manual", or remove it.'),
    "CHECKOUT_TOKEN_MAX_AGE_SECONDS": ("E039", _SECONDS),
    "CHECKOUT_CSP": ("E040", 'Set CHECKOUT_CSP to a dict such as {"script-src": ["\'self\'"]}, or remove it.'),
    "CHECKOUT_ALERTS": ("E054", 'Set it to a dict such as {"events_stuck": 1800}. See README, "Alerts".'),
    "CHECKOUT_LEGAL_LINKS": (
        "E057",
        'Set it to a dict of kinds and URLs, such as {"terms": "/terms/"}.',
    ),
    "CHECKOUT_SHOP_NAME": ("E058", "Set CHECKOUT_SHOP_NAME to a string, or remove it."),
    "CHECKOUT_EMULATOR": ("E041", "Set it to True or False: convert the string of an environment variable."),
    "CHECKOUT_EMULATOR_STORE": ("E044", "Set CHECKOUT_EMULATOR_STORE to a string, or remove it."),
}

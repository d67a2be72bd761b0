"""The settings that a new project does not have yet (keys, webhook secret, adapter), each with the next step.

``checks.py`` reports them as warnings, and as errors in ``check --deploy``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from django_checkout.adapters import CheckoutAdapter, get_adapter_class
from django_checkout.conf import NO_ADAPTER, conf
from django_checkout.placeholders import is_placeholder

KEYS = "Copy the key from https://dashboard.stripe.com/apikeys."
SECRETS = "Use the signing secret that manage.py checkout_setup_webhook or `stripe listen` prints."
_EMULATOR = (
    'Or run manage.py checkout_emulator and set STRIPE_SECRET_KEY = "sk_test_emulator" to develop without Stripe.'
)


class Missing(NamedTuple):
    """A missing setting: the ids of its warning and of its error in ``check --deploy``, and their text."""

    warning: str
    error: str
    message: str
    hint: str


class MissingWarning(checks.Warning):
    """The warning about a missing setting; silenced when ``--deploy`` reports it as an error."""

    is_error = False

    def is_silenced(self) -> bool:
        """Whether the warning is hidden."""
        return self.is_error or super().is_silenced()


def find_missing() -> Iterator[Missing]:
    yield from _missing_keys()
    yield from _missing_secrets()
    if not conf.has("CHECKOUT_ADAPTER"):
        hint = (
            "Write a subclass of django_checkout.adapters.CheckoutAdapter and set CHECKOUT_ADAPTER to its dotted path, "
            f"or to {NO_ADAPTER} if the site places OrderData only."
        )
        yield Missing("W020", "E019", "CHECKOUT_ADAPTER is not set.", hint)
        return
    _, error = find_adapter()
    if error is not None and error.__cause__ is not None:
        hint = "Write the class, or correct the dotted path or the failing import in its module."
        yield Missing("W021", "E020", str(error), hint)


def _missing_keys() -> Iterator[Missing]:
    key, publishable = conf.find("STRIPE_SECRET_KEY"), conf.find("STRIPE_PUBLISHABLE_KEY")
    if not conf.has("STRIPE_SECRET_KEY"):
        yield Missing("W014", "E048", "STRIPE_SECRET_KEY is not set: no payment can start.", f"{KEYS} {_EMULATOR}")
    elif key and not key.startswith("pk_") and is_placeholder(key):
        yield Missing("W015", "E004", "STRIPE_SECRET_KEY is a placeholder.", f"{KEYS} {_EMULATOR}")
    ui_mode = conf.find("CHECKOUT_UI_MODE")
    if publishable == "" and ui_mode not in (None, "hosted_page"):
        hint = f"{KEYS} Or set CHECKOUT_UI_MODE to hosted_page."
        yield Missing("W016", "E009", f"STRIPE_PUBLISHABLE_KEY is not set, but {ui_mode!r} requires it.", hint)
    elif publishable and not publishable.startswith(("sk_", "rk_", "whsec_")) and is_placeholder(publishable):
        yield Missing("W017", "E049", "STRIPE_PUBLISHABLE_KEY is a placeholder.", KEYS)


def _missing_secrets() -> Iterator[Missing]:
    secrets = conf.find("STRIPE_WEBHOOK_SECRETS")
    if secrets == []:
        yield Missing("W018", "E011", "STRIPE_WEBHOOK_SECRETS is empty: every webhook is refused.", SECRETS)
    for position, secret in enumerate(secrets or []):
        if is_placeholder(secret):
            yield Missing("W019", "E013", f"STRIPE_WEBHOOK_SECRETS[{position}] is a placeholder.", SECRETS)


def find_adapter() -> tuple[type[CheckoutAdapter] | None, ImproperlyConfigured | None]:
    """Return the adapter class or the error that prevents it; (None, None) if no adapter is set."""
    if conf.find("CHECKOUT_ADAPTER") in (None, "", NO_ADAPTER):
        return None, None
    try:
        return get_adapter_class(), None
    except ImproperlyConfigured as error:
        return None, error

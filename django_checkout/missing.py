"""What a new project does not have yet: keys, a webhook secret, an adapter; each with the step that provides it.

``checks.py`` reports these as warnings, and as errors in ``check --deploy`` only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from django_checkout.adapters import CheckoutAdapter, get_adapter_class
from django_checkout.conf import EMULATOR_SECRET, NO_ADAPTER, conf

KEYS = "Copy it from https://dashboard.stripe.com/apikeys into the environment."
SECRETS = (
    "Run manage.py checkout_setup_webhook and copy the signing secret that it prints, or the one of `stripe listen`."
)
_EMULATOR = (
    'Or run manage.py checkout_emulator and set STRIPE_SECRET_KEY = "sk_test_emulator" to develop without Stripe.'
)

#: What documentation shows in place of a key, after its prefix.
_PLACEHOLDER = re.compile(
    r"[.…x*_-]*|<.*>|\{.*\}|.*\.\.\..*|(your|my|the|put|change|replace)[-_ ].*|(change|replace)me|secret|example|todo",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"(sk|rk|pk)_(test|live)_|whsec_")


class Missing(NamedTuple):
    """Something that a new project cannot have yet: its warning, its error in ``check --deploy``, and what they say."""

    warning: str
    error: str
    message: str
    hint: str


class NextStep(checks.Warning):
    """The warning that something is missing; silent where ``--deploy`` reports the same as an error."""

    is_error = False

    def is_silenced(self) -> bool:
        """Whether it is not shown."""
        return self.is_error or super().is_silenced()


def find_missing() -> Iterator[Missing]:
    yield from _missing_keys()
    yield from _missing_secrets()
    if not conf.has("CHECKOUT_ADAPTER"):
        hint = (
            "Write a subclass of django_checkout.adapters.CheckoutAdapter and name its dotted path; a shop that places "
            f"OrderData only may name {NO_ADAPTER}."
        )
        yield Missing("W020", "E019", "CHECKOUT_ADAPTER is not set.", hint)
        return
    _, error = find_adapter()
    if error is not None and error.__cause__ is not None:
        hint = "Write that class, or correct the dotted path or the import that fails in its module."
        yield Missing("W021", "E020", str(error), hint)


def _missing_keys() -> Iterator[Missing]:
    key, publishable = conf.find("STRIPE_SECRET_KEY"), conf.find("STRIPE_PUBLISHABLE_KEY")
    if not conf.has("STRIPE_SECRET_KEY"):
        yield Missing("W014", "E048", "STRIPE_SECRET_KEY is not set: no payment can start.", f"{KEYS} {_EMULATOR}")
    elif key and not key.startswith("pk_") and is_placeholder(key):
        yield Missing("W015", "E004", "STRIPE_SECRET_KEY is a placeholder.", f"{KEYS} {_EMULATOR}")
    ui_mode = conf.find("CHECKOUT_UI_MODE")
    if publishable == "" and ui_mode in ("embedded_page", "elements"):
        hint = f"Set it, or CHECKOUT_UI_MODE to hosted_page. {KEYS}"
        yield Missing("W016", "E009", f"STRIPE_PUBLISHABLE_KEY is not set, and {ui_mode!r} needs it.", hint)
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
    """Return the adapter's class, or why there is none; neither where the setting names none."""
    if conf.find("CHECKOUT_ADAPTER") in (None, "", NO_ADAPTER):
        return None, None
    try:
        return get_adapter_class(), None
    except ImproperlyConfigured as error:
        return None, error


def is_placeholder(value: str) -> bool:
    return bool(_PLACEHOLDER.fullmatch(_PREFIX.sub("", value, count=1)))


def find_accepted_secrets() -> list[str]:
    """Return the signing secrets whose signatures count: with a live key, none that anybody knows."""
    return [
        secret
        for secret in conf.STRIPE_WEBHOOK_SECRETS
        if conf.find("has_live_key") is False or not (secret == EMULATOR_SECRET or is_placeholder(secret))
    ]

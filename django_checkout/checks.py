"""System checks of the app's settings, one id per rule, each with a hint.

``manage.py check --deploy`` adds the checks for production. Settings that a new project does not have yet
(``operations/missing.py``) are warnings, and errors only with ``--deploy``: an error would stop the command that the
hint names. No check imports ``stripe``, queries the database, or calls middleware other than Django's and django-csp's
CSP middleware and their subclasses. Messages name the setting and contain no key or secret.

The id of a retired check is not used again.
In use: E001-E061, W001-W027. Retired: E022, W022.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.urls import NoReverseMatch, reverse

from django_checkout.api_versions import DAHLIA
from django_checkout.conf import EMULATOR_SECRET, RENAMED_UI_MODES, STRIPE_API_BASE, conf
from django_checkout.csp import find_missing_sources, read_host_policies
from django_checkout.exceptions import CheckoutError
from django_checkout.models import Order
from django_checkout.operations.malformed import MALFORMED
from django_checkout.operations.missing import KEYS, SECRETS, MissingWarning, find_adapter, find_missing
from django_checkout.params.versions import ALLOWED, LISTED
from django_checkout.placeholders import is_placeholder

TAG = "django_checkout"

_read = conf.find

AppConfigs = Sequence[AppConfig] | None

#: The warnings of the latest run in this thread.
_latest = threading.local()


@register(TAG)
def check_values(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Report malformed settings; a key that is not set is reported as missing."""
    return [
        message for name in MALFORMED if name != "STRIPE_SECRET_KEY" or conf.has(name) for message in _malformed(name)
    ]


@register(TAG)
def check_missing(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Warn about settings that a new project does not have yet."""
    found = [MissingWarning(m.message, hint=m.hint, id=f"django_checkout.{m.warning}") for m in find_missing()]
    _latest.warnings = found
    return [*found]


@register(TAG, deploy=True)
def check_nothing_missing(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Report missing settings as errors and silence the warnings of ``check_missing``, which Django runs first."""
    for warning in getattr(_latest, "warnings", ()):
        warning.is_error = True
    return [_error(missing.error, missing.message, missing.hint) for missing in find_missing()]


@register(TAG, Tags.security)
def check_keys(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check the kind and mode of the API keys."""
    yield from _secret_key()
    yield from _publishable_key()


@register(TAG, Tags.security)
def check_webhook_secrets(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the signing secrets are Stripe's."""
    for position, secret in enumerate(_read("STRIPE_WEBHOOK_SECRETS") or []):
        name = f"STRIPE_WEBHOOK_SECRETS[{position}]"
        if not secret.startswith("whsec_") and not is_placeholder(secret):
            yield _error("E012", f"{name} does not start with whsec_.", SECRETS)
        elif secret == EMULATOR_SECRET and _read("has_live_key"):
            hint = f"Remove it: it is public, so events signed with it are refused. {SECRETS}"
            yield _error("E051", f"{name} is the emulator's secret, but a live key is set.", hint)


@register(TAG, Tags.security)
def check_addresses(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that live keys are used only with Stripe's API and Stripe.js."""
    livemode, is_stripe_js = _read("livemode"), _read("is_stripe_js")
    if livemode and _read("is_stripe_api") is False:
        if urlsplit(conf.STRIPE_API_BASE).scheme != "https":
            hint = "Remove STRIPE_API_BASE, or use a test key."
            yield _error("E015", "STRIPE_API_BASE is not https, but STRIPE_SECRET_KEY is a live key.", hint)
        else:
            hint = "Remove STRIPE_API_BASE unless it is your own proxy to Stripe."
            yield _warning("W009", f"The live key is sent to STRIPE_API_BASE, which is not {STRIPE_API_BASE}.", hint)
    if livemode and is_stripe_js is False:
        hint = "Remove STRIPE_JS_URL: with live keys, card data may only be entered into Stripe.js loaded from Stripe."
        yield _error("E017", "STRIPE_JS_URL is not https://js.stripe.com, but STRIPE_SECRET_KEY is a live key.", hint)
    elif _read("STRIPE_PUBLISHABLE_KEY") and (problem := _read("script_problem")):
        hint = "Use both from Stripe or both from the emulator. Until then a button to the hosted page is shown."
        yield _warning("W023", f"The embedded and Elements checkouts do not work: {problem}", hint)
    elif is_stripe_js and urlsplit(conf.STRIPE_JS_URL).path != urlsplit(conf.default_js_url).path:
        hint = f"Use {conf.default_js_url}, which matches CHECKOUT_API_VERSION, or remove the setting."
        yield _warning("W008", "STRIPE_JS_URL is a different version of Stripe.js than this app requires.", hint)


@register(TAG)
def check_adapter(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that CHECKOUT_ADAPTER is a subclass of ``CheckoutAdapter``."""
    _, error = find_adapter()
    if error is not None and error.__cause__ is None:
        yield _error("E021", str(error), "Subclass django_checkout.adapters.CheckoutAdapter.")


@register(TAG)
def check_session_defaults(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the default parameters can be stored and do not override the app's own."""
    from django_checkout.params.rules import OWN_PARAMETERS, validate_defaults  # not every process runs checks

    defaults = _read("CHECKOUT_SESSION_DEFAULTS") or {}
    for name in sorted(OWN_PARAMETERS.intersection(defaults)):
        hint = "Remove it: its value comes from the order, the arguments of services.start() and other settings."
        yield _error("E028", f"CHECKOUT_SESSION_DEFAULTS contains {name!r}, which django_checkout sets itself.", hint)
    try:
        json.dumps(defaults)
    except (TypeError, ValueError):
        hint = "Use only strings, integers, booleans, lists and dicts."
        yield _error("E029", "CHECKOUT_SESSION_DEFAULTS contains a value that is not JSON serializable.", hint)
    version = _read("CHECKOUT_API_VERSION")
    if version not in (None, DAHLIA) and LISTED in defaults and ALLOWED not in defaults:
        hint = f"Rename it to {ALLOWED}. Stripe then offers those of the methods that your Dashboard allows."
        yield _warning("W027", f"CHECKOUT_SESSION_DEFAULTS: {LISTED} is sent as {ALLOWED} in API {version}.", hint)
    for ui_mode in (version and _read("CHECKOUT_UI_MODES")) or ():
        try:
            validate_defaults(defaults, ui_mode=ui_mode)
        except CheckoutError as error:
            hint = "Set it on the orders that need it (OrderData.options), or remove the mode from CHECKOUT_UI_MODES."
            yield _warning("W025", f"CHECKOUT_SESSION_DEFAULTS: {error} No order can be paid in this UI mode.", hint)


@register(TAG)
def check_processing(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the packages for processing events are installed."""
    from django_checkout.stripe_api.transport import is_async_installed  # not every process runs checks
    from django_checkout.webhooks.tasks import find_framework

    if _read("CHECKOUT_PROCESS_EVENTS") == "task" and find_framework() is None:
        hint = 'Run pip install "django-checkout[tasks]", or set CHECKOUT_PROCESS_EVENTS to "inline".'
        yield _error("E032", 'CHECKOUT_PROCESS_EVENTS is "task", but no tasks framework is installed.', hint)
    if _read("CHECKOUT_ASYNC_WEBHOOK") and not is_async_installed():
        hint = 'Run pip install "django-checkout[async]", or set CHECKOUT_ASYNC_WEBHOOK to False.'
        yield _error("E047", "CHECKOUT_ASYNC_WEBHOOK is on, but httpx is not installed.", hint)


@register(TAG, Tags.security)
def check_emulator(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the emulator is used with test keys, and that calls go to it and not to Stripe."""
    if not _read("CHECKOUT_EMULATOR"):
        return
    if _read("livemode"):
        hint = "Set CHECKOUT_EMULATOR to False, or STRIPE_SECRET_KEY to a test key."
        yield _error("E042", "CHECKOUT_EMULATOR is on, but STRIPE_SECRET_KEY is a live key.", hint)
    elif _read("is_stripe_api"):
        hint = "Set STRIPE_API_BASE to the emulator's URL, or CHECKOUT_EMULATOR to False."
        yield _warning("W012", "CHECKOUT_EMULATOR is on, but payments go to Stripe.", hint)


@register(TAG)
def check_database(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check USE_TZ and the database options that concurrent writes need."""
    if not conf.use_tz:
        yield _error("E045", "USE_TZ is False, but this app requires aware datetimes.", "Set USE_TZ to True.")
    alias = router.db_for_write(Order)
    database = conf.databases.get(alias, {})
    engine, options = str(database.get("ENGINE", "")), database.get("OPTIONS") or {}
    if engine.endswith("sqlite3") and str(options.get("transaction_mode")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        hint = f'Set DATABASES["{alias}"]["OPTIONS"]["transaction_mode"] to "IMMEDIATE".'
        yield _warning("W001", "On SQLite, concurrent writes fail with 'database is locked'.", hint)
    isolation = str(options.get("isolation_level", "read committed"))
    if engine.endswith("mysql") and isolation.lower() != "read committed":
        hint = f'Set DATABASES["{alias}"]["OPTIONS"]["isolation_level"] to "read committed", Django\'s default.'
        yield _warning("W002", "On MariaDB and MySQL, reads after a lock must see committed data.", hint)


@register(TAG, Tags.security)
def check_mode(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Warn about live keys with DEBUG."""
    if conf.debug and _read("livemode"):
        hint = "Use a test key for development, or set DEBUG to False."
        yield _warning("W004", "DEBUG is on, but STRIPE_SECRET_KEY is a live key.", hint)


@register(TAG, Tags.urls)
def check_urls(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the app's URLs are included."""
    if not _is_included("django_checkout:webhook"):
        hint = 'Add path("checkout/", include("django_checkout.urls")) to your urlpatterns.'
        yield _warning("W010", "ROOT_URLCONF does not include django_checkout.urls.", hint)


@register(TAG)
def check_base_url(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that absolute URLs can be built without a request."""
    if _read("CHECKOUT_BASE_URL") == "":
        hint = 'Set it to the site\'s URL, such as "https://shop.example", or "http://127.0.0.1:8000" in development.'
        yield _warning("W011", "CHECKOUT_BASE_URL is not set: no absolute URL can be built without a request.", hint)


@register(TAG, Tags.security, deploy=True)
def check_deployment(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that a production site uses live keys, https and Stripe."""
    livemode, base_url = _read("livemode"), _read("CHECKOUT_BASE_URL")
    if _read("CHECKOUT_EMULATOR"):
        hint = "Set CHECKOUT_EMULATOR to False: anyone can mark orders as paid on the emulator's pages."
        yield _error("E043", "CHECKOUT_EMULATOR is on.", hint)
    elif livemode is False and not conf.debug and _read("is_local_api"):
        hint = "Remove STRIPE_API_BASE. Until then orders are paid with test cards and no money is collected."
        yield _error("E052", "DEBUG is off, but STRIPE_API_BASE is an emulator on this machine.", hint)
    if livemode is False and not conf.debug:
        hint = "Set STRIPE_SECRET_KEY to a live key to take real payments; silence this check on a staging site."
        yield _warning("W005", "STRIPE_SECRET_KEY is a test key, but DEBUG is off.", hint)
    if base_url and livemode and not base_url.startswith("https://"):
        hint = "Set CHECKOUT_BASE_URL to the site's https URL: Stripe redirects shoppers to it after payment."
        yield _error("E024", "CHECKOUT_BASE_URL is not https, but STRIPE_SECRET_KEY is a live key.", hint)


@register(TAG, deploy=True)
def check_transactions(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Warn about ATOMIC_REQUESTS: services that call Stripe must run outside transactions."""
    if any(settings.get("ATOMIC_REQUESTS") for settings in conf.databases.values()):
        hint = "Decorate your own views that call services with django.db.transaction.non_atomic_requests."
        yield _warning("W003", "ATOMIC_REQUESTS is on, but services that call Stripe refuse to run in it.", hint)


@register(TAG)
def check_receivers(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that order_paid has a receiver."""
    from django_checkout import ledger  # not every process runs checks

    if not ledger.has_receiver("order_paid"):
        hint = (
            "Import your receivers in AppConfig.ready() in apps.py: `from shop import receivers`. Until then the "
            "notifications of paid orders are pending. If your site reads order.status instead, connect a receiver "
            "that does nothing."
        )
        yield _warning("W026", "The signal order_paid has no receiver.", hint)


@register(TAG, deploy=True)
def check_task_backend(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the TASKS backend has a worker."""
    name = conf.task_backend.rpartition(".")[2]
    does = {"ImmediateBackend": "processes events before Stripe gets its answer", "DummyBackend": "processes none"}
    if _read("CHECKOUT_PROCESS_EVENTS") == "task" and name in does:
        hint = 'Set TASKS to a backend with a worker (docs/queues.md), or CHECKOUT_PROCESS_EVENTS to "inline".'
        yield _warning("W007", f'CHECKOUT_PROCESS_EVENTS is "task", but the TASKS backend {name} {does[name]}.', hint)


@register(TAG, deploy=True)
def check_cache(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the API's throttles use a shared cache."""
    if _is_included("django_checkout_api:orders") and conf.cache_backend.endswith((".LocMemCache", ".DummyCache")):
        hint = "Set CACHES to a cache that all processes share: Redis, Memcached or Django's database cache."
        yield _warning("W013", "The API's throttles use a cache that processes do not share.", hint)


@register(TAG, Tags.security, deploy=True)
def check_proxies(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Check that the API's throttles can identify guests behind a proxy."""
    if conf.num_proxies is not None or not _is_included("django_checkout_api:orders"):
        return []
    hint = (
        'Set REST_FRAMEWORK["NUM_PROXIES"] to the number of proxies in front of the site, or to 0. Until then the API '
        "ignores X-Forwarded-For, and all guests behind a proxy share one rate."
    )
    if conf.is_behind_proxy:
        return [_error("E053", 'The site is behind a proxy, but REST_FRAMEWORK["NUM_PROXIES"] is not set.', hint)]
    return [_warning("W024", 'REST_FRAMEWORK["NUM_PROXIES"] is not set.', hint)]


@register(TAG, Tags.security, deploy=True)
def check_csp(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the host's Content-Security-Policy allows the checkout on its pages."""
    if _read("STRIPE_API_BASE") is None:
        return
    for policy in read_host_policies():
        for directive, sources in find_missing_sources(policy).items():
            hint = f"Add to {directive}: {' '.join(sources)}. See django_checkout.csp.csp_directives()."
            yield _warning("W006", f"{directive} of the site's Content-Security-Policy lacks sources.", hint)


def _secret_key() -> Iterator[CheckMessage]:
    key = _read("STRIPE_SECRET_KEY") or ""
    if key.startswith("pk_"):
        hint = f"Replace it with the secret key, and use this one as STRIPE_PUBLISHABLE_KEY. {KEYS}"
        yield _error("E003", "STRIPE_SECRET_KEY is a publishable key.", hint)
    elif key and _read("livemode") is None and not is_placeholder(key):
        yield _error("E002", "STRIPE_SECRET_KEY does not start with sk_test_, rk_test_, sk_live_ or rk_live_.", KEYS)


def _publishable_key() -> Iterator[CheckMessage]:
    key = _read("STRIPE_PUBLISHABLE_KEY")
    if not key:
        return
    if key.startswith(("sk_", "rk_", "whsec_")):
        hint = f"Roll the secret immediately if this was deployed: the setting is sent to browsers. {KEYS}"
        yield _error("E007", "STRIPE_PUBLISHABLE_KEY is a secret.", hint)
    elif is_placeholder(key):
        return
    elif not key.startswith(("pk_test_", "pk_live_")):
        yield _error("E006", "STRIPE_PUBLISHABLE_KEY does not start with pk_test_ or pk_live_.", KEYS)
    elif _read("livemode") not in (None, key.startswith("pk_live_")):
        hint = f"Use two test keys or two live keys. {KEYS}"
        yield _error("E008", "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY have different modes.", hint)


def _malformed(name: str) -> Iterator[CheckMessage]:
    number, hint = MALFORMED[name]
    try:
        getattr(conf, name)
    except ImproperlyConfigured as error:
        if name not in re.split(r"[ :\[]", str(error)):
            # The message is about another setting, which has its own check.
            return
        for old, new in RENAMED_UI_MODES.items():
            if name == "CHECKOUT_UI_MODE" and repr(old) in str(error):
                number, hint = "E026", f'Set CHECKOUT_UI_MODE to "{new}".'
        yield _error(number, str(error), hint)


def _is_included(url_name: str) -> bool:
    try:
        reverse(url_name)
    except NoReverseMatch:
        return False
    return True


def _error(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Error(message, hint=hint, id=f"django_checkout.{number}")


def _warning(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Warning(message, hint=hint, id=f"django_checkout.{number}")

"""System checks: one id per way to misconfigure the app, each with what to do about it.

``manage.py check`` runs those that hold everywhere, ``manage.py check --deploy`` adds those of a site that sells.
What a new project cannot have yet (``missing.py``) is a warning that names the next step, and an error only with
``--deploy``: an error would stop the very command that is the next step. None imports ``stripe`` or queries the
database, nor calls middleware but Django's and django-csp's that sends a policy, and its subclasses. A message names
the setting and never shows a key or a secret.

An id is never used again for another rule: a retired one stays here, in this ledger, with the word "retired".
In use: E001-E053, W001-W026. Retired: E022, W022.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.urls import NoReverseMatch, reverse

from django_checkout.conf import EMULATOR_SECRET, RENAMED_UI_MODES, STRIPE_API_BASE, STRIPE_JS_URL, conf
from django_checkout.csp import find_missing_sources, read_host_policies
from django_checkout.exceptions import CheckoutError
from django_checkout.ledger.announcements import is_heard
from django_checkout.missing import KEYS, SECRETS, NextStep, find_adapter, find_missing, is_placeholder
from django_checkout.models import Order
from django_checkout.params import OWN_PARAMETERS, validate_defaults
from django_checkout.tasks import find_framework
from django_checkout.transport import is_async_installed

TAG = "django_checkout"

_SECONDS = "Give a whole number of seconds, or leave the setting out."

_read = conf.find

#: What a setting's property refuses is reported under one id per setting: its name, that id, and the hint.
MALFORMED: Mapping[str, tuple[str, str]] = {
    "STRIPE_SECRET_KEY": ("E001", f"Set STRIPE_SECRET_KEY to your secret or restricted key. {KEYS}"),
    "STRIPE_PUBLISHABLE_KEY": ("E005", f"Set STRIPE_PUBLISHABLE_KEY to a string. {KEYS}"),
    "STRIPE_WEBHOOK_SECRETS": ("E010", 'Set STRIPE_WEBHOOK_SECRETS to a list, such as ["whsec_..."].'),
    "STRIPE_API_BASE": ("E014", f"Leave STRIPE_API_BASE out to talk to {STRIPE_API_BASE}."),
    "STRIPE_JS_URL": ("E016", f"Leave STRIPE_JS_URL out to load {STRIPE_JS_URL}."),
    "CHECKOUT_ADAPTER": ("E018", 'Set CHECKOUT_ADAPTER to a dotted path, such as "shop.checkout.ShopAdapter".'),
    "CHECKOUT_BASE_URL": ("E023", 'Set CHECKOUT_BASE_URL to scheme and host alone, such as "https://shop.example".'),
    "CHECKOUT_UI_MODE": ("E025", "Set CHECKOUT_UI_MODE to one of CHECKOUT_UI_MODES, or leave it out for the first."),
    "CHECKOUT_UI_MODES": ("E050", 'Set it to a list, such as ["hosted_page", "elements"], or leave it out for all.'),
    "CHECKOUT_SESSION_DEFAULTS": ("E027", 'Set it to a dict, such as {"automatic_tax": {"enabled": True}}.'),
    "CHECKOUT_SESSION_TTL_SECONDS": ("E030", f"Stripe keeps a session open for 30 minutes to 24 hours. {_SECONDS}"),
    "CHECKOUT_PROCESS_EVENTS": ("E031", 'Set CHECKOUT_PROCESS_EVENTS to "inline" or "task".'),
    "CHECKOUT_ASYNC_WEBHOOK": ("E046", "Set CHECKOUT_ASYNC_WEBHOOK to True or False."),
    "CHECKOUT_DOUBLE_PAYMENT": ("E033", 'Set CHECKOUT_DOUBLE_PAYMENT to "flag" or "refund".'),
    "CHECKOUT_EVENT_RETENTION_DAYS": ("E034", "Give a whole number of days, or leave the setting out."),
    "CHECKOUT_WEBHOOK_TOLERANCE_SECONDS": ("E035", _SECONDS),
    "CHECKOUT_WEBHOOK_MAX_BYTES": ("E036", "Give a whole number of bytes, or leave the setting out."),
    "CHECKOUT_STRIPE_TIMEOUT_SECONDS": ("E037", _SECONDS),
    "CHECKOUT_CAPTURE_METHOD": ("E038", 'Set it to "automatic", "automatic_async" or "manual", or leave it out.'),
    "CHECKOUT_TOKEN_MAX_AGE_SECONDS": ("E039", _SECONDS),
    "CHECKOUT_CSP": ("E040", 'Set CHECKOUT_CSP to a dict such as {"script-src": ["\'self\'"]}, or leave it out.'),
    "CHECKOUT_EMULATOR": ("E041", "Set CHECKOUT_EMULATOR to True or False; from the environment, parse it first."),
    "CHECKOUT_EMULATOR_STORE": ("E044", "Set CHECKOUT_EMULATOR_STORE to a string, or leave it out."),
}

_STRIPE_JS_HOST = re.compile(r"(.+\.)?js\.stripe\.com")

AppConfigs = Sequence[AppConfig] | None

#: The warnings of this thread's latest run.
_latest = threading.local()


@register(TAG)
def check_values(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Every setting can be read; a key that is not set is reported as missing."""
    return [
        message for name in MALFORMED if name != "STRIPE_SECRET_KEY" or conf.has(name) for message in _malformed(name)
    ]


@register(TAG)
def check_missing(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What a new project does not have yet is named, with the next step; no command is stopped by it."""
    found = [NextStep(m.message, hint=m.hint, id=f"django_checkout.{m.warning}") for m in find_missing()]
    _latest.steps = found
    return [*found]


@register(TAG, deploy=True)
def check_nothing_missing(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """A site that sells lacks nothing; Django runs this after ``check_missing``, whose warnings would say it twice."""
    for step in getattr(_latest, "steps", ()):
        step.is_error = True
    return [_error(missing.error, missing.message, missing.hint) for missing in find_missing()]


@register(TAG, Tags.security)
def check_keys(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The API keys are Stripe's, in their places, and of one mode."""
    return [*_secret_key(), *_publishable_key()]


@register(TAG, Tags.security)
def check_webhook_secrets(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Deliveries can be verified, and nobody but Stripe can sign them."""
    for position, secret in enumerate(_read("STRIPE_WEBHOOK_SECRETS") or []):
        name = f"STRIPE_WEBHOOK_SECRETS[{position}]"
        if not secret.startswith("whsec_") and not is_placeholder(secret):
            yield _error("E012", f"{name} does not start with whsec_.", SECRETS)
        elif secret == EMULATOR_SECRET and _read("has_live_key"):
            hint = f"Remove it: everybody knows it, so nothing signed with it is accepted. {SECRETS}"
            yield _error("E051", f"{name} is the emulator's secret, and there is a live key.", hint)


@register(TAG, Tags.security)
def check_addresses(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Live keys and live pages meet nobody but Stripe."""
    api_base, js_url = _read("STRIPE_API_BASE"), _read("STRIPE_JS_URL")
    js_host = urlsplit(js_url or "").hostname or ""
    is_stripe_js = _STRIPE_JS_HOST.fullmatch(js_host)
    if _livemode() and api_base and api_base != STRIPE_API_BASE:
        if urlsplit(api_base).scheme != "https":
            hint = "Remove STRIPE_API_BASE, or use a test key here."
            yield _error("E015", "STRIPE_API_BASE is not https, and STRIPE_SECRET_KEY is a live key.", hint)
        else:
            hint = "Remove STRIPE_API_BASE, unless it is a proxy of your own that speaks to Stripe."
            yield _warning("W009", f"The live key is sent to STRIPE_API_BASE, which is not {STRIPE_API_BASE}.", hint)
    if _livemode() and js_url and not (is_stripe_js and js_url.startswith("https://")):
        hint = "Remove STRIPE_JS_URL: card data may only be typed into Stripe's own script, loaded from Stripe."
        yield _error(
            "E017", "STRIPE_JS_URL is not at https://js.stripe.com, and STRIPE_SECRET_KEY is a live key.", hint
        )
    elif _read("STRIPE_PUBLISHABLE_KEY") and (problem := _read("script_problem")):
        hint = "Let both be Stripe's, or both the emulator's. Until then the button to Stripe's page is shown instead."
        yield _warning("W023", f"Embedded and Elements checkouts do not work: {problem}", hint)
    elif js_url and is_stripe_js and urlsplit(js_url).path != urlsplit(STRIPE_JS_URL).path:
        hint = f"Use {STRIPE_JS_URL}, the release that belongs to the API version this app speaks."
        yield _warning("W008", "STRIPE_JS_URL names another release of Stripe.js than the app is written for.", hint)


@register(TAG)
def check_adapter(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The host's adapter is an adapter."""
    _, error = find_adapter()
    if error is not None and error.__cause__ is None:
        return [_error("E021", str(error), "Derive it from django_checkout.adapters.CheckoutAdapter.")]
    return []


@register(TAG)
def check_session_defaults(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """The project's parameters leave ours alone and can be stored with the session."""
    defaults = _read("CHECKOUT_SESSION_DEFAULTS") or {}
    for name in sorted(OWN_PARAMETERS.intersection(defaults)):
        hint = "Remove it: the order, the arguments of services.start and the settings decide it."
        yield _error("E028", f"CHECKOUT_SESSION_DEFAULTS names {name!r}, which django_checkout sets itself.", hint)
    try:
        json.dumps(defaults)
    except (TypeError, ValueError):
        hint = "Use strings, whole numbers, True, False, lists and dicts only."
        yield _error("E029", "CHECKOUT_SESSION_DEFAULTS holds a value that JSON has no form for.", hint)
    for ui_mode in _read("CHECKOUT_UI_MODES") or ():
        try:
            validate_defaults(defaults, ui_mode=ui_mode)
        except CheckoutError as error:
            hint = "Leave it to the orders that need it (OrderData.options), or that UI mode out of CHECKOUT_UI_MODES."
            yield _warning("W025", f"CHECKOUT_SESSION_DEFAULTS: {error} No order can be paid with it.", hint)


@register(TAG)
def check_processing(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Whatever the way of processing events asks for is installed."""
    if _read("CHECKOUT_PROCESS_EVENTS") == "task" and find_framework() is None:
        hint = 'Run: pip install "django-checkout[tasks]". Or set CHECKOUT_PROCESS_EVENTS to "inline".'
        yield _error("E032", 'CHECKOUT_PROCESS_EVENTS is "task", and there is no tasks framework.', hint)
    if _read("CHECKOUT_ASYNC_WEBHOOK") and not is_async_installed():
        hint = 'Run: pip install "django-checkout[async]". Or set CHECKOUT_ASYNC_WEBHOOK to False.'
        yield _error("E047", "CHECKOUT_ASYNC_WEBHOOK is on, and httpx is not installed.", hint)


@register(TAG, Tags.security)
def check_emulator(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """The emulator never meets a live key, and test keys meet the emulator where it is on."""
    if not _read("CHECKOUT_EMULATOR"):
        return
    if _livemode():
        hint = "Set CHECKOUT_EMULATOR to False, or STRIPE_SECRET_KEY to a test key."
        yield _error("E042", "CHECKOUT_EMULATOR is on, and STRIPE_SECRET_KEY is a live key.", hint)
    elif _read("STRIPE_API_BASE") == STRIPE_API_BASE:
        hint = "Set STRIPE_API_BASE to the emulator's address, or CHECKOUT_EMULATOR to False."
        yield _warning("W012", "CHECKOUT_EMULATOR is on, but payments go to Stripe.", hint)


@register(TAG)
def check_database(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """Two writers at once wait for each other, and instants know their time zone."""
    if not conf.use_tz:
        yield _error("E045", "USE_TZ is False: Stripe's instants cannot be compared with ours.", "Set USE_TZ to True.")
    alias = router.db_for_write(Order)
    engine, options = _database(alias)
    if engine.endswith("sqlite3") and str(options.get("transaction_mode")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        hint = f'Set DATABASES["{alias}"]["OPTIONS"]["transaction_mode"] to "IMMEDIATE".'
        yield _warning("W001", "On SQLite two writers at once fail with 'database is locked'.", hint)
    isolation = str(options.get("isolation_level", "read committed"))
    if engine.endswith("mysql") and isolation.lower() != "read committed":
        hint = f'Set DATABASES["{alias}"]["OPTIONS"]["isolation_level"] to "read committed", Django\'s default.'
        yield _warning("W002", "On MariaDB and MySQL a lock must be followed by a read of what is committed.", hint)


@register(TAG, Tags.security)
def check_mode(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """No real money is taken while errors are shown in full."""
    if conf.debug and _livemode():
        hint = "Use a test key on your own machine, and set DEBUG to False where live keys are."
        return [_warning("W004", "DEBUG is on, and STRIPE_SECRET_KEY is a live key.", hint)]
    return []


@register(TAG, Tags.urls)
def check_urls(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Stripe and the shopper find our pages."""
    try:
        reverse("django_checkout:webhook")
    except NoReverseMatch:
        hint = 'Add path("checkout/", include("django_checkout.urls")) to your urlpatterns.'
        return [_warning("W010", "The URLs of django_checkout are not included in ROOT_URLCONF.", hint)]
    return []


@register(TAG)
def check_base_url(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Links can be made where no request tells the site's address."""
    if _read("CHECKOUT_BASE_URL") == "":
        hint = 'Set it to your site\'s address, such as "https://shop.example", or "http://127.0.0.1:8000" to develop.'
        return [_warning("W011", "CHECKOUT_BASE_URL is not set: pay_url() needs a request, webhooks an address.", hint)]
    return []


@register(TAG, Tags.security, deploy=True)
def check_deployment(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """A site that sells takes real money, over https, from Stripe."""
    livemode, base_url = _livemode(), _read("CHECKOUT_BASE_URL")
    if _read("CHECKOUT_EMULATOR"):
        hint = "Set CHECKOUT_EMULATOR to False: whoever finds the emulator's pages can mark orders as paid."
        yield _error("E043", "CHECKOUT_EMULATOR is on.", hint)
    elif livemode is False and not conf.debug and _read("is_local_api"):
        hint = "Remove STRIPE_API_BASE. Until then orders are paid with test cards, and no money arrives."
        yield _error("E052", "DEBUG is off, and payments go to an emulator: STRIPE_API_BASE is this machine.", hint)
    if livemode is False and not conf.debug:
        hint = "Set STRIPE_SECRET_KEY to a live key where real money is meant; on a staging site, silence this check."
        yield _warning("W005", "STRIPE_SECRET_KEY is a test key, and DEBUG is off.", hint)
    if base_url and livemode and not base_url.startswith("https://"):
        hint = "Set CHECKOUT_BASE_URL to your site's https address: Stripe sends paying customers back to it."
        yield _error("E024", "CHECKOUT_BASE_URL is not https, and STRIPE_SECRET_KEY is a live key.", hint)


@register(TAG, deploy=True)
def check_transactions(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Services that call Stripe find no transaction open around them."""
    if any(settings.get("ATOMIC_REQUESTS") for settings in conf.databases.values()):
        hint = "Decorate your own views that call services with django.db.transaction.non_atomic_requests; ours are."
        return [_warning("W003", "ATOMIC_REQUESTS is on: services that call Stripe refuse to run inside it.", hint)]
    return []


@register(TAG)
def check_receivers(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Somebody hears that an order is paid."""
    if is_heard("order_paid"):
        return []
    hint = (
        "Import the module of your receivers in ready() of your AppConfig, in apps.py: `from shop import receivers`. "
        "Paid orders wait as pending announcements until then; if your site reads order.status instead, connect a "
        "receiver that does nothing."
    )
    return [_warning("W026", "The signal order_paid has no receiver: nobody acts on a paid order.", hint)]


@register(TAG, deploy=True)
def check_task_backend(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """Tasks are run by a worker."""
    backend = conf.task_backend
    if _read("CHECKOUT_PROCESS_EVENTS") == "task" and backend.endswith((".ImmediateBackend", ".DummyBackend")):
        hint = 'Set TASKS to a backend with workers, or CHECKOUT_PROCESS_EVENTS to "inline".'
        return [_warning("W007", 'CHECKOUT_PROCESS_EVENTS is "task", but the TASKS backend has no worker.', hint)]
    return []


@register(TAG, deploy=True)
def check_cache(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The API's throttles count in a cache that all processes share."""
    try:
        reverse("django_checkout_api:orders")
    except NoReverseMatch:
        return []
    if conf.cache_backend.endswith((".LocMemCache", ".DummyCache")):
        hint = "Set CACHES to a cache that all processes share: Redis, Memcached, or Django's own in the database."
        return [_warning("W013", "The API's throttles count in a cache that each process has for itself.", hint)]
    return []


@register(TAG, Tags.security, deploy=True)
def check_proxies(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """The API's throttles know a guest's address."""
    try:
        reverse("django_checkout_api:orders")
    except NoReverseMatch:
        return []
    if conf.num_proxies is not None:
        return []
    hint = (
        'Set REST_FRAMEWORK["NUM_PROXIES"] to the number of proxies in front of the site, 0 for none. Until then the '
        "API ignores X-Forwarded-For, and behind a proxy all guests share one rate."
    )
    if conf.is_behind_proxy:
        return [_error("E053", 'There is a proxy, and REST_FRAMEWORK["NUM_PROXIES"] is not set.', hint)]
    return [_warning("W024", 'REST_FRAMEWORK["NUM_PROXIES"] is not set.', hint)]


@register(TAG, Tags.security, deploy=True)
def check_csp(app_configs: AppConfigs, **kwargs: Any) -> Iterator[CheckMessage]:
    """The host's Content-Security-Policy lets the checkout work on the host's own pages."""
    if _read("STRIPE_API_BASE") is None:
        return
    for policy in read_host_policies():
        for directive, sources in find_missing_sources(policy).items():
            hint = f"Add to {directive}: {' '.join(sources)}. django_checkout.csp.csp_directives() has all but nonces."
            yield _warning("W006", f"The site's Content-Security-Policy lacks sources in {directive}.", hint)


def _secret_key() -> Iterator[CheckMessage]:
    key = _read("STRIPE_SECRET_KEY")
    if key is None:
        return
    if key.startswith("pk_"):
        hint = f"Exchange it for the secret key, and put this one into STRIPE_PUBLISHABLE_KEY. {KEYS}"
        yield _error("E003", "STRIPE_SECRET_KEY holds a publishable key.", hint)
    elif _livemode() is None and not is_placeholder(key):
        yield _error("E002", "STRIPE_SECRET_KEY does not start with sk_test_, rk_test_, sk_live_ or rk_live_.", KEYS)


def _publishable_key() -> Iterator[CheckMessage]:
    key = _read("STRIPE_PUBLISHABLE_KEY")
    if not key:
        return
    if key.startswith(("sk_", "rk_", "whsec_")):
        hint = f"Roll it at once if it was ever deployed: this setting is sent to browsers. {KEYS}"
        yield _error("E007", "STRIPE_PUBLISHABLE_KEY holds a secret.", hint)
    elif is_placeholder(key):
        return
    elif not key.startswith(("pk_test_", "pk_live_")):
        yield _error("E006", "STRIPE_PUBLISHABLE_KEY is not a key that starts with pk_test_ or pk_live_.", KEYS)
    elif _livemode() not in (None, key.startswith("pk_live_")):
        hint = f"Use two test keys or two live keys. {KEYS}"
        yield _error("E008", "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY are of different modes.", hint)


def _malformed(name: str) -> Iterator[CheckMessage]:
    number, hint = MALFORMED[name]
    try:
        getattr(conf, name)
    except ImproperlyConfigured as error:
        if name not in re.split(r"[ :]", str(error)):
            # Another setting that this one depends on: reported as its own.
            return
        for old, new in RENAMED_UI_MODES.items():
            if name == "CHECKOUT_UI_MODE" and repr(old) in str(error):
                number, hint = "E026", f'Set CHECKOUT_UI_MODE to "{new}".'
        yield _error(number, str(error), hint)


def _database(alias: str) -> tuple[str, Mapping[str, Any]]:
    database = conf.databases.get(alias, {})
    return str(database.get("ENGINE", "")), database.get("OPTIONS") or {}


def _livemode() -> bool | None:
    """Whether the secret key is a live one; None where that cannot be told, which is reported elsewhere."""
    try:
        return conf.livemode
    except ImproperlyConfigured:
        return None


def _error(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Error(message, hint=hint, id=f"django_checkout.{number}")


def _warning(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Warning(message, hint=hint, id=f"django_checkout.{number}")

"""The app's settings: the only module that reads ``django.conf.settings``.

Values are not cached, so ``override_settings`` works. A property raises ``ImproperlyConfigured`` with the setting's
name if its value is malformed; ``checks.py`` reports the same with a hint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http.request import HttpHeaders

from django_checkout import legal_links, origins, thresholds
from django_checkout.api_versions import API_VERSIONS, stripe_js_url
from django_checkout.readers import Readers

STRIPE_API_BASE = "https://api.stripe.com"
#: The emulator's signing secret, which is public.
EMULATOR_SECRET = "whsec_emulator"  # noqa: S105 - the emulator has no secrets
#: The default address of ``runserver``.
RUNSERVER_URL = "http://127.0.0.1:8000"
UI_MODES = ("hosted_page", "embedded_page", "elements")
RENAMED_UI_MODES = {"hosted": "hosted_page", "embedded": "embedded_page", "custom": "elements"}
PROCESS_EVENTS = ("inline", "task")
DOUBLE_PAYMENT = ("flag", "refund")
CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
NO_ADAPTER = "django_checkout.adapters.CheckoutAdapter"


class Settings(Readers):
    """Typed access to the settings, with defaults."""

    @property
    def STRIPE_SECRET_KEY(self) -> str:
        """The secret or restricted API key: ``sk_test_``, ``sk_live_``, ``rk_test_`` or ``rk_live_``; required."""
        return self._text("STRIPE_SECRET_KEY", required=True)

    @property
    def STRIPE_PUBLISHABLE_KEY(self) -> str:
        """The publishable key for the browser; needed by ``embedded_page`` and ``elements``."""
        return self._text("STRIPE_PUBLISHABLE_KEY")

    @property
    def STRIPE_WEBHOOK_SECRETS(self) -> list[str]:
        """The webhook signing secrets, tried in turn: several while a secret is rolled or with several endpoints."""
        return self._texts("STRIPE_WEBHOOK_SECRETS", "signing secrets (whsec_...)")

    @property
    def STRIPE_API_BASE(self) -> str:
        """The base URL of Stripe's API, without a trailing slash."""
        return self._url("STRIPE_API_BASE", STRIPE_API_BASE)

    @property
    def STRIPE_JS_URL(self) -> str:
        """The URL of Stripe.js, by default of the release of the API version; the emulator's may be a path."""
        return self._url("STRIPE_JS_URL", self.default_js_url, takes_path=True)

    @property
    def CHECKOUT_API_VERSION(self) -> str:
        """The version of Stripe's API that every call, every created webhook endpoint and Stripe.js have."""
        return self._choice("CHECKOUT_API_VERSION", API_VERSIONS)

    @property
    def CHECKOUT_ADAPTER(self) -> str:
        """Dotted path of the host's ``CheckoutAdapter`` subclass."""
        return self._text("CHECKOUT_ADAPTER", NO_ADAPTER)

    @property
    def CHECKOUT_BASE_URL(self) -> str:
        """Scheme and host for absolute URLs without a request, without a trailing slash."""
        value = self._url("CHECKOUT_BASE_URL")
        if value and urlsplit(value).path:
            raise ImproperlyConfigured("CHECKOUT_BASE_URL must be a scheme and a host, without a path.")
        return value

    @property
    def CHECKOUT_FORMER_BASE_URLS(self) -> list[str]:
        """Earlier values of ``CHECKOUT_BASE_URL`` of this site, whose sessions are still its own."""
        return [url.rstrip("/") for url in self._texts("CHECKOUT_FORMER_BASE_URLS", "URLs")]

    @property
    def CHECKOUT_RETURN_ORIGINS(self) -> list[str]:
        """The other origins and app schemes to which shoppers may return: ``https://shop.example``, ``shop://``."""
        entries = self._texts("CHECKOUT_RETURN_ORIGINS", "origins")
        try:
            return [origins.read_origin(entry, is_debug=self.debug) for entry in entries]
        except ValueError as error:
            raise ImproperlyConfigured(f"CHECKOUT_RETURN_ORIGINS: {error}") from error

    @property
    def CHECKOUT_UI_MODE(self) -> str:
        """The default UI mode: ``hosted_page``, ``embedded_page`` or ``elements``."""
        value = getattr(settings, "CHECKOUT_UI_MODE", None)
        if isinstance(value, str) and value in RENAMED_UI_MODES:
            now = RENAMED_UI_MODES[value]
            raise ImproperlyConfigured(f"CHECKOUT_UI_MODE: {value!r} was renamed to {now!r} in API 2026-03-25.")
        return self._choice("CHECKOUT_UI_MODE", tuple(self.CHECKOUT_UI_MODES))

    @property
    def CHECKOUT_UI_MODES(self) -> Sequence[str]:
        """The UI modes in which orders may be paid; all by default."""
        value: Sequence[str] | None = getattr(settings, "CHECKOUT_UI_MODES", None)
        if value is None:
            return UI_MODES
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        if not is_list or not value or any(mode not in UI_MODES for mode in value):
            raise ImproperlyConfigured(f"CHECKOUT_UI_MODES must be a list of: {', '.join(map(repr, UI_MODES))}.")
        return value

    @property
    def CHECKOUT_SESSION_DEFAULTS(self) -> dict[str, Any]:
        """Stripe parameters merged into every Checkout Session, e.g. ``{"automatic_tax": {"enabled": True}}``."""
        value = getattr(settings, "CHECKOUT_SESSION_DEFAULTS", {})
        if not isinstance(value, Mapping):
            raise ImproperlyConfigured("CHECKOUT_SESSION_DEFAULTS must be a dict of Checkout Session parameters.")
        return dict(value)

    @property
    def CHECKOUT_SESSION_TTL_SECONDS(self) -> int:
        """How long a session can be paid, in seconds: Stripe allows 30 minutes to 24 hours, less a minute."""
        return self._integer("CHECKOUT_SESSION_TTL_SECONDS", 23 * 3600, minimum=31 * 60, maximum=24 * 3600 - 60)

    @property
    def CHECKOUT_VOUCHER_REMINDER_SECONDS(self) -> int:
        """How long before a voucher ends ``voucher_expires_soon`` is sent, in seconds; 0 never."""
        return self._integer("CHECKOUT_VOUCHER_REMINDER_SECONDS", 24 * 3600, minimum=0)

    @property
    def CHECKOUT_PROCESS_EVENTS(self) -> str:
        """``inline`` processes an event before responding to Stripe; ``task`` uses Django's tasks framework."""
        return self._choice("CHECKOUT_PROCESS_EVENTS", PROCESS_EVENTS)

    @property
    def CHECKOUT_ASYNC_WEBHOOK(self) -> bool:
        """Whether the webhook is an async view, for sites under ASGI; requires httpx."""
        return self._boolean("CHECKOUT_ASYNC_WEBHOOK", default=False)

    @property
    def CHECKOUT_DOUBLE_PAYMENT(self) -> str:
        """What to do with a second payment of an order: ``flag`` it, or ``refund`` it if that is safe."""
        return self._choice("CHECKOUT_DOUBLE_PAYMENT", DOUBLE_PAYMENT)

    @property
    def CHECKOUT_CREDIT_NOTES(self) -> bool:
        """Whether a refund of a payment that has an invoice gets a credit note at Stripe."""
        return self._boolean("CHECKOUT_CREDIT_NOTES", default=False)

    @property
    def CHECKOUT_EVENT_RETENTION_DAYS(self) -> int:
        """How long processed events are kept, in days."""
        return self._integer("CHECKOUT_EVENT_RETENTION_DAYS", 90, minimum=1)

    @property
    def CHECKOUT_WEBHOOK_TOLERANCE_SECONDS(self) -> int:
        """The largest allowed difference between a signature's timestamp and the clock, in seconds."""
        return self._integer("CHECKOUT_WEBHOOK_TOLERANCE_SECONDS", 300, minimum=1)

    @property
    def CHECKOUT_WEBHOOK_MAX_BYTES(self) -> int:
        """The largest webhook body, in bytes."""
        return self._integer("CHECKOUT_WEBHOOK_MAX_BYTES", 1024 * 1024, minimum=1024)

    @property
    def CHECKOUT_STRIPE_TIMEOUT_SECONDS(self) -> int:
        """How long all calls to Stripe of a web request may take together, in seconds; elsewhere, each attempt."""
        return self._integer("CHECKOUT_STRIPE_TIMEOUT_SECONDS", 10, minimum=1)

    @property
    def CHECKOUT_CAPTURE_METHOD(self) -> str:
        """``manual`` authorizes now and captures later; empty uses Stripe's default."""
        return self._choice("CHECKOUT_CAPTURE_METHOD", ("", *CAPTURE_METHODS))

    @property
    def CHECKOUT_TOKEN_MAX_AGE_SECONDS(self) -> int:
        """How long a signed link to an order is valid, in seconds."""
        return self._integer("CHECKOUT_TOKEN_MAX_AGE_SECONDS", 30 * 24 * 3600, minimum=60)

    @property
    def CHECKOUT_CSP(self) -> Mapping[str, Sequence[str]] | None:
        """The Content-Security-Policy of the app's pages: None for the strict default, {} for the site's own."""
        value = getattr(settings, "CHECKOUT_CSP", None)
        if value is not None and not isinstance(value, Mapping):
            raise ImproperlyConfigured("CHECKOUT_CSP must be a dict of directives, or None.")
        for sources in (value or {}).values():
            if isinstance(sources, str) or not isinstance(sources, Sequence):
                raise ImproperlyConfigured("CHECKOUT_CSP must have a list of sources for each directive.")
        return value

    @property
    def CHECKOUT_ALERTS(self) -> Mapping[str, int | None]:
        """The thresholds of the alerts by reason, e.g. ``{"events_stuck": 1800}``; None turns one off."""
        return thresholds.read("CHECKOUT_ALERTS", getattr(settings, "CHECKOUT_ALERTS", None))

    @property
    def CHECKOUT_LEGAL_LINKS(self) -> legal_links.LegalLinks:
        """The shop's legal pages by kind, e.g. ``{"terms": "/terms/"}``; for several languages a dict of each."""
        return legal_links.read("CHECKOUT_LEGAL_LINKS", self._get("CHECKOUT_LEGAL_LINKS") or {})

    @property
    def CHECKOUT_SHOP_NAME(self) -> str:
        """The name of the shop, or of the company behind it, that stands before each button that pays."""
        return self._text("CHECKOUT_SHOP_NAME")

    @property
    def CHECKOUT_EMULATOR(self) -> bool:
        """Whether the emulator serves its API and payment pages. Never use it in production."""
        return self._boolean("CHECKOUT_EMULATOR", default=False)

    @property
    def CHECKOUT_EMULATOR_STORE(self) -> str:
        """Path of the emulator's own SQLite file; empty keeps its objects in memory."""
        return self._text("CHECKOUT_EMULATOR_STORE")

    @property
    def default_js_url(self) -> str:
        """The URL of Stripe's own script in the release of ``CHECKOUT_API_VERSION``."""
        return stripe_js_url(self.find("CHECKOUT_API_VERSION") or API_VERSIONS[0])

    @property
    def base_url(self) -> str:
        """``CHECKOUT_BASE_URL``, or ``runserver``'s address with DEBUG, or ""."""
        return self.CHECKOUT_BASE_URL or (RUNSERVER_URL if self.debug else "")

    @property
    def is_stripe_api(self) -> bool:
        """Whether ``STRIPE_API_BASE`` is Stripe's own API."""
        return self.STRIPE_API_BASE == STRIPE_API_BASE

    @property
    def is_stripe_js(self) -> bool:
        """Whether ``STRIPE_JS_URL`` is Stripe's own script, loaded from Stripe over https."""
        url = urlsplit(self.STRIPE_JS_URL)
        return url.scheme == "https" and f".{url.hostname}".endswith(".js.stripe.com")

    @property
    def is_local_api(self) -> bool:
        """Whether ``STRIPE_API_BASE`` is on this machine, so an emulator."""
        host = urlsplit(self.STRIPE_API_BASE).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")

    @property
    def script_problem(self) -> str:
        """Why the embedded and Elements checkouts cannot work with these settings, or ""."""
        if not self.STRIPE_PUBLISHABLE_KEY:
            return "STRIPE_PUBLISHABLE_KEY is not set."
        if self.is_stripe_api:
            if not self.is_stripe_js:
                return "STRIPE_JS_URL is not Stripe's script, but STRIPE_API_BASE is Stripe's: remove STRIPE_JS_URL."
        elif self.is_stripe_js and (self.CHECKOUT_EMULATOR or self.is_local_api) and not self.find("livemode"):
            return "STRIPE_JS_URL is Stripe's script, but STRIPE_API_BASE is an emulator: use the emulator's stripe.js."
        return ""

    @property
    def has_live_key(self) -> bool:
        """Whether one of the keys is a live key."""
        keys = (self._text("STRIPE_SECRET_KEY"), self.STRIPE_PUBLISHABLE_KEY)
        return any(key.startswith(("sk_live_", "rk_live_", "pk_live_")) for key in keys)

    @property
    def livemode(self) -> bool:
        """Whether the secret key is a live key.

        Raises:
            ImproperlyConfigured: the key is missing or has an unknown prefix.
        """
        key = self.STRIPE_SECRET_KEY
        if key.startswith(("sk_live_", "rk_live_")):
            return True
        if key.startswith(("sk_test_", "rk_test_")):
            return False
        raise ImproperlyConfigured("STRIPE_SECRET_KEY does not start with sk_test_, rk_test_, sk_live_ or rk_live_.")

    @property
    def debug(self) -> bool:
        """Django's ``DEBUG``."""
        return bool(settings.DEBUG)

    @property
    def user_model(self) -> str:
        """Django's ``AUTH_USER_MODEL``."""
        return str(settings.AUTH_USER_MODEL)

    @property
    def use_tz(self) -> bool:
        """Django's ``USE_TZ``."""
        return bool(settings.USE_TZ)

    @property
    def session_samesite(self) -> str:
        """Django's ``SESSION_COOKIE_SAMESITE`` in lower case, or ""."""
        return str(settings.SESSION_COOKIE_SAMESITE or "").lower()

    @property
    def session_secure(self) -> bool:
        """Django's ``SESSION_COOKIE_SECURE``."""
        return bool(settings.SESSION_COOKIE_SECURE)

    @property
    def csrf_header(self) -> str:
        """The name of the HTTP header of Django's ``CSRF_HEADER_NAME``."""
        return HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME) or "X-CSRFToken"

    @property
    def databases(self) -> Mapping[str, Mapping[str, Any]]:
        """Django's ``DATABASES``."""
        return settings.DATABASES

    @property
    def task_backend(self) -> str:
        """Dotted path of the default backend in Django's ``TASKS``."""
        backend = (getattr(settings, "TASKS", None) or {}).get("default", {})
        return str(backend.get("BACKEND", "django.tasks.backends.immediate.ImmediateBackend"))

    @property
    def num_proxies(self) -> int | None:
        """Django REST framework's ``NUM_PROXIES``."""
        number: int | None = (getattr(settings, "REST_FRAMEWORK", None) or {}).get("NUM_PROXIES")
        return number

    @property
    def is_behind_proxy(self) -> bool:
        """Whether Django's settings say that the site is behind a proxy."""
        return bool(settings.SECURE_PROXY_SSL_HEADER or settings.USE_X_FORWARDED_HOST or settings.USE_X_FORWARDED_PORT)

    @property
    def cache_backend(self) -> str:
        """Dotted path of the default backend in Django's ``CACHES``."""
        return str(settings.CACHES.get("default", {}).get("BACKEND", ""))

    @property
    def middleware(self) -> Sequence[str]:
        """Django's ``MIDDLEWARE``."""
        return settings.MIDDLEWARE

    def find(self, name: str) -> Any:
        """Return a property's value, or None if a setting is malformed."""
        try:
            return getattr(self, name)
        except ImproperlyConfigured:
            return None

    def has(self, name: str) -> bool:
        """Whether a setting is set to something other than None and blank text."""
        value = getattr(settings, name, None)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def _get(self, name: str, default: Any = None) -> Any:
        return getattr(settings, name, default)


conf = Settings()

#: The names of all settings; the README and the system checks cover each.
NAMES = tuple(name for name in vars(Settings) if name.isupper())

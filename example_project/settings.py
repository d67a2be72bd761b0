"""Settings of the example project, read from the environment and from `.env` next to manage.py.

By default, the shop uses the emulator of django_checkout. To use Stripe, set `STRIPE_SECRET_KEY`,
`STRIPE_PUBLISHABLE_KEY` and `STRIPE_WEBHOOK_SECRETS` to test-mode keys, and `CHECKOUT_EMULATOR=False`. `.env.example`
lists every variable.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ
from django.contrib.messages import constants as message_levels
from django.core.exceptions import ImproperlyConfigured

from django_checkout.api_versions import API_VERSIONS, stripe_js_url

BASE_DIR = Path(__file__).resolve().parent.parent
#: Everything that the shop writes at run time: databases, collected static files. Ignored by git.
VAR_DIR = BASE_DIR / "var"
VAR_DIR.mkdir(exist_ok=True)

env = environ.Env()
env.read_env(BASE_DIR / ".env")

# --- Django -----------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "Set SECRET_KEY in the environment or in .env: it has a default only while DEBUG is on."
        )
    SECRET_KEY = "django-insecure-thistle-and-slip-example-key-not-for-production"  # noqa: S105
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_checkout",
    "example_project.shop",
]

#: The JSON API and its demo, if `pip install "django-checkout[api]"` has installed its dependencies.
HAS_API = all(find_spec(name) for name in ("rest_framework", "drf_spectacular"))
if HAS_API:
    INSTALLED_APPS.append("example_project.api_demo")
    if find_spec("drf_spectacular_sidecar"):
        INSTALLED_APPS.append("drf_spectacular_sidecar")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "example_project.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "example_project.language.EnglishShopMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"
ASGI_APPLICATION = "example_project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Overrides templates of the apps.
        "DIRS": [BASE_DIR / "example_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example_project.shop.context_processors.shop",
            ],
        },
    },
]

MESSAGE_TAGS = {message_levels.ERROR: "error"}


def database() -> dict[str, Any]:
    """Return the connection of DATABASE_URL, with the options that django_checkout needs for its engine."""
    connection: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'shop.sqlite3'}")
    options: dict[str, Any] = connection.setdefault("OPTIONS", {})
    if connection["ENGINE"] == "django.db.backends.sqlite3":
        # Writers wait for each other instead of failing in the middle of their transactions.
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 20)
        options.setdefault("init_command", "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
    elif connection["ENGINE"] == "django.db.backends.mysql":
        options.setdefault("isolation_level", "read committed")
        options.setdefault("charset", "utf8mb4")
    return connection


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "shop:login"
LOGIN_REDIRECT_URL = "shop:orders"
LOGOUT_REDIRECT_URL = "shop:catalogue"

USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# The shop's own pages are English, see example_project.language; the checkout's and the admin follow the browser.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ja", "日本語")]

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"

EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Thistle & Slip <studio@thistle-and-slip.example>")

# --- Stripe and django_checkout ---------------------------------------------------------------------------------------

#: On unless there is a key for Stripe.
CHECKOUT_EMULATOR = env.bool("CHECKOUT_EMULATOR", default=not env.str("STRIPE_SECRET_KEY", default=""))
CHECKOUT_BASE_URL = env.str("CHECKOUT_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
#: With the API, shops in other origins and apps send their shoppers here.
CHECKOUT_RETURN_ORIGINS = env.list("CHECKOUT_RETURN_ORIGINS", default=[])
CHECKOUT_ADAPTER = (
    "example_project.api_demo.adapters.ApiShopAdapter" if HAS_API else "example_project.shop.adapters.ShopAdapter"
)
CHECKOUT_SHOP_NAME = "Thistle & Slip"
CHECKOUT_LEGAL_LINKS = {kind: f"/legal/{kind}/" for kind in ("terms", "privacy", "withdrawal", "imprint")}
CHECKOUT_API_VERSION = env.str("CHECKOUT_API_VERSION", default=API_VERSIONS[0])
CHECKOUT_ASYNC_WEBHOOK = env.bool("CHECKOUT_ASYNC_WEBHOOK", default=False)
CHECKOUT_EMULATOR_STORE = env.str("CHECKOUT_EMULATOR_STORE", default=str(VAR_DIR / "emulator.sqlite3"))
CHECKOUT_PROCESS_EVENTS = env.str("CHECKOUT_PROCESS_EVENTS", default="inline")
#: A queue in the database, which `manage.py db_worker` serves.
if CHECKOUT_PROCESS_EVENTS == "task" and find_spec("django_tasks_db"):
    INSTALLED_APPS.append("django_tasks_db")
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

if CHECKOUT_EMULATOR:
    STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="sk_test_emulator")
    STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="pk_test_emulator")
    STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=["whsec_emulator"])
    STRIPE_API_BASE = env.str("STRIPE_API_BASE", default=f"{CHECKOUT_BASE_URL}/emulator")
    STRIPE_JS_URL = env.str("STRIPE_JS_URL", default=stripe_js_url(CHECKOUT_API_VERSION, STRIPE_API_BASE))
    # A real account has a name of its own.
    CHECKOUT_SESSION_DEFAULTS = {"branding_settings": {"display_name": "Thistle & Slip"}}
    if redirect := env.str("REDIRECT_ON_COMPLETION", default=""):
        CHECKOUT_SESSION_DEFAULTS["redirect_on_completion"] = redirect
else:
    STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY")
    STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY")
    STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS")
    STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
    STRIPE_JS_URL = env.str("STRIPE_JS_URL", default=stripe_js_url(CHECKOUT_API_VERSION))

if DEBUG:
    # The development server is one process, without a proxy in front of it.
    REST_FRAMEWORK = {"NUM_PROXIES": 0}
    SILENCED_SYSTEM_CHECKS = ["django_checkout.W013"]

# --- Security ---------------------------------------------------------------------------------------------------------

#: No inline scripts or styles, and nothing from other sites; example_project.csp adds what payments need.
SHOP_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Wallets and 3-D Secure open windows that must reach the page.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
# Lax, not Strict: the shopper returns from the payment page, which is on another site.
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True

HTTPS = env.bool("HTTPS", default=CHECKOUT_BASE_URL.startswith("https://"))
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=HTTPS and not DEBUG)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "brief": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{", "datefmt": "%H:%M:%S"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "brief"}},
    "loggers": {
        "django_checkout": {
            "handlers": ["console"],
            "level": env.str("CHECKOUT_LOG_LEVEL", default="INFO"),
        },
    },
}

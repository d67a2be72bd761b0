from __future__ import annotations

import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured

import example_project.settings
from django_checkout.api_versions import ENDIVE

NAMES = (
    "ALLOWED_HOSTS",
    "CHECKOUT_BASE_URL",
    "CHECKOUT_EMULATOR",
    "DATABASE_URL",
    "DEBUG",
    "HTTPS",
    "SECRET_KEY",
    "SECURE_SSL_REDIRECT",
    "STRIPE_API_BASE",
    "CHECKOUT_API_VERSION",
    "STRIPE_JS_URL",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
)
KEYS = {
    "STRIPE_SECRET_KEY": "sk_test_real",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_real",
    "STRIPE_WEBHOOK_SECRETS": "whsec_one,whsec_two",
}


@pytest.fixture
def load(monkeypatch):
    """Load the settings file with an environment, without the machine's .env."""
    monkeypatch.setattr("environ.Env.read_env", lambda *args, **kwargs: None)

    def load(**environment):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(example_project.settings.__file__)

    return load


def test_without_settings_the_shop_uses_the_emulator(load):
    settings = load()

    assert settings["CHECKOUT_EMULATOR"] is True
    assert settings["STRIPE_API_BASE"] == "http://127.0.0.1:8000/emulator"
    assert settings["STRIPE_WEBHOOK_SECRETS"] == ["whsec_emulator"]
    assert settings["STRIPE_JS_URL"] == "http://127.0.0.1:8000/emulator/dahlia/stripe.js"


def test_with_keys_the_shop_uses_stripe(load):
    settings = load(**KEYS, CHECKOUT_EMULATOR="False")

    assert settings["STRIPE_API_BASE"] == "https://api.stripe.com"
    assert settings["STRIPE_WEBHOOK_SECRETS"] == ["whsec_one", "whsec_two"]
    assert settings["STRIPE_JS_URL"] == "https://js.stripe.com/dahlia/stripe.js"


def test_version_of_the_api_is_one_setting(load):
    with_emulator = load(CHECKOUT_API_VERSION=ENDIVE)
    with_stripe = load(**KEYS, CHECKOUT_API_VERSION=ENDIVE)

    assert with_emulator["CHECKOUT_API_VERSION"] == with_stripe["CHECKOUT_API_VERSION"] == ENDIVE
    assert with_emulator["STRIPE_JS_URL"] == "http://127.0.0.1:8000/emulator/endive/stripe.js"
    assert with_stripe["STRIPE_JS_URL"] == "https://js.stripe.com/endive/stripe.js"


def test_a_key_alone_turns_the_emulator_off(load):
    assert load(**KEYS)["CHECKOUT_EMULATOR"] is False


def test_missing_keys_are_named_in_the_error(load):
    with pytest.raises(ImproperlyConfigured, match="STRIPE_SECRET_KEY"):
        load(CHECKOUT_EMULATOR="False")


def test_the_emulator_follows_the_base_url(load):
    settings = load(CHECKOUT_BASE_URL="http://127.0.0.1:9000/")

    assert settings["STRIPE_API_BASE"] == "http://127.0.0.1:9000/emulator"
    assert settings["STRIPE_JS_URL"] == "http://127.0.0.1:9000/emulator/dahlia/stripe.js"


def test_without_debug_the_secret_key_has_no_default(load):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        load(DEBUG="False")


def test_sqlite_writers_wait_for_each_other(load):
    assert load()["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_mariadb_uses_read_committed(load):
    database = load(DATABASE_URL="mysql://shop:secret@127.0.0.1:3306/shop")["DATABASES"]["default"]

    assert database["OPTIONS"]["isolation_level"] == "read committed"


def test_postgresql_is_taken_from_the_url(load):
    database = load(DATABASE_URL="postgres://root@127.0.0.1:5432/shop")["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database["OPTIONS"] == {}


def test_https_secures_the_cookies(load):
    settings = load(DEBUG="False", SECRET_KEY="not the default", CHECKOUT_BASE_URL="https://shop.example")

    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_SECURE"] is True
    assert settings["SECURE_SSL_REDIRECT"] is True

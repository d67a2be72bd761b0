"""Purchases on sites with various settings and middleware: signed webhooks as bytes, CSRF checks on."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver, get_script_prefix, reverse, set_script_prefix

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import UI_MODES
from django_checkout.emulator.messages import Request
from django_checkout.models import CheckoutSession, Order
from django_checkout.testing import deliver_events
from django_checkout.values import LineData, OrderData
from tests.factories import HostOrderFactory, UserFactory

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[1]
MIDDLEWARE = "django.middleware."
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def middleware(*first, last=()):
    """Return a function that adds middleware to the settings."""

    def add(settings):
        settings.MIDDLEWARE = [*first, *settings.MIDDLEWARE, *last]

    return add


def engine(**options):
    """Return a function that changes the options of the template engine."""

    def change(settings):
        settings.TEMPLATES = copy.deepcopy(settings.TEMPLATES)
        settings.TEMPLATES[0]["OPTIONS"] |= options

    return change


def atomic_requests(settings):
    from django.db import connection

    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = connection.settings_dict["ATOMIC_REQUESTS"] = True


SITES = {
    "as_it_is": {},
    "login_required": middleware(last=[LOGIN]),
    "https_only": {"SECURE_SSL_REDIRECT": True, "SECURE_HSTS_SECONDS": 60, "CSRF_COOKIE_SECURE": True},
    "csrf_token_in_the_session": {"CSRF_USE_SESSIONS": True},
    "csrf_cookie_hidden_from_scripts": {"CSRF_COOKIE_HTTPONLY": True},
    "csrf_names": {"CSRF_HEADER_NAME": "HTTP_X_SHOP_TOKEN", "CSRF_COOKIE_NAME": "shop_token"},
    "strict_cookies": {"SESSION_COOKIE_SAMESITE": "Strict", "CSRF_COOKIE_SAMESITE": "Strict"},
    "no_referrer": {"SECURE_REFERRER_POLICY": "no-referrer", "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin"},
    "cached": middleware(
        f"{MIDDLEWARE}cache.UpdateCacheMiddleware", last=[f"{MIDDLEWARE}cache.FetchFromCacheMiddleware"]
    ),
    "conditional_and_compressed": middleware(
        f"{MIDDLEWARE}gzip.GZipMiddleware", f"{MIDDLEWARE}http.ConditionalGetMiddleware"
    ),
    "language_in_the_address": {"ROOT_URLCONF": "tests.host.prefixed_urls"},
    "language_in_some_addresses": {"ROOT_URLCONF": "tests.host.unprefixed_urls"},
    "one_language": {"LANGUAGES": [("en", "English")], "LANGUAGE_CODE": "en"},
    "no_translation": {"USE_I18N": False},
    "small_uploads": {"DATA_UPLOAD_MAX_MEMORY_SIZE": 300},
    "no_slash_added": {"APPEND_SLASH": False},
    "forwarded_host": {"USE_X_FORWARDED_HOST": True, "USE_X_FORWARDED_PORT": True},
    "atomic_requests": atomic_requests,
    "invalid_variables_shown": engine(string_if_invalid="INVALID %s"),
    "few_context_processors": engine(context_processors=[]),
    "another_engine_first": lambda settings: setattr(
        settings,
        "TEMPLATES",
        [{"BACKEND": "django.template.backends.dummy.TemplateStrings", "APP_DIRS": True}, *settings.TEMPLATES],
    ),
    "thousands_separated": {"USE_THOUSAND_SEPARATOR": True, "LANGUAGE_CODE": "de"},
}


@pytest.fixture(params=SITES)
def site(request, settings):
    site = SITES[request.param]
    if callable(site):
        site(settings)
    else:
        for name, value in site.items():
            setattr(settings, name, value)
    yield
    if request.param == "atomic_requests":
        from django.db import connection

        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = connection.settings_dict["ATOMIC_REQUESTS"] = False


class Browser:
    """A browser that submits forms with their fields and a Referer."""

    def __init__(self):
        self.client = Client(enforce_csrf_checks=True)

    def get(self, url):
        return self.client.get(self._path(url), secure=True)

    def post(self, url, data, **headers):
        headers |= {"Origin": "https://testserver"}
        return self.client.post(self._path(url), data, secure=True, headers=headers)

    def submit(self, page, action):
        """Submit a form of the page."""
        form = next(part for part in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if action in part)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        return self.post(re.search(r'action="([^"]+)"', form)[1], fields)

    def call(self, page, name, data, **options):
        """Call an endpoint like the script of the page."""
        url = re.search(rf'data-{name}-url="([^"]+)"', page.text)[1]
        header = re.search(r'data-csrf-header="([^"]+)"', page.text)[1]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
        return self.client.post(
            self._path(url), data, secure=True, headers={header: token, "Origin": "https://testserver"}, **options
        )

    def _path(self, url):
        parts = urlsplit(url)
        return f"/{parts.path.removeprefix(get_script_prefix())}" + (f"?{parts.query}" if parts.query else "")


def buy(emulator, browser, **order):
    """Make a purchase, from the payment link to the return page."""
    ours = services.place(HostOrderFactory(**order))
    page = browser.get(services.pay_url(ours))
    assert page.status_code == 200
    started = browser.submit(page, "/start/")
    assert started.status_code == 303, started.text
    session = CheckoutSession.objects.get(order=ours)
    assert started["Location"] == session.url
    emulator.pay(session.stripe_id)
    assert {attempt.status for attempt in deliver_events(emulator)} == {200}
    ours.refresh_from_db()
    assert ours.status == "paid"
    success_url = emulator.get(session.stripe_id)["success_url"]
    back = browser.get(success_url.replace("{CHECKOUT_SESSION_ID}", session.stripe_id))
    assert back.context["outcome"] == "paid"
    assert browser.get(back.context["poll_url"]).json()["outcome"] == "paid"
    return page, back


def test_an_order_is_paid(site, stripe_emulator):
    page, back = buy(stripe_emulator, Browser(), price_minor=1234567, quantity=2)

    assert "INVALID" not in page.text + back.text
    assert "no-store" in page["Cache-Control"]


def test_script_of_an_elements_checkout_gets_responses(site, stripe_emulator, settings):
    settings.CHECKOUT_UI_MODE = "elements"
    settings.CHECKOUT_ADAPTER = "tests.test_services_changing.ChangingAdapter"
    browser = Browser()
    order = services.place(HostOrderFactory())
    page = browser.get(services.pay_url(order))

    secret = browser.call(page, "secret", {"ui_mode": "elements"})
    session = CheckoutSession.objects.get()
    changed = browser.call(page, "update", '{"quantity": {"sku": "", "quantity": 2}}', content_type="application/json")

    assert secret.json()["session_id"] == session.stripe_id
    assert changed.json() == {"ok": True}
    assert "INVALID" not in page.text


def test_a_site_below_a_path_can_sell(stripe_emulator, settings):
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")
    try:
        buy(stripe_emulator, Browser())
    finally:
        set_script_prefix("/")


def test_the_test_kit_reports_redirected_webhooks(stripe_emulator, settings, order):
    settings.PREPEND_WWW = True
    stripe_emulator.pay(services.start(order).stripe_id)

    with pytest.raises(RuntimeError, match=r"redirects webhooks to https://www\.testserver/"):
        deliver_events(stripe_emulator)


def routes(patterns, prefix=""):
    """Yield every URL of a site with its view."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def test_only_the_admin_requires_login():
    pytest.importorskip("rest_framework")
    found = dict(routes(get_resolver("tests.host.every_urls").url_patterns))

    asking = [path for path, view in found.items() if getattr(view, "login_required", True)]

    assert len(found) - len(asking) > 40
    assert [path for path in asking if not path.startswith("admin/")] == []


@pytest.mark.parametrize(
    "name", ["pay", "start", "secret", "update", "return", "status", "webhook", "health", "portal"]
)
@pytest.mark.parametrize("method", ["get", "post", "head"])
def test_no_view_of_ours_redirects_to_the_login(name, method, settings, order, stripe_emulator):
    middleware(last=[LOGIN])(settings)
    purpose = Purpose.STATUS if name in ("return", "status") else Purpose.PAY
    token = [] if name in ("webhook", "health", "portal") else [make_token(order.pk, purpose)]

    answer = getattr(Client(), method)(reverse(f"django_checkout:{name}", args=token))

    assert settings.LOGIN_URL not in answer.headers.get("Location", "")


@pytest.mark.parametrize("name", ["pay", "start", "secret", "update", "return", "status"])
@pytest.mark.parametrize("urls", ["tests.urls", "tests.host.every_urls"])
def test_an_invalid_link_is_not_cached(client, name, urls, settings):
    pytest.importorskip("rest_framework")
    settings.ROOT_URLCONF = urls
    url = reverse(f"django_checkout:{name}", args=["1:nonsense"])

    answer = client.get(url) if name in ("pay", "return", "status") else client.post(url)

    assert answer.status_code == 404
    assert "no-store" in answer["Cache-Control"]
    # A person who follows a link is told what to do; a script gets the shop's own 404.
    is_followed = name in ("pay", "return")
    assert ("ask the shop for a new link" in answer.text) is is_followed
    assert ("The shop's own page." in answer.text) is (urls != "tests.urls" and not is_followed)


@pytest.mark.parametrize("name", ["pay", "return", "status", "health"])
def test_mail_scanners_change_nothing(name, client, order, stripe_emulator, monkeypatch):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_requests, handle = [], stripe_emulator.handle
    monkeypatch.setattr(stripe_emulator, "handle", lambda request: stripe_requests.append(request) or handle(request))
    purpose = Purpose.PAY if name == "pay" else Purpose.STATUS
    token = [] if name == "health" else [make_token(order.pk, purpose)]

    answer = client.head(reverse(f"django_checkout:{name}", args=token))

    assert (answer.status_code, answer.content, stripe_requests) == (200, b"", [])
    assert Order.objects.get().status == "unpaid"


def test_a_payment_page_outside_the_policy_is_reached_through_a_redirect_page(client, order, stripe_emulator):
    services.start(order)
    url = "https://pay.shop.example/c/pay/cs_test_1#fid=a'b"
    CheckoutSession.objects.update(url=url)

    answer = client.post(reverse("django_checkout:start", args=[make_token(order.pk, Purpose.PAY)]))

    assert (answer.status_code, answer["Refresh"]) == (200, f"0;url={url}")
    assert 'href="https://pay.shop.example/c/pay/cs_test_1#fid=a&#x27;b"' in answer.text


@pytest.mark.parametrize(("name", "purpose"), [("pay", Purpose.PAY), ("return", Purpose.STATUS)])
@pytest.mark.parametrize("samesite", ["Strict", "Lax"])
def test_return_without_the_strict_cookie_is_redirected_once(client, order, settings, name, purpose, samesite):
    settings.SESSION_COOKIE_SAMESITE = samesite
    settings.CSRF_USE_SESSIONS = True
    url = f"{reverse(f'django_checkout:{name}', args=[make_token(order.pk, purpose)])}?a=b"

    first = client.get(url, headers={"Sec-Fetch-Site": "cross-site"})
    second = client.get(url, headers={"Sec-Fetch-Site": "same-origin"})

    assert first.get("Refresh") == (f"0;url={url}" if samesite == "Strict" else None)
    # A new session would replace the one whose cookie the browser did not send.
    assert bool(first.cookies) is (samesite == "Lax" and name == "pay")
    assert "Refresh" not in second


def test_htmx_loads_our_pages_and_stripes_as_whole_pages(client, order, stripe_emulator):
    token = make_token(order.pk, Purpose.PAY)
    pay_url = reverse("django_checkout:pay", args=[token])

    shown = client.get(pay_url, headers={"HX-Request": "true", "HX-Boosted": "true"})
    started = client.post(reverse("django_checkout:start", args=[token]), headers={"HX-Request": "true"})

    assert (shown.status_code, shown["HX-Redirect"]) == (200, pay_url)
    assert (started.status_code, started["HX-Redirect"]) == (200, CheckoutSession.objects.get().url)


def test_htmx_loads_a_payment_page_at_a_custom_domain(client, order, stripe_emulator):
    stripe_emulator.use_custom_domain("https://pay.shop.example")

    started = client.post(
        reverse("django_checkout:start", args=[make_token(order, Purpose.PAY)]), headers={"HX-Request": "true"}
    )

    url = CheckoutSession.objects.get().url
    assert (url.startswith("https://pay.shop.example/"), started.get("HX-Redirect")) == (True, url)


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_no_form_is_submitted_by_a_script_of_the_host(client, order, settings, ui_mode):
    settings.CHECKOUT_UI_MODE = ui_mode

    page = client.get(services.pay_url(order))

    forms = re.findall(r"<form[^>]*>", page.text)
    assert forms
    assert [form for form in forms if 'data-turbo="false"' not in form or 'hx-boost="false"' not in form] == []


@pytest.mark.parametrize("tag", ["embedded", "elements"])
def test_scripts_work_if_only_hashed_names_are_kept(tmp_path, settings, order, client, tag):
    """As with WhiteNoise's WHITENOISE_KEEP_ONLY_HASHED_FILES: https://whitenoise.readthedocs.io."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    settings.CHECKOUT_UI_MODE = {"embedded": "embedded_page"}.get(tag, tag)
    call_command("collectstatic", interactive=False, verbosity=0)

    page = client.get(services.pay_url(order))

    urls = set(re.findall(r'(?:src|href)="/static/(django_checkout/[^"]+)"', page.text))
    assert len(urls) == 3
    assert all(re.search(r"\.[0-9a-f]{12}\.(js|css)$", url) and (tmp_path / url).is_file() for url in urls)
    texts = [(tmp_path / url).read_text() for url in urls]
    assert not any(re.search(r"^\s*(import|export)\b|url\(", text, re.MULTILINE) for text in texts)


@pytest.mark.slow
def test_a_site_with_a_custom_user_model_can_sell(tmp_path):
    """AUTH_USER_MODEL with a UUID as primary key, and another DEFAULT_AUTO_FIELD, before the first migration."""
    host = tmp_path / "unlike"
    host.mkdir()
    (host / "__init__.py").touch()
    (host / "models.py").write_text(
        textwrap.dedent(
            """
            import uuid
            from django.contrib.auth.models import AbstractUser
            from django.db import models
            class Member(AbstractUser):
                id = models.UUIDField(primary_key=True, default=uuid.uuid4)
            """
        )
    )
    (host / "settings.py").write_text(
        textwrap.dedent(
            """
            from tests.settings import *
            INSTALLED_APPS = [app for app in INSTALLED_APPS if not app.startswith(("tests", "example"))] + ["unlike"]
            AUTH_USER_MODEL = "unlike.Member"
            DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
            SITE_ID = 1
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
            """
        )
    )
    script = textwrap.dedent(
        """
        import django
        django.setup()
        from django.contrib.auth import get_user_model
        from django.core.management import call_command
        call_command("migrate", verbosity=0, run_syncdb=True)
        call_command("makemigrations", "django_checkout", check=True, dry_run=True)
        from django.test import Client
        from django.test.utils import setup_test_environment
        setup_test_environment()
        from django_checkout import services
        from django_checkout.models import Customer
        from django_checkout.testing import deliver_events, emulated_stripe
        from django_checkout.values import CheckoutOptions, LineData, OrderData
        user = get_user_model().objects.create_superuser("sam", password="pw")
        client = Client()
        client.force_login(user)
        with emulated_stripe() as emulator:
            lines = (LineData(name="Teapot", unit_amount_minor=2000),)
            options = CheckoutOptions(create_customer=True)
            content = OrderData(reference="O-1", currency="eur", user=user, options=options, lines=lines)
            order = services.place(content)
            assert client.get(services.pay_url(order)).status_code == 200
            emulator.pay(services.start(order).stripe_id)
            deliver_events(emulator)
            order.refresh_from_db()
            admin = client.get(f"/admin/django_checkout/order/{order.pk}/change/")
            listed = client.get(f"/admin/django_checkout/order/?q=O-1")
            print(order.status, Customer.objects.get().user_id == user.pk, admin.status_code, listed.status_code)
        """
    )
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        env={"PATH": "", "PYTHONPATH": f"{tmp_path}:{ROOT}", "DJANGO_SETTINGS_MODULE": "unlike.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.strip().endswith("paid True 200 200"), done.stdout + done.stderr[-1500:]


def test_emulated_payment_page_works_with_thousand_separators(stripe_emulator, settings):
    """The form of the page contains the total that was shown."""
    settings.USE_THOUSAND_SEPARATOR = True
    session = services.start(services.place(HostOrderFactory(price_minor=1234567)))

    page = stripe_emulator.handle(Request.from_url("GET", session.url, headers={}))

    assert 'name="shown_total" value="1234567"' in page.body.decode()


def test_a_billing_portal_outside_the_policy_is_reached_through_a_redirect_page(
    client, stripe_emulator, deliver_events
):
    user = UserFactory()
    client.force_login(user)
    line = LineData(name="Tea", unit_amount_minor=1900, recurring_interval="month")
    session = services.start(services.place(OrderData(reference="T-1", currency="eur", lines=(line,), user=user)))
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    redirected = client.post(reverse("django_checkout:portal"))
    stripe_emulator.use_custom_domain("https://billing.shop.example")

    answer = client.post(reverse("django_checkout:portal"))

    assert redirected.status_code == 303
    assert (answer.status_code, answer["Refresh"][:34]) == (200, "0;url=https://billing.shop.example")

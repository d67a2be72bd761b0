"""Shoppers of another origin and of an app get back there, without cookies of the site in its frames."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from example_project.shop.demo_server import free_port, served
from tests.browser.checkouts import CHECKOUTS, place_order
from tests.browser.elsewhere import APP, Elsewhere
from tests.serving import serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("rest_framework") is None, reason="Django REST framework is not installed"),
]
UIS = {"hosted": "hosted_page", "embedded": "embedded_page", "elements": "elements"}
GOOD, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"


@pytest.fixture
def screen():
    return "desktop"


@pytest.fixture(scope="module")
def elsewhere():
    with serving(Elsewhere()) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory, elsewhere):
    """A demo that lists the other origin and an app."""
    folder, base_url = tmp_path_factory.mktemp("site"), f"http://127.0.0.1:{free_port()}"
    listed = f"{elsewhere.url},teashop://"
    with served(base_url, folder, folder / "server.log", CHECKOUT_RETURN_ORIGINS=listed):
        elsewhere.site = base_url
        yield base_url


@pytest.fixture(scope="module")
def browser(launch_browser, browser_type_launch_args, site):
    """A browser that blocks the cookies of third parties."""
    browser = launch_browser(args=[*browser_type_launch_args["args"], "--test-third-party-cookie-phaseout"])
    yield browser
    browser.close()


def pay(page: Page, ui: str, card: str = GOOD) -> None:
    checkout = CHECKOUTS[ui](page)
    if ui != "elements":
        checkout.fill_address()
    checkout.choose_card(card)
    expect(checkout.pay_button).to_be_enabled()
    checkout.pay_button.click()


def values_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("ui", CHECKOUTS)
def test_a_shopper_of_another_origin_gets_back(page: Page, elsewhere: Elsewhere, ui: str):
    framed = []
    page.on("request", lambda request: request.frame.parent_frame and framed.append(request.all_headers()))
    bought = elsewhere.buy(UIS[ui])
    page.goto(bought["url"])

    pay(page, ui)

    expect(page.get_by_role("heading", name="You are back")).to_be_visible()
    assert page.url.startswith(f"{elsewhere.url}/done?")
    assert page.url.endswith("#/end")
    assert values_of(page.url) == {"cart": "7", "reference": bought["reference"], "outcome": "paid"}
    assert elsewhere.ask("GET", f"{bought['reference']}/status/", token=bought["token"])["status"] == "paid"
    # The link of the status page stays on the site.
    path, referrer = elsewhere.asked[-1]
    assert "/return/" not in path + referrer
    assert not any(":1" in referrer and bought["token"] in referrer for _path, referrer in elsewhere.asked)
    assert all("cookie" not in headers for headers in framed)


@pytest.mark.parametrize("ui", CHECKOUTS)
def test_a_shopper_of_an_app_is_sent_to_it(page: Page, elsewhere: Elsewhere, ui: str, complaints: list[str]):
    bought = elsewhere.buy(UIS[ui], APP)
    page.goto(bought["url"])

    with page.expect_response(re.compile("/checkout/return/")) as returned:
        pay(page, ui)

    url = f"{APP}?reference={bought['reference']}&outcome=paid"
    assert returned.value.headers["refresh"] == f"0;url={url}"
    expect(page.get_by_role("link", name="Back to the app")).to_have_attribute("href", url)
    # The browser of the test has no app for the scheme.
    complaints[:] = [text for text in complaints if "teashop" not in text]


def test_a_shopper_who_cancels_gets_back(page: Page, elsewhere: Elsewhere):
    bought = elsewhere.buy("hosted_page")
    page.goto(bought["url"])

    page.get_by_role("link", name=re.compile("^(Back|Return|Cancel)")).first.click()

    expect(page.get_by_role("heading", name="You are back")).to_be_visible()
    assert values_of(page.url)["outcome"] == "open"


def test_a_return_in_another_browser_goes_on_too(page: Page, browser, elsewhere: Elsewhere):
    bought = elsewhere.buy("embedded_page")
    page.goto(bought["url"])
    with page.expect_request(re.compile("/checkout/return/")) as asked:
        pay(page, "embedded")
    expect(page.get_by_role("heading", name="You are back")).to_be_visible()

    other = browser.new_context().new_page()
    other.goto(asked.value.url)
    expect(other.get_by_role("heading", name="You are back")).to_be_visible()
    other.goto(asked.value.url.partition("?")[0])

    expect(other.locator(".checkout-outcome-paid")).to_be_visible()
    assert "guest@example.com" not in other.content()
    other.context.close()


def test_a_page_closed_after_paying_leaves_a_paid_order_and_a_link(page: Page, elsewhere: Elsewhere, site: str):
    bought = elsewhere.buy("elements")
    page.goto(bought["url"])
    returns: list[str] = []
    page.route("**/checkout/return/**", lambda route: (returns.append(route.request.url), route.abort()))
    pay(page, "elements")
    while not returns:
        page.wait_for_timeout(50)
    page.close()

    context = page.context
    later = context.new_page()
    later.goto(returns[0].partition("?")[0])

    expect(later.locator(".checkout-outcome-paid")).to_be_visible()
    later.locator(f'a[href^="{elsewhere.url}/done"]').click()
    assert values_of(later.url)["outcome"] == "paid"


@pytest.fixture(scope="module")
def staying(tmp_path_factory):
    """A demo whose shoppers stay on the page, where the payment method allows it."""
    folder, base_url = tmp_path_factory.mktemp("staying"), f"http://127.0.0.1:{free_port()}"
    with served(base_url, folder, folder / "server.log", REDIRECT_ON_COMPLETION="if_required"):
        yield base_url


LISTENER = """document.addEventListener("checkout:complete", (event) => {
  window.heard = event.detail;
  if (window.name === "stays") event.preventDefault();
  else sessionStorage.setItem("heard", JSON.stringify(event.detail));
})"""


@pytest.mark.parametrize("ui", ["embedded", "elements"])
@pytest.mark.parametrize("stays", [True, False])
def test_a_page_that_keeps_its_shopper_hears_of_the_outcome(browser, staying, ui: str, stays: bool):
    page = browser.new_context(base_url=staying, locale="en-GB").new_page()
    page.add_init_script(LISTENER)
    checkout = CHECKOUTS[ui](page)
    checkout.open(place_order(page))
    page.evaluate("stays => { window.name = stays ? 'stays' : '' }", stays)
    reference = page.locator("[data-reference]").get_attribute("data-reference")
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_be_enabled()
    checkout.pay_button.click()

    if not stays:
        expect(page).to_have_url(re.compile("/checkout/return/"))
        heard = json.loads(page.evaluate("sessionStorage.getItem('heard')"))
    else:
        expect(page.locator("[data-checkout-complete]")).to_have_text("Thank you, we have received your payment")
        expect(page.locator("[data-checkout-form]")).to_be_hidden()
        assert "/checkout/return/" not in page.url
        heard = page.evaluate("window.heard")
    assert heard == {"reference": reference, "outcome": "paid"}
    page.context.close()


@pytest.mark.parametrize("ui", ["embedded", "elements"])
def test_a_code_on_an_open_page_leaves_the_shopper_there(page: Page, ui: str):
    answer = {"status": "unpaid", "outcome": "action_needed"}
    page.route("**/checkout/status/**", lambda route: route.fulfill(json=answer))
    checkout = CHECKOUTS[ui](page)
    checkout.open(place_order(page))
    expect(checkout.pay_button).to_be_visible()

    for _ in range(2):
        with page.expect_response("**/checkout/status/**"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    assert "/checkout/return/" not in page.url
    expect(checkout.pay_button).to_be_visible()

    # It has been submitted, in another tab.
    answer["status"] = "pending"
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_url(re.compile("/checkout/return/"))


def test_a_page_that_keeps_its_shopper_links_to_the_code_to_pay_with(browser, staying):
    page = browser.new_context(base_url=staying, locale="en-GB").new_page()
    page.add_init_script(LISTENER)
    checkout = CHECKOUTS["elements"](page)
    checkout.open(place_order(page))
    page.evaluate("window.name = 'stays'")
    page.route(
        "**/checkout/status/**", lambda route: route.fulfill(json={"status": "pending", "outcome": "action_needed"})
    )
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_be_enabled()
    checkout.pay_button.click()

    expect(page.locator("[data-checkout-complete]")).to_have_text("Please complete your payment")
    page.get_by_role("link", name="Show the instructions").click()
    expect(page).to_have_url(re.compile("/checkout/return/[^?]+$"))
    page.context.close()


SPELLINGS = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://shop.example@evil.example",
    "https://evil.example\\@shop.example",
    "https://shop.example.evil.example",
    "https://shop.example.",
    "https://shop%2Eexample",
    "https://shop\u3002example",
    "HTTPS://SHOP.example:443/x",
    "https://shop.example:8443",
    "https://shop.example#@evil.example",
    "https://shop.example?@evil.example",
    "/done",
    "/.//evil.example",
    "/%09/evil.example",
    "javascript:alert(1)",
    "shop://x",
    " https://evil.example",
    "https://shop.example",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_browser_reads_the_origin_as_we_do(page: Page, spelling: str, settings):
    from django_checkout.access.ways_back import is_allowed

    settings.CHECKOUT_BASE_URL, settings.CHECKOUT_RETURN_ORIGINS = (
        "https://pay.example",
        ["https://shop.example", "shop://"],
    )
    read = (
        "(url) => { const read = new URL(url, 'https://pay.example/checkout/'); return [read.origin, read.protocol] }"
    )

    origin, protocol = page.evaluate(read, spelling)

    if is_allowed(spelling, None):
        assert origin in ("https://shop.example", "https://pay.example") or protocol == "shop:"

from __future__ import annotations

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_checkout import origins
from django_checkout.access.ways_back import check_way_back, is_allowed
from django_checkout.exceptions import WayBackError
from tests.whatwg import origin_of

pytestmark = pytest.mark.core

SITE, SHOP, APP = "https://pay.example", "https://shop.example", "shop://"
LISTED = [SHOP, "https://shop.example:8443", "https://xn--bcher-kva.example", "http://127.0.0.1:3000", APP]

ACCEPTED = [
    "/orders/7/",
    "/",
    "/orders/7/?a=b#top",
    "https://pay.example/orders/7/",
    "https://shop.example",
    "https://shop.example/done?order=7#/paid",
    "https://shop.example?next=https://evil.example",
    "https://shop.example/@evil.example",
    "HTTPS://SHOP.example/done",
    "https://shop.example:443/done",
    "https://shop.example:8443/done",
    "https://xn--bcher-kva.example/done",
    "http://127.0.0.1:3000/done",
    "shop://return",
    "SHOP://return?order=7",
    "shop:///return",
]
REFUSED = [
    "",
    " ",
    "done",
    "?done",
    "#done",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:shop.example",
    "https:/shop.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "https://evil.example",
    # A former domain of the site, which may be someone else's now.
    "https://old.example/orders/7/",
    "https://shop.example@evil.example",
    "https://shop.example:443@evil.example/",
    "https://user@shop.example",
    "https://evil.example\\@shop.example",
    "https://evil.example\\.shop.example",
    "https://evil.example#@shop.example",
    "https://evil.example?@shop.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "https://sub.shop.example",
    "https://shop.example.",
    "https://shop.example..",
    "https://.shop.example",
    "https://shop.example:8444",
    "https://shop.example:",
    "https://shop.example:0",
    "https://shop.example:65979",
    "https://shop.example:4٤3",
    "https://shop%2Eexample",
    "https://shop.example%2F.evil.example",
    "https://shop%252eexample",
    "https://shop\u3002example",
    "https://shop\uff0eexample",
    "https://\u0455hop.example",
    "https://bücher.example",
    "https://shop.exam\tple",
    "https://shop.example\r\nX-Header: 1",
    "https://shop.example/done\n",
    "https://shop.example/\x00",
    "https://shop.example/größe",
    "https://shop.example/done page",
    "https://shop.example/{CHECKOUT_SESSION_ID}",
    "http://shop.example",
    "http://127.1:3000/",
    "http://0x7f.0.0.1:3000/",
    "http://2130706433:3000/",
    "http://127.0.0.1/",
    "http://[::1]:3000/",
    "javascript:alert(1)",
    "JAVASCRIPT://shop.example/%0aalert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "data://shop.example/,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://shop.example/1",
    "view-source:https://shop.example",
    "intent://shop.example/#Intent;scheme=https;end",
    "shop:return",
    "shop:/return",
    "shops://return",
    "other://return",
    "https://shop.example/" + "a" * 2048,
    "/" + "a" * 2048,
]


@pytest.fixture(autouse=True)
def _site(settings):
    settings.CHECKOUT_BASE_URL = SITE
    settings.CHECKOUT_FORMER_BASE_URLS = ["https://old.example"]
    settings.CHECKOUT_RETURN_ORIGINS = LISTED


@pytest.mark.parametrize("url", ACCEPTED)
def test_a_page_of_the_site_and_what_is_listed_are_allowed(url):
    assert check_way_back(url, None) == url


@pytest.mark.parametrize("url", REFUSED)
def test_everything_else_is_refused(url):
    with pytest.raises(WayBackError, match="CHECKOUT_RETURN_ORIGINS"):
        check_way_back(url, None)


@pytest.mark.parametrize("url", [None, 7, b"https://shop.example", ["https://shop.example"]])
def test_what_is_no_text_is_refused(url):
    assert not is_allowed(url, None)


def test_the_host_of_the_request_is_the_site(settings):
    settings.ALLOWED_HOSTS = ["*"]
    request = RequestFactory().get("/", headers={"Host": "www.example:8080"})

    assert is_allowed("http://www.example:8080/done", request)
    assert not is_allowed("http://www.example/done", request)
    assert not is_allowed("https://www.example:8080/done", request)
    assert not is_allowed("http://www.example:8080/done", None)


def test_a_malformed_setting_allows_only_the_site(settings):
    settings.CHECKOUT_RETURN_ORIGINS = [SHOP, "*"]

    assert is_allowed(f"{SITE}/done", None)
    assert not is_allowed(f"{SHOP}/done", None)


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("https://shop.example", SHOP),
        ("HTTPS://Shop.Example:443", SHOP),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://app.localhost", "http://app.localhost"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://[2001:DB8::0:1]", "https://[2001:db8::1]"),
        ("shop://", APP),
        ("com.example.shop://", "com.example.shop://"),
    ],
)
def test_an_entry_is_an_origin_or_a_scheme(entry, origin):
    assert origins.read_origin(entry) == origin


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "https://*",
        "https://*.shop.example",
        "shop.example",
        "//shop.example",
        "https://shop.example/",
        "shop:",
        "https://shop.example/done",
        "https://shop.example?a",
        "https://shop.example#a",
        "https://user@shop.example",
        "http://shop.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "shop://return",
        "javascript://",
        "data://",
        "vbscript://",
        "file://",
        "blob://",
        "javascript:",
        "about:blank",
        "intent://",
        "https://",
        "https://shop.example.",
        "https://shop.example:99999",
        "https://1.2.3",
        "https://[::1",
        "1shop://",
    ],
)
def test_any_other_entry_is_refused(entry):
    with pytest.raises(ValueError, match=r"is not|has more"):
        origins.read_origin(entry)


def test_http_is_for_development():
    assert origins.read_origin("http://shop.test:3000", is_debug=True) == "http://shop.test:3000"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/done", "/done?reference=A+1%2F7&outcome=paid"),
        ("https://shop.example", "https://shop.example?reference=A+1%2F7&outcome=paid"),
        ("shop://return?a=1&a=2&b", "shop://return?a=1&a=2&b&reference=A+1%2F7&outcome=paid"),
        ("/done?a=%26#/orders?x=1", "/done?a=%26&reference=A+1%2F7&outcome=paid#/orders?x=1"),
        ("/done?outcome=failed&%6futcome=open&reference=B", "/done?reference=A+1%2F7&outcome=paid"),
        ("/done?&", "/done?reference=A+1%2F7&outcome=paid"),
    ],
)
def test_values_are_merged_into_the_query(url, expected):
    assert origins.with_query(url, reference="A 1/7", outcome="paid") == expected


_SCHEMES = ["https:", "http:", "HTTPS:", "javascript:", "shop:"]
_MARKS = ["/", "//", "\\", "@", ":", ".", "..", "?", "#", "%2f", "%40", "\t", "\n", " ", "\0", "%2e", "\u3002"]
_SCHEMES = ["https:", "http:", "HTTPS:", "javascript:", "shop:"]
_MARKS = ["/", "//", "\\", "@", ":", ".", "..", "?", "#", "%2f", "%40", "\t", "\n", " ", "\0", "%2e", "\u3002"]
_PARTS = st.sampled_from([*_SCHEMES, *_MARKS, "shop.example", "evil.example", "pay.example", "443", "[::1]", "x"])
_OPENINGS = [
    "",
    "/",
    "//",
    "/\\",
    "\\\\",
    "/\t/",
    "https:",
    "https:/",
    "https://",
    "https://shop.example@",
    "https://shop.example:443@",
]
_HOSTS = [
    "evil.example",
    "shop.example.evil.example",
    "evil.example#@shop.example",
    "evil.example\\@shop.example",
    "shop.example",
]
_URLS = st.one_of(
    st.tuples(st.sampled_from(_OPENINGS), st.sampled_from(_HOSTS), st.lists(_PARTS, max_size=2).map("".join)).map(
        "".join
    ),
    st.text(max_size=40),
    st.lists(_PARTS, max_size=9).map("".join),
    st.tuples(st.sampled_from(ACCEPTED), st.lists(_PARTS, max_size=4).map("".join)).map("".join),
    st.tuples(st.lists(_PARTS, max_size=2).map("".join), st.sampled_from(ACCEPTED)).map("".join),
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=_URLS)
def test_a_browser_that_follows_an_allowed_url_arrives_at_an_allowed_origin(url):
    if not is_allowed(url, None):
        return
    for followed in (url, origins.with_query(url, reference="A-1", outcome="paid")):
        assert origin_of(followed, f"{SITE}/checkout/return/x/") in [SITE, *LISTED]

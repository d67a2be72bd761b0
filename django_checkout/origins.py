"""Web origins and app schemes, read from URLs as every browser reads them; of any other URL the origin is not known.

Browsers follow https://url.spec.whatwg.org, which repairs much: it ignores tabs and line breaks, takes a backslash for
a slash and decodes hosts. A URL that is repaired, or that has a host in another alphabet, is refused here.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote_plus, urlencode

MAXIMUM_LENGTH = 2048
#: Schemes that run code, read the device or start something else than the app that registered them.
UNSAFE_SCHEMES = frozenset(
    ("about", "blob", "content", "data", "file", "filesystem", "ftp", "intent", "jar", "javascript", "mailto")
).union(("resource", "sms", "tel", "vbscript", "view-source", "ws", "wss"))
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: The characters of https://www.rfc-editor.org/rfc/rfc3986.
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?", re.ASCII)
#: The last label of a host that browsers read as an IPv4 address, in any of its spellings.
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)

_LOOPBACK = re.compile(r"127(?:\.[0-9]+){3}", re.ASCII)


def read_origin(text: str, *, is_debug: bool = False) -> str:
    """Return an entry of an allow-list in the form that ``find_origin`` returns: an origin, or a scheme and ``://``.

    ``http`` is for this machine, and for every host with DEBUG.

    Raises:
        ValueError: it is something else; the message says what.
    """
    origin = find_origin(text)
    if not origin:
        raise ValueError(f"{text!r} is not an origin such as 'https://shop.example', or a scheme such as 'shop://'.")
    if len(text) > len(_URL.match(text)[0]) or (is_app(origin) and text.lower() != origin):  # type: ignore[index]
        raise ValueError(f"{text!r} has more than an origin or a scheme: remove what follows.")
    if origin.startswith("http://") and not (is_debug or _is_local(origin)):
        raise ValueError(f"{text!r} is not encrypted: use https.")
    return origin


def find_origin(url: str) -> str:
    """Return the origin of an absolute URL, or the scheme of an app's as ``shop://``; "" if it is not certain."""
    if len(url) > MAXIMUM_LENGTH or not _CHARACTERS.fullmatch(url) or not (found := _URL.match(url)):
        return ""
    scheme, authority = found[1].lower(), found[2].lower()
    if scheme in UNSAFE_SCHEMES:
        return ""
    if scheme not in _DEFAULT_PORTS:
        return f"{scheme}://"
    parts = _AUTHORITY.fullmatch(authority)
    host = _host(parts[1]) if parts else ""
    if not parts or not host:
        return ""
    port = int(parts[2]) if parts[2] else _DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        return ""
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def is_path(url: str) -> bool:
    """Whether a URL is the absolute path of a page of the same origin, in every browser."""
    return bool(url[:1] == "/" != url[1:2] and len(url) <= MAXIMUM_LENGTH and _CHARACTERS.fullmatch(url))


def is_app(url: str) -> bool:
    """Whether an absolute URL opens an app."""
    return "://" in url and url.partition("://")[0].lower() not in _DEFAULT_PORTS


def with_query(url: str, **values: str) -> str:
    """Return a URL with values in its query, in place of those with the same names; the rest of it is kept."""
    before, mark, fragment = url.partition("#")
    address, _question, query = before.partition("?")
    kept = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in values]
    return f"{address}?{'&'.join([*kept, urlencode(values)])}{mark}{fragment}"


def _host(text: str) -> str:
    """Return a host as browsers write it, or "" if they would read another one."""
    try:
        if text.startswith("["):
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        if _NUMBER.fullmatch(text.rpartition(".")[2]):
            return str(IPv4Address(text))
    except AddressValueError:
        return ""
    return text


def _is_local(origin: str) -> bool:
    host = re.sub(r":[0-9]+$", "", origin.partition("://")[2])
    return host in ("localhost", "[::1]") or host.endswith(".localhost") or bool(_LOOPBACK.fullmatch(host))

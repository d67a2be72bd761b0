"""The origin to which a browser goes from a page when it follows a URL, by https://url.spec.whatwg.org, abridged."""

from __future__ import annotations

import re
from urllib.parse import unquote

SPECIAL = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


def origin_of(url: str, base: str) -> str:
    """Return an origin, or the scheme and ``://`` of a URL without one; ``base`` is a URL with a special scheme."""
    text = re.sub("[\t\n\r]", "", url.strip("".join(map(chr, range(0x21)))))
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        scheme, rest = base.partition(":")[0], text
        if not re.match(r"[/\\]{2}", rest):
            return _special(base.partition(":")[0], base.partition(":")[2])
    elif scheme not in SPECIAL:
        return f"{scheme}://"
    elif scheme == base.partition(":")[0] and not re.match(r"[/\\]{2}", rest):
        # `https:evil` is relative to a page over https.
        return _special(scheme, base.partition(":")[2])
    return _special(scheme, rest)


def _special(scheme: str, rest: str) -> str:
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
    host, port = authority.rpartition("@")[2], ""
    if found := re.fullmatch(r"(.*):([0-9]*)", host):
        host, port = found[1], found[2]
    host = unquote(host).lower()
    if not host.startswith("["):
        for dot in "\u3002\uff0e\uff61":
            host = host.replace(dot, ".")
        host = host if host.isascii() else host.encode("idna").decode()
    number = int(port or SPECIAL[scheme])
    return f"{scheme}://{host}" if number == SPECIAL[scheme] else f"{scheme}://{host}:{number}"

"""The shop's colors on the payment page, as a stylesheet of its own: the pages allow no inline styles."""

from __future__ import annotations

import re

from django_checkout.emulator.messages import Doc, Response

#: The radius of fields and buttons by ``border_style``.
RADII = {"pill": "1.5rem", "rectangular": "0", "rounded": "8px"}
_PATH = re.compile(r"branding/([0-9a-f]{6}|)-([0-9a-f]{6}|)-(pill|rectangular|rounded|)\.css")
_DARK, _LIGHT = "1b2233", "ffffff"


def stylesheet(session: Doc) -> str:
    """Return the path of the stylesheet below ``assets/``, or "" if the shop has set neither colors nor borders."""
    asked = session["_params"].get("branding_settings", {})
    colors = [_six_digits(asked.get(name) or "") for name in ("button_color", "background_color")]
    border = asked.get("border_style") or ""
    return f"branding/{colors[0]}-{colors[1]}-{border}.css" if any((*colors, border)) else ""


def answer(path: str) -> Response | None:
    """Return the stylesheet with a path, or None if it is no path of one."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    button, background, border = match.groups()
    rules = []
    if button:
        rules.append(
            f".pay {{ --action: #{button}; --action-strong: #{button}; --on-action: #{_readable_on(button)}; }}"
        )
    if background:
        text = _readable_on(background)
        names = ("--on-ink", "--ink-soft", "--ink-line", "--on-ink-bad")
        rules.append(f".summary {{ --ink: #{background}; {' '.join(f'{name}: #{text};' for name in names)} }}")
    if border:
        rules.append(f":root {{ --radius: {RADII[border]}; }}")
    headers = {"Content-Type": "text/css; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Response(status=200, headers=headers, body="\n".join([*rules, ""]).encode())


def _six_digits(color: str) -> str:
    """Return a color without ``#`` and opacity in six digits: ``#abc`` is ``aabbcc``."""
    digits = color.removeprefix("#").lower()
    short = len(digits) in (3, 4)
    return "".join(digit * 2 for digit in digits[:3]) if short else digits[:6] if len(digits) in (6, 8) else ""


def _readable_on(color: str) -> str:
    """Return the color of text that has the higher contrast: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    own = _luminance(color) + 0.05
    light, dark = (_luminance(_LIGHT) + 0.05) / own, own / (_luminance(_DARK) + 0.05)
    return _LIGHT if light >= dark else _DARK


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

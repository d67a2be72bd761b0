"""The words in Latin letters that the reader of a page sees or hears, so that no English is left on a Japanese one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

#: Names that a Japanese page writes in Latin letters.
NAMES = ("Stripe", "PDF")


def latin_words(html: str, names: Iterable[str] = ()) -> list[str]:
    """Return the words of two letters or more that are neither in the names nor in a code to copy."""
    html = re.sub(r"<(script|style|code)\b.*?</\1>", " ", html, flags=re.DOTALL)
    spoken = re.findall(r'\b(?:alt|aria-label|title|placeholder|data-busy|data-done)="([^"]*)"', html)
    text = unescape(" ".join([*spoken, re.sub(r"<[^>]*>", " ", html)]))
    for name in sorted([*NAMES, *names], key=len, reverse=True):
        text = text.replace(name, " ")
    return re.findall(r"[A-Za-z]{2,}", text)

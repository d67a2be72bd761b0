"""Recognizes the placeholders that documentation shows instead of keys and secrets."""

from __future__ import annotations

import re

#: What follows a key's prefix.
_PLACEHOLDER = re.compile(
    r"[.…x*_-]*|<.*>|\{.*\}|.*\.\.\..*|(your|my|the|put|change|replace)[-_ ].*|(change|replace)me|secret|example|todo",
    re.IGNORECASE,
)
_KEY_PREFIX = re.compile(r"(sk|rk|pk)_(test|live)_|whsec_")


def is_placeholder(value: str) -> bool:
    """Whether a key or secret is a placeholder from documentation."""
    return bool(_PLACEHOLDER.fullmatch(_KEY_PREFIX.sub("", value, count=1)))

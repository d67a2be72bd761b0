"""What the resource modules declare: their routes and the expandable fields of their objects."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from django_checkout.emulator.api import resources


def declared(name: str) -> dict[str, Any]:
    """Return the entries of the dictionaries of this name in all modules of ``resources``."""
    found: dict[str, Any] = {}
    for item in pkgutil.iter_modules(resources.__path__, f"{resources.__name__}."):
        found.update(getattr(import_module(item.name), name, {}))
    return found

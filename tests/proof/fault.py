"""One planted fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A change that breaks the code, and the tests; at least one of them must fail."""

    name: str
    file: str
    old: str
    tests: tuple[str, ...]
    new: str = ""
    needs_threads: bool = False

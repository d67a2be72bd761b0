"""The parameters of a request, which record what an endpoint reads: what it does not read, it must not accept."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class Params(dict[str, Any]):
    """An object of typed parameters.

    ``[]``, ``get``, ``items``, ``values`` and ``**`` read parameters; ``in``, ``keys`` and all other operations do not.
    """

    __slots__ = ("_read",)

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self._read.add(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a parameter, or ``default`` if it was not sent."""
        self._read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        # With an __iter__ of its own, ``{**params}`` and ``dict(params)`` call __getitem__.
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # a view of this object
        """Return the names."""
        return KeysView(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # a view of this object, which reads
        """Return the names and values, reading each as it is reached."""
        return ItemsView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # a view of this object, which reads
        """Return the values, reading each as it is reached."""
        return ValuesView(self)

    def unread(self, prefix: str = "") -> Iterator[str]:
        """Yield the parameters that were sent and not read, such as ``line_items[0][tax_rates]``."""
        for name, value in super().items():
            path = f"{prefix}[{name}]" if prefix else name
            parts = _objects(value, path)
            if parts:
                for place, part in parts:
                    yield from part.unread(place)
            elif name not in self._read:
                yield path


def plain(value: Any) -> Any:
    """Return a copy of parameters without recording, to store. It does not read them."""
    if isinstance(value, Params):
        return {name: plain(dict.__getitem__(value, name)) for name in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


def defer(params: dict[str, Any], *names: str) -> None:
    """Read parameters completely that are stored now and applied later."""
    for name in names:
        if name in params:
            _read_all(params[name])


def _read_all(value: Any) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _read_all(item)


def _objects(value: Any, path: str) -> list[tuple[str, Params]]:
    if isinstance(value, Params):
        return [(path, value)]
    if isinstance(value, list):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value) if isinstance(item, Params)]
    return []

"""A small HTML parser for headless browsing: forms, links and visible text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
UNSEEN = frozenset(("script", "style", "template", "title"))


@dataclass(slots=True)
class Element:
    """An element with its attributes and children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def find_all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the descendants with this tag and these attributes, in document order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                matches = all(child.attributes.get(name) == value for name, value in attributes.items())
                if tag in {child.tag, "*"} and matches:
                    found.append(child)
                found.extend(child.find_all(tag, **attributes))
        return found

    def find(self, tag: str, **attributes: str) -> Element | None:
        return next(iter(self.find_all(tag, **attributes)), None)

    def find_class(self, name: str) -> Element | None:
        """Return the first descendant with this class."""
        elements = self.find_all("*")
        return next((found for found in elements if name in found.attributes.get("class", "").split()), None)

    @property
    def text(self) -> str:
        """The visible text, with white space collapsed."""
        if self.tag in UNSEEN:
            return ""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    @property
    def fields(self) -> dict[str, str]:
        """The fields that a form submits if nothing is changed, without its buttons."""
        fields = {}
        for element in self.find_all("*"):
            name, kind = element.attributes.get("name"), element.attributes.get("type", "text")
            if not name or "disabled" in element.attributes:
                continue
            if element.tag == "input" and kind not in {"submit", "button", "image", "file"}:
                if kind not in {"checkbox", "radio"} or "checked" in element.attributes:
                    fields[name] = element.attributes.get("value", "on" if kind in {"checkbox", "radio"} else "")
            elif element.tag == "textarea":
                fields[name] = "".join(child for child in element.children if isinstance(child, str))
            elif element.tag == "select":
                options = element.find_all("option")
                chosen = next((option for option in options if "selected" in option.attributes), None)
                if chosen or options:
                    option = chosen or options[0]
                    fields[name] = option.attributes.get("value", option.text)
        return fields


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].tag == tag:
                del self.open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(source: str) -> Element:
    """Parse a page into a tree."""
    builder = _Builder()
    builder.feed(source)
    builder.close()
    return builder.root

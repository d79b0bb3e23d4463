"""A page as its readers get it: elements, texts, links, and what is wrong with its HTML."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

_VOID = {"meta", "img", "br", "link", "hr", "input"}
_OUTSIDE = ("src", "srcset", "href", "data", "action", "poster", "background")
_FRAMES = {"script", "iframe", "object", "embed", "link", "form", "base", "svg"}


@dataclass
class Element:
    """An element with its attributes and all text within it."""

    name: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A parsed page.

    Attributes:
        elements: In the order in which they begin.
        faults: What no browser should have to forgive.
    """

    html: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.html)
        self.close()
        self.faults += [f"{one.name} is never closed" for one in self._open]
        self._judge()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].name != tag:
            self.faults.append(f"{tag} is closed within {self._open[-1].name if self._open else 'nothing'}")
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, name: str) -> list[Element]:
        """Every element of a name."""
        return [one for one in self.elements if one.name == name]

    @property
    def text(self) -> str:
        """What is read, in one line."""
        return " ".join(self.all("body")[0].text.split())

    @property
    def links(self) -> list[str]:
        """Where it leads, in order."""
        return [one.attributes["href"] for one in self.all("a")]

    def row(self, caption: str, head: str) -> list[str]:
        """Cells of a line of the first table of that caption, by the words at the line's head."""
        inside = False
        cells: list[str] | None = None
        for element in self.elements:
            if element.name == "caption":
                inside = caption in element.text
            if not inside or element.name not in ("tr", "td", "th"):
                continue
            if element.name == "tr":
                if cells:
                    return cells
                continue
            words = " ".join(element.text.split())
            if element.name == "th" and words == head:
                cells = []
            elif cells is not None:
                cells.append(words)
        return cells or []

    def _judge(self) -> None:
        """Self-contained, and readable for those who hear it."""
        self.faults += [f"there is a {one.name}" for one in self.elements if one.name in _FRAMES]
        for one in self.elements:
            self.faults += [f"{one.name} has {name}" for name in one.attributes if name.startswith("on")]
            for name in _OUTSIDE:
                value = one.attributes.get(name, "")
                if one.name == "a" and not value.startswith(("javascript:", "data:", "/", "file:")):
                    continue  # followed by a click only
                if value and not value.startswith("data:image/svg+xml;base64,"):
                    self.faults.append(f"{one.name} {name}={value[:60]}")
        self.faults += ["an image without words" for one in self.all("img") if not one.attributes.get("alt")]
        if len(self.all("table")) != len(self.all("caption")):
            self.faults.append("a table without a caption")
        levels = [int(one.name[1]) for one in self.elements if one.name in ("h1", "h2", "h3", "h4")]
        if levels[:1] != [1] or levels.count(1) != 1:
            self.faults.append(f"headings begin with {levels[:1]}, {levels.count(1)} are of level 1")
        self.faults += [
            f"a heading of level {two} below {one}" for one, two in pairwise(levels) if two > one + 1
        ]
        ids = [one.attributes["id"] for one in self.elements if "id" in one.attributes]
        self.faults += [f"the id {one} twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
        policies = [one.attributes.get("content", "") for one in self.all("meta")]
        if not any(one.startswith("default-src 'none'") for one in policies):
            self.faults.append("no policy")

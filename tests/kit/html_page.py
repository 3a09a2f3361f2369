"""An HTML page as a test looks at it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "input", "link", "img"}


class HtmlPage(HTMLParser):
    """The elements of a page with their attributes, its text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the last element, which must be of this tag."""
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All text that is shown."""
        return " ".join(" ".join(self.words).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    def addresses(self) -> list[str]:
        """Return everything that a browser would fetch, or go to."""
        names = ("src", "href", "xlink:href", "srcset", "data", "action", "poster")
        return [value for _, one in self.elements for name in names if (value := one.get(name)) is not None]

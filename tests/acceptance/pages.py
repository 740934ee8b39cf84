"""HTML pages as a test reads them."""

import re
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.source.replace("<wbr/>", ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def assert_it_loads_nothing(page: Page) -> None:
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(names)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        if "src" in attributes:
            assert str(attributes["src"]).startswith("data:image/png;base64,"), tag
    assert "@import" not in page.source
    assert all(target.startswith("data:") for target in re.findall(r"url\(['\"]?([^)'\"]+)", page.source))
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy).startswith("default-src 'none'")

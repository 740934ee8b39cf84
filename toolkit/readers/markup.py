"""XML read record by record with expat: no entities, no external files, bounded depth; whole records of a cut file."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element
from xml.parsers import expat

from toolkit import text
from toolkit.errors import ReadError
from toolkit.readers.opening import open_text

_CHUNK: Final = 1 << 16
_DEEPEST: Final = 100
_MOST_TEXT: Final = 1 << 26
"""Characters of text and attributes within one record."""


class XmlRecords:
    """The elements of a file with one of the tags, each whole, and what was wrong with the file.

    `root` holds the attributes of the outermost element. Where the file is cut short or damaged, `problem` says where,
    and the record that was open is given without the elements that were; of a `unit`, all of it.
    Raises `ReadError` for a file that declares entities.
    """

    def __init__(self, path: Path, tags: Collection[str], *, units: Collection[str] = ()) -> None:
        self._path, self._tags, self._units = path, tags, units
        self._open: list[Element] = []
        self._depth = self._size = 0
        self._done: list[Element] = []
        self.root: dict[str, str] = {}
        self.problem: tuple[int, str] | None = None
        self.is_cut = False
        """Whether the record that was given last is not whole."""

    def __iter__(self) -> Iterator[Element]:
        with open_text(self._path) as file:
            parser = expat.ParserCreate("utf-8" if file.is_utf16 else None)
            parser.buffer_text = True
            parser.StartElementHandler = self._start
            parser.EndElementHandler = self._end
            parser.CharacterDataHandler = self._text
            parser.EntityDeclHandler = self._refuse
            try:
                while chunk := file.read(_CHUNK):
                    parser.Parse(chunk, False)
                    yield from self._given()
                parser.Parse(b"", True)
            except expat.ExpatError as error:
                self.problem = (error.lineno, expat.errors.messages.get(error.code, "not XML"))
            except ReadError:
                raise
            except (LookupError, ValueError) as error:
                self.problem = (1, f"its encoding cannot be read ({text.plain(error)})")
            if file.damage:
                self.problem = (parser.CurrentLineNumber, file.damage)
        yield from self._given()
        if self._open:
            self.is_cut = True
            yield self._rest()

    def _given(self) -> Iterator[Element]:
        done, self._done = self._done, []
        yield from done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._depth:
            self.root = attributes
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ReadError(f"{self._path} has more than {_DEEPEST} elements within each other: no tool writes that.")
        if self._open or tag in self._tags:
            self._count(sum(map(len, attributes.values())))
            self._open.append(Element(tag, attributes))

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            if self._open:
                self._open[-1].append(element)
            else:
                self._done.append(element)
                self._size = 0

    def _text(self, data: str) -> None:
        if self._open:
            self._count(len(data))
            element = self._open[-1]
            element.text = (element.text or "") + data

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MOST_TEXT:
            raise ReadError(f"{self._path} has a record of more than {_MOST_TEXT:,} characters: no tool writes that.")

    def _refuse(self, name: str, *_: object) -> None:
        raise ReadError(
            f"{self._path} declares the XML entity {text.plain(name, limit=40)!r}: no tool does. Remove it."
        )

    def _rest(self) -> Element:
        """The open record with its open elements that are neither a unit nor the innermost."""
        kept = next((at for at, one in enumerate(self._open) if at and one.tag in self._units), len(self._open) - 1)
        for parent, child in zip(self._open, self._open[1 : max(kept, 1)], strict=False):
            parent.append(child)
        return self._open[0]

"""Hostile text, neutralised where it is shown.

Subjects, names, banners and reasons come from servers and may hold anything: escape sequences that repaint
a terminal, bidirectional overrides that reverse a host name, `$` that starts matplotlib's formula mode,
`=` that starts a spreadsheet's formula, markup. Tables keep the text unchanged; code that shows it calls
one of the functions below, named after the place.
"""

import difflib
import html
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

LIMIT = 300
"""Characters shown of one value, unless the caller says otherwise."""

_COMPARED = 80
"""Characters of a misspelt name that are compared with the known names: the comparison takes quadratic time."""

_CLOSER = 0.01
"""By how much more similar a part of a name must be than any whole name."""

# Cc control, Cf format (bidirectional overrides, zero width), Cs surrogates, Co private use, Cn unassigned,
# Zl and Zp line and paragraph separators: Unicode general categories, UAX #44 section 5.7.1.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

# OWASP "CSV Injection": a cell that starts with one of these is taken for a formula.
# The apostrophe is included so that one that we add is distinguishable from the text's own.
_FORMULA_STARTS = ("=", "+", "-", "@", "'", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Spreadsheets of many locales separate by another character than the comma, and start a cell after it; blanks and
# quotation marks before a formula do not hide it. A tab in a cell is written as `\\t`.
_FORMULA_AFTER_SEPARATOR = re.compile(
    r"(?<=[,;|\u060c\u061b\u3001\uff0c\uff1b])([\s\"']*)([=+\-@\uff1d\uff0b\uff0d\uff20])"
)

# What cryptography says of bytes that are not the DER it expects: the kind of mistake, and the fields on the way to it.
_PARSE_ERROR = re.compile(r"ParseError \{ kind: (\w+)")
_FIELD = re.compile(r'"\w+::(\w+)"')
_MISTAKES = {"ShortData": "cut short", "ExtraData": "bytes after its end", "UnexpectedTag": "a wrong tag"}

_ESCAPE = re.compile(r"\\(?:(\\)|([nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def type_name(value: object) -> str:
    """What a value is, for a message about a wrong argument: the name of its type, and `None` for None.

    >>> from toolkit.text import type_name
    >>> type_name(None), type_name("a"), type_name([])
    ('None', 'str', 'list')
    """
    return "None" if value is None else type(value).__name__


def counted(number: int, word: str) -> str:
    """The number and the word, in the plural where it is due.

    >>> from toolkit.text import counted
    >>> counted(1, "host"), counted(1200, "look"), counted(2, "address")
    ('1 host', '1,200 looks', '2 addresses')
    """
    ending = "es" if word.endswith("s") else "s"
    return f"{number:,} {word}{'' if number == 1 else ending}"


def enumerated(names: Sequence[object], *, most: int = 10) -> str:
    """The names in one line, made harmless; of more than `most`, how many are left out.

    >>> import toolkit
    >>> toolkit.text.enumerated(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(plain(name, limit=40) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def lasting(length: timedelta) -> str:
    """A length of time in whole days, hours, minutes or seconds: the largest that it has at least one of.

    >>> from datetime import timedelta
    >>> from toolkit.text import lasting
    >>> lasting(timedelta(hours=16, minutes=11)), lasting(timedelta(days=255))
    ('16 hours', '255 days')
    """
    for word, unit in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if length >= unit:
            return counted(length // unit, word)
    return counted(length // timedelta(seconds=1), "second")


def did_you_mean(word: str, known: Iterable[str], *, similarity: float = 0.6) -> str:
    """The known name that is closest to a misspelt one, as a sentence to append; empty where none is close.

    The word is compared with the names and with the parts of them that hyphens separate; where a part is closer than
    any whole name, all names with that part are listed. Letter case does not count. At most the first 80 characters of
    `word` are compared. `similarity` is the least ratio that `difflib` must find, from 0 to 1.

    >>> from toolkit.text import did_you_mean
    >>> did_you_mean("ieft", ["ietf", "nist"])
    " Did you mean 'ietf'?"
    >>> did_you_mean("moder", ["mozilla-modern", "mozilla-old"])
    " Did you mean 'mozilla-modern'?"
    >>> did_you_mean("mozila", ["mozilla-modern", "mozilla-old"])
    " Did you mean 'mozilla-modern' or 'mozilla-old'?"
    >>> did_you_mean("something else", ["ietf", "nist"])
    ''
    """
    compared = word[:_COMPARED].casefold()
    whole: dict[str, list[str]] = {}
    parts: dict[str, list[str]] = {}
    for name in known:
        whole[name.casefold()] = [name]
        for part in name.casefold().split("-"):
            parts.setdefault(part, []).append(name)
    suggested: list[str] = []
    for name in difflib.get_close_matches(compared, whole, n=1, cutoff=similarity):
        suggested = whole[name]
        similarity = difflib.SequenceMatcher(None, name, compared).ratio() + _CLOSER
    for part in difflib.get_close_matches(compared, parts, n=1, cutoff=min(similarity, 1)):
        suggested = suggested if part in whole else parts[part]
    return f" Did you mean {' or '.join(map(repr, suggested))}?" if suggested else ""


def not_known(what: str, given: object, known: Iterable[str]) -> str:
    """The message for a name that is none of the known ones. `what` ends with `=` or a blank.

    >>> from toolkit.text import not_known
    >>> not_known("offer ", "anny", ["any", "rsa"])
    "offer 'anny' is not known. Did you mean 'any'? Known: any, rsa."
    """
    names = list(known)
    return f"{what}{given!r:.60} is not known.{did_you_mean(str(given), names)} Known: {', '.join(names)}."


def parse_problem(error: Exception) -> str:
    """What an error of cryptography's parsers says, with the mistakes of DER in words.

    >>> from cryptography import x509
    >>> from toolkit.text import parse_problem
    >>> try:
    ...     x509.load_der_x509_certificate(bytes.fromhex("30033000"))
    ... except ValueError as error:
    ...     print(parse_problem(error))
    its DER is wrong: cut short
    """
    said = str(error)
    found = _PARSE_ERROR.search(said)
    if found is None:
        return said or type(error).__name__
    mistake = _MISTAKES.get(found[1]) or "an " + re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found[1]).lower()
    fields = ".".join(_FIELD.findall(said))
    return f"its DER is wrong: {mistake}" + (f" in {fields}" if fields else "")


def storable(text: str) -> str:
    """Text that UTF-8 can encode: lone surrogates become U+FFFD; everything else is unchanged.

    >>> from toolkit.text import storable
    >>> storable("a\\ud800b") == "a\\ufffdb"
    True
    """
    return (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if not text.isascii() and _has_surrogates(text)
        else text
    )


def plain(value: object, *, limit: int = LIMIT) -> str:
    r"""One line of visible characters: an invisible one is written as `\n`, `\x1b`, `\u202e`.

    At most `limit` characters, escapes included, which stay whole; the rest is replaced by an ellipsis. A null value is
    the empty string.

    >>> from toolkit.text import plain
    >>> plain("a\x1b[2Jb\u202ec"), plain("a\u202eb", limit=4)
    ('a\\x1b[2Jb\\u202ec', 'a…')
    """
    text = _text(value)[: limit + 1]
    if text.isascii() and text.isprintable():
        return text if len(text) <= limit else text[:limit] + "…"
    shown = ""
    for character in text:
        visible = _visible(character)
        if len(shown) + len(visible) > limit:
            return shown + "…"
        shown += visible
    return shown


def for_terminal(value: object, *, limit: int = LIMIT) -> str:
    r"""The value as one line that moves no cursor and starts no escape sequence.

    >>> from toolkit.text import for_terminal
    >>> print(for_terminal("red: \x1b[31m"))
    red: \x1b[31m
    """
    return plain(value, limit=limit)


def for_html(value: object, *, limit: int = LIMIT) -> str:
    """The value as HTML text, safe between tags and inside a quoted attribute.

    >>> from toolkit.text import for_html
    >>> for_html('<b onclick="x">')
    '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return html.escape(plain(value, limit=limit), quote=True)


def listing(title: str, entries: Mapping[str, str]) -> str:
    """The title and, indented below it, one line per entry: what the `repr` of a collection of data shows.

    >>> from toolkit.text import listing
    >>> print(listing("Store('kept')", {"observations": "3 rows", "rounds": "0 rows"}))
    Store('kept')
      observations  3 rows
      rounds        0 rows
    """
    width = max(map(len, entries), default=0)
    lines = (f"  {name:<{width}}  {for_terminal(words)}" for name, words in entries.items())
    return "\n".join([for_terminal(title), *lines])


def html_listing(title: str, entries: Mapping[str, str]) -> str:
    """The same as an HTML table, for notebooks.

    >>> from toolkit.text import html_listing
    >>> html_listing("Store", {"rows": "<5"})[-54:]
    '</caption><tr><th>rows</th><td>&lt;5</td></tr></table>'
    """
    rows = "".join(f"<tr><th>{for_html(name)}</th><td>{for_html(words)}</td></tr>" for name, words in entries.items())
    return f'<table style="text-align: left"><caption>{for_html(title)}</caption>{rows}</table>'


def for_matplotlib(value: object, *, limit: int = LIMIT) -> str:
    r"""The value as a label that never becomes a formula (`$`) and draws only visible characters.

    >>> from toolkit.text import for_matplotlib
    >>> for_matplotlib("$x$")
    '\\$x\\$'
    """
    return plain(value, limit=limit).replace("$", r"\$")


def for_spreadsheet(text: str) -> str:
    r"""The text as a CSV cell that no spreadsheet runs and no terminal obeys; `from_spreadsheet` undoes it.

    A cell that starts like a formula gets a leading apostrophe; so that none starts where `;` or another character
    separates cells, its first character is written as `\u003d`. A backslash is doubled, and what cannot be seen is
    written as `\n`, `\x1b`, `\u202e`.

    >>> from toolkit.text import for_spreadsheet
    >>> for_spreadsheet("=HYPERLINK(1)"), for_spreadsheet("554 go;=1+1")
    ("'=HYPERLINK(1)", '554 go;\\u003d1+1')
    """
    shown = for_separators("\\\\".join(_shown(part) for part in text.split("\\")))
    return "'" + shown if shown.lstrip().startswith(_FORMULA_STARTS) else shown


def for_separators(cell: str) -> str:
    r"""The cell with `\u003d` for `=`, and so on, where a formula would start after a separator of cells.

    JSON that goes through it still means the same.

    >>> from toolkit.text import for_separators
    >>> print(for_separators('["a","=1"]'))
    ["a","\u003d1"]
    """
    return _FORMULA_AFTER_SEPARATOR.sub(lambda match: f"{match[1]}\\u{ord(match[2]):04x}", cell)


def from_spreadsheet(cell: str) -> str:
    """The text that `for_spreadsheet` was given.

    >>> from toolkit.text import for_spreadsheet, from_spreadsheet
    >>> from_spreadsheet(for_spreadsheet("=HYPERLINK(1)"))
    '=HYPERLINK(1)'
    """
    return _ESCAPE.sub(_unescaped, cell[1:] if cell.startswith("'") and len(cell) > 1 else cell)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return " ".join(_text(item) for item in value)
    text = str(value)
    return "" if text in {"<NA>", "NaT", "nan"} else text


def _shown(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if unicodedata.category(character) in _UNSEEN:
        return character.encode("unicode_escape").decode("ascii")
    return character


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _unescaped(match: re.Match[str]) -> str:
    backslash, letter, *digits = match.groups()
    if backslash:
        return "\\"
    if letter:
        return {"n": "\n", "r": "\r", "t": "\t"}[letter]
    code = int(next(group for group in digits if group), 16)
    return chr(code) if code < 0x110000 else match.group()

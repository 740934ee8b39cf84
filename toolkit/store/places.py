"""The path or URL of a store; paths that the Delta library cannot open are refused before anything is opened."""

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from toolkit import text
from toolkit.errors import UsageError

# delta-rs turns a folder's path into a URL and back, decoding it once more than it encoded it: a percent escape and
# a backslash come out as another path, the brackets, `^` and `|` end in a panic (no host name may hold them), control
# characters in an error that comes with the first write. Found by trying every character of ASCII.
_REFUSED: Final = re.compile(r"%[0-9A-Fa-f]{2}|[\x00-\x1f\x7f\[\]\\^|\ud800-\udfff]")

_LONGEST_BYTES: Final = 4096 - 160
"""Of a path on Linux (PATH_MAX), less the names of the files below a store's folder."""


def locate(path: str | os.PathLike[str]) -> str:
    """The absolute path, or the URL, that `path` names. `~` is the home folder; a `file:` URL is the path it names.

    Raises `UsageError` for what is not a path, and for a path that the Delta library cannot open.
    """
    if hasattr(path, "load"):
        raise UsageError("This is a Store already: use it as it is, or give its path.")
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise UsageError(
            f"A store is a toolkit.Store, the path of a folder, or a URL such as s3://bucket/looks, not "
            f"{text.type_name(path)}."
        )
    name = os.fspath(path)
    if not name.strip():
        raise UsageError("A store needs a name: a folder, or a URL such as s3://bucket/looks.")
    if name.startswith("file:"):
        url = urlsplit(name)
        if url.netloc not in {"", "localhost"} or not url.path.startswith("/") or url.query or url.fragment:
            raise UsageError(f"{text.plain(name)!r} is not the URL of a local folder: write its path.")
        name = url2pathname(url.path)
    elif "://" in name:
        if not urlsplit(name).netloc:
            raise UsageError(f"{text.plain(name)!r} names no bucket: write a URL such as s3://bucket/looks.")
        if "@" in urlsplit(name).netloc or "?" in name:
            raise UsageError(
                "The URL of a store holds no credentials, since it is written into messages: give them in the "
                "environment, or as storage_options."
            )
        return name.rstrip("/")
    try:
        folder = str(Path(name).expanduser().absolute()) if name.startswith("~") else str(Path(name).absolute())
        # What is opened in the end is what symbolic links lead to.
        real = os.path.realpath(folder)
        os.path.lexists(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"{text.plain(name)!r} cannot be the folder of a store: {str(error).rstrip('.')}. Name another."
        ) from error
    found = _REFUSED.search(folder) or _REFUSED.search(real)
    if found:
        raise UsageError(
            f"{text.plain(folder)!r} cannot be the folder of a store: the Delta library cannot open paths with "
            f"{text.plain(found[0])!r}. Name a folder whose whole path has no control character, none of [ ] ^ | \\, "
            "no % before two hexadecimal digits, and no byte that is not UTF-8."
        )
    parts = [len(os.fsencode(part)) for part in Path(real).parts]
    if max(parts) > 255 or len(os.fsencode(real)) > _LONGEST_BYTES:
        raise UsageError(f"{text.plain(folder)!r} cannot be the folder of a store: its path is too long. Shorten it.")
    return folder

"""`read_into` appends a file to a store while it is read, so that memory does not grow with the file."""

import os
from pathlib import Path

from tqdm.auto import tqdm

from toolkit import text
from toolkit.errors import ReadError, StoreError
from toolkit.readers.batches import Recipient, handing_over
from toolkit.reading import read
from toolkit.store import Store, as_store


def read_into(
    path: str | Path,
    store: Store | str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002  as in `read`
    password: str | None = None,
    progress: bool = True,
) -> dict[str, int]:
    """Append what `toolkit.read(path)` gives to a store; table → number of rows that were appended.

    The rows are appended in batches of 50,000 while the file is read, so that a log of any size needs a few hundred
    MB; of the formats that are read as a whole, and of a store, all rows are one batch. The store loads the same rows
    as `store.append(toolkit.read(path))` would give, with the same keys: a file that is read twice, or again after an
    interruption, is loaded once.

    `path`, `format`, `password`: as for `toolkit.read`. `store`: a `Store`, or its folder or URL, which is made where
    there is none. `progress`: a bar by bytes read, on standard error.

    Raises like `toolkit.read` and `Store.append`. Where it stops in the middle, the message says how many rows are
    kept.

    >>> import toolkit
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     appended = toolkit.read_into("web-series", folder, progress=False)
    ...     again = toolkit.read_into("web-series", folder, progress=False)
    ...     looks = toolkit.Store(folder).load().observations
    >>> appended
    {'observations': 189, 'certificates': 170, 'support': 0, 'rounds': 0}
    >>> len(looks)
    189
    """
    kept = as_store(store)
    before = kept.appended
    with tqdm(total=_size(path), unit="B", unit_scale=True, desc="Reading", disable=not progress) as bar:
        try:
            with handing_over(Recipient(kept.append, bar.update)):
                rest = read(path, format=format, password=password)
            kept.append(rest)
        except (ReadError, StoreError, KeyboardInterrupt) as error:
            looks = kept.appended["observations"] - before["observations"]
            if not looks:
                raise
            raise type(error)(
                f"{str(error) or 'interrupted.'} {text.counted(looks, 'look')} that were read before are kept in "
                f"{kept.path}. Read the file again: rows that are kept are not doubled."
            ) from error
    return {table: rows - before[table] for table, rows in kept.appended.items()}


def _size(path: object) -> int | None:
    """Bytes of a file; None for anything else, of which it is not known how much is read."""
    return Path(path).stat().st_size if isinstance(path, str | Path) and Path(path).is_file() else None

"""What happens where an export cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import OutputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the context, an `OSError` becomes an `OutputError` that names the path of the export."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}. Name another place for it.") from error

"""Messages for errors of the Delta library: the cause, extracted from its message, and what to do."""

import errno
import re
from typing import Final

from toolkit import text
from toolkit.errors import StoreError, StoreFullError, StoreWriteError

_RIGHTS: Final = "Give this user the right to read and write there, or name another folder."
_SPACE: Final = "The rows kept before are not affected. Free some space."

_BY_NUMBER: Final = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "Mount it writable, or choose another folder.",
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.ENOTDIR: "A part of that path is a file: name another folder.",
    errno.ENAMETOOLONG: "Name a folder with a shorter path.",
    errno.ELOOP: "A symbolic link in that path leads to itself: correct it, or name another folder.",
    errno.EMFILE: "Too many files are open in this process: raise `ulimit -n`, or close some.",
    errno.ENFILE: "Too many files are open on this machine: close some.",
    errno.ECONNREFUSED: "Check the endpoint and the network.",
}
"""Number of an operating system's error → the next step."""

_BY_WORDS: Final = (
    (
        r"scheme is not allowed",
        "The endpoint is plain HTTP: allow that with AWS_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true.",
    ),
    (
        (
            r"no credentials|credential provider|token request|169\.254\.|/latest/(?:api/token|meta-data)"
            r"|Account must be specified"
        ),
        (
            "No credentials for that URL were found. Give them as storage_options or in the environment: "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://, AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY for az://, GOOGLE_APPLICATION_CREDENTIALS (the path of a file) for gs://."
        ),
    ),
    (
        r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|InvalidToken|necessary privileges|40[13] ",
        "The credentials are wrong, or do not allow this: correct them in storage_options or in the environment.",
    ),
    (
        r"Unable to (?:open|decode) service account|Error reading pem|Error decoding key|Invalid symbol",
        "The credentials cannot be read: correct them in storage_options or in the environment.",
    ),
    (
        r"NoSuchBucket|ContainerNotFound|ResourceNotFound",
        "There is no such bucket: create it, or correct the URL.",
    ),
    (r"Unknown scheme|recognise URL", "Write a folder, or a URL that begins with s3://, az:// or gs://."),
    (r"error sending request|timed out|dns error", "Check the endpoint and the network."),
    (r"SlowDown|\b(429|50[0-9]) [A-Z]", "The object store is overloaded or unavailable: try again later."),
)
"""Words in an object store's error → the next step; the first that match."""

_NUMBER: Final = re.compile(r"os error (\d+)|Os \{ code: (\d+)")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_XML: Final = re.compile(r"<Error>.*?<Code>([^<]+)</Code>.*", re.DOTALL)
"""What an object store answers; other elements hold identifiers of the request, and Azure's the signed text."""

_DAMAGED: Final = "Check that folder and its _delta_log: restore what is damaged from a backup."
"""What to do where nothing more specific is known about a folder."""

_NO_PLACE: Final = "No folder can be made there: name another one."
"""The same about a folder that did not exist before."""

_WRITING: Final = frozenset({"written", "created", "widened", "compacted"})

_KINDS: Final[dict[str, type[StoreError]]] = {_SPACE: StoreFullError, _DAMAGED: StoreError}
"""Next step → the kind of a failure to write, unless it is a `StoreWriteError`."""


def failure(error: BaseException, uri: str, done: str) -> StoreError:
    """The error for a table at `uri` that could not be `done` (opened, read, written, created, widened, compacted).

    Writing to an undamaged table gives a `StoreWriteError`, or a `StoreFullError` if no space is left.
    """
    cause, step = _explain(error, uri, otherwise=_NO_PLACE if done == "created" else _DAMAGED)
    kind = _KINDS.get(step, StoreWriteError) if done in _WRITING else StoreError
    return kind(f"{uri} could not be {done} {cause} {step}")


def explain(error: BaseException, uri: str) -> str:
    """The cause in brackets, and what to do next about the table at `uri`."""
    return " ".join(_explain(error, uri, otherwise=_DAMAGED))


def _explain(error: BaseException, uri: str, *, otherwise: str) -> tuple[str, str]:
    """The cause in brackets, and the next step: `otherwise` where none is known for a folder."""
    said = _XML.sub(r"\1", _COLOUR.sub("", str(error)))
    lines = [line.strip(" \t↳") for line in said.splitlines() if line.strip(" \t↳")] or [type(error).__name__]
    shown = lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"
    found = _NUMBER.search(said)
    number = int(found[1] or found[2]) if found else getattr(error, "errno", 0)
    step = None
    if "://" in uri:
        otherwise = "Check the URL, its credentials (storage_options, or the environment) and the network."
        step = next((step for words, step in _BY_WORDS if re.search(words, said)), None)
    return f"({text.plain(shown)}).", step or _BY_NUMBER.get(number, otherwise)


def unreadable(error: Exception, file: str, advice: str) -> StoreError:
    """The error for a file that cannot be read; `advice` unless it is whole, and its encoding is what is not read."""
    if "Not yet implemented" in str(error):
        advice = "Another program wrote it: write it again with version 1 of Parquet's encodings."
    return StoreError(f"{file} cannot be read ({first_line(error)}). {advice}")


def first_line(error: Exception) -> str:
    """The first line of the error's message, harmless in a terminal; without a message its type."""
    return text.plain(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)

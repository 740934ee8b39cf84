"""`read` makes `Tables` of stores, folders and files; `load_example` of the examples that come with the package."""

from datetime import datetime
from functools import cache
from pathlib import Path

from toolkit import readers, schema
from toolkit.errors import ReadError
from toolkit.shipped import EXAMPLES, example_folder, find_source
from toolkit.store import Store
from toolkit.tables import Tables
from toolkit.text import did_you_mean, plain


def read(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002  as in pandas
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    password: str | None = None,
) -> Tables:
    """The observations and certificates at `path`, as `Tables`.

    `path`: a store, what `Tables.to_csv`, `to_parquet`, `to_json`, `to_sqlite` and `to_excel` wrote, certificates (PEM,
    DER, PKCS#7, PKCS#12, JKS, Kubernetes secrets; a file, a folder or a zip archive), or what other tools wrote, also
    compressed by gzip: reports of nmap and sslscan (XML), SSLyze (JSON, XML), cryptolyzer, SSL Labs, tls-scan, tlsx,
    zgrab2, Shodan (JSON) and testssl.sh (JSON, CSV); packet captures (pcap, pcapng); transcripts of openssl s_client
    and gnutls-cli; Zeek's ssl.log and x509.log (TSV, JSON; one, or a folder of them); logs of Postfix, Exim, Sendmail,
    Dovecot and OpenSMTPD; the Received headers of mailboxes and Maildirs; SMTP TLS reports (RFC 8460); lists of
    certificates by crt.sh (JSON, CSV); entries of Certificate Transparency logs (files, or the folder of a log with its
    data tiles); or a folder with any of these files. The rows name the file as `source` and
    the program as `tool`. What a tool did not test is `untested`, and so is what it does not mention: silence is not a
    refusal. Only SSL 3.0 to TLS 1.2 are `refused` where nmap or SSL Labs, who list all that is accepted, do not list
    them. Of a file that is cut short, the complete part is read. The name of an example (`load_example`) is read as
    well, where no such path exists.

    `password` opens PKCS#12 files; it is used for nothing else.
    `format`: `store`, or one of `toolkit.readers.FORMATS`; by default it is recognised by content. `since` (inclusive)
    and `until` (exclusive) choose rows by their own instants or bounds, as in `Tables.within`. What is left out, such
    as a private key in a folder of certificates, is named by a `toolkit.errors.ReadWarning`.
    Raises `ReadError`, naming file, line and next step, where there is nothing to read or it is damaged;
    `StoreError` for a store that is; `UsageError` for what is not a path, an unknown format, or an instant without a
    zone.

    >>> import toolkit
    >>> from tempfile import TemporaryDirectory
    >>> tables = toolkit.load_example("google-mail")
    >>> with TemporaryDirectory() as folder:
    ...     tables.to_csv(folder)
    ...     toolkit.read(folder, since="2020-01-01T00:00:00Z")
    Tables
      observations  32 rows of 10 services, 3 without a service, 0 failed; 2020-02-04 to 2026-09-23; recorded data
      certificates  9 rows
      support       0 rows
      rounds        0 rows
    """
    readers.require_path(path)
    if str(path).startswith(("http:", "https:")):
        raise ReadError(f"{plain(path)}: a web address is not read. Download the file, and name it here.")
    path = find_source(path) if isinstance(path, str) else path
    if format == "store" or (format is None and is_store(path)):
        return Store(path).load(since=since, until=until)
    if isinstance(path, str) and (hint := did_you_mean(path, EXAMPLES)) and not Path(path).exists():
        raise ReadError(f"{plain(path)} does not exist, and is not the name of an example.{hint}")
    return readers.read(path, format=format, password=password).within(since=since, until=until)


def load_example(name: str) -> Tables:
    """A small set of observations that comes with the package: `google-mail`, `google-headers`, `web-series`,
    `cross-signatures`, `tools-sample` or `lab-sample`.

    The first four were recorded on real servers, the others in a lab (`source` is `lab`). The project's
    `data/README.md` names the sources. Raises `UsageError` for another name.

    >>> from toolkit import load_example
    >>> load_example("google-mail").observations["source"].nunique() > 30
    True
    >>> set(load_example("lab-sample").observations["source"])
    {'lab'}
    """
    kept = _read_example(example_folder(name))
    return Tables(**{table: getattr(kept, table).copy(deep=False) for table in schema.TABLES})  # copied where changed


@cache
def _read_example(folder: Path) -> Tables:
    return readers.read(folder)


def is_store(path: str | Path) -> bool:
    """Whether it is object storage, or has a folder per table; a folder of CSV and PEM has only `certificates`."""
    folders = [Path(path) / table for table in schema.TABLES if table != "certificates"]
    return "://" in str(path) or any(
        folder.is_dir() for folder in (*folders, Path(path) / "certificates" / "_delta_log")
    )

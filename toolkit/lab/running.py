"""`Lab`: the servers of a scenario, running."""

from datetime import datetime
from types import TracebackType
from typing import Self

import pandas as pd

from toolkit.lab.clock import Clock
from toolkit.lab.scenarios import Scenario
from toolkit.lab.schedule import Schedule
from toolkit.lab.truth import Truth
from toolkit.targets import Target


class Lab:
    """Servers on loopback that live through a scenario; a context manager.

    `scenario` is a name of `toolkit.lab.NAMES`, a `Scenario` with other parameters, or a whole `Schedule`. The same
    scenario and seed give the same certificates byte for byte, the same switch times, and for the n-th connection to
    an address the same machine. The private keys follow from public numbers: never trust a lab's root elsewhere.

    The servers live in one process of their own, which ends with the context, with this process, or with its pipe.

        with Lab("year", seed=7) as lab:
            tables = toolkit.observe(lab.targets, clock=lab.clock)
            lab.clock.advance(timedelta(days=1))

    Raises `LabError` for an unknown scenario, for a missing implementation (extra `lab`), and where the servers
    cannot start.
    """

    def __init__(self, scenario: str | Scenario | Schedule = "year", seed: int = 0) -> None:
        raise NotImplementedError

    targets: list[Target]
    """One per service and address: named as the service, dialled on loopback, `source="lab"`. Needs a started lab."""

    clock: Clock
    """The lab's time; begins at `begins_at`."""

    truth: Truth
    """What is served when, from the schedule alone."""

    begins_at: datetime
    ends_at: datetime
    """The span of the schedule; the clock may go on, nothing changes after it."""

    roots: list[bytes]
    """The self-signed certificates that the lab's chains end in (DER; not served)."""

    def log(self) -> pd.DataFrame:
        """What the servers did, one row per connection, in the order in which they came.

        Columns: `served_at` (instant, the lab's time), `service`, `address` (string), `connection` (Int64, number of
        the connection at that address, from 0), `machine` (Int64, null: none was reached), `server_name` (string,
        from the hello; null: none, or not read), `key_type`, `leaf_sha256` (string: of the certificate message that
        was sent; null: none was), `protocol` (string, null: not negotiated), `ending` (string: `served`, `refused`,
        `dropped`, `deferred`, `gone`: the client left before a certificate was sent).
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

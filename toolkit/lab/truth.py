"""What a lab serves when, told from its schedule as frames, before anything is served."""

from dataclasses import dataclass

import pandas as pd

from toolkit.lab.schedule import Schedule


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The truth of a lab, as frames.

    `serving`, one row per stretch in which a machine serves a certificate: `service`, `server_name`, `address`
    (string), `machine` (Int64, from 0 within its service), `key_type`, `leaf_sha256` (string), `served_from`
    (instant), `served_until` (instant, exclusive; null: to the end of the schedule and on).

    `rotations`, one row per change of the certificate of a line (service, server_name, key_type): `service`,
    `server_name`, `key_type`, `predecessor_sha256`, `successor_sha256` (string), `started_at` (instant: the first
    machine serves the successor, S), `half_at` (instant: first that half of the machines serve it; null: never),
    `done_at` (instant: the last machine leaves the predecessor, D; null: not within the schedule), `machines`
    (Int64: how many the line has), `is_return` (boolean: the successor had been served and left before).

    `certificates`: leaf and CA certificates with the columns of the table of that name (data/README.md).

    `causes`, one row per reason why a window shows several leaves: `service`, `server_name` (string), `cause`
    (string: rotation, key_types, addresses, stuck_machine, rollback), `begins_at`, `ends_at` (instant; null: to the
    end).
    """

    serving: pd.DataFrame
    rotations: pd.DataFrame
    certificates: pd.DataFrame
    causes: pd.DataFrame


def tell_truth(schedule: Schedule) -> Truth:
    """The truth of a schedule; the certificates are issued for it, byte for byte those that a `Lab` serves."""
    raise NotImplementedError

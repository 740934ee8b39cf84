"""Which backend answers a connection, and how it ends: a pure function of seed, address and connection number.

The servers and the simulation use it, so they agree for every connection. A draw is a hash of numbers
(the finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), not the
next value of a generator: each draw is independent of the others, and an array of them takes one call.
"""

from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from toolkit.epoch import microseconds
from toolkit.lab.schedule import Schedule

SERVED, REFUSED, RESET, CLOSED, DEFERRED = range(5)
"""How a connection ends: with a certificate, with an alert, with a reset, closed, with reply 421."""

SOURCE: Final = 0x7F000001
"""127.0.0.1 as a number: the source address of observations on loopback."""

_BACKEND, _ENDING, AT_OBSERVER = range(3)
"""Purpose of a draw; `AT_OBSERVER` and above are for the simulation."""

_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


Numbers = NDArray[np.int64]


def draw(seed: int, *words: int | Numbers) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one for each row of words; equal input gives equal numbers."""
    state = _mixed(np.array([seed % 2**64], dtype=np.uint64))
    for word in words:
        state = _mixed(state ^ np.atleast_1d(np.asarray(word, dtype=np.int64)).astype(np.uint64))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def balance(
    schedule: Schedule,
    seed: int,
    service: int,
    address: str,
    *,
    connection: Numbers,
    at: Numbers,
    source: int = SOURCE,
) -> tuple[Numbers, NDArray[np.int8]]:
    """Backend (number in its service, -1: none) and ending of the given connections to an address.

    `connection` counts the connections at that address from 0, `at` is the instant of each [µs since 1970].
    """
    asked = schedule.services[service]
    behind = np.array([n for n, backend in enumerate(asked.backends) if backend.address == address], dtype=np.int64)
    place = (service, asked.addresses.index(address))
    if asked.affinity is None:
        chance = draw(seed, _BACKEND, *place, connection)
    else:
        window = (at - microseconds(schedule.begins_at)) // (asked.affinity // timedelta(microseconds=1))
        chance = draw(seed, _BACKEND, *place, source, window)
    backend = behind[(chance * len(behind)).astype(np.int64)]
    luck = draw(seed, _ENDING, *place, connection)
    ending = np.full(len(connection), SERVED, dtype=np.int8)
    if asked.scheme == "smtp":
        ending[luck < asked.drop_rate + asked.defer_rate] = DEFERRED
    ending[luck < asked.drop_rate] = CLOSED
    ending[luck < asked.drop_rate / 2] = RESET
    backend[ending != SERVED] = -1
    return backend, ending


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))

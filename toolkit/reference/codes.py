"""The name of a code point of a registry, or the code where the registry has no name for it."""

from collections.abc import Mapping
from typing import Protocol, overload


class Named(Protocol):
    """An entry of a registry: a suite, a group, a signature scheme."""

    @property
    def name(self) -> str:
        """The name that IANA or another source gives to the code."""


@overload
def name_of_code(registry: Mapping[int, Named], code: int) -> str: ...
@overload
def name_of_code(registry: Mapping[int, Named], code: int | None) -> str | None: ...
def name_of_code(registry: Mapping[int, Named], code: int | None) -> str | None:
    """The name of the code in the registry; `0x` and four lower-case hex digits where it has none; None for None.

    >>> from toolkit.reference import suites
    >>> name_of_code(suites(), 0x1301), name_of_code(suites(), 0x0A0A), name_of_code(suites(), None)
    ('TLS_AES_128_GCM_SHA256', '0x0a0a', None)
    """
    if code is None:
        return None
    return registry[code].name if code in registry else f"0x{code:04x}"

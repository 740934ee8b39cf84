"""Groups of the key exchange: curves, finite fields, ML-KEM and the hybrids (IANA "TLS Supported Groups")."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from toolkit.reference.rows import FOLDER, read_rows

COLUMNS = ("code", "name", "kind", "bits", "strength_bits", "is_post_quantum", "versions", "source", "date")
"""Of `groups.csv`; `date` is that of the registry or other source."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    `kind` is `ECDHE`, `FFDHE`, `KEM` (ML-KEM alone) or `hybrid`. `bits` is the size of the field, None for KEMs and
    hybrids, whose names carry a parameter set and no size. `strength_bits` is nominal: NIST SP 800-57 part 1, table 2
    by size; SP 800-186 (Curve25519 128, Curve448 224); SP 800-56A rev. 3, appendix D (ffdhe); for ML-KEM the category
    of FIPS 203, also in a hybrid; None where the code point names no group. `is_post_quantum`: ML-KEM or Kyber takes
    part. `versions` are those whose specifications let it be negotiated, oldest first.

    >>> from toolkit.reference import groups
    >>> group = groups()[29]
    >>> group.name, group.kind, group.bits, group.strength_bits, group.versions
    ('x25519', 'ECDHE', 255, 128, ('TLS 1.0', 'TLS 1.1', 'TLS 1.2', 'TLS 1.3'))
    """

    code: int
    name: str
    kind: str
    bits: int | None
    strength_bits: int | None
    is_post_quantum: bool
    versions: tuple[str, ...]
    source: str


@cache
def groups() -> Mapping[int, Group]:
    """Every group by its code, in order of code. GREASE is not a group.

    >>> from toolkit.reference import groups
    >>> groups()[4588].name, groups()[4588].is_post_quantum
    ('X25519MLKEM768', True)
    """
    found: dict[int, Group] = {}
    for row in read_rows(FOLDER / "groups.csv", COLUMNS):
        group = Group(
            code=row.integer("code"),
            name=row.text("name"),
            kind=row.text("kind"),
            bits=row.optional_integer("bits"),
            strength_bits=row.optional_integer("strength_bits"),
            is_post_quantum=row.boolean("is_post_quantum"),
            versions=row.texts("versions"),
            source=row.text("source"),
        )
        if group.code in found:
            raise row.error("code", "is there twice")
        found[group.code] = group
    return MappingProxyType(found)

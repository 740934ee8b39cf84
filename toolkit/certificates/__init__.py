"""Parse: DER → a row of `certificates`, whatever the bytes are.

Rule 1: nothing raises. What cannot be read is null, `parse_error` says what, and everything else is still read.
Rule 2: cost is linear in the input, which is bounded; there is no recursion.
Rule 3: a row judges nothing. A negative serial number or a year 9999 is a fact like any other.

The structure is RFC 5280, section 4.1, read by hand. `cryptography` refuses a whole certificate for one odd field,
more of them with each release, and warns about others through a filter that is global to all threads.
"""

from toolkit.certificates.described import describe_certificate
from toolkit.certificates.names import MOST_NAMES
from toolkit.certificates.parsing import LIMIT, parse_certificate
from toolkit.certificates.validity import is_encoded_as_required, show_validity

__all__ = [
    "LIMIT",
    "MOST_NAMES",
    "describe_certificate",
    "is_encoded_as_required",
    "parse_certificate",
    "show_validity",
]

"""Parse: DER → a row of `certificates`, for any bytes.

Rule 1: no bytes raise an error. A field that cannot be read is null, `parse_error` names it, and the rest is read.
Rule 2: the cost is linear in the input, which is bounded; there is no recursion.
Rule 3: a row holds facts without judging them. A negative serial number or a year 9999 is kept as it is.

The structure is RFC 5280, section 4.1, parsed here. `cryptography` refuses a whole certificate for one odd field, and
more of them with each release, and reports others as warnings, whose filter is global to all threads.
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

"""Which versions, ciphers and key lengths does each server accept?"""

from datetime import datetime
from typing import Literal

import pandas as pd

from toolkit.tables import Tables


def summarise_support(
    tables: Tables, *, now: datetime, by: Literal["cipher", "protocol", "group", "signature_scheme"] = "cipher"
) -> pd.DataFrame:
    """What each service accepts, refuses, and was not asked: by version and cipher, version, group or scheme.

    Two bases, told apart by the column `basis`: `survey`, every question of the table `support`; and
    `negotiated`, what handshakes in `observations` ended in (accepted once; it says nothing about the rest).
    Rows are per service and round, addresses taken together. Rows dated after `now` are not counted.

    Columns, in order:

    - `service`, `host` (string), `round` (string), `basis` (string)
    - `observed_at` (instant, the round's last; null: undated), `age_days` (Float64 [d] before `now`, null: undated)
    - `is_latest` (boolean, the service's latest round of that basis; undated rounds are latest only where no
      other is dated)
    - `protocol` (string; null for groups and schemes asked without a version)
    - for `cipher`: `cipher` (string: RC4, 3DES, AES, ChaCha20, …), `key_bits`, `strength_bits` (Int64 [bits]:
      3DES is 168 and 112), `has_forward_secrecy`, `is_aead` (boolean, any accepted suite; null: none accepted);
      for `protocol`: `has_forward_secrecy`, `is_aead` likewise; for `group`: `group`, `is_post_quantum`;
      for `signature_scheme`: `signature_scheme`
    - `accepted`, `refused`, `untested` (Int64, questions by their state; a question asked at several addresses
      is accepted where one accepted, refused where all refused, else untested)
    - `state` (string: `accepted` where any is, else `untested` where any is, else `refused`)
    - `suites` (object, tuple of the accepted suites' names, by rank then name; not for groups and schemes)
    - `first_choice` (string, the accepted suite, group or scheme that the server ranks first in that version, in the
      row that holds it; null elsewhere, and where no rank is known)
    - `looks` (Int64, rows of the tables behind it), `source` (string, null: the tables do not say)

    A suite that `toolkit.reference` does not know has `cipher` null. Raises `UsageError` where `now` has no zone.
    """
    raise NotImplementedError

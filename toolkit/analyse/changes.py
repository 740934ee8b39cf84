"""What did a server gain and lose between two surveys?"""

import pandas as pd

from toolkit.tables import Tables


def find_changes(before: Tables, after: Tables) -> pd.DataFrame:
    """Every answer that differs between two surveys of a service, one row each.

    Compared are the latest survey rounds of each side, per service, addresses taken together (accepted where
    one address accepts, refused where all refuse). Only a change between `accepted` and `refused` is a change:
    a question untested or not asked on either side never is.

    Columns: `service`, `host` (string), `question` (string: `protocol`, `suite`, `group`, `signature_scheme`,
    `key_type`), `protocol` (string, null: not part of the question), `item` (string, what was asked about),
    `change` (string: `gained`, `lost`, `first_choice` for another suite ranked first), `before`, `after` (string,
    the states; for `first_choice` the suites), `before_at`, `after_at` (instant, null: undated), `source`.
    """
    raise NotImplementedError

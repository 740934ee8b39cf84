"""Dating: between which instants each observation was made."""

import pandas as pd


def find_bounds(observations: pd.DataFrame, certificates: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The earliest and the latest instant of each observation, both inclusive; null where nothing bounds it.

    Embedded SCTs are issued before the certificate (RFC 6962, section 3.3), so a leaf was shown after the latest of
    them; not where they contradict the observation's latest instant, as if a clock was wrong.
    """
    signed = certificates.set_index("cert_sha256")["sct_at"].reindex(observations["leaf_sha256"])
    signed = signed.set_axis(observations.index).mask(lambda at: at > observations["observed_until"])
    since = pd.concat([observations["observed_from"], signed], axis=1).max(axis=1)
    at = observations["observed_at"]
    return at.fillna(since), at.fillna(observations["observed_until"])

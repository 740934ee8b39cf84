"""x509-limbo: each verdict is the expected one, or the difference has its reason."""

from pathlib import Path

import pytest

from tests.analyse.trust.limbo import DANGEROUS_REASONS, DIFFERS, judged, read_cases

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def test_each_difference_has_its_reason(shared: Path) -> None:
    of_servers, of_clients = read_cases(shared / "recorded/others/limbo/limbo.json.gz")
    cases = list(judged(of_servers))
    assert (len(cases), len(of_clients)) == (184, 10)
    wrong = {name for name, is_right, verdict, _ in cases if verdict != ("trusted" if is_right else "untrusted")}
    assert sorted(wrong) == sorted(DIFFERS)
    dangerous = {name for name, is_right, verdict, _ in cases if verdict == "trusted" and not is_right}
    assert {DIFFERS[name] for name in dangerous} <= DANGEROUS_REASONS
    keys = {name: verdict for name, _, verdict, _ in cases if "::forbidden-" in name and "divisible" not in name}
    assert len(keys) >= 6
    assert set(keys.values()) == {"untrusted"}, "P-192, DSA, 1024 bits, in leaf and root"

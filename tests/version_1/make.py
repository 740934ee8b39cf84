"""Write `store/` and `export/` with schema version 1: run once, with the last program that wrote that version.

`python tests/version_1/make.py` at commit 0e24596. Later programs must read both (tests/store/test_versions.py).
"""

from pathlib import Path

import toolkit
from toolkit import schema

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    assert schema.VERSION == 1, "these files are of version 1; they cannot be made again by this program"
    sample = toolkit.load_example("lab-sample")
    tables = sample.within(services="smtp://legacy.lab.test:25", until="2025-07-01T00:00:00Z")
    tables.to_csv(FOLDER / "export")
    toolkit.Store(FOLDER / "store").append(tables)

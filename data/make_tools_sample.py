"""Put the reports of six scanners on one server side by side: `python data/make_tools_sample.py` → data/tools-sample/.

Reads `../shared/recorded/others/scanners`, which is not part of the project: what the scanners printed when they were
run against a server in a lab (tlslite-ng with SSL 3.0, TLS 1.0 and TLS 1.1, museum.lab.example:4435). The answers are
facts; none of the files is copied. The version of a tool that does not print it is the one that was run.
"""

import shutil
import warnings
from pathlib import Path
from typing import Final

import pandas as pd

import toolkit
from toolkit import Tables
from toolkit.analyse.support.tools import QUESTION

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT.parent / "shared" / "recorded" / "others" / "scanners"
FOLDER: Final = ROOT / "data" / "tools-sample"

SERVICE: Final = "tls://museum.lab.example:4435"
ADDRESS: Final = "tls://127.0.0.1:4435"
"""The same server, as tools name it that were given its address."""

REPORTS: Final = {
    "nmap 7.80": "nmap/lab-7.80-three.xml",
    "sslyze 5.2.0": "sslyze/lab-5.2.0-three-and-refused.json.gz",
    "sslscan 2.1.5": "sslscan/lab-2.1.5-museum.lab.example.xml",
    "testssl.sh 2.9.5": "testssl/lab-2.9.5-museum.json",
    "testssl.sh 3.2.3": "testssl/lab-3.2.3-museum.json",
    "cryptolyzer 1.6.1": "cryptolyzer/lab-1.6.1-museum-tls-all.json",
}


def make(record: Path) -> Tables:
    """The answers about versions, and about every suite that some tool found accepted."""
    parts = [_answers(record / name, tool) for tool, name in REPORTS.items()]
    support = pd.concat(parts, ignore_index=True)
    is_version = support[list(QUESTION[2:])].isna().all(axis=1)
    accepted = support.loc[support["state"] == "accepted", ["protocol", "suite"]].drop_duplicates()
    is_found = pd.MultiIndex.from_frame(support[["protocol", "suite"]].astype(object)).isin(
        pd.MultiIndex.from_frame(accepted.dropna().astype(object))
    )
    return Tables.from_frames(support=support[is_version | is_found])


def _answers(path: Path, tool: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        support = toolkit.read(path).support
    of_server = support[support["service"].isin([SERVICE, ADDRESS])]
    return of_server.assign(service=SERVICE, tool=tool, round=f"tools-sample, {tool}", address="127.0.0.1")


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    make(RECORD).to_csv(FOLDER)

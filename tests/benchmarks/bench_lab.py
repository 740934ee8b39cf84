"""How fast the lab is, in one run: `python tests/benchmarks/bench_lab.py`.

Served: looks per second by the collector, with both processes on the machine's cores, and the CPU that each spent.
Simulated: the same looks drawn and made into tables, without a server.
"""

import os
import sys
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from toolkit.collection import Limits, observe
from toolkit.lab import Lab, SamplingPlan, draw_looks, scenario, simulate, tell_truth

LOOKS = 1_000
RUNS = 50


def served() -> None:
    """Looks per second at each kind of server."""
    began = time.perf_counter()
    with Lab("year", seed=1) as lab:
        print(f"year: servers ready after {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        for _ in range(100):
            lab.clock.advance(timedelta(minutes=1))
        print(f"year: the clock is turned in {(time.perf_counter() - began) * 10:.2f} ms")
        print(f"{'looks per second by the collector, 8 at a time':50} {'per s':>7} {'client ms':>10} {'server ms':>10}")
        kinds = {
            "smtp, Python's ssl, EC": "smtp://mx.lab.test:25",
            "smtp, Python's ssl, RSA": "smtp://relay.lab.test:587",
            "smtps, Python's ssl, RSA": "smtps://submit.lab.test:465",
            "https, pyOpenSSL, EC, ML-KEM": "https://www.lab.test:443",
            "smtp, tlslite-ng, RSA": "smtp://legacy.lab.test:25",
        }
        for kind, service in kinds.items():
            looks = LOOKS // 10 if "tlslite" in kind else LOOKS
            target = next(target for target in lab.targets if target.service == service)
            client, server, began = time.process_time(), _cpu(lab), time.perf_counter()
            found = observe(
                target, samples=looks, clock=lab.clock, limits=Limits(per_host=8), progress=False
            ).observations
            took = time.perf_counter() - began
            assert (found["outcome"] == "ok").all()
            spent = (time.process_time() - client, _cpu(lab) - server)
            print(f"{kind:50} {looks / took:7.0f} {spent[0] / looks * 1e3:10.2f} {spent[1] / looks * 1e3:10.2f}")


def simulated() -> None:
    """Runs and rows per second of the fast path."""
    print(f"\n{'fast path':50} {'looks':>7} {'truth ms':>10} {'draw ms':>10} {'tables ms':>10}")
    for name in ("slow-rollout", "anycast", "year"):
        asked = scenario(name)
        spent, looks = [0.0, 0.0, 0.0], 0
        for seed in range(RUNS):
            drawn = asked.schedule(seed)
            plan = SamplingPlan.every(timedelta(hours=6), drawn.begins_at, drawn.ends_at, samples=3)
            times = [time.perf_counter()]
            tell_truth(drawn, seed)
            times.append(time.perf_counter())
            draw_looks(drawn, seed, plan)
            times.append(time.perf_counter())
            looks += len(simulate(drawn, seed, plan).observations)
            times.append(time.perf_counter())
            spent = [total + end - begin for total, (begin, end) in zip(spent, pairwise(times), strict=True)]
        columns = " ".join(f"{total / RUNS * 1e3:10.1f}" for total in spent)
        print(f"{name:50} {looks // RUNS:7} {columns}")


def _cpu(lab: Lab) -> float:
    """CPU seconds of the servers so far."""
    pid = lab._servers._process.pid  # type: ignore[union-attr]
    # proc(5): fields 14 and 15, counted behind the name in brackets.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    served()
    simulated()

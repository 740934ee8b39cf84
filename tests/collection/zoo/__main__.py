"""The zoo as a process of its own: prints the port of each animal, and after each line that it reads the connections
that each has had since the last.

So the memory and the processor time of the servers are not those of the client that is tested.
"""

import json
import sys
from collections import Counter

from tests.collection.servers import Handler, Loopback, Reader, Writer
from tests.collection.zoo import ANIMALS
from tests.collection.zoo.animals import Animal, Visit


def cage(animal: Animal, visits: Counter[str]) -> Handler:
    """The handler of the animal's port."""

    async def handle(reader: Reader, writer: Writer) -> None:
        visits[animal.name] += 1
        await animal.behaviour(Visit(reader, writer))

    return handle


def main() -> None:
    visits: Counter[str] = Counter()
    with Loopback() as loopback:
        say({animal.name: loopback.serve(cage(animal, visits)) for animal in ANIMALS})
        for _ in sys.stdin:
            say(dict(visits))
            visits.clear()


def say(numbers: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()


main()

"""The zoo as a process of its own: prints the port of each animal, and after each line that it reads the connections
that each has had since the last.

So the memory and the processor time of the servers are not those of the client that is tested.
"""

import json
import sys
from collections import Counter

from tests.collection.servers import Handler, Loopback, Reader, Writer
from tests.collection.zoo import ANIMALS
from tests.collection.zoo.animals import Animal, Connection


def cage(animal: Animal, connections: Counter[str]) -> Handler:
    """The handler of the animal's port."""

    async def handle(reader: Reader, writer: Writer) -> None:
        connections[animal.name] += 1
        await animal.behaviour(Connection(reader, writer))

    return handle


def main() -> None:
    connections: Counter[str] = Counter()
    with Loopback() as loopback:
        say({animal.name: loopback.serve(cage(animal, connections)) for animal in ANIMALS})
        for _ in sys.stdin:
            say(dict(connections))
            connections.clear()


def say(numbers: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()


main()

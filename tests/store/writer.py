"""A process of its own that appends to a store: `writer.py FOLDER NAME ROUNDS`; a line for each append done."""

import sys

from tests.store.tables import tables_of_hour
from toolkit.store import Store


def main(folder: str, name: str, rounds: str) -> None:
    store = Store(folder)
    for hour in range(int(rounds)):
        store.append(tables_of_hour(hour, writer=name))
        sys.stdout.write(f"{hour}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

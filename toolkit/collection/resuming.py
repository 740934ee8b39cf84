"""What a store has of a round that is resumed, or of a shard that is made again."""

from collections.abc import Collection

from toolkit.collection.planning import LookKey
from toolkit.errors import UsageError
from toolkit.store import Store


def looks_made(store: Store, name: str, services: Collection[str] | None = None) -> set[LookKey]:
    """The keys of the looks that the store has of this round and these services; None: of all services."""
    looks = store.looks_of(name, services=services).drop(columns="round").astype(object)
    return set(looks.where(looks.notna(), None).itertuples(index=False, name=None))


def looks_to_resume(store: Store, name: str) -> set[LookKey]:
    """The keys of the looks that the store has of this round; `UsageError` where it has no such round."""
    made = looks_made(store, name)
    if not made and not store.has_round(name):
        raise UsageError(f"resume={name!r}: {store.path} has no such round. Leave it out to begin a new round.")
    return made


def how_to_resume(name: str) -> str:
    """The argument that resumes the round, in Python and in a shell."""
    return f"resume={name!r} (--resume {name})"

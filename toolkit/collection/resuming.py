"""What a store has of a round that is resumed, or of a shard that is made again."""

from collections.abc import Collection, Iterable

from toolkit import text
from toolkit.collection.planning import LookKey
from toolkit.errors import UsageError
from toolkit.store import Store
from toolkit.store.counting import services_of_round
from toolkit.targets import MailDomain, Target


def looks_made(store: Store, name: str, services: Collection[str] | None = None) -> set[LookKey]:
    """The keys of the looks that the store has of this round and these services; None: of all services."""
    looks = store.looks_of(name, services=services).drop(columns="round").astype(object)
    return set(looks.where(looks.notna(), None).itertuples(index=False, name=None))


def looks_to_resume(store: Store, name: str, targets: Iterable[Target | MailDomain]) -> set[LookKey]:
    """The keys of the looks that the store has of this round.

    `UsageError` where it has no such round, and for targets that the round did not have. The servers of a mail domain
    are not compared: they may have changed since.
    """
    made, services = looks_made(store, name), services_of_round(store, name)
    if not services:
        raise UsageError(f"resume={name!r}: {store.path} has no such round. Leave it out to begin a new round.")
    others = [target for target in targets if isinstance(target, Target) and target.service not in services]
    if others:
        raise UsageError(
            f"resume={name!r}: that round did not have {text.enumerated(others, most=3)}. Leave them out, or observe "
            "them in a new round, without resume (--resume)."
        )
    return made


def how_to_resume(name: str) -> str:
    """The argument that resumes the round, in Python and in a shell."""
    return f"resume={name!r} (--resume {name})"

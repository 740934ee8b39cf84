"""What a store has of a round that is resumed, or of a shard that is made again."""

from collections.abc import Collection, Iterable

from toolkit import text
from toolkit.collection.planning import LookKey
from toolkit.errors import UsageError
from toolkit.store import Store
from toolkit.store.counting import begun_with
from toolkit.targets import MailDomain, Target


def looks_made(store: Store, name: str, services: Collection[str] | None = None) -> set[LookKey]:
    """The keys of the looks that the store has of this round and these services; None: of all services."""
    looks = store.looks_of(name, services=services).drop(columns="round").astype(object)
    return set(looks.where(looks.notna(), None).itertuples(index=False, name=None))


def looks_to_resume(store: Store, name: str, targets: Iterable[Target | MailDomain]) -> set[LookKey]:
    """The keys of the looks that the store has of this round.

    `UsageError` where it has no such round, for the round of a survey, and for targets that the round did not have. The
    servers of a mail domain are not compared, because they may have changed since; nor are the domains of a round that
    an earlier version began, which did not keep them.
    """
    services, settings = begun_with(store, name)
    if not settings:
        raise UsageError(
            f"resume={name!r}: {store.path} has no such round. Leave resume (--resume) out to begin a new round."
        )
    if any("parts" in each for each in settings):
        raise UsageError(
            f"resume={name!r}: that round is a survey, and only rounds of collect and watch are resumed. Make the "
            "survey again, or leave resume (--resume) out to begin a new round."
        )
    domains = _mail_domains(settings)

    def is_of_round(target: Target | MailDomain) -> bool:
        if isinstance(target, Target):
            return target.service in services
        return domains is None or target.name in domains

    others = [target for target in targets if not is_of_round(target)]
    if others:
        raise UsageError(
            f"resume={name!r}: that round did not have {text.enumerated(others, most=3)}. Leave them out, or observe "
            "them in a new round, without resume (--resume)."
        )
    return looks_made(store, name)


def _mail_domains(settings: Iterable[dict[str, object]]) -> set[str] | None:
    """The mail domains of the round; None where a row of it does not have them."""
    domains: set[str] = set()
    for each in settings:
        kept = each.get("mail_domains")
        if not isinstance(kept, list):
            return None
        domains.update(map(str, kept))
    return domains


def how_to_resume(name: str) -> str:
    """The argument that resumes the round, in Python and in a shell."""
    return f"resume={name!r} (--resume {name})"

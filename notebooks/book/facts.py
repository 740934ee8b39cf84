"""The pages of facts: the rules of each policy, and the offers, from `toolkit.reference`."""

from datetime import datetime
from typing import Final

from notebooks.book.docstrings import in_cell
from toolkit.reference import groups, offers, signature_schemes, suites
from toolkit.reference.offer import Offer
from toolkit.reference.rules import Rule, policies

_POLICIES: Final = """\
# Policies

A policy is a set of dated rules. `toolkit.judge(tables, "ietf")` and `tls-toolkit check SOURCE --policy ietf` judge
observations by one. A rule binds (`must`), advises (`should`), or is what an operator published about its servers.
It holds from its first day on, and before the day on which it ends. The last column says how that day is known.

A file of the same columns is a policy as well: `toolkit.judge(tables, "mine.csv")`.

```{contents}
:local:
```
"""

_OFFERS: Final = """\
# Offers

An offer is a ClientHello, frozen under a name. Its short name means the newest of its kind. `toolkit.observe(target,
offers=("any", "rsa"))` and `tls-toolkit observe TARGET --offer any --offer rsa` send one after the other.

| name | short name | since | versions | suites | groups | key shares | what it is for |
|---|---|---|---|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Path → text of the pages of policies and offers."""
    known = {offer.name: offer for offer in offers().values()}
    rules = "\n".join(_policy(name, found) for name, found in sorted(policies().items()))
    listed = "".join(map(_offer_row, known.values())) + "\n" + "\n".join(map(_offer, known.values()))
    return {"reference/policies.md": _POLICIES + "\n" + rules, "reference/offers.md": _OFFERS + listed}


def _policy(name: str, rules: tuple[Rule, ...]) -> str:
    head = "| rule | level | required | from | until | by | how the day is known |\n|---|---|---|---|---|---|---|\n"
    return f"## {name}\n\n{head}{''.join(map(_rule, rules))}"


def _rule(rule: Rule) -> str:
    authority = f"[{in_cell(rule.authority)}]({rule.url})" if rule.url else in_cell(rule.authority)
    cells = (f"`{rule.rule}`", rule.level, in_cell(rule.required), _day(rule.since), _day(rule.until), authority,
             in_cell(rule.date_basis))  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _day(instant: datetime | None) -> str:
    return f"`{instant:%Y-%m-%d}`" if instant else ""


def _offer_row(offer: Offer) -> str:
    alias = f"`{offer.alias}`" if offer.alias else ""
    versions = " to ".join(dict.fromkeys((offer.versions[0], offer.versions[-1])))
    counts = (str(len(listed)) for listed in (offer.suites, offer.groups, offer.key_shares))
    cells = (f"[`{offer.name}`](#{offer.name})", alias, f"`{offer.since}`", versions, *counts, in_cell(offer.meaning))
    return f"| {' | '.join(cells)} |\n"


def _offer(offer: Offer) -> str:
    """The contents of an offer, in the order in which they are sent."""
    parts = {
        "Versions": offer.versions,
        "Suites": [suites()[code].name for code in offer.suites],
        "Groups": [groups()[code].name for code in offer.groups],
        "Key shares": [groups()[code].name for code in offer.key_shares],
        "Signature schemes": [signature_schemes()[code].name for code in offer.signature_schemes],
    }
    listed = "".join(f"- {what}: {', '.join(f'`{name}`' for name in names) or '–'}\n" for what, names in parts.items())
    return f"({offer.name})=\n\n## {offer.name}\n\n{offer.meaning.capitalize()}.\n\n{listed}"

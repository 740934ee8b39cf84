"""Small schedules made by hand, whose truth can be read off."""

from datetime import UTC, datetime, timedelta

from toolkit.lab import Backend, Issue, Schedule, Service, Switch

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def issue(number: int, key_type: str = "RSA", host: str = "mx.lab.test") -> Issue:
    issuer = "R1" if key_type == "RSA" else "E1"
    return Issue((host,), key_type, number, issuer, day(number * 10 - 5), day(number * 10 + 25))


def backend(*switches: tuple[float, int | None], key_type: str = "RSA", **options: str) -> Backend:
    """A backend that switches to the numbered issues on the given days."""
    return Backend(tuple(Switch(day(at), key_type, number) for at, number in switches), **options)


def schedule(*backends: Backend, scheme: str = "smtp", issues: int = 4, **options: object) -> Schedule:
    service = Service(scheme, "mx.lab.test", backends, **options)  # type: ignore[arg-type]
    return Schedule("by hand", BEGIN, day(60), tuple(issue(number) for number in range(issues)), (service,))

"""A calendar (RFC 5545): the end of each certificate in use, and the other findings on the day that was judged."""

import hashlib
from datetime import timedelta

from icalendar import Calendar, Event

from toolkit.checking.formats.judged import CheckRow, Judged


def write(judged: Judged) -> str:
    """An event of a day for each row with an end, and for each other finding; the same event keeps its UID."""
    calendar = Calendar()
    calendar.add("prodid", "-//tls-toolkit//check//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"TLS: {judged.harmless_source}")
    calendar.add("comment", judged.summary)
    written = set()
    for row in judged.rows():
        uid = _uid(row)
        if (row.ends_at is not None or row.state == "finding") and uid not in written:
            written.add(uid)
            calendar.add_component(_event(row, uid, judged))
    return str(calendar.to_ical().decode())


def _event(row: CheckRow, uid: str, judged: Judged) -> Event:
    event = Event()
    day = (row.ends_at or judged.now).date()
    event.add("uid", f"{uid}@tls-toolkit")
    event.add("dtstamp", judged.now.to_pydatetime())
    event.add("dtstart", day)
    if day.toordinal() < day.max.toordinal():
        event.add("dtend", day + timedelta(days=1))
    event.add(
        "summary", f"{row.service}: {row.title}" if row.state == "finding" else f"{row.service}: certificate ends"
    )
    event.add("description", "\n".join(filter(None, (row.message, row.advice, row.finding_id))))
    event.add("categories", [row.severity or row.state])
    event.add("transp", "TRANSPARENT")
    return event


def _uid(row: CheckRow) -> str:
    """The certificate and its place, or, of a row without an end, the finding."""
    if row.ends_at is None:
        return row.finding_id
    place = "\x00".join((row.service, row.server_name, row.leaf_sha256, row.ends_at.isoformat()))
    return hashlib.sha256(place.encode()).hexdigest()[:16]

"""The simulated GitHub's clock, which tests can turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """What time it is on GitHub.

    `advance` turns the clock that stamps things and lets installation tokens expire. App JWTs are judged on `wall`,
    since the App that signs them lives on real time: turning a test's hour forward must not lock the App out for ever.
    `skew` (seconds) makes GitHub's and the App's machines disagree on purpose.
    """

    def __init__(self) -> None:
        self._turned = timedelta()
        self.skew = 0.0

    def now(self) -> datetime:
        """The time for stamps and token lifetimes, in UTC and in whole seconds as GitHub gives it."""
        return self.exact().replace(microsecond=0)

    def exact(self) -> datetime:
        """The same time with its microseconds, as the lines of a job's log carry it."""
        return datetime.now(UTC) + self._turned

    def wall(self) -> float:
        """Real time plus `skew`, in seconds since the epoch."""
        return datetime.now(UTC).timestamp() + self.skew

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass at once."""
        self._turned += timedelta(seconds=seconds)


def stamp(moment: datetime) -> str:
    """A time as GitHub writes it: `2026-01-31T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_stamp(text: str) -> datetime:
    """Read an ISO 8601 time; raises ValueError. A time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

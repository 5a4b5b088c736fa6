"""Placeholder."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ScheduledTime:
    sent: str
    shown: str


def scheduled_time(text: str, now: datetime) -> ScheduledTime:
    return ScheduledTime(text, text)

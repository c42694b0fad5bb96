"""What a review of a pull request asks for, as far as its own words say it."""

from __future__ import annotations

from dataclasses import dataclass

from ove_gh.commands import Command, Continue, Fix, Plain, read_command, read_request
from ove_gh.tasks import Priority


@dataclass(frozen=True, slots=True)
class Wish:
    """The words of a review as a request for work; `text` can be empty, the review's comments say the rest."""

    text: str
    priority: Priority = Priority.NORMAL


def wish_of(body: str, slug: str) -> Wish:
    """What the body of a review asks for, without the mention; nothing when it is a command, which is obeyed."""
    request = read_request(body, slug)
    if request is None:
        return Wish(body.strip())
    return work_of(read_command(request)) or Wish("")


def work_of(command: Command) -> Wish | None:
    """What a command asks the agent to do here; None for one that means something else."""
    match command:
        case Plain(text, priority) | Fix(text, priority):
            return Wish(text, priority)
        case Continue(hint):
            return Wish(f"Continue. {hint}".strip())
    return None

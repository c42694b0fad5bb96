"""The short answers to commands: the list of them, and what is said to those that change or find nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ove_gh.comments.frame import command, comment, listing
from ove_gh.typesetting import code, folded, link, money

# --- the list of commands ---


def help(  # noqa: A001 it is what people write
    rows: Sequence[tuple[str, str]], slug: str, unknown: str | None = None, nearest: str | None = None
) -> str:
    """The list of commands, open when it was asked for, folded below a word that is none of them.

    Each row is how a command is written behind the App's name, and what it does, as a sentence of ours in Markdown.
    `unknown` is what somebody wrote; `nearest` is the command it resembles.
    """
    if unknown is None:
        return comment(_in_your_own_words(slug), _commands(rows), f"<sub>{_how_to_read_them(slug)}</sub>")
    meant = f"Did you mean {command(slug, nearest)}?" if nearest else _in_your_own_words(slug)
    return comment(f"I do not know {code(unknown, 60)}. {meant}", folded("What I know", _commands(rows)))


def _in_your_own_words(slug: str) -> str:
    return f"Write {command(slug, '')} and what you want, in your own words, or one of these:"


def _commands(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {code(usage, 100)}: {does[:1].lower()}{does[1:]}" for usage, does in rows)


def _how_to_read_them(slug: str) -> str:
    return (
        "Capitals stand for your own words; what is in brackets can be left out. "
        f"{code('urgent:')}, {code('important:')} or {code('low:')} in front says how soon you want it, "
        f"as in {command(slug, 'urgent: fix')}."
    )


# --- stop, retry, continue ---


def nothing_to_stop(login: str) -> str:
    """The answer to `stop` when no task of the thread is unfinished."""
    return f"@{login}, there is nothing to stop: I have no work in this thread."


def nothing_to_retry(login: str, slug: str) -> str:
    """The answer to `retry` and `continue` in a thread without any task."""
    return f"@{login}, I have done nothing here yet. Write {command(slug, '')} and what you want."


def still_at_it(status_url: str | None) -> str:
    """The answer to `retry` and `continue` while the last task is unfinished."""
    return f"I am still at it: {link('this is how far I am', status_url)}." if status_url else "I am still at it."


# --- budget ---

_HIGHEST = 999_999
"""The highest amount that a command takes, in dollars."""


def budget_set(dollars: float, spent: float, slug: str) -> str:
    """All tasks of this thread may cost `dollars` together from now on; they have cost `spent` so far."""
    return comment(
        f"This thread may now cost up to **{money(dollars)}** in all; {money(spent)} of it is spent so far."
        if spent < dollars
        else f"This thread may now cost up to **{money(dollars)}** in all. "
        f"That is used up: it has cost {money(spent)} so far.",
        f"<sub>{command(slug, 'budget')} shows how much it is.</sub>",
    )


def budget_is(dollars: float | None, spent: float, most: float, slug: str) -> str:
    """What all tasks of this thread may cost together, and how much is spent so far.

    `dollars` is None when nobody has set that; `most` is what the operator allows each task.
    """
    so_far = f"This thread has cost {money(spent)} so far"
    if dollars is None:
        now, change = f"{so_far}. Each task may cost up to **{money(most)}**, as usual.", "limit the whole thread"
    else:
        now, change = f"{so_far}, and may cost up to **{money(dollars)}** in all.", "change it"
    example = command(slug, f"budget {_higher(most if dollars is None else dollars, spent)}")
    return comment(now, f"<sub>To {change}, write an amount, such as {example}.</sub>")


def budget_used_up(dollars: float, spent: float, slug: str) -> str:
    """The detail of a failure: nothing is left of a thread's budget, and how to raise it."""
    raises = f"@{slug} budget {_higher(dollars, spent)}"
    return f"the budget of {money(dollars)} for this thread is used up; “{raises}” raises it"


def _higher(dollars: float, spent: float) -> str:
    """An amount that leaves something to spend, as people write it into a command."""
    return _amount(min(max(0.02, 2 * dollars, 2 * spent), _HIGHEST))


def _amount(dollars: float) -> str:
    """A number as people write it into a command: `5`, `2.50`."""
    return f"{dollars:.0f}" if round(dollars, 2) == round(dollars) else f"{dollars:.2f}"


# --- model ---


def model_set(name: str | None) -> str:
    """The thread has a model of its own from now on; None: it has none any more."""
    if name is None:
        return "From my next turn on I work with the usual model in this thread again."
    return f"From my next turn on I work with {code(name, 100)} in this thread."


def model_is(name: str | None, slug: str) -> str:
    """Which model the thread has; None when nobody has chosen one."""
    now = f"I work with {code(name, 100)} in this thread." if name else "I work with the usual model in this thread."
    change = f"To change it, write {command(slug, 'model')} and a model’s name"
    back = f"; {command(slug, 'model default')} goes back to the usual one" if name else ""
    return comment(now, f"<sub>{change}{back}.</sub>")


def model_refused(name: str, allowed: Sequence[str] = ()) -> str:
    """The answer to the name of a model that cannot be had; `allowed` are some that can."""
    instead = f" I can work with {listing([code(each, 100) for each in allowed], 8)}." if allowed else ""
    return f"I cannot work with a model called {code(name, 100)}. Nothing has changed.{instead}"

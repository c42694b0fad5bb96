"""Where the comments of reviews belong in a diff: when they are made, and after the branch has moved on."""

from __future__ import annotations

from dataclasses import dataclass

from ove_gh.demo.github.bare import FileChange, GitFailed
from ove_gh.demo.github.diff_lines import DiffLine, Side, follow, hunk_up_to, line_at, read_patch
from ove_gh.demo.github.pull_numbers import comparison
from ove_gh.demo.github.records import Pull
from ove_gh.demo.github.refusals import Refused
from ove_gh.demo.github.review_records import Anchor, InlineComment, ReviewComment

_THREAD = "Pull request review thread"
_NO_HUNK = f"{_THREAD} diff hunk can't be blank"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comment stands in the diff as it is now. An outdated one has no line: what it was about has changed."""

    commit_id: str
    line: int | None = None
    start_line: int | None = None
    position: int | None = None


def anchor(pull: Pull, commit: str, comment: InlineComment) -> Anchor:
    """Find the lines that somebody comments on; raises Refused with 422 when the diff does not show them.

    The sentences are those that Enterprise Server gives; github.com has come to say less: `Line could not be resolved`.
    """
    shown = _diff(pull, commit, comment.path)
    if shown is None:
        raise not_in_diff(f"{_THREAD} path is invalid and {_NO_HUNK}")
    last = line_at(shown, comment.line, comment.side)
    if last is None:
        raise not_in_diff(f"{_THREAD} line must be part of the diff and {_NO_HUNK}")
    start_side = None
    if comment.start_line is not None:
        start_side = comment.start_side or comment.side
        _check_start(shown, comment.start_line, start_side, last)
    return Anchor(
        commit_id=commit,
        path=comment.path,
        line=comment.line,
        side=comment.side,
        start_line=comment.start_line,
        start_side=start_side,
        position=last.position,
        diff_hunk=hunk_up_to(shown, last),
    )


def _check_start(shown: tuple[DiffLine, ...], number: int, side: Side, last: DiffLine) -> None:
    first = line_at(shown, number, side)
    if first is None or first.hunk != last.hunk:
        raise not_in_diff(f"{_THREAD} start line must be part of the same hunk as the line.")
    if first.position >= last.position:
        raise not_in_diff(f"{_THREAD} start line must precede the end line.")


def not_in_diff(sentence: str) -> Refused:
    """422, with a sentence instead of fields: so the endpoint for reviews answers."""
    return Refused(422, "Unprocessable Entity", (sentence,))


def place_of(comment: ReviewComment) -> Place:
    """Where a comment stands now: its lines move with the code, and are gone when that has changed."""
    pull, made = comment.pull, comment.anchor
    outdated = Place(made.commit_id)
    line = _followed(pull, made, made.line, made.side)
    start = _followed(pull, made, made.start_line, made.start_side) if made.start_line and made.start_side else None
    if line is None or (made.start_line and start is None):
        return outdated
    shown = line_at(_diff(pull, pull.head_sha, made.path) or (), line, made.side)
    return Place(pull.head_sha, line, start, shown.position) if shown else outdated


def _followed(pull: Pull, made: Anchor, number: int, side: Side) -> int | None:
    if side == "LEFT" or made.commit_id == pull.head_sha:
        return number
    change = _change(pull.repository.git.differences(made.commit_id, pull.head_sha), made.path)
    if change is None:
        return number
    return None if change.status == "removed" else follow(read_patch(change.patch), number)


def _diff(pull: Pull, commit: str, path: str) -> tuple[DiffLine, ...] | None:
    """What a pull request shows of a file, at its head or at an earlier commit; None when it does not touch it."""
    git, base = pull.repository.git, comparison(pull).base
    try:
        change = _change(git.compare(base, commit).files, path)
    except GitFailed:
        return None
    return read_patch(change.patch) if change else None


def _change(changes: tuple[FileChange, ...], path: str) -> FileChange | None:
    return next((one for one in changes if one.path == path), None)

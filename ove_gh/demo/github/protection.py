"""Protected branches: who may push to them, and how git says no.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches
https://git-scm.com/docs/githooks#proc-receive
"""

from __future__ import annotations

import sys
from pathlib import Path

from ove_gh.demo.github.records import Actor, Repository
from ove_gh.demo.github.refusals import Refused

_HOOK = """\
import sys

def read():
    length = int(sys.stdin.buffer.read(4), 16)
    return sys.stdin.buffer.read(length - 4) if length else b""

def write(line):
    sys.stdout.buffer.write(b"%04x%s" % (len(line) + 4, line))

while read():
    pass
write(b"version=1\\n")
sys.stdout.buffer.write(b"0000")
sys.stdout.buffer.flush()
while command := read():
    ref = command.split()[2]
    print("error: GH006: Protected branch update failed for %s." % ref.decode(), file=sys.stderr)
    print("\\n- Changes must be made through a pull request.", file=sys.stderr, flush=True)
    write(b"ng %s protected branch hook declined" % ref)
sys.stdout.buffer.write(b"0000")
"""


def may_push(actor: Actor, repository: Repository, branch: str) -> bool:
    """Whether somebody may push to a branch: to a protected one its own list may, and an admin who is a person."""
    allowed = repository.protected.get(branch)
    if allowed is None or actor.user.login.lower() in allowed:
        return True
    return actor.installation is None and repository.allows(actor.user, "admin")


def check_push(actor: Actor, repository: Repository, branch: str) -> None:
    """Raise Refused when a branch is protected from somebody's pushes."""
    if not may_push(actor, repository, branch):
        message = f"GH006: Protected branch update failed for refs/heads/{branch}."
        raise Refused(403, f"{message} Changes must be made through a pull request.")


def git_settings(folder: Path, actor: Actor, repository: Repository) -> dict[str, str]:
    """The environment that lets git refuse somebody's pushes to protected branches, and to no others."""
    closed = [branch for branch in repository.protected if not may_push(actor, repository, branch)]
    if not closed:
        return {}
    settings = [("core.hooksPath", str(_hooks(folder)))]
    settings += [("receive.procReceiveRefs", f"refs/heads/{branch}") for branch in closed]
    given = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (name, value) in enumerate(settings):
        given |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    return given


def _hooks(folder: Path) -> Path:
    """A folder with nothing but our own hook, which refuses every ref that it is given."""
    hooks = folder / "protected branch hooks"
    hook = hooks / "proc-receive"
    if not hook.exists():
        hooks.mkdir()
        hook.write_text(f"#!{sys.executable} -IS\n{_HOOK}")
        hook.chmod(0o755)
    return hooks

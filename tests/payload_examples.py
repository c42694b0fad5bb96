"""GitHub's published example payloads, from the npm package @octokit/webhooks-examples.

They are other people's files, so they are not in this repository: the first test that asks puts them into `.cache/`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "@octokit/webhooks-examples@7.6.1"
MEMBER = "package/api.github.com/index.json"
SHA256 = "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815"
CACHE = Path(__file__).parent.parent / ".cache"
EXAMPLES = CACHE / f"webhooks-examples-{SHA256[:12]}.json"


class ExamplesUnavailable(Exception):
    """The package could not be installed; the text says why."""


def example_payloads(event: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    """All example payloads of one event ("issues", "push"), each as (event, payload).

    To be called within a test or a fixture. Where the package cannot be had, the test is skipped with the reason, or
    fails when CI=true.
    """
    examples = _examples()
    if isinstance(examples, ExamplesUnavailable):
        if os.environ.get("CI") == "true":
            pytest.fail(f"GitHub's example payloads are missing: {examples}", pytrace=False)
        pytest.skip(f"GITHUB'S EXAMPLE PAYLOADS WERE NOT TRIED: {examples}")
    return tuple((event, payload) for payload in examples[event])


@cache
def _examples() -> dict[str, list[dict[str, Any]]] | ExamplesUnavailable:
    try:
        return {entry["name"]: entry["examples"] for entry in json.loads(_installed().read_bytes())}
    except ExamplesUnavailable as error:
        return error  # remembered, so that every further test does not wait for npm again


def _installed() -> Path:
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "webhooks-examples.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side: the first installs, the others wait for it
        if not EXAMPLES.exists():
            _install()
    return EXAMPLES


def _install() -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        content = _unpacked(_packed(Path(folder)))
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise ExamplesUnavailable(f"{PACKAGE} holds other examples than the ones that were looked at")
        part = Path(folder) / "index.json"
        part.write_bytes(content)
        part.replace(EXAMPLES)


def _packed(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise ExamplesUnavailable("npm is not installed")
    # `npm pack` fetches the one archive, runs nothing of it, and leaves its dependencies alone. npm keeps this user's
    # environment: which registry to ask, and through which proxy, stands there.
    command = [npm, "pack", PACKAGE, "--pack-destination", str(folder), "--loglevel=error"]
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        raise ExamplesUnavailable("npm did not answer within three minutes") from None
    found = sorted(folder.glob("*.tgz"))
    if ended.returncode != 0 or not found:
        said = " / ".join(ended.stderr.strip().splitlines()[:4])
        raise ExamplesUnavailable(f"npm could not fetch {PACKAGE}: {said or 'it gave no reason'}")
    return found[0]


def _unpacked(archive: Path) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(MEMBER)
        if member is None:
            raise ExamplesUnavailable(f"{PACKAGE} has no {MEMBER}")
        return member.read()

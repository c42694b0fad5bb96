"""The stage of the demo and the acceptance tests: a simulated GitHub, a scripted model, a CI, and the real service.

The service is a process of its own with an environment built from nothing. It can be stopped, killed and started again
on the same data directory, on the same port.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ove_gh.demo.ci import Job, Step, Workflow
from ove_gh.demo.github import App, SimulatedGitHub
from ove_gh.demo.model import ScriptedModel, Usage
from ove_gh.events import SUBSCRIBED_EVENTS
from ove_gh.github.client import APP_PERMISSIONS

SLUG = "ove"
REPOSITORY = "acme/shop"
MODEL_KEY = "sk-ant-made-up-for-the-simulated-model"
STOP_SECONDS = 10.0

SHOP_FILES = {
    ".gitignore": "__pycache__/\n",
    "README.md": "# shop\n\nA small shop. `cart.py` adds up what somebody wants to buy, `page.py` shows it.\n",
    "CLAUDE.md": "Python only, no dependencies. Tests are plain asserts: `python3 test_cart.py`.\n",
    "cart.py": (
        '"""The cart."""\n\n'
        "from decimal import Decimal\n\n\n"
        "class Cart:\n"
        '    """What somebody wants to buy: (price, quantity) for each item."""\n\n'
        "    def __init__(self) -> None:\n"
        "        self.items: list[tuple[Decimal, int]] = []\n\n"
        "    def add(self, price: str, quantity: int = 1) -> None:\n"
        "        self.items.append((Decimal(price), quantity))\n\n"
        "    def average(self) -> Decimal:\n"
        '        """The average price of one piece."""\n'
        "        pieces = sum(quantity for _, quantity in self.items)\n"
        "        return sum(price * quantity for price, quantity in self.items) / pieces\n"
    ),
    "test_cart.py": (
        "from decimal import Decimal\n\n"
        "from cart import Cart\n\n"
        "cart = Cart()\n"
        'cart.add("2.50", 2)\n'
        'cart.add("4.00")\n'
        'assert cart.average() == Decimal("3.00")\n'
        'print("ok")\n'
    ),
    "page.py": (
        '"""The page that shows the cart."""\n\n'
        "from cart import Cart\n\n\n"
        "def average(cart: Cart) -> str:\n"
        '    """The average price of one piece as the page shows it: with cents, or a dash where there is none."""\n'
        "    try:\n"
        "        return str(cart.average())\n"
        "    except ZeroDivisionError:\n"
        '        return "-"\n'
    ),
    "test_page.py": (
        "import re\n\n"
        "from cart import Cart\n"
        "from page import average\n\n"
        "full = Cart()\n"
        'full.add("2.50", 2)\n'
        'full.add("4.00")\n'
        "for cart in (full, Cart()):\n"
        "    shown = average(cart)\n"
        '    assert re.fullmatch(r"\\d+\\.\\d\\d|-", shown), f"the page shows {shown!r}, without cents"\n'
        'print("ok")\n'
    ),
}

SHOP_JOBS = (
    Job(
        "test",
        (Step("Test the cart", ("python3", "test_cart.py")), Step("Test the page", ("python3", "test_page.py"))),
    ),
)
"""The shop's own CI. It is green on the default branch, and runs more than CLAUDE.md names."""


class ServiceDied(Exception):
    """The service ended although nobody stopped it; the message holds its last log lines."""


@dataclass(slots=True)
class Service:
    """`ove-gh serve` as a process. `log` is the file that its log lines go to."""

    environment: Mapping[str, str]
    url: str
    log: Path
    process: asyncio.subprocess.Process | None = field(default=None)

    async def start(self) -> None:
        """Start the process and return when its door is open; raises ServiceDied."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ove_gh", "serve"),
                env=dict(self.environment),
                cwd=self.log.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        host, port = self.url.removeprefix("http://").split(":")
        while self.process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                return
            await asyncio.sleep(0.02)
        raise ServiceDied(self.tail())

    async def kill(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and wait for the end. Returns the exit status; raises TimeoutError after ten seconds."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()

    async def restart(self, **changes: str) -> None:
        """Start again after a stop or a kill, with some settings changed."""
        self.environment = {**self.environment, **changes}
        await self.start()

    def tail(self, lines: int = 40) -> str:
        """The newest log lines."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that stands on the stage. People: alice and bob may write to `acme/shop`, mallory may not."""

    github: SimulatedGitHub
    model: ScriptedModel
    ci: Workflow
    app: App
    service: Service
    data_dir: Path


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    usage: Usage | None = None,
    jobs: Sequence[Job] = (),
) -> AsyncIterator[Stage]:
    """Set the stage in an empty folder and start the service.

    `settings` are more of the service's environment variables, `jobs` what CI runs on each pushed commit.
    """
    async with (
        SimulatedGitHub.running() as github,
        ScriptedModel.running(api_key=MODEL_KEY, usage=usage) as model,
    ):
        url = f"http://127.0.0.1:{_free_port()}"
        secret = secrets.token_hex(16)
        app = github.create_app(
            SLUG,
            permissions=dict(APP_PERMISSIONS),
            events=sorted(SUBSCRIBED_EVENTS),
            webhook_secret=secret,
        )
        _populate(github, app)
        data_dir = folder / "data"
        data_dir.mkdir(exist_ok=True)
        environment = _environment(folder, github, model, app, url, secret) | dict(settings or {})
        service = Service(environment, url, folder / "service.log")
        try:
            await service.start()
            github.set_webhook_url(app, f"{url}/api/github/webhooks")
            async with Workflow(github, REPOSITORY, jobs) as ci:
                yield Stage(github, model, ci, app, service, data_dir)
        finally:
            await _end(service)


def _populate(github: SimulatedGitHub, app: App) -> None:
    for login in ("alice", "bob", "mallory"):
        github.create_user(login)
    github.create_repository(REPOSITORY, SHOP_FILES)
    github.grant(REPOSITORY, "alice", "write")
    github.grant(REPOSITORY, "bob", "write")
    github.install(app, REPOSITORY)


def _environment(
    folder: Path, github: SimulatedGitHub, model: ScriptedModel, app: App, url: str, secret: str
) -> dict[str, str]:
    """The service's whole environment: nothing of this process's own but the way to Python and to programs."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    host, port = url.removeprefix("http://").split(":")
    return {
        "APP_ID": str(app.app_id),
        "PRIVATE_KEY": app.private_key_pem,
        "WEBHOOK_SECRET": secret,
        "HOST": host,
        "PORT": port,
        "GITHUB_API_URL": github.api_url,
        "GITHUB_SERVER_URL": github.server_url,
        "ANTHROPIC_API_KEY": MODEL_KEY,
        "ANTHROPIC_BASE_URL": model.base_url,
        "OVE_DATA_DIR": str(folder / "data"),
        "OVE_AGENT_PATH": str(Path(sys.executable).parent),  # the agent finds this Python too
        "OVE_STATUS_INTERVAL": "0.2",
        "OVE_CI_GRACE": "0.2s",  # checks are there at the push, or never
        "OVE_LOG_FORMAT": "json",
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    """A port that is free now: the service must come back on the same one after a restart."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _end(service: Service) -> None:
    if service.process is None or service.process.returncode is not None:
        return
    try:
        await service.stop()
    except TimeoutError:
        await service.kill()
        raise

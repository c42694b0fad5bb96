"""The composition root: the only file that sees everything, and the order in which the parts start and stop.

The door opens first: a delivery can be recorded before GitHub, or the model, can be reached. Then the App learns who it
is, and the intake, the worker, the outbox and the clock begin. Each runs in one task group, so that a part that dies
stops the service loudly; its rows are taken up again at the next start.
"""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from ove_gh.agent import Finished, Limits
from ove_gh.checkout import Checkouts
from ove_gh.claude.agent import ClaudeAgent
from ove_gh.claude.launch import ModelAccess
from ove_gh.claude.leftovers import end_leftovers
from ove_gh.commanding import Commander, CommandSettings
from ove_gh.github.client import GitHub
from ove_gh.github.errors import GitHubError, GitHubUnavailable
from ove_gh.github.models import AppIdentity
from ove_gh.intake import Intake
from ove_gh.loop import Bell, backoff
from ove_gh.outbox import Sender
from ove_gh.publish import Publisher, bot_identity
from ove_gh.rules import RepositoryRules
from ove_gh.scheduler import run_every
from ove_gh.settings import Settings
from ove_gh.store.database import Database, DatabaseFailed, open_database
from ove_gh.store.transcripts import transcript_store
from ove_gh.sweeps import SECONDS_A_DAY, sweep_checks, sweep_plans, sweep_questions, sweep_traces
from ove_gh.telling import Teller
from ove_gh.timetable import ReadingFailed, Timetable
from ove_gh.watch import Watcher, WatchSettings
from ove_gh.webhook import web_app
from ove_gh.worker import Worker, WorkSettings

log = structlog.get_logger("ove_gh.app")
clock = time.time

READING = Limits(turns=4, budget_usd=0.25, seconds=90)
"""What the model may use to read when a schedule is meant to run."""


class CannotStart(Exception):
    """The service cannot run here; the message says what is in the way and what to do."""


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT. Raises CannotStart, or what stopped a part of it."""
    with _alone_in(settings.data_dir), _listening(settings) as listener:
        _clean_up_after_a_crash(settings.data_dir)
        try:
            database = await open_database(settings.database_url.get_secret_value())
        except DatabaseFailed as error:
            raise CannotStart(f"The database cannot be used: {error}. Check OVE_DATA_DIR and its free space.") from None
        try:
            await _run(settings, database, listener)
        finally:
            await database.close()
    log.info("stopped")


async def _run(settings: Settings, database: Database, listener: socket.socket) -> None:
    inbox_bell = Bell()
    web = web_app(
        database,
        path=settings.webhook_path,
        secret=settings.webhook_secret.get_secret_value(),
        clock=clock,
        on_recorded=inbox_bell.ring,
    )
    server = _Server(uvicorn.Config(web, lifespan="off", log_config=None, access_log=False, server_header=False))
    server.config.timeout_graceful_shutdown = 3
    asked_to_stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, asked_to_stop.set)
    host, port = listener.getsockname()[:2]
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]), name="web")
        working = group.create_task(_work(settings, database, inbox_bell), name="work")
        log.info("listening", url=f"http://{host}:{port}{settings.webhook_path}")
        await asked_to_stop.wait()
        log.info("stopping: running turns are given back and go on at the next start")
        working.cancel()
        server.should_exit = True
        await asyncio.wait([serving, working])


async def _work(settings: Settings, database: Database, inbox_bell: Bell) -> None:
    """Everything behind the door."""
    outbox_bell, worker_bell, ear, watch_bell, schedule_bell = (Bell() for _ in range(5))

    def ring() -> None:
        for bell in (outbox_bell, worker_bell, ear, watch_bell, schedule_bell):
            bell.ring()

    async with GitHub(
        app_id=str(settings.app_id),
        private_key=settings.private_key.get_secret_value(),
        api_url=settings.github_api_url,
        server_url=settings.github_server_url,
    ) as github:
        identity = await _identity(github)
        keep_days = settings.question_expires_after.total_seconds() / SECONDS_A_DAY
        checkouts = Checkouts(settings.data_dir)
        agent = ClaudeAgent(
            ModelAccess(
                settings.anthropic_api_key.get_secret_value(),
                settings.anthropic_base_url,
                settings.model_patience.total_seconds(),
            ),
            transcript_store(database, clock),
            home=settings.data_dir / "agents",
            service=str(settings.data_dir),
            extra_path=[str(folder) for folder in settings.agent_path],
        )
        least_seconds = settings.schedule_least_interval.total_seconds()
        rules = RepositoryRules(
            database, least_seconds=least_seconds, clock=clock, mcp_servers=settings.mcp_servers.keys()
        )
        teller = Teller(
            slug=identity.slug,
            server_url=settings.github_server_url,
            max_attempts=settings.ci_max_attempts,
            keep_days=keep_days,
        )
        publisher = Publisher(database, github, checkouts, teller, identity=identity, clock=clock, ring=ring)
        worker = Worker(
            database,
            github,
            checkouts,
            agent,
            publisher,
            teller,
            rules,
            identity=identity,
            settings=WorkSettings(
                limits=settings.limits,
                model=settings.model,
                slots=settings.max_sessions,
                status_interval=settings.status_interval.total_seconds(),
                server_url=settings.github_server_url,
                max_attempts=settings.ci_max_attempts,
                mcp_servers=settings.mcp_servers,
            ),
            run_id=uuid.uuid4().hex,
            bell=worker_bell,
            ear=ear,
            ring=ring,
            clock=clock,
        )
        watcher = Watcher(
            database,
            github,
            rules,
            teller,
            app_id=identity.id,
            settings=WatchSettings(
                max_attempts=settings.ci_max_attempts,
                grace=settings.ci_grace.total_seconds(),
                patience=settings.ci_patience.total_seconds(),
                budget_usd=settings.max_budget_usd,
            ),
            bell=watch_bell,
            ring=ring,
            clock=clock,
        )

        async def read_words(words: str, schema: Mapping[str, Any]) -> object:
            bot = bot_identity(identity, settings.github_server_url)
            outcome = await agent.answer(words, schema, limits=READING, model=settings.model, author=bot)
            if not isinstance(outcome, Finished) or outcome.answer is None:
                raise ReadingFailed(getattr(outcome, "detail", "") or "the model gave no answer of the right form")
            return outcome.answer

        timetable = Timetable(
            database,
            github,
            read_words,
            slug=identity.slug,
            least_seconds=least_seconds,
            bell=schedule_bell,
            ring=ring,
            clock=clock,
        )
        command_settings = CommandSettings(
            slots=settings.max_sessions,
            max_budget_usd=settings.max_budget_usd,
            time_zone=settings.time_zone,
            schedule_least_seconds=least_seconds,
        )
        intake = Intake(
            database,
            github,
            teller,
            rules,
            Commander(teller, settings=command_settings, clock=clock),
            identity=identity,
            settings=command_settings,
            bell=inbox_bell,
            ring=ring,
            ring_watch=watch_bell.ring,
            clock=clock,
        )
        sender = Sender(database, github, identity=identity, bell=outbox_bell, clock=clock)

        async def sweep() -> None:
            await sweep_questions(
                database,
                teller,
                remind_after=settings.reminder_after.total_seconds(),
                expire_after=settings.question_expires_after.total_seconds(),
                now=clock(),
                ring=ring,
            )
            await sweep_checks(database, silence=settings.ci_silence.total_seconds(), now=clock(), ring=ring)
            await sweep_traces(database, kept=settings.trace_kept.total_seconds(), now=clock())
            await sweep_plans(database, github, teller, now=clock(), ring=ring)

        async with asyncio.TaskGroup() as group:
            group.create_task(intake.run(), name="intake")
            group.create_task(worker.run(), name="worker")
            group.create_task(watcher.run(), name="checks")
            group.create_task(timetable.run(), name="schedules")
            group.create_task(sender.run(), name="outbox")
            group.create_task(run_every(settings.sweep_interval.total_seconds(), sweep), name="clock")
            log.info("ready", app=identity.slug, mention=f"@{identity.slug}")


async def _identity(github: GitHub) -> AppIdentity:
    """Who the App is; asked again until GitHub answers, while deliveries are being recorded."""
    tries = 0
    while True:
        try:
            return await github.identity()
        except GitHubError as error:
            wait = backoff(tries, most=60.0)
            named = error.retry_after if isinstance(error, GitHubUnavailable) else None
            log.error("GitHub does not say who the App is", problem=str(error), again_in_seconds=round(named or wait))
            await asyncio.sleep(named or wait)
            tries += 1


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: stopping is in one hand."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: two services on one would do everything twice."""
    with (data_dir / "service.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another ove-gh serves {data_dir}. Stop it first, or set OVE_DATA_DIR.") from None
        yield


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Set HOST and PORT to a free address."
        ) from None
    with listener:
        # asyncio sets this itself only on sockets that it makes; without it each answer waits some 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _clean_up_after_a_crash(data_dir: Path) -> None:
    """End what an earlier run's agents left running, and remove what its sessions left in temporary folders."""
    ended = end_leftovers(str(data_dir))
    if ended:
        log.warning("ended processes that an earlier run had left behind", pids=ended)
    scratch = data_dir / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    tempfile.tempdir = str(scratch)

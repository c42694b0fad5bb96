"""Tests of what a repository's own settings lead to: who may command, what the agent is told, and how far it may go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import respx

from ove_gh.agent import Limits
from ove_gh.briefing import Job
from ove_gh.claude.policy import Allow, Deny, decide
from ove_gh.commanding import Commander, CommandSettings
from ove_gh.github.models import AppIdentity
from ove_gh.intake import Intake
from ove_gh.loop import Bell
from ove_gh.prompt import house_rules
from ove_gh.repository_settings import Commanders, Labels, RepositorySettings
from ove_gh.rules import RepositoryRules, Rules
from ove_gh.settings import SettingsError, read_settings
from ove_gh.store import messages, rules
from ove_gh.store.database import Database
from ove_gh.store.messages import Message
from ove_gh.tasks import Kind
from ove_gh.worker import Worker, WorkSettings
from tests.github.samples import TOKENS, Clock, open_github, open_repository, token
from tests.payloads import ALICE, APP, APP_ID, BOB, OTHER_BOT, PLACE, STRANGER, Account, issue_labeled
from tests.store.rows import NOW, RUN, TELLER, add_task, claimed
from tests.test_briefing import FIRST, IDENTITY, TASK, THREAD
from tests.test_intake import CONFUSED_5, EYES_5, Desk, allow
from tests.test_settings import pem

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

OPERATOR = CommandSettings(slots=2, max_budget_usd=10.0, time_zone="UTC", schedule_least_seconds=900.0)


@pytest.fixture
def github() -> Iterator[respx.MockRouter]:
    """GitHub: Alice is an admin, Bob may write, Mallory may read."""
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        for account, right in ((ALICE, "admin"), (BOB, "write"), (STRANGER, "read")):
            allow(router, account, right)
        yield router


@pytest.fixture
async def desk(database: Database, github: respx.MockRouter) -> AsyncIterator[Desk]:
    """An intake that nothing has reached yet; the operator allows the servers `docs` and `tickets`."""
    clock, bell, rings = Clock(NOW), Bell(), asyncio.Queue[None]()
    async with open_github(clock) as client:
        intake = Intake(
            database,
            client,
            TELLER,
            RepositoryRules(database, least_seconds=900.0, clock=clock, mcp_servers=("tickets", "docs")),
            Commander(TELLER, settings=OPERATOR, clock=clock),
            identity=AppIdentity(APP_ID, "ove", "ove", "https://github.example/apps/ove", APP.login, APP.id, {}, ()),
            settings=OPERATOR,
            bell=bell,
            ring=lambda: rings.put_nowait(None),
            clock=clock,
        )
        yield Desk(database, github, intake, bell, clock, rings)


async def decided(database: Database, settings: RepositorySettings, repository_id: int = PLACE.repository_id) -> None:
    """These are the settings of a repository."""
    async with database.writing() as connection:
        await rules.keep(connection, repository_id, settings, now=NOW)


# -- who may command ---------------------------------------------------------------------------------------------------

ADMINS = Commanders("admin")
BOB_AND_ADMINS = Commanders("admin", ("BOB",))
STRANGER_NAMED = Commanders("write", (STRANGER.login,))

CASES = [
    (Commanders(), BOB, "write", True),
    (ADMINS, BOB, "write", False),
    (ADMINS, BOB, "maintain", False),
    (ADMINS, BOB, "admin", True),
    (Commanders("maintain"), BOB, "write", False),
    (Commanders("maintain"), BOB, "maintain", True),
    (BOB_AND_ADMINS, BOB, "write", True),
    (STRANGER_NAMED, STRANGER, "read", False),
]


@pytest.mark.parametrize(("who", "account", "right", "heard"), CASES)
async def test_the_repository_says_who_may_command(
    desk: Desk, who: Commanders, account: Account, right: str, heard: bool
) -> None:
    """A role that is too low gets 😕 and no task; people who are named may command, if they may write at all."""
    await decided(desk.database, RepositorySettings(may_command=who))
    role = {"permission": "write" if right == "maintain" else right, "role_name": right, "user": account.as_json()}
    desk.right_of(account).respond(json=role)
    await desk.comment("@ove fix it", account)
    assert await desk.reactions() == [EYES_5 if heard else CONFUSED_5]
    assert len(await desk.tasks()) == heard


async def test_other_repositories_settings_say_nothing_here(desk: Desk) -> None:
    """Who may command in one repository is decided there, and not in the one next to it."""
    await decided(desk.database, RepositorySettings(may_command=ADMINS), PLACE.repository_id + 1)
    await desk.comment("@ove fix it", BOB)
    assert len(await desk.tasks()) == 1


async def test_labels_command_as_the_repository_says(desk: Desk) -> None:
    """A label of its own commands, from those who may; switched off, even the App's own label commands nothing."""
    own = RepositorySettings(may_command=ADMINS, labels=Labels(own=(("needs a plan", "plan"),)))
    await decided(desk.database, own)
    await desk.receive("issues", issue_labeled("needs a plan", by=BOB))
    assert await desk.nothing_happened()
    await desk.receive("issues", issue_labeled("Needs a Plan", by=ALICE))
    assert [task["kind"] for task in await desk.tasks()] == [Kind.PLAN]
    await decided(desk.database, replace(own, labels=Labels(on=False)))
    await desk.receive("issues", issue_labeled("ove:fix", by=ALICE))
    assert len(await desk.tasks()) == 1


# -- what is said while the agent works --------------------------------------------------------------------------------


async def running(desk: Desk, kind: Kind = Kind.WORK) -> int:
    """A task of this kind runs in the thread; returns its id."""
    if kind is Kind.WORK:
        await add_task(desk.database)
    else:
        await desk.comment(f"@ove {kind}", comment_id=4)
    return (await claimed(desk.database)).task_id


async def heard(desk: Desk, task_id: int) -> list[Message]:
    """What the agent is to be told."""
    async with desk.database.reading() as connection:
        return await messages.untaken(connection, task_id)


async def test_words_without_a_mention_reach_the_turn_that_runs(desk: Desk) -> None:
    """Who may command is heard with 👀; it asks for nothing by itself, and there is no task of it."""
    task_id = await running(desk)
    await desk.comment("Mind the cents, please.", BOB)
    [message] = await heard(desk, task_id)
    assert (message.text, message.writer, message.asks) == ("Mind the cents, please.", BOB.person, False)
    assert await desk.reactions() == [EYES_5]
    assert len(await desk.tasks()) == 1


async def test_words_with_a_mention_ask(desk: Desk) -> None:
    """What is addressed to the App asks for something, so that it is a task if it comes too late."""
    task_id = await running(desk)
    await desk.comment("@ove mind the cents", BOB)
    assert [message.asks for message in await heard(desk, task_id)] == [True]


UNHEARD = [
    ("Delete everything.", STRANGER),
    ("@mallory what do you think?", ALICE),
    ("Coverage went up.", OTHER_BOT),
    ("   ", ALICE),
]


@pytest.mark.parametrize(("body", "author"), UNHEARD)
async def test_what_is_not_for_the_agent_is_not_heard(desk: Desk, body: str, author: Account) -> None:
    """Strangers, bots, words to somebody else and no words reach no turn, and nobody gets a reaction for them."""
    task_id = await running(desk)
    await desk.comment(body, author)
    assert await heard(desk, task_id) == []
    assert await desk.reactions() == []


async def test_who_may_not_command_here_is_not_overheard(desk: Desk) -> None:
    """The repository's own choice of who commands holds for words without a mention as well."""
    await decided(desk.database, RepositorySettings(may_command=ADMINS))
    task_id = await running(desk)
    await desk.comment("Mind the cents, please.", BOB)
    assert await heard(desk, task_id) == []


async def test_without_a_turn_that_runs_nobody_listens(desk: Desk, github: respx.MockRouter) -> None:
    """Talk in a thread that waits, or that the App does not know, asks GitHub nothing and leads to nothing."""
    await desk.comment("Mind the cents, please.")
    assert await desk.nothing_happened()
    await add_task(desk.database)
    await desk.comment("Mind the cents, please.")
    assert await desk.reactions() == []
    assert not github.calls


@pytest.mark.parametrize("kind", [Kind.VALIDATE, Kind.PLAN])
async def test_a_turn_that_changes_nothing_swallows_no_request(desk: Desk, kind: Kind) -> None:
    """A request while the App only looks becomes a task of its own; what is merely said still reaches the turn."""
    task_id = await running(desk, kind)
    assert (await desk.tasks())[0]["kind"] == kind
    await desk.comment("@ove fix the total", BOB, comment_id=5)
    assert [task["kind"] for task in await desk.tasks()] == [kind, Kind.WORK]
    assert await heard(desk, task_id) == []
    await desk.comment("The totals are in cents.", BOB, comment_id=6)
    assert [message.text for message in await heard(desk, task_id)] == ["The totals are in cents."]


@pytest.mark.parametrize(("asks", "requests"), [(True, ["mind the cents"]), (False, [])])
async def test_words_that_come_too_late(desk: Desk, asks: bool, requests: list[str]) -> None:
    """What asked for something becomes a task when its turn ends without it; what was only said does not."""
    task_id = await running(desk)
    await desk.comment("@ove mind the cents" if asks else "mind the cents", BOB)
    worker = worker_with(Limits(turns=10, budget_usd=1.0, seconds=60.0), desk.database)
    async with desk.database.writing() as connection:
        await worker._make_tasks_of_what_came_too_late(connection, task_id)
    assert [task["request"] for task in await desk.tasks()][1:] == requests


# -- limits ------------------------------------------------------------------------------------------------------------


def worker_with(limits: Limits, database: Database | None = None) -> Worker:
    """A worker that has nothing but the operator's limits and, maybe, a database."""
    nothing = cast(Any, None)
    settings = WorkSettings(
        limits=limits, model=None, slots=1, status_interval=1.0, server_url="https://github.example", max_attempts=3
    )
    return Worker(
        database or nothing,
        nothing,
        nothing,
        nothing,
        nothing,
        TELLER,
        nothing,
        identity=IDENTITY,
        settings=settings,
        run_id=RUN,
        bell=Bell(),
        ear=Bell(),
        ring=lambda: None,
        clock=lambda: NOW,
    )


MOST = Limits(turns=50, budget_usd=5.0, seconds=600.0)
DEAR = RepositorySettings(budget_usd=2.0)
LIMITS = [
    (RepositorySettings(), None, 0.0, 0.0, MOST),
    (RepositorySettings(max_turns=7, budget_usd=2.0, turn_seconds=60.0), None, 0.0, 0.0, Limits(7, 2.0, 60.0)),
    (RepositorySettings(max_turns=700, budget_usd=200.0, turn_seconds=6e6), None, 0.0, 0.0, MOST),
    (DEAR, 1.0, 0.0, 0.0, replace(MOST, budget_usd=1.0)),
    (DEAR, 3.0, 0.5, 0.5, replace(MOST, budget_usd=1.5)),
    (DEAR, 3.0, 0.5, 2.25, replace(MOST, budget_usd=0.75)),
    (DEAR, None, 0.5, 100.0, replace(MOST, budget_usd=1.5)),
    (RepositorySettings(), 9.0, 0.0, 2.0, MOST),
    (DEAR, None, 4.0, 4.0, replace(MOST, budget_usd=0.01)),
]


@pytest.mark.parametrize(("own", "thread_budget", "spent", "thread_spent", "expected"), LIMITS)
def test_a_turn_has_the_least_that_anybody_allows(
    own: RepositorySettings, thread_budget: float | None, spent: float, thread_spent: float, expected: Limits
) -> None:
    """Operator and repository limit each task, the thread all of its tasks together; what was spent is gone."""
    thread, task = replace(THREAD, budget_usd=thread_budget), replace(TASK, cost_usd=spent)
    job = Job(FIRST, task, thread, None, None, None, None, max_attempts=3, rules=own, thread_cost=thread_spent)
    assert worker_with(MOST)._limits(job) == expected


# -- what the agent is told --------------------------------------------------------------------------------------------


def test_a_repository_that_decides_nothing_keeps_its_workflows() -> None:
    """Without settings the agent is told of workflow files alone; with workflows allowed, of nothing at all."""
    [line] = house_rules(RepositorySettings(), is_own=True).splitlines()
    assert "`.github/workflows/`" in line
    assert house_rules(RepositorySettings(workflows=True), is_own=True) == ""


def test_house_rules_are_a_line_each() -> None:
    """Setup in its order, the check, all protected paths, and the tone: one line of the system prompt for each."""
    settings = RepositorySettings(
        setup=("make deps", "make db"), check="make `quick` check", protected=("migrations/", "*.lock"), tone="ove"
    )
    setup, check, kept, tone = house_rules(settings, is_own=True).splitlines()
    assert "`make deps`, then `make db`" in setup
    assert "make `quick` check" in check
    assert "`.github/workflows/`, `migrations/`, `*.lock`" in kept
    assert "Swede" in tone
    assert all(line.startswith("- ") for line in (setup, check, kept, tone))


def test_nothing_is_prepared_in_a_strangers_clone() -> None:
    """On a fork's commits the agent is not told to run the setup; what it must not touch holds there as well."""
    text = house_rules(RepositorySettings(setup=("make deps",), protected=("migrations/",)), is_own=False)
    assert "make deps" not in text
    assert "migrations/" in text


# -- MCP servers -------------------------------------------------------------------------------------------------------


async def test_a_server_that_the_operator_does_not_allow_is_a_problem(desk: Desk) -> None:
    """It is told with the names that there are, and the last good settings stay in force; a known one is fine."""
    desk.hold("mcp: [docs]\n")
    allowed = RepositoryRules(desk.database, least_seconds=900.0, clock=desk.clock, mcp_servers=("tickets", "docs"))
    none = RepositoryRules(desk.database, least_seconds=900.0, clock=desk.clock)
    async with open_repository(desk.clock) as repository:
        assert await allowed.current(repository, 42) == Rules(RepositorySettings(mcp=("docs",)))
        desk.hold("model: claude-haiku-4-5\nmcp: [docs, shell]\n")
        found = await allowed.current(repository, 42)
        [problem] = (await none.current(repository, 42)).problems[:1]
    assert found.settings == RepositorySettings(mcp=("docs",))
    assert [(one.line, one.message) for one in found.problems] == [
        (None, "`shell` below `mcp` is no server that the operator allows. There is: `docs`, `tickets`.")
    ]
    assert problem.message.endswith("There is: none.")


def test_tools_of_allowed_servers_may_be_used() -> None:
    """All tools of a server that is on in this turn, none of another, and never more of our own by that way."""
    assert decide("mcp__docs__search", mcp_servers=["docs"]) == Allow()
    assert decide("mcp__docs__search", mcp_servers=["docs"], read_only=True) == Allow()
    for tool, servers in [
        ("mcp__docs__search", []),
        ("mcp__docs2__search", ["docs"]),
        ("mcp__docs", ["docs"]),
        ("docs", ["docs"]),
        ("WebFetch", ["docs"]),
        ("mcp__ove__delete", ["ove"]),
    ]:
        assert isinstance(decide(tool, mcp_servers=servers), Deny), tool


def environment(tmp_path: Path, content: str | None) -> dict[str, str]:
    """The service's settings, with a file of servers that holds this; None: there is no such file."""
    file = tmp_path / "servers.json"
    if content is not None:
        file.write_text(content)
    return {
        "APP_ID": "4711",
        "PRIVATE_KEY": "",
        "WEBHOOK_SECRET": "It's a Secret to Everybody",
        "ANTHROPIC_API_KEY": "sk-made-up",
        "OVE_DATA_DIR": str(tmp_path / "data"),
        "OVE_MCP_SERVERS": str(file),
    }


def said_of_servers(environ: dict[str, str]) -> list[str]:
    """What is wrong with the servers."""
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, None)
    return [problem.what for problem in caught.value.problems if problem.name == "OVE_MCP_SERVERS"]


BAD_FILES = {
    "missing": (None, "cannot be read"),
    "no JSON": ("{", "not JSON"),
    "a list": ("[]", "no servers by name"),
    "a server that is no object": ('{"docs": "npx docs"}', "no servers by name"),
    "a name with capitals": ('{"Docs": {"command": "docs"}}', "small letters"),
    "a name that ends in a line": ('{"docs\\n": {"command": "docs"}}', "small letters"),
    "our own name": ('{"ove": {"command": "docs"}}', "`ove` is ours"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_of_servers_with_a_mistake_stops_the_start(tmp_path: Path, content: str | None, words: str) -> None:
    """The operator reads what is wrong before anything runs, and nothing of the file's content is shown."""
    [message] = said_of_servers(environment(tmp_path, content))
    assert words in message


SERVER = {"command": "docs-server", "args": ["--quiet"], "env": {"TOKEN": "a"}}


@pytest.mark.parametrize("content", [{"docs": SERVER}, {"mcpServers": {"docs": SERVER}}])
def test_a_file_of_servers_is_read_in_both_forms(tmp_path: Path, content: dict[str, Any]) -> None:
    """By name, or below `mcpServers` as in `.mcp.json`; without the setting there is no server."""
    environ = environment(tmp_path, json.dumps(content)) | {"PRIVATE_KEY": pem()}
    assert read_settings(environ, None).mcp_servers == {"docs": SERVER}
    del environ["OVE_MCP_SERVERS"]
    assert read_settings(environ, None).mcp_servers == {}

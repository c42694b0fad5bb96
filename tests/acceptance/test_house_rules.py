"""A repository's `.github/ove.yml` holds for the whole way, with the real Claude CLI and real git."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing, suppress

import pytest

from ove_gh.demo.model import say, use
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.scripts import (
    BOT,
    JUST_FIX,
    bot_comments,
    failed,
    finished,
    in_thread,
    mention,
    only_pull,
    open_issue,
    pulls_since,
    requests_in,
    says,
)

pytestmark = pytest.mark.anyio

PATH = ".github/ove.yml"
MODEL = "claude-haiku-4-5"

PRICES = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("prices")


@server.tool()
def price(item: str) -> str:
    "What an item costs."
    return f"{item}: 2.50"


server.run()
"""


@pytest.fixture(scope="module")
def stage_settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The operator allows one server, `prices`, which is a program beside the service."""
    folder = tmp_path_factory.mktemp("operator")
    (folder / "prices.py").write_text(PRICES)
    servers = {"prices": {"command": sys.executable, "args": [str(folder / "prices.py")]}}
    (folder / "servers.json").write_text(json.dumps({"mcpServers": servers}))
    return {"OVE_MCP_SERVERS": str(folder / "servers.json")}


async def decide(stage: Stage, text: str, word: str) -> None:
    """The repository gets these settings; wait until they, known by a `word` in them, are in force."""
    stage.github.push_commit(REPOSITORY, "main", "alice", {PATH: text}, "Tell ove how we work")
    query = "SELECT count(*) FROM repository_settings WHERE instr(content, ?)"
    async with asyncio.timeout(30):
        while True:
            # Just after its start the service may not have made its tables yet.
            with (
                suppress(sqlite3.OperationalError),
                closing(sqlite3.connect(f"file:{stage.data_dir / 'ove.db'}?mode=ro", uri=True)) as connection,
            ):
                if connection.execute(query, [word]).fetchone()[0]:
                    return
            await asyncio.sleep(0.02)


async def test_a_repositorys_rules_hold(stage: Stage) -> None:
    """Only admins command; the model and the check are the repository's; a protected file is never pushed."""
    stage.github.create_user("dora")
    stage.github.grant(REPOSITORY, "dora", "admin")
    rules = f"model: {MODEL}\ncheck: python3 test_cart.py\nprotect: [page.py]\ncommands:\n  role: admin\n"
    await decide(stage, rules, MODEL)
    touch = "echo '# cents' >> page.py && git commit -qam 'Mention the cents'"
    take_back = "git checkout -q origin/main -- page.py && git commit -qm 'Leave the page alone'"
    number = open_issue(stage)
    steps = [use("Bash", command=touch), *JUST_FIX, use("Bash", command=take_back), say("The page is as it was.")]
    stage.model.when(in_thread(number), steps)

    refused = mention(stage, number, login="bob")
    await stage.github.wait_for(lambda github: github.reactions(refused) == [(BOT, "confused")])
    assert bot_comments(stage.github, number) == []
    assert requests_in(stage, number) == []

    mention(stage, number, login="dora")
    told = await failed(stage, number)
    assert says(told, "@dora", "They change page.py.", "@ove continue", PATH, "Nothing of it was pushed")
    assert [name for name in stage.github.branches(REPOSITORY) if name.startswith(f"ove/{number}-")] == []
    assert pulls_since(stage, number) == []
    first = requests_in(stage, number)[0]
    assert first.model == MODEL
    assert "`python3 test_cart.py` should pass" in first.system
    assert "Do not change `.github/workflows/`, `page.py`" in first.system

    mention(stage, number, login="dora", words="continue")
    await finished(stage, number, "The page is as it was.")
    diff = stage.github.diff(REPOSITORY, "main", only_pull(stage, number).head)
    assert "return Decimal(0)" in diff
    assert "page.py" not in diff


async def test_servers_from_the_operators_list(stage: Stage) -> None:
    """One that is on the list is there for the agent and works; another is told at the commit that asks for it."""
    await decide(stage, "mcp: [prices]\n", "prices")
    number = open_issue(stage, [use("mcp__prices__price", item="tea"), say("Tea is 2.50.")])
    mention(stage, number, words="what does tea cost?")
    await finished(stage, number, "Tea is 2.50.")
    assert "mcp__prices__price" in requests_in(stage, number)[0].tools
    [answer] = stage.model.tool_results("mcp__prices__price", in_thread(number))
    assert (answer.is_error, "tea: 2.50" in answer.text) == (False, True)

    sha = stage.github.push_commit(REPOSITORY, "main", "alice", {PATH: "mcp: [prices, shell]\n"}, "More servers")
    [check] = await stage.github.wait_for(lambda github: github.checks(REPOSITORY, sha), what="the failed check")
    assert check.conclusion == "failure"
    assert all(word in str(check.summary) for word in (PATH, "`shell`", "`prices`"))

"""One turn of the agent: Claude Code is started, watched and ended; what came of it is returned.

What of the repository is loaded: its CLAUDE.md, with what that imports, and nothing else. The setting source `project`
would load CLAUDE.md too, but also `.claude/settings.json`, whose hooks run programs and whose `env` can send the
model's key elsewhere. So no setting source is used; the clone is passed as an added directory instead, of which the CLI
reads the memory file alone (CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD). `disableAllHooks` is a second bolt: it keeps
hooks of any settings file from running, and leaves those that the SDK registers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import structlog
from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    HookMatcher,
    Message,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultError,
    ResultMessage,
    SessionStore,
    SystemMessage,
    ToolPermissionContext,
)
from claude_agent_sdk.types import McpServerConfig, SystemPromptPreset

from ove_gh.agent import Failed, Finished, Image, Interjection, Outcome, Progress, TraceStep, TurnInput
from ove_gh.claude import outcomes, policy, serving
from ove_gh.claude.asking import Asking, opening_prompt
from ove_gh.claude.calls import CallWords
from ove_gh.claude.describing import Description
from ove_gh.claude.interjections import Interjections, user_message
from ove_gh.claude.launch import ModelAccess, bundled_cli, environment, home, launcher, scratch
from ove_gh.claude.leftovers import end_turn
from ove_gh.claude.progress import Watch
from ove_gh.claude.redaction import Redaction
from ove_gh.claude.trace import Trace
from ove_gh.claude.transcripts import Entries, lay_out, recorder, waiting_call

log = structlog.get_logger(__name__)

LONGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one message of the CLI: a tool's result can hold a picture, and the SDK's own limit is one megabyte."""

TRIES_TO_END = 20
SECONDS_BETWEEN_TRIES = 0.5
"""The SDK puts its things in order within moments once the processes of the turn are gone."""

SETTINGS = json.dumps({"disableAllHooks": True})


def no_interest(_: object) -> None:
    """For callers who do not want to be told."""


async def run_turn(
    turn: TurnInput,
    *,
    model_access: ModelAccess,
    transcripts: SessionStore,
    on_progress: Callable[[Progress], None],
    service: str,
    extra_path: Sequence[str] = (),
    interjections: asyncio.Queue[Interjection] | None = None,
    on_taken: Callable[[int], None] = no_interest,
    on_step: Callable[[TraceStep], None] = no_interest,
) -> Outcome:
    """Run one turn to its end; every end is an Outcome.

    `transcripts` keeps the session's transcript, entry by entry, from which it is resumed. `on_progress` is called in
    the event loop whenever the progress has changed. `service` marks the turn's processes as this data directory's
    (leftovers.py), and `extra_path` comes before the system's folders in the agent's PATH. Costs are this turn's own,
    in dollars.

    What is put into `interjections` while the turn runs is said to the agent; `on_taken` is called with the id of each
    one that is part of the session from then on. The others are in the queue again, in their order, when the turn is
    over: those that came too late, or when the agent waits for an answer. One that an earlier turn of the session has
    taken is not said again. `on_step` is called with each step of the turn's record as it ends. Both are called in the
    event loop, and must not raise.

    Cancelling ends the CLI and everything below it; the session can be resumed from `transcripts`. Errors of
    `transcripts` itself are raised.
    """
    entries: Entries = ()
    if turn.session_id is not None:
        found = await lay_out(transcripts, turn.session_id, workdir=turn.workdir, config_dir=turn.config_dir)
        if found is None:
            return outcomes.session_lost(turn.session_id)
        entries = found
    for folder in (turn.config_dir, home(turn), scratch(turn)):
        folder.mkdir(parents=True, exist_ok=True)
    messages = Interjections(interjections, on_taken, entries)
    conversation = _Conversation(turn, model_access, transcripts, on_progress, on_step, messages, entries)
    env = environment(turn, model_access, service=service, turn_id=conversation.id, extra_path=extra_path)
    env |= conversation.environment
    with launcher(env, bundled_cli()) as program:
        return await _within_limits(conversation, env, program)


async def _within_limits(conversation: _Conversation, env: Mapping[str, str], program: Path) -> Outcome:
    """Let the conversation run, and end it from outside when time is up or the service stops.

    The SDK's own cleaning up does not survive a raw asyncio cancellation (see its `close`), so it is not cancelled: its
    processes are killed, it reads the end of their output, and comes to an end by itself.
    """
    running = asyncio.create_task(conversation.run(env, program), name="claude")
    try:
        await asyncio.wait({running}, timeout=conversation.turn.limits.seconds)
        in_time = running.done()
    finally:
        await _end(conversation, running)
    return running.result() if in_time else conversation.out_of_time()


async def _end(conversation: _Conversation, running: asyncio.Task[Outcome]) -> None:
    """Kill until it is over: when we first look, a process may not have started yet."""
    for _ in range(TRIES_TO_END):
        conversation.end()
        done, _pending = await asyncio.wait({running}, timeout=SECONDS_BETWEEN_TRIES)
        if done:
            return
    log.error("claude_does_not_end", turn=conversation.id)
    running.cancel()


class _Conversation:
    """The talk with one CLI process, and how far it has come."""

    def __init__(
        self,
        turn: TurnInput,
        model_access: ModelAccess,
        transcripts: SessionStore,
        on_progress: Callable[[Progress], None],
        on_step: Callable[[TraceStep], None],
        interjections: Interjections,
        entries: Entries,
    ) -> None:
        waiting = waiting_call(entries)
        words, redaction = CallWords(turn.workdir, turn.tools), Redaction(model_access.api_key)
        self.turn = turn
        self.id = str(uuid.uuid4())
        self._watch = Watch(words, redaction, turn.session_id, entries=entries)
        self._trace = Trace(words, redaction)
        self._patience = model_access.patience
        self._transcripts = transcripts
        self._on_progress = on_progress
        self._on_step = on_step
        self._interjections = interjections
        self._asking = Asking(waiting, turn.answers, interjections)
        self._opening = opening_prompt(turn, waiting)
        self._description = Description(scheduled=turn.scheduled)
        self._last_words: deque[str] = deque(maxlen=20)
        self._heard_at = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """What the CLI must know of the way this conversation opens.

        A prompt passes over a question that still waits: without this the CLI would first take that question up again,
        and end its run there.
        """
        return {} if self._opening is None else {"CLAUDE_CODE_DISABLE_DEFERRED_TOOL_RESUME": "1"}

    async def run(self, env: Mapping[str, str], program: Path) -> Outcome:
        """Talk until the CLI has said its last word."""
        self._heard_at = asyncio.get_running_loop().time()
        self._on_progress(self._watch.current)
        client = ClaudeSDKClient(self._options(env, program))
        try:
            await client.connect()
            if self._opening is not None:
                await _say(client, _with_images(self._opening, self.turn.images))
            return await self._converse(client)
        except ResultError as error:
            log.warning("claude_did_not_start", error=str(error))
            return outcomes.read_failed_start(error.data, self._watch.current)
        except (ClaudeSDKError, OSError) as error:
            log.warning("claude_died", error=str(error), last_words="".join(list(self._last_words)[-1:]))
            return outcomes.crashed(self._watch.current)
        finally:
            try:
                await client.disconnect()
            finally:
                self._interjections.give_back()
                for step in self._trace.unfinished():
                    self._on_step(step)

    def end(self) -> None:
        """End every process of this turn."""
        if ended := end_turn(self.id):
            log.info("ended_processes", turn=self.id, count=len(ended))

    def out_of_time(self) -> Outcome:
        """The outcome when the turn was ended because its time was up."""
        return outcomes.out_of_time(self.turn.limits, self._watch.current)

    async def _converse(self, client: ClaudeSDKClient) -> Outcome:
        """Listen to the agent, and say to it what people say while it works."""
        saying = asyncio.create_task(self._interjections.pass_on(lambda message: _say(client, message)), name="saying")
        try:
            return await self._listen(client)
        finally:
            saying.cancel()
            (trouble,) = await asyncio.gather(saying, return_exceptions=True)
            if isinstance(trouble, Exception):
                log.warning("not_said", error=str(trouble))

    async def _listen(self, client: ClaudeSDKClient) -> Outcome:
        async for message in client.receive_messages():
            self._report(message)
            if isinstance(message, SystemMessage) and message.subtype == "api_retry":
                if (failed := self._give_up(message.data)) is not None:
                    self.end()
                    return failed
                continue
            self._heard_at = asyncio.get_running_loop().time()
            if isinstance(message, ResultMessage):
                outcome = outcomes.read_result(message, self.turn.limits, self._description)
                if not self._interjections.waiting:
                    return outcome
                if not isinstance(outcome, Finished):
                    self.end()  # the CLI would go on with what it has been sent, whatever the limits
                    return outcome
                # The CLI answers what came too late in a further turn: its result has the last text, and all costs.
        return outcomes.crashed(self._watch.current)

    def _report(self, message: Message) -> None:
        before, now = self._watch.current, time.time()
        for interjection in self._interjections.see(message):
            self._on_step(self._trace.heard(interjection.text, now))
        for step in self._trace.see(message, now):
            self._on_step(step)
        if (progress := self._watch.see(message)) != before:
            self._on_progress(progress)

    def _give_up(self, retry: Mapping[str, Any]) -> Failed | None:
        """Whether not to wait for the CLI's next try: it cannot help, or it comes later than there is patience."""
        if retry.get("error_status") in outcomes.REFUSED:
            return outcomes.refused(retry, self._watch.current)
        next_try = asyncio.get_running_loop().time() + float(retry.get("retry_delay_ms") or 0) / 1000
        if next_try - self._heard_at > self._patience:
            return outcomes.unreachable(retry, self._watch.current)
        return None

    def _options(self, env: Mapping[str, str], program: Path) -> ClaudeAgentOptions:
        system_prompt = SystemPromptPreset(type="preset", preset="claude_code")
        if self.turn.system_prompt:
            system_prompt["append"] = self.turn.system_prompt
        schema = self.turn.answer_schema
        offered = policy.offered_tools(may_ask=self.turn.may_ask, read_only=self.turn.read_only)
        return ClaudeAgentOptions(
            cli_path=program,
            env=dict(env),
            cwd=self.turn.workdir,
            model=self.turn.model,
            max_turns=self.turn.limits.turns,
            max_budget_usd=self.turn.limits.budget_usd,
            system_prompt=system_prompt,
            verbatim_prompts=True,
            resume=self.turn.session_id,
            session_store=recorder(self._transcripts, self._interjections.recorded),
            session_store_flush="eager",
            setting_sources=[],
            settings=SETTINGS,
            add_dirs=[self.turn.workdir] if self.turn.trusted else [],
            tools=offered if schema is None else [],
            mcp_servers=self._mcp_servers() if schema is None else {},
            output_format={"type": "json_schema", "schema": dict(schema)} if schema is not None else None,
            strict_mcp_config=True,
            permission_mode="default",
            can_use_tool=self._permission,
            hooks={"PreToolUse": [HookMatcher(matcher=policy.ASK, hooks=[self._asking.before_tool])]},
            max_buffer_size=LONGEST_MESSAGE,
            stderr=self._last_words.append,
            extra_args=self._interjections.flags,
        )

    def _mcp_servers(self) -> dict[str, McpServerConfig]:
        """Our own tools, and the servers that the operator allows and the repository asks for."""
        others = {name: cast(McpServerConfig, dict(config)) for name, config in self.turn.mcp_servers.items()}
        return {**others, policy.SERVER: serving.server(self._description, self.turn.tools)}

    async def _permission(
        self, tool: str, tool_input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        if tool == policy.ASK:
            return self._asking.permission(context.tool_use_id, tool_input)
        service_tools = [each.name for each in self.turn.tools]
        verdict = policy.decide(
            tool, service_tools=service_tools, read_only=self.turn.read_only, mcp_servers=self.turn.mcp_servers
        )
        if isinstance(verdict, policy.Deny):
            return PermissionResultDeny(message=verdict.message)
        return PermissionResultAllow()


async def _say(client: ClaudeSDKClient, message: dict[str, Any]) -> None:
    async def alone() -> AsyncIterator[dict[str, Any]]:
        yield message

    await client.query(alone())


def _with_images(prompt: str, images: Sequence[Image]) -> dict[str, Any]:
    """The first message. Images come before the words: https://platform.claude.com/docs/en/build-with-claude/vision"""
    if not images:
        return user_message(prompt)
    shown = [{"type": "image", "source": _source(image)} for image in images]
    return user_message([*shown, {"type": "text", "text": prompt}])


def _source(image: Image) -> dict[str, str]:
    data = base64.b64encode(image.data).decode("ascii")
    return {"type": "base64", "media_type": image.media_type, "data": data}

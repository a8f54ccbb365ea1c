"""The Gymnasium door: a run as an environment of one agent.

An episode is a run. An action is a verb with its arguments as JSON text; an observation is the answer's text,
its facts as JSON text, and what is left. The reward comes with the last step: the points that the submitted
model gained on validation items kept apart, where that was confirmed, else 0.0. An episode is ``terminated``
by ``submit`` and ``truncated`` when the time for experiments is over; what is under way is then finished and
submitted for the agent. The clock is the wall clock, so the environment is registered as nondeterministic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from graph.doors.seat import Seat, open_seat
from graph.settings import make_settings
from tasks.errors import InputError
from tools.verbs.answer import Answer, refusal
from tools.verbs.referee import VERBS
from tools.verbs.trajectory import reward_of

NAMESPACE = "ftdojo"
ANY_TASK = f"{NAMESPACE}/task-v0"
"""The environment of whatever ``task=`` names: a file, a folder, ``ORG/NAME`` of the Hub."""
TEXT_CHARACTERS = 16_000
JSON_CHARACTERS = 20_000
LARGEST = 1e9
"""Of a number that is observed."""
PRINTABLE = "".join(map(chr, range(32, 127)))
Observation = dict[str, Any]


class AnyText(spaces.Text):
    """Text in any writing, up to a length; samples are printable ASCII."""

    def __init__(self, max_length: int, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length, min_length=0, charset=PRINTABLE, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether it is a text that is short enough."""
        return isinstance(x, str) and len(x) <= self.max_length


def action_space() -> spaces.Dict:
    """``verb`` (its number in ``VERBS``; ``step`` takes its name too) and ``arguments`` (a JSON object)."""
    return spaces.Dict({"verb": spaces.Discrete(len(VERBS)), "arguments": AnyText(JSON_CHARACTERS)})


def observation_space() -> spaces.Dict:
    """``text``, ``facts`` (JSON), ``seconds_left``, ``experiments_left`` (-1: no limit), ``incumbent`` (its
    score on validation and the ends of its interval)."""
    return spaces.Dict(
        {
            "text": AnyText(TEXT_CHARACTERS),
            "facts": AnyText(JSON_CHARACTERS),
            "seconds_left": spaces.Box(0.0, LARGEST, (), np.float32),
            "experiments_left": spaces.Box(-1.0, LARGEST, (), np.float32),
            "incumbent": spaces.Box(-LARGEST, LARGEST, (3,), np.float32),
        }
    )


class DojoEnv(gymnasium.Env[Observation, dict[str, Any]]):
    """One task's runs, an episode each.

    Args:
        task: as for ``ftdojo.run``.
        budget: as for ``ftdojo.run``.
        seed: of the first episode that ``reset`` is given no seed for.
        stand_still: let the clock run only while a verb works; for several environments in turn.
        render_mode: ``ansi`` gives the last answer as text.
        options: settings of the run, as for ``ftdojo.run``.
    """

    metadata = {"render_modes": ["ansi"]}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        task: str,
        budget: str | float = "5m",
        seed: int = 0,
        stand_still: bool = False,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._task, self._budget, self._options = task, budget, options
        self._next_seed: int | None = seed
        self._stand_still = stand_still
        self.render_mode = render_mode
        self.action_space = action_space()
        self.observation_space = observation_space()
        self.seat: Seat | None = None
        """The episode's run; None before the first reset."""
        self._told = ""
        self._done = True
        self._settings(seed)  # what is wrong is said now

    def _settings(self, seed: int) -> Any:
        return make_settings(task=self._task, budget_seconds=self._budget, seed=seed, **self._options)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode: a new run, prepared; an earlier one is left as it is."""
        super().reset(seed=seed)
        if seed is None:
            seed = self._next_seed if self._next_seed is not None else int(self.np_random.integers(2**31))
        self._next_seed = None
        self.close()
        settings = self._settings(seed)
        self.seat = open_seat(settings, stand_still=self._stand_still, door="Gymnasium")
        self._done = False
        return self._seen(f"{self.seat.rules}\n{self.seat.card}", {}), self._info()

    def step(self, action: Mapping[str, Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One verb; see the module for reward and endings."""
        if self.seat is None or self._done:
            raise gymnasium.error.ResetNeeded("the episode is over; call reset")
        answer = self._asked(action)
        terminated = self.seat.journal.ended is not None
        truncated = not terminated and self.seat.standing.seconds_left <= 0.0
        if truncated:
            answer = self._submitted(answer)
        self._done = terminated or truncated
        reward = reward_of(self.seat.journal) if self._done else 0.0
        return self._seen(answer.text, answer.facts), reward, terminated, truncated, self._info(answer)

    def render(self) -> Any:
        """The last answer."""
        return self._told

    def close(self) -> None:
        """Release the run."""
        if self.seat is not None:
            self.seat.close()

    def _asked(self, action: Mapping[str, Any]) -> Answer:
        assert self.seat is not None
        try:
            verb, arguments = _read(action)
        except InputError as error:
            return Answer("", False, refusal(error), {}, self.seat.standing.plain())
        return self.seat.ask(verb, arguments)

    def _submitted(self, answer: Answer) -> Answer:
        """The time is over: what is under way is finished and submitted for the agent."""
        assert self.seat is not None
        if under_way := self.seat.standing.experiment:
            self.seat.call("finish_experiment", experiment=under_way)
        last = self.seat.call("submit", reason="the time for experiments is over")
        text = f"{answer.text[: TEXT_CHARACTERS // 2]}\nthe time for experiments is over:\n{last.text}"
        return Answer(answer.verb, answer.ok, text, last.facts, last.standing)

    def _seen(self, text: str, facts: Mapping[str, Any]) -> Observation:
        assert self.seat is not None
        self._told = text[:TEXT_CHARACTERS]
        now = self.seat.standing
        left = -1.0 if now.experiments_left is None else float(now.experiments_left)
        found = [value or 0.0 for value in (now.score, now.low, now.high)]
        return {
            "text": self._told,
            "facts": json.dumps(dict(facts), ensure_ascii=False, default=str)[:JSON_CHARACTERS],
            "seconds_left": np.array(now.seconds_left, np.float32),
            "experiments_left": np.array(left, np.float32),
            "incumbent": np.array(found, np.float32),
        }

    def _info(self, answer: Answer | None = None) -> dict[str, Any]:
        assert self.seat is not None
        info: dict[str, Any] = {"run_dir": str(self.seat.run_dir), "standing": self.seat.standing.plain()}
        if answer is not None:
            info |= {"verb": answer.verb, "ok": answer.ok}
        if self.seat.summary:
            info["outcome"] = self.seat.summary["outcome"]
            info["test_gain"] = self.seat.summary["gain"]
        return info


def _read(action: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The verb's name and its arguments.

    Raises:
        InputError: the action is not of the action space.
    """
    fix = 'send {"verb": "list_sources", "arguments": "{}"}'
    if not isinstance(action, Mapping) or not {"verb"} <= set(action) <= {"verb", "arguments"}:
        raise InputError("the action", "is no mapping of verb and arguments", fix)
    verb, given = action["verb"], action.get("arguments") or "{}"
    if isinstance(verb, int | np.integer) and 0 <= int(verb) < len(VERBS):
        verb = VERBS[int(verb)]
    if not isinstance(verb, str):
        raise InputError("verb", "is neither a name nor a number of a verb", fix)
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise InputError("arguments", "are not JSON", fix) from None
    if not isinstance(given, Mapping):
        raise InputError("arguments", "are no JSON object", fix)
    return verb, given


# ---- by name


def register_envs() -> None:
    """Tell Gymnasium of every task's environments, such as ``ftdojo/aime25-mini-v0``."""
    from tasks.registry import ids

    if ANY_TASK in gymnasium.registry:
        return
    entry = "graph.doors.gym_env:DojoEnv"
    for task in ids():
        for edition in ("mini", "official"):
            kwargs = {"task": task, "edition": edition}
            gymnasium.register(
                f"{NAMESPACE}/{task}-{edition}-v0", entry, nondeterministic=True, kwargs=kwargs
            )
    gymnasium.register(ANY_TASK, entry, nondeterministic=True)


def make(id: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """An environment by its name, or by a task; see ``DojoEnv`` for the options.

    Raises:
        InputError: there is no such environment, or an option is wrong.
    """
    register_envs()
    if not id.startswith(f"{NAMESPACE}/"):
        return gymnasium.make(ANY_TASK, task=id, **options)
    if id not in gymnasium.registry:
        from tasks.errors import did_you_mean

        known = [name for name in gymnasium.registry if str(name).startswith(f"{NAMESPACE}/")]
        raise InputError(f"environment {id}", "is unknown", did_you_mean(id, known))
    return gymnasium.make(id, **options)


def make_vec(
    ids: Sequence[str], seeds: Sequence[int] = (0,), **options: Any
) -> gymnasium.vector.SyncVectorEnv:
    """One environment for each name and seed, stepped in turn.

    Each run's clock stands still while the others work, so that their number costs none of them time.
    """
    given = {"stand_still": True, **options}

    def one(id: str, seed: int) -> Callable[[], gymnasium.Env[Any, Any]]:
        return lambda: make(id, seed=seed, **given)

    made = [one(id, seed) for id in ids for seed in seeds]
    return gymnasium.vector.SyncVectorEnv(made, autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED)

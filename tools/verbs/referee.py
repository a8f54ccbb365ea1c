"""The referee: one run, one set of verbs, and the rules that hold for whoever plays.

    referee = Referee(dojo, harness, folder)
    answer = referee.call("list_sources", {})

A call is checked before anything happens: there is such a verb, its arguments fit, no other is under way,
the run goes on and there is time for it. What does not hold is refused in one line. Ids are given out here:
one that was not is unknown. What a verb does is written into the journal, by the same records as a run of the
graph, because both act through ``tools.verbs.acts``; every call, refusals as well, beside it
(``tools.verbs.calls``).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from memory.journal.events import plain
from memory.journal.log import BASE
from tasks.errors import CapReached, ExperimentFailed, InputError, InvalidDecision, did_you_mean, or_fault
from tools.chat.untrusted_text import one_line
from tools.dojo import Dojo
from tools.toolkit.all import functions_of
from tools.toolkit.answers import TrialFailed, bounded, described, with_new_names, wrong_arguments
from tools.verbs.acting import acting_verbs
from tools.verbs.acts import chosen
from tools.verbs.answer import Answer, Told, bounded_facts, refusal, with_left
from tools.verbs.calls import Calls
from tools.verbs.closing import Harness, closing_verbs
from tools.verbs.facts import facts_of
from tools.verbs.folder import AgentFolder
from tools.verbs.standing import Standing, standing_of

if TYPE_CHECKING:
    from pydantic import BaseModel

LOOKING = (
    "read_status",
    "list_sources",
    "profile_source",
    "sample_rows",
    "read_experiment",
    "read_recipe",
    "show_failures",
    "loss_curve",
    "read_log",
    "compare_models",
    "recall_experience",
    "estimate_training",
)
WORKING = (
    "try_recipe",
    "try_script",
    "audit_sources",
    "plan_experiment",
    "run_data_recipe",
    "probe_training",
    "train_model",
)
"""What needs time for experiments."""
CLOSING = ("evaluate_model", "finish_experiment", "record_experience", "submit")
VERBS = (*LOOKING, *WORKING, *CLOSING)
"""Every verb, in the order of a run."""
ALWAYS = ("read_status",)
"""Answered while another is under way, and after the end."""
ARGUMENT_CHARACTERS = 100_000
MOST_CALLS = 5_000
"""Of one run: nobody plays longer, and a client in a loop fills a disk."""
MOST_WRITTEN = MOST_CALLS + 200
"""What closes a run is still written down; refusals without end are not."""


@dataclass(frozen=True)
class VerbSchema:
    """A verb as a client is offered it."""

    name: str
    description: str
    arguments: type[BaseModel]

    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        return self.arguments.model_json_schema()


class Referee:
    """One run's verbs. Any thread may call; one call is under way at a time.

    Args:
        dojo: the run.
        harness: how it ends and what is learned; without one nothing can be submitted.
        folder: from which scripts are read.
    """

    def __init__(self, dojo: Dojo, harness: Harness | None = None, folder: AgentFolder | None = None) -> None:
        self._turn = threading.Lock()
        self._under_way: tuple[str, float] | None = None
        self.dojo = dojo
        self.calls = Calls(dojo.workspace.run_dir)
        functions = {**functions_of(dojo), "read_status": _status(dojo, self._working)}
        for verb in (*acting_verbs(dojo, folder), *closing_verbs(dojo, harness)):
            functions[verb.__name__] = cast(Callable[..., str], verb)
        self._functions: dict[str, Callable[..., str | Told]] = {
            name: functions[name] for name in VERBS if name in functions
        }
        self.schemas = {name: _schema(name, function) for name, function in self._functions.items()}

    @property
    def standing(self) -> Standing:
        """What is left, and who leads."""
        return standing_of(self.dojo)

    def call(self, verb: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Do what is asked, or say why not.

        Raises:
            HarnessFault: the run cannot go on; nothing is lost, and it can be opened again.
        """
        given: dict[str, Any] = {"left_out": "what is no JSON object, or too much"}
        ok, told, name = False, Told(""), one_line(str(verb), 80)
        try:
            given = _plain(name, arguments)
            checked = self._checked(verb, given)
            with self._alone(verb), or_fault(f"the verb {verb}"):
                self._in_time(verb)
                told = self._done(verb, checked)
                ok = True
        except (InputError, InvalidDecision, CapReached) as error:
            told = Told(refusal(error))
        except TrialFailed as failed:
            told = Told(bounded(failed.text))
        except ExperimentFailed as failed:
            told = Told(refusal(failed).replace("refused: ", "failed: ", 1))
        standing = self.standing
        text = with_left(told.text, standing.line()) if ok else told.text
        answer = Answer(name, ok, plain(text), bounded_facts(told.facts), standing.plain())
        if self.calls.count < MOST_WRITTEN:
            self.calls.write(given, answer)
        return answer

    def _checked(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the verb takes them.

        Raises:
            InputError: no such verb, or arguments that do not fit it.
        """
        if not isinstance(verb, str) or verb not in self._functions:
            fix = did_you_mean(str(verb), self._functions, every=True)
            raise InputError(f"verb {one_line(str(verb))!r}", "is none of the verbs", fix)
        if self.calls.count >= MOST_CALLS and verb not in (*CLOSING, *ALWAYS):
            raise InputError("the calls", f"all {MOST_CALLS:,} of this run are used", "finish and submit")
        from pydantic import ValidationError

        schema = self.schemas[verb].arguments
        _check_switches(verb, schema, given)
        try:
            model = schema.model_validate(with_new_names(verb, given))
        except ValidationError as error:
            wrong = wrong_arguments(schema, error).removeprefix("failed: ")
            raise InvalidDecision(f"{verb}: {wrong}") from None
        return {name: getattr(model, name) for name in schema.model_fields}

    @contextmanager
    def _alone(self, verb: str) -> Iterator[None]:
        """Let one verb work at a time.

        Raises:
            InputError: another is under way.
        """
        if verb in ALWAYS:
            yield
            return
        if not self._turn.acquire(blocking=False):
            working = self._working() or "a verb is under way"
            raise InputError(verb, working, "wait for its answer; read_status tells when it is done")
        try:
            self._under_way = (verb, time.monotonic())
            yield
        finally:
            self._under_way = None
            self._turn.release()

    def _working(self) -> str:
        """Which verb is under way, for a client that no longer waits for its answer; empty where none is."""
        if (found := self._under_way) is None:
            return ""
        return f"{found[0]} is under way since {time.monotonic() - found[1]:.0f} s"

    def _in_time(self, verb: str) -> None:
        """Raise where the run has ended, or holds no time for what is asked.

        Raises:
            InputError: it is over; what can still be done is said.
        """
        if verb in ALWAYS:
            return
        dojo, journal = self.dojo, self.dojo.journal
        if journal.ended is not None and (verb not in LOOKING or verb == "estimate_training"):
            raise InputError(
                "the run", f"has ended ({journal.ended['outcome']})", "nothing can be done in it"
            )
        if verb in (*WORKING, *CLOSING) and verb != "submit" and chosen(journal):
            raise InputError("the run", "has chosen its champion", "submit goes on with the reading")
        if verb in WORKING and journal.evaluation(BASE) is not None and dojo.remaining_budget_seconds() <= 0:
            fix = "evaluate and finish what is under way, then call submit"
            raise InputError(verb, "the time for experiments is over", fix)
        if verb == "evaluate_model" and dojo.ledger.remaining_seconds <= 0:
            raise InputError(
                verb, "the time of the run is over", "finish what is under way, then call submit"
            )

    def _done(self, verb: str, arguments: dict[str, Any]) -> Told:
        told = self._functions[verb](**arguments)
        if verb == "plan_experiment":  # failed scripts are counted anew for each experiment
            self._functions["try_script"] = functions_of(self.dojo)["try_script"]
        if isinstance(told, Told):
            return told
        if told.startswith("failed: "):
            raise InvalidDecision(told.partition(": ")[2] or told)
        return Told(told, facts_of(verb, self.dojo, arguments))


def _plain(verb: str, arguments: object) -> dict[str, Any]:
    """The arguments by name.

    Raises:
        InputError: they are no JSON object, hold what JSON cannot say, or are too long.
    """
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise InputError(verb, "its arguments are no JSON object", 'send {"experiment": "e01"} or the like')
    given = dict(arguments)
    try:
        text = json.dumps(given, default=str, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        which = next((one_line(str(name)) for name, value in given.items() if not _sayable(value)), "a name")
        wrong = "holds what JSON cannot say: no finite number, half a character, or a loop"
        fix = "send finite numbers, whole text, and lists that end"
        raise InputError(f"{verb}: {which}", wrong, fix) from None
    if len(text) > ARGUMENT_CHARACTERS:
        raise InputError(verb, f"its arguments are over {ARGUMENT_CHARACTERS:,} characters", "send less")
    return given


def _sayable(value: object) -> bool:
    try:
        json.dumps(value, default=str, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _check_switches(verb: str, schema: type[BaseModel], given: Mapping[str, Any]) -> None:
    """No true or false for a number: it would be read as 1 or 0.

    Raises:
        InputError: which argument.
    """
    kinds = schema.model_json_schema()["properties"]
    for name, value in given.items():
        kind = json.dumps(kinds.get(name, ""))
        if isinstance(value, bool) and "boolean" not in kind and ("integer" in kind or "number" in kind):
            raise InputError(f"{verb}: {name}", f"is {str(value).lower()}", "give a number")


def _schema(name: str, function: Callable[..., object]) -> VerbSchema:
    description, arguments = described(function)
    return VerbSchema(name, description, arguments)


def _status(dojo: Dojo, working: Callable[[], str] = str) -> Callable[..., str]:
    def read_status() -> Told:
        """Read what is left of time, tokens, money and experiments, who leads, and which verb still works.

        Always answered.
        """
        standing = standing_of(dojo)
        done = ", ".join(f"{each.id} {each.outcome}" for each in dojo.journal.experiments()[-20:])
        now = f"; {verb}" if (verb := working()) else ""
        facts = standing.plain() | {"under_way": verb or None}
        return Told(f"run {standing.run}; experiments so far: {done or 'none'}{now}", facts)

    return cast(Callable[..., str], read_status)


class _Unopened:
    """Stands for a run that is not open yet, where only names and docstrings of its verbs are read."""

    def __getattr__(self, name: str) -> Any:
        return self


def offered() -> tuple[VerbSchema, ...]:
    """Every verb with its arguments, without a run."""
    dojo = cast(Dojo, _Unopened())
    harness = Harness(lambda outcome, reason: {}, lambda dojo, experiment: None)
    functions = {**functions_of(dojo), "read_status": _status(dojo)}
    for verb in (*acting_verbs(dojo), *closing_verbs(dojo, harness)):
        functions[verb.__name__] = cast(Callable[..., str], verb)
    return tuple(_schema(name, functions[name]) for name in VERBS)

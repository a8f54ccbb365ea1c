"""What a node did, in words: for the updates and the conversation that Studio shows.

The state's core stays ids and counters. Beside it every node leaves ``happened``, a few lines made of the
events that it told (hypothesis, recipe, scores, outcome), and the same as a message of the conversation.
Nothing reads either: the journal is the truth, and a node that runs again leaves the same message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from graph.state import RunState
from memory.journal.log import BASE

LONGEST = 400
"""Characters of one line: the whole stands in the journal."""
PASSING = ("stage", "progress")
"""Kinds of events that are only of use while a node is at work."""
Data = Mapping[str, Any]


class Told(NamedTuple):
    """One event that a node told."""

    kind: str
    experiment: str
    data: Data


def shown(node: str, run: str, told: Sequence[Told], events: int) -> RunState:
    """What a node adds to the state for those who look: its lines, and the message of them.

    Args:
        node: its name.
        run: the run's id; with ``events`` it makes the message's own id.
        told: what it told, in order.
        events: length of the journal before the node: a node that runs again replaces its message.
    """
    lines = [line for line in map(in_words, told) if line]
    messages: list[AnyMessage] = []
    started = next((each.data for each in told if each.kind == "run_started"), None)
    if started is not None:
        messages.append(HumanMessage(_asked(started), id=f"{run}:asked"))
    if lines:
        messages.append(AIMessage("\n".join(lines), name=node, id=f"{run}:{node}:{events}"))
    return {"happened": "\n".join(lines), "messages": messages}


def in_words(told: Told) -> str:
    """One event as a line; empty for what is only of use while it goes on."""
    say = _SAYINGS.get(told.kind)
    said = say(told.data) if say else ""
    if not said:
        return ""
    line = f"{told.experiment}: {said}" if told.experiment else said
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 2].rstrip() + " …"


def _asked(info: Data) -> str:
    return (
        f"Fine-tune {info.get('base_model')} on {info.get('task')} within "
        f"{info.get('budget_seconds', 0):.0f} s (policy {info.get('policy')}, seed {info.get('seed')})."
    )


def _decision(decision: Data) -> str:
    """Who decided where a language model was asked, and what it looked with."""
    role, model = decision.get("role"), decision.get("model")
    if decision.get("decided_by") == "playbook":
        why = (decision.get("problems") or ("it was not asked",))[-1]
        return f"{role}: the playbook decided in place of {model}: {why}"
    looked = ", ".join(dict.fromkeys(decision.get("tools_called") or ())) or "nothing"
    return f"{role}: {model} decided in {_several(decision.get('calls', 0), 'call')}, looked with {looked}"


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plan(plan: Data) -> str:
    sources = ", ".join(plan.get("sources", ()))
    return (
        f"{plan.get('hypothesis')} (changes {plan.get('change')}; {sources}; from {plan.get('init_from')}; "
        f"expected {plan.get('expected_gain', 0.0):+.1f} within {plan.get('max_seconds', 0.0):.0f} s)"
    )


def _recipe(recipe: Data) -> str:
    steps = (_step(each) for each in recipe.get("operations", ()))
    return "recipe: " + " > ".join(steps)


def _step(operation: Data) -> str:
    """An operation by its name, and what it was given where that is short."""
    name, rule = str(operation.get("op", "")), operation.get("rule")
    if name == "select":
        return f"select {' + '.join(operation.get('sources', ()))}"
    if name == "cap":
        return f"cap {operation.get('rows')}"
    return f"{name} {rule}" if rule else name


def _card(card: Data) -> str:
    return f"data: {card.get('rows')} rows, {card.get('mean_tokens', 0.0):.0f} tokens each on average"


def _training_plan(plan: Data) -> str:
    return (
        f"training: {plan.get('method')}, rate {plan.get('learning_rate', 0.0):.2g}, "
        f"{plan.get('max_steps')} steps, "
        f"{plan.get('num_train_epochs', 0.0):.1f} epochs, from {plan.get('init_from')}"
    )


def _training(training: Data) -> str:
    losses = training.get("losses") or ()
    fell = f", loss {_number(losses[0][1])} to {_number(losses[-1][1])}" if losses else ""
    early = f", stopped early: {training['stopped_early']}" if training.get("stopped_early") else ""
    return f"trained {training.get('steps')} steps in {training.get('wall_seconds', 0.0):.0f} s{fell}{early}"


def _number(loss: object) -> str:
    """A loss may be infinite, and is then a word."""
    return f"{float(str(loss)):.3f}"


def _evaluation(evaluation: Data) -> str:
    score = evaluation.get("score") or {}
    clusters = evaluation.get("clusters") or ()
    worst = f"; most errors: {clusters[0]['name']}, {clusters[0]['share']:.0%}" if clusters else ""
    interval = f"[{score.get('low', 0.0):.1f}, {score.get('high', 0.0):.1f}] n={score.get('n')}"
    return f"{evaluation.get('split')} {score.get('value', 0.0):.1f} {interval}{worst}"


def _failure(failure: Data) -> str:
    return f"failed at {failure.get('stage')} ({failure.get('code')}): {failure.get('message')}"


def _finished(experiment: Data) -> str:
    said = str(experiment.get("outcome"))
    if comparison := experiment.get("comparison"):
        said += f": {comparison['delta']:+.1f} over {comparison['champion']}, p={comparison['p_value']:.2g}"
    if diagnosis := experiment.get("diagnosis"):
        evidence = "; ".join(diagnosis.get("evidence", ())) or "no evidence"
        move = str(diagnosis["next_move"]).replace("_", " ")
        said += f". Cause: {diagnosis['cause']} ({evidence}). Next: {move}"
    return said


def _ended(ending: Data, what: str = "run") -> str:
    return f"the {what} ends: {str(ending.get('outcome')).replace('_', ' ')}, {ending.get('reason')}"


def _read(champion: str) -> str:
    models = "the base" if champion == BASE else f"the base and {champion}"
    return f"the sealed test was read, once, for {models}"


def _text(data: Data) -> str:
    return str(data.get("text", ""))


_SAYINGS: dict[str, Callable[[Data], str]] = {
    "note": _text,
    "decision": _decision,
    "plan": _plan,
    "recipe": _recipe,
    "card": _card,
    "training_plan": _training_plan,
    "training": _training,
    "evaluation": _evaluation,
    "forgetting": _text,
    "failure": _failure,
    "finished": _finished,
    "confirmation": _text,
    "test_opened": lambda data: _read(str(data.get("champion"))),
    "search_ended": lambda data: _ended(data, "search"),
    "run_ended": _ended,
}

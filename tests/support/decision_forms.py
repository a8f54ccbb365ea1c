"""Forms in which models and servers hand in one and the same decision: none of them changes what it says.

    forms("VerdictDecision", {"verdict": "keep", ...})["fenced"]

Collected from what chat templates write where a server does not parse it, and from the slips of models that
write JSON by hand. ``BROKEN`` holds replies that are no decision: they have to go back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support.loopback_chat import Reply, calls, raw_arguments, text

Arguments = dict[str, Any]
Form = Callable[[str, Arguments], Reply]
DRAFT = '<think>Perhaps {"verdict": "discard", "note": "a draft"} or rather not.</think>\n'


def _dumped(arguments: Arguments, **how: Any) -> str:
    return json.dumps(arguments, **how)


def _python(arguments: Arguments) -> str:
    return repr(arguments)


def _upper(arguments: Arguments) -> Arguments:
    """Every choice in capitals: texts of one lower-case word are taken for choices."""
    return {key: _raised(key, value) for key, value in arguments.items()}


CHOICES = frozenset(
    {
        "change",
        "verdict",
        "method",
        "lr_scheduler_type",
        "cause",
        "level",
        "origin",
        "next_move",
        "op",
        "rule",
    }
)


def _raised(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _raised(inner, part) for inner, part in value.items()}
    if isinstance(value, list):
        return [_raised(key, part) for part in value]
    return value.upper().replace("_", "-") if key in CHOICES and isinstance(value, str) else value


def _camel(arguments: Arguments) -> Arguments:
    def named(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(part.capitalize() for part in rest)

    return {named(key): value for key, value in arguments.items()}


def _strings(arguments: Arguments) -> Arguments:
    """Numbers, objects and lists as texts."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}


def _trailing(arguments: Arguments) -> str:
    written = json.dumps(arguments, indent=1)
    return written.replace("\n}", ",\n}").replace("\n ]", ",\n ]")


def _bare_names(arguments: Arguments) -> str:
    inside = ", ".join(f"{key}: {json.dumps(value)}" for key, value in arguments.items())
    return "{" + inside + "}"


def _called(name: str, arguments: Arguments, words: str) -> str:
    return json.dumps({"name": name, words: arguments})


def _xml(name: str, arguments: Arguments) -> str:
    inside = "\n".join(
        f"<parameter={key}>\n{value if isinstance(value, str) else json.dumps(value)}\n</parameter>"
        for key, value in arguments.items()
    )
    return f"<tool_call>\n<function={name}>\n{inside}\n</function>\n</tool_call>"


def _function_call(name: str, arguments: Arguments) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _openai(name: str, arguments: Arguments) -> str:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return json.dumps({"tool_calls": [{"id": "call_1", "type": "function", "function": function}]})


def _two_lines(arguments: Arguments) -> str:
    """Line ends inside of strings, as they are: no JSON, and readable."""
    return json.dumps(arguments).replace("\\n", "\n")


FORMS: dict[str, Form] = {
    "call": lambda name, given: calls([(name, given)]),
    "call beside words": lambda name, given: calls([(name, given)]).with_text("I have decided."),
    "call beside another": lambda name, given: calls([("look", {"what": "a"}), (name, given)]),
    "the same call twice": lambda name, given: calls([(name, given), (name, given)]),
    "call in another case": lambda name, given: calls([(name.lower(), given)]),
    "call in snake case": lambda name, given: calls([(name.replace("Decision", "_decision"), given)]),
    "call of another role's tool": lambda name, given: calls([("ReadingDecision", given)]),
    "call of a tool that nobody offered": lambda name, given: calls([("final_answer", given)]),
    "arguments in an object": lambda name, given: calls([(name, {"arguments": given})]),
    "arguments under the tool's name": lambda name, given: calls([(name, {name: given})]),
    "arguments under decision": lambda name, given: calls([(name, {"decision": given})]),
    "arguments as text": lambda name, given: calls([(name, {"input": json.dumps(given)})]),
    "arguments with texts for values": lambda name, given: calls([(name, _strings(given))]),
    "choices in capitals": lambda name, given: calls([(name, _upper(given))]),
    "camel case": lambda name, given: calls([(name, _camel(given))]),
    "capitals for names": lambda name, given: calls([(name, {k.upper(): v for k, v in given.items()})]),
    "type beside the fields": lambda name, given: calls([(name, {"type": name, **given})]),
    "Python literals as arguments": lambda name, given: raw_arguments(name, _python(given)),
    "trailing commas as arguments": lambda name, given: raw_arguments(name, _trailing(given)),
    "bare names as arguments": lambda name, given: raw_arguments(name, _bare_names(given)),
    "a bracket missing": lambda name, given: raw_arguments(name, _dumped(given)[:-1]),
    "arguments in a fence": lambda name, given: raw_arguments(name, f"```json\n{_dumped(given)}\n```"),
    "line ends in strings": lambda name, given: raw_arguments(name, _two_lines(given)),
    "bare": lambda name, given: text(_dumped(given)),
    "indented": lambda name, given: text(_dumped(given, indent=4)),
    "fenced": lambda name, given: text(f"```json\n{_dumped(given, indent=2)}\n```"),
    "fenced without a language": lambda name, given: text(f"```\n{_dumped(given)}\n```"),
    "words around": lambda name, given: text(f"Here is my decision:\n\n{_dumped(given)}\n\nI hope it helps."),
    "behind a thought": lambda name, given: text(DRAFT + _dumped(given)),
    "behind a thought, fenced": lambda name, given: text(f"{DRAFT}```json\n{_dumped(given)}\n```"),
    "behind the end of a thought": lambda name, given: text(f"so be it.\n</think>\n\n{_dumped(given)}"),
    "behind an unclosed thought": lambda name, given: text(f"<think>\nSo be it: {_dumped(given)}"),
    "behind a channel": lambda name, given: text(
        '<|channel|>analysis<|message|>{"verdict": "discard"}<|end|><|start|>assistant<|channel|>final'
        f"<|message|>{_dumped(given)}"
    ),
    "behind other objects": lambda name, given: text(f'{{"plan": "look"}} then {_dumped(given)} [1, 2]'),
    "a draft before": lambda name, given: text(f"{_dumped({**given, 'note': 'draft'})}\n{_dumped(given)}"),
    "twice": lambda name, given: text(f"{_dumped(given)}\n\nAgain:\n{_dumped(given)}"),
    "Python literals": lambda name, given: text(_python(given)),
    "Python literals, fenced": lambda name, given: text(f"```python\n{_python(given)}\n```"),
    "trailing commas": lambda name, given: text(_trailing(given)),
    "comments": lambda name, given: text(_dumped(given, indent=1).replace(",\n", ", // so\n")),
    "bare names": lambda name, given: text(_bare_names(given)),
    "under the tool's name": lambda name, given: text(_dumped({name: given})),
    "in a list": lambda name, given: text(_dumped({"decisions": [given]})[14:-1]),
    "Hermes": lambda name, given: text(f"<tool_call>\n{_called(name, given, 'arguments')}\n</tool_call>"),
    "Hermes behind a thought": lambda name, given: text(
        f"{DRAFT}<tool_call>\n{_called(name, given, 'arguments')}\n</tool_call>"
    ),
    "Mistral": lambda name, given: text(f"[TOOL_CALLS][{_called(name, given, 'arguments')}]"),
    "Llama": lambda name, given: text(_called(name, given, "parameters")),
    "Llama with a tag": lambda name, given: text(f"<|python_tag|>{_called(name, given, 'parameters')}"),
    "Llama's function tag": lambda name, given: text(f"<function={name}>{_dumped(given)}</function>"),
    "Qwen's parameters": lambda name, given: text(_xml(name, given)),
    "Python's call": lambda name, given: text(_function_call(name, given)),
    "Python's call in a list": lambda name, given: text(f"[{_function_call(name, given)}]"),
    "OpenAI's message": lambda name, given: text(_openai(name, given)),
    "ReAct": lambda name, given: text(_dumped({"action": name, "action_input": given})),
    "the tool's name before": lambda name, given: text(f"{name}\n```json\n{_dumped(given)}\n```"),
}
"""By what is odd about each."""

BROKEN: dict[str, Form] = {
    "breaks off in a text": lambda name, given: raw_arguments(
        name, _dumped(given)[: len(_dumped(given)) // 2]
    ),
    "breaks off in the text": lambda name, given: text(_dumped(given)[: len(_dumped(given)) // 2]),
    "two decisions": lambda name, given: calls(
        [(name, given), (name, {**given, "note": "another note of some length"})]
    ),
    "only thought": lambda name, given: text(f"<think>{_dumped(given)}</think>"),
    "a number out of range": lambda name, given: calls([(name, {**given, "expected_gain": -7})]),
    "a field that there is not": lambda name, given: calls([(name, {**given, "confidence": 0.9})]),
    "words": lambda name, given: text("I would keep it."),
}
"""What is no decision, whatever is done to its form."""

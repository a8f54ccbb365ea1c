"""Which columns hold the question, the answer and the worked solution: by name and by content.

The task's own published columns win where they are there. Otherwise names decide by the
conventions of public instruction data, and content breaks ties and fills gaps: answers
are what the task's parser reads, prompts are long and differ from row to row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tasks.base import Row, TaskSpec
from tasks.columns import opened, paths, pluck
from tasks.splits import fingerprint

PROMPT_NAMES = ("question", "problem", "prompt", "instruction", "query", "input", "user", "human", "text")
ANSWER_NAMES = (
    "answer", "final_answer", "gold", "label", "gt", "target", "output", "response", "completion", "reply",
    "assistant", "result",
)  # fmt: skip
REASONING_NAMES = (
    "solution",
    "reasoning",
    "reason",
    "rationale",
    "cot",
    "explanation",
    "steps",
    "thought",
    "analysis",
)
MOST_ROWS = 0.6
"""Share of the rows that must carry a role before it is believed."""


def suggest_columns(rows: Sequence[Row], spec: TaskSpec) -> dict[str, str]:
    """Columns for ``Map``: ``prompt``, ``answer``, perhaps ``reasoning``; empty when not both are found."""
    if not rows:
        return {}
    chat = _chat_columns(rows)
    if chat:
        return chat
    values = _values(rows)
    own_prompt = sum(spec.build_prompt(row) is not None for row in rows) >= MOST_ROWS * len(rows)
    prompt = "*" if own_prompt else _named(values, PROMPT_NAMES) or _likely_prompt(values)
    rest = {path: texts for path, texts in values.items() if path != prompt}
    answer = _answer(rest, spec)
    if not prompt or not answer:
        return {}
    found = {"prompt": prompt, "answer": answer}
    reasoning = _named({path: texts for path, texts in rest.items() if path != answer}, REASONING_NAMES)
    return found | ({"reasoning": reasoning} if reasoning else {})


def _chat_columns(rows: Sequence[Row]) -> dict[str, str]:
    """Paths of the first user turn and the assistant's turn after it, where rows hold messages."""
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for name, value in row.items():
            turns = opened(value)
            if not (isinstance(turns, list) and turns and all(isinstance(turn, dict) for turn in turns)):
                continue
            speakers = [str(turn.get("role", turn.get("from", ""))).casefold() for turn in turns]
            text = "content" if "content" in turns[0] else "value"
            asked = next((i for i, who in enumerate(speakers) if who in ("user", "human")), None)
            if asked is None:
                continue
            answered = next(
                (i for i in range(asked + 1, len(turns)) if speakers[i] in ("assistant", "gpt")), 0
            )
            if answered:
                found[f"{name}.{asked}.{text}", f"{name}.{answered}.{text}"] += 1
    if not found:
        return {}
    (prompt, answer), count = found.most_common(1)[0]
    return {"prompt": prompt, "answer": answer} if count >= MOST_ROWS * len(rows) else {}


def _values(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Non-blank texts by path, of the paths that at least a tenth of the rows fill."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for path in paths(row):
            text = pluck(row, path)
            if text is not None and text.strip():
                found.setdefault(path, []).append(text)
    # JSON in some rows of a column of prose is no structure: such a column is taken whole.
    mixed = {
        path.partition(".")[0] for path in found if "." in path and len(found[path]) < MOST_ROWS * len(rows)
    }
    for name in mixed & rows[0].keys():
        found = {path: texts for path, texts in found.items() if path.partition(".")[0] != name}
        found[name] = [text for row in rows if (text := pluck(row, name)) is not None and text.strip()]
    least = 0.1 * len(rows)
    return {path: texts for path, texts in found.items() if len(texts) >= least}


def _rank(path: str, names: Sequence[str]) -> int | None:
    """Place of the first convention that the last part of a path follows; None when it follows none."""
    last = path.rsplit(".", 1)[-1]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).casefold()
    parts = set(re.split(r"[\s_\-]+", words))
    for rank, name in enumerate(names):
        if words == name or name in parts:
            return rank
    return None


def _named(values: dict[str, list[str]], names: Sequence[str]) -> str:
    """The column whose name ranks first; the longer text wins where names tie."""
    ranked = [
        (rank, -_mean_length(texts), path)
        for path, texts in values.items()
        if (rank := _rank(path, names)) is not None
    ]
    return min(ranked)[2] if ranked else ""


def _likely_prompt(values: dict[str, list[str]]) -> str:
    """The column whose texts differ from row to row and are longest."""
    distinct = {
        path: texts
        for path, texts in values.items()
        if len({fingerprint(text) for text in texts[:100]}) >= 0.2 * len(texts[:100])
        and _rank(path, REASONING_NAMES + ANSWER_NAMES) is None
    }
    return max(distinct, key=lambda path: _mean_length(distinct[path]), default="")


def _answer(values: dict[str, list[str]], spec: TaskSpec) -> str:
    """By name, the parser's reading breaking ties; else the column that the parser reads best."""
    readable = {
        path: sum(spec.extract(text) is not None for text in texts[:100]) / len(texts[:100])
        for path, texts in values.items()
        if _rank(path, REASONING_NAMES) is None
    }
    named = [
        (rank, -readable[path], path) for path in readable if (rank := _rank(path, ANSWER_NAMES)) is not None
    ]
    good = [entry for entry in named if readable[entry[2]] >= 0.5]
    if good or named:
        return min(good or named)[2]
    best = max(readable, key=lambda path: (readable[path], -_mean_length(values[path])), default="")
    return best if best and readable[best] >= MOST_ROWS else ""


def _mean_length(texts: Sequence[str]) -> float:
    return sum(map(len, texts)) / len(texts)

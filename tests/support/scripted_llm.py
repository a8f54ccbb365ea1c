"""A language model made of rules: a sensible decision for each of the five roles, from what the request says.

    with ChatServer(scripted_reply) as server: ...

A pure function of the request, so it survives retries, resumes and parallel runs. The role is known by
the decision's tool among the tools; before each decision it looks with one of the others. It reads the
briefing as a model would: the table of sources, the champion, what was tried, what was refused.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support.loopback_chat import Reply, Request, call, text

LOOKS: dict[str, tuple[str, ...]] = {
    "PlanDecision": ("recall", "profile", "experiment"),
    "RecipeDecision": ("sample", "profile", "source"),
    "TrainingDecision": ("experiment", "curve", "recall"),
    "VerdictDecision": ("failures", "compare", "experiment"),
    "DiagnosisDecision": ("failures", "experiment", "log"),
}
"""Which tool is looked with first, by a part of its name."""
DECIDED_BY_OPTIMISER = "the optimiser's hyperparameters suit data of this kind"
PARTS = 6
"""Into how many experiments the time left is divided."""
WITH_SCRIPT = 2
"""The number of the experiment whose data a script writes, where its plan lets it."""
SCRIPT = 'def transform(row):\n    row["prompt"] = row["prompt"].strip()\n    return row\n'


def scripted_reply(request: Request) -> Reply:
    """The next move of a sensible model."""
    decision = next((name for name in request.tool_names if name in LOOKS), "")
    if not decision:
        return text("There is nothing to decide.")
    page = Page(request)
    if not request.answers and (look := _look(request, decision, page)):
        return look
    return call(decision, DECISIONS[decision](page))


class Page:
    """What the request says about the run."""

    def __init__(self, request: Request) -> None:
        self.text = next((str(m["content"]) for m in request.messages if m["role"] == "user"), "")
        self.refusals = "\n".join(request.answers)
        """Tool answers and refusals alike; refusals name the field that they are about."""
        self.experiment = self._found(r"^# Experiment (e\d+)", "e01")
        self.champion = self._found(r"^- incumbent: (e\d+)", "base")
        self.number = int(self.experiment[1:])

    def _found(self, pattern: str, otherwise: str) -> str:
        found = re.search(pattern, self.text, re.MULTILINE)
        return found[1] if found else otherwise

    def found(self, pattern: str) -> str:
        """The first group of a pattern; empty without one."""
        return self._found(pattern, "")

    def section(self, title: str) -> str:
        """The text under a heading; empty where there is none."""
        found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    def table(self, first: str) -> list[dict[str, str]]:
        """The rows of the table whose first column has this title, by column."""
        lines = self.text.splitlines()
        start = next((n for n, line in enumerate(lines) if line.startswith(f"| {first} |")), None)
        if start is None:
            return []
        titles = _cells(lines[start])
        rows = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            rows.append(dict(zip(titles, _cells(line), strict=False)))
        return rows

    @property
    def sources(self) -> dict[str, list[str]]:
        """Names by kind, the most useful first."""
        kinds: dict[str, list[str]] = {}
        for row in self.table("source"):
            kinds.setdefault(row["kind"], []).append(row["source"])
        return kinds

    @property
    def tried(self) -> list[dict[str, str]]:
        """The experiments of the table."""
        return [row | {"id": row["id"].rstrip("*")} for row in self.table("id") if "sources" in row]

    @property
    def doubted(self) -> set[str]:
        """Sources with whose labels a model agrees far less than with the best source's."""
        shares = {
            row["source"]: int(row["agrees"].partition("%")[0])
            for row in self.table("source")
            if "%" in row.get("agrees", "")
        }
        best = max(shares.values(), default=0)
        return {name for name, share in shares.items() if share < 0.7 * best}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


# -- looking -----------------------------------------------------------------------------------


def _look(request: Request, decision: str, page: Page) -> Reply | None:
    tools = {tool["function"]["name"]: tool["function"] for tool in request.body["tools"]}
    tools.pop(decision)
    wanted = [name for part in LOOKS[decision] for name in tools if part in name] or list(tools)
    if not wanted:
        return None
    schema = tools[wanted[0]].get("parameters", {})
    properties: dict[str, Any] = schema.get("properties", {})
    return call(
        wanted[0], {name: _argument(name, properties[name], page) for name in schema.get("required", [])}
    )


def _argument(name: str, schema: dict[str, Any], page: Page) -> Any:
    """A plausible argument, by its name and type."""
    source = next((names[0] for kind, names in page.sources.items() if kind != "unusable"), "")
    named = {
        "source": source,
        "name": source,
        "sources": [source],
        "query": "which data and learning rate worked",
        "challenger": page.experiment,
        "champion": page.champion,
        "experiment": page.experiment if page.number == 1 or page.champion == "base" else page.champion,
    }
    if name in named:
        return named[name]
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": schema.get("minimum", 3), "number": 1.0, "array": [], "boolean": False}.get(
        schema.get("type", ""), "base"
    )


# -- deciding ----------------------------------------------------------------------------------


def _plan(page: Page) -> dict[str, Any]:
    kinds, doubted = page.sources, page.doubted
    best = kinds.get("chain_of_thought") or kinds.get("direct") or ["none"]
    share = float(page_share) if (page_share := _last(r"between ([\d.]+) and 1.0", page.refusals)) else None
    decided: dict[str, Any] = {
        "hypothesis": f"Cleaned answers of {best[0]} teach the task",
        "reason": "steps teach more than direct answers; nothing else was measured yet",
        "change": "first" if not page.tried else "sources",
        "init_from": "base",
        "sources": best,
        "expected_gain": 10.0,
        "share_of_remaining_budget": share or round(1 / PARTS, 3),
    }
    row = next((row for row in page.tried if row["id"] == page.champion), None)
    if row is None:
        if page.tried:
            others = kinds.get("direct") or best
            change = "data" if page.number == WITH_SCRIPT else "sources"
            decided |= {"sources": others, "change": change}
            decided |= {"hypothesis": "The other kind of data teaches more"}
        return decided
    used = row["sources"].split(", ")
    clean = [name for name in used if name not in doubted]
    if clean and clean != used:
        decided |= {"sources": clean, "change": "sources", "expected_gain": 3.0}
        decided |= {"hypothesis": f"Without {', '.join(sorted(doubted & set(used)))} the labels are right"}
    else:
        decided |= {"sources": used, "change": "duration", "expected_gain": 2.0}
        decided |= {"hypothesis": f"Training on from {page.champion} removes more of the errors"}
    decided |= {
        "init_from": page.champion,
        "reason": f"{page.champion} is the champion: {row['score']} points",
    }
    tested = page.found(r"names (e\d+) in `tests`")
    if tested and page.found(r"from a change of (\w+)") == decided["change"]:
        decided["tests"] = tested
    return decided


def _recipe(page: Page) -> dict[str, Any]:
    used = page.found(r"^- sources: (.+)$").split(", ")
    operations: list[dict[str, Any]] = [
        {"op": "filter", "rule": "nonempty"},
        {"op": "filter", "rule": "parseable"},
        {"op": "normalise", "answer_format": True},
        {"op": "filter", "rule": "on_domain"},
        {"op": "filter", "rule": "length", "maximum": float(page.found(r"each at most (\d+) tokens") or 512)},
        {"op": "deduplicate", "near": True, "conflicts": True},
        {"op": "verify", "strict": False},
    ]
    free = page.found(r"^- change: (\w+)") in ("first", "operations", "data")
    kept = "trim the questions" in page.section("The parent's recipe")
    if kept or (page.number == WITH_SCRIPT and free and "script" not in page.refusals):
        operations.insert(2, {"op": "script", "purpose": "trim the questions", "code": SCRIPT})
    if set(used) <= set(page.sources.get("chain_of_thought", [])):
        operations.append({"op": "filter", "rule": "reasoning"})
    return {"operations": operations}


def _training(page: Page) -> dict[str, Any]:
    method = page.found(r"^- suggested: (full|lora)") or "full"
    decided: dict[str, Any] = {"method": method, "reason": DECIDED_BY_OPTIMISER, "max_epochs": 8.0}
    rate = page.found(r"^- suggested: .*learning rate ([\d.e+-]+)")
    if page.number == 3 and rate and "learning_rate" not in page.refusals:
        decided |= {"learning_rate": float(rate) * 0.8}
        decided |= {"override_reason": "the last curve was noisy at its end: a little lower"}
    return decided


def _reading(page: Page) -> dict[str, Any]:
    delta = page.found(r"difference ([+-][\d.]+) points") or "+0"
    p = page.found(r"p=([\d.e-]+)") or "1"
    keep = float(delta) > 0 and float(p) / 2 <= 0.2 and "does not allow keep" not in page.refusals
    cluster = page.found(r"^\| wrong answers of .*\n\|.*\n\| ([^|]+?) \|")
    return {
        "verdict": "keep" if keep else "discard",
        "note": f"The difference is {delta} points, p={p}",
        "cluster_notes": {cluster: "these answers stop one step early"} if cluster else {},
    }


def _diagnosis(page: Page) -> dict[str, Any]:
    delta = page.found(r"difference ([+-][\d.]+) points")
    evidence = [
        {"experiment": page.experiment, "fact": f"difference to the champion: {delta or 'none'} points"}
    ]
    if not delta:
        return {
            "cause": "harness",
            "level": "neither",
            "origin": "training",
            "evidence": [{"experiment": page.experiment, "fact": "it failed before it was measured"}],
            "next_move": "change_method",
            "prediction": {
                "change": "operations",
                "claim": "With another recipe it runs",
                "expected_gain": 1.0,
            },
        }
    gained = float(delta) > 0
    return {
        "cause": "underfit" if gained else "capability",
        "level": "neither" if gained else "capability",
        "origin": "training",
        "evidence": evidence,
        "next_move": "train_longer" if gained else "tune",
        "note": "the errors are of one kind, and fewer than before" if gained else "nothing moved",
        "prediction": {
            "change": "duration" if gained else "hyperparameters",
            "claim": "Training on brings more",
            "expected_gain": 2.0 if gained else 1.0,
        },
    }


def _last(pattern: str, where: str) -> str:
    found = re.findall(pattern, where)
    return found[-1] if found else ""


DECISIONS = {
    "PlanDecision": _plan,
    "RecipeDecision": _recipe,
    "TrainingDecision": _training,
    "VerdictDecision": _reading,
    "DiagnosisDecision": _diagnosis,
}

"""Sealed rows stay sealed: a marker in every test item is in no tool's answer, record, file or briefing.

The pool leaks every test item, word for word and edited, in several sources, shapes and cards;
then every tool of every role and of the whole box is called, on a real run with a tiny model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from graph import session as sessions
from graph.settings import make_settings
from memory.recipe import DataRecipe
from memory.records import Diagnosis, Role, TrainingPlan, Verdict
from roles.lesson import lesson_of
from roles.llm.briefing.build import briefing, system_prompt
from tests.support.run_records import plan as made_plan
from tests.support.tiny_model import make_tiny_model
from tools.dojo import Dojo
from tools.sandbox import run
from tools.toolkit.by_role import TOOLS, tools_for
from tools.verbs.closing import Harness
from tools.verbs.referee import VERBS
from tools.verbs.toolbox import toolbox

MARK = "zanzibar"
PLACES = ("Agadir", "Bergen", "Cadiz", "Dover", "Esbjerg", "Faro", "Gdynia", "Haifa", "Izmir", "Jeddah")
GOODS = ("anchors", "barrels", "candles", "drums", "engines", "flags", "gloves", "hammers")
TASK = """
name = "harbour"
description = "Add what a harbour register lists; the answer is a whole number."
prompt = "{question} Answer with the number."
metric = "number"
answer = "answer"
reasoning = "steps"
max_new_tokens = 12
"""


def entry(n: int, mark: str = "") -> dict[str, str]:
    """A question that shares its numbers and names with no other one."""
    place, one, other = PLACES[n % 10], GOODS[n % 8], GOODS[(n // 8 + n + 1) % 8]
    a, b = 11 + 3 * n, 7 + 5 * n
    return {
        "question": f"On day {n} the register of {place} lists {a} {one} for {mark or 'the market'} and {b} "
        f"{other} that came in by boat before the noon bell. How many things does it list in all?",
        "answer": str(a + b),
        "steps": f"{a}+{b}={a + b}.",
    }


def edited(question: str) -> list[str]:
    """The same question, as people pass it on."""
    return [
        question.upper(),
        f"Please: {question}",
        question.replace("How many things", "How many of the things"),
        question.replace(" that came in by boat", ", that came in by boat,").replace(".", " ."),
        f"A visitor once asked me this. {question} I did not know what to say, and went home.",
    ]


CLEAN = [entry(n) for n in range(100, 190)]
VALIDATION = [entry(n) for n in range(300, 312)]
TEST = [entry(n, MARK.title()) for n in range(500, 524)]
LEAKS = [row | {"question": text} for row in TEST for text in (row["question"], *edited(row["question"]))]
ASKED = [row["question"] for row in TEST]
SOURCES: dict[str, list[dict[str, Any]]] = {
    "ledger": CLEAN,
    "forum": [part for pair in zip(CLEAN, LEAKS, strict=False) for part in pair],
    "copies": LEAKS,
    "chat": [
        {
            "messages": [
                {"role": "user", "content": row["question"]},
                {"role": "assistant", "content": f"{row['steps']} It is {row['answer']}."},
            ]
        }
        for row in [*LEAKS[::3], *CLEAN[:40]]
    ],
    "swapped": [{"reply": row["question"], "query": row["steps"]} for row in [*LEAKS[::4], *CLEAN[:40]]],
    "scraps": [{"scrap": f"{row['question']} => {row['answer']}"} for row in [*LEAKS[::5], *CLEAN[:30]]],
    "nested": [{"meta": json.dumps({"q": row["question"], "n": 1})} for row in [*LEAKS[::5], *CLEAN[:30]]],
}
CARD = (
    f"# Harbour\n\nRows of a register, such as:\n{ASKED[3]}\n\n"
    f"> Q: {ASKED[5]}\n> A: {TEST[5]['answer']}\n\n- {ASKED[7].upper()}\n\nCollected by hand."
)


def write_task(folder: Path) -> Path:
    (folder / "train").mkdir(parents=True)
    (folder / "task.toml").write_text(TASK)
    for name, rows in (("validation", VALIDATION), ("test", TEST)):
        lines = (json.dumps({"question": row["question"], "answer": row["answer"]}) for row in rows)
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    for name, rows in SOURCES.items():
        (folder / "train" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (folder / "train" / f"{name}.md").write_text(CARD)
    return folder


RECIPE = {
    "operations": [
        {"op": "select", "sources": ["ledger", "forum"]},
        {
            "op": "map",
            "columns": {
                "ledger": {"prompt": "question", "answer": "answer", "reasoning": "steps"},
                "forum": {"prompt": "question", "answer": "answer"},
            },
        },
        {"op": "deduplicate"},
        {"op": "decontaminate"},
        {"op": "cap", "rows": 40},
    ]
}
HYPERPARAMETERS = {
    "max_steps": 2,
    "per_device_train_batch_size": 4,
    "warmup_steps": 0,
    "max_length": 250,
    "timeout_seconds": 60.0,
}


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dojo]:
    """A run whose first experiment was kept and whose second has come as far as its reading."""
    folder = tmp_path_factory.mktemp("sentinels")
    settings = make_settings(
        task=str(write_task(folder / "task")),
        base_model=str(make_tiny_model(folder / "model")),
        runs_dir=str(folder / "runs"),
        memory="off",
    )
    session = sessions.start(settings)
    dojo = session.dojo
    dojo.evaluate("base")
    _experiment(dojo, "e01", None)
    dojo.journal.append("diagnosis", Diagnosis(cause="data", evidence=("few rows",), next_move="tune"), "e01")
    dojo.journal.finish("e01", "kept")
    _experiment(dojo, "e02", "e01")
    yield dojo
    session.close()


def _experiment(dojo: Dojo, id: str, parent: str | None) -> None:
    """As the graph does it: each stage by the Dojo, each record into the journal."""
    recipe = DataRecipe.model_validate(RECIPE | {"seed": len(dojo.journal.experiments())})
    plan = made_plan(id, parent, sources=recipe.sources)
    hyperparameters = TrainingPlan(**HYPERPARAMETERS)
    dojo.journal.append("plan", plan, id)
    dojo.curate(id, recipe)
    dojo.train(id, hyperparameters)
    dojo.evaluate(id)
    dojo.journal.append("comparison", dojo.compare(id, "base"), id)
    dojo.journal.append("verdict", Verdict(verdict="keep", note="no difference"), id)


SCRIPTS = (
    "def transform(row):\n    assert 'zanz' + 'ibar' not in str(row).lower(), row['prompt']\n    return row",
    "seen = []\ndef transform(row):\n    seen.append(row['prompt'])\n"
    "    return row | {'answer': ' '.join(sorted(seen, key=lambda t: 'anzib' not in t.lower()))[:9000]}",
    "def transform(row):\n    raise ValueError(row['prompt'])",
    "import glob\nfound = glob.glob('/*/*.jsonl') + glob.glob('../../*/*.jsonl')\n"
    "def transform(row):\n    return row | {'answer': str([open(path).read() for path in found])}",
)


def _recipe(name: str, columns: dict[str, str], *operations: dict[str, Any]) -> dict[str, Any]:
    start = [{"op": "select", "sources": [name]}, {"op": "map", "columns": {name: columns}}]
    return {"operations": [*start, *operations]}


QA = {"prompt": "question", "answer": "answer"}
RECIPES = [
    RECIPE,
    *(_recipe(name, QA) for name in ("ledger", "forum", "copies")),
    _recipe("forum", QA, {"op": "filter", "rule": "length", "maximum": 1}),
    _recipe("forum", QA, {"op": "deduplicate", "near": True}, {"op": "decontaminate"}),
    _recipe("forum", QA, {"op": "sample", "rows": 50}, {"op": "cap", "rows": 9}, {"op": "decontaminate"}),
    _recipe("forum", {"prompt": "answer", "answer": "question"}, {"op": "decontaminate"}),
    _recipe("forum", {"prompt": "question", "answer": "questoin"}),
    _recipe("copies", QA, {"op": "decontaminate"}),
    _recipe("scraps", {"prompt": "scrap", "answer": "scrap"}, {"op": "decontaminate"}),
    _recipe("nested", {"prompt": "meta.q", "answer": "meta.n"}, {"op": "decontaminate"}),
    *(
        _recipe("forum", QA, {"op": "script", "purpose": "p", "code": code}, {"op": "decontaminate"})
        for code in SCRIPTS
    ),
]
NEXT_PLAN = {"hypothesis": "the forum's rows suffice", "change": "sources", "sources": ["forum"]}
EXPERIMENTS = ("base", "e01", "e02", "e03", "test", "../e01")
CALLS: dict[str, list[dict[str, Any]]] = {
    "list_sources": [{}],
    "profile_source": [{"source": name} for name in (*SOURCES, "fourm")],
    "sample_rows": [{"source": name, "rows": 8, "seed": seed} for name in SOURCES for seed in range(4)],
    "try_recipe": [{"operations": recipe["operations"]} for recipe in RECIPES],
    "plan_experiment": [NEXT_PLAN, NEXT_PLAN | {"sources": ["copies"]}],
    "read_status": [{}],
    "submit": [{"reason": 7}],
    "run_data_recipe": [
        {"experiment": id, "operations": recipe["operations"]}
        for recipe in reversed(RECIPES)
        for id in ("e02", "e03")
    ],
    "try_script": [
        *({"code": code, "sources": ["forum", "copies", "chat", "ledger"]} for code in SCRIPTS),
        *(
            {"code": SCRIPTS[1], "sources": [name], "columns": {name: columns}}
            for name, columns in (
                ("swapped", {"prompt": "query", "answer": "reply"}),
                ("scraps", {"prompt": "scrap", "answer": "scrap"}),
            )
        ),
    ],
    "read_experiment": [{"experiment": id} for id in EXPERIMENTS],
    "read_recipe": [{"experiment": id} for id in EXPERIMENTS],
    "show_failures": [{"experiment": id, "items": 6} for id in EXPERIMENTS],
    "loss_curve": [{"experiment": id} for id in EXPERIMENTS],
    "read_log": [
        {"experiment": id, "log": log}
        for id in EXPERIMENTS
        for log in ("train", "probe", "validation", "test", "../../journal")
    ],
    "compare_models": [{"challenger": "e02", "champion": id} for id in EXPERIMENTS],
    "audit_sources": [{"experiment": "e01", "sources": ["forum", "copies", "chat"]}],
    "estimate_training": [{"experiment": id, "plan": HYPERPARAMETERS} for id in EXPERIMENTS],
    "probe_training": [{"experiment": id, "plan": HYPERPARAMETERS} for id in EXPERIMENTS],
    "train_model": [{"experiment": id, "plan": HYPERPARAMETERS} for id in EXPERIMENTS],
    "finish_experiment": [{"experiment": id} for id in EXPERIMENTS],
    "evaluate_model": [{"experiment": id} for id in EXPERIMENTS],
    "recall_experience": [{"query": "the sealed test items of this harbour"}],
    "record_experience": [{"experiment": id, "text": "t"} for id in EXPERIMENTS],
}  # fmt: skip


def sealed_text(text: str) -> bool:
    return MARK in text.lower()


def test_the_marker_is_in_every_test_item_and_every_leak_is_one_that_the_guard_knows(dojo: Dojo) -> None:
    """Else the other tests would say nothing about the tools."""
    assert all(sealed_text(row["question"]) for row in TEST)
    assert len(LEAKS) == 6 * len(TEST)
    missed = [
        row["question"] for row in LEAKS if dojo.decontaminator.check(row["question"], row["answer"]) is None
    ]
    assert missed == []
    assert not any(dojo.decontaminator.check(row["question"], row["answer"]) for row in CLEAN)


@pytest.mark.parametrize("role", [*TOOLS, None], ids=str)
def test_no_tool_tells_a_sealed_row(dojo: Dojo, role: Role | None) -> None:
    if run.active().name == "none":
        pytest.skip(run.active().detail)
    harness = Harness(lambda ending, reason: {}, lesson_of)
    tools = toolbox(dojo, harness) if role is None else tools_for(role, dojo)
    # What is under way is finished first, so that the next experiment can be planned.
    tools = sorted(tools, key=lambda tool: tool.name != "finish_experiment")
    told: dict[str, list[str]] = {}
    for tool in tools:
        told[tool.name] = [tool.invoke(arguments) for arguments in CALLS[tool.name]]
        for arguments, answer in zip(CALLS[tool.name], told[tool.name], strict=True):
            assert not sealed_text(answer), (tool.name, arguments, answer)
    # The calls did reach something: each tool answered at least one of them.
    refused = ("failed", "refused")
    silent = [name for name, answers in told.items() if all(a.startswith(refused) for a in answers)]
    silent = [name for name in silent if name != "submit"]  # here it would end the run
    assert silent == [], told[silent[0]]


def test_every_tool_is_called_here() -> None:
    given = {name for names in TOOLS.values() for name in names} | set(VERBS)
    assert given - set(CALLS) <= {"estimate_teacher"}  # figures alone, and only with a teacher


def test_clean_rows_of_leaking_sources_are_shown(dojo: Dojo) -> None:
    tools = {tool.name: tool for tool in tools_for("data_curator", dojo)}
    assert "register of" in tools["sample_rows"].invoke({"source": "forum", "rows": 8})
    assert tools["sample_rows"].invoke({"source": "copies"}) == "this source has no row that may be shown"
    assert "Collected by hand." in tools["list_sources"].invoke({})


@pytest.mark.parametrize(
    "role", [role for role in get_args(Role) if role not in ("teacher", "judge", "baseline")]
)
def test_no_briefing_holds_a_sealed_row(dojo: Dojo, role: Role) -> None:
    for experiment in ("e01", "e02", "e03"):
        page = system_prompt(role, dojo) + briefing(role, dojo, experiment, budget_tokens=20_000)
        assert len(page) > 1000
        assert not sealed_text(page)


def test_nothing_on_the_disk_holds_a_sealed_row(dojo: Dojo) -> None:
    """Runs last: what the calls above left in the journal, the data folder and the logs."""
    dojo.curate("e04", DataRecipe.model_validate(RECIPES[5]))
    files = [path for path in dojo.workspace.run_dir.rglob("*") if path.is_file()]
    assert {"journal.jsonl", "validation.jsonl", "train.log"} <= {path.name for path in files}
    assert any(path.name.endswith(".removed.jsonl") and path.stat().st_size for path in files)
    for path in files:
        assert not sealed_text(path.read_bytes().decode("utf-8", "replace")), path
    assert dojo.journal.test_reads == 0

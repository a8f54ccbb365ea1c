"""``python -m tests.bench.briefings REPLIES``: what each role reads in a run that a language model drove.

REPLIES holds the replies of such a run in order (``res-1.json``...: ``{"tool_calls": [{"name",
"arguments"}]}``) and the requests that they answer (``req-1.json``...: ``{"body": {"messages"}}``). Of the
decisions a journal of the same shape is made, on the mini edition of the table task; scores and answers are
drawn. Printed: tokens by role (bytes by four, as the run's server counted them), and which of the facts that
a decision needs stand in the briefing.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from langchain_core.utils.function_calling import convert_to_openai_tool

from memory.agreement import Agreement
from memory.budget.clocks import Budget, Ledger
from memory.experience.store import NullStore
from memory.journal.log import Journal
from memory.recipe import Cap, DataCard, DataRecipe, Decontaminate, Map, Normalise, Select, StepCount
from memory.records import (
    Comparison,
    Diagnosis,
    Evaluation,
    Plan,
    Prediction,
    Role,
    RowsReproduced,
    Training,
    TrainingPlan,
    Verdict,
)
from roles.inherited_recipe import inherited_recipe
from roles.llm.briefing.build import briefing, system_prompt
from tasks.registry import get
from tests.support.golden import SCHEMAS, STAGES
from tests.support.mini_editions import mini, sealed
from tests.support.run_in_progress import StillDojo, run_info, tiny_base
from tests.support.run_records import card, training
from tools.contamination.check import Decontaminator
from tools.curation.run import rows_of
from tools.evaluation.evaluate import clusters, item_of
from tools.evaluation.score_answers import score_answers
from tools.process.worker import Worker
from tools.sealed_test import SealedTest
from tools.toolkit.by_role import tools_for
from tools.workspace import Workspace

TASK = "tablebench_numerical_reasoning"
SCORES = {"base": 8.0, "e01": 64.0, "e02": 62.3, "e03": 71.7, "e04": 79.7, "e05": 90.0, "e06": 92.0}
"""Of the run whose replies these are."""
DECIDES: dict[str, Role] = {
    "PlanDecision": "planner",
    "RecipeDecision": "data_curator",
    "TrainingDecision": "training_engineer",
    "ReadingDecision": "evaluator",
    "VerdictDecision": "evaluator",
    "DiagnosisDecision": "diagnostician",
}
Decisions = Mapping[str, Mapping[Role, Mapping[str, Any]]]
app = typer.Typer(pretty_exceptions_enable=False)


def decisions_of(replies: Path) -> dict[str, dict[Role, dict[str, Any]]]:
    """By experiment and role, the last decision of the run."""
    found: dict[str, dict[Role, dict[str, Any]]] = defaultdict(dict)
    for path in sorted(replies.glob("res-*.json"), key=lambda path: int(path.stem[4:])):
        asked = json.loads((replies / path.name.replace("res", "req")).read_text())["body"]["messages"]
        experiment = re.search(r"# Experiment (e\d+)", str(asked[1]["content"]))
        for call in json.loads(path.read_text()).get("tool_calls") or ():
            if experiment and call["name"] in DECIDES:
                found[experiment[1]][DECIDES[call["name"]]] = call["arguments"]
    return dict(found)


class Rebuilt:
    """A run of the table task as these decisions made it, up to a role's turn in one experiment."""

    def __init__(self, folder: Path, decisions: Decisions) -> None:
        data, spec = mini(TASK), get(TASK)
        workspace = Workspace.create(folder, "run")
        journal = Journal.create(workspace.journal_path, run_info())
        validation = data.validation
        test = SealedTest.seal(lambda: sealed(TASK))
        self.decisions = decisions
        self.dojo = StillDojo(
            spec=replace(spec, max_new_tokens=64),
            edition="mini",
            base_model=tiny_base(),
            validation=validation,
            pool={source.name: source for source in data.sources},
            test=test,
            decontaminator=Decontaminator.build(validation, test),
            workspace=workspace,
            journal=journal,
            ledger=Ledger(Budget(2700.0), {"elapsed": 900.0}, now=lambda: 0.0),
            store=NullStore(),
            worker=cast(Worker, None),
            count_tokens=lambda text: len(text) // 3,
            seed=0,
            max_rows=2000,
        )
        journal.append("evaluation", self._evaluated("base"), "base")

    def to(self, experiment: str, stage: str = "") -> StillDojo:
        """The run with everything before this experiment, and the experiment itself up to a stage."""
        for id in sorted(self.decisions):
            if id == experiment:
                break
            self._write(id, "diagnosis")
        if stage:
            self._write(experiment, stage)
        return self.dojo

    def _write(self, id: str, last: str) -> None:
        journal = self.dojo.journal
        for stage, record in self._records(id):
            journal.append(stage, record, id)
            if stage == last:
                break
        if last == "diagnosis":
            verdict = journal.verdict(id)
            journal.finish(id, "kept" if verdict and verdict.verdict == "keep" else "discarded")

    def _records(self, id: str) -> Any:
        said = self.decisions[id]
        plan = self._plan(id, said["planner"])
        yield "plan", plan
        recipe = inherited_recipe(self.dojo, plan) or self._recipe(plan, said.get("data_curator", {}))
        yield "recipe", recipe
        yield "card", self._card(plan)
        yield (
            "training_plan",
            TrainingPlan(init_from=plan.init_from, learning_rate=2e-3, num_train_epochs=3.1),
        )
        yield "training", _training(id)
        yield "evaluation", self._evaluated(id)
        yield "comparison", self._comparison(id)
        reading = said.get("evaluator", {"verdict": "keep", "note": "better than the incumbent"})
        yield "verdict", Verdict.model_validate(dict(reading) | {"verdict": reading["verdict"].lower()})
        yield "diagnosis", self._diagnosis(id, said["diagnostician"])

    def _plan(self, id: str, said: Mapping[str, Any]) -> Plan:
        start = str(said.get("init_from", "base"))
        return Plan(
            experiment=id,
            parent=None if start == "base" else start,
            hypothesis=said["hypothesis"],
            reason=said["reason"],
            change=said["change"],
            expected_gain=said["expected_gain"],
            sources=tuple(said["sources"]),
            weights=said.get("weights", {}),
            max_seconds=said["share_of_remaining_budget"] * 1800,
            init_from=start,
            tests=said.get("tests", ""),
            decided_by="llm",
        )

    def _recipe(self, plan: Plan, said: Mapping[str, Any]) -> DataRecipe:
        given = [op for op in said.get("operations", []) if op["op"] not in ("select", "map", "cap")]
        operations = [{"op": "select", "sources": plan.sources}, self._columns(plan), *given, {"op": "cap"}]
        return DataRecipe.model_validate({"operations": operations})

    def _columns(self, plan: Plan) -> dict[str, Any]:
        profiles = self.dojo.profiles()
        return {
            "op": "map",
            "columns": {name: dict(profiles[name].suggested_columns) for name in plan.sources},
        }

    def _card(self, plan: Plan) -> DataCard:
        """The plan's sources without their scripts: enough to show rows and lengths."""
        columns = Map.model_validate(self._columns(plan))
        operations = (Select(sources=plan.sources), columns, Normalise(answer_format=True), Decontaminate())
        given = self.dojo.pool, self.dojo.spec, self.dojo.decontaminator
        pairs = rows_of(DataRecipe(operations=(*operations, Cap(rows=400))), *given)
        path = self.dojo.workspace.inside(f"data/{plan.experiment}.jsonl")
        rows = [{"prompt": prompt, "answer": answer, "source": plan.sources[0]} for prompt, answer in pairs]
        self.dojo.workspace.write_jsonl(path, rows)
        return card(
            2000,
            path=self.dojo.workspace.relative(path),
            rows_by_source=dict.fromkeys(plan.sources, 2000 // len(plan.sources)),
            steps=(
                StepCount(op="select", rows_in=1500, rows_out=1500),
                StepCount(op="cap", rows_in=4214, rows_out=2000),
            ),
            mean_tokens=129.0,
            reasoning_share=1.0,
        )

    def _evaluated(self, id: str) -> Evaluation:
        """So many right answers as the run had; the others are some other item's."""
        dojo, rng = self.dojo, random.Random(id)
        right = set(rng.sample(range(len(dojo.validation)), round(SCORES[id] * len(dojo.validation) / 100)))
        golds = [str(sample.gold) for sample in dojo.validation]
        texts = [gold if n in right else rng.choice(golds) for n, gold in enumerate(golds)]
        answers = [f"A step, then another one.\nFinal Answer: {text}" for text in texts]
        scores = score_answers(dojo.spec, dojo.validation, answers)
        path = dojo.workspace.experiment_dir(id) / "validation.jsonl"
        limits = [""] * len(answers)
        items = [item_of(*each) for each in zip(dojo.validation, answers, scores, limits, strict=True)]
        dojo.workspace.write_jsonl(path, items)
        return Evaluation(
            split="validation",
            score=dojo.spec.aggregate(dojo.validation, scores),
            predictions=dojo.workspace.relative(path),
            clusters=clusters(dojo.validation, scores),
            wall_seconds=12.0,
        )

    def _comparison(self, id: str) -> Comparison:
        return self.dojo.compare(id, self.dojo.journal.incumbent_id())

    def _diagnosis(self, id: str, said: Mapping[str, Any]) -> Diagnosis:
        evidence = tuple(f"{item['experiment']}: {item['fact']}" for item in said["evidence"])
        claim = said.get("prediction")
        audited = (
            (Agreement(experiment=id, source="season-export", agreed=30, rows=60),) if id == "e01" else ()
        )
        return Diagnosis(
            cause=said["cause"],
            level=said["level"],
            origin=said["origin"],
            evidence=evidence,
            next_move=said["next_move"],
            note=said.get("note", ""),
            prediction=Prediction.model_validate(claim) if claim else None,
            agreements=audited,
            decided_by="llm",
        )


def _training(id: str) -> Training:
    losses = tuple((step, 0.1 + 2.0 / (1 + step / 20)) for step in range(5, 305, 5))
    return training(
        f"experiments/{id}/model",
        steps=303,
        rows=2000,
        tokens=1_200_000,
        losses=losses,
        tokens_per_second=8000.0,
        wall_seconds=150.0,
        cpu_seconds=290.0,
        peak_gib=0.9,
        stopped_early="time",
        planned_steps=780,
        end_rate_share=0.01,
        reproduced=RowsReproduced(rows=64, whole=0.41, tokens=0.93),
    )


def tokens(text: str) -> int:
    """As the run's server counted: bytes by four."""
    return len(text.encode()) // 4


def size_of(role: Role, dojo: StillDojo, experiment: str) -> dict[str, int]:
    """Tokens of what a role's first call sends: its orders, its briefing, and the tools with the decision."""
    tools = [*tools_for(role, dojo), SCHEMAS[role]]
    return {
        "orders": tokens(system_prompt(role, dojo)),
        "briefing": tokens(briefing(role, dojo, experiment)),
        "tools": tokens(json.dumps([convert_to_openai_tool(tool) for tool in tools])),
    }


def needed(decisions: Decisions, experiment: str) -> dict[Role, dict[str, str]]:
    """By role, what its decision on an experiment needs and where it can be recognised."""
    plan = decisions[experiment]["planner"]
    before = decisions[str(plan.get("init_from", "base"))]
    found, read = before["diagnostician"], before.get("evaluator") or decisions["e02"]["evaluator"]
    notes = {f"note on {cluster}": note for cluster, note in read["cluster_notes"].items()}
    evidence = {f"evidence {n}": item["fact"] for n, item in enumerate(found["evidence"], start=1)}
    claim = {"claim under test": found["prediction"]["claim"]}
    code = next(
        (op["code"] for op in before.get("data_curator", {}).get("operations", ()) if "code" in op), ""
    )
    script = {"script, first line": code.split("\n")[0], "script, last line": code.rstrip().split("\n")[-1]}
    curve = {"loss curve": "- loss: "}
    common = {"a table of an example": '"data":[[', "errors by kind": "kind of question"}
    return {
        "planner": {
            "cards": "A collection of questions",
            "audit": "of 60 (e01)",
            **evidence,
            **claim,
            **curve,
            **common,
        },
        "data_curator": {
            **notes,
            **evidence,
            **claim,
            **(script if code else {}),
            "lengths": "- answers: ",
            **common,
        },
        "training_engineer": {
            "allowance": "its time holds",
            "shortened": "shortened to fit its time",
            **curve,
        },
        "diagnostician": {"training rows": "training rows, seen about", **common},
    }


def missing(page: str, facts: Mapping[str, str]) -> list[str]:
    """The facts that a page does not hold, whatever its line breaks and quotes."""
    flat = " ".join(page.replace("\n> ", " ").split())
    return [fact for fact, text in facts.items() if " ".join(text.split()) not in flat]


def then(replies: Path, experiment: str) -> dict[Role, tuple[int, int, str]]:
    """By role, what the run's own first request for a decision sent: tokens of its briefing and of its tools,
    and the briefing."""
    found: dict[Role, tuple[int, int, str]] = {}
    for path in sorted(replies.glob("req-*.json"), key=lambda path: int(path.stem[4:])):
        body = json.loads(path.read_text())["body"]
        page = str(body["messages"][1]["content"])
        decision = next(
            each["function"]["name"] for each in body["tools"] if each["function"]["name"] in DECIDES
        )
        if f"# Experiment {experiment}\n" in page:
            found.setdefault(DECIDES[decision], (tokens(page), tokens(json.dumps(body["tools"])), page))
    return found


@app.command()
def main(
    replies: Annotated[Path, typer.Argument(help="Folder with req-N.json and res-N.json.")],
    experiment: Annotated[str, typer.Option(help="The one whose decisions are looked at.")] = "e04",
) -> None:
    """Tokens and facts, role by role, then (as the run's requests hold them) and now."""
    decisions = decisions_of(replies)
    facts, before = needed(decisions, experiment), then(replies, experiment)
    for role, stage in STAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            dojo = Rebuilt(Path(folder), decisions).to(experiment, stage)
            sizes, page = size_of(role, dojo, experiment), briefing(role, dojo, experiment)
            dojo.journal.close()
        wanted = facts.get(role, {})
        old = before.get(role, (0, 0, ""))
        for when, size, tools, text in (("then", *old), ("now", sizes["briefing"], sizes["tools"], page)):
            lacks = missing(text, wanted)
            told = f"{len(lacks)} of {len(wanted)}: {', '.join(lacks) or 'nothing'}" if wanted else "-"
            typer.echo(f"{role:18}{when:5} briefing {size:5} tools {tools:5}  missing {told}")


if __name__ == "__main__":
    app()

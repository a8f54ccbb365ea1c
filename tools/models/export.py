"""Export of the champion as a model directory that ``transformers`` loads, with a model card."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from memory.claim import claim, levels_text
from memory.journal.log import Journal
from memory.recipe import DataCard
from memory.records import Comparison, TrainingPlan
from tasks.base import TaskSpec
from tools.workspace import Workspace

BASE = "base"
LEFT_OUT = ("training.json", "README.md", "adapter")
HYPERPARAMETERS = (
    "method",
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "warmup_steps",
    "weight_decay",
    "lr_scheduler_type",
    "seed",
    "init_from",
)


def export_champion(workspace: Workspace, journal: Journal, model_dir: Path, spec: TaskSpec) -> Path:
    """Copies the champion to ``<run>/champion``, with a model card; again, it replaces the copy.

    When no experiment beat the base model there is nothing to export, and the base
    model's own directory is returned.

    Args:
        workspace: the run's folder.
        journal: says which experiment is the champion, and how it was made.
        model_dir: the champion's weights.
        spec: the task.
    """
    champion = journal.champion_id()
    if champion == BASE:
        return model_dir
    target = workspace.champion_dir
    staging = target.with_name(target.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(model_dir, staging, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (staging / "README.md").write_text(model_card(journal, champion, spec), encoding="utf-8")
    if target.exists():
        old = target.with_name(target.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        os.replace(staging, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(staging, target)
    return target


def model_card(journal: Journal, champion: str, spec: TaskSpec) -> str:
    """The card in Markdown, with the Hub's metadata on top."""
    info = journal.info
    sections = [
        "\n".join(
            [
                "---",
                "library_name: transformers",
                "pipeline_tag: text-generation",
                f"base_model: {info.base_model}",
                "tags: [ft-dojo, trl, sft]",
                "---",
            ]
        ),
        f"# {info.base_model} fine-tuned for {spec.id}",
        f"{spec.description}\n\nMade by FT-Dojo in run `{info.run}`, experiment `{champion}`.",
        _scores(journal, champion),
    ]
    for name in journal.lineage(champion):
        sections.append(_experiment(journal, name))
    sections += [
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        'ask = pipeline("text-generation", "champion")\n'
        'ask([{"role": "user", "content": "..."}], '
        f"max_new_tokens={spec.max_new_tokens}, do_sample=False)\n```\n\n"
        f"Answer format: {spec.answer_format}",
        f"## Licence\n\nThe task's data: {spec.licence}. The weights also carry the licence of the base "
        f"model, {info.base_model}; read its own card before you pass them on.",
        "## Limits\n\nThe scores hold for this task's prompts and answer format. "
        f"Nothing else was measured. Known trap of the task: {spec.pitfall}",
    ]
    return "\n\n".join(sections) + "\n"


def _scores(journal: Journal, champion: str) -> str:
    lines = [
        "## Scores",
        "",
        f"**{claim(journal)[1]}**",
        "",
        "| split | model | score [95% interval] |",
        "|---|---|---|",
    ]
    for split, of in (("validation", journal.evaluation), ("sealed test", journal.test_evaluation)):
        for name in (BASE, champion):
            evaluation = of(name)
            if evaluation is not None:
                lines.append(f"| {split} | {name} | {evaluation.score.metric} {evaluation.score.text()} |")
    fact = journal.stage(champion, "test_comparison")
    if fact is not None:
        test = Comparison.model_validate(fact)
        lines += [
            "",
            f"Gain on the sealed test: {test.delta:+.1f} points [{test.low:.1f}, {test.high:.1f}], "
            f"p = {test.p_value:.2g} ({test.test}, n={test.n}); "
            f"{test.format_gain:+.1f} of it from answers that became readable.",
        ]
    if levels := levels_text(journal):
        lines += ["", " ".join(levels)]
    return "\n".join(lines)


def _experiment(journal: Journal, name: str) -> str:
    plan, card = journal.training_plan(name), journal.card(name)
    training = journal.training(name)
    parts = [f"## How `{name}` was made"]
    if card is not None:
        parts.append(_data(card))
    if plan is not None:
        parts.append(_hyperparameters(plan))
    if training is not None:
        parts.append(
            f"{training.steps} steps, {training.tokens} tokens, {training.wall_seconds:.0f} s. "
            f"To repeat it without the agent:\n\n```\n{training.command}\n```"
        )
    return "\n\n".join(parts)


def _data(card: DataCard) -> str:
    lines = [
        f"Data: {card.rows} rows, SHA-256 `{card.data_sha256[:16]}`.",
        "",
        "| source | rows |",
        "|---|---|",
    ]
    lines += [f"| {source} | {rows} |" for source, rows in card.rows_by_source.items()]
    return "\n".join(lines)


def _hyperparameters(plan: TrainingPlan) -> str:
    values = plan.model_dump()
    names = (
        [*HYPERPARAMETERS, "lora_r", "lora_alpha", "lora_dropout"]
        if plan.method == "lora"
        else list(HYPERPARAMETERS)
    )
    lines = ["| setting | value |", "|---|---|", *(f"| {name} | {values[name]} |" for name in names)]
    return "\n".join(lines)

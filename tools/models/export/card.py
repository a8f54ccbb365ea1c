"""Model card of a champion: Markdown with the Hub's metadata on top, the evaluation results included."""

from __future__ import annotations

import json

from memory.claim import claim, forgetting_text, levels_text
from memory.journal.evidence import accepted_changes
from memory.journal.log import Journal
from memory.recipe import DataCard
from memory.records import Comparison, TrainingPlan
from tasks.base import TaskSpec
from tools.models.export import markdown
from tools.models.named import NAMED, public_name
from tools.models.recorded_base import BUNDLED

BASE = "base"
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


def model_card(
    journal: Journal, champion: str, spec: TaskSpec, name: str = "champion", adapter: bool = False
) -> str:
    """The card in Markdown, with the Hub's metadata on top.

    Args:
        journal: of the run.
        champion: the experiment's id.
        spec: the task.
        name: what the model is called: a directory, or a repository of the Hub.
        adapter: whether it is an adapter of its base.
    """
    info = journal.info
    sections = [
        f"---\n{metadata(journal, champion, spec, name, adapter)}\n---",
        f"# {markdown.name(info.base_model)} fine-tuned for {markdown.name(spec.id)}",
        f"{markdown.words(spec.description)}\n\n"
        f"Made by FT-Dojo in run `{info.run}`, experiment `{champion}`.",
        _scores(journal, champion),
    ]
    sections += [_experiment(journal, experiment) for experiment in journal.lineage(champion)]
    sections += [
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        f'ask = pipeline("text-generation", {json.dumps(markdown.code(name))})\n'
        'ask([{"role": "user", "content": "..."}], '
        f"max_new_tokens={spec.max_new_tokens}, do_sample=False)\n```\n\n"
        f"Answer format: {markdown.words(spec.answer_format)}",
        f"## Licence\n\nThe task's data: {markdown.words(spec.licence)}. "
        f"The weights also carry the licence of the base model, {markdown.name(info.base_model)}; "
        "read its own card before you pass them on.",
        _proof(journal),
        "## Limits\n\nThe scores hold for this task's prompts and answer format. "
        f"Nothing else was measured{_but_forgetting(journal, champion)}. "
        f"Known trap of the task: {markdown.words(spec.pitfall)}",
    ]
    return "\n\n".join(sections) + "\n"


def _proof(journal: Journal) -> str:
    """How these figures can be checked, and what had changed while they were made."""
    text = (
        f"## Check\n\nThe run's journal has the head `{journal.head_at('test_comparison')}` after the test. "
        "`ftdojo verify` computes it again with all that these figures rest on."
    )
    accepted = accepted_changes(journal)
    if accepted:
        text += f"\n\n**The run was gone on with although something had changed: {'; '.join(accepted)}.**"
    return text


def _but_forgetting(journal: Journal, champion: str) -> str:
    return ", but for what is said above of general answers" if journal.forgetting(champion) else ""


def metadata(journal: Journal, champion: str, spec: TaskSpec, name: str, adapter: bool = False) -> str:
    """The YAML block, as ``huggingface_hub`` writes it."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=spec.id,
            dataset_name=spec.title,
            dataset_split=split,
            metric_type=evaluation.score.metric,
            metric_name=f"{evaluation.score.metric}, n={evaluation.score.n}",
            metric_value=round(evaluation.score.value, 2),
        )
        for split, evaluation in (
            ("validation", journal.evaluation(champion)),
            ("test", journal.test_evaluation(champion)),
        )
        if evaluation is not None
    ]
    base = journal.info.base_model
    data = ModelCardData(
        base_model=public_name(base) or (base if (BUNDLED / base).is_dir() else None),
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        license=NAMED[base].licence.lower() if base in NAMED else None,
        tags=["ft-dojo", "trl", "sft"],
        model_name=name,
        eval_results=results or None,
    )
    return str(data.to_yaml())


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
    if forgotten := forgetting_text(journal):
        lines += ["", f"Beside the task: {markdown.words(forgotten)}"]
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
            f"To repeat it without the agent:\n\n```\n{markdown.code(training.command)}\n```"
        )
    return "\n\n".join(parts)


def _data(card: DataCard) -> str:
    lines = [
        f"Data: {card.rows} rows, SHA-256 `{card.data_sha256[:16]}`.",
        "",
        "| source | rows |",
        "|---|---|",
    ]
    lines += [f"| {markdown.name(source)} | {rows} |" for source, rows in card.rows_by_source.items()]
    if card.replay_rows:
        lines += ["", f"{card.replay_rows} of the rows are general ones, mixed in against forgetting."]
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

"""Tasks of lm-evaluation-harness that training may not harm: a model's results on their first items.

Any task or group of it, or a YAML file of the user's, with a metric that counts per item will do, multiple
choice included; prompts go through the model's chat template. Data must be on this machine, as for a task of
the Dojo's own (``lm-eval:NAME``).
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory.forgetting import TaskChange
from tasks.errors import ExperimentFailed, InputError, did_you_mean
from tools.evaluation.evaluate import TIMEOUT_SECONDS
from tools.forgetting.general import mean_interval
from tools.models.held import held_model
from tools.models.load import load_tokenizer
from tools.process.worker import Worker

BATCH_ROWS = 8
FLAG = "--do-no-harm"
_NAMED = re.compile(r"^task:\s*(\S+)", re.MULTILINE)
Results = Mapping[str, Mapping[str, Any]]
"""By task: ``{"metric", "higher_is_better", "items": {item id: value}}``; values from 0.0 to 1.0."""


def check_tasks(names: Sequence[str]) -> None:
    """Whether the harness is here and knows these tasks.

    Raises:
        InputError: it is not installed, or has no such task.
    """
    if not names:
        return
    for name in names:
        try:
            manager, task = _manager(name)
        except ImportError as error:
            wrong = f"needs lm-evaluation-harness, not installed here ({error})"
            raise InputError(f"{FLAG} {','.join(names)}", wrong, "pip install 'ft-dojo[lm-eval]'") from None
        if task not in manager.all_tasks:
            fix = did_you_mean(task, manager.all_tasks)
            raise InputError(f"{FLAG} {name}", "the harness has no such task", fix)


def _manager(name: str) -> tuple[Any, str]:
    """The harness's register of tasks, and what a task is called there; a YAML file says it itself."""
    from lm_eval.tasks import TaskManager

    path = Path(name).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        return TaskManager(), name
    if not path.is_file():
        raise InputError(f"{FLAG} {name}", "there is no such file", "give the path of a task's YAML file")
    said = _NAMED.search(path.read_text(encoding="utf-8"))
    return TaskManager(include_path=str(path.parent), include_defaults=False), said[1] if said else name


def task_results(
    names: Sequence[str], model_dir: Path, items: int, worker: Worker, log_path: Path
) -> dict[str, Any]:
    """A model's results on the first items of each task, by task; see ``Results``.

    Raises:
        ExperimentFailed: ``empty_data``: a task's data are not on this machine, or its metric does not count
            per item; or the process failed.
    """
    payload = {"model_dir": str(model_dir.resolve()), "tasks": list(names), "items": items}
    payload |= {"threads": worker.threads}
    run = "tools.forgetting.lm_eval_tasks:results"
    return worker.run(run, payload, TIMEOUT_SECONDS, log_path, "evaluate", resident=True)


def changes(base: Results, trained: Results) -> tuple[TaskChange, ...]:
    """A trained model beside its base, task by task, on the items that both answered."""
    return tuple(_change(name, base[name], trained[name]) for name in base if name in trained)


def _change(name: str, base: Mapping[str, Any], trained: Mapping[str, Any]) -> TaskChange:
    both = [item for item in base["items"] if item in trained["items"]]
    before, after = ([float(side["items"][item]) for item in both] for side in (base, trained))
    sign = 1.0 if base["higher_is_better"] else -1.0
    differences = [sign * 100.0 * (new - old) for new, old in zip(after, before, strict=True)]
    mean, low, high = mean_interval(differences) if len(both) > 1 else (0.0, -100.0, 100.0)
    return TaskChange(
        task=name,
        metric=str(base["metric"]),
        base=100.0 * sum(before) / max(len(both), 1),
        score=100.0 * sum(after) / max(len(both), 1),
        delta=mean,
        low=low,
        high=high,
        n=len(both),
    )


def results(payload: dict[str, Any]) -> dict[str, Any]:
    """The work of the child: ``Results`` of a model.

    Args:
        payload: ``model_dir``, ``tasks``, ``items``, ``threads``.

    Raises:
        ExperimentFailed: as ``task_results``.
    """
    import datasets
    import torch

    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.config.HF_HUB_OFFLINE = True
    datasets.disable_progress_bars()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: _result(name, payload) for name in payload["tasks"]}


def _result(name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    manager, task = _manager(name)
    model_dir = Path(payload["model_dir"])
    tokenizer, model = load_tokenizer(model_dir), held_model(model_dir)
    asked = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH_ROWS)
    try:
        found = simple_evaluate(
            asked,
            tasks=[task],
            limit=int(payload["items"]),
            bootstrap_iters=0,
            apply_chat_template=True,
            task_manager=manager,
        )
    except OSError as error:
        raise _no_use(name, f"its data are not on this machine ({_line(error)})") from None
    return of_samples(name, found["samples"], found["higher_is_better"])


def of_samples(
    name: str, samples: Mapping[str, Sequence[Mapping[str, Any]]], higher: Mapping[str, Mapping[str, bool]]
) -> dict[str, Any]:
    """What the harness logged of each item, by its first metric; of several filters the first counts.

    Raises:
        ExperimentFailed: the metric does not count per item.
    """
    values: dict[str, float] = {}
    metric, better = "", True
    for subtask, items in samples.items():
        for item in items:
            metric = metric or str(item["metrics"][0])
            better = bool(higher.get(subtask, {}).get(metric, better))
            value = item.get(metric)
            if not isinstance(value, bool | int | float):
                raise _no_use(name, f"its metric {metric!r} does not count item by item")
            values.setdefault(f"{subtask}/{item['doc_id']}", float(value))
    return {"metric": metric, "higher_is_better": better, "items": values}


def _no_use(name: str, why: str) -> ExperimentFailed:
    return ExperimentFailed("evaluate", "empty_data", f"{FLAG} {name}: {why}")


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

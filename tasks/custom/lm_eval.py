"""Any ``generate_until`` task of lm-evaluation-harness as a task of the Dojo: ``lm-eval:NAME``.

``NAME`` is one of the harness's own tasks, a YAML file of yours or a folder with one. The harness renders the
prompts (without worked examples), filters the answers and scores them; the first metric of the task decides.
Data must be on this machine: a local file, or a data set in the cache. A YAML file may name Python functions
(``!function``): they run in this process, so use files that you trust.

Splits: validation and test as the task names them; of a task with one of the two, halves of it by content.
At most ``tasks.splits.OWN_ROWS`` rows on either side. The pool is the training split, else the few-shot
split, else what is left of the validation rows.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from tasks.answers import extract as read
from tasks.answers.metrics import accuracy
from tasks.answers.stops import cut_at_stop
from tasks.base import (
    ItemScore,
    Row,
    Sample,
    Score,
    Source,
    TaskData,
    TaskSpec,
)
from tasks.errors import InputError, did_you_mean
from tasks.splits import OWN_ROWS, content_id, own_split

PREFIX = "lm-eval:"
SHAPES = ("{}", "#### {}", "The answer is {}.", "Answer: {}", "\\boxed{{{}}}", "({})")
"""Ways to write a bare answer, tried in turn until the task's own filter and metric accept it."""
TRIED = 20
"""Reference answers by which the way of writing is chosen."""
INVALID = "[invalid]"
"""What the harness's filters say where they find nothing."""
_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TemplateError,
    TypeError,
    ValueError,
)
"""What a task's own code and templates raise on a text that they did not expect."""


def load_lm_eval(name: str) -> TaskSpec:
    """The task named ``lm-eval:NAME``, read and checked.

    Raises:
        InputError: the harness is not installed, there is no such task, its data are not here, or it is
            of a kind that cannot be used.
    """
    harness = Harness(_load(name), name)
    data = harness.data()
    shape = harness.best_shape(data.validation)
    config = harness.task.config

    def render(answer: str, reasoning: str) -> str:
        written = shape.format(answer)
        return f"{reasoning.strip()}\n{written}" if reasoning.strip() else written

    def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        return accuracy(samples, item_scores, harness.metric)

    target = config.doc_to_target
    return TaskSpec(
        id=harness.id,
        domain="custom",
        title=f"{config.task} of lm-evaluation-harness",
        description=str(config.description).strip() or f"Answer as the task {config.task} asks.",
        answer_format=f"what its filter {harness.filter_name!r} reads, such as {shape.format('ANSWER')}",
        metric=harness.metric,
        licence="as stated by the data set's owner",
        source=f"{name}: {config.dataset_path} {config.dataset_name or ''}".strip(),
        pitfall="the harness scores, defects included; prompts are without worked examples",
        subsets=(harness.id,),
        max_new_tokens=int((config.generation_kwargs or {}).get("max_gen_toks", 256)),
        data=data,
        scorer=harness.scorer,
        aggregate=aggregate,
        render=render,
        extract=harness.filtered,
        stops=harness.stops,
        verify=lambda prompt, target: None,
        build_prompt=harness.prompt,
        answer_column=target if isinstance(target, str) and target in harness.task.features else "",
    )


@dataclass
class Harness:
    """A loaded task of the harness, asked one row at a time."""

    task: Any
    name: str
    metric: str = ""
    scale: float = 1.0
    """What the metric gives for the best answer: 1, or 100 where it counts in percent."""

    def __post_init__(self) -> None:
        config = self.task.config
        if config.output_type != "generate_until":
            raise InputError(self.name, f"it is a {config.output_type} task", "choose a generate_until task")
        if getattr(config, "unsafe_code", False) or getattr(self.task, "UNSAFE_CODE", False):
            raise InputError(self.name, "its metric runs generated code", "choose one that only reads text")
        self.metric = next(iter(self.task.higher_is_better()), "") or "score"
        if self.task.higher_is_better().get(self.metric) is False:
            raise InputError(self.name, f"lower is better in {self.metric}", "name another metric first")

    @property
    def id(self) -> str:
        """The task's name, fit for file names."""
        return "lm-eval-" + re.sub(r"[^\w.-]", "-", str(self.task.config.task))

    @property
    def stops(self) -> tuple[str, ...]:
        """Where the harness cuts an answer."""
        until = (self.task.config.generation_kwargs or {}).get("until") or ()
        return tuple(stop for stop in ([until] if isinstance(until, str) else until) if stop)

    @property
    def filter_name(self) -> str:
        """The first filter: the one whose result decides."""
        return str(self.task._filters[0].name)

    def data(self) -> TaskData:
        """The splits; raises InputError where one of the three would be empty."""
        validation, test, rest = self._evaluation()
        sealed = tuple(test)
        if not validation or not sealed:
            raise InputError(self.name, "it has too few rows to evaluate on", "give it more rows")
        gold = self._verdict_values(validation[0], str(_first(validation[0].gold)))
        if not isinstance(gold, int | float):
            wrong = f"its metric {self.metric} says nothing about a single answer"
            raise InputError(self.name, wrong, "name a metric such as exact_match first")
        self.scale = 100.0 if gold > 1.0 else 1.0
        return TaskData(tuple(validation), (self._pool(rest),), lambda: sealed)

    def _evaluation(self) -> tuple[list[Sample], list[Sample], list[Sample]]:
        """Validation, test, and the validation rows that are left over."""
        task = self.task
        both = task.has_validation_docs() and task.has_test_docs()
        if both and task.config.validation_split != task.config.test_split:
            test = _most(self._samples(task.test_docs()))
            held = {sample.id for sample in test}
            rows = [row for row in self._samples(task.validation_docs()) if row.id not in held]
            validation = _most(rows)
        else:
            rows = self._samples(task.test_docs() if task.has_test_docs() else task.validation_docs())
            validation, test = own_split(rows, (self.id,))
        taken = {sample.id for sample in (*validation, *test)}
        return validation, test, [row for row in rows if row.id not in taken]

    def _samples(self, docs: Any) -> list[Sample]:
        found: dict[str, Sample] = {}
        for doc in docs or ():
            row = json.loads(json.dumps(dict(doc), default=str))
            prompt = self.prompt(row)
            if prompt is None:
                raise InputError(self.name, "its prompt is not one text a row", "choose another task")
            sample = Sample(content_id(prompt), self.id, prompt, self._gold(row), {"doc": row})
            found.setdefault(sample.id, sample)
        return list(found.values())

    def _pool(self, rest: Sequence[Sample]) -> Source:
        config = self.task.config
        fewshot = self.task.fewshot_cfg.split
        if self.task.has_training_docs():
            name, docs = config.training_split, list(self.task.training_docs())
        elif fewshot and fewshot not in (config.validation_split, config.test_split):
            name, docs = fewshot, list(self.task.fewshot_docs())
        else:
            name, docs = "validation-rest", [sample.meta["doc"] for sample in rest]
        if not docs:
            fix = "add training_split (or a few-shot split) to its YAML, with rows that it does not evaluate"
            raise InputError(self.name, "there are no rows to train on", fix)
        rows = tuple(json.loads(json.dumps(dict(doc), default=str)) for doc in docs)
        columns = ", ".join(f"`{column}`" for column in rows[0])
        card = (
            f"# {config.task}, split {name}\n\n- Origin: {config.dataset_path}\n- Rows: {len(rows):,}\n"
            f"- Columns: {columns}\n"
        )
        return Source(f"{self.id}-{name}", card, rows, "as stated by its owner")

    def prompt(self, row: Row) -> str | None:
        """The task's description and question for a row; None where its columns are others."""
        try:
            text = self.task.doc_to_text(dict(row))
        except _FAILURES:
            return None
        if not isinstance(text, str) or not text.strip():
            return None
        return f"{self.task.config.description or ''}{text}".strip()

    def _gold(self, row: dict[str, Any]) -> Any:
        target = self.task.doc_to_target(row)
        if self.task.config.doc_to_choice is not None and isinstance(target, int):
            target = self.task.doc_to_choice(row)[target]
        return [str(each) for each in target] if isinstance(target, list) else str(target)

    def filtered(self, text: str) -> str | None:
        """An answer as the first filter leaves it; None where it finds nothing."""
        found = self._through_filter(text, {})
        said = _first(found)
        return said.strip()[:300] if isinstance(said, str) and said.strip() not in ("", INVALID) else None

    def _through_filter(self, text: str, row: dict[str, Any]) -> Any:
        from lm_eval.api.instance import Instance

        text = read.without_thinking(text)
        text = cut_at_stop(text, self.stops)
        instance = Instance("generate_until", row, (("", {})), 0)
        instance.resps = [text]
        try:
            self.task._filters[0].apply([instance])
        except _FAILURES:
            return None
        return instance.filtered_resps[self.filter_name]

    def _verdict_values(self, sample: Sample, answer: str) -> Any:
        """What the harness says of an answer; None where it cannot."""
        row = dict(sample.meta["doc"])
        found = self._through_filter(answer, row)
        if found is None:
            return None
        try:
            values = self.task.process_results(row, [found])
        except _FAILURES:
            return None
        value = values.get(self.metric, next(iter(values.values()), None))
        return value.item() if hasattr(value, "item") else value

    def scorer(self, sample: Sample, answer: str) -> ItemScore:
        """The harness's own verdict on an answer."""
        said = self.filtered(answer)
        if said is None:
            return ItemScore(False, 0.0, None, "unparseable")
        found = self._verdict_values(sample, answer)
        if not isinstance(found, int | float) or found != found:
            return ItemScore(False, 0.0, None, "not_judged")
        value = min(1.0, max(0.0, float(found) / self.scale))
        right = value >= 1 - 1e-9
        return ItemScore(right, value, said, "" if right else "partly_right" if value > 0 else "wrong")

    def best_shape(self, samples: Sequence[Sample]) -> str:
        """The way of writing a bare answer that the task accepts most often."""
        tried = samples[:TRIED]

        def accepted(shape: str) -> float:
            return sum(self.scorer(s, shape.format(_first(s.gold))).value for s in tried)

        return max(SHAPES, key=accepted)


def _load(name: str) -> Any:
    """The harness's task object."""
    wanted = name.removeprefix(PREFIX).strip()
    if not wanted:
        raise InputError(name, "it names no task", "write lm-eval:NAME or lm-eval:path/to/task.yaml")
    path = Path(wanted).expanduser()
    with _quiet():
        try:
            from lm_eval.tasks import TaskManager
        except ImportError as error:
            wrong = f"lm-evaluation-harness is not installed ({error})"
            raise InputError(name, wrong, "pip install 'ft-dojo[lm-eval]'") from None
        local = path.exists() or path.suffix in (".yaml", ".yml") or "/" in wanted
        manager = _local(TaskManager, name, path) if local else TaskManager()
        known = manager.all_subtasks
        if not local and wanted not in known:
            raise InputError(name, "the harness has no such task", did_you_mean(wanted, known))
        spec = wanted if not local else str(path) if path.is_file() else known[0]
        return _built(name, partial(manager.load, [spec]))


def _local(manager: Callable[..., Any], name: str, path: Path) -> Any:
    """The tasks below a YAML file's folder, or below a folder, which then has to hold a single one."""
    if not path.exists():
        raise InputError(name, f"there is no {path}", "give the path of a YAML file or of a folder with one")
    found = manager(include_path=str(path.parent if path.is_file() else path), include_defaults=False)
    if path.is_dir() and len(found.all_subtasks) != 1:
        wrong = f"the folder holds {len(found.all_subtasks)} tasks"
        raise InputError(name, wrong, "give the path of one YAML file")
    return found


def _built(name: str, load: Callable[[], Any]) -> Any:
    try:
        tasks = list(load()["tasks"].values())
    except OSError as error:
        fix = (
            "download its data set once where there is a network, or name local data_files in a YAML of yours"
        )
        wrong = f"its data are not on this machine ({_line(error)})"
        raise InputError(name, wrong, fix) from None
    except _FAILURES as error:
        raise InputError(name, f"the harness cannot build it: {_line(error)}", "mend its YAML") from None
    if len(tasks) != 1:
        raise InputError(name, f"it stands for {len(tasks)} tasks", "name a single one")
    return tasks[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without downloads and without the harness's remarks.

    The harness and the libraries under it use what newer Python and library versions deprecate; a user can do
    nothing about it, and where warnings are errors it would stop a task that works.
    """
    import datasets

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    logging.getLogger("lm-eval").setLevel(logging.ERROR)
    before = datasets.config.HF_HUB_OFFLINE
    bars = datasets.is_progress_bar_enabled()
    datasets.config.HF_HUB_OFFLINE = True
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
        if bars:
            datasets.enable_progress_bars()


def _most(samples: Sequence[Sample]) -> list[Sample]:
    """The rows with the smallest ids, which are hashes of their content."""
    return sorted(samples, key=lambda sample: sample.id)[:OWN_ROWS]


def _first(found: Any) -> Any:
    while isinstance(found, list | tuple):
        found = found[0] if found else None
    return found


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

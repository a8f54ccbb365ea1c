"""Task: frozen data, and a handful of plain functions named in its spec.

A task answers four questions: what does the model read (``Sample.prompt``), when
is an answer right (``TaskSpec.scorer``), how do many answers make one number
(``TaskSpec.aggregate``), and what raw data may be learned from (``Source``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.assets import Assets
from tasks.synthetic import SyntheticEdition

Edition = Literal["mini", "official", "user"]
Row = Mapping[str, Any]
"""One raw row of a source: any columns, JSON-plain values."""


@dataclass(frozen=True)
class Sample:
    """One evaluation item."""

    id: str
    """Stable within its task: derived from the content, not from the position."""
    subset: str
    """The published subset (config) that the item belongs to."""
    prompt: str
    """The user's turn, as text; the chat template is applied by the evaluator."""
    gold: Any
    """The reference answer, JSON-plain, in the form that ``scorer`` reads."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What the scorer needs besides the gold answer, such as the source molecule."""
    turns: tuple[Mapping[str, Any], ...] = ()
    """The messages that are asked, where that is more than one user turn (a system turn, earlier turns, tool
    results); ``prompt`` is then their text."""

    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the functions that may be called, for the chat template."""

    @property
    def asked(self) -> str | dict[str, Any]:
        """What the evaluator renders: the one user turn as text, or ``messages`` and ``tools``."""
        if not self.turns:
            return self.prompt
        return {"messages": [dict(turn) for turn in self.turns], "tools": [dict(tool) for tool in self.tools]}


@dataclass(frozen=True)
class ItemScore:
    """What the scorer makes of one answer."""

    right: bool
    value: float
    """The item's contribution to the metric, 0.0 to 1.0 for accuracy-like metrics."""
    parsed: str | None
    """The answer as the parser understood it; None when it could not be parsed."""
    error: str = ""
    """A short error class for clustering, such as ``unparseable`` or ``off_by_one``; empty when right."""
    scored: bool = True
    """False where nothing can be said, as for a subset whose oracle is not installed; such an item is left
    out of every score and reported as not scored."""


class Score(BaseModel):
    """A number with its uncertainty. Never reported without n and the interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    """In percent (0 to 100) for all metrics of the 13 tasks that are rates."""
    low: float
    """Lower end of the 95% interval, same unit as ``value``."""
    high: float
    n: int
    higher_is_better: bool = True
    unparseable_share: float = 0.0
    """Share of answers (0.0 to 1.0) that the parser could not read; they count as wrong."""
    subsets: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _rename_old_fields(cls, data: Any) -> Any:
        """Runs of earlier versions wrote ``views``."""
        if not isinstance(data, dict) or "views" not in data:
            return data
        return {("subsets" if name == "views" else name): value for name, value in data.items()}

    @property
    def points(self) -> float:
        """The value with the sign that makes more of it better."""
        return self.value if self.higher_is_better else -self.value

    def text(self) -> str:
        """``value [low, high] n=N``, the form used in every printed figure."""
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}] n={self.n}"


@dataclass(frozen=True)
class Source:
    """One named raw data set of a task's pool."""

    name: str
    card: str
    """The data set card as a person would write it, in Markdown."""
    rows: Sequence[Row]
    licence: str = "generated"
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns by role (``prompt``, ``answer``, ``reasoning``, ``turns``), where they are known."""
    understood: tuple[str, ...] = ()
    """How the rows were read from the user's file, in lines for its owner."""
    replay: bool = False
    """Declared as general rows: no examples of the task, mixed in against forgetting alone."""


@dataclass(frozen=True)
class TaskData:
    """Everything a run may read, apart from the sealed test."""

    validation: tuple[Sample, ...]
    sources: tuple[Source, ...]
    load_test: Callable[[], tuple[Sample, ...]]
    """Produces the sealed test. Only ``tools.sealed_test`` calls it."""
    understood: tuple[str, ...] = ()
    """What was understood of a user's files, in lines for their owner."""


@dataclass(frozen=True)
class Script:
    """Generated code to be run in the sandbox."""

    code: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Read-only inputs: name in the working folder -> text."""


@dataclass(frozen=True)
class ScriptResult:
    """What came of one script."""

    status: Literal["ok", "error", "timeout", "killed", "refused"]
    """``error``: it ended with an exception or a non-zero code; ``killed``: a limit or a signal ended it;
    ``refused``: nothing was run, as no isolation works here."""
    stdout: str = ""
    stderr: str = ""
    returned: str = ""
    """The content of ``result.json`` in its folder; empty when it wrote none."""
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class LoadOptions:
    """What the official edition needs besides the seed; the mini edition ignores it."""

    data_root: Path | None = None
    """Folder with local copies in the upstream layout; None for what ``ftdojo prepare`` downloaded."""
    split: Literal["own", "published"] = "own"
    """``own``: de-duplicated, by content hash, the headline. ``published``: the released code's rule."""


DEFAULT_OPTIONS = LoadOptions()


Scorer = Callable[[Sample, str], ItemScore]
Aggregate = Callable[[Sequence[Sample], Sequence[ItemScore]], Score]


Judge = Callable[[Sequence[Sample], Sequence[str]], Sequence[ItemScore]]
"""Item scores of replies, whatever has to be run for them."""


JUDGE_CRITERIA = "The better answer is right, and says all that was asked for and nothing beside it."


class JudgeSettings(BaseModel):
    """How a language model judges answers: who, against what, for how much. ``[judge]`` of ``task.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str = Field(pattern=r"^[A-Za-z][\w-]*:[!-~]+$")
    """``provider:model``; its address and key come from the environment and the models file."""
    against: Literal["reference", "base"] = "reference"
    """What an answer is compared with: the row's own answer, or the untouched base model's."""
    criteria: str = Field(JUDGE_CRITERIA, min_length=1, max_length=8000)
    """What makes an answer the better one."""
    calibration_items: int = Field(40, ge=10, le=1000)
    """Items with a known better answer that are put to it before the run."""
    least_right: float = Field(0.8, gt=0.5, lt=1.0)
    """Share of them that it must get right, by the lower end of the 95% interval."""
    max_usd: float | None = Field(None, ge=0.0, allow_inf_nan=False)
    """Cap on its calls, in US dollars."""
    max_tokens: int | None = Field(5_000_000, gt=0)
    """Cap on its calls, in tokens, input and output."""


class SubsetLost(Exception):
    """A released evaluator would end here with an error: the subset has no score."""


Metrics = dict[str, float | None]
"""Published metric name -> value on the published scale; None where it cannot be computed here."""
AsPublished = Callable[[str, Sequence[Sample], Sequence[str], Sequence[ScriptResult | None]], Metrics]


@dataclass(frozen=True)
class Published:
    """The released side of a task: its rows, and how the released evaluator scores answers to them."""

    benchmark: Assets
    """Where the evaluation rows come from."""
    pools: tuple[Assets, ...]
    """Where the raw training rows come from."""
    subsets_of: Callable[[Row], tuple[str, ...]]
    """The published subsets that a row of the benchmark belongs to; empty when it is another task's."""
    sample: Callable[[Row, str], Sample]
    """``sample(row, subset)``: the evaluation item of a row in the published columns, with all that
    ``scorer`` and ``evaluate`` need in ``gold`` and ``meta``. Raises ValueError naming a missing or malformed
    column."""
    evaluate: AsPublished
    """``evaluate(subset, samples, answers, results)``: the released evaluator's metrics of one subset,
    defects included (its crash on a subset is None for every metric). ``results`` are all None but for code
    tasks. Works on samples of either edition. Never raises."""
    max_new_tokens: int = 8192
    """The answer budget on real rows, in tokens."""
    shuffled: bool = True
    """Whether the released loader shuffles (seed 42) before it cuts validation and test."""


@dataclass(frozen=True)
class TaskSpec:
    """One task, as data plus plain functions."""

    id: str
    domain: Literal["math", "patents", "chemistry", "tables", "finance", "biology", "custom"]
    title: str
    description: str
    """What is asked and what an answer looks like, for a person and for a prompt."""
    answer_format: str
    """The exact form the parser accepts, in one line."""
    metric: str
    licence: str
    source: str
    pitfall: str
    subsets: tuple[str, ...]
    max_new_tokens: int
    """The answer budget in tokens, worked solution included; see ``answer_budget_given``."""
    scorer: Scorer
    """Never raises, whatever the answer."""
    aggregate: Aggregate
    render: Callable[[str, str], str]
    """``render(answer, reasoning)``: an answer in the task's own format, as a training target."""
    extract: Callable[[str], str | None]
    """The answer inside a text of any style (the parser's view of a training target); None if none."""
    verify: Callable[[str, str], bool | None]
    """``verify(prompt, target)``: True or False where the task can check a training row without a
    gold answer (a molecule, written arithmetic); None where it cannot tell."""
    build_prompt: Callable[[Row], str | None]
    """The task's prompt for a raw row in the published columns; None when the columns are others."""
    higher_is_better: bool = True
    answer_budget_given: bool = True
    """False where nobody wrote ``max_new_tokens`` down: the rows then decide."""
    answer_column: str = ""
    """Path (see ``tasks.columns``) of the answer in the published columns, such as ``meta.reference``."""
    reasoning_column: str = ""
    """Path of a worked solution in such a row, where there is one."""
    mini: SyntheticEdition | None = None
    """The generator of its synthetic edition; None where there is none."""
    published: Published | None = None
    """The released benchmark behind the task; None for a user's own."""
    data: TaskData | None = None
    """The data of a user's own task, read together with its spec; None where ``tasks.load`` makes them."""
    script: Callable[[Sample, str], Script | None] | None = None
    """For tasks whose answers are code: what to run for an answer; None when it holds no code."""
    judge_result: Callable[[Sample, str, ScriptResult], ItemScore] | None = None
    """``scorer`` for such tasks, given what came of the script. Never raises."""
    judge: JudgeSettings | None = None
    """For tasks whose answers a language model judges; ``scorer`` then only tells an answer from none."""
    judged_by: Judge | None = None
    """Asks that model; given by whoever opens a run, as tasks reach no network."""
    labels: tuple[str, ...] = ()
    """Every answer there is, where the list is closed; chance is then one in that many."""
    stops: tuple[str, ...] = ()
    """Texts at which ``scorer`` and ``extract`` stop reading an answer, so that it need not go on. A parser
    that takes an answer's last statement, as that of every published task does, has none: what follows may
    change the score."""
    check_gold: Callable[[Sequence[Sample], Judge], None] | None = None
    """For a user's own task whose metric runs programs: raises InputError where the metric, given a function
    that judges replies, rejects a right answer or takes two different ones for the same."""

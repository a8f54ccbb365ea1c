"""Curation as data: a recipe of typed operations over named sources.

A recipe is hashed, cached and replayed; it is never free code. Rows flow through
the operations in order. Each operation sees rows that carry ``source`` and ``row``
(where they came from), and reports how many rows went in and came out.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """Frozen and JSON-plain: what may be written into the journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    RENAMED: ClassVar[dict[str, str]] = {}
    """Old field name -> its name now, so that runs of earlier versions stay readable."""

    @model_validator(mode="before")
    @classmethod
    def _rename_old_fields(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not cls.RENAMED.keys() & data.keys():
            return data
        return {cls.RENAMED.get(name, name): value for name, value in data.items()}


class Select(Record):
    """Take the raw rows of these sources, in this order."""

    op: Literal["select"] = "select"
    sources: tuple[str, ...] = Field(min_length=1)


class Map(Record):
    """Turn raw columns into ``prompt`` and ``answer``.

    ``columns`` maps a source to its columns: ``prompt`` (a column, or ``*`` for the
    task's own prompt built from published columns), ``answer``, and optionally
    ``reasoning``, a worked solution that goes before the answer.
    """

    op: Literal["map"] = "map"
    columns: dict[str, dict[str, str]]


class Filter(Record):
    """Keep the rows that pass one rule.

    nonempty: prompt and answer are not blank; parseable: the task's parser reads
    the answer; length: tokens of prompt plus answer at most ``maximum`` (1 or more;
    left out: the run's own longest row), at least ``minimum``;
    on_domain: the prompt resembles the validation prompts (cosine of hashed
    character n-grams to their centroid at least ``minimum``); reasoning: the
    answer holds a worked solution.
    """

    op: Literal["filter"] = "filter"
    rule: Literal["nonempty", "parseable", "length", "on_domain", "reasoning"]
    minimum: float | None = None
    maximum: float | None = None


class Normalise(Record):
    """Unicode NFC and white space; with ``answer_format``, re-write answers that the
    parser can extract into the task's own format."""

    op: Literal["normalise"] = "normalise"
    answer_format: bool = False


class Repair(Record):
    """Rewrite the answers of one source by one rule; rows that the rule does not fit are dropped.

    relabel: ``labels`` says what each answer becomes; case: ``case`` of all letters; affix: ``strip`` is
    taken off an answer's two ends, then ``add`` is put there; scale: a number times ``factor``, with
    ``decimals`` places, and without the worked solution, which leads to the old number; reorder:
    ``template`` with ``{0}`` for the answer's first run of letters or digits, ``{1}`` for the second, and so
    on.
    """

    op: Literal["repair"] = "repair"
    source: str
    rule: Literal["relabel", "case", "affix", "scale", "reorder"]
    labels: dict[str, str] = Field(default_factory=dict)
    case: Literal["lower", "upper", "title"] = "lower"
    strip: tuple[str, str] = ("", "")
    add: tuple[str, str] = ("", "")
    factor: float = Field(1.0, gt=0.0)
    decimals: int = Field(0, ge=0, le=12)
    template: str = ""
    widths: tuple[int, ...] = ()
    """For reorder: least digits of each field of the template in its order; shorter numbers get zeros."""


class Deduplicate(Record):
    """Drop exact repeats, and near repeats when ``near``.

    Two prompts nearly repeat each other when their numbers, codes and names agree and few of their
    other words differ (``tasks.repeats.similarity``): a templated question with another number is
    another one.

    Rows that repeat a prompt with another answer are dropped altogether when
    ``conflicts`` is set: at least one of them is wrong.
    """

    op: Literal["deduplicate"] = "deduplicate"
    near: bool = True
    threshold: float = Field(0.9, gt=0.0, le=1.0)
    """Similarity (0 to 1, ``tasks.repeats.similarity``) from which two rows count as near repeats."""
    conflicts: bool = True


class Decontaminate(Record):
    """Drop rows that match a validation or test item, verbatim or lightly edited."""

    op: Literal["decontaminate"] = "decontaminate"


class Verify(Record):
    """Drop rows whose answer the task can show to be wrong; ``strict`` also drops the undecided."""

    op: Literal["verify"] = "verify"
    strict: bool = False


class Script(Record):
    """A transform in Python, written by a role and run in the sandbox: on 100 rows first, then on all.

    ``code`` defines ``transform(row)``, where ``row`` is a dict with the texts ``prompt``, ``answer`` and
    ``source``; it returns such a dict (``source`` is ignored), a list of them, or None to drop the row.
    """

    op: Literal["script"] = "script"
    purpose: str = Field(max_length=300)
    code: str = Field(max_length=20_000)


class Solve(Record):
    """Ask the teacher for worked solutions of the rows' prompts.

    Rejection sampling: of ``samples`` tries the first that shows its steps and whose answer the task's
    scorer finds equal to the row's answer replaces it; rows without such a try stay as they are.
    """

    op: Literal["solve"] = "solve"
    rows: int = Field(200, gt=0, le=100_000)
    """Most rows to ask about: a seeded sample."""
    samples: int = Field(2, gt=0, le=16)
    temperature: float = Field(0.7, ge=0.0, le=2.0)


class Rephrase(Record):
    """Ask the teacher for other wordings of the rows' prompts; the answers stay, the old rows too."""

    op: Literal["rephrase"] = "rephrase"
    rows: int = Field(200, gt=0, le=100_000)
    variants: int = Field(1, gt=0, le=8)
    temperature: float = Field(0.9, ge=0.0, le=2.0)


class Generate(Record):
    """Ask the teacher for new prompts with answers, in the manner of ``seeds`` rows shown at a time.

    A new row stays when the task can verify its answer, or, where the task cannot tell, when an
    independent second solution of the prompt comes to the same answer. New rows have the source
    ``teacher``; a mix that does not name it leaves them all.
    """

    op: Literal["generate"] = "generate"
    rows: int = Field(100, gt=0, le=100_000)
    seeds: int = Field(4, gt=0, le=16)
    temperature: float = Field(1.0, ge=0.0, le=2.0)


class Judge(Record):
    """Ask the teacher to rate rows from 1 to 5; rows under ``minimum`` go, rows not asked about stay."""

    op: Literal["judge"] = "judge"
    rows: int = Field(500, gt=0, le=100_000)
    minimum: int = Field(4, ge=1, le=5)
    criteria: str = Field("The answer is right, complete and follows from its steps.", max_length=500)


class Mix(Record):
    """Weigh the sources against each other: shares of the final rows, by source."""

    op: Literal["mix"] = "mix"
    weights: dict[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """The weights as shares of their sum, by which two mixes are compared: 2 to 1 is 4 to 2."""
        total = sum(self.weights.values()) or 1.0
        return {name: round(weight / total, 6) for name, weight in self.weights.items()}


class Replay(Record):
    """Mix general rows among the task's own, so that training keeps what the base can do beside the task.

    ``share`` of the rows that come out are general: rows of a source that the user declared as replay, or,
    without ``source``, the base model's own answers to general prompts. They are given at most four times,
    pass decontamination, and are marked. The last operation of a recipe.
    """

    op: Literal["replay"] = "replay"
    share: float = Field(0.1, gt=0.0, le=0.5)
    source: str = ""


class SampleRows(Record):
    """A seeded random sample of at most ``rows`` rows."""

    op: Literal["sample"] = "sample"
    rows: int = Field(gt=0)


class Cap(Record):
    """The hard limit on training rows."""

    op: Literal["cap"] = "cap"
    rows: int = Field(2000, gt=0)


Plain = (
    Select
    | Map
    | Filter
    | Normalise
    | Repair
    | Deduplicate
    | Decontaminate
    | Verify
    | Mix
    | SampleRows
    | Cap
    | Replay
)
"""Every operation that asks no teacher, but a script."""
BuiltIn = Plain | Solve | Rephrase | Generate | Judge
"""Every operation but a script."""
Operation = Annotated[BuiltIn | Script, Field(discriminator="op")]


class DataRecipe(Record):
    """Typed operations in order; the first is a ``Select``, and a ``Map`` comes before the rest."""

    operations: tuple[Operation, ...] = Field(min_length=2)
    seed: int = 0

    def digest(self) -> str:
        """SHA-256 over the canonical JSON: the cache key together with the sources' hashes."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of every ``Select``, in order."""
        return tuple(name for op in self.operations if isinstance(op, Select) for name in op.sources)


class StepCount(Record):
    """What one operation did to the rows."""

    op: str
    rows_in: int
    rows_out: int
    removed_by_source: dict[str, int] = Field(default_factory=dict)
    note: str = ""


class DataCard(Record):
    """The result of a recipe: counts, provenance and hashes, beside a JSONL file of rows."""

    recipe_digest: str
    data_sha256: str
    path: str
    """Relative to the run's folder; JSONL of ``{"prompt", "answer", "source", "row"}``."""
    rows: int
    rows_by_source: dict[str, int]
    steps: tuple[StepCount, ...]
    mean_tokens: float
    """Tokens per row as it is trained on, prompt, answer and what the chat template adds, by the base model's
    tokenizer where one is given. Runs of earlier versions left the template out."""
    longest_tokens: int = 0
    """Of the longest row, counted likewise; 0 in runs of earlier versions."""
    longest_trained_tokens: int = 0
    """The most tokens of a row that may carry loss: its answer, or a whole conversation."""
    reasoning_share: float
    """Share (0.0 to 1.0) of rows whose answer holds a worked solution."""
    replay_rows: int = 0
    """Of ``rows``, general ones that are not the task's own."""
    cached: bool = False
    wall_seconds: float = 0.0

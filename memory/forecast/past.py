"""Past experiments: what the journals of a runs folder say of each, in numbers.

Reading a journal whole costs some milliseconds, so what was read is kept in a file that is safe to lose: a
journal that is as it was is not read again. At most ``READ_ANEW`` journals, the newest, are read in one go;
the others wait for the next time. Foreign and broken journals are set aside and counted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from memory.calibration import ForecastRecord, TriedForecast
from memory.forecast.features import Features, drafted, planned, start_points
from memory.forecast.setup import Setup, setup_of
from memory.journal.log import Journal
from memory.records import Comparison, Evaluation, Experiment, RunInfo
from memory.training import rate_used
from tasks.errors import FtDojoError

NEWEST = 1000
"""Experiments that a forecast is learned from, at most."""
READ_ANEW = 100
"""Journals that are read in one go: about a second."""
MOMENTS = ("planned", "drafted")
WAITED = "think"
"""The clock that is no part of an experiment's own seconds."""


@dataclass(frozen=True)
class PastExperiment:
    """One finished experiment."""

    run: str
    experiment: str
    task: str
    base_model: str
    data: str
    """Digest of metric, validation and training rows."""
    ended: str
    """ISO 8601, UTC."""
    outcome: str
    planned: Features
    drafted: Features | None
    """None where it never came to a training plan."""
    gain: float | None
    """Points over the weights that training began from; None without a score."""
    low: float
    """95% interval of the gain; NaN without a score."""
    high: float
    seconds: float
    """Wall-clock, waiting for decisions not counted."""
    asked_seconds: float
    """What its plan asked for."""
    setup: Setup
    """What a repeat would have in common with it."""
    expected: float = 0.0
    """Points that its plan said it would gain over its parent."""
    forecast: tuple[float, float, float] | None = None
    """(gain, low, high) as forecast before it ran; None where nothing was."""


@dataclass(frozen=True)
class Past:
    """Finished experiments, oldest first."""

    experiments: tuple[PastExperiment, ...] = ()
    set_aside: int = 0
    """Journals that could not be read."""
    waiting: int = 0
    """Journals that are read the next time."""

    @property
    def scored(self) -> tuple[PastExperiment, ...]:
        """Those that a forecast can be learned from."""
        return tuple(e for e in self.experiments if e.gain is not None)

    @property
    def runs(self) -> int:
        """How many runs they are of."""
        return len({e.run for e in self.experiments})


def scored_forecasts(experiments: Iterable[PastExperiment]) -> ForecastRecord:
    """The forecasts of past experiments beside what happened."""
    return ForecastRecord(
        tuple(
            TriedForecast(*e.forecast, e.expected, e.gain, f"{e.run}/{e.experiment}")
            for e in experiments
            if e.forecast is not None and e.gain is not None
        )
    )


NOTHING = Past()


def read_past(runs_dir: Path, cache: Path | None, without: str = "") -> Past:
    """What the journals of a folder of runs say.

    Args:
        runs_dir: holds a folder for each run.
        cache: the file in which what was read is kept; None for none.
        without: the name of a run that is left out: the one at hand, which its own journal tells of.
    """
    kept, stamps = _load(cache), _stamps(runs_dir)
    if any(entry.older for entry in kept.values()) and _count(kept, stamps) < NEWEST:
        kept = {name: entry for name, entry in kept.items() if not entry.older}  # newer ones are gone
    fresh = sorted(
        (name for name, stamp in stamps.items() if name not in kept or kept[name].stamp != stamp),
        key=lambda name: stamps[name][1],
        reverse=True,
    )
    read = {name: entry for name, entry in kept.items() if name in stamps}
    for name in (now := [name for name in fresh if name != without][:READ_ANEW]):
        read[name] = Kept(stamps[name], _read(runs_dir / name / "journal.jsonl"))
    newest = _once(each for name in sorted(read) for each in read[name].experiments or ())
    newest = sorted(newest, key=lambda e: (e.ended, e.run, e.experiment))[-NEWEST:]
    if now or len(read) != len(kept):
        _save(cache, read, newest[0].ended if len(newest) == NEWEST else "")
    own = {id(each) for each in read[without].experiments or ()} if without in read else set()
    set_aside = sum(entry.experiments is None for name, entry in read.items() if name != without)
    return Past(
        tuple(each for each in newest if id(each) not in own), set_aside, max(0, len(fresh) - len(now))
    )


def _count(kept: Mapping[str, Kept], stamps: Mapping[str, tuple[int, int]]) -> int:
    return sum(len(entry.experiments or ()) for name, entry in kept.items() if name in stamps)


def experiments_of(journal: Journal) -> list[PastExperiment]:
    """The finished experiments of one run; none without a score of its base."""
    base = journal.base_evaluation
    if base is None:
        return []
    ended = {event.experiment: event.time for event in journal.events if event.kind == "finished"}
    history = journal.experiments()
    return [
        told(journal.info, base, history[:number], experiment, ended[experiment.id])
        for number, experiment in enumerate(history)
    ]


def told(
    info: RunInfo, base: Evaluation, history: Sequence[Experiment], done: Experiment, ended: str
) -> PastExperiment:
    """One finished experiment in numbers.

    Args:
        info: of its run.
        base: the base model on validation.
        history: the run's experiments before it.
        done: itself.
        ended: when, ISO 8601.
    """
    training = done.training_plan
    start, gain = start_points(base, history, done.plan), None
    low = high = math.nan
    if start is not None and done.evaluation is not None:
        gain = done.evaluation.paired_score.points - start
        low, high = _interval(base, history, done, gain)
    return PastExperiment(
        run=info.run,
        experiment=done.id,
        task=info.task,
        base_model=info.base_model,
        data=info.data_digest,
        ended=ended,
        outcome=done.outcome,
        planned=planned(info, base, history, done.plan),
        drafted=drafted(info, base, history, done.plan, done.recipe, done.card, training)
        if done.card and training
        else None,
        gain=gain,
        low=low,
        high=high,
        seconds=sum(seconds for clock, seconds in done.clocks.items() if clock != WAITED),
        asked_seconds=done.plan.max_seconds,
        setup=setup_of(
            info.run,
            done.plan,
            done.recipe,
            training and training.model_copy(update={"learning_rate": rate_used(training, done.training)}),
            float(done.training.steps * training.effective_batch_size) if done.training and training else 0.0,
        ),
        forecast=(foretold.gain, foretold.low, foretold.high) if (foretold := done.plan.forecast) else None,
        expected=done.plan.expected_gain,
    )


def _interval(
    base: Evaluation, history: Sequence[Experiment], done: Experiment, gain: float
) -> tuple[float, float]:
    """95% interval of a gain: of the paired test where that was against the start, else of two scores."""
    compared: Comparison | None = done.comparison
    if compared is not None and compared.champion == done.plan.init_from:
        return compared.low, compared.high
    before = next((e.evaluation for e in history if e.id == done.plan.init_from), base)
    halves = [
        (each.score.high - each.score.low) / 2 for each in (before, done.evaluation) if each is not None
    ]
    half = math.hypot(*halves)
    return gain - half, gain + half


# ---- the journals, and what is kept of them


@dataclass(frozen=True)
class Kept:
    """What was read of one journal."""

    stamp: tuple[int, int]
    """Its size in bytes and its time of change in ns."""
    experiments: tuple[PastExperiment, ...] | None
    """None where it could not be read."""
    older: bool = False
    """Whether experiments of it were left out, because enough newer ones are there."""


def _stamps(runs_dir: Path) -> dict[str, tuple[int, int]]:
    """The stamp of every journal in a folder of runs, by the run's folder."""
    found: dict[str, tuple[int, int]] = {}
    with suppress(OSError), os.scandir(runs_dir) as entries:
        for entry in entries:
            with suppress(OSError):
                stat = os.stat(os.path.join(entry.path, "journal.jsonl"))
                found[entry.name] = stat.st_size, stat.st_mtime_ns
    return found


def _read(path: Path) -> tuple[PastExperiment, ...] | None:
    """The experiments of a journal; None where it cannot be read."""
    try:
        return tuple(experiments_of(Journal.open(path, write=False)))
    except (FtDojoError, OSError, ValueError, KeyError, TypeError):
        return None  # a ValidationError is a ValueError: a record of another version, or of another program


def _once(experiments: Iterable[PastExperiment]) -> list[PastExperiment]:
    """Each experiment once: a fork holds those of the run that it was made from."""
    return list({(e.experiment, e.ended, e.data): e for e in experiments}.values())


def _version() -> str:
    """Changes with this code, so that nothing is taken for what an older version wrote."""
    sources = [Path(__file__).with_name(name) for name in ("past.py", "features.py", "setup.py")]
    return blake2b(b"".join(source.read_bytes() for source in sources), digest_size=8).hexdigest()


def _load(cache: Path | None) -> dict[str, Kept]:
    if cache is None:
        return {}
    try:
        held = orjson.loads(cache.read_bytes())
        if held["version"] != _version():
            return {}
        names = {moment: tuple(map(str, held["names"][moment])) for moment in MOMENTS}
        return {
            name: Kept(
                (int(entry["stamp"][0]), int(entry["stamp"][1])),
                None
                if entry["experiments"] is None
                else tuple(_known(each, names) for each in entry["experiments"]),
                bool(entry["older"]),
            )
            for name, entry in held["journals"].items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return {}


def _known(held: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> PastExperiment:
    """An experiment from the file, in which NaN is null."""
    nan = float("nan")
    for moment in MOMENTS:
        if held[moment] is not None:
            values = (nan if value is None else float(value) for value in held[moment])
            held[moment] = dict(zip(names[moment], values, strict=True))
    held |= {name: nan if held[name] is None else float(held[name]) for name in ("low", "high")}
    held["forecast"] = held["forecast"] and tuple(held["forecast"])
    held["setup"] = Setup(**held["setup"] | {"sources": tuple(held["setup"]["sources"])})
    return PastExperiment(**held)


def _save(cache: Path | None, read: Mapping[str, Kept], since: str) -> None:
    """Keep what was read; where that is not possible it is read again the next time.

    Args:
        cache: the file.
        read: by the run's folder.
        since: experiments that ended before are left out.
    """
    if cache is None:
        return
    journals = {}
    for name, entry in read.items():
        known = entry.experiments or ()
        told = [_plain(each) for each in known if each.ended >= since]
        journals[name] = {
            "stamp": entry.stamp,
            "experiments": None if entry.experiments is None else told,
            "older": entry.older or len(told) < len(known),
        }
    everything = [each for entry in read.values() for each in entry.experiments or ()]
    names = {
        moment: next((list(f) for each in everything if (f := getattr(each, moment)) is not None), [])
        for moment in MOMENTS
    }
    draft = cache.with_name(f"{cache.name}.{os.getpid()}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(orjson.dumps({"version": _version(), "names": names, "journals": journals}))
        draft.replace(cache)
    except OSError:
        with suppress(OSError):
            draft.unlink()


def _plain(experiment: PastExperiment) -> dict[str, Any]:
    """As the file holds it: of features their values alone, in the order of their names."""
    values = {
        moment: None if (found := getattr(experiment, moment)) is None else list(found.values())
        for moment in MOMENTS
    }
    return asdict(replace(experiment, planned={}, drafted=None)) | values

"""Recall among many lessons: how long it takes, whether it finds what it should, and what upkeep costs.

    python -m tests.bench.lessons --lessons 100000 [--tasks 13] [--queries 300] [--folder DIR]

Lessons are drawn from a seed: settings, scores and phrases as real ones have them, over some tasks in four
domains and three base models. In each hundred some tell of something that no others tell, and a question
about it in other words has known answers; the last of them is refuted by two later runs and has to come
behind the others. Real Chroma, the product's own embedding, one process. Recalls are
measured as a run asks them (its task, domain, base model and edition) after the first, which reads the book
and the vectors. Seconds are wall-clock; those of the process's CPU stand beside them, for a machine may be
shared.
"""

from __future__ import annotations

import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from memory.experience.catalogue import LessonFilter
from memory.experience.lessons import LessonBook
from memory.experience.store import ExperienceStore
from memory.experience.transfer import export_lessons, import_lessons
from memory.experience.ways import Situation
from memory.lesson import Place, Tried
from memory.records import Lesson

DOMAINS = ("tables", "chemistry", "math", "law")
MODELS = ("small-a", "small-b", "small-c")
KNOWN = 100
"""In so many lessons there is one question with known answers."""
NEIGHBOURS = 3
"""Lessons that answer it."""
REFUTING = (KNOWN - 15, KNOWN - 3)
"""Places of the lessons, of two runs, that refute the last of them."""
PHRASES = (
    "the labels of one source are wrong",
    "worked answers teach the method",
    "longer training still lowers the loss",
    "a smaller rate keeps what was learned",
    "duplicates of one template crowd out the rest",
    "rows without a final answer were dropped",
    "the model repeats the question instead of answering",
    "half of the epochs would have done",
)
SYLLABLES = ("bra", "kel", "mo", "tin", "sur", "vex", "dol", "pra", "nim", "gos", "hul", "wex", "jar", "fip")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Question:
    """A question whose answers are known."""

    text: str
    answers: tuple[str, ...]
    """Ids; the last is of a lesson that was refuted since."""
    task: str
    domain: str
    only: LessonFilter


@dataclass(frozen=True)
class Timed:
    """Seconds of one step."""

    wall_seconds: float
    cpu_seconds: float


def timed(work: Callable[[], _T]) -> tuple[_T, Timed]:
    """What ``work`` gives, and how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, Timed(time.perf_counter() - wall, time.process_time() - cpu)


def place_of(number: int, tasks: int) -> tuple[str, str, str]:
    """(task, domain, base model) of a lesson."""
    task = number % tasks
    return f"task_{task:03d}", DOMAINS[task % len(DOMAINS)], MODELS[number // tasks % len(MODELS)]


def rare_words(rng: random.Random) -> tuple[str, str]:
    """Two words that no other lesson is likely to have."""
    first, second = ("".join(rng.choices(SYLLABLES, k=4)) for _ in range(2))
    return first, second


def id_of(number: int) -> str:
    """Twelve lessons a run."""
    return f"run{number // 12:06d}/e{number % 12:02d}"


def topic(block: int, tasks: int, seed: int) -> tuple[str, Question]:
    """What the known lessons of a block say, and the question that they answer."""
    first, second = rare_words(random.Random(f"{seed}/{block}"))
    start = block * KNOWN
    task, domain, model = place_of(start, tasks)
    step = tasks * len(MODELS)  # the next lesson of the same task and model
    places = [start + step * each for each in range(NEIGHBOURS) if step * each < REFUTING[0]]
    question = Question(
        f"source with {second} swapped for {first}?",
        tuple(map(id_of, places)),
        task,
        domain,
        LessonFilter(base_model=model, edition="mini"),
    )
    return f"; columns {first} and {second} were swapped in the source", question


def draw(count: int, tasks: int, seed: int) -> Iterator[tuple[Lesson, Question | None]]:
    """Lessons, the first of each block with the block's question."""
    rng = random.Random(seed)
    places = [
        Place(metric=metric, answer=answer, kinds=("chain_of_thought", "direct"), hidden_size=width)
        for metric, answer, width in (
            ("right", "number", 128),
            ("classes", "letter", 256),
            ("overlap", "text", 128),
        )
    ]
    for number in range(count):
        if number % KNOWN == 0:
            told, question = topic(number // KNOWN, tasks, seed)
        known = id_of(number) in question.answers
        yield (
            lesson_of(rng, number, tasks, told if known else "").model_copy(
                update={
                    "place": places[number % tasks % len(places)],
                    "contradicts": question.answers[-1:] if number % KNOWN in REFUTING else (),
                }
            ),
            question if number % KNOWN == 0 else None,
        )


def lesson_of(rng: random.Random, number: int, tasks: int, told: str) -> Lesson:
    """One lesson as a run would write it."""
    task, domain, model = place_of(number, tasks)
    rate, epochs, rows = 10 ** rng.uniform(-5, -2), rng.uniform(0.5, 8.0), rng.randrange(200, 9000)
    delta = rng.gauss(1.0, 4.0)
    outcome: Literal["kept", "discarded"] = "kept" if delta > 2.0 else "discarded"
    said = "; ".join(rng.sample(PHRASES, 2)) + told
    kind: Literal["chain_of_thought", "direct"] = rng.choice(("chain_of_thought", "direct"))
    text = (
        f"{task} with {model}: {kind} answers, full fine-tuning from the base, learning rate "
        f"{rate:.2g}, batch 16, {epochs:.1f} epochs of {rows} rows: {rng.uniform(5, 95):.1f} [n=150] "
        f"against {rng.uniform(2, 40):.1f} for the base; {outcome} ({delta:+.1f} [{delta - 3:+.1f}, "
        f"{delta + 3:+.1f}] over base, p=0.04). Changed data: {said}. Data: filter, repair. "
        f"Diagnosis: underfit, next longer."
    )
    return Lesson(
        id=id_of(number),
        text=text,
        task=task,
        domain=domain,
        features={"base_model": model, "edition": "mini", "score": 50.0},
        settings={"learning_rate": rate, "num_train_epochs": epochs, "method": "full"},
        gain=delta,
        evidence=(id_of(number),),
        created=f"2026-01-01T00:00:00.{number:06d}+00:00",
        effect=(delta, delta - 3, delta + 3),
        outcome=outcome,
        tried=Tried(
            kind=kind,
            start="base",
            footing=f"{number // 12}/{number % 3}",
            method="full",
            rate_place=rng.uniform(0.0, 1.0),
            batch_size=16,
            chain_of_thought_share=0.5,
            rows_read=float(rows),
            removed=min(5.0 * delta, 100.0),
            error=4.0,
        ),
    )


def spread(milliseconds: list[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(milliseconds)
    last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"median {statistics.median(ordered):8.2f} ms, 99th percentile {last:8.2f} ms"


def recall_times(ask: Callable[[int], object], queries: int) -> tuple[str, str]:
    """(wall, CPU) of many recalls."""
    taken = [timed(lambda number=number: ask(number))[1] for number in range(queries)]  # type: ignore[misc]
    return spread([t.wall_seconds * 1e3 for t in taken]), spread([t.cpu_seconds * 1e3 for t in taken])


def measure(folder: Path, count: int, tasks: int, queries: int, seed: int) -> Iterator[str]:
    """One line for each step."""

    def told(name: str, taken: Timed, more: str = "") -> str:
        return f"{name:34} {taken.wall_seconds:9.2f} s, {taken.cpu_seconds:9.2f} s of CPU  {more}".rstrip()

    drawn = list(draw(count, tasks, seed))
    questions = [question for _, question in drawn if question is not None]
    store = ExperienceStore(folder / "memory")

    def write(written: list[Lesson]) -> None:
        with store.book.lock():
            store.book.append(written)

    taken = timed(lambda: write([lesson for lesson, _ in drawn]))[1]
    drawn.clear()
    yield told("writing the book", taken, f"{store.book.path.stat().st_size / 2**20:.1f} MiB")
    yield told("rebuilding the index", timed(store.rebuild)[1])

    store = ExperienceStore(folder / "memory")

    def ask(number: int) -> list[str]:
        q = questions[number % len(questions)]
        return [item.lesson.id for item in store.recall(q.text, 8, q.task, q.domain, q.only)]

    yield told("first recall, one task's vectors", timed(lambda: ask(0))[1])
    for number in range(min(tasks, len(questions))):
        ask(number)
    for name, line in zip(("wall", "CPU"), recall_times(ask, queries), strict=True):
        yield f"{f'recall in a run, {name}':34} {line}"
    found = [[id for id in ask(number) if id in q.answers] for number, q in enumerate(questions)]
    wanted = sum(len(q.answers) for q in questions)
    yield f"{'known answers among the first 8':34} {sum(map(len, found))} of {wanted}"
    several = [(ids, q) for ids, q in zip(found, questions, strict=True) if len(q.answers) > 1]
    behind = sum(ids[-1:] == list(q.answers[-1:]) or q.answers[-1] not in ids for ids, q in several)
    yield f"{'refuted ones behind the others':34} {behind} of {len(several)}"

    store = ExperienceStore(folder / "memory")

    def new(number: int) -> object:
        return store.recall(questions[number % len(questions)].text, 8, "new_task", "law")

    yield told("first recall of a new task", timed(lambda: new(0))[1])
    for name, line in zip(("wall", "CPU"), recall_times(new, queries), strict=True):
        yield f"{f'recall of a new task, {name}':34} {line}"

    place = Place(metric="right", answer="number", kinds=("direct",), hidden_size=128)
    situation = Situation("new_task", "law", "mini", MODELS[0], place)

    def advise() -> tuple[object, ...]:
        ways = store.ways(situation)
        return ways.preference("direct"), ways.rate("full", 2 / 3)

    yield told("first advice on data and rate", timed(advise)[1])
    yield told("the same again", timed(advise)[1])

    more, _ = next(draw(1, tasks, seed + 1))
    yield told(
        "recording one more", timed(lambda: store.record(more.model_copy(update={"id": "more/e01"})))[1]
    )
    yield told("the recall after it", timed(lambda: ask(0))[1])
    exported = folder / "lessons.jsonl"
    yield told("export", timed(lambda: export_lessons(store.book, exported, LessonFilter()))[1])
    other = LessonBook(folder / "other")
    yield told("import", timed(lambda: import_lessons(other, exported))[1])
    gone = {entry.id for entry in store.book.entries()[:: max(1, KNOWN // 2)]}
    yield told(f"forgetting {len(gone)}", timed(lambda: store.forget(gone))[1])
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield f"{'largest memory of the process':34} {peak_gib:9.2f} GiB"


def main(
    lessons: Annotated[int, typer.Option(min=KNOWN)] = 100_000,
    tasks: Annotated[int, typer.Option(min=1)] = 13,
    queries: Annotated[int, typer.Option(min=1)] = 300,
    seed: int = 0,
    folder: Annotated[Path | None, typer.Option(help="Kept; a temporary one when absent.")] = None,
) -> None:
    """Print a line for each step."""
    place = folder or Path(tempfile.mkdtemp(prefix="ftdojo-lessons-"))
    if (place / "memory").exists():
        raise typer.BadParameter(f"{place} holds a memory already")
    try:
        typer.echo(f"{lessons} lessons of {tasks} tasks, seed {seed}")
        for line in measure(place, lessons, tasks, queries, seed):
            typer.echo(line)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)

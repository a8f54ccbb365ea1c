"""What a role reads before it decides: its standing orders, and the context at hand from the journal.

The orders are the same throughout a run and the background changes seldom, so that
providers can cache what comes first; the context comes last. Each section has a share of the
budget of tokens, so a briefing does not grow with the number of experiments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from memory.records import Role
from roles.llm.briefing import data, earlier, errors, findings, history, lessons, results
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import Section, approximate_tokens, laid_out, name
from roles.llm.system_prompt import PROMPTS
from tasks.errors import HarnessFault
from tools.chat.untrusted_text import clean
from tools.dojo import Dojo

BUDGET_TOKENS = 6000
"""Of a briefing, by ``roles.llm.briefing.layout.approximate_tokens``; the standing orders come on top."""
BUDGETS: dict[Role, int] = {"data_curator": 8000}
"""Of those who need more: a script of 6,000 characters is 2,000 tokens, beside rows and findings."""
DESCRIPTION = 3000
"""Characters of a task's description."""

Build = Callable[[ExperimentContext, int], str]
Part = tuple[str, float, int, Build]
"""Title, share of the budget, rank (the highest goes first when a budget is too small), text."""

SOURCES: Part = ("Sources, as measured", 0.16, 3, data.sources)
LESSONS: Part = ("Lessons of earlier runs", 0.07, 6, lessons.lessons)
STANDING: Part = ("Where the run stands", 0.05, 0, history.standing)
TRIED: Part = ("What was tried", 0.14, 2, history.tried)
WORDS: Part = ("In the words of the roles", 0.05, 7, history.words)
EARLIER: Part = ("Tried before, also in other runs", 0.02, 3, earlier.earlier)
TRACK: Part = ("How earlier expectations fared", 0.03, 5, history.calibration)
FAILURES: Part = ("Failures so far, by kind", 0.04, 4, history.failures)
BUDGET: Part = ("Budget", 0.05, 1, history.budget)
REMARKS: Part = ("What the run's owner said; it counts within the rules", 0.04, 1, history.remarks)
PLAN: Part = ("The plan", 0.08, 1, data.plan)
FOUND: Part = ("What the roles found", 0.11, 2, findings.findings)
ERRORS: Part = ("Errors on validation", 0.12, 3, errors.errors)
CURVE: Part = ("Training", 0.04, 4, results.curve)
DATA: Part = ("The data", 0.10, 2, data.data)

BACKGROUND: dict[Role, tuple[Part, ...]] = {
    "planner": (SOURCES, ("What the sources say of themselves", 0.05, 8, data.cards), LESSONS),
    "data_curator": (("Limits", 0.03, 0, data.limits), ("Sources, as measured", 0.12, 3, data.sources)),
    "training_engineer": (LESSONS,),
    "evaluator": (),
    "diagnostician": (SOURCES,),
}
CASE: dict[Role, tuple[Part, ...]] = {
    "planner": (
        STANDING,
        REMARKS,
        TRIED,
        EARLIER,
        FOUND,
        WORDS,
        ("A prediction to test", 0.03, 2, history.open_prediction),
        ERRORS,
        CURVE,
        FAILURES,
        TRACK,
        BUDGET,
    ),
    "data_curator": (
        PLAN,
        REMARKS,
        FOUND,
        ("The plan's sources", 0.16, 2, data.columns),
        ("The parent's recipe", 0.20, 1, data.recipe_of_parent),
        ("Rows of the parent's data", 0.05, 4, data.rows_of_parent),
        ("Data of the siblings", 0.03, 6, data.recipes_of_siblings),
        LESSONS,
        ("Errors on validation", 0.08, 3, errors.errors),
        ("Failures so far, by kind", 0.02, 4, history.failures),
        ("Budget", 0.01, 5, history.budget),
    ),
    "training_engineer": (
        PLAN,
        REMARKS,
        ("The data", 0.11, 2, data.data),
        ("Hyperparameters", 0.20, 0, results.hyperparameters),
        ("Training", 0.08, 4, results.curve),
        STANDING,
        ("What was tried", 0.19, 2, history.tried),
        FAILURES,
        TRACK,
        BUDGET,
    ),
    "evaluator": (
        PLAN,
        ("The measured result", 0.12, 0, results.comparison),
        ("Errors on validation", 0.28, 3, errors.errors),
        ("Items that changed", 0.24, 5, errors.changed),
        ("Training", 0.06, 4, results.curve),
        ("What was tried", 0.15, 4, history.tried),
    ),
    "diagnostician": (
        PLAN,
        ("The measured result", 0.12, 0, results.comparison),
        ("The Evaluator's reading", 0.06, 5, results.verdict),
        ("Errors on validation", 0.21, 3, errors.errors),
        DATA,
        ("Training", 0.06, 4, results.curve),
        ("What was tried", 0.12, 4, history.tried),
        ("Earlier diagnoses of this line", 0.06, 6, results.diagnoses),
        TRACK,
    ),
}


def system_prompt(role: Role, dojo: Dojo) -> str:
    """A role's standing orders: what it decides, the task, what a practitioner knows, the rules of the house.

    Raises:
        HarnessFault: no such role, as for the teacher, which reads no briefing.
    """
    _known(role)
    return PROMPTS.render(role, task=_task(dojo), house_rules=PROMPTS.render("house_rules"))


def briefing(
    role: Role,
    dojo: Dojo,
    experiment: str,
    budget_tokens: int | None = None,
) -> str:
    """What a role needs to decide about one experiment.

    Args:
        role: who decides.
        dojo: the run.
        experiment: the id of the experiment that the decision is about.
        budget_tokens: most tokens, by ``layout.approximate_tokens``; by default the role's.

    Returns:
        Markdown; no test item, no row that matches one, no path of the machine, and foreign text in fences.

    Raises:
        HarnessFault: no such role.
    """
    _known(role)
    context = ExperimentContext(dojo, experiment)
    page = partial(PROMPTS.render, f"{role}_briefing", experiment=experiment)
    most = BUDGETS.get(role, BUDGET_TOKENS) if budget_tokens is None else budget_tokens
    room = most - approximate_tokens(page(background="", context=""))
    # By its own shares alone: what comes first must not change with what follows, or it is not cached.
    reserved = int(room * sum(share for _, share, *_ in BACKGROUND[role]))
    background = laid_out(_sections(BACKGROUND[role], context), room, reserved)
    rest = laid_out(_sections(CASE[role], context), room, room - approximate_tokens(background))
    return page(background=background, context=rest).lstrip()


def _sections(parts: tuple[Part, ...], context: ExperimentContext) -> list[Section]:
    return [Section(title, share, partial(build, context), rank) for title, share, rank, build in parts]


def _known(role: Role) -> None:
    if role not in CASE:
        raise HarnessFault(f"{role} reads no briefing; those who do: {', '.join(CASE)}")


def _task(dojo: Dojo) -> str:
    spec, model = dojo.spec, dojo.base_model
    return PROMPTS.render(
        "task",
        title=name(spec.title, 120),
        id=name(spec.id),
        edition=dojo.edition,
        domain=spec.domain,
        description=clean(spec.description.strip(), DESCRIPTION),
        answer_format=name(spec.answer_format, 400),
        metric=spec.metric,
        direction="higher is better" if spec.higher_is_better else "lower is better",
        validation=str(len(dojo.validation)),
        max_new_tokens=str(spec.max_new_tokens),
        model=name(model.name),
        parameters=f"{model.parameters / 1e6:.3g} million",
        layers=str(model.n_layers),
        width=str(model.hidden_size),
        positions=str(model.positions or "no limit"),
        max_rows=str(dojo.max_rows),
        max_length=str(dojo.max_length),
    )

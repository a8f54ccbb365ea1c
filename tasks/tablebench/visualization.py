"""TableBench visualization: write Python code that draws the chart that is asked for.

Source: Multilingual-Multimodal-NLP/TableBench on the Hugging Face Hub, qtype Visualization; mini: generated.
Licence: Apache-2.0; generated rows Apache-2.0.
Metric: pass@1, the share of answers whose code runs and draws the right series in the right kind of chart.
Example: {"columns":["team","wins"],"data":[["Ann",12],["Bob",7]]}, "Draw a bar chart of wins." -> the lines
    "import pandas as pd", "import matplotlib.pyplot as plt", "df = pd.read_csv('table.csv')",
    "plt.bar(df['team'], df['wins'])", "plt.show()" in a python block
Pitfall: the published rule sees only what plt.bar, plt.plot and plt.scatter are given by position, so that a
    right pie chart or axes method fails, and lets NaN pass; here the series are read off the axes, and the
    kind of chart counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, Script, ScriptResult, TaskSpec
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition
from tasks.tablebench import visualization_mini
from tasks.tablebench import visualization_released as released
from tasks.tablebench.assets import TABLEBENCH, TABLEINSTRUCT
from tasks.tablebench.charts import static_check
from tasks.tablebench.charts.compare import chart_error, facts_for_judging, own_report, references_of
from tasks.tablebench.charts.script import capture_script, code_of

PROMPT = (
    "You are a table analyst. Answer with one python code block. Its first three lines are\n"
    "import pandas as pd\nimport matplotlib.pyplot as plt\ndf = pd.read_csv('table.csv')\n"
    "and its last line is plt.show().\n[TABLE]\n{table}\nQuestion: {question}"
)
"""For rows that come without the published ``instruction``."""
SUBSET = "tablebench_visualization"
SHOWN = 300
"""Characters of the code that an item score keeps."""


def build_prompt(row: Row) -> str | None:
    """The published ``instruction``, which holds table and question, or one built from those two columns.

    None for a row of another ``qtype``.
    """
    if row.get("qtype", "Visualization") != "Visualization":
        return None
    instruction, table, question = row.get("instruction"), row.get("table"), row.get("question")
    if isinstance(instruction, str) and "[TABLE]" in instruction:
        return instruction
    if not isinstance(question, str) or not isinstance(table, dict | str):
        return None
    text = table if isinstance(table, str) else json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return PROMPT.replace("{table}", text).replace("{question}", question)


def subsets_of(row: Row) -> tuple[str, ...]:
    """The one subset, for rows of this ``qtype``."""
    return (SUBSET,) if row.get("qtype") == "Visualization" else ()


def sample_of(row: Row, subset: str) -> Sample:
    """A published row as an item; ``gold`` is the published answer as it is, ``y_references = [[...]]``.

    Raises ValueError naming a missing or malformed column.
    """
    prompt, answer = build_prompt(row), row.get("answer")
    if prompt is None:
        raise ValueError("no `instruction`, and no `table` and `question`, of a Visualization row")
    if not isinstance(answer, str):
        raise ValueError("column `answer` is not a text")
    try:
        references_of(answer)
    except ValueError as error:
        raise ValueError(f"column `answer`: {error}") from None
    return Sample(content_id(prompt), subset, prompt, answer, facts_for_judging(row))


def script(sample: Sample, answer: str) -> Script | None:
    """What runs our reading of the code and, where it is another, the released one's."""
    own, other = code_of(answer), released.code_of(answer)
    if own is None and other is None:
        return None
    if own is not None and other is not None and other.strip("\n").rstrip() == own:
        other = own
    head, table = str(sample.meta.get("head", "")), str(sample.meta.get("csv", ""))
    return capture_script(own and head + own, other and head + other, table)


def scorer(sample: Sample, answer: str) -> ItemScore:
    """What can be said before the code is run: nothing, but that there is none."""
    code = code_of(answer)
    if code is None:
        return ItemScore(False, 0.0, None, "no_code")
    return ItemScore(False, 0.0, code[:SHOWN], "not_executed", scored=False)


def judge_result(sample: Sample, answer: str, result: ScriptResult) -> ItemScore:
    """Right when the code ran to its end and drew the reference; see ``charts.compare``."""
    code = code_of(answer)
    if code is None:
        return ItemScore(False, 0.0, None, "no_code")
    if result.status == "refused":
        return scorer(sample, answer)
    error = _error(sample, result)
    return ItemScore(not error, float(not error), code[:SHOWN], error)


def _error(sample: Sample, result: ScriptResult) -> str:
    if result.status in ("timeout", "killed"):
        return result.status
    report = own_report(result) if result.status == "ok" else None
    if report is None:
        return "not_executed"
    if report.error:
        return f"raises {report.error.partition(':')[0]}"[:60]
    try:
        reference = references_of(str(sample.gold))
    except ValueError:
        return "no_reference"
    return chart_error(reference, sample.meta.get("kinds", ()), report.series)


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The share of right charts with its Wilson interval."""
    return accuracy(samples, item_scores, "pass@1")


def render(answer: str, reasoning: str) -> str:
    """The plan, if any, and the code in a python block."""
    head = f"{reasoning.strip()}\n" if reasoning.strip() else ""
    return f"{head}```python\n{answer}\n```"


MINI = SyntheticEdition(
    visualization_mini,
    "tablebench_visualization",
    build_prompt,
    render,
    validation_rows=150,  # each answer is run in a process of its own
    test_rows=300,
)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="tables",
    title="TableBench: visualization",
    description="Write Python code that reads table.csv and draws the chart asked for; the code is run.",
    answer_format="```python block that reads table.csv, draws with matplotlib and ends with plt.show()",
    metric="pass@1",
    licence="Apache-2.0 (source); generated rows Apache-2.0",
    source="Multilingual-Multimodal-NLP/TableBench; mini: generated from the seed",
    pitfall="published: only plt.bar, plt.plot, plt.scatter by position count; here all that is drawn",
    subsets=(SUBSET,),
    max_new_tokens=100,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=code_of,
    verify=static_check.check,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="response",
    reasoning_column="reasoning",
    published=Published(
        benchmark=TABLEBENCH,
        pools=(TABLEINSTRUCT,),
        subsets_of=subsets_of,
        sample=sample_of,
        evaluate=released.evaluate,
        max_new_tokens=16384,
    ),
    script=script,
    judge_result=judge_result,
)

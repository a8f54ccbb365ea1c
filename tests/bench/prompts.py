"""How long prompts are, and how they grow with a run: ``python -m tests.bench.prompts``.

Tokens by ``roles.llm.briefing.layout.approximate_tokens``, an upper estimate for common tokenizers. The same
throughout a run: the standing orders, and the schemas of the tools and of the decision. Then the
briefing, by role, at the n-th experiment of a run whose texts are of a usual length.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from roles.llm.briefing.build import briefing, system_prompt
from roles.llm.briefing.layout import approximate_tokens
from tests.support.golden import SCHEMAS, STAGES, dojo_of, schema, tool_schemas
from tests.support.run_in_progress import next_id

EXPERIMENTS = (1, 5, 10, 25, 50, 100)
USUAL = (
    "The third figure of the table is taken for the second whenever the row holds a unit in brackets, "
    "so the sum is off by one row; the written steps show it in their second line. "
) * 3


def main() -> None:
    """Print a table: a row for each role, a column for each length of the run."""
    lines = ["| role | standing orders | schemas | " + " | ".join(f"e{n}" for n in EXPERIMENTS) + " |"]
    lines.append("|---|" + "---:|" * (len(EXPERIMENTS) + 2))
    total = [0] * len(EXPERIMENTS)
    orders = schemas = 0
    with tempfile.TemporaryDirectory() as place:
        for role in STAGES:
            sizes = []
            for position, number in enumerate(EXPERIMENTS):
                dojo = dojo_of(role, Path(place) / str(number), number - 1, USUAL)
                sizes.append(approximate_tokens(briefing(role, dojo, next_id(number - 1))))
                total[position] += sizes[-1]
            order = approximate_tokens(system_prompt(role, dojo))
            told = approximate_tokens(tool_schemas(role, dojo, None) + schema(SCHEMAS[role], None))
            orders, schemas = orders + order, schemas + told
            lines.append(f"| {role} | {order} | {told} | " + " | ".join(map(str, sizes)) + " |")
    lines.append(f"| together | {orders} | {schemas} | " + " | ".join(map(str, total)) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

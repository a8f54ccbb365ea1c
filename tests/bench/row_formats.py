"""Row formats beside chat templates: does the text that reaches the trainer equal ``apply_chat_template``?

    python -m tests.bench.row_formats [--write]

Every row of ``tests.support.row_formats`` is read from a file, made a row of a training set and turned into
tokens, as a run does it. The tokens are decoded and held against transformers' own rendering of the
conversation that the row stands for, which is written by hand; so are the stretches that carry loss.
``--write`` puts the table into docs/row-formats.md; a test holds it there.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.support.chat_templates import CHATML, GEMMA, LLAMA3, MISTRAL, QWEN, STRIPS, TOOLS, model_with
from tests.support.row_formats import EXAMPLES, Example, record_of
from tools.models.load import load_tokenizer
from tools.training.tokenise import TokenRows, shown_pieces, tokenise

PAGE = Path(__file__).parent.parent.parent / "docs" / "row-formats.md"
START, END = "<!-- templates -->", "<!-- end of templates -->"
TEMPLATES = {
    "ChatML": CHATML,
    "Llama 3": LLAMA3,
    "Gemma": GEMMA,
    "Mistral": MISTRAL,
    "Qwen 3": QWEN,
    "strips reasoning": STRIPS,
    "tools": TOOLS,
}
"""In the style of these families. Gemma's and Mistral's refuse a system turn, Qwen's drops earlier reasoning;
all but the last leave out tool calls."""
EQUAL, JOINED, KEPT, REFUSED = "equal", "system joined", "reasoning kept", "refused"
LONGEST = 10_000


def tokenizers(folder: Path) -> dict[str, Any]:
    """A tokenizer for every template."""
    return {
        name: load_tokenizer(model_with(folder / str(n), template))
        for n, (name, template) in enumerate(TEMPLATES.items())
    }


def outcome(tokenizer: Any, example: Example, record: dict[str, Any]) -> str:
    """How the trained text relates to transformers' rendering; raises AssertionError for any other way."""
    data = tokenise(tokenizer, [record], LONGEST)
    messages, how = example.messages, EQUAL
    if messages[0]["role"] == "system" and _theirs(tokenizer, example, messages) is None:
        first = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
        messages, how = [first, *messages[2:]], JOINED
    theirs = _theirs(tokenizer, example, messages)
    calls = [call["function"]["name"] for turn in messages for call in turn.get("tool_calls", ())]
    if theirs is None or not all(f'"{name}", "arguments"' in theirs for name in calls):
        (refused,) = data.refused
        assert not data.rows, "the template cannot say what the row says, and it is trained all the same"
        assert refused.count == 1
        return REFUSED
    (row,) = data.rows
    target = str(messages[-1]["content"])
    if target.split()[0] not in theirs:
        # The rendering without the reasoning, with the answer as it is written in place of its rest.
        head, _, rest = theirs.rpartition(target.split("</think>")[-1].strip())
        theirs, how = head + target + rest, KEPT
    ours = tokenizer.decode(row.input_ids)
    assert theirs.rstrip("\n") == ours, (theirs, ours)
    _check_loss(tokenizer, messages, data)
    return how


def _theirs(tokenizer: Any, example: Example, messages: list[dict[str, Any]]) -> str | None:
    import jinja2

    try:
        return str(tokenizer.apply_chat_template(messages, tools=example.tools or None, tokenize=False))
    except jinja2.TemplateError:
        return None


def _check_loss(tokenizer: Any, messages: list[dict[str, Any]], data: TokenRows) -> None:
    """Loss on every answer with its end, or on the last, and on nothing else."""
    answers = [turn for turn in messages if turn["role"] == "assistant"]
    answers = answers if data.loss_on == "all" else answers[-1:]
    trained = [piece.text for piece in shown_pieces(tokenizer, data.rows[0]) if piece.trained]
    assert len(trained) == len(answers), trained
    for text, turn in zip(trained, answers, strict=True):
        assert text.endswith("<|end|>") and text.count("<|end|>") == 1, text
        assert str(turn["content"]) in text, (turn, text)
        assert "<|user|>" not in text, text


def table() -> list[str]:
    """The lines of the table for the page."""
    with tempfile.TemporaryDirectory() as folder:
        found = tokenizers(Path(folder))
        lines = [f"| Row | {' | '.join(TEMPLATES)} | Text, with loss on ⟦ ⟧ |"]
        lines.append("|---" * (len(TEMPLATES) + 2) + "|")
        for name, example in EXAMPLES.items():
            record = record_of(example, Path(folder))
            cells = [outcome(tokenizer, example, record) for tokenizer in found.values()]
            lines.append(f"| {name} | {' | '.join(cells)} | `{_shown(found.values(), record)}` |")
    return lines


def _shown(tokenizers: Iterable[Any], record: dict[str, Any]) -> str:
    """By the first template that takes the row."""
    tokenizer, (row,) = next((t, rows) for t in tokenizers if (rows := tokenise(t, [record], LONGEST).rows))
    pieces = shown_pieces(tokenizer, row)
    text = "".join(f"⟦{piece.text}⟧" if piece.trained else piece.text for piece in pieces)
    return text.replace("\n", "↵").replace("|", "\\|")


def written() -> str:
    """The table as the page has it."""
    inside = re.search(f"{START}\n(.*?)\n{END}", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return inside.group(1) if inside else ""


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the table into the page.")] = False,
) -> None:
    """Print the table."""
    lines = "\n".join(table())
    typer.echo(lines)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(
            page[: page.index(START)] + f"{START}\n{lines}\n" + page[page.index(END) :], encoding="utf-8"
        )


if __name__ == "__main__":
    typer.run(main)

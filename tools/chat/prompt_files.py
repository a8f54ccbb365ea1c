"""Prompts as files: ``NAME.md`` in a folder, Jinja2 templates with ``{{ field }}`` where a text goes in.

Filling is strict in both directions. Jinja2 puts a value in once and never reads it again, so what
stands in a data set may look like a template and stays text; nothing is escaped, since prompts are no
HTML: foreign text comes delimited already (``tools.chat.untrusted_text``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.meta import find_undeclared_variables

from tasks.errors import HarnessFault


@dataclass(frozen=True)
class PromptFiles:
    """The prompts of one folder."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """Every prompt's name, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.md")))

    def fields_of(self, name: str) -> frozenset[str]:
        """The fields of a prompt. Raises HarnessFault: no such prompt."""
        engine = _engine(self.folder)
        try:
            source = engine.loader.get_source(engine, f"{name}.md")[0] if engine.loader else ""
        except TemplateNotFound:
            raise HarnessFault(f"there is no prompt {name}; there are {', '.join(self.names())}") from None
        return frozenset(find_undeclared_variables(engine.parse(source)))

    def render(self, name: str, **fields: str) -> str:
        """A prompt with its fields filled, without the file's last newline.

        Args:
            name: the file's name, without ``.md``.
            fields: one text for each field, no more and no fewer.

        Raises:
            HarnessFault: no such prompt, or a field that is missing, unknown or no text.
        """
        wanted = self.fields_of(name)
        problems = [
            *(f"{field} is missing" for field in sorted(wanted - set(fields))),
            *(f"{field} is not in it" for field in sorted(set(fields) - wanted)),
            *(
                f"{field} is {type(value).__name__}, not text"
                for field, value in sorted(fields.items())
                if not isinstance(value, str)
            ),
        ]
        if problems:
            raise HarnessFault(f"prompt {name}: {', '.join(problems)}")
        return _engine(self.folder).get_template(f"{name}.md").render(fields)


@cache
def _engine(folder: Path) -> Environment:
    # Autoescape is off for the reason that the module gives.
    return Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False)

"""Toolbox: the verbs of a run as LangChain tools, for a language model that plays it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tools.dojo import Dojo
from tools.verbs.closing import Harness
from tools.verbs.folder import AgentFolder
from tools.verbs.referee import Referee, VerbSchema

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


def toolbox(dojo: Dojo, harness: Harness | None = None, folder: AgentFolder | None = None) -> list[BaseTool]:
    """Every verb as a structured tool, bound to one run; what is refused comes back as a line of text."""
    return tools_of(Referee(dojo, harness, folder))


def tools_of(referee: Referee) -> list[BaseTool]:
    """The verbs of one referee."""
    from langchain_core.tools import StructuredTool

    made = []
    for schema in referee.schemas.values():
        tool = StructuredTool.from_function(
            _caller(referee, schema),
            name=schema.name,
            description=schema.description,
            args_schema=schema.parameters(),
        )
        made.append(cast("BaseTool", tool))
    return made


def _caller(referee: Referee, schema: VerbSchema) -> Callable[..., str]:
    def call(**arguments: Any) -> str:
        return referee.call(schema.name, arguments).text

    return call

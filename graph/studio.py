"""The graph that ``langgraph dev`` serves: the same one, without a checkpointer of its own."""

from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk.runtime import ServerRuntime

from graph.build import build_graph
from graph.server.requests import RequestedRuns, ServedGraph, check_context
from graph.server.settings import server_settings

_graph = ServedGraph(**vars(build_graph(runs=RequestedRuns(server_settings()), drawn=True)))


def graph(runtime: ServerRuntime[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph for one request; the server asks here before it drops what it does not know of the context.

    Raises:
        InputError: the context names what is no setting.
    """
    if (execution := runtime.execution_runtime) is not None:
        check_context(execution.context)
    return _graph

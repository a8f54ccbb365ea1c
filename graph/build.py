"""The graph.

            +----------------------------------------------------------------------------+
            v                                                                            |
START -> prepare -> planner -> data_curator -> training_engineer -> evaluator -> diagnostician
                       |            | gate: data      | gate: probe                ^  ^
                       |            +-----------------+------- failed -------------+--+
                       +-- solved | out_of_budget | stuck --> finish -> END
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes, routing
from graph.settings import RunSettings
from graph.state import RunInput, RunOutput, RunState

Graph = CompiledStateGraph[RunState, RunSettings, RunInput, RunOutput]


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """The compiled state machine.

    Args:
        checkpointer: where LangGraph keeps the state between steps. The command line passes a
            ``SqliteSaver`` in the run's folder; the Studio server brings its own, so none there.

    Example:
        ``build_graph().invoke({}, context=RunSettings(task="aime25", budget_seconds=300))``
    """
    builder = StateGraph(RunState, context_schema=RunSettings, input_schema=RunInput, output_schema=RunOutput)
    builder.add_node("prepare", nodes.prepare)
    builder.add_node("planner", nodes.planner)
    builder.add_node("data_curator", nodes.data_curator)
    builder.add_node("training_engineer", nodes.training_engineer)
    builder.add_node("evaluator", nodes.evaluator)
    builder.add_node("diagnostician", nodes.diagnostician)
    builder.add_node("finish", nodes.finish)
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "planner")
    builder.add_conditional_edges("planner", routing.after_planner)
    builder.add_conditional_edges("data_curator", routing.after_data)
    builder.add_conditional_edges("training_engineer", routing.after_training)
    builder.add_edge("evaluator", "diagnostician")
    builder.add_edge("diagnostician", "planner")
    builder.add_edge("finish", END)
    return builder.compile(checkpointer=checkpointer, name="ftdojo")

"""The graph.

    START -> prepare -> planner <------------------------------------------------ diagnostician
                        |  ^ rejected                                                ^   ^
                        v  |                                                         |   |
                   approve_plan -> data_curator -> approve_data -> curate            |   |
                                       |                |            |               |   |
                                       +-- failed or ---+-- rejected-+---------------+   |
                                                                     v               |   |
                     train <- approve_train <- training_engineer <---+               |   |
                       |           |                  |                              |   |
                       +-- failed -+--- or rejected --+------------------------------+   |
                       v                                                                 |
                   evaluator ------------------------------------------------------------+

    planner, approve_plan -- solved | out_of_budget | stuck --> finish -> END

A role drafts; the gate behind it (``graph.approval.gates``) asks a person where the settings say so,
and writes the record; only then is the draft acted upon.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes, routing
from graph.approval import gates
from graph.forking.time_travel import at_present, first
from graph.settings import RunSettings
from graph.state import RunInput, RunOutput, RunState

Graph = CompiledStateGraph[RunState, RunSettings, RunInput, RunOutput]


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """The compiled state machine.

    Args:
        checkpointer: where LangGraph keeps the state between steps. The command line passes a
            ``SqliteSaver`` in the run's folder; the Studio server brings its own, so none there.
            Without one, nobody can be asked.

    Example:
        ``build_graph().invoke({}, context=RunSettings(task="aime25", budget_seconds=300))``
    """
    builder = StateGraph(RunState, context_schema=RunSettings, input_schema=RunInput, output_schema=RunOutput)
    builder.add_node("prepare", first(nodes.prepare))
    builder.add_node("planner", at_present("planner", nodes.planner))
    builder.add_node("approve_plan", gates.approve_plan)
    builder.add_node("data_curator", at_present("data_curator", nodes.data_curator))
    builder.add_node("approve_data", gates.approve_data)
    builder.add_node("curate", at_present("curate", nodes.curate))
    builder.add_node("training_engineer", at_present("training_engineer", nodes.training_engineer))
    builder.add_node("approve_train", gates.approve_train)
    builder.add_node("train", at_present("train", nodes.train))
    builder.add_node("evaluator", at_present("evaluator", nodes.evaluator))
    builder.add_node("diagnostician", at_present("diagnostician", nodes.diagnostician))
    builder.add_node("finish", at_present("finish", nodes.finish))
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "planner")
    builder.add_conditional_edges("planner", routing.after_planner)
    builder.add_conditional_edges("approve_plan", routing.after_approve_plan)
    builder.add_conditional_edges("data_curator", routing.after_data_curator)
    builder.add_conditional_edges("approve_data", routing.after_approve_data)
    builder.add_conditional_edges("curate", routing.after_curate)
    builder.add_conditional_edges("training_engineer", routing.after_training_engineer)
    builder.add_conditional_edges("approve_train", routing.after_approve_train)
    builder.add_conditional_edges("train", routing.after_train)
    builder.add_edge("evaluator", "diagnostician")
    builder.add_edge("diagnostician", "planner")
    builder.add_edge("finish", END)
    return builder.compile(checkpointer=checkpointer, name="ftdojo")

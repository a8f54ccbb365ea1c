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

    planner, approve_plan -- solved | out_of_budget | max_experiments | stuck --> finish -> END

Where a language model decides, a role's node runs that model's agent (``roles.llm.agent``), whose steps
stream as those of a subgraph. A role drafts; the gate behind it (``graph.approval.gates``) asks a person
where the settings say so, and writes the record; only then is the draft acted upon.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes, preparation, routing
from graph.approval import gates
from graph.session import OpenRuns
from graph.settings import RunSettings
from graph.state import RunInput, RunOutput, RunState
from graph.step import as_node, first_node
from roles.composed import METHODS

Graph = CompiledStateGraph[RunState, RunSettings, RunInput, RunOutput]


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None, runs: OpenRuns | None = None, drawn: bool = False
) -> Graph:
    """The compiled state machine.

    Args:
        checkpointer: where LangGraph keeps the state between steps. The command line passes a
            ``SqliteSaver`` in the run's folder; the Studio server brings its own, so none there.
            Without one, nobody can be asked.
        runs: holds the runs that the graph works on while they are open; its own when absent.
        drawn: it will be looked at, as in Studio: a role's node is drawn with the agent that decides where
            a language model does. That costs a second, and changes nothing in what runs.

    Example:
        ``build_graph().invoke({}, context=RunSettings(task="aime25", budget_seconds=300))``
    """
    builder = StateGraph(RunState, context_schema=RunSettings, input_schema=RunInput, output_schema=RunOutput)
    runs = OpenRuns() if runs is None else runs
    builder.add_node("prepare", first_node("prepare", preparation.prepare, runs))
    builder.add_node("planner", as_node("planner", nodes.planner, runs))
    builder.add_node("approve_plan", as_node("approve_plan", gates.approve_plan, runs))
    builder.add_node("data_curator", as_node("data_curator", nodes.data_curator, runs))
    builder.add_node("approve_data", as_node("approve_data", gates.approve_data, runs))
    builder.add_node("curate", as_node("curate", nodes.curate, runs))
    builder.add_node("training_engineer", as_node("training_engineer", nodes.training_engineer, runs))
    builder.add_node("approve_train", as_node("approve_train", gates.approve_train, runs))
    builder.add_node("train", as_node("train", nodes.train, runs))
    builder.add_node("evaluator", as_node("evaluator", nodes.evaluator, runs))
    builder.add_node("diagnostician", as_node("diagnostician", nodes.diagnostician, runs))
    builder.add_node("finish", as_node("finish", nodes.finish, runs))
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
    graph = builder.compile(checkpointer=checkpointer, name="ftdojo")
    if drawn:
        _draw_agents(graph)
    return graph


def _draw_agents(graph: Graph) -> None:
    """Tell LangGraph of the agents within the roles' nodes: each decision makes its own, so it finds none."""
    from roles.llm.agent import outline

    for role in METHODS:
        graph.nodes[role].subgraphs = [outline(role)]

"""The graph that ``langgraph dev`` serves: the same one, without a checkpointer of its own."""

from graph.build import build_graph

graph = build_graph()

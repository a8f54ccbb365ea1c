"""The graph that ``langgraph dev`` serves: the same one, without a checkpointer of its own."""

from graph.build import build_graph
from graph.server.requests import RequestedRuns
from graph.server.settings import server_settings

graph = build_graph(runs=RequestedRuns(server_settings()), drawn=True)

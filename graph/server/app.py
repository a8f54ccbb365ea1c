"""App around the routes of ``langgraph dev`` (``http.app`` of langgraph.json): the doorkeeper alone."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from graph.server.doorkeeper import Doorkeeper
from graph.server.settings import server_settings

app = Starlette(middleware=[Middleware(Doorkeeper, settings=server_settings())])

"""Server: who may speak to what ``langgraph dev`` serves, and what a request may ask for."""

"""Order: the state machine, the command line, and what people see. The only folder that knows LangGraph."""

"""LangChain tools: the Dojo as the tools that all roles share."""

"""Decide: five roles, records in, records out. They know the Dojo's verbs, not LangGraph."""

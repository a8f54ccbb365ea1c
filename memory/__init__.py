"""Remember: what happened, in a journal that only grows, and what transfers from it to later runs."""

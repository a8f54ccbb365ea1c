"""Speakers of a chat and their roles: by known names, and for others by who answers whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_KNOWN = {
    "system": ("system", "developer", "system prompt", "sys", "context"),
    "user": (
        "user", "human", "customer", "client", "prompter", "instruction", "question", "student", "caller",
        "patient", "visitor", "buyer", "person", "me", "asker", "interviewer", "guest", "seeker",
    ),
    "assistant": (
        "assistant", "gpt", "chatgpt", "gpt-3.5", "gpt-4", "gpt4", "bard", "bing", "model", "bot", "chatbot",
        "ai", "agent", "claude", "gemini", "llama", "llm", "output", "answer", "response", "support", "tutor",
        "helper", "operator", "teacher", "doctor", "advisor", "seller", "representative", "staff", "expert",
    ),
    "tool": ("tool", "function", "observation", "function_response", "tool_response", "ipython",
             "function_result", "tool_result", "environment"),
    "function_call": ("function_call", "tool_call"),
}  # fmt: skip
_ROLES = {name: role for role, names in _KNOWN.items() for name in names}


def known_role(speaker: str) -> str | None:
    """``system``, ``user``, ``assistant``, ``tool`` or ``function_call``; None for a name not known."""
    return _ROLES.get(speaker.strip().casefold().rstrip(":"))


def roles_of(speakers: Sequence[str], votes: Mapping[str, str]) -> dict[str, str] | str:
    """Role by speaker's name for one chat, or the reason why the speakers cannot be told apart.

    Names in ``votes`` (the whole table's) and known names come first. What is left is decided by who
    answers whom: beside one known side an unknown name is the other side; of two unknown names the first
    to speak is the user.
    """
    names = tuple(dict.fromkeys(speakers))
    found = {name: role for name in names if (role := known_role(name) or votes.get(name))}
    unknown = [name for name in names if name not in found]
    sides = [role for role in ("user", "assistant") if role not in found.values()]
    if not unknown:
        return found
    if len(unknown) > len(sides):
        return "more speakers than a user and an assistant"
    return found | dict(zip(unknown, sides, strict=False))


def vote(chats: Iterable[Sequence[str]]) -> dict[str, str]:
    """Roles of the unknown names of a whole table: what most of its chats say each of them is."""
    counted: dict[str, Counter[str]] = {}
    for speakers in chats:
        roles = roles_of(speakers, {})
        if isinstance(roles, dict):
            for name, role in roles.items():
                if known_role(name) is None:
                    counted.setdefault(name, Counter())[role] += 1
    return {name: roles.most_common(1)[0][0] for name, roles in counted.items()}

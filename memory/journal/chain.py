"""Chain of a journal's lines: each names the SHA-256 of the line before it, so that none is changed, lost,
added or moved without breaking every line behind it.

The digest of a line is over its bytes without the newline; ``sha256sum`` prints it. The first line of a run
names the empty text. A journal of an earlier version has no such names; where it is gone on with, the first
line that has one names the SHA-256 of all bytes before it.

The digest of the last line is the chain's head: whoever keeps the head outside the folder has fixed the run.
"""

from __future__ import annotations

from hashlib import sha256

NO_CHAIN = "no chain"
"""Said in place of a head where a journal has none."""


class ChainBroken(ValueError):
    """A line does not name the line before it."""


class Chain:
    """The chain of one journal, followed line by line; only the last digest is kept."""

    def __init__(self) -> None:
        self._before = sha256()
        self._head = ""
        self.begun = False
        """Whether any line so far names the one before it."""

    @classmethod
    def at(cls, head: str) -> Chain:
        """A chain that has come to a line with this digest."""
        chain = cls()
        chain._head, chain.begun = head, True
        return chain

    @property
    def head(self) -> str:
        """What the next line has to name."""
        return self._head if self.begun or not self._head else self._before.hexdigest()

    @property
    def text(self) -> str:
        """The head as summaries, reports and cards print it."""
        return self._head if self.begun else NO_CHAIN

    def check(self, named: str | None) -> None:
        """Whether a line may come next.

        Args:
            named: the digest that it names; None where it names none.

        Raises:
            ChainBroken: it names another line than the one before, or none in a chain.
        """
        if named is None:
            if self.begun:
                raise ChainBroken("it does not name the line before it")
        elif named != self.head:
            raise ChainBroken("the line before it is not the one that it names")

    def add(self, line: bytes, named: str | None) -> str:
        """Take in a line that was read or written; its digest."""
        bare = line.rstrip(b"\n")
        self.begun = self.begun or named is not None
        if not self.begun:
            self._before.update(bare + b"\n")
        self._head = sha256(bare).hexdigest()
        return self._head

"""Caps on money and tokens that hold, and an account of every call of a language model.

    spending = Spending.attach(journal, PriceTable.shipped(), max_usd=1.0)
    with spending.call("planner", "openai:gpt-5-mini", input_tokens=3000, max_output_tokens=800) as call:
        reply = ...
        call.done(input_tokens=2874, cached_tokens=1024, output_tokens=311)
    spending.usd

Every finished call is a ``usage`` event of the journal, and a resumed run starts from
their sum. A cap is kept by reserving: a call begins when the most that it may cost fits
beside what is spent and what the calls under way may cost, or when no other is under
way. So what is spent exceeds a cap by one call at most, however many threads ask.

What is not counted: a call that failed, or that was under way when the process was
killed. Its provider may have billed it; no usage was ever told to us.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from memory.budget.prices import Price, PriceTable
from memory.budget.usage import Account, accounts, usages
from memory.journal.log import Journal
from memory.records import Role, Usage
from tasks.errors import CapReached, HarnessFault

__all__ = ["Account", "Call", "Cap", "Price", "PriceTable", "Spending"]

INPUT_MARGIN = 2.0
"""Input is estimated from the text's length; tables, formulae and other scripts take up to twice as many."""
MOST_TOKENS = 10**9
"""Of one call: a provider that tells more is not believed."""


@dataclass(frozen=True)
class Cap:
    """The most that may be spent; None for no limit."""

    usd: float | None = None
    tokens: int | None = None


class Call:
    """One call of a language model, from its admission to its account. Made by ``Spending.call``."""

    def __init__(self, role: Role, model: str, price: Price | None, input_tokens: int, output_tokens: int):
        self.role, self.model, self.price = role, model, price
        self.input_tokens, self.max_output_tokens = input_tokens, output_tokens
        widest = input_tokens * INPUT_MARGIN
        self.most_tokens = widest + output_tokens
        """What it may use: reserved."""
        self.most_usd = price.usd(widest, 0, output_tokens) if price else 0.0
        self.free = price is None or not any((price.input_usd, price.cached_usd, price.output_usd))
        self.thread = threading.get_ident()
        self.started = 0.0
        self.usage: Usage | None = None
        """Set by ``done``."""
        self._spending: Spending | None = None
        """While it is under way and not accounted for."""

    def done(
        self, input_tokens: int, cached_tokens: int, output_tokens: int, estimated: bool = False
    ) -> Usage:
        """Account for the call, once. Figures of a provider that cannot be are brought into range.

        Args:
            input_tokens: of the prompt, cached ones included.
            cached_tokens: of those, read from the provider's cache.
            output_tokens: reasoning included.
            estimated: the provider told no usage; the figures come from the texts' lengths.

        Raises:
            HarnessFault: the call was accounted for before, or is not under way; or the disk is full.
        """
        spending, self._spending = self._spending, None
        if spending is None:
            raise HarnessFault(f"a call of {self.model} was accounted for twice, or outside its block")
        given, cached, produced = (
            min(max(0, count), MOST_TOKENS) for count in (input_tokens, cached_tokens, output_tokens)
        )
        cached = min(cached, given)
        self.usage = Usage(
            role=self.role,
            model=self.model,
            input_tokens=given,
            cached_tokens=cached,
            output_tokens=produced,
            usd=self.price.usd(given, cached, produced) if self.price else 0.0,
            wall_seconds=round(time.monotonic() - self.started, 3),
            estimated=estimated,
        )
        spending.charge(self, self.usage)
        return self.usage


class Spending:
    """Counts what calls of language models cost, and keeps the caps. Any thread may call.

    Args:
        prices: what models cost; a model that is not there counts as 0.0 dollars.
        max_usd: most US dollars; None for no cap. Calls of models that cost nothing always pass it.
        max_tokens: most tokens, input and output; None for no cap.
        journal: where ``usage`` events go; None keeps them nowhere.
        past: calls that were made before.
    """

    def __init__(
        self,
        prices: PriceTable,
        max_usd: float | None = None,
        max_tokens: int | None = None,
        journal: Journal | None = None,
        past: Iterable[Usage] = (),
    ) -> None:
        self.prices, self.max_usd, self.max_tokens = prices, max_usd, max_tokens
        self._journal = journal
        past = tuple(past)
        self._total = accounts(past, lambda usage: "all").get("all", Account())
        self._by_role = accounts(past, lambda usage: usage.role)
        self._role_caps: dict[str, Cap] = {}
        self._kept: dict[str, Cap] = {}
        self._turn = threading.Condition()
        self._queue: deque[Call] = deque()
        """Who waits, in order of coming: a large call is not passed by small ones for ever."""
        self._under_way: set[Call] = set()
        self._stretch = 1.0
        """How far a call once went beyond the most it should have used; later ones reserve as much more."""

    @classmethod
    def attach(
        cls,
        journal: Journal,
        prices: PriceTable,
        max_usd: float | None = None,
        max_tokens: int | None = None,
    ) -> Spending:
        """Spending that goes on from the journal's calls and writes its own there."""
        return cls(prices, max_usd, max_tokens, journal, usages(journal))

    def cap_role(self, role: Role, cap: Cap) -> None:
        """Give a role a cap of its own, beside those of all roles together.

        Raises:
            InputError: as ``call``, for a role whose model has no price; when it is first asked.
        """
        self._role_caps[role] = cap

    def keep(self, role: Role, amount: Cap) -> None:
        """Let no other role spend so much of the caps of all: this one will need it at the end."""
        with self._turn:
            self._kept[role] = amount
            self._turn.notify_all()

    def _most(self, role: str) -> Cap:
        """The caps of all, less what is kept for other roles than this."""
        kept = [amount for name, amount in self._kept.items() if name != role]
        return Cap(
            None if self.max_usd is None else self.max_usd - sum(amount.usd or 0.0 for amount in kept),
            None if self.max_tokens is None else self.max_tokens - sum(amount.tokens or 0 for amount in kept),
        )

    # ---- what is spent

    @property
    def usd(self) -> float:
        """US dollars spent, by the price table."""
        return self._total.usd

    @property
    def tokens(self) -> int:
        """Tokens used, input and output."""
        return self._total.tokens

    @property
    def total(self) -> Account:
        """Everything together."""
        return self._total

    @property
    def exhausted(self) -> str:
        """Which cap is used up, in one line; empty while none is.

        A cap of 0 dollars is not used up before something was spent: it means models that
        cost nothing, and refuses all others call by call.
        """
        return self._out_of_tokens() or (self._out_of_money() if self.usd > 0 else "")

    def left(self, role: Role) -> Cap:
        """What a role may still spend by its own cap and by that of all; None where neither limits it."""
        own, spent = self._role_caps.get(role, Cap()), self.spent_by(role)
        usd = [
            most - so_far
            for most, so_far in ((self.max_usd, self.usd), (own.usd, spent.usd))
            if most is not None
        ]
        tokens = [
            most - so_far
            for most, so_far in ((self.max_tokens, self.tokens), (own.tokens, spent.tokens))
            if most is not None
        ]
        return Cap(max(0.0, min(usd)) if usd else None, max(0, min(tokens)) if tokens else None)

    def spent_by(self, role: Role) -> Account:
        """What one role's calls came to."""
        return self._by_role.get(role, Account())

    def _out_of_role(self, call: Call) -> str:
        """Which cap of the caller's role is used up; empty while none is."""
        cap, spent = self._role_caps.get(call.role, Cap()), self.spent_by(call.role)
        if cap.tokens is not None and spent.tokens >= cap.tokens:
            return f"the {call.role}'s cap of {cap.tokens:,} tokens is reached: {spent.tokens:,} used"
        if cap.usd is not None and spent.usd >= cap.usd and not call.free:
            return f"the {call.role}'s cap of {cap.usd:g} US dollars is reached: {spent.usd:.4f} spent"
        return ""

    def _out_of_money(self, role: str = "") -> str:
        most = self._most(role).usd
        if most is None or self.max_usd is None or self.usd < most:
            return ""
        kept = f", {self.max_usd - most:.4f} kept for the end" if most < self.max_usd else ""
        return self._reached(f"{self.max_usd:g} US dollars (max_usd)", f"{self.usd:.4f} spent{kept}")

    def _out_of_tokens(self, role: str = "") -> str:
        most = self._most(role).tokens
        if most is None or self.max_tokens is None or self.tokens < most:
            return ""
        kept = f", {self.max_tokens - most:,} kept for the end" if most < self.max_tokens else ""
        return self._reached(f"{self.max_tokens:,} tokens (max_tokens)", f"{self.tokens:,} used{kept}")

    def _reached(self, cap: str, so_far: str) -> str:
        calls = "1 call" if self._total.calls == 1 else f"{self._total.calls} calls"
        return f"the cap of {cap} is reached: {so_far} in {calls} of language models"

    # ---- one call

    @contextmanager
    def call(self, role: Role, model: str, *, input_tokens: int, max_output_tokens: int) -> Iterator[Call]:
        """Admit one call, and account for it through ``Call.done`` within the block.

        Waits, in order of coming, while the caps leave no room beside the calls under way;
        so it belongs in a thread, not in an event loop. A block that ends by an exception
        without ``done`` is charged nothing, though its provider may have billed it; one
        that just ends without it is charged what was announced.

        Args:
            role: who asks.
            model: ``provider:model``.
            input_tokens: estimate of the prompt; ``INPUT_MARGIN`` times as many are reserved.
            max_output_tokens: the limit that the provider was given.

        Raises:
            CapReached: a cap is used up; the call must not be made.
            InputError: there is a cap on money and the model has no price.
            HarnessFault: the call would wait for one of its own thread.
        """
        if self.max_usd is not None or self._role_caps.get(role, Cap()).usd is not None:
            self.prices.require([model])
        call = Call(role, model, self.prices.of(model), max(0, input_tokens), max(0, max_output_tokens))
        self._admit(call)
        try:
            yield call
            if call.usage is None:
                call.done(call.input_tokens, 0, call.max_output_tokens, estimated=True)
        finally:
            call._spending = None
            with self._turn:
                self._under_way.discard(call)
                self._turn.notify_all()

    def _admit(self, call: Call) -> None:
        """Wait for the call's turn, and count it among those under way."""
        with self._turn:
            self._queue.append(call)
            try:
                while not (self._passes(call) and self._queue[0] is call and self._fits(call)):
                    if any(other.thread == call.thread for other in self._under_way):
                        raise HarnessFault(f"a call of {call.model} waits for another one of its own thread")
                    self._turn.wait()
                self._under_way.add(call)
            finally:
                self._queue.remove(call)
                self._turn.notify_all()
        call.started, call._spending = time.monotonic(), self

    def _passes(self, call: Call) -> bool:
        """True unless a cap is used up. Raises CapReached."""
        money = "" if call.free else self._out_of_money(call.role)
        if reason := self._out_of_tokens(call.role) or money or self._out_of_role(call):
            raise CapReached(reason)
        return True

    def _fits(self, call: Call) -> bool:
        """Whether the most that the call may cost fits beside all others; alone it always does."""
        colleagues = [other for other in self._under_way if other.role == call.role]
        own = self._role_caps.get(call.role, Cap())
        return self._holds(self._most(call.role), self._total, [*self._under_way], call) and (
            self._holds(own, self.spent_by(call.role), colleagues, call)
        )

    def _holds(self, cap: Cap, spent: Account, others: list[Call], call: Call) -> bool:
        if not others:
            return True
        usd = spent.usd + self._stretch * sum(other.most_usd for other in (*others, call))
        tokens = spent.tokens + self._stretch * sum(other.most_tokens for other in (*others, call))
        return (cap.usd is None or call.free or usd <= cap.usd) and (
            cap.tokens is None or tokens <= cap.tokens
        )

    def charge(self, call: Call, usage: Usage) -> None:
        """Count a call and write it down; ``Call.done`` does it."""
        with self._turn:
            # Counted and released together: no other call is admitted on a sum that lacks this one.
            self._under_way.discard(call)
            self._total = self._total.plus(usage)
            self._by_role[usage.role] = self.spent_by(usage.role).plus(usage)
            used = usage.input_tokens + usage.output_tokens
            self._stretch = max(self._stretch, used / max(call.most_tokens, 1.0))
            self._turn.notify_all()
        if self._journal is not None:
            self._journal.append("usage", usage)

"""Teacher: a chat model that recipes ask for data, many prompts at a time.

    teacher = Teacher(models.teacher, spending, run_dir / "teacher")
    teacher.admit(teacher.estimate(prompts, system, 200, temperature=0.7), "solve")
    replies = teacher.ask(prompts, system=system, temperature=0.7)

Every reply is on the disk before the next one is asked for, so a batch that was killed goes
on where it stood. Every call is admitted by the caps and accounted for. A call that fails
is None for its row; a model that fails too often in a row is given up for the batch, and
the next one of the chain answers.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from memory.budget.spending import Spending
from memory.records import Role
from tasks.errors import CapReached, ExperimentFailed, FtDojoError
from tools.chat.models import ModelSpec
from tools.chat.redact import Redactor
from tools.chat.replies import MESSAGE_TOKENS, tokens_of
from tools.synthesis.cache import Reply, ReplyCache, reply_key
from tools.synthesis.model import TeacherModel


@dataclass(frozen=True)
class TeacherEstimate:
    """What a batch will come to, at most or nearly so; known before anything is sent."""

    calls: int
    """Still to be made."""
    cached_calls: int
    """Replies that are on the disk already."""
    input_tokens: int
    """Of the calls still to be made, as all below."""
    output_tokens: int
    usd: float | None
    """US dollars; None when the model has no price."""

    def plus(self, other: TeacherEstimate) -> TeacherEstimate:
        """Both batches together."""
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return TeacherEstimate(
            self.calls + other.calls,
            self.cached_calls + other.cached_calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
        )

    def times(self, factor: float) -> TeacherEstimate:
        """A batch so many times as large."""
        return TeacherEstimate(
            round(self.calls * factor),
            round(self.cached_calls * factor),
            round(self.input_tokens * factor),
            round(self.output_tokens * factor),
            None if self.usd is None else self.usd * factor,
        )


@dataclass(frozen=True)
class Asked:
    """What came of a batch."""

    replies: tuple[Reply | None, ...]
    """One per prompt, in order; None where there is none of use."""
    cached: int
    """Prompts that were answered from the disk, useless replies included."""
    problem: str
    """The first failure, in one line without secrets; empty when there was none."""
    capped: str = ""
    """The cap that ended the batch before its end, in one line; empty when none did."""

    @property
    def failed(self) -> int:
        """Prompts without a reply of use."""
        return self.replies.count(None)


class Teacher:
    """Asks language models for data.

    Args:
        specs: the model, then its fallbacks; at least one.
        spending: the caps and the account; calls are the role ``teacher``'s.
        cache_dir: where replies are kept; made when the first one comes.
        concurrency: calls under way at a time.
        role: whose calls they are, in the account: ``teacher``, or ``judge``.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        spending: Spending,
        cache_dir: Path,
        concurrency: int = 4,
        role: Role = "teacher",
    ) -> None:
        self.specs, self.spending, self.concurrency = tuple(specs), spending, max(1, concurrency)
        self.role: Role = role
        self._cache = ReplyCache(cache_dir)
        keys = (spec.api_key.get_secret_value() for spec in self.specs if spec.api_key)
        self._redactor = Redactor(keys)

    @property
    def name(self) -> str:
        """``provider:model`` of the model that is asked first."""
        return self.specs[0].name

    def digest(self) -> str:
        """All that the replies' authorship depends on: the names of the chain."""
        return " ".join(spec.name for spec in self.specs)

    # ---- asking

    def ask(
        self, prompts: Sequence[str], *, system: str, temperature: float, sample: int = 0
    ) -> list[str | None]:
        """The texts of ``ask_all``."""
        asked = self.ask_all(prompts, system=system, temperature=temperature, sample=sample)
        return [reply and reply.text for reply in asked.replies]

    def ask_all(
        self,
        prompts: Sequence[str],
        *,
        system: str,
        temperature: float,
        sample: int = 0,
        up_to_cap: bool = False,
    ) -> Asked:
        """Ask every prompt that has no reply on the disk yet; equal prompts once.

        Args:
            prompts: the user's turns.
            system: the system's turn, the same for all.
            temperature: 0.0 to 2.0; left out for a model that takes none.
            sample: tells several replies to one prompt apart.
            up_to_cap: a cap that is reached leaves the rest without a reply, and ``capped`` says so.

        Raises:
            ExperimentFailed: ``cap_reached``, unless ``up_to_cap``; the replies until then are kept.
            InputError: the model cannot be used here, or has no price though there is a cap on money.
            HarnessFault: replies or usage cannot be written.
        """
        known = {
            prompt: self._known(prompt, system, temperature, sample) for prompt in dict.fromkeys(prompts)
        }
        waiting = [prompt for prompt, reply in known.items() if reply is None]
        cached = sum(known[prompt] is not None for prompt in prompts)
        problem = next((reply.problem for reply in known.values() if reply and reply.problem), "")
        capped = ""
        if waiting:
            batch = _Batch(self, system, temperature, sample, up_to_cap)
            known |= dict(zip(waiting, batch.run(waiting), strict=True))
            problem, capped = batch.problem or problem, batch.capped
        replies = [known[prompt] for prompt in prompts]
        return Asked(
            tuple(reply if reply and not reply.problem else None for reply in replies),
            cached,
            problem,
            capped,
        )

    def _known(self, prompt: str, system: str, temperature: float, sample: int) -> Reply | None:
        """What the first model of the chain that ever replied to this said; None asks anew."""
        for spec in self.specs:
            reply = self._cache.get(reply_key(spec.name, system, prompt, temperature, sample))
            if reply is not None and not 0 < reply.cut_at < spec.max_output_tokens:
                return reply
        return None

    # ---- what it will cost

    def estimate(
        self,
        prompts: Sequence[str],
        system: str,
        max_output_tokens: int,
        samples: int = 1,
        *,
        temperature: float = 0.0,
    ) -> TeacherEstimate:
        """What asking would come to; nothing is sent.

        Args:
            prompts: the user's turns.
            system: the system's turn.
            max_output_tokens: of a reply, as far as the caller can tell.
            samples: replies per prompt, numbered from 0.
            temperature: as it will be asked with.
        """
        calls = cached = tokens = 0
        own = tokens_of(system) + 2 * MESSAGE_TOKENS
        for prompt in dict.fromkeys(prompts):
            there = sum(
                self._known(prompt, system, temperature, sample) is not None for sample in range(samples)
            )
            cached += there
            calls += samples - there
            tokens += (samples - there) * (own + tokens_of(prompt))
        produced = calls * min(max_output_tokens, self.specs[0].max_output_tokens)
        price = self.spending.prices.of(self.name)
        usd = price.usd(tokens, 0, produced) if price else None
        return TeacherEstimate(calls, cached, tokens, produced, usd)

    def admit(self, estimate: TeacherEstimate, what: str) -> None:
        """Refuse a batch that the caps leave no room for, before its first call.

        Args:
            estimate: of the batch.
            what: the operation, for the message.

        Raises:
            ExperimentFailed: ``cap_reached``, with the figures.
        """
        if not estimate.calls:
            return
        spending = self.spending
        left = []
        if spending.max_tokens is not None:
            tokens = spending.max_tokens - spending.tokens
            if estimate.input_tokens + estimate.output_tokens > tokens:
                left.append(f"{max(0, tokens):,} tokens")
        if spending.max_usd is not None and estimate.usd:
            usd = spending.max_usd - spending.usd
            if estimate.usd > usd:
                left.append(f"{max(0.0, usd):.4f} US dollars")
        if not left:
            return
        dollars = "" if estimate.usd is None else f", about {estimate.usd:.4f} US dollars"
        there = f" ({estimate.cached_calls:,} replies are there already)" if estimate.cached_calls else ""
        raise ExperimentFailed(
            "data",
            "cap_reached",
            f"{what} would ask {self.name} {estimate.calls:,} times{there}: about "
            f"{estimate.input_tokens:,} tokens in and {estimate.output_tokens:,} out{dollars}; "
            f"the cap leaves {' and '.join(left)}: ask about fewer rows",
        )


class _Batch:
    """Prompts under way, with one system's turn, temperature and sample."""

    def __init__(
        self, teacher: Teacher, system: str, temperature: float, sample: int, up_to_cap: bool
    ) -> None:
        self._teacher, self._ask, self._up_to_cap = teacher, (system, temperature, sample), up_to_cap
        self._models = [
            TeacherModel(spec, teacher.spending, teacher._redactor, temperature, teacher.role)
            for spec in teacher.specs
        ]
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._ended: FtDojoError | None = None
        self.problem = self.capped = ""

    def run(self, prompts: Sequence[str]) -> list[Reply | None]:
        """A reply per prompt, None where every model failed."""
        workers = min(self._teacher.concurrency, len(prompts))
        with ThreadPoolExecutor(workers, thread_name_prefix="teacher") as pool:
            try:
                replies = list(pool.map(self._one, prompts))
            finally:  # an interrupt too: what waits is not asked any more
                self._stop.set()
        if isinstance(self._ended, CapReached) and self._up_to_cap:
            self.capped = str(self._ended)
            return replies
        if isinstance(self._ended, CapReached):
            kept = sum(reply is not None for reply in replies)
            message = f"{self._ended}; {kept:,} of {len(prompts):,} new replies of the teacher are kept"
            raise ExperimentFailed("data", "cap_reached", message) from self._ended
        if self._ended is not None:
            raise self._ended
        return replies

    def _one(self, prompt: str) -> Reply | None:
        try:
            return self._first_reply(prompt)
        except FtDojoError as error:
            with self._turn:
                self._ended = self._ended or error
            self._stop.set()
            return None

    def _first_reply(self, prompt: str) -> Reply | None:
        """The reply of the first model that gives one. Raises what ends the batch."""
        system, temperature, sample = self._ask
        for model in self._models:
            if self._stop.is_set():
                return None
            if model.given_up:
                continue
            reply = model.reply(system, prompt)
            if isinstance(reply, Reply):
                key = reply_key(reply.model, system, prompt, temperature, sample)
                self._teacher._cache.put(key, reply)
                self._note(reply.problem)
                return reply
            self._note(reply)
        return None

    def _note(self, problem: str) -> None:
        with self._turn:
            self.problem = self.problem or problem

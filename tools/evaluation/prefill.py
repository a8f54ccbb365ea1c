"""Prefill: prompts read into one cache of keys and values, each shared beginning once, hardly any padding.

Prompts of a task begin alike (a system turn, instructions, worked examples). A beginning that several
share is read once and its keys and values are handed to each of their rows; what is left is read in
parts of like length. The rows then stand beside each other, padded on the left:

    [padding] [beginning] [padding] [rest]

Positions count real tokens alone and padding is masked, so that the tokens that follow are those of
prompts read one by one. This holds for models that take positions and keep every key (``plain``); others
(sliding windows, recurrent layers, ALiBi) get their prompts whole, padded on the left.
"""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SAME_START = 16
"""Tokens by which prompts are sorted into beginnings."""
LEAST_SAVED = 0.1
"""Share of the prompts' tokens that must be spared: a shared beginning costs a forward pass of its own."""
PART_TOKENS = {"cpu": 2048, "mps": 4096}
"""Tokens read at once, padding included. More of them are no faster on a CPU and need more memory."""
PART_TOKENS_ELSEWHERE = 16384
SHORTEST_SHARE = 0.8
"""Of the longest in its part: what a shorter one would waste on padding is worth another pass."""
LEAST_PART = 256
"""Tokens of a part that is worth a pass of its own."""
ROOM_TOKENS = 64
"""Columns by which the buffer of a cache grows."""


@dataclass
class Batch:
    """Rows that have been read and can be answered."""

    cache: Any
    mask: Any
    """Rows x columns of the cache: 1 where a real token stands."""
    position: Any
    """Rows x 1: of the last token read."""
    token: Any
    """Rows: the most probable next token."""

    def keep(self, kept: Any) -> None:
        """Drop all rows but these."""
        self.cache.batch_select_indices(kept)
        self.mask, self.position, self.token = self.mask[kept], self.position[kept], self.token[kept]

    def step(self, model: Any) -> None:
        """Read each row's next token, and find the one after it."""
        import torch

        self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.mask), 1)], dim=1)
        self.position = self.position + 1
        self.token = _forward(model, self.token[:, None], self.mask, self.position, self.cache)


def read_prompts(model: Any, prompts: Sequence[list[int]], padding: int, share: bool = True) -> Batch:
    """The prompts as a batch, in their order.

    Args:
        model: in evaluation mode.
        prompts: token ids, none empty.
        padding: a token id; it is masked.
        share: False reads them as they are, in one piece.
    """
    from transformers import DynamicCache

    empty = DynamicCache(config=model.config)
    if not share or not plain(model, empty):
        mask, position, token = _read(model, prompts, [0] * len(prompts), empty, None, padding)
        return Batch(empty, mask, position, token)
    starts, start_of = shared_starts(prompts)
    start_cache, start_mask = (None, None) if not starts else _read_starts(model, starts, padding)
    cut = [len(starts[start_of[row]]) if starts else 0 for row in range(len(prompts))]
    rests = [ids[cut[row] :] for row, ids in enumerate(prompts)]
    parts = parts_of([len(rest) for rest in rests], part_tokens(model))
    read = []
    for part in parts:
        chosen = [start_of[row] for row in part] if starts else None
        cache, mask = _rows_of(start_cache, start_mask, chosen, model)
        found = _read(model, [rests[row] for row in part], [cut[row] for row in part], cache, mask, padding)
        read.append(Batch(cache, *found))
    return _joined(read, parts, len(prompts))


def shared_starts(prompts: Sequence[list[int]]) -> tuple[list[list[int]], list[int]]:
    """Beginnings to be read once, and which of them each prompt has; none where that would spare too little.

    A beginning leaves each of its prompts one token at least, and is one token long where a prompt shares
    nothing.
    """
    by_start: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, ids in enumerate(prompts):
        by_start[tuple(ids[:SAME_START])].append(row)
    alone = [row for rows in by_start.values() if len(rows) == 1 for row in rows]
    groups = [rows for rows in by_start.values() if len(rows) > 1]
    groups += [
        [row for row in alone if prompts[row][0] == first]
        for first in dict.fromkeys(prompts[r][0] for r in alone)
    ]
    starts: list[list[int]] = []
    start_of = [0] * len(prompts)
    for rows in groups:
        members = [prompts[row] for row in rows]
        least = min(map(len, members)) - 1
        start = _common(members)[: least if len(rows) > 1 else 1]
        if not start or least < 1:
            return [], []
        for row in rows:
            start_of[row] = len(starts)
        starts.append(start)
    spared = sum(len(starts[start]) for start in start_of) - sum(map(len, starts))
    return (starts, start_of) if spared >= LEAST_SAVED * sum(map(len, prompts)) else ([], [])


def _common(rows: Sequence[list[int]]) -> list[int]:
    """The tokens with which all begin: those of the first and the last in order."""
    first, last = min(rows), max(rows)
    return first[
        : next((n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    ]


def parts_of(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Rows to be read together: of like length, longest first, at most so many tokens with their padding."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row], reverse=True)
    parts: list[list[int]] = []
    for row in order:
        widest = lengths[parts[-1][0]] if parts else 0
        held = widest * len(parts[-1]) if parts else 0
        alike = lengths[row] >= SHORTEST_SHARE * widest or held < LEAST_PART
        if parts and alike and held + widest <= most_tokens:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def part_tokens(model: Any) -> int:
    """Tokens that are read at once on the model's device."""
    return PART_TOKENS.get(model.device.type, PART_TOKENS_ELSEWHERE)


def plain(model: Any, cache: Any) -> bool:
    """Whether it takes positions and its layers keep every key: only then may padding stand in between."""
    from transformers.cache_utils import DynamicLayer

    return takes_positions(model) and all(type(layer) is DynamicLayer for layer in cache.layers)


def takes_positions(model: Any) -> bool:
    """ALiBi models (BLOOM, MPT) count positions from the mask and take none."""
    return "position_ids" in inspect.signature(model.forward).parameters


def _forward(model: Any, ids: Any, mask: Any, position: Any, cache: Any) -> Any:
    """The most probable next token of each row."""
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        **({"position_ids": position} if takes_positions(model) else {}),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits
    return logits[:, -1].argmax(dim=-1)


def _read(
    model: Any, rows: Sequence[list[int]], before: Sequence[int], cache: Any, mask: Any, padding: int
) -> tuple[Any, Any, Any]:
    """Mask, last position and next token of rows read behind what the cache holds.

    Args:
        before: real tokens of each row that are in the cache.
        mask: of the cache; None while it is empty.
    """
    import torch

    width, where = max(map(len, rows)), model.device
    ids = torch.tensor([[padding] * (width - len(row)) + row for row in rows], device=where)
    new = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=where)
    behind = torch.tensor(before, device=where)[:, None]
    position = (behind + new.cumsum(dim=1) - 1).clamp(min=0)
    whole = new if mask is None else torch.cat([mask, new], dim=1)
    token = _forward(model, ids, whole, position, cache)
    return whole, position[:, -1:], token


def _read_starts(model: Any, starts: Sequence[list[int]], padding: int) -> tuple[Any, Any]:
    """The cache of the beginnings and its mask, a row each."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    mask, _, _ = _read(model, starts, [0] * len(starts), cache, None, padding)
    return cache, mask


def _rows_of(cache: Any, mask: Any, chosen: list[int] | None, model: Any) -> tuple[Any, Any]:
    """A cache with the chosen rows of another; an empty one where none are chosen."""
    import torch
    from transformers import DynamicCache

    made = DynamicCache(config=model.config)
    if chosen is None:
        return made, None
    rows = torch.tensor(chosen, device=model.device)
    for layer, given in zip(made.layers, cache.layers, strict=True):
        layer.update(given.keys[rows], given.values[rows])
    return made, mask[rows]


def _joined(read: list[Batch], parts: list[list[int]], rows: int) -> Batch:
    """The parts as one batch in the order of the prompts, padded on the left to one width."""
    import torch

    width, where = max(batch.mask.shape[1] for batch in read), read[0].mask.device
    places = [torch.tensor(part, device=where) for part in parts]

    def beside(values: list[Any], column: int, room: int = 0) -> Any:
        """Values of all parts in the order of the prompts; columns are dimension ``column``."""
        shape = [rows, *values[0].shape[1:]]
        shape[column] = width + room
        whole = values[0].new_zeros(shape)
        for place, value in zip(places, values, strict=True):
            filled = whole.narrow(column, width - value.shape[column], value.shape[column])
            filled[place] = value
        return whole

    def in_order(values: list[Any]) -> Any:
        whole = values[0].new_zeros((rows, *values[0].shape[1:]))
        for place, value in zip(places, values, strict=True):
            whole[place] = value
        return whole

    cache = read[0].cache
    made = []
    for layers in zip(*(batch.cache.layers for batch in read), strict=True):
        layer = growing_layer()()
        keys, values = ([getattr(each, name) for each in layers] for name in ("keys", "values"))
        layer.take(beside(keys, 2, ROOM_TOKENS), beside(values, 2, ROOM_TOKENS), width)
        made.append(layer)
        for each in layers:
            each.reset()  # its memory is free before the next layer is joined
    cache.layers = made
    return Batch(
        cache,
        beside([batch.mask for batch in read], 1),
        in_order([batch.position for batch in read]),
        in_order([batch.token for batch in read]),
    )


@functools.cache
def growing_layer() -> Any:
    """The class of a cache layer with room ahead: a step writes one column, and does not copy all others."""
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc]
        """Keys and values at the left of buffers, rows x heads x columns x width."""

        def take(self, keys: Any, values: Any, columns: int) -> None:
            """Hold these buffers, of which so many columns are filled."""
            self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
            self.buffers = [keys, values]
            self._show(columns)

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            """Append; returns all keys and values."""
            columns, added = self.keys.shape[2], key_states.shape[2]
            if columns + added > self.buffers[0].shape[2]:
                self.buffers = [_with_room(held, added) for held in (self.keys, self.values)]
            for buffer, new in zip(self.buffers, (key_states, value_states), strict=True):
                buffer[:, :, columns : columns + added] = new
            self._show(columns + added)
            return self.keys, self.values

        def batch_select_indices(self, indices: Any) -> None:
            """Keep these rows."""
            columns = self.keys.shape[2]
            self.buffers = [buffer[indices] for buffer in self.buffers]
            self._show(columns)

        def _show(self, columns: int) -> None:
            self.keys, self.values = (buffer[:, :, :columns] for buffer in self.buffers)

    return GrowingLayer


def _with_room(held: Any, added: int) -> Any:
    rows, heads, columns, width = held.shape
    buffer = held.new_zeros((rows, heads, columns + added + ROOM_TOKENS, width))
    buffer[:, :, :columns] = held
    return buffer

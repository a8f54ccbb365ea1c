"""Logits of answers: what a model says at the positions that carry loss, by padded rows or by a prefix tree.

torch is imported at the top: it is a part of the recipe, which runs in a child process.
"""

from __future__ import annotations

from typing import Any

import torch

from memory.records import TrainingPlan
from tasks.errors import ExperimentFailed, boundary
from tools.recipes.arguments import Place
from tools.training.flops import body_size
from tools.training.prefix_tree import PrefixTree, pays, prefix_tree

TREE_DEVICES = ("cpu", "mps")
"""Where rows are padded. CUDA has batches without padding and compiled layers, to which a tree's mask is
foreign; there it was not measured."""
TREE_ATTENTION = ("sdpa", "eager")
"""Ways to attend that take any mask."""
WINDOWS = ("sliding_window", "attention_chunk_size")
"""Of a config: how far back some layers look. A mask given from outside knows no window."""
TRIED_ROWS = 2
MOST_APART = 0.05
"""Nats a token between both ways, on average. A judgement: the sums of one batch in bfloat16 differed by
0.006 a token (SmolLM2-135M), and a tiny model with wrong positions by more than this."""


class TreeForward:
    """Batches as prefix trees, for a model with which that gives the same.

    Tried on two rows first, both ways: an architecture may make positions or a mask of its own.

    Args:
        model: to be trained.
        remarks: takes in a line where the two ways differ.
    """

    def __init__(self, model: Any, remarks: list[str]) -> None:
        self.size, self.remarks = body_size(model), remarks
        config = model.config.get_text_config()
        self.attention = str(getattr(config, "_attn_implementation", ""))
        self.window = min((getattr(config, name, None) or 1 << 30) for name in WINDOWS)
        self.agrees: bool | None = None
        """None before it was tried."""
        self.computed, self.padded = 0, 0
        """Positions, and those that padded rows would have had."""

    def tree_of(self, model: Any, inputs: Any) -> PrefixTree | None:
        """The tree of a padded batch; None where it does not pay, or is another thing to the model."""
        rows, longest = inputs["input_ids"].shape
        if self.agrees is False or self.attention not in TREE_ATTENTION or longest > self.window:
            return None
        tree = _tree(inputs)
        wanted = pays(tree, rows, longest, self.size)
        if wanted and self.agrees is None:
            self.agrees = self._try(model, inputs)
        taken = wanted and bool(self.agrees)
        self.padded += rows * longest
        self.computed += len(tree) if taken else rows * longest
        return tree if taken else None

    def logits(self, model: Any, tree: PrefixTree, device: Any) -> tuple[Any, Any]:
        """Logits (tokens, vocabulary) and labels (tokens), as ``answer_logits`` gives them."""
        asked, place = torch.unique(torch.tensor(tree.asked, device=device), return_inverse=True)
        logits = model(
            input_ids=torch.tensor([tree.tokens], device=device),
            position_ids=torch.tensor([tree.depths], device=device),
            attention_mask=self._mask(tree).to(device),
            logits_to_keep=asked,
            use_cache=False,
        ).logits[0]
        return logits[place], torch.tensor(tree.labels, device=device)

    def _mask(self, tree: PrefixTree) -> Any:
        """Who attends to whom (1, 1, tokens, tokens): each to itself and its ancestors."""
        seen = torch.zeros(len(tree), len(tree), dtype=torch.bool)
        for start, end, parent in tree.chains:
            if parent >= 0:
                seen[start:end] = seen[parent]
            seen[start:end, start:end].logical_or_(torch.ones(end - start, end - start).tril().bool())
        if self.attention == "eager":  # which adds its mask
            return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]
        return seen[None, None]

    def _try(self, model: Any, inputs: Any) -> bool:
        """Whether both ways say the same of the first rows."""
        few = {name: tensor[:TRIED_ROWS] for name, tensor in inputs.items()}
        training, why = model.training, ""
        model.eval()
        try:
            with boundary("train", "a prefix tree"), torch.no_grad():
                apart = self._apart(model, few)
            if apart > MOST_APART:
                why = f"{apart:.2g} nats a token apart"
        except ExperimentFailed as failed:
            why = failed.message
        finally:
            model.train(training)
        if why:
            self.remarks.append(f"prefix trees: none, the model takes them for something else ({why})")
        return not why

    def _apart(self, model: Any, inputs: Any) -> float:
        """Nats a token between both ways, on average."""
        padded, labels, _ = padded_logits(model, inputs)
        treed, same = self.logits(model, _tree(inputs), padded.device)
        losses = [
            torch.nn.functional.cross_entropy(each.float(), wanted, reduction="none")
            for each, wanted in ((padded, labels), (treed, same))
        ]
        return float((losses[0] - losses[1]).abs().mean())

    def remark(self) -> list[str]:
        """A line on what was saved, where there was something to save."""
        if self.computed == self.padded:
            return []
        share = self.computed / self.padded
        return [f"prefix trees: {share:.0%} of the padded positions computed, common beginnings once"]


def tree_forward(model: Any, plan: TrainingPlan, place: Place, remarks: list[str]) -> TreeForward | None:
    """For trainings on one device that pad their rows; NEFTune's noise is another in each row."""
    pads = place.device in TREE_DEVICES and not place.kernels.padding_free
    suits = pads and place.processes == 1 and plan.neftune_noise_alpha is None
    return TreeForward(model, remarks) if suits else None


def answer_logits(model: Any, inputs: Any, trees: TreeForward | None = None) -> tuple[Any, Any, Any]:
    """What a model says at the positions that carry loss.

    Args:
        model: in training or not.
        inputs: of a batch; ``labels`` are -100 where there is no loss.
        trees: computes a padded batch as a prefix tree where that pays.

    Returns:
        Logits (tokens, vocabulary) and labels (tokens) of those positions, row by row, and where they
        stand: a mask (rows, positions).
    """
    if trees is not None and (tree := trees.tree_of(model, inputs)) is not None:
        wanted = inputs["labels"][:, 1:] != -100
        return *trees.logits(model, tree, inputs["input_ids"].device), wanted
    return padded_logits(model, inputs)


def padded_logits(model: Any, inputs: Any) -> tuple[Any, Any, Any]:
    """As ``answer_logits``, of the batch as it is."""
    inputs = dict(inputs)
    labels = inputs.pop("labels")[:, 1:]
    wanted = labels != -100
    keep = wanted.any(dim=0).nonzero().flatten()
    # A mask, or without padding the places and bounds of the rows in one long row.
    logits = model(**inputs, logits_to_keep=keep, use_cache=False).logits
    wanted = wanted[:, keep]
    return logits[wanted], labels[:, keep][wanted], wanted


def _tree(inputs: Any) -> PrefixTree:
    there = inputs["attention_mask"].bool()
    pairs = [
        (ids[mask].tolist(), labels[mask].tolist())
        for ids, labels, mask in zip(inputs["input_ids"], inputs["labels"], there, strict=True)
    ]
    return prefix_tree([ids for ids, _ in pairs], [labels for _, labels in pairs])

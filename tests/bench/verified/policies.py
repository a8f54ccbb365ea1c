"""Policies that make a run train what a case of the bench is about; all else is the playbook's."""

from __future__ import annotations

from typing import Any, ClassVar


class Lora:
    """Every training a LoRA."""

    more: ClassVar[dict[str, Any]] = {}

    def draft_training(self, dojo: Any, plan: Any, card: Any) -> dict[str, Any]:
        """The method, at rates that this small model takes."""
        return {"method": "lora", "learning_rate": 2e-3, "lora_r": 8, "num_train_epochs": 2.0} | self.more


class Dora(Lora):
    """Every training a DoRA."""

    more: ClassVar[dict[str, Any]] = {"use_dora": True}


class Averaged(Lora):
    """Full trainings that watch held-out rows, stop early and average their weights."""

    more: ClassVar[dict[str, Any]] = {"method": "full", "early_stopping": True, "average_weights": True}


class OnAndOn:
    """Each experiment goes on from the weights of the one before, whatever they scored."""

    method = "full"

    def plan(self, dojo: Any, experiment: str) -> dict[str, Any]:
        """The same sources again, from the last experiment's weights."""
        done = dojo.journal.experiments()
        last = done[-1].id if done else None
        sources = sorted(dojo.pool, key=lambda name: len(dojo.pool[name].rows))[-1:]
        facts = {"sources": sources, "hypothesis": f"more of {sources[0]} helps", "rows": 200}
        return facts | ({"parent": last, "init_from": last, "change": "duration"} if last else {})

    def draft_training(self, dojo: Any, plan: Any, card: Any) -> dict[str, Any]:
        """A short training."""
        return {"method": self.method, "learning_rate": 5e-4, "num_train_epochs": 1.0}


class OnAndOnWithLora(OnAndOn):
    """The same with LoRA."""

    method = "lora"

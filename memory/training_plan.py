"""The training plan: method, hyper-parameters, and how memory is saved."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from memory.recipe import Record

PolicyName = str
"""``playbook``, ``llm``, or another name of ``graph.policy_names``; ``agent`` for one that plays through the
verbs."""
Schedule = Literal["linear", "cosine", "constant_with_warmup", "warmup_stable_decay"]


class TrainingPlan(Record):
    """Method and hyper-parameters, named as in ``transformers.TrainingArguments`` and ``peft.LoraConfig``."""

    RENAMED: ClassVar[dict[str, str]] = {"knobs_from": "hyperparameters_from"}

    method: Literal["lora", "full"] = "full"
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0)
    num_train_epochs: float = Field(1.0, gt=0.0)
    max_steps: int = -1
    """Overrides the epochs when positive, as in ``TrainingArguments``."""
    per_device_train_batch_size: int = Field(32, gt=0)
    """Rows in memory at a time."""
    gradient_accumulation_steps: int = Field(1, gt=0)
    """Batches whose gradients make one optimiser step."""
    gradient_checkpointing: bool | None = None
    """Compute activations again in the backward pass; None: for a model above 300 M parameters."""
    load_in_4bit: bool = False
    """Frozen weights in 4 bits under LoRA (QLoRA, arXiv:2305.14314); needs bitsandbytes and CUDA."""
    optim: Literal["adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch_fused"
    """The 8-bit optimisers need bitsandbytes."""
    fsdp: bool = False
    """Share weights, gradients and moments out among the GPUs (FSDP2, arXiv:2304.11277), where one cannot
    hold them all; what is trained is the same."""
    warmup_steps: int = Field(10, ge=0)
    weight_decay: float = Field(0.0, ge=0.0)
    lr_scheduler_type: Schedule = "cosine"
    lora_r: int = Field(16, gt=0)
    lora_alpha: int = Field(32, gt=0)
    lora_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    use_rslora: bool = False
    """Scale by ``alpha / sqrt(r)`` (arXiv:2312.03732)."""
    use_dora: bool = False
    """Train each weight's magnitude beside its direction (arXiv:2402.09353)."""
    neftune_noise_alpha: float | None = Field(None, gt=0.0)
    """Noise on the embeddings (arXiv:2310.05914); None for none."""
    early_stopping: bool = False
    """Stop when the loss on held-out training rows rises, and keep the best weights."""
    average_weights: bool = False
    """Average the last weights, and keep the average where its held-out loss is lower."""
    range_test: bool = False
    """Before a long training, ramp the rate for some steps: where the loss rises is the most it may be."""
    max_length: int = Field(512, gt=0)
    """Tokens; longer rows are dropped, never cut."""
    seed: int = 0
    init_from: str = "base"
    timeout_seconds: float = Field(3600.0, gt=0.0)
    hyperparameters_from: str = ""
    """Where learning rate and batch size came from: ``default``, ``lesson ID``, ``tpe after N trials``."""
    override_reason: str = ""
    """Why a model set aside the optimiser's hyperparameters; empty when it did not."""
    decided_by: PolicyName = "playbook"

    @property
    def effective_batch_size(self) -> int:
        """Rows in one optimiser step."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    @property
    def uses_held_out(self) -> bool:
        """Whether some of the rows are kept back to judge the training by."""
        return self.early_stopping or self.average_weights

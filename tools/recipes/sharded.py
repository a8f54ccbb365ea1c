"""Sharded training: each process holds a part of every weight, its gradient and its moments (FSDP2).

transformers shards while it loads (``DistributedConfig``), so that no process holds the whole model, neither
on its device nor in its memory; layers are gathered when they are needed (arXiv:2304.11277). Adapters are
small and stay whole in each process. Accelerate's FSDP plugin (``fsdp`` of ``TrainingArguments``) shards what
each process has loaded whole, and on CPUs accelerate 1.15 drops it without a word and trains by DDP: a test
without GPUs would compare DDP with itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers import AutoModelForCausalLM
from transformers.distributed import DistributedConfig

from tools.models.adapter import is_adapter
from tools.models.load import load_model
from tools.models.precision import Dtype
from tools.training import ranks


def sharded_model(model_dir: Path, dtype: Dtype, half: bool, scratch: Path) -> Any:
    """This process's part of the model, which all processes load together.

    Args:
        model_dir: a model; or an adapter, which the first process merges into its base in ``scratch``.
        dtype: of the weights.
        half: gather weights in bfloat16, in which products are then made.
        scratch: a folder that is gone again afterwards.
    """
    merged = is_adapter(model_dir)
    if merged and ranks.is_first():
        load_model(model_dir, dtype).save_pretrained(str(scratch))
    ranks.wait()
    shares = DistributedConfig(fsdp_size=ranks.world_size(), fsdp_mixed_precision=half and dtype == "float32")
    model = AutoModelForCausalLM.from_pretrained(
        str(scratch if merged else model_dir),
        dtype=dtype,
        distributed_config=shares,
        local_files_only=True,
        trust_remote_code=False,
        weights_only=True,
    )
    ranks.wait()
    if ranks.is_first():
        shutil.rmtree(scratch, ignore_errors=True)
    return model


def gather_into(whole: Any, sharded: Any) -> None:
    """Puts what was trained in parts into a whole model in the first process's memory; all take part.

    Args:
        whole: of the same structure, as training began from it; None in all processes but the first.
        sharded: the trained model.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    trained = get_model_state_dict(sharded, options=options)
    if whole is not None:
        strange = whole.load_state_dict(trained, strict=False).unexpected_keys
        assert not strange, strange

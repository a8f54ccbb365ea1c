"""Continuous batching of ``transformers``: on CUDA, a paged cache and no row that waits for another.

Written against ``generate_batch`` of transformers 5 (``ContinuousMixin``). It also runs on a CPU, where a
test holds its tokens beside those of our loop, which is the faster there. The size of its cache, too, was
tried on a CPU alone. It reads no stop strings:
answers are cut afterwards. What it cannot do for a model, our loop does, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tools.evaluation.greedy import affordable_tokens, end_tokens, generate_greedy, until

LEAST_PROMPTS = 8
"""Under which setting up a paged cache costs more than it saves."""


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
    stops: Sequence[str] = (),
    batch_rows: int = 0,
) -> list[list[int]]:
    """Token ids of greedy answers by whichever way suits the device; see ``generate_greedy``.

    Batches of a given size are our own loop's: the other's cache takes its share of the memory in any case.
    """
    if model.device.type == "cuda" and len(prompts) >= LEAST_PROMPTS and not batch_rows:
        found = continuous_batches(model, tokenizer, prompts, max_new_tokens)
        if found is not None:
            return found
        logging.getLogger(__name__).warning("no continuous batching for this model: our own loop answers")
    return generate_greedy(model, tokenizer, prompts, max_new_tokens, batch_rows, stops)


def continuous_batches(
    model: Any, tokenizer: Any, prompts: Sequence[list[int]], max_new_tokens: int, warm_up: bool = True
) -> list[list[int]] | None:
    """The same, by continuous batching; None where the model's architecture or this version cannot.

    Args:
        model: left with the attention that it came with.
        tokenizer: the model's.
        prompts: token ids.
        max_new_tokens: of each answer.
        warm_up: capture CUDA graphs first.
    """
    from transformers import ContinuousBatchingConfig, GenerationConfig

    if not hasattr(model, "generate_batch"):
        return None
    ends = end_tokens(model, tokenizer)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id or 0,
    )
    cache = ContinuousBatchingConfig()
    pages = sum(-(-(len(prompt) + max_new_tokens) // cache.page_size) for prompt in prompts)
    if pages * cache.page_size <= affordable_tokens(model):
        cache.num_blocks = pages  # else nine tenths of the free memory, whatever is asked
    attention = model.config._attn_implementation
    try:
        done = model.generate_batch(
            list(prompts), generation_config=config, continuous_batching_config=cache, warmup=warm_up
        )
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        logging.getLogger(__name__).warning("continuous batching: %s", error)
        return None
    finally:
        if model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)
    # It logs failures of single requests and returns the others; a part of the answers is none.
    if len(done) != len(prompts) or any(output.error for output in done.values()):
        return None
    return [until(list(output.generated_tokens), ends)[:max_new_tokens] for output in done.values()]

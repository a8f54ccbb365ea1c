"""The same work by hand: stacks that a benchmark holds an experiment of ours against, one a process.

    python -m tools.bench.by_hand bare MODEL_DIR FOLDER THREADS

FOLDER holds ``rows.jsonl`` and ``questions.json``; the answers and the CPU seconds of answering go to
``STACK.answers.json`` in it.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

BATCH, EPOCHS, NEW_TOKENS = 32, 1, 32
LEARNING_RATE, RANK = 1e-3, 16


class Answers(NamedTuple):
    """What a stack wrote, and what writing it took."""

    texts: list[str]
    cpu_seconds: float


def bare(model_dir: str, folder: Path) -> Answers:
    """A plain loop: pad to the batch, loss on the answers, AdamW, merge, batched generate."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, get_cosine_schedule_with_warmup

    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(model_dir, dtype="float32", trust_remote_code=False)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").open()]
    ask = [_prompt(tokenizer, row["prompt"]) for row in rows]
    prompts = tokenizer(ask, add_special_tokens=False)["input_ids"]
    ends = [row["answer"] + tokenizer.eos_token for row in rows]
    answers = tokenizer(ends, add_special_tokens=False)["input_ids"]
    steps = EPOCHS * -(-len(rows) // BATCH)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=LEARNING_RATE)
    schedule = get_cosine_schedule_with_warmup(optimizer, 10, steps)
    model.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(rows)).tolist()
        for start in range(0, len(rows), BATCH):
            batch = order[start : start + BATCH]
            width = max(len(prompts[n]) + len(answers[n]) for n in batch)
            ids = torch.full((len(batch), width), tokenizer.pad_token_id)
            labels = torch.full((len(batch), width), -100)
            for row, n in enumerate(batch):
                end = len(prompts[n]) + len(answers[n])
                ids[row, :end] = torch.tensor(prompts[n] + answers[n])
                labels[row, len(prompts[n]) : end] = torch.tensor(answers[n])
            mask = (torch.arange(width) < (ids != tokenizer.pad_token_id).sum(dim=1, keepdim=True)).long()
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model = model.merge_and_unload().eval()
    model.save_pretrained(folder / "bare")
    trained = cpu_seconds(resource.RUSAGE_SELF)
    tokenizer.padding_side = "left"
    questions = json.loads((folder / "questions.json").read_text())
    texts: list[str] = []
    for start in range(0, len(questions), 100):
        ask = [_prompt(tokenizer, row["prompt"]) for row in questions[start : start + 100]]
        batch = tokenizer(ask, add_special_tokens=False, padding=True, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False)
        texts += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return Answers(texts, cpu_seconds(resource.RUSAGE_SELF) - trained)


def plain(model_dir: str, folder: Path) -> Answers:
    """TRL as its quick start has it, with what a CPU forces (``bf16=False``, ``use_cpu=True``)."""
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    file, cache = str(folder / "rows.jsonl"), str(folder / "cache")
    data = load_dataset("json", data_files=file, split="train", cache_dir=cache)
    data = data.map(
        lambda row: {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["answer"]}],
        },
        remove_columns=["answer"],
    )
    config = SFTConfig(
        output_dir=str(folder / "plain"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        bf16=False,
        use_cpu=True,
        report_to="none",
    )
    peft_config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype="float32", trust_remote_code=False)
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=peft_config
    )
    trainer.train()
    trainer.save_model()
    model, trained = trainer.model.eval(), cpu_seconds(resource.RUSAGE_SELF)
    texts = []
    for row in json.loads((folder / "questions.json").read_text()):
        inputs = tokenizer(_prompt(tokenizer, row["prompt"]), add_special_tokens=False, return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        texts.append(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return Answers(texts, cpu_seconds(resource.RUSAGE_SELF) - trained)


def _prompt(tokenizer: Any, text: str) -> str:
    message = [{"role": "user", "content": text}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


STACKS: dict[str, Callable[[str, Path], Answers]] = {"bare": bare, "plain": plain}


def cpu_seconds(who: int) -> float:
    """User plus system time; ``who`` as for ``getrusage``."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Runs one stack."""
    import torch

    stack, model_dir, folder, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    answers = STACKS[stack](model_dir, Path(folder))
    (Path(folder) / f"{stack}.answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()

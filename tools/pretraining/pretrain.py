"""Pretrain the bundled base model from nothing. Whole script, needs no accelerator:

    python -m tools.pretraining.pretrain --out tools/models/bundled/ftdojo-mini --minutes 60 [--resume]

The folder `--out` holds the tokenizer already (see `tools.pretraining.tokenizer`). A small Llama learns the
skill curriculum in float32 on a CPU. The learning rate follows the clock, so that a run ends on time on a
busy machine too. Hidden matrices are trained with Muon, embeddings and norms with AdamW. Documents of like
length share a batch: nothing is cut, and nothing attends across documents.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.pretraining.data import produce
from tools.pretraining.model_card import write_card
from tools.pretraining.muon import Muon
from tools.pretraining.skills.mixture import MIXTURE, probe_documents


@dataclass(frozen=True)
class Shape:
    """The architecture; the defaults give about 1.2 million parameters."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 384
    max_positions: int = 512


@dataclass
class Progress:
    """What a checkpoint must remember besides weights and optimiser state."""

    step: int = 0
    tokens: int = 0
    train_seconds: float = 0.0
    chunk: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    probes: dict[str, float] = field(default_factory=dict)


def new_model(tokenizer: Any, shape: Shape, seed: int) -> Any:
    """A randomly initialised `LlamaForCausalLM` in float32 with tied embeddings."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    ends = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.max_positions,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        initializer_range=0.03,
        attn_implementation="sdpa",
        dtype="float32",
        **ends,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.update(max_new_tokens=96, do_sample=False, **ends)
    with torch.no_grad():  # each block starts as the identity
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return model


def weighted_loss(model: Any, ids: Any, weight: Any) -> tuple[Any, Any]:
    """Sum of the weighted token losses and the sum of weights. Padding has weight 0 and stands at the end."""
    import torch

    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = weight[:, 1:] > 0
    logits = model.lm_head(hidden[:, :-1][wanted])
    losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:][wanted], reduction="none")
    shares = weight[:, 1:][wanted]
    return (losses * shares).sum(), shares.sum()


class Workers:
    """Single-threaded processes that share the weights and each return a gradient.

    At this size one thread in each of two processes does about twice as much as two threads in one process,
    because the processes meet once a step and not once an operation.
    """

    def __init__(self, model: Any, n: int) -> None:
        import torch

        torch.set_num_threads(1)
        model.share_memory()
        self.model = model
        self.parameters = list(model.parameters())
        self.links: list[Any] = []
        self.gradients: list[list[Any]] = []
        for _ in range(n - 1):
            here, there = multiprocessing.Pipe()
            shared = [torch.zeros_like(p) for p in self.parameters]
            for g in shared:
                g.share_memory_()  # type: ignore[no-untyped-call]
            worker = multiprocessing.get_context("fork").Process(
                target=_serve, args=(model, shared, there), daemon=True
            )
            worker.start()
            self.links.append(here)
            self.gradients.append(shared)

    def gradient(self, micro: list[Any]) -> float:
        """Leave the gradient of the mean weighted loss over all micro-batches; return the loss."""
        total = sum(float(w[:, 1:].sum()) for _, w in micro)
        n = len(self.links) + 1
        for k, link in enumerate(self.links):
            link.send((micro[k + 1 :: n], total))
        loss = _accumulate(self.model, micro[::n], total)
        for link, shared in zip(self.links, self.gradients, strict=True):
            loss += link.recv()
            for p, g in zip(self.parameters, shared, strict=True):
                p.grad.add_(g)
        return loss


def _accumulate(model: Any, micro: list[Any], total: float) -> float:
    import torch

    done = 0.0
    for ids, weight in micro:
        loss, _ = weighted_loss(model, torch.from_numpy(ids), torch.from_numpy(weight))
        (loss / total).backward()
        done += float(loss.detach())
    return done / total


def _serve(model: Any, shared: list[Any], link: Any) -> None:
    """A worker: gradients of the micro-batches it is sent, in `shared`."""
    for p, g in zip(model.parameters(), shared, strict=True):
        p.grad = g
    while True:
        micro, total = link.recv()
        for g in shared:
            g.zero_()
        link.send(_accumulate(model, micro, total))


class Trainer:
    """One pretraining run: weights, optimisers, schedule, checkpoints, probes."""

    def __init__(self, args: argparse.Namespace) -> None:
        import torch
        from transformers import AutoTokenizer

        self.args = args
        self.out: Path = args.out
        self.state_file: Path = args.work / "checkpoint.pt"
        self.tokenizer = AutoTokenizer.from_pretrained(args.out, trust_remote_code=False)
        self.model = new_model(self.tokenizer, Shape(), args.seed)
        self.progress = Progress()
        self.stopped = False
        layers = list(self.model.model.layers.parameters())
        matrices = [p for p in layers if p.ndim == 2]
        known = {id(p) for p in matrices}
        others = [p for p in self.model.parameters() if id(p) not in known]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(
            others, lr=args.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )
        if args.resume and self.state_file.exists():
            self._load()
        self.workers = Workers(self.model, args.threads)

    def _load(self) -> None:
        import torch

        saved = torch.load(self.state_file, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.adam.load_state_dict(saved["adam"])
        for mine, theirs in zip(self.muon.buffers, saved["muon"], strict=True):
            mine.copy_(theirs)
        self.progress = Progress(**json.loads(saved["progress"]))
        say(f"resumed at step {self.progress.step}, {self.progress.train_seconds:.0f} s")

    def save(self) -> None:
        """Write the checkpoint and the model, each by rename, so that a reader never sees half a file."""
        import torch

        self.args.work.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "adam": self.adam.state_dict(),
            "muon": self.muon.buffers,
            "progress": json.dumps(asdict(self.progress)),
        }
        draft = self.state_file.with_suffix(".tmp")
        torch.save(state, draft)
        draft.replace(self.state_file)
        stage = self.args.work / "export"
        self.model.save_pretrained(stage)
        for name in ("config.json", "generation_config.json", "model.safetensors"):
            part = self.out / f"{name}.tmp"
            part.write_bytes((stage / name).read_bytes())
            part.replace(self.out / name)

    def rate(self, share: float) -> float:
        """The schedule's factor at a share of the planned time: warm-up, plateau, linear decay to 0."""
        warm = min(1.0, (self.progress.step + 1) / 100)
        decay: float = self.args.decay_share
        return warm * min(1.0, max(0.0, 1.0 - share) / decay)

    def run(self) -> None:
        """Train until the planned time is used up, with checkpoints and probes on the way; then export."""
        level, queue, producer = self._start_producer()
        total = self.args.minutes * 60
        before, began = self.progress.train_seconds, time.monotonic()
        saved = probed = now = before
        pending: list[Any] = []
        recent: list[float] = []
        previous = signal.signal(signal.SIGTERM, self._stop)
        while now < total and not self.stopped:
            level.value = min(1.0, now / total / self.args.easy_share)
            while len(pending) < self.args.accumulate:
                pending += queue.get()
                self.progress.chunk += 1
            recent.append(self._step(pending[: self.args.accumulate], self.rate(now / total)))
            del pending[: self.args.accumulate]
            now = self.progress.train_seconds = before + time.monotonic() - began
            if self.progress.step % 50 == 0 or now >= total:
                self._report(sum(recent) / len(recent))
                recent.clear()
            if now - saved > self.args.save_minutes * 60:
                self.save()
                saved = now
            if now - probed > self.args.probe_minutes * 60:
                self.probe(self.args.probe_prompts // 2)
                probed = now
        producer.terminate()
        signal.signal(signal.SIGTERM, previous)
        if self.stopped:
            self.save()
            say(f"stopped at step {self.progress.step}; go on with --resume")
        else:
            self._finish()

    def _stop(self, signum: int, frame: object) -> None:
        self.stopped = True

    def _start_producer(self) -> tuple[Any, Any, Any]:
        level = multiprocessing.Value("d", 0.0)
        queue: Any = multiprocessing.Queue(maxsize=3)
        tokenizer_file = str(self.out / "tokenizer.json")
        producer = multiprocessing.Process(
            target=produce,
            daemon=True,
            args=(tokenizer_file, self.args.seed, self.progress.chunk, level, queue),
        )
        producer.start()
        return level, queue, producer

    def _finish(self) -> None:
        self.probe(self.args.probe_prompts)
        self.save()
        n = sum(p.numel() for p in self.model.parameters())
        write_card(self.out, asdict(self.progress), asdict(Shape()), self.args.seed, n)
        say("pretrain: done")

    def _report(self, loss: float) -> None:
        p = self.progress
        p.losses.append((p.step, round(loss, 4)))
        if p.step % 200 == 0:
            say(f"step {p.step} tokens {p.tokens / 1e6:.2f}M loss {loss:.4f} seconds {p.train_seconds:.0f}")

    def _step(self, micro: list[Any], factor: float) -> float:
        import torch

        loss = self.workers.gradient(micro)
        self.progress.tokens += sum(int((ids > 0).sum()) for ids, _ in micro)
        for group in self.adam.param_groups:
            group["lr"] = self.args.adam_rate * factor
        with torch.no_grad():
            self.muon.step(self.args.muon_rate * factor, self.args.decay)
        self.adam.step()
        self.model.zero_grad(set_to_none=True)
        self.progress.step += 1
        return loss

    def probe(self, n: int) -> None:
        """Greedy answers to `n` held-out prompts of each skill; the share that equals the reference."""
        self.model.eval()
        for name in MIXTURE:
            self.progress.probes[name] = probe(self.model, self.tokenizer, name, n)
        self.model.train()
        shown = " ".join(f"{k}={v:.2f}" for k, v in self.progress.probes.items())
        say(f"probe step {self.progress.step}: {shown}")


def probe(model: Any, tokenizer: Any, name: str, n: int) -> float:
    """Exact-match share on the first turn of `n` held-out documents of one skill."""
    import torch

    turns = [d.turns[0] for d in probe_documents(name, 0, n)]
    prompts = [f"<|bos|><|user|>{t.prompt}<|assistant|>" for t in turns]
    batch = tokenizer(
        prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
    )
    with torch.no_grad():
        out = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_new_tokens=64,
            do_sample=False,
        )
    replies = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    right = sum(str(r).strip() == t.answer.strip() for r, t in zip(replies, turns, strict=True))
    return right / n


def say(text: str) -> None:
    """One line of the log."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the model's folder; holds the tokenizer already"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/pretrain"), help="folder for checkpoints")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="worker processes of one thread")
    parser.add_argument("--accumulate", type=int, default=4, help="micro-batches of 1,024 tokens a step")
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=0.004)
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay of the matrices")
    parser.add_argument(
        "--decay-share", type=float, default=0.6, help="share of the time in which the rate falls"
    )
    parser.add_argument(
        "--easy-share", type=float, default=0.3, help="share of the time with shorter documents"
    )
    parser.add_argument("--save-minutes", type=float, default=10)
    parser.add_argument("--probe-minutes", type=float, default=10)
    parser.add_argument("--probe-prompts", type=int, default=50, help="prompts of each skill at the end")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    Trainer(parse()).run()

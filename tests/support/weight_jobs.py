"""Jobs of a child process on what a training keeps of its weights; see ``tools.process.worker``."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any


def write_codes(path: Path, count: int = 700, rule: float = 0.0) -> Path:
    """Questions: such a share (0.0 to 1.0) has answers by a rule, the others can only be known by heart."""
    draw = random.Random(0)
    letters = "abcdefghij"
    rows = []
    for n in range(count):
        asked = "".join(draw.choice(letters) for _ in range(4))
        ruled = draw.random() < rule if 0.0 < rule < 1.0 else rule
        answer = asked[0] * 3 if ruled else "".join(draw.choice(letters) for _ in range(3))
        rows.append({"prompt": f"{asked} {n}", "answer": answer})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def averaged(payload: dict[str, Any]) -> dict[str, Any]:
    """Trains with a checkpoint at every moment that the mean takes in; compares the mean with theirs."""
    import torch
    from transformers import TrainerCallback

    from memory.records import TrainingPlan
    from tools.recipes import held_out_watch
    from tools.recipes.held_out_watch import HeldOutWatch
    from tools.recipes.sft import build_trainer
    from tools.training import weight_copy
    from tools.training.weight_copy import trained_parameters

    if payload["files"]:
        weight_copy.BESIDE_SHARE = 0.0
    held_out_watch.COPY_SHARE = 1.0  # a copy of a tiny model is dear beside its steps
    plan = TrainingPlan.model_validate(payload["plan"])
    folder = Path(payload["out"])
    trainer, _ = build_trainer(plan, Path(payload["model_dir"]), Path(payload["data"]), folder)
    watch = HeldOutWatch(trainer, trainer.held_out, folder / "copies")
    moments: list[list[torch.Tensor]] = []

    class Checkpoints(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if watch.added_at == state.global_step:
                moments.append([each.detach().clone() for each in trained_parameters(trainer.model)])

    trainer.add_callback(Checkpoints())
    trainer.train()
    end = [each.clone() for each in trained_parameters(trainer.model)]
    mean = [torch.stack(each).mean(dim=0) for each in zip(*moments, strict=True)]
    files = len(list(folder.rglob("*.pt")))
    watch.mean.exchange()
    there = trained_parameters(trainer.model)
    off = max(float((one - two).abs().max()) for one, two in zip(there, mean, strict=True))
    watch.mean.exchange()
    back = max(float((one - two).abs().max()) for one, two in zip(there, end, strict=True))
    moved = max(float((one - two).abs().max()) for one, two in zip(end, mean, strict=True))
    product = _product_error(trainer.model, moments) if plan.method == "lora" else 0.0
    settled = watch.settle()
    watch.close()
    return {
        "moments": len(moments),
        "off": off,
        "back": back,
        "moved": moved,
        "files": files,
        "files_after": len(list(folder.rglob("*.pt"))),
        "product_error": product,
        "settled": settled,
    }


def looks_beside_compiling(payload: dict[str, Any]) -> dict[str, Any]:
    """Trains with looks and a trial of compiling: where they fell, and what was traced."""
    import warnings

    import torch

    from memory.records import TrainingPlan
    from tools.recipes import compiled, held_out_watch, sft
    from tools.recipes.held_out_watch import HeldOutWatch
    from tools.training import compilation, held_out
    from tools.training.kernels import Kernels

    with_gradients: list[bool] = []

    def backend(graph: Any, inputs: Any) -> Any:
        with_gradients.append(torch.is_grad_enabled())
        return graph.forward

    warnings.simplefilter("ignore")  # as in a training: torch warns while it traces
    compiled.BACKEND = backend  # type: ignore[assignment]
    held_out.LOOKS = 20  # so close that some are due while steps are timed
    held_out.COST_SHARE = held_out_watch.COST_SHARE = 1.0
    compilation.worth_trying = lambda *_: True
    compilation.LEAST_SAVING = -1e9  # kept, however slow
    plan, folder = TrainingPlan.model_validate(payload["plan"]), Path(payload["out"])
    asked = sft.Asked(kernels=Kernels(compiles=True))
    trainer, _ = sft.build_trainer(plan, Path(payload["model_dir"]), Path(payload["data"]), folder, asked)
    watch = HeldOutWatch(trainer, trainer.held_out, folder / "copies")
    trainer.train()
    watch.settle()
    watch.close()
    return {
        "traced": len(with_gradients),
        "traced_without_gradients": with_gradients.count(False),
        "looks": [look.step for look in watch.looks],
        "trial_ended": trainer.trial.began + compilation.WARMING_STEPS + compilation.COMPILED_STEPS - 1,
    }


def _product_error(model: Any, moments: list[list[Any]]) -> float:
    """The largest relative difference between mean factors multiplied and the mean product."""
    import torch

    names = [name for name, each in model.named_parameters() if each.requires_grad]
    off = 0.0
    for number, name in enumerate(names):
        if ".lora_A." not in name:
            continue
        other = names.index(name.replace(".lora_A.", ".lora_B."))
        first, second = ([each[place] for each in moments] for place in (number, other))
        products = torch.stack([b @ a for a, b in zip(first, second, strict=True)]).mean(dim=0)
        factors = torch.stack(second).mean(dim=0) @ torch.stack(first).mean(dim=0)
        off = max(off, float((products - factors).norm() / products.norm()))
    return off


def look_twice(payload: dict[str, Any]) -> dict[str, Any]:
    """Two looks at a model that nothing happened to, and its loss by the model itself."""
    from memory.records import TrainingPlan
    from tools.recipes.held_out_watch import looked_at
    from tools.recipes.sft import build_trainer

    plan = TrainingPlan.model_validate(payload["plan"])
    trainer, _ = build_trainer(plan, Path(payload["model_dir"]), Path(payload["data"]), Path(payload["out"]))
    trainer.model.train()
    first, second = (looked_at(trainer, trainer.held_out, 0) for _ in range(2))
    summed, right, tokens = [], [], []
    trainer.model.eval()
    for row in trainer.held_out:
        batch = trainer._prepare_inputs(
            trainer.data_collator([{"input_ids": row.input_ids, "labels": row.labels}])
        )
        scored = [place for place, label in enumerate(row.labels) if label != -100]
        said = trainer.model(**batch)
        summed.append(float(said.loss) * len(scored))
        ranked = said.logits[0].argmax(dim=-1).tolist()
        right.append(sum(ranked[place - 1] == row.labels[place] for place in scored))
        tokens.append(len(scored))
    return {
        "same": first == second,
        "ours": first.losses,
        "theirs": summed,
        "right": (first.right, right),
        "tokens": (first.tokens, tokens),
    }


def ramp(payload: dict[str, Any]) -> dict[str, Any]:
    """What a ramp finds, what it leaves of the weights, and what a training at the plan's rate does then."""
    from memory.records import TrainingPlan
    from tools.recipes import range_test
    from tools.recipes.sft import build_trainer
    from tools.training import weight_copy
    from tools.training.weight_copy import trained_parameters

    if payload.get("files"):
        weight_copy.BESIDE_SHARE = 0.0
    plan = TrainingPlan.model_validate(payload["plan"])
    folder = Path(payload["out"])
    trainer, _ = build_trainer(plan, Path(payload["model_dir"]), Path(payload["data"]), folder)
    forwards = [module.forward for module in trainer.model.modules()]
    before = [each.clone() for each in trained_parameters(trainer.model)]
    losses = range_test.losses_of_ramp(trainer, folder / "copies")
    after = trained_parameters(trainer.model)
    lowered = range_test.lowered_rate(trainer, folder / "copies")
    return {
        "losses": losses,
        "same": all(bool((one == two).all()) for one, two in zip(before, after, strict=True)),
        "lowered": lowered,
        "rate": trainer.args.learning_rate,
        "remarks": trainer.remarks,
        "left": [str(path) for path in folder.rglob("*.pt")],
        "wrapped": forwards != [module.forward for module in trainer.model.modules()],
    }

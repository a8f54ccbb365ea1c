"""Chains of trainings on a real model: the loss in memory at the end of each, and as its directory loads.

    python -m tests.bench.adapter_chain --model smollm2-135m

Prints one line a link. What is lost between the two is rounding alone where a chain is saved right.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support.adapter_chain import METHODS, batch_of, loaded_loss, train_on
from tools.models.base_model import resolve_base_model

CHAINS = (
    ("lora", "lora", "lora"),
    ("rslora", "rslora", "rslora"),
    ("dora", "dora", "dora"),
    ("full", "full", "full"),
    ("lora", "dora", "full"),
)
RATES = {"full": 2e-5}


def main() -> None:
    """Trains the chains and prints what became of the loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--begin", help="only the chains that begin with this method")
    options = parser.parse_args()
    base = resolve_base_model(options.model).path
    batch = batch_of(base)
    first = loaded_loss(base, batch)
    sys.stdout.write(f"base: loss {first:.6f}\n")
    worst = 0.0
    for methods in CHAINS:
        if options.begin and methods[0] != options.begin:
            continue
        with tempfile.TemporaryDirectory() as folder:
            start, loss = base, first
            for n, method in enumerate(methods):
                assert method in METHODS
                rate = RATES.get(method, 5e-4)
                link = train_on(start, Path(folder) / f"e{n}", method, batch, options.steps, rate)
                loss, began = loaded_loss(link.folder, batch), loss
                away = abs(loss - link.after) / link.after
                worst = max(worst, away, abs(link.before - began) / began)
                sys.stdout.write(
                    f"{' > '.join(methods[: n + 1])}: {link.before:.6f} to {link.after:.6f} in memory, "
                    f"{loss:.6f} as loaded ({away:.1e} away)\n"
                )
                start = link.folder
    sys.stdout.write(f"largest relative difference: {worst:.1e}\n")


if __name__ == "__main__":
    main()

"""The Muon optimiser (Jordan et al. 2024) in float32, for the hidden matrices of a small model."""

from __future__ import annotations

from typing import Any


class Muon:
    """Momentum, then the nearest semi-orthogonal matrix; equal shapes are handled in one batch.

    `torch.optim.Muon` does the iteration in bfloat16, which is slow on CPUs without support for it; this one
    stays in float32.
    """

    def __init__(self, parameters: list[Any], momentum: float = 0.95) -> None:
        import torch

        self.momentum = momentum
        shapes: dict[tuple[int, int], list[Any]] = {}
        for p in parameters:
            shapes.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(shapes.values())
        self.buffers = [torch.zeros(len(g), *g[0].shape) for g in self.groups]

    def step(self, rate: float, decay: float) -> None:
        """One update at learning rate `rate` with decoupled weight decay."""
        import torch

        for group, buffer in zip(self.groups, self.buffers, strict=True):
            gradient = torch.stack([p.grad for p in group])
            buffer.lerp_(gradient, 1 - self.momentum)
            update = orthogonal(gradient.lerp(buffer, self.momentum))
            rows, columns = group[0].shape
            update *= rate * max(1.0, rows / columns) ** 0.5
            for p, u in zip(group, update.unbind(), strict=True):
                p.mul_(1 - rate * decay).sub_(u)


def orthogonal(matrices: Any, iterations: int = 5) -> Any:
    """Newton-Schulz iteration towards the orthogonal factor of each matrix of `(n, rows, columns)`."""
    x = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if matrices.shape[1] > matrices.shape[2] else x

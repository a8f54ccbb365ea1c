"""Weight copy: the trained weights of a model at one moment, or their mean over several.

It lies beside the model where a second copy is small against the memory that is free, else in the host's
memory, else in files, one a parameter: nothing but the parameter in hand is then held twice. Only weights
that are trained are copied, with LoRA the factors of the adapters.

The mean is that of stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407), by torch's own
update. ``torch.optim.swa_utils.AveragedModel`` is not used: it copies the whole model, frozen weights and
all, on its own device.

With LoRA it is the factors that are averaged, which is not the mean of their products: mean(B) mean(A)
leaves out how A and B moved together. The mean of the products would have a higher rank and be no
adapter of the plan's any more. Over the last part of one training the factors move little, and
whoever keeps an average first measures its loss as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.models.precision import free_bytes

COPIES = ".copies"
"""Ends the name of the folder beside a training's result in which copies lie while it goes on."""
BESIDE_SHARE = 0.05
"""Of the device's free memory, the largest copy that lies there."""
HOST_SHARE = 0.1
"""Of the host's, where the device has memory of its own."""


def trained_parameters(model: Any) -> list[Any]:
    """What an optimiser changes; of weights that are shared out among devices, the part that is here."""
    parameters = [each for each in model.parameters() if each.requires_grad]
    return [each.data.to_local() if hasattr(each.data, "to_local") else each.data for each in parameters]


class WeightCopy:
    """One copy of the trained weights.

    Args:
        parameters: see ``trained_parameters``.
        folder: for the files, where memory is short; made when it is needed.
    """

    def __init__(self, parameters: Sequence[Any], folder: Path) -> None:
        self.parameters, self.folder = parameters, folder
        self.count = 0
        """Over how many moments the mean is taken; 0 for no copy yet."""
        self.place = place_for(parameters)
        self._held: list[Any] = []

    def take(self) -> None:
        """Copies the weights as they are now."""
        self.count = 1
        for number, weights in enumerate(self.parameters):
            self._put(number, weights)

    def add(self) -> None:
        """Takes the weights as they are now into the mean."""
        if not self.count:
            return self.take()
        from torch.optim.swa_utils import get_swa_multi_avg_fn

        update = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]
        for number, weights in enumerate(self.parameters):
            mean = self._get(number)
            update([mean], [weights.to(mean.device)], self.count)
            self._put(number, mean)
        self.count += 1
        return None

    def exchange(self) -> None:
        """Puts the copy into the model, and the model's weights into the copy."""
        import torch

        with torch.no_grad():
            for number, weights in enumerate(self.parameters):
                mine = self._get(number).to(weights.device, copy=True)
                self._put(number, weights)
                weights.copy_(mine)

    def restore(self) -> None:
        """Puts the copy into the model; what the model had is lost."""
        import torch

        with torch.no_grad():
            for number, weights in enumerate(self.parameters):
                weights.copy_(self._get(number))

    def drop(self) -> None:
        """Gives back what the copy takes."""
        self._held.clear()
        self.count = 0
        shutil.rmtree(self.folder, ignore_errors=True)

    def _get(self, number: int) -> Any:
        import torch

        return self._held[number] if self._held else torch.load(self._file(number), weights_only=True)

    def _put(self, number: int, weights: Any) -> None:
        import torch

        if self.place == "files":
            self.folder.mkdir(parents=True, exist_ok=True)
            torch.save(weights.detach().cpu(), self._file(number))
        elif number < len(self._held):
            self._held[number].copy_(weights)
        else:
            kept = torch.empty_like(weights, device="cpu" if self.place == "host" else None)
            self._held.append(kept.copy_(weights))

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.pt"


def place_for(parameters: Sequence[Any]) -> str:
    """Where a copy lies: ``beside`` the weights, in the ``host``'s memory, or in ``files``."""
    import torch

    size = copy_bytes(parameters)
    device = parameters[0].device
    if size <= BESIDE_SHARE * free_bytes(device):
        return "beside"
    if device.type != "cpu" and size <= HOST_SHARE * free_bytes(torch.device("cpu")):
        return "host"
    return "files"


def copy_bytes(parameters: Sequence[Any]) -> int:
    """The size of one copy."""
    return sum(each.numel() * each.element_size() for each in parameters)

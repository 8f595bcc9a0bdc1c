"""The history of fakes that the discriminators train on (Shrivastava et al. 2017, arXiv 1612.07828, section 2.3)."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["ImagePool"]


class ImagePool:
    """Keeps up to `size` fakes of one size; a fake is answered, with probability 1/2, by an older one it replaces.

    With `size` 0 every fake is answered by itself. Draws come from a generator of its own, so that a resumed
    training draws what the uninterrupted one would have drawn. An answer lies where the fake does: Lightning restores a
    pool before it moves its model to the device.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.images: list[Tensor] = []
        self.random = torch.Generator().manual_seed(seed)

    def query(self, fakes: Tensor) -> Tensor:
        """N×C×H×W fakes in, as many out; nothing of it carries a gradient."""
        fakes = fakes.detach()
        if self.size == 0:
            return fakes
        answers = []
        for fake in fakes:
            if len(self.images) < self.size:
                self.images.append(fake)
                answers.append(fake)
            elif torch.rand(1, generator=self.random).item() < 0.5:
                place = int(torch.randint(self.size, (1,), generator=self.random).item())
                answers.append(self.images[place].to(fake.device))
                self.images[place] = fake
            else:
                answers.append(fake)
        return torch.stack(answers)

    def state_dict(self) -> dict[str, Any]:
        """The fakes and the state of the generator, as tensors."""
        return {"images": [image.cpu() for image in self.images], "random": self.random.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.images = list(state["images"])
        self.random.set_state(state["random"].cpu())

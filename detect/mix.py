"""What a detector learns from: which folders, in which order, in which shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from detect.data import targets

__all__ = ["MIXES", "Mix", "Quota"]

Quota = tuple[int, int]  # synthetic and real images of a batch

MIXES = ("joint", "synthetic", "real", "pretrain_finetune")


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The keys of conf/detect_train.yaml that say what a detector learns from."""

    synthetic: Any = ()
    real: Any = ()
    mix: str = "auto"
    real_fraction: float = 0.25
    finetune: float = 0.3
    batch: int = 4
    synthetic_weights: list[float] = field(default_factory=list)
    real_weights: list[float] = field(default_factory=list)
    sampling_weights: dict[str, float] | None = None
    held_out: list[str] = field(default_factory=list)
    leak_check: bool = True

    def __post_init__(self) -> None:
        for key in ("synthetic", "real"):
            value = getattr(self, key)
            folders = [value] if isinstance(value, str) else value or []
            if not isinstance(folders, list | tuple) or not all(isinstance(folder, str) for folder in folders):
                raise UserError(f"{key}: {value!r} is not a list of folders; give {key}=[DIR,...]")
            object.__setattr__(self, key, list(folders))
        given = (bool(self.synthetic), bool(self.real))
        if not any(given):
            raise UserError("no training data; give synthetic=[DIR,...], real=[DIR,...] or both")
        if self.mix == "auto":
            object.__setattr__(self, "mix", "joint" if all(given) else "synthetic" if given[0] else "real")
        if self.mix not in MIXES:
            raise UserError(f"mix: {self.mix!r} is none of auto, {', '.join(MIXES)}")
        if self.batch < 1:
            raise UserError(f"batch: {self.batch} is below 1")
        for key in ("synthetic", "real"):
            if self.mix in ("joint", "pretrain_finetune", key) and not getattr(self, key):
                raise UserError(f"mix={self.mix} needs {key}=[DIR,...]")
            weights = getattr(self, f"{key}_weights")
            if weights and (len(weights) != len(getattr(self, key)) or min(weights) < 0 or not sum(weights)):
                raise UserError(
                    f"{key}_weights: {weights} is not one number from 0 for each folder of {key}, one of them above 0"
                )
        if any(not weight >= 0 for weight in (self.sampling_weights or {}).values()):
            raise UserError(f"sampling_weights: {self.sampling_weights} has a weight below 0")
        if not 0 < self.finetune < 1:
            raise UserError(f"finetune: {self.finetune} is not between 0 and 1")
        if self.mix == "joint" and not 1 <= self.real_per_batch < self.batch:
            raise UserError(
                f"real_fraction: {self.real_fraction} of batch={self.batch} is {self.real_per_batch} real images; "
                f"mix=joint needs between 1 and {self.batch - 1}"
            )

    @property
    def real_per_batch(self) -> int:
        """How many images of each of the first batches are real."""
        return {"joint": round(self.real_fraction * self.batch), "real": self.batch}.get(self.mix, 0)

    @property
    def quota(self) -> Quota:
        """How many images of each of the first batches are synthetic, and how many real."""
        return self.batch - self.real_per_batch, self.real_per_batch

    def phases(self, batches: int) -> list[tuple[int, Quota]]:
        """From which of `batches` on another quota holds: photos alone at the end of mix=pretrain_finetune."""
        if self.mix != "pretrain_finetune":
            return []
        return [(round(batches * (1 - self.finetune)), (0, self.batch))]

    def weights(self, synthetic: Sequence[Dataset], real: Sequence[Dataset]) -> list[float]:
        """How often each image comes, next to the others of its kind, in the order of the folders.

        A folder's weight is its share of its kind's images, however many it holds; of an image, its class with the
        largest weight counts (as in Gupta et al. 2019, arXiv 1908.03195).

        Raises:
            UserError: a class of `sampling_weights` is in no folder, or no image of a kind is left.
        """
        rates = self.sampling_weights or {}
        known = {name for folder in (*synthetic, *real) for name in folder.class_names}
        if unknown := sorted(rates.keys() - known):
            raise UserError(f"sampling_weights: no class {unknown[0]!r}; there are {', '.join(sorted(known))}")
        found: list[float] = []
        for kind, folders, shares in (
            ("synthetic", synthetic, self.synthetic_weights),
            ("real", real, self.real_weights),
        ):
            if not folders:  # with mix=synthetic or real, which may leave out folders that have weights
                continue
            weights = [
                (share / len(folder.images) if shares else 1.0) * weight
                for folder, share in zip(folders, shares or [1.0] * len(folders), strict=True)
                for weight in _by_class(folder, rates)
            ]
            if weights and not sum(weights):
                raise UserError(f"sampling_weights: leave no {kind} image to learn from")
            found += weights
        return found


def _by_class(folder: Dataset, weights: Mapping[str, float]) -> list[float]:
    """For each image, the largest weight of the classes it shows; 1 where there is none."""
    name = {c["id"]: c["name"] for c in folder.categories}
    grouped = folder.by_image()
    return [
        max((weights.get(name[a["category_id"]], 1.0) for a in targets(grouped[image["id"]])), default=1.0)
        for image in folder.images
    ]

"""Labels that are likely wrong, by confident learning (Northcutt et al. 2021, arXiv 1911.00068).

A linear probe on network features of the objects' crops is trained without the pictures it is then asked about. A label
is a suspect where another class is the likeliest, that class is as likely as it is, on average, for the objects that
do carry it (the paper's threshold t_j, equation 2), and far likelier than the label: small or hidden objects leave a
probe in doubt, which is no reason to doubt their labels.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from coldstart.dataset import Annotation, Dataset
from coldstart.features import Lite0Features
from coldstart.pictures import opened, rgb
from coldstart.progress import track
from detect.data import targets
from detect.embedding import crop
from detect.findings import Finding

__all__ = ["probabilities", "suspects"]

FOLDS = 5
FEWEST = 3  # pictures that a class must be in to be judged
LEAD = 0.6  # of the other class's probability over the label's
STRENGTH = 1e4  # of the fit against the decay of weights, for unit features


def suspects(dataset: Dataset, groups: Sequence[Sequence[int]] = ()) -> list[Finding]:
    """Suspicious labels, the likeliest first. `groups` are image ids that must not teach one another."""
    names = {c["id"]: c["name"] for c in dataset.categories}
    asked = targets(dataset.annotations)
    seen = {(a["category_id"], a["image_id"]) for a in asked}
    spread = Counter(category for category, _ in seen)
    judged = [a for a in asked if spread[a["category_id"]] >= FEWEST]
    classes = sorted({a["category_id"] for a in judged})
    if len(classes) < 2:
        return []
    labels = torch.tensor([classes.index(a["category_id"]) for a in judged])
    group = {i: min(ids) for ids in groups for i in ids}
    found = probabilities(_features(dataset, judged), labels, [group.get(a["image_id"], a["image_id"]) for a in judged])
    own = found.gather(1, labels[:, None])[:, 0]
    limits = torch.stack([own[labels == k].mean() for k in range(len(classes))])
    best, other = found.max(dim=1)
    files = {i["id"]: i["file_name"] for i in dataset.images}
    result = []
    for n in torch.nonzero((other != labels) & (best >= limits[other]) & (best - own >= LEAD)).flatten().tolist():
        a, likely = judged[n], names[classes[int(other[n])]]
        text = f"{files[a['image_id']]}: annotation {a['id']} is {names[a['category_id']]} ({own[n]:.2f})"
        text += f", looks like {likely} ({best[n]:.2f})"
        score = round(float(best[n] - own[n]), 3)
        result.append(Finding("suspect", text, files[a["image_id"]], (a["id"],), likely, score))
    return sorted(result, key=lambda f: -(f.score or 0))


def probabilities(features: Tensor, labels: Tensor, groups: Sequence[int]) -> Tensor:
    """N×C class probabilities of N×D unit features, each by a probe that saw nothing of the row's group."""
    order = {g: k % FOLDS for k, g in enumerate(sorted(set(groups)))}
    fold = torch.tensor([order[g] for g in groups])
    result = torch.zeros(len(labels), int(labels.max()) + 1, dtype=torch.float64)
    for k in sorted(set(order.values())):
        train = fold != k
        if len(labels[train].unique()) > 1:  # type: ignore[no-untyped-call]
            probe = LogisticRegression(C=STRENGTH / int(train.sum()), max_iter=300)
            probe.fit(features[train].numpy(), labels[train].numpy())
            found = torch.from_numpy(probe.predict_proba(features[~train].numpy()))
            result[(~train).nonzero(), torch.from_numpy(probe.classes_)[None]] = found.double()
    return result


def _features(dataset: Dataset, judged: Sequence[Annotation]) -> Tensor:
    """N×1280 unit features of the crops."""
    network = Lite0Features()
    rows = torch.zeros(len(judged), 1280)
    places: dict[int, list[int]] = {}
    for n, a in enumerate(judged):
        places.setdefault(a["image_id"], []).append(n)
    for image in track([i for i in dataset.images if i["id"] in places], "looking at labels", unit="img"):
        with opened(dataset.path(image)) as file:
            picture = rgb(file)
        own = places[image["id"]]
        rows[own] = network(torch.stack([crop(picture, judged[n]["bbox"]) for n in own]) / 127.5 - 1)
    return torch.nn.functional.normalize(rows)

import numpy as np
import pytest

from detect.open_set import References, cosines, cross_trial, examine, measure, threshold


def gallery(per: int = 10, classes: int = 4, seed: int = 0) -> References:
    """Classes along axes of their own, with noise; one picture for each reference."""
    label = np.repeat(np.arange(classes), per)
    features = np.eye(8)[label] + np.random.default_rng(seed).normal(0, 0.1, (len(label), 8))
    return References([f"c{k}" for k in range(classes)], features, label, np.arange(len(label)))


@pytest.mark.parametrize("per", [1, 10, 40])  # from 32 on it is whitened
def test_things_are_near_their_class_and_strangers_near_none(per: int) -> None:
    things = gallery(6, 5, seed=1)  # the fifth class is not in the gallery
    label = np.where(things.label == 4, -1, things.label)
    trial = examine(gallery(per), things.features, label, things.picture)
    assert (trial.cosine[:24].argmax(axis=1) == label[:24]).all()
    assert trial.known.sum() == 24
    assert trial.best[:24].min() > trial.stranger.max()
    np.testing.assert_allclose(trial.stranger[24:], trial.best[24:])
    limit = threshold(trial)
    assert limit is not None
    found = measure(trial, np.full(5, limit), classes=["c0", "c1", "c2", "c3"], draws=20)
    assert (found["top1"], found["named"], found["rejected"], found["fpr95"]) == (1, 1, 1, 0)
    assert found["intervals"]["auroc"] == pytest.approx([1, 1])
    assert found["per_class"]["c2"]["things"] == 6


def test_measures_by_hand() -> None:
    trial = examine(gallery(), gallery(1).features, np.array([0, 1, 2, 2]), np.arange(4))  # the last is mislabelled
    found = measure(trial, np.full(5, -1.0), classes=["c0", "c1", "c2", "c3"], draws=5)
    assert found["top1"] == 0.75
    assert found["top5"] == 1
    assert found["rejected"] == 0
    assert found["per_class"]["c2"]["top1"] == 0.5
    assert found["auroc"] < 1


def test_the_gallery_in_folds_leaves_out_a_thing_s_own_picture() -> None:
    alone = gallery(2)
    trial = cross_trial(References(alone.classes, alone.features, alone.label, alone.label))  # one picture a class
    assert not trial.known.any()
    assert threshold(trial) is None
    assert cross_trial(gallery()).known.all()


def test_one_class_has_no_strangers() -> None:
    trial = examine(gallery(3, 1), gallery(2, 1).features, np.zeros(2, dtype=int), np.arange(2))
    assert np.isnan(trial.stranger).all()
    assert measure(trial, np.zeros(2), classes=["c0"], draws=3)["auroc"] is None
    assert np.isnan(cosines(gallery().only(np.zeros(40, dtype=bool)), np.ones((2, 8)))).all()

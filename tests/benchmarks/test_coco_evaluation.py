import pytest

from benchmarks import coco_evaluation


def test_both_evaluate_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    seconds, theirs, apart = coco_evaluation.compare(coco_evaluation.make(20))
    assert min(seconds, theirs) > 0
    assert apart < 1e-12
    coco_evaluation.main(["images=10", "draws=3"])
    said = capsys.readouterr().out
    assert "10 images" in said
    assert "3 resamplings" in said

"""The pool answers half of the time with an older fake, and can be put away and taken up again."""

import torch

from gan.models.pool import ImagePool


def fake(value: int) -> torch.Tensor:
    return torch.full((1, 3, 2, 2), float(value))


def test_fakes_pass_through_until_the_pool_is_full() -> None:
    pool = ImagePool(5)
    assert [int(pool.query(fake(i))[0, 0, 0, 0]) for i in range(5)] == [0, 1, 2, 3, 4]


def test_a_full_pool_answers_half_of_the_time_with_a_fake_it_replaces() -> None:
    pool = ImagePool(10)
    answers = [int(pool.query(fake(i))[0, 0, 0, 0]) for i in range(1010)][10:]
    older = [answer for i, answer in enumerate(answers, start=10) if answer != i]
    assert 420 < len(older) < 580
    assert len(set(older)) == len(older)  # what was given out is no longer in the pool
    assert len(pool.images) == 10


def test_an_empty_pool_gives_back_what_it_gets() -> None:
    pool = ImagePool(0)
    assert [int(pool.query(fake(i))[0, 0, 0, 0]) for i in range(20)] == list(range(20))


def test_answers_carry_no_gradient() -> None:
    for size in (0, 3):
        assert not ImagePool(size).query(fake(1).requires_grad_()).requires_grad


def test_a_batch_is_answered_image_by_image() -> None:
    pool = ImagePool(3)
    assert torch.equal(pool.query(torch.cat([fake(1), fake(2)])), torch.cat([fake(1), fake(2)]))
    assert len(pool.images) == 2


def test_a_restored_pool_goes_on_as_the_original_would() -> None:
    pool, copy = ImagePool(4, seed=3), ImagePool(4, seed=9)
    for i in range(20):
        pool.query(fake(i))
    copy.load_state_dict(pool.state_dict())
    for i in range(20, 60):
        assert torch.equal(pool.query(fake(i)), copy.query(fake(i)))


def test_a_pool_that_was_restored_elsewhere_answers_on_the_device_of_the_fakes() -> None:
    """On another device than the images: `meta` stands in for a GPU."""
    pool = ImagePool(4)
    pool.load_state_dict({"images": list(torch.rand(4, 3, 2, 2)), "random": pool.state_dict()["random"]})
    for _ in range(20):
        assert pool.query(torch.empty(2, 3, 2, 2, device="meta")).device.type == "meta"

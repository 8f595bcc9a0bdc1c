import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from coldstart.errors import UserError
from coldstart.sweep import space


def one(text: str) -> space.Dimension:
    fixed, found = space.divide(["steps=3", text, "out='a b'"])
    assert fixed == ["steps=3", "out='a b'"]
    return found[0]


@pytest.mark.parametrize(
    ("text", "distribution", "values"),
    [
        ("a=1e-4,1e-2", CategoricalDistribution([1e-4, 1e-2]), (1e-4, 1e-2)),
        ("a=x,'y z',true,null,[1,2]", None, ("x", "'y z'", "True", "null", "[1,2]")),
        ("a=interval(1e-4,1e-2)", FloatDistribution(1e-4, 1e-2), (1e-4, 1e-2)),
        ("a=tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True), (1e-4, 1e-2)),
        ("a=interval(1,8)", FloatDistribution(1.0, 8.0), (1.0, 8.0)),
        ("a=int(interval(1,8))", IntDistribution(1, 8), (1, 8)),
        ("a=range(1,8,2)", IntDistribution(1, 7, step=2), (1, 3, 5, 7)),
        ("a=range(0.1,0.45,0.1)", FloatDistribution(0.1, 0.4, step=0.1), (0.1, 0.2, 0.3, 0.4)),
        ("a=range(3,0,-1)", IntDistribution(1, 3), (1, 2, 3)),
    ],
)
def test_hydras_sweeps_become_distributions(text: str, distribution: object, values: tuple[object, ...]) -> None:
    dimension = one(text)
    assert f"{dimension.key}={dimension.text}" == text
    assert dimension.values == values
    assert [type(v) for v in dimension.values] == [type(v) for v in values]
    assert dimension.distribution == (distribution or CategoricalDistribution(list(values)))
    assert dimension.extremes in (values, (values[0], values[-1]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=interval(2,1)", "a=interval(2,1): an interval is two numbers, the lower first"),
        ("a=interval(0,inf)", "the lower first"),
        ("a=tag(log,interval(0,1))", "begins above 0"),
        ("a=tag(lgo,interval(1,2))", "the one tag there is is log"),
        ("a=range(3,1)", "has 0 values"),
        ("a=range(0,1e9,0.1)", "a range has 1 to 1000"),
        ("a=3", "nothing to sweep over; give a key several values"),
    ],
)
def test_a_space_that_holds_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError) as refusal:
        space.divide([text])
    assert message in str(refusal.value)


def test_a_key_has_one_space() -> None:
    with pytest.raises(UserError, match="a: swept over twice"):
        space.divide(["a=1,2", "a=interval(0,1)"])


def test_combinations_are_in_hydras_order() -> None:
    _, dimensions = space.divide(["a=1,2", "b=x,y"])
    assert space.combinations(dimensions) == 4
    assert [space.overrides(params) for params in space.grid(dimensions)] == [
        ["a=1", "b=x"],
        ["a=1", "b=y"],
        ["a=2", "b=x"],
        ["a=2", "b=y"],
    ]
    assert space.combinations([*dimensions, one("c=interval(0,1)")]) is None


def test_a_value_is_found_as_the_space_writes_it() -> None:
    assert one("a=4,8").find(8) == 8
    assert one("a=true,false").find(True) == "True"
    assert one("a=x,null").find(None) == "null"
    assert one("a=4,8").find(5) is None
    assert one("a=int(interval(1,8))").find(3) == 3
    assert one("a=int(interval(1,8))").find(3.5) is None
    assert one("a=interval(0.5,1.5)").find(1) == 1
    assert one("a=interval(0.5,1.5)").find("x") is None

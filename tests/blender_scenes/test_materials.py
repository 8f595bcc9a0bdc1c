from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def jars(answers: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return answers("jars.py")


def test_clear_jars_keep_their_label_and_hide_that_of_what_is_inside(jars: dict[str, Any]) -> None:
    for name, jar in jars.items():
        assert jar["full"]["labels"] == [0, 1], name
        assert jar["full"]["pixels"] == jars["opaque"]["empty"]["pixels"] > 200, name


def test_what_is_in_a_clear_jar_is_seen_and_lit(jars: dict[str, Any]) -> None:
    red, green, _ = jars["clear"]["full"]["middle"]
    assert red > 3 * green
    assert red > 0.25 * jars["clear"]["full"]["beside"][0]
    red, green, _ = jars["opaque"]["full"]["middle"]
    assert red == pytest.approx(green, rel=0.05)


def test_an_empty_jar_shows_what_is_behind_in_its_own_colour(jars: dict[str, Any]) -> None:
    clear, tinted = jars["clear"]["empty"], jars["green"]["empty"]
    assert np.divide(clear["middle"], clear["beside"]).min() > 0.5
    red, green, _ = np.divide(tinted["middle"], tinted["beside"])
    assert green > 1.5 * red
    assert green > 0.2


def test_thin_plastic_lets_some_of_the_inside_through(jars: dict[str, Any]) -> None:
    red, green, _ = jars["thin"]["full"]["middle"]
    assert red > 1.05 * green


def test_coats_shine_and_bumps_shade(jars: dict[str, Any]) -> None:
    plain = jars["opaque"]["empty"]
    assert jars["glossy"]["empty"]["peak"] > 1.1 * plain["peak"]
    assert np.std(np.array(jars["bumpy"]["empty"]["grey"]) - plain["grey"]) > 0.004
    assert jars["metal"]["empty"]["middle"] != pytest.approx(plain["middle"], rel=0.05)

"""How tasks weigh beside each other."""

from __future__ import annotations

from fakes import plain_task, removal

from protocol.tasks import ImageUpload
from server.weighing import cost_units


def test_plain_cut_out_of_a_megapixel_is_the_unit() -> None:
    assert cost_units(removal(), 1_000_000) == 1.0


def test_larger_pictures_weigh_more() -> None:
    assert cost_units(removal(), 12_000_000) > 4 * cost_units(removal(), 1_000_000)


def test_matting_weighs_more() -> None:
    assert cost_units(removal(alpha_matting=True), 1_000_000) > 4


def test_picture_that_was_not_seen_weighs_as_usual() -> None:
    assert cost_units(removal(), 0) == cost_units(removal(), 1_000_000)


def test_nothing_is_weightless() -> None:
    assert cost_units(plain_task(ImageUpload), 1) > 0

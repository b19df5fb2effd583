"""Prices: exact, rounded up once at the sixth place, dearer with alpha matting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from fakes import product_of, removal, uuid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.tasks import ImageBackgroundRemoval, ImageForegroundCrop, ImageUpload, JobTask
from server.pricing import PriceSettings, PriceTable

UPLOAD = ImageUpload(task_uuid=uuid_of(1), image="")


def price(
    task: JobTask | None = None, *, width: int = 1_000, height: int = 1_000, **table: Any
) -> Decimal:
    prices = PriceTable(PriceSettings(**table))
    return prices.price(task or removal(), product_of(width, height))


def matted(threshold: int) -> JobTask:
    return removal(alpha_matting=True, alpha_matting_background_threshold=threshold)


def test_price_is_base_and_rate_times_megapixels() -> None:
    assert price(width=2_000, height=1_500) == Decimal("0.0006") + 3 * Decimal("0.0002")


def test_price_is_exact() -> None:
    table: dict[str, Any] = {
        "base": {"removeBackground": Decimal("0.1")},
        "per_megapixel": Decimal("0.2"),
    }
    assert price(**table) == Decimal("0.3")


def test_price_has_six_places() -> None:
    assert price().as_tuple().exponent == -6


def test_part_of_a_millionth_counts_as_a_whole_one() -> None:
    assert price(width=1, height=1) == Decimal("0.000601")


def test_whole_millionth_is_not_rounded_up() -> None:
    assert price(width=5_000, height=1) == Decimal("0.000601")


def test_price_is_rounded_only_once_at_the_end() -> None:
    # Rounding 0.0000002 up before the factor would make 0.000902, after it 0.000900 + 0.0000003.
    table: dict[str, Any] = {
        "matting_factor": Decimal("1.5"),
        "matting_factor_per_threshold": Decimal(0),
    }
    assert price(matted(10), width=1, height=1, **table) == Decimal("0.000901")


def test_large_pictures_are_priced_exactly() -> None:
    assert price(width=16_384, height=16_384) == Decimal("0.054288")


def test_both_names_of_background_removal_cost_the_same() -> None:
    other = ImageBackgroundRemoval(task_uuid=uuid_of(1), input_image="")
    assert price(other) == price()


def test_type_that_is_not_listed_costs_the_default() -> None:
    assert price(base={}, default_base=Decimal(1), per_megapixel=Decimal(0)) == 1


def test_matting_makes_the_task_dearer() -> None:
    assert price(matted(10)) == price() * Decimal("1.6")


def test_price_grows_with_the_background_threshold() -> None:
    prices = [price(matted(threshold)) for threshold in (1, 10, 50, 239)]
    assert prices == sorted(set(prices))


def test_threshold_costs_nothing_without_matting() -> None:
    assert price(removal(alpha_matting_background_threshold=200)) == price()


def test_upload_is_free() -> None:
    assert price(UPLOAD, width=4_000, height=4_000) == 0


def test_upload_may_be_given_a_price() -> None:
    assert price(UPLOAD, base={"imageUpload": Decimal("0.01")}) == Decimal("0.01")


def test_task_without_a_base_still_pays_for_its_pixels() -> None:
    assert price(base={"removeBackground": Decimal(0)}) == Decimal("0.0002")


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"per_gigapixel": "1"}, PriceSettings)


_money = st.decimals(min_value=0, max_value=1, places=7, allow_nan=False)


@settings(database=None, deadline=None)
@given(_money, _money, st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 239))
def test_rounding_adds_less_than_a_millionth(
    base: Decimal, rate: Decimal, width: int, height: int, threshold: int
) -> None:
    charged = price(
        matted(threshold),
        width=width,
        height=height,
        base={"removeBackground": base},
        per_megapixel=rate,
    )
    factor = Decimal("1.5") + Decimal("0.01") * threshold
    exact = (base + rate * width * height / 1_000_000) * factor
    assert 0 <= charged - exact < Decimal("0.000001")


@given(st.integers(1, 7_000), st.integers(1, 7_000), st.booleans())
def test_highest_price_is_never_below_the_price(width: int, height: int, is_matted: bool) -> None:
    task = removal(alpha_matting=is_matted)
    prices = PriceTable(PriceSettings())
    highest = prices.highest(task, width * height, 50_000_000)
    assert highest >= prices.price(task, product_of(width, height))


def test_highest_price_of_a_padded_crop_is_that_of_the_largest_picture() -> None:
    prices = PriceTable(PriceSettings())
    crop = ImageForegroundCrop(task_uuid=uuid_of(1), input_image="", padding=1)
    assert prices.highest(crop, 4, 50_000_000) == prices.highest(crop, 0, 50_000_000)

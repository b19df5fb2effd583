import numpy as np
import pytest
from PIL import Image

from inference.models.row import IMAGENET_DEVIATION, IMAGENET_MEAN, Row
from inference.models.tensors import (
    enlarge_as_rembg,
    to_fill,
    to_fill_input,
    to_input,
    to_mask,
    to_scores,
)
from protocol.errors import InferenceFailed

SIDE = 4


def row(**fields) -> Row:
    return Row(
        **{"name": "net", "task": "segment", "file": "net.onnx", "size": (SIDE, SIDE), **fields}
    )


def photo(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 200, (height, width, 3), np.uint8)


def test_bytes_go_through_untouched() -> None:
    rgb = photo()

    item = to_input(rgb, row(layout="NHWC", dtype="uint8", scaling="none"))

    assert item.dtype == np.uint8
    np.testing.assert_array_equal(item, rgb)


def test_channels_come_first_in_nchw_and_are_contiguous() -> None:
    rgb = photo()

    item = to_input(rgb, row(dtype="uint8", scaling="none"))

    np.testing.assert_array_equal(item, rgb.transpose(2, 0, 1))
    assert item.flags.c_contiguous


def test_colours_turn_round_for_bgr() -> None:
    rgb = photo()

    item = to_input(rgb, row(layout="NHWC", dtype="uint8", scaling="none", colour="BGR"))

    np.testing.assert_array_equal(item, rgb[:, :, ::-1])


@pytest.mark.parametrize(("scaling", "whole"), [("none", 1.0), ("255", 255.0), ("maximum", 199.0)])
def test_pixels_are_scaled_then_normalised(scaling: str, whole: float) -> None:
    rgb = photo()
    rgb[0, 0, 0] = 199

    item = to_input(rgb, row(scaling=scaling, mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION))

    wanted = (rgb / whole - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_DEVIATION)
    assert item.dtype == np.float32
    np.testing.assert_allclose(item, wanted.transpose(2, 0, 1), rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_mean_and_deviation_are_those_of_the_networks_own_order(layout: str) -> None:
    rgb = photo()
    fields = {"mean": (0.1, 0.2, 0.3), "deviation": (0.5, 0.6, 0.7)}

    item = to_input(rgb, row(colour="BGR", layout=layout, **fields))

    wanted = (rgb[:, :, ::-1] / 255 - (0.1, 0.2, 0.3)) / (0.5, 0.6, 0.7)
    wanted = wanted.transpose(2, 0, 1) if layout == "NCHW" else wanted
    assert item.flags.c_contiguous
    np.testing.assert_allclose(item, wanted, atol=1e-6)


@pytest.mark.parametrize("size", [(SIDE, SIDE), (5, 3)])
def test_rembgs_numbers_are_its_own_to_the_last_bit(size: tuple[int, int]) -> None:
    rgb = photo(9, 7)
    fields = {"mean": IMAGENET_MEAN, "deviation": IMAGENET_DEVIATION}

    item = to_input(rgb, row(size=size, is_rembg_exact=True, **fields))

    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
    wanted = (small / small.max() - IMAGENET_MEAN) / IMAGENET_DEVIATION
    np.testing.assert_array_equal(item, wanted.transpose(2, 0, 1).astype(np.float32))


def test_black_picture_divides_by_no_zero() -> None:
    assert np.isfinite(to_input(np.zeros((SIDE, SIDE, 3), np.uint8), row(scaling="maximum"))).all()


@pytest.mark.parametrize("resize", ["area", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("shape", [(9, 7), (1, 1), (2, 30), (4, 4)])
def test_any_picture_comes_to_the_models_size(shape: tuple[int, int], resize: str) -> None:
    item = to_input(photo(*shape), row(size=(5, 3), resize=resize))

    assert item.shape == (3, 3, 5)


def test_area_is_the_mean_of_what_lies_under_a_pixel() -> None:
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[:, ::2] = 100

    item = to_input(rgb, row(layout="NHWC", dtype="uint8", scaling="none"))

    assert (item == 50).all()


@pytest.mark.parametrize("shape", [(1, SIDE, SIDE), (SIDE, SIDE, 1), (SIDE, SIDE)])
def test_mask_has_two_axes_whatever_the_output_had(shape: tuple[int, ...]) -> None:
    mask = to_mask(np.full(shape, 0.25, np.float32), row())

    assert mask.shape == (SIDE, SIDE)
    assert mask.dtype == np.float32
    assert (mask == 0.25).all()


def test_mask_stays_between_0_and_1() -> None:
    mask = to_mask(np.linspace(-2, 2, 16, dtype=np.float32).reshape(1, 4, 4), row())

    assert (mask.min(), mask.max()) == (0.0, 1.0)


def test_sigmoid_takes_the_largest_logits_without_a_warning() -> None:
    logits = np.tile(np.array([-1e4, 0.0, 1e4], np.float32), (1, 2, 1))

    mask = to_mask(logits, row(activation="sigmoid"))

    np.testing.assert_array_equal(mask[0], [0.0, 0.5, 1.0])


def test_min_max_stretches() -> None:
    output = np.linspace(0.2, 0.6, 16, dtype=np.float32).reshape(1, 4, 4)

    mask = to_mask(output, row(activation="min-max"))

    assert (mask.min(), mask.max()) == (0.0, 1.0)


@pytest.mark.parametrize("is_rembg_exact", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_prediction_stays_what_it_is(value: float, is_rembg_exact: bool) -> None:
    output = np.full((1, SIDE, SIDE), value, np.float32)

    mask = to_mask(output, row(activation="min-max", is_rembg_exact=is_rembg_exact))

    np.testing.assert_allclose(mask, value, atol=1 / 255)


def test_two_planes_are_a_form_we_do_not_know() -> None:
    with pytest.raises(InferenceFailed):
        to_mask(np.zeros((2, SIDE, SIDE), np.float32), row())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_fail(bad: float) -> None:
    output = np.zeros((1, SIDE, SIDE), np.float32)
    output[0, 0, 0] = bad

    with pytest.raises(InferenceFailed):
        to_mask(output, row())


def test_enlarged_as_rembg_comes_as_bytes_of_the_pictures_size() -> None:
    mask = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)

    grey = enlarge_as_rembg(mask, (10, 6))

    assert grey.shape == (6, 10)
    assert grey.dtype == np.uint8


@pytest.mark.parametrize(
    ("fields", "inside", "outside"),
    [
        ({}, 1.0, 0.0),
        ({"dtype": "uint8", "scaling": "none", "hole": "black"}, 0, 255),
    ],
)
def test_hole_is_marked_as_the_row_says(
    fields: dict[str, str], inside: float, outside: float
) -> None:
    hole = np.zeros((8, 8), np.bool_)
    hole[3, 3] = True

    item = to_fill_input(photo(8, 8), hole, row(task="inpaint", **fields))

    wanted = np.full((SIDE, SIDE), outside)
    wanted[1, 1] = inside
    assert item.shape == (4, SIDE, SIDE)
    np.testing.assert_array_equal(item[3], wanted)


@pytest.mark.parametrize(("maximum", "value"), [(1.0, 0.5), (255.0, 127.5)])
def test_fill_comes_back_as_pixels(maximum: float, value: float) -> None:
    output = np.full((3, SIDE, SIDE), value, np.float32)
    output[0, 0, 0] = 2 * maximum

    pixels = to_fill(output, row(task="inpaint", output_maximum=maximum))

    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels[0, 0].tolist() == [255, 128, 128]


def test_scores_carry_their_labels() -> None:
    nsfw = row(task="classify", labels=("a", "b"))

    assert to_scores(np.array([0.25, 0.75], np.float32), nsfw) == {"a": 0.25, "b": 0.75}
    with pytest.raises(InferenceFailed):
        to_scores(np.zeros(3, np.float32), nsfw)

"""What comes back: its field, its format, its mode, its colours, its cost."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest
from integration.conftest import Connect
from integration.pictures import FIELDS, FORMATS, MEDIA_TYPES, file_of, picture_of, scene_uri
from integration.service import Service
from integration.tasks import removal, upload, without

SIZE = (96, 72)
CENTRE, CORNER = (48, 38), (2, 2)
COLOUR = (200, 30, 60)


@pytest.mark.parametrize("output_type", FIELDS)
@pytest.mark.parametrize("output_format", FORMATS)
async def test_every_type_holds_every_format(
    service: Service, connect: Connect, output_type: str, output_format: str
) -> None:
    client = await connect(service)
    task = removal(outputType=output_type, outputFormat=output_format)
    result = await client.run(task)
    picture = await picture_of(result)
    assert (picture.format, picture.size) == (FORMATS[output_format], SIZE)
    assert picture.mode == ("RGB" if output_format == "JPG" else "RGBA")


@pytest.mark.parametrize("output_type", FIELDS)
async def test_exactly_one_image_field_is_there(
    service: Service, connect: Connect, output_type: str
) -> None:
    client = await connect(service)
    result = await client.run(removal(outputType=output_type))
    assert set(FIELDS.values()) & set(result) == {FIELDS[output_type]}


@pytest.mark.parametrize("output_format", FORMATS)
async def test_data_uri_says_its_media_type(
    service: Service, connect: Connect, output_format: str
) -> None:
    client = await connect(service)
    result = await client.run(removal(outputType="dataURI", outputFormat=output_format))
    assert result["imageDataURI"].startswith(f"data:{MEDIA_TYPES[output_format]};base64,")


async def test_default_is_a_url_of_a_png(service: Service, connect: Connect) -> None:
    client = await connect(service)
    result = await client.run(removal())
    assert (await picture_of(result)).format == "PNG"
    assert ".png?" in result["imageURL"]


@pytest.mark.parametrize("output_format", ["png", "Jpg", "webp"])
async def test_format_is_taken_in_any_case(
    service: Service, connect: Connect, output_format: str
) -> None:
    client = await connect(service)
    picture = await picture_of(await client.run(removal(outputFormat=output_format)))
    assert picture.format == FORMATS[output_format.upper()]


async def test_cut_out_is_opaque_inside_and_transparent_outside(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    alpha = (await picture_of(await client.run(removal()))).getchannel("A")
    assert alpha.getpixel(CENTRE) > 200
    assert alpha.getpixel(CORNER) < 40


@pytest.mark.parametrize("given", [255, 1])
async def test_rgba_lies_behind_the_subject(
    service: Service, connect: Connect, given: float
) -> None:
    client = await connect(service)
    picture = await picture_of(await client.run(removal(rgba=[*COLOUR, given])))
    assert _is_like(picture.convert("RGBA").getpixel(CORNER), (*COLOUR, 255))


async def test_rgba_with_half_an_alpha_is_half_transparent(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    picture = await picture_of(await client.run(removal(rgba=[*COLOUR, 0.5])))
    assert 118 <= picture.getpixel(CORNER)[3] <= 170


async def test_transparent_rgba_keeps_the_ground_transparent(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    picture = await picture_of(await client.run(removal(rgba=[255, 255, 255, 0])))
    assert picture.getpixel(CORNER)[3] < 40


async def test_jpg_lies_on_white(service: Service, connect: Connect) -> None:
    client = await connect(service)
    picture = await picture_of(await client.run(removal(outputFormat="JPG")))
    assert _is_like(picture.getpixel(CORNER), (255, 255, 255))


async def test_jpg_lies_on_rgba(service: Service, connect: Connect) -> None:
    client = await connect(service)
    task = removal(outputFormat="JPG", rgba=[*COLOUR, 255])
    assert _is_like((await picture_of(await client.run(task))).getpixel(CORNER), COLOUR)


@pytest.mark.parametrize(("output_format", "mode"), [("PNG", "L"), ("JPG", "L"), ("WEBP", "RGB")])
async def test_mask_is_grey_and_of_the_inputs_size(
    service: Service, connect: Connect, output_format: str, mode: str
) -> None:
    client = await connect(service)
    task = removal(scene_uri(70, 130), returnOnlyMask=True, outputFormat=output_format)
    picture = await picture_of(await client.run(task))
    assert (picture.mode, picture.size) == (mode, (70, 130))


async def test_mask_is_white_where_the_subject_is(service: Service, connect: Connect) -> None:
    client = await connect(service)
    mask = await picture_of(await client.run(removal(returnOnlyMask=True)))
    assert mask.getpixel(CENTRE) > 200
    assert mask.getpixel(CORNER) < 40


async def test_mask_is_the_alpha_of_the_cut_out(service: Service, connect: Connect) -> None:
    client = await connect(service)
    mask = await picture_of(await client.run(removal(returnOnlyMask=True)))
    cut = await picture_of(await client.run(removal()))
    assert mask.tobytes() == cut.getchannel("A").tobytes()


async def test_lower_quality_makes_a_smaller_file(service: Service, connect: Connect) -> None:
    client = await connect(service)
    sizes = []
    for quality in (20, 99):
        task = removal(outputFormat="JPG", outputQuality=quality, rgba=[*COLOUR, 255])
        sizes.append(len(await file_of(await client.run(task))))
    assert sizes[0] < sizes[1]


async def test_every_setting_at_once_runs(service: Service, connect: Connect) -> None:
    client = await connect(service)
    settings = {
        "rgba": [1, 2, 3, 4],
        "postProcessMask": True,
        "returnOnlyMask": False,
        "alphaMatting": True,
        "alphaMattingForegroundThreshold": 230,
        "alphaMattingBackgroundThreshold": 20,
        "alphaMattingErodeSize": 3,
    }
    assert (await picture_of(await client.run(removal(settings=settings)))).size == SIZE


async def test_fields_that_clients_send_and_nobody_needs_are_ignored(
    service: Service, connect: Connect
) -> None:
    client = await connect(service)
    ignored = {"providerSettings": {"a": {}}, "routing": "x", "acceleratorOptions": [1]}
    assert "imageURL" in await client.run(removal(numberResults=1) | ignored)


@pytest.mark.parametrize("include_cost", [None, False])
async def test_cost_is_absent_unless_asked_for(
    service: Service, connect: Connect, include_cost: bool | None
) -> None:
    client = await connect(service)
    task = removal(includeCost=include_cost)
    result = await client.run(without(task, "includeCost") if include_cost is None else task)
    assert "cost" not in result


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({}, "1"),
        ({"alphaMatting": True}, "1.6"),
        ({"alphaMatting": True, "alphaMattingBackgroundThreshold": 35}, "1.85"),
    ],
)
async def test_cost_is_exact(
    service: Service, connect: Connect, settings: dict[str, object], factor: str
) -> None:
    client = await connect(service)
    result = await client.run(removal(scene_uri(333, 217), includeCost=True, settings=settings))
    exact = (Decimal("0.0006") + Decimal("0.0002") * 333 * 217 / 1_000_000) * Decimal(factor)
    assert result["cost"] == exact.quantize(Decimal("0.000001"), ROUND_CEILING)


async def test_cost_is_a_plain_number_in_the_frame(service: Service, connect: Connect) -> None:
    client = await connect(service)
    await client.run(removal(includeCost=True))
    assert '"cost":0.000602' in client.texts[-1]


async def test_upload_has_no_cost_field(service: Service, connect: Connect) -> None:
    client = await connect(service)
    error = await client.run(upload(includeCost=True))
    assert (error["code"], error["parameter"]) == ("unknownParameter", "includeCost")


def _is_like(pixel: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(pixel, wanted, strict=True))

"""Every form in which a picture can be given, and what is done with it before anything else."""

from __future__ import annotations

import pytest
from integration.conftest import Connect
from integration.pictures import (
    base64_of,
    data_uri,
    download,
    encoded,
    opened,
    picture_of,
    scene,
    scene_uri,
)
from integration.service import OTHER_KEY, Service
from integration.sources import PictureServer
from integration.tasks import new_uuid, removal, upload
from PIL import Image

SIZE = (61, 47)
ORIENTATION = 0x0112
ALIASES = {"PNG": scene(*SIZE), "JPG": scene(*SIZE), "WEBP": scene(*SIZE)}


async def test_upload_is_an_input(service: Service, connect: Connect) -> None:
    client = await connect(service)
    stored = await client.run(upload(scene_uri(*SIZE)))
    result = await client.run(removal(stored["imageUUID"]))
    assert (await picture_of(result)).size == SIZE
    assert result["inputImageUUID"] == stored["imageUUID"]


async def test_result_is_an_input(service: Service, connect: Connect) -> None:
    client = await connect(service)
    first = await client.run(removal(scene_uri(*SIZE)))
    assert (await picture_of(await client.run(removal(first["imageUUID"])))).size == SIZE


@pytest.mark.parametrize("kind", ALIASES)
async def test_data_uri_is_an_input(service: Service, connect: Connect, kind: str) -> None:
    client = await connect(service)
    result = await client.run(removal(data_uri(encoded(ALIASES[kind], kind), kind)))
    assert (await picture_of(result)).size == SIZE


@pytest.mark.parametrize("kind", ALIASES)
async def test_bare_base64_is_an_input(service: Service, connect: Connect, kind: str) -> None:
    client = await connect(service)
    result = await client.run(removal(base64_of(encoded(ALIASES[kind], kind))))
    assert (await picture_of(result)).size == SIZE


async def test_bytes_count_not_the_media_type(service: Service, connect: Connect) -> None:
    client = await connect(service)
    result = await client.run(removal(data_uri(encoded(scene(*SIZE), "WEBP"), "PNG")))
    assert (await picture_of(result)).size == SIZE


async def test_url_is_an_input(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service)
    source = sources.open(encoded(scene(*SIZE)))
    assert (await picture_of(await client.run(removal(source.url)))).size == SIZE


async def test_upload_takes_a_url(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service)
    stored = await client.run(upload(sources.open(encoded(scene(*SIZE))).url))
    assert opened(await download(stored["imageURL"])).size == SIZE


async def test_url_of_ours_is_an_input(lan_service: Service, connect: Connect) -> None:
    client = await connect(lan_service)
    stored = await client.run(upload(scene_uri(*SIZE)))
    assert (await picture_of(await client.run(removal(stored["imageURL"])))).size == SIZE


async def test_private_url_is_refused_and_nothing_connects(
    service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(service)
    error = await client.run(removal(sources.open().url))
    assert (error["code"], error["parameter"]) == ("invalidInputImage", "inputImage")
    assert sources.connections == 0


async def test_metadata_address_is_refused_even_where_private_ones_are_allowed(
    lan_service: Service, connect: Connect
) -> None:
    client = await connect(lan_service)
    error = await client.run(removal("http://169.254.169.254/latest/meta-data/"))
    assert error["code"] == "invalidInputImage"


async def test_url_that_answers_404_is_download_failed(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service)
    error = await client.run(removal(sources.open(status=404).url))
    assert (error["code"], error["parameter"]) == ("downloadFailed", "inputImage")


async def test_url_without_a_picture_is_invalid(
    lan_service: Service, connect: Connect, sources: PictureServer
) -> None:
    client = await connect(lan_service)
    error = await client.run(removal(sources.open(b"<html>no picture</html>").url))
    assert (error["code"], error["parameter"]) == ("invalidInputImage", "inputImage")


@pytest.mark.parametrize("make", [upload, removal])
async def test_image_of_another_tenant_is_like_one_that_never_was(
    service: Service, connect: Connect, make
) -> None:
    owner, other = await connect(service), await connect(service, OTHER_KEY)
    stored = await owner.run(make())
    stolen = await other.run(removal(stored["imageUUID"]))
    missing = await other.run(removal(new_uuid()))
    del stolen["taskUUID"], missing["taskUUID"]
    assert stolen == missing
    assert stolen["code"] == "invalidInputImage"


async def test_upload_is_stored_at_full_size(service: Service, connect: Connect) -> None:
    client = await connect(service)
    stored = await client.run(upload(data_uri(encoded(Image.new("RGB", (2300, 40))))))
    assert opened(await download(stored["imageURL"])).size == (2300, 40)


@pytest.mark.parametrize("make", [upload, removal])
async def test_exif_orientation_is_applied_and_gone(
    service: Service, connect: Connect, make
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    sideways = data_uri(encoded(scene(80, 50), "JPG", exif=exif.tobytes()), "JPG")
    client = await connect(service)
    picture = await picture_of(await client.run(make(sideways)))
    assert picture.size == (50, 80)
    assert ORIENTATION not in picture.getexif()


async def test_own_alpha_bounds_the_result(service: Service, connect: Connect) -> None:
    cut = scene().convert("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, 48, 72))  # the left half is gone before we are asked
    client = await connect(service)
    picture = await picture_of(await client.run(removal(data_uri(encoded(cut)))))
    left = picture.getchannel("A").crop((0, 0, 48, 72))
    assert left.getextrema() == (0, 0)
    assert picture.getchannel("A").getextrema()[1] > 0


@pytest.mark.parametrize("mode", ["L", "LA", "P", "I;16", "CMYK", "1"])
async def test_every_colour_mode_is_an_input(service: Service, connect: Connect, mode: str) -> None:
    kind = "JPG" if mode == "CMYK" else "PNG"
    grey = Image.linear_gradient("L").resize(SIZE)
    picture = Image.new(mode, SIZE) if mode == "I;16" else grey.convert(mode)
    client = await connect(service)
    result = await client.run(removal(data_uri(encoded(picture, kind), kind)))
    assert (await picture_of(result)).size == SIZE

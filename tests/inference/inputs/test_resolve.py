"""What the value of an image field is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis.strategies import binary, sampled_from, text

from inference.inputs.resolve import (
    ImageId,
    InlineImage,
    RemoteImage,
    classify,
    decode_inline,
)
from protocol.errors import CutwireError, ForbiddenAddress, ImageTooLarge, MalformedImage

UUID = "c0de2f1e-7a39-4a55-9b1c-0123456789ab"
FORMS = "a UUID of an upload or a result, a data URI, base64 data, or an http(s) URL"


def decode(value: str, limit_bytes: int = 1000) -> bytes:
    return decode_inline(value, "inputImage", limit_bytes)


def message_for(value: str) -> str:
    with pytest.raises(MalformedImage) as caught:
        decode(value)
    return caught.value.message


@pytest.mark.parametrize("value", [UUID, UUID.upper(), "00000000-0000-0000-0000-000000000000"])
def test_a_uuid_is_an_image_id_in_lower_case(value: str) -> None:
    assert classify(value, "inputImage") == ImageId(value.lower())


@pytest.mark.parametrize("value", [UUID.replace("-", ""), UUID[:-1]])
def test_a_uuid_has_its_dashes_and_its_length(value: str) -> None:
    assert isinstance(classify(value, "inputImage"), InlineImage)


@pytest.mark.parametrize("value", ["http://example.com/a.png", "HTTPS://example.com", "http://"])
def test_an_http_url_is_remote_and_judged_later(value: str) -> None:
    assert classify(value, "inputImage") == RemoteImage(value)


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AAAA",
        "DATA:IMAGE/PNG;BASE64,AAAA",
        "data:image/svg+xml;base64,AAAA",
        "data:image/png;charset=utf-8;base64,AAAA",
        "data:;base64,AAAA",
        "data:application/octet-stream;base64,AAAA",
    ],
)
def test_a_data_uri_of_an_image_is_inline(value: str) -> None:
    assert classify(value, "inputImage") == InlineImage("AAAA")


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,",
        "data:image/png;base64, \n",
        "data:image/png,abc",
        "data:image/png",
        "data:",
        "data:,",
        "data:base64,AAAA",
        "data:text/html;base64,AAAA",
        "data:text/plain;base64,AAAA",
        "data:image/;base64,AAAA",
        "data:image/png" + ";a=b" * 100 + ";base64,AAAA",
    ],
)
def test_any_other_data_uri_is_malformed(value: str) -> None:
    with pytest.raises(MalformedImage):
        classify(value, "inputImage")


@pytest.mark.parametrize("value", ["", " ", "\n\t"])
def test_an_empty_value_is_malformed(value: str) -> None:
    with pytest.raises(MalformedImage):
        classify(value, "inputImage")


@pytest.mark.parametrize(
    "value",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "javascript:alert(1)",
        "gopher://127.0.0.1:1/_x",
        " http://example.com/",
        "ht\ntp://example.com/",
        "view-source:http://example.com/",
        "AAAA://",
    ],
)
def test_a_url_that_is_not_http_is_forbidden(value: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        classify(value, "inputImage")
    assert caught.value.parameter == "inputImage"


@pytest.mark.parametrize(
    "value",
    [
        "/etc/passwd",
        "//example.com/a.png",
        "../../etc/passwd",
        "./a.png",
        "~/a.png",
        "\\\\evil\\share\\a.png",
        "C:\\a.png",
    ],
)
def test_a_path_is_malformed(value: str) -> None:
    with pytest.raises(MalformedImage, match=r"names a file"):
        classify(value, "inputImage")


@pytest.mark.parametrize("value", ["/9j/4AAQSkZJRg==", "iVBORw0KGgo=", "UklGRg", "http", "!!!!"])
def test_anything_else_is_taken_for_base64(value: str) -> None:
    assert classify(value, "inputImage") == InlineImage(value)


def test_a_malformed_value_is_told_the_accepted_forms() -> None:
    with pytest.raises(MalformedImage) as caught:
        decode("!!!!not base64!!!!")
    assert FORMS in caught.value.message
    assert caught.value.parameter == "inputImage"


@given(text(alphabet="<script>\x00\x1b\r\n'\"@!:/", min_size=1, max_size=200))
def test_values_are_not_echoed(value: str) -> None:
    with pytest.raises(CutwireError) as caught:
        decode("!" + value)
    assert caught.value.message == message_for("!")


@given(text(alphabet="<script>\x00\x1b\r\n'\"@!:/", max_size=200))
def test_forbidden_places_are_not_echoed(value: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        classify("file:" + value, "inputImage")
    assert "<" not in caught.value.message


@given(binary(max_size=100), sampled_from(["standard", "urlsafe"]), sampled_from(["=", ""]))
def test_both_alphabets_decode_with_and_without_padding(
    data: bytes, alphabet: str, padding: str
) -> None:
    encode = base64.urlsafe_b64encode if alphabet == "urlsafe" else base64.standard_b64encode
    encoded = encode(data).decode()
    assert decode(encoded if padding else encoded.rstrip("=")) == data


@pytest.mark.parametrize("value", ["QU\r\nJD", " QUJD\n", "Q U J D", "QUI=\r\n", "QU\tJD"])
def test_spaces_and_line_breaks_are_skipped(value: str) -> None:
    assert decode(value) in (b"ABC", b"AB")


@pytest.mark.parametrize(
    "value",
    [
        "A",
        "QUJDA",
        "QQ=",
        "QQ===",
        "QUJD=",
        "=QQ=",
        "====",
        "=",
        "QQ==QQ==",
        "QU\x00D",
        "QU\x0bJD",
        "é",
        "ＱＱ＝＝",
        "+-AA",
        "/_AA",
        "@@@@",
        "\ud800AAA",
    ],
)
def test_broken_base64_is_malformed(value: str) -> None:
    with pytest.raises(MalformedImage):
        decode(value)


@pytest.mark.parametrize("size", [9, 10, 11, 12])
def test_the_limit_itself_is_allowed(size: int) -> None:
    assert len(decode(base64.b64encode(bytes(size)).decode(), limit_bytes=size)) == size


@pytest.mark.parametrize("size", [10, 11, 12, 13])
@pytest.mark.parametrize("padding", ["=", ""])
def test_one_byte_over_the_limit_is_too_large(size: int, padding: str) -> None:
    encoded = base64.b64encode(bytes(size)).decode()
    with pytest.raises(ImageTooLarge) as caught:
        decode(encoded if padding else encoded.rstrip("="), limit_bytes=size - 1)
    assert caught.value.constraint.max == size - 1


def test_the_size_is_judged_before_anything_is_decoded() -> None:
    with pytest.raises(ImageTooLarge):
        decode("!" * 2000)


@given(text(max_size=200))
def test_no_value_raises_anything_but_our_errors(value: str) -> None:
    for each in (value, f"data:{value}", f"data:image/png;base64,{value}", f"http{value}"):
        try:
            found = classify(each, "inputImage")
            if isinstance(found, InlineImage):
                decode(found.text)
        except CutwireError:
            continue

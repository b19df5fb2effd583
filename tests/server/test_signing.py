"""Signed URLs: what we signed opens until it expires, and nothing else does."""

from __future__ import annotations

import base64
import hmac
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import StorageUnavailable
from server.signing import SKEW_S, UrlSigner, load_secret

PATH = "/im/0a1b2c3d/6f0c4e1e-0000-4000-8000-000000000001.png"
SECRET, OLD_SECRET = b"s" * 32, b"o" * 32


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signer(clock: FakeClock) -> UrlSigner:
    return UrlSigner((SECRET,), clock)


def parts(url: str) -> tuple[str, str, str]:
    """Path, expiry and signature of a signed URL."""
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path, query["exp"][0], query["sig"][0]


@pytest.mark.parametrize("size", [1, 32, 64, 65, 200])
def test_signature_is_hmac_sha256_with_a_secret_of_any_size(size: int, clock: FakeClock) -> None:
    secret = b"k" * size
    path, expires, signature = parts(UrlSigner((secret,), clock).sign(PATH, 60))
    expected = hmac.digest(secret, f"{path}\n{expires}".encode(), "sha256")
    assert base64.urlsafe_b64decode(signature + "=") == expected


def test_signed_url_is_valid(signer: UrlSigner) -> None:
    assert signer.is_valid(*parts(signer.sign(PATH, 60)))


def test_signed_url_names_its_end(signer: UrlSigner, clock: FakeClock) -> None:
    assert parts(signer.sign(PATH, 60))[1] == str(int(clock.now) + 60)


def test_url_is_valid_until_its_end(signer: UrlSigner, clock: FakeClock) -> None:
    url = signer.sign(PATH, 60)
    clock.advance(60)
    assert signer.is_valid(*parts(url))


def test_url_stays_valid_for_as_long_as_clocks_may_differ(
    signer: UrlSigner, clock: FakeClock
) -> None:
    url = signer.sign(PATH, 60)
    clock.advance(60 + SKEW_S)
    assert signer.is_valid(*parts(url))


def test_url_is_not_valid_afterwards(signer: UrlSigner, clock: FakeClock) -> None:
    url = signer.sign(PATH, 60)
    clock.advance(60 + SKEW_S + 1)
    assert not signer.is_valid(*parts(url))


def test_end_cannot_be_put_off(signer: UrlSigner) -> None:
    path, expires, signature = parts(signer.sign(PATH, 60))
    assert not signer.is_valid(path, str(int(expires) + 1), signature)


@pytest.mark.parametrize(
    "other",
    [PATH + "x", PATH[:-1], PATH.upper(), PATH.replace("im", "up"), "/" + PATH, PATH + "\n1", ""],
)
def test_signature_opens_no_other_path(signer: UrlSigner, other: str) -> None:
    _, expires, signature = parts(signer.sign(PATH, 60))
    assert not signer.is_valid(other, expires, signature)


@pytest.mark.parametrize(
    "expires",
    ["", "x", "-1", "1e9", "1060.0", "0x424", " 1060", "1060 ", "+1060", "01060", "1_060", "١٠٦٠",
     "9" * 13, "9" * 5_000],
)  # fmt: skip
def test_end_in_any_other_form_is_refused(signer: UrlSigner, expires: str) -> None:
    path, _, signature = parts(signer.sign(PATH, 60))
    assert not signer.is_valid(path, expires, signature)


@pytest.mark.parametrize("change", ["", "x", "=", " ", "\ud800", "é"])
def test_signature_in_any_other_form_is_refused(signer: UrlSigner, change: str) -> None:
    path, expires, signature = parts(signer.sign(PATH, 60))
    assert not signer.is_valid(path, expires, change or "")
    assert not change or not signer.is_valid(path, expires, signature + change)


@settings(database=None, deadline=None)
@given(st.integers(0, 200), st.characters(codec="ascii", categories=("L", "N", "P")))
def test_any_change_makes_a_url_invalid(place: int, char: str) -> None:
    signer = UrlSigner((SECRET,), FakeClock())
    given_parts = parts(signer.sign(PATH, 60))
    text = "\0".join(given_parts)
    place %= len(text)
    changed = text[:place] + char + text[place + 1 :]
    if changed == text or changed.count("\0") != 2:
        return
    path, expires, signature = changed.split("\0")
    assert not signer.is_valid(path, expires, signature)


def test_another_secret_does_not_open_it(signer: UrlSigner, clock: FakeClock) -> None:
    stranger = UrlSigner((b"x" * 32,), clock)
    assert not signer.is_valid(*parts(stranger.sign(PATH, 60)))


def test_url_of_the_secret_before_stays_valid(clock: FakeClock) -> None:
    url = UrlSigner((OLD_SECRET,), clock).sign(PATH, 60)
    assert UrlSigner((SECRET, OLD_SECRET), clock).is_valid(*parts(url))


def test_new_urls_are_signed_with_the_first_secret(clock: FakeClock) -> None:
    url = UrlSigner((SECRET, OLD_SECRET), clock).sign(PATH, 60)
    assert UrlSigner((SECRET,), clock).is_valid(*parts(url))


def test_secret_that_was_dropped_opens_nothing(clock: FakeClock) -> None:
    url = UrlSigner((OLD_SECRET,), clock).sign(PATH, 60)
    assert not UrlSigner((SECRET,), clock).is_valid(*parts(url))


def test_time_left_is_told(signer: UrlSigner, clock: FakeClock) -> None:
    _, expires, _ = parts(signer.sign(PATH, 60))
    clock.advance(20)
    assert signer.seconds_left(expires) == 40


def test_time_left_is_never_negative(signer: UrlSigner, clock: FakeClock) -> None:
    _, expires, _ = parts(signer.sign(PATH, 60))
    clock.advance(100)
    assert signer.seconds_left(expires) == 0


# The secret


def test_secret_is_made_at_the_first_start(tmp_path: Path) -> None:
    assert len(load_secret(tmp_path)) == 32


def test_secret_stays_the_same(tmp_path: Path) -> None:
    assert load_secret(tmp_path) == load_secret(tmp_path)


def test_every_data_directory_has_its_own_secret(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_secret(tmp_path / "a") != load_secret(tmp_path / "b")


def test_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    load_secret(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


def test_leftover_of_a_crash_does_not_open_the_secret_to_others(tmp_path: Path) -> None:
    leftover = tmp_path / "signing.new"
    leftover.write_bytes(b"")
    leftover.chmod(0o644)
    load_secret(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [0, 16, 31])
def test_short_secret_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "signing.key").write_bytes(bytes(size))
    with pytest.raises(StorageUnavailable, match=r"signing\.key"):
        load_secret(tmp_path)

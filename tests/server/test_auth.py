"""API keys: recognised by their digests, kept for their owner's eyes, guessed in vain."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from fakes import FakeClock

from protocol.errors import InsufficientPermissions, InvalidApiKey, StorageUnavailable
from server.auth import (
    LOOK_EVERY_S,
    Caller,
    KeyFile,
    KeyRing,
    StoredKey,
    WrongKeys,
    digest_of,
    new_key,
    stored_key,
)

KEY = "cw_the-right-key-0000"


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([stored_key("cw_another", "other"), stored_key(KEY, "acme")])


def test_right_key_tells_its_tenant(ring: KeyRing) -> None:
    assert ring.identify(KEY).tenant == "acme"


def test_caller_is_known_by_a_part_of_the_digest(ring: KeyRing) -> None:
    assert ring.identify(KEY) == Caller("acme", digest_of(KEY)[:12])


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "wrong-key-0000",
        KEY[:-1],
        KEY + " ",
        " " + KEY,
        KEY.swapcase(),
        KEY + "\x00",
        "k" * 100_000,
        "x\r\nINFO admin logged in",
        "ключ",
        "\x1b[2J",
        "' OR '1'='1",
        "*",
        "\ud800",
        digest_of(KEY),
        digest_of(KEY)[:12],
    ],
)
def test_any_other_text_is_refused(ring: KeyRing, wrong: str) -> None:
    with pytest.raises(InvalidApiKey) as caught:
        ring.identify(wrong)
    assert caught.value.parameter == "apiKey"


def test_refusal_does_not_repeat_the_key(ring: KeyRing) -> None:
    with pytest.raises(InvalidApiKey) as caught:
        ring.identify("wrong-key-0000")
    assert "wrong-key" not in caught.value.message + caught.value.detail


def test_key_allows_everything_unless_it_says_otherwise(ring: KeyRing) -> None:
    ring.identify(KEY).check_may("imageErase")


def test_key_of_some_task_types_allows_no_other() -> None:
    caller = KeyRing([stored_key(KEY, "acme", task_types=("imageErase",))]).identify(KEY)
    caller.check_may("imageErase")
    with pytest.raises(InsufficientPermissions, match=r"imageUpload; allowed: imageErase"):
        caller.check_may("imageUpload")


@pytest.mark.parametrize("key", ["key0", "key4", "key9", "nobody's"])
def test_every_key_is_compared_whichever_is_right(key: str) -> None:
    asked: list[int] = []

    class Watched(StoredKey, frozen=True):
        def __getattribute__(self, name: str) -> object:
            if name == "digest":
                asked.append(int(super().__getattribute__("label")))
            return super().__getattribute__(name)

    ring = KeyRing(
        Watched(digest=digest_of(f"key{n}"), tenant="acme", label=str(n)) for n in range(10)
    )
    with contextlib.suppress(InvalidApiKey):
        ring.identify(key)
    assert asked[:10] == list(range(10))


def test_nobody_holds_a_key_where_there_are_none() -> None:
    with pytest.raises(InvalidApiKey):
        KeyRing([]).identify(KEY)


def test_tenant_may_have_many_keys() -> None:
    ring = KeyRing([stored_key("one", "acme"), stored_key("two", "acme")])
    assert ring.identify("one").tenant == ring.identify("two").tenant
    assert ring.identify("one").key_id != ring.identify("two").key_id


def test_new_keys_are_random_and_fit_into_a_header() -> None:
    one, other = new_key(), new_key()
    assert one != other
    assert re.fullmatch(r"cw_[A-Za-z0-9_-]{32}", one)


def test_stored_key_is_a_digest() -> None:
    assert stored_key(KEY, "acme").digest == digest_of(KEY)


# The file


def test_keys_are_read_as_they_were_written(tmp_path: Path) -> None:
    keys = [stored_key(KEY, "acme", label="laptop"), stored_key("two", "other")]
    KeyFile(tmp_path).save(keys)
    assert list(KeyFile(tmp_path).load()) == keys


def test_no_file_means_no_keys(tmp_path: Path) -> None:
    assert list(KeyFile(tmp_path).load()) == []


def test_file_holds_digests_only(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    text = (tmp_path / "keys.json").read_text()
    assert KEY not in text
    assert json.loads(text)[0]["digest"] == digest_of(KEY)


def test_file_is_for_its_owner_only(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_file_that_a_crash_left_half_written_does_not_open_it_to_others(tmp_path: Path) -> None:
    leftover = tmp_path / "keys.new"
    leftover.write_text("[")
    leftover.chmod(0o644)
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_saving_replaces_the_file_whole(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.save([stored_key(f"key{number}", "acme") for number in range(9)])
    file.save([stored_key(KEY, "acme")])
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
    assert len(list(file.load())) == 1


def test_key_made_while_the_service_runs_counts_at_once(tmp_path: Path) -> None:
    ring = KeyRing([], KeyFile(tmp_path))
    with pytest.raises(InvalidApiKey):
        ring.identify(KEY)
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    assert ring.identify(KEY).tenant == "acme"


def test_key_revoked_while_the_service_runs_is_refused_at_once(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(tmp_path))
    ring.identify(KEY)
    KeyFile(tmp_path).save([])
    with pytest.raises(InvalidApiKey):
        ring.identify(KEY)


def test_file_that_is_removed_takes_its_keys_with_it(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(tmp_path))
    ring.identify(KEY)
    (tmp_path / "keys.json").unlink()
    with pytest.raises(InvalidApiKey):
        ring.identify(KEY)


def test_keys_of_the_settings_and_of_the_file_both_count(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key("from-file", "b")])
    ring = KeyRing([stored_key("from-settings", "a")], KeyFile(tmp_path))
    assert [ring.identify(key).tenant for key in ("from-settings", "from-file")] == ["a", "b"]


def test_unchanged_file_is_read_once(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.save([stored_key(KEY, "acme")])
    first = file.load()
    assert file.load() is first


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]garbage", b'[{"digest": "short", "tenant": "acme"}]', b"\xff\xfe", b'"keys"'],
)
def test_broken_file_is_named_in_the_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(StorageUnavailable, match=r"keys\.json cannot be read as keys"):
        KeyFile(tmp_path).load()


def test_file_that_breaks_while_the_service_runs_leaves_its_keys_in_force(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(tmp_path))
    ring.identify(KEY)
    (tmp_path / "keys.json").write_bytes(b"[{")
    assert ring.identify(KEY).tenant == "acme"


def test_file_out_of_reach_leaves_its_keys_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    KeyFile(folder).save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(folder))
    ring.identify(KEY)
    folder.rename(tmp_path / "away")
    folder.touch()
    assert ring.identify(KEY).tenant == "acme"


def test_file_that_breaks_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(tmp_path))
    ring.identify(KEY)
    (tmp_path / "keys.json").write_bytes(b"[{")
    for _ in range(5):
        ring.identify(KEY)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_file_that_is_mended_counts_again(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.save([stored_key(KEY, "acme")])
    ring = KeyRing([], KeyFile(tmp_path))
    ring.identify(KEY)
    (tmp_path / "keys.json").write_bytes(b"[{")
    ring.identify(KEY)
    file.save([stored_key("mended", "other")])
    assert ring.identify("mended").tenant == "other"
    with pytest.raises(InvalidApiKey):
        ring.identify(KEY)


def test_identified_key_is_told_what_it_allows_now(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.save([stored_key(KEY, "acme")])
    clock = FakeClock()
    ring = KeyRing([], KeyFile(tmp_path), clock)
    caller = ring.renew(ring.identify(KEY))
    file.save([stored_key(KEY, "acme", task_types=("imageErase",))])
    clock.advance(LOOK_EVERY_S)
    assert ring.renew(caller).task_types == ("imageErase",)


def test_identified_key_that_is_revoked_is_refused(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.save([stored_key(KEY, "acme")])
    clock = FakeClock()
    ring = KeyRing([], KeyFile(tmp_path), clock)
    caller = ring.renew(ring.identify(KEY))
    file.save([])
    clock.advance(LOOK_EVERY_S)
    with pytest.raises(InvalidApiKey):
        ring.renew(caller)


def test_key_of_the_settings_counts_before_the_same_of_the_file(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme", task_types=("imageErase",))])
    ring = KeyRing([stored_key(KEY, "acme")], KeyFile(tmp_path))
    assert ring.renew(ring.identify(KEY)).task_types == ()


def test_budget_is_read_as_it_was_written(tmp_path: Path) -> None:
    KeyFile(tmp_path).save([stored_key(KEY, "acme", monthly_budget=Decimal("12.50"))])
    assert KeyRing([], KeyFile(tmp_path)).identify(KEY).monthly_budget == Decimal("12.50")


def test_strict_umask_is_no_hindrance(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        KeyFile(tmp_path).save([stored_key(KEY, "acme")])
    finally:
        os.umask(before)
    assert len(list(KeyFile(tmp_path).load())) == 1


# Guessing


def test_a_few_wrong_keys_are_no_guessing() -> None:
    wrong = WrongKeys(per_minute=3, clock=FakeClock())
    assert [wrong.note("192.0.2.1") for _ in range(3)] == [False] * 3


def test_more_wrong_keys_than_that_are() -> None:
    wrong = WrongKeys(per_minute=3, clock=FakeClock())
    assert [wrong.note("192.0.2.1") for _ in range(5)][3:] == [True, True]


def test_addresses_are_counted_apart() -> None:
    wrong = WrongKeys(per_minute=1, clock=FakeClock())
    wrong.note("192.0.2.1")
    assert not wrong.note("192.0.2.2")


def test_counting_begins_anew_after_a_minute() -> None:
    clock = FakeClock()
    wrong = WrongKeys(per_minute=1, clock=clock)
    wrong.note("192.0.2.1")
    clock.advance(61)
    assert not wrong.note("192.0.2.1")


def test_steady_guessing_is_not_forgiven_within_the_minute() -> None:
    clock = FakeClock()
    wrong = WrongKeys(per_minute=2, clock=clock)
    answers = []
    for _ in range(4):
        answers.append(wrong.note("192.0.2.1"))
        clock.advance(15)
    assert answers == [False, False, True, True]


def test_address_that_goes_on_guessing_is_not_pushed_out_by_many_others() -> None:
    wrong = WrongKeys(per_minute=2, max_addresses=4, clock=FakeClock())
    for number in range(10):
        wrong.note("192.0.2.1")
        wrong.note(f"198.51.100.{number}")
    assert wrong.note("192.0.2.1")


def test_only_so_many_addresses_are_remembered() -> None:
    wrong = WrongKeys(per_minute=1, max_addresses=2, clock=FakeClock())
    for number in range(3):
        wrong.note(f"192.0.2.{number}")
    assert not wrong.note("192.0.2.0")


def test_guesser_may_roam_in_an_ipv6_network_and_counts_as_one() -> None:
    wrong = WrongKeys(per_minute=3, clock=FakeClock())
    assert [wrong.note(f"2001:db8:0:7::{host}") for host in range(4)] == [False] * 3 + [True]
    assert not wrong.note("2001:db8:0:8::1")

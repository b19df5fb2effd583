import base64
import hashlib
import hmac

import pytest

from server.deliveries import WebhookSecrets, edit_signing_key
from server.deliveries.signatures import edit_headers, task_headers

BODY = b'{"taskUUID":"7b1e"}'
KEY = bytes(range(32))


def hmac_sha256(key: bytes, text: bytes) -> str:
    """Written out (RFC 2104), so that it shares nothing with what it checks."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + text).digest()
    return base64.b64encode(
        hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
    ).decode()


def test_task_webhook_is_signed_as_standard_webhooks_says() -> None:
    headers = dict(task_headers(KEY, "7b1e", 1_700_000_000, BODY))

    assert headers == {
        "Webhook-Id": "7b1e",
        "Webhook-Timestamp": "1700000000",
        "Webhook-Signature": "v1," + hmac_sha256(KEY, b"7b1e.1700000000." + BODY),
    }


def test_published_example_of_standard_webhooks_verifies() -> None:
    # The specification's own example.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = dict(
        task_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    )

    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_edit_webhook_is_signed_with_a_key_of_the_token() -> None:
    key = edit_signing_key("token")
    headers = dict(edit_headers(key, "7b1e", 17, BODY))

    expected = hmac.new(b"token", b"bria-webhook-signing-v1", hashlib.sha256).digest()
    assert key == expected
    assert headers == {
        "Bria-Webhook-Id": "7b1e",
        "Bria-Webhook-Timestamp": "17",
        "Bria-Webhook-Signature": "v1=" + hmac_sha256(expected, b"7b1e.17." + BODY),
    }


def test_tenants_have_secrets_of_their_own() -> None:
    secrets = WebhookSecrets(b"s" * 32)

    assert secrets.of_tenant("a") != secrets.of_tenant("b")
    assert secrets.of_tenant("a") != WebhookSecrets(b"t" * 32).of_tenant("a")


def test_secret_is_shown_as_receivers_configure_it() -> None:
    secrets = WebhookSecrets(b"s" * 32)

    prefix, _, text = secrets.shown("acme").partition("_")

    assert prefix == "whsec"
    assert base64.b64decode(text, validate=True) == secrets.of_tenant("acme")


def test_sealed_key_opens_with_the_services_secret_alone() -> None:
    secrets = WebhookSecrets(b"s" * 32)
    sealed = secrets.seal(KEY)

    assert KEY not in sealed
    assert secrets.unseal(sealed) == KEY
    assert WebhookSecrets(b"t" * 32).unseal(sealed) != KEY


def test_key_is_sealed_differently_each_time() -> None:
    secrets = WebhookSecrets(b"s" * 32)

    assert secrets.seal(KEY) != secrets.seal(KEY)


def test_key_of_another_length_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        WebhookSecrets(b"s" * 32).seal(b"short")

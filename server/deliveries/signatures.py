"""How does a receiver know that a webhook is ours? HMAC-SHA256, in the form of each dialect.

Task array: the headers of Standard Webhooks (https://www.standardwebhooks.com), so that its
libraries verify them; each tenant's secret is derived from the service's.
Edit endpoints: the headers that their clients know; the key is derived from the API key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

Headers = tuple[tuple[str, str], ...]

_NONCE_BYTES = 16
_KEY_BYTES = 32


class WebhookSecrets:
    """Derives and guards the keys that webhooks are signed with."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of_tenant(self, tenant: str) -> bytes:
        """Derive a tenant's key."""
        return self._derive(b"webhook tenant", tenant.encode())

    def shown(self, tenant: str) -> str:
        """Write a tenant's secret as receivers configure it."""
        return "whsec_" + _base64(self.of_tenant(tenant))

    def seal(self, key: bytes) -> bytes:
        """Hide a key of 32 bytes, to be stored with a job: useless without the service's secret."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + _xor(key, self._derive(b"webhook seal", nonce))

    def unseal(self, sealed: bytes) -> bytes:
        """Recover a sealed key."""
        nonce, hidden = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return _xor(hidden, self._derive(b"webhook seal", nonce))

    def _derive(self, purpose: bytes, subject: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + subject, "sha256")


def edit_signing_key(api_token: str) -> bytes:
    """Derive the key of the edit dialect; the token itself is never kept."""
    return hmac.digest(api_token.encode(), b"bria-webhook-signing-v1", hashlib.sha256)


def task_headers(key: bytes, message_id: str, sent_at: int, body: bytes) -> Headers:
    """Sign as Standard Webhooks does."""
    return (
        ("Webhook-Id", message_id),
        ("Webhook-Timestamp", str(sent_at)),
        ("Webhook-Signature", "v1," + _signature(key, message_id, sent_at, body)),
    )


def edit_headers(key: bytes, message_id: str, sent_at: int, body: bytes) -> Headers:
    """Sign as clients of the edit endpoints expect it."""
    return (
        ("Bria-Webhook-Id", message_id),
        ("Bria-Webhook-Timestamp", str(sent_at)),
        ("Bria-Webhook-Signature", "v1=" + _signature(key, message_id, sent_at, body)),
    )


def _signature(key: bytes, message_id: str, sent_at: int, body: bytes) -> str:
    signed = b"%s.%d.%s" % (message_id.encode(), sent_at, body)
    return _base64(hmac.digest(key, signed, "sha256"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _xor(data: bytes, stream: bytes) -> bytes:
    if len(data) != _KEY_BYTES:
        raise ValueError(f"a signing key has {_KEY_BYTES} bytes, not {len(data)}")
    return bytes(left ^ right for left, right in zip(data, stream, strict=True))

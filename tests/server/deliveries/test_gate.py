import pytest
from fakes import TENANT, removal

from inference.inputs.fetch import Fetcher, FetchSettings
from protocol.errors import InvalidParameter, RateLimited
from protocol.task_errors import code_of
from server.deliveries import CallbackGate

PUBLIC = "http://93.184.216.34/hook"


def gate(*, pending: int = 0) -> CallbackGate:
    return CallbackGate(Fetcher(FetchSettings(), False), lambda _: pending, 10)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user@93.184.216.34/",
        "http://93.184.216.34:0/",
    ],
)
@pytest.mark.parametrize(
    ("field", "parameter", "code"),
    [
        ("webhook_url", "webhookURL", "invalidWebhookURL"),
        ("upload_endpoint", "uploadEndpoint", "invalidUploadEndpoint"),
    ],
)
async def test_forbidden_url_is_refused_by_name(url, field, parameter, code) -> None:
    with pytest.raises(InvalidParameter, match=parameter) as caught:
        await gate().check(TENANT, removal(**{field: url}))

    assert caught.value.parameter == parameter
    assert code_of(caught.value) == code


async def test_host_that_nobody_knows_is_refused_by_name() -> None:
    async def nobody(host, port):
        raise OSError("no such name")

    urls = Fetcher(FetchSettings(), False, resolve=nobody)

    with pytest.raises(InvalidParameter, match="webhookURL"):
        await CallbackGate(urls, lambda _: 0, 10).check(
            TENANT, removal(webhook_url="http://nobody.test/")
        )


async def test_public_urls_pass() -> None:
    await gate().check(TENANT, removal(webhook_url=PUBLIC, upload_endpoint=PUBLIC))


async def test_too_many_waiting_deliveries_refuse_the_next() -> None:
    with pytest.raises(RateLimited):
        await gate(pending=10).check(TENANT, removal(webhook_url=PUBLIC))


async def test_task_that_calls_nobody_passes_whatever_waits() -> None:
    await gate(pending=10).check(TENANT, removal())

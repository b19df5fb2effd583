"""Jobs and outcomes: the same after the journey to another machine."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from fakes import job_of, outcome_of, plain_task, product_of, removal, uuid_of
from msgspec import UNSET

from protocol.errors import InvalidParameter, RateLimited
from protocol.faults import Fault
from protocol.jobs import Job, Outcome, Product, RemoteImage, Stage, StoredImage
from protocol.tasks import ImageUpload, JobTask, RemoveBackground


def travelled(value: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value))


@pytest.mark.parametrize("kind", get_args(JobTask))
def test_job_of_every_task_type_survives_the_journey(kind: type[Any]) -> None:
    job = job_of(task=plain_task(kind))
    assert travelled(job) == job
    assert type(travelled(job).task) is kind


@pytest.mark.parametrize("kind", get_args(JobTask))
def test_outcome_of_every_task_type_survives_the_journey(kind: type[Any]) -> None:
    outcome = outcome_of(job_of(task=plain_task(kind)))
    assert travelled(outcome) == outcome


def test_every_setting_survives_the_journey() -> None:
    task = removal(
        rgba=(1, 2, 3, 0.5),
        alpha_matting=True,
        alpha_matting_erode_size=7,
        output_format="WEBP",
        ttl=60,
        webhook_url="http://example.com/",
    )
    assert travelled(job_of(task=task)).task == task


def test_what_was_not_set_stays_unset() -> None:
    task = travelled(job_of()).task
    assert isinstance(task, RemoveBackground)
    assert (task.rgba, task.model, task.ttl) == (UNSET, UNSET, UNSET)


def test_sources_of_images_are_told_apart() -> None:
    images = {
        "inputImage": StoredImage(key="up/0/1", image_uuid=uuid_of(900)),
        "maskImage": RemoteImage(url="http://example.com/1.png"),
    }
    job = msgspec.structs.replace(job_of(), images=images)
    assert travelled(job).images == images


def test_failure_survives_the_journey() -> None:
    outcome = Outcome.failed(job_of(), InvalidParameter("Wrong.", parameter="rgba", detail="log"))
    assert travelled(outcome) == outcome


def test_durations_survive_the_journey() -> None:
    stages = [Stage("queue", 0, 250), Stage("decode", 250, 1_500)]
    outcome = msgspec.structs.replace(outcome_of(job_of()), stages=stages)
    assert travelled(outcome).stages == stages


def test_stages_of_one_kind_are_summed() -> None:
    stages = [Stage("steps", 0, 250), Stage("mask", 250, 100), Stage("steps", 350, 1_500)]
    outcome = msgspec.structs.replace(outcome_of(job_of()), stages=stages)
    assert outcome.stages_ms == {"steps": 1.75, "mask": 0.1}


def test_job_is_small() -> None:
    assert len(msgspec.msgpack.encode(job_of())) < 500


def test_id_is_tenant_and_uuid_in_lower_case() -> None:
    uuid = "ABCDEFAB-0000-4000-8000-000000000001"
    job = job_of(tenant="acme", task=RemoveBackground(task_uuid=uuid, input_image=""))
    assert job.id == ("acme", uuid.lower())


def test_uuid_is_kept_as_it_was_sent() -> None:
    uuid = "ABCDEFAB-0000-4000-8000-000000000001"
    job = job_of(task=RemoveBackground(task_uuid=uuid, input_image=""))
    assert travelled(job).task.task_uuid == uuid


@pytest.mark.parametrize(
    ("task", "is_durable"),
    [
        (removal(delivery_method="async"), True),
        (removal(delivery_method="sync"), False),
        (ImageUpload(task_uuid=uuid_of(1), image=""), False),
    ],
)
def test_async_tasks_are_durable(task: JobTask, is_durable: bool) -> None:
    assert job_of(task=task).is_durable is is_durable


def test_outcome_has_either_a_product_or_a_fault() -> None:
    done, failed = outcome_of(job_of()), Outcome.failed(job_of(), InvalidParameter("Wrong."))
    assert (done.fault, failed.product) == (None, None)


def test_megapixels_are_those_of_the_output() -> None:
    assert product_of(2_000, 1_500).megapixels == 3.0


@pytest.mark.parametrize("kind", [Job, Outcome, Product])
def test_what_travels_is_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


def test_sync_task_has_the_time_until_its_deadline() -> None:
    job = job_of(1, submitted_at=1_000.0, deadline_at=1_060.0)
    assert job.time_left_s(now=1_050.0) == 10.0


def test_async_task_has_its_whole_time_with_each_try() -> None:
    job = job_of(1, reply_to="", submitted_at=1_000.0, deadline_at=1_060.0)
    assert job.time_left_s(now=9_000.0) == 60.0


def test_cost_of_an_outcome_crosses_exactly() -> None:
    outcome = msgspec.structs.replace(outcome_of(job_of(1)), cost=Decimal("0.000601"))
    assert travelled(outcome).cost == Decimal("0.000601")


def test_fault_keeps_when_to_come_back() -> None:
    error = Fault.of(RateLimited("Too many.", retry_after_s=12.5)).error()
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 12.5

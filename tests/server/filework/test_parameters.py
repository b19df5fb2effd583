"""The parameters of a task type as options of the command line."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from protocol.errors import CutwireError
from server.filework.parameters import TASKS, add_options, members, option_name


def parsed(task: str, *arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_options(parser, TASKS[task])
    return members(parser.parse_args(arguments), TASKS[task])


def test_names_are_written_as_options_are() -> None:
    assert option_name("alphaMattingErodeSize") == "--alpha-matting-erode-size"


def test_nothing_given_leaves_everything_at_its_default() -> None:
    assert parsed("removeBackground") == {}


def test_values_have_the_type_of_their_parameter() -> None:
    given = parsed("removeBackground", "--rgba", "[255,255,255,0.5]", "--output-quality", "80")
    assert given == {"rgba": [255, 255, 255, 0.5], "outputQuality": 80}


def test_colour_needs_no_brackets() -> None:
    assert parsed("removeBackground", "--rgba", "255,0,0,0.5") == {"rgba": [255, 0, 0, 0.5]}


def test_number_that_is_a_name_stays_a_string() -> None:
    assert parsed("imageProductCutout", "--sku", "0042") == {"sku": "0042"}


def test_switches_can_be_turned_on_and_off() -> None:
    given = parsed("imageForegroundCrop", "--no-preserve-alpha", "--force-background-detection")
    assert given == {"preserveAlpha": False, "forceBackgroundDetection": True}


def test_what_is_not_allowed_is_refused_by_name_before_anything_is_done() -> None:
    with pytest.raises(CutwireError, match="scale must be an integer from 1 to 5"):
        parsed("imageBackgroundBlur", "--scale", "9")


def test_thresholds_are_checked_against_each_other() -> None:
    with pytest.raises(CutwireError, match="must be below"):
        parsed("removeBackground", "--alpha-matting-background-threshold", "250")


def test_erase_needs_its_mask() -> None:
    with pytest.raises(SystemExit):
        parsed("imageErase")


@pytest.mark.parametrize("task", TASKS)
def test_no_task_has_options_that_only_a_service_can_serve(task: str) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, TASKS[task])
    told = parser.format_help()
    assert not [
        name for name in ("--webhook-url", "--ttl", "--safety", "--output-type") if name in told
    ]

"""What a task costs: Decimal all the way, rounded up once at the end."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import msgspec

from inference.quantities import check_amount
from protocol.jobs import Product
from protocol.tasks import (
    JOB_TASKS,
    ImageForegroundCrop,
    JobTask,
    PictureTask,
    RemoveBackground,
)
from protocol.words import listed

MICRO_DOLLAR = Decimal("0.000001")
ONE = Decimal(1)
MAX_KNOWN = 4096
"""Prices kept, by type and size: decimals are exact, not fast."""


def _base_prices() -> dict[str, Decimal]:
    return {
        "imageUpload": Decimal(0),
        "imageBackgroundRemoval": Decimal("0.0006"),
        "removeBackground": Decimal("0.0006"),
        "imageForegroundCrop": Decimal("0.0006"),
        "imageProductCutout": Decimal("0.0006"),
        "imageBackgroundBlur": Decimal("0.0006"),
        "imageErase": Decimal("0.0012"),
        "imageMasking": Decimal("0.0012"),
    }


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price table, in USD."""

    base: dict[str, Decimal] = msgspec.field(default_factory=_base_prices)
    """By task type; a type that is not listed costs `default_base`."""
    default_base: Decimal = Decimal("0.0006")
    """Of a task type that `base` does not list."""
    per_megapixel: Decimal = Decimal("0.0002")
    """For each megapixel of the result; an upload has none."""
    matting_factor: Decimal = Decimal("1.5")
    """The whole price is multiplied by this when alpha matting is on …"""
    matting_factor_per_threshold: Decimal = Decimal("0.01")
    """… and by this much more for each step of alphaMattingBackgroundThreshold."""

    def __post_init__(self) -> None:
        known = sorted(str(kind.__struct_config__.tag) for kind in JOB_TASKS)
        for name, amount in self.base.items():
            if name not in known:
                raise ValueError(f"base names '{name}', no task type; allowed: {listed(known)}")
            check_amount(f"base.{name}", amount)
        for name in self.__struct_fields__[1:]:
            check_amount(name, getattr(self, name))


class PriceTable:
    """Prices tasks by the settings."""

    def __init__(self, settings: PriceSettings) -> None:
        self._settings = settings
        self._known: dict[tuple[type[JobTask], int, int], Decimal] = {}

    def price(self, task: JobTask, product: Product) -> Decimal:
        """Price a finished task: (base + rate · megapixels) · matting factor, rounded up."""
        return self._price(task, product.width * product.height)

    def highest(self, task: JobTask, pixels: int, limit_pixels: int) -> Decimal:
        """Price a task before it runs, as high as it can come to.

        `pixels` are those of its picture, 0 where they are not known; results have no more, unless
        a padding is added, and never more than the limit.
        """
        is_padded = isinstance(task, ImageForegroundCrop) and task.padding > 0
        return self._price(task, limit_pixels if is_padded or not pixels else pixels)

    def _price(self, task: JobTask, pixels: int) -> Decimal:
        place = type(task), pixels, _matting_steps(task)
        price = self._known.get(place)
        if price is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            price = self._known[place] = self._calculate(task, pixels)
        return price

    def _calculate(self, task: JobTask, pixels: int) -> Decimal:
        table = self._settings
        base = table.base.get(task.task_type, table.default_base)
        rate = table.per_megapixel if isinstance(task, PictureTask) else Decimal(0)
        price = base + rate * pixels / 1_000_000
        return (price * self._factor(_matting_steps(task))).quantize(
            MICRO_DOLLAR, rounding=ROUND_CEILING
        )

    def _factor(self, steps: int) -> Decimal:
        if not steps:
            return ONE
        table = self._settings
        return table.matting_factor + table.matting_factor_per_threshold * steps


def _matting_steps(task: JobTask) -> int:
    """Tell how many steps alpha matting is charged for; 0: it is off."""
    if not isinstance(task, RemoveBackground) or not task.alpha_matting:
        return 0
    return task.alpha_matting_background_threshold

"""What a task costs: Decimal all the way, rounded up once at the end."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import msgspec

from protocol.jobs import Product
from protocol.tasks import JobTask, PictureTask, RemoveBackground

MICRO_DOLLAR = Decimal("0.000001")


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
    per_megapixel: Decimal = Decimal("0.0002")
    """For each megapixel of the result; an upload has none."""
    matting_factor: Decimal = Decimal("1.5")
    """The whole price is multiplied by this when alpha matting is on …"""
    matting_factor_per_threshold: Decimal = Decimal("0.01")
    """… and by this much more for each step of alphaMattingBackgroundThreshold."""


class PriceTable:
    """Prices tasks by the settings."""

    def __init__(self, settings: PriceSettings) -> None:
        self._settings = settings

    def price(self, task: JobTask, product: Product) -> Decimal:
        """Price a finished task: (base + rate · megapixels) · matting factor, rounded up."""
        table = self._settings
        base = table.base.get(task.task_type, table.default_base)
        rate = table.per_megapixel if isinstance(task, PictureTask) else Decimal(0)
        price = base + rate * product.width * product.height / 1_000_000
        return (price * self._factor(task)).quantize(MICRO_DOLLAR, rounding=ROUND_CEILING)

    def _factor(self, task: JobTask) -> Decimal:
        if not isinstance(task, RemoveBackground) or not task.alpha_matting:
            return Decimal(1)
        table = self._settings
        steps = task.alpha_matting_background_threshold
        return table.matting_factor + table.matting_factor_per_threshold * steps

"""The loop: batches in, better weights out, with everything needed to stop and go on."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference.training import checkpoint
from inference.training.checkpoint import Average, Progress
from inference.training.evaluation import Labelled, evaluate, load_labelled
from inference.training.loader import Batch, Loader, Recipe
from inference.training.losses import mask_loss
from inference.training.network import SHAPES, Network, count_parameters
from inference.training.schedule import (
    SIZES,
    Budget,
    Sizes,
    largest_size,
    learning_rate,
    picture_size,
)
from inference.training.sources import Stock


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run, besides its data."""

    out: Path
    budget: Budget
    preset: str = "cpu"
    sizes: Sizes = ()
    seed: int = 1
    batch: int = 16
    photo_share: float = 0.35
    peak_rate: float = 2e-3
    decay: float = 0.01
    average: float = 0.999
    workers: int = 1
    eval_folder: Path | None = None
    eval_size: int = 0
    eval_every_s: float = 240.0
    init: Path | None = None
    bf16: bool = False


class Trainer:
    """One run: its network, optimiser, average and log."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self.plan, self.device = plan, device
        torch.manual_seed(plan.seed)
        network = Network(SHAPES[plan.preset])
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.network, plan.decay), plan.peak_rate, fused=True
        )
        self.progress = Progress()
        plan.out.mkdir(parents=True, exist_ok=True)
        self._resume_or_init()
        self.sizes = plan.sizes or SIZES[plan.preset]
        self.labelled: list[Labelled] = []
        if plan.eval_folder is not None:
            self.labelled = load_labelled(plan.eval_folder)

    def run(self, stock: Stock) -> Progress:
        """Train until the budget is used up; evaluate, log and save on the way."""
        plan, progress = self.plan, self.progress
        recipe = Recipe(plan.seed, plan.batch, plan.photo_share)
        largest = largest_size(self.sizes)
        with Loader(stock, recipe, workers=plan.workers, largest=largest) as loader:
            loader.size = picture_size(self.sizes, self._used())
            started, before = time.monotonic(), progress.elapsed_s
            next_eval, losses = progress.elapsed_s + plan.eval_every_s, []
            for batch in loader.batches(progress.step):
                used = self._used()
                if used >= 1:
                    break
                loader.size = picture_size(self.sizes, used)
                losses.append(self.step(batch, used))
                progress.elapsed_s = before + time.monotonic() - started
                if len(losses) == 200:
                    self._log(
                        "train", loss=float(torch.stack(losses).mean()), size=batch.rgb.shape[1]
                    )
                    losses = []
                if progress.elapsed_s >= next_eval:
                    self._evaluate_and_save()
                    next_eval = progress.elapsed_s + plan.eval_every_s
        self._evaluate_and_save()
        return progress

    def step(self, batch: Batch, used: float) -> Tensor:
        """Learn from one batch; return its loss (still on the device)."""
        rate = learning_rate(self.plan.peak_rate, used, self.progress.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        pictures, target = self._to_device(batch)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.bf16):
            logits, sides = self.network(pictures)
        loss = mask_loss(logits.float(), target, [side.float() for side in sides])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.progress.step += 1
        self.progress.samples += len(batch.rgb)
        self.average.update(self.network, self.progress.step)
        return loss.detach()

    def save(self, path: Path) -> None:
        """Write a checkpoint that `Trainer` can go on from."""
        state = {
            "preset": self.plan.preset,
            "network": self.network.state_dict(),
            "average": self.average.weights,
            "optimiser": self.optimiser.state_dict(),
            "progress": asdict(self.progress),
        }
        checkpoint.save(path, state)

    def _resume_or_init(self) -> None:
        last = self.plan.out / "last.pt"
        if self.plan.init is not None and not last.exists():
            state = checkpoint.load(self.plan.init, self.device)
            checkpoint.load_matching(self.network, state["average"])
        self.average = Average(self.network, self.plan.average)
        if last.exists():
            state = checkpoint.load(last, self.device)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
            self.average.weights = state["average"]
        self._log("start", parameters=count_parameters(self.network), resumed=last.exists())

    def _used(self) -> float:
        return self.plan.budget.used(self.progress.elapsed_s, self.progress.samples)

    def _to_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        rgb = torch.from_numpy(batch.rgb).to(self.device, non_blocking=True)
        masks = torch.from_numpy(batch.masks).to(self.device, non_blocking=True)
        # NHWC bytes seen as NCHW already are channels_last.
        return rgb.permute(0, 3, 1, 2).float(), masks[:, None].float() / 255

    def _evaluate_and_save(self) -> None:
        is_best = bool(self.labelled) and self._evaluate()
        self.save(self.plan.out / "last.pt")
        if is_best:
            self.save(self.plan.out / "best.pt")

    def _evaluate(self) -> bool:
        """Judge the averaged weights; True if they are the best so far."""
        judged = Network(SHAPES[self.plan.preset]).to(self.device)
        judged.load_state_dict(self.average.weights)
        # Larger than it was trained at, a network of this kind soon gets worse.
        size = self.plan.eval_size or picture_size(self.sizes, self._used())
        score = evaluate(judged.eval(), self.labelled, self.device, size)
        self._log("eval", size=size, iou=score.iou, mae=score.mae, **score.categories)
        is_best = score.iou > self.progress.best_iou
        self.progress.best_iou = max(score.iou, self.progress.best_iou)
        return is_best

    def _log(self, event: str, **values: Any) -> None:
        progress = self.progress
        place = {"event": event, "step": progress.step, "samples": progress.samples}
        line = json.dumps({**place, "elapsed_s": round(progress.elapsed_s, 1), **values})
        with (self.plan.out / "log.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")
        print(line, flush=True)


def _parameter_groups(network: Network, decay: float) -> list[dict[str, Any]]:
    """Weight decay for kernels only, not for offsets and normalisation."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]

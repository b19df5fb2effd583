"""Figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table; numbers keep what counts of them."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(number, line)) + " |" for line in lines)


def number(value: object) -> str:
    """Write a number with three figures or as a whole, anything else as it is."""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def origin(found: dict[str, Any]) -> str:
    """Say when and where figures were measured."""
    keys = ("measured", "machine", "cpu", "cores", "load")
    return ", ".join(_origin(key, found[key]) for key in keys if found.get(key))


def _origin(key: str, value: object) -> str:
    return {"cores": f"{value} cores", "load": f"load {value} at the start"}.get(key, str(value))


def peer_names(found: dict[str, Any]) -> list[str]:
    """List the servers that were measured."""
    return [name for name, part in found.items() if isinstance(part, dict) and "levels" in part]


def peers_table(found: dict[str, Any]) -> str:
    """Write `peers.json`: the servers side by side, then each level, then matting."""
    names = peer_names(found)
    ours = found["cutwire"]["cpu_s_per_picture"] if "cutwire" in found else None
    head = (
        "server",
        "CPU s a picture",
        "× Cutwire",
        "pictures/s",
        "p95/p50",
        "peak MB",
        "start s",
        "PNG kB",
    )
    parts = [
        table(
            head,
            (
                (
                    name,
                    found[name]["cpu_s_per_picture"],
                    found[name]["cpu_s_per_picture"] / ours if ours else "",
                    found[name]["per_s"],
                    found[name]["p95_over_p50"],
                    found[name]["rss_mb"],
                    found[name]["cold_start_s"],
                    round(found[name]["png_bytes"] / 1e3),
                )
                for name in names
            ),
        )
    ]
    for kind, title in (("levels", "Cut-outs"), ("matting", "With alpha matting")):
        levels = sorted({level for name in names for level in found[name][kind]}, key=int)
        for key, what in (
            ("per_s", "pictures a second"),
            ("p50_ms", "p50, ms"),
            ("cpu_s_per_picture", "CPU seconds a picture"),
            ("peak_mb", "resident MB"),
        ):
            rows = [
                (name, *(found[name][kind].get(level, {}).get(key, "") for level in levels))
                for name in names
                if found[name][kind]
            ]
            if rows:
                clients = [f"{level} client{'s' * (level != '1')}" for level in levels]
                parts.append(f"{title}: {what}\n\n" + table(("server", *clients), rows))
    if "raw_ort_share" in found:
        parts.append(
            f"Of the bare session's rate ({number(found['raw_ort_per_s'])} runs a second on all "
            f"cores) Cutwire reaches {found['raw_ort_share']:.0%}; of its CPU seconds a picture the"
            f" session takes {found['raw_ort_cpu_share']:.0%}."
        )
    return "\n\n".join(parts)


def scaling_table(found: dict[str, Any]) -> str:
    """Write `scaling.json`: a table for each thing that grows."""
    parts = []
    for axis, rows in found["axes"].items():
        head = (axis, "CPU ms a task", "p50 ms", "tasks/s", "peak MB")
        keys = ("cpu_ms_per_task", "p50_ms", "per_s", "peak_mb")
        parts.append(table(head, ((row["size"], *(row[key] for key in keys)) for row in rows)))
    return "\n\n".join(parts)


def engines_table(found: dict[str, Any]) -> str:
    """Write `engines.json`: both engines, then what `nats.prefetch` changes."""
    head = ("engine", "p50 ms", "p99 ms", "tasks/s", "CPU ms a task", "beside a flood: p50", "p99")
    rows = (
        (
            name,
            *found[name]["one_at_a_time"].values(),
            found[name]["tasks_per_s"],
            found[name]["cpu_ms_per_task"],
            *found[name]["small_tenants_beside_a_flood"].values(),
        )
        for name in ("embedded", "jetstream")
    )
    ahead = ((held, *row.values()) for held, row in found["by_prefetch"].items())
    return "\n\n".join(
        (
            f"A gateway, two workers and {found['nats']}, with nothing to compute:",
            table(head, rows),
            "By what a worker holds ahead (`nats.prefetch`), at 80 % load:",
            table(("held", "p50 ms", "p99 ms", "tasks/s, nothing to compute"), ahead),
        )
    )


def kill_table(found: dict[str, Any]) -> str:
    """Write `kill.json`: what each kind of death did."""
    head = ("kind", "kills", "tasks", "lost", "twice", "charged twice", "uncharged", "pause, s")
    keys = ("kills", "tasks", "lost", "twice", "double_charged", "uncharged")
    rows = (
        (
            kind,
            *(one[key] for key in keys),
            f"{one['pause_s']['median']:.1f}, at most {one['pause_s']['longest']:.1f}",
        )
        for kind, one in found["by_kind"].items()
    )
    return table(head, rows)

"""The figures of the simulation as tables, for the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Found = dict[str, Any]


def render(found: Found) -> str:
    """Write all tables as Markdown."""
    parts = {
        f"Machines for a p99 of {found['goal_p99_ms']:g} ms": _workers(found["workers_needed"]),
        "A burst: ten times the load for 200 s": _bursts(found["bursts"]),
        "One tenant's 1,900 tasks beside ten small tenants": _floods(found["floods"]),
        "Tasks held ahead, by `nats.prefetch`": _prefetch(found["prefetch"]),
        "What brokers add": _brokers(found["brokers"]),
    }
    if "trial" in found:
        parts["Predicted and measured"] = _trial(found["trial"])
    parts["What the model was fed with"] = _fed(found["fed"])
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in parts.items()) + "\n"


def _workers(rows: list[Found]) -> str:
    shown = [
        (
            f"{row['tasks_per_s']:,}",
            row["worker"],
            f"{row['workers']:,}",
            f"{100 * row['core_load']:.0f} %",
            f"{row['p50_ms']:.0f}",
            f"{row['p99_ms']:.0f}",
            row["gateways"],
            row["brokers"],
        )
        for row in rows
    ]
    head = ("tasks/s", "worker", "workers", "cores busy", "p50, ms", "p99, ms")
    return _table((*head, "gateways", "brokers"), shown)


def _bursts(bursts: Found) -> str:
    rows = [
        (
            name,
            f"{one['longest_s']:g} s",
            f"{one['late_for_s']} s",
            f"{one['largest_backlog']:,}",
            one["worker_hours"],
        )
        for name, one in bursts.items()
    ]
    head = ("workers", "longest wait", "p99 above 1 s for", "largest backlog", "worker hours")
    return _table(head, rows)


def _floods(floods: Found) -> str:
    rows = [
        (name, *one["small_tenants"].values(), f"{one['flood_took_s']:g} s")
        for name, one in floods.items()
    ]
    return _table(("", "small: p50, ms", "p95", "p99", "the flood took"), rows)


def _prefetch(rows: list[Found]) -> str:
    loads = sorted({row["load"] for row in rows})
    shown = [
        (held, *(f"{row['p99_ms']:.0f}" for row in rows if row["prefetch"] == held))
        for held in dict.fromkeys(row["prefetch"] for row in rows)
    ]
    return _table(("held", *(f"p99 at {100 * load:g} % load, ms" for load in loads)), shown)


def _brokers(rows: list[Found]) -> str:
    shown = []
    for layout in dict.fromkeys(row["layout"] for row in rows):
        mine = [row for row in rows if row["layout"] == layout]
        kept = [row for row in mine if row["p99_ms"] <= 10]
        shown.append(
            (
                layout,
                f"{mine[0]['p50_ms']:g}",
                f"{max(row['tasks_per_s'] for row in kept):,}" if kept else "–",
            )
        )
    return _table(("broker", "adds, p50, ms", "tasks/s within 10 ms at p99"), shown)


def _trial(trial: Found) -> str:
    rows = []
    for name, seen in trial.items():
        for load, one in seen.items():
            if "load" not in load:
                continue
            cells = []
            for key in ("p50_ms", "p95_ms", "tasks_per_s"):
                cells += [f"{one['measured'][key]:g}"]
                cells += [f"{one[errors][key]:+.0%}" for errors in ("error", "told_error")]
            rows.append((name, f"{100 * float(load.split()[1]):g} %", *cells))
    columns = (
        cell for what in ("p50, ms", "p95, ms", "tasks/s") for cell in (what, "blind", "told")
    )
    return _table(("", "load", *columns), rows) + _empty(trial.get("NATS engine", {}))


def _empty(seen: Found) -> str:
    if "nothing to do" not in seen:
        return ""
    one = seen["nothing to do"]
    return (
        "\n\nWith nothing to compute, gateway and two workers in one process: "
        f"{one['tasks_per_s']:g} tasks/s. A task took {one['server_cpu_us_per_task']:g} µs of "
        f"nats-server's processor time and {one['client_cpu_us_per_task']:g} µs of ours."
    )


def _fed(fed: Found) -> str:
    rows = [(name, ", ".join(_told(one))) for name, one in fed.items()]
    return _table(("", ""), rows)


def _told(one: Found) -> Iterable[str]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield f"{key}: {value['tasks_per_s']:,} tasks/s, {value['added_ms']:g} ms"
        elif key == "assumed":
            yield "assumed" if value is True else f"assumed: {' and '.join(value)}"
        else:
            yield f"{key} {value}"


def _table(head: tuple[object, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)

"""The table of a profiler's events, in PyTorch's columns."""

from __future__ import annotations

_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}
_FIGURES = ("self_cpu_time_total", "cpu_time_total", "cpu_time", "self_cpu_memory_usage", "cpu_memory_usage")


def _sort_keys():
    """sort_by -> figure; "cuda" stands for "device"."""
    device = [name.replace("cpu", "device") for name in _FIGURES]
    keys = {name: name for name in ("count", *_FIGURES, *device)}
    return keys | {name.replace("device", "cuda"): name for name in device}


def format_time(us, unit=None):
    """Microseconds in a unit, or in the one that suits.

    >>> from tensorx.profiler.table import format_time
    >>> format_time(1234.5), format_time(1234.5, "s")
    ('1.234ms', '0.001s')
    """
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    return f"{us / _UNITS[unit]:.3f}{unit}"


def format_memory(nbytes):
    """Bytes in the unit that suits.

    >>> from tensorx.profiler.table import format_memory
    >>> format_memory(1536), format_memory(-8)
    ('1.50 KiB', '-8 B')
    """
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(nbytes) >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} B"


def _share(part, whole):
    return f"{100 * part / whole:.2f}%" if whole else "0.00%"


def _shortened(text, width):
    return text if width is None or len(text) <= width else text[: max(0, width - 3)] + "..."


def format_table(events, sort_by, row_limit, widths, header, top_level_events_only, time_unit):
    """Lines of EventList.table. widths: of the columns for source, name and shapes."""
    keys = _sort_keys()
    if sort_by is not None and sort_by not in keys:
        raise ValueError(f"table(): unknown sort_by {sort_by!r}: expected one of {', '.join(sorted(keys))}")
    if time_unit is not None and time_unit not in _UNITS:
        raise ValueError(f"table(): unknown time_unit {time_unit!r}: expected one of s, ms, us")
    shown = list(events)
    if top_level_events_only:
        shown = [e for e in shown if getattr(e, "cpu_parent", None) is None]
    if sort_by is not None:
        shown.sort(key=lambda e: getattr(e, keys[sort_by]), reverse=True)
    if row_limit >= 0:
        shown = shown[:row_limit]
    columns = _columns(events, shown, widths, time_unit)
    heads = [head for head, _ in columns]
    rows = [[cell(e) for _, cell in columns] for e in shown]
    sizes = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(columns))]
    rule = "  ".join("-" * size for size in sizes)

    def line(cells):
        first, *rest = (
            cell.ljust(size) if i == 0 else cell.rjust(size)
            for i, (cell, size) in enumerate(zip(cells, sizes, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    lines = [] if header is None else [header]
    lines += [rule, line(heads), rule, *map(line, rows), rule]
    lines.append(f"Self CPU time total: {format_time(events.total_us, time_unit)}")
    if events.has_device:
        device = sum(e.self_device_time_total for e in events)
        lines.append(f"Self CUDA time total: {format_time(device, time_unit)}")
    return "\n".join(lines) + "\n"


def _columns(events, shown, widths, unit):
    """(head, function of an event giving the cell) for each column that has something to show."""
    source_width, name_width, shapes_width = widths
    whole = events.total_us
    columns = [
        ("Name", lambda e: _shortened(e.name, name_width)),
        ("Self CPU %", lambda e: _share(e.self_cpu_time_total, whole)),
        ("Self CPU", lambda e: format_time(e.self_cpu_time_total, unit)),
        ("CPU total %", lambda e: _share(e.cpu_time_total, whole)),
        ("CPU total", lambda e: format_time(e.cpu_time_total, unit)),
        ("CPU time avg", lambda e: format_time(e.cpu_time, unit)),
    ]
    if events.has_device:
        on_device = sum(e.self_device_time_total for e in events)
        columns += [
            ("Self CUDA", lambda e: format_time(e.self_device_time_total, unit)),
            ("Self CUDA %", lambda e: _share(e.self_device_time_total, on_device)),
            ("CUDA total", lambda e: format_time(e.device_time_total, unit)),
            ("CUDA time avg", lambda e: format_time(e.device_time, unit)),
        ]
    if events.has_memory:
        columns += [
            ("CPU Mem", lambda e: format_memory(e.cpu_memory_usage)),
            ("Self CPU Mem", lambda e: format_memory(e.self_cpu_memory_usage)),
        ]
        if events.has_device:
            columns += [
                ("CUDA Mem", lambda e: format_memory(e.device_memory_usage)),
                ("Self CUDA Mem", lambda e: format_memory(e.self_device_memory_usage)),
            ]
    columns.append(("# of Calls", lambda e: str(e.count)))
    if any(e.input_shapes is not None for e in shown):
        columns.append(("Input Shapes", lambda e: _shortened(str(e.input_shapes), shapes_width)))
    if any(e.stack for e in shown):
        columns.append(("Source Location", lambda e: _shortened((e.stack or [""])[0], source_width)))
    return columns

"""Everything that is asked of a device, at once: `python benchmarks/device.py --device cuda`.

    python benchmarks/device.py --device cuda --json cuda.json --page cuda.md

It measures the arithmetic that bounds assume; runs `jaccheck verify` in all dtypes; compares exact cases with the CPU
bit for bit; turns torch's switches (TF32, deterministic algorithms, cuDNN) on and off; asks purity of the device's own
state; uses results on another stream; looks at the memory in use after many calls; and times the fast methods beside
filling the memory of their results.
Each part runs in a process of its own: where one ends badly, the page says how, and the others are there.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from jaccheck.reports import Report, load

ROOT = Path(__file__).parents[1]

SHARES = {
    "about": ("The device", 0.02),
    "arithmetic": ("What the bounds assume of arithmetic", 0.08),
    "verify": ("jaccheck verify, all dtypes", 0.36),
    "exact": ("Exact cases, bit for bit like the CPU's", 0.12),
    "switches": ("Results with torch's switches on and off", 0.16),
    "purity": ("What purity says of the device's own state", 0.04),
    "streams": ("Results used on another stream", 0.05),
    "memory": ("Memory of the device after many calls", 0.07),
    "times": ("Times beside filling as much memory", 0.10),
}
"""The parts, what they are called, and which share of the time each gets."""

LOADING = 90
"""Seconds that a part may need beyond its share, to load torch and to end what it has begun."""


def verified(device: str, seconds: float, folder: Path) -> dict[str, Any]:
    """What `jaccheck verify` reports of the device."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "jaccheck", "verify", "--device", device, "--seed", "1", "--no-store", "--quiet"]
    command += ["--time", f"{seconds:.0f}", "--report", str(report)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) as process:
        said = _said_within(process, (seconds + LOADING, LOADING))
    if not report.exists():
        return {"failed": said.strip()[-500:]}
    found = load(Report, report)
    told = {name: getattr(found.totals, name) for name in ("cases", "comparisons", "entries", "undecided")}
    findings = [f"{f.method}, {f.law}, {f.outcome}: {f.message}" for f in found.findings]
    return {**told, **found.totals.modes, "exit code": process.returncode, "findings": findings}


def _said_within(process: subprocess.Popen[str], seconds: tuple[float, float]) -> str:
    """What it prints; after some time it is asked to end by Ctrl-C, which keeps what it has found."""
    for limit, end in zip(seconds, (partial(process.send_signal, signal.SIGINT), process.kill), strict=True):
        try:
            return process.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            end()
    return process.communicate()[0]


def asked(part: str, device: str, seconds: float) -> dict[str, Any]:
    """What a part says, from a process of its own."""
    command = [sys.executable, __file__, "--device", device, "--seconds", str(seconds), "--part", part]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + LOADING)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {seconds + LOADING:.0f} s"}
    if done.returncode:
        return {"failed": f"ended with {done.returncode}: {done.stderr.strip()[-500:]}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def page_of(device: str, parts: dict[str, dict[str, Any]], command: str) -> str:
    """The answers as Markdown."""
    lines = [f"# {device}: {parts['about'].get('device', 'not reported')}", "", f"`{command}`, {_commit()}.", ""]
    for part, found in parts.items():
        lines += [f"## {SHARES[part][0]}", "", "| what | seen |", "|---|---|"]
        lines += [f"| {name} | {_cell(value)} |" for name, value in found.items()]
        lines += [""]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name}: {_cell(each)}" for name, each in value.items()]
    if isinstance(value, list):
        value = "; ".join(map(str, value)) or "none"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _commit() -> str:
    command = ("git", "rev-parse", "--short", "HEAD")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"{done.stdout.strip() or 'no commit'}, {datetime.date.today():%Y-%m-%d}"


@click.command(help=__doc__.split("\n")[0])
@click.option("--device", required=True, help="As torch names it: cuda, cuda:1, mps, xla.")
@click.option("--seconds", type=click.FloatRange(min=1), default=330.0, show_default=True, help="For all parts.")
@click.option("--only", multiple=True, type=click.Choice(list(SHARES)), help="Only this part. Repeatable.")
@click.option("--json", "into", type=click.Path(path_type=Path), help="Writes all answers there.")
@click.option("--page", type=click.Path(path_type=Path), help="Writes them as Markdown there.")
@click.option("--part", hidden=True)
def main(
    device: str, seconds: float, only: tuple[str, ...], into: Path | None, page: Path | None, part: str | None
) -> None:
    """Runs the parts one after the other, and writes after each."""
    if part:
        from device_parts import PARTS

        click.echo(json.dumps(PARTS[part](device, seconds)))
        return
    found: dict[str, dict[str, Any]] = {}
    command = f"python benchmarks/device.py --device {device} --seconds {seconds:g}"
    for name, (title, share) in SHARES.items():
        if only and name not in only and name != "about":
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            own = max(1.0, share * seconds)
            found[name] = verified(device, own, Path(folder)) if name == "verify" else asked(name, device, own)
        click.echo(f"{title}: {time.monotonic() - started:.0f} s")
        for what, seen in found[name].items():
            click.echo(f"  {what}: {_cell(seen)}")
        if into:
            into.write_text(json.dumps({"device": device, "command": command, "parts": found}, indent=1))
        if page:
            page.write_text(page_of(device, found, command) + os.linesep)


if __name__ == "__main__":
    main()

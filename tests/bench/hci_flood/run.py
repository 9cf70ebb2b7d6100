#!/usr/bin/env python3
"""A flood over the HCI TCP source, measured from outside.

In: built binaries (`cargo build --release --workspace --bins`). Out: one line every five seconds and a summary:
adverts offered, heard, shed, resident memory, longest pause, processor time of the gateway, which is pinned to one
core. Usage: run.py [ADVERTS_PER_S [SECONDS [WARM_UP_SECONDS]]]; by default 20000 for 60 s after 60 s.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
BINARIES = Path(os.environ.get("VENUE_BINARIES", TOP / "target/release"))
SCENARIOS = TOP / "tests/scenarios"
CONFIG = """[gateway]
name = "bench"
[bluetooth]
enabled = false
[mqtt]
port = 0
[http]
port = 0
[[hci]]
device = "{device}"
receiver = "west-1"
"""


def first_line(process, begins):
    for line in process.stdout:
        if line.startswith(begins):
            return line.split()[1]
    raise SystemExit(f"{process.args[0]} ended before it said \"{begins}\"")


def start(command, begins):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, first_line(process, begins)


def radio(pages):
    with urllib.request.urlopen(f"{pages}/api/v1/state", timeout=10) as answer:
        state = json.load(answer)
    return state["health"], state["health"]["radios"][0]


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(pages, pid, seconds):
    health, source = radio(pages)
    began, first, cpu = time.monotonic(), source, processor_s(pid)
    before, moved, pause, shown, resident = source["adverts"], began, 0.0, 0, []
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(0.1)
        health, source = radio(pages)
        now = time.monotonic()
        if source["adverts"] > before:
            pause, moved, before = max(pause, now - moved), now, source["adverts"]
        if passed >= shown:
            resident.append(resident_mib(pid))
            print(f"{passed:5.0f} s  heard {source['adverts']:8}  shed {source['lost']['shed']:7}  {resident[-1]:5.1f} MiB")
            shown += 5
    passed = time.monotonic() - began
    heard = source["adverts"] - first["adverts"]
    shed = source["lost"]["shed"] - first["lost"]["shed"]
    print(f"heard {heard / passed:.0f}/s, shed {shed} ({100 * shed / max(heard, 1):.2f} %)")
    print(f"health is told every second; longest pause between two rises {max(pause, now - moved):.1f} s")
    print(f"resident {resident[0]:.1f} MiB at first, {resident[-1]:.1f} MiB at last, {max(resident):.1f} MiB at most")
    print(f"one core busy {100 * (processor_s(pid) - cpu) / passed:.0f} %, {(processor_s(pid) - cpu) / heard * 1e6:.1f} us an advert")
    print(f"the engine took {health['adverts_taken']} adverts, its queue lost {health['adverts_lost']}")
    print(f"recoveries {source['recoveries']}, line faults {source['line_faults']}, devices {health['devices_alive']}")


def main(adverts_per_s=20_000, seconds=60, warm_up_s=60):
    folder = tempfile.TemporaryDirectory()
    venue = (SCENARIOS / "small_venue.toml").read_text()
    (Path(folder.name) / "venue.toml").write_text(venue)
    controller, device = start(
        [str(BINARIES / "firmware-sim"), "controller", "--scenario", str(SCENARIOS / "small.toml"), "--skip", "180",
         "--listen", "tcp:127.0.0.1:0", "--flood", str(adverts_per_s)], "listening ")
    config = Path(folder.name) / "gateway.toml"
    config.write_text(CONFIG.format(device=device))
    last = max(os.sched_getaffinity(0))
    gateway, pages = start(
        ["taskset", "-c", str(last), str(BINARIES / "venue-gateway"), "run", "--config", str(config)], "ready ")
    try:
        time.sleep(warm_up_s)
        measure(pages, gateway.pid, seconds)
    finally:
        gateway.terminate()
        controller.kill()
        gateway.wait()
        controller.wait()
        folder.cleanup()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

"""Watching of inboxes: lost events, the delay until a job starts, the cost of a long queue, inboxes that go away. The stand-in
worker costs almost nothing, so the figures are those of the daemon."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

from place import ELSEWHERE, PICTURE, Place, Scenario, Broken, demand, visible
from writers import wait_until


class Watched:
    """A running daemon with its place, its quick worker and its metrics."""

    def __init__(self, torture, root, extra="", quiet=1.0, prefix=()):
        os.makedirs(root)
        self.place = Place(f"{root}/p", Scenario("watched", {}, extra=f"metrics_file: {root}/prom\n{extra}", quiet=quiet))
        self.root, self.started_file, self.prefix = root, f"{root}/started", prefix
        self.log = open(f"{root}/log", "wb")
        self.process = None

    def start(self, **environment):
        environment = self.place.environment(TORTURE_STARTED=self.started_file, **environment)
        self.process = subprocess.Popen([*self.prefix, *self.place.command(once=False)], env=environment, cwd=self.root,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until(lambda: self.process.poll() is not None or self.status().get("pid") == self.pid, 60)
        demand(self.process.poll() is None, f"the daemon ended with {self.process.poll()}")
        return self

    @property
    def pid(self):
        return self.process.pid

    def status(self):
        try:
            with open(f"{self.place.state}/status.json") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return {}

    def started(self):
        """Id, spec and time of each start."""
        try:
            with open(self.started_file) as lines:
                return [(i, spec, float(at)) for i, spec, at in (line.split() for line in lines)]
        except FileNotFoundError:
            return []

    def metric(self, name):
        with open(f"{self.root}/prom") as lines:
            found = [line.split()[-1] for line in lines if line.startswith(f"clipdragd_{name} ")]
        return float(found[0])

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def remove(self):
        self.stop()
        self.log.close()
        self.place.remove()
        shutil.rmtree(self.root, ignore_errors=True)


def drop(folder, name, content):
    with open(f"{folder}/{name}", "wb") as file:
        file.write(content)


def move_in(watched, name, content):
    staged = f"{watched.place.root}/{name}"
    drop(watched.place.root, name, content)
    os.rename(staged, f"{watched.place.inbox}/{name}")


def overflow(torture, count):
    """Drops pairs while the daemon is stopped, more events than the kernel keeps: each is published once.

    The folders are in memory. This proves that the daemon overlooks and repeats nothing, not that the work survives a power cut.
    """
    shm = f"{ELSEWHERE}/{os.getpid()}-overflow"
    watched = Watched(torture, shm, extra="workers: 4\n")

    def one(_):
        watched.start()
        os.kill(watched.pid, signal.SIGSTOP)
        names = [f"p{i:05}" for i in range(count)]
        for name in names:
            drop(watched.place.inbox, f"{name}.png", PICTURE)
            drop(watched.place.inbox, f"{name}.yaml", f"prompt: {name}\n".encode())
        # Alternating names make distinct events, so the queue of events overflows however few the pairs.
        with open("/proc/sys/fs/inotify/max_queued_events") as file:
            for i in range(int(file.read())):
                drop(watched.place.inbox, f".noise{i % 2}", b"")
        os.kill(watched.pid, signal.SIGCONT)
        begun = time.monotonic()
        wait_until(lambda: len(watched.started()) > 0, 120)
        first = time.monotonic() - begun
        wait_until(lambda: len(visible(watched.place.outbox)) >= count and not watched.status().get("waiting"), 120 + count / 20)
        took = time.monotonic() - begun
        watched.stop()
        demand(visible(watched.place.outbox) == names, f"{len(visible(watched.place.outbox))} of {count} are in the outbox")
        specs = [spec for _, spec, _ in watched.started()]
        demand(len(specs) == len(set(specs)) == count, f"{len(specs)} starts of {len(set(specs))} specs")
        demand(len(visible(watched.place.archive)) == 2 * count, "not all inputs are in the archive")
        demand(watched.metric("inotify_overflows_total") >= 1, "no overflow was counted")
        demand(watched.metric('jobs_total{result="published"}') == count, "the metrics count something else")
        return f"run of {count} pairs (first start after {first:.1f} s, all after {took:.0f} s)"

    try:
        torture.all("overflow", one, [0], 1)
    finally:
        watched.remove()


def latency(torture, count):
    """Seconds from the second half's arrival to its worker's start, with the default configuration on a real disk."""
    for how in ("renamed in", "PNG and JSON, copied", "copied"):
        watched = Watched(torture, f"{torture.folder}/latency").start()
        arrived = {}
        for i in range(count):
            name = f"l{i:04}"
            text = json.dumps({"prompt": name}) if "JSON" in how else f"prompt: {name}\n"
            extension = "json" if "JSON" in how else "yaml"
            if how == "renamed in":
                move_in(watched, f"{name}.png", PICTURE)
                time.sleep(0.05)
                move_in(watched, f"{name}.{extension}", text.encode())
            else:
                drop(watched.place.inbox, f"{name}.png", PICTURE)
                time.sleep(0.05)
                drop(watched.place.inbox, f"{name}.{extension}", text.encode())
            arrived[f"{name}.{extension}"] = time.time()
            time.sleep(0.4)
        wait_until(lambda: len(watched.started()) >= count, 60)
        waits = sorted(at - arrived[spec] for _, spec, at in watched.started())
        load = os.getloadavg()[0]
        watched.remove()
        demand(len(waits) == count, f"{len(waits)} of {count} were started")
        at = lambda share: waits[min(len(waits) - 1, int(share * len(waits)))] * 1000
        print(f"latency, {how}: {count} pairs: p50 {at(.5):.0f} ms, p90 {at(.9):.0f} ms, p99 {at(.99):.0f} ms, "
              f"longest {waits[-1] * 1000:.0f} ms (load {load:.1f} on {os.cpu_count()} cores)", flush=True)


def idle(torture, count):
    """Memory and wake-ups of a daemon at rest with a long queue.

    `pause` keeps the jobs waiting. The test counts voluntary context switches: one for each time the daemon was awake.
    """
    watched = Watched(torture, f"{ELSEWHERE}/{os.getpid()}-idle")

    def one(_):
        subprocess.run([Place.program, "pause", "--state", watched.place.state], check=True)
        for i in range(count):
            drop(watched.place.inbox, f"p{i:05}.png", PICTURE)
            drop(watched.place.inbox, f"p{i:05}.yaml", f"prompt: {i}\n".encode())
        watched.start()
        wait_until(lambda: len(watched.status().get("waiting", [])) >= count, 60 + count / 20)
        queued = len(watched.status().get("waiting", []))
        demand(queued == count, f"{queued} of {count} are queued")
        time.sleep(10)  # the daemon writes status and metrics after the claims
        before, begun = switches(watched.pid), time.monotonic()
        time.sleep(20 if torture.quick else 65)
        seconds = time.monotonic() - begun
        woken = switches(watched.pid) - before
        resident = resident_kilobytes(watched.pid) / 1024
        watched.stop()
        demand(resident <= 50, f"{resident:.0f} MB are resident with {count} queued")
        # The daemon scans each inbox once a minute and wakes for nothing else.
        demand(woken <= 2 + seconds / 60 * 4, f"it woke up {woken} times in {seconds:.0f} s")
        return f"at rest with {count} queued: {resident:.1f} MB resident, woken {woken} times in {seconds:.0f} s"

    try:
        torture.all("idle", one, [0], 1)
    finally:
        watched.remove()


def switches(pid):
    """Voluntary context switches of all threads of a process."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as lines:
            total += int(next(line for line in lines if line.startswith("voluntary_ctxt_switches")).split()[1])
    return total


def resident_kilobytes(pid):
    with open(f"/proc/{pid}/status") as lines:
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

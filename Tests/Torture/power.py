"""Power cuts: the daemon works on a loop-mounted ext4 image. A cut copies the image as the disk has it, and the daemon restarts on
the copy.

The copy lacks everything that was not synced. Kernels write back early and in any order; to imitate that, the script flushes some
randomly chosen files just before the cut. Needs root and loop devices.
"""

import contextlib
import os
import random
import shutil
import subprocess
import time

import calls
from place import Place, SCENARIOS, contents, trial


@contextlib.contextmanager
def mounted(image, folder):
    os.makedirs(folder, exist_ok=True)
    # noauto_da_alloc: ext4 does not sync files that are renamed without fsync; commit: no periodic flush
    subprocess.run(["mount", "-o", "loop,commit=3000,noauto_da_alloc", image, folder], check=True)
    try:
        yield folder
    finally:
        # A worker may still be ending after its daemon's death.
        for last in (False,) * 100 + (True,):
            if subprocess.run(["umount", folder], check=last, capture_output=not last).returncode == 0:
                break
            time.sleep(0.1)


def fresh_image(path, folder, scenario):
    with open(path, "wb") as file:
        file.truncate(12 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=1", "-b", "1024", path], check=True)
    with mounted(path, folder):
        Place(folder, scenario)
        os.sync()


def cuts(torture, count, scenarios):
    if os.geteuid() != 0:
        raise SystemExit("power cuts need root: loop mounts")
    calls.need("mkfs.ext4", "mount")
    scenarios = [s for s in scenarios if not SCENARIOS[s].elsewhere]
    for i, name in enumerate(scenarios):
        share = count // len(scenarios) + (1 if i < count % len(scenarios) else 0)
        cut_one(torture, SCENARIOS[name], share)


def cut_one(torture, scenario, count):
    source = random.Random(f"{torture.seed} power {scenario.name}")
    # Always the same path, so that the recorded calls match; parallel runs have their own folders below it.
    template, folder = f"{torture.folder}/template-{scenario.name}.img", f"{torture.folder}/mount-{scenario.name}"
    fresh_image(template, folder, scenario)
    work = f"{torture.folder}/record.img"
    shutil.copyfile(template, work)
    with mounted(work, folder):
        recorded = calls.record(Place(folder, scenario, make=False), TORTURE_SYNC="1")
    points = calls.kill_points(recorded)
    cases = [(points[i % len(points)], source.random()) for i in range(count)]

    def one(case):
        (when, call, target), luck = case
        number = next(torture.numbers)
        image, cut = f"{torture.folder}/{number}.img", f"{torture.folder}/{number}.cut.img"
        at = f"{torture.folder}/m{number}"
        chance = random.Random(luck)

        def remove():
            for path in (image, cut):
                if os.path.exists(path):
                    os.remove(path)
            with contextlib.suppress(OSError):
                os.rmdir(at)

        copy(template, image)
        with trial(f"{scenario.name}, cut {when} {call} (luck {luck})", remove):
            with mounted(image, at):
                place = Place(at, scenario, make=False)
                place.write_config()
                code, _ = place.run(calls.inject(place, target, "KILL"), TORTURE_SYNC="1")
                flush_some(place, chance)
                copy(image, cut)
            with mounted(cut, at):
                place = Place(at, scenario, make=False)
                place.write_config()
                place.check_always()
                place.check_recovery()
            return "cut" if code == -9 else "cut at the end"

    torture.all(f"power cuts, {scenario.name}", one, cases, torture.cores + 1)
    for path in (template, work):
        os.remove(path)


def flush_some(place, chance):
    kind = chance.randrange(4)
    if kind == 0:
        os.sync() if chance.random() < 0.1 else None
    elif kind == 1:
        for path, _ in contents(place.root):
            if chance.random() < 0.3:
                flush(path)


def flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)

"""Three daemons with an inbox each share one outbox and publish the same names. Two are killed and restarted repeatedly beside a
third. No daemon may remove another's unfinished results."""

import random
import shutil
import signal
import subprocess
import time
from collections import Counter

from place import PICTURE, Place, RESULT, Scenario, demand, trial, visible

PAIRS = 12


def neighbours(torture):
    def one(number):
        chance = random.Random(f"{torture.seed} neighbours {number}")
        root = torture.folder
        specs = [{f"p{i:02}.yaml": f"prompt: {who} {i}\n".encode() for i in range(PAIRS)} for who in range(3)]
        places = []
        for who in range(3):
            files = {**specs[who], **{f"p{i:02}.png": PICTURE for i in range(PAIRS)}}
            place = Place(f"{root}/{number}-{who}", Scenario("neighbours", files), make=False)
            place.outbox = f"{root}/{number}-out"
            place.make()
            places.append(place)
        with trial(f"round {number}", lambda: remove(places)):
            calm = start(places[0])
            deaths = sum(kill_again(places[who], chance) for who in (1, 2) for _ in range(8))
            # The third daemon works beside them and finishes before them.
            finish(places[0], calm)
            for place in places:
                finish(place, start(place))
                demand(visible(place.archive) == sorted(place.scenario.files), f"archived: {visible(place.archive)}")
            made = []
            for name in visible(places[0].outbox):
                folder = f"{places[0].outbox}/{name}"
                demand(visible(folder) == RESULT, f"{name} is half a result: {visible(folder)}")
                with open(f"{folder}/spec", "rb") as file:
                    made.append(file.read())
            wanted = sorted(text for each in specs for text in each.values())
            demand(sorted(made) == wanted, f"{len(made)} are published, {len(set(made))} of them different, of {len(wanted)}")
            left = visible(f"{places[0].outbox}/.clipdragd", dots=True)
            demand(left == [], f"unpublished results are left: {left}")
            with open(f"{places[0].root}/started") as lines:
                starts = Counter(line.split()[1] for line in lines)
            demand(set(starts.values()) == {1}, f"jobs of the calm one were disturbed: {starts}")
            return f"done beside {deaths} deaths"

    torture.all("neighbours", one, range(2 if torture.quick else 50), 2)


def remove(places):
    for place in places:
        place.remove()
    shutil.rmtree(places[0].outbox, ignore_errors=True)


def start(place):
    with open(f"{place.root}/log", "w") as log:
        return subprocess.Popen(place.command(), env=place.environment(TORTURE_PAUSE="30000"), cwd=place.root,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)


def finish(place, process):
    code = process.wait(60)
    with open(f"{place.root}/log") as log:
        demand(code == 0, f"ended with {code}: {log.read()[-300:]}")


def kill_again(place, chance):
    process = start(place)
    time.sleep(chance.random() * 0.2)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL

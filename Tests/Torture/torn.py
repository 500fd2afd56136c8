"""Cuts state files short at every byte, and flips a bit in every byte."""

import random
import subprocess
from pathlib import Path

import calls
from place import Place, SCENARIOS, trial


def torn(torture):
    scenario = SCENARIOS["pair"]
    templates = states(torture, scenario)
    source = random.Random(torture.seed)
    cases = []
    for label, tree, files in templates:
        for path in files:
            content = Path(tree.root, path).read_bytes()
            for at in range(len(content)):
                cases.append((label, tree, path, "cut", at, content[:at]))
                flipped = bytearray(content)
                flipped[at] ^= 1 << source.randrange(8)
                cases.append((label, tree, path, "bit flipped", at, bytes(flipped)))
    if torture.quick:
        cases = source.sample(cases, min(len(cases), 120))

    def one(case):
        label, tree, path, how, at, content = case
        place = Place(f"{torture.folder}/{next(torture.numbers)}", scenario, make=False)
        copy(tree.root, place.root)
        place.write_config()
        Path(place.root, path).write_bytes(content)
        with trial(f"{label}: {path} {how} at byte {at}", place.remove):
            place.check_always()
            place.check_recovery()
            return "done"

    torture.all("torn state files", one, cases, torture.cores * 2)
    for _, tree, _ in templates:
        tree.remove()


def copy(source, target):
    """A copy that keeps hard links and times."""
    subprocess.run(["cp", "-a", source, target], check=True)


def states(torture, scenario):
    """Places that a killed daemon left, one for each state of a record."""
    place = torture.place(scenario)
    recorded = calls.record(place)
    finished = ("finished", place, files_of_state(place))
    found, seen = [finished], set()
    for when, call, target in calls.kill_points(recorded):
        place = torture.place(scenario)
        place.run(calls.inject(place, target, "KILL"))
        claims = [p for p in Path(place.inbox, ".clipdragd").glob("*/.job.json")]
        shape = None
        if claims:
            text = claims[0].read_text()
            state = next((s for s in ("publishing", "running", "waiting") if f'"{s}"' in text), "?")
            shape = (state, bool(place.published()), Path(claims[0].parent, "x.yaml").exists(),
                     Path(claims[0].parent, "x.png").exists())
        if shape and shape not in seen:
            seen.add(shape)
            label = f"{shape[0]}, {'published' if shape[1] else 'not yet published'}, killed {when} {call.name}"
            found.append((label, place, [str(claims[0].relative_to(place.root))] + files_of_state(place)))
        else:
            place.remove()
    return found


def files_of_state(place):
    state = Path(place.state)
    lock = Path(place.inbox, ".clipdragd/lock")  # stores the inbox's mark
    return [str(p.relative_to(place.root)) for p in [*state.rglob("*.json"), *([lock] if lock.exists() else [])]]

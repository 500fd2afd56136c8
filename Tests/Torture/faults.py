"""Injects SIGKILL, failing calls and short writes at every step of a job's life."""

import os
import random

import calls
from place import SCENARIOS, demand, trial

ERRORS = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE", "EINTR", "ENOMEM"]
# Only a start whose places fail may exit with these.
REFUSALS = (73, 74, 75)


def kills(torture, scenarios):
    """Kills the daemon before and after each call; the long run also kills each restart once."""
    for name in scenarios:
        scenario = SCENARIOS[name]
        place = torture.place(scenario)
        recorded = calls.record(place)
        place.remove()
        points = calls.kill_points(recorded)
        random_source = random.Random(f"{torture.seed} {name}")
        again = {i: random_source.choice(points) for i in range(len(points)) if not torture.quick}

        def one(i):
            when, call, target = points[i]
            place = torture.place(scenario)
            with trial(f"{name}, killed {when} {call}", place.remove):
                code, said = place.run(calls.inject(place, target, "KILL"))
                demand(code in (-9, 0, 75), f"ended with {code}: {said[-300:]}")
                place.check_always()
                if i in again:
                    place.run(calls.inject(place, again[i][2], "KILL"))
                    place.check_always()
                place.check_recovery()
                return "killed" if code == -9 else "not reached"

        torture.all(f"SIGKILL, {name}", one, range(len(points)), 4)


def errors(torture, scenarios):
    """Returns each error from each call on a file of the place."""
    for name in scenarios:
        scenario = SCENARIOS[name]
        place = torture.place(scenario)
        # A daemon that cannot read its configuration (config.yaml, config.d) exits with 78 before it starts anything.
        targets = [c for c in calls.record(place) if c.touches and c.name != "close" and "/config." not in c.line]
        place.remove()
        cases = [(e, c, times) for c in targets for e in ERRORS for times in ((1,) if torture.quick else (1, 3))]
        if torture.quick:
            cases = random.Random(torture.seed).sample(cases, min(len(cases), 40))

        def one(case):
            error, call, times = case
            place = torture.place(scenario)
            with trial(f"{name}, {error} x{times} at {call}", place.remove):
                code, said = place.run(calls.inject(place, call, error, times))
                demand(code in (0, *REFUSALS), f"ended with {code}: {said[-300:]}")
                place.check_always()
                if name == "pair":
                    demand(not os.path.exists(place.failed), "a failing place was charged to the job")
                met, is_ended = os.path.getsize(place.met), place.is_ended(code)
                place.check_recovery(is_ended)
                return ("not met" if met == 0 else "went on unaided" if is_ended
                        else "refused to start, then done" if code in REFUSALS else "done by the next start")

        torture.all(f"errors, {name}", one, cases, min(64, inotify_instances() // 4))


def unseen(torture):
    """Scans of the inbox fail as slowly as on a dying disk while a job waits: the daemon treats the inbox as gone, then finds it again."""
    scenario = SCENARIOS["shared"]

    def one(case):
        number, times = case
        place = torture.place(scenario)
        with trial(f"EIO x{times} at look {number}", place.remove):
            words = calls.fault(place, "newfstatat", number, "EIO", times, path=place.inbox, milliseconds=200)
            code, said = place.run(words, seconds=30)
            demand(code in (0, *REFUSALS), f"ended with {code}: {said[-300:]}")
            place.check_always()
            place.check_recovery(place.is_ended(code))
            return "seen again"

    torture.all("inbox unseen", one, [(number, times) for number in range(1, 7) for times in (1, 2, 3)], 9)


def inotify_instances():
    """The limit of inotify instances for a user. A daemon needs two."""
    with open("/proc/sys/fs/inotify/max_user_instances") as file:
        return int(file.read())


def short_writes(torture, scenarios):
    """Each write accepts only some of the bytes, or is interrupted."""
    library = calls.compiled(torture, "short_write.c", "-shared", "-fPIC", "-ldl")
    for name in scenarios:
        scenario = SCENARIOS[name]
        place = torture.place(scenario)
        writes = sum(c.name == "write" and c.changes for c in calls.record(place))
        place.remove()

        def one(case):
            number, size = case
            place = torture.place(scenario)
            with trial(f"{name}, write {number} takes {size} bytes", place.remove):
                code, said = place.run(LD_PRELOAD=library, SHORT_WRITE=str(number), SHORT_SIZE=str(size))
                place.check_end(code)
                place.check_recovery()
                return "whole"

        torture.all(f"short writes, {name}", one,
                    [(n, size) for n in range(1, writes + 1) for size in ((0, 7) if torture.quick else (0, 1, 7, 64))], 8)

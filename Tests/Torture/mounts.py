"""Mounts over, unmounts, moves away and recreates inboxes under a running daemon, and tests the ways of watching. Each daemon
has its own mount namespace; tests drop files into it through /proc/PID/root."""

import os
import subprocess

from place import PICTURE, demand, visible
from watching import Watched, drop, wait_until

ROOT_USER = os.geteuid() == 0
UNSHARE = ["unshare", "--mount", "--propagation", "private"] + ([] if ROOT_USER else ["--map-root-user"])


def inside(watched, *words, check=True):
    """Runs a command in the daemon's mount namespace."""
    user = [] if ROOT_USER else ["--user", "--preserve-credentials"]
    return subprocess.run(["nsenter", "--target", str(watched.pid), "--mount", *user, *words], check=check,
                          capture_output=True, text=True)


def pair(watched, name):
    """Drops a pair into the folder that the daemon sees as its inbox."""
    inbox = f"/proc/{watched.pid}/root{watched.place.inbox}"
    drop(inbox, f"{name}.png", PICTURE)
    drop(inbox, f"{name}.json", b'{"prompt": "x"}')


def published(watched, *names):
    wait_until(lambda: visible(watched.place.outbox) == sorted(names), 30)
    demand(visible(watched.place.outbox) == sorted(names), f"{visible(watched.place.outbox)} instead of {sorted(names)}")


def mode(watched):
    inboxes = watched.status().get("inboxes")
    return inboxes and inboxes[0]["watch"]


def expect_mode(watched, wanted):
    wait_until(lambda: mode(watched) == wanted, 30)
    demand(mode(watched) == wanted, f"the inbox is watched by {mode(watched)}, not {wanted}")


def command(watched, *words):
    subprocess.run([watched.place.program, *words, "--state", watched.place.state], check=True, capture_output=True)


def mounted_over(watched):
    """Mounts a file system over the inbox and unmounts it: jobs claimed below wait, jobs above are published, nothing fails."""
    watched.start()
    inbox = watched.place.inbox
    pair(watched, "a")
    published(watched, "a")
    command(watched, "pause")
    wait_until(lambda: watched.status().get("paused"), 30)
    pair(watched, "b")
    wait_until(lambda: watched.status().get("waiting"), 30)
    inside(watched, "mount", "-t", "tmpfs", "none", inbox)
    wait_until(lambda: not watched.status().get("waiting"), 30)
    command(watched, "resume")
    pair(watched, "c")
    published(watched, "a", "c")
    inside(watched, "umount", "--lazy", inbox)
    published(watched, "a", "b", "c")


def made_anew(watched):
    """Moves the inbox away, creates a new one, then moves the old one back."""
    watched.start()
    inbox = watched.place.inbox
    command(watched, "pause")
    pair(watched, "a")
    wait_until(lambda: watched.status().get("waiting"), 30)
    os.rename(inbox, f"{inbox}.away")
    expect_mode(watched, "away")
    command(watched, "resume")
    os.mkdir(inbox)
    expect_mode(watched, "inotify")
    pair(watched, "b")
    published(watched, "b")
    os.rename(inbox, f"{inbox}.second")
    expect_mode(watched, "away")
    os.rename(f"{inbox}.away", inbox)
    published(watched, "a", "b")


def removed_while_working(watched):
    """The inbox disappears while a worker runs its job: the job is not charged, and is published once the inbox is back."""
    hold = f"{watched.root}/hold"
    drop(watched.root, "hold", b"")
    watched.start(TORTURE_HOLD=hold)
    inbox = watched.place.inbox
    pair(watched, "a")
    wait_until(lambda: watched.status().get("running"), 30)
    os.rename(inbox, f"{inbox}.away")
    expect_mode(watched, "away")
    demand(not watched.status()["running"] and not visible(watched.place.outbox), f"it went on without its inbox: {watched.status()}")
    os.unlink(hold)
    os.rename(f"{inbox}.away", inbox)
    published(watched, "a")
    demand(not visible(watched.place.failed), "it failed")


def bound(watched):
    """The daemon refuses an outbox that a bind mount puts into the inbox, although its path does not show it."""
    place = watched.place
    os.makedirs(f"{place.inbox}/below")
    os.makedirs(f"{place.root}/elsewhere")
    for source in (place.inbox, f"{place.inbox}/below"):
        script = f"mount --bind '{source}' '{place.root}/elsewhere' && exec \"$@\""
        run = subprocess.run([*UNSHARE, "sh", "-c", script, "sh", place.program, "run", "--once", "--inbox", place.inbox,
                              "--outbox", f"{place.root}/elsewhere", "--state", place.state], capture_output=True, text=True)
        demand(run.returncode == 78 and "overlap" in run.stderr, f"{run.returncode}: {run.stderr}")


def over_an_overlay(watched):
    """A folder below an overlay changes without an event, so the daemon also polls such an inbox."""
    place = watched.place
    lower, above = f"{place.root}/lower", f"{place.root}/above"
    os.mkdir(lower), os.mkdir(above)
    script = (f"mount -t tmpfs none '{above}' && mkdir '{above}/upper' '{above}/work' && mount -t overlay none -o "
              f"'lowerdir={lower},upperdir={above}/upper,workdir={above}/work' '{place.inbox}' && exec \"$@\"")
    watched.prefix = [*UNSHARE, "sh", "-c", script, "sh"]
    watched.start()
    expect_mode(watched, "both")
    drop(lower, "a.png", PICTURE)
    drop(lower, "a.json", b'{"prompt": "x"}')
    published(watched, "a")


def forced(way):
    def watch(watched):
        config = watched.place.config
        with open(config) as file:
            text = file.read()
        with open(config, "w") as file:
            file.write(text.replace(f"{{path: {watched.place.inbox}}}", f"{{path: {watched.place.inbox}, watch: {way}}}"))
        watched.start()
        expect_mode(watched, way)
        pair(watched, "a")
        published(watched, "a")
    watch.__doc__ = f"watch: {way}"
    return watch


def no_watches_left(watched):
    """Where the kernel has no watches left, the daemon polls the inbox."""
    script = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
    watched.prefix = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    watched.start()
    expect_mode(watched, "poll")
    pair(watched, "a")
    published(watched, "a")
    with open(f"{watched.root}/log") as log:
        demand("max_user_instances" in log.read(), "the log does not report it")


CASES = {"mounted over": mounted_over, "made anew": made_anew, "removed while working": removed_while_working,
         "bind mount": bound, "overlay": over_an_overlay, "forced inotify": forced("inotify"), "forced poll": forced("poll"),
         "no watches left": no_watches_left}


def mounts(torture):
    def one(name):
        watched = Watched(torture, f"{torture.folder}/mounts-{name.replace(' ', '-')}", quiet=0.2, prefix=UNSHARE)
        try:
            CASES[name](watched)
            return "recovered" if name in ("mounted over", "made anew", "removed while working") else "as wanted"
        finally:
            watched.remove()

    torture.all("mounts", one, list(CASES), 4)

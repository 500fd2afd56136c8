"""Random writers drop pairs, with pauses, into a running daemon's inbox. No job may start on incomplete bytes."""

import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from place import PICTURE, Place, Scenario, demand, stem, visible

QUIET = 1.0
# Pauses while the file is open may have any length. A writer that closes a file between its parts signals each time that it is
# done, so its pauses stay below the quiet time.
LONG, SHORT = 12.0, QUIET / 20
longest_pause = LONG


wanted_pauses = threading.local()


def pause(chance, longest=None):
    seconds = chance.random() ** 6 * (longest or longest_pause)
    wanted_pauses.sum += seconds
    time.sleep(seconds)


def write(half, chance):
    """Writes a half by its habit.

    Returns the seconds by which the writer was slower than its own pauses. On a loaded machine it may stall for so long,
    with the file closed or open, that it looks like a writer that is done.
    """
    path, content, habit = half
    wanted_pauses.sum, begun = 0, time.monotonic()
    HABITS[habit](path, content, chance)
    return time.monotonic() - begun - wanted_pauses.sum


def pieces(content, chance):
    ends = sorted(chance.randrange(len(content) + 1) for _ in range(chance.randrange(1, 5))) + [len(content)]
    start = 0
    for end in ends:
        yield start, content[start:end]
        start = end


def open_and_write(path, content, chance):
    with open(path, "wb", buffering=0) as file:
        for _, piece in pieces(content, chance):
            file.write(piece)
            pause(chance)


def append(path, content, chance):
    for _, piece in pieces(content, chance):
        if not piece:
            continue  # an append of nothing could create a new, empty file after the whole one was claimed
        with open(path, "ab", buffering=0) as file:
            file.write(piece)
        pause(chance, SHORT)


def append_held(path, content, chance):
    """Like `cmd >> file` in a loop with one redirection: the file stays open throughout."""
    with open(path, "ab", buffering=0) as file:
        for _, piece in pieces(content, chance):
            file.write(piece)
            pause(chance)


def rename_in(prefix, suffix):
    def write(path, content, chance):
        folder, name = os.path.split(path)
        temporary = f"{folder}/{prefix}{name}{suffix}"
        open_and_write(temporary, content, chance)
        os.rename(temporary, path)
    return write


def link_in(path, content, chance):
    staged = f"{os.path.dirname(path)}/.staged-{os.path.basename(path)}"
    open_and_write(staged, content, chance)
    os.link(staged, path)
    os.unlink(staged)


def truncate_and_rewrite(path, content, chance):
    with open(path, "wb", buffering=0) as file:
        file.write(content[:chance.randrange(len(content))])
        pause(chance)
        file.seek(0)
        file.truncate()
        for _, piece in pieces(content, chance):
            file.write(piece)
            pause(chance)


def preallocated(path, content, chance):
    with open(path, "wb", buffering=0) as file:
        file.truncate(len(content))
        parts = list(pieces(content, chance))
        chance.shuffle(parts)
        for start, piece in parts:
            pause(chance)
            os.pwrite(file.fileno(), piece, start)
        pause(chance)


def mapped(path, content, chance):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(descriptor, len(content))
    with mmap.mmap(descriptor, len(content)) as memory:
        os.close(descriptor)
        parts = list(pieces(content, chance))
        chance.shuffle(parts)
        for start, piece in parts:
            pause(chance)
            memory[start:start + len(piece)] = piece
        pause(chance)


def old_times(path, content, chance):
    """Like cp -p and sftp -p: sets the time of change back at the end, with the file still open."""
    with open(path, "wb", buffering=0) as file:
        for _, piece in pieces(content, chance):
            file.write(piece)
            if chance.random() < 0.3:
                os.utime(file.fileno(), (1e9, 1e9))
            pause(chance)
        os.utime(file.fileno(), (1e9, 1e9))


def written_in_place(path, content, chance):
    """First writes another complete file of that name, then overwrites it byte by byte without truncating it."""
    with open(path, "wb", buffering=0) as file:
        file.write(bytes(len(content) + chance.randrange(50)))
        for start, piece in pieces(content, chance):
            pause(chance)
            file.seek(start)
            file.write(piece)
        pause(chance)
        file.truncate(len(content))


def sparse_copy(path, content, chance):
    """Like cp --sparse=always of a file that still grows elsewhere, then of the whole one, renamed over the first."""
    folder, name = os.path.split(path)
    source = f"{folder}/.source-{name}"
    open_and_write(source, content, chance)
    pause(chance)
    subprocess.run(["cp", "--sparse=always", source, f"{folder}/.sparse-{name}.tmp"], check=True)
    os.unlink(source)
    os.rename(f"{folder}/.sparse-{name}.tmp", path)


def moved_while_open(path, content, chance):
    """Renames the file to its final name before it writes the last bytes."""
    folder, name = os.path.split(path)
    with open(f"{folder}/.early-{name}", "wb", buffering=0) as file:
        early = chance.randrange(len(content))
        file.write(content[:early])
        pause(chance)
        os.rename(f"{folder}/.early-{name}", path)
        pause(chance)
        file.write(content[early:])


def hard_link_kept(path, content, chance):
    """Links the file in and keeps another name, like a deduplicating store."""
    folder, name = os.path.split(path)
    open_and_write(f"{folder}/.kept-{name}", content, chance)
    os.link(f"{folder}/.kept-{name}", path)


HABITS = {"open and write": open_and_write, "append": append, "append, held open": append_held,
          "dot name, renamed": rename_in(".", ".Xa31"), ".part, renamed": rename_in("", ".part"),
          ".filepart, renamed": rename_in("", ".filepart"), "linked in": link_in,
          "truncated and rewritten": truncate_and_rewrite, "preallocated, any order": preallocated,
          "mapped, any order": mapped, "old times": old_times,
          "in place": written_in_place, "sparse copy": sparse_copy, "moved while open": moved_while_open,
          "hard link kept": hard_link_kept}


def writers(torture, count):
    global longest_pause
    longest_pause = 3.0 if torture.quick else LONG
    place = Place(f"{torture.folder}/writers", Scenario("writers", {}, extra="workers: 2\n", quiet=QUIET))
    log = open(f"{place.root}/log", "wb")
    daemon = subprocess.Popen(place.command(once=False), env=place.environment(), cwd=place.root,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
    expected, stalled = {}, set()

    def one(i):
        chance = random.Random(f"{torture.seed} writer {i}")
        habits = [chance.choice(sorted(HABITS)) for _ in range(2)]
        picture = picture_of(i)
        form = chance.choice(["yaml", "json"])
        words = "".join(chance.choice("abc de") for _ in range(chance.randrange(200)))
        if form == "json":
            spec = json.dumps({"prompt": f"{i} {words}", "drags": [{"from": [10, 10], "to": [20, i % 50 + 21]}]}).encode()
        else:
            spec = (f"prompt: {i} x{words}\nseed: {i}\ndrags:\n  - {{from: [10, 10], to: [20, 21]}}\n"
                    f"settings:\n  max_steps: 12{i % 10}\n").encode()
            if chance.random() < 0.3:
                spec += b"...\n"  # shows its own end
        name = f"w{i:05}"
        expected[f"{name}.{form}"] = (spec, i, habits)
        halves = [(f"{place.inbox}/{name}.{form}", spec, habits[0]), (f"{place.inbox}/{name}.png", picture, habits[1])]
        chance.shuffle(halves)
        late = {}
        if chance.random() < 0.5:
            with ThreadPoolExecutor(2) as pool:
                for half, seconds in zip(halves, pool.map(lambda h: write(h, random.Random(f"{i} {h[0]}")), halves)):
                    late[half[2]] = max(seconds, late.get(half[2], 0))
        else:
            for half in halves:
                late[half[2]] = max(write(half, chance), late.get(half[2], 0))
                pause(chance)  # the other half arrives late
        if any(seconds > (QUIET / 2 if habit == "append" else 10) for habit, seconds in late.items()):
            stalled.add(f"{name}.{form}")
        return "written"

    torture.all("random writers", one, range(count), 192)
    wait_until(lambda: len(visible(place.outbox)) + len(visible(place.failed)) >= count, 60 + count / 50)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(20)
    log.close()
    with open(f"{place.root}/started") as lines:
        starts = Counter(line.split()[1] for line in lines)

    def check(name):
        if name in stalled:
            return "not judged: the machine stalled the writer"
        spec, number, habits = expected[name]
        demand(starts[name] == 1, f"{name} ({habits}) was started {starts[name]} times")
        result = f"{place.outbox}/{stem(name)}"
        demand(read(f"{result}/spec") == spec, f"{name} ({habits[0]}) was started on an incomplete spec")
        demand(read(f"{result}/result.png") == picture_of(number), f"{name} ({habits[1]}) was started on an incomplete picture")
        return "whole at the start"

    torture.all("writers' jobs", check, sorted(expected), 1)
    if torture.failures:
        shutil.copy(f"{place.root}/log", f"{torture.folder}/../writers.log")
    place.remove()


def picture_of(number):
    """A unique picture: a comment has the number."""
    body = b"tEXtComment\0" + str(number).encode()
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return PICTURE[:-12] + chunk + PICTURE[-12:]


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)

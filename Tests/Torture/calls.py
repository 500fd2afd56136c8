"""Records the system calls of one run of the daemon with strace, and injects faults at some of them with inject.c."""

import errno
import functools
import os
import re
import shutil
import subprocess

CHANGING = {"rename", "renameat", "renameat2", "link", "linkat", "symlink", "mkdir", "mkdirat", "unlink", "unlinkat",
            "rmdir", "fsync", "fdatasync", "write", "pwrite64", "chmod", "fchmod", "ftruncate", "utimensat"}
PROCESS = {"clone", "clone3", "vfork", "wait4", "poll"}
READING = {"openat", "read", "pread64", "newfstatat", "fstat", "getdents64", "close", "flock", "inotify_add_watch",
           "statfs", "statx", "access", "faccessat2", "copy_file_range"}


class Call:
    """One call: its name, and its number from 1 among the calls of that name."""

    def __init__(self, name, number, line, in_place):
        self.name, self.number, self.line = name, number, line
        self.changes = in_place and (name in CHANGING or name == "openat" and "O_CREAT" in line)
        self.touches = in_place and (self.changes or name in READING)
        self.is_process = name in PROCESS

    def __repr__(self):
        return f"{self.name}#{self.number} {self.line[:150]}"


def record(place, **options):
    """The calls of a clean run."""
    trace = f"{place.root}.trace"
    code, said = place.run(["strace", "-y", "-qq", "-s", "200", "-o", trace], **options)
    place.check_end(code)
    counts, calls = {}, []
    with open(trace, errors="replace") as lines:
        for line in lines:
            match = re.match(r"([a-z_0-9]+)\(", line)
            if not match:
                continue
            name = match[1]
            counts[name] = counts.get(name, 0) + 1
            in_place = f"{place.root}/" in line or f"{place.other}/" in line
            calls.append(Call(name, counts[name], line.strip(), in_place))
    return calls


def inject(place, call, what, times=1):
    """The command prefix that injects a fault (KILL or an error) into a call and the next ones of its name. inject.c appends a
    letter to `place.met` for each call that it hits."""
    return fault(place, call.name, call.number, what, times)


def fault(place, name, number, what, times=1, path="", milliseconds=0):
    """The same for all calls of a name or, with a path, for those on that path."""
    word = what if what == "KILL" else str(getattr(errno, what))
    return [fault.program, place.met, str(call_number(name)), path, str(number), str(number + times - 1), word, str(milliseconds)]


@functools.cache
def call_number(name):
    """The kernel's number of a call, from the headers."""
    words = subprocess.run([compiler(), "-E", "-P", "-"], input=f"#include <sys/syscall.h>\nSYS_{name}\n", check=True,
                           capture_output=True, text=True).stdout.split()
    return int(words[-1])


def kill_points(calls):
    """Before and after each call that changes the file system, and around the worker's start and end."""
    points, seen = [], set()
    begun = False
    for i, call in enumerate(calls):
        begun = begun or call.touches
        if not (call.changes or begun and call.is_process):
            continue
        for when, target in (("before", call), ("after", calls[i + 1] if i + 1 < len(calls) else None)):
            if target and (target.name, target.number) not in seen:
                seen.add((target.name, target.number))
                points.append((when, call, target))
    return points


def compiler():
    return next(c for c in ("cc", "clang", "gcc") if shutil.which(c))


def compiled(torture, source, *flags):
    """Compiles a C file of this folder and returns the path of the output."""
    target = f"{torture.folder}/{source.split('.')[0]}{'.so' if '-shared' in flags else ''}"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), source)
    subprocess.run([compiler(), "-O1", *flags, "-o", target, path], check=True)
    return target


def need(*programs):
    for program in programs:
        if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True).returncode:
            raise SystemExit(f"{program} is missing; scripts/install-packages.sh installs it")

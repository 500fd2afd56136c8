"""An inbox, an outbox and a state folder with a stand-in for the worker, and checks of the promises in them."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = (ROOT / "examples/rabbit-face.png").read_bytes()
HOUR_AGO = 3600
# On another file system than the places; each user has one.
ELSEWHERE = f"/dev/shm/clipdragd-torture-{os.getuid()}"
# The files that worker.c writes.
RESULT = ["result.png", "spec", "trajectory.json"]


class Scenario:
    """Files dropped into an inbox, and their expected outcome."""

    def __init__(self, name, files, published=(), failed=(), inputs="archive", extra="", taken=(), elsewhere=False,
                 archived=None, left=(), quiet=0.2):
        self.quiet = quiet  # seconds
        self.name, self.files, self.published, self.failed = name, files, list(published), list(failed)
        self.inputs, self.extra, self.taken, self.elsewhere = inputs, extra, list(taken), elsewhere
        self.archived = sorted(files) if archived is None else sorted(archived)
        self.left = sorted(left)  # in the inbox at the end


SCENARIOS = {s.name: s for s in [
    Scenario("pair", {"x.png": PICTURE, "x.yaml": b"prompt: a cat\n"}, published=["x"]),
    Scenario("shared", {"c.png": PICTURE, "m.png": PICTURE + b"mask", "a.yaml": b"image: c.png\nmask: m.png\nprompt: a\n",
                        "b.json": b'{"image": "c.png", "prompt": "b"}'}, published=["a", "b"]),
    Scenario("taken", {"x.png": PICTURE, "x.yaml": b"prompt: a cat\n"}, published=["x"], taken=["x"]),
    Scenario("delete", {"x.png": PICTURE, "x.yaml": b"prompt: a cat\n"}, published=["x"], inputs="delete", archived=[]),
    Scenario("keep", {"x.png": PICTURE, "x.yaml": b"prompt: a cat\n"}, published=["x"], inputs="keep",
             archived=["x.yaml"], left=["x.png"]),
    Scenario("refused", {"x.png": PICTURE, "x.yaml": b"prompt: REFUSED\n"}, failed=["x"], archived=[], left=["x.png"]),
    Scenario("broken", {"x.png": PICTURE, "x.yaml": b"prompt: BROKEN\n"}, failed=["x"], archived=[]),
    Scenario("crash", {"x.png": PICTURE, "x.yaml": b"prompt: CRASHES\n"}, published=["x"]),
    Scenario("elsewhere", {"x.png": PICTURE, "x.yaml": b"prompt: a cat\n"}, published=["x"], elsewhere=True),
    Scenario("failed elsewhere", {"x.png": PICTURE, "x.yaml": b"prompt: BROKEN\n"}, failed=["x"], archived=[],
             elsewhere=True),
]}


class Broken(Exception):
    """A promise does not hold."""


def demand(condition, what):
    if not condition:
        raise Broken(what)


@contextlib.contextmanager
def trial(what, remove):
    """Runs one trial: reports a broken promise together with `what` was done, and removes the trial's files."""
    try:
        yield
    except Broken as broken:
        raise Broken(f"{what}: {broken}") from None
    finally:
        remove()


class Place:
    program = None  # the binary under test
    worker = None  # the stand-in for its worker, worker.c

    def __init__(self, root, scenario, make=True):
        self.root, self.scenario = str(root), scenario
        self.inbox, self.outbox, self.state = (f"{self.root}/{n}" for n in ("in", "out", "state"))
        self.other = f"{ELSEWHERE}/{self.root.strip('/').replace('/', '-')}"
        self.met = f"{self.other}.met"  # a letter for each injected fault, see inject.c
        self.archive = f"{self.inbox}/archive" if scenario.inputs != "keep" else f"{self.inbox}/done"
        self.failed = f"{self.inbox}/failed"
        if scenario.elsewhere:
            self.archive, self.failed = f"{self.other}/archive", f"{self.other}/failed"
        self.config = f"{self.root}/config.yaml"
        if make:
            self.make()

    def make(self):
        os.makedirs(self.inbox), os.makedirs(self.outbox, exist_ok=True)
        for name, content in self.scenario.files.items():
            write_old(f"{self.inbox}/{name}", content)
        for name in self.scenario.taken:
            os.makedirs(f"{self.outbox}/{name}")
            write_old(f"{self.outbox}/{name}/result.png", b"of another time")
        self.write_config()

    def write_config(self):
        text = f"limits: {{quiet: {self.scenario.quiet}s}}\ninboxes: [{{path: {self.inbox}}}]\noutbox: {self.outbox}\n"
        text += f"inputs: {self.scenario.inputs}\n{self.scenario.extra}"
        if self.scenario.elsewhere:
            os.makedirs(self.other, exist_ok=True)
            text += f"archive: {self.archive}\nfailed: {self.failed}\n"
        Path(self.config).write_text(text)

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.other, ignore_errors=True)
        Path(self.met).unlink(missing_ok=True)

    def command(self, once=True):
        return [Place.program, "run", "--config", self.config, "--state", self.state] + (["--once"] if once else [])

    def environment(self, **more):
        return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "CLIPDRAGD_WORKER": Place.worker,
                "TORTURE_STARTED": f"{self.root}/started", "TORTURE_CRASHED": f"{self.root}/crashed", **more}

    def run(self, prefix=(), seconds=60, **environment):
        """Runs the daemon until all jobs have ended. Returns its exit code (negative: the signal) and its output."""
        process = subprocess.Popen([*prefix, *self.command()], env=self.environment(**environment),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   cwd=self.root, start_new_session=True)
        timer = threading.Timer(seconds, lambda: os.killpg(process.pid, signal.SIGKILL))
        timer.start()
        try:
            said = process.stderr.read().decode(errors="replace")
            code = process.wait()
        finally:
            if not timer.is_alive():
                code, said = "hung", f"nothing more happened for {seconds} s"
            timer.cancel()
            process.stderr.close()
        return code, said

    # -- checks

    def published(self):
        """Names of the folders in the outbox that this place's jobs published."""
        return [n for n in visible(self.outbox) if n not in self.scenario.taken]

    def check_always(self):
        """Checks after any fault that nothing is lost, half-written and visible, or published twice."""
        specs = []
        for name in self.published():
            folder = f"{self.outbox}/{name}"
            demand(visible(folder) == RESULT, f"{name} is half a result: {visible(folder)}")
            demand(Path(folder, "result.png").read_bytes() == PICTURE, f"{name}/result.png is not whole")
            try:
                spec = json.loads(Path(folder, "trajectory.json").read_bytes())["spec"]
            except ValueError:
                raise Broken(f"{name}/trajectory.json is not whole") from None
            demand(Path(folder, "spec").read_bytes() == self.scenario.files[spec], f"{name}/spec is not whole")
            specs.append(stem(spec))
        demand(len(set(specs)) == len(specs), f"published twice: {specs}")
        for name in self.scenario.taken:
            demand(visible(f"{self.outbox}/{name}") == ["result.png"], "a result of another time was touched")
        everywhere = {}
        for folder in (self.inbox, self.other):
            for path, content in contents(folder):
                everywhere.setdefault(content, []).append(path)
                kept = path.startswith((self.archive, self.failed)) and "/." not in path[len(folder):]
                if kept and not os.path.basename(path).startswith("error."):
                    demand(content in self.scenario.files.values(), f"{path} is half written")
        for name, content in self.scenario.files.items():
            if self.scenario.inputs == "delete" and set(specs) == set(self.scenario.published):
                continue
            demand(content in everywhere, f"{name} is lost")

    def check_end(self, code):
        """Checks after a clean run that all jobs have ended and nothing is left over."""
        expected = 75 if self.scenario.failed else 0
        demand(code in (0, expected), f"exit {code}")
        self.check_always()
        names = self.published()
        demand(len(names) == len(self.scenario.published), f"published: {names}")
        failed = visible(self.failed)
        demand(failed == self.scenario.failed, f"failed: {failed}")
        for name in failed:
            error = json.loads(Path(self.failed, name, "error.json").read_bytes())
            demand(error["attempts"] == 1, f"{name} was charged {error['attempts']} attempts")
            inside = visible(f"{self.failed}/{name}", dots=True)
            inputs = [f"{name}.png", f"{name}.yaml"]
            demand(inside == ["error.json", "error.txt"] + inputs, f"failed/{name} has {inside}")
        archived = visible(self.archive)
        demand(archived == self.scenario.archived, f"archived: {archived}")
        left = [n for n in visible(self.inbox) if n not in ("archive", "failed", "done")]
        demand(left == self.scenario.left, f"left in the inbox: {left}")
        claims = visible(f"{self.inbox}/.clipdragd", dots=True)
        demand(claims == ["lock"], f"claims are left: {claims}")
        making = visible(f"{self.outbox}/.clipdragd", dots=True)
        demand(making == [], f"unpublished results are left: {making}")
        for folder in (self.inbox, self.outbox, self.state, self.other):
            for path, _ in contents(folder):
                demand(not path.endswith(".tmp"), f"a temporary file is left: {path}")

    def is_ended(self, code):
        try:
            self.check_end(code)
            return True
        except Broken:
            return False

    def snapshot(self):
        """All files with content and identity, except the status, which describes the present process, and the last time seen."""
        found = {}
        for folder in (self.inbox, self.outbox, self.state, self.other):
            for path, content in contents(folder):
                if not path.endswith(("/status.json", "/clock.json")):
                    status = os.stat(path)
                    found[path] = (hashlib.sha256(content).hexdigest(), status.st_ino, status.st_mtime_ns)
        return found

    def check_recovery(self, was_ended=False):
        """A clean restart finishes the work; another one changes nothing.

        - was_ended: `check_end` has already seen the work finished. Then one restart that changes nothing is enough, because
          a second one would start from the same files.
        """
        before = self.snapshot() if was_ended else None
        code, said = self.run()
        try:
            self.check_end(code)
        except Broken as broken:
            raise Broken(f"{broken} [restart said: {said[-400:]}]") from None
        after = self.snapshot()
        if before != after:
            before = after
            code, _ = self.run()
            after = self.snapshot()
        lone = any(n.endswith(".png") for n in self.scenario.left) and self.scenario.inputs != "keep"
        demand(code == (75 if lone else 0), f"the last restart ended with {code}")
        changed = [p for p in before.keys() | after.keys() if before.get(p) != after.get(p)]
        demand(not changed, f"the last restart changed {changed}")


def write_old(path, content):
    """Writes a file with a time of change an hour ago, so that no test waits for the quiet time."""
    with open(path, "wb") as file:
        file.write(content)
    then = os.stat(path).st_mtime - HOUR_AGO
    os.utime(path, (then, then))


def visible(folder, dots=False):
    try:
        return sorted(n for n in os.listdir(folder) if dots or not n.startswith("."))
    except FileNotFoundError:
        return []


def contents(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            try:
                yield path, Path(path).read_bytes()
            except FileNotFoundError:
                pass


def stem(name):
    return name.rsplit(".", 1)[0]

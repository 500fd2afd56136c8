#!/usr/bin/env python3
"""Gives folders of files to the program's readers, and to Pillow, PyYAML, json and safetensors where this Python has them.

    scripts/corpora.py --binary .build/release/clipdragd FOLDER…

Prints for each kind of file how many both accept, how many only one does, how many pictures differ, and which files crash the
program or take it over a second. A spec that is good YAML or JSON and no edit is accepted here. Exits with 1 after a crash."""
import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile

PICTURES = (".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif")
TEXTS = (".yaml", ".yml", ".json")
# Refusals of text that is no YAML or JSON; all other codes of a spec come after it was read.
UNREADABLE = {"spec.syntax", "spec.encoding", "spec.binary", "spec.too_large", "spec.too_deep", "spec.alias",
              "spec.alias_expansion", "spec.several_documents", "spec.duplicate_key", "spec.key_kind", "spec.empty", "file"}
BATCH = 50


def files(folders):
    for folder in folders:
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.lower().endswith(PICTURES + TEXTS + (".safetensors",)):
                    yield os.path.join(place, name)


def readings(binary, paths, samples):
    """(path, what the program says or None after a crash, its samples' path)"""
    at = 0
    while at < len(paths):
        batch = paths[at:at + BATCH]
        command = [binary, "read-files", "--samples", samples, "--", *batch]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
        lines = run.stdout.decode("utf-8", "replace").splitlines()
        for i, line in enumerate(lines):
            yield batch[i], json.loads(line), f"{samples}/{i}.raw"
        at += len(lines)
        if run.returncode != 0 and len(lines) < len(batch):
            name = signal.Signals(-run.returncode).name if run.returncode < 0 else f"exit {run.returncode}"
            print(f"CRASH {name}: {batch[len(lines)]}\n{run.stderr.decode('utf-8', 'replace')[-500:]}")
            yield batch[len(lines)], None, ""
            at += 1


def pillow(path, said, samples):
    """Whether Pillow reads it, and the largest difference of a sample."""
    import numpy
    from PIL import Image, ImageOps
    try:
        with Image.open(path) as image:
            if image.format not in ("PNG", "JPEG", "MPO"):
                return False, None
            image.load()
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                values = numpy.asarray(upright).astype(numpy.int64) >> 8
                upright = Image.fromarray(values.clip(0, 255).astype(numpy.uint8))
            theirs = numpy.asarray(upright.convert("RGBA")).astype(int)
    except Exception:
        return False, None
    if not said or not said["ok"]:
        return True, None
    ours = numpy.fromfile(samples, numpy.uint8).reshape(said["height"], said["width"], -1).astype(int)
    if ours.shape[:2] != theirs.shape[:2]:
        return True, 255
    return True, int(abs(ours - theirs[:, :, :ours.shape[2]]).max())


def text(path):
    with open(path, "rb") as file:
        content = file.read()
    if path.lower().endswith(".json"):
        try:
            json.loads(content)
            return True
        except Exception:
            return False
    try:
        import yaml
    except ImportError:
        return None
    try:
        list(yaml.compose_all(content, Loader=yaml.SafeLoader))
        return True
    except Exception:
        return False


def tensors(path):
    try:
        from safetensors import safe_open
    except ImportError:
        return None
    try:
        with safe_open(path, framework="np") as file:
            file.keys()
        return True
    except Exception:
        return False


def judge(path, said, samples):
    """(kind, accepted by us, accepted by the other or None without one, largest difference or None)"""
    extension = os.path.splitext(path.lower())[1]
    ok = bool(said and said["ok"])
    if extension in PICTURES:
        try:
            other, difference = pillow(path, said, samples)
        except ImportError:
            other, difference = None, None
        return "PNG" if extension in (".png", ".apng") else "JPEG", ok, other, difference
    if extension in TEXTS:
        return extension[1:].upper().replace("YML", "YAML"), ok or bool(said and said["code"] not in UNREADABLE), text(path), None
    return "safetensors", ok, tensors(path), None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/clipdragd")
    parser.add_argument("--tolerance", type=int, default=2, help="largest difference of an 8-bit sample that counts as none")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    counts, crashed = collections.defaultdict(collections.Counter), False
    with tempfile.TemporaryDirectory() as samples:
        for path, said, raw in readings(options.binary, list(files(options.folders)), samples):
            kind, ours, theirs, difference = judge(path, said, raw)
            outcome = ("refused by both", "only by the other", "only by us", "by both")[2 * ours + bool(theirs)]
            if theirs is None:
                outcome = "by us (nothing to compare with)" if ours else "refused by us (nothing to compare with)"
            counts[kind][outcome] += 1
            why = f"{said.get('code', '')} {said.get('message', '')}" if said else ""
            if outcome.startswith("only"):
                print(f"{kind}, {outcome}: {path}  {why}")
            if difference is not None and difference > options.tolerance:
                counts[kind]["differing"] += 1
                print(f"{kind}, differing by {difference}: {path}  {'; '.join(said['notes'])}")
            if said is None:
                counts[kind]["crashed"] += 1
                crashed = True
            elif said["seconds"] > 1:
                counts[kind]["over a second"] += 1
                print(f"{kind}, {said['seconds']} s: {path}")
    for kind, row in sorted(counts.items()):
        print(f"{kind}: {sum(row[k] for k in row if k not in ('differing', 'crashed', 'over a second'))} files; "
              + "; ".join(f"{name} {row[name]}" for name in (
                  "by both", "only by us", "only by the other", "refused by both", "by us (nothing to compare with)",
                  "refused by us (nothing to compare with)", "differing", "crashed", "over a second") if row[name]))
    sys.exit(1 if crashed else 0)


if __name__ == "__main__":
    main()

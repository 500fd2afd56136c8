"""Shared by the measuring scripts: runs clipdragd, reads its figures and traces, and writes the measured blocks of a page."""
import json
import math
import os
import re
import struct
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("CLIPDRAGD", os.path.join(ROOT, ".build/release/clipdragd"))


def environment():
    """The environment without OpenBLAS overrides: OpenBLAS chooses its kernels itself."""
    return {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}


def lines(command, timeout=None):
    """The JSON lines that a command prints."""
    out = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True, text=True, timeout=timeout).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def bench(arguments, timeout=None):
    return lines([BINARY, "bench", "--json", *map(str, arguments)], timeout)


def load_average():
    return " ".join(f"{x:.1f}" for x in os.getloadavg())


def cpu():
    """This machine's processor, as results name it."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        text = f.read()
    field = lambda name: (re.search(rf"^{name}\s*: (.*)$", text, re.M) or [None, "?"])[1]
    return f"{field('model name')} (family {field('cpu family')}), {os.cpu_count()} cores"


def machine(line):
    """One of bench's lines as a sentence's beginning."""
    return (f"{line['cpu']}, {line['instruction_set']}, measured {line['precision']} peak {line['peak_gflops']:.0f} GFLOP/s "
            f"with {line['threads']} threads")


def edit(image, spec, out, *arguments):
    """Makes an edit; its trajectory."""
    done = subprocess.run([BINARY, "edit", image, spec, "--out", out, *arguments], env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{spec}: {done.stderr}")
    with open(os.path.join(out, "trajectory.json"), encoding="utf-8") as f:
        return json.load(f)


def wrapped(text):
    """Markdown with lines of prose of at most 133 characters, as .editorconfig wants them. Tables stay as they are."""
    def wrap(line):
        if line.startswith("|"):
            return line
        indent = "  " if line.startswith("- ") else ""
        return textwrap.fill(line, 133, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap, text.split("\n")))


def synthetic_model(folder):
    """A model of Stable Diffusion 1.5's shapes with random weights, in a folder below `folder`."""
    model = os.path.join(folder, "model")
    subprocess.run([sys.executable, os.path.join(ROOT, "scripts/synthetic_model.py"), model, os.path.join(ROOT, "Models/starter")],
                   check=True, stdout=subprocess.DEVNULL)
    return model


def smooth_picture(folder):
    """A picture of 512x512 pixels without edges. Needs Pillow and NumPy, which not every measurement has."""
    import numpy as np
    from PIL import Image
    path = os.path.join(folder, "picture.png")
    coarse = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((512, 512), Image.Resampling.BICUBIC).save(path)
    return path


def write_block(path, name, text):
    """Puts `text`, wrapped, between a document's marks <!-- name: begin --> and <!-- name: end -->."""
    with open(path, encoding="utf-8") as f:
        document = f.read()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    document, count = re.subn(re.escape(begin) + ".*?" + re.escape(end), lambda _: f"{begin}\n{wrapped(text)}\n{end}", document, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path} has no block `{name}`")
    with open(path, "w", encoding="utf-8") as f:
        f.write(document)


def table(head, rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def tensors(path):
    """A safetensors file's f32 tensors, as NumPy arrays."""
    import numpy as np
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            found[name] = np.frombuffer(data[8 + size + begin:8 + size + end], "<f4").reshape(entry["shape"]).astype(np.float64)
    return found


def psnr(path_a, path_b):
    import numpy as np
    from PIL import Image
    a, b = (np.asarray(Image.open(p).convert("RGB"), dtype=np.float64) for p in (path_a, path_b))
    error = ((a - b) ** 2).mean()
    return math.inf if error == 0 else 10 * math.log10(255 ** 2 / error)

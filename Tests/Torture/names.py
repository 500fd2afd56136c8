"""Drops files with names of any bytes. This file computes the expected outcome of each from the rules of docs/spec.md, "Names",
independently of the daemon; then the daemon gets them all at once."""

import json
import os
import random
import re
import shutil
import subprocess
from collections import Counter
from urllib.parse import unquote_to_bytes
from zlib import compress, crc32

from place import Place, RESULT, Scenario, demand, trial, visible, write_old

BATCH = 200  # pairs
LONGEST = 255  # bytes of a name
SPECS, PICTURES = (b"yaml", b"yml", b"json"), (b"png", b"jpg", b"jpeg")
UNFINISHED = (b".tmp", b".part", b".partial", b".crdownload", b".filepart")
REPORT = ["error.json", "error.txt"]


# -- the rules

def is_ignored(name):
    lower = name.lower()
    return name.startswith(b".") or name.endswith(b"~") or lower.endswith(UNFINISHED) or name in (b"error.json", b"error.txt")


def split(name):
    """Stem and extension: the parts before and after the last dot."""
    before, dot, after = name.rpartition(b".")
    return (before, after.lower()) if dot and before else (name, b"")


def fate(dropped):
    """The expected outcome of files, by name: a text for a spec, None for a picture.

    Returns the pairs of spec and picture that are published, the codes of specs that are refused, and names that stay in the inbox.
    """
    names = [n for n in dropped if not is_ignored(n)]
    pictures = [n for n in names if split(n)[1] in PICTURES]
    done, refused = [], {}
    for spec in (n for n in names if split(n)[1] in SPECS):
        wanted = split(spec)[0]
        image = re.search(rb"^image: (.*)$", dropped[spec], re.M)
        if image:
            named = json.loads(image[1]).encode()
            if is_ignored(named):
                refused[spec] = "spec.reference_missing"
            fits = [n for n in pictures if n == named]
        else:
            fits = ([n for n in pictures if n == wanted] or [n for n in pictures if split(n)[0] == wanted]
                    or [n for n in pictures if split(n)[0].lower() == wanted.lower()])
        if len(fits) == 1:
            done.append((spec, fits[0]))
        elif fits:
            refused[spec] = "spec.ambiguous_image"
    put_away = {n for pair in done for n in pair} | set(refused)
    return done, refused, sorted(set(dropped) - put_away)


def shown(name):
    """A name as messages show it: if it is not UTF-8, each byte from 0x80 as \\xE9."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return "".join(chr(b) if b < 0x80 else f"\\x{b:02X}" for b in name)


# -- names

def bytes_of(chance, least, most, count):
    return bytes(chance.randint(least, most) for _ in range(count))


SHELL = [b"$(touch escaped)", b"`touch escaped`", b"; touch escaped;", b"'", b'"', b"\\", b"%s%n%d", b"%2e%2e%2f", b"..\\..\\",
         b"*", b"?", b"[a]", b"{a,b}", b"|", b"&", b"<", b">", b"#", b"!", b"~", b"$HOME", b"${x}", b"--help", b"-", b"=", b":", b"@"]
ODD = ["\u202e", "\u200d", "\u200b", "\ufeff", "\U0010f7e9", "\U0010f780", "\ue000", "\ufffd", "\ufffe", "\u0301", "\u0338", "\u2044",
       "\u2215", "\u2024", "\uff0e", "\uff0f", "\u1100\u1161\u11a8", "\U0001f469\u200d\U0001f4bb", "1\ufe0f\u20e3", "\u212a", "\u0130",
       "\u00df", "\u0085", "\u009b", "\u2028"]
COMPOSED = [("\u00e9", "e\u0301"), ("\u00c5", "A\u030a"), ("\u212b", "\u00c5"), ("\ud55c", "\u1112\u1161\u11ab"),
            ("\u1e69", "s\u0323\u0307"), ("\u2126", "\u03a9"), ("\u0958", "\u0915\u093c")]
OURS = [b"job", b"error", b"archive", b"failed", b"done", b"lock", b"clipdragd", b"x.2", b"x", b"trajectory", b"result", b"status",
        b"paused", b"CON", b"con", b"nul", b"cancel 1", b"wake"]


def stems(kind, chance, token):
    """Some stems of one kind, distinct from each other and from those of other tokens."""
    if kind == "no UTF-8":
        return [token + bytes_of(chance, 0x80, 0xff, chance.randint(1, 20)), bytes_of(chance, 0xf5, 0xff, 1) + token,
                token + "\u00e9\u65e5".encode()[:-chance.randint(1, 2)], token + b"\xed\xa0\x80", token + b"\xc0\xaf"]
    if kind == "control characters":
        return [token + bytes_of(chance, 1, 31, chance.randint(1, 9)), bytes_of(chance, 1, 31, 1) + token + b"\x7f", token + b"\r\n",
                token + b"\n" + token, token + b"\r\nclipdragd: published", token + b"\x1b[2J", b"\n" + token]
    if kind == "shell":
        return [token.join(chance.sample(SHELL, 3)), b"-" + token, b"--" + token, b"-rf " + token, chance.choice(SHELL[:3]) + token]
    if kind == "spaces":
        return [b" " + token, token + b" ", b"  " + token + b"  ", b"\t" + token, token + b" ", token + "\u00a0".encode()][:5]
    if kind == "dots":
        return [token + b"..", token + b".", token + b"..x", token + b".png", token + b".yaml.png.", token + b".ready.x", token + b".tmp.x"]
    if kind == "twins":
        one, other = chance.choice(COMPOSED)
        return [token + one.encode(), token + other.encode(), one.encode() + token, other.encode() + token]
    if kind == "one byte":
        length = chance.randint(3, LONGEST - 5 - len(token))
        body = bytearray(chance.choice(b"abcdefgh\xc3\xa9") for _ in range(length))
        found = {bytes(body)}
        while len(found) < 4:
            at = chance.randrange(length)
            changed = bytes(body[:at]) + bytes([chance.choice(b"xyz\xff\x01")]) + bytes(body[at + 1:])
            found.add(changed)
        return [token + each for each in sorted(found)]
    if kind == "long":
        unit = chance.choice([b"n", "\u00e9".encode(), "\u65e5".encode(), b"\xff", "e\u0301".encode(), b". ", b"a."])
        whole = token + unit * LONGEST
        return [whole[:LONGEST - 5], whole[:LONGEST - 6], whole[:LONGEST - 7], whole[:200]]
    if kind == "capitals":
        word = b"".join(chance.choice([b"ab", b"Cd", b"EF"]) for _ in range(6))
        return [token + word, token + word.swapcase()]
    if kind == "odd characters":
        return [token + "".join(chance.sample(ODD, 2)).encode(), chance.choice(ODD).encode() + token,
                (chance.choice(ODD) + "/").encode().replace(b"/", token)]
    return [chance.choice(OURS)]  # names that the daemon itself uses


KINDS = ["no UTF-8", "control characters", "shell", "spaces", "dots", "twins", "one byte", "long", "capitals", "odd characters", "ours"]


def picture(number):
    """A complete, unique picture of one pixel."""
    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + crc32(kind + body).to_bytes(4, "big")
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])) + chunk(b"tEXt", b"n\0%d" % number)
            + chunk(b"IDAT", compress(b"\0\0")) + chunk(b"IEND", b""))


def drops(chance, count):
    """Files of about this many pairs, by name: specs, pictures, and files that are neither."""
    files, number = {}, 0

    def put(spec, *images, text=b""):
        nonlocal number
        number += 1
        if spec in files or any(i in files for i in images):
            return
        files[spec] = text + b"prompt: number %d\n" % number
        for i, image in enumerate(images):
            files[image] = picture(1000 * number + i)

    while number < count:
        kind, token = chance.choice(KINDS), b"%x" % chance.getrandbits(32)
        for stem in stems(kind, chance, token):
            ending, extension = chance.choice([b".yaml", b".yml", b".json", b".YAML"]), chance.choice([b".png", b".jpg", b".jpeg", b".PNG"])
            way = chance.choices(["pair", "named", "full name", "two pictures", "other capitals", "lone", "ignored"],
                                 [70, 8, 6, 4, 4, 4, 4])[0]
            if way == "named" and stem.decode(errors="replace").isprintable() and not stem.startswith(b"~"):
                # A JSON string is a YAML string.
                put(token + b"-" + stem[:90] + ending, stem + extension, text=b"image: " + json.dumps(
                    (stem + extension).decode(errors="replace"), ensure_ascii=False).encode() + b"\n")
            elif way == "full name" and len(stem) + 9 <= LONGEST:
                put(stem + extension + b".yaml", stem + extension)
            elif way == "two pictures" and not stem.endswith(PICTURES):
                put(stem + ending, stem + b".png", stem + b".jpg")
            elif way == "other capitals":
                put(stem.lower() + ending, stem.lower().swapcase() + extension)
            elif way == "lone":
                put(stem + b"~lone" + ending if len(stem) < 240 else stem[:200] + b"~lone.yml")
            elif way == "ignored":
                put(chance.choice([b".%s.yaml", b"%s.yaml~", b"%s.tmp", b"%s.PART", b"%s.txt"]) % stem[:240])
            else:
                put(stem + (ending if len(stem + ending) <= LONGEST else b".yml"),
                    stem + (extension if len(stem + extension) <= LONGEST else b".png"))
    return files


# -- the trial

def names(torture, count):
    total = Counter()

    def one(batch):
        chance = random.Random(f"{torture.seed} names {batch}")
        files = drops(chance, BATCH)
        root = f"{torture.folder}/names-{batch}"
        os.makedirs(root)
        place = Place(f"{root}/p", Scenario("names", {}, extra="workers: 2\n", elsewhere=batch % 2 == 1))
        with trial(f"seed {torture.seed}, batch {batch}", lambda: (place.remove(), shutil.rmtree(root, ignore_errors=True))):
            total.update(run(place, files, chance))
            demand(os.listdir(root) == ["p"], f"something escaped: {os.listdir(root)}")
        return f"batch of {BATCH} pairs"

    torture.all(f"names, seed {torture.seed}", one, range((count + BATCH - 1) // BATCH), 2)
    print("names: " + ", ".join(f"{n} {what}" for what, n in total.items()), flush=True)


def run(place, files, chance):
    for name, content in files.items():
        write_old(os.path.join(os.fsencode(place.inbox), name), content)
    done, refused, left = fate(files)
    code, said = place.run(seconds=180)
    lone = [n for n in left if not is_ignored(n) and split(n)[1] in SPECS + PICTURES]
    demand(code == (75 if refused or lone else 0), f"ended with {code}: {said[-400:]}")
    strange = [line for line in said.split("\n") if line and not line.startswith("clipdragd: ")]
    demand(not strange, f"a line of the log that is none: {strange[:1]}")
    folders = check(place, files, done, refused, left)
    ask(place, files, done, refused, left, folders, chance)
    # Some of the names again, with other contents: these names are taken now.
    again = {}
    for i, (spec, image) in enumerate(chance.sample(done, min(30, len(done)))):
        if split(image)[0] == split(spec)[0]:
            again[spec], again[image] = b"prompt: again %d\n" % i, picture(10 ** 6 + i)
    for name, content in again.items():
        write_old(os.path.join(os.fsencode(place.inbox), name), content)
    done_again, _, _ = fate({**{n: files[n] for n in left}, **again})
    done_again = [pair for pair in done_again if pair[0] in again]
    code, said = place.run(seconds=120)
    demand(code in (0, 75), f"the second round ended with {code}: {said[-400:]}")
    check_again(place, again, done_again)
    return {"files": len(files), "pairs published": len(done), "specs refused": len(refused), "files left alone": len(left),
            "pairs published once more": len(done_again)}


def raw(folder):
    return sorted(os.listdir(os.fsencode(folder)))


def results(place):
    """For each folder in the outbox the name of its spec, and picture and spec as the worker read them."""
    made = []
    for folder in raw(place.outbox):
        if folder == b".clipdragd":
            continue
        path = os.path.join(os.fsencode(place.outbox), folder)
        inside = sorted(os.fsdecode(n) for n in os.listdir(path))
        demand(inside == RESULT, f"{folder} has {inside}")
        parts = [open(os.path.join(path, n.encode()), "rb").read() for n in RESULT]
        made.append((folder, unquote_to_bytes(json.loads(parts[2])["spec"]), parts[0], parts[1]))
    return made


def check(place, files, done, refused, left):
    """Checks that everything is where the rules say. Returns the folder in which each spec was published."""
    image_of, made = dict(done), results(place)
    specs, wanted = Counter(spec for _, spec, _, _ in made), Counter(list(image_of))
    demand(specs == wanted, f"not published once, or not to be: {specs - wanted} {wanted - specs}")
    folders = {}
    for folder, spec, result, text in made:
        demand(text == files[spec] and result == files[image_of[spec]], f"{folder} is made of other files than {spec}'s")
        demand(re.fullmatch(re.escape(split(spec)[0]) + rb"(\.[0-9]+)?", folder, re.S), f"{spec} was published as {folder}")
        folders[spec] = folder
    taken = set(folders.values())
    demand(all(split(spec)[0] in taken for spec in image_of), "a number was added to a name that was free")
    away = sorted({n for pair in done for n in pair})
    archived = raw(place.archive) if away else []
    demand(archived == away, f"archived: {set(archived) ^ set(away)}")
    for name in away:
        demand(open(os.path.join(os.fsencode(place.archive), name), "rb").read() == files[name], f"{name} is another's in the archive")
    failed = raw(place.failed) if os.path.isdir(place.failed) else []
    demand(len(failed) == len(refused), f"failed: {failed}, to be refused: {refused}")
    for folder in failed:
        path = os.path.join(os.fsencode(place.failed), folder)
        inside = sorted(os.fsdecode(n) for n in os.listdir(path))
        spec = next((os.fsencode(n) for n in inside if n not in REPORT), None)
        demand(spec in refused and sorted([os.fsdecode(spec), *REPORT]) == inside, f"failed/{folder} has {inside}")
        error = json.loads(open(os.path.join(path, b"error.json"), "rb").read())
        demand(error["code"] == refused[spec] and error["hint"], f"{spec} was refused with {error}")
    inbox = [n for n in raw(place.inbox) if n not in (b".clipdragd", b"archive", b"failed")]
    demand(inbox == left, f"in the inbox: {set(inbox) ^ set(left)}")
    for name in left:
        demand(open(os.path.join(os.fsencode(place.inbox), name), "rb").read() == files[name], f"{name} was touched")
    nothing_else(place)
    return folders


def nothing_else(place):
    demand(visible(f"{place.inbox}/.clipdragd", dots=True) == ["lock"], "claims are left")
    demand(visible(f"{place.outbox}/.clipdragd", dots=True) == [], "unpublished results are left")
    around = set(visible(place.root, dots=True)) - {"in", "out", "state", "config.yaml", "started"}
    demand(not around, f"something escaped: {around}")
    for folder in (place.archive, place.failed, f"{place.state}/history"):
        hidden = [n for n in visible(folder, dots=True) if n.startswith(".")]
        demand(not hidden, f"left in {folder}: {hidden}")


def ask(place, files, done, refused, left, folders, chance):
    """Checks what the commands print about some of them."""
    def command(*words):
        run = subprocess.run([Place.program, *words, "--config", place.config, "--state", place.state, "--json"], capture_output=True,
                             env=place.environment(), timeout=60)
        demand(run.returncode == 0, f"{words} ended with {run.returncode}: {run.stderr[-300:]}")
        return [json.loads(line) for line in run.stdout.decode().split("\n") if line]

    rows = command("list")
    expected = Counter([shown(s) for s, _ in done] + [shown(s) for s in refused])
    demand(Counter(row["spec"] for row in rows) == expected, "list names other specs")
    published = Counter(row["published_as"] for row in rows if row["state"] == "published")
    demand(published == Counter(shown(folders[s]) for s, _ in done), "list names other folders")
    for row in chance.sample(rows, 3):
        demand(command("show", row["id"]) == [row], f"show and list differ about {row}")
    sample = ([(s, "published") for s, _ in chance.sample(done, 6)] + [(p, "published") for _, p in chance.sample(done, 3)]
              + [(s, "failed") for s in sorted(refused)[:2]] + [(n, None) for n in chance.sample(left, min(4, len(left)))])
    for name, state in sample:
        if state is None:
            state = "ignored" if is_ignored(name) or split(name)[1] not in SPECS + PICTURES else "orphan"
        [answer] = command("explain", os.path.join(os.fsencode(place.inbox), name))
        demand(answer["state"] == state, f"explain takes {name} for {answer['state']}, not {state}: {answer['explanation']}")
        demand(not re.search(r"[\x00-\x1f\x7f-\x9f]", answer["explanation"]), f"control characters in {answer['explanation']!r}")


def check_again(place, again, done):
    """A pair whose name is taken is published and archived again, under the same name with a number."""
    def beginning(name):
        return name[:180]

    made = [(folder, spec, result, text) for folder, spec, result, text in results(place) if text in again.values()]
    demand(Counter(spec for _, spec, _, _ in made) == Counter(spec for spec, _ in done), "the second round lacks or doubles some")
    image_of = dict(done)
    for folder, spec, result, text in made:
        demand(text == again[spec] and result == again[image_of[spec]], f"{folder} is made of other files than {spec}'s")
        demand(beginning(folder) == beginning(split(spec)[0]) or folder.startswith(split(spec)[0]), f"{spec} was published as {folder}")
    archived = Counter(open(os.path.join(os.fsencode(place.archive), n), "rb").read() for n in raw(place.archive))
    for name in {n for pair in done for n in pair}:
        demand(archived[again[name]] == 1, f"{name} is {archived[again[name]]} times in the archive")
    nothing_else(place)

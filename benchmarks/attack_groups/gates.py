"""Sides of a gate that are no names, say nonsense, end, or whose cached environment is damaged."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack, refused, run

SIDES = (
    "",
    "   ",
    "$(touch owned)",
    "`touch owned`",
    "; touch owned",
    "--index-url=https://evil.example backpack-for-pytorch",
    "-r requirements.txt",
    "backpack-for-pytorch @ https://evil.example/x.whl",
    "git+https://evil.example/x",
    "backpack-for-pytorch==1.7.1; python_version > '3'",
    "backpack-for-pytorch[x]==1.7.1",
    "backpack-for-pytorch==1.7.1 backpack-for-pytorch==1.7.0",
    "evil-package==1.0",
    "/nowhere",
    "nowhere.whl",
    "./x.whl",
    ".",
    "'unclosed",
    "[/x][link=https://evil.example]",
    "\x1b]8;;x\x07",
    "\u202e==1",
    "a" * 10_000,
)

OTHER = "backpack-for-pytorch==1.7.1"

COPY = (
    "cp -r $(python -c 'import backpack, os; print(os.path.dirname(backpack.__file__))') {0}/; "
    "find {0} -name __pycache__ -prune -exec rm -r {{}} +; "
)
SETUP = "mkdir a b; " + COPY.format("a") + COPY.format("b")
GATE = "jaccheck gate ./a ./b --cache cache --family smooth --dtype float64 --method batch_grad_loop --quiet"

DAMAGES = {
    "is cut": ": > $D/over/backpack/__init__.py",
    "lacks a file": "rm $(find $D -name linear.py | head -1)",
    "has another line": "for f in $(find $D -name linear.py); do echo 'raise SystemExit(0)' >> $f; done",
    "has a file more": "echo 'raise SystemExit(0)' > $D/over/sitecustomize.py",
    "lacks its seal": "rm $D/jaccheck-contents",
    "is empty": "rm -r $D/over/*",
}

CANDIDATES = {
    "does not import": "raise ImportError('planted')",
    "ends as if done": "import os; os._exit(0)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "says nonsense": "import os\nfor d in range(3, 20):\n    try: os.write(d, b'{}\\n')\n    except OSError: pass",
    "closes every file": "import os; os.closerange(3, 20)",
    "prints": "print('{}' * 1000)",
}


def attacks() -> Iterator[Attack]:
    """Strings at either side, damages, candidates."""
    for side in SIDES:
        for sides in ((side, OTHER), (OTHER, side)):
            place = "base" if sides[0] == side else "candidate"
            yield refused(f"{place} {side[:40]!r}", run("gate", "--cache", "cache", "--", *sides))
    yield refused("a version with itself", run("gate", "--cache", "cache", OTHER, OTHER), "with itself")
    yield refused("a cache that is a file", f"touch cache; {SETUP}{GATE}")
    yield refused("a cache in the kernel", SETUP + GATE.replace("--cache cache", "--cache /proc/none"))
    for name, damage in DAMAGES.items():
        shell = f"{SETUP}{GATE} || exit 90; D=$(ls -d cache/environments/*/ | head -1); {damage}; {GATE} --seed 7"
        says = ("is not as it was built",)
        shell = shell.replace(" --quiet --seed", " --seed")
        yield Attack(name=f"a cached environment {name}", shell=shell, codes=(0,), says=says, seconds=600)
    for name, text in CANDIDATES.items():
        codes = (0,) if name == "prints" else (1, 2)
        plant = "printf '%s\\n' \"$PLANTED\" | cat - b/backpack/__init__.py > x && mv x b/backpack/__init__.py; "
        yield Attack(
            name=f"a candidate that {name}",
            shell=SETUP + plant + GATE,
            environment={"PLANTED": text},
            codes=codes,
            seconds=600,
        )

"""Variables of the environment and limits of the system that a user has forgotten, or that somebody else has set."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack
from attack_groups.processes import GOOD_MODEL, METHOD, RESULTS, TESTS

RIGHT = f"jaccheck verify {SMALL} --method outer_products"
WRONG = f"jaccheck verify {SMALL} --method mutant:sample_roll"

VARIABLES: dict[str, dict[str, str]] = {
    "no assertions": {"PYTHONOPTIMIZE": "2"},
    "warnings that are errors": {"PYTHONWARNINGS": "error"},
    "a debugger for each breakpoint": {"PYTHONBREAKPOINT": "os._exit"},
    "development mode": {"PYTHONDEVMODE": "1"},
    "another home of Python's user packages": {"PYTHONUSERBASE": "/proc"},
    "no UTF-8": {"PYTHONUTF8": "0", "LC_ALL": "C"},
    "hashes of one seed": {"PYTHONHASHSEED": "0"},
    "threads that are no number": {"OMP_NUM_THREADS": "many", "MKL_NUM_THREADS": "-1"},
    "a million threads": {"OMP_NUM_THREADS": "1000000", "OPENBLAS_NUM_THREADS": "1000000"},
    "no cores": {"OMP_THREAD_LIMIT": "0", "OMP_DYNAMIC": "true"},
    "memory that is filled": {"MALLOC_PERTURB_": "255"},
    "the plainest kernels": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "low precision": {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
    "a log of torch": {"TORCH_LOGS": "all"},
    "no compiler": {"TORCHDYNAMO_DISABLE": "1", "TORCH_COMPILE_DISABLE": "1"},
    "no zone of time": {"TZ": "[/x]\x1b[5m"},
    "no size of the terminal": {"COLUMNS": "-5", "LINES": "0"},
    "a size beyond all": {"COLUMNS": "9" * 30},
    "a home that is no path": {"HOME": "[/x]", "XDG_CACHE_HOME": "\x1b[5m"},
    "a cache in the kernel": {"XDG_CACHE_HOME": "/proc/1/x", "HOME": "/proc"},
    "numpy's own switches": {"NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F", "NPY_PROMOTION_STATE": "legacy"},
    "GitHub's variables": {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/proc/none", "CI": "true"},
}
"""What nothing may depend on."""

LIMITS = {
    "a stack of 256 KiB": "ulimit -s 256",
    "ten seconds of a core": "ulimit -t 10",
    "two GiB of addresses": "ulimit -v 2000000",
    "twenty open files": "ulimit -n 20",
    "no locked memory": "ulimit -l 0",
    "no signals": "trap '' TERM INT HUP PIPE CHLD",
    "the lowest priority": "renice -n 19 $$ > /dev/null",
}

PYTEST = "python {}-m pytest -q -p no:cacheprovider --jaccheck-dtype float64 -k agreement"


def attacks() -> Iterator[Attack]:
    """A right method is right and a wrong one is wrong under each; a limit may refuse, in one line."""
    for name, environment in VARIABLES.items():
        yield Attack(
            name=f"a wrong method, {name}", shell=WRONG, codes=(1,), says=("DISAGREES",), environment=environment
        )
        yield Attack(
            name=f"a right method, {name}", shell=RIGHT, codes=(0,), says=("no finding",), environment=environment
        )
    for name, limit in LIMITS.items():
        for shell, code in ((RIGHT, 0), (WRONG, 1)):
            codes = (code, 2) if name.startswith(("a stack", "ten", "two", "twenty")) else (code,)
            yield Attack(name=f"{shell.split()[-1]}, {name}", shell=f"{limit}; {shell}", codes=codes)
    files = {"test_it.py": TESTS, "mine.py": METHOD.format(act=RESULTS["returns twice as much"]), "m.py": GOOD_MODEL}
    for name, options, environment, codes in (
        ("without assertions", "-O ", {}, (1,)),
        ("without assertions and texts", "-OO ", {}, (1,)),
        ("with options that the command line overrules", "", {"PYTEST_ADDOPTS": "-k nothing_of_it"}, (1,)),
        ("with warnings as errors", "-W error ", {}, (1,)),
        ("whose plugins are off", "", {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, (1, 2, 4)),
    ):
        yield Attack(
            name=f"pytest {name}",
            shell=PYTEST.format(options),
            files=files,
            environment=environment,
            codes=codes,
            never=(" passed in",) if codes == (1,) else (),
            seconds=400,
        )

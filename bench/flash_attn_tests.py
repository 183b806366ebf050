"""Run flash-attention's own tests of attention on the CPU, against the shim that stands in for it.

    python bench/flash_attn_tests.py FLASH_ATTENTION [--cases 60] [--longest 260]

FLASH_ATTENTION is a clone of Dao-AILab/flash-attention, or its .git. Of its tag, tests/test_flash_attn.py is written to a
temporary folder, with the device switched, beside a package flash_attn that has the shim's functions; nothing of it stays.
The file has half a million cases: of each test a sample is drawn, the same in each run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET  # the file that is read is written here
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIMS = ROOT / "recipes" / "shims"
TESTS = "tests/test_flash_attn.py"

# What flash-attention's file asks of a GPU, and how often it repeats what a CPU does alike each time.
SWITCHED = {'"cuda"': '"cpu"', "range(250)": "range(2)", "range(50)": "range(2)"}
# Half a million cases take minutes to be collected.
THINNED = {"@pytest.mark.parametrize(": "@thinned.parametrize(", "import math\n": "import math\nimport thinned\n"}

PACKAGE = {
    "flash_attn/__init__.py": """
import flash_attn_torch
__getattr__ = flash_attn_torch.__getattr__
from flash_attn_torch import *
""",
    "flash_attn/flash_attn_interface.py": """
def _get_block_size_n(*_):
    raise AssertionError("it is asked for with dropout alone")
""",
    "flash_attn/bert_padding.py": "from flash_attn_torch.bert_padding import *\n",
    "flash_attn/layers/__init__.py": "",
    "flash_attn/layers/rotary.py": "from flash_attn_torch.layers.rotary import *\n",
    "thinned.py": '''
"""Which values of a test's parameters are tried, and which of the cases are run."""
import json, os, random
import pytest

PLAN = json.loads(os.environ["FLASH_ATTN_TESTS"])
REFUSED = {
    "dropout_p": "dropout: the tests read the random mask that flash-attn draws, which the shim refuses by name",
    "paged_kv_block_size": "a paged cache, which the shim refuses by name",
}
left = set()

def parametrize(names, values):
    values = list(values)
    kept = values[:1] if names in REFUSED else [one for one in values if fits(names, one)]
    assert not any(one for one in values[:1] if names in REFUSED), "the first value is that without"
    if names in REFUSED and len(values) > 1:
        left.add(REFUSED[names])
    elif len(kept) < len(values):
        left.add("sequences of more than %d tokens" % PLAN["longest"])
    return pytest.mark.parametrize(names, kept)

def fits(names, value):
    lengths = value if isinstance(value, tuple) else [value]
    return not names.startswith("seqlen") or max(lengths) <= PLAN["longest"]
''',
    "conftest.py": '''
"""A GPU to look at, and a sample of the cases."""
import json, random, types
import torch
from thinned import PLAN, left

torch.cuda.get_device_capability = lambda *_: (9, 0)
torch.cuda.get_device_properties = lambda *_: types.SimpleNamespace(total_memory=80 * 2**30)
torch.set_num_threads(1)

def pytest_collection_modifyitems(items):
    all_of = {}
    for item in items:
        all_of.setdefault(item.originalname, []).append(item)
    items[:] = []
    for name in sorted(all_of):
        items += random.Random(name).sample(all_of[name], min(PLAN["cases"], len(all_of[name])))
    cases = sum(len(some) for some in all_of.values())
    with open(PLAN["left"], "w") as file:
        json.dump({"cases": cases, "left": sorted(left)}, file)
''',
}


def main() -> None:
    """Print what ran, test by test, and why the rest did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--tag", default="v2.8.3")
    parser.add_argument("--cases", type=int, default=60, help="of each test")
    parser.add_argument("--longest", type=int, default=260, help="tokens in a sequence")
    parser.add_argument("--processes", default="2")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root, _source(given.clone, given.tag))
        plan = {"cases": given.cases, "longest": given.longest, "left": str(root / "left.json")}
        output = _run(root, plan, given.processes)
        if not (root / "results.xml").exists():
            sys.exit(output)
        failed = _tell(given.tag, root)
    if failed:
        sys.exit(output)


def _source(clone: Path, tag: str) -> str:
    git = clone / ".git" if (clone / ".git").exists() else clone
    done = subprocess.run(["git", f"--git-dir={git}", "show", f"{tag}:{TESTS}"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def _write(root: Path, source: str) -> None:
    for old, new in {**SWITCHED, **THINNED}.items():
        if old not in source:
            sys.exit(f"{TESTS} has no {old}; is it another version?")
        source = source.replace(old, new)
    for name, text in {**PACKAGE, "test_flash_attn.py": source}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _run(root: Path, plan: dict[str, object], processes: str) -> str:
    environment = {**os.environ, "FLASH_ATTN_TESTS": json.dumps(plan), "PYTHONPATH": f"{root}{os.pathsep}{SHIMS}"}
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--junitxml=results.xml", f"-n{processes}", "--tb=short"]
    options = ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={root}", "test_flash_attn.py"]
    done = subprocess.run([*command, *options], cwd=root, env=environment, capture_output=True, text=True)
    return done.stdout[-20_000:] + done.stderr[-2_000:]


def _tell(tag: str, root: Path) -> int:
    ran: dict[str, Counter[str]] = {}
    for case in ET.parse(root / "results.xml").getroot().iter("testcase"):  # noqa: S314  (pytest wrote it just now)
        outcome = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        ran.setdefault(case.attrib["name"].partition("[")[0], Counter())[outcome] += 1
    print(f"flash-attention {tag}, {TESTS}, on the CPU against flash_attn_torch")
    for name in sorted(ran):
        print(f"  {name}: {', '.join(f'{count} {outcome}' for outcome, count in sorted(ran[name].items()))}")
    total = sum(ran.values(), Counter())
    print(f"in all: {', '.join(f'{count} {outcome}' for outcome, count in sorted(total.items()))}")
    plan = json.loads((root / "left.json").read_text())
    print(f"drawn from {plan['cases']} cases; skipped are combinations that the file itself excludes; left out are")
    for why in plan["left"]:
        print(f"  {why}")
    return total["failure"] + total["error"]


if __name__ == "__main__":
    main()

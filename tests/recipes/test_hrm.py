"""The hrm recipe on the miniature: what it does to it, and what becomes of it where the tree has moved on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher.recipe import load
from patcher.verify.golden import read_golden, step_digests
from tests.helpers import ROOT, Patcher, Result, commit_all, fixture_tree, git, snapshot

OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")
# Steps that another choice of the optimizer has, or that the miniature gives nothing to do.
NOT_ASKED = {"absent"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return fixture_tree("hrm", tmp_path / "hrm")


def plan(patcher: Patcher, tree: Path, *options: str) -> Result:
    return patcher("apply", tree, "-r", "hrm", "--check", "--format", "json", *options)


def rewrite(tree: Path, name: str, change: Callable[[str], str]) -> None:
    """Change a file of the tree by hand and commit it, as an upstream would."""
    path = tree / name
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before, "the change by hand must change something"
    commit_all(tree)


# --- the pristine tree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_step_is_applied_or_not_asked_for(patcher: Patcher, tree: Path, optimizer: str) -> None:
    result = plan(patcher, tree, "-p", f"optimizer={optimizer}")
    assert result.code == 1
    left = {name: status for name, status in result.steps().items() if status not in ("applied", *NOT_ASKED)}
    assert left == {"distributed/cleanup": "already", "flash-attn/requirements": "already"}


def test_the_decoy_keeps_its_zero(patcher: Patcher, tree: Path) -> None:
    before = (tree / "pretrain.py").read_text()
    assert before.count("lr=0,") == 2
    assert patcher("apply", tree, "-r", "hrm").code == 0
    after = (tree / "pretrain.py").read_text()
    sign_sgd, adam = re.findall(r"lr=(0|config\.lr),", after)
    assert (sign_sgd, adam) == ("0", "config.lr")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_second_apply_finds_nothing(patcher: Patcher, tree: Path, optimizer: str) -> None:
    options = ("-r", "hrm", "-p", f"optimizer={optimizer}")
    assert patcher("apply", tree, *options).code == 0
    once = snapshot(tree)
    assert patcher("apply", tree, *options).code == 0
    assert snapshot(tree) == once
    assert set(plan(patcher, tree, *options[2:]).steps().values()) <= {"already", "absent"}


def test_attention_in_torch_alone_leaves_no_import_of_flash_attn(patcher: Patcher, tree: Path) -> None:
    options = ("-p", "attention=torch")
    rewrite(tree, "requirements.txt", lambda text: "flash-attn>=2.5\n" + text)
    first = plan(patcher, tree, *options).steps()
    asked = ("flash-attn/torch", "flash-attn/requirements-torch", "contiguous")
    assert {name: first[name] for name in asked} == dict.fromkeys(asked, "applied")
    assert patcher("apply", tree, "-r", "hrm", *options).code == 0
    imports = [
        line for line in (tree / "models/layers.py").read_text().splitlines() if "import flash_attn_func" in line
    ]
    assert imports and all("flash_attn_torch" in line for line in imports)
    again = plan(patcher, tree, *options)
    assert again.code == 0
    assert {name: again.steps()[name] for name in asked} == dict.fromkeys(asked, "already")


@pytest.mark.parametrize("folder", ["recipes/hrm/golden", "fixtures/golden/hrm"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_goldens_are_of_the_steps_as_they_are(folder: str, optimizer: str) -> None:
    golden = read_golden(ROOT / folder / f"{optimizer}.json")
    assert golden.steps == step_digests(load("hrm", {"optimizer": optimizer})), "record it anew: verify --record"


def test_undo_gives_every_byte_back(patcher: Patcher, tree: Path) -> None:
    before = snapshot(tree)
    patcher("apply", tree, "-r", "hrm")
    assert snapshot(tree) != before
    assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before
    assert git(tree, "status", "--porcelain") == ""


def test_the_summary_names_what_changes_the_numbers_and_what_does_not(patcher: Patcher, tree: Path) -> None:
    said = patcher("apply", tree, "-r", "hrm").out
    assert "This changes the numbers: adam-atan2/rename" in said
    assert "-p optimizer=faithful keeps them." in said


def test_the_faithful_optimizer_changes_no_numbers(patcher: Patcher, tree: Path) -> None:
    said = patcher("apply", tree, "-r", "hrm", "-p", "optimizer=faithful").out
    assert "This changes the numbers" not in said


def test_the_summary_ends_with_what_to_run_next(patcher: Patcher, tree: Path) -> None:
    said = patcher("apply", tree, "-r", "hrm", "-p", "optimizer=adam").out.partition("Next, in")[2]
    position = [said.index(text) for text in ("pip install", "dataset", "pretrain.py data_path", "patcher verify")]
    assert position == sorted(position)
    assert f"patcher verify {tree} --recipe hrm -p optimizer=adam" in said


# --- the tree has moved on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["40", "88", "200"])
def test_reformatted_by_black(patcher: Patcher, tree: Path, width: str) -> None:
    black = [sys.executable, "-m", "black", "--quiet", "--line-length", width, str(tree)]
    subprocess.run(black, check=True)
    commit_all(tree)
    result = plan(patcher, tree)
    assert result.code == 1
    assert "drifted" not in result.steps().values() and "refused" not in result.steps().values()
    assert patcher("apply", tree, "-r", "hrm").code == 0
    assert plan(patcher, tree).code == 0


def test_the_attention_variable_renamed(patcher: Patcher, tree: Path) -> None:
    rewrite(tree, "models/layers.py", lambda text: text.replace("attn_output", "mixed"))
    assert plan(patcher, tree).steps()["contiguous"] == "applied"
    patcher("apply", tree, "-r", "hrm")
    assert "mixed.contiguous().view(" in (tree / "models/layers.py").read_text()


def test_layers_moved_to_another_folder(patcher: Patcher, tree: Path) -> None:
    (tree / "models" / "blocks").mkdir()
    git(tree, "mv", "models/layers.py", "models/blocks/layers.py")
    rewrite(tree, "models/recurrent.py", lambda text: text.replace("models.layers", "models.blocks.layers"))
    steps = plan(patcher, tree).steps()
    assert (steps["flash-attn/guard"], steps["contiguous"]) == ("applied", "applied")


def test_layers_renamed_drifts_and_writes_nothing(patcher: Patcher, tree: Path) -> None:
    git(tree, "mv", "models/layers.py", "models/layer.py")
    rewrite(tree, "models/recurrent.py", lambda text: text.replace("models.layers", "models.layer"))
    before = snapshot(tree)
    result = patcher("apply", tree, "-r", "hrm")
    assert result.code == 3
    assert "drifted" in result.out and "is it models/layer.py now?" in result.out
    assert "Nothing was written" in result.stderr
    assert snapshot(tree) == before


def test_an_edit_beside_each_place(patcher: Patcher, tree: Path) -> None:
    def beside(text: str) -> str:
        text = re.sub(r"(\n +)lr=0,", r"\1maximize=False,\1lr=0,", text)
        return re.sub(r"(\n +)(with torch\.device)", r"\1note = 1  # beside\1\2", text)

    rewrite(tree, "pretrain.py", beside)
    result = plan(patcher, tree)
    assert result.code == 1
    assert "drifted" not in result.steps().values()
    assert patcher("apply", tree, "-r", "hrm").code == 0
    after = (tree / "pretrain.py").read_text()
    assert after.count("lr=config.lr") == 1 and after.count("note = 1  # beside") == 3


def test_lines_inserted_far_away(patcher: Patcher, tree: Path) -> None:
    before = {name: step["status"] for name, step in _steps(plan(patcher, tree)).items()}
    far = "".join(f"# line {number}\n" for number in range(400))
    for name in ("pretrain.py", "evaluate.py", "models/layers.py"):
        rewrite(tree, name, lambda text: far + text)
    result = plan(patcher, tree)
    assert {name: step["status"] for name, step in _steps(result).items()} == before
    assert result.step("adam-atan2/first-lr")["places"][0]["line"] > 400


def _steps(result: Result) -> dict[str, dict[str, str]]:
    return {step["id"]: step for step in result.json["steps"]}


def test_a_second_call_site_is_patched_too(patcher: Patcher, tree: Path) -> None:
    def add(text: str) -> str:
        return text + "\n\ndef probe(batch):\n    return {name: value.cuda() for name, value in batch.items()}\n"

    rewrite(tree, "evaluate.py", add)
    places = plan(patcher, tree).step("device/dot-cuda")["places"]
    assert [place["path"] for place in places].count("evaluate.py") == 1
    assert {place["status"] for place in places} == {"applied"}


def test_a_second_attention_is_patched_too(patcher: Patcher, tree: Path) -> None:
    def add(text: str) -> str:
        found = re.search(r"( +)attn_output = attn_output\.view\(", text)
        assert found is not None
        again = f"{found[1]}again = flash_attn_func(q=query, k=key, v=value)\n{found[1]}again = again.view(-1)\n"
        return text[: found.start()] + again + text[found.start() :]

    rewrite(tree, "models/layers.py", add)
    step = plan(patcher, tree).step("contiguous")
    assert (step["status"], len(step["places"])) == ("applied", 2)


def test_another_optimizer_aliased_by_hand_drifts_with_its_place(patcher: Patcher, tree: Path) -> None:
    swap = ("from adam_atan2 import AdamATan2", "from torch.optim import Adam as AdamATan2")
    rewrite(tree, "pretrain.py", lambda text: text.replace(*swap))
    result = plan(patcher, tree)
    assert result.code == 3
    step = result.step("adam-atan2/rename")
    assert step["status"] == "drifted"
    assert "pretrain.py" in step["reason"] and "torch.optim.Adam" in step["reason"]


def test_another_optimizer_aliased_by_hand_is_already_plain_adam(patcher: Patcher, tree: Path) -> None:
    swap = ("from adam_atan2 import AdamATan2", "from torch.optim import Adam as AdamATan2")
    rewrite(tree, "pretrain.py", lambda text: text.replace(*swap))
    result = plan(patcher, tree, "-p", "optimizer=adam")
    assert (result.code, result.steps()["adam-atan2/adam"]) == (1, "already")


def test_a_guard_made_by_hand_is_already_there(patcher: Patcher, tree: Path) -> None:
    def guard(text: str) -> str:
        start, end = text.index("try:"), text.index("from models.common")
        own = (
            "try:\n    from flash_attn import flash_attn_func\n    HAS_FLASH_ATTN = True\n"
            "except ImportError:\n    HAS_FLASH_ATTN = False\n\n\n"
            "def standard_attention(q, k, v, causal):\n"
            "    q, k, v = (one.transpose(1, 2) for one in (q, k, v))\n"
            "    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2)\n\n\n"
        )
        calls = re.sub(
            r"( +)attn_output = flash_attn_func\((.*?)\)\n",
            r"\1if HAS_FLASH_ATTN:\n\1    attn_output = flash_attn_func(\2)\n"
            r"\1else:\n\1    attn_output = standard_attention(\2)\n",
            text[end:],
            count=1,
            flags=re.DOTALL,
        )
        return text[:start] + own + calls

    rewrite(tree, "models/layers.py", guard)
    steps = plan(patcher, tree).steps()
    assert steps["flash-attn/guard"] == "already"
    assert steps["contiguous"] == "applied"


def test_half_of_the_devices_made_by_hand(patcher: Patcher, tree: Path) -> None:
    by_hand = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    rewrite(tree, "pretrain.py", lambda text: text.replace('torch.device("cuda")', by_hand))
    step = plan(patcher, tree).step("device/literal")
    statuses = [place["status"] for place in step["places"]]
    assert step["status"] == "applied"
    assert statuses.count("already") == 3 and statuses.count("applied") == 3


def test_a_file_that_is_gone_drifts(patcher: Patcher, tree: Path) -> None:
    git(tree, "rm", "--quiet", "evaluate.py")
    commit_all(tree)
    result = plan(patcher, tree)
    assert result.code == 3
    assert result.step("device/literal")["reason"].startswith("Expected at least 6 places, 4 found: pretrain.py:")


# --- a machine with CUDA --------------------------------------------------------------------------------------------

WITH_CUDA = """
import torch, json, os
calls = []
torch.cuda.is_available = lambda: AVAILABLE
torch.Tensor.to = lambda self, *args, **kwargs: calls.append(["to", *map(str, args)]) or self
torch.cuda.set_device = lambda device: calls.append(["set_device", str(device)])
import torch.distributed as dist
dist.init_process_group = lambda *args, **kwargs: calls.append(["init", str(kwargs.get("backend", args))])
LINES
print(json.dumps(calls))
"""


@pytest.mark.train
@pytest.mark.parametrize(
    ("available", "device", "group"),
    [(True, "cuda", [["init", "nccl"], ["set_device", "0"]]), (False, "cpu", [["init", "gloo"]])],
)
def test_devices_and_groups_are_what_they_were_where_there_is_cuda(
    patcher: Patcher, tree: Path, available: bool, device: str, group: list[list[str]]
) -> None:
    pytest.importorskip("torch")
    patcher("apply", tree, "-r", "hrm")
    text = (tree / "pretrain.py").read_text()
    moved = re.search(r"batch = (\{.*\.to\(.*\})", text)
    begun = re.search(r"^( +)dist\.init_process_group.*\n(?:.*\n)*?.*set_device\(.*\n", text, re.MULTILINE)
    assert moved and begun
    block = "\n".join(line.removeprefix(begun[1]) for line in begun[0].splitlines() if "dist.get_" not in line)
    lines = f"batch = {{'x': torch.zeros(1)}}\nbatch = {moved[1]}\nos.environ['LOCAL_RANK'] = '0'\n{block}"
    program = WITH_CUDA.replace("AVAILABLE", str(available)).replace("LINES", lines)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == [["to", device], *group]

"""The paths of Atlas, each walked to its end: run in a tree, it writes what became of each: that it works, or what failed.

python atlas_paths.py TREE FOUND.json    (with the packages of the recipe's check first on PYTHONPATH)
"""

from __future__ import annotations

import copy
import importlib
import json
import os
import random
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch

SIZES = {"vocab_size": 257, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "max_seq_length": 64, "dropout": 0.0}
SIZES |= {"memory_hidden_size": 8, "context_window_size": 6, "max_steps": 4, "warmup_steps": 4}


def module(name: str) -> Any:
    return importlib.import_module(name)


def configured(**other: Any) -> Any:
    return module("model").AtlasConfig(**{**SIZES, **other})


def tokenizer() -> Any:
    return module("tokenizer_bytes").ByteTokenizer()


def model() -> Any:
    torch.manual_seed(0)
    return module("model").AtlasModel(configured())


def rows(count: int = 2, length: int = 9) -> torch.Tensor:
    return torch.arange(count * length).reshape(count, length) % 200


def refuses(*words: str, call: Any) -> None:
    try:
        call()
    except ValueError as error:
        assert all(word in str(error) for word in words), f"it says: {error}"
    else:
        raise AssertionError("it is taken")


# --- model.py ---------------------------------------------------------------------------------------------------------


def e4() -> None:
    assert module("model").PolynomialFeatureMap(4, 6)(torch.full((1, 2, 2, 4), 1e20)).isfinite().all()


def e5() -> None:
    made = model()
    made(rows())
    assert not any(one.requires_grad for one in made.buffers())
    copy.deepcopy(made)


def window(count: int = 5, width: int = 8) -> tuple[Any, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a memory, and the keys, values and weights of a window; the values may be narrower than the keys."""
    torch.manual_seed(0)
    made = module("model").DeepMemoryModule(8, 6).double()
    keys, values = torch.randn(count, 8).double(), torch.randn(count, width).double()
    return made, keys, values, torch.exp(-0.1 * torch.arange(count).double())


def updater() -> Any:
    return module("model").AtlasMemoryUpdate(configured())


def e7() -> None:
    memory, keys, values, _ = window(width=3)
    found = updater().compute_attentional_bias(memory, keys, values)
    right = ((memory(keys)[:, :3] - values) ** 2).sum(-1)
    assert (found - right).abs().max() < 1e-12


def e8() -> None:
    memory, keys, values, gamma = window(0)
    for changed in updater().omega_rule_update(memory, keys, values, gamma).values():
        assert changed.isfinite().all()


def weighted() -> None:
    """The sum over the window is that of a loop over its tokens."""
    for count in (1, 2, 5):
        memory, keys, values, gamma = window(count)
        made = updater()
        made.config.use_muon_optimizer = False
        found = made.omega_rule_update(memory, keys, values, gamma)
        total = sum(gamma[t] * ((memory(keys[t]) - values[t]) ** 2).sum() for t in range(count))
        right = torch.autograd.grad(total, list(memory.parameters()))
        for param, slope in zip(memory.parameters(), right, strict=True):
            assert (found[id(param)] - (param - made.eta * slope.clamp(-1, 1))).abs().max() < 1e-12


def e9() -> None:
    memory, keys, values, gamma = window()
    made = updater()
    first = made.omega_rule_update(memory, keys, values, gamma)
    second = made.omega_rule_update(memory, keys, values, gamma)
    shapes = {id(one): one.shape for one in memory.parameters()}
    assert {key: one.shape for key, one in first.items()} == shapes
    assert any((first[key] - second[key]).abs().max() > 0 for key in shapes), "there is no momentum"
    assert not any(one.requires_grad for one in [*made.buffers(), *getattr(made, "momenta", {}).values()])
    copy.deepcopy(made)


def e10() -> None:
    memory, keys, values, gamma = window()
    memory.layers[0].weight.requires_grad_(False)
    memory.spare = torch.nn.Parameter(torch.zeros(3))
    found = updater().omega_rule_update(memory, keys, values, gamma)
    trained = {id(memory.layers[0].bias), *(id(one) for one in memory.layers[2].parameters())}
    assert set(found) == trained
    assert updater().omega_rule_update(memory.requires_grad_(False), keys, values, gamma) == {}


def e10b() -> None:
    memory, keys, values, gamma = window()
    made = updater()
    made.config.use_muon_optimizer = False
    found = made.omega_rule_update(memory, keys, values * 1e6, gamma)
    assert all((one - found[id(one)]).abs().max() <= made.eta * 1.001 for one in memory.parameters())


def e11() -> None:
    refuses(
        "30",
        "4",
        "hidden_size",
        "num_heads",
        call=lambda: module("model").AtlasAttention(configured(hidden_size=30, num_heads=4)),
    )


def e12() -> None:
    refuses("65", "64", "max_seq_length", call=lambda: model()(rows(1, 65)))


# --- data_utils.py ----------------------------------------------------------------------------------------------------

TEXT = "The first one is here. A second one stands behind it. Then comes a third. And there is a fourth at last."


def e16() -> None:
    made = module("data_utils").LongContextDataset([TEXT * 8], tokenizer(), max_length=48)
    assert len(made) > 5


def e17() -> None:
    assert len(module("data_utils").LongContextDataset([TEXT], tokenizer(), 32, 8, overlap_ratio=1.0)) > 1
    assert len(module("train").TextDataset([TEXT], tokenizer(), max_length=1)) == len(TEXT)


def loaders(**data: Any) -> Any:
    config = module("config").Config()
    config.training.batch_size = 2
    for name, value in {"max_length": 48, **data}.items():
        setattr(config.data, name, value)
    return module("data_utils").create_dataloaders(config, tokenizer())


def e19() -> None:
    assert len(loaders(dataset_path=None)["train"])
    with tempfile.TemporaryDirectory() as folder:
        refuses(folder, call=lambda: loaders(dataset_path=folder))


def e20() -> None:
    found = module("data_utils").collate_fn([])
    assert {name: len(one) for name, one in found.items()} == {"input_ids": 0, "labels": 0, "attention_mask": 0}


def e21() -> None:
    for loader in loaders(num_workers=4).values():
        assert (loader.num_workers, bool(loader.pin_memory)) == (0, torch.cuda.is_available())
    seen = []
    train = module("train")
    kept = train.DataLoader, train.AtlasTrainer
    train.DataLoader = lambda data, **options: seen.append(options["num_workers"])
    train.AtlasTrainer = lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt)
    try:
        sampled(train)
    except KeyboardInterrupt:
        pass
    finally:
        train.DataLoader, train.AtlasTrainer = kept
    assert seen == [0, 0]


def e22() -> None:
    for facts, length in ((25, 4000), (5, 4000), (3, 10)):
        random.seed(0)
        made = module("data_utils").RecallDataset(tokenizer(), 5, length, facts)
        for one in made.examples:
            tokens = [*one["input_ids"].tolist(), one["labels"][-1].item()]
            assert len(tokens) <= length
            text = tokenizer().decode(tokens)
            asked = text.rpartition("for Fact ")[2].partition("?")[0]
            assert length < 100 or text.count(f"Fact {asked}") > 1, "it asks for a fact that is left out"


def e23() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.txt").write_text(".".join(letter * 20 for letter in "abcdefgh"))
        made = module("data_utils").BookDataset(folder, tokenizer(), max_length=40)
    starts = [tokenizer().decode(one["input_ids"])[:21] for one in made.examples]
    assert starts[:2] == ["a" * 20 + ".", "a" * 20 + "."] and starts[2:4] == ["b" * 20 + ".", "c" * 20 + "."], starts


# --- train.py and main.py ---------------------------------------------------------------------------------------------


def e13() -> None:
    kept = {name: sys.modules.pop(name, None) for name in ("train", "main", "wandb")}
    sys.modules["wandb"] = None  # type: ignore[assignment]
    try:
        module("train"), module("main")
    finally:
        sys.modules.update({name: one for name, one in kept.items() if one})
        for name in [name for name, one in kept.items() if not one]:
            sys.modules.pop(name, None)


def e14() -> None:
    train = module("train")
    kept = train.wandb

    def init(mode: str = "online", **options: Any) -> None:
        if mode == "online":
            raise RuntimeError("api_key not configured")

    train.wandb = types.SimpleNamespace(init=init)
    try:
        made = train.AtlasTrainer(configured(), model(), "cpu")
    finally:
        train.wandb = kept
    assert getattr(made, "use_wandb", True)


def sampled(train: Any) -> None:
    """Run train.py's main at a tiny size, on texts with as many bytes as upstream's have tokens."""
    kept = train.AtlasConfig, train.create_sample_dataset, train.GPT2Tokenizer
    words = ["one", "two", "three"] * 90
    train.AtlasConfig = lambda **given: kept[0](**{**SIZES, "max_seq_length": given["max_seq_length"], "max_steps": 1})
    train.create_sample_dataset = lambda tokenizer, num_samples=0: ["".join(word[0] for word in words)] * 10
    try:
        train.main()
    finally:
        train.AtlasConfig, train.create_sample_dataset, train.GPT2Tokenizer = kept


def e18() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sampled(module("train"))


def trainer(**config: Any) -> Any:
    return module("train").AtlasTrainer(configured(**config), model(), "cpu")


def e25() -> None:
    made = trainer()
    made.compute_loss = lambda logits, labels: torch.tensor(1000.0)
    assert made.evaluate([{"input_ids": rows(), "labels": rows()}])["eval_perplexity"] > 1e300
    evaluated = evaluator()
    torch.nn.init.constant_(evaluated.model.lm_head.weight, 0.0)
    evaluated.model.lm_head.weight.data[65] = 1e5
    evaluated.model.ln_f.weight.data.zero_()
    evaluated.model.ln_f.bias.data.fill_(1.0)
    assert evaluated.compute_perplexity(["bcd"]) > 1e300
    assert evaluated.context_length_scaling_test("bcd " * 20, [32])[32] > 1e300


class Nothing:
    """A loader without a batch; who asks for ever is stopped."""

    asked = 0

    def __iter__(self) -> Any:
        self.asked += 1
        if self.asked > 100:
            raise RuntimeError("it asks for ever")
        return iter(())


def e26() -> None:
    refuses("evaluate", call=lambda: trainer().evaluate([]))
    with tempfile.TemporaryDirectory() as folder:
        refuses("train", call=lambda: trainer().train(Nothing(), save_dir=folder))


def e27() -> None:
    config = module("config").Config()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        drawn = []
        for _ in range(2):
            random.seed()
            module("main").setup_environment(config)
            drawn.append(random.getstate())
    assert drawn[0] == drawn[1]


# --- evaluate.py ------------------------------------------------------------------------------------------------------


def evaluator() -> Any:
    return module("evaluate").AtlasEvaluator(model(), tokenizer(), "cpu")


def e28() -> None:
    calls: list[str] = []
    made = {name: types.ModuleType(name) for name in ("matplotlib", "matplotlib.pyplot", "seaborn")}
    made["matplotlib"].use = lambda name: calls.append(f"use {name}")  # type: ignore[attr-defined]
    made["matplotlib"].pyplot = made["matplotlib.pyplot"]  # type: ignore[attr-defined]
    made["matplotlib.pyplot"].__getattr__ = lambda name: lambda *a, **k: calls.append(name)  # type: ignore[method-assign]
    kept = {name: sys.modules.pop(name, None) for name in [*made, "evaluate"]}
    sys.modules.update(made)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = {"context_scaling": {8: 1.0}, "needle_haystack": {"position_0.1": 0.5}}
            evaluator().plot_results(found, folder)
    finally:
        sys.modules.update({name: one for name, one in kept.items() if one})
        if not kept["evaluate"]:
            sys.modules.pop("evaluate")
    assert calls[0] == "use Agg" and "savefig" in calls


def e29() -> None:
    assert 1 < evaluator().compute_perplexity(["x y " * 50]) < 1e4


def e30() -> None:
    lengths = []
    made = evaluator()
    forward = made.model.forward
    made.model.forward = lambda ids: (lengths.append(ids.shape[1]), forward(ids))[1]
    found = made.context_length_scaling_test("ab", [16, 32, 128])
    assert (sorted(found), lengths) == ([16, 32, 64], [16, 32, 64])


def e30_prompt() -> None:
    assert isinstance(evaluator().generate_text("p" * 60, max_length=8), str)


def e30_top() -> None:
    assert isinstance(evaluator().generate_text("p", max_length=2, top_k=1000), str)


def e31() -> None:
    seen: list[str] = []
    made = evaluator()
    forward = made.model.forward
    made.model.forward = lambda ids: (seen.append(tokenizer().decode(ids[0])), forward(ids))[1]
    made.needle_in_haystack_test("NEEDLE", "hay " * 100, "where?")
    assert len(seen) == 5
    assert all("NEEDLE" in one and one.endswith("where?") and len(one) == 64 for one in seen), seen
    refuses("longest", call=lambda: made.needle_in_haystack_test("n" * 60, "hay", "where?"))


PATHS = [e13, e14, e4, e5, e7, e8, weighted, e9, e10, e10b, e11, e12, e16, e17, e18, e19, e20, e21, e22, e23, e25, e26]
PATHS += [e27, e28, e29, e30, e30_prompt, e30_top, e31]


def main(tree: str, file: str) -> None:
    sys.path.insert(0, tree)
    logger: Any = types.ModuleType("wandb")  # whatever is installed: none of these paths is about it
    logger.init = logger.log = logger.finish = lambda *arguments, **options: None
    sys.modules["wandb"] = logger
    start, found = Path.cwd(), {}
    for path in PATHS:
        try:
            path()
            found[path.__name__] = "works"
        except Exception as error:  # whatever fails is what is asked for
            found[path.__name__] = f"{type(error).__name__}: {error}"[:200]
        os.chdir(start)
    Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:]))

"""Run Atlas at a tiny size: main.py trains for ten steps and evaluates, then train.py trains for two.

    python tiny.py TREE FOLDER

main.py trains on texts.json, which lies beside this file; in the end data_utils.py makes its own samples. FOLDER gets
what they write. Sizes are set where the programs read them: in the defaults of config.py for main.py, and in the call
of AtlasConfig for train.py. What fails is told by the exit code, also where main.py prints it and ends as if all were
well.
"""

import importlib
import os
import runpy
import sys

MODEL = {
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 2,
    "max_seq_length": 64,
    "dropout": 0.0,
    "memory_hidden_size": 16,
    "context_window_size": 24,  # fewer than the tokens of a sequence: the ring is overwritten
}
TRAINING = {"batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 3, "max_steps": 10, "eval_steps": 5}
DATA = {"max_length": 48, "num_workers": 0, "dataset_path": os.path.dirname(os.path.abspath(__file__))}
SHORT = {"max_seq_length": 4096, "max_steps": 2, "batch_size": 2}  # as many bytes as its texts have tokens of GPT-2
SAMPLES = 10  # of train.py, where 800 take a while


def sized(whole):
    """Return a configuration of config.py at a tiny size."""
    made = whole()
    for part, values in ((made.model, MODEL), (made.training, TRAINING), (made.data, DATA)):
        for name, value in values.items():
            setattr(part, name, value)
    return made


def run_main():
    config = importlib.import_module("config")
    evaluate = importlib.import_module("evaluate")
    whole, evaluated = config.Config, []
    evaluation = evaluate.AtlasEvaluator.run_full_evaluation

    def run_full_evaluation(self, *arguments, **options):
        found = evaluation(self, *arguments, **options)
        evaluated.append(found)
        return found

    config.Config = lambda: sized(whole)
    evaluate.AtlasEvaluator.run_full_evaluation = run_full_evaluation
    words, sys.argv = sys.argv, ["main.py", "--mode", "both"]
    runpy.run_path(os.path.join(sys.path[0], "main.py"), run_name="__main__")
    sys.argv, config.Config = words, whole
    if not evaluated:
        raise RuntimeError("main.py did not get to the end of its evaluation")


def run_train():
    train = importlib.import_module("train")
    made, samples = train.AtlasConfig, train.create_sample_dataset

    def tiny(**given):
        kept = {name: given[name] for name in ("vocab_size", "polynomial_degree", "memory_depth") if name in given}
        few = {name: value for name, value in TRAINING.items() if name != "eval_steps"}
        return made(**kept, **{**MODEL, **few, **SHORT})

    train.AtlasConfig = tiny
    train.create_sample_dataset = lambda tokenizer, num_samples=0: samples(tokenizer, num_samples=SAMPLES)
    train.main()


def make_samples():
    """Let data_utils.py make its sample texts; each has windows behind its first."""
    data, config = importlib.import_module("data_utils"), importlib.import_module("config")
    given = sized(config.Config)
    given.data.dataset_path = "nowhere"
    made, rounds = data.LongContextDataset, []

    class Counted(made):
        def __init__(self, texts, *arguments, **options):
            texts = texts[:20]
            super().__init__(texts, *arguments, **options)
            rounds.append(len(self) > 2 * len(texts))

    data.LongContextDataset = Counted
    tokenizer = importlib.import_module("tokenizer_bytes").ByteTokenizer()
    batch = next(iter(data.create_dataloaders(given, tokenizer)["train"]))
    if not all(rounds) or batch["input_ids"].shape != (4, 47):
        raise RuntimeError("of the sample texts only the first windows are used")


def main(tree, folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    sys.path.insert(0, tree)
    run_main()
    run_train()
    make_samples()


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:]))

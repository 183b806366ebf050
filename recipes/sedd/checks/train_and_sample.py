"""Train with the upstream's train.py, then sample with its run_sample.py from the checkpoint of that run.

    python train_and_sample.py FOLDER [OVERRIDE...]

It is started where the two stand. FOLDER is that of the run, each OVERRIDE one for hydra. train.py ends well also where
the training failed; then there is no checkpoint, and run_sample.py says so.
"""

import subprocess
import sys

STEPS = 2  # run_sample.py takes 1024 unless it is told otherwise, of 1024 tokens each


def main(folder, *overrides):
    train = ["train.py", "hydra.run.dir=" + folder, *overrides]
    sample = ["run_sample.py", "--model_path", folder, "--steps", str(STEPS)]
    for words in (train, sample):
        code = subprocess.run([sys.executable, *words]).returncode  # noqa: S603
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

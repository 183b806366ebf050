"""The clauses that a step of any verb may have, on real trees."""

from __future__ import annotations

from tests.upstream.language import Case, sub

CUDA = "replace: 'torch.device(\"cuda\")'\nwith: 'torch.device(\"cpu\")'\n"
DEVICES = sub("pretrain.py", r'torch\.device\("cuda"\)', 'torch.device("cpu")')

CASES = (
    Case("expect: a number", "HRM", CUDA + "expect: 3", (DEVICES,)),
    Case("expect: a range", "HRM", CUDA + "expect: 2..4", (DEVICES,)),
    Case("expect: each and files", "HRM", CUDA + "expect: {total: 3, each: 3, files: 1}", (DEVICES,)),
    Case("expect: more than there are is drift", "HRM", CUDA + "expect: 4", status="drifted"),
    Case("expect: fewer than there are is drift", "HRM", CUDA + "expect: 1..2", status="drifted"),
    Case("expect: more files than there are is drift", "HRM", CUDA + "expect: {files: 2}", status="drifted"),
    Case("expect: any, where nothing is", "SEDD", "delete: apex.amp.initialize($$$)\nexpect: any", status="absent"),
    Case(
        "optional: drifts alone; requires: goes with it",
        "HRM",
        CUDA + "expect: 9\noptional: yes\n---\nrequires: [s1]\nin: pretrain.py\ndelete: wandb.finish()\n---\n"
        "in: evaluate.py\nreplace: torch.inference_mode()\nwith: torch.no_grad()\nexpect: any",
        status={"s1": "drifted", "s2": "drifted", "s3": "absent"},
    ),
    Case(
        "leave: files that no step looks at, whoever asks",
        "TRM",
        CUDA.replace("replace", "in: [pretrain.py, models/**]\nreplace")
        + "---\nrename: adam_atan2.AdamATan2\nto: torch.optim.Adam",
        head="leave: {pretrain.py: tried on its own}\n",
        status="absent",
    ),
    Case(
        "already: another form that reaches the goal",
        "SEDD",
        """
        in: run_train.py
        replace: torch.device($D)
        with: torch.device("cpu")
        already: 'torch.device($_ if torch.cuda.is_available() else "cpu")'
        """,
        status="already",
        sites=(),
    ),
    Case(
        "needs: a bare name, in scope at one place alone",
        "HRM",
        """
        in: pretrain.py
        edit: adam_atan2.AdamATan2($$$, lr=$L)
        where: {L: "0"}
        to: {L: config.lr}
        needs: [config]
        """,
        (sub("pretrain.py", r"(AdamATan2\(\n.*\n\n +)lr=0,", r"\1lr=config.lr,"),),
    ),
    Case(
        "needs: a bare name that is not there",
        "HRM",
        """
        in: pretrain.py
        replace: wandb.finish()
        with: wandb.finish(exit_code=status)
        needs: [status]
        """,
        status="refused",
        refused=(r"pretrain.py: wandb\.finish\(",),
    ),
    Case(
        "needs: an assignment that the step finds itself",
        "SEDD",
        """
        in: noise_lib.py
        replace: 1e-3
        with: EPS
        needs: ["EPS = 1e-3"]
        """,
        error="would change noise_lib.py:",
    ),
    Case(
        "needs: an assignment, put behind the imports",
        "SEDD",
        """
        in: noise_lib.py::*
        replace: 1e-3
        with: EPS
        needs: ["EPS = 1e-3"]
        """,
        (
            sub("noise_lib.py", r"=1e-3\b", "=EPS"),
            sub("noise_lib.py", r"^import numpy as np\n", "\\g<0>EPS = 1e-3\n"),
        ),
    ),
    Case(
        "use: with, in, not_in, skip, expect",
        "HRM",
        """
        use: device
        in: ["*.py"]
        not_in: [evaluate.py]
        skip: [pin-memory]
        expect: {literal: 4, dot-cuda: 2}
        """,
        (
            sub(
                "pretrain.py",
                r'torch\.device\("cuda"\)',
                'torch.device("cuda" if torch.cuda.is_available() else "cpu")',
            ),
            sub("pretrain.py", r'device="cuda"\)', 'device="cuda" if torch.cuda.is_available() else "cpu")'),
            sub("pretrain.py", r"\bv\.cuda\(\)", 'v.to("cuda" if torch.cuda.is_available() else "cpu")'),
        ),
    ),
    Case(
        "use: when, a condition that does not hold",
        "HRM",
        "use: device\nwhen: {import: apex}\n",
        status="absent",
    ),
    Case(
        "parameters: choice, flag, int, float, text, name, expr, path",
        "SEDD",
        """
        in: "${file}"
        when: {on: yes}
        replace: "${function}($$$A, eps=$E)"
        with: "${function}($$$A, eps=${eps})"
        local: ["${function}"]
        ---
        in: configs/${kind}.yaml
        text: '^ngpus: 8$'
        with: 'ngpus: ${gpus}'
        already: '^ngpus: ${gpus}$'
        ---
        in: "${file}"
        replace: torch.device($D)
        with: torch.device(${device})
        """,
        (
            sub("configs/config.yaml", r"^ngpus: 8$", "ngpus: 1"),
            sub("run_sample.py", r"torch\.device\('cuda'\)", 'torch.device("cpu" if True else "mps")'),
        ),
        head="""
        parameters:
          file: {type: path, default: run_train.py}
          on: {type: flag, default: no}
          function: {type: name, default: get_noise}
          eps: {type: float, default: 1e-5}
          gpus: {type: int, default: 8}
          kind: {type: choice, choices: [config, other], default: other}
          device: {type: expr, default: '"cpu"'}
          note: {type: text, default: none}
        """,
        options=(
            "-p",
            "file=run_sample.py",
            "-p",
            "gpus=1",
            "-p",
            "kind=config",
            "-p",
            'device="cpu" if True else "mps"',
        ),
        status={"s1": "absent", "s2": "applied", "s3": "applied"},
    ),
)

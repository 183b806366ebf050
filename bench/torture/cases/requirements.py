"""adam-atan2 becomes adam-atan2-pytorch>=0.1.18 and flash-attn goes, in whatever file lists what to install."""

from __future__ import annotations

from bench.torture.check import REQUIREMENTS, Check, Edits, change, same

__all__ = ["CHECKS"]

NEW = "adam-atan2-pytorch>=0.1.18"


def listed(name: str, hazard: str, path: str, before: str | bytes, *afters: Edits) -> Check:
    """Return a check of one file that is not run."""
    return change(name, hazard, REQUIREMENTS, {path: before}, *({path: after} for after in afters), run=False)


# What only looks like the job: nothing may change.
SAME = {
    "requirements-not-done": (
        "second apply",
        {"requirements.txt": "torch\nadam-atan2-pytorch>=0.1.18\n", "pyproject.toml": '[project]\nname = "x"\n'},
    ),
    "requirements-not-longer-names": (
        "names that only begin alike",
        {"requirements.txt": "my-adam-atan2\nadam-atan2-pytorch[foreach]==0.1.20\nflash-attn-triton\n"},
    ),
    "requirements-not-comments": (
        "comment beside a requirement",
        {"requirements.txt": "torch  # adam-atan2 needs it\n# flash-attn\n"},
    ),
    "requirements-not-other-files": (
        "names that only begin alike",
        {"notes.txt": "adam-atan2==0.0.3\n", "data/requirements.csv": "adam-atan2,flash-attn\n"},
    ),
    "requirements-not-urls": (
        "names that only begin alike",
        {"requirements.txt": "--find-links https://host/adam-atan2/flash-attn\nx @ https://host/flash-attn.whl\n"},
    ),
}

CHECKS = (
    listed(
        "requirements-pinned",
        "comment beside a requirement",
        "requirements.txt",
        """
        # what training needs
        torch>=2.0
        adam-atan2==0.0.3  # the optimizer
        flash-attn==2.8.0
        einops
        """,
        [("adam-atan2==0.0.3 ", f"{NEW} "), ("flash-attn==2.8.0\n", "")],
    ),
    listed(
        "requirements-spelling",
        "names by PEP 503",
        "requirements.txt",
        "Torch\nAdam_Atan2 >= 0.0.2\nFlash.Attn\n",
        [("Adam_Atan2 >= 0.0.2", NEW), ("Flash.Attn\n", "")],
    ),
    listed(
        "requirements-marker",
        "environment marker",
        "requirements.txt",
        "torch\nadam-atan2==0.0.3 ; platform_system == 'Linux'\n",
        [("adam-atan2==0.0.3 ;", f"{NEW} ;")],
        [("adam-atan2==0.0.3 ;", f"{NEW};")],
    ),
    listed(
        "requirements-hashes",
        "backslash continuation",
        "requirements.txt",
        "torch\nadam-atan2==0.0.3 \\\n    --hash=sha256:aaaa \\\n    --hash=sha256:bbbb\neinops\n",
        [("adam-atan2==0.0.3 \\\n    --hash=sha256:aaaa \\\n    --hash=sha256:bbbb", NEW)],
    ),
    listed(
        "requirements-crlf",
        "CRLF",
        "requirements.txt",
        b"torch\r\nflash_attn\r\nadam-atan2",
        [("flash_attn\r\n", ""), ("adam-atan2", NEW)],
    ),
    listed(
        "requirements-pyproject",
        "another format",
        "pyproject.toml",
        """
        [project]
        name = "adam-atan2-demo"
        dependencies = [
            "torch",  # any
            "adam-atan2==0.0.3",
            'flash-attn',
            "einops",
        ]
        """,
        [("adam-atan2==0.0.3", NEW), ("    'flash-attn',\n", "")],
    ),
    listed(
        "requirements-environment",
        "another format",
        "environment.yml",
        """
        name: adam-atan2
        dependencies:
          - python=3.10
          - pip:
            - adam-atan2==0.0.3
            - flash-attn  # slow to build
            - wandb
        """,
        [("adam-atan2==0.0.3", NEW), ("    - flash-attn  # slow to build\n", "")],
    ),
    listed(
        "requirements-setup",
        "another format",
        "setup.py",
        """
        from setuptools import setup

        setup(
            name="adam-atan2",
            install_requires=[
                "adam-atan2",
                "flash-attn>=2",  # builds for an hour
                "torch",
            ],
        )
        """,
        [
            ('    install_requires=[\n        "adam-atan2",\n', f'    install_requires=[\n        "{NEW}",\n'),
            ('        "flash-attn>=2",  # builds for an hour\n', ""),
        ],
        [
            ('    install_requires=[\n        "adam-atan2",\n', f'    install_requires=[\n        "{NEW}",\n'),
            ('        "flash-attn>=2",  # builds for an hour\n', "        # builds for an hour\n"),
        ],
    ),
    *(same(name, hazard, REQUIREMENTS, before) for name, (hazard, before) in SAME.items()),
)

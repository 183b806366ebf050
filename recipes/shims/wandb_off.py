"""The logging calls of wandb, for a machine without it: they take what wandb takes, log nothing and say nothing.

Replaces, from wandb 0.16 and newer, what training code calls: init, log, finish, login, watch, save, define_metric,
alert, log_artifact and their like; the run with its config and summary; and what is logged (Image, Table and so on).

Equal to what: a run of wandb's mode "disabled". A config gives back what it was given, by key and by attribute, a
summary the last value of each name that was logged. Nothing is written, nothing goes over the network, no process is
started and no random number is drawn.

Refused by name, with NotImplementedError: what would have to come from wandb's server, as a sweep, the API, a stored
artifact or a file of another run. An empty answer would hide that it is not there.

Works with Python >= 3.8 and needs no package.
"""

import tempfile

__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "Audio",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "Object3D",
    "Plotly",
    "Settings",
    "Table",
    "Video",
    "agent",
    "alert",
    "config",
    "controller",
    "define_metric",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "mark_preempting",
    "plot",
    "restore",
    "run",
    "save",
    "setup",
    "summary",
    "sweep",
    "teardown",
    "termerror",
    "termlog",
    "termwarn",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
]


class _Values(dict):
    """A dict whose items are attributes too, as those of wandb's config and summary are."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(f"nothing was given for {name}")

    def __setattr__(self, name, value):
        self[name] = value

    def update(self, values=(), allow_val_change=None, **named):
        super().update(_mapping(values), **named)

    def setdefaults(self, values):
        for name, value in _mapping(values).items():
            self.setdefault(name, value)
        return dict(self)

    def as_dict(self):
        return dict(self)


def _mapping(values):
    """What wandb takes as a config: nothing, a mapping, or an object with attributes such as a Namespace."""
    if isinstance(values, str):
        raise NotImplementedError(f"wandb_off: the file {values} is not read; load it and give wandb a dict")
    if values is None or hasattr(values, "keys") or not hasattr(values, "__dict__"):
        return dict(values or ())
    return dict(vars(values))


def _nothing(*arguments, **options):
    """Take whatever a call of wandb takes that has no effect here."""


def _refusing(name):
    def refuse(*arguments, **options):
        raise NotImplementedError(
            f"wandb_off: {name} asks wandb's server, and wandb is not installed; pip install wandb"
        )

    refuse.__name__ = name
    return refuse


class Run:
    """A run that logs nothing. `init` returns it, and it is `run` until `finish`."""

    def __init__(self, **given):
        self.project, self.entity, self.group = given.get("project"), given.get("entity"), given.get("group")
        self.name, self.id = given.get("name") or "off", given.get("id") or "off"
        self.tags, self.notes, self.job_type = tuple(given.get("tags") or ()), given.get("notes"), given.get("job_type")
        self.dir = given.get("dir") or tempfile.gettempdir()
        self.url = self.path = self.sweep_id = None
        self.disabled, self.offline, self.resumed = True, True, False
        self.config, self.summary = config, summary
        self.step = 0

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.finish()

    def log(self, data, step=None, commit=None, sync=None):
        self.summary.update(data)
        self.step = self.step + (commit is not False) if step is None else step

    def finish(self, exit_code=None, quiet=None):
        global run
        if run is self:
            run = None

    def watch(self, models=None, criterion=None, log="gradients", log_freq=1000, idx=None, log_graph=False):
        return ()

    def save(self, glob_str=None, base_path=None, policy="live"):
        return []

    def log_artifact(self, artifact_or_path, name=None, type=None, aliases=None, tags=None):
        return artifact_or_path

    unwatch = define_metric = alert = log_code = log_model = link_artifact = mark_preempting = get_url = _nothing
    use_artifact, use_model, restore = _refusing("use_artifact"), _refusing("use_model"), _refusing("restore")


run = None
config, summary = _Values(), _Values()  # those of the present run; wandb's too are there before it


def init(*, config=None, **given):
    """Begin a run; every argument of wandb.init is taken, and what only the server would see has no effect."""
    global run
    run = Run(**given)
    run.config.clear()
    run.summary.clear()
    run.config.update(config)
    return run


def log(data, step=None, commit=None, sync=None):
    """Log nothing; without a run it is an error, as in wandb."""
    if run is None:
        raise RuntimeError("You must call wandb.init() before wandb.log()")
    run.log(data, step, commit, sync)


def finish(exit_code=None, quiet=None):
    """End the present run, if there is one."""
    if run is not None:
        run.finish()


def login(*arguments, **options):
    """Return False: nobody is logged in."""
    return False


def watch(*arguments, **options):
    """Return what wandb.watch does, the graphs, of which there are none."""
    return ()


def save(*arguments, **options):
    """Return the saved files: none."""
    return []


def log_artifact(artifact_or_path, *arguments, **options):
    """Return the artifact, which is stored nowhere."""
    return artifact_or_path


alert = define_metric = log_model = mark_preempting = setup = teardown = unwatch = _nothing
termerror = termlog = termwarn = _nothing
agent, controller, sweep, restore = map(_refusing, ("agent", "controller", "sweep", "restore"))
Api, use_artifact, use_model = map(_refusing, ("Api", "use_artifact", "use_model"))


class Settings(_Values):
    """Settings of wandb, which nothing reads."""


class AlertLevel:
    """How grave an alert is."""

    INFO, WARN, ERROR = "INFO", "WARN", "ERROR"


class _Logged:
    """Something that is made to be logged. It keeps nothing, so that no image or tensor stays in memory."""

    def __init__(self, *arguments, **options):
        pass


class Image(_Logged):
    """See _Logged."""


class Audio(_Logged):
    """See _Logged."""


class Video(_Logged):
    """See _Logged."""


class Histogram(_Logged):
    """See _Logged."""


class Html(_Logged):
    """See _Logged."""


class Molecule(_Logged):
    """See _Logged."""


class Object3D(_Logged):
    """See _Logged."""


class Plotly(_Logged):
    """See _Logged."""


class Table(_Logged):
    """A table that is filled row by row; it keeps its rows, which code reads back."""

    def __init__(self, columns=None, data=None, *arguments, **options):
        self.columns, self.data = list(columns or ()), [list(row) for row in data or ()]

    def add_data(self, *row):
        self.data.append(list(row))

    def add_column(self, name, data, optional=False):
        self.columns.append(name)
        self.data = [[*old, new] for old, new in zip(self.data or [[] for _ in data], data)]


class Artifact:
    """Files that would be stored; nothing is read or copied."""

    def __init__(self, name, type, description=None, metadata=None, *arguments, **options):
        self.name, self.type, self.description, self.metadata = name, type, description, dict(metadata or {})

    add = add_file = add_dir = add_reference = save = wait = _nothing


class plot:
    """wandb.plot: charts, which are not drawn."""

    bar = line = scatter = histogram = line_series = confusion_matrix = pr_curve = roc_curve = staticmethod(_nothing)

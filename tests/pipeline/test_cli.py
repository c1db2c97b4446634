"""The command line: first words, flags, exit codes and one sentence for whatever is wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lens_pipeline import __version__
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.commands import COMMANDS, Word
from lens_pipeline.pipeline.config import setting_names

TINY = (
    "model=custom",
    "model.target=tiny_net:net",
    "model.preprocessing.resize=null",
    "model.preprocessing.resize_mode=none",
    "model.preprocessing.crop=null",
    "stimuli=folder",
    "stimuli.root=images",
    "run.shard_megabytes=0.005",
)
COMMAND = (sys.executable, "-W", "error", "-m", "lens_pipeline")


def _cpu_seconds() -> float:
    """What all ended children took, which the load of the machine hardly changes."""
    used = os.times()
    return used.children_user + used.children_system


def refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Run in this process, expect exit code 2, and return the last line of stderr."""
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("lens-pipeline: ")
    return lines[-1].removeprefix("lens-pipeline: ")


def test_help_answers_at_once_and_names_everything(tmp_path: Path) -> None:
    """Every command and every group of settings is in it; no heavy library is imported for it."""
    heavy = "{'torch', 'hydra', 'numpy', 'xarray'}"
    code = (
        "import sys; from lens_pipeline.pipeline.cli import main; main(['run', '--help']);"
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    before = _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert _cpu_seconds() - before < 0.3
    for word in (*COMMANDS, "model", "stimuli", "layers", "postfunction", "rsa.reference"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints ours, not Hydra's."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lens-pipeline {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rnu",), "There is no command 'rnu'; nearest: run."),
        (("--mulitrun",), "There is no option --mulitrun; nearest: --multirun"),
        (("model=corne_s",), "There is no model=corne_s; nearest: cornet_s"),
        (("stimuli=thing",), "There is no stimuli=thing; nearest: things."),
        (("executor=desk",), "There is no executor=desk; nearest: dask"),
        (("mode1=alexnet",), "There is no setting mode1; nearest: model"),
        (("model.weightss=x",), "There is no setting model.weightss; nearest: model.weights"),
        (("~rsa.alin",), "There is no setting rsa.alin; nearest: rsa.align"),
        (("+rsa.measures=x",), "The config is not allowed: unknown setting rsa.measures (nearest"),
        (
            ("layers=[V1.output,", "IT.output]"),
            "Cannot read 'layers=[V1.output,': a list has no spa",
        ),
        (("stimuli.root=my", "images"), "Cannot read 'images': a setting is written name=value"),
        (("plan", "alexnet"), "Cannot read 'alexnet': it is written model=alexnet."),
        (
            ("model", "=", "alexnet"),
            "There is no command 'model'; a setting is written with its va",
        ),
        (("model=alexnet,vgg16",), "model=alexnet,vgg16 is ambiguous: add -m to sweep."),
        (("model=timm",), "model.name has to be given: model.name=VALUE."),
        (("model=custom",), "A model of your own needs model.target=package.module:function."),
        (("model=",), "There is no model=; allowed: alexnet, "),
        (("+model=alexnet",), "model is set: write it without +."),
        (("+rsa.seed=1",), "rsa.seed is set: write it without +."),
        (("model.arguments.depth=3",), "is written with a plus: +model.arguments.depth=VALUE."),
        (("model.seed=${nope}",), "${nope} names no setting."),
        (
            ("--model", "alexnet"),
            "There is no option --model; a setting has no dashes: model=VALUE.",
        ),
        (("--cfg", "all_of_it"), "--cfg takes job or hydra or all, not all_of_it."),
        (("--config-dir", "nowhere"), "nowhere of configs."),
        (("--config-name", "nowhere"), "There is no config nowhere to begin with."),
        (("layers=a,b",), "layers=a,b is ambiguous: write layers=[a,b] for a list"),
        (("runtime.fidelity=1.01",), "expected a number above 0 and up to 1 @ runtime.fidelity"),
        (("runtime.fidelity=0",), "expected a number above 0 and up to 1 @ runtime.fidelity, not"),
        (("-m", "model.seed=0,1", "hydra/launcher=joblib"), "hydra/launcher=joblib is not for"),
        (("-m", "hydra.launcher.n_jobs=2"), "in which one cluster serves a whole sweep: give"),
        (("runtime.batch_size=0",), "expected a positive int @ runtime.batch_size, not 0"),
        (("list", "model"), "list takes one of models, stimuli, brain, layers, not 'model'."),
        (("status", "a", "b"), "status takes one folder at most"),
        (("status", "nowhere"), "There is no run in nowhere"),
        (("status",), "There are no runs under"),
        (("postfunction=spatial_men",), "There is no postfunction 'spatial_men'; nearest: spatial"),
        (("stimuli=folder", "stimuli.root=nowhere"), "nowhere of stimuli.root is not there"),
        (("rsa.measure=sperman", "stimuli=sample"), "There is no measure 'sperman'"),
        (("rsa.reference=no.npz", "stimuli=sample"), "names no file that exists"),
        (("model.weights=no.pth",), "no.pth"),
        (("assets=strict",), "assets=strict allows no stand-in"),
    ],
)
def test_what_is_mistyped_gets_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, the nearest names, no traceback, and nothing left behind."""
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


def test_flags_stand_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between the settings, before the command, and `--info` in front of a setting."""
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    plan = Word(composed=lambda _plain, _sweep: 0, swept=lambda jobs: seen.extend(dict(jobs)) or 0)
    monkeypatch.setitem(COMMANDS, "plan", plan)
    assert main(["-m", "plan", "model=alexnet", "model.seed=0,1"]) == 0
    assert main(["plan", "model=alexnet,vgg16", "-m", "model.seed=3"]) == 0
    assert seen == ["model.seed=0", "model.seed=1", "model=alexnet", "model=vgg16"]
    assert main(["--info", "model=alexnet"]) == 0
    assert main(["model=alexnet", "--cfg", "job"]) == 0


def test_a_working_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is said; --help still answers."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refused(("model=alexnet",), capsys).startswith("The working directory is not there")
    assert main(["--help"]) == 0


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code stays."""
    assert main(["model=corne_s", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_cfg_job_is_hydras_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The composed config is printed and nothing is run."""
    monkeypatch.chdir(tmp_path)
    assert main(["--cfg", "job", "model=alexnet", "layers=[7,-17]"]) == 0
    out = capsys.readouterr().out
    assert "name: alexnet" in out
    assert "- -17" in out
    shown = {line.partition(":")[0].strip() for line in out.splitlines()}
    assert {name.rpartition(".")[2] for name in setting_names()} <= shown
    assert list(tmp_path.iterdir()) == []


def test_the_working_directory_does_not_matter_and_stays_clean(study: Path) -> None:
    """A job makes its run folder and nothing else; warnings would be errors."""
    before = {path.name for path in study.iterdir()}
    done = subprocess.run([*COMMAND, *TINY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = (study / "runs").iterdir()
    assert folder.name.startswith("net-images-")
    assert "done in" in done.stdout
    assert {path.name for path in study.iterdir()} - before <= {"runs", "__pycache__"}
    assert main(["status"]) == 0


def test_a_rerun_of_a_finished_job_loads_nothing_heavy(study: Path) -> None:
    """Under a second of work, without torch, xarray, rsatoolbox or matplotlib."""
    job = [
        "model=cornet_z",
        "model.weights=random",
        "stimuli=folder",
        "stimuli.root=images",
        "layers=[decoder.avgpool]",
    ]
    assert main(job) == 0
    heavy = "{'torch', 'torchvision', 'xarray', 'rsatoolbox', 'matplotlib', 'dask', 'pandas'}"
    code = (
        f"import sys; from lens_pipeline.pipeline.cli import main; main({job!r});"
        f"sys.exit(', '.join({heavy} & set(sys.modules)))"
    )
    before = _cpu_seconds()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert _cpu_seconds() - before < 1
    assert done.stdout.startswith("already complete: runs/cornet_z-images-")
    assert not done.stderr.strip()


def test_a_sweep_goes_on_after_a_failure(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each job has its folder; the one that failed is told, and the exit code tells too."""
    assert main(["-m", *TINY, "layers=[conv],[covn],[cell]", "run.folder=out"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("failed layers=[covn]: Selector 'covn'") == 1
    assert len([path for path in (study / "out").iterdir() if path.name.startswith("net")]) == 2


def test_status_tells_what_is_done(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """done; stale when an image changes; partial when a shard is gone from a started run."""
    assert main([*TINY, "run.folder=out"]) == 0
    capsys.readouterr()
    main(["status", "out"])
    assert capsys.readouterr().out.startswith("out: done: 6/6 shards, analysed")
    (study / "images" / "image0.png").touch()
    main(["status", "out"])
    assert ": done: " in capsys.readouterr().out
    (study / "images" / "image0.png").unlink()
    main(["status", "out"])
    assert ": stale: 6/6 shards, " in capsys.readouterr().out


def test_lists(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Models by what follows model=, sources of stimuli, every layer of a model."""
    assert main(["list", "models"]) == 0
    assert "model=cornet_s" in capsys.readouterr().out
    assert main(["list", "stimuli"]) == 0
    assert "stimuli=things" in capsys.readouterr().out
    assert main(["list", "brain"]) == 0
    assert "brain=fmri_it92" in capsys.readouterr().out
    assert main(["list", "layers", *TINY]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["conv", "1", "4", "x", "16", "x", "16", "Conv2d"] in rows
    assert ["cell", "3", "4", "Linear"] in rows
    assert ["conv2d_1_1", "1", "4", "x", "16", "x", "16", "operation"] in rows


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_run_goes_on(
    study: Path, number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished shards are kept, whichever way the run was stopped."""
    slow = "import time\n" + (study / "tiny_net.py").read_text().replace(
        "x = torch.relu", "time.sleep(0.2); x = torch.relu"
    )
    (study / "tiny_net.py").write_text(slow)
    words = [*TINY, "run.folder=out", "layers=[conv]"]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        for line in run.stderr:
            if line.startswith("extracting 2/6"):
                os.kill(run.pid, number)
                break
        rest = run.stderr.read()
    assert run.returncode == code
    assert ("the same command goes on from there" in rest) == (code == 130)
    kept = {path.name: path.stat().st_mtime_ns for path in (study / "out/shards").glob("*.nc")}
    assert 1 <= len(kept) < 6
    assert main(words) == 0
    assert f"{len(kept)} of them finished before" in capsys.readouterr().err
    after = {path.name: path.stat().st_mtime_ns for path in (study / "out/shards").glob("*.nc")}
    assert kept.items() <= after.items()
    assert len(after) == 6


def test_pages_are_kept_for_a_process_of_its_own_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that calls main with arguments keeps its allocator as it was."""
    calls: list[str] = []
    monkeypatch.setattr("lens_pipeline.pipeline.cli.keep_pages", lambda: calls.append("kept"))
    assert main(["--version"]) == 0
    assert not calls
    monkeypatch.setattr("sys.argv", ["lens-pipeline", "--version"])
    assert main() == 0
    assert calls == ["kept"]
    assert capsys.readouterr().out.count("lens-pipeline") == 2

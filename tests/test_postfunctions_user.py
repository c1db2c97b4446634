"""A user's own postfunction by its dotted path."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from lens_pipeline.errors import PostfunctionError
from lens_pipeline.postfunctions import (
    chain_texts,
    compile_chain,
    parse_postfunctions,
    source_digests,
)

CONV = ("channel", "row", "col")
SOURCE = """
import torch

def double(x):
    return x * 2

def in_place(x):
    return x.mul_(0)

def pool(x):
    return x.amax(dim=(2, 3))

def drop(x):
    return x[1:]

def fails(x):
    raise RuntimeError("no luck\\nsecond line")

def listed(x):
    return x.tolist()

def broken(x):
    return x / 0

def scalar(x):
    return x.sum()

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A working directory with the user's file `my_pooling.py`."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_pooling.py"
    file.write_text(SOURCE)
    return file


def run(name, tensor, *, module="my_pooling"):
    chain = compile_chain(parse_postfunctions(f"{module}:{name}"))
    return chain(tensor, CONV, layer="V4.output")


def test_a_function_in_the_working_directory_is_called(own):
    """It gets (stimulus, ...) and its result's axes are named by their number."""
    maps = torch.arange(16.0).reshape(2, 2, 2, 2)
    result, dims = run("double", maps)
    assert torch.equal(result, maps * 2)
    assert dims == CONV
    pooled, dims = run("pool", maps)
    assert torch.equal(pooled, maps.amax(dim=(2, 3)))
    assert dims == ("feature",)


def test_a_function_that_works_in_place_does_not_touch_the_output(own):
    """The model may still need the tensor."""
    maps = torch.ones(2, 2, 2, 2)
    assert run("in_place", maps)[0].sum() == 0
    assert maps.sum() == 16


def test_a_module_in_a_package_is_found(own, tmp_path):
    """The packages above it are imported when it is run, not before."""
    (tmp_path / "my_lab_package").mkdir()
    (tmp_path / "my_lab_package" / "__init__.py").write_text("FACTOR = 3\n")
    (tmp_path / "my_lab_package" / "inner.py").write_text(
        "from . import FACTOR\ndef scaled(x):\n    return x * FACTOR\n"
    )
    chain = parse_postfunctions("my_lab_package.inner:scaled")
    assert "my_lab_package" not in sys.modules
    result, _ = compile_chain(chain)(torch.ones(1, 1, 1, 1), CONV, layer="V1")
    assert result.item() == 3
    del sys.modules["my_lab_package"]


def test_python_s_path_is_left_as_it_was(own):
    """The working directory is importable only while the function is loaded."""
    before = list(sys.path)
    run("double", torch.ones(1, 1, 1, 1))
    assert sys.path == before
    assert "my_pooling" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("drop", r"returned shape \(2, 1, 2, 2\) for 3 stimuli; the first axis must stay"),
        ("scalar", r"returned shape \(\) for 3 stimuli"),
        ("fails", r"RuntimeError: no luck\."),
        ("listed", "returned a list, not a tensor"),
        ("broken", "returned NaN or infinity for finite input"),
    ],
)
def test_a_broken_contract_names_function_and_layer(own, name, message):
    """One sentence: function, layer, shape, reason."""
    expected = (
        rf"^Postfunction 'my_pooling:{name}' failed on layer 'V4.output' \(.*\): (it )?{message}"
    )
    with pytest.raises(PostfunctionError, match=expected) as caught:
        run(name, torch.ones(3, 1, 2, 2))
    assert "\n" not in str(caught.value)


def test_infinity_that_the_model_made_is_passed_on(own):
    """Only what the function itself adds is refused."""
    assert run("double", torch.full((1, 1, 1, 1), torch.inf))[0].item() == torch.inf


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("my_pooling:doubled", r"names nothing in .*my_pooling.py; nearest: double"),
        ("my_pooling:x", "names nothing in"),
        ("no_such_module:f", "no Python file of that name"),
        ("no_such.inner:f", "no Python file of that name"),
        ("srpp:f", "Of the built-in names, nearest: srp"),
    ],
)
def test_a_path_to_nothing_is_refused_when_parsed(own, path, message):
    """Before a model is loaded, with the nearest name of the file."""
    with pytest.raises(PostfunctionError, match=message):
        parse_postfunctions(path)


def test_a_file_that_cannot_run_is_named(own):
    """A syntax error when it is parsed, an exception at import when it is loaded."""
    own.write_text("def double(x:\n")
    with pytest.raises(PostfunctionError, match=r"my_pooling:double' is in a broken file"):
        parse_postfunctions("my_pooling:double")
    own.write_text("import no_such_dependency\ndef double(x):\n    return x\n")
    chain = parse_postfunctions("my_pooling:double")
    with pytest.raises(PostfunctionError, match=r"ModuleNotFoundError: .*no_such_dependency"):
        compile_chain(chain)


def test_what_is_not_a_function_is_refused(own):
    """`number = 3` is a name of the file and no function."""
    with pytest.raises(PostfunctionError, match=r"'my_pooling:number' is not callable"):
        compile_chain(parse_postfunctions("my_pooling:number"))


def test_an_edit_changes_the_digest_and_what_runs(own):
    """The same size and the same second do not hide it, nor does the earlier import."""
    first = parse_postfunctions("my_pooling:double")
    assert run("double", torch.ones(1, 1, 1, 1))[0].item() == 2
    own.write_text(SOURCE.replace("x * 2", "x * 5"))
    second = parse_postfunctions("my_pooling:double")
    assert chain_texts(first) == chain_texts(second)
    assert source_digests(first) != source_digests(second)
    assert run("double", torch.ones(1, 1, 1, 1))[0].item() == 5


def test_a_file_changed_after_planning_is_refused(own):
    """What runs is what was digested."""
    chain = parse_postfunctions("my_pooling:double")
    own.write_text(SOURCE + "\n")
    with pytest.raises(PostfunctionError, match=r"changed on disk .* since the run was planned"):
        compile_chain(chain)


def test_parsing_a_path_runs_nothing(own):
    """The digest is known without importing the user's file, or torch."""
    own.write_text("raise SystemExit(3)\ndef double(x):\n    return x\n")
    code = (
        "import sys; from lens_pipeline.postfunctions import *;"
        "assert source_digests(parse_postfunctions('my_pooling:double'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_edit_of_what_the_file_imports_is_another_postfunction(own, tmp_path):
    """The digest changes, and the process that goes on runs what stands on disk."""
    own.write_text("from my_factor import FACTOR\ndef scaled(x):\n    return x * FACTOR\n")
    found = []
    for factor in (2, 30):
        (tmp_path / "my_factor.py").write_text(f"FACTOR = {factor}\n")
        result, _ = run("scaled", torch.ones(1, 1, 1, 1))
        assert result.item() == factor
        found.append(source_digests(parse_postfunctions("my_pooling:scaled")))
    assert found[0] != found[1]
    del sys.modules["my_factor"]


def test_an_edit_of_what_the_file_imports_after_the_plan_is_refused(own, tmp_path):
    """As an edit of the file itself is."""
    own.write_text("from my_factor import FACTOR\ndef scaled(x):\n    return x * FACTOR\n")
    (tmp_path / "my_factor.py").write_text("FACTOR = 2\n")
    chain = parse_postfunctions("my_pooling:scaled")
    (tmp_path / "my_factor.py").write_text("FACTOR = 30\n")
    with pytest.raises(PostfunctionError, match=r"changed on disk .*, or what it imports"):
        compile_chain(chain)(torch.ones(1, 1, 1, 1), CONV, layer="V4.output")

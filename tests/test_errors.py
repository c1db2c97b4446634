"""Hints in error messages."""

from __future__ import annotations

from lens_pipeline.errors import nearest


def test_nearest_names_come_first_and_case_does_not_matter() -> None:
    """A misspelt name gets the names it may have been."""
    assert nearest("ResNet5", ["vgg16", "resnet50"]) == "nearest: resnet50"


def test_without_a_near_name_the_allowed_ones_are_listed() -> None:
    """Nothing near: a list, cut after eight."""
    assert nearest("zzz", ["a", "b"]) == "allowed: a, b"
    assert nearest("zzz", [f"name{i}" for i in range(20)]).endswith("name7, ...")
    assert nearest("zzz", []) == "there is nothing to choose from"

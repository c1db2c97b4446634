"""The figures of a run: every layer, pass and reference is there, none is on another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.rsa.comparison import score_table, second_order
from lens_pipeline.rsa.figures.canvas import RED
from lens_pipeline.rsa.figures.likeness import likeness_matrix, mds_map, scale_to_plane
from lens_pipeline.rsa.figures.rdms import rdm_grid
from lens_pipeline.rsa.figures.scores import score_by_layer
from lens_pipeline.rsa.rdms import LayerPass, RdmSet, compute_rdms, make_rdms
from lens_pipeline.rsa.references.loading import Account, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import BboxBase

IDS = [f"s{row}" for row in range(8)]
RNG = np.random.default_rng(4)
ONE = (("features", 1),)
CORNET = (("V1.output", 1), ("V2.output", 2), ("V4.output", 4), ("IT.output", 2), ("decoder", 1))
SIXTY = tuple((f"features.{place}.attention.projection", 1) for place in range(60))
NETWORKS = {"one": ONE, "cornet": CORNET, "sixty": SIXTY}


def _set(network: tuple[tuple[str, int], ...], *, silent: int = 0) -> RdmSet:
    """RDMs of random patterns; the first `silent` passes are constant over stimuli."""
    names = [(layer, number + 1) for layer, passes in network for number in range(passes)]
    arrays = [np.ones((8, 4)) if n < silent else RNG.random((8, 9)) for n in range(len(names))]
    return compute_rdms(
        [
            LayerPass(layer, number, lambda a=array: [a])
            for (layer, number), array in zip(names, arrays, strict=True)
        ],
        stimulus_ids=IDS,
    )


def _reference(name: str = "brain", subjects: int = 5) -> Reference:
    vectors = np.stack([pdist(RNG.random((8, 4))) for _ in range(subjects)])
    rdms = make_rdms(vectors, stimulus_ids=IDS, rows={"subject": list("abcde")[:subjects]})
    return Reference(name, rdms, Account("id", 8), subjects)


def _layers(rdm_set: RdmSet) -> list[str]:
    return list(dict.fromkeys(layer for layer, _ in rdm_set.parts))


def _check(figure: Figure) -> None:
    """Nothing leaves the figure and no panel lies on another."""
    figure.draw_without_rendering()
    whole = figure.bbox
    boxes = [box for axes in figure.axes if (box := axes.get_tightbbox())]
    boxes += [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert box.x0 >= whole.x0 - 1
        assert box.y0 >= whole.y0 - 1
        assert box.x1 <= whole.x1 + 1
        assert box.y1 <= whole.y1 + 1
    _check_apart(boxes)
    for axes in figure.axes:
        _check_apart([label.get_window_extent() for label in axes.get_xticklabels()])


def _check_apart(boxes: list[BboxBase]) -> None:
    for place, box in enumerate(boxes):
        for other in boxes[place + 1 :]:
            width = min(box.x1, other.x1) - max(box.x0, other.x0)
            height = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(width, height) < 2, (box, other)


def _stamped(figure: Figure) -> bool:
    return any(text.get_color() == RED and "no weights" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_figure_fits_and_is_stamped(network: str) -> None:
    """One layer, CORnet-S and sixty layers: panels, labels, title and stamp do not collide."""
    rdm_set = _set(NETWORKS[network])
    references = [_reference(), _reference("other.name:with_key", 1)]
    scores, likeness = score_table(rdm_set, references), second_order(rdm_set)
    words = {"title": "a model with a long name on a stimulus set", "stand_in": "no weights found"}
    for figure in (
        rdm_grid(rdm_set, references=references, **words),
        score_by_layer(scores, layers=_layers(rdm_set), flags=rdm_set.flags, **words),
        mds_map(likeness, **words),
        likeness_matrix(likeness, **words),
    ):
        _check(figure)
        assert _stamped(figure)


def test_the_grid_shows_ranks_with_layers_as_rows() -> None:
    """A panel is the RDM's percentiles; a pass without an RDM is an empty panel in its place."""
    rdm_set = _set(CORNET, silent=1)
    figure = rdm_grid(rdm_set, references=[_reference()])
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == [f"{layer}:{number}" for layer, number in rdm_set.parts] + ["ref. brain"]
    assert len(panels["V1.output:1"].images) == 0
    drawn = np.asarray(panels["V4.output:3"].images[0].get_array().filled(0))
    row = rdm_set.rdms.rdm_descriptors["name"].index("V4.output:3")
    ranks = rdm_set.rdms.dissimilarities[row].argsort().argsort()
    np.testing.assert_allclose(squareform(drawn, checks=False), (ranks + 0.5) * 100 / 28)
    heights = {name: panels[name].get_position().y0 for name in panels}
    assert heights["V4.output:1"] == heights["V4.output:4"] < heights["V2.output:1"]


def test_values_share_one_scale() -> None:
    """With scale="value" all panels have the same limits and references are left out."""
    figure = rdm_grid(_set(CORNET), references=[_reference()], scale="value")
    limits = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert len(limits) == 1
    assert "ref. brain" not in [axes.get_title() for axes in figure.axes]


def test_more_panels_than_fit_are_thinned_and_it_is_said() -> None:
    """The title gives the number shown and the number there are."""
    figure = rdm_grid(_set(tuple((f"op{n}", 1) for n in range(130))))
    assert "60 of 130 shown" in " ".join(figure.texts[0].get_text().split())


def _heights(axes: Axes) -> dict[tuple[float, ...], list[float]]:
    return {
        tuple(np.atleast_1d(box.lines[0].get_xdata())): list(box.lines[0].get_ydata())
        for box in axes.containers
    }


def test_scores_are_drawn_where_they_are() -> None:
    """Points are the scores, one line per layer; the band is the ceiling; zero is in sight."""
    rdm_set = _set(CORNET, silent=1)
    scores = score_table(rdm_set, [_reference()])
    figure = score_by_layer(scores, layers=_layers(rdm_set), flags=rdm_set.flags)
    (axes,) = figure.axes
    drawn = sorted(value for values in _heights(axes).values() for value in values)
    np.testing.assert_allclose(drawn, sorted(scores["score"]))
    assert len(_heights(axes)) == 4
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    ceiling = scores.iloc[0][["ceiling_lower", "ceiling_upper"]].tolist()
    np.testing.assert_allclose((band.y0, band.y1), ceiling)
    assert axes.get_ylim()[0] <= 0
    assert axes.get_ylabel() == "Spearman rho"
    assert [label.get_text() for label in axes.get_xticklabels()] == _layers(rdm_set)
    assert "No RDM, so no score: V1.output:1." in [text.get_text() for text in figure.texts]


def test_intervals_are_drawn_with_their_level() -> None:
    """As the column `interval` has it, over what was drawn."""
    rdm_set = _set(CORNET)
    scores = score_table(rdm_set, [_reference()])
    drawn = scores.assign(n_bootstrap=100, resampled="dual", interval=0.9)
    (axes,) = score_by_layer(drawn, layers=_layers(rdm_set)).axes
    assert axes.get_title(loc="left").endswith("; 90 % CI over stimuli and subjects)")


def test_one_subject_has_no_band() -> None:
    """Without a ceiling nothing is drawn that looks like one."""
    rdm_set = _set(ONE)
    figure = score_by_layer(score_table(rdm_set, [_reference(subjects=1)]), layers=["features"])
    assert len(figure.axes[0].patches) == 0


def test_a_run_without_any_rdm_still_has_figures() -> None:
    """All flagged: empty panels, an empty map."""
    rdm_set = _set(ONE, silent=1)
    rdm_grid(rdm_set)
    likeness = second_order(rdm_set)
    assert "no RDM" in [text.get_text() for text in mds_map(likeness).axes[0].texts]
    likeness_matrix(likeness)


def test_points_in_a_plane_are_found_again() -> None:
    """Distances that fit a plane are reproduced with no stress, the same way each time."""
    points = RNG.random((7, 2))
    found, stress = scale_to_plane(squareform(pdist(points)))
    np.testing.assert_allclose(pdist(found), pdist(points), atol=1e-6)
    assert stress < 1e-6
    again, _ = scale_to_plane(squareform(pdist(points)))
    np.testing.assert_array_equal(found, again)


def test_stress_is_kruskals_and_no_worse_than_classical_scaling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stress-1 is the root of the squared misfit over the squared distances."""
    wanted = pdist(RNG.random((12, 9)))
    found, stress = scale_to_plane(squareform(wanted))
    assert stress == pytest.approx(
        math.sqrt(((pdist(found) - wanted) ** 2).sum() / (wanted**2).sum())
    )
    monkeypatch.setattr("lens_pipeline.rsa.figures.likeness._ROUNDS", 0)
    classical, before = scale_to_plane(squareform(wanted))
    assert stress < before
    assert classical.shape == (12, 2)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_labels_of_a_map_do_not_lie_on_each_other(network: str) -> None:
    """Few points carry names, many carry numbers with a list beside the map."""
    likeness = second_order(_set(NETWORKS[network]))
    figure = mds_map(likeness)
    labels = figure.axes[0].texts
    figure.draw_without_rendering()
    _check_apart([Text.get_window_extent(label) for label in labels])
    if network == "sixty":
        assert [label.get_text() for label in labels] == [str(n) for n in range(1, 61)]
        assert len(figure.texts) == 61
    if network == "cornet":
        assert [label.get_text() for label in labels[:3]] == [
            "V1.output",
            "V2.output:1",
            "V2.output:2",
        ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_maps_of_few_points(count: int) -> None:
    """One, two or three RDMs have a map."""
    names = [f"layer{row}:1" for row in range(count)]
    values = np.full((count, count), 0.3) + 0.7 * np.eye(count)
    _check(mds_map(pd.DataFrame(values, index=names, columns=names)))

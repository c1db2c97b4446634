"""Columns of the tables of an analysis, in order, and what each of them holds.

The words are also written beside the tables, in columns.csv, for whoever has these alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = "what layers were compared with: FILE or FILE:REGION"
_MEASURE = "how alike two RDMs are (rsa.measure)"
_LOW = "lower end of the confidence interval, of the level in the column interval"
_HIGH = "upper end of it"
_INTERVAL = "share of such intervals that hold the true score (rsa.interval)"
_CORRECTION = "how p_corrected allows for the number of tests (rsa.correction)"
_RESAMPLED = "what the bootstrap drew: dual (subjects, stimuli and both), both, stimuli or subjects"
_DRAWS = "draws of the bootstrap that were evaluated"

# of scores.csv: one row per layer, pass, reference and measure
SCORED: Mapping[str, str] = {
    "model": "network",
    "weights": "its weights",
    "layer": "layer",
    "pass": "visit of the layer, from 1",
    "reference": _REFERENCE,
    "region": "region of the reference; empty where it names none",
    "time_ms": "time of the reference's response in ms; empty where it has none",
    "measure": _MEASURE,
    "score": "likeness of the RDM to that of each subject, mean over subjects, in all data",
    "sem": "standard error of that mean over these subjects, stimuli being fixed; empty with one",
    "ci_low": f"{_LOW}, for new stimuli and subjects as resampled says; empty without a bootstrap",
    "ci_high": _HIGH,
    "interval": _INTERVAL,
    "p_value": "of a score of 0 or less (one-sided t test with the bootstrap's standard error)",
    "p_corrected": "p_value corrected for all layers, passes and times of this region and measure",
    "p_ceiling": "of no difference from ceiling_lower (two-sided), corrected alike",
    "correction": _CORRECTION,
    "resampled": f"{_RESAMPLED}; empty without a bootstrap",
    "n_bootstrap": f"{_DRAWS}; 0 without a bootstrap",
    "ceiling_lower": "noise ceiling: each subject with the others pooled; empty with one subject",
    "ceiling_upper": "noise ceiling: each subject with all pooled; no model can score higher",
    "n_stimuli": "stimuli, or values of rsa.average, that the run and the reference share",
    "n_subjects": "subjects of the reference",
    "rdm_method": "dissimilarity of activations (rsa.method)",
    "align": "how rows were matched with the reference's: id or position",
    "stand_in": "why random weights or sample stimuli stood in; empty if none did",
}

# what inference fills in of them, in order
ADDED = (
    "ci_low", "ci_high", "interval", "p_value", "p_corrected", "p_ceiling", "correction",
    "resampled", "n_bootstrap",
)  # fmt: skip

# of comparisons.csv: one row per pair of layers and passes
COMPARED: Mapping[str, str] = {
    "reference": _REFERENCE,
    "measure": _MEASURE,
    "layer": "first layer",
    "pass": "its pass",
    "other_layer": "second layer",
    "other_pass": "its pass",
    "difference": "score of the first less that of the second",
    "sem": "standard error of the difference, by the bootstrap",
    "p_value": "of no difference (two-sided t test)",
    "p_corrected": "p_value corrected for all pairs, and times, of this region and measure",
    "correction": _CORRECTION,
    "resampled": _RESAMPLED,
    "n_bootstrap": _DRAWS,
}

# of choices.csv: one row per part that scored
CHOSEN: Mapping[str, str] = {
    "reference": _REFERENCE,
    "measure": _MEASURE,
    "part": "number of the part that scored; parts.csv says what was in it",
    "layer": "layer that the other parts chose",
    "pass": "its pass",
    "score_choosing": "its score on the parts that chose it, which is optimistic",
    "score": "its score on this part, which had no say",
    "ci_low": _LOW,
    "ci_high": _HIGH,
    "interval": _INTERVAL,
    "p_value": "of a score of 0 or less (one-sided t test), for one test",
    "n_stimuli_choosing": "stimuli of the parts that chose",
    "n_stimuli": "stimuli of this part",
    "n_subjects_choosing": "subjects that chose",
    "n_subjects": "subjects of this part; the same ones where stimuli alone are parted",
    "parted": "what was parted: stimuli or both (stimuli and subjects)",
}

# of fitted.csv: one row per kind of fitted model
FITTED_MODELS: Mapping[str, str] = {
    "reference": _REFERENCE,
    "measure": _MEASURE,
    "kind": "selected: the layer that fits best; weighted: the best sum of layers (rsa.fitted)",
    "score": "on stimuli and subjects that were not fitted, mean over folds and draws; folds have "
    "few stimuli, so hold it against the ceilings of this table and not against scores.csv",
    "ci_low": _LOW,
    "ci_high": _HIGH,
    "interval": _INTERVAL,
    "p_value": "of a score of 0 or less (one-sided t test)",
    "ceiling_lower": "noise ceiling in the same folds: subjects that were fitted, pooled",
    "ceiling_upper": "noise ceiling in the same folds: all subjects pooled",
    "n_bootstrap": _DRAWS,
}

# of parts.csv: which stimulus and which subject was in which part
PARTED: Mapping[str, str] = {
    "reference": _REFERENCE,
    "measure": _MEASURE,
    "kind": "stimulus or subject",
    "id": "stimulus id, or name of the subject",
    "group": "what is parted whole: the stimulus' value of rsa.group",
    "part": "its part, from 1; 0 where subjects are not parted",
}

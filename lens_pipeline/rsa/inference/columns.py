"""Columns of the tables of inference, in order, and what they hold."""

# columns of the table of comparisons, in order; see also COLUMNS of scores
COMPARED = (
    "reference",
    "measure",
    "layer",
    "pass",
    "other_layer",
    "other_pass",
    # score of the first less that of the second, and its standard error
    "difference",
    "sem",
    # two-sided; and corrected for all pairs of this reference and measure
    "p_value",
    "p_corrected",
    "correction",
    "resampled",
    "n_bootstrap",
)

# columns of the table of choices: one row per part that scored
CHOSEN = (
    "reference",
    "measure",
    "part",
    # what the other parts chose
    "layer",
    "pass",
    "score_choosing",
    # of that layer on this part alone
    "score",
    "ci_low",
    "ci_high",
    # one-sided, against 0
    "p_value",
    "n_stimuli_choosing",
    "n_stimuli",
    "n_subjects_choosing",
    "n_subjects",
    # "stimuli" or "both"
    "parted",
)

# columns of the table of fitted models: one row per kind
FITTED_MODELS = (
    "reference",
    "measure",
    # "selected" or "weighted"
    "kind",
    # cross-validated over stimuli and subjects, mean over bootstrap draws
    "score",
    "ci_low",
    "ci_high",
    # one-sided, against 0
    "p_value",
    "ceiling_lower",
    "ceiling_upper",
    "n_bootstrap",
)

# columns of the table of parts: which stimulus and which subject was in which
PARTED = ("reference", "measure", "kind", "id", "group", "part")


# what is added to the table of scores, in order; see COLUMNS there
ADDED = ("ci_low", "ci_high", "p_value", "p_corrected", "p_ceiling", "resampled", "n_bootstrap")

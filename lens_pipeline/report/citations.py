"""What to cite for a run, as BibTeX collected from the configs.

`conf/citations.yaml` holds the entries of models, stimuli, methods and software; brain data bring
their own in the config of the set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lens_pipeline.resources import conf_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "citations.yaml"
# distances between responses that are whitened by the covariance of their noise
_WHITENING = ("crossnobis", "mahalanobis", "squared_mahalanobis")


def citations(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the BibTeX entries for a run with this config, each once, models first.

    A model is known by its name or by the longest beginning of it: `resnet50` by `resnet`.
    """
    import yaml

    known = yaml.safe_load((conf_folder() / FILE).read_text(encoding="utf-8"))
    wanted = [
        *_of_model(known["models"], str(config["model"]["name"])),
        *known["stimuli"].get(config["stimuli"]["name"], ()),
        *_entries((config.get("brain") or {}).get("cite") or ""),
        *_methods(known["methods"], config),
        *known["software"].values(),
    ]
    return tuple(dict.fromkeys(" ".join(entry.split()) for entry in wanted))


def _of_model(models: Mapping[str, list[str]], name: str) -> list[str]:
    plain = name.lower().partition(".")[0]
    fitting = [begin for begin in models if plain.startswith(begin)]
    return models[max(fitting, key=len)] if fitting else []


def _methods(methods: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[str]:
    rsa, brain = config.get("rsa") or {}, config.get("brain") or {}
    fitted = (config.get("encoding") or {}).get("methods") or ()
    compared = rsa.get("method") != "none" and bool(rsa.get("reference") or brain.get("files"))
    whitens = brain.get("method") in _WHITENING or brain.get("normalise") == "multivariate"
    used = {
        "rsa": rsa.get("method") != "none",
        "toolbox": compared,
        "ceiling": compared,
        "inference": compared and rsa.get("bootstrap") != 0,
        "whitened": any(name.startswith("whitened") for name in rsa.get("measure") or ()),
        "noise_normalisation": bool(brain.get("files")) and whitens,
        "himalaya": any("ridge" in name for name in fitted),
        "pls": "pls" in fitted,
        "cka": bool(rsa.get("cka")),
    }
    yield from (methods[name] for name, is_used in used.items() if is_used)


def _entries(text: str) -> list[str]:
    return [entry for entry in re.split(r"(?=^\s*@)", text, flags=re.MULTILINE) if entry.strip()]

"""What each stage of a recipe does to the scores of a recording."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audiokit.errors import ItemError, SettingError
from audiokit.files.read import RawFormat
from audiokit.jobs.process import Limits, ProcessTask, process_file
from audiokit.jobs.report_dataset import Dataset
from audiokit.jobs.report_excerpt import ExcerptJob
from audiokit.recipe import Recipe, load_recipe, make_recipe, recipe_names

__all__ = ["ShownJob", "recipe_of"]

# What is longer takes too long to run once for each stage.
_LONGEST_S = 1800.0


@dataclass(frozen=True, slots=True)
class ShownJob:
    """Get what is shown of one of the worst recordings; picklable.

    Args:
        excerpt: Cuts the stretch out.
        recipe: What made the recording; None where that is not known.
        raw: The format of headerless sources.
    """

    excerpt: ExcerptJob
    recipe: Recipe | None
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Return the stretch of one item, and the scores of its source behind each stage.

        Returns:
            What `ExcerptJob` returns; ``steps``, of each stage but the last its name, overall
            score and SNR, and ``last_stage``; or ``steps_error``, why there are none.
        """
        row = self.excerpt(item)
        source = self.excerpt.befores.get(item.payload[0])
        if source is None or self.recipe is None:
            return row
        try:
            steps = list(self._steps(source, self.recipe))
        except (ItemError, SettingError) as error:
            return row | {"steps_error": str(error)}
        return row | {"steps": steps, "last_stage": self.recipe.stages[-1].use if steps else ""}

    def _steps(self, source: str, recipe: Recipe) -> Iterator[dict[str, Any]]:
        """Yield the scores behind each stage; behind the last one they are the recording's."""
        scores = make_recipe("score", {"write": {"scores": {}}}).writes
        limits = Limits(max_duration_s=_LONGEST_S)
        scratch = Path(tempfile.gettempdir())
        task = ProcessTask(source, {}, name=source, scratch=scratch, raw=self.raw)
        for n_stages in range(1, len(recipe.stages)):
            begun = replace(recipe, stages=recipe.stages[:n_stages], writes=scores)
            row = process_file(task, begun, limits)
            yield {
                "stage": recipe.stages[n_stages - 1].use,
                "overall": row.get("score_overall"),
                "snr_db": row.get("score_snr_db"),
            }


def recipe_of(
    dataset: Dataset, named: str | None, defaults: Mapping[str, Mapping[str, Any]]
) -> tuple[Recipe | None, str]:
    """Return the recipe that made a folder, if it is at hand, and why not if it is not.

    Args:
        dataset: What a run has left.
        named: The recipe that the user names; None to look for it among those that are known.
        defaults: Settings by stage that the user's configuration has.

    Raises:
        SettingError: There is no such recipe, or it is not valid.
    """
    made_by = {(made.row.get("recipe"), made.row.get("settings")) for made in dataset.made}
    if len(made_by) != 1:
        return None, "Scores behind each stage: the folder was made by more than one recipe."
    name, settings = made_by.pop()
    chosen = named or str(name)
    if named is not None or chosen in recipe_names():
        recipe = load_recipe(chosen, defaults=defaults)
        if recipe.fingerprint() == settings:
            return recipe, ""
    return None, (
        f"Scores behind each stage are not known: recipe {chosen}, as it is here and now, did not "
        "make this folder. Name the one that did by --recipe."
    )

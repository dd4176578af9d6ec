"""One recording on its way through a recipe, in constant memory.

Blocks flow from the reader through a chain. A stage that must hear the whole stream first
(`TwoPass`) ends one pass, and the stream waits for the next: in a spool, or in the source
itself where that is as quick to read again. A stage that only learns ends none: the pass
begins again once it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from audiokit.errors import EmptyError, SettingError, TooLongError, TooShortError
from audiokit.files.read import AudioReader, open_audio
from audiokit.files.spool import BlockSpool
from audiokit.files.write import is_lossy
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.passes import Blocks, Pass, SecondPass
from audiokit.jobs.sinks import Place, Sink, audio_settings, open_places, open_sinks
from audiokit.jobs.taps import Tap, loudness_facts, loudness_tap, quality_tap, score_facts
from audiokit.jobs.task import Limits, ProcessTask
from audiokit.recipe import Recipe
from audiokit.stage import Processor, TwoPass

__all__ = ["Pipeline"]

# Stages that only bring the stream to its working format; quality is judged after them.
_FORMAT_STAGES = ("channels", "resample")
# Samples as they are: no more work to decode again than to copy.
_PLAIN_CODECS = ("pcm_", "float", "double")


class Pipeline:
    """One recording on its way through a recipe.

    Args:
        task: What to read and where to write.
        recipe: Stages and settings.
        limits: What the recording must keep to.
        reader: The source, opened.

    Raises:
        TooLongError: The source claims more than the limits allow.
        SettingError: What the recipe writes cannot go where the task says.
        MissingExtraError: What a result is written with is not installed.
    """

    def __init__(
        self, task: ProcessTask, recipe: Recipe, limits: Limits, reader: AudioReader
    ) -> None:
        self.task, self.recipe, self.limits, self.reader = task, recipe, limits, reader
        self._n_samples = 0
        self._is_read = False
        # The source, where a stage must hear it twice and it is not read twice.
        self._held: BlockSpool | None = None
        self._compares_for = recipe.comparing()
        self._has_page = _has_page(task, recipe)
        self._passes = [Pass(reader.fmt, self._read)]
        self._sinks: list[Sink] = []
        n_head = _leading_format_stages(recipe)
        # Another format changes neither loudness nor quality: nothing to compare.
        is_changed = len(recipe.stages) > n_head
        self._measures = is_changed and "audio" in recipe.writes
        self._judges_at = n_head if is_changed and "scores" in recipe.writes else None
        self._source_taps: list[Tap] = []
        self._quality_taps: list[Tap] = []
        self._first_report: Any = None
        _check_claim(task.name, reader, limits)

    def run(self) -> dict[str, Any]:
        """Pull the whole recording through; return the facts, for its row.

        Raises:
            ItemError: The recording or the machine is at fault; nothing half-written stays.
            SettingError: A stage cannot work on this format.
        """
        with ExitStack() as stack:
            for index, spec in enumerate(self.recipe.stages):
                self._add(stack, index, spec.use, spec.build(self._passes[-1].out_fmt))
            out_facts = self._finish(stack)
        last = self._passes[-1]
        facts = self._source_facts()
        facts |= _stage_facts(self._passes)
        if "audio" in self.recipe.writes:
            facts["out_sample_rate"] = last.out_fmt.sample_rate
            facts["out_channels"] = last.out_fmt.channels
        facts |= out_facts
        for sink in self._sinks:
            facts |= sink.facts()
        return facts

    def _add(
        self, stack: ExitStack, index: int, use: str, stage: Processor | TwoPass[Any]
    ) -> None:
        """Let the stream meet the next stage; one that must hear all of it ends a pass."""
        current = self._passes[-1]
        is_level = isinstance(stage, TwoPass) and stage.corrects
        if index == 0 and self._measures and not is_level:
            self._source_taps = _listen(current, loudness_tap(current.out_fmt))
        if index == self._judges_at:
            self._quality_taps = _listen(current, quality_tap(current.out_fmt))
        if isinstance(stage, Processor):
            current.stages.append((use, stage))
            return
        if not stage.corrects:
            current.stages.append((use, self._learn(stack, stage)))
            return
        blocks, report = self._hear(stack, stage)
        if index == 0:
            self._first_report = report
        self._passes.append(SecondPass(blocks, use, stage, report))

    def _learn(self, stack: ExitStack, stage: TwoPass[Any]) -> Processor:
        """Let a stage hear the stream as it comes to it; return what it builds."""
        is_source = len(self._passes) == 1 and not self._is_read
        if is_source and not self._can_reread():
            self._held = stack.enter_context(BlockSpool(self.reader.fmt, self.task.scratch))
        meter = stage.new_meter(stage.fmt)

        def pour(blocks: Blocks) -> None:
            meter.reset()
            for block in blocks:
                meter.update(block)

        self._passes[-1].settle(pour)
        return stage.build(meter.result())

    def _hear(self, stack: ExitStack, stage: TwoPass[Any]) -> tuple[Callable[[], Blocks], Any]:
        """Run a pass that only listens; return how to get its stream again, and the report."""
        current = self._passes[-1]
        meter = stage.new_meter(stage.fmt)
        is_plain = not current.stages and len(self._passes) == 1 and self._can_reread()
        spool = None if is_plain else stack.enter_context(BlockSpool(stage.fmt, self.task.scratch))

        def pour(blocks: Blocks) -> None:
            meter.reset()
            if spool is not None:
                spool.clear()
            for block in blocks:
                meter.update(block)
                if spool is not None:
                    spool.write(block)

        current.settle(pour)
        if spool is None:
            return self._read_again, meter.result()
        return (lambda: spool.blocks(BLOCK_SAMPLES)), meter.result()

    def _finish(self, stack: ExitStack) -> dict[str, Any]:
        """Run the last pass into the results; return what is said about the audio."""
        last = self._passes[-1]
        is_retried = isinstance(last, SecondPass)
        places = stack.enter_context(open_places(self.task, is_retried=is_retried))
        further = self._compare(places)
        taps: list[Tap] = []
        if isinstance(last, SecondPass) and last.ends_with_level:
            last.listen = self._listener(places)
        elif self._measures:
            taps = _listen(last, loudness_tap(last.out_fmt))

        def pour(blocks: Blocks) -> None:
            with open_sinks(
                self.task, self.recipe, last.out_fmt, self.reader, places=places
            ) as opened:
                sinks = [*opened, *further]
                for block in blocks:
                    for sink in sinks:
                        sink.write(block)
                self._check_length()
                for sink in sinks:
                    sink.finish()
            self._sinks = sinks

        last.settle(pour)
        if not self._measures:
            return {}
        if isinstance(last, SecondPass) and last.ends_with_level:
            return loudness_facts("out", last.outcome)
        return {k: v for tap in taps for k, v in loudness_facts("out", tap.result()).items()}

    def _compare(self, places: Mapping[str, Place]) -> list[Sink]:
        """Let the source meet its result where that is asked for; return what writes it down."""
        last = self._passes[-1]
        if self._compares_for is not None and last.out_fmt != self.reader.fmt:
            out, own = last.out_fmt, self.reader.fmt
            value = f"{out.sample_rate} Hz, {out.channels} channel(s)"
            expected = f"{own.sample_rate} Hz, {own.channels}, as {self.task.name}"
            raise SettingError(self._compares_for, value, expected, "Leave the format as it is.")
        is_turned = self.recipe.kept() == "removed"
        sinks: list[Sink] = []
        if self._has_page:
            from audiokit.jobs.compare_page import PageSink
            from audiokit.jobs.comparison import Comparison

            settings = self.recipe.write_settings("report")
            comparison = Comparison(last.fmt, listen_s=settings.listen_s, gives_removed=is_turned)
            last.stages.insert(0, ("", comparison))
            sinks.append(
                PageSink(
                    comparison,
                    # As its target, which is no stream.
                    cast("Path", places["report"].temporary),
                    title=Path(self.task.name).name,
                    recipe=self.recipe,
                    facts=lambda: _stage_facts(self._passes),
                )
            )
        if is_turned:
            last.keep_removed()
        return sinks

    def _listener(self, places: Mapping[str, Place]) -> Callable[[TwoPass[Any]], Any] | None:
        """Return what measures the audio as it will be decoded; None where nothing is lost."""
        place = places.get("audio") if "audio" in self.recipe.writes else None
        if place is None or not isinstance(place.temporary, Path):
            return None
        written: Path = place.temporary
        settings = audio_settings(
            self.recipe, place.target, self.reader.info, self._passes[-1].out_fmt
        )
        if not is_lossy(settings.container):
            return None

        def listen(stage: TwoPass[Any]) -> Any:
            with open_audio(written) as decoded:
                meter = stage.new_meter(decoded.fmt)
                for block in decoded.blocks(BLOCK_SAMPLES):
                    meter.update(block)
            return meter.result()

        return listen

    def _read(self) -> Blocks:
        if self._is_read:
            held = self._held
            yield from self._read_again() if held is None else held.blocks(BLOCK_SAMPLES)
            return
        most = self.limits.max_duration_s * self.reader.fmt.sample_rate
        is_live = self.task.is_live
        for block in self.reader.pieces() if is_live else self.reader.blocks(BLOCK_SAMPLES):
            self._n_samples += len(block)
            if self._n_samples > most:
                raise TooLongError(
                    self.task.name,
                    f"is longer than {self.limits.max_duration_s:g} s",
                    "Raise --max-duration-s to take it.",
                )
            if self._held is not None:
                self._held.write(block)
            yield block
        self._is_read = True

    def _can_reread(self) -> bool:
        """Return whether the source is as quick to read again as a copy of it."""
        source = self.task.source
        is_plain = self.reader.info.codec.startswith(_PLAIN_CODECS)
        return is_plain and isinstance(source, str) and Path(source).is_file()

    def _read_again(self) -> Blocks:
        with open_audio(self.task.source, raw=self.task.raw) as reader:
            yield from reader.blocks(BLOCK_SAMPLES)

    def _check_length(self) -> None:
        if self._n_samples == 0:
            raise EmptyError(self.task.name, "holds no samples", "Record it again.")
        duration_s = self.reader.fmt.seconds(self._n_samples)
        if duration_s < self.limits.min_duration_s:
            raise TooShortError(
                self.task.name,
                f"is {duration_s:.3f} s long, expected {self.limits.min_duration_s:g} s or more",
                "Lower --min-duration-s to take it.",
            )

    def _source_facts(self) -> dict[str, Any]:
        info = self.reader.info
        facts: dict[str, Any] = {
            "duration_s": round(self.reader.fmt.seconds(self._n_samples), 6),
            "sample_rate": self.reader.fmt.sample_rate,
            "channels": self.reader.fmt.channels,
            "container": info.container,
            "codec": info.codec,
        }
        if self._measures and self._first_report is not None:
            facts |= loudness_facts("source", self._first_report)
        for tap in self._source_taps:
            facts |= loudness_facts("source", tap.result())
        for tap in self._quality_taps:
            scores = score_facts(tap.result())
            facts |= {f"source_{name}": value for name, value in scores.items()}
        return facts


def _stage_facts(passes: list[Pass]) -> dict[str, Any]:
    """Return what each stage did, its name before each fact; a second one is numbered."""
    facts: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for use, stage in (named for each in passes for named in each.stages if named[0]):
        counts[use] += 1
        prefix = use if counts[use] == 1 else f"{use}_{counts[use]}"
        facts |= {f"{prefix}_{name}": value for name, value in stage.facts().items()}
    return facts


def _has_page(task: ProcessTask, recipe: Recipe) -> bool:
    """Return whether a page is due; refuse one that could not be written."""
    if "report" not in recipe.writes or "report" not in task.outputs:
        return False
    if not isinstance(task.outputs["report"], Path):
        raise SettingError("write.report", "a stream", "a file for the page to go to")
    return True


def _listen(current: Pass, taps: list[Tap]) -> list[Tap]:
    """Let meters hear a pass where it stands."""
    current.stages += [("", tap) for tap in taps]
    return taps


def _check_claim(name: str, reader: AudioReader, limits: Limits) -> None:
    claimed = reader.info.n_samples
    if claimed is not None and claimed > limits.max_duration_s * reader.fmt.sample_rate:
        raise TooLongError(
            name,
            f"claims {claimed / reader.fmt.sample_rate:.0f} s, "
            f"expected {limits.max_duration_s:g} s or less",
            "Raise --max-duration-s to take it.",
        )


def _leading_format_stages(recipe: Recipe) -> int:
    count = 0
    while count < len(recipe.stages) and recipe.stages[count].use in _FORMAT_STAGES:
        count += 1
    return count

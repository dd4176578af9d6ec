"""``audiokit decode``: Opus or G.711 to samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from audiokit.cli.coding import Coding, limits_of, raw_of, run_coding
from audiokit.cli.one import is_file_name
from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.errors import SettingError

EXAMPLES = (
    "audiokit decode talk.opus -o talk.wav",
    "audiokit decode calls/ -o wav/ --sample-rate 16000 --json",
    "audiokit decode meeting.webm -o meeting.flac --container flac",
    "audiokit decode call.ul -o call.wav",
    "audiokit decode - -o - < talk.opus > talk.wav",
)
_Container = Literal["wav", "flac", "raw"]


@command
def decode(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    container: Annotated[
        _Container | None,
        typer.Option(help="What to write; by the name, or wav, if not given."),
    ] = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(
            help="Of Opus: 8000, 12000, 16000, 24000 or 48000 Hz; what was encoded if not given."
        ),
    ] = None,
    bit_depth: Annotated[
        Literal["16", "24", "32", "float"], typer.Option(help="Of what is written.")
    ] = "16",
    dither: Annotated[
        bool, typer.Option("--dither/--no-dither", help="Triangular, where bits are lost.")
    ] = False,
    opus_library: Annotated[
        str | None, typer.Option(help="File of libopus; the best found if not given.")
    ] = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Decode Opus or G.711; what was lost is concealed.

    Opus in Ogg, WebM, Matroska, MP4 and CAF; G.711 in WAV, AU or bare. Lost packets come from the
    copies in those after them (FEC), where there are any; the row tells how much was lost.
    """
    from audiokit.codec.opus_library import libraries
    from audiokit.files.write import WriteSettings
    from audiokit.jobs.decode import DecodeJob, DecodeSettings

    chosen = _container_of(out, container)
    depth: Any = bit_depth if bit_depth == "float" else int(bit_depth)
    settings = DecodeSettings(
        sample_rate=sample_rate,
        write=WriteSettings(container=chosen, bit_depth=depth, dither=dither),
        opus_library=opus_library,
    )
    job = DecodeJob(limits_of(batch), Path(), raw_of(batch), settings)
    # G.711 needs none: which there are is enough to tell.
    libopus = ",".join(found.version for found in libraries())
    coding = Coding("decode", job, chosen, is_file_name, libopus)
    run_coding(sources, out, coding, batch=batch, output=output)


def _container_of(out: str, container: _Container | None) -> _Container:
    """Return what is written.

    Raises:
        SettingError: The target's name is that of another kind of file.
    """
    if out == "-" or not is_file_name(out):
        return container or "wav"
    from audiokit.files.write import container_of

    named = container_of(Path(out))
    if named not in ("wav", "flac", "raw") or container not in (None, named):
        expected = f"a name ending in .{container or 'wav, .flac or .raw'}"
        raise SettingError("out", out, expected, "Use audiokit convert for other files.")
    return named

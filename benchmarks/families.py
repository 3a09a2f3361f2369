"""Every model family through Acento's engine on the same clips: RTFx, peak memory, and WER where a model can write.

    python benchmarks/families.py [--clips 120] [--rounds 2] [--batch-size 8] [--cores 2] [--only NAME ...]
    python benchmarks/families.py --real [--clips 24] [--rounds 1]
    python benchmarks/families.py --shapes [--tokens 100] [--clips 64] [--batch-size 32]

Each row is a process of its own, so that its peak memory is its own: what it took beyond Python and its libraries.
Only the models that come with Acento have learned anything, so only they have a WER: on transformers, and exported to
CTranslate2 with float32 and with int8 weights. **All other rows have random weights in the shape that is named**: what
they write is noise, and what is measured is the time that so many parameters and so many tokens take. Their number of
tokens is fixed: ``--tokens`` for each window where a decoder writes them, as many as the family allows for the clip's
length where that is said, one decision for each frame with CTC, and none (blanks only) with a transducer.

Where NeMo is installed, its own ``transcribe`` on files stands beside Acento on the same model and clips.

``--real`` takes whisper-base on Dutch and whisper-tiny.en on English speech, which are downloaded, and each has a WER.
``--shapes`` takes the sizes of published models, on a CUDA device in bfloat16. Without ``--real`` nothing is
downloaded.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

KIT = Path(__file__).parent.parent / "tests" / "kit"
"""What writes a checkpoint of each family, with every file that a real one has."""
LANGUAGE = "es"
MOST_CLIPS = 8
"""Of random models, on a CPU; they last 20 s each."""
SHIPPED = ("demo:whisper-mini", "demo:whisper-micro")
REAL = {"demo:whisper-base": "nl", "demo:whisper-tiny.en": "en"}
"""Published weights, and the language of the speech that they are given."""
ENGINES = ("transformers", "ctranslate2 float32", "ctranslate2 int8")
NEMO = {"nemo-ctc": "ctc", "nemo-tdt": "tdt"}
THEIRS = "nemo's transcribe"
WAITING = {"OMP_WAIT_POLICY": "passive"}
"""Threads wait asleep: on a machine with other work, threads that spin measure that work."""
LIBRARIES = (
    "ctranslate2",
    "acento.inference.engine",
    "acento.families.canary.recognizer",
    "acento.families.whisper.ctranslate2.loading",
    "acento.families.moonshine.recognizer",
    "acento.families.parakeet.recognizer",
    "acento.families.voxtral.recognizer",
    "acento.families.whisper.loading",
    "acento.scoring.counting.counts",
)
"""What every row needs; loaded once."""


@dataclass(frozen=True)
class Shape:
    """A model with random weights."""

    make: str
    """``module:function`` of what makes it, in ``tests``."""
    made_with: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    """What is changed in its config; a dot leads into a part of it."""
    writes: str = "one decision for each frame"
    engines: tuple[str, ...] = ("transformers",)
    most_clips: int | None = MOST_CLIPS
    """On a CPU; None: all that are asked for."""


def whisper(
    width: int,
    layers: tuple[int, int],
    *,
    mel_bins: int = 80,
    engines: tuple[str, ...] = ENGINES,
    most_clips: int | None = None,
) -> Shape:
    """Return a Whisper's shape, by its width and its layers in encoder and decoder."""
    sizes: dict[str, Any] = {"d_model": width, "vocab_size": 51865 + (mel_bins == 128)}
    for name, count in zip(("encoder", "decoder"), layers, strict=True):
        sizes |= {f"{name}_layers": count, f"{name}_attention_heads": width // 64, f"{name}_ffn_dim": 4 * width}
    made_with = {"window_s": 30, "mel_bins": mel_bins}
    return Shape("tiny_whisper:make_whisper", made_with, sizes, "{tokens} tokens a window", engines, most_clips)


def conformer(width: int, layers: int, heads: int, **more: Any) -> dict[str, Any]:
    """Return the sizes of a FastConformer encoder."""
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, **more}
    return {f"encoder_config.{key}": value for key, value in {**sizes, "intermediate_size": 4 * width}.items()}


def canary(width: int, layers: tuple[int, int], heads: int, vocabulary: int | None = None, **more: Any) -> Shape:
    """Return a Canary's shape, by the widths and layers of its encoder and decoder."""
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers[1]}
    sizes |= {"num_attention_heads": heads, "num_key_value_heads": heads, "head_dim": width // heads}
    changed = {f"decoder_config.{key}": value for key, value in sizes.items()} | conformer(
        width, layers[0], heads, **more
    )
    if vocabulary is not None:
        changed |= {"vocab_size": vocabulary, "decoder_config.vocab_size": vocabulary}
    made_with = {"mel_bins": more.get("num_mel_bins", 32)}
    return Shape(
        "tests.acento.families.tiny_canary:make_canary", made_with, changed, "{tokens} tokens a window at most"
    )


SMALL = {"hidden_size": 144, "num_hidden_layers": 3, "intermediate_size": 576}
BY_LENGTH = "as many tokens as the family allows"
BLANKS = "blanks only"
CPU_SHAPES = {
    "whisper-base's shape": whisper(512, (6, 6), most_clips=2),
    "moonshine": Shape(
        "tests.acento.families.tiny_moonshine:make_moonshine",
        sizes={"hidden_size": 144, "intermediate_size": 576, "encoder_num_hidden_layers": 3},
        writes=BY_LENGTH,
    ),
    "moonshine-streaming": Shape(
        "tests.acento.families.tiny_moonshine:make_moonshine", {"streaming": True}, writes=BY_LENGTH
    ),
    "ctc (wav2vec2)": Shape("tiny_ctc:make_ctc", SMALL),
    "w2v-bert": Shape("tiny_ctc:make_ctc", {"kind": "wav2vec2-bert", **SMALL, "output_hidden_size": 144}),
    "parakeet-ctc": Shape("tests.acento.families.tiny_parakeet:make_parakeet", {"kind": "ctc", **SMALL}),
    "parakeet-tdt": Shape("tests.acento.families.tiny_parakeet:make_parakeet", {"kind": "tdt", **SMALL}, writes=BLANKS),
    "canary": canary(144, (3, 2), 2),
    "voxtral": Shape("tests.acento.families.tiny_voxtral:make_voxtral", {"chunk_s": 30}, writes=BY_LENGTH),
}
"""About the size of the shipped demo models, where the kit can make it."""
LARGE = conformer(1024, 24, 8, num_mel_bins=128, subsampling_conv_channels=256)
PUBLISHED_SHAPES = {
    "whisper-large-v3": whisper(1280, (32, 32), mel_bins=128, engines=ENGINES[:1]),
    "whisper-large-v3-turbo": whisper(1280, (32, 4), mel_bins=128, engines=ENGINES[:1]),
    "parakeet-ctc-0.6b": Shape(
        "tests.acento.families.tiny_parakeet:make_parakeet", {"kind": "ctc", "num_mel_bins": 128}, LARGE
    ),
    "parakeet-tdt-0.6b": Shape(
        "tests.acento.families.tiny_parakeet:make_parakeet",
        {"kind": "tdt", "num_mel_bins": 128},
        LARGE | {"decoder_hidden_size": 640, "num_decoder_layers": 2},
        BLANKS,
    ),
    "canary-1b-v2": canary(1024, (32, 8), 8, 16384, num_mel_bins=128, subsampling_conv_channels=256),
}


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", action="store_true", help="the sizes of published models, on CUDA")
    parser.add_argument("--real", action="store_true", help="published weights and human speech, which are downloaded")
    parser.add_argument("--only", nargs="+", help="names of rows, or of models in them")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--cores", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--tokens", type=int)
    options = parser.parse_args()
    options.clips = options.clips or (64 if options.shapes else 24 if options.real else 120)
    options.batch_size = options.batch_size or (32 if options.shapes else 8)
    options.tokens = options.tokens or (100 if options.shapes else 40)
    options.device = "cuda" if options.shapes else "cpu"
    os.environ |= WAITING
    if options.shapes:
        import torch

        if not torch.cuda.is_available():
            parser.error("--shapes needs a CUDA device, and there is none here.")
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """Measure every row in a process of its own and print it."""
    from acento.models.devices import device_name

    where = f"{options.cores} core(s), float32" if options.device == "cpu" else "bfloat16"
    print(f"{device_name(options.device)}, {where}, batch {options.batch_size}, {options.rounds} rounds, their median")
    print(f"{'model':25}{'engine':21}{'M params':>9}{'RTFx':>9}{'memory MB':>11}{'WER %':>8}   weights; what it writes")
    found = {}
    for row in rows(options):
        if options.only and not set(options.only) & {row["name"], row["name"].removeprefix("demo:"), row["engine"]}:
            continue
        done = apart(row, options)
        found[row["name"], row["engine"]] = done
        wer = "-" if done["wer"] is None else f"{100 * done['wer']:.1f}"
        size = "-" if done["parameters"] is None else f"{done['parameters'] / 1e6:.1f}"
        about = "learned" if done["wer"] is not None else f"random; {done['writes']}"
        print(
            f"{row['name']:25}{row['engine']:21}{size:>9}{done['rtfx']:9.1f}{done['memory_mb']:11.0f}{wer:>8}",
            about,
            sep="   ",
            flush=True,
        )
    for (name, engine), done in found.items():
        base = found.get((name, "transformers"))
        if engine.startswith("ctranslate2") and base is not None:
            line = f"{name}: {engine} is {done['rtfx'] / base['rtfx']:.2f} times as fast as transformers"
            if done["wer"] is not None:
                points = 100 * (done["wer"] - base["wer"])
                line += f", WER {points:+.2f} points ({'within' if abs(points) <= 0.5 else 'not within'} 0.5)"
            print(line)
    for name in NEMO:
        if (name, "acento") in found and (name, THEIRS) in found:
            ratio = found[name, "acento"]["rtfx"] / found[name, THEIRS]["rtfx"]
            print(f"{name}: Acento is {ratio:.2f} times as fast as NeMo's own transcribe on files")


def with_nemo(options: argparse.Namespace) -> bool:
    """Tell whether NeMo's models are measured."""
    from acento.models.families import FAMILIES

    wanted = not options.only or any(name in options.only for name in (*NEMO, "acento", THEIRS))
    return wanted and not options.shapes and not options.real and FAMILIES["nemo"].missing() is None


def rows(options: argparse.Namespace) -> list[dict[str, str]]:
    """Return what is measured: model and engine."""
    if options.real:
        return [{"name": name, "engine": engine} for name in REAL for engine in ENGINES]
    shapes = PUBLISHED_SHAPES if options.shapes else CPU_SHAPES
    found = [] if options.shapes else [{"name": name, "engine": engine} for name in SHIPPED for engine in ENGINES]
    found += [{"name": name, "engine": engine} for name, shape in shapes.items() for engine in shape.engines]
    if with_nemo(options):
        found += [{"name": name, "engine": engine} for name in NEMO for engine in ("acento", THEIRS)]
    return found


def apart(row: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Measure one row in a process of its own, which a server with all libraries loaded makes in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES, *(["nemo.collections.asr"] if with_nemo(options) else [])])
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(measure, row, options).result()


def measure(row: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Make or find a model, decode the clips some times, and return what came of it."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    from acento.core.text import normalizer
    from acento.scoring.counting.counts import ErrorCounts, count_words

    disable_progress_bar()
    torch.set_num_threads(options.cores)
    window_s = 6.0 if row["name"] in SHIPPED else 30.0
    shape = (PUBLISHED_SHAPES if options.shapes else CPU_SHAPES).get(row["name"])
    most = MOST_CLIPS if row["name"] in NEMO else shape.most_clips if shape is not None and not options.shapes else None
    count = options.clips if most is None else min(options.clips, most)
    clips = (
        read_real(row["name"], count)
        if options.real
        else speak(count, 0.0 if row["name"] in SHIPPED else 20.0, window_s)
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder, writes = checkpoint_of(row, Path(temporary), options)
        before = host_mb()
        decode, parameters = decoder_of(row, folder, clips, Path(temporary), options)
        decode(clips[: options.batch_size])  # warm up
        seconds = []
        for _ in range(options.rounds):
            texts, taken = decode(clips)
            seconds.append(taken)
        memory = torch.cuda.max_memory_allocated() / 1e6 if options.device == "cuda" else host_mb(peak=True) - before
    wer = None
    if row["name"] in (*SHIPPED, *REAL):
        rule = normalizer("chilean-leaderboard")
        pairs = zip(clips, texts, strict=True)
        wer = sum((count_words(rule(said), rule(text)) for (said, _), text in pairs), ErrorCounts()).rate
    total = sum(len(audio) for _, audio in clips) / 16000
    return {
        "rtfx": total / statistics.median(seconds),
        "memory_mb": memory,
        "wer": wer,
        "parameters": parameters,
        "writes": writes,
    }


Clip = tuple[str, Any]
"""What was said, and the audio: float32, mono, 16 kHz."""
Decode = Callable[[list[Clip]], tuple[list[str | None], float]]
"""Returns texts and seconds."""


def read_real(name: str, count: int) -> list[Clip]:
    """Return test clips in the language that a model is given."""
    from acento.data.demo.real.speech import read_demo

    return [(clip.text, clip.audio) for clip in read_demo(REAL[name], "test", count)]


def speak(count: int, least_s: float, window_s: float) -> list[Clip]:
    """Return test clips of the demo, half of them accented, sentences joined until each lasts ``least_s``."""
    from acento.core.audio.recording import decode
    from acento.data.demo import demo_clips, wav_bytes

    dice = random.Random(0)
    test = [clip for clip in demo_clips() if clip.split == "test"]
    chosen = [clip for pair in zip(test[:150], test[150:], strict=False) for clip in pair]
    heard = partial(lambda clip: decode(wav_bytes(clip)).astype(np.float32) / 32768)
    found: list[Clip] = []
    for clip in chosen[: min(count, len(chosen))]:
        text, audio = clip.text, heard(clip)
        while len(audio) < least_s * 16000:
            more = dice.choice(test)
            text, audio = f"{text} {more.text}", np.concatenate([audio, heard(more)])
        found.append((text, audio[: int(window_s * 16000)]))
    return found


def checkpoint_of(row: dict[str, str], temporary: Path, options: argparse.Namespace) -> tuple[Path | str, str]:
    """Return the checkpoint of a row, made here unless it is shipped, and what it writes."""
    from acento.families.whisper.convert import convert
    from acento.models.checkpoints.resolver import resolve

    name, engine = row["name"], row["engine"]
    sys.path[:0] = [str(KIT), str(KIT.parent.parent)]
    if name in NEMO:
        from tiny_nemo import make_nemo

        model = make_nemo(temporary / "nemo", kind=NEMO[name], width=144, layers=3)
        return model, "whatever random weights write"
    writes, model = "", name
    if name not in (*SHIPPED, *REAL):
        shape = (PUBLISHED_SHAPES if options.shapes else CPU_SHAPES)[name]
        writes, model = shape.writes.format(tokens=options.tokens), str(make(shape, temporary / "random", options))
    if engine.startswith("ctranslate2"):
        out = temporary / "exported"
        out.mkdir()
        convert(resolve(model), out, "ctranslate2", engine.split()[1])
        return out, writes
    return model, writes


def make(shape: Shape, folder: Path, options: argparse.Namespace) -> Path:
    """Write a checkpoint with random weights in a shape; its texts do not end before their limit."""
    import torch
    import transformers

    module, _, function = shape.make.partition(":")
    getattr(import_module(module), function)(folder, **shape.made_with)
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    generation = kind.from_pretrained(folder).generation_config if kind.can_generate() else None
    for name, value in shape.sizes.items():
        *parts, last = name.split(".")
        place = config
        for part in parts:
            place = getattr(place, part)
        setattr(place, last, value)
    if config.model_type == "whisper":
        config.max_target_positions = options.tokens + 4  # the prompt's
        config.encoder_attention_heads = config.decoder_attention_heads
    if config.model_type == "canary":
        config.decoder_config.max_position_embeddings = options.tokens + 9
    torch.manual_seed(0)
    with torch.device(options.device):
        model = kind(config)
    with torch.no_grad():
        endless(model, config)
    if generation is not None:
        generation.suppress_tokens, generation.begin_suppress_tokens = None, None
        if config.model_type in ("whisper", "moonshine", "moonshine_streaming"):
            generation.suppress_tokens = [generation.eos_token_id]
        model.generation_config = generation
    model.to(torch.float32 if options.device == "cpu" else torch.bfloat16).save_pretrained(folder)
    if config.model_type == "whisper":
        fill_vocabulary(folder, config.vocab_size)
    return folder


def endless(model: Any, config: Any) -> None:
    """See that texts end at their limit only, and that a transducer writes nothing."""
    if config.model_type == "canary":
        model.proj_out.bias[config.eos_token_id] = -1e4
    elif config.model_type == "voxtral":
        model.lm_head.weight[2] = 0  # never the largest of many random ones
    elif config.model_type in ("parakeet_rnnt", "parakeet_tdt"):
        model.joint.head.bias[config.blank_token_id] = 1e4


def fill_vocabulary(folder: Path, size: int) -> None:
    """Give the tokenizer as many tokens as the model has."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    # special tokens keep their ids only if they stand here too
    vocabulary |= {token["content"]: token["id"] for token in content["added_tokens"]}
    vocabulary |= {f"more{number}": number for number in set(range(size)) - set(vocabulary.values())}
    path.write_text(json.dumps(content), encoding="utf-8")


def decoder_of(
    row: dict[str, str], folder: Path | str, clips: list[Clip], temporary: Path, options: argparse.Namespace
) -> tuple[Decode, int | None]:
    """Load a model; return what decodes clips with it, and how many parameters it has."""
    if row["engine"] == THEIRS:
        return nemos_own(Path(folder), clips, temporary, options)
    import torch

    from acento.inference.engine import Engine
    from acento.inference.plan import PlannedClip
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve

    checkpoint = resolve(str(folder))
    dtype = "float32" if options.device == "cpu" else "bfloat16"
    spoken = REAL.get(row["name"], LANGUAGE)
    language = None if checkpoint.family.name == "nemo" else spoken
    asked = DecodeOptions(language=language, device_type=options.device, dtype=dtype)
    recognizer = checkpoint.family.load(checkpoint.folder, asked)
    workers = options.cores if recognizer.shareable and options.device == "cpu" else 1
    if workers == 1:  # else a thread for each core, as inline workers have it
        torch.set_num_threads(options.cores)
    recognizer.warm_up(options.batch_size)
    engine = Engine(recognizer, batch_size=options.batch_size, language=spoken)

    def decode(some: list[Clip]) -> tuple[list[str | None], float]:
        planned = [PlannedClip(str(n), len(audio) / 16000, str(n), "", n) for n, (_, audio) in enumerate(some)]
        planned.sort(key=lambda clip: -clip.duration_s)
        size = options.batch_size
        batches = [planned[start : start + size] for start in range(0, len(planned), size)]
        shares = [batches[place::workers] for place in range(workers)]
        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            decoded = list(pool.map(lambda share: engine.decode(share, lambda clip: some[clip.row][1]), shares))
        seconds = time.perf_counter() - started
        texts = {one.id: one.text for part in decoded for one in part.predictions}
        return [texts[str(n)] for n in range(len(some))], seconds

    model = getattr(recognizer, "model", None)
    return decode, None if model is None else sum(parameter.numel() for parameter in model.parameters())


def nemos_own(
    folder: Path, clips: list[Clip], temporary: Path, options: argparse.Namespace
) -> tuple[Decode, int | None]:
    """Load a ``.nemo`` file as NeMo does; return its own ``transcribe`` on WAV files."""
    import soundfile
    from nemo.collections.asr.models import ASRModel

    from acento.families.nemo.recognizer import quiet

    with quiet():
        model = ASRModel.restore_from(str(next(folder.glob("*.nemo"))), map_location=options.device).eval()
    paths = {}
    for number, (_, audio) in enumerate(clips):
        paths[id(audio)] = str(temporary / f"{number}.wav")
        soundfile.write(paths[id(audio)], audio, 16000)

    def decode(some: list[Clip]) -> tuple[list[str | None], float]:
        files = [paths[id(audio)] for _, audio in some]
        started = time.perf_counter()
        with quiet():
            heard = model.transcribe(files, batch_size=options.batch_size, verbose=False, num_workers=0)
        return [one.text for one in heard], time.perf_counter() - started

    return decode, sum(parameter.numel() for parameter in model.parameters())


def host_mb(*, peak: bool = False) -> float:
    """Return the memory of this process in megabytes, now or at its peak."""
    if peak:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").is_file() else 0
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()

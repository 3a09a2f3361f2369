"""Audio files of every container, in memory: by soundfile, and by FFmpeg, also as written to a pipe."""

import io

import av
import numpy as np
import soundfile


class Pipe(io.RawIOBase):
    """A file that can only be written to, so that no header is corrected at the end."""

    def __init__(self):
        """Begin with nothing."""
        self.data = bytearray()

    def writable(self):
        """Return True."""
        return True

    def write(self, data):
        """Keep what comes."""
        self.data += data
        return len(data)


def hum(seconds=2.0, rate=16_000, seed=0):
    """Return a chirp with a little noise, float32: no two stretches of it are alike."""
    at = np.arange(round(seconds * rate)) / rate
    chirp = 0.3 * np.sin(2 * np.pi * (200 * at + 20 * at**2 / 2 % rate)) * (0.6 + 0.4 * np.sin(3 * at))
    return (chirp + 0.003 * np.random.default_rng(seed).standard_normal(len(at))).astype(np.float32)


def by_soundfile(samples, rate, container, codec=None):
    """Return samples (one channel, or samples by channels) as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=codec)
    return bytearray(file.getvalue())


def by_ffmpeg(samples, rate, container, codec, *, pipe=False, gap_s=0.0, **options):
    """Return samples (one channel, or channels by samples) as a file, in the middle a leap of ``gap_s`` in its time."""
    file = Pipe() if pipe else io.BytesIO()
    samples = np.atleast_2d(samples)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 64_000 * len(samples)
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in stream.encode(part):
                if packet.pts * packet.time_base > samples.shape[1] / rate / 2:
                    packet.pts += round(gap_s / packet.time_base)
                    packet.dts = packet.pts
                out.mux(packet)
    return bytearray(file.data if pipe else file.getvalue())

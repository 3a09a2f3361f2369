"""What the first bytes of a file say it is: sound or a film, or something else."""

_HEADS = (
    *(b"fLaC", b"OggS", b"ID3", b"\x1a\x45\xdf\xa3", b".snd", b"caff", b"RF64", b"riff", b"FLV\x01", b"MAC ", b"wvpk"),
    *(b"TTA1", b"MPCK", b"MP+", b"#!AMR", b".RMF", b".ra\xfd", b"Creative Voice File", b"NIST_1A", b"ADIF", b"\x0bw"),
    *(b"\x7f\xfe\x80\x01", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x00\x00\x01\xba"),
)
_PICTURES = (b"heic", b"heix", b"heif", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jxl ")
"""Kinds of pictures that are kept in boxes as films are."""
_PACKETS = ((0, 188), (4, 192))
"""Where the first packet of an MPEG transport stream begins, and its length: as broadcast, and as cameras write it."""
HEAD = 512
"""So many bytes decide."""


def is_sound(head: bytes) -> bool:
    """Tell whether a file that begins so holds sound, or a film, of a kind that is known.

    >>> [is_sound(head) for head in (b"fLaC....", b"RIFF....WAVE", b"RIFF....WEBP", b"....ftypavif", b"%PDF-1.7")]
    [True, True, False, False, False]
    """
    if head[:4] in (b"RIFF", b"FORM"):
        return head[8:12] in (b"WAVE", b"AVI ", b"AIFF", b"AIFC")
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURES
    if any({head[start : start + 1], head[start + size : start + size + 1]} == {b"\x47"} for start, size in _PACKETS):
        return True
    mpeg = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] != 0xFE and head[2] & 0xF0 != 0xF0
    return head.startswith(_HEADS) or head[4:8] in (b"moov", b"mdat", b"wide") or mpeg

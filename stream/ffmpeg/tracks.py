"""Which tracks of sound and subtitles go into which container, and in what form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stream.contents import TEXT_OF_DRONE, Contents, Track
from stream.ffmpeg import adts
from stream.ffmpeg.sound import TOLERANT, can_be_copied, why_no_sound
from stream.ffmpeg.tags import CAMERA


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """What a container holds beside the picture.

    Attributes:
        sound: codecs that are copied; everything else is encoded anew.
        sound_encoder: for that.
        layouts: of loudspeakers, which that encoder knows; others are mixed into the nearest.
        subtitles: codecs that are copied; other text is written anew, bitmaps are left out.
        subtitle_encoder: for that.
        marks: flags of tracks of sound and subtitles, as ffmpeg writes them.
        fragile: codecs of sound of which no damaged packet can be copied.
    """

    sound: frozenset[str]
    sound_encoder: str
    layouts: str
    subtitles: frozenset[str]
    subtitle_encoder: str
    marks: frozenset[str]
    fragile: frozenset[str] = frozenset()


# Copied is what common players take from the container, not all that the muxer would accept.
_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_MOV_SOUND = frozenset(
    "aac mp3 ac3 eac3 alac pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le "
    "pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_mulaw pcm_alaw".split()
)
_MKV_SOUND = _MP4_SOUND | frozenset(
    "vorbis dts truehd mp2 pcm_u8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be "
    "pcm_f32le pcm_f64le tta wavpack".split()
)
_MKV_SUBTITLES = frozenset(
    {"subrip", "ass", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle"}
)
_AAC_LAYOUTS = "mono|stereo|3.0|4.0|5.0|5.1|7.1"
_OPUS_LAYOUTS = "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"
_CHANNELS = {
    **{"mono": 1, "stereo": 2, "downmix": 2, "binaural": 2, "quad": 4, "hexagonal": 6},
    **{"octagonal": 8, "cube": 8, "hexadecagonal": 16},
}
#: Mixing, ffmpeg leaves out loudspeakers high up in the back; ten channels without names, too, are
#: this to it.
_MIXES = {
    "5.1.4": "pan=7.1|FL=FL+0.707*TFL|FR=FR+0.707*TFR|FC=FC|LFE=LFE|BL=TBL|BR=TBR|SL=SL|SR=SR,"
}
_MOV_TEXT = frozenset({"mov_text"})
_DOLBY = frozenset({"ac3", "eac3"})
_COMMON_MARKS = "default comment forced hearing_impaired visual_impaired descriptions".split()
_MP4_MARKS = frozenset(_COMMON_MARKS) | {"dub"}
_MOV_MARKS = frozenset({"default"})
_MKV_MARKS = _MP4_MARKS | {"original"}
_WEBM_MARKS = frozenset({"default", "forced", "descriptions"})

TRACK_FORMATS = {
    ".mp4": TrackFormat(_MP4_SOUND, "aac", _AAC_LAYOUTS, _MOV_TEXT, "mov_text", _MP4_MARKS, _DOLBY),
    ".m4v": TrackFormat(_MP4_SOUND, "aac", _AAC_LAYOUTS, _MOV_TEXT, "mov_text", _MP4_MARKS, _DOLBY),
    ".mov": TrackFormat(_MOV_SOUND, "aac", _AAC_LAYOUTS, _MOV_TEXT, "mov_text", _MOV_MARKS, _DOLBY),
    ".mkv": TrackFormat(_MKV_SOUND, "aac", _AAC_LAYOUTS, _MKV_SUBTITLES, "subrip", _MKV_MARKS),
    ".webm": TrackFormat(
        frozenset({"opus", "vorbis"}),
        "libopus",
        _OPUS_LAYOUTS,
        frozenset({"webvtt"}),
        "webvtt",
        _WEBM_MARKS,
    ),
}
#: By codec, what leaves out its damaged packets, at which the muxer would end the file.
_TIDIED = {"aac": ("-bsf:a:{n}", "aac_adtstoasc")}
#: Subtitles that are text, which ffmpeg turns into each other.
_TEXT = frozenset(
    "subrip ass webvtt mov_text text eia_608 sami microdvd subviewer realtext mpl2".split()
)
# QuickTime numbers languages, and ffmpeg knows each number by one of the codes that exist for it.
_QUICKTIME_LANGUAGES = {
    **{"deu": "ger", "fre": "fra", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice"},
    **{"zho": "chi", "cze": "ces", "slo": "slk", "rum": "ron", "msa": "may", "eus": "baq"},
    **{"cym": "wel", "mya": "bur", "hye": "arm", "kat": "geo", "mkd": "mac", "sqi": "alb"},
    **{"bod": "tib"},
}


@dataclass(frozen=True, slots=True)
class Carried:
    """What of a source goes into an output.

    Attributes:
        tracks: each with ffmpeg's letter for its kind and its arguments, "{n}" for its number.
        left_out: in words.
        changed: in sentences, what is not as usual.
    """

    tracks: tuple[tuple[Track, str, tuple[str, ...]], ...]
    left_out: tuple[str, ...]
    changed: tuple[str, ...] = ()

    def options(self, ending: str, source: int, picture: Track) -> list[str]:
        """Return ffmpeg's arguments that take the tracks, and say what each is.

        Args:
            ending: a key of `TRACK_FORMATS`.
            source: number of the input that holds them.
            picture: track of the source that the picture was.
        """
        options = _description("v", 0, picture, ending)
        numbers = {"a": 0, "s": 0}
        for track, letter, how in self.tracks:
            number = numbers[letter]
            numbers[letter] += 1
            options += ["-map", f"{source}:{track.index}"]
            options += [part.replace("{n}", str(number)) for part in how]
            options += _description(letter, number, track, ending)
        return [*TOLERANT, *options] if self.tracks else options


def carried(contents: Contents, ending: str, *, keep_location: bool) -> Carried:
    """Return what of a source goes into an output; what must be encoded anew is tried.

    Args:
        contents: of the source.
        ending: of the output, a key of `TRACK_FORMATS`.
        keep_location: where it was recorded is kept.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    kind = TRACK_FORMATS[ending]
    tracks: list[tuple[Track, str, tuple[str, ...]]] = []
    left_out: list[str] = []
    changed: list[str] = []
    for track in contents.sound:
        is_taken = track.is_known and track.codec in kind.sound
        why_anew = _why_anew(contents, track, kind) if is_taken else ""
        if is_taken and not why_anew:
            tracks.append((track, "a", _copying(track, ending)))
        elif why := why_no_sound(contents, track, sound_encoding(kind, "0", track.layout)):
            left_out.append(f"sound ({track}), which {why}")
        else:
            tracks.append((track, "a", sound_encoding(kind, "{n}", track.layout)))
            changed += _fewer_channels(track, ending)
            changed += [f"sound ({track}) {why_anew}, and is encoded anew"] if why_anew else []
    for track in contents.subtitles:
        if track.says_place and not keep_location:
            left_out.append(
                f"subtitles ({track}) with the drone's places (--keep-location keeps them)"
            )
        elif track.codec in kind.subtitles:
            tracks.append((track, "s", ("-c:s:{n}", "copy")))
        elif track.codec in _TEXT:
            tracks.append((track, "s", ("-c:s:{n}", kind.subtitle_encoder)))
        else:
            left_out.append(f"subtitles ({track})")
    left_out += [text for track, letter, _ in tracks if (text := _lost(track, letter, kind))]
    left_out += contents.others
    if contents.location and not keep_location:
        left_out.append("location (--keep-location keeps it)")
    return Carried(tuple(tracks), tuple(left_out), tuple(changed))


def _copying(track: Track, ending: str) -> tuple[str, ...]:
    """Return ffmpeg's arguments that write a track as it is."""
    if ending == ".mov" and track.codec.startswith("pcm_"):
        # whose samples have no times there: silence where some are missing
        return ("-filter:a:{n}", "aresample=async=1", "-c:a:{n}", track.codec)
    return ("-c:a:{n}", "copy", *_TIDIED.get(track.codec, ()))


def _why_anew(contents: Contents, track: Track, kind: TrackFormat) -> str:
    """Return why a track cannot be copied though its codec could, "" where it can."""
    if track.codec in kind.fragile and not can_be_copied(contents, track):
        return "is damaged"
    changes = track.codec == "aac" and adts.changes(contents, track)
    return "changes its channels or rate in the middle" if changes else ""


def _lost(track: Track, letter: str, kind: TrackFormat) -> str:
    """Return in words which marks of a track a container does not hold, "" where it holds all."""
    lost = sorted(flag.replace("_", " ") for flag in track.flags - kind.marks)
    of = f"{'sound' if letter == 'a' else 'subtitles'} ({track})"
    return f"the mark{'s' * (len(lost) > 1)} {', '.join(lost)} of {of}" if lost else ""


def sound_encoding(kind: TrackFormat, number: str, layout: str = "") -> tuple[str, ...]:
    """Return ffmpeg's arguments that encode a track of an output.

    Args:
        kind: of the container.
        number: of the track among those of sound.
        layout: of the loudspeakers that it has, see `Track`.
    """
    layouts = f"aformat=channel_layouts={_roomy_layout(kind, layout) or kind.layouts}"
    mix = _MIXES.get(layout, "") + layouts
    return (f"-filter:a:{number}", mix, f"-c:a:{number}", kind.sound_encoder)


def _roomy_layout(kind: TrackFormat, layout: str) -> str:
    """Return the layout of an encoder that loses least, "" where ffmpeg finds it.

    Of those near to one ffmpeg takes too small ones, without the loudspeaker for bass.
    """
    num, known = _num_channels(layout), kind.layouts.split("|")
    has_bass = re.match(r"\d+\.[1-9]", layout) is not None
    if layout in known or not (has_bass or num > _num_channels(known[-1])):
        return ""
    with_bass = (each for each in known if each.endswith(".1") and _num_channels(each) >= num)
    return next(with_bass, known[-1])


def _fewer_channels(track: Track, ending: str) -> list[str]:
    """Return a sentence where a track that is encoded has more channels than it keeps."""
    kind, num = TRACK_FORMATS[ending], _num_channels(track.layout)
    roomy = _roomy_layout(kind, track.layout)
    if not roomy or (kept := _num_channels(roomy)) >= num:
        return []
    others = [each for each, other in TRACK_FORMATS.items() if track.codec in other.sound]
    advice = f"; {' or '.join(others)} keeps them" if others else ""
    return [f"sound ({track}): its {num} channels become {kept}{advice}"]


def _num_channels(layout: str) -> int:
    """Return how many a layout has in ffmpeg's name: "5.1.4", "quad(side)", "10 channels"."""
    if match := re.match(r"(\d+) channels", layout):
        return int(match[1])
    parts = re.match(r"\d+(\.\d+)*", layout)
    return sum(map(int, parts[0].split("."))) if parts else _CHANNELS.get(layout.split("(")[0], 0)


def muxer_options(options: Sequence[str], ending: str, contents: Contents | None) -> list[str]:
    """Return a muxer's options so that it writes all tags: in an MP4 a camera needs another way."""
    has_camera = contents is not None and any(name in contents.tags for name in CAMERA)
    if not has_camera or ending not in (".mp4", ".m4v"):
        return list(options)
    flags = list(options).index("-movflags") + 1
    return [*options[:flags], f"{options[flags]}+use_metadata_tags", *options[flags + 1 :]]


def _description(letter: str, number: int, track: Track, ending: str) -> list[str]:
    language = track.language
    if ending == ".mov":
        language = _QUICKTIME_LANGUAGES.get(language, language)
    options = []
    handler = TEXT_OF_DRONE if track.says_place else ""  # so that the next run knows it, too
    tags = {"language": language, "title": track.title, "handler_name": handler}
    for name, text in tags.items():
        if text:
            options += [f"-metadata:s:{letter}:{number}", f"{name}={text}"]
    flags = "+".join(sorted(track.flags)) or ("default" if letter == "v" else "0")
    return [*options, f"-disposition:{letter}:{number}", flags]

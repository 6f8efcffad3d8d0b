"""Names of the keys pressed in a window, whatever the layout of the keyboard."""

from __future__ import annotations

_NAMES = {27: "escape", 32: "space", 13: "enter"}
# of X11, macOS and Windows
_SPECIAL = {0xFF8D: "enter", 0xFF53: "right", 0xF703: "right", 0x270000: "right"}

#: Second byte of X11's codes of letters (keysyms) -> the character set of the first
_CHARACTER_SETS = {
    0x1: "iso8859_2",
    0x5: "iso8859_6",
    0x6: "koi8_u",
    0x7: "iso8859_7",
    0xC: "iso8859_8",
}
#: X11's codes of other letters are this plus their number in Unicode.
_UNICODE = 0x1000000

#: What the same keys type in other layouts: those of "typed", in that order, the keys of "key".
_LAYOUTS = (
    # Russian and Ukrainian
    ("йцукенгшщзхфыівапролджячсмитьё", "qwertyuiop[assdfghjkl;zxcvbnm`"),
    # Greek, but for q, which types a sign there
    ("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm"),
    # Hebrew, but for q and w
    ("קראטוןםפשדגכעיחלזסבהנמצ", "ertyuiopasdfghjkzxcvbnm"),
    # Arabic
    ("ضصثقفغعهخحشسيبلاتنمئءؤرىة", "qwertyuiopasdfghjklzxcvnm"),
    # the row of digits in French and Czech, but for what means something itself
    ("&é\"'(èěščřžý", "123457234567"),
)
_AT_THE_SAME_PLACE = {
    character: key for typed, keys in _LAYOUTS for character, key in zip(typed, keys, strict=True)
}


def key_of(code: int) -> str:
    """Return the name of a key by the code of `cv2.waitKeyEx`, "" of one that means nothing.

    It is the character on it, in small letters; of other alphabets that which the same key has in
    the layout of the United States, since what keys mean are letters of English words.
    """
    if (special := _SPECIAL.get(code) or _SPECIAL.get(code & 0xFFFF)) is not None:
        return special
    character = _character(code)
    return _AT_THE_SAME_PLACE.get(character.lower(), character)


def _character(code: int) -> str:
    """Return what a key types, or the name of one that types nothing that is seen."""
    if _UNICODE < code < _UNICODE + 0x10000:
        return chr(code - _UNICODE)
    letter = code & 0xFFFF  # above are Shift and the like
    if 0 < letter < 0x100:
        return _NAMES.get(letter, chr(letter))
    if (characters := _CHARACTER_SETS.get(letter >> 8)) is not None:
        return bytes([letter & 0xFF]).decode(characters, "replace")
    return ""

"""Contacts for tests, with numbers that are not in use.

Knows the range of the North American numbering plan that is reserved for fiction: 555-0100 to
555-0199 in each area code.
"""

from __future__ import annotations

from typing import Final

_AREA_CODES: Final = (  # noqa: SIM905 - a list would take a hundred lines
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 "
    "229 231 234 239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 "
    "303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 325 330 "
    "334 336 337 339 347 351 352 360 361 385 386 401 402 404 405 406 407 408 409 410 "
    "412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 458 469 470 475 478"
).split()
_EACH: Final = 100
_ALL: Final = len(_AREA_CODES) * _EACH


def contacts(count: int) -> list[dict[str, str]]:
    """Return contacts with different numbers, the same ones each time.

    Args:
        count: How many, from 0 to 10,000.

    Returns:
        Dicts with ``phone_number`` and ``first_name``.

    Raises:
        ValueError: The count is not an integer from 0 to 10,000.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= _ALL:
        msg = f"kataven_contacts takes a count from 0 to {_ALL:,}, not {count!r}"
        raise ValueError(msg)
    return [
        {
            "phone_number": f"+1{_AREA_CODES[n // _EACH]}55501{n % _EACH:02d}",
            "first_name": f"Person {n + 1}",
        }
        for n in range(count)
    ]

"""Geo: places by name, and which of them are near. A sorted set whose scores are geohashes.

    GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST

There is no type of its own: ZREM removes a place, ZRANGE shows the scores, and GEOSEARCHSTORE
leaves a sorted set that can be searched again. `geohash` has the geometry; here are the
commands: one reader of options for GEOSEARCH and for the older GEORADIUS, which differ in how
they say what to search for.
# Real: geo.c in Redis.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from services.common.resp import NIL_ARRAY, Digits, ReplyError
from services.kvdb import errors, geohash
from services.kvdb.arguments import following, integer, number, words
from services.kvdb.clients import Client
from services.kvdb.geohash import Area, Box, Circle, Place
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.sorted_sets import find, zadd

_UNITS_M = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}


def _unit_m(word: bytes) -> float:
    unit = _UNITS_M.get(word.upper())
    if unit is None:
        raise ReplyError("ERR unsupported unit provided. please use M, KM, FT, MI")
    return unit


def _place(longitude_text: bytes, latitude_text: bytes) -> Place:
    longitude, latitude = number(longitude_text), number(latitude_text)
    (west, east), (south, north) = geohash.LONGITUDES, geohash.LATITUDES
    if not (west <= longitude <= east and south <= latitude <= north):
        raise ReplyError(f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}")
    return longitude, latitude


def _coordinates(place: Place) -> list[Digits]:
    """A place as a reply."""
    return [_digits(angle) for angle in place]


def _digits(angle: float) -> Digits:
    text = f"{angle:.17f}".rstrip("0").rstrip(".")
    return Digits(b"0" if text == "-0" else text.encode())


def _distance_text(distance: float) -> bytes:
    """Four digits behind the point: more would only pretend to be exact."""
    return b"%d.%04d" % divmod(round(distance * 10000), 10000)


# Adding and asking.


def geoadd(client: Client, request: list[bytes]) -> object:
    """ZADD, with two numbers for each score."""
    first = 2
    while first < len(request) and request[first].upper() in (b"NX", b"XX", b"CH"):
        first += 1
    options, places = request[2:first], request[first:]
    if len(places) % 3 or {b"NX", b"XX"} <= {word.upper() for word in options}:
        raise errors.syntax_error()
    pairs = []
    for at in range(0, len(places), 3):
        pairs += [b"%d" % geohash.encode(_place(*places[at : at + 2])), places[at + 2]]
    return zadd(client, [b"ZADD", request[1], *options, *pairs])


def _scores(client: Client, request: list[bytes]) -> list[float | None]:
    value = find(client, request[1])
    scores = value.scores if value is not None else {}
    return [scores.get(member) for member in request[2:]]


def geopos(client: Client, request: list[bytes]) -> list:
    return [
        NIL_ARRAY if score is None else _coordinates(geohash.decode(score))
        for score in _scores(client, request)
    ]


def geohash_(client: Client, request: list[bytes]) -> list[bytes | None]:
    return [None if score is None else geohash.to_text(score) for score in _scores(client, request)]


def geodist(client: Client, request: list[bytes]) -> bytes | None:
    if len(request) > 5:
        raise errors.syntax_error()
    unit_m = _unit_m(request[4]) if len(request) == 5 else 1.0
    first, second = _scores(client, request[:4])
    if first is None or second is None:
        return None
    distance_m = geohash.distance_m(geohash.decode(first), geohash.decode(second))
    return _distance_text(distance_m / unit_m)


# Reading the options of a search.


class Order(Enum):
    """What the results are sorted by."""

    NONE = "none"
    NEAREST_FIRST = "asc"
    FARTHEST_FIRST = "desc"


@dataclass(slots=True)
class Search:
    """What a request asks for."""

    source: SortedSetValue | None
    centre: Place | None = None
    has_centre: bool = False
    """A member of a key that is missing is no place, and yet the request is complete."""
    is_centre_member: bool = False
    shape: tuple[float, ...] = ()
    """The radius, or width and height, in units."""
    unit_m: float = 1.0
    count: int = 0
    """0 is all."""
    takes_any: bool = False
    order: Order = Order.NONE
    with_distance: bool = False
    with_hash: bool = False
    with_coordinates: bool = False
    destination: bytes | None = None
    stores_distances: bool = False

    @property
    def area(self) -> Area:
        sizes_m = [size * self.unit_m for size in self.shape]
        return Circle(self.centre, *sizes_m) if len(sizes_m) == 1 else Box(self.centre, *sizes_m)

    def start_at_member(self, member: bytes) -> None:
        self.has_centre = self.is_centre_member = True
        if self.source is not None:
            score = self.source.scores.get(member)
            if score is None:
                raise ReplyError("ERR could not decode requested zset member")
            self.centre = geohash.decode(score)

    def start_at(self, longitude: bytes, latitude: bytes) -> None:
        self.centre, self.has_centre = _place(longitude, latitude), True

    def within_radius(self, radius: bytes, unit: bytes) -> None:
        size = number(radius, "ERR need numeric radius")
        if size < 0:
            raise ReplyError("ERR radius cannot be negative")
        self.unit_m, self.shape = _unit_m(unit), (size,)

    def within_box(self, width: bytes, height: bytes, unit: bytes) -> None:
        sizes = number(width, "ERR need numeric width"), number(height, "ERR need numeric height")
        if min(sizes) < 0:
            raise ReplyError("ERR height or width cannot be negative")
        self.unit_m, self.shape = _unit_m(unit), sizes

    def take_common_option(self, word: bytes, values: Iterator[bytes]) -> None:
        """An option that GEOSEARCH and GEORADIUS share."""
        match word:
            case b"WITHDIST":
                self.with_distance = True
            case b"WITHHASH":
                self.with_hash = True
            case b"WITHCOORD":
                self.with_coordinates = True
            case b"ANY":
                self.takes_any = True
            case b"ASC":
                self.order = Order.NEAREST_FIRST
            case b"DESC":
                self.order = Order.FARTHEST_FIRST
            case b"COUNT":
                self.count = integer(following(values))
                if self.count <= 0:
                    raise ReplyError("ERR COUNT must be > 0")
            case _:
                raise errors.syntax_error()

    def check(self, store_name: str) -> None:
        """That the options go together."""
        shows = self.with_distance or self.with_hash or self.with_coordinates
        if self.destination is not None and shows:
            raise ReplyError(
                f"ERR {store_name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )

    def check_count(self) -> None:
        if self.takes_any and not self.count:
            raise ReplyError("ERR the ANY argument requires COUNT argument")
        if self.count and self.order is Order.NONE and not self.takes_any:
            self.order = Order.NEAREST_FIRST  # The first few of no order would mean nothing.


# GEOSEARCH.


def geosearch(client: Client, request: list[bytes]) -> object:
    return _geosearch(client, request, Search(find(client, request[1])), request[2:])


def geosearchstore(client: Client, request: list[bytes]) -> object:
    search = Search(find(client, request[2]), destination=request[1])
    return _geosearch(client, request, search, request[3:])


def _geosearch(
    client: Client, request: list[bytes], search: Search, options: list[bytes]
) -> object:
    for word, values in words(options):
        match word:
            case b"STOREDIST" if search.destination is not None:
                search.stores_distances = True
            case b"FROMMEMBER" if search.is_centre_member or not search.has_centre:
                search.start_at_member(following(values))
            case b"FROMLONLAT" if not search.is_centre_member:
                search.start_at(*_take(values, 2))
            case b"BYRADIUS" if len(search.shape) != 2:
                search.within_radius(*_take(values, 2))
            case b"BYBOX" if len(search.shape) != 1:
                search.within_box(*_take(values, 3))
            case _:
                search.take_common_option(word, values)
    search.check("GEOSEARCHSTORE")
    name = errors.shown(request[0])
    if not search.has_centre:
        raise ReplyError(f"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}")
    if not search.shape:
        raise ReplyError(f"ERR exactly one of BYRADIUS and BYBOX can be specified for {name}")
    return _run(client, search)


def _take(values: Iterator[bytes], count: int) -> list[bytes]:
    return [following(values) for _ in range(count)]


# GEORADIUS.


def georadius(client: Client, request: list[bytes]) -> object:
    return _georadius(client, request, may_store=True)


def georadius_ro(client: Client, request: list[bytes]) -> object:
    return _georadius(client, request, may_store=False)


def _georadius(client: Client, request: list[bytes], *, may_store: bool) -> object:
    search = Search(find(client, request[1]))
    search.start_at(*request[2:4])
    search.within_radius(*request[4:6])
    return _with_options(client, search, request[6:], may_store=may_store)


def georadiusbymember(client: Client, request: list[bytes]) -> object:
    return _georadiusbymember(client, request, may_store=True)


def georadiusbymember_ro(client: Client, request: list[bytes]) -> object:
    return _georadiusbymember(client, request, may_store=False)


def _georadiusbymember(client: Client, request: list[bytes], *, may_store: bool) -> object:
    search = Search(find(client, request[1]))
    if search.source is not None:
        search.start_at_member(request[2])
        search.within_radius(*request[3:5])
    return _with_options(client, search, request[5:], may_store=may_store)


def _with_options(
    client: Client, search: Search, options: list[bytes], *, may_store: bool
) -> object:
    for word, values in words(options):
        if may_store and word in (b"STORE", b"STOREDIST"):
            search.destination = following(values)
            search.stores_distances = word == b"STOREDIST"
        else:
            search.take_common_option(word, values)
    search.check("STORE option in GEORADIUS")
    return _run(client, search)


# Searching.


@dataclass(frozen=True, slots=True)
class _Found:
    """A member inside the area."""

    member: bytes
    score: float
    place: Place
    distance: float
    """From the centre, in the unit of the request."""


def _run(client: Client, search: Search) -> object:
    search.check_count()
    results = _results(search) if search.source is not None else []
    if search.destination is not None:
        return _store(client, search, results)
    return [_shown(client, search, found) for found in results]


def _results(search: Search) -> list[_Found]:
    found: list[_Found] = []
    enough = search.count if search.takes_any else math.inf
    for one in _inside(search.source, search.area, search.unit_m):
        found.append(one)
        if len(found) >= enough:
            break
    if search.order is not Order.NONE:
        found.sort(key=lambda one: one.distance, reverse=search.order is Order.FARTHEST_FIRST)
    return found[: search.count or None]


def _inside(source: SortedSetValue, area: Area, unit_m: float) -> Iterator[_Found]:
    """The members in the area, cell by cell."""
    ranking = source.ranking
    for cell in geohash.cells_around(area):
        first, behind = (ranking.first_with_score(it, is_exclusive=False) for it in cell.scores)
        for member in ranking.members(first, behind):
            score = source.scores[member]
            place = geohash.decode(score)
            distance_m = area.distance_m(place)
            if distance_m is not None:
                yield _Found(member, score, place, distance_m / unit_m)


def _shown(client: Client, search: Search, found: _Found) -> object:
    parts: list[object] = [found.member]
    if search.with_distance:
        parts.append(_distance_text(found.distance))
    if search.with_hash:
        parts.append(int(found.score))
    if search.with_coordinates:
        parts.append(_coordinates(found.place))
    return parts if len(parts) > 1 else found.member


def _store(client: Client, search: Search, results: list[_Found]) -> int:
    scores = {one.member: one.distance if search.stores_distances else one.score for one in results}
    return client.database.store(search.destination, SortedSetValue(scores))

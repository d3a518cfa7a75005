"""Random commands over bits, places, counts and sorted results, for `test_bits_differential`."""

from hypothesis import strategies as st

from services.kvdb.tests.grammar import (
    count,
    flat,
    integer,
    key,
    maybe,
    member,
    options,
    some,
    word,
)

bit_offset = st.sampled_from([b"0", b"1", b"7", b"8", b"13", b"64", b"100"] * 3 + [b"-1", b"x"])
bit = word(b"0", b"1", b"1", b"2", b"x")
unit = maybe(word(b"BIT", b"BYTE", b"bit", b"X"))
bytes_value = word(
    b"\xff\xf0\x00", b"\x00\xff\xf0", b"\xff\xff", b"\x00\x00", b"", b"foobar", b"12"
)

BITMAPS = [
    flat(b"SET", key, bytes_value),
    flat(b"SETBIT", key, bit_offset, bit),
    flat(b"SETBIT", key, bit_offset, bit),
    flat(b"GETBIT", key, bit_offset),
    flat(b"BITCOUNT", key, maybe(integer, integer, unit)),
    flat(b"BITCOUNT", key, integer),
    flat(b"BITPOS", key, bit, maybe(integer, maybe(integer, unit))),
    flat(b"BITOP", word(b"AND", b"OR", b"xor"), key, some(key)),
    flat(b"BITOP", word(b"NOT", b"MAYBE"), key, some(key, 1, 2)),
    flat(b"GET", key),
    flat(b"LPUSH", word(b"list"), member),
    flat(b"BITOP", b"OR", key, key, b"list"),
]

bit_type = word(
    b"u8", b"i8", b"u1", b"i1", b"u5", b"i5", b"i64", b"u63", b"i33", b"u64", b"i0", b"x"
)
field_offset = st.one_of(bit_offset, word(b"#0", b"#1", b"#3", b"#-1"))
amount = word(
    *(b"0", b"1", b"-1", b"100", b"-100", b"255", b"300", b"-300", b"x"),
    *(b"9223372036854775807", b"-9223372036854775808", b"4611686018427387904"),
)
field_operation = st.one_of(
    flat(b"GET", bit_type, field_offset),
    flat(b"SET", bit_type, field_offset, amount),
    flat(b"INCRBY", bit_type, field_offset, amount),
    flat(b"INCRBY", bit_type, field_offset, amount),
    flat(b"OVERFLOW", word(b"WRAP", b"SAT", b"fail", b"X")),
)
BITFIELDS = [
    flat(b"SET", key, bytes_value),
    flat(b"BITFIELD", key, options(field_operation, field_operation)),
    flat(b"BITFIELD", key, field_operation),
    flat(b"BITFIELD_RO", key, field_operation),
    flat(b"GET", key),
]

place = st.tuples(
    st.sampled_from(
        [b"13.361389", b"15.087", b"-122.4", b"179.9", b"-180", b"0"] * 4 + [b"200", b"x"]
    ),
    st.sampled_from([b"38.115556", b"37.5", b"0", b"85.05", b"-85", b"66.5"] * 4 + [b"90"]),
).map(list)
places = some(st.tuples(place, member).map(lambda drawn: [*drawn[0], drawn[1]])).map(
    lambda drawn: [part for one in drawn for part in one]
)
geo_unit = word(b"m", b"km", b"KM", b"ft", b"mi", b"x")
size = word(b"0", b"1", b"200", b"500", b"5000", b"30000", b"1e9", b"-1", b"x")
# Without an order the order is that of the cells, and equal distances may come in any.
found_options = options(
    word(b"WITHCOORD", b"WITHDIST", b"WITHHASH").map(lambda it: [it]),
    word(b"ASC").map(lambda it: [it]),
)
centre = st.one_of(flat(b"FROMLONLAT", place), flat(b"FROMMEMBER", member))
shape = st.one_of(flat(b"BYRADIUS", size, geo_unit), flat(b"BYBOX", size, size, geo_unit))
GEO = [
    flat(b"GEOADD", key, options(word(b"NX", b"XX", b"CH").map(lambda it: [it])), places),
    flat(b"GEOADD", key, places),
    flat(b"GEOADD", key, places),
    flat(word(b"GEOPOS", b"GEOHASH"), key, some(member)),
    flat(b"GEODIST", key, member, member, maybe(geo_unit)),
    flat(b"GEOSEARCH", key, centre, shape, found_options),
    flat(b"GEOSEARCH", key, shape, centre, maybe(b"COUNT", count, maybe(b"ANY"))),
    flat(b"GEOSEARCHSTORE", key, key, centre, shape, maybe(b"STOREDIST")),
    flat(word(b"GEORADIUS", b"GEORADIUS_RO"), key, place, size, geo_unit, found_options),
    flat(b"GEORADIUSBYMEMBER", key, member, size, geo_unit, maybe(b"STORE", key)),
    flat(b"GEORADIUSBYMEMBER_RO", key, member, size, geo_unit, maybe(b"STORE", key)),
    flat(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
]

element = st.one_of(member, st.integers(0, 5000).map(lambda number: b"%d" % number))
COUNTS = [
    flat(b"PFADD", key, some(element, 0, 40)),
    flat(b"PFADD", key, some(element, 0, 40)),
    flat(b"PFCOUNT", some(key)),
    flat(b"PFMERGE", some(key)),
    flat(b"PFDEBUG", word(b"ENCODING", b"DECODE", b"TODENSE", b"X"), key),
    flat(b"GET", key),
    flat(b"SET", key, bytes_value),
]

pattern = word(b"w*", b"h*->f", b"#", b"none", b"*", b"k*->")
sort = word(b"SORT", b"SORT_RO")
sort_options = (
    word(b"DESC", b"ASC").map(lambda it: [it]),
    flat(b"LIMIT", integer, integer),
    flat(b"GET", pattern),
    flat(b"STORE", key),
)
SORTING = [
    flat(b"RPUSH", key, some(word(b"1", b"2", b"3", b"10", b"-1.5"))),
    flat(b"RPUSH", key, some(member)),
    flat(b"ZADD", key, b"3", b"1", b"1", b"2", b"2", b"3"),
    flat(b"SET", word(b"w1", b"w2", b"w3", b"w10"), word(b"5", b"7", b"6.5", b"x", b"", b" 4")),
    flat(b"HSET", word(b"h1", b"h2", b"h3"), b"f", word(b"5", b"a", b"-3")),
    flat(sort, key, options(*sort_options, st.just([b"ALPHA"]))),
    flat(sort, key, options(*sort_options, st.just([b"ALPHA"]))),
    # With ALPHA, elements of the same weight come in any order.
    flat(sort, key, b"BY", word(b"w*", b"nosort", b"*"), options(*sort_options)),
    flat(sort, key, b"BY", word(b"w*", b"nosort", b"*"), options(*sort_options)),
    flat(b"LRANGE", key, b"0", b"-1"),
]

FAMILIES = {
    "bitmaps": st.one_of(*BITMAPS),
    "bit fields": st.one_of(*BITFIELDS),
    "geo": st.one_of(*GEO),
    "counts": st.one_of(*COUNTS),
    "sorting": st.one_of(*SORTING),
}

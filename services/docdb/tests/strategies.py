"""Values and documents for hypothesis."""

from decimal import Decimal

from hypothesis import strategies as st

from services.docdb.bson import types

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
object_ids = st.binary(min_size=12, max_size=12).map(types.ObjectId)
numbers = st.one_of(
    st.integers(types.INT32_MIN, types.INT32_MAX),
    st.integers(types.INT64_MIN, types.INT64_MAX).map(types.Int64),
    st.floats(),
    st.sampled_from([Decimal("1.20"), Decimal("-0"), Decimal("NaN"), Decimal("1E+6000")]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    object_ids,
    st.integers(types.INT64_MIN, types.INT64_MAX).map(types.Date),
    st.builds(types.Binary, st.binary(max_size=6), st.sampled_from([0, 2, 4, 128])),
    st.builds(types.Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(types.Regex, names, st.sampled_from(["", "i", "im"])),
    st.builds(types.Code, texts),
    st.builds(types.Symbol, texts),
    st.sampled_from(list(types.Special)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
documents = st.dictionaries(names, values, max_size=5)

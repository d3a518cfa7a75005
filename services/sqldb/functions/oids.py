"""The numbers of built-in functions in pg_proc of PostgreSQL 15, where a client could see them.

They are facts of the catalog, read by nothing but the catalog: regproc, pg_proc.oid, a default of a
column shown by number. A function that is not here gets a number from the range behind those that
PostgreSQL gives away itself (`FIRST_FREE_OID`), in the order of the library.
# Source: SELECT oid, proname, proargtypes FROM pg_proc
"""

from __future__ import annotations

from functools import cache

from services.sqldb.functions.definition import Aggregate, Function, WindowFunction
from services.sqldb.functions.library import builtin_library

# initdb numbers its own objects from 12000 on, users' objects begin with 16384.
FIRST_FREE_OID = 13_000

_NUMBERS = """
    abs(float4)=1394 abs(float8)=1395 abs(int2)=1398 abs(int4)=1397 abs(int8)=1396
    abs(numeric)=1705 acos(float8)=1601 acosd(float8)=2732 acosh(float8)=2466
    age(timestamp)=2059 age(timestamp,timestamp)=2058 age(timestamptz)=1386
    age(timestamptz,timestamptz)=1199 array_agg(anyarray)=4053 array_agg(anynonarray)=2335
    array_append(anycompatiblearray,anycompatible)=378
    array_cat(anycompatiblearray,anycompatiblearray)=383 array_dims(anyarray)=747
    array_fill(anyelement,_int4)=1193 array_fill(anyelement,_int4,_int4)=1286
    array_length(anyarray,int4)=2176 array_lower(anyarray,int4)=2091 array_ndims(anyarray)=748
    array_position(anycompatiblearray,anycompatible)=3277
    array_position(anycompatiblearray,anycompatible,int4)=3278
    array_positions(anycompatiblearray,anycompatible)=3279
    array_prepend(anycompatible,anycompatiblearray)=379
    array_remove(anycompatiblearray,anycompatible)=3167
    array_replace(anycompatiblearray,anycompatible,anycompatible)=3168
    array_to_json(anyarray)=3153 array_to_json(anyarray,bool)=3154
    array_to_string(anyarray,text)=395 array_to_string(anyarray,text,text)=384
    array_upper(anyarray,int4)=2092 ascii(text)=1620 asin(float8)=1600 asind(float8)=2731
    asinh(float8)=2465 atan(float8)=1602 atan2(float8,float8)=1603 atan2d(float8,float8)=2734
    atand(float8)=2733 atanh(float8)=2467 avg(float4)=2104 avg(float8)=2105 avg(int2)=2102
    avg(int4)=2101 avg(int8)=2100 avg(interval)=2106 avg(numeric)=2103 bit_and(int2)=2236
    bit_and(int4)=2238 bit_and(int8)=2240 bit_count(bytea)=6163 bit_length(bytea)=1810
    bit_length(text)=1811 bit_or(int2)=2237 bit_or(int4)=2239 bit_or(int8)=2241
    bit_xor(int2)=6164 bit_xor(int4)=6165 bit_xor(int8)=6166 bool_and(bool)=2517
    bool_or(bool)=2518 btrim(bytea,bytea)=2015 btrim(text)=885 btrim(text,text)=884
    cardinality(anyarray)=3179 cbrt(float8)=1345 ceil(float8)=2308 ceil(numeric)=1711
    ceiling(float8)=2320 ceiling(numeric)=2167 char_length(bpchar)=1372 char_length(text)=1381
    character_length(bpchar)=1367 character_length(text)=1369 chr(int4)=1621
    clock_timestamp()=2649 concat(any)=3058 concat_ws(text,any)=3059
    convert_from(bytea,name)=1714 convert_to(text,name)=1717 corr(float8,float8)=2829
    cos(float8)=1605 cosd(float8)=2736 cosh(float8)=2463 cot(float8)=1607 count()=2803
    count(any)=2147 covar_pop(float8,float8)=2827 covar_samp(float8,float8)=2828
    cume_dist()=3104 cume_dist(any)=3990 date_bin(interval,timestamp,timestamp)=6177
    date_bin(interval,timestamptz,timestamptz)=6178 date_part(text,date)=1384
    date_part(text,interval)=1172 date_part(text,time)=1385 date_part(text,timestamp)=2021
    date_part(text,timestamptz)=1171 date_part(text,timetz)=1273 date_trunc(text,interval)=1218
    date_trunc(text,timestamp)=2020 date_trunc(text,timestamptz)=1217
    date_trunc(text,timestamptz,text)=1284 dcbrt(float8)=231 decode(text,text)=1947
    degrees(float8)=1608 dense_rank()=3102 dense_rank(any)=3992 dexp(float8)=233
    div(numeric,numeric)=1973 dlog1(float8)=234 dsqrt(float8)=230 encode(bytea,text)=1946
    enum_first(anyenum)=3528 enum_last(anyenum)=3529 enum_range(anyenum)=3531
    enum_range(anyenum,anyenum)=3530 every(bool)=2519 exp(float8)=1347 exp(numeric)=1732
    extract(text,date)=6199 extract(text,interval)=6204 extract(text,time)=6200
    extract(text,timestamp)=6202 extract(text,timestamptz)=6203 extract(text,timetz)=6201
    factorial(int8)=1376 first_value(anyelement)=3112 floor(float8)=2309 floor(numeric)=1712
    format(text)=3540 format(text,any)=3539 gcd(int4,int4)=5044 gcd(int8,int8)=5045
    gcd(numeric,numeric)=5048 gen_random_uuid()=3432 generate_series(int4,int4)=1067
    generate_series(int4,int4,int4)=1066 generate_series(int8,int8)=1069
    generate_series(int8,int8,int8)=1068 generate_series(numeric,numeric)=3260
    generate_series(numeric,numeric,numeric)=3259
    generate_series(timestamp,timestamp,interval)=938
    generate_series(timestamptz,timestamptz,interval)=939
    generate_subscripts(anyarray,int4)=1192 generate_subscripts(anyarray,int4,bool)=1191
    get_bit(bytea,int8)=723 get_byte(bytea,int4)=721 initcap(text)=872
    is_normalized(text,text)=4351 isfinite(date)=1373 isfinite(interval)=1390
    isfinite(timestamp)=2048 isfinite(timestamptz)=1389 json_agg(anyelement)=3175
    json_array_elements(json)=3955 json_array_elements_text(json)=3969
    json_array_length(json)=3956 json_build_array()=3199 json_build_array(any)=3198
    json_build_object()=3201 json_build_object(any)=3200 json_each(json)=3958
    json_each_text(json)=3959 json_extract_path(json,_text)=3951
    json_extract_path_text(json,_text)=3953 json_object(_text)=3202
    json_object(_text,_text)=3203 json_object_agg(any,any)=3197 json_object_keys(json)=3957
    json_strip_nulls(json)=3261 json_to_record(json)=3204 json_to_recordset(json)=3205
    json_typeof(json)=3968 jsonb_agg(anyelement)=3267 jsonb_array_elements(jsonb)=3219
    jsonb_array_elements_text(jsonb)=3465 jsonb_array_length(jsonb)=3207
    jsonb_build_array()=3272 jsonb_build_array(any)=3271 jsonb_build_object()=3274
    jsonb_build_object(any)=3273 jsonb_delete_path(jsonb,_text)=3304 jsonb_each(jsonb)=3208
    jsonb_each_text(jsonb)=3932 jsonb_extract_path(jsonb,_text)=3217
    jsonb_extract_path_text(jsonb,_text)=3940 jsonb_insert(jsonb,_text,jsonb,bool)=3579
    jsonb_object(_text)=3263 jsonb_object(_text,_text)=3264 jsonb_object_agg(any,any)=3270
    jsonb_object_keys(jsonb)=3931 jsonb_populate_record(anyelement,jsonb)=3209
    jsonb_populate_recordset(anyelement,jsonb)=3475 jsonb_pretty(jsonb)=3306
    jsonb_set(jsonb,_text,jsonb,bool)=3305 jsonb_set_lax(jsonb,_text,jsonb,bool,text)=5054
    jsonb_strip_nulls(jsonb)=3262 jsonb_to_record(jsonb)=3490 jsonb_to_recordset(jsonb)=3491
    jsonb_typeof(jsonb)=3210 justify_days(interval)=1295 justify_hours(interval)=1175
    justify_interval(interval)=2711 lag(anycompatible,int4,anycompatible)=3108
    lag(anyelement)=3106 lag(anyelement,int4)=3107 last_value(anyelement)=3113
    lcm(int4,int4)=5046 lcm(int8,int8)=5047 lcm(numeric,numeric)=5049
    lead(anycompatible,int4,anycompatible)=3111 lead(anyelement)=3109 lead(anyelement,int4)=3110
    left(text,int4)=3060 length(bpchar)=1318 length(bytea)=2010 length(text)=1317
    like(text,text)=1569 like_escape(text,text)=1637 ln(float8)=1341 ln(numeric)=1734
    log(float8)=1340 log(numeric)=1741 log(numeric,numeric)=1736 log10(float8)=1194
    log10(numeric)=1481 lower(text)=870 lpad(text,int4)=879 lpad(text,int4,text)=873
    ltrim(bytea,bytea)=6195 ltrim(text)=881 ltrim(text,text)=875 make_date(int4,int4,int4)=3846
    make_interval(int4,int4,int4,int4,int4,int4,float8)=3464 make_time(int4,int4,float8)=3847
    make_timestamp(int4,int4,int4,int4,int4,float8)=3461
    make_timestamptz(int4,int4,int4,int4,int4,float8)=3462
    make_timestamptz(int4,int4,int4,int4,int4,float8,text)=3463 max(anyarray)=2050
    max(anyenum)=3526 max(bpchar)=2244 max(date)=2122 max(float4)=2119 max(float8)=2120
    max(int2)=2117 max(int4)=2116 max(int8)=2115 max(interval)=2128 max(numeric)=2130
    max(oid)=2118 max(text)=2129 max(tid)=2797 max(time)=2123 max(timestamp)=2126
    max(timestamptz)=2127 max(timetz)=2124 md5(bytea)=2321 md5(text)=2311 min(anyarray)=2051
    min(anyenum)=3527 min(bpchar)=2245 min(date)=2138 min(float4)=2135 min(float8)=2136
    min(int2)=2133 min(int4)=2132 min(int8)=2131 min(interval)=2144 min(numeric)=2146
    min(oid)=2134 min(text)=2145 min(tid)=2798 min(time)=2139 min(timestamp)=2142
    min(timestamptz)=2143 min(timetz)=2140 min_scale(numeric)=5042 mod(int2,int2)=940
    mod(int4,int4)=941 mod(int8,int8)=947 mod(numeric,numeric)=1728 mode(anyelement)=3984
    normalize(text,text)=4350 notlike(text,text)=1570 now()=1299 nth_value(anyelement,int4)=3114
    ntile(int4)=3105 num_nonnulls(any)=440 num_nulls(any)=438 octet_length(bpchar)=1375
    octet_length(bytea)=720 octet_length(text)=1374 overlaps(time,interval,time,interval)=1309
    overlaps(time,interval,time,time)=1311 overlaps(time,time,time,interval)=1310
    overlaps(time,time,time,time)=1308 overlaps(timestamp,interval,timestamp,interval)=2042
    overlaps(timestamp,interval,timestamp,timestamp)=2044
    overlaps(timestamp,timestamp,timestamp,interval)=2043
    overlaps(timestamp,timestamp,timestamp,timestamp)=2041
    overlaps(timestamptz,interval,timestamptz,interval)=1305
    overlaps(timestamptz,interval,timestamptz,timestamptz)=1307
    overlaps(timestamptz,timestamptz,timestamptz,interval)=1306
    overlaps(timestamptz,timestamptz,timestamptz,timestamptz)=1304
    overlaps(timetz,timetz,timetz,timetz)=1271 overlay(bytea,bytea,int4)=752
    overlay(bytea,bytea,int4,int4)=749 overlay(text,text,int4)=1405
    overlay(text,text,int4,int4)=1404 percent_rank()=3103 percent_rank(any)=3988
    percentile_cont(_float8,float8)=3980 percentile_cont(_float8,interval)=3982
    percentile_cont(float8,float8)=3974 percentile_cont(float8,interval)=3976
    percentile_disc(_float8,anyelement)=3978 percentile_disc(float8,anyelement)=3972
    pg_client_encoding()=810 pg_typeof(any)=1619 pi()=1610 position(bytea,bytea)=2014
    position(text,text)=849 pow(float8,float8)=1346 pow(numeric,numeric)=1738
    power(float8,float8)=1368 power(numeric,numeric)=2169 quote_ident(text)=1282
    quote_literal(anyelement)=1285 quote_literal(text)=1283 quote_nullable(anyelement)=1290
    quote_nullable(text)=1289 radians(float8)=1609 random()=1598 rank()=3101 rank(any)=3986
    regexp_count(text,text)=6254 regexp_count(text,text,int4)=6255
    regexp_count(text,text,int4,text)=6256 regexp_instr(text,text)=6257
    regexp_instr(text,text,int4)=6258 regexp_instr(text,text,int4,int4)=6259
    regexp_instr(text,text,int4,int4,int4)=6260 regexp_instr(text,text,int4,int4,int4,text)=6261
    regexp_instr(text,text,int4,int4,int4,text,int4)=6262 regexp_like(text,text)=6263
    regexp_like(text,text,text)=6264 regexp_match(text,text)=3396
    regexp_match(text,text,text)=3397 regexp_matches(text,text)=2763
    regexp_matches(text,text,text)=2764 regexp_replace(text,text,text)=2284
    regexp_replace(text,text,text,int4)=6253 regexp_replace(text,text,text,int4,int4)=6252
    regexp_replace(text,text,text,int4,int4,text)=6251 regexp_replace(text,text,text,text)=2285
    regexp_split_to_array(text,text)=2767 regexp_split_to_array(text,text,text)=2768
    regexp_split_to_table(text,text)=2765 regexp_split_to_table(text,text,text)=2766
    regexp_substr(text,text)=6265 regexp_substr(text,text,int4)=6266
    regexp_substr(text,text,int4,int4)=6267 regexp_substr(text,text,int4,int4,text)=6268
    regexp_substr(text,text,int4,int4,text,int4)=6269 regr_avgx(float8,float8)=2822
    regr_avgy(float8,float8)=2823 regr_count(float8,float8)=2818
    regr_intercept(float8,float8)=2826 regr_r2(float8,float8)=2824
    regr_slope(float8,float8)=2825 regr_sxx(float8,float8)=2819 regr_sxy(float8,float8)=2821
    regr_syy(float8,float8)=2820 repeat(text,int4)=1622 replace(text,text,text)=2087
    reverse(text)=3062 right(text,int4)=3061 round(float8)=1342 round(numeric)=1708
    round(numeric,int4)=1707 row_number()=3100 row_to_json(record)=3155
    row_to_json(record,bool)=3156 rpad(text,int4)=880 rpad(text,int4,text)=874
    rtrim(bytea,bytea)=6196 rtrim(text)=882 rtrim(text,text)=876 scale(numeric)=3281
    set_bit(bytea,int8,int4)=724 set_byte(bytea,int4,int4)=722 setseed(float8)=1599
    sha224(bytea)=3419 sha256(bytea)=3420 sha384(bytea)=3421 sha512(bytea)=3422
    sign(float8)=2310 sign(numeric)=1706 similar_escape(text,text)=1623
    similar_to_escape(text)=1987 similar_to_escape(text,text)=1986 sin(float8)=1604
    sind(float8)=2735 sinh(float8)=2462 split_part(text,text,int4)=2088 sqrt(float8)=1344
    sqrt(numeric)=1730 starts_with(text,text)=3696 statement_timestamp()=2648
    stddev(float4)=2157 stddev(float8)=2158 stddev(int2)=2156 stddev(int4)=2155
    stddev(int8)=2154 stddev(numeric)=2159 stddev_pop(float4)=2727 stddev_pop(float8)=2728
    stddev_pop(int2)=2726 stddev_pop(int4)=2725 stddev_pop(int8)=2724 stddev_pop(numeric)=2729
    stddev_samp(float4)=2715 stddev_samp(float8)=2716 stddev_samp(int2)=2714
    stddev_samp(int4)=2713 stddev_samp(int8)=2712 stddev_samp(numeric)=2717
    string_agg(bytea,bytea)=3545 string_agg(text,text)=3538 string_to_array(text,text)=394
    string_to_array(text,text,text)=376 string_to_table(text,text)=6160
    string_to_table(text,text,text)=6161 strpos(text,text)=868 substr(bytea,int4)=2086
    substr(bytea,int4,int4)=2085 substr(text,int4)=883 substr(text,int4,int4)=877
    substring(bytea,int4)=2013 substring(bytea,int4,int4)=2012 substring(text,int4)=937
    substring(text,int4,int4)=936 substring(text,text)=2073 substring(text,text,text)=2074
    sum(float4)=2110 sum(float8)=2111 sum(int2)=2109 sum(int4)=2108 sum(int8)=2107
    sum(interval)=2113 sum(numeric)=2114 tan(float8)=1606 tand(float8)=2737 tanh(float8)=2464
    textcat(text,text)=1258 timeofday()=274 timezone(interval,timestamp)=2070
    timezone(interval,timestamptz)=1026 timezone(interval,timetz)=2038
    timezone(text,timestamp)=2069 timezone(text,timestamptz)=1159 timezone(text,timetz)=2037
    to_char(float4,text)=1775 to_char(float8,text)=1776 to_char(int4,text)=1773
    to_char(int8,text)=1774 to_char(interval,text)=1768 to_char(numeric,text)=1772
    to_char(timestamp,text)=2049 to_char(timestamptz,text)=1770 to_date(text,text)=1780
    to_hex(int4)=2089 to_hex(int8)=2090 to_json(anyelement)=3176 to_jsonb(anyelement)=3787
    to_number(text,text)=1777 to_timestamp(float8)=1158 to_timestamp(text,text)=1778
    transaction_timestamp()=2647 translate(text,text,text)=878 trim_array(anyarray,int4)=6172
    trim_scale(numeric)=5043 trunc(float8)=1343 trunc(numeric)=1710 trunc(numeric,int4)=1709
    unistr(text)=6198 unnest(anyarray)=2331 upper(text)=871 var_pop(float4)=2721
    var_pop(float8)=2722 var_pop(int2)=2720 var_pop(int4)=2719 var_pop(int8)=2718
    var_pop(numeric)=2723 var_samp(float4)=2644 var_samp(float8)=2645 var_samp(int2)=2643
    var_samp(int4)=2642 var_samp(int8)=2641 var_samp(numeric)=2646 variance(float4)=2151
    variance(float8)=2152 variance(int2)=2150 variance(int4)=2149 variance(int8)=2148
    variance(numeric)=2153 width_bucket(anycompatible,anycompatiblearray)=3218
    width_bucket(float8,float8,float8,int4)=320 width_bucket(numeric,numeric,numeric,int4)=2170
"""


def signature(function: Function | Aggregate | WindowFunction) -> str:
    """substr(text,int4), with direct arguments of ordered-set aggregates in front."""
    direct = function.direct_types if isinstance(function, Aggregate) else ()
    types = (*direct, *function.argument_types)
    return f"{function.name}({','.join(type_.name for type_ in types)})"


@cache
def builtin_oids() -> dict[str, int]:
    """The number of each built-in function, aggregate and window function by its signature."""
    numbers = {}
    for entry in _NUMBERS.split():
        name, _, oid = entry.rpartition("=")
        numbers[name] = int(oid)
    following = FIRST_FREE_OID
    for function in builtin_library().all_callables():
        if signature(function) not in numbers:
            numbers[signature(function)] = following
            following += 1
    return numbers

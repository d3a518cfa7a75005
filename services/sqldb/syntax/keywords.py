"""The words of PostgreSQL 15's grammar, in four classes that say where they may stand as names.

    class            table, column   function, type   after AS   examples
    UNRESERVED       yes             yes              yes        abort, name, temp, value
    COLUMN_NAME      yes             no               yes        between, coalesce, int, values
    TYPE_FUNCTION    no              yes              yes        left, like, natural
    RESERVED         no              no               yes        all, from, select, table

A column label without AS is freer still: any word but those of _NEEDS_AS, which would be taken for
the beginning of something else (`SELECT a year`: is it a label, or an interval's field?).
# Source: pg_get_keywords() of PostgreSQL 15.
"""

from enum import Enum


class KeywordClass(Enum):
    UNRESERVED = "U"
    COLUMN_NAME = "C"
    TYPE_FUNCTION = "T"
    RESERVED = "R"


_UNRESERVED = """
    abort absolute access action add admin after aggregate also alter always asensitive
    assertion assignment at atomic attach attribute backward before begin breadth by cache call
    called cascade cascaded catalog chain characteristics checkpoint class close cluster columns
    comment comments commit committed compression configuration conflict connection constraints
    content continue conversion copy cost csv cube current cursor cycle data database day
    deallocate declare defaults deferred definer delete delimiter delimiters depends depth
    detach dictionary disable discard document domain double drop each enable encoding encrypted
    enum escape event exclude excluding exclusive execute explain expression extension external
    family filter finalize first following force forward function functions generated global
    granted groups handler header hold hour identity if immediate immutable implicit import
    include including increment index indexes inherit inherits inline input insensitive insert
    instead invoker isolation key label language large last leakproof level listen load local
    location lock locked logged mapping match matched materialized maxvalue merge method minute
    minvalue mode month move name names new next nfc nfd nfkc nfkd no normalized nothing notify
    nowait nulls object of off oids old operator option options ordinality others over
    overriding owned owner parallel parameter parser partial partition passing password plans
    policy preceding prepare prepared preserve prior privileges procedural procedure procedures
    program publication quote range read reassign recheck recursive ref referencing refresh
    reindex relative release rename repeatable replace replica reset restart restrict return
    returns revoke role rollback rollup routine routines rows rule savepoint schema schemas
    scroll search second security sequence sequences serializable server session set sets share
    show simple skip snapshot sql stable standalone start statement statistics stdin stdout
    storage stored strict strip subscription support sysid system tables tablespace temp
    template temporary text ties transaction transform trigger truncate trusted type types
    uescape unbounded uncommitted unencrypted unknown unlisten unlogged until update vacuum
    valid validate validator value varying version view views volatile whitespace within without
    work wrapper write xml year yes zone
"""

_COLUMN_NAME = """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest
    grouping inout int integer interval least national nchar none normalize nullif numeric out
    overlay position precision real row setof smallint substring time timestamp treat trim
    values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
    xmlpi xmlroot xmlserialize xmltable
"""

_TYPE_FUNCTION = """
    authorization binary collation concurrently cross current_schema freeze full ilike inner is
    isnull join left like natural notnull outer overlaps right similar tablesample verbose
"""

_RESERVED = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create current_catalog current_date current_role current_time current_timestamp
    current_user default deferrable desc distinct do else end except false fetch for foreign
    from grant group having in initially intersect into lateral leading limit localtime
    localtimestamp not null offset on only or order placing primary references returning select
    session_user some symmetric table then to trailing true union unique user using variadic
    when where window with
"""

_NEEDS_AS = """
    array as char character create day except fetch filter for from grant group having hour
    intersect into isnull limit minute month notnull offset on order over overlaps precision
    returning second to union varying where window with within without year
"""

KEYWORDS: dict[str, KeywordClass] = {
    word: keyword_class
    for keyword_class, words in (
        (KeywordClass.UNRESERVED, _UNRESERVED),
        (KeywordClass.COLUMN_NAME, _COLUMN_NAME),
        (KeywordClass.TYPE_FUNCTION, _TYPE_FUNCTION),
        (KeywordClass.RESERVED, _RESERVED),
    )
    for word in words.split()
}


# The kind of a token that is a name and no keyword.
IDENTIFIER = "IDENTIFIER"


def _names(*classes: KeywordClass) -> frozenset[str]:
    """The kinds of token that are a name where keywords of these classes are allowed."""
    return frozenset(word for word, its in KEYWORDS.items() if its in classes) | {IDENTIFIER}


# Real: the grammar's ColId, type_function_name, ColLabel and BareColLabel.
COLUMN_NAMES = _names(KeywordClass.UNRESERVED, KeywordClass.COLUMN_NAME)
TYPE_FUNCTION_NAMES = _names(KeywordClass.UNRESERVED, KeywordClass.TYPE_FUNCTION)
LABELS = _names(*KeywordClass)
BARE_LABELS = LABELS - frozenset(_NEEDS_AS.split())

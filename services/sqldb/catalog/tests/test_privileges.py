"""Access lists and memberships, without a server."""

from __future__ import annotations

import pytest

from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import (
    AccessList,
    Role,
    Schema,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.state import CatalogState

ADA, BOB, STAFF, BOSS = 20_001, 20_002, 20_003, 20_004
SCHEMA, TABLE, SEQUENCE = 21_000, 21_001, 21_002


@pytest.fixture
def state() -> CatalogState:
    """bob is in staff, and staff in Boss; ada owns everything."""
    made = CatalogState()
    made.put(Role(ADA, "ada"))
    made.put(Role(BOB, "bob", member_of=(STAFF,)))
    made.put(Role(STAFF, "staff", can_login=False, member_of=(BOSS,)))
    made.put(Role(BOSS, "Boss", can_login=False))
    made.put(Schema(SCHEMA, "s", ADA))
    made.put(Table(TABLE, SCHEMA, "t", (), owner=ADA))
    made.put(Sequence(SEQUENCE, SCHEMA, "q", 20, 1, 1, 1, 9, owner=ADA))
    return made


def _table(state: CatalogState) -> privileges.Protected:
    return privileges.protected(state.get(TABLE))


def _grant(
    state: CatalogState, role: int, letters: str, options: str = "", column: int = 0
) -> None:
    items = privileges.items_of(state, _table(state), column)
    made = AccessList(30_000 + column, privileges.TABLE_CLASS, TABLE, column,
                      (*items, (role, ADA, letters, options)))  # fmt: skip
    state.put(made)


def test_an_owner_has_all_and_others_have_nothing(state: CatalogState) -> None:
    assert privileges.held(state, _table(state), ADA) == ("arwdDxt", "arwdDxt")
    assert privileges.held(state, _table(state), BOB) == ("", "")


def test_rights_come_through_memberships_as_far_as_roles_inherit(state: CatalogState) -> None:
    _grant(state, BOSS, "r")
    assert privileges.has(state, _table(state), BOB, "r")
    state.put(Role(STAFF, "staff", can_login=False, member_of=(BOSS,), inherits=False))
    assert not privileges.has(state, _table(state), BOB, "r")
    assert privileges.is_member(state, BOB, BOSS)


def test_everybody_has_what_public_has(state: CatalogState) -> None:
    _grant(state, privileges.PUBLIC, "r")
    assert privileges.held(state, _table(state), BOB) == ("r", "")
    assert privileges.list_text(state, privileges.TABLE_CLASS, TABLE) == [
        "ada=arwdDxt/ada",
        "=r/ada",
    ]


def test_a_column_has_a_list_of_its_own(state: CatalogState) -> None:
    _grant(state, BOB, "rw", "w", column=2)
    assert privileges.has_on_column(state, _table(state), BOB, "w", 2)
    assert not privileges.has_on_column(state, _table(state), BOB, "w", 1)
    assert not privileges.has(state, _table(state), BOB, "w")


def test_texts_have_stars_for_options_and_quotes_for_names(state: CatalogState) -> None:
    item = (BOSS, ADA, "ar", "r")
    assert privileges.item_text(state, item) == '"Boss"=ar*/ada'


def test_the_predefined_roles_read_and_write_everything(state: CatalogState) -> None:
    state.put(Role(BOB, "bob", member_of=(privileges.READ_ALL_ROLE_OID,)))
    assert privileges.held(state, _table(state), BOB)[0] == "r"
    assert privileges.held(state, privileges.protected(state.get(SEQUENCE)), BOB)[0] == "r"
    state.put(Role(BOB, "bob", member_of=(privileges.WRITE_ALL_ROLE_OID,)))
    assert privileges.held(state, _table(state), BOB)[0] == "awd"


def test_memberships_in_a_circle_come_to_an_end(state: CatalogState) -> None:
    state.put(Role(BOSS, "Boss", member_of=(STAFF,)))
    assert privileges.rights_of(state, STAFF) == {STAFF, BOSS}


def test_secret_system_tables_are_not_for_everybody(state: CatalogState) -> None:
    for name, expected in (("pg_authid", ""), ("pg_class", "r")):
        table = Table(1260, 11, name, (), TableKind.SYSTEM)
        assert privileges.held(state, privileges.protected(table), BOB)[0] == expected

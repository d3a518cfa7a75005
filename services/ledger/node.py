"""A node: follows the list, gossips with its peers, keeps a snapshot, answers questions.

    client ─ POST /groups ─▶ submit ── RPUSH ──▶ kvdb    hiponet ──────────┐
                               │ └─── PUBLISH ─▶ pubsub  hiponet ─┐        │
                               │ wake                             │        │
                               ▼                                  ▼        │
                          ┌─ loop ◀───────── wake ─────────── subscriber   │
                          │    catch up ◀── LRANGE ────────────────────────┘
                          │    announce the status, save the snapshot
                          ▼
                       ledger ◀── balances, group, status ── GET …

One thread changes the ledger: it sleeps until it is woken, reads the list to its end, and says
how far it is. It is woken by whoever has news: an own client that submitted a group, or an
announcement of a peer (the subscriber's thread). The list gives the order; gossip gives the
speed.

Gossip is not needed for correctness. Any Redis client may append without a word, and pub/sub
keeps nothing for those who were away. So the loop also looks by itself: when the subscription
stands again, and every `POLL_S` seconds in any case. A node without pub/sub is a slow node.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.common.backoff import Backoff
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.ledger.errors import GroupError
from services.ledger.follower import Follower
from services.ledger.gossip import (
    CHANNEL,
    GroupAnnouncement,
    Peer,
    Peers,
    Relation,
    Status,
    decode,
    encode,
)
from services.ledger.group import parse_group
from services.ledger.hiponet import Hiponet
from services.ledger.snapshot import SnapshotFile
from services.pubsub.client import Publisher, Subscriber

POLL_S = 1.0
"""How long a group that nobody announced may go unnoticed, and the time between statuses."""

STATUS_INTERVAL_S = 0.1
"""A busy node changes at every group: its status is announced no more often than this."""

AUDIT_INTERVAL_S = 60.0
"""A peer that differs makes us read the whole list again, but a liar not all the time."""

PUBLISH_TIMEOUT_S = 1.0
MUTED_S = 5.0
"""After a failure nothing is published for so long: gossip must not slow the ledger down."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the message at `index`. `round`: the one it made, or the one it met."""

    index: int
    round: int
    error: GroupError | None


class Node:
    """One node of the network. Start it once; its methods may be called from any thread."""

    def __init__(
        self,
        name: str,
        hiponet: Hiponet,
        pubsub_url: RedisURL,
        follower: Follower,
        vitals: Vitals,
        log: Log,
        *,
        snapshot_file: SnapshotFile | None = None,
        snapshot_every_s: float = 60.0,
        on_status: Callable[[], None] = lambda: None,
    ):
        """`on_status` is called by the node's own thread whenever it announces its status."""
        self.name = name
        self._hiponet = hiponet
        self._follower = follower
        self._vitals = vitals
        self._log = log
        self._snapshot_file = snapshot_file
        self._snapshot_every_s = snapshot_every_s
        self._saved_digest = follower.ledger.list_digest.digest
        self._saved_at_s = time.monotonic()
        self.on_status = on_status
        self._peers = Peers()
        self._peers_lock = threading.Lock()
        self._rebuilds_seen = 0
        self._announced: Status | None = None
        self._announced_at_s = 0.0
        self._audited_at_s = -AUDIT_INTERVAL_S
        self._muted_until_s = 0.0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._publisher = Publisher(pubsub_url, timeout_s=PUBLISH_TIMEOUT_S)
        self._subscriber = Subscriber(
            pubsub_url,
            self._hear,
            log,
            channels=[CHANNEL],
            on_connected=self._pubsub_connected,
            on_lost=self._pubsub_lost,
        )
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)

    def start(self) -> None:
        self._subscriber.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop following and save the snapshot; returns when that is done."""
        self._stopping.set()
        self._wake.set()
        self._subscriber.stop()
        self._thread.join()
        self._subscriber.join()
        self._publisher.close()
        self._hiponet.close()

    # What clients ask.

    def submit(self, message: bytes, *, timeout_s: float) -> tuple[int, Verdict | None]:
        """Append a group to the list; its index, and the verdict if it is applied in time.

        Raises MalformedGroup, and then nothing was appended; ConnectionLost or ReplyError.
        """
        parse_group(message)
        index = self._hiponet.append(message)
        self._wake.set()
        self._publish(GroupAnnouncement(self.name, index))
        with self._follower.changed:
            self._follower.changed.wait_for(
                lambda: self._follower.ledger.index > index or self._follower.has_stopped,
                timeout_s,
            )
            return index, self._verdict(index, message)

    def group(self, index: int) -> tuple[bytes, Verdict | None] | None:
        """A message of the list and its verdict, None for one that is not applied yet.

        None where the list has no such message. Raises ConnectionLost or ReplyError.
        """
        message = self._hiponet.message_at(index)
        if message is None:
            return None
        with self._follower.changed:
            return message, self._verdict(index, message)

    def _verdict(self, index: int, message: bytes) -> Verdict | None:
        ledger = self._follower.ledger
        if index >= ledger.index:
            return None
        try:
            error = ledger.explain(index, message)
        except LookupError:
            return None  # The list has changed behind us; the loop will notice, and rebuild.
        round_made = ledger.history.round_made_by(index)
        return Verdict(index, round_made or ledger.history.round_before(index), error)

    def balances(self, round: int | None = None) -> tuple[int, dict[str, int]]:
        """A round and its balances, by default the latest. Raises ValueError for a later one."""
        with self._follower.changed:
            ledger = self._follower.ledger
            round = ledger.round if round is None else round
            return round, ledger.balances_at(round)

    def status(self) -> Status:
        with self._follower.changed:
            ledger = self._follower.ledger
            return Status(
                node=self.name,
                round=ledger.round,
                index=ledger.index,
                state_root=ledger.state_root(),
                list_digest=ledger.list_digest.digest.hex(),
            )

    def peers(self) -> list[Peer]:
        with self._peers_lock:
            return self._peers.list()

    @property
    def state(self) -> str:
        """`following` the list, `catching-up` with it, or `stopped` at the round asked for."""
        if self._follower.has_stopped:
            return "stopped"
        return "following" if self._follower.is_caught_up else "catching-up"

    # What peers say; in the subscriber's thread.

    def _hear(self, channel: str, payload: bytes) -> None:
        announcement = decode(payload)
        if isinstance(announcement, Status):
            if announcement.node != self.name:
                with self._peers_lock:
                    self._peers.update(announcement, time.monotonic())
            is_news = announcement.index > self._follower.ledger.index
        elif isinstance(announcement, GroupAnnouncement):
            is_news = announcement.index >= self._follower.ledger.index
        else:
            is_news = True
        if is_news:
            self._wake.set()

    def _pubsub_connected(self) -> None:
        self._vitals.problems.pop("pubsub", None)
        self._muted_until_s = 0.0
        self._wake.set()

    def _pubsub_lost(self, reason: str) -> None:
        self._vitals.problems["pubsub"] = reason

    def _publish(self, announcement: GroupAnnouncement | Status) -> None:
        """Tell the peers. That pub/sub is down is noticed and said by the subscriber."""
        if time.monotonic() < self._muted_until_s:
            return
        try:
            self._publisher.publish(CHANNEL, encode(announcement))
        except (ConnectionLost, ReplyError):
            self._muted_until_s = time.monotonic() + MUTED_S

    # The loop; in the node's own thread.

    def _run(self) -> None:
        backoff = Backoff()
        pause_s = 0.0
        while not self._stopping.is_set():
            self._wake.wait(pause_s)
            self._wake.clear()
            try:
                self._follower.catch_up(is_stopping=self._stopping.is_set)
                self._kvdb_answered()
                self._forget_peers_of_another_list()
                backoff.reset()
                pause_s = self._announce()
                self._save_if_due()
            except (ConnectionLost, ReplyError) as error:
                self._kvdb_lost(str(error))
                pause_s = self._rest(backoff.next_delay_s())
            except Exception:
                self._log.exception("following the list failed")
                self._vitals.problems["node"] = "following the list failed; see the log"
                pause_s = self._rest(backoff.next_delay_s())
        self._save()

    def _rest(self, pause_s: float) -> float:
        """Wait without being woken: whoever has news would only find the same failure."""
        self._stopping.wait(pause_s)
        return 0.0

    def _kvdb_answered(self) -> None:
        self._vitals.problems.pop("node", None)
        if self._vitals.problems.pop("kvdb", None) is not None:
            self._log.info("reading the list again", index=self._follower.ledger.index)

    def _forget_peers_of_another_list(self) -> None:
        """After a rebuild: what peers said of the list that was cannot be compared any more."""
        if self._follower.rebuilds_total != self._rebuilds_seen:
            self._rebuilds_seen = self._follower.rebuilds_total
            with self._peers_lock:
                self._peers = Peers()

    def _kvdb_lost(self, reason: str) -> None:
        self._follower.distrust()
        if "kvdb" not in self._vitals.problems:
            self._log.warning("cannot read the list", reason=reason)
        self._vitals.problems["kvdb"] = reason

    def _announce(self) -> float:
        """Say how far we are, if that is due; when to look again, in seconds."""
        status, now_s = self.status(), time.monotonic()
        is_changed = status != self._announced
        due_at_s = self._announced_at_s + (STATUS_INTERVAL_S if is_changed else POLL_S)
        if now_s < due_at_s:
            return due_at_s - now_s
        self._publish(status)
        self._announced, self._announced_at_s = status, now_s
        self._audit_if_a_peer_differs(status, now_s)
        self.on_status()
        return POLL_S

    def _audit_if_a_peer_differs(self, status: Status, now_s: float) -> None:
        if now_s - self._audited_at_s < AUDIT_INTERVAL_S:
            return
        for peer in self.peers():
            if peer.relation(status, now_s) is Relation.DIFFERS:
                self._log.warning(
                    "a peer differs; reading the whole list again",
                    peer=peer.status.node,
                    index=status.index,
                )
                self._audited_at_s = now_s
                self._follower.audit()
                self._wake.set()
                return

    def _save_if_due(self) -> None:
        if self._snapshot_every_s and time.monotonic() - self._saved_at_s > self._snapshot_every_s:
            self._save()

    def _save(self) -> None:
        """Write the snapshot, if there is something new to write."""
        ledger = self._follower.ledger
        digest = ledger.list_digest.digest
        if self._snapshot_file is None or digest == self._saved_digest:
            return
        started_s = time.monotonic()
        try:
            size_bytes = self._snapshot_file.save(ledger)
        except OSError as error:
            self._vitals.problems["snapshot"] = error.strerror or str(error)
            self._log.error("cannot save the snapshot", reason=error.strerror)
        else:
            self._vitals.problems.pop("snapshot", None)
            self._saved_digest = digest
            seconds = time.monotonic() - started_s
            self._log.info("snapshot saved", index=ledger.index, bytes=size_bytes, seconds=seconds)
        self._saved_at_s = time.monotonic()

"""The ledger: a node of Hipochain, a payment network in one list (challenge 7).

Any number of nodes read the same list of messages in the same order, and each keeps the books
by itself. None asks another what is true: whoever applies the same rules to the same list
comes to the same balances. That is the whole idea of a replicated ledger.

              anybody ── RPUSH ──▶  hiponet  m0 m1 m2 m3 …          the order
                                       │ LRANGE
                     ┌─────────────────┼─────────────────┐
                     ▼                 ▼                 ▼
                 ledger-1          ledger-2          ledger-3       the rules
                  ada 60            ada 60            ada 60        the same result
                     └───── "I am at 4, root ab…" ───────┘          gossip

Terminology:

- A **transaction** moves an amount of the one asset from a sender to a receiver.
- A **group** is what a message holds: transactions that are valid together, or not at all.
- The **list** gives each message its **index**, valid or not. A **round** is one valid group:
  the round is how many there have been. # Real: a block, and the height of the chain
- **HIPO** issues the asset in the first three rounds, and so goes below zero.
- A **verdict** is what a node finds at a message's turn: accepted, or rejected and why.
- The **state root** is one hash of round and balances, the **list digest** one hash of all
  messages so far: by these nodes see whether they agree, and on what they do not.

The way of a message through these files, in the order in which one would read them:

1.  `api`          POST /groups: refuse what no ledger could accept, append the rest
2.  `hiponet`      the list in kvdb: append, read in batches
3.  `gossip`       announcements over pub/sub, and the table of peers
4.  `node`         one thread is woken, catches up, announces, saves
5.  `follower`     the list as it is, the ledger as it should be; a changed list is noticed
6.  `group`        bytes become transactions, strictly; `errors` names what may be wrong
7.  `ledger`       the rules, and the state that they change
8.  `history`      the balances at any earlier round; `state_root`, `list_digest`
9.  `snapshot`     the ledger in a file, so that a restart reads only the rest of the list
10. `service`      puts the parts together; `client` is for other programs

An incomplete list of unrealistic simplifications:

- **No signatures.** Whoever writes "sender": "ada" spends ada's money, and everybody can be
  HIPO. Real networks accept nothing without a signature of the sender's key (Ed25519 in
  Algorand, ECDSA and Schnorr in Bitcoin).
- **The order comes from one server.** Who runs kvdb can drop, delay, reorder and rewrite.
  Agreeing on an order without such a server is what consensus is about: proof of work and
  the longest chain (Bitcoin), sortition and votes (Algorand), proof of stake (Ethereum), or
  among servers that trust each other Raft and Paxos.
- **Nothing is ever final.** A list that lost its end takes rounds back. Algorand's blocks are
  final when certified; in Bitcoin one waits for confirmations.
- **A group is its own block.** Real blocks hold thousands of transactions, a header with the
  hash of the block before, a time and a proposer.
- **A group has no identity.** Sent twice it is carried out twice. Real transactions have an
  id, a nonce (Ethereum), a lease and a last valid round (Algorand, whose first_valid has a
  last_valid beside it), or spend outputs that can be spent once (Bitcoin).
- **No fees.** Nobody pays for what he makes the others store and compute for ever.
- **Invalid messages stay in the list.** A real node drops them before they reach a block, and
  passes on only what is valid (the mempool).
- **The state root proves nothing** to somebody who does not have all balances. With a Merkle
  tree (Ethereum) a light client checks a single account.
- **Peers are whoever says so.** Gossip is a channel of one pub/sub server. Real nodes find
  each other, hold connections to a few, and drop those who lie.
"""

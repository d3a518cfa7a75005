"""The figures of the topic `ledger` as metrics."""

from services.web.dashboard.metrics import Family, Figures


def ledger_metrics(figures: Figures) -> list[Family]:
    agreement = Family("ledger_agreement", "gauge", "1 for what the nodes' states say together.")
    agreement.add(1, agreement=str(figures.get("agreement")))
    rounds = Family("ledger_round", "gauge", "The round that the node is in.")
    groups = Family("ledger_applied_groups", "gauge", "Groups of the list that it has applied.")
    for node in figures.get("nodes", ()):
        rounds.add(node.get("round"), node=str(node.get("name")))
        groups.add(node.get("index"), node=str(node.get("name")))
    return [agreement, rounds, groups]

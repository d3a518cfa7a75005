"""The figures of the topic `pubsub` as metrics."""

from services.web.dashboard.metrics import Family, Figures, families_of_table

_TABLE = (
    ("clients", "pubsub_connected_clients", "gauge", "Clients that are connected."),
    ("channels_total", "pubsub_channels", "gauge", "Channels that somebody is subscribed to."),
    ("patterns_total", "pubsub_patterns", "gauge", "Patterns that somebody is subscribed to."),
    ("messages_in", "pubsub_messages_received_total", "counter", "Messages published."),
    ("messages_out", "pubsub_messages_sent_total", "counter", "Messages sent to subscribers."),
)


def pubsub_metrics(figures: Figures) -> list[Family]:
    return families_of_table(figures, _TABLE)

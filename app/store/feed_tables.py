"""The table of webhooks (app/feed)."""

import sqlalchemy as sa

from app.store.tables import METADATA, UtcDateTime

webhooks = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("service_id", sa.String(32), index=True),
    sa.Column("url", sa.String(2000), nullable=False),
    sa.Column("secret", sa.String(200), nullable=False),
    sa.Column("types", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("ended_why", sa.String(200)),
)
"""``service_id``: whose lectures it hears of; none is the operator's, which hears of everything.
``secret`` is sealed; ``types`` are apart by spaces, none is all."""

"""Services, which run rooms over the server API, and their rooms."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key_sealed", sa.Text, nullable=False),
        sa.Column("is_super", sa.Boolean, nullable=False),
        sa.Column("full_signatures", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.UniqueConstraint("name", name="uq_services_name"),
    )
    op.create_table(
        "service_rooms",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("service_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("singleton", sa.String(200)),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("lecture_id", sa.String(32)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service_rooms"),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name="fk_service_rooms_service_id_services"
        ),
        sa.ForeignKeyConstraint(
            ["lecture_id"],
            ["lectures.id"],
            name="fk_service_rooms_lecture_id_lectures",
            ondelete="SET NULL",
        ),
        sa.UniqueConstraint("service_id", "singleton", name="uq_service_rooms_service_id"),
    )
    op.create_index("ix_service_rooms_service_id", "service_rooms", ["service_id"])
    op.create_index("ix_service_rooms_lecture_id", "service_rooms", ["lecture_id"])

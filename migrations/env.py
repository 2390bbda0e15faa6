"""What Alembic runs: it works on the connection and in the transaction that it is given."""

from alembic import context

from app.store.schema import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run the migrations with `python -m app migrate`")

context.configure(
    connection=connection,
    target_metadata=METADATA,
    # SQLite cannot alter a column: Alembic then copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
)

with context.begin_transaction():
    context.run_migrations()

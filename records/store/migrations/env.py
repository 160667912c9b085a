"""Run by Alembic: migrate on the connection that `records.store.migrate` hands over."""

from alembic import context

from records.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="records_version",
)
with context.begin_transaction():
    context.run_migrations()

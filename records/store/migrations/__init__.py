"""Alembic's folder: `env.py` runs the versions, each of which is frozen once released."""

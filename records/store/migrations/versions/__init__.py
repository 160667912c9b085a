"""One file a step of the schema, never changed after a release."""

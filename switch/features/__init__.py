"""Features of telephones: each registers a step executor, a digit code or an event handler in `switch/app.py`, and
never imports another."""

"""Calls: the `Call` value and its fold, its legs, and the Ringer that drives a plan with real telephones."""

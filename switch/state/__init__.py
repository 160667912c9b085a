"""What people and the exchange set at run time, behind small protocols with a memory and an SQLite version."""

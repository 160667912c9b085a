"""Sockets: datagrams and streams in and out, who is reachable over which connection, and what is not let in."""

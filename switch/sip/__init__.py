"""The SIP wire, sans-IO: messages, transactions, dialogs. Bytes and times in, values out; no sockets, no clock."""

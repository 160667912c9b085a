"""Who is told what is going on: subscriptions (RFC 6665) to lines, park slots and mailboxes."""

"""Reports: pure functions of call records, a file each (decision 26).

`users` is who telephoned how much (UPR), `recordings` what was recorded (RRP), `queues` how callers fared in queues
(RTQ). Each is told the records of the time that it is about, and takes them one by one, however many there are. What a
record means to a user is said in `parts`, once for all of them. The configuration of today is asked for names only, and
for what no record says: `Person`.
"""

from records.reports.people import Person

__all__ = ["Person"]

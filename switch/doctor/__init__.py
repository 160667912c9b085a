"""`ringplan doctor`: is this machine fit for the exchange that is configured here?

Each room examines one side (machine, network, setting up): a probe reads what the system says, and a small pure
function judges it, so that a test can judge machines that it does not have. All of it only looks: nothing is changed,
and nothing is sent but what the operator asks for by name (name servers are asked for the carriers' hosts, a STUN
server when one is named).
"""

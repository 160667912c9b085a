"""RFC 5118: the messages that torture an IPv6 parser, and the treatment of each, in the form of `table`.

The RFC miscounts three bodies (268, 181 and 236 octets); the lengths here are right, since they are not what is tested.
"""

from tests.torture.build import sip
from tests.torture.table import KNOWN, Case


def _register(uri: str) -> bytes:
    return sip(f"""\
REGISTER {uri} SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
Content-Length: 0

""")


def _options(uri: str) -> bytes:
    return sip(f"""\
OPTIONS {uri} SIP/2.0
To: {uri}
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0

""")


via_received_param_with_delim = sip("""\
BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0

""")

via_received_param_no_delim = sip("""\
OPTIONS sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3
Call-ID: SSG95523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
CSeq: 921 OPTIONS
Content-Length: 0

""")

ipv6_in_sdp = sip("""\
INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 251

v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""")

mult_ip_in_header = sip("""\
BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0

""")

mult_ip_in_sdp = sip("""\
INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
Max-Forwards: 70
CSeq: 8912 INVITE
Content-Type: application/sdp
Content-Length: 189

v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
""")

ipv4_mapped_ipv6 = sip("""\
INVITE sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 245

v=0
o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!
c=IN IP6 ::ffff:192.0.2.2
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""")

IPV6_CASES = [
    Case("ipv6-good", "4.1", _register("sip:[2001:db8::10]"), None, "whole", KNOWN, "a reference in brackets"),
    Case("ipv6-bad", "4.2", _register("sip:2001:db8::10"), 400, "whole", (400,), "no brackets"),
    Case("port-ambiguous", "4.3", _register("sip:[2001:db8::10:5070]"), None, "whole", KNOWN, "5070 is no port"),
    Case("port-unambiguous", "4.4", _register("sip:[2001:db8::10]:5070"), None, "whole", KNOWN, "5070 is a port"),
    Case("via-with-delim", "4.5", via_received_param_with_delim, None, "whole", (481,), "received in brackets"),
    Case("via-no-delim", "4.5", via_received_param_no_delim, None, "whole", KNOWN, "received without brackets"),
    Case("ipv6-in-sdp", "4.6", ipv6_in_sdp, None, "whole", (*KNOWN, 488), "IPv6 in the body"),
    Case("mult-ip-in-header", "4.7", mult_ip_in_header, None, "whole", (481,), "IPv4 and IPv6 hops"),
    Case("mult-ip-in-sdp", "4.8", mult_ip_in_sdp, None, "whole", (*KNOWN, 488), "IPv4 and IPv6 media"),
    Case("ipv4-mapped-ipv6", "4.9", ipv4_mapped_ipv6, None, "whole", (*KNOWN, 488), "IPv4 inside IPv6"),
    Case("3-colons", "4.10", _options("sip:user@[2001:db8:::192.0.2.1]"), None, "whole", KNOWN, "a grammar bug, borne"),
    Case("2-colons", "4.10", _options("sip:user@[2001:db8::192.0.2.1]"), None, "whole", KNOWN, "the right form"),
]

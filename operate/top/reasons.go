package top

// meanings say in a few words what a reason for dropped packets means, and what to do where
// something can be done.
var meanings = map[string]string{
	"malformed":                               "not a packet of this protocol, or not IP inside",
	"no route":                                "for an address that no peer has",
	"no key":                                  "before there were keys to send it under",
	"unknown peer":                            "from somebody without a session here: one that has ended, or a stranger",
	"too many newcomers":                      "more began a session than connect-freq and its like allow",
	"failed authentication":                   "damaged or forged; the log says which",
	"replayed":                                "seen before, or too late to tell; some are normal on a path that repeats or reorders",
	"bad source address":                      "from an address inside that is not its sender's",
	"spoofed MAC":                             "from a MAC address that another station has",
	"not admitted by learn-address":           "from a source that the program of learn-address did not admit",
	"unknown MAC":                             "for a station that nobody has seen",
	"stays behind its port":                   "for a station behind the port where it came from",
	"VLAN not admitted":                       "of a VLAN that is not allowed where it came from",
	"storm limit":                             "more frames for everybody than one port may send",
	"larger than the MTU":                     "larger than the path or the adapter carries",
	"beyond the rate of shaper":               "sent earlier than shaper allows",
	"IPv6, which is blocked":                  "refused, since block-ipv6 is set",
	"refused by a firewall rule of this host": "this host's firewall did not let it out: look at its rules",
	"not sent":                                "the socket or the adapter did not take it",
	"not allowed by the policy":               "culvert policy test says by which rule",
	"the policy cannot judge it":              "headers that cannot be read, or a part whose first one did not pass",
	"beyond the client's rate":                "faster than the rate that its client may have",
	"adapter's queue full":                    "the adapter's host sent faster than it could be taken",
}

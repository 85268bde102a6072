package negotiate

// renewal is how a client says that it can have its certificate renewed over the session.
const renewal = "IV_RENEW"

// TellRenewal has a client say that its certificate can be renewed over the session.
func TellRenewal(info PeerInfo) { info[renewal] = "1" }

// KnowsRenewal reports whether a client's certificate can be renewed over the session.
func KnowsRenewal(info map[string]string) bool { return info[renewal] == "1" }

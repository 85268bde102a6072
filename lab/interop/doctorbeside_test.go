//go:build interop

package interop

// besideAilments are those of what a client, or a server, serves beside the VPN.
func besideAilments(onServer bool) []ailment {
	const line = "setenv opt metrics-listen 127.0.0.1:9100\n"
	if !onServer {
		return []ailment{
			{name: "another program has the port of a client's metrics", check: "metrics port", says: `TCP port 9100 \(metrics-listen\) is another program's, and the client cannot serve metrics`, mend: `^end that program; or write another port`, plant: func(w *ward) func() {
				w.profile += line
				w.client.dnsmasq("--port=9100").expect(dnsmasqUp, 1, patience)
				return nil
			}},
		}
	}
	return []ailment{
		{name: "another program has the port of metrics", check: "metrics port", says: `TCP port 9100 \(metrics-listen\) is another program's, and the server cannot serve metrics`, mend: `^end that program; or write another port`, plant: func(w *ward) func() {
			w.serve = ""
			w.conf += line
			w.server.dnsmasq("--port=9100").expect(dnsmasqUp, 1, patience)
			return nil
		}},
		{name: "the management interface at another host's address", check: "management port", says: `198\.18\.0\.77 \(management\) is not an address of this host`, mend: `^write one of this host's in management of`, plant: func(w *ward) func() {
			w.serve = ""
			w.conf += "management 198.18.0.77 7505\n"
			return nil
		}},
		{name: "nobody may use the dashboard", check: "dashboard users", says: `the group staff in, which does not exist`, mend: `^culvert group add staff --dir`, plant: func(w *ward) func() {
			w.serve = ""
			w.conf += "dashboard-listen 127.0.0.1:8443\ndashboard-admit staff administer\n"
			return nil
		}},
		{name: "no program can ask the API", check: "API tokens", says: `no program can ask the API: there are no tokens`, mend: `^culvert token add`, plant: func(w *ward) func() {
			w.serve = ""
			w.conf += "api-listen 127.0.0.1:8444\n"
			return nil
		}},
	}
}

package check

import "slices"

// Example is a line that shows what is known of stock versions, for tests with them.
type Example struct {
	Role string // whose configuration it stands in: "client" or "server"
	Line string
}

// Examples returns a line for each fact that one line can show.
func Examples() (all []Example) {
	for _, f := range facts {
		if f.show == "" || f.role == "peer" {
			continue
		}
		role := f.role
		if role == "" {
			role = "client"
		}
		if slices.Contains([]string{"client-cert-not-required", "ifconfig-pool-linear", "management-client-pf"}, f.name) {
			role = "server"
		}
		all = append(all, Example{role, f.show})
	}
	for _, n := range needs {
		role := n.role
		if role == "" {
			role = "client"
		}
		all = append(all, Example{role, n.show})
	}
	for _, line := range slices.Concat(forServers, beside) {
		all = append(all, Example{"client", line})
	}
	for _, line := range slices.Concat(forClients, beside) {
		all = append(all, Example{"server", line})
	}
	return all
}

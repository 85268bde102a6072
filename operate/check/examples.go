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
	return all
}

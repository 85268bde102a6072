package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Dashboard is a server's dashboard for browsers: where it listens, and who may use it. Its
// URL is "" where no line says it; see Server.DashboardURL.
type Dashboard struct {
	Web
	Admit []DashboardAdmit // nobody, but by links that work once, if it is empty
}

// DashboardAdmit lets a group of users into the dashboard.
type DashboardAdmit struct {
	Group string
	Scope string // read, operate or administer
}

// Plain reports whether the dashboard is served by HTTP: on loopback, without a certificate.
// A browser is on this host then, or another program of it stands before the dashboard.
func (d Dashboard) Plain() bool { return d.Cert == "" && d.Listen.Addr().IsLoopback() }

// DashboardURL is where people find the dashboard: as dashboard-url has it, or else at this
// host, or at the host of web-url; "": it is not known.
func (s Server) DashboardURL() string {
	d := s.Dashboard
	port := strconv.Itoa(int(d.Listen.Port()))
	switch {
	case !d.Yes():
		return ""
	case d.URL != "":
		return d.URL
	case d.Plain():
		return "http://localhost:" + port
	case s.Web.URL != "":
		at, _, _ := splitPort(strings.TrimPrefix(s.Web.URL, "https://"))
		return "https://" + at + ":" + port
	}
	return ""
}

// OwnWebHost is the host for which the server's own authority issues the certificate of pages,
// dashboard and API; "": others issue it, or there are none.
func (s Server) OwnWebHost() string {
	switch d := s.Dashboard; {
	case s.Web.Yes() && s.Web.Cert == "":
		return s.Web.Host()
	case d.Yes() && !d.Plain() && d.Cert == "" && s.Web.Cert == "":
		return Web{URL: s.DashboardURL()}.Host()
	case s.API.Yes() && s.API.Cert == "" && s.Web.Cert == "" && d.Cert == "":
		return s.APIHost()
	}
	return ""
}

// setDashboardListen is `dashboard-listen`: ADDRESS:PORT, and the names of two files.
func setDashboardListen(b *builder, d *call) error {
	w, err := webListen(d)
	if err != nil {
		return err
	}
	own := &b.Server.Dashboard
	own.Listen, own.Cert, own.Key = w.Listen, w.Cert, w.Key
	return nil
}

// setDashboardURL is `dashboard-url`: https://NAME[:PORT], or http:// for a name of this host
// alone.
func setDashboardURL(b *builder, d *call) error {
	if at, plain := strings.CutPrefix(strings.TrimSuffix(d.args[0], "/"), "http://"); plain {
		host, port, given := splitPort(at)
		if n, err := strconv.ParseUint(port, 10, 16); host != "localhost" && host != "127.0.0.1" && host != "[::1]" || given && (err != nil || n == 0) {
			return d.expected(d.args[0], "https://, a name and at most a port, such as https://vpn.example.org:8444; http:// is for localhost alone")
		}
		b.Server.Dashboard.URL = "http://" + at
		return nil
	}
	at, err := webURL(d)
	if err != nil {
		return err
	}
	b.Server.Dashboard.URL = at
	return nil
}

// setDashboardAdmit is `dashboard-admit`: GROUP read|operate|administer.
func setDashboardAdmit(b *builder, d *call) error {
	switch d.args[1] {
	case "read", "operate", "administer":
	default:
		return d.expected(d.args[1], "read, operate or administer")
	}
	if !groupName(d.args[0]) {
		return d.expected(d.args[0], "the name of a group of this server's users, such as admins")
	}
	b.Server.Dashboard.Admit = append(b.Server.Dashboard.Admit, DashboardAdmit{d.args[0], d.args[1]})
	return nil
}

// groupName reports whether a group can have a name.
func groupName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("._@-", r)
	})
}

// AddDashboard has a server serve a dashboard at an address that a command line gives, in
// place of its dashboard-listen.
func AddDashboard(c *Config, address string) error {
	at, ok := listenAt(address)
	if !ok {
		return fmt.Errorf("--dashboard %.60q: expected an address and a port, such as 127.0.0.1:8444 or *:8444", address)
	}
	c.Server.Dashboard.Listen = at
	fault, mend := c.Server.dashboardFault()
	for _, l := range Listeners(c) { // of which one may come to have the same port
		if fault == "" {
			fault, mend = sharedPort(c, l.Directive)
		}
	}
	if fault != "" {
		return fmt.Errorf("--dashboard %s: %s; %s", address, fault, mend)
	}
	useFlag(c, "dashboard-listen", address)
	return nil
}

// AllowLAN sets allow-lan, as a flag of the command line asks.
func AllowLAN(c *Config) {
	c.Server.AllowLAN = true
	useFlag(c, "allow-lan")
}

// checkDashboard wants a dashboard that people find.
func checkDashboard(c check) {
	if !c.Server.Dashboard.Yes() {
		for _, name := range []string{"dashboard-url", "dashboard-admit"} {
			if c.has(name) {
				c.note(c.at(name), name+": there is no dashboard; add the line: dashboard-listen ADDRESS:PORT, or start the server with --dashboard ADDRESS:PORT")
			}
		}
		return
	}
	if fault, mend := c.Server.dashboardFault(); fault != "" {
		c.problem("dashboard-listen", fault, mend)
	}
}

// dashboardFault is what is wrong with a dashboard, and what mends it; "": nothing.
func (s Server) dashboardFault() (fault, mend string) {
	d, at := s.Dashboard, s.DashboardURL()
	switch {
	case at == "":
		return "browsers have to ask for the dashboard by its name, which is not known", "add the line: dashboard-url https://NAME:PORT, with its public name"
	case !d.Plain() && strings.HasPrefix(at, "http://"):
		return "this dashboard is served by HTTPS, since others than this host reach it, and dashboard-url has http://", "write https:// there, or listen at 127.0.0.1 without a certificate"
	case !d.Plain() && d.Cert == "" && s.OwnWebHost() != "" && s.OwnWebHost() != (Web{URL: at}).Host():
		return "the dashboard and the pages of web-listen have different names, and one certificate of the server's own authority", "name the files of a certificate and its key here, or write the same name in dashboard-url as in web-url"
	}
	return "", ""
}

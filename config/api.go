package config

// setAPIListen is `api-listen`: ADDRESS:PORT, and the names of two files.
func setAPIListen(b *builder, d *call) (err error) {
	b.Server.API, err = webListen(d)
	return err
}

// APIHost is the name or address for which the certificate of api-listen is issued where the
// server's own authority does that for nothing else; "": it is not known.
func (s Server) APIHost() string {
	at := s.API.Listen.Addr()
	switch {
	case !s.API.Yes():
		return ""
	case s.Dashboard.URL != "" && !at.IsLoopback():
		return Web{URL: s.DashboardURL()}.Host()
	case at.IsUnspecified():
		return ""
	}
	return at.String()
}

// checkAPI wants a certificate with a name.
func checkAPI(c check) {
	s := c.Server
	if s.API.Yes() && s.API.Cert == "" && s.Web.Cert == "" && s.Dashboard.Cert == "" && s.OwnWebHost() == "" {
		c.problem("api-listen", "programs ask the API by a name that its certificate has to have, and it is not known",
			"write an address of this host in place of *, or name the files of a certificate and its key here")
	}
}

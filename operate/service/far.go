package service

import (
	"errors"
	"net"
	"strconv"
	"time"

	"culvert/access/audit"
	"culvert/config"
	"culvert/operate/manage/tokens"
	"culvert/operate/web"
)

// farOf opens the API of a server for programs with tokens, before rights are given up; nil:
// there is none. A server whose API cannot be served serves its clients all the same.
func farOf(c *config.Config, r roles, note func(audit.Entry)) *site {
	if !c.Server.API.Yes() {
		return nil
	}
	s, err := openFar(c, r, note)
	if err != nil {
		r.log.Error("programs cannot ask the API by the network; everything else works", "error", err)
		return nil
	}
	return s
}

func openFar(c *config.Config, r roles, note func(audit.Entry)) (*site, error) {
	if r.people == nil {
		return nil, errors.New("api-listen: there could be no tokens, since this server has no store; serve it by culvert serve --dir D")
	}
	o := web.Options{Web: c.Server.API, Log: r.log, Directive: "api-listen", What: "the API"}
	o.Cert, o.Key = filesOf(c, r.Dir, "api-listen")
	if err := prepare(c, r.Dir, o.Cert); err != nil {
		return nil, err
	}
	host := c.Server.OwnWebHost()
	if host == "" {
		host = o.Web.Listen.Addr().String()
	}
	o.Web.URL = "https://" + net.JoinHostPort(host, strconv.Itoa(int(o.Web.Listen.Port())))
	door := tokens.NewDoor(tokens.Options{API: r.local.api.Handler(), Store: r.people, Note: note, Log: r.log, Now: time.Now})
	o.Own = door
	return openSite(o, door.Run)
}

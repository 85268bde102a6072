package server

import (
	"context"
	"fmt"
	"time"

	"culvert/access/auth"
	"culvert/role/profile"
	"culvert/session"
)

// requireKey ends a client whose tls-crypt-v2 key is refused. It is not told.
func (s *Server) requireKey(c *client, metadata []byte) {
	if s.cfg.Trust.TLSCryptV2MaxAge == 0 && s.logins.keyCheck == nil {
		return
	}
	c.Do(func(now time.Time) {
		if err := s.checkKey(c, metadata, now); err != nil {
			s.happened(KeyRefused{About: c.about(now), Err: err})
			c.Session.Close()
		}
	})
}

// checkKey judges the metadata of a client's tls-crypt-v2 key, before TLS. It
// may take its time: it runs on the control goroutine of that client alone.
func (s *Server) checkKey(c *client, metadata []byte, now time.Time) error {
	if days := s.cfg.Trust.TLSCryptV2MaxAge; days > 0 {
		if err := profile.CheckKeyAge(metadata, time.Duration(days)*24*time.Hour, now); err != nil {
			return err
		}
	}
	if s.logins.keyCheck == nil {
		return nil
	}
	if len(metadata) == 0 {
		metadata = []byte{0}
	}
	scratch, err := auth.NewScratch(s.cfg.Process.TmpDir)
	if err != nil {
		return err
	}
	defer scratch.Remove()
	if err := scratch.Write("metadata", string(metadata[1:])); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, s.cfg.Timers.HandWindow)
	defer cancel()
	status, err := s.logins.keyCheck.Run(ctx, session.Source(c.Path().Remote.Addr()), []string{fmt.Sprintf("metadata_type=%d", metadata[0]), "metadata_file=" + scratch.Path("metadata")})
	if err == nil && status != 0 {
		err = fmt.Errorf("tls-crypt-v2-verify refused the client's key: %s ended with %d", s.cfg.Trust.TLSCryptV2Verify[0], status)
	}
	return err
}

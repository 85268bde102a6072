package admission

import (
	"context"
	"fmt"
	"time"

	"culvert/access/hooks"
	"culvert/role/profile"
	"culvert/session"
)

// ChecksKeys reports whether clients' tls-crypt-v2 keys are checked.
func (a *Admission) ChecksKeys() bool {
	return a.cfg.Trust.TLSCryptV2MaxAge > 0 || a.keyCheck != nil
}

// CheckKey judges the metadata of a client's tls-crypt-v2 key, before TLS, and
// returns why it is refused. It may take its time: it is called on the control
// goroutine of that client alone, and ends with its visit.
func (v *Visit) CheckKey(metadata []byte, now time.Time) error {
	a := v.admission
	if days := a.cfg.Trust.TLSCryptV2MaxAge; days > 0 {
		if err := profile.CheckKeyAge(metadata, time.Duration(days)*24*time.Hour, now); err != nil {
			return err
		}
	}
	if a.keyCheck == nil {
		return nil
	}
	if len(metadata) == 0 {
		metadata = []byte{0}
	}
	scratch, err := hooks.NewScratch(a.cfg.Process.TmpDir)
	if err != nil {
		return err
	}
	defer scratch.Remove()
	if err := scratch.Write("metadata", string(metadata[1:])); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx, a.cfg.Timers.HandWindow)
	defer cancel()
	var env hooks.Env // as with OpenVPN, of nothing else: nothing is known yet
	env.Set("script_type", hooks.ScriptType("tls-crypt-v2-verify"))
	env.SetInt("metadata_type", int64(metadata[0]))
	env.Set("metadata_file", scratch.Path("metadata"))
	status, err := a.keyCheck.Run(ctx, session.Source(v.door.Remote().Addr()), &env)
	if err == nil && status != 0 {
		err = fmt.Errorf("tls-crypt-v2-verify refused the client's key: %s ended with %d", a.cfg.Trust.TLSCryptV2Verify[0], status)
	}
	return err
}

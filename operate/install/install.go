// Package install makes a service of a client's profile: one of systemd for the whole
// machine, or without root, one of a user's own service manager, whose tunnel programs use
// through a proxy.
package install

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/printable"
	"culvert/operate/conffile"
	"culvert/packaging"
	"culvert/role/profile"
)

// Options say what is to be a service, and whose.
type Options struct {
	Name    string // of the service, as in `systemctl status culvert-client@NAME`
	Profile string // file; not used to remove one
	// User makes it a service of this user, who need not be root.
	User bool
	// Start starts it at once, too.
	Start bool
	// AllowScripts allows the profile what it would otherwise be asked about.
	AllowScripts bool
	// SOCKS is the address of a user's proxy; "" for connect's default.
	SOCKS string
	// Ask asks the user; nil: nobody can be asked.
	Ask profile.Ask

	// Program is the file of this program; Home is the user's directory, and Config that
	// of their settings.
	Program, Home, Config string
	// Root is where the machine's files are, "" for /.
	Root string
	// Run runs a program to its end; its error has what the program said.
	Run func(ctx context.Context, argv ...string) error

	read func(file string) ([]byte, error) // nil: process.ReadFile
}

// names are what services can be called: they become file names and parts of commands.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

func (o Options) check() error {
	if !names.MatchString(o.Name) {
		return fmt.Errorf("%q cannot be the name of a service: expected at most 64 letters, digits, dots, hyphens and underscores, such as office", o.Name)
	}
	if !o.User && os.Geteuid() != 0 && o.Root == "" {
		return errors.New("a service of the whole machine needs root; run this with sudo, or add --user for one of your own, which programs use through a proxy")
	}
	return nil
}

// conf is where the profile of the service is.
func (o Options) conf() string {
	if o.User {
		return filepath.Join(o.Config, "culvert", o.Name+".conf")
	}
	return filepath.Join(o.Root, "/etc/openvpn/client", o.Name+".conf")
}

// unit is the service's name for its manager.
func (o Options) unit() string {
	if o.User {
		return "culvert-" + o.Name + ".service"
	}
	return "culvert-client@" + o.Name + ".service"
}

// userUnit is where the unit of a user's service is.
func (o Options) userUnit() string { return filepath.Join(o.Config, "systemd/user", o.unit()) }

// systemctl runs it for the manager of the service.
func (o Options) systemctl(ctx context.Context, args ...string) error {
	argv := []string{"systemctl"}
	if o.User {
		argv = append(argv, "--user")
	}
	return o.Run(ctx, append(argv, args...)...)
}

// Install makes the service, and returns what was done, a line each. It fails without
// leaving anything: where the profile has a fault or asks for a password, and where the
// name is taken.
func Install(ctx context.Context, o Options) (done []string, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	text, err := o.text(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(o.conf()); err == nil {
		return nil, fmt.Errorf("there is a service of the name %s already, with %s: choose another name, or take it away before: %s, or by hand where culvert install did not make it", o.Name, o.conf(), o.removal())
	}
	files, err := o.files(text)
	if err != nil {
		return nil, err
	}
	var made []string
	defer func() {
		if err != nil {
			for _, path := range slices.Backward(made) {
				os.Remove(path)
			}
			if made != nil {
				_ = o.systemctl(context.WithoutCancel(ctx), "daemon-reload") // what failed before says why
			}
		}
	}()
	for _, f := range files {
		above, err := f.makeDirs()
		if made = append(made, above...); err != nil {
			return nil, err
		}
		if err := f.write(); err != nil {
			return nil, err
		}
		made, done = append(made, f.path), append(done, "wrote "+f.path)
	}
	return o.enable(ctx, done)
}

// enable has the service begin with the machine, or with the user's session.
func (o Options) enable(ctx context.Context, done []string) ([]string, error) {
	if err := o.systemctl(ctx, "daemon-reload"); err != nil {
		return nil, fmt.Errorf("systemd: %w; %s", err, o.otherwise())
	}
	verb := []string{"enable", o.unit()}
	if o.Start {
		verb = []string{"enable", "--now", o.unit()}
	}
	if err := o.systemctl(ctx, verb...); err != nil {
		_ = o.systemctl(context.WithoutCancel(ctx), "disable", "--now", o.unit())
		return nil, fmt.Errorf("systemctl %s: %w; why is in: journalctl %s-u %s", strings.Join(verb, " "), err, map[bool]string{true: "--user "}[o.User], o.unit())
	}
	return append(done, "systemctl "+strings.Join(verb, " ")), nil
}

// otherwise is what to do where systemd does not answer.
func (o Options) otherwise() string {
	if !o.User {
		return fmt.Sprintf("without systemd, have your service manager run: %s --config %s", o.Program, o.Profile)
	}
	return fmt.Sprintf("the service manager of a user runs while they are logged in, or always after: sudo loginctl enable-linger USER; sudo and su do not log in; without systemd, have your service manager run: %s connect %s --userspace", o.Program, o.Profile)
}

// removal is the command line that takes the service away.
func (o Options) removal() string {
	if o.User && os.Geteuid() == 0 {
		return "culvert uninstall --user " + o.Name
	}
	return "culvert uninstall " + o.Name
}

// Remove takes a service away, with its profile, and returns what was done. An error says
// what is left.
func Remove(ctx context.Context, o Options) (done []string, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(o.conf()); err != nil {
		return nil, o.missing()
	}
	if text, err := process.ReadFile(o.conf()); err != nil || !bytes.HasPrefix(text, []byte(marker)) {
		return nil, fmt.Errorf("%s was not made by culvert install, so it stays: stop the service with systemctl disable --now %s, and remove the file yourself (%w)", o.conf(), o.unit(), cmp.Or(err, errForeign))
	}
	if err := o.systemctl(ctx, "disable", "--now", o.unit()); err != nil {
		return nil, fmt.Errorf("systemctl disable --now %s: %w", o.unit(), err)
	}
	done = append(done, "systemctl disable --now "+o.unit())
	files := []string{o.conf()}
	if o.User {
		files = append(files, o.userUnit())
	}
	for _, file := range files {
		switch e := os.Remove(file); {
		case e == nil:
			done = append(done, "removed "+file)
		case !errors.Is(e, fs.ErrNotExist):
			err = errors.Join(err, e)
		}
	}
	if o.User {
		os.Remove(filepath.Dir(o.conf())) // the last one's directory; another's is not empty
	}
	return done, errors.Join(err, o.systemctl(ctx, "daemon-reload"))
}

// errForeign says that a profile has no marker.
var errForeign = errors.New("it does not begin with the line that culvert install writes")

// text is the profile as the service reads it, if a service can use it. The user is asked
// about the profile before what its files hold comes into the copy: what is in a profile is
// there to be sent.
func (o *Options) text(ctx context.Context) ([]byte, error) {
	read := onceRead(o.read)
	raw, err := read(o.Profile)
	if err != nil {
		return nil, conffile.Unread(err, o.Profile, "a profile, such as laptop.ovpn")
	}
	var files []string
	c, err := config.ParseFile(o.Profile, raw, func(file string) ([]byte, error) {
		files = append(files, file)
		return read(file)
	})
	if err != nil {
		return nil, err
	}
	if !c.Pull {
		return nil, fmt.Errorf("%s is no client's profile (it has no `client` line); culvert-server@.service runs a server's", o.Profile)
	}
	if !o.AllowScripts {
		if err := profile.Consent(ctx, c, o.Profile, o.Ask); err != nil {
			return nil, err
		}
	}
	text, err := selfContained(c, raw, files, o.Home, read)
	if err != nil {
		return nil, err
	}
	copied, err := config.ParseFile(o.Profile, text, read)
	if err != nil {
		return nil, err
	}
	if line := unasked(copied, c); line != "" && !o.AllowScripts {
		return nil, fmt.Errorf("the copy of %s would have a line that the profile itself has not, so nothing was done: %s; remove from the profile what makes it, or allow it with --allow-scripts", o.Profile, line)
	}
	o.AllowScripts = o.AllowScripts || len(profile.Doubtful(copied, o.conf())) > 0 // where a service would be asked again
	if err := unattended(copied, o.Profile); err != nil {
		return nil, err
	}
	return append([]byte(marker), text...), nil
}

// unasked is a line of the copy that uses this machine beyond a tunnel, and is none of the
// profile; "" if there is none.
func unasked(copied, original *config.Config) string {
	asked := original.Touches()
	for _, t := range copied.Touches() {
		if !slices.ContainsFunc(asked, func(a config.Touch) bool { return a.Kind == t.Kind && a.Line == t.Line }) {
			return fmt.Sprintf("%s (%v)", printable.Name(t.Line), t.Kind)
		}
	}
	was, is := original.Process, copied.Process
	for name, values := range map[string][2]string{"user": {was.User, is.User}, "group": {was.Group, is.Group}, "chroot": {was.Chroot, is.Chroot}} {
		if values[0] != values[1] {
			return name + " " + printable.Name(values[1])
		}
	}
	return ""
}

// onceRead is read with what it returned kept: what is copied is what was asked about.
func onceRead(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	if read == nil {
		read = process.ReadFile
	}
	known := map[string]func() ([]byte, error){}
	return func(name string) ([]byte, error) {
		if known[name] == nil {
			known[name] = sync.OnceValues(func() ([]byte, error) { return read(name) })
		}
		return known[name]()
	}
}

// marker begins the profiles that Install has made, by which Remove knows them.
const marker = "# Made by culvert install, which takes it away again: culvert install --remove NAME\n"

// made returns the names of the services that there are, as far as this user may look.
func (o Options) made() (list []string) {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(o.conf()), "*.conf"))
	for _, file := range files {
		if text, err := process.ReadFile(file); err == nil && bytes.HasPrefix(text, []byte(marker)) {
			list = append(list, strings.TrimSuffix(filepath.Base(file), ".conf"))
		}
	}
	return list
}

// missing says that there is no service of a name, and which there are.
func (o Options) missing() error {
	others := "culvert install has made none here"
	if list := o.made(); len(list) > 0 {
		others = "there are: " + strings.Join(list, ", ")
	}
	if o.User && os.Geteuid() != 0 {
		others += "; one of the whole machine takes root: sudo culvert uninstall " + o.Name
	}
	return fmt.Errorf("there is no service of the name %s (no %s); %s", o.Name, o.conf(), others)
}

// unattended refuses a profile for which somebody would have to be asked.
func unattended(c *config.Config, file string) error {
	const nobody = "a service has nobody to ask"
	switch user := c.Login.UserPass; {
	case user != nil && len(bytes.TrimSpace(user.Text)) == 0:
		return fmt.Errorf("%v: %s asks for user name and password, and %s: write both on two lines of a file, and name it: auth-user-pass FILE", user.Pos, file, nobody)
	case c.Login.StaticChallenge != nil:
		return fmt.Errorf("%s asks for a code each time (static-challenge), and %s: use culvert connect", file, nobody)
	}
	if err := profile.Unlock(c, nil); errors.Is(err, profile.ErrNobody) {
		return fmt.Errorf("the private key is under a password, and %s: write it to a file, and name that: askpass FILE (%w)", nobody, err)
	} else if err != nil {
		return err
	}
	return nil
}

// file is one to be written.
type file struct {
	path string
	text []byte
	mode fs.FileMode
}

// makeDirs makes the directories above the file, and returns those that were not there,
// from the top.
func (f file) makeDirs() (made []string, err error) {
	dir := filepath.Dir(f.path)
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	slices.Reverse(made)
	return made, os.MkdirAll(dir, 0o755)
}

// write makes a file that is not there.
func (f file) write() error {
	h, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.mode)
	if err != nil {
		return err
	}
	_, err = h.Write(f.text)
	if err = errors.Join(err, h.Close()); err != nil {
		os.Remove(f.path)
	}
	return err
}

// files are the profile, and a unit where the machine has none for it.
func (o Options) files(text []byte) ([]file, error) {
	all := []file{{o.conf(), text, 0o600}}
	if o.User {
		return append(all, file{o.userUnit(), []byte(o.ownUnit()), 0o644}), nil
	}
	for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} { // systemd.unit(5)
		if _, err := os.Stat(filepath.Join(o.Root, dir, template)); err == nil {
			return all, nil
		}
	}
	if hidden := (mover{home: o.Home}); !hidden.stays(o.Program) {
		return nil, fmt.Errorf("the service could not run %s: it sees no home directories and no /tmp; install the program first: sudo install %[1]s /usr/local/bin", o.Program)
	}
	unit := strings.ReplaceAll(packaging.ClientUnit, "@BINDIR@/culvert", quoted(o.Program))
	return append(all, file{filepath.Join(o.Root, "/etc/systemd/system", template), []byte(unit), 0o644}), nil
}

// template is the unit of all clients of a machine.
const template = "culvert-client@.service"

// ownUnit is the unit of a user's service.
func (o Options) ownUnit() string {
	proxy := ""
	if o.SOCKS != "" {
		proxy = " --socks " + quoted(o.SOCKS)
	}
	scripts := ""
	if o.AllowScripts {
		scripts = " --allow-scripts"
	}
	return fmt.Sprintf(`[Unit]
Description=Culvert client %s, for programs of this user

[Service]
Type=notify
ExecStart=%s connect %s --userspace --name %s%s%s
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5s
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`, o.Name, quoted(o.Program), quoted(o.conf()), o.Name, proxy, scripts)
}

// quoted is one word of a unit's command line (systemd.service(5), "Command lines").
func quoted(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`).Replace(word)
	if strings.ContainsAny(word, " \t'\";\\") {
		return `"` + word + `"`
	}
	return word
}

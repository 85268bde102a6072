package roff

import (
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	p := New("culvert", 1, "2026-11-26", "Culvert 1.2", "User Commands")
	p.Section("Name")
	p.Text("culvert - a VPN")
	p.Subsection("client add NAME")
	p.Text("Run it.\nOr not:\n\n  culvert 'x' \\\n\n    .y\n.dot begins this\n\nlast …\n")
	p.Item("--key \"a\"", "first\n\nsecond\n  as it is")
	want := `.TH "CULVERT" 1 "2026-11-26" "Culvert 1.2" "User Commands"
.nh
.ad l
.SH "NAME"
culvert \- a VPN
.SS "client add NAME"
Run it.
Or not:
.RS 2
.nf
.sp
culvert \(aqx\(aq \e
.sp
  .y
.fi
.RE
.PP
\&.dot begins this
.PP
last \[u2026]
.TP
\fB\-\-key "a"\fR
first
.IP
second
.RS 2
.nf
as it is
.fi
.RE
`
	if got := p.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestNothingIsARequest: no text can be taken for a request of roff's, or for an escape.
func TestNothingIsARequest(t *testing.T) {
	for _, text := range []string{".so /etc/passwd", "'so /etc/passwd", "  .so /etc/passwd", `\X'tty: x'`, "a\x1b[2J", "a\r.so x", "\xff\x00.x", `"quoted" \`} {
		p := new(Page)
		p.Section(text)
		p.Text(text)
		p.Item(text, text)
		for line := range strings.Lines(p.String()) {
			line = strings.TrimSuffix(line, "\n")
			request, _, _ := strings.Cut(line, " ")
			switch {
			case strings.HasPrefix(line, "'"), strings.ContainsAny(line, "\x1b\r\x00"):
				t.Errorf("%q: %q", text, line)
			case strings.HasPrefix(line, ".") && !strings.Contains(" .SH .PP .TP .RS .RE .nf .fi .sp ", " "+request+" "):
				t.Errorf("%q: the request %q", text, line)
			case strings.Contains(strings.NewReplacer(`\e`, "", `\-`, "", `\(aq`, "", `\(dq`, "", `\&`, "", `\fB`, "", `\fR`, "", `\[uFFFD]`, "").Replace(line), `\`):
				t.Errorf("%q: an escape in %q", text, line)
			}
		}
	}
}
